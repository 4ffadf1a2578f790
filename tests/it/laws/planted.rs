//! Planted bad rows: exactly they are named, each in its place, whatever is asked; and the receipt balances.

use std::sync::{Arc, Mutex};

use billfold_core::dataset::{self, AllowRejects, RunOptions};
use billfold_core::error::Diagnostic;
use billfold_core::money::{Amount, ExactSum, Totals};
use billfold_core::query::ChargeQuery;
use billfold_core::{ErrorClass, ErrorKind};
use billfold_testkit::naive::Metric;
use billfold_testkit::strategies::charges;
use billfold_testkit::{Charge, write_charges};
use proptest::prelude::*;
use proptest::sample::select;

use super::{focus, sound_question};
use crate::asked::{self, Cut};
use crate::support::Folder;

/// What is wrong with a planted row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    Cost(&'static str),
    Start(&'static str),
    End,
    Currency,
    TooFewFields,
    TooManyFields,
    NotUtf8,
}

const FLAWS: [Flaw; 15] = [
    Flaw::Cost("1,20"),
    Flaw::Cost("abc"),
    Flaw::Cost("NaN"),
    Flaw::Cost("$10"),
    Flaw::Cost("0.000000000000000000000000000000000000001"),
    Flaw::Cost("1000000000000000000000000000000000000000"),
    Flaw::Start("T30:00:00Z"),
    Flaw::Start("2024-02-30T00:00:00Z"),
    Flaw::Start(""),
    Flaw::End,
    Flaw::End,
    Flaw::Currency,
    Flaw::TooFewFields,
    Flaw::TooManyFields,
    Flaw::NotUtf8,
];

impl Flaw {
    /// The codes that may stand for it, the column that is named, and whether its cost of 1 USD can be read.
    fn expected(self, metric: Metric) -> (&'static str, Option<&'static str>, bool) {
        let cost = match metric {
            Metric::Effective => "EffectiveCost",
            Metric::Billed => "BilledCost",
            Metric::List => "ListCost",
            Metric::Contracted => "ContractedCost",
        };
        match self {
            Flaw::Cost(text) if text.starts_with("0.") => ("num.scale", Some(cost), false),
            Flaw::Cost(text) if text.starts_with("1000") => ("num.range", Some(cost), false),
            Flaw::Cost(_) => ("num.syntax", Some(cost), false),
            Flaw::Start("") => ("time.missing", Some("ChargePeriodStart"), true),
            Flaw::Start(_) => ("time.syntax", Some("ChargePeriodStart"), true),
            Flaw::End => ("time.order", Some("ChargePeriodEnd"), true),
            Flaw::Currency => ("cur.unknown", Some("BillingCurrency"), false),
            Flaw::TooFewFields | Flaw::TooManyFields => ("csv.fields", None, false),
            // Judged on the whole row, before its cells.
            Flaw::NotUtf8 => ("enc.utf8", None, false),
        }
    }

    /// A row with this flaw and no other under these headers.
    fn row(self, headers: &[&str]) -> Vec<u8> {
        let cell = |header: &&str| -> &[u8] {
            match (*header, self) {
                ("BilledCost" | "EffectiveCost" | "ListCost" | "ContractedCost", Flaw::Cost(text)) => {
                    text.as_bytes()
                }
                ("BilledCost" | "EffectiveCost" | "ListCost" | "ContractedCost", _) => b"1",
                ("ChargePeriodStart", Flaw::Start(text)) => text.as_bytes(),
                ("ChargePeriodEnd", Flaw::End) => b"2024-02-29T23:59:59Z",
                ("ChargePeriodStart" | "BillingPeriodStart", _) => b"2024-03-01T00:00:00Z",
                ("ChargePeriodEnd" | "BillingPeriodEnd", _) => b"2024-04-01T00:00:00Z",
                ("BillingCurrency", Flaw::Currency) => b"US1",
                ("BillingCurrency", _) => b"USD",
                ("ResourceName", Flaw::NotUtf8) => b"caf\xe9",
                // Lines and records differ from here on.
                ("ChargeDescription", _) => b"planted\nover \"two\" lines",
                _ => b"",
            }
        };
        let mut cells: Vec<&[u8]> = headers.iter().map(cell).collect();
        match self {
            Flaw::TooFewFields => cells.truncate(headers.len() - 1),
            Flaw::TooManyFields => cells.push(b"more"),
            _ => {}
        }
        let mut row = Vec::new();
        for (i, cell) in cells.into_iter().enumerate() {
            if i > 0 {
                row.push(b',');
            }
            if cell.iter().any(|b| b",\"\n".contains(b)) {
                row.push(b'"');
                for b in cell {
                    row.extend(std::iter::repeat_n(*b, if *b == b'"' { 2 } else { 1 }));
                }
                row.push(b'"');
            } else {
                row.extend_from_slice(cell);
            }
        }
        row.push(b'\n');
        row
    }
}

