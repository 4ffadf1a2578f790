//! The conversion as a whole, and the account that the written file must pass.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use super::gather::{Gather, Part, Rows, headers};
use super::layout::{Layout, Schema};
use super::merge::{Merge, Spilled};
use super::run::{MoneyNeed, Run};
use super::write::{Carrier, Packing, write};
use crate::charge::batch::RowCounts;
use crate::charge::schema::{self, BILLED_COST, CONTRACTED_COST, EFFECTIVE_COST, LIST_COST};
use crate::charge::{CostMetric, ScanHint, WantedTags};
use crate::dataset::{self, Outcome, Progress, RunOptions};
use crate::error::{Diagnostic, Error, ErrorKind, Location, Result};
use crate::ingest::bill::{Bill, BillPlan, BillStream};
use crate::ingest::visit::visit_bill;
use crate::money::{Currency, ExactSum, Totals};

/// Rows of a batch on its way to the file.
const BATCH_ROWS: usize = 1 << 14;

/// Makes an empty file that is read and written, and gone when it is closed or the run is over.
pub type Spill<'a> = Box<dyn FnMut() -> Result<File> + Send + 'a>;

/// What is to be written.
pub struct ConvertOptions<'a> {
    /// Which columns.
    pub schema: Schema,
    /// Which kind of file.
    pub carrier: Carrier,
    /// How a text file is packed.
    pub packing: Packing,
    /// The currency of rows in files that name none.
    pub default_currency: Option<Currency>,
    /// Rows held in memory; more are sorted in runs of so many and merged.
    pub run_rows: usize,
    /// Where runs go.
    pub spill: Spill<'a>,
}

impl ConvertOptions<'_> {
    /// Rows of a run, some hundred bytes each.
    pub const RUN_ROWS: usize = 1 << 19;
}

/// What was read of one input.
#[derive(Debug, Clone)]
pub struct SourceAccount {
    /// The file as it was named to us.
    pub source: Arc<str>,
    /// The format that was recognised.
    pub format: String,
    /// Rows read, the rejected ones with them.
    pub rows_read: u64,
    /// Rows refused.
    pub rows_rejected: u64,
}

/// What a conversion came to.
#[derive(Debug)]
pub struct Conversion {
    /// Whether the file was written: not when more rows were refused than allowed.
    pub is_written: bool,
    /// One account per input.
    pub sources: Vec<SourceAccount>,
    /// Rows read.
    pub rows_read: u64,
    /// Rows refused.
    pub rows_rejected: u64,
    /// Rows written: `rows_read − rows_rejected`.
    pub rows_written: u64,
    /// Per cost column of the schema and currency, what was read and handed on.
    pub totals: BTreeMap<&'static str, Totals>,
    /// What was bridged or absent, and how many rows it touches.
    pub notes: BTreeMap<&'static str, u64>,
    /// The file's columns.
    pub columns: Vec<String>,
    /// Source columns that stand under another name.
    pub renamed: Vec<String>,
    /// Runs that were spilled and merged; 0 when all rows fit in memory.
    pub n_runs: u64,
    /// Row groups of a Parquet file.
    pub n_row_groups: u64,
    /// The first refused rows.
    pub rejects: Vec<Diagnostic>,
    /// What was odd and not wrong.
    pub warnings: Vec<String>,
}

impl Conversion {
    /// Why nothing was written.
    pub fn error(&self) -> Option<Error> {
        (!self.is_written).then(|| {
            Error::new(ErrorKind::RowsRejected {
                n_rejected: self.rows_rejected,
                n_read: self.rows_read,
            })
            .hint("--allow-rejects N (or P%) goes on without them; --rejects FILE writes them out with their reasons")
        })
    }
}

/// Gathered rows of all workers.
struct Spool<'a, 'b> {
    run: Run,
    spilled: Vec<Spilled>,
    options: &'a mut ConvertOptions<'b>,
}

