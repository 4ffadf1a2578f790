//! What a question needs of the lookup tables: per key and time one entry with the columns asked for.
//!
//! Contradictions are settled here, once per question, so that a batch finds one entry or none.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Lookups;
use super::table::{LookupTable, is_size, is_text};
use crate::charge::{ScanHint, WantedTags};
use crate::engine::{KeySet, LookupReceipt};
use crate::query::DimensionSource;

/// The tables that a question needs, and what a scan must bring for them.
#[derive(Debug)]
pub struct BoundLookups {
    /// The question's hint, and behind its columns the keys of the tables.
    pub(super) hint: ScanHint,
    /// In the order in which they are asked.
    pub(super) tables: Vec<BoundTable>,
    /// Tables that the question does not need.
    unused: Vec<Arc<str>>,
}

/// One table, for one question.
#[derive(Debug)]
pub(super) struct BoundTable {
    pub(super) table: Arc<LookupTable>,
    pub(super) key: KeyAt,
    pub(super) fills: Vec<Fill>,
    /// Per key, and one more: its first entry.
    pub(super) first: Vec<u32>,
    /// Per entry, when it holds; entries of a key are in order and do not overlap. Empty: always.
    pub(super) holds: Vec<(i64, i64)>,
    /// Per entry and fill, the code of the value; 0 is none.
    pub(super) codes: Vec<i32>,
    /// Per entry, whether rows contradict each other in a column that is asked for.
    pub(super) ambiguous: Vec<bool>,
}

/// Where a batch keeps the key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeyAt {
    /// Text column of this index.
    Text(usize),
    /// The value of this tag.
    Tag(String),
}

/// A column of the batch, and the column of the table that fills it.
#[derive(Debug)]
pub(super) struct Fill {
    pub(super) at: FillAt,
    pub(super) column: usize,
}

/// What is filled.
#[derive(Debug, Clone, Copy)]
pub(super) enum FillAt {
    /// Text column of this index.
    Text(usize),
    /// Measure of this index.
    Measure(usize),
}

/// One worker's memory: what became of the charges, per table.
#[derive(Debug, Default)]
pub struct LookupState {
    pub(super) tables: Vec<TableState>,
}

/// One worker's memory of one table.
#[derive(Debug, Default)]
pub(super) struct TableState {
    pub(super) tally: LookupReceipt,
    pub(super) filled: Vec<u64>,
    pub(super) resolved: super::apply::Resolved,
}

impl Lookups {
    /// Keeps what a question needs.
    pub fn bind(&self, hint: &ScanHint) -> BoundLookups {
        let mut hint = hint.clone();
        let mut bound = Vec::new();
        let mut unused = Vec::new();
        // Backwards: a later table may need as its key what an earlier one fills.
        for table in self.tables.iter().rev() {
            let texts = hint.text.iter().enumerate().filter(|(_, name)| is_text(name));
            let sizes = hint.measures.iter().enumerate().filter(|(_, name)| is_size(name));
            let wanted = texts
                .map(|(i, name)| (FillAt::Text(i), name))
                .chain(sizes.map(|(i, name)| (FillAt::Measure(i), name)));
            let fills: Vec<Fill> = wanted
                .filter_map(|(at, name)| table.find(name).map(|column| Fill { at, column }))
                .collect();
            if fills.is_empty() {
                unused.push(Arc::clone(&table.source));
                continue;
            }
            let key = match &table.key.source {
                DimensionSource::TagKey(key) => {
                    hint.want_tags(WantedTags::Sets);
                    KeyAt::Tag(key.clone())
                }
                DimensionSource::Column(name) | DimensionSource::Text(name) => {
                    KeyAt::Text(hint.want_text(name))
                }
                DimensionSource::TagId => continue,
            };
            bound.push(BoundTable::of(table, key, fills));
        }
        bound.reverse();
        unused.reverse();
        BoundLookups {
            hint,
            tables: bound,
            unused,
        }
    }
}

impl BoundLookups {
    /// What a scan must bring.
    pub fn hint(&self) -> &ScanHint {
        &self.hint
    }

    /// Whether the question needs no table.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Tables that the question does not need.
    pub fn unused(&self) -> &[Arc<str>] {
        &self.unused
    }

    /// A worker's memory.
    pub fn state(&self) -> LookupState {
        let tables = self.tables.iter().map(|bound| TableState {
            filled: vec![0; bound.fills.len()],
            ..TableState::default()
        });
        LookupState {
            tables: tables.collect(),
        }
    }

    /// The accounts of the tables over all workers.
    pub fn receipts<'s>(&self, states: impl IntoIterator<Item = &'s LookupState>) -> Vec<LookupReceipt> {
        let mut receipts: Vec<LookupReceipt> = self.tables.iter().map(BoundTable::receipt).collect();
        for state in states {
            for (receipt, table) in receipts.iter_mut().zip(&state.tables) {
                add(receipt, table);
            }
        }
        receipts
    }
}