/// Cuts a file into its records, line ends with them: a newline ends one where no quote is open.
fn records(file: &[u8]) -> Vec<&[u8]> {
    let mut quoted = false;
    file.split_inclusive(|b| {
        quoted ^= *b == b'"';
        *b == b'\n' && !quoted
    })
    .collect()
}

/// What a rejected row must say of itself.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone)]
struct Named {
    file: String,
    record: u64,
    line: u64,
    code: &'static str,
    column: Option<String>,
}

fn named(diagnostic: &Diagnostic) -> Named {
    let at = &diagnostic.location;
    Named {
        file: at.source.as_deref().unwrap_or_default().to_owned(),
        record: at.record.unwrap(),
        line: at.line.unwrap(),
        code: diagnostic.code,
        column: at.column.as_deref().map(str::to_owned),
    }
}

/// A file of these charges with bad rows after some of its records, and where the bad rows are.
fn planted(clean: &[u8], flaws: &[(usize, Flaw)], metric: Metric, path: &str) -> (Vec<u8>, Vec<Named>, u64) {
    let rows = records(clean);
    let header = std::str::from_utf8(rows[0]).unwrap().trim_end();
    let headers: Vec<&str> = header.split(',').collect();
    let (mut file, mut expected, mut n_readable) = (Vec::new(), Vec::new(), 0);
    let mut record = 0;
    for (i, row) in rows.iter().enumerate() {
        file.extend_from_slice(row);
        // The header is a line and no record.
        record += u64::from(i > 0);
        for (_, flaw) in flaws.iter().filter(|(at, _)| at % rows.len() == i) {
            record += 1;
            let (code, column, readable) = flaw.expected(metric);
            n_readable += u64::from(readable);
            expected.push(Named {
                file: path.to_owned(),
                record,
                line: file.split(|b| *b == b'\n').count() as u64,
                code,
                column: column.map(str::to_owned),
            });
            file.extend(flaw.row(&headers));
        }
    }
    (file, expected, n_readable)
}

fn sum_of<'a>(charges: impl Iterator<Item = &'a Charge>, metric: Metric) -> asked::Money {
    let mut money = asked::Money::new();
    for charge in charges {
        if let Some(cost) = metric.of(charge) {
            let cost = ExactSum::from(Amount::parse(cost.to_string().as_bytes()).unwrap());
            money
                .entry(charge.billing_currency.clone())
                .or_default()
                .add(&cost)
                .unwrap();
        }
    }
    money.retain(|_, sum| !sum.is_zero());
    money
}

fn money(totals: &Totals) -> asked::Money {
    let totals = totals.iter().filter(|(_, sum)| !sum.is_zero());
    totals
        .map(|(currency, sum)| (currency.as_str().to_owned(), *sum))
        .collect()
}

/// All rejected rows, past the few that an outcome shows.
fn run(
    files: &[String],
    query: &ChargeQuery,
    cut: Cut,
    allow: AllowRejects,
) -> (dataset::Outcome, Vec<Diagnostic>) {
    let all = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&all);
    let options = RunOptions {
        allow_rejects: allow,
        on_reject: Some(Box::new(move |diagnostic: &Diagnostic| {
            sink.lock().unwrap().push(diagnostic.clone());
            Ok(())
        })),
        ..cut.options()
    };
    let outcome = dataset::sums(files, query.clone(), options).unwrap();
    let all = std::mem::take(&mut *all.lock().unwrap());
    (outcome, all)
}

fn flaws() -> impl Strategy<Value = Vec<(usize, Flaw)>> {
    prop::collection::vec((0usize..64, select(&FLAWS[..])), 0..6)
}

