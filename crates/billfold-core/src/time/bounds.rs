//! Bounds and periods as a user writes them on the command line or in a request.
//!
//! These are questions, not cells: what cannot be read is a usage error with a hint, and dates with
//! slashes, whose order a file's format decides, are refused.

use chrono_tz::Tz;

use super::calendar::{Calendar, iso_week};
use super::civil::{checked_day, days_from_civil};
use super::parse::{DateOrder, TimeError, TimeRules, parse_instant};
use super::{Granularity, Window};
use crate::error::{Error, Printable, Result};

/// Reads one bound of a window: `2024-03-05` and `2024-03` are their first instant in the zone, and
/// `2024-03-05T10:00` is on the zone's clocks unless it names an offset.
///
/// Errors: usage.
pub fn parse_bound(text: &str, zone: Tz) -> Result<i64> {
    let calendar = Calendar::new(zone, Granularity::Total);
    if let Some((first, end)) = month_or_date(text) {
        return match (calendar.day_start(first), calendar.day_start(end)) {
            (start, end) if start < end => Ok(start),
            _ => Err(skipped(text, zone)),
        };
    }
    let parsed = if text.contains('/') {
        Err(TimeError::Syntax)
    } else {
        parse_instant(
            text.as_bytes(),
            &TimeRules {
                zone,
                date_order: DateOrder::Mdy,
            },
        )
    };
    parsed.map_err(|error| match error {
        TimeError::Syntax => {
            Error::usage(format!("`{}` is not a date or time", Printable(text)))
                .hint("write a date such as 2024-03-05, a month such as 2024-03, or a time such as 2024-03-05T10:00:00Z")
        }
        _ => Error::usage(format!("`{}` in {zone} is not one instant; expected {}", Printable(text), error.expected()))
            .hint("end the time with Z or an offset such as +08:00"),
    })
}

/// Reads a period: `2024`, `2024-Q1`, `2024-03`, `2024-03-05`, `2024-W10`, or a range of them, both
/// ends inside, such as `2024-01..2024-06`.
///
/// Zone and fiscal year are the calendar's; its granularity is not asked. A year and a quarter are
/// fiscal and named as the calendar names them; a week is an ISO week, from Monday, whatever day the
/// calendar's weeks begin on.
///
/// Errors: usage.
pub fn parse_period(text: &str, calendar: Calendar) -> Result<Window> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let (Some((first, _)), Some((last, end))) = (days(from, calendar), days(to, calendar)) else {
        return Err(Error::usage(format!("`{}` is not a period", Printable(text))).hint(
            "write 2024, 2024-Q1, 2024-03, 2024-03-05, 2024-W10, or a range with both ends inside such as 2024-01..2024-06",
        ));
    };
    if last < first {
        return Err(
            Error::usage(format!("the range `{}` ends before it starts", Printable(text))).hint(format!(
                "write {}..{}",
                Printable(to),
                Printable(from)
            )),
        );
    }
    let (start, end) = (calendar.day_start(first), calendar.day_start(end));
    if start >= end {
        return Err(skipped(text, calendar.zone));
    }
    Window::new(Some(start), Some(end))
}

#[cold]
fn skipped(text: &str, zone: Tz) -> Error {
    Error::usage(format!(
        "`{}` never was in {zone}, whose clocks skipped it",
        Printable(text)
    ))
}

/// First day of a period and first day after it, or `None` for text that is not a period.
fn days(text: &str, calendar: Calendar) -> Option<(i64, i64)> {
    let (year, rest) = year(text)?;
    let fiscal_month = i64::from(calendar.fiscal_start.number_from_month());
    match rest {
        [] => Some((
            first_of_month(year, fiscal_month),
            first_of_month(year, fiscal_month + 12),
        )),
        [b'-', b'Q', quarter @ b'1'..=b'4'] => {
            let month = fiscal_month + 3 * i64::from(quarter - b'1');
            Some((first_of_month(year, month), first_of_month(year, month + 3)))
        }
        [b'-', b'W', week @ ..] if week.len() == 2 => {
            let monday = iso_week(year, number(week)?)?;
            Some((monday, monday + 7))
        }
        _ => month_or_date(text),
    }
}

