//! Questions to a store: from its running sums, or by a scan of the charges that a filter keeps.
//!
//! A filter is judged once per distinct text, then once per profile; of a profile that is kept, only charges that
//! can meet the window are looked at. They become batches, and from there everything is the engine's.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray, StringArray};

use super::Store;
use super::cube::{Cube, Part, Periods};
use super::load::Columns;
use super::packed::Packed;
use super::profile::{ProfileColumn, first};
use crate::charge::batch::{BatchParts, narrow_cost};
use crate::charge::builder::{MoneyBuilder, constant, dictionary};
use crate::charge::{ChargeBatch, CostMetric, WantedTags};
use crate::dataset::{Answered, Fold, Workers};
use crate::engine::plan::BatchColumn;
use crate::engine::select::holds_on_tags;
use crate::engine::{Answer, Finished, Plan, Receipt, Rolled, Sums, answer_sha256};
use crate::error::{Error, ErrorKind, Result};
use crate::money::{Currency, ExactSum, POW10, SumColumn, Totals};
use crate::query::{Allocation, Clock, Condition, Test};
use crate::time::Window;

/// Charges of a batch.
const BATCH_ROWS: usize = 1 << 15;
/// Charges up to which a scan is not worth a second thread.
const FEW_ROWS: usize = 4 * BATCH_ROWS;

/// Lets few heavy scans in at a time, so that light questions find a core.
#[derive(Debug)]
pub(super) struct Gate {
    n_threads: usize,
    n_heavy: Mutex<usize>,
    left: Condvar,
}

impl Gate {
    /// Heavy scans at a time.
    const MAX_HEAVY: usize = 2;

    pub(super) fn new(n_threads: usize) -> Self {
        Gate {
            n_threads,
            n_heavy: Mutex::new(0),
            left: Condvar::new(),
        }
    }

    fn enter(&self) -> Inside<'_> {
        let n_heavy = self.n_heavy.lock().unwrap_or_else(PoisonError::into_inner);
        let mut n_heavy = self
            .left
            .wait_while(n_heavy, |n| *n >= Gate::MAX_HEAVY)
            .unwrap_or_else(PoisonError::into_inner);
        *n_heavy += 1;
        Inside(self)
    }
}

/// A heavy scan that was let in.
struct Inside<'a>(&'a Gate);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        *self.0.n_heavy.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.left.notify_one();
    }
}

/// Which texts of a column pass a condition.
enum Verdicts {
    /// These codes, ascending.
    Few(Vec<u32>),
    /// Per code.
    Each(Vec<bool>),
    /// All, or none.
    All(bool),
}

impl Verdicts {
    fn of(column: &ProfileColumn, condition: &Condition) -> Self {
        let texts = &column.texts;
        let equals: Option<Vec<&str>> = condition
            .any_of
            .iter()
            .map(|test| match test {
                Test::Equals(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        if let Some(equals) = equals.filter(|_| !condition.negated) {
            let mut codes: Vec<u32> = equals.into_iter().filter_map(|text| texts.code(text)).collect();
            codes.sort_unstable();
            codes.dedup();
            return Verdicts::Few(codes);
        }
        let names = texts.names();
        Verdicts::Each(
            names
                .iter()
                .map(|name| condition.holds(name.unwrap_or("")))
                .collect(),
        )
    }

    fn holds(&self, code: u32) -> bool {
        match self {
            Verdicts::Few(codes) => codes.binary_search(&code).is_ok(),
            Verdicts::Each(verdicts) => verdicts[code as usize],
            Verdicts::All(holds) => *holds,
        }
    }
}

/// The charges that a question looks at.
pub(super) struct Scan<'s> {
    store: &'s Store,
    plan: Plan,
    /// Per text column of the hint, whether anything reads it.
    reads: Vec<bool>,
    cost: &'s Packed,
    /// Profile and its charges.
    ranges: Vec<(u32, Range<u32>)>,
    n_rows: usize,
    /// What profiles that pass hold, where filters were judged here.
    kept: Option<Kept>,
}

/// Charges that passed the filters on profiles.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    n_rows: u64,
    cost: Totals,
}

impl Store {
    /// Refuses what a store does not know.
    pub(super) fn refuse_unlike(&self, plan: &Plan) -> Result<()> {
        let query = &plan.query;
        if query.clock == Clock::Billing {
            return Err(Error::usage("a store keeps no billing periods").hint("ask the files"));
        }
        if query.default_currency.is_some() && query.default_currency != self.options.default_currency {
            return Err(Error::usage(
                "the currency of rows that name none was chosen when the store was loaded",
            ));
        }
        self.cost_of(&query.metric).map(drop)
    }

