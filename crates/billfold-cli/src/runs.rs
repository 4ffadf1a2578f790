//! `billfold run`: the reports that a file names, as few readings of the bills as their questions allow.
//!
//! A report in the file is a table of the options of `billfold report`, by their names without the dashes;
//! `[defaults]` stands under every report. What such an option means is decided where the command line
//! is: the table becomes arguments, and these are parsed. Reports over the same inputs, with the same way
//! of reading them, metric and clock, share one reading; tables of measures and statements read by themselves.
//! Every file is written before the first takes its place, so that a run that fails leaves nothing new. Budgets
//! are judged on exact sums.
//!
//! A library is such a file that comes with the program; its inputs are those of the command line, and a
//! report whose columns the bills do not have is left out, which is said.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use billfold_core::dataset::{self, Outcome};
use billfold_core::engine::Answer;
use billfold_core::error::Printable;
use billfold_core::money::{Amount, Currency, ExactSum};
use billfold_core::query::{ChargeQuery, Filter};
use billfold_core::{Error, ErrorClass, Result};
use billfold_report::pivot::{self, Pivot};
use billfold_report::sql::Ask;
use billfold_report::{Grid, Report};
use toml::Value;

use crate::args::Command;
use crate::args::report::{ReportArgs, ReportFormat, RunArgs};
use crate::config::{AliasPairs, Config, table_of, texts};
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use crate::library::{self, Parameters};
use crate::lookup;
use crate::measured;
use crate::output::report::{self as output, Told};
use crate::progress;
use crate::receipt;
use crate::report::{Asked, Look};
use crate::request;
use crate::sink::{NewFile, Target};
use crate::source;
use crate::sql;
use crate::tables::Bills;
use crate::usage;

/// One report of the file.
struct Named {
    name: String,
    /// The question that it answers, in words.
    words: Option<String>,
    args: ReportArgs,
    query: ChargeQuery,
    kind: Asking,
    /// Standard output without any.
    outputs: Vec<(Look, Target)>,
    budgets: Vec<Budget>,
}

/// How a report is asked for.
enum Asking {
    /// Periods side by side, from a reading that reports share.
    Pivot(Box<Asked>),
    /// A table of measures.
    Measures(Box<measured::Asked>),
    /// A statement.
    Statement(Box<Ask>),
}

/// What may be spent.
struct Budget {
    /// The row that it is about, by its keys; all rows without.
    row: Option<Vec<String>>,
    currency: Option<Currency>,
    amount: ExactSum,
    /// Whether it is meant for every period or for all together.
    per_period: bool,
}

