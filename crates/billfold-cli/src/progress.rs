//! Progress on a terminal: bytes, rows per second and time left of runs that take longer than a moment.
//!
//! The counters are relaxed and for showing only. Nothing is drawn into a pipe.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use billfold_core::dataset::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A run shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(100);

/// Runs `work`, showing its progress on standard error where `show` says that a person looks at it.
pub(crate) fn while_showing<T>(show: bool, progress: &Progress, work: impl FnOnce() -> T) -> T {
    if !show {
        return work();
    }
    let (done, is_done) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let begin = Instant::now();
            if is_done.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            while is_done.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                draw(&bar, progress, begin.elapsed());
            }
            bar.finish_and_clear();
        });
        let result = work();
        // Also dropped when `work` panics, so that the thread always ends.
        drop(done);
        result
    })
}

fn draw(bar: &ProgressBar, progress: &Progress, elapsed: Duration) {
    let (bytes, total, rows) = progress.snapshot();
    let per_second = u128::from(rows) * 1000 / elapsed.as_millis().max(1);
    // First, so that no draw is without it.
    bar.set_message(format!("{rows} rows, {per_second}/s"));
    let template = if total == 0 {
        "{bytes} read, {msg}"
    } else {
        "{bar:24} {bytes} of {total_bytes}, {msg}, {eta} left"
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    if total > 0 {
        bar.set_length(total);
    }
    bar.set_position(bytes);
}
