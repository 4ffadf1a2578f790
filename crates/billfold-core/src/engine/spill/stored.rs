//! An answer on disk: its groups in order, read block by block.

use std::sync::Arc;

use super::key::{self, OTHERS};
use super::run::{Record, Run};
use crate::engine::answer::{Answer, KeyColumn};
use crate::engine::group::Names;
use crate::error::{Error, Result};
use crate::money::{Currency, SumColumn};

/// Groups of a block at most.
const BLOCK_GROUPS: usize = 1 << 16;
/// Bytes of the keys of a block, about, at most.
const BLOCK_BYTES: usize = 1 << 24;
/// Bytes held of the file while it is read.
const READ_BYTES: usize = 1 << 18;

/// An answer whose groups do not fit the memory given. They lie in a temporary file, which goes with this.
#[derive(Debug, Clone)]
pub struct StoredAnswer {
    /// Everything but the groups.
    pub(super) head: Answer,
    pub(super) run: Run,
    /// Ordinals of `head.periods`.
    pub(super) ordinals: Vec<i64>,
    pub(super) sorted_by: SortKey,
}

/// What stands in front of the keys of a run, and how they stand there.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SortKey {
    /// Bytes to leave out.
    pub(super) prefix: usize,
    /// Whether the key behind them is turned bit by bit.
    pub(super) turned: bool,
}

impl StoredAnswer {
    /// The answer without its groups: the question, periods, currencies, totals and counts.
    pub fn head(&self) -> &Answer {
        &self.head
    }

    /// Groups in this answer (after `offset` and `limit`).
    pub fn len(&self) -> u64 {
        self.run.n_groups
    }

    /// Whether no group is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that all groups would take up in memory, about.
    pub(super) fn size_bytes(&self) -> u64 {
        let per_group = 48 + 40 * self.head.query.by.len() as u64;
        self.run.key_bytes + self.run.n_groups * per_group
    }

    /// Hands out the groups in the answer's order, some at a time: answers like [`StoredAnswer::head`] with
    /// groups in them. Indices of periods and currencies are those of the head; names are the block's own.
    ///
    /// Errors: what `each` refuses; a temporary file that cannot be read.
    pub fn each_block(&self, each: &mut dyn FnMut(&Answer) -> Result<()>) -> Result<()> {
        self.each_of(BLOCK_GROUPS, BLOCK_BYTES, each)
    }

    fn each_of(
        &self,
        max_groups: usize,
        max_bytes: usize,
        each: &mut dyn FnMut(&Answer) -> Result<()>,
    ) -> Result<()> {
        let mut reader = self.run.read(READ_BYTES);
        let mut block = Block::new(self);
        while reader.advance()? {
            block.push(self, &reader.record)?;
            if block.answer.len() >= max_groups || block.n_bytes >= max_bytes {
                block.hand_out(each)?;
            }
        }
        if !block.answer.is_empty() {
            block.hand_out(each)?;
        }
        Ok(())
    }

    /// The whole answer, in memory.
    ///
    /// Errors: a temporary file that cannot be read.
    pub fn load(&self) -> Result<Answer> {
        let mut whole = self.head.clone();
        self.each_of(usize::MAX, usize::MAX, &mut |block| {
            whole = block.clone();
            Ok(())
        })?;
        Ok(whole)
    }
}

/// Groups on their way out.
struct Block {
    answer: Answer,
    names: Vec<Names>,
    n_bytes: usize,
    text: Vec<u8>,
    key: Vec<u8>,
    /// The dimensions of the group before, and their codes: neighbours mostly share them.
    last: Vec<(Vec<u8>, u32)>,
}

impl Block {
    fn new(stored: &StoredAnswer) -> Self {
        let mut block = Block {
            answer: stored.head.clone(),
            names: Vec::new(),
            n_bytes: 0,
            text: Vec::new(),
            key: Vec::new(),
            last: Vec::new(),
        };
        block.clear();
        block
    }

    fn clear(&mut self) {
        let n_dims = self.answer.query.by.len();
        self.answer.keys.resize_with(n_dims, KeyColumn::default);
        for column in &mut self.answer.keys {
            column.names.clear();
            column.codes.clear();
        }
        self.answer.period_idx.clear();
        self.answer.currency_idx.clear();
        self.answer.charges.clear();
        self.answer.costs = SumColumn::new();
        self.names.resize_with(n_dims, Names::default);
        self.names.iter_mut().for_each(Names::clear);
        self.last.clear();
        self.n_bytes = 0;
    }

    fn push(&mut self, stored: &StoredAnswer, record: &Record) -> Result<()> {
        let SortKey { prefix, turned } = stored.sorted_by;
        let bytes = record.key.get(prefix..).ok_or_else(key::broken)?;
        self.key.clear();
        if turned {
            self.key.extend(bytes.iter().map(|byte| !byte));
        } else {
            self.key.extend_from_slice(bytes);
        }
        self.n_bytes += self.key.len();
        let (ordinal, currency) = key::tail(&self.key)?;
        let mut rest = key::dimensions(&self.key);
        for (d, names) in self.names.iter_mut().enumerate() {
            rest = key::take_text(rest, &mut self.text)?;
            let code = match self.last.get(d) {
                Some((text, code)) if *text == self.text => *code,
                _ => {
                    let code = if self.text == OTHERS {
                        KeyColumn::OTHERS
                    } else {
                        let text = std::str::from_utf8(&self.text).map_err(|_| key::broken())?;
                        names.code(text)
                    };
                    match self.last.get_mut(d) {
                        Some(last) => {
                            last.0.clone_from(&self.text);
                            last.1 = code;
                        }
                        None => self.last.push((self.text.clone(), code)),
                    }
                    code
                }
            };
            self.answer.keys[d].codes.push(code);
        }
        let period = stored.ordinals.binary_search(&i64::from(ordinal));
        self.answer
            .period_idx
            .push(period.map_err(|_| key::broken())? as u32);
        let currency = self.answer.currencies.binary_search(&currency);
        self.answer
            .currency_idx
            .push(currency.map_err(|_| key::broken())? as u32);
        let nth = self.answer.charges.len();
        self.answer.charges.push(record.charges);
        self.answer.costs.resize(nth + 1);
        self.answer
            .costs
            .add_at(nth as u32, &record.cost)
            .map_err(|_| Error::bug("a sum that fitted no longer fits"))
    }

    fn hand_out(&mut self, each: &mut dyn FnMut(&Answer) -> Result<()>) -> Result<()> {
        for (names, column) in self.names.iter().zip(&mut self.answer.keys) {
            let (order, rank_of) = names.ranked();
            column.names = order
                .iter()
                .map(|code| Arc::from(String::from_utf8_lossy(names.name(*code)).as_ref()))
                .collect();
            for code in column.codes.iter_mut().filter(|code| **code != KeyColumn::OTHERS) {
                *code = rank_of[*code as usize];
            }
        }
        each(&self.answer)?;
        self.clear();
        Ok(())
    }
}

/// The currencies and periods that groups have, as they are met.
#[derive(Debug, Default)]
pub(super) struct Met {
    pub(super) ordinals: std::collections::BTreeSet<i64>,
    pub(super) currencies: std::collections::BTreeSet<Currency>,
}
