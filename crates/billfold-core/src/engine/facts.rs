//! Facts: what groups of charges have in common beside their cost.
//!
//! [`FactsFold`] is `Sums` with more columns per group: the sums of further measures, the first start
//! and last end, and what stands on the latest charge. Groups, filters, windows, shares, receipt and order are
//! those of `sums` and `finish`; nothing here decides which charges count.

use std::sync::Arc;

use super::answer::KeyColumn;
use super::finish::Finished;
use super::group::Names;
use super::plan::Plan;
use super::sums::{Contributions, Sums, Watch};
use crate::charge::ChargeBatch;
use crate::charge::schema::{self, ColumnKind};
use crate::error::{Error, ErrorKind, Result};
use crate::money::{Amount, Currency, ExactSum, SumColumn, Totals, share_between};
use crate::query::{Allocation, Clock, FactsQuery};
use crate::time::Period;

/// What a question about facts came to.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The question.
    pub query: FactsQuery,
    /// The groups in the order asked, after `offset` and `limit`.
    pub groups: Vec<FactGroup>,
    /// Groups before `offset` and `limit`.
    pub n_groups: u64,
    /// Cost of the charges used, each once.
    pub totals: Totals,
    /// Per currency the sum of each measure over all groups before `offset` and `limit`. A charge in several
    /// groups (`tag_id`) counts in each.
    pub measures: Vec<(Currency, Vec<MeasureSum>)>,
    /// Charges used, each once.
    pub n_charges: u64,
}

/// One group of charges.
#[derive(Debug, Clone, PartialEq)]
pub struct FactGroup {
    /// One value per dimension of the question.
    pub keys: Vec<Arc<str>>,
    /// The period.
    pub period: Period,
    /// The currency of every amount.
    pub currency: Currency,
    /// The exact cost.
    pub cost: ExactSum,
    /// One sum per measure of the question.
    pub measures: Vec<MeasureSum>,
    /// The first instant that a charge of the group covers, UTC microseconds. With proration only the part
    /// inside the period and the window counts.
    pub first_start: i64,
    /// The instant behind the last one that a charge of the group covers, likewise.
    pub last_end: i64,
    /// One text per attribute of the question, all from one charge: the latest. That is the charge of the latest
    /// end, then the latest start (its own, unclipped), then the highest texts.
    pub attributes: Vec<Arc<str>>,
    /// Charges in the group. A charge that is split over periods or tags counts in each.
    pub charges: u64,
}

/// One measure over a group.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MeasureSum {
    /// Sum over the charges that have a value. With proration, money and quantities used are split over time as
    /// the cost is; rates, prices and sizes are added as they stand.
    pub sum: ExactSum,
    /// Charges that have a value.
    pub n_values: u64,
    /// The value on the latest charge that has one (of several such charges, the highest value).
    pub latest: Option<Amount>,
}

/// A question about facts, bound.
#[derive(Debug, Clone)]
pub struct FactsPlan {
    /// The groups, and what a scan must bring for all of it.
    pub plan: Arc<Plan>,
    query: FactsQuery,
    /// Per measure its index in a batch, and whether it is split over time.
    measures: Vec<(usize, bool)>,
    /// Per attribute its text column in a batch.
    attributes: Vec<usize>,
}

impl FactsPlan {
    /// Binds a question.
    ///
    /// Errors: as [`Plan::new`]; `top` and `fill`, which do not apply, nor does the billing clock to attributes; a
    /// measure that is a text, an attribute that is a number.
    pub fn new(query: FactsQuery) -> Result<Self> {
        if query.query.top.is_some() || query.query.fill {
            return Err(Error::usage(
                "facts are about all groups that occur; top and fill do not apply",
            ));
        }
        let mut plan = Plan::new(query.query.clone())?;
        if !query.attributes.is_empty() {
            // The latest charge is that of the latest charge period.
            refuse_billing_clock(&plan)?;
        }
        plan.hint.ends = true;
        let measures = want_measures(&mut plan, &query.measures)?;
        let attributes = want_texts(&mut plan, &query.attributes)?;
        Ok(FactsPlan {
            plan: Arc::new(plan),
            query,
            measures,
            attributes,
        })
    }
}

