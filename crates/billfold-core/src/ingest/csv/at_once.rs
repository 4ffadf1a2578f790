//! A column of a chunk read at once, where every record is regular: where its fields stand, and its times and amounts
//! where all are written as most bills write them.
//!
//! The loops are compiled once more for machines with AVX2, in `avx2`.

use super::QUOTE;
use super::columns::Places;
use super::mask::{Block, Portable};
use super::records::{Field, Records};
use crate::money::POW10_SHORT;

/// How a field is found between the ends that were kept of its record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    /// Those of the fields before and behind.
    Fields,
    /// A border of the record is one of them.
    Edge,
    /// Its own end alone was kept.
    End,
}

const FIELDS: u8 = Between::Fields as u8;
const EDGE: u8 = Between::Edge as u8;
const END: u8 = Between::End as u8;

impl<'a> Records<'a> {
    /// How field `j` is found.
    fn between(&self, j: usize) -> Between {
        let places = self.columns.kept().and_then(|_| self.columns.places(j));
        if j == 0 || j + 1 >= self.columns.n() {
            Between::Edge
        } else if places.is_some_and(|places| places.before.is_none()) {
            Between::End
        } else {
            Between::Fields
        }
    }

    /// Per record how many ends were kept, and where those around field `j` stand; None where not all records are
    /// known to be regular, or its own was not kept.
    fn kept_around(&self, j: usize) -> Option<(usize, Places)> {
        let n_columns = self.columns.n();
        if !self.even || j >= n_columns {
            return None;
        }
        let (n_kept, places) = match self.columns.kept() {
            Some(kept) => (kept.len(), self.columns.places(j)?),
            None => {
                let before = Some(j.saturating_sub(1));
                (n_columns, Places { before, own: j })
            }
        };
        (places.before.unwrap_or(0) < n_kept && places.own < n_kept).then_some((n_kept, places))
    }

    /// Where field `j` of every record stands, quotes included; None where not all records are known to be
    /// regular, or its ends were not kept. `HOW` is what [`Records::between`] says.
    #[inline]
    fn spans<const HOW: u8>(&self, j: usize) -> Option<impl Iterator<Item = Span>> {
        let (n_kept, Places { before, own }) = self.kept_around(j)?;
        if HOW != END && before.is_none() {
            return None;
        }
        let before = before.unwrap_or(0);
        let n_columns = self.columns.n();
        let (is_first, may_have_cr) = (j == 0, j + 1 == n_columns && !self.dialect.cr_only);
        let bytes = self.bytes;
        let mut record_start = 0;
        Some(self.ends.chunks_exact(n_kept).map(move |ends| {
            let mut end = ends[own] as usize;
            let mut start = if HOW == END {
                self.start_before(end)
            } else {
                (ends[before] as usize).wrapping_add(1)
            };
            if HOW == EDGE {
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
        let done = match self.between(j) {
            Between::Fields => self.spans::<FIELDS>(j).map(|spans| each_of(spans, &mut each)),
            Between::Edge => self.spans::<EDGE>(j).map(|spans| each_of(spans, &mut each)),
            Between::End => self.spans::<END>(j).map(|spans| each_of(spans, &mut each)),
        };
        done.is_some()
    }

    /// Field `j` of every record, as long as each is a text of at most fifteen bytes and has no quotes; says whether
    /// all are. `f` gets the sixteen bytes from its first one on, the first in the lowest place, and the text.
    #[inline]
    pub fn each_short(&self, j: usize, f: impl FnMut(u128, &'a [u8])) -> bool {
        match self.between(j) {
            Between::Fields => (self.spans::<FIELDS>(j)).is_some_and(|spans| self.each_short_at(spans, f)),
            Between::Edge => (self.spans::<EDGE>(j)).is_some_and(|spans| self.each_short_at(spans, f)),
            Between::End => (self.spans::<END>(j)).is_some_and(|spans| self.each_short_at(spans, f)),
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
        match self.between(j) {
            Between::Fields => self.zulu_instants_at::<B>(self.spans::<FIELDS>(j)?),
            Between::Edge => self.zulu_instants_at::<B>(self.spans::<EDGE>(j)?),
            Between::End => self.zulu_instants_before::<B>(j),
        }
    }

    /// The same by the ends of the fields: behind a delimiter, a time that has no quotes is a field whole.
    #[expect(clippy::inline_always, reason = "compiled once per kind of machine")]
    #[inline(always)]
    fn zulu_instants_before<B: Block>(&self, j: usize) -> Option<Vec<i64>> {
        let (n_kept, Places { own, .. }) = self.kept_around(j)?;
        let delimiter = self.dialect.delimiter;
        let mut instants = vec![0; self.len()];
        for (ends, instant) in self.ends.chunks_exact(n_kept).zip(&mut instants) {
            let end = ends[own] as usize;
            let text = self.bytes.get(end.wrapping_sub(21)..end)?;
            let (before, text) = text.first_chunk::<21>()?.split_first_chunk::<1>()?;
            if before[0] != delimiter {
                return None;
            }
            *instant = B::zulu(text.first_chunk::<20>()?)?;
        }
        Some(instants)
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
        match self.between(j) {
            Between::Fields => self.short_amounts_at::<B>(self.spans::<FIELDS>(j)?),
            Between::Edge => self.short_amounts_at::<B>(self.spans::<EDGE>(j)?),
            Between::End => self.short_amounts_at::<B>(self.spans::<END>(j)?),
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
        match self.between(j) {
            Between::Fields => self.same_text_at(self.spans::<FIELDS>(j)?),
            Between::Edge => self.same_text_at(self.spans::<EDGE>(j)?),
            Between::End => {
                let mut spans = self.spans::<END>(j)?;
                let Span { start, end } = spans.next()?;
                match self.bytes.get(start.wrapping_sub(1)..end) {
                    Some(text) if text.len() <= 8 && !text.contains(&QUOTE) => {
                        self.all_end_with(j, text).then(|| &text[1..])
                    }
                    _ => self.same_text_at(self.spans::<END>(j)?),
                }
            }
        }
    }

    /// Whether field `j` of every record ends with this text of at most eight bytes.
    fn all_end_with(&self, j: usize, text: &[u8]) -> bool {
        let (Some((n_kept, Places { own, .. })), Some(padded)) = (self.kept_around(j), padded(text)) else {
            return false;
        };
        // The text as the highest bytes of a word.
        let n_free = 64 - 8 * text.len() as u32;
        let word = (u128::from_le_bytes(padded) as u64)
            .checked_shl(n_free)
            .unwrap_or(0);
        self.ends.chunks_exact(n_kept).all(|ends| {
            let end = ends[own] as usize;
            let found = self.bytes.get(end.wrapping_sub(8)..end);
            match found.and_then(|found| found.first_chunk::<8>()) {
                Some(found) => {
                    (u64::from_le_bytes(*found) ^ word)
                        .checked_shr(n_free)
                        .unwrap_or(0)
                        == 0
                }
                None => self.bytes[..end].ends_with(text),
            }
        })
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

#[inline]
fn each_of(spans: impl Iterator<Item = Span>, each: &mut impl FnMut(usize, Span)) {
    spans.enumerate().for_each(|(r, span)| each(r, span));
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
