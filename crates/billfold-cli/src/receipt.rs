//! The receipt in brief for people, and whole as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use billfold_core::engine::{
    AliasReceipt, ConversionReceipt, CostAccount, KeySet, LookupReceipt, Receipt, RowAccount, SourceReceipt,
    SplitReceipt,
};
use billfold_core::error::Printable;
use billfold_core::money::{Currency, ExactSum, Totals};
use serde::{Serialize, Serializer};

/// Hex digits of the answer's SHA-256 that the brief form shows.
const SHA_PREFIX: usize = 12;
/// Keys of a lookup that the whole receipt shows.
const SHOWN_KEYS: usize = 20;

/// One or two lines: where the rows went, and what the answer is.
pub(crate) fn brief(receipt: &Receipt) -> Vec<String> {
    let RowAccount {
        read,
        used,
        filtered,
        outside_window,
        rejected,
        skipped,
    } = receipt.rows;
    let files = receipt.sources.len();
    let mut rows = format!(
        "{read} rows read from {files} file{} = {used} used + {filtered} filtered out + {outside_window} outside the window + {rejected} rejected",
        if files == 1 { "" } else { "s" }
    );
    if skipped > 0 {
        // Writing to a String cannot fail.
        let _ = write!(rows, "; {skipped} more skipped unread, outside the window");
    }
    let mut lines = vec![rows];
    lines.extend(receipt.aliases.iter().map(alias));
    lines.extend(receipt.lookups.iter().map(lookup));
    lines.extend(receipt.conversion.as_ref().map(conversion));
    lines.extend(receipt.splits.iter().map(split));
    if !receipt.answer_sha256.is_empty() {
        let totals: Vec<String> = receipt
            .cost
            .used
            .iter()
            .map(|(currency, sum)| match currency.as_str() {
                "" => format!("{sum} (no currency)"),
                code => format!("{code} {sum}"),
            })
            .collect();
        let totals = if totals.is_empty() {
            "nothing".to_owned()
        } else {
            totals.join(", ")
        };
        let sha = receipt.answer_sha256.get(..SHA_PREFIX).unwrap_or_default();
        lines.push(format!("total {totals}; answer sha256 {sha}"));
    }
    lines
}

/// What became of the charges under one tag alias.
fn alias(receipt: &AliasReceipt) -> String {
    let from: Vec<String> = receipt
        .from
        .iter()
        .map(|key| Printable(key).to_string())
        .collect();
    format!(
        "tag {} is read from {}: {} charges renamed, {} of them contradicted",
        Printable(&receipt.key),
        from.join(", "),
        receipt.renamed,
        receipt.conflicts
    )
}

/// What became of the charges in one lookup table.
fn lookup(receipt: &LookupReceipt) -> String {
    let mut line = format!(
        "{} by {}: {} charges matched",
        Printable(&receipt.source),
        Printable(&receipt.key),
        receipt.matched
    );
    let of = |keys: &KeySet| match (keys.keys.len(), keys.more) {
        (1, _) => "1 key".to_owned(),
        (n, false) => format!("{n} keys"),
        (n, true) => format!("more than {n} keys"),
    };
    let others = [
        (receipt.unmatched, "not in it", of(&receipt.unmatched_keys)),
        (receipt.ambiguous, "contradicted", of(&receipt.ambiguous_keys)),
        (receipt.out_of_dates, "outside its dates", String::new()),
        (receipt.without_key, "without a key", String::new()),
    ];
    for (n, what, keys) in others.into_iter().filter(|(n, ..)| *n > 0) {
        // Writing to a String cannot fail.
        let _ = write!(line, " + {n} {what}");
        if !keys.is_empty() {
            let _ = write!(line, " ({keys})");
        }
    }
    line
}

/// What a split moved.
pub(crate) fn split(receipt: &SplitReceipt) -> String {
    let moved: Vec<String> = receipt
        .moved
        .iter()
        .map(|(currency, sum)| format!("{currency} {sum}"))
        .collect();
    let moved = if moved.is_empty() {
        "nothing".to_owned()
    } else {
        moved.join(", ")
    };
    let plural = |n: u64, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let mut line = format!(
        "split {}: {moved} from {} to {}",
        Printable(&receipt.rule),
        plural(receipt.from, "group"),
        plural(receipt.to, "group")
    );
    if receipt.evenly > 0 {
        // Writing to a String cannot fail.
        let _ = write!(
            line,
            "; evenly in {} of {}, as no group had a weight",
            receipt.evenly,
            plural(receipt.times, "period")
        );
    }
    line
}