impl FactsPlan {
    /// The text columns of a batch that are read beside groups and filters.
    pub(crate) fn texts_read(&self) -> &[usize] {
        &self.attributes
    }
}

pub(super) fn refuse_billing_clock(plan: &Plan) -> Result<()> {
    if plan.query.clock == Clock::Billing {
        return Err(
            Error::usage("this question looks at charge periods, and the billing clock does not")
                .hint("ask with the charge clock"),
        );
    }
    Ok(())
}

/// Asks for measures: per measure its index in a batch, and whether it is split over time.
pub(super) fn want_measures(plan: &mut Plan, names: &[String]) -> Result<Vec<(usize, bool)>> {
    let want = |name: &String| {
        let name = schema::canonical_name(name).unwrap_or(name);
        match schema::column(name).map(|c| c.kind) {
            Some(ColumnKind::Money | ColumnKind::Number) | None => {
                Ok((plan.hint.want_measure(name), schema::is_flow(name)))
            }
            Some(_) => Err(Error::usage(format!("{name} holds no numbers; it is no measure"))
                .hint("ask for it as an attribute")),
        }
    };
    names.iter().map(want).collect()
}

/// Asks for texts: per name its column in a batch.
pub(super) fn want_texts(plan: &mut Plan, names: &[String]) -> Result<Vec<usize>> {
    let want = |name: &String| {
        let name = schema::canonical_name(name).unwrap_or(name);
        match schema::column(name).map(|c| c.kind) {
            Some(ColumnKind::Text | ColumnKind::Time) | None => Ok(plan.hint.want_text(name)),
            Some(ColumnKind::Money | ColumnKind::Number) => {
                Err(Error::usage(format!("{name} holds numbers; it is no text"))
                    .hint("ask for it as a measure"))
            }
            Some(ColumnKind::Tags) => Err(Error::usage("all tags together are no text")),
        }
    };
    names.iter().map(want).collect()
}

/// What a charge says when it is the latest.
#[derive(Debug, Clone)]
struct Latest {
    end: i64,
    start: i64,
    codes: Box<[u32]>,
}

/// The state of one worker.
#[derive(Debug)]
pub struct FactsFold {
    sums: Sums,
    more: More,
}

/// What is kept of each group beside its cost.
#[derive(Debug)]
struct More {
    plan: FactsPlan,
    /// Per group.
    spans: Vec<(i64, i64)>,
    /// Per measure, then per group.
    measures: Vec<MeasureState>,
    /// Per attribute.
    names: Vec<Names>,
    /// Per group.
    latest: Vec<Option<Latest>>,
}

/// End, start and value of the latest charge with a value.
type Dated = Option<(i64, i64, Amount)>;

#[derive(Debug, Clone, Default)]
struct MeasureState {
    sums: SumColumn,
    n_values: Vec<u64>,
    latest: Vec<Dated>,
}

impl FactsFold {
    /// An empty state.
    pub fn new(plan: &FactsPlan) -> Self {
        FactsFold {
            sums: Sums::new(Arc::clone(&plan.plan)),
            more: More {
                plan: plan.clone(),
                spans: Vec::new(),
                measures: vec![MeasureState::default(); plan.measures.len()],
                names: plan.attributes.iter().map(|_| Names::default()).collect(),
                latest: Vec::new(),
            },
        }
    }

    /// Adds a batch. Errors: a sum that leaves 256 bits.
    pub fn update(&mut self, batch: &ChargeBatch) -> Result<()> {
        self.sums.update_watched(batch, &mut self.more)
    }

    /// Takes over another worker's state. Errors: a sum that leaves 256 bits.
    pub fn merge(&mut self, other: &FactsFold) -> Result<()> {
        let groups = self.sums.merge_groups(&other.sums)?;
        self.more.grow(self.sums.n_groups());
        self.more.merge(&other.more, &groups)
    }

