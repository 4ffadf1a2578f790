//! Cells into a charge batch, column by column: the part that CSV and JSON share.
//!
//! The loops run over one column at a time; a row that is found wanting is marked and left out at the
//! end, with the first of its faults. The order of judgement is fixed (structure, start, end, billing
//! period, currency, cost), so which fault a row shows does not depend on the question.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::ScalarBuffer;

use crate::charge::batch::{BatchParts, ChargeBatch, LeftOut, RowCounts, RowFault};
use crate::charge::builder::{MoneyBuilder, TextBuilder, constant, dictionary};
use crate::charge::intern::ShortText;
use crate::error::Result;
use crate::ingest::amounts;
use crate::ingest::cells::{CellText, CellVisitor, Cells, Fault, Judged, TextArray, lossy};
use crate::ingest::delivery::partition;
use crate::ingest::measures;
use crate::ingest::plan::{BoundCondition, BoundRule, CostPlan, DecodePlan};
use crate::ingest::tag_column::{Before, tag_sets};
use crate::money::{Amount, AmountError, Currency, ExactSum, parse_short};
use crate::time::{self, Calendar, TimeError};

/// Decodes a chunk into a batch.
pub(crate) struct Decode<'a> {
    plan: &'a DecodePlan,
    before: Before<'a>,
}

impl<'a> Decode<'a> {
    pub(crate) fn new(plan: &'a DecodePlan) -> Self {
        Decode::after(plan, Before::default())
    }

    /// The same where other batches told of sets of tags.
    pub(crate) fn after(plan: &'a DecodePlan, before: Before<'a>) -> Self {
        Decode { plan, before }
    }
}

impl CellVisitor for Decode<'_> {
    type Out = Decoded;
    fn visit<C: Cells>(self, cells: &C, judged: Judged) -> Result<Decoded> {
        decode_cells(cells, self.plan, self.before, judged)
    }
}

/// One decoded chunk.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub batch: ChargeBatch,
    pub counts: RowCounts,
    pub faults: Vec<RowFault>,
    /// Per row of the chunk, whether it is in the batch; None when all are.
    pub keep: Option<BooleanArray>,
}

/// Decodes the cells of a chunk. `judged` holds the rows whose structure is broken already.
fn decode_cells<C: Cells>(
    cells: &C,
    plan: &DecodePlan,
    before: Before<'_>,
    mut judged: Judged,
) -> Result<Decoded> {
    let n_rows = cells.n_rows();
    let mut counts = RowCounts {
        read: n_rows as u64,
        ..RowCounts::default()
    };

    leave_out_rows(cells, plan, &mut judged);
    counts.views = views(cells, plan, &judged);
    let charge_start = times(cells, plan, plan.start, None, &mut judged);
    let end = match plan.end {
        Some(column) => times(
            cells,
            plan,
            column,
            Some((&charge_start[..], &mut counts.end_absent)),
            &mut judged,
        ),
        None => match plan.lasts {
            Some(calendar) if plan.keep_end => lasting(&charge_start, calendar, &judged).into(),
            _ => charge_start.clone(),
        },
    };
    let start = match plan.billing_start {
        Some(column) => times(cells, plan, column, None, &mut judged),
        None => charge_start,
    };
    let currency = currencies(cells, plan, &mut judged, &mut counts)?;
    let cost = costs(cells, plan, &mut judged, &mut counts)?;

    let mut text = Vec::with_capacity(plan.text.len());
    for (name, column) in &plan.text {
        let array = match column {
            Some(column) if measures::is_time(name) => {
                measures::instants_as_text(cells, plan, name, *column, &judged, &mut counts)?
            }
            Some(column) if plan.list(*column).is_some() => texts(cells, plan, *column, &judged)?,
            Some(column) => match cells.text_column(*column, &plan.rules) {
                Some(array) => array?,
                None => texts(cells, plan, *column, &judged)?,
            },
            None => constant(partition(&plan.partitions, name).unwrap_or_default(), n_rows)?,
        };
        text.push((name.clone(), array));
    }
    let tags = (plan.tags.as_ref())
        .map(|tag_plan| tag_sets(cells, plan, tag_plan, before, &judged, &mut counts))
        .transpose()?;

    let measures = measures::columns(cells, plan, &judged, &mut counts)?;

    let parts = BatchParts {
        start,
        end: plan.keep_end.then_some(end),
        cost,
        currency,
        text,
        tags,
    };
    let mut batch = ChargeBatch::new(parts)?.with_measures(measures)?;
    let keep = (!judged.is_clean()).then(|| judged.keep());
    if let Some(keep) = &keep {
        batch = batch.filter(keep)?;
    }
    for (_, why) in judged.left_out() {
        counts.leave_out(*why);
    }
    let faults = judged
        .into_faults()
        .into_iter()
        .map(|(row, fault)| place_fault(cells, plan, row, fault))
        .collect();
    Ok(Decoded {
        batch,
        counts,
        faults,
        keep,
    })
}

