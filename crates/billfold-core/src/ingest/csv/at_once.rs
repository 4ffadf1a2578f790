//! A column of a chunk read at once, where every record is regular: where its fields stand, and its times and amounts
//! where all are written as most bills write them.
//!
//! The loops are compiled once more for machines with AVX2, in `avx2`.

use super::QUOTE;
use super::mask::{Block, Portable};
use super::records::{Field, Records};
use crate::money::POW10_SHORT;

impl<'a> Records<'a> {
    /// Where field `j` of every record stands, quotes included; None where not all records are known to be
    /// regular, or its ends were not kept. `EDGE` is for the first and the last field.
    #[inline]
    fn spans<const EDGE: bool>(&self, j: usize) -> Option<impl Iterator<Item = Span>> {
        let n_columns = self.columns.n();
        if !self.even || j >= n_columns {
            return None;
        }
        let (n_kept, places) = match self.columns.kept() {
            Some(kept) => (kept.len(), self.columns.places(j)),
            None => (n_columns, Some((j.saturating_sub(1), j))),
        };
        let (before, own) = places?;
        if before >= n_kept || own >= n_kept {
            return None;
        }
        let (is_first, may_have_cr) = (j == 0, j + 1 == n_columns && !self.dialect.cr_only);
        let bytes = self.bytes;
        let mut record_start = 0;
        Some(self.ends.chunks_exact(n_kept).map(move |ends| {
            let mut start = (ends[before] as usize).wrapping_add(1);
            let mut end = ends[own] as usize;
            if EDGE {
                if is_first {
                    start = record_start;
                }
                record_start = (ends[n_kept - 1] as usize).wrapping_add(1);
                if may_have_cr && end > start && bytes[end - 1] == b'\r' {
                    end -= 1;
                }
            }
            Span { start, end }
        }))
    }

    /// Whether field `j` is the first or the last of a record.
    fn is_edge(&self, j: usize) -> bool {
        j == 0 || j + 1 >= self.columns.n()
    }

    /// Field `j` of every record, if all records are known to be regular: `f` gets record, field, and the
    /// bytes of the chunk from the first one of `Field::raw` on. Says whether it did.
    #[inline]
    pub fn each_field(&self, j: usize, mut f: impl FnMut(usize, Field<'a>, &'a [u8])) -> bool {
        let mut each = |r, span: Span| {
            let rest = &self.bytes[span.start..];
            let raw = &rest[..span.len()];
            if raw.first() == Some(&QUOTE) {
                let field = Field::new(raw);
                f(r, field, &rest[usize::from(field.quoted)..]);
            } else {
                let field = Field {
                    raw,
                    quoted: false,
                    escaped: false,
                };
                f(r, field, rest);
            }
        };
        if self.is_edge(j) {
            let spans = self.spans::<true>(j).map(Iterator::enumerate);
            spans
                .map(|spans| spans.for_each(|(r, span)| each(r, span)))
                .is_some()
        } else {
            let spans = self.spans::<false>(j).map(Iterator::enumerate);
            spans
                .map(|spans| spans.for_each(|(r, span)| each(r, span)))
                .is_some()
        }
    }

