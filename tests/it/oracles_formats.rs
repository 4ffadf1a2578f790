//! Bills of Azure, Google Cloud and Oracle Cloud against their control totals, and the files that are refused.
//!
//! `oracles` does the same for FOCUS and AWS. Questions name the columns as the oracle's roles do and as
//! the charge schema does; both must give the oracle's groups.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use billfold_core::dataset::{self, AllowRejects, Outcome, RunOptions};
use billfold_core::money::ExactSum;
use billfold_core::query::{ChargeQuery, CostMetric};
use serde_json::Value;

use crate::oracles::{BY_TAG, Group, collect, exact, oracle_groups, our_groups};
use crate::support::{asking, failed, shared_data};

/// Oracle table, role, the schema's name for it, granularity.
const TABLES: &[(&str, &str, &str, &str)] = &[
    ("by_month_utc", "", "", "monthly"),
    ("by_day_utc", "", "", "daily"),
    ("by_iso_week_utc", "", "", "weekly"),
    ("by_quarter_utc", "", "", "quarterly"),
    ("by_year_utc", "", "", "yearly"),
    (
        "by_billing_account",
        "billing_account",
        "billing_account_id",
        "total",
    ),
    ("by_sub_account", "sub_account", "sub_account_id", "total"),
    ("by_service", "service", "service_name", "total"),
    ("by_region", "region", "region_id", "total"),
    ("by_zone", "zone", "zone_id", "total"),
    ("by_resource_type", "resource_type", "resource_type", "total"),
    ("by_currency", "", "", "total"),
    ("by_category", "category", "charge_category", "total"),
    (BY_TAG, "", "tag_id", "total"),
];

/// The primary cost columns of this module's exports.
const PRIMARY: &[&str] = &[
    "CostInBillingCurrency",
    "Cost",
    "PreTaxCost",
    "costinbillingcurrency",
    "cost",
    "cost/myCost",
];

struct Case {
    name: String,
    oracle: Value,
    inputs: Vec<String>,
}

fn root_and_oracles() -> Option<(PathBuf, Vec<(String, Value)>)> {
    let root = shared_data()?;
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let oracle = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        (path.strip_prefix(&root).unwrap().display().to_string(), oracle)
    };
    let oracles = paths.into_iter().map(read).collect();
    Some((root, oracles))
}

fn inputs(root: &Path, oracle: &Value) -> Vec<String> {
    let files = oracle["files"].as_array().unwrap();
    let path = |f: &Value| root.join(f["path"].as_str().unwrap()).display().to_string();
    files.iter().map(path).collect()
}

fn cases() -> Vec<Case> {
    let Some((root, oracles)) = root_and_oracles() else {
        return Vec::new();
    };
    let cases: Vec<Case> = oracles
        .into_iter()
        .filter(|(_, oracle)| PRIMARY.contains(&oracle["roles"]["cost"][0].as_str().unwrap_or("")))
        .map(|(name, oracle)| Case {
            inputs: inputs(&root, &oracle),
            name,
            oracle,
        })
        .collect();
    assert!(cases.len() >= 15, "only {} oracles found", cases.len());
    cases
}

impl Case {
    fn primary(&self) -> &str {
        self.oracle["roles"]["cost"][0].as_str().unwrap()
    }

    fn rows(&self) -> u64 {
        self.oracle["rows"].as_u64().unwrap()
    }

    #[track_caller]
    fn ask(&self, query: ChargeQuery) -> Outcome {
        let options = RunOptions {
            allow_rejects: AllowRejects::None,
            // One export is a header and a row without any value.
            allow_empty: true,
            ..RunOptions::default()
        };
        let outcome = dataset::sums(&self.inputs, query, options);
        let outcome = outcome.unwrap_or_else(|e| panic!("{}: {e}", self.name));
        assert_eq!(outcome.receipt.rows.read, self.rows(), "{}: rows", self.name);
        assert_eq!(
            outcome.receipt.rows.rejected, 0,
            "{}: {:?}",
            self.name, outcome.rejects
        );
        outcome
    }
}

fn total(outcome: &Outcome) -> ExactSum {
    let mut sum = ExactSum::ZERO;
    for (_, part) in outcome.receipt.cost.read.iter() {
        sum.add(part).unwrap();
    }
    sum
}

#[test]
fn every_group_of_every_vendors_export_is_exact() {
    for case in cases() {
        let cost = exact(
            case.oracle["cost_columns"][case.primary()]["sum"]
                .as_str()
                .unwrap_or("0"),
        );
        for (table, role, name, granularity) in TABLES {
            let header = case.oracle["roles"][*role].as_str();
            let names = [Some(*name).filter(|n| !n.is_empty()), header];
            let names: Vec<&str> = names.into_iter().flatten().collect();
            for by in if names.is_empty() { vec![""] } else { names } {
                let ours = our_groups(&case.ask(asking(by, granularity)), table);
                let mut expected: BTreeMap<String, Group> = match case.oracle.get(*table) {
                    Some(groups) => oracle_groups(groups, case.primary()),
                    None => BTreeMap::from([(String::new(), (case.rows(), cost))]),
                };
                expected.retain(|_, group| group.0 > 0);
                // Columns that the oracle has no role for may still be mapped.
                if case.oracle.get(*table).is_none() && !role.is_empty() && header.is_none() {
                    continue;
                }
                assert_eq!(ours, expected, "{}: {table} by {by:?}", case.name);
            }
        }
    }
}

