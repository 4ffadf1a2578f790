//! Catalogue G: duplicates, re-runs, overlapping exports.

use std::fmt::Write as _;

use billfold_core::dataset::{self, Outcome, RunOptions};
use billfold_core::ingest::delivery::Delivery;
use billfold_core::{Error, Result};

use crate::packs::{gzip, member, tar, zip};
use crate::support::{Folder, ask, asking, bill, command, costing, failed, shown};

/// The whole folder, asked for its total.
fn sums(folder: &Folder, delivery: Delivery) -> Result<Outcome> {
    by(folder, "", delivery)
}

fn by(folder: &Folder, by: &str, delivery: Delivery) -> Result<Outcome> {
    let options = RunOptions {
        delivery,
        ..RunOptions::default()
    };
    dataset::sums(
        &[folder.path().display().to_string()],
        asking(by, "total"),
        options,
    )
}

#[track_caller]
fn gives(folder: &Folder, delivery: Delivery, expected: &str) -> Outcome {
    let outcome = sums(folder, delivery).unwrap_or_else(|e| panic!("{}: {e}", failed(&e)));
    assert_eq!(shown(&outcome), expected, "{:?}", outcome.warnings);
    outcome
}

#[track_caller]
pub(crate) fn fails(folder: &Folder, delivery: Delivery, expected: &str, parts: &[&str]) -> Error {
    let error = sums(folder, delivery).map(|o| shown(&o)).unwrap_err();
    assert_eq!(failed(&error), expected, "{error}");
    let text = format!("{error} {}", error.hint_text().unwrap_or_default());
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    error
}

/// Why files were not read: `name: why`, the name without its folders.
fn left_out(outcome: &Outcome) -> Vec<String> {
    let mut all: Vec<String> = outcome
        .receipt
        .left_out
        .iter()
        .map(|l| format!("{}: {}", l.source.rsplit_once('/').unwrap().1, l.why))
        .collect();
    all.sort();
    all
}

/// A bill with a row of this cost on each of these days.
fn days(days: &[&str], cost: &str) -> String {
    let rows: Vec<String> = days
        .iter()
        .map(|day| format!("{day}T00:00:00Z,{day}T12:00:00Z,{cost},USD,i-1"))
        .collect();
    bill(&rows)
}

/// A month so far: a row a day.
pub(crate) fn so_far(n_days: u32, cost: &str) -> String {
    let all: Vec<String> = (1..=n_days).map(|d| format!("2024-09-{d:02}")).collect();
    days(&all.iter().map(String::as_str).collect::<Vec<_>>(), cost)
}

/// A manifest of AWS: the report's assembly and its files.
fn aws(assembly: &str, keys: &[&str]) -> String {
    format!(
        r#"{{"assemblyId": "{assembly}", "account": "123456789012", "reportName": "cur", "compression": "GZIP",
            "billingPeriod": {{"start": "20240901T000000.000Z", "end": "20241001T000000.000Z"}},
            "bucket": "bills", "reportKeys": {keys:?}}}"#
    )
}

pub(crate) const OLD: &str = "0b5a2c1e-0000-4000-8000-000000000001";
const MID: &str = "f1d0aa00-0000-4000-8000-000000000002";
const NEW: &str = "77c0ffee-0000-4000-8000-000000000003";
const MONTH: &str = "prefix/cur/20240901-20241001";

/// A month of AWS with these assemblies, each of one file whose row costs 1, 2, 4, …, and its own manifest.
fn assemblies(folder: &Folder, ids: &[&str]) {
    for (i, id) in ids.iter().enumerate() {
        let key = format!("{MONTH}/{id}/cur-00001.csv.gz");
        folder.put(&key, gzip(bill(&[costing(&(1 << i).to_string())])));
        folder.put(&format!("{MONTH}/{id}/cur-Manifest.json"), aws(id, &[&key]));
    }
}

