//! Groups as dense numbers: pairs of numbers, numbered as they are met.
//!
//! A group is a path of pairs: (currency, period) has a number, that number with the first
//! dimension's code has a number, and so on. Each step is one tight loop over a column of `u32`;
//! small and dense steps look up an array, others a hash table.

use std::hint::select_unpredictable;

use super::group::{BLOCK, EMPTY, width_of};
use crate::charge::slots::{Slot, Table};

/// Slots up to which a step is an array anyway: 1 MiB, which stays in the second-level cache.
const DENSE_SLOTS: usize = 1 << 18;
/// Slots per pair up to which a larger step is one, too. An entry of the hash table takes as much as two or three slots
/// of the array, and up to two thirds of them are free; the array needs no hash, and charges of one period meet in it.
const SLOTS_PER_PAIR: usize = 8;

/// Pairs of numbers, numbered.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    /// Per number, its pair.
    pub(crate) parts: Vec<(u32, u32)>,
    lookup: Lookup,
}

/// Where the number of a pair stands.
#[derive(Debug)]
enum Lookup {
    /// At place `left << shift | right`.
    Dense { numbers: Vec<u32>, shift: u32 },
    /// By the hash of `left << shift | right`, which has 32 bits.
    Short { slots: Table<Keyed<u32>>, shift: u32 },
    /// By the hash of both.
    Long(Table<Keyed<[u32; 2]>>),
}

impl Default for Lookup {
    fn default() -> Self {
        Lookup::Dense {
            numbers: Vec::new(),
            shift: 0,
        }
    }
}

/// What tells a pair from others.
trait Key: Copy + Eq {
    /// That of no pair in particular.
    const ZERO: Self;

    /// Half a hash.
    fn tag(self) -> u32;
}

impl Key for u32 {
    const ZERO: Self = 0;

    #[inline]
    fn tag(self) -> u32 {
        tag_of(u64::from(self))
    }
}

impl Key for [u32; 2] {
    const ZERO: Self = [0; 2];

    #[inline]
    fn tag(self) -> u32 {
        tag_of(u64::from(self[0]) << 32 | u64::from(self[1]))
    }
}

