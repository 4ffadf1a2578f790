//! From a merged state to an answer: names, order, `top`, empty periods, pages. Stage: final result.

use std::cmp::Ordering;
use std::sync::Arc;

use rayon::prelude::*;

use super::answer::{Answer, KeyColumn};
use super::gather::{Gathered, MANY_GROUPS, Range, gather};
use super::pairs::Pairs;
use super::plan::Plan;
use super::spill::{self, StoredAnswer};
use super::sums::Sums;
use crate::error::{Error, Result};
use crate::money::{Currency, ExactSum, SumColumn, Totals};
use crate::query::OrderBy;
use crate::time::{Granularity, Period, Window};

/// An answer, and the engine's side of the receipt.
#[derive(Debug)]
pub struct Finished {
    /// The answer; without its groups where `stored` has them.
    pub answer: Answer,
    /// The answer where its groups do not fit the memory that [`Sums::within`] was given.
    pub stored: Option<StoredAnswer>,
    /// Cost used, each charge once.
    pub used: Totals,
    /// Cost that a filter took out.
    pub filtered: Totals,
    /// Cost outside the window.
    pub outside_window: Totals,
    /// Sum over all groups before `top` and paging.
    pub groups: Totals,
    /// Rows used.
    pub n_used: u64,
    /// Rows that a filter took out.
    pub n_filtered: u64,
    /// Rows outside the window.
    pub n_outside: u64,
    /// Per group of the answer its number in the state, where there is one state; empty after `top` or `fill`.
    pub(super) group_idx: Vec<u32>,
}

/// Groups as columns of codes, while they are put in order.
struct Table {
    currencies: Vec<u32>,
    periods: Vec<u32>,
    dims: Vec<Vec<u32>>,
    costs: SumColumn,
    charges: Vec<u64>,
    /// Of one state alone: per group its number there.
    numbers: Vec<u32>,
}

impl Sums {
    /// Names and orders the groups. See [`Sums::finish_all`].
    pub fn finish(self) -> Result<Finished> {
        Sums::finish_all(vec![self])
    }

    /// Puts the states of all workers together, names and orders the groups.
    ///
    /// Errors: a total that leaves 256 bits; a fill that would make more than 2³² groups; no state at all.
    pub fn finish_all(mut states: Vec<Sums>) -> Result<Finished> {
        let Some(first) = states.first() else {
            return Err(Error::bug("no worker"));
        };
        if states.iter().any(Sums::has_spilled) {
            return spill::finish(states);
        }
        let plan = Arc::clone(&first.plan);
        let query = &plan.query;
        let tallies = Tallies::of(&states)?;
        let n_groups: usize = states.iter().map(Sums::n_groups).sum();
        if n_groups < MANY_GROUPS {
            states.iter_mut().for_each(Sums::forget_lookups);
        } else {
            states.par_iter_mut().for_each(Sums::forget_lookups);
        }
        let gathered = gather(&states);
        let mut table = Table::with_capacity(plan.dimensions.len(), n_groups);
        gathered.each_range(&plan, &states, |range| table.push(&range))?;
        let name = |at: &(u32, u32), d: usize| {
            let (worker, code) = (at.0 as usize, at.1);
            Arc::<str>::from(String::from_utf8_lossy(states[worker].names[d].name(code)).as_ref())
        };
        let names: Vec<Vec<Arc<str>>> = gathered
            .names
            .iter()
            .enumerate()
            .map(|(d, names)| {
                if names.len() < MANY_GROUPS {
                    names.iter().map(|at| name(at, d)).collect()
                } else {
                    names.par_iter().map(|at| name(at, d)).collect()
                }
            })
            .collect();
        let Gathered {
            mut ordinals,
            currencies,
            ..
        } = gathered;
        if n_groups < MANY_GROUPS {
            drop(states);
        } else {
            // To give back much memory takes a while, and another core has time.
            rayon::spawn(|| drop(states));
        }
        let groups = totals_by(&currencies, &table)?;
        let used = tallies.used_beside(&groups, plan.groups_overlap())?;

        let mut is_ordered = true;
        if query.fill {
            let n_before = table.charges.len();
            fill(&mut table, &mut ordinals, &plan)?;
            table.numbers.clear();
            is_ordered = table.charges.len() == n_before;
            // What was filled in is numbered behind the periods that were there.
            let (sorted, rank) = ranked(&ordinals);
            ordinals = sorted;
            for period in &mut table.periods {
                *period = rank[*period as usize];
            }
        }
        if let Some(top) = query.top {
            table = keep_top(&table, top)?;
            is_ordered = false;
        }
        let n_groups = table.charges.len() as u64;
        let in_key_order = query.order.by == OrderBy::Key && !query.order.descending;
        let page = if is_ordered && in_key_order {
            let (from, to) = bounds_of(table.charges.len(), query.offset, query.limit);
            if to - from < table.charges.len() {
                let page: Vec<u32> = (from as u32..to as u32).collect();
                table.take(&page)?
            } else {
                table
            }
        } else {
            let order = order_of(&table, query.order.by, query.order.descending);
            let (from, to) = bounds_of(order.len(), query.offset, query.limit);
            table.take(&order[from..to])?
        };
        let answer = Answer {
            query: query.clone(),
            keys: names
                .into_iter()
                .zip(page.dims)
                .map(|(names, codes)| KeyColumn { names, codes })
                .collect(),
            periods: ordinals
                .iter()
                .map(|o| period(plan.calendar, query.window, *o))
                .collect(),
            period_idx: page.periods,
            currencies,
            currency_idx: page.currencies,
            costs: page.costs,
            charges: page.charges,
            n_groups,
            totals: used.clone(),
            n_charges: tallies.n_used,
        };
        Ok(Finished {
            answer,
            stored: None,
            used,
            filtered: tallies.filtered,
            outside_window: tallies.outside_window,
            groups,
            n_used: tallies.n_used,
            n_filtered: tallies.n_filtered,
            n_outside: tallies.n_outside,
            group_idx: page.numbers,
        })
    }
}

