//! The structural index of one chunk: where its records and fields stand.
//!
//! A [`RecordIndex`] is one worker's reusable memory; [`Records`] is its view of one chunk. Regular input
//! is indexed by block masks, a chunk that breaks a quoting rule anywhere by `scalar`; both fill the same
//! index. Nothing is copied or decoded here: a field is a slice of the chunk.

use std::borrow::Cow;
use std::ops::Range;

use wide::u8x32;

use super::mask::{BLOCK, Block, below, prefix_xor};
use super::scalar::{self, Event};
use super::{Dialect, Malformed, QUOTE};
use crate::error::{Error, Result};
use crate::ingest::feed::{MAX_CHUNK, count_lines};

/// The memory of an index, reused from chunk to chunk. One per worker.
#[derive(Debug, Default)]
pub struct RecordIndex {
    /// Offsets of delimiters and record ends outside quotes, in order; room beyond what is used.
    ends: Vec<u32>,
    entries: Vec<Entry>,
    /// The first fault of each malformed record, in order.
    faults: Vec<Fault>,
}

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    /// Offset of its first byte.
    start: u32,
    /// Where the end of its first field stands in `ends`.
    first: u32,
    n_fields: u32,
    flags: u32,
}

const HAS_QUOTES: u32 = 1;
const MALFORMED: u32 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fault {
    record: u32,
    offset: u32,
    kind: Malformed,
}

/// The records of one chunk.
#[derive(Debug, Clone, Copy)]
pub struct Records<'a> {
    bytes: &'a [u8],
    ends: &'a [u32],
    entries: &'a [Entry],
    faults: &'a [Fault],
    dialect: Dialect,
    n_columns: usize,
    n_blank: u64,
    blank_bytes: u64,
    ascii: bool,
}

/// What is known of a record without decoding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordRef {
    /// Offset of its first byte in the chunk.
    pub start: usize,
    /// Offset after its text, before its line end.
    pub end: usize,
    /// Fields it has.
    pub n_fields: usize,
    /// Whether its fields can be read.
    pub status: RecordStatus,
    /// Whether a quote stands anywhere in it.
    pub has_quotes: bool,
}

/// Whether the fields of a record can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordStatus {
    /// Well formed, and as many fields as there are columns.
    Regular,
    /// Well formed, but with fewer or more fields than there are columns.
    FieldCount,
    /// Against the quoting rules. `offset` is where in the chunk this was first seen; for an unclosed
    /// quote, where the quotes open.
    Malformed {
        /// Which rule.
        kind: Malformed,
        /// Offset in the chunk.
        offset: usize,
    },
}

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its bytes, without the quotes around them.
    pub raw: &'a [u8],
    /// Whether it stood in quotes: `""` is an empty text where an unquoted empty cell is no value.
    pub quoted: bool,
    /// Whether `raw` holds `""` for quotes.
    pub escaped: bool,
}

impl<'a> Field<'a> {
    /// The text of the cell; copied only where it has escaped quotes.
    pub fn text(&self) -> Cow<'a, [u8]> {
        if !self.escaped {
            return Cow::Borrowed(self.raw);
        }
        let mut text = Vec::with_capacity(self.raw.len());
        self.unescape_into(&mut text);
        Cow::Owned(text)
    }

    /// Appends the text of the cell to `out`.
    pub fn unescape_into(&self, out: &mut Vec<u8>) {
        let mut rest = self.raw;
        while self.escaped
            && let Some(at) = memchr::memchr(QUOTE, rest)
        {
            out.extend_from_slice(&rest[..=at]);
            let next = if rest.get(at + 1) == Some(&QUOTE) {
                at + 2
            } else {
                at + 1
            };
            rest = &rest[next..];
        }
        out.extend_from_slice(rest);
    }
}

