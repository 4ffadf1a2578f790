//! Prepaid or by use, in whatever words a bill says it.

use billfold_core::query::Dimension;

use crate::call::columns;

/// Columns that say how a charge is paid for.
pub(crate) const PAY_COLUMNS: [&str; 5] = [
    "pay_mode",
    "pricing_category",
    "commitment_discount_id",
    "charge_category",
    "charge_frequency",
];

/// The columns as dimensions.
pub(crate) fn pay_dimensions() -> Vec<Dimension> {
    columns(&PAY_COLUMNS)
}

/// Whether a charge is reserved (prepaid, under a contract) rather than elastic (by use), from the values of
/// [`PAY_COLUMNS`].
///
/// Source: FOCUS, PricingCategory "Committed", CommitmentDiscountId, recurring purchases; Tencent's prePay; the
/// providers' words for subscriptions.
pub(crate) fn is_reserved<S: AsRef<str>>(values: &[S]) -> bool {
    let value = |idx: usize| values.get(idx).map_or("", AsRef::as_ref);
    let is = |idx: usize, word: &str| value(idx).eq_ignore_ascii_case(word);
    is_prepaid(value(0))
        || is(1, "Committed")
        || !value(2).is_empty()
        || (is(3, "Purchase") && is(4, "Recurring"))
}

/// Whether a word for how one pays means paid before.
fn is_prepaid(word: &str) -> bool {
    let word: String = word
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    matches!(
        word.as_str(),
        "prepay"
            | "prepaid"
            | "prepayment"
            | "包年包月"
            | "包年"
            | "包月"
            | "包年包月计费"
            | "预付费"
            | "reserved"
            | "subscription"
            | "month"
            | "monthly"
            | "monthlysubscription"
            | "year"
            | "yearly"
            | "yearlymonthly"
            | "contract"
            // Huawei's codes for yearly/monthly and for reserved instances.
            | "1"
            | "10"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_paid_before_or_under_a_commitment_is_reserved() {
        for values in [
            ["prePay", "", "", "", ""],
            ["包年包月", "", "", "", ""],
            ["Yearly/Monthly", "", "", "", ""],
            ["", "Committed", "", "", ""],
            ["", "Standard", "ri-1", "", ""],
            ["", "", "", "Purchase", "Recurring"],
        ] {
            assert!(is_reserved(&values), "{values:?}");
        }
        for values in [
            ["", "", "", "", ""],
            ["postPay", "", "", "", ""],
            ["按量计费", "", "", "", ""],
            ["hour", "Standard", "", "Usage", "Usage-Based"],
            ["", "", "", "Purchase", "One-Time"],
        ] {
            assert!(!is_reserved(&values), "{values:?}");
        }
    }
}
