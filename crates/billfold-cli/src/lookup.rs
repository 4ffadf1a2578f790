//! `--lookup` and `--rates`: tables of the user's own, read once before the bills.

use std::sync::Arc;

use billfold_core::Result;
use billfold_core::error::Printable;
use billfold_core::exchange::Exchange;
use billfold_core::lookup::{LookupSpec, Lookups};
use billfold_core::money::Currency;
use billfold_core::time::Tz;

use crate::args::{ExchangeArgs, LookupArgs};
use crate::usage;

/// Reads the tables. `zone`: whose days their dates of validity are.
///
/// Errors: usage for what names no table; those of the tables.
pub(crate) fn load(args: &LookupArgs, zone: Tz, encoding: Option<&str>) -> Result<Lookups> {
    Lookups::load(&specs(args)?, zone, encoding)
}

/// Which tables there are.
///
/// Errors: usage for what names no table.
pub(crate) fn specs(args: &LookupArgs) -> Result<Vec<LookupSpec>> {
    args.lookup.iter().map(|text| text.parse()).collect()
}

/// The currency of the answer with the rates that lead to it, where one is asked for.
///
/// Errors: usage for what is no currency; those of the table.
pub(crate) fn exchange(args: &ExchangeArgs) -> Result<Option<Arc<Exchange>>> {
    let (Some(code), Some(rates)) = (&args.currency, &args.rates) else {
        return Ok(None);
    };
    let to = Currency::parse(code.as_bytes()).ok_or_else(|| {
        usage(format!("--currency `{}` is no currency", Printable(code)))
            .hint("write an ISO 4217 code such as USD")
    })?;
    Exchange::read(rates, to).map(|exchange| Some(Arc::new(exchange)))
}
