//! Sums: the fold behind every cost question. Stage: partial state that merges.
//!
//! One [`Sums`] lives per worker. It numbers groups densely and owns a vector of integers indexed by
//! group, so updating is a scatter-add and merging is element-wise; merging is associative and
//! commutative, so neither threads nor the order of files can show in the answer.
//! Nothing here knows files, threads or JSON.

use std::sync::Arc;

use arrow::array::{Array, StringArray};
use arrow::datatypes::i256;

use super::group::{Names, PeriodCodes};
use super::numbering::{Exploded, FirstStep, When};
use super::of_sets::OfSets;
use super::pairs::Pairs;
use super::plan::Plan;
use super::select::{Verdicts, filter_rows};
use super::spill::Spill;
use super::tag_codes::TagsOfSets;
use crate::charge::{ChargeBatch, MoneyColumn};
use crate::error::{Error, ErrorKind, Result};
use crate::money::{CountedSums, Currency, ExactSum, GroupOverflow, SumColumn, share_between};
use crate::query::Allocation;
use crate::time::{Granularity, Window};

/// Bytes per group that putting groups in order takes: keys and places, and the groups of a range.
const ORDER_BYTES: usize = 24;

/// The state of one worker.
#[derive(Debug)]
pub struct Sums {
    pub(super) plan: Arc<Plan>,
    pub(super) numbers: FirstStep,
    pub(super) currencies: Names,
    pub(super) periods: PeriodCodes,
    pub(super) names: Vec<Names>,
    /// Step 0 pairs (currency, period), step d + 1 pairs (step d, dimension d).
    pub(super) steps: Vec<Pairs>,
    /// Per group its cost and its charges.
    pub(super) costs: CountedSums,
    /// Per currency: used (kept apart only where groups overlap), filtered out, outside the window.
    pub(super) used: SumColumn,
    pub(super) filtered: SumColumn,
    pub(super) outside: SumColumn,
    pub(super) n_used: u64,
    pub(super) n_filtered: u64,
    pub(super) n_outside: u64,
    /// The period met last: ordinal, start and end.
    near: Option<(i64, i64, i64)>,
    scratch: Scratch,
    verdicts: Verdicts,
    pub(super) tags_of_sets: TagsOfSets,
    /// Per dimension that is a tag, the codes of its values.
    pub(super) values_of_sets: Vec<OfSets<u32>>,
    /// Where groups go when they are too many.
    pub(super) spill: Option<Spill>,
}

/// Columns of one batch, kept to be used again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) currency: Vec<u32>,
    rows: Vec<u32>,
    instants: Vec<i64>,
    pub(super) codes: Vec<u32>,
    pub(super) groups: Vec<u32>,
    pub(super) exploded: Exploded,
    narrow: Vec<i128>,
    wide: Vec<i256>,
}

/// The parts of charges that stand in more than one period or reach over the window.
#[derive(Debug, Default)]
struct Split {
    rows: Vec<u32>,
    ordinals: Vec<i32>,
    pieces: Vec<Piece>,
}

/// The part of a charge that stands in one period and the window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    /// Its time, UTC microseconds, half-open.
    pub(super) span: (i64, i64),
    /// Its cost.
    pub(super) share: ExactSum,
}

/// What a batch added to which groups: one contribution per charge, period and tag.
pub(super) struct Contributions<'a> {
    pub(super) batch: &'a ChargeBatch,
    /// Per contribution its row; None for every row of the batch in order.
    pub(super) rows: Option<&'a [u32]>,
    /// Per contribution its group.
    pub(super) groups: &'a [u32],
    /// The pieces of split charges; None where charges count whole.
    pub(super) pieces: Option<&'a [Piece]>,
    /// Per contribution its piece; None where they are the same.
    pub(super) piece_idx: Option<&'a [u32]>,
}

impl Contributions<'_> {
    /// Each contribution: row, group, and its piece where the charge does not count whole.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, u32, Option<&Piece>)> {
        self.groups.iter().enumerate().map(|(i, group)| {
            let row = self.rows.map_or(i, |rows| rows[i] as usize);
            let at = self.piece_idx.map_or(i, |idx| idx[i] as usize);
            (row, *group, self.pieces.map(|pieces| &pieces[at]))
        })
    }
}

