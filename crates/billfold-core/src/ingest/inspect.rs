//! What a bill is: every known column judged, exact control totals, the time span, what is odd.
//!
//! Unlike an answer, which judges what every row must have, an inspection looks at every cost, time,
//! currency and tag of every row.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::charge::batch::{LeftOut, RowCounts, RowFault};
use crate::charge::schema::{
    self, BILLING_CURRENCY, BILLING_PERIOD_END, BILLING_PERIOD_START, CHARGE_PERIOD_END, CHARGE_PERIOD_START,
    ColumnKind,
};
use crate::charge::tag_sets::TagBuilder;
use crate::error::{Error, ErrorKind, Result};
use crate::ingest::bill::{Bill, BillPlan, BillStream};
use crate::ingest::cells::{CellVisitor, Cells, Fault, Judged};
use crate::ingest::decode::{amount_of, is_total, leave_out_rows, place_fault};
use crate::ingest::formats::Binding;
use crate::ingest::plan::{DecodePlan, tag_style};
use crate::ingest::tags;
use crate::ingest::visit::visit_bill;
use crate::money::{Currency, ExactSum, Totals};
use crate::time;

/// Faults of one bill that are kept to be shown.
const SHOWN: usize = 20;

/// What was found in a bill, or in a part of it.
#[derive(Debug, Default)]
pub struct Findings {
    /// Rows, the rejected ones with them.
    pub n_rows: u64,
    /// Records, the rows that are no charges with them.
    n_records: u64,
    /// Rows in which a known cell cannot be read.
    pub n_rejected: u64,
    /// Blank lines.
    pub n_blank: u64,
    /// Per cost column (header index) what is in it.
    pub money: BTreeMap<usize, MoneyFindings>,
    /// First start, last start, last end.
    pub span: Option<(i64, i64, i64)>,
    /// What is odd: how often.
    pub odd: BTreeMap<&'static str, u64>,
    /// The first faults, in the order of the rows, with the chunk's first row and line.
    pub faults: Vec<PlacedFault>,
}

/// What is in one cost column.
#[derive(Debug, Default)]
pub struct MoneyFindings {
    /// Cells with a value.
    pub n_values: u64,
    /// Cells without one.
    pub n_empty: u64,
    /// Cells that are no amount.
    pub n_unreadable: u64,
    /// Values below zero.
    pub n_negative: u64,
    /// Most decimals of a value.
    pub max_scale: u8,
    /// Exact sums.
    pub sums: Totals,
}

/// A fault with its place in the file.
#[derive(Debug)]
pub struct PlacedFault {
    /// Row of the file, from 1.
    pub record: u64,
    /// Physical line, from 1.
    pub line: Option<u64>,
    /// The fault.
    pub fault: RowFault,
}

/// The columns that an inspection looks at.
#[derive(Debug)]
struct Looked {
    money: Vec<usize>,
    start: usize,
    end: Option<usize>,
    billing: (Option<usize>, Option<usize>),
    currency: Option<usize>,
    tags: Option<usize>,
    tag_ids: bool,
    tag_pairs: String,
}

impl Looked {
    fn of(binding: &Binding, plan: &DecodePlan) -> Self {
        let find = |name: &str| binding.find(name);
        let mut money: Vec<usize> = schema::COLUMNS
            .iter()
            .filter(|c| c.kind == ColumnKind::Money)
            .filter_map(|c| find(c.name))
            .chain(binding.money_columns.iter().copied())
            .collect();
        money.sort_unstable();
        money.dedup();
        Looked {
            money,
            start: find(CHARGE_PERIOD_START).unwrap_or(plan.start),
            end: find(CHARGE_PERIOD_END),
            billing: (find(BILLING_PERIOD_START), find(BILLING_PERIOD_END)),
            currency: find(BILLING_CURRENCY),
            tags: binding.tag_column,
            tag_ids: binding.format.tags.ids,
            tag_pairs: binding.format.tags.pairs.clone(),
        }
    }

    fn columns(&self) -> Vec<usize> {
        let mut columns = self.money.clone();
        columns.push(self.start);
        columns.extend(
            [self.end, self.billing.0, self.billing.1, self.currency, self.tags]
                .into_iter()
                .flatten(),
        );
        columns
    }
}

