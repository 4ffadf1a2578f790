//! GetConsumptionsByQuery: the charges of plcloud, cut to a window.
//!
#![doc = include_str!("../docs/get_consumptions_by_query.md")]

use billfold_core::ErrorClass;
use billfold_core::engine::{ChargeRow, ChargeRows};
use billfold_core::money::{ExactSum, largest_remainder};
use billfold_core::query::{ChargeQuery, RowOrder, RowOrderBy, RowsQuery};
use billfold_core::time::{Tz, Window, format_wall, parse_instant};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::call::{Call, names, one_currency, total_of, window};
use crate::fault::{Refusal, RefusalKind};
use crate::get_charge_sums::request::too_many_items;
use crate::number::{Fixed, scaled};
use crate::params::Params;
use crate::params::value::rules;
use crate::pay_mode::{PAY_COLUMNS, is_reserved};
use crate::qingcloud::body;

const PARAMETERS: &[&str] = &["action", "region", "type", "start_at", "end_at", "currency"];
/// The kinds of resources that the page knows, in its order.
pub(crate) const TYPES: [&str; 8] = [
    "instance",
    "volume",
    "image",
    "router",
    "floatingip",
    "bandwidth",
    "loadbalance",
    "cdn",
];
const TEXTS: [&str; 15] = [
    "resource_type",
    "resource_spec",
    "resource_name",
    "region_id",
    "region_name",
    "remarks",
    "order_id",
    "resource_id",
    "is_billing",
    "pricing_unit",
    PAY_COLUMNS[0],
    PAY_COLUMNS[1],
    PAY_COLUMNS[2],
    PAY_COLUMNS[3],
    PAY_COLUMNS[4],
];
const MICROS_PER_HOUR: i64 = 3_600_000_000;
const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// Decimals of the wire.
const PRICE_PLACES: u8 = 6;
const TIME_PLACES: u8 = 4;
const AMOUNT_PLACES: u8 = PRICE_PLACES + TIME_PLACES;

pub(crate) fn answer(call: &Call<'_>, params: &Params) -> Result<Vec<u8>, Refusal> {
    params.check_names(PARAMETERS, &[])?;
    let mut query = call.query();
    let window = wall_window(call, params)?;
    query.window = window;
    keep_region(call, &mut query, params)?;
    if let Some(kind) = params.one("type")? {
        // What is no type has no charges; the page says so, and it is no error.
        if !TYPES.contains(&kind) {
            return respond(Vec::new(), "0");
        }
        call.filter(&mut query, "resource_type", &[kind])?;
    }
    call.settle(&mut query, params.one("currency")?)?;
    let rows = rows(
        call,
        RowsQuery {
            query,
            columns: names(&TEXTS),
            measures: names(&["unit_price"]),
            tags: false,
            order: RowOrder {
                by: RowOrderBy::Start,
                descending: false,
            },
            offset: 0,
            limit: Some(call.settings.max_items.saturating_add(1)),
        },
    )?;
    if rows.rows.len() > call.settings.max_items {
        return Err(Refusal {
            message: format!(
                "there are [{}] charges, more than {}; ask for a shorter time",
                rows.n_charges, call.settings.max_items
            ),
            ..too_many_items(0, 0)
        });
    }
    let currency = one_currency(&rows.totals, rows.rows.iter().map(|row| row.currency))?;
    let total = total_of(&rows.totals, currency);
    let mut kept = rows.rows;
    if window != Window::ALL {
        kept.retain(|row| !row.cost.is_zero());
    }
    if kept.is_empty() {
        return respond(Vec::new(), "0");
    }
    let costs: Vec<ExactSum> = kept.iter().map(|row| row.cost).collect();
    // What is printed adds up to the total that is printed.
    let amounts = largest_remainder(&costs, AMOUNT_PLACES)
        .map_err(|_| Refusal::new(RefusalKind::Limit, "a sum needs more than 256 bits"))?;
    let as_of = match call.settings.as_of {
        Some(as_of) => Some(as_of),
        // Asked for only where no charge says itself whether it goes on.
        None if kept.iter().any(|row| row.texts[8].is_empty()) => call.as_of()?,
        None => None,
    };
    let items = kept
        .iter()
        .zip(&amounts)
        .map(|(row, amount)| Item::of(row, amount, as_of, call))
        .collect::<Result<Vec<_>, Refusal>>()?;
    if !call.settings.recomputed_amount {
        return respond(items, &total.rounded(AMOUNT_PLACES));
    }
    let mut total = ExactSum::ZERO;
    for item in &items {
        crate::call::add(&mut total, &item.amount.0)?;
    }
    respond(items, &total.rounded(AMOUNT_PLACES))
}

