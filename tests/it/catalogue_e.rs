//! Catalogue E: Parquet. The files are made here, so that a test says what is wrong with them.

mod raw;

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use billfold_core::dataset::{self, AllowRejects, Outcome, RunOptions};
use billfold_core::ingest::formats::Format;
use billfold_core::query::ChargeQuery;
use billfold_core::time::Window;
use billfold_core::{Error, ErrorClass};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{WriterProperties, WriterVersion};
use raw::{RawColumn, RawFile};

use crate::support::{Folder, ask, asking, bill, costing, failed, money, parquet, shared_data, shown};

/// A file asked for its total once, without the repeats of [`ask`].
fn once(folder: &Folder, bytes: &[u8], query: ChargeQuery) -> Result<Outcome, Error> {
    let path = folder.put("bill.parquet", bytes);
    let options = RunOptions {
        threads: Some(1),
        allow_rejects: AllowRejects::All,
        ..RunOptions::default()
    };
    dataset::sums(&[path], query, options)
}

/// The sound file with something changed.
fn with(change: impl FnOnce(&mut RawFile)) -> Vec<u8> {
    let mut file = RawFile::sound();
    change(&mut file);
    file.bytes()
}

/// A damaged file must be read or refused: nothing of it is a bug of ours, or a lack of the machine's.
#[track_caller]
fn assert_read_or_refused(outcome: Result<Outcome, Error>, what: &str) {
    if let Err(error) = outcome {
        let class = error.kind().class();
        assert!(
            matches!(
                class,
                ErrorClass::File | ErrorClass::Limit | ErrorClass::Overflow | ErrorClass::Usage
            ),
            "{what}: {}: {error}",
            failed(&error)
        );
    }
}

/// Numbers that look random and are the same in every run.
fn numbers(mut seed: u64) -> impl FnMut(usize) -> usize {
    move |below| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    }
}

