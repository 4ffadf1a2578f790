//! Cells of a chunk into columns of the layout.
//!
//! Every known cell is judged, as in an inspection: times, currency, all four costs. A row that fails
//! is refused with the first of its faults and is in no column.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, StringArray};

use super::layout::{Layout, MARK, Role};
use crate::charge::batch::{LeftOut, RowCounts, RowFault};
use crate::charge::builder::constant;
use crate::charge::schema::{
    BILLED_COST, BILLING_CURRENCY, BILLING_PERIOD_END, BILLING_PERIOD_START, CHARGE_PERIOD_END,
    CHARGE_PERIOD_START, CHARGE_TIME, ColumnKind, EFFECTIVE_COST,
};
use crate::charge::tag_sets::BatchTags;
use crate::error::{Error, ErrorKind, Result};
use crate::ingest::cells::{CellVisitor, Cells, Fault, Judged, TextArray};
use crate::ingest::decode::{
    amount_of, cost_of, currencies, is_total, lasting, leave_out_rows, place_fault, repeats_header, texts,
    views,
};
use crate::ingest::formats::Binding;
use crate::ingest::measures::MeasurePlan;
use crate::ingest::plan::{CostPlan, DecodePlan};
use crate::ingest::tag_column::{Before, tag_sets};
use crate::money::{Amount, Currency, ExactSum, Totals};
use crate::time::{self, TimeError};

/// One column of gathered rows.
pub(super) enum Gathered {
    /// No value in any row.
    Null,
    Text(TextArray),
    Time(Vec<Option<i64>>),
    Money(Vec<Option<Amount>>),
}

/// The rows of one batch of a carrier.
pub(super) struct Rows {
    /// Start of the charge period; 0 in refused rows.
    pub(super) start: Vec<i64>,
    /// Whether the row is refused.
    pub(super) refused: Vec<bool>,
    /// In the order of the layout.
    pub(super) columns: Vec<Gathered>,
    /// Row of the chunk at which these begin.
    pub(super) first_row: u64,
}

/// What a chunk came to, beside its rows.
#[derive(Default)]
pub(super) struct Part {
    pub(super) counts: RowCounts,
    pub(super) faults: Vec<RowFault>,
    /// Per cost column of the schema, what was handed on.
    pub(super) totals: BTreeMap<&'static str, Totals>,
}

/// Where gathered rows go.
pub(super) type Take<'a> = dyn Fn(Rows) -> Result<()> + 'a;

/// Gathers the cells of one batch.
pub(super) struct Gather<'a> {
    pub(super) plan: &'a DecodePlan,
    pub(super) binding: &'a Binding,
    pub(super) layout: &'a Layout,
    pub(super) extras: &'a BTreeMap<usize, usize>,
    pub(super) part: &'a RefCell<Part>,
    pub(super) take: &'a Take<'a>,
}

/// The headers that gathering looks at beside the plan's.
pub(super) fn headers(binding: &Binding, layout: &Layout, extras: &BTreeMap<usize, usize>) -> Vec<usize> {
    let known = layout.columns.iter().filter_map(|column| match column.role {
        Role::Schema(_, ColumnKind::Tags) | Role::Mark | Role::Extra => None,
        Role::Schema(name, _) => binding.find(name),
    });
    known.chain(extras.values().copied()).collect()
}

