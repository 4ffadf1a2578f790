//! The amount: one exact decimal number, as it stands in a bill.
//!
//! Its text is read in `parse`, its digits are laid out in `digits`. There is no arithmetic here but
//! negation and a change of scale: sums are [`ExactSum`](super::ExactSum) and
//! [`SumColumn`](super::SumColumn), so that an overflow has one home.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Neg;

use rust_decimal::Decimal;

use super::digits::Digits;

/// Significant digits that an amount can carry, the precision of `Decimal128`.
pub const MAX_DIGITS: u8 = 38;

/// Decimals that an amount can carry.
pub const MAX_SCALE: u8 = 38;

/// The powers of ten that fit 128 bits: `POW10[n]` is 10ⁿ.
pub const POW10: [i128; 39] = {
    let mut powers = [1; 39];
    let mut n = 1;
    while n < powers.len() {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

/// The powers of ten that 64 bits hold with a sign, up to 10¹⁵.
pub const POW10_SHORT: [i64; 16] = {
    let mut powers = [1; 16];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// An exact decimal number, `mantissa × 10^-scale`, of at most 38 digits and 38 decimals.
///
/// Equality, order and hash are by value: `1.10` equals `1.1`. The scale as written is kept because the
/// scale of a column follows from it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Amount {
    mantissa: i128,
    scale: u8,
}

/// Why a text or a double is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AmountError {
    /// Not a decimal number.
    Syntax,
    /// A number that needs more than 38 decimals.
    Scale,
    /// A number that needs more than 38 digits, or an exponent beyond all use.
    Range,
}

impl AmountError {
    /// The stable code of the diagnostic.
    pub fn code(self) -> &'static str {
        match self {
            AmountError::Syntax => "num.syntax",
            AmountError::Scale => "num.scale",
            AmountError::Range => "num.range",
        }
    }

    /// What would have been right; reads on from "expected".
    pub fn expected(self) -> &'static str {
        match self {
            AmountError::Syntax => {
                "a plain decimal number such as -1234.56 or 5.2e-09, without thousands separators, \
                 currency signs, brackets or spaces"
            }
            AmountError::Scale => "a number of at most 38 decimals",
            AmountError::Range => "a number of at most 38 digits",
        }
    }
}

impl fmt::Display for AmountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}", self.code(), self.expected())
    }
}

impl std::error::Error for AmountError {}

impl Amount {
    /// No money.
    pub const ZERO: Amount = Amount {
        mantissa: 0,
        scale: 0,
    };

    /// `mantissa × 10^-scale`; none when the mantissa has more than 38 digits or the scale is above 38.
    #[inline]
    pub const fn new(mantissa: i128, scale: u8) -> Option<Amount> {
        let limit = POW10[MAX_DIGITS as usize];
        if scale <= MAX_SCALE && -limit < mantissa && mantissa < limit {
            Some(Amount { mantissa, scale })
        } else {
            None
        }
    }

    /// For readers that have already kept both limits.
    #[inline]
    pub(crate) const fn within_limits(mantissa: i128, scale: u8) -> Amount {
        Amount { mantissa, scale }
    }

    /// The integer of the amount; counts units of `10^-scale`. At most 38 digits.
    #[inline]
    pub const fn mantissa(self) -> i128 {
        self.mantissa
    }

    /// The number of decimals, 0 to 38.
    #[inline]
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// True for zero at any scale.
    #[inline]
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// The same value at the smallest scale that holds it: no trailing zeros, zero at scale 0.
    #[must_use]
    pub fn normalized(self) -> Amount {
        self.stripped_to(0)
    }

