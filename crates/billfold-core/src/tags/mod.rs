//! How well charges are tagged: coverage per tag key by cost and by charges, the dearest resources that lack a tag, and
//! keys and values that are likely one.
//!
//! One reading answers all of it. Shares are of gross cost, which is the cost of charges above zero: with a credit of
//! the size of the bill, a share of net cost would be anything. Net cost stands beside it, and its three parts add up
//! to the total as they must.

pub mod near;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::charge::{ChargeBatch, ScanHint, WantedTags};
use crate::dataset::{Fold, RunOptions, fold_files};
use crate::engine::{Answer, Finished, KeyFacts, Plan, Receipt, Sums, TagFacts, TagSums, Tally};
use crate::error::{Error, ErrorKind, Result};
use crate::money::{Amount, Currency, ExactSum, SumOverflow, apportion};
use crate::query::{ChargeQuery, Condition, Dimension, DimensionSource, Filter, Order, OrderBy, Test};
use crate::time::Granularity;

use near::{Near, Rule, near};

/// Decimals of a percentage.
const PERCENT_PLACES: u8 = 2;

/// A question about tags.
#[derive(Debug, Clone)]
pub struct TagsQuery {
    /// Which charges, at which cost: window, clock, metric, filter, default currency. The rest is not looked at.
    pub query: ChargeQuery,
    /// The keys that it is about; all that occur without.
    pub keys: Vec<String>,
    /// Resources to name per key of `keys`, per currency.
    pub top: usize,
}

/// How well charges are tagged.
#[derive(Debug, Clone)]
pub struct Tags {
    /// By key, most charges with a value first, then by key; currencies in byte order.
    pub coverage: Vec<Coverage>,
    /// Per currency, all charges.
    pub totals: Vec<(Currency, Tally)>,
    /// Per key asked for, the resources that cost most without it.
    pub untagged: Vec<Untagged>,
    /// Keys that are likely one, among all that occur.
    pub near_keys: Vec<Near>,
    /// Per key, its values that are likely one.
    pub near_values: Vec<(String, Vec<Near>)>,
    /// Keys whose values are too many to be compared.
    pub many_values: Vec<String>,
    /// The account of the reading.
    pub receipt: Receipt,
    /// What is odd and not wrong.
    pub warnings: Vec<String>,
}

/// One key in one currency. The three parts add up to all charges of the currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// The key.
    pub key: String,
    /// The currency.
    pub currency: Currency,
    /// Charges that have the key with a value.
    pub with_value: Tally,
    /// Charges that have the key, and no value or an empty one.
    pub empty: Tally,
    /// Charges that lack the key.
    pub absent: Tally,
    /// Percent of the gross cost per part, coming to 100; None where the gross cost is zero.
    pub cost_percent: Option<[ExactSum; 3]>,
    /// Percent of the charges per part, coming to 100.
    pub charges_percent: Option<[ExactSum; 3]>,
    /// Distinct values, where they could be counted.
    pub n_values: Option<usize>,
}

/// What costs most without a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untagged {
    /// The key.
    pub key: String,
    /// Resources, highest cost first within each currency; the others together come last.
    pub rows: Vec<UntaggedRow>,
}

/// One resource without a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntaggedRow {
    /// Its id; "" for charges without one.
    pub resource: String,
    /// Whether this is all others together.
    pub is_others: bool,
    /// The currency.
    pub currency: Currency,
    /// Cost of its charges without the key, or with an empty value.
    pub cost: ExactSum,
    /// These charges.
    pub charges: u64,
}

/// The tags of all charges, and per key a question.
struct Together {
    tags: TagSums,
    sums: Vec<Sums>,
}

impl Fold for Together {
    type Value = (TagFacts, Vec<Finished>);

    fn update(&mut self, batch: &ChargeBatch) -> Result<()> {
        self.tags.update(batch)?;
        self.sums.iter_mut().try_for_each(|sums| sums.update(batch))
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.tags.merge(other.tags)?;
        self.sums
            .iter_mut()
            .zip(&other.sums)
            .try_for_each(|(sums, other)| sums.merge(other))
    }

    fn finish(self) -> Result<(Self::Value, Finished)> {
        let untagged = self.sums.into_iter().map(Sums::finish).collect::<Result<_>>()?;
        let (facts, finished) = self.tags.finish()?;
        Ok(((facts, untagged), finished))
    }
}