    /// Field `j` of every record, as long as each is a text of at most fifteen bytes and has no quotes; says whether
    /// all are. `f` gets the sixteen bytes from its first one on, the first in the lowest place, and the text.
    #[inline]
    pub fn each_short(&self, j: usize, f: impl FnMut(u128, &'a [u8])) -> bool {
        if self.is_edge(j) {
            self.spans::<true>(j)
                .is_some_and(|spans| self.each_short_at(spans, f))
        } else {
            self.spans::<false>(j)
                .is_some_and(|spans| self.each_short_at(spans, f))
        }
    }

    #[expect(clippy::inline_always, reason = "out of line, the word goes through memory")]
    #[inline(always)]
    fn each_short_at(&self, spans: impl Iterator<Item = Span>, mut f: impl FnMut(u128, &'a [u8])) -> bool {
        for span in spans {
            let at_end;
            let word = match self.bytes.get(span.start..span.start + 16) {
                Some(word) => word.first_chunk::<16>(),
                None => {
                    at_end = self.padded(span);
                    at_end.as_ref()
                }
            };
            let text = self.bytes.get(span.start..span.end);
            let (Some(word), Some(text)) = (word, text) else {
                return false;
            };
            if text.len() > 15 || word[0] == QUOTE {
                return false;
            }
            f(u128::from_le_bytes(*word), text);
        }
        true
    }

    /// The instants of field `j`, where every record has one in the shape of [`parse_zulu`](crate::time::parse_zulu).
    pub fn zulu_instants(&self, j: usize) -> Option<Vec<i64>> {
        #[cfg(target_arch = "x86_64")]
        if super::avx2::detected() {
            return super::avx2::zulu_instants(self, j);
        }
        self.zulu_instants_of::<Portable>(j)
    }

    #[expect(clippy::inline_always, reason = "compiled once per kind of machine")]
    #[inline(always)]
    pub(super) fn zulu_instants_of<B: Block>(&self, j: usize) -> Option<Vec<i64>> {
        if self.is_edge(j) {
            self.zulu_instants_at::<B>(self.spans::<true>(j)?)
        } else {
            self.zulu_instants_at::<B>(self.spans::<false>(j)?)
        }
    }

    #[expect(clippy::inline_always, reason = "compiled once per kind of machine")]
    #[inline(always)]
    fn zulu_instants_at<B: Block>(&self, spans: impl Iterator<Item = Span>) -> Option<Vec<i64>> {
        let mut instants = vec![0; self.len()];
        for (span, instant) in spans.zip(&mut instants) {
            let text = self.bytes.get(span.start..span.start + 20)?.first_chunk::<20>()?;
            if span.len() != 20 {
                return None;
            }
            *instant = B::zulu(text)?;
        }
        Some(instants)
    }

    /// The amounts of field `j` and how many decimals they have, where every record has one that
    /// [`parse_short`](crate::money::parse_short) reads.
    pub fn short_amounts(&self, j: usize) -> Option<(Vec<i128>, u8)> {
        #[cfg(target_arch = "x86_64")]
        if super::avx2::detected() {
            return super::avx2::short_amounts(self, j);
        }
        self.short_amounts_of::<Portable>(j)
    }

    #[expect(clippy::inline_always, reason = "compiled once per kind of machine")]
    #[inline(always)]
    pub(super) fn short_amounts_of<B: Block>(&self, j: usize) -> Option<(Vec<i128>, u8)> {
        if self.is_edge(j) {
            self.short_amounts_at::<B>(self.spans::<true>(j)?)
        } else {
            self.short_amounts_at::<B>(self.spans::<false>(j)?)
        }
    }

    #[expect(clippy::inline_always, reason = "compiled once per kind of machine")]
    #[inline(always)]
    fn short_amounts_at<B: Block>(&self, spans: impl Iterator<Item = Span>) -> Option<(Vec<i128>, u8)> {
        let mut amounts = vec![0_i128; self.len()];
        let mut decimals = 0;
        for (row, span) in (0..amounts.len()).zip(spans) {
            let at_end;
            let text = match self.bytes.get(span.start..span.start + 16) {
                Some(text) => text.first_chunk::<16>()?,
                None => {
                    at_end = self.padded(span)?;
                    &at_end
                }
            };
            let (mantissa, scale) = B::short(text, span.len())?;
            if scale > decimals {
                raise(amounts.get_mut(..row)?, scale - decimals);
                decimals = scale;
            }
            let power = POW10_SHORT[usize::from((decimals - scale) & 15)];
            *amounts.get_mut(row)? = i128::from(mantissa).wrapping_mul(i128::from(power));
        }
        Some((amounts, decimals))
    }

    /// A text of at most sixteen bytes, and zeros behind it.
    #[cold]
    fn padded(&self, span: Span) -> Option<[u8; 16]> {
        padded(self.bytes.get(span.start..span.end)?)
    }

    /// The text of field `j`, where every record has the same one there, of at most sixteen bytes.
    pub fn same_text(&self, j: usize) -> Option<&'a [u8]> {
        if self.is_edge(j) {
            self.same_text_at(self.spans::<true>(j)?)
        } else {
            self.same_text_at(self.spans::<false>(j)?)
        }
    }

    #[inline]
    fn same_text_at(&self, mut spans: impl Iterator<Item = Span>) -> Option<&'a [u8]> {
        let first = spans.next()?;
        let text = self
            .bytes
            .get(first.start..first.end)
            .filter(|text| text.len() <= 16)?;
        if text.len() > 8 {
            return spans
                .all(|span| self.bytes[span.start..span.end] == *text)
                .then_some(text);
        }
        // A currency: its bytes as the highest of a word.
        let shift = 64 - 8 * text.len() as u32;
        let word = u128::from_le_bytes(padded(text)?) as u64;
        let word = word.checked_shl(shift).unwrap_or(0);
        spans
            .all(|span| {
                let found = &self.bytes[span.start..];
                span.len() == text.len()
                    && match found.first_chunk::<8>() {
                        Some(found) => u64::from_le_bytes(*found).checked_shl(shift).unwrap_or(0) == word,
                        None => found.starts_with(text),
                    }
            })
            .then_some(text)
    }
}

/// Where a field stands, quotes included.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
}

impl Span {
    #[inline]
    fn len(self) -> usize {
        self.end.wrapping_sub(self.start)
    }
}

/// Writes amounts with so many decimals more, fifteen in all at most; before the point stand sixteen digits at most,
/// so that none comes near the limit.
#[cold]
fn raise(amounts: &mut [i128], by: u8) {
    let power = i128::from(POW10_SHORT[usize::from(by & 15)]);
    for amount in amounts {
        *amount = amount.wrapping_mul(power);
    }
}

/// The bytes of a text of at most sixteen, and zeros.
fn padded(text: &[u8]) -> Option<[u8; 16]> {
    let mut padded = [0; 16];
    padded.get_mut(..text.len())?.copy_from_slice(text);
    Some(padded)
}

#[cfg(test)]
mod tests;
