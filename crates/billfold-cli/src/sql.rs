//! `billfold sql`.
use crate::args::report::SqlArgs;
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use billfold_core::Result;
pub(crate) fn run(_args: &SqlArgs, _io: &mut Io<'_>, _reporter: Reporter) -> Result<Exit> {
    Err(crate::usage("not yet"))
}
