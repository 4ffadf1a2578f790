//! Real and published exports against their control totals, to the last digit.
//!
//! Beside each export stands an oracle that another program wrote: rows, exact sums of every cost column,
//! and exact sums by period, account, service, region, zone, type, currency, category and tag. Nothing
//! here knows how the engine reads; what it refuses by its rules is listed in [`REFUSED`], with the reason.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use billfold_core::dataset::{self, AllowRejects, Outcome, RunOptions};
use billfold_core::money::{Amount, ExactSum};
use billfold_core::query::{ChargeQuery, CostMetric};
use serde_json::Value;

use crate::support::{asking, shared_data};

/// Rows that the engine refuses although the oracle counts them: file, record, code, reason.
/// Rows whose cost the oracle cannot read either are not listed.
const REFUSED: &[(&str, u64, &str, &str)] = &[
    (
        "commitment_discount_purchase_scenario_2.csv",
        3,
        "time.syntax",
        "ends at 2023-02-01T30:00:00Z",
    ),
    (
        "commitment_discount_purchase_scenario_3.csv",
        4,
        "time.syntax",
        "ends at 2023-02-01T30:00:00Z",
    ),
];

/// Files and columns with the literal `None`: no value for the engine, unreadable for the oracle.
const NONE_IS_EMPTY: &[(&str, &str)] = &[("nise/aws-leapday", "savingsPlan/SavingsPlanEffectiveCost")];

/// Oracle table, dimension, granularity.
const TABLES: &[(&str, &str, &str)] = &[
    ("by_month_utc", "", "monthly"),
    ("by_day_utc", "", "daily"),
    ("by_iso_week_utc", "", "weekly"),
    ("by_quarter_utc", "", "quarterly"),
    ("by_year_utc", "", "yearly"),
    ("by_billing_account", "billing_account_id", "total"),
    ("by_sub_account", "sub_account_id", "total"),
    ("by_service", "service_name", "total"),
    ("by_region", "region_id", "total"),
    ("by_zone", "zone_id", "total"),
    ("by_resource_type", "resource_type", "total"),
    ("by_currency", "", "total"),
    ("by_category", "charge_category", "total"),
    (BY_TAG, "tag_id", "total"),
];

pub(crate) const BY_TAG: &str = "by_tag(primary cost; a row counts once per tag; \"\" = untagged)";

/// The most entries that an oracle's table of tags has; one with so many may lack some.
const MAX_TAGS: usize = 3000;

/// Rows and sum.
pub(crate) type Group = (u64, ExactSum);

struct Case {
    name: String,
    oracle: Value,
    inputs: Vec<String>,
}

impl Case {
    fn primary(&self) -> Option<&str> {
        self.oracle["roles"]["cost"][0].as_str()
    }

    fn rows(&self) -> u64 {
        self.oracle["rows"].as_u64().unwrap()
    }

    fn total(&self, column: &str) -> ExactSum {
        exact(self.oracle["cost_columns"][column]["sum"].as_str().unwrap_or("0"))
    }

    #[track_caller]
    fn ask(&self, query: ChargeQuery) -> Outcome {
        let options = RunOptions {
            allow_rejects: AllowRejects::All,
            ..RunOptions::default()
        };
        let outcome = dataset::sums(&self.inputs, query, options);
        let outcome = outcome.unwrap_or_else(|e| panic!("{}: {e}", self.name));
        assert_eq!(outcome.receipt.rows.read, self.rows(), "{}: rows", self.name);
        outcome
    }
}

/// The cases whose primary cost column the formats of this version read.
fn cases() -> Vec<Case> {
    let Some(root) = shared_data() else {
        return Vec::new();
    };
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    let mut cases = Vec::new();
    for path in paths {
        let oracle: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        let inputs: Vec<String> = oracle["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| root.join(f["path"].as_str().unwrap()).display().to_string())
            .collect();
        let case = Case { name, oracle, inputs };
        let known = ["BilledCost", "lineItem/UnblendedCost", "line_item_unblended_cost"];
        if case.primary().is_some_and(|c| known.contains(&c)) {
            cases.push(case);
        }
    }
    assert!(cases.len() >= 30, "only {} oracles found", cases.len());
    cases
}

/// The cases without the files that are asked as part of their folder anyway.
fn wholes() -> Vec<Case> {
    let mut cases = cases();
    let in_folders: Vec<String> = cases
        .iter()
        .filter(|case| case.name.contains("DATASET"))
        .flat_map(|case| case.inputs.clone())
        .collect();
    cases.retain(|case| case.name.contains("DATASET") || !in_folders.contains(&case.inputs[0]));
    cases
}

pub(crate) fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.to_string_lossy().ends_with(".oracle.json") {
            paths.push(path);
        }
    }
}

