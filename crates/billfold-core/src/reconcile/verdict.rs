//! Invoices beside what their rows come to: one verdict each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::fold::{InvoiceKey, InvoiceSum};
use super::invoices::Invoice;
use super::tolerance::tolerance_holds;
use crate::error::{Error, ErrorKind, Result};
use crate::money::{Currency, ExactSum, Rounding};

/// How an invoice and its rows stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Equal to the last digit.
    Exact,
    /// Within the tolerance.
    Within,
    /// Further apart than the tolerance.
    Differs,
    /// Invoiced, and no row names it.
    NoRows,
    /// Rows name it, and it is not among the invoices.
    NotInvoiced,
    /// Its currency is no national one of ISO 4217, so there is no tolerance to go by, and it differs.
    NoSubunit,
    /// Rows that name no invoice: not invoiced yet.
    Open,
}

impl Status {
    /// Whether a check of invoices holds.
    pub fn holds(self) -> bool {
        matches!(self, Status::Exact | Status::Within | Status::Open)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Status::Exact => "exact",
            Status::Within => "within",
            Status::Differs => "differs",
            Status::NoRows => "no-rows",
            Status::NotInvoiced => "not-invoiced",
            Status::NoSubunit => "no-subunit",
            Status::Open => "open",
        })
    }
}

/// What is rounded to the subunit before it is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// The invoice's sum alone.
    Invoice,
    /// The sum of each account.
    Account,
    /// The sum of each meter.
    Meter,
    /// Each row.
    Row,
}

/// A rule by which an issuer may have rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundingRule {
    /// What is rounded.
    pub parts: Parts,
    /// How.
    pub rounding: Rounding,
}

impl fmt::Display for RoundingRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = match self.parts {
            Parts::Invoice => "invoice",
            Parts::Account => "account",
            Parts::Meter => "meter",
            Parts::Row => "row",
        };
        write!(f, "{} per {parts}", self.rounding)
    }
}

/// The verdict on one invoice.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Which one.
    pub key: InvoiceKey,
    /// How it stands.
    pub status: Status,
    /// Rows that count.
    pub n_rows: u64,
    /// What the rows come to, exactly.
    pub rows: ExactSum,
    /// What was invoiced.
    pub invoiced: Option<ExactSum>,
    /// Rows minus invoiced, exactly.
    pub difference: ExactSum,
    /// Decimals of the subunit.
    pub decimals: Option<u8>,
    /// The rules that reproduce the invoice, from the coarsest parts to the finest.
    pub rules: Vec<RoundingRule>,
    /// Tax rows left out, and their cost.
    pub tax: (u64, ExactSum),
}

fn overflow() -> Error {
    Error::new(ErrorKind::Overflow {
        group: "an invoice".to_owned(),
    })
}

/// Lays invoices beside the sums of their rows, in the order of their keys.
///
/// An invoice that names no issuer takes the rows of all issuers that its id and currency have and that
/// no invoice with an issuer takes.
pub fn verdicts(invoices: &[Invoice], sums: &BTreeMap<InvoiceKey, InvoiceSum>) -> Result<Vec<Verdict>> {
    let named: BTreeSet<InvoiceKey> = invoices
        .iter()
        .filter(|i| !i.issuer.is_empty())
        .map(key_of)
        .collect();
    let mut taken: BTreeSet<&InvoiceKey> = BTreeSet::new();
    let mut verdicts = Vec::new();
    for invoice in invoices {
        let mut sum = InvoiceSum::default();
        for (key, part) in sums {
            let fits = if invoice.issuer.is_empty() {
                key.invoice_id == invoice.invoice_id
                    && key.currency == invoice.currency
                    && !named.contains(key)
            } else {
                *key == key_of(invoice)
            };
            if fits {
                taken.insert(key);
                join(&mut sum, part)?;
            }
        }
        verdicts.push(judge(key_of(invoice), &sum, Some(invoice.amount))?);
    }
    for (key, sum) in sums {
        if !taken.contains(key) {
            verdicts.push(judge(key.clone(), sum, None)?);
        }
    }
    verdicts.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(verdicts)
}

