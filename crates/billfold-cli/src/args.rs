//! The arguments as typed: clap structs, where nothing is judged but the syntax of the command line.
//!
//! What a value means, and whether values go together, is decided in `request`.

#[cfg(feature = "report")]
pub(crate) mod analysis;
mod answers;
mod api;
pub(crate) mod money;
#[cfg(feature = "report")]
pub(crate) mod report;
pub(crate) mod serve;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::LazyLock;

use billfold_core::time::TZDB_VERSION;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use answers::AnswerArgs;
use api::{API_HELP, API_USAGE};
pub(crate) use api::{ApiArgs, WireDialect};

use crate::fault::EXIT_CODES;

/// `billfold --version`.
///
/// The time zone database is named because the calendars, and with them the periods, come from it.
fn version() -> &'static str {
    static VERSION: LazyLock<String> =
        LazyLock::new(|| format!("{} (tz database {TZDB_VERSION})", env!("CARGO_PKG_VERSION")));
    &VERSION
}

/// What did it cost, exactly, from the bill's own files.
#[derive(Debug, Parser)]
#[command(
    name = "billfold",
    version = version(),
    after_help = EXIT_CODES,
    // Neither the terminal nor COLUMNS may change a byte.
    term_width = 100,
    color = clap::ColorChoice::Never,
    arg_required_else_help = false,
    infer_subcommands = false
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,

    /// How errors are written to standard error
    #[arg(long, global = true, value_enum, value_name = "SHAPE", default_value = "text")]
    pub(crate) errors: ErrorsFormat,

    /// Errors only: no receipt, no warnings, no progress
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// How errors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ErrorsFormat {
    /// `error[code]: message`, then `hint: …`
    Text,
    /// One JSON object per line
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sum charges by any dimensions and periods
    #[command(after_help = EXIT_CODES)]
    Sums(Box<SumsArgs>),
    /// Answer a call of a vendor's billing action, as its server would
    #[command(after_help = API_HELP, override_usage = API_USAGE)]
    Api(Box<ApiArgs>),
    /// List the charges behind one cell of an answer, with file, record and line
    #[command(after_help = EXIT_CODES)]
    Explain(Box<ExplainArgs>),
    /// Lay cost out over periods: pivots, shares, changes; as text, workbook, page or data
    #[cfg(feature = "report")]
    #[command(after_help = EXIT_CODES)]
    Report(Box<report::ReportArgs>),
    /// Ask the charges in SQL, exactly
    #[cfg(feature = "report")]
    #[command(after_help = EXIT_CODES)]
    Sql(Box<report::SqlArgs>),
    /// Make the reports that a file names, or those of a library
    #[cfg(feature = "report")]
    #[command(after_help = EXIT_CODES)]
    Run(Box<report::RunArgs>),
    /// Find periods whose cost is far from the median of those before
    #[cfg(feature = "report")]
    #[command(after_help = EXIT_CODES)]
    Anomalies(Box<analysis::AnomaliesArgs>),
    /// Forecast the month, and how well that went in the months before
    #[cfg(feature = "report")]
    #[command(after_help = EXIT_CODES)]
    Forecast(Box<analysis::ForecastArgs>),
    /// Take the difference between two bills apart: new, gone, usage, price, currency, corrections
    #[command(after_help = EXIT_CODES, override_usage = "billfold diff [OPTIONS] OLD NEW")]
    Diff(Box<DiffArgs>),
    /// Hold groups and periods against budgets; exit code 1 where one is exceeded
    #[command(
        after_help = EXIT_CODES,
        override_usage = "billfold check-budget [OPTIONS] --limit LIMIT PATH...\n       billfold check-budget --config FILE.toml [--budget NAME]...",
        mut_arg("paths", |paths| paths.required(false).required_unless_present("config"))
    )]
    CheckBudget(Box<money::CheckBudgetArgs>),
    /// Say how well charges are tagged: coverage per key, untagged resources, spellings that are likely one
    #[command(after_help = EXIT_CODES)]
    Tags(Box<money::TagsArgs>),
    /// Say what files are: format, columns, rows, exact control totals, oddities
    #[command(after_help = EXIT_CODES)]
    Inspect(InspectArgs),
    /// Write the charges of bills as one file: Parquet, CSV or NDJSON, sorted by time
    #[command(after_help = EXIT_CODES)]
    Convert(Box<ConvertArgs>),
    /// Test FOCUS files against the rules that change sums
    #[command(after_help = EXIT_CODES)]
    Check(CheckArgs),
    /// Lay bills beside invoices: one verdict per invoice, to the last digit
    #[command(after_help = EXIT_CODES)]
    Reconcile(ReconcileArgs),
    /// Write a seeded bill to try things on
    #[command(after_help = EXIT_CODES)]
    Gen(Box<GenArgs>),
    /// Answer the vendors' billing actions over HTTP
    #[command(after_help = EXIT_CODES)]
    Serve(Box<serve::ServeArgs>),
    /// List the export formats that are known, or print one as a mapping file
    Formats(FormatsArgs),
    /// List the columns that one can group and filter by
    Dimensions,
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print a manual page, or write all of them into a folder
    Man(ManArgs),
}

