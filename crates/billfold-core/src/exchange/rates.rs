//! The table of rates: month, from, to, rate.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::ingest::table::TextTable;
use crate::money::{Amount, Currency};
use crate::time::{Calendar, Granularity, Tz, parse_bound};

const COLUMNS: [(&str, &[&str]); 4] = [
    ("month", &["month", "period", "date", "billing_month"]),
    (
        "from",
        &[
            "from",
            "from_currency",
            "source_currency",
            "base",
            "base_currency",
        ],
    ),
    (
        "to",
        &["to", "to_currency", "target_currency", "quote", "quote_currency"],
    ),
    ("rate", &["rate", "exchange_rate", "fx_rate"]),
];

/// The currency of an answer, and the rates that lead to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The file of the rates, as it was named.
    pub source: Arc<str>,
    /// The currency that charges are converted to.
    pub to: Currency,
    rates: BTreeMap<(i64, Currency), Amount>,
}

impl Exchange {
    /// Reads a table of rates: CSV, JSON or Parquet with the columns month, from, to and rate. One unit of
    /// `from` is `rate` units of `to`; months are written `2024-03`. Rates to other currencies are passed over.
    ///
    /// Errors: everything that makes a table unreadable; `schema.column`; the first row that is no rate; two
    /// different rates of one pair in one month.
    pub fn read(path: &str, to: Currency) -> Result<Self> {
        Self::of(&TextTable::read(path, None)?, to)
    }

    pub(super) fn of(table: &TextTable, to: Currency) -> Result<Self> {
        let mut columns = [0; 4];
        for (column, (what, names)) in columns.iter_mut().zip(COLUMNS) {
            let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
            *column = table.headers.find(&names).ok_or_else(|| {
                Error::file("schema.column", format!("a table of rates needs a column {what}"))
                    .in_source(&table.source)
                    .hint(format!(
                        "it has {}; expected month, from, to, rate",
                        table.headers.names.join(", ")
                    ))
            })?;
        }
        let [month_column, from_column, to_column, rate_column] = columns;
        let mut rates: BTreeMap<(i64, Currency), Amount> = BTreeMap::new();
        for row in 0..table.n_rows {
            let refuse = |code, column, expected: &str| {
                let message = format!("\"{}\" is not {expected}", table.cell(row, column));
                Err(Error::file(code, message).at(table.place(row, Some(column))))
            };
            let Some(month) = month(table.cell(row, month_column)) else {
                return refuse("time.syntax", month_column, "a month such as 2024-03");
            };
            let currency = |column| Currency::parse(table.cell(row, column).as_bytes());
            let Some(from) = currency(from_column) else {
                return refuse(
                    "cur.unknown",
                    from_column,
                    "an ISO 4217 currency code such as USD",
                );
            };
            let Some(target) = currency(to_column) else {
                return refuse("cur.unknown", to_column, "an ISO 4217 currency code such as USD");
            };
            let rate = Amount::parse(table.cell(row, rate_column).as_bytes());
            let Some(rate) = rate.ok().filter(|rate| rate.mantissa() > 0) else {
                return refuse(
                    "num.syntax",
                    rate_column,
                    "a rate: a plain decimal number above zero",
                );
            };
            if target != to {
                continue;
            }
            if rates
                .insert((month, from), rate)
                .is_some_and(|other| other.normalized() != rate.normalized())
            {
                return refuse(
                    "rates.twice",
                    rate_column,
                    "the rate that an earlier row gives for this month and pair",
                );
            }
        }
        Ok(Exchange {
            source: Arc::clone(&table.source),
            to,
            rates,
        })
    }

    /// One unit of `from` in the currency of the answer, in a month by its ordinal.
    pub(super) fn rate(&self, month: i64, from: Currency) -> Option<Amount> {
        self.rates.get(&(month, from)).copied()
    }
}

/// The calendar of the months of a zone.
pub(super) fn months(zone: Tz) -> Calendar {
    Calendar::new(zone, Granularity::Monthly)
}

/// The ordinal of a month; a date is its month only where it is the first day.
fn month(text: &str) -> Option<i64> {
    let calendar = months(Tz::UTC);
    let instant = match text.as_bytes() {
        digits if digits.len() == 6 && digits.iter().all(u8::is_ascii_digit) => {
            parse_bound(&format!("{}-{}", &text[..4], &text[4..]), Tz::UTC).ok()?
        }
        _ => parse_bound(text, Tz::UTC).ok()?,
    };
    let ordinal = calendar.ordinal(instant);
    (calendar.bounds(ordinal).start == Some(instant)).then_some(ordinal)
}
