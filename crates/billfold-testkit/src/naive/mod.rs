//! The slow exact oracle: a loop over rows, big integers, no cleverness.
//!
//! It answers what the engine answers, by the written semantics alone: allocation, proration, clocks,
//! metrics with their fallback, tags, filters. Ask it about [`carried`](crate::output::carried) charges
//! when the engine reads a file. Not here: files, receipts, rejected rows.

mod big;
mod calendar;

use std::collections::{BTreeMap, BTreeSet};

pub use self::big::Big;
pub use self::calendar::{Calendar, Granularity, Period};
pub use chrono::Weekday;
pub use chrono_tz::Tz;

use crate::charge::{Charge, Tag};
use crate::decimal::Decimal;

/// Whose period a charge is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clock {
    /// When it was incurred.
    #[default]
    Charge,
    /// When it was invoiced.
    Billing,
}

/// Which cost is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Metric {
    /// Falls back to billed, row by row.
    #[default]
    Effective,
    Billed,
    List,
    Contracted,
}

impl Metric {
    /// The cost of a row. A list or contracted cost that the row lacks is nothing.
    pub fn of(self, charge: &Charge) -> Option<Decimal> {
        match self {
            Metric::Effective => Some(charge.effective_cost.unwrap_or(charge.billed_cost)),
            Metric::Billed => Some(charge.billed_cost),
            Metric::List => charge.list_cost,
            Metric::Contracted => charge.contracted_cost,
        }
    }

    /// The word of options.
    pub fn word(self) -> &'static str {
        match self {
            Metric::Effective => "effective",
            Metric::Billed => "billed",
            Metric::List => "list",
            Metric::Contracted => "contracted",
        }
    }
}

/// What becomes of a charge that spans periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Allocate {
    /// All of it belongs to the period of its start.
    #[default]
    Start,
    /// It is split by time.
    Prorate,
}

/// What a filter asks of a dimension. For `tag_id`, one of the row's tags must pass; `Not` and
/// `Absent` are about all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Test {
    Equals(String),
    Not(String),
    In(Vec<String>),
    Contains(String),
    Prefix(String),
    /// The row has no value.
    Absent,
}

impl Test {
    fn passes(&self, value: &str) -> bool {
        match self {
            Test::Equals(text) => value == text,
            Test::Not(text) => value != text,
            Test::In(list) => list.iter().any(|text| value == text),
            Test::Contains(text) => value.contains(text.as_str()),
            Test::Prefix(text) => value.starts_with(text.as_str()),
            Test::Absent => value.is_empty(),
        }
    }
}

/// A condition on one dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// A dimension of [`Question::by`].
    pub dimension: String,
    /// What its value must be.
    pub test: Test,
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// Dimensions: those of [`Charge::dimension`], `tag_id`, `tag:KEY`. A name that is none answers "".
    pub by: Vec<String>,
    /// Kind of period.
    pub granularity: Granularity,
    /// Zone, week and fiscal year.
    pub calendar: Calendar,
    /// Half-open, UTC microseconds; `None` is unbounded.
    pub window: (Option<i64>, Option<i64>),
    /// Whose period.
    pub clock: Clock,
    /// Which cost.
    pub metric: Metric,
    /// What of charges that span periods.
    pub allocate: Allocate,
    /// All must pass.
    pub filters: Vec<Filter>,
}

impl Default for Question {
    /// The effective cost in total, UTC, weeks from Monday.
    fn default() -> Question {
        Question {
            by: Vec::new(),
            granularity: Granularity::Total,
            calendar: Calendar {
                zone: Tz::UTC,
                week_start: Weekday::Mon,
                fiscal_start: 1,
            },
            window: (None, None),
            clock: Clock::default(),
            metric: Metric::default(),
            allocate: Allocate::default(),
            filters: Vec::new(),
        }
    }
}

/// One line of an answer. Lines are sorted by keys, then by the period's start, then by currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// One value for each dimension asked for.
    pub keys: Vec<String>,
    /// The period's label.
    pub period: String,
    /// The period's first instant, `i64::MIN` for the total.
    pub start: i64,
    /// The instant after the period, `i64::MAX` for the total.
    pub end: i64,
    /// ISO code.
    pub currency: String,
    /// The exact sum, canonical.
    pub sum: String,
    /// Charges that have a part in it.
    pub charges: u64,
}

/// A tag as `tag_id` names it: `key=value`, or the id alone.
pub fn tag_id(tag: &Tag) -> String {
    match &tag.value {
        Some(value) => format!("{}={value}", tag.key),
        None => tag.key.clone(),
    }
}