impl RecordIndex {
    /// An index without memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Finds the records and fields of `bytes`, which begin and end at record borders.
    ///
    /// `n_columns` is what a regular record has. A line that is empty or holds only spaces and tabs is no
    /// record but blank, except where there is one column: there it is a record of one field. A line end
    /// at the end of `bytes` opens no further record.
    /// Errors: `limit.record` when `bytes` has 2 GiB or more; a [`super::Chunker`] never hands that out.
    pub fn index<'a>(
        &'a mut self,
        bytes: &'a [u8],
        dialect: Dialect,
        n_columns: usize,
    ) -> Result<Records<'a>> {
        if bytes.len() > MAX_CHUNK {
            return Err(Error::limit(
                "limit.record",
                "a chunk of 2 GiB or more cannot be indexed",
            ));
        }
        let mut fill = Fill::new(self, bytes, dialect, n_columns);
        let ascii = match memchr::memchr(QUOTE, bytes) {
            None => fill.by_blocks::<false>(),
            Some(_) => fill.by_blocks::<true>(),
        };
        // A broken rule shows only after part of the chunk is indexed; then all of it is done again by the letter.
        let ascii = ascii.unwrap_or_else(|| fill.by_letter());
        Ok(fill.finish(ascii))
    }

    /// The same through the scalar rules alone, to test one way against the other.
    #[cfg(test)]
    pub(super) fn index_by_letter<'a>(
        &'a mut self,
        bytes: &'a [u8],
        dialect: Dialect,
        n_columns: usize,
    ) -> Records<'a> {
        let mut fill = Fill::new(self, bytes, dialect, n_columns);
        let ascii = fill.by_letter();
        fill.finish(ascii)
    }
}

/// An index being filled.
struct Fill<'a> {
    index: &'a mut RecordIndex,
    bytes: &'a [u8],
    dialect: Dialect,
    n_columns: usize,
    /// Used part of `index.ends`.
    n_ends: usize,
    /// Start of the record being filled, and the place of its first field in `ends`.
    start: usize,
    first: usize,
    n_blank: u64,
    blank_bytes: u64,
}

impl<'a> Fill<'a> {
    fn new(index: &'a mut RecordIndex, bytes: &'a [u8], dialect: Dialect, n_columns: usize) -> Self {
        let mut fill = Fill {
            index,
            bytes,
            dialect,
            n_columns,
            n_ends: 0,
            start: 0,
            first: 0,
            n_blank: 0,
            blank_bytes: 0,
        };
        fill.reset();
        fill
    }

    fn reset(&mut self) {
        self.index.entries.clear();
        self.index.faults.clear();
        (self.n_ends, self.start, self.first) = (0, 0, 0);
        (self.n_blank, self.blank_bytes) = (0, 0);
    }

    /// Indexes by masks. Says whether all bytes are ASCII, or None where a quoting rule is broken.
    fn by_blocks<const QUOTES: bool>(&mut self) -> Option<bool> {
        let bytes = self.bytes;
        let mut folded = u8x32::splat(0);
        // Moved out for the loop, so that its length and place stay in registers.
        let mut ends = std::mem::take(&mut self.index.ends);
        let mut parity = Parity {
            inside: 0,
            may_open: 1,
            closed: 0,
            quoted: false,
        };
        let mut base = 0;
        let (blocks, tail) = bytes.as_chunks::<BLOCK>();
        let mut regular = true;
        for block in blocks {
            let block = Block::new(block);
            folded |= block.folded();
            regular &= self.block::<QUOTES>(block, !0, base, &mut parity, &mut ends);
            if QUOTES && !regular {
                break;
            }
            base += BLOCK;
        }
        if regular && !tail.is_empty() {
            let block = Block::partial(tail);
            folded |= block.folded();
            regular = self.block::<QUOTES>(block, below(tail.len()), base, &mut parity, &mut ends);
        }
        self.index.ends = ends;
        if !regular || parity.inside != 0 {
            return None;
        }
        if self.start < bytes.len() {
            self.push_end(bytes.len());
            self.close(
                self.n_ends - 1,
                bytes.len(),
                if parity.quoted { HAS_QUOTES } else { 0 },
            );
        }
        // The sign bits of the bytes are what makes a bit mask.
        Some(folded.to_bitmask() == 0)
    }

