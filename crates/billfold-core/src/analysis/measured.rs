//! Tables of measures: groups as rows, formulas as columns.
//!
//! One reading gives the sums of every column that the formulas name, by the dimensions asked for and by
//! those that conditions look at; the groups are then added up over the latter, exactly, and each formula is
//! worked out from the sums of its row. Totals are worked out the same way from the sums of all rows, so that
//! a total ratio is that of the totals.

use std::collections::BTreeMap;

use super::formula::{Formula, Measure, PERCENT_PLACES, RATIO_PLACES, Term, TermColumn};
use super::overflow;
use crate::charge::schema;
use crate::engine::Facts;
use crate::error::{Error, Result};
use crate::money::{Amount, Currency, ExactSum, SumOverflow, quotient};
use crate::query::{ChargeQuery, Condition, DimensionSource, FactsQuery, Order, OrderBy};
use crate::time::{Granularity, Period};

/// A question for a table of measures.
#[derive(Debug, Clone)]
pub struct MeasuredQuery {
    measures: Vec<Measure>,
    /// The dimensions of the table; the rest of the question's are those of conditions.
    n_shown: usize,
    /// Per condition, in the order of the formulas, its dimension of the question.
    dimensions: Vec<usize>,
    /// The columns to be added up.
    columns: Vec<String>,
    /// The order of the rows.
    order: Order,
}

/// A table of measures.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The names of the dimensions.
    pub key_names: Vec<String>,
    /// Whether rows have periods.
    pub has_periods: bool,
    /// The columns.
    pub measures: Vec<Measure>,
    /// By currency, then in the order asked.
    pub rows: Vec<MeasuredRow>,
    /// One per currency, over all rows; none where a charge may count in several rows.
    pub totals: Vec<MeasuredRow>,
    /// Columns that are empty on some charges, with how many those are, of how many.
    pub gaps: Vec<(String, u64, u64)>,
    /// Charges used, each once.
    pub n_charges: u64,
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredRow {
    /// By dimension, its value.
    pub keys: Vec<String>,
    /// The period.
    pub period: Period,
    /// The currency of its money.
    pub currency: Currency,
    /// By measure, its value.
    pub values: Vec<Value>,
    /// The cost of the question.
    pub cost: ExactSum,
    /// The charges in it.
    pub charges: u64,
}

/// The value of a formula in a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// None: nothing to add up, or nothing to divide by.
    Empty,
    /// An exact sum.
    Sum(ExactSum),
    /// A ratio, rounded.
    Ratio(ExactSum),
    /// A ratio in percent, rounded.
    Percent(ExactSum),
    /// A number of charges.
    Count(i128),
    /// An instant, UTC microseconds.
    Instant(i64),
}

impl MeasuredQuery {
    /// Adds to a question the dimensions that the conditions of the formulas look at.
    ///
    /// Errors: usage, for no measure, for two of one name.
    pub fn new(measures: Vec<Measure>, query: &mut ChargeQuery) -> Result<MeasuredQuery> {
        if measures.is_empty() {
            return Err(Error::usage("a table of measures needs one"));
        }
        for (nth, measure) in measures.iter().enumerate() {
            if measures[..nth].iter().any(|other| other.name == measure.name) {
                return Err(Error::usage(format!("two measures are called {}", measure.name))
                    .hint("give one another name: NAME=FORMULA"));
            }
        }
        let n_shown = query.by.len();
        let (mut dimensions, mut columns) = (Vec::new(), Vec::new());
        for term in measures.iter().flat_map(Measure::terms) {
            if let TermColumn::Named(name) = &term.column {
                let name = schema::canonical_name(name).unwrap_or(name);
                if !columns.iter().any(|column| column == name) {
                    columns.push(name.to_owned());
                }
            }
            for condition in &term.conditions {
                let at = query
                    .by
                    .iter()
                    .position(|d| d.source == condition.dimension.source);
                dimensions.push(at.unwrap_or_else(|| {
                    query.by.push(condition.dimension.clone());
                    query.by.len() - 1
                }));
            }
        }
        Ok(MeasuredQuery {
            measures,
            n_shown,
            dimensions,
            columns,
            order: Order::default(),
        })
    }

