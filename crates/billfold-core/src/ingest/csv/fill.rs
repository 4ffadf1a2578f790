//! Fills the index of one chunk, by masks where the input keeps the quoting rules, else by `scalar`.
//!
//! The hot loop of CSV reading: a block of 64 bytes becomes a few bit masks, and the set bits offsets.

use super::mask::{BLOCK, Block, Portable, below};
use super::records::{Entry, Fault, MALFORMED, RecordIndex, Records};
use super::scalar::{self, Event};
use super::{Dialect, QUOTE};
use crate::ingest::feed::count_lines;

/// An index being filled.
pub(super) struct Fill<'a> {
    index: &'a mut RecordIndex,
    bytes: &'a [u8],
    dialect: Dialect,
    n_columns: usize,
    /// Ends that each record has in `ends`, where all are regular.
    n_kept: usize,
    /// Used part of `index.ends`.
    n_ends: usize,
    /// Start of the record being filled, and the place of its first field in `ends`.
    start: usize,
    first: usize,
    n_blank: u64,
    blank_bytes: u64,
    /// Physical line ends, those inside quotes with them.
    n_lines: u64,
    /// Every record is regular and none is blank.
    even: bool,
}

impl<'a> Fill<'a> {
    pub(super) fn new(index: &'a mut RecordIndex, bytes: &'a [u8], dialect: Dialect) -> Self {
        let n_columns = index.columns.n();
        let mut fill = Fill {
            index,
            bytes,
            dialect,
            n_columns,
            n_kept: n_columns,
            n_ends: 0,
            start: 0,
            first: 0,
            n_blank: 0,
            blank_bytes: 0,
            n_lines: 0,
            even: false,
        };
        fill.reset();
        fill
    }

    fn reset(&mut self) {
        self.index.entries.clear();
        self.index.faults.clear();
        (self.n_ends, self.start, self.first) = (0, 0, 0);
        (self.n_blank, self.blank_bytes) = (0, 0);
        self.even = false;
    }

    /// Indexes by masks. Says whether all bytes are ASCII, or None where a quoting rule is broken.
    pub(super) fn by_blocks<const QUOTES: bool>(&mut self) -> Option<bool> {
        #[cfg(target_arch = "x86_64")]
        if super::avx2::detected() {
            return super::avx2::by_blocks::<QUOTES>(self);
        }
        self.by_blocks_of::<Portable, QUOTES>()
    }

    #[expect(clippy::inline_always, reason = "compiled once per kind of machine")]
    #[inline(always)]
    pub(super) fn by_blocks_of<B: Block, const QUOTES: bool>(&mut self) -> Option<bool> {
        let bytes = self.bytes;
        // Moved out for the loop, so that its length and place stay in registers.
        let mut ends = Offsets {
            room: std::mem::take(&mut self.index.ends),
            len: 0,
        };
        let mut masks = Masks::new(self.dialect);
        let (blocks, tail) = bytes.as_chunks::<BLOCK>();
        let mut base = 0;
        let mut regular = true;
        for block in blocks {
            let block = B::new(block);
            let Some(structural) = masks.next::<QUOTES, B>(block, !0, bytes, base) else {
                regular = false;
                break;
            };
            ends.push(base, structural, bytes.len());
            base = base.wrapping_add(BLOCK);
        }
        if regular && !tail.is_empty() {
            let block = B::partial(tail);
            match masks.next::<QUOTES, B>(block, below(tail.len()), bytes, base) {
                Some(structural) => ends.push(base, structural, bytes.len()),
                None => regular = false,
            }
        }
        self.n_ends = ends.len;
        self.index.ends = ends.room;
        if !regular || masks.inside != 0 {
            return None;
        }
        self.n_lines = masks.n_lines as u64;
        self.even = self.records_by_count(masks.n_record_ends, self.n_ends);
        if !self.even {
            self.records_by_line_end();
        }
        Some(bytes.is_ascii())
    }

    /// Whether there are ends that need not be kept.
    pub(super) fn keeps_some(&self) -> bool {
        self.index.columns.kept().is_some()
    }