    /// The same value with trailing zeros taken off, but at no smaller scale than `least`.
    pub(super) fn stripped_to(self, least: u8) -> Amount {
        let Amount {
            mut mantissa,
            mut scale,
        } = self;
        if mantissa == 0 {
            return Amount {
                mantissa,
                scale: scale.min(least),
            };
        }
        // Columns of 18 and more decimals hold amounts of four: their zeros go nine at a time.
        while scale >= least.saturating_add(9) && mantissa % POW10[9] == 0 {
            mantissa /= POW10[9];
            scale -= 9;
        }
        // Nearly all amounts fit 64 bits, where a division costs a tenth.
        if let Ok(mut small) = i64::try_from(mantissa) {
            while scale > least && small % 10 == 0 {
                small /= 10;
                scale -= 1;
            }
            return Amount {
                mantissa: i128::from(small),
                scale,
            };
        }
        while scale > least && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        Amount { mantissa, scale }
    }

    /// The value as a `rust_decimal`, for rates, prices and rendering. Never an accumulator.
    ///
    /// None where it would not be exact: above 96 bits or 28 decimals, trailing zeros not counted.
    pub fn to_decimal(self) -> Option<Decimal> {
        let exact =
            |amount: Amount| Decimal::try_from_i128_with_scale(amount.mantissa, u32::from(amount.scale)).ok();
        exact(self).or_else(|| exact(self.normalized()))
    }
}

impl From<Decimal> for Amount {
    /// Always exact: a `Decimal` has at most 29 digits and 28 decimals.
    fn from(decimal: Decimal) -> Self {
        Amount {
            mantissa: decimal.mantissa(),
            scale: decimal.scale() as u8,
        }
    }
}

/// The mantissa of the same value with `to` decimals instead of `from`.
///
/// Upward only: none when `to` is below `from`, and none when the result leaves 128 bits.
#[inline]
pub fn rescale(mantissa: i128, from: u8, to: u8) -> Option<i128> {
    let power = POW10.get(usize::from(to.checked_sub(from)?))?;
    mantissa.checked_mul(*power)
}

impl PartialEq for Amount {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Amount {}

impl PartialOrd for Amount {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Amount {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.scale.cmp(&other.scale) {
            Ordering::Equal => self.mantissa.cmp(&other.mantissa),
            Ordering::Greater => other.cmp(self).reverse(),
            // What leaves 128 bits at the finer scale is further from zero than anything inside them.
            Ordering::Less => match rescale(self.mantissa, self.scale, other.scale) {
                Some(mantissa) => mantissa.cmp(&other.mantissa),
                None => self.mantissa.cmp(&0),
            },
        }
    }
}

impl Hash for Amount {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Amount { mantissa, scale } = self.normalized();
        (mantissa, scale).hash(state);
    }
}

impl Neg for Amount {
    type Output = Amount;

    fn neg(self) -> Amount {
        // 38 digits stay far from `i128::MIN`, the one value without a negative.
        Amount {
            mantissa: -self.mantissa,
            scale: self.scale,
        }
    }
}

impl fmt::Display for Amount {
    /// The canonical text: plain digits, no exponent, no trailing zeros, `0` for zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Digits::of_i128(self.mantissa).fmt_canonical(self.scale, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::hash::DefaultHasher;

    fn amount(mantissa: i128, scale: u8) -> Amount {
        Amount::new(mantissa, scale).unwrap()
    }

    fn hash(amount: Amount) -> u64 {
        let mut hasher = DefaultHasher::new();
        amount.hash(&mut hasher);
        hasher.finish()
    }

    fn any_amount() -> impl Strategy<Value = Amount> {
        let mantissa = prop_oneof![
            -1000i128..1000,
            any::<i64>().prop_map(i128::from),
            any::<i64>().prop_map(|n| i128::from(n) * 10_000_000_000),
            -POW10[38] + 1..POW10[38],
        ];
        (mantissa, 0..=MAX_SCALE).prop_map(|(mantissa, scale)| amount(mantissa, scale))
    }

    #[test]
    fn an_amount_has_at_most_38_digits_and_38_decimals() {
        assert!(Amount::new(POW10[38] - 1, 38).is_some());
        assert!(Amount::new(1 - POW10[38], 0).is_some());
        assert!(Amount::new(POW10[38], 0).is_none());
        assert!(Amount::new(-POW10[38], 0).is_none());
        assert!(Amount::new(1, 39).is_none());
    }

