//! The same rows give the same bytes, whatever carries them (P19): text in any dress, packed or not, JSON, Parquet.
//!
//! Answers are compared by the hash of their canonical form. Not here: what the right answer is (`naive`).

use std::io::Write as _;

use arrow::array::RecordBatch;
use billfold_core::dataset::{self, RunOptions};
use billfold_core::query::{Allocation, ChargeQuery, Clock, CostMetric};
use billfold_core::time::Window;
use billfold_testkit::naive::{Metric, Question};
use billfold_testkit::output::carried;
use billfold_testkit::strategies::{narrow_charges, question, time};
use billfold_testkit::{
    Carrier, Charge, ColumnTypes, Compression, Decimal, Format, LineEnd, Nulls, Numbers, OutputSpec, Quoting,
    TimeShape, instant, write_charges,
};
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::asked::{self, Cut};
use crate::support::Folder;

/// A carrier and its options, each `option=value` as [`OutputSpec::set`] reads them.
fn spec(format: Format, carrier: Carrier, options: &str) -> OutputSpec {
    let mut spec = OutputSpec::new(format, carrier);
    for option in options.split_whitespace() {
        let (name, value) = option.split_once('=').unwrap();
        spec.set(name, value).unwrap();
    }
    spec
}

/// Every dress of text that a row can wear.
const TEXTS: [(Carrier, &str); 14] = [
    (Carrier::Csv, "quoting=all"),
    (Carrier::Csv, "line-end=crlf"),
    (Carrier::Csv, "bom=yes"),
    (Carrier::Csv, "bom=yes quoting=all line-end=crlf"),
    (Carrier::Csv, "shuffle=7"),
    (Carrier::Csv, "shuffle=8 quoting=all"),
    (Carrier::Csv, "compression=gzip"),
    (Carrier::Csv, "compression=gzip-multi"),
    (Carrier::Csv, "compression=zstd"),
    (Carrier::Csv, "time=offset numbers=exponent nulls=NULL"),
    (Carrier::Csv, "time=minute"),
    (Carrier::Ndjson, "shuffle=3"),
    (Carrier::Ndjson, "compression=gzip numbers=exponent"),
    (Carrier::Json, ""),
];

/// Parquet with exact types, which carry the rows unchanged.
const PARQUETS: [&str; 8] = [
    "compression=snappy",
    "compression=none dictionary=no",
    "compression=zstd row-group=3",
    "compression=gzip row-group=1",
    "compression=lz4_raw",
    "compression=lz4_raw dictionary=no row-group=2",
    "compression=snappy dictionary=no row-group=5 shuffle=9",
    "compression=zstd shuffle=4",
];

fn hash(file: &str, query: &ChargeQuery, cut: Cut) -> String {
    let hash = asked::outcome(&[file.to_owned()], query, cut)
        .receipt
        .answer_sha256;
    assert_eq!(hash.len(), 64);
    hash
}

/// The questions that a test asks: those that do not contradict themselves, of costs that the format has.
fn queries(questions: &[Question], format: Format) -> Vec<ChargeQuery> {
    let has_all = matches!(format, Format::Focus10 | Format::Focus12 | Format::Focus14);
    questions
        .iter()
        .filter(|q| !asked::contradicts_itself(q))
        .filter(|q| has_all || matches!(q.metric, Metric::Effective | Metric::Billed))
        .map(asked::query)
        .collect()
}

/// Writes the rows in every dress and compares all answers with those of plain CSV.
fn same(
    charges: &[Charge],
    format: Format,
    dresses: &[OutputSpec],
    queries: &[ChargeQuery],
) -> TestCaseResult {
    let folder = Folder::new();
    let plain = asked::put(&folder, "plain", charges, &spec(format, Carrier::Csv, ""));
    let expected: Vec<String> = queries.iter().map(|q| hash(&plain, q, Cut::NONE)).collect();
    for (i, dress) in dresses.iter().enumerate() {
        let file = asked::put(&folder, &format!("dress-{i}"), charges, dress);
        for (query, expected) in queries.iter().zip(&expected) {
            prop_assert_eq!(
                &hash(&file, query, Cut::SMALL),
                expected,
                "{:?}\n{:?}",
                dress,
                query
            );
        }
    }
    Ok(())
}

