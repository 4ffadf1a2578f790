//! The response of GetChargeSums, and what its `group_by` asks for.
//!
//! A response borrows its answer and writes the items as they leave, so an answer of ten million groups
//! is not copied. Not here: the other parameters of the request, sums, and the rounding of amounts
//! ([`crate::number`]).
//!
#![doc = include_str!("../docs/get_charge_sums.md")]

use std::ops::Range;

use billfold_core::charge::schema;
use billfold_core::engine::{Answer, KeyColumn};
use billfold_core::error::Printable;
use billfold_core::money::{Currency, ExactSum};
use billfold_core::query::{Dimension, DimensionSource};
use billfold_core::time::{Granularity, format_instant};
use billfold_core::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::number::{Fee, Quantity};

pub(crate) mod request;
#[cfg(test)]
mod tests;

/// The member that an ungrouped question is grouped by.
const ROOT_USER_ID: &str = "root_user_id";

/// Members of an item that no dimension may be called; the words of the durations are others.
const FIXED_MEMBERS: [&str; 4] = ["fee", "start_time", "end_time", "total_sum"];

/// Which of the page's two examples an answer looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// No `group_by`: the answer is grouped by `root_user_id` alone, and items carry `total_sum`.
    Ungrouped,
    /// By one dimension or more.
    Grouped,
}

/// What `group_by` asks for: the dimensions for the question, and the shape for the response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    /// For `ChargeQuery::by`. Never empty: without `group_by` it is `root_user_id`.
    pub by: Vec<Dimension>,
    /// For [`Response::from_answer`].
    pub shape: Shape,
}

impl Grouping {
    /// Reads the values of `group_by`: the six of the page, any other text column of the charge schema,
    /// and `tag:KEY`. An empty value is not given. `reousrce_type`, as the page's own example has it, is
    /// `resource_type`.
    ///
    /// Errors: usage, for anything else and for a dimension given twice.
    pub fn parse<S: AsRef<str>>(group_by: &[S]) -> Result<Grouping> {
        let mut by: Vec<Dimension> = Vec::new();
        for name in group_by.iter().map(AsRef::as_ref).filter(|name| !name.is_empty()) {
            let dimension = dimension(name)?;
            if by.iter().any(|known| known.source == dimension.source) {
                return Err(Error::usage(format!(
                    "group_by [{}] is given twice",
                    Printable(name)
                )));
            }
            by.push(dimension);
        }
        if by.is_empty() {
            return Ok(Grouping {
                by: vec![Dimension::parse(ROOT_USER_ID)?],
                shape: Shape::Ungrouped,
            });
        }
        Ok(Grouping {
            by,
            shape: Shape::Grouped,
        })
    }
}

fn dimension(name: &str) -> Result<Dimension> {
    let name = match name {
        "reousrce_type" => "resource_type",
        name => name,
    };
    let is_tag = name == "tag" || name == "tag_id" || name.starts_with("tag:");
    if is_tag || schema::canonical_name(name).is_some() {
        return Dimension::parse(name);
    }
    // A header of an export would be legal in a question, but a client that misspells a word must not
    // be told that all of its money is in the group "".
    Err(Error::usage(format!(
        "group_by [{}] is not known; expected project_id, resource_id, tag_id, zone_id, user_id or resource_type",
        Printable(name)
    )))
}

/// The response, with its members in the order of the page. It borrows the answer; serialise it to send it.
#[derive(Debug, Clone, Serialize)]
pub struct Response<'a> {
    /// `GetChargeSumsResponse`.
    pub action: &'static str,
    /// Items before `offset` and `limit`.
    pub total_count: u64,
    /// The items by their outer key.
    pub charge_sum_set: ChargeSumSet<'a>,
    /// 0: it went well.
    pub ret_code: u16,
    /// Cost of all charges that match, each once, whatever the page and the grouping.
    pub total_sum: Fee,
}

