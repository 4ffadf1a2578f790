//! Arrow columns as cells: dictionaries, decimals and timestamps as they are, everything else as the
//! text that a CSV file of the same rows would hold.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, MapArray, PrimitiveArray, RecordBatch, StringArray, StructArray,
};
use arrow::buffer::ScalarBuffer;
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type,
    Int32Type, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::charge::batch::narrow_cost;

use crate::error::{Error, Result};
use crate::ingest::cells::{Cells, Fault, TextArray};
use crate::ingest::plan::{CellReading, DecodePlan};
use crate::money::{Amount, AmountError, ExactSum, parse_cell};
use crate::time::{self, TimeRules};

/// The decoded columns of a batch, by header index.
pub(crate) struct ArrowCells<'a> {
    batch: &'a RecordBatch,
    columns: Vec<Option<ArrayRef>>,
    rules: &'a CellReading,
}

impl<'a> ArrowCells<'a> {
    /// `columns` are header indices and what stands in them, taken from the batch.
    pub(crate) fn new(batch: &'a RecordBatch, columns: Vec<(usize, ArrayRef)>, plan: &'a DecodePlan) -> Self {
        let mut by_header = vec![None; plan.headers.len()];
        for (header, array) in columns {
            by_header[header] = Some(array);
        }
        ArrowCells {
            batch,
            columns: by_header,
            rules: &plan.rules,
        }
    }

    fn column(&self, column: usize) -> Option<&ArrayRef> {
        self.columns.get(column)?.as_ref()
    }
}

