//! Periods by plain local dates: one row at a time, no tables.

use std::fmt;
use std::str::FromStr;

use chrono::{
    Datelike, Days, MappedLocalTime, Months, NaiveDate, NaiveDateTime, Offset, TimeZone, Timelike, Weekday,
};
use chrono_tz::Tz;

/// The kind of period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Granularity {
    Hourly,
    Daily,
    Weekly,
    Monthly,
    Quarterly,
    Yearly,
    Total,
}

impl Granularity {
    /// Every choice, the finest first.
    pub const ALL: [Granularity; 7] = [
        Granularity::Hourly,
        Granularity::Daily,
        Granularity::Weekly,
        Granularity::Monthly,
        Granularity::Quarterly,
        Granularity::Yearly,
        Granularity::Total,
    ];

    /// The word of requests and options.
    pub fn word(self) -> &'static str {
        match self {
            Granularity::Hourly => "hourly",
            Granularity::Daily => "daily",
            Granularity::Weekly => "weekly",
            Granularity::Monthly => "monthly",
            Granularity::Quarterly => "quarterly",
            Granularity::Yearly => "yearly",
            Granularity::Total => "total",
        }
    }
}

impl fmt::Display for Granularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Granularity {
    type Err = String;

    fn from_str(word: &str) -> Result<Granularity, String> {
        let found = Granularity::ALL.into_iter().find(|g| g.word() == word);
        found.ok_or_else(|| format!("unknown granularity `{word}`"))
    }
}

/// Zone, weeks and fiscal years.
#[derive(Debug, Clone, Copy)]
pub struct Calendar {
    /// Whose midnights.
    pub zone: Tz,
    /// First day of a week.
    pub week_start: Weekday,
    /// First month of a year and of its quarters, 1–12.
    pub fiscal_start: u32,
}

/// A period: half-open, UTC microseconds; the total has no bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Period {
    pub start: i64,
    pub end: i64,
    pub label: String,
}

const MICROS: i64 = 1_000_000;

impl Calendar {
    fn local(self, instant: i64) -> NaiveDateTime {
        let utc = chrono::DateTime::from_timestamp_micros(instant)
            .unwrap_or_default()
            .naive_utc();
        utc + self.zone.offset_from_utc_datetime(&utc).fix()
    }

    /// The first instant at which a local clock shows `local` or later.
    fn first_instant(self, local: NaiveDateTime) -> i64 {
        match self.zone.from_local_datetime(&local) {
            MappedLocalTime::Single(t) | MappedLocalTime::Ambiguous(t, _) => t.timestamp_micros(),
            MappedLocalTime::None => {
                // A gap: search the second in which the clock has jumped over it.
                let guess = local.and_utc().timestamp();
                let (mut before, mut after) = (guess - 2 * 86_400, guess + 2 * 86_400);
                while after - before > 1 {
                    let middle = before + (after - before) / 2;
                    if self.local(middle * MICROS) >= local {
                        after = middle;
                    } else {
                        before = middle;
                    }
                }
                after * MICROS
            }
        }
    }

    fn midnight(self, date: NaiveDate) -> i64 {
        self.first_instant(date.and_time(chrono::NaiveTime::MIN))
    }

    /// The first date of the period that holds a date.
    fn first_date(self, granularity: Granularity, date: NaiveDate) -> NaiveDate {
        let months_back = |n: u32| {
            let first = date.with_day(1).unwrap_or(date);
            first.checked_sub_months(Months::new(n)).unwrap_or(first)
        };
        let in_year = (date.month() + 12 - self.fiscal_start) % 12;
        match granularity {
            Granularity::Weekly => {
                let back = date.weekday().days_since(self.week_start);
                date.checked_sub_days(Days::new(u64::from(back))).unwrap_or(date)
            }
            Granularity::Monthly => months_back(0),
            Granularity::Quarterly => months_back(in_year % 3),
            Granularity::Yearly => months_back(in_year),
            _ => date,
        }
    }

    fn next_date(granularity: Granularity, first: NaiveDate) -> NaiveDate {
        let later = match granularity {
            Granularity::Weekly => first.checked_add_days(Days::new(7)),
            Granularity::Monthly => first.checked_add_months(Months::new(1)),
            Granularity::Quarterly => first.checked_add_months(Months::new(3)),
            Granularity::Yearly => first.checked_add_months(Months::new(12)),
            _ => first.succ_opt(),
        };
        later.unwrap_or(first)
    }

    /// Labels name a fiscal year, and its quarters, by the calendar year in which it begins.
    fn label(self, granularity: Granularity, first: NaiveDate) -> String {
        match granularity {
            Granularity::Monthly => first.format("%Y-%m").to_string(),
            Granularity::Yearly => first.format("%Y").to_string(),
            Granularity::Quarterly => {
                let year = self.first_date(Granularity::Yearly, first).year();
                format!(
                    "{year:04}-Q{}",
                    (first.month() + 12 - self.fiscal_start) % 12 / 3 + 1
                )
            }
            _ => first.format("%Y-%m-%d").to_string(),
        }
    }

    /// The period that holds an instant.
    pub fn period_of(self, granularity: Granularity, instant: i64) -> Period {
        match granularity {
            Granularity::Total => Period {
                start: i64::MIN,
                end: i64::MAX,
                label: String::from("total"),
            },
            Granularity::Hourly => self.hour_of(instant),
            _ => self.days_of(granularity, instant),
        }
    }