proptest! {
    #![proptest_config(asked::cases(64))]

    // [P17, P18, P22]
    #[test]
    fn exactly_the_planted_rows_are_named_each_in_its_place_whatever_is_asked(
        bills in prop::collection::vec((charges(10), flaws()), 1..=3),
        metric in select(vec![Metric::Effective, Metric::Billed, Metric::List, Metric::Contracted]),
        questions in prop::collection::vec(sound_question(), 3),
        threads in 1usize..=3,
        chunk_bytes in select(vec![1usize, 64, 512, 5000, 1 << 20]),
    ) {
        let folder = Folder::new();
        let (mut clean_files, mut files, mut expected, mut n_readable) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for (i, (charges, flaws)) in bills.iter().enumerate() {
            let mut clean = Vec::new();
            write_charges(charges, &focus(), &mut clean).unwrap();
            let path = folder.path().join(format!("bill-{i}.csv")).display().to_string();
            let (file, named, readable) = planted(&clean, flaws, metric, &path);
            files.push(folder.put(&format!("bill-{i}.csv"), file));
            clean_files.push(folder.put(&format!("clean-{i}.csv"), clean));
            expected.extend(named);
            n_readable += readable;
        }
        let rows = || bills.iter().flat_map(|(charges, _)| charges);
        let good = sum_of(rows(), metric);
        for mut question in questions {
            question.metric = metric;
            let query = asked::query(&question);
            let (outcome, rejects) = run(&files, &query, Cut { threads, chunk_bytes }, AllowRejects::All);
            let found: Vec<Named> = rejects.iter().map(named).collect();
            prop_assert_eq!(&found, &expected);
            prop_assert!(outcome.rejects.iter().eq(rejects.iter().take(dataset::Outcome::SHOWN_REJECTS)));

            let receipt = &outcome.receipt;
            let n = receipt.rows;
            prop_assert_eq!(n.read, (rows().count() + expected.len()) as u64);
            prop_assert_eq!(n.rejected, expected.len() as u64);
            prop_assert_eq!(n.read, n.used + n.filtered + n.outside_window + n.rejected);
            let mut of_rejected = asked::Money::new();
            for _ in 0..n_readable {
                of_rejected.entry("USD".to_owned()).or_default().add_amount(Amount::parse(b"1").unwrap()).unwrap();
            }
            let cost = &receipt.cost;
            prop_assert_eq!(money(&cost.rejected), of_rejected.clone());
            prop_assert_eq!(money(&cost.read), asked::plus(of_rejected, &good));
            let kept = asked::plus(asked::plus(money(&cost.used), &money(&cost.filtered)), &money(&cost.outside_window));
            prop_assert_eq!(&kept, &good);
            let per_file: u64 = receipt.sources.iter().map(|source| source.rows_read).sum();
            prop_assert_eq!(per_file, n.read);

            // Without the bad rows the bill says the same.
            let clean = asked::outcome(&clean_files, &query, Cut::NONE).receipt;
            prop_assert_eq!(&clean.answer_sha256, &receipt.answer_sha256);
            prop_assert_eq!(clean.rows.used, n.used);
            prop_assert_eq!(clean.rows.filtered, n.filtered);
            prop_assert_eq!(clean.rows.outside_window, n.outside_window);

            // One bad row that was not allowed for costs the answer, and the account says so all the same.
            let (strict, again) = run(&files, &query, Cut { threads, chunk_bytes }, AllowRejects::None);
            prop_assert_eq!(again, rejects);
            prop_assert_eq!(strict.answer.is_some(), expected.is_empty());
            if let Some(error) = strict.error() {
                prop_assert_eq!(error.kind().class(), ErrorClass::Rejected);
                let counts = ErrorKind::RowsRejected { n_rejected: n.rejected, n_read: n.read };
                prop_assert_eq!(error.kind(), &counts);
                prop_assert_eq!(strict.receipt.rows, n);
                prop_assert!(strict.receipt.answer_sha256.is_empty());
            }
        }
    }
}

#[test]
fn the_records_of_a_file_are_cut_where_no_quote_is_open() {
    let file = b"a,b\n\"x\ny\",1\nz,\"\"\"\n\"\n";
    let cut = records(file);
    assert_eq!(cut, [&b"a,b\n"[..], b"\"x\ny\",1\n", b"z,\"\"\"\n\"\n"]);
}
