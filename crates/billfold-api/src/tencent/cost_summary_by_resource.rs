//! DescribeCostSummaryByResource: a month's amortised cost, resource by resource.
//!
#![doc = include_str!("../../docs/describe_cost_summary_by_resource.md")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use billfold_core::money::ExactSum;
use billfold_core::query::{ChargeQuery, RowOrder, RowOrderBy, RowsQuery};
use billfold_core::time::{Calendar, Granularity, Tz, Window, format_wall};
use serde::Serialize;

use super::item::{Identity, Item, dimensions, items};
use super::words::Language;
use super::{Args, Members, keep_tag, month};
use crate::call::{Call, add, columns, keep, names};
use crate::fault::{Refusal, RefusalKind};
use crate::number::{Fixed, scaled};
use crate::params::Tree;
use crate::params::value::rules;
use crate::pay_mode::{is_reserved, pay_dimensions};

const PARAMETERS: &[&str] = &[
    "BeginTime",
    "EndTime",
    "Limit",
    "Offset",
    "PayerUin",
    "NeedRecordNum",
    "NeedConditionValue",
    "Conditions",
    "TagKey",
    "TagValue",
    "Currency",
];

/// The members of `Conditions` in the clients' structure. Only the first six mean something to this action.
const CONDITIONS: &[&str] = &[
    "ResourceKeyword",
    "ProjectIds",
    "RegionIds",
    "PayModes",
    "HideFreeCost",
    "OrderByCost",
    "TimeRange",
    "BusinessCode",
    "ProjectId",
    "RegionId",
    "PayMode",
    "BusinessCodes",
    "ProductCodes",
    "ActionTypes",
    "BillIds",
    "ComponentCodes",
    "FileIds",
    "FileTypes",
    "Status",
];

const MICROS_PER_SECOND: i64 = 1_000_000;

pub(crate) fn answer(call: &Call<'_>, tree: &Tree) -> Result<Members, Refusal> {
    let args = Args::of_call(tree, PARAMETERS)?;
    let conditions = Conditions::read(&args.object("Conditions", CONDITIONS)?)?;
    let window = month(call, &args)?;
    let (offset, limit) = args.page(100)?;
    let language = Language::of(call.request);
    let wants_number = args.flag("NeedRecordNum")? || call.settings.always_record_num;
    let wants_values = args.flag("NeedConditionValue")?;

    let mut all = call.query();
    all.window = window;
    if let Some(payer) = args.word("PayerUin")? {
        call.filter(&mut all, "billing_account_id", &[payer])?;
    }
    keep_tag(&mut all, &args)?;
    let currency = args.word("Currency")?;
    let mut query = all.clone();
    call.filter(&mut query, "project_id", &conditions.projects)?;
    call.filter(&mut query, "region_id", &conditions.regions)?;
    call.settle(&mut query, currency)?;
    call.settle(&mut all, currency)?;

    let mut total = ExactSum::ZERO;
    let mut kept: Vec<(Identity, Item)> = Vec::new();
    for (identity, item) in items(call, query.clone())? {
        if conditions.keeps(&identity, &item) {
            add(&mut total, &item.cost)?;
            kept.push((identity, item));
        }
    }
    // Stable: what costs the same stays in the order of the identities, which begin with the resource.
    kept.sort_by(|(_, a), (_, b)| {
        let ascending = a.cost.cmp(&b.cost);
        if conditions.cheapest_first {
            ascending
        } else {
            ascending.reverse()
        }
    });
    let n_items = kept.len();
    let page: Vec<(Identity, Item)> = kept.into_iter().skip(offset).take(limit).collect();
    let tags = tags(call, &query, &page)?;
    let left = still_to_amortise(call, &query, &page)?;
    let none = ExactSum::ZERO;
    let data = page
        .iter()
        .map(|(identity, item)| {
            let tags = tags.get(&identity.resource).map_or("", String::as_str);
            let left = left.get(identity).unwrap_or(&none);
            DataItem::of(identity, item, tags, left, call.settings.zone, language)
        })
        .collect::<Result<Vec<_>, Refusal>>()?;
    Members::of(&Response {
        ready: 1,
        total: Total {
            real_total_cost: Fixed(total, 2),
        },
        condition_value: wants_values
            .then(|| ConditionValue::of(call, all, language))
            .transpose()?,
        record_num: wants_number.then_some(n_items),
        data,
    })
}

