//! What was invoiced: a CSV file of invoices, or of invoice lines (FOCUS Invoice Detail).

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use crate::error::{Error, Location, Result};
use crate::ingest::csv::{Dialect, parse_record};
use crate::ingest::formats::Headers;
use crate::ingest::source::Source;
use crate::ingest::text::{TextHead, read_error};
use crate::money::{Amount, Currency, ExactSum};

/// A list of invoices is short.
const MAX_BYTES: usize = 256 << 20;

const INVOICE_ID: &[&str] = &["InvoiceId", "InvoiceNumber", "InvoiceNo", "Invoice"];
const ISSUER: &[&str] = &["InvoiceIssuerName", "InvoiceIssuer", "Issuer"];
const CURRENCY: &[&str] = &["BillingCurrency", "InvoiceCurrency", "Currency"];
const AMOUNT: &[&str] = &[
    "BilledCost",
    "Amount",
    "InvoiceAmount",
    "InvoiceTotal",
    "TotalAmount",
    "Total",
    "AmountDue",
];

/// One invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// Its id.
    pub invoice_id: String,
    /// Who issued it; empty where the file does not say.
    pub issuer: String,
    /// Its currency.
    pub currency: Currency,
    /// Its amount.
    pub amount: ExactSum,
    /// Lines of the file that make it up.
    pub n_lines: u64,
}

/// What was invoiced.
#[derive(Debug, Clone, Default)]
pub struct Invoices {
    /// In the order of id, issuer and currency, each once.
    pub invoices: Vec<Invoice>,
    /// Whether this is an Invoice Detail, whose Tax lines are exempt and were left out.
    pub is_detail: bool,
    /// Tax lines left out.
    pub n_tax: u64,
    /// Lines of invoices that are not issued yet, left out.
    pub n_open: u64,
}

impl Invoices {
    /// Reads a file of invoices, plain or compressed.
    ///
    /// Errors: io, limits, `schema.column`, and the first line that cannot be read: a list of invoices
    /// with holes proves nothing.
    pub fn read(source: &Source, delimiter: Option<u8>, encoding: Option<&str>) -> Result<Self> {
        let read = || -> Result<Self> {
            let head = TextHead::open(source.open_raw()?, encoding)?;
            if head.sample.starts_with(b"PAR1") || head.sample.trim_ascii_start().starts_with(b"{") {
                return Err(Error::file(
                    "type.unsupported",
                    "invoices are read from CSV files",
                ));
            }
            let (packing, mut text) = (head.packing, head.sample);
            let room = (MAX_BYTES + 1).saturating_sub(text.len()) as u64;
            head.rest
                .take(room)
                .read_to_end(&mut text)
                .map_err(|e| read_error(packing, &e))?;
            if text.len() > MAX_BYTES {
                return Err(Error::limit(
                    "limit.invoices",
                    format!("a file of invoices has at most {MAX_BYTES} bytes"),
                ));
            }
            Self::parse(&text, delimiter)
        };
        read().map_err(|e| e.in_source(&source.name))
    }

