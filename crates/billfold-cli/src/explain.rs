//! `billfold explain`: the charges behind one cell of an answer, as text, CSV, NDJSON and JSON.

use std::io::{self, Write};
use std::sync::Arc;

use billfold_core::Result;
use billfold_core::explain::{Cell, CellCharge, Explanation, Listing, explain};
use billfold_core::query::{Allocation, ChargeQuery, Dimension};
use billfold_core::time::format_instant;
use serde::Serialize;

use crate::args::{ExplainArgs, ListFormat};
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use crate::output::grid;
use crate::receipt::TotalsView;
use crate::request::{allow_rejects_of, question};
use crate::sink::{Target, write_report};
use crate::{lookup, progress, source, usage};

/// Runs the command.
pub(crate) fn run(args: &ExplainArgs, io: &mut Io<'_>, reporter: Reporter) -> Result<Exit> {
    let path = args.output.output.as_deref();
    let target = path.map_or(Ok(Target::Stdout), |path| Target::new(path, args.output.force))?;
    let cell = Cell::parse(&args.cell)?;
    check_dimensions(&args.question.by, &cell)?;
    let mut notes = Vec::new();
    let query = question(&args.question, &args.duration, &mut notes, |query| {
        query.by = cell
            .values
            .iter()
            .map(|(dimension, _)| dimension.clone())
            .collect();
        Ok(())
    })?;
    let (mut options, more) = source::options(&args.source)?;
    for note in notes.iter().chain(&more) {
        reporter.warning(io, note);
    }
    let allow = allow_rejects_of(args.allow_rejects.as_deref(), false)?;
    options.lookups = lookup::load(&args.lookups, query.zone, args.source.encoding.as_deref())?;
    options.aliases = lookup::aliases(&args.lookups, &[])?;
    options.exchange = lookup::exchange(&args.exchange)?;
    let listing = Listing {
        columns: args
            .columns
            .iter()
            .flat_map(|c| c.split(','))
            .map(|c| c.trim().to_owned())
            .collect(),
        limit: args.limit,
    };
    let watched = Arc::clone(&options.progress);
    let show = io.stderr_is_terminal && !reporter.quiet;
    let found = progress::while_showing(show, &watched, || {
        explain(&args.source.paths, &query, &cell, &listing, &options)
    })?;
    for warning in &found.warnings {
        reporter.warning(io, warning);
    }
    let error = found.error(allow);
    for diagnostic in &found.rejects {
        reporter.rejected_row(io, if error.is_some() { "error" } else { "warning" }, diagnostic);
    }
    if let Some(error) = error {
        return Err(error);
    }
    write_report(io, &target, |out| match args.format {
        ListFormat::Text => write_text(&found, &query, out),
        ListFormat::Csv => grid::write_csv(&columns(&found), &rows(&found), out),
        ListFormat::Ndjson => found.charges.iter().try_for_each(|charge| {
            serde_json::to_writer(&mut *out, &ChargeView::of(charge, &found))?;
            out.write_all(b"\n")
        }),
        ListFormat::Json => write_json(&found, out),
    })?;
    let n_more = found.n_charges - found.charges.len() as u64;
    if n_more > 0 && matches!(args.format, ListFormat::Csv | ListFormat::Ndjson) {
        reporter.warning(
            io,
            &format!("{n_more} more charges are in the cell; --limit lists more"),
        );
    }
    Ok(Exit::Done)
}

/// With `--by` the cell must be one of its answer.
fn check_dimensions(by: &[String], cell: &Cell) -> Result<()> {
    if by.is_empty() {
        return Ok(());
    }
    let asked = Dimension::parse_list(&by.join(","))?;
    let valued = |d: &Dimension| cell.values.iter().any(|(other, _)| other.source == d.source);
    let named = |d: &Dimension| asked.iter().any(|other| other.source == d.source);
    let missing = asked.iter().find(|d| !valued(d));
    let odd = cell.values.iter().map(|(d, _)| d).find(|d| !named(d));
    let error = |message: String| -> Result<()> {
        Err(usage(message)
            .hint("a cell has one value for every dimension of --by: --cell 'project_id=x,month=2024-03'"))
    };
    match (missing, odd) {
        (Some(d), _) => error(format!("the cell has no value for {d}")),
        (None, Some(d)) => error(format!("the cell has a value for {d}, which --by does not name")),
        (None, None) => Ok(()),
    }
}

