//! What a question asks of its groups, done on runs: adding up, filling, the top, another order, a page.
//!
//! Each step reads groups in the order of their keys, in which all periods and currencies of the same
//! names stand together, and writes the next run.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::key::{self, OTHERS};
use super::run::{Record, Run, RunWriter, merge};
use super::stored::{Met, SortKey};
use super::{Memory, overflow_of};
use crate::engine::answer::KeyColumn;
use crate::engine::finish::{total_overflow, wanted_ordinals};
use crate::engine::plan::Plan;
use crate::error::{Error, Result};
use crate::money::{Currency, ExactSum, Totals};
use crate::query::OrderBy;

/// What the steps have to go by.
pub(super) struct Work<'a> {
    pub(super) plan: &'a Plan,
    pub(super) memory: &'a Memory,
}

/// All groups as one run.
pub(super) struct Merged {
    pub(super) run: Run,
    /// Groups, also those that a page leaves out.
    pub(super) n_groups: u64,
    /// Their sums.
    pub(super) groups: Totals,
    pub(super) met: Met,
}

/// Writes groups as far as a page reaches.
struct PageWriter {
    out: RunWriter,
    nth: u64,
    from: u64,
    to: u64,
}

impl PageWriter {
    fn push(&mut self, key: &[u8], charges: u64, cost: &ExactSum) -> Result<()> {
        if (self.from..self.to).contains(&self.nth) {
            self.out.push(key, charges, cost)?;
        }
        self.nth += 1;
        Ok(())
    }
}