    /// Indexes by masks, and keeps the ends alone that the columns ask for. Says whether all bytes are ASCII,
    /// or None, and nothing is kept, where a record is not regular.
    pub(super) fn some_by_blocks<const QUOTES: bool>(&mut self) -> Option<bool> {
        #[cfg(target_arch = "x86_64")]
        if super::avx2::detected() {
            return super::avx2::some_by_blocks::<QUOTES>(self);
        }
        self.some_by_blocks_of::<Portable, QUOTES>()
    }

    #[expect(clippy::inline_always, reason = "compiled once per kind of machine")]
    #[inline(always)]
    pub(super) fn some_by_blocks_of<B: Block, const QUOTES: bool>(&mut self) -> Option<bool> {
        let bytes = self.bytes;
        let columns = std::mem::take(&mut self.index.columns);
        let mut kept = Kept {
            ends: Offsets {
                room: std::mem::take(&mut self.index.ends),
                len: 0,
            },
            ahead: columns.ahead(),
            field: 0,
            n_seen: 0,
        };
        let mut masks = Masks::new(self.dialect);
        let (blocks, tail) = bytes.as_chunks::<BLOCK>();
        let mut base = 0;
        let mut regular = true;
        for block in blocks {
            let block = B::new(block);
            let Some(structural) = masks.next::<QUOTES, B>(block, !0, bytes, base) else {
                regular = false;
                break;
            };
            kept.push::<B>(base, structural, bytes.len());
            base = base.wrapping_add(BLOCK);
        }
        if regular && !tail.is_empty() {
            let block = B::partial(tail);
            match masks.next::<QUOTES, B>(block, below(tail.len()), bytes, base) {
                Some(structural) => kept.push::<B>(base, structural, bytes.len()),
                None => regular = false,
            }
        }
        let Kept { ends, n_seen, .. } = kept;
        self.n_ends = ends.len;
        self.index.ends = ends.room;
        self.n_kept = columns.kept().map_or(0, <[u32]>::len);
        self.index.columns = columns;
        self.n_lines = masks.n_lines as u64;
        self.even = regular && masks.inside == 0 && self.records_by_count(masks.n_record_ends, n_seen);
        if !self.even {
            self.reset();
            self.n_kept = self.n_columns;
            return None;
        }
        Some(bytes.is_ascii())
    }

    /// Makes a record of every `n_columns` fields, if that is what the lines of the chunk say too.
    ///
    /// When each of these records ends at a line end, and the chunk has no line end besides, then every
    /// record is regular, none is blank, and no line end was looked for in vain.
    ///
    /// `n_fields` are in the chunk; of each record's ends `n_kept` are at hand, the last one among them.
    fn records_by_count(&mut self, n_records: usize, n_fields: usize) -> bool {
        let (bytes, n_columns, n_kept) = (self.bytes, self.n_columns, self.n_kept);
        let newline = self.dialect.newline();
        let ends = &self.index.ends[..self.n_ends];
        if n_columns == 0
            || bytes.last() != Some(&newline)
            || n_records.checked_mul(n_columns) != Some(n_fields)
        {
            return false;
        }
        let entries = &mut self.index.entries;
        entries.reserve(n_records);
        let (mut start, mut first) = (0, 0);
        for record in ends.chunks_exact(n_kept) {
            let end = record[n_kept - 1];
            if bytes[end as usize] != newline {
                entries.clear();
                return false;
            }
            entries.push(Entry {
                start,
                first,
                n_fields: n_columns as u32,
                flags: 0,
            });
            start = end.wrapping_add(1);
            first = first.wrapping_add(n_kept as u32);
        }
        true
    }

    /// Makes records by looking at every field end whether it is a line end.
    fn records_by_line_end(&mut self) {
        let newline = self.dialect.newline();
        for slot in 0..self.n_ends {
            let end = self.index.ends[slot] as usize;
            if self.bytes[end] == newline {
                self.close(slot, end, 0);
            }
        }
        if self.start < self.bytes.len() {
            self.push_end(self.bytes.len());
            self.close(self.n_ends - 1, self.bytes.len(), 0);
        }
    }

