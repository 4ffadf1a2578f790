//! `billfold reconcile`: one verdict per invoice, as text, CSV and JSON.

use std::io::{self, Write};
use std::sync::Arc;

use billfold_core::Result;
use billfold_core::engine::canonical::push_field;
use billfold_core::error::Printable;
use billfold_core::reconcile::{self, Reconciliation, Status, Verdict, tolerance_text};
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use crate::args::{ReconcileArgs, ReconcileFormat};
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use crate::progress;
use crate::request::default_currency;
use crate::sink::{Target, write_report};
use crate::source;

/// Runs the command.
pub(crate) fn run(args: &ReconcileArgs, io: &mut Io<'_>, reporter: Reporter) -> Result<Exit> {
    let path = args.output.output.as_deref();
    let target = path.map_or(Ok(Target::Stdout), |path| Target::new(path, args.output.force))?;
    let currency = default_currency(&args.set)?;
    let (options, notes) = source::options(&args.source)?;
    for note in notes {
        reporter.warning(io, &note);
    }
    let watched = Arc::clone(&options.progress);
    let show = io.stderr_is_terminal && !reporter.quiet;
    let found = progress::while_showing(show, &watched, || {
        reconcile::reconcile(
            &args.source.paths,
            &args.invoices,
            args.without_tax,
            currency,
            &options,
        )
    })?;
    for warning in &found.warnings {
        reporter.warning(io, warning);
    }
    for diagnostic in &found.rejects {
        reporter.rejected_row(io, "error", diagnostic);
    }
    if let Some(error) = found.error() {
        return Err(error);
    }
    write_report(io, &target, |out| match args.format {
        ReconcileFormat::Text => write_text(&found, out),
        ReconcileFormat::Csv => write_csv(&found, out),
        ReconcileFormat::Json => write_json(&found, out),
    })?;
    Ok(if found.holds() {
        Exit::Done
    } else {
        Exit::CheckFailed
    })
}

/// The columns of text and CSV.
const HEADERS: [&str; 10] = [
    "invoice_id",
    "invoice_issuer",
    "billing_currency",
    "verdict",
    "rows",
    "billed_cost",
    "invoiced",
    "difference",
    "tolerance",
    "rounding",
];
/// The first column that holds numbers, and the first behind them.
const NUMBERS: std::ops::Range<usize> = 4..9;

fn cells(verdict: &Verdict) -> [String; 10] {
    let tolerance = match (verdict.decimals, verdict.status) {
        (Some(decimals), Status::Exact | Status::Within | Status::Differs) => {
            tolerance_text(verdict.n_rows, decimals)
        }
        _ => String::new(),
    };
    let rules: Vec<String> = verdict.rules.iter().map(ToString::to_string).collect();
    [
        verdict.key.invoice_id.clone(),
        verdict.key.issuer.clone(),
        verdict.key.currency.to_string(),
        verdict.status.to_string(),
        verdict.n_rows.to_string(),
        verdict.rows.to_string(),
        verdict.invoiced.map(|sum| sum.to_string()).unwrap_or_default(),
        verdict
            .invoiced
            .map(|_| verdict.difference.to_string())
            .unwrap_or_default(),
        tolerance,
        rules.join("; "),
    ]
}

fn write_text(found: &Reconciliation, out: &mut dyn Write) -> io::Result<()> {
    let mut lines = vec![HEADERS.map(str::to_owned)];
    lines.extend(found.verdicts.iter().map(|verdict| {
        cells(verdict).map(|cell| {
            if cell.is_empty() {
                "-".to_owned()
            } else {
                Printable(&cell).to_string()
            }
        })
    }));
    let widths: [usize; 10] =
        std::array::from_fn(|i| lines.iter().map(|line| line[i].width()).max().unwrap_or(0));
    for line in &lines {
        let mut text = String::new();
        for (i, cell) in line.iter().enumerate() {
            let room: String = std::iter::repeat_n(' ', widths[i] - cell.width()).collect();
            if NUMBERS.contains(&i) {
                text.push_str(&room);
                text.push_str(cell);
            } else {
                text.push_str(cell);
                text.push_str(&room);
            }
            text.push_str("  ");
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    let n_failed = found.verdicts.iter().filter(|v| !v.status.holds()).count();
    writeln!(
        out,
        "\n{} verdicts, {n_failed} of them do not hold",
        found.verdicts.len()
    )?;
    if found.without_tax {
        let n_tax: u64 = found.verdicts.iter().map(|v| v.tax.0).sum();
        writeln!(
            out,
            "{n_tax} rows and {} invoice lines of category Tax are left out",
            found.invoices.n_tax
        )?;
    }
    if found.invoices.n_open > 0 {
        writeln!(
            out,
            "{} invoice lines are not issued yet and left out",
            found.invoices.n_open
        )?;
    }
    Ok(())
}

fn write_csv(found: &Reconciliation, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", HEADERS.join(","))?;
    for verdict in &found.verdicts {
        let mut line = String::new();
        for (i, cell) in cells(verdict).iter().enumerate() {
            if i > 0 {
                line.push(',');
            }
            push_field(&mut line, cell);
        }
        writeln!(out, "{line}")?;
    }
    Ok(())
}

#[derive(Serialize)]
struct ReportView<'a> {
    holds: bool,
    without_tax: bool,
    rows_read: u64,
    invoice_lines_of_tax: u64,
    invoice_lines_not_issued: u64,
    invoices: Vec<VerdictView<'a>>,
}

#[derive(Serialize)]
struct VerdictView<'a> {
    invoice_id: &'a str,
    invoice_issuer: &'a str,
    billing_currency: String,
    verdict: String,
    holds: bool,
    rows: u64,
    billed_cost: String,
    invoiced: Option<String>,
    difference: Option<String>,
    tolerance: Option<String>,
    rounding: Vec<String>,
    tax_rows: u64,
    tax_cost: String,
}

fn write_json(found: &Reconciliation, out: &mut dyn Write) -> io::Result<()> {
    let invoices = found.verdicts.iter().map(|verdict| VerdictView {
        invoice_id: &verdict.key.invoice_id,
        invoice_issuer: &verdict.key.issuer,
        billing_currency: verdict.key.currency.to_string(),
        verdict: verdict.status.to_string(),
        holds: verdict.status.holds(),
        rows: verdict.n_rows,
        billed_cost: verdict.rows.to_string(),
        invoiced: verdict.invoiced.map(|sum| sum.to_string()),
        difference: verdict.invoiced.map(|_| verdict.difference.to_string()),
        tolerance: Some(cells(verdict)[8].clone()).filter(|t| !t.is_empty()),
        rounding: verdict.rules.iter().map(ToString::to_string).collect(),
        tax_rows: verdict.tax.0,
        tax_cost: verdict.tax.1.to_string(),
    });
    let report = ReportView {
        holds: found.holds(),
        without_tax: found.without_tax,
        rows_read: found.n_read,
        invoice_lines_of_tax: found.invoices.n_tax,
        invoice_lines_not_issued: found.invoices.n_open,
        invoices: invoices.collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    out.write_all(b"\n")
}