    /// The column of a metric.
    fn cost_of(&self, metric: &CostMetric) -> Result<&Packed> {
        if *metric == self.options.metric {
            return Ok(&self.columns.cost);
        }
        let name = match metric.column() {
            Some(name) => name.to_owned(),
            None => metric.to_string(),
        };
        let measure = self.columns.measures.iter().find(|m| m.name == name);
        match measure {
            Some(measure) if measure.is_complete => Ok(&measure.values),
            Some(_) => Err(Error::usage(format!(
                "some charges of the store have no {metric} cost, or one that cannot be read"
            ))
            .hint("load the store for that metric")),
            None => Err(
                Error::usage(format!("the store was loaded without the {metric} cost"))
                    .hint(format!("its cost is the {} cost", self.options.metric)),
            ),
        }
    }

    /// Judges the filters of a plan and takes those that are settled out of it.
    ///
    /// `texts`: text columns of the hint that are read beside groups and filters. Errors: a column that the store
    /// does not keep.
    pub(super) fn scan(&self, plan: &mut Plan, texts: &[usize]) -> Result<Scan<'_>> {
        let columns = &self.columns;
        let profiles = &columns.profiles;
        for name in &plan.hint.text {
            self.refuse_absent(name)?;
        }
        for name in &plan.hint.measures {
            if !columns.measures.iter().any(|m| m.name == *name) {
                return Err(not_kept(name));
            }
        }
        if plan.hint.tags > WantedTags::No && profiles.tags.is_none() {
            return Err(not_kept("tags"));
        }
        let cost = self.cost_of(&plan.query.metric)?;
        // Only the cost that was loaded is known per profile, so that what is left out can be accounted for.
        let is_own = plan.query.metric == self.options.metric;
        let mut passes: Vec<(Judge<'_>, Verdicts)> = Vec::new();
        if is_own {
            let mut rest = Vec::new();
            for (column, condition) in std::mem::take(&mut plan.conditions) {
                match self.judge(plan, &column, &condition) {
                    Some(judged) => passes.push(judged),
                    None => rest.push((column, condition)),
                }
            }
            plan.conditions = rest;
        }
        let mut reads = vec![false; plan.hint.text.len()];
        let conditions = plan.conditions.iter().map(|(column, _)| column);
        for column in plan.dimensions.iter().chain(conditions) {
            if let BatchColumn::Text(i) = column {
                reads[*i] = true;
            }
        }
        for i in texts {
            reads[*i] = true;
        }

        let is_pruned = is_own && plan.conditions.is_empty();
        let spans = plan.query.allocation == Allocation::Prorate;
        let mut ranges = Vec::new();
        let mut n_rows = 0;
        let mut kept_rows = 0_u64;
        let mut kept_cost = SumColumn::new();
        kept_cost.resize(profiles.currency.texts.values.len());
        for candidates in self.candidates(&passes) {
            for profile in candidates {
                let holds = |(judge, verdicts): &(Judge<'_>, Verdicts)| verdicts.holds(judge.code(profile));
                if !passes.iter().all(holds) {
                    continue;
                }
                let rows = profiles.rows(profile);
                kept_rows += rows.len() as u64;
                let whole = profiles.cost.get(profile).unwrap_or_default();
                kept_cost
                    .add_narrow(
                        &[profiles.currency.codes.get(profile)],
                        &[whole.mantissa()],
                        whole.scale(),
                    )
                    .map_err(|_| overflow())?;
                let rows = if is_pruned {
                    within(columns, profile, rows, plan.query.window, spans)
                } else {
                    rows
                };
                if !rows.is_empty() {
                    n_rows += rows.len();
                    ranges.push((profile as u32, rows.start as u32..rows.end as u32));
                }
            }
        }
        let mut cost_kept = Totals::default();
        for (code, name) in profiles.currency.texts.names().iter().enumerate() {
            cost_kept
                .add(currency(name), &kept_cost.get(code as u32))
                .map_err(|_| overflow())?;
        }
        Ok(Scan {
            store: self,
            plan: plan.clone(),
            reads,
            cost,
            ranges,
            n_rows,
            kept: is_own.then_some(Kept {
                n_rows: kept_rows,
                cost: cost_kept,
            }),
        })
    }

    fn refuse_absent(&self, name: &str) -> Result<()> {
        let columns = &self.columns;
        if columns.profiles.column(name).is_some() || columns.loose.iter().any(|c| c.texts.name == name) {
            Ok(())
        } else {
            Err(not_kept(name))
        }
    }

    /// A condition as a judgement on profiles; None where profiles do not settle it.
    fn judge<'s>(
        &'s self,
        plan: &Plan,
        column: &BatchColumn,
        condition: &Condition,
    ) -> Option<(Judge<'s>, Verdicts)> {
        let profiles = &self.columns.profiles;
        match column {
            BatchColumn::Text(i) => {
                let name = &plan.hint.text[*i];
                let at = profiles.columns.iter().position(|c| c.texts.name == *name)?;
                let column = &profiles.columns[at];
                let is_sorted = profiles.sorted_by == Some(at);
                Some((Judge::Text(column, is_sorted), Verdicts::of(column, condition)))
            }
            BatchColumn::Currency => {
                let column = &profiles.currency;
                Some((Judge::Text(column, false), Verdicts::of(column, condition)))
            }
            BatchColumn::Constant(text) => Some((Judge::None, Verdicts::All(condition.holds(text)))),
            BatchColumn::TagKey(_) | BatchColumn::TagId => {
                let (sets, codes) = profiles.tags.as_ref()?;
                let verdicts = (0..sets.len())
                    .map(|set| holds_on_tags(column, condition, tags_of(sets, set)))
                    .collect();
                Some((Judge::Tags(codes), Verdicts::Each(verdicts)))
            }
        }
    }

