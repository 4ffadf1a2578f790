//! Files to answers: the only place where ingest meets the engine.
//!
//! `charges` is the question's side for those who ask many; `many` asks several questions in one reading;
//! `inspect` says what files are.

pub(crate) mod between;
mod charges;
mod inspect;
mod many;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::alias::TagAliases;
use crate::charge::ScanHint;
use crate::charge::schema;
use crate::engine::{
    Answer, CostAccount, Finished, Memory, Plan, Receipt, RowAccount, SourceReceipt, StoredAnswer, Sums,
    UnreadSource, told_sha256,
};
use crate::error::{Diagnostic, Error, Result};
use crate::exchange::Exchange;
use crate::ingest::archive::open_archives;
use crate::ingest::bill::{Bill, BillPlan, BillStream, OpenOptions, Opened};
use crate::ingest::delivery::{self, Delivery};
use crate::ingest::formats::{Format, near_names};
use crate::ingest::guard::MAX_EXPAND;
use crate::ingest::scan::{BillReport, Ready, scan};
use crate::ingest::source::{NotRead, Source, expand};
use crate::lookup::Lookups;
use crate::query::ChargeQuery;

use between::{Between, BetweenAccount, BetweenState};
pub use charges::{Answered, Charges, Extent, Files};
pub(crate) use charges::{Fold, Workers};
pub use inspect::{ColumnInspection, ColumnTotals, Inspection, inspect};
pub use many::{share_a_scan, sums_many};

/// How a run goes, apart from the question.
pub struct RunOptions<'a> {
    /// Workers; None for one per core.
    pub threads: Option<usize>,
    /// How many rejected rows still give an answer.
    pub allow_rejects: AllowRejects,
    /// Receives every rejected row, in the order of files and rows.
    pub on_reject: Option<RejectSink<'a>>,
    /// Receives the canonical answer, which is made in any case for its hash; nothing where there is no answer.
    pub on_answer: Option<AnswerSink<'a>>,
    /// Formats to look at before the built-in ones.
    pub mappings: Vec<Format>,
    /// Take this format whatever the columns say.
    pub format: Option<String>,
    /// Field separator of CSV files; a comma without it.
    pub delimiter: Option<u8>,
    /// Encoding of CSV and JSON files that are not UTF-8, by its WHATWG label (`gb18030`, `latin1`).
    pub encoding: Option<String>,
    /// Whether files of zero bytes, and cost columns without a value, are nothing to stop for.
    pub allow_empty: bool,
    /// Tables that add dimensions to the charges.
    pub lookups: Lookups,
    /// Tag keys that are read as others.
    pub aliases: TagAliases,
    /// The currency of the answer, and the rates that lead to it; without it currencies stay apart. For sums.
    pub exchange: Option<Arc<Exchange>>,
    /// What to do with several deliveries of one month.
    pub delivery: Delivery,
    /// How many times its packed bytes a file may come to, once past 64 MiB.
    pub max_expand: u32,
    /// Bytes of a chunk of CSV or JSON, plain. Of a stream a worker waits for another one's reading once a chunk, so small
    /// ones cost time; large ones leave the caches.
    pub chunk_bytes: usize,
    /// Counters that someone may watch.
    pub progress: Arc<Progress>,
    /// What groups may take up in memory before they go to disk; no limit without it.
    pub memory: Option<Memory>,
}

/// What receives the canonical answer, piece by piece.
pub type AnswerSink<'a> = Box<dyn FnMut(&[u8]) -> Result<()> + Send + 'a>;

/// What receives rejected rows.
pub type RejectSink<'a> = Box<dyn FnMut(&Diagnostic) -> std::io::Result<()> + Send + 'a>;

/// Chunks that the memory of a run has room for: those of all workers, with what is made of each, take a small part.
const CHUNKS_OF_MEMORY: u64 = 64;
/// Bytes below which a chunk costs more to begin than to read.
const LEAST_CHUNK: usize = 64 << 10;

impl RunOptions<'_> {
    /// Bytes of a chunk: smaller ones where the run is to stay within little memory, but not without an end.
    fn bytes_of_chunk(&self) -> usize {
        let most = self.memory.as_ref().map(|memory| memory.bytes / CHUNKS_OF_MEMORY);
        let most = most.and_then(|most| usize::try_from(most).ok());
        most.map_or(self.chunk_bytes, |most| {
            self.chunk_bytes.min(most.max(LEAST_CHUNK))
        })
    }
}

