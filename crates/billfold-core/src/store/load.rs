//! Loading: a bill scanned once into a store.
//!
//! Every worker numbers the profiles that it meets and packs its charges as they come; merging renumbers, and
//! building puts the charges of each profile side by side, by start. At its peak a load holds the packed charges
//! twice.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use rayon::prelude::*;

use super::StoreOptions;
use super::packed::{Packed, Packer};
use super::profile::{Codes, LooseColumn, ProfileColumn, Profiles, texts};
use crate::charge::batch::TagColumn;
use crate::charge::tag_sets::TagBuilder;
use crate::charge::{ChargeBatch, ScanHint, WantedTags};
use crate::dataset::Fold;
use crate::engine::group::Names;
use crate::engine::pairs::Pairs;
use crate::engine::{Finished, Plan, Sums};
use crate::error::{Error, Result};
use crate::money::{Currency, ExactSum, Totals};
use crate::query::ChargeQuery;

/// Columns with a text of its own for nearly every charge: one code per charge instead of a profile each.
const LOOSE: &[&str] = &[
    "row_id",
    "invoice_detail_id",
    "order_id",
    "charge_description",
    "remarks",
    "charge_time",
    "component_name",
    "sku_id",
    "sku_price_id",
];

/// Columns that many profiles differ in. They are numbered last, so that the steps before stay small.
const VARIED: &[&str] = &["resource_spec", "resource_name", "resource_id"];

/// What a load brings, bound to batch columns.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) plan: Arc<Plan>,
    /// Text columns of the profiles: name, and index in the batches.
    profile: Vec<(String, usize)>,
    loose: Vec<(String, usize)>,
    measures: Vec<String>,
    tags: bool,
}

impl Shape {
    pub(super) fn new(options: &StoreOptions) -> Result<Self> {
        let mut plan = Plan::new(ChargeQuery {
            metric: options.metric.clone(),
            default_currency: options.default_currency,
            ..ChargeQuery::total()
        })?;
        let mut names: Vec<&String> = options.columns.iter().collect();
        names.sort_by_key(|name| {
            VARIED
                .iter()
                .position(|varied| varied == name)
                .map_or(0, |at| at + 1)
        });
        names.dedup();
        plan.hint = ScanHint {
            ends: true,
            measures: options.measures.clone(),
            ..plan.hint
        };
        if options.tags {
            plan.hint.want_tags(WantedTags::Sets);
        }
        let (mut profile, mut loose) = (Vec::new(), Vec::new());
        for name in names {
            let idx = plan.hint.want_text(name);
            let is_loose = LOOSE.contains(&name.as_str());
            if is_loose { &mut loose } else { &mut profile }.push((name.clone(), idx));
        }
        Ok(Shape {
            plan: Arc::new(plan),
            profile,
            loose,
            measures: options.measures.clone(),
            tags: options.tags,
        })
    }
}

/// Charges of one worker, as they came.
#[derive(Debug)]
struct Pile {
    profile: Vec<u32>,
    start: Vec<i64>,
    length: Packed,
    cost: Packed,
    /// Per loose column its codes.
    loose: Vec<Vec<u32>>,
    measures: Vec<Packed>,
}

/// The state of one worker.
#[derive(Debug)]
pub(super) struct LoadFold {
    sums: Sums,
    shape: Arc<Shape>,
    currencies: Names,
    names: Vec<Names>,
    tags: Names,
    /// Step 0 pairs (currency, first column), and so on; the last, with the tags, numbers the profiles.
    steps: Vec<Pairs>,
    loose: Vec<Names>,
    profile: Vec<u32>,
    start: Vec<i64>,
    length: Packer,
    cost: Packer,
    loose_codes: Vec<Vec<u32>>,
    measures: Vec<Packer>,
    /// Of workers taken over.
    piles: Vec<Pile>,
}

