//! A whole taken apart by weights, and a part held against a percentage of a whole.
//!
//! Products of two 256-bit integers need 512 bits; they live here and nowhere else, so that neither a split
//! nor a comparison rounds, whatever the digits.

use std::cmp::Ordering;

use arrow::datatypes::i256;

use super::amount::{Amount, POW10};
use super::sum::{ExactSum, SumOverflow, power, scaled_up};

/// A magnitude of 256 bits, the lowest 64 first.
type Wide = [u64; 4];
/// The product of two of them.
type Product = [u64; 8];

/// Takes `whole` apart in proportion to `weights`, so that the parts add up to it exactly.
///
/// Shares are whole units of `10^-places`. Every part is cut to the unit below its share (towards zero), then
/// the units that are missing go one each to the parts that lost most, ties to the lower index. What the whole
/// has below a unit goes to the first of that order. The parts of a negative whole are those of its
/// magnitude, negated. A weight below zero weighs nothing.
///
/// None when no weight is above zero. Errors: a weight, their sum, the whole in units, or a part leaves 256 bits.
pub fn apportion(
    whole: &ExactSum,
    weights: &[ExactSum],
    places: u8,
) -> Result<Option<Vec<ExactSum>>, SumOverflow> {
    let scale = weights.iter().map(|weight| weight.parts().1).max().unwrap_or(0);
    let mut all = i256::ZERO;
    let mut integers = Vec::with_capacity(weights.len());
    for weight in weights {
        let (value, own) = weight.parts();
        let value = if value.is_negative() {
            i256::ZERO
        } else {
            scaled_up(value, scale - own).ok_or(SumOverflow)?
        };
        all = all.checked_add(value).ok_or(SumOverflow)?;
        integers.push(value);
    }
    if all == i256::ZERO {
        return Ok(None);
    }

    let (value, own) = whole.parts();
    let magnitude = value.wrapping_abs();
    let (units, dust) = if own <= places {
        (scaled_up(magnitude, places - own).ok_or(SumOverflow)?, i256::ZERO)
    } else {
        let unit = power(own - places);
        (magnitude.wrapping_div(unit), magnitude.wrapping_rem(unit))
    };
    let (units, below) = (limbs(units), limbs(all));
    let mut missing = units;
    let mut cut: Vec<(Wide, Wide)> = Vec::with_capacity(integers.len());
    for integer in &integers {
        let (quotient, rest) = divided(times(units, limbs(*integer)), below);
        missing = minus(missing, quotient);
        cut.push((quotient, rest));
    }
    let mut order: Vec<usize> = (0..cut.len()).filter(|at| integers[*at] != i256::ZERO).collect();
    order.sort_by(|a, b| compare(&cut[*b].1, &cut[*a].1).then(a.cmp(b)));
    // Fewer than the parts that lost something.
    let missing = usize::try_from(missing[0]).map_err(|_| SumOverflow)?;
    for at in order.iter().take(missing) {
        cut[*at].0 = plus_one(cut[*at].0);
    }
    let mut parts = Vec::with_capacity(cut.len());
    for (quotient, _) in cut {
        let part =
            ExactSum::from_parts(integer_of(quotient).ok_or(SumOverflow)?, places).ok_or(SumOverflow)?;
        parts.push(part);
    }
    if let (Some(first), Some(dust)) = (order.first(), ExactSum::from_parts(dust, own)) {
        parts[*first].add(&dust)?;
    }
    if value.is_negative() {
        for part in &mut parts {
            *part = -*part;
        }
    }
    Ok(Some(parts))
}

/// How `part` stands to `per_million` millionths of `whole`, exactly. A whole below zero is taken for zero.
pub fn compare_with_part(part: &ExactSum, per_million: u64, whole: Amount) -> Ordering {
    let (value, scale) = part.parts();
    let mantissa = whole.mantissa().max(0);
    let right = times(
        times_small(limbs(i256::from_i128(mantissa)), per_million),
        limbs(i256::from_i128(POW10[usize::from(scale)])),
    );
    if value.is_negative() {
        return Ordering::Less;
    }
    let ten = i256::from_i128(POW10[usize::from(whole.scale())]);
    let left = times(limbs(value), times_small(limbs(ten), 1_000_000));
    left.iter().rev().cmp(right.iter().rev())
}

