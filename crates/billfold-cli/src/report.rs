//! `billfold report`: three questions over one reading, laid out and written.

use std::sync::Arc;

use billfold_core::dataset::{self, Charges as _, Files, Outcome, RunOptions};
use billfold_core::engine::Answer;
use billfold_core::error::Printable;
use billfold_core::query::ChargeQuery;
use billfold_core::split::{Rule, Splits};
use billfold_core::{Error, Result};
use billfold_report::pivot::{self, Pivot};
use billfold_report::{Report, Show, Style, shared};

use crate::args::CsvKind;
use crate::args::report::{LookArgs, ReportArgs, ReportFormat, ShowWord};
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use crate::lookup;
use crate::measured;
use crate::output::report::{self as output, Told};
use crate::progress;
use crate::receipt::{self, ReceiptView};
use crate::request;
use crate::sink::{Target, write_report};
use crate::source;
use crate::usage;
use crate::values;

/// Decimals of a report for people where none are asked for.
const PLACES: u8 = 2;

/// How a report is to be written.
#[derive(Debug)]
pub(crate) struct Look {
    /// Its shape.
    pub(crate) format: ReportFormat,
    /// Who reads the CSV.
    pub(crate) csv: CsvKind,
    /// Title, decimals and columns.
    pub(crate) style: Style,
}

impl Look {
    /// Judges how a report is to look. Errors: usage.
    pub(crate) fn resolve(args: &LookArgs, output: Option<&str>) -> Result<Look> {
        let format = format_of(args.format, output)?;
        let is_delimited = matches!(format, ReportFormat::Csv | ReportFormat::Tsv);
        if args.csv.is_some() && !is_delimited {
            return Err(usage("--csv says what CSV and TSV look like").hint("add --format csv"));
        }
        let is_cells = matches!(format, ReportFormat::Parquet | ReportFormat::Arrow);
        if is_cells && args.places.is_some() {
            return Err(usage("--places rounds what people read; this format is exact")
                .hint("leave --places out, or choose another --format"));
        }
        let for_people = matches!(
            format,
            ReportFormat::Table | ReportFormat::Markdown | ReportFormat::Xlsx | ReportFormat::Html
        );
        let default_places = for_people.then_some(PLACES);
        Ok(Look {
            format,
            csv: args.csv.unwrap_or_default(),
            style: Style {
                title: args.title.clone(),
                places: if args.exact {
                    None
                } else {
                    args.places.or(default_places)
                },
                show: show(&args.show)?,
            },
        })
    }
}

fn show(words: &[ShowWord]) -> Result<Show> {
    let has = |word| words.contains(&word);
    if has(ShowWord::None) && words.len() > 1 {
        return Err(usage("--show none goes with no other word"));
    }
    Ok(Show {
        share: has(ShowWord::Share),
        change: has(ShowWord::Change),
        running: has(ShowWord::Running),
        average: has(ShowWord::Average),
        charges: has(ShowWord::Charges),
    })
}

/// The format asked for, or the one that the ending of the output file names.
pub(crate) fn format_of(asked: Option<ReportFormat>, output: Option<&str>) -> Result<ReportFormat> {
    if let Some(format) = asked {
        return Ok(format);
    }
    let ending = output
        .map(std::path::Path::new)
        .and_then(|path| path.extension())
        .map(|ending| ending.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        None | Some("txt") => Ok(ReportFormat::Table),
        Some("csv") => Ok(ReportFormat::Csv),
        Some("tsv" | "tab") => Ok(ReportFormat::Tsv),
        Some("md" | "markdown") => Ok(ReportFormat::Markdown),
        Some("json") => Ok(ReportFormat::Json),
        Some("parquet") => Ok(ReportFormat::Parquet),
        Some("arrow" | "ipc" | "feather") => Ok(ReportFormat::Arrow),
        Some("xlsx") => Ok(ReportFormat::Xlsx),
        Some("html" | "htm") => Ok(ReportFormat::Html),
        Some(other) => Err(
            usage(format!("no format is known by the ending .{}", Printable(other)))
                .hint("add --format table, csv, tsv, markdown, json, parquet, arrow, xlsx or html"),
        ),
    }
}

/// The questions of a report, and how its answers become a pivot: as they are, or after splits.
pub(crate) struct Asked {
    query: ChargeQuery,
    splits: Option<Splits>,
}

impl Asked {
    /// Judges the splits of a report. Errors: usage.
    pub(crate) fn new(args: &ReportArgs, query: &ChargeQuery) -> Result<Asked> {
        let mut rules: Vec<Rule> = args
            .split
            .iter()
            .map(|text| text.parse())
            .collect::<Result<_>>()?;
        // What --set reads from elsewhere, a rule does as well.
        let (sets, _) = request::sets(&args.question.set)?;
        for rule in &mut rules {
            for conditions in [&mut rule.from, &mut rule.to] {
                let mut asked = ChargeQuery::total();
                asked.filter.conditions = std::mem::take(conditions);
                for (name, source) in &sets {
                    asked.set(name, source);
                }
                *conditions = asked.filter.conditions;
            }
        }
        let splits = if rules.is_empty() {
            None
        } else {
            Some(Splits::new(rules, args.split_places, query)?)
        };
        let reads_twice = splits
            .as_ref()
            .is_some_and(|splits| splits.facts_question().is_some());
        if reads_twice && args.source.paths.iter().any(|path| path == "-") {
            return Err(usage(
                "a split by a measure reads its inputs twice, and standard input is read once",
            )
            .hint("name files, folders or globs"));
        }
        Ok(Asked {
            query: query.clone(),
            splits,
        })
    }

