//! The rules of lookups, on tables and batches made by hand, and against a slow reading of the same rules.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::charge::batch::{BatchParts, narrow_cost};
use crate::charge::builder::{TextBuilder, constant};
use crate::charge::{ChargeBatch, CostMetric, ScanHint};
use crate::ingest::table::TextTable;
use crate::time::parse_bound;

fn table(headers: &[&str], rows: &[&[&str]], key: Option<&str>) -> Result<LookupTable> {
    let text = TextTable::of("table.csv", headers, rows);
    let spec = key.map(|key| format!("x:key={key}").parse::<LookupSpec>().unwrap());
    LookupTable::of(&text, spec.and_then(|s| s.key).as_ref(), Tz::UTC)
}

fn hint(names: &[&str]) -> ScanHint {
    ScanHint {
        text: names.iter().map(|n| (*n).to_owned()).collect(),
        ..ScanHint::of_cost(CostMetric::Billed)
    }
}

/// A batch of one dollar each; `rows` are the start and the texts of the hint.
fn batch(hint: &ScanHint, rows: &[(i64, Vec<String>)]) -> ChargeBatch {
    let columns = (0..hint.text.len()).map(|i| {
        let mut builder = TextBuilder::with_capacity(rows.len());
        for (_, texts) in rows {
            builder.push(texts[i].as_bytes());
        }
        (hint.text[i].clone(), builder.finish(|_| None).unwrap())
    });
    ChargeBatch::new(BatchParts {
        start: rows.iter().map(|(start, _)| *start).collect(),
        end: None,
        cost: narrow_cost(vec![1; rows.len()], 0, None).unwrap(),
        currency: constant("USD", rows.len()).unwrap(),
        text: columns.collect(),
        tags: None,
    })
    .unwrap()
}

fn texts(batch: &ChargeBatch, column: usize) -> Vec<String> {
    use arrow::array::AsArray as _;
    let column = batch.text(column);
    let names = column.values().as_string::<i32>();
    let keys = column.keys().values().iter();
    keys.map(|code| names.value(*code as usize).to_owned()).collect()
}

/// Asks for columns of charges that are given by their resource; per charge the values, and the accounts.
fn ask(
    lookups: &Lookups,
    wanted: &[&str],
    charges: &[(&str, &str)],
) -> (Vec<Vec<String>>, Vec<crate::engine::LookupReceipt>) {
    let bound = lookups.bind(&hint(wanted));
    let rows: Vec<(i64, Vec<String>)> = charges
        .iter()
        .map(|(resource, start)| {
            let text = |name: &String| if name == "resource_id" { *resource } else { "" };
            let texts = bound
                .hint()
                .text
                .iter()
                .map(|name| text(name).to_owned())
                .collect();
            (parse_bound(start, Tz::UTC).unwrap(), texts)
        })
        .collect();
    let batch = batch(bound.hint(), &rows);
    let mut state = bound.state();
    let given = bound.apply(&batch, &mut state).unwrap();
    assert_eq!(given.len(), batch.len());
    let columns: Vec<Vec<String>> = (0..wanted.len()).map(|i| texts(&given, i)).collect();
    let per_charge = (0..charges.len()).map(|row| columns.iter().map(|c| c[row].clone()).collect());
    (per_charge.collect(), bound.receipts([&state]))
}

#[test]
fn a_charge_takes_the_values_of_the_row_that_has_its_key() {
    let table = table(
        &["Resource ID", "Project", "Cost centre"],
        &[&["i-1", "p-1", "c-1"], &["i-2", "p-2", ""], &["", "p-9", "c-9"]],
        None,
    )
    .unwrap();
    assert_eq!(table.columns().collect::<Vec<_>>(), ["project_id", "Cost centre"]);
    let charges = [
        ("i-1", "2024-01-01"),
        ("i-2", "2024-01-01"),
        ("i-3", "2024-01-01"),
        ("", "2024-01-01"),
    ];
    let (values, receipts) = ask(
        &Lookups::new(vec![table]),
        &["project_id", "cost_centre"],
        &charges,
    );
    assert_eq!(values, [["p-1", "c-1"], ["p-2", ""], ["", ""], ["", ""]]);
    let r = &receipts[0];
    assert_eq!((r.matched, r.unmatched, r.without_key, r.ambiguous), (2, 1, 1, 0));
    assert_eq!(
        r.unmatched_keys.keys.iter().map(|k| &**k).collect::<Vec<_>>(),
        ["i-3"]
    );
    assert_eq!((r.rows, r.keys), (3, 2));
    assert_eq!(
        r.filled,
        [("project_id".to_owned(), 2), ("Cost centre".to_owned(), 1)]
    );
}

