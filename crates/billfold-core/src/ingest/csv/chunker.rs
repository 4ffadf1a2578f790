//! Cuts a stream into chunks that begin and end at true record borders.
//!
//! One pass that follows quotes and marks where fields end: the sequential part of reading a CSV file.
//! Input that breaks a quoting rule gets no marks; there a slower pass finds the borders. Where a chunk ends
//! depends on the bytes and the chunk size alone, not on how the bytes arrive, and it is exact for malformed
//! input too.

use std::io::Read;

use super::marks::{Counts, Marker, Marks};
use super::mask::BLOCK;
use super::{Dialect, QUOTE};
use crate::error::{Error, Result};
use crate::ingest::feed::{Feed, MAX_CHUNK, Piece};

/// Whole records, in the order of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The records, each with its line end; the last record of the stream may lack one.
    pub bytes: Piece,
    /// Place of the chunk in the stream, from 0.
    pub index: u64,
    /// Physical line of the first byte, from 1.
    pub first_line: u64,
    /// Offset of the first byte in the stream; a byte order mark counts.
    pub byte_offset: u64,
    /// Where fields end; None where the bytes break a quoting rule.
    pub(super) marks: Option<Marks>,
}

/// A stream on its way into [`Chunk`]s. One per file or file member.
#[derive(Debug)]
pub struct Chunker {
    feed: Feed,
    scan: Scan,
    chunk_size: usize,
    max_record: usize,
    next_index: u64,
    counts_lines: bool,
}

impl Chunker {
    /// Bytes a record may have unless the caller says otherwise: 16 MiB.
    pub const MAX_RECORD: usize = 16 << 20;

    /// A chunker that reads `chunk_size` bytes for each chunk.
    ///
    /// A record longer than `max_record` bytes, line end included, ends the work with `limit.record`.
    /// The limit is never below `chunk_size`, so that it does not depend on where chunks happen to end,
    /// nor above 2 GiB.
    pub fn new(dialect: Dialect, chunk_size: usize, max_record: usize) -> Self {
        let chunk_size = chunk_size.clamp(1, MAX_CHUNK / 2);
        Chunker {
            feed: Feed::new(),
            scan: Scan::new(dialect),
            chunk_size,
            max_record: max_record.clamp(chunk_size.max(4), MAX_CHUNK / 2),
            next_index: 0,
            counts_lines: true,
        }
    }

    /// Leaves `first_line` of all chunks at 1, for callers that have the lines counted elsewhere.
    #[must_use]
    pub fn without_lines(mut self) -> Self {
        self.counts_lines = false;
        self
    }

    /// The next chunk of `input`, or None after the last one. Always pass the same reader.
    ///
    /// Reads until the chunk is full, however few bytes a read call brings.
    /// Errors: io, from the reader; `limit.record`, with the line on which the record begins.
    pub fn next_chunk(&mut self, input: &mut dyn Read) -> Result<Option<Chunk>> {
        loop {
            self.feed.more(input, self.chunk_size)?;
            let at_end = self.feed.at_end();
            let bytes = self.feed.bytes();
            self.scan.advance(bytes, at_end);
            let last_border = self.scan.last_border(bytes);
            // Only the last border is looked for in what a single record may fill.
            let first_end = if bytes.len() <= self.max_record {
                0
            } else {
                match self.scan.first_border(bytes) {
                    0 => bytes.len(),
                    border => border,
                }
            };
            let rest = bytes.len() - last_border;
            if first_end > self.max_record {
                return Err(self.record_too_long(0));
            }
            if at_end {
                if rest > self.max_record {
                    return Err(self.record_too_long(last_border));
                }
                let cut = bytes.len();
                return Ok(if cut == 0 { None } else { Some(self.cut(cut)) });
            }
            if last_border > 0 {
                return Ok(Some(self.cut(last_border)));
            }
        }
    }

    /// Gives the buffer of a chunk back, so that the next one need not be allocated.
    pub fn recycle(&mut self, chunk: Chunk) {
        self.feed.recycle(chunk.bytes);
        self.scan.spare = self.scan.spare.take().or(chunk.marks);
    }

    fn cut(&mut self, at: usize) -> Chunk {
        let (first_line, byte_offset) = (self.feed.line(), self.feed.byte_offset());
        let marks = self.scan.cut(self.feed.bytes(), at);
        let newline = self.scan.dialect.newline();
        let bytes = self.feed.cut(at, self.counts_lines.then_some(newline));
        let index = self.next_index;
        self.next_index += 1;
        Chunk {
            bytes,
            index,
            first_line,
            byte_offset,
            marks,
        }
    }

    #[cold]
    fn record_too_long(&self, at: usize) -> Error {
        let error = Error::limit(
            "limit.record",
            format!("a record is longer than the limit of {} bytes", self.max_record),
        )
        .at(self.feed.place(at, self.scan.dialect.newline()));
        if self.scan.is_inside() {
            error.hint("a quote that is never closed makes one record of all that follows")
        } else {
            error
        }
    }
}

