//! `billfold forecast`: the month to its end, and what such forecasts were worth before.

use billfold_core::Result;
use billfold_core::analysis::forecast::{self as ahead, Forecast, ForecastRow, Horizon, Method};
use billfold_core::analysis::series::SeriesSet;
use billfold_core::time::parse_bound;
use billfold_report::{Cell, Column, Grid, GridRow, Kind, RowKind};

use crate::args::analysis::{ForecastArgs, MethodWord};
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use crate::request;
use crate::tables::{Bills, Shape, answer_of, money, tell_receipt};

/// Runs the command.
pub(crate) fn run(args: &ForecastArgs, io: &mut Io<'_>, reporter: Reporter) -> Result<Exit> {
    let shape = Shape::resolve(&args.shape, io)?;
    let mut notes = Vec::new();
    let mut query = request::question(&args.question, "daily", &mut notes, |_| Ok(()))?;
    query.top = args.top;
    for note in &notes {
        reporter.warning(io, note);
    }
    let bound = |text: &String| parse_bound(text, query.zone);
    let as_of = args.as_of.as_ref().map(bound).transpose()?;
    let window = query.window;
    let bills = Bills {
        source: &args.source,
        lookups: &args.lookups,
        exchange: &args.exchange,
        aliases: &[],
        allow_rejects: args.shape.allow_rejects.as_deref(),
    };
    let outcome = bills.sums(query, io, reporter)?;
    let set = SeriesSet::new(answer_of(&outcome)?)?;
    let last_end = set.periods.last().and_then(|period| period.end);
    // A window that ends where the last day does has all of it.
    let is_closed = args.closed || (window.end.is_some() && window.end == last_end);
    let horizon = Horizon {
        method: match args.method {
            MethodWord::Median => Method::Median,
            MethodWord::Mean => Method::Mean,
            MethodWord::Best => Method::Best,
        },
        weeks: args.weeks,
        months: args.months,
        as_of: as_of.or(if is_closed { last_end } else { None }),
    };
    let forecast = ahead::forecast(&set, &horizon)?;
    shape.write(grid(&set, &forecast, args, &horizon, shape.places), &outcome, io)?;
    tell_receipt(&outcome, io, reporter);
    Ok(Exit::Done)
}

fn grid(
    set: &SeriesSet,
    forecast: &Forecast,
    args: &ForecastArgs,
    horizon: &Horizon,
    places: Option<u8>,
) -> Grid {
    let mut columns: Vec<Column> = set.key_names.iter().map(Column::text).collect();
    let keys = columns.len();
    columns.extend([
        Column::text("month"),
        Column::text("billing_currency"),
        money("actual", places),
        money("forecast", places),
        money("total", places),
        Column::new("error %", Kind::Percent, Some(ahead::PERCENT_PLACES)),
        Column::text("method"),
    ]);
    let word = match horizon.method {
        Method::Best => "median or the mean, whichever was less wrong in its currency before,",
        one => one.as_str(),
    };
    let mut remarks = Vec::new();
    if forecast.rows.is_empty() {
        remarks.push("no charges".to_owned());
        return Grid {
            name: "Forecast".to_owned(),
            periods: 0..0,
            columns,
            rows: Vec::new(),
            remarks,
        };
    }
    remarks.push(format!(
        "actual: days before {}; forecast: each day from it on as the {word} of the same weekday in the {} weeks before",
        forecast.from, args.weeks
    ));
    remarks.push(if forecast.tested.is_empty() {
        "no past month to test the forecast on: that takes a whole one with a week before it".to_owned()
    } else {
        format!(
            "error: Σ |forecast − actual| / Σ |actual| over {} past month{} ({}), each forecast from as many days as the present one has",
            forecast.tested.len(),
            if forecast.tested.len() == 1 { "" } else { "s" },
            forecast.tested.join(", ")
        )
    });
    if horizon.as_of.is_none() {
        remarks.push(format!(
            "{} may be incomplete and counts as the greater of its cost and its forecast; --closed says that it is complete",
            forecast.from
        ));
    }
    let has_groups = keys > 0;
    let rows = forecast
        .rows
        .iter()
        .map(|one| {
            let kind = if one.is_others {
                RowKind::Others
            } else {
                RowKind::Plain
            };
            row(one, one.keys.clone(), kind)
        })
        .chain(forecast.totals.iter().filter(|_| has_groups).map(|total| {
            let mut names = vec![String::new(); keys];
            if let Some(first) = names.first_mut() {
                "total".clone_into(first);
            }
            row(total, names, RowKind::Total)
        }));
    Grid {
        name: "Forecast".to_owned(),
        periods: 0..0,
        columns,
        rows: rows.collect(),
        remarks,
    }
}

fn row(one: &ForecastRow, keys: Vec<String>, kind: RowKind) -> GridRow {
    let mut cells: Vec<Cell> = keys.into_iter().map(Cell::Text).collect();
    cells.extend([
        Cell::Text(one.month.clone()),
        Cell::Text(one.currency.as_str().to_owned()),
        Cell::Number(one.actual),
        Cell::Number(one.rest),
        Cell::Number(one.total),
        one.error.map_or(Cell::Empty, Cell::Number),
        Cell::Text(one.method.as_str().to_owned()),
    ]);
    GridRow { kind, cells }
}
