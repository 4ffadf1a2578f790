//! Pivots after splits of shared cost: the cells are the engine's, moved by rules; the totals of the columns stay the
//! engine's own, so that a split which lost or made cost would not come to them and never be shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use billfold_core::dataset::Outcome;
use billfold_core::engine::{Answer, Facts, answer_sha256};
use billfold_core::money::{Currency, ExactSum};
use billfold_core::query::{ChargeQuery, Order};
use billfold_core::split::{GroupName, Shared, Splits};
use billfold_core::{Error, Result};

use crate::pivot::{self, Pivot, QUESTIONS, RowSplit};

/// The questions of a pivot after splits: what is split, the charges of the rows, the totals of the columns.
///
/// Errors: as [`pivot::questions`].
pub fn questions(query: &ChargeQuery, splits: &Splits) -> Result<Vec<ChargeQuery>> {
    let mut plain = pivot::questions(query)?;
    if let [cells, rows, _] = plain.as_mut_slice() {
        *cells = splits.question();
        // Ranks are those after the splits.
        rows.top = None;
        rows.order = Order::default();
    }
    Ok(plain)
}

/// Splits and lays out the answers to [`questions`], in their order, by `facts` where the splits ask for them; with the
/// answer of the cells.
///
/// Errors: why there is no answer; those of [`Splits::apply`] and [`Pivot::new`].
pub fn pivot(
    outcomes: Vec<Outcome>,
    facts: Option<&Facts>,
    query: &ChargeQuery,
    splits: &Splits,
) -> Result<(Pivot, Answer)> {
    let three: [Outcome; QUESTIONS] = outcomes
        .try_into()
        .map_err(|_| Error::bug("a pivot is made of three answers"))?;
    if let Some(error) = three.iter().find_map(Outcome::error) {
        return Err(error);
    }
    let [cells, rows, columns] = three;
    let none = || Error::bug("an outcome without answer and error");
    let inner = cells.answer.ok_or_else(none)?;
    let row_answer = rows.answer.ok_or_else(none)?;
    let column_answer = columns.answer.ok_or_else(none)?;
    let shared = splits.apply(&inner, facts)?;
    let charges: BTreeMap<GroupName, u64> = row_answer
        .rows()
        .map(|row| {
            let keys = row.keys().map(Arc::from).collect();
            ((row.currency(), keys), row.charges())
        })
        .collect();
    let asked = pivot::questions(query)?;
    let [cell_query, row_query, _] = asked.as_slice() else {
        return Err(Error::bug("a pivot asks three questions"));
    };
    let cell_answer = shared.answer(cell_query, None)?.answer;
    let row_answer = shared.answer(row_query, Some(&charges))?.answer;
    let mut pivot = Pivot::of_answers(&cell_answer, &row_answer, &column_answer)?;
    tell(&mut pivot, &shared)?;
    pivot.receipt = cells.receipt;
    pivot.receipt.splits = shared.receipts;
    pivot.receipt.answer_sha256 = answer_sha256(&cell_answer);
    pivot.answer_sha256.clone_from(&pivot.receipt.answer_sha256);
    pivot.warnings = cells.warnings;
    Ok((pivot, cell_answer))
}

/// Says of each row what is its own, what came and what left.
fn tell(pivot: &mut Pivot, shared: &Shared) -> Result<()> {
    let mut by_name: BTreeMap<(Currency, Vec<String>), RowSplit> = BTreeMap::new();
    for group in &shared.groups {
        let keys = group.keys.iter().map(ToString::to_string).collect();
        let row = by_name.entry((group.currency, keys)).or_default();
        row.add(&RowSplit {
            own: group.own,
            shared_in: group.shared_in,
            shared_out: group.shared_out,
        })?;
    }
    for section in &mut pivot.sections {
        let mut others = RowSplit::default();
        let named: BTreeMap<&[String], usize> = section
            .rows
            .iter()
            .enumerate()
            .filter(|(_, row)| !row.is_others)
            .map(|(nth, row)| (row.keys.as_slice(), nth))
            .collect();
        let mut found: Vec<(usize, RowSplit)> = Vec::new();
        for ((_, keys), row) in by_name
            .iter()
            .filter(|((currency, _), _)| *currency == section.currency)
        {
            match named.get(keys.as_slice()) {
                Some(nth) => found.push((*nth, *row)),
                None => others.add(row)?,
            }
        }
        for (nth, row) in found {
            section.rows[nth].split = Some(row);
        }
        for row in section.rows.iter_mut().filter(|row| row.is_others) {
            row.split = Some(others);
        }
        if section
            .rows
            .iter()
            .any(|row| row.split.is_none_or(|split| !split.comes_to(&row.total)))
        {
            return Err(Error::bug("a row does not come to its own and shared cost"));
        }
    }
    Ok(())
}

impl RowSplit {
    fn add(&mut self, other: &RowSplit) -> Result<()> {
        let parts = [
            (&mut self.own, other.own),
            (&mut self.shared_in, other.shared_in),
            (&mut self.shared_out, other.shared_out),
        ];
        for (sum, more) in parts {
            sum.add(&more)
                .map_err(|_| Error::limit("limit.digits", "a number of the report leaves 256 bits"))?;
        }
        Ok(())
    }

    fn comes_to(&self, total: &ExactSum) -> bool {
        let mut sum = self.own;
        sum.add(&self.shared_in).is_ok() && sum.add(&self.shared_out).is_ok() && sum == *total
    }
}