/// The files, and how to read them.
#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    /// Files, folders or globs of bills, or - for standard input
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<String>,

    /// Look at this mapping file before the built-in formats (repeatable); see `billfold formats NAME`
    #[arg(long, value_name = "FILE.toml", help_heading = "Input")]
    pub(crate) mapping: Vec<PathBuf>,

    /// Take this format whatever the columns say
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    pub(crate) source_format: Option<String>,

    /// Field separator of CSV files: one ASCII character, or `tab`
    #[arg(long, value_name = "CHAR", help_heading = "Input")]
    pub(crate) delimiter: Option<String>,

    /// Encoding of CSV and JSON files that are not UTF-8, such as gb18030
    #[arg(long, value_name = "LABEL", help_heading = "Input")]
    pub(crate) encoding: Option<String>,

    /// Take files of zero bytes as bills without rows
    #[arg(long, help_heading = "Input")]
    pub(crate) allow_empty: bool,

    /// Several deliveries of one month: newest reads the newest of each, all reads every file; without it they are refused
    #[arg(long, value_name = "newest|all", help_heading = "Input")]
    pub(crate) delivery: Option<String>,

    /// How many times its packed bytes a file may come to, once there are 64 MiB of it
    #[arg(long, value_name = "N", default_value = "200", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Input")]
    pub(crate) max_expand: u32,

    /// Workers; one per core without it. The answer does not depend on it
    #[arg(long, value_name = "N", help_heading = "Input")]
    pub(crate) threads: Option<String>,
}

/// Tables that add dimensions to the charges.
#[derive(Debug, Clone, Args)]
pub(crate) struct LookupArgs {
    /// Dimensions from a table of yours (CSV, JSON or Parquet), keyed by resource_id, user_id, project_id, …;
    /// FILE:key=DIMENSION=COLUMN names the key (repeatable; see the reference)
    #[arg(long, value_name = "FILE[:key=…]", help_heading = "Input")]
    pub(crate) lookup: Vec<String>,

    /// Read a tag key as another one, so that both are one dimension: Team=team (repeatable; the first that has a
    /// value wins)
    #[arg(long, value_name = "OLD=NEW", help_heading = "Input")]
    pub(crate) alias: Vec<String>,

    /// Read the aliases under [tags.alias] of this file, such as billfold.toml
    #[arg(long, value_name = "FILE.toml", help_heading = "Input")]
    pub(crate) aliases: Option<String>,
}

/// The currency of the answer.
#[derive(Debug, Args)]
pub(crate) struct ExchangeArgs {
    /// Convert every charge that counts to this currency, at the rates of --rates
    #[arg(long, value_name = "CODE", requires = "rates", help_heading = "Question")]
    pub(crate) currency: Option<String>,

    /// Rates for --currency: a table of month, from, to, rate
    #[arg(long, value_name = "FILE", requires = "currency", help_heading = "Question")]
    pub(crate) rates: Option<String>,
}

/// Where the answer goes.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// Write to this file, whole or not at all
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<String>,

    /// Replace files that exist
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
}

/// From when to when, by which clock, and by which cost.
#[derive(Debug, Clone, Args)]
pub(crate) struct WindowArgs {
    /// First instant that counts: a date, a month or a time
    #[arg(long, value_name = "WHEN", help_heading = "Question")]
    pub(crate) start: Option<String>,

    /// First instant that no longer counts: a date, a month or a time
    #[arg(long, value_name = "WHEN", help_heading = "Question")]
    pub(crate) end: Option<String>,