impl Cells for ArrowCells<'_> {
    fn n_rows(&self) -> usize {
        self.batch.num_rows()
    }

    fn cell<'a>(&'a self, row: usize, column: usize, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let Some(array) = self.column(column) else {
            return &[];
        };
        text_cell(array, row, scratch)
    }

    fn lines_before(&self, _: usize) -> Option<u64> {
        None
    }

    fn raw(&self, row: usize) -> String {
        let mut text = String::from("{");
        let mut scratch = Vec::new();
        for (field, array) in self.batch.schema().fields().iter().zip(self.batch.columns()) {
            let separator = if text.len() > 1 { "," } else { "" };
            let value = String::from_utf8_lossy(text_cell(array, row, &mut scratch)).into_owned();
            let _ = write!(
                text,
                "{separator}{}:{}",
                json_text(field.name()),
                json_text(&value)
            );
        }
        text.push('}');
        text
    }

    fn is_null(&self, row: usize, column: usize) -> Option<bool> {
        Some(self.column(column).is_none_or(|array| array.is_null(row)))
    }

    fn instants(&self, column: usize) -> Option<Vec<Option<i64>>> {
        instants_of(self.column(column)?, self.rules.time)
    }

    fn sound_instants(&self, column: usize) -> Option<ScalarBuffer<i64>> {
        let array = self.column(column)?;
        if array.null_count() > 0 {
            return None;
        }
        let micros = micros_of(array, self.rules.time)?;
        let instants = micros.as_primitive::<TimestampMicrosecondType>().values();
        all_possible(instants).then(|| instants.clone())
    }

    fn text_column(&self, column: usize, rules: &CellReading) -> Option<Result<TextArray>> {
        let array = self.column(column)?.as_dictionary_opt::<Int32Type>()?;
        let names = array.values().as_string_opt::<i32>()?;
        let is_null_text = |name: Option<&str>| name.is_some_and(|n| rules.null_text(n.as_bytes()).is_some());
        // A null literal that stands nowhere in the texts is none of them; the texts are searched as one.
        let may_be_null = |n: &String| memchr::memmem::find(names.value_data(), n.as_bytes()).is_some();
        if !rules.nulls.iter().any(may_be_null) || !names.iter().any(is_null_text) {
            return Some(Ok(array.clone()));
        }
        let names: StringArray = names
            .iter()
            .map(|n| if is_null_text(n) { Some("") } else { n })
            .collect();
        Some(
            TextArray::try_new(array.keys().clone(), Arc::new(names))
                .map_err(|e| Error::bug(format!("a dictionary column: {e}"))),
        )
    }

    fn dictionary(&self, column: usize) -> Option<&TextArray> {
        self.column(column)?.as_dictionary_opt::<Int32Type>()
    }

    fn tag_map(&self, column: usize) -> Option<&MapArray> {
        let maps = self.column(column)?.as_map_opt()?;
        let typed =
            maps.keys().data_type() == &DataType::Utf8 && maps.values().data_type() == &DataType::Utf8;
        typed.then_some(maps)
    }

    fn cost_column(&self, column: usize) -> Option<ArrayRef> {
        let array = self.column(column)?;
        let DataType::Decimal128(_, scale @ 0..=38) = array.data_type() else {
            return None;
        };
        if array.null_count() > 0 {
            return None;
        }
        let values = array.as_primitive::<Decimal128Type>().values();
        all_within_38_digits(values)
            .then(|| narrow_cost(values.clone(), scale.unsigned_abs(), None).ok())
            .flatten()
    }

    fn amount(
        &self,
        row: usize,
        column: usize,
        rules: &CellReading,
        scratch: &mut Vec<u8>,
    ) -> Result<Option<Amount>, Fault> {
        let Some(array) = self.column(column) else {
            return Ok(None);
        };
        if array.is_null(row) {
            return Ok(None);
        }
        let amount = match array.data_type() {
            DataType::Decimal32(_, scale) => decimal(
                i128::from(array.as_primitive::<Decimal32Type>().value(row)),
                *scale,
            ),
            DataType::Decimal64(_, scale) => decimal(
                i128::from(array.as_primitive::<Decimal64Type>().value(row)),
                *scale,
            ),
            DataType::Decimal128(_, scale) => {
                decimal(array.as_primitive::<Decimal128Type>().value(row), *scale)
            }
            DataType::Decimal256(_, scale) => {
                let value = array.as_primitive::<Decimal256Type>().value(row);
                match u8::try_from(*scale) {
                    Ok(scale) if scale <= 38 => ExactSum::from_parts(value, scale)
                        .and_then(|s| s.to_amount())
                        .ok_or(AmountError::Range),
                    // Rare: more decimals than 38, or a negative scale. Its text decides.
                    _ => Amount::parse(text_cell(array, row, scratch)),
                }
            }
            DataType::Float64 => Amount::from_f64(array.as_primitive::<Float64Type>().value(row)),
            DataType::Float32 => {
                // The shortest decimal of the single, not of the double that it widens to.
                scratch.clear();
                let _ = std::io::Write::write_fmt(
                    scratch,
                    format_args!("{:e}", array.as_primitive::<Float32Type>().value(row)),
                );
                Amount::parse(scratch)
            }
            _ => {
                let cell = rules.typed(text_cell(array, row, scratch));
                return parse_cell(cell).map_err(|error| Fault::amount(error, column, cell));
            }
        };
        amount
            .map(Some)
            .map_err(|error| Fault::amount(error, column, text_cell(array, row, scratch)))
    }
}

/// Whether all instants are possible ones. A damaged file may hold others.
fn all_possible(instants: &[i64]) -> bool {
    // Distances from the first instant, put together: the sum of their bits tells the size of the largest.
    let bits = instants.iter().fold(0, |bits, i| {
        bits | i.wrapping_sub(time::MIN_INSTANT).cast_unsigned()
    });
    let range = time::MAX_INSTANT.abs_diff(time::MIN_INSTANT);
    bits < 1 << range.ilog2()
        || instants
            .iter()
            .all(|i| (time::MIN_INSTANT..=time::MAX_INSTANT).contains(i))
}

/// Whether no number has more than 38 digits. A damaged file may hold more than its type allows.
fn all_within_38_digits(numbers: &[i128]) -> bool {
    // The upper halves without their signs, put together as above. 2¹²⁶ is below 10³⁸.
    let bits = numbers
        .iter()
        .fold(0, |bits, v| bits | ((v >> 64) ^ (v >> 127)) as u64);
    let limit = crate::money::POW10[38].unsigned_abs();
    bits < 1 << 62 || numbers.iter().all(|v| v.unsigned_abs() < limit)
}

