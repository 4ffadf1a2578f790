//! Ordered batches into a file: Parquet, CSV or NDJSON.

use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast_with_options;
use arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Field, Int32Type, Schema, SchemaRef, TimestampMicrosecondType,
};
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::gather::json_text;
use super::layout::{Layout, MARK};
use super::run::{N_KEYS, STRICT};
use crate::charge::schema::{CHARGE_PERIOD_START, ColumnKind};
use crate::engine::canonical::push_field;
use crate::error::{Error, Result};
use crate::money::{Amount, ExactSum};
use crate::time::{Calendar, Granularity, Month, Tz, Weekday, format_instant};

/// Most rows of a row group: what a reader takes at once, and skips at once.
const GROUP_ROWS: usize = 1 << 17;
/// Rows from which a row group ends with its month, so that a question about one month reads no other.
const MONTH_GROUP_ROWS: usize = 1 << 14;

/// Kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Apache Parquet: exact decimals, typed times, dictionaries, zstd.
    Parquet,
    /// RFC 4180, LF, header first.
    Csv,
    /// One object per line, amounts as text.
    Ndjson,
}

/// How a text file is packed. Parquet packs its pages itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Packing {
    /// Not at all.
    #[default]
    Plain,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

/// Writes batches with key columns in front; gives the number of row groups, or 0.
pub(super) fn write(
    batches: impl Iterator<Item = Result<RecordBatch>>,
    layout: &Layout,
    money: &[Option<DataType>],
    carrier: Carrier,
    packing: Packing,
    out: &mut (dyn Write + Send),
) -> Result<u64> {
    if carrier == Carrier::Parquet {
        return write_parquet(batches, layout, money, out);
    }
    let io = |e: io::Error| Error::io("cannot be written", &e);
    match packing {
        Packing::Plain => write_text(batches, layout, carrier, out)?,
        Packing::Gzip => {
            let mut packed = GzEncoder::new(out, flate2::Compression::default());
            write_text(batches, layout, carrier, &mut packed)?;
            packed.finish().map_err(io)?;
        }
        Packing::Zstd => {
            let mut packed = zstd::Encoder::new(out, 3).map_err(io)?;
            packed.include_checksum(true).map_err(io)?;
            write_text(batches, layout, carrier, &mut packed)?;
            packed.finish().map_err(io)?;
        }
    }
    Ok(0)
}

fn file_schema(layout: &Layout, money: &[Option<DataType>]) -> SchemaRef {
    let fields: Vec<Field> = layout
        .columns
        .iter()
        .zip(money)
        .map(|(column, money)| {
            let data_type = match (column.kind(), money) {
                (_, Some(money)) => money.clone(),
                (ColumnKind::Time, _) => crate::charge::batch::time_type(),
                _ => crate::charge::batch::text_type(),
            };
            Field::new(&column.name, data_type, true)
        })
        .collect();
    Arc::new(Schema::new(fields))
}

fn write_parquet(
    batches: impl Iterator<Item = Result<RecordBatch>>,
    layout: &Layout,
    money: &[Option<DataType>],
    out: &mut (dyn Write + Send),
) -> Result<u64> {
    let schema = file_schema(layout, money);
    let is_start = |column: &super::layout::Column| {
        matches!(column.role, super::layout::Role::Schema(CHARGE_PERIOD_START, _))
    };
    let sorting = layout.columns.iter().position(is_start).map(|i| {
        vec![SortingColumn {
            column_idx: i as i32,
            descending: false,
            nulls_first: false,
        }]
    });
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap_or_default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_sorting_columns(sorting)
        .set_key_value_metadata(Some(vec![KeyValue::new(MARK.0.to_owned(), MARK.1.to_owned())]))
        .build();
    let mut writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties)).map_err(refused)?;
    let mut month = None;
    for batch in batches {
        let batch = batch?;
        let starts = batch
            .column(0)
            .as_primitive::<TimestampMicrosecondType>()
            .values()
            .clone();
        let columns: Result<Vec<ArrayRef>> = batch.columns()[N_KEYS..]
            .iter()
            .zip(schema.fields())
            .map(|(array, field)| {
                cast_with_options(array, field.data_type(), &STRICT)
                    .map_err(|e| Error::bug(format!("a converted column: {e}")))
            })
            .collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns?)
            .map_err(|e| Error::bug(format!("a converted batch: {e}")))?;
        let mut from = 0;
        while from < starts.len() {
            let here = month_of(starts[from]);
            let n = starts[from..].partition_point(|start| month_of(*start) == here);
            if month.is_some_and(|month| month != here) && writer.in_progress_rows() >= MONTH_GROUP_ROWS {
                writer.flush().map_err(refused)?;
            }
            month = Some(here);
            writer.write(&batch.slice(from, n)).map_err(refused)?;
            from += n;
        }
    }
    let metadata = writer.close().map_err(refused)?;
    Ok(metadata.num_row_groups() as u64)
}

/// The UTC month of an instant, counted from year 0.
fn month_of(instant: i64) -> i64 {
    let calendar = Calendar {
        zone: Tz::UTC,
        granularity: Granularity::Monthly,
        week_start: Weekday::Mon,
        fiscal_start: Month::January,
    };
    calendar.ordinal(instant)
}

