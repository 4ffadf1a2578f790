//! DescribeCostSummaryByProduct, ByProject and ByRegion: a month's amortised cost by one thing, beside the month before.
//!
#![doc = include_str!("../../docs/describe_cost_summary.md")]

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use billfold_core::money::ExactSum;
use billfold_core::query::ChargeQuery;
use billfold_core::time::{Calendar, Granularity, Window};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::cost_summary_by_resource::Total;
use super::item::{Identity, Item, Payments, items};
use super::{Args, Members, month};
use crate::call::{Call, add};
use crate::fault::Refusal;
use crate::number::{Fixed, change_percent};
use crate::params::Tree;

const PARAMETERS: &[&str] = &[
    "BeginTime",
    "EndTime",
    "Limit",
    "Offset",
    "PayerUin",
    "NeedRecordNum",
    "Currency",
];

/// What is summed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Product,
    Project,
    Region,
}

impl By {
    /// Decimals of `RealTotalCost`, as the examples of each action have them.
    fn places(self) -> u8 {
        match self {
            By::Product | By::Project => 8,
            By::Region => 2,
        }
    }

    fn code(self, identity: &Identity) -> &Arc<str> {
        match self {
            By::Product => &identity.business,
            By::Project => &identity.project,
            By::Region => &identity.region,
        }
    }

    fn name(self, identity: &Identity, item: &Item) -> String {
        match self {
            By::Product => item.business_name(&identity.business).to_owned(),
            By::Project => item.project_name().to_owned(),
            By::Region => item.region_name().to_owned(),
        }
    }

    /// The members that hold code and name.
    fn members(self) -> (&'static str, &'static str) {
        match self {
            By::Product => ("BusinessCode", "BusinessCodeName"),
            By::Project => ("ProjectId", "ProjectName"),
            By::Region => ("RegionId", "RegionName"),
        }
    }
}

pub(crate) fn by_product(call: &Call<'_>, tree: &Tree) -> Result<Members, Refusal> {
    answer(call, tree, By::Product)
}

pub(crate) fn by_project(call: &Call<'_>, tree: &Tree) -> Result<Members, Refusal> {
    answer(call, tree, By::Project)
}

pub(crate) fn by_region(call: &Call<'_>, tree: &Tree) -> Result<Members, Refusal> {
    answer(call, tree, By::Region)
}

fn answer(call: &Call<'_>, tree: &Tree, by: By) -> Result<Members, Refusal> {
    let args = Args::of_call(tree, PARAMETERS)?;
    let window = month(call, &args)?;
    let (offset, limit) = args.page(100)?;
    let wants_number = args.flag("NeedRecordNum")? || call.settings.always_record_num;
    let mut query = call.query();
    query.window = window;
    if let Some(payer) = args.word("PayerUin")? {
        call.filter(&mut query, "billing_account_id", &[payer])?;
    }
    call.settle(&mut query, args.word("Currency")?)?;

    let before = month_before(call, window)?;
    let before = summed(
        call,
        ChargeQuery {
            window: before,
            ..query.clone()
        },
        by,
    )?;
    let now = summed(call, query, by)?;
    let mut total = ExactSum::ZERO;
    for sums in now.values() {
        add(&mut total, &sums.cost)?;
    }
    let mut ordered: Vec<(&Arc<str>, &Sums)> = now.iter().collect();
    ordered.sort_by_key(|(_, sums)| Reverse(sums.cost));
    let data = ordered
        .iter()
        .skip(offset)
        .take(limit)
        .map(|(code, sums)| {
            let was = before.get(*code);
            let mut entry = Entry::of(by, code, sums, was, by.places(), None);
            if by != By::Product {
                let region = (by == By::Region).then_some(sums.name.as_str());
                let mut parts: Vec<(&Arc<str>, &Sums)> = sums.businesses.iter().collect();
                parts.sort_by_key(|(_, sums)| Reverse(sums.cost));
                let mut entries = Vec::with_capacity(parts.len());
                for (code, sums) in parts {
                    let was = was.and_then(|was| was.businesses.get(code));
                    entries.push(Entry::of(By::Product, code, sums, was, 8, region));
                }
                entry.businesses = Some(entries);
            }
            entry
        })
        .collect();
    Members::of(&Response {
        ready: 1,
        total: Total {
            real_total_cost: Fixed(total, by.places()),
        },
        data,
        record_num: wants_number.then_some(now.len()),
    })
}

