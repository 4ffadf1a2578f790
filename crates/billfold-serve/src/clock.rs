//! The one place that reads the time of day.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in microseconds since 1970-01-01T00:00:00Z.
pub(crate) fn now_micros() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "a server has to know how old a signature is; nothing that is summed comes from here"
    )]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Now, in whole seconds.
pub(crate) fn now_seconds() -> i64 {
    now_micros().div_euclid(1_000_000)
}