impl Work<'_> {
    fn page(&self, paged: bool) -> Result<PageWriter> {
        let query = &self.plan.query;
        let (from, to) = if paged {
            let from = query.offset as u64;
            (
                from,
                query
                    .limit
                    .map_or(u64::MAX, |limit| from.saturating_add(limit as u64)),
            )
        } else {
            (0, u64::MAX)
        };
        Ok(PageWriter {
            out: RunWriter::create(&self.memory.temp)?,
            nth: 0,
            from,
            to,
        })
    }

    /// Adds up what is the same in all runs, and fills in periods without a charge.
    pub(super) fn merged(&self, runs: &[Run], paged: bool) -> Result<Merged> {
        let plan = self.plan;
        let mut met = Met::default();
        let fill: Option<BTreeSet<i64>> = if plan.query.fill {
            self.each(runs, &mut |record| {
                met.ordinals.insert(key::tail(&record.key)?.0.into());
                Ok(())
            })?;
            let found: Vec<i64> = met.ordinals.iter().copied().collect();
            wanted_ordinals(&found, plan)?.map(|wanted| wanted.into_iter().collect())
        } else {
            None
        };
        if let Some(wanted) = &fill {
            met.ordinals.extend(wanted);
        }
        let mut groups: BTreeMap<Currency, ExactSum> = BTreeMap::new();
        let mut page = self.page(paged)?;
        let mut filled = Filled::default();
        self.each(runs, &mut |record| {
            let (ordinal, currency) = key::tail(&record.key)?;
            if fill.is_none() {
                met.ordinals.insert(ordinal.into());
            }
            met.currencies.insert(currency);
            groups
                .entry(currency)
                .or_default()
                .add(&record.cost)
                .map_err(|_| total_overflow(currency))?;
            match &fill {
                Some(wanted) => filled.push(record, wanted, &mut page),
                None => page.push(&record.key, record.charges, &record.cost),
            }
        })?;
        if let Some(wanted) = &fill {
            filled.end(wanted, &mut page)?;
        }
        let mut totals = Totals::new();
        for (currency, sum) in &groups {
            totals
                .add(*currency, sum)
                .map_err(|_| total_overflow(*currency))?;
        }
        Ok(Merged {
            run: page.out.end_run()?,
            n_groups: page.nth,
            groups: totals,
            met,
        })
    }

    fn each(&self, runs: &[Run], each: &mut dyn FnMut(&Record) -> Result<()>) -> Result<()> {
        let memory = self.memory.share(8);
        let overflow = |key: &[u8]| overflow_of(self.plan, key);
        merge(runs.to_vec(), &self.memory.temp, memory, &overflow, each)
    }

    /// Keeps the `top` names of the highest cost in each currency; the others become one group per period.
    ///
    /// Errors: `limit.top` when the names to keep do not fit the memory.
    pub(super) fn keep_top(&self, run: Run, top: usize) -> Result<Run> {
        let runs = [run];
        let kept = self.top_of(&runs, top)?;
        let mut out = RunWriter::create(&self.memory.temp)?;
        let mut others: BTreeMap<(i32, Currency), (u64, ExactSum)> = BTreeMap::new();
        let mut place = Vec::new();
        self.each(&runs, &mut |record| {
            let (ordinal, currency) = key::tail(&record.key)?;
            place.clear();
            place.extend_from_slice(key::dimensions(&record.key));
            if kept.get(&currency).is_some_and(|kept| kept.contains(&place)) {
                return out.push(&record.key, record.charges, &record.cost);
            }
            let (charges, cost) = others.entry((ordinal, currency)).or_default();
            *charges += record.charges;
            cost.add(&record.cost).map_err(|_| {
                Error::new(crate::error::ErrorKind::Overflow {
                    group: KeyColumn::OTHERS_LABEL.to_owned(),
                })
            })
        })?;
        for ((ordinal, currency), (charges, cost)) in &others {
            place.clear();
            for _ in &self.plan.query.by {
                key::push_text(&mut place, OTHERS);
            }
            key::push_tail(&mut place, *ordinal, *currency);
            out.push(&place, *charges, cost)?;
        }
        out.end_run()
    }

    /// Per currency the dimensions that `top` keeps.
    fn top_of(&self, runs: &[Run], top: usize) -> Result<BTreeMap<Currency, BTreeSet<Vec<u8>>>> {
        let room = self.memory.share(4).max(1 << 26);
        let mut best: BTreeMap<Currency, BinaryHeap<Ranked>> = BTreeMap::new();
        let mut n_bytes = 0usize;
        let mut names: Vec<u8> = Vec::new();
        let mut sums: BTreeMap<Currency, ExactSum> = BTreeMap::new();
        let mut rank = |names: &[u8], sums: &mut BTreeMap<Currency, ExactSum>| -> Result<()> {
            for (currency, cost) in std::mem::take(sums) {
                let heap = best.entry(currency).or_default();
                let this = Ranked {
                    cost,
                    names: names.to_vec(),
                };
                if heap.len() == top && heap.peek().is_some_and(|worst| this >= *worst) {
                    continue;
                }
                n_bytes += names.len() + size_of::<Ranked>();
                heap.push(this);
                if heap.len() > top
                    && let Some(worst) = heap.pop()
                {
                    n_bytes -= worst.names.len() + size_of::<Ranked>();
                }
                if n_bytes > room {
                    let message = format!("--top {top} keeps more names than the memory given holds");
                    return Err(
                        Error::limit("limit.top", message).hint("give more with --memory, or keep fewer")
                    );
                }
            }
            Ok(())
        };
        self.each(runs, &mut |record| {
            let dimensions = key::dimensions(&record.key);
            if names != dimensions {
                rank(&names, &mut sums)?;
                names.clear();
                names.extend_from_slice(dimensions);
            }
            sums.entry(key::tail(&record.key)?.1)
                .or_default()
                .add(&record.cost)
                .map_err(|_| Error::bug("a part larger than the whole"))
        })?;
        rank(&names, &mut sums)?;
        Ok(best
            .into_iter()
            .map(|(currency, heap)| (currency, heap.into_iter().map(|ranked| ranked.names).collect()))
            .collect())
    }

    /// Puts groups in the order asked, and cuts the page.
    pub(super) fn ordered(&self, run: Run) -> Result<(Run, SortKey)> {
        let order = self.plan.query.order;
        let sorted_by = SortKey {
            prefix: 1 + match order.by {
                OrderBy::Key => 0,
                OrderBy::Cost => 3 + 48,
                OrderBy::Charges => 8,
                OrderBy::Period => 4,
            },
            turned: order.by == OrderBy::Key && order.descending,
        };
        let mut sorter = Sorter {
            limit: self.memory.share(4),
            writer: RunWriter::create(&self.memory.temp)?,
            runs: Vec::new(),
            bytes: Vec::new(),
            records: Vec::new(),
        };
        let mut sort_key = Vec::new();
        self.each(&[run], &mut |record| {
            self.sort_key(record, &mut sort_key)?;
            sorter.push(&sort_key, record)
        })?;
        sorter.write_out()?;
        let mut page = self.page(true)?;
        let Sorter { runs, writer, .. } = sorter;
        self.each(&runs, &mut |record| {
            page.push(&record.key, record.charges, &record.cost)
        })?;
        drop(writer);
        Ok((page.out.end_run()?, sorted_by))
    }

    /// Bytes whose order is the order asked, ties by key; what `top` put together is last in any order.
    fn sort_key(&self, record: &Record, out: &mut Vec<u8>) -> Result<()> {
        let order = self.plan.query.order;
        let (ordinal, currency) = key::tail(&record.key)?;
        let is_others = record.key.first() == OTHERS.first() && self.plan.query.top.is_some();
        out.clear();
        out.push(u8::from(is_others));
        // Of costs, those of a currency stand together in either direction.
        if order.by == OrderBy::Cost {
            let mut letters = [0; 3];
            let text = currency.as_str().as_bytes();
            letters[..text.len()].copy_from_slice(text);
            out.extend_from_slice(&letters);
        }
        let turn_from = out.len();
        match order.by {
            OrderBy::Key => out.extend_from_slice(&record.key),
            OrderBy::Period => out.extend_from_slice(&(ordinal as u32 ^ 1 << 31).to_be_bytes()),
            OrderBy::Charges => out.extend_from_slice(&record.charges.to_be_bytes()),
            OrderBy::Cost => key::push_cost(out, &record.cost),
        }
        if order.descending {
            out[turn_from..].iter_mut().for_each(|byte| *byte = !*byte);
        }
        if order.by != OrderBy::Key {
            out.extend_from_slice(&record.key);
        }
        Ok(())
    }
}

