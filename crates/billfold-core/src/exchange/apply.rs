//! The charges of a batch in the currency of the answer.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, StringArray};

use super::Exchange;
use super::rates::months;
use crate::charge::ChargeBatch;
use crate::charge::builder::{MoneyBuilder, dictionary};
use crate::charge::schema::BILLING_CURRENCY;
use crate::engine::{ConversionReceipt, Plan, RateReceipt, Verdicts, filter_rows};
use crate::error::{Error, ErrorKind, Result};
use crate::money::{Amount, Currency, ExactSum, product};
use crate::query::{Allocation, DimensionSource};
use crate::time::{Calendar, PeriodLookup, Tz};

/// Rates, for one question.
pub(crate) struct BoundExchange<'p> {
    exchange: Arc<Exchange>,
    plan: &'p Plan,
    months: Calendar,
}

/// One worker's memory: the rates it used, and those it missed.
pub(crate) struct ExchangeState {
    months: PeriodLookup,
    used: BTreeMap<(i64, Currency), Used>,
    missing: BTreeSet<(i64, Currency)>,
    n_rounded: u64,
    verdicts: Verdicts,
}

/// What one rate was used for.
#[derive(Debug, Clone, Copy, Default)]
struct Used {
    charges: u64,
    cost: ExactSum,
    converted: ExactSum,
}

impl<'p> BoundExchange<'p> {
    /// Binds rates to a question.
    ///
    /// Errors: usage, for a question that tells charges apart by the currency that they then no longer have.
    pub(crate) fn new(exchange: Arc<Exchange>, plan: &'p Plan) -> Result<Self> {
        let conditions = plan.query.filter.conditions.iter().map(|c| &c.dimension);
        let by_currency = DimensionSource::Column(BILLING_CURRENCY.to_owned());
        if plan
            .query
            .by
            .iter()
            .chain(conditions)
            .any(|d| d.source == by_currency)
        {
            return Err(Error::usage(format!(
                "charges in {} have one currency; one cannot group or filter by it as well",
                exchange.to
            ))
            .hint("leave --currency out, or the dimension billing_currency"));
        }
        Ok(BoundExchange {
            exchange,
            plan,
            months: months(plan.query.zone),
        })
    }

    /// A worker's memory.
    pub(crate) fn state(&self) -> ExchangeState {
        ExchangeState {
            months: PeriodLookup::new(self.months),
            used: BTreeMap::new(),
            missing: BTreeSet::new(),
            n_rounded: 0,
            verdicts: Verdicts::default(),
        }
    }