fn top(folder: &Folder, id: &str) {
    let key = format!("{MONTH}/{id}/cur-00001.csv.gz");
    folder.put(&format!("{MONTH}/cur-Manifest.json"), aws(id, &[&key]));
}

#[test]
fn g02_identical_rows_count_each() {
    ask(&bill(&[costing("1"), costing("1")])).gives("USD 2 of 2");
    // Also in parts of one delivery that are the same byte for byte.
    let folder = Folder::new();
    folder.put("run-1/part-1.csv", bill(&[costing("1")]));
    folder.put("run-1/part-2.csv", bill(&[costing("1")]));
    gives(&folder, Delivery::Sure, "USD 2 of 2");
}

#[test]
fn g04_of_three_assemblies_only_the_one_that_the_manifest_names_counts() {
    let folder = Folder::new();
    assemblies(&folder, &[OLD, NEW, MID]);
    top(&folder, NEW);
    let outcome = gives(&folder, Delivery::Sure, "USD 2 of 1");
    let superseded = format!("cur-00001.csv.gz: superseded by delivery {NEW}");
    assert_eq!(left_out(&outcome), [superseded.clone(), superseded]);
    assert_eq!(outcome.warnings.len(), 1, "{:?}", outcome.warnings);
    assert!(outcome.warnings[0].contains("and 1 more: not read, superseded by"));
    gives(&folder, Delivery::Newest, "USD 2 of 1");
    gives(&folder, Delivery::All, "USD 7 of 3");
}

#[test]
fn g04_a_copy_of_a_bucket_may_begin_at_any_folder() {
    for kept in ["", "prefix/", "prefix/cur/", "prefix/cur/20240901-20241001/"] {
        let folder = Folder::new();
        for (i, id) in [OLD, NEW].into_iter().enumerate() {
            let key = format!("{MONTH}/{id}/cur-00001.csv");
            let here = key.strip_prefix(kept).unwrap();
            folder.put(here, bill(&[costing(&(1 << i).to_string())]));
        }
        let key = format!("{MONTH}/{NEW}/cur-00001.csv");
        let manifest = format!("{MONTH}/cur-Manifest.json");
        folder.put(manifest.strip_prefix(kept).unwrap(), aws(NEW, &[&key]));
        gives(&folder, Delivery::Sure, "USD 2 of 1");
    }
}

#[test]
fn g04_several_months_and_parts_count_each_by_its_manifest() {
    let folder = Folder::new();
    for (month, cost) in [("20240901-20241001", "1"), ("20241001-20241101", "10")] {
        for (id, factor) in [(OLD, ""), (NEW, "0")] {
            let keys: Vec<String> = (1..=2)
                .map(|part| format!("p/cur/{month}/{id}/cur-0000{part}.csv"))
                .collect();
            for key in &keys {
                folder.put(key, bill(&[costing(&format!("{cost}{factor}"))]));
            }
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            folder.put(&format!("p/cur/{month}/cur-Manifest.json"), aws(id, &keys));
        }
    }
    // The manifest that was written last stands above each month.
    gives(&folder, Delivery::Sure, "USD 220 of 4");
}

