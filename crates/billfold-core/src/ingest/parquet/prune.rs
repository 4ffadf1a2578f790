//! Which rows of a Parquet file a window can need, by the statistics of row groups and of pages.
//!
//! Statistics only ever leave rows out, and only those that every statistic puts outside: a column with a null, an
//! index that is missing or does not fit the footer, leaves nothing out. Filters leave nothing out either, since the
//! receipt says what the rows cost that they took away.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, UInt64Array};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::ChunkReader;

use super::cells::instants_of;
use super::shape::RowGroup;
use crate::ingest::plan::DecodePlan;
use crate::time::Window;

/// A row group falls into at most about so many pieces: each has a reader of its own.
const MAX_PIECES: u64 = 64;

/// A window to be held against statistics.
pub(super) struct Prune<'a> {
    pub(super) metadata: &'a ArrowReaderMetadata,
    pub(super) headers: &'a [String],
    pub(super) plan: &'a DecodePlan,
    pub(super) window: Window,
    /// Whether a charge counts in all of its period, not only where it starts.
    pub(super) spans: bool,
}

impl Prune<'_> {
    /// The column whose smallest instant tells what lies after the window, and the one whose largest tells what
    /// lies before it.
    fn columns(&self) -> (usize, usize) {
        let start = self.plan.billing_start.unwrap_or(self.plan.start);
        match (self.spans, self.plan.end) {
            (true, Some(end)) => (start, end),
            _ => (start, start),
        }
    }

    fn is_after(&self, first: Option<i64>) -> bool {
        self.window
            .end
            .zip(first)
            .is_some_and(|(end, first)| first >= end)
    }

    fn is_before(&self, last: Option<i64>) -> bool {
        self.window
            .start
            .zip(last)
            .is_some_and(|(start, last)| last < start)
    }

    fn converter(&self, column: usize) -> Option<StatisticsConverter<'_>> {
        let schema = self.metadata.parquet_schema();
        StatisticsConverter::try_new(&self.headers[column], self.metadata.schema(), schema).ok()
    }

    /// Instants of statistics; None where one is not known, or does not speak for every row, nulls included.
    fn instants(&self, values: &ArrayRef, nulls: &UInt64Array) -> Option<Vec<Option<i64>>> {
        let instants = instants_of(values, self.plan.rules.time)?;
        let known = |(i, instant): (usize, Option<i64>)| {
            instant.filter(|_| i < nulls.len() && !nulls.is_null(i) && nulls.value(i) == 0)
        };
        Some(instants.into_iter().enumerate().map(known).collect())
    }

    /// The row groups that may hold rows of the window.
    pub(super) fn row_groups(&self, mut groups: Vec<RowGroup>) -> Vec<RowGroup> {
        let (first, last) = self.columns();
        let of = |column: usize, largest: bool| -> Vec<Option<i64>> {
            let all = self.metadata.metadata().row_groups();
            let known = self.converter(column).and_then(|converter| {
                let values = if largest {
                    converter.row_group_maxes(all)
                } else {
                    converter.row_group_mins(all)
                };
                self.instants(&values.ok()?, &converter.row_group_null_counts(all).ok()?)
            });
            known.unwrap_or_else(|| vec![None; all.len()])
        };
        let (first, last) = (of(first, false), of(last, true));
        groups.retain(|group| !self.is_after(first[group.idx]) && !self.is_before(last[group.idx]));
        groups
    }

    /// The rows of row groups whose pages may hold rows of the window.
    pub(super) fn pages<R: ChunkReader>(&self, groups: &[RowGroup], file: &R) -> Vec<RowGroup> {
        let Some(indexed) = self.indexed(groups, file) else {
            return groups.to_vec();
        };
        let (first, last) = self.columns();
        let mut kept = Vec::with_capacity(groups.len());
        for group in groups {
            let mut outside = self.outside(&indexed, group, first, false);
            outside.extend(self.outside(&indexed, group, last, true));
            outside.sort_unstable_by_key(|rows| rows.start);
            let mut from = 0;
            for gap in outside {
                let n_spared = gap.end.saturating_sub(gap.start.max(from));
                if n_spared.saturating_mul(MAX_PIECES) >= group.n_rows {
                    push(&mut kept, group, from..gap.start);
                    from = gap.end;
                }
            }
            push(&mut kept, group, from..group.n_rows);
        }
        kept
    }

    /// The footer with the indexes of its pages, where there are any.
    fn indexed<R: ChunkReader>(&self, groups: &[RowGroup], file: &R) -> Option<ParquetMetaData> {
        let metadata = self.metadata.metadata();
        let has_index = |group: &RowGroup| {
            let mut columns = metadata.row_group(group.idx).columns().iter();
            columns.any(|column| column.column_index_offset().is_some())
        };
        if !groups.iter().any(has_index) {
            return None;
        }
        let mut reader = ParquetMetaDataReader::new_with_metadata(metadata.as_ref().clone())
            .with_page_index_policy(PageIndexPolicy::Optional);
        reader.read_page_indexes(file).ok()?;
        reader.finish().ok()
    }

    /// The rows of a row group in pages that lie after the window, or before it.
    fn outside(
        &self,
        indexed: &ParquetMetaData,
        group: &RowGroup,
        column: usize,
        largest: bool,
    ) -> Vec<Range<u64>> {
        let pages = || {
            let converter = self.converter(column)?;
            let (columns, offsets) = (indexed.column_index()?, indexed.offset_index()?);
            let one = [group.idx];
            let values = if largest {
                converter.data_page_maxes(columns, offsets, &one)
            } else {
                converter.data_page_mins(columns, offsets, &one)
            };
            let nulls = converter.data_page_null_counts(columns, offsets, &one).ok()?;
            let rows = converter
                .data_page_row_counts(offsets, indexed.row_groups(), &one)
                .ok()??;
            let instants = self.instants(&values.ok()?, &nulls)?;
            // An index of other pages than the footer's rows is none.
            let n_rows = rows.iter().try_fold(0_u64, |sum, n| sum.checked_add(n?))?;
            (instants.len() == rows.len() && n_rows == group.n_rows).then_some((instants, rows))
        };
        let Some((instants, rows)) = pages() else {
            return Vec::new();
        };
        let mut outside: Vec<Range<u64>> = Vec::new();
        let mut from = 0;
        for (instant, n) in instants.into_iter().zip(rows.iter().flatten()) {
            let to = from + n;
            if if largest {
                self.is_before(instant)
            } else {
                self.is_after(instant)
            } {
                match outside.last_mut() {
                    Some(last) if last.end == from => last.end = to,
                    _ => outside.push(from..to),
                }
            }
            from = to;
        }
        outside
    }
}

/// Adds some rows of a row group.
fn push(kept: &mut Vec<RowGroup>, group: &RowGroup, rows: Range<u64>) {
    if rows.start < rows.end {
        kept.push(RowGroup {
            idx: group.idx,
            first_row: group.first_row + rows.start,
            offset: rows.start,
            n_rows: rows.end - rows.start,
        });
    }
}
