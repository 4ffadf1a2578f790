//! A report: a pivot with what is shown of it, as grids and as numbers to draw.
//!
//! With `places`, every table is rounded as a whole ([`crate::rounding`]): printed rows and columns add up
//! to the printed totals, changes are differences of printed numbers, and running totals end at the printed
//! total. Without, every number stands in full.

use billfold_core::engine::KeyColumn;
use billfold_core::money::{Currency, ExactSum, SumOverflow, largest_remainder};
use billfold_core::time::{Calendar, Granularity, format_instant};
use billfold_core::{Error, Result};

use crate::grid::{Cell, Column, Grid, GridRow, Kind, RowKind};
use crate::measures::{self, Change, PERCENT_PLACES, Relative};
use crate::pivot::{Pivot, Row, RowSplit, Section};
use crate::rounding::Table;

/// Decimals of an average per day in a report of exact numbers.
pub const AVERAGE_PLACES: u8 = 6;

/// Columns that a total is made of, after splits.
const SPLIT_COLUMNS: [&str; 3] = ["own", "shared in", "shared out"];

/// What a report shows beside the costs and their totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent columns that a user turns on one by one"
)]
pub struct Show {
    /// Each row's share of the total, in percent.
    pub share: bool,
    /// The change from the last but one to the last period, absolute and in percent.
    pub change: bool,
    /// Costs up to and with each period instead of those of the period.
    pub running: bool,
    /// The total divided by the days of the periods.
    pub average: bool,
    /// The number of charges.
    pub charges: bool,
}

/// How a report looks.
#[derive(Debug, Clone, Default)]
pub struct Style {
    /// Heading; made from the question without it.
    pub title: Option<String>,
    /// Decimals; every number in full without.
    pub places: Option<u8>,
    /// Columns beside the costs.
    pub show: Show,
}

/// A report, ready to be written.
#[derive(Debug, Clone)]
pub struct Report {
    /// Heading.
    pub title: String,
    /// What was asked, as pairs of a word and its value.
    pub about: Vec<(&'static str, String)>,
    /// What a reader has to know about the numbers, one line each.
    pub remarks: Vec<String>,
    /// The pivot with its exact numbers.
    pub pivot: Pivot,
    /// What is shown, per currency.
    pub sections: Vec<Shown>,
    /// What is shown beside the costs.
    pub show: Show,
    /// Decimals.
    pub places: Option<u8>,
}

/// The table of one currency as it is shown.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The currency.
    pub currency: Currency,
    /// The rows, then the total.
    pub lines: Vec<Line>,
}

/// One shown row.
#[derive(Debug, Clone)]
pub struct Line {
    /// What the row is.
    pub kind: RowKind,
    /// By dimension, its value. Of a total there is none.
    pub keys: Vec<String>,
    /// By period, the cost, or the running total.
    pub cells: Vec<Option<ExactSum>>,
    /// By period, the cost.
    pub trend: Vec<Option<ExactSum>>,
    /// The cost over all periods.
    pub total: ExactSum,
    /// In percent of the total; nothing where the total is zero.
    pub share: Option<ExactSum>,
    /// From the last but one to the last period.
    pub change: Option<Change>,
    /// Per day of the periods.
    pub average: Option<ExactSum>,
    /// Charges; of the total over all currencies nothing is known per currency.
    pub charges: Option<u64>,
    /// What the total is made of, after splits.
    pub split: Option<RowSplit>,
}

impl Report {
    /// Lays out a pivot. Errors: a number that leaves 256 bits.
    pub fn new(pivot: Pivot, style: &Style) -> Result<Report> {
        let days = days_of(&pivot);
        let sections = pivot
            .sections
            .iter()
            .map(|section| Shown::new(section, &pivot, style, days))
            .collect::<std::result::Result<Vec<_>, SumOverflow>>()
            .map_err(|_| Error::limit("limit.digits", "a number of the report leaves 256 bits"))?;
        let mut remarks = Vec::new();
        if pivot.overlaps {
            remarks.push("a charge counts once in the row of each of its tags, and once in the totals: the rows may come to more than the total".to_owned());
        }
        if sections.len() > 1 {
            remarks.push("unlike currencies are never added: each has its table".to_owned());
        }
        if let Some(places) = style.places {
            let summed = pivot
                .sections
                .iter()
                .all(|s| s.table().rows.len() * s.columns.len() <= crate::rounding::MAX_CELLS);
            if !pivot.overlaps && summed {
                remarks.push(format!(
                    "rounded to {places} decimals so that rows, columns and totals add up as printed"
                ));
            } else {
                remarks.push(format!("every number is rounded to {places} decimals by itself"));
            }
        }
        if style.show.average && days.is_none() {
            remarks.push("no average per day: the question names no periods and no window".to_owned());
        }
        Ok(Report {
            title: style.title.clone().unwrap_or_else(|| title_of(&pivot)),
            about: about(&pivot),
            remarks,
            sections,
            show: style.show,
            places: style.places,
            pivot,
        })
    }

