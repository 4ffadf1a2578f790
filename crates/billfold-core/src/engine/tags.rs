//! Tag sums: what charges cost under each tag key, with a value and without, and which values there are.
//!
//! [`TagSums`] is `Sums` over all charges that count, with more kept per key. A batch adds its costs up per
//! distinct set of tags first, so that a charge costs one addition and a tag one per set. Filters, windows and the
//! receipt are those of `sums`; nothing here decides which charges count, and a charge counts once per key.

use std::sync::Arc;

use arrow::datatypes::i256;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::finish::Finished;
use super::group::Names;
use super::pairs::Pairs;
use super::plan::Plan;
use super::sums::{Contributions, Sums, Watch};
use crate::charge::{ChargeBatch, MoneyColumn};
use crate::error::{Error, ErrorKind, Result};
use crate::money::{Currency, ExactSum, SumColumn};

/// Distinct tag keys of a bill.
const MAX_KEYS: usize = 1 << 16;

/// Charges, and what they cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Charges.
    pub charges: u64,
    /// Their cost.
    pub cost: ExactSum,
    /// The cost of those above zero.
    pub gross: ExactSum,
}

/// One tag key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFacts {
    /// The key.
    pub key: String,
    /// Per currency in which a charge has the key, in byte order: charges with a value, and with the key alone.
    pub cells: Vec<(Currency, Tally, Tally)>,
    /// The values that are not empty, in byte order, with their charges; None where there are more than
    /// [`KeyFacts::MAX_VALUES`].
    pub values: Option<Vec<(String, u64)>>,
}

impl KeyFacts {
    /// Values of a key that are told apart.
    pub const MAX_VALUES: usize = 10_000;
}

/// The tags of all charges that count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TagFacts {
    /// By key, in byte order.
    pub keys: Vec<KeyFacts>,
    /// Per currency, all charges.
    pub totals: Vec<(Currency, Tally)>,
}

/// The state of one worker.
#[derive(Debug)]
pub struct TagSums {
    sums: Sums,
    more: More,
}

/// What is kept beside the total; groups are those of the sums, one per currency.
#[derive(Debug, Default)]
struct More {
    /// Per group, the cost above zero.
    gross: SumColumn,
    keys: Names,
    values: Vec<Values>,
    /// Pairs of a group and a key.
    cells: Pairs,
    /// Per cell with a value, then without: twice its number, and one more.
    cell_costs: SumColumn,
    cell_gross: SumColumn,
    cell_charges: Vec<u64>,
}

/// The values of one key; None once there are too many.
#[derive(Debug)]
struct Values(Option<HashMap<Box<str>, u64, FixedState>>);

impl Values {
    fn add(&mut self, value: &str, charges: u64) {
        let Some(known) = &mut self.0 else { return };
        if let Some(count) = known.get_mut(value) {
            *count += charges;
        } else if known.len() < KeyFacts::MAX_VALUES {
            known.insert(value.into(), charges);
        } else {
            // However charges are spread over workers, a key whose values are too many loses all of them.
            self.0 = None;
        }
    }
}

impl TagSums {
    /// An empty state. `plan`: a total without dimensions that counts charges whole, and whose scan brings tags.
    pub fn new(plan: &Arc<Plan>) -> Self {
        TagSums {
            sums: Sums::new(Arc::clone(plan)),
            more: More::default(),
        }
    }

    /// Adds a batch. Errors: a sum that leaves 256 bits; `limit.tags`.
    pub fn update(&mut self, batch: &ChargeBatch) -> Result<()> {
        self.sums.update_watched(batch, &mut self.more)
    }

    /// Takes over another worker's state. Errors: as [`TagSums::update`].
    pub fn merge(&mut self, other: TagSums) -> Result<()> {
        let groups = self.sums.merge_groups(&other.sums)?;
        self.more.merge(other.more, &groups, self.sums.n_groups())
    }

