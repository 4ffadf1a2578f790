//! A batch of charges: what ingest promises to the engine.
//!
//! The schema is the charge schema narrowed to the columns asked for; times are UTC microseconds
//! and never null; the cost has one scale per batch; texts are dictionary-encoded with "no value" as
//! `""`; rejected rows are not in it, they stand beside it as faults.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Decimal256Array, DictionaryArray, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Field, Int32Type, Schema, TimeUnit, TimestampMicrosecondType,
    i256,
};
use rayon::iter::Either;

use crate::charge::schema::{BILLING_CURRENCY, CHARGE_PERIOD_END, TAGS};
use crate::charge::tag_sets::{BatchTags, NumberedSets};
use crate::error::{Error, Result};
use crate::money::{Amount, ExactSum};

/// Name of the batch column that the calendar of an answer looks at.
pub const PERIOD_START: &str = "period_start";
/// Name of the batch column that is summed.
pub const COST: &str = "cost";

/// Charges of one chunk of one source, columnar.
#[derive(Debug, Clone)]
pub struct ChargeBatch {
    rows: RecordBatch,
    n_text: usize,
    has_tags: bool,
    has_end: bool,
    /// The sets of which the column of tags has the numbers; None where it has the sets.
    numbered: Option<Arc<NumberedSets>>,
}

/// Why a row of a file is no charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeftOut {
    /// It adds up other rows.
    Total,
    /// It splits the cost of another row.
    Split,
    /// The format says so.
    Other,
}

/// What a chunk held beside its charges.
#[derive(Debug, Clone, Default)]
pub struct RowCounts {
    /// Rows read, the rejected ones with them.
    pub read: u64,
    /// Blank lines, which are no rows.
    pub blank: u64,
    /// Rows whose effective cost came from the billed cost.
    pub effective_from_billed: u64,
    /// Rows without a cost; they count as charges and add nothing.
    pub cost_empty: u64,
    /// Rows whose tags could not be read; they count as untagged.
    pub tags_unreadable: u64,
    /// Rows in files that name no currency.
    pub currency_absent: u64,
    /// Rows whose charge period has no end; they count as an instant.
    pub end_absent: u64,
    /// Lines that add up others. Like the next two they are no rows and not among those read.
    pub total_lines: u64,
    /// Rows that split the cost of another row.
    pub split_rows: u64,
    /// Rows that are no charges for another reason of the format.
    pub other_left_out: u64,
    /// Cells of a measure that hold no number; they count as without a value.
    pub measures_unreadable: u64,
    /// Views of the format that some row proves, a bit each.
    pub views: u32,
}

impl RowCounts {
    /// Adds another chunk's counts.
    pub fn add(&mut self, other: &RowCounts) {
        self.read += other.read;
        self.blank += other.blank;
        self.effective_from_billed += other.effective_from_billed;
        self.cost_empty += other.cost_empty;
        self.tags_unreadable += other.tags_unreadable;
        self.currency_absent += other.currency_absent;
        self.end_absent += other.end_absent;
        self.total_lines += other.total_lines;
        self.split_rows += other.split_rows;
        self.other_left_out += other.other_left_out;
        self.measures_unreadable += other.measures_unreadable;
        self.views |= other.views;
    }

    /// Takes a row that is no charge out of those read.
    pub fn leave_out(&mut self, why: LeftOut) {
        self.read -= 1;
        match why {
            LeftOut::Total => self.total_lines += 1,
            LeftOut::Split => self.split_rows += 1,
            LeftOut::Other => self.other_left_out += 1,
        }
    }

    /// Records of the file that these counts are about, charges or not.
    pub fn n_records(&self) -> u64 {
        self.read + self.total_lines + self.split_rows + self.other_left_out
    }

