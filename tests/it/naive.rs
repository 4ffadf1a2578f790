//! The engine agrees with the slow exact oracle, on random bills and random questions, in every field.
//!
//! The oracle shares no code with the engine. Bills go through files, so that reading is judged as well;
//! chunks are of about a row and workers are few, so that cutting and merging are judged with them.

use std::collections::BTreeMap;

use billfold_core::ErrorClass;
use billfold_core::dataset;
use billfold_testkit::naive::{self, Metric, Question};
use billfold_testkit::output::carried;
use billfold_testkit::strategies::{charges, question};
use billfold_testkit::{Carrier, Charge, Format, LineEnd, Numbers, OutputSpec, Quoting};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::asked::{self, Cut};
use crate::support::{Folder, failed};

/// Questions that one bill is asked.
const QUESTIONS: usize = 8;

/// A text carrier with habits of its own: FOCUS mostly, which can say the most.
fn output() -> impl Strategy<Value = OutputSpec> {
    let format = prop_oneof![
        5 => Just(Format::Focus12),
        1 => Just(Format::Focus10),
        1 => Just(Format::Focus14),
        2 => Just(Format::QingcloudRecords),
        1 => Just(Format::AwsCur20),
        1 => Just(Format::AwsCurLegacy),
    ];
    let habits = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (format, prop::bool::weighted(0.8), habits).prop_map(|(format, csv, habits)| {
        let carrier = if csv { Carrier::Csv } else { Carrier::Ndjson };
        OutputSpec {
            quoting: if habits.0 { Quoting::All } else { Quoting::Minimal },
            line_end: if habits.1 { LineEnd::Crlf } else { LineEnd::Lf },
            numbers: if habits.2 {
                Numbers::Exponent
            } else {
                Numbers::Plain
            },
            bom: habits.3 && csv,
            ..OutputSpec::new(format, carrier)
        }
    })
}

fn cut() -> impl Strategy<Value = Cut> {
    let chunk_bytes = prop_oneof![Just(512usize), Just(64), Just(4096), Just(1 << 20)];
    (1usize..=3, chunk_bytes).prop_map(|(threads, chunk_bytes)| Cut { threads, chunk_bytes })
}

/// Words that a format writes in its own way or not at all, while the oracle knows only those of FOCUS.
const FOCUS_WORDS: [&str; 4] = ["charge_category", "charge_class", "pricing_category", "provider"];

/// Leaves out what a format says in other words, and costs that it lacks: a file without the metric's column
/// is refused, which is another test's matter.
fn asks_for_what_is_there(question: &mut Question, format: Format) {
    if matches!(format, Format::Focus10 | Format::Focus12 | Format::Focus14) {
        return;
    }
    let common = |name: &str| !FOCUS_WORDS.contains(&name);
    question.by.retain(|name| common(name));
    question.filters.retain(|filter| common(&filter.dimension));
    if matches!(question.metric, Metric::List | Metric::Contracted) {
        question.metric = Metric::Effective;
    }
}

fn agree(
    charges: &[Charge],
    questions: &[Question],
    output: &OutputSpec,
    cut: Cut,
    n_files: usize,
) -> TestCaseResult {
    let folder = Folder::new();
    let per_file = charges.len().div_ceil(n_files).max(1);
    let mut parts: Vec<&[Charge]> = charges.chunks(per_file).collect();
    if parts.is_empty() && output.carrier == Carrier::Csv {
        // A header alone is a bill; a JSON file of nothing is an empty file, which is refused.
        parts.push(&[]);
    }
    if parts.is_empty() {
        return Ok(());
    }
    let files: Vec<String> = parts
        .iter()
        .enumerate()
        .map(|(i, part)| asked::put(&folder, &format!("bill-{i}"), part, output))
        .collect();
    let mut known: Vec<Charge> = charges.iter().map(|c| carried(c, output)).collect();
    if output.format == Format::QingcloudRecords {
        // A record has no billing period; what the billing clock looks at is when it was deducted.
        for charge in &mut known {
            charge.billing_start = charge.charge_start;
        }
    }
    for question in questions {
        let mut question = question.clone();
        asks_for_what_is_there(&mut question, output.format);
        let query = asked::query(&question);
        let run = dataset::sums(&files, query, cut.options());
        if asked::contradicts_itself(&question) {
            let error = run.map(|_| ()).unwrap_err();
            prop_assert_eq!(error.kind().class(), ErrorClass::Usage, "{}", failed(&error));
            continue;
        }
        let outcome =
            run.map_err(|e| TestCaseError::fail(format!("{question:?}: {e} {:?}", e.hint_text())))?;
        prop_assert!(outcome.answer.is_some(), "{:#?}", outcome.rejects);
        let answer = outcome.answer.unwrap();
        let expected = naive::answer(&known, &question);
        prop_assert_eq!(asked::lines(&answer), expected, "{:?}", question);
        // Each charge once, whatever the grouping; a currency is there when a charge of it counts, also at zero.
        let stated: BTreeMap<String, String> = answer
            .totals
            .iter()
            .map(|(currency, sum)| (String::from(currency.as_str()), sum.to_string()))
            .collect();
        prop_assert_eq!(stated, naive::totals(&known, &question), "{:?}", question);
        prop_assert_eq!(answer.n_groups, answer.len() as u64);
        prop_assert_eq!(answer.n_charges, outcome.receipt.rows.used);
        prop_assert_eq!(outcome.receipt.rows.read, known.len() as u64);
    }
    Ok(())
}

proptest! {
    #![proptest_config(asked::cases(256))]

    #[test]
    fn every_answer_agrees_with_the_oracle(
        charges in charges(24),
        questions in prop::collection::vec(question(), QUESTIONS),
        output in output(),
        cut in cut(),
        n_files in 1usize..=3,
    ) {
        agree(&charges, &questions, &output, cut, n_files)?;
    }
}
