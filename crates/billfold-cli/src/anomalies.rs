//! `billfold anomalies`: periods whose cost is far from the median of those before.

use billfold_core::Result;
use billfold_core::analysis::anomaly::{self, Anomalies, Anomaly, Baseline, Thresholds};
use billfold_core::analysis::series::SeriesSet;
use billfold_core::error::Printable;
use billfold_core::money::Amount;
use billfold_report::{Cell, Column, Grid, GridRow, Kind, RowKind};

use crate::args::analysis::{AnomaliesArgs, BaselineWord};
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use crate::tables::{Bills, Shape, answer_of, money, tell_receipt};
use crate::{request, usage};

/// Runs the command.
pub(crate) fn run(args: &AnomaliesArgs, io: &mut Io<'_>, reporter: Reporter) -> Result<Exit> {
    let shape = Shape::resolve(&args.shape, io)?;
    let mut thresholds = thresholds(args)?;
    let mut notes = Vec::new();
    let mut query = request::question(&args.question, &args.duration, &mut notes, |_| Ok(()))?;
    query.top = args.top;
    for note in &notes {
        reporter.warning(io, note);
    }
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
    thresholds.is_closed = args.closed || (window.end.is_some() && window.end == last_end);
    let found = anomaly::find(&set, &thresholds)?;
    let is_any = !found.found.is_empty();
    shape.write(grid(&set, &found, args, &thresholds, shape.places), &outcome, io)?;
    tell_receipt(&outcome, io, reporter);
    reporter.note(io, "anomalies", summary(&found));
    Ok(if args.fail && is_any {
        Exit::CheckFailed
    } else {
        Exit::Done
    })
}

fn thresholds(args: &AnomaliesArgs) -> Result<Thresholds> {
    let (baseline, min_history) = match args.baseline {
        BaselineWord::Trailing => (Baseline::Trailing(args.window.unwrap_or(28)), 7),
        BaselineWord::Weekday => (Baseline::Weekday(args.window.unwrap_or(8)), 4),
    };
    Ok(Thresholds {
        baseline,
        min_history: args.min_history.unwrap_or(min_history),
        factor: number("--factor", &args.factor)?,
        min_amount: number("--min-amount", &args.min_amount)?,
        min_percent: number("--min-percent", &args.min_percent)?,
        is_closed: false,
    })
}

/// A number of the arguments, which is never below zero.
fn number(option: &str, text: &str) -> Result<Amount> {
    Amount::parse(text.as_bytes())
        .ok()
        .filter(|amount| amount.mantissa() >= 0)
        .ok_or_else(|| {
            usage(format!("{option} `{}` is no number from zero", Printable(text)))
                .hint("write plain digits, such as 3.5")
        })
}

fn summary(found: &Anomalies) -> String {
    format!(
        "{} found in {} periods of groups; {} had too short a history",
        found.found.len(),
        found.n_judged,
        found.n_unjudged
    )
}

fn grid(
    set: &SeriesSet,
    found: &Anomalies,
    args: &AnomaliesArgs,
    thresholds: &Thresholds,
    places: Option<u8>,
) -> Grid {
    let mut columns = vec![Column::text("period")];
    columns.extend(set.key_names.iter().map(Column::text));
    columns.extend([
        Column::text("billing_currency"),
        Column::text("kind"),
        money("cost", places),
        money("expected", places),
        Column::new("deviation", Kind::Change, places),
        Column::new("deviation %", Kind::Relative, Some(anomaly::PLACES)),
        Column::new("score", Kind::Number, Some(anomaly::PLACES)),
        Column::new("history", Kind::Count, None),
    ]);
    let before = match thresholds.baseline {
        Baseline::Trailing(n) => format!("the {n} periods before"),
        Baseline::Weekday(n) => format!("the same weekday of the {n} weeks before"),
    };
    let mut remarks = vec![
        format!(
            "expected: the median of {before}, at least {}; high and low: more than {} × 1.4826 × their median absolute deviation away, at least {} of the currency and {} %",
            thresholds.min_history, args.factor, args.min_amount, args.min_percent
        ),
        summary(found),
    ];
    if !thresholds.is_closed {
        remarks.push("the last period may be incomplete: nothing is called low or gone in it".to_owned());
    }
    Grid {
        name: "Anomalies".to_owned(),
        periods: 0..0,
        columns,
        rows: found.found.iter().map(row).collect(),
        remarks,
    }
}

fn row(anomaly: &Anomaly) -> GridRow {
    let text = |text: &str| Cell::Text(text.to_owned());
    let number = |number: Option<_>| number.map_or(Cell::Empty, Cell::Number);
    let mut cells = vec![text(&anomaly.period.label)];
    cells.extend(anomaly.keys.iter().map(|key| text(key)));
    cells.extend([
        text(anomaly.currency.as_str()),
        text(anomaly.kind.as_str()),
        Cell::Number(anomaly.actual),
        Cell::Number(anomaly.expected),
        Cell::Number(anomaly.deviation),
        number(anomaly.percent),
        number(anomaly.score),
        Cell::Count(i128::try_from(anomaly.history).unwrap_or(i128::MAX)),
    ]);
    GridRow {
        kind: if anomaly.is_others {
            RowKind::Others
        } else {
            RowKind::Plain
        },
        cells,
    }
}
