//! An answer as Arrow batches: what the Parquet and the Arrow file have in common.
//!
//! | column | type |
//! |---|---|
//! | each dimension, by its name | dictionary of text; `""` where a charge has no value |
//! | `period` | dictionary of text, the label |
//! | `period_start`, `period_end` | timestamp in microseconds, UTC; null where the total is not bounded |
//! | `billing_currency` | dictionary of text; `""` where the file names none |
//! | `cost` | `Decimal128(38, s)`, or `Decimal256(76, s)` where 38 digits do not hold every value |
//! | `charges` | `Int64`, which every tool reads |
//! | `others` | boolean, only where the question keeps a `top`: whether the group is what was put together |
//!
//! `s` is the smallest scale that holds every cost of the answer exactly; nothing is rounded. A
//! dimension that is named like a column after it, or like a dimension before it, carries the first
//! free suffix: `cost_1`, `cost_2`. Nothing here knows files.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Decimal256Array, DictionaryArray, Int32Array, Int64Array,
    LargeStringArray, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field, Int32Type, Schema, SchemaRef,
    TimeUnit, i256,
};
use arrow::error::ArrowError;
use billfold_core::engine::{Answer, KeyColumn};
use billfold_core::money::{ExactSum, POW10};
use billfold_core::{Error, Result};

/// Rows per batch, so that an answer of any size is written in bounded memory.
const BATCH_ROWS: usize = 65_536;

/// Bytes that the offsets of a plain text array reach.
const MAX_TEXT_BYTES: usize = i32::MAX as usize;

/// An answer laid out as Arrow columns, cut into batches on demand.
pub(super) struct Frame<'a> {
    answer: &'a Answer,
    schema: SchemaRef,
    dimensions: Vec<Coded<'a>>,
    period: Coded<'a>,
    currency: Coded<'a>,
    cost: CostType,
}

/// A column of text: the values that occur once, and the codes that the answer has for them.
struct Coded<'a> {
    codes: &'a [u32],
    /// By code of the answer, the index in `values`.
    index_of: Vec<i32>,
    /// The index of what `top` put together.
    others: i32,
    values: ArrayRef,
}

/// The decimal type that holds every cost of an answer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CostType {
    wide: bool,
    scale: u8,
    /// The cost that is furthest from zero.
    largest: Option<ExactSum>,
}

impl<'a> Frame<'a> {
    /// Lays out an answer.
    ///
    /// Errors: limit, when a cost needs more than 76 digits or a column has 2³¹ values or more.
    pub(super) fn new(answer: &'a Answer) -> Result<Self> {
        Frame::with_cost(answer, CostType::of(answer)?)
    }

    /// Lays out some groups of an answer whose costs all have this type.
    pub(super) fn with_cost(answer: &'a Answer, cost: CostType) -> Result<Self> {
        let dimensions = answer
            .keys
            .iter()
            .map(|column| Coded::new(&column.codes, column.names.len(), |code| &column.names[code]))
            .collect::<Result<Vec<_>>>()?;
        let period = Coded::new(&answer.period_idx, answer.periods.len(), |code| {
            &answer.periods[code].label
        })?;
        let currency = Coded::new(&answer.currency_idx, answer.currencies.len(), |code| {
            answer.currencies[code].as_str()
        })?;

        let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let mut fixed = vec![
            Field::new("period", period.data_type(), false),
            Field::new("period_start", instant.clone(), true),
            Field::new("period_end", instant, true),
            Field::new("billing_currency", currency.data_type(), false),
            Field::new("cost", cost.data_type(), false),
            Field::new("charges", DataType::Int64, false),
        ];
        if answer.query.top.is_some() {
            fixed.push(Field::new("others", DataType::Boolean, false));
        }
        let mut taken: BTreeSet<String> = fixed.iter().map(|field| field.name().clone()).collect();
        let mut fields: Vec<Field> = answer
            .dimension_names()
            .zip(&dimensions)
            .map(|(name, column)| Field::new(free_name(name, &mut taken), column.data_type(), false))
            .collect();
        fields.append(&mut fixed);
        Ok(Frame {
            answer,
            schema: Arc::new(Schema::new(fields)),
            dimensions,
            period,
            currency,
            cost,
        })
    }

