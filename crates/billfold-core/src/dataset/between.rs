//! Between scan and fold: what a batch is given before it is folded, and the account of that.

use std::borrow::Cow;
use std::sync::Arc;

use super::RunOptions;
use crate::alias::{AliasState, TagAliases};
use crate::charge::{ChargeBatch, ScanHint, WantedTags};
use crate::engine::plan::BatchColumn;
use crate::engine::{AliasReceipt, ConversionReceipt, LookupReceipt, Plan};
use crate::error::Result;
use crate::exchange::{BoundExchange, ExchangeState};
use crate::lookup::{BoundLookups, LookupState};

/// Tags under their keys first, since lookups may be keyed by them; then lookups, since filters see what they
/// add; then the currency of the answer.
pub(crate) struct Between<'p> {
    aliases: TagAliases,
    lookups: BoundLookups,
    exchange: Option<BoundExchange<'p>>,
}

/// One worker's memory.
pub(crate) struct BetweenState {
    aliases: AliasState,
    lookups: LookupState,
    exchange: Option<ExchangeState>,
}

/// What came of it.
pub(crate) struct BetweenAccount {
    pub(crate) aliases: Vec<AliasReceipt>,
    pub(crate) lookups: Vec<LookupReceipt>,
    pub(crate) conversion: Option<ConversionReceipt>,
}

impl<'p> Between<'p> {
    pub(crate) fn new(plan: &'p Plan, options: &RunOptions<'_>) -> Result<Self> {
        check_aliases(&options.aliases, plan)?;
        options.aliases.check(options.lookups.tag_keys())?;
        let exchange = options.exchange.as_ref();
        let mut hint = plan.hint.clone();
        if !options.aliases.is_empty() && hint.tags > WantedTags::No {
            // All sets of a batch are looked at.
            hint.want_tags(WantedTags::Sets);
        }
        Ok(Between {
            aliases: options.aliases.clone(),
            lookups: options.lookups.bind(&hint),
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
            aliases: self.aliases.state(),
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
        let batch = match self.aliases.apply(batch, &mut state.aliases)? {
            Cow::Borrowed(batch) => self.lookups.apply(batch, &mut state.lookups)?,
            Cow::Owned(batch) => Cow::Owned(self.lookups.apply(&batch, &mut state.lookups)?.into_owned()),
        };
        match (&self.exchange, &mut state.exchange) {
            (Some(exchange), Some(state)) => exchange.apply(batch, state),
            _ => Ok(batch),
        }
    }

    /// What is odd and not wrong.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        let unused = self.lookups.unused().iter();
        let unread = !self.aliases.is_empty() && self.hint().tags == WantedTags::No;
        unused
            .map(|table| format!("{table}: the question names none of the table's columns"))
            .chain(unread.then(|| "the tag aliases change nothing: the question reads no tags".to_owned()))
    }

    /// The account over all workers. Errors: rates that are missing.
    pub(crate) fn account(&self, states: Vec<BetweenState>) -> Result<BetweenAccount> {
        let (mut aliases, mut lookups, mut exchange_states) = (Vec::new(), Vec::new(), Vec::new());
        for state in states {
            aliases.push(state.aliases);
            lookups.push(state.lookups);
            exchange_states.extend(state.exchange);
        }
        Ok(BetweenAccount {
            aliases: if self.hint().tags > WantedTags::No {
                self.aliases.receipts(&aliases)
            } else {
                Vec::new()
            },
            lookups: self.lookups.receipts(&lookups),
            conversion: match &self.exchange {
                Some(bound) => Some(bound.receipt(exchange_states)?),
                None => None,
            },
        })
    }
}

/// Refuses a question that names a tag key which is read as another.
pub(crate) fn check_aliases(aliases: &TagAliases, plan: &Plan) -> Result<()> {
    let conditions = plan.conditions.iter().map(|(column, _)| column);
    let keys = plan
        .dimensions
        .iter()
        .chain(conditions)
        .filter_map(|column| match column {
            BatchColumn::TagKey(key) => Some(key.as_str()),
            _ => None,
        });
    aliases.check(keys)
}
