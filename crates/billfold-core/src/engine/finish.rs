//! From a merged state to an answer: names, order, `top`, empty periods, pages. Stage: final result.

use std::cmp::Ordering;
use std::sync::Arc;

use rayon::prelude::*;

use super::answer::{Answer, KeyColumn};
use super::group::Pairs;
use super::sums::Sums;
use crate::error::{Error, Result};
use crate::money::{Currency, ExactSum, SumColumn, Totals};
use crate::query::OrderBy;
use crate::time::{Granularity, Period, Window};

/// An answer, and the engine's side of the receipt.
#[derive(Debug)]
pub struct Finished {
    /// The answer.
    pub answer: Answer,
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
    /// Per group of the answer its number in the fold; of no use after `top` or `fill`.
    pub(super) group_idx: Vec<u32>,
}

/// Groups as columns of codes, while they are put in order.
struct Table {
    currencies: Vec<u32>,
    periods: Vec<u32>,
    dims: Vec<Vec<u32>>,
    costs: SumColumn,
    charges: Vec<u64>,
}

impl Sums {
    /// Names and orders the groups.
    ///
    /// Errors: a total that leaves 256 bits; a fill that would make more than 2³² groups.
    pub fn finish(self) -> Result<Finished> {
        let plan = Arc::clone(&self.plan);
        let query = &plan.query;
        let currency_of: Vec<Currency> = (0..self.currencies.len() as u32)
            .map(|code| Currency::parse(self.currencies.name(code)).unwrap_or(Currency::UNKNOWN))
            .collect();
        let (currencies, periods, dims) = self.paths();
        let mut table = Table {
            currencies,
            periods,
            dims,
            costs: self.costs.clone(),
            charges: self.charges.clone(),
        };

        let groups = totals_by(
            &currency_of,
            table
                .currencies
                .iter()
                .copied()
                .zip((0..).map(|g| table.costs.get(g))),
        )?;
        let by_code = |column: &SumColumn| {
            totals_by(&currency_of, (0..column.len() as u32).map(|c| (c, column.get(c))))
        };
        let filtered = by_code(&self.filtered)?;
        let outside_window = by_code(&self.outside)?;
        let used = if plan.groups_overlap() {
            // Of the currencies of the groups: which others were met depends on what a scan could leave unread.
            let met = |code: &u32| groups.get(currency_of[*code as usize]).is_some();
            let codes = (0..self.used.len() as u32).filter(met);
            totals_by(&currency_of, codes.map(|code| (code, self.used.get(code))))?
        } else {
            groups.clone()
        };

        let mut ordinals = self.periods.ordinals.clone();
        if query.fill {
            fill(&mut table, &mut ordinals, &plan)?;
        }

        // Codes become ranks: equal order by number and by bytes from here on.
        let mut names = Vec::with_capacity(self.names.len());
        for (codes, names_of) in table.dims.iter_mut().zip(&self.names) {
            let (order, rank) = names_of.ranked();
            codes.par_iter_mut().for_each(|code| *code = rank[*code as usize]);
            let text = |code: &u32| Arc::<str>::from(String::from_utf8_lossy(names_of.name(*code)).as_ref());
            names.push(order.iter().map(text).collect::<Vec<_>>());
        }
        let (currencies, currency_rank) = ranked(&currency_of);
        table
            .currencies
            .iter_mut()
            .for_each(|code| *code = currency_rank[*code as usize]);
        let (ordinals, period_rank) = ranked(&ordinals);
        table
            .periods
            .iter_mut()
            .for_each(|code| *code = period_rank[*code as usize]);

        if let Some(top) = query.top {
            table = keep_top(&table, top)?;
        }
        let order = order_of(&table, query.order.by, query.order.descending);
        let n_groups = order.len() as u64;
        let page = page_of(&order, query.offset, query.limit);
        let answer = Answer {
            query: query.clone(),
            keys: names
                .into_iter()
                .zip(&table.dims)
                .map(|(names, codes)| KeyColumn {
                    names,
                    codes: page.iter().map(|g| codes[*g as usize]).collect(),
                })
                .collect(),
            periods: ordinals
                .iter()
                .map(|o| period(plan.calendar, query.window, *o))
                .collect(),
            period_idx: page.iter().map(|g| table.periods[*g as usize]).collect(),
            currencies,
            currency_idx: page.iter().map(|g| table.currencies[*g as usize]).collect(),
            costs: {
                let mut costs = SumColumn::new();
                costs.resize(page.len());
                for (i, group) in page.iter().enumerate() {
                    let sum = table.costs.get(*group);
                    costs
                        .add_at(i as u32, &sum)
                        .map_err(|_| Error::bug("a sum that fitted no longer fits"))?;
                }
                costs
            },
            charges: page.iter().map(|g| table.charges[*g as usize]).collect(),
            n_groups,
            totals: used.clone(),
            n_charges: self.n_used,
        };
        Ok(Finished {
            answer,
            used,
            filtered,
            outside_window,
            groups,
            n_used: self.n_used,
            n_filtered: self.n_filtered,
            n_outside: self.n_outside,
            group_idx: page.to_vec(),
        })
    }
}

