//! What to decode of one file: the scan hint laid over the file's columns.

use std::sync::Arc;

use crate::charge::batch::LeftOut;
use crate::charge::schema::{
    BILLED_COST, BILLING_CURRENCY, BILLING_PERIOD_START, CHARGE_PERIOD_END, CHARGE_PERIOD_START,
    EFFECTIVE_COST,
};
use crate::charge::{Clock, CostMetric, ScanHint, WantedTags};
use crate::error::{Error, Result};
use crate::ingest::delivery::Partitions;
use crate::ingest::formats::{Binding, Condition, EffectiveRule, Ends, Format, ListColumn, near_names};
use crate::ingest::measures::MeasurePlan;
use crate::ingest::tags::TagStyle;
use crate::money::Currency;
use crate::time::{self, Calendar, TimeError, TimeRules};

/// What to decode of one file. Columns are header indices of its binding.
#[derive(Debug, Clone)]
pub(crate) struct DecodePlan {
    /// Headers, for faults.
    pub headers: Vec<Arc<str>>,
    pub start: usize,
    pub end: Option<usize>,
    /// With the billing clock: the column that the calendar looks at.
    pub billing_start: Option<usize>,
    pub currency: Option<usize>,
    pub default_currency: Option<Currency>,
    pub cost: CostPlan,
    /// Wanted name, and the column that feeds it; None where this file has none.
    pub text: Vec<(String, Option<usize>)>,
    pub tags: Option<TagPlan>,
    pub rules: CellReading,
    /// Columns that stand for a part of a cell.
    pub lists: Vec<ListColumn>,
    /// A list inside a JSON row whose items are rows.
    pub explode: Option<String>,
    /// Without a column for the end: the calendar whose period, begun with a charge, it lasts to.
    pub lasts: Option<Calendar>,
    /// Which rows are no charges.
    pub skip: Vec<(LeftOut, Vec<BoundCondition>)>,
    /// First texts of a line that adds up others.
    pub totals: Vec<String>,
    /// Per view of the format, the rows that prove it; None where the file lacks a column for that.
    pub views: Vec<Option<Vec<BoundCondition>>>,
    /// Whether batches carry the end of the charge period.
    pub keep_end: bool,
    /// Wanted names that the folders of the file tell, where no column does.
    pub partitions: Partitions,
    /// Columns that someone looks at beside the plan.
    pub also: Vec<usize>,
    /// Numbers wanted beside the cost.
    pub measures: Vec<MeasurePlan>,
}

/// How cells are written.
#[derive(Debug, Clone)]
pub(crate) struct CellReading {
    pub time: TimeRules,
    pub trim: bool,
    pub nulls: Vec<String>,
    months: bool,
    ends: Ends,
    currencies: Vec<(String, Currency)>,
}

/// A condition, bound to a column.
#[derive(Debug, Clone)]
pub(crate) struct BoundCondition {
    pub column: usize,
    /// Empty: any text will do.
    pub is: Vec<Vec<u8>>,
}

/// Where the cost comes from.
#[derive(Debug, Clone)]
pub(crate) enum CostPlan {
    /// One column; empty cells stay empty.
    Column(usize),
    /// The effective cost, and the billed cost where it is empty or absent.
    Effective {
        effective: Option<usize>,
        billed: Option<usize>,
    },
    /// The effective cost by rules, and the billed cost where none fits or a part is missing.
    Rules { rules: Vec<BoundRule>, billed: usize },
}

/// A rule of the amortised cost, bound to columns.
#[derive(Debug, Clone)]
pub(crate) struct BoundRule {
    /// Column and its values; None for a rule that holds for every row.
    pub is: Option<(usize, Vec<Vec<u8>>)>,
    pub present: Option<usize>,
    /// Column and whether it is subtracted; None where the file lacks a part.
    pub parts: Option<Vec<(usize, bool)>>,
}

/// Where tags come from.
#[derive(Debug, Clone)]
pub(crate) struct TagPlan {
    /// Never nothing.
    pub wanted: WantedTags,
    pub column: Option<usize>,
    pub columns: Vec<(usize, String)>,
    pub ids: bool,
    pub pairs: String,
}

impl TagPlan {
    /// How tags are written.
    pub(crate) fn style(&self) -> TagStyle<'_> {
        tag_style(self.ids, &self.pairs)
    }
}

/// How a format's tags are written.
pub(crate) fn tag_style(ids: bool, pairs: &str) -> TagStyle<'_> {
    match (ids, pairs) {
        (true, _) => TagStyle::Ids,
        (false, "") => TagStyle::Json,
        (false, between) => TagStyle::Pairs(between),
    }
}

