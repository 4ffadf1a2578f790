//! Splits: the cost of shared groups moved to those that use them, to the last digit.
//!
//! A split looks at an answer and not at rows: the question is asked with the dimensions of its rules beside its own
//! (`question`), and the cells of that answer are shared group by group (`apply`). Periods and currencies are shared
//! independently. What leaves the shared groups comes to others, digit by digit: [`apportion`] loses none.
//!
//! The rules, in their order:
//! - A cell belongs to the first rule whose conditions all hold on it.
//! - A rule of nothing but asked dimensions empties its groups: what earlier rules brought them goes along.
//! - Targets are groups with a charge in the period and currency. Without `to` these are all that no rule empties; with
//!   it those that it holds on, but for groups that this rule or an earlier one empties.
//! - Weights are of what is a group's own, that is of cells that no rule shares. A weight below zero weighs nothing. Where
//!   no target has a weight, the cost is shared evenly, and the receipt counts it.
//! - Cost without a target is an error: nothing is left where it is in silence.

mod rule;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use rule::{Method, Rule};

use crate::engine::{Answer, Facts, Finished, Plan, SplitReceipt, Sums};
use crate::error::{Error, ErrorKind, Result};
use crate::money::{Amount, Currency, ExactSum, SumOverflow, apportion};
use crate::query::{ChargeQuery, Condition, Dimension, DimensionSource, FactsQuery, Order};
use crate::time::{Granularity, Period};

/// Fewest decimals of a share where none are stated.
const LEAST_PLACES: u8 = 2;

/// Rules, bound to a question.
#[derive(Debug, Clone)]
pub struct Splits {
    rules: Vec<Bound>,
    query: ChargeQuery,
    /// Dimensions of the rules that the question does not ask for.
    more: Vec<Dimension>,
    places: Option<u8>,
}

/// One rule; conditions with the index of their dimension among those of the question, then of `more`.
#[derive(Debug, Clone)]
struct Bound {
    rule: Rule,
    from: Vec<(usize, Condition)>,
    to: Vec<(usize, Condition)>,
    /// Whether it is about whole groups.
    empties: bool,
}

/// What a group has after the splits, in one period and currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedGroup {
    /// Its keys.
    pub keys: Vec<Arc<str>>,
    /// The index of its period in [`Shared::periods`].
    pub period_idx: u32,
    /// The currency.
    pub currency: Currency,
    /// What it cost before.
    pub own: ExactSum,
    /// What came to it.
    pub shared_in: ExactSum,
    /// What left it; below zero where it cost something.
    pub shared_out: ExactSum,
    /// Its charges.
    pub charges: u64,
}

/// An answer after its splits.
#[derive(Debug, Clone)]
pub struct Shared {
    /// By period, currency and keys.
    pub groups: Vec<SharedGroup>,
    /// The periods, in order of time.
    pub periods: Vec<Period>,
    /// The account of each rule.
    pub receipts: Vec<SplitReceipt>,
    /// Charges, each once.
    n_charges: u64,
}

/// By period and keys, the sums of measures that are a group's own.
type Weights = BTreeMap<(u32, Vec<Arc<str>>), Vec<ExactSum>>;

/// A group while cost is moved.
#[derive(Debug, Default)]
struct Group {
    own: ExactSum,
    shared_in: ExactSum,
    shared_out: ExactSum,
    charges: u64,
    /// Cost and charges that no rule shares.
    kept: ExactSum,
    kept_charges: u64,
    /// Per rule, what it shares of the group's own.
    pools: BTreeMap<usize, ExactSum>,
    /// What came and did not go on.
    received: ExactSum,
}

/// A group over all periods: its currency and its keys.
pub type GroupName = (Currency, Vec<Arc<str>>);

type Bucket = BTreeMap<Vec<Arc<str>>, Group>;

