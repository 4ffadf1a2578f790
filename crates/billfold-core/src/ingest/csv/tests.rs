//! Tests of the CSV reader: by the letter, against the scalar rules, and on published suites.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::marks::Marks;
use super::*;
use crate::error::ErrorClass;
use crate::ingest::source::ReadAt;

/// A reader that brings at most `step` bytes a call.
struct Drip<'a> {
    bytes: &'a [u8],
    step: usize,
}

impl Read for Drip<'_> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let n = self.step.min(room.len()).min(self.bytes.len());
        room[..n].copy_from_slice(&self.bytes[..n]);
        self.bytes = &self.bytes[n..];
        Ok(n)
    }
}

fn chunks(bytes: &[u8], dialect: Dialect, chunk_size: usize, step: usize) -> Vec<Chunk> {
    let mut chunker = Chunker::new(dialect, chunk_size, Chunker::MAX_RECORD);
    let mut input = Drip { bytes, step };
    std::iter::from_fn(|| chunker.next_chunk(&mut input).unwrap()).collect()
}

/// A record as a test sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    /// Physical line of its first byte.
    line: u64,
    cells: Vec<Vec<u8>>,
    /// Code and line of the first fault.
    fault: Option<(&'static str, u64)>,
}

fn rows_of(records: &Records<'_>, first_line: u64) -> Vec<Row> {
    let row = |r: usize| {
        let record = records.record(r);
        assert_eq!(record.start, records.span(r).start);
        let fault = match records.status(r) {
            RecordStatus::Malformed { kind, offset } => {
                Some((kind.code(), first_line + records.lines_before(offset)))
            }
            _ => None,
        };
        // The cells of a malformed record are for nobody to read.
        let cells = if fault.is_some() { 0 } else { record.n_fields };
        let cells = (0..cells)
            .map(|j| records.field(r, j).text().into_owned())
            .collect();
        Row {
            line: first_line + records.lines_before(record.start),
            cells,
            fault,
        }
    };
    (0..records.len()).map(row).collect()
}

/// A file that gives at most `step` bytes a call.
struct Slow {
    bytes: Vec<u8>,
    step: usize,
}

impl ReadAt for Slow {
    fn read_at(&self, buf: &mut [u8], at: u64) -> std::io::Result<usize> {
        let mut rest = Drip {
            bytes: self.bytes.get(at as usize..).unwrap_or_default(),
            step: self.step,
        };
        rest.read(buf)
    }
}

fn parts(bytes: &[u8], dialect: Dialect, part_bytes: usize, step: usize) -> Parts {
    let first = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let file = Slow {
        bytes: bytes.to_vec(),
        step,
    };
    let records = first..bytes.len() as u64;
    Parts::new(Box::new(file), dialect, records, part_bytes, Default::default()).looking_behind(step % 70)
}

/// Every row of `bytes`, as a stream and as a file in parts.
fn scan(bytes: &[u8], dialect: Dialect, n_columns: usize, chunk_size: usize, step: usize) -> (Vec<Row>, u64) {
    let found = scan_chunks(
        bytes,
        dialect,
        n_columns,
        chunks(bytes, dialect, chunk_size, step),
    );
    let parts = parts(bytes, dialect, chunk_size, step);
    let mut memory = PartMemory::default();
    let read = (0..parts.len()).filter_map(|part| parts.read(part, &mut memory).unwrap());
    let in_parts = scan_chunks(bytes, dialect, n_columns, read.collect());
    assert_eq!(in_parts, found, "{:?}", String::from_utf8_lossy(bytes));
    found
}

