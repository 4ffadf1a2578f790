//! The receipt: an answer's account of itself.
//!
//! Rows: `read = used + filtered + outside window + rejected`. Cost, per currency: the same, as far as
//! the cost of a rejected row could be read. The two sides are added up by different code: the reader
//! adds what it decoded, the engine what it grouped, filtered and left out. A receipt that does not
//! balance is an error, never an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::money::{Amount, Currency, ExactSum, Totals};

/// An answer's account of itself.
#[derive(Debug, Clone, Default)]
pub struct Receipt {
    /// Version of the engine that answered.
    pub engine_version: &'static str,
    /// Version of the time zone database.
    pub tzdb_version: &'static str,
    /// One account per file, in the order of the inputs.
    pub sources: Vec<SourceReceipt>,
    /// Rows over all files.
    pub rows: RowAccount,
    /// Cost over all files, per currency.
    pub cost: CostAccount,
    /// What was bridged, and how many rows it touched: `effective_cost from billed_cost`, `cost empty`, ….
    pub notes: BTreeMap<&'static str, u64>,
    /// Files that were found and not read, and why: superseded deliveries, what no manifest lists.
    pub left_out: Vec<UnreadSource>,
    /// One account per lookup table that the question needed, in the order given.
    pub lookups: Vec<LookupReceipt>,
    /// One account per tag alias, where the question reads tags.
    pub aliases: Vec<AliasReceipt>,
    /// What was converted to the currency of the answer, where one was asked for.
    pub conversion: Option<ConversionReceipt>,
    /// One account per split of shared cost, in the order of the rules.
    pub splits: Vec<SplitReceipt>,
    /// SHA-256 of the canonical answer, in hex. Empty when there is no answer.
    pub answer_sha256: String,
}

/// What became of the charges under one tag alias: all that were read, before filters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AliasReceipt {
    /// The key that the tags have in the answer.
    pub key: String,
    /// The keys that are read as it, in the order in which they are asked.
    pub from: Vec<String>,
    /// Charges with a tag under one of the other keys.
    pub renamed: u64,
    /// Of these, charges whose keys hold different values; the first stated counts.
    pub conflicts: u64,
}

/// What a split of shared cost moved. What left the shared groups is what came to the others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SplitReceipt {
    /// The rule as it was written.
    pub rule: String,
    /// Cost that was moved, per currency, over all periods.
    pub moved: Totals,
    /// Groups that it left.
    pub from: u64,
    /// Groups that it came to.
    pub to: u64,
    /// Periods and currencies in which something was moved.
    pub times: u64,
    /// Of these, those in which it was shared evenly, because no target had a weight.
    pub evenly: u64,
}

/// What was read of one file.
#[derive(Debug, Clone)]
pub struct SourceReceipt {
    /// The file as it was named to us.
    pub source: Arc<str>,
    /// The format that was recognised.
    pub format: String,
    /// Rows read, the rejected ones with them.
    pub rows_read: u64,
    /// Rows refused.
    pub rows_rejected: u64,
    /// Rows left unread because the file's statistics put them outside the window. Not in `rows_read`.
    pub rows_skipped: u64,
    /// Blank lines, which are no rows.
    pub blank_lines: u64,
    /// Cost read, the readable part of the rejected rows with it.
    pub cost_read: Totals,
}

/// Charges that count, converted to the currency of the answer. In [`CostAccount`] they are read in their own
/// currency and used in that of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversionReceipt {
    /// The file of the rates, as it was named.
    pub source: Arc<str>,
    /// The currency of the answer.
    pub to: Currency,
    /// The rates that were used, by month and currency.
    pub rates: Vec<RateReceipt>,
    /// Charges whose product has more than 38 digits or decimals and was rounded to them.
    pub rounded: u64,
}

/// One rate, and what it was used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateReceipt {
    /// The month, `2024-03`.
    pub month: String,
    /// The charges' own currency.
    pub from: Currency,
    /// One unit of it in the currency of the answer.
    pub rate: Amount,
    /// Charges.
    pub charges: u64,
    /// Their cost in their own currency.
    pub cost: ExactSum,
    /// Their cost in the currency of the answer.
    pub converted: ExactSum,
}

/// What a lookup table came to. It adds texts to charges and touches no cost.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LookupReceipt {
    /// The table as it was named to us.
    pub source: Arc<str>,
    /// The dimension that it is keyed by.
    pub key: String,
    /// Rows of the table.
    pub rows: u64,
    /// Distinct keys of the table.
    pub keys: u64,
    /// Charges whose key stands in the table, at their time, with one meaning.
    pub matched: u64,
    /// Charges for which rows of the table contradict each other.
    pub ambiguous: u64,
    /// Charges whose key stands in the table, but for another time.
    pub out_of_dates: u64,
    /// Charges whose key does not stand in the table.
    pub unmatched: u64,
    /// Charges without a key.
    pub without_key: u64,
    /// The keys of the unmatched charges.
    pub unmatched_keys: KeySet,
    /// The keys of the ambiguous charges.
    pub ambiguous_keys: KeySet,
    /// Per column that the question needed, the charges that took their value from the table.
    pub filled: Vec<(String, u64)>,
}