    /// The columns and their types.
    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// All groups, in the answer's order; the batches share their dictionaries.
    pub(super) fn batches(&self) -> impl Iterator<Item = Result<RecordBatch>> {
        let n_rows = self.answer.len();
        (0..n_rows).step_by(BATCH_ROWS).map(move |start| {
            self.batch(start, n_rows.min(start + BATCH_ROWS))
                .map_err(|error| Error::bug(format!("an answer as columns: {error}")))
        })
    }

    fn batch(&self, start: usize, end: usize) -> Result<RecordBatch, ArrowError> {
        let answer = self.answer;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for column in self.dimensions.iter().chain([&self.period]) {
            columns.push(column.array(start, end)?);
        }
        let periods = answer.period_idx[start..end]
            .iter()
            .map(|&idx| &answer.periods[idx as usize]);
        let instants = |of: TimestampMicrosecondArray| -> ArrayRef {
            Arc::new(of.with_timezone(Arc::<str>::from("UTC")))
        };
        columns.push(instants(periods.clone().map(|period| period.start).collect()));
        columns.push(instants(periods.map(|period| period.end).collect()));
        columns.push(self.currency.array(start, end)?);
        columns.push(self.cost.array(answer, start, end)?);
        let too_many = |_| ArrowError::ComputeError("a count of charges beyond 63 bits".to_owned());
        let charges: Vec<i64> = answer.charges[start..end]
            .iter()
            .map(|&n| i64::try_from(n).map_err(too_many))
            .collect::<Result<_, _>>()?;
        columns.push(Arc::new(Int64Array::from(charges)));
        if answer.query.top.is_some() {
            let others: BooleanArray = (start..end)
                .map(|idx| Some(answer.row(idx).is_others()))
                .collect();
            columns.push(Arc::new(others));
        }
        RecordBatch::try_new(self.schema(), columns)
    }
}

impl<'a> Coded<'a> {
    /// Keeps of `n_names` names those that a code stands for: a page of ten groups brings ten names.
    fn new<'n>(codes: &'a [u32], n_names: usize, name: impl Fn(usize) -> &'n str) -> Result<Self> {
        let mut used = vec![false; n_names];
        let mut has_others = false;
        for &code in codes {
            match code {
                KeyColumn::OTHERS => has_others = true,
                code => used[code as usize] = true,
            }
        }
        let too_many = |_| Error::limit("limit.groups", "a column of this format holds at most 2³¹ names");
        let mut names: Vec<&str> = Vec::new();
        let mut index_of = vec![0; n_names];
        let mut others = None;
        for code in (0..n_names).filter(|&code| used[code]) {
            let index = i32::try_from(names.len()).map_err(too_many)?;
            index_of[code] = index;
            names.push(name(code));
            // Tools that read dictionaries as categories want each name once; `others` tells the two apart.
            if name(code) == KeyColumn::OTHERS_LABEL {
                others = Some(index);
            }
        }
        if has_others && others.is_none() {
            others = Some(i32::try_from(names.len()).map_err(too_many)?);
            names.push(KeyColumn::OTHERS_LABEL);
        }
        Ok(Coded {
            codes,
            index_of,
            others: others.unwrap_or_default(),
            values: text_array(&names, MAX_TEXT_BYTES),
        })
    }

    fn data_type(&self) -> DataType {
        DataType::Dictionary(
            Box::new(DataType::Int32),
            Box::new(self.values.data_type().clone()),
        )
    }

    fn array(&self, start: usize, end: usize) -> Result<ArrayRef, ArrowError> {
        let indices = self.codes[start..end].iter().map(|&code| match code {
            KeyColumn::OTHERS => self.others,
            code => self.index_of[code as usize],
        });
        let indices = Int32Array::from_iter_values(indices);
        let array = DictionaryArray::<Int32Type>::try_new(indices, Arc::clone(&self.values))?;
        Ok(Arc::new(array))
    }
}

/// The names as text, with wide offsets only where `max_bytes` do not reach.
fn text_array(names: &[&str], max_bytes: usize) -> ArrayRef {
    let n_bytes: usize = names.iter().map(|name| name.len()).sum();
    if n_bytes <= max_bytes {
        Arc::new(StringArray::from_iter_values(names))
    } else {
        Arc::new(LargeStringArray::from_iter_values(names))
    }
}

impl CostType {
    /// The smallest scale that holds every cost, and whether 38 digits do at that scale.
    fn of(answer: &Answer) -> Result<Self> {
        let mut cost = CostType::default();
        cost.widen_for(answer);
        cost.check()?;
        Ok(cost)
    }