    /// The name of a currency's table.
    pub fn currency_name(currency: Currency) -> String {
        match currency.as_str() {
            "" => "no currency".to_owned(),
            code => code.to_owned(),
        }
    }

    /// One grid per currency.
    pub fn grids(&self) -> Vec<Grid> {
        self.sections.iter().map(|section| self.grid(section)).collect()
    }

    /// The grid of one currency, with everything that is shown.
    pub fn grid(&self, section: &Shown) -> Grid {
        let keys = self.pivot.query.by.len();
        let mut columns: Vec<Column> = self.pivot.key_names().map(Column::text).collect();
        if columns.is_empty() {
            columns.push(Column::text(""));
        }
        let has_periods = self.pivot.has_periods();
        let has_trend = has_periods && self.pivot.periods.len() > 1;
        if has_trend {
            columns.push(Column::new("trend", Kind::Trend, None));
        }
        let first_period = columns.len();
        if has_periods {
            columns.extend(
                self.pivot
                    .periods
                    .iter()
                    .map(|period| Column::new(&period.label, Kind::Number, self.places)),
            );
        }
        let periods = first_period..columns.len();
        let is_split = self.pivot.is_split();
        if is_split {
            for name in SPLIT_COLUMNS {
                columns.push(Column::new(name, Kind::Number, self.places));
            }
        }
        columns.push(Column::new("total", Kind::Number, self.places));
        if self.show.share {
            columns.push(Column::new("share %", Kind::Percent, Some(PERCENT_PLACES)));
            columns.push(Column::new("", Kind::Bar, None));
        }
        let changes = self.show.change && has_trend;
        if changes {
            columns.push(Column::new("change", Kind::Change, self.places));
            columns.push(Column::new("change %", Kind::Relative, Some(PERCENT_PLACES)));
        }
        if self.show.average {
            let places = self.places.unwrap_or(AVERAGE_PLACES);
            columns.push(Column::new("per day", Kind::Number, Some(places)));
        }
        if self.show.charges {
            columns.push(Column::new("charges", Kind::Count, None));
        }
        let magnitude = |sum: &ExactSum| if *sum < ExactSum::ZERO { -*sum } else { *sum };
        let greatest = section
            .lines
            .iter()
            .filter(|line| line.kind != RowKind::Total)
            .map(|line| magnitude(&line.total))
            .max()
            .unwrap_or_default();
        let number = |cell: &Option<ExactSum>| cell.map_or(Cell::Empty, Cell::Number);
        let rows = section.lines.iter().map(|line| {
            let mut cells: Vec<Cell> = match line.kind {
                RowKind::Total => {
                    let mut cells = vec![Cell::Empty; keys.max(1)];
                    cells[0] = Cell::Text("total".to_owned());
                    cells
                }
                _ if keys == 0 => vec![Cell::Text("all charges".to_owned())],
                _ => line.keys.iter().cloned().map(Cell::Text).collect(),
            };
            if has_trend {
                cells.push(Cell::Trend(line.trend.clone()));
            }
            if has_periods {
                cells.extend(line.cells.iter().map(number));
            }
            if is_split {
                let split = line.split.unwrap_or_default();
                cells.extend([split.own, split.shared_in, split.shared_out].map(Cell::Number));
            }
            cells.push(Cell::Number(line.total));
            if self.show.share {
                cells.push(number(&line.share));
                cells.push(match line.kind {
                    RowKind::Total => Cell::Empty,
                    _ => Cell::Bar(measures::thousandths(&line.total, &greatest)),
                });
            }
            if changes {
                cells.push(number(&line.change.map(|change| change.absolute)));
                cells.push(match line.change.map(|change| change.relative) {
                    Some(Relative::Percent(percent)) => Cell::Number(percent),
                    Some(Relative::New) => Cell::Text("new".to_owned()),
                    Some(Relative::Gone) => Cell::Text("gone".to_owned()),
                    Some(Relative::Same) | None => Cell::Empty,
                });
            }
            if self.show.average {
                cells.push(number(&line.average));
            }
            if self.show.charges {
                cells.push(line.charges.map_or(Cell::Empty, |n| Cell::Count(i128::from(n))));
            }
            GridRow {
                kind: line.kind,
                cells,
            }
        });
        Grid {
            name: Report::currency_name(section.currency),
            rows: rows.collect(),
            periods,
            columns,
            remarks: Vec::new(),
        }
    }
}

