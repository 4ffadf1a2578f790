//! Parquet: rows into Arrow builders, a batch at a time.
//!
//! Two habits of real exports: exact (decimals, UTC microseconds, a map of tags) and loose (doubles,
//! zone-less milliseconds, tags as JSON text).

use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, Decimal128Builder, Float64Builder, Int64Builder, MapBuilder, MapFieldNames,
    RecordBatch, StringBuilder, TimestampMicrosecondBuilder, TimestampMillisecondBuilder,
};
use arrow::datatypes::{DataType, Field as ArrowField, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::columns::{Field, Layout, TagShape, user_tags};
use super::spec::{ColumnTypes, Compression, OutputSpec};
use super::text::{push_tags, tag_value};
use super::{Known, NextRow};
use crate::charge::Charge;
use crate::decimal::Decimal;

/// Rows of one Arrow batch.
const BATCH_ROWS: usize = 8192;

/// The scale that a decimal column has at least.
const SCALE: u8 = 18;

enum Builder {
    Text(StringBuilder),
    Money(Decimal128Builder, u8),
    Double(Float64Builder),
    Integer(Int64Builder),
    Micros(TimestampMicrosecondBuilder),
    Millis(TimestampMillisecondBuilder),
    Tags(Box<MapBuilder<StringBuilder, StringBuilder>>),
}

fn invalid(e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, e)
}

impl Builder {
    fn new(field: &Field, types: ColumnTypes, scale: u8) -> io::Result<Builder> {
        Ok(match (field, types) {
            (Field::Cost(_) | Field::Number(_), ColumnTypes::Decimal) => {
                let builder = Decimal128Builder::new().with_precision_and_scale(38, scale.cast_signed());
                Builder::Money(builder.map_err(invalid)?, scale)
            }
            (Field::Cost(_) | Field::Number(_), ColumnTypes::Double) => {
                Builder::Double(Float64Builder::new())
            }
            (Field::Constant(_), _) => Builder::Integer(Int64Builder::new()),
            (Field::Time(_), ColumnTypes::Decimal) => {
                Builder::Micros(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
            }
            (Field::Time(_), ColumnTypes::Double) => Builder::Millis(TimestampMillisecondBuilder::new()),
            (Field::Tags(TagShape::Object | TagShape::UserObject), ColumnTypes::Decimal) => {
                let names = MapFieldNames {
                    entry: String::from("key_value"),
                    key: String::from("key"),
                    value: String::from("value"),
                };
                let map = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
                Builder::Tags(Box::new(map))
            }
            _ => Builder::Text(StringBuilder::new()),
        })
    }

    fn data_type(&self) -> DataType {
        match self {
            Builder::Text(_) => DataType::Utf8,
            Builder::Money(_, scale) => DataType::Decimal128(38, scale.cast_signed()),
            Builder::Double(_) => DataType::Float64,
            Builder::Integer(_) => DataType::Int64,
            Builder::Micros(_) => DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC"))),
            Builder::Millis(_) => DataType::Timestamp(TimeUnit::Millisecond, None),
            Builder::Tags(_) => {
                let key = ArrowField::new("key", DataType::Utf8, false);
                let value = ArrowField::new("value", DataType::Utf8, true);
                let entry = DataType::Struct(vec![key, value].into());
                DataType::Map(Arc::new(ArrowField::new("key_value", entry, false)), false)
            }
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Builder::Text(b) => Arc::new(b.finish()),
            Builder::Money(b, _) => Arc::new(b.finish()),
            Builder::Double(b) => Arc::new(b.finish()),
            Builder::Integer(b) => Arc::new(b.finish()),
            Builder::Micros(b) => Arc::new(b.finish()),
            Builder::Millis(b) => Arc::new(b.finish()),
            Builder::Tags(b) => ArrayBuilder::finish(b.as_mut()),
        }
    }

    fn push_text(&mut self, text: &str) {
        if let Builder::Text(b) = self {
            b.append_option((!text.is_empty()).then_some(text));
        }
    }

    fn push_number(&mut self, number: Option<Decimal>, scratch: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Builder::Money(b, scale) => {
                let fit = |d: Decimal| {
                    let at = d.normalized().at_scale(*scale).map(|d| d.mantissa);
                    let at = at.filter(|m| m.unsigned_abs() < 10u128.pow(38));
                    at.ok_or_else(|| invalid(format!("{d} does not fit decimal128(38, {scale})")))
                };
                b.append_option(number.map(fit).transpose()?);
            }
            Builder::Double(b) => {
                let read = |d: Decimal| {
                    scratch.clear();
                    d.push_plain(scratch);
                    std::str::from_utf8(scratch)
                        .ok()
                        .and_then(|text| text.parse::<f64>().ok())
                };
                b.append_option(number.and_then(read));
            }
            _ => {}
        }
        Ok(())
    }