    /// Names and orders the keys. Errors: a total that leaves 256 bits.
    pub fn finish(self) -> Result<(TagFacts, Finished)> {
        let TagSums { sums, more } = self;
        let (currencies, _, _) = sums.paths();
        let currency_of: Vec<Currency> = currencies
            .iter()
            .map(|code| Currency::parse(sums.currencies.name(*code)).unwrap_or(Currency::UNKNOWN))
            .collect();
        let mut totals: Vec<(Currency, Tally)> = (0..sums.n_groups())
            .map(|group| {
                let tally = Tally {
                    charges: sums.costs.count(group as u32),
                    cost: sums.costs.sum(group as u32),
                    gross: more.gross.get(group as u32),
                };
                (currency_of[group], tally)
            })
            .collect();
        totals.sort_by_key(|(currency, _)| *currency);
        let keys = more.finish(&currency_of);
        Ok((TagFacts { keys, totals }, sums.finish()?))
    }
}

/// One set of a batch: its keys, each once with whether it has a value, and its values.
struct Set<'t> {
    keys: Vec<(u32, bool)>,
    values: Vec<(u32, &'t str)>,
}

impl Watch for More {
    fn hear(&mut self, contributions: &Contributions<'_>, n_groups: usize) -> Result<()> {
        let batch = contributions.batch;
        let Some(tags) = batch.tags() else {
            return Err(Error::bug("tag sums without tags"));
        };
        self.gross.resize(n_groups);
        let n_sets = tags.n_sets();
        let mut at: Vec<u32> = Vec::with_capacity(contributions.groups.len());
        let mut charges = vec![0u64; n_groups * n_sets];
        for (row, group, _) in contributions.iter() {
            let slot = group as usize * n_sets + tags.codes()[row] as usize;
            charges[slot] += 1;
            at.push(slot as u32);
        }
        let (mut net, mut gross) = (SumColumn::new(), SumColumn::new());
        net.resize(charges.len());
        gross.resize(charges.len());
        let rows = contributions.rows;
        match batch.cost() {
            MoneyColumn::Narrow { mantissas, scale } => {
                let costs = gathered(mantissas, rows);
                net.add_narrow(&at, &costs, scale).map_err(|_| overflow())?;
                let above: Vec<i128> = costs.iter().map(|cost| (*cost).max(0)).collect();
                gross.add_narrow(&at, &above, scale).map_err(|_| overflow())?;
            }
            MoneyColumn::Wide { mantissas, scale } => {
                let costs = gathered(mantissas, rows);
                net.add_wide(&at, &costs, scale).map_err(|_| overflow())?;
                let above: Vec<i256> = costs.iter().map(|cost| (*cost).max(i256::ZERO)).collect();
                gross.add_wide(&at, &above, scale).map_err(|_| overflow())?;
            }
        }
        let mut sets: Vec<Option<Set<'_>>> = Vec::with_capacity(n_sets);
        sets.resize_with(n_sets, || None);
        for (slot, n) in charges.iter().enumerate().filter(|(_, n)| **n > 0) {
            let (group, nth) = ((slot / n_sets) as u32, slot % n_sets);
            let (cost, above) = (net.get(slot as u32), gross.get(slot as u32));
            self.gross.add_at(group, &above).map_err(|_| overflow())?;
            let set = sets[nth].get_or_insert_with(|| {
                let mut set = Set {
                    keys: Vec::new(),
                    values: Vec::new(),
                };
                for (key, value) in tags.set(nth) {
                    let (key, value) = (self.keys.code(key), value.unwrap_or(""));
                    match set.keys.iter_mut().find(|(known, _)| *known == key) {
                        Some((_, has_value)) => *has_value |= !value.is_empty(),
                        None => set.keys.push((key, !value.is_empty())),
                    }
                    if !value.is_empty() {
                        set.values.push((key, value));
                    }
                }
                set
            });
            for (key, value) in &set.values {
                while self.values.len() < self.keys.len() {
                    self.values.push(Values(Some(HashMap::default())));
                }
                self.values[*key as usize].add(value, *n);
            }
            let mut cells = vec![group; set.keys.len()];
            let keys: Vec<u32> = set.keys.iter().map(|(key, _)| *key).collect();
            self.cells.combine(&mut cells, &keys, n_groups, self.keys.len());
            self.grow();
            for (cell, (_, has_value)) in cells.iter().zip(&set.keys) {
                self.add(cell * 2 + u32::from(!has_value), *n, &cost, &above)?;
            }
        }
        self.check_keys()
    }
}