/// What the workers counted beside the groups.
pub(super) struct Tallies {
    used: Totals,
    pub(super) filtered: Totals,
    pub(super) outside_window: Totals,
    pub(super) n_used: u64,
    pub(super) n_filtered: u64,
    pub(super) n_outside: u64,
}

impl Tallies {
    /// The tallies of all workers.
    ///
    /// Errors: a total that leaves 256 bits.
    pub(super) fn of(states: &[Sums]) -> Result<Self> {
        let mut all = Tallies {
            used: Totals::new(),
            filtered: Totals::new(),
            outside_window: Totals::new(),
            n_used: 0,
            n_filtered: 0,
            n_outside: 0,
        };
        for state in states {
            all.n_used += state.n_used;
            all.n_filtered += state.n_filtered;
            all.n_outside += state.n_outside;
            for code in 0..state.currencies.len() as u32 {
                let currency = Currency::parse(state.currencies.name(code)).unwrap_or(Currency::UNKNOWN);
                for (total, column) in [
                    (&mut all.used, &state.used),
                    (&mut all.filtered, &state.filtered),
                    (&mut all.outside_window, &state.outside),
                ] {
                    total
                        .add(currency, &column.get(code))
                        .map_err(|_| total_overflow(currency))?;
                }
            }
        }
        Ok(all)
    }

    /// Cost used, each charge once: what the groups come to, unless they overlap.
    pub(super) fn used_beside(&self, groups: &Totals, groups_overlap: bool) -> Result<Totals> {
        if !groups_overlap {
            return Ok(groups.clone());
        }
        // Of the currencies of the groups: which others were met depends on what a scan could leave unread.
        let mut used = Totals::new();
        for (currency, sum) in self
            .used
            .iter()
            .filter(|(currency, _)| groups.get(*currency).is_some())
        {
            used.add(currency, sum).map_err(|_| total_overflow(currency))?;
        }
        Ok(used)
    }
}

#[cold]
pub(super) fn total_overflow(currency: Currency) -> Error {
    Error::new(crate::error::ErrorKind::Overflow {
        group: format!("all {currency}"),
    })
}

