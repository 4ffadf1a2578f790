//! The columns of a converted file, and what of each bill feeds them.

use std::collections::BTreeMap;

use crate::charge::schema::{
    self, BILLED_COST, BILLING_CURRENCY, CHARGE_PERIOD_END, ColumnKind, EFFECTIVE_COST, TAGS,
    normalised_header,
};
use crate::error::{Error, Result};
use crate::ingest::bill::Bill;
use crate::money::Currency;

/// The column that marks a file of `charges`, and its value: the number of this layout.
pub(super) const MARK: (&str, &str) = ("billfold_charges", "1");

/// Which columns a converted file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// The charge schema by its own names: the columns that some input feeds.
    Charges,
    /// FOCUS 1.2: its mandatory columns, those that some input feeds, and `x_` columns for the rest.
    Focus12,
}

/// What a column of the file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// [`MARK`].
    Mark,
    /// A column of the charge schema.
    Schema(&'static str, ColumnKind),
    /// A source column that the schema does not know.
    Extra,
}

/// A column of the file.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) role: Role,
}

impl Column {
    pub(super) fn kind(&self) -> ColumnKind {
        match self.role {
            Role::Schema(_, kind) => kind,
            Role::Mark | Role::Extra => ColumnKind::Text,
        }
    }
}

/// The columns of the file, and per bill the header that feeds each extra column.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) columns: Vec<Column>,
    /// Per bill: column of the file → header.
    pub(super) extras: Vec<BTreeMap<usize, usize>>,
    /// Source columns that stand under another name: `old as new`.
    pub(super) renamed: Vec<String>,
}

/// FOCUS 1.2's name of a column of the charge schema.
const FOCUS: &[(&str, &str)] = &[
    ("charge_period_start", "ChargePeriodStart"),
    ("charge_period_end", "ChargePeriodEnd"),
    ("billing_period_start", "BillingPeriodStart"),
    ("billing_period_end", "BillingPeriodEnd"),
    ("billed_cost", "BilledCost"),
    ("effective_cost", "EffectiveCost"),
    ("list_cost", "ListCost"),
    ("contracted_cost", "ContractedCost"),
    ("billing_currency", "BillingCurrency"),
    ("billing_account_id", "BillingAccountId"),
    ("billing_account_name", "BillingAccountName"),
    ("billing_account_type", "BillingAccountType"),
    ("sub_account_id", "SubAccountId"),
    ("sub_account_name", "SubAccountName"),
    ("sub_account_type", "SubAccountType"),
    ("provider", "ProviderName"),
    ("publisher", "PublisherName"),
    ("invoice_issuer", "InvoiceIssuerName"),
    ("region_id", "RegionId"),
    ("region_name", "RegionName"),
    ("zone_id", "AvailabilityZone"),
    ("service_name", "ServiceName"),
    ("service_category", "ServiceCategory"),
    ("service_subcategory", "ServiceSubcategory"),
    ("resource_id", "ResourceId"),
    ("resource_name", "ResourceName"),
    ("resource_type", "ResourceType"),
    ("resource_group_id", "x_ResourceGroupName"),
    ("charge_category", "ChargeCategory"),
    ("charge_class", "ChargeClass"),
    ("charge_frequency", "ChargeFrequency"),
    ("charge_description", "ChargeDescription"),
    ("pricing_category", "PricingCategory"),
    ("pricing_unit", "PricingUnit"),
    ("pricing_currency", "PricingCurrency"),
    ("consumed_unit", "ConsumedUnit"),
    ("commitment_discount_id", "CommitmentDiscountId"),
    ("commitment_discount_name", "CommitmentDiscountName"),
    ("commitment_discount_category", "CommitmentDiscountCategory"),
    ("commitment_discount_type", "CommitmentDiscountType"),
    ("commitment_discount_status", "CommitmentDiscountStatus"),
    ("capacity_reservation_id", "CapacityReservationId"),
    ("capacity_reservation_status", "CapacityReservationStatus"),
    ("invoice_id", "InvoiceId"),
    ("sku_id", "SkuId"),
    ("sku_meter", "SkuMeter"),
    ("sku_price_id", "SkuPriceId"),
    ("usage_quantity", "ConsumedQuantity"),
    ("unit_price", "ContractedUnitPrice"),
    ("tags", "Tags"),
];

