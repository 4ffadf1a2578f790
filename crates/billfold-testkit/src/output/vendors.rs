//! Exports of Azure, Google Cloud, Oracle, Tencent, Alibaba, Huawei, Volcengine and plcloud.
//!
//! Column names are those of real exports or of the vendors' documentation; each has the columns that a
//! reader needs and a few that it does not. What of a charge survives is told by `through`.

use std::fmt::Write as _;

use super::columns::Field::{Cost, Empty, Made, Number, Tag, Tags, Text, Time};
use super::columns::{Column, Layout, TagShape};
use super::spec::Format;
use crate::charge::{Category, Charge, Tag as ChargeTag};
use crate::civil::{DAY, TimeShape, civil_from_days, push_time};
use crate::decimal::Decimal;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
/// What China's clocks are ahead of UTC.
const CHINA: i64 = 8 * 60 * MINUTE;

/// The columns of a vendor's export.
pub(super) fn layout(format: Format, tag_keys: &[String]) -> Layout {
    match format {
        Format::AzureCost => azure(),
        Format::GcpBilling => gcp(),
        Format::OciCost => oci(tag_keys),
        Format::TencentBill => tencent(),
        Format::AlibabaBill => alibaba(),
        Format::HuaweiRecords => huawei(),
        Format::VolcengineBill => volcengine(),
        _ => plcloud(),
    }
}

/// What stands before and behind the rows of a JSON document.
pub(super) fn envelope(format: Format) -> (&'static str, &'static str) {
    match format {
        Format::TencentBill => (
            "{\"Response\":{\"ResourceSummarySet\":[",
            "],\"Total\":0,\"RequestId\":\"r\"}}",
        ),
        Format::AlibabaBill => ("{\"Code\":\"Success\",\"Data\":{\"Items\":[", "]}}"),
        Format::HuaweiRecords => ("{\"fee_records\":[", "],\"currency\":\"CNY\"}"),
        Format::VolcengineBill => (
            "{\"ResponseMetadata\":{},\"Result\":{\"List\":[",
            "],\"Total\":0}}",
        ),
        Format::PlcloudConsumptions => ("{\"message\":\"成功\",\"code\":200,\"data\":[", "]}"),
        _ => ("[", "]"),
    }
}

/// `9/2/2023`, as Azure writes a day.
fn us_date(instant: i64, out: &mut String) {
    let (year, month, day) = civil_from_days(instant.div_euclid(DAY));
    let _ = write!(out, "{month}/{day}/{year}");
}

fn month(instant: i64, out: &mut String) {
    let (year, month, _) = civil_from_days(instant.div_euclid(DAY));
    let _ = write!(out, "{year:04}{month:02}");
}

/// A time on China's clocks.
fn china(instant: i64, out: &mut String) {
    let mut text = Vec::with_capacity(32);
    push_time(&mut text, instant + CHINA, TimeShape::Space);
    out.extend(text.iter().map(|b| char::from(*b)));
}

/// An end as Tencent writes it: the last second inside, where a charge ends with a minute.
fn last_second(charge: &Charge) -> i64 {
    let whole = charge.charge_end.rem_euclid(MINUTE) == 0 && charge.charge_end > charge.charge_start;
    if whole {
        charge.charge_end - SECOND
    } else {
        charge.charge_end
    }
}

/// Whether `key:value;` can carry a tag.
fn is_plain(tag: &ChargeTag) -> bool {
    let plain = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    plain(&tag.key) && tag.value.as_deref().is_some_and(plain)
}

fn pairs(charge: &Charge, out: &mut String) {
    for tag in charge.tags.iter().filter(|tag| is_plain(tag)) {
        let between = if out.is_empty() { "" } else { ";" };
        let _ = write!(
            out,
            "{between}{}:{}",
            tag.key,
            tag.value.as_deref().unwrap_or_default()
        );
    }
}

fn is_covered(charge: &Charge) -> bool {
    charge.category == Category::Usage && !charge.commitment_id.is_empty()
}

/// Google's credits: what a commitment covers comes back in two parts.
fn credits(charge: &Charge, out: &mut String) {
    out.push('[');
    if is_covered(charge) {
        let Decimal { mantissa, scale } = charge.billed_cost;
        let parts = [mantissa / 2, mantissa - mantissa / 2];
        for (i, part) in parts.into_iter().enumerate() {
            let amount = Decimal {
                mantissa: -part,
                scale,
            };
            let between = if i == 0 { "" } else { "," };
            let _ = write!(
                out,
                "{between}{{\"name\":\"part {i}\",\"amount\":{amount},\"type\":\"COMMITTED_USAGE_DISCOUNT\"}}"
            );
        }
    }
    out.push(']');
}

