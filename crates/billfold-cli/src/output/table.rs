//! An answer as a table for people.
//!
//! ```text
//! service_name  period   currency     cost  charges
//! Compute       2024-01  USD       120.5         31
//! ""            2024-01  USD        -0.25         2
//! … 2 of 340 groups
//!
//! total                  USD       921.775      812
//! ```
//!
//! Costs stand at their decimal points, text by its width on the screen. The period is left out where
//! the question asks for no periods. An empty value is shown as `""`, a value that is two quotes as
//! `\"\"`. Characters that steer a terminal or reorder a line are shown escaped, so that a group is one
//! line. Totals have one line per currency, as unlike currencies are never added; with several currencies
//! the charges used, which the answer counts once over all of them, have a line of their own. Without
//! dimensions and periods the groups are the totals, and no line repeats them.
//!
//! With `places`, costs are rounded half away from zero. Where the groups of a currency come to its
//! total, they are rounded by largest remainder instead, so that the printed parts add up to the printed
//! total. Pages and overlapping groups (`tag_id`) do not come to it: there every part is rounded by itself.
//! Totals are always the exact total, rounded.

mod layout;
pub(super) mod line;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::io::{self, Write};

use billfold_core::engine::{Answer, AnswerRow};
use billfold_core::money::{Currency, ExactSum, largest_remainder};
use billfold_core::time::Granularity;

use layout::Layout;
use line::{Line, Style};

/// How a table looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableOptions {
    /// Decimals of every cost; costs stand in full without it.
    pub places: Option<u8>,
    /// Whether to mark headers, totals and stand-ins with ANSI codes.
    pub color: bool,
    /// Columns of the terminal. Dimensions are cut to fit, numbers never are; nothing is cut without it.
    pub width: Option<usize>,
}

/// What every total line is called.
const TOTAL: &str = "total";

/// Writes an answer as a table, one `write_all` per line.
pub fn write(answer: &Answer, options: &TableOptions, out: &mut dyn Write) -> io::Result<()> {
    let costs = Costs::of(answer, options.places);
    let totals = total_lines(answer);
    let layout = Layout::of(answer, &costs, &totals, options.width);
    let mut line = Line::new(options.color);
    let mut cost = String::new();

    line.open(Style::Bold);
    for (nth, name) in headers(answer).enumerate() {
        line.text(&line::shown(name), layout.texts[nth], Style::Plain);
    }
    line.right("cost", layout.cost());
    line.right("charges", layout.charges);
    line.end(out)?;

    for (idx, row) in answer.rows().enumerate() {
        for (nth, (text, style)) in cells(answer, idx).enumerate() {
            line.text(&line::shown_value(text), layout.texts[nth], style);
        }
        costs.write_group(idx, row, &mut cost);
        line.cost(&cost, &layout);
        line.count(row.charges(), layout.charges);
        line.end(out)?;
    }
    if answer.n_groups > answer.len() as u64 {
        line.note(&format!("… {} of {} groups", answer.len(), answer.n_groups));
        line.end(out)?;
    }

    if !totals.is_empty() {
        line.end(out)?;
    }
    for total in &totals {
        line.open(Style::Bold);
        line.text(TOTAL, layout.texts[0], Style::Plain);
        // The currency is the last text; what lies between stays empty.
        for width in &layout.texts[1..layout.texts.len() - 1] {
            line.text("", *width, Style::Plain);
        }
        let currency = total.cost.map(|(currency, _)| currency);
        let shown = currency
            .as_ref()
            .map_or("".into(), |c| line::shown_value(c.as_str()));
        line.text(&shown, layout.texts[layout.texts.len() - 1], Style::Plain);
        match total.cost {
            Some((_, sum)) => {
                costs.write(&sum, &mut cost);
                line.cost(&cost, &layout);
            }
            None => line.right("", layout.cost()),
        }
        match total.charges {
            Some(charges) => line.count(charges, layout.charges),
            None => line.right("", layout.charges),
        }
        line.end(out)?;
    }
    Ok(())
}