impl Spool<'_, '_> {
    fn add(&mut self, rows: Rows, chunk: u64, layout: &Layout) -> Result<()> {
        self.run.add(rows, chunk)?;
        if self.run.is_full(self.options.run_rows) {
            self.spill(layout)?;
        }
        Ok(())
    }

    fn spill(&mut self, layout: &Layout) -> Result<()> {
        let run = std::mem::replace(&mut self.run, Run::new(layout));
        let file = (self.options.spill)()?;
        self.spilled
            .push(Spilled::write(run.sorted(layout, BATCH_ROWS)?, file)?);
        Ok(())
    }
}

/// Writes the charges of all inputs to `out` as one file.
///
/// Errors: everything that stops a scan, and io. Rejected rows are part of the outcome; when they are
/// more than allowed, nothing is written.
pub fn convert(
    inputs: &[String],
    mut convert: ConvertOptions<'_>,
    out: &mut (dyn Write + Send),
    mut options: RunOptions<'_>,
) -> Result<Conversion> {
    let hint = ScanHint {
        tags: WantedTags::Sets,
        default_currency: convert.default_currency,
        ..ScanHint::of_cost(CostMetric::Effective)
    };
    let opened = dataset::open(inputs, &options, &hint)?;
    let layout = Layout::new(convert.schema, &opened.bills, convert.default_currency)?;
    let (carrier, packing) = (convert.carrier, convert.packing);
    let mut sink = options.on_reject.take();
    let mut outcome = Conversion {
        is_written: false,
        sources: Vec::new(),
        rows_read: 0,
        rows_rejected: 0,
        rows_written: 0,
        totals: BTreeMap::new(),
        notes: BTreeMap::new(),
        columns: layout.columns.iter().map(|c| c.name.clone()).collect(),
        renamed: layout.renamed.clone(),
        n_runs: 0,
        n_row_groups: 0,
        rejects: Vec::new(),
        warnings: opened.warnings,
    };
    let spool = Mutex::new(Spool {
        run: Run::new(&layout),
        spilled: Vec::new(),
        options: &mut convert,
    });
    let n_workers = dataset::workers(options.threads);
    let progress = Arc::clone(&options.progress);
    let mut counts = RowCounts::default();
    let mut seen_views = Vec::new();
    for (nth, (bill, stream)) in opened.bills.iter().zip(opened.streams).enumerate() {
        outcome.warnings.extend(
            bill.notes
                .iter()
                .map(|note| format!("{}: {note}", bill.source.name)),
        );
        let Some(plan) = BillPlan::new(&hint, bill)? else {
            continue;
        };
        let read = read_bill(bill, nth, plan, stream, &layout, &spool, n_workers, &progress)?;
        let mut on_reject = |diagnostic: Diagnostic| -> Result<()> {
            if let Some(sink) = &mut sink {
                sink(&diagnostic).map_err(|e| Error::io("the rejected rows cannot be written", &e))?;
            }
            if outcome.rejects.len() < Outcome::SHOWN_REJECTS {
                outcome.rejects.push(diagnostic);
            }
            Ok(())
        };
        read.rejects.into_iter().try_for_each(&mut on_reject)?;
        outcome.rows_read += read.counts.read;
        outcome.rows_rejected += read.n_rejected;
        for (name, totals) in &read.totals {
            outcome
                .totals
                .entry(name)
                .or_default()
                .add_totals(totals)
                .map_err(|_| overflow())?;
        }
        outcome.sources.push(SourceAccount {
            source: Arc::clone(&bill.source.name),
            format: bill.binding.format_name(),
            rows_read: read.counts.read,
            rows_rejected: read.n_rejected,
        });
        counts.add(&read.counts);
        seen_views.push((bill, read.counts.views));
    }
    dataset::check_views(seen_views)?;
    outcome.notes = counts.notes().collect();
    outcome.rows_written = outcome.rows_read - outcome.rows_rejected;
    if !options
        .allow_rejects
        .admits(outcome.rows_rejected, outcome.rows_read)
    {
        outcome.rows_written = 0;
        return Ok(outcome);
    }
    let mut spool = spool.into_inner().unwrap_or_else(PoisonError::into_inner);
    if !spool.spilled.is_empty() && spool.run.len() > 0 {
        spool.spill(&layout)?;
    }
    let Spool { run, spilled, .. } = spool;
    outcome.n_runs = spilled.len() as u64;
    outcome.n_row_groups = if spilled.is_empty() {
        let sorted = run.sorted(&layout, BATCH_ROWS)?;
        let money = types(&sorted.needs());
        write(sorted, &layout, &money, carrier, packing, out)?
    } else {
        drop(run);
        let mut needs = spilled[0].needs().to_vec();
        for other in &spilled[1..] {
            for (need, other) in needs.iter_mut().zip(other.needs()) {
                if let (Some(need), Some(other)) = (need, other) {
                    need.merge(other);
                }
            }
        }
        let money = types(&needs);
        let merge = Merge::new(spilled, &money, BATCH_ROWS)?;
        write(merge, &layout, &money, carrier, packing, out)?
    };
    outcome.is_written = true;
    Ok(outcome)
}