impl Table {
    /// Room for at most `n` groups: what is not used of it takes no memory, and nothing moves while it fills.
    fn with_capacity(n_dims: usize, n: usize) -> Self {
        let mut costs = SumColumn::new();
        costs.reserve_exact(n);
        Table {
            currencies: Vec::with_capacity(n),
            periods: Vec::with_capacity(n),
            dims: std::iter::repeat_with(|| Vec::with_capacity(n))
                .take(n_dims)
                .collect(),
            costs,
            charges: Vec::with_capacity(n),
            numbers: Vec::new(),
        }
    }

    /// Takes a range of groups behind those that are there.
    ///
    /// Errors: a sum that leaves 256 bits at the scale of the finest.
    fn push(&mut self, range: &Range) -> Result<()> {
        let n_dims = self.dims.len();
        let columns = &range.columns;
        for (mine, theirs) in self.dims.iter_mut().zip(columns) {
            mine.extend_from_slice(theirs);
        }
        self.periods.extend_from_slice(&columns[n_dims]);
        self.currencies.extend_from_slice(&columns[n_dims + 1]);
        self.charges.extend_from_slice(&range.charges);
        self.numbers.extend_from_slice(&range.numbers);
        self.costs.append(&range.costs).map_err(|o| {
            Error::new(crate::error::ErrorKind::Overflow {
                group: format!("number {} of the answer", o.group),
            })
        })
    }

    /// Some of the groups, in this order.
    fn take(&self, page: &[u32]) -> Result<Table> {
        let gather = |column: &Vec<u32>| -> Vec<u32> { page.iter().map(|g| column[*g as usize]).collect() };
        let mut costs = SumColumn::new();
        costs.resize(page.len());
        let places: Vec<u32> = (0..page.len() as u32).collect();
        costs
            .add_gathered(&places, &self.costs, page, &mut Vec::new())
            .map_err(|_| Error::bug("a sum that fitted no longer fits"))?;
        Ok(Table {
            currencies: gather(&self.currencies),
            periods: gather(&self.periods),
            dims: self.dims.iter().map(gather).collect(),
            costs,
            charges: page.iter().map(|g| self.charges[*g as usize]).collect(),
            numbers: if self.numbers.is_empty() {
                Vec::new()
            } else {
                gather(&self.numbers)
            },
        })
    }
}

pub(super) fn period(calendar: crate::time::Calendar, window: Window, ordinal: i64) -> Period {
    if calendar.granularity == Granularity::Total {
        return Period {
            start: window.start,
            end: window.end,
            label: "total".to_owned(),
        };
    }
    calendar.period(ordinal)
}

/// Sums by currency; a currency without a group is not there, one whose sums cancel stays at zero.
fn totals_by(currencies: &[Currency], table: &Table) -> Result<Totals> {
    let mut per_code = SumColumn::new();
    per_code.resize(currencies.len());
    per_code
        .merge_mapped(&table.costs, &table.currencies)
        .map_err(|o| total_overflow(currencies[o.group as usize]))?;
    let mut totals = Totals::default();
    for (code, currency) in currencies.iter().enumerate() {
        totals
            .add(*currency, &per_code.get(code as u32))
            .map_err(|_| Error::bug("one sum per currency cannot overflow"))?;
    }
    Ok(totals)
}

/// The distinct values in order, and per index of `values` the rank of its value.
fn ranked<T: Ord + Copy>(values: &[T]) -> (Vec<T>, Vec<u32>) {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let rank = values
        .iter()
        .map(|v| sorted.partition_point(|s| s < v) as u32)
        .collect();
    (sorted, rank)
}

/// The ordinals of all periods that `fill` shows. Without a bound in the question, the first and the last
/// period found are the bounds; none without any, or without periods.
pub(super) fn wanted_ordinals(found: &[i64], plan: &Plan) -> Result<Option<Vec<i64>>> {
    let calendar = plan.calendar;
    if calendar.granularity == Granularity::Total {
        return Ok(None);
    }
    let window = plan.query.window;
    let first = found.iter().min().and_then(|o| calendar.period(*o).start);
    let last = found.iter().max().and_then(|o| calendar.period(*o).end);
    let (Some(start), Some(end)) = (window.start.or(first), window.end.or(last)) else {
        return Ok(None);
    };
    let wanted = calendar.periods_in(&Window {
        start: Some(start),
        end: Some(end),
    })?;
    let starts = wanted.iter().filter_map(|period| period.start);
    Ok(Some(starts.map(|start| calendar.ordinal(start)).collect()))
}

