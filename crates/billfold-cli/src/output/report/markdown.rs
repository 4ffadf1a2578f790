//! Reports as Markdown: a heading, a table per currency, the remarks.
//!
//! Texts from the bills make no markup; see `markup`.

use std::io::{self, Write};

use billfold_report::{Cell, Grid, Report, RowKind};

use crate::output::markup::escaped;

/// Writes the tables of all currencies.
pub(super) fn write_report(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "## {}\n", escaped(&report.title))?;
    let about: Vec<String> = report
        .about
        .iter()
        .map(|(word, value)| format!("{word}: {}", escaped(value)))
        .collect();
    writeln!(out, "{}\n", about.join(" · "))?;
    for grid in report.grids() {
        writeln!(out, "### {}\n", escaped(&grid.name))?;
        write_grid(&grid, out)?;
        writeln!(out)?;
    }
    if report.sections.is_empty() {
        writeln!(out, "No charges.\n")?;
    }
    for remark in &report.remarks {
        writeln!(out, "- {}", escaped(remark))?;
    }
    for line in crate::receipt::brief(&report.pivot.receipt) {
        writeln!(out, "- {}", escaped(&line))?;
    }
    Ok(())
}

/// Writes a table under its name, where it has one, and what is to be said of it.
pub(super) fn write_titled(grid: &Grid, out: &mut dyn Write) -> io::Result<()> {
    if !grid.name.is_empty() {
        writeln!(out, "## {}\n", escaped(&grid.name))?;
    }
    write_grid(grid, out)?;
    if !grid.remarks.is_empty() {
        writeln!(out)?;
    }
    for remark in &grid.remarks {
        writeln!(out, "- {}", escaped(remark))?;
    }
    Ok(())
}

/// Writes one table.
pub(super) fn write_grid(grid: &Grid, out: &mut dyn Write) -> io::Result<()> {
    let columns: Vec<_> = grid.written_columns().collect();
    let mut line = String::from("|");
    for (_, column) in &columns {
        line.extend([" ", &escaped(&column.name), " |"]);
    }
    line.push_str("\n|");
    for (_, column) in &columns {
        line.push_str(if column.kind.is_number() {
            " ---: |"
        } else {
            " --- |"
        });
    }
    writeln!(out, "{line}")?;
    for row in &grid.rows {
        line.clear();
        line.push('|');
        let mark = if row.kind == RowKind::Total { "**" } else { "" };
        for (at, column) in &columns {
            let text = match &row.cells[*at] {
                Cell::Text(text) if text.is_empty() => "\\\"\\\"".to_owned(),
                Cell::Text(text) => escaped(text),
                cell => column.print(cell),
            };
            if text.is_empty() {
                line.push_str("  |");
            } else {
                line.extend([" ", mark, &text, mark, " |"]);
            }
        }
        writeln!(out, "{line}")?;
    }
    Ok(())
}