#[test]
fn g04_exports_of_cur_2_in_both_modes() {
    let manifest = |id: &str, key: &str| {
        format!(r#"{{"executionId": "{id}", "exportArn": "arn:x", "dataFiles": ["s3://bucket/{key}"]}}"#)
    };
    // Overwritten: one file and one manifest per month; what is left of an earlier, longer one does not count.
    let folder = Folder::new();
    for (month, cost) in [("2024-09", "1"), ("2024-10", "2")] {
        let key = format!("p/exp/data/BILLING_PERIOD={month}/exp-00001.csv.gz");
        folder.put(&key, gzip(bill(&[costing(cost)])));
        let at = format!("p/exp/metadata/BILLING_PERIOD={month}/exp-Manifest.json");
        folder.put(&at, manifest(OLD, &key));
    }
    folder.put(
        "p/exp/data/BILLING_PERIOD=2024-09/exp-00002.csv.gz",
        gzip(bill(&[costing("64")])),
    );
    let outcome = gives(&folder, Delivery::Sure, "USD 3 of 2");
    assert_eq!(
        left_out(&outcome),
        ["exp-00002.csv.gz: not listed in the manifest"]
    );

    // Created new each time: the newest that has a manifest.
    let folder = Folder::new();
    for (i, id) in [NEW, OLD].into_iter().enumerate() {
        let run = format!("2024-09-1{i}T08:00:00.000Z-{id}");
        let key = format!("p/exp/data/BILLING_PERIOD=2024-09/{run}/exp-00001.csv");
        folder.put(&key, bill(&[costing(&(1 << i).to_string())]));
        let at = format!("p/exp/metadata/BILLING_PERIOD=2024-09/{run}/exp-Manifest.json");
        folder.put(&at, manifest(id, &key));
    }
    gives(&folder, Delivery::Sure, "USD 2 of 1");
    gives(&folder, Delivery::All, "USD 3 of 2");
}

#[test]
fn g05_without_the_manifest_above_them_assemblies_are_refused() {
    let folder = Folder::new();
    assemblies(&folder, &[OLD, NEW]);
    fails(
        &folder,
        Delivery::Sure,
        "conflict conflict",
        &[OLD, NEW, "--delivery newest", "--delivery all"],
    );
    // Ids do not tell their times, so the newest cannot be told, either.
    fails(&folder, Delivery::Newest, "conflict conflict", &[OLD, NEW]);
    gives(&folder, Delivery::All, "USD 3 of 2");
    // Assemblies of today have times for ids.
    let folder = Folder::new();
    assemblies(
        &folder,
        &["20240902T084524Z", "20240905T084524Z", "20240903T084524Z"],
    );
    fails(
        &folder,
        Delivery::Sure,
        "conflict conflict",
        &["20240905T084524Z"],
    );
    let outcome = gives(&folder, Delivery::Newest, "USD 2 of 1");
    assert_eq!(outcome.receipt.left_out.len(), 2);
}

#[test]
fn g05_without_any_manifest_deliveries_of_the_same_days_are_refused() {
    for runs in [["20240902T084524Z", "20240905T084524Z"], [OLD, NEW]] {
        let folder = Folder::new();
        for (i, run) in runs.into_iter().enumerate() {
            let n_days = 2 + 3 * i as u32;
            folder.put(
                &format!("cur/20240901-20241001/{run}/cur-00001.csv"),
                so_far(n_days, "1"),
            );
        }
        fails(&folder, Delivery::Sure, "conflict conflict", &runs);
        gives(&folder, Delivery::All, "USD 7 of 7");
        if runs[0] == OLD {
            fails(
                &folder,
                Delivery::Newest,
                "conflict conflict",
                &["do not tell their times"],
            );
        } else {
            let outcome = gives(&folder, Delivery::Newest, "USD 5 of 5");
            assert_eq!(
                left_out(&outcome),
                ["cur-00001.csv: superseded by delivery 20240905T084524Z"]
            );
        }
    }
}

#[test]
fn g05_bare_ids_are_deliveries_of_aws_wherever_they_lie() {
    let folder = Folder::new();
    let header = "lineItem/UsageStartDate,lineItem/UnblendedCost,lineItem/CurrencyCode,bill/PayerAccountId,\
        lineItem/LineItemType,identity/LineItemId,lineItem/UsageEndDate";
    for id in [OLD, NEW] {
        let row = "2024-09-01T00:00:00Z,1,USD,1,Usage,x,2024-09-01T01:00:00Z";
        folder.put(&format!("copy/{id}/cur-00001.csv"), format!("{header}\n{row}\n"));
    }
    fails(&folder, Delivery::Sure, "conflict conflict", &[OLD, NEW]);
    gives(&folder, Delivery::All, "USD 2 of 2");
}

#[test]
fn g05_the_newest_must_hold_what_it_supersedes() {
    let folder = Folder::new();
    folder.put("2024-09-03/bill.csv", so_far(3, "1"));
    folder.put("2024-09-04/bill.csv", days(&["2024-09-03", "2024-09-04"], "1"));
    fails(
        &folder,
        Delivery::Newest,
        "conflict conflict",
        &["days that the newer ones lack", "2024-09-03"],
    );
}

#[test]
fn g05_increments_that_share_no_day_are_no_conflict() {
    let folder = Folder::new();
    for day in ["2024-09-01", "2024-09-02", "2024-09-03"] {
        folder.put(&format!("{day}/bill.csv"), days(&[day], "1"));
    }
    gives(&folder, Delivery::Sure, "USD 3 of 3");
    gives(&folder, Delivery::Newest, "USD 3 of 3");
    // A correction in the next month's bill of a day of this month.
    let of_month = |month: &str, days: &[&str]| {
        let mut text = "BillingPeriodStart,ChargePeriodStart,BilledCost,BillingCurrency\n".to_owned();
        for day in days {
            writeln!(text, "{month},{day},1,USD").unwrap();
        }
        text
    };
    let folder = Folder::new();
    folder.put(
        "run=1/bill.csv",
        of_month("2024-09-01", &["2024-09-01", "2024-09-02"]),
    );
    folder.put(
        "run=2/bill.csv",
        of_month("2024-10-01", &["2024-10-01", "2024-09-02"]),
    );
    gives(&folder, Delivery::Sure, "USD 4 of 4");
}

#[test]
fn g06_a_file_that_the_manifest_names_must_be_there() {
    let folder = Folder::new();
    assemblies(&folder, &[OLD]);
    top(&folder, NEW);
    fails(
        &folder,
        Delivery::Sure,
        "file manifest.missing",
        &[NEW, "cur-Manifest.json"],
    );
    // A file of the same name beside the manifest is not the one that it means.
    folder.put(&format!("{MONTH}/cur-00001.csv.gz"), gzip(bill(&[costing("1")])));
    assemblies(&folder, &[OLD]);
    folder.put(
        &format!("{MONTH}/{NEW}/cur-Manifest.json"),
        aws(NEW, &[&format!("{MONTH}/{NEW}/cur-00001.csv.gz")]),
    );
    fails(&folder, Delivery::Sure, "file manifest.missing", &[NEW]);
}

#[test]
fn g06_a_file_that_no_manifest_names_is_left_out_with_a_note() {
    let folder = Folder::new();
    assemblies(&folder, &[NEW]);
    top(&folder, NEW);
    folder.put(
        &format!("{MONTH}/{NEW}/cur-00002.csv.gz"),
        gzip(bill(&[costing("64")])),
    );
    folder.put(&format!("{MONTH}/extra.csv"), bill(&[costing("64")]));
    // Elsewhere other bills lie for themselves.
    folder.put("prefix/gcp/bill.csv", bill(&[costing("8")]));
    let outcome = gives(&folder, Delivery::Sure, "USD 9 of 2");
    assert_eq!(
        left_out(&outcome),
        [
            "cur-00002.csv.gz: not listed in the manifest",
            "extra.csv: not listed in the manifest"
        ]
    );
}

#[test]
fn g06_a_manifest_that_cannot_be_read_is_refused() {
    let folder = Folder::new();
    assemblies(&folder, &[NEW]);
    folder.put(&format!("{MONTH}/cur-Manifest.json"), "{\"assemblyId\": ");
    fails(
        &folder,
        Delivery::Sure,
        "file manifest.syntax",
        &["cur-Manifest.json"],
    );
    // Other programs have manifests, too.
    let folder = Folder::new();
    folder.put("bill.csv", bill(&[costing("1")]));
    folder.put("manifest.json", "{\"name\": \"app\", \"icons\": []}");
    gives(&folder, Delivery::Sure, "USD 1 of 1");
}

#[test]
fn g07_a_delivery_newer_than_the_manifest_is_refused() {
    let folder = Folder::new();
    let (old, new) = ("20240902T084524Z", "20240905T084524Z");
    assemblies(&folder, &[old]);
    top(&folder, old);
    // Still being written: it has no manifest.
    folder.put(
        &format!("{MONTH}/{new}/cur-00001.csv.gz"),
        gzip(bill(&[costing("64")])),
    );
    fails(
        &folder,
        Delivery::Sure,
        "conflict conflict",
        &[new, "not complete"],
    );
    let outcome = gives(&folder, Delivery::Newest, "USD 1 of 1");
    assert_eq!(
        left_out(&outcome),
        ["cur-00001.csv.gz: of a delivery that is not complete"]
    );
    // Complete, and the manifest above them not yet renewed.
    let folder = Folder::new();
    assemblies(&folder, &[old, new]);
    top(&folder, old);
    fails(&folder, Delivery::Sure, "conflict conflict", &[old, new]);
    gives(&folder, Delivery::Newest, "USD 2 of 1");
}

/// A run of an Azure export: folder, run, time, cost of the row, and what the manifest says of bytes and rows.
pub(crate) fn azure(
    folder: &Folder,
    measure: &str,
    run: &str,
    time: &str,
    text: &str,
    bytes: usize,
    rows: usize,
) {
    let at = format!("costs/{measure}/20240901-20240930/{run}");
    folder.put(&format!("{at}/part_0_0001.csv"), text);
    let manifest = format!(
        r#"{{"manifestVersion": "2024-04-01", "byteCount": {bytes}, "blobCount": 1, "dataRowCount": {rows},
            "exportConfig": {{"exportName": "{measure}", "resourceId": "/subscriptions/1", "type": "{measure}"}},
            "runInfo": {{"executionType": "Scheduled", "submittedTime": "{time}", "runId": "{run}",
                         "startDate": "2024-09-01T00:00:00", "endDate": "2024-09-30T00:00:00"}},
            "blobs": [{{"blobName": "{at}/part_0_0001.csv", "byteCount": {bytes}, "dataRowCount": {rows}}}]}}"#
    );
    folder.put(&format!("{at}/manifest.json"), manifest);
}