/// Every row of some chunks; checks on the way that marks and rules agree and that no byte is lost.
fn scan_chunks(bytes: &[u8], dialect: Dialect, n_columns: usize, chunks: Vec<Chunk>) -> (Vec<Row>, u64) {
    let (mut index, mut by_letter) = (RecordIndex::new(), RecordIndex::new());
    let (mut rows, mut n_blank, mut line, mut offset) = (Vec::new(), 0, 1, 0);
    for (n, chunk) in chunks.into_iter().enumerate() {
        let bom = if n == 0 && bytes.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        };
        offset += bom;
        assert_eq!(
            (chunk.first_line.unwrap_or(line), chunk.byte_offset),
            (line, offset)
        );
        let first_line = line;
        line += lines_in(&chunk.bytes, dialect.newline());
        offset += chunk.bytes.len() as u64;

        if let Some(marks) = &chunk.marks {
            let mut alone = Marks::default().of(&chunk.bytes, dialect).unwrap();
            // What is left for the next chunk was looked at, too.
            alone.counts.beyond_ascii |= marks.counts.beyond_ascii;
            assert_eq!(marks, &alone);
        }
        let columns = Columns::all(n_columns);
        let alone = index.index(&chunk.bytes, dialect, columns.clone()).unwrap();
        let alone = rows_of(&alone, first_line);
        let records = index.index_chunk(&chunk, dialect, columns);
        let found = rows_of(&records, first_line);
        assert_eq!(found, alone);
        let slow = by_letter.index_by_letter(&chunk.bytes, dialect, n_columns);
        assert_eq!(
            found,
            rows_of(&slow, first_line),
            "{:?}",
            String::from_utf8_lossy(&chunk.bytes)
        );
        assert_eq!(
            (records.n_blank(), records.blank_bytes()),
            (slow.n_blank(), slow.blank_bytes())
        );
        assert_eq!(records.is_ascii(), chunk.bytes.is_ascii());
        let spans: usize = (0..records.len()).map(|r| records.span(r).len()).sum();
        assert_eq!(
            spans as u64 + records.blank_bytes(),
            chunk.bytes.len() as u64,
            "every byte belongs somewhere"
        );
        n_blank += records.n_blank();
        rows.extend(found);
    }
    assert_eq!(offset, bytes.len() as u64);
    (rows, n_blank)
}

fn lines_in(bytes: &[u8], newline: u8) -> u64 {
    bytes.split(|&byte| byte == newline).count() as u64 - 1
}

/// The rules once more, in another shape: field by field from the front, nothing shared with the code under test.
fn reference(bytes: &[u8], dialect: Dialect, n_columns: usize) -> (Vec<Row>, u64) {
    let newline = dialect.newline();
    let is_end = |at: usize| at >= bytes.len() || bytes[at] == newline;
    let is_crlf = |at: usize| !dialect.cr_only && (bytes[at..].starts_with(b"\r\n") || &bytes[at..] == b"\r");
    let line_at = |at: usize| 1 + lines_in(&bytes[..at], newline);
    let (mut rows, mut n_blank, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let start = at;
        let mut row = Row {
            line: line_at(at),
            cells: Vec::new(),
            fault: None,
        };
        loop {
            let mut cell = Vec::new();
            if at < bytes.len() && bytes[at] == b'"' {
                let open = at;
                at += 1;
                loop {
                    if at >= bytes.len() {
                        row.fault = row.fault.or(Some(("csv.unclosed_quote", line_at(open))));
                        break;
                    }
                    if bytes[at..].starts_with(b"\"\"") {
                        cell.push(b'"');
                        at += 2;
                    } else if bytes[at] == b'"' {
                        at += 1;
                        break;
                    } else {
                        cell.push(bytes[at]);
                        at += 1;
                    }
                }
                if at < bytes.len() && !is_end(at) && bytes[at] != dialect.delimiter && !is_crlf(at) {
                    row.fault = row.fault.or(Some(("csv.after_quote", line_at(at))));
                }
            }
            while !is_end(at) && bytes[at] != dialect.delimiter && !is_crlf(at) {
                if bytes[at] == b'"' {
                    row.fault = row.fault.or(Some(("csv.bare_quote", line_at(at))));
                }
                cell.push(bytes[at]);
                at += 1;
            }
            row.cells.push(cell);
            if at < bytes.len() && bytes[at] == dialect.delimiter {
                at += 1;
                continue;
            }
            at += if at < bytes.len() && is_crlf(at) { 2 } else { 1 };
            break;
        }
        let text = &bytes[start..at.min(bytes.len())];
        if n_columns != 1
            && row.cells.len() == 1
            && row.cells[0].iter().all(|c| b" \t".contains(c))
            && !text.contains(&b'"')
        {
            n_blank += 1;
            continue;
        }
        if row.fault.is_some() {
            row.cells.clear();
        }
        rows.push(row);
    }
    (rows, n_blank)
}

const SIZES: [usize; 4] = [1, 7, 64, 4096];

#[track_caller]
fn check(input: &str, n_columns: usize, rows: &[&[&str]]) {
    let wanted: Vec<Vec<Vec<u8>>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| cell.as_bytes().to_vec()).collect())
        .collect();
    for size in SIZES {
        let (found, _) = scan(input.as_bytes(), Dialect::COMMA, n_columns, size, size);
        assert!(found.iter().all(|row| row.fault.is_none()), "{found:?}");
        let cells: Vec<_> = found.into_iter().map(|row| row.cells).collect();
        assert_eq!(cells, wanted, "chunks of {size}");
    }
}

