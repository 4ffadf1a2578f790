//! Exact sums: a checked 256-bit integer over a decimal scale.
//!
//! One value at a time. The sums of many groups are a [`SumColumn`](super::SumColumn), whose answers
//! have this type. A sum is exact or an error; rounding happens only where it is asked for by name.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Neg;

use arrow::datatypes::i256;

use super::amount::{Amount, MAX_SCALE, POW10};
use super::digits::Digits;

/// An exact sum of amounts. Equality and order are by value.
///
/// Range: with `s` decimals, a magnitude below 2²⁵⁵ × 10⁻ˢ.
#[derive(Debug, Clone, Copy)]
pub struct ExactSum {
    /// Never the least 256-bit integer, the one value without a negative.
    value: i256,
    /// 0 to 38.
    scale: u8,
}

/// A sum left the range of 256 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SumOverflow;

impl fmt::Display for SumOverflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sum left the range of 256 bits")
    }
}

impl std::error::Error for SumOverflow {}

/// 10ⁿ in 256 bits; `n` is a difference of two scales, so at most 38.
#[inline]
pub(super) fn power(n: u8) -> i256 {
    i256::from_i128(POW10[usize::from(n.min(MAX_SCALE))])
}

/// The value with `places` decimals more.
#[inline]
pub(super) fn scaled_up(value: i256, places: u8) -> Option<i256> {
    if places == 0 {
        Some(value)
    } else {
        value.checked_mul(power(places))
    }
}

impl ExactSum {
    /// No money.
    pub const ZERO: ExactSum = ExactSum {
        value: i256::ZERO,
        scale: 0,
    };

    /// `value × 10^-scale`; none when the scale is above 38 or the value is the least 256-bit integer.
    #[inline]
    pub fn from_parts(value: i256, scale: u8) -> Option<ExactSum> {
        (scale <= MAX_SCALE && value != i256::MIN).then_some(ExactSum { value, scale })
    }

    /// The integer, in units of `10^-scale`, and the scale.
    #[inline]
    pub fn parts(&self) -> (i256, u8) {
        (self.value, self.scale)
    }

    /// True for zero at any scale.
    #[inline]
    pub fn is_zero(&self) -> bool {
        self.value == i256::ZERO
    }

    /// Adds an amount. After an error the sum is what it was.
    #[inline]
    pub fn add_amount(&mut self, amount: Amount) -> Result<(), SumOverflow> {
        self.add(&ExactSum::from(amount))
    }

    /// Adds a sum. After an error this sum is what it was.
    #[inline]
    pub fn add(&mut self, other: &ExactSum) -> Result<(), SumOverflow> {
        // Trailing zeros must not be what makes a sum leave the range.
        *self = self
            .plus(other)
            .or_else(|| self.normalized().plus(&other.normalized()))
            .ok_or(SumOverflow)?;
        Ok(())
    }

    /// Subtracts a sum. After an error this sum is what it was.
    pub fn sub(&mut self, other: &ExactSum) -> Result<(), SumOverflow> {
        self.add(&-*other)
    }

    #[inline]
    fn plus(&self, other: &ExactSum) -> Option<ExactSum> {
        let scale = self.scale.max(other.scale);
        let left = scaled_up(self.value, scale - self.scale)?;
        let right = scaled_up(other.value, scale - other.scale)?;
        ExactSum::from_parts(left.checked_add(right)?, scale)
    }

    /// The same value at the smallest scale that holds it.
    #[must_use]
    pub fn normalized(&self) -> ExactSum {
        let ten = power(1);
        let ExactSum { mut value, mut scale } = *self;
        while scale > 0 && value.wrapping_rem(ten) == i256::ZERO {
            value = value.wrapping_div(ten);
            scale -= 1;
        }
        ExactSum { value, scale }
    }

    /// The sum as an amount; none when it needs more than 38 digits.
    pub fn to_amount(&self) -> Option<Amount> {
        let amount = |sum: &ExactSum| Amount::new(sum.value.to_i128()?, sum.scale);
        amount(self).or_else(|| amount(&self.normalized()))
    }

    /// The nearest value of at most `places` decimals, half away from zero.
    #[must_use]
    pub fn round_to(&self, places: u8) -> ExactSum {
        if places >= self.scale {
            return *self;
        }
        let unit = power(self.scale - places);
        let quotient = self.value.wrapping_div(unit);
        let rest = self.value.wrapping_rem(unit);
        let twice = rest.wrapping_add(rest).wrapping_abs();
        let step = match (twice >= unit, self.value.is_negative()) {
            (false, _) => i256::ZERO,
            (true, false) => i256::ONE,
            (true, true) => i256::MINUS_ONE,
        };
        // A quotient by ten or more has room for one.
        ExactSum {
            value: quotient.wrapping_add(step),
            scale: places,
        }
    }