#[test]
fn g09_of_the_runs_of_a_month_only_the_newest_counts() {
    let folder = Folder::new();
    // The names of the runs sort otherwise than their times.
    for (run, day, n_days) in [(NEW, "03", 3), (OLD, "10", 10), (MID, "07", 7)] {
        let text = so_far(n_days, "1");
        let time = format!("2024-09-{day}T06:12:13.1234567Z");
        azure(
            &folder,
            "ActualCost",
            run,
            &time,
            &text,
            text.len(),
            n_days as usize,
        );
    }
    let outcome = gives(&folder, Delivery::Sure, "USD 10 of 10");
    assert_eq!(outcome.receipt.left_out.len(), 2);
    gives(&folder, Delivery::All, "USD 20 of 20");
}

#[test]
fn g09_runs_in_one_folder_without_manifests_are_refused() {
    let folder = Folder::new();
    for (run, n_days) in [(OLD, 3), (NEW, 5)] {
        folder.put(
            &format!("costs/20240901-20240930/costs_{run}.csv"),
            so_far(n_days, "1"),
        );
    }
    fails(&folder, Delivery::Sure, "conflict conflict", &[OLD, NEW]);
    fails(
        &folder,
        Delivery::Newest,
        "conflict conflict",
        &["do not tell their times"],
    );
    gives(&folder, Delivery::All, "USD 8 of 8");
}