fn texts(format: Format) -> Vec<OutputSpec> {
    TEXTS
        .iter()
        .map(|(carrier, options)| spec(format, *carrier, options))
        .collect()
}

fn some(charges: impl Strategy<Value = Vec<Charge>>) -> impl Strategy<Value = Vec<Charge>> {
    charges.prop_filter("a JSON file without a row is an empty file", |c| !c.is_empty())
}

proptest! {
    #![proptest_config(asked::cases(16))]

    #[test]
    fn every_text_carrier_of_focus_rows_gives_the_same_bytes(
        charges in some(narrow_charges(20)),
        questions in prop::collection::vec(question(), 4),
        format in prop::sample::select(vec![Format::Focus10, Format::Focus12, Format::Focus14]),
    ) {
        same(&charges, format, &texts(format), &queries(&questions, format))?;
    }

    #[test]
    fn members_and_frames_cut_anywhere_give_the_bytes_of_the_plain_file(
        charges in narrow_charges(20),
        questions in prop::collection::vec(question(), 3),
        mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        carrier in prop::sample::select(vec![Carrier::Csv, Carrier::Ndjson]),
    ) {
        let mut plain = Vec::new();
        write_charges(&charges, &OutputSpec::new(Format::Focus12, carrier), &mut plain).unwrap();
        prop_assume!(!plain.is_empty());
        // A member may end inside a line, a quote or a character, and may be empty.
        cuts.sort_by_key(|cut| cut.index(plain.len()));
        let edges: Vec<usize> = cuts.iter().map(|cut| cut.index(plain.len())).collect();
        let starts = std::iter::once(0).chain(edges.iter().copied());
        let ends = edges.iter().copied().chain([plain.len()]);
        let (mut gzip, mut zstd) = (Vec::new(), Vec::new());
        for (start, end) in starts.zip(ends) {
            let mut member = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            member.write_all(&plain[start..end]).unwrap();
            gzip.extend(member.finish().unwrap());
            zstd.extend(zstd::encode_all(&plain[start..end], 1).unwrap());
        }
        let folder = Folder::new();
        let name = format!("bill.{carrier}");
        let (gzip, zstd) = (folder.put(&format!("{name}.gz"), gzip), folder.put(&format!("{name}.zst"), zstd));
        let plain = folder.put(&name, plain);
        for query in queries(&questions, Format::Focus12) {
            let expected = hash(&plain, &query, Cut::NONE);
            prop_assert_eq!(&hash(&gzip, &query, Cut::SMALL), &expected, "gzip, {:?}", edges);
            prop_assert_eq!(&hash(&zstd, &query, Cut::SMALL), &expected, "zstd, {:?}", edges);
        }
    }

    #[test]
    fn every_text_carrier_of_charge_records_gives_the_same_bytes(
        charges in some(narrow_charges(20)),
        questions in prop::collection::vec(question(), 4),
    ) {
        // The document is the whole answer of GetChargeRecords, its records below `charge_record_set`.
        let format = Format::QingcloudRecords;
        same(&charges, format, &texts(format), &queries(&questions, format))?;
    }

    #[test]
    fn every_parquet_of_exact_types_gives_the_bytes_of_csv(
        charges in some(narrow_charges(20)),
        questions in prop::collection::vec(question(), 5),
        format in prop::sample::select(vec![Format::Focus10, Format::Focus12, Format::Focus14]),
    ) {
        let dresses: Vec<OutputSpec> =
            PARQUETS.iter().map(|options| spec(format, Carrier::Parquet, options)).collect();
        same(&charges, format, &dresses, &queries(&questions, format))?;
    }

    #[test]
    fn a_parquet_of_doubles_gives_the_bytes_of_csv_with_the_decimals_that_the_doubles_print(
        charges in some(narrow_charges(20)),
        questions in prop::collection::vec(question(), 5),
        dictionary in any::<bool>(),
        row_group_rows in 1usize..8,
    ) {
        // Loose types: doubles, zone-less milliseconds, tags as JSON text.
        let format = Format::Focus12;
        let loose = OutputSpec {
            types: ColumnTypes::Double,
            dictionary,
            row_group_rows,
            ..OutputSpec::new(format, Carrier::Parquet)
        };
        let known: Vec<Charge> = charges.iter().map(|c| carried(c, &loose)).collect();
        let folder = Folder::new();
        let doubles = asked::put(&folder, "doubles", &charges, &loose);
        let plain = asked::put(&folder, "plain", &known, &OutputSpec::new(format, Carrier::Csv));
        for query in queries(&questions, format) {
            prop_assert_eq!(hash(&doubles, &query, Cut::SMALL), hash(&plain, &query, Cut::NONE), "{:?}", query);
        }
    }

    #[test]
    fn charge_records_in_parquet_and_csv_give_the_same_bytes(
        charges in some(narrow_charges(20)),
        questions in prop::collection::vec(question(), 5),
    ) {
        let format = Format::QingcloudRecords;
        let parquet = spec(format, Carrier::Parquet, "compression=zstd row-group=4");
        same(&charges, format, &[parquet], &queries(&questions, format))?;
    }

    #[test]
    fn row_groups_outside_the_window_are_skipped_and_nothing_else_changes(
        mut charges in narrow_charges(40).prop_filter("several row groups", |c| c.len() > 6),
        questions in prop::collection::vec(question(), 4),
        rows in 1usize..4,
        bounds in (time(), time()),
        cut_at_a_row in any::<bool>(),
    ) {
        charges.sort_by_key(|c| c.charge_start);
        let folder = Folder::new();
        let plain = asked::put(&folder, "plain", &charges, &OutputSpec::new(Format::Focus12, Carrier::Csv));
        let groups = OutputSpec { row_group_rows: rows, ..OutputSpec::new(Format::Focus12, Carrier::Parquet) };
        let groups = asked::put(&folder, "groups", &charges, &groups);
        let pages = in_pages(&folder, &groups, rows);
        // A window that begins or ends exactly where a row does is where an edge would be off by one.
        let middle = charges[charges.len() / 2].charge_start;
        let (a, b) = if cut_at_a_row { (middle, bounds.1) } else { bounds };
        for mut query in queries(&questions, Format::Focus12) {
            query.window = Window::new(Some(a.min(b)), Some(a.max(b))).unwrap();
            let whole = asked::outcome(std::slice::from_ref(&plain), &query, Cut::NONE).receipt;
            for (pruned, in_what) in [(&groups, "groups"), (&pages, "pages")] {
            let pruned = asked::outcome(std::slice::from_ref(pruned), &query, Cut::SMALL).receipt;
            prop_assert_eq!(&whole.answer_sha256, &pruned.answer_sha256, "{:?}", query);
            prop_assert_eq!(whole.rows.skipped, 0);
            prop_assert_eq!(whole.rows.read, pruned.rows.read + pruned.rows.skipped);
            prop_assert_eq!(whole.rows.used, pruned.rows.used, "a skipped row counts: {:?}", query);
            let outside = query.window;
            if query.clock == Clock::Charge && query.allocation == Allocation::Start {
                // Statistics of instants are exact, so every group that can be left unread is.
                let skippable: usize = charges
                    .chunks(rows)
                    .filter(|group| {
                        let first = group[0].charge_start;
                        let last = group[group.len() - 1].charge_start;
                        outside.end.is_some_and(|end| first >= end) || outside.start.is_some_and(|start| last < start)
                    })
                    .map(<[Charge]>::len)
                    .sum();
                prop_assert_eq!(pruned.rows.skipped, skippable as u64, "{}: {:?}", in_what, query.window);
            }
            }
        }
    }

    #[test]
    fn rows_split_over_files_of_several_carriers_give_the_bytes_of_one_file(
        charges in some(narrow_charges(30)),
        questions in prop::collection::vec(question(), 5),
        cuts in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        turned in any::<bool>(),
    ) {
        let folder = Folder::new();
        let format = Format::Focus12;
        let whole = asked::put(&folder, "whole", &charges, &OutputSpec::new(format, Carrier::Csv));
        let (a, b) = (cuts.0.index(charges.len()), cuts.1.index(charges.len()));
        let (a, b) = (a.min(b), a.max(b));
        let parts = [
            (&charges[..a], OutputSpec::new(format, Carrier::Parquet)),
            (&charges[a..b], spec(format, Carrier::Csv, "compression=gzip line-end=crlf")),
            (&charges[b..], spec(format, Carrier::Ndjson, "compression=zstd")),
        ];
        let mut files: Vec<String> = parts
            .iter()
            .enumerate()
            .filter(|(_, (rows, _))| !rows.is_empty())
            .map(|(i, (rows, spec))| asked::put(&folder, &format!("part-{i}"), rows, spec))
            .collect();
        if turned {
            files.reverse();
        }
        for query in queries(&questions, format) {
            let split = asked::outcome(&files, &query, Cut::SMALL).receipt;
            prop_assert_eq!(&split.answer_sha256, &hash(&whole, &query, Cut::NONE), "{:?}", query);
            prop_assert_eq!(split.rows.read + split.rows.skipped, charges.len() as u64);
            prop_assert_eq!(split.sources.len(), files.len());
        }
    }
}

