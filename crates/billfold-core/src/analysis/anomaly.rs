//! Anomalies: periods whose cost is far from the median of the periods before them.
//!
//! For a group `g` and a period `t`, let `H` be the costs of the periods before `t` that the baseline names,
//! counted from the group's first charge, zero where it had none; `m` the median of `H`; `s = 1.4826 × median
//! of |h − m|` over `H`, which for a normal distribution is its standard deviation; `d = cost − m`. Then `t` is
//!
//! * `high` or `low`, where `|d| > factor × s`, `|d| ≥ min_amount` and `100 × |d| ≥ min_percent × |m|`;
//! * `new`, where it is the group's first charge, at least `min_history` periods into the bill, and
//!   `|cost| ≥ min_amount`; what was expected is nothing;
//! * `gone`, where it is the period after the group's last charge, more than half of `H` had a charge and
//!   `|m| ≥ min_amount`.
//!
//! Where half of `H` or more has no charge, the group is a sporadic one: then `H` is the costs of those of its
//! periods that have a charge, and periods without one are not judged.
//!
//! A period with fewer than `min_history` costs in `H` is not judged. The last period of a bill may still be
//! open: unless it is said to be closed it can be `high` or `new`, never `low` or `gone`.
//!
//! A median does not follow a spike, so that one bad day hides no other; after a lasting change of level it
//! follows when half of the baseline is new. All of it is exact; only the printed score and percentage are
//! rounded.

use std::cmp::Ordering;

use super::overflow;
use super::series::{Series, SeriesSet};
use crate::error::{Error, Result};
use crate::money::{Amount, Currency, ExactSum, SumOverflow, median, quotient};
use crate::time::{Granularity, Period};

/// Decimals of a score and of a percentage.
pub const PLACES: u8 = 2;

/// 1.4826, in ten thousandths.
const NORMAL: i128 = 14_826;
const NORMAL_UNIT: i128 = 10_000;

/// Which periods a period is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// So many periods before it.
    Trailing(usize),
    /// The same weekday of so many weeks before it.
    Weekday(usize),
}

/// What counts as an anomaly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// What a period is compared with.
    pub baseline: Baseline,
    /// Costs that a judgement needs.
    pub min_history: usize,
    /// Deviation in spreads.
    pub factor: Amount,
    /// Deviation in money.
    pub min_amount: Amount,
    /// Deviation in percent of what was expected.
    pub min_percent: Amount,
    /// Whether the last period is complete.
    pub is_closed: bool,
}

/// What an anomaly is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// More than expected.
    High,
    /// Less than expected.
    Low,
    /// A group that was not there.
    New,
    /// A group that is no longer there.
    Gone,
}

impl Kind {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::High => "high",
            Kind::Low => "low",
            Kind::New => "new",
            Kind::Gone => "gone",
        }
    }
}

/// One period of one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Anomaly {
    /// The currency of its amounts.
    pub currency: Currency,
    /// By dimension, the group's value.
    pub keys: Vec<String>,
    /// Whether the group is what `top` put together.
    pub is_others: bool,
    /// The period.
    pub period: Period,
    /// What is odd about it.
    pub kind: Kind,
    /// What it cost.
    pub actual: ExactSum,
    /// The median of its baseline.
    pub expected: ExactSum,
    /// `actual − expected`.
    pub deviation: ExactSum,
    /// The deviation in percent of the magnitude expected; none where nothing was.
    pub percent: Option<ExactSum>,
    /// The deviation in spreads; none where all costs of the baseline are one.
    pub score: Option<ExactSum>,
    /// Costs in the baseline.
    pub history: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Anomalies {
    /// By currency, then period, then the greatest deviation first.
    pub found: Vec<Anomaly>,
    /// Periods of groups that were judged.
    pub n_judged: u64,
    /// Periods of groups with too short a history.
    pub n_unjudged: u64,
}

/// Judges every period of every group.
///
/// Errors: usage, for a baseline of weekdays without days, or one shorter than the history needed; a limit, for numbers beyond 256 bits.
pub fn find(set: &SeriesSet, thresholds: &Thresholds) -> Result<Anomalies> {
    let longest = match thresholds.baseline {
        Baseline::Trailing(n) | Baseline::Weekday(n) => n,
    };
    if thresholds.min_history == 0 || longest < thresholds.min_history {
        return Err(Error::usage(format!(
            "a baseline of {longest} periods never has the {} that a judgement needs",
            thresholds.min_history
        ))
        .hint("the history needed is at least 1, and at most the window"));
    }
    if matches!(thresholds.baseline, Baseline::Weekday(_)) && set.calendar.granularity != Granularity::Daily {
        return Err(
            Error::usage("only days have weekdays").hint("use --duration daily, or --baseline trailing")
        );
    }
    let mut anomalies = Anomalies::default();
    for series in &set.series {
        judge_series(set, series, thresholds, &mut anomalies).map_err(overflow)?;
    }
    anomalies.found.sort_by(|a, b| {
        (a.currency, a.period.start)
            .cmp(&(b.currency, b.period.start))
            .then_with(|| magnitude(&b.deviation).cmp(&magnitude(&a.deviation)))
            .then_with(|| (&a.keys, a.is_others).cmp(&(&b.keys, b.is_others)))
    });
    Ok(anomalies)
}

