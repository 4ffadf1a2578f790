//! The command line of `billfold api`.

use clap::{Args, ValueEnum};

use super::{AnswerArgs, LookupArgs, OutputArgs, SourceArgs};

pub(crate) const API_USAGE: &str =
    "billfold api [OPTIONS] REQUEST PATH...\n       billfold api [OPTIONS] --batch PATH... < REQUESTS";

/// The end of the help of `api`.
pub(crate) const API_HELP: &str = "\
REQUEST is a query string, a form, a URL, a body of JSON, @FILE with one of them, or - for standard input.
The response is printed as it goes over the wire, one line each.

Examples:
  billfold api 'action=GetChargeSums&duration=monthly&group_by.1=project_id' bill.csv
  billfold api 'https://api.shanhe.com/iaas/?action=GetChargeSums&duration=total&zone=gd2' bills/
  billfold api --header X-TC-Action=DescribeCostSummaryByResource \\
      '{\"BeginTime\":\"2018-11\",\"EndTime\":\"2018-11\",\"Limit\":1,\"Offset\":0}' bill.json
  billfold api 'action=GetConsumptionsByQuery&type=instance&start_at=2014-12-01&end_at=2014-12-02' bill.json
  billfold api --batch bill.parquet < requests.ndjson

An error of the action is a response too: it is printed, and the exit code is 2 for what the request
asks, 3 for rows that cannot be read, 4 for files, 5 for unlike currencies, 6 for the machine, 7 for
limits, 10 for numbers out of range; with --batch that of the first error.
0 is an answer; 70 is a bug in billfold.";

/// `billfold api`.
#[derive(Debug, Args)]
pub(crate) struct ApiArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    #[command(flatten)]
    pub(crate) lookups: LookupArgs,

    /// Read requests from standard input, one a line, and answer all of them from one scan, in their order
    #[arg(long, help_heading = "Question")]
    pub(crate) batch: bool,

    /// A header of the request, such as X-TC-Action=DescribeCostSummaryByResource (repeatable)
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Question")]
    pub(crate) header: Vec<String>,

    /// Whose wire it is, where path, headers and action do not say so
    #[arg(long, value_enum, value_name = "NAME", help_heading = "Question")]
    pub(crate) dialect: Option<WireDialect>,

    #[command(flatten)]
    pub(crate) answers: AnswerArgs,

    /// Go on while at most N rows, or P% of them, cannot be read
    #[arg(long, value_name = "N|P%", help_heading = "Input")]
    pub(crate) allow_rejects: Option<String>,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Whose wire a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WireDialect {
    /// QingCloud, ShanHe and their brands
    Qingcloud,
    /// Tencent Cloud billing 2018-07-09
    Tencent,
    /// plcloud
    Plcloud,
}
