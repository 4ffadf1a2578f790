//! THE charge schema: the columns of a charge by their one name.
//!
//! A concept that FOCUS defines takes the FOCUS word in snake case; what FOCUS lacks keeps the cloud
//! APIs' word. Formats map their own headers onto these names; columns that no name here covers
//! keep the export's spelling and can be grouped and filtered by it.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Text, dictionary-encoded; ids stay text, whatever they look like.
    Text,
    /// An exact amount in the row's billing currency.
    Money,
    /// An instant, UTC microseconds.
    Time,
    /// Key/value labels.
    Tags,
    /// An exact number that is no amount of money: a quantity, a rate, a size in the unit of its name.
    Number,
}

/// One column of the charge schema.
#[derive(Debug, Clone, Copy)]
pub struct ColumnSpec {
    /// The engine's name.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
    /// One line for `--help` and the docs.
    pub about: &'static str,
}

const fn text(name: &'static str, about: &'static str) -> ColumnSpec {
    ColumnSpec {
        name,
        kind: ColumnKind::Text,
        about,
    }
}
const fn money(name: &'static str, about: &'static str) -> ColumnSpec {
    ColumnSpec {
        name,
        kind: ColumnKind::Money,
        about,
    }
}
const fn time(name: &'static str, about: &'static str) -> ColumnSpec {
    ColumnSpec {
        name,
        kind: ColumnKind::Time,
        about,
    }
}

const fn number(name: &'static str, about: &'static str) -> ColumnSpec {
    ColumnSpec {
        name,
        kind: ColumnKind::Number,
        about,
    }
}

/// Start of the charge period, inclusive.
pub const CHARGE_PERIOD_START: &str = "charge_period_start";
/// End of the charge period, exclusive.
pub const CHARGE_PERIOD_END: &str = "charge_period_end";
/// When the charge was deducted.
pub const CHARGE_TIME: &str = "charge_time";
/// Start of the billing period, inclusive.
pub const BILLING_PERIOD_START: &str = "billing_period_start";
/// End of the billing period, exclusive.
pub const BILLING_PERIOD_END: &str = "billing_period_end";
/// The ISO 4217 code of every cost of the row.
pub const BILLING_CURRENCY: &str = "billing_currency";
/// Key/value labels.
pub const TAGS: &str = "tags";
/// Basis of the invoice, not amortised.
pub const BILLED_COST: &str = "billed_cost";
/// Amortised, after all discounts.
pub const EFFECTIVE_COST: &str = "effective_cost";
/// Quantity used.
pub const USAGE_QUANTITY: &str = "usage_quantity";
/// At list unit price.
pub const LIST_COST: &str = "list_cost";
/// At contracted unit price.
pub const CONTRACTED_COST: &str = "contracted_cost";