    /// The bridges that were needed, by name, for the receipt.
    pub fn notes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("effective_cost from billed_cost", self.effective_from_billed),
            ("cost empty", self.cost_empty),
            ("tags unreadable, counted as untagged", self.tags_unreadable),
            ("billing_currency absent", self.currency_absent),
            ("charge_period_end absent", self.end_absent),
            ("total lines", self.total_lines),
            ("split line items", self.split_rows),
            ("rows that are no charges", self.other_left_out),
            (
                "measures unreadable, taken as without a value",
                self.measures_unreadable,
            ),
        ]
        .into_iter()
        .filter(|(_, n)| *n > 0)
    }
}

/// Why one row of a chunk was refused. Places are relative to the chunk; the driver makes them absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFault {
    /// Row within the chunk, from 0, rejected rows counted.
    pub row: u64,
    /// Physical lines before it within the chunk; None where the carrier has no lines.
    pub lines_before: Option<u64>,
    /// Stable code; see [`crate::error::Diagnostic::code`].
    pub code: &'static str,
    /// The column, in the export's spelling.
    pub column: Option<Arc<str>>,
    /// The text that was met.
    pub text: String,
    /// What was expected instead.
    pub expected: String,
    /// The whole row.
    pub raw: String,
    /// Currency and cost, where they could be read.
    pub cost: Option<(String, Amount)>,
}

/// The money of a batch: integers of 10⁻ˢᶜᵃˡᵉ.
#[derive(Debug, Clone, Copy)]
pub enum MoneyColumn<'a> {
    /// All values fit 38 digits at the batch's scale.
    Narrow {
        /// Null rows hold 0.
        mantissas: &'a [i128],
        /// Decimals.
        scale: u8,
    },
    /// At least one does not.
    Wide {
        /// Null rows hold 0.
        mantissas: &'a [i256],
        /// Decimals.
        scale: u8,
    },
}

/// The data type of text columns.
pub fn text_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// The data type of instants.
pub fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The parts of a batch, before they are checked.
#[derive(Debug)]
pub struct BatchParts {
    /// Instants that the calendar looks at.
    pub start: ScalarBuffer<i64>,
    /// Ends of the charge periods, where asked for.
    pub end: Option<ScalarBuffer<i64>>,
    /// Decimal128 or Decimal256, null rows holding 0.
    pub cost: ArrayRef,
    /// Currency codes.
    pub currency: DictionaryArray<Int32Type>,
    /// Text columns by name, in the order of the hint.
    pub text: Vec<(String, DictionaryArray<Int32Type>)>,
    /// Where asked for.
    pub tags: Option<BatchTags>,
}

