//! `--lookup`, `--alias` and `--rates`: what the user knows beside the bills, read once before them.

use std::sync::Arc;

use billfold_core::Result;
use billfold_core::alias::TagAliases;
use billfold_core::error::Printable;
use billfold_core::exchange::Exchange;
use billfold_core::lookup::{LookupSpec, Lookups};
use billfold_core::money::Currency;
use billfold_core::time::Tz;

use crate::args::{ExchangeArgs, LookupArgs};
use crate::config::Config;
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

/// The tag keys that are read as others: those of `--alias`, then those of the file of `--aliases` or of `more`.
///
/// Errors: usage for what is no alias, and for a key that leads to two; those of the file.
pub(crate) fn aliases(args: &LookupArgs, more: &[(String, String)]) -> Result<TagAliases> {
    let mut pairs = Vec::new();
    for text in &args.alias {
        // A key may hold an equals sign; the new one is the user's to choose.
        let (old, new) = text.rsplit_once('=').ok_or_else(|| {
            usage(format!("--alias `{}` is not OLD=NEW", Printable(text))).hint("write --alias Team=team")
        })?;
        pairs.push((old.to_owned(), new.to_owned()));
    }
    if let Some(file) = &args.aliases {
        pairs.extend(Config::read(file)?.aliases()?);
    }
    pairs.extend(more.iter().cloned());
    TagAliases::new(pairs)
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