fn azure() -> Layout {
    Layout::new([
        ("BillingAccountId", Text(|c| &c.billing_account_id)),
        ("BillingAccountName", Text(|c| &c.billing_account_name)),
        (
            "BillingPeriodStartDate",
            Made(|c, out| us_date(c.billing_start, out)),
        ),
        (
            "BillingPeriodEndDate",
            Made(|c, out| us_date(c.billing_end - DAY, out)),
        ),
        ("SubscriptionId", Text(|c| &c.sub_account_id)),
        ("SubscriptionName", Text(|c| &c.sub_account_name)),
        ("Date", Made(|c, out| us_date(c.charge_start, out))),
        ("Product", Text(|c| &c.description)),
        ("MeterId", Text(|c| &c.sku_id)),
        ("ServiceFamily", Text(|c| &c.service_category)),
        ("MeterCategory", Text(|c| &c.service_name)),
        ("MeterSubCategory", Text(|c| &c.resource_type)),
        ("Quantity", Number(|c| c.quantity)),
        ("EffectivePrice", Number(|c| c.contracted_unit_price)),
        ("Cost", Cost(|c| Some(c.billed_cost))),
        ("BillingCurrency", Text(|c| &c.billing_currency)),
        ("ResourceLocation", Text(|c| &c.region_id)),
        ("AvailabilityZone", Text(|c| &c.zone_id)),
        ("ConsumedService", Empty),
        ("ResourceId", Text(|c| &c.resource_id)),
        ("ResourceName", Text(|c| &c.resource_name)),
        ("AdditionalInfo", Empty),
        ("Tags", Tags(TagShape::Body)),
        ("UnitOfMeasure", Text(|c| &c.unit)),
        ("ResourceGroup", Text(|c| &c.project_id)),
        ("ChargeType", Text(|c| c.category.word())),
        ("Frequency", Text(|c| c.frequency.word())),
        ("invoiceId", Text(|c| &c.invoice_id)),
    ])
}

fn gcp() -> Layout {
    Layout::new([
        ("billing_account_id", Text(|c| &c.billing_account_id)),
        ("service.id", Text(|c| &c.service_code)),
        ("service.description", Text(|c| &c.service_name)),
        ("sku.id", Text(|c| &c.sku_id)),
        ("sku.description", Text(|c| &c.resource_type)),
        ("usage_start_time", Time(|c| c.charge_start)),
        ("usage_end_time", Time(|c| c.charge_end)),
        ("project.id", Text(|c| &c.project_id)),
        ("project.name", Empty),
        ("labels", Tags(TagShape::List)),
        ("system_labels", Empty),
        ("location.location", Text(|c| &c.region_name)),
        ("location.region", Text(|c| &c.region_id)),
        ("location.zone", Text(|c| &c.zone_id)),
        ("cost", Cost(|c| Some(c.billed_cost))),
        ("currency", Text(|c| &c.billing_currency)),
        ("usage.amount", Number(|c| c.quantity)),
        ("usage.unit", Text(|c| &c.unit)),
        ("credits", Made(credits)),
        ("invoice.month", Made(|c, out| month(c.billing_start, out))),
        ("cost_type", Text(|c| c.category.word())),
        ("resource.name", Text(|c| &c.resource_name)),
        ("resource.global_name", Text(|c| &c.resource_id)),
        ("cost_at_list", Cost(|c| c.list_cost)),
    ])
}

fn oci(tag_keys: &[String]) -> Layout {
    let mut layout = Layout::new([
        ("lineItem/referenceNo", Empty),
        ("lineItem/tenantId", Text(|c| &c.billing_account_id)),
        ("lineItem/intervalUsageStart", Time(|c| c.charge_start)),
        ("lineItem/intervalUsageEnd", Time(|c| c.charge_end)),
        ("product/service", Text(|c| &c.service_name)),
        ("product/compartmentId", Text(|c| &c.sub_account_id)),
        ("product/compartmentName", Text(|c| &c.sub_account_name)),
        ("product/region", Text(|c| &c.region_id)),
        ("product/availabilityDomain", Text(|c| &c.zone_id)),
        ("product/resourceId", Text(|c| &c.resource_id)),
        ("usage/billedQuantity", Number(|c| c.quantity)),
        ("cost/productSku", Text(|c| &c.sku_id)),
        ("product/Description", Text(|c| &c.description)),
        ("cost/unitPrice", Number(|c| c.contracted_unit_price)),
        ("cost/myCost", Cost(|c| Some(c.billed_cost))),
        ("cost/myCostOverage", Empty),
        ("cost/currencyCode", Text(|c| &c.billing_currency)),
        (
            "lineItem/isCorrection",
            Text(|c| if c.correction { "true" } else { "false" }),
        ),
        ("lineItem/backreferenceNo", Empty),
    ]);
    layout.columns.extend(tag_keys.iter().map(|key| Column {
        name: format!("tags/Ops.{key}"),
        field: Tag(key.clone()),
    }));
    layout
}