fn types(needs: &[Option<MoneyNeed>]) -> Vec<Option<arrow::datatypes::DataType>> {
    needs
        .iter()
        .map(|need| need.as_ref().map(MoneyNeed::data_type))
        .collect()
}

fn overflow() -> Error {
    Error::new(ErrorKind::Overflow {
        group: "a control total".to_owned(),
    })
}

/// What was read of one bill.
#[derive(Default)]
struct BillRead {
    counts: RowCounts,
    n_rejected: u64,
    rejects: Vec<Diagnostic>,
    totals: BTreeMap<&'static str, Totals>,
}

#[allow(clippy::too_many_arguments)]
/// Reads a bill into the spool. `nth` is its place among the inputs.
fn read_bill(
    bill: &Bill,
    nth: usize,
    mut plan: BillPlan,
    stream: Option<BillStream>,
    layout: &Layout,
    spool: &Mutex<Spool<'_, '_>>,
    n_workers: usize,
    progress: &Progress,
) -> Result<BillRead> {
    let extras = &layout.extras[nth];
    plan.add_columns(&headers(&bill.binding, layout, extras));
    let parts = visit_bill(bill, &plan, stream, n_workers, |task, worker| {
        let part = RefCell::new(Part::default());
        // Chunks of one file stay below 2⁴⁰: a file of so many chunks has 2⁶⁰ bytes.
        let chunk = (nth as u64) << 40 | task.index;
        let take = |rows: Rows| {
            spool
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .add(rows, chunk, layout)
        };
        let place = bill.visit(&plan, task, worker, |plan| Gather {
            plan,
            binding: &bill.binding,
            layout,
            extras,
            part: &part,
            take: &take,
        })?;
        let part = part.into_inner();
        progress.rows.fetch_add(part.counts.read, Ordering::Relaxed);
        Ok((part, place))
    })?;
    let mut read = BillRead::default();
    let mut next_line = bill.first_line();
    for (part, place) in parts {
        let first_row = place.first_row.unwrap_or_else(|| read.counts.n_records());
        let first_line = place.lines.first(&mut next_line);
        read.counts.add(&part.counts);
        read.counts.blank += place.n_blank;
        read.n_rejected += part.faults.len() as u64;
        for (name, totals) in &part.totals {
            read.totals
                .entry(name)
                .or_default()
                .add_totals(totals)
                .map_err(|_| overflow())?;
        }
        read.rejects.extend(part.faults.into_iter().map(|fault| {
            Diagnostic {
                code: fault.code,
                location: Location {
                    source: Some(Arc::clone(&bill.source.name)),
                    record: Some(first_row + fault.row + 1),
                    line: first_line
                        .zip(fault.lines_before)
                        .map(|(first, before)| first + before),
                    column: fault.column,
                },
                text: fault.text,
                expected: fault.expected,
                row: fault.raw,
                cost: fault.cost,
            }
        }));
    }
    Ok(read)
}

