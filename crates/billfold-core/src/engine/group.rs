//! Groups as dense numbers: names, periods, and pairs of numbers, each numbered as it is met.
//!
//! A group is a path of pairs: (currency, period) has a number, that number with the first
//! dimension's code has a number, and so on. Each step is one tight loop over a column of `u32`;
//! small steps look up an array, large ones a hash table. Tables that outgrow the caches are read a block
//! ahead of their use, so that the waits for memory overlap.

use std::hash::BuildHasher;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, StringArray};
use arrow::datatypes::Int32Type;
use foldhash::fast::RandomState;

use super::gather::rank_names;
use crate::charge::builder::same_array;
use crate::charge::intern::{Interner, same_text};
use crate::charge::slots::Slots;

const EMPTY: u32 = u32::MAX;
/// A name of a dictionary that is to be looked up.
const WANTED: u32 = u32::MAX - 1;
/// Slots up to which a step is an array: 1 MiB, which stays in the second-level cache.
const DENSE_SLOTS: usize = 1 << 18;
/// Lookups that are under way together.
const BLOCK: usize = 128;

/// The names of one dimension, numbered.
#[derive(Debug)]
pub(crate) struct Names {
    slots: Slots,
    hasher: RandomState,
    /// Where each name begins in `bytes`, and where the last one ends.
    offsets: Vec<usize>,
    bytes: Vec<u8>,
    /// The dictionary met last, and per name there its code here. The batches of a Parquet row group share
    /// one dictionary.
    last: Option<(ArrayRef, Vec<u32>)>,
    /// The codes of a dictionary that are to be looked up.
    wanted: Vec<u32>,
}

impl Default for Names {
    fn default() -> Self {
        Names {
            slots: Slots::default(),
            hasher: RandomState::default(),
            offsets: vec![0],
            bytes: Vec::new(),
            last: None,
            wanted: Vec::new(),
        }
    }
}

impl Names {
    pub(crate) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    pub(crate) fn code(&mut self, name: &str) -> u32 {
        let tag = (self.hasher.hash_one(name.as_bytes()) >> 32) as u32;
        self.slots.reserve(1);
        self.code_of_tag(name.as_bytes(), tag)
    }

    /// The code of a name whose hash is known; there is room for it.
    fn code_of_tag(&mut self, name: &[u8], tag: u32) -> u32 {
        let Names {
            slots,
            offsets,
            bytes,
            ..
        } = self;
        let known = offsets.len() - 1;
        let code = slots.find_or(
            tag,
            |code| same_text(&bytes[offsets[code as usize]..offsets[code as usize + 1]], name),
            || known as u32,
        );
        if code as usize == known {
            bytes.extend_from_slice(name);
            offsets.push(bytes.len());
        }
        code
    }

    pub(crate) fn name(&self, code: u32) -> &[u8] {
        let code = code as usize;
        &self.bytes[self.offsets[code]..self.offsets[code + 1]]
    }

    /// Per row of a text column, its code here.
    pub(crate) fn codes_of(&mut self, column: &DictionaryArray<Int32Type>, out: &mut Vec<u32>) {
        let names: &StringArray = column.values().as_string();
        let keys = column.keys();
        // A dictionary may be longer than its batch; then only the names in use are looked up.
        let (mut map, met) = match self.last.take() {
            Some((values, map)) if same_array(&values, column.values()) => (map, true),
            Some((_, mut map)) => {
                map.clear();
                map.resize(names.len(), EMPTY);
                (map, false)
            }
            None => (vec![EMPTY; names.len()], false),
        };
        out.clear();
        out.reserve(keys.len());
        // Of a dictionary that was met before, mostly all names are known.
        if met && keys.null_count() == 0 {
            let mut unknown = false;
            out.extend(keys.values().iter().map(|key| {
                let code = map[*key as usize];
                unknown |= code == EMPTY;
                code
            }));
            if !unknown {
                self.last = Some((Arc::clone(column.values()), map));
                return;
            }
            out.clear();
        }
        let mut wanted = std::mem::take(&mut self.wanted);
        wanted.clear();
        if let ([slot], 1.., 0) = (map.as_slice(), keys.len(), keys.null_count()) {
            wanted.extend((*slot == EMPTY).then_some(0));
        } else {
            let mut want = |code: i32| {
                let slot = &mut map[code as usize];
                if *slot == EMPTY {
                    *slot = WANTED;
                    wanted.push(code as u32);
                }
            };
            if keys.null_count() == 0 {
                keys.values().iter().for_each(|code| want(*code));
            } else {
                keys.iter().flatten().for_each(want);
            }
        }
        self.look_up(names, &wanted, &mut map);
        self.wanted = wanted;
        if let ([code], 0) = (map.as_slice(), keys.null_count()) {
            out.resize(keys.len(), *code);
        } else if keys.null_count() == 0 {
            out.extend(keys.values().iter().map(|code| map[*code as usize]));
        } else {
            let nothing = self.code("");
            out.extend(
                keys.iter()
                    .map(|code| code.map_or(nothing, |code| map[code as usize])),
            );
        }
        self.last = Some((Arc::clone(column.values()), map));
    }