    /// As many questions as a pivot has.
    pub(crate) fn questions(&self) -> Result<Vec<ChargeQuery>> {
        match &self.splits {
            None => pivot::questions(&self.query),
            Some(splits) => shared::questions(&self.query, splits),
        }
    }

    /// The pivot, and the answer of its cells.
    ///
    /// A split by numbers reads the inputs once more for them.
    pub(crate) fn pivot(
        &self,
        outcomes: Vec<Outcome>,
        inputs: &[String],
        options: &RunOptions<'_>,
    ) -> Result<(Pivot, Answer)> {
        if let Some(splits) = &self.splits {
            let facts = match splits.facts_question() {
                None => None,
                Some(question) => {
                    let mut options = options.again();
                    // Numbers have no currency.
                    options.exchange = None;
                    Some(Files::new(inputs.to_vec(), options).facts(&question)?.value)
                }
            };
            return shared::pivot(outcomes, facts.as_ref(), &self.query, splits);
        }
        let cells = outcomes.first().and_then(|cells| cells.answer.clone());
        let pivot = Pivot::new(outcomes)?;
        Ok((pivot, cells.ok_or_else(|| Error::bug("a pivot without cells"))?))
    }
}

/// Runs the command.
pub(crate) fn run(args: &ReportArgs, io: &mut Io<'_>, reporter: Reporter) -> Result<Exit> {
    if !args.measure.is_empty() {
        return measured::run(args, io, reporter);
    }
    let output = args.output.output.as_deref();
    let look = Look::resolve(&args.look, output)?;
    let mut notes = Vec::new();
    let mut query = request::question(&args.question, &args.duration, &mut notes, |_| Ok(()))?;
    query.order = args.sort.parse()?;
    query.top = args.top;
    query.fill = args.fill;
    let asked = Asked::new(args, &query)?;
    let target = |path: &str| Target::new(path, args.output.force);
    let to = output.map_or(Ok(Target::Stdout), target)?;
    let receipt_to = args.receipt.as_deref().map(target).transpose()?;
    let is_device = matches!(to, Target::Device(_));
    if receipt_to.as_ref() == Some(&to) && !is_device {
        return Err(usage("--output and --receipt name one file twice"));
    }
    output::check_terminal(look.format, &to, io)?;
    let (mut options, more) = source::options(&args.source)?;
    notes.extend(more);
    for note in &notes {
        reporter.warning(io, note);
    }
    options.allow_rejects = request::allow_rejects_of(args.allow_rejects.as_deref(), false)?;
    options.lookups = lookup::load(&args.lookups, query.zone, args.source.encoding.as_deref())?;
    options.aliases = lookup::aliases(&args.lookups, &[])?;
    options.exchange = crate::lookup::exchange(&args.exchange)?;

    let again = options.again();
    let watched = Arc::clone(&options.progress);
    let showing = io.stderr_is_terminal && !reporter.quiet;
    let outcomes = progress::while_showing(showing, &watched, || {
        dataset::sums_many(&args.source.paths, asked.questions()?, options)
    })?;
    let cells = outcomes.first().ok_or_else(|| Error::bug("no outcome"))?;
    for warning in &cells.warnings {
        reporter.warning(io, warning);
    }
    let word = if cells.answer.is_none() {
        "error"
    } else {
        "warning"
    };
    if cells.answer.is_none() || !reporter.quiet {
        for diagnostic in &cells.rejects {
            reporter.rejected_row(io, word, diagnostic);
        }
    }
    if cells.answer.is_none() {
        return Err(cells
            .error()
            .unwrap_or_else(|| Error::bug("no answer and no error")));
    }
    values::tell_absent(
        &asked.query,
        &cells.receipt,
        &args.source.paths,
        &again,
        io,
        reporter,
    );
    let (pivot, answer) = asked.pivot(outcomes, &args.source.paths, &again)?;
    let report = Report::new(pivot, &look.style)?;
    if let Some(target) = &receipt_to {
        write_report(io, target, |out| {
            serde_json::to_writer_pretty(&mut *out, &ReceiptView::from(&report.pivot.receipt))?;
            out.write_all(b"\n")
        })?;
    }
    let told = Told {
        report: &report,
        cells: &answer,
        csv: look.csv,
    };
    let file = output::write(&to, io, |screen, out| {
        output::render(&told, look.format, screen, out)
    })?;
    if let Some(file) = file {
        file.finish()?;
    }
    for line in receipt::brief(&report.pivot.receipt) {
        reporter.note(io, "receipt", line);
    }
    Ok(Exit::Done)
}
