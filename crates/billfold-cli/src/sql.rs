//! `billfold sql`: the charges that a statement needs, read once, and its result in any shape.

use billfold_core::Result;
use billfold_core::dataset::{Charges as _, Files};
use billfold_core::query::ChargeQuery;
use billfold_report::Kind;
use billfold_report::sql::Ask;

use crate::args::report::{ReportFormat, SqlArgs};
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use crate::output::report as output;
use crate::receipt;
use crate::report::format_of;
use crate::request;
use crate::sink::Target;
use crate::source;
use crate::usage;

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
    let (mut options, notes) = source::options(&args.source)?;
    for note in &notes {
        reporter.warning(io, note);
    }
    options.allow_rejects = request::allow_rejects_of(args.allow_rejects.as_deref(), false)?;
    let mut query = ChargeQuery::total();
    query.default_currency = request::default_currency(&args.set)?;
    let answered = Files::new(args.source.paths.clone(), options).rows(&ask.rows_query(query))?;
    for warning in &answered.warnings {
        reporter.warning(io, warning);
    }
    let mut grid = ask.run(&answered.value)?;
    if let Some(places) = args.places {
        for column in grid
            .columns
            .iter_mut()
            .filter(|column| column.kind == Kind::Number)
        {
            column.places = Some(places);
        }
    }
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
