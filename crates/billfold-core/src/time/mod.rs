//! Time: from text to instants, and from instants to the periods of an answer.
//!
//! An instant is an `i64`: UTC microseconds since 1970-01-01T00:00:00Z, the way batches hold it.
//! Windows and periods are half-open. The zone of a calendar is always a parameter: nothing here
//! reads a clock or the environment, and nothing here knows rows, files or money.
mod bounds;
mod calendar;
mod civil;
mod format;
mod granularity;
mod lookup;
mod parse;
mod window;
mod zone;

#[cfg(test)]
mod tests;

pub use bounds::{parse_bound, parse_period};
pub use calendar::{Calendar, Period};
pub use chrono::{Month, Weekday};
pub use chrono_tz::Tz;
pub use format::{format_instant, format_wall};
pub use granularity::{Granularity, parse_month, parse_weekday};
pub use lookup::{PeriodLookup, PeriodNumbers};
pub use parse::{DateOrder, TimeError, TimeRules, parse_cell, parse_instant, parse_zulu, recent_instant};
pub use window::Window;
pub use zone::parse_zone;

/// The release of the IANA time zone database that every calendar here is computed from, such as `2025b`.
pub const TZDB_VERSION: &str = chrono_tz::IANA_TZDB_VERSION;

/// 0001-01-01T00:00:00Z, the first instant that text can name, in microseconds.
pub const MIN_INSTANT: i64 = civil::days_from_civil(1, 1, 1) * MICROS_PER_DAY;

/// 9999-12-31T23:59:59.999999Z, the last instant that text can name, in microseconds.
pub const MAX_INSTANT: i64 = civil::days_from_civil(10_000, 1, 1) * MICROS_PER_DAY - 1;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
