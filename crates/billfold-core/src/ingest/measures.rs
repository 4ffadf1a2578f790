//! Measures: the numbers of a row beside its cost, and its times as text.
//!
//! A cell that holds no number rejects nothing, since whether a row is rejected does not depend on the columns
//! that a question happens to read: the row counts as without a value, and the receipt says how many did.

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;

use crate::charge::batch::{RowCounts, narrow_cost};
use crate::charge::builder::{MoneyBuilder, TextBuilder};
use crate::charge::schema::{self, BILLING_PERIOD_END, CHARGE_PERIOD_END, ColumnKind, normalised_header};
use crate::error::Result;
use crate::ingest::amounts::member_text;
use crate::ingest::cells::{Cells, Fault, Judged, TextArray};
use crate::ingest::decode::amount_of;
use crate::ingest::formats::Binding;
use crate::ingest::plan::DecodePlan;
use crate::ingest::units::Unit;
use crate::money::{Amount, AmountError, parse_cell};
use crate::time::{self, format_instant};

/// Where a measure comes from.
#[derive(Debug, Clone)]
pub(crate) struct MeasurePlan {
    pub name: String,
    /// None where the file has none.
    pub column: Option<usize>,
    /// How its cells are written where they name no unit.
    written: Unit,
    /// What its name says.
    meant: Unit,
    /// Whether a cell may name its unit.
    has_units: bool,
}

impl MeasurePlan {
    pub(crate) fn new(name: &str, binding: &Binding) -> Self {
        let column = binding.find(name);
        let meant = Unit::of_column(name);
        let written = column.and_then(|column| {
            let header = normalised_header(&binding.headers.names[column]);
            let mut units = binding.format.units.iter();
            let (_, unit) = units.find(|(of, _)| normalised_header(of) == header)?;
            Unit::parse(unit)
        });
        MeasurePlan {
            name: name.to_owned(),
            column,
            written: written.unwrap_or(meant),
            meant,
            has_units: Unit::may_be_written(name),
        }
    }

    /// The value of a row.
    pub(crate) fn value<C: Cells>(
        &self,
        cells: &C,
        plan: &DecodePlan,
        row: usize,
        scratch: &mut Vec<u8>,
    ) -> Result<Option<Amount>, Fault> {
        let Some(column) = self.column else {
            return Ok(None);
        };
        let fault = |error, text: &[u8]| Fault::amount(error, column, text);
        let (number, unit) = if self.has_units {
            let text = match plan.list(column) {
                Some(part) => member_text(cells.cell(row, part.list, scratch), &part.member),
                None => String::from_utf8_lossy(cells.cell(row, column, scratch)).into_owned(),
            };
            match number_and_unit(&text) {
                // `NA`, `Up to 10 Gigabit`, `EBS only`: words, and no size.
                None => (None, self.written),
                Some((number, "")) => (
                    parse_cell(number.as_bytes()).map_err(|e| fault(e, text.as_bytes()))?,
                    self.written,
                ),
                Some((number, unit)) => (
                    parse_cell(number.as_bytes()).map_err(|e| fault(e, text.as_bytes()))?,
                    match Unit::parse(unit) {
                        _ if self.meant == Unit::Plain => Unit::Plain,
                        Some(unit) => unit,
                        None => return Err(fault(AmountError::Syntax, text.as_bytes())),
                    },
                ),
            }
        } else {
            (amount_of(cells, plan, row, column, scratch)?, self.written)
        };
        let Some(number) = number else { return Ok(None) };
        match unit.convert(number, self.meant) {
            Some(number) => Ok(Some(number)),
            None => Err(fault(AmountError::Range, number.to_string().as_bytes())),
        }
    }
}

