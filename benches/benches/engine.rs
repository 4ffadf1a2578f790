//! What the engine's stages cost, each alone: scan, ingest, group, finish, and the parsing of amounts.
//!
//! One thing varies per bench: the carrier, the number of groups, the shape of an amount. The bills are
//! seeded, so two runs read the same bytes. Not here: other engines (`benches/peers`), and whether the
//! answers are right (the tests).

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "criterion makes undocumented functions; a bench that cannot run should stop, and may open files itself"
)]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use billfold_core::charge::ChargeBatch;
use billfold_core::dataset::{self, RunOptions};
use billfold_core::engine::{Memory, Plan, Sums, answer_sha256};
use billfold_core::ingest::bill::{Bill, BillPlan, OpenOptions, Opened};
use billfold_core::ingest::csv::{Chunker, Columns, Dialect, RecordIndex};
use billfold_core::ingest::formats::Format as Mapping;
use billfold_core::ingest::scan::{Ready, scan};
use billfold_core::ingest::source::expand;
use billfold_core::money::Amount;
use billfold_core::query::{ChargeQuery, Dimension};
use billfold_testkit::{BillSpec, Carrier, Compression, Format, OutputSpec, write_bill};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Rows of the bill.
const ROWS: u64 = 200_000;

/// Resources of the bill: with days, more groups than any cache has lines.
const RESOURCES: u32 = 50_000;

/// Decides the bill.
const SEED: u64 = 20_240_229;

/// Bytes of a chunk, as a run of the program has it.
const CHUNK_BYTES: usize = 1 << 20;

/// Amounts parsed in one go.
const AMOUNTS: usize = 10_000;

fn spec() -> BillSpec {
    BillSpec {
        rows: ROWS,
        resources: RESOURCES,
        ..BillSpec::qingcloud(SEED)
    }
}

/// Writes the bill and gives its place. The folder is cargo's own for what benches leave behind.
fn bill(carrier: Carrier, compression: Compression) -> PathBuf {
    let mut output = OutputSpec::new(Format::QingcloudRecords, carrier);
    output.compression = compression;
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("engine{}", output.extension()));
    let mut file = BufWriter::new(File::create(&path).unwrap());
    write_bill(&spec(), &output, &mut file).unwrap();
    file.flush().unwrap();
    path
}

fn query(by: &str, granularity: &str) -> ChargeQuery {
    let mut query = ChargeQuery::total();
    if !by.is_empty() {
        query.by = Dimension::parse_list(by).unwrap();
    }
    query.granularity = granularity.parse().unwrap();
    query
}

/// The batches that a question reads from a file, in memory.
fn batches(path: &Path, plan: &Plan) -> Vec<ChargeBatch> {
    let options = OpenOptions {
        formats: Mapping::built_in().unwrap(),
        format: None,
        delimiter: None,
        encoding: None,
        allow_empty: false,
        chunk_bytes: CHUNK_BYTES,
        max_expand: billfold_core::ingest::guard::MAX_EXPAND,
        bytes_read: Arc::default(),
    };
    let sources = expand(&[path.display().to_string()]).unwrap();
    let Opened::Bill(bill, stream) = Bill::open(&sources[0], &options).unwrap() else {
        panic!("{} is not a bill", path.display());
    };
    let bill_plan = BillPlan::new(&plan.hint, &bill).unwrap();
    let ready = [Ready {
        bill: *bill,
        plan: bill_plan,
    }];
    let mut kept = [Vec::new()];
    let streams = vec![stream.map(|stream| *stream)];
    scan(
        &ready,
        streams,
        &mut kept,
        &|_| (),
        &mut |_| Ok(()),
        |kept: &mut Vec<ChargeBatch>, batch| {
            kept.push(batch.clone());
            Ok(())
        },
    )
    .unwrap();
    let [batches] = kept;
    batches
}

fn folded(plan: &Arc<Plan>, batches: &[ChargeBatch]) -> Sums {
    let mut sums = Sums::new(Arc::clone(plan));
    for batch in batches {
        sums.update(batch).unwrap();
    }
    sums
}

/// Bytes into chunks, records and fields: the floor of every CSV run.
fn scan_csv(criterion: &mut Criterion) {
    let bytes = fs::read(bill(Carrier::Csv, Compression::None)).unwrap();
    let n_columns = bytes
        .split(|b| *b == b'\n')
        .next()
        .unwrap()
        .split(|b| *b == b',')
        .count();
    let mut group = criterion.benchmark_group("scan");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("csv", |bencher| {
        let mut index = RecordIndex::new();
        bencher.iter(|| {
            let mut chunker = Chunker::new(Dialect::COMMA, CHUNK_BYTES, Chunker::MAX_RECORD);
            let mut reader = bytes.as_slice();
            let mut n_records = 0;
            while let Some(chunk) = chunker.next_chunk(&mut reader).unwrap() {
                n_records += index
                    .index(&chunk.bytes, Dialect::COMMA, Columns::all(n_columns))
                    .unwrap()
                    .len();
                chunker.recycle(chunk);
            }
            assert_eq!(n_records as u64, ROWS + 1, "the rows and the header");
            n_records
        });
    });
    group.finish();
}

