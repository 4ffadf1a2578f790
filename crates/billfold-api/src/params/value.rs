//! Values out of text: counts, instants, words.

use billfold_core::time::{DateOrder, TimeRules, Tz, parse_instant};

use crate::fault::{Refusal, RefusalKind};

/// The most that `offset` and `limit` can say; clients know nothing above 2⁶³−1.
const MAX_COUNT: u64 = i64::MAX as u64;

/// A count from `least` to `most`.
///
/// Errors: malformed where it is no number of digits alone, a wrong value where it is out of bounds.
pub(crate) fn count(name: &str, text: &str, least: u64, most: u64) -> Result<usize, Refusal> {
    let is_not = || {
        if most >= MAX_COUNT {
            format!("is not a number from {least}")
        } else {
            format!("is not a number from {least} to {most}")
        }
    };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(Refusal::value(RefusalKind::Malformed, name, text, &is_not()));
    }
    text.parse::<u64>()
        .ok()
        .filter(|count| (least..=most.min(MAX_COUNT)).contains(count))
        .and_then(|count| usize::try_from(count).ok())
        .ok_or_else(|| Refusal::value(RefusalKind::WrongValue, name, text, &is_not()))
}

/// A count without an upper bound.
pub(crate) fn any_count(name: &str, text: &str) -> Result<usize, Refusal> {
    count(name, text, 0, MAX_COUNT)
}

/// An instant as the QingCloud family writes it: `2011-07-11T11:07:00Z`, with decimals of a second if need be.
/// An offset instead of `Z` is taken too.
///
/// Errors: malformed; a time without a zone could be meant in two.
pub(crate) fn instant(name: &str, text: &str) -> Result<i64, Refusal> {
    let bytes = text.as_bytes();
    let date = bytes.len() > 10 && matches!(bytes[10], b'T' | b' ') && bytes[4] == b'-';
    let tail = bytes.get(11..).unwrap_or_default();
    let zoned = tail.iter().any(|byte| matches!(byte, b'Z' | b'+' | b'-'));
    let parsed = (date && zoned).then(|| parse_instant(bytes, &rules(Tz::UTC)));
    match parsed {
        Some(Ok(instant)) => Ok(instant),
        _ => Err(Refusal::value(
            RefusalKind::Malformed,
            name,
            text,
            "is not a time in UTC such as 2011-07-11T11:07:00Z",
        )),
    }
}

/// How the wire's own times are read.
pub(crate) fn rules(zone: Tz) -> TimeRules {
    TimeRules {
        zone,
        date_order: DateOrder::Mdy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_digits_alone_and_in_bounds() {
        for (text, kind) in [
            ("-1", RefusalKind::WrongValue),
            ("101", RefusalKind::WrongValue),
            ("10000000000", RefusalKind::WrongValue),
            ("99999999999999999999999", RefusalKind::WrongValue),
            ("1.5", RefusalKind::Malformed),
            ("abc", RefusalKind::Malformed),
            ("+1", RefusalKind::Malformed),
            ("1e2", RefusalKind::Malformed),
            (" 1", RefusalKind::Malformed),
            ("", RefusalKind::Malformed),
            ("１", RefusalKind::Malformed),
        ] {
            assert_eq!(count("limit", text, 0, 100).unwrap_err().kind, kind, "{text}");
        }
        assert_eq!(count("limit", "0", 0, 100).unwrap(), 0);
        assert_eq!(
            any_count("offset", "9223372036854775807").unwrap(),
            i64::MAX as usize
        );
        assert!(any_count("offset", "9223372036854775808").is_err());
        assert_eq!(
            count("limit", "1.5", 0, 100).unwrap_err().message,
            "limit [1.5] is not a number from 0 to 100"
        );
    }

    #[test]
    fn an_instant_has_a_date_a_time_and_a_zone() {
        for (text, micros) in [
            ("1970-01-01T00:00:01Z", 1_000_000),
            ("1970-01-01T00:00:01.520Z", 1_520_000),
            ("1970-01-01T08:00:00+08:00", 0),
        ] {
            assert_eq!(instant("start_time", text).unwrap(), micros, "{text}");
        }
        for text in [
            "",
            "2019-03-01",
            "2019-03",
            "2019-03-01T00:00:00",
            "2019-13-01T00:00:00Z",
            "1/2/2019 00:00Z",
            "1551369600",
            "now",
            "2019-03-01T30:00:00Z",
            "云云云云云云",
        ] {
            assert!(instant("start_time", text).is_err(), "{text}");
        }
    }
}
