//! Charges that can be asked, wherever they are kept.
//!
//! [`Charges`] is what answers of the vendors' actions are made from; [`Files`] reads the files anew for every
//! question, only the columns that it needs.

use std::sync::{Mutex, PoisonError};

use super::{AllowRejects, Outcome, RunOptions};
use crate::charge::{ChargeBatch, ScanHint};
use crate::engine::{
    Answer, ChargeRows, Facts, FactsFold, FactsPlan, Finished, Plan, Receipt, RowsFold, RowsPlan, Sums,
};
use crate::error::Result;
use crate::money::Currency;
use crate::query::{ChargeQuery, FactsQuery, RowsQuery};

/// Charges that can be asked.
pub trait Charges: Sync {
    /// Sums of groups.
    ///
    /// Errors: a question that cannot be asked like this, files that cannot be read, rejected rows that are not
    /// allowed.
    fn sums(&self, query: &ChargeQuery) -> Result<Answered<Answer>>;

    /// Facts about groups. Errors: as [`Charges::sums`].
    fn facts(&self, query: &FactsQuery) -> Result<Answered<Facts>>;

    /// The charges themselves. Errors: as [`Charges::sums`].
    fn rows(&self, query: &RowsQuery) -> Result<Answered<ChargeRows>>;

    /// What time and which currencies there are charges for. Errors: as [`Charges::sums`].
    fn extent(&self) -> Result<Extent>;
}

/// An answer with its account.
#[derive(Debug, Clone)]
pub struct Answered<T> {
    /// The answer.
    pub value: T,
    /// The account of what was read, which balances. `answer_sha256` is filled for sums.
    pub receipt: Receipt,
    /// What is odd and not wrong, one line each.
    pub warnings: Vec<String>,
}

/// What charges there are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extent {
    /// The first start of a charge, UTC microseconds; None without a charge.
    pub first_start: Option<i64>,
    /// The last end of a charge.
    pub last_end: Option<i64>,
    /// Charges.
    pub n_charges: u64,
    /// Their currencies, in order; [`Currency::UNKNOWN`] for charges of files that name none.
    pub currencies: Vec<Currency>,
}

/// Charges in files, read anew for every question.
pub struct Files {
    inputs: Vec<String>,
    options: Mutex<RunOptions<'static>>,
}

impl Files {
    /// Charges in paths, folders or globs. Rejected rows are not handed to anyone.
    pub fn new(inputs: Vec<String>, options: RunOptions<'static>) -> Self {
        Files {
            inputs,
            options: Mutex::new(options),
        }
    }

    fn options(&self) -> RunOptions<'static> {
        let options = self.options.lock().unwrap_or_else(PoisonError::into_inner);
        options.again()
    }

    fn ask<F: Fold>(&self, plan: &Plan, new: impl Fn() -> F) -> Result<Answered<F::Value>> {
        let options = self.options();
        let allow: AllowRejects = options.allow_rejects;
        let ran = super::fold_files(&self.inputs, plan, &options, new)?;
        ran.answered(plan, allow)
    }
}

/// State of a worker that batches are folded into.
pub(crate) trait Fold: Send {
    /// What it comes to.
    type Value;
    /// Adds a batch.
    fn update(&mut self, batch: &ChargeBatch) -> Result<()>;
    /// Takes over another worker's state; associative and commutative.
    fn merge(&mut self, other: Self) -> Result<()>;
    /// The value, and the account of the rows.
    fn finish(self) -> Result<(Self::Value, Finished)>;
}

/// Sums of workers, put together all at once at the end.
pub(crate) struct Workers(pub(crate) Vec<Sums>);

impl Fold for Workers {
    type Value = ();
    fn update(&mut self, batch: &ChargeBatch) -> Result<()> {
        self.0.iter_mut().take(1).try_for_each(|sums| sums.update(batch))
    }
    fn merge(&mut self, other: Self) -> Result<()> {
        self.0.extend(other.0);
        Ok(())
    }
    fn finish(self) -> Result<((), Finished)> {
        Ok(((), Sums::finish_all(self.0)?))
    }
}

