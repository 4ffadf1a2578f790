//! The arguments of `anomalies` and `forecast`.

use clap::{Args, ValueEnum};

use super::report::ReportFormat;
use super::{CsvKind, ExchangeArgs, LookupArgs, OutputArgs, QuestionArgs, SourceArgs};

/// `billfold anomalies`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(crate) struct AnomaliesArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    #[command(flatten)]
    pub(crate) lookups: LookupArgs,

    #[command(flatten)]
    pub(crate) question: QuestionArgs,

    #[command(flatten)]
    pub(crate) exchange: ExchangeArgs,

    /// Length of the periods: hourly, daily, weekly, monthly, quarterly or yearly
    #[arg(long, value_name = "WORD", default_value = "daily", help_heading = "Question")]
    pub(crate) duration: String,

    /// Judge the N groups of the highest cost per currency, and the others together
    #[arg(long, value_name = "N", help_heading = "Question")]
    pub(crate) top: Option<usize>,

    /// What a period is compared with
    #[arg(
        long,
        value_enum,
        value_name = "WORD",
        default_value = "trailing",
        help_heading = "Judgement"
    )]
    pub(crate) baseline: BaselineWord,

    /// Costs to compare with: periods (28 without it), or weeks with --baseline weekday (8)
    #[arg(long, value_name = "N", help_heading = "Judgement")]
    pub(crate) window: Option<usize>,

    /// Costs that a judgement needs; 7 without it, or 4 with --baseline weekday
    #[arg(long, value_name = "N", help_heading = "Judgement")]
    pub(crate) min_history: Option<usize>,

    /// How many spreads (1.4826 × median absolute deviation) a cost must be away from the median
    #[arg(long, value_name = "X", default_value = "3.5", help_heading = "Judgement")]
    pub(crate) factor: String,

    /// How much money it must be away, in the currency of each group
    #[arg(long, value_name = "AMOUNT", default_value = "1", help_heading = "Judgement")]
    pub(crate) min_amount: String,

    /// How many percent of the median it must be away
    #[arg(long, value_name = "P", default_value = "25", help_heading = "Judgement")]
    pub(crate) min_percent: String,

    /// The last period is complete: it can be low, and groups can be gone in it
    #[arg(long, help_heading = "Judgement")]
    pub(crate) closed: bool,

    /// Exit with code 1 where something is found
    #[arg(long, help_heading = "Output")]
    pub(crate) fail: bool,

    #[command(flatten)]
    pub(crate) shape: ShapeArgs,
}

/// Which periods a period is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BaselineWord {
    /// Those before it
    Trailing,
    /// The same weekday of the weeks before it
    Weekday,
}

/// `billfold forecast`.
#[derive(Debug, Args)]
pub(crate) struct ForecastArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    #[command(flatten)]
    pub(crate) lookups: LookupArgs,

    #[command(flatten)]
    pub(crate) question: QuestionArgs,

    #[command(flatten)]
    pub(crate) exchange: ExchangeArgs,

    /// Forecast the N groups of the highest cost per currency, and the others together
    #[arg(long, value_name = "N", help_heading = "Question")]
    pub(crate) top: Option<usize>,

    /// Months to forecast, the present one included
    #[arg(long, value_name = "N", default_value = "1", help_heading = "Forecast")]
    pub(crate) months: usize,

    /// How a day follows from the same weekday of the weeks before
    #[arg(
        long,
        value_enum,
        value_name = "WORD",
        default_value = "best",
        help_heading = "Forecast"
    )]
    pub(crate) method: MethodWord,

    /// Weeks to look back
    #[arg(long, value_name = "N", default_value = "4", help_heading = "Forecast")]
    pub(crate) weeks: usize,

    /// The first day that is not complete; the last day with a charge without it
    #[arg(
        long,
        value_name = "DATE",
        conflicts_with = "closed",
        help_heading = "Forecast"
    )]
    pub(crate) as_of: Option<String>,

    /// The last day with a charge is complete
    #[arg(long, help_heading = "Forecast")]
    pub(crate) closed: bool,

    #[command(flatten)]
    pub(crate) shape: ShapeArgs,
}

/// How a day to come follows from days that were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MethodWord {
    /// Their median, which single purchases do not move
    Median,
    /// Their mean, a run rate by weekday
    Mean,
    /// Per currency the one of both that was less wrong in the months before
    Best,
}

/// How a table of findings is written.
#[derive(Debug, Args)]
pub(crate) struct ShapeArgs {
    /// Shape of the table; without it the ending of --output decides, or a table is printed
    #[arg(long, short, value_enum, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: Option<ReportFormat>,

    /// Decimals of money, each number rounded by itself; 2 for tables, pages and workbooks, in full for data
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=38), conflicts_with = "exact", help_heading = "Output")]
    pub(crate) places: Option<u8>,

    /// Every amount in full
    #[arg(long, help_heading = "Output")]
    pub(crate) exact: bool,

    /// CSV and TSV for machines (raw) or for spreadsheet programs, which take a text like =1+1 as a formula
    #[arg(long, value_enum, value_name = "KIND", help_heading = "Output")]
    pub(crate) csv: Option<CsvKind>,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// Write the whole receipt to this file, as JSON
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) receipt: Option<String>,

    /// Go on while at most N rows, or P% of them, cannot be read
    #[arg(long, value_name = "N|P%", help_heading = "Output")]
    pub(crate) allow_rejects: Option<String>,
}