impl Shown {
    fn new(
        section: &Section,
        pivot: &Pivot,
        style: &Style,
        days: Option<u64>,
    ) -> std::result::Result<Shown, SumOverflow> {
        let exact = section.table();
        let printed: Table = match style.places {
            Some(places) => exact.rounded(places)?,
            None => exact,
        };
        // The base of a percentage is judged by what people see, or by cents.
        let judged = style.places.unwrap_or(PERCENT_PLACES);
        let totals: Vec<ExactSum> = section.rows.iter().map(|row| row.total).collect();
        let shares = measures::shares(&totals, &section.total)?;
        let hundred = measures::shares(&[section.total], &section.total)?;
        let splits = split_rows(section, &printed, style.places)?;
        let only_currency = pivot.sections.len() == 1;
        let no_rows_to_add = pivot.query.by.is_empty();
        let mut lines = Vec::with_capacity(section.rows.len() + 1);
        for (nth, row) in section.rows.iter().enumerate() {
            let kind = if row.is_others {
                RowKind::Others
            } else {
                RowKind::Plain
            };
            // Of a question without dimensions the only row is the total.
            let kind = if no_rows_to_add { RowKind::Total } else { kind };
            let cells = present(row, &printed.cells[nth]);
            let share = shares.as_ref().map(|shares| shares[nth]);
            let mut line = Line::new(kind, row, cells, printed.rows[nth], share, style, judged, days)?;
            line.split = splits.get(nth).copied();
            lines.push(line);
        }
        if !no_rows_to_add {
            let total = Row {
                keys: Vec::new(),
                is_others: false,
                cells: section.columns.iter().copied().map(Some).collect(),
                total: section.total,
                charges: pivot.n_charges,
                split: None,
            };
            let cells = printed.columns.iter().copied().map(Some).collect();
            let share = hundred.map(|shares| shares[0]);
            let mut line = Line::new(
                RowKind::Total,
                &total,
                cells,
                printed.total,
                share,
                style,
                judged,
                days,
            )?;
            line.charges = only_currency.then_some(pivot.n_charges);
            line.split = splits.last().copied();
            lines.push(line);
        }
        Ok(Shown {
            currency: section.currency,
            lines,
        })
    }
}

/// The printed cells, where the row has charges.
fn present(row: &Row, printed: &[ExactSum]) -> Vec<Option<ExactSum>> {
    row.cells
        .iter()
        .zip(printed)
        .map(|(cell, printed)| cell.map(|_| *printed))
        .collect()
}

impl Line {
    #[allow(
        clippy::too_many_arguments,
        reason = "one call site per kind of row, all of them named"
    )]
    fn new(
        kind: RowKind,
        row: &Row,
        cells: Vec<Option<ExactSum>>,
        total: ExactSum,
        share: Option<ExactSum>,
        style: &Style,
        judged: u8,
        days: Option<u64>,
    ) -> std::result::Result<Line, SumOverflow> {
        let change = match (row.cells.as_slice(), cells.as_slice()) {
            ([.., before, now], [.., printed_before, printed_now]) => {
                let exact = measures::change(*before, *now, judged)?;
                let printed = measures::change(*printed_before, *printed_now, judged)?;
                Some(Change {
                    absolute: printed.absolute,
                    relative: exact.relative,
                })
            }
            _ => None,
        };
        let average = match days {
            Some(days) => measures::per_day(&row.total, days, style.places.unwrap_or(AVERAGE_PLACES))?,
            None => None,
        };
        let shown = if style.show.running {
            measures::running(&cells)?
        } else {
            cells.clone()
        };
        Ok(Line {
            kind,
            keys: row.keys.clone(),
            cells: shown,
            trend: cells,
            total,
            share,
            change,
            average,
            charges: Some(row.charges),
            split: None,
        })
    }
}