/// Contributions that were added up before, column by column.
pub(crate) struct Rolled<'a> {
    pub(crate) currency_names: &'a [Currency],
    pub(crate) currencies: &'a [u32],
    /// Of the plan's calendar.
    pub(crate) ordinals: &'a [i64],
    /// Per dimension its names, and per contribution a code among them.
    pub(crate) keys: &'a [(&'a StringArray, Vec<u32>)],
    pub(crate) charges: &'a [u64],
    /// Costs in units of `10^-scale`.
    pub(crate) mantissas: &'a [i128],
    pub(crate) scale: u8,
    /// Charges behind all of it, each once.
    pub(crate) n_used: u64,
}

/// Numbers found once per code.
struct Codes(Vec<u32>);

impl Codes {
    fn new(n: usize) -> Self {
        Codes(vec![u32::MAX; n])
    }

    #[inline]
    fn of(&mut self, code: u32, find: impl FnOnce(u32) -> u32) -> u32 {
        let known = &mut self.0[code as usize];
        if *known == u32::MAX {
            *known = find(code);
        }
        *known
    }
}

/// Someone who keeps more of each group than its cost.
pub(super) trait Watch {
    /// Whether it listens at all.
    const HEARS: bool = true;

    /// Hears of contributions after their groups have a number below `n_groups`.
    fn hear(&mut self, contributions: &Contributions<'_>, n_groups: usize) -> Result<()>;
}

impl Watch for () {
    const HEARS: bool = false;

    fn hear(&mut self, _: &Contributions<'_>, _: usize) -> Result<()> {
        Ok(())
    }
}

impl Sums {
    /// An empty state.
    pub fn new(plan: Arc<Plan>) -> Self {
        let n = plan.dimensions.len();
        Sums {
            numbers: FirstStep::default(),
            currencies: Names::default(),
            periods: PeriodCodes::default(),
            names: std::iter::repeat_with(Names::default).take(n).collect(),
            steps: std::iter::repeat_with(Pairs::default).take(n + 1).collect(),
            costs: CountedSums::new(),
            used: SumColumn::new(),
            filtered: SumColumn::new(),
            outside: SumColumn::new(),
            n_used: 0,
            n_filtered: 0,
            n_outside: 0,
            near: None,
            scratch: Scratch::default(),
            verdicts: Verdicts::default(),
            tags_of_sets: TagsOfSets::default(),
            values_of_sets: std::iter::repeat_with(OfSets::default).take(n).collect(),
            spill: None,
            plan,
        }
    }

    /// Groups so far.
    pub fn n_groups(&self) -> usize {
        self.costs.len()
    }

    /// Bytes that the groups take up, with what putting them in order takes.
    pub fn size_bytes(&self) -> usize {
        let names: usize = self.names.iter().map(Names::size_bytes).sum();
        let steps: usize = self.steps.iter().map(Pairs::size_bytes).sum();
        // A key and its place, twice while they are put in order.
        names + steps + self.costs.size_bytes() + self.costs.len() * ORDER_BYTES
    }

    /// Adds a batch.
    ///
    /// Errors: a sum that leaves 256 bits; I/O, in a state that may write groups out.
    pub fn update(&mut self, batch: &ChargeBatch) -> Result<()> {
        self.update_watched(batch, &mut ())?;
        self.spill_if_large()
    }

    /// Adds a batch, and tells `watch` what went where.
    pub(super) fn update_watched<W: Watch>(&mut self, batch: &ChargeBatch, watch: &mut W) -> Result<()> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let result = self.update_with(batch, &mut scratch, watch);
        self.scratch = scratch;
        result
    }

    /// Forgets the groups; what was counted beside them stays.
    pub(super) fn forget_groups(&mut self) {
        self.names.iter_mut().for_each(Names::clear);
        self.tags_of_sets = TagsOfSets::default();
        self.values_of_sets.fill_with(OfSets::default);
        self.steps.iter_mut().for_each(Pairs::clear);
        self.numbers.forget();
        self.costs = CountedSums::new();
    }