/// Runs the command.
pub(crate) fn run(args: &RunArgs, io: &mut Io<'_>, reporter: Reporter) -> Result<Exit> {
    let (mut reports, aliases) = read(args)?;
    if args.list {
        let width = reports.iter().map(|report| report.name.len()).max().unwrap_or(0);
        let names = |out: &mut (dyn std::io::Write + Send)| {
            reports.iter().try_for_each(|report| match &report.words {
                // The names of a file are for programs as well; what a library asks is for people.
                Some(words) if args.library.is_some() => {
                    writeln!(
                        out,
                        "{:width$}  {}",
                        Printable(&report.name).to_string(),
                        Printable(words)
                    )
                }
                _ => writeln!(out, "{}", Printable(&report.name)),
            })
        };
        return crate::sink::to_stdout(io, names).map(|()| Exit::Done);
    }
    for (_, target) in reports.iter().flat_map(|report| &report.outputs) {
        if let Target::File { .. } = target
            && reports
                .iter()
                .flat_map(|r| &r.outputs)
                .filter(|(_, other)| other == target)
                .count()
                > 1
        {
            return Err(usage(format!("two reports write {target:?}")));
        }
    }
    let mut files: Vec<NewFile> = Vec::new();
    let mut failed = Vec::new();
    let may_leave_out = args.library.is_some() && args.only.is_empty();
    while !reports.is_empty() {
        if !matches!(reports[0].kind, Asking::Pivot(_)) {
            let mut report = reports.remove(0);
            let made = make_alone(&mut report, &aliases, io, reporter, &mut files);
            left_out(made, &report.name, may_leave_out, io, reporter)?;
            continue;
        }
        let (together, rest): (Vec<Named>, Vec<Named>) = {
            let first = reports.remove(0);
            let key = reading(&first);
            let query = first.query.clone();
            let (mut same, rest): (Vec<Named>, Vec<Named>) = reports.into_iter().partition(|other| {
                matches!(other.kind, Asking::Pivot(_))
                    && reading(other) == key
                    && dataset::share_a_scan(&query, &other.query)
            });
            same.insert(0, first);
            (same, rest)
        };
        reports = rest;
        if !may_leave_out {
            make(&together, &aliases, io, reporter, &mut files, &mut failed)?;
            continue;
        }
        // One that cannot be asked must not take the others with it.
        let made = make(&together, &aliases, io, reporter, &mut files, &mut failed);
        if let (Err(error), [_, _, ..]) = (&made, together.as_slice())
            && is_not_there(error)
        {
            for report in together.chunks(1) {
                let made = make(report, &aliases, io, reporter, &mut files, &mut failed);
                left_out(made, &report[0].name, true, io, reporter)?;
            }
        } else {
            left_out(made, &together[0].name, true, io, reporter)?;
        }
    }
    for file in files {
        file.finish()?;
    }
    if failed.is_empty() {
        return Ok(Exit::Done);
    }
    for line in &failed {
        reporter.note(io, "budget", line.clone());
    }
    Ok(Exit::CheckFailed)
}

/// Whether bills lack what a report asks for.
fn is_not_there(error: &Error) -> bool {
    error.kind().class() == ErrorClass::Usage || error.kind().code() == "schema.column"
}

/// Says which report of a library the bills have no columns for.
fn left_out(made: Result<()>, name: &str, may: bool, io: &mut Io<'_>, reporter: Reporter) -> Result<()> {
    match made {
        Err(error) if may && is_not_there(&error) => {
            reporter.note(io, "left out", format!("{name}: {error}"));
            Ok(())
        }
        made => made,
    }
}

/// Makes a report that has a reading of its own.
fn make_alone(
    report: &mut Named,
    aliases: &[(String, String)],
    io: &mut Io<'_>,
    reporter: Reporter,
    files: &mut Vec<NewFile>,
) -> Result<()> {
    let bills = Bills {
        source: &report.args.source,
        lookups: &report.args.lookups,
        exchange: &report.args.exchange,
        aliases,
        allow_rejects: report.args.allow_rejects.as_deref(),
    };
    let (grids, receipt, warnings): (Vec<Grid>, _, _) = match &mut report.kind {
        Asking::Pivot(_) => return Err(Error::bug("a pivot that reads by itself")),
        Asking::Measures(asked) => {
            let answered = asked.table(&bills, io, reporter)?;
            let grid = |(look, _): &(Look, Target)| measured::grid(&answered.value, look);
            (
                report.outputs.iter().map(grid).collect(),
                answered.receipt,
                answered.warnings,
            )
        }
        Asking::Statement(ask) => {
            let answered = sql::rows(ask, &bills, report.query.clone(), io, reporter)?;
            let grid = |(look, _): &(Look, Target)| {
                let mut grid = ask.run(&answered.value)?;
                grid.name = look.style.title.clone().unwrap_or_default();
                sql::round(&mut grid, look.style.places);
                Ok(grid)
            };
            let grids = report.outputs.iter().map(grid).collect::<Result<_>>()?;
            (grids, answered.receipt, answered.warnings)
        }
    };
    for warning in &warnings {
        reporter.warning(io, warning);
    }
    for (grid, (look, target)) in grids.iter().zip(&report.outputs) {
        files.extend(output::write(target, io, |screen, out| {
            output::render_grid(grid, look.format, look.csv, screen, out)?;
            between_tables(look.format, target, out)
        })?);
    }
    for line in receipt::brief(&receipt).into_iter().take(1) {
        reporter.note(io, "receipt", line);
    }
    reporter.note(
        io,
        "report",
        format!(
            "{}: {} rows",
            report.name,
            grids.first().map_or(0, |grid| grid.rows.len())
        ),
    );
    Ok(())
}

