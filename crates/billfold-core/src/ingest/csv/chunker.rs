//! Cuts a stream into chunks that begin and end at true record borders.
//!
//! One pass that only follows quotes: this is the sequential part of reading a CSV file, so it does not
//! look for fields. Where a chunk ends depends on the bytes and the chunk size alone, not on how the
//! bytes arrive, and it is exact for malformed input too.

use std::io::Read;

use super::mask::{BLOCK, Block, Portable, below};
use super::{Dialect, QUOTE};
use crate::error::{Error, Result};
use crate::ingest::feed::{Feed, MAX_CHUNK};

/// Whole records, in the order of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The records, each with its line end; the last record of the stream may lack one.
    pub bytes: Vec<u8>,
    /// Place of the chunk in the stream, from 0.
    pub index: u64,
    /// Physical line of the first byte, from 1.
    pub first_line: u64,
    /// Offset of the first byte in the stream; a byte order mark counts.
    pub byte_offset: u64,
}

/// A stream on its way into [`Chunk`]s. One per file or file member.
#[derive(Debug)]
pub struct Chunker {
    feed: Feed,
    scan: BorderScan,
    /// Bytes of the feed that the scan has seen.
    n_scanned: usize,
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
            scan: BorderScan::new(dialect),
            n_scanned: 0,
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
            let bytes = self.feed.bytes();
            self.scan.advance(bytes, self.n_scanned, self.max_record);
            self.n_scanned = bytes.len();
            // Only the last border is looked for in what a single record may fill.
            let first_end = if bytes.len() <= self.max_record {
                0
            } else if self.scan.first_border > 0 {
                self.scan.first_border
            } else {
                bytes.len()
            };
            let rest = bytes.len() - self.scan.last_border;
            if first_end > self.max_record {
                return Err(self.record_too_long(0));
            }
            if self.feed.at_end() {
                if rest > self.max_record {
                    return Err(self.record_too_long(self.scan.last_border));
                }
                let cut = bytes.len();
                return Ok(if cut == 0 { None } else { Some(self.cut(cut)) });
            }
            if self.scan.last_border > 0 {
                return Ok(Some(self.cut(self.scan.last_border)));
            }
        }
    }

    /// Gives the buffer of a chunk back, so that the next one need not be allocated.
    pub fn recycle(&mut self, chunk: Chunk) {
        self.feed.recycle(chunk.bytes);
    }

    fn cut(&mut self, at: usize) -> Chunk {
        let (first_line, byte_offset) = (self.feed.line(), self.feed.byte_offset());
        let bytes = self.feed.cut(at, self.counts_lines.then_some(self.scan.newline));
        self.scan.first_border = 0;
        self.scan.last_border = 0;
        self.n_scanned -= at;
        let index = self.next_index;
        self.next_index += 1;
        Chunk {
            bytes,
            index,
            first_line,
            byte_offset,
        }
    }

    #[cold]
    fn record_too_long(&self, at: usize) -> Error {
        let error = Error::limit(
            "limit.record",
            format!("a record is longer than the limit of {} bytes", self.max_record),
        )
        .at(self.feed.place(at, self.scan.newline));
        if self.scan.inside {
            error.hint("a quote that is never closed makes one record of all that follows")
        } else {
            error
        }
    }
}

/// Bytes at the end of a chunk in which its last border is looked for first.
const TAIL: usize = 16 << 10;

