//! Where fields end: one bit a byte, found in one pass over the bytes of a stream.
//!
//! The pass follows the quotes, so it finds the borders of records, too, and whoever cuts the stream hands
//! the bits on with each chunk: no byte is looked at twice. It gives up where a quoting rule is broken.

use std::ops::Range;

use super::mask::{BLOCK, Block, Portable, below};
use super::{Dialect, QUOTE};

/// What one pass found in the bytes of a chunk, which begin at a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// Bit i of word w stands for byte 64 w + i: set for a delimiter or a line end outside quotes.
    pub(super) ends: Vec<u64>,
    pub(super) counts: Counts,
}

/// What was counted on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Line ends, those inside quotes with them.
    pub(super) n_lines: u64,
    /// Line ends outside quotes.
    pub(super) n_record_ends: usize,
    /// Field ends, those that are line ends with them.
    pub(super) n_fields: usize,
    /// Some byte is not ASCII.
    pub(super) beyond_ascii: bool,
}

impl Marks {
    /// The marks of whole records; None where a quoting rule is broken in them.
    pub(super) fn of(mut self, bytes: &[u8], dialect: Dialect) -> Option<Self> {
        self.clear();
        let mut marker = Marker::new(dialect);
        let sound = marker.run(&mut self, bytes, 0..bytes.len().div_ceil(BLOCK));
        (sound && !marker.is_inside()).then_some(self)
    }

    /// Forgets what was found, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.ends.clear();
        self.counts = Counts::default();
    }

    /// Leaves the first `at` of `bytes`. No record ends behind them.
    pub(super) fn cut(&mut self, at: usize, bytes: &[u8], newline: u8) {
        let n_cut = memchr::memchr_iter(newline, &bytes[at..]).count();
        self.counts.n_lines = self.counts.n_lines.saturating_sub(n_cut as u64);
        let mut n_fields = self.counts.n_fields;
        let (whole, part) = (at / BLOCK, at % BLOCK);
        if let Some(bits) = self.ends.get_mut(whole) {
            n_fields -= (*bits & !below(part)).count_ones() as usize;
            *bits &= below(part);
        }
        for bits in self.ends.iter().skip(whole + 1) {
            n_fields -= bits.count_ones() as usize;
        }
        self.counts.n_fields = n_fields;
        self.ends.truncate(at.div_ceil(BLOCK));
    }

    /// Offset after the first line end outside quotes; 0 is none.
    pub(super) fn first_border(&self, bytes: &[u8], newline: u8) -> usize {
        let words = self.ends.iter().enumerate();
        words
            .flat_map(|(word, bits)| Places(*bits).map(move |place| word * BLOCK + place))
            .find(|at| bytes.get(*at) == Some(&newline))
            .map_or(0, |at| at + 1)
    }

    /// Offset after the last line end outside quotes; 0 is none.
    pub(super) fn last_border(&self, bytes: &[u8], newline: u8) -> usize {
        if self.counts.n_record_ends == 0 {
            return 0;
        }
        for (word, bits) in self.ends.iter().enumerate().rev() {
            let mut bits = *bits;
            while bits != 0 {
                let place = BLOCK - 1 - bits.leading_zeros() as usize;
                if bytes.get(word * BLOCK + place) == Some(&newline) {
                    return word * BLOCK + place + 1;
                }
                bits ^= 1 << place;
            }
        }
        0
    }
}

/// The places of the set bits of a word, ascending.
struct Places(u64);

impl Iterator for Places {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let place = (self.0 != 0).then(|| self.0.trailing_zeros() as usize);
        self.0 &= self.0.wrapping_sub(1);
        place
    }
}

/// What of the bytes before decides about the bytes that follow.
#[derive(Debug, Clone)]
pub(super) struct Marker {
    delimiter: u8,
    newline: u8,
    crlf: bool,
    /// All ones when the next byte stands inside quotes.
    inside: u64,
    /// 1 when a quote may open at the next byte.
    may_open: u64,
    /// 1 when the last byte was a closing quote.
    closed: u64,
}

impl Marker {
    /// At the start of a record.
    pub(super) fn new(dialect: Dialect) -> Self {
        let Dialect { delimiter, cr_only } = dialect;
        Marker {
            delimiter,
            newline: dialect.newline(),
            crlf: !cr_only,
            inside: 0,
            may_open: 1,
            closed: 0,
        }
    }

    /// Whether the next byte stands inside quotes.
    pub(super) fn is_inside(&self) -> bool {
        self.inside != 0
    }