/// An instant per row. With `starts`, an empty cell means the row's start, and an earlier end is refused.
fn times<C: Cells>(
    cells: &C,
    plan: &DecodePlan,
    column: usize,
    starts: Option<(&[i64], &mut u64)>,
    judged: &mut Judged,
) -> ScalarBuffer<i64> {
    if judged.is_clean()
        && let Some(sound) = cells.sound_instants(column)
    {
        let fits = match &starts {
            None => true,
            Some((starts, _)) => {
                // Lengths of charges put together: their sign is that of any that ends too early. Possible instants
                // are not so far apart that the difference could wrap.
                let lengths = |bits: i64, (end, start): (&i64, &i64)| bits | end.wrapping_sub(*start);
                plan.rules.ends_are_exclusive() && sound.iter().zip(*starts).fold(0, lengths) >= 0
            }
        };
        if fits {
            return sound;
        }
    }
    let mut times = Times {
        cells,
        plan,
        column,
        starts,
        judged,
        typed: false,
        out: Vec::with_capacity(cells.n_rows()),
    };
    if let Some(typed) = cells.instants(column) {
        times.typed = true;
        let possible = time::MIN_INSTANT..=time::MAX_INSTANT;
        for (row, instant) in typed.into_iter().enumerate() {
            match instant {
                Some(instant) if !possible.contains(&instant) => times.put(row, Err(TimeError::Syntax)),
                instant => times.put(row, Ok(instant)),
            }
        }
        return times.out.into();
    }
    // Neighbouring rows mostly share their period.
    let mut last: Option<(Vec<u8>, Option<i64>)> = None;
    cells.each(column, |row, cell| {
        if let Ok(text) = <&[u8; 20]>::try_from(cell.text())
            && let Some(instant) = time::parse_zulu(text)
        {
            times.put(row, Ok(Some(instant)));
            return;
        }
        let text = plan.rules.typed(cell.text());
        let read = match &mut last {
            Some((known, instant)) if known == text => Ok(*instant),
            last => plan.rules.instant(text).inspect(|instant| {
                let (known, value) = last.get_or_insert_default();
                known.clear();
                known.extend_from_slice(text);
                *value = *instant;
            }),
        };
        times.put(row, read);
    });
    times.out.into()
}

/// A column of instants on its way.
struct Times<'a, C> {
    cells: &'a C,
    plan: &'a DecodePlan,
    column: usize,
    starts: Option<(&'a [i64], &'a mut u64)>,
    judged: &'a mut Judged,
    /// Whether the carrier has instants, and no text.
    typed: bool,
    out: Vec<i64>,
}

