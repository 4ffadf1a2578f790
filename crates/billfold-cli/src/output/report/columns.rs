//! A result of SQL as Arrow columns, and from there as Parquet or an Arrow file. Decimals stay exact.
//!
//! Exact numbers become `Decimal128(38, s)`, or `Decimal256(76, s)` where 38 digits do not hold a value at
//! the scale that all need; whole numbers `Int64`, or text beyond it; floats `Float64`; everything else text.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Decimal256Array, Float64Array, Int64Array, LargeStringArray,
    RecordBatch, RecordBatchOptions,
};
use arrow::datatypes::{Field, Schema, i256};
use arrow::ipc::writer::FileWriter;
use billfold_core::money::ExactSum;
use billfold_core::{Error, Result};
use billfold_report::{Cell, Column, Grid, Kind};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

/// Writes a result as Parquet.
pub(super) fn write_parquet(grid: &Grid, out: &mut (dyn Write + Send)) -> Result<()> {
    let batch = batch(grid)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    let written = ArrowWriter::try_new(&mut *out, batch.schema(), Some(properties)).and_then(|mut writer| {
        writer.write(&batch)?;
        writer.close()
    });
    written.map_err(|e| Error::io("writing Parquet", &std::io::Error::other(e)))?;
    out.flush().map_err(|e| Error::io("writing Parquet", &e))
}

/// Writes a result as an Arrow IPC file.
pub(super) fn write_arrow(grid: &Grid, out: &mut dyn Write) -> Result<()> {
    let batch = batch(grid)?;
    let written = FileWriter::try_new(out, &batch.schema()).and_then(|mut writer| {
        writer.write(&batch)?;
        writer.finish()
    });
    written.map_err(|e| Error::io("writing Arrow", &std::io::Error::other(e)))
}

fn batch(grid: &Grid) -> Result<RecordBatch> {
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (at, column) in grid.written_columns() {
        let array = array(grid, at, column)?;
        fields.push(Field::new(&column.name, array.data_type().clone(), true));
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(grid.rows.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .map_err(|e| Error::bug(format!("a result as columns: {e}")))
}

fn array(grid: &Grid, at: usize, column: &Column) -> Result<ArrayRef> {
    let cells = || grid.rows.iter().map(move |row| &row.cells[at]);
    let has = |test: fn(&Cell) -> bool| cells().any(test);
    if has(|cell| matches!(cell, Cell::Float(_))) {
        let floats: Float64Array = cells()
            .map(|cell| match cell {
                Cell::Float(text) => text.parse().ok(),
                _ => None,
            })
            .collect();
        return Ok(Arc::new(floats));
    }
    if has(|cell| matches!(cell, Cell::Bool(_))) {
        let values: BooleanArray = cells()
            .map(|cell| match cell {
                Cell::Bool(value) => Some(*value),
                _ => None,
            })
            .collect();
        return Ok(Arc::new(values));
    }
    if column.kind == Kind::Number {
        let values: Vec<Option<ExactSum>> = cells()
            .map(|cell| match (cell, column.places) {
                (Cell::Number(number), Some(places)) => Some(number.round_to(places)),
                (Cell::Number(number), None) => Some(*number),
                _ => None,
            })
            .collect();
        return decimals(&values);
    }
    if column.kind == Kind::Count {
        let counts: Option<Vec<Option<i64>>> = cells()
            .map(|cell| match cell {
                Cell::Count(count) => i64::try_from(*count).ok().map(Some),
                _ => Some(None),
            })
            .collect();
        if let Some(counts) = counts {
            return Ok(Arc::new(Int64Array::from(counts)));
        }
    }
    let texts: LargeStringArray = cells()
        .map(|cell| (*cell != Cell::Empty).then(|| column.print(cell)))
        .collect();
    Ok(Arc::new(texts))
}

fn decimals(values: &[Option<ExactSum>]) -> Result<ArrayRef> {
    let bug = |e: arrow::error::ArrowError| Error::bug(format!("decimals of a result: {e}"));
    let parts = || values.iter().flatten().map(ExactSum::parts);
    let scale = parts().map(|(_, scale)| scale).max().unwrap_or(0);
    let at_scale = |value: &ExactSum| {
        let (mut units, own) = value.parts();
        for _ in own..scale {
            units = units.checked_mul(i256::from_i128(10))?;
        }
        Some(units)
    };
    let units: Option<Vec<Option<i256>>> = values
        .iter()
        .map(|value| match value {
            Some(value) => at_scale(value).map(Some),
            None => Some(None),
        })
        .collect();
    let units = units
        .ok_or_else(|| Error::limit("limit.digits", "a number of the result needs more than 76 digits"))?;
    let signed = i8::try_from(scale).unwrap_or(38);
    let narrow: Option<Vec<Option<i128>>> = units
        .iter()
        .map(|unit| match unit {
            Some(unit) => unit
                .to_i128()
                .filter(|unit| unit.unsigned_abs() < 10u128.pow(38))
                .map(Some),
            None => Some(None),
        })
        .collect();
    match narrow {
        Some(narrow) => {
            let array = Decimal128Array::from(narrow).with_precision_and_scale(38, signed);
            Ok(Arc::new(array.map_err(bug)?))
        }
        None => {
            let array = Decimal256Array::from(units).with_precision_and_scale(76, signed);
            Ok(Arc::new(array.map_err(bug)?))
        }
    }
}
