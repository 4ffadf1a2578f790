//! DescribeBillResourceSummary: a month's bill, resource by resource, as it was invoiced.
//!
#![doc = include_str!("../../docs/describe_bill_resource_summary.md")]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use billfold_core::query::{Allocation, ChargeQuery, CostMetric, Dimension};
use billfold_core::time::{Tz, format_wall};
use serde::Serialize;

use super::cost_summary_by_resource::{last_second, wall_of};
use super::item::{Identity, Item, items};
use super::words::Language;
use super::{Args, Members, keep_tag, month_of, month_window};
use crate::call::{Call, keep};
use crate::fault::{Refusal, RefusalKind};
use crate::number::Fixed;
use crate::params::Tree;

const PARAMETERS: &[&str] = &[
    "Offset",
    "Limit",
    "Month",
    "PeriodType",
    "NeedRecordNum",
    "ActionType",
    "ResourceId",
    "PayMode",
    "BusinessCode",
    "PayerUin",
    "TagKey",
    "TagValue",
    "Currency",
];

pub(crate) fn answer(call: &Call<'_>, tree: &Tree) -> Result<Members, Refusal> {
    let args = Args::of_call(tree, PARAMETERS)?;
    let month = month_of("Month", args.required("Month")?)?;
    let (offset, limit) = args.page(1000)?;
    if let Some(other) = args.word("PeriodType")?
        && other != "byUsedTime"
    {
        return Err(Refusal::value(
            RefusalKind::WrongValue,
            "PeriodType",
            other,
            "is not served; byUsedTime is",
        ));
    }
    let wants_number = args.flag("NeedRecordNum")? || call.settings.always_record_num;
    let pay_mode = match args.word("PayMode")? {
        None => None,
        Some("prePay") => Some(true),
        Some("postPay") => Some(false),
        Some(other) => {
            return Err(Refusal::value(
                RefusalKind::WrongValue,
                "PayMode",
                other,
                "is not prePay or postPay",
            ));
        }
    };
    let mut query = call.query();
    query.window = month_window(call, "Month", month)?;
    // A bill, not an amortisation: whole charges, as they were invoiced.
    query.allocation = Allocation::Start;
    if query.metric == CostMetric::Effective {
        query.metric = CostMetric::Billed;
    }
    if let Some(payer) = args.word("PayerUin")? {
        call.filter(&mut query, "billing_account_id", &[payer])?;
    }
    if let Some(resource) = args.word("ResourceId")? {
        call.filter(&mut query, "resource_id", &[resource])?;
    }
    keep_tag(&mut query, &args)?;
    call.settle(&mut query, args.word("Currency")?)?;
    let business = args.word("BusinessCode")?;
    let action = args.word("ActionType")?;

    let language = Language::of(call.request);
    let by_tags = query.clone();
    let mut kept: Vec<(Identity, Item)> = items(call, query)?
        .into_iter()
        .filter(|(identity, _)| {
            pay_mode.is_none_or(|wanted| wanted == identity.is_reserved)
                && business.is_none_or(|code| code == identity.business.as_ref())
                && action.is_none_or(|name| name == identity.consumption.as_ref())
        })
        .collect();
    kept.sort_by_key(|(_, item)| Reverse(item.cost));
    let n_items = kept.len();
    let page = kept.get(offset.min(n_items)..).unwrap_or_default();
    let page = page.get(..limit.min(page.len())).unwrap_or_default();
    let mut tags = tags_of(call, by_tags, page)?;
    let set = page
        .iter()
        .map(|(identity, item)| {
            let summary = Summary::of(identity, item, month, call.settings.zone, language)?;
            Ok(Summary {
                tags: tags.remove(&identity.resource).unwrap_or_default(),
                ..summary
            })
        })
        .collect::<Result<_, Refusal>>()?;
    Members::of(&Response {
        resource_summary_set: set,
        total: wants_number.then_some(n_items),
    })
}

