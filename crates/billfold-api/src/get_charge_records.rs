//! GetChargeRecords: the charges of a resource one by one.
//!
#![doc = include_str!("../docs/get_charge_records.md")]

use billfold_core::engine::ChargeRow;
use billfold_core::money::{Amount, ExactSum};
use billfold_core::query::{Allocation, RowOrder, RowOrderBy, RowsQuery};
use billfold_core::time::format_instant;
use serde::Serialize;

use crate::call::{Call, names, one_currency, total_of};
use crate::fault::{Refusal, RefusalKind};
use crate::number::{Exact, Fee, scaled};
use crate::params::Params;
use crate::params::value::count;
use crate::qingcloud::{body, check, set_window, settle};

const PARAMETERS: &[&str] = &[
    "resource",
    "zone",
    "user",
    "start_time",
    "end_time",
    "offset",
    "limit",
    "currency",
];
const TEXTS: [&str; 12] = [
    "resource_type",
    "sub_account_id",
    "zone_id",
    "resource_id",
    "sku_meter",
    "console_id",
    "billing_account_id",
    "resource_name",
    "remarks",
    "charge_time",
    "pricing_unit",
    "order_id",
];
const MEASURES: [&str; 3] = ["unit_price", "discount_rate", "usage_quantity"];
const MICROS_PER_HOUR: i64 = 3_600_000_000;
/// Records that a page has without `limit`, and at most.
const LIMITS: (usize, u64) = (20, 100);

pub(crate) fn answer(call: &Call<'_>, params: &Params) -> Result<Vec<u8>, Refusal> {
    check(params, PARAMETERS)?;
    let mut query = call.query();
    // A record is shown as it was charged.
    query.allocation = Allocation::Start;
    call.filter(&mut query, "resource_id", &params.required_list("resource")?)?;
    call.filter(&mut query, "zone_id", &params.required_list("zone")?)?;
    call.filter(&mut query, "sub_account_id", &params.list("user")?)?;
    set_window(&mut query, params)?;
    settle(call, &mut query, params)?;
    let number = |name: &str, least, most| {
        params
            .one(name)?
            .map(|text| count(name, text, least, most))
            .transpose()
    };
    let offset = number("offset", 0, u64::MAX)?.unwrap_or(0);
    let limit = number("limit", 1, LIMITS.1)?.unwrap_or(LIMITS.0);
    let rows = call.rows(&RowsQuery {
        query,
        columns: names(&TEXTS),
        measures: names(&MEASURES),
        tags: true,
        order: RowOrder {
            by: RowOrderBy::Start,
            descending: true,
        },
        offset,
        limit: Some(limit),
    })?;
    let currency = one_currency(&rows.totals, rows.rows.iter().map(|row| row.currency))?;
    let records = rows
        .rows
        .iter()
        .map(|row| {
            Record::of(row)
                .ok_or_else(|| Refusal::new(RefusalKind::Limit, "a price needs more than 38 digits"))
        })
        .collect::<Result<_, Refusal>>()?;
    body(&Response {
        charge_record_set: records,
        ret_code: 0,
        total_count: rows.n_charges,
        total_sum: Fee::of(&total_of(&rows.totals, currency)),
        action: "GetChargeRecordsResponse",
    })
}

#[derive(Serialize)]
struct Response<'a> {
    charge_record_set: Vec<Record<'a>>,
    ret_code: u16,
    total_count: u64,
    total_sum: Fee,
    action: &'static str,
}

/// The members of a recorded answer, in its order.
#[derive(Serialize)]
struct Record<'a> {
    resource_type: &'a str,
    fee: Fee,
    user_id: &'a str,
    zone_id: &'a str,
    resource_id: &'a str,
    start_time: String,
    tags: Vec<String>,
    charge_item: &'a str,
    console_id: &'a str,
    currency: String,
    root_user_id: &'a str,
    resource_name: &'a str,
    remarks: &'a str,
    end_time: String,
    duration: &'static str,
    charge_time: String,
    total_sum: Exact,
    discount: Exact,
    price: String,
    unit: &'a str,
    contract_id: &'a str,
}

impl<'a> Record<'a> {
    /// None where a price cannot be computed.
    fn of(row: &'a ChargeRow) -> Option<Record<'a>> {
        let text = |idx: usize| row.texts[idx].as_ref();
        let start_time = format_instant(row.charge_start);
        let (price, unit) = match row.measures[0] {
            Some(price) => (price, text(10)),
            // What the charge comes to an hour.
            None => (price_an_hour(row)?, "hour"),
        };
        Some(Record {
            resource_type: text(0),
            fee: Fee::of(&row.cost),
            user_id: text(1),
            zone_id: text(2),
            resource_id: text(3),
            tags: row
                .tags
                .iter()
                .map(|(key, value)| match value {
                    Some(value) => format!("{key}={value}"),
                    None => key.to_string(),
                })
                .collect(),
            charge_item: text(4),
            console_id: text(5),
            currency: row.currency.as_str().to_lowercase(),
            root_user_id: text(6),
            resource_name: text(7),
            remarks: text(8),
            end_time: format_instant(row.charge_end),
            duration: price_period(unit),
            charge_time: match text(9) {
                "" => start_time.clone(),
                known => known.to_owned(),
            },
            total_sum: Exact(row.measures[2].unwrap_or(ExactSum::ZERO)),
            discount: Exact(percent(row.measures[1])),
            price: price.to_string(),
            unit,
            contract_id: text(11),
            start_time,
        })
    }
}

/// What a charge comes to an hour; the whole of it where it has no length.
fn price_an_hour(row: &ChargeRow) -> Option<ExactSum> {
    match row.charge_end.saturating_sub(row.charge_start) {
        0 => Some(row.cost),
        length => Some(scaled(&row.cost, MICROS_PER_HOUR, length)?.round_to(Fee::PLACES)),
    }
}

/// The price period of a unit as contracts write it.
fn price_period(unit: &str) -> &'static str {
    match unit.to_lowercase().as_str() {
        "hour" | "hours" | "h" => "1h",
        "day" | "days" | "d" => "1d",
        "week" | "weeks" | "w" => "1w",
        "month" | "months" | "m" => "1m",
        "year" | "years" | "y" => "1y",
        _ => "",
    }
}

/// A rate as a percentage; 100 where none is known.
fn percent(rate: Option<ExactSum>) -> ExactSum {
    let hundredfold = |rate: ExactSum| {
        let amount = rate.to_amount()?;
        let (mantissa, scale) = (amount.mantissa(), amount.scale());
        match scale.checked_sub(2) {
            Some(scale) => Amount::new(mantissa, scale),
            None => Amount::new(mantissa.checked_mul(if scale == 1 { 10 } else { 100 })?, 0),
        }
    };
    let all = Amount::new(100, 0).unwrap_or(Amount::ZERO);
    ExactSum::from(rate.and_then(hundredfold).unwrap_or(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_shown_in_hundredths() {
        for (rate, shown) in [
            ("1", "100"),
            ("0.85", "85"),
            ("0.5", "50"),
            ("0.333", "33.3"),
            ("0", "0"),
        ] {
            let rate = ExactSum::from(Amount::parse(rate.as_bytes()).unwrap());
            assert_eq!(percent(Some(rate)).to_string(), shown);
        }
        assert_eq!(percent(None).to_string(), "100");
    }
}