/// Says how well the charges of files are tagged.
///
/// Errors: as [`crate::dataset::sums`]; usage, for a key asked for twice, an empty one, one that is read as another,
/// and a top of 0; `limit.tags` for more than 65,536 keys.
pub fn tags(inputs: &[String], asked: &TagsQuery, options: &RunOptions<'_>) -> Result<Tags> {
    check(asked)?;
    options.aliases.check(asked.keys.iter().map(String::as_str))?;
    let plain = ChargeQuery {
        window: asked.query.window,
        zone: asked.query.zone,
        clock: asked.query.clock,
        metric: asked.query.metric.clone(),
        filter: asked.query.filter.clone(),
        default_currency: asked.query.default_currency,
        ..ChargeQuery::total()
    };
    let mut plan = Plan::new(plain.clone())?;
    plan.hint.want_tags(WantedTags::Sets);
    let mut hint: ScanHint = plan.hint.clone();
    let mut untagged = Vec::new();
    for key in &asked.keys {
        let plan = Plan::over(without_tag(&plain, key, asked.top)?, Some(hint))?;
        hint = plan.hint.clone();
        untagged.push(plan);
    }
    plan.hint = hint.clone();
    let untagged: Vec<Arc<Plan>> = untagged
        .into_iter()
        .map(|plan| {
            Arc::new(Plan {
                hint: hint.clone(),
                ..plan
            })
        })
        .collect();
    let plan = Arc::new(plan);
    let state = || Together {
        tags: TagSums::new(&plan),
        sums: untagged.iter().map(|plan| Sums::new(Arc::clone(plan))).collect(),
    };
    let ran = fold_files(inputs, &plan, options, state)?;
    let answered = ran.answered(&plan, options.allow_rejects)?;
    let (facts, finished) = answered.value;
    let rows = asked.keys.iter().zip(finished);
    let mut tags = Tags {
        untagged: rows
            .map(|(key, finished)| untagged_rows(key, &finished.answer))
            .collect(),
        near_keys: near_keys(&facts.keys),
        near_values: near_values(&facts.keys, &asked.keys),
        many_values: facts
            .keys
            .iter()
            .filter(|facts| facts.values.is_none() && is_asked(&asked.keys, &facts.key))
            .map(|facts| facts.key.clone())
            .collect(),
        coverage: coverage(&facts, &asked.keys)?,
        totals: facts.totals,
        receipt: answered.receipt,
        warnings: answered.warnings,
    };
    tags.receipt.answer_sha256.clear();
    Ok(tags)
}

fn check(asked: &TagsQuery) -> Result<()> {
    for (nth, key) in asked.keys.iter().enumerate() {
        if key.is_empty() {
            return Err(Error::usage("an empty tag key").hint("write --key team"));
        }
        if asked.keys[..nth].contains(key) {
            return Err(Error::usage(format!("the tag key \"{key}\" is asked for twice")));
        }
    }
    if asked.top == 0 {
        return Err(Error::usage("--top 0 names nothing").hint("give at least 1"));
    }
    Ok(())
}

/// The charges without a tag, by resource.
fn without_tag(plain: &ChargeQuery, key: &str, top: usize) -> Result<ChargeQuery> {
    let dimension = Dimension {
        name: format!("tag:{key}"),
        source: DimensionSource::TagKey(key.to_owned()),
    };
    let mut conditions = plain.filter.conditions.clone();
    // Beside the conditions of the question and not an alternative to one of them.
    conditions.push(Condition {
        dimension,
        any_of: vec![Test::Equals(String::new())],
        negated: false,
    });
    Ok(ChargeQuery {
        by: vec![Dimension::parse("resource_id")?],
        granularity: Granularity::Total,
        filter: Filter { conditions },
        order: Order {
            by: OrderBy::Cost,
            descending: true,
        },
        top: Some(top),
        ..plain.clone()
    })
}

