//! The fold: billed cost per invoice, and what each rounding rule makes of it.
//!
//! One `InvoiceSums` lives per worker; merging is associative and commutative. Texts are interned, so
//! that a row costs look-ups and no allocation.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, DictionaryArray};
use arrow::datatypes::{Int32Type, i256};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::charge::intern::Interner;
use crate::charge::{ChargeBatch, MoneyColumn};
use crate::error::{Error, ErrorKind, Result};
use crate::money::{Currency, ExactSum, Rounding};

/// The text columns that the fold reads, in the order in which a scan must bring them.
pub(super) const TEXT: [&str; 7] = [
    "invoice_id",
    "invoice_issuer",
    "charge_category",
    "sku_meter",
    "sku_id",
    "sub_account_id",
    "billing_account_id",
];

/// Which invoice a row belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InvoiceKey {
    /// The invoice; empty for rows that name none.
    pub invoice_id: String,
    /// Who issues it.
    pub issuer: String,
    /// Its currency.
    pub currency: Currency,
}

/// What the rows of one invoice come to.
#[derive(Debug, Clone, Default)]
pub struct InvoiceSum {
    /// Rows that count.
    pub n_rows: u64,
    /// Their billed cost.
    pub sum: ExactSum,
    /// Tax rows left out.
    pub n_tax: u64,
    /// Their billed cost.
    pub tax: ExactSum,
    /// Σ of the rows, each rounded to the subunit, by [`Rounding::ALL`].
    pub by_row: [ExactSum; 3],
    /// Σ per meter.
    pub by_meter: BTreeMap<String, ExactSum>,
    /// Σ per account.
    pub by_account: BTreeMap<String, ExactSum>,
}

type Map<K, V> = HashMap<K, V, RandomState>;

/// One worker's invoices.
#[derive(Debug, Default)]
pub struct InvoiceSums {
    without_tax: bool,
    texts: Interner,
    /// Invoice, issuer and currency → place in `sums`.
    places: Map<[i32; 3], usize>,
    sums: Vec<Sums>,
    meters: Map<(usize, i32), ExactSum>,
    accounts: Map<(usize, i32), ExactSum>,
}

#[derive(Debug)]
struct Sums {
    key: [i32; 3],
    decimals: Option<u8>,
    of: InvoiceSum,
}

fn overflow() -> Error {
    Error::new(ErrorKind::Overflow {
        group: "an invoice".to_owned(),
    })
}

impl InvoiceSums {
    /// No rows yet. `without_tax`: rows of category Tax are counted apart.
    pub fn new(without_tax: bool) -> Self {
        InvoiceSums {
            without_tax,
            ..InvoiceSums::default()
        }
    }

    /// Adds a batch that brings `TEXT` and the billed cost.
    pub fn update(&mut self, batch: &ChargeBatch) -> Result<()> {
        let columns: Vec<Vec<i32>> = (0..TEXT.len()).map(|i| self.intern(batch.text(i))).collect();
        let currencies = self.intern(batch.currency());
        let key_of = |column: &DictionaryArray<Int32Type>, row: usize| -> Option<usize> {
            column.is_valid(row).then(|| column.keys().value(row) as usize)
        };
        let empty = self.texts.intern(b"");
        let tax = self.texts.intern(b"Tax");
        for row in 0..batch.len() {
            let text = |i: usize| key_of(batch.text(i), row).map_or(empty, |key| columns[i][key]);
            let or = |first: i32, second: i32| if first == empty { second } else { first };
            let currency = key_of(batch.currency(), row).map_or(empty, |key| currencies[key]);
            let cost = match batch.cost() {
                MoneyColumn::Narrow { mantissas, scale } => {
                    ExactSum::from_parts(i256::from_i128(mantissas[row]), scale)
                }
                MoneyColumn::Wide { mantissas, scale } => ExactSum::from_parts(mantissas[row], scale),
            }
            .ok_or_else(overflow)?;
            let place = self.place([text(0), text(1), currency]);
            let sums = &mut self.sums[place];
            if self.without_tax && text(2) == tax {
                sums.of.n_tax += 1;
                sums.of.tax.add(&cost).map_err(|_| overflow())?;
                continue;
            }
            sums.of.n_rows += 1;
            sums.of.sum.add(&cost).map_err(|_| overflow())?;
            if let Some(decimals) = sums.decimals {
                for (sum, rule) in sums.of.by_row.iter_mut().zip(Rounding::ALL) {
                    sum.add(&cost.round_by(decimals, rule)).map_err(|_| overflow())?;
                }
            }
            let meter = self.meters.entry((place, or(text(3), text(4)))).or_default();
            meter.add(&cost).map_err(|_| overflow())?;
            let account = self.accounts.entry((place, or(text(5), text(6)))).or_default();
            account.add(&cost).map_err(|_| overflow())?;
        }
        Ok(())
    }

