//! Amounts as these wires print them: the one place of this crate that rounds.
//!
//! Sums come in exact and leave as text; nothing is computed with what is printed here.

use std::fmt;

use billfold_core::money::{Amount, ExactSum, POW10, Rounding};
use serde::ser::Error as _;
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

/// A metered quantity: a JSON float, `0.0` for none.
///
/// The digits are the exact ones; no float is computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quantity(pub ExactSum);

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = self.0.to_string();
        if !text.contains('.') {
            text.push_str(".0");
        }
        raw(text, serializer)
    }
}

/// A number of JSON by its exact digits: `0`, `33.3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exact(pub ExactSum);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        raw(self.0.to_string(), serializer)
    }
}

/// A count or a size as a JSON integer, cut towards zero where it has a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Whole(pub ExactSum);

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        raw(self.0.round_by(0, Rounding::Truncate).to_string(), serializer)
    }
}

/// An amount with a fixed number of decimals, rounded half away from zero: a JSON string such as `"0.07"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixed(pub ExactSum, pub u8);

impl Serialize for Fixed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.rounded(self.1))
    }
}

/// A number of JSON by its digits.
fn raw<S: Serializer>(digits: String, serializer: S) -> Result<S::Ok, S::Error> {
    serde_json::value::RawValue::from_string(digits)
        .map_err(S::Error::custom)?
        .serialize(serializer)
}

/// A sum in proportion: `sum × wanted / had`, rounded half away from zero at 18 decimals, or at 12, 6 or 4
/// where the product would need more than 128 bits.
///
/// None where it does so even then, and for nothing had.
pub(crate) fn scaled(sum: &ExactSum, wanted: i64, had: i64) -> Option<ExactSum> {
    if wanted == had {
        return Some(*sum);
    }
    [18, 12, 6, 4]
        .into_iter()
        .find_map(|places| scaled_at(sum, wanted, had, places))
}

fn scaled_at(sum: &ExactSum, wanted: i64, had: i64, places: u8) -> Option<ExactSum> {
    let amount = sum.round_to(places).to_amount()?;
    let to_places = POW10.get(usize::from(places.checked_sub(amount.scale())?))?;
    let product = amount
        .mantissa()
        .checked_mul(*to_places)?
        .checked_mul(i128::from(wanted))?;
    let had = i128::from(had);
    let half = had / 2 * product.signum();
    let rounded = product.checked_add(half)?.checked_div(had)?;
    Some(ExactSum::from(Amount::new(rounded, places)?))
}

/// The change from one sum to another in percent of the earlier one, at two decimals; None from nothing.
pub(crate) fn change_percent(from: &ExactSum, to: &ExactSum) -> Option<ExactSum> {
    let mantissa = |sum: &ExactSum| {
        let amount = sum.round_to(8).to_amount()?;
        let to_places = POW10.get(usize::from(8_u8.checked_sub(amount.scale())?))?;
        amount.mantissa().checked_mul(*to_places)
    };
    let (from, to) = (mantissa(from)?, mantissa(to)?);
    let change = to.checked_sub(from)?.checked_mul(10_000)?;
    let half = from.abs() / 2 * change.signum();
    let rounded = change.checked_add(half)?.checked_div(from.abs())?;
    Some(ExactSum::from(Amount::new(rounded, 2)?))
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

    fn sum(text: &str) -> ExactSum {
        ExactSum::from(Amount::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn a_quantity_is_a_float_and_a_size_an_integer() {
        for (text, quantity, whole) in [
            ("0", "0.0", "0"),
            ("12", "12.0", "12"),
            ("0.50", "0.5", "0"),
            ("-2.9", "-2.9", "-2"),
            (
                "123456789012345678901234567.25",
                "123456789012345678901234567.25",
                "123456789012345678901234567",
            ),
        ] {
            assert_eq!(serde_json::to_string(&Quantity(sum(text))).unwrap(), quantity);
            assert_eq!(serde_json::to_string(&Whole(sum(text))).unwrap(), whole);
        }
    }

    #[test]
    fn fixed_decimals_are_always_there() {
        assert_eq!(
            serde_json::to_string(&Fixed(sum("0.065"), 2)).unwrap(),
            r#""0.07""#
        );
        assert_eq!(
            serde_json::to_string(&Fixed(sum("0"), 8)).unwrap(),
            r#""0.00000000""#
        );
    }

    #[test]
    fn a_cost_is_scaled_to_another_length_exactly() {
        for (cost, wanted, had, expected) in [
            ("24", 7, 1, "168"),
            ("1", 1, 3, "0.333333333333333333"),
            ("2", 1, 3, "0.666666666666666667"),
            ("-2", 1, 3, "-0.666666666666666667"),
            ("5", 3, 3, "5"),
            ("0.06570339", 1, 17, "0.003864905294117647"),
            ("9999999999", 1 << 52, 1 << 51, "19999999998"),
        ] {
            assert_eq!(scaled(&sum(cost), wanted, had).unwrap(), sum(expected), "{cost}");
        }
        assert!(scaled(&sum("99999999999999999999999999999999999999"), i64::MAX, 1).is_none());
        assert!(scaled(&sum("1"), 1, 0).is_none());
    }

    #[test]
    fn a_change_is_in_percent_of_what_was() {
        for (from, to, expected) in [
            ("100", "101.72", "1.72"),
            ("3", "2", "-33.33"),
            ("-1", "1", "200"),
            ("1", "1", "0"),
        ] {
            assert_eq!(change_percent(&sum(from), &sum(to)).unwrap(), sum(expected));
        }
        assert!(change_percent(&sum("0"), &sum("1")).is_none());
    }
}
