//! `billfold inspect`: what files are, for people and as JSON.
//!
//! Rows that cannot be read are part of the report. They become an exit code only with `--strict`.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::Arc;

use billfold_core::dataset::{self, ColumnTotals, Inspection};
use billfold_core::error::Printable;
use billfold_core::time::format_instant;
use billfold_core::{Error, ErrorKind, Result};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::args::{InspectArgs, InspectFormat};
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use crate::progress;
use crate::receipt::TotalsView;
use crate::rejects::RejectView;
use crate::sink::{NewFile, Target, to_stdout};
use crate::source;

/// Runs the command.
pub(crate) fn run(args: &InspectArgs, io: &mut Io<'_>, reporter: Reporter) -> Result<Exit> {
    let path = args.output.output.as_deref();
    let target = path.map_or(Ok(Target::Stdout), |path| Target::new(path, args.output.force))?;
    let (options, notes) = source::options(&args.source)?;
    for note in notes {
        reporter.warning(io, &note);
    }
    let watched = Arc::clone(&options.progress);
    let show = io.stderr_is_terminal && !reporter.quiet;
    let files = progress::while_showing(show, &watched, || dataset::inspect(&args.source.paths, &options))?;

    let n_rejected = files.iter().map(|f| f.rows_rejected).sum();
    let n_read = files.iter().map(|f| f.rows).sum();
    let word = if args.strict { "error" } else { "warning" };
    if args.strict || !reporter.quiet {
        for diagnostic in files.iter().flat_map(|f| &f.rejects) {
            reporter.rejected_row(io, word, diagnostic);
        }
    }
    let write = |out: &mut (dyn Write + Send)| match args.format {
        InspectFormat::Text => write_text(&files, out),
        InspectFormat::Json => write_json(&files, out),
    };
    if target == Target::Stdout {
        to_stdout(io, write)?;
    } else {
        let mut file = NewFile::create(&target)?;
        write(&mut file).map_err(|e| file.write_error(&e))?;
        file.finish()?;
    }
    if args.strict && n_rejected > 0 {
        return Err(Error::new(ErrorKind::RowsRejected { n_rejected, n_read }));
    }
    Ok(Exit::Done)
}

fn write_text(files: &[Inspection], out: &mut dyn Write) -> io::Result<()> {
    for (i, file) in files.iter().enumerate() {
        if i > 0 {
            out.write_all(b"\n")?;
        }
        write_file(file, out)?;
    }
    Ok(())
}

fn write_file(file: &Inspection, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", Printable(&file.source))?;
    writeln!(
        out,
        "  format   {} ({})",
        Printable(&file.format),
        Printable(&file.title)
    )?;
    writeln!(out, "  carrier  {}", Printable(&file.carrier))?;
    match file.rows_rejected {
        0 => writeln!(out, "  rows     {}", file.rows)?,
        n => writeln!(out, "  rows     {}, {n} of them cannot be read", file.rows)?,
    }
    if file.blank_lines > 0 {
        writeln!(out, "  blank    {} lines", file.blank_lines)?;
    }
    if let Some((first, last, end)) = file.span {
        writeln!(
            out,
            "  charges  start from {} to {}, the last end is {}",
            format_instant(first),
            format_instant(last),
            format_instant(end)
        )?;
    }
    write_totals(&file.totals, out)?;
    write_columns(file, out)?;
    for (nth, odd) in file.odd.iter().enumerate() {
        if nth == 0 {
            writeln!(out, "\n  odd")?;
        }
        writeln!(out, "    {}", Printable(odd))?;
    }
    Ok(())
}

