//! The difference between two bills, taken apart: what is new, what is gone, usage, price, currency, corrections.
//!
//! Both sides are asked for items: the groups of the question, each by resource, SKU, meter, currency and class of
//! charge. An item's change goes whole into one part, or for an item of both sides into usage and price. Parts add up
//! to the difference exactly, since price is what usage leaves over. Rules, in this order:
//!
//! 1. *corrections*: items of charge class `Correction`, whether or not they are on both sides.
//! 2. *currency*: an item that the old side has only in other currencies than the new side.
//! 3. *new* and *gone*: items of one side only.
//! 4. *usage*: old cost × (new quantity − old quantity) ÷ old quantity, where every charge of the item has a quantity
//!    and the old quantity is not zero; rounded half away from zero at 18 decimals. *price*: the rest.
//! 5. *other*: the change of an item without quantities.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::dataset::Charges;
use crate::engine::{FactGroup, Receipt};
use crate::error::{Error, ErrorKind, Result};
use crate::money::{Amount, Currency, ExactSum, divided, product};
use crate::query::{ChargeQuery, Dimension, DimensionSource, FactsQuery};
use crate::time::Granularity;

/// What makes an item within a group, beside its currency.
const ITEM: [&str; 4] = ["charge_class", "resource_id", "sku_id", "sku_meter"];
const QUANTITY: &str = "usage_quantity";

/// Two costs, and what lies between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parts {
    /// Cost of the old side.
    pub old: ExactSum,
    /// Cost of the new side.
    pub new: ExactSum,
    /// Items that only the new side has.
    pub added: ExactSum,
    /// Items that only the old side has, negative where they cost something.
    pub gone: ExactSum,
    /// More or less used, at the old price.
    pub usage: ExactSum,
    /// What is left of an item's change.
    pub price: ExactSum,
    /// Items billed in another currency.
    pub currency: ExactSum,
    /// Charges of class Correction.
    pub corrections: ExactSum,
    /// Changes of items without quantities.
    pub other: ExactSum,
}

/// One group, in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffRow {
    /// One value per dimension of the question.
    pub keys: Vec<Arc<str>>,
    /// The currency of every amount.
    pub currency: Currency,
    /// The difference, taken apart.
    pub parts: Parts,
}

/// The difference between two bills.
#[derive(Debug, Clone, Default)]
pub struct Difference {
    /// The dimensions, as asked.
    pub dimensions: Vec<String>,
    /// The groups of either side, by key and currency.
    pub rows: Vec<DiffRow>,
    /// All groups, per currency. With `tag_id` a charge counts in each of its tags.
    pub totals: BTreeMap<Currency, Parts>,
    /// The account of the old side.
    pub old: Receipt,
    /// The account of the new side.
    pub new: Receipt,
    /// What is odd and not wrong.
    pub warnings: Vec<String>,
}

/// One item's cost on one side.
#[derive(Debug, Clone, Copy, Default)]
struct Side {
    cost: ExactSum,
    /// None where a charge has no quantity.
    quantity: Option<ExactSum>,
}

/// An item on both sides.
#[derive(Debug, Clone, Copy, Default)]
struct Item {
    old: Option<Side>,
    new: Option<Side>,
}

/// Group and item, without the currency.
type ItemKey = Vec<Arc<str>>;

/// Asks both sides, and takes their difference apart. The groups are those of `old_query`; the queries differ in
/// their windows at most.
///
/// Errors: as [`Charges::facts`]; a sum that leaves 256 bits.
pub fn diff(
    old: &dyn Charges,
    old_query: &ChargeQuery,
    new: &dyn Charges,
    new_query: &ChargeQuery,
) -> Result<Difference> {
    let n_dims = old_query.by.len();
    let mut items: BTreeMap<ItemKey, BTreeMap<Currency, Item>> = BTreeMap::new();
    let mut difference = Difference {
        dimensions: old_query.by.iter().map(|d| d.name.clone()).collect(),
        ..Difference::default()
    };
    let mut class_at = 0;
    for (is_new, charges, query) in [(false, old, old_query), (true, new, new_query)] {
        let query = by_item(query)?;
        class_at = query
            .query
            .by
            .iter()
            .position(|d| is(d, ITEM[0]))
            .unwrap_or(n_dims);
        let answered = charges.facts(&query)?;
        for group in &answered.value.groups {
            let item = items
                .entry(group.keys.clone())
                .or_default()
                .entry(group.currency)
                .or_default();
            let side = if is_new { &mut item.new } else { &mut item.old };
            *side = Some(Side::of(group));
        }
        difference.warnings.extend(answered.warnings);
        if is_new {
            difference.new = answered.receipt;
        } else {
            difference.old = answered.receipt;
        }
    }

    let mut rows: BTreeMap<(ItemKey, Currency), Parts> = BTreeMap::new();
    for (key, by_currency) in &items {
        let is_correction = key
            .get(class_at)
            .is_some_and(|class| class.eq_ignore_ascii_case("correction"));
        let sides = |is_new: bool| -> BTreeSet<Currency> {
            let has = |item: &Item| {
                if is_new {
                    item.new.is_some()
                } else {
                    item.old.is_some()
                }
            };
            by_currency
                .iter()
                .filter(|(_, item)| has(item))
                .map(|(currency, _)| *currency)
                .collect()
        };
        let (was, is) = (sides(false), sides(true));
        let moved = !was.is_empty() && !is.is_empty() && was.is_disjoint(&is);
        for (currency, item) in by_currency {
            let parts = parts_of(item, is_correction, moved)?;
            let group = (key[..n_dims].to_vec(), *currency);
            rows.entry(group).or_default().add(&parts)?;
            difference.totals.entry(*currency).or_default().add(&parts)?;
        }
    }
    difference.rows = rows
        .into_iter()
        .map(|((keys, currency), parts)| DiffRow {
            keys,
            currency,
            parts,
        })
        .collect();
    let sound = |parts: &Parts| parts.is_sound();
    if difference
        .rows
        .iter()
        .map(|row| &row.parts)
        .chain(difference.totals.values())
        .all(sound)
    {
        Ok(difference)
    } else {
        Err(Error::bug("the parts of a difference do not add up to it"))
    }
}