fn period(calendar: crate::time::Calendar, window: Window, ordinal: i64) -> Period {
    if calendar.granularity == Granularity::Total {
        return Period {
            start: window.start,
            end: window.end,
            label: "total".to_owned(),
        };
    }
    calendar.period(ordinal)
}

/// Sums by currency; a currency without a sum is not there, one whose sums cancel stays at zero.
fn totals_by(currency_of: &[Currency], sums: impl Iterator<Item = (u32, ExactSum)>) -> Result<Totals> {
    let mut per_code = vec![ExactSum::ZERO; currency_of.len()];
    let mut met = vec![false; currency_of.len()];
    for (code, sum) in sums {
        met[code as usize] = true;
        per_code[code as usize].add(&sum).map_err(|_| {
            Error::new(crate::error::ErrorKind::Overflow {
                group: format!("all {}", currency_of[code as usize]),
            })
        })?;
    }
    let mut totals = Totals::default();
    for ((currency, sum), met) in currency_of.iter().zip(&per_code).zip(met) {
        if met {
            totals
                .add(*currency, sum)
                .map_err(|_| Error::bug("one sum per currency cannot overflow"))?;
        }
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

/// Adds a group of zero for every period of the window in which a group of the answer has no charge.
/// Without a bound in the question, the first and last period found are the bounds.
fn fill(table: &mut Table, ordinals: &mut Vec<i64>, plan: &super::Plan) -> Result<()> {
    let calendar = plan.calendar;
    if calendar.granularity == Granularity::Total {
        return Ok(());
    }
    let window = plan.query.window;
    let first = ordinals.iter().min().and_then(|o| calendar.period(*o).start);
    let last = ordinals.iter().max().and_then(|o| calendar.period(*o).end);
    let (Some(start), Some(end)) = (window.start.or(first), window.end.or(last)) else {
        return Ok(());
    };
    let mut code_of = std::collections::BTreeMap::new();
    for (code, ordinal) in ordinals.iter().enumerate() {
        code_of.entry(*ordinal).or_insert(code as u32);
    }
    let wanted = calendar.periods_in(&Window {
        start: Some(start),
        end: Some(end),
    })?;
    let mut codes = Vec::with_capacity(wanted.len());
    for period in &wanted {
        let Some(start) = period.start else { continue };
        let ordinal = calendar.ordinal(start);
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
    let mut out = Table {
        currencies: Vec::new(),
        periods: Vec::new(),
        dims: vec![Vec::new(); table.dims.len()],
        costs: SumColumn::new(),
        charges: Vec::new(),
    };
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

fn page_of(order: &[u32], offset: usize, limit: Option<usize>) -> &[u32] {
    let from = offset.min(order.len());
    let to = limit.map_or(order.len(), |limit| from.saturating_add(limit).min(order.len()));
    &order[from..to]
}