    /// Indexes by the scalar rules. Says whether all bytes are ASCII.
    pub(super) fn by_letter(&mut self) -> bool {
        self.reset();
        let (bytes, dialect) = (self.bytes, self.dialect);
        let mut fault = None;
        self.n_lines = count_lines(bytes, dialect.newline());
        scalar::walk(bytes, dialect, |event| {
            match event {
                Event::Field(end) => self.push_end(end),
                Event::Fault(kind, offset) => fault = fault.or(Some((kind, offset))),
                Event::Record(end) => {
                    self.push_end(end);
                    let mut flags = 0;
                    if let Some((kind, offset)) = fault.take() {
                        flags = MALFORMED;
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
            self.index.ends = grow(std::mem::take(&mut self.index.ends), self.bytes.len());
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

    pub(super) fn finish(self, ascii: bool) -> Records<'a> {
        let index: &'a RecordIndex = self.index;
        Records {
            bytes: self.bytes,
            ends: &index.ends[..self.n_ends],
            entries: &index.entries,
            faults: &index.faults,
            dialect: self.dialect,
            columns: &index.columns,
            n_lines: self.n_lines,
            n_blank: self.n_blank,
            blank_bytes: self.blank_bytes,
            ascii,
            even: self.even,
        }
    }
}

/// Field ends in a vector that is never shortened, so that its memory is written only once a chunk.
struct Offsets {
    room: Vec<u32>,
    len: usize,
}

impl Offsets {
    /// Appends the offsets of the set bits of the block at `base`, up to eight of them without a branch.
    #[expect(
        clippy::inline_always,
        reason = "out of line, the state of the loop goes through memory"
    )]
    #[inline(always)]
    fn push(&mut self, base: usize, mut bits: u64, n_bytes: usize) {
        let mut len = self.len;
        if self.room.len() < len.wrapping_add(BLOCK) {
            self.room = grow(std::mem::take(&mut self.room), n_bytes);
        }
        let rest = &mut self.room[len..];
        len = len.wrapping_add(bits.count_ones() as usize);
        self.len = len;
        let Some((eight, mut rest)) = rest.split_first_chunk_mut::<8>() else {
            return;
        };
        for slot in eight {
            // The checked sum keeps these stores apart: gathered into a vector they cost twice as much.
            *slot = base as u32 + bits.trailing_zeros();
            bits &= bits.wrapping_sub(1);
        }
        while bits != 0
            && let Some((four, more)) = rest.split_first_chunk_mut::<4>()
        {
            for slot in four {
                *slot = base as u32 + bits.trailing_zeros();
                bits &= bits.wrapping_sub(1);
            }
            rest = more;
        }
    }

    /// The same, where more than four of a block are rare.
    #[expect(
        clippy::inline_always,
        reason = "out of line, the state of the loop goes through memory"
    )]
    #[inline(always)]
    fn push_few(&mut self, base: usize, mut bits: u64, n_bytes: usize) {
        let mut len = self.len;
        if self.room.len() < len.wrapping_add(BLOCK) {
            self.room = grow(std::mem::take(&mut self.room), n_bytes);
        }
        let mut rest = &mut self.room[len..];
        len = len.wrapping_add(bits.count_ones() as usize);
        self.len = len;
        while let Some((four, more)) = rest.split_first_chunk_mut::<4>() {
            for slot in four {
                *slot = base as u32 + bits.trailing_zeros();
                bits &= bits.wrapping_sub(1);
            }
            if bits == 0 {
                break;
            }
            rest = more;
        }
    }
}

/// The ends that the columns ask for.
struct Kept<'a> {
    ends: Offsets,
    /// Per field of a record, which of the ends from its own on are kept.
    ahead: &'a [u64],
    /// The field that the next block begins in.
    field: usize,
    /// Field ends met so far, kept or not.
    n_seen: usize,
}