/// The same rows as one row group, whose pages have so many rows each and an index.
fn in_pages(folder: &Folder, path: &str, rows: usize) -> String {
    let file = std::fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    let batches: Vec<RecordBatch> = reader.map(|batch| batch.unwrap()).collect();
    let properties = WriterProperties::builder()
        .set_data_page_row_count_limit(rows)
        .set_write_batch_size(rows)
        .set_statistics_enabled(EnabledStatistics::Page)
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batches[0].schema(), Some(properties)).unwrap();
    for batch in &batches {
        writer.write(batch).unwrap();
    }
    writer.close().unwrap();
    folder.put("pages.parquet", bytes)
}

#[test]
fn a_row_behind_pages_that_were_passed_over_is_named_by_its_place_in_the_file() {
    let charges: Vec<Charge> = (0..40)
        .map(|hour| Charge {
            charge_start: instant(2024, 3, 1 + hour / 24, hour % 24, 0, 0),
            // One charge ends before it starts.
            charge_end: instant(2024, 3, if hour == 30 { 1 } else { 4 }, 0, 0, 0),
            billing_start: instant(2024, 3, 1, 0, 0, 0),
            billing_end: instant(2024, 4, 1, 0, 0, 0),
            billing_currency: String::from("USD"),
            ..Charge::default()
        })
        .collect();
    let folder = Folder::new();
    let plain = asked::put(
        &folder,
        "plain",
        &charges,
        &OutputSpec::new(Format::Focus12, Carrier::Parquet),
    );
    let pages = in_pages(&folder, &plain, 5);
    let mut query = ChargeQuery::total();
    query.window = Window::new(Some(charges[22].charge_start), None).unwrap();
    let outcome = dataset::sums(&[pages], query, RunOptions::default()).unwrap();
    assert_eq!(outcome.receipt.rows.skipped, 20);
    assert_eq!(
        outcome.rejects[0].location.record,
        Some(31),
        "{:?}",
        outcome.rejects[0]
    );
}

