//! Signatures that were taken, for as long as they would be taken again.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::{Rejection, Verified};

/// What tells a signature from every other: a hash of the key's id and the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seal([u8; 32]);

impl Seal {
    pub(super) fn new(id: &[u8], signature: &[u8]) -> Seal {
        let hash = Sha256::new()
            .chain_update((id.len() as u64).to_be_bytes())
            .chain_update(id)
            .chain_update(signature)
            .finalize();
        Seal(hash.into())
    }
}

/// The signatures taken so far, at most so many at once.
///
/// One is forgotten when its time is over, never to make room: a full memory refuses.
#[derive(Debug)]
pub struct Replays {
    max: usize,
    seen: BTreeSet<Seal>,
    by_last: BTreeMap<i64, Vec<Seal>>,
}

impl Replays {
    /// Room for so many signatures.
    pub fn new(max: usize) -> Replays {
        Replays {
            max,
            seen: BTreeSet::new(),
            by_last: BTreeMap::new(),
        }
    }

    /// Takes a signature for the first time. `now` is in seconds since 1970.
    pub fn take(&mut self, verified: &Verified, now: i64) -> Result<(), Rejection> {
        let live = self.by_last.split_off(&now);
        for seal in std::mem::replace(&mut self.by_last, live).into_values().flatten() {
            self.seen.remove(&seal);
        }
        if self.seen.contains(&verified.seal) {
            return Err(Rejection::Replayed);
        }
        if self.seen.len() >= self.max {
            return Err(Rejection::ReplaysFull);
        }
        self.seen.insert(verified.seal);
        self.by_last.entry(verified.last).or_default().push(verified.seal);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::{Key, Secret};

    fn verified(signature: &str, last: i64) -> Verified {
        Verified {
            key: Key::new("a", Secret::new("b")).into(),
            seal: Seal::new(b"a", signature.as_bytes()),
            last,
        }
    }

    #[test]
    fn a_signature_is_taken_once_while_its_time_lasts() {
        let mut replays = Replays::new(10);
        assert_eq!(replays.take(&verified("one", 100), 0), Ok(()));
        assert_eq!(replays.take(&verified("one", 100), 100), Err(Rejection::Replayed));
        assert_eq!(replays.take(&verified("two", 100), 100), Ok(()));
        // Its time is over: whoever checks the time refuses it, and no room is kept for it.
        assert_eq!(replays.take(&verified("three", 300), 101), Ok(()));
        assert_eq!(replays.seen.len(), 1);
    }

    #[test]
    fn a_full_memory_refuses_and_forgets_nothing() {
        let mut replays = Replays::new(2);
        assert_eq!(replays.take(&verified("one", 100), 0), Ok(()));
        assert_eq!(replays.take(&verified("two", 50), 0), Ok(()));
        assert_eq!(
            replays.take(&verified("three", 100), 0),
            Err(Rejection::ReplaysFull)
        );
        assert_eq!(replays.take(&verified("one", 100), 0), Err(Rejection::Replayed));
        assert_eq!(replays.take(&verified("three", 100), 51), Ok(()));
    }
}
