//! CSV as a carrier of bills: the header, the chunks, and the cells of a chunk.

use std::io::{Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arrow::array::ArrayRef;
use arrow::buffer::ScalarBuffer;

use crate::charge::batch::narrow_cost;
use crate::error::{Error, Result};
use crate::ingest::cells::{CellText, CellVisitor, Cells, Fault, Judged, MAX_FIELD, lossy};
use crate::ingest::csv::{
    Chunk, Chunker, Columns, Dialect, Encoding, Malformed, Parts, RecordIndex, RecordStatus, Records,
    parse_record, sniff_header,
};
use crate::ingest::source::Source;
use crate::ingest::text::{TextHead, read_error};
use crate::ingest::unpack::Packing;

/// Bytes that a header may have.
const MAX_HEADER: usize = 16 << 20;
/// Columns that a file may have.
const MAX_COLUMNS: usize = 4096;

/// How a CSV file is written.
#[derive(Debug, Clone)]
pub(crate) struct CsvShape {
    pub dialect: Dialect,
    pub headers: Vec<String>,
    /// Physical lines of the header and the blank lines before it.
    pub header_lines: u64,
    header_bytes: usize,
}

/// A CSV file being read.
pub(crate) struct CsvStream {
    chunker: Chunker,
    reader: Box<dyn Read + Send>,
    packing: Packing,
}

impl CsvShape {
    /// Reads the header.
    ///
    /// Errors: `csv.empty`, `enc.*`, `csv.*` for a header that cannot be read, `schema.dup_column`, `limit.columns`.
    pub(crate) fn of(head: &mut TextHead, delimiter: Option<u8>) -> Result<Self> {
        let shape = sniff_header(&head.sample, head.whole);
        match shape.encoding {
            Encoding::Utf16Le | Encoding::Utf16Be | Encoding::Utf32 => {
                return Err(
                    Error::file("enc.unknown", "this is UTF-16 or UTF-32 without a mark")
                        .hint("try --encoding utf-16le or utf-16be"),
                );
            }
            Encoding::Utf8 | Encoding::Other { .. } => {}
        }
        let dialect = Dialect::new(delimiter.unwrap_or(b','), shape.cr_only)?;
        let mut at = shape.bom_len;
        loop {
            let Some(record) = parse_record(&head.sample[at..], dialect) else {
                if head.grow()? {
                    continue;
                }
                return Err(Error::file(
                    "csv.empty",
                    "there is no header, only blank lines or nothing",
                ));
            };
            if !record.complete && !head.whole {
                if head.sample.len() >= MAX_HEADER {
                    return Err(Error::limit("limit.record", "the header is longer than 16 MiB"));
                }
                head.grow()?;
                continue;
            }
            let end = at + record.len;
            if record.fields.iter().all(|f| f.trim().is_empty()) && record.fields.len() <= 1 {
                at = end;
                continue;
            }
            let header_lines = count_lines(&head.sample[..end], dialect.newline());
            if let Some(malformed) = record.malformed {
                return Err(Error::file(malformed.code(), "the header is not sound CSV"));
            }
            if !record.utf8 {
                let bad = std::str::from_utf8(&head.sample[..end]).map_or_else(|e| e.valid_up_to(), |_| end);
                return Err(
                    Error::file("enc.utf8", format!("the header is not UTF-8 (byte {bad})"))
                        .hint("name the encoding, such as --encoding gb18030 or latin1"),
                );
            }
            let headers: Vec<String> = record.fields;
            if headers.len() > MAX_COLUMNS {
                return Err(Error::limit(
                    "limit.columns",
                    format!("{} columns; the limit is {MAX_COLUMNS}", headers.len()),
                ));
            }
            if headers.len() == 1
                && delimiter.is_none()
                && let Some(best) = shape.best_delimiter().filter(|best| *best != b',')
            {
                {
                    let shown = if best == b'\t' {
                        "tab".to_owned()
                    } else {
                        format!("'{}'", best as char)
                    };
                    return Err(Error::file(
                        "schema.header",
                        format!("no commas in the header; {shown} looks like the separator"),
                    )
                    .hint(format!("say so with --delimiter {shown}")));
                }
            }
            let mut sorted: Vec<&String> = headers.iter().filter(|h| !h.is_empty()).collect();
            sorted.sort();
            if let Some((twice, _)) = sorted.iter().zip(sorted.iter().skip(1)).find(|(a, b)| a == b) {
                return Err(Error::file(
                    "schema.dup_column",
                    format!("column {twice} stands twice in the header"),
                ));
            }
            return Ok(CsvShape {
                dialect,
                headers,
                header_lines,
                header_bytes: end,
            });
        }
    }

    /// Reads on behind the header.
    pub(crate) fn stream(&self, head: TextHead, chunk_bytes: usize) -> CsvStream {
        let mut sample = Cursor::new(head.sample);
        sample.set_position(self.header_bytes as u64);
        CsvStream {
            chunker: Chunker::new(self.dialect, chunk_bytes, Chunker::MAX_RECORD)
                .at_line(self.header_lines + 1),
            reader: Box::new(sample.chain(head.rest)),
            packing: head.packing,
        }
    }

    /// The records of a file that is read at places: plain, and as it lies on disk. `count` counts the bytes read
    /// behind the first ones of `head`.
    ///
    /// Errors: io.
    pub(crate) fn parts(
        &self,
        source: &Source,
        head: &TextHead,
        part_bytes: usize,
        count: &Arc<AtomicU64>,
    ) -> Result<Parts> {
        let file = source.open_file()?;
        let metadata = file.metadata().map_err(|e| Error::io("cannot be read", &e))?;
        let start = self.header_bytes as u64;
        let records = start..metadata.len().max(start);
        let count = (Arc::clone(count), head.sample.len() as u64);
        Ok(Parts::new(
            Box::new(file),
            self.dialect,
            records,
            part_bytes,
            count,
        ))
    }

    /// All columns, for visitors that look at every cell.
    pub(crate) fn all_columns(&self) -> Columns {
        Columns::all(self.headers.len())
    }

    /// The columns that a visitor reads; it may look at others, too, at a price. The fields of the `steady` ones are
    /// likely of one length.
    pub(crate) fn columns(&self, wanted: &[usize], steady: &[usize]) -> Columns {
        Columns::some(self.headers.len(), wanted, steady)
    }

    /// Hands the cells of a chunk to a visitor; gives its outcome, and the lines and blank lines of the chunk.
    pub(crate) fn visit<V: CellVisitor>(
        &self,
        chunk: &Chunk,
        index: &mut RecordIndex,
        columns: Columns,
        visitor: V,
    ) -> Result<(V::Out, u64, u64)> {
        let n_columns = self.headers.len();
        let records = index.index_chunk(chunk, self.dialect, columns);
        let mut judged = Judged::new(records.len());
        if !records.all_regular() {
            for row in 0..records.len() {
                match records.status(row) {
                    RecordStatus::Regular => {}
                    RecordStatus::FieldCount => {
                        let found = records.record(row).n_fields;
                        judged.refuse(
                            row,
                            Fault {
                                code: "csv.fields",
                                column: None,
                                text: cut(&lossy(records.text(row))),
                                expected: format!("{n_columns} fields (found {found})"),
                            },
                        );
                    }
                    RecordStatus::Malformed { kind, offset } => {
                        judged.refuse(row, malformed(kind, &records, row, offset));
                    }
                }
            }
        }
        if records.may_be_longer(MAX_FIELD) {
            refuse_long_fields(&records, &mut judged);
        }
        for (row, offset) in records.invalid_utf8() {
            judged.refuse(
                row,
                Fault {
                    code: "enc.utf8",
                    column: None,
                    text: cut(&lossy(records.text(row))),
                    expected: format!(
                        "UTF-8 (byte {} of the row is not; name the encoding with --encoding)",
                        offset - records.span(row).start
                    ),
                },
            );
        }
        let out = visitor.visit(&CsvCells { records }, judged)?;
        Ok((out, records.n_lines(), records.n_blank()))
    }
}

/// A row that is shorter than a field may be needs no look at its fields.
fn refuse_long_fields(records: &Records<'_>, judged: &mut Judged) {
    for row in (0..records.len()).filter(|row| records.span(*row).len() > MAX_FIELD) {
        let fields = (0..records.record(row).n_fields).map(|column| (column, records.field(row, column).raw));
        if let Some((column, text)) = fields.into_iter().find(|(_, text)| text.len() > MAX_FIELD) {
            judged.refuse(row, Fault::too_long(Some(column), text));
        }
    }
}

fn malformed(kind: Malformed, records: &Records<'_>, row: usize, offset: usize) -> Fault {
    // To the end of the row and no further: what follows it in the chunk depends on the size of chunks.
    let rest = &records.bytes_from(offset)[..records.record(row).end.saturating_sub(offset)];
    let expected = match kind {
        Malformed::AfterQuote => "a separator or the end of the line behind the closing quote".to_owned(),
        Malformed::BareQuote => "quotes around the field, and quotes inside it doubled".to_owned(),
        Malformed::UnclosedQuote => {
            let lines = count_lines(rest, b'\n');
            format!("a closing quote; the file ends {lines} lines after the quote that opens here")
        }
    };
    Fault {
        code: kind.code(),
        column: None,
        text: cut(&lossy(&rest[..rest.len().min(400)])),
        expected,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

fn count_lines(bytes: &[u8], newline: u8) -> u64 {
    memchr::memchr_iter(newline, bytes).count() as u64
}

impl CsvStream {
    /// The next chunk; `done` is one whose memory may be used again.
    pub(crate) fn next_chunk(&mut self, done: Option<Chunk>) -> Result<Option<Chunk>> {
        if let Some(done) = done {
            self.chunker.recycle(done);
        }
        // The chunker gives io errors a shape of its own; the packing knows better what they mean.
        let mut failed = None;
        let mut reader = Watched {
            inner: self.reader.as_mut(),
            failed: &mut failed,
        };
        let chunk = self.chunker.next_chunk(&mut reader);
        if let Some(error) = failed {
            return Err(read_error(self.packing, &error));
        }
        chunk
    }
}

/// Keeps the io error that a reader met.
pub(crate) struct Watched<'a> {
    pub inner: &'a mut (dyn Read + Send),
    pub failed: &'a mut Option<std::io::Error>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.inner.read(buf).map_err(|error| {
            let shown = std::io::Error::new(error.kind(), error.to_string());
            if error.kind() != std::io::ErrorKind::Interrupted {
                *self.failed = Some(error);
            }
            shown
        })
    }
}