fn month_before(call: &Call<'_>, month: Window) -> Result<Window, Refusal> {
    let calendar = Calendar::new(call.settings.zone, Granularity::Monthly);
    let before = calendar.ordinal(month.start.unwrap_or(0)).saturating_sub(1);
    let bounds = calendar.bounds(before);
    Ok(Window::new(bounds.start, bounds.end)?)
}

/// What one product, project or region comes to.
#[derive(Debug)]
struct Sums {
    name: String,
    cost: ExactSum,
    payments: Payments,
    tax: ExactSum,
    /// By product, where that is not what is summed by.
    businesses: BTreeMap<Arc<str>, Sums>,
}

impl Sums {
    fn new(name: String) -> Sums {
        let none = ExactSum::ZERO;
        Sums {
            name,
            cost: none,
            payments: Payments {
                cash: none,
                voucher: none,
                incentive: none,
                transfer: none,
            },
            tax: none,
            businesses: BTreeMap::new(),
        }
    }

    fn take_in(&mut self, item: &Item) -> Result<(), Refusal> {
        let payments = item.payments()?;
        add(&mut self.cost, &item.cost)?;
        add(&mut self.tax, &item.tax())?;
        add(&mut self.payments.cash, &payments.cash)?;
        add(&mut self.payments.voucher, &payments.voucher)?;
        add(&mut self.payments.incentive, &payments.incentive)?;
        add(&mut self.payments.transfer, &payments.transfer)
    }
}

fn summed(call: &Call<'_>, query: ChargeQuery, by: By) -> Result<BTreeMap<Arc<str>, Sums>, Refusal> {
    let mut all: BTreeMap<Arc<str>, Sums> = BTreeMap::new();
    for (identity, item) in &items(call, query)? {
        let sums = all
            .entry(Arc::clone(by.code(identity)))
            .or_insert_with(|| Sums::new(by.name(identity, item)));
        sums.take_in(item)?;
        if by != By::Product {
            sums.businesses
                .entry(Arc::clone(&identity.business))
                .or_insert_with(|| Sums::new(By::Product.name(identity, item)))
                .take_in(item)?;
        }
    }
    Ok(all)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response<'a> {
    ready: u8,
    total: Total,
    data: Vec<Entry<'a>>,
    record_num: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Trend {
    r#type: &'static str,
    value: String,
}

impl Trend {
    /// The change since the month before in percent; none where there was nothing then.
    fn of(cost: &ExactSum, was: Option<&Sums>) -> Trend {
        let change = was
            .and_then(|was| change_percent(&was.cost, cost))
            .unwrap_or(ExactSum::ZERO);
        let text = change.to_string();
        if change.is_zero() {
            return Trend {
                r#type: "none",
                value: "0".to_owned(),
            };
        }
        match text.strip_prefix('-') {
            Some(fall) => Trend {
                r#type: "downward",
                value: fall.to_owned(),
            },
            None => Trend {
                r#type: "upward",
                value: text,
            },
        }
    }
}

/// One product, project or region.
struct Entry<'a> {
    by: By,
    code: &'a str,
    sums: &'a Sums,
    trend: Trend,
    places: u8,
    region: Option<&'a str>,
    businesses: Option<Vec<Entry<'a>>>,
}

impl<'a> Entry<'a> {
    fn of(
        by: By,
        code: &'a str,
        sums: &'a Sums,
        was: Option<&Sums>,
        places: u8,
        region: Option<&'a str>,
    ) -> Entry<'a> {
        Entry {
            by,
            code,
            sums,
            trend: Trend::of(&sums.cost, was),
            places,
            region,
            businesses: None,
        }
    }
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (code, name) = self.by.members();
        let Sums {
            cost, payments, tax, ..
        } = self.sums;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(code, self.code)?;
        map.serialize_entry(name, &self.sums.name)?;
        map.serialize_entry("RealTotalCost", &Fixed(*cost, self.places))?;
        map.serialize_entry("Trend", &self.trend)?;
        if let Some(businesses) = &self.businesses {
            map.serialize_entry("Business", businesses)?;
        }
        map.serialize_entry("CashPayAmount", &Fixed(payments.cash, 8))?;
        map.serialize_entry("IncentivePayAmount", &Fixed(payments.incentive, 8))?;
        map.serialize_entry("VoucherPayAmount", &Fixed(payments.voucher, 8))?;
        map.serialize_entry("TransferPayAmount", &Fixed(payments.transfer, 8))?;
        map.serialize_entry("AmountBeforeTax", &Fixed(*cost, 8))?;
        map.serialize_entry("Tax", &Fixed(*tax, 8))?;
        if self.by == By::Product {
            map.serialize_entry("RegionName", self.region.unwrap_or_default())?;
        }
        map.end()
    }
}
