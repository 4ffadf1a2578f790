//! What a report says beside the costs: shares, changes, running totals, averages per day.
//!
//! All of it follows from exact costs by integers. Shares and percentages are quotients, so they are
//! rounded, half away from zero; the shares of a table are rounded by largest remainder and come to 100.

use billfold_core::money::{Amount, ExactSum, SumOverflow, largest_remainder, quotient};

/// Decimals of a share or a percentage.
pub const PERCENT_PLACES: u8 = 2;

/// How a cost changed from one period to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The later cost less the earlier one.
    pub absolute: ExactSum,
    /// The same as a part of the earlier one.
    pub relative: Relative,
}

/// A change as a part of what was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relative {
    /// In percent of the earlier cost's magnitude, with [`PERCENT_PLACES`] decimals.
    Percent(ExactSum),
    /// There was no charge before, or nothing that the printed decimals show.
    New,
    /// There is no charge any more.
    Gone,
    /// Nothing before and nothing now.
    Same,
}

impl Relative {
    /// `12.50%` with its sign, `new`, `gone` or nothing.
    pub fn text(&self) -> String {
        match self {
            Relative::Percent(percent) => signed(percent, PERCENT_PLACES) + "%",
            Relative::New => "new".to_owned(),
            Relative::Gone => "gone".to_owned(),
            Relative::Same => String::new(),
        }
    }
}

/// A number with its sign, also where it is positive.
pub fn signed(number: &ExactSum, places: u8) -> String {
    let text = number.rounded(places);
    if text.starts_with('-') || text.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
        text
    } else {
        format!("+{text}")
    }
}

/// The change from `before` to `now`.
///
/// A base that `places` decimals would print as zero has no percentage: a change from it is new. A cost
/// that falls to nothing is gone where no charge is left, and -100% where charges cancel.
pub fn change(before: Option<ExactSum>, now: Option<ExactSum>, places: u8) -> Result<Change, SumOverflow> {
    let (old, new) = (before.unwrap_or_default(), now.unwrap_or_default());
    let mut absolute = new;
    absolute.sub(&old)?;
    let base_is_nothing = old.round_to(places).is_zero();
    let relative = if base_is_nothing && new.round_to(places).is_zero() {
        Relative::Same
    } else if base_is_nothing {
        Relative::New
    } else if now.is_none() {
        Relative::Gone
    } else {
        let magnitude = if old < ExactSum::ZERO { -old } else { old };
        match percent(&absolute, &magnitude)? {
            Some(percent) => Relative::Percent(percent),
            None => Relative::New,
        }
    };
    Ok(Change { absolute, relative })
}

/// By part, its share of the whole in percent; nothing where the whole is zero.
///
/// Parts that come to the whole have shares that come to 100; others are rounded by themselves.
pub fn shares(parts: &[ExactSum], whole: &ExactSum) -> Result<Option<Vec<ExactSum>>, SumOverflow> {
    if whole.is_zero() {
        return Ok(None);
    }
    let mut sum = ExactSum::ZERO;
    for part in parts {
        sum.add(part)?;
    }
    if sum != *whole {
        let each = parts
            .iter()
            .map(|part| percent(part, whole))
            .collect::<Result<Option<Vec<_>>, _>>()?;
        return Ok(each);
    }
    // Quotients with many more digits than are printed, then the largest remainder; what the digits cut off
    // is far below a unit, and the last part takes it.
    let mut fine = Vec::with_capacity(parts.len());
    let mut rest = hundred();
    for part in parts {
        let Some(share) = quotient(part, whole, 100, FINE_PLACES)? else {
            return Ok(None);
        };
        rest.sub(&share)?;
        fine.push(share);
    }
    if let Some(last) = fine.iter_mut().rev().find(|share| !share.is_zero()) {
        last.add(&rest)?;
    }
    largest_remainder(&fine, PERCENT_PLACES).map(Some)
}

/// Decimals of a share before it is rounded.
const FINE_PLACES: u8 = 12;

fn hundred() -> ExactSum {
    Amount::new(100, 0).map(ExactSum::from).unwrap_or_default()
}