/// Reads a bill whole and says what is in it. `plan` is any plan for it; its columns are added to.
///
/// Errors: io, broken packing or structure.
pub fn inspect(
    bill: &Bill,
    mut plan: BillPlan,
    stream: Option<BillStream>,
    n_workers: usize,
) -> Result<Findings> {
    let looked = Looked::of(&bill.binding, plan.decode());
    plan.add_columns(&looked.columns());
    let parts = visit_bill(bill, &plan, stream, n_workers, |task, worker| {
        let part = RefCell::new(Findings::default());
        let place = bill.visit(&plan, task, worker, |plan| Look {
            plan,
            looked: &looked,
            part: &part,
        })?;
        let mut part = part.into_inner();
        part.n_blank += place.n_blank;
        Ok((part, place))
    })?;
    let mut all = Findings::default();
    for column in &looked.money {
        all.money.entry(*column).or_default();
    }
    let mut next_line = bill.first_line();
    for (part, place) in parts {
        all.add(part, place.first_row, place.lines.first(&mut next_line))?;
    }
    Ok(all)
}

fn overflow() -> Error {
    Error::new(ErrorKind::Overflow {
        group: "a control total".to_owned(),
    })
}

impl Findings {
    /// Adds the next part of the same bill.
    fn add(&mut self, part: Findings, first_row: Option<u64>, first_line: Option<u64>) -> Result<()> {
        let first_row = first_row.unwrap_or(self.n_records);
        for mut placed in part.faults {
            if self.faults.len() < SHOWN {
                placed.record += first_row;
                placed.line = first_line.zip(placed.line).map(|(first, before)| first + before);
                self.faults.push(placed);
            }
        }
        self.n_rows += part.n_rows;
        self.n_records += part.n_records;
        self.n_rejected += part.n_rejected;
        self.n_blank += part.n_blank;
        for (column, found) in part.money {
            let all = self.money.entry(column).or_default();
            all.n_values += found.n_values;
            all.n_empty += found.n_empty;
            all.n_unreadable += found.n_unreadable;
            all.n_negative += found.n_negative;
            all.max_scale = all.max_scale.max(found.max_scale);
            all.sums.add_totals(&found.sums).map_err(|_| overflow())?;
        }
        self.span = match (self.span, part.span) {
            (Some(mine), Some(other)) => {
                Some((mine.0.min(other.0), mine.1.max(other.1), mine.2.max(other.2)))
            }
            (a, b) => a.or(b),
        };
        for (what, n) in part.odd {
            *self.odd.entry(what).or_default() += n;
        }
        Ok(())
    }
}

/// Looks at one chunk.
struct Look<'a> {
    plan: &'a DecodePlan,
    looked: &'a Looked,
    part: &'a RefCell<Findings>,
}

impl CellVisitor for Look<'_> {
    type Out = ();

    fn visit<C: Cells>(self, cells: &C, mut judged: Judged) -> Result<()> {
        let Look { plan, looked, part } = self;
        let part = &mut *part.borrow_mut();
        let rows_before = part.n_records;
        part.n_records += cells.n_rows() as u64;
        leave_out_rows(cells, plan, &mut judged);
        let typed: BTreeMap<usize, Vec<Option<i64>>> =
            [Some(looked.start), looked.end, looked.billing.0, looked.billing.1]
                .into_iter()
                .flatten()
                .filter_map(|column| Some((column, cells.instants(column)?)))
                .collect();
        let mut scratch = Vec::new();
        let mut tag_builder = TagBuilder::with_capacity(0);
        let mut unreadable = vec![false];
        for row in 0..cells.n_rows() {
            if judged.is_bad(row) {
                continue;
            }
            if is_total_line(cells, plan, looked, &typed, row, &mut scratch) {
                judged.leave_out(row, LeftOut::Total);
                continue;
            }
            let currency = currency_of(cells, plan, looked, row, &mut judged, &mut scratch, part);
            let mut instant = |column: Option<usize>, judged: &mut Judged| -> Option<i64> {
                let column = column?;
                if let Some(typed) = typed.get(&column) {
                    return typed[row];
                }
                let cell = plan.rules.typed(cells.cell(row, column, &mut scratch));
                plan.rules.instant(cell).unwrap_or_else(|error| {
                    judged.refuse(row, Fault::time(error, column, cell));
                    None
                })
            };
            let start = instant(Some(looked.start), &mut judged);
            let end = instant(looked.end, &mut judged).map(|end| plan.rules.end(end));
            let billing = (
                instant(looked.billing.0, &mut judged),
                instant(looked.billing.1, &mut judged),
            );
            look_at_times(part, &mut judged, row, looked, start, end, billing);
            for column in &looked.money {
                let found = part.money.entry(*column).or_default();
                match amount_of(cells, plan, row, *column, &mut scratch) {
                    Ok(Some(amount)) => {
                        found.n_values += 1;
                        found.n_negative += u64::from(amount.mantissa() < 0);
                        found.max_scale = found.max_scale.max(amount.normalized().scale());
                        found
                            .sums
                            .add(currency, &ExactSum::from(amount))
                            .map_err(|_| overflow())?;
                    }
                    Ok(None) => found.n_empty += 1,
                    Err(fault) => {
                        found.n_unreadable += 1;
                        judged.refuse(row, fault);
                    }
                }
            }
            if let Some(column) = looked.tags {
                let cell = cells.cell(row, column, &mut scratch);
                if cell.is_empty() || plan.rules.null_text(cell).is_some() {
                    continue;
                }
                let code = tag_builder.push(cell, |sink| {
                    let style = tag_style(looked.tag_ids, &looked.tag_pairs);
                    unreadable.push(tags::parse_tags(cell, style, sink).is_err());
                });
                if unreadable[code as usize] {
                    *part.odd.entry("rows whose tags cannot be read").or_default() += 1;
                }
            }
        }
        let mut counts = RowCounts {
            read: cells.n_rows() as u64,
            ..RowCounts::default()
        };
        for (_, why) in judged.left_out() {
            counts.leave_out(*why);
        }
        part.n_rows += counts.read;
        for (what, n) in counts.notes() {
            *part.odd.entry(what).or_default() += n;
        }
        for (row, fault) in judged.into_faults() {
            part.n_rejected += 1;
            if part.faults.len() < SHOWN {
                let fault = place_fault(cells, plan, row, fault);
                part.faults.push(PlacedFault {
                    record: rows_before + row as u64 + 1,
                    line: fault.lines_before,
                    fault,
                });
            }
        }
        Ok(())
    }
}