    fn update_with<W: Watch>(
        &mut self,
        batch: &ChargeBatch,
        scratch: &mut Scratch,
        watch: &mut W,
    ) -> Result<()> {
        self.currencies.codes_of(batch.currency(), &mut scratch.currency);
        for column in [&mut self.used, &mut self.filtered, &mut self.outside] {
            column.resize(self.currencies.len());
        }
        let plan = Arc::clone(&self.plan);
        let window = plan.query.window;
        let starts = batch.start();

        // Rows that count, and the tallies of those that do not.
        let kept = filter_rows(&plan, batch, &mut self.verdicts);
        let unbounded = window == Window::ALL;
        let whole = kept.is_none() && unbounded && plan.query.allocation == Allocation::Start;
        if whole
            && !W::HEARS
            && plan.query.granularity == Granularity::Total
            && plan.dimensions.is_empty()
            && batch.currency().values().len() == 1
            && let Some(currency) = scratch.currency.first()
        {
            return self.add_to_one(batch, *currency);
        }
        let mut split = Split::default();
        if !whole {
            scratch.rows.clear();
            let mut filtered = Vec::new();
            let mut outside = Vec::new();
            for row in 0..batch.len() {
                if kept.as_ref().is_some_and(|kept| !kept[row]) {
                    filtered.push(row as u32);
                } else if plan.query.allocation == Allocation::Prorate {
                    self.place(
                        batch,
                        row,
                        &mut scratch.rows,
                        &mut split,
                        &mut outside,
                        &scratch.currency,
                    )?;
                } else if window.contains(starts[row]) {
                    scratch.rows.push(row as u32);
                } else {
                    outside.push(row as u32);
                }
            }
            self.n_filtered += filtered.len() as u64;
            self.n_outside += outside.len() as u64;
            add_rows(
                &mut self.filtered,
                batch,
                Some(&filtered),
                &scratch.currency,
                scratch_money(&mut scratch.narrow, &mut scratch.wide),
            )
            .map_err(|o| self.currency_overflow(o))?;
            add_rows(
                &mut self.outside,
                batch,
                Some(&outside),
                &scratch.currency,
                scratch_money(&mut scratch.narrow, &mut scratch.wide),
            )
            .map_err(|o| self.currency_overflow(o))?;
        }

        // Charges that stand in one period: the fast path.
        let rows = std::mem::take(&mut scratch.rows);
        let selected = (!whole).then_some(rows.as_slice());
        self.n_used += selected.map_or(batch.len(), <[u32]>::len) as u64;
        if plan.groups_overlap() {
            add_rows(
                &mut self.used,
                batch,
                selected,
                &scratch.currency,
                scratch_money(&mut scratch.narrow, &mut scratch.wide),
            )
            .map_err(|o| self.currency_overflow(o))?;
        }
        let mut instants = std::mem::take(&mut scratch.instants);
        let when = match selected {
            Some(rows) => {
                gather(starts, rows, &mut instants);
                When::Instants(&instants)
            }
            None => When::Instants(starts),
        };
        let exploded = self.number_groups(batch, selected, &when, scratch);
        let rows_of_groups = exploded.as_ref().map(|e| e.rows.as_slice()).or(selected);
        let groups = std::mem::take(&mut scratch.groups);
        self.grow_groups();
        let added = match (batch.cost(), rows_of_groups) {
            // Without a copy on the way.
            (MoneyColumn::Narrow { mantissas, scale }, Some(rows)) => {
                self.costs.add_narrow_at(&groups, rows, mantissas, scale)
            }
            _ => add_rows_to(
                &mut self.costs,
                batch,
                rows_of_groups,
                &groups,
                scratch_money(&mut scratch.narrow, &mut scratch.wide),
            ),
        };
        added.map_err(|o| self.group_overflow(o))?;
        watch.hear(
            &Contributions {
                batch,
                rows: rows_of_groups,
                groups: &groups,
                pieces: None,
                piece_idx: None,
            },
            self.costs.len(),
        )?;
        scratch.groups = groups;
        scratch.exploded = exploded.unwrap_or_default();
        scratch.rows = rows;
        scratch.instants = instants;

        if !split.rows.is_empty() {
            self.add_split(batch, &split, scratch, watch)?;
        }
        Ok(())
    }