impl CellVisitor for Gather<'_> {
    type Out = ();

    fn visit<C: Cells>(self, cells: &C, mut judged: Judged) -> Result<()> {
        let Gather {
            plan,
            binding,
            layout,
            extras,
            part,
            take,
        } = self;
        let n_rows = cells.n_rows();
        let part = &mut *part.borrow_mut();
        let first_row = part.counts.n_records();
        part.counts.read += n_rows as u64;
        leave_out_rows(cells, plan, &mut judged);
        part.counts.views |= views(cells, plan, &judged);

        let starts = instants(cells, plan, plan.start, &mut judged);
        let mut start = vec![0; n_rows];
        for (row, instant) in starts.iter().enumerate() {
            match instant {
                Some(instant) => start[row] = *instant,
                // Refused or left out already, or without a start.
                None => judged.refuse(row, Fault::missing_time(plan.start, b"")),
            }
        }
        let mut times: BTreeMap<&str, Vec<Option<i64>>> = BTreeMap::new();
        times.insert(CHARGE_PERIOD_START, starts);
        for name in [
            CHARGE_PERIOD_END,
            BILLING_PERIOD_START,
            BILLING_PERIOD_END,
            CHARGE_TIME,
        ] {
            let Some(column) = binding.find(name) else {
                continue;
            };
            let mut values = instants(cells, plan, column, &mut judged);
            if matches!(name, CHARGE_PERIOD_END | BILLING_PERIOD_END) {
                for end in values.iter_mut().flatten() {
                    *end = plan.rules.end(*end);
                }
            }
            if name == CHARGE_PERIOD_END {
                for row in 0..n_rows {
                    match values[row] {
                        _ if judged.is_bad(row) => {}
                        Some(end) if end < start[row] => {
                            judged.refuse(row, Fault::order(column, time::format_instant(end)));
                        }
                        Some(_) => {}
                        None => part.counts.end_absent += 1,
                    }
                }
            }
            times.insert(name, values);
        }
        if let (None, Some(calendar)) = (plan.end, plan.lasts) {
            let ends = lasting(&start, calendar, &judged);
            times.insert(CHARGE_PERIOD_END, ends.into_iter().map(Some).collect());
        }
        let currency = currencies(cells, plan, &mut judged, &mut part.counts)?;
        if !layout.has(BILLING_CURRENCY) {
            refuse_late_currencies(&currency, &judged)?;
        }
        let mut money: BTreeMap<&'static str, Vec<Option<Amount>>> = BTreeMap::new();
        for column in &layout.columns {
            if let Role::Schema(name, ColumnKind::Money) = column.role
                && let Some(values) = amounts(cells, plan, binding, name, &mut judged)
            {
                money.insert(name, values);
            }
            if let Role::Schema(name, ColumnKind::Number) = column.role
                && let Some(values) = numbers(cells, plan, binding, name, &mut judged)
            {
                money.insert(name, values);
            }
        }
        count_bridges(&money, &judged, &mut part.counts, n_rows);

        let mut columns = Vec::with_capacity(layout.columns.len());
        for (idx, column) in layout.columns.iter().enumerate() {
            let text = |header: usize| -> Result<Gathered> {
                Ok(Gathered::Text(match cells.text_column(header, &plan.rules) {
                    Some(array) => array?,
                    None => texts(cells, plan, header, &judged)?,
                }))
            };
            columns.push(match column.role {
                Role::Mark => Gathered::Text(constant(MARK.1, n_rows)?),
                Role::Extra => match extras.get(&idx) {
                    Some(header) => text(*header)?,
                    None => Gathered::Null,
                },
                Role::Schema(_, ColumnKind::Tags) => match &plan.tags {
                    Some(tags) if tags.column.is_some() || !tags.columns.is_empty() => {
                        let found =
                            tag_sets(cells, plan, tags, Before::default(), &judged, &mut part.counts)?;
                        let BatchTags::Sets(column) = found else {
                            return Err(Error::bug(
                                "numbers of sets of tags were given where none are kept",
                            ));
                        };
                        Gathered::Text(tags_as_json(&column)?)
                    }
                    _ => Gathered::Null,
                },
                Role::Schema(BILLING_CURRENCY, _) => Gathered::Text(currency.clone()),
                Role::Schema(name, ColumnKind::Time) => {
                    times.remove(name).map_or(Gathered::Null, Gathered::Time)
                }
                Role::Schema(name, ColumnKind::Money) => {
                    if let Some(values) = money.get(name) {
                        let totals = part.totals.entry(name).or_default();
                        add_up(totals, values, &currency, &judged)?;
                    }
                    money.remove(name).map_or(Gathered::Null, Gathered::Money)
                }
                Role::Schema(name, ColumnKind::Number) => {
                    money.remove(name).map_or(Gathered::Null, Gathered::Money)
                }
                Role::Schema(name, ColumnKind::Text) => match binding.find(name) {
                    Some(header) => text(header)?,
                    None => Gathered::Null,
                },
            });
        }
        for (_, why) in judged.left_out() {
            part.counts.leave_out(*why);
        }
        let refused: Vec<bool> = (0..n_rows).map(|row| judged.is_bad(row)).collect();
        for (row, fault) in judged.into_faults() {
            let mut fault = place_fault(cells, plan, row, fault);
            fault.row += first_row;
            part.faults.push(fault);
        }
        take(Rows {
            start,
            refused,
            columns,
            first_row,
        })
    }
}