    /// Puts the codes of the wanted names of a dictionary into `map`.
    fn look_up(&mut self, names: &StringArray, wanted: &[u32], map: &mut [u32]) {
        let text = |code: u32| -> &[u8] {
            if names.is_null(code as usize) {
                b""
            } else {
                names.value(code as usize).as_bytes()
            }
        };
        let (mut tags, mut glances) = ([0u32; BLOCK], [0u64; BLOCK]);
        let mut places = [(0usize, 0usize); BLOCK];
        for block in wanted.chunks(BLOCK) {
            self.slots.reserve(block.len());
            for (tag, code) in tags.iter_mut().zip(block) {
                *tag = (self.hasher.hash_one(text(*code)) >> 32) as u32;
            }
            for (glance, tag) in glances.iter_mut().zip(&tags[..block.len()]) {
                *glance = self.slots.glance(*tag);
            }
            for (i, place) in places[..block.len()].iter_mut().enumerate() {
                *place = Slots::number(glances[i], tags[i]).map_or((1, 0), |code| {
                    (self.offsets[code as usize], self.offsets[code as usize + 1])
                });
            }
            for (i, code) in block.iter().enumerate() {
                let (name, (from, to)) = (text(*code), places[i]);
                map[*code as usize] = if from <= to && same_text(&self.bytes[from..to], name) {
                    glances[i] as u32
                } else {
                    self.code_of_tag(name, tags[i])
                };
            }
        }
    }

    /// The names in byte order, and per code the rank of its name.
    pub(crate) fn ranked(&self) -> (Vec<u32>, Vec<u32>) {
        let all = (0..self.len() as u32).collect();
        let (order, mut rank_of) = rank_names(&[(self, all)]);
        let order = order.into_iter().map(|(_, code)| code).collect();
        (order, rank_of.pop().unwrap_or_default())
    }

    /// Takes over another's names; per code there, the code here.
    pub(crate) fn merge(&mut self, other: &Names) -> Vec<u32> {
        (0..other.len() as u32)
            .map(|code| {
                let name = other.name(code);
                let tag = (self.hasher.hash_one(name) >> 32) as u32;
                self.slots.reserve(1);
                self.code_of_tag(name, tag)
            })
            .collect()
    }

    /// Bytes that the names take up, with what putting them in order takes.
    pub(super) fn size_bytes(&self) -> usize {
        self.bytes.len() + self.offsets.len() * 32 + self.slots.size_bytes()
    }

    /// Gives back what only the numbering needs.
    pub(super) fn forget_lookups(&mut self) {
        self.slots = Slots::default();
        self.last = None;
    }

    /// Forgets all names and keeps the room.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.offsets.truncate(1);
        self.bytes.clear();
        self.last = None;
    }
}

/// Ordinals of periods, numbered. Bills span few periods, so a table by distance serves.
#[derive(Debug, Default)]
pub(crate) struct PeriodCodes {
    base: i64,
    table: Vec<u32>,
    far: Interner,
    far_codes: Vec<u32>,
    /// Per code, its ordinal.
    pub(crate) ordinals: Vec<i64>,
}

