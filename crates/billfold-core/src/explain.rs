//! Explaining: the charges behind one cell of an answer, each with its file, record and line.
//!
//! A cell is one value per dimension, a period and a currency. Which charges count, and which share of them, is
//! decided as the fold of `sums` decides it; the shares listed add up to the cell exactly. Nothing is
//! grouped and nothing estimated: the files are read again.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::{Array, AsArray};

use crate::charge::ChargeBatch;
use crate::charge::batch::{RowCounts, RowFault};
use crate::dataset::between::{Between, BetweenState};
use crate::dataset::{self, AllowRejects, Outcome, RunOptions};
use crate::engine::{Plan, Verdicts, filter_rows};
use crate::error::{Diagnostic, Error, ErrorKind, Location, Result};
use crate::ingest::bill::{Bill, BillPlan};
use crate::ingest::cells::{CellVisitor, Cells, Judged};
use crate::ingest::decode::Decode;
use crate::ingest::plan::DecodePlan;
use crate::ingest::visit::visit_bill;
use crate::money::{Amount, Currency, ExactSum, Totals, share_between};
use crate::query::{Allocation, ChargeQuery, Condition, Dimension, DimensionSource, Test};
use crate::time::{Calendar, Granularity, Window, parse_bound, parse_period};

/// One cell of an answer, as a user writes it: `project_id=x,month=2024-03,currency=USD`.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Dimensions and their values.
    pub values: Vec<(Dimension, String)>,
    /// The period, as an answer labels it.
    pub period: Option<String>,
    /// The currency; every one without it.
    pub currency: Option<Currency>,
}

/// Words that name the period.
const PERIODS: [&str; 8] = [
    "period", "hour", "day", "date", "week", "month", "quarter", "year",
];

impl Cell {
    /// Reads `NAME=VALUE,…`; in a value `\,` is a comma and `\\` a backslash.
    ///
    /// Errors: usage, for what is no such list, and for a name twice.
    pub fn parse(text: &str) -> Result<Self> {
        let mut cell = Cell {
            values: Vec::new(),
            period: None,
            currency: None,
        };
        for part in split(text) {
            let Some((name, value)) = part.split_once('=') else {
                return Err(Error::usage(format!("\"{part}\" in the cell is not NAME=VALUE"))
                    .hint("write --cell 'project_id=x,month=2024-03,currency=USD'"));
            };
            let twice = || Error::usage(format!("the cell names {name} twice"));
            if PERIODS.contains(&name.trim()) {
                if cell.period.replace(value.to_owned()).is_some() {
                    return Err(twice());
                }
                continue;
            }
            let dimension = Dimension::parse(name)?;
            if dimension.source == DimensionSource::Column("billing_currency".to_owned()) {
                let currency = match value {
                    "" => Currency::UNKNOWN,
                    code => Currency::parse(code.as_bytes())
                        .ok_or_else(|| Error::usage(format!("\"{code}\" is no currency")))?,
                };
                if cell.currency.replace(currency).is_some() {
                    return Err(twice());
                }
                continue;
            }
            if cell.values.iter().any(|(d, _)| d.source == dimension.source) {
                return Err(twice());
            }
            cell.values.push((dimension, value.to_owned()));
        }
        Ok(cell)
    }

    /// The question that the cell belongs to, narrowed to it. `query.by` are the cell's dimensions, in its order.
    ///
    /// Errors: usage, for a period that cannot be read, or none where the question has periods.
    fn narrow(&self, query: &ChargeQuery) -> Result<ChargeQuery> {
        let mut narrowed = query.clone();
        for (dimension, (_, value)) in query.by.iter().zip(&self.values) {
            narrowed.filter.conditions.push(Condition {
                dimension: dimension.clone(),
                any_of: vec![Test::Equals(value.clone())],
                negated: false,
            });
        }
        let calendar = query.calendar();
        match &self.period {
            Some(label) => narrowed.window = query.window.intersect(&window_of(label, calendar)?),
            None if query.granularity != Granularity::Total => {
                return Err(Error::usage("the cell names no period")
                    .hint("write it as the answer does, such as month=2024-03"));
            }
            None => {}
        }
        narrowed.by.clear();
        narrowed.granularity = Granularity::Total;
        Ok(narrowed)
    }
}