fn key_of(invoice: &Invoice) -> InvoiceKey {
    InvoiceKey {
        invoice_id: invoice.invoice_id.clone(),
        issuer: invoice.issuer.clone(),
        currency: invoice.currency,
    }
}

fn join(sum: &mut InvoiceSum, part: &InvoiceSum) -> Result<()> {
    let add = |sum: &mut ExactSum, part: &ExactSum| sum.add(part).map_err(|_| overflow());
    sum.n_rows += part.n_rows;
    sum.n_tax += part.n_tax;
    add(&mut sum.sum, &part.sum)?;
    add(&mut sum.tax, &part.tax)?;
    for (mine, other) in sum.by_row.iter_mut().zip(&part.by_row) {
        add(mine, other)?;
    }
    for (mine, others) in [
        (&mut sum.by_meter, &part.by_meter),
        (&mut sum.by_account, &part.by_account),
    ] {
        for (name, other) in others {
            add(mine.entry(name.clone()).or_default(), other)?;
        }
    }
    Ok(())
}

fn judge(key: InvoiceKey, sum: &InvoiceSum, invoiced: Option<ExactSum>) -> Result<Verdict> {
    let mut difference = sum.sum;
    if let Some(invoiced) = &invoiced {
        difference.sub(invoiced).map_err(|_| overflow())?;
    }
    let decimals = key.currency.decimals();
    let status = match (&invoiced, decimals) {
        (None, _) if key.invoice_id.is_empty() => Status::Open,
        (None, _) => Status::NotInvoiced,
        (Some(_), _) if sum.n_rows == 0 && sum.n_tax == 0 => Status::NoRows,
        (Some(_), _) if difference.is_zero() => Status::Exact,
        (Some(_), None) => Status::NoSubunit,
        (Some(_), Some(decimals)) if tolerance_holds(&difference, sum.n_rows, decimals) => Status::Within,
        (Some(_), Some(_)) => Status::Differs,
    };
    let rules = match (&invoiced, decimals) {
        (Some(invoiced), Some(decimals)) if sum.n_rows > 0 && !difference.is_zero() => {
            rules_for(sum, invoiced, decimals)?
        }
        _ => Vec::new(),
    };
    Ok(Verdict {
        status,
        n_rows: sum.n_rows,
        rows: sum.sum,
        invoiced,
        difference,
        decimals,
        rules,
        tax: (sum.n_tax, sum.tax),
        key,
    })
}

/// The rules that make the invoice of its rows.
fn rules_for(sum: &InvoiceSum, invoiced: &ExactSum, decimals: u8) -> Result<Vec<RoundingRule>> {
    let rounded = |parts: &BTreeMap<String, ExactSum>, rule: Rounding| -> Result<ExactSum> {
        let mut total = ExactSum::ZERO;
        for part in parts.values() {
            total
                .add(&part.round_by(decimals, rule))
                .map_err(|_| overflow())?;
        }
        Ok(total)
    };
    let mut rules = Vec::new();
    for parts in [Parts::Invoice, Parts::Account, Parts::Meter, Parts::Row] {
        for (rounding, by_row) in Rounding::ALL.into_iter().zip(&sum.by_row) {
            let total = match parts {
                Parts::Invoice => sum.sum.round_by(decimals, rounding),
                Parts::Account => rounded(&sum.by_account, rounding)?,
                Parts::Meter => rounded(&sum.by_meter, rounding)?,
                Parts::Row => *by_row,
            };
            if total == *invoiced {
                rules.push(RoundingRule { parts, rounding });
            }
        }
    }
    Ok(rules)
}

impl Verdict {
    /// Its currency.
    pub fn currency(&self) -> Currency {
        self.key.currency
    }
}