/// FOCUS 1.2 columns that are none of the charge schema.
const FOCUS_ONLY: &[&str] = &[
    "CommitmentDiscountQuantity",
    "CommitmentDiscountUnit",
    "ListUnitPrice",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "PricingQuantity",
    "SkuPriceDetails",
];

/// The mandatory columns of FOCUS 1.2 and, because it tells the version, InvoiceId.
const FOCUS_ALWAYS: &[&str] = &[
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
];

/// Whether a bill feeds a column of the schema. `default_currency` is the one of files that name none.
pub(super) fn feeds(bill: &Bill, name: &str, default_currency: Option<Currency>) -> bool {
    let binding = &bill.binding;
    match name {
        TAGS => binding.tag_column.is_some() || !binding.tag_columns.is_empty(),
        BILLING_CURRENCY => {
            // JSON is bound to a column that may come; whether it does is seen when rows are read.
            binding.find(name).is_some_and(|header| header < bill.n_headers())
                || default_currency.is_some()
                || Currency::parse(binding.format.cells.currency.as_bytes()).is_some()
        }
        EFFECTIVE_COST => {
            binding.find(name).is_some()
                || (!binding.format.effective.is_empty() && binding.find(BILLED_COST).is_some())
        }
        CHARGE_PERIOD_END => binding.find(name).is_some() || binding.format.cells.lasts.is_some(),
        name => binding.find(name).is_some(),
    }
}

impl Layout {
    /// Lays the columns out for these bills.
    ///
    /// Errors: a conflict when some bills name a currency and others do not, and any that does not for
    /// FOCUS, which has no charges without a currency.
    pub(super) fn new(schema: Schema, bills: &[Bill], default_currency: Option<Currency>) -> Result<Self> {
        refuse_mixed_currencies(schema, bills, default_currency)?;
        let mut columns = Vec::new();
        if schema == Schema::Charges {
            columns.push(Column {
                name: MARK.0.to_owned(),
                role: Role::Mark,
            });
        }
        for spec in schema::COLUMNS {
            let name = match schema {
                Schema::Charges => spec.name.to_owned(),
                Schema::Focus12 => focus_name(spec.name),
            };
            let always = schema == Schema::Focus12 && FOCUS_ALWAYS.contains(&name.as_str());
            if always || bills.iter().any(|bill| feeds(bill, spec.name, default_currency)) {
                columns.push(Column {
                    name,
                    role: Role::Schema(spec.name, spec.kind),
                });
            }
        }
        let mut layout = Layout {
            columns,
            extras: Vec::with_capacity(bills.len()),
            renamed: Vec::new(),
        };
        for bill in bills {
            let extras = layout.take_extras(schema, bill);
            layout.extras.push(extras);
        }
        for name in FOCUS_ALWAYS {
            if schema == Schema::Focus12 && !layout.columns.iter().any(|c| c.name == *name) {
                layout.columns.push(Column {
                    name: (*name).to_owned(),
                    role: Role::Extra,
                });
            }
        }
        Ok(layout)
    }

    /// Gives each source column that the schema does not know its place, the same one to columns of
    /// several bills that are spelled alike.
    fn take_extras(&mut self, schema: Schema, bill: &Bill) -> BTreeMap<usize, usize> {
        let binding = &bill.binding;
        let is_known = |header: usize| {
            binding.columns.values().any(|c| *c == header)
                || binding.tag_column == Some(header)
                || binding.tag_columns.iter().any(|(c, _)| *c == header)
                || binding.lists.iter().any(|list| list.column == header)
                || binding.headers.names[header].trim_start_matches('\u{feff}') == MARK.0
        };
        let mut taken = BTreeMap::new();
        for header in (0..bill.n_headers()).filter(|h| !is_known(*h)) {
            let spelled = binding.headers.names[header].trim_start_matches('\u{feff}');
            let name = match schema {
                Schema::Charges => charges_extra(spelled, header),
                Schema::Focus12 => focus_extra(spelled, header),
            };
            let free =
                |column: usize| self.columns[column].role == Role::Extra && !taken.contains_key(&column);
            let same = |column: &usize| self.columns[*column].name == name && free(*column);
            let normal = normalised_header(&name);
            let alike =
                |column: &usize| normalised_header(&self.columns[*column].name) == normal && free(*column);
            let all = || 0..self.columns.len();
            let place = all().find(same).or_else(|| all().find(alike)).unwrap_or_else(|| {
                let name = self.unused(&name);
                if name != spelled {
                    self.renamed.push(format!("{spelled} as {name}"));
                }
                self.columns.push(Column {
                    name,
                    role: Role::Extra,
                });
                self.columns.len() - 1
            });
            taken.insert(place, header);
        }
        taken
    }

