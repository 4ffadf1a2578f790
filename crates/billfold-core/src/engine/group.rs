//! Names and periods as dense numbers, each numbered as it is met. How they make a group is `pairs`.
//!
//! Tables that outgrow the caches are read a block ahead of their use, so that the waits for memory overlap.

use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, StringArray};
use arrow::datatypes::Int32Type;
use foldhash::fast::RandomState;

use super::gather::rank_names;
use crate::charge::builder::same_array;
use crate::charge::intern::{Interner, ShortText};
use crate::charge::slots::Slots;

pub(super) const EMPTY: u32 = u32::MAX;
/// A name of a dictionary that is to be looked up.
const WANTED: u32 = u32::MAX - 1;
/// Bytes per name that putting names in order takes.
const ORDER_BYTES: usize = 24;
/// Lookups that are under way together.
pub(super) const BLOCK: usize = 128;

/// Bits that tell `n` values apart.
pub(super) fn width_of(n: usize) -> u32 {
    usize::BITS - n.saturating_sub(1).leading_zeros()
}

/// The names of one dimension, numbered.
#[derive(Debug)]
pub(crate) struct Names {
    slots: Slots,
    /// Not known outside the process, so that no bill can be written whose names all collide.
    seed: u64,
    hasher: RandomState,
    /// Per code, its name or where that is.
    heads: Vec<Head>,
    /// The bytes of long names.
    long: Vec<u8>,
    /// The dictionary met last, and per name there its code here. The batches of a Parquet row group share
    /// one dictionary.
    last: Option<(ArrayRef, Vec<u32>)>,
    /// The codes of a dictionary that are to be looked up.
    wanted: Vec<u32>,
}

/// A short name, as [`ShortText`] has it, so that comparing with it touches one place of memory; or where a long one
/// begins (eight bytes) and how long it is (seven), and a last byte that no short one has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head([u8; 16]);

impl Head {
    const LONG: u8 = u8::MAX;

    fn short(name: ShortText) -> Self {
        Head(name.word().to_le_bytes())
    }

    fn long(start: usize, len: usize) -> Self {
        let word = (start as u64 as u128) | (len as u64 as u128) << 64 | u128::from(Head::LONG) << 120;
        Head(word.to_le_bytes())
    }

    #[inline]
    fn is_long(self) -> bool {
        self.0[15] == Head::LONG
    }

    /// Where a long name stands.
    #[inline]
    fn place(self) -> Range<usize> {
        let word = u128::from_le_bytes(self.0);
        let (start, len) = (
            word as u64 as usize,
            ((word >> 64) as u64 & (u64::MAX >> 8)) as usize,
        );
        start..start + len
    }

    #[inline]
    fn text<'a>(&'a self, long: &'a [u8]) -> &'a [u8] {
        match self.0.get(..usize::from(self.0[15])) {
            Some(short) => short,
            None => &long[self.place()],
        }
    }
}

/// A name that is looked for.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    Short(ShortText),
    Long(&'a [u8]),
}

impl<'a> Wanted<'a> {
    #[inline]
    fn of(name: &'a [u8]) -> Self {
        ShortText::of(name).map_or(Wanted::Long(name), Wanted::Short)
    }

    #[inline]
    fn is(self, head: Head, long: &[u8]) -> bool {
        match self {
            Wanted::Short(name) => head == Head::short(name),
            Wanted::Long(name) => head.is_long() && long[head.place()] == *name,
        }
    }
}

impl Default for Names {
    fn default() -> Self {
        let hasher = RandomState::default();
        Names {
            slots: Slots::default(),
            seed: hasher.hash_one(0_u8),
            hasher,
            heads: Vec::new(),
            long: Vec::new(),
            last: None,
            wanted: Vec::new(),
        }
    }
}

impl Names {
    pub(crate) fn len(&self) -> usize {
        self.heads.len()
    }

    pub(crate) fn code(&mut self, name: &str) -> u32 {
        let name = Wanted::of(name.as_bytes());
        self.slots.reserve(1);
        self.code_of_tag(name, self.tag(name))
    }

    /// Half a hash of a name.
    #[inline]
    fn tag(&self, name: Wanted<'_>) -> u32 {
        match name {
            Wanted::Short(name) => name.tag(self.seed),
            Wanted::Long(name) => (self.hasher.hash_one(name) >> 32) as u32,
        }
    }