    /// Whole periods instead of --start and --end: 2024, 2024-Q1, 2024-03, 2024-W10, 2024-03-05..2024-03-07
    #[arg(long, value_name = "PERIOD", conflicts_with_all = ["start", "end"], help_heading = "Question")]
    pub(crate) period: Option<String>,

    /// Which period of a charge counts: charge (when it was incurred) or billing (when it was invoiced)
    #[arg(
        long,
        value_name = "WORD",
        default_value = "charge",
        help_heading = "Question"
    )]
    pub(crate) clock: String,

    /// Which cost is summed: effective, billed, list, contracted, or a cost column of the files
    #[arg(
        long,
        value_name = "METRIC",
        default_value = "effective",
        help_heading = "Question"
    )]
    pub(crate) metric: String,
}

/// What is asked, apart from the periods and the order.
#[derive(Debug, Args)]
pub(crate) struct QuestionArgs {
    /// Dimensions to group by, comma-separated: project_id,zone_id,tag:team (see `billfold dimensions`)
    #[arg(long, value_name = "DIMENSIONS", help_heading = "Question")]
    pub(crate) by: Vec<String>,

    /// IANA zone whose days are the days of the answer
    #[arg(long, value_name = "ZONE", default_value = "UTC", help_heading = "Question")]
    pub(crate) timezone: String,

    /// First day of a week
    #[arg(long, value_name = "DAY", default_value = "monday", help_heading = "Question")]
    pub(crate) week_start: String,

    /// First month of quarters and years
    #[arg(
        long,
        value_name = "MONTH",
        default_value = "january",
        help_heading = "Question"
    )]
    pub(crate) fiscal_start: String,

    #[command(flatten)]
    pub(crate) window: WindowArgs,

    /// Where a charge that spans periods belongs: start (whole) or prorate (split by time, to the last digit)
    #[arg(long, value_name = "WORD", default_value = "start", help_heading = "Question")]
    pub(crate) allocate: String,

    /// Which rows count, such as zone_id=pek3a,gd2 or tag:team!= (repeatable; see the reference)
    #[arg(long, value_name = "FILTER", help_heading = "Question")]
    pub(crate) filter: Vec<String>,

    /// Read a dimension from elsewhere: project_id=tag:team, project_id=user_id, billing_currency=text:USD (repeatable)
    #[arg(long, value_name = "NAME=SOURCE", help_heading = "Question")]
    pub(crate) set: Vec<String>,
}

/// `billfold sums`.
#[derive(Debug, Args)]
pub(crate) struct SumsArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    #[command(flatten)]
    pub(crate) lookups: LookupArgs,

    #[command(flatten)]
    pub(crate) question: QuestionArgs,

    #[command(flatten)]
    pub(crate) exchange: ExchangeArgs,

    /// Length of the periods: hourly, daily, weekly, monthly, quarterly, yearly or total
    #[arg(long, value_name = "WORD", default_value = "total", help_heading = "Question")]
    pub(crate) duration: String,

    /// Order of the groups: key, cost, charges or period, with - in front for highest first
    #[arg(
        long,
        value_name = "ORDER",
        default_value = "key",
        allow_hyphen_values = true,
        help_heading = "Question"
    )]
    pub(crate) sort: String,

    /// Keep the N groups of the highest cost per currency and put the others together
    #[arg(long, value_name = "N", help_heading = "Question")]
    pub(crate) top: Option<usize>,

    /// Groups to skip
    #[arg(long, value_name = "N", default_value = "0", help_heading = "Question")]
    pub(crate) offset: usize,

    /// Groups to return
    #[arg(long, value_name = "N", help_heading = "Question")]
    pub(crate) limit: Option<usize>,

    /// Show periods of the window without a charge, with zero
    #[arg(long, help_heading = "Question")]
    pub(crate) fill: bool,

    /// Shape of the answer; without it the ending of --output decides, or a table is printed
    #[arg(long, short, value_enum, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: Option<AnswerFormat>,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// Decimals in a table, rounded so that the parts add up to the total
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=38), help_heading = "Output")]
    pub(crate) places: Option<u8>,

    /// CSV for machines (raw) or for spreadsheet programs, which take a text like =1+1 as a formula
    #[arg(long, value_enum, value_name = "KIND", help_heading = "Output")]
    pub(crate) csv: Option<CsvKind>,

    /// Memory to stay within, such as 512MiB; groups past it go to temporary files. The answer does not depend on it
    #[arg(long, value_name = "SIZE", default_value = "1GiB", help_heading = "Input")]
    pub(crate) memory: String,

    /// Folder for temporary files; the system's without it
    #[arg(long, value_name = "DIR", help_heading = "Input")]
    pub(crate) temp: Option<PathBuf>,

    /// Write the whole receipt to this file, as JSON
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) receipt: Option<String>,

    /// Go on without the rows that cannot be read, and write them to this file (NDJSON) with their reasons
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) rejects: Option<String>,

    /// Go on while at most N rows, or P% of them, cannot be read
    #[arg(long, value_name = "N|P%", help_heading = "Output")]
    pub(crate) allow_rejects: Option<String>,
}