#[test]
fn g09_parts_of_one_export_in_one_folder_are_no_deliveries() {
    let folder = Folder::new();
    for part in ["part-00000-a.csv", "part-00001-b.csv", "bill-1.csv", "bill-2.csv"] {
        folder.put(&format!("exports/{part}"), so_far(3, "1"));
    }
    // Accounts are folders of digits or ids, too.
    for account in ["123456789012", "210987654321", OLD] {
        folder.put(&format!("accounts/{account}/bill.csv"), so_far(1, "1"));
    }
    gives(&folder, Delivery::Sure, "USD 15 of 15");
}

#[test]
fn g10_daily_files_beside_the_file_of_their_month_are_refused() {
    for (days_in, month_in) in [("", ""), ("daily/", "monthly/")] {
        let folder = Folder::new();
        folder.put(
            &format!("{days_in}bill-2024-09-01.csv"),
            days(&["2024-09-01"], "1"),
        );
        folder.put(
            &format!("{days_in}bill-2024-09-02.csv"),
            days(&["2024-09-02"], "1"),
        );
        folder.put(&format!("{month_in}bill-2024-08.csv"), days(&["2024-08-01"], "1"));
        gives(&folder, Delivery::Sure, "USD 3 of 3");
        folder.put(&format!("{month_in}bill-2024-09.csv"), so_far(2, "1"));
        fails(
            &folder,
            Delivery::Sure,
            "conflict conflict",
            &["the daily files", "the monthly files"],
        );
        fails(
            &folder,
            Delivery::Newest,
            "conflict conflict",
            &["do not tell their times"],
        );
        gives(&folder, Delivery::All, "USD 5 of 5");
    }
}

