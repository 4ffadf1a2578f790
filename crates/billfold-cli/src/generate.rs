//! `billfold gen`: a seeded bill.

use billfold_core::Result;

use crate::args::GenArgs;
use crate::fault::Exit;
use crate::io::Io;
use crate::usage;

/// Runs the command.
pub(crate) fn run(args: &GenArgs, io: &mut Io<'_>) -> Result<Exit> {
    let _ = (&args.format, io);
    Err(usage("in the making"))
}
