//! Quotients and medians of exact sums: the two places where dividing money is meant.
//!
//! A quotient is rounded, half away from zero, to the decimals asked for; a median of an even number of sums
//! is the exact half of two of them, and is rounded only where that half would need a 39th decimal.

use arrow::datatypes::i256;

use super::{ExactSum, MAX_SCALE, SumOverflow};

/// `factor × part / whole`, rounded half away from zero to `places` decimals; nothing for a whole of zero.
///
/// Numbers that are too long to be multiplied lose last digits on both sides first: what is left is still
/// far more than a percentage shows.
///
/// Errors: parts that cannot be brought to one scale in 256 bits; more than 38 places.
pub fn quotient(
    part: &ExactSum,
    whole: &ExactSum,
    factor: i128,
    places: u8,
) -> Result<Option<ExactSum>, SumOverflow> {
    let ((mut part, part_scale), (mut whole, whole_scale)) = (part.parts(), whole.parts());
    let ten = i256::from_i128(10);
    let scaled = |mut value: i256, n: u8| {
        for _ in 0..n {
            value = value.checked_mul(ten)?;
        }
        Some(value)
    };
    let common = part_scale.max(whole_scale);
    (part, whole) = (
        scaled(part, common - part_scale).ok_or(SumOverflow)?,
        scaled(whole, common - whole_scale).ok_or(SumOverflow)?,
    );
    let grown = loop {
        if whole == i256::ZERO {
            return Ok(None);
        }
        let grown = part
            .checked_mul(i256::from_i128(factor))
            .and_then(|value| scaled(value, places))
            // Room for the doubled remainder below.
            .filter(|_| whole.checked_mul(i256::from_i128(2)).is_some());
        match grown {
            Some(grown) => break grown,
            None => (part, whole) = (part.wrapping_div(ten), whole.wrapping_div(ten)),
        }
    };
    let (mut units, rest) = (grown.wrapping_div(whole), grown.wrapping_rem(whole));
    let doubled = rest.wrapping_mul(i256::from_i128(2)).wrapping_abs();
    if doubled >= whole.wrapping_abs() {
        let up = if (grown < i256::ZERO) == (whole < i256::ZERO) {
            1
        } else {
            -1
        };
        units = units.wrapping_add(i256::from_i128(up));
    }
    ExactSum::from_parts(units, places).map(Some).ok_or(SumOverflow)
}

/// The middle one of the values, or half of the two in the middle; nothing of nothing.
///
/// Errors: two values whose sum leaves 256 bits.
pub fn median(values: &[ExactSum]) -> Result<Option<ExactSum>, SumOverflow> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let middle = sorted.len() / 2;
    let Some(upper) = sorted.get(middle) else {
        return Ok(None);
    };
    if sorted.len() % 2 == 1 {
        return Ok(Some(*upper));
    }
    let mut both = sorted[middle - 1];
    both.add(upper)?;
    half(&both).map(Some)
}

fn half(sum: &ExactSum) -> Result<ExactSum, SumOverflow> {
    let (value, scale) = sum.parts();
    let two = i256::from_i128(2);
    let half = if value.wrapping_rem(two) == i256::ZERO {
        ExactSum::from_parts(value.wrapping_div(two), scale)
    } else if scale < MAX_SCALE {
        // Half of n units is 5n units of the next decimal.
        value
            .checked_mul(i256::from_i128(5))
            .and_then(|value| ExactSum::from_parts(value, scale + 1))
    } else {
        None
    };
    match half {
        Some(half) => Ok(half),
        None => quotient(sum, &two_as_sum(), 1, scale)?.ok_or(SumOverflow),
    }
}

fn two_as_sum() -> ExactSum {
    ExactSum::from_parts(i256::from_i128(2), 0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Amount;
    use proptest::prelude::*;

    fn exact(text: &str) -> ExactSum {
        ExactSum::from(Amount::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn quotients_round_half_away_from_zero() {
        let of = |part: &str, whole: &str| {
            quotient(&exact(part), &exact(whole), 100, 2)
                .unwrap()
                .unwrap()
                .to_string()
        };
        assert_eq!(of("1", "8"), "12.5");
        assert_eq!(of("1", "20000"), "0.01");
        assert_eq!(of("-1", "20000"), "-0.01");
        assert_eq!(of("1", "-20000"), "-0.01");
        assert_eq!(quotient(&exact("1"), &exact("0"), 1, 2).unwrap(), None);
    }

    #[test]
    fn a_median_of_an_even_number_is_an_exact_half() {
        let of = |texts: &[&str]| {
            let values: Vec<_> = texts.iter().map(|text| exact(text)).collect();
            median(&values)
                .unwrap()
                .map_or("nothing".to_owned(), |m| m.to_string())
        };
        assert_eq!(of(&[]), "nothing");
        assert_eq!(of(&["3", "-1", "2"]), "2");
        assert_eq!(of(&["0.1", "0.2"]), "0.15");
        assert_eq!(of(&["1", "2", "100", "-7"]), "1.5");
        assert_eq!(of(&["0", "1e-38"]), "0.00000000000000000000000000000000000001");
    }

    proptest! {
        #[test]
        fn half_of_the_values_lie_on_either_side_of_their_median(values in prop::collection::vec((any::<i64>(), 0u8..=20), 1..30)) {
            let values: Vec<_> = values.iter().map(|&(n, scale)| ExactSum::from(Amount::new(n.into(), scale).unwrap())).collect();
            let m = median(&values).unwrap().unwrap();
            prop_assert!(values.iter().filter(|v| **v < m).count() * 2 <= values.len());
            prop_assert!(values.iter().filter(|v| **v > m).count() * 2 <= values.len());
        }

        #[test]
        fn a_quotient_times_its_divisor_is_the_dividend_to_half_a_unit(part in any::<i64>(), whole in 1i64..1_000_000_000) {
            let of = |n: i64| ExactSum::from(Amount::new(n.into(), 0).unwrap());
            let q = quotient(&of(part), &of(whole), 1, 4).unwrap().unwrap();
            let (units, scale) = q.parts();
            prop_assert_eq!(scale, 4);
            let back = units.wrapping_mul(i256::from_i128(whole.into()));
            let wanted = i256::from_i128(i128::from(part) * 10_000);
            let off = back.wrapping_sub(wanted).wrapping_abs();
            prop_assert!(off.wrapping_mul(i256::from_i128(2)) <= i256::from_i128(whole.into()));
        }
    }
}
