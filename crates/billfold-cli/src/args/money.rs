//! The arguments of `check-budget` and `tags`.

use clap::{Args, ValueEnum};

use super::{CsvKind, ExchangeArgs, LookupArgs, OutputArgs, QuestionArgs, SourceArgs, WindowArgs};

/// `billfold check-budget`.
#[derive(Debug, Args)]
pub(crate) struct CheckBudgetArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    #[command(flatten)]
    pub(crate) lookups: LookupArgs,

    /// What a group may cost in a period: 1000 for every group, prj-1=500 for one, with ` USD` and ` @2024-03` behind
    /// it where wanted (repeatable; the closest counts)
    #[arg(long, value_name = "LIMIT", help_heading = "Budget")]
    pub(crate) limit: Vec<String>,

    /// Warn past so many percent of a limit, such as 80 (repeatable)
    #[arg(long, value_name = "PERCENT", help_heading = "Budget")]
    pub(crate) warn: Vec<String>,

    /// Percent of a limit past which it is exceeded
    #[arg(long, value_name = "PERCENT", default_value = "100", help_heading = "Budget")]
    pub(crate) fail: String,

    /// Let limits without charges, and charges without a limit, end with exit code 1 as well
    #[arg(long, help_heading = "Budget")]
    pub(crate) strict: bool,

    /// Check the budgets of this file, its tables [budget.NAME], instead of those of the command line
    #[arg(
        long,
        value_name = "FILE.toml",
        help_heading = "Budget",
        conflicts_with_all = [
            "paths", "limit", "warn", "fail", "by", "duration", "timezone", "week_start", "fiscal_start", "start",
            "end", "period", "clock", "metric", "allocate", "filter", "set", "currency", "rates", "lookup", "alias",
            "aliases", "allow_rejects",
        ]
    )]
    pub(crate) config: Option<String>,

    /// A budget of --config to check; all without (repeatable)
    #[arg(long, value_name = "NAME", requires = "config", help_heading = "Budget")]
    pub(crate) budget: Vec<String>,

    #[command(flatten)]
    pub(crate) question: QuestionArgs,

    #[command(flatten)]
    pub(crate) exchange: ExchangeArgs,

    /// Length of the periods: hourly, daily, weekly, monthly, quarterly, yearly or total
    #[arg(
        long,
        value_name = "WORD",
        default_value = "monthly",
        help_heading = "Question"
    )]
    pub(crate) duration: String,

    /// Shape of the report
    #[arg(
        long,
        short,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Output"
    )]
    pub(crate) format: BudgetFormat,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// Go on while at most N rows, or P% of them, cannot be read
    #[arg(long, value_name = "N|P%", help_heading = "Output")]
    pub(crate) allow_rejects: Option<String>,
}

/// Shape of a report on budgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BudgetFormat {
    /// For people
    Text,
    /// One document: per budget its question, findings and receipt
    Json,
    /// `JUnit` XML: a suite per budget, a case per group, period and currency
    Junit,
}

/// `billfold tags`.
#[derive(Debug, Args)]
pub(crate) struct TagsArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    #[command(flatten)]
    pub(crate) lookups: LookupArgs,

    /// A tag key to look at, with the dearest resources that lack it (repeatable); coverage of all keys without
    #[arg(long, value_name = "KEY", help_heading = "Question")]
    pub(crate) key: Vec<String>,

    /// Resources to name per key of --key and per currency
    #[arg(long, value_name = "N", default_value = "10", help_heading = "Question")]
    pub(crate) top: usize,

    /// IANA zone whose days bound the window
    #[arg(long, value_name = "ZONE", default_value = "UTC", help_heading = "Question")]
    pub(crate) timezone: String,

    #[command(flatten)]
    pub(crate) window: WindowArgs,

    /// Which rows count, such as charge_category!=Tax (repeatable; see the reference)
    #[arg(long, value_name = "FILTER", help_heading = "Question")]
    pub(crate) filter: Vec<String>,

    /// Read a dimension of --filter from elsewhere, or name the currency of files that name none:
    /// billing_currency=text:USD (repeatable)
    #[arg(long, value_name = "NAME=SOURCE", help_heading = "Question")]
    pub(crate) set: Vec<String>,

    /// Shape of the report; without it the ending of --output decides, or a table is printed
    #[arg(long, short, value_enum, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: Option<TagsFormat>,

    /// CSV for machines (raw) or for spreadsheet programs, which take a text like =1+1 as a formula
    #[arg(long, value_enum, value_name = "KIND", help_heading = "Output")]
    pub(crate) csv: Option<CsvKind>,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// Go on while at most N rows, or P% of them, cannot be read
    #[arg(long, value_name = "N|P%", help_heading = "Output")]
    pub(crate) allow_rejects: Option<String>,
}

/// Shape of a report on tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TagsFormat {
    /// Aligned text
    Table,
    /// A line per part of the report; the first column says which
    Csv,
    /// One document
    Json,
    /// Markdown tables
    Markdown,
}