    /// Makes room for the costs of some groups.
    pub(super) fn widen_for(&mut self, answer: &Answer) {
        for idx in 0..answer.len() {
            let cost = answer.row(idx).cost();
            self.scale = scale_of(&cost, self.scale);
            if self.largest.is_none_or(|largest| beyond(&cost, &largest)) {
                self.largest = Some(cost);
            }
        }
        let value = self.largest.map(|cost| mantissa(&cost, self.scale));
        self.wide = value.is_some_and(|value| value.and_then(i256::to_i128).is_none_or(|v| !fits(v)));
    }

    /// Errors: limit, when a cost needs more than 76 digits.
    pub(super) fn check(&self) -> Result<()> {
        match self.largest {
            Some(cost) if mantissa(&cost, self.scale).is_none_or(|value| !fits_wide(value)) => {
                Err(Error::limit(
                    "limit.decimal",
                    format!("the cost {cost} needs more than 76 digits"),
                )
                .hint("write this answer as CSV, which has no limit"))
            }
            _ => Ok(()),
        }
    }

    fn data_type(self) -> DataType {
        if self.wide {
            DataType::Decimal256(DECIMAL256_MAX_PRECISION, self.scale as i8)
        } else {
            DataType::Decimal128(DECIMAL128_MAX_PRECISION, self.scale as i8)
        }
    }

    fn array(self, answer: &Answer, start: usize, end: usize) -> Result<ArrayRef, ArrowError> {
        let lost = || ArrowError::ComputeError("a cost leaves the scale made for it".to_owned());
        let costs = (start..end).map(|idx| mantissa(&answer.row(idx).cost(), self.scale).ok_or_else(lost));
        let scale = self.scale as i8;
        if self.wide {
            let values: Vec<i256> = costs.collect::<Result<_, _>>()?;
            let array = Decimal256Array::from_iter_values(values);
            Ok(Arc::new(
                array.with_precision_and_scale(DECIMAL256_MAX_PRECISION, scale)?,
            ))
        } else {
            let values: Vec<i128> = costs
                .map(|value| value?.to_i128().ok_or_else(lost))
                .collect::<Result<_, _>>()?;
            let array = Decimal128Array::from_iter_values(values);
            Ok(Arc::new(
                array.with_precision_and_scale(DECIMAL128_MAX_PRECISION, scale)?,
            ))
        }
    }
}

/// Whether a cost is further from zero than another.
fn beyond(cost: &ExactSum, other: &ExactSum) -> bool {
    let magnitude = |sum: &ExactSum| if *sum < ExactSum::ZERO { -*sum } else { *sum };
    magnitude(cost) > magnitude(other)
}

/// 10ⁿ, `n` at most 38.
fn power(n: u8) -> i128 {
    POW10[usize::from(n).min(POW10.len() - 1)]
}

/// The smallest scale, `at_least` or above, that holds the value exactly.
fn scale_of(cost: &ExactSum, at_least: u8) -> u8 {
    let (value, own_scale) = cost.parts();
    let holds = |scale: &u8| {
        let unit = power(own_scale - scale);
        match value.to_i128() {
            Some(value) => value % unit == 0,
            None => value.wrapping_rem(i256::from_i128(unit)) == i256::ZERO,
        }
    };
    (at_least..own_scale)
        .find(holds)
        .unwrap_or(own_scale.max(at_least))
}

/// The cost in units of `10^-scale`; none when it is not whole or leaves 256 bits.
fn mantissa(cost: &ExactSum, scale: u8) -> Option<i256> {
    let (value, own_scale) = cost.parts();
    if own_scale <= scale {
        return value.checked_mul(i256::from_i128(power(scale - own_scale)));
    }
    let unit = power(own_scale - scale);
    match value.to_i128() {
        Some(value) => (value % unit == 0).then_some(i256::from_i128(value / unit)),
        None => {
            let unit = i256::from_i128(unit);
            (value.wrapping_rem(unit) == i256::ZERO).then_some(value.wrapping_div(unit))
        }
    }
}

/// Whether 38 digits hold the integer.
fn fits(value: i128) -> bool {
    value.unsigned_abs() < power(DECIMAL128_MAX_PRECISION).unsigned_abs()
}