    /// The text with exactly `places` decimals, rounded half away from zero. Never `-0.00`.
    pub fn rounded(&self, places: u8) -> String {
        let rounded = self.round_to(places);
        Digits::of_i256(rounded.value).to_fixed(rounded.scale, places)
    }
}

impl From<Amount> for ExactSum {
    #[inline]
    fn from(amount: Amount) -> Self {
        ExactSum {
            value: i256::from_i128(amount.mantissa()),
            scale: amount.scale(),
        }
    }
}

impl Default for ExactSum {
    fn default() -> Self {
        ExactSum::ZERO
    }
}

impl Neg for ExactSum {
    type Output = ExactSum;

    fn neg(self) -> ExactSum {
        ExactSum {
            value: self.value.wrapping_neg(),
            scale: self.scale,
        }
    }
}

impl PartialEq for ExactSum {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ExactSum {}

impl PartialOrd for ExactSum {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ExactSum {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.scale.cmp(&other.scale) {
            Ordering::Equal => self.value.cmp(&other.value),
            Ordering::Greater => other.cmp(self).reverse(),
            // What leaves 256 bits at the finer scale is further from zero than anything inside them.
            Ordering::Less => match scaled_up(self.value, other.scale - self.scale) {
                Some(value) => value.cmp(&other.value),
                None => self.value.cmp(&i256::ZERO),
            },
        }
    }
}

impl fmt::Display for ExactSum {
    /// The canonical text: plain digits, no exponent, no trailing zeros, `0` for zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Digits::of_i256(self.value).fmt_canonical(self.scale, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(texts: &[&str]) -> ExactSum {
        let mut sum = ExactSum::ZERO;
        for text in texts {
            sum.add_amount(Amount::parse(text.as_bytes()).unwrap()).unwrap();
        }
        sum
    }

    fn any_sum() -> impl Strategy<Value = ExactSum> {
        let value = prop_oneof![
            (-1000i128..1000).prop_map(i256::from_i128),
            any::<i64>().prop_map(|n| i256::from_i128(n.into())),
            (any::<u128>(), any::<i128>()).prop_map(|(low, high)| i256::from_parts(low, high)),
        ];
        (value, 0u8..=38).prop_filter_map("the least integer", |(value, scale)| {
            ExactSum::from_parts(value, scale)
        })
    }

    #[test]
    fn mixed_scales_add_exactly() {
        assert_eq!(
            sum(&["1", "0.25", "0.0000000000000000000000000001", "1e-38"]).to_string(),
            "1.25000000000000000000000000010000000001"
        );
        assert_eq!(
            sum(&["1e20", "1e-18"]).to_string(),
            "100000000000000000000.000000000000000001"
        );
        assert_eq!(
            sum(&["1e20", "1e-18", "-1e20"]).to_string(),
            "0.000000000000000001"
        );
        assert_eq!(sum(&["0.1", "-0.10"]).to_string(), "0");
    }

    #[test]
    fn a_sum_over_38_digits_stays_exact_but_is_no_amount() {
        let nines = "99999999999999999999999999999999999999";
        let two = sum(&[nines, nines]);
        assert_eq!(two.to_string(), "199999999999999999999999999999999999998");
        assert_eq!(two.to_amount(), None);
        assert_eq!(
            sum(&[nines, nines, &format!("-{nines}")]).to_amount(),
            Amount::parse(nines.as_bytes()).ok()
        );
        assert_eq!(sum(&[nines, "1e-38"]).rounded(2), format!("{nines}.00"));
        // 10³⁸ written with two decimals more than it needs.
        let written = ExactSum::from_parts(power(38).wrapping_mul(power(2)), 4).unwrap();
        assert_eq!(
            written.to_amount().unwrap().to_string(),
            "1000000000000000000000000000000000000"
        );
    }

