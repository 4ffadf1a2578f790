//! Groups as dense numbers: pairs of numbers, numbered as they are met.
//!
//! A group is a path of pairs: (currency, period) has a number, that number with the first
//! dimension's code has a number, and so on. Each step is one tight loop over a column of `u32`;
//! small and dense steps look up an array, others a hash table.

use super::group::{BLOCK, EMPTY};
use crate::charge::slots::{Slot, Table};

/// Slots up to which a step is an array anyway: 1 MiB, which stays in the second-level cache.
const DENSE_SLOTS: usize = 1 << 18;
/// Slots per pair up to which a larger step is one, too. An entry of the hash table takes as much as three slots of
/// the array, and up to two thirds of them are free; the array needs no hash, and charges of one period meet in it.
const SLOTS_PER_PAIR: usize = 8;

/// Pairs of numbers, numbered.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    /// Per number, its pair.
    pub(crate) parts: Vec<(u32, u32)>,
    /// Array form: slot `left << shift | right`. Empty once the step became too large.
    dense: Vec<u32>,
    shift: u32,
    slots: Table<PairSlot>,
    hashed: bool,
}

/// A pair and its number, so that finding one touches one place of memory.
#[derive(Debug, Clone, Copy)]
struct PairSlot {
    left: u32,
    right: u32,
    /// [`EMPTY`] where the slot is free.
    number: u32,
}

impl Slot for PairSlot {
    const FREE: Self = PairSlot {
        left: 0,
        right: 0,
        number: EMPTY,
    };

    #[inline]
    fn is_free(self) -> bool {
        self.number == EMPTY
    }

    #[inline]
    fn tag(self) -> u32 {
        tag_of(self.left, self.right)
    }
}

impl PairSlot {
    #[inline]
    fn holds(self, left: u32, right: u32) -> bool {
        self.is_of(left, right) && !self.is_free()
    }

    /// The same of a slot that may be free, and has no number then.
    #[inline]
    fn is_of(self, left: u32, right: u32) -> bool {
        (self.left ^ left) | (self.right ^ right) == 0
    }
}

/// Half a hash of a pair.
#[inline]
fn tag_of(left: u32, right: u32) -> u32 {
    let key = u64::from(left) << 32 | u64::from(right);
    let product = u128::from(key ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93_u128;
    (((product as u64) ^ ((product >> 64) as u64)) >> 32) as u32
}

/// The number of a pair; `next` if it is new, from then on. Room for it was reserved.
fn number_of(slots: &mut Table<PairSlot>, left: u32, right: u32, next: u32) -> u32 {
    let new = || PairSlot {
        left,
        right,
        number: next,
    };
    slots
        .slot_or(tag_of(left, right), |slot| slot.holds(left, right), new)
        .number
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
        let (mut tags, mut near) = ([0_u32; BLOCK], [EMPTY; BLOCK]);
        self.slots.reserve(left.len());
        for ((tag, left), right) in tags.iter_mut().zip(&*left).zip(right) {
            *tag = tag_of(*left, *right);
        }
        for (((near, tag), left), right) in near.iter_mut().zip(&tags).zip(&*left).zip(right) {
            let [first, next] = self.slots.glance(*tag);
            // A free slot has no number. Chosen without a branch, which would have to wait for the memory.
            let or_next = if next.is_of(*left, *right) {
                next.number
            } else {
                EMPTY
            };
            *near = if first.is_of(*left, *right) {
                first.number
            } else {
                or_next
            };
        }
        let Pairs { parts, slots, .. } = self;
        for ((left, right), near) in left.iter_mut().zip(right).zip(&near) {
            *left = if *near == EMPTY {
                let known = parts.len() as u32;
                let number = number_of(slots, *left, *right, known);
                if number == known {
                    parts.push((*left, *right));
                }
                number
            } else {
                *near
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
        if slots > DENSE_SLOTS.max(self.parts.len().saturating_mul(SLOTS_PER_PAIR)) {
            self.hashed = true;
            self.dense = Vec::new();
            self.slots.reserve(self.parts.len());
            for (number, (left, right)) in self.parts.iter().enumerate() {
                number_of(&mut self.slots, *left, *right, number as u32);
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
        self.slots = Table::default();
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
        assert!(!pairs.hashed && pairs.dense.len() > DENSE_SLOTS);
        // One pair far out makes it sparse.
        let mut far = [1 << 20];
        pairs.combine(&mut far, &[3], (1 << 20) + 1, 60_000);
        assert!(pairs.hashed && far == [n_left * 60_000]);
        let mut known = [5];
        pairs.combine(&mut known, &[59_999], (1 << 20) + 1, 60_000);
        assert_eq!(pairs.parts[known[0] as usize], (5, 59_999));
    }
}
