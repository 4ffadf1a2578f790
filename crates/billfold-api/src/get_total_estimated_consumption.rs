//! GetTotalEstimatedConsumption: what a project will come to if it goes on as it did.
//!
#![doc = include_str!("../docs/get_total_estimated_consumption.md")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use billfold_core::engine::Facts;
use billfold_core::money::ExactSum;
use billfold_core::query::{Dimension, DimensionSource};
use billfold_core::time::Window;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::call::{Call, add, column, one_currency};
use crate::fault::{Refusal, RefusalKind};
use crate::get_charge_sums::{member_name, request::grouping, request::too_many_items};
use crate::number::{Fee, scaled};
use crate::params::Params;
use crate::pay_mode::{is_reserved, pay_dimensions};
use crate::qingcloud::{body, check, known_project, page, settle};

const PARAMETERS: &[&str] = &[
    "project_id",
    "root_user",
    "group_by",
    "offset",
    "limit",
    "duration",
    "currency",
];

/// The only value that the page shows.
const DEFAULT_DURATION: &str = "7d";
const MICROS_PER_HOUR: i64 = 3_600_000_000;

pub(crate) fn answer(call: &Call<'_>, params: &Params) -> Result<Vec<u8>, Refusal> {
    check(params, PARAMETERS)?;
    let project = params.required("project_id")?;
    let root_user = params.required("root_user")?;
    params.required_list("group_by")?;
    let by = grouping(call, params)?.by;
    let (offset, limit) = page(call, params, Some(100))?;
    let duration = duration(params.one("duration")?.unwrap_or(DEFAULT_DURATION))?;
    known_project(call, project)?;

    let mut query = call.query();
    call.filter(&mut query, "project_id", &[project])?;
    call.filter(&mut query, "billing_account_id", &[root_user])?;
    let Some(as_of) = call.as_of()? else {
        return body(&Response::new(
            &by,
            &BTreeMap::new(),
            &Kinds::default(),
            offset,
            limit,
        )?);
    };
    let span = Span {
        as_of,
        start: as_of.saturating_sub(duration.max(call.settings.active_for)),
        duration,
        active_for: call.settings.active_for,
    };
    query.window = Window::new(Some(span.start), Some(as_of))?;
    // What is not to be paged here is cut below: a resource is found in many groups.
    query.by.clone_from(&by);
    let columns = Columns::add_to(&mut query.by);
    settle(call, &mut query, params)?;
    let mut totals_query = query.clone();

    let facts = call.facts(query, &[], &[])?;
    one_currency(&facts.totals, facts.groups.iter().map(|group| group.currency))?;
    let groups = estimate(&facts, &columns, by.len(), &span)?;
    let overlap = by
        .iter()
        .any(|dimension| dimension.source == DimensionSource::TagId);
    let total = if overlap {
        // A charge with two tags is in two groups and counts once.
        totals_query.by.clear();
        let columns = Columns::add_to(&mut totals_query.by);
        estimate(&call.facts(totals_query, &[], &[])?, &columns, 0, &span)?
            .into_values()
            .next()
            .unwrap_or_default()
    } else {
        let mut total = Kinds::default();
        for kinds in groups.values() {
            total.take_in(kinds)?;
        }
        total
    };
    let shown = groups
        .len()
        .saturating_sub(offset)
        .min(limit.unwrap_or(usize::MAX));
    if shown > call.settings.max_items {
        return Err(too_many_items(shown, call.settings.max_items));
    }
    body(&Response::new(&by, &groups, &total, offset, limit)?)
}

/// Reads `7d`: hours, days, weeks, months of 30 days, years of 365 days.
///
/// Errors: malformed, for anything else; a wrong value, for none and for more than a hundred years.
fn duration(text: &str) -> Result<i64, Refusal> {
    let refuse = |kind| {
        Refusal::value(
            kind,
            "duration",
            text,
            "is not a length of time such as 24h, 7d, 2w, 1m or 1y",
        )
    };
    let hours = match text.chars().next_back() {
        Some('h') => 1,
        Some('d') => 24,
        Some('w') => 7 * 24,
        Some('m') => 30 * 24,
        Some('y') => 365 * 24,
        _ => return Err(refuse(RefusalKind::WrongValue)),
    };
    let digits = &text[..text.len() - 1];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refuse(RefusalKind::WrongValue));
    }
    let n: i64 = digits.parse().unwrap_or(i64::MAX);
    n.checked_mul(hours)
        .filter(|hours| (1..=100 * 365 * 24).contains(hours))
        .map(|hours| hours * MICROS_PER_HOUR)
        .ok_or_else(|| refuse(RefusalKind::WrongValue))
}

/// The stretch of time that is looked at, UTC microseconds.
struct Span {
    as_of: i64,
    start: i64,
    /// The length that is estimated for.
    duration: i64,
    active_for: i64,
}

/// Where the columns that are not asked for stand among the dimensions.
struct Columns {
    resource: usize,
    pay: Vec<usize>,
}

impl Columns {
    fn add_to(by: &mut Vec<Dimension>) -> Columns {
        let mut find = |dimension: Dimension| {
            by.iter()
                .position(|known| known.source == dimension.source)
                .unwrap_or_else(|| {
                    by.push(dimension);
                    by.len() - 1
                })
        };
        let resource = find(column("resource_id"));
        Columns {
            resource,
            pay: pay_dimensions().into_iter().map(find).collect(),
        }
    }
}

/// Prices and resources by how they are paid for.
#[derive(Debug, Default)]
struct Kinds {
    elastic: ExactSum,
    reserved: ExactSum,
    /// All resources.
    resources: BTreeSet<Arc<str>>,
    /// Those with a reserved charge.
    reserved_resources: BTreeSet<Arc<str>>,
}

