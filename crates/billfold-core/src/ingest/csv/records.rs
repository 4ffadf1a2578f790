//! The structural index of one chunk: where its records and fields stand.
//!
//! A [`RecordIndex`] is one worker's reusable memory; [`Records`] is its view of one chunk. Regular input
//! is indexed by its marks, a chunk that breaks a quoting rule anywhere by `scalar`; both fill the same
//! index. Nothing is copied or decoded here: a field is a slice of the chunk.

use std::borrow::Cow;
use std::ops::Range;

use super::chunker::Chunk;
use super::columns::{Columns, Places};
use super::fill::Fill;
use super::marks::Marks;
use super::mask::{BLOCK, below};
use super::{Dialect, Malformed, QUOTE};
use crate::error::{Error, Result};
use crate::ingest::feed::{MAX_CHUNK, count_lines};

/// The memory of an index, reused from chunk to chunk. One per worker.
#[derive(Debug, Default)]
pub struct RecordIndex {
    /// Offsets of delimiters and record ends outside quotes, in order; room beyond what is used.
    pub(super) ends: Vec<u32>,
    pub(super) entries: Vec<Entry>,
    /// The first fault of each malformed record, in order.
    pub(super) faults: Vec<Fault>,
    pub(super) columns: Columns,
    /// The marks of bytes that came without any.
    pub(super) marks: Marks,
}

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// Offset of its first byte.
    pub(super) start: u32,
    /// Where the first end kept of it stands in `ends`.
    pub(super) first: u32,
    pub(super) n_fields: u32,
    pub(super) flags: u32,
}

pub(super) const MALFORMED: u32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) record: u32,
    pub(super) offset: u32,
    pub(super) kind: Malformed,
}

/// The records of one chunk.
#[derive(Debug, Clone, Copy)]
pub struct Records<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) ends: &'a [u32],
    /// All field ends, a bit a byte; none where a quoting rule is broken.
    pub(super) marks: &'a [u64],
    /// None where every record is regular: then they follow from the ends.
    pub(super) entries: &'a [Entry],
    pub(super) len: usize,
    pub(super) faults: &'a [Fault],
    pub(super) dialect: Dialect,
    pub(super) columns: &'a Columns,
    pub(super) n_lines: u64,
    pub(super) n_blank: u64,
    pub(super) blank_bytes: u64,
    pub(super) ascii: bool,
    /// Every record is regular and none is blank, so that `ends` holds equally many ends a record: those that
    /// the columns keep.
    pub(super) even: bool,
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
    /// The field whose bytes with their quotes are `raw`.
    #[inline]
    pub(super) fn new(raw: &'a [u8]) -> Self {
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
        if !self.escaped {
            out.extend_from_slice(self.raw);
            return;
        }
        // Quotes of tags stand close together: without a branch each byte costs little.
        let start = out.len();
        out.resize(start + self.raw.len(), 0);
        let text = &mut out[start..];
        let (mut n, mut after_quote) = (0, 0);
        for &byte in self.raw {
            text[n] = byte;
            let is_quote = byte == QUOTE;
            let is_second = u8::from(is_quote) & after_quote;
            n = n.wrapping_add(usize::from(1 - is_second));
            after_quote = u8::from(is_quote) ^ is_second;
        }
        out.truncate(start + n);
    }
}

