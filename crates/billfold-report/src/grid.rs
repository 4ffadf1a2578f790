//! A grid: named columns of typed cells, row by row. What every output of a report is written from.
//!
//! Numbers stay numbers up to here; how they are printed is `Column::places`. Texts are as they stand in
//! the bills: escaping is each output's own duty.

use std::ops::Range;

use billfold_core::money::ExactSum;

/// A table of typed cells.
#[derive(Debug, Clone, Default)]
pub struct Grid {
    /// What the table is about, for a caption or the name of a sheet.
    pub name: String,
    /// The columns that are periods, by index.
    pub periods: Range<usize>,
    /// The columns, from left to right.
    pub columns: Vec<Column>,
    /// The rows, each with a cell per column.
    pub rows: Vec<GridRow>,
    /// What a reader has to know about the numbers, one line each.
    pub remarks: Vec<String>,
}

/// A column's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub kind: Kind,
    /// Decimals that its numbers are printed with; in full without.
    pub places: Option<u8>,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text from the bills or from the question.
    Text,
    /// Money or another exact number.
    Number,
    /// An exact number with its sign, also where it is positive.
    Change,
    /// A percentage, as a number out of 100.
    Percent,
    /// A percentage of change, or a word in its stead.
    Relative,
    /// A whole number.
    Count,
    /// The course of the costs, by period.
    Trend,
    /// The row's part of the greatest row, in thousandths.
    Bar,
}

impl Kind {
    /// Whether its cells stand on the right.
    pub fn is_number(self) -> bool {
        !matches!(self, Kind::Text | Kind::Trend | Kind::Bar)
    }
}

/// One row.
#[derive(Debug, Clone)]
pub struct GridRow {
    /// What the row is.
    pub kind: RowKind,
    /// A cell per column.
    pub cells: Vec<Cell>,
}

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// A group, or a row of a result.
    Plain,
    /// What `top` put together.
    Others,
    /// The total.
    Total,
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing: no charge, no value.
    Empty,
    /// Text.
    Text(String),
    /// An exact number.
    Number(ExactSum),
    /// A whole number.
    Count(i128),
    /// A binary float, as its shortest text; only SQL makes them, and never of money without being told to.
    Float(String),
    /// True or false.
    Bool(bool),
    /// Numbers to draw, `None` for a gap.
    Trend(Vec<Option<ExactSum>>),
    /// A part of the greatest, in thousandths; negative to the left.
    Bar(i16),
}

impl Column {
    /// A column of text.
    pub fn text(name: impl Into<String>) -> Self {
        Column::new(name, Kind::Text, None)
    }

    /// A column.
    pub fn new(name: impl Into<String>, kind: Kind, places: Option<u8>) -> Self {
        Column {
            name: name.into(),
            kind,
            places,
        }
    }

    /// A cell of this column as plain text; nothing for what is drawn.
    pub fn print(&self, cell: &Cell) -> String {
        match cell {
            Cell::Empty | Cell::Trend(_) | Cell::Bar(_) => String::new(),
            Cell::Text(text) | Cell::Float(text) => text.clone(),
            Cell::Bool(value) => value.to_string(),
            Cell::Count(count) => count.to_string(),
            Cell::Number(number) => match (self.kind, self.places) {
                (Kind::Change | Kind::Relative, places) => {
                    let places = places.unwrap_or_else(|| number.normalized_scale());
                    crate::measures::signed(number, places)
                }
                (_, Some(places)) => number.rounded(places),
                (_, None) => number.to_string(),
            },
        }
    }
}

/// The decimals that a number has.
trait NormalizedScale {
    fn normalized_scale(&self) -> u8;
}

impl NormalizedScale for ExactSum {
    fn normalized_scale(&self) -> u8 {
        let text = self.to_string();
        text.find('.')
            .map_or(0, |point| u8::try_from(text.len() - point - 1).unwrap_or(u8::MAX))
    }
}

impl Grid {
    /// The columns that are written into files: not what is only drawn.
    pub fn written_columns(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns
            .iter()
            .enumerate()
            .filter(|(_, column)| !matches!(column.kind, Kind::Trend | Kind::Bar))
    }
}
