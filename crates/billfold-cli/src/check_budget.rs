//! `billfold check-budget`: one exact answer per budget, judged, as text, JSON and JUnit XML.
//!
//! Budgets of a file over the same inputs, read in the same way, share one reading.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use billfold_core::budget::{Budget, Finding, Limit, parse_percent};
use billfold_core::dataset::{self, Outcome};
use billfold_core::error::Printable;
use billfold_core::ingest::formats::near_names;
use billfold_core::query::ChargeQuery;
use billfold_core::{Error, Result};
use clap::CommandFactory as _;
use toml::Value;

use crate::args::money::{BudgetFormat, CheckBudgetArgs};
use crate::args::{Cli, Command};
use crate::config::{Config, table_of, texts};
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use crate::output::budget::{self as output, Checked};
use crate::sink::{Target, write_report};
use crate::{lookup, progress, receipt, request, source, usage};

/// Options that are the command line's alone.
const NOT_IN_A_FILE: [&str; 6] = ["config", "budget", "strict", "format", "output", "force"];

/// Runs the command.
pub(crate) fn run(args: &CheckBudgetArgs, io: &mut Io<'_>, reporter: Reporter) -> Result<Exit> {
    let path = args.output.output.as_deref();
    let target = path.map_or(Ok(Target::Stdout), |path| Target::new(path, args.output.force))?;
    let (of_file, aliases) = match &args.config {
        Some(file) => {
            let config = Config::read(file)?;
            (read(&config, args)?, config.aliases()?)
        }
        None => (Vec::new(), Vec::new()),
    };
    let mut budgets: Vec<(Option<&str>, &CheckBudgetArgs)> = of_file
        .iter()
        .map(|(name, args)| (Some(name.as_str()), args.as_ref()))
        .collect();
    if args.config.is_none() {
        budgets.push((None, args));
    }
    // Everything that a user can get wrong in any of them is told before the first file is opened.
    let mut notes = Vec::new();
    let questions = budgets
        .iter()
        .map(|(name, args)| resolve(args, &mut notes).map_err(|e| in_budget(&e, *name)))
        .collect::<Result<Vec<_>>>()?;
    for note in &notes {
        reporter.warning(io, note);
    }
    let outcomes = ask_all(&budgets, &questions, &aliases, io, reporter)?;
    let mut checked = Vec::new();
    for (((name, _), (query, budget)), outcome) in budgets.into_iter().zip(questions).zip(outcomes) {
        let Some(answer) = &outcome.answer else {
            return Err(outcome
                .error()
                .unwrap_or_else(|| Error::bug("no answer and no error")));
        };
        let judged = budget.judge(answer).map_err(|e| in_budget(&e, name))?;
        for limit in &judged.unused {
            reporter.warning(io, &format!("{limit} decides nothing"));
        }
        tell_unknown(&judged.findings, io, reporter);
        checked.push(Checked {
            name: name.map(str::to_owned),
            query,
            budget,
            judged,
            receipt: outcome.receipt,
        });
    }
    let holds = checked.iter().all(|checked| checked.holds(args.strict));
    write_report(io, &target, |out| match args.format {
        BudgetFormat::Text => output::write_text(&checked, out),
        BudgetFormat::Json => output::write_json(&checked, holds, out),
        BudgetFormat::Junit => output::write_junit(&checked, args.strict, out),
    })?;
    for checked in &checked {
        for line in receipt::brief(&checked.receipt) {
            reporter.note(io, "receipt", line);
        }
    }
    Ok(if holds { Exit::Done } else { Exit::CheckFailed })
}

/// The same error, with the budget that it is about.
fn in_budget(error: &Error, name: Option<&str>) -> Error {
    let named = match name {
        None => error.to_string(),
        Some(name) => format!("budget {}: {error}", Printable(name)),
    };
    let again = match error.kind() {
        billfold_core::ErrorKind::Conflict(_) => Error::new(billfold_core::ErrorKind::Conflict(named)),
        billfold_core::ErrorKind::Usage(_) => usage(named),
        kind => Error::new(kind.clone()),
    };
    match error.hint_text() {
        Some(hint) => again.hint(hint.to_owned()),
        None => again,
    }
}

