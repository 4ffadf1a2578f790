//! The cells of a FOCUS file, row by row.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher as _};

use foldhash::quality::FixedState;

use super::across::{Commitments, Hashed, MOST_ROWS};
use super::columns::{MANDATORY, NULL_WORDS, NUMBERS, VALUES, VERSIONS, categories};
use super::product::product_differs;
use super::rules::{self, Rule, place};
use crate::charge::tag_sets::TagBuilder;
use crate::error::{Error, ErrorKind, Result};
use crate::ingest::cells::{CellVisitor, Cells, Judged, lossy};
use crate::ingest::formats::Binding;
use crate::ingest::plan::DecodePlan;
use crate::ingest::tags;
use crate::money::{Amount, Currency, ExactSum, Totals};
use crate::time;

const DAY: i64 = 86_400_000_000;

/// Findings of one rule in one column.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    pub(super) count: u64,
    /// Cost of the rows.
    pub(super) cost: Totals,
    /// Sum of exact differences, where the rule has them.
    pub(super) difference: Totals,
    pub(super) shown: Vec<Shown>,
}

/// A row that is shown. Places are relative to the chunk until they are made absolute.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) record: u64,
    pub(super) line: Option<u64>,
    pub(super) text: String,
}

/// What was found in a chunk.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) n_rows: u64,
    pub(super) found: BTreeMap<(usize, String), Found>,
    pub(super) commitments: Commitments,
    pub(super) hashed: Vec<Hashed>,
}

/// The columns of one file that the rules name.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) version: usize,
    n_headers: usize,
    names: Vec<String>,
    billed: Option<usize>,
    effective: Option<usize>,
    list: Option<usize>,
    contracted: Option<usize>,
    list_price: Option<usize>,
    contracted_price: Option<usize>,
    quantity: Option<usize>,
    currency: Option<usize>,
    charge: (Option<usize>, Option<usize>),
    billing: (Option<usize>, Option<usize>),
    category: Option<usize>,
    class: Option<usize>,
    commitment: Option<usize>,
    commitment_status: Option<usize>,
    contract: Option<usize>,
    tags: Option<usize>,
    not_null: Vec<(usize, bool)>,
    values: Vec<(usize, &'static [&'static str])>,
    numbers: Vec<usize>,
    /// Columns of text, in which words for null are looked for.
    texts: Vec<usize>,
}

impl Known {
    pub(super) fn of(binding: &Binding, n_headers: usize) -> Self {
        let find = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
            binding.headers.find(&names).filter(|i| *i < n_headers)
        };
        let version = binding
            .version
            .as_deref()
            .and_then(|v| VERSIONS.iter().position(|known| *known == v))
            .unwrap_or(VERSIONS.len() - 1);
        let not_null = MANDATORY
            .iter()
            .filter(|m| m.not_null && (m.versions.0..=m.versions.1).contains(&version))
            .filter_map(|m| Some((find(m.names)?, m.sums)));
        let costs = [["BilledCost"], ["ListCost"], ["ContractedCost"]].map(|n| find(&n));
        let effective = find(&["EffectiveCost", "AmortizedCost"]);
        let numbers: Vec<usize> = costs
            .iter()
            .copied()
            .chain([effective])
            .chain(NUMBERS.iter().map(|n| find(&[n])))
            .flatten()
            .collect();
        let periods = [
            "ChargePeriodStart",
            "ChargePeriodEnd",
            "BillingPeriodStart",
            "BillingPeriodEnd",
        ];
        let times: Vec<usize> = periods.iter().filter_map(|n| find(&[n])).collect();
        let tags = binding.tag_column.filter(|i| *i < n_headers);
        let texts = (0..n_headers).filter(|i| {
            let is_custom = binding.headers.names[*i]
                .get(..2)
                .is_some_and(|p| p.eq_ignore_ascii_case("x_"));
            !numbers.contains(i) && !times.contains(i) && tags != Some(*i) && !is_custom
        });
        Known {
            version,
            n_headers,
            names: binding.headers.names.clone(),
            billed: costs[0],
            effective,
            list: costs[1],
            contracted: costs[2],
            list_price: find(&["ListUnitPrice"]),
            contracted_price: find(&["ContractedUnitPrice"]),
            quantity: find(&["PricingQuantity"]),
            currency: find(&["BillingCurrency", "BilledCurrency"]),
            charge: (find(&["ChargePeriodStart"]), find(&["ChargePeriodEnd"])),
            billing: (find(&["BillingPeriodStart"]), find(&["BillingPeriodEnd"])),
            category: find(&["ChargeCategory", "ChargeType"]),
            class: find(&["ChargeClass"]),
            commitment: find(&["CommitmentDiscountId"]),
            commitment_status: find(&["CommitmentDiscountStatus"]),
            contract: find(&["ContractApplied"]),
            tags,
            not_null: not_null.collect(),
            values: VALUES
                .iter()
                .filter_map(|(n, values)| Some((find(&[n])?, *values)))
                .collect(),
            texts: texts.collect(),
            numbers,
        }
    }

    /// The mandatory columns of the version that the file lacks, and whether sums need them.
    pub(super) fn missing(&self, binding: &Binding) -> Vec<(&'static str, bool)> {
        MANDATORY
            .iter()
            .filter(|m| (m.versions.0..=m.versions.1).contains(&self.version))
            .filter(|m| {
                let names: Vec<String> = m.names.iter().map(|n| (*n).to_owned()).collect();
                binding.headers.find(&names).is_none_or(|i| i >= self.n_headers)
            })
            .map(|m| (m.names[0], m.sums))
            .collect()
    }
}