    /// The question for the facts. Its order is that of the rows of the table.
    ///
    /// Errors: usage, for a page or for what `top` would put together: ratios of some groups are no ratio of others.
    pub fn facts(&mut self, query: &ChargeQuery) -> Result<FactsQuery> {
        if query.top.is_some() || query.fill || query.offset != 0 || query.limit.is_some() {
            return Err(Error::usage(
                "a table of measures has all of its rows; top, fill and pages do not apply",
            ));
        }
        self.order = query.order;
        let query = ChargeQuery {
            order: Order::default(),
            ..query.clone()
        };
        Ok(FactsQuery {
            query,
            measures: self.columns.clone(),
            attributes: Vec::new(),
        })
    }

    /// Lays out the facts. Errors: a sum that leaves 256 bits.
    pub fn table(&self, facts: &Facts) -> Result<Measured> {
        let conditions = self.conditions();
        let mut rows: BTreeMap<RowKey, Sums> = BTreeMap::new();
        let mut totals: BTreeMap<Currency, Sums> = BTreeMap::new();
        let overlaps = facts
            .query
            .query
            .by
            .iter()
            .any(|d| d.source == DimensionSource::TagId);
        let mut gaps = vec![(0_u64, 0_u64); self.columns.len()];
        for group in &facts.groups {
            let keys: Vec<String> = group.keys[..self.n_shown]
                .iter()
                .map(|k| k.as_ref().to_owned())
                .collect();
            // By term, whether its conditions hold for all charges of the group, which have these keys.
            let holds: Vec<bool> = conditions
                .iter()
                .map(|(_, tests)| {
                    tests
                        .iter()
                        .all(|(condition, at)| condition.holds(&group.keys[*at]))
                })
                .collect();
            let start = group.period.start.unwrap_or(i64::MIN);
            let key = (group.currency, keys, start, group.period.label.clone());
            let empty = || Sums::new(&group.period, conditions.len());
            for sums in [
                rows.entry(key).or_insert_with(empty),
                totals.entry(group.currency).or_insert_with(empty),
            ] {
                sums.cost.add(&group.cost).map_err(overflow)?;
                sums.charges += group.charges;
                sums.first = sums.first.min(group.first_start);
                sums.last = sums.last.max(group.last_end);
                for (((term, _), holds), slot) in conditions.iter().zip(&holds).zip(&mut sums.terms) {
                    if !holds {
                        continue;
                    }
                    slot.charges += group.charges;
                    let (sum, n_values) = match &term.column {
                        TermColumn::Cost => (group.cost, group.charges),
                        TermColumn::Charges => (count(group.charges), group.charges),
                        TermColumn::Named(name) => {
                            let measure = self.column_of(name).and_then(|at| group.measures.get(at));
                            let measure = measure.copied().unwrap_or_default();
                            (measure.sum, measure.n_values)
                        }
                    };
                    slot.sum.add(&sum).map_err(overflow)?;
                    slot.n_values += n_values;
                }
            }
            for (gap, measure) in gaps.iter_mut().zip(&group.measures) {
                gap.0 += group.charges - measure.n_values.min(group.charges);
                gap.1 += group.charges;
            }
        }
        let mut rows: Vec<MeasuredRow> = rows
            .into_iter()
            .map(|((currency, keys, _, _), sums)| self.row(keys, currency, &sums))
            .collect::<Result<_>>()?;
        self.sort(&mut rows);
        let totals = totals
            .into_iter()
            .filter(|_| !overlaps)
            .map(|(currency, sums)| self.row(Vec::new(), currency, &sums))
            .collect::<Result<_>>()?;
        let shown = facts.query.query.by.iter().take(self.n_shown);
        Ok(Measured {
            key_names: shown.map(|d| d.name.clone()).collect(),
            has_periods: facts.query.query.granularity != Granularity::Total,
            measures: self.measures.clone(),
            rows,
            totals,
            gaps: self
                .columns
                .iter()
                .zip(gaps)
                .filter(|(_, (without, _))| *without > 0)
                .map(|(name, (without, of))| (name.clone(), without, of))
                .collect(),
            n_charges: facts.n_charges,
        })
    }

    /// Every term with its conditions and the keys that they look at, in the order of the formulas.
    fn conditions(&self) -> Vec<(&Term, Vec<(&Condition, usize)>)> {
        let mut dimensions = self.dimensions.iter().copied();
        let terms = self.measures.iter().flat_map(Measure::terms);
        terms
            .map(|term| {
                let tests = term.conditions.iter().zip(dimensions.by_ref());
                (term, tests.collect())
            })
            .collect()
    }