/// Shape of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnswerFormat {
    /// Aligned text with a total per currency
    Table,
    /// The canonical answer; its SHA-256 is the receipt's
    Csv,
    /// One document: question, groups, totals, receipt
    Json,
    /// One group per line
    Ndjson,
    /// Apache Parquet, exact decimals
    Parquet,
    /// Arrow IPC file, exact decimals
    Arrow,
    /// Response of the GetChargeSums action
    Api,
}

/// Who reads the CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum CsvKind {
    /// Every text as it is
    #[default]
    Raw,
    /// Texts that a spreadsheet would run get a ' in front; amounts never
    Spreadsheet,
}

/// `billfold explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    #[command(flatten)]
    pub(crate) lookups: LookupArgs,

    /// The cell: project_id=x,month=2024-03,currency=USD; \, is a comma in a value
    #[arg(long, value_name = "NAME=VALUE,…", help_heading = "Question")]
    pub(crate) cell: String,

    #[command(flatten)]
    pub(crate) question: QuestionArgs,

    /// Length of the periods of the answer: hourly, daily, weekly, monthly, quarterly, yearly or total
    #[arg(long, value_name = "WORD", default_value = "total", help_heading = "Question")]
    pub(crate) duration: String,

    #[command(flatten)]
    pub(crate) exchange: ExchangeArgs,

    /// Columns of the charges to show, comma-separated: resource_id,service_name
    #[arg(long, value_name = "NAMES", help_heading = "Output")]
    pub(crate) columns: Vec<String>,

    /// Charges to list, the first in the order of files and rows; all are added up
    #[arg(long, value_name = "N", default_value = "1000", help_heading = "Output")]
    pub(crate) limit: usize,

    /// Shape of the list
    #[arg(
        long,
        short,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Output"
    )]
    pub(crate) format: ListFormat,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// Go on while at most N rows, or P% of them, cannot be read
    #[arg(long, value_name = "N|P%", help_heading = "Output")]
    pub(crate) allow_rejects: Option<String>,
}

/// `billfold diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    #[command(flatten)]
    pub(crate) lookups: LookupArgs,

    #[command(flatten)]
    pub(crate) question: QuestionArgs,

    /// What of OLD counts: 2024-02, 2024-Q1, …
    #[arg(long, value_name = "PERIOD", help_heading = "Question")]
    pub(crate) old_period: Option<String>,

    /// What of NEW counts: 2024-03, 2024-Q2, …
    #[arg(long, value_name = "PERIOD", help_heading = "Question")]
    pub(crate) new_period: Option<String>,

    /// Shape of the report
    #[arg(
        long,
        short,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Output"
    )]
    pub(crate) format: ReconcileFormat,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// Go on while at most N rows, or P% of them, cannot be read
    #[arg(long, value_name = "N|P%", help_heading = "Output")]
    pub(crate) allow_rejects: Option<String>,
}

/// Shape of a list of charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// For people
    Text,
    /// One charge per line, with a header
    Csv,
    /// One object per charge
    Ndjson,
    /// One document, with the totals
    Json,
}

/// `billfold inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    /// Shape of the report
    #[arg(
        long,
        short,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Output"
    )]
    pub(crate) format: InspectFormat,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// Exit with 3 when rows cannot be read
    #[arg(long, help_heading = "Output")]
    pub(crate) strict: bool,
}

/// Shape of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InspectFormat {
    /// For people
    Text,
    /// One document
    Json,
}