impl<'a> Response<'a> {
    /// The response for an answer to a question whose `by` and `shape` are from one [`Grouping`].
    ///
    /// Errors: a conflict when the charges are in more than one currency; usage when a dimension has the
    /// name of another member; a bug when the answer is not grouped as `shape` says.
    pub fn from_answer(answer: &'a Answer, shape: Shape) -> Result<Response<'a>> {
        let members = members_of(answer, shape)?;
        let total = only_currency(answer)?
            .and_then(|currency| answer.totals.get(currency))
            .copied();
        Ok(Response {
            action: "GetChargeSumsResponse",
            total_count: answer.n_groups,
            charge_sum_set: ChargeSumSet::new(answer, shape, members)?,
            ret_code: 0,
            total_sum: Fee::of(&total.unwrap_or(ExactSum::ZERO)),
        })
    }

    /// The same with the metered quantity of each row of the answer, which ungrouped items show; `0.0` for none.
    #[must_use]
    pub fn with_quantities(mut self, quantities: Vec<Option<Quantity>>) -> Self {
        self.charge_sum_set.quantities = quantities;
        self
    }
}

/// The object `charge_sum_set`: lists of items by their first dimension's value.
///
/// Order: keys by first appearance in the answer, the items of a key as they stand there.
#[derive(Debug, Clone)]
pub struct ChargeSumSet<'a> {
    answer: &'a Answer,
    shape: Shape,
    /// Per dimension, its member name.
    members: Vec<&'a str>,
    /// Per period of the answer, its bounds as text.
    bounds: Vec<Bounds>,
    /// The keys, and where their items stand in `rows`.
    keys: Vec<(&'a str, Range<usize>)>,
    /// Rows of the answer, key by key.
    rows: Vec<u32>,
    /// Per row of the answer, what was metered.
    quantities: Vec<Option<Quantity>>,
}

/// `start_time` and `end_time` of a period: RFC 3339 in UTC, half-open, cut to the window. None for the total.
#[derive(Debug, Clone, Default)]
struct Bounds {
    start: Option<String>,
    end: Option<String>,
}

impl<'a> ChargeSumSet<'a> {
    fn new(answer: &'a Answer, shape: Shape, members: Vec<&'a str>) -> Result<Self> {
        let column = answer.keys.first().ok_or_else(ungrouped)?;
        let (keys, rows) = rows_by_key(column);
        let window = answer.query.window;
        let bounds = answer.periods.iter().map(|period| {
            if answer.query.granularity == Granularity::Total {
                return Bounds::default();
            }
            let inside = period.window().intersect(&window);
            Bounds {
                start: inside.start.map(format_instant),
                end: inside.end.map(format_instant),
            }
        });
        Ok(ChargeSumSet {
            shape,
            members,
            bounds: bounds.collect(),
            keys,
            rows,
            answer,
            quantities: Vec::new(),
        })
    }

    /// Keys on this page.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether the page holds nothing.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl Serialize for ChargeSumSet<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.keys.iter().map(|(key, range)| {
            let rows = &self.rows[range.clone()];
            (key, Items { set: self, rows })
        }))
    }
}

/// The items of one key.
struct Items<'a> {
    set: &'a ChargeSumSet<'a>,
    rows: &'a [u32],
}

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows.iter().map(|row| Item {
            set: self.set,
            row: *row as usize,
        }))
    }
}

struct Item<'a> {
    set: &'a ChargeSumSet<'a>,
    row: usize,
}

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let ChargeSumSet {
            answer,
            shape,
            members,
            bounds,
            quantities,
            ..
        } = self.set;
        let row = answer.row(self.row);
        let mut item = serializer.serialize_map(None)?;
        item.serialize_entry("fee", &Fee::of(&row.cost()))?;
        for (member, key) in members.iter().zip(row.keys()) {
            item.serialize_entry(member, key)?;
        }
        item.serialize_entry(answer.query.granularity.as_str(), &row.period().label)?;
        let Bounds { start, end } = &bounds[answer.period_idx[self.row] as usize];
        for (member, instant) in [("start_time", start), ("end_time", end)] {
            if let Some(instant) = instant {
                item.serialize_entry(member, instant)?;
            }
        }
        if *shape == Shape::Ungrouped {
            let quantity = quantities.get(self.row).copied().flatten();
            item.serialize_entry("total_sum", &quantity.unwrap_or_default())?;
        }
        item.end()
    }
}

