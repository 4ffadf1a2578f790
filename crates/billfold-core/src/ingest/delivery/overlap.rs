//! Deliveries without a manifest: folders that hold the same days of one export again.
//!
//! Files of one series (the same format, the same folders but for the marks of a delivery) that lie in
//! different deliveries are looked at: the days that their charges start on, per billing period. Days in
//! common mean that one delivery repeats the other; days apart are increments, which all count.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::charge::schema::BILLING_PERIOD_START;
use crate::charge::{ScanHint, WantedTags};
use crate::error::{Error, Printable, Result};
use crate::ingest::bill::{Bill, BillPlan, Worker};
use crate::ingest::cells::{CellVisitor, Cells, Judged};
use crate::ingest::delivery::layout::{Mark, day, is_range, is_uuid, mark, month};
use crate::ingest::delivery::{Delivery, conflict, parts};
use crate::ingest::plan::DecodePlan;
use crate::ingest::source::{NotRead, Place};
use crate::time::{self, Window};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Start of the billing period (0 where the file has none) and day.
type Days = BTreeSet<(i64, i64)>;

/// Files of a delivery, by index, and its time.
#[derive(Default)]
struct Files {
    bills: Vec<usize>,
    order: Option<String>,
}

/// Whether each bill counts. `hint` is the question's; of it only what every row must have is read.
///
/// Errors: `conflict` where deliveries repeat each other and `choice` does not say which counts.
pub fn settle(
    bills: &[Bill],
    hint: &ScanHint,
    choice: Delivery,
    left_out: &mut Vec<NotRead>,
) -> Result<Vec<bool>> {
    let mut keep = vec![true; bills.len()];
    if choice == Delivery::All {
        return Ok(keep);
    }
    let hint = &ScanHint {
        text: Vec::new(),
        tags: WantedTags::No,
        measures: Vec::new(),
        window: Window::ALL,
        ..hint.clone()
    };
    for deliveries in series(bills).into_values().filter(|d| d.len() > 1) {
        if choice == Delivery::Sure {
            // Most repetitions show in the first rows; then nothing is read twice.
            let first = days_of(bills, hint, &deliveries, Some(1))?;
            refuse(&repeated(&first), bills, &deliveries)?;
        }
        let days = days_of(bills, hint, &deliveries, None)?;
        let pairs = repeated(&days);
        if choice == Delivery::Sure {
            refuse(&pairs, bills, &deliveries)?;
            continue;
        }
        for (name, by) in superseded(&deliveries, &days, &pairs, bills)? {
            for idx in &deliveries[&name].bills {
                keep[*idx] = false;
                left_out.push(NotRead {
                    source: bills[*idx].source.name.clone(),
                    why: format!("superseded by delivery {}", Printable(&by)),
                });
            }
        }
    }
    Ok(keep)
}

/// Series to deliveries by name. Bills that a manifest lists, and streams, are in none.
fn series(bills: &[Bill]) -> BTreeMap<(String, String), BTreeMap<String, Files>> {
    let mut all: BTreeMap<(String, String), BTreeMap<String, Files>> = BTreeMap::new();
    for (idx, bill) in bills.iter().enumerate() {
        if bill.source.listed.is_some() || bill.source.place == Place::Stdin {
            continue;
        }
        // Only AWS names deliveries by bare ids; elsewhere a folder of that name may be an account.
        let ids = bill.binding.format.name.starts_with("aws");
        let (key, marks) = key_and_marks(&parts(&bill.source), ids);
        if marks.is_empty() {
            continue;
        }
        let name = marks
            .iter()
            .map(|m| m.text.as_str())
            .collect::<Vec<_>>()
            .join("/");
        let order: Option<Vec<&str>> = marks.iter().map(|m| m.order.as_deref()).collect();
        let order = order.map(|o| o.concat());
        let files = all.entry((bill.binding.format.name.clone(), key)).or_default();
        let files = files.entry(name).or_default();
        files.bills.push(idx);
        files.order = order;
    }
    all
}