fn judge_series(
    set: &SeriesSet,
    series: &Series,
    thresholds: &Thresholds,
    into: &mut Anomalies,
) -> std::result::Result<(), SumOverflow> {
    let (Some(first), Some(last)) = (series.first(), series.last()) else {
        return Ok(());
    };
    let n = series.cells.len();
    let min_amount = ExactSum::from(thresholds.min_amount);
    for at in first..n.min(last + 2) {
        let is_open = at + 1 == n && !thresholds.is_closed;
        let actual = series.cost(at);
        let mut tell = |kind, expected: ExactSum, spread: Option<ExactSum>, history| {
            anomaly(set, series, at, kind, expected, spread, history).map(|anomaly| into.found.push(anomaly))
        };
        if at == first {
            if first < thresholds.min_history {
                into.n_unjudged += 1;
            } else {
                into.n_judged += 1;
                if magnitude(&actual) >= min_amount && !actual.is_zero() {
                    tell(Kind::New, ExactSum::ZERO, None, 0)?;
                }
            }
            continue;
        }
        let mut history = history_of(series, first, at, thresholds.baseline);
        let has_charge = |at: &usize| series.cells.get(*at).is_some_and(Option::is_some);
        let n_charged = history.iter().filter(|at| has_charge(at)).count();
        if n_charged * 2 <= history.len() && history.len() >= thresholds.min_history {
            // Nothing is odd about one more day without a charge.
            if !has_charge(&at) {
                continue;
            }
            history.retain(has_charge);
        }
        if history.len() < thresholds.min_history {
            into.n_unjudged += 1;
            continue;
        }
        into.n_judged += 1;
        let costs: Vec<ExactSum> = history.iter().map(|at| series.cost(*at)).collect();
        let expected = median(&costs)?.unwrap_or_default();
        let distances = costs
            .iter()
            .map(|cost| distance(cost, &expected))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        let spread = median(&distances)?.unwrap_or_default();
        if at > last {
            // What is sporadic never came so far: its days without a charge are not judged.
            let is_gone = !is_open && magnitude(&expected) >= min_amount && !expected.is_zero();
            if is_gone {
                tell(Kind::Gone, expected, Some(spread), history.len())?;
            }
            continue;
        }
        let kind = match actual.cmp(&expected) {
            Ordering::Equal => continue,
            Ordering::Greater => Kind::High,
            Ordering::Less if is_open => continue,
            Ordering::Less => Kind::Low,
        };
        let off = distance(&actual, &expected)?;
        if off >= min_amount
            && exceeds_spread(&off, thresholds.factor, &spread)?
            && reaches_percent(&off, thresholds.min_percent, &expected)?
        {
            tell(kind, expected, Some(spread), history.len())?;
        }
    }
    Ok(())
}

/// The periods that a period is compared with.
fn history_of(series: &Series, first: usize, at: usize, baseline: Baseline) -> Vec<usize> {
    debug_assert!(first < at && at <= series.cells.len());
    match baseline {
        Baseline::Trailing(n) => (first.max(at.saturating_sub(n))..at).collect(),
        Baseline::Weekday(n) => (1..=n)
            .map_while(|weeks| at.checked_sub(7 * weeks))
            .take_while(|day| *day >= first)
            .collect(),
    }
}

fn anomaly(
    set: &SeriesSet,
    series: &Series,
    at: usize,
    kind: Kind,
    expected: ExactSum,
    spread: Option<ExactSum>,
    history: usize,
) -> std::result::Result<Anomaly, SumOverflow> {
    let actual = series.cost(at);
    let mut deviation = actual;
    deviation.sub(&expected)?;
    let score = match spread {
        Some(spread) => quotient(
            &times(&magnitude(&deviation), NORMAL_UNIT)?,
            &times(&spread, NORMAL)?,
            1,
            PLACES,
        )?,
        None => None,
    };
    Ok(Anomaly {
        currency: series.currency,
        keys: series.keys.clone(),
        is_others: series.is_others,
        period: set.periods[at].clone(),
        kind,
        actual,
        expected,
        deviation,
        percent: quotient(&deviation, &magnitude(&expected), 100, PLACES)?,
        score,
        history,
    })
}