    /// Indexes one block; false where a quoting rule is broken in it.
    #[inline(always)]
    fn block<const QUOTES: bool>(
        &mut self,
        block: Block,
        valid: u64,
        base: usize,
        parity: &mut Parity,
        ends: &mut Vec<u32>,
    ) -> bool {
        let mut newlines = block.eq(self.dialect.newline()) & valid;
        let mut structural = newlines | block.eq(self.dialect.delimiter) & valid;
        let mut quotes = 0;
        if QUOTES {
            quotes = block.eq(QUOTE) & valid;
            let inside = prefix_xor(quotes) ^ parity.inside;
            let (opening, closing) = (quotes & inside, quotes & !inside);
            let around = structural | quotes;
            // An opening quote stands at the start of a field, or is the second half of `""`; behind a
            // closing quote stands a delimiter, a record end, or the second half of `""`.
            let wrong = opening & !(around << 1 | parity.may_open);
            let stray = (closing << 1 | parity.closed) & !around & valid;
            if wrong != 0 || stray != 0 && !self.only_carriage_returns(stray, base) {
                return false;
            }
            parity.may_open = around >> 63;
            parity.closed = closing >> 63;
            parity.inside = 0_u64.wrapping_sub(inside >> 63);
            structural &= !inside;
            newlines &= !inside;
        }
        let n_ends = self.n_ends;
        let mut left = newlines;
        while left != 0 {
            let bit = left.trailing_zeros() as usize;
            let before = (1_u64 << bit).wrapping_sub(1);
            let slot = n_ends.wrapping_add((structural & before).count_ones() as usize);
            let mut flags = 0;
            if QUOTES {
                if parity.quoted || quotes & before != 0 {
                    flags = HAS_QUOTES;
                }
                parity.quoted = false;
                quotes &= !before;
            }
            self.close(slot, base.wrapping_add(bit), flags);
            left &= left.wrapping_sub(1);
        }
        if QUOTES {
            parity.quoted |= quotes != 0;
        }
        if ends.len() < n_ends.wrapping_add(BLOCK) {
            grow(ends, self.bytes.len());
        }
        push_bits(&mut ends[n_ends..], base as u32, structural);
        self.n_ends = n_ends.wrapping_add(structural.count_ones() as usize);
        true
    }

    /// Whether each of these bytes behind a closing quote is the CR of a CRLF, or of one that the end of the file cut.
    fn only_carriage_returns(&self, mut stray: u64, base: usize) -> bool {
        while stray != 0 {
            let at = base + stray.trailing_zeros() as usize;
            let behind = &self.bytes[at..];
            if self.dialect.cr_only || !(behind.starts_with(b"\r\n") || behind == b"\r") {
                return false;
            }
            stray &= stray - 1;
        }
        true
    }

    /// Indexes by the scalar rules. Says whether all bytes are ASCII.
    fn by_letter(&mut self) -> bool {
        self.reset();
        let (bytes, dialect) = (self.bytes, self.dialect);
        let mut fault = None;
        scalar::walk(bytes, dialect, |event| {
            match event {
                Event::Field(end) => self.push_end(end),
                Event::Fault(kind, offset) => fault = fault.or(Some((kind, offset))),
                Event::Record(end) => {
                    self.push_end(end);
                    let mut flags = 0;
                    if memchr::memchr(QUOTE, &bytes[self.start..end]).is_some() {
                        flags |= HAS_QUOTES;
                    }
                    if let Some((kind, offset)) = fault.take() {
                        flags |= MALFORMED;
                        let record = self.index.entries.len() as u32;
                        self.index.faults.push(Fault {
                            record,
                            offset: offset as u32,
                            kind,
                        });
                    }
                    self.close(self.n_ends - 1, end, flags);
                }
            }
            true
        });
        bytes.is_ascii()
    }

