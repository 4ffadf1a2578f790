//! The rows of a row group, batch by batch.
//!
//! Where every column that is asked for is flat, their pages are decoded here (`column`), and a batch ends where a
//! page does; else the library's own decoder reads all of them. A panic over a broken file stops here, and becomes
//! an error that names it.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, make_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelector};

use super::cells::ArrowCells;
use super::column::FlatColumn;
use super::file::FileAt;
use super::shape::{ParquetShape, RowGroup, classified, guarded, refused};
use crate::error::{Error, Result};
use crate::ingest::cells::{CellVisitor, Judged};
use crate::ingest::plan::DecodePlan;
use crate::ingest::source::Source;

/// Rows decoded at once: few enough that the allocator keeps the memory of their columns for the next batch.
pub(super) const BATCH_ROWS: usize = 1 << 13;

/// Rows that the first batch has at least, in a row group of more: where pages are smaller, batches that end with them
/// cost more than the library's, which are put together from several.
const MIN_BATCH_ROWS: usize = 1 << 10;

impl ParquetShape {
    /// Hands the cells of a row group to visitors, batch by batch.
    pub(crate) fn visit<V: CellVisitor>(
        &self,
        source: &Source,
        count: &Arc<AtomicU64>,
        group: RowGroup,
        plan: &DecodePlan,
        mut visitor: impl FnMut() -> V,
        mut each: impl FnMut(V::Out) -> Result<()>,
    ) -> Result<()> {
        let columns = plan.columns();
        let mut roots: Vec<usize> = columns.iter().map(|column| self.places[*column].0).collect();
        roots.sort_unstable();
        roots.dedup();
        let mut rows = guarded(|| {
            let file = FileAt::open(source, self.content.as_ref(), Some(Arc::clone(count)))?;
            if let Some(mut flat) = FlatRows::open(self, &file, group, &roots)?
                && flat.begins_with(MIN_BATCH_ROWS)?
            {
                return Ok(Rows::Flat(flat));
            }
            self.decoder(file, group, &roots).map(Rows::Any)
        })?;
        let mut n_rows = 0u64;
        while let Some(batch) = guarded(|| rows.next())? {
            n_rows += batch.num_rows() as u64;
            let mut arrays = Vec::with_capacity(columns.len());
            for column in &columns {
                let (root, path) = &self.places[*column];
                let at = roots.partition_point(|r| r < root);
                arrays.push((*column, inner_column(batch.column(at), path)?));
            }
            let cells = ArrowCells::new(&batch, arrays, plan);
            each(visitor().visit(&cells, Judged::new(batch.num_rows()))?)?;
        }
        if n_rows != group.n_rows {
            let message = format!(
                "row group {} holds {n_rows} rows, the footer says {}",
                group.idx, group.n_rows
            );
            return Err(Error::file("parquet.rows", message));
        }
        Ok(())
    }

    /// The library's decoder of some columns.
    pub(super) fn decoder(
        &self,
        file: FileAt,
        group: RowGroup,
        roots: &[usize],
    ) -> Result<ParquetRecordBatchReader> {
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), roots.iter().copied());
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
            .with_projection(mask)
            .with_row_groups(vec![group.idx])
            .with_batch_size(BATCH_ROWS);
        if group.n_rows < self.n_rows_of(group.idx) {
            // Pages outside are passed over by their headers.
            let (from, n) = (group.offset as usize, group.n_rows as usize);
            builder =
                builder.with_row_selection(vec![RowSelector::skip(from), RowSelector::select(n)].into());
        }
        builder.build().map_err(|e| refused(&e))
    }
}

/// A row group on its way.
enum Rows {
    Flat(FlatRows),
    Any(ParquetRecordBatchReader),
}

impl Rows {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        match self {
            Rows::Flat(rows) => rows.next(),
            Rows::Any(reader) => reader.next().transpose().map_err(|e| match e {
                arrow::error::ArrowError::ParquetError(text) => classified(&text),
                other => classified(&other.to_string()),
            }),
        }
    }
}