    /// The batch with every charge that counts in the currency of the answer.
    pub(crate) fn apply<'b>(
        &self,
        batch: Cow<'b, ChargeBatch>,
        state: &mut ExchangeState,
    ) -> Result<Cow<'b, ChargeBatch>> {
        let column = batch.currency();
        let names: &StringArray = column.values().as_string();
        let text =
            |name: Option<&str>| Currency::parse(name.unwrap_or("").as_bytes()).unwrap_or(Currency::UNKNOWN);
        let currencies: Vec<Currency> = names.iter().map(text).collect();
        let to = self.exchange.to;
        if currencies.iter().all(|c| *c == to) {
            return Ok(batch);
        }
        let kept = filter_rows(self.plan, &batch, &mut state.verdicts);
        let mut all_names: Vec<&str> = names.iter().map(Option::unwrap_or_default).collect();
        let target = currencies
            .iter()
            .position(|c| *c == to)
            .unwrap_or(all_names.len());
        if target == all_names.len() {
            all_names.push(to.as_str());
        }
        let (start, cost) = (batch.start(), batch.cost());
        let nulls = batch.record_batch().column(1).nulls();
        let mut costs = MoneyBuilder::with_capacity(batch.len());
        let mut codes = Vec::with_capacity(batch.len());
        for (row, code) in column.keys().values().iter().enumerate() {
            let from = currencies[*code as usize];
            let counts = || kept.as_ref().is_none_or(|kept| kept[row]) && self.is_in_window(&batch, row);
            let amount = cost.amount(row)?;
            let mut given = (amount, *code);
            if from != to && counts() {
                let month = i64::from(state.months.ordinal(start[row]));
                match self.exchange.rate(month, from) {
                    Some(rate) => given = (state.convert(amount, rate, (month, from))?, target as i32),
                    None => {
                        state.missing.insert((month, from));
                    }
                }
            }
            if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                costs.push_null();
            } else {
                costs.push(given.0);
            }
            codes.push(given.1);
        }
        let currency = dictionary(codes, Arc::new(StringArray::from(all_names)))?;
        Ok(Cow::Owned(batch.with_cost(costs.finish()?, currency)?))
    }

    /// Whether a part of the charge counts; as the fold judges it.
    fn is_in_window(&self, batch: &ChargeBatch, row: usize) -> bool {
        let window = self.plan.query.window;
        let start = batch.start()[row];
        match (self.plan.query.allocation, batch.end().get(row)) {
            (Allocation::Prorate, Some(end)) if *end > start => {
                window.start.is_none_or(|from| from < *end) && window.end.is_none_or(|until| start < until)
            }
            _ => window.contains(start),
        }
    }

    /// The account of the rates over all workers.
    ///
    /// Errors: `rates.missing`, with every month and pair that lacks a rate.
    pub(crate) fn receipt(&self, states: Vec<ExchangeState>) -> Result<ConversionReceipt> {
        let mut used: BTreeMap<(i64, Currency), Used> = BTreeMap::new();
        let mut missing = BTreeSet::new();
        let mut rounded = 0;
        for state in states {
            rounded += state.n_rounded;
            missing.extend(state.missing);
            for (key, more) in state.used {
                used.entry(key).or_default().add(&more)?;
            }
        }
        let to = self.exchange.to;
        let label = |month: i64| months(Tz::UTC).label(month);
        if !missing.is_empty() {
            let named: Vec<String> = missing
                .iter()
                .map(|(month, from)| match from.as_str() {
                    "" => format!("{} from charges without a currency to {to}", label(*month)),
                    from => format!("{} {from} to {to}", label(*month)),
                })
                .collect();
            let unknown = missing.iter().any(|(_, from)| *from == Currency::UNKNOWN);
            let hint = if unknown {
                "add rows of month, from, to, rate; --set billing_currency=text:CODE names a currency that files lack"
            } else {
                "add rows of month, from, to, rate"
            };
            return Err(
                Error::file("rates.missing", format!("no rate for {}", named.join(", ")))
                    .in_source(&self.exchange.source)
                    .hint(hint),
            );
        }
        let rates = used.into_iter().map(|((month, from), used)| RateReceipt {
            month: label(month),
            from,
            rate: self.exchange.rate(month, from).unwrap_or_default(),
            charges: used.charges,
            cost: used.cost,
            converted: used.converted,
        });
        Ok(ConversionReceipt {
            source: Arc::clone(&self.exchange.source),
            to,
            rates: rates.collect(),
            rounded,
        })
    }
}

impl ExchangeState {
    fn convert(&mut self, amount: Amount, rate: Amount, key: (i64, Currency)) -> Result<Amount> {
        let product = product(amount, rate).ok_or_else(overflow)?;
        self.n_rounded += u64::from(product.rounded);
        self.used.entry(key).or_default().add(&Used {
            charges: 1,
            cost: amount.into(),
            converted: product.amount.into(),
        })?;
        Ok(product.amount)
    }
}

impl Used {
    fn add(&mut self, other: &Used) -> Result<()> {
        self.charges += other.charges;
        self.cost.add(&other.cost).map_err(|_| overflow())?;
        self.converted.add(&other.converted).map_err(|_| overflow())
    }
}

#[cold]
fn overflow() -> Error {
    Error::new(ErrorKind::Overflow {
        group: "the charges converted".to_owned(),
    })
}
