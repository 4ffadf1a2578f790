//! Groups past the memory given: sorted runs on disk, and an answer made of them. Stage: merge, final result.
//!
//! A worker whose groups outgrow its share writes them out, sorted by their keys, and begins anew. At the
//! end the runs of all workers are merged, which adds up what is the same and gives the groups in the
//! order of the answer; whatever a question asks of its groups (`fill`, `top`, another order, a page)
//! is done on that stream, in memory that does not grow with the groups. The answer is the one that
//! would have been made in memory, byte for byte.

mod key;
mod order;
mod run;
mod stored;

#[cfg(test)]
pub(super) mod testing {
    use std::fs::{self, OpenOptions};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::OpenTemp;

    /// Temporary files whose names are gone as soon as they are open.
    pub(crate) fn temp() -> OpenTemp {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Arc::new(|| {
            let nth = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("billfold-spill-{}-{nth}", std::process::id()));
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .open(&path)
                .unwrap();
            fs::remove_file(path).unwrap();
            Ok(file)
        })
    }
}

use std::sync::Arc;

use super::answer::Answer;
use super::finish::{Finished, Tallies, period};
use super::gather::gather;
use super::plan::Plan;
use super::sums::{Sums, group_overflow};
use crate::error::{Error, Result};
use crate::money::SumColumn;
use crate::query::OrderBy;

pub use run::OpenTemp;
use run::{Run, RunWriter};
pub use stored::StoredAnswer;

/// What groups may take up, and where they go past it.
#[derive(Clone)]
pub struct Memory {
    /// Bytes that a run is to stay within. Half of them are for groups; reading files and putting groups in
    /// order has the rest.
    pub bytes: u64,
    /// Makes temporary files.
    pub temp: OpenTemp,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// The runs of one worker.
#[derive(Debug)]
pub(super) struct Spill {
    memory: Memory,
    /// Bytes of groups past which a worker writes them out.
    limit: usize,
    writer: Option<RunWriter>,
    runs: Vec<Run>,
}

impl Memory {
    fn share(&self, part: u64) -> usize {
        usize::try_from(self.bytes / part).unwrap_or(usize::MAX)
    }
}

impl Sums {
    /// An empty state that writes its groups out when they take up more than its share among `n_workers`.
    pub fn within(plan: Arc<Plan>, memory: &Memory, n_workers: usize) -> Self {
        let mut sums = Sums::new(plan);
        sums.spill = Some(Spill {
            limit: memory.share(2) / n_workers.max(1),
            memory: memory.clone(),
            writer: None,
            runs: Vec::new(),
        });
        sums
    }

    /// Writes the groups out when they are too many.
    ///
    /// Errors: a sum that leaves 256 bits; I/O.
    pub(super) fn spill_if_large(&mut self) -> Result<()> {
        let limit = self.spill.as_ref().map_or(usize::MAX, |spill| spill.limit);
        if self.size_bytes() > limit {
            self.spill()
        } else {
            Ok(())
        }
    }

    /// Writes the groups out as a run, and forgets them.
    fn spill(&mut self) -> Result<()> {
        let Some(mut spill) = self.spill.take() else {
            return Ok(());
        };
        if self.n_groups() > 0 {
            let mut writer = match spill.writer.take() {
                Some(writer) => writer,
                None => RunWriter::create(&spill.memory.temp)?,
            };
            self.write_groups(&mut writer)?;
            spill.runs.push(writer.end_run()?);
            spill.writer = Some(writer);
            self.forget_groups();
        }
        self.spill = Some(spill);
        Ok(())
    }

    fn write_groups(&self, writer: &mut RunWriter) -> Result<()> {
        let states = std::slice::from_ref(self);
        let gathered = gather(states);
        let n_dims = self.names.len();
        let mut bytes = Vec::new();
        gathered.each_range(&self.plan, states, |range| {
            let columns = &range.columns;
            for group in 0..range.charges.len() {
                bytes.clear();
                for (d, codes) in columns[..n_dims].iter().enumerate() {
                    key::push_text(&mut bytes, gathered.name(states, d, codes[group]));
                }
                let ordinal = gathered.ordinals[columns[n_dims][group] as usize];
                let ordinal = i32::try_from(ordinal).map_err(|_| Error::bug("a period out of range"))?;
                let currency = gathered.currencies[columns[n_dims + 1][group] as usize];
                key::push_tail(&mut bytes, ordinal, currency);
                writer.push(&bytes, range.charges[group], &range.costs.get(group as u32))?;
            }
            Ok(())
        })
    }

