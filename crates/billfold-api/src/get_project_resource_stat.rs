//! GetProjectResourceStat: how many resources of each kind a project has, and how large they are, day by day.
//!
#![doc = include_str!("../docs/get_project_resource_stat.md")]

use std::collections::{BTreeMap, BTreeSet};

use billfold_core::engine::FactGroup;
use billfold_core::money::{Amount, ExactSum};
use billfold_core::query::ChargeQuery;
use billfold_core::time::{Granularity, Window, format_wall};
use serde::Serialize;

use crate::call::{Call, add, columns};
use crate::fault::{Refusal, RefusalKind, shown};
use crate::get_charge_sums::request::too_many_items;
use crate::number::{Quantity, Whole};
use crate::params::Params;
use crate::qingcloud::{body, check, known_project, page};

const PARAMETERS: &[&str] = &["console_id", "project_id", "owner", "offset", "limit"];
const ACCOUNTS: [&str; 2] = ["billing_account_id", "sub_account_id"];
const SIZES: [&str; 4] = ["vcpus", "memory_mb", "volume_gb", "bandwidth_mbps"];
const MICROS_PER_HOUR: i64 = 3_600_000_000;

pub(crate) fn answer(call: &Call<'_>, params: &Params) -> Result<Vec<u8>, Refusal> {
    let begun = call.settings.stopwatch.map(|clock| clock());
    check(params, PARAMETERS)?;
    let console_id = params.required("console_id")?;
    let project = params.required("project_id")?;
    let owner = params.required("owner")?;
    let (offset, limit) = page(call, params, Some(60))?;
    let group = known_project(call, project)?;

    let as_of = call.as_of()?;
    let days = match as_of {
        Some(as_of) => days(call, project, owner, as_of)?,
        None => Vec::new(),
    };
    let empty = Day {
        end: as_of,
        ..Day::default()
    };
    let n_days = days.len().max(1);
    let shown: Vec<Window> = days
        .into_iter()
        .skip(offset)
        .take(limit.unwrap_or(usize::MAX))
        .collect();
    if shown.len() > call.settings.max_items {
        return Err(too_many_items(shown.len(), call.settings.max_items));
    }
    let days = match (&shown[..], n_days) {
        // A project without a charge has one day, and nothing on it.
        ([], 1) if offset == 0 => vec![empty],
        ([], _) => Vec::new(),
        (days, _) => count(call, project, owner, days)?,
    };
    let items = days.iter().map(|day| Item {
        resource_group_id: match day.group.as_str() {
            "" => group.as_deref().unwrap_or_default(),
            known => known,
        },
        vcpus_count: Whole(day.instances.vcpus),
        volume_count: day.volumes.n,
        wan_vpc_count: day.wan_vpcs.n,
        instance_count: day.instances.n,
        eip_count: day.eips.n,
        wan_vpc_bandwidth: Whole(day.wan_vpcs.mbps),
        console_id,
        wan_cpe_count: day.wan_cpes.n,
        volume_size: Whole(day.volumes.gb),
        wan_cpe_bandwidth: Whole(day.wan_cpes.mbps),
        wan_line_count: day.wan_lines.n,
        memory_sum: Whole(day.instances.mb),
        duration: "daily",
        wan_connect_count: day.wan_connects.n,
        eip_bandwidth: Whole(day.eips.mbps),
        wan_line_bandwidth: Whole(day.wan_lines.mbps),
        wan_connect_bandwidth: Whole(day.wan_connects.mbps),
        end_time: day
            .end
            .map(|end| format_wall(end, call.settings.zone).replace(' ', "T"))
            .unwrap_or_default(),
    });
    let micros = match (begun, call.settings.stopwatch) {
        (Some(begun), Some(clock)) => clock().saturating_sub(begun),
        _ => 0,
    };
    body(&Response {
        elapsed_time: Quantity(Amount::new(i128::from(micros), 6).map_or(ExactSum::ZERO, ExactSum::from)),
        total_count: n_days,
        data: items.collect(),
        action: "GetProjectResourceStatResponse",
        ret_code: 0,
    })
}

/// The question of a project's days up to an instant.
fn question(call: &Call<'_>, project: &str, window: Window) -> Result<ChargeQuery, Refusal> {
    let mut query = call.query();
    call.filter(&mut query, "project_id", &[project])?;
    query.granularity = Granularity::Daily;
    query.window = window;
    query.by = columns(&ACCOUNTS);
    call.settle(&mut query, None)?;
    // Unlike currencies are no obstacle where nothing is added.
    Ok(query)
}

fn is_owned(group: &FactGroup, owner: &str) -> bool {
    group.keys[..ACCOUNTS.len()]
        .iter()
        .any(|account| account.as_ref() == owner)
}

/// The days on which an owner has charges in a project, cut at the end of the data, the newest first.
///
/// Errors: forbidden, where the project's charges are others'.
fn days(call: &Call<'_>, project: &str, owner: &str, as_of: i64) -> Result<Vec<Window>, Refusal> {
    let facts = call.facts(
        question(call, project, Window::new(None, Some(as_of))?)?,
        &[],
        &[],
    )?;
    let days: BTreeSet<(Option<i64>, Option<i64>)> = facts
        .groups
        .iter()
        .filter(|group| is_owned(group, owner))
        .map(|group| (group.period.start, group.period.end.map(|end| end.min(as_of))))
        .collect();
    if days.is_empty() && !facts.groups.is_empty() {
        return Err(Refusal::new(
            RefusalKind::Forbidden,
            format!(
                "project [{}] does not belong to [{}]",
                shown(project),
                shown(owner)
            ),
        ));
    }
    Ok(days
        .into_iter()
        .rev()
        .map(|(start, end)| Window { start, end })
        .collect())
}

