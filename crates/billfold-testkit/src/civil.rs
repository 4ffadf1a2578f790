//! Dates of the proleptic Gregorian calendar as day counts, and the text of instants.
//!
//! Instants are UTC microseconds. Zones are not here; the oracle's calendar has them.

use crate::decimal::push_u64;

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const HOUR: i64 = 3600 * SECOND;
pub(crate) const DAY: i64 = 24 * HOUR;

/// Days since 1970-01-01 of a date (Howard Hinnant's days_from_civil).
pub(crate) fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let shifted = i64::from((month + 9) % 12);
    let day_of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of a day count.
pub(crate) fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let shifted = (5 * doy + 2) / 153;
    let day = (doy - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u32;
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

/// UTC microseconds of a civil time: `instant(2024, 2, 29, 23, 59, 59)`.
pub fn instant(year: i64, month: u32, day: u32, hour: u32, minute: u32, second: u32) -> i64 {
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    days_from_civil(year, month, day) * DAY + seconds * SECOND
}

/// UTC microseconds of the first instant of the month `offset` months after the given one.
pub fn month_start(year: i64, month: u32, offset: i64) -> i64 {
    let months = year * 12 + i64::from(month) - 1 + offset;
    days_from_civil(months.div_euclid(12), months.rem_euclid(12) as u32 + 1, 1) * DAY
}

/// How an instant is written in a text file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeShape {
    /// `2024-03-01T05:00:00Z`
    #[default]
    Zulu,
    /// `2024-03-01 05:00:00`
    Space,
    /// `2024-03-01T05:00:00.000Z`
    Millis,
    /// `2024-03-01 05:00:00+00:00`
    Offset,
    /// `2024-03-01T05:00Z` where the seconds are zero, else as [`TimeShape::Zulu`].
    Minute,
}

fn two(text: &mut [u8], at: usize, value: i64) {
    text[at] = b'0' + (value / 10) as u8;
    text[at + 1] = b'0' + (value % 10) as u8;
}

/// Appends the text of an instant. A fraction is written (six digits) only where there is one.
pub(crate) fn push_time(out: &mut Vec<u8>, micros: i64, shape: TimeShape) {
    let (year, month, day) = civil_from_days(micros.div_euclid(DAY));
    let in_day = micros.rem_euclid(DAY);
    let (seconds, fraction) = (in_day / SECOND, in_day % SECOND);
    let mut text = *b"0000-00-00T00:00:00";
    two(&mut text, 0, year / 100);
    two(&mut text, 2, year % 100);
    two(&mut text, 5, i64::from(month));
    two(&mut text, 8, i64::from(day));
    two(&mut text, 11, seconds / 3600);
    two(&mut text, 14, seconds / 60 % 60);
    two(&mut text, 17, seconds % 60);
    if matches!(shape, TimeShape::Space | TimeShape::Offset) {
        text[10] = b' ';
    }
    if shape == TimeShape::Minute && seconds % 60 == 0 && fraction == 0 {
        out.extend_from_slice(&text[..16]);
    } else {
        out.extend_from_slice(&text);
    }
    if fraction != 0 {
        let start = out.len();
        push_u64(out, (SECOND + fraction) as u64);
        out[start] = b'.';
    } else if shape == TimeShape::Millis {
        out.extend_from_slice(b".000");
    }
    match shape {
        TimeShape::Space => {}
        TimeShape::Offset => out.extend_from_slice(b"+00:00"),
        _ => out.push(b'Z'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn day_counts_and_dates_are_inverse_over_four_centuries() {
        for days in -150_000..150_000 {
            let (y, m, d) = civil_from_days(days);
            assert_eq!(days_from_civil(y, m, d), days);
        }
        assert_eq!(days_from_civil(2024, 2, 29), 19_782);
    }

    #[test]
    fn an_instant_has_five_texts() {
        let t = instant(2024, 2, 29, 23, 0, 0);
        let text = |shape, t| {
            let mut out = Vec::new();
            push_time(&mut out, t, shape);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(TimeShape::Zulu, t), "2024-02-29T23:00:00Z");
        assert_eq!(text(TimeShape::Space, t), "2024-02-29 23:00:00");
        assert_eq!(text(TimeShape::Millis, t), "2024-02-29T23:00:00.000Z");
        assert_eq!(text(TimeShape::Offset, t), "2024-02-29 23:00:00+00:00");
        assert_eq!(text(TimeShape::Minute, t), "2024-02-29T23:00Z");
        assert_eq!(text(TimeShape::Minute, t + 5), "2024-02-29T23:00:00.000005Z");
    }
}