#[test]
fn what_the_bill_says_stands() {
    let table = table(
        &["resource_id", "project_id"],
        &[&["i-1", "p-table"], &["i-2", "p-2"]],
        None,
    )
    .unwrap();
    let lookups = Lookups::new(vec![table]);
    let bound = lookups.bind(&hint(&["project_id", "resource_id"]));
    let row = |project: &str, resource: &str| (0, vec![project.to_owned(), resource.to_owned()]);
    let batch = batch(
        bound.hint(),
        &[
            row("p-bill", "i-1"),
            row("", "i-1"),
            row("", "i-2"),
            row("p-bill", "i-9"),
        ],
    );
    let mut state = bound.state();
    let given = bound.apply(&batch, &mut state).unwrap();
    assert_eq!(texts(&given, 0), ["p-bill", "p-table", "p-2", "p-bill"]);
    assert_eq!(texts(&given, 1), ["i-1", "i-1", "i-2", "i-9"]);
}

#[test]
fn what_one_table_filled_is_a_key_for_the_next() {
    let inventory = table(&["resource_id", "project"], &[&["i-1", "p-1"]], None).unwrap();
    let projects = table(&["project_id", "centre"], &[&["p-1", "c-7"]], None).unwrap();
    let charges = [("i-1", "2024-01-01"), ("i-2", "2024-01-01")];
    let (values, receipts) = ask(&Lookups::new(vec![inventory, projects]), &["centre"], &charges);
    assert_eq!(values, [["c-7"], [""]]);
    assert_eq!((receipts[1].matched, receipts[1].without_key), (1, 1));
}

#[test]
fn rows_of_one_key_give_what_they_agree_on() {
    let table = table(
        &["resource_id", "project_id", "disk"],
        &[
            &["i-1", "p-1", "d-1"],
            &["i-1", "p-1", "d-2"],
            &["i-2", "p-2", ""],
            &["i-2", "p-2", "d-3"],
            &["i-2", "p-2", "d-3"],
        ],
        None,
    )
    .unwrap();
    let lookups = Lookups::new(vec![table]);
    let charges = [("i-1", "2024-01-01"), ("i-2", "2024-01-01")];
    let (values, receipts) = ask(&lookups, &["project_id", "disk"], &charges);
    assert_eq!(values, [["p-1", ""], ["p-2", "d-3"]]);
    assert_eq!((receipts[0].matched, receipts[0].ambiguous), (1, 1));
    assert!(receipts[0].ambiguous_keys.keys.contains("i-1"));
    // Nobody asked for the disk, so nothing contradicts itself.
    let (_, receipts) = ask(&lookups, &["project_id"], &charges);
    assert_eq!((receipts[0].matched, receipts[0].ambiguous), (2, 0));
}

#[test]
fn a_row_holds_for_charges_that_start_within_its_dates() {
    let table = table(
        &["resource_id", "owner", "valid_from", "valid_to"],
        &[
            &["i-1", "ann", "", "2024-02"],
            &["i-1", "bob", "2024-02", "2024-03-31T23:59:59Z"],
            &["i-1", "cid", "2024-05-01", ""],
            &["i-1", "dan", "2024-06-01", "2024-07-01"],
        ],
        None,
    )
    .unwrap();
    let starts = [
        "2020-01-01",
        "2024-01-31T23:00:00Z",
        "2024-02-01",
        "2024-03-31T23:59:59Z",
        "2024-04-01",
        "2024-05-01",
        "2024-06-15",
        "2024-07-01",
    ];
    let charges: Vec<(&str, &str)> = starts.iter().map(|start| ("i-1", *start)).collect();
    let (values, receipts) = ask(&Lookups::new(vec![table]), &["owner"], &charges);
    let values: Vec<&str> = values.iter().map(|v| v[0].as_str()).collect();
    assert_eq!(values, ["ann", "ann", "bob", "bob", "", "cid", "", "cid"]);
    let r = &receipts[0];
    assert_eq!((r.matched, r.out_of_dates, r.ambiguous), (6, 1, 1));
}

#[test]
fn the_key_is_the_resource_or_else_the_first_column_that_charges_have() {
    let key = |headers: &[&str], asked| table(headers, &[], asked).map(|t| t.key.name);
    assert_eq!(key(&["project_id", "ResourceId"], None).unwrap(), "resource_id");
    assert_eq!(
        key(&["name", "User ID", "project"], None).unwrap(),
        "sub_account_id"
    );
    assert_eq!(key(&["tag:team", "centre"], None).unwrap(), "tag:team");
    assert_eq!(
        key(&["id", "centre"], Some("resource_id=id")).unwrap(),
        "resource_id"
    );
    assert_eq!(key(&["id", "team"], Some("tag:team")).unwrap(), "tag:team");
    for (headers, asked) in [
        (&["name", "centre"][..], None),
        (&["id"][..], Some("user_id")),
        (&["cost"][..], None),
    ] {
        assert_eq!(
            key(headers, asked).unwrap_err().kind().code(),
            "lookup.key",
            "{headers:?}"
        );
    }
}

#[test]
fn what_cannot_key_a_table_is_refused() {
    for bad in [
        ":key=resource_id",
        "f:key=",
        "f:key=tag_id",
        "f:key=billing_currency",
        "f:key=billed_cost",
    ] {
        assert!(bad.parse::<LookupSpec>().is_err(), "{bad}");
    }
    let spec: LookupSpec = "a:b=c.csv:key=user_id=Kunde: 1".parse().unwrap();
    assert_eq!(spec.path, "a:b=c.csv");
    assert_eq!(spec.key.unwrap().column.as_deref(), Some("Kunde: 1"));
}