impl LoadFold {
    pub(super) fn new(shape: &Arc<Shape>) -> Self {
        let n_profile = shape.profile.len();
        let n_loose = shape.loose.len();
        LoadFold {
            sums: Sums::new(Arc::clone(&shape.plan)),
            currencies: Names::default(),
            names: std::iter::repeat_with(Names::default).take(n_profile).collect(),
            tags: Names::default(),
            steps: std::iter::repeat_with(Pairs::default)
                .take(n_profile + 1)
                .collect(),
            loose: std::iter::repeat_with(Names::default).take(n_loose).collect(),
            profile: Vec::new(),
            start: Vec::new(),
            length: Packer::default(),
            cost: Packer::default(),
            loose_codes: vec![Vec::new(); n_loose],
            measures: shape.measures.iter().map(|_| Packer::default()).collect(),
            piles: Vec::new(),
            shape: Arc::clone(shape),
        }
    }

    /// The charges so far as a pile.
    fn pile_up(&mut self) {
        let pile = Pile {
            profile: std::mem::take(&mut self.profile),
            start: std::mem::take(&mut self.start),
            length: std::mem::take(&mut self.length).finish(),
            cost: std::mem::take(&mut self.cost).finish(),
            loose: self.loose_codes.iter_mut().map(std::mem::take).collect(),
            measures: self
                .measures
                .iter_mut()
                .map(|packer| std::mem::take(packer).finish())
                .collect(),
        };
        if !pile.profile.is_empty() {
            self.piles.push(pile);
        }
    }
}

/// A set of tags as text, from which it can be read again.
fn set_text(tags: &TagColumn<'_>, set: usize) -> Result<String> {
    let pairs: Vec<(&str, Option<&str>)> = tags.set(set).collect();
    if pairs.is_empty() {
        return Ok(String::new());
    }
    serde_json::to_string(&pairs).map_err(|e| Error::bug(format!("tags as text: {e}")))
}

impl Fold for LoadFold {
    type Value = Loaded;

    fn update(&mut self, batch: &ChargeBatch) -> Result<()> {
        self.sums.update(batch)?;
        let mut number = Vec::new();
        let mut codes = Vec::new();
        self.currencies.codes_of(batch.currency(), &mut number);
        let mut n_left = self.currencies.len();
        for (d, (_, column)) in self.shape.profile.iter().enumerate() {
            self.names[d].codes_of(batch.text(*column), &mut codes);
            self.steps[d].combine(&mut number, &codes, n_left, self.names[d].len());
            n_left = self.steps[d].len();
        }
        let last = self.shape.profile.len();
        codes.clear();
        match batch.tags() {
            Some(tags) => {
                let mut sets = Vec::with_capacity(tags.n_sets());
                for set in 0..tags.n_sets() {
                    sets.push(self.tags.code(&set_text(&tags, set)?));
                }
                codes.extend(tags.codes().iter().map(|set| sets[*set as usize]));
            }
            None => codes.resize(batch.len(), self.tags.code("")),
        }
        self.steps[last].combine(&mut number, &codes, n_left, self.tags.len());
        self.profile.append(&mut number);

        self.start.extend_from_slice(batch.start());
        for (start, end) in batch.start().iter().zip(batch.end()) {
            self.length.push_int(end.saturating_sub(*start));
        }
        let costs = batch.cost();
        for row in 0..batch.len() {
            self.cost.push(Some(costs.amount(row)?));
        }
        for (d, (_, column)) in self.shape.loose.iter().enumerate() {
            self.loose[d].codes_of(batch.text(*column), &mut codes);
            self.loose_codes[d].extend_from_slice(&codes);
        }
        for (m, packer) in self.measures.iter_mut().enumerate() {
            let measure = batch.measure(m);
            if measure.is_empty() {
                packer.push_nulls(batch.len());
                continue;
            }
            for row in 0..batch.len() {
                packer.push(measure.get(row)?);
            }
        }
        Ok(())
    }

