//! `billfold check`: what departs from the rules of FOCUS, as text and JSON.

use std::io::{self, Write};
use std::sync::Arc;

use billfold_core::Result;
use billfold_core::check::{self, Example, Finding, RULES, Report, Severity};
use billfold_core::error::Printable;
use billfold_core::money::Totals;
use serde::Serialize;

use crate::args::{CheckArgs, InspectFormat};
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use crate::progress;
use crate::receipt::TotalsView;
use crate::sink::{Target, write_report};
use crate::source;

/// Runs the command.
pub(crate) fn run(args: &CheckArgs, io: &mut Io<'_>, reporter: Reporter) -> Result<Exit> {
    let path = args.output.output.as_deref();
    let target = path.map_or(Ok(Target::Stdout), |path| Target::new(path, args.output.force))?;
    let (options, notes) = source::options(&args.source)?;
    for note in notes {
        reporter.warning(io, &note);
    }
    let watched = Arc::clone(&options.progress);
    let show = io.stderr_is_terminal && !reporter.quiet;
    let report = progress::while_showing(show, &watched, || {
        check::check(&args.source.paths, args.show, &options)
    })?;
    for warning in &report.warnings {
        reporter.warning(io, warning);
    }
    write_report(io, &target, |out| match args.format {
        InspectFormat::Text => write_text(&report, out),
        InspectFormat::Json => write_json(&report, out),
    })?;
    Ok(if report.holds() {
        Exit::Done
    } else {
        Exit::CheckFailed
    })
}

fn write_text(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for file in &report.files {
        writeln!(
            out,
            "{}: {}, {} rows",
            Printable(&file.source),
            Printable(&file.format),
            file.rows
        )?;
    }
    for finding in &report.findings {
        let column = match finding.column.as_str() {
            "" => String::new(),
            column => format!(" {}", Printable(column)),
        };
        writeln!(
            out,
            "\n{}[{}]{column}: {} times; the rule: {}",
            finding.rule.severity, finding.rule.id, finding.count, finding.rule.title
        )?;
        for (what, totals) in [("cost", &finding.cost), ("difference", &finding.difference)] {
            if !totals.is_empty() {
                writeln!(out, "  {what} {}", sums(totals))?;
            }
        }
        for example in &finding.examples {
            writeln!(out, "  {}", Printable(&line_of(example)))?;
        }
        let n_shown = finding.examples.len() as u64;
        if n_shown < finding.count {
            writeln!(out, "  … {} more", finding.count - n_shown)?;
        }
    }
    writeln!(
        out,
        "\n{} rules, {} findings: {} errors, {} warnings, {} notes",
        RULES.len(),
        report.findings.len(),
        report.count(Severity::Error),
        report.count(Severity::Warning),
        report.count(Severity::Note)
    )
}

fn sums(totals: &Totals) -> String {
    let sums: Vec<String> = totals
        .iter()
        .map(|(currency, sum)| match currency.as_str() {
            "" => format!("{sum} (no currency)"),
            code => format!("{code} {sum}"),
        })
        .collect();
    sums.join(", ")
}

fn line_of(example: &Example) -> String {
    let place = example.location.to_string();
    match place.as_str() {
        "" => example.text.clone(),
        place => format!("{place}: {}", example.text),
    }
}

#[derive(Serialize)]
struct ReportView<'a> {
    holds: bool,
    files: Vec<FileView<'a>>,
    errors: u64,
    warnings: u64,
    notes: u64,
    findings: Vec<FindingView<'a>>,
    /// Every rule that was tested.
    rules: Vec<RuleView>,
}

#[derive(Serialize)]
struct FileView<'a> {
    source: &'a str,
    format: &'a str,
    rows: u64,
}

#[derive(Serialize)]
struct RuleView {
    id: &'static str,
    severity: String,
    title: &'static str,
}

#[derive(Serialize)]
struct FindingView<'a> {
    rule: &'static str,
    severity: String,
    title: &'static str,
    column: Option<&'a str>,
    count: u64,
    cost: TotalsView<'a>,
    difference: TotalsView<'a>,
    examples: Vec<ExampleView<'a>>,
}

#[derive(Serialize)]
struct ExampleView<'a> {
    file: Option<&'a str>,
    record: Option<u64>,
    line: Option<u64>,
    text: &'a str,
}

impl<'a> From<&'a Finding> for FindingView<'a> {
    fn from(finding: &'a Finding) -> Self {
        let examples = finding.examples.iter().map(|example| ExampleView {
            file: example.location.source.as_deref(),
            record: example.location.record,
            line: example.location.line,
            text: &example.text,
        });
        FindingView {
            rule: finding.rule.id,
            severity: finding.rule.severity.to_string(),
            title: finding.rule.title,
            column: Some(finding.column.as_str()).filter(|c| !c.is_empty()),
            count: finding.count,
            cost: TotalsView(&finding.cost),
            difference: TotalsView(&finding.difference),
            examples: examples.collect(),
        }
    }
}

fn write_json(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let view = ReportView {
        holds: report.holds(),
        files: report
            .files
            .iter()
            .map(|file| FileView {
                source: &file.source,
                format: &file.format,
                rows: file.rows,
            })
            .collect(),
        errors: report.count(Severity::Error),
        warnings: report.count(Severity::Warning),
        notes: report.count(Severity::Note),
        findings: report.findings.iter().map(FindingView::from).collect(),
        rules: RULES
            .iter()
            .map(|rule| RuleView {
                id: rule.id,
                severity: rule.severity.to_string(),
                title: rule.title,
            })
            .collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &view)?;
    out.write_all(b"\n")
}