#[inline]
fn tag_of(key: u64) -> u32 {
    let product = u128::from(key ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93_u128;
    (((product as u64) ^ ((product >> 64) as u64)) >> 32) as u32
}

/// A pair and its number, so that finding one touches one place of memory.
#[derive(Debug, Clone, Copy)]
struct Keyed<K> {
    key: K,
    /// [`EMPTY`] where the slot is free.
    number: u32,
}

impl<K: Key> Slot for Keyed<K> {
    const FREE: Self = Keyed {
        key: K::ZERO,
        number: EMPTY,
    };

    #[inline]
    fn is_free(self) -> bool {
        self.number == EMPTY
    }

    #[inline]
    fn tag(self) -> u32 {
        self.key.tag()
    }
}

/// The number of a pair; `next` if it is new, from then on. Room for it was reserved.
fn number_of<K: Key>(slots: &mut Table<Keyed<K>>, key: K, next: u32) -> u32 {
    let new = || Keyed { key, number: next };
    slots.slot_or(key.tag(), |slot| slot.key == key, new).number
}

/// A table of the pairs that there are, by what `key` makes of them.
fn table_of<K: Key>(parts: &[(u32, u32)], key: impl Fn(u32, u32) -> K) -> Table<Keyed<K>> {
    let mut slots = Table::default();
    slots.reserve(parts.len());
    for (number, (left, right)) in parts.iter().enumerate() {
        number_of(&mut slots, key(*left, *right), number as u32);
    }
    slots
}

/// Replaces each `left[i]` of a block by the number of its pair.
#[inline]
fn combine_block<K: Key>(
    slots: &mut Table<Keyed<K>>,
    parts: &mut Vec<(u32, u32)>,
    left: &mut [u32],
    right: &[u32],
    key: impl Fn(u32, u32) -> K,
) {
    let (mut keys, mut near) = ([(K::ZERO, 0); BLOCK], [EMPTY; BLOCK]);
    slots.reserve(left.len());
    for ((slot, left), right) in keys.iter_mut().zip(&*left).zip(right) {
        let key = key(*left, *right);
        *slot = (key, key.tag());
    }
    for (near, (key, tag)) in near.iter_mut().zip(&keys[..left.len()]) {
        let [first, next] = slots.glance(*tag);
        // A free slot has no number. Chosen without a branch, which would have to wait for the memory.
        let or_next = select_unpredictable(next.key == *key, next.number, EMPTY);
        *near = select_unpredictable(first.key == *key, first.number, or_next);
    }
    for (((left, right), near), (key, _)) in left.iter_mut().zip(right).zip(&near).zip(&keys) {
        *left = if *near == EMPTY {
            let known = parts.len() as u32;
            let number = number_of(slots, *key, known);
            if number == known {
                parts.push((*left, *right));
            }
            number
        } else {
            *near
        };
    }
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
        let Pairs { parts, lookup } = self;
        let blocks = left.chunks_mut(BLOCK).zip(right.chunks(BLOCK));
        match lookup {
            Lookup::Dense { numbers, shift } => {
                for (left, right) in left.iter_mut().zip(right) {
                    let slot = &mut numbers[(*left as usize) << *shift | *right as usize];
                    if *slot == EMPTY {
                        *slot = parts.len() as u32;
                        parts.push((*left, *right));
                    }
                    *left = *slot;
                }
            }
            Lookup::Short { slots, shift } => {
                let shift = *shift;
                for (left, right) in blocks {
                    combine_block(slots, parts, left, right, |left, right| left << shift | right);
                }
            }
            Lookup::Long(slots) => {
                for (left, right) in blocks {
                    combine_block(slots, parts, left, right, |left, right| [left, right]);
                }
            }
        }
    }

    /// Makes the lookup fit for numbers below these.
    fn make_room(&mut self, n_left: usize, n_right: usize) {
        let (left_bits, right_bits) = (width_of(n_left), width_of(n_right));
        match &mut self.lookup {
            Lookup::Dense { numbers, shift } => {
                let wanted = right_bits.max(*shift);
                let n_slots = usize::try_from((n_left.next_power_of_two() as u128) << wanted);
                let n_slots = n_slots.unwrap_or(usize::MAX);
                if n_slots > DENSE_SLOTS.max(self.parts.len().saturating_mul(SLOTS_PER_PAIR)) {
                    self.hash(left_bits, right_bits);
                } else if wanted != *shift {
                    *shift = wanted;
                    *numbers = vec![EMPTY; n_slots];
                    for (number, (left, right)) in self.parts.iter().enumerate() {
                        numbers[(*left as usize) << wanted | *right as usize] = number as u32;
                    }
                } else if n_slots > numbers.len() {
                    numbers.resize(n_slots, EMPTY);
                }
            }
            Lookup::Short { shift, .. } => {
                if right_bits > *shift || left_bits + *shift > u32::BITS {
                    self.hash(left_bits, right_bits);
                }
            }
            Lookup::Long(_) => {}
        }
    }

    /// Makes a hash table of what there is.
    #[cold]
    fn hash(&mut self, left_bits: u32, right_bits: u32) {
        let spare = u32::BITS.checked_sub(left_bits + right_bits);
        self.lookup = match spare {
            // Where bits are left over, either side may grow.
            Some(spare) if right_bits + spare / 2 < u32::BITS => {
                let shift = right_bits + spare / 2;
                let slots = table_of(&self.parts, |left, right| left << shift | right);
                Lookup::Short { slots, shift }
            }
            _ => Lookup::Long(table_of(&self.parts, |left, right| [left, right])),
        };
    }

    /// Bytes that the pairs take up.
    pub(super) fn size_bytes(&self) -> usize {
        let lookup = match &self.lookup {
            Lookup::Dense { numbers, .. } => numbers.len() * size_of::<u32>(),
            Lookup::Short { slots, .. } => slots.size_bytes(),
            Lookup::Long(slots) => slots.size_bytes(),
        };
        self.parts.len() * size_of::<(u32, u32)>() + lookup
    }

    /// Gives back what only the numbering needs.
    pub(super) fn forget_lookups(&mut self) {
        self.lookup = Lookup::default();
    }

    /// Forgets all pairs and keeps the room.
    pub(super) fn clear(&mut self) {
        self.parts.clear();
        match &mut self.lookup {
            Lookup::Dense { numbers, .. } => numbers.fill(EMPTY),
            Lookup::Short { slots, .. } => slots.clear(),
            Lookup::Long(slots) => slots.clear(),
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
        assert!(matches!(pairs.lookup, Lookup::Short { .. }) && pairs.len() == seen.len());
    }

    #[test]
    fn pairs_stay_found_when_their_numbers_outgrow_32_bits() {
        let mut pairs = Pairs::default();
        let mut seen = std::collections::BTreeMap::new();
        let mut kinds = Vec::new();
        // Both sides grow, in turns, up to all numbers that there are.
        for round in 1..=32_u32 {
            let (left_bits, right_bits) = (round, 32 - (round * 7) % 31);
            let (n_left, n_right) = (1_usize << left_bits, 1_usize << right_bits);
            let one = |n: usize, i: u32| (n as u64 - 1 - u64::from(i * i) % n as u64) as u32;
            let left: Vec<u32> = (0..300).map(|i| one(n_left, i)).collect();
            let right: Vec<u32> = (0..300).map(|i| one(n_right, i / 3)).collect();
            let mut numbers = left.clone();
            pairs.combine(&mut numbers, &right, n_left, n_right);
            for i in 0..300 {
                assert_eq!(*seen.entry((left[i], right[i])).or_insert(numbers[i]), numbers[i]);
            }
            kinds.push(matches!(pairs.lookup, Lookup::Long(_)));
        }
        assert_eq!(pairs.len(), seen.len());
        assert!(!kinds[0] && kinds[31]);
        // A side of one value takes no bits.
        for (n_left, n_right) in [(1, 1 << 32), (1 << 32, 1)] {
            let mut pairs = Pairs::default();
            let mut left = vec![0, (n_left as u64 - 1) as u32, 0];
            pairs.combine(&mut left, &[0, (n_right as u64 - 1) as u32, 0], n_left, n_right);
            assert_eq!(left, [0, 1, 0]);
        }
    }

    #[test]
    fn a_large_step_stays_an_array_while_most_of_its_pairs_are_there() {
        let mut pairs = Pairs::default();
        let n_left = 12_u32;
        for n_right in (0..60_000_u32).step_by(500) {
            let (rights, n_right) = (n_right..n_right + 500, n_right as usize + 500);
            for l in 0..n_left {
                let mut numbers = vec![l; 500];
                let right: Vec<u32> = rights.clone().collect();
                pairs.combine(&mut numbers, &right, n_left as usize, n_right);
                for (number, right) in numbers.iter().zip(right) {
                    assert_eq!(pairs.parts[*number as usize], (l, right));
                }
            }
        }
        assert!(matches!(&pairs.lookup, Lookup::Dense { numbers, .. } if numbers.len() > DENSE_SLOTS));
        // One pair far out makes it sparse.
        let mut far = [1 << 20];
        pairs.combine(&mut far, &[3], (1 << 20) + 1, 60_000);
        assert!(matches!(pairs.lookup, Lookup::Long(_)) && far == [n_left * 60_000]);
        let mut known = [5];
        pairs.combine(&mut known, &[59_999], (1 << 20) + 1, 60_000);
        assert_eq!(pairs.parts[known[0] as usize], (5, 59_999));
    }
}