    /// Profiles that may pass.
    fn candidates(&self, passes: &[(Judge<'_>, Verdicts)]) -> Vec<Range<usize>> {
        for (judge, verdicts) in passes {
            if let (Judge::Text(column, true), Verdicts::Few(codes)) = (judge, verdicts) {
                return self.columns.profiles.with_codes(column, codes);
            }
        }
        std::iter::once(0..self.columns.profiles.len()).collect()
    }

    pub(super) fn sums_by_scan(&self, mut plan: Plan) -> Result<Answered<Answer>> {
        let scan = self.scan(&mut plan, &[])?;
        let bound = std::sync::Arc::new(plan);
        let ((), finished) = scan.run(|| Workers(vec![Sums::new(std::sync::Arc::clone(&bound))]))?;
        self.answer(finished, scan.kept(), bound.groups_overlap())
    }

    fn answer(&self, finished: Finished, kept: Option<&Kept>, overlap: bool) -> Result<Answered<Answer>> {
        let mut answered = self.account((), &finished, kept, overlap)?;
        answered.receipt.answer_sha256 = answer_sha256(&finished.answer);
        Ok(Answered {
            value: finished.answer,
            receipt: answered.receipt,
            warnings: answered.warnings,
        })
    }

    /// Gives a value its receipt: what the profiles left out counts as filtered, the rest as outside the window.
    pub(super) fn account<T>(
        &self,
        value: T,
        finished: &Finished,
        kept: Option<&Kept>,
        overlap: bool,
    ) -> Result<Answered<T>> {
        let off = |_| Error::bug("the receipt's totals leave 256 bits");
        let mut receipt: Receipt = self.receipt.clone();
        let n_charges = self.columns.n_rows as u64;
        let (rows, cost) = (&mut receipt.rows, &mut receipt.cost);
        rows.used = finished.n_used;
        cost.used = finished.used.clone();
        cost.groups = finished.groups.clone();
        if let Some(kept) = kept {
            let balance = |whole: u64, parts: u64| {
                whole
                    .checked_sub(parts)
                    .ok_or_else(|| Error::bug("more charges in parts than in the whole"))
            };
            rows.filtered = balance(n_charges, kept.n_rows)? + finished.n_filtered;
            rows.outside_window = balance(kept.n_rows, finished.n_used + finished.n_filtered)?;
            cost.filtered = self.totals.clone();
            cost.filtered.sub_totals(&kept.cost).map_err(off)?;
            cost.filtered.add_totals(&finished.filtered).map_err(off)?;
            cost.outside_window = kept.cost.clone();
            cost.outside_window.sub_totals(&finished.used).map_err(off)?;
            cost.outside_window.sub_totals(&finished.filtered).map_err(off)?;
        } else {
            rows.filtered = finished.n_filtered;
            rows.outside_window = finished.n_outside;
            cost.filtered = finished.filtered.clone();
            cost.outside_window = finished.outside_window.clone();
            // Another metric than the one loaded: what rejected rows cost by it is not known.
            cost.rejected = Totals::default();
            cost.read = finished.used.clone();
            cost.read.add_totals(&finished.filtered).map_err(off)?;
            cost.read.add_totals(&finished.outside_window).map_err(off)?;
        }
        receipt.check(overlap)?;
        Ok(Answered {
            value,
            receipt,
            warnings: self.warnings.clone(),
        })
    }

    /// The answer from running sums; None where they do not hold it.
    pub(super) fn sums_by_cube(&self, plan: &Plan) -> Result<Option<Answered<Answer>>> {
        let query = &plan.query;
        let Some(cube) = &self.cube else { return Ok(None) };
        let is_cubic = query.allocation == Allocation::Prorate
            && cube.grid.has_periods(query.zone, query.granularity)
            && query.metric == self.options.metric;
        let Some(span) = cube.span().filter(|_| is_cubic) else {
            return Ok(None);
        };
        let Some(window) = whole_days(cube, query.window, span) else {
            return Ok(None);
        };
        let profiles = &self.columns.profiles;
        let codes_of = |column: &BatchColumn| match column {
            BatchColumn::Currency => Some((&profiles.currency, &cube.currency)),
            BatchColumn::Text(i) => {
                let name = &plan.hint.text[*i];
                cube.dimensions
                    .iter()
                    .map(|(at, codes)| (&profiles.columns[*at], codes))
                    .find(|(column, _)| column.texts.name == *name)
            }
            _ => None,
        };
        let mut passes = Vec::with_capacity(plan.conditions.len());
        for (column, condition) in &plan.conditions {
            let Some((texts, codes)) = codes_of(column) else {
                return Ok(None);
            };
            passes.push((codes, Verdicts::of(texts, condition)));
        }
        let mut dimensions = Vec::with_capacity(plan.dimensions.len());
        for column in &plan.dimensions {
            let Some((texts, codes)) = codes_of(column) else {
                return Ok(None);
            };
            dimensions.push((texts, codes));
        }

        let periods = Periods::new(plan.calendar, cube.grid, span);
        let names: Vec<Currency> = profiles.currency.texts.names().iter().map(currency).collect();
        let mut keys: Vec<(&StringArray, Vec<u32>)> = dimensions
            .iter()
            .map(|(column, _)| (column.texts.names(), Vec::new()))
            .collect();
        let (mut currencies, mut ordinals, mut charges, mut mantissas) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut kept_rows = 0_u64;
        let mut n_used = 0_u64;
        let mut kept_cost = vec![ExactSum::ZERO; names.len()];
        for key in 0..cube.len() {
            if !passes
                .iter()
                .all(|(codes, verdicts)| verdicts.holds(codes.get(key)))
            {
                continue;
            }
            let code = cube.currency.get(key);
            kept_rows += u64::from(cube.charges[key]);
            let total = ExactSum::from_parts(arrow::datatypes::i256::from_i128(cube.total(key)), cube.scale);
            kept_cost[code as usize]
                .add(&total.unwrap_or_default())
                .map_err(|_| overflow())?;
            n_used += cube.parts(key, window, &periods, |part: Part| {
                currencies.push(code);
                ordinals.push(part.ordinal);
                charges.push(part.charges);
                mantissas.push(part.sum);
                for ((_, of), (_, codes)) in keys.iter_mut().zip(&dimensions) {
                    of.push(codes.get(key));
                }
            });
        }
        let mut sums = Sums::new(std::sync::Arc::new(plan.clone()));
        sums.add_rolled(&Rolled {
            currency_names: &names,
            currencies: &currencies,
            ordinals: &ordinals,
            keys: &keys,
            charges: &charges,
            mantissas: &mantissas,
            scale: cube.scale,
            n_used,
        })?;
        let finished = sums.finish()?;
        let mut cost = Totals::default();
        for (name, sum) in names.iter().zip(&kept_cost) {
            cost.add(*name, sum).map_err(|_| overflow())?;
        }
        let kept = Kept {
            n_rows: kept_rows,
            cost,
        };
        self.answer(finished, Some(&kept), false).map(Some)
    }
}

/// The code of a profile that a verdict is about.
enum Judge<'s> {
    /// A column, and whether profiles are sorted by it.
    Text(&'s ProfileColumn, bool),
    Tags(&'s super::profile::Codes),
    None,
}

impl Judge<'_> {
    #[inline]
    fn code(&self, profile: usize) -> u32 {
        match self {
            Judge::Text(column, _) => column.codes.get(profile),
            Judge::Tags(codes) => codes.get(profile),
            Judge::None => 0,
        }
    }
}

#[cold]
fn not_kept(name: &str) -> Error {
    Error::usage(format!("the store was loaded without {name}")).hint("name it when the store is loaded")
}

#[cold]
fn overflow() -> Error {
    Error::new(ErrorKind::Overflow {
        group: "the total of a store".to_owned(),
    })
}

fn currency(name: Option<&str>) -> Currency {
    Currency::parse(name.unwrap_or("").as_bytes()).unwrap_or(Currency::UNKNOWN)
}

fn tags_of(sets: &ArrayRef, set: usize) -> impl Iterator<Item = (&str, Option<&str>)> {
    let sets = sets.as_map();
    let keys: &StringArray = sets.keys().as_string();
    let values: &StringArray = sets.values().as_string();
    let offsets = sets.value_offsets();
    (offsets[set] as usize..offsets[set + 1] as usize)
        .map(move |i| (keys.value(i), values.is_valid(i).then(|| values.value(i))))
}

/// A window as days of the cube, `[from, to)`; None where a bound is inside a day.
fn whole_days(cube: &Cube, window: Window, (first_day, last_day): (i32, i32)) -> Option<(i32, i32)> {
    let day = |instant: i64| {
        let day = cube.grid.ordinal(instant);
        let starts = cube.grid.bounds(day).start == Some(instant);
        i32::try_from(day).ok().filter(|_| starts)
    };
    let from = match window.start {
        Some(start) => day(start)?,
        None => first_day,
    };
    let to = match window.end {
        Some(end) => day(end)?,
        None => last_day + 1,
    };
    Some((from.max(first_day), to.min(last_day + 1).max(from.max(first_day))))
}

/// The charges of a profile that can meet a window. They are sorted by start.
fn within(
    columns: &Columns,
    profile: usize,
    rows: Range<usize>,
    window: Window,
    spans: bool,
) -> Range<usize> {
    let starts = |row: usize| columns.start.int(row);
    let (mut from, mut to) = (rows.start, rows.end);
    if let Some(end) = window.end {
        to = from + first(to - from, |i| starts(from + i) >= end);
    }
    if let Some(start) = window.start {
        let reach = if spans {
            columns.profiles.longest.int(profile)
        } else {
            0
        };
        let earliest = start.saturating_sub(reach);
        from += first(to - from, |i| starts(from + i) >= earliest);
    }
    from..to
}

impl Scan<'_> {
    /// What the filters on profiles kept.
    pub(super) fn kept(&self) -> Option<&Kept> {
        self.kept.as_ref()
    }

    /// Folds the charges.
    pub(super) fn run<F: Fold>(&self, new: impl Fn() -> F + Sync) -> Result<(F::Value, Finished)> {
        let batches = self.batches();
        let n_threads = self.store.gate.n_threads.min(batches.len());
        if self.n_rows <= FEW_ROWS || n_threads < 2 {
            let _inside = (self.n_rows > FEW_ROWS).then(|| self.store.gate.enter());
            let mut fold = new();
            for ranges in &batches {
                fold.update(&self.batch(ranges)?)?;
            }
            return fold.finish();
        }
        let _inside = self.store.gate.enter();
        let next = AtomicUsize::new(0);
        let work = || -> Result<F> {
            let mut fold = new();
            while let Some(ranges) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                fold.update(&self.batch(ranges)?)?;
            }
            Ok(fold)
        };
        let folds: Vec<Result<F>> = std::thread::scope(|scope| {
            let others: Vec<_> = (1..n_threads).map(|_| scope.spawn(work)).collect();
            let mut folds = vec![work()];
            for other in others {
                folds.push(
                    other
                        .join()
                        .unwrap_or_else(|_| Err(Error::bug("a worker of a scan did not return"))),
                );
            }
            folds
        });
        let mut merged: Option<F> = None;
        for fold in folds {
            match &mut merged {
                None => merged = Some(fold?),
                Some(merged) => merged.merge(fold?)?,
            }
        }
        merged.ok_or_else(|| Error::bug("no worker"))?.finish()
    }