    /// Reads CSV text.
    pub fn parse(text: &[u8], delimiter: Option<u8>) -> Result<Self> {
        let dialect = Dialect::new(delimiter.unwrap_or(b','), false)?;
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let header = parse_record(text, dialect)
            .ok_or_else(|| Error::file("csv.empty", "there is no header of invoices"))?;
        let columns = Columns::of(Headers::new(header.fields.clone()))?;
        let mut found: BTreeMap<(String, String, Currency), (ExactSum, u64)> = BTreeMap::new();
        let mut invoices = Invoices {
            is_detail: columns.category.is_some(),
            ..Invoices::default()
        };
        let mut at = header.len;
        let mut record_idx = 0u64;
        while let Some(record) = parse_record(&text[at..], dialect) {
            at += record.len;
            if record.fields.iter().all(|f| f.trim().is_empty()) {
                continue;
            }
            record_idx += 1;
            let place = |column: Option<usize>| Location {
                record: Some(record_idx),
                column: column.map(|c| Arc::from(columns.headers.names[c].as_str())),
                ..Location::default()
            };
            if let Some(malformed) = record.malformed {
                return Err(
                    Error::file(malformed.code(), "a line of invoices is not sound CSV").at(place(None)),
                );
            }
            if !record.utf8 {
                return Err(Error::file("enc.utf8", "a line of invoices is not UTF-8").at(place(None)));
            }
            if record.fields.len() != columns.headers.names.len() {
                let message = format!(
                    "{} fields where the header has {}",
                    record.fields.len(),
                    columns.headers.names.len()
                );
                return Err(Error::file("csv.fields", message).at(place(None)));
            }
            let field = |column: Option<usize>| column.map_or("", |c| record.fields[c].trim());
            if field(columns.category) == "Tax" {
                invoices.n_tax += 1;
                continue;
            }
            if !matches!(field(columns.status), "" | "Issued") {
                invoices.n_open += 1;
                continue;
            }
            let id = field(Some(columns.invoice_id));
            if id.is_empty() {
                return Err(Error::file("invoice.id", "a line without an invoice id")
                    .at(place(Some(columns.invoice_id))));
            }
            let currency = Currency::parse(field(Some(columns.currency)).as_bytes()).ok_or_else(|| {
                Error::file("cur.unknown", "no ISO 4217 currency code").at(place(Some(columns.currency)))
            })?;
            let amount = Amount::parse(field(Some(columns.amount)).as_bytes()).map_err(|e| {
                Error::file(e.code(), format!("expected {}", e.expected())).at(place(Some(columns.amount)))
            })?;
            let key = (id.to_owned(), field(columns.issuer).to_owned(), currency);
            let (sum, n_lines) = found.entry(key).or_default();
            *n_lines += 1;
            sum.add_amount(amount).map_err(|_| {
                Error::file("num.range", "the lines of an invoice leave the range")
                    .at(place(Some(columns.amount)))
            })?;
        }
        invoices.invoices = found
            .into_iter()
            .map(|((invoice_id, issuer, currency), (amount, n_lines))| Invoice {
                invoice_id,
                issuer,
                currency,
                amount,
                n_lines,
            })
            .collect();
        Ok(invoices)
    }
}

/// Which column is what.
struct Columns {
    headers: Headers,
    invoice_id: usize,
    issuer: Option<usize>,
    currency: usize,
    amount: usize,
    /// Invoice Detail only.
    category: Option<usize>,
    status: Option<usize>,
}

impl Columns {
    fn of(headers: Headers) -> Result<Self> {
        let find = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
            headers.find(&names)
        };
        let need = |what: &str, names: &[&str]| {
            find(names).ok_or_else(|| {
                Error::file(
                    "schema.column",
                    format!("no column for the {what}; expected {}", names.join(" or ")),
                )
                .hint(format!("the file offers {}", headers.names.join(", ")))
            })
        };
        Ok(Columns {
            invoice_id: need("invoice id", INVOICE_ID)?,
            issuer: find(ISSUER),
            currency: need("currency", CURRENCY)?,
            amount: need("amount", AMOUNT)?,
            category: find(&["ChargeCategory"]),
            status: find(&["InvoiceIssueStatus"]),
            headers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simple_list_and_an_invoice_detail_are_read() {
        let simple = Invoices::parse(
            b"Invoice Number,Currency,Amount\nA,usd,1.5\nB,JPY,7\n\nA,USD,0.25\n",
            None,
        )
        .unwrap();
        let shown: Vec<String> = simple
            .invoices
            .iter()
            .map(|i| format!("{} {} {} {}", i.invoice_id, i.currency, i.amount, i.n_lines))
            .collect();
        assert_eq!(shown, ["A USD 1.75 2", "B JPY 7 1"]);
        assert!(!simple.is_detail);

        let detail = Invoices::parse(
            b"InvoiceId,InvoiceDetailId,ChargeCategory,BillingCurrency,BilledCost,InvoiceIssueStatus\n\
              A,1,Usage,USD,2,Issued\nA,2,Tax,USD,0.2,Issued\nB,3,Usage,USD,9,Open\n",
            None,
        )
        .unwrap();
        assert_eq!((detail.invoices.len(), detail.n_tax, detail.n_open), (1, 1, 1));
        assert_eq!(detail.invoices[0].amount.to_string(), "2");
        assert!(detail.is_detail);
    }

    #[test]
    fn a_list_with_a_hole_is_refused_with_its_place() {
        for (text, code) in [
            ("", "csv.empty"),
            ("InvoiceId,Amount\n", "schema.column"),
            ("InvoiceId,Currency,Amount\nA,USD,\"1,000\"\n", "num.syntax"),
            ("InvoiceId,Currency,Amount\nA,dollar,1\n", "cur.unknown"),
            ("InvoiceId,Currency,Amount\n,USD,1\n", "invoice.id"),
            ("InvoiceId,Currency,Amount\nA,USD\n", "csv.fields"),
        ] {
            assert_eq!(
                Invoices::parse(text.as_bytes(), None).unwrap_err().kind().code(),
                code,
                "{text}"
            );
        }
    }
}