    fn merge(&mut self, mut other: Self) -> Result<()> {
        self.sums.merge(&other.sums)?;
        let mut map = self.currencies.merge(&other.currencies);
        let mut n_left = self.currencies.len();
        for d in 0..self.names.len() {
            let names = self.names[d].merge(&other.names[d]);
            map = self.steps[d].merge(&other.steps[d], &map, &names, n_left, self.names[d].len());
            n_left = self.steps[d].len();
        }
        let last = self.names.len();
        let tags = self.tags.merge(&other.tags);
        let map = self.steps[last].merge(&other.steps[last], &map, &tags, n_left, self.tags.len());
        let loose: Vec<Vec<u32>> = self
            .loose
            .iter_mut()
            .zip(&other.loose)
            .map(|(mine, theirs)| mine.merge(theirs))
            .collect();
        other.pile_up();
        for mut pile in other.piles {
            for profile in &mut pile.profile {
                *profile = map[*profile as usize];
            }
            for (codes, map) in pile.loose.iter_mut().zip(&loose) {
                for code in codes {
                    *code = map[*code as usize];
                }
            }
            self.piles.push(pile);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(Loaded, Finished)> {
        self.pile_up();
        let finished = self.sums.finish()?;
        // A profile is a path of pairs.
        let n_profiles = self.steps.last().map_or(0, Pairs::len);
        let mut ids: Vec<u32> = (0..n_profiles as u32).collect();
        let mut paths: Vec<Vec<u32>> = Vec::with_capacity(self.steps.len());
        for step in std::mem::take(&mut self.steps).into_iter().rev() {
            paths.push(ids.iter().map(|id| step.parts[*id as usize].1).collect());
            for id in &mut ids {
                *id = step.parts[*id as usize].0;
            }
        }
        paths.reverse();
        let tags = paths.pop().unwrap_or_default();
        Ok((
            Loaded {
                shape: self.shape,
                currencies: (self.currencies, ids),
                columns: self.names.into_iter().zip(paths).collect(),
                tags: (self.tags, tags),
                loose: self.loose,
                piles: self.piles,
                n_profiles,
            },
            finished,
        ))
    }
}

/// Everything that was scanned, not yet in order. Codes are per profile.
#[derive(Debug)]
pub(super) struct Loaded {
    shape: Arc<Shape>,
    currencies: (Names, Vec<u32>),
    columns: Vec<(Names, Vec<u32>)>,
    tags: (Names, Vec<u32>),
    loose: Vec<Names>,
    piles: Vec<Pile>,
    n_profiles: usize,
}

/// The columns of a store.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) profiles: Profiles,
    pub(super) start: Packed,
    pub(super) length: Packed,
    pub(super) cost: Packed,
    pub(super) loose: Vec<LooseColumn>,
    pub(super) measures: Vec<MeasureColumn>,
    pub(super) n_rows: usize,
}

/// A measure of a store.
#[derive(Debug)]
pub(super) struct MeasureColumn {
    pub(super) name: String,
    pub(super) values: Packed,
    /// Whether every charge has a value.
    pub(super) is_complete: bool,
}

impl Loaded {
    /// Puts the charges in order.
    ///
    /// Errors: more than 2³² − 2 charges, more than 2 GiB of distinct texts in a column, a profile whose cost has
    /// more than 38 digits.
    pub(super) fn build(mut self) -> Result<(Columns, Totals)> {
        let n_rows: usize = self.piles.iter().map(|pile| pile.profile.len()).sum();
        if n_rows >= u32::MAX as usize {
            return Err(Error::limit(
                "limit.rows",
                format!("{n_rows} charges are more than a store may hold"),
            )
            .hint("load fewer months"));
        }
        // Codes become ranks, profiles are put into the order of their resources.
        let shape = Arc::clone(&self.shape);
        let ranked = |(names, codes): (Names, Vec<u32>), name: &str| -> Result<(_, Vec<u32>)> {
            let (order, rank) = names.ranked();
            let sorted = sorted_texts(name, &names, &order)?;
            let codes = codes.into_iter().map(|code| rank[code as usize]).collect();
            Ok((sorted, codes))
        };
        let mut columns = Vec::with_capacity(self.columns.len());
        for (column, (name, _)) in std::mem::take(&mut self.columns).into_iter().zip(&shape.profile) {
            columns.push(ranked(column, name)?);
        }
        let sorted_by = shape.profile.iter().position(|(name, _)| name == "resource_id");
        let mut order: Vec<u32> = (0..self.n_profiles as u32).collect();
        if let Some(sorted_by) = sorted_by {
            let codes = &columns[sorted_by].1;
            order.par_sort_by_key(|profile| codes[*profile as usize]);
        }
        let mut place = vec![0_u32; self.n_profiles];
        for (new, old) in order.iter().enumerate() {
            place[*old as usize] = new as u32;
        }
        let in_order = |codes: &[u32]| -> Vec<u32> { order.iter().map(|p| codes[*p as usize]).collect() };
        let profile_columns = columns
            .into_iter()
            .map(|(texts, codes)| ProfileColumn {
                codes: Codes::new(&in_order(&codes), texts.values.len()),
                texts,
            })
            .collect();
        let (currency_texts, currency_codes) = ranked(self.currencies, "billing_currency")?;
        let currency_codes = in_order(&currency_codes);
        let tags = if shape.tags {
            let (names, codes) = self.tags;
            Some((tag_sets(&names)?, Codes::new(&in_order(&codes), names.len())))
        } else {
            None
        };

        // The charges of a profile side by side, by start.
        let mut first_row = vec![0_u32; self.n_profiles + 1];
        for profile in self.piles.iter().flat_map(|pile| &pile.profile) {
            first_row[place[*profile as usize] as usize + 1] += 1;
        }
        for profile in 0..self.n_profiles {
            first_row[profile + 1] += first_row[profile];
        }
        let mut next = first_row.clone();
        let mut rows = vec![0_u32; n_rows];
        let profiles = self.piles.iter().flat_map(|pile| &pile.profile);
        for (row, profile) in profiles.enumerate() {
            let slot = &mut next[place[*profile as usize] as usize];
            rows[*slot as usize] = row as u32;
            *slot += 1;
        }
        drop(next);
        let starts: Vec<i64> = self
            .piles
            .iter_mut()
            .flat_map(|pile| std::mem::take(&mut pile.start))
            .collect();
        for pile in &mut self.piles {
            pile.profile = Vec::new();
        }
        let mut groups: Vec<&mut [u32]> = Vec::with_capacity(self.n_profiles);
        let mut rest = rows.as_mut_slice();
        for profile in 0..self.n_profiles {
            let (group, tail) = rest.split_at_mut((first_row[profile + 1] - first_row[profile]) as usize);
            groups.push(group);
            rest = tail;
        }
        groups
            .par_iter_mut()
            .for_each(|group| group.sort_unstable_by_key(|row| starts[*row as usize]));
        drop(groups);

        let place_of = Place::new(&self.piles);
        let mut start = Packer::default();
        for row in &rows {
            start.push_int(starts[*row as usize]);
        }
        let start = start.finish();
        drop(starts);
        let pack = |column: &(dyn Fn(&Pile) -> &Packed + Sync)| -> Packed {
            let mut packer = Packer::default();
            if self.piles.iter().any(|pile| column(pile).has_values()) {
                for row in &rows {
                    let (pile, at) = place_of.of(*row);
                    packer.push(column(&self.piles[pile]).get(at));
                }
            } else {
                packer.push_nulls(rows.len());
            }
            packer.finish()
        };
        let (length, cost) = rayon::join(|| pack(&|pile| &pile.length), || pack(&|pile| &pile.cost));
        let measures = (0..shape.measures.len())
            .into_par_iter()
            .map(|m| {
                let values = pack(&move |pile| &pile.measures[m]);
                MeasureColumn {
                    name: shape.measures[m].clone(),
                    is_complete: values.has_values()
                        && (0..values.len()).all(|row| values.get(row).is_some()),
                    values,
                }
            })
            .collect();
        let loose = self
            .loose
            .into_par_iter()
            .zip(&shape.loose)
            .enumerate()
            .map(|(d, (names, (name, _)))| {
                let (order, rank) = names.ranked();
                let mut packer = Packer::default();
                for row in &rows {
                    let (pile, at) = place_of.of(*row);
                    packer.push_int(i64::from(rank[self.piles[pile].loose[d][at] as usize]));
                }
                Ok(LooseColumn {
                    texts: sorted_texts(name, &names, &order)?,
                    codes: packer.finish(),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        drop(rows);

        let currencies: Vec<Currency> = currency_texts
            .names()
            .iter()
            .map(|name| Currency::parse(name.unwrap_or("").as_bytes()).unwrap_or(Currency::UNKNOWN))
            .collect();
        let mut totals = Totals::default();
        let mut profile_cost = Packer::default();
        let mut longest = Packer::default();
        for profile in 0..self.n_profiles {
            let mut sum = ExactSum::ZERO;
            let mut length_max = 0;
            for row in first_row[profile] as usize..first_row[profile + 1] as usize {
                if let Some(amount) = cost.get(row) {
                    sum.add_amount(amount).map_err(|_| overflow())?;
                }
                length_max = length_max.max(length.int(row));
            }
            totals
                .add(currencies[currency_codes[profile] as usize], &sum)
                .map_err(|_| overflow())?;
            profile_cost.push(Some(sum.to_amount().ok_or_else(overflow)?));
            longest.push_int(length_max);
        }
        let profiles = Profiles {
            first_row,
            columns: profile_columns,
            currency: ProfileColumn {
                codes: Codes::new(&currency_codes, currency_texts.values.len()),
                texts: currency_texts,
            },
            tags,
            cost: profile_cost.finish(),
            longest: longest.finish(),
            sorted_by,
        };
        let columns = Columns {
            profiles,
            start,
            length,
            cost,
            loose,
            measures,
            n_rows,
        };
        Ok((columns, totals))
    }
}

#[cold]
fn overflow() -> Error {
    Error::new(crate::error::ErrorKind::Overflow {
        group: "the charges of one resource".to_owned(),
    })
}

/// Which pile holds a row, and where.
struct Place {
    /// Per pile its first row.
    firsts: Vec<u32>,
}

impl Place {
    fn new(piles: &[Pile]) -> Self {
        let mut firsts = Vec::with_capacity(piles.len());
        let mut first = 0;
        for pile in piles {
            firsts.push(first);
            first += pile.length.len() as u32;
        }
        Place { firsts }
    }

    #[inline]
    fn of(&self, row: u32) -> (usize, usize) {
        // As many piles as workers: few.
        let mut pile = self.firsts.len() - 1;
        while self.firsts[pile] > row {
            pile -= 1;
        }
        (pile, (row - self.firsts[pile]) as usize)
    }
}

fn sorted_texts(name: &str, names: &Names, order: &[u32]) -> Result<super::profile::Texts> {
    let n_bytes: usize = order.iter().map(|code| names.name(*code).len()).sum();
    if i32::try_from(n_bytes).is_err() {
        return Err(Error::limit(
            "limit.texts",
            format!("the distinct texts of {name} need more than 2 GiB"),
        )
        .hint("load fewer months, or leave the column out of the store"));
    }
    let text = |code: &u32| String::from_utf8_lossy(names.name(*code)).into_owned();
    Ok(texts(name, order.iter().map(text)))
}

/// The sets of tags, per code.
fn tag_sets(names: &Names) -> Result<ArrayRef> {
    type Pairs = Vec<(String, Option<String>)>;
    let mut builder = TagBuilder::with_capacity(0);
    // Code 0 of the builder is the empty set; set i stands at place i + 1.
    for code in 0..names.len() as u32 {
        let text = names.name(code);
        let pairs: Pairs = if text.is_empty() {
            Vec::new()
        } else {
            serde_json::from_slice(text).map_err(|e| Error::bug(format!("tags from text: {e}")))?
        };
        // An empty text would be taken for the empty set, whose place is 0.
        let key = if text.is_empty() { b"[]" } else { text };
        builder.push(key, |sink| {
            for (key, value) in &pairs {
                sink.push(key, value.as_deref());
            }
        });
    }
    let column = builder.finish()?;
    let sets = column.values().as_map();
    let n = sets.len() - 1;
    Ok(Arc::new(sets.slice(1, n)))
}
