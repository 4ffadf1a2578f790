//! How often one caller may call one action.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;

/// Calls a second, per caller and action; as many may come at once after a pause.
///
/// Kept as one instant per caller and action: when its next call would be due if all calls came evenly.
#[derive(Debug)]
pub(crate) struct Rate {
    per_second: u32,
    due: Mutex<BTreeMap<(String, &'static str), i64>>,
}

impl Rate {
    /// So many calls a second; 0 for any number.
    pub(crate) fn new(per_second: u32) -> Rate {
        Rate {
            per_second,
            due: Mutex::default(),
        }
    }

    /// Whether a call may be answered now. `now` is in microseconds.
    ///
    /// Callers are keys of the key file and actions are known ones, so that the table stays small.
    pub(crate) fn admits(&self, caller: &str, action: &'static str, now: i64) -> bool {
        if self.per_second == 0 {
            return true;
        }
        let step = SECOND / i64::from(self.per_second);
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let due = due.entry((caller.to_owned(), action)).or_insert(now);
        let next = (*due).max(now).saturating_add(step);
        let admitted = next.saturating_sub(now) <= SECOND;
        if admitted {
            *due = next;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_a_second_and_not_one_more() {
        let rate = Rate::new(20);
        let admitted = |caller, action, now| (0..100).filter(|_| rate.admits(caller, action, now)).count();
        assert_eq!(admitted("a", "x", 0), 20);
        assert_eq!(admitted("a", "x", SECOND / 20), 1);
        assert_eq!(admitted("b", "x", 0), 20);
        assert_eq!(admitted("a", "y", 0), 20);
        assert_eq!(admitted("a", "x", 60 * SECOND), 20);
        // A clock that is put back shuts out for a second of calls, not for good.
        assert_eq!(admitted("c", "x", 60 * SECOND), 20);
        assert!(Rate::new(0).admits("a", "x", 0));
    }
}
