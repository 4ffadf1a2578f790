//! Where the command talks to: two writers and what is known about them.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::Mutex;

/// The two streams of a run.
///
/// The writers need not be buffered by the caller's reader: the command flushes when it is done.
pub struct Io<'a> {
    /// Answers.
    pub stdout: Box<dyn Write + Send + 'a>,
    /// Errors, warnings and the receipt in brief.
    pub stderr: Box<dyn Write + Send + 'a>,
    /// Whether a person looks at `stdout`.
    pub stdout_is_terminal: bool,
    /// Columns of that terminal.
    pub stdout_width: Option<usize>,
    /// Whether a person looks at `stderr`.
    pub stderr_is_terminal: bool,
    /// Whether colours are unwanted even on a terminal (`NO_COLOR`).
    pub no_color: bool,
}

impl Io<'static> {
    /// The streams of this process.
    pub fn process() -> Self {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        Io {
            stdout_is_terminal: stdout.is_terminal(),
            stdout_width: terminal_size::terminal_size_of(&stdout).map(|(width, _)| usize::from(width.0)),
            stderr_is_terminal: stderr.is_terminal(),
            // https://no-color.org: set and not empty.
            no_color: std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()),
            stdout: Box::new(BufWriter::with_capacity(1 << 16, stdout)),
            stderr: Box::new(stderr),
        }
    }
}

/// Where the last panic happened.
static LAST_PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Keeps the runtime from printing panics: [`crate::main_with`] tells them in the shape of all errors.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        if let Ok(mut place) = LAST_PANIC.lock() {
            *place = info.location().map(ToString::to_string);
        }
    }));
}

/// Where the last panic happened, as far as [`quiet_panics`] was told to look.
pub(crate) fn last_panic() -> Option<String> {
    LAST_PANIC.lock().ok().and_then(|mut place| place.take())
}