impl Default for RunOptions<'_> {
    fn default() -> Self {
        RunOptions {
            threads: None,
            allow_rejects: AllowRejects::None,
            on_reject: None,
            on_answer: None,
            mappings: Vec::new(),
            format: None,
            delimiter: None,
            encoding: None,
            allow_empty: false,
            lookups: Lookups::default(),
            aliases: TagAliases::default(),
            exchange: None,
            delivery: Delivery::Sure,
            max_expand: MAX_EXPAND,
            chunk_bytes: 3 << 18,
            progress: Arc::default(),
            memory: None,
        }
    }
}

impl RunOptions<'_> {
    /// The same options for another run; nobody receives the rejected rows of that one.
    #[must_use]
    pub fn again(&self) -> RunOptions<'static> {
        RunOptions {
            threads: self.threads,
            allow_rejects: self.allow_rejects,
            on_reject: None,
            on_answer: None,
            mappings: self.mappings.clone(),
            format: self.format.clone(),
            delimiter: self.delimiter,
            encoding: self.encoding.clone(),
            allow_empty: self.allow_empty,
            lookups: self.lookups.clone(),
            aliases: self.aliases.clone(),
            exchange: self.exchange.clone(),
            delivery: self.delivery,
            max_expand: self.max_expand,
            chunk_bytes: self.chunk_bytes,
            progress: Arc::clone(&self.progress),
            // Who asks again and again wants answers in memory.
            memory: None,
        }
    }
}

/// How many rejected rows still give an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AllowRejects {
    /// None: one rejected row, no answer.
    #[default]
    None,
    /// So many.
    Count(u64),
    /// So many in a million of the rows read (`1%` is 10,000).
    PerMillion(u64),
    /// Any number.
    All,
}

impl AllowRejects {
    /// Whether an answer may be given.
    pub fn admits(self, n_rejected: u64, n_read: u64) -> bool {
        match self {
            AllowRejects::None => n_rejected == 0,
            AllowRejects::Count(n) => n_rejected <= n,
            AllowRejects::PerMillion(n) => {
                u128::from(n_rejected) * 1_000_000 <= u128::from(n) * u128::from(n_read)
            }
            AllowRejects::All => true,
        }
    }
}

/// Counters of a run; relaxed, for showing only.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes on disk of all inputs; 0 until known.
    pub bytes_total: AtomicU64,
    /// Bytes on disk that were read.
    pub bytes_read: Arc<AtomicU64>,
    /// Rows that were decoded.
    pub rows: AtomicU64,
}

impl Progress {
    /// Bytes read, bytes in all, rows.
    pub fn snapshot(&self) -> (u64, u64, u64) {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (get(&self.bytes_read), get(&self.bytes_total), get(&self.rows))
    }
}

/// What a run came to. Without an answer `error()` says why.
#[derive(Debug)]
pub struct Outcome {
    /// The answer; None when more rows were rejected than allowed, or when `stored` has it.
    pub answer: Option<Answer>,
    /// The answer where its groups do not fit [`RunOptions::memory`].
    pub stored: Option<StoredAnswer>,
    /// The account of the run, in either case.
    pub receipt: Receipt,
    /// The first rejected rows, at most [`Outcome::SHOWN_REJECTS`], in the order of files and rows.
    pub rejects: Vec<Diagnostic>,
    /// What was odd and not wrong, one line each.
    pub warnings: Vec<String>,
}

impl Outcome {
    /// Rejected rows that are kept to be shown.
    pub const SHOWN_REJECTS: usize = 20;

    /// Why there is no answer.
    pub fn error(&self) -> Option<Error> {
        let rows = &self.receipt.rows;
        (self.answer.is_none() && self.stored.is_none()).then(|| {
            Error::new(crate::error::ErrorKind::RowsRejected { n_rejected: rows.rejected, n_read: rows.read })
                .hint("--allow-rejects N (or P%) goes on without them; --rejects FILE writes them out with their reasons")
        })
    }
}