impl PeriodCodes {
    /// Ordinals further than this from the first are looked up by hash.
    const REACH: i64 = 1 << 21;

    pub(crate) fn code(&mut self, ordinal: i64) -> u32 {
        if self.table.is_empty() && self.far_codes.is_empty() {
            self.base = ordinal;
        }
        let distance = ordinal.wrapping_sub(self.base);
        if !(0..Self::REACH).contains(&distance) {
            return self.far_code(ordinal);
        }
        let slot = distance as usize;
        if slot >= self.table.len() {
            self.table.resize(slot + 1, EMPTY);
        }
        if self.table[slot] == EMPTY {
            self.table[slot] = self.ordinals.len() as u32;
            self.ordinals.push(ordinal);
        }
        self.table[slot]
    }

    /// The codes of a column of ordinals, in place of what `out` holds.
    pub(crate) fn codes_of(&mut self, ordinals: impl IntoIterator<Item = i32>, out: &mut Vec<u32>) {
        out.clear();
        out.extend(ordinals.into_iter().map(|ordinal| {
            let distance = i64::from(ordinal).wrapping_sub(self.base);
            match self.table.get(distance as usize) {
                Some(code) if *code != EMPTY => *code,
                _ => self.code(i64::from(ordinal)),
            }
        }));
    }

    fn far_code(&mut self, ordinal: i64) -> u32 {
        let far = self.far.intern(&ordinal.to_le_bytes()) as usize;
        if far == self.far_codes.len() {
            self.far_codes.push(self.ordinals.len() as u32);
            self.ordinals.push(ordinal);
        }
        self.far_codes[far]
    }

    pub(crate) fn len(&self) -> usize {
        self.ordinals.len()
    }
}

/// Pairs of numbers, numbered.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    /// Per number, its pair.
    pub(crate) parts: Vec<(u32, u32)>,
    /// Array form: slot `left << shift | right`. Empty once the step became too large.
    dense: Vec<u32>,
    shift: u32,
    slots: Slots,
    hashed: bool,
}

