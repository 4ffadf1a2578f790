//! The arguments of `report`, `sql` and `run`.

use clap::{Args, ValueEnum};

use super::{CsvKind, ExchangeArgs, LookupArgs, OutputArgs, QuestionArgs, SourceArgs};

/// `billfold report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    #[command(flatten)]
    pub(crate) lookups: LookupArgs,

    #[command(flatten)]
    pub(crate) question: QuestionArgs,

    #[command(flatten)]
    pub(crate) exchange: ExchangeArgs,

    /// Length of the periods, one column each: hourly, daily, weekly, monthly, quarterly, yearly or total
    #[arg(
        long,
        value_name = "WORD",
        default_value = "monthly",
        help_heading = "Question"
    )]
    pub(crate) duration: String,

    /// Keep the N rows of the highest cost per currency and put the others together
    #[arg(long, value_name = "N", help_heading = "Question")]
    pub(crate) top: Option<usize>,

    /// Order of the rows: cost, key or charges, with - in front for highest first
    #[arg(
        long,
        value_name = "ORDER",
        default_value = "-cost",
        allow_hyphen_values = true,
        help_heading = "Question"
    )]
    pub(crate) sort: String,

    /// Columns for all periods of the window, also those before the first and after the last charge
    #[arg(long, help_heading = "Question")]
    pub(crate) fill: bool,

    /// A table of measures instead of periods side by side, a column each: billed_cost, charges, or NAME=FORMULA such
    /// as "savings=(contracted_cost-cost)/contracted_cost%" or "tagged=cost[tag:team!=]/cost%" (repeatable)
    #[arg(long, value_name = "NAME=FORMULA", conflicts_with_all = ["top", "fill", "show", "split"], help_heading = "Question")]
    pub(crate) measure: Vec<String>,

    /// Share the cost of some groups among others, such as 'project_id=shared-net => cost' (repeatable, in order;
    /// methods: even, cost, charges, measure NAME, fixed a=60,b=40; see the reference)
    #[arg(long, value_name = "RULE", help_heading = "Question")]
    pub(crate) split: Vec<String>,

    /// Decimals of a share; without it as many as the shared cost has, and at least 2
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=38), requires = "split", help_heading = "Question")]
    pub(crate) split_places: Option<u8>,

    #[command(flatten)]
    pub(crate) look: LookArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// Write the whole receipt to this file, as JSON
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) receipt: Option<String>,

    /// Go on while at most N rows, or P% of them, cannot be read
    #[arg(long, value_name = "N|P%", help_heading = "Output")]
    pub(crate) allow_rejects: Option<String>,
}

/// How a report looks.
#[derive(Debug, Args)]
pub(crate) struct LookArgs {
    /// Columns beside the costs, comma-separated: share, change, running, average, charges or none
    #[arg(
        long,
        value_name = "LIST",
        default_value = "share,change",
        value_delimiter = ',',
        help_heading = "Output"
    )]
    pub(crate) show: Vec<ShowWord>,

    /// Heading of the report; made from the question without it
    #[arg(long, value_name = "TEXT", help_heading = "Output")]
    pub(crate) title: Option<String>,

    /// Shape of the report; without it the ending of --output decides, or a table is printed
    #[arg(long, short, value_enum, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: Option<ReportFormat>,

    /// Decimals, rounded so that rows, columns and totals add up as printed; 2 for tables, pages and workbooks,
    /// in full for data
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=38), conflicts_with = "exact", help_heading = "Output")]
    pub(crate) places: Option<u8>,

    /// Every number in full
    #[arg(long, help_heading = "Output")]
    pub(crate) exact: bool,

    /// CSV and TSV for machines (raw) or for spreadsheet programs, which take a text like =1+1 as a formula
    #[arg(long, value_enum, value_name = "KIND", help_heading = "Output")]
    pub(crate) csv: Option<CsvKind>,
}

/// A column beside the costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowWord {
    /// Share of the total, in percent; they come to 100
    Share,
    /// Change from the last but one to the last period, absolute and in percent
    Change,
    /// Costs up to and with each period
    Running,
    /// Total per day of the periods
    Average,
    /// Number of charges
    Charges,
    /// Nothing but costs
    None,
}

