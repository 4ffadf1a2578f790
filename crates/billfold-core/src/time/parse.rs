//! Reading time: from the text of a cell to an instant.
//!
//! One pass over the bytes, no allocation, never a guess: text that is not one of the shapes below is
//! refused. Not here: which zone or date order a format means, and whether a missing time is allowed.

use chrono_tz::Tz;

use super::civil::{checked_day, recent_day};
use super::zone::{Wall, at_wall, first_at_wall};
use super::{MAX_INSTANT, MICROS_PER_DAY, MICROS_PER_SECOND, MIN_INSTANT};

/// What a format says about text that does not say it itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeRules {
    /// Where the clock hangs that a time without zone or offset was read from.
    pub zone: Tz,
    /// Which number of a date with slashes is the month.
    pub date_order: DateOrder,
}

impl Default for TimeRules {
    fn default() -> Self {
        TimeRules {
            zone: Tz::UTC,
            date_order: DateOrder::Mdy,
        }
    }
}

/// Which number of a date with slashes is the month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DateOrder {
    /// `9/2/2023` is the second of September, as Azure and Excel in the US write it.
    #[default]
    Mdy,
    /// `9/2/2023` is the ninth of February.
    Dmy,
}

/// Why text is not an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeError {
    /// Not one of the shapes, or a date or time of day that does not exist.
    Syntax,
    /// The zone's clocks were put forward over this time.
    Gap,
    /// The zone's clocks showed this time twice.
    Ambiguous,
    /// More than nine decimals of a second are not zero.
    Precision,
}

impl TimeError {
    /// The stable code of the diagnostic.
    pub const fn code(self) -> &'static str {
        match self {
            TimeError::Syntax => "time.syntax",
            TimeError::Gap => "time.gap",
            TimeError::Ambiguous => "time.ambiguous",
            TimeError::Precision => "time.precision",
        }
    }

    /// What was expected instead, to follow the word "expected".
    pub const fn expected(self) -> &'static str {
        match self {
            TimeError::Syntax => "a time such as 2024-03-01T00:00:00Z, 2024-03-01 00:00:00 or 3/1/2024",
            TimeError::Gap => {
                "a time that the zone's clocks showed (they were put forward over this one), or an offset"
            }
            TimeError::Ambiguous => "an offset, because the zone's clocks showed this time twice",
            TimeError::Precision => "at most nine decimals of a second",
        }
    }
}

/// Reads a cell that may be empty: no text, `NULL`, `null`, `None` and `-` are no time.
///
/// Errors: as [`parse_instant`].
#[inline]
pub fn parse_cell(text: &[u8], rules: &TimeRules) -> Result<Option<i64>, TimeError> {
    match text {
        b"" | b"NULL" | b"null" | b"None" | b"-" => Ok(None),
        _ => parse_instant(text, rules).map(Some),
    }
}

/// Reads an instant, in UTC microseconds.
///
/// Shapes: a date, or a date and a time of day, or both and a zone.
/// A date is `2024-03-01`, `2024/3/1`, or `3/1/2024` and `3/1/24` (20yy) in the order of the rules; the years are
/// 1–9999. A time of day follows after `T` or a space: `10:00`, `10:00:00`, `10:00:00.123456789`;
/// after a date with slashes the hour may be one digit. `24:00` is the next day's midnight; leap seconds
/// are refused. A zone is `Z`, ` UTC`, or an offset `+01:00`, `+0100`, `+01`, also after a space.
/// A date alone is the first instant of that day in the zone of the rules.
/// Decimals of a second beyond the sixth are cut off (towards the past).
///
/// Errors: see [`TimeError`]; `Gap` and `Ambiguous` only for text without an offset.
#[inline]
pub fn parse_instant(text: &[u8], rules: &TimeRules) -> Result<i64, TimeError> {
    if let Some((head, rest)) = text.split_first_chunk::<16>()
        && let Some(minute) = iso_minute(head)
    {
        let (micros, rest) = seconds(rest)?;
        return on_clock(minute + micros, rest, rules.zone);
    }
    let (day, rest, is_short) = match text.split_first_chunk::<10>() {
        Some((&[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2], rest)) => {
            let year = two(y1, y2) * 100 + two(y3, y4);
            let day = checked_day(year, two(m1, m2), two(d1, d2)).ok_or(TimeError::Syntax)?;
            (day, rest, false)
        }
        _ => {
            let (day, rest) = slashed_day(text, rules.date_order).ok_or(TimeError::Syntax)?;
            (day, rest, true)
        }
    };
    let midnight = day * MICROS_PER_DAY;
    if rest.is_empty() {
        return start_of_day(midnight, rules.zone);
    }
    let (micros, rest) = time_of_day(rest, is_short)?;
    on_clock(midnight + micros, rest, rules.zone)
}

