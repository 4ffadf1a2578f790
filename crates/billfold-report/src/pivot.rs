//! Pivots: groups as rows, periods as columns, one table per currency.
//!
//! Every number of a pivot comes from the engine: the cells, the totals of rows and the totals of columns
//! are answers to three questions over one reading of the files, and the grand total stands in each of
//! them. Nothing is added up here; that the parts come to the totals is checked, and a pivot that does not
//! hold is a bug and never shown. Groups that overlap (`tag_id`) do not come to the totals, and say so.

use std::collections::BTreeMap;

use billfold_core::dataset::Outcome;
use billfold_core::engine::{Answer, Receipt};
use billfold_core::money::{Currency, ExactSum};
use billfold_core::query::{ChargeQuery, DimensionSource, Order, OrderBy};
use billfold_core::time::{Granularity, Period, Window};
use billfold_core::{Error, Result};

use crate::rounding::Table;

/// Columns above which a pivot is no longer something to look at.
pub const MAX_PERIODS: usize = 10_000;

/// How many questions one pivot asks.
pub const QUESTIONS: usize = 3;

/// The questions of a pivot: its cells, the totals of its rows, the totals of its columns.
///
/// `query.top` and `query.order` rank the rows by their totals; pages (`offset`, `limit`) and `fill` do not
/// belong to a pivot. Errors: usage, for a question with a page.
pub fn questions(query: &ChargeQuery) -> Result<Vec<ChargeQuery>> {
    if query.offset != 0 || query.limit.is_some() {
        return Err(
            Error::usage("a report has no pages, as its totals are those of all rows")
                .hint("use --top N, which keeps N rows and puts the others together"),
        );
    }
    let cells = ChargeQuery {
        fill: false,
        order: Order::default(),
        top: query.top.filter(|_| !query.by.is_empty()),
        ..query.clone()
    };
    let rows = ChargeQuery {
        granularity: Granularity::Total,
        order: query.order,
        ..cells.clone()
    };
    let columns = ChargeQuery {
        by: Vec::new(),
        top: None,
        fill: query.fill,
        ..cells.clone()
    };
    Ok(vec![cells, rows, columns])
}

/// A question's answer, laid out.
#[derive(Debug, Clone)]
pub struct Pivot {
    /// The question of the cells.
    pub query: ChargeQuery,
    /// The columns, in order of time, without gaps.
    pub periods: Vec<Period>,
    /// One table per currency, in byte order of the codes.
    pub sections: Vec<Section>,
    /// Charges used, each once.
    pub n_charges: u64,
    /// Whether a charge may count in several rows, so that the rows come to more than the total.
    pub overlaps: bool,
    /// SHA-256 of the canonical answer of the cells.
    pub answer_sha256: String,
    /// The account of the reading.
    pub receipt: Receipt,
    /// What was odd about the files and not wrong.
    pub warnings: Vec<String>,
}

/// The table of one currency.
#[derive(Debug, Clone)]
pub struct Section {
    /// The currency; [`Currency::UNKNOWN`] where the files name none.
    pub currency: Currency,
    /// The rows, in the order asked; "Others" last.
    pub rows: Vec<Row>,
    /// By period, the cost of all rows.
    pub columns: Vec<ExactSum>,
    /// The cost of everything.
    pub total: ExactSum,
}

/// One group.
#[derive(Debug, Clone)]
pub struct Row {
    /// By dimension, its value; "" where a charge has none.
    pub keys: Vec<String>,
    /// Whether this is what `top` put together.
    pub is_others: bool,
    /// By period, the cost; `None` where the group has no charge.
    pub cells: Vec<Option<ExactSum>>,
    /// The cost over all periods.
    pub total: ExactSum,
    /// The charges over all periods.
    pub charges: u64,
    /// What of the total is its own and what was shared, after splits.
    pub split: Option<RowSplit>,
}

/// What a total is made of after splits of shared cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowSplit {
    /// The cost before.
    pub own: ExactSum,
    /// What came from shared groups.
    pub shared_in: ExactSum,
    /// What was shared out; below zero where it cost something.
    pub shared_out: ExactSum,
}

impl Pivot {
    /// Lays out the answers to [`questions`], in their order.
    ///
    /// Errors: why there is no answer; a limit for more than [`MAX_PERIODS`] columns; a bug of ours when the
    /// parts do not come to the totals.
    pub fn new(outcomes: Vec<Outcome>) -> Result<Pivot> {
        let three: [Outcome; QUESTIONS] = outcomes
            .try_into()
            .map_err(|_| Error::bug("a pivot is made of three answers"))?;
        if let Some(error) = three.iter().find_map(Outcome::error) {
            return Err(error);
        }
        let [cells, rows, columns] = three;
        let none = || Error::bug("an outcome without answer and error");
        let (Some(cell_answer), Some(row_answer), Some(column_answer)) =
            (&cells.answer, &rows.answer, &columns.answer)
        else {
            return Err(none());
        };
        let mut pivot = Pivot::of_answers(cell_answer, row_answer, column_answer)?;
        pivot.answer_sha256.clone_from(&cells.receipt.answer_sha256);
        pivot.receipt = cells.receipt;
        pivot.warnings = cells.warnings;
        Ok(pivot)
    }

