//! Between scan and fold: what a batch is given before it is folded, and the account of that.

use std::borrow::Cow;
use std::sync::Arc;

use super::RunOptions;
use crate::charge::{ChargeBatch, ScanHint};
use crate::engine::{ConversionReceipt, LookupReceipt, Plan};
use crate::error::Result;
use crate::exchange::{BoundExchange, ExchangeState};
use crate::lookup::{BoundLookups, LookupState};

/// Lookups first, since filters see what they add; then the currency of the answer.
pub(crate) struct Between<'p> {
    lookups: BoundLookups,
    exchange: Option<BoundExchange<'p>>,
}

/// One worker's memory.
pub(crate) struct BetweenState {
    lookups: LookupState,
    exchange: Option<ExchangeState>,
}

/// What came of it.
pub(crate) struct BetweenAccount {
    pub(crate) lookups: Vec<LookupReceipt>,
    pub(crate) conversion: Option<ConversionReceipt>,
}

impl<'p> Between<'p> {
    pub(crate) fn new(plan: &'p Plan, options: &RunOptions<'_>) -> Result<Self> {
        let exchange = options.exchange.as_ref();
        Ok(Between {
            lookups: options.lookups.bind(&plan.hint),
            exchange: exchange
                .map(|exchange| BoundExchange::new(Arc::clone(exchange), plan))
                .transpose()?,
        })
    }

    /// What a scan must bring.
    pub(crate) fn hint(&self) -> &ScanHint {
        self.lookups.hint()
    }

    pub(crate) fn state(&self) -> BetweenState {
        BetweenState {
            lookups: self.lookups.state(),
            exchange: self.exchange.as_ref().map(BoundExchange::state),
        }
    }

    /// The batch as it is folded.
    pub(crate) fn apply<'b>(
        &self,
        batch: &'b ChargeBatch,
        state: &mut BetweenState,
    ) -> Result<Cow<'b, ChargeBatch>> {
        let batch = self.lookups.apply(batch, &mut state.lookups)?;
        match (&self.exchange, &mut state.exchange) {
            (Some(exchange), Some(state)) => exchange.apply(batch, state),
            _ => Ok(batch),
        }
    }

    /// What is odd and not wrong.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        let unused = self.lookups.unused().iter();
        unused.map(|table| format!("{table}: the question names none of the table's columns"))
    }

    /// The account over all workers. Errors: rates that are missing.
    pub(crate) fn account(&self, states: Vec<BetweenState>) -> Result<BetweenAccount> {
        let (lookups, exchange): (Vec<_>, Vec<_>) =
            states.into_iter().map(|s| (s.lookups, s.exchange)).unzip();
        let exchange_states = exchange.into_iter().flatten().collect();
        Ok(BetweenAccount {
            lookups: self.lookups.receipts(&lookups),
            conversion: match &self.exchange {
                Some(bound) => Some(bound.receipt(exchange_states)?),
                None => None,
            },
        })
    }
}