/// Reads a written file again and compares rows and every cost total with what went in.
///
/// Errors: what stops an inspection, and a bug of ours when anything differs.
pub fn verify(path: &str, conversion: &Conversion, options: &RunOptions<'_>) -> Result<()> {
    if conversion.rows_written == 0 {
        return Ok(());
    }
    let found = dataset::inspect(&[path.to_owned()], options)?;
    let [found] = found.as_slice() else {
        return Err(Error::bug("a converted file is read back as several"));
    };
    if (found.rows, found.rows_rejected) != (conversion.rows_written, 0) {
        let first = found
            .rejects
            .first()
            .map(|r| format!(": {r}"))
            .unwrap_or_default();
        return Err(Error::bug(format!(
            "{} rows went in and {} came back, {} of them unreadable{first}",
            conversion.rows_written, found.rows, found.rows_rejected
        )));
    }
    for name in [BILLED_COST, EFFECTIVE_COST, LIST_COST, CONTRACTED_COST] {
        debug_assert!(schema::column(name).is_some());
        let none = Totals::new();
        let read = conversion.totals.get(name).unwrap_or(&none);
        let back = found
            .totals
            .iter()
            .find(|t| t.role == name)
            .map_or(&none, |t| &t.sums);
        let zero = ExactSum::ZERO;
        let one_way = |a: &Totals, b: &Totals| a.iter().any(|(c, sum)| b.get(c).unwrap_or(&zero) != sum);
        if one_way(read, back) || one_way(back, read) {
            return Err(Error::bug(format!(
                "{name}: {read:?} went in and {back:?} came back"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    /// Rows in a bad order, with amounts of every size, written with runs of `run_rows`.
    fn converted(name: &str, run_rows: usize, carrier: Carrier) -> (Vec<u8>, Conversion) {
        let mut bill =
            String::from("BilledCost,ListCost,BillingCurrency,ChargePeriodStart,ServiceName,Tags\n");
        for i in 0..500u32 {
            let cost = match i % 7 {
                0 => "12345678901234567890123456789012345",
                1 => "0.00000000000000000000000000000000000001",
                2 => "-0.5",
                _ => "1.25",
            };
            let list = if i % 3 == 0 { "" } else { "7.5" };
            let hour = (i * 7) % 24;
            let _ = writeln!(
                bill,
                "{cost},{list},USD,2024-03-{:02}T{hour:02}:00:00Z,svc-{},",
                1 + i % 28,
                i % 11
            );
        }
        let folder = std::env::temp_dir().join(format!("billfold-runs-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("bill.csv");
        std::fs::write(&path, bill).unwrap();
        let mut nth = 0;
        let spill_folder = folder.clone();
        let convert_options = ConvertOptions {
            schema: Schema::Charges,
            carrier,
            packing: Packing::Plain,
            default_currency: None,
            run_rows,
            spill: Box::new(move || {
                nth += 1;
                let path = spill_folder.join(format!("run-{nth}"));
                let mut open = std::fs::OpenOptions::new();
                Ok(open.read(true).write(true).create_new(true).open(path).unwrap())
            }),
        };
        let options = RunOptions {
            threads: Some(3),
            chunk_bytes: 1000,
            ..RunOptions::default()
        };
        let mut out = Vec::new();
        let done = convert(&[path.display().to_string()], convert_options, &mut out, options).unwrap();
        let written = folder.join("out");
        std::fs::write(&written, &out).unwrap();
        verify(&written.display().to_string(), &done, &RunOptions::default()).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        (out, done)
    }

    #[test]
    fn merged_runs_are_the_bytes_of_one_run() {
        for (carrier, name) in [
            (Carrier::Csv, "csv"),
            (Carrier::Ndjson, "ndjson"),
            (Carrier::Parquet, "parquet"),
        ] {
            let (whole, one) = converted(&format!("{name}-one"), 1000, carrier);
            let (merged, many) = converted(&format!("{name}-many"), 60, carrier);
            assert_eq!(one.n_runs, 0);
            assert!(many.n_runs > 5, "{} runs", many.n_runs);
            assert!(whole == merged, "{name} differs");
        }
    }
}