/// What was converted, per currency.
fn conversion(receipt: &ConversionReceipt) -> String {
    let mut sums: BTreeMap<Currency, (ExactSum, ExactSum)> = BTreeMap::new();
    for rate in &receipt.rates {
        let (cost, converted) = sums.entry(rate.from).or_default();
        // The receipt balances, so these sums are within the range.
        let _ = cost.add(&rate.cost);
        let _ = converted.add(&rate.converted);
    }
    let sums: Vec<String> = sums
        .iter()
        .map(|(from, (cost, converted))| format!("{from} {cost} = {} {converted}", receipt.to))
        .collect();
    let n = receipt.rates.len();
    let rates = if n == 1 { "rate" } else { "rates" };
    let mut line = format!("{}: {n} {rates} used", Printable(&receipt.source));
    if !sums.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(line, "; {}", sums.join(", "));
    }
    if receipt.rounded > 0 {
        let _ = write!(line, "; {} charges rounded to 38 digits", receipt.rounded);
    }
    line
}

/// The whole receipt; amounts are text.
#[derive(Serialize)]
pub(crate) struct ReceiptView<'a> {
    engine_version: &'a str,
    tzdb_version: &'a str,
    rows: RowsView,
    cost: CostView<'a>,
    notes: &'a BTreeMap<&'static str, u64>,
    sources: Vec<SourceView<'a>>,
    aliases: Vec<AliasView<'a>>,
    lookups: Vec<LookupView<'a>>,
    conversion: Option<ConversionView<'a>>,
    splits: Vec<SplitView<'a>>,
    left_out: Vec<LeftOutView<'a>>,
    answer_sha256: Option<&'a str>,
}

#[derive(Serialize)]
struct RowsView {
    read: u64,
    used: u64,
    filtered: u64,
    outside_window: u64,
    rejected: u64,
    skipped: u64,
}

#[derive(Serialize)]
struct CostView<'a> {
    read: TotalsView<'a>,
    used: TotalsView<'a>,
    filtered: TotalsView<'a>,
    outside_window: TotalsView<'a>,
    rejected: TotalsView<'a>,
    groups: TotalsView<'a>,
}

#[derive(Serialize)]
struct SourceView<'a> {
    source: &'a str,
    format: &'a str,
    rows_read: u64,
    rows_rejected: u64,
    rows_skipped: u64,
    blank_lines: u64,
    cost_read: TotalsView<'a>,
}

/// What was converted.
#[derive(Serialize)]
struct ConversionView<'a> {
    source: &'a str,
    to: &'a str,
    rates: Vec<RateView<'a>>,
    rounded: u64,
}

#[derive(Serialize)]
struct RateView<'a> {
    month: &'a str,
    from: &'a str,
    rate: String,
    charges: u64,
    cost: String,
    converted: String,
}

/// What a split of shared cost moved.
#[derive(Serialize)]
struct SplitView<'a> {
    rule: &'a str,
    moved: TotalsView<'a>,
    from_groups: u64,
    to_groups: u64,
    times: u64,
    evenly: u64,
}

impl<'a> From<&'a SplitReceipt> for SplitView<'a> {
    fn from(split: &'a SplitReceipt) -> Self {
        SplitView {
            rule: &split.rule,
            moved: TotalsView(&split.moved),
            from_groups: split.from,
            to_groups: split.to,
            times: split.times,
            evenly: split.evenly,
        }
    }
}

/// What a tag alias came to.
#[derive(Serialize)]
struct AliasView<'a> {
    key: &'a str,
    from: &'a [String],
    renamed: u64,
    conflicts: u64,
}

impl<'a> From<&'a AliasReceipt> for AliasView<'a> {
    fn from(alias: &'a AliasReceipt) -> Self {
        AliasView {
            key: &alias.key,
            from: &alias.from,
            renamed: alias.renamed,
            conflicts: alias.conflicts,
        }
    }
}

/// What a lookup table came to.
#[derive(Serialize)]
struct LookupView<'a> {
    source: &'a str,
    key: &'a str,
    rows: u64,
    keys: u64,
    charges: LookedUpView,
    unmatched_keys: KeysView<'a>,
    ambiguous_keys: KeysView<'a>,
    filled: BTreeMap<&'a str, u64>,
}

#[derive(Serialize)]
struct LookedUpView {
    matched: u64,
    ambiguous: u64,
    out_of_dates: u64,
    unmatched: u64,
    without_key: u64,
}

