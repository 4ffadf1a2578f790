//! Rounded parts that add up to the rounded total.
//!
//! Rendering asks for it when a table shows both. Which part gets a unit is decided here, once.

use arrow::datatypes::i256;

use super::sum::{ExactSum, SumOverflow, power, scaled_up};

/// The parts with at most `places` decimals, adding up exactly to their total rounded half away from zero.
///
/// Largest remainder: every part is cut down to the unit below it, then the units that are missing go one
/// each to the parts that lost most; ties go to the lower index. No part moves by a whole unit.
///
/// Errors: the total, or a part at the finest scale of all, leaves 256 bits.
pub fn largest_remainder(parts: &[ExactSum], places: u8) -> Result<Vec<ExactSum>, SumOverflow> {
    let scale = parts.iter().map(|part| part.parts().1).max().unwrap_or(0);
    if scale <= places {
        return Ok(parts.to_vec());
    }
    let unit = power(scale - places);
    let mut total = ExactSum::ZERO;
    let mut kept = i256::ZERO;
    // (units kept, remainder lost) per part
    let mut cut = Vec::with_capacity(parts.len());
    for part in parts {
        total.add(part)?;
        let (value, own_scale) = part.parts();
        let value = scaled_up(value, scale - own_scale).ok_or(SumOverflow)?;
        let (units, remainder) = floor(value, unit);
        kept = kept.checked_add(units).ok_or(SumOverflow)?;
        cut.push((units, remainder));
    }

    let (rounded, rounded_scale) = total.round_to(places).parts();
    let rounded = scaled_up(rounded, places - rounded_scale.min(places)).ok_or(SumOverflow)?;
    // Between zero and the number of parts that lost something.
    let missing = rounded
        .checked_sub(kept)
        .and_then(i256::to_i128)
        .ok_or(SumOverflow)?;
    let missing = usize::try_from(missing).map_err(|_| SumOverflow)?;

    let mut by_loss: Vec<usize> = (0..cut.len()).collect();
    by_loss.sort_by(|&a, &b| cut[b].1.cmp(&cut[a].1).then(a.cmp(&b)));
    for &index in by_loss.iter().take(missing) {
        cut[index].0 = cut[index].0.wrapping_add(i256::ONE);
    }
    cut.into_iter()
        .map(|(units, _)| ExactSum::from_parts(units, places).ok_or(SumOverflow))
        .collect()
}

/// Quotient towards minus infinity, and a remainder that is never negative.
fn floor(value: i256, unit: i256) -> (i256, i256) {
    let (quotient, remainder) = (value.wrapping_div(unit), value.wrapping_rem(unit));
    if remainder.is_negative() {
        (quotient.wrapping_sub(i256::ONE), remainder.wrapping_add(unit))
    } else {
        (quotient, remainder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Amount;
    use proptest::prelude::*;

    fn sum(text: &str) -> ExactSum {
        ExactSum::from(Amount::parse(text.as_bytes()).unwrap())
    }

    fn check(parts: &[&str], places: u8, expected: &[&str]) {
        let parts: Vec<_> = parts.iter().map(|text| sum(text)).collect();
        let rounded = largest_remainder(&parts, places).unwrap();
        let rounded: Vec<_> = rounded.iter().map(|part| part.rounded(places)).collect();
        assert_eq!(rounded, expected);
    }

    #[test]
    fn printed_parts_add_up_to_the_printed_total() {
        check(&["0.335", "0.335", "0.33"], 2, &["0.34", "0.33", "0.33"]);
        check(&["0.333", "0.333", "0.334"], 2, &["0.33", "0.33", "0.34"]);
        check(&["1.004", "1.004", "1.004"], 2, &["1.01", "1.00", "1.00"]);
        check(&["-0.006", "0.003"], 2, &["0.00", "0.00"]);
        check(&["-0.008", "0.013"], 2, &["-0.01", "0.02"]);
        check(&["1.5", "2", "0"], 2, &["1.50", "2.00", "0.00"]);
        check(&[], 2, &[]);
    }

    #[test]
    fn ties_go_to_the_lower_index() {
        check(&["0.005", "0.005"], 2, &["0.01", "0.00"]);
        check(&["0.5", "0.5", "0.5"], 0, &["1", "1", "0"]);
    }

    #[test]
    fn an_overflow_is_told() {
        let top = ExactSum::from_parts(i256::MAX, 3).unwrap();
        assert_eq!(largest_remainder(&[top, top], 2), Err(SumOverflow));
        assert_eq!(largest_remainder(&[top, sum("0.0001")], 2), Err(SumOverflow));
    }

    proptest! {
        #[test]
        fn parts_add_up_and_none_moves_by_a_unit(
            parts in prop::collection::vec((any::<i64>(), 0u8..=25), 0..20), places in 0u8..=20,
        ) {
            let parts: Vec<_> = parts.iter().map(|&(n, scale)| {
                ExactSum::from(Amount::new(n.into(), scale).unwrap())
            }).collect();
            let rounded = largest_remainder(&parts, places).unwrap();
            let (mut exact, mut printed) = (ExactSum::ZERO, ExactSum::ZERO);
            let unit = ExactSum::from_parts(i256::ONE, places).unwrap();
            for (part, rounded) in parts.iter().zip(&rounded) {
                exact.add(part).unwrap();
                printed.add(rounded).unwrap();
                let mut moved = *rounded;
                moved.sub(part).unwrap();
                prop_assert!(moved < unit && -moved < unit);
            }
            prop_assert_eq!(printed, exact.round_to(places));
        }
    }
}