/// A path without its marks, and the marks. `ids`: whether a uuid is one wherever it stands.
fn key_and_marks(path: &[String], ids: bool) -> (String, Vec<Mark>) {
    let Some((file, folders)) = path.split_last() else {
        return (String::new(), Vec::new());
    };
    let mut key = String::new();
    let mut marks = Vec::new();
    for (i, folder) in folders.iter().enumerate() {
        let rhythm = ["hourly", "daily", "weekly", "monthly"].contains(&folder.to_lowercase().as_str());
        let found = if rhythm || (ids && is_uuid(folder)) {
            Some(Mark {
                text: folder.clone(),
                order: None,
            })
        } else {
            mark(folders, i)
        };
        key.push_str(if found.is_some() { "*" } else { folder });
        key.push('/');
        marks.extend(found);
    }
    // Azure puts the runs of a month into one folder, each under an id of its own.
    let stem = file.split('.').next().unwrap_or(file);
    let id = stem.rsplit_once('_').map(|(_, id)| id).filter(|id| is_uuid(id));
    if let Some(id) = id
        && folders.last().is_some_and(|f| is_range(f))
    {
        marks.push(Mark {
            text: id.to_owned(),
            order: None,
        });
    } else if let Some((pattern, rhythm)) = dated(file) {
        key.push_str(&pattern);
        marks.push(Mark {
            text: rhythm.to_owned(),
            order: None,
        });
    }
    (key, marks)
}

/// A file's name with its date taken out, and whether that is a day or a month: daily files beside the
/// file of their month are two deliveries of it.
fn dated(file: &str) -> Option<(String, &'static str)> {
    for (at, _) in file.char_indices() {
        let rest = &file[at..];
        let begins = !file[..at].ends_with(|c: char| c.is_ascii_digit());
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_digit());
        if let Some(after) = day(rest).filter(|after| begins && ends(after)) {
            return Some((format!("{}*{after}", &file[..at]), "the daily files"));
        }
        if let Some(after) = month(rest).filter(|after| begins && ends(after)) {
            return Some((format!("{}*{after}", &file[..at]), "the monthly files"));
        }
    }
    None
}

/// Per delivery, the days of its charges; of each bill only the first chunks where `n_tasks` says so.
fn days_of(
    bills: &[Bill],
    hint: &ScanHint,
    deliveries: &BTreeMap<String, Files>,
    n_tasks: Option<u64>,
) -> Result<BTreeMap<String, Days>> {
    let mut all = BTreeMap::new();
    for (name, files) in deliveries {
        let mut days = Days::new();
        for idx in &files.bills {
            let bill = &bills[*idx];
            read_days(bill, hint, n_tasks, &mut days).map_err(|e| e.in_source(&bill.source.name))?;
        }
        all.insert(name.clone(), days);
    }
    Ok(all)
}

fn read_days(bill: &Bill, hint: &ScanHint, n_tasks: Option<u64>, days: &mut Days) -> Result<()> {
    let Some(mut plan) = BillPlan::new(hint, bill)? else {
        return Ok(());
    };
    let billing = bill.binding.find(BILLING_PERIOD_START);
    plan.add_columns(billing.as_slice());
    let mut stream = bill.stream(&plan)?;
    let mut worker = Worker::default();
    let days = RefCell::new(days);
    let mut done = None;
    while n_tasks.is_none_or(|n| stream.n_tasks() < n) {
        let Some(task) = stream.next_task(bill, done.take())? else {
            break;
        };
        bill.visit(&plan, &task, &mut worker, |plan| Look {
            plan,
            billing,
            days: &days,
        })?;
        done = Some(task);
    }
    Ok(())
}

/// Collects the days of a chunk. Rows that cannot be read have none.
struct Look<'a> {
    plan: &'a DecodePlan,
    billing: Option<usize>,
    days: &'a RefCell<&'a mut Days>,
}

impl CellVisitor for Look<'_> {
    type Out = ();

    fn visit<C: Cells>(self, cells: &C, judged: Judged) -> Result<()> {
        let starts = instants(cells, self.plan, self.plan.start);
        let billing = self.billing.map(|column| instants(cells, self.plan, column));
        let mut last = None;
        let mut days = self.days.borrow_mut();
        for (row, start) in starts.into_iter().enumerate() {
            let Some(start) = start.filter(|_| !judged.is_bad(row)) else {
                continue;
            };
            let month = billing.as_ref().and_then(|b| b[row]).unwrap_or(0);
            let found = (month, start.div_euclid(DAY));
            if last != Some(found) {
                days.insert(found);
                last = Some(found);
            }
        }
        Ok(())
    }
}

