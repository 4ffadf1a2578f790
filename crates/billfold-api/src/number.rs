//! Amounts as these wires print them: the one place of this crate that rounds.
//!
//! Sums come in exact and leave as text; nothing is computed with what is printed here.

use std::fmt;

use billfold_core::money::ExactSum;
use serde::{Serialize, Serializer};

/// An amount as the QingCloud family prints it: a JSON string of at most four decimals.
///
/// Rounded half away from zero, trailing zeros stripped, no exponent, plain `0` for zero, `-` for credits.
/// Source: the values of the documents (`"63.36"`, `"1468.5478"`, `"1619.977"`, `"0"`) and a real charge
/// record, where 11.12 an hour for 141 seconds is `"0.4355"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fee(ExactSum);

impl Fee {
    /// Decimals at most.
    pub const PLACES: u8 = 4;

    /// The amount as it is printed.
    pub fn of(sum: &ExactSum) -> Fee {
        Fee(sum.round_to(Self::PLACES))
    }
}

impl fmt::Display for Fee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Fee {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// The metered quantity of an item that has none to tell: the JSON float `0.0`.
///
/// Charges booked by time have no quantity, and quantities in unlike units cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoQuantity;

impl Serialize for NoQuantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(0.0)
    }
}

#[cfg(test)]
mod tests {
    use billfold_core::money::Amount;

    use super::*;

    #[test]
    fn a_fee_has_four_decimals_at_most_rounded_half_away_from_zero() {
        for (exact, printed) in [
            ("63.36", "63.36"),
            ("63.3600", "63.36"),
            ("1468.5478", "1468.5478"),
            ("1619.9770", "1619.977"),
            ("0.43553333333", "0.4355"),
            ("0.11165", "0.1117"),
            ("0.11164999999999999999999999999999999999", "0.1116"),
            ("2.00005", "2.0001"),
            ("-2.00005", "-2.0001"),
            ("-2.00004", "-2"),
            ("999.99995", "1000"),
            ("0.00005", "0.0001"),
            ("0.00004", "0"),
            ("-0.00004", "0"),
            ("-0.5", "-0.5"),
            ("0.0000", "0"),
            ("5.2e-09", "0"),
            ("1e20", "100000000000000000000"),
            ("13461973.1448346508244333583294", "13461973.1448"),
        ] {
            let sum = ExactSum::from(Amount::parse(exact.as_bytes()).unwrap());
            assert_eq!(Fee::of(&sum).to_string(), printed, "{exact}");
            assert_eq!(
                serde_json::to_string(&Fee::of(&sum)).unwrap(),
                format!("\"{printed}\""),
                "{exact}"
            );
        }
    }

    #[test]
    fn no_quantity_is_a_float_on_the_wire() {
        assert_eq!(serde_json::to_string(&NoQuantity).unwrap(), "0.0");
    }
}