    /// The code of a name whose hash is known; there is room for it.
    fn code_of_tag(&mut self, name: Wanted<'_>, tag: u32) -> u32 {
        let Names {
            slots, heads, long, ..
        } = self;
        let known = heads.len();
        let code = slots.find_or(tag, |code| name.is(heads[code as usize], long), || known as u32);
        if code as usize == known {
            heads.push(match name {
                Wanted::Short(name) => Head::short(name),
                Wanted::Long(name) => {
                    long.extend_from_slice(name);
                    Head::long(long.len() - name.len(), name.len())
                }
            });
        }
        code
    }

    pub(crate) fn name(&self, code: u32) -> &[u8] {
        self.heads[code as usize].text(&self.long)
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
        let (offsets, bytes) = (names.value_offsets(), names.value_data());
        let text = |code: u32| -> Wanted<'_> {
            let code = code as usize;
            let (from, to) = (offsets[code] as usize, offsets[code + 1] as usize);
            if names.is_null(code) {
                return Wanted::of(b"");
            }
            ShortText::at(bytes, from..to).map_or(Wanted::Long(&bytes[from..to]), Wanted::Short)
        };
        let (mut texts, mut tags) = ([Wanted::Long(b""); BLOCK], [0u32; BLOCK]);
        let (mut near, mut heads) = ([None; BLOCK], [Head([0; 16]); BLOCK]);
        for block in wanted.chunks(BLOCK) {
            let texts = &mut texts[..block.len()];
            self.slots.reserve(block.len());
            for ((tag, text_of), code) in tags.iter_mut().zip(&mut *texts).zip(block) {
                *text_of = text(*code);
                *tag = self.tag(*text_of);
            }
            for (near, tag) in near.iter_mut().zip(&tags[..block.len()]) {
                *near = Slots::number(self.slots.glance(*tag), *tag);
            }
            for (head, near) in heads.iter_mut().zip(&near[..block.len()]) {
                *head = near.map_or(Head([0; 16]), |code| self.heads[code as usize]);
            }
            // The first bytes bring the others of a long name near.
            for ((near, head), text) in near.iter_mut().zip(&heads).zip(&*texts) {
                if let Wanted::Long(name) = text
                    && (!head.is_long() || self.long[head.place()].first_chunk::<8>() != name.first_chunk())
                {
                    *near = None;
                }
            }
            for (i, code) in block.iter().enumerate() {
                map[*code as usize] = match near[i] {
                    Some(known) if texts[i].is(heads[i], &self.long) => known,
                    _ => self.code_of_tag(texts[i], tags[i]),
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
                let name = Wanted::of(other.name(code));
                self.slots.reserve(1);
                self.code_of_tag(name, self.tag(name))
            })
            .collect()
    }

    /// Bytes that the names take up, with what putting them in order takes.
    pub(super) fn size_bytes(&self) -> usize {
        self.long.len() + self.heads.len() * (size_of::<Head>() + ORDER_BYTES) + self.slots.size_bytes()
    }

    /// Gives back what only the numbering needs.
    pub(super) fn forget_lookups(&mut self) {
        self.slots = Slots::default();
        self.last = None;
    }

    /// Forgets all names and keeps the room.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.heads.clear();
        self.long.clear();
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
    fn a_name_keeps_its_code_whatever_its_length() {
        let name = |n: usize| -> String {
            let len = n % 40;
            format!("{n:x}{}", "é-#\u{0}".repeat(len))
                .chars()
                .take(len.max(3))
                .collect()
        };
        let mut names = Names::default();
        let mut merged = Names::default();
        merged.code("of another");
        for round in 0..3 {
            // Dictionaries that overlap, whose last text ends where their bytes end.
            for from in (0..3000).step_by(250) {
                let texts: Vec<Option<String>> = (from..from + 500)
                    .map(|n| (n % 97 > 0).then(|| name(n)))
                    .collect();
                let values: StringArray = texts.iter().map(Option::as_deref).collect();
                let keys = arrow::array::Int32Array::from_iter_values((0..texts.len() as i32).rev());
                let column = DictionaryArray::new(keys, Arc::new(values));
                let mut codes = Vec::new();
                names.codes_of(&column, &mut codes);
                for (text, code) in texts.iter().rev().zip(&codes) {
                    let text = text.as_deref().unwrap_or_default();
                    assert_eq!(names.name(*code), text.as_bytes(), "round {round}");
                    assert_eq!(names.code(text), *code);
                }
            }
        }
        let distinct: std::collections::BTreeSet<&[u8]> =
            (0..names.len() as u32).map(|code| names.name(code)).collect();
        assert_eq!(distinct.len(), names.len());
        for (code, there) in merged.merge(&names).into_iter().enumerate() {
            assert_eq!(merged.name(there), names.name(code as u32));
        }
        assert_eq!(merged.len(), names.len() + 1);
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