impl Splits {
    /// Binds rules to a question. `places`: decimals of a share; without it as many as the shared cost has, and at
    /// least 2.
    ///
    /// Errors: usage: no rule; a question or rule by every tag; targets by what the question does not ask for; fixed
    /// weights for a question of other than one dimension, or for a group that is emptied.
    pub fn new(rules: Vec<Rule>, places: Option<u8>, query: &ChargeQuery) -> Result<Splits> {
        let is_tags = |dimension: &Dimension| dimension.source == DimensionSource::TagId;
        let conditions = rules.iter().flat_map(|rule| rule.from.iter().chain(&rule.to));
        if query
            .by
            .iter()
            .chain(conditions.map(|c| &c.dimension))
            .any(is_tags)
        {
            return Err(Error::usage(
                "a charge counts under each of its tags, so it cannot be split by tag_id",
            )
            .hint("name one tag as tag:KEY"));
        }
        if query.by.is_empty() {
            return Err(
                Error::usage("a split is between groups, and the question has none")
                    .hint("add --by, such as --by project_id"),
            );
        }
        let mut more: Vec<Dimension> = Vec::new();
        let mut bound: Vec<Bound> = Vec::new();
        for rule in rules {
            let wrong = |what: String| Error::usage(format!("the split `{}` {what}", rule.text));
            let asked = |condition: &Condition| {
                query
                    .by
                    .iter()
                    .position(|dimension| dimension.source == condition.dimension.source)
            };
            let from: Vec<(usize, Condition)> = rule
                .from
                .iter()
                .map(|condition| {
                    let at = asked(condition).unwrap_or_else(|| {
                        let known = more.iter().position(|d| d.source == condition.dimension.source);
                        query.by.len()
                            + known.unwrap_or_else(|| {
                                more.push(condition.dimension.clone());
                                more.len() - 1
                            })
                    });
                    (at, condition.clone())
                })
                .collect();
            let to = rule
                .to
                .iter()
                .map(|condition| {
                    let at = asked(condition).ok_or_else(|| {
                        wrong(format!(
                            "has targets by {}, which is not asked for",
                            condition.dimension
                        ))
                        .hint("name a dimension of --by")
                    })?;
                    Ok((at, condition.clone()))
                })
                .collect::<Result<_>>()?;
            let empties = from.iter().all(|(at, _)| *at < query.by.len());
            let (text, method) = (rule.text.clone(), rule.method.clone());
            bound.push(Bound {
                rule,
                from,
                to,
                empties,
            });
            if let Method::Fixed(weights) = &method {
                if query.by.len() != 1 {
                    return Err(Error::usage(format!(
                        "the split `{text}` names groups of one dimension, and the question has {}",
                        query.by.len()
                    )));
                }
                let emptied = weights.iter().find(|(name, _)| {
                    let keys = [Arc::<str>::from(name.as_str())];
                    bound.iter().any(|bound| bound.empties && bound.holds(&keys))
                });
                if let Some((name, _)) = emptied {
                    return Err(Error::usage(format!(
                        "the split `{text}` gives to \"{name}\", whose cost is shared out"
                    )));
                }
            }
        }
        if bound.is_empty() {
            return Err(Error::usage("no split").hint("write --split 'project_id=shared-net => cost'"));
        }
        Ok(Splits {
            rules: bound,
            query: query.clone(),
            more,
            places,
        })
    }

    /// The question whose answer is split: all groups, by the dimensions of the rules as well.
    pub fn question(&self) -> ChargeQuery {
        let mut by = self.query.by.clone();
        for (nth, dimension) in self.more.iter().enumerate() {
            // A dimension of a rule may carry the name of one that --set reads from elsewhere.
            let mut dimension = dimension.clone();
            if by.iter().any(|known| known.name == dimension.name) {
                dimension.name = format!("{} ({nth})", dimension.name);
            }
            by.push(dimension);
        }
        ChargeQuery {
            by,
            order: Order::default(),
            top: None,
            offset: 0,
            limit: None,
            fill: false,
            ..self.query.clone()
        }
    }

    /// The question about the numbers that rules share by; None where none does.
    pub fn facts_question(&self) -> Option<FactsQuery> {
        let measures = self.measures();
        (!measures.is_empty()).then(|| FactsQuery {
            query: self.question(),
            measures,
            attributes: Vec::new(),
        })
    }

    fn measures(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for bound in &self.rules {
            if let Method::Measure(name) = &bound.rule.method
                && !names.contains(name)
            {
                names.push(name.clone());
            }
        }
        names
    }

    /// The sums of measures over cells that no rule shares, over all currencies.
    fn weights(&self, facts: &Facts, periods: &[Period]) -> Result<Weights> {
        let n_asked = self.query.by.len();
        let mut weights = Weights::new();
        for group in &facts.groups {
            if self.rules.iter().any(|bound| bound.holds(&group.keys)) {
                continue;
            }
            let at = periods
                .iter()
                .position(|period| period.label == group.period.label);
            let at = at.ok_or_else(|| Error::bug("numbers of a period without cost"))?;
            let sums = weights
                .entry((at as u32, group.keys[..n_asked].to_vec()))
                .or_insert_with(|| vec![ExactSum::ZERO; group.measures.len()]);
            for (sum, measure) in sums.iter_mut().zip(&group.measures) {
                add(sum, &measure.sum)?;
            }
        }
        Ok(weights)
    }