struct CsvCells<'a> {
    records: Records<'a>,
}

impl Cells for CsvCells<'_> {
    fn n_rows(&self) -> usize {
        self.records.len()
    }

    fn cell<'a>(&'a self, row: usize, column: usize, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let Some(field) = self.records.get_field(row, column) else {
            return &[];
        };
        if !field.escaped {
            return field.raw;
        }
        scratch.clear();
        field.unescape_into(scratch);
        scratch
    }

    const PLAIN: bool = true;

    #[inline]
    fn each(&self, column: usize, mut f: impl FnMut(usize, CellText<'_>)) {
        let mut scratch = Vec::new();
        let done = self.records.each_field(column, |row, field, rest| {
            if field.escaped {
                scratch.clear();
                field.unescape_into(&mut scratch);
                f(row, CellText::alone(&scratch));
            } else {
                f(row, CellText::within(rest, field.raw.len()));
            }
        });
        if !done {
            for row in 0..self.n_rows() {
                f(row, CellText::alone(self.cell(row, column, &mut scratch)));
            }
        }
    }

    #[inline]
    fn each_short(&self, column: usize, f: impl FnMut(u128, &[u8])) -> bool {
        self.records.each_short(column, f)
    }

    #[inline]
    fn each_key<'a>(&'a self, column: usize, mut f: impl FnMut(usize, &'a [u8], bool)) -> bool {
        // Quotes inside are doubled in one text as in the other.
        self.records
            .each_field(column, |row, field, _| f(row, field.raw, field.escaped))
    }

    fn sound_instants(&self, column: usize) -> Option<ScalarBuffer<i64>> {
        self.records.zulu_instants(column).map(ScalarBuffer::from)
    }

    fn cost_column(&self, column: usize) -> Option<ArrayRef> {
        let (amounts, decimals) = self.records.short_amounts(column)?;
        narrow_cost(amounts, decimals, None).ok()
    }

    fn same_text(&self, column: usize) -> Option<&[u8]> {
        let text = self.records.same_text(column)?;
        (!text.contains(&b'"')).then_some(text)
    }

    fn lines_before(&self, row: usize) -> Option<u64> {
        Some(self.records.lines_before(self.records.span(row).start))
    }

    fn raw(&self, row: usize) -> String {
        lossy(self.records.text(row))
    }
}
