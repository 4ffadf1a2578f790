//! The request of GetChargeSums, to a question.

use std::collections::BTreeMap;

use billfold_core::engine::{Answer, AnswerRow};
use billfold_core::money::ExactSum;
use billfold_core::query::{ChargeQuery, DimensionSource};
use billfold_core::time::Granularity;

use super::{Grouping, Response, Shape};
use crate::call::{Call, column, one_currency};
use crate::fault::{Refusal, RefusalKind};
use crate::number::Quantity;
use crate::params::Params;
use crate::qingcloud::{body, check, page, set_window, settle};

const PARAMETERS: &[&str] = &[
    "duration",
    "user",
    "root_user",
    "project_id",
    "zone",
    "resource_type",
    "resource",
    "group_by",
    "start_time",
    "end_time",
    "offset",
    "limit",
    "currency",
];

/// The six words of the page. `hourly`, which the engine knows, is none of them.
const DURATIONS: [Granularity; 6] = [
    Granularity::Daily,
    Granularity::Weekly,
    Granularity::Monthly,
    Granularity::Quarterly,
    Granularity::Yearly,
    Granularity::Total,
];

pub(crate) fn answer(call: &Call<'_>, params: &Params) -> Result<Vec<u8>, Refusal> {
    check(params, PARAMETERS)?;
    let (query, shape) = question(call, params)?;
    let answer = call.charges.sums(&query)?.value;
    let groups = answer
        .currency_idx
        .iter()
        .map(|idx| answer.currencies[*idx as usize]);
    one_currency(&answer.totals, groups)?;
    if answer.len() > call.settings.max_items {
        return Err(too_many_items(answer.len(), call.settings.max_items));
    }
    let quantities = match shape {
        Shape::Ungrouped => metered(call, query.clone(), &answer)?,
        Shape::Grouped => Vec::new(),
    };
    body(&Response::from_answer(&answer, shape)?.with_quantities(quantities))
}

/// The question of a request, and the shape of its response.
fn question(call: &Call<'_>, params: &Params) -> Result<(ChargeQuery, Shape), Refusal> {
    let mut query = call.query();
    let duration = params.required("duration")?;
    query.granularity = DURATIONS
        .into_iter()
        .find(|known| known.as_str() == duration)
        .ok_or_else(|| {
            Refusal::value(
                RefusalKind::WrongValue,
                "duration",
                duration,
                "is not known; expected daily, weekly, monthly, quarterly, yearly or total",
            )
        })?;
    let grouping = grouping(call, params)?;
    query.by = grouping.by;
    for (parameter, name) in [
        ("user", "sub_account_id"),
        ("root_user", "billing_account_id"),
        ("project_id", "project_id"),
        ("zone", "zone_id"),
        ("resource_type", "resource_type"),
        ("resource", "resource_id"),
    ] {
        call.filter(&mut query, name, &params.list(parameter)?)?;
    }
    set_window(&mut query, params)?;
    (query.offset, query.limit) = page(call, params, None)?;
    settle(call, &mut query, params)?;
    Ok((query, grouping.shape))
}

/// `group_by`, with `tag_id` as the settings want it.
pub(crate) fn grouping(call: &Call<'_>, params: &Params) -> Result<Grouping, Refusal> {
    let mut grouping = Grouping::parse(&params.list("group_by")?)?;
    if let Some(key) = &call.settings.tag_key {
        for dimension in grouping
            .by
            .iter_mut()
            .filter(|d| d.source == DimensionSource::TagId)
        {
            "tag_id".clone_into(&mut dimension.name);
            dimension.source = DimensionSource::TagKey(key.clone());
        }
    }
    Ok(grouping)
}

pub(crate) fn too_many_items(n_items: usize, most: usize) -> Refusal {
    Refusal::new(
        RefusalKind::Limit,
        format!("the answer has [{n_items}] items, more than {most}; page it with offset and limit"),
    )
}

/// Per row of an ungrouped answer the quantity that was metered: of charges that are not billed by time, where
/// all of them have one unit. None where nothing was metered, or in unlike units.
fn metered(
    call: &Call<'_>,
    mut query: ChargeQuery,
    answer: &Answer,
) -> Result<Vec<Option<Quantity>>, Refusal> {
    if answer.is_empty() {
        return Ok(Vec::new());
    }
    (query.offset, query.limit) = (0, None);
    query.by.push(column("consumed_unit"));
    let facts = call.facts(query, &["usage_quantity"], &[])?;
    // None in the map: quantities in unlike units.
    let mut by_row: BTreeMap<(&str, Option<i64>), Option<ExactSum>> = BTreeMap::new();
    for group in &facts.groups {
        let measure = &group.measures[0];
        if measure.n_values == 0 || measure.sum.is_zero() || is_time(&group.keys[1]) {
            continue;
        }
        by_row
            .entry((&group.keys[0], group.period.start))
            .and_modify(|known| *known = None)
            .or_insert(Some(measure.sum));
    }
    let of_row = |row: AnswerRow<'_>| {
        let known = by_row.get(&(row.key(0), row.period().start)).copied();
        known.flatten().map(Quantity)
    };
    Ok(answer.rows().map(of_row).collect())
}

/// Whether a quantity of this unit is a length of time, so that the charge is billed by time.
fn is_time(unit: &str) -> bool {
    let unit = unit.trim().to_lowercase();
    let unit = unit.strip_suffix('s').unwrap_or(&unit);
    matches!(
        unit,
        "hour"
            | "hr"
            | "h"
            | "minute"
            | "min"
            | "second"
            | "sec"
            | "day"
            | "month"
            | "year"
            | "小时"
            | "天"
            | "月"
            | "秒"
    )
}
