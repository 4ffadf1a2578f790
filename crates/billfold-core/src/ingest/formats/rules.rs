//! Rules of a format beyond "this header feeds that column": which rows are no charges, how long a
//! charge lasts, what currencies are called, and which view of a month a file is.
//!
//! Only the declarations and their judgement on load; `plan` lays them over a file, `decode` obeys.

use serde::Deserialize;

use crate::charge::batch::LeftOut;
use crate::error::{Error, Result};
use crate::ingest::formats::Format;
use crate::ingest::units::Unit;
use crate::money::Currency;
use crate::time::Granularity;

/// A cell that must hold something, or one of some texts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The column, by a header of the export.
    pub column: String,
    /// The texts for which the condition holds.
    #[serde(default)]
    pub is: Vec<String>,
    /// Whether any text will do.
    #[serde(default)]
    pub filled: bool,
}

/// Rows that are no charges.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkipRule {
    /// As what the receipt counts them.
    pub note: LeftOut,
    /// What must hold, all of it. A rule on a column that the file lacks never holds.
    pub when: Vec<Condition>,
}

/// Rows by which a file is told to be one view of its month, not to be added to another view.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewRule {
    /// The view's name.
    pub name: String,
    /// What must hold on one row, all of it.
    pub when: Vec<Condition>,
}

/// How a cell that ends a period is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ends {
    /// As the first instant behind the period.
    #[default]
    Exclusive,
    /// As the last second inside, where it is written `…:59`; any other end is exclusive.
    Inclusive,
}

/// How long a charge lasts in an export that has no column for its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lasts {
    /// To the end of the hour in which it starts.
    Hour,
    /// To the end of the day in which it starts.
    Day,
    /// To the end of the month in which it starts.
    Month,
}

impl Lasts {
    /// The periods of the calendar that it names.
    pub(crate) fn granularity(self) -> Granularity {
        match self {
            Lasts::Hour => Granularity::Hourly,
            Lasts::Day => Granularity::Daily,
            Lasts::Month => Granularity::Monthly,
        }
    }
}

/// Beginning of the member in `list[].member`, a header that stands for the sum of a list's amounts.
const LIST: &str = "[].";

/// `credits[].amount`: the header of the list and the member that is added up.
pub(crate) fn list_parts(header: &str) -> Option<(&str, &str)> {
    header
        .split_once(LIST)
        .filter(|(list, member)| !list.is_empty() && !member.is_empty())
}

/// `SkuPriceDetails{CoreCount}`: the header of a column of JSON objects and the member that is meant.
pub(crate) fn member_parts(header: &str) -> Option<(&str, &str)> {
    header
        .strip_suffix('}')?
        .split_once('{')
        .filter(|(object, member)| !object.is_empty() && !member.is_empty())
}

impl Format {
    /// Every header that names a part of a cell: the sum of a list, without sign, or a member of an object.
    pub(crate) fn part_headers(&self) -> impl Iterator<Item = &str> {
        let members = self.columns.values().flatten().map(String::as_str);
        self.list_headers()
            .chain(members.filter(|header| member_parts(header).is_some()))
    }

    /// Every header that names the sum of a list, without sign.
    pub(crate) fn list_headers(&self) -> impl Iterator<Item = &str> {
        let costs = self.effective.iter().flat_map(|rule| &rule.cost);
        self.columns
            .values()
            .flatten()
            .chain(&self.money.also)
            .map(String::as_str)
            .chain(costs.filter_map(|cost| cost.get(1..)))
            .filter(|header| list_parts(header).is_some())
    }

    /// Refuses rules that could never work.
    pub(crate) fn check_rules(&self) -> Result<()> {
        let conditions = self
            .skip
            .iter()
            .map(|rule| ("skip", &rule.when))
            .chain(self.views.iter().map(|view| ("views", &view.when)));
        for (table, when) in conditions {
            if when.is_empty() {
                return Err(Error::usage(format!(
                    "[[{table}]] when: give at least one condition"
                )));
            }
            if let Some(bad) = when.iter().find(|c| c.is.is_empty() != c.filled) {
                return Err(Error::usage(format!(
                    "[[{table}]] when \"{}\": give either is = [...] or filled = true",
                    bad.column
                )));
            }
        }
        if self.views.len() > 32 {
            return Err(Error::usage("[[views]]: at most 32"));
        }
        for rule in &self.effective {
            if rule.column.is_some() == rule.is.is_empty() {
                return Err(Error::usage(
                    "[[effective]]: column and is go together; a rule without both holds for every row",
                ));
            }
        }
        for (text, code) in &self.cells.currencies {
            if Currency::parse(code.as_bytes()).is_none() {
                return Err(Error::usage(format!(
                    "[cells] currencies \"{text}\" = \"{code}\": expected an ISO 4217 code"
                )));
            }
        }
        if !self.cells.currency.is_empty() && Currency::parse(self.cells.currency.as_bytes()).is_none() {
            return Err(Error::usage(format!(
                "[cells] currency \"{}\": expected an ISO 4217 code",
                self.cells.currency
            )));
        }
        for (header, unit) in &self.units {
            if Unit::parse(unit).is_none() {
                return Err(Error::usage(format!(
                    "[units] \"{header}\" = \"{unit}\": expected percent, KiB, MiB, GiB, TiB, Mbps or Gbps"
                )));
            }
        }
        if !self.tags.pairs.is_empty() && self.tags.ids {
            return Err(Error::usage("[tags]: pairs and ids exclude each other"));
        }
        Ok(())
    }
}