/// What `Conditions` asks for.
struct Conditions<'a> {
    keyword: Option<&'a str>,
    projects: Vec<&'a str>,
    regions: Vec<&'a str>,
    /// Whether prepaid and postpaid items stay.
    pay_modes: (bool, bool),
    hides_free: bool,
    cheapest_first: bool,
}

impl<'a> Conditions<'a> {
    fn read(args: &Args<'a>) -> Result<Conditions<'a>, Refusal> {
        let mut pay_modes = (false, false);
        for mode in args.list("PayModes")? {
            match mode {
                "prePay" => pay_modes.0 = true,
                "postPay" => pay_modes.1 = true,
                other => {
                    return Err(Refusal::value(
                        RefusalKind::WrongValue,
                        "PayModes",
                        other,
                        "is not prePay or postPay",
                    ));
                }
            }
        }
        if pay_modes == (false, false) {
            pay_modes = (true, true);
        }
        Ok(Conditions {
            keyword: args.word("ResourceKeyword")?,
            projects: args.list("ProjectIds")?,
            regions: args.list("RegionIds")?,
            pay_modes,
            hides_free: args.flag("HideFreeCost")?,
            cheapest_first: match args.word("OrderByCost")? {
                None | Some("desc") => false,
                Some("asc") => true,
                Some(other) => {
                    return Err(Refusal::value(
                        RefusalKind::WrongValue,
                        "OrderByCost",
                        other,
                        "is not desc or asc",
                    ));
                }
            },
        })
    }

    fn keeps(&self, identity: &Identity, item: &Item) -> bool {
        let mode = if identity.is_reserved {
            self.pay_modes.0
        } else {
            self.pay_modes.1
        };
        let named = self.keyword.is_none_or(|keyword| {
            identity.resource.contains(keyword) || item.resource_name().contains(keyword)
        });
        mode && named && !(self.hides_free && item.cost.is_zero())
    }
}

/// The tags of the resources of a page as texts of JSON, those of a resource's latest charge.
fn tags(
    call: &Call<'_>,
    query: &ChargeQuery,
    page: &[(Identity, Item)],
) -> Result<BTreeMap<Arc<str>, String>, Refusal> {
    let mut tags = BTreeMap::new();
    let rows = rows_of_page(call, query.clone(), page, &["resource_id"], true)?;
    for row in rows {
        let members: serde_json::Map<String, serde_json::Value> = row
            .tags
            .iter()
            .map(|(key, value)| (key.to_string(), value.as_deref().unwrap_or_default().into()))
            .collect();
        let text = if members.is_empty() {
            String::new()
        } else {
            serde_json::Value::Object(members).to_string()
        };
        tags.insert(Arc::clone(&row.texts[0]), text);
    }
    Ok(tags)
}

/// What is left of the prepaid charges of a page behind its month.
fn still_to_amortise(
    call: &Call<'_>,
    query: &ChargeQuery,
    page: &[(Identity, Item)],
) -> Result<BTreeMap<Identity, ExactSum>, Refusal> {
    let mut left = BTreeMap::new();
    let Some(month_end) = query.window.end else {
        return Ok(left);
    };
    if !page.iter().any(|(identity, _)| identity.is_reserved) {
        return Ok(left);
    }
    let mut later = query.clone();
    later.window = Window::new(Some(month_end), None)?;
    let columns: Vec<String> = dimensions().into_iter().map(|dimension| dimension.name).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    for row in rows_of_page(call, later, page, &columns, false)? {
        // What begins later is not of this month.
        if row.charge_start < month_end {
            let sum = left.entry(Identity::of(&row.texts)).or_insert(ExactSum::ZERO);
            add(sum, &row.cost)?;
        }
    }
    Ok(left)
}

/// The charges of the resources of a page, the earliest end first.
fn rows_of_page(
    call: &Call<'_>,
    mut query: ChargeQuery,
    page: &[(Identity, Item)],
    columns: &[&str],
    tags: bool,
) -> Result<Vec<billfold_core::engine::ChargeRow>, Refusal> {
    if page.is_empty() {
        return Ok(Vec::new());
    }
    let resources: BTreeSet<&str> = page
        .iter()
        .map(|(identity, _)| identity.resource.as_ref())
        .collect();
    let resources: Vec<&str> = resources
        .into_iter()
        .filter(|resource| !resource.is_empty())
        .collect();
    if resources.is_empty() {
        return Ok(Vec::new());
    }
    keep(&mut query.filter, "resource_id", &resources);
    Ok(call
        .rows(&RowsQuery {
            query,
            columns: names(columns),
            measures: Vec::new(),
            tags,
            order: RowOrder {
                by: RowOrderBy::End,
                descending: false,
            },
            offset: 0,
            limit: None,
        })?
        .rows)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response {
    ready: u8,
    total: Total,
    condition_value: Option<ConditionValue>,
    record_num: Option<usize>,
    data: Vec<DataItem>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Total {
    pub(super) real_total_cost: Fixed,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ConditionValue {
    business: Vec<Business>,
    project: Vec<Project>,
    region: Vec<Region>,
    pay_mode: Vec<Mode>,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "PascalCase")]
struct Business {
    business_code: String,
    business_code_name: String,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "PascalCase")]
struct Project {
    project_id: String,
    project_name: String,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "PascalCase")]
struct Region {
    region_id: String,
    region_name: String,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "PascalCase")]
