//! Names and periods as dense numbers, each numbered as it is met. How they make a group is `pairs`.
//!
//! Tables that outgrow the caches are read a block ahead of their use, so that the waits for memory overlap.

use std::hash::BuildHasher;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, StringArray};
use arrow::datatypes::Int32Type;
use foldhash::fast::RandomState;

use super::gather::rank_names;
use crate::charge::builder::same_array;
use crate::charge::intern::{Interner, same_text};
use crate::charge::slots::Slots;

pub(super) const EMPTY: u32 = u32::MAX;
/// A name of a dictionary that is to be looked up.
const WANTED: u32 = u32::MAX - 1;
/// Lookups that are under way together.
pub(super) const BLOCK: usize = 128;

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
        let (mut tags, mut near) = ([0u32; BLOCK], [None; BLOCK]);
        let mut places = [(0usize, 0usize); BLOCK];
        for block in wanted.chunks(BLOCK) {
            self.slots.reserve(block.len());
            for (tag, code) in tags.iter_mut().zip(block) {
                *tag = (self.hasher.hash_one(text(*code)) >> 32) as u32;
            }
            for (near, tag) in near.iter_mut().zip(&tags[..block.len()]) {
                *near = Slots::number(self.slots.glance(*tag), *tag);
            }
            for (place, near) in places.iter_mut().zip(&near[..block.len()]) {
                *place = near.map_or((0, 0), |code| {
                    (self.offsets[code as usize], self.offsets[code as usize + 1])
                });
            }
            // The first bytes tell most names apart that have the same hash, and bring the others near.
            for (i, code) in block.iter().enumerate() {
                let (from, to) = places[i];
                if self.bytes[from..to].first_chunk::<8>() != text(*code).first_chunk::<8>() {
                    near[i] = None;
                }
            }
            for (i, code) in block.iter().enumerate() {
                let (name, (from, to)) = (text(*code), places[i]);
                map[*code as usize] = match near[i] {
                    Some(known) if same_text(&self.bytes[from..to], name) => known,
                    _ => self.code_of_tag(name, tags[i]),
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

#[cfg(test)]
mod tests {
    use super::*;

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