/// `off > factor × 1.4826 × spread`, in integers.
fn exceeds_spread(
    off: &ExactSum,
    factor: Amount,
    spread: &ExactSum,
) -> std::result::Result<bool, SumOverflow> {
    let allowed = times(&product(spread, factor)?, NORMAL)?;
    Ok(times(off, NORMAL_UNIT)? > allowed)
}

/// `100 × off ≥ percent × |expected|`, in integers.
fn reaches_percent(
    off: &ExactSum,
    percent: Amount,
    expected: &ExactSum,
) -> std::result::Result<bool, SumOverflow> {
    Ok(times(off, 100)? >= product(&magnitude(expected), percent)?)
}

fn magnitude(sum: &ExactSum) -> ExactSum {
    if *sum < ExactSum::ZERO { -*sum } else { *sum }
}

fn distance(a: &ExactSum, b: &ExactSum) -> std::result::Result<ExactSum, SumOverflow> {
    let mut off = *a;
    off.sub(b)?;
    Ok(magnitude(&off))
}

fn times(sum: &ExactSum, by: i128) -> std::result::Result<ExactSum, SumOverflow> {
    let (value, scale) = sum.parts();
    value
        .checked_mul(arrow::datatypes::i256::from_i128(by))
        .and_then(|value| ExactSum::from_parts(value, scale))
        .ok_or(SumOverflow)
}