#[test]
fn a_file_whose_costs_stand_in_row_groups_left_unread_has_costs() {
    // Read whole, some row has a list cost; of the row group inside the window none does.
    let row = |day: u32, list_cost| Charge {
        charge_start: instant(2024, 3, day, 0, 0, 0),
        charge_end: instant(2024, 3, day, 1, 0, 0),
        billing_start: instant(2024, 3, 1, 0, 0, 0),
        billing_end: instant(2024, 4, 1, 0, 0, 0),
        billing_currency: String::from("USD"),
        list_cost,
        ..Charge::default()
    };
    let charges = [row(1, Some(Decimal::new(1, 0))), row(2, None)];
    let folder = Folder::new();
    let mut query = ChargeQuery::total();
    query.metric = CostMetric::List;
    query.window = Window::new(Some(charges[1].charge_start), None).unwrap();
    for output in [
        OutputSpec::new(Format::Focus12, Carrier::Csv),
        spec(Format::Focus12, Carrier::Parquet, "row-group=1"),
    ] {
        let file = asked::put(&folder, "bill", &charges, &output);
        let outcome = dataset::sums(&[file], query.clone(), RunOptions::default()).unwrap();
        assert_eq!(outcome.answer.unwrap().row(0).cost().to_string(), "0");
    }
}

