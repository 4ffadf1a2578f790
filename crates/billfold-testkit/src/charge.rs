//! One row of a bill as plain data: what the generator makes, the writers write and the oracle sums.
//!
//! Names are FOCUS names where FOCUS has one. An empty text means that the file says nothing.

use crate::decimal::Decimal;

/// FOCUS ChargeCategory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Category {
    /// Metered use, and use covered by a commitment.
    #[default]
    Usage,
    /// An order: paid once, for a period.
    Purchase,
    /// Tax.
    Tax,
    /// A voucher or a promotion; negative.
    Credit,
    /// A refund; negative.
    Adjustment,
}

impl Category {
    /// The FOCUS word.
    pub fn word(self) -> &'static str {
        match self {
            Category::Usage => "Usage",
            Category::Purchase => "Purchase",
            Category::Tax => "Tax",
            Category::Credit => "Credit",
            Category::Adjustment => "Adjustment",
        }
    }
}

/// FOCUS ChargeFrequency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Frequency {
    /// As it is used.
    #[default]
    UsageBased,
    /// Every month.
    Recurring,
    /// Once.
    OneTime,
}

impl Frequency {
    /// The FOCUS word.
    pub fn word(self) -> &'static str {
        match self {
            Frequency::UsageBased => "Usage-Based",
            Frequency::Recurring => "Recurring",
            Frequency::OneTime => "One-Time",
        }
    }
}

/// A tag of a resource.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Tag {
    /// The key, or the tag's id where a tag is no more than an id (QingCloud).
    pub key: String,
    /// The value; `None` for a bare id, and for a tag without a value, which FOCUS writes as `true`.
    pub value: Option<String>,
}

impl Clone for Tag {
    fn clone(&self) -> Tag {
        Tag {
            key: self.key.clone(),
            value: self.value.clone(),
        }
    }

    // Rows are refilled by the hundred million, so the texts' memory is kept; a derive would not.
    fn clone_from(&mut self, source: &Tag) {
        self.key.clone_from(&source.key);
        self.value.clone_from(&source.value);
    }
}

/// One charge. Times are UTC microseconds, periods half-open, costs in `billing_currency`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(
    missing_docs,
    reason = "the names are FOCUS column names in snake case; the rest is documented"
)]
pub struct Charge {
    pub provider_name: String,
    pub invoice_issuer: String,
    pub invoice_id: String,
    /// The payer; the dimension `root_user_id`.
    pub billing_account_id: String,
    pub billing_account_name: String,
    /// The account that used it; the dimension `user_id`.
    pub sub_account_id: String,
    pub sub_account_name: String,
    pub project_id: String,
    pub region_id: String,
    pub region_name: String,
    /// The availability zone; the dimension `zone_id`.
    pub zone_id: String,
    pub resource_id: String,
    pub resource_name: String,
    pub resource_type: String,
    pub service_name: String,
    /// The provider's short code of the service (`AmazonEC2`).
    pub service_code: String,
    pub service_category: String,
    pub sku_id: String,
    /// What of the service was used (`BoxUsage:m5.large`); QingCloud's charge item.
    pub usage_type: String,
    pub category: Category,
    /// FOCUS ChargeClass `Correction`: the charge period is older than the billing period.
    pub correction: bool,
    pub frequency: Frequency,
    pub description: String,
    pub charge_start: i64,
    pub charge_end: i64,
    pub billing_start: i64,
    pub billing_end: i64,
    pub billing_currency: String,
    pub billed_cost: Decimal,
    pub effective_cost: Option<Decimal>,
    pub list_cost: Option<Decimal>,
    pub contracted_cost: Option<Decimal>,
    pub quantity: Option<Decimal>,
    pub unit: String,
    pub list_unit_price: Option<Decimal>,
    pub contracted_unit_price: Option<Decimal>,
    /// The commitment that covers this use, or that this purchase buys.
    pub commitment_id: String,
    /// QingCloud's contract.
    pub contract_id: String,
    pub tags: Vec<Tag>,
}

impl Charge {
    /// FOCUS PricingCategory; empty on tax and credits, which have no price.
    pub fn pricing_category(&self) -> &'static str {
        match self.category {
            Category::Tax | Category::Credit => "",
            Category::Usage if !self.commitment_id.is_empty() => "Committed",
            _ => "Standard",
        }
    }

    /// FOCUS ChargeClass.
    pub fn charge_class(&self) -> &'static str {
        if self.correction { "Correction" } else { "" }
    }

    /// The value of a one-valued dimension by its query name, `None` for a name that is none.
    /// `tag_id` and `tag:KEY` are the oracle's.
    pub fn dimension(&self, name: &str) -> Option<&str> {
        Some(match name {
            "project_id" => &self.project_id,
            "zone_id" | "availability_zone" => &self.zone_id,
            "resource_id" => &self.resource_id,
            "resource_name" => &self.resource_name,
            "resource_type" => &self.resource_type,
            "user_id" | "sub_account_id" => &self.sub_account_id,
            "root_user_id" | "billing_account_id" => &self.billing_account_id,
            "sub_account_name" => &self.sub_account_name,
            "billing_account_name" => &self.billing_account_name,
            "region_id" => &self.region_id,
            "region_name" => &self.region_name,
            "service_name" => &self.service_name,
            "service_category" => &self.service_category,
            "charge_category" => self.category.word(),
            "charge_class" => self.charge_class(),
            "charge_frequency" => self.frequency.word(),
            "charge_description" => &self.description,
            "pricing_category" => self.pricing_category(),
            "billing_currency" => &self.billing_currency,
            "provider" | "provider_name" => &self.provider_name,
            "invoice_issuer" | "invoice_issuer_name" => &self.invoice_issuer,
            "invoice_id" => &self.invoice_id,
            "sku_id" => &self.sku_id,
            _ => return None,
        })
    }
}

/// The dimensions of [`Charge::dimension`] that questions are drawn from.
pub(crate) const DIMENSIONS: [&str; 17] = [
    "project_id",
    "zone_id",
    "resource_id",
    "resource_name",
    "resource_type",
    "user_id",
    "root_user_id",
    "region_id",
    "service_name",
    "service_category",
    "charge_category",
    "charge_class",
    "pricing_category",
    "billing_currency",
    "provider",
    "invoice_id",
    "sku_id",
];