    fn push_tags(&mut self, charge: &Charge, shape: TagShape, scratch: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Builder::Tags(map) => {
                let mut push = |key: &str, value: &str| {
                    map.keys().append_value(key);
                    map.values().append_value(value);
                };
                if shape == TagShape::UserObject {
                    for (key, tag) in user_tags(&charge.tags) {
                        push(&key, tag.value.as_deref().unwrap_or(""));
                    }
                } else {
                    charge
                        .tags
                        .iter()
                        .for_each(|t| push(&t.key, t.value.as_deref().unwrap_or("true")));
                }
                map.append(!charge.tags.is_empty()).map_err(invalid)?;
            }
            Builder::Text(_) if charge.tags.is_empty() => self.push_text(""),
            _ => {
                scratch.clear();
                push_tags(scratch, &charge.tags, shape);
                self.push_text(std::str::from_utf8(scratch).map_err(invalid)?);
            }
        }
        Ok(())
    }
}

fn codec(spec: &OutputSpec) -> io::Result<Codec> {
    Ok(match spec.compression {
        Compression::None => Codec::UNCOMPRESSED,
        Compression::Snappy => Codec::SNAPPY,
        Compression::Lz4Raw => Codec::LZ4_RAW,
        Compression::Zstd => {
            Codec::ZSTD(ZstdLevel::try_new(i32::from(spec.level.unwrap_or(3))).map_err(invalid)?)
        }
        Compression::Gzip | Compression::GzipMembers => {
            Codec::GZIP(GzipLevel::try_new(u32::from(spec.level.unwrap_or(6))).map_err(invalid)?)
        }
    })
}

struct Rows<'a> {
    layout: &'a Layout,
    builders: Vec<Builder>,
    made: String,
    scratch: Vec<u8>,
    pending: usize,
}

impl Rows<'_> {
    fn push(&mut self, charge: &Charge) -> io::Result<()> {
        for (column, builder) in self.layout.columns.iter().zip(&mut self.builders) {
            match &column.field {
                Field::Text(text) => builder.push_text(text(charge)),
                Field::Tag(key) => builder.push_text(tag_value(&charge.tags, key)),
                Field::Made(make) => {
                    self.made.clear();
                    make(charge, &mut self.made);
                    builder.push_text(&self.made);
                }
                Field::Cost(number) | Field::Number(number) => {
                    builder.push_number(number(charge), &mut self.scratch)?;
                }
                Field::Tags(shape) => builder.push_tags(charge, *shape, &mut self.scratch)?,
                Field::Empty => builder.push_text(""),
                Field::Constant(value) => {
                    if let Builder::Integer(b) = builder {
                        b.append_value(*value);
                    }
                }
                Field::Time(time) => match builder {
                    Builder::Micros(b) => b.append_value(time(charge)),
                    Builder::Millis(b) => b.append_value(time(charge).div_euclid(1000)),
                    _ => {}
                },
            }
        }
        self.pending += 1;
        Ok(())
    }

    fn batch(&mut self, schema: &Arc<Schema>) -> io::Result<RecordBatch> {
        self.pending = 0;
        let arrays = self.builders.iter_mut().map(Builder::finish).collect();
        RecordBatch::try_new(Arc::clone(schema), arrays).map_err(invalid)
    }
}

pub(super) fn write(
    spec: &OutputSpec,
    known: &Known,
    layout: &Layout,
    next: &mut NextRow<'_>,
    out: &mut (dyn Write + Send),
) -> io::Result<()> {
    let scale = known.max_scale.max(SCALE);
    let builders: io::Result<Vec<Builder>> = layout
        .columns
        .iter()
        .map(|c| Builder::new(&c.field, spec.types, scale))
        .collect();
    let mut rows = Rows {
        layout,
        builders: builders?,
        made: String::new(),
        scratch: Vec::new(),
        pending: 0,
    };
    let fields: Vec<ArrowField> = layout
        .columns
        .iter()
        .zip(&rows.builders)
        .map(|(column, builder)| ArrowField::new(&column.name, builder.data_type(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let properties = WriterProperties::builder()
        .set_created_by(String::from("billfold-testkit"))
        .set_compression(codec(spec)?)
        .set_dictionary_enabled(spec.dictionary)
        .set_max_row_group_row_count(Some(spec.row_group_rows))
        .build();
    let mut writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties)).map_err(invalid)?;
    let mut charge = Charge::default();
    while next(&mut charge) {
        rows.push(&charge)?;
        if rows.pending == BATCH_ROWS {
            writer.write(&rows.batch(&schema)?).map_err(invalid)?;
        }
    }
    if rows.pending > 0 {
        writer.write(&rows.batch(&schema)?).map_err(invalid)?;
    }
    writer.close().map(drop).map_err(invalid)
}