impl<C: Cells> Times<'_, C> {
    /// Takes what the next row's cell holds, None where it holds nothing.
    #[inline]
    fn put(&mut self, row: usize, read: Result<Option<i64>, TimeError>) {
        let instant = match read {
            Ok(Some(instant)) if !self.judged.is_bad(row) => match &self.starts {
                None => instant,
                Some((starts, _)) => {
                    let end = self.plan.rules.end(instant);
                    if end < starts[row] {
                        self.refuse_end(row)
                    } else {
                        end
                    }
                }
            },
            read => self.put_other(row, read),
        };
        self.out.push(instant);
    }

    #[cold]
    fn refuse_end(&mut self, row: usize) -> i64 {
        let text = lossy(self.cells.cell(row, self.column, &mut Vec::new()));
        self.judged.refuse(row, Fault::order(self.column, text));
        0
    }

    /// A row without an instant of its own.
    #[cold]
    fn put_other(&mut self, row: usize, read: Result<Option<i64>, TimeError>) -> i64 {
        if self.judged.is_bad(row) {
            return 0;
        }
        let (cells, plan, column) = (self.cells, self.plan, self.column);
        if let (Ok(None), Some((starts, absent))) = (&read, &mut self.starts) {
            **absent += 1;
            return starts[row];
        }
        if column == plan.start && is_total(cells, plan, row) {
            self.judged.leave_out(row, LeftOut::Total);
            return 0;
        }
        let mut scratch = Vec::new();
        let cell = cells.cell(row, column, &mut scratch);
        let typed = plan.rules.typed(cell);
        let fault = match read {
            Err(error) if self.typed => Fault::time(error, column, cell),
            Err(error) => {
                let mut fault = Fault::time(error, column, typed);
                if repeats_header(cells, plan, row) {
                    fault.code = "csv.header_again";
                    "a row; this line repeats the header".clone_into(&mut fault.expected);
                }
                fault
            }
            Ok(_) => Fault::missing_time(column, typed),
        };
        self.judged.refuse(row, fault);
        0
    }
}

#[cold]
pub(crate) fn repeats_header<C: Cells>(cells: &C, plan: &DecodePlan, row: usize) -> bool {
    let mut scratch = Vec::new();
    let mut headers = plan.headers.iter().enumerate();
    headers.all(|(column, header)| {
        // The file has no header for the sum of a list.
        if plan.list(column).is_some() {
            return true;
        }
        let cell = cells.cell(row, column, &mut scratch);
        cell == header.trim_start_matches('\u{feff}').as_bytes()
    })
}

/// Whether a row without a start adds up the rows before it: its first text says so.
#[cold]
pub(crate) fn is_total<C: Cells>(cells: &C, plan: &DecodePlan, row: usize) -> bool {
    let mut scratch = Vec::new();
    let mut columns = (0..plan.headers.len()).filter(|column| plan.list(*column).is_none());
    !plan.totals.is_empty()
        && columns
            .find_map(|column| {
                let cell = cells.cell(row, column, &mut scratch).trim_ascii();
                (!cell.is_empty()).then(|| is_total_word(plan, cell))
            })
            .unwrap_or(false)
}