    #[test]
    fn the_least_integer_is_refused_so_that_negation_never_wraps() {
        assert!(Amount::new(i128::MIN, 0).is_none());
        assert!(Amount::new(i128::MAX, 0).is_none());
        assert_eq!(-amount(1 - POW10[38], 0), amount(POW10[38] - 1, 0));
    }

    #[test]
    fn equality_order_and_hash_are_by_value() {
        assert_eq!(amount(110, 2), amount(11, 1));
        assert_eq!(hash(amount(110, 2)), hash(amount(11, 1)));
        assert_eq!(hash(amount(0, 30)), hash(Amount::ZERO));
        assert!(amount(9, 1) < amount(1, 0));
        assert!(amount(-9, 1) > amount(-1, 0));
        // 10³⁷ at 38 decimals leaves 128 bits.
        assert!(amount(POW10[37], 0) > amount(POW10[38] - 1, 38));
        assert!(amount(-POW10[37], 0) < amount(1 - POW10[38], 38));
    }

    #[test]
    fn the_canonical_text_is_plain_and_short() {
        for (mantissa, scale, text) in [
            (0, 0, "0"),
            (0, 20, "0"),
            (110, 2, "1.1"),
            (-10, 2, "-0.1"),
            (100, 2, "1"),
            (1200, 0, "1200"),
            (5, 38, "0.00000000000000000000000000000000000005"),
            (POW10[38] - 1, 0, "99999999999999999999999999999999999999"),
            (1 - POW10[38], 38, "-0.99999999999999999999999999999999999999"),
        ] {
            assert_eq!(amount(mantissa, scale).to_string(), text);
        }
        // A precision must not cut a number; a width pads it as a number.
        assert_eq!(format!("{:>8.1}|", amount(1259, 2)), "   12.59|");
    }

    #[test]
    fn rescaling_goes_up_and_never_wraps() {
        assert_eq!(rescale(-12, 1, 3), Some(-1200));
        assert_eq!(rescale(12, 3, 1), None);
        assert_eq!(rescale(i128::MIN, 0, 0), Some(i128::MIN));
        assert_eq!(rescale(i128::MIN, 0, 1), None);
        assert_eq!(rescale(1, 0, 38), Some(POW10[38]));
        assert_eq!(rescale(1, 0, 255), None);
    }

    #[test]
    fn a_decimal_is_made_only_where_it_is_exact() {
        assert_eq!(amount(110, 2).to_decimal(), Some(Decimal::new(110, 2)));
        assert_eq!(amount(POW10[32], 33).to_decimal(), Some(Decimal::new(1, 1)));
        assert_eq!(amount(149, 32).to_decimal(), None);
        assert_eq!(amount(POW10[38] - 1, 10).to_decimal(), None);
        assert_eq!(Amount::from(Decimal::MAX).to_string(), Decimal::MAX.to_string());
        assert_eq!(Amount::from(Decimal::new(-25, 28)), amount(-25, 28));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(a in any_amount()) {
            let text = a.to_string();
            let back = Amount::parse(text.as_bytes()).unwrap();
            prop_assert_eq!(back, a);
            prop_assert_eq!(back.to_string(), text);
            prop_assert_eq!((back.mantissa(), back.scale()), (a.normalized().mantissa(), a.normalized().scale()));
        }

        #[test]
        fn order_agrees_with_negation_and_hash(a in any_amount(), b in any_amount()) {
            prop_assert_eq!(a.cmp(&b), (-b).cmp(&-a));
            prop_assert_eq!(a == b, a.normalized().mantissa() == b.normalized().mantissa()
                && a.normalized().scale() == b.normalized().scale());
        }

        #[test]
        fn a_decimal_comes_back_unchanged(mantissa in any::<i64>(), scale in 0u32..=28) {
            let decimal = Decimal::new(mantissa, scale);
            prop_assert_eq!(Amount::from(decimal).to_decimal(), Some(decimal));
        }
    }
}