#[track_caller]
fn check_faults(input: &str, faults: &[(&'static str, u64)], n_good: usize) {
    for size in SIZES {
        let (found, _) = scan(input.as_bytes(), Dialect::COMMA, 2, size, size);
        let seen: Vec<_> = found.iter().filter_map(|row| row.fault).collect();
        assert_eq!(seen, faults, "{input:?}, chunks of {size}");
        assert_eq!(found.len() - seen.len(), n_good, "{input:?}");
    }
}

#[test]
fn a_record_with_fewer_or_more_fields_is_told_from_a_regular_one() {
    let mut index = RecordIndex::new();
    let records = index
        .index(b"1,2\n3\n4,5,6\n7,8\n", Dialect::COMMA, Columns::all(2))
        .unwrap();
    let statuses: Vec<_> = (0..records.len()).map(|r| records.status(r)).collect();
    assert_eq!(
        statuses,
        [
            RecordStatus::Regular,
            RecordStatus::FieldCount,
            RecordStatus::FieldCount,
            RecordStatus::Regular
        ]
    );
    assert_eq!(records.record(2).n_fields, 3);
    assert!(!records.all_regular());
    assert_eq!(records.field(3, 1).raw, b"8");
}

#[test]
fn short_and_long_records_that_make_up_for_each_other_are_not_regular() {
    let mut index = RecordIndex::new();
    for (input, n_columns, n_fields) in [
        ("1\n2,3,4\n", 2, vec![1, 3]),
        ("1,2,3\n4\n", 2, vec![3, 1]),
        ("1,2\n3,4\n", 4, vec![2, 2]),
    ] {
        let records = index
            .index(input.as_bytes(), Dialect::COMMA, Columns::all(n_columns))
            .unwrap();
        assert_eq!(
            (0..records.len())
                .map(|r| records.record(r).n_fields)
                .collect::<Vec<_>>(),
            n_fields
        );
    }
    let records = index.index(b"1,2\n", Dialect::COMMA, Columns::all(0)).unwrap();
    assert_eq!(records.status(0), RecordStatus::FieldCount);
}

#[test]
fn an_unclosed_quote_is_one_fault_at_its_opening_line() {
    check_faults("a,b\n1,\"x\ny,z\n3,4\n", &[("csv.unclosed_quote", 2)], 1);
    check_faults("a,b\n1,\"x", &[("csv.unclosed_quote", 2)], 1);
    check_faults("a,\"b\nc\"\n\"d\ne\",\"f\"\"\n", &[("csv.unclosed_quote", 4)], 1);
}

#[test]
fn text_around_quotes_is_a_fault_of_that_record_alone() {
    check_faults("a\"b,1\nc,2\n", &[("csv.bare_quote", 1)], 1);
    check_faults("c,2\n\"a\"b,1\nc,2\n", &[("csv.after_quote", 2)], 2);
    check_faults("1, \"a,b\"\n2,3\n", &[("csv.bare_quote", 1)], 1);
    check_faults("\"a\\\"b\",1\n2,3\n", &[("csv.after_quote", 1)], 1);
    check_faults("1,\"a\"\rb\n2,3\n", &[("csv.after_quote", 1)], 1);
    // The quote behind the stray text opens nothing.
    check_faults("\"a\"b\"c,1\n2,3\n", &[("csv.after_quote", 1)], 1);
}

#[test]
fn quotes_hold_quotes_delimiters_and_line_ends_byte_for_byte() {
    check("\"a\"\"b\",\"\"\n", 2, &[&["a\"b", ""]]);
    check("\"\"\"\",\"\"\"\"\"\"\n", 2, &[&["\"", "\"\""]]);
    check(
        "\"a\r\nb\",\"c\nd\"\r\n\"e,f\",g",
        2,
        &[&["a\r\nb", "c\nd"], &["e,f", "g"]],
    );
}

#[test]
fn a_line_number_counts_the_lines_inside_quotes() {
    let (rows, _) = scan(b"a,b\n\"1\n\n2\",3\n\n4,5\n", Dialect::COMMA, 2, 7, 7);
    assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 2, 6]);
}