/// Every column of the schema, in the order in which `inspect` lists them.
pub const COLUMNS: &[ColumnSpec] = &[
    time(CHARGE_PERIOD_START, "start of the charge period, inclusive"),
    time(CHARGE_PERIOD_END, "end of the charge period, exclusive"),
    time(
        BILLING_PERIOD_START,
        "start of the billing period (the invoice's month), inclusive",
    ),
    time(BILLING_PERIOD_END, "end of the billing period, exclusive"),
    money(BILLED_COST, "basis of the invoice, not amortised"),
    money(EFFECTIVE_COST, "amortised, after all discounts"),
    money(LIST_COST, "at list unit price"),
    money(CONTRACTED_COST, "at contracted unit price"),
    money("cash_amount", "part of the cost paid in cash"),
    money("voucher_amount", "part of the cost paid by vouchers"),
    money("incentive_amount", "part of the cost paid by free credit"),
    money("transfer_amount", "part of the cost paid by royalties"),
    money("tax_amount", "tax on the cost"),
    number(USAGE_QUANTITY, "quantity used, in consumed_unit"),
    number("unit_price", "price of one pricing_unit"),
    number(
        "discount_rate",
        "what is left of the list price; 1 for no discount",
    ),
    number("tax_rate", "tax as a part of the cost"),
    number("vcpus", "virtual processors of the resource"),
    number("memory_mb", "memory of the resource, MiB"),
    number("volume_gb", "disk of the resource, GiB"),
    number("bandwidth_mbps", "bandwidth of the resource, Mbit/s"),
    time(CHARGE_TIME, "when the charge was deducted"),
    text(BILLING_CURRENCY, "ISO 4217 code of the costs"),
    text("billing_account_id", "who is invoiced (root user, payer)"),
    text("billing_account_name", "name of who is invoiced"),
    text("billing_account_type", "kind of billing account"),
    text(
        "sub_account_id",
        "account under the billing account (user, usage account)",
    ),
    text("sub_account_name", "name of that account"),
    text("sub_account_type", "kind of that account"),
    text("operator_id", "who ordered it"),
    text("console_id", "console or brand"),
    text("project_id", "project"),
    text("project_name", "name of the project"),
    text("resource_group_id", "resource group"),
    text("provider", "who provides the service"),
    text(
        "host_provider",
        "who runs the place where the service is deployed",
    ),
    text("publisher", "who produces the service"),
    text("invoice_issuer", "who issues the invoice"),
    text("region_id", "region"),
    text("region_name", "name of the region"),
    text("region_type", "domestic or international"),
    text("zone_id", "availability zone"),
    text("zone_name", "name of the availability zone"),
    text("service_name", "offering"),
    text("service_code", "code of the offering (business code)"),
    text("service_category", "highest level of service classes"),
    text("service_subcategory", "second level of service classes"),
    text("product_code", "code of the product within the offering"),
    text("product_name", "its name"),
    text("resource_id", "the thing that incurs the charge"),
    text("resource_name", "its name"),
    text("resource_type", "its kind"),
    text("instance_type", "its size class"),
    text(
        "charge_category",
        "usage, purchase, tax, credit or adjustment, in the export's words",
    ),
    text(
        "action_type",
        "the transaction behind the charge, in the export's words",
    ),
    text("charge_class", "correction or nothing"),
    text("charge_frequency", "one-time, recurring or usage-based"),
    text("charge_description", "what the provider says of the row"),
    text("pricing_category", "standard, dynamic, committed or other"),
    text("pricing_unit", "unit of the price"),
    text("pricing_currency", "currency of the price list"),
    text("consumed_unit", "unit of the quantity consumed"),
    text("usage_type", "the provider's usage type"),
    text("operation", "the provider's operation"),
    text("pay_mode", "prepaid or postpaid, in the export's words"),
    text("commitment_discount_id", "reservation, savings plan or contract"),
    text("commitment_discount_name", "its name"),
    text("commitment_discount_category", "usage- or spend-based"),
    text("commitment_discount_type", "its kind"),
    text("commitment_discount_status", "used or unused"),
    text("capacity_reservation_id", "capacity reservation"),
    text("capacity_reservation_status", "used or unused"),
    text(
        "allocated_resource_id",
        "resource that an allocated part belongs to",
    ),
    text("invoice_id", "invoice"),
    text("invoice_detail_id", "line of the invoice"),
    text("order_id", "order or contract behind the charge"),
    text("sku_id", "stock keeping unit"),
    text("sku_meter", "what the SKU meters (charge item, component)"),
    text("component_name", "name of what the SKU meters"),
    text("sku_price_id", "price of the SKU"),
    text(
        "is_billing",
        "whether the resource is still charged, true or false",
    ),
    text(
        "resource_spec",
        "configuration of the resource, in the export's words",
    ),
    text("remarks", "free text of the provider"),
    text("row_id", "the provider's own key of the row"),
    ColumnSpec {
        name: TAGS,
        kind: ColumnKind::Tags,
        about: "key/value labels",
    },
];

/// Looks a column up by its name.
pub fn column(name: &str) -> Option<&'static ColumnSpec> {
    COLUMNS.iter().find(|c| c.name == name)
}

/// Whether a measure adds up over charges and over time, as money and quantities used do; rates, prices and
/// sizes do not. An amount in an export's own spelling does.
pub fn is_flow(name: &str) -> bool {
    name == USAGE_QUANTITY || column(name).is_none_or(|c| c.kind == ColumnKind::Money)
}

