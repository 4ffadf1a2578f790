//! What the charts of a page draw: the top rows of each table, and the rest together.

use std::fmt::Write as _;

use billfold_core::error::Printable;
use billfold_core::money::ExactSum;
use serde::Serialize;

use crate::grid::RowKind;
use crate::report::{Line, Report, Shown};

/// Rows with a colour of their own.
const SERIES: usize = 12;

#[derive(Serialize)]
struct Data {
    tables: Vec<Table>,
}

#[derive(Serialize)]
struct Table {
    currency: String,
    periods: Vec<String>,
    totals: Vec<String>,
    series: Vec<Series>,
}

/// Numbers as printed; null where there is no charge.
#[derive(Serialize)]
struct Series {
    name: String,
    cells: Vec<Option<String>>,
    total: String,
}

/// The elements that the script draws into.
pub(super) fn places(body: &mut String, report: &Report, shown: &Shown, nth: usize) {
    let has_time = report.pivot.has_periods() && report.pivot.periods.len() > 1;
    let has_rows = shown.lines.iter().any(|line| line.kind != RowKind::Total);
    let both = if has_time && has_rows { "" } else { " one" };
    let _ = write!(body, "<div class=\"charts{both}\">");
    if has_time {
        let _ = write!(
            body,
            "<div><div class=\"pick\" hidden><h3>Cost over time</h3></div><div class=\"chart\" hidden role=\"img\" aria-label=\"Cost over time as stacked bars; the table below has the numbers\" data-table=\"{nth}\" data-kind=\"time\"></div></div>"
        );
    }
    if has_rows {
        let _ = write!(
            body,
            "<div><div class=\"pick\" hidden><h3>Breakdown</h3><button type=\"button\" data-for=\"b{nth}\" data-kind=\"bars\" aria-pressed=\"true\">Bars</button><button type=\"button\" data-for=\"b{nth}\" data-kind=\"tree\" aria-pressed=\"false\">Treemap</button></div><div class=\"chart\" hidden role=\"img\" aria-label=\"Breakdown of the total; the table below has the numbers\" id=\"b{nth}\" data-table=\"{nth}\" data-kind=\"bars\"></div></div>"
        );
    }
    body.push_str("</div>");
}

/// The numbers to draw, as JSON.
pub(super) fn data(report: &Report) -> serde_json::Result<String> {
    let tables = report.sections.iter().map(|shown| table(report, shown)).collect();
    serde_json::to_string(&Data { tables })
}

fn table(report: &Report, shown: &Shown) -> Table {
    let print = |sum: &ExactSum| match report.places {
        Some(places) => sum.rounded(places),
        None => sum.to_string(),
    };
    let (totals, rows): (Vec<&Line>, Vec<&Line>) =
        shown.lines.iter().partition(|line| line.kind == RowKind::Total);
    // Rows may be ordered by name; the greatest are drawn.
    let mut order: Vec<&Line> = rows;
    order.sort_by(|a, b| {
        let others = |line: &Line| line.kind == RowKind::Others;
        others(a).cmp(&others(b)).then(b.total.cmp(&a.total))
    });
    let n_own = if order.len() > SERIES {
        SERIES - 1
    } else {
        order.len()
    };
    let series_of = |name: String, line: &Line| Series {
        name,
        cells: line.trend.iter().map(|cell| cell.as_ref().map(print)).collect(),
        total: print(&line.total),
    };
    let mut series: Vec<Series> = order[..n_own]
        .iter()
        .map(|line| series_of(name_of(line), line))
        .collect();
    let rest = &order[n_own..];
    if !rest.is_empty() {
        let n_periods = report.pivot.periods.len();
        let sum = |parts: &mut dyn Iterator<Item = Option<ExactSum>>| {
            parts.flatten().fold(None, |sum: Option<ExactSum>, part| {
                let mut sum = sum.unwrap_or_default();
                // A part of a total that fits fits as well.
                let _ = sum.add(&part);
                Some(sum)
            })
        };
        let cells =
            (0..n_periods).map(|at| sum(&mut rest.iter().map(|line| line.trend.get(at).copied().flatten())));
        series.push(Series {
            name: format!("{} more", rest.len()),
            cells: cells.map(|cell| cell.as_ref().map(print)).collect(),
            total: print(&sum(&mut rest.iter().map(|line| Some(line.total))).unwrap_or_default()),
        });
    }
    let total = totals.first();
    if series.is_empty()
        && let Some(total) = total
    {
        series.push(series_of("all charges".to_owned(), total));
    }
    Table {
        currency: Report::currency_name(shown.currency),
        periods: report
            .pivot
            .periods
            .iter()
            .map(|period| period.label.clone())
            .collect(),
        totals: total.map_or_else(Vec::new, |line| {
            line.trend
                .iter()
                .map(|cell| cell.as_ref().map(print).unwrap_or_default())
                .collect()
        }),
        series,
    }
}

fn name_of(line: &Line) -> String {
    let shown = |key: &String| {
        if key.is_empty() {
            "\"\"".to_owned()
        } else {
            Printable(key).to_string()
        }
    };
    line.keys.iter().map(shown).collect::<Vec<_>>().join(" / ")
}