    fn days_of(self, granularity: Granularity, instant: i64) -> Period {
        // A local date can come twice where a clock goes back over midnight, so the day is judged by
        // its edges: it begins with the first instant that shows it or later.
        let mut date = self.local(instant).date();
        while self.midnight(Self::next_date(Granularity::Daily, date)) <= instant {
            date = Self::next_date(Granularity::Daily, date);
        }
        while self.midnight(date) > instant {
            date = date.pred_opt().unwrap_or(date);
        }
        let first = self.first_date(granularity, date);
        let end = self.midnight(Self::next_date(granularity, first));
        Period {
            start: self.midnight(first),
            end,
            label: self.label(granularity, first),
        }
    }

    /// An hour of the local clock; the hour that comes twice is two periods.
    fn hour_of(self, instant: i64) -> Period {
        let hour = |at: i64| {
            let utc = chrono::DateTime::from_timestamp_micros(at)
                .unwrap_or_default()
                .naive_utc();
            let offset = self.zone.offset_from_utc_datetime(&utc).fix();
            let local = utc + offset;
            (local.date(), local.hour(), offset.local_minus_utc())
        };
        let this = hour(instant);
        // Minute by minute outwards: edges of hours and of clock changes are whole minutes.
        let minute = 60 * MICROS;
        let mut start = instant.div_euclid(minute) * minute;
        while hour(start - minute) == this {
            start -= minute;
        }
        let mut end = start + minute;
        while hour(end) == this {
            end += minute;
        }
        let seconds = this.2;
        let zone = if seconds == 0 {
            String::from("Z")
        } else {
            let sign = if seconds < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", seconds.abs() / 3600, seconds.abs() / 60 % 60)
        };
        let label = format!("{}{zone}", self.local(start).format("%Y-%m-%dT%H:%M"));
        Period { start, end, label }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::civil::instant;

    fn calendar(zone: Tz) -> Calendar {
        Calendar {
            zone,
            week_start: Weekday::Mon,
            fiscal_start: 1,
        }
    }

    #[track_caller]
    fn check(zone: Tz, granularity: Granularity, at: i64, label: &str, hours: i64) {
        let period = calendar(zone).period_of(granularity, at);
        assert!(period.start <= at && at < period.end);
        assert_eq!(
            (
                period.label.as_str(),
                (period.end - period.start) / (3600 * MICROS)
            ),
            (label, hours)
        );
    }

    #[test]
    fn a_day_has_23_or_25_hours_where_the_clock_changes() {
        check(
            Tz::America__New_York,
            Granularity::Daily,
            instant(2024, 3, 10, 5, 0, 0),
            "2024-03-10",
            23,
        );
        check(
            Tz::America__New_York,
            Granularity::Daily,
            instant(2024, 11, 3, 12, 0, 0),
            "2024-11-03",
            25,
        );
        check(
            Tz::Europe__Berlin,
            Granularity::Daily,
            instant(2024, 3, 30, 23, 0, 0),
            "2024-03-31",
            23,
        );
    }

    #[test]
    fn a_day_without_midnight_begins_at_one() {
        let period =
            calendar(Tz::America__Sao_Paulo).period_of(Granularity::Daily, instant(2018, 11, 4, 12, 0, 0));
        assert_eq!(period.start, instant(2018, 11, 4, 3, 0, 0));
        assert_eq!(period.end - period.start, 23 * 3600 * MICROS);
    }

    #[test]
    fn the_day_that_apia_skipped_holds_nothing() {
        check(
            Tz::Pacific__Apia,
            Granularity::Daily,
            instant(2011, 12, 30, 9, 59, 59),
            "2011-12-29",
            24,
        );
        check(
            Tz::Pacific__Apia,
            Granularity::Daily,
            instant(2011, 12, 30, 10, 0, 0),
            "2011-12-31",
            24,
        );
    }

    #[test]
    fn the_hour_that_comes_twice_is_two_periods() {
        check(
            Tz::America__New_York,
            Granularity::Hourly,
            instant(2024, 11, 3, 5, 30, 0),
            "2024-11-03T01:00-04:00",
            1,
        );
        check(
            Tz::America__New_York,
            Granularity::Hourly,
            instant(2024, 11, 3, 6, 30, 0),
            "2024-11-03T01:00-05:00",
            1,
        );
        check(
            Tz::Asia__Kolkata,
            Granularity::Hourly,
            instant(2024, 1, 1, 0, 0, 0),
            "2024-01-01T05:00+05:30",
            1,
        );
        check(
            Tz::UTC,
            Granularity::Hourly,
            instant(2024, 3, 1, 13, 59, 59),
            "2024-03-01T13:00Z",
            1,
        );
    }

    #[test]
    fn weeks_months_quarters_and_years_have_their_labels() {
        let at = instant(2024, 3, 1, 0, 0, 0);
        check(Tz::UTC, Granularity::Weekly, at, "2024-02-26", 168);
        check(Tz::UTC, Granularity::Monthly, at, "2024-03", 744);
        check(Tz::UTC, Granularity::Quarterly, at, "2024-Q1", 91 * 24);
        check(Tz::UTC, Granularity::Yearly, at, "2024", 366 * 24);
        check(
            Tz::Asia__Shanghai,
            Granularity::Monthly,
            instant(2024, 2, 29, 16, 0, 0),
            "2024-03",
            744,
        );
    }

    #[test]
    fn a_fiscal_year_is_named_by_the_year_in_which_it_begins() {
        let april = Calendar {
            fiscal_start: 4,
            ..calendar(Tz::UTC)
        };
        let label = |g, at| april.period_of(g, at).label;
        assert_eq!(label(Granularity::Yearly, instant(2024, 3, 31, 0, 0, 0)), "2023");
        assert_eq!(
            label(Granularity::Quarterly, instant(2024, 3, 31, 0, 0, 0)),
            "2023-Q4"
        );
        assert_eq!(
            label(Granularity::Quarterly, instant(2024, 4, 1, 0, 0, 0)),
            "2024-Q1"
        );
    }
}
