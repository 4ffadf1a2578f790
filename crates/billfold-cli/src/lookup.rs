//! `--lookup`: tables of the user's own, read once before the bills.

use billfold_core::Result;
use billfold_core::lookup::{LookupSpec, Lookups};
use billfold_core::time::Tz;

use crate::args::LookupArgs;

/// Reads the tables. `zone`: whose days their dates of validity are.
///
/// Errors: usage for what names no table; those of the tables.
pub(crate) fn load(args: &LookupArgs, zone: Tz, encoding: Option<&str>) -> Result<Lookups> {
    let specs: Vec<LookupSpec> = args
        .lookup
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_>>()?;
    Lookups::load(&specs, zone, encoding)
}