impl Kinds {
    fn take_in(&mut self, other: &Kinds) -> Result<(), Refusal> {
        add(&mut self.elastic, &other.elastic)?;
        add(&mut self.reserved, &other.reserved)?;
        self.resources.extend(other.resources.iter().cloned());
        self.reserved_resources
            .extend(other.reserved_resources.iter().cloned());
        Ok(())
    }
}

/// Per group, by its first `n_keys` keys, the estimate of the active resources in it.
fn estimate(
    facts: &Facts,
    columns: &Columns,
    n_keys: usize,
    span: &Span,
) -> Result<BTreeMap<Vec<Arc<str>>, Kinds>, Refusal> {
    // Per resource its first start and last end, over all groups.
    let mut lives: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for group in &facts.groups {
        let life = lives
            .entry(&group.keys[columns.resource])
            .or_insert((group.first_start, group.last_end));
        life.0 = life.0.min(group.first_start);
        life.1 = life.1.max(group.last_end);
    }
    let mut groups: BTreeMap<Vec<Arc<str>>, Kinds> = BTreeMap::new();
    for group in &facts.groups {
        let resource = &group.keys[columns.resource];
        let (first, last) = lives[resource.as_ref()];
        // Taxes and the like belong to no resource.
        if resource.is_empty() || last <= span.as_of.saturating_sub(span.active_for) {
            continue;
        }
        let age = match span.as_of - first {
            // One instant is no rate.
            _ if first == last => span.duration,
            age => age.max(MICROS_PER_HOUR).min(span.as_of - span.start),
        };
        let price = scaled(&group.cost, span.duration, age)
            .ok_or_else(|| Refusal::new(RefusalKind::Limit, "an estimate needs more than 38 digits"))?;
        let kinds = groups.entry(group.keys[..n_keys].to_vec()).or_default();
        let pay: Vec<&str> = columns.pay.iter().map(|idx| group.keys[*idx].as_ref()).collect();
        kinds.resources.insert(Arc::clone(resource));
        if is_reserved(&pay) {
            add(&mut kinds.reserved, &price)?;
            kinds.reserved_resources.insert(Arc::clone(resource));
        } else {
            add(&mut kinds.elastic, &price)?;
        }
    }
    Ok(groups)
}

/// The members that the response and its items share.
#[derive(Debug)]
struct Prices {
    elastic: Fee,
    reserved: Fee,
    total: Fee,
    n_elastic: usize,
    n_reserved: usize,
}

impl Prices {
    fn of(kinds: &Kinds) -> Result<Prices, Refusal> {
        // Rounded first: what is printed adds up.
        let (elastic, reserved) = (
            kinds.elastic.round_to(Fee::PLACES),
            kinds.reserved.round_to(Fee::PLACES),
        );
        let mut total = elastic;
        add(&mut total, &reserved)?;
        Ok(Prices {
            elastic: Fee::of(&elastic),
            reserved: Fee::of(&reserved),
            total: Fee::of(&total),
            // A resource with both kinds is reserved, and counts once.
            n_elastic: kinds.resources.len() - kinds.reserved_resources.len(),
            n_reserved: kinds.reserved_resources.len(),
        })
    }

    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("total_resource_count", &(self.n_elastic + self.n_reserved))?;
        map.serialize_entry("elastic_price", &self.elastic)?;
        map.serialize_entry("elastic_resource_count", &self.n_elastic)?;
        map.serialize_entry("reserved_resource_count", &self.n_reserved)?;
        map.serialize_entry("reserved_price", &self.reserved)?;
        map.serialize_entry("total_price", &self.total)
    }
}

struct Response {
    items: Vec<Item>,
    n_groups: usize,
    prices: Prices,
}

struct Item {
    /// Member names and values of the group.
    keys: Vec<(String, Arc<str>)>,
    prices: Prices,
}

impl Response {
    fn new(
        by: &[Dimension],
        groups: &BTreeMap<Vec<Arc<str>>, Kinds>,
        total: &Kinds,
        offset: usize,
        limit: Option<usize>,
    ) -> Result<Response, Refusal> {
        let page = groups.iter().skip(offset).take(limit.unwrap_or(usize::MAX));
        let items = page.map(|(keys, kinds)| {
            let names = by.iter().map(|dimension| member_name(dimension).to_owned());
            Ok(Item {
                keys: names.zip(keys.iter().cloned()).collect(),
                prices: Prices::of(kinds)?,
            })
        });
        Ok(Response {
            items: items.collect::<Result<_, Refusal>>()?,
            n_groups: groups.len(),
            prices: Prices::of(total)?,
        })
    }
}

impl Serialize for Response {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("total_estimated_consumption_set", &self.items)?;
        self.prices.write(&mut map)?;
        map.serialize_entry("total_count", &self.n_groups)?;
        map.serialize_entry("ret_code", &0)?;
        map.serialize_entry("action", "GetTotalEstimatedConsumptionResponse")?;
        map.end()
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.keys {
            map.serialize_entry(name, value.as_ref())?;
        }
        self.prices.write(&mut map)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        for (text, hours) in [
            ("7d", 168),
            ("24h", 24),
            ("1w", 168),
            ("1m", 720),
            ("1y", 8760),
            ("007d", 168),
        ] {
            assert_eq!(duration(text).unwrap(), hours * MICROS_PER_HOUR, "{text}");
        }
        for text in [
            "7",
            "d",
            "0d",
            "-1d",
            "1.5d",
            "daily",
            "7D",
            "99999999999999999999d",
            "101y",
            "7日",
            "",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