fn is(dimension: &Dimension, column: &str) -> bool {
    dimension.source == DimensionSource::Column(column.to_owned())
}

/// The question by item: every dimension once, with quantities.
fn by_item(query: &ChargeQuery) -> Result<FactsQuery> {
    let mut query = query.clone();
    query.granularity = Granularity::Total;
    for name in ITEM {
        if !query.by.iter().any(|d| is(d, name)) {
            query.by.push(Dimension::parse(name)?);
        }
    }
    Ok(FactsQuery {
        query,
        measures: vec![QUANTITY.to_owned()],
        attributes: Vec::new(),
    })
}

impl Side {
    fn of(group: &FactGroup) -> Self {
        let quantity = group.measures.first().filter(|q| q.n_values == group.charges);
        Side {
            cost: group.cost,
            quantity: quantity.map(|q| q.sum),
        }
    }
}

fn parts_of(item: &Item, is_correction: bool, moved: bool) -> Result<Parts> {
    let (old, new) = (item.old.unwrap_or_default(), item.new.unwrap_or_default());
    let mut parts = Parts {
        old: old.cost,
        new: new.cost,
        ..Parts::default()
    };
    let change = minus(new.cost, old.cost)?;
    if is_correction {
        parts.corrections = change;
    } else if moved {
        parts.currency = change;
    } else if item.old.is_none() {
        parts.added = change;
    } else if item.new.is_none() {
        parts.gone = change;
    } else {
        match usage(&old, &new)? {
            Some(usage) => {
                parts.usage = usage;
                parts.price = minus(change, usage)?;
            }
            None => parts.other = change,
        }
    }
    Ok(parts)
}

/// What more or less used comes to at the old price; None without quantities on both sides.
fn usage(old: &Side, new: &Side) -> Result<Option<ExactSum>> {
    let (Some(was), Some(is)) = (old.quantity, new.quantity) else {
        return Ok(None);
    };
    let amount = |sum: ExactSum| sum.to_amount();
    let (Some(cost), Some(more), Some(was)) = (amount(old.cost), amount(minus(is, was)?), amount(was)) else {
        return Ok(None);
    };
    if was.is_zero() {
        return Ok(None);
    }
    let at_old_price = |cost: Amount| Some(divided(product(cost, more)?.amount, was)?.into());
    Ok(at_old_price(cost))
}

impl Parts {
    fn all(&mut self) -> [&mut ExactSum; 9] {
        [
            &mut self.old,
            &mut self.new,
            &mut self.added,
            &mut self.gone,
            &mut self.usage,
            &mut self.price,
            &mut self.currency,
            &mut self.corrections,
            &mut self.other,
        ]
    }

    /// The new cost without the old one.
    ///
    /// Errors: a difference that leaves 256 bits.
    pub fn difference(&self) -> Result<ExactSum> {
        minus(self.new, self.old)
    }

    fn add(&mut self, other: &Parts) -> Result<()> {
        let mut other = *other;
        for (sum, more) in self.all().into_iter().zip(other.all()) {
            sum.add(more).map_err(|_| overflow())?;
        }
        Ok(())
    }

    /// Whether the parts make the difference.
    fn is_sound(&self) -> bool {
        let mut sum = ExactSum::ZERO;
        let parts = [
            self.added,
            self.gone,
            self.usage,
            self.price,
            self.currency,
            self.corrections,
            self.other,
        ];
        let added = parts.iter().try_for_each(|part| sum.add(part));
        added.is_ok() && self.difference().is_ok_and(|difference| difference == sum)
    }
}

fn minus(mut left: ExactSum, right: ExactSum) -> Result<ExactSum> {
    left.sub(&right).map_err(|_| overflow())?;
    Ok(left)
}

#[cold]
fn overflow() -> Error {
    Error::new(ErrorKind::Overflow {
        group: "a difference".to_owned(),
    })
}
