//! Tables of findings: a question asked of files, a grid made of its answer, written in any shape.

use std::sync::Arc;

use billfold_core::dataset::{self, Outcome};
use billfold_core::query::ChargeQuery;
use billfold_core::{Error, Result};
use billfold_report::{Grid, Kind, RowKind};

use crate::args::analysis::ShapeArgs;
use crate::args::report::ReportFormat;
use crate::args::{CsvKind, ExchangeArgs, LookupArgs, SourceArgs};
use crate::fault::Reporter;
use crate::io::Io;
use crate::output::report as output;
use crate::receipt::{self, ReceiptView};
use crate::report::format_of;
use crate::sink::{Target, write_report};
use crate::{lookup, progress, request, source, usage};

/// Decimals for people where none are asked for.
const PLACES: u8 = 2;

/// How a table is to be written.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) format: ReportFormat,
    pub(crate) csv: CsvKind,
    /// Decimals of money; in full without.
    pub(crate) places: Option<u8>,
    to: Target,
    receipt: Option<Target>,
}

impl Shape {
    /// Judges how a table is to be written. Errors: usage; a conflict for a file that exists.
    pub(crate) fn resolve(args: &ShapeArgs, io: &Io<'_>) -> Result<Shape> {
        let path = args.output.output.as_deref();
        let format = format_of(args.format, path)?;
        if args.csv.is_some() && !matches!(format, ReportFormat::Csv | ReportFormat::Tsv) {
            return Err(usage("--csv says what CSV and TSV look like").hint("add --format csv"));
        }
        let target = |path: &str| Target::new(path, args.output.force);
        let to = path.map_or(Ok(Target::Stdout), target)?;
        let receipt = args.receipt.as_deref().map(target).transpose()?;
        if receipt.as_ref() == Some(&to) && !matches!(to, Target::Device(_)) {
            return Err(usage("--output and --receipt name one file twice"));
        }
        output::check_terminal(format, &to, io)?;
        Ok(Shape {
            format,
            csv: args.csv.unwrap_or_default(),
            places: places(format, args.places, args.exact),
            to,
            receipt,
        })
    }

    /// Writes the table, and the receipt where it is asked for.
    pub(crate) fn write(&self, mut grid: Grid, outcome: &Outcome, io: &mut Io<'_>) -> Result<()> {
        if !for_people(self.format) {
            without_totals(&mut grid);
        }
        if let Some(target) = &self.receipt {
            write_report(io, target, |out| {
                serde_json::to_writer_pretty(&mut *out, &ReceiptView::from(&outcome.receipt))?;
                out.write_all(b"\n")
            })?;
        }
        let file = output::write(&self.to, io, |screen, out| {
            output::render_grid(&grid, self.format, self.csv, screen, out)
        })?;
        file.map_or(Ok(()), crate::sink::NewFile::finish)
    }
}

/// Whether a format is looked at rather than read by programs.
pub(crate) fn for_people(format: ReportFormat) -> bool {
    matches!(
        format,
        ReportFormat::Table | ReportFormat::Markdown | ReportFormat::Xlsx | ReportFormat::Html
    )
}

/// Decimals of money: those asked for, or those that a format has.
pub(crate) fn places(format: ReportFormat, asked: Option<u8>, exact: bool) -> Option<u8> {
    if exact {
        return None;
    }
    asked.or_else(|| for_people(format).then_some(PLACES))
}

/// A total among the rows would be added up by whoever reads them.
pub(crate) fn without_totals(grid: &mut Grid) {
    grid.rows.retain(|row| row.kind != RowKind::Total);
}

/// Where bills are and how they are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bills<'a> {
    pub(crate) source: &'a SourceArgs,
    pub(crate) lookups: &'a LookupArgs,
    pub(crate) exchange: &'a ExchangeArgs,
    pub(crate) allow_rejects: Option<&'a str>,
    /// Tag keys that a file reads as others.
    pub(crate) aliases: &'a [(String, String)],
}

impl Bills<'_> {
    /// Asks for sums, telling what is odd and which rows are rejected.
    ///
    /// Errors: why there is no answer.
    pub(crate) fn sums(&self, query: ChargeQuery, io: &mut Io<'_>, reporter: Reporter) -> Result<Outcome> {
        let mut options = self.options(query.zone, io, reporter)?;
        options.exchange = lookup::exchange(self.exchange)?;
        let watched = Arc::clone(&options.progress);
        let showing = io.stderr_is_terminal && !reporter.quiet;
        let outcome = progress::while_showing(showing, &watched, || {
            dataset::sums(&self.source.paths, query, options)
        })?;
        for warning in &outcome.warnings {
            reporter.warning(io, warning);
        }
        let is_refused = outcome.answer.is_none();
        if is_refused || !reporter.quiet {
            let word = if is_refused { "error" } else { "warning" };
            for diagnostic in &outcome.rejects {
                reporter.rejected_row(io, word, diagnostic);
            }
        }
        match outcome.error() {
            Some(error) => Err(error),
            None => Ok(outcome),
        }
    }

    /// How the bills are read, apart from rates.
    pub(crate) fn options(
        &self,
        zone: billfold_core::time::Tz,
        io: &mut Io<'_>,
        reporter: Reporter,
    ) -> Result<dataset::RunOptions<'static>> {
        let (mut options, notes) = source::options(self.source)?;
        for note in &notes {
            reporter.warning(io, note);
        }
        options.allow_rejects = request::allow_rejects_of(self.allow_rejects, false)?;
        options.lookups = lookup::load(self.lookups, zone, self.source.encoding.as_deref())?;
        options.aliases = lookup::aliases(self.lookups, self.aliases)?;
        Ok(options)
    }
}

/// The answer of an outcome that has one.
pub(crate) fn answer_of(outcome: &Outcome) -> Result<&billfold_core::engine::Answer> {
    outcome
        .answer
        .as_ref()
        .ok_or_else(|| Error::bug("no answer and no error"))
}

/// Says what the numbers are made of.
pub(crate) fn tell_receipt(outcome: &Outcome, io: &mut Io<'_>, reporter: Reporter) {
    for line in receipt::brief(&outcome.receipt) {
        reporter.note(io, "receipt", line);
    }
}

/// A column of money.
pub(crate) fn money(name: &str, places: Option<u8>) -> billfold_report::Column {
    billfold_report::Column::new(name, Kind::Number, places)
}
