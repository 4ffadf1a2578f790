//! Open addressing for numbered things: where the number of a hash stands. What is equal, the caller says.
//!
//! A probe touches one cache line, and slots follow the order of their hashes, which keeps growing a walk
//! along memory that needs no second table. [`Slots`] is for things of any size: a slot is one word, half a
//! hash and a number.

use std::hint::select_unpredictable;

/// What a table holds in one place.
pub(crate) trait Slot: Copy {
    /// Nothing.
    const FREE: Self;
    /// Whether it holds nothing.
    fn is_free(self) -> bool;
    /// Half the hash of what it holds.
    fn tag(self) -> u32;
}

/// A table of slots.
#[derive(Debug)]
pub(crate) struct Table<S> {
    /// A power of two of them, at most three quarters in use.
    slots: Vec<S>,
    len: usize,
}

/// Slots of the smallest table.
const MIN_SLOTS: usize = 64;
/// Slots below which room is not dear.
const FEW_SLOTS: usize = 1 << 12;

impl<S> Default for Table<S> {
    fn default() -> Self {
        Table {
            slots: Vec::new(),
            len: 0,
        }
    }
}

impl<S: Slot> Table<S> {
    /// Makes room for `more` things, so that nothing moves while they come.
    #[inline]
    pub(crate) fn reserve(&mut self, more: usize) {
        let wanted = self.len + more;
        if wanted * 4 > self.slots.len() * 3 {
            self.grow(wanted);
        }
    }

    /// Grows where it stands: slots follow the order of their hashes, so that from the last to the first each moves up,
    /// into what has been emptied before it.
    #[cold]
    fn grow(&mut self, wanted: usize) {
        let n_old = self.slots.len();
        let times = if n_old < FEW_SLOTS { 4 } else { 2 };
        let n_slots = (wanted * times).next_power_of_two().max(MIN_SLOTS);
        self.slots.resize(n_slots, S::FREE);
        let mut late: Vec<S> = Vec::new();
        for from in (0..n_old).rev() {
            let slot = std::mem::replace(&mut self.slots[from], S::FREE);
            if slot.is_free() {
                continue;
            }
            let mut at = self.home(slot.tag());
            // What would stand behind slots that still move, or past the last one, would not be found again.
            let is_settled = at >= from;
            while is_settled && at < n_slots && !self.slots[at].is_free() {
                at += 1;
            }
            match self.slots.get_mut(at) {
                Some(free) if is_settled => *free = slot,
                _ => late.push(slot),
            }
        }
        for slot in late {
            let mut at = self.home(slot.tag());
            while !self.slots[at].is_free() {
                at = (at + 1) & (n_slots - 1);
            }
            self.slots[at] = slot;
        }
    }

    #[inline]
    fn home(&self, tag: u32) -> usize {
        ((u64::from(tag) * self.slots.len() as u64) >> 32) as usize
    }

    /// What stands first where this hash belongs, and what stands behind that. Reading it early hides how far away
    /// it is.
    #[inline]
    pub(crate) fn glance(&self, tag: u32) -> [S; 2] {
        let at = self.home(tag);
        [self.slots[at], self.slots[(at + 1) & (self.slots.len() - 1)]]
    }

    /// The slot of this hash that is the same; or else the one that `make` gives is put there.
    ///
    /// Room for it was reserved.
    #[inline]
    pub(crate) fn slot_or(&mut self, tag: u32, same: impl Fn(S) -> bool, make: impl FnOnce() -> S) -> S {
        let mask = self.slots.len() - 1;
        let mut at = self.home(tag);
        loop {
            let slot = self.slots[at];
            if slot.is_free() {
                let made = make();
                self.slots[at] = made;
                self.len += 1;
                return made;
            }
            if same(slot) {
                return slot;
            }
            at = (at + 1) & mask;
        }
    }

    /// Forgets all things and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.slots.fill(S::FREE);
        self.len = 0;
    }

    /// Bytes that the slots take up.
    pub(crate) fn size_bytes(&self) -> usize {
        self.slots.len() * size_of::<S>()
    }
}

/// Half a hash and a number. No number is as large as all ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbered(u64);

impl Numbered {
    #[inline]
    fn new(tag: u32, number: u32) -> Self {
        Numbered(u64::from(tag) << 32 | u64::from(number))
    }

    #[inline]
    pub(crate) fn number(self) -> u32 {
        self.0 as u32
    }
}

impl Slot for Numbered {
    const FREE: Self = Numbered(u64::MAX);

    #[inline]
    fn is_free(self) -> bool {
        self == Self::FREE
    }

    #[inline]
    fn tag(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// Numbers by hash.
pub(crate) type Slots = Table<Numbered>;

impl Slots {
    /// The number at a glance, where the hash is the same.
    #[inline]
    pub(crate) fn number([first, next]: [Numbered; 2], tag: u32) -> Option<u32> {
        // Chosen without a branch, which would have to wait for the memory.
        let near = select_unpredictable(first.tag() == tag, first, next);
        (near.tag() == tag && !near.is_free()).then_some(near.number())
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
        let is_it = |slot: Numbered| slot.tag() == tag && same(slot.number());
        self.slot_or(tag, is_it, || Numbered::new(tag, make())).number()
    }

    /// The number of this hash that is the same.
    pub(crate) fn find(&self, tag: u32, same: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = self.home(tag);
        loop {
            let slot = self.slots[at];
            if slot.is_free() {
                return None;
            }
            if slot.tag() == tag && same(slot.number()) {
                return Some(slot.number());
            }
            at = (at + 1) & mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_wraps_around_grows_where_it_stands() {
        let mut state = 11_u64;
        let mut draw = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 33) as u32
        };
        for ends in [0_u32, 1, 4, 20] {
            let mut slots = Slots::default();
            // Hashes at either end, and many that are the same.
            let tags: Vec<u32> = (0..3000)
                .map(|n| match n % 3 {
                    0 => u32::MAX - draw() % (1 << ends),
                    1 => draw() % (1 << ends),
                    _ => draw() << 1,
                })
                .collect();
            for n in 0..tags.len() as u32 {
                slots.reserve(1);
                let found = slots.find_or(tags[n as usize], |m| m == n, || n);
                assert_eq!(found, n);
                if n % 64 == 0 {
                    for m in 0..=n {
                        assert_eq!(slots.find(tags[m as usize], |found| found == m), Some(m), "{n}");
                    }
                }
            }
        }
    }

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
