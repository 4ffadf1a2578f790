//! Spilled runs: sorted rows in temporary Parquet files, merged back into one order.

use std::collections::BinaryHeap;
use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::compute::{cast_with_options, interleave};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimestampMicrosecondType, UInt64Type};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::run::{MoneyNeed, N_KEYS, STRICT, Sorted};
use crate::charge::batch::text_type;
use crate::error::{Error, Result};

/// Rows of a row group of a spilled run, which is what a merge holds of each.
const GROUP_ROWS: usize = 1 << 14;

/// A run on disk.
pub(super) struct Spilled {
    file: File,
    needs: Vec<Option<MoneyNeed>>,
}

impl Spilled {
    /// Writes a run.
    pub(super) fn write(run: Sorted, file: File) -> Result<Self> {
        let needs = run.needs();
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .build();
        let handle = file
            .try_clone()
            .map_err(|e| Error::io("a temporary file cannot be written", &e))?;
        let mut writer = ArrowWriter::try_new(handle, run.schema(), Some(properties)).map_err(refused)?;
        for batch in run {
            writer.write(&batch?).map_err(refused)?;
        }
        writer.close().map_err(refused)?;
        Ok(Spilled { file, needs })
    }

    pub(super) fn needs(&self) -> &[Option<MoneyNeed>] {
        &self.needs
    }
}

fn refused(error: ParquetError) -> Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<std::io::Error>() {
            Ok(cause) => Error::io("a temporary file cannot be written", &cause),
            Err(cause) => Error::bug(format!("a spilled run: {cause}")),
        },
        other => Error::bug(format!("a spilled run: {other}")),
    }
}

#[allow(clippy::needless_pass_by_value)] // It stands in map_err.
fn arrow_bug(error: arrow::error::ArrowError) -> Error {
    Error::bug(format!("a spilled run: {error}"))
}

/// Several runs as one.
pub(super) struct Merge {
    readers: Vec<ParquetRecordBatchReader>,
    /// The current batch of each reader, money already of the final type.
    current: Vec<Option<RecordBatch>>,
    heap: BinaryHeap<Head>,
    schema: SchemaRef,
    batch_rows: usize,
}

/// The first row of a run that was not taken yet. The least key is the greatest head.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    key: std::cmp::Reverse<(i64, u64, u64)>,
    run: usize,
    row: usize,
}

impl Merge {
    /// `money` holds the final type of each column of the layout that holds money.
    pub(super) fn new(runs: Vec<Spilled>, money: &[Option<DataType>], batch_rows: usize) -> Result<Self> {
        let mut readers = Vec::with_capacity(runs.len());
        let mut schema: Option<SchemaRef> = None;
        for run in runs {
            let builder = ParquetRecordBatchReaderBuilder::try_new(run.file).map_err(refused)?;
            if schema.is_none() {
                schema = Some(merged_schema(builder.schema(), money));
            }
            readers.push(builder.with_batch_size(GROUP_ROWS).build().map_err(refused)?);
        }
        let schema = schema.ok_or_else(|| Error::bug("a merge of nothing"))?;
        let mut merge = Merge {
            current: vec![None; readers.len()],
            readers,
            heap: BinaryHeap::new(),
            schema,
            batch_rows,
        };
        for run in 0..merge.readers.len() {
            merge.advance(run)?;
        }
        Ok(merge)
    }

    /// Reads a run's next batch and puts its first row on the heap.
    fn advance(&mut self, run: usize) -> Result<()> {
        self.current[run] = None;
        while let Some(batch) = self.readers[run].next() {
            let batch = batch.map_err(arrow_bug)?;
            if batch.num_rows() == 0 {
                continue;
            }
            let columns: Result<Vec<ArrayRef>> = batch
                .columns()
                .iter()
                .zip(self.schema.fields())
                .map(|(array, field)| {
                    // Texts are put together as texts: dictionaries of many runs would pile up.
                    let wanted = if *field.data_type() == text_type() {
                        &DataType::Utf8
                    } else {
                        field.data_type()
                    };
                    cast_with_options(array, wanted, &STRICT).map_err(arrow_bug)
                })
                .collect();
            let fields: Vec<Field> = self
                .schema
                .fields()
                .iter()
                .map(|f| {
                    let field = f.as_ref().clone();
                    if *f.data_type() == text_type() {
                        field.with_data_type(DataType::Utf8)
                    } else {
                        field
                    }
                })
                .collect();
            let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns?).map_err(arrow_bug)?;
            self.push_head(run, 0, &batch);
            self.current[run] = Some(batch);
            break;
        }
        Ok(())
    }

    fn push_head(&mut self, run: usize, row: usize, batch: &RecordBatch) {
        let start = batch
            .column(0)
            .as_primitive::<TimestampMicrosecondType>()
            .value(row);
        let chunk = batch.column(1).as_primitive::<UInt64Type>().value(row);
        let nth = batch.column(2).as_primitive::<UInt64Type>().value(row);
        self.heap.push(Head {
            key: std::cmp::Reverse((start, chunk, nth)),
            run,
            row,
        });
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        // Batches that rows of this round stand in; a run's may change in the middle of it.
        let mut sources: Vec<RecordBatch> = Vec::new();
        let mut source_of: Vec<Option<usize>> = vec![None; self.readers.len()];
        let mut picks: Vec<(usize, usize)> = Vec::with_capacity(self.batch_rows);
        while picks.len() < self.batch_rows {
            let Some(Head { run, row, .. }) = self.heap.pop() else {
                break;
            };
            let Some(batch) = self.current[run].clone() else {
                return Err(Error::bug("a run without a batch"));
            };
            let source = *source_of[run].get_or_insert_with(|| {
                sources.push(batch.clone());
                sources.len() - 1
            });
            picks.push((source, row));
            if row + 1 < batch.num_rows() {
                self.push_head(run, row + 1, &batch);
            } else {
                source_of[run] = None;
                self.advance(run)?;
            }
        }
        if picks.is_empty() {
            return Ok(None);
        }
        let columns: Result<Vec<ArrayRef>> = self
            .schema
            .fields()
            .iter()
            .enumerate()
            .map(|(i, field)| {
                let arrays: Vec<&dyn arrow::array::Array> =
                    sources.iter().map(|b| b.column(i).as_ref()).collect();
                let array = interleave(&arrays, &picks).map_err(arrow_bug)?;
                cast_with_options(&array, field.data_type(), &STRICT).map_err(arrow_bug)
            })
            .collect();
        RecordBatch::try_new(Arc::clone(&self.schema), columns?)
            .map(Some)
            .map_err(arrow_bug)
    }
}

impl Iterator for Merge {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}

/// The schema of a run with the final types of its money.
fn merged_schema(run: &SchemaRef, money: &[Option<DataType>]) -> SchemaRef {
    let fields: Vec<Field> = run
        .fields()
        .iter()
        .enumerate()
        .map(|(i, field)| {
            let wanted = i
                .checked_sub(N_KEYS)
                .and_then(|i| money.get(i).cloned().flatten());
            let field = field.as_ref().clone();
            match wanted {
                Some(wanted) => field.with_data_type(wanted),
                None => field,
            }
        })
        .collect();
    Arc::new(Schema::new(fields))
}