    /// The ranges cut and put together to batches of about [`BATCH_ROWS`].
    fn batches(&self) -> Vec<Vec<(u32, Range<usize>)>> {
        let mut batches = Vec::new();
        let mut batch: Vec<(u32, Range<usize>)> = Vec::new();
        let mut n = 0;
        for (profile, rows) in &self.ranges {
            let (mut from, end) = (rows.start as usize, rows.end as usize);
            while from < end {
                let to = end.min(from + BATCH_ROWS - n);
                batch.push((*profile, from..to));
                n += to - from;
                from = to;
                if n == BATCH_ROWS {
                    batches.push(std::mem::take(&mut batch));
                    n = 0;
                }
            }
        }
        if n > 0 {
            batches.push(batch);
        }
        batches
    }

    fn batch(&self, ranges: &[(u32, Range<usize>)]) -> Result<ChargeBatch> {
        let columns = &self.store.columns;
        let profiles = &columns.profiles;
        let hint = &self.plan.hint;
        let n: usize = ranges.iter().map(|(_, rows)| rows.len()).sum();
        // Neighbouring profiles lie side by side: fewer and longer pieces to unpack.
        let mut runs: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
        for (_, rows) in ranges {
            match runs.last_mut() {
                Some(last) if last.end == rows.start => last.end = rows.end,
                _ => runs.push(rows.clone()),
            }
        }
        let ints = |packed: &Packed| {
            let mut out = Vec::with_capacity(n);
            for rows in &runs {
                packed.ints(rows.clone(), &mut out);
            }
            out
        };
        let codes = |of: &dyn Fn(usize) -> u32| {
            let mut out = Vec::with_capacity(n);
            for (profile, rows) in ranges {
                let code = of(*profile as usize) as i32;
                out.resize(out.len() + rows.len(), code);
            }
            out
        };
        let start = ints(&columns.start);
        let end = if hint.spans || hint.ends {
            let mut end = ints(&columns.length);
            for (end, start) in end.iter_mut().zip(&start) {
                *end += start;
            }
            Some(end)
        } else {
            None
        };
        let mut text = Vec::with_capacity(hint.text.len());
        for (name, is_read) in hint.text.iter().zip(&self.reads) {
            let array = if !is_read {
                constant("", n)?
            } else if let Some(column) = profiles.column(name) {
                let values = std::sync::Arc::clone(&column.texts.values);
                dictionary(codes(&|profile| column.codes.get(profile)), values)?
            } else if let Some(column) = columns.loose.iter().find(|c| c.texts.name == *name) {
                let values = std::sync::Arc::clone(&column.texts.values);
                let codes = ints(&column.codes).into_iter().map(|code| code as i32).collect();
                dictionary(codes, values)?
            } else {
                return Err(not_kept(name));
            };
            text.push((name.clone(), array));
        }
        let tags = match &profiles.tags {
            Some((sets, of)) if hint.tags > WantedTags::No => {
                let codes = codes(&|profile| of.get(profile));
                Some(dictionary(codes, std::sync::Arc::clone(sets))?.into())
            }
            _ => None,
        };
        let currency = &profiles.currency;
        let parts = BatchParts {
            start: start.into(),
            end: end.map(Into::into),
            cost: money(self.cost, &runs, n)?,
            currency: dictionary(
                codes(&|profile| currency.codes.get(profile)),
                std::sync::Arc::clone(&currency.texts.values),
            )?,
            text,
            tags,
        };
        let mut measures = Vec::with_capacity(hint.measures.len());
        for name in &hint.measures {
            let measure = columns.measures.iter().find(|m| m.name == *name);
            let measure = measure.ok_or_else(|| not_kept(name))?;
            let array = if measure.is_complete {
                money(&measure.values, &runs, n)?
            } else {
                sparse(&measure.values, &runs, n)?
            };
            measures.push((name.clone(), array));
        }
        ChargeBatch::new(parts)?.with_measures(measures)
    }
}

/// A column of amounts of which none is null.
fn money(packed: &Packed, runs: &[Range<usize>], n: usize) -> Result<ArrayRef> {
    let scale = runs
        .iter()
        .map(|rows| packed.scale(rows.clone()))
        .max()
        .unwrap_or(0);
    let mut mantissas = Vec::with_capacity(n);
    let fits = runs
        .iter()
        .all(|rows| packed.mantissas(rows.clone(), scale, &mut mantissas));
    if fits
        && mantissas
            .iter()
            .all(|m| m.unsigned_abs() < POW10[38].unsigned_abs())
    {
        narrow_cost(mantissas, scale, None)
    } else {
        sparse(packed, runs, n)
    }
}

/// A column of amounts at whatever scale they need.
fn sparse(packed: &Packed, runs: &[Range<usize>], n: usize) -> Result<ArrayRef> {
    let mut builder = MoneyBuilder::with_capacity(n);
    for rows in runs {
        packed.amounts(rows.clone(), &mut builder);
    }
    builder.finish()
}