/// Follows the quotes of a stream, and remembers the first and last record border since the last cut.
///
/// Outside quotes the part that a quote plays is known from the byte before it alone: at the start of a
/// field it opens, after a closing quote it makes that one half of `""`, anywhere else it is text. So the
/// state that crosses a block is three bits, and needs no look ahead.
#[derive(Debug, Clone)]
pub(super) struct BorderScan {
    delimiter: u8,
    newline: u8,
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
            inside: false,
            closed: false,
            field_start: true,
            first_border: 0,
            last_border: 0,
        }
    }

    /// Scans `bytes[from..]`; everything before was scanned already.
    ///
    /// Unless there is more than `max_record` of them, the first border may be any border.
    fn advance(&mut self, bytes: &[u8], from: usize, max_record: usize) {
        let mut at = from;
        if !self.inside {
            // Most exports quote nothing: then two searches replace the whole pass.
            let quote = memchr::memchr(QUOTE, &bytes[at..]).map_or(bytes.len(), |n| at + n);
            self.plain(&bytes[at..quote], at);
            at = quote;
        }
        // The last border stands near the end; up to there it is enough to follow the quotes.
        let tail = bytes.len().saturating_sub(TAIL) / BLOCK * BLOCK;
        if bytes.len() <= max_record && tail > at {
            let before = self.clone();
            self.run::<false>(&bytes[..tail], at);
            self.run::<true>(bytes, tail);
            if self.last_border >= tail {
                return;
            }
            *self = before;
        }
        self.run::<true>(bytes, at);
    }

    /// Scans `bytes[at..]` by the best means of this machine.
    fn run<const BORDERS: bool>(&mut self, bytes: &[u8], at: usize) {
        #[cfg(target_arch = "x86_64")]
        if super::avx2::detected() {
            super::avx2::border_blocks::<BORDERS>(self, bytes, at);
            return;
        }
        self.blocks_of::<Portable, BORDERS>(bytes, at);
    }

    /// Scans `bytes[at..]` block by block.
    #[expect(clippy::inline_always, reason = "compiled once per kind of machine")]
    #[inline(always)]
    pub(super) fn blocks_of<B: Block, const BORDERS: bool>(&mut self, bytes: &[u8], mut at: usize) {
        let (blocks, tail) = bytes[at..].as_chunks::<BLOCK>();
        for block in blocks {
            let loaded = B::new(block);
            if BORDERS || loaded.eq(QUOTE) != 0 {
                self.block::<B, BORDERS>(loaded, block, at);
            } else {
                self.ended(block[BLOCK - 1]);
            }
            at += BLOCK;
        }
        if !tail.is_empty() {
            self.block::<B, BORDERS>(B::partial(tail), tail, at);
        }
    }

    /// A stretch outside quotes that has no quote.
    fn plain(&mut self, stretch: &[u8], base: usize) {
        let Some(&last) = stretch.last() else { return };
        if let Some(end) = memchr::memrchr(self.newline, stretch) {
            if self.first_border == 0 {
                let first = memchr::memchr(self.newline, stretch).unwrap_or(end);
                self.first_border = base + first + 1;
            }
            self.last_border = base + end + 1;
        }
        self.ended_outside(last);
    }

    #[expect(clippy::inline_always, reason = "compiled once per kind of machine")]
    #[inline(always)]
    fn block<B: Block, const BORDERS: bool>(&mut self, block: B, bytes: &[u8], base: usize) {
        let valid = below(bytes.len());
        let Some(&last) = bytes.last() else { return };
        let quotes = block.eq(QUOTE) & valid;
        if quotes == 0 {
            if BORDERS && !self.inside {
                self.borders(block.eq(self.newline) & valid, base);
            }
            self.ended(last);
            return;
        }
        let newlines = block.eq(self.newline) & valid;
        let starts = newlines | block.eq(self.delimiter) & valid;
        let inside = B::prefix_xor(quotes) ^ if self.inside { !0 } else { 0 };
        // Parity is the truth as long as every quote that it takes for an opening one may open: at the
        // start of a field, or behind a quote, which then is the first half of `""`.
        let may_open = (starts | quotes) << 1 | u64::from(self.field_start | self.closed);
        if quotes & inside & !may_open != 0 {
            for (offset, &byte) in bytes.iter().enumerate() {
                self.step(byte, base + offset);
            }
            return;
        }
        if BORDERS {
            self.borders(newlines & !inside, base);
        }
        let last_bit = 1 << (bytes.len() - 1);
        self.inside = inside & last_bit != 0;
        self.closed = last == QUOTE && !self.inside;
        self.field_start = starts & !inside & last_bit != 0;
    }

    /// The rule itself, for blocks in which quotes stand where they should not.
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
            self.ended_outside(byte);
            self.borders(u64::from(byte == self.newline), at);
        }
    }

    /// What a stretch without quotes whose last byte is `last` leaves behind.
    #[inline]
    fn ended(&mut self, last: u8) {
        self.closed = false;
        self.field_start = !self.inside && (last == self.delimiter || last == self.newline);
    }

    fn ended_outside(&mut self, last: u8) {
        self.closed = false;
        self.field_start = last == self.delimiter || last == self.newline;
    }

    #[inline]
    fn borders(&mut self, newlines: u64, base: usize) {
        if newlines != 0 {
            if self.first_border == 0 {
                self.first_border = base + newlines.trailing_zeros() as usize + 1;
            }
            self.last_border = base + BLOCK - newlines.leading_zeros() as usize;
        }
    }
}
