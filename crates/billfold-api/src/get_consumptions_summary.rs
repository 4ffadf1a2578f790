//! GetConsumptionsSummary: what plcloud's kinds of resources came to.
//!
#![doc = include_str!("../docs/get_consumptions_summary.md")]

use std::collections::BTreeSet;

use billfold_core::money::ExactSum;
use serde::Serialize;

use crate::call::{Call, add, columns, one_currency, total_of};
use crate::fault::Refusal;
use crate::get_consumptions_by_query::{TYPES, keep_region};
use crate::params::Params;
use crate::qingcloud::body;

const PARAMETERS: &[&str] = &["action", "region", "currency"];
/// What all of them are called together.
const ALL: &str = "allcategories";

pub(crate) fn answer(call: &Call<'_>, params: &Params) -> Result<Vec<u8>, Refusal> {
    params.check_names(PARAMETERS, &[])?;
    let mut query = call.query();
    keep_region(call, &mut query, params)?;
    query.by = columns(&["resource_type", "resource_id"]);
    call.settle(&mut query, params.one("currency")?)?;
    let facts = call.facts(query, &[], &[])?;
    let currency = one_currency(&facts.totals, facts.groups.iter().map(|group| group.currency))?;

    // The page's kinds first, then what else the bill has.
    let mut kinds: Vec<&str> = TYPES.to_vec();
    let others: BTreeSet<&str> = facts.groups.iter().map(|group| group.keys[0].as_ref()).collect();
    kinds.extend(others.into_iter().filter(|kind| !TYPES.contains(kind)));
    let mut data = Vec::with_capacity(kinds.len() + 1);
    for kind in kinds {
        let mut amount = ExactSum::ZERO;
        let mut resources = BTreeSet::new();
        for group in facts.groups.iter().filter(|group| group.keys[0].as_ref() == kind) {
            add(&mut amount, &group.cost)?;
            if !group.keys[1].is_empty() {
                resources.insert(group.keys[1].as_ref());
            }
        }
        data.push(Item {
            count: Some(resources.len()),
            res_type: kind,
            amount: printed(&amount, 4),
        });
    }
    data.push(Item {
        count: None,
        res_type: ALL,
        amount: printed(&total_of(&facts.totals, currency), 2),
    });
    body(&Response {
        message: "成功",
        code: 200,
        data,
    })
}

/// Zero is `0.00` whatever the decimals.
fn printed(amount: &ExactSum, places: u8) -> String {
    if amount.is_zero() {
        "0.00".to_owned()
    } else {
        amount.rounded(places)
    }
}

#[derive(Serialize)]
struct Response<'a> {
    message: &'static str,
    code: u16,
    data: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
    res_type: &'a str,
    amount: String,
}