/// What there is of one kind.
#[derive(Debug, Default)]
struct Kind {
    n: u64,
    vcpus: ExactSum,
    mb: ExactSum,
    gb: ExactSum,
    mbps: ExactSum,
}

/// What there is at the end of a day.
#[derive(Debug, Default)]
struct Day {
    end: Option<i64>,
    group: String,
    instances: Kind,
    volumes: Kind,
    eips: Kind,
    wan_vpcs: Kind,
    wan_lines: Kind,
    wan_connects: Kind,
    wan_cpes: Kind,
}

impl Day {
    /// The kind that a resource type counts as, in the words of several providers.
    fn kind(&mut self, resource_type: &str) -> Option<&mut Kind> {
        let word: String = resource_type
            .chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect();
        Some(match word.as_str() {
            "instance" | "vm" | "virtualmachine" | "virtualmachines" | "computeinstance" | "cvm" | "ecs" => {
                &mut self.instances
            }
            "volume" | "disk" | "blockvolume" | "cbs" => &mut self.volumes,
            "eip" | "floatingip" | "elasticip" | "publicip" => &mut self.eips,
            "wanvpc" | "wanaccessvpc" => &mut self.wan_vpcs,
            "wanline" | "wanaccessline" => &mut self.wan_lines,
            "wanconnect" | "wanconnection" => &mut self.wan_connects,
            "wancpe" | "wanaccesscpe" => &mut self.wan_cpes,
            _ => return None,
        })
    }
}

/// The start of a day, a resource that is there at its end, and its type.
type Seen<'a> = (Option<i64>, &'a str, &'a str);

/// What there is at the end of each of some days, in their order.
fn count(call: &Call<'_>, project: &str, owner: &str, days: &[Window]) -> Result<Vec<Day>, Refusal> {
    let first = days.iter().filter_map(|day| day.start).min();
    let last = days.iter().filter_map(|day| day.end).max();
    let mut query = question(call, project, Window::new(first, last)?)?;
    query.by.extend(columns(&["resource_id", "resource_type"]));
    let facts = call.facts(query, &SIZES, &["resource_group_id"])?;

    // Per day and resource, whichever of its accounts and currencies knows its size.
    let mut seen: BTreeMap<Seen<'_>, [Option<Amount>; 4]> = BTreeMap::new();
    let mut groups: BTreeMap<Option<i64>, &str> = BTreeMap::new();
    for group in facts.groups.iter().filter(|group| is_owned(group, owner)) {
        let Some(day) = days.iter().find(|day| day.start == group.period.start) else {
            continue;
        };
        if !group.attributes[0].is_empty() {
            groups.insert(day.start, &group.attributes[0]);
        }
        // A charge without a length says that the resource was there that day, and no more.
        let is_instant = group.first_start == group.last_end;
        let is_there = day
            .end
            .is_none_or(|end| group.last_end > end.saturating_sub(MICROS_PER_HOUR));
        if group.keys[2].is_empty() || !(is_there || is_instant) {
            continue;
        }
        let sizes = seen
            .entry((day.start, &group.keys[2], &group.keys[3]))
            .or_default();
        for (size, measure) in sizes.iter_mut().zip(&group.measures) {
            *size = (*size).max(measure.latest);
        }
    }
    let mut counted = Vec::with_capacity(days.len());
    for window in days {
        let mut day = Day {
            end: window.end,
            group: groups.get(&window.start).copied().unwrap_or_default().to_owned(),
            ..Day::default()
        };
        let first = (window.start, "", "");
        for ((_, _, resource_type), sizes) in seen
            .range(first..)
            .take_while(|((start, ..), _)| *start == window.start)
        {
            let Some(kind) = day.kind(resource_type) else {
                continue;
            };
            kind.n += 1;
            let sums = [&mut kind.vcpus, &mut kind.mb, &mut kind.gb, &mut kind.mbps];
            for (sum, size) in sums.into_iter().zip(sizes) {
                add(sum, &size.map_or(ExactSum::ZERO, ExactSum::from))?;
            }
        }
        counted.push(day);
    }
    Ok(counted)
}

#[derive(Serialize)]
struct Response<'a> {
    elapsed_time: Quantity,
    total_count: usize,
    data: Vec<Item<'a>>,
    action: &'static str,
    ret_code: u16,
}

/// The members of the page's example, in its order.
#[derive(Serialize)]
struct Item<'a> {
    resource_group_id: &'a str,
    vcpus_count: Whole,
    volume_count: u64,
    wan_vpc_count: u64,
    instance_count: u64,
    eip_count: u64,
    wan_vpc_bandwidth: Whole,
    console_id: &'a str,
    wan_cpe_count: u64,
    volume_size: Whole,
    wan_cpe_bandwidth: Whole,
    wan_line_count: u64,
    memory_sum: Whole,
    duration: &'static str,
    wan_connect_count: u64,
    eip_bandwidth: Whole,
    wan_line_bandwidth: Whole,
    wan_connect_bandwidth: Whole,
    end_time: String,
}