    /// Whether some of the groups are on disk.
    pub(super) fn has_spilled(&self) -> bool {
        self.spill.as_ref().is_some_and(|spill| !spill.runs.is_empty())
    }
}

/// Makes the answer of workers of which some wrote groups out.
///
/// Errors: a sum or a total that leaves 256 bits; a fill of more than 2³² groups; I/O.
pub(super) fn finish(mut states: Vec<Sums>) -> Result<Finished> {
    let plan = Arc::clone(&states.first().ok_or_else(|| Error::bug("no worker"))?.plan);
    let query = &plan.query;
    let tallies = Tallies::of(&states)?;
    let mut runs = Vec::new();
    let mut memory = None;
    for state in &mut states {
        state.spill()?;
        if let Some(spill) = state.spill.take() {
            runs.extend(spill.runs);
            memory = Some(spill.memory);
        }
        state.forget_lookups();
    }
    drop(states);
    let memory = memory.ok_or_else(|| Error::bug("groups on disk without a limit of memory"))?;

    let work = order::Work {
        plan: &plan,
        memory: &memory,
    };
    let in_key_order = query.order.by == OrderBy::Key && !query.order.descending;
    let is_last = in_key_order && query.top.is_none();
    let merged = work.merged(&runs, is_last)?;
    let mut n_groups = merged.n_groups;
    let mut run = merged.run;
    let mut sorted_by = stored::SortKey::default();
    if let Some(top) = query.top {
        run = work.keep_top(run, top)?;
        n_groups = run.n_groups;
    }
    if !is_last {
        (run, sorted_by) = work.ordered(run)?;
    }

    let used = tallies.used_beside(&merged.groups, plan.groups_overlap())?;
    let ordinals: Vec<i64> = merged.met.ordinals.into_iter().collect();
    let head = Answer {
        query: query.clone(),
        keys: query
            .by
            .iter()
            .map(|_| super::answer::KeyColumn::default())
            .collect(),
        periods: ordinals
            .iter()
            .map(|o| period(plan.calendar, query.window, *o))
            .collect(),
        period_idx: Vec::new(),
        currencies: merged.met.currencies.into_iter().collect(),
        currency_idx: Vec::new(),
        costs: SumColumn::new(),
        charges: Vec::new(),
        n_groups,
        totals: used.clone(),
        n_charges: tallies.n_used,
    };
    let stored = StoredAnswer {
        head,
        run,
        ordinals,
        sorted_by,
    };
    // What is left of many groups (a page, the top ten) is mostly little.
    let (answer, stored) = if stored.size_bytes() <= memory.bytes / 4 {
        (stored.load()?, None)
    } else {
        (stored.head.clone(), Some(stored))
    };
    Ok(Finished {
        answer,
        stored,
        used,
        filtered: tallies.filtered,
        outside_window: tallies.outside_window,
        groups: merged.groups,
        n_used: tallies.n_used,
        n_filtered: tallies.n_filtered,
        n_outside: tallies.n_outside,
        group_idx: Vec::new(),
    })
}

/// The error for the group of a key.
#[cold]
fn overflow_of(plan: &Plan, bytes: &[u8]) -> Error {
    let mut names = Vec::new();
    let mut rest = key::dimensions(bytes);
    let mut text = Vec::new();
    for _ in &plan.query.by {
        let Ok(behind) = key::take_text(rest, &mut text) else {
            break;
        };
        names.push(String::from_utf8_lossy(&text).into_owned());
        rest = behind;
    }
    match key::tail(bytes) {
        Ok((ordinal, currency)) => {
            group_overflow(plan, names.iter().map(String::as_str), ordinal.into(), currency)
        }
        Err(error) => error,
    }
}