/// An empty line between tables on one screen.
fn between_tables(
    format: ReportFormat,
    target: &Target,
    out: &mut (dyn std::io::Write + Send),
) -> Result<()> {
    if *target == Target::Stdout && matches!(format, ReportFormat::Table | ReportFormat::Markdown) {
        writeln!(out).map_err(|e| Error::io("standard output", &e))?;
    }
    Ok(())
}

/// How a report reads its bills; equal for reports that can share a reading.
fn reading(report: &Named) -> String {
    let ReportArgs {
        source,
        lookups,
        allow_rejects,
        ..
    } = &report.args;
    // Only charges that count are converted, so a report with rates reads by itself; tables have dates of a zone.
    let by_itself = report.args.exchange.rates.as_ref().map(|_| &report.name);
    let zone = (!lookups.lookup.is_empty()).then_some(report.query.zone);
    format!("{source:?} {lookups:?} {zone:?} {allow_rejects:?} {by_itself:?}")
}

/// Makes reports from one reading.
fn make(
    reports: &[Named],
    aliases: &[(String, String)],
    io: &mut Io<'_>,
    reporter: Reporter,
    files: &mut Vec<NewFile>,
    failed: &mut Vec<String>,
) -> Result<()> {
    let Some(first) = reports.first() else {
        return Ok(());
    };
    let (mut options, notes) = source::options(&first.args.source)?;
    for note in &notes {
        reporter.warning(io, note);
    }
    options.allow_rejects = request::allow_rejects_of(first.args.allow_rejects.as_deref(), false)?;
    let encoding = first.args.source.encoding.as_deref();
    options.lookups = lookup::load(&first.args.lookups, first.query.zone, encoding)?;
    options.aliases = lookup::aliases(&first.args.lookups, aliases)?;
    options.exchange = crate::lookup::exchange(&first.args.exchange)?;
    let mut questions = Vec::new();
    for report in reports {
        questions.extend(report.pivot()?.questions()?);
    }
    let again = options.again();
    let watched = Arc::clone(&options.progress);
    let showing = io.stderr_is_terminal && !reporter.quiet;
    let mut outcomes = progress::while_showing(showing, &watched, || {
        dataset::sums_many(&first.args.source.paths, questions, options)
    })?
    .into_iter();
    for (nth, report) in reports.iter().enumerate() {
        let three: Vec<Outcome> = outcomes.by_ref().take(pivot::QUESTIONS).collect();
        let cells = three.first().ok_or_else(|| Error::bug("no outcome"))?;
        if nth == 0 {
            for warning in &cells.warnings {
                reporter.warning(io, warning);
            }
            let word = if cells.answer.is_none() {
                "error"
            } else {
                "warning"
            };
            for diagnostic in &cells.rejects {
                reporter.rejected_row(io, word, diagnostic);
            }
            for line in receipt::brief(&cells.receipt).into_iter().take(1) {
                reporter.note(io, "receipt", line);
            }
        }
        if cells.answer.is_none() {
            return Err(cells
                .error()
                .unwrap_or_else(|| Error::bug("no answer and no error")));
        }
        let (pivot, answer) = report.pivot()?.pivot(three, &first.args.source.paths, &again)?;
        for split in &pivot.receipt.splits {
            reporter.note(io, "receipt", receipt::split(split));
        }
        for budget in &report.budgets {
            failed.extend(budget.judge(&report.name, &pivot)?);
        }
        write(report, &pivot, &answer, io, files)?;
        let totals: Vec<String> = pivot
            .sections
            .iter()
            .map(|section| format!("{} {}", Report::currency_name(section.currency), section.total))
            .collect();
        reporter.note(
            io,
            "report",
            format!(
                "{}: {}",
                report.name,
                if totals.is_empty() {
                    "nothing".to_owned()
                } else {
                    totals.join(", ")
                }
            ),
        );
    }
    Ok(())
}

