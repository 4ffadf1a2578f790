//! Distinct byte strings and their numbers. Short ones are compared as words, not as slices.

use std::hash::BuildHasher;

use arrow::array::StringArray;
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::error::{Error, Result};

/// A text of at most fifteen bytes: its bytes, zeros behind them, and its length in the last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortText(u128);

impl ShortText {
    /// The longest.
    pub const MAX_LEN: usize = 15;

    /// The first `len` bytes of `word`, the first in its lowest byte; what follows them may be anything.
    /// None for a longer text.
    #[inline]
    pub fn new(word: u128, len: usize) -> Option<Self> {
        if len > Self::MAX_LEN {
            return None;
        }
        let text = word & ((1 << (8 * len as u32)) - 1);
        Some(ShortText(text | (len as u128) << 120))
    }

    /// The same from its bytes.
    #[inline]
    fn of(text: &[u8]) -> Option<Self> {
        let mut word = [0; 16];
        word.get_mut(..text.len())?.copy_from_slice(text);
        ShortText::new(u128::from_le_bytes(word), text.len())
    }
}

/// Distinct byte strings, numbered from 0 in the order in which they were met.
#[derive(Debug)]
pub struct Interner {
    /// Codes of the strings that were not met as short ones.
    table: HashTable<i32>,
    short: ShortTable,
    hasher: RandomState,
    offsets: Vec<usize>,
    bytes: Vec<u8>,
}

impl Default for Interner {
    fn default() -> Self {
        let hasher = RandomState::default();
        Interner {
            table: HashTable::new(),
            short: ShortTable::new(hasher.hash_one(0_u8)),
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
        if let Some(short) = ShortText::of(text) {
            return self.short.find(short);
        }
        let hash = self.hasher.hash_one(text);
        self.table.find(hash, |code| self.get(*code) == text).copied()
    }

    /// The code of a string.
    pub fn intern(&mut self, text: &[u8]) -> i32 {
        if let Some(short) = ShortText::of(text) {
            return self.intern_short(short, text);
        }
        let hash = self.hasher.hash_one(text);
        let Interner {
            table,
            hasher,
            offsets,
            bytes,
            ..
        } = self;
        let get = |code: i32| &bytes[offsets[code as usize]..offsets[code as usize + 1]];
        if let Some(code) = table.find(hash, |code| get(*code) == text) {
            return *code;
        }
        let code = (offsets.len() - 1) as i32;
        table.insert_unique(hash, code, |code| hasher.hash_one(get(*code)));
        bytes.extend_from_slice(text);
        offsets.push(bytes.len());
        code
    }

    /// The code of a string that is known as a word, too.
    #[inline]
    pub fn intern_short(&mut self, short: ShortText, text: &[u8]) -> i32 {
        let next = (self.offsets.len() - 1) as i32;
        let code = self.short.find_or_insert(short, next);
        if code == next {
            self.bytes.extend_from_slice(text);
            self.offsets.push(self.bytes.len());
        }
        code
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

/// Codes of short texts by open addressing: one cache line to find a text, no pointer to follow.
#[derive(Debug)]
struct ShortTable {
    /// A power of two of them, at least half of them free.
    slots: Vec<Slot>,
    n: usize,
    /// Not known outside the process, so that no bill can be written whose texts all collide.
    seed: u64,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    low: u64,
    high: u64,
    /// Negative where the slot is free.
    code: i32,
}

impl Slot {
    const FREE: Slot = Slot {
        low: 0,
        high: 0,
        code: -1,
    };
}

impl ShortTable {
    fn new(seed: u64) -> Self {
        ShortTable {
            slots: Vec::new(),
            n: 0,
            seed,
        }
    }

    /// The code of a text that is known already.
    fn find(&self, text: ShortText) -> Option<i32> {
        let (low, high) = (text.0 as u64, (text.0 >> 64) as u64);
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = self.hash(low, high) & mask;
        loop {
            let slot = self.slots[at & mask];
            if slot.code < 0 || (slot.low == low && slot.high == high) {
                return (slot.code >= 0).then_some(slot.code);
            }
            at = at.wrapping_add(1);
        }
    }

    /// The code of a text; `next` if it is new, from then on.
    #[inline]
    fn find_or_insert(&mut self, text: ShortText, next: i32) -> i32 {
        if self.slots.len() <= 2 * self.n {
            self.grow();
        }
        let (low, high) = (text.0 as u64, (text.0 >> 64) as u64);
        let mask = self.slots.len() - 1;
        let mut at = self.hash(low, high) & mask;
        loop {
            let slot = &mut self.slots[at & mask];
            if slot.low == low && slot.high == high && slot.code >= 0 {
                return slot.code;
            }
            if slot.code < 0 {
                *slot = Slot {
                    low,
                    high,
                    code: next,
                };
                self.n += 1;
                return next;
            }
            at = at.wrapping_add(1);
        }
    }

    #[inline]
    fn hash(&self, low: u64, high: u64) -> usize {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let wide = u128::from(low ^ self.seed).wrapping_mul(u128::from(high.rotate_left(29) ^ ODD));
        ((wide >> 64) as u64 ^ wide as u64) as usize
    }

    #[cold]
    fn grow(&mut self) {
        let room = (self.slots.len() * 4).max(64);
        let old = std::mem::replace(&mut self.slots, vec![Slot::FREE; room]);
        let mask = room - 1;
        for slot in old.into_iter().filter(|slot| slot.code >= 0) {
            let mut at = self.hash(slot.low, slot.high) & mask;
            while self.slots[at & mask].code >= 0 {
                at = at.wrapping_add(1);
            }
            self.slots[at & mask] = slot;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
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
        }
    }
}
