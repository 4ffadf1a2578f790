//! The table of rates: what it says, and what it refuses.

use super::Exchange;
use super::rates::months;
use crate::error::Result;
use crate::ingest::table::TextTable;
use crate::money::Currency;
use crate::time::{Tz, parse_bound};

fn read(rows: &[[&str; 4]]) -> Result<Exchange> {
    let rows: Vec<&[&str]> = rows.iter().map(|row| &row[..]).collect();
    let table = TextTable::of("rates.csv", &["Month", "From", "To", "Rate"], &rows);
    Exchange::of(&table, Currency::parse(b"CNY").unwrap())
}

fn rate(exchange: &Exchange, month: &str, from: &str) -> Option<String> {
    let month = months(Tz::UTC).ordinal(parse_bound(month, Tz::UTC).unwrap());
    let rate = exchange.rate(month, Currency::parse(from.as_bytes()).unwrap())?;
    Some(rate.to_string())
}

#[test]
fn a_rate_is_of_its_month_and_pair_only() {
    let exchange = read(&[
        ["2024-03", "USD", "CNY", "7.1"],
        ["202404", "usd", "RMB", "7.2"],
        ["2024-05-01", "USD", "CNY", "7.30"],
        ["2024-05", "USD", "CNY", "7.3"],
        ["2024-03", "EUR", "USD", "1.1"],
        ["2024-03", "CNY", "EUR", "0.13"],
    ])
    .unwrap();
    assert_eq!(rate(&exchange, "2024-03", "USD").as_deref(), Some("7.1"));
    assert_eq!(rate(&exchange, "2024-04", "USD").as_deref(), Some("7.2"));
    assert_eq!(rate(&exchange, "2024-05", "USD").as_deref(), Some("7.3"));
    // Neither turned around nor chained.
    assert_eq!(rate(&exchange, "2024-03", "EUR"), None);
    assert_eq!(rate(&exchange, "2024-06", "USD"), None);
}

#[test]
fn what_is_no_rate_is_refused_with_its_place() {
    for (row, code) in [
        (["2024-13", "USD", "CNY", "7"], "time.syntax"),
        (["2024-03-02", "USD", "CNY", "7"], "time.syntax"),
        (["", "USD", "CNY", "7"], "time.syntax"),
        (["2024-03", "$", "CNY", "7"], "cur.unknown"),
        (["2024-03", "USD", "yuan", "7"], "cur.unknown"),
        (["2024-03", "USD", "CNY", "0"], "num.syntax"),
        (["2024-03", "USD", "CNY", "-7"], "num.syntax"),
        (["2024-03", "USD", "CNY", ""], "num.syntax"),
        (["2024-03", "USD", "CNY", "7,1"], "num.syntax"),
        (["2024-02", "USD", "CNY", "7.2"], "rates.twice"),
    ] {
        let error = read(&[["2024-02", "USD", "CNY", "7.1"], row]).unwrap_err();
        assert_eq!(error.kind().code(), code, "{row:?}");
        assert_eq!(error.location().record, Some(2), "{row:?}");
    }
}