fn write(
    report: &Named,
    pivot: &Pivot,
    answer: &Answer,
    io: &mut Io<'_>,
    files: &mut Vec<NewFile>,
) -> Result<()> {
    for (look, target) in &report.outputs {
        let laid_out = Report::new(pivot.clone(), &look.style)?;
        let told = Told {
            report: &laid_out,
            cells: answer,
            csv: look.csv,
        };
        files.extend(output::write(target, io, |screen, out| {
            output::render(&told, look.format, screen, out)?;
            between_tables(look.format, target, out)
        })?);
    }
    Ok(())
}

impl Named {
    fn pivot(&self) -> Result<&Asked> {
        match &self.kind {
            Asking::Pivot(asked) => Ok(asked),
            _ => Err(Error::bug("a table among pivots")),
        }
    }
}

impl Budget {
    fn read(name: &str, value: &Value) -> Result<Budget> {
        let wrong = |what: &str| {
            usage(format!("report {}: a budget's {what}", Printable(name))).hint(
                "write [[report.NAME.budget]] with amount = \"1000.00\", and where wanted currency = \"USD\", row = [\"web\"], per = \"period\" or \"total\"",
            )
        };
        let table = value.as_table().ok_or_else(|| wrong("table is no table"))?;
        if let Some(key) = table
            .keys()
            .find(|key| !["amount", "currency", "row", "per"].contains(&key.as_str()))
        {
            return Err(wrong(&format!("key {} is not known", Printable(key))));
        }
        let amount = match table.get("amount") {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Integer(whole)) => whole.to_string(),
            // A float of TOML is a binary float, and no amount passes through one.
            _ => return Err(wrong("amount is neither text nor a whole number")),
        };
        let amount = Amount::parse(amount.as_bytes()).map_err(|_| wrong("amount is no amount"))?;
        let currency = match table.get("currency") {
            None => None,
            Some(code) => Some(
                code.as_str()
                    .and_then(|code| Currency::parse(code.as_bytes()))
                    .ok_or_else(|| wrong("currency is no code"))?,
            ),
        };
        let row = match table.get("row") {
            None => None,
            Some(keys) => Some(
                keys.as_array()
                    .and_then(|keys| keys.iter().map(|key| key.as_str().map(str::to_owned)).collect())
                    .ok_or_else(|| wrong("row is no list of texts"))?,
            ),
        };
        let per_period = match table.get("per").map(Value::as_str) {
            None | Some(Some("period")) => true,
            Some(Some("total")) => false,
            Some(_) => return Err(wrong("per is neither period nor total")),
        };
        Ok(Budget {
            row,
            currency,
            amount: ExactSum::from(amount),
            per_period,
        })
    }

    /// What was spent beyond it, one line each.
    fn judge(&self, name: &str, pivot: &Pivot) -> Result<Vec<String>> {
        let mut over = Vec::new();
        let sections: Vec<_> = pivot
            .sections
            .iter()
            .filter(|section| self.currency.is_none_or(|code| section.currency == code))
            .collect();
        if self.currency.is_none() && sections.len() > 1 {
            return Err(usage(format!(
                "report {}: a budget without a currency, and charges in {}",
                Printable(name),
                sections.len()
            ))
            .hint("give the budget a currency"));
        }
        for section in sections {
            let (cells, total, what) = match &self.row {
                None => (
                    section.columns.iter().copied().map(Some).collect(),
                    section.total,
                    String::new(),
                ),
                Some(keys) => {
                    let row = section
                        .rows
                        .iter()
                        .find(|row| row.keys == *keys && !row.is_others);
                    let Some(row) = row else { continue };
                    (row.cells.clone(), row.total, format!(" of {}", keys.join(" / ")))
                }
            };
            let cells: Vec<(&str, ExactSum)> = if self.per_period {
                pivot
                    .periods
                    .iter()
                    .zip(&cells)
                    .filter_map(|(period, cell)| cell.map(|cell| (period.label.as_str(), cell)))
                    .collect()
            } else {
                vec![("total", total)]
            };
            for (label, cost) in cells {
                if cost > self.amount {
                    let mut beyond = cost;
                    // Two sums that fit have a difference that fits.
                    let _ = beyond.sub(&self.amount);
                    over.push(format!(
                        "{name}: {label}{what} came to {} {cost}, {beyond} beyond the {} of the budget",
                        Report::currency_name(section.currency),
                        self.amount
                    ));
                }
            }
        }
        Ok(over)
    }
}

