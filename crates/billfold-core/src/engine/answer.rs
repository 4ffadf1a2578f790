//! The answer: plain data, sorted by a total order. No Arrow, no serde, no files.
//!
//! Columns are kept apart and names are kept once, so that an answer of ten million groups does not
//! copy a name per group. [`Answer::row`] reads it row by row.

use std::sync::Arc;

use crate::money::{Currency, ExactSum, SumColumn, Totals};
use crate::query::ChargeQuery;
use crate::time::Period;

/// What a question came to.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The question that it answers.
    pub query: ChargeQuery,
    /// One column of keys per dimension of the question, in its order.
    pub keys: Vec<KeyColumn>,
    /// The periods that occur, in order of time.
    pub periods: Vec<Period>,
    /// Per group, the index of its period in `periods`.
    pub period_idx: Vec<u32>,
    /// The currencies that occur, in byte order.
    pub currencies: Vec<Currency>,
    /// Per group, the index of its currency in `currencies`.
    pub currency_idx: Vec<u32>,
    /// Per group, its exact cost.
    pub costs: SumColumn,
    /// Per group, the charges in it. A charge that is split over periods or tags counts in each.
    pub charges: Vec<u64>,
    /// Groups before `offset` and `limit`.
    pub n_groups: u64,
    /// Cost of the charges used, each once, whatever the grouping, `top`, `offset` and `limit`.
    pub totals: Totals,
    /// Charges used, each once.
    pub n_charges: u64,
}

/// The keys of one dimension: names once, and a code per group.
#[derive(Debug, Clone, Default)]
pub struct KeyColumn {
    /// The distinct values, in byte order.
    pub names: Vec<Arc<str>>,
    /// Per group, the index of its value in `names`, or [`KeyColumn::OTHERS`].
    pub codes: Vec<u32>,
}

impl KeyColumn {
    /// The code of the group that `top` put together.
    pub const OTHERS: u32 = u32::MAX;
    /// How that group is printed.
    pub const OTHERS_LABEL: &'static str = "Others";
}

/// One group of an answer.
#[derive(Debug, Clone, Copy)]
pub struct AnswerRow<'a> {
    answer: &'a Answer,
    idx: usize,
}

impl Answer {
    /// Groups in this answer (after `offset` and `limit`).
    pub fn len(&self) -> usize {
        self.charges.len()
    }

    /// Whether no group is in it.
    pub fn is_empty(&self) -> bool {
        self.charges.is_empty()
    }

    /// The group at `idx`.
    ///
    /// # Panics
    /// When `idx` is not below `len()`.
    pub fn row(&self, idx: usize) -> AnswerRow<'_> {
        assert!(idx < self.len(), "row {idx} of an answer of {}", self.len());
        AnswerRow { answer: self, idx }
    }

    /// All groups, in the answer's order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = AnswerRow<'_>> {
        (0..self.len()).map(|idx| AnswerRow { answer: self, idx })
    }

    /// The names of the dimensions, as asked.
    pub fn dimension_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.query.by.iter().map(|d| d.name.as_str())
    }
}

impl<'a> AnswerRow<'a> {
    /// The value of dimension `dimension`; `Others` where [`AnswerRow::is_others`].
    pub fn key(&self, dimension: usize) -> &'a str {
        let column = &self.answer.keys[dimension];
        match column.codes[self.idx] {
            KeyColumn::OTHERS => KeyColumn::OTHERS_LABEL,
            code => &column.names[code as usize],
        }
    }

    /// The values of all dimensions, in the order asked.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        let row = *self;
        (0..self.answer.keys.len()).map(move |d| row.key(d))
    }

    /// Whether this is what `top` put together.
    pub fn is_others(&self) -> bool {
        self.answer
            .keys
            .first()
            .is_some_and(|column| column.codes[self.idx] == KeyColumn::OTHERS)
    }

    /// The period.
    pub fn period(&self) -> &'a Period {
        &self.answer.periods[self.answer.period_idx[self.idx] as usize]
    }

    /// The currency of the cost; [`Currency::UNKNOWN`] where the file names none.
    pub fn currency(&self) -> Currency {
        self.answer.currencies[self.answer.currency_idx[self.idx] as usize]
    }

    /// The exact cost.
    pub fn cost(&self) -> ExactSum {
        self.answer.costs.get(self.idx as u32)
    }

    /// The charges in the group.
    pub fn charges(&self) -> u64 {
        self.answer.charges[self.idx]
    }
}
