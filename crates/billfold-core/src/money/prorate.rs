//! The split of a cost over its time, to the last digit.
//!
//! The share up to an instant is a pure function of cost and time. A bucket's share is the difference of two
//! of them, so adjacent buckets add up exactly, whatever the window, the zone or the granularity. Nothing
//! here knows a calendar; time is a pair of integers in one unit.

use arrow::datatypes::i256;

use super::amount::{Amount, rescale};
use super::sum::{ExactSum, power};

/// Decimals that a share has at least.
const LEAST_SCALE: u8 = 18;

/// `round(cost × elapsed / length)`, half away from zero, at the scale of the cost's value but at least 18.
///
/// Units: `elapsed` and `length` count the same unit of time. The scale follows from the value, not from how
/// it was written: `1.10` and `1.1` have the same shares. Nothing elapsed is zero, all elapsed is the cost
/// exactly, and between them shares never turn back.
/// A zero length has no time to share over and is all elapsed; so is what would lie beyond the length.
pub fn share_until(cost: Amount, elapsed: u64, length: u64) -> ExactSum {
    let cost = cost.stripped_to(LEAST_SCALE);
    let scale = cost.scale().max(LEAST_SCALE);
    let value = match rescale(cost.mantissa(), cost.scale(), scale) {
        _ if elapsed >= length => return at_scale(cost, scale),
        Some(mantissa) => i256::from_i128(share_narrow(mantissa, elapsed, length)),
        None => share_wide(at_scale(cost, scale).parts().0, elapsed, length),
    };
    ExactSum::from_parts(value, scale).unwrap_or_default()
}

/// The share of the time from `start` to `end`, both counted from the begin of `length`; `start ≤ end`.
///
/// Adjacent shares add up exactly: those of `a..b` and `b..c` make that of `a..c`.
pub fn share_between(cost: Amount, start: u64, end: u64, length: u64) -> ExactSum {
    let (until_end, scale) = share_until(cost, end, length).parts();
    // Both have the same scale and sign, so the difference cannot leave the range.
    let value = if start == 0 {
        until_end
    } else {
        until_end.wrapping_sub(share_until(cost, start, length).parts().0)
    };
    ExactSum::from_parts(value, scale).unwrap_or_default()
}

/// The whole cost at a scale at most 18 above its own, which 38 digits keep far inside 256 bits.
fn at_scale(cost: Amount, scale: u8) -> ExactSum {
    let value = i256::from_i128(cost.mantissa()).wrapping_mul(power(scale - cost.scale()));
    ExactSum::from_parts(value, scale).unwrap_or_default()
}

/// For `elapsed < length`. With `mantissa = whole × length + rest`, the share is
/// `whole × elapsed + rest × elapsed / length`, where no product leaves 128 bits.
fn share_narrow(mantissa: i128, elapsed: u64, length: u64) -> i128 {
    let (elapsed, length) = (u128::from(elapsed), u128::from(length));
    let magnitude = mantissa.unsigned_abs();
    let (whole, rest) = (magnitude / length, magnitude % length);
    // Not above the magnitude of `mantissa`, so the way back to a sign is safe.
    let share = (whole * elapsed + rounded_quotient(rest * elapsed, length)) as i128;
    if mantissa < 0 { -share } else { share }
}

/// The same for a cost of up to 56 digits.
fn share_wide(mantissa: i256, elapsed: u64, length: u64) -> i256 {
    let wide = |value: u64| i256::from_i128(i128::from(value));
    let (whole, rest) = (
        mantissa.wrapping_div(wide(length)),
        mantissa.wrapping_rem(wide(length)),
    );
    let rest = rest.as_i128().unsigned_abs() * u128::from(elapsed);
    let part = i256::from_parts(rounded_quotient(rest, u128::from(length)), 0);
    let part = if mantissa.is_negative() {
        part.wrapping_neg()
    } else {
        part
    };
    whole.wrapping_mul(wide(elapsed)).wrapping_add(part)
}