#[test]
fn the_dresses_are_really_different_files() {
    // Guards the tests above: options that the writer ignored would compare a file with itself.
    let charge = Charge {
        charge_start: instant(2024, 3, 1, 0, 0, 0),
        charge_end: instant(2024, 3, 1, 1, 0, 0),
        billing_start: instant(2024, 3, 1, 0, 0, 0),
        billing_end: instant(2024, 4, 1, 0, 0, 0),
        billing_currency: String::from("USD"),
        billed_cost: Decimal::new(52, 10),
        resource_name: String::from("a,b"),
        ..Charge::default()
    };
    let bytes = |spec: &OutputSpec| {
        let mut bytes = Vec::new();
        write_charges(std::slice::from_ref(&charge), spec, &mut bytes).unwrap();
        bytes
    };
    let mut all: Vec<Vec<u8>> = texts(Format::Focus12).iter().map(bytes).collect();
    all.push(bytes(&OutputSpec::new(Format::Focus12, Carrier::Csv)));
    // One row fits one group, so only options of pages count here.
    for options in [
        "compression=snappy",
        "compression=none dictionary=no",
        "compression=gzip",
    ] {
        all.push(bytes(&spec(Format::Focus12, Carrier::Parquet, options)));
    }
    let n = all.len();
    all.sort();
    all.dedup();
    // gzip and multi-member gzip of less than 64 KiB are one member each.
    assert_eq!(all.len(), n - 1);
    let defaults = OutputSpec::new(Format::Focus12, Carrier::Csv);
    assert_eq!(
        (
            defaults.quoting,
            defaults.line_end,
            defaults.numbers,
            defaults.nulls,
            defaults.time_shape
        ),
        (
            Quoting::Minimal,
            LineEnd::Lf,
            Numbers::Plain,
            Nulls::Empty,
            TimeShape::Zulu
        )
    );
    assert_eq!(defaults.compression, Compression::None);
}

/// Members that the first objects of a JSON file lack count where they come, however the file is cut.
#[test]
fn members_that_come_late_count() {
    let object = |more: &str| {
        format!(
            "{{\"ChargePeriodStart\":\"2024-03-01T00:00:00Z\",\"ChargeCategory\":\"Usage\",\"BilledCost\":1{more}}}\n"
        )
    };
    // The first chunk is full of objects without currency, end, effective cost and service.
    let text = object("").repeat(4000)
        + &object(",\"BillingCurrency\":\"USD\",\"EffectiveCost\":5,\"ServiceName\":\"s\"");
    let outcome = crate::support::ask(&text)
        .by("service_name")
        .metric("effective")
        .gives("? 4000, USD 5 of 4001: =4000 s=5");
    assert_eq!(outcome.receipt.notes.get("billing_currency absent"), Some(&4000));
    let blank = object(",\"BillingCurrency\":\"\"") + &object(",\"BillingCurrency\":\"USD\"");
    crate::support::ask(&blank).gives("USD 1 of 1; 1:1 cur.unknown");
}