/// `2024-03-01T10:00` or with a space: microseconds from 1970 on that clock.
///
/// Nearly every cell of a bill begins like this, so the sixteen bytes are checked and read as two
/// words. `None` for anything else, also for 24:00 and dates that do not exist.
#[inline]
fn iso_minute(text: &[u8; 16]) -> Option<i64> {
    let (date, time) = iso_digits(text)?;
    let year = i64::from(date[0]) * 100 + i64::from(date[2]);
    let day = checked_day(year, i64::from(date[5]), i64::from(time[0]))?;
    let (hour, minute) = (i64::from(time[3]), i64::from(time[6]));
    if hour > 23 || minute > 59 {
        return None;
    }
    Some((day * 1440 + hour * 60 + minute) * (60 * MICROS_PER_SECOND))
}

/// The bytes of `2024-03-` and of `01T10:00`, each as the number of the two digits that begin there;
/// `None` where digits and separators do not stand in these places.
#[inline]
fn iso_digits(text: &[u8; 16]) -> Option<([u8; 8], [u8; 8])> {
    let (&[date, day_and_time], []) = text.as_chunks::<8>() else {
        return None;
    };
    // A separator turns to 0 and a digit to its value; anything else leaves the range 0..=9.
    let date = u64::from_le_bytes(date) ^ u64::from_le_bytes(*b"0000-00-");
    let time = u64::from_le_bytes(day_and_time) ^ u64::from_le_bytes(*b"00T00:00");
    // `T` became 0; a space becomes the bits in which it differs.
    let is_spaced = time & BYTE_2 == u64::from(b' ' ^ b'T') << 16;
    let time = if is_spaced { time & !BYTE_2 } else { time };
    let separators = (date & u64::from_le_bytes([0, 0, 0, 0, 255, 0, 0, 255]))
        | (time & u64::from_le_bytes([0, 0, 255, 0, 0, 255, 0, 0]));
    // A byte above 9 reaches its highest bit when 118 is added, or has it already.
    let above_9 = (date.wrapping_add(ALL_118) | date | time.wrapping_add(ALL_118) | time) & ALL_128;
    if separators | above_9 != 0 {
        return None;
    }
    // Every byte becomes the number of two digits that begins there.
    let pairs = |word: u64| word.wrapping_mul(10).wrapping_add(word >> 8).to_le_bytes();
    Some((pairs(date), pairs(time)))
}