fn tencent() -> Layout {
    Layout::new([
        ("PayerUin", Text(|c| &c.billing_account_id)),
        ("OwnerUin", Text(|c| &c.sub_account_id)),
        ("OperateUin", Text(|c| &c.sub_account_id)),
        ("BusinessCode", Text(|c| &c.service_name)),
        ("ProductCode", Text(|c| &c.resource_type)),
        ("PayModeName", Text(|_| "按量计费")),
        ("ProjectId", Text(|c| &c.project_id)),
        ("RegionId", Text(|c| &c.region_id)),
        ("RegionName", Text(|c| &c.region_name)),
        ("ZoneName", Text(|c| &c.zone_id)),
        ("ResourceId", Text(|c| &c.resource_id)),
        ("ResourceName", Text(|c| &c.resource_name)),
        ("ActionType", Text(|c| c.category.word())),
        ("OrderId", Empty),
        ("FeeBeginTime", Made(|c, out| china(c.charge_start, out))),
        ("FeeEndTime", Made(|c, out| china(last_second(c), out))),
        ("TotalCost", Cost(|c| c.list_cost)),
        ("RealTotalCost", Cost(|c| Some(c.billed_cost))),
        ("Currency", Text(|c| &c.billing_currency)),
        ("BillMonth", Made(|c, out| month(c.billing_start, out))),
        ("Tags", Made(pairs)),
    ])
}

fn alibaba() -> Layout {
    Layout::new([
        ("账期", Made(|c, out| month(c.billing_start, out))),
        ("财务单元", Empty),
        ("账号ID", Text(|c| &c.billing_account_id)),
        ("账号", Text(|c| &c.billing_account_name)),
        ("Owner账号", Text(|c| &c.sub_account_id)),
        ("产品Code", Text(|c| &c.service_name)),
        ("产品", Text(|c| &c.service_category)),
        ("产品明细", Text(|c| &c.resource_type)),
        ("消费类型", Text(|_| "按量付费")),
        ("账单开始时间", Made(|c, out| china(c.charge_start, out))),
        ("账单结束时间", Made(|c, out| china(c.charge_end, out))),
        ("账单类型", Text(|c| c.category.word())),
        ("实例ID", Text(|c| &c.resource_id)),
        ("实例昵称", Text(|c| &c.resource_name)),
        ("资源组", Text(|c| &c.project_id)),
        ("实例标签", Made(pairs)),
        ("地域", Text(|c| &c.region_id)),
        ("可用区", Text(|c| &c.zone_id)),
        ("用量", Number(|c| c.quantity)),
        ("原价", Cost(|c| c.list_cost)),
        ("应付金额", Cost(|c| Some(c.billed_cost))),
        ("币种", Text(|c| &c.billing_currency)),
    ])
}

fn huawei() -> Layout {
    Layout::new([
        ("bill_date", Made(|c, out| china_day(c.charge_start, out))),
        ("bill_type", Text(|c| c.category.word())),
        ("customer_id", Text(|c| &c.sub_account_id)),
        ("payer_account_id", Text(|c| &c.billing_account_id)),
        ("region", Text(|c| &c.region_id)),
        ("region_name", Text(|c| &c.region_name)),
        ("cloud_service_type", Text(|c| &c.service_name)),
        ("resource_type", Text(|c| &c.resource_type)),
        ("resource_id", Text(|c| &c.resource_id)),
        ("resource_name", Text(|c| &c.resource_name)),
        ("enterprise_project_id", Text(|c| &c.project_id)),
        ("charge_mode", Text(|_| "3")),
        ("sku_code", Text(|c| &c.sku_id)),
        ("official_amount", Cost(|c| c.list_cost)),
        ("amount", Cost(|c| Some(c.billed_cost))),
    ])
}

fn volcengine() -> Layout {
    Layout::new([
        ("BillPeriod", Made(|c, out| month(c.billing_start, out))),
        ("PayerID", Text(|c| &c.billing_account_id)),
        ("OwnerID", Text(|c| &c.sub_account_id)),
        ("Product", Text(|c| &c.service_name)),
        ("BillingMode", Text(|_| "按量计费")),
        ("BillCategory", Text(|c| c.category.word())),
        ("ExpenseBeginTime", Made(|c, out| china(c.charge_start, out))),
        ("ExpenseEndTime", Made(|c, out| china(last_second(c), out))),
        ("InstanceNo", Text(|c| &c.resource_id)),
        ("InstanceName", Text(|c| &c.resource_name)),
        ("ConfigurationCode", Text(|c| &c.resource_type)),
        ("Project", Text(|c| &c.project_id)),
        ("Region", Text(|c| &c.region_id)),
        ("Zone", Text(|c| &c.zone_id)),
        ("Tag", Made(pairs)),
        ("OriginalBillAmount", Cost(|c| c.list_cost)),
        ("PayableAmount", Cost(|c| Some(c.billed_cost))),
        ("Currency", Text(|c| &c.billing_currency)),
    ])
}

