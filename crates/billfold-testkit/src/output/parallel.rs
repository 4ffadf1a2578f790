//! Rows on all cores: row `i` depends on nothing but the seed and `i`, so blocks of rows are made
//! apart and written in order. The bytes do not depend on the number of workers.

use std::io::{self, Write};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::columns::Layout;
use super::spec::OutputSpec;
use super::text::Line;
use crate::bill::Bill;
use crate::charge::Charge;

/// Rows of one block.
const BLOCK_ROWS: u64 = 1024;

/// Blocks that a worker may be ahead of the file; bounds the memory.
const BLOCKS_AHEAD: usize = 4;

/// Makes the blocks `first`, `first + step`, …, into buffers that come back empty.
fn work(
    bill: &Bill,
    output: &OutputSpec,
    layout: &Layout,
    (first, step): (u64, u64),
    (full, empty): (&SyncSender<Vec<u8>>, &Receiver<Vec<u8>>),
) {
    let rows = bill.spec().rows;
    let mut line = Line::new(output, layout);
    let mut charge = Charge::default();
    let mut block = first;
    while block * BLOCK_ROWS < rows {
        let mut buffer = empty.try_recv().unwrap_or_default();
        buffer.clear();
        for index in block * BLOCK_ROWS..rows.min((block + 1) * BLOCK_ROWS) {
            bill.fill(index, &mut charge);
            line.push_row(&mut buffer, layout, &charge);
        }
        if full.send(buffer).is_err() {
            // The writer has stopped at an error of the file.
            return;
        }
        block += step;
    }
}

/// Writes a bill as CSV or NDJSON.
pub(super) fn write_lines(
    bill: &Bill,
    output: &OutputSpec,
    layout: &Layout,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut head = Vec::new();
    Line::new(output, layout).push_head(&mut head, layout);
    out.write_all(&head)?;
    let blocks = bill.spec().rows.div_ceil(BLOCK_ROWS);
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(16) as u64;
    let workers = workers.min(blocks).max(1);
    thread::scope(|scope| {
        let mut lanes = Vec::new();
        for worker in 0..workers {
            let (full, filled) = sync_channel(BLOCKS_AHEAD);
            let (give_back, empty) = sync_channel(BLOCKS_AHEAD);
            scope.spawn(move || work(bill, output, layout, (worker, workers), (&full, &empty)));
            lanes.push((filled, give_back));
        }
        for block in 0..blocks {
            let (filled, give_back) = &lanes[(block % workers) as usize];
            let buffer = filled
                .recv()
                .map_err(|_| io::Error::other("a worker stopped early"))?;
            out.write_all(&buffer)?;
            // A worker that has finished wants no more buffers.
            let _ = give_back.try_send(buffer);
        }
        Ok(())
    })
}
