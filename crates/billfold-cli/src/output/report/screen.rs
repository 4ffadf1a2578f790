//! Reports as aligned text: numbers at their points, trends and bars beside them.
//!
//! ```text
//! service_name  trend   2024-01  2024-02   total  share %                change  change %
//! Compute       ▇█       120.50   130.00  250.50    83.50  ████████████   +9.50    +7.88%
//! ```
//!
//! On a terminal a report is fitted to the width: first the bars go, then names are cut, then the earliest
//! periods are left out, which a line below the table says. Numbers are never cut. Elsewhere nothing is
//! left out and nothing depends on the environment.

use std::io::{self, Write};

use billfold_core::error::Printable;
use billfold_core::money::ExactSum;
use billfold_report::{Cell, Column, Grid, Kind, Report, RowKind, measures};

use crate::output::Screen;
use crate::output::table::line::{Line, Style, shown, shown_value, width_of};

/// Columns of the screen between two columns of the table.
const GAP: usize = 2;
/// Names are not cut below this.
const MIN_TEXT: usize = 8;
/// Characters of the longest bar.
const BAR: usize = 12;
/// Periods that a trend shows, the last ones.
const TREND: usize = 24;

/// Writes heading, question, tables and remarks.
pub(super) fn write_report(report: &Report, screen: Screen, out: &mut dyn Write) -> io::Result<()> {
    let mut line = Line::new(screen.color);
    line.open(Style::Bold);
    line.whole(&shown(&report.title));
    line.end(out)?;
    let about: Vec<String> = report
        .about
        .iter()
        .map(|(word, value)| format!("{word} {}", Printable(value)))
        .collect();
    line.note(&about.join(" · "));
    line.end(out)?;
    for grid in report.grids() {
        line.end(out)?;
        line.open(Style::Bold);
        line.whole(&shown(&grid.name));
        line.end(out)?;
        write_grid(&grid, screen, out)?;
    }
    if report.sections.is_empty() {
        line.end(out)?;
        line.note("no charges");
        line.end(out)?;
    }
    if !report.remarks.is_empty() {
        line.end(out)?;
    }
    for remark in &report.remarks {
        line.note(&shown(remark));
        line.end(out)?;
    }
    Ok(())
}

/// Writes a table under its name, where it has one, and what is to be said of it.
pub(super) fn write_titled(grid: &Grid, screen: Screen, out: &mut dyn Write) -> io::Result<()> {
    let mut line = Line::new(screen.color);
    if !grid.name.is_empty() {
        line.open(Style::Bold);
        line.whole(&shown(&grid.name));
        line.end(out)?;
        line.end(out)?;
    }
    write_grid(grid, screen, out)?;
    if !grid.remarks.is_empty() {
        line.end(out)?;
    }
    for remark in &grid.remarks {
        line.note(&shown(remark));
        line.end(out)?;
    }
    Ok(())
}

/// Writes one table.
pub(super) fn write_grid(grid: &Grid, screen: Screen, out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new(grid);
    let n_left_out = screen.width.map_or(0, |width| table.fit(width));
    let mut line = Line::new(screen.color);
    line.open(Style::Bold);
    for printed in table.visible() {
        if printed.is_right {
            line.right(&printed.header, printed.width);
        } else {
            line.text(&printed.header, printed.width, Style::Plain);
        }
    }
    line.end(out)?;
    for (nth, row) in grid.rows.iter().enumerate() {
        let style = match row.kind {
            RowKind::Plain => Style::Plain,
            RowKind::Others => Style::Dim,
            RowKind::Total => Style::Bold,
        };
        if row.kind == RowKind::Total {
            line.open(Style::Bold);
        }
        for printed in table.visible() {
            let cell = &printed.cells[nth];
            if printed.is_right {
                let tail = printed.fraction.saturating_sub(fraction(cell));
                line.number(cell, printed.width, tail);
            } else {
                let style = if row.kind == RowKind::Total {
                    Style::Plain
                } else {
                    style
                };
                line.text(cell, printed.width, style);
            }
        }
        line.end(out)?;
    }
    if n_left_out > 0 {
        line.note(&format!(
            "… {n_left_out} earlier period{} left out for the width of the terminal",
            if n_left_out == 1 { "" } else { "s" }
        ));
        line.end(out)?;
    }
    Ok(())
}

/// A table as text, and what of it is shown.
struct Table {
    columns: Vec<Printed>,
    /// Indices of the periods.
    periods: std::ops::Range<usize>,
}

struct Printed {
    kind: Kind,
    header: String,
    cells: Vec<String>,
    is_right: bool,
    /// Of the longest number, the point and what follows it.
    fraction: usize,
    width: usize,
    is_visible: bool,
}