fn untagged_rows(key: &str, answer: &Answer) -> Untagged {
    let rows = answer.rows().map(|row| UntaggedRow {
        resource: row.key(0).to_owned(),
        is_others: row.is_others(),
        currency: row.currency(),
        cost: row.cost(),
        charges: row.charges(),
    });
    let mut rows: Vec<UntaggedRow> = rows.collect();
    // The engine ranks within each currency; currencies stay together here.
    rows.sort_by_key(|row| (row.currency, row.is_others));
    Untagged {
        key: key.to_owned(),
        rows,
    }
}

fn is_asked(keys: &[String], key: &str) -> bool {
    keys.is_empty() || keys.iter().any(|asked| asked == key)
}

fn coverage(facts: &TagFacts, asked: &[String]) -> Result<Vec<Coverage>> {
    let known: BTreeMap<&str, &KeyFacts> = facts
        .keys
        .iter()
        .map(|facts| (facts.key.as_str(), facts))
        .collect();
    let keys: Vec<&str> = if asked.is_empty() {
        known.keys().copied().collect()
    } else {
        asked.iter().map(String::as_str).collect()
    };
    let mut rows = Vec::new();
    for key in keys {
        let facts_of = known.get(key);
        let mut of_key = Vec::new();
        for (currency, total) in &facts.totals {
            let cell = facts_of.and_then(|facts| facts.cells.iter().find(|(own, _, _)| own == currency));
            let (with_value, empty) =
                cell.map_or_else(Default::default, |(_, value, empty)| (*value, *empty));
            let absent = rest(total, &with_value, &empty).map_err(|_| overflow())?;
            let parts = [with_value, empty, absent];
            of_key.push(Coverage {
                key: key.to_owned(),
                currency: *currency,
                with_value,
                empty,
                absent,
                cost_percent: percents(parts.map(|part| part.gross)).map_err(|_| overflow())?,
                charges_percent: percents(parts.map(|part| count(part.charges))).map_err(|_| overflow())?,
                n_values: match facts_of {
                    Some(facts) => facts.values.as_ref().map(Vec::len),
                    None => Some(0),
                },
            });
        }
        let n_with: u64 = of_key.iter().map(|row| row.with_value.charges).sum();
        rows.push((n_with, of_key));
    }
    rows.sort_by(|a, b| {
        let key = |rows: &[Coverage]| rows.first().map(|row| row.key.clone());
        b.0.cmp(&a.0).then_with(|| key(&a.1).cmp(&key(&b.1)))
    });
    Ok(rows.into_iter().flat_map(|(_, rows)| rows).collect())
}

fn count(n: u64) -> ExactSum {
    Amount::new(i128::from(n), 0).map_or(ExactSum::ZERO, ExactSum::from)
}

/// What is left of all charges.
fn rest(total: &Tally, with_value: &Tally, empty: &Tally) -> std::result::Result<Tally, SumOverflow> {
    let mut left = *total;
    for part in [with_value, empty] {
        left.charges -= part.charges;
        left.cost.sub(&part.cost)?;
        left.gross.sub(&part.gross)?;
    }
    Ok(left)
}

/// Percent of each part, coming to 100.
fn percents(parts: [ExactSum; 3]) -> std::result::Result<Option<[ExactSum; 3]>, SumOverflow> {
    let shares = apportion(&count(100), &parts, PERCENT_PLACES)?;
    Ok(shares.and_then(|shares| shares.try_into().ok()))
}

fn near_keys(keys: &[KeyFacts]) -> Vec<Near> {
    let counted: Vec<(&str, u64)> = keys
        .iter()
        .map(|facts| {
            let charges = facts
                .cells
                .iter()
                .map(|(_, value, empty)| value.charges + empty.charges);
            (facts.key.as_str(), charges.sum())
        })
        .collect();
    near(&counted, Rule::KEYS)
}

fn near_values(keys: &[KeyFacts], asked: &[String]) -> Vec<(String, Vec<Near>)> {
    keys.iter()
        .filter(|facts| is_asked(asked, &facts.key))
        .filter_map(|facts| {
            let values = facts.values.as_ref()?;
            let counted: Vec<(&str, u64)> = values.iter().map(|(value, n)| (value.as_str(), *n)).collect();
            let found = near(&counted, Rule::VALUES);
            (!found.is_empty()).then(|| (facts.key.clone(), found))
        })
        .collect()
}

#[cold]
fn overflow() -> Error {
    Error::new(ErrorKind::Overflow {
        group: "the cost under a tag".to_owned(),
    })
}