#[test]
fn lf_and_crlf_mix_and_a_lone_cr_is_text() {
    check(
        "1,2\r\n3,4\n5,\r6\r\n7,8\r",
        2,
        &[&["1", "2"], &["3", "4"], &["5", "\r6"], &["7", "8"]],
    );
}

#[test]
fn cr_alone_ends_records_where_the_file_has_nothing_else() {
    let dialect = Dialect {
        delimiter: b',',
        cr_only: true,
    };
    let (rows, n_blank) = scan(b"1,2\r\"a\rb\",4\r\r5,6", dialect, 2, 5, 1);
    let cells: Vec<_> = rows
        .iter()
        .map(|row| (row.line, row.cells[1].as_slice()))
        .collect();
    assert_eq!(cells, [(1, b"2".as_slice()), (2, b"4"), (5, b"6")]);
    assert_eq!(n_blank, 1);
}

#[test]
fn blank_lines_are_counted_and_are_no_records() {
    for size in SIZES {
        let (rows, n_blank) = scan(b"\n1,2\n\r\n \t \n3,4\n\n  ", Dialect::COMMA, 2, size, size);
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 5]);
        assert_eq!(n_blank, 5);
    }
}

#[test]
fn in_one_column_an_empty_line_is_an_empty_cell() {
    check("\n\n", 1, &[&[""], &[""]]);
    check("1\n", 1, &[&["1"]]);
}

#[test]
fn an_empty_quoted_cell_is_told_from_an_empty_one() {
    let mut index = RecordIndex::new();
    let records = index.index(b"\"\",\n", Dialect::COMMA, Columns::all(2)).unwrap();
    assert_eq!(
        records.field(0, 0),
        Field {
            raw: b"",
            quoted: true,
            escaped: false
        }
    );
    assert_eq!(
        records.field(0, 1),
        Field {
            raw: b"",
            quoted: false,
            escaped: false
        }
    );
}

#[test]
fn nothing_is_no_chunk_and_a_mark_alone_is_nothing() {
    assert_eq!(chunks(b"", Dialect::COMMA, 64, 64), []);
    assert_eq!(chunks(b"\xef\xbb\xbf", Dialect::COMMA, 64, 64), []);
    let mut index = RecordIndex::new();
    assert!(
        index
            .index(b"", Dialect::COMMA, Columns::all(3))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_quote_behind_a_byte_order_mark_opens_a_field() {
    check("\u{feff}\"a\n\",b\n", 2, &[&["a\n", "b"]]);
}

#[test]
fn a_record_past_the_limit_stops_the_work_wherever_chunks_end() {
    for chunk_size in [1, 7, 64] {
        for (input, line) in [
            (format!("1,2\n3,{}\n", "x".repeat(200)), 2),
            (format!("1,2\n3,4\n5,\"{}", "x\n".repeat(100)), 3),
            ("x".repeat(101), 1),
        ] {
            let mut chunker = Chunker::new(Dialect::COMMA, chunk_size, 100);
            let mut input = Drip {
                bytes: input.as_bytes(),
                step: 3,
            };
            let error = loop {
                match chunker.next_chunk(&mut input) {
                    Ok(chunk) => assert!(chunk.is_some(), "the limit was not seen"),
                    Err(error) => break error,
                }
            };
            assert_eq!(
                (error.kind().class(), error.kind().code()),
                (ErrorClass::Limit, "limit.record")
            );
            assert_eq!(error.location().line, Some(line), "chunks of {chunk_size}");
        }
        let fits = format!("1,2\n{}\n3,4\n", "x".repeat(99));
        let mut chunker = Chunker::new(Dialect::COMMA, chunk_size, 100);
        let mut input = Drip {
            bytes: fits.as_bytes(),
            step: 3,
        };
        while chunker.next_chunk(&mut input).unwrap().is_some() {}
    }
}

#[test]
fn a_record_past_the_limit_stops_those_who_read_parts_and_its_line_is_told() {
    let long = "x".repeat(Chunker::MAX_RECORD);
    for (input, line) in [
        (format!("1,2\n\"3\n\",4\n5,{long}\n6,7\n"), 4),
        (
            format!("1,2\n3,4\n5,\"{}", "x\n".repeat(Chunker::MAX_RECORD / 2)),
            3,
        ),
        (format!("1,2\n3,\"\n{long}\n\"\n5,6\n"), 2),
    ] {
        for part_bytes in [1 << 10, 1 << 20] {
            let parts = parts(input.as_bytes(), Dialect::COMMA, part_bytes, 1 << 20);
            let mut memory = PartMemory::default();
            let error = (0..parts.len()).find_map(|part| parts.read(part, &mut memory).err());
            let error = error.expect("the limit was not seen");
            assert_eq!(error.kind().code(), "limit.record");
            assert_eq!(error.location().line, Some(line), "parts of {part_bytes}");
            // Nobody waits for ever.
            assert!(parts.read(parts.len() - 1, &mut memory).unwrap().is_none());
        }
    }
    let fits = format!("1,2\n{}\n3,4\n", &long[1..]);
    let parts = parts(fits.as_bytes(), Dialect::COMMA, 1 << 10, 1 << 20);
    let mut memory = PartMemory::default();
    let sizes = (0..parts.len()).filter_map(|part| parts.read(part, &mut memory).unwrap());
    assert_eq!(sizes.map(|chunk| chunk.bytes.len()).sum::<usize>(), fits.len());
}

#[test]
fn a_file_that_became_shorter_is_told() {
    let bytes = "1,2\n".repeat(100).into_bytes();
    let file = Slow { bytes, step: 64 };
    let parts = Parts::new(Box::new(file), Dialect::COMMA, 0..500, 100, Default::default());
    let mut memory = PartMemory::default();
    let error = (0..parts.len()).find_map(|part| parts.read(part, &mut memory).err());
    assert_eq!(error.unwrap().kind().code(), "source.changed");
}

#[test]
fn parts_read_by_many_at_once_are_those_of_one() {
    // Half of the line ends stand inside quotes, so that half of the guesses are wrong.
    let lines: Vec<String> = (0..5000).map(|i| format!("{i},\"a\nb\"\n")).collect();
    let bytes = lines.concat();
    for part_bytes in [7, 64, 1000] {
        let parts = parts(bytes.as_bytes(), Dialect::COMMA, part_bytes, 9);
        let next = AtomicU64::new(0);
        let found: Mutex<BTreeMap<u64, Vec<u8>>> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut memory = PartMemory::default();
                    loop {
                        let part = next.fetch_add(1, Ordering::Relaxed);
                        if part >= parts.len() {
                            return;
                        }
                        if let Some(chunk) = parts.read(part, &mut memory).unwrap() {
                            assert!(chunk.marks.is_some(), "the rules are kept");
                            found
                                .lock()
                                .unwrap()
                                .insert(chunk.byte_offset, chunk.bytes.to_vec());
                            memory.recycle(chunk);
                        }
                    }
                });
            }
        });
        let found: Vec<u8> = found.into_inner().unwrap().into_values().flatten().collect();
        assert!(found == bytes.as_bytes(), "parts of {part_bytes}");
    }
}