/// A decimal of any scale that Arrow allows.
fn decimal(mantissa: i128, scale: i8) -> Result<Amount, AmountError> {
    match u8::try_from(scale) {
        Ok(scale) if scale <= 38 => Amount::new(mantissa, scale).ok_or(AmountError::Range),
        Ok(_) => Err(AmountError::Scale),
        Err(_) => crate::money::rescale(mantissa, 0, scale.unsigned_abs())
            .and_then(|m| Amount::new(m, 0))
            .ok_or(AmountError::Range),
    }
}

/// The instants of a typed column, UTC microseconds; None for columns of text.
///
/// Dates are midnights, and times without a zone are meant in the format's zone; where that zone is not
/// UTC the text decides, so that gaps and repeated hours are judged as in CSV.
pub(crate) fn instants_of(array: &ArrayRef, rules: TimeRules) -> Option<Vec<Option<i64>>> {
    let micros = micros_of(array, rules)?;
    Some(micros.as_primitive::<TimestampMicrosecondType>().iter().collect())
}

/// The same as an array without a zone.
fn micros_of(array: &ArrayRef, rules: TimeRules) -> Option<ArrayRef> {
    let zoned = match array.data_type() {
        DataType::Timestamp(_, zone) => zone.is_some(),
        DataType::Date32 | DataType::Date64 => false,
        _ => return None,
    };
    if !zoned && rules.zone != crate::time::Tz::UTC {
        return None;
    }
    // Nanoseconds are floored, as the fractions of a text are; arrow's cast would round towards zero.
    if let DataType::Timestamp(TimeUnit::Nanosecond, _) = array.data_type() {
        let nanos = array.as_primitive::<TimestampNanosecondType>();
        let micros: PrimitiveArray<TimestampMicrosecondType> = nanos.unary(|n| n.div_euclid(1000));
        return Some(Arc::new(micros));
    }
    let micros = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, None)).ok()?;
    (micros.null_count() == array.null_count()).then_some(micros)
}

/// A cell as the text that a CSV file would hold; empty for null.
fn text_cell<'a>(array: &'a ArrayRef, row: usize, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    if array.is_null(row) {
        return &[];
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).as_bytes(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).as_bytes(),
        DataType::Binary => array.as_binary::<i32>().value(row),
        DataType::LargeBinary => array.as_binary::<i64>().value(row),
        DataType::Dictionary(_, _) => {
            let column = array.as_any_dictionary();
            let key = array.as_dictionary_opt::<Int32Type>().map_or_else(
                || column.normalized_keys()[row],
                |typed| typed.keys().value(row) as usize,
            );
            text_cell(column.values(), key, scratch)
        }
        DataType::Map(_, _) => {
            let map = array.as_map();
            let offsets = map.value_offsets();
            let (from, to) = (offsets[row] as usize, offsets[row + 1] as usize);
            scratch.clear();
            write_map(map.entries(), from..to, scratch);
            scratch
        }
        DataType::List(_) | DataType::LargeList(_) | DataType::Struct(_) => {
            scratch.clear();
            write_json(array, row, scratch);
            scratch
        }
        _ => {
            scratch.clear();
            let options = FormatOptions::new();
            if let Ok(formatter) = ArrayFormatter::try_new(array.as_ref(), &options) {
                let _ = std::io::Write::write_fmt(scratch, format_args!("{}", formatter.value(row)));
            }
            scratch
        }
    }
}

fn write_map(entries: &StructArray, range: std::ops::Range<usize>, out: &mut Vec<u8>) {
    out.push(b'{');
    for i in range {
        if out.len() > 1 && out.last() != Some(&b'{') {
            out.push(b',');
        }
        write_json(entries.column(0), i, out);
        out.push(b':');
        write_json(entries.column(1), i, out);
    }
    out.push(b'}');
}