/// Answers a question from files.
///
/// `inputs`: paths, folders, globs, or `-` for standard input.
/// Errors: everything in [`crate::error::ErrorKind`] but rejected rows, which are part of the outcome.
pub fn sums(inputs: &[String], query: ChargeQuery, mut options: RunOptions<'_>) -> Result<Outcome> {
    let plan = Arc::new(Plan::new(query)?);
    let allow_rejects = options.allow_rejects;
    let on_reject = options.on_reject.take();
    let on_answer = options.on_answer.take();
    let (memory, n_workers) = (options.memory.clone(), workers(options.threads));
    let state = || {
        let plan = Arc::clone(&plan);
        Workers(vec![match &memory {
            Some(memory) => Sums::within(plan, memory, n_workers),
            None => Sums::new(plan),
        }])
    };
    let ran = fold_files_telling(inputs, &plan, &options, on_reject, state)?;
    let ((), finished, account) = ran.settle(&plan)?;
    let Account {
        mut receipt,
        rejects,
        warnings,
    } = account;
    let admitted = allow_rejects.admits(receipt.rows.rejected, receipt.rows.read);
    if admitted {
        let mut tell = on_answer.unwrap_or_else(|| Box::new(|_| Ok(())));
        receipt.answer_sha256 = told_sha256(&finished.answer, finished.stored.as_ref(), &mut tell)?;
    }
    let (answer, stored) = match finished.stored {
        Some(stored) => (None, Some(stored)),
        None => (Some(finished.answer), None),
    };
    Ok(Outcome {
        answer: answer.filter(|_| admitted),
        stored: stored.filter(|_| admitted),
        receipt,
        rejects,
        warnings,
    })
}

/// Files, read and folded.
pub(crate) struct Ran<F> {
    fold: F,
    ready: Vec<Ready>,
    reports: Vec<BillReport>,
    given: BetweenAccount,
    rejects: Vec<Diagnostic>,
    warnings: Vec<String>,
    left_out: Vec<NotRead>,
    allow_empty: bool,
}

/// The account of a run.
pub(crate) struct Account {
    pub(crate) receipt: Receipt,
    pub(crate) rejects: Vec<Diagnostic>,
    pub(crate) warnings: Vec<String>,
}

/// Reads all files and folds their charges.
pub(crate) fn fold_files<F: Fold>(
    inputs: &[String],
    plan: &Plan,
    options: &RunOptions<'_>,
    new: impl Fn() -> F,
) -> Result<Ran<F>> {
    let stays =
        |name: &&String| schema::column(name).is_none_or(|column| column.kind == schema::ColumnKind::Money);
    if options.exchange.is_some()
        && let Some(name) = plan.hint.measures.iter().find(stays)
    {
        return Err(Error::usage(format!(
            "the cost can be asked for in another currency, and {name} stays in that of its charge"
        ))
        .hint("ask for cost, with --metric where it is not the effective one, or leave --currency out"));
    }
    fold_files_telling(inputs, plan, options, None, new)
}

fn fold_files_telling<F: Fold>(
    inputs: &[String],
    plan: &Plan,
    options: &RunOptions<'_>,
    mut sink: Option<RejectSink<'_>>,
    new: impl Fn() -> F,
) -> Result<Ran<F>> {
    let between = Between::new(plan, options)?;
    let opened = open(inputs, options, between.hint())?;
    check_dimensions(between.hint(), &options.lookups, &opened.bills)?;
    let mut ready = Vec::with_capacity(opened.bills.len());
    for bill in opened.bills {
        let bill_plan = BillPlan::new(between.hint(), &bill)?;
        ready.push(Ready {
            bill,
            plan: bill_plan,
        });
    }

    let n_workers = workers(options.threads);
    let mut states: Vec<(F, BetweenState)> = (0..n_workers).map(|_| (new(), between.state())).collect();
    let mut shown = Vec::new();
    let mut on_reject = |diagnostic: Diagnostic| -> Result<()> {
        if let Some(sink) = &mut sink {
            sink(&diagnostic).map_err(|e| Error::io("the rejected rows cannot be written", &e))?;
        }
        if shown.len() < Outcome::SHOWN_REJECTS {
            shown.push(diagnostic);
        }
        Ok(())
    };
    let progress = Arc::clone(&options.progress);
    let on_rows = |n: u64| {
        progress.rows.fetch_add(n, Ordering::Relaxed);
    };
    let reports = scan(
        &ready,
        opened.streams,
        &mut states,
        &on_rows,
        &mut on_reject,
        |(fold, state): &mut (F, BetweenState), batch| fold.update(&*between.apply(batch, state)?),
    )?;
    check_views(views_of(&ready, &reports))?;

    let (states, between_states): (Vec<F>, Vec<BetweenState>) = states.into_iter().unzip();
    let given = between.account(between_states)?;
    let mut states = states.into_iter();
    let mut fold = states.next().ok_or_else(|| Error::bug("no worker"))?;
    for state in states {
        fold.merge(state)?;
    }
    let mut warnings = opened.warnings;
    warnings.extend(between.warnings());
    Ok(Ran {
        fold,
        ready,
        reports,
        given,
        rejects: shown,
        warnings,
        left_out: opened.left_out,
        allow_empty: options.allow_empty,
    })
}