/// `2024-03-01T10:00:00Z`, the shape of nearly every cell of a bill, in the years 1970 to 2099.
///
/// `None` is no verdict: [`parse_instant`] reads this shape, too, and all others.
#[expect(
    clippy::inline_always,
    reason = "a dozen constants stay in registers between cells"
)]
#[inline(always)]
pub fn parse_zulu(text: &[u8; 20]) -> Option<i64> {
    let (year_month, rest) = text.split_first_chunk::<8>()?;
    let (day, clock) = rest.split_first_chunk::<3>()?;
    let (clock, [zone]) = clock.split_first_chunk::<8>()? else {
        return None;
    };
    // A digit turns to its value, and a letter that stands in its place to 0.
    let date = u64::from_le_bytes(*year_month) ^ u64::from_le_bytes(*b"0000-00-");
    let clock = u64::from_le_bytes(*clock) ^ u64::from_le_bytes(*b"00:00:00");
    let day = u32::from_le_bytes([day[0], day[1], day[2], *zone]) ^ u32::from_le_bytes(*b"00TZ");
    // What is too large reaches the highest bit of its byte by this addition, or has it already.
    let strange = (date.wrapping_add(NOT_DATE) | date | clock.wrapping_add(NOT_CLOCK) | clock) & ALL_128
        | u64::from((day.wrapping_add(NOT_DAY) | day) & ALL_128 as u32);
    if strange != 0 {
        return None;
    }
    // Where two digits begin, their number.
    let date = date.wrapping_mul(10).wrapping_add(date >> 8);
    let clock = clock.wrapping_mul(10).wrapping_add(clock >> 8) & CLOCK_PAIRS;
    let day = day.wrapping_mul(10).wrapping_add(day >> 8) & 0xff;
    if clock.wrapping_add(PAST_CLOCK) & ALL_128 != 0 {
        return None;
    }
    let year = (date as u32 & 0xff)
        .wrapping_mul(100)
        .wrapping_add((date >> 16) as u32 & 0xff);
    // 60 hours and the minutes meet in the fourth byte.
    let minute = (clock & 0xffff_ffff).wrapping_mul(60 << 24 | 1) >> 24 & 0xffff;
    let second = minute.wrapping_mul(60).wrapping_add(clock >> 48);
    recent_instant(year, (date >> 40) as u32 & 0xff, day, second as u32)
}

/// The instant (UTC microseconds) at so many seconds of a day; None before 1970, after 2099, and on a day that its
/// month does not have.
#[expect(clippy::inline_always, reason = "a part of hot loops")]
#[inline(always)]
pub fn recent_instant(year: u32, month: u32, day: u32, second: u32) -> Option<i64> {
    let day = recent_day(year, month, day)?;
    let seconds = i64::from(day)
        .wrapping_mul(86_400)
        .wrapping_add(i64::from(second));
    Some(seconds.wrapping_mul(MICROS_PER_SECOND))
}

/// Added to bytes, lifts over 127 what is above 9 in the places of digits, and above 0 in the others.
const NOT_DATE: u64 = u64::from_le_bytes([118, 118, 118, 118, 127, 118, 118, 127]);
const NOT_CLOCK: u64 = u64::from_le_bytes([118, 118, 127, 118, 118, 127, 118, 118]);
const NOT_DAY: u32 = u32::from_le_bytes([118, 118, 127, 127]);
/// The bytes of a clock at which hour, minute and second begin, and what lifts them over 127 past 23 and 59.
const CLOCK_PAIRS: u64 = u64::from_le_bytes([255, 0, 0, 255, 0, 0, 255, 0]);
const PAST_CLOCK: u64 = u64::from_le_bytes([104, 0, 0, 68, 0, 0, 68, 0]);

const BYTE_2: u64 = 0xff << 16;
const ALL_118: u64 = u64::from_le_bytes([118; 8]);
const ALL_128: u64 = u64::from_le_bytes([128; 8]);

/// The instant of a time on a clock, which the rest of the text or the rules name.
#[inline]
fn on_clock(local: i64, rest: &[u8], zone: Tz) -> Result<i64, TimeError> {
    match offset(rest)? {
        Some(seconds) => in_range(local - seconds * MICROS_PER_SECOND),
        None => match at_wall(zone, local) {
            Wall::Once(instant) => in_range(instant),
            Wall::Twice(_) => Err(TimeError::Ambiguous),
            Wall::Never => Err(TimeError::Gap),
        },
    }
}

/// A number of two digits; negative, and so out of every range, when one is not a digit.
#[inline]
fn two(tens: u8, ones: u8) -> i64 {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    if tens > 9 || ones > 9 {
        -10_000
    } else {
        i64::from(tens) * 10 + i64::from(ones)
    }
}

#[inline]
fn in_range(instant: i64) -> Result<i64, TimeError> {
    if (MIN_INSTANT..=MAX_INSTANT).contains(&instant) {
        Ok(instant)
    } else {
        Err(TimeError::Syntax)
    }
}