    /// Lays out three answers without an account of the reading.
    pub fn of_answers(cells: &Answer, rows: &Answer, columns: &Answer) -> Result<Pivot> {
        let periods = columns_of(columns)?;
        let at: BTreeMap<&str, usize> = periods
            .iter()
            .enumerate()
            .map(|(at, period)| (period.label.as_str(), at))
            .collect();
        let place = |label: &str| {
            at.get(label)
                .copied()
                .ok_or_else(|| Error::bug(format!("period {label} has no column")))
        };
        let mut sections: BTreeMap<Currency, Section> = BTreeMap::new();
        for (currency, total) in cells.totals.iter() {
            sections.insert(
                currency,
                Section {
                    currency,
                    rows: Vec::new(),
                    columns: vec![ExactSum::ZERO; periods.len()],
                    total: *total,
                },
            );
        }
        let missing = |currency: Currency| Error::bug(format!("currency {currency} has no total"));
        for row in columns.rows() {
            let currency = row.currency();
            let section = sections.get_mut(&currency).ok_or_else(|| missing(currency))?;
            section.columns[place(&row.period().label)?] = row.cost();
        }
        // A row is found again by its keys; what `top` put together has none.
        let name = |row: billfold_core::engine::AnswerRow<'_>| -> (Currency, Option<Vec<String>>) {
            let keys = (!row.is_others()).then(|| row.keys().map(str::to_owned).collect());
            (row.currency(), keys)
        };
        let mut found = BTreeMap::new();
        for row in rows.rows() {
            let (currency, keys) = name(row);
            let section = sections.get_mut(&currency).ok_or_else(|| missing(currency))?;
            found.insert((currency, keys), section.rows.len());
            section.rows.push(Row {
                keys: row.keys().map(str::to_owned).collect(),
                is_others: row.is_others(),
                cells: vec![None; periods.len()],
                total: row.cost(),
                charges: row.charges(),
                split: None,
            });
        }
        for row in cells.rows() {
            let key = name(row);
            let nth = found
                .get(&key)
                .ok_or_else(|| Error::bug("a group with cells and no total"))?;
            let section = sections.get_mut(&key.0).ok_or_else(|| missing(key.0))?;
            section.rows[*nth].cells[place(&row.period().label)?] = Some(row.cost());
        }
        let by = &cells.query.by;
        let pivot = Pivot {
            query: cells.query.clone(),
            overlaps: by.iter().any(|d| d.source == DimensionSource::TagId),
            periods,
            sections: sections.into_values().collect(),
            n_charges: cells.n_charges,
            answer_sha256: String::new(),
            receipt: Receipt::default(),
            warnings: Vec::new(),
        };
        pivot.check()?;
        Ok(pivot)
    }

    /// The names of the dimensions.
    pub fn key_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.query.by.iter().map(|d| d.name.as_str())
    }

    /// Whether there is more than one column of time.
    pub fn has_periods(&self) -> bool {
        self.query.granularity != Granularity::Total
    }

    /// Whether shared cost was moved.
    pub fn is_split(&self) -> bool {
        !self.receipt.splits.is_empty()
    }

    /// The stretch of time from the first to the last column, cut to the question's window.
    pub fn span(&self) -> Window {
        let hull = Window {
            start: self.periods.first().and_then(|period| period.start),
            end: self.periods.last().and_then(|period| period.end),
        };
        hull.intersect(&self.query.window)
    }

    fn check(&self) -> Result<()> {
        if self.overlaps || self.sections.iter().all(|section| section.table().adds_up()) {
            return Ok(());
        }
        Err(Error::bug("the parts of a pivot do not come to its totals"))
    }
}

impl Section {
    /// The numbers alone; a cell without charges is zero.
    pub fn table(&self) -> Table {
        let cells = |row: &Row| {
            row.cells
                .iter()
                .map(|cell| cell.unwrap_or(ExactSum::ZERO))
                .collect()
        };
        Table {
            cells: self.rows.iter().map(cells).collect(),
            rows: self.rows.iter().map(|row| row.total).collect(),
            columns: self.columns.clone(),
            total: self.total,
        }
    }
}

/// Every period from the first to the last that has a charge, or with `fill` of the whole window.
fn columns_of(columns: &Answer) -> Result<Vec<Period>> {
    let calendar = columns.query.calendar();
    let (Some(first), Some(last)) = (columns.periods.first(), columns.periods.last()) else {
        return Ok(Vec::new());
    };
    let (Some(start), Some(end)) = (first.start, last.end) else {
        return Ok(columns.periods.clone());
    };
    if columns.query.granularity == Granularity::Total {
        return Ok(columns.periods.clone());
    }
    let periods = calendar.periods_in(&Window {
        start: Some(start),
        end: Some(end),
    })?;
    if periods.len() > MAX_PERIODS {
        let message = format!(
            "{} periods are more columns than the {MAX_PERIODS} of a report",
            periods.len()
        );
        return Err(Error::limit("limit.periods", message)
            .hint("choose longer periods with --duration, or a shorter window with --period"));
    }
    Ok(periods)
}

/// The order of rows that a report has where none is asked for: highest cost first.
pub const BY_COST: Order = Order {
    by: OrderBy::Cost,
    descending: true,
};
