//! Batches take their texts from the tables, between scan and fold.
//!
//! A key is looked up once per dictionary, and a value is a code of the table's own dictionary, so that a
//! row costs a few array reads and no string.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, StringArray};
use arrow::datatypes::Int32Type;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::bind::{BoundLookups, BoundTable, FillAt, KeyAt, LookupState, TableState, note};
use crate::charge::ChargeBatch;
use crate::charge::batch::MeasureColumn;
use crate::charge::builder::{MoneyBuilder, dictionary};
use crate::engine::KeySet;
use crate::error::{Error, Result};
use crate::money::Amount;

type TextArray = DictionaryArray<Int32Type>;

/// Nobody asked yet.
const UNASKED: u32 = u32::MAX;
/// The key is empty.
const NO_KEY: u32 = u32::MAX - 1;
/// The key does not stand in the table.
const UNKNOWN: u32 = u32::MAX - 2;
/// No entry for a row.
const NONE: u32 = u32::MAX;

/// Per code of the dictionary met last, its key in the table. The batches of a Parquet row group share one.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    dictionary: Option<ArrayRef>,
    keys: Vec<u32>,
}

impl BoundLookups {
    /// Gives the charges of a batch, brought by [`BoundLookups::hint`], what the tables say of them.
    pub fn apply<'b>(&self, batch: &'b ChargeBatch, state: &mut LookupState) -> Result<Cow<'b, ChargeBatch>> {
        if self.tables.is_empty() {
            return Ok(Cow::Borrowed(batch));
        }
        let mut given = batch.clone();
        let mut texts: Vec<TextArray> = (0..self.hint.text.len()).map(|i| batch.text(i).clone()).collect();
        for (table, state) in self.tables.iter().zip(&mut state.tables) {
            let entries = table.entries(batch, &texts, state)?;
            for (f, fill) in table.fills.iter().enumerate() {
                let codes = |row: usize| match entries[row] {
                    NONE => 0,
                    entry => table.codes[entry as usize * table.fills.len() + f],
                };
                let column = &table.table.columns[fill.column];
                let n_filled = &mut state.filled[f];
                match fill.at {
                    FillAt::Text(i) => texts[i] = filled(&texts[i], codes, &column.values, n_filled)?,
                    FillAt::Measure(i) => {
                        let size = |row: usize| column.sizes.get(codes(row) as usize).copied().flatten();
                        let sizes = measured(given.measure(i), batch.len(), size, n_filled)?;
                        given = given.with_measure(i, sizes)?;
                    }
                }
            }
        }
        Ok(Cow::Owned(given.with_texts(texts)?))
    }
}

impl BoundTable {
    /// Per charge its entry, or [`NONE`].
    fn entries(&self, batch: &ChargeBatch, texts: &[TextArray], state: &mut TableState) -> Result<Vec<u32>> {
        let mut entries = Vec::with_capacity(batch.len());
        match &self.key {
            KeyAt::Text(i) => {
                let column = &texts[*i];
                let names: &StringArray = column.values().as_string();
                let text = |code: i32| {
                    if names.is_null(code as usize) {
                        ""
                    } else {
                        names.value(code as usize)
                    }
                };
                let resolved = &mut state.resolved;
                let same = resolved
                    .dictionary
                    .as_ref()
                    .is_some_and(|d| Arc::ptr_eq(d, column.values()));
                if !same {
                    resolved.keys.clear();
                    resolved.keys.resize(names.len(), UNASKED);
                    resolved.dictionary = Some(Arc::clone(column.values()));
                }
                let keys = column.keys();
                for (row, start) in batch.start().iter().enumerate() {
                    if keys.is_null(row) {
                        entries.push(self.entry(NO_KEY, "", *start, state));
                        continue;
                    }
                    let code = keys.value(row);
                    let known = &mut state.resolved.keys[code as usize];
                    let key = self.resolve(known, &mut state.tally.unmatched_keys, || text(code));
                    entries.push(self.entry(key, text(code), *start, state));
                }
            }
            KeyAt::Tag(wanted) => {
                let tags = batch
                    .tags()
                    .ok_or_else(|| Error::bug("a lookup by tag without tags"))?;
                let value = |set: usize| tags.set(set).find(|(key, _)| key == wanted).and_then(|(_, v)| v);
                let texts: Vec<&str> = (0..tags.n_sets()).map(|set| value(set).unwrap_or("")).collect();
                let mut keys = vec![UNASKED; texts.len()];
                for (start, set) in batch.start().iter().zip(tags.codes()) {
                    let text = texts[*set as usize];
                    let known = &mut keys[*set as usize];
                    let key = self.resolve(known, &mut state.tally.unmatched_keys, || text);
                    entries.push(self.entry(key, text, *start, state));
                }
            }
        }
        Ok(entries)
    }