/// The member names of the dimensions, all distinct.
fn members_of(answer: &Answer, shape: Shape) -> Result<Vec<&str>> {
    let members: Vec<&str> = answer.query.by.iter().map(member_name).collect();
    match shape {
        Shape::Ungrouped if members != [ROOT_USER_ID] => return Err(ungrouped()),
        Shape::Grouped if members.is_empty() => return Err(ungrouped()),
        Shape::Ungrouped | Shape::Grouped => {}
    }
    for (i, member) in members.iter().enumerate() {
        let is_fixed = FIXED_MEMBERS.contains(member) || member.parse::<Granularity>().is_ok();
        if is_fixed || members[..i].contains(member) {
            return Err(Error::usage(format!(
                "dimension [{}] has the name of another member of the response",
                Printable(member)
            )));
        }
    }
    Ok(members)
}

/// The wire's name for a dimension: one of the page's where it has one, whatever the question called it.
pub(crate) fn member_name(dimension: &Dimension) -> &str {
    if dimension.source == DimensionSource::TagId {
        return "tag_id";
    }
    // By name, not by source: with `--set project_id=tag:team` the source is a tag.
    match schema::canonical_name(&dimension.name) {
        Some("billing_account_id") => ROOT_USER_ID,
        Some("sub_account_id") => "user_id",
        Some(column @ ("project_id" | "zone_id" | "resource_id" | "resource_type")) => column,
        _ => &dimension.name,
    }
}

/// The one currency of the answer; none when no charge matches.
///
/// The protocol has no member for a currency, so two of them cannot be told apart there.
fn only_currency(answer: &Answer) -> Result<Option<Currency>> {
    let mut seen: Vec<Currency> = answer
        .totals
        .iter()
        // A currency that a filter took out entirely stands here with zero.
        .filter(|(_, total)| !total.is_zero())
        .map(|(currency, _)| currency)
        .collect();
    let mut on_page = vec![false; answer.currencies.len()];
    for idx in &answer.currency_idx {
        on_page[*idx as usize] = true;
    }
    seen.extend(
        answer
            .currencies
            .iter()
            .zip(on_page)
            .filter_map(|(currency, on_page)| on_page.then_some(*currency)),
    );
    seen.sort_unstable();
    seen.dedup();
    if seen.len() <= 1 {
        return Ok(seen.first().copied());
    }
    let names: Vec<&str> = seen
        .iter()
        .map(|currency| match currency.as_str() {
            "" => "none named",
            code => code,
        })
        .collect();
    Err(Error::new(ErrorKind::Conflict(format!(
        "the charges are in more than one currency [{}], which are never added; filter by one of them",
        names.join(", ")
    )))
    .hint(format!("add --filter billing_currency={}", seen[seen.len() - 1])))
}

/// The keys of a column in the order of first appearance, and the rows of each in the order of the answer.
fn rows_by_key(column: &KeyColumn) -> (Vec<(&str, Range<usize>)>, Vec<u32>) {
    // A value that is called like the group of the others shares its key: an object has a key once.
    let label = KeyColumn::OTHERS_LABEL;
    let others = column
        .names
        .binary_search_by(|name| name.as_ref().cmp(label))
        .unwrap_or(column.names.len());
    let slot_of = |code: u32| match code {
        KeyColumn::OTHERS => others,
        code => code as usize,
    };
    let mut rank_of = vec![usize::MAX; column.names.len() + 1];
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for code in &column.codes {
        let slot = slot_of(*code);
        if rank_of[slot] == usize::MAX {
            rank_of[slot] = counts.len();
            counts.push((column.names.get(slot).map_or(label, |name| name), 0));
        }
        counts[rank_of[slot]].1 += 1;
    }
    let mut end = 0;
    let keys: Vec<(&str, Range<usize>)> = counts
        .into_iter()
        .map(|(key, n_rows)| {
            let start = end;
            end += n_rows;
            (key, start..end)
        })
        .collect();
    let mut next: Vec<usize> = keys.iter().map(|(_, range)| range.start).collect();
    let mut rows = vec![0; column.codes.len()];
    for (row, code) in column.codes.iter().enumerate() {
        let at = &mut next[rank_of[slot_of(*code)]];
        rows[*at] = row as u32;
        *at += 1;
    }
    (keys, rows)
}

#[cold]
fn ungrouped() -> Error {
    Error::bug("a GetChargeSums response needs an answer grouped as Grouping::parse says")
}