/// An instant per row, where the cell has one.
fn instants<C: Cells>(cells: &C, plan: &DecodePlan, column: usize, judged: &mut Judged) -> Vec<Option<i64>> {
    let n_rows = cells.n_rows();
    let mut scratch = Vec::new();
    if let Some(mut typed) = cells.instants(column) {
        for (row, instant) in typed.iter_mut().enumerate() {
            if instant.is_some_and(|i| !(time::MIN_INSTANT..=time::MAX_INSTANT).contains(&i)) {
                judged.refuse(
                    row,
                    Fault::time(TimeError::Syntax, column, cells.cell(row, column, &mut scratch)),
                );
                *instant = None;
            }
        }
        return typed;
    }
    let mut out = Vec::with_capacity(n_rows);
    // Neighbouring rows mostly share their period.
    let mut last: Option<(Vec<u8>, Option<i64>)> = None;
    for row in 0..n_rows {
        if judged.is_bad(row) {
            out.push(None);
            continue;
        }
        let cell = plan.rules.typed(cells.cell(row, column, &mut scratch));
        if let Some((text, instant)) = &last
            && text == cell
        {
            out.push(*instant);
            continue;
        }
        match plan.rules.instant(cell) {
            Ok(None) | Err(_) if column == plan.start && is_total(cells, plan, row) => {
                judged.leave_out(row, LeftOut::Total);
                out.push(None);
            }
            Ok(instant) => {
                last = Some((cell.to_vec(), instant));
                out.push(instant);
            }
            Err(error) => {
                let mut fault = Fault::time(error, column, cell);
                if repeats_header(cells, plan, row) {
                    fault.code = "csv.header_again";
                    "a row; this line repeats the header".clone_into(&mut fault.expected);
                }
                judged.refuse(row, fault);
                out.push(None);
            }
        }
    }
    out
}

/// A file without a column of currencies cannot hold rows that name one after all.
fn refuse_late_currencies(currency: &TextArray, judged: &Judged) -> Result<()> {
    let names = currency.values().as_string::<i32>();
    let is_named = |row: usize| !names.value(currency.keys().value(row) as usize).is_empty();
    if (0..currency.len()).any(|row| !judged.is_bad(row) && is_named(row)) {
        return Err(
            Error::file("cur.unknown", "the first rows name no currency and later ones do")
                .hint("name theirs with --set billing_currency=text:USD"),
        );
    }
    Ok(())
}

/// A cost per row; None where this bill has no such column. An effective cost that rules derive is null
/// where they fall back to the billed cost, so that a reader falls back, and counts, as we would.
fn amounts<C: Cells>(
    cells: &C,
    plan: &DecodePlan,
    binding: &Binding,
    name: &'static str,
    judged: &mut Judged,
) -> Option<Vec<Option<Amount>>> {
    let by_rules = name == EFFECTIVE_COST && matches!(plan.cost, CostPlan::Rules { .. });
    let column = binding.find(name);
    if !by_rules && column.is_none() {
        return None;
    }
    let mut scratch = Vec::new();
    let mut out = Vec::with_capacity(cells.n_rows());
    for row in 0..cells.n_rows() {
        if judged.is_bad(row) {
            out.push(None);
            continue;
        }
        let value = match column {
            Some(column) if !by_rules => amount_of(cells, plan, row, column, &mut scratch),
            _ => cost_of(cells, plan, row, &mut scratch).map(|(cost, fell_back)| cost.filter(|_| !fell_back)),
        };
        out.push(value.unwrap_or_else(|fault| {
            judged.refuse(row, fault);
            None
        }));
    }
    Some(out)
}