/// Reads the file and judges every report in it.
fn read(args: &RunArgs) -> Result<(Vec<Named>, AliasPairs)> {
    let config = match &args.library {
        Some(library) => {
            let name: Arc<str> = format!("library {library}").into();
            Config::of_text(&name, Path::new(""), library::text(library)?)?
        }
        None => Config::read(&args.config)?,
    };
    let name = &config.name;
    if config.reports.is_empty() {
        return Err(usage("names no report")
            .in_source(name)
            .hint("write a table [report.NAME]"));
    }
    let parameters =
        Parameters::new(config.parameters.clone(), &args.param).map_err(|e| e.in_source(name))?;
    let wanted = if args.library.is_some() {
        &args.only
    } else {
        &args.names
    };
    if let Some(missing) = wanted.iter().find(|wanted| !config.reports.contains_key(*wanted)) {
        let known: Vec<&str> = config.reports.keys().map(String::as_str).collect();
        return Err(usage(format!("no report {}", Printable(missing)))
            .in_source(name)
            .hint(format!("there are {}", known.join(", "))));
    }
    let aliases = config.aliases()?;
    let reports = config
        .reports
        .iter()
        .filter(|(report, _)| wanted.is_empty() || wanted.contains(report))
        .map(|(report, value)| {
            let mut options: BTreeMap<String, Value> = config.defaults.clone().into_iter().collect();
            let own = table_of(value.clone(), &format!("[report.{report}]"));
            let named = own.and_then(|own| {
                options.extend(own);
                if args.library.is_some() {
                    of_command_line(report, &mut options, args);
                }
                for value in options.values_mut() {
                    parameters.fill(value)?;
                }
                named(report, options, &config, args)
            });
            named.map_err(|e| e.in_source(name))
        })
        .collect::<Result<_>>()?;
    Ok((reports, aliases))
}

/// What the command line says of the reports of a library.
fn of_command_line(report: &str, options: &mut BTreeMap<String, Value>, args: &RunArgs) {
    let texts = |texts: &[String]| Value::Array(texts.iter().cloned().map(Value::String).collect());
    // To list reports no bills are needed.
    let inputs = if args.list && args.names.is_empty() {
        vec!["-".to_owned()]
    } else {
        args.names.clone()
    };
    options.insert("inputs".to_owned(), texts(&inputs));
    for (name, value) in [("period", &args.period), ("timezone", &args.timezone)] {
        if let Some(value) = value {
            options.insert(name.to_owned(), Value::String(value.clone()));
        }
    }
    let format = args
        .format
        .and_then(|format| clap::ValueEnum::to_possible_value(&format));
    let format = format.map_or_else(|| "table".to_owned(), |format| format.get_name().to_owned());
    if let Some(folder) = &args.into {
        let ending = match format.as_str() {
            "table" => "txt",
            "markdown" => "md",
            other => other,
        };
        let path = Path::new(folder).join(format!("{report}.{ending}"));
        options.insert(
            "output".to_owned(),
            Value::String(path.to_string_lossy().into_owned()),
        );
    }
    options.insert("format".to_owned(), Value::String(format));
}

/// What a report by a statement may say beside it.
const OF_STATEMENTS: [&str; 22] = [
    "title",
    "format",
    "places",
    "exact",
    "csv",
    "set",
    "mapping",
    "format-of",
    "delimiter",
    "encoding",
    "allow-empty",
    "delivery",
    "max-expand",
    "threads",
    "allow-rejects",
    "lookup",
    "alias",
    "aliases",
    "currency",
    "rates",
    "period",
    "timezone",
];

