//! Writing time: instants as RFC 3339 text, dates and offsets for labels.

use std::fmt::Write as _;

use chrono_tz::Tz;

use super::civil::civil_from_days;
use super::zone::offset_at;
use super::{MICROS_PER_DAY, MICROS_PER_SECOND};

/// An instant (UTC microseconds) as `2024-03-01T00:00:00Z`.
///
/// A fraction is written only when it is not zero, without trailing zeros: `2024-03-01T15:59:59.999Z`.
/// Years before 1 and after 9999, which text cannot name, are still written and never panic.
pub fn format_instant(instant: i64) -> String {
    let day = instant.div_euclid(MICROS_PER_DAY);
    let micros = instant.rem_euclid(MICROS_PER_DAY);
    let (seconds, fraction) = (micros / MICROS_PER_SECOND, micros % MICROS_PER_SECOND);
    let mut text = date(day);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    // Writing to a String cannot fail.
    let _ = write!(text, "T{hour:02}:{minute:02}:{second:02}");
    if fraction != 0 {
        let digits = format!("{fraction:06}");
        let _ = write!(text, ".{}", digits.trim_end_matches('0'));
    }
    text.push('Z');
    text
}

/// The wall clock of a zone at an instant, to the second: `2024-03-01 08:00:00`. A fraction is cut off.
pub fn format_wall(instant: i64, zone: Tz) -> String {
    let local = instant.saturating_add(offset_at(zone, instant) * MICROS_PER_SECOND);
    let seconds = local.rem_euclid(MICROS_PER_DAY) / MICROS_PER_SECOND;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let day = date(local.div_euclid(MICROS_PER_DAY));
    format!("{day} {hour:02}:{minute:02}:{second:02}")
}

/// A day number as `2024-03-01`.
pub(super) fn date(day: i64) -> String {
    let (year, month, day) = civil_from_days(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The wall clock to the minute at an offset in seconds: `2024-03-01T13:00Z`, `2024-11-03T01:00-04:00`.
pub(super) fn wall_minute(instant: i64, offset: i64) -> String {
    let local = instant.saturating_add(offset * MICROS_PER_SECOND);
    let mut text = date(local.div_euclid(MICROS_PER_DAY));
    let minutes = local.rem_euclid(MICROS_PER_DAY) / MICROS_PER_SECOND / 60;
    let _ = write!(text, "T{:02}:{:02}", minutes / 60, minutes % 60);
    if offset == 0 {
        text.push('Z');
        return text;
    }
    let sign = if offset < 0 { '-' } else { '+' };
    let (hours, minutes, seconds) = (offset.abs() / 3600, offset.abs() / 60 % 60, offset.abs() % 60);
    let _ = write!(text, "{sign}{hours:02}:{minutes:02}");
    // Only local mean time, before the zones were standardised, has an offset with seconds.
    if seconds != 0 {
        let _ = write!(text, ":{seconds:02}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{MAX_INSTANT, MIN_INSTANT};

    #[test]
    fn an_instant_shows_a_fraction_only_when_it_has_one() {
        for (instant, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (1_709_251_200_000_000, "2024-03-01T00:00:00Z"),
            (1_709_251_199_999_000, "2024-02-29T23:59:59.999Z"),
            (1_709_251_200_500_000, "2024-03-01T00:00:00.5Z"),
            (MIN_INSTANT, "0001-01-01T00:00:00Z"),
            (MAX_INSTANT, "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(format_instant(instant), text);
        }
        // Beyond the years that text can name: anything but a panic.
        for instant in [i64::MIN, i64::MAX] {
            assert!(format_instant(instant).ends_with('Z'));
        }
    }

    #[test]
    fn a_wall_clock_is_that_of_its_zone() {
        for (instant, zone, text) in [
            (1_709_251_200_000_000, Tz::Asia__Shanghai, "2024-03-01 08:00:00"),
            (1_709_251_199_999_999, Tz::UTC, "2024-02-29 23:59:59"),
            (
                1_709_251_200_000_000,
                Tz::America__New_York,
                "2024-02-29 19:00:00",
            ),
        ] {
            assert_eq!(format_wall(instant, zone), text);
        }
        assert_eq!(
            format_wall(i64::MAX, Tz::UTC).len(),
            "294247-01-10 04:00:54".len()
        );
    }

    #[test]
    fn a_wall_clock_carries_its_offset() {
        for (offset, text) in [
            (0, "2024-03-01T00:00Z"),
            (28_800, "2024-03-01T08:00+08:00"),
            (-16_200, "2024-02-29T19:30-04:30"),
            (29_143, "2024-03-01T08:05+08:05:43"),
        ] {
            assert_eq!(wall_minute(1_709_251_200_000_000, offset), text);
        }
    }
}