impl Kept<'_> {
    #[expect(
        clippy::inline_always,
        reason = "out of line, the state of the loop goes through memory"
    )]
    #[inline(always)]
    fn push<B: Block>(&mut self, base: usize, bits: u64, n_bytes: usize) {
        let Some(ahead) = self.ahead.get(self.field) else {
            return;
        };
        self.ends.push_few(base, B::pick(*ahead, bits), n_bytes);
        let n = bits.count_ones() as usize;
        self.n_seen = self.n_seen.wrapping_add(n);
        // Mostly once at most, and without a branch then: where records end is not to be foreseen.
        let n_columns = self.ahead.len();
        let field = self.field.wrapping_add(n);
        let wrapped = field.wrapping_sub(n_columns);
        self.field = if field >= n_columns { wrapped } else { field };
        while self.field >= n_columns {
            self.field = self.field.wrapping_sub(n_columns);
        }
    }
}

/// Makes room for at least one more block of field ends in a chunk of `n_bytes`.
#[cold]
fn grow(mut ends: Vec<u32>, n_bytes: usize) -> Vec<u32> {
    // Bills have about twelve bytes a field; a quarter of the bytes is room enough for nearly all of them.
    let room = (ends.len() * 2).max(n_bytes / 4) + BLOCK;
    ends.resize(room, 0);
    ends
}

/// Finds the delimiters and line ends outside quotes, block after block.
struct Masks {
    delimiter: u8,
    newline: u8,
    crlf: bool,
    /// All ones when the next byte stands inside quotes.
    inside: u64,
    /// 1 when a quote may open at the next byte.
    may_open: u64,
    /// 1 when the last byte was a closing quote.
    closed: u64,
    /// Line ends so far, and those of them outside quotes.
    n_lines: usize,
    n_record_ends: usize,
}

impl Masks {
    fn new(dialect: Dialect) -> Self {
        let Dialect { delimiter, cr_only } = dialect;
        Masks {
            delimiter,
            newline: dialect.newline(),
            crlf: !cr_only,
            inside: 0,
            may_open: 1,
            closed: 0,
            n_lines: 0,
            n_record_ends: 0,
        }
    }

    /// The next block, which begins at `base` of `bytes`; None where a quoting rule is broken in it.
    #[expect(
        clippy::inline_always,
        reason = "out of line, the state of the loop goes through memory"
    )]
    #[inline(always)]
    fn next<const QUOTES: bool, B: Block>(
        &mut self,
        block: B,
        valid: u64,
        bytes: &[u8],
        base: usize,
    ) -> Option<u64> {
        let newlines = block.eq(self.newline) & valid;
        let structural = newlines | block.eq(self.delimiter) & valid;
        self.n_lines = self.n_lines.wrapping_add(newlines.count_ones() as usize);
        if !QUOTES {
            self.n_record_ends = self.n_lines;
            return Some(structural);
        }
        let quotes = block.eq(QUOTE) & valid;
        let inside = B::prefix_xor(quotes) ^ self.inside;
        let (opening, closing) = (quotes & inside, quotes & !inside);
        let around = structural | quotes;
        // An opening quote stands at the start of a field, or is the second half of `""`; behind a
        // closing quote stands a delimiter, a record end, or the second half of `""`.
        let wrong = opening & !(around << 1 | self.may_open);
        let stray = (closing << 1 | self.closed) & !around & valid;
        if wrong != 0 || stray != 0 && !self.only_carriage_returns(stray, bytes, base) {
            return None;
        }
        self.may_open = around >> 63;
        self.closed = closing >> 63;
        self.inside = 0_u64.wrapping_sub(inside >> 63);
        self.n_record_ends = self
            .n_record_ends
            .wrapping_add((newlines & !inside).count_ones() as usize);
        Some(structural & !inside)
    }

    /// Whether each of these bytes behind a closing quote is the CR of a CRLF, or of one that the end of the file cut.
    fn only_carriage_returns(&self, mut stray: u64, bytes: &[u8], base: usize) -> bool {
        while stray != 0 {
            let behind = &bytes[base + stray.trailing_zeros() as usize..];
            if !self.crlf || !(behind.starts_with(b"\r\n") || behind == b"\r") {
                return false;
            }
            stray &= stray - 1;
        }
        true
    }
}