#[test]
fn a_recycled_buffer_leaves_nothing_behind() {
    let input = "abc,def\n\"x\ny\",z\n".repeat(50);
    let fresh = chunks(input.as_bytes(), Dialect::COMMA, 40, 9);
    let mut chunker = Chunker::new(Dialect::COMMA, 40, 1000);
    let mut drip = Drip {
        bytes: input.as_bytes(),
        step: 9,
    };
    let mut seen = Vec::new();
    while let Some(chunk) = chunker.next_chunk(&mut drip).unwrap() {
        seen.push(chunk.clone());
        chunker.recycle(chunk);
    }
    assert_eq!(seen, fresh);
}

#[test]
fn a_reader_that_fails_is_an_io_error() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("unplugged"))
        }
    }
    let error = Chunker::new(Dialect::COMMA, 64, 64)
        .next_chunk(&mut Broken)
        .unwrap_err();
    assert_eq!(error.kind().class(), ErrorClass::Io);
}

#[test]
fn records_that_are_not_utf8_are_named_with_the_first_bad_byte() {
    let mut index = RecordIndex::new();
    let bytes = b"caf\xc3\xa9,1\nx,\xff\ny,2\nz,\xc3\n";
    let records = index.index(bytes, Dialect::COMMA, Columns::all(2)).unwrap();
    assert!(!records.is_ascii());
    assert_eq!(records.invalid_utf8(), [(1, 10), (3, 18)]);
    let records = index
        .index("é,1\n".as_bytes(), Dialect::COMMA, Columns::all(2))
        .unwrap();
    assert_eq!(records.invalid_utf8(), []);
    // A NUL is a byte like any other.
    let records = index.index(b"a\0b,1\n", Dialect::COMMA, Columns::all(2)).unwrap();
    assert_eq!(records.field(0, 0).raw, b"a\0b");
}