/// The time of a period by its label.
fn window_of(label: &str, calendar: Calendar) -> Result<Window> {
    if label == "total" {
        return Ok(Window::ALL);
    }
    let whole = parse_period(label, calendar);
    if calendar.granularity == Granularity::Total {
        return whole;
    }
    let start = match whole {
        Ok(window) => window.start.unwrap_or(i64::MIN),
        Err(error) => parse_bound(label, calendar.zone).map_err(|_| error)?,
    };
    Ok(calendar.bounds(calendar.ordinal(start)))
}

/// Cuts at commas that no backslash escapes.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let last = parts.len() - 1;
        match c {
            '\\' => parts[last].extend(chars.next()),
            ',' => parts.push(String::new()),
            c => parts[last].push(c),
        }
    }
    parts
}

/// How a cell is explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Text columns of each charge that are wanted.
    pub columns: Vec<String>,
    /// Charges that are listed, the first in the order of files and rows; all are added up.
    pub limit: usize,
}

/// The charges behind a cell.
#[derive(Debug, Clone, Default)]
pub struct Explanation {
    /// The columns, as asked.
    pub columns: Vec<String>,
    /// The first charges, in the order of files and rows.
    pub charges: Vec<CellCharge>,
    /// Charges in the cell.
    pub n_charges: u64,
    /// What the cell comes to: the shares of all its charges.
    pub totals: Totals,
    /// Rows read.
    pub n_read: u64,
    /// Rows refused.
    pub n_rejected: u64,
    /// The first rows refused.
    pub rejects: Vec<Diagnostic>,
    /// What is odd and not wrong.
    pub warnings: Vec<String>,
}

/// One charge of a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct CellCharge {
    /// File, record and, where the carrier has lines, line.
    pub location: Location,
    /// Start of the charge on the question's clock, UTC microseconds.
    pub start: i64,
    /// End of the charge.
    pub end: i64,
    /// The currency of both costs.
    pub currency: Currency,
    /// The whole cost.
    pub cost: Amount,
    /// What of it lies in the cell: all, or with proration the share of the time inside.
    pub share: ExactSum,
    /// The columns asked for.
    pub texts: Vec<String>,
}

impl Explanation {
    /// Why nothing is explained: more rows were refused than allowed.
    pub fn error(&self, allow: AllowRejects) -> Option<Error> {
        (!allow.admits(self.n_rejected, self.n_read)).then(|| {
            Error::new(ErrorKind::RowsRejected {
                n_rejected: self.n_rejected,
                n_read: self.n_read,
            })
            .hint("--allow-rejects N (or P%) goes on without them")
        })
    }
}

/// Lists the charges behind a cell. `query.by` are the cell's dimensions, in its order; its order and page do not apply.
///
/// Errors: as [`dataset::sums`]; unreadable rows are part of the explanation.
pub fn explain(
    inputs: &[String],
    query: &ChargeQuery,
    cell: &Cell,
    listing: &Listing,
    options: &RunOptions<'_>,
) -> Result<Explanation> {
    let mut plan = Plan::new(cell.narrow(query)?)?;
    plan.hint.ends = true;
    let mut columns = Vec::new();
    for name in &listing.columns {
        let DimensionSource::Column(column) = Dimension::parse(name)?.source else {
            return Err(Error::usage(format!("{name} is no column; list columns of text")));
        };
        columns.push(plan.hint.want_text(&column));
    }
    let between = Between::new(&plan, options)?;
    let opened = dataset::open(inputs, options, between.hint())?;
    dataset::check_dimensions(between.hint(), &options.lookups, &opened.bills)?;
    let mut found = Explanation {
        columns: listing.columns.clone(),
        warnings: opened.warnings,
        ..Explanation::default()
    };
    found.warnings.extend(between.warnings());
    let sieve = Sieve {
        plan: &plan,
        between: &between,
        currency: cell.currency,
        columns: &columns,
        limit: listing.limit,
    };
    let n_workers = dataset::workers(options.threads);
    let progress = Arc::clone(&options.progress);
    let mut states = Vec::new();
    for (bill, stream) in opened.bills.iter().zip(opened.streams) {
        let Some(bill_plan) = BillPlan::new(between.hint(), bill)? else {
            continue;
        };
        let parts = visit_bill(bill, &bill_plan, stream, n_workers, |task, worker| {
            let part = RefCell::new(Part::new(between.state()));
            let place = bill.visit(&bill_plan, task, worker, |plan| Look {
                plan,
                sieve: &sieve,
                part: &part,
            })?;
            let part = part.into_inner();
            progress.rows.fetch_add(part.counts.read, Ordering::Relaxed);
            Ok((part, place))
        })?;
        let mut n_rows = 0;
        let mut next_line = bill.first_line();
        for (part, place) in parts {
            let at = Place {
                bill,
                first_row: place.first_row.unwrap_or(n_rows),
                first_line: place.lines.first(&mut next_line),
            };
            n_rows += part.counts.n_records();
            states.push(part.state);
            found.n_read += part.counts.read;
            found.n_rejected += part.faults.len() as u64;
            found.n_charges += part.n_charges;
            found.totals.add_totals(&part.totals).map_err(|_| overflow())?;
            for row in part.rows {
                if found.charges.len() < listing.limit {
                    found.charges.push(at.charge(row));
                }
            }
            for fault in part.faults {
                if found.rejects.len() < Outcome::SHOWN_REJECTS {
                    found.rejects.push(at.diagnostic(fault));
                }
            }
        }
    }
    between.account(states)?;
    Ok(found)
}