    fn column_of(&self, name: &str) -> Option<usize> {
        let name = schema::canonical_name(name).unwrap_or(name);
        self.columns.iter().position(|column| column == name)
    }

    fn row(&self, keys: Vec<String>, currency: Currency, sums: &Sums) -> Result<MeasuredRow> {
        let mut slots = sums.terms.iter();
        let mut take = |terms: &[Term]| -> std::result::Result<Option<ExactSum>, SumOverflow> {
            let mut sum = Some(ExactSum::ZERO);
            for (term, slot) in terms.iter().zip(slots.by_ref()) {
                // A sum over no charges is zero; over charges of which none has a value it is unknown.
                if slot.charges > 0 && slot.n_values == 0 {
                    sum = None;
                }
                if let Some(sum) = &mut sum {
                    if term.negative {
                        sum.sub(&slot.sum)?;
                    } else {
                        sum.add(&slot.sum)?;
                    }
                }
            }
            Ok(sum)
        };
        let mut values = Vec::with_capacity(self.measures.len());
        for measure in &self.measures {
            let value = match &measure.formula {
                Formula::FirstStart => Value::Instant(sums.first),
                Formula::LastEnd => Value::Instant(sums.last),
                Formula::Sum(terms) => {
                    let counts = terms.iter().all(|term| term.column == TermColumn::Charges);
                    match take(terms).map_err(overflow)? {
                        None => Value::Empty,
                        Some(sum) if counts => Value::Count(sum.to_amount().map_or(0, Amount::mantissa)),
                        Some(sum) => Value::Sum(sum),
                    }
                }
                Formula::Ratio { part, whole, percent } => {
                    let (part, whole) = (take(part).map_err(overflow)?, take(whole).map_err(overflow)?);
                    let (factor, places) = if *percent {
                        (100, PERCENT_PLACES)
                    } else {
                        (1, RATIO_PLACES)
                    };
                    let ratio = match (part, whole) {
                        (Some(part), Some(whole)) => {
                            quotient(&part, &whole, factor, places).map_err(overflow)?
                        }
                        _ => None,
                    };
                    match ratio {
                        None => Value::Empty,
                        Some(ratio) if *percent => Value::Percent(ratio),
                        Some(ratio) => Value::Ratio(ratio),
                    }
                }
            };
            values.push(value);
        }
        Ok(MeasuredRow {
            keys,
            period: sums.period.clone(),
            currency,
            values,
            cost: sums.cost,
            charges: sums.charges,
        })
    }

    /// By currency, then as asked; ties by keys, then period.
    fn sort(&self, rows: &mut [MeasuredRow]) {
        let Order { by, descending } = self.order;
        rows.sort_by(|a, b| {
            let keys = || a.keys.cmp(&b.keys);
            let periods = || a.period.start.cmp(&b.period.start);
            let first = match by {
                OrderBy::Key => keys(),
                OrderBy::Period => periods(),
                OrderBy::Cost => a.cost.cmp(&b.cost),
                OrderBy::Charges => a.charges.cmp(&b.charges),
            };
            let first = if descending { first.reverse() } else { first };
            a.currency
                .cmp(&b.currency)
                .then(first)
                .then_with(keys)
                .then_with(periods)
        });
    }
}

type RowKey = (Currency, Vec<String>, i64, String);

#[derive(Debug, Clone)]
struct Sums {
    period: Period,
    cost: ExactSum,
    charges: u64,
    first: i64,
    last: i64,
    terms: Vec<Slot>,
}

/// The sum of one term.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    sum: ExactSum,
    /// Charges for which the conditions hold.
    charges: u64,
    /// Those of them that have a value.
    n_values: u64,
}

impl Sums {
    fn new(period: &Period, n_terms: usize) -> Sums {
        Sums {
            period: period.clone(),
            cost: ExactSum::ZERO,
            charges: 0,
            first: i64::MAX,
            last: i64::MIN,
            terms: vec![Slot::default(); n_terms],
        }
    }
}