fn product(sum: &ExactSum, by: Amount) -> std::result::Result<ExactSum, SumOverflow> {
    let grown = times(sum, by.mantissa())?;
    let (value, scale) = grown.parts();
    let scale = scale.checked_add(by.scale()).ok_or(SumOverflow)?;
    ExactSum::from_parts(value, scale).ok_or(SumOverflow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Calendar, Tz, Window};
    use proptest::prelude::*;

    fn amount(text: &str) -> Amount {
        Amount::parse(text.as_bytes()).unwrap()
    }

    fn thresholds() -> Thresholds {
        Thresholds {
            baseline: Baseline::Trailing(14),
            min_history: 7,
            factor: amount("3.5"),
            min_amount: amount("1"),
            min_percent: amount("25"),
            is_closed: true,
        }
    }

    /// Days from 2024-01-01, a Monday; "." is a day without a charge.
    fn days(costs: &[&str]) -> SeriesSet {
        let calendar = Calendar::new(Tz::UTC, Granularity::Daily);
        let day = 86_400_000_000;
        let start = 19_723 * day;
        let window = Window {
            start: Some(start),
            end: Some(start + day * i64::try_from(costs.len()).unwrap()),
        };
        SeriesSet {
            key_names: vec!["service_name".to_owned()],
            calendar,
            periods: calendar.periods_in(&window).unwrap(),
            series: vec![Series {
                currency: Currency::parse(b"USD").unwrap(),
                keys: vec!["a".to_owned()],
                is_others: false,
                cells: costs
                    .iter()
                    .map(|cost| (*cost != ".").then(|| ExactSum::from(amount(cost))))
                    .collect(),
            }],
            overlaps: false,
        }
    }

    fn shown(found: &Anomalies) -> Vec<String> {
        let text = |n: Option<ExactSum>| n.map_or("-".to_owned(), |n| n.to_string());
        found
            .found
            .iter()
            .map(|a| {
                format!(
                    "{} {} {} for {} ({}%, {})",
                    a.period.label,
                    a.kind.as_str(),
                    a.actual,
                    a.expected,
                    text(a.percent),
                    text(a.score)
                )
            })
            .collect()
    }

    #[test]
    fn a_planted_spike_and_a_planted_hole_are_found_and_nothing_else() {
        let mut costs = vec!["10", "11", "9", "10", "11", "9", "10", "11", "9", "10"];
        assert_eq!(shown(&find(&days(&costs), &thresholds()).unwrap()), [""; 0]);
        costs[8] = "60";
        costs.extend(["10.5", "1", "10"]);
        let found = find(&days(&costs), &thresholds()).unwrap();
        assert_eq!(
            shown(&found),
            [
                "2024-01-09 high 60 for 10 (500%, 33.72)",
                "2024-01-12 low 1 for 10 (-90%, 6.07)"
            ]
        );
        assert_eq!((found.n_judged, found.n_unjudged), (6, 7));
    }

    #[test]
    fn thresholds_of_money_and_percent_hold_each_by_itself() {
        let costs = ["10", "10", "10", "10", "10", "10", "10", "13"];
        let with = |min_amount, min_percent| Thresholds {
            min_amount: amount(min_amount),
            min_percent: amount(min_percent),
            ..thresholds()
        };
        assert_eq!(
            shown(&find(&days(&costs), &with("3", "30")).unwrap()),
            ["2024-01-08 high 13 for 10 (30%, -)"]
        );
        assert_eq!(find(&days(&costs), &with("3.01", "30")).unwrap().found, []);
        assert_eq!(find(&days(&costs), &with("3", "30.01")).unwrap().found, []);
    }

    #[test]
    fn a_group_that_comes_late_is_new_and_one_that_ends_is_gone() {
        let costs = [
            ".", ".", ".", ".", ".", ".", ".", "5", "5", "5", "5", "5", "5", "5", ".", ".",
        ];
        assert_eq!(
            shown(&find(&days(&costs), &thresholds()).unwrap()),
            [
                "2024-01-08 new 5 for 0 (-%, -)",
                "2024-01-15 gone 0 for 5 (-100%, -)"
            ]
        );
        // In the first days of a bill everything is new, and nothing is said of it.
        let found = find(&days(&[".", "5", "5"]), &thresholds()).unwrap();
        assert_eq!(found.found, []);
    }

    #[test]
    fn a_sporadic_cost_is_compared_with_those_before_it_and_not_with_nothing() {
        let mut costs = [".", ".", "50"].repeat(14);
        costs[41] = "200";
        let wide = Thresholds {
            baseline: Baseline::Trailing(28),
            ..thresholds()
        };
        let all = [vec!["50"], costs.clone()].concat();
        assert_eq!(
            shown(&find(&days(&all), &wide).unwrap()),
            ["2024-02-12 high 200 for 50 (300%, -)"]
        );
        // Its end is no news either.
        let all = [vec!["50"], costs[..41].to_vec(), vec!["."; 20]].concat();
        assert_eq!(find(&days(&all), &wide).unwrap().found, []);
    }

    #[test]
    fn the_last_period_is_not_low_while_it_may_be_open() {
        let costs = ["10", "10", "10", "10", "10", "10", "10", "1"];
        assert_eq!(find(&days(&costs), &thresholds()).unwrap().found.len(), 1);
        let open = Thresholds {
            is_closed: false,
            ..thresholds()
        };
        assert_eq!(find(&days(&costs), &open).unwrap().found, []);
        let costs = ["10", "10", "10", "10", "10", "10", "10", "100"];
        assert_eq!(find(&days(&costs), &open).unwrap().found.len(), 1);
    }

    #[test]
    fn mondays_are_compared_with_mondays() {
        // Weekends are cheap; a dear Sunday is no dearer than a Monday.
        let week = ["100", "101", "99", "100", "100", "10", "10"];
        let mut costs: Vec<&str> = week.iter().copied().cycle().take(42).collect();
        costs[41] = "100";
        let weekday = Thresholds {
            baseline: Baseline::Weekday(8),
            min_history: 4,
            ..thresholds()
        };
        assert_eq!(
            shown(&find(&days(&costs), &weekday).unwrap()),
            ["2024-02-11 high 100 for 10 (900%, -)"]
        );
        costs[41] = "10";
        assert_eq!(find(&days(&costs), &weekday).unwrap().found, []);
    }

    #[test]
    fn thresholds_that_can_never_hold_are_refused() {
        let short = Thresholds {
            baseline: Baseline::Trailing(3),
            ..thresholds()
        };
        assert!(find(&days(&["1"]), &short).is_err());
    }

    proptest! {
        #[test]
        fn a_cost_that_never_changes_is_never_odd(cost in 1i64..1_000_000, n in 1usize..60) {
            let text = cost.to_string();
            let costs = vec![text.as_str(); n];
            prop_assert_eq!(find(&days(&costs), &thresholds()).unwrap().found, []);
        }

        #[test]
        fn a_scale_for_all_costs_changes_no_judgement(costs in prop::collection::vec(0i64..1000, 8..40)) {
            let all = |factor: i64| {
                let texts: Vec<String> = costs.iter().map(|cost| (cost * factor).to_string()).collect();
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                let any_amount = Thresholds { min_amount: amount("0"), ..thresholds() };
                let found = find(&days(&texts), &any_amount).unwrap();
                found.found.into_iter().map(|a| (a.period.label, a.kind, a.score)).collect::<Vec<_>>()
            };
            let (mut one, mut seven) = (all(1), all(7));
            one.sort();
            seven.sort();
            prop_assert_eq!(one, seven);
        }
    }
}