impl<F: Fold> Ran<F> {
    /// Finishes the fold and balances its account.
    pub(crate) fn settle(self, plan: &Plan) -> Result<(F::Value, Finished, Account)> {
        let Ran {
            fold,
            ready,
            reports,
            given,
            rejects,
            mut warnings,
            left_out,
            allow_empty,
        } = self;
        check_costs(plan, &ready, &reports, allow_empty)?;
        let (value, finished) = fold.finish()?;
        check_rows(&ready, &reports)?;
        let mut receipt = account(&ready, &reports, &finished)?;
        receipt.aliases = given.aliases;
        receipt.lookups = given.lookups;
        receipt.conversion = given.conversion;
        receipt.left_out = left_out
            .into_iter()
            .map(|NotRead { source, why }| UnreadSource { source, why })
            .collect();
        receipt.check(plan.groups_overlap())?;
        for Ready { bill, .. } in &ready {
            warnings.extend(
                bill.notes
                    .iter()
                    .map(|note| format!("{}: {note}", bill.source.name)),
            );
        }
        for (Ready { bill, .. }, report) in ready.iter().zip(&reports) {
            if report.ends_within_line && report.n_rejected > 0 {
                warnings.push(format!(
                    "{}: the file does not end with a line end; it may be cut",
                    bill.source.name
                ));
            }
        }
        for source in receipt
            .sources
            .iter()
            .filter(|s| s.rows_read == 0 && s.rows_skipped == 0)
        {
            warnings.push(format!("{}: no rows", source.source));
        }
        let account = Account {
            receipt,
            rejects,
            warnings,
        };
        Ok((value, finished, account))
    }

    /// The value with its account.
    ///
    /// Errors: more rejected rows than allowed, with the first of them.
    pub(crate) fn answered(self, plan: &Plan, allow: AllowRejects) -> Result<Answered<F::Value>> {
        let (value, _, account) = self.settle(plan)?;
        let Account {
            receipt,
            rejects,
            warnings,
        } = account;
        if !allow.admits(receipt.rows.rejected, receipt.rows.read) {
            let outcome = Outcome {
                answer: None,
                stored: None,
                receipt,
                rejects,
                warnings,
            };
            return Err(charges::refused(&outcome).unwrap_or_else(|| Error::bug("refused without a reason")));
        }
        Ok(Answered {
            value,
            receipt,
            warnings,
        })
    }
}

/// Workers to run: as many as asked for, or one per core.
pub(crate) fn workers(threads: Option<usize>) -> usize {
    threads
        .or_else(|| std::thread::available_parallelism().ok().map(usize::from))
        .unwrap_or(1)
        .clamp(1, 256)
}

/// The bills that the inputs name.
pub(crate) struct OpenedBills {
    /// In the order of the inputs.
    pub(crate) bills: Vec<Bill>,
    /// Per bill, its stream where it cannot be opened again.
    pub(crate) streams: Vec<Option<BillStream>>,
    /// What is odd and not wrong.
    pub(crate) warnings: Vec<String>,
    /// Files that a delivery left out, and why.
    pub(crate) left_out: Vec<NotRead>,
}