/// Other names under which users and the cloud APIs know a column.
const ALIASES: &[(&str, &str)] = &[
    ("project", "project_id"),
    ("zone", "zone_id"),
    ("availability_zone", "zone_id"),
    ("region", "region_id"),
    ("resource", "resource_id"),
    ("user", "sub_account_id"),
    ("user_id", "sub_account_id"),
    ("account", "sub_account_id"),
    ("root_user", "billing_account_id"),
    ("root_user_id", "billing_account_id"),
    ("service", "service_name"),
    ("currency", "billing_currency"),
    ("usage_unit", "consumed_unit"),
    ("price_unit", "pricing_unit"),
    ("component_code", "sku_meter"),
    ("commitment_id", "commitment_discount_id"),
    ("meta", "resource_spec"),
    ("type", "resource_type"),
    ("category", "charge_category"),
    ("provider_name", "provider"),
    ("service_provider_name", "provider"),
    ("publisher_name", "publisher"),
    ("invoice_issuer_name", "invoice_issuer"),
    ("host_provider_name", "host_provider"),
];

/// The schema's name for what a user wrote, if the schema has one: `user_id` is `sub_account_id`.
pub fn canonical_name(name: &str) -> Option<&'static str> {
    let name = ALIASES
        .iter()
        .find(|(alias, _)| *alias == name)
        .map_or(name, |(_, canonical)| *canonical);
    column(name).map(|c| c.name)
}

/// The schema's name for a header of a user's own table, however it is spelled: `UserId`, `Resource ID`.
pub fn canonical_header(header: &str) -> Option<&'static str> {
    let wanted = normalised_header(header);
    let same = |name: &str| normalised_header(name) == wanted;
    let by_name = || COLUMNS.iter().map(|c| c.name).find(|name| same(name));
    let by_alias = || {
        ALIASES
            .iter()
            .find(|(alias, _)| same(alias))
            .map(|(_, name)| *name)
    };
    canonical_name(header.trim()).or_else(by_name).or_else(by_alias)
}

/// A header reduced to what distinguishes it: letters and digits in lower case.
///
/// `lineItem/UsageType`, `line_item_usage_type` and `lineItem__UsageType` are one header. Case,
/// separators, spaces, a BOM and full-width brackets carry no meaning in any export seen; a localised
/// header with its name in brackets, `Ressourcengruppe (ResourceGroup)`, is that name.
pub fn normalised_header(header: &str) -> String {
    let header = header.trim_start_matches('\u{feff}').trim();
    let inner = match (header.rfind(['(', '（']), header.ends_with([')', '）'])) {
        (Some(open), true) => {
            let inner = header[open..].trim_matches(['(', ')', '（', '）']);
            if inner.chars().all(|c| c.is_ascii_alphanumeric()) && !inner.is_empty() {
                inner
            } else {
                header
            }
        }
        _ => header,
    };
    inner
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_header_are_one_header() {
        for spelling in [
            "lineItem/UsageType",
            "line_item_usage_type",
            "lineItem__UsageType",
            "\u{feff}LineItem Usage.Type",
        ] {
            assert_eq!(normalised_header(spelling), "lineitemusagetype");
        }
        assert_eq!(
            normalised_header("Ressourcengruppe (ResourceGroup)"),
            "resourcegroup"
        );
        assert_eq!(normalised_header("应付金额（元）"), "应付金额元");
    }

    #[test]
    fn the_words_of_the_apis_lead_to_the_schema() {
        assert_eq!(canonical_name("user_id"), Some("sub_account_id"));
        assert_eq!(canonical_name("root_user_id"), Some("billing_account_id"));
        assert_eq!(canonical_name("x_CostCenter"), None);
        assert_eq!(canonical_header("User ID"), Some("sub_account_id"));
        assert_eq!(canonical_header("ResourceId"), Some("resource_id"));
        assert_eq!(canonical_header("cost centre"), None);
    }

    #[test]
    fn every_alias_leads_to_a_column() {
        for (alias, name) in ALIASES {
            assert!(column(name).is_some(), "{alias} leads nowhere");
            assert!(column(alias).is_none(), "{alias} is a column itself");
        }
    }
}
