//! SQL over charges: Polars runs the statement, and money stays exact or the statement is refused.
//!
//! The table `charges` has a row per charge and only the columns that the statement names. How its money
//! stays exact: amounts are `Decimal(38, s)`, numbers with a point in the statement become decimals too,
//! and before anything runs `guard` walks the plan that Polars made of the statement. See there.

mod guard;
mod statement;

use std::collections::BTreeSet;

use billfold_core::charge::schema::{self, ColumnKind};
use billfold_core::engine::ChargeRows;
use billfold_core::error::Printable;
use billfold_core::money::ExactSum;
use billfold_core::query::{ChargeQuery, RowsQuery};
use billfold_core::time::format_instant;
use billfold_core::{Error, Result};
use polars::prelude::{AnyValue, Column, DataFrame, DataType, IntoLazy as _, PolarsError, TimeUnit};

use crate::frame;
use crate::grid::{Cell, Column as GridColumn, Grid, GridRow, Kind, RowKind};
use statement::Statement;

/// Name of the table.
pub const TABLE: &str = "charges";

/// A statement, read, with the columns that it needs.
#[derive(Debug)]
pub struct Ask {
    statement: Statement,
    columns: Vec<Wanted>,
}

/// A column of `charges` that a statement names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    /// `charge_period_start` or `charge_period_end`.
    Start,
    End,
    Currency,
    /// The cost that the other commands sum.
    Cost,
    /// Another money or number column of the schema.
    Measure(String),
    /// A text column, by the schema's name or the export's header.
    Text(String),
    /// `tag:KEY`.
    Tag(String),
}

impl Ask {
    /// Reads a statement.
    ///
    /// Errors: usage, for what is no single `SELECT`, for a function that opens files, and for syntax.
    pub fn parse(text: &str) -> Result<Ask> {
        let statement = Statement::parse(text)?;
        let mut wanted = BTreeSet::new();
        for name in statement.names() {
            wanted.extend(column_of(name, &statement));
        }
        if statement.has_star() {
            wanted.extend([Wanted::Start, Wanted::End, Wanted::Currency, Wanted::Cost]);
            for column in schema::COLUMNS {
                wanted.extend(column_of(&(column.name.to_owned(), false), &statement));
            }
        }
        if wanted.is_empty() {
            // `count(*)` names no column; a table has one at least.
            wanted.insert(Wanted::Cost);
        }
        Ok(Ask {
            statement,
            columns: wanted.into_iter().collect(),
        })
    }

    /// What must be read of the charges.
    pub fn rows_query(&self, query: ChargeQuery) -> RowsQuery {
        let texts = self.columns.iter().filter_map(|column| match column {
            Wanted::Text(name) => Some(name.clone()),
            _ => None,
        });
        let measures = self.columns.iter().filter_map(|column| match column {
            Wanted::Measure(name) => Some(name.clone()),
            _ => None,
        });
        RowsQuery {
            query,
            columns: texts.collect(),
            measures: measures.collect(),
            tags: self.columns.iter().any(|column| matches!(column, Wanted::Tag(_))),
            order: billfold_core::query::RowOrder::default(),
            offset: 0,
            limit: None,
        }
    }

    /// Runs the statement over charges read by [`Ask::rows_query`].
    ///
    /// Errors: usage, for what the statement gets wrong and for money that would not stay exact; a limit,
    /// for amounts of more than 38 digits.
    pub fn run(&self, rows: &ChargeRows) -> Result<Grid> {
        let frame = self.table(rows)?;
        let first = rows.rows.first().map(|row| row.currency);
        let one_currency = rows.rows.iter().all(|row| Some(row.currency) == first);
        let result = self.execute(frame, one_currency)?;
        grid(&result)
    }

    fn execute(&self, frame: DataFrame, one_currency: bool) -> Result<DataFrame> {
        let bounds = guard::Bounds::of(&frame, one_currency)?;
        let mut context = polars::sql::SQLContext::new();
        context.register(TABLE, frame.lazy());
        let lazy = context
            .execute(&self.statement.rewritten())
            .map_err(|e| refused(&e))?;
        guard::check(lazy.clone(), &bounds)?;
        lazy.collect().map_err(|e| refused(&e))
    }

    fn table(&self, rows: &ChargeRows) -> Result<DataFrame> {
        let charges = &rows.rows;
        let mut columns: Vec<Column> = Vec::with_capacity(self.columns.len());
        let (mut nth_text, mut nth_measure) = (0, 0);
        for wanted in &self.columns {
            columns.push(match wanted {
                Wanted::Start => frame::times(
                    schema::CHARGE_PERIOD_START,
                    charges.iter().map(|row| Some(row.charge_start)),
                ),
                Wanted::End => frame::times(
                    schema::CHARGE_PERIOD_END,
                    charges.iter().map(|row| Some(row.charge_end)),
                ),
                Wanted::Currency => frame::text(
                    schema::BILLING_CURRENCY,
                    charges.iter().map(|row| row.currency.as_str()),
                ),
                Wanted::Cost => {
                    let costs: Vec<Option<ExactSum>> = charges.iter().map(|row| Some(row.cost)).collect();
                    frame::decimals("cost", &costs)?
                }
                Wanted::Measure(name) => {
                    let values: Vec<Option<ExactSum>> =
                        charges.iter().map(|row| row.measures[nth_measure]).collect();
                    nth_measure += 1;
                    frame::decimals(name, &values)?
                }
                Wanted::Text(name) => {
                    let column = frame::text(name, charges.iter().map(|row| row.texts[nth_text].as_ref()));
                    nth_text += 1;
                    column
                }
                Wanted::Tag(key) => {
                    let value = |row: &'_ billfold_core::engine::ChargeRow| -> String {
                        let found = row.tags.iter().find(|(name, _)| name.as_ref() == key);
                        found
                            .and_then(|(_, value)| value.as_deref())
                            .unwrap_or_default()
                            .to_owned()
                    };
                    let values: Vec<String> = charges.iter().map(value).collect();
                    frame::text(&format!("tag:{key}"), values.iter().map(String::as_str))
                }
            });
        }
        DataFrame::new(charges.len(), columns).map_err(|e| Error::bug(format!("the table of charges: {e}")))
    }
}