impl More {
    fn check_keys(&self) -> Result<()> {
        if self.keys.len() > MAX_KEYS {
            let message = format!("the charges have more than {MAX_KEYS} tag keys");
            return Err(Error::limit("limit.tags", message)
                .hint("look at fewer of them with --filter, or read keys together with --alias"));
        }
        Ok(())
    }

    /// Room for all cells.
    fn grow(&mut self) {
        let n = self.cells.len() * 2;
        self.cell_costs.resize(n);
        self.cell_gross.resize(n);
        self.cell_charges.resize(n, 0);
        while self.values.len() < self.keys.len() {
            self.values.push(Values(Some(HashMap::default())));
        }
    }

    fn add(&mut self, slot: u32, charges: u64, cost: &ExactSum, gross: &ExactSum) -> Result<()> {
        self.cell_charges[slot as usize] += charges;
        self.cell_costs.add_at(slot, cost).map_err(|_| overflow())?;
        self.cell_gross.add_at(slot, gross).map_err(|_| overflow())
    }

    fn merge(&mut self, other: More, groups: &[u32], n_groups: usize) -> Result<()> {
        self.gross.resize(n_groups);
        self.gross
            .merge_mapped(&other.gross, groups)
            .map_err(|_| overflow())?;
        let keys = self.keys.merge(&other.keys);
        let cells = self
            .cells
            .merge(&other.cells, groups, &keys, n_groups, self.keys.len());
        self.grow();
        for (theirs, cell) in cells.iter().enumerate() {
            for half in 0..2 {
                let slot = (theirs * 2 + half) as u32;
                let cost = other.cell_costs.get(slot);
                let gross = other.cell_gross.get(slot);
                self.add(
                    cell * 2 + half as u32,
                    other.cell_charges[slot as usize],
                    &cost,
                    &gross,
                )?;
            }
        }
        for (values, key) in other.values.into_iter().zip(&keys) {
            let mine = &mut self.values[*key as usize];
            match values.0 {
                None => mine.0 = None,
                Some(theirs) => theirs.iter().for_each(|(value, n)| mine.add(value, *n)),
            }
        }
        self.check_keys()
    }

    fn finish(self, currency_of: &[Currency]) -> Vec<KeyFacts> {
        let tally = |slot: u32| Tally {
            charges: self.cell_charges[slot as usize],
            cost: self.cell_costs.get(slot),
            gross: self.cell_gross.get(slot),
        };
        let mut cells: Vec<Vec<(Currency, Tally, Tally)>> = vec![Vec::new(); self.keys.len()];
        for (cell, (group, key)) in self.cells.parts.iter().enumerate() {
            let slot = cell as u32 * 2;
            cells[*key as usize].push((currency_of[*group as usize], tally(slot), tally(slot + 1)));
        }
        let mut facts: Vec<KeyFacts> = cells
            .into_iter()
            .zip(self.values)
            .enumerate()
            .map(|(code, (mut cells, values))| {
                cells.sort_by_key(|(currency, _, _)| *currency);
                let values = values.0.map(|values| {
                    let mut values: Vec<(String, u64)> =
                        values.into_iter().map(|(value, n)| (value.into(), n)).collect();
                    values.sort();
                    values
                });
                KeyFacts {
                    key: String::from_utf8_lossy(self.keys.name(code as u32)).into_owned(),
                    cells,
                    values,
                }
            })
            .collect();
        facts.sort_by(|a, b| a.key.cmp(&b.key));
        facts
    }
}

fn gathered<T: Copy>(values: &[T], rows: Option<&[u32]>) -> Vec<T> {
    match rows {
        None => values.to_vec(),
        Some(rows) => rows.iter().map(|row| values[*row as usize]).collect(),
    }
}

#[cold]
fn overflow() -> Error {
    Error::new(ErrorKind::Overflow {
        group: "the cost under a tag".to_owned(),
    })
}
