//! What whoever runs `billfold api` or `billfold serve` decides for all calls, as typed.

use clap::Args;

/// How calls are answered.
#[derive(Debug, Args)]
pub(crate) struct AnswerArgs {
    /// IANA zone whose days and months the answer has
    #[arg(
        long,
        value_name = "ZONE",
        default_value = "Asia/Shanghai",
        help_heading = "Answers"
    )]
    pub(crate) timezone: String,

    /// First day of a week
    #[arg(long, value_name = "DAY", default_value = "monday", help_heading = "Answers")]
    pub(crate) week_start: String,

    /// First month of quarters and years
    #[arg(
        long,
        value_name = "MONTH",
        default_value = "january",
        help_heading = "Answers"
    )]
    pub(crate) fiscal_start: String,

    /// Which cost is summed: effective, billed, list, contracted, or a cost column of the files
    #[arg(
        long,
        value_name = "METRIC",
        default_value = "effective",
        help_heading = "Answers"
    )]
    pub(crate) metric: String,

    /// The one currency that counts; without it a bill in several is refused
    #[arg(long, value_name = "CODE", help_heading = "Answers")]
    pub(crate) currency: Option<String>,

    /// Read a column from elsewhere: project_id=tag:team, billing_currency=text:USD (repeatable)
    #[arg(long, value_name = "NAME=SOURCE", help_heading = "Answers")]
    pub(crate) set: Vec<String>,

    /// The present for estimates and counts of resources; the end of the data without it
    #[arg(long, value_name = "WHEN", help_heading = "Answers")]
    pub(crate) as_of: Option<String>,

    /// How long after its last charge a resource counts as active: hours or days, such as 36h or 7d
    #[arg(long, value_name = "TIME", default_value = "24h", help_heading = "Answers")]
    pub(crate) active_for: String,

    /// A project that exists, with its resource group (repeatable); without it any project id is one
    #[arg(long, value_name = "ID[=GROUP]", help_heading = "Answers")]
    pub(crate) project: Vec<String>,

    /// The tag whose value is tag_id; without it a tag_id is key=value
    #[arg(long, value_name = "KEY", help_heading = "Answers")]
    pub(crate) tag_key: Option<String>,

    /// Tencent: give RecordNum whether or not the request asks for it
    #[arg(long, help_heading = "Answers")]
    pub(crate) record_num: bool,

    /// plcloud: the day of end_at counts whole
    #[arg(long, help_heading = "Answers")]
    pub(crate) inclusive_end: bool,

    /// plcloud: amount is unit_price x cost_time as printed
    #[arg(long, help_heading = "Answers")]
    pub(crate) recompute_amount: bool,
}