/// A date without a time is its day's first instant, also where that day begins after midnight.
fn start_of_day(midnight: i64, zone: Tz) -> Result<i64, TimeError> {
    if zone == Tz::UTC {
        return Ok(midnight);
    }
    let (start, next) = (
        first_at_wall(zone, midnight),
        first_at_wall(zone, midnight + MICROS_PER_DAY),
    );
    // A zone that crossed the date line skipped a whole day.
    if start < next {
        in_range(start)
    } else {
        Err(TimeError::Gap)
    }
}

/// `3/1/2024`, `03/01/24`, `2024/3/1`: the day number and what follows the date.
fn slashed_day(text: &[u8], order: DateOrder) -> Option<(i64, &[u8])> {
    let (first, n_first, rest) = number(text)?;
    let (second, n_second, rest) = number(rest.strip_prefix(b"/")?)?;
    let (third, n_third, rest) = number(rest.strip_prefix(b"/")?)?;
    let (year, month, day) = match (n_first, n_second, n_third) {
        (4, 1..=2, 1..=2) => (first, second, third),
        (1..=2, 1..=2, 2 | 4) => {
            let year = if n_third == 2 { 2000 + third } else { third };
            match order {
                DateOrder::Mdy => (year, first, second),
                DateOrder::Dmy => (year, second, first),
            }
        }
        _ => return None,
    };
    Some((checked_day(year, month, day)?, rest))
}

/// Up to four leading digits, how many they are, and what follows.
fn number(text: &[u8]) -> Option<(i64, usize, &[u8])> {
    let n_digits = text
        .iter()
        .take(4)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (digits, rest) = text.split_at_checked(n_digits)?;
    let value = digits
        .iter()
        .fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    (n_digits > 0).then_some((value, n_digits, rest))
}

/// `T10:00`, ` 10:00:00.5`: microseconds since midnight and what follows. Up to 24:00 inclusive.
fn time_of_day(text: &[u8], short_hour: bool) -> Result<(i64, &[u8]), TimeError> {
    let (hour, minute, rest) = match text {
        [b'T' | b' ', h1, h2, b':', m1, m2, rest @ ..] => (two(*h1, *h2), two(*m1, *m2), rest),
        [b'T' | b' ', h, b':', m1, m2, rest @ ..] if short_hour => (two(b'0', *h), two(*m1, *m2), rest),
        _ => return Err(TimeError::Syntax),
    };
    let (micros, rest) = seconds(rest)?;
    let in_day = (0..24).contains(&hour) && (0..60).contains(&minute);
    let is_end_of_day = hour == 24 && minute == 0 && micros == 0;
    if !in_day && !is_end_of_day {
        return Err(TimeError::Syntax);
    }
    Ok(((hour * 60 + minute) * 60 * MICROS_PER_SECOND + micros, rest))
}

/// `:30`, `:30.5` or nothing: microseconds since the minute and what follows.
#[inline]
fn seconds(text: &[u8]) -> Result<(i64, &[u8]), TimeError> {
    let [b':', tens, ones, rest @ ..] = text else {
        return Ok((0, text));
    };
    let second = two(*tens, *ones);
    if !(0..60).contains(&second) {
        return Err(TimeError::Syntax);
    }
    let (micros, rest) = if let [b'.', rest @ ..] = rest {
        fraction(rest)?
    } else {
        (0, rest)
    };
    Ok((second * MICROS_PER_SECOND + micros, rest))
}

/// The decimals after the point: microseconds, cut off, and what follows.
fn fraction(text: &[u8]) -> Result<(i64, &[u8]), TimeError> {
    let n_digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(n_digits);
    if n_digits == 0 {
        return Err(TimeError::Syntax);
    }
    if digits.iter().skip(9).any(|&digit| digit != b'0') {
        return Err(TimeError::Precision);
    }
    let kept = digits.iter().copied().chain(std::iter::repeat(b'0')).take(6);
    Ok((
        kept.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0')),
        rest,
    ))
}

/// What follows a time of day: seconds ahead of UTC, or `None` where nothing follows.
#[inline]
fn offset(text: &[u8]) -> Result<Option<i64>, TimeError> {
    match text {
        [] => Ok(None),
        b"Z" | b" UTC" | b"+00:00" => Ok(Some(0)),
        _ => numeric_offset(text).map(Some).ok_or(TimeError::Syntax),
    }
}