/// Half up, which is half away from zero for a magnitude.
fn rounded_quotient(dividend: u128, divisor: u128) -> u128 {
    let (quotient, rest) = (dividend / divisor, dividend % divisor);
    if rest >= divisor - rest {
        quotient + 1
    } else {
        quotient
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::POW10;
    use proptest::prelude::*;

    fn amount(text: &str) -> Amount {
        Amount::parse(text.as_bytes()).unwrap()
    }

    fn any_cost() -> impl Strategy<Value = Amount> {
        let mantissa = prop_oneof![
            -10_000i128..10_000,
            any::<i64>().prop_map(i128::from),
            1 - POW10[38]..POW10[38],
        ];
        (mantissa, 0u8..=38).prop_map(|(mantissa, scale)| Amount::new(mantissa, scale).unwrap())
    }

    fn any_length() -> impl Strategy<Value = u64> {
        prop_oneof![
            1u64..100,
            Just(31 * 86_400_000_000),
            1u64..=1 << 62,
            Just(u64::MAX)
        ]
    }

    #[test]
    fn shares_are_rounded_at_18_decimals_half_away_from_zero() {
        for (cost, elapsed, length, share) in [
            ("1", 1, 3, "0.333333333333333333"),
            ("2", 1, 3, "0.666666666666666667"),
            ("-2", 1, 3, "-0.666666666666666667"),
            ("1e-18", 1, 2, "0.000000000000000001"),
            ("-1e-18", 1, 2, "-0.000000000000000001"),
            ("1e-18", 1, 3, "0"),
            ("1e-20", 1, 3, "0"),
            ("1.00000000000000000001", 1, 2, "0.50000000000000000001"),
            ("310", 7, 31, "70"),
        ] {
            assert_eq!(
                share_until(amount(cost), elapsed, length).to_string(),
                share,
                "{cost} {elapsed}/{length}"
            );
        }
    }

    #[test]
    fn the_ends_are_nothing_and_all() {
        for text in [
            "0",
            "-0.10",
            "99999999999999999999999999999999999999",
            "1e-38",
            "13461973.14483465082443335832",
        ] {
            let cost = amount(text);
            for length in [1, 7, 1 << 62, u64::MAX] {
                assert!(share_until(cost, 0, length).is_zero());
                assert_eq!(share_until(cost, length, length), ExactSum::from(cost));
            }
            assert_eq!(share_until(cost, 8, 7), ExactSum::from(cost));
            assert_eq!(share_until(cost, 0, 0), ExactSum::from(cost));
        }
    }

    #[test]
    fn a_cost_beyond_128_bits_at_its_scale_is_shared_exactly() {
        let cost = amount("-99999999999999999999999999999999999999");
        assert_eq!(
            share_until(cost, 1, 7).to_string(),
            "-14285714285714285714285714285714285714.142857142857142857"
        );
        assert_eq!(
            share_between(cost, 1, 7, 7).to_string(),
            "-85714285714285714285714285714285714284.857142857142857143"
        );
    }

    proptest! {
        #[test]
        fn buckets_conserve_the_cost(
            cost in any_cost(), length in any_length(), cuts in prop::collection::vec(any::<u64>(), 0..10),
        ) {
            let mut cuts: Vec<u64> = cuts.into_iter().map(|cut| cut % length).chain([0, length]).collect();
            cuts.sort_unstable();
            let mut sum = ExactSum::ZERO;
            for pair in cuts.windows(2) {
                sum.add(&share_between(cost, pair[0], pair[1], length)).unwrap();
            }
            prop_assert_eq!(sum, ExactSum::from(cost));
        }

        #[test]
        fn shares_never_turn_back(cost in any_cost(), length in any_length(), a in any::<u64>(), b in any::<u64>()) {
            let (a, b) = ((a % length).min(b % length), (a % length).max(b % length));
            let share = share_between(cost, a, b, length);
            prop_assert!(share.is_zero() || (share > ExactSum::ZERO) == (cost > Amount::ZERO));
        }

        #[test]
        fn shares_do_not_depend_on_how_the_cost_was_written(
            mantissa in any::<i64>(), scale in 0u8..=19, zeros in 0u8..=19, length in any_length(), elapsed in any::<u64>(),
        ) {
            let short = Amount::new(mantissa.into(), scale).unwrap();
            let Some(long) = Amount::new(i128::from(mantissa) * POW10[usize::from(zeros)], scale + zeros) else {
                return Ok(());
            };
            let elapsed = elapsed % length;
            prop_assert_eq!(share_until(short, elapsed, length).parts(), share_until(long, elapsed, length).parts());
        }

        #[test]
        fn a_share_is_the_nearest_value(cost in any_cost(), length in 1u64..=1 << 62, elapsed in any::<u64>()) {
            let elapsed = elapsed % length;
            let (share, scale) = share_until(cost, elapsed, length).parts();
            let whole = share_until(cost, length, length).parts();
            prop_assert_eq!(scale, whole.1);
            // |share × length - cost × elapsed| × 2 ≤ length
            let wide = |value: u64| i256::from_i128(value.into());
            let error = share.checked_mul(wide(length)).unwrap()
                .checked_sub(whole.0.checked_mul(wide(elapsed)).unwrap()).unwrap();
            prop_assert!(error.wrapping_abs().wrapping_mul(wide(2)) <= wide(length));
        }
    }
}
