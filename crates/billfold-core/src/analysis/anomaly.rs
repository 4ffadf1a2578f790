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
        let history = history_of(series, first, at, thresholds.baseline);
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
            let charged = history.iter().filter(|at| series.cells[**at].is_some()).count();
            let is_regular = charged * 2 > history.len();
            let is_gone = !is_open && is_regular && magnitude(&expected) >= min_amount && !expected.is_zero();
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
