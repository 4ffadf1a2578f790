//! `billfold run`: the reports that a file names, as few readings of the bills as their questions allow.
//!
//! A report in the file is a table of the options of `billfold report`, by their names without the dashes;
//! `[defaults]` stands under every report. What such an option means is decided where the command line
//! is: the table becomes arguments, and these are parsed. Reports over the same inputs, with the same way
//! of reading them, metric and clock, share one reading. Every file is written before the first takes its
//! place, so that a run that fails leaves nothing new. Budgets are judged on exact sums.

use std::collections::BTreeMap;
use std::sync::Arc;

use billfold_core::dataset::{self, Outcome};
use billfold_core::engine::Answer;
use billfold_core::error::Printable;
use billfold_core::money::{Amount, Currency, ExactSum};
use billfold_core::query::ChargeQuery;
use billfold_core::{Error, Result};
use billfold_report::Report;
use billfold_report::pivot::{self, Pivot};
use toml::Value;

use crate::args::Command;
use crate::args::report::{ReportArgs, RunArgs};
use crate::config::{AliasPairs, Config, table_of, texts};
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use crate::lookup;
use crate::output::report::{self as output, Told};
use crate::progress;
use crate::receipt;
use crate::report::{Asked, Look};
use crate::request;
use crate::sink::{NewFile, Target};
use crate::source;
use crate::usage;

/// One report of the file.
struct Named {
    name: String,
    args: ReportArgs,
    query: ChargeQuery,
    asked: Asked,
    /// Standard output without any.
    outputs: Vec<(Look, Target)>,
    budgets: Vec<Budget>,
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
        let names = |out: &mut (dyn std::io::Write + Send)| {
            reports
                .iter()
                .try_for_each(|report| writeln!(out, "{}", Printable(&report.name)))
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
    while !reports.is_empty() {
        let (together, rest): (Vec<Named>, Vec<Named>) = {
            let first = reports.remove(0);
            let key = reading(&first);
            let query = first.query.clone();
            let (mut same, rest): (Vec<Named>, Vec<Named>) = reports
                .into_iter()
                .partition(|other| reading(other) == key && dataset::share_a_scan(&query, &other.query));
            same.insert(0, first);
            (same, rest)
        };
        reports = rest;
        make(&together, &aliases, io, reporter, &mut files, &mut failed)?;
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
        questions.extend(report.asked.questions()?);
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
        let (pivot, answer) = report.asked.pivot(three, &first.args.source.paths, &again)?;
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
            output::render(&told, look.format, screen, out)
        })?);
    }
    Ok(())
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
    let config = Config::read(&args.config)?;
    let name = &config.name;
    if config.reports.is_empty() {
        return Err(usage("names no report")
            .in_source(name)
            .hint("write a table [report.NAME]"));
    }
    if let Some(missing) = args
        .names
        .iter()
        .find(|wanted| !config.reports.contains_key(*wanted))
    {
        let known: Vec<&str> = config.reports.keys().map(String::as_str).collect();
        return Err(usage(format!("no report {}", Printable(missing)))
            .in_source(name)
            .hint(format!("there are {}", known.join(", "))));
    }
    let aliases = config.aliases()?;
    let reports = config
        .reports
        .iter()
        .filter(|(report, _)| args.names.is_empty() || args.names.contains(report))
        .map(|(report, value)| {
            let mut options: BTreeMap<String, Value> = config.defaults.clone().into_iter().collect();
            let own = table_of(value.clone(), &format!("[report.{report}]"));
            let named = own.and_then(|own| {
                options.extend(own);
                named(report, options, &config, args)
            });
            named.map_err(|e| e.in_source(name))
        })
        .collect::<Result<_>>()?;
    Ok((reports, aliases))
}

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
    let asked = Asked::new(&report, &query).map_err(|e| wrong(e.to_string()))?;
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
    Ok(Named {
        name: name.to_owned(),
        asked,
        args: *report,
        query,
        outputs,
        budgets,
    })
}