/// The tags that charges of the page's resources carry in the month.
fn tags_of(
    call: &Call<'_>,
    mut query: ChargeQuery,
    page: &[(Identity, Item)],
) -> Result<BTreeMap<Arc<str>, Vec<Tag>>, Refusal> {
    let resources = page.iter().map(|(identity, _)| identity.resource.as_ref());
    let resources: BTreeSet<&str> = resources.filter(|resource| !resource.is_empty()).collect();
    let mut tags: BTreeMap<Arc<str>, Vec<Tag>> = BTreeMap::new();
    if resources.is_empty() {
        return Ok(tags);
    }
    keep(
        &mut query.filter,
        "resource_id",
        &resources.into_iter().collect::<Vec<_>>(),
    );
    query.by = ["resource_id", "tag_id"]
        .into_iter()
        .map(Dimension::parse)
        .collect::<billfold_core::Result<_>>()?;
    for group in &call.facts(query, &[], &[])?.groups {
        if let [resource, tag] = group.keys.as_slice()
            && !tag.is_empty()
        {
            let (key, value) = tag.split_once('=').unwrap_or((tag, ""));
            let tag = Tag {
                tag_key: key.to_owned(),
                tag_value: value.to_owned(),
            };
            let tags = tags.entry(Arc::clone(resource)).or_default();
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
    }
    Ok(tags)
}

/// A tag of a resource.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    tag_key: String,
    tag_value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response {
    resource_summary_set: Vec<Summary>,
    total: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    business_code_name: String,
    product_code_name: String,
    pay_mode_name: &'static str,
    project_name: String,
    region_name: String,
    zone_name: String,
    resource_id: String,
    resource_name: String,
    action_type_name: String,
    order_id: String,
    pay_time: String,
    fee_begin_time: String,
    fee_end_time: String,
    config_desc: String,
    extend_field1: &'static str,
    extend_field2: &'static str,
    total_cost: Fixed,
    discount: String,
    reduce_type: &'static str,
    real_total_cost: Fixed,
    voucher_pay_amount: Fixed,
    cash_pay_amount: Fixed,
    incentive_pay_amount: Fixed,
    transfer_pay_amount: Fixed,
    extend_field3: &'static str,
    extend_field4: &'static str,
    extend_field5: &'static str,
    tags: Vec<Tag>,
    payer_uin: String,
    owner_uin: String,
    operate_uin: String,
    business_code: String,
    product_code: String,
    region_id: RegionId,
    instance_type: String,
    #[serde(rename = "OriginalCostWithRI")]
    original_cost_with_ri: &'static str,
    #[serde(rename = "SPDeduction")]
    sp_deduction: &'static str,
    #[serde(rename = "OriginalCostWithSP")]
    original_cost_with_sp: &'static str,
    bill_month: String,
}

/// The service types it as an integer; ids of other providers stay texts.
#[derive(Serialize)]
#[serde(untagged)]
enum RegionId {
    Number(i64),
    Text(String),
}

const NO_DEDUCTION: &str = "0.00000000";

impl Summary {
    fn of(
        identity: &Identity,
        item: &Item,
        month: &str,
        zone: Tz,
        language: Language,
    ) -> Result<Summary, Refusal> {
        let payments = item.payments()?;
        Ok(Summary {
            business_code_name: item.business_name(&identity.business).to_owned(),
            product_code_name: item.product_name().to_owned(),
            pay_mode_name: language.pay_mode(identity.is_reserved).1,
            project_name: item.project_name().to_owned(),
            region_name: item.region_name().to_owned(),
            zone_name: item.zone_name().to_owned(),
            resource_id: identity.resource.to_string(),
            resource_name: item.resource_name().to_owned(),
            action_type_name: identity.consumption.to_string(),
            order_id: identity.order.to_string(),
            pay_time: wall_of(item.charge_time(), zone),
            fee_begin_time: format_wall(item.first_start, zone),
            fee_end_time: format_wall(last_second(item), zone),
            config_desc: item.spec().to_owned(),
            extend_field1: "",
            extend_field2: "",
            total_cost: Fixed(item.list_cost(), 8),
            discount: item.discount(),
            reduce_type: "",
            real_total_cost: Fixed(item.cost, 8),
            voucher_pay_amount: Fixed(payments.voucher, 8),
            cash_pay_amount: Fixed(payments.cash, 8),
            incentive_pay_amount: Fixed(payments.incentive, 8),
            transfer_pay_amount: Fixed(payments.transfer, 8),
            extend_field3: "",
            extend_field4: "",
            extend_field5: "",
            tags: Vec::new(),
            payer_uin: identity.payer.to_string(),
            owner_uin: identity.owner.to_string(),
            operate_uin: item.operator().to_owned(),
            business_code: identity.business.to_string(),
            product_code: identity.product.to_string(),
            region_id: match identity.region.parse() {
                Ok(number) => RegionId::Number(number),
                Err(_) => RegionId::Text(identity.region.to_string()),
            },
            instance_type: item.instance_type().to_owned(),
            original_cost_with_ri: NO_DEDUCTION,
            sp_deduction: NO_DEDUCTION,
            original_cost_with_sp: NO_DEDUCTION,
            bill_month: month.to_owned(),
        })
    }
}
