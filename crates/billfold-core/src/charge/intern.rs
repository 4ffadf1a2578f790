//! Distinct byte strings and their numbers. Short ones are compared as words, not as slices.

use std::hash::BuildHasher;
use std::ops::Range;

use arrow::array::StringArray;
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use foldhash::fast::RandomState;

use super::slots::Slots;
use crate::error::{Error, Result};

/// A text of at most fifteen bytes: its bytes, zeros behind them, and its length in the last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortText(u128);

impl ShortText {
    /// No text.
    pub const NONE: ShortText = ShortText(u128::MAX);

    /// The longest.
    pub const MAX_LEN: usize = 15;

    /// The first `len` bytes of `word`, the first in its lowest byte; what follows them may be anything.
    /// None for a longer text.
    #[inline]
    pub fn new(word: u128, len: usize) -> Option<Self> {
        let bytes = FIRST_BYTES.get(len)?;
        Some(ShortText(word & bytes | (len as u128) << 120))
    }

    /// A number of so many bits that is mostly another for another text.
    #[inline]
    pub fn glance(self, bits: u32) -> usize {
        let word = self.0 as u64 ^ ((self.0 >> 64) as u64).rotate_left(29);
        (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits)) as usize
    }

    /// The same from its bytes.
    #[inline]
    pub(crate) fn of(text: &[u8]) -> Option<Self> {
        let mut word = [0; 16];
        word.get_mut(..text.len())?.copy_from_slice(text);
        ShortText::new(u128::from_le_bytes(word), text.len())
    }

    /// The text at a place among others, without a copy of unknown length where sixteen bytes can be read there.
    ///
    /// # Panics
    /// When the range is not within `bytes`.
    #[inline]
    pub(crate) fn at(bytes: &[u8], range: Range<usize>) -> Option<Self> {
        let len = range.len();
        match bytes[range.start..].first_chunk::<16>() {
            Some(word) => ShortText::new(u128::from_le_bytes(*word), len),
            None => ShortText::of(&bytes[range]),
        }
    }

    /// Its bytes, zeros behind them, and its length, at most fifteen, in the last byte.
    #[inline]
    pub(crate) fn word(self) -> u128 {
        self.0
    }

    /// Half a hash. `seed` should not be known outside the process, so that no bill can be written whose texts all
    /// collide.
    #[inline]
    pub(crate) fn tag(self, seed: u64) -> u32 {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let (low, high) = (self.0 as u64, (self.0 >> 64) as u64);
        let wide = u128::from(low ^ seed).wrapping_mul(u128::from(high.rotate_left(29) ^ ODD));
        (((wide >> 64) as u64 ^ wide as u64) >> 32) as u32
    }
}

/// All bits of the first so many bytes of a word. To look them up costs less than to shift a word of this size.
const FIRST_BYTES: [u128; ShortText::MAX_LEN + 1] = {
    let mut bytes = [0; ShortText::MAX_LEN + 1];
    let mut len = 1;
    while len < bytes.len() {
        bytes[len] = bytes[len - 1] << 8 | 0xff;
        len += 1;
    }
    bytes
};

/// The word of a text that is not short: no short text has a last byte above fifteen.
const LONG: u128 = u128::MAX;

/// Whether two texts are equal; those of ordinary length without a call.
#[inline]
pub(crate) fn same_text(a: &[u8], b: &[u8]) -> bool {
    const MANY: usize = 128;
    if a.len() != b.len() {
        return false;
    }
    // Two words that overlap are all bytes of a text of their length or more.
    if let (Some(a_last), Some(b_last)) = (a.last_chunk::<16>(), b.last_chunk::<16>())
        && a.len() <= MANY
    {
        let words = a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0);
        let differ = words.map(|(a, b)| u128::from_le_bytes(*a) ^ u128::from_le_bytes(*b));
        return differ.fold(0, |any, bits| any | bits) == 0 && a_last == b_last;
    }
    if let (Some(a_first), Some(a_last)) = (a.first_chunk::<8>(), a.last_chunk::<8>())
        && let (Some(b_first), Some(b_last)) = (b.first_chunk::<8>(), b.last_chunk::<8>())
        && a.len() <= 16
    {
        return a_first == b_first && a_last == b_last;
    }
    a == b
}

/// Distinct byte strings, numbered from 0 in the order in which they were met.
#[derive(Debug)]
pub struct Interner {
    /// Codes of the strings.
    slots: Slots,
    /// Per code, the short text; [`LONG`] for others.
    words: Vec<u128>,
    /// Not known outside the process, so that no bill can be written whose texts all collide.
    seed: u64,
    hasher: RandomState,
    offsets: Vec<usize>,
    bytes: Vec<u8>,
}

impl Default for Interner {
    fn default() -> Self {
        let hasher = RandomState::default();
        Interner {
            slots: Slots::default(),
            words: Vec::new(),
            seed: hasher.hash_one(0_u8),
            hasher,
            offsets: vec![0],
            bytes: Vec::new(),
        }
    }
}

impl Interner {
    /// Distinct strings so far.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The string of a code that [`Interner::intern`] gave.
    pub fn get(&self, code: i32) -> &[u8] {
        let code = code as usize;
        &self.bytes[self.offsets[code]..self.offsets[code + 1]]
    }

