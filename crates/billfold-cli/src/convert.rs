//! `billfold convert`: the charges of bills as one file, re-read before it takes its place.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use billfold_core::Result;
use billfold_core::convert::{self, Carrier, Conversion, ConvertOptions, Packing, Schema};
use billfold_core::dataset::RunOptions;
use billfold_core::error::Printable;
use serde::Serialize;

use crate::args::{ConvertArgs, ConvertSchema, ConvertTo};
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use crate::receipt::TotalsView;
use crate::request::{allow_rejects_of, default_currency};
use crate::sink::{NewFile, Target};
use crate::temp::TempFiles;
use crate::{progress, rejects, source, usage};

/// Runs the command.
pub(crate) fn run(args: &ConvertArgs, io: &mut Io<'_>, reporter: Reporter) -> Result<Exit> {
    let (carrier, packing) = kind_of(args)?;
    let file = |path: &str| match Target::new(path, args.force)? {
        target @ Target::File { .. } => Ok(target),
        Target::Stdout | Target::Device(_) => Err(usage(
            "convert writes files: what it wrote is read again before it counts",
        )
        .in_source(&path.into())),
    };
    let output = file(&args.output)?;
    let receipt = args.receipt.as_deref().map(file).transpose()?;
    let reject_target = args.rejects.as_deref().map(file).transpose()?;
    let targets = [Some(&output), receipt.as_ref(), reject_target.as_ref()];
    for (i, target) in targets.iter().enumerate() {
        if target.is_some() && targets[..i].contains(target) {
            return Err(usage("--output, --receipt and --rejects name one file twice"));
        }
    }
    let currency = default_currency(&args.set)?;
    // Hidden while it is made, so that a run over its own folder does not meet it.
    let mut reject_file: Option<NewFile> = reject_target.as_ref().map(NewFile::create).transpose()?;
    let (mut options, notes) = source::options(&args.source)?;
    for note in notes {
        reporter.warning(io, &note);
    }
    options.allow_rejects = allow_rejects_of(args.allow_rejects.as_deref(), reject_target.is_some())?;
    if let Some(file) = &mut reject_file {
        options.on_reject = Some(Box::new(move |diagnostic| rejects::write(diagnostic, file)));
    }
    let mut out = NewFile::create(&output)?;
    let runs = runs_beside(&output);
    let convert_options = ConvertOptions {
        schema: match args.schema {
            ConvertSchema::Charges => Schema::Charges,
            ConvertSchema::Focus12 => Schema::Focus12,
        },
        carrier,
        packing,
        default_currency: currency,
        run_rows: ConvertOptions::RUN_ROWS,
        spill: Box::new(|| runs.create()),
    };
    let watched = Arc::clone(&options.progress);
    let show = io.stderr_is_terminal && !reporter.quiet;
    let done = progress::while_showing(show, &watched, || {
        convert::convert(&args.source.paths, convert_options, &mut out, options)
    })?;
    drop(runs);
    tell(&done, args, io, reporter);
    if !done.is_written {
        // What was rejected is worth its file also where the rest is not.
        if let Some(file) = reject_file {
            file.finish()?;
        }
        return done.error().map_or(Ok(Exit::Rejected), Err);
    }
    let written = out.written()?.to_owned();
    let check_options = RunOptions {
        threads: source::options(&args.source)?.0.threads,
        ..RunOptions::default()
    };
    convert::verify(&written.to_string_lossy(), &done, &check_options)?;

    let mut files = vec![out];
    files.extend(reject_file);
    if let Some(target) = &receipt {
        let mut file = NewFile::create(target)?;
        serde_json::to_writer_pretty(&mut file, &ReceiptView::of(&done, args))
            .map_err(io::Error::from)
            .and_then(|()| file.write_all(b"\n"))
            .map_err(|e| file.write_error(&e))?;
        files.push(file);
    }
    for file in files {
        file.finish()?;
    }
    Ok(Exit::Done)
}