/// Finds the borders of the records in the bytes of a feed, which always begin at one.
#[derive(Debug)]
struct Scan {
    dialect: Dialect,
    marks: Marks,
    /// Blocks that need not be marked again, and the state behind them.
    n_blocks: usize,
    marker: Marker,
    counts: Counts,
    /// The state behind all bytes.
    is_inside: bool,
    /// What finds the borders where a quoting rule was broken since the last cut.
    by_letter: Option<BorderScan>,
    /// Memory that came back.
    spare: Option<Marks>,
}

impl Scan {
    fn new(dialect: Dialect) -> Self {
        Scan {
            dialect,
            marks: Marks::default(),
            n_blocks: 0,
            marker: Marker::new(dialect),
            counts: Counts::default(),
            is_inside: false,
            by_letter: None,
            spare: None,
        }
    }

    /// Scans what has come since the last call.
    fn advance(&mut self, bytes: &[u8], at_end: bool) {
        if self.by_letter.is_none() && !self.mark(bytes, at_end) {
            self.by_letter = Some(BorderScan::new(self.dialect));
        }
        if let Some(scan) = &mut self.by_letter {
            scan.advance(bytes);
            self.is_inside = scan.inside;
        }
    }

    /// Marks what has come; says whether the quoting rules are kept so far, and to the end at the end.
    fn mark(&mut self, bytes: &[u8], at_end: bool) -> bool {
        // The last block is marked again with the bytes that follow it: they decide what stands in it.
        let n_whole = bytes.len().saturating_sub(1) / BLOCK;
        self.marks.ends.truncate(self.n_blocks);
        self.marks.counts = self.counts;
        if !self.marker.run(&mut self.marks, bytes, self.n_blocks..n_whole) {
            return false;
        }
        self.n_blocks = n_whole;
        self.counts = self.marks.counts;
        let mut ahead = self.marker.clone();
        let sound = ahead.run(&mut self.marks, bytes, n_whole..bytes.len().div_ceil(BLOCK));
        self.is_inside = ahead.is_inside();
        sound && !(at_end && self.is_inside)
    }

    /// Whether the bytes end inside quotes.
    fn is_inside(&self) -> bool {
        self.is_inside
    }

    /// Offset after the first line end outside quotes; 0 is none.
    fn first_border(&self, bytes: &[u8]) -> usize {
        match &self.by_letter {
            Some(scan) => scan.first_border,
            None => self.marks.first_border(bytes, self.dialect.newline()),
        }
    }

    /// Offset after the last line end outside quotes; 0 is none.
    fn last_border(&self, bytes: &[u8]) -> usize {
        match &self.by_letter {
            Some(scan) => scan.last_border,
            None => self.marks.last_border(bytes, self.dialect.newline()),
        }
    }

    /// The marks of the bytes before `at`, a border, behind which all begins anew.
    fn cut(&mut self, bytes: &[u8], at: usize) -> Option<Marks> {
        let mut next = self.spare.take().unwrap_or_default();
        next.clear();
        let mut marks = std::mem::replace(&mut self.marks, next);
        self.n_blocks = 0;
        self.marker = Marker::new(self.dialect);
        self.counts = Counts::default();
        if self.by_letter.take().is_some() {
            self.spare = Some(marks);
            return None;
        }
        marks.cut(at, bytes, self.dialect.newline());
        Some(marks)
    }
}

/// Follows the quotes letter by letter, and remembers the first and last record border.
///
/// Outside quotes the part that a quote plays is known from the byte before it alone: at the start of a
/// field it opens, after a closing quote it makes that one half of `""`, anywhere else it is text.
#[derive(Debug)]
struct BorderScan {
    delimiter: u8,
    newline: u8,
    /// Bytes seen so far.
    n_seen: usize,
    /// The next byte stands inside quotes.
    inside: bool,
    /// The last byte was a quote that closed.
    closed: bool,
    /// The next byte starts a field.
    field_start: bool,
    /// Offset after the first line end outside quotes; 0 is none.
    first_border: usize,
    /// Offset after the last line end outside quotes; 0 is none.
    last_border: usize,
}

impl BorderScan {
    fn new(dialect: Dialect) -> Self {
        BorderScan {
            delimiter: dialect.delimiter,
            newline: dialect.newline(),
            n_seen: 0,
            inside: false,
            closed: false,
            field_start: true,
            first_border: 0,
            last_border: 0,
        }
    }

    /// Scans what of `bytes` is new.
    fn advance(&mut self, bytes: &[u8]) {
        for (at, &byte) in bytes.iter().enumerate().skip(self.n_seen) {
            self.step(byte, at);
        }
        self.n_seen = bytes.len();
    }

    fn step(&mut self, byte: u8, at: usize) {
        if self.inside {
            self.closed = byte == QUOTE;
            self.inside = !self.closed;
            self.field_start = false;
        } else if byte == QUOTE {
            self.inside = self.closed || self.field_start;
            self.closed = false;
            self.field_start = false;
        } else {
            self.closed = false;
            self.field_start = byte == self.delimiter || byte == self.newline;
            if byte == self.newline {
                self.last_border = at + 1;
                if self.first_border == 0 {
                    self.first_border = at + 1;
                }
            }
        }
    }
}