fn is_total_word(plan: &DecodePlan, text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let text = text.trim().trim_end_matches([':', '：']);
    plan.totals.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Leaves out the rows that are no charges by a rule, and total lines that have fields of their own.
pub(crate) fn leave_out_rows<C: Cells>(cells: &C, plan: &DecodePlan, judged: &mut Judged) {
    if !plan.totals.is_empty() {
        let total = |row: usize, fault: &Fault| {
            let raw = cells.raw(row);
            let mut fields = raw
                .split([',', ';', '\t', '|'])
                .map(|f| f.trim().trim_matches('"'));
            fault.code == "csv.fields"
                && fields
                    .find(|field| !field.is_empty())
                    .is_some_and(|field| is_total_word(plan, field.as_bytes()))
        };
        judged.forgive(LeftOut::Total, total);
    }
    let mut scratch = Vec::new();
    for (why, when) in &plan.skip {
        for row in 0..cells.n_rows() {
            if !judged.is_bad(row) && holds(cells, plan, when, row, &mut scratch) {
                judged.leave_out(row, *why);
            }
        }
    }
}

/// Whether all conditions hold on a row.
fn holds<C: Cells>(
    cells: &C,
    plan: &DecodePlan,
    when: &[BoundCondition],
    row: usize,
    scratch: &mut Vec<u8>,
) -> bool {
    when.iter().all(|condition| {
        let cell = cells.cell(row, condition.column, scratch);
        if condition.is.is_empty() {
            !is_null(plan, cell)
        } else {
            condition.is.iter().any(|text| text == cell)
        }
    })
}

/// Which views of the format some row proves, a bit each.
pub(crate) fn views<C: Cells>(cells: &C, plan: &DecodePlan, judged: &Judged) -> u32 {
    let mut scratch = Vec::new();
    let mut proven = 0;
    for (view, when) in plan.views.iter().enumerate() {
        let Some(when) = when else { continue };
        let proves = |row: usize| !judged.is_bad(row) && holds(cells, plan, when, row, &mut scratch);
        proven |= u32::from((0..cells.n_rows()).any(proves)) << view;
    }
    proven
}

/// Per charge, the end of the calendar's period in which it starts.
pub(crate) fn lasting(starts: &[i64], calendar: Calendar, judged: &Judged) -> Vec<i64> {
    let mut last: Option<(i64, i64)> = None;
    let end_of = |(row, start): (usize, &i64)| {
        if judged.is_bad(row) {
            return *start;
        }
        // Neighbouring rows mostly share their start.
        match last {
            Some((known, end)) if known == *start => end,
            _ => {
                let end = calendar.bounds(calendar.ordinal(*start)).end.unwrap_or(*start);
                last = Some((*start, end));
                end
            }
        }
    };
    starts.iter().enumerate().map(end_of).collect()
}

/// A text column from its cells.
pub(crate) fn texts<C: Cells>(
    cells: &C,
    plan: &DecodePlan,
    column: usize,
    judged: &Judged,
) -> Result<TextArray> {
    let mut builder = TextBuilder::for_batch(cells.n_rows());
    if let Some(part) = plan.list(column) {
        let mut scratch = Vec::new();
        for row in 0..cells.n_rows() {
            if judged.is_bad(row) {
                builder.push(&[]);
            } else {
                let cell = cells.cell(row, part.list, &mut scratch);
                builder.push(amounts::member_text(cell, &part.member).as_bytes());
            }
        }
        return builder.finish(|text| plan.rules.null_text(text));
    }
    if judged.is_clean() {
        let push = |word, text: &[u8]| match ShortText::new(word, text.len()) {
            Some(short) => builder.push_short(short, text),
            None => builder.push(text),
        };
        if cells.each_short(column, push) {
            return builder.finish(|text| plan.rules.null_text(text));
        }
        builder = TextBuilder::for_batch(cells.n_rows());
    }
    cells.each(column, |row, cell| {
        if judged.is_bad(row) {
            builder.push(&[]);
        } else {
            push_text(&mut builder, cell);
        }
    });
    builder.finish(|text| plan.rules.null_text(text))
}

#[expect(clippy::inline_always, reason = "out of line, the word goes through memory")]
#[inline(always)]
fn push_text(builder: &mut TextBuilder, cell: CellText<'_>) {
    match ShortText::new(cell.word(), cell.len()) {
        Some(short) => builder.push_short(short, cell.text()),
        None => builder.push(cell.text()),
    }
}

/// A code per row. Distinct texts are few, so they are judged once each.
pub(crate) fn currencies<C: Cells>(
    cells: &C,
    plan: &DecodePlan,
    judged: &mut Judged,
    counts: &mut RowCounts,
) -> Result<TextArray> {
    let n_rows = cells.n_rows();
    let fallback = plan.default_currency.unwrap_or(Currency::UNKNOWN);
    let Some(column) = plan.currency else {
        if plan.default_currency.is_none() {
            counts.currency_absent += n_rows as u64;
        }
        return constant(fallback.as_str(), n_rows);
    };
    if judged.is_clean()
        && let Some(known) = typed_currencies(cells, plan, column)
    {
        return known;
    }
    if judged.is_clean()
        && let Some(text) = cells.same_text(column).map(|text| plan.rules.typed(text))
        && !is_null(plan, text)
        && let Some(currency) = plan.rules.currency(text)
        && currency != Currency::UNKNOWN
    {
        return constant(currency.as_str(), n_rows);
    }
    let mut scratch = Vec::new();
    let mut builder = TextBuilder::with_capacity(n_rows);
    cells.each(column, |row, cell| {
        if judged.is_bad(row) {
            builder.push(&[]);
        } else if plan.rules.trim {
            builder.push(plan.rules.typed(cell.text()));
        } else {
            push_text(&mut builder, cell);
        }
    });
    let verdicts: Vec<Option<Currency>> = (0..builder.distinct().len())
        .map(|code| {
            let text = builder.distinct().get(code as i32);
            if is_null(plan, text) {
                Some(fallback)
            } else {
                plan.rules.currency(text)
            }
        })
        .collect();
    let texts: Vec<String> = verdicts
        .iter()
        .map(|v| v.map_or(String::new(), |c| c.as_str().to_owned()))
        .collect();
    let suspicious = |v: &Option<Currency>| v.is_none_or(|c| c == Currency::UNKNOWN);
    if verdicts.iter().any(suspicious) {
        for row in 0..n_rows {
            let code = builder.codes()[row];
            if judged.is_bad(row) || !suspicious(&verdicts[code as usize]) {
                continue;
            }
            if verdicts[code as usize].is_some() && cells.lacks(row, column) {
                counts.currency_absent += 1;
                continue;
            }
            // A blank currency is legal on a row that costs nothing, as some providers write it.
            let free = verdicts[code as usize].is_some()
                && cost_of(cells, plan, row, &mut scratch)
                    .is_ok_and(|(cost, _)| cost.is_none_or(|c| c.mantissa() == 0));
            if !free {
                let fault = Fault::currency(column, builder.distinct().get(code));
                judged.refuse(row, fault);
            }
        }
    }
    let codes = builder.codes().to_vec();
    let values: arrow::array::StringArray = texts.into_iter().map(Some).collect();
    dictionary(codes, Arc::new(values))
}

/// The currencies of a column that comes as a dictionary of nothing but known currencies.
fn typed_currencies<C: Cells>(cells: &C, plan: &DecodePlan, column: usize) -> Option<Result<TextArray>> {
    let array = cells.text_column(column, &plan.rules)?.ok()?;
    if array.keys().null_count() > 0 {
        return None;
    }
    let names = array.values().as_string_opt::<i32>()?;
    let known: Option<Vec<Currency>> = names
        .iter()
        .map(|name| plan.rules.currency(plan.rules.typed(name?.as_bytes())))
        .collect();
    let texts: arrow::array::StringArray = known?.iter().map(|c| Some(c.as_str())).collect();
    // The codes are sound already.
    Some(Ok(array.with_values(Arc::new(texts))))
}

pub(crate) fn is_null(plan: &DecodePlan, text: &[u8]) -> bool {
    text.is_empty() || plan.rules.null_text(text).is_some()
}

fn costs<C: Cells>(
    cells: &C,
    plan: &DecodePlan,
    judged: &mut Judged,
    counts: &mut RowCounts,
) -> Result<ArrayRef> {
    let first = match &plan.cost {
        CostPlan::Column(column) => Some(*column),
        CostPlan::Effective { effective, .. } => *effective,
        CostPlan::Rules { .. } => None,
    };
    if judged.is_clean()
        && let Some(array) = first.and_then(|column| cells.cost_column(column))
    {
        return Ok(array);
    }
    let mut builder = MoneyBuilder::with_capacity(cells.n_rows());
    let mut scratch = Vec::new();
    let bad = if judged.is_clean() {
        Vec::new()
    } else {
        judged.bad().to_vec()
    };
    let mut put = |row: usize, builder: &mut MoneyBuilder| {
        if judged.is_bad(row) {
            builder.push_null();
            builder.n_null -= 1;
            return;
        }
        match cost_of(cells, plan, row, &mut scratch) {
            Ok((Some(amount), fell_back)) => {
                builder.push(amount);
                counts.effective_from_billed += u64::from(fell_back);
            }
            Ok((None, _)) => builder.push_null(),
            Err(fault) => {
                judged.refuse(row, fault);
                builder.push_null();
                builder.n_null -= 1;
            }
        }
    };
    match first {
        // What the first column says of a row is its cost, where it says anything.
        Some(column) if C::PLAIN && plan.list(column).is_none() => {
            cells.each(column, |row, cell| match parse_short(cell.word(), cell.len()) {
                Some((mantissa, scale)) if bad.is_empty() || !bad[row] => {
                    builder.push_short(mantissa, scale);
                }
                _ => put(row, &mut builder),
            });
        }
        _ => (0..cells.n_rows()).for_each(|row| put(row, &mut builder)),
    }
    counts.cost_empty += builder.n_null;
    builder.finish()
}

/// The cost of a row, and whether it came from the billed cost for lack of an effective one.
pub(crate) fn cost_of<C: Cells>(
    cells: &C,
    plan: &DecodePlan,
    row: usize,
    scratch: &mut Vec<u8>,
) -> Result<(Option<Amount>, bool), Fault> {
    let mut read = |column: usize| amount_of(cells, plan, row, column, scratch);
    match &plan.cost {
        CostPlan::Column(column) => Ok((read(*column)?, false)),
        CostPlan::Effective { effective, billed } => {
            let first = match effective {
                Some(column) => read(*column)?,
                None => None,
            };
            match (first, billed) {
                (None, Some(billed)) => read(*billed).map(|cost| (cost, cost.is_some())),
                (first, _) => Ok((first, false)),
            }
        }
        CostPlan::Rules { rules, billed } => match rule_for(cells, rules, row) {
            None => Ok((read(*billed)?, false)),
            Some(rule) => match &rule.parts {
                Some(parts) => match add_parts(parts, &mut read)? {
                    Some(amount) => Ok((Some(amount), false)),
                    None => Ok((read(*billed)?, true)),
                },
                None => Ok((read(*billed)?, true)),
            },
        },
    }
}

/// The amount of a cell, or the sum of the list that a column stands for.
#[inline]
pub(crate) fn amount_of<C: Cells>(
    cells: &C,
    plan: &DecodePlan,
    row: usize,
    column: usize,
    scratch: &mut Vec<u8>,
) -> Result<Option<Amount>, Fault> {
    let Some(list) = plan.list(column) else {
        return cells.amount(row, column, &plan.rules, scratch);
    };
    let cell = cells.cell(row, list.list, scratch);
    if list.is_object {
        return amounts::member_amount(cell, &list.member)
            .map_err(|error| Fault::amount(error, list.list, cell));
    }
    amounts::sum_of_list(cell, &list.member)
        .map(Some)
        .map_err(|error| Fault {
            expected: format!("a list of objects with amounts \"{}\"", list.member),
            ..Fault::amount(error, list.list, cell)
        })
}

fn rule_for<'p, C: Cells>(cells: &C, rules: &'p [BoundRule], row: usize) -> Option<&'p BoundRule> {
    let mut scratch = Vec::new();
    rules.iter().find(|rule| {
        let is = rule.is.as_ref().is_none_or(|(column, values)| {
            let cell = cells.cell(row, *column, &mut scratch);
            values.iter().any(|value| value == cell)
        });
        is && rule
            .present
            .is_none_or(|column| !cells.cell(row, column, &mut scratch).is_empty())
    })
}