impl ChargeBatch {
    /// Checks the parts against the promise above.
    ///
    /// Errors: a bug of ours, when lengths or types differ.
    pub fn new(parts: BatchParts) -> Result<Self> {
        let bug =
            |e: arrow::error::ArrowError| Error::bug(format!("a batch does not fit the charge schema: {e}"));
        let times = |values: ScalarBuffer<i64>| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::new(values, None).with_timezone("UTC"))
        };
        if !matches!(
            parts.cost.data_type(),
            DataType::Decimal128(38, 0..=38) | DataType::Decimal256(76, 0..=38)
        ) {
            return Err(Error::bug(format!(
                "a cost column of type {}",
                parts.cost.data_type()
            )));
        }
        let n_text = parts.text.len();
        let has_tags = parts.tags.is_some();
        let has_end = parts.end.is_some();
        let mut fields = vec![
            Field::new(PERIOD_START, time_type(), false),
            Field::new(COST, parts.cost.data_type().clone(), true),
            Field::new(BILLING_CURRENCY, text_type(), false),
        ];
        let mut columns: Vec<ArrayRef> = vec![times(parts.start), parts.cost, Arc::new(parts.currency)];
        for (name, array) in parts.text {
            fields.push(Field::new(name, text_type(), true));
            columns.push(Arc::new(array));
        }
        let mut numbered = None;
        if let Some(tags) = parts.tags {
            let column: ArrayRef = match tags {
                BatchTags::Sets(column) => Arc::new(column),
                BatchTags::Numbers { numbers, sets } => {
                    numbered = Some(sets);
                    Arc::new(numbers)
                }
            };
            fields.push(Field::new(TAGS, column.data_type().clone(), false));
            columns.push(column);
        }
        if let Some(end) = parts.end {
            fields.push(Field::new(CHARGE_PERIOD_END, time_type(), false));
            columns.push(times(end));
        }
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(bug)?;
        Ok(ChargeBatch {
            rows,
            n_text,
            has_tags,
            has_end,
            numbered,
        })
    }

    /// The same columns with other rows or values; the sets of tags are the same.
    fn with_rows(&self, rows: RecordBatch) -> Self {
        ChargeBatch {
            rows,
            numbered: self.numbered.clone(),
            ..*self
        }
    }

    /// Adds the measures of the hint, in its order: decimals like the cost, null where a row has no value.
    ///
    /// Errors: a bug of ours, when lengths or types differ.
    pub fn with_measures(self, measures: Vec<(String, ArrayRef)>) -> Result<Self> {
        if measures.is_empty() {
            return Ok(self);
        }
        let bug = |e: arrow::error::ArrowError| Error::bug(format!("a measure does not fit its batch: {e}"));
        let mut fields: Vec<Field> = self
            .rows
            .schema()
            .fields()
            .iter()
            .map(|f| f.as_ref().clone())
            .collect();
        let mut columns = self.rows.columns().to_vec();
        for (name, array) in measures {
            if !matches!(
                array.data_type(),
                DataType::Decimal128(38, 0..=38) | DataType::Decimal256(76, 0..=38)
            ) {
                return Err(Error::bug(format!("a measure of type {}", array.data_type())));
            }
            fields.push(Field::new(name, array.data_type().clone(), true));
            columns.push(array);
        }
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(bug)?;
        Ok(ChargeBatch { rows, ..self })
    }

    /// Keeps the rows whose flag is set.
    pub fn filter(&self, keep: &arrow::array::BooleanArray) -> Result<Self> {
        let rows = arrow::compute::filter_record_batch(&self.rows, keep)
            .map_err(|e| Error::bug(format!("a batch could not be filtered: {e}")))?;
        Ok(self.with_rows(rows))
    }

    /// The same charges with another measure `i` of the hint.
    pub fn with_measure(&self, i: usize, values: ArrayRef) -> Result<Self> {
        let at = self.first_measure() + i;
        let mut fields: Vec<Arc<Field>> = self.rows.schema().fields().iter().map(Arc::clone).collect();
        let mut columns = self.rows.columns().to_vec();
        let (Some(field), Some(column)) = (fields.get_mut(at), columns.get_mut(at)) else {
            return Err(Error::bug("a batch has fewer measures"));
        };
        *field = Arc::new(Field::new(field.name(), values.data_type().clone(), true));
        *column = values;
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
            .map_err(|e| Error::bug(format!("a batch with another measure: {e}")))?;
        Ok(self.with_rows(rows))
    }

    /// The same charges with another cost, in other currencies.
    pub fn with_cost(&self, cost: ArrayRef, currency: DictionaryArray<Int32Type>) -> Result<Self> {
        let mut fields: Vec<Arc<Field>> = self.rows.schema().fields().iter().map(Arc::clone).collect();
        let mut columns = self.rows.columns().to_vec();
        fields[1] = Arc::new(Field::new(COST, cost.data_type().clone(), true));
        columns[1] = cost;
        columns[2] = Arc::new(currency);
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
            .map_err(|e| Error::bug(format!("a batch with another cost: {e}")))?;
        Ok(self.with_rows(rows))
    }

    /// The same charges with other tags.
    ///
    /// Errors: a bug of ours, for a batch without tags.
    pub fn with_tags(&self, tags: DictionaryArray<Int32Type>) -> Result<Self> {
        if !self.has_tags {
            return Err(Error::bug("a batch without tags cannot take others"));
        }
        let at = 3 + self.n_text;
        let mut fields: Vec<Arc<Field>> = self.rows.schema().fields().iter().map(Arc::clone).collect();
        let mut columns = self.rows.columns().to_vec();
        fields[at] = Arc::new(Field::new(TAGS, tags.data_type().clone(), false));
        columns[at] = Arc::new(tags);
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
            .map_err(|e| Error::bug(format!("a batch with other tags: {e}")))?;
        Ok(ChargeBatch {
            rows,
            numbered: None,
            ..*self
        })
    }

    /// The column of the first measure.
    fn first_measure(&self) -> usize {
        3 + self.n_text + usize::from(self.has_tags) + usize::from(self.has_end)
    }

    /// The same charges with other texts, one column for each of the hint.
    pub fn with_texts(&self, texts: Vec<DictionaryArray<Int32Type>>) -> Result<Self> {
        if texts.len() != self.n_text {
            return Err(Error::bug(
                "a batch cannot take more or fewer text columns than it has",
            ));
        }
        let mut columns = self.rows.columns().to_vec();
        for (column, text) in columns[3..].iter_mut().zip(texts) {
            *column = Arc::new(text);
        }
        let rows = RecordBatch::try_new(self.rows.schema(), columns)
            .map_err(|e| Error::bug(format!("a batch with other texts: {e}")))?;
        Ok(self.with_rows(rows))
    }

    /// The batch as Arrow sees it.
    pub fn record_batch(&self) -> &RecordBatch {
        &self.rows
    }

    /// Charges in it.
    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Per charge, the instant that the calendar looks at, UTC microseconds.
    pub fn start(&self) -> &[i64] {
        self.rows
            .column(0)
            .as_primitive::<TimestampMicrosecondType>()
            .values()
    }

    /// Per charge, the end of its charge period; empty when it was not asked for.
    pub fn end(&self) -> &[i64] {
        if !self.has_end {
            return &[];
        }
        let column = self.rows.column(3 + self.n_text + usize::from(self.has_tags));
        column.as_primitive::<TimestampMicrosecondType>().values()
    }

    /// Per charge, its cost.
    pub fn cost(&self) -> MoneyColumn<'_> {
        money(self.rows.column(1))
    }

    /// Per charge, its measure `i` of the hint.
    ///
    /// # Panics
    /// When the hint asked for fewer measures.
    pub fn measure(&self, i: usize) -> MeasureColumn<'_> {
        let column = self.rows.column(self.first_measure() + i);
        MeasureColumn {
            values: money(column),
            nulls: column.nulls(),
        }
    }

    /// Per charge, its currency's code.
    pub fn currency(&self) -> &DictionaryArray<Int32Type> {
        self.rows.column(2).as_dictionary()
    }

    /// Text column `i` of the hint.
    ///
    /// # Panics
    /// When the hint asked for fewer columns.
    pub fn text(&self, i: usize) -> &DictionaryArray<Int32Type> {
        assert!(i < self.n_text, "text column {i} of {}", self.n_text);
        self.rows.column(3 + i).as_dictionary()
    }

    /// Per charge, its set of tags; None when they were not asked for.
    pub fn tags(&self) -> Option<TagColumn<'_>> {
        let column = self.has_tags.then(|| self.rows.column(3 + self.n_text))?;
        Some(match &self.numbered {
            None => {
                let column = column.as_dictionary::<Int32Type>();
                TagColumn {
                    codes: column.keys().values(),
                    sets: TagSets::Array(column.values()),
                }
            }
            Some(sets) => TagColumn {
                codes: column.as_primitive::<Int32Type>().values(),
                sets: TagSets::Numbered(sets),
            },
        })
    }
}

