//! The cube: prorated cost per day and combination of a few dimensions, added up when a store is loaded.
//!
//! Shares of a charge over adjacent days add up to its share over all of them, exactly, so any window of whole days
//! and any period made of days is a difference of two running sums. A charge counts in every period that it
//! touches: those that cover the first day of a period with a charge, and those that begin on its later days.
//! What is called a day here is a cell of the [`Grid`]: a part of a day, or of a month.

use rayon::prelude::*;

use super::grid::{Grid, GridLookup};
use super::load::Columns;
use super::profile::{Codes, first};
use crate::engine::pairs::Pairs;
use crate::error::{Error, Result};
use crate::money::{ExactSum, share_between};
use crate::time::{Calendar, Granularity};

/// What a cube can group and filter by, beside the currency.
pub(super) const DIMENSIONS: &[&str] = &[
    "billing_account_id",
    "sub_account_id",
    "project_id",
    "zone_id",
    "resource_type",
];

/// Decimals that a share has at least.
const LEAST_SCALE: u8 = 18;

/// Cells from the first to the last of a key, above which there is no cube: 150 years are no bill's.
const MAX_DAYS: u32 = 55_000 * Grid::MAX_PARTS as u32;

/// Running sums per key and day.
#[derive(Debug)]
pub(super) struct Cube {
    pub(super) grid: Grid,
    /// Decimals of the sums.
    pub(super) scale: u8,
    /// Per dimension of [`DIMENSIONS`] that the store has: its column among the profiles', and the codes per key.
    pub(super) dimensions: Vec<(usize, Codes)>,
    pub(super) currency: Codes,
    /// Per key its charges.
    pub(super) charges: Vec<u32>,
    /// Per key its first cell, and behind the last the number of cells.
    first_cell: Vec<u32>,
    cells: Cells,
}

/// One cell per key and day with a charge, by key and day.
#[derive(Debug, Default)]
struct Cells {
    day: Vec<i32>,
    /// Cost of the key up to and with the day.
    sum: Vec<i128>,
    /// Charges of the key that began up to and with the day.
    begun: Vec<u32>,
    /// Charges that touch the day.
    active: Vec<u32>,
}

/// The part of a key that lies in one period.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) ordinal: i64,
    pub(super) sum: i128,
    pub(super) charges: u64,
}

impl Cube {
    /// Adds up a store; None where that would take more cells than `max_cells`, or more than 128 bits.
    ///
    /// Errors: a bug of ours.
    pub(super) fn build(columns: &Columns, grid: Grid, max_cells: usize) -> Result<Option<Self>> {
        let profiles = &columns.profiles;
        let n = profiles.len();
        let dimensions: Vec<usize> = DIMENSIONS
            .iter()
            .filter_map(|name| profiles.columns.iter().position(|c| c.texts.name == *name))
            .collect();
        // Keys are numbered as they are met.
        let mut key: Vec<u32> = (0..n).map(|p| profiles.currency.codes.get(p)).collect();
        let mut n_keys = profiles.currency.texts.values.len();
        let mut paths = Vec::with_capacity(dimensions.len());
        for column in &dimensions {
            let column = &profiles.columns[*column];
            let codes: Vec<u32> = (0..n).map(|p| column.codes.get(p)).collect();
            let mut step = Pairs::default();
            step.combine(&mut key, &codes, n_keys, column.texts.values.len());
            n_keys = step.len();
            paths.push(step);
        }
        if dimensions.is_empty() {
            n_keys = profiles.currency.texts.values.len();
        }
        let mut of_key: Vec<Vec<u32>> = vec![Vec::new(); n_keys];
        for (profile, key) in key.iter().enumerate() {
            of_key[*key as usize].push(profile as u32);
        }
        let Some(scale) = scale_of(columns) else {
            return Ok(None);
        };
        let built: Result<Vec<Option<Cells>>> = of_key
            .par_iter()
            .map_init(
                || GridLookup::new(grid),
                |lookup, of_key| cells_of(columns, of_key, lookup, scale),
            )
            .collect();
        let mut cells = Cells::default();
        let mut first_cell = vec![0];
        for part in built? {
            let Some(part) = part else { return Ok(None) };
            cells.day.extend(part.day);
            cells.sum.extend(part.sum);
            cells.begun.extend(part.begun);
            cells.active.extend(part.active);
            if cells.day.len() > max_cells {
                return Ok(None);
            }
            first_cell.push(cells.day.len() as u32);
        }
        let mut ids: Vec<u32> = (0..n_keys as u32).collect();
        let mut codes = Vec::with_capacity(paths.len());
        for step in paths.into_iter().rev() {
            codes.push(
                ids.iter()
                    .map(|id| step.parts[*id as usize].1)
                    .collect::<Vec<u32>>(),
            );
            for id in &mut ids {
                *id = step.parts[*id as usize].0;
            }
        }
        codes.reverse();
        let charges = of_key
            .iter()
            .map(|of_key| {
                of_key
                    .iter()
                    .map(|p| profiles.rows(*p as usize).len() as u32)
                    .sum()
            })
            .collect();
        Ok(Some(Cube {
            grid,
            scale,
            dimensions: dimensions
                .into_iter()
                .zip(codes)
                .map(|(column, codes)| {
                    let n = profiles.columns[column].texts.values.len();
                    (column, Codes::new(&codes, n))
                })
                .collect(),
            currency: Codes::new(&ids, profiles.currency.texts.values.len()),
            charges,
            first_cell,
            cells,
        }))
    }