/// `billfold convert`.
#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    /// Kind of file; without it the ending of --output decides
    #[arg(long, value_enum, value_name = "KIND", help_heading = "Output")]
    pub(crate) to: Option<ConvertTo>,

    /// Columns of the file
    #[arg(
        long,
        value_enum,
        value_name = "NAME",
        default_value = "charges",
        help_heading = "Output"
    )]
    pub(crate) schema: ConvertSchema,

    /// Write to this file, whole or not at all; .gz and .zst pack CSV and NDJSON
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: String,

    /// Replace files that exist
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,

    /// The currency of files that name none: billing_currency=text:USD
    #[arg(long, value_name = "NAME=SOURCE", help_heading = "Input")]
    pub(crate) set: Vec<String>,

    /// Write the account of the conversion to this file, as JSON
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) receipt: Option<String>,

    /// Go on without the rows that cannot be read, and write them to this file (NDJSON) with their reasons
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) rejects: Option<String>,

    /// Go on while at most N rows, or P% of them, cannot be read
    #[arg(long, value_name = "N|P%", help_heading = "Output")]
    pub(crate) allow_rejects: Option<String>,
}

/// Kind of a converted file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConvertTo {
    /// Apache Parquet, exact decimals, zstd
    Parquet,
    /// RFC 4180, LF
    Csv,
    /// One object per line, amounts as text
    Ndjson,
}

/// Columns of a converted file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConvertSchema {
    /// The charge schema, by its own names
    Charges,
    /// FOCUS 1.2; what FOCUS has no column for becomes an x_ column
    #[value(name = "focus-1.2")]
    Focus12,
}

/// `billfold check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    /// Shape of the report
    #[arg(
        long,
        short,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Output"
    )]
    pub(crate) format: InspectFormat,

    /// Rows of each finding that are listed
    #[arg(long, value_name = "N", default_value = "5", help_heading = "Output")]
    pub(crate) show: usize,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// `billfold reconcile`.
#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    /// What was invoiced: a CSV file of InvoiceId, BillingCurrency, Amount, or a FOCUS Invoice Detail
    #[arg(long, value_name = "FILE", help_heading = "Question")]
    pub(crate) invoices: String,

    /// Leave rows of category Tax out; an Invoice Detail does so in any case
    #[arg(long, help_heading = "Question")]
    pub(crate) without_tax: bool,

    /// The currency of files that name none: billing_currency=text:USD
    #[arg(long, value_name = "NAME=SOURCE", help_heading = "Input")]
    pub(crate) set: Vec<String>,

    /// Shape of the report
    #[arg(
        long,
        short,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Output"
    )]
    pub(crate) format: ReconcileFormat,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Shape of the report of `reconcile`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReconcileFormat {
    /// For people
    Text,
    /// One line per invoice
    Csv,
    /// One document
    Json,
}

/// `billfold gen`. What is left out is the generator's own choice.
#[derive(Debug, Args)]
pub(crate) struct GenArgs {
    /// Columns of the bill: focus-0.5, focus-1.0, focus-1.2, focus-1.4, aws-cur-legacy, aws-cur-2.0 or qingcloud-records
    #[arg(long, short, value_name = "NAME", default_value = "focus-1.0")]
    pub(crate) format: String,

    /// Rows of the bill
    #[arg(long, value_name = "N", default_value = "1000")]
    pub(crate) rows: u64,

    /// The same seed and options give the same bytes, always
    #[arg(long, value_name = "S", default_value = "1")]
    pub(crate) seed: u64,

    /// Kind of file: csv, ndjson, json or parquet; without it the ending of --output decides
    #[arg(long, value_name = "KIND", help_heading = "File")]
    pub(crate) carrier: Option<String>,

    /// none, gzip, gzip-multi, zstd, snappy or lz4_raw, with a level as in zstd:9; without it the ending decides
    #[arg(long, value_name = "NAME", help_heading = "File")]
    pub(crate) compression: Option<String>,

    /// How the file is written (repeatable): quoting=all, line-end=crlf, bom=yes, shuffle=7, time=space,
    /// numbers=exponent, nulls=NULL, row-group=1000, dictionary=no, types=double, wide=yes
    #[arg(long = "option", value_name = "NAME=VALUE", help_heading = "File")]
    pub(crate) options: Vec<String>,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// Whose words the bill uses: aws or qingcloud; without it the format decides
    #[arg(long, value_name = "NAME", help_heading = "Rows")]
    pub(crate) provider: Option<String>,

    /// First month in which charges begin, such as 2024-01
    #[arg(long, value_name = "MONTH", help_heading = "Rows")]
    pub(crate) first_month: Option<String>,