#[test]
fn the_first_bytes_tell_encoding_line_ends_and_delimiter() {
    let shape = |bytes: &[u8]| sniff_header(bytes, true);
    assert_eq!(shape(b"\xef\xbb\xbfa,b\n").bom_len, 3);
    assert_eq!(shape(b"\xff\xfea\0,\0b\0").encoding, Encoding::Utf16Le);
    assert_eq!(shape(b"\xfe\xff\0a\0,\0b").encoding, Encoding::Utf16Be);
    assert_eq!(shape(b"a\0,\0b\0\n\0").encoding, Encoding::Utf16Le);
    assert_eq!(shape(b"\0a\0,\0b\0\n").encoding, Encoding::Utf16Be);
    assert_eq!(shape(b"a\0\0\0,\0\0\0b\0\0\0").encoding, Encoding::Utf32);
    assert_eq!(shape(b"id,name,cost\n1,a\0b,2\n").encoding, Encoding::Utf8);
    assert_eq!(
        shape(b"\xd5\xcb\xbb\xa7,x\n").encoding,
        Encoding::Other { first_bad: 0 }
    );
    assert_eq!(sniff_header(b"a,b\xc3", false).encoding, Encoding::Utf8);
    assert_eq!(
        sniff_header(b"a,b\xc3", true).encoding,
        Encoding::Other { first_bad: 3 }
    );

    assert!(shape(b"a,b\r1,2\r").cr_only);
    assert!(!shape(b"a,b\r\n1,\r2\r\n").cr_only);
    assert!(!sniff_header(b"a,b\r", false).cr_only, "an LF may follow");
    assert!(!shape(b"\"a\rb\",c\n").cr_only);

    assert_eq!(shape(b"a;b;\"c,,,,\"\n1,2,3,4;;\n").delimiters, [(b';', 2)]);
    assert_eq!(shape(b"a\tb,c\td\n").delimiters, [(b'\t', 2), (b',', 1)]);
    assert_eq!(shape(b"a\n").best_delimiter(), None);
}

#[test]
fn a_header_is_parsed_on_its_own() {
    let parsed = parse_record(b"id,\"na\nme\",\"co\"\"st\"\r\n1,2,3\n", Dialect::COMMA).unwrap();
    assert_eq!(parsed.fields, ["id", "na\nme", "co\"st"]);
    assert_eq!(
        (parsed.len, parsed.complete, parsed.malformed, parsed.utf8),
        (21, true, None, true)
    );
    assert!(!parse_record(b"a,b", Dialect::COMMA).unwrap().complete);
    assert_eq!(parse_record(b"", Dialect::COMMA), None);
    assert_eq!(parse_record(b"\r\n", Dialect::COMMA).unwrap().fields, [""]);
    assert_eq!(
        parse_record(b"a,\"b", Dialect::COMMA).unwrap().malformed,
        Some(Malformed::UnclosedQuote)
    );
    assert!(Dialect::new(b'"', false).is_err());
}

/// A wide record: more fields in a block than the index writes at once, and a chunk of nothing else.
#[test]
fn a_block_full_of_delimiters_is_indexed_whole() {
    let mut input = vec![b','; 1000];
    input.push(b'\n');
    let input = input.repeat(3);
    let (rows, _) = scan(&input, Dialect::COMMA, 1001, 4096, 4096);
    assert_eq!(
        rows.iter().map(|row| row.cells.len()).collect::<Vec<_>>(),
        [1001; 3]
    );
}

// ---- the public test files -------------------------------------------------------------------------

/// The folder of public test files, or None with a notice.
fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("BILLFOLD_SHARED_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let folder = root.join(folder);
    if folder.is_dir() {
        return Some(folder);
    }
    #[expect(clippy::print_stderr, reason = "a test that could not run says so")]
    {
        eprintln!("skipped: {} is not here", folder.display());
    }
    None
}