/// One line per cost column and currency, sums at their decimal points.
fn write_totals(totals: &[ColumnTotals], out: &mut dyn Write) -> io::Result<()> {
    if totals.is_empty() {
        return Ok(());
    }
    // Texts: column, what it feeds, currency. Then the sum, and the counts of cells.
    let mut texts = vec![[
        "cost column".to_owned(),
        "feeds".to_owned(),
        "currency".to_owned(),
    ]];
    let mut sums = vec![("sum".to_owned(), String::new())];
    let mut counts = vec![["values", "empty", "unreadable", "decimals"].map(str::to_owned)];
    for column in totals {
        let mut header = Printable(&column.header).to_string();
        let mut feeds = or_dash(&column.role);
        let mut cells = [
            column.n_values.to_string(),
            column.n_empty.to_string(),
            column.n_unreadable.to_string(),
            column.max_decimals.to_string(),
        ];
        let mut lines: Vec<(String, String)> = column
            .sums
            .iter()
            .map(|(currency, sum)| (or_dash(currency.as_str()), sum.to_string()))
            .collect();
        if lines.is_empty() {
            lines.push((or_dash(""), "-".to_owned()));
        }
        for (currency, sum) in lines {
            texts.push([std::mem::take(&mut header), std::mem::take(&mut feeds), currency]);
            let (whole, fraction) = sum.split_once('.').unwrap_or((&sum, ""));
            let point = if fraction.is_empty() { "" } else { "." };
            sums.push((whole.to_owned(), format!("{point}{fraction}")));
            counts.push(std::mem::take(&mut cells));
        }
    }
    let text_widths = widths(&texts);
    let count_widths = widths(&counts);
    let whole = sums
        .iter()
        .skip(1)
        .map(|(whole, _)| whole.len())
        .max()
        .unwrap_or(0);
    let fraction = sums.iter().map(|(_, fraction)| fraction.len()).max().unwrap_or(0);
    let sum_width = (whole + fraction).max(3);
    out.write_all(b"\n")?;
    for (nth, ((text, sum), count)) in texts.iter().zip(&sums).zip(&counts).enumerate() {
        let mut line = String::from("  ");
        for (cell, width) in text.iter().zip(text_widths) {
            pad(&mut line, cell, width);
            line.push_str("  ");
        }
        let shown = match nth {
            0 => sum.0.clone(),
            _ => format!("{}{:fraction$}", sum.0, sum.1),
        };
        // Writing to a String cannot fail.
        let _ = write!(line, "{shown:>sum_width$}");
        for (cell, width) in count.iter().zip(count_widths) {
            let _ = write!(line, "  {cell:>width$}");
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn write_columns(file: &Inspection, out: &mut dyn Write) -> io::Result<()> {
    let mut rows = vec![["column".to_owned(), "feeds".to_owned()]];
    rows.extend(
        file.columns
            .iter()
            .map(|column| [Printable(&column.header).to_string(), or_dash(&column.role)]),
    );
    let [width, _] = widths(&rows);
    out.write_all(b"\n")?;
    for [header, role] in &rows {
        let mut line = String::from("  ");
        pad(&mut line, header, width);
        writeln!(out, "{line}  {role}")?;
    }
    if !file.absent.is_empty() {
        writeln!(out, "\n  not in this file: {}", file.absent.join(", "))?;
    }
    Ok(())
}

fn or_dash(text: &str) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    Printable(text).to_string()
}

fn widths<const N: usize>(rows: &[[String; N]]) -> [usize; N] {
    std::array::from_fn(|column| rows.iter().map(|row| row[column].width()).max().unwrap_or(0))
}

/// Appends a text and the spaces that make it as wide as `width` on the screen.
fn pad(line: &mut String, text: &str, width: usize) {
    line.push_str(text);
    line.extend(std::iter::repeat_n(' ', width.saturating_sub(text.width())));
}

#[derive(Serialize)]
struct ReportView<'a> {
    files: Vec<FileView<'a>>,
}

#[derive(Serialize)]
struct FileView<'a> {
    source: &'a str,
    format: &'a str,
    title: &'a str,
    carrier: &'a str,
    rows: u64,
    rows_rejected: u64,
    blank_lines: u64,
    span: Option<SpanView>,
    totals: Vec<ColumnTotalsView<'a>>,
    columns: Vec<ColumnView<'a>>,
    absent: &'a [&'static str],
    odd: &'a [String],
    rejects: Vec<RejectView<'a>>,
}

#[derive(Serialize)]
struct SpanView {
    first_start: String,
    last_start: String,
    last_end: String,
}

#[derive(Serialize)]
struct ColumnTotalsView<'a> {
    header: &'a str,
    role: &'a str,
    values: u64,
    empty: u64,
    unreadable: u64,
    max_decimals: u8,
    sums: TotalsView<'a>,
}

