//! The same question has the same answer, byte for byte, however it is asked: the number of threads, the
//! size of chunks, the files over which the rows are spread, their order and their packing.

use std::io::Write as _;

use billfold_core::dataset::{self, RunOptions};
use billfold_core::query::ChargeQuery;
use billfold_testkit::{BillSpec, Carrier, Format, OutputSpec, write_bill};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::{Folder, asking};

/// A bill of this many rows: quoted line ends, several currencies, tags, costs of many scales.
fn text(rows: u64) -> String {
    let spec = BillSpec {
        rows,
        ..BillSpec::new(20_240_301)
    };
    let mut bytes = Vec::new();
    write_bill(&spec, &OutputSpec::new(Format::Focus12, Carrier::Csv), &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn questions() -> Vec<ChargeQuery> {
    let mut questions = vec![
        asking("", "total"),
        asking("service_name,zone_id", "monthly"),
        asking("tag_id", "weekly"),
        asking("resource_id,sub_account_id", "daily"),
    ];
    let mut prorated = asking("project_id", "daily");
    prorated.allocation = billfold_core::query::Allocation::Prorate;
    prorated.zone = billfold_core::time::parse_zone("Asia/Shanghai").unwrap();
    prorated.metric = billfold_core::query::CostMetric::Effective;
    questions.push(prorated);
    questions
}

/// The hash of every question's answer.
#[track_caller]
fn answers(inputs: &[String], threads: usize, chunk_bytes: usize) -> Vec<String> {
    let ask = |query| {
        let options = RunOptions {
            threads: Some(threads),
            chunk_bytes,
            ..RunOptions::default()
        };
        let outcome = dataset::sums(inputs, query, options).unwrap();
        assert!(outcome.answer.is_some(), "{:?}", outcome.rejects);
        outcome.receipt.answer_sha256
    };
    questions().into_iter().map(ask).collect()
}

#[test]
fn neither_threads_nor_chunks_change_a_byte() {
    let folder = Folder::new();
    let path = [folder.put("bill.csv", text(1500))];
    let expected = answers(&path, 1, 1 << 20);
    for threads in [1, 2, 7] {
        for chunk_bytes in [1 << 10, 1 << 16, 1 << 20] {
            assert_eq!(
                answers(&path, threads, chunk_bytes),
                expected,
                "{threads} threads, {chunk_bytes} bytes"
            );
        }
    }
}

/// The rows of a bill over `n` files, each with the header. Rows with line ends inside quotes stay whole.
fn split(text: &str, n: usize) -> Vec<String> {
    let mut records = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        quoted ^= c == '"';
        records.last_mut().unwrap().push(c);
        if c == '\n' && !quoted {
            records.push(String::new());
        }
    }
    let header = records.remove(0);
    let mut files = vec![header; n];
    for (i, record) in records.into_iter().enumerate() {
        files[i * 7 % n].push_str(&record);
    }
    files
}

#[test]
fn neither_the_files_nor_their_order_change_a_byte() {
    let folder = Folder::new();
    let text = text(1500);
    let expected = answers(&[folder.put("whole.csv", &text)], 2, 1 << 16);
    for n in [2, 3, 11] {
        let mut paths: Vec<String> = split(&text, n)
            .iter()
            .enumerate()
            .map(|(i, part)| folder.put(&format!("{n}-{i}.csv"), part))
            .collect();
        assert_eq!(answers(&paths, 2, 1 << 12), expected, "{n} files");
        paths.reverse();
        paths.rotate_left(n / 3);
        assert_eq!(
            answers(&paths, 3, 1 << 12),
            expected,
            "{n} files in another order"
        );
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn packing_does_not_change_a_byte() {
    let folder = Folder::new();
    let text = text(1500);
    let bytes = text.as_bytes();
    let expected = answers(&[folder.put("plain.csv", bytes)], 2, 1 << 16);
    let members = |pack: &dyn Fn(&[u8]) -> Vec<u8>| -> Vec<u8> {
        // Cut anywhere, also within a row or a character.
        bytes.chunks(9_973).flat_map(pack).collect()
    };
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
    for (name, packed) in [
        ("one.csv.gz", gzip(bytes)),
        ("members.csv.gz", members(&gzip)),
        ("one.csv.zst", zstd(bytes)),
        ("frames.csv.zst", members(&zstd)),
        // The name says nothing.
        ("gzip.csv", gzip(bytes)),
        ("plain.gz", bytes.to_vec()),
    ] {
        let path = folder.put(name, packed);
        assert_eq!(answers(&[path], 2, 1 << 14), expected, "{name}");
    }
}