/// Looks at one batch of a carrier.
pub(super) struct Look<'a> {
    pub(super) plan: &'a DecodePlan,
    pub(super) known: &'a Known,
    pub(super) n_shown: usize,
    pub(super) part: &'a RefCell<Part>,
}

impl CellVisitor for Look<'_> {
    type Out = ();

    fn visit<C: Cells>(self, cells: &C, judged: Judged) -> Result<()> {
        let part = &mut *self.part.borrow_mut();
        let rows_before = part.n_rows;
        part.n_rows += cells.n_rows() as u64;
        let known = self.known;
        let time_columns = [known.charge.0, known.charge.1, known.billing.0, known.billing.1];
        let typed: BTreeMap<usize, Vec<Option<i64>>> = time_columns
            .into_iter()
            .flatten()
            .filter_map(|column| Some((column, cells.instants(column)?)))
            .collect();
        let mut tag_texts = TagBuilder::with_capacity(0);
        let mut unreadable = vec![false];
        let hashers = [FixedState::with_seed(1), FixedState::with_seed(2)];
        for row in 0..cells.n_rows() {
            let mut at = Row {
                cells,
                plan: self.plan,
                known,
                typed: &typed,
                row,
                rows_before,
                n_shown: self.n_shown,
                cost: None,
                scratch: Vec::new(),
            };
            if judged.is_bad(row) {
                continue;
            }
            at.judge(part)?;
            if let Some(column) = known.tags {
                let cell = cells.cell(row, column, &mut at.scratch);
                if !cell.is_empty() && self.plan.rules.null_text(cell).is_none() {
                    let code = tag_texts.push(cell, |sink| {
                        unreadable.push(
                            !cell.starts_with(b"{")
                                || tags::parse_tags(cell, tags::TagStyle::Json, sink).is_err(),
                        );
                    });
                    if unreadable[code as usize] {
                        let text = lossy(cell);
                        at.report(part, rules::TAGS_JSON, column, text, None)?;
                    }
                }
            }
            if part.hashed.len() < MOST_ROWS {
                let mut states = hashers.each_ref().map(BuildHasher::build_hasher);
                for column in 0..known.n_headers {
                    let cell = cells.cell(row, column, &mut at.scratch);
                    for state in &mut states {
                        state.write_usize(cell.len());
                        state.write(cell);
                    }
                }
                part.hashed.push(Hashed {
                    hash: (states[0].finish(), states[1].finish()),
                    file: 0,
                    record: rows_before + row as u64,
                    line: cells.lines_before(row).map_or(0, |n| n + 1),
                    cost: at.cost,
                });
            }
        }
        for (row, fault) in judged.into_faults() {
            let found = part
                .found
                .entry((place(rules::STRUCTURE), String::new()))
                .or_default();
            found.count += 1;
            if found.shown.len() < self.n_shown {
                found.shown.push(Shown {
                    record: rows_before + row as u64,
                    line: cells.lines_before(row),
                    text: format!("{}: expected {}", fault.code, fault.expected),
                });
            }
        }
        Ok(())
    }
}

