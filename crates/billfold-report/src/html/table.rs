//! A grid as an HTML table that reads without scripts and sorts exactly with them.

use std::fmt::Write as _;

use billfold_core::money::ExactSum;

use super::escape::html;
use super::grouped;
use crate::grid::{Cell, Column, Grid, Kind, RowKind};
use crate::measures::thousandths;

/// Appends a table; the totals are its foot and stay where they are when it is sorted.
pub(super) fn write(body: &mut String, grid: &Grid, nth: usize) {
    let _ = write!(
        body,
        "<div class=\"tools\" hidden><input type=\"search\" data-table=\"t{nth}\" placeholder=\"Filter rows\" aria-label=\"Filter rows\"><span class=\"soft\" id=\"t{nth}-n\" aria-live=\"polite\"></span></div><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table\"><table id=\"t{nth}\"><thead><tr>"
    );
    for column in &grid.columns {
        let class = class_of(column);
        if column.name.is_empty() || matches!(column.kind, Kind::Trend | Kind::Bar) {
            let _ = write!(
                body,
                "<th scope=\"col\" class=\"{class}\">{}</th>",
                html(&column.name)
            );
        } else {
            let _ = write!(
                body,
                "<th scope=\"col\" class=\"{class}\"><button type=\"button\">{}</button></th>",
                html(&column.name)
            );
        }
    }
    body.push_str("</tr></thead><tbody>");
    let ranks: Vec<Vec<usize>> = (0..grid.columns.len()).map(|at| ranks(grid, at)).collect();
    for (row, cells) in grid.rows.iter().enumerate() {
        if cells.kind == RowKind::Total {
            continue;
        }
        body.push_str(if cells.kind == RowKind::Others {
            "<tr class=\"others\">"
        } else {
            "<tr>"
        });
        for (at, (column, cell)) in grid.columns.iter().zip(&cells.cells).enumerate() {
            write_cell(body, column, cell, Some(ranks[at][row]));
        }
        body.push_str("</tr>");
    }
    body.push_str("</tbody><tfoot>");
    for total in grid.rows.iter().filter(|row| row.kind == RowKind::Total) {
        body.push_str("<tr class=\"total\">");
        for (column, cell) in grid.columns.iter().zip(&total.cells) {
            write_cell(body, column, cell, None);
        }
        body.push_str("</tr>");
    }
    body.push_str("</tfoot></table></div>");
}

fn class_of(column: &Column) -> &'static str {
    match column.kind {
        Kind::Text => "k",
        Kind::Trend => "trend",
        Kind::Bar => "bar",
        _ => "n",
    }
}

fn write_cell(body: &mut String, column: &Column, cell: &Cell, rank: Option<usize>) {
    let rank = rank.map(|rank| format!(" data-r=\"{rank}\"")).unwrap_or_default();
    let class = class_of(column);
    let _ = match cell {
        Cell::Empty => write!(
            body,
            "<td class=\"{class} none\"{rank}>{}</td>",
            if column.kind == Kind::Number { "–" } else { "" }
        ),
        Cell::Trend(values) => write!(body, "<td class=\"{class}\">{}</td>", trend(values)),
        Cell::Bar(part) => write!(body, "<td class=\"{class}\">{}</td>", bar(*part)),
        Cell::Text(text) if column.kind == Kind::Text => {
            let shown = if text.is_empty() {
                "&quot;&quot;".to_owned()
            } else {
                html(text)
            };
            write!(body, "<td class=\"k\"{rank} title=\"{shown}\">{shown}</td>")
        }
        cell => {
            let text = column.print(cell);
            let turn = match (column.kind, text.as_bytes().first()) {
                (Kind::Change | Kind::Relative, Some(b'+')) => " up",
                (Kind::Change | Kind::Relative, Some(b'-')) => " down",
                _ => "",
            };
            let unit = if column.kind == Kind::Relative && matches!(cell, Cell::Number(_)) {
                "%"
            } else {
                ""
            };
            write!(
                body,
                "<td class=\"{class}{turn}\"{rank}>{}{unit}</td>",
                html(&grouped(&text))
            )
        }
    };
}

/// By row, the place of its cell in the column; equal cells share one.
fn ranks(grid: &Grid, at: usize) -> Vec<usize> {
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum Key<'a> {
        Empty,
        Count(i128),
        Number(ExactSum),
        Bool(bool),
        Text(&'a str),
    }
    let key = |row: &'_ usize| match &grid.rows[*row].cells[at] {
        Cell::Empty | Cell::Trend(_) | Cell::Bar(_) => Key::Empty,
        Cell::Count(count) => Key::Count(*count),
        Cell::Number(number) => Key::Number(*number),
        Cell::Bool(value) => Key::Bool(*value),
        Cell::Text(text) | Cell::Float(text) => Key::Text(text),
    };
    let mut order: Vec<usize> = (0..grid.rows.len()).collect();
    order.sort_by(|a, b| key(a).cmp(&key(b)));
    let mut ranks = vec![0; order.len()];
    let mut rank = 0;
    for pair in 0..order.len() {
        if pair > 0 && key(&order[pair - 1]) != key(&order[pair]) {
            rank += 1;
        }
        ranks[order[pair]] = rank;
    }
    ranks
}

/// A bar of up to 80 pixels.
fn bar(part: i16) -> String {
    let width = (u32::from(part.unsigned_abs()) * 80).div_ceil(1000);
    let class = if part < 0 { " class=\"neg\"" } else { "" };
    format!(
        "<svg width=\"80\" height=\"10\" aria-hidden=\"true\"><rect{class} width=\"{width}\" height=\"10\" rx=\"2\"></rect></svg>"
    )
}

/// The course of the costs in 90 by 20 pixels; zero is always in view.
fn trend(values: &[Option<ExactSum>]) -> String {
    let known = || values.iter().flatten().copied().chain([ExactSum::ZERO]);
    let low = known().min().unwrap_or_default();
    let mut span = known().max().unwrap_or_default();
    if span.sub(&low).is_err() || values.len() < 2 {
        return String::new();
    }
    let points: Vec<String> = values
        .iter()
        .enumerate()
        .map(|(nth, value)| {
            let mut above = value.unwrap_or_default();
            let t = match above.sub(&low) {
                Ok(()) => i32::from(thousandths(&above, &span)),
                Err(_) => 0,
            };
            let x = nth * 88 / (values.len() - 1) + 1;
            format!("{x},{}", 18 - t * 16 / 1000)
        })
        .collect();
    format!(
        "<svg width=\"90\" height=\"20\" aria-hidden=\"true\"><polyline points=\"{}\"></polyline></svg>",
        points.join(" ")
    )
}