/// Adds a group of zero for every period of the window in which a group of the answer has no charge.
fn fill(table: &mut Table, ordinals: &mut Vec<i64>, plan: &Plan) -> Result<()> {
    let Some(wanted) = wanted_ordinals(ordinals, plan)? else {
        return Ok(());
    };
    let mut code_of = std::collections::BTreeMap::new();
    for (code, ordinal) in ordinals.iter().enumerate() {
        code_of.entry(*ordinal).or_insert(code as u32);
    }
    let mut codes = Vec::with_capacity(wanted.len());
    for ordinal in wanted {
        let next = ordinals.len() as u32;
        codes.push(*code_of.entry(ordinal).or_insert_with(|| {
            ordinals.push(ordinal);
            next
        }));
    }
    let (tuples, keys) = tuples_of(table);
    let n_new = u64::try_from(keys.len() * codes.len()).unwrap_or(u64::MAX);
    if n_new > u64::from(u32::MAX) {
        return Err(
            Error::limit("limit.groups", format!("--fill would make {n_new} groups"))
                .hint("narrow the window"),
        );
    }
    let mut present: Vec<(u32, u32)> = tuples
        .iter()
        .copied()
        .zip(table.periods.iter().copied())
        .collect();
    present.sort_unstable();
    let mut n_groups = table.charges.len();
    for (tuple, first_group) in keys.iter().enumerate() {
        for code in &codes {
            if present.binary_search(&(tuple as u32, *code)).is_err() {
                table.currencies.push(table.currencies[*first_group as usize]);
                table.periods.push(*code);
                for dim in &mut table.dims {
                    dim.push(dim[*first_group as usize]);
                }
                table.charges.push(0);
                n_groups += 1;
            }
        }
    }
    table.costs.resize(n_groups);
    Ok(())
}

/// Per group the number of its (currency, dimensions), and per number one of its groups.
fn tuples_of(table: &Table) -> (Vec<u32>, Vec<u32>) {
    let mut tuples = table.currencies.clone();
    let mut n_left = tuples.iter().max().map_or(0, |m| *m as usize + 1);
    // Without a dimension a group's tuple is its currency, numbered densely by one step of its own.
    let mut step = Pairs::default();
    step.combine(&mut tuples, &vec![0; table.currencies.len()], n_left, 1);
    n_left = step.len();
    for dim in &table.dims {
        let mut step = Pairs::default();
        // OTHERS never stands here: `top` comes after.
        let n_right = dim.iter().max().map_or(0, |m| *m as usize + 1);
        step.combine(&mut tuples, dim, n_left, n_right);
        n_left = step.len();
    }
    let mut first = vec![u32::MAX; n_left];
    for (group, tuple) in tuples.iter().enumerate().rev() {
        first[*tuple as usize] = group as u32;
    }
    (tuples, first)
}

/// Keeps the `top` tuples of the highest cost in each currency; the others become one group per period.
fn keep_top(table: &Table, top: usize) -> Result<Table> {
    let overflow = |_| {
        Error::new(crate::error::ErrorKind::Overflow {
            group: KeyColumn::OTHERS_LABEL.to_owned(),
        })
    };
    let (tuples, first) = tuples_of(table);
    let mut cost = vec![ExactSum::ZERO; first.len()];
    for (group, tuple) in tuples.iter().enumerate() {
        cost[*tuple as usize]
            .add(&table.costs.get(group as u32))
            .map_err(|_| Error::bug("a part larger than the whole"))?;
    }
    let key = |tuple: u32| {
        let group = first[tuple as usize] as usize;
        (
            table.currencies[group],
            table.dims.iter().map(move |dim| dim[group]),
        )
    };
    let mut order: Vec<u32> = (0..first.len() as u32).collect();
    order.sort_by(|a, b| {
        let ((currency_a, keys_a), (currency_b, keys_b)) = (key(*a), key(*b));
        currency_a
            .cmp(&currency_b)
            .then_with(|| cost[*b as usize].cmp(&cost[*a as usize]))
            .then_with(|| keys_a.cmp(keys_b))
    });
    let mut kept = vec![false; first.len()];
    let (mut currency, mut n) = (u32::MAX, 0);
    for tuple in order {
        let this = key(tuple).0;
        n = if this == currency { n + 1 } else { 1 };
        currency = this;
        kept[tuple as usize] = n <= top;
    }
    let mut out = Table::with_capacity(table.dims.len(), 0);
    let mut others = std::collections::BTreeMap::new();
    for group in 0..table.charges.len() {
        let keep = kept[tuples[group] as usize];
        let new_row = out.charges.len();
        let at = if keep {
            new_row
        } else {
            *others
                .entry((table.currencies[group], table.periods[group]))
                .or_insert(new_row)
        };
        if at == new_row {
            out.currencies.push(table.currencies[group]);
            out.periods.push(table.periods[group]);
            for (out_dim, dim) in out.dims.iter_mut().zip(&table.dims) {
                out_dim.push(if keep { dim[group] } else { KeyColumn::OTHERS });
            }
            out.charges.push(0);
            out.costs.resize(new_row + 1);
        }
        out.charges[at] += table.charges[group];
        out.costs
            .add_at(at as u32, &table.costs.get(group as u32))
            .map_err(overflow)?;
    }
    Ok(out)
}