/// The names above the text columns: dimensions, the period where there is one, the currency.
fn headers(answer: &Answer) -> impl Iterator<Item = &str> {
    let period = has_periods(answer).then_some("period");
    answer.dimension_names().chain(period).chain(["currency"])
}

/// The texts of a group, column by column as in [`headers`].
fn cells(answer: &Answer, idx: usize) -> impl Iterator<Item = (&str, Style)> {
    let row = answer.row(idx);
    let dimension_style = move |key: &str| match key {
        "" => Style::Dim,
        _ if row.is_others() => Style::Dim,
        _ => Style::Plain,
    };
    let period = has_periods(answer).then(|| (row.period().label.as_str(), Style::Plain));
    let currency = answer.currencies[answer.currency_idx[idx] as usize].as_str();
    row.keys()
        .map(move |key| (key, dimension_style(key)))
        .chain(period)
        .chain([(
            currency,
            if currency.is_empty() {
                Style::Dim
            } else {
                Style::Plain
            },
        )])
}

fn has_periods(answer: &Answer) -> bool {
    answer.query.granularity != Granularity::Total
}

/// A line below the groups.
struct TotalLine {
    cost: Option<(Currency, ExactSum)>,
    charges: Option<u64>,
}

fn total_lines(answer: &Answer) -> Vec<TotalLine> {
    if answer.keys.is_empty() && !has_periods(answer) {
        return Vec::new();
    }
    let only_one = answer.totals.iter().len() == 1;
    let mut lines: Vec<TotalLine> = answer
        .totals
        .iter()
        .map(|(currency, sum)| TotalLine {
            cost: Some((currency, *sum)),
            charges: only_one.then_some(answer.n_charges),
        })
        .collect();
    if lines.len() > 1 {
        lines.push(TotalLine {
            cost: None,
            charges: Some(answer.n_charges),
        });
    }
    lines
}

/// The costs as they are printed.
struct Costs {
    places: Option<u8>,
    /// By group, where costs are rounded.
    rounded: Vec<ExactSum>,
}

impl Costs {
    fn of(answer: &Answer, places: Option<u8>) -> Costs {
        Costs {
            places,
            rounded: places.map_or_else(Vec::new, |places| rounded(answer, places)),
        }
    }

    /// Puts the printed cost of a group into `text`.
    fn write_group(&self, idx: usize, row: AnswerRow<'_>, text: &mut String) {
        match self.rounded.get(idx) {
            Some(cost) => self.write(cost, text),
            None => self.write(&row.cost(), text),
        }
    }

    /// Puts a printed cost into `text`.
    fn write(&self, cost: &ExactSum, text: &mut String) {
        text.clear();
        match self.places {
            Some(places) => text.push_str(&cost.rounded(places)),
            // Writing to a String cannot fail.
            None => drop(write!(text, "{cost}")),
        }
    }
}

/// By group, its cost with at most `places` decimals; see the rule at the top.
fn rounded(answer: &Answer, places: u8) -> Vec<ExactSum> {
    let mut costs: Vec<ExactSum> = answer.rows().map(|row| row.cost()).collect();
    let mut groups_of = vec![Vec::new(); answer.currencies.len()];
    for (group, &currency) in answer.currency_idx.iter().enumerate() {
        groups_of[currency as usize].push(group);
    }
    for (currency, groups) in answer.currencies.iter().zip(groups_of) {
        let parts: Vec<ExactSum> = groups.iter().map(|&group| costs[group]).collect();
        let together = parts.iter().try_fold(ExactSum::ZERO, |mut sum, part| {
            sum.add(part)?;
            Ok::<_, billfold_core::money::SumOverflow>(sum)
        });
        let adds_up = together.is_ok_and(|sum| answer.totals.get(*currency) == Some(&sum));
        let shares = match largest_remainder(&parts, places) {
            Ok(shares) if adds_up => shares,
            _ => parts.iter().map(|part| part.round_to(places)).collect(),
        };
        for (group, share) in groups.into_iter().zip(shares) {
            costs[group] = share;
        }
    }
    costs
}