/// Per row, and behind them for the total, what the printed totals are made of; nothing without splits.
///
/// What came and what left is rounded over all rows, so that each column adds up; the own cost is what is left of the
/// printed total, so that each row does, too.
fn split_rows(
    section: &Section,
    printed: &Table,
    places: Option<u8>,
) -> std::result::Result<Vec<RowSplit>, SumOverflow> {
    let rows: Option<Vec<RowSplit>> = section.rows.iter().map(|row| row.split).collect();
    let Some(rows) = rows.filter(|rows| !rows.is_empty()) else {
        return Ok(Vec::new());
    };
    let rounded = |part: fn(&RowSplit) -> ExactSum| {
        let parts: Vec<ExactSum> = rows.iter().map(part).collect();
        match places {
            Some(places) => largest_remainder(&parts, places),
            None => Ok(parts),
        }
    };
    let (came, left) = (rounded(|row| row.shared_in)?, rounded(|row| row.shared_out)?);
    let mut found = Vec::with_capacity(rows.len() + 1);
    let mut total = RowSplit {
        own: printed.total,
        ..RowSplit::default()
    };
    for ((row, shared_in), shared_out) in printed.rows.iter().zip(came).zip(left) {
        let mut own = *row;
        own.sub(&shared_in)?;
        own.sub(&shared_out)?;
        total.shared_in.add(&shared_in)?;
        total.shared_out.add(&shared_out)?;
        found.push(RowSplit {
            own,
            shared_in,
            shared_out,
        });
    }
    total.own.sub(&total.shared_in)?;
    total.own.sub(&total.shared_out)?;
    found.push(total);
    Ok(found)
}

/// The calendar days that the periods cover.
fn days_of(pivot: &Pivot) -> Option<u64> {
    let span = pivot.span();
    let (start, end) = (span.start?, span.end?);
    if end <= start {
        return None;
    }
    let days = Calendar {
        granularity: Granularity::Daily,
        ..pivot.query.calendar()
    };
    let n = days
        .ordinal(end - 1)
        .checked_sub(days.ordinal(start))?
        .checked_add(1)?;
    u64::try_from(n).ok()
}

fn title_of(pivot: &Pivot) -> String {
    let mut title = match pivot.query.metric.to_string().as_str() {
        metric @ ("effective" | "billed" | "list" | "contracted") => {
            let mut chars = metric.chars();
            let first = chars.next().map(|c| c.to_ascii_uppercase());
            format!(
                "{}{} cost",
                first.map(String::from).unwrap_or_default(),
                chars.as_str()
            )
        }
        column => column.to_owned(),
    };
    let names: Vec<&str> = pivot.key_names().collect();
    if !names.is_empty() {
        title.push_str(" by ");
        title.push_str(&names.join(", "));
    }
    if pivot.has_periods() {
        title.push_str(", ");
        title.push_str(pivot.query.granularity.as_str());
    }
    title
}

fn about(pivot: &Pivot) -> Vec<(&'static str, String)> {
    let query = &pivot.query;
    let bound = |instant: Option<i64>, open: &str| instant.map_or_else(|| open.to_owned(), format_instant);
    let mut about = vec![
        ("metric", query.metric.to_string()),
        ("duration", query.granularity.as_str().to_owned()),
        ("timezone", query.zone.name().to_owned()),
    ];
    if query.window.start.is_some() || query.window.end.is_some() {
        let window = format!(
            "{} to {}, the end not included",
            bound(query.window.start, "the first charge"),
            bound(query.window.end, "the last charge")
        );
        about.push(("window", window));
    }
    about.push(("allocate", query.allocation.to_string()));
    about.push(("clock", query.clock.to_string()));
    for condition in &query.filter.conditions {
        about.push(("filter", condition.to_string()));
    }
    for split in &pivot.receipt.splits {
        about.push(("split", split.rule.clone()));
    }
    if let Some(top) = query.top {
        about.push((
            "top",
            format!("{top}, the others together as {}", KeyColumn::OTHERS_LABEL),
        ));
    }
    about
}