    /// Names and orders the groups. Errors: a total that leaves 256 bits.
    pub fn finish(self) -> Result<(Facts, Finished)> {
        let more = self.more;
        let all = {
            let (currencies, _, _) = self.sums.paths();
            let currency_of: Vec<Currency> = (0..self.sums.currencies.len() as u32)
                .map(|code| Currency::parse(self.sums.currencies.name(code)).unwrap_or(Currency::UNKNOWN))
                .collect();
            more.totals(currencies.iter().map(|code| currency_of[*code as usize]))?
        };
        let finished = self.sums.finish()?;
        let answer = &finished.answer;
        let texts: Vec<Vec<Arc<str>>> = more
            .names
            .iter()
            .map(|names| {
                (0..names.len() as u32)
                    .map(|code| Arc::from(String::from_utf8_lossy(names.name(code)).as_ref()))
                    .collect()
            })
            .collect();
        let key = |column: &KeyColumn, row: usize| Arc::clone(&column.names[column.codes[row] as usize]);
        let groups = finished
            .group_idx
            .iter()
            .enumerate()
            .map(|(row, group)| {
                let at = answer.row(row);
                let group = *group as usize;
                let (first_start, last_end) = more.spans[group];
                let codes = more.latest[group].as_ref().map_or(&[][..], |l| &l.codes);
                FactGroup {
                    keys: answer.keys.iter().map(|column| key(column, row)).collect(),
                    period: at.period().clone(),
                    currency: at.currency(),
                    cost: at.cost(),
                    measures: more.measures.iter().map(|m| m.of(group)).collect(),
                    first_start,
                    last_end,
                    attributes: codes
                        .iter()
                        .zip(&texts)
                        .map(|(code, texts)| Arc::clone(&texts[*code as usize]))
                        .collect(),
                    charges: at.charges(),
                }
            })
            .collect();
        let facts = Facts {
            query: more.plan.query,
            groups,
            n_groups: answer.n_groups,
            totals: answer.totals.clone(),
            measures: all,
            n_charges: answer.n_charges,
        };
        Ok((facts, finished))
    }
}

impl MeasureState {
    fn of(&self, group: usize) -> MeasureSum {
        MeasureSum {
            sum: self.sums.get(group as u32),
            n_values: self.n_values[group],
            latest: self.latest[group].map(|(_, _, value)| value),
        }
    }

    fn grow(&mut self, n_groups: usize) {
        self.sums.resize(n_groups);
        self.n_values.resize(n_groups, 0);
        self.latest.resize(n_groups, None);
    }
}

impl Watch for More {
    fn hear(&mut self, contributions: &Contributions<'_>, n_groups: usize) -> Result<()> {
        self.grow(n_groups);
        let batch = contributions.batch;
        let (starts, ends) = (batch.start(), batch.end());
        let mut codes: Vec<Vec<u32>> = vec![Vec::new(); self.names.len()];
        for ((names, codes), column) in self.names.iter_mut().zip(&mut codes).zip(&self.plan.attributes) {
            names.codes_of(batch.text(*column), codes);
        }
        for (row, group, piece) in contributions.iter() {
            let group = group as usize;
            let whole = (starts[row], ends[row].max(starts[row]));
            let (from, to) = piece.map_or(whole, |piece| piece.span);
            let span = &mut self.spans[group];
            *span = (span.0.min(from), span.1.max(to));
            let latest = &mut self.latest[group];
            let order = latest.as_ref().map(|l| (l.end, l.start).cmp(&(whole.1, whole.0)));
            let replaces = match order {
                None | Some(std::cmp::Ordering::Less) => true,
                Some(std::cmp::Ordering::Greater) => false,
                Some(std::cmp::Ordering::Equal) => {
                    let known = latest.as_ref().map_or(&[][..], |l| &l.codes);
                    let texts = self.names.iter().zip(known).zip(&codes);
                    texts
                        .map(|((names, known), new)| names.name(new[row]).cmp(names.name(*known)))
                        .find(|order| order.is_ne())
                        .is_some_and(std::cmp::Ordering::is_gt)
                }
            };
            match latest {
                _ if !replaces => {}
                Some(latest) => {
                    (latest.end, latest.start) = (whole.1, whole.0);
                    for (code, codes) in latest.codes.iter_mut().zip(&codes) {
                        *code = codes[row];
                    }
                }
                None => {
                    *latest = Some(Latest {
                        end: whole.1,
                        start: whole.0,
                        codes: codes.iter().map(|codes| codes[row]).collect(),
                    });
                }
            }
        }
        let prorates = self.plan.plan.query.allocation == Allocation::Prorate;
        for (state, (column, is_flow)) in self.measures.iter_mut().zip(&self.plan.measures) {
            let measure = batch.measure(*column);
            for (row, group, piece) in contributions.iter() {
                let Some(value) = measure.get(row)? else { continue };
                let (start, end) = (starts[row], ends[row].max(starts[row]));
                let share = match piece {
                    Some(piece) if *is_flow && prorates => share_between(
                        value,
                        piece.span.0.abs_diff(start),
                        piece.span.1.abs_diff(start),
                        end.abs_diff(start),
                    ),
                    _ => ExactSum::from(value),
                };
                state.sums.add_at(group, &share).map_err(|_| overflow())?;
                let group = group as usize;
                state.n_values[group] += 1;
                state.latest[group] = state.latest[group].max(Some((end, start, value)));
            }
        }
        Ok(())
    }
}

