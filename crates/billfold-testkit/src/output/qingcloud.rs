//! QingCloud's charge record, as GetChargeRecords answers it.
//!
//! Source: a recorded answer of 2024. Fees have four decimals, missing texts are `""`, the currency is
//! lower case, `discount` is a percentage, an item's `total_sum` is a metered quantity (0 when billed by time).

use super::columns::Field::{Constant, Cost, Made, Number, Tags, Text, Time};
use super::columns::{Layout, TagShape};
use crate::charge::{Category, Charge};
use crate::civil::DAY;
use crate::decimal::Decimal;

/// Decimals of a fee.
const FEE_SCALE: u8 = 4;

/// The fee of a charge: its billed cost, rounded half away from zero, trailing zeros left out.
pub(super) fn fee(charge: &Charge) -> Decimal {
    let billed = charge.billed_cost.normalized();
    if billed.scale <= FEE_SCALE {
        billed
    } else {
        billed.at_scale(FEE_SCALE).unwrap_or_default().normalized()
    }
}

fn remarks(charge: &Charge) -> &'static str {
    match charge.category {
        Category::Adjustment => "refund",
        Category::Credit => "voucher",
        Category::Purchase => "prepaid contract",
        _ => "",
    }
}

fn duration(charge: &Charge) -> &'static str {
    match charge.charge_end - charge.charge_start {
        length if length > 300 * DAY => "1y",
        length if length > 2 * DAY => "1m",
        length if length >= DAY => "1d",
        _ => "1h",
    }
}

pub(super) fn layout() -> Layout {
    let mut layout = Layout::new([
        ("resource_type", Text(|c| &c.resource_type)),
        ("fee", Cost(|c| Some(fee(c)))),
        ("user_id", Text(|c| &c.sub_account_id)),
        ("root_user_id", Text(|c| &c.billing_account_id)),
        ("zone_id", Text(|c| &c.zone_id)),
        ("project_id", Text(|c| &c.project_id)),
        ("resource_id", Text(|c| &c.resource_id)),
        ("resource_name", Text(|c| &c.resource_name)),
        ("resource_group_id", Text(|_| "")),
        ("start_time", Time(|c| c.charge_start)),
        ("end_time", Time(|c| c.charge_end)),
        // A record is charged when its use begins; a postpaid refund or a voucher as well.
        ("charge_time", Time(|c| c.charge_start)),
        ("tags", Tags(TagShape::Ids)),
        ("charge_item", Text(|c| &c.usage_type)),
        ("console_id", Text(|_| "admin")),
        (
            "currency",
            Made(|c, out| out.extend(c.billing_currency.chars().map(|l| l.to_ascii_lowercase()))),
        ),
        ("remarks", Text(remarks)),
        ("duration", Text(duration)),
        ("total_sum", Constant(0)),
        ("discount", Constant(100)),
        (
            "price",
            Number(|c| c.contracted_unit_price.map(Decimal::normalized)),
        ),
        ("unit", Text(|c| &c.unit)),
        ("contract_id", Text(|c| &c.contract_id)),
        ("sizes", Text(|_| "")),
    ]);
    layout.everything_is_text = true;
    layout
}