/// Which charges are in the cell, and what of them.
struct Sieve<'s> {
    plan: &'s Plan,
    between: &'s Between<'s>,
    currency: Option<Currency>,
    columns: &'s [usize],
    limit: usize,
}

/// What was found in a chunk; places are relative to it.
struct Part {
    state: BetweenState,
    counts: RowCounts,
    faults: Vec<RowFault>,
    rows: Vec<PartRow>,
    n_charges: u64,
    totals: Totals,
}

struct PartRow {
    row: u64,
    lines_before: Option<u64>,
    charge: CellCharge,
}

impl Part {
    fn new(state: BetweenState) -> Self {
        Part {
            state,
            counts: RowCounts::default(),
            faults: Vec::new(),
            rows: Vec::new(),
            n_charges: 0,
            totals: Totals::default(),
        }
    }
}

/// Where a chunk stands.
struct Place<'b> {
    bill: &'b Bill,
    first_row: u64,
    first_line: Option<u64>,
}

impl Place<'_> {
    fn location(&self, row: u64, lines_before: Option<u64>, column: Option<Arc<str>>) -> Location {
        Location {
            source: Some(Arc::clone(&self.bill.source.name)),
            record: Some(self.first_row + row + 1),
            line: self
                .first_line
                .zip(lines_before)
                .map(|(first, before)| first + before),
            column,
        }
    }

    fn charge(&self, row: PartRow) -> CellCharge {
        CellCharge {
            location: self.location(row.row, row.lines_before, None),
            ..row.charge
        }
    }

    fn diagnostic(&self, fault: RowFault) -> Diagnostic {
        Diagnostic {
            code: fault.code,
            location: self.location(fault.row, fault.lines_before, fault.column),
            text: fault.text,
            expected: fault.expected,
            row: fault.raw,
            cost: fault.cost,
        }
    }
}

/// Looks at the cells of a chunk.
struct Look<'l> {
    plan: &'l DecodePlan,
    sieve: &'l Sieve<'l>,
    part: &'l RefCell<Part>,
}

impl CellVisitor for Look<'_> {
    type Out = ();

    fn visit<C: Cells>(self, cells: &C, judged: Judged) -> Result<()> {
        let mut part = self.part.borrow_mut();
        let before = part.counts.n_records();
        let decoded = Decode::new(self.plan).visit(cells, judged)?;
        part.counts.add(&decoded.counts);
        part.faults.extend(decoded.faults.into_iter().map(|mut fault| {
            fault.row += before;
            fault
        }));
        let kept: Vec<usize> = match &decoded.keep {
            None => (0..cells.n_rows()).collect(),
            Some(keep) => (0..cells.n_rows()).filter(|row| keep.value(*row)).collect(),
        };
        let batch = self.sieve.between.apply(&decoded.batch, &mut part.state)?;
        let passes = filter_rows(self.sieve.plan, &batch, &mut Verdicts::default());
        for (i, row) in kept.into_iter().enumerate() {
            if passes.as_ref().is_some_and(|passes| !passes[i]) {
                continue;
            }
            let Some(charge) = self.sieve.charge(&batch, i)? else {
                continue;
            };
            part.n_charges += 1;
            part.totals
                .add(charge.currency, &charge.share)
                .map_err(|_| overflow())?;
            if part.rows.len() < self.sieve.limit {
                part.rows.push(PartRow {
                    row: before + row as u64,
                    lines_before: cells.lines_before(row),
                    charge,
                });
            }
        }
        Ok(())
    }
}

