//! A big signed number with 38 decimals: slow, plain, and never out of range.
//!
//! Schoolbook arithmetic on 32-bit digits. Only what sums and prorated shares need.

use std::cmp::Ordering;
use std::fmt;

use crate::decimal::Decimal;

/// Every number here counts units of 10⁻³⁸.
const SCALE: u8 = 38;

/// `sign × magnitude × 10^-38`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Big {
    negative: bool,
    /// Little-endian digits of base 2³², without leading zeros; empty is zero.
    digits: Vec<u32>,
}

fn trim(digits: &mut Vec<u32>) {
    while digits.last() == Some(&0) {
        digits.pop();
    }
}

fn compare(a: &[u32], b: &[u32]) -> Ordering {
    a.len()
        .cmp(&b.len())
        .then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

fn add(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut carry = 0u64;
    let mut sum = Vec::with_capacity(a.len().max(b.len()) + 1);
    for i in 0..a.len().max(b.len()) {
        let digit = |d: &[u32]| u64::from(d.get(i).copied().unwrap_or(0));
        carry += digit(a) + digit(b);
        sum.push(carry as u32);
        carry >>= 32;
    }
    sum.push(carry as u32);
    trim(&mut sum);
    sum
}

/// `a - b`, for `a >= b`.
fn subtract(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut borrow = 0i64;
    let mut rest = Vec::with_capacity(a.len());
    for (i, digit) in a.iter().enumerate() {
        borrow += i64::from(*digit) - i64::from(b.get(i).copied().unwrap_or(0));
        rest.push(borrow as u32);
        borrow >>= 32;
    }
    trim(&mut rest);
    rest
}

fn multiply(digits: &mut Vec<u32>, by: u64) {
    let mut carry = 0u128;
    for digit in digits.iter_mut() {
        carry += u128::from(*digit) * u128::from(by);
        *digit = carry as u32;
        carry >>= 32;
    }
    while carry > 0 {
        digits.push(carry as u32);
        carry >>= 32;
    }
    trim(digits);
}

/// Divides and returns the rest.
fn divide(digits: &mut Vec<u32>, by: u64) -> u64 {
    let mut rest = 0u128;
    for digit in digits.iter_mut().rev() {
        rest = rest << 32 | u128::from(*digit);
        *digit = (rest / u128::from(by)) as u32;
        rest %= u128::from(by);
    }
    trim(digits);
    rest as u64
}

fn times_power_of_ten(digits: &mut Vec<u32>, power: u8) {
    for _ in 0..power {
        multiply(digits, 10);
    }
}

fn digits_of(mut value: u128) -> Vec<u32> {
    let mut digits = Vec::new();
    while value > 0 {
        digits.push(value as u32);
        value >>= 32;
    }
    digits
}

impl Big {
    /// The exact value of a decimal.
    pub fn of(value: Decimal) -> Big {
        let mut digits = digits_of(value.mantissa.unsigned_abs());
        times_power_of_ten(&mut digits, SCALE - value.scale.min(SCALE));
        Big {
            negative: value.mantissa < 0,
            digits,
        }
    }

    /// `round(cost × elapsed / length)`, half away from zero, at a scale of 18 or, where the cost
    /// needs more decimals, at the cost's own.
    pub fn share(cost: Decimal, elapsed: u64, length: u64) -> Big {
        let cost = cost.normalized();
        let scale = cost.scale.max(18);
        let mut digits = digits_of(cost.mantissa.unsigned_abs());
        times_power_of_ten(&mut digits, scale - cost.scale);
        multiply(&mut digits, elapsed);
        let rest = divide(&mut digits, length);
        if rest >= length - rest {
            digits = add(&digits, &[1]);
        }
        times_power_of_ten(&mut digits, SCALE - scale);
        Big {
            negative: cost.mantissa < 0 && !digits.is_empty(),
            digits,
        }
    }

    /// The sum.
    #[must_use]
    pub fn plus(&self, other: &Big) -> Big {
        if self.negative == other.negative {
            return Big {
                negative: self.negative,
                digits: add(&self.digits, &other.digits),
            };
        }
        match compare(&self.digits, &other.digits) {
            Ordering::Equal => Big::default(),
            Ordering::Greater => Big {
                negative: self.negative,
                digits: subtract(&self.digits, &other.digits),
            },
            Ordering::Less => Big {
                negative: other.negative,
                digits: subtract(&other.digits, &self.digits),
            },
        }
    }

    /// The difference.
    #[must_use]
    pub fn minus(&self, other: &Big) -> Big {
        self.plus(&Big {
            negative: !other.negative && !other.digits.is_empty(),
            digits: other.digits.clone(),
        })
    }

    /// Adds another.
    pub fn add(&mut self, other: &Big) {
        *self = self.plus(other);
    }

    /// Adds a decimal.
    pub fn add_decimal(&mut self, value: Decimal) {
        self.add(&Big::of(value));
    }
}

/// The canonical text: no exponent, no trailing zeros, `0` for zero.
impl fmt::Display for Big {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = self.digits.clone();
        let mut text = Vec::new();
        while !digits.is_empty() {
            text.push(b'0' + divide(&mut digits, 10) as u8);
        }
        while text.len() <= usize::from(SCALE) {
            text.push(b'0');
        }
        text.insert(usize::from(SCALE), b'.');
        text.reverse();
        let text = String::from_utf8_lossy(&text);
        let text = text.trim_end_matches('0').trim_end_matches('.');
        write!(f, "{}{text}", if self.negative { "-" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sum_of_thirty_eight_digits_goes_on() {
        let most = Decimal::new(10i128.pow(38) - 1, 0);
        let mut sum = Big::default();
        (0..1000).for_each(|_| sum.add_decimal(most));
        assert_eq!(sum.to_string(), format!("{}000", "9".repeat(38)));
        sum.add_decimal(Decimal::new(1000, 0));
        assert_eq!(sum.to_string(), format!("1{}", "0".repeat(41)));
    }

    #[test]
    fn numbers_print_canonically() {
        let text = |m, s| Big::of(Decimal::new(m, s)).to_string();
        assert_eq!(
            [text(0, 0), text(0, 9), text(-1500, 3), text(1, 38), text(100, 0)].join(" "),
            "0 0 -1.5 0.00000000000000000000000000000000000001 100"
        );
    }

    #[test]
    fn a_third_of_a_cent_rounds_at_eighteen_decimals() {
        let share = |m, s, e, l| Big::share(Decimal::new(m, s), e, l).to_string();
        assert_eq!(share(1, 2, 1, 3), "0.003333333333333333");
        assert_eq!(share(1, 2, 2, 3), "0.006666666666666667");
        assert_eq!(share(-1, 2, 2, 3), "-0.006666666666666667");
        assert_eq!(share(1, 18, 1, 2), "0.000000000000000001");
        assert_eq!(share(-1, 18, 1, 2), "-0.000000000000000001");
        assert_eq!(share(1, 20, 1, 2), "0.00000000000000000001");
        assert_eq!(share(7, 1, 5, 5), "0.7");
        assert_eq!(share(7, 1, 0, 5), "0");
    }

    proptest! {
        #[test]
        fn small_numbers_agree_with_the_machine(a in any::<i64>(), b in any::<i64>(), c in 0u64..1 << 40, d in 1u64..1 << 40) {
            let big = |v: i64| Big::of(Decimal::new(i128::from(v), 0));
            prop_assert_eq!(big(a).plus(&big(b)).to_string(), (i128::from(a) + i128::from(b)).to_string());
            prop_assert_eq!(big(a).minus(&big(b)).to_string(), (i128::from(a) - i128::from(b)).to_string());
            let mut digits = digits_of(u128::from(a.unsigned_abs()));
            multiply(&mut digits, c);
            let rest = divide(&mut digits, d);
            let product = u128::from(a.unsigned_abs()) * u128::from(c);
            prop_assert_eq!((digits, u128::from(rest)), (digits_of(product / u128::from(d)), product % u128::from(d)));
        }
    }
}