    /// Keys.
    pub(super) fn len(&self) -> usize {
        self.charges.len()
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.cells.day.capacity() * 28
            + (self.charges.capacity() + self.first_cell.capacity()) * 4
            + self.currency.size_bytes()
            + self
                .dimensions
                .iter()
                .map(|(_, codes)| codes.size_bytes())
                .sum::<usize>()
    }

    /// First and last day with a charge.
    pub(super) fn span(&self) -> Option<(i32, i32)> {
        let days = &self.cells.day;
        Some((days.iter().copied().min()?, days.iter().copied().max()?))
    }

    /// The whole cost of a key.
    pub(super) fn total(&self, key: usize) -> i128 {
        let (from, to) = (self.first_cell[key] as usize, self.first_cell[key + 1] as usize);
        if from == to { 0 } else { self.cells.sum[to - 1] }
    }

    /// A key's parts by period inside a window of days `[from, to)`, and its charges there, each once.
    pub(super) fn parts(
        &self,
        key: usize,
        (from, to): (i32, i32),
        periods: &Periods,
        mut each: impl FnMut(Part),
    ) -> u64 {
        let Cells {
            day,
            sum,
            begun,
            active,
        } = &self.cells;
        let (start, end) = (self.first_cell[key] as usize, self.first_cell[key + 1] as usize);
        let at = |day_from: i32, low: usize| low + first(end - low, |i| day[low + i] >= day_from);
        let mut cell = at(from, start);
        let stop = at(to, cell);
        if cell == stop {
            return 0;
        }
        let before = |cell: usize| if cell == start { 0 } else { sum[cell - 1] };
        let n = u64::from(active[cell]) + u64::from(begun[stop - 1] - begun[cell]);
        while cell < stop {
            let (ordinal, period_end) = periods.of(day[cell]);
            let next = at(period_end, cell).min(stop);
            each(Part {
                ordinal,
                sum: sum[next - 1] - before(cell),
                charges: u64::from(active[cell]) + u64::from(begun[next - 1] - begun[cell]),
            });
            cell = next;
        }
        n
    }
}

/// The periods of an answer by day.
pub(super) struct Periods {
    first_day: i32,
    /// Per day from `first_day` its period, and the day behind that.
    of_day: Vec<(i64, i32)>,
}

impl Periods {
    /// Of the days from `first_day` to `last_day`.
    pub(super) fn new(calendar: Calendar, grid: Grid, (first_day, last_day): (i32, i32)) -> Self {
        let mut of_day = Vec::with_capacity((last_day - first_day + 1) as usize);
        let mut known: Option<(i64, i32)> = None;
        for day in first_day..=last_day {
            let period = match known {
                Some((ordinal, end)) if day < end => (ordinal, end),
                _ if calendar.granularity == Granularity::Total => (0, i32::MAX),
                _ => {
                    let start = grid.bounds(i64::from(day)).start.unwrap_or(i64::MIN);
                    let ordinal = calendar.ordinal(start);
                    let end = calendar
                        .bounds(ordinal)
                        .end
                        .map_or(i64::MAX, |end| grid.ordinal(end));
                    (ordinal, i32::try_from(end).unwrap_or(i32::MAX).max(day + 1))
                }
            };
            known = Some(period);
            of_day.push(period);
        }
        Periods { first_day, of_day }
    }

    #[inline]
    fn of(&self, day: i32) -> (i64, i32) {
        self.of_day[(day - self.first_day) as usize]
    }
}