/// A candidate of `top`. The greatest is the one to go first: the least cost, and of those the last names.
#[derive(PartialEq, Eq)]
struct Ranked {
    cost: ExactSum,
    names: Vec<u8>,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other
            .cost
            .cmp(&self.cost)
            .then_with(|| self.names.cmp(&other.names))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The groups of the same dimensions, until their missing periods are known.
#[derive(Default)]
struct Filled {
    names: Vec<u8>,
    groups: BTreeMap<(i64, Currency), (u64, ExactSum)>,
    n_found: u64,
}

impl Filled {
    fn push(&mut self, record: &Record, wanted: &BTreeSet<i64>, page: &mut PageWriter) -> Result<()> {
        let dimensions = key::dimensions(&record.key);
        if self.names != dimensions {
            self.end(wanted, page)?;
            self.names.clear();
            self.names.extend_from_slice(dimensions);
        }
        let (ordinal, currency) = key::tail(&record.key)?;
        self.n_found += 1;
        self.groups
            .insert((ordinal.into(), currency), (record.charges, record.cost));
        Ok(())
    }

    fn end(&mut self, wanted: &BTreeSet<i64>, page: &mut PageWriter) -> Result<()> {
        let currencies: BTreeSet<Currency> = self.groups.keys().map(|(_, currency)| *currency).collect();
        for currency in currencies {
            for ordinal in wanted {
                self.groups.entry((*ordinal, currency)).or_default();
            }
        }
        for ((ordinal, currency), (charges, cost)) in std::mem::take(&mut self.groups) {
            let n_names = self.names.len();
            let ordinal = i32::try_from(ordinal).map_err(|_| Error::bug("a period out of range"))?;
            key::push_tail(&mut self.names, ordinal, currency);
            page.push(&self.names, charges, &cost)?;
            self.names.truncate(n_names);
        }
        if page.nth.saturating_sub(self.n_found) > u64::from(u32::MAX) {
            return Err(
                Error::limit("limit.groups", "--fill would make more than 2³² groups")
                    .hint("narrow the window"),
            );
        }
        Ok(())
    }
}

/// Sorts groups by any bytes, in runs.
struct Sorter {
    /// Bytes held at most.
    limit: usize,
    writer: RunWriter,
    runs: Vec<Run>,
    /// The keys of `records`, one behind the other.
    bytes: Vec<u8>,
    records: Vec<(usize, usize, u64, ExactSum)>,
}

impl Sorter {
    fn push(&mut self, sort_key: &[u8], record: &Record) -> Result<()> {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(sort_key);
        self.records
            .push((from, self.bytes.len(), record.charges, record.cost));
        if self.bytes.len() + self.records.len() * size_of::<(usize, usize, u64, ExactSum)>() > self.limit {
            self.write_out()?;
        }
        Ok(())
    }

    fn write_out(&mut self) -> Result<()> {
        if self.records.is_empty() {
            return Ok(());
        }
        let bytes = &self.bytes;
        self.records
            .sort_unstable_by(|a, b| bytes[a.0..a.1].cmp(&bytes[b.0..b.1]));
        for (from, to, charges, cost) in &self.records {
            self.writer.push(&bytes[*from..*to], *charges, cost)?;
        }
        self.runs.push(self.writer.end_run()?);
        self.bytes.clear();
        self.records.clear();
        Ok(())
    }
}