fn columns(found: &Explanation) -> Vec<grid::GridColumn<'_>> {
    let mut columns = vec![
        ("file", false),
        ("record", true),
        ("line", true),
        ("start", false),
        ("end", false),
    ];
    columns.extend(found.columns.iter().map(|name| (name.as_str(), false)));
    columns.extend([("billing_currency", false), ("charge_cost", true), ("cost", true)]);
    columns
}

fn rows(found: &Explanation) -> Vec<Vec<String>> {
    let number = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
    let row = |charge: &CellCharge| {
        let place = &charge.location;
        let mut row = vec![
            place.source.as_deref().unwrap_or_default().to_owned(),
            number(place.record),
            number(place.line),
            format_instant(charge.start),
            format_instant(charge.end),
        ];
        row.extend(charge.texts.iter().cloned());
        row.extend([
            charge.currency.to_string(),
            charge.cost.to_string(),
            charge.share.to_string(),
        ]);
        row
    };
    found.charges.iter().map(row).collect()
}

fn write_text(found: &Explanation, query: &ChargeQuery, out: &mut dyn Write) -> io::Result<()> {
    let (mut columns, mut rows) = (columns(found), rows(found));
    if query.allocation == Allocation::Start {
        // A charge lies in its cell whole; its cost need not stand twice.
        let at = columns.len() - 2;
        columns.remove(at);
        for row in &mut rows {
            row.remove(at);
        }
    }
    grid::write_text(&columns, &rows, out)?;
    let n_more = found.n_charges - found.charges.len() as u64;
    if n_more > 0 {
        writeln!(out, "… {n_more} more")?;
    }
    writeln!(out)?;
    for (currency, sum) in found.totals.iter() {
        writeln!(out, "total  {currency} {sum}")?;
    }
    writeln!(out, "{} charges of {} rows read", found.n_charges, found.n_read)
}

#[derive(Serialize)]
struct ExplanationView<'a> {
    charges: Vec<ChargeView<'a>>,
    n_charges: u64,
    totals: TotalsView<'a>,
    rows_read: u64,
    rows_rejected: u64,
}

#[derive(Serialize)]
struct ChargeView<'a> {
    file: Option<&'a str>,
    record: Option<u64>,
    line: Option<u64>,
    start: String,
    end: String,
    columns: serde_json::Map<String, serde_json::Value>,
    billing_currency: &'a str,
    charge_cost: String,
    cost: String,
}

impl<'a> ChargeView<'a> {
    fn of(charge: &'a CellCharge, found: &'a Explanation) -> Self {
        let columns = found.columns.iter().zip(&charge.texts);
        ChargeView {
            file: charge.location.source.as_deref(),
            record: charge.location.record,
            line: charge.location.line,
            start: format_instant(charge.start),
            end: format_instant(charge.end),
            columns: columns
                .map(|(name, text)| (name.clone(), text.clone().into()))
                .collect(),
            billing_currency: charge.currency.as_str(),
            charge_cost: charge.cost.to_string(),
            cost: charge.share.to_string(),
        }
    }
}

fn write_json(found: &Explanation, out: &mut dyn Write) -> io::Result<()> {
    let view = ExplanationView {
        charges: found
            .charges
            .iter()
            .map(|charge| ChargeView::of(charge, found))
            .collect(),
        n_charges: found.n_charges,
        totals: TotalsView(&found.totals),
        rows_read: found.n_read,
        rows_rejected: found.n_rejected,
    };
    serde_json::to_writer_pretty(&mut *out, &view)?;
    out.write_all(b"\n")
}
