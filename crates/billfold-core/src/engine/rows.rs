//! Rows: the charges themselves, ordered and paged.
//!
//! [`RowsFold`] is `Sums` without groups that keeps what it adds. With a limit each worker keeps no more than
//! a few pages. Which charges count, their shares and the receipt are those of `sums`.

use std::cmp::Ordering;
use std::sync::Arc;

use super::facts::{refuse_billing_clock, want_measures, want_texts};
use super::finish::Finished;
use super::group::Names;
use super::plan::Plan;
use super::sums::{Contributions, Sums, Watch};
use crate::charge::schema;
use crate::charge::{ChargeBatch, WantedTags};
use crate::error::{Error, Result};
use crate::money::{Currency, ExactSum, Totals, share_between};
use crate::query::{Allocation, ChargeQuery, RowOrder, RowOrderBy, RowsQuery};
use crate::time::Granularity;

/// What a question about charges came to.
#[derive(Debug, Clone)]
pub struct ChargeRows {
    /// The question.
    pub query: RowsQuery,
    /// The charges in the order asked, after `offset` and `limit`.
    pub rows: Vec<ChargeRow>,
    /// Charges before `offset` and `limit`.
    pub n_charges: u64,
    /// Their cost.
    pub totals: Totals,
}

/// One charge, or with proration its part inside the window.
#[derive(Debug, Clone, PartialEq)]
pub struct ChargeRow {
    /// First instant of it, UTC microseconds; with proration not before the window.
    pub start: i64,
    /// Instant behind the last of it; with proration not behind the window.
    pub end: i64,
    /// Start of the charge itself, whatever the window.
    pub charge_start: i64,
    /// End of the charge itself, whatever the window.
    pub charge_end: i64,
    /// Cost; with proration the part inside the window.
    pub cost: ExactSum,
    /// Currency of every amount.
    pub currency: Currency,
    /// One text per column of the question, `""` for none.
    pub texts: Vec<Arc<str>>,
    /// One value per measure of the question; with proration, money and quantities used are the part inside
    /// the window, as the cost is.
    pub measures: Vec<Option<ExactSum>>,
    /// The tags as they stand in the file, where asked for: key, and value where it has one.
    pub tags: Vec<(Arc<str>, Option<Arc<str>>)>,
}

/// A question about charges, bound.
#[derive(Debug, Clone)]
pub struct RowsPlan {
    /// What a scan must bring, and which charges count.
    pub plan: Arc<Plan>,
    query: RowsQuery,
    measures: Vec<(usize, bool)>,
    columns: Vec<usize>,
    order: Keyed,
}

#[derive(Debug, Clone, Copy)]
enum Keyed {
    Start,
    End,
    Cost,
    Text(usize),
}

/// Charges that an answer without a limit may hold.
const MAX_ROWS: usize = 20_000_000;

impl RowsPlan {
    /// Binds a question.
    ///
    /// Errors: as [`Plan::new`]; the billing clock; a column that holds numbers, a measure that holds none; an
    /// order by a column that is not asked for.
    pub fn new(query: RowsQuery) -> Result<Self> {
        let mut plan = Plan::new(ChargeQuery {
            by: Vec::new(),
            granularity: Granularity::Total,
            top: None,
            fill: false,
            offset: 0,
            limit: None,
            ..query.query.clone()
        })?;
        refuse_billing_clock(&plan)?;
        plan.hint.ends = true;
        if query.tags {
            plan.hint.want_tags(WantedTags::Sets);
        }
        let measures = want_measures(&mut plan, &query.measures)?;
        let columns = want_texts(&mut plan, &query.columns)?;
        let order = match &query.order.by {
            RowOrderBy::Start => Keyed::Start,
            RowOrderBy::End => Keyed::End,
            RowOrderBy::Cost => Keyed::Cost,
            RowOrderBy::Column(name) => {
                let canonical =
                    |name: &str| schema::canonical_name(name).map_or(name.to_owned(), str::to_owned);
                let wanted = canonical(name);
                let at = query.columns.iter().position(|c| canonical(c) == wanted);
                Keyed::Text(at.ok_or_else(|| {
                    Error::usage(format!(
                        "an order by {name}, which is none of the columns asked for"
                    ))
                })?)
            }
        };
        Ok(RowsPlan {
            plan: Arc::new(plan),
            query,
            measures,
            columns,
            order,
        })
    }
}