/// Half a hash of a pair.
#[inline]
fn tag_of(left: u32, right: u32) -> u32 {
    let key = u64::from(left) << 32 | u64::from(right);
    let product = u128::from(key ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93_u128;
    (((product as u64) ^ ((product >> 64) as u64)) >> 32) as u32
}

impl Pairs {
    pub(crate) fn len(&self) -> usize {
        self.parts.len()
    }

    /// Replaces each `left[i]` by the number of the pair `(left[i], right[i])`.
    ///
    /// Shapes: equal lengths; every `left` is below `n_left`, every `right` below `n_right`.
    pub(crate) fn combine(&mut self, left: &mut [u32], right: &[u32], n_left: usize, n_right: usize) {
        assert_eq!(left.len(), right.len());
        self.make_room(n_left, n_right);
        if self.hashed {
            for (left, right) in left.chunks_mut(BLOCK).zip(right.chunks(BLOCK)) {
                self.combine_block(left, right);
            }
            return;
        }
        let Pairs {
            parts, dense, shift, ..
        } = self;
        for (left, right) in left.iter_mut().zip(right) {
            let slot = &mut dense[(*left as usize) << *shift | *right as usize];
            if *slot == EMPTY {
                *slot = parts.len() as u32;
                parts.push((*left, *right));
            }
            *left = *slot;
        }
    }

    /// The same for a block of pairs by hash.
    fn combine_block(&mut self, left: &mut [u32], right: &[u32]) {
        let (mut tags, mut glances) = ([0u32; BLOCK], [0u64; BLOCK]);
        self.slots.reserve(left.len());
        for ((tag, left), right) in tags.iter_mut().zip(&*left).zip(right) {
            *tag = tag_of(*left, *right);
        }
        for (glance, tag) in glances.iter_mut().zip(&tags[..left.len()]) {
            *glance = self.slots.glance(*tag);
        }
        let Pairs { parts, slots, .. } = self;
        for (i, (left, right)) in left.iter_mut().zip(right).enumerate() {
            let pair = (*left, *right);
            let likely = Slots::number(glances[i], tags[i]);
            *left = match likely {
                Some(number) if parts[number as usize] == pair => number,
                _ => {
                    let known = parts.len() as u32;
                    let number = slots.find_or(tags[i], |n| parts[n as usize] == pair, || known);
                    if number == known {
                        parts.push(pair);
                    }
                    number
                }
            };
        }
    }

    fn make_room(&mut self, n_left: usize, n_right: usize) {
        if self.hashed {
            return;
        }
        let shift = n_right
            .max(1)
            .next_power_of_two()
            .trailing_zeros()
            .max(self.shift);
        let slots = usize::try_from((n_left.next_power_of_two() as u128) << shift).unwrap_or(usize::MAX);
        if slots > DENSE_SLOTS {
            self.hashed = true;
            self.dense = Vec::new();
            self.slots.reserve(self.parts.len());
            for (number, (left, right)) in self.parts.iter().enumerate() {
                self.slots
                    .find_or(tag_of(*left, *right), |_| false, || number as u32);
            }
        } else if shift != self.shift {
            self.shift = shift;
            self.dense = vec![EMPTY; slots];
            for (number, (left, right)) in self.parts.iter().enumerate() {
                self.dense[(*left as usize) << shift | *right as usize] = number as u32;
            }
        } else if slots > self.dense.len() {
            self.dense.resize(slots, EMPTY);
        }
    }

    /// Bytes that the pairs take up.
    pub(super) fn size_bytes(&self) -> usize {
        self.parts.len() * size_of::<(u32, u32)>()
            + self.dense.len() * size_of::<u32>()
            + self.slots.size_bytes()
    }

    /// Gives back what only the numbering needs.
    pub(super) fn forget_lookups(&mut self) {
        self.slots = Slots::default();
        self.dense = Vec::new();
    }

    /// Forgets all pairs and keeps the room.
    pub(super) fn clear(&mut self) {
        self.parts.clear();
        self.dense.fill(EMPTY);
        self.slots.clear();
    }

    /// Takes over another's pairs, whose parts are called `left_map[left]` and `right_map[right]` here;
    /// per number there, the number here.
    pub(crate) fn merge(
        &mut self,
        other: &Pairs,
        left_map: &[u32],
        right_map: &[u32],
        n_left: usize,
        n_right: usize,
    ) -> Vec<u32> {
        let mut left: Vec<u32> = other.parts.iter().map(|(l, _)| left_map[*l as usize]).collect();
        let right: Vec<u32> = other.parts.iter().map(|(_, r)| right_map[*r as usize]).collect();
        self.combine(&mut left, &right, n_left, n_right);
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_keeps_its_number_while_the_step_grows() {
        let mut pairs = Pairs::default();
        let mut seen = std::collections::BTreeMap::new();
        let mut state = 7u64;
        for round in 1..40u32 {
            let (n_left, n_right) = (round * 30, round * 17);
            let mut draw = |n: u32| {
                state = state
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                (state >> 33) as u32 % n
            };
            let left: Vec<u32> = (0..500).map(|_| draw(n_left)).collect();
            let right: Vec<u32> = (0..500).map(|_| draw(n_right)).collect();
            let mut numbers = left.clone();
            pairs.combine(&mut numbers, &right, n_left as usize, n_right as usize);
            for i in 0..500 {
                let number = *seen.entry((left[i], right[i])).or_insert(numbers[i]);
                assert_eq!(number, numbers[i]);
                assert_eq!(pairs.parts[number as usize], (left[i], right[i]));
            }
        }
        assert!(pairs.hashed && pairs.len() == seen.len());
    }

    #[test]
    fn periods_before_and_far_from_the_first_have_numbers_too() {
        let mut codes = PeriodCodes::default();
        let ordinals = [5, 7, 5, 3, i64::from(i32::MAX), 3, -9, 7];
        let numbers: Vec<u32> = ordinals.iter().map(|o| codes.code(*o)).collect();
        for (number, ordinal) in numbers.iter().zip(ordinals) {
            assert_eq!(codes.ordinals[*number as usize], ordinal);
        }
        assert_eq!(codes.len(), 5);
    }
}