fn refused(error: ParquetError) -> Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(cause) => Error::io("cannot be written", &cause),
            Err(cause) => Error::bug(format!("a converted file: {cause}")),
        },
        other => Error::bug(format!("a converted file: {other}")),
    }
}

fn write_text(
    batches: impl Iterator<Item = Result<RecordBatch>>,
    layout: &Layout,
    carrier: Carrier,
    out: &mut dyn Write,
) -> Result<()> {
    let io = |e: io::Error| Error::io("cannot be written", &e);
    let mut out = io::BufWriter::with_capacity(1 << 16, out);
    let mut line = String::new();
    if carrier == Carrier::Csv {
        for (nth, column) in layout.columns.iter().enumerate() {
            if nth > 0 {
                line.push(',');
            }
            push_field(&mut line, &column.name);
        }
        line.push('\n');
        out.write_all(line.as_bytes()).map_err(io)?;
    }
    let members: Vec<String> = layout.columns.iter().map(|c| json_text(&c.name)).collect();
    let mut is_first = true;
    for batch in batches {
        let batch = batch?;
        let columns: Vec<Cells<'_>> = batch.columns()[N_KEYS..]
            .iter()
            .map(Cells::of)
            .collect::<Result<_>>()?;
        for row in 0..batch.num_rows() {
            line.clear();
            if carrier == Carrier::Csv {
                csv_line(&mut line, &columns, row);
            } else {
                json_line(&mut line, &members, &columns, row, is_first);
            }
            is_first = false;
            out.write_all(line.as_bytes()).map_err(io)?;
        }
    }
    out.flush().map_err(io)
}

fn csv_line(line: &mut String, columns: &[Cells<'_>], row: usize) {
    for (nth, column) in columns.iter().enumerate() {
        if nth > 0 {
            line.push(',');
        }
        match column {
            Cells::Text(..) => push_field(line, column.text(row).unwrap_or("")),
            _ => column.push_value(line, row),
        }
    }
    line.push('\n');
}

/// Members without a value are left out, but not of the first object: readers learn the columns from it.
fn json_line(line: &mut String, members: &[String], columns: &[Cells<'_>], row: usize, is_first: bool) {
    line.push('{');
    for (member, column) in members.iter().zip(columns) {
        if column.is_null(row) && !is_first {
            continue;
        }
        if line.len() > 1 {
            line.push(',');
        }
        line.push_str(member);
        line.push(':');
        match column {
            _ if column.is_null(row) => line.push_str("null"),
            Cells::Text(..) => line.push_str(&json_text(column.text(row).unwrap_or(""))),
            _ => {
                line.push('"');
                column.push_value(line, row);
                line.push('"');
            }
        }
    }
    line.push_str("}\n");
}

/// A column whose cells can be written as text.
enum Cells<'a> {
    Text(
        &'a arrow::array::DictionaryArray<Int32Type>,
        &'a arrow::array::StringArray,
    ),
    Time(&'a arrow::array::TimestampMicrosecondArray),
    Narrow(&'a arrow::array::Decimal128Array, u8),
    Wide(&'a arrow::array::Decimal256Array, u8),
}

impl<'a> Cells<'a> {
    fn of(array: &'a ArrayRef) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Dictionary(..) => {
                let column = array.as_dictionary::<Int32Type>();
                Cells::Text(column, column.values().as_string())
            }
            DataType::Timestamp(..) => Cells::Time(array.as_primitive()),
            DataType::Decimal128(_, scale) => {
                Cells::Narrow(array.as_primitive::<Decimal128Type>(), scale.unsigned_abs())
            }
            DataType::Decimal256(_, scale) => {
                Cells::Wide(array.as_primitive::<Decimal256Type>(), scale.unsigned_abs())
            }
            other => return Err(Error::bug(format!("a converted column of type {other}"))),
        })
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Cells::Text(column, _) => column.is_null(row),
            Cells::Time(column) => column.is_null(row),
            Cells::Narrow(column, _) => column.is_null(row),
            Cells::Wide(column, _) => column.is_null(row),
        }
    }

    fn text(&self, row: usize) -> Option<&'a str> {
        match self {
            Cells::Text(column, names) if column.is_valid(row) => {
                Some(names.value(column.keys().value(row) as usize))
            }
            _ => None,
        }
    }

    /// A time or an amount; nothing where there is none.
    fn push_value(&self, line: &mut String, row: usize) {
        use std::fmt::Write as _;
        if self.is_null(row) {
            return;
        }
        match self {
            Cells::Text(..) => line.push_str(self.text(row).unwrap_or("")),
            Cells::Time(column) => line.push_str(&format_instant(column.value(row))),
            // Writing to a String cannot fail. The type has at most 38 digits.
            Cells::Narrow(column, scale) => {
                let _ = write!(
                    line,
                    "{}",
                    Amount::new(column.value(row), *scale).unwrap_or_default()
                );
            }
            Cells::Wide(column, scale) => {
                let _ = write!(
                    line,
                    "{}",
                    ExactSum::from_parts(column.value(row), *scale).unwrap_or_default()
                );
            }
        }
    }
}