/// The signed sum of a rule's parts; None when one of them is empty.
pub(crate) fn add_parts(
    parts: &[(usize, bool)],
    read: &mut impl FnMut(usize) -> Result<Option<Amount>, Fault>,
) -> Result<Option<Amount>, Fault> {
    let mut sum = ExactSum::ZERO;
    for (column, minus) in parts {
        let Some(amount) = read(*column)? else {
            return Ok(None);
        };
        let amount = if *minus { -amount } else { amount };
        if sum.add_amount(amount).is_err() {
            return Err(Fault::amount(
                AmountError::Range,
                *column,
                amount.to_string().as_bytes(),
            ));
        }
    }
    match sum.to_amount() {
        Some(amount) => Ok(Some(amount)),
        None => {
            let column = parts.first().map_or(0, |(column, _)| *column);
            Err(Fault::amount(
                AmountError::Range,
                column,
                sum.to_string().as_bytes(),
            ))
        }
    }
}

/// Gives a fault its place, its row and what of the row's cost could be read.
pub(crate) fn place_fault<C: Cells>(cells: &C, plan: &DecodePlan, row: usize, fault: Fault) -> RowFault {
    let mut scratch = Vec::new();
    // A row of the wrong shape has no cells that could be trusted.
    let cost = if fault.column.is_none() {
        None
    } else {
        let currency = match plan.currency {
            Some(column) => {
                let cell = plan.rules.typed(cells.cell(row, column, &mut scratch));
                plan.rules.currency(cell)
            }
            None => Some(plan.default_currency.unwrap_or(Currency::UNKNOWN)),
        };
        let cost = cost_of(cells, plan, row, &mut scratch)
            .ok()
            .and_then(|(cost, _)| cost);
        currency
            .zip(cost)
            .map(|(currency, cost)| (currency.as_str().to_owned(), cost))
    };
    RowFault {
        row: row as u64,
        lines_before: cells.lines_before(row),
        code: fault.code,
        column: fault.column.map(|c| plan.headers[c].clone()),
        text: fault.text,
        expected: fault.expected,
        raw: cells.raw(row),
        cost,
    }
}
