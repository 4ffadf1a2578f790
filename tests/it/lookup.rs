//! Lookups from outside: tables in every carrier, what the command says of them, and sums that stay.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray};
use billfold_core::dataset::{self, Charges as _, Files, Outcome, RunOptions};
use billfold_core::lookup::{LookupSpec, Lookups};
use billfold_core::money::{Currency, ExactSum, Totals};
use billfold_core::query::{FactsQuery, Filter};
use billfold_core::time::Tz;
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;

use crate::support::{Folder, asking, bill, of};

const INVENTORY: &str = "Resource ID,Cost Centre,flavour\ni-1,C-1,4\ni-2,C-2,8\n\"i-3, old\",C-1,2\n";

fn loaded(specs: &[String]) -> billfold_core::Result<Lookups> {
    let specs: Vec<LookupSpec> = specs.iter().map(|s| s.parse().unwrap()).collect();
    Lookups::load(&specs, Tz::UTC, None)
}

fn sums(path: &str, by: &str, filters: &[&str], specs: &[String]) -> billfold_core::Result<Outcome> {
    let mut query = asking(by, "total");
    query.filter = Filter::parse_all(filters.iter().copied()).unwrap();
    let options = RunOptions {
        lookups: loaded(specs)?,
        threads: Some(2),
        chunk_bytes: 128,
        ..RunOptions::default()
    };
    dataset::sums(&[path.to_owned()], query, options)
}

fn groups(outcome: &Outcome) -> Vec<String> {
    let answer = outcome.answer.as_ref().unwrap();
    let row = |r: billfold_core::engine::AnswerRow<'_>| {
        let keys: Vec<&str> = r.keys().collect();
        format!("{}={}", keys.join("/"), r.cost())
    };
    answer.rows().map(row).collect()
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn a_table_says_the_same_in_every_carrier() {
    let folder = Folder::new();
    let bill = folder.put(
        "bill.csv",
        bill(&["i-1", "i-2", "i-1", "\"i-3, old\"", "i-9"].map(of)),
    );
    let texts = |list: [&str; 3]| -> ArrayRef { Arc::new(StringArray::from(list.to_vec())) };
    let semicolons = INVENTORY.replace(',', ";").replace("i-3;", "i-3,");
    let tables = [
        folder.put("t.csv", INVENTORY),
        folder.put("s.csv", &semicolons),
        folder.put("b.csv", format!("\u{feff}{}", INVENTORY.replace('\n', "\r\n"))),
        folder.put(
            "t.ndjson",
            "{\"Resource ID\":\"i-1\",\"Cost Centre\":\"C-1\",\"flavour\":4}\n\
             {\"Resource ID\":\"i-2\",\"Cost Centre\":\"C-2\",\"flavour\":8}\n\
             {\"Resource ID\":\"i-3, old\",\"Cost Centre\":\"C-1\",\"flavour\":2}\n",
        ),
        folder.put(
            "t.parquet",
            parquet(vec![
                ("Resource ID", texts(["i-1", "i-2", "i-3, old"])),
                ("Cost Centre", texts(["C-1", "C-2", "C-1"])),
                ("flavour", Arc::new(Int64Array::from(vec![4, 8, 2]))),
            ]),
        ),
    ];
    for table in tables {
        let outcome = sums(
            &bill,
            "Cost Centre,flavour",
            &["flavour!=8"],
            std::slice::from_ref(&table),
        )
        .unwrap();
        assert_eq!(groups(&outcome), ["/=1", "C-1/2=1", "C-1/4=2"], "{table}");
        let account = &outcome.receipt.lookups[0];
        assert_eq!((account.matched, account.unmatched), (4, 1), "{table}");
    }
}

#[test]
fn dates_of_a_parquet_table_are_days() {
    let folder = Folder::new();
    let rows = ["2024-02-29T23:59:59Z", "2024-03-01T00:00:00Z"].map(|at| format!("{at},,1,USD,i-1"));
    let bill = folder.put("bill.csv", bill(&rows));
    // 2024-03-01 is day 19783 of the epoch.
    let table = parquet(vec![
        (
            "resource_id",
            Arc::new(StringArray::from(vec!["i-1", "i-1"])) as ArrayRef,
        ),
        ("owner", Arc::new(StringArray::from(vec!["ann", "bob"]))),
        ("valid_from", Arc::new(Date32Array::from(vec![None, Some(19783)]))),
        ("valid_to", Arc::new(Date32Array::from(vec![Some(19783), None]))),
    ]);
    let table = folder.put("owners.parquet", table);
    assert_eq!(
        groups(&sums(&bill, "owner", &[], &[table]).unwrap()),
        ["ann=1", "bob=1"]
    );
}