/// `part` in percent of `whole`, rounded half away from zero at two decimals.
///
/// None for a whole of zero, and where the percentage leaves 256 bits.
pub fn percent_of(part: &ExactSum, whole: &ExactSum) -> Option<ExactSum> {
    let ((part, part_scale), (whole, whole_scale)) = (part.parts(), whole.parts());
    if whole == i256::ZERO {
        return None;
    }
    let hundredths = times(limbs(part.wrapping_abs()), [10_000, 0, 0, 0]);
    if hundredths[4..].iter().any(|limb| *limb != 0) {
        return None;
    }
    let hundredths = [hundredths[0], hundredths[1], hundredths[2], hundredths[3]];
    let above = times(hundredths, limbs(power(whole_scale.saturating_sub(part_scale))));
    let below = times(
        limbs(whole.wrapping_abs()),
        limbs(power(part_scale.saturating_sub(whole_scale))),
    );
    // The divisor has to fit 256 bits with a bit to spare; a finer one is no percentage that anyone reads.
    if below[4..].iter().any(|limb| *limb != 0) || below[3] >> 63 != 0 {
        return None;
    }
    let below = [below[0], below[1], below[2], below[3]];
    if compare_product(&above, &below) {
        return None;
    }
    let (quotient, rest) = divided(above, below);
    let rounded = match compare(&rest, &minus(below, rest)) {
        Ordering::Less => quotient,
        _ => plus_one(quotient),
    };
    let percent = ExactSum::from_parts(integer_of(rounded)?, 2)?;
    Some(if part.is_negative() == whole.is_negative() {
        percent
    } else {
        -percent
    })
}

/// Whether a quotient would leave 255 bits.
fn compare_product(above: &Product, below: &Wide) -> bool {
    let high = [above[4], above[5], above[6], above[7]];
    // Half of the divisor, so that a bit stays free for rounding.
    let half = [
        below[0] >> 1 | below[1] << 63,
        below[1] >> 1 | below[2] << 63,
        below[2] >> 1 | below[3] << 63,
        below[3] >> 1,
    ];
    compare(&high, &half) != Ordering::Less && high != [0; 4]
}

/// The limbs of an integer that is not below zero.
fn limbs(value: i256) -> Wide {
    let (low, high) = value.to_parts();
    let high = high.unsigned_abs();
    [low as u64, (low >> 64) as u64, high as u64, (high >> 64) as u64]
}

/// The integer; none when it has no bit left for its sign.
fn integer_of(limbs: Wide) -> Option<i256> {
    if limbs[3] >> 63 != 0 {
        return None;
    }
    let low = u128::from(limbs[0]) | u128::from(limbs[1]) << 64;
    let high = u128::from(limbs[2]) | u128::from(limbs[3]) << 64;
    Some(i256::from_parts(low, high as i128))
}

fn compare(left: &Wide, right: &Wide) -> Ordering {
    left.iter().rev().cmp(right.iter().rev())
}

fn times(left: Wide, right: Wide) -> Product {
    let mut product = [0u64; 8];
    for (i, a) in left.iter().enumerate() {
        let mut carry = 0u128;
        for (j, b) in right.iter().enumerate() {
            // At most (2⁶⁴ − 1)² + 2 (2⁶⁴ − 1), which is 2¹²⁸ − 1.
            let sum = u128::from(*a) * u128::from(*b) + u128::from(product[i + j]) + carry;
            product[i + j] = sum as u64;
            carry = sum >> 64;
        }
        product[i + 4] = carry as u64;
    }
    product
}

/// A product that fits: `left` has at most 128 bits.
fn times_small(left: Wide, right: u64) -> Wide {
    let product = times(left, [right, 0, 0, 0]);
    [product[0], product[1], product[2], product[3]]
}