fn money(column: &ArrayRef) -> MoneyColumn<'_> {
    match column.data_type() {
        DataType::Decimal128(_, scale) => MoneyColumn::Narrow {
            mantissas: column.as_primitive::<Decimal128Type>().values(),
            scale: scale.unsigned_abs(),
        },
        DataType::Decimal256(_, scale) => MoneyColumn::Wide {
            mantissas: column.as_primitive::<Decimal256Type>().values(),
            scale: scale.unsigned_abs(),
        },
        other => unreachable!("new() admits no cost of type {other}"),
    }
}

impl MoneyColumn<'_> {
    /// The amount of a row; zero where the row has none.
    ///
    /// Errors: a bug of ours, when a batch holds more than 38 digits.
    pub fn amount(&self, row: usize) -> Result<Amount> {
        let amount = match self {
            MoneyColumn::Narrow { mantissas, scale } => Amount::new(mantissas[row], *scale),
            MoneyColumn::Wide { mantissas, scale } => {
                ExactSum::from_parts(mantissas[row], *scale).and_then(|s| s.to_amount())
            }
        };
        amount.ok_or_else(|| Error::bug("a batch holds an amount of more than 38 digits"))
    }
}

/// A measure of a batch: its values, and which rows have one.
#[derive(Debug, Clone, Copy)]
pub struct MeasureColumn<'a> {
    values: MoneyColumn<'a>,
    nulls: Option<&'a NullBuffer>,
}