/// The kind of file asked for, or the one that the ending names.
fn kind_of(args: &ConvertArgs) -> Result<(Carrier, Packing)> {
    let lower = args.output.to_lowercase();
    let ends = |ending: &str| Path::new(&lower).extension().is_some_and(|e| e == ending);
    let (stem, packing) = match &lower {
        name if ends("gz") => (name.trim_end_matches(".gz"), Packing::Gzip),
        name if ends("zst") => (name.trim_end_matches(".zst"), Packing::Zstd),
        name => (name.as_str(), Packing::Plain),
    };
    let carrier = match (args.to, Path::new(stem).extension().and_then(|e| e.to_str())) {
        (Some(ConvertTo::Parquet), _) | (None, Some("parquet")) => Carrier::Parquet,
        (Some(ConvertTo::Csv), _) | (None, Some("csv")) => Carrier::Csv,
        (Some(ConvertTo::Ndjson), _) | (None, Some("ndjson" | "jsonl")) => Carrier::Ndjson,
        (None, _) => {
            return Err(
                usage("the kind of file is not known by its ending").hint("add --to parquet, csv or ndjson")
            );
        }
    };
    if carrier == Carrier::Parquet && packing != Packing::Plain {
        return Err(usage("Parquet packs its own pages").hint("leave .gz or .zst out of the name"));
    }
    Ok((carrier, packing))
}

/// Temporary files beside the output.
fn runs_beside(output: &Target) -> TempFiles {
    let folder = match output {
        Target::File { path, .. } => path.parent().map(Path::to_path_buf),
        _ => None,
    };
    TempFiles::beside(folder.unwrap_or_default())
}

fn tell(done: &Conversion, args: &ConvertArgs, io: &mut Io<'_>, reporter: Reporter) {
    for warning in &done.warnings {
        reporter.warning(io, warning);
    }
    for renamed in &done.renamed {
        reporter.warning(io, &format!("source column {renamed}"));
    }
    if !done.is_written || (args.rejects.is_none() && !reporter.quiet) {
        let word = if done.is_written { "warning" } else { "error" };
        for diagnostic in &done.rejects {
            reporter.rejected_row(io, word, diagnostic);
        }
    }
    if !done.is_written {
        return;
    }
    let n_files = done.sources.len();
    let runs = match done.n_runs {
        0 => String::new(),
        n => format!(", merged from {n} runs"),
    };
    reporter.note(
        io,
        "receipt",
        format!(
            "{} rows read from {n_files} file{} = {} written + {} rejected{runs}",
            done.rows_read,
            if n_files == 1 { "" } else { "s" },
            done.rows_written,
            done.rows_rejected
        ),
    );
    for (name, totals) in &done.totals {
        let sums: Vec<String> = totals
            .iter()
            .map(|(currency, sum)| format!("{} {sum}", currency.as_str()).trim().to_owned())
            .collect();
        reporter.note(io, "receipt", format!("{name} {}", sums.join(", ")));
    }
    for (note, n) in &done.notes {
        reporter.note(io, "receipt", format!("{note}: {n} rows"));
    }
}

#[derive(Serialize)]
struct ReceiptView<'a> {
    engine_version: &'static str,
    output: String,
    schema: &'static str,
    rows: RowsView,
    /// Per cost column, what went in; what was read back is the same.
    cost: Vec<CostView<'a>>,
    notes: &'a std::collections::BTreeMap<&'static str, u64>,
    columns: &'a [String],
    renamed: &'a [String],
    runs: u64,
    row_groups: u64,
    sources: Vec<SourceView<'a>>,
}

#[derive(Serialize)]
struct RowsView {
    read: u64,
    written: u64,
    rejected: u64,
}

#[derive(Serialize)]
struct CostView<'a> {
    column: &'a str,
    totals: TotalsView<'a>,
}

#[derive(Serialize)]
struct SourceView<'a> {
    source: &'a str,
    format: &'a str,
    rows_read: u64,
    rows_rejected: u64,
}

impl<'a> ReceiptView<'a> {
    fn of(done: &'a Conversion, args: &ConvertArgs) -> Self {
        let cost = done.totals.iter().map(|(column, totals)| CostView {
            column,
            totals: TotalsView(totals),
        });
        let sources = done.sources.iter().map(|source| SourceView {
            source: &source.source,
            format: &source.format,
            rows_read: source.rows_read,
            rows_rejected: source.rows_rejected,
        });
        ReceiptView {
            engine_version: env!("CARGO_PKG_VERSION"),
            output: Printable(&args.output).to_string(),
            schema: match args.schema {
                ConvertSchema::Charges => "charges",
                ConvertSchema::Focus12 => "focus-1.2",
            },
            rows: RowsView {
                read: done.rows_read,
                written: done.rows_written,
                rejected: done.rows_rejected,
            },
            cost: cost.collect(),
            notes: &done.notes,
            columns: &done.columns,
            renamed: &done.renamed,
            runs: done.n_runs,
            row_groups: done.n_row_groups,
            sources: sources.collect(),
        }
    }
}