    /// Adds a batch whose charges all count to the same group.
    fn add_to_one(&mut self, batch: &ChargeBatch, currency: u32) -> Result<()> {
        let mut group = [currency];
        let period = self.periods.code(0);
        self.steps[0].combine(&mut group, &[period], self.currencies.len(), self.periods.len());
        self.grow_groups();
        let [group] = group;
        self.n_used += batch.len() as u64;
        match batch.cost() {
            MoneyColumn::Narrow { mantissas, scale } => self.costs.add_run(group, mantissas, scale),
            MoneyColumn::Wide { mantissas, scale } => {
                self.costs
                    .add_wide(&vec![group; mantissas.len()], mantissas, scale)
            }
        }
        .map_err(|o| self.group_overflow(o))
    }

    /// Puts a charge whole into its one period, or splits it over periods and the window by time.
    fn place(
        &mut self,
        batch: &ChargeBatch,
        row: usize,
        whole: &mut Vec<u32>,
        split: &mut Split,
        outside: &mut Vec<u32>,
        currency: &[u32],
    ) -> Result<()> {
        let window = self.plan.query.window;
        let (start, end) = (batch.start()[row], batch.end()[row]);
        if end <= start {
            if window.contains(start) {
                whole.push(row as u32);
            } else {
                outside.push(row as u32);
            }
            return Ok(());
        }
        let from = window.start.map_or(start, |w| w.max(start));
        let to = window.end.map_or(end, |w| w.min(end));
        if from >= to {
            outside.push(row as u32);
            return Ok(());
        }
        let one_period = to <= self.period_at(from).1;
        if one_period && from == start && to == end {
            whole.push(row as u32);
            return Ok(());
        }
        let cost = batch.cost().amount(row)?;
        let length = end.abs_diff(start);
        let elapsed = |instant: i64| instant.abs_diff(start);
        let mut at = from;
        let mut inside = ExactSum::ZERO;
        while at < to {
            let (ordinal, period_end) = self.period_at(at);
            let edge = period_end.min(to);
            if edge <= at {
                return Err(Error::bug("a period that ends before it starts"));
            }
            let share = share_between(cost, elapsed(at), elapsed(edge), length);
            inside
                .add(&share)
                .map_err(|_| Error::bug("shares larger than their cost"))?;
            split.rows.push(row as u32);
            split
                .ordinals
                .push(i32::try_from(ordinal).map_err(|_| Error::bug("a period out of range"))?);
            split.pieces.push(Piece {
                span: (at, edge),
                share,
            });
            at = edge;
        }
        let mut rest = ExactSum::from(cost);
        rest.sub(&inside)
            .map_err(|_| Error::bug("shares larger than their cost"))?;
        let code = currency[row];
        self.outside
            .add_at(code, &rest)
            .map_err(|o| self.currency_overflow(o))?;
        if self.plan.groups_overlap() {
            self.used
                .add_at(code, &inside)
                .map_err(|o| self.currency_overflow(o))?;
        }
        self.n_used += 1;
        Ok(())
    }

    /// The period of an instant, and its end. Neighbouring charges mostly share their period.
    fn period_at(&mut self, instant: i64) -> (i64, i64) {
        if let Some((ordinal, start, end)) = self.near
            && (start..end).contains(&instant)
        {
            return (ordinal, end);
        }
        let calendar = self.plan.calendar;
        if calendar.granularity == Granularity::Total {
            return (0, i64::MAX);
        }
        let ordinal = calendar.ordinal(instant);
        let bounds = calendar.bounds(ordinal);
        let end = bounds.end.unwrap_or(i64::MAX);
        self.near = Some((ordinal, bounds.start.unwrap_or(i64::MIN), end));
        (ordinal, end)
    }

