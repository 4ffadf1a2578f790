//! Groups past the memory given go to disk, and no answer shows it: not its bytes, not its totals, not the
//! errors; and the memory is kept to.

use std::fs::OpenOptions;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use billfold_core::dataset::{self, Outcome, RunOptions};
use billfold_core::engine::{Answer, Memory};
use billfold_core::query::{ChargeQuery, Order, OrderBy};
use billfold_core::time::Granularity;
use billfold_testkit::naive::Question;
use billfold_testkit::strategies::{charges, question};
use billfold_testkit::{BillSpec, Carrier, Charge, Format, OutputSpec, write_bill};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::asked::{self, Cut};
use crate::support::{Folder, asking, bill, child, command, parent};

/// So many bytes, with temporary files in the folder.
fn memory(bytes: u64, folder: &Folder) -> Memory {
    let place = folder.path().to_owned();
    let next = AtomicU32::new(0);
    Memory {
        bytes,
        temp: Arc::new(move || {
            let path = place.join(format!("run-{}.tmp", next.fetch_add(1, Ordering::Relaxed)));
            let mut open = OpenOptions::new();
            let file = open.read(true).write(true).create_new(true).open(&path).unwrap();
            std::fs::remove_file(path).unwrap();
            Ok(file)
        }),
    }
}

fn within(bytes: u64, folder: &Folder, cut: Cut) -> RunOptions<'static> {
    RunOptions {
        memory: Some(memory(bytes, folder)),
        ..cut.options()
    }
}

/// The answer, wherever its groups are.
fn whole(outcome: &Outcome) -> Answer {
    match (&outcome.answer, &outcome.stored) {
        (Some(answer), None) => answer.clone(),
        (None, Some(stored)) => {
            let answer = stored.load().unwrap();
            assert_eq!(answer.len() as u64, stored.len());
            answer
        }
        _ => panic!("one answer, in memory or on disk"),
    }
}

/// What a question asks of its groups beyond the oracle's words.
#[derive(Debug, Clone)]
struct Ending {
    order: Order,
    top: Option<usize>,
    offset: usize,
    limit: Option<usize>,
    fill: bool,
}

fn ending() -> impl Strategy<Value = Ending> {
    let by = prop::sample::select(vec![
        OrderBy::Key,
        OrderBy::Cost,
        OrderBy::Charges,
        OrderBy::Period,
    ]);
    let offset = prop_oneof![2 => Just(0usize), 1 => 0usize..6];
    let limit = prop::option::weighted(0.3, 0usize..8);
    let top = prop::option::weighted(0.4, 1usize..4);
    (by, any::<bool>(), top, offset, limit, any::<bool>()).prop_map(
        |(by, descending, top, offset, limit, fill)| Ending {
            order: Order { by, descending },
            top,
            offset,
            limit,
            fill,
        },
    )
}

impl Ending {
    fn put(&self, mut query: ChargeQuery) -> ChargeQuery {
        query.order = self.order;
        query.top = self.top.filter(|_| !query.by.is_empty());
        query.offset = self.offset;
        query.limit = self.limit;
        // Years of hours, filled in for every group, would be a test of patience.
        query.fill = self.fill && query.granularity != Granularity::Hourly;
        query
    }
}

