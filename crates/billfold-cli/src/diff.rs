//! `billfold diff`: the difference between two bills, taken apart, as text, CSV and JSON.

use std::io::{self, Write};

use billfold_core::Result;
use billfold_core::dataset::Files;
use billfold_core::diff::{Difference, Parts, diff};
use billfold_core::money::Currency;
use billfold_core::time::parse_period;
use serde::Serialize;

use crate::args::{DiffArgs, ReconcileFormat};
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use crate::output::grid;
use crate::request::{allow_rejects_of, question};
use crate::sink::{Target, write_report};
use crate::{lookup, source, usage};

/// Runs the command.
pub(crate) fn run(args: &DiffArgs, io: &mut Io<'_>, reporter: Reporter) -> Result<Exit> {
    let path = args.output.output.as_deref();
    let target = path.map_or(Ok(Target::Stdout), |path| Target::new(path, args.output.force))?;
    let [old, new] = args.source.paths.as_slice() else {
        return Err(usage("a difference is between two bills")
            .hint("write: billfold diff OLD NEW; a folder or a glob counts as one"));
    };
    if [old, new].iter().any(|path| *path == "-") {
        return Err(usage(
            "standard input is one stream, and a difference has two sides",
        ));
    }
    let mut notes = Vec::new();
    let old_query = question(&args.question, "total", &mut notes, |_| Ok(()))?;
    let mut new_query = old_query.clone();
    let mut old_query = old_query;
    for (query, period) in [
        (&mut old_query, &args.old_period),
        (&mut new_query, &args.new_period),
    ] {
        if let Some(period) = period {
            query.window = query.window.intersect(&parse_period(period, query.calendar())?);
        }
    }
    let side = |path: &String, notes: &mut Vec<String>| -> Result<Files> {
        let (mut options, more) = source::options(&args.source)?;
        *notes = more;
        options.allow_rejects = allow_rejects_of(args.allow_rejects.as_deref(), false)?;
        let encoding = args.source.encoding.as_deref();
        options.lookups = lookup::load(&args.lookups, old_query.zone, encoding)?;
        options.aliases = lookup::aliases(&args.lookups, &[])?;
        Ok(Files::new(vec![path.clone()], options))
    };
    let mut more = Vec::new();
    let (old, new) = (side(old, &mut more)?, side(new, &mut more)?);
    for note in notes.iter().chain(&more) {
        reporter.warning(io, note);
    }
    let found = diff(&old, &old_query, &new, &new_query)?;
    for warning in &found.warnings {
        reporter.warning(io, warning);
    }
    write_report(io, &target, |out| match args.format {
        ReconcileFormat::Text => write_text(&found, out),
        ReconcileFormat::Csv => grid::write_csv(&columns(&found), &rows(&found), out),
        ReconcileFormat::Json => write_json(&found, out),
    })?;
    for (side, receipt) in [("old", &found.old), ("new", &found.new)] {
        let rows = receipt.rows;
        let line = format!(
            "{side}: {} rows read = {} used + {} filtered out + {} outside the window + {} rejected",
            rows.read, rows.used, rows.filtered, rows.outside_window, rows.rejected
        );
        reporter.note(io, "receipt", line);
    }
    Ok(Exit::Done)
}

/// The parts, by name.
fn named(parts: &Parts) -> [(&'static str, String); 10] {
    // Judged when the difference was made: it is within the range.
    let difference = parts.difference().unwrap_or_default();
    [
        ("old", parts.old.to_string()),
        ("new", parts.new.to_string()),
        ("difference", difference.to_string()),
        ("added", parts.added.to_string()),
        ("gone", parts.gone.to_string()),
        ("usage", parts.usage.to_string()),
        ("price", parts.price.to_string()),
        ("currency", parts.currency.to_string()),
        ("corrections", parts.corrections.to_string()),
        ("other", parts.other.to_string()),
    ]
}

fn columns(found: &Difference) -> Vec<grid::GridColumn<'_>> {
    let dimensions = found.dimensions.iter().map(|name| (name.as_str(), false));
    let parts = named(&Parts::default());
    dimensions
        .chain([("billing_currency", false)])
        .chain(parts.map(|(name, _)| (name, true)))
        .collect()
}

fn row(keys: impl Iterator<Item = String>, currency: Currency, parts: &Parts) -> Vec<String> {
    keys.chain([currency.to_string()])
        .chain(named(parts).map(|(_, sum)| sum))
        .collect()
}

fn rows(found: &Difference) -> Vec<Vec<String>> {
    let row_of =
        |r: &billfold_core::diff::DiffRow| row(r.keys.iter().map(ToString::to_string), r.currency, &r.parts);
    found.rows.iter().map(row_of).collect()
}

fn write_text(found: &Difference, out: &mut dyn Write) -> io::Result<()> {
    let mut rows = rows(found);
    if !found.dimensions.is_empty() {
        for (currency, parts) in &found.totals {
            let keys =
                (0..found.dimensions.len()).map(|i| if i == 0 { "total".to_owned() } else { String::new() });
            rows.push(row(keys, *currency, parts));
        }
    }
    grid::write_text(&columns(found), &rows, out)
}

#[derive(Serialize)]
struct DifferenceView<'a> {
    rows: Vec<RowView<'a>>,
    totals: serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize)]
struct RowView<'a> {
    by: serde_json::Map<String, serde_json::Value>,
    billing_currency: &'a str,
    #[serde(flatten)]
    parts: serde_json::Map<String, serde_json::Value>,
}

fn view(parts: &Parts) -> serde_json::Map<String, serde_json::Value> {
    let parts = named(parts).into_iter();
    parts.map(|(name, sum)| (name.to_owned(), sum.into())).collect()
}

fn write_json(found: &Difference, out: &mut dyn Write) -> io::Result<()> {
    let rows = found.rows.iter().map(|row| RowView {
        by: found
            .dimensions
            .iter()
            .zip(&row.keys)
            .map(|(name, key)| (name.clone(), key.as_ref().into()))
            .collect(),
        billing_currency: row.currency.as_str(),
        parts: view(&row.parts),
    });
    let totals = found.totals.iter();
    let view = DifferenceView {
        rows: rows.collect(),
        totals: totals
            .map(|(currency, parts)| (currency.to_string(), view(parts).into()))
            .collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &view)?;
    out.write_all(b"\n")
}