#[expect(clippy::disallowed_methods, reason = "test files are read directly")]
fn read(path: &std::path::Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

fn files(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// All records of a file, the header among them, as text.
fn table(bytes: &[u8], size: usize) -> Vec<Vec<String>> {
    let n_columns = parse_record(bytes, Dialect::COMMA).map_or(0, |header| header.fields.len());
    let (rows, _) = scan(bytes, Dialect::COMMA, n_columns, size, size);
    assert!(
        rows.iter()
            .all(|row| row.fault.is_none() && row.cells.len() == n_columns)
    );
    let text = |cells: Vec<Vec<u8>>| {
        cells
            .into_iter()
            .map(|cell| String::from_utf8(cell).unwrap())
            .collect()
    };
    rows.into_iter().map(|row| text(row.cells)).collect()
}

/// The rows that a JSON file beside a CSV file lists: arrays of cells, or objects by column.
fn expected(json: &[u8], header: &[String]) -> (Vec<Vec<String>>, bool) {
    let rows: Vec<serde_json::Value> = serde_json::from_slice(json).unwrap();
    let by_column = rows.first().is_none_or(serde_json::Value::is_object);
    let cell = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let row = |row: &serde_json::Value| match row {
        serde_json::Value::Array(cells) => cells.iter().map(cell).collect(),
        row => header.iter().map(|name| cell(&row[name])).collect(),
    };
    (rows.iter().map(row).collect(), by_column)
}

#[test]
fn csv_spectrum_reads_as_its_json_says() {
    let Some(folder) = shared("edge/csv-spectrum") else {
        return;
    };
    for path in files(&folder.join("csvs")) {
        let bytes = read(&path);
        let name = path.file_stem().unwrap().to_str().unwrap();
        if name == "location_coordinates" {
            // Its bare quotes break RFC 4180 (and its JSON lists another phone number): refused, and named.
            for size in SIZES {
                let (rows, _) = scan(&bytes, Dialect::COMMA, 4, size, size);
                assert_eq!(rows[1].fault, Some(("csv.bare_quote", 2)));
            }
            continue;
        }
        for size in SIZES {
            let table = table(&bytes, size);
            let json = read(&folder.join("json").join(format!("{name}.json")));
            assert_eq!(table[1..], expected(&json, &table[0]).0, "{name}, {size}");
        }
    }
}

#[test]
fn csv_test_data_reads_as_its_json_says_and_its_bad_files_are_flagged() {
    let Some(folder) = shared("edge/csv-test-data") else {
        return;
    };
    for path in files(&folder.join("csv")) {
        let bytes = read(&path);
        let name = path.file_stem().unwrap().to_str().unwrap();
        for size in SIZES {
            if name.starts_with("bad-") {
                let (rows, _) = scan(&bytes, Dialect::COMMA, 3, size, size);
                let fault = rows
                    .get(1)
                    .and_then(|row| row.fault)
                    .map(|(code, line)| (code, line, 3));
                let n_cells = rows.last().map_or(0, |row| row.cells.len());
                let seen = match name {
                    "bad-missing-quote" => (fault, Some(("csv.unclosed_quote", 2, 3))),
                    "bad-quotes-with-unescaped-quote" => (fault, Some(("csv.after_quote", 2, 3))),
                    "bad-unescaped-quote" => (fault, Some(("csv.bare_quote", 2, 3))),
                    "bad-header-less-fields" => {
                        (Some(("csv.fields", 2, n_cells)), Some(("csv.fields", 2, 2)))
                    }
                    "bad-header-more-fields" => {
                        (Some(("csv.fields", 2, n_cells)), Some(("csv.fields", 2, 4)))
                    }
                    // What a header has to say is not known here; these two have nothing but a header, or nothing.
                    "bad-header-wrong-header" => (Some(("", rows.len() as u64, 0)), Some(("", 1, 0))),
                    "bad-header-no-header" => (Some(("", rows.len() as u64, 0)), Some(("", 0, 0))),
                    _ => panic!("{name} is new"),
                };
                assert_eq!(seen.0, seen.1, "{name}, {size}");
                continue;
            }
            let table = table(&bytes, size);
            let json = read(&folder.join("json").join(format!("{name}.json")));
            let (wanted, by_column) = expected(&json, &table[0]);
            assert_eq!(
                if by_column { &table[1..] } else { &table[..] },
                wanted,
                "{name}, {size}"
            );
        }
    }
}

// ---- laws ------------------------------------------------------------------------------------------

/// Bytes that mean something, in any order.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(b"aa,,\"\"\n\r; ".to_vec()), 0..300)
}

/// Mostly well-formed text, long enough to fill blocks, with a stray byte now and then.
fn table_text() -> impl Strategy<Value = Vec<u8>> {
    let cell = prop_oneof![
        8 => "[a-z0-9]{0,12}",
        4 => "\"([a-z,\n]|\"\"){0,20}\"",
        1 => "\"[a-z]{0,70}\r\n[a-z]{0,70}\"",
        1 => Just("é".to_owned()),
    ];
    let row = (
        prop::collection::vec(cell, 1..6),
        prop::sample::select(vec!["\n", "\r\n", "\n\n"]),
    )
        .prop_map(|(cells, end)| cells.join(",") + end);
    let stray = prop::option::weighted(
        0.3,
        (
            any::<prop::sample::Index>(),
            prop::sample::select(b"\"\r\nx".to_vec()),
        ),
    );
    (prop::collection::vec(row, 0..40), stray).prop_map(|(rows, stray)| {
        let mut bytes = rows.concat().into_bytes();
        if let Some((at, byte)) = stray {
            bytes.insert(at.index(bytes.len() + 1), byte);
        }
        bytes
    })
}

/// Records of equally many cells.
fn even_table() -> impl Strategy<Value = Vec<u8>> {
    let cell = prop_oneof![
        6 => Just(String::new()),
        6 => "[a-z0-9é]{1,9}",
        1 => "\"([a-z,\n]|\"\"){0,20}\"",
        1 => "[a-z]{60,200}",
    ];
    (1_usize..24).prop_flat_map(move |n| {
        let row = prop::collection::vec(cell.clone(), n..=n).prop_map(|cells| cells.join(",") + "\n");
        prop::collection::vec(row, 0..30).prop_map(|rows| rows.concat().into_bytes())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_an_index_leaves_out_changes_no_field(
        bytes in prop_oneof![1 => table_text(), 3 => even_table()],
        wanted in prop::collection::vec(0_usize..24, 0..4),
        n_steady in 0_usize..4,
        crlf in any::<bool>(),
    ) {
        let n_columns = 1 + memchr::memchr_iter(b',', bytes.split(|byte| *byte == b'\n').next().unwrap()).count();
        let bytes = if crlf { bytes.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]) } else { bytes };
        let (mut all, mut some) = (RecordIndex::new(), RecordIndex::new());
        let all = all.index(&bytes, Dialect::COMMA, Columns::all(n_columns)).unwrap();
        let columns = Columns::some(n_columns, &wanted, &wanted[..n_steady.min(wanted.len())]);
        let some = some.index(&bytes, Dialect::COMMA, columns).unwrap();
        prop_assert_eq!(rows_of(&some, 1), rows_of(&all, 1));
        prop_assert_eq!((some.n_lines(), some.n_blank(), some.is_ascii()), (all.n_lines(), all.n_blank(), all.is_ascii()));
        for r in 0..all.len() {
            prop_assert_eq!(some.record(r), all.record(r));
            prop_assert_eq!(some.span(r), all.span(r));
        }
        for column in 0..n_columns {
            let mut given = 0;
            for records in [&some, &all] {
                let done = records.each_field(column, |r, field, rest| {
                    given += 1;
                    assert_eq!(field, all.field(r, column));
                    assert!(rest.starts_with(field.raw));
                });
                assert!(done || given == 0);
            }
        }
    }

    #[test]
    fn any_bytes_read_as_the_reference_says_in_any_chunks(
        bytes in prop_oneof![soup(), table_text()],
        chunk_size in prop::sample::select(vec![1_usize, 2, 3, 7, 63, 64, 65, 200, 4096]),
        step in prop::sample::select(vec![1_usize, 2, 7, 64, 4096]),
        delimiter in prop::sample::select(b",;".to_vec()),
        cr_only in any::<bool>(),
        n_columns in 1_usize..4,
    ) {
        let dialect = Dialect { delimiter, cr_only };
        prop_assert_eq!(scan(&bytes, dialect, n_columns, chunk_size, step), reference(&bytes, dialect, n_columns));
    }

    #[test]
    fn chunks_do_not_depend_on_how_bytes_arrive(bytes in soup(), chunk_size in 1_usize..100, step in 1_usize..100) {
        let whole = chunks(&bytes, Dialect::COMMA, chunk_size, usize::MAX);
        prop_assert_eq!(&whole, &chunks(&bytes, Dialect::COMMA, chunk_size, step));
        prop_assert_eq!(whole.into_iter().flat_map(|chunk| chunk.bytes.to_vec()).collect::<Vec<_>>(), bytes);
    }

    #[test]
    fn no_bytes_make_a_header_or_a_sniff_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), whole in any::<bool>()) {
        let shape = sniff_header(&bytes, whole);
        prop_assert!(shape.bom_len <= bytes.len());
        let parsed = parse_record(&bytes, Dialect::COMMA);
        prop_assert_eq!(parsed.is_none(), bytes.is_empty());
    }
}
