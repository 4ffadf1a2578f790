//! Zones: their names, their offsets, and the way from a wall clock back to an instant.
//!
//! Everything here goes to the zone database and costs tens of nanoseconds; what is asked per row
//! answers from [`super::PeriodLookup`] instead.

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};

use super::civil::days_from_civil;
use super::{MICROS_PER_DAY, MICROS_PER_SECOND};
use crate::error::{Error, Printable, Result};

/// Abbreviations and cities that people write for a zone, and the zones they may mean.
///
/// Not a fallback: the same letters stand for several zones, so they are refused and these are shown.
const MEANT: [(&str, &str); 27] = [
    ("AEST", "Australia/Sydney"),
    ("BST", "Europe/London, Asia/Dhaka"),
    ("CDT", "America/Chicago"),
    ("CEST", "Europe/Berlin"),
    ("CET", "Europe/Berlin"),
    ("CST", "Asia/Shanghai, America/Chicago"),
    ("EDT", "America/New_York"),
    ("EET", "Europe/Athens"),
    ("EST", "America/New_York, America/Panama"),
    ("GMT", "UTC, Europe/London"),
    ("HKT", "Asia/Hong_Kong"),
    ("HST", "Pacific/Honolulu"),
    ("IST", "Asia/Kolkata, Europe/Dublin, Asia/Jerusalem"),
    ("JST", "Asia/Tokyo"),
    ("KST", "Asia/Seoul"),
    ("MDT", "America/Denver"),
    ("MST", "America/Denver, America/Phoenix"),
    ("PDT", "America/Los_Angeles"),
    ("PRC", "Asia/Shanghai"),
    ("PST", "America/Los_Angeles"),
    ("SGT", "Asia/Singapore"),
    ("WET", "Europe/Lisbon"),
    ("Z", "UTC"),
    ("BEIJING", "Asia/Shanghai"),
    ("SHENZHEN", "Asia/Shanghai"),
    ("MUMBAI", "Asia/Kolkata"),
    ("SAN_FRANCISCO", "America/Los_Angeles"),
];

/// The zone of an IANA name: `UTC`, `Asia/Shanghai`, `Etc/GMT-8`, `Japan`.
///
/// Names are exact, capitals included. Abbreviations are refused even where the database carries one
/// (`EST`, `MST`, `GMT`): what they stand for differs from country to country.
///
/// Errors: usage, with near names in the hint.
pub fn parse_zone(text: &str) -> Result<Tz> {
    match text.parse::<Tz>() {
        Ok(zone) if !is_abbreviation(text) => Ok(zone),
        _ => Err(unknown_zone(text)),
    }
}

/// A database name without a place in it: no slash, no small letter. `UTC` alone means one thing.
fn is_abbreviation(name: &str) -> bool {
    name != "UTC" && !name.contains('/') && !name.bytes().any(|byte| byte.is_ascii_lowercase())
}

#[cold]
fn unknown_zone(text: &str) -> Error {
    let error = Error::usage(format!(
        "`{}` is not a time zone; expected UTC or an IANA name such as Asia/Shanghai",
        Printable(text)
    ));
    if let Some(hours) = fixed_hours(text) {
        // POSIX counts hours behind UTC, so the sign in the name is the other one.
        let (sign, hours) = if hours < 0 { ('+', -hours) } else { ('-', hours) };
        return error.hint(format!(
            "a fixed offset is written Etc/GMT{sign}{hours}, with the sign reversed"
        ));
    }
    let place = text.rsplit('/').next().unwrap_or(text);
    if let Some((_, zones)) = MEANT.iter().find(|(word, _)| word.eq_ignore_ascii_case(place)) {
        return error.hint(format!("did you mean {zones}?"));
    }
    let near = near_names(text);
    if near.is_empty() {
        error
    } else {
        error.hint(format!("did you mean {}?", near.join(", ")))
    }
}