/// The question and the budget of arguments.
fn resolve(args: &CheckBudgetArgs, notes: &mut Vec<String>) -> Result<(ChargeQuery, Budget)> {
    let query = request::question(&args.question, &args.duration, notes, |_| Ok(()))?;
    let limits = args.limit.iter().map(|text| Limit::parse(text));
    let warn = args.warn.iter().map(|text| parse_percent(text));
    let budget = Budget::new(
        limits.collect::<Result<_>>()?,
        warn.collect::<Result<_>>()?,
        parse_percent(&args.fail)?,
        &query,
    )?;
    Ok((query, budget))
}

/// Asks the questions of all budgets, in as few readings as they allow.
fn ask_all(
    budgets: &[(Option<&str>, &CheckBudgetArgs)],
    questions: &[(ChargeQuery, Budget)],
    aliases: &[(String, String)],
    io: &mut Io<'_>,
    reporter: Reporter,
) -> Result<Vec<Outcome>> {
    let mut outcomes: Vec<Option<Outcome>> = Vec::new();
    outcomes.resize_with(budgets.len(), || None);
    for first in 0..budgets.len() {
        if outcomes[first].is_some() {
            continue;
        }
        let query = &questions[first].0;
        let key = reading(budgets[first].1, query);
        let together: Vec<usize> = (first..budgets.len())
            .filter(|nth| {
                let (args, other) = (budgets[*nth].1, &questions[*nth].0);
                *nth == first
                    || outcomes[*nth].is_none()
                        && key.is_some()
                        && reading(args, other) == key
                        && dataset::share_a_scan(query, other)
            })
            .collect();
        let asked = together.iter().map(|nth| questions[*nth].0.clone()).collect();
        let found = ask(budgets[first].1, asked, aliases, io, reporter)?;
        for (nth, outcome) in together.into_iter().zip(found) {
            outcomes[nth] = Some(outcome);
        }
    }
    Ok(outcomes.into_iter().flatten().collect())
}

/// How a budget reads its bills; equal for budgets that can share a reading, and None for one that reads by itself.
fn reading(args: &CheckBudgetArgs, query: &ChargeQuery) -> Option<String> {
    let CheckBudgetArgs {
        source,
        lookups,
        allow_rejects,
        ..
    } = args;
    // Only charges that count are converted; tables have dates of a zone.
    let zone = (!lookups.lookup.is_empty()).then_some(query.zone);
    args.exchange
        .rates
        .is_none()
        .then(|| format!("{source:?} {lookups:?} {zone:?} {allow_rejects:?}"))
}

/// Asks questions in one reading.
fn ask(
    args: &CheckBudgetArgs,
    questions: Vec<ChargeQuery>,
    aliases: &[(String, String)],
    io: &mut Io<'_>,
    reporter: Reporter,
) -> Result<Vec<Outcome>> {
    let (mut options, notes) = source::options(&args.source)?;
    for note in &notes {
        reporter.warning(io, note);
    }
    options.allow_rejects = request::allow_rejects_of(args.allow_rejects.as_deref(), false)?;
    let zone = questions
        .first()
        .ok_or_else(|| Error::bug("a budget without a question"))?
        .zone;
    options.lookups = lookup::load(&args.lookups, zone, args.source.encoding.as_deref())?;
    options.aliases = lookup::aliases(&args.lookups, aliases)?;
    options.exchange = lookup::exchange(&args.exchange)?;
    let watched = Arc::clone(&options.progress);
    let showing = io.stderr_is_terminal && !reporter.quiet;
    let outcomes = progress::while_showing(showing, &watched, || {
        dataset::sums_many(&args.source.paths, questions, options)
    })?;
    // What was read is the same for all.
    let outcome = outcomes.first().ok_or_else(|| Error::bug("no outcome"))?;
    for warning in &outcome.warnings {
        reporter.warning(io, warning);
    }
    let word = if outcome.answer.is_none() {
        "error"
    } else {
        "warning"
    };
    if outcome.answer.is_none() || !reporter.quiet {
        for diagnostic in &outcome.rejects {
            reporter.rejected_row(io, word, diagnostic);
        }
    }
    Ok(outcomes)
}

