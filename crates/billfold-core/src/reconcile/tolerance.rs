//! FOCUS 1.4's tolerance of an invoice: `max(100 × subunit, √rows × 0.5 × subunit)`, without a root.
//!
//! Both sides are squared as integers of 512 bits, so the border itself is decided, too.

use crate::money::{Amount, ExactSum, POW10};

/// Whether a difference lies within the tolerance of an invoice of `n_rows` rows.
///
/// `decimals` are those of the currency's subunit: 2 for USD.
pub fn tolerance_holds(difference: &ExactSum, n_rows: u64, decimals: u8) -> bool {
    let (value, scale) = difference.parts();
    // Both in units of 10^-max(scale, decimals).
    let raise = decimals.saturating_sub(scale);
    let unit = limbs_of(POW10[usize::from(scale.saturating_sub(decimals)).min(38)].unsigned_abs());
    let magnitude = magnitude(&value.to_le_bytes());
    let magnitude = multiply(
        &magnitude,
        &limbs_of(POW10[usize::from(raise).min(38)].unsigned_abs()),
    );
    if at_most(&magnitude, &multiply(&unit, &[100])) {
        return true;
    }
    // difference ≤ √rows / 2 × unit  ⇔  4 × difference² ≤ rows × unit²
    let left = multiply(&multiply(&magnitude, &magnitude), &[4]);
    let right = multiply(&multiply(&unit, &unit), &[n_rows]);
    at_most(&left, &right)
}

/// The tolerance to be shown, rounded down to a thousandth of the subunit.
pub fn tolerance_text(n_rows: u64, decimals: u8) -> String {
    // √rows × 0.5 × 1000 thousandths
    let thousandths = (u128::from(n_rows) * 250_000).isqrt().max(100_000);
    let mantissa = i128::try_from(thousandths).unwrap_or(i128::MAX);
    Amount::new(mantissa, decimals + 3)
        .unwrap_or_default()
        .to_string()
}

fn limbs_of(value: u128) -> Vec<u64> {
    vec![value as u64, (value >> 64) as u64]
}

/// The absolute value of a two's complement integer, lowest limb first.
fn magnitude(bytes: &[u8; 32]) -> Vec<u64> {
    let is_negative = bytes[31] >= 0x80;
    let mut carry = is_negative;
    bytes
        .chunks_exact(8)
        .map(|chunk| {
            let limb = chunk
                .iter()
                .rev()
                .fold(0u64, |limb, byte| limb << 8 | u64::from(*byte));
            if !is_negative {
                return limb;
            }
            let (limb, next) = (!limb).overflowing_add(u64::from(carry));
            carry = next;
            limb
        })
        .collect()
}

fn multiply(a: &[u64], b: &[u64]) -> Vec<u64> {
    let mut out = vec![0u64; a.len() + b.len()];
    for (i, x) in a.iter().enumerate() {
        let mut carry = 0u128;
        for (j, y) in b.iter().enumerate() {
            // (2⁶⁴−1)² + 2 × (2⁶⁴−1) is 2¹²⁸ − 1.
            let sum = u128::from(*x) * u128::from(*y) + u128::from(out[i + j]) + carry;
            out[i + j] = sum as u64;
            carry = sum >> 64;
        }
        out[i + b.len()] = carry as u64;
    }
    out
}

fn at_most(a: &[u64], b: &[u64]) -> bool {
    let limb = |limbs: &[u64], i: usize| limbs.get(i).copied().unwrap_or(0);
    let differing = (0..a.len().max(b.len()))
        .rev()
        .find(|i| limb(a, *i) != limb(b, *i));
    differing.is_none_or(|i| limb(a, i) < limb(b, i))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(difference: &str, n_rows: u64, decimals: u8) -> bool {
        let difference = ExactSum::from(Amount::parse(difference.as_bytes()).unwrap());
        tolerance_holds(&difference, n_rows, decimals)
    }

    #[test]
    fn the_scenarios_of_focus_1_4() {
        assert!(holds("0.02", 5, 2));
        assert!(!holds("5", 5, 2));
        assert!(holds("4.50", 1_000_000, 2));
        assert!(!holds("15", 1_000_000, 2));
    }

    #[test]
    fn the_border_itself_is_within_the_tolerance() {
        for sign in ["", "-"] {
            assert!(holds(&format!("{sign}1"), 1, 2));
            assert!(!holds(&format!("{sign}1.000000000000000000000000001"), 1, 2));
            // √1,000,000 × 0.5 × 0.01 = 5
            assert!(holds(&format!("{sign}5"), 1_000_000, 2));
            assert!(!holds(
                &format!("{sign}5.00000000000000000000000000000000001"),
                1_000_000,
                2
            ));
            // √50,000 is no whole number: 111.80339887498948482…
            assert!(holds(&format!("{sign}111.8033988749894848"), 50_000, 0));
            assert!(!holds(&format!("{sign}111.8033988749894849"), 50_000, 0));
        }
        assert!(holds("100", 4, 0));
        assert!(!holds("101", 4, 0));
        assert!(holds("0.1", 4, 3));
        assert!(!holds("0.1001", 4, 3));
    }

    #[test]
    fn the_tolerance_is_shown_to_a_thousandth_of_the_subunit() {
        assert_eq!(tolerance_text(5, 2), "1");
        assert_eq!(tolerance_text(1_000_000, 2), "5");
        assert_eq!(tolerance_text(50_000, 0), "111.803");
    }

    proptest! {
        #[test]
        fn small_numbers_agree_with_plain_integers(cents in -5_000i128..5_000, n_rows in 0u64..100_000_000) {
            let difference = ExactSum::from(Amount::new(cents, 2).unwrap());
            let plain = cents.abs() <= 100 || 4 * cents * cents <= i128::from(n_rows);
            prop_assert_eq!(tolerance_holds(&difference, n_rows, 2), plain);
        }
    }
}