/// The charges, without their own keys where those are not kept: a key per charge is most of what a store would hold.
fn rows(call: &Call<'_>, mut query: RowsQuery) -> Result<ChargeRows, Refusal> {
    query.columns.push("row_id".to_owned());
    match call.charges.rows(&query) {
        Err(error) if error.kind().class() == ErrorClass::Usage => {
            query.columns.pop();
            call.rows(&query)
        }
        rows => Ok(rows?.value),
    }
}

/// The region that a call keeps.
pub(crate) fn keep_region(call: &Call<'_>, query: &mut ChargeQuery, params: &Params) -> Result<(), Refusal> {
    match params.one("region")? {
        Some(region) => call.filter(query, "region_id", &[region]),
        None => Ok(()),
    }
}

/// The window of `start_at` and `end_at`, wall-clock times or dates.
///
/// A date as the end is its midnight, so that the page's two days are one; the same date twice is that whole day.
fn wall_window(call: &Call<'_>, params: &Params) -> Result<Window, Refusal> {
    let zone = call.settings.zone;
    let bound = |name: &str| -> Result<Option<(i64, bool)>, Refusal> {
        params.one(name)?.map(|text| wall(name, text, zone)).transpose()
    };
    let (start, end) = (bound("start_at")?, bound("end_at")?);
    let same_day = matches!((start, end), (Some((start, true)), Some((end, true))) if start == end);
    let end = end.map(|(end, is_date)| {
        if is_date && (same_day || call.settings.inclusive_end_at) {
            end + MICROS_PER_DAY
        } else {
            end
        }
    });
    window(("start_at", start.map(|(start, _)| start)), ("end_at", end))
}

/// Reads `2014-12-01` or `2014-12-01 08:00:00`, and says whether it is a date.
fn wall(name: &str, text: &str, zone: Tz) -> Result<(i64, bool), Refusal> {
    let is_iso = text.as_bytes().get(4) == Some(&b'-') && text.is_ascii();
    parse_instant(text.as_bytes(), &rules(zone))
        .ok()
        .filter(|_| is_iso)
        .map(|instant| (instant, text.len() == 10))
        .ok_or_else(|| {
            Refusal::value(
                RefusalKind::Malformed,
                name,
                text,
                "is not a date such as 2014-12-01 or a time such as 2014-12-01 08:00:00",
            )
        })
}

fn respond(data: Vec<Item<'_>>, total_amount: &str) -> Result<Vec<u8>, Refusal> {
    body(&Response {
        message: "成功",
        code: 200,
        data,
        total_amount,
    })
}

#[derive(Serialize)]
struct Response<'a> {
    message: &'static str,
    code: u16,
    data: Vec<Item<'a>>,
    total_amount: &'a str,
}

/// The members of the page's example, in its order.
#[derive(Serialize)]
struct Item<'a> {
    res_type: &'a str,
    res_meta: Box<RawValue>,
    start_at: String,
    name: &'a str,
    region: &'a str,
    unit_price: Fixed,
    end_at: String,
    billing_type: &'static str,
    amount: Fixed,
    remarks: &'a str,
    billing_id: String,
    cost_time: Fixed,
    res_id: &'a str,
    id: String,
    is_billing: bool,
    region_name: &'a str,
}