fn agree(charges: &[Charge], questions: &[(Question, Ending)], cut: Cut, bytes: u64) -> TestCaseResult {
    let folder = Folder::new();
    let files = [asked::put(
        &folder,
        "bill",
        charges,
        &OutputSpec::new(Format::Focus12, Carrier::Csv),
    )];
    for (question, ending) in questions {
        if asked::contradicts_itself(question) {
            continue;
        }
        let query = ending.put(asked::query(question));
        let expected = dataset::sums(&files, query.clone(), cut.options());
        let found = dataset::sums(&files, query.clone(), within(bytes, &folder, cut));
        let (expected, found) = match (expected, found) {
            (Ok(expected), Ok(found)) => (expected, found),
            // A window of a thousand years has no hours to fill in, in memory or not.
            (Err(expected), Err(found)) => {
                prop_assert_eq!(expected.kind().code(), found.kind().code());
                continue;
            }
            (expected, found) => {
                return Err(TestCaseError::fail(format!(
                    "{query:?}: {:?}, {:?}",
                    expected.err(),
                    found.err()
                )));
            }
        };
        prop_assert_eq!(
            &found.receipt.answer_sha256,
            &expected.receipt.answer_sha256,
            "{:?}",
            query
        );
        let (expected_answer, answer) = (whole(&expected), whole(&found));
        prop_assert_eq!(
            asked::lines(&answer),
            asked::lines(&expected_answer),
            "{:?}",
            query
        );
        prop_assert_eq!(answer.n_groups, expected_answer.n_groups, "{:?}", query);
        prop_assert_eq!(answer.n_charges, expected_answer.n_charges);
        prop_assert_eq!(&answer.totals, &expected_answer.totals);
        prop_assert_eq!(&answer.periods, &expected_answer.periods);
        prop_assert_eq!(&answer.currencies, &expected_answer.currencies);
        prop_assert_eq!(&found.receipt.cost, &expected.receipt.cost);
        prop_assert_eq!(found.receipt.rows, expected.receipt.rows);
        for (a, b) in answer.rows().zip(expected_answer.rows()) {
            prop_assert_eq!(a.is_others(), b.is_others(), "{:?}", query);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(asked::cases(64))]

    #[test]
    fn an_answer_from_disk_is_the_answer_from_memory(
        charges in charges(24),
        questions in prop::collection::vec((question(), ending()), 4),
        threads in 1usize..=3,
        chunk_bytes in prop_oneof![Just(64usize), Just(1024), Just(1 << 20)],
        bytes in prop_oneof![Just(0u64), 1u64..1 << 12, 1u64 << 12..1 << 16],
    ) {
        agree(&charges, &questions, Cut { threads, chunk_bytes }, bytes)?;
    }
}

/// A seeded bill of many groups.
fn many(rows: u64, resources: u32) -> Vec<u8> {
    let spec = BillSpec {
        rows,
        resources,
        ..BillSpec::new(7)
    };
    let mut bytes = Vec::new();
    write_bill(&spec, &OutputSpec::new(Format::Focus12, Carrier::Csv), &mut bytes).unwrap();
    bytes
}

#[test]
fn every_file_of_an_answer_is_the_same_from_disk() {
    let folder = Folder::new();
    let path = folder.put("bill.csv", many(3000, 900));
    let temp = folder.path().join("temp");
    std::fs::create_dir(&temp).unwrap();
    for question in [
        "--by resource_id,zone_id --duration daily",
        "--by resource_id --duration daily --sort -cost",
        "--by tag_id --duration weekly --top 3 --fill",
        "--by service_name --duration monthly --allocate prorate --sort -key --limit 7",
    ] {
        for format in ["csv", "csv --csv spreadsheet", "json", "ndjson", "parquet"] {
            let run = |memory: &str| {
                let out = folder.path().join("answer");
                let args = format!(
                    "sums {{}} {question} --format {format} --force --output {} --temp {} --memory {memory}",
                    out.display(),
                    temp.display()
                );
                let ran = command(&args, &path);
                assert_eq!(ran.exit, 0, "{args}: {}", ran.stderr);
                (std::fs::read(out).unwrap(), ran.stderr)
            };
            assert!(run("0") == run("1GiB"), "{question} --format {format}");
        }
    }
    assert_eq!(std::fs::read_dir(&temp).unwrap().count(), 0, "temporary files");
}

#[test]
fn a_table_of_more_groups_than_the_memory_holds_is_refused() {
    let folder = Folder::new();
    let path = folder.put("bill.csv", many(50, 20));
    for format in ["table", "arrow", "api"] {
        let args = format!("sums {{}} --by resource_id --memory 0 --format {format} --output -");
        let ran = command(&args, &path);
        assert_eq!(ran.exit, 7, "{}", ran.stderr);
        assert!(
            ran.stderr.contains("error[limit.memory]") && ran.stderr.contains("--memory"),
            "{}",
            ran.stderr
        );
    }
    let bad = command("sums {} --memory lots", &path);
    assert_eq!(bad.exit, 2, "{}", bad.stderr);
    let nowhere = command("sums {} --temp /nowhere/at/all", &path);
    assert_eq!(nowhere.exit, 2, "{}", nowhere.stderr);
}

#[test]
fn a_sum_that_leaves_256_bits_names_its_group_from_disk_too() {
    let folder = Folder::new();
    // Others balance the group, so that nothing but its own sum leaves the range.
    let row = |resource: &str, cost: &str| {
        format!("2024-03-01T00:00:00Z,2024-03-02T00:00:00Z,{cost},USD,{resource}")
    };
    let nines = "9".repeat(38);
    let mut rows = vec![row("large", "0.00000000000000000000000000000000000001")];
    for i in 0..12 {
        rows.push(row("large", &nines));
        rows.push(row(&format!("other-{}", i / 2), &format!("-{nines}")));
    }
    let files = [folder.put("bill.csv", bill(&rows))];
    let query = asking("resource_id", "daily");
    let cut = Cut {
        threads: 2,
        chunk_bytes: 64,
    };
    let expected = dataset::sums(&files, query.clone(), cut.options()).unwrap_err();
    let found = dataset::sums(&files, query, within(0, &folder, cut)).unwrap_err();
    assert_eq!(expected.kind().code(), "num.overflow");
    assert!(
        expected
            .to_string()
            .contains("resource_id=large, 2024-03-01, USD"),
        "{expected}"
    );
    assert_eq!(found.to_string(), expected.to_string());
}

#[test]
fn a_folder_that_takes_no_files_is_an_error_of_the_machine() {
    let folder = Folder::new();
    let files = [folder.put("bill.csv", many(50, 20))];
    let options = RunOptions {
        memory: Some(Memory {
            bytes: 0,
            temp: Arc::new(|| {
                let full = std::io::ErrorKind::StorageFull.into();
                Err(billfold_core::Error::io("a temporary file cannot be made", &full))
            }),
        }),
        ..RunOptions::default()
    };
    let error = dataset::sums(&files, asking("resource_id", "daily"), options).unwrap_err();
    assert_eq!(error.kind().code(), "io");
}

/// What the process took up at its largest, in MiB.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? >> 10)
}

