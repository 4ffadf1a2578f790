//! Rounding by a named rule, for telling by which rule someone else rounded.
//!
//! Answers are rounded half away from zero by [`ExactSum::round_to`]; nothing here changes an answer.

use std::fmt;

use arrow::datatypes::i256;

use super::sum::{ExactSum, power};

/// What becomes of the part below the last place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rounding {
    /// Half away from zero.
    HalfUp,
    /// Half to the even neighbour.
    HalfEven,
    /// Towards zero.
    Truncate,
}

impl Rounding {
    /// Every rule.
    pub const ALL: [Rounding; 3] = [Rounding::HalfUp, Rounding::HalfEven, Rounding::Truncate];
}

impl fmt::Display for Rounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Rounding::HalfUp => "half-up",
            Rounding::HalfEven => "half-even",
            Rounding::Truncate => "truncate",
        })
    }
}

impl ExactSum {
    /// The value at `places` decimals at most, rounded by the rule.
    #[must_use]
    pub fn round_by(&self, places: u8, rounding: Rounding) -> ExactSum {
        let (value, scale) = self.parts();
        if places >= scale {
            return *self;
        }
        let unit = power(scale - places);
        let quotient = value.wrapping_div(unit);
        let rest = value.wrapping_rem(unit);
        let is_half = rest.wrapping_add(rest).wrapping_abs() == unit;
        let is_odd = quotient.wrapping_rem(i256::from_i128(2)) != i256::ZERO;
        let truncated = || ExactSum::from_parts(quotient, places).unwrap_or(*self);
        match rounding {
            Rounding::Truncate => truncated(),
            Rounding::HalfEven if is_half && !is_odd => truncated(),
            Rounding::HalfUp | Rounding::HalfEven => self.round_to(places),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Amount;

    #[test]
    fn the_rules_differ_at_halves_and_below_them() {
        for (text, up, even, cut) in [
            ("0.125", "0.13", "0.12", "0.12"),
            ("0.135", "0.14", "0.14", "0.13"),
            ("-0.125", "-0.13", "-0.12", "-0.12"),
            ("0.1251", "0.13", "0.13", "0.12"),
            ("0.1", "0.1", "0.1", "0.1"),
            ("-0.009", "-0.01", "-0.01", "0"),
        ] {
            let sum = ExactSum::from(Amount::parse(text.as_bytes()).unwrap());
            let found = Rounding::ALL.map(|rule| sum.round_by(2, rule).to_string());
            assert_eq!(found, [up, even, cut], "{text}");
        }
    }
}