    fn add_split<W: Watch>(
        &mut self,
        batch: &ChargeBatch,
        split: &Split,
        scratch: &mut Scratch,
        watch: &mut W,
    ) -> Result<()> {
        let when = When::Ordinals(&split.ordinals);
        let exploded = self.number_groups(batch, Some(&split.rows), &when, scratch);
        self.grow_groups();
        let groups = std::mem::take(&mut scratch.groups);
        for (i, group) in groups.iter().enumerate() {
            let share = exploded
                .as_ref()
                .map_or(i, |exploded| exploded.contributions[i] as usize);
            self.costs
                .add_at(*group, &split.pieces[share].share, 1)
                .map_err(|o| self.group_overflow(o))?;
        }
        let (rows, piece_idx) = match &exploded {
            Some(exploded) => (exploded.rows.as_slice(), Some(exploded.contributions.as_slice())),
            None => (split.rows.as_slice(), None),
        };
        watch.hear(
            &Contributions {
                batch,
                rows: Some(rows),
                groups: &groups,
                pieces: Some(&split.pieces),
                piece_idx,
            },
            self.costs.len(),
        )?;
        scratch.groups = groups;
        Ok(())
    }

    /// Adds what was added up before: contributions with their currency, period, keys, cost and charges.
    ///
    /// Errors: a sum that leaves 256 bits.
    pub(crate) fn add_rolled(&mut self, rolled: &Rolled<'_>) -> Result<()> {
        let mut groups: Vec<u32> = {
            let mut codes = Codes::new(rolled.currency_names.len());
            let names = &mut self.currencies;
            rolled
                .currencies
                .iter()
                .map(|code| {
                    codes.of(*code, |code| {
                        names.code(rolled.currency_names[code as usize].as_str())
                    })
                })
                .collect()
        };
        let mut codes: Vec<u32> = rolled
            .ordinals
            .iter()
            .map(|ordinal| self.periods.code(*ordinal))
            .collect();
        self.steps[0].combine(&mut groups, &codes, self.currencies.len(), self.periods.len());
        for (d, (names, of)) in rolled.keys.iter().enumerate() {
            let mut known = Codes::new(names.len());
            codes.clear();
            let mine = &mut self.names[d];
            codes.extend(
                of.iter()
                    .map(|code| known.of(*code, |code| mine.code(names.value(code as usize)))),
            );
            let n_left = self.steps[d].len();
            self.steps[d + 1].combine(&mut groups, &codes, n_left, self.names[d].len());
        }
        self.grow_groups();
        self.costs
            .add_counted(&groups, rolled.mantissas, rolled.scale, rolled.charges)
            .map_err(|o| self.group_overflow(o))?;
        self.n_used += rolled.n_used;
        Ok(())
    }

    /// Adds groups of answers that were made before: currency, ordinal of the period, keys, charges, cost.
    ///
    /// `n_used`: charges behind all of them, each once. Errors: a sum that leaves 256 bits.
    pub(crate) fn add_groups<'k>(
        &mut self,
        groups: impl IntoIterator<Item = (Currency, i64, &'k [Arc<str>], u64, ExactSum)>,
        n_used: u64,
    ) -> Result<()> {
        for (currency, ordinal, keys, charges, cost) in groups {
            let mut group = [self.currencies.code(currency.as_str())];
            for column in [&mut self.used, &mut self.filtered, &mut self.outside] {
                column.resize(self.currencies.len());
            }
            let period = self.periods.code(ordinal);
            self.steps[0].combine(&mut group, &[period], self.currencies.len(), self.periods.len());
            for (d, key) in keys.iter().enumerate() {
                let code = self.names[d].code(key);
                let n_left = self.steps[d].len();
                self.steps[d + 1].combine(&mut group, &[code], n_left, self.names[d].len());
            }
            self.grow_groups();
            self.costs
                .add_at(group[0], &cost, charges)
                .map_err(|o| self.group_overflow(o))?;
        }
        self.n_used += n_used;
        Ok(())
    }

