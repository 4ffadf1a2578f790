//! The plan: a question with everything refused that a user can get wrong, bound to batch columns.
//! Stage: bound request. Plain data.

use crate::charge::schema::BILLING_CURRENCY;
use crate::charge::{ScanHint, WantedTags};
use crate::error::{Error, Result};
use crate::query::{Allocation, ChargeQuery, Clock, Condition, Dimension, DimensionSource};
use crate::time::Calendar;

/// A question, bound.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The question.
    pub query: ChargeQuery,
    /// The calendar of its periods.
    pub calendar: Calendar,
    /// Per dimension, where a batch keeps its values.
    pub dimensions: Vec<BatchColumn>,
    /// The filters, with where a batch keeps what they test.
    pub conditions: Vec<(BatchColumn, Condition)>,
    /// What a scan must bring.
    pub hint: ScanHint,
}

/// Where a batch keeps the values of a dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchColumn {
    /// Text column of this index.
    Text(usize),
    /// The currency of the charge: one spelling, whatever the file's.
    Currency,
    /// Every tag.
    TagId,
    /// The value of one tag.
    TagKey(String),
    /// One text for all rows.
    Constant(String),
}

impl Plan {
    /// Binds a question.
    ///
    /// Errors: a question that contradicts itself (proration with the billing clock, `top` without a
    /// dimension, two dimensions that are every tag).
    pub fn new(query: ChargeQuery) -> Result<Self> {
        Plan::over(query, None)
    }

    /// Binds a question to a scan that serves other questions too: what this one needs is added to `shared`.
    ///
    /// The caller sees to it that they mean the same cost, clock and default currency.
    pub(crate) fn over(query: ChargeQuery, shared: Option<ScanHint>) -> Result<Self> {
        if query.allocation == Allocation::Prorate && query.clock == Clock::Billing {
            return Err(Error::usage(
                "proration splits charge periods, and the billing clock does not look at them",
            )
            .hint("use --allocate start with --clock billing"));
        }
        if query.top == Some(0) {
            return Err(Error::usage("--top 0 keeps nothing").hint("give at least 1"));
        }
        if query.top.is_some() && query.by.is_empty() {
            return Err(
                Error::usage("--top needs a dimension to rank").hint("add --by, such as --by project_id")
            );
        }
        // `--set` can lead a second dimension to the tags; which of them a row then counts under is anyone's guess.
        let by_tags = query.by.iter().filter(|d| d.source == DimensionSource::TagId);
        if let [first, second, ..] = by_tags.collect::<Vec<_>>()[..] {
            return Err(Error::usage(format!(
                "{first} and {second} both count a row once per tag; one dimension may"
            )));
        }
        let spans = query.allocation == Allocation::Prorate;
        let mut hint = match shared {
            // Unread may stay what lies outside of both windows.
            Some(shared) => ScanHint {
                window: shared.window.hull(&query.window),
                spans: shared.spans || spans,
                ..shared
            },
            None => ScanHint {
                clock: query.clock,
                default_currency: query.default_currency,
                window: query.window,
                spans,
                ..ScanHint::of_cost(query.metric.clone())
            },
        };
        let dimensions = query.by.iter().map(|d| bind(d, &mut hint)).collect();
        let conditions = query
            .filter
            .conditions
            .iter()
            .map(|c| (bind(&c.dimension, &mut hint), c.clone()))
            .collect();
        Ok(Plan {
            calendar: query.calendar(),
            query,
            dimensions,
            conditions,
            hint,
        })
    }

    /// Whether a row may count in several groups.
    pub fn groups_overlap(&self) -> bool {
        self.dimensions.contains(&BatchColumn::TagId)
    }
}

fn bind(dimension: &Dimension, hint: &mut ScanHint) -> BatchColumn {
    match &dimension.source {
        // `cny`, `RMB` and a file's default are the CNY that the answer's currency column says.
        DimensionSource::Column(name) if name == BILLING_CURRENCY => BatchColumn::Currency,
        DimensionSource::Column(name) => BatchColumn::Text(hint.want_text(name)),
        DimensionSource::TagId => {
            hint.want_tags(WantedTags::Numbers);
            BatchColumn::TagId
        }
        DimensionSource::TagKey(key) => {
            hint.want_tags(WantedTags::Numbers);
            BatchColumn::TagKey(key.clone())
        }
        DimensionSource::Text(text) => BatchColumn::Constant(text.clone()),
    }
}
