//! `billfold inspect`: what files are, for people and as JSON.

use billfold_core::Result;

use crate::args::InspectArgs;
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use crate::usage;

/// Runs the command.
pub(crate) fn run(args: &InspectArgs, io: &mut Io<'_>, reporter: Reporter) -> Result<Exit> {
    let _ = (args, io, reporter);
    Err(usage("in the making"))
}