/// Whole hours of `+8`, `+08:00`, `UTC+8`, `GMT-5`, as far as the `Etc/` zones go.
fn fixed_hours(text: &str) -> Option<i64> {
    let text = text
        .strip_prefix("UTC")
        .or_else(|| text.strip_prefix("GMT"))
        .unwrap_or(text);
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let hours = rest
        .strip_suffix(":00")
        .or_else(|| rest.strip_suffix("00"))
        .filter(|hours| !hours.is_empty());
    let hours: i64 = hours.unwrap_or(rest).parse().ok()?;
    (1..=if sign > 0 { 14 } else { 12 })
        .contains(&hours)
        .then_some(sign * hours)
}

/// Up to three zone names within a few letters of the text, nearest first. Capitals do not count.
fn near_names(text: &str) -> Vec<&'static str> {
    // No zone name is longer than 32 letters; longer text is not a misspelled name.
    if text.is_empty() || text.len() > 40 {
        return Vec::new();
    }
    let wanted = text.to_ascii_lowercase();
    let reach = (wanted.len() / 4).max(1);
    let mut near: Vec<(usize, &'static str)> = TZ_VARIANTS
        .iter()
        .map(|zone| zone.name())
        .filter(|name| !is_abbreviation(name))
        .filter_map(|name| {
            let lower = name.to_ascii_lowercase();
            let place = lower.rsplit('/').next().unwrap_or(&lower);
            let distance = edit_distance(&wanted, &lower).min(edit_distance(&wanted, place) + 1);
            (distance <= reach).then_some((distance, name))
        })
        .collect();
    near.sort_unstable();
    if near.first().is_some_and(|&(distance, _)| distance == 0) {
        near.truncate(1);
    }
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Insertions, deletions and substitutions of bytes from one word to the other.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a_byte) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b_byte) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(a_byte != b_byte);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The offset (seconds) of zones whose clocks are not changed any more, and since when (UTC microseconds).
///
/// The two zones that most bills are read in, so that their cells do not search the database.
#[inline]
fn settled(zone: Tz) -> Option<(i64, i64)> {
    match zone {
        Tz::UTC => Some((i64::MIN, 0)),
        // China last changed its clocks in September 1991.
        Tz::Asia__Shanghai => Some((days_from_civil(1992, 1, 1) * MICROS_PER_DAY, 8 * 3600)),
        _ => None,
    }
}

/// Seconds that the zone's clocks are ahead of UTC at an instant.
pub(super) fn offset_at(zone: Tz, instant: i64) -> i64 {
    match settled(zone) {
        Some((since, offset)) if instant >= since => offset,
        _ => clock(instant).map_or(0, |clock| {
            i64::from(zone.offset_from_utc_datetime(&clock).fix().local_minus_utc())
        }),
    }
}

/// The instants at which a wall clock shows a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wall {
    /// The clock shows it once.
    Once(i64),
    /// The clock was put back over it; the first of the two instants.
    Twice(i64),
    /// The clock was put forward over it.
    Never,
}

/// The instants at which clocks of the zone show `local` (microseconds, as if it were UTC).
#[inline]
pub(super) fn at_wall(zone: Tz, local: i64) -> Wall {
    match settled(zone) {
        // The first day is left to the database, so that a clock ahead of UTC is past it too.
        Some((since, offset)) if local >= since.saturating_add(MICROS_PER_DAY) => {
            Wall::Once(local - offset * MICROS_PER_SECOND)
        }
        _ => search_wall(zone, local),
    }
}

fn search_wall(zone: Tz, local: i64) -> Wall {
    let Some(clock) = clock(local) else {
        return Wall::Once(local);
    };
    let before =
        |offset: chrono_tz::TzOffset| local - i64::from(offset.fix().local_minus_utc()) * MICROS_PER_SECOND;
    match zone.offset_from_local_datetime(&clock) {
        MappedLocalTime::Single(offset) => Wall::Once(before(offset)),
        MappedLocalTime::Ambiguous(a, b) => Wall::Twice(before(a).min(before(b))),
        MappedLocalTime::None => Wall::Never,
    }
}

/// The first instant at which clocks of the zone show `local` or later (microseconds, as if UTC).
pub(super) fn first_at_wall(zone: Tz, local: i64) -> i64 {
    match at_wall(zone, local) {
        Wall::Once(instant) | Wall::Twice(instant) => instant,
        // No offset ever reached 16 hours, so the gap lies within this reach of `local` in UTC.
        Wall::Never => first_instant(local - REACH, local + REACH, |instant| {
            instant + offset_at(zone, instant) * MICROS_PER_SECOND >= local
        }),
    }
}