/// By period, the cost up to and with it; a period without a charge carries the cost before it.
pub fn running(cells: &[Option<ExactSum>]) -> Result<Vec<Option<ExactSum>>, SumOverflow> {
    let mut sum: Option<ExactSum> = None;
    cells
        .iter()
        .map(|cell| {
            if let Some(cell) = cell {
                sum.get_or_insert_default().add(cell)?;
            }
            Ok(sum)
        })
        .collect()
}

/// A cost per day, with `places` decimals; nothing for no days.
pub fn per_day(cost: &ExactSum, days: u64, places: u8) -> Result<Option<ExactSum>, SumOverflow> {
    if days == 0 {
        return Ok(None);
    }
    let days = Amount::new(i128::from(days), 0)
        .map(ExactSum::from)
        .ok_or(SumOverflow)?;
    quotient(cost, &days, 1, places)
}

/// `part` out of `whole` in thousandths, between -1000 and 1000; zero where the whole is.
pub fn thousandths(part: &ExactSum, whole: &ExactSum) -> i16 {
    let part = quotient(part, whole, 1000, 0).ok().flatten().unwrap_or_default();
    let (units, _) = part.parts();
    let units = units.to_i128().unwrap_or(0).clamp(-1000, 1000);
    i16::try_from(units).unwrap_or(0)
}

/// `100 × part / whole`, with [`PERCENT_PLACES`] decimals.
fn percent(part: &ExactSum, whole: &ExactSum) -> Result<Option<ExactSum>, SumOverflow> {
    quotient(part, whole, 100, PERCENT_PLACES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(text: &str) -> ExactSum {
        ExactSum::from(Amount::parse(text.as_bytes()).unwrap())
    }

    #[track_caller]
    fn check(before: Option<&str>, now: Option<&str>, absolute: &str, relative: &str) {
        let change = change(before.map(exact), now.map(exact), 2).unwrap();
        assert_eq!(change.absolute.to_string(), absolute);
        assert_eq!(change.relative.text(), relative);
    }

    #[test]
    fn a_change_has_a_percentage_where_there_was_something_to_print() {
        check(Some("80"), Some("100"), "20", "+25.00%");
        check(Some("-80"), Some("-100"), "-20", "-25.00%");
        check(Some("100"), Some("100"), "0", "0.00%");
        check(None, Some("1"), "1", "new");
        check(Some("0.001"), Some("1"), "0.999", "new");
        check(Some("1"), None, "-1", "gone");
        check(Some("1"), Some("0"), "-1", "-100.00%");
        check(None, None, "0", "");
        check(Some("3"), Some("4"), "1", "+33.33%");
    }

    #[test]
    fn quotients_round_half_away_from_zero() {
        let of = |part: &str, whole: &str| percent(&exact(part), &exact(whole)).unwrap().unwrap().to_string();
        assert_eq!(of("1", "8"), "12.5");
        assert_eq!(of("1", "20000"), "0.01");
        assert_eq!(of("-1", "20000"), "-0.01");
        assert_eq!(of("1", "-20000"), "-0.01");
        assert_eq!(percent(&exact("1"), &exact("0")).unwrap(), None);
        assert_eq!(per_day(&exact("1"), 3, 4).unwrap().unwrap().to_string(), "0.3333");
        assert_eq!(per_day(&exact("1"), 0, 4).unwrap(), None);
    }

    #[test]
    fn a_running_total_carries_over_gaps() {
        let cells = [None, Some(exact("1.5")), None, Some(exact("-0.5"))];
        let texts: Vec<_> = running(&cells)
            .unwrap()
            .iter()
            .map(|c| c.map(|c| c.to_string()))
            .collect();
        assert_eq!(
            texts,
            [None, Some("1.5".into()), Some("1.5".into()), Some("1".into())]
        );
    }

    proptest! {
        #[test]
        fn shares_of_parts_come_to_a_hundred(parts in prop::collection::vec((any::<i64>(), 0u8..=20), 1..30)) {
            let parts: Vec<_> = parts.iter().map(|&(n, scale)| {
                ExactSum::from(Amount::new(n.into(), scale).unwrap())
            }).collect();
            let mut whole = ExactSum::ZERO;
            for part in &parts {
                whole.add(part).unwrap();
            }
            if let Some(shares) = shares(&parts, &whole).unwrap() {
                let mut sum = ExactSum::ZERO;
                for share in &shares {
                    sum.add(share).unwrap();
                }
                prop_assert_eq!(sum, exact("100"));
            }
        }
    }
}
