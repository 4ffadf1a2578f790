//! Tables of measures: what `report --measure` asks and how its answer is laid out.

use billfold_core::Result;
use billfold_core::analysis::formula::{Formula, Measure, PERCENT_PLACES, TermColumn};
use billfold_core::analysis::measured::{Measured, MeasuredQuery, MeasuredRow, Value};
use billfold_core::dataset::{Answered, Charges as _, Files};
use billfold_core::query::ChargeQuery;
use billfold_core::time::format_instant;
use billfold_report::{Cell, Column, Grid, GridRow, Kind, RowKind};

use crate::args::report::ReportArgs;
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use crate::lookup;
use crate::output::report as output;
use crate::receipt::{self, ReceiptView};
use crate::report::Look;
use crate::request;
use crate::sink::{Target, write_report};
use crate::tables::{Bills, for_people, without_totals};
use crate::usage;

/// A question for measures.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    query: ChargeQuery,
    measures: MeasuredQuery,
}

impl Asked {
    /// Judges the arguments. Errors: usage.
    pub(crate) fn resolve(args: &ReportArgs, notes: &mut Vec<String>) -> Result<Asked> {
        let parsed: Vec<Measure> = args
            .measure
            .iter()
            .map(|text| Measure::parse(text))
            .collect::<Result<_>>()?;
        let mut measures = None;
        let mut query = request::question(&args.question, &args.duration, notes, |query| {
            measures = Some(MeasuredQuery::new(parsed, query)?);
            Ok(())
        })?;
        query.order = args.sort.parse()?;
        let measures = measures.ok_or_else(|| billfold_core::Error::bug("a table without measures"))?;
        Ok(Asked { query, measures })
    }

    /// The question as it stands, for those who add conditions to it.
    pub(crate) fn query_mut(&mut self) -> &mut ChargeQuery {
        &mut self.query
    }

    /// Asks the bills.
    pub(crate) fn table(
        &mut self,
        bills: &Bills<'_>,
        io: &mut Io<'_>,
        reporter: Reporter,
    ) -> Result<Answered<Measured>> {
        let facts = self.measures.facts(&self.query)?;
        let mut options = bills.options(self.query.zone, io, reporter)?;
        options.exchange = lookup::exchange(bills.exchange)?;
        let answered = Files::new(bills.source.paths.clone(), options).facts(&facts)?;
        Ok(Answered {
            value: self.measures.table(&answered.value)?,
            receipt: answered.receipt,
            warnings: answered.warnings,
        })
    }
}

/// Runs `report --measure`.
pub(crate) fn run(args: &ReportArgs, io: &mut Io<'_>, reporter: Reporter) -> Result<Exit> {
    let path = args.output.output.as_deref();
    let look = Look::resolve(&args.look, path)?;
    let mut notes = Vec::new();
    let mut asked = Asked::resolve(args, &mut notes)?;
    let target = |path: &str| Target::new(path, args.output.force);
    let to = path.map_or(Ok(Target::Stdout), target)?;
    let receipt_to = args.receipt.as_deref().map(target).transpose()?;
    if receipt_to.as_ref() == Some(&to) && !matches!(to, Target::Device(_)) {
        return Err(usage("--output and --receipt name one file twice"));
    }
    output::check_terminal(look.format, &to, io)?;
    for note in &notes {
        reporter.warning(io, note);
    }
    let bills = Bills {
        source: &args.source,
        lookups: &args.lookups,
        exchange: &args.exchange,
        aliases: &[],
        allow_rejects: args.allow_rejects.as_deref(),
    };
    let answered = asked.table(&bills, io, reporter)?;
    for warning in &answered.warnings {
        reporter.warning(io, warning);
    }
    if let Some(target) = &receipt_to {
        write_report(io, target, |out| {
            serde_json::to_writer_pretty(&mut *out, &ReceiptView::from(&answered.receipt))?;
            out.write_all(b"\n")
        })?;
    }
    let grid = grid(&answered.value, &look);
    let file = output::write(&to, io, |screen, out| {
        output::render_grid(&grid, look.format, look.csv, screen, out)
    })?;
    if let Some(file) = file {
        file.finish()?;
    }
    for line in receipt::brief(&answered.receipt) {
        reporter.note(io, "receipt", line);
    }
    Ok(Exit::Done)
}

/// The table as a grid; totals only for people, who do not add them up.
pub(crate) fn grid(measured: &Measured, look: &Look) -> Grid {
    let mut columns: Vec<Column> = measured.key_names.iter().map(Column::text).collect();
    let keys = columns.len();
    if measured.has_periods {
        columns.push(Column::text("period"));
    }
    columns.push(Column::text("billing_currency"));
    columns.extend(measured.measures.iter().map(|measure| column(measure, look)));
    let total_name = |row: &MeasuredRow| {
        let mut names = vec![String::new(); keys];
        if let Some(first) = names.first_mut() {
            "total".clone_into(first);
        }
        cells(&names, row, measured.has_periods.then_some(""))
    };
    let mut rows: Vec<GridRow> = measured
        .rows
        .iter()
        .map(|row| GridRow {
            kind: RowKind::Plain,
            cells: cells(
                &row.keys,
                row,
                measured.has_periods.then_some(row.period.label.as_str()),
            ),
        })
        .collect();
    // Of one row the total is that row again.
    let needs_totals = keys > 0 || measured.has_periods;
    rows.extend(
        measured
            .totals
            .iter()
            .filter(|_| needs_totals)
            .map(|row| GridRow {
                kind: RowKind::Total,
                cells: total_name(row),
            }),
    );
    let remarks = measured
        .gaps
        .iter()
        .map(|(name, without, of)| {
            format!("{name} is empty on {without} of {of} charges, which add nothing to it")
        })
        .collect();
    let mut grid = Grid {
        name: look.style.title.clone().unwrap_or_default(),
        periods: 0..0,
        columns,
        rows,
        remarks,
    };
    if !for_people(look.format) {
        without_totals(&mut grid);
    }
    grid
}

fn column(measure: &Measure, look: &Look) -> Column {
    let money = look.style.places;
    match &measure.formula {
        Formula::FirstStart | Formula::LastEnd => Column::text(&measure.name),
        Formula::Ratio { percent: true, .. } => {
            Column::new(&measure.name, Kind::Number, Some(PERCENT_PLACES))
        }
        // Rounded already; zeros at the end say nothing.
        Formula::Ratio { .. } => Column::new(&measure.name, Kind::Number, None),
        Formula::Sum(terms) if terms.iter().all(|term| term.column == TermColumn::Charges) => {
            Column::new(&measure.name, Kind::Count, None)
        }
        Formula::Sum(_) => Column::new(&measure.name, Kind::Number, money),
    }
}

fn cells(keys: &[String], row: &MeasuredRow, period: Option<&str>) -> Vec<Cell> {
    let mut cells: Vec<Cell> = keys.iter().cloned().map(Cell::Text).collect();
    cells.extend(period.map(|period| Cell::Text(period.to_owned())));
    cells.push(Cell::Text(row.currency.as_str().to_owned()));
    cells.extend(row.values.iter().map(|value| match value {
        Value::Empty => Cell::Empty,
        Value::Sum(number) | Value::Ratio(number) | Value::Percent(number) => Cell::Number(*number),
        Value::Count(count) => Cell::Count(*count),
        Value::Instant(instant) => Cell::Text(format_instant(*instant)),
    }));
    cells
}