/// A size as a table of one's own writes it, in the unit of its column: `8`, `8 GiB`. None where the text is no
/// number of such a unit.
pub(crate) fn size(column: &str, text: &str) -> Option<Amount> {
    let (number, unit) = number_and_unit(text)?;
    let meant = Unit::of_column(column);
    let written = match unit {
        "" => meant,
        _ if meant == Unit::Plain => Unit::Plain,
        unit => Unit::parse(unit)?,
    };
    written.convert(Amount::parse(number.as_bytes()).ok()?, meant)
}

/// `8 GiB` as `8` and `GiB`; None where the text does not begin with a number.
fn number_and_unit(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '+'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    number
        .contains(|c: char| c.is_ascii_digit())
        .then_some((number, unit.trim()))
}

/// One column per measure of the plan; nothing where the plan has none.
pub(crate) fn columns<C: Cells>(
    cells: &C,
    plan: &DecodePlan,
    judged: &Judged,
    counts: &mut RowCounts,
) -> Result<Vec<(String, ArrayRef)>> {
    let mut columns = Vec::with_capacity(plan.measures.len());
    let mut scratch = Vec::new();
    for measure in &plan.measures {
        if measure.column.is_none() {
            let n = cells.n_rows();
            let nulls = NullBuffer::new_null(n);
            columns.push((measure.name.clone(), narrow_cost(vec![0; n], 0, Some(nulls))?));
            continue;
        }
        let mut builder = MoneyBuilder::with_capacity(cells.n_rows());
        for row in 0..cells.n_rows() {
            if judged.is_bad(row) {
                builder.push_null();
                continue;
            }
            match measure.value(cells, plan, row, &mut scratch) {
                Ok(Some(value)) => builder.push(value),
                Ok(None) => builder.push_null(),
                Err(_) => {
                    counts.measures_unreadable += 1;
                    builder.push_null();
                }
            }
        }
        columns.push((measure.name.clone(), builder.finish()?));
    }
    Ok(columns)
}

/// Whether a name is that of a time of the schema, which travels as text.
pub(crate) fn is_time(name: &str) -> bool {
    schema::column(name).is_some_and(|c| c.kind == ColumnKind::Time)
}

/// A column of times as ISO 8601 text in UTC; `""` where a row has none that can be read.
pub(crate) fn instants_as_text<C: Cells>(
    cells: &C,
    plan: &DecodePlan,
    name: &str,
    column: usize,
    judged: &Judged,
    counts: &mut RowCounts,
) -> Result<TextArray> {
    let is_end = matches!(name, CHARGE_PERIOD_END | BILLING_PERIOD_END);
    let typed = cells.instants(column);
    let mut scratch = Vec::new();
    let mut builder = TextBuilder::with_capacity(cells.n_rows());
    for row in 0..cells.n_rows() {
        let instant = if judged.is_bad(row) {
            Ok(None)
        } else if let Some(typed) = &typed {
            Ok(typed[row].filter(|i| (time::MIN_INSTANT..=time::MAX_INSTANT).contains(i)))
        } else {
            plan.rules
                .instant(plan.rules.typed(cells.cell(row, column, &mut scratch)))
        };
        match instant {
            Ok(Some(instant)) => {
                let instant = if is_end { plan.rules.end(instant) } else { instant };
                builder.push(format_instant(instant).as_bytes());
            }
            Ok(None) => builder.push(b""),
            Err(_) => {
                counts.measures_unreadable += 1;
                builder.push(b"");
            }
        }
    }
    builder.finish(|_| None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_and_a_unit() {
        assert_eq!(number_and_unit("8 GiB"), Some(("8", "GiB")));
        assert_eq!(number_and_unit(" 0.5GB "), Some(("0.5", "GB")));
        assert_eq!(number_and_unit("4"), Some(("4", "")));
        assert_eq!(number_and_unit("4 核"), Some(("4", "核")));
        for words in ["NA", "Up to 10 Gigabit", "", "-", "EBS only"] {
            assert_eq!(number_and_unit(words), None, "{words}");
        }
    }
}