    /// Moves the cost of the answer to [`Splits::question`], by the answer to [`Splits::facts_question`] where there is one.
    ///
    /// Errors: usage, for cost without a target; a sum that leaves 256 bits.
    pub fn apply(&self, answer: &Answer, facts: Option<&Facts>) -> Result<Shared> {
        let weights = match facts {
            Some(facts) => self.weights(facts, &answer.periods)?,
            None if self.measures().is_empty() => Weights::new(),
            None => return Err(Error::bug("a split by numbers without the numbers")),
        };
        let n_asked = self.query.by.len();
        let mut buckets: BTreeMap<(u32, Currency), Bucket> = BTreeMap::new();
        for (row, period) in answer.rows().zip(&answer.period_idx) {
            let keys: Vec<Arc<str>> = row.keys().map(Arc::from).collect();
            let rule = self.rules.iter().position(|bound| bound.holds(&keys));
            let bucket = buckets.entry((*period, row.currency())).or_default();
            let group = bucket.entry(keys[..n_asked].to_vec()).or_default();
            add(&mut group.own, &row.cost())?;
            group.charges += row.charges();
            match rule {
                Some(nth) => add(group.pools.entry(nth).or_default(), &row.cost())?,
                None => {
                    add(&mut group.kept, &row.cost())?;
                    group.kept_charges += row.charges();
                }
            }
        }
        let mut receipts = Vec::with_capacity(self.rules.len());
        for nth in 0..self.rules.len() {
            receipts.push(self.share(nth, &mut buckets, answer, &weights)?);
        }
        let groups = buckets.into_iter().flat_map(|((period_idx, currency), bucket)| {
            bucket.into_iter().map(move |(keys, group)| SharedGroup {
                keys,
                period_idx,
                currency,
                own: group.own,
                shared_in: group.shared_in,
                shared_out: group.shared_out,
                charges: group.charges,
            })
        });
        let shared = Shared {
            groups: groups.collect(),
            periods: answer.periods.clone(),
            receipts,
            n_charges: answer.n_charges,
        };
        shared.check(answer)?;
        Ok(shared)
    }

    /// Moves what one rule shares, in every period and currency.
    fn share(
        &self,
        nth: usize,
        buckets: &mut BTreeMap<(u32, Currency), Bucket>,
        answer: &Answer,
        weights: &Weights,
    ) -> Result<SplitReceipt> {
        let bound = &self.rules[nth];
        let mut receipt = SplitReceipt {
            rule: bound.rule.text.clone(),
            ..SplitReceipt::default()
        };
        let (mut from, mut to) = (BTreeSet::new(), BTreeSet::new());
        for ((period, currency), bucket) in buckets.iter_mut() {
            let mut pool = ExactSum::ZERO;
            for (keys, group) in bucket.iter_mut() {
                let mut leaves = group.pools.remove(&nth).unwrap_or_default();
                if bound.empties && bound.holds(keys) {
                    add(&mut leaves, &std::mem::take(&mut group.received))?;
                }
                if !leaves.is_zero() {
                    from.insert(keys.clone());
                    group.shared_out.sub(&leaves).map_err(|_| overflow())?;
                    add(&mut pool, &leaves)?;
                }
            }
            if pool.is_zero() {
                continue;
            }
            let targets = self.targets(nth, bucket, *period, weights);
            let places = self
                .places
                .unwrap_or_else(|| pool.normalized().parts().1.max(LEAST_PLACES));
            let weights: Vec<ExactSum> = targets.iter().map(|(_, weight)| *weight).collect();
            let parts = apportion(&pool, &weights, places).map_err(|_| overflow())?;
            let parts = match parts {
                Some(parts) => parts,
                None => {
                    receipt.evenly += 1;
                    let even = vec![count(1); targets.len()];
                    let parts = apportion(&pool, &even, places).map_err(|_| overflow())?;
                    parts.ok_or_else(|| {
                        let label = answer.periods.get(*period as usize).map_or("", |p| &p.label);
                        Error::usage(format!(
                            "the split `{}` finds no group to give {currency} {pool} of {label} to",
                            bound.rule.text
                        ))
                        .hint("name other groups behind to, or fixed ones")
                    })?
                }
            };
            receipt.times += 1;
            receipt.moved.add(*currency, &pool).map_err(|_| overflow())?;
            for ((keys, _), part) in targets.into_iter().zip(parts) {
                if part.is_zero() {
                    continue;
                }
                let group = bucket.entry(keys.clone()).or_default();
                add(&mut group.shared_in, &part)?;
                add(&mut group.received, &part)?;
                to.insert(keys);
            }
        }
        (receipt.from, receipt.to) = (from.len() as u64, to.len() as u64);
        Ok(receipt)
    }