#[test]
fn dates_that_cannot_be_read_or_run_backwards_are_refused_with_their_place() {
    for (from, to, code) in [("soon", "", "time.syntax"), ("2024-02", "2024-01", "time.order")] {
        let error = table(&["user_id", "from", "to"], &[&["u", from, to]], None).unwrap_err();
        assert_eq!(error.kind().code(), code);
        assert_eq!(error.location().record, Some(1));
    }
}

#[test]
fn a_table_that_no_dimension_needs_is_not_asked() {
    let lookups = Lookups::new(vec![table(&["resource_id", "owner"], &[], None).unwrap()]);
    let bound = lookups.bind(&hint(&["zone_id"]));
    assert!(bound.is_empty());
    assert_eq!(bound.hint(), &hint(&["zone_id"]));
    assert_eq!(bound.unused().len(), 1);
}

#[test]
fn unmatched_keys_beyond_the_limit_take_no_memory() {
    let mut one = crate::engine::KeySet::default();
    for i in 0..crate::engine::KeySet::MAX + 5 {
        one.insert(&format!("{i:08}"));
    }
    assert!(one.more && one.keys.len() == crate::engine::KeySet::MAX);
    assert_eq!(one.keys.first().map(|k| &**k), Some("00000000"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every row of a table that covers a charge is looked at, one after the other; the entries say the same.
    #[test]
    fn entries_say_what_a_slow_reading_of_the_rows_says(
        rows in prop::collection::vec((0..4usize, 0..4usize, 0..3usize, 0..9i64, 0..9i64), 0..12),
        dated in any::<bool>(),
        charges in prop::collection::vec((0..5usize, 0..9i64), 1..20),
    ) {
        let day = |n: i64| if n == 0 { String::new() } else { format!("2024-01-{n:02}") };
        let cells: Vec<Vec<String>> = rows
            .iter()
            .map(|(key, a, b, from, to)| {
                let text = |prefix: &str, n: usize| if n == 0 { String::new() } else { format!("{prefix}{n}") };
                let (from, to) = if *from > *to && *to != 0 { (*to, *from) } else { (*from, *to) };
                vec![text("k", *key), text("a", *a), text("b", *b), day(from), day(to)]
            })
            .collect();
        let n_columns = if dated { 5 } else { 3 };
        let cells: Vec<Vec<&str>> =
            cells.iter().map(|row| row[..n_columns].iter().map(String::as_str).collect()).collect();
        let cells: Vec<&[&str]> = cells.iter().map(Vec::as_slice).collect();
        let headers = ["resource_id", "a", "b", "valid_from", "valid_to"];
        let table = table(&headers[..n_columns], &cells, None).unwrap();

        let keys: Vec<(String, String)> = charges
            .iter()
            .map(|(key, at)| (if *key == 0 { String::new() } else { format!("k{key}") }, format!("2024-01-{:02}", at + 1)))
            .collect();
        let asked: Vec<(&str, &str)> = keys.iter().map(|(k, d)| (k.as_str(), d.as_str())).collect();
        let (values, receipts) = ask(&Lookups::new(vec![table]), &["a", "b"], &asked);

        let mut tally: BTreeMap<&str, u64> = BTreeMap::new();
        for ((key, start), given) in asked.iter().zip(&values) {
            let of_key: Vec<_> = cells.iter().filter(|row| !key.is_empty() && row[0] == *key).collect();
            let holds: Vec<_> = of_key
                .iter()
                .filter(|row| !dated || (row[3] <= *start && (row[4].is_empty() || *start < row[4])))
                .collect();
            let mut expected = Vec::new();
            let mut contradicts = false;
            for column in [1, 2] {
                let mut said: Vec<&str> = holds.iter().map(|r| r[column]).filter(|v| !v.is_empty()).collect();
                said.sort_unstable();
                said.dedup();
                contradicts |= said.len() > 1;
                expected.push(if said.len() == 1 { said[0] } else { "" });
            }
            let verdict = match (key.is_empty(), of_key.is_empty(), holds.is_empty(), contradicts) {
                (true, ..) => "without",
                (_, true, ..) => "unmatched",
                (_, _, true, _) => "dates",
                (.., true) => "ambiguous",
                _ => "matched",
            };
            *tally.entry(verdict).or_default() += 1;
            prop_assert_eq!(given, &expected);
        }
        let of = |verdict: &str| tally.get(verdict).copied().unwrap_or(0);
        let r = &receipts[0];
        prop_assert_eq!(r.n_charges(), charges.len() as u64);
        prop_assert_eq!(
            (r.matched, r.ambiguous, r.out_of_dates, r.unmatched, r.without_key),
            (of("matched"), of("ambiguous"), of("dates"), of("unmatched"), of("without"))
        );
    }
}