/// The groups in the order asked; ties by key, period, currency; "Others" last in any order.
fn order_of(table: &Table, by: OrderBy, descending: bool) -> Vec<u32> {
    let others = |g: u32| {
        table
            .dims
            .first()
            .is_some_and(|dim| dim[g as usize] == KeyColumn::OTHERS)
    };
    let by_key = |a: u32, b: u32| {
        let (a, b) = (a as usize, b as usize);
        for dim in &table.dims {
            match dim[a].cmp(&dim[b]) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
        }
        table.periods[a]
            .cmp(&table.periods[b])
            .then_with(|| table.currencies[a].cmp(&table.currencies[b]))
    };
    let turned = |ordering: Ordering| if descending { ordering.reverse() } else { ordering };
    let compare = |a: &u32, b: &u32| {
        let (a, b) = (*a, *b);
        let (i, j) = (a as usize, b as usize);
        others(a).cmp(&others(b)).then_with(|| match by {
            OrderBy::Key => turned(by_key(a, b)),
            OrderBy::Period => turned(table.periods[i].cmp(&table.periods[j])).then_with(|| by_key(a, b)),
            OrderBy::Charges => turned(table.charges[i].cmp(&table.charges[j])).then_with(|| by_key(a, b)),
            OrderBy::Cost => table.currencies[i]
                .cmp(&table.currencies[j])
                .then_with(|| turned(table.costs.get(a).cmp(&table.costs.get(b))))
                .then_with(|| by_key(a, b)),
        })
    };
    let mut order: Vec<u32> = (0..table.charges.len() as u32).collect();
    if by == OrderBy::Key
        && !descending
        && let Some(keys) = packed_keys(table)
    {
        order.par_sort_unstable_by_key(|g| keys[*g as usize]);
        return order;
    }
    order.par_sort_unstable_by(compare);
    order
}

/// Keys of up to 128 bits whose numeric order is the key order, where they fit.
fn packed_keys(table: &Table) -> Option<Vec<u128>> {
    // OTHERS is larger than every rank, so it needs 32 bits and sorts last by itself.
    let bits = |codes: &[u32]| 32 - codes.iter().copied().max().unwrap_or(0).leading_zeros();
    let columns: Vec<&[u32]> = table
        .dims
        .iter()
        .map(Vec::as_slice)
        .chain([table.periods.as_slice(), table.currencies.as_slice()])
        .collect();
    let widths: Vec<u32> = columns.iter().map(|c| bits(c)).collect();
    if widths.iter().sum::<u32>() > 128 {
        return None;
    }
    let mut keys = vec![0u128; table.charges.len()];
    for (column, width) in columns.iter().zip(widths) {
        for (key, code) in keys.iter_mut().zip(*column) {
            *key = if width == 0 {
                *key
            } else {
                *key << width | u128::from(*code)
            };
        }
    }
    Some(keys)
}

/// Where a page begins and ends.
fn bounds_of(n: usize, offset: usize, limit: Option<usize>) -> (usize, usize) {
    let from = offset.min(n);
    let to = limit.map_or(n, |limit| from.saturating_add(limit).min(n));
    (from, to)
}