/// Whether a row has no start because it adds up others.
fn is_total_line<C: Cells>(
    cells: &C,
    plan: &DecodePlan,
    looked: &Looked,
    typed: &BTreeMap<usize, Vec<Option<i64>>>,
    row: usize,
    scratch: &mut Vec<u8>,
) -> bool {
    if plan.totals.is_empty() || typed.contains_key(&looked.start) {
        return false;
    }
    let cell = plan.rules.typed(cells.cell(row, looked.start, scratch));
    !matches!(plan.rules.instant(cell), Ok(Some(_))) && is_total(cells, plan, row)
}

fn currency_of<C: Cells>(
    cells: &C,
    plan: &DecodePlan,
    looked: &Looked,
    row: usize,
    judged: &mut Judged,
    scratch: &mut Vec<u8>,
    part: &mut Findings,
) -> Currency {
    let fallback = plan.default_currency.unwrap_or(Currency::UNKNOWN);
    let Some(column) = looked.currency else {
        *part
            .odd
            .entry("rows without a currency: the file has no column for it")
            .or_default() += 1;
        return fallback;
    };
    let cell = plan.rules.typed(cells.cell(row, column, scratch));
    if cell.is_empty() || plan.rules.null_text(cell).is_some() {
        *part.odd.entry("rows whose currency is empty").or_default() += 1;
        return fallback;
    }
    match plan.rules.currency(cell) {
        Some(currency) => currency,
        None => {
            judged.refuse(row, Fault::currency(column, cell));
            Currency::UNKNOWN
        }
    }
}

fn look_at_times(
    part: &mut Findings,
    judged: &mut Judged,
    row: usize,
    looked: &Looked,
    start: Option<i64>,
    end: Option<i64>,
    billing: (Option<i64>, Option<i64>),
) {
    let mut odd = |what: &'static str| *part.odd.entry(what).or_default() += 1;
    let Some(start) = start else {
        judged.refuse(row, Fault::missing_time(looked.start, b""));
        return;
    };
    let last = match end {
        Some(end) if end < start => {
            judged.refuse(
                row,
                Fault::order(looked.end.unwrap_or(looked.start), time::format_instant(end)),
            );
            return;
        }
        Some(end) => end,
        None => start,
    };
    if end == Some(start) {
        odd("charges of zero length");
    }
    if last - start > 86_400_000_000 {
        odd("charges longer than a day");
    }
    if billing.0.is_some_and(|b| start < b) || billing.1.is_some_and(|b| start > b) {
        odd("charges that start outside their billing period");
    }
    part.span = Some(match part.span {
        None => (start, start, last),
        Some((a, b, c)) => (a.min(start), b.max(start), c.max(last)),
    });
}