impl Sieve<'_> {
    /// The charge of a row that the filters keep, if something of it lies in the cell.
    fn charge(&self, batch: &ChargeBatch, row: usize) -> Result<Option<CellCharge>> {
        let text = |column: &arrow::array::DictionaryArray<arrow::datatypes::Int32Type>| {
            let names = column.values().as_string::<i32>();
            let code = column
                .keys()
                .is_valid(row)
                .then(|| column.keys().value(row) as usize);
            code.filter(|code| names.is_valid(*code))
                .map_or("", |code| names.value(code))
                .to_owned()
        };
        let currency = Currency::parse(text(batch.currency()).as_bytes()).unwrap_or(Currency::UNKNOWN);
        if self.currency.is_some_and(|wanted| wanted != currency) {
            return Ok(None);
        }
        let (start, end) = (batch.start()[row], batch.end()[row]);
        let cost = batch.cost().amount(row)?;
        let Some(share) = self.share(start, end, cost) else {
            return Ok(None);
        };
        Ok(Some(CellCharge {
            location: Location::default(),
            start,
            end,
            currency,
            cost,
            share,
            texts: self.columns.iter().map(|i| text(batch.text(*i))).collect(),
        }))
    }

    /// What of a charge lies in the window, as the fold of `sums` has it.
    fn share(&self, start: i64, end: i64, cost: Amount) -> Option<ExactSum> {
        let query = &self.plan.query;
        let window = query.window;
        if query.allocation == Allocation::Start || end <= start {
            return window.contains(start).then(|| cost.into());
        }
        let from = window.start.map_or(start, |w| w.max(start));
        let to = window.end.map_or(end, |w| w.min(end));
        if from >= to {
            return None;
        }
        if (from, to) == (start, end) {
            return Some(cost.into());
        }
        let elapsed = |instant: i64| instant.abs_diff(start);
        Some(share_between(
            cost,
            elapsed(from),
            elapsed(to),
            end.abs_diff(start),
        ))
    }
}

#[cold]
fn overflow() -> Error {
    Error::new(ErrorKind::Overflow {
        group: "the cell".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_a_list_of_values_a_period_and_a_currency() {
        let cell = Cell::parse(r"project=a\,b=c,month=2024-03,currency=usd,tag:team=").unwrap();
        let values: Vec<(&str, &str)> = cell
            .values
            .iter()
            .map(|(d, v)| (d.name.as_str(), v.as_str()))
            .collect();
        assert_eq!(values, [("project", "a,b=c"), ("tag:team", "")]);
        assert_eq!(cell.period.as_deref(), Some("2024-03"));
        assert_eq!(cell.currency, Currency::parse(b"USD"));
        for bad in [
            "",
            "project",
            "project=a,project_id=b",
            "month=1,day=2",
            "currency=dollar",
            "billed_cost=1",
        ] {
            assert!(Cell::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_label_is_the_period_of_the_answer() {
        let calendar = |granularity: &str| Calendar::new(crate::time::Tz::UTC, granularity.parse().unwrap());
        for (label, granularity) in [
            ("2024-02-26", "weekly"),
            ("2024-03", "monthly"),
            ("2024-Q1", "quarterly"),
            ("2024", "yearly"),
            ("2024-03-05", "daily"),
        ] {
            let calendar = calendar(granularity);
            let window = window_of(label, calendar).unwrap();
            assert_eq!(calendar.label(calendar.ordinal(window.start.unwrap())), label);
            assert_eq!(calendar.bounds(calendar.ordinal(window.start.unwrap())), window);
        }
        assert_eq!(window_of("total", calendar("total")).unwrap(), Window::ALL);
        assert!(window_of("soon", calendar("daily")).is_err());
    }
}