pub(crate) fn exact(text: &str) -> ExactSum {
    // An oracle's sum may have more digits than an amount, so the parts before and behind the point go in apart.
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let negative = whole.starts_with('-');
    let mut sum = ExactSum::from(Amount::parse(whole.as_bytes()).unwrap());
    if !fraction.is_empty() {
        let sign = if negative { "-" } else { "" };
        let part = Amount::parse(format!("{sign}0.{fraction}").as_bytes()).unwrap();
        sum.add_amount(part).unwrap();
    }
    sum
}

pub(crate) fn oracle_groups(table: &Value, column: &str) -> BTreeMap<String, Group> {
    let groups = table.get("groups").unwrap_or(table);
    let sum_of = |group: &Value| {
        let text = group.get("sum").or_else(|| group.get(column));
        text.and_then(Value::as_str).map_or(ExactSum::ZERO, exact)
    };
    groups
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, group)| (key.clone(), (group["rows"].as_u64().unwrap(), sum_of(group))))
        .collect()
}

pub(crate) fn our_groups(outcome: &Outcome, table: &str) -> BTreeMap<String, Group> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for row in outcome.answer.as_ref().unwrap().rows() {
        let label = &row.period().label;
        let key = match table {
            "by_currency" => row.currency().as_str().to_owned(),
            "by_iso_week_utc" => iso_week(label),
            _ if row.keys().len() == 0 => label.clone(),
            _ => row.key(0).to_owned(),
        };
        let group = groups.entry(key).or_default();
        group.0 += row.charges();
        group.1.add(&row.cost()).unwrap();
    }
    groups
}

