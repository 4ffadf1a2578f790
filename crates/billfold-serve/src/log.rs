//! What the server tells those who run it: one JSON object a line, whatever a client sends.
//!
//! Lines go through a bounded queue to whoever started the server, so that a slow terminal slows no
//! answer; what does not fit is counted and left out. No secret, signature, query or body is ever in one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use billfold_core::error::Printable;
use billfold_core::time::format_instant;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::clock::now_micros;

/// Lines that may wait.
const MAX_WAITING: usize = 10_000;
/// Characters of a text that a client chose.
const MAX_SHOWN: usize = 120;

/// Where lines go.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    lines: SyncSender<String>,
    n_left_out: Arc<AtomicU64>,
}

impl Log {
    /// A log, and where its lines come out.
    pub(crate) fn new() -> (Log, Receiver<String>) {
        let (lines, out) = sync_channel(MAX_WAITING);
        let log = Log {
            lines,
            n_left_out: Arc::default(),
        };
        (log, out)
    }

    /// Writes a line: the time, the level, the event, and what else there is to say.
    pub(crate) fn say(&self, level: &str, event: &str, more: &[(&str, Value)]) {
        let mut line = Map::new();
        line.insert("time".into(), format_instant(now_micros()).into());
        line.insert("level".into(), level.into());
        line.insert("event".into(), event.into());
        for (name, value) in more {
            line.insert((*name).into(), value.clone());
        }
        if let Err(TrySendError::Full(_)) = self.lines.try_send(to_line(&line)) {
            self.n_left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines that did not fit.
    pub(crate) fn n_left_out(&self) -> u64 {
        self.n_left_out.load(Ordering::Relaxed)
    }
}

fn to_line<T: Serialize>(line: &T) -> String {
    // Texts and numbers alone: nothing in it can fail.
    serde_json::to_string(line).unwrap_or_default()
}

/// A text that a client chose, cut and with everything escaped that is not to be seen.
pub(crate) fn shown(text: &str) -> Value {
    let cut: String = text.chars().take(MAX_SHOWN).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("{}{more}", Printable(&cut)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m16_a_text_from_outside_stays_on_its_line_and_in_its_quotes() {
        let (log, lines) = Log::new();
        log.say(
            "info",
            "request",
            &[("agent", shown("x\r\n{\"level\":\"error\"}\u{202e}\u{1b}[2J\""))],
        );
        let line = lines.try_recv().unwrap();
        assert!(!line.contains(['\r', '\n', '\u{202e}', '\u{1b}']), "{line}");
        let parsed: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["level"], "info");
        assert_eq!(parsed["agent"], "x\\r\\n{\"level\":\"error\"}\\u{202e}\\x1b[2J\"");
        log.say("info", "request", &[("path", shown(&"a".repeat(100_000)))]);
        assert!(lines.try_recv().unwrap().len() < 300);
    }

    #[test]
    fn lines_that_nobody_takes_are_counted_and_hold_nobody_up() {
        let (log, lines) = Log::new();
        for _ in 0..MAX_WAITING + 5 {
            log.say("info", "x", &[]);
        }
        assert_eq!(log.n_left_out(), 5);
        assert_eq!(lines.try_iter().count(), MAX_WAITING);
    }
}
