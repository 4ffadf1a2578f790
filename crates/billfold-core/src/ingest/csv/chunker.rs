//! Cuts a stream into chunks that begin and end at true record borders.
//!
//! One pass that follows quotes and marks where fields end: the sequential part of reading a CSV file.
//! Input that breaks a quoting rule gets no marks; there a slower pass finds the borders. Where a chunk ends
//! depends on the bytes and the chunk size alone, not on how the bytes arrive, and it is exact for malformed
//! input too.

use std::io::Read;

use super::Dialect;
use super::borders::Borders;
use super::marks::Marks;
use crate::error::{Error, Result};
use crate::ingest::feed::{Feed, MAX_CHUNK, Piece, count_lines};

/// Whole records, in the order of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The records, each with its line end; the last record of the stream may lack one.
    pub bytes: Piece,
    /// Physical line of the first byte, from 1, where what stands before it was read first.
    pub first_line: Option<u64>,
    /// Offset of the first byte in the stream; a byte order mark counts.
    pub byte_offset: u64,
    /// Where fields end; None where the bytes break a quoting rule.
    pub(super) marks: Option<Marks>,
}

/// A stream on its way into [`Chunk`]s. One per file or file member.
#[derive(Debug)]
pub struct Chunker {
    feed: Feed,
    dialect: Dialect,
    borders: Borders,
    chunk_size: usize,
    max_record: usize,
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
            feed: Feed::at_line(1),
            dialect,
            borders: Borders::new(dialect),
            chunk_size,
            max_record: max_record.clamp(chunk_size.max(4), MAX_CHUNK / 2),
        }
    }

    /// Counts physical lines from this one on.
    #[must_use]
    pub fn at_line(mut self, line: u64) -> Self {
        self.feed = Feed::at_line(line);
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
            self.borders.advance(bytes, at_end);
            let last_border = self.borders.last_border(bytes);
            // Only the last border is looked for in what a single record may fill.
            let first_end = if bytes.len() <= self.max_record {
                0
            } else {
                match self.borders.first_border(bytes) {
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
        self.borders.recycle(chunk.marks);
    }

    fn cut(&mut self, at: usize) -> Chunk {
        let (first_line, byte_offset) = (self.feed.line(), self.feed.byte_offset());
        let marks = self.borders.cut(self.feed.bytes(), at);
        let n_lines = match &marks {
            Some(marks) => marks.counts.n_lines,
            None => count_lines(&self.feed.bytes()[..at], self.dialect.newline()),
        };
        Chunk {
            bytes: self.feed.cut(at, n_lines),
            first_line: Some(first_line),
            byte_offset,
            marks,
        }
    }

    #[cold]
    fn record_too_long(&self, at: usize) -> Error {
        let place = self.feed.place(at, self.dialect.newline());
        self.borders.too_long(self.max_record, place)
    }
}