    /// Whether the file has this column of the schema.
    pub(super) fn has(&self, name: &str) -> bool {
        self.columns
            .iter()
            .any(|c| matches!(c.role, Role::Schema(n, _) if n == name))
    }

    fn unused(&self, name: &str) -> String {
        let is_used = |name: &str| self.columns.iter().any(|c| c.name.eq_ignore_ascii_case(name));
        let mut n = 1;
        let mut unused = name.to_owned();
        while is_used(&unused) {
            n += 1;
            unused = format!("{name}_{n}");
        }
        unused
    }
}

fn refuse_mixed_currencies(schema: Schema, bills: &[Bill], default_currency: Option<Currency>) -> Result<()> {
    let names_none = |bill: &&Bill| !feeds(bill, BILLING_CURRENCY, default_currency);
    let Some(without) = bills.iter().find(names_none) else {
        return Ok(());
    };
    if schema == Schema::Charges && bills.iter().all(|bill| names_none(&bill)) {
        return Ok(());
    }
    let what = match schema {
        Schema::Charges => "the file names no currency and others do",
        Schema::Focus12 => "the file names no currency, and FOCUS has no charges without one",
    };
    Err(Error::file("cur.unknown", what)
        .in_source(&without.source.name)
        .hint("name it with --set billing_currency=text:USD"))
}

fn focus_name(name: &str) -> String {
    FOCUS
        .iter()
        .find(|(ours, _)| *ours == name)
        .map_or_else(|| format!("x_billfold_{name}"), |(_, focus)| (*focus).to_owned())
}

/// A name that no reader takes for a column of the schema.
fn charges_extra(spelled: &str, header: usize) -> String {
    if spelled.is_empty() {
        return format!("x_column_{}", header + 1);
    }
    let normal = normalised_header(spelled);
    let is_ours = |name: &str| normalised_header(name) == normal;
    if schema::COLUMNS.iter().any(|c| is_ours(c.name)) || is_ours(MARK.0) {
        return format!("x_{spelled}");
    }
    spelled.to_owned()
}

/// FOCUS's own columns keep their names; all others begin with `x_`.
fn focus_extra(spelled: &str, header: usize) -> String {
    if spelled.is_empty() {
        return format!("x_column_{}", header + 1);
    }
    let normal = normalised_header(spelled);
    if let Some(name) = FOCUS_ONLY.iter().find(|name| normalised_header(name) == normal) {
        return (*name).to_owned();
    }
    let has_prefix = spelled.get(..2).is_some_and(|p| p.eq_ignore_ascii_case("x_"));
    // The names under which columns of the schema stand are taken.
    if has_prefix && !normal.starts_with("xbillfold") {
        return spelled.to_owned();
    }
    format!("x_{spelled}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::formats::Format;

    #[test]
    fn every_column_of_the_schema_has_a_home_in_both_formats() {
        let formats = Format::built_in().unwrap();
        let named = |name: &str| formats.iter().find(|f| f.name == name).unwrap();
        for spec in schema::COLUMNS {
            if spec.kind == ColumnKind::Tags {
                continue;
            }
            assert_eq!(named("billfold-charges").columns[spec.name], [spec.name]);
            let focus = &named("focus").columns[spec.name];
            assert!(focus.contains(&focus_name(spec.name)), "{}", spec.name);
        }
        for name in FOCUS_ALWAYS {
            assert!(
                FOCUS.iter().any(|(_, focus)| focus == name) || FOCUS_ONLY.contains(name),
                "{name}"
            );
        }
    }

    #[test]
    fn extra_columns_never_pose_as_columns_of_the_schema() {
        assert_eq!(charges_extra("lineItem/BlendedCost", 3), "lineItem/BlendedCost");
        assert_eq!(charges_extra("Region Id", 3), "x_Region Id");
        assert_eq!(charges_extra("", 3), "x_column_4");
        assert_eq!(focus_extra("pricing_quantity", 0), "PricingQuantity");
        assert_eq!(focus_extra("Provider", 0), "x_Provider");
        assert_eq!(focus_extra("x_Foo", 0), "x_Foo");
        assert_eq!(focus_extra("x_billfold_project_id", 0), "x_x_billfold_project_id");
    }
}