impl Fold for FactsFold {
    type Value = Facts;
    fn update(&mut self, batch: &ChargeBatch) -> Result<()> {
        FactsFold::update(self, batch)
    }
    fn merge(&mut self, other: Self) -> Result<()> {
        FactsFold::merge(self, &other)
    }
    fn finish(self) -> Result<(Facts, Finished)> {
        FactsFold::finish(self)
    }
}

impl Fold for RowsFold {
    type Value = ChargeRows;
    fn update(&mut self, batch: &ChargeBatch) -> Result<()> {
        RowsFold::update(self, batch)
    }
    fn merge(&mut self, other: Self) -> Result<()> {
        RowsFold::merge(self, other)
    }
    fn finish(self) -> Result<(ChargeRows, Finished)> {
        RowsFold::finish(self)
    }
}

/// Sums that are to be handed on with their extent.
#[derive(Debug)]
struct ExtentFold {
    sums: Sums,
    span: Option<(i64, i64)>,
}

impl Fold for ExtentFold {
    type Value = Option<(i64, i64)>;
    fn update(&mut self, batch: &ChargeBatch) -> Result<()> {
        for (start, end) in batch.start().iter().zip(batch.end()) {
            let (first, last) = self.span.unwrap_or((*start, *end));
            self.span = Some((first.min(*start), last.max(*end)));
        }
        self.sums.update(batch)
    }
    fn merge(&mut self, other: Self) -> Result<()> {
        self.span = match (self.span, other.span) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        self.sums.merge(&other.sums)
    }
    fn finish(self) -> Result<(Self::Value, Finished)> {
        Ok((self.span, self.sums.finish()?))
    }
}

impl Charges for Files {
    fn sums(&self, query: &ChargeQuery) -> Result<Answered<Answer>> {
        let options = self.options();
        let outcome = super::sums(&self.inputs, query.clone(), options)?;
        if let Some(error) = refused(&outcome) {
            return Err(error);
        }
        let Outcome {
            answer,
            receipt,
            warnings,
            ..
        } = outcome;
        let value = answer.ok_or_else(|| crate::error::Error::bug("no answer and no error"))?;
        Ok(Answered {
            value,
            receipt,
            warnings,
        })
    }

    fn facts(&self, query: &FactsQuery) -> Result<Answered<Facts>> {
        let plan = FactsPlan::new(query.clone())?;
        self.ask(&plan.plan, || FactsFold::new(&plan))
    }

    fn rows(&self, query: &RowsQuery) -> Result<Answered<ChargeRows>> {
        let plan = RowsPlan::new(query.clone())?;
        self.ask(&plan.plan, || RowsFold::new(&plan))
    }

    fn extent(&self) -> Result<Extent> {
        let mut plan = Plan::new(ChargeQuery::total())?;
        plan.hint = ScanHint {
            ends: true,
            ..plan.hint
        };
        let plan = std::sync::Arc::new(plan);
        let answered = self.ask(&plan, || ExtentFold {
            sums: Sums::new(std::sync::Arc::clone(&plan)),
            span: None,
        })?;
        Ok(Extent {
            first_start: answered.value.map(|(first, _)| first),
            last_end: answered.value.map(|(_, last)| last),
            n_charges: answered.receipt.rows.used,
            currencies: answered
                .receipt
                .cost
                .used
                .iter()
                .map(|(currency, _)| currency)
                .collect(),
        })
    }
}

/// Why there is no answer, with the first of the rows that were rejected.
pub(crate) fn refused(outcome: &Outcome) -> Option<crate::error::Error> {
    let error = outcome.error()?;
    Some(match outcome.rejects.first() {
        Some(first) => error.hint(format!("the first: {first}")),
        None => error,
    })
}