/// The scale that all shares fit: that of the finest cost by its value, at least 18.
fn scale_of(columns: &Columns) -> Option<u8> {
    let mut largest = LEAST_SCALE;
    let n = columns.n_rows;
    let mut row = 0;
    while row < n {
        let to = (row + 1024).min(n);
        if columns.cost.scale(row..to) > largest {
            let fine = (row..to).filter_map(|row| columns.cost.get(row));
            largest = fine
                .map(|a| a.normalized().scale())
                .max()
                .unwrap_or(0)
                .max(largest);
        }
        row = to;
    }
    (largest <= 38).then_some(largest)
}

/// The cells of one key; None where a sum leaves 128 bits.
fn cells_of(
    columns: &Columns,
    profiles: &[u32],
    lookup: &mut GridLookup,
    scale: u8,
) -> Result<Option<Cells>> {
    let rows = || {
        profiles
            .iter()
            .map(|profile| columns.profiles.rows(*profile as usize))
    };
    let (mut starts, mut lengths) = (Vec::new(), Vec::new());
    let (mut first_day, mut last_day) = (i32::MAX, i32::MIN);
    for rows in rows() {
        starts.clear();
        lengths.clear();
        columns.start.ints(rows.clone(), &mut starts);
        columns.length.ints(rows, &mut lengths);
        for (start, length) in starts.iter().zip(&lengths) {
            let last = if *length > 0 { start + length - 1 } else { *start };
            first_day = first_day.min(lookup.ordinal(*start));
            last_day = last_day.max(lookup.ordinal(last));
        }
    }
    if first_day > last_day {
        return Ok(Some(Cells::default()));
    }
    if last_day.abs_diff(first_day) > MAX_DAYS {
        return Ok(None);
    }
    let n_days = (last_day - first_day + 1) as usize;
    let mut sums = vec![0_i128; n_days];
    let (mut begun, mut active) = (vec![0_u32; n_days], vec![0_u32; n_days]);
    let mut mantissas = Vec::new();
    for rows in rows() {
        starts.clear();
        lengths.clear();
        mantissas.clear();
        columns.start.ints(rows.clone(), &mut starts);
        columns.length.ints(rows.clone(), &mut lengths);
        // Whole charges at the scale of the sums; without room for that the sums have none either.
        if !columns.cost.mantissas(rows.clone(), scale, &mut mantissas) {
            mantissas.clear();
            for row in rows.clone() {
                let cost = columns.cost.get(row).map(crate::money::Amount::normalized);
                let up = cost.map_or(Some(0), |a| crate::money::rescale(a.mantissa(), a.scale(), scale));
                let Some(mantissa) = up else { return Ok(None) };
                mantissas.push(mantissa);
            }
        }
        for (at, row) in rows.enumerate() {
            let (start, length) = (starts[at], lengths[at]);
            let day = lookup.ordinal(start);
            let slot = (day - first_day) as usize;
            begun[slot] += 1;
            let end = start + length;
            let day_end = if length <= 0 {
                i64::MAX
            } else {
                lookup.grid().bounds(i64::from(day)).end.unwrap_or(i64::MAX)
            };
            if end <= day_end {
                active[slot] += 1;
                let Some(sum) = sums[slot].checked_add(mantissas[at]) else {
                    return Ok(None);
                };
                sums[slot] = sum;
                continue;
            }
            let cost = columns.cost.get(row).unwrap_or_default();
            let mut from = start;
            while from < end {
                let day = lookup.ordinal(from);
                let edge = lookup
                    .grid()
                    .bounds(i64::from(day))
                    .end
                    .map_or(end, |e| e.min(end));
                if edge <= from {
                    return Err(Error::bug("a day that ends before it starts"));
                }
                let share = share_between(
                    cost,
                    from.abs_diff(start),
                    edge.abs_diff(start),
                    end.abs_diff(start),
                );
                let slot = (day - first_day) as usize;
                active[slot] += 1;
                let Some(sum) = at_scale(&share, scale).and_then(|share| sums[slot].checked_add(share))
                else {
                    return Ok(None);
                };
                sums[slot] = sum;
                from = edge;
            }
        }
    }
    let mut cells = Cells::default();
    let (mut sum, mut n_begun) = (0_i128, 0_u32);
    for slot in 0..n_days {
        if active[slot] == 0 {
            continue;
        }
        let Some(next) = sum.checked_add(sums[slot]) else {
            return Ok(None);
        };
        sum = next;
        n_begun += begun[slot];
        cells.day.push(first_day + slot as i32);
        cells.sum.push(sum);
        cells.begun.push(n_begun);
        cells.active.push(active[slot]);
    }
    Ok(Some(cells))
}

fn at_scale(sum: &ExactSum, scale: u8) -> Option<i128> {
    let (value, own) = sum.parts();
    crate::money::rescale(value.to_i128()?, own, scale)
}