#[test]
fn every_cost_column_of_every_vendors_export_has_its_exact_total() {
    for case in cases() {
        for (column, expected) in case.oracle["cost_columns"].as_object().unwrap() {
            let sum = exact(expected["sum"].as_str().unwrap_or("0"));
            let ask = |metric: CostMetric| {
                let mut query = ChargeQuery::total();
                query.metric = metric;
                total(&case.ask(query))
            };
            assert_eq!(
                ask(CostMetric::Source(column.clone())),
                sum,
                "{}: {column}",
                case.name
            );
            if column == case.primary() {
                assert_eq!(ask(CostMetric::Billed), sum, "{}: billed", case.name);
            }
            if column.eq_ignore_ascii_case("paygCostInBillingCurrency") {
                assert_eq!(ask(CostMetric::List), sum, "{}: list", case.name);
            }
        }
    }
}

/// 1,416 credits of -0.1 stand in lists that Python wrote.
#[test]
fn the_effective_cost_of_google_cloud_is_the_cost_with_its_credits() {
    let Some(root) = shared_data() else { return };
    let path = root.join("nise/gcp-static").display().to_string();
    let ask = |metric: &str| {
        let mut query = ChargeQuery::total();
        query.metric = metric.parse().unwrap();
        let outcome = dataset::sums(std::slice::from_ref(&path), query, RunOptions::default()).unwrap();
        total(&outcome).to_string()
    };
    assert_eq!(ask("billed"), "9990.62068608");
    assert_eq!(ask("credits[].amount"), "-141.6");
    assert_eq!(ask("effective"), "9849.02068608");
}

#[test]
fn a_report_without_money_is_refused_when_named_and_skipped_when_found() {
    let Some(root) = shared_data() else { return };
    let folder = root.join("nise/oci-year-end");
    let usage = folder.join("report_usage-3236_2023-12.csv").display().to_string();
    let error = dataset::sums(&[usage], asking("", "total"), RunOptions::default()).unwrap_err();
    assert_eq!(failed(&error), "file schema.refused");
    assert!(error.to_string().contains("no costs"), "{error}");
    let found = folder.display().to_string();
    let outcome = dataset::sums(&[found], asking("", "total"), RunOptions::default()).unwrap();
    assert_eq!(total(&outcome).to_string(), "157556.112000000004032");
    let skipped = outcome.warnings.iter().filter(|w| w.contains("no costs"));
    assert_eq!(skipped.count(), 2, "{:?}", outcome.warnings);
}

/// The examples of the vendor's own documentation: rows and the sum of the primary cost.
#[test]
fn tencents_own_examples_are_read_row_by_component() {
    let Some(root) = shared_data() else { return };
    let folder = root.join("tencent-tccli/examples");
    for (name, cost) in [
        ("DescribeBillDetail.1", "RealCost"),
        ("DescribeBillDetailForOrganization.1", "RealCost"),
        ("DescribeCostDetail.1", "RealCost"),
        ("DescribeBillResourceSummary.1", "RealTotalCost"),
        ("DescribeBillResourceSummaryForOrganization.1", "RealTotalCost"),
        ("DescribeAllocationBillDetail.1", "RealTotalCost"),
        ("DescribeCostSummaryByResource.1", "RealTotalCost"),
    ] {
        let path = folder.join(format!("{name}.output.txt"));
        let text = std::fs::read_to_string(&path).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let mut expected: (u64, ExactSum) = (0, ExactSum::ZERO);
        add_costs(&document["Response"], cost, &mut expected);
        let inputs = [path.display().to_string()];
        let outcome = dataset::sums(&inputs, asking("", "total"), RunOptions::default());
        let outcome = outcome.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(outcome.receipt.rows.rejected, 0, "{name}: {:?}", outcome.rejects);
        assert_eq!((outcome.receipt.rows.read, total(&outcome)), expected, "{name}");
    }
}

/// Adds the values of a member wherever it stands in a list of rows.
fn add_costs(value: &Value, name: &str, sum: &mut (u64, ExactSum)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| add_costs(item, name, sum)),
        Value::Object(members) => {
            for (member, value) in members {
                match value.as_str() {
                    Some(text) if member == name => {
                        sum.0 += 1;
                        sum.1.add(&exact(text)).unwrap();
                    }
                    // The total beside the rows is not one of them.
                    _ if member == "Total" || member == "ConditionValue" => {}
                    _ => add_costs(value, name, sum),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn every_bill_of_the_folder_is_recognised_or_refused_for_its_reason() {
    let Some((root, oracles)) = root_and_oracles() else {
        return;
    };
    for (name, oracle) in oracles {
        for input in inputs(&root, &oracle) {
            match dataset::inspect(&[input], &RunOptions::default()) {
                Ok(_) => {}
                Err(error) => {
                    assert!(name.contains("report_usage-"), "{name}: {error}");
                    assert_eq!(failed(&error), "file schema.refused", "{name}");
                }
            }
        }
    }
}
