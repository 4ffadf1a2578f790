//! Files to answers: the only place where ingest meets the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::{Answer, Receipt};
use crate::error::{Diagnostic, Error, Result};
use crate::ingest::formats::Format;
use crate::money::Totals;
use crate::query::ChargeQuery;

/// How a run goes, apart from the question.
pub struct RunOptions<'a> {
    /// Workers; None for one per core.
    pub threads: Option<usize>,
    /// How many rejected rows still give an answer.
    pub allow_rejects: AllowRejects,
    /// Receives every rejected row, in the order of files and rows.
    pub on_reject: Option<RejectSink<'a>>,
    /// Formats to look at before the built-in ones.
    pub mappings: Vec<Format>,
    /// Take this format whatever the columns say.
    pub format: Option<String>,
    /// Field separator of CSV files; a comma without it.
    pub delimiter: Option<u8>,
    /// Encoding of CSV and JSON files that are not UTF-8, by its WHATWG label (`gb18030`, `latin1`).
    pub encoding: Option<String>,
    /// Whether files of zero bytes are bills without rows.
    pub allow_empty: bool,
    /// Bytes of a chunk of CSV or JSON, plain.
    pub chunk_bytes: usize,
    /// Counters that someone may watch.
    pub progress: Arc<Progress>,
}

/// What receives rejected rows.
pub type RejectSink<'a> = Box<dyn FnMut(&Diagnostic) -> std::io::Result<()> + Send + 'a>;

impl Default for RunOptions<'_> {
    fn default() -> Self {
        RunOptions {
            threads: None,
            allow_rejects: AllowRejects::None,
            on_reject: None,
            mappings: Vec::new(),
            format: None,
            delimiter: None,
            encoding: None,
            allow_empty: false,
            chunk_bytes: 1 << 20,
            progress: Arc::default(),
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
    /// The answer; None when more rows were rejected than allowed.
    pub answer: Option<Answer>,
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
        self.answer.is_none().then(|| {
            Error::new(crate::error::ErrorKind::RowsRejected { n_rejected: rows.rejected, n_read: rows.read })
                .hint("--allow-rejects N (or P%) goes on without them; --rejects FILE writes them out with their reasons")
        })
    }
}

/// Answers a question from files.
///
/// `inputs`: paths, folders, globs, or `-` for standard input.
/// Errors: everything in [`crate::error::ErrorKind`] but rejected rows, which are part of the outcome.
pub fn sums(inputs: &[String], query: ChargeQuery, options: RunOptions<'_>) -> Result<Outcome> {
    let _ = (inputs, query, options);
    Err(Error::bug("in the making"))
}

/// What one file is, and its control totals.
#[derive(Debug)]
pub struct Inspection {
    /// The file as it was named to us.
    pub source: Arc<str>,
    /// The format and version that were recognised.
    pub format: String,
    /// What people call the format.
    pub title: String,
    /// `csv`, `csv + gzip`, `parquet (zstd)`, `ndjson`, `json`, ….
    pub carrier: String,
    /// Per column of the file: header, and what it feeds (a schema column, `tag:KEY`, an amount, or "").
    pub columns: Vec<ColumnInspection>,
    /// Columns of the schema that this file does not feed.
    pub absent: Vec<&'static str>,
    /// Rows, the rejected ones with them.
    pub rows: u64,
    /// Rows in which some cell of a known column cannot be read.
    pub rows_rejected: u64,
    /// Blank lines.
    pub blank_lines: u64,
    /// Exact sums per cost column of the file (header as spelled) and currency, over the rows whose cell is readable.
    pub totals: Vec<ColumnTotals>,
    /// First and last start of a charge period, and last end.
    pub span: Option<(i64, i64, i64)>,
    /// What is odd: empty cells that are bridged, blank lines, unreadable tags, rows in the future of their billing period.
    pub odd: Vec<String>,
    /// The first faults.
    pub rejects: Vec<Diagnostic>,
}

/// One column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnInspection {
    /// As spelled in the file.
    pub header: String,
    /// What it feeds.
    pub role: String,
}

/// Control totals of one cost column.
#[derive(Debug, Clone)]
pub struct ColumnTotals {
    /// As spelled in the file.
    pub header: String,
    /// The schema's name for it, or "".
    pub role: String,
    /// Cells with a value.
    pub n_values: u64,
    /// Empty cells.
    pub n_empty: u64,
    /// Cells that are no amount.
    pub n_unreadable: u64,
    /// Exact sum per currency.
    pub sums: Totals,
}

/// Says what files are: format, mapping, rows, exact control totals, time span, oddities.
///
/// Errors: as [`sums`]; unreadable rows are part of the inspection.
pub fn inspect(inputs: &[String], options: RunOptions<'_>) -> Result<Vec<Inspection>> {
    let _ = (inputs, options);
    Err(Error::bug("in the making"))
}
