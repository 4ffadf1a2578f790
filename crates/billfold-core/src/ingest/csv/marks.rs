//! Where fields end: one bit a byte, found in one pass over the bytes of a stream.
//!
//! The pass follows the quotes, so it finds the borders of records, too, and whoever cuts the stream hands
//! the bits on with each chunk: no byte is looked at twice. It gives up where a quoting rule is broken.

use std::ops::Range;

use super::mask::{BLOCK, Block, MAX_TALLY, Portable, below};
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

    /// Leaves the first `at` of `bytes`.
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

    /// Offset after the first line end outside quotes that stands at `from` or later; 0 is none.
    pub(super) fn first_border(&self, bytes: &[u8], newline: u8, from: usize) -> usize {
        let words = self.ends.iter().enumerate().skip(from / BLOCK);
        words
            .flat_map(|(word, bits)| Places(*bits).map(move |place| word * BLOCK + place))
            .find(|at| *at >= from && bytes.get(*at) == Some(&newline))
            .map_or(0, |at| at + 1)
    }

    /// Line ends outside quotes: those among the field ends.
    pub(super) fn n_record_ends(&self, bytes: &[u8], newline: u8) -> usize {
        let (whole, tail) = bytes.as_chunks::<BLOCK>();
        let blocks = whole
            .iter()
            .map(Portable::new)
            .chain((!tail.is_empty()).then(|| Portable::partial(tail)));
        let found = blocks
            .zip(&self.ends)
            .map(|(block, ends)| (block.eq(newline) & ends).count_ones());
        found.map(|n| n as usize).sum()
    }

    /// Offset after the last line end outside quotes in `bytes`, the first of those that were marked; 0 is none.
    pub(super) fn last_border(&self, bytes: &[u8], newline: u8) -> usize {
        if self.counts.n_lines == 0 {
            return 0;
        }
        let words = self.ends.iter().take(bytes.len().div_ceil(BLOCK));
        for (word, bits) in words.enumerate().rev() {
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
        let from = blocks.start * BLOCK;
        let Some(run) = bytes.get(from..bytes.len().min(blocks.end * BLOCK)) else {
            return true;
        };
        let (whole, tail) = run.as_chunks::<BLOCK>();
        let Marks { ends, counts } = marks;
        ends.resize(blocks.end, 0);
        let Some((places, last)) = ends[blocks.start..].split_at_mut_checked(whole.len()) else {
            return true;
        };
        let mut n_done = 0;
        while n_done < whole.len() {
            let some = n_done..whole.len().min(n_done + MAX_TALLY);
            let pass = self.pass(&whole[some.clone()], &mut places[some]);
            n_done += pass.n_blocks;
            counts.add(&pass);
            let at = from + n_done.saturating_sub(1) * BLOCK;
            if pass.faults.any() && !pass.faults.forgiven(&bytes[at..], self.crlf) {
                return false;
            }
        }
        if let Some(place) = last.first_mut()
            && !tail.is_empty()
        {
            let mut padded = [0; BLOCK];
            padded[..tail.len()].copy_from_slice(tail);
            let valid = below(tail.len());
            let mut pass = self.pass(&[padded], std::slice::from_mut(place));
            // A zero may be a delimiter, and is none here.
            *place &= valid;
            pass.n_fields = place.count_ones() as usize;
            pass.faults.stray &= valid;
            counts.add(&pass);
            if pass.faults.any() && !pass.faults.forgiven(tail, self.crlf) {
                return false;
            }
        }
        true
    }

    /// Marks the next blocks, at most [`MAX_TALLY`], up to one where a quoting rule may be broken.
    fn pass(&mut self, blocks: &[[u8; BLOCK]], places: &mut [u64]) -> Pass {
        #[cfg(target_arch = "x86_64")]
        if super::avx2::detected() {
            return super::avx2::pass(self, blocks, places);
        }
        self.pass_of::<Portable>(blocks, places)
    }

    #[expect(clippy::inline_always, reason = "compiled once per kind of machine")]
    #[inline(always)]
    pub(super) fn pass_of<B: Block>(&mut self, blocks: &[[u8; BLOCK]], places: &mut [u64]) -> Pass {
        let (delimiter, newline, crlf) = (self.delimiter, self.newline, self.crlf);
        let (mut inside, mut may_open, mut closed) = (self.inside, self.may_open, self.closed);
        let none = B::new(&[0; BLOCK]);
        let (mut seen, mut lines) = (none, none);
        let (mut n_blocks, mut n_fields) = (0_usize, 0_usize);
        let mut faults = Faults::default();
        for (block, place) in blocks.iter().zip(places) {
            let block = B::new(block);
            seen = seen.or(block);
            lines = block.tally(newline, lines);
            // What stands around a quote that keeps the rules: a delimiter, a line end, another quote.
            let around = block.any_of([delimiter, newline, QUOTE]);
            let quotes = block.eq(QUOTE);
            let quoted = B::prefix_xor(quotes) ^ inside;
            let closing = quotes & !quoted;
            // An opening quote stands at the start of a field, or is the second half of `""`; behind a
            // closing quote stands a delimiter, a record end, or the second half of `""`.
            let before = (around << 1).wrapping_add(may_open);
            let behind = (closing << 1).wrapping_add(closed);
            let ends = (around ^ quotes) & !quoted;
            *place = ends;
            n_fields = n_fields.wrapping_add(ends.count_ones() as usize);
            n_blocks = n_blocks.wrapping_add(1);
            may_open = around >> 63;
            closed = closing >> 63;
            inside = 0_u64.wrapping_sub(quoted >> 63);
            faults = Faults {
                wrong: quoted & !before & quotes,
                stray: behind & !around,
            };
            if faults.any() {
                // Most are the CR of a CRLF behind a last field in quotes.
                if crlf {
                    faults.stray &= !(block.eq(b'\r') & block.eq(b'\n') >> 1);
                }
                if faults.any() {
                    break;
                }
            }
        }
        (self.inside, self.may_open, self.closed) = (inside, may_open, closed);
        Pass {
            n_blocks,
            n_lines: lines.tallied(),
            n_fields,
            beyond_ascii: seen.beyond_ascii(),
            faults,
        }
    }
}

/// What was found in some blocks.
pub(super) struct Pass {
    n_blocks: usize,
    /// Line ends, those inside quotes with them.
    n_lines: u64,
    n_fields: usize,
    beyond_ascii: bool,
    /// In the last block.
    faults: Faults,
}

impl Counts {
    fn add(&mut self, pass: &Pass) {
        self.n_lines += pass.n_lines;
        self.n_fields += pass.n_fields;
        self.beyond_ascii |= pass.beyond_ascii;
    }
}

/// Quotes and what follows them where they should not be.
#[derive(Clone, Copy, Default)]
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
    /// end of the bytes cut from its LF. `bytes` begin with the block.
    #[cold]
    fn forgiven(self, bytes: &[u8], crlf: bool) -> bool {
        let mut stray = self.stray;
        while stray != 0 {
            let behind = bytes.get(stray.trailing_zeros() as usize..).unwrap_or_default();
            if !crlf || !(behind.starts_with(b"\r\n") || behind == b"\r") {
                return false;
            }
            stray &= stray - 1;
        }
        self.wrong == 0
    }
}