    fn intern(&mut self, column: &DictionaryArray<Int32Type>) -> Vec<i32> {
        let names = column.values().as_string::<i32>();
        names
            .iter()
            .map(|name| self.texts.intern(name.unwrap_or("").as_bytes()))
            .collect()
    }

    fn text(&self, code: i32) -> &str {
        std::str::from_utf8(self.texts.get(code)).unwrap_or_default()
    }

    fn place(&mut self, key: [i32; 3]) -> usize {
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        let currency = Currency::parse(self.texts.get(key[2])).unwrap_or(Currency::UNKNOWN);
        self.places.insert(key, self.sums.len());
        self.sums.push(Sums {
            key,
            decimals: currency.decimals(),
            of: InvoiceSum::default(),
        });
        self.sums.len() - 1
    }

    /// Adds what another worker found.
    pub fn merge(&mut self, other: &InvoiceSums) -> Result<()> {
        let codes: Vec<i32> = (0..other.texts.len())
            .map(|code| self.texts.intern(other.texts.get(code as i32)))
            .collect();
        let mut places = Vec::with_capacity(other.sums.len());
        for Sums { key, of, .. } in &other.sums {
            let place = self.place(key.map(|code| codes[code as usize]));
            places.push(place);
            let mine = &mut self.sums[place].of;
            mine.n_rows += of.n_rows;
            mine.n_tax += of.n_tax;
            mine.sum.add(&of.sum).map_err(|_| overflow())?;
            mine.tax.add(&of.tax).map_err(|_| overflow())?;
            for (sum, other) in mine.by_row.iter_mut().zip(&of.by_row) {
                sum.add(other).map_err(|_| overflow())?;
            }
        }
        let both = [
            (&mut self.meters, &other.meters),
            (&mut self.accounts, &other.accounts),
        ];
        for (mine, others) in both {
            for ((place, code), sum) in others {
                let entry = mine.entry((places[*place], codes[*code as usize])).or_default();
                entry.add(sum).map_err(|_| overflow())?;
            }
        }
        Ok(())
    }

    /// The invoices in the order of their keys.
    pub fn finish(self) -> BTreeMap<InvoiceKey, InvoiceSum> {
        let mut sums: Vec<InvoiceSum> = self.sums.iter().map(|s| s.of.clone()).collect();
        for ((place, code), sum) in &self.meters {
            sums[*place].by_meter.insert(self.text(*code).to_owned(), *sum);
        }
        for ((place, code), sum) in &self.accounts {
            sums[*place].by_account.insert(self.text(*code).to_owned(), *sum);
        }
        let keys = self.sums.iter().map(|s| InvoiceKey {
            invoice_id: self.text(s.key[0]).to_owned(),
            issuer: self.text(s.key[1]).to_owned(),
            currency: Currency::parse(self.texts.get(s.key[2])).unwrap_or(Currency::UNKNOWN),
        });
        keys.zip(sums).collect()
    }
}
