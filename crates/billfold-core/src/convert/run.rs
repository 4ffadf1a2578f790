//! A run: gathered rows in memory, column by column, until they are sorted and handed on.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
    UInt64Array,
};
use arrow::compute::{CastOptions, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, i256};
use arrow::util::display::FormatOptions;

use super::gather::{Gathered, Rows};
use super::layout::Layout;
use crate::charge::batch::time_type;
use crate::charge::builder::{MoneyBuilder, dictionary};
use crate::charge::intern::Interner;
use crate::charge::schema::ColumnKind;
use crate::error::{Error, Result};
use crate::money::POW10;

/// Bytes of texts at which a run is full.
const FULL_TEXT_BYTES: usize = 256 << 20;

/// A value that does not fit its type is an error, never a null.
pub(super) const STRICT: CastOptions<'static> = CastOptions {
    safe: false,
    format_options: FormatOptions::new(),
};

/// Columns in front of the layout's: the sort key. Start, place of the chunk, row of the chunk.
pub(super) const N_KEYS: usize = 3;

/// Names of the key columns, in spilled runs only.
const KEYS: [&str; N_KEYS] = ["#start", "#chunk", "#row"];

/// Rows in memory.
pub(super) struct Run {
    start: Vec<i64>,
    chunk: Vec<u64>,
    row: Vec<u64>,
    columns: Vec<Kept>,
    n_text_bytes: usize,
}

enum Kept {
    /// Codes, −1 for no value.
    Text(Interner, Vec<i32>),
    Time(Vec<Option<i64>>),
    Money(MoneyBuilder),
}

impl Run {
    pub(super) fn new(layout: &Layout) -> Self {
        let columns = layout.columns.iter().map(|column| match column.kind() {
            ColumnKind::Text | ColumnKind::Tags => Kept::Text(Interner::default(), Vec::new()),
            ColumnKind::Time => Kept::Time(Vec::new()),
            ColumnKind::Money | ColumnKind::Number => Kept::Money(MoneyBuilder::with_capacity(0)),
        });
        Run {
            start: Vec::new(),
            chunk: Vec::new(),
            row: Vec::new(),
            columns: columns.collect(),
            n_text_bytes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.start.len()
    }

    /// Whether it holds as many rows, or as much text, as a run may.
    pub(super) fn is_full(&self, max_rows: usize) -> bool {
        self.len() >= max_rows || self.n_text_bytes >= FULL_TEXT_BYTES
    }

    /// Takes the rows that are not refused. `chunk` is the place of their chunk among all.
    pub(super) fn add(&mut self, rows: Rows, chunk: u64) -> Result<()> {
        let Rows {
            start,
            refused,
            columns,
            first_row,
        } = rows;
        let kept: Vec<usize> = (0..start.len()).filter(|row| !refused[*row]).collect();
        self.start.extend(kept.iter().map(|row| start[*row]));
        self.chunk.extend(kept.iter().map(|_| chunk));
        self.row.extend(kept.iter().map(|row| first_row + *row as u64));
        for (column, gathered) in self.columns.iter_mut().zip(columns) {
            match (column, gathered) {
                (Kept::Text(_, codes), Gathered::Null) => codes.extend(kept.iter().map(|_| -1)),
                (Kept::Time(times), Gathered::Null) => times.extend(kept.iter().map(|_| None)),
                (Kept::Money(money), Gathered::Null) => kept.iter().for_each(|_| money.push_null()),
                (Kept::Text(interner, codes), Gathered::Text(array)) => {
                    let names = array.values().as_string::<i32>();
                    // A dictionary may hold texts that no row has; those are not taken.
                    let mut known: Vec<Option<i32>> = vec![None; names.len()];
                    for row in &kept {
                        if array.is_null(*row) {
                            codes.push(-1);
                            continue;
                        }
                        let key = array.keys().value(*row) as usize;
                        let code = *known[key].get_or_insert_with(|| {
                            let text = if names.is_null(key) { "" } else { names.value(key) };
                            if text.is_empty() {
                                return -1;
                            }
                            let n_before = interner.len();
                            let code = interner.intern(text.as_bytes());
                            if interner.len() > n_before {
                                self.n_text_bytes += text.len() + 32;
                            }
                            code
                        });
                        codes.push(code);
                    }
                }
                (Kept::Time(times), Gathered::Time(values)) => {
                    times.extend(kept.iter().map(|row| values[*row]));
                }
                (Kept::Money(money), Gathered::Money(values)) => {
                    for row in &kept {
                        match values[*row] {
                            Some(amount) => money.push(amount),
                            None => money.push_null(),
                        }
                    }
                }
                _ => return Err(Error::bug("a gathered column of another kind")),
            }
        }
        Ok(())
    }

    /// The rows in their order, as batches of at most `batch_rows`.
    pub(super) fn sorted(self, layout: &Layout, batch_rows: usize) -> Result<Sorted> {
        let Run {
            start,
            chunk,
            row,
            columns,
            ..
        } = self;
        let mut order: Vec<u32> = (0..start.len() as u32).collect();
        order.sort_unstable_by_key(|i| {
            let i = *i as usize;
            (start[i], chunk[i], row[i])
        });
        let mut fields = vec![
            Field::new(KEYS[0], time_type(), false),
            Field::new(KEYS[1], DataType::UInt64, false),
            Field::new(KEYS[2], DataType::UInt64, false),
        ];
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(TimestampMicrosecondArray::from(start).with_timezone("UTC")),
            Arc::new(UInt64Array::from(chunk)),
            Arc::new(UInt64Array::from(row)),
        ];
        for (column, kept) in layout.columns.iter().zip(columns) {
            let array = kept.finish()?;
            fields.push(Field::new(&column.name, array.data_type().clone(), true));
            arrays.push(array);
        }
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
            .map_err(|e| Error::bug(format!("a run does not fit its layout: {e}")))?;
        Ok(Sorted {
            rows,
            order,
            at: 0,
            batch_rows,
        })
    }
}