fn count(n: u64) -> ExactSum {
    Amount::new(i128::from(n), 0)
        .map(ExactSum::from)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::{FactGroup, MeasureSum};
    use crate::money::Totals;
    use crate::time::Window;

    fn exact(text: &str) -> ExactSum {
        ExactSum::from(Amount::parse(text.as_bytes()).unwrap())
    }

    fn usd() -> Currency {
        Currency::parse(b"USD").unwrap()
    }

    /// Groups as `keys cost charges list n_list`, asked with these measures by `service_name`.
    fn measured(measures: &[&str], groups: &[(&[&str], &str, u64, &str, u64)]) -> Measured {
        let mut query = ChargeQuery::total();
        query.by = crate::query::Dimension::parse_list("service_name").unwrap();
        let parsed = measures.iter().map(|text| Measure::parse(text).unwrap());
        let mut asked = MeasuredQuery::new(parsed.collect(), &mut query).unwrap();
        let facts_query = asked.facts(&query).unwrap();
        let total = || Period {
            start: Window::ALL.start,
            end: Window::ALL.end,
            label: "total".to_owned(),
        };
        let group = |(keys, cost, charges, list, n_list): &(&[&str], &str, u64, &str, u64)| FactGroup {
            keys: keys.iter().map(|key| Arc::from(*key)).collect(),
            period: total(),
            currency: usd(),
            cost: exact(cost),
            measures: facts_query
                .measures
                .iter()
                .map(|_| MeasureSum {
                    sum: exact(list),
                    n_values: *n_list,
                    latest: None,
                })
                .collect(),
            first_start: 5,
            last_end: 9,
            attributes: Vec::new(),
            charges: *charges,
        };
        asked
            .table(&Facts {
                query: facts_query.clone(),
                groups: groups.iter().map(group).collect(),
                n_groups: groups.len() as u64,
                totals: Totals::default(),
                measures: Vec::new(),
                n_charges: 0,
            })
            .unwrap()
    }

    fn shown(row: &MeasuredRow) -> String {
        let values = row.values.iter().map(|value| match value {
            Value::Empty => "-".to_owned(),
            Value::Sum(n) | Value::Ratio(n) => n.to_string(),
            Value::Percent(n) => format!("{n}%"),
            Value::Count(n) => format!("#{n}"),
            Value::Instant(at) => format!("@{at}"),
        });
        values.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_ratio_of_a_total_is_that_of_the_totals() {
        let table = measured(
            &[
                "cost",
                "list_cost",
                "saved=(list_cost-cost)/list_cost%",
                "charges",
                "last_end",
            ],
            &[(&["a"], "1", 1, "3", 1), (&["b"], "1", 1, "1", 1)],
        );
        assert_eq!(shown(&table.rows[0]), "1 3 66.67% #1 @9");
        assert_eq!(shown(&table.rows[1]), "1 1 0% #1 @9");
        assert_eq!(shown(&table.totals[0]), "2 4 50% #2 @9");
    }

    #[test]
    fn a_condition_counts_the_charges_that_pass_it_and_hides_its_dimension() {
        let table = measured(
            &[
                "cost",
                "tagged=cost[tag:team!=]",
                "part=cost[tag:team!=]/cost%",
                "charges[tag:team=x]",
            ],
            &[
                (&["a", "x"], "1", 1, "0", 0),
                (&["a", "y"], "1", 2, "0", 0),
                (&["a", ""], "6", 3, "0", 0),
                (&["b", ""], "1", 1, "0", 0),
            ],
        );
        assert_eq!(table.key_names, ["service_name"]);
        assert_eq!(shown(&table.rows[0]), "8 2 25% #1");
        assert_eq!(shown(&table.rows[1]), "1 0 0% #0");
    }

    #[test]
    fn what_no_charge_has_is_no_number_and_nothing_is_divided_by_zero() {
        let table = measured(
            &[
                "list_cost",
                "list_cost-cost",
                "x=cost/list_cost",
                "y=cost/charges",
            ],
            &[(&["a"], "1", 3, "0", 0), (&["b"], "1", 2, "0", 2)],
        );
        assert_eq!(shown(&table.rows[0]), "- - - 0.333333333333");
        assert_eq!(shown(&table.rows[1]), "0 -1 - 0.5");
        assert_eq!(table.gaps, [("list_cost".to_owned(), 3, 5)]);
    }
}
