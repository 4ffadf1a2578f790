//! `billfold sql`: the charges that a statement needs, read once, and its result in any shape.

use billfold_core::Result;
use billfold_core::dataset::{Answered, Charges as _, Files};
use billfold_core::engine::ChargeRows;
use billfold_core::query::ChargeQuery;
use billfold_report::sql::Ask;
use billfold_report::{Grid, Kind};

use crate::args::report::{ReportFormat, SqlArgs};
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use crate::lookup;
use crate::output::report as output;
use crate::receipt;
use crate::report::format_of;
use crate::request;
use crate::sink::Target;
use crate::tables::Bills;
use crate::usage;

/// The charges that a statement needs. Of the query only window, zone, filter and default currency are looked at.
pub(crate) fn rows(
    ask: &Ask,
    bills: &Bills<'_>,
    query: ChargeQuery,
    io: &mut Io<'_>,
    reporter: Reporter,
) -> Result<Answered<ChargeRows>> {
    let mut options = bills.options(query.zone, io, reporter)?;
    options.exchange = lookup::exchange(bills.exchange)?;
    Files::new(bills.source.paths.clone(), options).rows(&ask.rows_query(query))
}

/// Prints every number with so many decimals, each rounded by itself.
pub(crate) fn round(grid: &mut Grid, places: Option<u8>) {
    let numbers = grid
        .columns
        .iter_mut()
        .filter(|column| column.kind == Kind::Number);
    if let Some(places) = places {
        for column in numbers {
            column.places = Some(places);
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: &SqlArgs, io: &mut Io<'_>, reporter: Reporter) -> Result<Exit> {
    let path = args.output.output.as_deref();
    let format = format_of(args.format, path)?;
    if args.csv.is_some() && !matches!(format, ReportFormat::Csv | ReportFormat::Tsv) {
        return Err(usage("--csv says what CSV and TSV look like").hint("add --format csv"));
    }
    let ask = Ask::parse(&args.statement)?;
    let to = path.map_or(Ok(Target::Stdout), |path| Target::new(path, args.output.force))?;
    output::check_terminal(format, &to, io)?;
    let bills = Bills {
        source: &args.source,
        lookups: &args.lookups,
        exchange: &args.exchange,
        aliases: &[],
        allow_rejects: args.allow_rejects.as_deref(),
    };
    let mut query = ChargeQuery::total();
    query.default_currency = request::default_currency(&args.set)?;
    let answered = rows(&ask, &bills, query, io, reporter)?;
    for warning in &answered.warnings {
        reporter.warning(io, warning);
    }
    let mut grid = ask.run(&answered.value)?;
    round(&mut grid, args.places);
    let csv = args.csv.unwrap_or_default();
    let file = output::write(&to, io, |screen, out| {
        output::render_grid(&grid, format, csv, screen, out)
    })?;
    if let Some(file) = file {
        file.finish()?;
    }
    for line in receipt::brief(&answered.receipt) {
        reporter.note(io, "receipt", line);
    }
    Ok(Exit::Done)
}
