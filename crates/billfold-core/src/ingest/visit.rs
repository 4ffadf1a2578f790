//! One bill, every chunk visited on many threads; what was found comes back in the order of the chunks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, ErrorKind, Result};
use crate::ingest::bill::{Bill, BillPlan, BillStream, ChunkPlace, Task, Worker};

/// Visits the chunks of a bill; `each` gives what it found in a chunk, and the chunk's place.
///
/// Errors: the first that any worker met, naming the bill.
pub(crate) fn visit_bill<P: Send>(
    bill: &Bill,
    plan: &BillPlan,
    stream: Option<BillStream>,
    n_workers: usize,
    each: impl Fn(&Task, &mut Worker) -> Result<(P, ChunkPlace)> + Sync,
) -> Result<Vec<(P, ChunkPlace)>> {
    let stream = Mutex::new(match stream {
        Some(stream) => stream,
        None => bill.stream(plan)?,
    });
    let parts: Mutex<BTreeMap<u64, (P, ChunkPlace)>> = Mutex::default();
    let failed: Mutex<Option<Error>> = Mutex::default();
    let work = || -> Result<()> {
        let mut worker = Worker::default();
        loop {
            if lock(&failed).is_some() {
                return Ok(());
            }
            let task = lock(&stream).next_task(bill, None)?;
            let Some(task) = task else { return Ok(()) };
            let part = each(&task, &mut worker)?;
            lock(&parts).insert(task.index, part);
        }
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(n_workers)
        .build()
        .map_err(|e| Error::new(ErrorKind::Io(format!("no threads: {e}"))))?;
    pool.broadcast(|_| {
        if let Err(error) = work() {
            lock(&failed).get_or_insert(error);
        }
    });
    let failed = lock(&failed).take();
    match failed {
        Some(error) => Err(error.in_source(&bill.source.name)),
        None => Ok(parts
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .into_values()
            .collect()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A worker that panicked has already failed the run.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