/// Whether 76 digits hold the integer.
fn fits_wide(value: i256) -> bool {
    let half = i256::from_i128(power(DECIMAL128_MAX_PRECISION));
    value.wrapping_div(half).to_i128().is_some_and(fits)
}

/// The name, or the name with the first suffix that makes it free; takes it.
fn free_name(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut free = name.to_owned();
    let mut suffix = 0_usize;
    while taken.contains(&free) {
        suffix += 1;
        free = format!("{name}_{suffix}");
    }
    taken.insert(free.clone());
    free
}

#[cfg(test)]
pub(super) mod samples;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(answer: &Answer) -> Vec<String> {
        let schema = Frame::new(answer).unwrap().schema();
        schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    /// Whether the column is wide, and its scale.
    fn cost_type(costs: &[&str]) -> (bool, u8) {
        let groups: Vec<_> = costs.iter().map(|cost| (vec![], "USD", *cost, 1)).collect();
        let cost = CostType::of(&samples::answer(&[], &groups)).unwrap();
        (cost.wide, cost.scale)
    }

    #[test]
    fn columns_are_the_dimensions_then_the_fixed_ones() {
        let answer = samples::answer(&["zone_id"], &[(vec!["a"], "USD", "1", 1)]);
        let fixed = [
            "period",
            "period_start",
            "period_end",
            "billing_currency",
            "cost",
            "charges",
        ];
        assert_eq!(names(&answer)[0], "zone_id");
        assert_eq!(names(&answer)[1..], fixed);
    }

    #[test]
    fn a_dimension_named_like_a_column_gets_a_suffix() {
        let by = ["billing_currency", "cost", "cost_1", "others"];
        let mut answer = samples::answer(&by, &[(vec!["USD", "a", "b", "c"], "USD", "1", 1)]);
        assert_eq!(
            names(&answer)[..4],
            ["billing_currency_1", "cost_1", "cost_1_1", "others"]
        );
        answer.query.top = Some(1);
        assert_eq!(names(&answer)[3], "others_1");
        assert_eq!(names(&answer).last().unwrap(), "others");
    }

    #[test]
    fn the_scale_is_the_smallest_that_holds_every_cost() {
        let narrow = |scale| (false, scale);
        assert_eq!(cost_type(&[]), narrow(0));
        assert_eq!(cost_type(&["100", "0"]), narrow(0));
        assert_eq!(cost_type(&["1.50", "-2.25", "3.000"]), narrow(2));
        let tiny = format!("0.{}1", "0".repeat(37));
        assert_eq!(cost_type(&[&tiny]), narrow(38));
    }

    #[test]
    fn a_cost_beyond_38_digits_makes_the_column_wide() {
        let tiny = format!("0.{}1", "0".repeat(37));
        assert_eq!(cost_type(&["10", &tiny]), (true, 38));
        let nines = "9".repeat(38);
        assert_eq!(cost_type(&[&nines]), (false, 0));
        assert_eq!(cost_type(&[&nines, "0.1"]), (true, 1));
    }

    #[test]
    fn a_cost_beyond_76_digits_is_refused_with_its_text() {
        let mut answer = samples::answer(&[], &[(vec![], "USD", "0", 1)]);
        let most = i256::MAX.wrapping_sub(i256::ONE);
        answer.costs.add_wide(&[0], &[most], 0).unwrap();
        let error = Frame::new(&answer).err().unwrap();
        assert_eq!(error.kind().code(), "limit.decimal");
        assert!(error.to_string().contains(&most.to_string()), "{error}");
    }

    #[test]
    fn names_beyond_the_reach_of_offsets_get_wide_ones() {
        assert_eq!(text_array(&["ab", "c"], 3).data_type(), &DataType::Utf8);
        assert_eq!(text_array(&["ab", "cd"], 3).data_type(), &DataType::LargeUtf8);
    }

    #[test]
    fn a_page_brings_only_its_own_names() {
        let mut answer = samples::answer(&["zone_id"], &[(vec!["b"], "USD", "1", 1)]);
        answer.keys[0].names = ["a", "b", "c"].map(Arc::from).to_vec();
        answer.keys[0].codes = vec![1];
        let frame = Frame::new(&answer).unwrap();
        assert_eq!(frame.dimensions[0].values.len(), 1);
        samples::check(&answer, &frame.batches().map(Result::unwrap).collect::<Vec<_>>());
    }
}