struct Mode {
    pay_mode: &'static str,
    pay_mode_name: &'static str,
}

impl ConditionValue {
    /// The values that occur in the month, whatever the conditions.
    fn of(call: &Call<'_>, mut query: ChargeQuery, language: Language) -> Result<ConditionValue, Refusal> {
        query.by = columns(&[
            "service_code",
            "service_name",
            "service_category",
            "product_name",
            "project_id",
            "project_name",
            "region_id",
            "region_name",
        ]);
        let n_keys = query.by.len();
        query.by.extend(pay_dimensions());
        let facts = call.facts(query, &[], &[])?;
        let (mut businesses, mut projects) = (BTreeSet::new(), BTreeSet::new());
        let (mut regions, mut modes) = (BTreeSet::new(), BTreeSet::new());
        for group in &facts.groups {
            let key = |idx: usize| group.keys[idx].to_string();
            let code = if key(0).is_empty() { key(1) } else { key(0) };
            let has_codes = !key(3).is_empty() && !key(2).is_empty() && code == key(1);
            businesses.insert(Business {
                business_code: code,
                business_code_name: if has_codes { key(2) } else { key(1) },
            });
            projects.insert(Project {
                project_id: key(4),
                project_name: key(5),
            });
            regions.insert(Region {
                region_id: key(6),
                region_name: key(7),
            });
            let (pay_mode, pay_mode_name) = language.pay_mode(is_reserved(&group.keys[n_keys..]));
            modes.insert(Mode {
                pay_mode,
                pay_mode_name,
            });
        }
        Ok(ConditionValue {
            business: businesses.into_iter().collect(),
            project: projects.into_iter().collect(),
            region: regions.into_iter().collect(),
            pay_mode: modes.into_iter().collect(),
        })
    }
}

/// The union of the members that the clients of the two sites know.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DataItem {
    resource_id: String,
    resource_name: String,
    real_total_cost: Fixed,
    cash_pay_amount: Fixed,
    project_id: String,
    project_name: String,
    region_id: String,
    region_name: String,
    pay_mode: &'static str,
    pay_mode_name: &'static str,
    business_code: String,
    business_code_name: String,
    consumption_type_name: String,
    real_cost: Fixed,
    fee_begin_time: String,
    fee_end_time: String,
    day_diff: String,
    daily_total_cost: Fixed,
    order_id: String,
    voucher_pay_amount: Fixed,
    incentive_pay_amount: Fixed,
    transfer_pay_amount: Fixed,
    payer_uin: String,
    owner_uin: String,
    operate_uin: String,
    product_code: String,
    product_code_name: String,
    region_type: String,
    region_type_name: String,
    extend1: &'static str,
    extend2: &'static str,
    extend3: &'static str,
    extend4: &'static str,
    extend5: &'static str,
    instance_type: String,
    instance_type_name: String,
    pay_time: String,
    zone_name: String,
    component_config: String,
    tags: String,
    tax: Fixed,
    tax_rate: String,
    amount_before_tax: Fixed,
    left_real_total_cost: Fixed,
}