    fn grow_groups(&mut self) {
        let n_groups = self.steps.last().map_or(0, Pairs::len);
        self.costs.resize(n_groups);
    }

    /// Takes over another worker's state.
    ///
    /// Errors: a sum that leaves 256 bits.
    pub fn merge(&mut self, other: &Sums) -> Result<()> {
        self.merge_groups(other).map(drop)
    }

    /// Takes over another worker's state; per group there, the group here.
    pub(super) fn merge_groups(&mut self, other: &Sums) -> Result<Vec<u32>> {
        let currency_map = self.currencies.merge(&other.currencies);
        for column in [&mut self.used, &mut self.filtered, &mut self.outside] {
            column.resize(self.currencies.len());
        }
        for (mine, theirs) in [
            (&mut self.used, &other.used),
            (&mut self.filtered, &other.filtered),
            (&mut self.outside, &other.outside),
        ] {
            mine.merge_mapped(theirs, &currency_map)
                .map_err(|_| overflow("the total"))?;
        }
        self.n_used += other.n_used;
        self.n_filtered += other.n_filtered;
        self.n_outside += other.n_outside;

        let period_map: Vec<u32> = other
            .periods
            .ordinals
            .iter()
            .map(|o| self.periods.code(*o))
            .collect();
        let mut map = self.steps[0].merge(
            &other.steps[0],
            &currency_map,
            &period_map,
            self.currencies.len(),
            self.periods.len(),
        );
        for d in 0..self.names.len() {
            let name_map = self.names[d].merge(&other.names[d]);
            let n_left = self.steps[d].len();
            map = self.steps[d + 1].merge(&other.steps[d + 1], &map, &name_map, n_left, self.names[d].len());
        }
        self.grow_groups();
        self.costs
            .merge_mapped(&other.costs, &map)
            .map_err(|o| self.group_overflow(o))?;
        Ok(map)
    }

    /// Gives back what only the adding of batches needs.
    pub(super) fn forget_lookups(&mut self) {
        self.names.iter_mut().for_each(Names::forget_lookups);
        self.steps.iter_mut().for_each(Pairs::forget_lookups);
        self.numbers = FirstStep::default();
        self.scratch = Scratch::default();
    }

    /// Per group: the codes of currency and period, and of each dimension.
    pub(super) fn paths(&self) -> (Vec<u32>, Vec<u32>, Vec<Vec<u32>>) {
        let n_dims = self.names.len();
        let n_groups = self.costs.len();
        let mut step_ids: Vec<u32> = (0..n_groups as u32).collect();
        let mut dims: Vec<Vec<u32>> = vec![Vec::new(); n_dims];
        for d in (0..n_dims).rev() {
            let pairs = &self.steps[d + 1].parts;
            dims[d] = step_ids.iter().map(|id| pairs[*id as usize].1).collect();
            for id in &mut step_ids {
                *id = pairs[*id as usize].0;
            }
        }
        let pairs = &self.steps[0].parts;
        let periods = step_ids.iter().map(|id| pairs[*id as usize].1).collect();
        let currencies = step_ids.iter().map(|id| pairs[*id as usize].0).collect();
        (currencies, periods, dims)
    }

    #[cold]
    fn group_overflow(&self, overflow_at: GroupOverflow) -> Error {
        let (currencies, periods, dims) = self.paths();
        let group = overflow_at.group as usize;
        let names: Vec<_> = (self.names.iter().zip(&dims))
            .map(|(names, codes)| String::from_utf8_lossy(names.name(codes[group])))
            .collect();
        let ordinal = self.periods.ordinals[periods[group] as usize];
        let currency = Currency::parse(self.currencies.name(currencies[group])).unwrap_or(Currency::UNKNOWN);
        group_overflow(&self.plan, names.iter().map(AsRef::as_ref), ordinal, currency)
    }

    #[cold]
    fn currency_overflow(&self, overflow_at: GroupOverflow) -> Error {
        overflow(&format!(
            "all {}",
            String::from_utf8_lossy(self.currencies.name(overflow_at.group))
        ))
    }
}

