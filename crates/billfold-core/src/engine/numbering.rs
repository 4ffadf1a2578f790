//! Contributions to groups: a number per charge, or part of one, and tag.
//!
//! The first step of a group's path is its currency and period. Where a batch has one currency, as nearly all have,
//! a table finds the number of both from the instant at once; after that, step by step, a dimension is added.

use std::sync::Arc;

use arrow::array::Array;

use super::group::BLOCK;
use super::plan::BatchColumn;
use super::sums::{Scratch, Sums};
use super::tag_codes::Place;
use crate::charge::ChargeBatch;
use crate::time::{Calendar, PeriodNumbers};

/// Currencies that have a table of their own.
const MAX_TABLES: usize = 8;

/// Tags of a row that are written at once. Most rows have no more.
const LANES: usize = 4;

/// When contributions take place.
pub(super) enum When<'a> {
    /// UTC microseconds.
    Instants(&'a [i64]),
    /// Ordinals of the plan's calendar.
    Ordinals(&'a [i32]),
}

/// Contributions once per tag. Its room is used again for the next batch.
#[derive(Debug, Default)]
pub(super) struct Exploded {
    /// Per group number, the row.
    pub(super) rows: Vec<u32>,
    /// Per group number, the contribution that it is of. Empty where contributions are the rows of the batch.
    pub(super) contributions: Vec<u32>,
    tags: Vec<u32>,
    /// Room for groups.
    spare: Vec<u32>,
}

impl Exploded {
    fn make_room(&mut self, n: usize) {
        for column in [&mut self.rows, &mut self.tags, &mut self.spare] {
            column.resize(n, 0);
        }
    }
}

/// Tables from instants to numbers.
#[derive(Debug, Default)]
pub(super) struct FirstStep {
    /// The codes of periods.
    periods: Option<PeriodNumbers>,
    /// Per currency, the numbers of its pairs with periods.
    pairs: Vec<(u32, PeriodNumbers)>,
}

impl FirstStep {
    /// Forgets the numbers of pairs, when those are given anew.
    pub(super) fn forget(&mut self) {
        self.pairs.clear();
    }

    fn periods(&mut self, calendar: Calendar) -> &mut PeriodNumbers {
        self.periods.get_or_insert_with(|| PeriodNumbers::new(calendar))
    }

    /// The table of a currency; None where too many have one.
    fn of_currency(&mut self, currency: u32, calendar: Calendar) -> Option<&mut PeriodNumbers> {
        let known = self.pairs.iter().position(|(of, _)| *of == currency);
        let at = match known {
            Some(at) => at,
            None if self.pairs.len() < MAX_TABLES => {
                self.pairs.push((currency, PeriodNumbers::new(calendar)));
                self.pairs.len() - 1
            }
            None => return None,
        };
        Some(&mut self.pairs[at].1)
    }
}

/// The code of a batch's only currency.
fn only_currency(batch: &ChargeBatch, codes: &[u32]) -> Option<u32> {
    let column = batch.currency();
    (column.values().len() == 1 && column.null_count() == 0)
        .then(|| codes.first().copied())
        .flatten()
}

impl Sums {
    /// Numbers the group of each contribution into `scratch.groups`. `rows`: the batch's row of each, all without it.
    ///
    /// With `tag_id` a contribution counts once per tag, and those are returned.
    pub(super) fn number_groups(
        &mut self,
        batch: &ChargeBatch,
        rows: Option<&[u32]>,
        when: &When<'_>,
        scratch: &mut Scratch,
    ) -> Option<Exploded> {
        let plan = Arc::clone(&self.plan);
        self.number_first_step(batch, rows, when, scratch);
        let Scratch {
            groups,
            codes,
            exploded,
            ..
        } = scratch;
        let tag_dimension = plan.dimensions.iter().position(|d| *d == BatchColumn::TagId);
        let exploded = tag_dimension.map(|d| self.explode(batch, rows, d, groups, std::mem::take(exploded)));
        for d in 0..plan.dimensions.len() {
            let n_left = self.steps[d].len();
            if let (BatchColumn::TagId, Some(exploded)) = (&plan.dimensions[d], &exploded) {
                self.steps[d + 1].combine(groups, &exploded.tags, n_left, self.names[d].len());
                continue;
            }
            let per_row = self.row_codes(batch, &plan.dimensions[d], d, std::mem::take(codes));
            match exploded.as_ref().map(|e| e.rows.as_slice()).or(rows) {
                Some(rows) => {
                    let gathered: Vec<u32> = rows.iter().map(|r| per_row[*r as usize]).collect();
                    self.steps[d + 1].combine(groups, &gathered, n_left, self.names[d].len());
                }
                None => self.steps[d + 1].combine(groups, &per_row, n_left, self.names[d].len()),
            }
            *codes = per_row;
        }
        exploded
    }

    /// Numbers the currency and period of each contribution into `scratch.groups`.
    fn number_first_step(
        &mut self,
        batch: &ChargeBatch,
        rows: Option<&[u32]>,
        when: &When<'_>,
        scratch: &mut Scratch,
    ) {
        let calendar = self.plan.calendar;
        let Scratch {
            currency,
            groups,
            codes,
            ..
        } = scratch;
        let n_currencies = self.currencies.len();
        let (periods, step) = (&mut self.periods, &mut self.steps[0]);
        if let (When::Instants(instants), Some(currency)) = (when, only_currency(batch, currency))
            && let Some(table) = self.numbers.of_currency(currency, calendar)
        {
            table.numbers(instants, groups, |ordinal| {
                let mut number = [currency];
                let period = periods.code(ordinal);
                step.combine(&mut number, &[period], n_currencies, periods.len());
                number[0]
            });
            return;
        }
        groups.clear();
        match rows {
            Some(rows) => groups.extend(rows.iter().map(|r| currency[*r as usize])),
            None => groups.extend_from_slice(currency),
        }
        match when {
            When::Instants(instants) => {
                let table = self.numbers.periods(calendar);
                table.numbers(instants, codes, |ordinal| periods.code(ordinal));
            }
            When::Ordinals(ordinals) => {
                codes.clear();
                codes.extend(ordinals.iter().map(|o| periods.code(i64::from(*o))));
            }
        }
        step.combine(groups, codes, n_currencies, periods.len());
    }

    /// Per row of the batch, the code of its value of a dimension that has one value per row.
    fn row_codes(
        &mut self,
        batch: &ChargeBatch,
        column: &BatchColumn,
        d: usize,
        mut out: Vec<u32>,
    ) -> Vec<u32> {
        match column {
            BatchColumn::Text(i) => self.names[d].codes_of(batch.text(*i), &mut out),
            BatchColumn::Currency => self.names[d].codes_of(batch.currency(), &mut out),
            BatchColumn::Constant(text) => {
                let code = self.names[d].code(text);
                out.clear();
                out.resize(batch.len(), code);
            }
            BatchColumn::TagKey(key) => {
                out.clear();
                if let Some(tags) = batch.tags() {
                    let names = &mut self.names[d];
                    let codes = self.values_of_sets[d].turn_to(&tags, |set| {
                        let value = tags.set(set).find(|(k, _)| k == key).and_then(|(_, v)| v);
                        names.code(value.unwrap_or(""))
                    });
                    out.extend(tags.codes().iter().map(|set| codes[*set as usize]));
                }
            }
            BatchColumn::TagId => {}
        }
        out
    }

    /// Each contribution once per tag of its row (once under "" without tags), and `groups` as often.
    fn explode(
        &mut self,
        batch: &ChargeBatch,
        rows: Option<&[u32]>,
        d: usize,
        groups: &mut Vec<u32>,
        room: Exploded,
    ) -> Exploded {
        let mut out = room;
        out.contributions.clear();
        let Some(tags) = batch.tags() else {
            groups.clear();
            return Exploded::default();
        };
        self.tags_of_sets.turn_to(&tags, &mut self.names[d]);
        let (of_sets, sets) = (&self.tags_of_sets, tags.codes());
        // Room for a few tags of each row, and for as many again: what is written past the tags of a row, the next one
        // writes over. A row of more brings its own.
        let mut n_room = (groups.len() + 1) * LANES;
        out.make_room(n_room);
        let mut at = 0;
        let mut near = [(Place::default(), [0; LANES]); BLOCK];
        for (block, groups) in groups.chunks(BLOCK).enumerate() {
            let first = block * BLOCK;
            let row_of = |i: usize| rows.map_or((first + i) as u32, |rows| rows[first + i]);
            let of_rows = (0..groups.len()).map(|i| sets[row_of(i) as usize] as usize);
            of_sets.glance(of_rows, &mut near[..groups.len()]);
            for (i, (group, (place, lanes))) in groups.iter().zip(&near).enumerate() {
                let row = row_of(i);
                let end = at + place.len();
                if rows.is_some() {
                    out.contributions.resize(end, (first + i) as u32);
                }
                if place.len() <= LANES {
                    out.tags[at..at + LANES].copy_from_slice(lanes);
                    out.rows[at..at + LANES].copy_from_slice(&[row; LANES]);
                    out.spare[at..at + LANES].copy_from_slice(&[*group; LANES]);
                } else {
                    n_room += place.len();
                    out.make_room(n_room);
                    out.tags[at..end].copy_from_slice(of_sets.codes(*place));
                    out.rows[at..end].fill(row);
                    out.spare[at..end].fill(*group);
                }
                at = end;
            }
        }
        for column in [&mut out.tags, &mut out.rows, &mut out.spare] {
            column.truncate(at);
        }
        std::mem::swap(groups, &mut out.spare);
        out
    }
}