    /// The groups that a rule gives to, with their weights, in the order of their keys.
    fn targets(
        &self,
        nth: usize,
        bucket: &Bucket,
        period: u32,
        weights: &Weights,
    ) -> Vec<(Vec<Arc<str>>, ExactSum)> {
        let bound = &self.rules[nth];
        if let Method::Fixed(fixed) = &bound.rule.method {
            let mut targets: Vec<_> = fixed
                .iter()
                .map(|(name, weight)| (vec![Arc::from(name.as_str())], *weight))
                .collect();
            targets.sort_by(|a, b| a.0.cmp(&b.0));
            return targets;
        }
        // Behind `to`, a group may still be emptied by a later rule.
        let n_emptied = if bound.to.is_empty() {
            self.rules.len()
        } else {
            nth + 1
        };
        let is_target = |keys: &[Arc<str>], group: &Group| {
            group.charges > 0
                && bound.to.iter().all(|(at, condition)| condition.holds(&keys[*at]))
                && !self.rules[..n_emptied]
                    .iter()
                    .any(|other| other.empties && other.holds(keys))
        };
        let measure = match &bound.rule.method {
            Method::Measure(name) => self.measures().iter().position(|known| known == name),
            _ => None,
        };
        bucket
            .iter()
            .filter(|(keys, group)| is_target(keys, group))
            .map(|(keys, group)| {
                let weight = match bound.rule.method {
                    Method::Cost => group.kept,
                    Method::Charges => count(group.kept_charges),
                    Method::Measure(_) => weights
                        .get(&(period, keys.clone()))
                        .zip(measure)
                        .map(|(sums, at)| sums[at])
                        .unwrap_or_default(),
                    Method::Even | Method::Fixed(_) => count(1),
                };
                (keys.clone(), weight)
            })
            .collect()
    }
}

impl Bound {
    fn holds(&self, keys: &[Arc<str>]) -> bool {
        self.from
            .iter()
            .all(|(at, condition)| keys.get(*at).is_some_and(|key| condition.holds(key)))
    }
}

impl SharedGroup {
    /// What it costs after the splits.
    ///
    /// Errors: a sum that leaves 256 bits.
    pub fn total(&self) -> Result<ExactSum> {
        let mut total = self.own;
        add(&mut total, &self.shared_in)?;
        add(&mut total, &self.shared_out)?;
        Ok(total)
    }
}

impl Shared {
    /// The answer to a question about these groups: its periods, order, top and page.
    ///
    /// `charges`: per group the charges to show where the question adds periods up, in which a charge may stand more than
    /// once; those of the groups without. Errors: a total that leaves 256 bits.
    pub fn answer(
        &self,
        query: &ChargeQuery,
        charges: Option<&BTreeMap<GroupName, u64>>,
    ) -> Result<Finished> {
        let plan = Arc::new(Plan::new(query.clone())?);
        let calendar = plan.calendar;
        let mut sums = Sums::new(plan);
        let mut totals = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            totals.push(group.total()?);
        }
        let mut told = BTreeSet::new();
        let groups = self.groups.iter().zip(totals).map(|(group, total)| {
            let start = self.periods.get(group.period_idx as usize).and_then(|p| p.start);
            let ordinal = match (query.granularity, start) {
                (Granularity::Total, _) | (_, None) => 0,
                (_, Some(start)) => calendar.ordinal(start),
            };
            let n = match charges {
                None => group.charges,
                Some(charges) => {
                    let name = (group.currency, group.keys.clone());
                    let n = charges.get(&name).copied().unwrap_or(0);
                    if told.insert(name) { n } else { 0 }
                }
            };
            (group.currency, ordinal, group.keys.as_slice(), n, total)
        });
        sums.add_groups(groups, self.n_charges)?;
        sums.finish()
    }

    /// Refuses to lose or make cost: per period and currency, the groups come to what they came to.
    fn check(&self, answer: &Answer) -> Result<()> {
        let mut left: BTreeMap<(u32, Currency), ExactSum> = BTreeMap::new();
        for group in &self.groups {
            let sum = left.entry((group.period_idx, group.currency)).or_default();
            add(sum, &group.total()?)?;
        }
        for (row, period) in answer.rows().zip(&answer.period_idx) {
            let sum = left.entry((*period, row.currency())).or_default();
            sum.sub(&row.cost()).map_err(|_| overflow())?;
        }
        if left.values().all(ExactSum::is_zero) {
            return Ok(());
        }
        Err(Error::bug("a split does not come to what it shared"))
    }
}