/// A bill of 40 rows and USD 820 as the writer of the crate writes it.
fn written(properties: WriterProperties) -> Vec<u8> {
    let costs: Vec<i64> = (1..=40).collect();
    let starts: Vec<String> = (0..40).map(|i| format!("2024-03-{:02}", i % 28 + 1)).collect();
    let resources: Vec<String> = (0..40).map(|i| format!("i-{}", i % 5)).collect();
    let columns: [(&str, ArrayRef); 4] = [
        ("ChargePeriodStart", Arc::new(StringArray::from(starts))),
        ("BilledCost", Arc::new(Int64Array::from(costs))),
        ("BillingCurrency", Arc::new(StringArray::from(vec!["USD"; 40]))),
        ("ResourceId", Arc::new(StringArray::from(resources))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// The faults of the files of parquet-testing/bad_data, each in a file of our own.
#[test]
fn e01_known_bad_files_are_refused() {
    // A physical type that does not exist (PARQUET-1481).
    ask(&with(|f| f.columns[1].physical = -7)).fails("file parquet.footer", &["-7"]);
    // A dictionary that is missing, or claims a negative length (DICTHEADER).
    ask(&with(|f| f.columns[2].dictionary = None)).fails("file parquet.decode", &["dictionary"]);
    ask(&with(|f| f.columns[2].n_dictionary = -1)).fails("file parquet.decode", &[]);
    // Columns of different lengths (ARROW-GH-41317), and a page of more values than it has (41321).
    ask(&with(|f| {
        f.columns[1] = RawColumn::cents("BilledCost", &[100, 250]);
    }))
    .fails("file parquet.rows", &["2 rows of column BilledCost", "3"]);
    ask(&with(|f| f.columns[1].n_values = 400)).fails("file parquet.rows", &["BilledCost"]);
    // A dictionary's codes of zero bits (43605) all mean its first text.
    ask(&with(|f| f.columns[2].page = vec![0])).fails("file parquet.decode", &[]);
    ask(&with(|f| f.columns[2].page = vec![0, 6])).gives("USD 3 of 3");
}

/// In place of the fuzzers' files: ours, of every encoding and codec that is written, with bits flipped.
#[test]
fn e02_no_flipped_bits_break_the_program() {
    let folder = Folder::new();
    let zstd = Compression::ZSTD(parquet::basic::ZstdLevel::default());
    let shapes = [
        (WriterVersion::PARQUET_1_0, Compression::UNCOMPRESSED, true),
        (WriterVersion::PARQUET_1_0, Compression::SNAPPY, true),
        (WriterVersion::PARQUET_2_0, Compression::LZ4_RAW, false),
        (WriterVersion::PARQUET_2_0, zstd, true),
    ];
    let mut below = numbers(2);
    for (version, compression, dictionary) in shapes {
        let properties = WriterProperties::builder()
            .set_writer_version(version)
            .set_compression(compression)
            .set_dictionary_enabled(dictionary)
            .build();
        let sound = written(properties);
        ask(&sound).gives("USD 820 of 40");
        for _ in 0..150 {
            let mut broken = sound.clone();
            let mut what = format!("{compression:?}");
            for _ in 0..=below(3) {
                let (at, bit) = (below(broken.len()), below(8));
                broken[at] ^= 1 << bit;
                let _ = write!(what, " {at}.{bit}");
            }
            assert_read_or_refused(once(&folder, &broken, asking("resource_id", "daily")), &what);
        }
    }
}

/// The good files of parquet-testing, which are no bills.
fn good_files() -> Vec<std::path::PathBuf> {
    let Some(data) = shared_data() else {
        return Vec::new();
    };
    let Ok(folder) = std::fs::read_dir(data.join("edge/parquet-testing/data")) else {
        return Vec::new();
    };
    let paths = folder.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|e| e == "parquet"))
        .collect()
}

#[test]
fn e03_the_good_files_of_parquet_testing_are_opened() {
    for path in good_files() {
        let input = [path.display().to_string()];
        let error = dataset::sums(&input, asking("", "total"), RunOptions::default()).unwrap_err();
        let code = error.kind().code();
        assert!(
            matches!(code, "schema.header" | "schema.column"),
            "{code}: {error}"
        );
    }
}

/// A format that takes a column for the cost, and for a start that no row has.
const VALUES: &str = "name = \"values\"\ntitle = \"values\"\n[recognise]\nneed = [[\"value\"]]\n\
    [cells]\ncurrency = \"USD\"\n[columns]\ncharge_period_start = [\"value\"]\nbilled_cost = [\"value\"]\n";

#[test]
fn e03_the_decimals_of_parquet_testing_have_exact_sums() {
    let is_decimal = |path: &std::path::PathBuf| path.to_string_lossy().contains("decimal");
    for path in good_files().into_iter().filter(is_decimal) {
        let options = RunOptions {
            allow_rejects: AllowRejects::All,
            mappings: vec![Format::parse(VALUES).unwrap()],
            ..RunOptions::default()
        };
        let outcome = dataset::sums(&[path.display().to_string()], asking("", "total"), options).unwrap();
        // Amounts are no times, so every row is rejected with a cost that could be read: 1 + 2 + … + 24.
        assert_eq!(outcome.receipt.rows.rejected, 24, "{}", path.display());
        assert_eq!(
            money(&outcome.receipt.cost.rejected),
            "USD 300",
            "{}",
            path.display()
        );
    }
}

#[test]
fn e04_a_file_that_does_not_begin_and_end_as_parquet_is_refused() {
    let sound = RawFile::sound().bytes();
    let marked = |head: &[u8; 4], tail: &[u8; 4]| [head, &sound[4..sound.len() - 4], tail].concat();
    for headless in [marked(b"NOPE", b"PAR1"), marked(b"NOPE", b"NOPE")] {
        ask(&headless).named("bill.parquet").fails(
            "file parquet.magic",
            &["does not begin with PAR1", "something else"],
        );
    }
    ask(&marked(b"PAR1", b"NOPE")).fails("file parquet.footer", &[]);
    // Shorter than a footer.
    ask("").named("bill.parquet").fails("file csv.empty", &[]);
    for len in 1..=11 {
        let code = if len < 4 {
            "file parquet.magic"
        } else {
            "file parquet.footer"
        };
        ask(&sound[..len]).named("bill.parquet").fails(code, &[]);
    }
    // The first bytes are believed, not the name: f15.
    ask(&bill(&[costing("1")]))
        .named("bill.parquet")
        .gives("USD 1 of 1");
}

#[test]
fn e04_a_file_cut_anywhere_is_refused() {
    let sound = RawFile::sound().bytes();
    let folder = Folder::new();
    for len in (12..sound.len()).step_by(5).chain([sound.len() - 1]) {
        let error = once(&folder, &sound[..len], asking("", "total")).unwrap_err();
        assert_eq!(failed(&error), "file parquet.footer", "{len}: {error}");
    }
}

#[test]
fn e05_a_footer_that_is_not_where_it_says_is_refused() {
    let sound = RawFile::sound().bytes();
    let n = sound.len();
    for len in [0, 1, 7, n as u32 - 12, n as u32 - 8, n as u32, 1 << 31, u32::MAX] {
        let mut broken = sound.clone();
        broken[n - 8..n - 4].copy_from_slice(&len.to_le_bytes());
        ask(&broken).fails("file parquet.footer", &["bill.csv"]);
    }
}

#[test]
fn e06_a_billion_rows_in_half_a_kilobyte_are_refused() {
    const BILLION: i64 = 1_000_000_000;
    let groups = |f: &mut RawFile| (f.n_group, f.n_rows) = (BILLION, BILLION);
    ask(&with(groups)).fails("file parquet.rows", &["holds 3 rows", "1000000000"]);
    let pages = with(|f| {
        groups(f);
        for column in &mut f.columns {
            (column.n_column, column.n_values) = (BILLION, BILLION);
        }
    });
    ask(&pages).fails("file parquet.decode", &[]);
}

#[test]
fn e07_numbers_of_rows_that_contradict_each_other_are_refused() {
    ask(&with(|f| f.n_rows = 4)).fails("file parquet.rows", &["sum of its row groups"]);
    ask(&with(|f| (f.n_group, f.n_rows) = (-3, -3))).fails("file parquet.rows", &["negative"]);
    for n in [0, 2, 4] {
        ask(&with(|f| (f.n_group, f.n_rows) = (n, n))).fails("file parquet.rows", &[]);
    }
    for n in [0, 2, 4] {
        ask(&with(|f| f.columns[1].n_values = n)).fails("file parquet.rows", &["BilledCost"]);
    }
    ask(&with(|f| f.columns[1].n_values = -4)).fails("file parquet.decode", &[]);
    // The column's own count in the footer says nothing that the pages do not.
    ask(&with(|f| f.columns[1].n_column = 9)).gives("USD 3 of 3");
}

#[test]
fn e08_a_page_that_is_not_what_its_checksum_says_is_refused() {
    let (sound, pages) = RawFile::sound().write();
    ask(&sound).gives("USD 3 of 3");
    let folder = Folder::new();
    for at in pages.into_iter().flatten() {
        for bit in 0..8 {
            let mut broken = sound.clone();
            broken[at] ^= 1 << bit;
            let error = once(&folder, &broken, asking("resource_id", "daily")).unwrap_err();
            assert_eq!(failed(&error), "file parquet.crc", "{at}: {error}");
        }
    }
}

/// Without checksums nothing is promised about the sum, which real files mostly have to live with.
#[test]
fn e08_without_checksums_flipped_bits_still_break_nothing() {
    let (sound, pages) = RawFile {
        crc: false,
        ..RawFile::sound()
    }
    .write();
    let folder = Folder::new();
    for at in pages.into_iter().flatten() {
        let mut broken = sound.clone();
        broken[at] ^= 1 << (at % 8);
        assert_read_or_refused(
            once(&folder, &broken, asking("resource_id", "daily")),
            &at.to_string(),
        );
    }
}

#[test]
fn e09_a_page_that_claims_to_unpack_to_gibibytes_is_refused_unread() {
    for codec in [0, 1, 2, 5, 6, 7] {
        let claims = with(|f| {
            f.columns[1].codec = codec;
            f.columns[1].plain_len = Some(i64::from(i32::MAX));
        });
        ask(&claims).fails("limit limit.expand", &["2147483647 bytes from 24", "200 times"]);
    }
}

#[test]
fn e10_codes_that_stand_in_no_dictionary_are_refused() {
    ask(&with(|f| f.columns[2].page[4] = 7)).fails("file parquet.decode", &["dictionary"]);
    ask(&with(|f| f.columns[3].page[3] = 2))
        .by("resource_id")
        .fails("file parquet.decode", &["dictionary"]);
    for width in [33, 254] {
        ask(&with(|f| f.columns[2].page[0] = width)).fails("file parquet.decode", &["bits"]);
    }
}

/// The catalogue would reject the row; the decoder gives up the page, so the file is refused.
#[test]
fn e11_text_that_is_not_utf_8_is_refused() {
    let starts = [&b"2024-03-01"[..], b"\xff\xfe", b"2024-03-01"];
    ask(&with(|f| {
        f.columns[0] = RawColumn::texts("ChargePeriodStart", &starts);
    }))
    .fails("file parquet.decode", &["UTF-8"]);
    let dictionary = Some(raw::plain_texts(&[b"U\xffD"]));
    ask(&with(|f| f.columns[2].dictionary = dictionary)).fails("file parquet.decode", &["UTF-8"]);
}

#[test]
fn e12_an_arrow_schema_in_the_footer_is_ignored() {
    for schema in ["", "@@@ no base64", "AAAAAAAA", "/////wAAAAAQAAAA"] {
        let metadata = vec![("ARROW:schema".to_owned(), schema.to_owned())];
        ask(&with(|f| f.metadata = metadata)).gives("USD 3 of 3");
    }
}

#[test]
fn e13_what_is_not_supported_is_named() {
    for (codec, name) in [(3, "LZO"), (4, "brotli")] {
        ask(&with(|f| f.columns[1].codec = codec)).fails("file parquet.unsupported", &[name]);
    }
    ask(&with(|f| f.columns[1].codec = 77)).fails("file parquet.footer", &["CompressionCodec 77"]);
    ask(&with(|f| f.columns[1].encoding = 4)).fails("file parquet.unsupported", &["BIT_PACKED"]);
    let sound = RawFile::sound().bytes();
    let marked = |head: &[u8; 4]| [head, &sound[4..sound.len() - 4], b"PARE"].concat();
    for encrypted in [marked(b"PARE"), marked(b"PAR1")] {
        ask(&encrypted).fails("file parquet.unsupported", &["encrypted"]);
    }
    // A version that is not known yet says nothing about the pages, which are judged by themselves.
    ask(&with(|f| f.version = 99)).gives("USD 3 of 3");
}

#[test]
fn e14_columns_nested_deeper_than_64_groups_are_refused() {
    for depth in [1, 64] {
        ask(&with(|f| f.depth = depth)).gives("USD 3 of 3");
    }
    for depth in [65, 200, 100_000] {
        ask(&with(|f| f.depth = depth)).fails("limit limit.depth", &["64 groups"]);
    }
}

/// Microseconds from 1970 to 2 March 2024.
const MARCH_SECOND: i64 = 1_709_337_600_000_000;
const DAY: i64 = 86_400_000_000;

/// Statistics only leave out row groups outside the window, and the receipt counts what was left out. A
/// file that lies about its starts loses its rows there, and nowhere else; reading all shows them.
#[test]
fn e16_statistics_never_answer() {
    let lying = |min: &str, max: &str| {
        let statistics = Some((min.as_bytes().to_vec(), max.as_bytes().to_vec()));
        let cost = Some((900_i64.to_le_bytes().to_vec(), 901_i64.to_le_bytes().to_vec()));
        with(|f| {
            f.columns[0].statistics = statistics;
            f.columns[1].statistics = cost;
        })
    };
    let lies = lying("2031-01-01", "2031-01-02");
    ask(&lies).gives("USD 3 of 3");
    ask(&lies)
        .every("daily")
        .gives("USD 3 of 3: 2024-03-01=1 2024-03-02=2.5 2024-03-03=-0.5");
    // Texts are not in the order of instants, so their statistics are not used at all.
    let mut query = asking("", "total");
    query.window = Window {
        start: Some(MARCH_SECOND),
        end: Some(MARCH_SECOND + DAY),
    };
    let outcome = ask(&lies).query(query.clone()).run().unwrap();
    assert_eq!(money(&outcome.answer.unwrap().totals), "USD 2.5");
    assert_eq!(outcome.receipt.rows.skipped, 0);
    let typed = |min: i64, max: i64| {
        let starts = [MARCH_SECOND - DAY, MARCH_SECOND, MARCH_SECOND + DAY];
        with(|f| {
            f.columns[0] = RawColumn::instants("ChargePeriodStart", &starts);
            f.columns[0].statistics = Some((min.to_le_bytes().to_vec(), max.to_le_bytes().to_vec()));
        })
    };
    for (min, max, total, n_skipped) in [
        (MARCH_SECOND - DAY, MARCH_SECOND + DAY, "USD 2.5", 0),
        (MARCH_SECOND + DAY, MARCH_SECOND + DAY, "nothing", 3),
        (MARCH_SECOND - DAY, MARCH_SECOND - 1, "nothing", 3),
    ] {
        let file = typed(min, max);
        ask(&file).gives("USD 3 of 3");
        let outcome = ask(&file).query(query.clone()).run().unwrap();
        assert_eq!(money(&outcome.answer.unwrap().totals), total);
        assert_eq!(outcome.receipt.rows.skipped, n_skipped);
    }
}

fn two_parts(second: Vec<u8>) -> Result<Outcome, Error> {
    let folder = Folder::new();
    let first = folder.put("part-1.parquet", RawFile::sound().bytes());
    let second = folder.put("part-2.parquet", second);
    dataset::sums(
        &[first, second],
        asking("resource_id", "total"),
        RunOptions::default(),
    )
}

#[test]
fn e17_parts_with_differing_columns_are_one_by_name() {
    // Other columns, in another order, and costs of another type.
    let texts = |texts: &[&str]| -> ArrayRef { Arc::new(StringArray::from(texts.to_vec())) };
    let second = parquet(&[
        ("New", texts(&["x", "y"])),
        ("BillingCurrency", texts(&["USD", "USD"])),
        ("BilledCost", texts(&["0.125", "4"])),
        ("ChargePeriodStart", texts(&["2024-03-04", "2024-03-05"])),
    ]);
    let outcome = two_parts(second).unwrap();
    assert_eq!(shown(&outcome), "USD 7.125 of 5: =4.125 i-1=1 i-2=2");
    // A part without the cost is no part.
    let error = two_parts(with(|f| drop(f.columns.remove(1)))).unwrap_err();
    assert_eq!(error.kind().class(), ErrorClass::File, "{error}");
}

#[test]
fn e18_more_columns_than_the_limit_are_refused_and_many_row_groups_are_read() {
    let wide = with(|f| {
        let more = (0..5_000).map(|i| RawColumn::cents(&format!("c{i}"), &[1, 2, 3]));
        f.columns.extend(more);
    });
    ask(&wide).fails("limit limit.columns", &["5004", "4096"]);
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(1))
        .build();
    ask(&written(properties))
        .by("resource_id")
        .gives("USD 820 of 40: i-0=148 i-1=156 i-2=164 i-3=172 i-4=180");
}