impl Table {
    fn new(grid: &Grid) -> Table {
        let columns = grid.columns.iter().enumerate().map(|(at, column)| {
            let cells: Vec<String> = grid
                .rows
                .iter()
                .map(|row| print(column, &row.cells[at], row.kind))
                .collect();
            let is_right = column.kind.is_number();
            let fraction = if is_right {
                cells.iter().map(|cell| fraction(cell)).max().unwrap_or(0)
            } else {
                0
            };
            let header = shown(&column.name).into_owned();
            let width = cells
                .iter()
                .map(|cell| {
                    width_of(cell)
                        + if is_right {
                            fraction - self::fraction(cell).min(fraction)
                        } else {
                            0
                        }
                })
                .chain([width_of(&header)])
                .max()
                .unwrap_or(0);
            Printed {
                kind: column.kind,
                header,
                cells,
                is_right,
                fraction,
                width,
                is_visible: true,
            }
        });
        Table {
            columns: columns.collect(),
            periods: grid.periods.clone(),
        }
    }

    fn visible(&self) -> impl Iterator<Item = &Printed> {
        self.columns.iter().filter(|column| column.is_visible)
    }

    fn width(&self) -> usize {
        let width: usize = self.visible().map(|column| column.width + GAP).sum();
        width.saturating_sub(GAP)
    }

    /// Leaves out and cuts until the table fits, if it can; returns how many periods are left out.
    fn fit(&mut self, width: usize) -> usize {
        if self.width() > width {
            for column in self.columns.iter_mut().filter(|column| column.kind == Kind::Bar) {
                column.is_visible = false;
            }
        }
        while self.width() > width {
            let widest = self
                .columns
                .iter_mut()
                .filter(|column| column.kind == Kind::Text && column.width > MIN_TEXT)
                .max_by_key(|column| column.width);
            match widest {
                Some(column) => column.width -= 1,
                None => break,
            }
        }
        let mut n_left_out = 0;
        let last = self.periods.end.saturating_sub(1);
        for at in self.periods.start..last {
            if self.width() <= width {
                break;
            }
            self.columns[at].is_visible = false;
            n_left_out += 1;
        }
        n_left_out
    }
}

fn print(column: &Column, cell: &Cell, kind: RowKind) -> String {
    match cell {
        Cell::Text(text) if kind == RowKind::Total || column.kind != Kind::Text => text.clone(),
        Cell::Text(text) => shown_value(text).into_owned(),
        Cell::Trend(values) => trend(values),
        Cell::Bar(thousandths) => bar(*thousandths),
        Cell::Empty if column.kind == Kind::Number => "–".to_owned(),
        cell => {
            let text = column.print(cell);
            if column.kind == Kind::Relative && !text.is_empty() {
                text + "%"
            } else {
                text
            }
        }
    }
}

/// The length of a number from its point on.
fn fraction(text: &str) -> usize {
    let is_number = text.bytes().any(|byte| byte.is_ascii_digit());
    match text.find('.') {
        Some(point) if is_number => text.len() - point,
        _ => 0,
    }
}

/// A bar out of [`BAR`] characters in eighths; costs below zero are drawn in grey.
fn bar(thousandths: i16) -> String {
    const PARTS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let magnitude = usize::from(thousandths.unsigned_abs());
    if thousandths < 0 {
        return "░".repeat((magnitude * BAR).div_ceil(1000));
    }
    let eighths = (magnitude * BAR * 8 + 500) / 1000;
    let mut bar = "█".repeat(eighths / 8);
    match PARTS[eighths % 8] {
        ' ' => {}
        part => bar.push(part),
    }
    bar
}

/// The last periods as a line of blocks between the lowest and the highest cost and zero; `·` is no charge.
fn trend(values: &[Option<ExactSum>]) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let last = &values[values.len().saturating_sub(TREND)..];
    let known = || last.iter().flatten().copied().chain([ExactSum::ZERO]);
    let low = known().min().unwrap_or_default();
    let mut span = known().max().unwrap_or_default();
    if span.sub(&low).is_err() {
        return String::new();
    }
    let level = |value: &ExactSum| {
        let mut above = *value;
        let t = match above.sub(&low) {
            Ok(()) => measures::thousandths(&above, &span),
            Err(_) => 0,
        };
        LEVELS[usize::from(t.unsigned_abs()) * 7 / 1000]
    };
    last.iter()
        .map(|value| value.as_ref().map_or('·', level))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use billfold_core::money::Amount;

    fn exact(text: &str) -> ExactSum {
        ExactSum::from(Amount::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn bars_and_trends_are_in_proportion() {
        assert_eq!(bar(1000), "█".repeat(12));
        assert_eq!(bar(500), "█".repeat(6));
        assert_eq!(bar(0), "");
        assert_eq!(bar(5), "");
        assert_eq!(bar(-500), "░".repeat(6));
        assert_eq!(
            trend(&[Some(exact("0")), Some(exact("7")), None, Some(exact("3.5"))]),
            "▁█·▄"
        );
        assert_eq!(trend(&[Some(exact("-1")), Some(exact("1"))]), "▁█");
        assert_eq!(trend(&[]), "");
    }
}