/// As [`days`], for a month or a date, which mean the same in every calendar.
fn month_or_date(text: &str) -> Option<(i64, i64)> {
    let (year, rest) = year(text)?;
    match rest {
        [b'-', month @ ..] if month.len() == 2 => {
            let month = number(month).filter(|month| (1..=12).contains(month))?;
            Some((first_of_month(year, month), first_of_month(year, month + 1)))
        }
        [b'-', m1, m2, b'-', day @ ..] if day.len() == 2 => {
            let day = checked_day(year, number(&[*m1, *m2])?, number(day)?)?;
            Some((day, day + 1))
        }
        _ => None,
    }
}

/// The year 1–9999 that a period begins with, and what follows.
fn year(text: &str) -> Option<(i64, &[u8])> {
    let (year, rest) = text.as_bytes().split_at_checked(4)?;
    Some((number(year).filter(|year| (1..=9999).contains(year))?, rest))
}

/// First day of a month; months past December run on into the next years.
fn first_of_month(year: i64, month: i64) -> i64 {
    days_from_civil(year + (month - 1) / 12, (month - 1) % 12 + 1, 1)
}

/// A number of nothing but digits.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, digit| {
        digit
            .is_ascii_digit()
            .then(|| value * 10 + i64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use chrono::{Month, Weekday};

    use super::*;
    use crate::time::format_instant;

    const UTC: Calendar = Calendar::new(Tz::UTC, Granularity::Total);

    #[track_caller]
    fn check_period(calendar: Calendar, text: &str, start: &str, end: &str) {
        let window = parse_period(text, calendar).unwrap();
        let got = [window.start, window.end].map(|bound| format_instant(bound.unwrap()));
        assert_eq!(got, [start, end].map(|bound| format!("{bound}:00Z")), "{text}");
    }

    #[test]
    fn a_period_is_its_first_instant_up_to_the_next_one() {
        check_period(UTC, "2024", "2024-01-01T00:00", "2025-01-01T00:00");
        check_period(UTC, "2024-Q4", "2024-10-01T00:00", "2025-01-01T00:00");
        check_period(UTC, "2024-02", "2024-02-01T00:00", "2024-03-01T00:00");
        check_period(UTC, "2024-12", "2024-12-01T00:00", "2025-01-01T00:00");
        check_period(UTC, "2024-02-29", "2024-02-29T00:00", "2024-03-01T00:00");
        check_period(UTC, "2024-W10", "2024-03-04T00:00", "2024-03-11T00:00");
        check_period(UTC, "2020-W53", "2020-12-28T00:00", "2021-01-04T00:00");
        check_period(UTC, "2024-01..2024-06", "2024-01-01T00:00", "2024-07-01T00:00");
        check_period(UTC, "2023-Q4..2024-03-05", "2023-10-01T00:00", "2024-03-06T00:00");
        check_period(UTC, "2024..2024", "2024-01-01T00:00", "2025-01-01T00:00");
        check_period(UTC, "9999", "9999-01-01T00:00", "10000-01-01T00:00");
    }

    #[test]
    fn a_period_is_cut_on_the_clocks_of_the_zone() {
        let shanghai = Calendar::new(Tz::Asia__Shanghai, Granularity::Daily);
        check_period(shanghai, "2024-03", "2024-02-29T16:00", "2024-03-31T16:00");
        let new_york = Calendar::new(Tz::America__New_York, Granularity::Daily);
        check_period(new_york, "2024-03-10", "2024-03-10T05:00", "2024-03-11T04:00");
        check_period(new_york, "2024-11-03", "2024-11-03T04:00", "2024-11-04T05:00");
    }

    #[test]
    fn years_and_quarters_are_fiscal_and_named_by_the_year_they_begin_in() {
        let april = Calendar {
            fiscal_start: Month::April,
            week_start: Weekday::Sun,
            ..UTC
        };
        check_period(april, "2024", "2024-04-01T00:00", "2025-04-01T00:00");
        check_period(april, "2024-Q1", "2024-04-01T00:00", "2024-07-01T00:00");
        check_period(april, "2024-Q4", "2025-01-01T00:00", "2025-04-01T00:00");
        check_period(april, "2024-01", "2024-01-01T00:00", "2024-02-01T00:00");
        check_period(april, "2024-W10", "2024-03-04T00:00", "2024-03-11T00:00");
    }

    #[test]
    fn what_is_not_a_period_is_refused_with_a_hint() {
        for text in [
            "",
            "2024-13",
            "2024-00",
            "2024-Q0",
            "2024-Q5",
            "2024-W00",
            "2024-W53",
            "2024-W1",
            "2024-02-30",
            "0000",
            "24",
            "20240305",
            "2024/03",
            "2024-3",
            "2024-q1",
            "last-month",
            "..",
            "2024..",
            "..2024",
            "2024-01...2024-02",
            "2024-01..2024-02..2024-03",
            "２０２４",
            "+024",
            "2024-+1",
            "2024-03-05T00:00:00Z",
        ] {
            let error = parse_period(text, UTC).unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` is not a period"));
            assert!(error.hint_text().is_some_and(|hint| hint.contains("2024-Q1")));
        }
        let backwards = parse_period("2024-06..2024-01", UTC).unwrap_err();
        assert_eq!(
            backwards.to_string(),
            "the range `2024-06..2024-01` ends before it starts"
        );
        assert_eq!(backwards.hint_text(), Some("write 2024-01..2024-06"));
        let apia = Calendar::new(Tz::Pacific__Apia, Granularity::Daily);
        assert_eq!(
            parse_period("2011-12-30", apia).unwrap_err().to_string(),
            "`2011-12-30` never was in Pacific/Apia, whose clocks skipped it"
        );
    }

    #[test]
    fn a_bound_is_a_date_a_month_or_a_time_on_the_zones_clocks() {
        for (text, zone, expected) in [
            ("2024-03-05", Tz::UTC, "2024-03-05T00:00:00Z"),
            ("2024-03", Tz::UTC, "2024-03-01T00:00:00Z"),
            ("2024-03-05", Tz::Asia__Shanghai, "2024-03-04T16:00:00Z"),
            ("2024-03", Tz::Asia__Shanghai, "2024-02-29T16:00:00Z"),
            ("2024-03-05T10:00", Tz::Asia__Shanghai, "2024-03-05T02:00:00Z"),
            ("2024-03-05T10:00Z", Tz::Asia__Shanghai, "2024-03-05T10:00:00Z"),
            (
                "2024-03-05 10:00:00.999+01:00",
                Tz::Asia__Shanghai,
                "2024-03-05T09:00:00.999Z",
            ),
            ("2018-11-04", Tz::America__Sao_Paulo, "2018-11-04T03:00:00Z"),
        ] {
            assert_eq!(
                format_instant(parse_bound(text, zone).unwrap()),
                expected,
                "{text} in {zone}"
            );
        }
    }

    #[test]
    fn what_is_not_a_bound_is_refused_with_a_hint() {
        for text in [
            "",
            "2024",
            "2024-Q1",
            "2024-W10",
            "2024-13",
            "3/5/2024",
            "2024/3/5",
            "2024-02-30",
            "today",
        ] {
            let error = parse_bound(text, Tz::UTC).unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` is not a date or time"));
            assert!(error.hint_text().is_some_and(|hint| hint.contains("2024-03-05")));
        }
        let gap = parse_bound("2024-03-10T02:30", Tz::America__New_York).unwrap_err();
        assert!(
            gap.to_string()
                .starts_with("`2024-03-10T02:30` in America/New_York is not one instant"),
            "{gap}"
        );
        assert!(parse_bound("2011-12-30", Tz::Pacific__Apia).is_err());
    }
}