#[derive(Serialize)]
struct ColumnView<'a> {
    header: &'a str,
    role: &'a str,
}

fn write_json(files: &[Inspection], out: &mut dyn Write) -> io::Result<()> {
    let report = ReportView {
        files: files.iter().map(FileView::from).collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    out.write_all(b"\n")
}

impl<'a> From<&'a Inspection> for FileView<'a> {
    fn from(file: &'a Inspection) -> Self {
        let totals = file.totals.iter().map(|column| ColumnTotalsView {
            header: &column.header,
            role: &column.role,
            values: column.n_values,
            empty: column.n_empty,
            unreadable: column.n_unreadable,
            max_decimals: column.max_decimals,
            sums: TotalsView(&column.sums),
        });
        let columns = file.columns.iter().map(|column| ColumnView {
            header: &column.header,
            role: &column.role,
        });
        FileView {
            source: &file.source,
            format: &file.format,
            title: &file.title,
            carrier: &file.carrier,
            rows: file.rows,
            rows_rejected: file.rows_rejected,
            blank_lines: file.blank_lines,
            span: file.span.map(|(first, last, end)| SpanView {
                first_start: format_instant(first),
                last_start: format_instant(last),
                last_end: format_instant(end),
            }),
            totals: totals.collect(),
            columns: columns.collect(),
            absent: &file.absent,
            odd: &file.odd,
            rejects: file.rejects.iter().map(RejectView::from).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use billfold_core::dataset::ColumnInspection;
    use billfold_core::money::{Amount, Currency, ExactSum, Totals};

    fn inspection() -> Inspection {
        let mut sums = Totals::new();
        for (currency, amount) in [("CNY", "-12.5"), ("USD", "1000")] {
            let amount = ExactSum::from(Amount::parse(amount.as_bytes()).unwrap());
            sums.add(Currency::parse(currency.as_bytes()).unwrap(), &amount)
                .unwrap();
        }
        Inspection {
            source: "账单\u{1b}.csv".into(),
            format: "focus 1.0".into(),
            title: "FOCUS cost and usage".into(),
            carrier: "csv".into(),
            columns: vec![
                ColumnInspection {
                    header: "费用".into(),
                    role: "billed_cost".into(),
                },
                ColumnInspection {
                    header: "x_Free".into(),
                    role: String::new(),
                },
            ],
            absent: vec!["zone_id"],
            rows: 10,
            rows_rejected: 1,
            blank_lines: 0,
            totals: vec![ColumnTotals {
                header: "费用".into(),
                role: "billed_cost".into(),
                n_values: 8,
                n_empty: 1,
                n_unreadable: 1,
                max_decimals: 1,
                sums,
            }],
            span: Some((0, 3_600_000_000, 7_200_000_000)),
            odd: vec!["1 cost is empty".into()],
            rejects: Vec::new(),
        }
    }

    #[test]
    fn the_report_lines_up_and_shows_what_would_steer_a_terminal() {
        let mut out = Vec::new();
        write_text(&[inspection()], &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "账单\\x1b.csv
  format   focus 1.0 (FOCUS cost and usage)
  carrier  csv
  rows     10, 1 of them cannot be read
  charges  start from 1970-01-01T00:00:00Z to 1970-01-01T01:00:00Z, the last end is 1970-01-01T02:00:00Z

  cost column  feeds        currency     sum  values  empty  unreadable  decimals
  费用         billed_cost  CNY        -12.5       8      1           1         1
                            USD       1000

  column  feeds
  费用    billed_cost
  x_Free  -

  not in this file: zone_id

  odd
    1 cost is empty
"
        );
    }

    #[test]
    fn amounts_of_the_json_report_are_text() {
        let mut out = Vec::new();
        write_json(&[inspection()], &mut out).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let file = &json["files"][0];
        assert_eq!(file["totals"][0]["sums"]["CNY"], "-12.5");
        assert_eq!(file["rows_rejected"], 1);
        assert_eq!(file["span"]["last_end"], "1970-01-01T02:00:00Z");
        assert_eq!(file["columns"][1]["role"], "");
    }
}
