//! What is decoded here against what the library's own decoder makes of the same bytes.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use proptest::prelude::*;

use super::file::FileAt;
use super::rows::FlatRows;
use super::shape::{ParquetShape, RowGroup, guarded};
use crate::error::Result;

/// A column's kind, how many of eight rows are null, and its values.
type Column = (u8, u8, Vec<i64>);

/// How a file is written.
#[derive(Debug, Clone)]
struct Layout {
    v2: bool,
    dictionary: bool,
    dictionary_bytes: usize,
    page_rows: usize,
    group_rows: usize,
    compression: u8,
}

fn layouts() -> impl Strategy<Value = Layout> {
    let sizes = (1_usize..400, 1_usize..60, 1_usize..150);
    (any::<bool>(), 0_u8..4, sizes, 0_u8..3).prop_map(|(v2, no_dictionary, sizes, compression)| Layout {
        v2,
        dictionary: no_dictionary > 0,
        dictionary_bytes: sizes.0,
        page_rows: sizes.1,
        group_rows: sizes.2,
        compression,
    })
}

fn array((kind, nulls, values): &Column, n_rows: usize) -> ArrayRef {
    let row = |i: usize| (i * 5 % 8 >= usize::from(*nulls)).then(|| values[i % values.len()]);
    let rows = || (0..n_rows).map(row);
    let decimals = |precision, scale, limit: i128| -> ArrayRef {
        let numbers: Decimal128Array = rows().map(|v| v.map(|v| i128::from(v) % limit)).collect();
        Arc::new(numbers.with_precision_and_scale(precision, scale).unwrap())
    };
    match kind {
        0 => Arc::new(
            rows()
                .map(|v| v.map(|v| format!("text {v}")))
                .collect::<StringArray>(),
        ),
        1 => Arc::new(rows().map(|v| v.map(|v| v as i32)).collect::<Int32Array>()),
        2 => Arc::new(rows().collect::<Int64Array>()),
        3 => Arc::new(rows().collect::<TimestampMillisecondArray>()),
        4 => Arc::new(rows().collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        5 => Arc::new(rows().collect::<TimestampNanosecondArray>()),
        6 => Arc::new(
            rows()
                .map(|v| v.map(|v| v as i32 % 100_000))
                .collect::<Date32Array>(),
        ),
        7 => decimals(9, 2, 1_000_000_000),
        8 => decimals(18, 4, 1_000_000_000_000_000_000),
        9 => decimals(25, 10, i128::MAX),
        10 => decimals(38, 18, i128::MAX),
        11 => Arc::new(
            rows()
                .map(|v| v.map(|v| f64::from(v as i32)))
                .collect::<Float64Array>(),
        ),
        12 => Arc::new(
            rows()
                .map(|v| v.map(|v| f32::from(v as i16)))
                .collect::<Float32Array>(),
        ),
        _ => Arc::new(StringArray::from(vec!["always"; n_rows])),
    }
}

fn file(columns: &[Column], n_rows: usize, layout: &Layout) -> Bytes {
    let arrays: Vec<ArrayRef> = columns.iter().map(|column| array(column, n_rows)).collect();
    let field = |(i, array): (usize, &ArrayRef)| {
        let is_optional = columns[i].1 > 0;
        Field::new(format!("c{i}"), array.data_type().clone(), is_optional)
    };
    let schema = Schema::new(arrays.iter().enumerate().map(field).collect::<Vec<_>>());
    let batch = RecordBatch::try_new(Arc::new(schema), arrays).unwrap();
    let properties = WriterProperties::builder()
        .set_writer_version(if layout.v2 {
            WriterVersion::PARQUET_2_0
        } else {
            WriterVersion::PARQUET_1_0
        })
        .set_dictionary_enabled(layout.dictionary)
        .set_dictionary_page_size_limit(layout.dictionary_bytes)
        .set_data_page_row_count_limit(layout.page_rows)
        .set_write_batch_size(7)
        .set_max_row_group_row_count(Some(layout.group_rows))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_compression(match layout.compression {
            0 => Compression::UNCOMPRESSED,
            1 => Compression::SNAPPY,
            _ => Compression::ZSTD(ZstdLevel::default()),
        })
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes.into()
}

fn shape(bytes: &Bytes) -> Result<ParquetShape> {
    guarded(|| ParquetShape::read_at(&FileAt::over(bytes), Some(bytes.clone()), &[]))
}

/// The rows with their texts spelled out, so that it does not matter what dictionary they had.
fn spelled(batches: &[RecordBatch]) -> Option<RecordBatch> {
    let plain: Vec<RecordBatch> = batches
        .iter()
        .map(|batch| {
            let schema = batch.schema();
            let columns = batch
                .columns()
                .iter()
                .zip(schema.fields())
                .map(|(column, field)| {
                    let column = match column.data_type() {
                        DataType::Dictionary(_, _) => cast(column, &DataType::Utf8).unwrap(),
                        _ => Arc::clone(column),
                    };
                    (field.name().clone(), column, true)
                });
            RecordBatch::try_from_iter_with_nullable(columns).unwrap()
        })
        .collect();
    let first = plain.first()?;
    Some(concat_batches(&first.schema(), &plain).unwrap())
}

fn ours(
    shape: &ParquetShape,
    bytes: &Bytes,
    group: RowGroup,
    roots: &[usize],
) -> Result<Option<Vec<RecordBatch>>> {
    guarded(|| {
        let Some(mut rows) = FlatRows::open(shape, &FileAt::over(bytes), group, roots)? else {
            return Ok(None);
        };
        let mut batches = Vec::new();
        while let Some(batch) = rows.next()? {
            batches.push(batch);
        }
        Ok(Some(batches))
    })
}

fn theirs(shape: &ParquetShape, bytes: &Bytes, group: RowGroup, roots: &[usize]) -> Vec<RecordBatch> {
    let reader = shape.decoder(FileAt::over(bytes), group, roots).unwrap();
    reader.map(|batch| batch.unwrap()).collect()
}

fn columns() -> impl Strategy<Value = Vec<Column>> {
    let few = prop::collection::vec(any::<i64>(), 1..40);
    let near = prop::collection::vec(-3_i64..4, 1..9);
    let values = prop_oneof![few, near];
    // One of eight rows null, half of them, or all; and no null at all more often than not.
    let nulls = prop::sample::select(vec![0_u8, 0, 0, 1, 4, 8]);
    prop::collection::vec((0_u8..14, nulls, values), 1..6).prop_map(|mut columns| {
        columns
            .iter_mut()
            .filter(|column| column.0 == 13)
            .for_each(|column| column.1 = 0);
        columns
    })
}

proptest! {
    #[test]
    fn every_layout_of_flat_columns_is_read_as_the_library_reads_it(
        columns in columns(),
        n_rows in 1_usize..300,
        layout in layouts(),
        piece in (any::<u16>(), any::<u16>()),
    ) {
        let bytes = file(&columns, n_rows, &layout);
        let shape = shape(&bytes).unwrap();
        let roots: Vec<usize> = (0..columns.len()).collect();
        let groups = shape.metadata.metadata().row_groups();
        for (idx, of) in groups.iter().enumerate() {
            let n_all = of.num_rows().unsigned_abs();
            let from = (n_all * u64::from(piece.0)) >> 16;
            let n_rows = 1 + (((n_all - from - 1) * u64::from(piece.1)) >> 16);
            for (offset, n_rows) in [(0, n_all), (from, n_rows)] {
                let group = RowGroup { idx, first_row: 0, offset, n_rows };
                let ours = ours(&shape, &bytes, group, &roots).unwrap();
                // Version 2 packs numbers without a dictionary by their differences, which is left to the library.
                prop_assert!(ours.is_some() || layout.v2);
                if let Some(ours) = ours {
                    let theirs = theirs(&shape, &bytes, group, &roots);
                    prop_assert_eq!(spelled(&ours), spelled(&theirs));
                }
            }
        }
    }

    #[test]
    fn a_damaged_file_is_an_error_or_has_all_its_rows(
        columns in columns(),
        n_rows in 1_usize..120,
        layout in layouts(),
        faults in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..=255), 1..4),
    ) {
        let sound = file(&columns, n_rows, &layout);
        let mut bytes = sound.to_vec();
        for (at, bits) in faults {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
        }
        let bytes = Bytes::from(bytes);
        let Ok(shape) = shape(&bytes) else { return Ok(()) };
        for (idx, of) in shape.metadata.metadata().row_groups().iter().enumerate() {
            let n_rows = of.num_rows().unsigned_abs();
            let group = RowGroup { idx, first_row: 0, offset: 0, n_rows };
            let roots: Vec<usize> = (0..shape.headers.len().min(columns.len())).collect();
            match ours(&shape, &bytes, group, &roots) {
                Ok(Some(batches)) => {
                    let n_read: usize = batches.iter().map(RecordBatch::num_rows).sum();
                    prop_assert_eq!(n_read as u64, n_rows);
                }
                Ok(None) => {}
                Err(e) => prop_assert_ne!(e.kind().code(), "bug", "{}", e),
            }
        }
    }
}