    /// Marks some of the blocks of `bytes`, the next ones after those marked already; the last block may be cut.
    /// Says whether the quoting rules were kept.
    pub(super) fn run(&mut self, marks: &mut Marks, bytes: &[u8], blocks: Range<usize>) -> bool {
        #[cfg(target_arch = "x86_64")]
        if super::avx2::detected() {
            return super::avx2::mark(self, marks, bytes, blocks);
        }
        self.run_of::<Portable>(marks, bytes, blocks)
    }

    #[expect(clippy::inline_always, reason = "compiled once per kind of machine")]
    #[inline(always)]
    pub(super) fn run_of<B: Block>(&mut self, marks: &mut Marks, bytes: &[u8], blocks: Range<usize>) -> bool {
        let from = blocks.start * BLOCK;
        let Some(run) = bytes.get(from..bytes.len().min(blocks.end * BLOCK)) else {
            return true;
        };
        let (whole, tail) = run.as_chunks::<BLOCK>();
        let Marks { ends, counts } = marks;
        ends.resize(blocks.end, 0);
        let mut places = ends[blocks.start..].iter_mut();
        // Out of memory for the loop.
        let mut marker = self.clone();
        let mut found = Found::default();
        let crlf = self.crlf;
        let mut seen = B::new(&[0; BLOCK]);
        for (block, place) in whole.iter().zip(&mut places) {
            let loaded = B::new(block);
            seen = seen.or(loaded);
            let (structural, faults) = marker.step(loaded, !0, &mut found);
            *place = structural;
            if faults.any() && !faults.forgiven(block, bytes, crlf) {
                return false;
            }
        }
        if let Some(place) = places.next()
            && !tail.is_empty()
        {
            let loaded = B::partial(tail);
            seen = seen.or(loaded);
            let (structural, faults) = marker.step(loaded, below(tail.len()), &mut found);
            *place = structural;
            if faults.any() && !faults.forgiven(tail, bytes, crlf) {
                return false;
            }
        }
        *self = marker;
        counts.n_lines += found.lines as u64;
        counts.n_record_ends += found.record_ends;
        counts.n_fields += found.fields;
        counts.beyond_ascii |= seen.beyond_ascii();
        true
    }

    /// The next block: where fields end in it, and where a quoting rule may be broken.
    #[expect(
        clippy::inline_always,
        reason = "out of line, the state of the loop goes through memory"
    )]
    #[inline(always)]
    fn step<B: Block>(&mut self, block: B, valid: u64, found: &mut Found) -> (u64, Faults) {
        let newlines = block.eq(self.newline) & valid;
        let structural = newlines | block.eq(self.delimiter) & valid;
        let quotes = block.eq(QUOTE) & valid;
        let inside = B::prefix_xor(quotes) ^ self.inside;
        let (opening, closing) = (quotes & inside, quotes & !inside);
        let around = structural | quotes;
        // An opening quote stands at the start of a field, or is the second half of `""`; behind a
        // closing quote stands a delimiter, a record end, or the second half of `""`.
        let faults = Faults {
            wrong: opening & !(around << 1 | self.may_open),
            stray: (closing << 1 | self.closed) & !around & valid,
        };
        self.may_open = around >> 63;
        self.closed = closing >> 63;
        self.inside = 0_u64.wrapping_sub(inside >> 63);
        found.lines = found.lines.wrapping_add(newlines.count_ones() as usize);
        let record_ends = (newlines & !inside).count_ones() as usize;
        found.record_ends = found.record_ends.wrapping_add(record_ends);
        let ends = structural & !inside;
        found.fields = found.fields.wrapping_add(ends.count_ones() as usize);
        (ends, faults)
    }
}

/// What a run has counted so far.
#[derive(Default)]
struct Found {
    lines: usize,
    record_ends: usize,
    fields: usize,
}

/// Quotes and what follows them where they should not be.
#[derive(Clone, Copy)]
struct Faults {
    wrong: u64,
    stray: u64,
}

impl Faults {
    #[inline]
    fn any(self) -> bool {
        self.wrong | self.stray != 0
    }

    /// Whether nothing stands where it should not but the CR of a CRLF behind a closing quote, or a CR that the
    /// end of the bytes cut from its LF. `block` is a part of `bytes`.
    #[cold]
    fn forgiven(self, block: &[u8], bytes: &[u8], crlf: bool) -> bool {
        let base = block.as_ptr() as usize - bytes.as_ptr() as usize;
        let mut stray = self.stray;
        while stray != 0 {
            let behind = &bytes[base + stray.trailing_zeros() as usize..];
            if !crlf || !(behind.starts_with(b"\r\n") || behind == b"\r") {
                return false;
            }
            stray &= stray - 1;
        }
        self.wrong == 0
    }
}