impl RowsPlan {
    /// The text columns of a batch that are read beside filters.
    pub(crate) fn texts_read(&self) -> &[usize] {
        &self.columns
    }
}

type TagList = Vec<(Arc<str>, Option<Arc<str>>)>;

/// A charge as a worker keeps it.
#[derive(Debug, Clone)]
struct Kept {
    span: (i64, i64),
    whole: (i64, i64),
    currency: Currency,
    cost: ExactSum,
    codes: Box<[u32]>,
    measures: Box<[Option<ExactSum>]>,
    tags: Option<Arc<TagList>>,
}

/// The state of one worker.
#[derive(Debug)]
pub struct RowsFold {
    sums: Sums,
    keeper: Keeper,
}

#[derive(Debug)]
struct Keeper {
    plan: RowsPlan,
    /// Per column.
    names: Vec<Names>,
    rows: Vec<Kept>,
}

impl RowsFold {
    /// An empty state.
    pub fn new(plan: &RowsPlan) -> Self {
        RowsFold {
            sums: Sums::new(Arc::clone(&plan.plan)),
            keeper: Keeper {
                plan: plan.clone(),
                names: plan.columns.iter().map(|_| Names::default()).collect(),
                rows: Vec::new(),
            },
        }
    }

    /// Adds a batch. Errors: a sum that leaves 256 bits; `limit.rows`.
    pub fn update(&mut self, batch: &ChargeBatch) -> Result<()> {
        self.sums.update_watched(batch, &mut self.keeper)
    }

    /// Takes over another worker's state. Errors: a sum that leaves 256 bits; `limit.rows`.
    pub fn merge(&mut self, other: RowsFold) -> Result<()> {
        self.sums.merge(&other.sums)?;
        let maps: Vec<Vec<u32>> = self
            .keeper
            .names
            .iter_mut()
            .zip(&other.keeper.names)
            .map(|(mine, theirs)| mine.merge(theirs))
            .collect();
        for mut row in other.keeper.rows {
            for (code, map) in row.codes.iter_mut().zip(&maps) {
                *code = map[*code as usize];
            }
            self.keeper.rows.push(row);
        }
        self.keeper.cut()
    }

    /// Orders and pages the charges. Errors: a total that leaves 256 bits.
    pub fn finish(self) -> Result<(ChargeRows, Finished)> {
        let finished = self.sums.finish()?;
        let mut keeper = self.keeper;
        let order = keeper.plan.query.order.clone();
        let mut rows = std::mem::take(&mut keeper.rows);
        rows.sort_unstable_by(|a, b| keeper.compare(&order, a, b));
        let texts: Vec<Vec<Arc<str>>> = keeper
            .names
            .iter()
            .map(|names| {
                (0..names.len() as u32)
                    .map(|code| Arc::from(String::from_utf8_lossy(names.name(code)).as_ref()))
                    .collect()
            })
            .collect();
        let query = keeper.plan.query;
        let named = |row: Kept| ChargeRow {
            start: row.span.0,
            end: row.span.1,
            charge_start: row.whole.0,
            charge_end: row.whole.1,
            cost: row.cost,
            currency: row.currency,
            texts: row
                .codes
                .iter()
                .zip(&texts)
                .map(|(code, texts)| Arc::clone(&texts[*code as usize]))
                .collect(),
            measures: row.measures.into_vec(),
            tags: row.tags.map_or_else(Vec::new, |tags| tags.as_ref().clone()),
        };
        let page = rows
            .into_iter()
            .skip(query.offset)
            .take(query.limit.unwrap_or(usize::MAX));
        let rows = ChargeRows {
            rows: page.map(named).collect(),
            n_charges: finished.n_used,
            totals: finished.used.clone(),
            query,
        };
        Ok((rows, finished))
    }
}

