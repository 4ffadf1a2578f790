//! The rules as a table. An id of FOCUS's own where there is one, else the column and what is asked of it.

use std::fmt;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Sums are wrong, or not what their name says.
    Error,
    /// The file departs from FOCUS; sums stand.
    Warning,
    /// Legal, and worth knowing.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        })
    }
}

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Stable id.
    pub id: &'static str,
    /// How much a finding weighs.
    pub severity: Severity,
    /// What the rule asks.
    pub title: &'static str,
}

macro_rules! rules {
    ($($name:ident = $id:literal $severity:ident $title:literal;)*) => {
        $(pub(super) const $name: Rule = Rule { id: $id, severity: Severity::$severity, title: $title };)*

        /// Every rule, in the order of a report.
        pub const RULES: &[Rule] = &[$($name),*];
    };
}

rules! {
    STRUCTURE = "Row-Structure" Error "a row has the fields of the header, in UTF-8";
    COLUMN_MISSING = "Column-Mandatory" Error "a mandatory column that sums need is there";
    COLUMN_ABSENT = "Column-Present" Warning "a mandatory column is there";
    UNREADABLE = "Value-Readable" Error "amounts and times can be read";
    NULL_COST = "Null-Sum" Error "a column that sums need is not null";
    NULL_TEXT = "Null-Mandatory" Warning "a column that must not be null is not";
    NULL_SPELLED = "NullHandling" Warning "a missing value is null, not an empty text or a word for it";
    PLUS = "NumericFormat-Plus" Warning "a number has no plus sign, nor has its exponent";
    CURRENCY = "BillingCurrency-ISO4217" Error "BillingCurrency is a national currency code of ISO 4217";
    CHARGE_ORDER = "ChargePeriod-Order" Error "ChargePeriodStart is before ChargePeriodEnd";
    CHARGE_LENGTH = "ChargePeriod-Length" Warning "a charge period is at most a term of five years long";
    BILLING_ORDER = "BillingPeriod-Order" Error "BillingPeriodStart is before BillingPeriodEnd";
    BILLING_BOUNDS = "BillingPeriod-Bounds" Warning "a billing period goes from midnight to midnight and is at most a year long";
    CHARGE_LATER = "ChargePeriod-After" Warning "usage does not start after its billing period";
    CHARGE_EARLIER = "ChargePeriod-Before" Note "usage of an earlier period is a correction";
    CATEGORY = "ChargeCategory-Values" Error "ChargeCategory is one of the version's categories";
    CLASS = "ChargeClass-Values" Error "ChargeClass is null or Correction";
    VALUES = "AllowedValues" Warning "a column holds one of its allowed values";
    EFFECTIVE_TAX = "EffectiveCost-Tax" Error "the EffectiveCost of a tax is its BilledCost";
    EFFECTIVE_CREDIT = "EffectiveCost-Credit" Error "the EffectiveCost of a credit is its BilledCost";
    EFFECTIVE_UNCOVERED = "EffectiveCost-Uncovered" Warning "the EffectiveCost of usage that no commitment covers is its BilledCost";
    EFFECTIVE_PURCHASE = "EffectiveCost-Purchase" Error "the EffectiveCost of a purchase that covers other charges is 0";
    BILLED_COVERED = "BilledCost-Covered" Warning "the BilledCost of usage that a commitment covers is 0";
    COMMITMENT_USAGE = "EffectiveCost-C-013" Error "per commitment, EffectiveCost of used and unused adds up to that of its usage";
    COMMITMENT_PURCHASE = "EffectiveCost-C-012" Note "per commitment, EffectiveCost of its usage adds up to BilledCost of its purchases, over the whole term";
    LIST_PRODUCT = "ListCost-C-009" Error "ListUnitPrice × PricingQuantity is ListCost";
    CONTRACTED_PRODUCT = "ContractedCost-Product" Error "ContractedUnitPrice × PricingQuantity is ContractedCost";
    TAGS_JSON = "Tags-Format" Warning "Tags are a JSON object";
    DUPLICATE = "Row-Duplicate" Note "no two rows are the same in every column (legal; nothing is left out)";
}

/// A rule's place in [`RULES`].
pub(super) fn place(rule: Rule) -> usize {
    RULES.iter().position(|r| r.id == rule.id).unwrap_or(RULES.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique() {
        let mut ids: Vec<&str> = RULES.iter().map(|r| r.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), RULES.len());
    }
}