/// Finds and recognises all bills before the first row is read.
pub(crate) fn open(inputs: &[String], options: &RunOptions<'_>, hint: &ScanHint) -> Result<OpenedBills> {
    if inputs.is_empty() {
        return Err(Error::usage("no input").hint("name files, folders or globs, or - for standard input"));
    }
    let mut left_out = Vec::new();
    let mut sources = delivery::select(expand(inputs)?, options.delivery, &mut left_out)?;
    let n_files = sources.len();
    sources = open_archives(sources, options.max_expand, &mut left_out)?;
    if sources.len() != n_files {
        // A delivery may have been archived whole, its manifest with it.
        sources = delivery::select(sources, options.delivery, &mut left_out)?;
    }
    let total = sources.iter().filter_map(Source::len_bytes).sum();
    options.progress.bytes_total.store(total, Ordering::Relaxed);
    let mut formats: Vec<Arc<Format>> = options.mappings.iter().cloned().map(Arc::new).collect();
    formats.extend(Format::built_in()?);
    let open_options = OpenOptions {
        formats,
        format: options.format.clone(),
        delimiter: options.delimiter,
        encoding: options.encoding.clone(),
        allow_empty: options.allow_empty,
        chunk_bytes: options.bytes_of_chunk(),
        max_expand: options.max_expand,
        bytes_read: Arc::clone(&options.progress.bytes_read),
    };
    let mut opened = OpenedBills {
        bills: Vec::new(),
        streams: Vec::new(),
        warnings: Vec::new(),
        left_out,
    };
    for source in &sources {
        match Bill::open(source, &open_options)? {
            Opened::Bill(bill, stream) => {
                opened.bills.push(*bill);
                opened.streams.push(stream.map(|stream| *stream));
            }
            Opened::NoBill(why) => opened
                .warnings
                .push(format!("{}: not a bill, skipped ({why})", source.name)),
        }
    }
    if opened.bills.is_empty() {
        let found = opened
            .warnings
            .first()
            .map(|w| format!("; {w}"))
            .unwrap_or_default();
        return Err(Error::file(
            "source.none",
            format!("no bill among {} files{found}", sources.len()),
        ));
    }
    let counts = delivery::settle(&opened.bills, hint, options.delivery, &mut opened.left_out)?;
    let mut keep = counts.iter().copied();
    opened.bills.retain(|_| keep.next().unwrap_or(true));
    let mut keep = counts.iter().copied();
    opened.streams.retain(|_| keep.next().unwrap_or(true));
    opened.warnings.extend(delivery::told(&opened.left_out));
    // What was read to look at the files does not count as progress.
    options.progress.bytes_read.store(0, Ordering::Relaxed);
    Ok(opened)
}

/// A dimension in an export's own spelling must be a column of some file or lookup; a schema column may be absent
/// everywhere and is empty then.
pub(crate) fn check_dimensions(hint: &ScanHint, lookups: &Lookups, bills: &[Bill]) -> Result<()> {
    let texts = hint.text.iter().filter(|name| !lookups.offers(name));
    for name in texts.chain(&hint.measures) {
        if schema::column(name).is_some()
            || bills
                .iter()
                .any(|bill| bill.binding.find(name).is_some() || bill.source.partition(name).is_some())
        {
            continue;
        }
        let offered = || {
            schema::COLUMNS
                .iter()
                .map(|c| c.name)
                .chain(lookups.columns())
                .chain(
                    bills
                        .iter()
                        .flat_map(|b| b.binding.headers.names.iter().map(String::as_str)),
                )
        };
        let near = near_names(name, offered());
        let hint = if near.is_empty() {
            "list the columns of a file with: billfold inspect FILE".to_owned()
        } else {
            format!("near names: {near}")
        };
        return Err(Error::usage(format!("no column or dimension \"{name}\" in these files")).hint(hint));
    }
    Ok(())
}

/// Holds the rows of each file against its manifest.
fn check_rows(ready: &[Ready], reports: &[BillReport]) -> Result<()> {
    for (Ready { bill, .. }, report) in ready.iter().zip(reports) {
        let found = report.counts.n_records() + report.n_skipped;
        if let Some(stated) = bill.source.listed.and_then(|listed| listed.rows)
            && stated != found
        {
            let message = format!("the file has {found} rows, its manifest says {stated}");
            return Err(Error::file("manifest.size", message)
                .in_source(&bill.source.name)
                .hint("fetch the file again"));
        }
    }
    Ok(())
}

/// The views that the rows of each bill prove.
pub(crate) fn views_of<'b>(
    ready: &'b [Ready],
    reports: &'b [BillReport],
) -> impl Iterator<Item = (&'b Bill, u32)> {
    ready
        .iter()
        .zip(reports)
        .map(|(ready, report)| (&ready.bill, report.counts.views))
}