impl MeasureColumn<'_> {
    /// Whether no row has a value.
    pub fn is_empty(&self) -> bool {
        self.nulls.is_some_and(|nulls| nulls.null_count() == nulls.len())
    }

    /// The value of a row, where it has one.
    ///
    /// Errors: a bug of ours, when a batch holds more than 38 digits.
    pub fn get(&self, row: usize) -> Result<Option<Amount>> {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return Ok(None);
        }
        self.values.amount(row).map(Some)
    }
}

/// The tags of a batch: a code per row, and the sets that codes stand for.
#[derive(Debug, Clone, Copy)]
pub struct TagColumn<'a> {
    codes: &'a [i32],
    sets: TagSets<'a>,
}

/// The sets that codes of tags stand for. In batches that share them, a code is the same set.
#[derive(Debug, Clone, Copy)]
pub enum TagSets<'a> {
    /// An array of maps.
    Array(&'a ArrayRef),
    /// All of a lineage.
    Numbered(&'a NumberedSets),
}

impl<'a> TagColumn<'a> {
    /// Per row, the index of its set.
    pub fn codes(&self) -> &'a [i32] {
        self.codes
    }

    /// What the codes stand for.
    pub fn sets(&self) -> TagSets<'a> {
        self.sets
    }

    /// Distinct sets. Of some there may be no row.
    pub fn n_sets(&self) -> usize {
        match self.sets {
            TagSets::Array(maps) => maps.len(),
            TagSets::Numbered(sets) => sets.len(),
        }
    }

    /// The tags of one set: key, and value where it has one.
    pub fn set(&self, set: usize) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        match self.sets {
            TagSets::Array(maps) => {
                let maps = maps.as_map();
                let keys: &'a StringArray = maps.keys().as_string();
                let values: &'a StringArray = maps.values().as_string();
                let offsets = maps.value_offsets();
                let tags = (offsets[set] as usize..offsets[set + 1] as usize)
                    .map(move |i| (keys.value(i), values.is_valid(i).then(|| values.value(i))));
                Either::Left(tags)
            }
            TagSets::Numbered(sets) => Either::Right(sets.tags_of(set)),
        }
    }
}

/// A cost column of 38 digits. `mantissas` of null rows must be 0.
pub fn narrow_cost(
    mantissas: impl Into<ScalarBuffer<i128>>,
    scale: u8,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let array = Decimal128Array::new(mantissas.into(), nulls)
        .with_precision_and_scale(38, scale as i8)
        .map_err(|e| Error::bug(format!("a cost column of scale {scale}: {e}")))?;
    Ok(Arc::new(array))
}

/// A cost column of 76 digits. `mantissas` of null rows must be 0.
pub fn wide_cost(mantissas: Vec<i256>, scale: u8, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    let array = Decimal256Array::new(mantissas.into(), nulls)
        .with_precision_and_scale(76, scale as i8)
        .map_err(|e| Error::bug(format!("a cost column of scale {scale}: {e}")))?;
    Ok(Arc::new(array))
}
