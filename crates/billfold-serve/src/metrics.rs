//! Counters in the text format of Prometheus. Labels come from fixed lists; no id, name or amount is in them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Upper ends of the classes of time, in microseconds, and as seconds in text.
const CLASSES: &[(u64, &str)] = &[
    (1_000, "0.001"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (1_000_000, "1"),
    (5_000_000, "5"),
    (30_000_000, "30"),
];

/// What was counted.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    calls: Mutex<BTreeMap<(&'static str, &'static str, String), u64>>,
    refused: Mutex<BTreeMap<u16, u64>>,
    by_class: [AtomicU64; CLASSES.len()],
    n_timed: AtomicU64,
    micros: AtomicU64,
}

impl Metrics {
    /// A call that was answered: whose wire, which action, which code, and how long it took.
    pub(crate) fn call(&self, dialect: &'static str, action: &'static str, code: &str, micros: u64) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.entry((dialect, action, code.to_owned())).or_default() += 1;
        drop(calls);
        for ((end, _), count) in CLASSES.iter().zip(&self.by_class) {
            if micros <= *end {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.n_timed.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// A request that was refused before it was looked at, by its status.
    pub(crate) fn refused(&self, status: u16) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(status).or_default() += 1;
    }

    /// All counters, after `gauges`: name, what it is, kind, value.
    pub(crate) fn text(&self, gauges: &[(&str, &str, &str, u64)]) -> String {
        let mut text = String::new();
        for (name, help, kind, value) in gauges {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        }
        let name = "billfold_calls_total";
        let _ = writeln!(text, "# HELP {name} Calls answered.\n# TYPE {name} counter");
        for ((dialect, action, code), n) in &*self.calls.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = writeln!(
                text,
                "{name}{{dialect=\"{dialect}\",action=\"{action}\",code=\"{code}\"}} {n}"
            );
        }
        let name = "billfold_refused_total";
        let _ = writeln!(
            text,
            "# HELP {name} Requests refused before they were looked at.\n# TYPE {name} counter"
        );
        for (status, n) in &*self.refused.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = writeln!(text, "{name}{{status=\"{status}\"}} {n}");
        }
        let name = "billfold_call_seconds";
        let _ = writeln!(
            text,
            "# HELP {name} Time from a whole request to its answer.\n# TYPE {name} histogram"
        );
        let n_timed = self.n_timed.load(Ordering::Relaxed);
        for ((_, end), count) in CLASSES.iter().zip(&self.by_class) {
            let _ = writeln!(
                text,
                "{name}_bucket{{le=\"{end}\"}} {}",
                count.load(Ordering::Relaxed)
            );
        }
        let micros = self.micros.load(Ordering::Relaxed);
        let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {n_timed}");
        let _ = writeln!(
            text,
            "{name}_sum {}.{:06}",
            micros / 1_000_000,
            micros % 1_000_000
        );
        let _ = writeln!(text, "{name}_count {n_timed}");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_refusals_and_times_are_told_in_the_text_format() {
        let metrics = Metrics::default();
        metrics.call("qingcloud", "GetChargeSums", "0", 3_000);
        metrics.call("qingcloud", "GetChargeSums", "0", 1_200_000);
        metrics.refused(431);
        let text = metrics.text(&[("billfold_charges", "Charges.", "gauge", 7)]);
        for line in [
            "billfold_charges 7",
            "billfold_calls_total{dialect=\"qingcloud\",action=\"GetChargeSums\",code=\"0\"} 2",
            "billfold_refused_total{status=\"431\"} 1",
            "billfold_call_seconds_bucket{le=\"0.001\"} 0",
            "billfold_call_seconds_bucket{le=\"0.005\"} 1",
            "billfold_call_seconds_bucket{le=\"5\"} 2",
            "billfold_call_seconds_bucket{le=\"+Inf\"} 2",
            "billfold_call_seconds_sum 1.203000",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }
}