#[test]
fn g11_actual_and_amortised_cost_of_one_month_are_never_added() {
    let folder = Folder::new();
    let text = so_far(3, "1");
    for (measure, run) in [("ActualCost", OLD), ("AmortizedCost", NEW)] {
        azure(
            &folder,
            measure,
            run,
            "2024-09-05T06:00:00Z",
            &text,
            text.len(),
            3,
        );
    }
    fails(
        &folder,
        Delivery::Sure,
        "conflict conflict",
        &["ActualCost and AmortizedCost"],
    );
    let one = folder.path().join("costs/AmortizedCost").display().to_string();
    let outcome = dataset::sums(&[one], asking("", "total"), RunOptions::default()).unwrap();
    assert_eq!(shown(&outcome), "USD 3 of 3");
}

#[test]
fn g13_corrections_are_rows_of_their_own() {
    ask(&bill(&[costing("5"), costing("-5"), costing("-1.5")])).gives("USD -1.5 of 3");
}

#[test]
fn g14_a_row_under_two_tags_counts_once_in_the_total() {
    let text = "ChargePeriodStart,BilledCost,BillingCurrency,Tags\n\
        2024-03-01,1,USD,\"{\"\"team\"\": \"\"a\"\", \"\"env\"\": \"\"x\"\"}\"\n";
    ask(text).by("tag_id").gives("USD 1 of 1: env=x=1 team=a=1");
}