#[test]
fn a_parquet_bill_takes_texts_too_and_keeps_its_own() {
    let folder = Folder::new();
    let text = |list: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringArray::from(list)) };
    let at = vec![Some("2024-03-01T00:00:00Z"); 4];
    let bill = parquet(vec![
        ("ChargePeriodStart", text(at)),
        (
            "BilledCost",
            text(vec![Some("1"), Some("2"), Some("4"), Some("8")]),
        ),
        ("BillingCurrency", text(vec![Some("USD"); 4])),
        (
            "ResourceId",
            text(vec![Some("i-1"), Some("i-2"), None, Some("i-1")]),
        ),
        ("RegionId", text(vec![Some("bill"), None, None, None])),
    ]);
    let bill = folder.put("bill.parquet", bill);
    let table = folder.put("t.csv", "resource_id,region\ni-1,r-1\ni-2,r-2\n");
    let outcome = sums(&bill, "region_id", &[], &[table]).unwrap();
    assert_eq!(groups(&outcome), ["=4", "bill=1", "r-1=8", "r-2=2"]);
    assert_eq!(outcome.receipt.lookups[0].filled, [("region_id".to_owned(), 2)]);
    assert_eq!(outcome.receipt.lookups[0].without_key, 1);
}

#[test]
fn a_table_may_be_keyed_by_a_tag() {
    let folder = Folder::new();
    let row = |tags: &str| format!("2024-03-01T00:00:00Z,2024-03-02T00:00:00Z,1,USD,i-1,{tags}\n");
    let text = "ChargePeriodStart,ChargePeriodEnd,BilledCost,BillingCurrency,ResourceId,Tags\n".to_owned()
        + &row(r#""{""team"":""a""}""#)
        + &row(r#""{""team"":""b"",""x"":""y""}""#)
        + &row("");
    let bill = folder.put("bill.csv", text);
    let table = folder.put("teams.csv", "team,centre\na,C-1\n");
    let outcome = sums(&bill, "centre", &[], &[format!("{table}:key=tag:team")]).unwrap();
    assert_eq!(groups(&outcome), ["=2", "C-1=1"]);
    let account = &outcome.receipt.lookups[0];
    assert_eq!(
        (account.matched, account.unmatched, account.without_key),
        (1, 1, 1)
    );
}

#[test]
fn facts_and_rows_have_the_dimensions_of_a_table_too() {
    let folder = Folder::new();
    let bill = folder.put("bill.csv", bill(&["i-1", "i-2", "i-1"].map(of)));
    let table = folder.put("t.csv", INVENTORY);
    let options = RunOptions {
        lookups: loaded(&[table]).unwrap(),
        ..RunOptions::default()
    };
    let files = Files::new(vec![bill], options);
    let facts = FactsQuery {
        query: asking("Cost Centre", "total"),
        measures: Vec::new(),
        attributes: vec!["flavour".to_owned()],
    };
    let facts = files.facts(&facts).unwrap();
    let seen: Vec<String> = facts
        .value
        .groups
        .iter()
        .map(|g| format!("{} {} {}", g.keys[0], g.cost, g.attributes[0]))
        .collect();
    assert_eq!(seen, ["C-1 2 4", "C-2 1 8"]);
    assert_eq!(facts.receipt.lookups[0].matched, 3);
}

#[test]
fn sizes_come_from_a_table_where_the_bill_has_none() {
    let folder = Folder::new();
    let bill = folder.put("bill.csv", bill(&["i-1", "i-2", "i-3"].map(of)));
    let table = "resource_id,vCPUs,memory_mb,project\ni-1,4,16 GiB,p\ni-2,8 vCPU,2048,p\ni-3,some,,q\n";
    let options = RunOptions {
        lookups: loaded(&[folder.put("t.csv", table)]).unwrap(),
        ..RunOptions::default()
    };
    let facts = FactsQuery {
        query: asking("project_id", "total"),
        measures: vec!["vcpus".to_owned(), "memory_mb".to_owned()],
        attributes: Vec::new(),
    };
    let facts = Files::new(vec![bill], options).facts(&facts).unwrap();
    let seen: Vec<String> = facts
        .value
        .groups
        .iter()
        .map(|g| {
            let sizes: Vec<String> = g
                .measures
                .iter()
                .map(|m| format!("{} of {}", m.sum, m.n_values))
                .collect();
            format!("{} {}", g.keys[0], sizes.join(", "))
        })
        .collect();
    assert_eq!(seen, ["p 12 of 2, 18432 of 2", "q 0 of 0, 0 of 0"]);
}

#[test]
fn a_dimension_that_no_table_has_is_refused_with_near_names() {
    let folder = Folder::new();
    let bill = folder.put("bill.csv", bill(&[of("i-1")]));
    let table = folder.put("t.csv", INVENTORY);
    let error = sums(&bill, "cost_center", &[], &[table]).unwrap_err();
    assert_eq!(error.kind().code(), "usage");
    assert!(error.hint_text().unwrap().contains("Cost Centre"), "{error}");
}

#[test]
fn a_table_with_a_row_that_cannot_be_read_is_refused_with_its_place() {
    let folder = Folder::new();
    for (text, code, record) in [
        ("resource_id,owner\ni-1,ann\ni-2\n", "csv.fields", Some(2)),
        ("resource_id,owner\ni-1,a\"b\n", "csv.bare_quote", Some(1)),
        ("owner,size\nann,4\n", "lookup.key", None),
        ("resource_id,Owner,owner\n", "schema.dup_column", None),
        ("resource_id,valid_to\ni-1,soon\n", "time.syntax", Some(1)),
        ("", "csv.empty", None),
    ] {
        let table = folder.put("t.csv", text);
        let error = loaded(std::slice::from_ref(&table)).unwrap_err();
        assert_eq!(error.kind().code(), code, "{text:?}: {error}");
        assert_eq!(error.location().record, record, "{text:?}");
        assert_eq!(
            error.location().source.as_deref(),
            Some(table.as_str()),
            "{text:?}"
        );
    }
    assert_eq!(
        loaded(&["-".to_owned()]).unwrap_err().kind().code(),
        "source.type"
    );
    assert_eq!(
        loaded(&["nowhere.csv".to_owned()]).unwrap_err().kind().code(),
        "io"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the tables hold, repeated keys and overlapping dates among it.
    #[test]
    fn no_table_changes_a_sum_or_a_count(
        rows in prop::collection::vec((0..6u8, 0..3u8, -500..500i32, 1..28u8), 0..60),
        table in prop::collection::vec((0..8u8, 0..3u8, 0..3u8, 0..28u8, 0..28u8), 0..20),
        dated in any::<bool>(),
    ) {
        let folder = Folder::new();
        let name = |prefix: &str, n: u8| if n == 0 { String::new() } else { format!("{prefix}-{n}") };
        let row = |(resource, account, cost, day): &(u8, u8, i32, u8)| format!(
            "2024-03-{day:02}T05:00:00Z,,{cost}.25,USD,{},{}\n", name("i", *resource), name("u", *account)
        );
        let text = "ChargePeriodStart,ChargePeriodEnd,BilledCost,BillingCurrency,ResourceId,SubAccountId\n".to_owned()
            + &rows.iter().map(row).collect::<String>();
        let bill = folder.put("bill.csv", text);
        let day = |n: u8| if n == 0 { String::new() } else { format!("2024-03-{n:02}") };
        let mut inventory = format!("resource_id,user_id,centre{}\n", if dated { ",valid_from,valid_to" } else { "" });
        for (resource, account, centre, from, to) in &table {
            inventory += &format!("{},{},{}", name("i", *resource), name("u", *account), name("c", *centre));
            if dated {
                let (from, to) = if *to == 0 { (*from, 0) } else { (*from.min(to), *from.max(to)) };
                inventory += &format!(",{},{}", day(from), day(to));
            }
            inventory.push('\n');
        }
        let inventory = folder.put("inventory.csv", inventory);
        let users = folder.put("users.csv", "user_id,unit\nu-1,A\nu-2,B\n");

        let plain = sums(&bill, "", &[], &[]).unwrap();
        let with = sums(&bill, "user_id,centre,unit", &[], &[inventory.clone(), users.clone()]).unwrap();
        prop_assert_eq!(&with.receipt.cost.used, &plain.receipt.cost.used);
        prop_assert_eq!(with.receipt.rows, plain.receipt.rows);
        let charges: u64 = with.answer.iter().flat_map(|a| a.rows().map(|r| r.charges()).collect::<Vec<_>>()).sum();
        prop_assert_eq!(charges, rows.len() as u64);

        let usd = Currency::parse(b"USD").unwrap();
        // A filter and its opposite part the charges between them.
        let kept = sums(&bill, "", &["centre=c-1"], std::slice::from_ref(&inventory)).unwrap().receipt;
        let rest = sums(&bill, "", &["centre!=c-1"], &[inventory]).unwrap().receipt;
        prop_assert_eq!(kept.rows.used + rest.rows.used, rows.len() as u64);
        // A side without a charge may have a zero, or nothing.
        let dollars = |totals: &Totals| totals.get(usd).copied().unwrap_or(ExactSum::ZERO);
        prop_assert_eq!(dollars(&kept.cost.filtered), dollars(&rest.cost.used));
    }
}
