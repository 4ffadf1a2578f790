//! Catalogue J: size and memory.

use billfold_core::dataset::{self, RunOptions};
use billfold_core::query::{Condition, Filter};

use crate::support::{Folder, HEADER, ask, asking, bill, costing, of};

const MIB: usize = 1 << 20;

#[test]
fn j01_a_field_of_more_than_a_mebibyte_rejects_its_row() {
    let long = "x".repeat(MIB);
    let text = bill(&[of(&long), of(&format!("{long}x")), costing("1")]);
    let outcome = ask(&text).gives("USD 2 of 2; 2:3 limit.field");
    assert!(
        outcome.rejects[0].expected.contains("1048576"),
        "{}",
        outcome.rejects[0].expected
    );
    // Also in a column that the question does not read, and in JSON.
    let line = |id: &str| {
        format!(
            "{{\"ChargePeriodStart\":\"2024-03-01\",\"BillingCurrency\":\"USD\",\"BilledCost\":1,\"Id\":\"{id}\"}}\n"
        )
    };
    ask(&[line("a"), line(&format!("{long}x"))].concat())
        .named("bill.ndjson")
        .gives("USD 1 of 1; 2:2 limit.field");
}

#[test]
fn j01_a_line_that_never_ends_is_refused() {
    let mut text = bill(&[costing("1")]).into_bytes();
    text.resize(17 * MIB, b'x');
    let folder = Folder::new();
    let path = folder.put("bill.csv", &text);
    let error = dataset::sums(&[path], asking("", "total"), RunOptions::default()).unwrap_err();
    assert_eq!(crate::support::failed(&error), "limit limit.record");
    let path = folder.put("header.csv", vec![b'x'; 17 * MIB]);
    let error = dataset::sums(&[path], asking("", "total"), RunOptions::default()).unwrap_err();
    assert_eq!(crate::support::failed(&error), "limit limit.record");
    // What is no header is not shown in full.
    ask(&"x".repeat(MIB)).fails("file schema.header", &["xxx…"]);
}

#[test]
fn j02_more_than_4096_columns_are_refused() {
    let columns = |n: usize| (0..n).fold(String::new(), |text, i| text + ",x" + &i.to_string());
    let text = |n: usize| format!("{HEADER}{}\n2024-03-01,,1,USD,i-1{}\n", columns(n), ",".repeat(n));
    ask(&text(4091)).gives("USD 1 of 1");
    ask(&text(4092)).fails("limit limit.columns", &["4097", "4096"]);
    ask(&text(100_000)).fails("limit limit.columns", &[]);
}

#[test]
fn j07_tags_beyond_all_use_neither_overflow_nor_panic() {
    let with = |tags: &str| {
        let quoted = tags.replace('"', "\"\"");
        format!("{HEADER},Tags\n2024-03-01,,1,USD,i-1,\"{quoted}\"\n")
    };
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let outcome = ask(&with(&deep)).by("tag_id").run().unwrap();
    assert_eq!(outcome.receipt.rows.used, 1);
    assert_eq!(outcome.answer.unwrap().totals.iter().count(), 1);
    let many: Vec<String> = (0..50_000).map(|i| format!("\"k{i}\":\"v\"")).collect();
    let many = format!("{{{}}}", many.join(","));
    assert!(many.len() < MIB);
    let outcome = ask(&with(&many)).by("tag_id").run().unwrap();
    let answer = outcome.answer.unwrap();
    assert_eq!(answer.len(), 50_000);
    assert_eq!(crate::support::money(&answer.totals), "USD 1");
    let nested = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    ask(&nested)
        .named("bill.json")
        .fails("limit limit.depth", &["128"]);
}

#[test]
fn j08_every_row_may_have_its_own_day_and_resource() {
    let rows: Vec<String> = (0..3000)
        .map(|i| {
            let (year, month, day) = (1990 + i / 300, i / 25 % 12 + 1, i % 25 + 1);
            format!("{year}-{month:02}-{day:02},,0.01,USD,i-{i}")
        })
        .collect();
    let outcome = ask(&bill(&rows))
        .query(asking("resource_id", "daily"))
        .run()
        .unwrap();
    let answer = outcome.answer.unwrap();
    assert_eq!(answer.len(), 3000);
    assert_eq!(crate::support::money(&answer.totals), "USD 30");
}

#[test]
fn j10_any_number_of_threads_answers_alike() {
    let folder = Folder::new();
    let path = folder.put("bill.csv", bill(&[of("a"), of("b"), of("a")]));
    let answer = |threads: usize| {
        let options = RunOptions {
            threads: Some(threads),
            ..RunOptions::default()
        };
        let outcome = dataset::sums(
            std::slice::from_ref(&path),
            asking("resource_id", "daily"),
            options,
        );
        outcome.unwrap().receipt.answer_sha256
    };
    let one = answer(1);
    for threads in [0, 2, 1000] {
        assert_eq!(answer(threads), one, "{threads} threads");
    }
}

#[test]
fn j12_a_pattern_in_a_filter_is_plain_text() {
    let rows = ["(a+)+$", "aaaa", "a.c", "abc", "%_*?"].map(of);
    for (pattern, expected) in [
        ("resource_id~(a+)+$", "USD 1 of 1: (a+)+$=1"),
        ("resource_id~a.c", "USD 1 of 1: a.c=1"),
        ("resource_id~%_*?", "USD 1 of 1: %_*?=1"),
        ("resource_id~(a{1000}){1000}", "nothing of 0:"),
    ] {
        let mut query = asking("resource_id", "total");
        query.filter = Filter::new([Condition::parse(pattern).unwrap()]);
        ask(&bill(&rows)).query(query).gives(expected);
    }
}