/// Quotient and rest; the quotient fits 256 bits and the divisor 255.
fn divided(above: Product, below: Wide) -> (Wide, Wide) {
    if above[2..].iter().all(|limb| *limb == 0) && below[2..].iter().all(|limb| *limb == 0) {
        let pair = |low: u64, high: u64| u128::from(low) | u128::from(high) << 64;
        let (above, below) = (pair(above[0], above[1]), pair(below[0], below[1]));
        let split = |value: u128| [value as u64, (value >> 64) as u64, 0, 0];
        return (split(above / below), split(above % below));
    }
    let (mut quotient, mut rest) = ([0u64; 4], [0u64; 4]);
    for bit in (0..512).rev() {
        // The rest is below the divisor, so twice the rest and one fit 256 bits.
        for at in (1..4).rev() {
            rest[at] = rest[at] << 1 | rest[at - 1] >> 63;
        }
        rest[0] = rest[0] << 1 | (above[bit / 64] >> (bit % 64) & 1);
        if compare(&rest, &below) != Ordering::Less {
            rest = minus(rest, below);
            if bit < 256 {
                quotient[bit / 64] |= 1 << (bit % 64);
            }
        }
    }
    (quotient, rest)
}

/// The difference of a greater and a smaller one.
fn minus(left: Wide, right: Wide) -> Wide {
    let mut difference = [0u64; 4];
    let mut borrow = false;
    for at in 0..4 {
        let (value, first) = left[at].overflowing_sub(right[at]);
        let (value, second) = value.overflowing_sub(u64::from(borrow));
        difference[at] = value;
        borrow = first || second;
    }
    difference
}