    fn push_end(&mut self, end: usize) {
        if self.index.ends.len() <= self.n_ends {
            grow(&mut self.index.ends, self.bytes.len());
        }
        self.index.ends[self.n_ends] = end as u32;
        self.n_ends += 1;
    }

    /// Ends a record at offset `end`, whose last field end goes to `slot`.
    #[inline]
    fn close(&mut self, slot: usize, end: usize, flags: u32) {
        let n_fields = slot.wrapping_sub(self.first).wrapping_add(1);
        if n_fields == 1 && self.n_columns != 1 && self.is_blank(end) {
            self.n_blank += 1;
            self.blank_bytes += ((end + 1).min(self.bytes.len()) - self.start) as u64;
        } else {
            self.index.entries.push(Entry {
                start: self.start as u32,
                first: self.first as u32,
                n_fields: n_fields as u32,
                flags,
            });
        }
        self.first = slot.wrapping_add(1);
        self.start = end.wrapping_add(1);
    }

    fn is_blank(&self, end: usize) -> bool {
        let line = &self.bytes[self.start..end];
        let line = if self.dialect.cr_only {
            line
        } else {
            line.strip_suffix(b"\r").unwrap_or(line)
        };
        line.iter().all(|byte| matches!(byte, b' ' | b'\t'))
    }

    fn finish(self, ascii: bool) -> Records<'a> {
        let index: &'a RecordIndex = self.index;
        Records {
            bytes: self.bytes,
            ends: &index.ends[..self.n_ends],
            entries: &index.entries,
            faults: &index.faults,
            dialect: self.dialect,
            n_columns: self.n_columns,
            n_blank: self.n_blank,
            blank_bytes: self.blank_bytes,
            ascii,
        }
    }
}

/// What crosses the border between two blocks.
struct Parity {
    /// All ones when the next byte stands inside quotes.
    inside: u64,
    /// 1 when a quote may open at the next byte.
    may_open: u64,
    /// 1 when the last byte was a closing quote.
    closed: u64,
    /// The record being filled has had a quote.
    quoted: bool,
}

/// Makes room for at least one more block of ends.
#[cold]
fn grow(ends: &mut Vec<u32>, n_bytes: usize) {
    // Bills have about twelve bytes a field; a quarter of the bytes is room enough for nearly all of them.
    let room = (ends.len() * 2).max(n_bytes / 4) + BLOCK;
    ends.resize(room, 0);
}

/// Writes the offsets of the set bits; up to eight of them without a branch. `out` has room for 64.
#[inline(always)]
fn push_bits(out: &mut [u32], base: u32, mut bits: u64) {
    let mut rest = out;
    loop {
        let Some((eight, more)) = rest.split_first_chunk_mut::<8>() else {
            return;
        };
        for slot in eight {
            *slot = base.wrapping_add(bits.trailing_zeros());
            bits &= bits.wrapping_sub(1);
        }
        if bits == 0 {
            return;
        }
        rest = more;
    }
}

impl<'a> Records<'a> {
    /// Records in the chunk, malformed ones among them, blank lines not.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the chunk has no record.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Lines that are no records because they are empty or hold only spaces and tabs.
    pub fn n_blank(&self) -> u64 {
        self.n_blank
    }

    /// Bytes of the blank lines, line ends included.
    pub fn blank_bytes(&self) -> u64 {
        self.blank_bytes
    }

    /// Whether every record is [`RecordStatus::Regular`].
    pub fn all_regular(&self) -> bool {
        let n_columns = self.n_columns as u32;
        self.faults.is_empty() && self.entries.iter().all(|entry| entry.n_fields == n_columns)
    }

    /// Record `r`, from 0. Panics when there is none.
    #[inline]
    pub fn record(&self, r: usize) -> RecordRef {
        let entry = self.entries[r];
        RecordRef {
            start: entry.start as usize,
            end: self.text_end(entry),
            n_fields: entry.n_fields as usize,
            status: self.status(r),
            has_quotes: entry.flags & HAS_QUOTES != 0,
        }
    }

