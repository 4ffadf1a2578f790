//! Totals: one exact sum per currency, because unlike currencies are never added.

use std::collections::BTreeMap;

use super::currency::Currency;
use super::sum::{ExactSum, SumOverflow};

/// Sums by currency, in the order of the codes. A currency that was seen stays, also at zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals(BTreeMap<Currency, ExactSum>);

impl Totals {
    /// No currency seen.
    pub const fn new() -> Totals {
        Totals(BTreeMap::new())
    }

    /// Adds to the sum of a currency.
    pub fn add(&mut self, currency: Currency, sum: &ExactSum) -> Result<(), SumOverflow> {
        self.0.entry(currency).or_default().add(sum)
    }

    /// Adds all sums of `other`.
    pub fn add_totals(&mut self, other: &Totals) -> Result<(), SumOverflow> {
        other
            .iter()
            .try_for_each(|(currency, sum)| self.add(currency, sum))
    }

    /// Subtracts all sums of `other`; a currency that only `other` has is then here with its negative.
    pub fn sub_totals(&mut self, other: &Totals) -> Result<(), SumOverflow> {
        other
            .iter()
            .try_for_each(|(currency, sum)| self.add(currency, &-*sum))
    }

    /// The sum of a currency, where it was seen.
    pub fn get(&self, currency: Currency) -> Option<&ExactSum> {
        self.0.get(&currency)
    }

    /// The currencies seen and their sums, in the order of the codes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Currency, &ExactSum)> {
        self.0.iter().map(|(currency, sum)| (*currency, sum))
    }

    /// True when no currency was seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Amount;

    fn totals(entries: &[(&str, &str)]) -> Totals {
        let mut totals = Totals::new();
        for (currency, text) in entries {
            let sum = ExactSum::from(Amount::parse(text.as_bytes()).unwrap());
            totals
                .add(
                    Currency::parse(currency.as_bytes()).unwrap_or(Currency::UNKNOWN),
                    &sum,
                )
                .unwrap();
        }
        totals
    }

    fn shown(totals: &Totals) -> String {
        totals
            .iter()
            .map(|(currency, sum)| [currency.as_str(), "=", &sum.to_string(), ";"].concat())
            .collect()
    }

    #[test]
    fn unlike_currencies_are_never_added() {
        let sums = totals(&[
            ("USD", "1.5"),
            ("CNY", "10"),
            ("usd", "0.5"),
            ("", "3"),
            ("RMB", "1"),
        ]);
        assert_eq!(shown(&sums), "=3;CNY=11;USD=2;");
        assert_eq!(sums.get(Currency::parse(b"EUR").unwrap()), None);
    }

    #[test]
    fn a_currency_that_was_seen_stays_at_zero() {
        let mut sums = totals(&[("USD", "1.5"), ("CNY", "10")]);
        sums.sub_totals(&totals(&[("USD", "1.50"), ("EUR", "2")]))
            .unwrap();
        assert_eq!(shown(&sums), "CNY=10;EUR=-2;USD=0;");
        sums.add_totals(&totals(&[("EUR", "2"), ("CNY", "-0.5")]))
            .unwrap();
        assert_eq!(shown(&sums), "CNY=9.5;EUR=0;USD=0;");
        assert!(!sums.is_empty());
        assert!(Totals::new().is_empty());
    }

    #[test]
    fn an_overflow_is_told() {
        let usd = Currency::parse(b"USD").unwrap();
        let top = ExactSum::from_parts(arrow::datatypes::i256::MAX, 0).unwrap();
        let mut sums = Totals::new();
        sums.add(usd, &top).unwrap();
        assert_eq!(sums.add(usd, &top), Err(SumOverflow));
        assert_eq!(sums.add_totals(&sums.clone()), Err(SumOverflow));
    }
}