fn add(receipt: &mut LookupReceipt, state: &TableState) {
    let tally = &state.tally;
    receipt.matched += tally.matched;
    receipt.ambiguous += tally.ambiguous;
    receipt.out_of_dates += tally.out_of_dates;
    receipt.unmatched += tally.unmatched;
    receipt.without_key += tally.without_key;
    receipt.unmatched_keys.merge(&tally.unmatched_keys);
    receipt.ambiguous_keys.merge(&tally.ambiguous_keys);
    for ((_, n), more) in receipt.filled.iter_mut().zip(&state.filled) {
        *n += more;
    }
}

impl BoundTable {
    fn of(table: &Arc<LookupTable>, key: KeyAt, fills: Vec<Fill>) -> Self {
        let mut bound = BoundTable {
            table: Arc::clone(table),
            key,
            fills,
            first: vec![0],
            holds: Vec::new(),
            codes: Vec::new(),
            ambiguous: Vec::new(),
        };
        for range in table.first.windows(2) {
            let rows = &table.rows[range[0] as usize..range[1] as usize];
            if table.validity.is_empty() {
                let mut said = Said::new(bound.fills.len());
                for row in rows {
                    said.add(&bound.codes_of(*row));
                }
                bound.push(&said);
            } else {
                bound.push_dated(rows);
            }
            bound.first.push(bound.ambiguous.len() as u32);
        }
        bound
    }

    fn codes_of(&self, row: u32) -> Vec<i32> {
        let code = |fill: &Fill| self.table.columns[fill.column].codes[row as usize];
        self.fills.iter().map(code).collect()
    }

    fn push(&mut self, said: &Said) {
        self.codes.extend(said.columns.iter().map(agreed));
        self.ambiguous
            .push(said.columns.iter().any(|codes| codes.len() > 1));
    }

    /// Cuts time where a row of the key begins or ends to hold; between two cuts one entry.
    fn push_dated(&mut self, rows: &[u32]) {
        let mut cuts: Vec<(i64, bool, u32)> = Vec::with_capacity(rows.len() * 2);
        for row in rows {
            let (start, end) = self.table.validity[*row as usize];
            if start < end {
                cuts.push((start, true, *row));
                cuts.push((end, false, *row));
            }
        }
        cuts.sort_unstable();
        let mut said = Said::new(self.fills.len());
        for (i, (at, begins, row)) in cuts.iter().enumerate() {
            let codes = self.codes_of(*row);
            if *begins {
                said.add(&codes);
            } else {
                said.remove(&codes);
            }
            match cuts.get(i + 1) {
                Some((next, ..)) if next > at && said.n_rows > 0 => {
                    self.push(&said);
                    self.holds.push((*at, *next));
                }
                _ => {}
            }
        }
    }

    fn receipt(&self) -> LookupReceipt {
        LookupReceipt {
            source: Arc::clone(&self.table.source),
            key: self.table.key.name.clone(),
            rows: self.table.n_rows as u64,
            keys: self.table.n_keys() as u64,
            filled: self
                .fills
                .iter()
                .map(|fill| (self.table.columns[fill.column].name.clone(), 0))
                .collect(),
            ..LookupReceipt::default()
        }
    }
}

/// What the rows that hold say, column by column: codes, and how many rows say so. Empty says nothing.
struct Said {
    columns: Vec<BTreeMap<i32, u32>>,
    n_rows: u32,
}

impl Said {
    fn new(n_columns: usize) -> Self {
        Said {
            columns: vec![BTreeMap::new(); n_columns],
            n_rows: 0,
        }
    }

    fn add(&mut self, codes: &[i32]) {
        self.n_rows += 1;
        for (said, code) in self.columns.iter_mut().zip(codes).filter(|(_, code)| **code != 0) {
            *said.entry(*code).or_default() += 1;
        }
    }

    fn remove(&mut self, codes: &[i32]) {
        self.n_rows -= 1;
        for (said, code) in self.columns.iter_mut().zip(codes).filter(|(_, code)| **code != 0) {
            if let Some(n) = said.get_mut(code) {
                *n -= 1;
                if *n == 0 {
                    said.remove(code);
                }
            }
        }
    }
}

/// The one code that was said; 0 for none, or for several.
fn agreed(said: &BTreeMap<i32, u32>) -> i32 {
    match said.first_key_value() {
        Some((code, _)) if said.len() == 1 => *code,
        _ => 0,
    }
}

/// Adds a key to a set, unless it is there.
pub(super) fn note(set: &mut KeySet, key: &str) {
    if !set.keys.contains(key) {
        set.insert(key);
    }
}