impl LookupReceipt {
    /// Charges that were looked up, one way or the other.
    pub fn n_charges(&self) -> u64 {
        self.matched + self.ambiguous + self.out_of_dates + self.unmatched + self.without_key
    }
}

/// Distinct keys, the least of them in byte order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeySet {
    /// At most [`KeySet::MAX`].
    pub keys: BTreeSet<Box<str>>,
    /// Whether there are more.
    pub more: bool,
}

impl KeySet {
    /// Keys that are kept, so that a table that does not fit takes no memory of its own.
    pub const MAX: usize = 1 << 16;

    /// Adds a key.
    pub fn insert(&mut self, key: &str) {
        if self.keys.insert(key.into()) && self.keys.len() > Self::MAX {
            self.keys.pop_last();
            self.more = true;
        }
    }

    /// Adds another's keys.
    pub fn merge(&mut self, other: &KeySet) {
        self.more |= other.more;
        for key in &other.keys {
            self.insert(key);
        }
    }
}

/// A file that was found and not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadSource {
    /// The file as it would be named.
    pub source: Arc<str>,
    /// Why it is not read.
    pub why: String,
}

/// Rows: `read = used + filtered + outside_window + rejected`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowAccount {
    /// Rows read.
    pub read: u64,
    /// Rows that count in the answer.
    pub used: u64,
    /// Rows that a filter took out.
    pub filtered: u64,
    /// Rows outside the window.
    pub outside_window: u64,
    /// Rows refused.
    pub rejected: u64,
    /// Rows never read, because statistics put them outside the window.
    pub skipped: u64,
}

/// Cost per currency: `read = used + filtered + outside_window + rejected`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CostAccount {
    /// Cost read.
    pub read: Totals,
    /// Cost in the answer, each charge once.
    pub used: Totals,
    /// Cost that a filter took out.
    pub filtered: Totals,
    /// Cost outside the window; with proration also the outside part of charges used.
    pub outside_window: Totals,
    /// Cost of rejected rows, where it could be read.
    pub rejected: Totals,
    /// Sum over the groups before `top` and paging. Equals `used` unless rows count in several groups (`tag_id`).
    pub groups: Totals,
}

impl Receipt {
    /// Refuses an account that does not balance.
    ///
    /// Errors: a bug of ours, naming the side that is off.
    pub fn check(&self, groups_overlap: bool) -> Result<()> {
        let r = &self.rows;
        if r.read != r.used + r.filtered + r.outside_window + r.rejected {
            return Err(Error::bug(format!("the receipt's rows do not balance: {r:?}")));
        }
        if let Some(lookup) = self.lookups.iter().find(|l| l.n_charges() != r.read - r.rejected) {
            return Err(Error::bug(format!(
                "the lookups of {} do not balance: {} of {} charges",
                lookup.source,
                lookup.n_charges(),
                r.read - r.rejected
            )));
        }
        let c = &self.cost;
        let mut sides = Totals::default();
        for part in [&c.used, &c.filtered, &c.outside_window, &c.rejected] {
            sides
                .add_totals(part)
                .map_err(|_| Error::bug("the receipt's totals leave 256 bits"))?;
        }
        // A conversion moves cost from one currency to another.
        let mut read = c.read.clone();
        if let Some(conversion) = &self.conversion {
            for rate in &conversion.rates {
                read.add(conversion.to, &rate.converted)
                    .and_then(|()| sides.add(rate.from, &rate.cost))
                    .map_err(|_| Error::bug("the receipt's totals leave 256 bits"))?;
            }
        }
        let differs = |a: &Totals, b: &Totals| {
            let zero = ExactSum::ZERO;
            let one_way = |a: &Totals, b: &Totals| a.iter().any(|(c, sum)| b.get(c).unwrap_or(&zero) != sum);
            one_way(a, b) || one_way(b, a)
        };
        if differs(&read, &sides) {
            return Err(Error::bug(format!(
                "the receipt's cost does not balance: read {read:?}, accounted {sides:?}"
            )));
        }
        if !groups_overlap && differs(&c.used, &c.groups) {
            return Err(Error::bug(format!(
                "the groups add up to {:?}, the rows to {:?}",
                c.groups, c.used
            )));
        }
        Ok(())
    }
}