/// All values of a dimension that a charge stands under: one, but for `tag_id`.
fn values(charge: &Charge, dimension: &str) -> Vec<String> {
    if dimension == "tag_id" {
        let ids: BTreeSet<String> = charge.tags.iter().map(tag_id).collect();
        return if ids.is_empty() {
            vec![String::new()]
        } else {
            ids.into_iter().collect()
        };
    }
    let value = match dimension.strip_prefix("tag:") {
        Some(key) => charge
            .tags
            .iter()
            .find(|t| t.key == key)
            .and_then(|t| t.value.clone())
            .unwrap_or_default(),
        None => charge.dimension(dimension).map(String::from).unwrap_or_default(),
    };
    vec![value]
}

fn passes(charge: &Charge, filter: &Filter) -> bool {
    let values = values(charge, &filter.dimension);
    match filter.test {
        Test::Not(_) => values.iter().all(|v| filter.test.passes(v)),
        _ => values.iter().any(|v| filter.test.passes(v)),
    }
}

fn in_window(question: &Question, at: i64) -> bool {
    question.window.0.is_none_or(|start| start <= at) && question.window.1.is_none_or(|end| at < end)
}

/// The parts of one charge: a period and its share of the cost.
fn parts(charge: &Charge, question: &Question) -> Vec<(Period, Big)> {
    let (start, end) = match question.clock {
        Clock::Charge => (charge.charge_start, charge.charge_end),
        Clock::Billing => (charge.billing_start, charge.billing_end),
    };
    let cost = question.metric.of(charge).unwrap_or_default();
    let period = |at| question.calendar.period_of(question.granularity, at);
    if question.allocate == Allocate::Start || end <= start {
        return if in_window(question, start) {
            vec![(period(start), Big::of(cost))]
        } else {
            Vec::new()
        };
    }
    let until = |at: i64| Big::share(cost, start.abs_diff(at), start.abs_diff(end));
    let mut at = start.max(question.window.0.unwrap_or(i64::MIN));
    let stop = end.min(question.window.1.unwrap_or(i64::MAX));
    let mut parts = Vec::new();
    while at < stop {
        let bucket = period(at);
        let next = bucket.end.min(stop);
        parts.push((bucket, until(next).minus(&until(at))));
        at = next;
    }
    parts
}

/// Every combination of one value of each dimension.
fn keys(charge: &Charge, by: &[String]) -> Vec<Vec<String>> {
    by.iter().fold(vec![Vec::new()], |keys, dimension| {
        let values = values(charge, dimension);
        let extend = |key: Vec<String>| {
            values
                .iter()
                .map(move |v| key.iter().cloned().chain([v.clone()]).collect())
                .collect::<Vec<_>>()
        };
        keys.into_iter().flat_map(extend).collect()
    })
}

/// Answers a question from rows.
pub fn answer(charges: &[Charge], question: &Question) -> Vec<Line> {
    type Group = (Vec<String>, i64, i64, String, String);
    let mut groups: BTreeMap<Group, (Big, u64)> = BTreeMap::new();
    for charge in charges
        .iter()
        .filter(|c| question.filters.iter().all(|f| passes(c, f)))
    {
        let keys = keys(charge, &question.by);
        for (period, share) in parts(charge, question) {
            for key in &keys {
                let currency = charge.billing_currency.clone();
                let group = (
                    key.clone(),
                    period.start,
                    period.end,
                    period.label.clone(),
                    currency,
                );
                let (sum, n) = groups.entry(group).or_default();
                sum.add(&share);
                *n += 1;
            }
        }
    }
    let line = |((keys, start, end, period, currency), (sum, charges)): (Group, (Big, u64))| Line {
        keys,
        period,
        start,
        end,
        currency,
        sum: sum.to_string(),
        charges,
    };
    groups.into_iter().map(line).collect()
}

/// The total of a question by currency: each charge once, whatever the dimensions.
pub fn totals(charges: &[Charge], question: &Question) -> BTreeMap<String, String> {
    let whole = Question {
        by: Vec::new(),
        granularity: Granularity::Total,
        ..question.clone()
    };
    answer(charges, &whole)
        .into_iter()
        .map(|line| (line.currency, line.sum))
        .collect()
}

/// Lines as text, cells parted by tabs: keys, period, currency, sum, charges. For comparing in tests.
pub fn render(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        let charges = line.charges.to_string();
        let rest = [line.period.as_str(), &line.currency, &line.sum, &charges];
        let cells: Vec<&str> = line.keys.iter().map(String::as_str).chain(rest).collect();
        text.push_str(&cells.join("\t"));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests;