    /// The code of a string that is known already.
    pub fn find(&self, text: &[u8]) -> Option<i32> {
        let found = match ShortText::of(text) {
            Some(short) => self
                .slots
                .find(short.tag(self.seed), |n| self.words[n as usize] == short.0),
            None => {
                let is_it = |n: u32| self.words[n as usize] == LONG && self.get(n as i32) == text;
                self.slots.find(self.tag_of_long(text), is_it)
            }
        };
        found.map(|code| code as i32)
    }

    fn tag_of_long(&self, text: &[u8]) -> u32 {
        (self.hasher.hash_one(text) >> 32) as u32
    }

    /// The code of a string.
    pub fn intern(&mut self, text: &[u8]) -> i32 {
        if let Some(short) = ShortText::of(text) {
            return self.intern_short(short, text);
        }
        let tag = self.tag_of_long(text);
        let Interner {
            slots,
            offsets,
            bytes,
            words,
            ..
        } = self;
        let next = words.len() as u32;
        slots.reserve(1);
        let is_it = |n: u32| {
            words[n as usize] == LONG && same_text(&bytes[offsets[n as usize]..offsets[n as usize + 1]], text)
        };
        let code = slots.find_or(tag, is_it, || next);
        if code == next {
            bytes.extend_from_slice(text);
            offsets.push(bytes.len());
            words.push(LONG);
        }
        code as i32
    }

    /// A code for a string, new in any case; the string is not found by it.
    pub fn append(&mut self, text: &[u8]) -> i32 {
        let code = self.words.len() as i32;
        self.bytes.extend_from_slice(text);
        self.offsets.push(self.bytes.len());
        self.words.push(LONG);
        code
    }

    /// The code of a string that is known as a word, too.
    #[inline]
    pub fn intern_short(&mut self, short: ShortText, text: &[u8]) -> i32 {
        let Interner { slots, words, .. } = self;
        let next = words.len() as u32;
        slots.reserve(1);
        let code = slots.find_or(short.tag(self.seed), |n| words[n as usize] == short.0, || next);
        if code == next {
            words.push(short.0);
            self.bytes.extend_from_slice(text);
            self.offsets.push(self.bytes.len());
        }
        code as i32
    }

    /// Forgets all strings and keeps the room.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.words.clear();
        self.offsets.truncate(1);
        self.bytes.clear();
    }

    /// The strings as an Arrow array; `map` may replace a string by another.
    pub(crate) fn finish(&self, map: impl Fn(&[u8]) -> Option<&'static str>) -> Result<StringArray> {
        let replaced = (0..self.len()).any(|code| map(self.get(code as i32)).is_some());
        if replaced {
            let text = |code: usize| -> Result<&str> {
                let bytes = self.get(code as i32);
                match map(bytes) {
                    Some(other) => Ok(other),
                    None => {
                        std::str::from_utf8(bytes).map_err(|e| Error::bug(format!("unchecked text: {e}")))
                    }
                }
            };
            return (0..self.len()).map(|code| text(code).map(Some)).collect();
        }
        if i32::try_from(self.bytes.len()).is_err() {
            return Err(Error::limit(
                "limit.chunk",
                "the texts of one chunk need more than 2 GiB",
            ));
        }
        let offsets: Vec<i32> = self.offsets.iter().map(|o| *o as i32).collect();
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        StringArray::try_new(offsets, Buffer::from_slice_ref(&self.bytes), None)
            .map_err(|e| Error::bug(format!("unchecked text: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_are_the_same_where_their_bytes_are(a in "[ab]{0,140}", b in "[ab]{0,20}", at in 0_usize..140) {
            prop_assert_eq!(same_text(a.as_bytes(), b.as_bytes()), a == b);
            let mut other = a.clone().into_bytes();
            prop_assert!(same_text(a.as_bytes(), &other));
            if let Some(byte) = other.get_mut(at) {
                *byte ^= 1;
                prop_assert!(!same_text(a.as_bytes(), &other));
            }
        }

        #[test]
        fn equal_texts_have_one_number_and_unequal_ones_two(
            texts in proptest::collection::vec("[\\x00a-c]{0,20}", 0..300),
        ) {
            let mut interner = Interner::default();
            let mut met: Vec<&str> = Vec::new();
            for text in &texts {
                let expected = met.iter().position(|m| m == text).unwrap_or_else(|| {
                    met.push(text);
                    met.len() - 1
                });
                // As a word with rubbish behind it, or as a slice: the same text.
                let mut padded = text.clone().into_bytes();
                padded.resize(16.max(padded.len()), b'#');
                prop_assert_eq!(interner.find(text.as_bytes()).is_some(), expected < interner.len());
                let word = u128::from_le_bytes(*padded.first_chunk::<16>().unwrap());
                let code = match ShortText::new(word, text.len()) {
                    Some(short) if met.len().is_multiple_of(2) => interner.intern_short(short, text.as_bytes()),
                    _ => interner.intern(text.as_bytes()),
                };
                prop_assert_eq!(code as usize, expected);
                prop_assert_eq!(interner.get(code), text.as_bytes());
                prop_assert_eq!(interner.find(text.as_bytes()), Some(code));
            }
            prop_assert_eq!(interner.len(), met.len());
            interner.clear();
            for text in &texts {
                prop_assert_eq!(interner.find(text.as_bytes()), None);
            }
            prop_assert!(interner.is_empty());
        }
    }
}
