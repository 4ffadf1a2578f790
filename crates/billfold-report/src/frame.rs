//! An answer as a Polars frame, and back, without losing anything.
//!
//! Columns: the dimensions as text in the order asked, `period`, `period_start`, `period_end` (UTC,
//! microseconds, null where the total is not bounded), `billing_currency`, `cost`, `charges`, and `others`,
//! which tells what `top` put together from a group that is named so. A dimension that is named like a
//! column after it carries the first free suffix, `cost_1`.
//!
//! The cost is `Decimal(38, s)` with the smallest scale that holds every cost: exact or refused. An answer
//! with a cost of more than 38 digits has no frame; `billfold sums --format parquet` holds 76.

use std::collections::BTreeSet;

use billfold_core::engine::Answer;
use billfold_core::money::{Amount, ExactSum, rescale};
use billfold_core::time::Period;
use billfold_core::{Error, Result};
use polars::prelude::{
    BooleanChunked, Column, DataFrame, DataType, DatetimeChunked, Int64Chunked, Int128Chunked, IntoColumn,
    IntoSeries as _, NewChunkedArray, PlSmallStr, PolarsError, StringChunked, TimeUnit, TimeZone,
    UInt64Chunked,
};

/// Digits of a decimal of Polars.
pub const MAX_DIGITS: usize = 38;

/// One group of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameRow {
    /// By dimension, its value.
    pub keys: Vec<String>,
    /// The period.
    pub period: Period,
    /// The currency's code; "" where the files name none.
    pub currency: String,
    /// The exact cost.
    pub cost: ExactSum,
    /// The charges in it.
    pub charges: u64,
    /// Whether this is what `top` put together.
    pub is_others: bool,
}

/// Makes a frame of an answer, a row per group in the answer's order.
///
/// Errors: a limit, when a cost needs more than 38 digits at the scale that all need.
pub fn from_answer(answer: &Answer) -> Result<DataFrame> {
    let mut taken: BTreeSet<String> = FIXED.iter().map(|name| (*name).to_owned()).collect();
    let mut columns: Vec<Column> = Vec::new();
    for (nth, name) in answer.dimension_names().enumerate() {
        let name = free_name(name, &mut taken);
        columns.push(text(&name, answer.rows().map(|row| row.key(nth))));
    }
    columns.push(text(
        "period",
        answer.rows().map(|row| row.period().label.as_str()),
    ));
    columns.push(times("period_start", answer.rows().map(|row| row.period().start)));
    columns.push(times("period_end", answer.rows().map(|row| row.period().end)));
    let codes: Vec<String> = answer.rows().map(|row| row.currency().to_string()).collect();
    columns.push(text("billing_currency", codes.iter().map(String::as_str)));
    let costs: Vec<Option<ExactSum>> = answer.rows().map(|row| Some(row.cost())).collect();
    columns.push(decimals("cost", &costs)?);
    let charges = answer.rows().map(|row| row.charges());
    columns.push(UInt64Chunked::from_iter_values("charges".into(), charges).into_column());
    let others = answer.rows().map(|row| row.is_others());
    columns.push(BooleanChunked::from_iter_values("others".into(), others).into_column());
    DataFrame::new(answer.len(), columns).map_err(|e| broken(&e))
}

const FIXED: [&str; 7] = [
    "period",
    "period_start",
    "period_end",
    "billing_currency",
    "cost",
    "charges",
    "others",
];