impl DataItem {
    fn of(
        identity: &Identity,
        item: &Item,
        tags: &str,
        left: &ExactSum,
        zone: Tz,
        language: Language,
    ) -> Result<DataItem, Refusal> {
        let payments = item.payments()?;
        let (pay_mode, pay_mode_name) = language.pay_mode(identity.is_reserved);
        let (region_type, region_type_name) = language.region_type(item.region_type());
        let last = last_second(item);
        let days = days(item.first_start, last, zone);
        let daily = scaled(&item.cost, 1, days)
            .ok_or_else(|| Refusal::new(RefusalKind::Limit, "a cost per day needs more than 38 digits"))?;
        Ok(DataItem {
            resource_id: identity.resource.to_string(),
            resource_name: match item.resource_name() {
                "" => language.unnamed().to_owned(),
                name => name.to_owned(),
            },
            real_total_cost: Fixed(item.cost, 2),
            cash_pay_amount: Fixed(payments.cash, 8),
            project_id: identity.project.to_string(),
            project_name: item.project_name().to_owned(),
            region_id: identity.region.to_string(),
            region_name: item.region_name().to_owned(),
            pay_mode,
            pay_mode_name,
            business_code: identity.business.to_string(),
            business_code_name: item.business_name(&identity.business).to_owned(),
            consumption_type_name: identity.consumption.to_string(),
            real_cost: Fixed(item.list_cost(), 2),
            fee_begin_time: format_wall(item.first_start, zone),
            fee_end_time: format_wall(last, zone),
            day_diff: days.to_string(),
            daily_total_cost: Fixed(daily, 8),
            order_id: identity.order.to_string(),
            voucher_pay_amount: Fixed(payments.voucher, 8),
            incentive_pay_amount: Fixed(payments.incentive, 8),
            transfer_pay_amount: Fixed(payments.transfer, 8),
            payer_uin: identity.payer.to_string(),
            owner_uin: identity.owner.to_string(),
            operate_uin: item.operator().to_owned(),
            product_code: identity.product.to_string(),
            product_code_name: item.product_name().to_owned(),
            region_type,
            region_type_name,
            extend1: "",
            extend2: "",
            extend3: "",
            extend4: "",
            extend5: "",
            instance_type: item.instance_type().to_owned(),
            instance_type_name: language.instance_type(item.instance_type()).to_owned(),
            pay_time: wall_of(item.charge_time(), zone),
            zone_name: item.zone_name().to_owned(),
            component_config: item.spec().to_owned(),
            tags: tags.to_owned(),
            tax: Fixed(item.tax(), 8),
            tax_rate: item.tax_rate(),
            amount_before_tax: Fixed(item.cost, 8),
            left_real_total_cost: Fixed(*left, 8),
        })
    }
}

/// The last second that an item covers, which the wire writes instead of the end.
pub(super) fn last_second(item: &Item) -> i64 {
    item.last_end
        .saturating_sub(MICROS_PER_SECOND)
        .max(item.first_start)
}

/// Calendar days from one instant to another, both of theirs counted.
fn days(first: i64, last: i64, zone: Tz) -> i64 {
    let calendar = Calendar::new(zone, Granularity::Daily);
    calendar.ordinal(last) - calendar.ordinal(first) + 1
}

/// An instant in text as the wall clock shows it; what is none stays as it is.
pub(super) fn wall_of(text: &str, zone: Tz) -> String {
    match billfold_core::time::parse_instant(text.as_bytes(), &rules(Tz::UTC)) {
        Ok(instant) => format_wall(instant, zone),
        Err(_) => text.to_owned(),
    }
}