impl DecodePlan {
    /// Lays a hint over a file's columns.
    ///
    /// Errors: `schema.column` when the file lacks what every answer needs (a start, the metric's cost).
    pub(crate) fn new(hint: &ScanHint, binding: &Binding) -> Result<Self> {
        let missing = |column: &str| missing_column(binding, column);
        let format = &binding.format;
        let find = |column: &str| binding.find(column);
        let start = find(CHARGE_PERIOD_START).ok_or_else(|| missing(CHARGE_PERIOD_START))?;
        let billing_start = match hint.clock {
            Clock::Charge => None,
            Clock::Billing => Some(find(BILLING_PERIOD_START).ok_or_else(|| missing(BILLING_PERIOD_START))?),
        };
        let cost = match &hint.metric {
            CostMetric::Effective if find(EFFECTIVE_COST).is_none() && !format.effective.is_empty() => {
                CostPlan::Rules {
                    rules: format
                        .effective
                        .iter()
                        .filter_map(|rule| bind_rule(rule, binding))
                        .collect(),
                    billed: find(BILLED_COST).ok_or_else(|| missing(BILLED_COST))?,
                }
            }
            CostMetric::Effective => {
                let (effective, billed) = (find(EFFECTIVE_COST), find(BILLED_COST));
                if effective.is_none() && billed.is_none() {
                    return Err(missing(EFFECTIVE_COST));
                }
                CostPlan::Effective {
                    effective,
                    billed: billed.filter(|b| Some(*b) != effective),
                }
            }
            CostMetric::Source(name) => CostPlan::Column(find(name).ok_or_else(|| missing(name))?),
            metric => {
                let column = metric.column().unwrap_or(BILLED_COST);
                CostPlan::Column(find(column).ok_or_else(|| missing(column))?)
            }
        };
        let default_currency = hint
            .default_currency
            .or_else(|| Currency::parse(format.cells.currency.as_bytes()));
        Ok(DecodePlan {
            headers: binding
                .headers
                .names
                .iter()
                .map(|h| Arc::from(h.as_str()))
                .collect(),
            start,
            end: find(CHARGE_PERIOD_END),
            billing_start,
            currency: find(BILLING_CURRENCY),
            default_currency,
            cost,
            text: hint.text.iter().map(|name| (name.clone(), find(name))).collect(),
            tags: (hint.tags > WantedTags::No).then(|| TagPlan {
                wanted: hint.tags,
                column: binding.tag_column,
                columns: binding.tag_columns.clone(),
                ids: format.tags.ids,
                pairs: format.tags.pairs.clone(),
            }),
            rules: CellReading::of(format)?,
            lists: binding.lists.clone(),
            explode: Some(format.cells.explode.clone()).filter(|list| !list.is_empty()),
            lasts: match format.cells.lasts {
                Some(lasts) => Some(Calendar::new(format.time_rules()?.zone, lasts.granularity())),
                None => None,
            },
            skip: format
                .skip
                .iter()
                .filter_map(|rule| Some((rule.note, bind_conditions(&rule.when, binding)?)))
                .collect(),
            totals: format.cells.totals.clone(),
            views: format
                .views
                .iter()
                .map(|view| bind_conditions(&view.when, binding))
                .collect(),
            keep_end: hint.spans || hint.ends,
            partitions: Partitions::default(),
            also: Vec::new(),
            measures: hint
                .measures
                .iter()
                .map(|name| MeasurePlan::new(name, binding))
                .collect(),
        })
    }

    /// Of the columns that are decoded, times and the currency: mostly as long in every row.
    pub(crate) fn steady_columns(&self) -> Vec<usize> {
        let others = [self.end, self.billing_start, self.currency];
        others.into_iter().flatten().chain([self.start]).collect()
    }

    /// The columns that are decoded, ascending, each once.
    pub(crate) fn columns(&self) -> Vec<usize> {
        let mut columns = vec![self.start];
        columns.extend(
            [self.end, self.billing_start, self.currency]
                .into_iter()
                .flatten(),
        );
        match &self.cost {
            CostPlan::Column(column) => columns.push(*column),
            CostPlan::Effective { effective, billed } => {
                columns.extend([effective, billed].into_iter().flatten());
            }
            CostPlan::Rules { rules, billed } => {
                columns.push(*billed);
                for rule in rules {
                    columns.extend(rule.is.iter().map(|(column, _)| *column));
                    columns.extend(rule.present);
                    columns.extend(rule.parts.iter().flatten().map(|(column, _)| *column));
                }
            }
        }
        columns.extend(self.text.iter().filter_map(|(_, column)| *column));
        if let Some(tags) = &self.tags {
            columns.extend(tags.column);
            columns.extend(tags.columns.iter().map(|(column, _)| *column));
        }
        let conditions = self.skip.iter().map(|(_, when)| when);
        for condition in conditions.chain(self.views.iter().flatten()).flatten() {
            columns.push(condition.column);
        }
        columns.extend(&self.also);
        columns.extend(self.measures.iter().filter_map(|measure| measure.column));
        for column in &mut columns {
            if let Some(list) = self.list(*column) {
                *column = list.list;
            }
        }
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The part of a cell that a column stands for; None for a column that the file has.
    #[inline]
    pub(crate) fn list(&self, column: usize) -> Option<&ListColumn> {
        self.lists.iter().find(|list| list.column == column)
    }
}

impl CellReading {
    pub(crate) fn of(format: &Format) -> Result<Self> {
        Ok(CellReading {
            time: format.time_rules()?,
            trim: format.cells.trim,
            nulls: format.cells.nulls.clone(),
            months: format.cells.months,
            ends: format.cells.ends,
            currencies: format
                .cells
                .currencies
                .iter()
                .filter_map(|(text, code)| Some((text.clone(), Currency::parse(code.as_bytes())?)))
                .collect(),
        })
    }