    #[test]
    fn overflow_is_an_error_and_leaves_the_sum_alone() {
        let mut top = ExactSum::from_parts(i256::MAX, 0).unwrap();
        let before = top;
        assert_eq!(top.add_amount(Amount::new(1, 0).unwrap()), Err(SumOverflow));
        assert_eq!(top.add_amount(Amount::new(1, 1).unwrap()), Err(SumOverflow));
        assert_eq!(top, before);
        assert_eq!(top.sub(&before), Ok(()));
        assert!(top.is_zero());
        assert_eq!(
            (-before).sub(&ExactSum::from_parts(i256::ONE, 0).unwrap()),
            Err(SumOverflow)
        );
        assert!(ExactSum::from_parts(i256::MIN, 0).is_none());
        assert!(ExactSum::from_parts(i256::ONE, 39).is_none());
        assert_eq!(SumOverflow.to_string(), "a sum left the range of 256 bits");
    }

    #[test]
    fn trailing_zeros_do_not_make_a_sum_leave_the_range() {
        let mut large = ExactSum::from_parts(i256::MAX, 0).unwrap();
        assert_eq!(large.add(&ExactSum::from_parts(i256::ZERO, 38).unwrap()), Ok(()));
        assert_eq!(large.sub(&ExactSum::from_parts(power(38), 38).unwrap()), Ok(()));
    }

    #[test]
    fn rounding_is_half_away_from_zero_with_all_decimals() {
        for (text, places, rounded) in [
            ("0", 2, "0.00"),
            ("0.005", 2, "0.01"),
            ("-0.005", 2, "-0.01"),
            ("0.0049999", 2, "0.00"),
            ("-0.0049999", 2, "0.00"),
            ("2.5", 0, "3"),
            ("-2.5", 0, "-3"),
            ("2.4", 0, "2"),
            ("999.995", 2, "1000.00"),
            ("1.1", 4, "1.1000"),
            ("13461973.1448346508244333583294", 2, "13461973.14"),
            ("0.4", 50, "0.40000000000000000000000000000000000000000000000000"),
        ] {
            assert_eq!(sum(&[text]).rounded(places), rounded, "{text} to {places}");
        }
        assert_eq!(sum(&["1.005"]).round_to(2), sum(&["1.01"]));
        assert_eq!(sum(&["1.005"]).round_to(9), sum(&["1.005"]));
    }

    proptest! {
        #[test]
        fn a_sum_does_not_depend_on_the_order(
            items in prop::collection::vec((any::<i64>(), 0u8..=38), 0..30), seed in any::<u64>(),
        ) {
            let add = |items: &[(i64, u8)]| {
                let mut sum = ExactSum::ZERO;
                for &(mantissa, scale) in items {
                    sum.add_amount(Amount::new(mantissa.into(), scale).unwrap()).unwrap();
                }
                sum
            };
            let mut shuffled = items.clone();
            shuffled.sort_by_key(|&(mantissa, scale)| (mantissa as u64 ^ seed).wrapping_mul(seed | 1) ^ u64::from(scale));
            let (left, right) = shuffled.split_at(shuffled.len() / 2);
            let mut halves = add(right);
            halves.add(&add(left)).unwrap();
            prop_assert_eq!(add(&items), halves);
            prop_assert_eq!(add(&items).to_string(), halves.to_string());
        }

        #[test]
        fn what_was_added_can_be_taken_away(a in any_sum(), b in any_sum()) {
            let mut sum = a;
            if sum.add(&b).is_ok() {
                prop_assert_eq!(sum.cmp(&a), b.cmp(&ExactSum::ZERO));
                sum.sub(&b).unwrap();
                prop_assert_eq!(sum, a);
            } else {
                prop_assert_eq!(sum.parts(), a.parts());
            }
        }

        #[test]
        fn order_is_the_order_of_values(a in any_sum(), b in any_sum()) {
            prop_assert_eq!(a.cmp(&b), (-b).cmp(&-a));
            prop_assert_eq!(a == b, a.to_string() == b.to_string());
        }

        #[test]
        fn rounding_moves_by_at_most_half_a_unit(a in any_sum(), places in 0u8..=40) {
            let rounded = a.round_to(places);
            prop_assert!(rounded.parts().1 <= places || rounded == a);
            let mut error = a;
            if error.sub(&rounded).is_ok() {
                let half = ExactSum::from_parts(i256::from_i128(5), 1).unwrap().shifted(places);
                prop_assert!(error <= half && -error <= half);
            }
        }
    }

    impl ExactSum {
        /// This × 10^-places, as far as scales go.
        fn shifted(self, places: u8) -> ExactSum {
            ExactSum {
                value: self.value,
                scale: (self.scale + places).min(38),
            }
        }
    }
}