/// A number per row; None where this bill has no such column.
fn numbers<C: Cells>(
    cells: &C,
    plan: &DecodePlan,
    binding: &Binding,
    name: &'static str,
    judged: &mut Judged,
) -> Option<Vec<Option<Amount>>> {
    let measure = MeasurePlan::new(name, binding);
    measure.column?;
    let mut scratch = Vec::new();
    let mut out = Vec::with_capacity(cells.n_rows());
    for row in 0..cells.n_rows() {
        if judged.is_bad(row) {
            out.push(None);
            continue;
        }
        let value = measure.value(cells, plan, row, &mut scratch);
        out.push(value.unwrap_or_else(|fault| {
            judged.refuse(row, fault);
            None
        }));
    }
    Some(out)
}

/// Counts what a reader of the file will bridge: an effective cost from a billed one, no cost at all.
fn count_bridges(
    money: &BTreeMap<&'static str, Vec<Option<Amount>>>,
    judged: &Judged,
    counts: &mut RowCounts,
    n_rows: usize,
) {
    let value = |name: &str, row: usize| money.get(name).and_then(|values| values[row]);
    for row in (0..n_rows).filter(|row| !judged.is_bad(*row)) {
        if value(EFFECTIVE_COST, row).is_none() {
            match value(BILLED_COST, row) {
                Some(_) => counts.effective_from_billed += 1,
                None => counts.cost_empty += 1,
            }
        }
    }
}

fn add_up(
    totals: &mut Totals,
    values: &[Option<Amount>],
    currency: &TextArray,
    judged: &Judged,
) -> Result<()> {
    let overflow = || {
        Error::new(ErrorKind::Overflow {
            group: "a control total".to_owned(),
        })
    };
    let names = currency.values().as_string::<i32>();
    let mut sums: Vec<Option<ExactSum>> = vec![None; names.len()];
    for (row, value) in values.iter().enumerate() {
        if let (Some(value), false) = (value, judged.is_bad(row)) {
            let code = currency.keys().value(row) as usize;
            let sum = sums[code].get_or_insert(ExactSum::ZERO);
            sum.add_amount(*value).map_err(|_| overflow())?;
        }
    }
    for (name, sum) in names.iter().zip(&sums) {
        if let Some(sum) = sum {
            let currency = Currency::parse(name.unwrap_or("").as_bytes()).unwrap_or(Currency::UNKNOWN);
            totals.add(currency, sum).map_err(|_| overflow())?;
        }
    }
    Ok(())
}

/// Sets of tags as the text of a JSON object, each distinct set once; none for the empty set.
fn tags_as_json(sets: &TextArray) -> Result<TextArray> {
    let maps = sets.values().as_map();
    let (keys, values) = (maps.keys().as_string::<i32>(), maps.values().as_string::<i32>());
    let offsets = maps.value_offsets();
    let text = |set: usize| -> Option<String> {
        let range = offsets[set] as usize..offsets[set + 1] as usize;
        if range.is_empty() {
            return None;
        }
        let mut json = String::from("{");
        for i in range {
            if json.len() > 1 {
                json.push(',');
            }
            json.push_str(&json_text(keys.value(i)));
            json.push(':');
            if values.is_valid(i) {
                json.push_str(&json_text(values.value(i)));
            } else {
                json.push_str("null");
            }
        }
        json.push('}');
        Some(json)
    };
    let texts: StringArray = (0..maps.len())
        .map(|set| Some(text(set).unwrap_or_default()))
        .collect();
    TextArray::try_new(sets.keys().clone(), Arc::new(texts))
        .map_err(|e| Error::bug(format!("tags as text: {e}")))
}

/// A text as JSON, quotes and all.
pub(super) fn json_text(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