impl RecordIndex {
    /// An index without memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Finds the records and fields of `bytes`, which begin and end at record borders.
    ///
    /// A regular record has as many fields as `columns` has columns; what it leaves out is found more slowly. A line that is empty or holds only spaces and tabs is no
    /// record but blank, except where there is one column: there it is a record of one field. A line end
    /// at the end of `bytes` opens no further record.
    /// Errors: `limit.record` when `bytes` has 2 GiB or more; a [`super::Chunker`] never hands that out.
    pub fn index<'a>(
        &'a mut self,
        bytes: &'a [u8],
        dialect: Dialect,
        columns: Columns,
    ) -> Result<Records<'a>> {
        if bytes.len() > MAX_CHUNK {
            return Err(Error::limit(
                "limit.record",
                "a chunk of 2 GiB or more cannot be indexed",
            ));
        }
        let marks = Marks::default().of(bytes, dialect);
        Ok(self.fill(bytes, dialect, columns, marks.map(Cow::Owned)))
    }

    /// The same for a chunk, which brings its marks.
    pub fn index_chunk<'a>(
        &'a mut self,
        chunk: &'a Chunk,
        dialect: Dialect,
        columns: Columns,
    ) -> Records<'a> {
        let marks = chunk.marks.as_ref().map(Cow::Borrowed);
        self.fill(&chunk.bytes, dialect, columns, marks)
    }

    fn fill<'a>(
        &'a mut self,
        bytes: &'a [u8],
        dialect: Dialect,
        columns: Columns,
        marks: Option<Cow<'a, Marks>>,
    ) -> Records<'a> {
        self.columns = columns;
        let mut fill = Fill::new(self, bytes, dialect);
        let ascii = match &marks {
            Some(marks) => fill.by_marks(marks),
            // A broken rule may change what all that follows means: then all is done by the letter.
            None => fill.by_letter(),
        };
        fill.finish(ascii, marks)
    }

    /// The same through the scalar rules alone, to test one way against the other.
    #[cfg(test)]
    pub(super) fn index_by_letter<'a>(
        &'a mut self,
        bytes: &'a [u8],
        dialect: Dialect,
        n_columns: usize,
    ) -> Records<'a> {
        self.columns = Columns::all(n_columns);
        let mut fill = Fill::new(self, bytes, dialect);
        let ascii = fill.by_letter();
        fill.finish(ascii, None)
    }
}

impl<'a> Records<'a> {
    /// Records in the chunk, malformed ones among them, blank lines not.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the chunk has no record.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Physical line ends in the chunk, those inside quotes with them.
    pub fn n_lines(&self) -> u64 {
        self.n_lines
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
        if self.even {
            return true;
        }
        let n_columns = self.columns.n() as u32;
        self.faults.is_empty() && self.entries.iter().all(|entry| entry.n_fields == n_columns)
    }

    /// Record `r`, from 0. Panics when there is none.
    #[inline]
    pub fn record(&self, r: usize) -> RecordRef {
        let entry = self.entry(r);
        RecordRef {
            start: entry.start as usize,
            end: self.text_end(entry),
            n_fields: entry.n_fields as usize,
            status: self.status(r),
        }
    }

    /// Whether the fields of record `r` can be trusted.
    #[inline]
    pub fn status(&self, r: usize) -> RecordStatus {
        let entry = self.entry(r);
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
        if entry.n_fields as usize == self.columns.n() {
            RecordStatus::Regular
        } else {
            RecordStatus::FieldCount
        }
    }

