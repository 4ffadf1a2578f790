//! The arguments of `billfold serve`, as typed.

use std::path::PathBuf;

use clap::Args;

use super::{AnswerArgs, LookupArgs, SourceArgs};

/// `billfold serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    #[command(flatten)]
    pub(crate) lookups: LookupArgs,

    /// Read the files anew for every question, instead of keeping their charges in memory
    #[arg(long, help_heading = "Input")]
    pub(crate) scan: bool,

    /// Go on while at most N rows, or P% of them, cannot be read
    #[arg(long, value_name = "N|P%", help_heading = "Input")]
    pub(crate) allow_rejects: Option<String>,

    /// Look every N seconds whether the files changed, and read them again; 0 for never (a HUP signal reads them at once)
    #[arg(long, value_name = "SECONDS", default_value = "10", help_heading = "Input")]
    pub(crate) poll: u32,

    /// Address and port to listen on; port 0 takes a free one
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8080",
        help_heading = "Network"
    )]
    pub(crate) listen: String,

    /// A name under which clients know this server, beside its addresses (repeatable)
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    pub(crate) host: Vec<String>,

    /// Connections at once
    #[arg(long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = "Network")]
    pub(crate) connections: u32,

    /// Questions worked on at once
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u32).range(1..=256), help_heading = "Network")]
    pub(crate) workers: u32,

    /// Questions that may wait for a worker
    #[arg(long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u32).range(0..=100_000), help_heading = "Network")]
    pub(crate) queue: u32,

    /// Seconds that an answer may take, waiting included
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u32).range(1..=3600), help_heading = "Network")]
    pub(crate) deadline: u32,

    /// Calls a second of one Tencent action by one key; 0 for any number
    #[arg(long, value_name = "N", default_value = "20", help_heading = "Network")]
    pub(crate) rate: u32,

    /// Access keys, as TOML; requests must be signed with one of them. Only its owner may read the file
    #[arg(long, value_name = "FILE", help_heading = "Keys")]
    pub(crate) keys: Option<PathBuf>,

    /// Seconds that the time of a signature may be off; 0 takes any time
    #[arg(long, value_name = "SECONDS", default_value = "300", help_heading = "Keys")]
    pub(crate) window: u32,

    /// Take a signature once only
    #[arg(long, help_heading = "Keys")]
    pub(crate) strict_replay: bool,

    #[command(flatten)]
    pub(crate) answers: AnswerArgs,
}