fn plcloud() -> Layout {
    Layout::new([
        ("id", Empty),
        ("billing_id", Text(|c| &c.contract_id)),
        ("res_id", Text(|c| &c.resource_id)),
        ("name", Text(|c| &c.resource_name)),
        ("res_type", Text(|c| &c.resource_type)),
        ("region", Text(|c| &c.region_id)),
        ("region_name", Text(|c| &c.region_name)),
        ("unit_price", Number(|c| c.contracted_unit_price)),
        ("amount", Cost(|c| Some(c.billed_cost))),
        ("cost_time", Number(|c| c.quantity)),
        ("billing_type", Text(|_| "hour")),
        ("start_at", Made(|c, out| china(c.charge_start, out))),
        ("end_at", Made(|c, out| china(c.charge_end, out))),
        ("remarks", Text(|_| "自动扣费")),
    ])
}

/// `2024-03-01`, the day on China's clocks.
fn china_day(instant: i64, out: &mut String) {
    let (year, month, day) = civil_from_days((instant + CHINA).div_euclid(DAY));
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
}

/// The charge as a reader of such a file knows it; see `carried`.
pub(super) fn through(c: &mut Charge, format: Format) {
    c.provider_name.clear();
    c.invoice_issuer.clear();
    c.correction = false;
    c.contracted_cost = None;
    if !matches!(format, Format::AzureCost) {
        c.invoice_id.clear();
    }
    match format {
        Format::AzureCost => {
            c.charge_start = c.charge_start.div_euclid(DAY) * DAY;
            c.charge_end = c.charge_start + DAY;
            (c.effective_cost, c.list_cost) = (None, None);
            c.region_name.clear();
            for tag in &mut c.tags {
                tag.value.get_or_insert_with(|| String::from("true"));
            }
        }
        Format::GcpBilling => {
            let covered = is_covered(c);
            c.effective_cost = Some(if covered { Decimal::ZERO } else { c.billed_cost });
            c.sub_account_id.clone_from(&c.project_id);
            for text in [
                &mut c.sub_account_name,
                &mut c.billing_account_name,
                &mut c.service_category,
            ] {
                text.clear();
            }
        }
        Format::OciCost => {
            (c.effective_cost, c.list_cost) = (None, None);
            c.project_id.clone_from(&c.sub_account_id);
            c.resource_type.clone_from(&c.sku_id);
            for text in [&mut c.resource_name, &mut c.region_name, &mut c.service_category] {
                text.clear();
            }
            c.tags
                .retain(|tag| tag.value.as_ref().is_some_and(|value| !value.is_empty()));
            for tag in &mut c.tags {
                tag.key.insert_str(0, "Ops.");
            }
        }
        _ => through_china(c, format),
    }
}

fn through_china(c: &mut Charge, format: Format) {
    c.effective_cost = None;
    c.billing_start -= CHINA;
    c.billing_end -= CHINA;
    c.tags.retain(is_plain);
    match format {
        Format::TencentBill | Format::VolcengineBill | Format::AlibabaBill => {
            let written = if format == Format::AlibabaBill {
                c.charge_end
            } else {
                last_second(c)
            };
            let second = written.rem_euclid(MINUTE);
            c.charge_end = if second >= 59 * SECOND {
                written - second + MINUTE
            } else {
                written
            };
        }
        Format::HuaweiRecords => {
            c.charge_start = (c.charge_start + CHINA).div_euclid(DAY) * DAY - CHINA;
            c.charge_end = c.charge_start + DAY;
            c.zone_id.clear();
        }
        _ => {
            c.list_cost = None;
            for text in [
                &mut c.billing_account_id,
                &mut c.sub_account_id,
                &mut c.project_id,
                &mut c.zone_id,
                &mut c.service_name,
            ] {
                text.clear();
            }
        }
    }
    if matches!(format, Format::HuaweiRecords | Format::PlcloudConsumptions) {
        "CNY".clone_into(&mut c.billing_currency);
        c.tags.clear();
    }
    if format != Format::AlibabaBill {
        c.billing_account_name.clear();
        c.service_category.clear();
    }
    c.sub_account_name.clear();
    if format != Format::HuaweiRecords {
        c.sku_id.clear();
    }
    if matches!(format, Format::AlibabaBill) {
        c.region_name.clear();
    }
    if matches!(format, Format::VolcengineBill) {
        c.region_name.clone_from(&c.region_id);
    }
}
