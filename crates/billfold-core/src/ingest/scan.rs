//! Many bills on many threads: workers take chunks, decode them, and hand batches on.
//!
//! There is no reader thread. A worker that needs a chunk takes the next one of a bill under that bill's
//! lock, then decodes it outside. What is streamed is read, and unpacked, under the lock; while one unpacks another
//! decodes. What lies on disk as it is read is read outside. Several bills are read at once, and no more chunks are
//! in memory than there are workers.
//! Reports of chunks are put back into the order of files and rows before anyone sees them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::charge::ChargeBatch;
use crate::charge::batch::RowCounts;
use crate::error::{Diagnostic, Error, Location, Result};
use crate::ingest::bill::{Bill, BillPlan, BillStream, ChunkReport, Task, Worker};
use crate::ingest::unpack::Unpacker;
use crate::money::Currency;
use crate::money::{ExactSum, Totals, added_up};

/// A bill, ready to be read.
pub struct Ready {
    /// The bill.
    pub bill: Bill,
    /// What to decode of it; None for an empty file.
    pub plan: Option<BillPlan>,
}

/// What was read of one bill.
#[derive(Debug, Default)]
pub struct BillReport {
    /// Counts over the bill.
    pub counts: RowCounts,
    /// Rows refused.
    pub n_rejected: u64,
    /// Rows in row groups that were not read.
    pub n_skipped: u64,
    /// Whether the file is text that ends within a line, as a cut file does.
    pub ends_within_line: bool,
    /// Cost of the charges handed on, per currency, added up here and not in the engine.
    pub cost: Totals,
    /// Cost of rejected rows, where it could be read.
    pub cost_rejected: Totals,
}

/// Hears of rejected rows in the order of bills and rows.
pub type OnReject<'a> = dyn FnMut(Diagnostic) -> Result<()> + Send + 'a;

struct Lane {
    ready: usize,
    stream: Mutex<Option<BillStream>>,
    /// Known once the stream is.
    unpacker: OnceLock<Arc<Unpacker>>,
    done: AtomicBool,
}

struct Order<'a> {
    /// Per bill, chunks that wait for an earlier one: rows, faults.
    waiting: Vec<BTreeMap<u64, ChunkReport>>,
    next_chunk: Vec<u64>,
    n_rows: Vec<u64>,
    next_line: Vec<u64>,
    /// Rejected rows of bills that wait for an earlier bill.
    held: Vec<Vec<Diagnostic>>,
    /// Per bill, its number of chunks, once all were taken.
    n_chunks: Vec<Option<u64>>,
    current: usize,
    reports: Vec<BillReport>,
    on_reject: &'a mut OnReject<'a>,
}

