//! What a scan must bring: the only way in which a question reaches ingest.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::money::Currency;
use crate::time::Window;

/// Which cost a question sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CostMetric {
    /// Amortised, after all discounts; where a row leaves it empty, its billed cost, counted.
    Effective,
    /// Basis of the invoice.
    Billed,
    /// At list unit price.
    List,
    /// At contracted unit price.
    Contracted,
    /// A money column in the export's own spelling, such as `lineItem/BlendedCost`.
    Source(String),
}

impl CostMetric {
    /// The schema's column for it; None for a source column.
    pub fn column(&self) -> Option<&'static str> {
        use crate::charge::schema::{BILLED_COST, CONTRACTED_COST, EFFECTIVE_COST, LIST_COST};
        match self {
            CostMetric::Effective => Some(EFFECTIVE_COST),
            CostMetric::Billed => Some(BILLED_COST),
            CostMetric::List => Some(LIST_COST),
            CostMetric::Contracted => Some(CONTRACTED_COST),
            CostMetric::Source(_) => None,
        }
    }
}

impl fmt::Display for CostMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CostMetric::Effective => "effective",
            CostMetric::Billed => "billed",
            CostMetric::List => "list",
            CostMetric::Contracted => "contracted",
            CostMetric::Source(name) => name,
        })
    }
}

impl FromStr for CostMetric {
    type Err = Error;

    /// The four words (with or without `_cost`), or else a column in the export's own spelling.
    fn from_str(text: &str) -> Result<Self> {
        Ok(match text.strip_suffix("_cost").unwrap_or(text) {
            "effective" => CostMetric::Effective,
            "billed" => CostMetric::Billed,
            "list" => CostMetric::List,
            "contracted" => CostMetric::Contracted,
            "" => {
                return Err(Error::usage(
                    "an empty metric; expected effective, billed, list, contracted or a cost column",
                ));
            }
            _ => CostMetric::Source(text.to_owned()),
        })
    }
}

/// Which period of a charge the calendar of an answer looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clock {
    /// When the charge was incurred.
    #[default]
    Charge,
    /// When it was invoiced.
    Billing,
}

impl FromStr for Clock {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "charge" => Ok(Clock::Charge),
            "billing" => Ok(Clock::Billing),
            _ => Err(Error::usage(format!(
                "\"{text}\" is not a clock; expected charge or billing"
            ))),
        }
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Clock::Charge => "charge",
            Clock::Billing => "billing",
        })
    }
}

/// What a question wants of the tags of charges. Each of these may be given where one before it was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WantedTags {
    /// They may stay unread.
    No,
    /// Each set is looked at a few times, however many charges have it, so that batches may carry numbers of sets that
    /// they share.
    Numbers,
    /// All sets of a batch are looked at, so that it has sets of its own and no others.
    Sets,
}

/// What a scan must bring, and what it may leave unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanHint {
    /// Text columns wanted, each once: a name of the schema, or a header in the export's spelling.
    pub text: Vec<String>,
    /// What is wanted of the tags.
    pub tags: WantedTags,
    /// The cost wanted.
    pub metric: CostMetric,
    /// Which period fills `period_start` of the batches.
    pub clock: Clock,
    /// The currency of rows in files that name none.
    pub default_currency: Option<Currency>,
    /// Rows outside of it may be skipped unread where statistics prove that they are outside.
    pub window: Window,
    /// Whether charges reach beyond their start (proration), so that the end counts when skipping.
    pub spans: bool,
    /// Whether batches carry the ends of charges, also where they do not count for skipping.
    pub ends: bool,
    /// Money and number columns wanted beside the cost, each once: names of the schema, or headers in the
    /// export's spelling.
    pub measures: Vec<String>,
}

impl ScanHint {
    /// Asks for when charges were, their currency and a cost, of all rows, and for nothing else.
    pub fn of_cost(metric: CostMetric) -> Self {
        ScanHint {
            text: Vec::new(),
            tags: WantedTags::No,
            metric,
            clock: Clock::Charge,
            default_currency: None,
            window: Window::ALL,
            spans: false,
            ends: false,
            measures: Vec::new(),
        }
    }

    /// Asks for a text column; its index in the batches.
    pub fn want_text(&mut self, name: &str) -> usize {
        want(&mut self.text, name)
    }

    /// Asks for the tags.
    pub fn want_tags(&mut self, wanted: WantedTags) {
        self.tags = self.tags.max(wanted);
    }

    /// Asks for a measure; its index in the batches.
    pub fn want_measure(&mut self, name: &str) -> usize {
        want(&mut self.measures, name)
    }
}

fn want(names: &mut Vec<String>, name: &str) -> usize {
    names.iter().position(|n| n == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}