impl More {
    fn grow(&mut self, n_groups: usize) {
        self.spans.resize(n_groups, (i64::MAX, i64::MIN));
        self.latest.resize(n_groups, None);
        for measure in &mut self.measures {
            measure.grow(n_groups);
        }
    }

    fn merge(&mut self, other: &More, groups: &[u32]) -> Result<()> {
        for (mine, theirs) in self.measures.iter_mut().zip(&other.measures) {
            mine.sums
                .merge_mapped(&theirs.sums, groups)
                .map_err(|_| overflow())?;
            for (at, group) in groups.iter().enumerate() {
                let group = *group as usize;
                mine.n_values[group] += theirs.n_values[at];
                mine.latest[group] = mine.latest[group].max(theirs.latest[at]);
            }
        }
        let maps: Vec<Vec<u32>> = self
            .names
            .iter_mut()
            .zip(&other.names)
            .map(|(mine, theirs)| mine.merge(theirs))
            .collect();
        for (at, group) in groups.iter().enumerate() {
            let group = *group as usize;
            let (from, to) = other.spans[at];
            let span = &mut self.spans[group];
            *span = (span.0.min(from), span.1.max(to));
            let Some(theirs) = &other.latest[at] else { continue };
            let codes: Box<[u32]> = theirs
                .codes
                .iter()
                .zip(&maps)
                .map(|(code, map)| map[*code as usize])
                .collect();
            let replaces = self.latest[group].as_ref().is_none_or(|mine| {
                let texts = |codes: &[u32]| -> Vec<Vec<u8>> {
                    self.names
                        .iter()
                        .zip(codes)
                        .map(|(names, code)| names.name(*code).to_vec())
                        .collect()
                };
                (theirs.end, theirs.start)
                    .cmp(&(mine.end, mine.start))
                    .then_with(|| texts(&codes).cmp(&texts(&mine.codes)))
                    .is_gt()
            });
            if replaces {
                self.latest[group] = Some(Latest {
                    codes,
                    ..theirs.clone()
                });
            }
        }
        Ok(())
    }

    /// Per currency, in order, the sums of all measures; `currencies` gives that of each group.
    fn totals(&self, currencies: impl Iterator<Item = Currency>) -> Result<Vec<(Currency, Vec<MeasureSum>)>> {
        let mut totals = std::collections::BTreeMap::new();
        for (group, currency) in currencies.enumerate() {
            let sums: &mut Vec<(MeasureSum, Dated)> = totals
                .entry(currency)
                .or_insert_with(|| vec![Default::default(); self.measures.len()]);
            for ((sum, latest), state) in sums.iter_mut().zip(&self.measures) {
                sum.sum
                    .add(&state.sums.get(group as u32))
                    .map_err(|_| overflow())?;
                sum.n_values += state.n_values[group];
                *latest = (*latest).max(state.latest[group]);
                sum.latest = latest.map(|(_, _, value)| value);
            }
        }
        let of = |sums: Vec<(MeasureSum, _)>| sums.into_iter().map(|(sum, _)| sum).collect();
        Ok(totals
            .into_iter()
            .map(|(currency, sums)| (currency, of(sums)))
            .collect())
    }
}

#[cold]
fn overflow() -> Error {
    Error::new(ErrorKind::Overflow {
        group: "a measure".to_owned(),
    })
}