    /// The instant of a cell; None where it has none.
    #[inline]
    pub(crate) fn instant(&self, cell: &[u8]) -> Result<Option<i64>, TimeError> {
        match time::parse_cell(cell, &self.time) {
            Err(error) if self.months => month(cell, self.time).ok_or(error).map(Some),
            read => read,
        }
    }

    /// Whether ends are written as the first instant behind the period.
    pub(crate) fn ends_are_exclusive(&self) -> bool {
        self.ends == Ends::Exclusive
    }

    /// The first instant behind a period whose end is written as this instant.
    #[inline]
    pub(crate) fn end(&self, end: i64) -> i64 {
        const SECOND: i64 = 1_000_000;
        if self.ends == Ends::Exclusive {
            return end;
        }
        let second = end.rem_euclid(60 * SECOND);
        if second < 59 * SECOND {
            return end;
        }
        end.saturating_add(60 * SECOND - second)
    }

    /// The currency of a cell, by its code or as the export calls it.
    pub(crate) fn currency(&self, cell: &[u8]) -> Option<Currency> {
        Currency::parse(cell).or_else(|| {
            let named = self.currencies.iter().find(|(text, _)| text.as_bytes() == cell);
            named.map(|(_, currency)| *currency)
        })
    }

    /// The text that stands for a null literal of a text column.
    pub(crate) fn null_text(&self, text: &[u8]) -> Option<&'static str> {
        self.nulls.iter().any(|n| n.as_bytes() == text).then_some("")
    }

    /// A cell of a typed column, without the spaces that the format allows.
    pub(crate) fn typed<'a>(&self, cell: &'a [u8]) -> &'a [u8] {
        if self.trim { cell.trim_ascii() } else { cell }
    }
}

/// `2024-03` or `202403`: the first instant of the month.
#[cold]
fn month(cell: &[u8], rules: TimeRules) -> Option<i64> {
    let (year, month) = match cell {
        [year @ .., b'-', m1, m2] if year.len() == 4 => (year, [*m1, *m2]),
        [year @ .., m1, m2] if year.len() == 4 => (year, [*m1, *m2]),
        _ => return None,
    };
    let mut day = *b"0000-00-01";
    day[..4].copy_from_slice(year);
    day[5..7].copy_from_slice(&month);
    time::parse_instant(&day, &rules).ok()
}

/// None where the file lacks a column: then the conditions never hold.
fn bind_conditions(when: &[Condition], binding: &Binding) -> Option<Vec<BoundCondition>> {
    when.iter()
        .map(|condition| {
            Some(BoundCondition {
                column: binding.find(&condition.column)?,
                is: condition.is.iter().map(|v| v.clone().into_bytes()).collect(),
            })
        })
        .collect()
}

fn bind_rule(rule: &EffectiveRule, binding: &Binding) -> Option<BoundRule> {
    let find = |name: &str| binding.find(name);
    let present = match &rule.present {
        // A rule on a column that the file lacks never holds.
        Some(name) => Some(find(name)?),
        None => None,
    };
    let parts = rule
        .cost
        .iter()
        .map(|part| Some((find(part.get(1..)?)?, part.starts_with('-'))))
        .collect();
    let is = match &rule.column {
        Some(column) => {
            let values = rule.is.iter().map(|v| v.clone().into_bytes()).collect();
            Some((find(column)?, values))
        }
        None => None,
    };
    Some(BoundRule { is, present, parts })
}

/// A column that a question needs and a file lacks, with what the file offers instead.
pub(crate) fn missing_column(binding: &Binding, column: &str) -> Error {
    let wanted = match binding.format.columns.get(column) {
        Some(names) => format!("{column} (in {}: {})", binding.format.name, names.join(" or ")),
        None => column.to_owned(),
    };
    let names: Vec<&str> = binding.headers.names.iter().map(String::as_str).collect();
    let aliases = binding.format.columns.get(column).map_or(&[][..], Vec::as_slice);
    let near: Vec<String> = std::iter::once(column)
        .chain(aliases.iter().map(String::as_str))
        .map(|name| near_names(name, names.iter().copied()))
        .filter(|n| !n.is_empty())
        .collect();
    let offer = near.first().map_or_else(
        || names.iter().take(12).copied().collect::<Vec<_>>().join(", "),
        String::clone,
    );
    Error::file("schema.column", format!("no column for {wanted}")).hint(format!("the file offers {offer}"))
}