fn count(n: u64) -> ExactSum {
    Amount::new(i128::from(n), 0).map_or(ExactSum::ZERO, ExactSum::from)
}

fn add(sum: &mut ExactSum, more: &ExactSum) -> Result<()> {
    sum.add(more).map_err(|SumOverflow| overflow())
}

#[cold]
fn overflow() -> Error {
    Error::new(ErrorKind::Overflow {
        group: "a split".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer by project, in total, of these groups.
    fn answer(query: &ChargeQuery, groups: &[(&str, &str, &str)]) -> Answer {
        let mut sums = Sums::new(Arc::new(Plan::new(query.clone()).unwrap()));
        let keys: Vec<Vec<Arc<str>>> = groups
            .iter()
            .map(|(keys, _, _)| keys.split('/').map(Arc::from).collect())
            .collect();
        let groups = groups.iter().zip(&keys).map(|((_, currency, cost), keys)| {
            let cost = ExactSum::from(Amount::parse(cost.as_bytes()).unwrap());
            let currency = Currency::parse(currency.as_bytes()).unwrap();
            (currency, 0, keys.as_slice(), 1, cost)
        });
        sums.add_groups(groups, keys.len() as u64).unwrap();
        sums.finish().unwrap().answer
    }

    /// Per group `own + in + out`, and how often a rule shared evenly.
    #[track_caller]
    fn check(rules: &[&str], groups: &[(&str, &str, &str)], expected: &[&str], evenly: &[u64]) {
        let mut query = ChargeQuery::total();
        query.by = Dimension::parse_list("project_id").unwrap();
        let rules = rules.iter().map(|text| text.parse().unwrap()).collect();
        let splits = Splits::new(rules, None, &query).unwrap();
        let shared = splits.apply(&answer(&splits.question(), groups), None).unwrap();
        let shown: Vec<String> = shared
            .groups
            .iter()
            .map(|g| {
                format!(
                    "{} {} {}+{}+{}",
                    g.keys[0], g.currency, g.own, g.shared_in, g.shared_out
                )
            })
            .collect();
        assert_eq!(shown, expected);
        let found: Vec<u64> = shared.receipts.iter().map(|receipt| receipt.evenly).collect();
        assert_eq!(found, evenly);
    }

    #[test]
    fn a_later_rule_moves_what_an_earlier_one_brought() {
        check(
            &[
                "project_id=it => even to project_id=net,a",
                "project_id=net => cost",
            ],
            &[
                ("it", "USD", "10"),
                ("net", "USD", "5"),
                ("a", "USD", "1"),
                ("b", "USD", "3"),
            ],
            &[
                "a USD 1+7.5+0",
                "b USD 3+7.5+0",
                "it USD 10+0+-10",
                "net USD 5+5+-10",
            ],
            &[0, 0],
        );
    }

    #[test]
    fn currencies_are_shared_by_themselves_and_credits_weigh_nothing() {
        check(
            &["project_id=net => cost"],
            &[
                ("net", "USD", "-1"),
                ("a", "USD", "2"),
                ("b", "USD", "-9"),
                ("net", "EUR", "0.01"),
                ("a", "EUR", "-1"),
                ("b", "EUR", "0"),
            ],
            &[
                "a EUR -1+0.01+0",
                "b EUR 0+0+0",
                "net EUR 0.01+0+-0.01",
                "a USD 2+-1+0",
                "b USD -9+0+0",
                "net USD -1+0+1",
            ],
            &[1],
        );
    }

    #[test]
    fn a_charge_belongs_to_the_first_rule_that_it_fits() {
        check(
            &["zone_id=z => even", "project_id=a => fixed c=1"],
            &[("a/z", "USD", "4"), ("a/y", "USD", "1"), ("b/y", "USD", "1")],
            &["a USD 5+0+-5", "b USD 1+4+0", "c USD 0+1+0"],
            &[0, 0],
        );
    }

    #[test]
    fn cost_without_a_target_is_refused_and_no_cost_needs_none() {
        let mut query = ChargeQuery::total();
        query.by = Dimension::parse_list("project_id").unwrap();
        let splits = Splits::new(vec!["project_id=net => even".parse().unwrap()], None, &query).unwrap();
        let alone = |cost: &str| answer(&splits.question(), &[("net", "USD", cost)]);
        let error = splits.apply(&alone("1"), None).unwrap_err();
        assert!(error.to_string().contains("USD 1 of total"), "{error}");
        assert!(splits.apply(&alone("0"), None).is_ok());
    }
}