impl Watch for Keeper {
    fn hear(&mut self, contributions: &Contributions<'_>, _: usize) -> Result<()> {
        let batch = contributions.batch;
        let (starts, ends, costs) = (batch.start(), batch.end(), batch.cost());
        let mut codes: Vec<Vec<u32>> = vec![Vec::new(); self.names.len()];
        for ((names, codes), column) in self.names.iter_mut().zip(&mut codes).zip(&self.plan.columns) {
            names.codes_of(batch.text(*column), codes);
        }
        let currencies = batch.currency();
        let currency_names: Vec<Currency> = {
            use arrow::array::AsArray;
            let names = currencies.values().as_string::<i32>();
            names
                .iter()
                .map(|name| Currency::parse(name.unwrap_or("").as_bytes()).unwrap_or(Currency::UNKNOWN))
                .collect()
        };
        let mut sets: Vec<Option<Arc<TagList>>> = Vec::new();
        let tags = batch.tags().filter(|_| self.plan.query.tags);
        if let Some(tags) = &tags {
            sets.resize(tags.n_sets(), None);
        }
        let prorates = self.plan.plan.query.allocation == Allocation::Prorate;
        for (row, _, piece) in contributions.iter() {
            let whole = (starts[row], ends[row].max(starts[row]));
            let span = piece.map_or(whole, |piece| piece.span);
            let cost = match piece {
                Some(piece) => piece.share,
                None => ExactSum::from(costs.amount(row)?),
            };
            let mut measures = Vec::with_capacity(self.plan.measures.len());
            for (column, is_flow) in &self.plan.measures {
                measures.push(batch.measure(*column).get(row)?.map(|value| match piece {
                    Some(piece) if *is_flow && prorates => share_between(
                        value,
                        piece.span.0.abs_diff(whole.0),
                        piece.span.1.abs_diff(whole.0),
                        whole.1.abs_diff(whole.0),
                    ),
                    _ => ExactSum::from(value),
                }));
            }
            let tags = tags.as_ref().map(|tags| {
                let set = tags.codes()[row] as usize;
                Arc::clone(sets[set].get_or_insert_with(|| {
                    Arc::new(
                        tags.set(set)
                            .map(|(key, value)| (Arc::from(key), value.map(Arc::from)))
                            .collect(),
                    )
                }))
            });
            self.rows.push(Kept {
                span,
                whole,
                currency: currency_names[currencies.keys().value(row) as usize],
                cost,
                codes: codes.iter().map(|codes| codes[row]).collect(),
                measures: measures.into(),
                tags,
            });
        }
        self.cut()
    }
}

impl Keeper {
    /// Lets go of charges that no page can need.
    fn cut(&mut self) -> Result<()> {
        let query = &self.plan.query;
        let Some(limit) = query.limit else {
            if self.rows.len() > MAX_ROWS {
                return Err(Error::limit(
                    "limit.rows",
                    format!("more than {MAX_ROWS} charges in one answer"),
                )
                .hint("narrow the window or the filter, or page with a limit"));
            }
            return Ok(());
        };
        let n = query.offset.saturating_add(limit);
        if self.rows.len() <= n.saturating_mul(2).saturating_add(4096) {
            return Ok(());
        }
        let order = query.order.clone();
        let mut rows = std::mem::take(&mut self.rows);
        if n > 0 {
            rows.select_nth_unstable_by(n - 1, |a, b| self.compare(&order, a, b));
        }
        rows.truncate(n);
        self.rows = rows;
        Ok(())
    }

    /// A total order on everything that is read of a charge.
    fn compare(&self, order: &RowOrder, a: &Kept, b: &Kept) -> Ordering {
        let text = |row: &Kept, column: usize| self.names[column].name(row.codes[column]).to_vec();
        let by_text = |column: usize| {
            if a.codes[column] == b.codes[column] {
                Ordering::Equal
            } else {
                text(a, column).cmp(&text(b, column))
            }
        };
        let first = match self.plan.order {
            Keyed::Start => a.span.cmp(&b.span),
            Keyed::End => (a.span.1, a.span.0).cmp(&(b.span.1, b.span.0)),
            // Unlike currencies have no order of cost.
            Keyed::Cost => match a.currency.cmp(&b.currency) {
                Ordering::Equal => a.cost.cmp(&b.cost),
                unequal => return unequal,
            },
            Keyed::Text(column) => by_text(column),
        };
        let first = if order.descending { first.reverse() } else { first };
        first
            .then_with(|| a.span.cmp(&b.span))
            .then_with(|| a.whole.cmp(&b.whole))
            .then_with(|| a.currency.cmp(&b.currency))
            .then_with(|| {
                (0..a.codes.len())
                    .map(by_text)
                    .find(|order| order.is_ne())
                    .unwrap_or(Ordering::Equal)
            })
            .then_with(|| a.cost.cmp(&b.cost))
            .then_with(|| a.measures.cmp(&b.measures))
            .then_with(|| a.tags.cmp(&b.tags))
    }
}