    /// Field `j` of record `r`, both from 0, in constant time.
    ///
    /// In a malformed record a field that opens with a quote and does not end in one keeps both.
    ///
    /// # Panics
    /// When the record has no such field; a regular record has one for every column.
    #[inline]
    pub fn field(&self, r: usize, j: usize) -> Field<'a> {
        let entry = self.entry(r);
        let n_fields = entry.n_fields as usize;
        assert!(j < n_fields, "record {r} has {n_fields} fields");
        let start = |before: usize| match j {
            0 => entry.start as usize,
            _ => self.ends[before] as usize + 1,
        };
        let first = entry.first as usize;
        let range = if !self.keeps_some() {
            let slot = first + j;
            start(slot.wrapping_sub(1))..self.ends[slot] as usize
        } else if let Some(Places { before, own }) = self.columns.places(j) {
            let end = self.ends[first + own] as usize;
            before.map_or_else(|| self.start_before(end), |before| start(first + before))..end
        } else {
            self.walk_to(&entry, j)
        };
        let raw = if j + 1 == n_fields {
            &self.bytes[range.start..self.text_end(entry)]
        } else {
            &self.bytes[range]
        };
        Field::new(raw)
    }

    /// Field `j` of record `r`; None where the record has no such field.
    #[inline]
    pub fn get_field(&self, r: usize, j: usize) -> Option<Field<'a>> {
        (j < self.entry(r).n_fields as usize).then(|| self.field(r, j))
    }

    /// The bytes of record `r` as they stand, without its line end.
    pub fn text(&self, r: usize) -> &'a [u8] {
        let entry = self.entry(r);
        &self.bytes[entry.start as usize..self.text_end(entry)]
    }

    /// Whether some record may be longer than so many bytes; a blank line before it counts.
    pub fn may_be_longer(&self, n_bytes: usize) -> bool {
        let start = |r: usize| self.entry(r).start as usize;
        // What is longer reaches over a place that `n_bytes` divides: the records that stand there are looked at alone.
        let mut places = (n_bytes.max(1)..self.bytes.len()).step_by(n_bytes.max(1));
        places.any(|place| {
            let (mut first, mut behind) = (0, self.len());
            while first < behind {
                let middle = first.midpoint(behind);
                if start(middle) <= place {
                    first = middle + 1;
                } else {
                    behind = middle;
                }
            }
            let end = if first < self.len() {
                start(first)
            } else {
                self.bytes.len()
            };
            first > 0 && end - start(first - 1) > n_bytes
        })
    }

    /// The bytes of record `r` with its line end. These and the blank lines make up the whole chunk.
    pub fn span(&self, r: usize) -> Range<usize> {
        let entry = self.entry(r);
        let end = self.last_end(entry);
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
        if self.ascii || simdutf8::basic::from_utf8(self.bytes).is_ok() {
            return Vec::new();
        }
        let bad = |r| {
            let error = std::str::from_utf8(self.text(r)).err()?;
            Some((r, self.entry(r).start as usize + error.valid_up_to()))
        };
        (0..self.len()).filter_map(bad).collect()
    }

    /// The bytes of the chunk from an offset on.
    pub fn bytes_from(&self, offset: usize) -> &'a [u8] {
        &self.bytes[offset..]
    }

    /// Whether all bytes are ASCII.
    pub fn is_ascii(&self) -> bool {
        self.ascii
    }

    /// Record `r`. Panics where there is none.
    #[inline]
    fn entry(&self, r: usize) -> Entry {
        if !self.even {
            return self.entries[r];
        }
        assert!(r < self.len, "record {r} of {}", self.len);
        let first = r * self.columns.kept().map_or(self.columns.n(), <[u32]>::len);
        let start = match first.checked_sub(1) {
            Some(last) => self.ends[last] + 1,
            None => 0,
        };
        Entry {
            start,
            first: first as u32,
            n_fields: self.columns.n() as u32,
            flags: 0,
        }
    }

    #[inline]
    fn keeps_some(&self) -> bool {
        self.even && self.columns.kept().is_some()
    }

    /// Offset of the end of a record's last field.
    #[inline]
    fn last_end(&self, entry: Entry) -> usize {
        let n_kept = match self.columns.kept() {
            Some(kept) if self.even => kept.len(),
            _ => entry.n_fields as usize,
        };
        self.ends[entry.first as usize + n_kept - 1] as usize
    }

    /// Where the field begins that ends at `end`, by the marks.
    #[inline]
    pub(super) fn start_before(&self, end: usize) -> usize {
        let (word, place) = (end / BLOCK, end % BLOCK);
        // In front of the first byte stands the end of something, too.
        let before = word.checked_sub(1).map_or(1 << 63, |word| self.marks[word]);
        let here = self.marks[word];
        // The 64 places before the end, the highest bit for the last of them.
        let near = here << (BLOCK - 1 - place) << 1 | before >> place;
        if near == 0 {
            return self.start_far_before(end - BLOCK);
        }
        end - near.leading_zeros() as usize
    }

    #[cold]
    fn start_far_before(&self, end: usize) -> usize {
        let (word, place) = (end / BLOCK, end % BLOCK);
        let words = self.marks[..word].iter().enumerate().rev();
        let last = (self.marks[word] & below(place), word);
        let mut words = std::iter::once(last).chain(words.map(|(word, bits)| (*bits, word)));
        words.find(|(bits, _)| *bits != 0).map_or(0, |(bits, word)| {
            word * BLOCK + BLOCK - bits.leading_zeros() as usize
        })
    }

    /// The bytes of field `j` of a well-formed record whose ends were not kept.
    #[cold]
    fn walk_to(&self, entry: &Entry, j: usize) -> Range<usize> {
        let (from, end) = (entry.start as usize, self.last_end(*entry));
        let (mut start, mut n, mut inside) = (from, 0, false);
        for (at, &byte) in self.bytes[from..end].iter().enumerate() {
            inside ^= byte == QUOTE;
            if byte == self.dialect.delimiter && !inside {
                if n == j {
                    return start..from + at;
                }
                n += 1;
                start = from + at + 1;
            }
        }
        start..end
    }

    #[inline]
    fn text_end(&self, entry: Entry) -> usize {
        let end = self.last_end(entry);
        let crlf = !self.dialect.cr_only && end > entry.start as usize && self.bytes[end - 1] == b'\r';
        if crlf { end - 1 } else { end }
    }
}
