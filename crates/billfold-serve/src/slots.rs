//! Places for connections: a fixed number, and who gives way when all are taken.
//!
//! A connection that waits for its client (for a head, a body, the next request) gives way to a new one,
//! the longest waiting first; one that is being answered never does. So clients that hold connections
//! and say nothing shut nobody out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Stands for "being answered" in [`Slot::waits_since`].
const BUSY: u64 = u64::MAX;

/// All places.
#[derive(Debug)]
pub(crate) struct Slots {
    max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    /// Counts up, so that who came first waits longer than who came at the same time.
    clock: u64,
    by_id: BTreeMap<u64, Arc<Slot>>,
}

/// The place of a connection.
#[derive(Debug)]
pub(crate) struct Slot {
    id: u64,
    waits_since: AtomicU64,
    /// Told when the place is needed.
    pub(crate) wanted: Notify,
}

impl Slot {
    /// Whether the connection is being answered.
    pub(crate) fn is_busy(&self) -> bool {
        self.waits_since.load(Ordering::Relaxed) == BUSY
    }
}

/// A place that is given back when this goes.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) slot: Arc<Slot>,
    slots: Arc<Slots>,
}

impl Slots {
    /// So many places.
    pub(crate) fn new(max: usize) -> Arc<Slots> {
        Arc::new(Slots {
            max,
            taken: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, or None where all are being answered.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Place> {
        let mut taken = self.lock();
        if taken.by_id.len() >= self.max {
            let longest = taken
                .by_id
                .values()
                .filter(|slot| !slot.is_busy())
                .min_by_key(|slot| slot.waits_since.load(Ordering::Relaxed))?;
            let id = longest.id;
            longest.wanted.notify_one();
            taken.by_id.remove(&id);
        }
        taken.clock += 1;
        let slot = Arc::new(Slot {
            id: taken.clock,
            waits_since: AtomicU64::new(taken.clock),
            wanted: Notify::new(),
        });
        taken.by_id.insert(slot.id, Arc::clone(&slot));
        Some(Place {
            slot,
            slots: Arc::clone(self),
        })
    }

    /// How many are taken.
    pub(crate) fn n_taken(&self) -> usize {
        self.lock().by_id.len()
    }
}

impl Place {
    /// The request is here: no giving way until the answer is.
    pub(crate) fn busy(&self) -> Busy<'_> {
        self.slot.waits_since.store(BUSY, Ordering::Relaxed);
        Busy(self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.slots.lock().by_id.remove(&self.slot.id);
    }
}

/// While this lasts the connection is being answered.
pub(crate) struct Busy<'a>(&'a Place);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut taken = self.0.slots.lock();
        taken.clock += 1;
        self.0.slot.waits_since.store(taken.clock, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_waiting_gives_way_and_the_busy_never() {
        let slots = Slots::new(2);
        let first = slots.enter().unwrap();
        let second = slots.enter().unwrap();
        let busy = first.busy();
        // The second waits longest now: its place is taken.
        let third = slots.enter().unwrap();
        assert_eq!(slots.n_taken(), 2);
        drop(second);
        assert_eq!(slots.n_taken(), 2);
        let _third_busy = third.busy();
        assert!(slots.enter().is_none());
        // The first has its answer and waits again.
        drop(busy);
        let _fourth = slots.enter().unwrap();
        drop(first);
        assert_eq!(slots.n_taken(), 2);
    }
}