#[test]
fn the_files_of_a_table_format_are_never_read_loose() {
    let text = bill(&[costing("1")]);
    let delta = Folder::new();
    delta.put("t/_delta_log/00000000000000000000.json", "{}");
    let inner = delta.put("t/day=1/part-0.csv", &text);
    let iceberg = Folder::new();
    iceberg.put("t/metadata/00001-5f.metadata.json", "{}");
    let data = iceberg.put("t/data/day=1/part-0.csv", &text);
    for (folder, file, word) in [(&delta, inner, "Delta"), (&iceberg, data, "Iceberg")] {
        let root = folder.path().display().to_string();
        let partition = file.rsplit_once('/').unwrap().0.to_owned();
        let glob =
            format!("{root}/t/*/*.csv").replace("t/*", if word == "Delta" { "t/*" } else { "t/data/*" });
        for input in [root, partition, file.clone(), glob] {
            let error = dataset::sums(
                std::slice::from_ref(&input),
                asking("", "total"),
                RunOptions::default(),
            )
            .map(|o| shown(&o))
            .unwrap_err();
            assert_eq!(failed(&error), "file type.table", "{input}: {error}");
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}

#[test]
fn folders_of_keys_and_values_are_columns() {
    let folder = Folder::new();
    let text = bill(&[costing("1")]);
    folder.put("BILLING_PERIOD=2024-09/team=a%2Fb%20c/x.csv", &text);
    folder.put(
        "BILLING_PERIOD=2024-10/team=__HIVE_DEFAULT_PARTITION__/x.csv",
        &text,
    );
    let shown_by = |dimensions: &str| by(&folder, dimensions, Delivery::Sure).map(|o| shown(&o));
    assert_eq!(
        shown_by("billing_period").unwrap(),
        "USD 2 of 2: 2024-09=1 2024-10=1"
    );
    assert_eq!(
        shown_by("BILLING_PERIOD").unwrap(),
        "USD 2 of 2: 2024-09=1 2024-10=1"
    );
    assert_eq!(shown_by("team").unwrap(), "USD 2 of 2: =1 a/b c=1");
    assert_eq!(failed(&shown_by("nothing").unwrap_err()), "usage usage");
    // A column of the file itself comes first.
    let folder = Folder::new();
    folder.put("ResourceId=other/x.csv", &text);
    let outcome = by(&folder, "ResourceId", Delivery::Sure).unwrap();
    assert_eq!(shown(&outcome), "USD 1 of 1: i-1=1");
}

#[test]
fn a_delivery_may_be_archived_whole() {
    let key = |id: &str| format!("{MONTH}/{id}/cur-00001.csv");
    let (old, new) = (bill(&[costing("1")]), bill(&[costing("2")]));
    let manifest = aws(NEW, &[&key(NEW)]);
    let (old_key, new_key) = (key(OLD), key(NEW));
    let manifest_key = format!("{MONTH}/cur-Manifest.json");
    let zipped = zip(&[
        member(&old_key, &old),
        member(&new_key, &new),
        member(&manifest_key, &manifest),
    ]);
    let short = |key: &str| key.replace("prefix/cur/", "");
    let (old_key, new_key, manifest_key) = (short(&old_key), short(&new_key), short(&manifest_key));
    let tarred = tar(&[
        (&old_key, b'0', old.as_bytes()),
        (&new_key, b'0', new.as_bytes()),
        (&manifest_key, b'0', manifest.as_bytes()),
    ]);
    for (name, bytes) in [("a.zip", zipped), ("a.tar.gz", gzip(tarred))] {
        let folder = Folder::new();
        folder.put(name, bytes);
        let outcome = gives(&folder, Delivery::Sure, "USD 2 of 1");
        assert_eq!(outcome.receipt.left_out.len(), 1);
    }
}

#[test]
fn the_command_refuses_lists_and_takes_the_choice() {
    let folder = Folder::new();
    for (run, n_days) in [("20240902T084524Z", 2), ("20240905T084524Z", 5)] {
        folder.put(
            &format!("cur/20240901-20241001/{run}/cur-00001.csv"),
            so_far(n_days, "1"),
        );
    }
    let root = folder.path().display().to_string();
    let refused = command("sums {} --format csv", &root);
    assert_eq!(refused.exit, 5, "{}", refused.stderr);
    assert!(refused.stderr.contains("--delivery newest"), "{}", refused.stderr);
    let newest = command("sums {} --format csv --delivery newest", &root);
    assert_eq!(newest.exit, 0, "{}", newest.stderr);
    assert!(newest.stdout.ends_with(",USD,5,5\n"), "{}", newest.stdout);
    assert!(
        newest.stderr.contains("superseded by delivery 20240905T084524Z"),
        "{}",
        newest.stderr
    );
    let whole = command("sums {} --format json --delivery newest", &root);
    assert!(whole.stdout.contains("left_out"), "{}", whole.stdout);
    assert_eq!(command("sums {} --delivery some", &root).exit, 2);
    assert_eq!(command("inspect {}", &root).exit, 5);
    assert_eq!(command("inspect {} --delivery all", &root).exit, 0);
}