/// `2024-09-02`, a Monday, is `2024-W36`: the week is in the year of its Thursday.
fn iso_week(monday: &str) -> String {
    let number = |at: std::ops::Range<usize>| monday[at].parse::<u32>().unwrap();
    let (mut year, month, day) = (number(0..4), number(5..7), number(8..10));
    let divides = |by: u32, year: u32| year.is_multiple_of(by);
    let leap = |year| divides(4, year) && (!divides(100, year) || divides(400, year));
    let lengths = [
        31,
        28 + u32::from(leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let mut thursday: u32 = lengths[..month as usize - 1].iter().sum::<u32>() + day + 3;
    let days = 365 + u32::from(leap(year));
    if thursday > days {
        thursday -= days;
        year += 1;
    }
    format!("{year}-W{:02}", (thursday - 1) / 7 + 1)
}

#[test]
fn a_week_belongs_to_the_year_of_its_thursday() {
    for (monday, week) in [
        ("2024-09-02", "2024-W36"),
        ("2024-12-30", "2025-W01"),
        ("2020-12-28", "2020-W53"),
        ("2021-01-04", "2021-W01"),
    ] {
        assert_eq!(iso_week(monday), week);
    }
}

/// The sums of a table agree, and what is missing in the groups is what was rejected.
#[track_caller]
fn check_table(case: &Case, table: &str, by: &str, granularity: &str) {
    let primary = case.primary().unwrap();
    let outcome = case.ask(asking(by, granularity));
    let mut expected = match case.oracle.get(table) {
        Some(groups) => oracle_groups(groups, primary),
        // A file without the column has all its rows in the group of the empty text.
        None => BTreeMap::from([(String::new(), (case.rows(), case.total(primary)))]),
    };
    let mut ours = our_groups(&outcome, table);
    let at = format!("{}: {table}", case.name);
    if table == BY_TAG && expected.len() == MAX_TAGS {
        ours.retain(|key, _| expected.contains_key(key));
        assert_eq!(ours.len(), MAX_TAGS, "{at}");
    }
    if outcome.receipt.rows.rejected == 0 {
        expected.retain(|_, group| group.0 > 0);
        for (key, group) in &expected {
            assert_eq!(ours.get(key), Some(group), "{at}: {key:?}");
        }
        assert_eq!(ours.len(), expected.len(), "{at}: groups");
        return;
    }
    // Every rejected row is missing from exactly one group, with its cost.
    let mut missing: Group = (0, ExactSum::ZERO);
    for (key, (rows, sum)) in &expected {
        let (our_rows, our_sum) = ours.remove(key).unwrap_or_default();
        missing.0 += rows - our_rows;
        missing.1.add(sum).unwrap();
        missing.1.sub(&our_sum).unwrap();
    }
    assert!(ours.is_empty(), "{at}: groups that the oracle lacks: {ours:?}");
    let mut rejected = ExactSum::ZERO;
    for (_, sum) in outcome.receipt.cost.rejected.iter() {
        rejected.add(sum).unwrap();
    }
    assert_eq!(missing, (outcome.receipt.rows.rejected, rejected), "{at}");
}

#[test]
fn every_group_of_every_export_is_exact() {
    for case in wholes() {
        for (table, by, granularity) in TABLES {
            check_table(&case, table, by, granularity);
        }
    }
}

#[test]
fn every_cost_column_of_every_export_has_its_exact_total() {
    for case in wholes() {
        for (column, expected) in case.oracle["cost_columns"].as_object().unwrap() {
            check_column(&case, column, CostMetric::Source(column.clone()), expected);
            match column.as_str() {
                "BilledCost" | "lineItem/UnblendedCost" | "line_item_unblended_cost" => {
                    check_column(&case, column, CostMetric::Billed, expected);
                }
                "ListCost" | "pricing/publicOnDemandCost" => {
                    check_column(&case, column, CostMetric::List, expected);
                }
                "ContractedCost" => check_column(&case, column, CostMetric::Contracted, expected),
                // An empty effective cost falls back to the billed cost, which the oracle does not do.
                "EffectiveCost" if expected["empty_or_null"] == 0 => {
                    check_column(&case, column, CostMetric::Effective, expected);
                }
                _ => {}
            }
        }
    }
}

#[track_caller]
fn check_column(case: &Case, column: &str, metric: CostMetric, expected: &Value) {
    let mut query = ChargeQuery::total();
    let at = format!("{}: {column} as {metric}", case.name);
    query.metric = metric;
    let outcome = case.ask(query);
    // Also the cost of rows that were rejected for another cell.
    let mut sum = ExactSum::ZERO;
    for (_, part) in outcome.receipt.cost.read.iter() {
        sum.add(part).unwrap();
    }
    assert_eq!(sum, case.total(column), "{at}");
    let refused = REFUSED
        .iter()
        .filter(|(file, ..)| case.name.contains(file))
        .count() as u64;
    let mut unreadable = expected["unparsable"].as_u64().unwrap();
    let mut without_value = expected["empty_or_null"].as_u64().unwrap();
    if NONE_IS_EMPTY
        .iter()
        .any(|(file, c)| case.name.contains(file) && *c == column)
    {
        without_value += std::mem::take(&mut unreadable);
    }
    assert_eq!(
        outcome.receipt.rows.rejected,
        refused + unreadable,
        "{at}: rejected"
    );
    if outcome.receipt.rows.rejected == 0 {
        let empty = outcome.receipt.notes.get("cost empty").copied().unwrap_or(0);
        assert_eq!(empty, without_value, "{at}: empty cells");
    }
}

#[test]
fn rows_are_refused_for_the_listed_reason_and_no_other() {
    for case in cases() {
        let primary = case.primary().unwrap();
        let outcome = case.ask(asking("", "total"));
        let totals: Vec<_> = outcome.receipt.cost.read.iter().map(|(_, sum)| *sum).collect();
        assert!(totals.len() <= 1, "{}: more than one currency", case.name);
        let total = totals.first().copied().unwrap_or_default();
        assert_eq!(total, case.total(primary), "{}", case.name);
        let mut expected: Vec<(u64, &str)> = REFUSED
            .iter()
            .filter(|(file, ..)| case.name.contains(file))
            .map(|(_, record, code, _)| (*record, *code))
            .collect();
        for reject in &outcome.rejects {
            let found = (reject.location.record.unwrap(), reject.code);
            match expected.iter().position(|e| *e == found) {
                Some(at) => {
                    expected.remove(at);
                }
                None => {
                    assert_eq!(reject.code, "num.syntax", "{}: {reject}", case.name);
                    assert_eq!(reject.location.column.as_deref(), Some(primary), "{}", case.name);
                }
            }
        }
        assert!(expected.is_empty(), "{}: not refused: {expected:?}", case.name);
    }
}

#[test]
fn the_published_gzip_of_an_export_answers_like_the_plain_file() {
    let Some(root) = shared_data() else { return };
    let folder = root.join("keboola-cur/tests/mock_data/cur_2_0");
    let answer = |name: &str| {
        let path = folder.join(name).display().to_string();
        let outcome = dataset::sums(&[path], asking("resource_id", "daily"), RunOptions::default());
        outcome.unwrap().receipt.answer_sha256
    };
    assert_eq!(
        answer("MockTestReportV2-00001.csv.gz"),
        answer("sample_billing_data_v2.csv")
    );
}