/// Appends a value as JSON. Numbers become strings: tags are text, and ids must keep every digit.
fn write_json(array: &ArrayRef, row: usize, out: &mut Vec<u8>) {
    if array.is_null(row) {
        out.extend_from_slice(b"null");
        return;
    }
    match array.data_type() {
        DataType::List(_) | DataType::LargeList(_) => {
            let values = match array.as_list_opt::<i32>() {
                Some(list) => list.value(row),
                None => array.as_list::<i64>().value(row),
            };
            out.push(b'[');
            for i in 0..values.len() {
                if i > 0 {
                    out.push(b',');
                }
                write_json(&values, i, out);
            }
            out.push(b']');
        }
        DataType::Struct(fields) => {
            let values = array.as_struct();
            out.push(b'{');
            for (i, field) in fields.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(json_text(field.name()).as_bytes());
                out.push(b':');
                write_json(values.column(i), row, out);
            }
            out.push(b'}');
        }
        DataType::Map(_, _) => {
            let map = array.as_map();
            let offsets = map.value_offsets();
            let mut inner = Vec::new();
            write_map(
                map.entries(),
                offsets[row] as usize..offsets[row + 1] as usize,
                &mut inner,
            );
            out.extend_from_slice(&inner);
        }
        _ => {
            let mut scratch = Vec::new();
            let text = String::from_utf8_lossy(text_cell(array, row, &mut scratch)).into_owned();
            out.extend_from_slice(json_text(&text).as_bytes());
        }
    }
}

fn json_text(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charge::builder::dictionary;
    use arrow::array::{Decimal256Array, Float32Array, TimestampNanosecondArray};
    use arrow::datatypes::i256;

    #[test]
    fn c15_decimals_of_every_scale_are_exact_or_refused() {
        assert_eq!(decimal(12345, 2).unwrap().to_string(), "123.45");
        assert_eq!(decimal(-7, -3).unwrap().to_string(), "-7000");
        assert_eq!(decimal(7, -38), Err(AmountError::Range));
        let wide: ArrayRef = Arc::new(
            Decimal256Array::from(vec![i256::from_i128(1)])
                .with_precision_and_scale(76, 40)
                .unwrap(),
        );
        let mut scratch = Vec::new();
        assert_eq!(
            Amount::parse(text_cell(&wide, 0, &mut scratch)),
            Err(AmountError::Scale)
        );
    }

    #[test]
    fn numbers_and_instants_at_the_limits_are_judged_one_by_one() {
        let most = crate::money::POW10[38] - 1;
        for fits in [0, 1, -1, most, -most, (1 << 126) - 1, -(1 << 126)] {
            assert!(all_within_38_digits(&[5, fits, -5]), "{fits}");
        }
        for past in [most + 1, -most - 1, i128::MAX, i128::MIN] {
            assert!(!all_within_38_digits(&[5, past, -5]), "{past}");
        }
        let (first, last) = (time::MIN_INSTANT, time::MAX_INSTANT);
        assert!(all_possible(&[0, first, last, -1]));
        for past in [first - 1, last + 1, i64::MIN, i64::MAX] {
            assert!(!all_possible(&[0, past]), "{past}");
        }
    }

    #[test]
    fn nanoseconds_before_1970_are_floored() {
        let array: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![-1, 1999]));
        assert_eq!(
            instants_of(&array, TimeRules::default()),
            Some(vec![Some(-1), Some(1)])
        );
    }

    #[test]
    fn a_single_means_its_own_shortest_decimal() {
        let array: ArrayRef = Arc::new(Float32Array::from(vec![0.1_f32]));
        let mut scratch = Vec::new();
        assert_eq!(text_cell(&array, 0, &mut scratch), b"0.1");
    }

    #[test]
    fn codes_of_a_dictionary_lead_to_its_texts() {
        let array: ArrayRef =
            Arc::new(dictionary(vec![1, 0], Arc::new(StringArray::from(vec!["a", "b"]))).unwrap());
        let mut scratch = Vec::new();
        assert_eq!(text_cell(&array, 0, &mut scratch), b"b");
    }
}