/// One report: its table as arguments of `billfold report`, parsed.
fn named(name: &str, mut options: BTreeMap<String, Value>, config: &Config, args: &RunArgs) -> Result<Named> {
    let wrong = |what: String| usage(format!("report {}: {what}", Printable(name)));
    let inputs =
        texts(options.remove("inputs")).map_err(|_| wrong("inputs is no list of texts".to_owned()))?;
    if inputs.is_empty() {
        return Err(
            wrong("no inputs".to_owned()).hint("write inputs = [\"bills/*.csv\"], here or under [defaults]")
        );
    }
    let outputs =
        texts(options.remove("output")).map_err(|_| wrong("output is no list of texts".to_owned()))?;
    let budgets = match options.remove("budget") {
        None => Vec::new(),
        Some(Value::Array(budgets)) => budgets
            .iter()
            .map(|budget| Budget::read(name, budget))
            .collect::<Result<_>>()?,
        Some(_) => return Err(wrong("budget is no list of tables".to_owned())),
    };
    let mut text_of = |key: &str| match options.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong(format!("{key} is no text"))),
    };
    let question = text_of("question")?;
    // Where a question comes from is for who reads the file.
    let _ = text_of("source")?;
    let statement = text_of("sql")?;
    if statement.is_some()
        && let Some(key) = options.keys().find(|key| !OF_STATEMENTS.contains(&key.as_str()))
    {
        return Err(wrong(format!("{} means nothing beside sql", Printable(key)))
            .hint("the statement says what to group, filter and order by"));
    }
    let threads = args.threads.iter().map(|threads| format!("--threads={threads}"));
    let threads: Vec<String> = threads.collect();
    let Command::Report(report) = config.parse("report", options, &threads, &inputs, wrong)? else {
        return Err(Error::bug("a report that is another command"));
    };
    let mut notes = Vec::new();
    let mut query = request::question(&report.question, &report.duration, &mut notes, |_| Ok(()))
        .map_err(|e| wrong(e.to_string()))?;
    query.order = report.sort.parse()?;
    query.top = report.top;
    query.fill = report.fill;
    // Beside what a report filters by itself, never instead of it.
    let also = Filter::parse_all(args.filter.iter().map(String::as_str))?.conditions;
    let kind = match statement {
        Some(statement) => {
            query.filter.conditions.extend(also);
            let ask = Ask::parse(&statement).map_err(|e| wrong(e.to_string()))?;
            Asking::Statement(Box::new(ask))
        }
        None if report.measure.is_empty() => {
            query.filter.conditions.extend(also);
            let asked = Asked::new(&report, &query).map_err(|e| wrong(e.to_string()))?;
            Asking::Pivot(Box::new(asked))
        }
        None => {
            let asked = measured::Asked::resolve(&report, &mut notes);
            let mut asked = asked.map_err(|e| wrong(e.to_string()))?;
            asked.query_mut().filter.conditions.extend(also);
            Asking::Measures(Box::new(asked))
        }
    };
    if !budgets.is_empty() && !matches!(kind, Asking::Pivot(_)) {
        return Err(wrong("a budget is for costs by periods".to_owned())
            .hint("give a report without measure and sql the budget"));
    }
    let paths: Vec<String> = if outputs.is_empty() {
        vec!["-".to_owned()]
    } else {
        outputs
    };
    let outputs = paths
        .iter()
        .map(|path| {
            let ending = (path != "-").then_some(path.as_str());
            let look = Look::resolve(&report.look, ending)?;
            Ok((look, Target::new(&config.here(path), args.force || args.list)?))
        })
        .collect::<Result<_>>()?;
    let title = report.look.title.as_deref();
    let words = match (title, question) {
        (Some(title), Some(question)) => Some(format!("{title}: {question}")),
        (Some(words), None) => Some(words.to_owned()),
        (None, question) => question,
    };
    Ok(Named {
        name: name.to_owned(),
        words,
        args: *report,
        query,
        kind,
        outputs,
        budgets,
    })
}
