//! The question as JSON tells it: every option, also those that were left out.

use std::collections::BTreeMap;

use billfold_core::query::{ChargeQuery, Dimension, DimensionSource, OrderBy};
use billfold_core::time::format_instant;
use serde::Serialize;

/// The question, in the words of the command line.
#[derive(Serialize)]
pub(crate) struct QuestionView<'a> {
    by: Vec<&'a str>,
    duration: &'static str,
    timezone: &'static str,
    week_start: &'static str,
    fiscal_start: &'static str,
    start: Option<String>,
    end: Option<String>,
    clock: String,
    metric: String,
    allocate: String,
    filter: Vec<String>,
    set: BTreeMap<&'a str, String>,
    sort: String,
    top: Option<usize>,
    offset: usize,
    limit: Option<usize>,
    fill: bool,
    default_currency: Option<String>,
}

impl<'a> From<&'a ChargeQuery> for QuestionView<'a> {
    fn from(query: &'a ChargeQuery) -> Self {
        let conditions = query.filter.conditions.iter();
        let dimensions = query.by.iter().chain(conditions.clone().map(|c| &c.dimension));
        QuestionView {
            by: query.by.iter().map(|d| d.name.as_str()).collect(),
            duration: query.granularity.as_str(),
            timezone: query.zone.name(),
            week_start: WEEKDAYS[query.week_start.num_days_from_monday() as usize],
            fiscal_start: query.fiscal_start.name(),
            start: query.window.start.map(format_instant),
            end: query.window.end.map(format_instant),
            clock: query.clock.to_string(),
            metric: query.metric.to_string(),
            allocate: query.allocation.to_string(),
            filter: conditions.map(ToString::to_string).collect(),
            set: dimensions
                .filter(|d| Dimension::parse(&d.name).is_ok_and(|plain| plain.source != d.source))
                .map(|d| (d.name.as_str(), source(&d.source)))
                .collect(),
            sort: order(query),
            top: query.top,
            offset: query.offset,
            limit: query.limit,
            fill: query.fill,
            default_currency: query.default_currency.map(|c| c.to_string()),
        }
    }
}

const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

fn source(source: &DimensionSource) -> String {
    match source {
        DimensionSource::Column(name) => name.clone(),
        DimensionSource::TagId => "tag_id".to_owned(),
        DimensionSource::TagKey(key) => format!("tag:{key}"),
        DimensionSource::Text(text) => format!("text:{text}"),
    }
}

fn order(query: &ChargeQuery) -> String {
    let word = match query.order.by {
        OrderBy::Key => "key",
        OrderBy::Cost => "cost",
        OrderBy::Charges => "charges",
        OrderBy::Period => "period",
    };
    let sign = if query.order.descending { "-" } else { "" };
    format!("{sign}{word}")
}