/// Rows of one charge each, every one a group of its own.
fn distinct(n: u32) -> String {
    let row = |i: u32| {
        format!(
            "2024-03-{:02}T00:00:00Z,,0.{:06},USD,i-{:08x}-of-a-fleet",
            1 + i % 28,
            i % 999_983,
            i.wrapping_mul(2_654_435_761)
        )
    };
    bill(&(0..n).map(row).collect::<Vec<_>>())
}

/// Groups of the memory test.
const MANY: u32 = 300_000;

#[test]
#[ignore = "runs as a process of its own, begun by the test below"]
fn many_groups_child() {
    child(|path| {
        let folder = Folder::new();
        let memory = memory(16 << 20, &folder);
        let options = RunOptions {
            threads: Some(2),
            memory: Some(memory),
            ..RunOptions::default()
        };
        let outcome = dataset::sums(&[path], asking("resource_id", "daily"), options).unwrap();
        let n_groups = outcome.stored.map_or(0, |stored| stored.len());
        let peak = peak_mib().map_or_else(String::new, |peak| peak.to_string());
        format!("{n_groups} {} {peak}", outcome.receipt.answer_sha256)
    });
}

#[test]
fn many_groups_stay_within_the_memory_given() {
    let text = distinct(MANY);
    let said = parent("spill::many_groups_child", &text, "", &[]);
    let words: Vec<&str> = said.split(' ').collect();
    assert_eq!(words[0], MANY.to_string());
    // In memory these groups take up some 60 MiB.
    if let Ok(peak) = words[2].parse::<u64>() {
        assert!(peak <= 48, "{peak} MiB");
    }
    let folder = Folder::new();
    let files = [folder.put("bill.csv", text)];
    let outcome = asked::outcome(&files, &asking("resource_id", "daily"), Cut::SMALL);
    assert_eq!(words[1], outcome.receipt.answer_sha256);
}