fn plus_one(mut limbs: Wide) -> Wide {
    for limb in &mut limbs {
        let (value, carries) = limb.overflowing_add(1);
        *limb = value;
        if !carries {
            break;
        }
    }
    limbs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(text: &str) -> ExactSum {
        ExactSum::from(Amount::parse(text.as_bytes()).unwrap())
    }

    #[track_caller]
    fn check(whole: &str, weights: &[&str], places: u8, expected: &[&str]) {
        let weights: Vec<ExactSum> = weights.iter().map(|text| sum(text)).collect();
        let parts = apportion(&sum(whole), &weights, places).unwrap().unwrap();
        let shown: Vec<String> = parts.iter().map(ToString::to_string).collect();
        assert_eq!(shown, expected, "{whole}");
    }

    #[test]
    fn shares_are_cut_and_the_missing_units_go_to_those_that_lost_most() {
        check("10", &["1", "1", "1"], 2, &["3.34", "3.33", "3.33"]);
        check("-10", &["1", "1", "1"], 2, &["-3.34", "-3.33", "-3.33"]);
        check("10", &["1", "2"], 2, &["3.33", "6.67"]);
        check("0.01", &["1", "1"], 2, &["0.01", "0"]);
        check("100", &["60", "40.0"], 0, &["60", "40"]);
        check("5", &["0", "1", "-3"], 2, &["0", "5", "0"]);
        // What is below a unit goes with the first of the order.
        check("1.005", &["1", "1"], 2, &["0.505", "0.5"]);
        check("0", &["1", "2"], 2, &["0", "0"]);
        assert_eq!(apportion(&sum("1"), &[sum("0"), sum("-1")], 2), Ok(None));
        assert_eq!(apportion(&sum("1"), &[], 2), Ok(None));
    }

    #[test]
    fn digits_beyond_256_bits_in_the_product_are_no_matter() {
        let nines = "9".repeat(38);
        let fine = format!("0.{}", "7".repeat(38));
        let weights = [sum(&nines), sum(&fine), sum("1")];
        let mut whole = sum(&nines);
        whole.add(&sum(&fine)).unwrap();
        let parts = apportion(&whole, &weights, 38).unwrap().unwrap();
        let mut total = ExactSum::ZERO;
        for part in &parts {
            total.add(part).unwrap();
        }
        assert_eq!(total, whole);
    }

    #[test]
    fn a_limit_is_compared_to_the_last_digit() {
        let limit = Amount::parse(b"1000").unwrap();
        for (cost, per_million, order) in [
            ("1000.00", 1_000_000, Ordering::Equal),
            ("1000.000000001", 1_000_000, Ordering::Greater),
            ("999.99999999999999999999", 1_000_000, Ordering::Less),
            ("800", 800_000, Ordering::Equal),
            ("800.00000000000000000000000000000001", 800_000, Ordering::Greater),
            ("-1", 0, Ordering::Less),
            ("0", 0, Ordering::Equal),
        ] {
            assert_eq!(compare_with_part(&sum(cost), per_million, limit), order, "{cost}");
        }
        let most = Amount::parse("9".repeat(38).as_bytes()).unwrap();
        let over = ExactSum::from_parts(i256::MAX, 38).unwrap();
        // 5.8 × 10³⁸ against 10³⁸, and against ten times that.
        assert_eq!(compare_with_part(&over, 1_000_000, most), Ordering::Greater);
        assert_eq!(compare_with_part(&over, 10_000_000, most), Ordering::Less);
        assert_eq!(
            compare_with_part(&ExactSum::from_parts(i256::MAX, 0).unwrap(), u64::MAX, most),
            Ordering::Greater
        );
    }

    #[test]
    fn percentages_have_two_decimals() {
        for (part, whole, percent) in [
            ("1", "3", Some("33.33")),
            ("2", "3", Some("66.67")),
            ("-1", "3", Some("-33.33")),
            ("1", "8", Some("12.5")),
            ("1", "0", None),
            ("1e37", "1e-37", None),
        ] {
            let found = percent_of(&sum(part), &sum(whole)).map(|p| p.to_string());
            assert_eq!(found.as_deref(), percent, "{part} of {whole}");
        }
    }

    proptest! {
        #[test]
        fn parts_add_up_and_none_is_a_unit_from_its_share(
            whole in (any::<i128>(), 0u8..=38),
            weights in prop::collection::vec((any::<i64>(), 0u8..=38), 0..12),
            places in 0u8..=38,
        ) {
            let whole = ExactSum::from_parts(i256::from_i128(whole.0), whole.1).unwrap();
            let weights: Vec<_> = weights.iter()
                .map(|(n, scale)| ExactSum::from_parts(i256::from_i128((*n).into()), *scale).unwrap()).collect();
            let parts = apportion(&whole, &weights, places).unwrap();
            prop_assert_eq!(parts.is_none(), weights.iter().all(|w| *w <= ExactSum::ZERO));
            let Some(parts) = parts else { return Ok(()) };
            let mut total = ExactSum::ZERO;
            for (part, weight) in parts.iter().zip(&weights) {
                total.add(part).unwrap();
                prop_assert!(*weight > ExactSum::ZERO || part.is_zero());
                let same_sign = (*part >= ExactSum::ZERO) == (whole >= ExactSum::ZERO);
                prop_assert!(part.is_zero() || same_sign);
            }
            prop_assert_eq!(total, whole);
            // A greater weight never has less, but for one unit and what is below it.
            let unit = ExactSum::from_parts(i256::ONE, places).unwrap();
            for (a, left) in parts.iter().zip(&weights) {
                for (b, right) in parts.iter().zip(&weights) {
                    if left > right {
                        let (a, b) = if whole < ExactSum::ZERO { (-*a, -*b) } else { (*a, *b) };
                        let mut most = a;
                        most.add(&unit).unwrap();
                        most.add(&unit).unwrap();
                        prop_assert!(b <= most);
                    }
                }
            }
        }

        #[test]
        fn wide_division_is_that_of_128_bits(a in any::<u128>(), b in 1..u128::MAX, c in any::<u64>()) {
            let split = |value: u128| [value as u64, (value >> 64) as u64, 0, 0];
            let product = times(split(b), [c, 0, 0, 0]);
            let (quotient, rest) = divided(product, split(b));
            prop_assert_eq!(quotient, [c, 0, 0, 0]);
            prop_assert_eq!(rest, [0; 4]);
            let above = times(split(a), [1, 0, 0, 0]);
            prop_assert_eq!(divided(above, split(b)), (split(a / b), split(a % b)));
        }
    }
}
