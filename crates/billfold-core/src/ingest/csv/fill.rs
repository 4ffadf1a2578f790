//! Fills the index of one chunk, by its marks where the input keeps the quoting rules, else by `scalar`.
//!
//! A hot loop of CSV reading: set bits become offsets.

use std::borrow::Cow;

use super::Dialect;
use super::marks::Marks;
use super::mask::{BLOCK, Block, Portable};
use super::records::{Entry, Fault, MALFORMED, RecordIndex, Records};
use super::scalar::{self, Event};
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

    /// Whether there are ends that need not be kept.
    fn keeps_some(&self) -> bool {
        self.index.columns.kept().is_some()
    }

    /// Indexes by the marks of the chunk. Says whether all bytes are ASCII.
    pub(super) fn by_marks(&mut self, marks: &Marks) -> bool {
        self.n_lines = marks.counts.n_lines;
        let n_fields = marks.counts.n_fields;
        let newline = self.dialect.newline();
        let is_even = |n: usize| n.checked_mul(self.n_columns) == Some(n_fields);
        // Line ends are counted outside quotes only where there seem to be some within.
        let mut n_records = self.n_lines as usize;
        if !is_even(n_records) {
            n_records = marks.n_record_ends(self.bytes, newline);
        }
        let may_be_even = self.bytes.last() == Some(&newline) && self.n_columns > 0 && is_even(n_records);
        if may_be_even && self.keeps_some() {
            let kept = self.index.columns.kept().map_or(0, <[u32]>::len);
            let n_ends = n_records.saturating_mul(kept);
            self.make_room(n_ends);
            self.some_ends(marks, n_ends);
            self.n_kept = kept;
            self.even = self.n_ends == n_ends && self.are_records();
            self.n_kept = if self.even { kept } else { self.n_columns };
        }
        if !self.even {
            self.make_room(n_fields);
            self.all_ends(marks);
            self.even = may_be_even && self.are_records();
            if !self.even {
                self.records_by_line_end();
            }
        }
        !marks.counts.beyond_ascii || self.bytes.is_ascii()
    }

    /// Makes room for `n` ends, and for the block that is written past the last of them.
    fn make_room(&mut self, n: usize) {
        let room = n.saturating_add(BLOCK);
        if self.index.ends.len() < room {
            // Not all at once for the first chunk and a little more for every other one.
            self.index.ends.resize(room.saturating_add(room / 8), 0);
        }
    }

    /// Takes the offsets of all field ends.
    fn all_ends(&mut self, marks: &Marks) {
        #[cfg(target_arch = "x86_64")]
        if super::avx2::detected() {
            return super::avx2::all_ends(self, marks);
        }
        self.all_ends_of::<Portable>(marks);
    }

    #[expect(clippy::inline_always, reason = "compiled once per kind of machine")]
    #[inline(always)]
    pub(super) fn all_ends_of<B: Block>(&mut self, marks: &Marks) {
        let mut ends = Offsets::new(&mut self.index.ends);
        for bits in &marks.ends {
            ends.push_block::<4>(*bits);
        }
        self.n_ends = ends.n_pushed;
    }

    /// Takes the offsets of the field ends that the columns ask for, where every record is regular; `n` there are.
    fn some_ends(&mut self, marks: &Marks, n: usize) {
        #[cfg(target_arch = "x86_64")]
        if super::avx2::detected() {
            return super::avx2::some_ends(self, marks, n);
        }
        self.some_ends_of::<Portable>(marks, n);
    }

    #[expect(clippy::inline_always, reason = "compiled once per kind of machine")]
    #[inline(always)]
    pub(super) fn some_ends_of<B: Block>(&mut self, marks: &Marks, n: usize) {
        // Few blocks should have more ends than are stored without a branch.
        if 2 * n > 5 * marks.ends.len() {
            self.some_ends_by::<B, 3>(marks);
        } else {
            self.some_ends_by::<B, 2>(marks);
        }
    }

    #[expect(clippy::inline_always, reason = "compiled once per kind of machine")]
    #[inline(always)]
    fn some_ends_by<B: Block, const N: usize>(&mut self, marks: &Marks) {
        let ahead = self.index.columns.ahead();
        let mut ends = Offsets::new(&mut self.index.ends);
        // The field that the next block begins in.
        let mut field = 0;
        for bits in &marks.ends {
            let Some(picks) = ahead.get(field) else { break };
            ends.push_block::<N>(B::pick(*picks, *bits));
            // Without a branch: where records end is not to be foreseen.
            let next = field.wrapping_add(bits.count_ones() as usize);
            field = next.min(next.wrapping_sub(ahead.len()));
        }
        self.n_ends = ends.n_pushed;
    }

    /// Whether every `n_kept` ends are a record.
    ///
    /// The chunk has at most `n_records` line ends outside quotes, and as many fields as so many records should
    /// have. When each of these records ends at a line end, then no line end is left for elsewhere: every record
    /// is regular, and none is blank.
    fn are_records(&self) -> bool {
        let (bytes, n_kept) = (self.bytes, self.n_kept);
        let newline = self.dialect.newline();
        let ends = &self.index.ends[..self.n_ends];
        ends.chunks_exact(n_kept)
            .all(|record| bytes[record[n_kept - 1] as usize] == newline)
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

    pub(super) fn finish(self, ascii: bool, marks: Option<Cow<'a, Marks>>) -> Records<'a> {
        let given: &'a [u64] = match marks {
            Some(Cow::Borrowed(marks)) => &marks.ends,
            Some(Cow::Owned(marks)) => {
                self.index.marks = marks;
                &[]
            }
            None => {
                self.index.marks.clear();
                &[]
            }
        };
        let index: &'a RecordIndex = self.index;
        Records {
            bytes: self.bytes,
            ends: &index.ends[..self.n_ends],
            marks: if given.is_empty() {
                &index.marks.ends
            } else {
                given
            },
            entries: &index.entries,
            len: if self.even {
                self.n_ends / self.n_kept
            } else {
                index.entries.len()
            },
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

/// Field ends on their way into a vector that is never shortened, so that its memory is written only once.
struct Offsets<'a> {
    slots: &'a mut [u32],
    n_pushed: usize,
    /// Where the next block begins, twice.
    bases: u64,
}

impl<'a> Offsets<'a> {
    fn new(slots: &'a mut [u32]) -> Self {
        Offsets {
            slots,
            n_pushed: 0,
            bases: 0,
        }
    }

    /// Appends the offsets of the set bits of the next block, `N` pairs of them without a branch. Where there is no
    /// room for a whole block they are counted and not kept.
    #[expect(
        clippy::inline_always,
        reason = "out of line, the state of the loop goes through memory"
    )]
    #[inline(always)]
    fn push_block<const N: usize>(&mut self, mut bits: u64) {
        let (from, bases) = (self.n_pushed, self.bases);
        self.n_pushed = from.wrapping_add(bits.count_ones() as usize);
        self.bases = bases.wrapping_add((BLOCK as u64) << 32 | BLOCK as u64);
        let room = self.slots.get_mut(from..from.wrapping_add(BLOCK));
        let Some(slots) = room.and_then(|room| room.first_chunk_mut::<BLOCK>()) else {
            return;
        };
        let (pairs, _) = slots.as_chunks_mut::<2>();
        let (first, more) = pairs.split_at_mut(N);
        // Two at once, or they are gathered into a vector, which costs twice as much.
        let mut put = |pair: &mut [u32; 2]| {
            let low = u64::from(bits.trailing_zeros());
            bits &= bits.wrapping_sub(1);
            let high = u64::from(bits.trailing_zeros());
            bits &= bits.wrapping_sub(1);
            let offsets = (high << 32 | low).wrapping_add(bases);
            *pair = [offsets as u32, (offsets >> 32) as u32];
            bits != 0
        };
        let mut is_more = false;
        for pair in first {
            is_more = put(pair);
        }
        if is_more {
            for pair in more {
                if !put(pair) {
                    break;
                }
            }
        }
    }
}

/// Makes room for at least one more field end in a chunk of `n_bytes`.
#[cold]
fn grow(mut ends: Vec<u32>, n_bytes: usize) -> Vec<u32> {
    // Bills have about twelve bytes a field; a quarter of the bytes is room enough for nearly all of them.
    let room = (ends.len() * 2).max(n_bytes / 4) + BLOCK;
    ends.resize(room, 0);
    ends
}