/// Shape of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// Aligned text with trends and bars
    Table,
    /// One line per row, a column per period
    Csv,
    /// As CSV, with tabs
    Tsv,
    /// Markdown tables
    Markdown,
    /// One document: question, periods, rows, totals, receipt
    Json,
    /// The cells as Apache Parquet, exact decimals
    Parquet,
    /// The cells as an Arrow IPC file, exact decimals
    Arrow,
    /// A workbook: a sheet per currency, a chart, the receipt
    Xlsx,
    /// One page with charts and tables that needs no network
    Html,
}

/// `billfold sql`.
#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    /// The statement; the charges are the table `charges`
    #[arg(value_name = "SELECT")]
    pub(crate) statement: String,

    #[command(flatten)]
    pub(crate) source: SourceArgs,

    #[command(flatten)]
    pub(crate) lookups: LookupArgs,

    #[command(flatten)]
    pub(crate) exchange: ExchangeArgs,

    /// The currency of files that name none: billing_currency=text:USD
    #[arg(long, value_name = "NAME=SOURCE", help_heading = "Input")]
    pub(crate) set: Vec<String>,

    /// Shape of the result; without it the ending of --output decides, or a table is printed
    #[arg(long, short, value_enum, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: Option<ReportFormat>,

    /// Decimals of money, each number rounded by itself
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=38), help_heading = "Output")]
    pub(crate) places: Option<u8>,

    /// CSV and TSV for machines (raw) or for spreadsheet programs, which take a text like =1+1 as a formula
    #[arg(long, value_enum, value_name = "KIND", help_heading = "Output")]
    pub(crate) csv: Option<CsvKind>,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// Go on while at most N rows, or P% of them, cannot be read
    #[arg(long, value_name = "N|P%", help_heading = "Output")]
    pub(crate) allow_rejects: Option<String>,
}

/// `billfold run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Reports to make, by name; all without. With --library the bills: files, folders or globs
    #[arg(value_name = "REPORT|PATH")]
    pub(crate) names: Vec<String>,

    /// The file that names the reports
    #[arg(
        long,
        value_name = "FILE.toml",
        default_value = "billfold.toml",
        help_heading = "Input"
    )]
    pub(crate) config: String,

    /// Reports that come with billfold instead of a file: focus, the questions of the FOCUS use-case library
    #[arg(long, value_name = "NAME", conflicts_with = "config", help_heading = "Input")]
    pub(crate) library: Option<String>,

    /// Of a library, only these reports (repeatable)
    #[arg(long, value_name = "REPORT", requires = "library", help_heading = "Input")]
    pub(crate) only: Vec<String>,

    /// What ${NAME} stands for in the reports, such as tag=team (repeatable)
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Input")]
    pub(crate) param: Vec<String>,

    /// Workers; one per core without it. The answers do not depend on it
    #[arg(long, value_name = "N", help_heading = "Input")]
    pub(crate) threads: Option<String>,

    /// Of a library, only charges of these periods: 2024, 2024-Q1, 2024-03
    #[arg(long, value_name = "PERIOD", requires = "library", help_heading = "Question")]
    pub(crate) period: Option<String>,

    /// Of a library, the zone whose days are the days of the answers
    #[arg(long, value_name = "ZONE", requires = "library", help_heading = "Question")]
    pub(crate) timezone: Option<String>,

    /// Of a library, only charges that pass this as well (repeatable)
    #[arg(long, value_name = "FILTER", requires = "library", help_heading = "Question")]
    pub(crate) filter: Vec<String>,

    /// Of a library, the shape of its reports; tables without it
    #[arg(
        long,
        short,
        value_enum,
        value_name = "FORMAT",
        requires = "library",
        help_heading = "Output"
    )]
    pub(crate) format: Option<ReportFormat>,

    /// Of a library, a folder for a file per report, by its name; standard output without it
    #[arg(long, value_name = "DIR", requires = "library", help_heading = "Output")]
    pub(crate) into: Option<String>,

    /// Replace files that exist
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,

    /// Say which reports there are and make none
    #[arg(long, help_heading = "Output")]
    pub(crate) list: bool,
}