    /// Whether the fields of record `r` can be trusted.
    #[inline]
    pub fn status(&self, r: usize) -> RecordStatus {
        let entry = self.entries[r];
        if entry.flags & MALFORMED != 0
            && let Ok(at) = self
                .faults
                .binary_search_by_key(&(r as u32), |fault| fault.record)
        {
            let Fault { kind, offset, .. } = self.faults[at];
            return RecordStatus::Malformed {
                kind,
                offset: offset as usize,
            };
        }
        if entry.n_fields as usize == self.n_columns {
            RecordStatus::Regular
        } else {
            RecordStatus::FieldCount
        }
    }

    /// Field `j` of record `r`, both from 0, in constant time.
    ///
    /// In a malformed record a field that opens with a quote and does not end in one keeps both.
    /// Panics when the record has no such field; a regular record has one for every column.
    #[inline]
    pub fn field(&self, r: usize, j: usize) -> Field<'a> {
        let entry = &self.entries[r];
        let n_fields = entry.n_fields as usize;
        assert!(j < n_fields, "record {r} has {n_fields} fields");
        let slot = entry.first as usize + j;
        let start = if j == 0 {
            entry.start as usize
        } else {
            self.ends[slot - 1] as usize + 1
        };
        let mut raw = &self.bytes[start..self.ends[slot] as usize];
        if j + 1 == n_fields {
            raw = &self.bytes[start..self.text_end(*entry)];
        }
        if let [QUOTE, inner @ .., QUOTE] = raw {
            Field {
                raw: inner,
                quoted: true,
                escaped: memchr::memchr(QUOTE, inner).is_some(),
            }
        } else {
            Field {
                raw,
                quoted: false,
                escaped: false,
            }
        }
    }

    /// The bytes of record `r` as they stand, without its line end.
    pub fn text(&self, r: usize) -> &'a [u8] {
        let entry = self.entries[r];
        &self.bytes[entry.start as usize..self.text_end(entry)]
    }

    /// The bytes of record `r` with its line end. These and the blank lines make up the whole chunk.
    pub fn span(&self, r: usize) -> Range<usize> {
        let entry = self.entries[r];
        let end = self.ends[entry.first as usize + entry.n_fields as usize - 1] as usize;
        entry.start as usize..(end + 1).min(self.bytes.len())
    }

    /// Physical lines of the chunk before `offset`; add the chunk's `first_line` for a line number.
    /// Counts them anew on every call: for messages only.
    pub fn lines_before(&self, offset: usize) -> u64 {
        count_lines(
            &self.bytes[..offset.min(self.bytes.len())],
            self.dialect.newline(),
        )
    }

    /// The records that are not valid UTF-8, with the chunk offset of the first bad byte of each.
    /// Costs next to nothing where all bytes are ASCII.
    pub fn invalid_utf8(&self) -> Vec<(usize, usize)> {
        // A character cannot cross a record border: its bytes are never a newline's.
        if self.ascii || std::str::from_utf8(self.bytes).is_ok() {
            return Vec::new();
        }
        let bad = |r| {
            let error = std::str::from_utf8(self.text(r)).err()?;
            Some((r, self.entries[r].start as usize + error.valid_up_to()))
        };
        (0..self.len()).filter_map(bad).collect()
    }

    /// Whether all bytes are ASCII.
    /// The bytes of the chunk from an offset on.
    pub fn bytes_from(&self, offset: usize) -> &'a [u8] {
        &self.bytes[offset..]
    }

    /// Whether all bytes are ASCII.
    pub fn is_ascii(&self) -> bool {
        self.ascii
    }

    #[inline]
    fn text_end(&self, entry: Entry) -> usize {
        let end = self.ends[entry.first as usize + entry.n_fields as usize - 1] as usize;
        let crlf = !self.dialect.cr_only && end > entry.start as usize && self.bytes[end - 1] == b'\r';
        if crlf { end - 1 } else { end }
    }
}