fn overflow() -> Error {
    Error::new(ErrorKind::Overflow {
        group: "a finding".to_owned(),
    })
}

/// One row under the rules.
#[allow(clippy::struct_field_names)] // `row` is the place that `Cells` asks for.
struct Row<'a, C> {
    cells: &'a C,
    plan: &'a DecodePlan,
    known: &'a Known,
    typed: &'a BTreeMap<usize, Vec<Option<i64>>>,
    row: usize,
    rows_before: u64,
    n_shown: usize,
    /// Currency and cost of the row: its effective cost, else its billed one.
    cost: Option<(Currency, Amount)>,
    scratch: Vec<u8>,
}

impl<C: Cells> Row<'_, C> {
    fn report(
        &self,
        part: &mut Part,
        rule: Rule,
        column: usize,
        text: String,
        difference: Option<ExactSum>,
    ) -> Result<()> {
        let key = (place(rule), self.known.names[column].clone());
        let found = part.found.entry(key).or_default();
        found.count += 1;
        if let Some((currency, cost)) = self.cost {
            found
                .cost
                .add(currency, &ExactSum::from(cost))
                .map_err(|_| overflow())?;
            if let Some(difference) = difference {
                found
                    .difference
                    .add(currency, &difference)
                    .map_err(|_| overflow())?;
            }
        }
        if found.shown.len() < self.n_shown {
            found.shown.push(Shown {
                record: self.rows_before + self.row as u64,
                line: self.cells.lines_before(self.row),
                text,
            });
        }
        Ok(())
    }

    fn text(&mut self, column: Option<usize>) -> String {
        column.map_or(String::new(), |column| {
            let cell = self.cells.cell(self.row, column, &mut self.scratch);
            match self.plan.rules.null_text(cell) {
                Some(_) => String::new(),
                None => lossy(cell),
            }
        })
    }

    /// The amount of a cell; what cannot be read is reported.
    fn amount(&mut self, part: &mut Part, column: Option<usize>) -> Result<Option<Amount>> {
        let Some(column) = column else { return Ok(None) };
        let mut scratch = std::mem::take(&mut self.scratch);
        let read = self
            .cells
            .amount(self.row, column, &self.plan.rules, &mut scratch);
        self.scratch = scratch;
        match read {
            Ok(amount) => Ok(amount),
            Err(fault) => {
                let text = format!("\"{}\": expected {}", fault.text, fault.expected);
                self.report(part, rules::UNREADABLE, column, text, None)?;
                Ok(None)
            }
        }
    }

    fn instant(&mut self, part: &mut Part, column: Option<usize>) -> Result<Option<i64>> {
        let Some(column) = column else { return Ok(None) };
        if let Some(typed) = self.typed.get(&column) {
            return Ok(typed[self.row]);
        }
        let cell = self.cells.cell(self.row, column, &mut self.scratch);
        match self.plan.rules.instant(cell) {
            Ok(instant) => Ok(instant),
            Err(error) => {
                let text = format!("\"{}\": expected {}", lossy(cell), error.expected());
                self.report(part, rules::UNREADABLE, column, text, None)?;
                Ok(None)
            }
        }
    }

    fn judge(&mut self, part: &mut Part) -> Result<()> {
        let known = self.known;
        // Read first, so that every finding knows its cost; faults of the two are reported below.
        let mut unseen = Part::default();
        let effective = self.amount(&mut unseen, known.effective)?;
        let billed = self.amount(&mut unseen, known.billed)?;
        let currency_text = self.text(known.currency);
        let currency = Currency::parse(currency_text.as_bytes()).unwrap_or(Currency::UNKNOWN);
        self.cost = effective.or(billed).map(|cost| (currency, cost));

        self.nulls(part)?;
        if let Some(column) = known.currency
            && !currency_text.is_empty()
            && (currency.decimals().is_none() || currency.as_str() != currency_text)
        {
            self.report(
                part,
                rules::CURRENCY,
                column,
                format!("\"{currency_text}\""),
                None,
            )?;
        }
        self.numbers(part)?;
        self.periods(part)?;
        self.values(part)?;
        self.costs(part, effective, billed, currency)
    }

    fn nulls(&mut self, part: &mut Part) -> Result<()> {
        let known = self.known;
        for (column, sums) in &known.not_null {
            let cell = self.cells.cell(self.row, *column, &mut self.scratch);
            if cell.is_empty() || self.plan.rules.null_text(cell).is_some() {
                let rule = if *sums { rules::NULL_COST } else { rules::NULL_TEXT };
                self.report(part, rule, *column, "null".to_owned(), None)?;
            }
        }
        for column in &known.texts {
            let cell = self.cells.cell(self.row, *column, &mut self.scratch);
            if cell.is_empty() {
                if self.cells.is_null(self.row, *column) == Some(false) {
                    self.report(
                        part,
                        rules::NULL_SPELLED,
                        *column,
                        "an empty text".to_owned(),
                        None,
                    )?;
                }
                continue;
            }
            let is_word = cell.len() <= 14
                && self.plan.rules.null_text(cell).is_none()
                && NULL_WORDS
                    .iter()
                    .any(|word| cell.eq_ignore_ascii_case(word.as_bytes()));
            if is_word {
                let text = format!("\"{}\"", lossy(cell));
                self.report(part, rules::NULL_SPELLED, *column, text, None)?;
            }
        }
        Ok(())
    }

    fn numbers(&mut self, part: &mut Part) -> Result<()> {
        let known = self.known;
        for column in &known.numbers {
            self.amount(part, Some(*column))?;
            let cell = self.cells.cell(self.row, *column, &mut self.scratch);
            let has_plus = cell.contains(&b'+');
            if has_plus {
                let text = format!("\"{}\"", lossy(cell));
                self.report(part, rules::PLUS, *column, text, None)?;
            }
        }
        Ok(())
    }

    fn periods(&mut self, part: &mut Part) -> Result<()> {
        let known = self.known;
        let charge = (
            self.instant(part, known.charge.0)?,
            self.instant(part, known.charge.1)?,
        );
        let billing = (
            self.instant(part, known.billing.0)?,
            self.instant(part, known.billing.1)?,
        );
        let shown = |start: i64, end: i64| {
            format!("{} to {}", time::format_instant(start), time::format_instant(end))
        };
        if let ((Some(start), Some(end)), (_, Some(column))) = (charge, known.charge) {
            if start >= end {
                self.report(part, rules::CHARGE_ORDER, column, shown(start, end), None)?;
            } else if end - start > (5 * 366) * DAY {
                self.report(part, rules::CHARGE_LENGTH, column, shown(start, end), None)?;
            }
        }
        if let ((Some(start), Some(end)), (_, Some(column))) = (billing, known.billing) {
            if start >= end {
                self.report(part, rules::BILLING_ORDER, column, shown(start, end), None)?;
            } else if start.rem_euclid(DAY) != 0 || end.rem_euclid(DAY) != 0 || end - start > 366 * DAY {
                self.report(part, rules::BILLING_BOUNDS, column, shown(start, end), None)?;
            }
        }
        if let (Some(start), Some(column)) = (charge.0, known.charge.0)
            && self.text(known.category) == "Usage"
        {
            let text = || {
                format!(
                    "{} in a billing period of {}",
                    time::format_instant(start),
                    shown(billing.0.unwrap_or(0), billing.1.unwrap_or(0))
                )
            };
            if billing.0.is_some() && billing.1.is_some_and(|end| start >= end) {
                self.report(part, rules::CHARGE_LATER, column, text(), None)?;
            } else if billing.1.is_some()
                && billing.0.is_some_and(|begin| start < begin)
                && known.class.is_some()
                && self.text(known.class).is_empty()
            {
                self.report(part, rules::CHARGE_EARLIER, column, text(), None)?;
            }
        }
        Ok(())
    }

    fn values(&mut self, part: &mut Part) -> Result<()> {
        let known = self.known;
        let category = self.text(known.category);
        if let Some(column) = known.category
            && !category.is_empty()
            && !categories(known.version).contains(&category.as_str())
        {
            self.report(part, rules::CATEGORY, column, format!("\"{category}\""), None)?;
        }
        let class = self.text(known.class);
        if let Some(column) = known.class
            && !matches!(class.as_str(), "" | "Correction")
        {
            self.report(part, rules::CLASS, column, format!("\"{class}\""), None)?;
        }
        for (column, values) in &known.values {
            let cell = self.cells.cell(self.row, *column, &mut self.scratch);
            let is_null = cell.is_empty() || self.plan.rules.null_text(cell).is_some();
            if !is_null && !values.iter().any(|value| value.as_bytes() == cell) {
                let text = format!("\"{}\"", lossy(cell));
                self.report(part, rules::VALUES, *column, text, None)?;
            }
        }
        Ok(())
    }

    fn costs(
        &mut self,
        part: &mut Part,
        effective: Option<Amount>,
        billed: Option<Amount>,
        currency: Currency,
    ) -> Result<()> {
        let known = self.known;
        let category = self.text(known.category);
        let commitment = self.text(known.commitment);
        let status = self.text(known.commitment_status);
        let is_correction = self.text(known.class) == "Correction";
        let both = format!(
            "EffectiveCost {}, BilledCost {}",
            effective.map_or("null".to_owned(), |a| a.to_string()),
            billed.map_or("null".to_owned(), |a| a.to_string())
        );
        if let (Some(effective), Some(billed), Some(column)) = (effective, billed, known.effective) {
            let mut difference = ExactSum::from(effective);
            difference.add_amount(-billed).map_err(|_| overflow())?;
            let is_covered = !commitment.is_empty() || !self.text(known.contract).is_empty();
            let equal = match category.as_str() {
                "Tax" => Some(rules::EFFECTIVE_TAX),
                "Credit" => Some(rules::EFFECTIVE_CREDIT),
                "Usage" if known.commitment.is_some() && !is_covered => Some(rules::EFFECTIVE_UNCOVERED),
                _ => None,
            };
            if let Some(rule) = equal
                && !difference.is_zero()
            {
                self.report(part, rule, column, both.clone(), Some(difference))?;
            }
        }
        if !commitment.is_empty() {
            let sums = part.commitments.entry((commitment, currency)).or_default();
            match category.as_str() {
                "Usage" => {
                    sums.n_usage += 1;
                    let cost = effective.unwrap_or_default();
                    sums.usage.add_amount(cost).map_err(|_| overflow())?;
                    if matches!(status.as_str(), "Used" | "Unused") {
                        sums.stated.add_amount(cost).map_err(|_| overflow())?;
                    }
                }
                "Purchase" => {
                    sums.n_purchases += 1;
                    sums.purchased
                        .add_amount(billed.unwrap_or_default())
                        .map_err(|_| overflow())?;
                }
                _ => {}
            }
            if let (Some(amount), Some(column), "Purchase") = (effective, known.effective, category.as_str())
                && !amount.is_zero()
            {
                self.report(part, rules::EFFECTIVE_PURCHASE, column, both, Some(amount.into()))?;
            } else if let (Some(amount), Some(column), "Usage") = (billed, known.billed, category.as_str())
                && !amount.is_zero()
                && matches!(status.as_str(), "Used" | "Unused")
            {
                self.report(part, rules::BILLED_COVERED, column, both, Some(amount.into()))?;
            }
        }
        // In a correction prices and quantities may be anything.
        if !is_correction {
            self.product(part, rules::LIST_PRODUCT, known.list_price, known.list)?;
            self.product(
                part,
                rules::CONTRACTED_PRODUCT,
                known.contracted_price,
                known.contracted,
            )?;
        }
        Ok(())
    }

    fn product(
        &mut self,
        part: &mut Part,
        rule: Rule,
        price: Option<usize>,
        cost: Option<usize>,
    ) -> Result<()> {
        let (Some(_), Some(column), Some(_)) = (price, cost, self.known.quantity) else {
            return Ok(());
        };
        // What cannot be read was reported with the numbers.
        let mut unseen = Part::default();
        let (Some(price), Some(quantity), Some(cost)) = (
            self.amount(&mut unseen, price)?,
            self.amount(&mut unseen, self.known.quantity)?,
            self.amount(&mut unseen, cost)?,
        ) else {
            return Ok(());
        };
        if let Some(difference) = product_differs(price, quantity, cost) {
            let text = format!(
                "{price} × {quantity} = {}, not {cost}; difference {}",
                difference.product,
                difference.text()
            );
            self.report(part, rule, column, text, difference.exact())?;
        }
        Ok(())
    }
}