    /// The key of a text; looked up the first time, and noted where the table does not have it.
    #[inline]
    fn resolve<'t>(&self, known: &mut u32, unmatched: &mut KeySet, text: impl Fn() -> &'t str) -> u32 {
        if *known == UNASKED {
            let text = text();
            *known = match self.table.keys.find(text.as_bytes()) {
                _ if text.is_empty() => NO_KEY,
                Some(key) => key as u32,
                None => {
                    note(unmatched, text);
                    UNKNOWN
                }
            };
        }
        *known
    }

    /// The entry that holds for a charge; counts what became of it.
    #[inline]
    fn entry(&self, key: u32, text: &str, start: i64, state: &mut TableState) -> u32 {
        let tally = &mut state.tally;
        match key {
            NO_KEY => {
                tally.without_key += 1;
                return NONE;
            }
            UNKNOWN => {
                tally.unmatched += 1;
                return NONE;
            }
            _ => {}
        }
        let (first, end) = (self.first[key as usize], self.first[key as usize + 1]);
        let entry = if self.holds.is_empty() {
            (first < end).then_some(first)
        } else {
            let holds = &self.holds[first as usize..end as usize];
            let after = holds.partition_point(|(from, _)| *from <= start);
            let at = after.checked_sub(1).filter(|at| start < holds[*at].1);
            at.map(|at| first + at as u32)
        };
        match entry {
            None => tally.out_of_dates += 1,
            Some(entry) if self.ambiguous[entry as usize] => {
                tally.ambiguous += 1;
                note(&mut tally.ambiguous_keys, text);
            }
            Some(_) => tally.matched += 1,
        }
        entry.unwrap_or(NONE)
    }
}

/// A measure whose missing values are the table's.
fn measured(
    column: MeasureColumn<'_>,
    n_rows: usize,
    size: impl Fn(usize) -> Option<Amount>,
    n_filled: &mut u64,
) -> Result<ArrayRef> {
    let mut builder = MoneyBuilder::with_capacity(n_rows);
    for row in 0..n_rows {
        match (column.get(row)?, size(row)) {
            (Some(value), _) => builder.push(value),
            (None, Some(value)) => {
                *n_filled += 1;
                builder.push(value);
            }
            (None, None) => builder.push_null(),
        }
    }
    builder.finish()
}

/// A text column whose empty cells have the table's value; `code` is a row's code in `values`, 0 for none.
fn filled(
    column: &TextArray,
    code: impl Fn(usize) -> i32,
    values: &ArrayRef,
    n_filled: &mut u64,
) -> Result<TextArray> {
    let names: &StringArray = column.values().as_string();
    let keys = column.keys();
    let is_empty = |row: usize| {
        keys.is_null(row) || {
            let code = keys.value(row) as usize;
            names.is_null(code) || names.value_length(code) == 0
        }
    };
    let n_rows = keys.len();
    let before = *n_filled;
    *n_filled += (0..n_rows)
        .filter(|row| is_empty(*row) && code(*row) != 0)
        .count() as u64;
    if *n_filled == before {
        return Ok(column.clone());
    }
    if (0..n_rows).all(is_empty) {
        // The common case: the bill has no such column. The table's dictionary is shared.
        return dictionary((0..n_rows).map(code).collect(), Arc::clone(values));
    }
    let theirs: &StringArray = values.as_string();
    let mut known: HashMap<(bool, i32), i32, FixedState> = HashMap::default();
    let mut texts: Vec<&str> = Vec::new();
    let mut codes = Vec::with_capacity(n_rows);
    for row in 0..n_rows {
        let from_table = is_empty(row);
        let at = if from_table { code(row) } else { keys.value(row) };
        let new = known.entry((from_table, at)).or_insert_with(|| {
            texts.push(if from_table {
                theirs.value(at as usize)
            } else {
                names.value(at as usize)
            });
            texts.len() as i32 - 1
        });
        codes.push(*new);
    }
    dictionary(codes, Arc::new(StringArray::from(texts)))
}