fn instants<C: Cells>(cells: &C, plan: &DecodePlan, column: usize) -> Vec<Option<i64>> {
    if let Some(typed) = cells.instants(column) {
        return typed;
    }
    let mut scratch = Vec::new();
    let mut last: (Vec<u8>, Option<i64>) = (Vec::new(), None);
    (0..cells.n_rows())
        .map(|row| {
            let cell = plan.rules.typed(cells.cell(row, column, &mut scratch));
            if cell != last.0 {
                let instant = time::parse_cell(cell, &plan.rules.time).ok().flatten();
                last = (cell.to_vec(), instant);
            }
            last.1
        })
        .collect()
}

/// Pairs of deliveries with days in common.
fn repeated(days: &BTreeMap<String, Days>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (i, (a, days_a)) in days.iter().enumerate() {
        for (b, days_b) in days.iter().skip(i + 1) {
            if !days_a.is_disjoint(days_b) {
                pairs.push((a.clone(), b.clone()));
            }
        }
    }
    pairs
}

fn refuse(pairs: &[(String, String)], bills: &[Bill], deliveries: &BTreeMap<String, Files>) -> Result<()> {
    let Some(first) = pairs.first() else { return Ok(()) };
    let mut names: BTreeSet<&String> = pairs.iter().flat_map(|(a, b)| [a, b]).collect();
    names.extend([&first.0, &first.1]);
    Err(conflict(format!(
        "{} deliveries hold the same days of one export: {}",
        names.len(),
        listed(names.into_iter(), bills, deliveries)
    )))
}

fn listed<'a>(
    names: impl Iterator<Item = &'a String>,
    bills: &[Bill],
    deliveries: &BTreeMap<String, Files>,
) -> String {
    let shown: Vec<String> = names
        .filter_map(|name| {
            let files = &deliveries.get(name)?.bills;
            let first = &bills.get(*files.first()?)?.source.name;
            let more = match files.len() {
                1 => String::new(),
                n => format!(" and {} more", n - 1),
            };
            Some(format!("{} ({}{more})", Printable(name), Printable(first)))
        })
        .collect();
    let n = shown.len();
    let mut text = shown.into_iter().take(12).collect::<Vec<_>>().join(", ");
    if n > 12 {
        text.push_str(", …");
    }
    text
}

/// Deliveries that newer ones repeat whole, with the newest of those.
///
/// Errors: `conflict` where times are not known, or an older delivery has days that the newer ones lack.
fn superseded(
    deliveries: &BTreeMap<String, Files>,
    days: &BTreeMap<String, Days>,
    pairs: &[(String, String)],
    bills: &[Bill],
) -> Result<Vec<(String, String)>> {
    let mut newer: BTreeMap<&String, BTreeSet<(&String, &String)>> = BTreeMap::new();
    for (a, b) in pairs {
        let (Some(order_a), Some(order_b)) = (&deliveries[a].order, &deliveries[b].order) else {
            return Err(untold(
                a,
                b,
                "their paths do not tell their times",
                bills,
                deliveries,
            ));
        };
        match order_a.cmp(order_b) {
            std::cmp::Ordering::Less => newer.entry(a).or_default().insert((order_b, b)),
            std::cmp::Ordering::Greater => newer.entry(b).or_default().insert((order_a, a)),
            std::cmp::Ordering::Equal => {
                return Err(untold(a, b, "their paths tell the same time", bills, deliveries));
            }
        };
    }
    let mut out = Vec::new();
    for (old, by) in newer {
        let covered: Days = by.iter().flat_map(|(_, b)| days[*b].iter().copied()).collect();
        let Some((_, newest)) = by.last() else { continue };
        if !days[old].is_subset(&covered) {
            let why = "the older one has days that the newer ones lack";
            return Err(untold(old, newest, why, bills, deliveries));
        }
        out.push((old.clone(), (*newest).clone()));
    }
    Ok(out)
}

fn untold(a: &String, b: &String, why: &str, bills: &[Bill], deliveries: &BTreeMap<String, Files>) -> Error {
    let shown = listed([a, b].into_iter(), bills, deliveries);
    conflict(format!(
        "which of these deliveries counts cannot be told, because {why}: {shown}"
    ))
    .hint("name the folders or files that count, or read every file with --delivery all")
}