const REACH: i64 = 26 * 3600 * MICROS_PER_SECOND;

/// The first whole second after `low`, at most `high`, for which the answer has turned to true.
pub(super) fn first_instant(low: i64, high: i64, is_past: impl Fn(i64) -> bool) -> i64 {
    let (mut low, mut high) = (
        low.div_euclid(MICROS_PER_SECOND),
        high.div_euclid(MICROS_PER_SECOND),
    );
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if is_past(middle * MICROS_PER_SECOND) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high * MICROS_PER_SECOND
}

fn clock(micros: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp(micros.div_euclid(MICROS_PER_SECOND), 0).map(|clock| clock.naive_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iana_names_are_zones() {
        for name in [
            "UTC",
            "Asia/Shanghai",
            "America/Argentina/Buenos_Aires",
            "Etc/GMT-8",
            "Etc/UTC",
            "Japan",
        ] {
            assert_eq!(parse_zone(name).unwrap().name(), name);
        }
    }

    #[test]
    fn anything_else_is_refused_with_near_names() {
        for (text, hint) in [
            ("Asia/Beijing", "did you mean Asia/Shanghai?"),
            ("asia/shanghai", "did you mean Asia/Shanghai?"),
            ("ASIA/SHANGHAI", "did you mean Asia/Shanghai?"),
            ("Shanghai", "did you mean Asia/Shanghai?"),
            ("Asia/Shangai", "did you mean Asia/Shanghai?"),
            ("America/NewYork", "did you mean America/New_York?"),
            ("utc", "did you mean UTC?"),
            ("CST", "did you mean Asia/Shanghai, America/Chicago?"),
            ("EST", "did you mean America/New_York, America/Panama?"),
            ("MST", "did you mean America/Denver, America/Phoenix?"),
            ("GMT", "did you mean UTC, Europe/London?"),
            ("PRC", "did you mean Asia/Shanghai?"),
            (
                "UTC+8",
                "a fixed offset is written Etc/GMT-8, with the sign reversed",
            ),
            (
                "+08:00",
                "a fixed offset is written Etc/GMT-8, with the sign reversed",
            ),
            (
                "-0500",
                "a fixed offset is written Etc/GMT+5, with the sign reversed",
            ),
        ] {
            let error = parse_zone(text).unwrap_err();
            assert_eq!(error.hint_text(), Some(hint), "{text}");
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("`{text}` is not a time zone")),
                "{error}"
            );
        }
        for text in [
            "",
            "Mars/Olympus_Mons",
            &"x".repeat(100_000),
            "Asia/Shanghai ",
            "时区",
            "+5:30",
            "+",
            "GMT+0",
        ] {
            assert!(parse_zone(text).is_err());
        }
    }

    #[test]
    fn a_settled_zone_answers_as_the_database_does() {
        for zone in [Tz::UTC, Tz::Asia__Shanghai] {
            let (_, offset) = settled(zone).unwrap();
            // Every hour around the last change of clocks, then every day as far as the database looks ahead.
            for hour in (15 * 8766..25 * 8766).chain((25 * 8766..130 * 8766).step_by(23)) {
                let instant = hour * 3600 * MICROS_PER_SECOND;
                let searched = zone
                    .offset_from_utc_datetime(&clock(instant).unwrap())
                    .fix()
                    .local_minus_utc();
                assert_eq!(offset_at(zone, instant), i64::from(searched), "{zone}");
                assert_eq!(at_wall(zone, instant), search_wall(zone, instant), "{zone}");
            }
            assert_eq!(offset, offset_at(zone, i64::MAX));
        }
    }

    #[test]
    fn every_name_of_the_database_with_a_place_in_it_is_accepted() {
        for zone in TZ_VARIANTS.iter().filter(|zone| zone.name().contains('/')) {
            assert_eq!(parse_zone(zone.name()).unwrap(), *zone);
        }
    }
}