impl Kept {
    fn finish(self) -> Result<ArrayRef> {
        Ok(match self {
            Kept::Text(interner, codes) => {
                let texts: Result<StringArray> = (0..interner.len() as i32)
                    .map(|code| {
                        std::str::from_utf8(interner.get(code))
                            .map(Some)
                            .map_err(|e| Error::bug(format!("unchecked text: {e}")))
                    })
                    .collect();
                if codes.iter().all(|code| *code >= 0) {
                    Arc::new(dictionary(codes, Arc::new(texts?))?)
                } else {
                    let keys: Int32Array = codes
                        .into_iter()
                        .map(|code| (code >= 0).then_some(code))
                        .collect();
                    let array = arrow::array::DictionaryArray::try_new(keys, Arc::new(texts?))
                        .map_err(|e| Error::bug(format!("a dictionary column: {e}")))?;
                    Arc::new(array)
                }
            }
            Kept::Time(times) => Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")),
            Kept::Money(money) => money.finish()?,
        })
    }
}

/// A run in its order, batch by batch; key columns in front.
pub(super) struct Sorted {
    rows: RecordBatch,
    order: Vec<u32>,
    at: usize,
    batch_rows: usize,
}

impl Sorted {
    /// What every batch looks like.
    pub(super) fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    /// What each column of the layout needs; None for columns that hold no money.
    pub(super) fn needs(&self) -> Vec<Option<MoneyNeed>> {
        self.rows.columns()[N_KEYS..].iter().map(MoneyNeed::of).collect()
    }
}

impl Iterator for Sorted {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = (self.at + self.batch_rows).min(self.order.len());
        if self.at == end {
            return None;
        }
        let indices = UInt32Array::from(self.order[self.at..end].to_vec());
        self.at = end;
        Some(
            take_record_batch(&self.rows, &indices)
                .map_err(|e| Error::bug(format!("a run in its order: {e}"))),
        )
    }
}

/// The decimal type that a money column needs.
#[derive(Debug, Clone)]
pub(super) struct MoneyNeed {
    /// Per scale of a run, the largest magnitude at it.
    largest: [Option<i256>; 39],
}

impl MoneyNeed {
    fn of(array: &ArrayRef) -> Option<MoneyNeed> {
        use arrow::datatypes::{Decimal128Type, Decimal256Type};
        let mut largest = [None; 39];
        let (scale, most) = match array.data_type() {
            DataType::Decimal128(_, scale) => {
                let values = array.as_primitive::<Decimal128Type>().values();
                let most = values.iter().map(|v| v.unsigned_abs()).max().unwrap_or(0);
                (*scale, i256::from_parts(most, 0))
            }
            DataType::Decimal256(_, scale) => {
                let values = array.as_primitive::<Decimal256Type>().values();
                (
                    *scale,
                    values
                        .iter()
                        .map(|v| v.wrapping_abs())
                        .max()
                        .unwrap_or(i256::ZERO),
                )
            }
            _ => return None,
        };
        *largest.get_mut(usize::from(scale.unsigned_abs()))? = Some(most);
        Some(MoneyNeed { largest })
    }

    pub(super) fn merge(&mut self, other: &MoneyNeed) {
        for (mine, other) in self.largest.iter_mut().zip(&other.largest) {
            *mine = (*mine).max(*other);
        }
    }

    /// 38 digits where every value fits them at the largest scale, else 76.
    pub(super) fn data_type(&self) -> DataType {
        let scale = self.largest.iter().rposition(Option::is_some).unwrap_or(0);
        let limit = i256::from_i128(POW10[38]);
        let fits = self.largest.iter().enumerate().all(|(from, most)| {
            // A run holds at most 76 digits, and a value never needs more than 38 + 38.
            most.is_none_or(|most| {
                from > scale
                    || most
                        .checked_mul(i256::from_i128(POW10[scale - from]))
                        .is_some_and(|m| m < limit)
            })
        });
        if fits {
            DataType::Decimal128(38, scale as i8)
        } else {
            DataType::Decimal256(76, scale as i8)
        }
    }
}