/// A file to its total on one worker: reading, decoding, the least of grouping.
fn ingest(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ingest");
    for (name, carrier, compression) in [
        ("csv", Carrier::Csv, Compression::None),
        ("csv.gz", Carrier::Csv, Compression::Gzip),
        ("parquet", Carrier::Parquet, Compression::Zstd),
    ] {
        let path = bill(carrier, compression);
        let inputs = [path.display().to_string()];
        // Per byte of the file as it lies on the disk.
        group.throughput(Throughput::Bytes(fs::metadata(&path).unwrap().len()));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let options = RunOptions {
                    threads: Some(1),
                    ..RunOptions::default()
                };
                let outcome = dataset::sums(&inputs, ChargeQuery::total(), options).unwrap();
                assert_eq!(outcome.receipt.rows.used, ROWS);
                outcome
            });
        });
    }
    group.finish();
}

/// Batches into groups: few groups, some, and more than one per row in ten.
fn group(criterion: &mut Criterion) {
    let path = bill(Carrier::Csv, Compression::None);
    let mut group = criterion.benchmark_group("group");
    group.throughput(Throughput::Elements(ROWS));
    for (by, granularity) in [
        ("", "total"),
        ("project_id", "monthly"),
        ("tag_id", "daily"),
        ("resource_id", "daily"),
    ] {
        let plan = Arc::new(Plan::new(query(by, granularity)).unwrap());
        let batches = batches(&path, &plan);
        let n_groups = folded(&plan, &batches).n_groups();
        let id = BenchmarkId::new(
            format!("{granularity} {by}").trim_end(),
            format!("{n_groups} groups"),
        );
        group.bench_function(id, |bencher| bencher.iter(|| folded(&plan, &batches)));
    }
    group.finish();
}

/// Many groups into an ordered answer with names.
fn finish(criterion: &mut Criterion) {
    let path = bill(Carrier::Csv, Compression::None);
    let plan = Arc::new(Plan::new(query("resource_id", "daily")).unwrap());
    let batches = batches(&path, &plan);
    let n_groups = folded(&plan, &batches).n_groups();
    let mut group = criterion.benchmark_group("finish");
    group.throughput(Throughput::Elements(n_groups as u64));
    group.bench_function("daily resource_id", |bencher| {
        bencher.iter_batched(
            || folded(&plan, &batches),
            |sums| sums.finish().unwrap(),
            BatchSize::PerIteration,
        );
    });
    // As a run has it: the groups of two workers, of which most are in both.
    let (first, second) = batches.split_at(batches.len() / 2);
    group.bench_function("daily resource_id of two workers", |bencher| {
        bencher.iter_batched(
            || vec![folded(&plan, first), folded(&plan, second)],
            |states| Sums::finish_all(states).unwrap(),
            BatchSize::PerIteration,
        );
    });
    // All groups to disk and back, one run per worker.
    let memory = Memory {
        bytes: 0,
        temp: Arc::new(|| Ok(temp_file())),
    };
    let half = |batches: &[ChargeBatch]| {
        let mut sums = Sums::within(Arc::clone(&plan), &memory, 2);
        let whole = batches.iter().try_for_each(|batch| sums.update(batch));
        whole.map(|()| sums).unwrap()
    };
    group.bench_function("daily resource_id from disk", |bencher| {
        bencher.iter(|| {
            let finished = Sums::finish_all(vec![half(first), half(second)]).unwrap();
            assert_eq!(finished.stored.map_or(0, |stored| stored.len()), n_groups as u64);
        });
    });
    let answer = folded(&plan, &batches).finish().unwrap().answer;
    group.bench_function("daily resource_id as canonical CSV", |bencher| {
        bencher.iter(|| answer_sha256(black_box(&answer)));
    });
    group.finish();
}

/// An empty file without a name.
fn temp_file() -> File {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("engine-run");
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)
        .unwrap();
    fs::remove_file(path).unwrap();
    file
}

/// Makes the text of the i-th amount.
type Shape = fn(usize) -> String;

/// Text into exact amounts, by the shapes that bills have.
fn amounts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("amount");
    group.throughput(Throughput::Elements(AMOUNTS as u64));
    let shapes: [(&str, Shape); 3] = [
        ("4 decimals", |i| format!("{}.{:04}", i % 900, i * 7919 % 10_000)),
        ("24 decimals", |i| format!("{}.000{:021}", i % 3, i * 7919)),
        ("exponent", |i| format!("{}.{}e-09", 1 + i % 9, i * 7919 % 1000)),
    ];
    for (name, shape) in shapes {
        let texts: Vec<String> = (0..AMOUNTS).map(shape).collect();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for text in &texts {
                    black_box(Amount::parse(black_box(text.as_bytes())).unwrap());
                }
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = engine;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4));
    targets = scan_csv, ingest, group, finish, amounts
}
criterion_main!(engine);