/// Reads all bills; every batch goes to `each` with its worker's state.
///
/// `streams` holds, per bill, the stream of one that cannot be opened again; `states` has one entry per worker. Errors: the first that any worker met, in no particular order
/// among workers; rejected rows are no error here.
pub fn scan<'a, S: Send>(
    ready: &'a [Ready],
    streams: Vec<Option<BillStream>>,
    states: &mut [S],
    on_rows: &(dyn Fn(u64) + Sync),
    on_reject: &'a mut OnReject<'a>,
    each: impl Fn(&mut S, &ChargeBatch) -> Result<()> + Sync,
) -> Result<Vec<BillReport>> {
    let n_bills = ready.len();
    let lanes: Vec<Lane> = streams
        .into_iter()
        .enumerate()
        .map(|(ready, stream)| Lane {
            ready,
            unpacker: stream
                .as_ref()
                .and_then(BillStream::unpacker)
                .map_or_else(OnceLock::new, OnceLock::from),
            stream: Mutex::new(stream),
            done: AtomicBool::new(false),
        })
        .collect();
    let order = Mutex::new(Order {
        waiting: (0..n_bills).map(|_| BTreeMap::new()).collect(),
        next_chunk: vec![0; n_bills],
        n_rows: vec![0; n_bills],
        next_line: ready.iter().map(|r| r.bill.first_line()).collect(),
        held: vec![Vec::new(); n_bills],
        n_chunks: vec![None; n_bills],
        current: 0,
        reports: (0..n_bills).map(|_| BillReport::default()).collect(),
        on_reject,
    });
    let shared = Shared {
        ready,
        lanes: &lanes,
        open: Mutex::new(OpenLanes {
            active: Vec::new(),
            next: 0,
        }),
        order: &order,
        failed: Mutex::new(None),
        n_workers: states.len(),
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(states.len())
        .thread_name(|i| format!("billfold-{i}"))
        .build()
        .map_err(|e| Error::new(crate::error::ErrorKind::Io(format!("no threads: {e}"))))?;
    pool.scope(|scope| {
        for state in states {
            let (shared, each) = (&shared, &each);
            scope.spawn(move |_| {
                if let Err(error) = work(shared, state, on_rows, each) {
                    lock(&shared.failed).get_or_insert(error);
                }
            });
        }
    });
    let failed = lock(&shared.failed).take();
    drop(shared);
    match failed {
        Some(error) => Err(error),
        None => Ok(order.into_inner().unwrap_or_else(PoisonError::into_inner).reports),
    }
}

struct Shared<'s, 'a> {
    ready: &'s [Ready],
    lanes: &'s [Lane],
    /// The bills being read, at most one per worker.
    open: Mutex<OpenLanes>,
    order: &'s Mutex<Order<'a>>,
    failed: Mutex<Option<Error>>,
    n_workers: usize,
}

/// Which lanes are in use.
struct OpenLanes {
    active: Vec<usize>,
    /// The first lane that nobody has begun.
    next: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A worker that panicked has already failed the run.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn work<S>(
    shared: &Shared<'_, '_>,
    state: &mut S,
    on_rows: &(dyn Fn(u64) + Sync),
    each: &(impl Fn(&mut S, &ChargeBatch) -> Result<()> + Sync),
) -> Result<()> {
    let mut worker = Worker::default();
    let mut done = None;
    while lock(&shared.failed).is_none() {
        let Some((bill_idx, task)) = next_task(shared, &mut done)? else {
            return Ok(());
        };
        let ready = &shared.ready[bill_idx];
        let Some(plan) = &ready.plan else { continue };
        let mut cost = Totals::default();
        let report = ready
            .bill
            .decode(plan, &task, &mut worker, |batch| {
                cost.add_totals(&batch_totals(batch)?).map_err(|_| overflow())?;
                each(state, batch)
            })
            .map_err(|e| e.in_source(&ready.bill.source.name))?;
        on_rows(report.counts.read);
        let mut order = lock(shared.order);
        order.reports[bill_idx]
            .cost
            .add_totals(&cost)
            .map_err(|_| overflow())?;
        order.take(shared.ready, bill_idx, task.index, report)?;
        drop(order);
        done = Some(task);
    }
    Ok(())
}

fn overflow() -> Error {
    Error::new(crate::error::ErrorKind::Overflow {
        group: "the total of a file".to_owned(),
    })
}

/// Takes a chunk from the first bill whose reader is free; waits for one when all are busy.
fn next_task(shared: &Shared<'_, '_>, done: &mut Option<Task>) -> Result<Option<(usize, Task)>> {
    loop {
        let active = lock(&shared.open).active.clone();
        for lane in active.iter().map(|idx| &shared.lanes[*idx]) {
            if let Ok(mut stream) = lane.stream.try_lock()
                && let Some(task) = take_from(shared, lane, &mut stream, done)?
            {
                return Ok(Some((lane.ready, task)));
            }
        }
        // All readers are busy: begin another bill, or unpack ahead of one of them, or else wait.
        let can_begin = {
            let open = lock(&shared.open);
            open.active.len() < shared.n_workers && open.next < shared.lanes.len()
        };
        let unpackers = active.iter().filter_map(|idx| shared.lanes[*idx].unpacker.get());
        if !can_begin && unpackers.into_iter().any(|unpacker| unpacker.help()) {
            continue;
        }
        let lane = {
            let mut open = lock(&shared.open);
            if open.active.len() < shared.n_workers && open.next < shared.lanes.len() {
                let idx = open.next;
                open.next += 1;
                open.active.push(idx);
                idx
            } else if let Some(idx) = open.active.first() {
                *idx
            } else {
                return Ok(None);
            }
        };
        let lane = &shared.lanes[lane];
        let mut stream = lock(&lane.stream);
        if let Some(task) = take_from(shared, lane, &mut stream, done)? {
            return Ok(Some((lane.ready, task)));
        }
    }
}

fn take_from(
    shared: &Shared<'_, '_>,
    lane: &Lane,
    stream: &mut Option<BillStream>,
    done: &mut Option<Task>,
) -> Result<Option<Task>> {
    if lane.done.load(Ordering::Acquire) {
        return Ok(None);
    }
    let ready = &shared.ready[lane.ready];
    let Some(plan) = &ready.plan else {
        shared.close(lane);
        return lock(shared.order).finish(lane.ready, 0).map(|()| None);
    };
    let named = |e: Error| e.in_source(&ready.bill.source.name);
    if stream.is_none() {
        let opened = ready.bill.stream(plan)?;
        if let Some(unpacker) = opened.unpacker() {
            let _ = lane.unpacker.set(unpacker);
        }
        *stream = Some(opened);
    }
    let Some(open) = stream.as_mut() else {
        return Ok(None);
    };
    let task = open.next_task(&ready.bill, done.take()).map_err(named)?;
    if task.is_none() {
        shared.close(lane);
        let mut order = lock(shared.order);
        order.reports[lane.ready].n_skipped = open.n_skipped;
        order.finish(lane.ready, open.n_tasks())?;
        *stream = None;
    }
    Ok(task)
}

impl Shared<'_, '_> {
    fn close(&self, lane: &Lane) {
        lane.done.store(true, Ordering::Release);
        lock(&self.open).active.retain(|idx| *idx != lane.ready);
    }
}

impl Order<'_> {
    fn take(&mut self, ready: &[Ready], bill: usize, chunk: u64, report: ChunkReport) -> Result<()> {
        self.waiting[bill].insert(chunk, report);
        while let Some(report) = self.waiting[bill].remove(&self.next_chunk[bill]) {
            self.next_chunk[bill] += 1;
            self.put(ready, bill, report)?;
        }
        self.release()
    }

    /// A chunk in its turn: its faults get their places.
    fn put(&mut self, ready: &[Ready], bill: usize, report: ChunkReport) -> Result<()> {
        let first_row = report.place.first_row.unwrap_or(self.n_rows[bill]);
        let first_line = report.place.lines.first(&mut self.next_line[bill]);
        self.n_rows[bill] += report.counts.n_records();
        let totals = &mut self.reports[bill];
        totals.counts.add(&report.counts);
        totals.n_rejected += report.faults.len() as u64;
        // Of the chunks of a file only the last one can.
        totals.ends_within_line |= report.ends_within_line;
        for fault in report.faults {
            if let Some((currency, cost)) = &fault.cost {
                let currency = Currency::parse(currency.as_bytes()).unwrap_or(Currency::UNKNOWN);
                totals
                    .cost_rejected
                    .add(currency, &ExactSum::from(*cost))
                    .map_err(|_| overflow())?;
            }
            self.held[bill].push(Diagnostic {
                code: fault.code,
                location: Location {
                    source: Some(Arc::clone(&ready[bill].bill.source.name)),
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
            });
        }
        Ok(())
    }

    fn finish(&mut self, bill: usize, n_chunks: u64) -> Result<()> {
        self.n_chunks[bill] = Some(n_chunks);
        self.release()
    }

    /// Hands on what no earlier bill or chunk can still come before.
    fn release(&mut self) -> Result<()> {
        while self.current < self.held.len() {
            for diagnostic in std::mem::take(&mut self.held[self.current]) {
                (self.on_reject)(diagnostic)?;
            }
            if self.n_chunks[self.current] != Some(self.next_chunk[self.current]) {
                break;
            }
            self.current += 1;
        }
        Ok(())
    }
}

/// The cost of a batch per currency: the reader's own addition, against which the engine's is checked.
fn batch_totals(batch: &ChargeBatch) -> Result<Totals> {
    use crate::charge::MoneyColumn;
    use arrow::array::{Array, AsArray};
    let currencies = batch.currency();
    let names = currencies.values().as_string::<i32>();
    let codes = currencies.keys().values();
    let mut totals = Totals::default();
    for (code, name) in names.iter().enumerate() {
        let code = code as i32;
        let used = names.len() == 1 || codes.contains(&code);
        if !used || codes.is_empty() {
            continue;
        }
        let sum = match batch.cost() {
            MoneyColumn::Narrow { mantissas, scale } => {
                let sum = if names.len() == 1 {
                    added_up(mantissas)
                } else {
                    let own = mantissas.iter().zip(codes).filter(|(_, c)| **c == code);
                    added_up(&own.map(|(mantissa, _)| *mantissa).collect::<Vec<_>>())
                };
                ExactSum::from_parts(sum, scale).ok_or_else(overflow)?
            }
            MoneyColumn::Wide { mantissas, scale } => {
                let mut sum = ExactSum::ZERO;
                for (mantissa, c) in mantissas.iter().zip(codes) {
                    if *c == code {
                        let part = ExactSum::from_parts(*mantissa, scale).ok_or_else(overflow)?;
                        sum.add(&part).map_err(|_| overflow())?;
                    }
                }
                sum
            }
        };
        let currency = Currency::parse(name.unwrap_or("").as_bytes()).unwrap_or(Currency::UNKNOWN);
        totals.add(currency, &sum).map_err(|_| overflow())?;
    }
    Ok(totals)
}