/// The column that a name in a statement means; nothing for an alias and other names of its own.
fn column_of((name, is_quoted): &(String, bool), statement: &Statement) -> Option<Wanted> {
    match name.as_str() {
        "cost" => return Some(Wanted::Cost),
        schema::CHARGE_PERIOD_START => return Some(Wanted::Start),
        schema::CHARGE_PERIOD_END => return Some(Wanted::End),
        schema::BILLING_CURRENCY => return Some(Wanted::Currency),
        _ => {}
    }
    if let Some(key) = name.strip_prefix("tag:") {
        return Some(Wanted::Tag(key.to_owned()));
    }
    match schema::column(name).map(|column| column.kind) {
        Some(ColumnKind::Text | ColumnKind::Time) => Some(Wanted::Text(name.clone())),
        Some(ColumnKind::Tags) => None,
        Some(_) => Some(Wanted::Measure(name.clone())),
        // An export's own header is quoted, as most are no names of SQL.
        None if *is_quoted && !statement.defines(name) => Some(Wanted::Text(name.clone())),
        None => None,
    }
}

/// What Polars says of a statement, as an error of the one who wrote it.
fn refused(error: &PolarsError) -> Error {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let error = Error::usage(format!("the statement cannot be run: {}", Printable(first)));
    if text.contains("unable to find column") || text.contains("not found") {
        error.hint("billfold dimensions lists the columns; write \"tag:KEY\" and an export's own headers in double quotes")
    } else {
        error.hint("the table is charges; crates/billfold-report/docs/sql.md says which SQL there is")
    }
}

/// A result as typed cells.
fn grid(result: &DataFrame) -> Result<Grid> {
    let mut columns = Vec::with_capacity(result.width());
    let mut cells: Vec<Vec<Cell>> = Vec::with_capacity(result.width());
    for column in result.columns() {
        let (kind, values) = typed(column)?;
        columns.push(GridColumn::new(column.name().as_str(), kind, None));
        cells.push(values);
    }
    let mut cells: Vec<_> = cells.into_iter().map(Vec::into_iter).collect();
    let rows = (0..result.height())
        .map(|_| GridRow {
            kind: RowKind::Plain,
            cells: cells
                .iter_mut()
                .map(|column| column.next().unwrap_or(Cell::Empty))
                .collect(),
        })
        .collect();
    Ok(Grid {
        name: String::new(),
        periods: 0..0,
        columns,
        rows,
        remarks: Vec::new(),
    })
}

fn typed(column: &Column) -> Result<(Kind, Vec<Cell>)> {
    let name = column.name();
    if matches!(column.dtype(), DataType::Decimal(..)) {
        let values = frame::exact(column)?;
        let cells = values
            .into_iter()
            .map(|value| value.map_or(Cell::Empty, Cell::Number));
        return Ok((Kind::Number, cells.collect()));
    }
    let kind = match column.dtype() {
        dtype if dtype.is_integer() => Kind::Count,
        dtype if dtype.is_float() => Kind::Number,
        _ => Kind::Text,
    };
    let mut cells = Vec::with_capacity(column.len());
    for row in 0..column.len() {
        let value = column
            .get(row)
            .map_err(|e| Error::bug(format!("a result's cell: {e}")))?;
        cells.push(cell(&value).ok_or_else(|| {
            Error::usage(format!(
                "column {} of the result holds {}, which no output has",
                Printable(name),
                column.dtype()
            ))
            .hint("make text or numbers of it, or leave it out")
        })?);
    }
    Ok((kind, cells))
}

fn cell(value: &AnyValue<'_>) -> Option<Cell> {
    Some(match value {
        AnyValue::Null => Cell::Empty,
        AnyValue::Boolean(value) => Cell::Bool(*value),
        AnyValue::String(text) => Cell::Text((*text).to_owned()),
        AnyValue::StringOwned(text) => Cell::Text(text.to_string()),
        AnyValue::Float64(value) => Cell::Float(value.to_string()),
        AnyValue::Float32(value) => Cell::Float(value.to_string()),
        AnyValue::Datetime(instant, unit, _) | AnyValue::DatetimeOwned(instant, unit, _) => {
            time_cell(*instant, *unit)?
        }
        AnyValue::Date(days) => {
            let text = format_instant(i64::from(*days).checked_mul(86_400_000_000)?);
            Cell::Text(text.split('T').next().unwrap_or_default().to_owned())
        }
        AnyValue::Duration(..) => Cell::Text(value.to_string()),
        value => match value.extract::<i128>() {
            Some(count) if value.dtype().is_integer() => Cell::Count(count),
            _ => return None,
        },
    })
}

fn time_cell(instant: i64, unit: TimeUnit) -> Option<Cell> {
    Some(Cell::Text(format_instant(match unit {
        TimeUnit::Nanoseconds => instant.div_euclid(1_000),
        TimeUnit::Microseconds => instant,
        TimeUnit::Milliseconds => instant.checked_mul(1_000)?,
    })))
}
