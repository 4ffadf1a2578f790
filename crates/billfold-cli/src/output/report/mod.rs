//! Reports and results of SQL as text and files: one module per format, over the grids of a report.

mod columns;
mod delimited;
mod json;
mod markdown;
mod screen;

use std::io::Write;

use billfold_core::Result;
use billfold_core::engine::Answer;
use billfold_report::{Grid, Report, html, xlsx};

use super::{Screen, cannot};
use crate::args::CsvKind;
use crate::args::report::ReportFormat;
use crate::io::Io;
use crate::receipt::ReceiptView;
use crate::sink::{NewFile, Target, Watched};
use crate::usage;

/// A report, and how it is written.
pub(crate) struct Told<'a> {
    /// The report.
    pub(crate) report: &'a Report,
    /// The answer of its cells, for the formats of data.
    pub(crate) cells: &'a Answer,
    /// Who reads the CSV.
    pub(crate) csv: CsvKind,
}

/// Refuses to draw binary files on a terminal.
pub(crate) fn check_terminal(format: ReportFormat, target: &Target, io: &Io<'_>) -> Result<()> {
    let binary = matches!(
        format,
        ReportFormat::Parquet | ReportFormat::Arrow | ReportFormat::Xlsx | ReportFormat::Html
    );
    if binary && *target == Target::Stdout && io.stdout_is_terminal {
        return Err(
            usage("a terminal cannot show this format").hint("write it with --output FILE, or pipe it")
        );
    }
    Ok(())
}

/// Writes to standard output, or into a file that is not in its place yet.
pub(crate) fn write(
    target: &Target,
    io: &mut Io<'_>,
    render: impl FnOnce(ScreenOf, &mut (dyn Write + Send)) -> Result<()>,
) -> Result<Option<NewFile>> {
    if *target == Target::Stdout {
        let screen = ScreenOf(Screen {
            color: io.stdout_is_terminal && !io.no_color,
            width: io.stdout_width,
        });
        let mut out = Watched::new(&mut *io.stdout);
        let written =
            render(screen, &mut out).and_then(|()| out.flush().map_err(|e| cannot("standard output", &e)));
        return if out.is_broken {
            Ok(None)
        } else {
            written.map(|()| None)
        };
    }
    let mut file = NewFile::create(target)?;
    render(ScreenOf(Screen::default()), &mut file)?;
    Ok(Some(file))
}

/// What a table may do where it is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScreenOf(Screen);

/// Writes a report.
pub(crate) fn render(
    told: &Told<'_>,
    format: ReportFormat,
    on: ScreenOf,
    out: &mut (dyn Write + Send),
) -> Result<()> {
    let report = told.report;
    let written = match format {
        ReportFormat::Table => screen::write_report(report, on.0, out),
        ReportFormat::Csv => delimited::write_report(report, b',', told.csv, out),
        ReportFormat::Tsv => delimited::write_report(report, b'\t', told.csv, out),
        ReportFormat::Markdown => markdown::write_report(report, out),
        ReportFormat::Json => json::write_report(report, out),
        ReportFormat::Parquet => return super::parquet::write(told.cells, out),
        ReportFormat::Arrow => return super::arrow::write(told.cells, out),
        ReportFormat::Xlsx => return xlsx::write_report(report, &receipt_lines(report), out),
        ReportFormat::Html => return html::write_report(report, &receipt_json(report)?, out),
    };
    written.map_err(|e| cannot("the report", &e))
}

/// Writes the result of a statement.
pub(crate) fn render_grid(
    grid: &Grid,
    format: ReportFormat,
    csv: CsvKind,
    on: ScreenOf,
    out: &mut (dyn Write + Send),
) -> Result<()> {
    let written = match format {
        ReportFormat::Csv => delimited::write_grid(grid, b',', csv, out),
        ReportFormat::Tsv => delimited::write_grid(grid, b'\t', csv, out),
        ReportFormat::Markdown => markdown::write_titled(grid, out),
        ReportFormat::Json => json::write_grid(grid, out),
        ReportFormat::Xlsx => return xlsx::write_grid(grid, out),
        ReportFormat::Html => return html::write_grid(grid, out),
        ReportFormat::Parquet => return columns::write_parquet(grid, out),
        ReportFormat::Arrow => return columns::write_arrow(grid, out),
        ReportFormat::Table => screen::write_titled(grid, on.0, out),
    };
    written.map_err(|e| cannot("the result", &e))
}

fn receipt_json(report: &Report) -> Result<String> {
    serde_json::to_string(&ReceiptView::from(&report.pivot.receipt))
        .map_err(|e| billfold_core::Error::bug(format!("the receipt as JSON: {e}")))
}

/// The receipt as pairs of a name and a text, for a sheet.
fn receipt_lines(report: &Report) -> Vec<(String, String)> {
    let receipt = &report.pivot.receipt;
    let rows = &receipt.rows;
    let mut lines: Vec<(String, String)> = vec![
        ("engine version".to_owned(), receipt.engine_version.to_owned()),
        ("time zone database".to_owned(), receipt.tzdb_version.to_owned()),
        ("answer sha256".to_owned(), receipt.answer_sha256.clone()),
    ];
    for (name, n) in [
        ("rows read", rows.read),
        ("rows used", rows.used),
        ("rows filtered out", rows.filtered),
        ("rows outside the window", rows.outside_window),
        ("rows rejected", rows.rejected),
        ("rows skipped unread", rows.skipped),
    ] {
        lines.push((name.to_owned(), n.to_string()));
    }
    for (name, totals) in [
        ("cost read", &receipt.cost.read),
        ("cost used", &receipt.cost.used),
        ("cost filtered out", &receipt.cost.filtered),
        ("cost outside the window", &receipt.cost.outside_window),
        ("cost rejected", &receipt.cost.rejected),
    ] {
        for (currency, sum) in totals.iter() {
            lines.push((
                name.to_owned(),
                format!("{} {sum}", Report::currency_name(currency)),
            ));
        }
    }
    for (note, n) in &receipt.notes {
        lines.push(((*note).to_owned(), n.to_string()));
    }
    for source in &receipt.sources {
        lines.push((
            source.source.to_string(),
            format!("{}, {} rows", source.format, source.rows_read),
        ));
    }
    for file in &receipt.left_out {
        lines.push((file.source.to_string(), format!("not read: {}", file.why)));
    }
    lines
}
