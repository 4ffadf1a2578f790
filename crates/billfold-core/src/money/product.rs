//! The product of two amounts: exact where 38 digits hold it, else rounded once and saying so.

use arrow::datatypes::i256;

use super::amount::{Amount, MAX_DIGITS, MAX_SCALE};
use super::sum::power;

/// A product, and whether it was rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Product {
    /// The nearest amount.
    pub amount: Amount,
    /// Whether the exact product has more than 38 digits or 38 decimals.
    pub rounded: bool,
}

/// `left × right`. Where the exact product has more than 38 digits or 38 decimals, decimals are taken off, half
/// away from zero, until it has not.
///
/// None when its whole part alone has more than 38 digits.
pub fn product(left: Amount, right: Amount) -> Option<Product> {
    let (left, right) = (left.normalized(), right.normalized());
    // Two times 38 digits are 76, which 256 bits hold.
    let exact = i256::from_i128(left.mantissa()).wrapping_mul(i256::from_i128(right.mantissa()));
    let scale = left.scale() + right.scale();
    let least = scale.saturating_sub(MAX_SCALE);
    for drop in least..=scale {
        let value = without(exact, drop);
        if let Some(mantissa) = value.to_i128()
            && let Some(amount) = Amount::new(mantissa, scale - drop)
        {
            let rounded = drop > 0 && scaled_back(value, drop) != Some(exact);
            return Some(Product { amount, rounded });
        }
    }
    None
}

/// `left ÷ right`, rounded half away from zero at 18 decimals.
///
/// None for a division by zero, and when the quotient has more than 38 digits.
pub fn divided(left: Amount, right: Amount) -> Option<Amount> {
    const PLACES: u8 = 18;
    let (left, right) = (left.normalized(), right.normalized());
    let (mut above, mut below) = (
        i256::from_i128(left.mantissa()),
        i256::from_i128(right.mantissa()),
    );
    if right.is_zero() {
        return None;
    }
    // left.scale − right.scale + more decimals make the places wanted.
    let (have, want) = (left.scale(), right.scale() + PLACES);
    if want >= have {
        above = above.checked_mul(ten_to(want - have))?;
    } else {
        below = below.checked_mul(ten_to(have - want))?;
    }
    let (quotient, rest) = (above.wrapping_div(below), above.wrapping_rem(below));
    let (rest, unit) = (rest.wrapping_abs(), below.wrapping_abs());
    let step = match (
        rest >= unit.wrapping_sub(rest),
        above.is_negative() == below.is_negative(),
    ) {
        (false, _) => i256::ZERO,
        (true, true) => i256::ONE,
        (true, false) => i256::MINUS_ONE,
    };
    Amount::new(quotient.checked_add(step)?.to_i128()?, PLACES).map(Amount::normalized)
}

/// The value without its last `drop` digits, half away from zero.
fn without(value: i256, drop: u8) -> i256 {
    if drop == 0 {
        return value;
    }
    let unit = ten_to(drop);
    let (quotient, rest) = (value.wrapping_div(unit), value.wrapping_rem(unit));
    // `rest ≥ unit − rest`, which cannot leave the range as twice the rest could.
    let rest = rest.wrapping_abs();
    match (rest >= unit.wrapping_sub(rest), value.is_negative()) {
        (false, _) => quotient,
        (true, false) => quotient.wrapping_add(i256::ONE),
        (true, true) => quotient.wrapping_sub(i256::ONE),
    }
}

fn scaled_back(value: i256, drop: u8) -> Option<i256> {
    value.checked_mul(ten_to(drop))
}

/// 10ⁿ for n up to 76.
fn ten_to(n: u8) -> i256 {
    let first = n.min(MAX_DIGITS);
    power(first).wrapping_mul(power(n - first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(left: &str, right: &str, expected: &str, rounded: bool) {
        let amount = |text: &str| Amount::parse(text.as_bytes()).unwrap();
        let product = product(amount(left), amount(right)).unwrap();
        assert_eq!(product.amount.to_string(), expected);
        assert_eq!(product.rounded, rounded, "{left} × {right}");
    }

    #[test]
    fn a_product_is_exact_where_38_digits_hold_it() {
        check("1.10", "7.25", "7.975", false);
        check(
            "-0.0000145833333333333333",
            "7.1234",
            "-0.00010388291666666666642922",
            false,
        );
        check("0", "7.1", "0", false);
        check("100000", "0.00001", "1", false);
        check(
            "50000000000000000000000000000000000000",
            "0.5",
            "25000000000000000000000000000000000000",
            false,
        );
    }

    #[test]
    fn what_38_digits_cannot_hold_is_rounded_half_away_from_zero() {
        let fine = "0.00000000000000000000000000000000000005";
        check(fine, "0.1", "0.00000000000000000000000000000000000001", true);
        check(fine, "-0.1", "-0.00000000000000000000000000000000000001", true);
        check(fine, "0.01", "0", true);
        check(
            "12345678901234567890123456789012345678",
            "1.5",
            "18518518351851851835185185183518518517",
            false,
        );
        check(
            "33333333333333333333333333333333333333",
            "1.1",
            "36666666666666666666666666666666666666",
            true,
        );
    }

    #[test]
    fn a_quotient_is_rounded_half_away_from_zero_at_18_decimals() {
        let amount = |text: &str| Amount::parse(text.as_bytes()).unwrap();
        for (left, right, expected) in [
            ("1", "3", "0.333333333333333333"),
            ("2", "-3", "-0.666666666666666667"),
            ("-1", "8", "-0.125"),
            ("0.000000000000000001", "2", "0.000000000000000001"),
            (
                "0.000000000000000000000000000000000001",
                "0.0000000000000000001",
                "0.00000000000000001",
            ),
            ("7", "0.0000000001", "70000000000"),
            ("0", "5", "0"),
        ] {
            assert_eq!(
                divided(amount(left), amount(right)).unwrap().to_string(),
                expected,
                "{left} ÷ {right}"
            );
        }
        assert_eq!(divided(amount("1"), amount("0")), None);
        assert_eq!(
            divided(
                amount("10000000000000000000000000000000000000"),
                amount("0.0000000001")
            ),
            None
        );
    }

    #[test]
    fn a_whole_part_of_more_than_38_digits_is_none() {
        let large = Amount::parse(b"99999999999999999999999999999999999999").unwrap();
        assert_eq!(product(large, Amount::parse(b"2").unwrap()), None);
        assert_eq!(product(large, large), None);
    }
}