impl<'a> Item<'a> {
    fn of(
        row: &'a ChargeRow,
        amount: &ExactSum,
        as_of: Option<i64>,
        call: &Call<'_>,
    ) -> Result<Item<'a>, Refusal> {
        let text = |idx: usize| row.texts[idx].as_ref();
        let zone = call.settings.zone;
        let too_long = || Refusal::new(RefusalKind::Limit, "a price needs more than 38 digits");
        // Whole seconds, as this service counts.
        let seconds = (row.end - row.start) / MICROS_PER_SECOND;
        let hour = MICROS_PER_HOUR / MICROS_PER_SECOND;
        let one = ExactSum::from(billfold_core::money::Amount::new(1, 0).ok_or_else(too_long)?);
        let cost_time = scaled(&one, seconds, hour).ok_or_else(too_long)?;
        let unit_price = match row.measures[0] {
            Some(price) => price,
            None if seconds == 0 => row.cost,
            None => scaled(&row.cost, hour, seconds).ok_or_else(too_long)?,
        };
        let amount = if call.settings.recomputed_amount {
            product(&unit_price, &cost_time).ok_or_else(too_long)?
        } else {
            *amount
        };
        let is_month = text(9).to_lowercase().starts_with("month") || is_reserved(&row.texts[10..15]);
        Ok(Item {
            res_type: text(0),
            res_meta: meta(text(1)),
            start_at: format_wall(row.start, zone),
            name: text(2),
            region: text(3),
            unit_price: Fixed(unit_price, PRICE_PLACES),
            end_at: format_wall(row.end, zone),
            billing_type: if is_month { "month" } else { "hour" },
            amount: Fixed(amount, AMOUNT_PLACES),
            remarks: text(5),
            billing_id: match text(6) {
                "" => uuid(&["billing", text(7)]),
                known => known.to_owned(),
            },
            cost_time: Fixed(cost_time, TIME_PLACES),
            res_id: text(7),
            id: match row.texts.get(TEXTS.len()) {
                Some(id) if Uuid::parse_str(id).is_ok() => id.to_string(),
                _ => row_uuid(row),
            },
            is_billing: match text(8) {
                "" => {
                    as_of.is_some_and(|as_of| row.charge_end > as_of.saturating_sub(call.settings.active_for))
                }
                known => matches!(known.to_ascii_lowercase().as_str(), "true" | "1" | "yes"),
            },
            region_name: text(4),
        })
    }
}

/// Price × time as they are printed.
fn product(price: &ExactSum, time: &ExactSum) -> Option<ExactSum> {
    let price = price.round_to(PRICE_PLACES).to_amount()?;
    let time = time.round_to(TIME_PLACES).to_amount()?;
    let mantissa = price.mantissa().checked_mul(time.mantissa())?;
    Some(ExactSum::from(billfold_core::money::Amount::new(
        mantissa,
        price.scale() + time.scale(),
    )?))
}

/// The configuration as an object: that of the bill where it is one, else an empty one.
fn meta(text: &str) -> Box<RawValue> {
    serde_json::from_str::<&RawValue>(text)
        .ok()
        .filter(|raw| raw.get().starts_with('{'))
        .map_or_else(
            || RawValue::from_string("{}".to_owned()).unwrap_or_default(),
            ToOwned::to_owned,
        )
}

/// An id that the same parts always have.
fn uuid(parts: &[&str]) -> String {
    let name = parts.join("\u{0}");
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("billfold\u{0}{name}").as_bytes())
        .hyphenated()
        .to_string()
}

/// The id of a charge, by all that is known of it but the window.
fn row_uuid(row: &ChargeRow) -> String {
    let (start, end) = (row.charge_start.to_string(), row.charge_end.to_string());
    // The key of the charge, where it has one, stands last and is not known everywhere.
    let texts = row.texts.iter().map(AsRef::as_ref);
    let mut parts: Vec<&str> = texts.take(TEXTS.len()).collect();
    parts.extend([start.as_str(), end.as_str(), row.currency.as_str()]);
    uuid(&parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_an_object_or_nothing() {
        for (text, expected) in [
            (r#"{"vcpus": 1}"#, r#"{"vcpus": 1}"#),
            ("", "{}"),
            ("4 cores", "{}"),
            ("[1]", "{}"),
            (r#"{"a":"#, "{}"),
        ] {
            assert_eq!(meta(text).get(), expected, "{text}");
        }
    }

    #[test]
    fn a_wall_time_is_a_date_or_a_time_of_its_zone() {
        let zone = Tz::Asia__Shanghai;
        assert_eq!(wall("a", "1970-01-02", zone).unwrap(), (57_600_000_000, true));
        assert_eq!(
            wall("a", "1970-01-02 00:00:01", zone).unwrap(),
            (57_601_000_000, false)
        );
        for text in [
            "1/2/1970",
            "1970-13-01",
            "yesterday",
            "1970-01-02 25:00:00",
            "云云",
        ] {
            assert!(wall("a", text, zone).is_err(), "{text}");
        }
    }
}