/// How many keys, whether there are more, and the first of them.
#[derive(Serialize)]
struct KeysView<'a> {
    n: usize,
    more: bool,
    first: Vec<&'a str>,
}

/// A file that was found and not read.
#[derive(Serialize)]
struct LeftOutView<'a> {
    source: &'a str,
    why: &'a str,
}

/// Currency to amount, as text.
pub(crate) struct TotalsView<'a>(pub(crate) &'a Totals);

impl Serialize for TotalsView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .iter()
                .map(|(currency, sum)| (currency.to_string(), sum.to_string())),
        )
    }
}

impl<'a> From<&'a Receipt> for ReceiptView<'a> {
    fn from(receipt: &'a Receipt) -> Self {
        let Receipt {
            engine_version,
            tzdb_version,
            sources,
            rows,
            cost,
            notes,
            left_out,
            aliases,
            lookups,
            conversion,
            splits,
            answer_sha256,
        } = receipt;
        ReceiptView {
            engine_version,
            tzdb_version,
            rows: (*rows).into(),
            cost: cost.into(),
            notes,
            sources: sources.iter().map(SourceView::from).collect(),
            aliases: aliases.iter().map(AliasView::from).collect(),
            lookups: lookups.iter().map(LookupView::from).collect(),
            conversion: conversion.as_ref().map(ConversionView::from),
            splits: splits.iter().map(SplitView::from).collect(),
            left_out: left_out
                .iter()
                .map(|file| LeftOutView {
                    source: &file.source,
                    why: &file.why,
                })
                .collect(),
            answer_sha256: (!answer_sha256.is_empty()).then_some(answer_sha256),
        }
    }
}

impl From<RowAccount> for RowsView {
    fn from(rows: RowAccount) -> Self {
        RowsView {
            read: rows.read,
            used: rows.used,
            filtered: rows.filtered,
            outside_window: rows.outside_window,
            rejected: rows.rejected,
            skipped: rows.skipped,
        }
    }
}

impl<'a> From<&'a CostAccount> for CostView<'a> {
    fn from(cost: &'a CostAccount) -> Self {
        CostView {
            read: TotalsView(&cost.read),
            used: TotalsView(&cost.used),
            filtered: TotalsView(&cost.filtered),
            outside_window: TotalsView(&cost.outside_window),
            rejected: TotalsView(&cost.rejected),
            groups: TotalsView(&cost.groups),
        }
    }
}

impl<'a> From<&'a ConversionReceipt> for ConversionView<'a> {
    fn from(conversion: &'a ConversionReceipt) -> Self {
        let rates = conversion.rates.iter().map(|rate| RateView {
            month: &rate.month,
            from: rate.from.as_str(),
            rate: rate.rate.to_string(),
            charges: rate.charges,
            cost: rate.cost.to_string(),
            converted: rate.converted.to_string(),
        });
        ConversionView {
            source: &conversion.source,
            to: conversion.to.as_str(),
            rates: rates.collect(),
            rounded: conversion.rounded,
        }
    }
}

impl<'a> From<&'a LookupReceipt> for LookupView<'a> {
    fn from(lookup: &'a LookupReceipt) -> Self {
        LookupView {
            source: &lookup.source,
            key: &lookup.key,
            rows: lookup.rows,
            keys: lookup.keys,
            charges: LookedUpView {
                matched: lookup.matched,
                ambiguous: lookup.ambiguous,
                out_of_dates: lookup.out_of_dates,
                unmatched: lookup.unmatched,
                without_key: lookup.without_key,
            },
            unmatched_keys: (&lookup.unmatched_keys).into(),
            ambiguous_keys: (&lookup.ambiguous_keys).into(),
            filled: lookup
                .filled
                .iter()
                .map(|(name, n)| (name.as_str(), *n))
                .collect(),
        }
    }
}

impl<'a> From<&'a KeySet> for KeysView<'a> {
    fn from(keys: &'a KeySet) -> Self {
        KeysView {
            n: keys.keys.len(),
            more: keys.more,
            first: keys.keys.iter().take(SHOWN_KEYS).map(AsRef::as_ref).collect(),
        }
    }
}

impl<'a> From<&'a SourceReceipt> for SourceView<'a> {
    fn from(source: &'a SourceReceipt) -> Self {
        SourceView {
            source: &source.source,
            format: &source.format,
            rows_read: source.rows_read,
            rows_rejected: source.rows_rejected,
            rows_skipped: source.rows_skipped,
            blank_lines: source.blank_lines,
            cost_read: TotalsView(&source.cost_read),
        }
    }
}