/// `+08:00`, `+0800`, `+08`, each also after a space: seconds ahead of UTC.
fn numeric_offset(text: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match text.strip_prefix(b" ").unwrap_or(text) {
        [sign, h1, h2] => (sign, two(*h1, *h2), 0),
        [sign, h1, h2, m1, m2] | [sign, h1, h2, b':', m1, m2] => (sign, two(*h1, *h2), two(*m1, *m2)),
        _ => return None,
    };
    if !(0..24).contains(&hours) || !(0..60).contains(&minutes) {
        return None;
    }
    let seconds = hours * 3600 + minutes * 60;
    match sign {
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::format_instant;

    const UTC_MDY: TimeRules = TimeRules {
        zone: Tz::UTC,
        date_order: DateOrder::Mdy,
    };

    #[track_caller]
    fn check(rules: TimeRules, text: &str, expected: &str) {
        let got = match parse_instant(text.as_bytes(), &rules) {
            Ok(instant) => format_instant(instant),
            Err(error) => error.code().to_owned(),
        };
        assert_eq!(got, expected, "{text}");
    }

    fn in_zone(zone: Tz) -> TimeRules {
        TimeRules {
            zone,
            ..TimeRules::default()
        }
    }

    #[test]
    fn the_shapes_of_real_files_are_read() {
        for (text, expected) in [
            ("2024-09-18 22:00:00", "2024-09-18T22:00:00Z"),
            ("2023-11-13T10:00Z", "2023-11-13T10:00:00Z"),
            ("2023-11-13T10:00", "2023-11-13T10:00:00Z"),
            ("2023-11-13T10:00:00Z", "2023-11-13T10:00:00Z"),
            ("2023-11-13T10:00:00", "2023-11-13T10:00:00Z"),
            ("2023-11-13T10:00:00.000Z", "2023-11-13T10:00:00Z"),
            ("2020-11-09 23:00:00+00:00", "2020-11-09T23:00:00Z"),
            ("2020-11-09 23:00:00+01:00", "2020-11-09T22:00:00Z"),
            ("2020-11-09T23:00:00+0800", "2020-11-09T15:00:00Z"),
            ("2020-11-09T23:00:00-04:30", "2020-11-10T03:30:00Z"),
            ("2020-11-09 23:00:00+00", "2020-11-09T23:00:00Z"),
            ("2020-11-09 23:00:00 UTC", "2020-11-09T23:00:00Z"),
            ("2020-11-09 23:00:00.250 UTC", "2020-11-09T23:00:00.25Z"),
            ("2020-11-09 23:00:00 +0000", "2020-11-09T23:00:00Z"),
            ("9/2/2023", "2023-09-02T00:00:00Z"),
            ("09/21/2023", "2023-09-21T00:00:00Z"),
            ("4/1/25", "2025-04-01T00:00:00Z"),
            ("9/2/2023 13:05:00", "2023-09-02T13:05:00Z"),
            ("9/2/2023 3:05", "2023-09-02T03:05:00Z"),
            ("2023/9/2", "2023-09-02T00:00:00Z"),
            ("2022-12-31", "2022-12-31T00:00:00Z"),
        ] {
            check(UTC_MDY, text, expected);
        }
        let dmy = TimeRules {
            date_order: DateOrder::Dmy,
            ..UTC_MDY
        };
        check(dmy, "9/2/2023", "2023-02-09T00:00:00Z");
        check(dmy, "21/09/2023", "2023-09-21T00:00:00Z");
        check(dmy, "09/21/2023", "time.syntax");
    }

    #[test]
    fn the_fast_way_reads_what_the_general_one_reads_and_nothing_else() {
        let sound = *b"2024-02-29T23:59:59Z";
        // Every byte in every place, and pairs of them where two digits make a number.
        let mut n_read = 0;
        let mut agree = |text: &[u8; 20]| {
            if let Some(fast) = parse_zulu(text) {
                n_read += 1;
                assert_eq!(Ok(fast), parse_instant(text, &UTC_MDY), "{text:?}");
            } else if let Ok(slow) = parse_instant(text, &UTC_MDY) {
                let years = format_instant(slow)[..4].parse::<i32>().unwrap();
                let shape = text[10] == b'T' && text[19] == b'Z' && &text[11..13] != b"24";
                assert!(!shape || !(1970..2100).contains(&years), "{text:?}");
            }
        };
        for place in 0..20 {
            for byte in 0..=255 {
                let mut text = sound;
                text[place] = byte;
                agree(&text);
            }
        }
        for place in [0, 2, 5, 8, 11, 14, 17] {
            for number in 0..100 {
                for month in 1..=12 {
                    let mut text = sound;
                    text[5..7].copy_from_slice(format!("{month:02}").as_bytes());
                    text[place..place + 2].copy_from_slice(format!("{number:02}").as_bytes());
                    agree(&text);
                }
            }
        }
        assert!(n_read > 1000, "{n_read}");
    }

    #[test]
    fn dates_that_exist_are_read_and_others_refused() {
        for text in [
            "2024-02-30",
            "2023-02-29",
            "2024-13-01",
            "0000-00-00",
            "0000-01-01",
            "2024-00-10",
        ] {
            check(UTC_MDY, text, "time.syntax");
        }
        for (text, expected) in [
            ("2024-02-29", "2024-02-29T00:00:00Z"),
            ("1970-01-01", "1970-01-01T00:00:00Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ] {
            check(UTC_MDY, text, expected);
        }
        // An offset can lead out of the years 1–9999.
        for text in [
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T24:00:00Z",
            "9999-12-31T23:00:00-01:00",
        ] {
            check(UTC_MDY, text, "time.syntax");
        }
    }

    #[test]
    fn a_zone_in_the_text_wins_over_the_zone_of_the_rules() {
        let shanghai = in_zone(Tz::Asia__Shanghai);
        for (text, expected) in [
            ("2024-03-01T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("2024-03-01T00:00:00+08:00", "2024-02-29T16:00:00Z"),
            ("2024-03-01T00:00:00+0000", "2024-03-01T00:00:00Z"),
            ("2024-03-01 00:00:00 UTC", "2024-03-01T00:00:00Z"),
            ("2024-03-01 00:00:00", "2024-02-29T16:00:00Z"),
            ("2024-03-01T00:00", "2024-02-29T16:00:00Z"),
            ("2024-03-01", "2024-02-29T16:00:00Z"),
            ("3/1/2024", "2024-02-29T16:00:00Z"),
        ] {
            check(shanghai, text, expected);
        }
    }

    #[test]
    fn fractions_are_cut_to_microseconds_and_never_lost_unseen() {
        for (text, expected) in [
            ("2024-03-01T00:00:00.520Z", "2024-03-01T00:00:00.52Z"),
            ("2024-03-01T00:00:00.1Z", "2024-03-01T00:00:00.1Z"),
            ("2024-03-01T00:00:00.999999999Z", "2024-03-01T00:00:00.999999Z"),
            ("1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999Z"),
            ("2024-03-01T00:00:00.123456789000Z", "2024-03-01T00:00:00.123456Z"),
            ("2024-03-01T00:00:00.123456789001Z", "time.precision"),
            ("2024-03-01T00:00:00.0000000001Z", "time.precision"),
            ("2024-03-01T00:00:00.Z", "time.syntax"),
            ("2024-03-01T00:00:00,5Z", "time.syntax"),
            ("2024-03-01T00:00.5Z", "time.syntax"),
        ] {
            check(UTC_MDY, text, expected);
        }
    }

    #[test]
    fn the_day_ends_at_24_00_and_has_no_leap_second() {
        for (text, expected) in [
            ("2024-02-28T24:00:00Z", "2024-02-29T00:00:00Z"),
            ("2024-12-31 24:00", "2025-01-01T00:00:00Z"),
            ("2024-02-28T24:00:00.000Z", "2024-02-29T00:00:00Z"),
            ("2024-02-28T24:00:01Z", "time.syntax"),
            ("2024-02-28T24:00:00.001Z", "time.syntax"),
            ("2024-02-28T24:01:00Z", "time.syntax"),
            ("2016-12-31T23:59:60Z", "time.syntax"),
            ("2024-02-28T30:00:00Z", "time.syntax"),
            ("2024-02-28T23:60:00Z", "time.syntax"),
        ] {
            check(UTC_MDY, text, expected);
        }
    }

    #[test]
    fn a_clock_put_forward_leaves_a_gap_and_put_back_shows_an_hour_twice() {
        let new_york = in_zone(Tz::America__New_York);
        for (text, expected) in [
            ("2024-03-10 01:59:59", "2024-03-10T06:59:59Z"),
            ("2024-03-10 02:00:00", "time.gap"),
            ("2024-03-10 02:59:59.999999", "time.gap"),
            ("2024-03-10 03:00:00", "2024-03-10T07:00:00Z"),
            ("2024-11-03 00:59:59", "2024-11-03T04:59:59Z"),
            ("2024-11-03 01:00:00", "time.ambiguous"),
            ("2024-11-03 01:59:59", "time.ambiguous"),
            ("2024-11-03 02:00:00", "2024-11-03T07:00:00Z"),
            ("2024-11-03 01:30:00-04:00", "2024-11-03T05:30:00Z"),
            ("2024-11-03 01:30:00-05:00", "2024-11-03T06:30:00Z"),
        ] {
            check(new_york, text, expected);
        }
    }

    #[test]
    fn a_date_alone_is_the_first_instant_of_its_day() {
        // Clocks in São Paulo went from 23:59:59 to 01:00:00.
        check(
            in_zone(Tz::America__Sao_Paulo),
            "2018-11-04",
            "2018-11-04T03:00:00Z",
        );
        check(in_zone(Tz::America__Sao_Paulo), "2018-11-04 00:30:00", "time.gap");
        // Clocks in Havana went from 00:59:59 back to 00:00:00.
        check(in_zone(Tz::America__Havana), "2024-11-03", "2024-11-03T04:00:00Z");
        // Samoa crossed the date line and never had this day.
        check(in_zone(Tz::Pacific__Apia), "2011-12-30", "time.gap");
        check(in_zone(Tz::Pacific__Apia), "2011-12-31", "2011-12-30T10:00:00Z");
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            " ",
            "abc",
            "20221231",
            "45292",
            "1709251200",
            "1709251200000",
            "2024-3-1",
            "2024-03",
            "2024-03-01T",
            "2024-03-01T10",
            "2024-03-01T1:00",
            "2024-03-01t10:00Z",
            "2024-03-01T10:00z",
            "2024-03-01_10:00",
            "2024-03-01  10:00",
            "2024-03-01T10:00:0Z",
            "2024-03-01T10:00:00ZZ",
            "2024-03-01T10:00:00 Z",
            "2024-03-01T10:00:00UTC",
            "2024-03-01T10:00:00 GMT",
            "2024-03-01T10:00:00+1",
            "2024-03-01T10:00:00+24:00",
            "2024-03-01T10:00:00+01:60",
            "2024-03-01T10:00:00+-1:00",
            "2024-03-01T10:00:00 ",
            "2024-03-01Z",
            "2024-03-01+01:00",
            " 2024-03-01",
            "2024-03-01 ",
            "+024-03-01",
            "2024-03-0١",
            "2024/03-01",
            "1/2/3",
            "1/2/123",
            "13/1/2024",
            "1/1/2024 1:00:00 PM",
            "123/1/2024",
            "1//2024",
            "/1/2024",
            "1/1/20245",
            "01-02-2024",
            "2024-03-01T-1:00",
            "2024-03-01T10:-1",
        ] {
            check(UTC_MDY, text, "time.syntax");
        }
        assert_eq!(parse_instant(&[0xff; 19], &UTC_MDY), Err(TimeError::Syntax));
    }

    #[test]
    fn the_words_for_nothing_are_no_time() {
        for text in ["", "NULL", "null", "None", "-"] {
            assert_eq!(parse_cell(text.as_bytes(), &UTC_MDY), Ok(None));
        }
        assert_eq!(parse_cell(b"1970-01-01", &UTC_MDY), Ok(Some(0)));
        assert_eq!(parse_cell(b"nan", &UTC_MDY), Err(TimeError::Syntax));
    }
}