/// Warns of limits for groups that no charge is in, once each.
fn tell_unknown(findings: &[Finding], io: &mut Io<'_>, reporter: Reporter) {
    let is_unknown = |finding: &&Finding| finding.is_unknown && !finding.group.is_empty();
    let unknown: BTreeSet<String> = findings
        .iter()
        .filter(is_unknown)
        .map(|finding| finding.group.join(","))
        .collect();
    let known: BTreeSet<String> = findings
        .iter()
        .filter(|finding| !finding.is_unknown)
        .map(|finding| finding.group.join(","))
        .collect();
    for group in &unknown {
        let near = near_names(group, known.iter().map(String::as_str));
        let near = if near.is_empty() {
            String::new()
        } else {
            format!("; near names: {near}")
        };
        reporter.warning(io, &format!("no charge is in the group {group} of a limit{near}"));
    }
}

/// The budgets of a file, by name: each its own table over `[defaults]`, as arguments.
fn read(config: &Config, args: &CheckBudgetArgs) -> Result<Vec<(String, Box<CheckBudgetArgs>)>> {
    let at_file = |error: Error| error.in_source(&config.name);
    if config.budgets.is_empty() {
        return Err(at_file(
            usage("names no budget").hint("write a table [budget.NAME] with inputs, by and limit"),
        ));
    }
    if let Some(missing) = args
        .budget
        .iter()
        .find(|wanted| !config.budgets.contains_key(*wanted))
    {
        let known: Vec<&str> = config.budgets.keys().map(String::as_str).collect();
        return Err(at_file(
            usage(format!("no budget {}", Printable(missing)))
                .hint(format!("there are {}", known.join(", "))),
        ));
    }
    // Of the options under all reports, those that a budget has.
    let command = Cli::command();
    let known: BTreeSet<&str> = command
        .find_subcommand("check-budget")
        .into_iter()
        .flat_map(clap::Command::get_arguments)
        .filter_map(clap::Arg::get_long)
        .filter(|name| !NOT_IN_A_FILE.contains(name))
        .chain(["inputs"])
        .collect();
    let mut budgets = Vec::new();
    for (name, value) in &config.budgets {
        if !args.budget.is_empty() && !args.budget.contains(name) {
            continue;
        }
        let wrong = |what: String| usage(format!("budget {}: {what}", Printable(name)));
        let defaults = config.defaults.iter();
        let mut options: BTreeMap<String, Value> = defaults
            .filter(|(key, _)| known.contains(key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let own = table_of(value.clone(), &format!("[budget.{name}]")).map_err(at_file)?;
        if let Some(key) = own.keys().find(|key| NOT_IN_A_FILE.contains(&key.as_str())) {
            return Err(at_file(
                wrong(format!("{key} is an option of the command line alone"))
                    .hint("take it out of the file"),
            ));
        }
        options.extend(own);
        let inputs = texts(options.remove("inputs"))
            .map_err(|_| at_file(wrong("inputs is no list of texts".to_owned())))?;
        if inputs.is_empty() {
            return Err(at_file(
                wrong("no inputs".to_owned())
                    .hint("write inputs = [\"bills/*.csv\"], here or under [defaults]"),
            ));
        }
        let threads = args.source.threads.iter().map(|n| format!("--threads={n}"));
        let threads: Vec<String> = threads.collect();
        let parsed = config
            .parse("check-budget", options, &threads, &inputs, wrong)
            .map_err(at_file)?;
        let Command::CheckBudget(parsed) = parsed else {
            return Err(Error::bug("a budget that is another command"));
        };
        budgets.push((name.clone(), parsed));
    }
    Ok(budgets)
}
