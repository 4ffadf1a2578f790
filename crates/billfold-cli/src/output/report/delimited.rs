//! Reports as CSV and TSV: one line per row, a column per period.
//!
//! The first column of a report says what a line is (`group`, `others`, `total`), so that a project that
//! is named `total` is told from the total. What is only drawn has no column. A text is quoted where it
//! holds the separator, a quote or a line end; for spreadsheet programs a text that begins like a formula
//! gets a `'` in front. Numbers never do.

use std::io::{self, Write};

use billfold_core::engine::canonical::push_field;
use billfold_report::{Cell, Column, Grid, GridRow, Kind, Report, RowKind};

use crate::args::CsvKind;

/// Writes the tables of all currencies under one header.
pub(super) fn write_report(
    report: &Report,
    separator: u8,
    kind: CsvKind,
    out: &mut dyn Write,
) -> io::Result<()> {
    let grids = report.grids();
    let mut line = Fields::new(separator, kind);
    let n_keys = report.pivot.query.by.len();
    let empty = empty_grid(report);
    let head = grids.first().unwrap_or(&empty);
    line.text("row");
    for name in report.pivot.key_names() {
        line.text(name);
    }
    line.text("billing_currency");
    for (_, column) in measured(head, n_keys) {
        line.text(&column.name);
    }
    line.end(out)?;
    for (grid, section) in grids.iter().zip(&report.sections) {
        for row in &grid.rows {
            line.plain(match row.kind {
                RowKind::Plain => "group",
                RowKind::Others => "others",
                RowKind::Total => "total",
            });
            for at in 0..n_keys {
                match (&row.kind, &row.cells[at]) {
                    (RowKind::Total, _) => line.plain(""),
                    (_, Cell::Text(text)) => line.text(text),
                    _ => line.plain(""),
                }
            }
            line.plain(section.currency.as_str());
            for (at, column) in measured(grid, n_keys) {
                line.cell(column, &row.cells[at]);
            }
            line.end(out)?;
        }
    }
    Ok(())
}

/// Writes a result as it is.
pub(super) fn write_grid(grid: &Grid, separator: u8, kind: CsvKind, out: &mut dyn Write) -> io::Result<()> {
    let mut line = Fields::new(separator, kind);
    for (_, column) in grid.written_columns() {
        line.text(&column.name);
    }
    line.end(out)?;
    for GridRow { cells, .. } in &grid.rows {
        for (at, column) in grid.written_columns() {
            line.cell(column, &cells[at]);
        }
        line.end(out)?;
    }
    Ok(())
}

/// The columns after the keys; a report without dimensions has one for the name of its row.
fn measured(grid: &Grid, n_keys: usize) -> impl Iterator<Item = (usize, &Column)> {
    grid.written_columns().skip(n_keys.max(1))
}

/// The header of a report without charges.
fn empty_grid(report: &Report) -> Grid {
    report.grid(&billfold_report::report::Shown {
        currency: billfold_core::money::Currency::UNKNOWN,
        lines: Vec::new(),
    })
}

/// One line in the making.
struct Fields {
    line: String,
    separator: char,
    kind: CsvKind,
    is_first: bool,
}

impl Fields {
    fn new(separator: u8, kind: CsvKind) -> Fields {
        Fields {
            line: String::new(),
            separator: char::from(separator),
            kind,
            is_first: true,
        }
    }

    fn cell(&mut self, column: &Column, cell: &Cell) {
        match cell {
            // The words of a change are ours, whatever they look like.
            Cell::Text(text) if column.kind == Kind::Text => self.text(text),
            cell => {
                // A sign is for people: `+1` is a formula to a spreadsheet and no number to many readers.
                let text = column.print(cell);
                self.plain(text.strip_prefix('+').unwrap_or(&text));
            }
        }
    }

    /// A text from outside.
    fn text(&mut self, text: &str) {
        self.next();
        let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0']);
        if self.kind == CsvKind::Spreadsheet && formula {
            self.line.push_str("\"'");
            self.line.push_str(&text.replace('"', "\"\""));
            self.line.push('"');
        } else if self.separator != ',' && text.contains(self.separator) {
            self.line.push('"');
            self.line.push_str(&text.replace('"', "\"\""));
            self.line.push('"');
        } else {
            push_field(&mut self.line, text);
        }
    }

    /// A text of ours.
    fn plain(&mut self, text: &str) {
        self.next();
        self.line.push_str(text);
    }

    fn next(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.line.push(self.separator);
        }
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.line.push('\n');
        let written = out.write_all(self.line.as_bytes());
        self.line.clear();
        self.is_first = true;
        written
    }
}