/// The error for a group whose sum left 256 bits.
#[cold]
pub(super) fn group_overflow<'n>(
    plan: &Plan,
    names: impl Iterator<Item = &'n str>,
    ordinal: i64,
    currency: Currency,
) -> Error {
    let dimensions = plan.query.by.iter().zip(names);
    let mut parts: Vec<String> = dimensions
        .map(|(dimension, name)| format!("{dimension}={name}"))
        .collect();
    parts.push(plan.calendar.label(ordinal));
    parts.push(currency.to_string());
    overflow(&parts.join(", "))
}

#[cold]
fn overflow(group: &str) -> Error {
    Error::new(ErrorKind::Overflow {
        group: group.to_owned(),
    })
}

fn gather<T: Copy>(values: &[T], rows: &[u32], out: &mut Vec<T>) {
    out.clear();
    out.extend(rows.iter().map(|r| values[*r as usize]));
}

type MoneyScratch<'a> = (&'a mut Vec<i128>, &'a mut Vec<i256>);

fn scratch_money<'a>(narrow: &'a mut Vec<i128>, wide: &'a mut Vec<i256>) -> MoneyScratch<'a> {
    (narrow, wide)
}

/// Adds the costs of `rows` (all without it) to the groups that `group_of_row` gives per row of the batch.
fn add_rows(
    sums: &mut SumColumn,
    batch: &ChargeBatch,
    rows: Option<&[u32]>,
    group_of_row: &[u32],
    scratch: MoneyScratch<'_>,
) -> Result<(), GroupOverflow> {
    match rows {
        None => add_rows_to(sums, batch, None, group_of_row, scratch),
        Some([]) => Ok(()),
        Some(rows) => {
            let groups: Vec<u32> = rows.iter().map(|r| group_of_row[*r as usize]).collect();
            add_rows_to(sums, batch, Some(rows), &groups, scratch)
        }
    }
}

/// Sums that take the costs of a batch.
trait Adds {
    fn add_narrow(&mut self, groups: &[u32], mantissas: &[i128], scale: u8) -> Result<(), GroupOverflow>;
    fn add_wide(&mut self, groups: &[u32], mantissas: &[i256], scale: u8) -> Result<(), GroupOverflow>;
}

impl Adds for SumColumn {
    fn add_narrow(&mut self, groups: &[u32], mantissas: &[i128], scale: u8) -> Result<(), GroupOverflow> {
        self.add_narrow(groups, mantissas, scale)
    }

    fn add_wide(&mut self, groups: &[u32], mantissas: &[i256], scale: u8) -> Result<(), GroupOverflow> {
        self.add_wide(groups, mantissas, scale)
    }
}

impl Adds for CountedSums {
    fn add_narrow(&mut self, groups: &[u32], mantissas: &[i128], scale: u8) -> Result<(), GroupOverflow> {
        self.add_narrow(groups, mantissas, scale)
    }

    fn add_wide(&mut self, groups: &[u32], mantissas: &[i256], scale: u8) -> Result<(), GroupOverflow> {
        self.add_wide(groups, mantissas, scale)
    }
}

/// Adds the costs of `rows` (all without it) to `groups`, one per row given.
fn add_rows_to(
    sums: &mut impl Adds,
    batch: &ChargeBatch,
    rows: Option<&[u32]>,
    groups: &[u32],
    (narrow, wide): MoneyScratch<'_>,
) -> Result<(), GroupOverflow> {
    match (batch.cost(), rows) {
        (MoneyColumn::Narrow { mantissas, scale }, None) => sums.add_narrow(groups, mantissas, scale),
        (MoneyColumn::Wide { mantissas, scale }, None) => sums.add_wide(groups, mantissas, scale),
        (MoneyColumn::Narrow { mantissas, scale }, Some(rows)) => {
            gather(mantissas, rows, narrow);
            sums.add_narrow(groups, narrow, scale)
        }
        (MoneyColumn::Wide { mantissas, scale }, Some(rows)) => {
            gather(mantissas, rows, wide);
            sums.add_wide(groups, wide, scale)
        }
    }
}
