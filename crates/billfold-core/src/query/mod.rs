//! The question: what it groups by, when, which cost, which rows. No wire words, no files.

pub mod dimension;
pub mod facts;
pub mod filter;

use std::fmt;
use std::str::FromStr;

pub use dimension::{Dimension, DimensionSource};
pub use facts::{FactsQuery, RowOrder, RowOrderBy, RowsQuery};
pub use filter::{Condition, Filter, Test};

pub use crate::charge::{Clock, CostMetric};
use crate::error::{Error, Result};
use crate::money::Currency;
use crate::time::{Calendar, Granularity, Month, Tz, Weekday, Window};

/// One question about charges. It means the same for every dialect that asks it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChargeQuery {
    /// What to group by, in the order of the answer's columns.
    pub by: Vec<Dimension>,
    /// Length of the periods of the answer.
    pub granularity: Granularity,
    /// Zone whose days are the days of the answer.
    pub zone: Tz,
    /// First day of a week.
    pub week_start: Weekday,
    /// First month of a year.
    pub fiscal_start: Month,
    /// The rows' instants that count, half-open.
    pub window: Window,
    /// Which period of a charge the calendar looks at.
    pub clock: Clock,
    /// Which cost is summed.
    pub metric: CostMetric,
    /// Where a charge that spans periods belongs.
    pub allocation: Allocation,
    /// Which rows count.
    pub filter: Filter,
    /// In which order the groups leave.
    pub order: Order,
    /// Keep the N groups of the highest cost per currency and put the others together.
    pub top: Option<usize>,
    /// Groups to skip.
    pub offset: usize,
    /// Groups to return; all without it.
    pub limit: Option<usize>,
    /// Whether periods of the window without a charge appear with zero.
    pub fill: bool,
    /// The currency of rows in files that name none.
    pub default_currency: Option<Currency>,
}

impl ChargeQuery {
    /// The total of everything, in UTC: the question without options.
    pub fn total() -> Self {
        ChargeQuery {
            by: Vec::new(),
            granularity: Granularity::Total,
            zone: Tz::UTC,
            week_start: Weekday::Mon,
            fiscal_start: Month::January,
            window: Window::ALL,
            clock: Clock::Charge,
            metric: CostMetric::Effective,
            allocation: Allocation::Start,
            filter: Filter::default(),
            order: Order::default(),
            top: None,
            offset: 0,
            limit: None,
            fill: false,
            default_currency: None,
        }
    }

    /// Reads `column` from somewhere else than the format's mapping, wherever the question names it:
    /// `project_id` from `tag:team`, from `user_id`, or from one text for all rows.
    pub fn set(&mut self, column: &str, from: &DimensionSource) {
        let column = crate::charge::schema::canonical_name(column).unwrap_or(column);
        let wanted = DimensionSource::Column(column.to_owned());
        let conditions = self.filter.conditions.iter_mut().map(|c| &mut c.dimension);
        for dimension in self
            .by
            .iter_mut()
            .chain(conditions)
            .filter(|d| d.source == wanted)
        {
            dimension.source = from.clone();
        }
    }

    /// The calendar of the answer's periods.
    pub fn calendar(&self) -> Calendar {
        Calendar {
            zone: self.zone,
            granularity: self.granularity,
            week_start: self.week_start,
            fiscal_start: self.fiscal_start,
        }
    }
}

/// Where a charge that spans periods belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Allocation {
    /// Whole, to the period of its start, as the providers' consoles book it.
    #[default]
    Start,
    /// Split over its charge period by time, conserving every digit.
    Prorate,
}

impl FromStr for Allocation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "start" => Ok(Allocation::Start),
            "prorate" => Ok(Allocation::Prorate),
            _ => Err(Error::usage(format!(
                "\"{text}\" is not an allocation; expected start or prorate"
            ))),
        }
    }
}

impl fmt::Display for Allocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Allocation::Start => "start",
            Allocation::Prorate => "prorate",
        })
    }
}

/// In which order groups leave. Ties are broken by the key: dimensions in the order asked, period, currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Order {
    /// What is compared first.
    pub by: OrderBy,
    /// Highest first.
    pub descending: bool,
}

/// What groups are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OrderBy {
    /// The dimensions in the order asked (byte order), then period, then currency.
    #[default]
    Key,
    /// The cost, within each currency.
    Cost,
    /// The number of charges.
    Charges,
    /// The period, then the dimensions.
    Period,
}

impl FromStr for Order {
    type Err = Error;

    /// `key`, `cost`, `charges`, `period`, with `-` in front for highest first.
    fn from_str(text: &str) -> Result<Self> {
        let (descending, word) = text.strip_prefix('-').map_or((false, text), |word| (true, word));
        let by = match word {
            "key" => OrderBy::Key,
            "cost" => OrderBy::Cost,
            "charges" => OrderBy::Charges,
            "period" => OrderBy::Period,
            _ => {
                return Err(Error::usage(format!(
                    "\"{text}\" is not an order; expected key, cost, charges or period, with - in front for highest first"
                )));
            }
        };
        Ok(Order { by, descending })
    }
}