    /// Months in which charges begin
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1200), help_heading = "Rows")]
    pub(crate) months: Option<u32>,

    /// Accounts that pay
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000), help_heading = "Rows")]
    pub(crate) payers: Option<u32>,

    /// Accounts that use
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000), help_heading = "Rows")]
    pub(crate) sub_accounts: Option<u32>,

    /// Number of projects
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000), help_heading = "Rows")]
    pub(crate) projects: Option<u32>,

    /// A project by its id (repeatable), instead of --projects
    #[arg(long, value_name = "ID", conflicts_with = "projects", help_heading = "Rows")]
    pub(crate) project: Vec<String>,

    /// Resources; each takes about 500 bytes of memory
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=2_000_000), help_heading = "Rows")]
    pub(crate) resources: Option<u32>,

    /// A currency (repeatable); each account has one, in turn
    #[arg(long, value_name = "CODE", help_heading = "Rows")]
    pub(crate) currency: Vec<String>,

    /// Fewest and most decimals of a cost, such as 4..11; at most 28
    #[arg(long, value_name = "A..B", help_heading = "Rows")]
    pub(crate) scales: Option<String>,

    /// Most tags of a row
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=50), help_heading = "Rows")]
    pub(crate) max_tags: Option<u32>,

    /// Rows without an effective cost, in percent
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u32).range(0..=100), help_heading = "Rows")]
    pub(crate) null_effective: Option<u32>,

    /// Resources with hostile names and tag values, in percent
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u32).range(0..=100), help_heading = "Rows")]
    pub(crate) hostile: Option<u32>,

    /// Rows that correct an earlier month, per mille
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u32).range(0..=1000), help_heading = "Rows")]
    pub(crate) corrections: Option<u32>,

    /// Hourly rows at the edge of a month, a leap day or a clock change, per mille
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u32).range(0..=1000), help_heading = "Rows")]
    pub(crate) edges: Option<u32>,

    /// Hourly rows that last some seconds less, per mille
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u32).range(0..=1000), help_heading = "Rows")]
    pub(crate) partial_hours: Option<u32>,

    /// How often a kind of row occurs (repeatable): hourly, committed, daily, monthly, yearly, commitment,
    /// refund, credit, tax or zero, as a weight
    #[arg(long, value_name = "KIND=WEIGHT", help_heading = "Rows")]
    pub(crate) mix: Vec<String>,

    /// Order of the rows: shuffled or by-time
    #[arg(long, value_name = "ORDER", help_heading = "Rows")]
    pub(crate) order: Option<String>,
}

/// `billfold formats`.
#[derive(Debug, Args)]
pub(crate) struct FormatsArgs {
    /// The format to print as TOML
    pub(crate) name: Option<String>,
}

/// `billfold completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: ShellName,
}

/// A shell that completions are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShellName {
    /// GNU Bash
    Bash,
    /// Z shell
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    #[value(name = "powershell")]
    PowerShell,
}

/// `billfold man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The command to print the page of; billfold's own without it
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,

    /// Write billfold.1 and a page per command into this folder, which must be there
    #[arg(long, value_name = "DIR", conflicts_with = "command", help_heading = "Output")]
    pub(crate) dir: Option<PathBuf>,

    /// Replace files that exist
    #[arg(long, requires = "dir", help_heading = "Output")]
    pub(crate) force: bool,
}

/// How errors are to be written, found before clap judges the arguments, whose refusal is an error too.
pub(crate) fn errors_format(args: &[OsString]) -> ErrorsFormat {
    let json = args
        .iter()
        .take_while(|a| *a != "--")
        .any(|a| a == "--errors=json")
        || args
            .windows(2)
            .take_while(|pair| pair[0] != "--")
            .any(|pair| pair[0] == "--errors" && pair[1] == "json");
    if json {
        ErrorsFormat::Json
    } else {
        ErrorsFormat::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_shape_of_errors_is_known_before_the_arguments_are() {
        let find = |text: &str| {
            let args: Vec<OsString> = text.split(' ').map(OsString::from).collect();
            errors_format(&args)
        };
        assert_eq!(find("billfold sums --errors json --nonsense"), ErrorsFormat::Json);
        assert_eq!(find("billfold --errors=json"), ErrorsFormat::Json);
        assert_eq!(find("billfold sums -- --errors=json"), ErrorsFormat::Text);
        assert_eq!(find("billfold --errors text sums"), ErrorsFormat::Text);
    }
}
