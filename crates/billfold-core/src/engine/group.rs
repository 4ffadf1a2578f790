//! Groups as dense numbers: names, periods, and pairs of numbers, each numbered as it is met.
//!
//! A group is a path of pairs: (currency, period) has a number, that number with the first
//! dimension's code has a number, and so on. Each step is one tight loop over a column of `u32`;
//! small steps look up an array, large ones a hash table.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, StringArray};
use arrow::datatypes::Int32Type;
use hashbrown::HashTable;

use crate::charge::intern::Interner;

const EMPTY: u32 = u32::MAX;
/// Slots up to which a step is an array: 1 MiB, which stays in the second-level cache.
const DENSE_SLOTS: usize = 1 << 18;

/// The names of one dimension, numbered.
#[derive(Debug, Default)]
pub(crate) struct Names {
    interner: Interner,
    /// The dictionary met last, and per name there its code here. The batches of a Parquet row group share
    /// one dictionary.
    last: Option<(ArrayRef, Vec<u32>)>,
}

impl Names {
    pub(crate) fn len(&self) -> usize {
        self.interner.len()
    }

    pub(crate) fn code(&mut self, name: &str) -> u32 {
        self.interner.intern(name.as_bytes()) as u32
    }

    pub(crate) fn name(&self, code: u32) -> &[u8] {
        self.interner.get(code as i32)
    }

    /// Per row of a text column, its code here.
    pub(crate) fn codes_of(&mut self, column: &DictionaryArray<Int32Type>, out: &mut Vec<u32>) {
        let names: &StringArray = column.values().as_string();
        let keys = column.keys();
        // A dictionary may be longer than its batch; then only the names in use are looked up.
        let mut map = match self.last.take() {
            Some((values, map)) if Arc::ptr_eq(&values, column.values()) => map,
            _ => vec![EMPTY; names.len()],
        };
        let resolve = |map: &mut Vec<u32>, this: &mut Self, code: i32| {
            let known = map[code as usize];
            if known != EMPTY {
                return known;
            }
            let name = if names.is_null(code as usize) {
                ""
            } else {
                names.value(code as usize)
            };
            let new = this.code(name);
            map[code as usize] = new;
            new
        };
        out.clear();
        out.reserve(keys.len());
        if keys.null_count() == 0 {
            for code in keys.values() {
                let known = map[*code as usize];
                out.push(if known == EMPTY {
                    resolve(&mut map, self, *code)
                } else {
                    known
                });
            }
        } else {
            for row in 0..keys.len() {
                let code = if keys.is_null(row) {
                    self.code("")
                } else {
                    resolve(&mut map, self, keys.value(row))
                };
                out.push(code);
            }
        }
        self.last = Some((Arc::clone(column.values()), map));
    }

    /// The names in byte order, and per code the rank of its name.
    pub(crate) fn ranked(&self) -> (Vec<u32>, Vec<u32>) {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        order.sort_unstable_by(|a, b| self.name(*a).cmp(self.name(*b)));
        let mut rank = vec![0; order.len()];
        for (place, code) in order.iter().enumerate() {
            rank[*code as usize] = place as u32;
        }
        (order, rank)
    }

    /// Takes over another's names; per code there, the code here.
    pub(crate) fn merge(&mut self, other: &Names) -> Vec<u32> {
        (0..other.len() as u32)
            .map(|code| self.interner.intern(other.name(code)) as u32)
            .collect()
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

/// Pairs of numbers, numbered.
#[derive(Debug)]
pub(crate) struct Pairs {
    /// Per number, its pair.
    pub(crate) parts: Vec<(u32, u32)>,
    /// Array form: slot `left << shift | right`. Empty once the step became too large.
    dense: Vec<u32>,
    shift: u32,
    table: HashTable<(u64, u32)>,
    hashed: bool,
}

impl Default for Pairs {
    fn default() -> Self {
        Pairs {
            parts: Vec::new(),
            dense: Vec::new(),
            shift: 0,
            table: HashTable::new(),
            hashed: false,
        }
    }
}

fn hash(key: u64) -> u64 {
    let product = u128::from(key ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93_u128;
    (product as u64) ^ ((product >> 64) as u64)
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
        let Pairs {
            parts,
            dense,
            shift,
            table,
            hashed,
        } = self;
        if *hashed {
            for (left, right) in left.iter_mut().zip(right) {
                let key = u64::from(*left) << 32 | u64::from(*right);
                let found = table
                    .entry(hash(key), |(k, _)| *k == key, |(k, _)| hash(*k))
                    .or_insert_with(|| {
                        parts.push((*left, *right));
                        (key, parts.len() as u32 - 1)
                    });
                *left = found.get().1;
            }
        } else {
            for (left, right) in left.iter_mut().zip(right) {
                let slot = &mut dense[(*left as usize) << *shift | *right as usize];
                if *slot == EMPTY {
                    *slot = parts.len() as u32;
                    parts.push((*left, *right));
                }
                *left = *slot;
            }
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
        let slots = n_left
            .next_power_of_two()
            .checked_shl(shift)
            .unwrap_or(usize::MAX);
        if slots > DENSE_SLOTS {
            self.hashed = true;
            self.dense = Vec::new();
            self.table.reserve(self.parts.len() * 2, |(k, _)| hash(*k));
            for (number, (left, right)) in self.parts.iter().enumerate() {
                let key = u64::from(*left) << 32 | u64::from(*right);
                self.table
                    .insert_unique(hash(key), (key, number as u32), |(k, _)| hash(*k));
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
