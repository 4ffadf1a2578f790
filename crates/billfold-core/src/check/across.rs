//! What only many rows together show: commitments, and rows that are there twice.

use std::collections::BTreeMap;

use crate::money::{Amount, Currency, ExactSum, SumOverflow};

/// Rows among which equal ones are looked for: what fits in memory.
pub(super) const MOST_ROWS: usize = 1 << 22;

/// What the rows of one commitment come to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Commitment {
    /// EffectiveCost of usage, whatever its status.
    pub(super) usage: ExactSum,
    /// EffectiveCost of usage with status Used or Unused.
    pub(super) stated: ExactSum,
    /// BilledCost of purchases.
    pub(super) purchased: ExactSum,
    pub(super) n_usage: u64,
    pub(super) n_purchases: u64,
}

/// Commitments by id and currency.
pub(super) type Commitments = BTreeMap<(String, Currency), Commitment>;

pub(super) fn merge(all: &mut Commitments, part: Commitments) -> Result<(), SumOverflow> {
    for (key, other) in part {
        let mine = all.entry(key).or_default();
        mine.usage.add(&other.usage)?;
        mine.stated.add(&other.stated)?;
        mine.purchased.add(&other.purchased)?;
        mine.n_usage += other.n_usage;
        mine.n_purchases += other.n_purchases;
    }
    Ok(())
}

/// A row by the hash of all its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hashed {
    /// 128 bits: equal rows by chance are out of reach.
    pub(super) hash: (u64, u64),
    /// Place of the file among the inputs.
    pub(super) file: u32,
    /// Row of the file, from 1.
    pub(super) record: u64,
    /// Line of the file, 0 where the carrier has none.
    pub(super) line: u64,
    pub(super) cost: Option<(Currency, Amount)>,
}

/// The rows that an earlier row equals, with that row, in the order of files and rows.
pub(super) fn repeated(mut rows: Vec<Hashed>) -> Vec<(Hashed, Hashed)> {
    rows.sort_unstable_by_key(|r| (r.hash, r.file, r.record));
    let mut found = Vec::new();
    let mut first = 0;
    for i in 1..rows.len() {
        if rows[i].hash == rows[first].hash {
            found.push((rows[i], rows[first]));
        } else {
            first = i;
        }
    }
    found.sort_unstable_by_key(|(row, _)| (row.file, row.record));
    found
}