/// Reads the groups of a frame back.
///
/// Errors: a bug of ours, for a frame that [`from_answer`] did not make.
pub fn to_rows(frame: &DataFrame) -> Result<Vec<FrameRow>> {
    let n_keys = frame.width().checked_sub(FIXED.len()).ok_or_else(no_frame)?;
    let columns = frame.columns();
    let texts = |at: usize| -> Result<Vec<String>> {
        let column = columns[at].str().map_err(|e| broken(&e))?;
        column
            .iter()
            .map(|text| text.map(str::to_owned).ok_or_else(no_frame))
            .collect()
    };
    let instants = |at: usize| -> Result<Vec<Option<i64>>> {
        let column = columns[at].datetime().map_err(|e| broken(&e))?;
        Ok(column.physical().iter().collect())
    };
    let keys = (0..n_keys).map(texts).collect::<Result<Vec<_>>>()?;
    let labels = texts(n_keys)?;
    let (starts, ends) = (instants(n_keys + 1)?, instants(n_keys + 2)?);
    let currencies = texts(n_keys + 3)?;
    let costs = exact(&columns[n_keys + 4])?;
    let charges = columns[n_keys + 5].u64().map_err(|e| broken(&e))?;
    let others = columns[n_keys + 6].bool().map_err(|e| broken(&e))?;
    (0..frame.height())
        .map(|row| {
            Ok(FrameRow {
                keys: keys.iter().map(|column| column[row].clone()).collect(),
                period: Period {
                    start: starts[row],
                    end: ends[row],
                    label: labels[row].clone(),
                },
                currency: currencies[row].clone(),
                cost: costs[row].ok_or_else(no_frame)?,
                charges: charges.get(row).ok_or_else(no_frame)?,
                is_others: others.get(row).ok_or_else(no_frame)?,
            })
        })
        .collect()
}

fn no_frame() -> Error {
    Error::bug("a frame that is not an answer's")
}

fn broken(error: &PolarsError) -> Error {
    Error::bug(format!("a frame of an answer: {error}"))
}

fn free_name(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut free = name.to_owned();
    let mut n = 0;
    while !taken.insert(free.clone()) {
        n += 1;
        free = format!("{name}_{n}");
    }
    free
}

/// A column of text.
pub(crate) fn text<'t>(name: &str, values: impl Iterator<Item = &'t str>) -> Column {
    StringChunked::from_iter_values(PlSmallStr::from_str(name), values).into_column()
}

/// A column of instants, UTC microseconds.
pub(crate) fn times(name: &str, values: impl Iterator<Item = Option<i64>>) -> Column {
    let column: DatetimeChunked = Int64Chunked::from_iter_options(PlSmallStr::from_str(name), values)
        .into_datetime(TimeUnit::Microseconds, Some(TimeZone::UTC));
    column.into_series().into_column()
}

/// A column of exact decimals of one scale, the smallest that holds all.
///
/// Errors: a limit, when a value needs more than 38 digits at it.
pub(crate) fn decimals(name: &str, values: &[Option<ExactSum>]) -> Result<Column> {
    let too_long = || {
        Error::limit(
            "limit.digits",
            format!("{name}: a value needs more than {MAX_DIGITS} digits at the scale that all values need"),
        )
        .hint("a frame holds 38 digits; billfold sums answers such costs in csv, json and parquet")
    };
    let amounts: Vec<Option<Amount>> = values
        .iter()
        .map(|value| match value {
            Some(value) => value
                .to_amount()
                .map(|a| Some(a.normalized()))
                .ok_or_else(too_long),
            None => Ok(None),
        })
        .collect::<Result<_>>()?;
    let scale = amounts
        .iter()
        .flatten()
        .map(|amount| amount.scale())
        .max()
        .unwrap_or(0);
    let integers: Vec<Option<i128>> = amounts
        .iter()
        .map(|amount| match amount {
            Some(amount) => rescale(amount.mantissa(), amount.scale(), scale)
                .map(Some)
                .ok_or_else(too_long),
            None => Ok(None),
        })
        .collect::<Result<_>>()?;
    Int128Chunked::from_iter_options(PlSmallStr::from_str(name), integers.into_iter())
        .into_decimal(MAX_DIGITS, usize::from(scale))
        .map(|column| column.into_series().into_column())
        .map_err(|_| too_long())
}

/// The exact values of a column of decimals.
pub(crate) fn exact(column: &Column) -> Result<Vec<Option<ExactSum>>> {
    let DataType::Decimal(_, scale) = column.dtype() else {
        return Err(no_frame());
    };
    let scale = u8::try_from(*scale).map_err(|_| no_frame())?;
    let values = column.decimal().map_err(|e| broken(&e))?;
    values
        .physical()
        .iter()
        .map(|value| match value {
            Some(value) => Amount::new(value, scale)
                .map(|amount| Some(ExactSum::from(amount)))
                .ok_or_else(|| Error::limit("limit.digits", "a decimal of more than 38 digits")),
            None => Ok(None),
        })
        .collect()
}