/// Flat columns side by side.
pub(super) struct FlatRows {
    schema: SchemaRef,
    columns: Vec<FlatColumn>,
    group: RowGroup,
    n_left: usize,
    /// Rows of the whole row group, as the footer says.
    n_all: u64,
}

impl FlatRows {
    /// The columns of `roots`; None where one of them is not flat.
    pub(super) fn open(
        shape: &ParquetShape,
        file: &FileAt,
        group: RowGroup,
        roots: &[usize],
    ) -> Result<Option<Self>> {
        let (all, in_file) = (shape.metadata.schema(), shape.metadata.parquet_schema());
        let chunks = shape.metadata.metadata().row_group(group.idx);
        let file = Arc::new(file.clone());
        let n_all = shape.n_rows_of(group.idx);
        let mut fields = Vec::with_capacity(roots.len());
        let mut columns = Vec::with_capacity(roots.len());
        for root in roots {
            let field = &all.fields()[*root];
            let leaf = (0..in_file.num_columns()).find(|leaf| in_file.get_column_root_idx(*leaf) == *root);
            let Some(chunk) = leaf.and_then(|leaf| chunks.columns().get(leaf)) else {
                return Ok(None);
            };
            let Some(mut column) = FlatColumn::open(&file, chunk, n_all as usize, field.data_type())? else {
                return Ok(None);
            };
            column.skip(group.offset as usize)?;
            fields.push(Arc::clone(field));
            columns.push(column);
        }
        Ok(Some(FlatRows {
            schema: Arc::new(Schema::new(fields)),
            columns,
            group,
            n_left: group.n_rows as usize,
            n_all,
        }))
    }

    /// Whether the first batch has so many rows, where there are more than that.
    fn begins_with(&mut self, n: usize) -> Result<bool> {
        if self.n_left <= n {
            return Ok(true);
        }
        for column in &mut self.columns {
            // A column without rows is refused with its name, which the library would not say.
            if (1..n).contains(&column.rows_ahead()?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The rows up to the end of the first page that ends.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>> {
        if self.n_left == 0 {
            let to_end = self.group.offset + self.group.n_rows == self.n_all;
            for column in self.columns.iter_mut().filter(|_| to_end) {
                if column.rows_ahead()? > 0 {
                    let message = format!(
                        "row group {} holds more rows of column {} than the {} that the footer says",
                        self.group.idx,
                        column.name(),
                        self.n_all
                    );
                    return Err(Error::file("parquet.rows", message));
                }
            }
            return Ok(None);
        }
        let mut n = self.n_left.min(BATCH_ROWS);
        for column in &mut self.columns {
            n = match column.rows_ahead()? {
                0 => {
                    let message = format!(
                        "row group {} holds {} rows of column {}, the footer says {}",
                        self.group.idx,
                        column.n_read(),
                        column.name(),
                        self.n_all
                    );
                    return Err(Error::file("parquet.rows", message));
                }
                ahead => n.min(ahead),
            };
        }
        let arrays = self.columns.iter_mut().map(|column| column.take(n));
        let arrays: Vec<ArrayRef> = arrays.collect::<Result<_>>()?;
        self.n_left -= n;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays);
        Ok(Some(batch.map_err(|e| classified(&e.to_string()))?))
    }
}

/// A member of a struct column; null where a struct around it is.
fn inner_column(column: &ArrayRef, path: &[usize]) -> Result<ArrayRef> {
    let mut inner = Arc::clone(column);
    for field in path {
        let outer = inner
            .as_struct_opt()
            .ok_or_else(|| Error::bug("a path through a column that is no struct"))?;
        let member = Arc::clone(outer.column(*field));
        let nulls = NullBuffer::union(outer.nulls(), member.nulls());
        let data = member.to_data().into_builder().nulls(nulls).build();
        inner = make_array(data.map_err(|e| classified(&e.to_string()))?);
    }
    Ok(inner)
}