/// Refuses to add up files that are different views of a month, such as actual and amortised cost.
///
/// Only what rows prove counts: a file without such rows goes with either view.
pub(crate) fn check_views<'b>(seen: impl IntoIterator<Item = (&'b Bill, u32)>) -> Result<()> {
    let mut first: Vec<(&Bill, u32)> = Vec::new();
    for (bill, view) in seen {
        let name = &bill.binding.format.name;
        if view == 0 {
            continue;
        }
        match first.iter().find(|(other, _)| other.binding.format.name == *name) {
            None => first.push((bill, view)),
            Some((other, seen)) if seen & view == 0 => {
                let named = |view: u32| {
                    let views = &bill.binding.format.views;
                    let named = views.get(view.trailing_zeros() as usize);
                    named.map_or("", |v| v.name.as_str())
                };
                let message = format!(
                    "{} holds {} cost and {} holds {} cost; added up, charges would count twice",
                    other.source.name,
                    named(*seen),
                    bill.source.name,
                    named(view)
                );
                return Err(Error::new(crate::error::ErrorKind::Conflict(message))
                    .hint("name the files of one view only"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// A run in which no row has the cost that is asked for would answer zero; that is refused. All files
/// are judged together, so that cutting a bill into parts changes nothing.
///
/// Errors: `schema.empty_column`, unless empty columns are allowed.
fn check_costs(plan: &Plan, ready: &[Ready], reports: &[BillReport], allow_empty: bool) -> Result<()> {
    // A column that was named by its header is what was asked for, empty or not. And what stands in row
    // groups left unread is not known, and must not decide whether there is an answer.
    let seen_whole = reports.iter().all(|report| report.n_skipped == 0);
    if allow_empty || plan.query.metric.column().is_none() || !seen_whole {
        return Ok(());
    }
    let n_kept: u64 = reports.iter().map(|r| r.counts.read - r.n_rejected).sum();
    let n_empty: u64 = reports.iter().map(|r| r.counts.cost_empty).sum();
    if n_kept == 0 || n_empty < n_kept {
        return Ok(());
    }
    let message = format!(
        "none of {n_kept} rows has a value for the {} cost",
        plan.query.metric
    );
    let error = Error::file("schema.empty_column", message)
        .hint("choose another --metric, or take it for zero with --allow-empty");
    Err(match ready {
        [only] => error.in_source(&only.bill.source.name),
        _ => error,
    })
}

fn account(ready: &[Ready], reports: &[BillReport], finished: &Finished) -> Result<Receipt> {
    let full = |_| {
        Error::new(crate::error::ErrorKind::Overflow {
            group: "the total of all files".to_owned(),
        })
    };
    let mut receipt = Receipt {
        engine_version: env!("CARGO_PKG_VERSION"),
        tzdb_version: crate::time::TZDB_VERSION,
        rows: RowAccount {
            used: finished.n_used,
            filtered: finished.n_filtered,
            outside_window: finished.n_outside,
            ..RowAccount::default()
        },
        cost: CostAccount {
            used: finished.used.clone(),
            filtered: finished.filtered.clone(),
            outside_window: finished.outside_window.clone(),
            groups: finished.groups.clone(),
            ..CostAccount::default()
        },
        ..Receipt::default()
    };
    for (Ready { bill, .. }, report) in ready.iter().zip(reports) {
        receipt.rows.read += report.counts.read;
        receipt.rows.rejected += report.n_rejected;
        receipt.rows.skipped += report.n_skipped;
        let mut cost_read = report.cost.clone();
        cost_read.add_totals(&report.cost_rejected).map_err(full)?;
        receipt.cost.read.add_totals(&cost_read).map_err(full)?;
        receipt
            .cost
            .rejected
            .add_totals(&report.cost_rejected)
            .map_err(full)?;
        for (note, n) in report.counts.notes() {
            *receipt.notes.entry(note).or_default() += n;
        }
        receipt.sources.push(SourceReceipt {
            source: Arc::clone(&bill.source.name),
            format: bill.binding.format_name(),
            rows_read: report.counts.read,
            rows_rejected: report.n_rejected,
            rows_skipped: report.n_skipped,
            blank_lines: report.counts.blank,
            cost_read,
        });
    }
    Ok(receipt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_smaller_within_little_memory_but_not_without_an_end() {
        let within = |bytes: Option<u64>, chunk_bytes: usize| {
            let temp = || -> Result<std::fs::File> { Err(Error::bug("nothing is written")) };
            let memory = bytes.map(|bytes| Memory {
                bytes,
                temp: Arc::new(temp),
            });
            let options = RunOptions {
                chunk_bytes,
                memory,
                ..RunOptions::default()
            };
            options.bytes_of_chunk()
        };
        assert_eq!(within(None, 1 << 20), 1 << 20);
        assert_eq!(within(Some(1 << 30), 1 << 20), 1 << 20);
        assert_eq!(within(Some(24 << 20), 1 << 20), 24 << 14);
        for little in [0, 1, 64, 1 << 20] {
            assert_eq!(within(Some(little), 1 << 20), LEAST_CHUNK);
            // Who asks for less gets less.
            assert_eq!(within(Some(little), 96), 96);
        }
    }
}
