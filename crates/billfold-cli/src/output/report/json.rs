//! Reports as one JSON document: question, periods, tables, remarks, receipt. Amounts are text, always.
//!
//! The dimensions of a row stand in an object of their own, `by`, in the order asked; a cell without
//! charges is null. `rounded_to` says how many decimals the numbers were rounded to together, or null.

use std::collections::BTreeMap;
use std::io::{self, Write};

use billfold_core::money::ExactSum;
use billfold_core::time::format_instant;
use billfold_report::measures::Relative;
use billfold_report::report::{Line, Shown};
use billfold_report::{Cell, Grid, Report, RowKind};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::output::question::QuestionView;
use crate::receipt::ReceiptView;

#[derive(Serialize)]
struct Document<'a> {
    title: &'a str,
    question: QuestionView<'a>,
    rounded_to: Option<u8>,
    periods: Vec<PeriodView<'a>>,
    tables: Vec<TableView<'a>>,
    n_charges: u64,
    remarks: &'a [String],
    warnings: &'a [String],
    receipt: ReceiptView<'a>,
}

#[derive(Serialize)]
struct PeriodView<'a> {
    period: &'a str,
    start: Option<String>,
    end: Option<String>,
}

#[derive(Serialize)]
struct TableView<'a> {
    currency: &'a str,
    rows: Vec<LineView<'a>>,
    total: LineView<'a>,
}

#[derive(Serialize)]
struct LineView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<By<'a>>,
    others: bool,
    cells: Vec<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<Vec<Option<String>>>,
    total: String,
    share_percent: Option<String>,
    change: Option<String>,
    change_percent: Option<String>,
    change_word: Option<&'static str>,
    per_day: Option<String>,
    charges: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    own: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shared_in: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shared_out: Option<String>,
}

/// The keys of a row, in the order asked.
struct By<'a>(Vec<(&'a str, &'a str)>);

impl Serialize for By<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Writes the document.
pub(super) fn write_report(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let document = Document {
        title: &report.title,
        question: QuestionView::from(&report.pivot.query),
        rounded_to: report.places,
        periods: report
            .pivot
            .periods
            .iter()
            .map(|period| PeriodView {
                period: &period.label,
                start: period.start.map(format_instant),
                end: period.end.map(format_instant),
            })
            .collect(),
        tables: report.sections.iter().map(|shown| table(report, shown)).collect(),
        n_charges: report.pivot.n_charges,
        remarks: &report.remarks,
        warnings: &report.pivot.warnings,
        receipt: ReceiptView::from(&report.pivot.receipt),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n")
}

fn table<'a>(report: &'a Report, shown: &'a Shown) -> TableView<'a> {
    let is_total = |line: &&Line| line.kind == RowKind::Total;
    let rows = shown.lines.iter().filter(|line| !is_total(line));
    TableView {
        currency: shown.currency.as_str(),
        rows: rows.map(|line| view(report, line)).collect(),
        // Every table ends in its total.
        total: shown.lines.iter().find(is_total).map_or_else(
            || LineView {
                by: None,
                others: false,
                cells: Vec::new(),
                running: None,
                total: "0".to_owned(),
                share_percent: None,
                change: None,
                change_percent: None,
                change_word: None,
                per_day: None,
                charges: None,
                own: None,
                shared_in: None,
                shared_out: None,
            },
            |line| view(report, line),
        ),
    }
}

fn view<'a>(report: &'a Report, line: &'a Line) -> LineView<'a> {
    let text = |sum: &ExactSum| match report.places {
        Some(places) => sum.rounded(places),
        None => sum.to_string(),
    };
    let texts = |cells: &[Option<ExactSum>]| cells.iter().map(|cell| cell.as_ref().map(text)).collect();
    let relative = line.change.map(|change| change.relative);
    LineView {
        by: (line.kind != RowKind::Total).then(|| {
            By(report
                .pivot
                .key_names()
                .zip(line.keys.iter().map(String::as_str))
                .collect())
        }),
        others: line.kind == RowKind::Others,
        cells: texts(&line.trend),
        running: report.show.running.then(|| texts(&line.cells)),
        total: text(&line.total),
        share_percent: line.share.map(|share| share.to_string()),
        change: line.change.map(|change| text(&change.absolute)),
        change_percent: match relative {
            Some(Relative::Percent(percent)) => Some(percent.to_string()),
            _ => None,
        },
        change_word: match relative {
            Some(Relative::New) => Some("new"),
            Some(Relative::Gone) => Some("gone"),
            _ => None,
        },
        per_day: line.average.map(|average| average.to_string()),
        charges: line.charges,
        own: line.split.map(|split| text(&split.own)),
        shared_in: line.split.map(|split| text(&split.shared_in)),
        shared_out: line.split.map(|split| text(&split.shared_out)),
    }
}

/// Writes a result as an array of objects, one row a line. A name that stands twice gets a suffix.
pub(super) fn write_grid(grid: &Grid, out: &mut dyn Write) -> io::Result<()> {
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    let names: Vec<String> = grid
        .columns
        .iter()
        .map(|column| {
            let n = taken.entry(&column.name).or_default();
            *n += 1;
            match n {
                1 => column.name.clone(),
                n => format!("{}_{n}", column.name),
            }
        })
        .collect();
    out.write_all(b"[")?;
    for (nth, row) in grid.rows.iter().enumerate() {
        out.write_all(if nth == 0 { b"\n" } else { b",\n" })?;
        let mut serializer = serde_json::Serializer::new(&mut *out);
        let mut map = serializer.serialize_map(Some(names.len()))?;
        for ((name, column), cell) in names.iter().zip(&grid.columns).zip(&row.cells) {
            match cell {
                Cell::Empty | Cell::Trend(_) | Cell::Bar(_) => map.serialize_entry(name, &())?,
                Cell::Bool(value) => map.serialize_entry(name, value)?,
                Cell::Count(count) => match i64::try_from(*count) {
                    Ok(count) => map.serialize_entry(name, &count)?,
                    Err(_) => map.serialize_entry(name, &count.to_string())?,
                },
                Cell::Text(text) => map.serialize_entry(name, text)?,
                Cell::Number(_) | Cell::Float(_) => map.serialize_entry(name, &column.print(cell))?,
            }
        }
        map.end()?;
    }
    out.write_all(b"\n]\n")
}
