//! Open addressing for numbered things: where the number of a hash stands. What is equal, the caller says.
//!
//! A slot is one word: half a hash and a number, so that a probe touches one cache line and a table
//! grows without looking at what is numbered. Slots follow the order of the hashes, which keeps growing
//! a walk along memory.

/// A free slot. No number is this large.
const FREE: u64 = u64::MAX;
/// Slots of the smallest table.
const MIN_SLOTS: usize = 64;

/// Numbers by hash.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    slots: Vec<u64>,
    len: usize,
}

impl Slots {
    /// Makes room for `more` numbers, so that nothing moves while they come.
    #[inline]
    pub(crate) fn reserve(&mut self, more: usize) {
        let wanted = self.len + more;
        if wanted * 4 > self.slots.len() * 3 {
            self.grow(wanted);
        }
    }

    #[cold]
    fn grow(&mut self, wanted: usize) {
        let n_slots = (wanted * 2).next_power_of_two().max(MIN_SLOTS);
        let old = std::mem::replace(&mut self.slots, vec![FREE; n_slots]);
        for slot in old.into_iter().filter(|slot| *slot != FREE) {
            let mut at = self.home((slot >> 32) as u32);
            while self.slots[at] != FREE {
                at = (at + 1) & (n_slots - 1);
            }
            self.slots[at] = slot;
        }
    }

    #[inline]
    fn home(&self, tag: u32) -> usize {
        ((u64::from(tag) * self.slots.len() as u64) >> 32) as usize
    }

    /// What stands first where this hash belongs. Reading it early hides how far away it is.
    #[inline]
    pub(crate) fn glance(&self, tag: u32) -> u64 {
        self.slots[self.home(tag)]
    }

    /// The number at a glance, where the hash is the same.
    #[inline]
    pub(crate) fn number(glance: u64, tag: u32) -> Option<u32> {
        ((glance >> 32) as u32 == tag && glance != FREE).then_some(glance as u32)
    }

    /// The number of this hash that is the same; or else the number that `make` gives is put there.
    ///
    /// Room for it was reserved.
    #[inline]
    pub(crate) fn find_or(
        &mut self,
        tag: u32,
        same: impl Fn(u32) -> bool,
        make: impl FnOnce() -> u32,
    ) -> u32 {
        let mask = self.slots.len() - 1;
        let mut at = self.home(tag);
        loop {
            let slot = self.slots[at];
            if slot == FREE {
                let number = make();
                self.slots[at] = u64::from(tag) << 32 | u64::from(number);
                self.len += 1;
                return number;
            }
            if (slot >> 32) as u32 == tag && same(slot as u32) {
                return slot as u32;
            }
            at = (at + 1) & mask;
        }
    }

    /// The number of this hash that is the same.
    pub(crate) fn find(&self, tag: u32, same: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = self.home(tag);
        loop {
            let slot = self.slots[at];
            if slot == FREE {
                return None;
            }
            if (slot >> 32) as u32 == tag && same(slot as u32) {
                return Some(slot as u32);
            }
            at = (at + 1) & mask;
        }
    }

    /// Forgets all numbers and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.slots.fill(FREE);
        self.len = 0;
    }

    /// Bytes that the slots take up.
    pub(crate) fn size_bytes(&self) -> usize {
        self.slots.len() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_found_while_the_table_grows() {
        let mut slots = Slots::default();
        let mut things: Vec<u32> = Vec::new();
        // Hashes that collide, also at the very end of the table.
        let tag = |thing: u32| {
            if thing.is_multiple_of(3) {
                u32::MAX
            } else {
                thing.wrapping_mul(0x9e37_79b9)
            }
        };
        for round in 0..3 {
            for thing in 0..2000u32 {
                slots.reserve(1);
                let found = slots.find_or(
                    tag(thing),
                    |n| things[n as usize] == thing,
                    || things.len() as u32,
                );
                if found as usize == things.len() {
                    assert_eq!(round, 0, "{thing} is known");
                    things.push(thing);
                }
                assert_eq!(things[found as usize], thing);
            }
        }
        slots.clear();
        assert_eq!(Slots::number(slots.glance(5), 5), None);
        assert_eq!(Slots::number(slots.glance(u32::MAX), u32::MAX), None);
    }
}
