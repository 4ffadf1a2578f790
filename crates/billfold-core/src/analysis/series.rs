//! Series: the groups of an answer as one cost per period, without gaps.

use std::collections::BTreeMap;

use crate::engine::Answer;
use crate::error::{Error, Result};
use crate::money::{Currency, ExactSum};
use crate::query::DimensionSource;
use crate::time::{Calendar, Granularity, Period, Window};

/// Cells above which series are no longer kept.
const MAX_CELLS: usize = 100_000_000;

/// The groups of an answer over its periods.
#[derive(Debug, Clone)]
pub struct SeriesSet {
    /// The names of the dimensions.
    pub key_names: Vec<String>,
    /// What cuts time into the periods.
    pub calendar: Calendar,
    /// Every period from the first to the last with a charge.
    pub periods: Vec<Period>,
    /// By currency, then keys.
    pub series: Vec<Series>,
    /// Whether a charge may count in several groups.
    pub overlaps: bool,
}

/// One group.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The currency of its costs.
    pub currency: Currency,
    /// By dimension, its value.
    pub keys: Vec<String>,
    /// Whether this is what `top` put together.
    pub is_others: bool,
    /// By period, the cost; `None` without a charge.
    pub cells: Vec<Option<ExactSum>>,
}

impl Series {
    /// The cost of a period, zero without a charge.
    pub fn cost(&self, at: usize) -> ExactSum {
        self.cells.get(at).copied().flatten().unwrap_or_default()
    }

    /// The first period with a charge.
    pub fn first(&self) -> Option<usize> {
        self.cells.iter().position(Option::is_some)
    }

    /// The last period with a charge.
    pub fn last(&self) -> Option<usize> {
        self.cells.iter().rposition(Option::is_some)
    }
}

impl SeriesSet {
    /// Lays out an answer. Errors: usage, for an answer without periods; a limit, for too many cells.
    pub fn new(answer: &Answer) -> Result<SeriesSet> {
        let calendar = answer.query.calendar();
        if calendar.granularity == Granularity::Total {
            return Err(Error::usage("a series needs periods").hint("add --duration daily"));
        }
        let hull = Window {
            start: answer.periods.first().and_then(|period| period.start),
            end: answer.periods.last().and_then(|period| period.end),
        };
        let periods = if answer.periods.is_empty() {
            Vec::new()
        } else {
            calendar.periods_in(&hull)?
        };
        let at: BTreeMap<&str, usize> = periods
            .iter()
            .enumerate()
            .map(|(at, period)| (period.label.as_str(), at))
            .collect();
        let mut found: BTreeMap<(Currency, bool, Vec<String>), Vec<Option<ExactSum>>> = BTreeMap::new();
        for row in answer.rows() {
            let keys: Vec<String> = row.keys().map(str::to_owned).collect();
            let place = at
                .get(row.period().label.as_str())
                .ok_or_else(|| Error::bug("a period outside of its hull"))?;
            if (found.len() + 1).saturating_mul(periods.len()) > MAX_CELLS {
                return Err(Error::limit(
                    "limit.cells",
                    format!(
                        "{} groups over {} periods are too many",
                        found.len() + 1,
                        periods.len()
                    ),
                )
                .hint("choose longer periods, fewer dimensions, or --top N"));
            }
            let cells = found
                .entry((row.currency(), row.is_others(), keys))
                .or_insert_with(|| vec![None; periods.len()]);
            cells[*place] = Some(row.cost());
        }
        let by = &answer.query.by;
        Ok(SeriesSet {
            key_names: by.iter().map(|d| d.name.clone()).collect(),
            calendar,
            periods,
            series: found
                .into_iter()
                .map(|((currency, is_others, keys), cells)| Series {
                    currency,
                    keys,
                    is_others,
                    cells,
                })
                .collect(),
            overlaps: by.iter().any(|d| d.source == DimensionSource::TagId),
        })
    }
}
