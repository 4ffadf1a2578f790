//! The `billfold` command: arguments to questions, answers to text and files.
//!
//! ```text
//! args       flags as typed                    clap structs, nothing judged
//! request    flags as meant                    a ChargeQuery, RunOptions, targets
//! sums …     one command each                  asks core, writes the answer
//! output     one module per format             table, csv, json, ndjson, parquet, arrow, api
//! fault      errors, warnings, exit codes      what stderr says
//! ```
//!
//! Everything is said through [`Io`], so that tests run the command in-process. No sums happen here and
//! no file of a bill is opened here: that is `billfold_core::dataset`. The environment is looked at in
//! [`Io::process`], where it changes nothing but colours on a terminal, and by `temp` for the folder of
//! temporary files.

#![forbid(unsafe_code)]
#![doc = include_str!("../docs/reference.md")]

#[cfg(feature = "report")]
mod anomalies;
mod answers;
mod api;
mod args;
mod check;
mod check_budget;
mod config;
mod convert;
mod describe;
mod diff;
mod explain;
mod fault;
#[cfg(feature = "report")]
mod forecast;
mod generate;
mod inspect;
mod io;
#[cfg(feature = "report")]
mod library;
mod lists;
mod lookup;
#[cfg(feature = "report")]
mod measured;
pub mod output;
mod progress;
mod receipt;
mod reconcile;
mod rejects;
#[cfg(feature = "report")]
mod report;
mod request;
#[cfg(feature = "report")]
mod runs;
mod serve;
mod sink;
mod source;
#[cfg(feature = "report")]
mod sql;
mod sums;
#[cfg(feature = "report")]
mod tables;
mod tags;
mod temp;
mod values;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use billfold_core::{Error, Result};
use clap::Parser as _;
use clap::error::ErrorKind as ClapKind;

use args::{Cli, Command};
pub use fault::Exit;
use fault::Reporter;
pub use io::{Io, quiet_panics};

/// Runs the command and returns its exit code, an [`Exit`].
///
/// `args` begins with the program's name. Nothing leaves but through `io` and the files that the
/// arguments name; a panic is caught, told and becomes [`Exit::Bug`].
pub fn main_with(args: impl IntoIterator<Item = OsString>, io: &mut Io<'_>) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    let mut reporter = Reporter {
        errors: args::errors_format(&args),
        quiet: false,
    };
    let result = catch_unwind(AssertUnwindSafe(|| run(&args, io, &mut reporter)))
        .unwrap_or_else(|payload| Err(fault::panicked(payload.as_ref(), io::last_panic().as_deref())));
    let exit = result.unwrap_or_else(|error| {
        reporter.error(io, &error);
        Exit::of(error.kind().class())
    });
    // What stderr refuses cannot be told to anyone.
    let _ = io.stderr.flush();
    exit as u8
}

fn run(args: &[OsString], io: &mut Io<'_>, reporter: &mut Reporter) -> Result<Exit> {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(shown) if matches!(shown.kind(), ClapKind::DisplayHelp | ClapKind::DisplayVersion) => {
            let text = shown.render().to_string();
            return sink::to_stdout(io, |out| out.write_all(text.as_bytes())).map(|()| Exit::Done);
        }
        Err(refused) => return Err(fault::from_clap(&refused)),
    };
    reporter.quiet = cli.quiet;
    match &cli.command {
        Command::Sums(args) => sums::run(args, io, *reporter),
        Command::Api(args) => api::run(args, io, *reporter),
        Command::Diff(args) => diff::run(args, io, *reporter),
        Command::Explain(args) => explain::run(args, io, *reporter),
        #[cfg(feature = "report")]
        Command::Report(args) => report::run(args, io, *reporter),
        #[cfg(feature = "report")]
        Command::Sql(args) => sql::run(args, io, *reporter),
        #[cfg(feature = "report")]
        Command::Run(args) => runs::run(args, io, *reporter),
        #[cfg(feature = "report")]
        Command::Anomalies(args) => anomalies::run(args, io, *reporter),
        #[cfg(feature = "report")]
        Command::Forecast(args) => forecast::run(args, io, *reporter),
        Command::CheckBudget(args) => check_budget::run(args, io, *reporter),
        Command::Tags(args) => tags::run(args, io, *reporter),
        Command::Inspect(args) => inspect::run(args, io, *reporter),
        Command::Convert(args) => convert::run(args, io, *reporter),
        Command::Check(args) => check::run(args, io, *reporter),
        Command::Reconcile(args) => reconcile::run(args, io, *reporter),
        Command::Serve(args) => serve::run(args, io, *reporter),
        Command::Gen(args) => generate::run(args, io),
        Command::Formats(args) => lists::formats(args, io),
        Command::Dimensions => lists::dimensions(io),
        Command::Completions(args) => describe::completions(args, io),
        Command::Man(args) => describe::man(args, io),
    }
}

/// An error for what the arguments ask and billfold does not do.
fn usage(message: impl Into<String>) -> Error {
    Error::usage(message)
}
