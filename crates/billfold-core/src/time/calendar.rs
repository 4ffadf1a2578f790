//! Calendars: which period an instant belongs to, and where each period begins and ends.
//!
//! A [`Calendar`] answers from the zone database, in tens to hundreds of nanoseconds. Rows ask a
//! [`super::PeriodLookup`], which gives the same answers from a table. Nothing here reads text.

use chrono::{Month, Weekday};
use chrono_tz::Tz;

use super::civil::{civil_from_days, days_from_civil, days_from_monday};
use super::format::{date, wall_minute};
use super::zone::{first_at_wall, first_instant, offset_at};
use super::{Granularity, MAX_INSTANT, MICROS_PER_DAY, MICROS_PER_SECOND, MIN_INSTANT, Window};
use crate::error::{Error, Result};

pub(super) const MICROS_PER_HOUR: i64 = 3600 * MICROS_PER_SECOND;
/// Hourly ordinals count quarter hours: clocks have differed by whole quarters since 1972.
pub(super) const MICROS_PER_QUARTER_HOUR: i64 = 900 * MICROS_PER_SECOND;

/// The most periods [`Calendar::periods_in`] lists: 114 years of hours, 2,700 years of days.
const MAX_PERIODS: usize = 1_000_000;

/// How time is cut into periods.
///
/// A day begins at the first instant at which the zone's clocks show its date or a later one, and
/// lasts until the next day begins. So it has 23 or 25 hours where clocks are changed, begins after
/// midnight where they are put forward over it, and is empty where the zone skipped the date (Samoa,
/// 2011-12-30). Where clocks go back over midnight, the hour they repeat belongs to the new day.
/// Weeks, months, quarters and years are made of whole days.
///
/// Quarters and years are counted from `fiscal_start` and named by the calendar year in which the
/// fiscal year begins: with April, `2024-Q1` is April to June 2024 and `2024-Q4` January to March 2025.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    /// The zone whose days are meant.
    pub zone: Tz,
    /// How long a period is.
    pub granularity: Granularity,
    /// First day of a week.
    pub week_start: Weekday,
    /// First month of a fiscal year.
    pub fiscal_start: Month,
}

/// One bucket of an answer: `[start, end)` in UTC microseconds, and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// First instant inside; `None` for the total, until it is clipped to a window.
    pub start: Option<i64>,
    /// First instant after the period; `None` as for the start.
    pub end: Option<i64>,
    /// `2024-03-01`, `2024-02-26` (a week's first day), `2024-03`, `2024-Q1`, `2024`, `total`,
    /// `2024-11-03T01:00-04:00` (an hour, with the offset of its clocks).
    pub label: String,
}

impl Period {
    /// The period's stretch of time.
    pub fn window(&self) -> Window {
        Window {
            start: self.start,
            end: self.end,
        }
    }

    /// The period cut to a window, under the same label.
    #[must_use]
    pub fn clipped(mut self, window: &Window) -> Period {
        let Window { start, end } = self.window().intersect(window);
        (self.start, self.end) = (start, end);
        self
    }
}

impl Calendar {
    /// A calendar of weeks from Monday and years from January.
    pub const fn new(zone: Tz, granularity: Granularity) -> Calendar {
        Calendar {
            zone,
            granularity,
            week_start: Weekday::Mon,
            fiscal_start: Month::January,
        }
    }

    /// The number of the period that an instant belongs to. Never falls as the instant grows.
    ///
    /// Days, weeks, months, quarters and years count up by one from the one that holds 1970-01-01 (a skipped
    /// date keeps its number); the total is 0. Hours are numbered by the quarter hour (UTC, from
    /// 1970) in which they begin, so neighbours usually differ by 4. Every ordinal fits an `i32`.
    /// An instant outside the years 1–9999 counts as the nearest instant inside.
    pub fn ordinal(self, instant: i64) -> i64 {
        let instant = instant.clamp(MIN_INSTANT, MAX_INSTANT);
        match self.granularity {
            Granularity::Total => 0,
            Granularity::Hourly => self.hour_of(instant),
            _ => self.ordinal_of_day(self.day_of(instant)),
        }
    }

    /// The period of an ordinal. An hourly ordinal at which no hour begins gives the hour that holds it.
    pub fn period(self, ordinal: i64) -> Period {
        let Window { start, end } = self.bounds(ordinal);
        Period {
            start,
            end,
            label: self.label(ordinal),
        }
    }

    /// Where the period of an ordinal begins and ends.
    pub fn bounds(self, ordinal: i64) -> Window {
        let ordinal = self.clamped(ordinal);
        let (start, end) = match self.granularity {
            Granularity::Total => return Window::ALL,
            Granularity::Hourly => self.hour_bounds(ordinal),
            _ => (
                self.day_start(self.first_day(ordinal)),
                self.day_start(self.first_day(ordinal.saturating_add(1))),
            ),
        };
        Window {
            start: Some(start),
            end: Some(end),
        }
    }

    /// The label of the period of an ordinal, as [`Period::label`] shows.
    pub fn label(self, ordinal: i64) -> String {
        let ordinal = self.clamped(ordinal);
        match self.granularity {
            Granularity::Total => Granularity::Total.as_str().to_owned(),
            Granularity::Hourly => {
                let (start, _) = self.hour_bounds(ordinal);
                wall_minute(start, offset_at(self.zone, start))
            }
            Granularity::Daily | Granularity::Weekly => date(self.first_day(ordinal)),
            Granularity::Monthly => {
                let (year, month, _) = civil_from_days(self.first_day(ordinal));
                format!("{year:04}-{month:02}")
            }
            Granularity::Quarterly => {
                format!(
                    "{:04}-Q{}",
                    1970 + ordinal.div_euclid(4),
                    ordinal.rem_euclid(4) + 1
                )
            }
            Granularity::Yearly => format!("{:04}", 1970 + ordinal),
        }
    }

    /// Every period that shares an instant with the window, in order, unclipped. The total is always there.
    ///
    /// Errors: usage, when the window is open on a side and the granularity is not total;
    /// limit, when there are more than a million.
    pub fn periods_in(self, window: &Window) -> Result<Vec<Period>> {
        if self.granularity == Granularity::Total {
            return Ok(vec![self.period(0)]);
        }
        let (Some(start), Some(end)) = (window.start, window.end) else {
            return Err(Error::usage(format!(
                "{} periods cannot be listed without a start and an end",
                self.granularity
            ))
            .hint("give both bounds of the window, or ask for total"));
        };
        let mut periods = Vec::new();
        if start >= end {
            return Ok(periods);
        }
        let (mut ordinal, last) = (self.ordinal(start), self.ordinal(end - 1));
        while ordinal <= last {
            if periods.len() == MAX_PERIODS {
                return Err(Error::limit(
                    "limit.periods",
                    format!(
                        "the window holds more than {MAX_PERIODS} {} periods",
                        self.granularity
                    ),
                )
                .hint("narrow the window or choose longer periods"));
            }
            let period = self.period(ordinal);
            let next = match (self.granularity, period.end) {
                (Granularity::Hourly, Some(end)) => end.div_euclid(MICROS_PER_QUARTER_HOUR),
                _ => ordinal + 1,
            };
            if period.start < period.end {
                periods.push(period);
            }
            ordinal = next;
        }
        Ok(periods)
    }

    /// First instant of a calendar day; of the day after it, where the zone skipped the date.
    pub(super) fn day_start(self, day: i64) -> i64 {
        first_at_wall(self.zone, day * MICROS_PER_DAY)
    }

    /// First day of the `ordinal`-th period. The granularity is neither hourly nor total.
    fn first_day(self, ordinal: i64) -> i64 {
        match self.granularity {
            // 1970-01-01 was a Thursday, three days after its Monday.
            Granularity::Weekly => ordinal * 7 - 3 + self.week_shift(),
            Granularity::Monthly => first_day_of_month(ordinal),
            Granularity::Quarterly => first_day_of_month(ordinal * 3 + self.fiscal_shift()),
            Granularity::Yearly => first_day_of_month(ordinal * 12 + self.fiscal_shift()),
            Granularity::Hourly | Granularity::Daily | Granularity::Total => ordinal,
        }
    }

    fn ordinal_of_day(self, day: i64) -> i64 {
        match self.granularity {
            Granularity::Weekly => (day + 3 - self.week_shift()).div_euclid(7),
            Granularity::Monthly => month_of(day),
            Granularity::Quarterly => (month_of(day) - self.fiscal_shift()).div_euclid(3),
            Granularity::Yearly => (month_of(day) - self.fiscal_shift()).div_euclid(12),
            Granularity::Hourly | Granularity::Daily | Granularity::Total => day,
        }
    }

    /// The day that holds an instant: the latest one that has begun.
    fn day_of(self, instant: i64) -> i64 {
        let shown = (instant + offset_at(self.zone, instant) * MICROS_PER_SECOND).div_euclid(MICROS_PER_DAY);
        // Clocks that went back over midnight show yesterday's date, but today has begun.
        if self.zone != Tz::UTC && self.day_start(shown + 1) <= instant {
            shown + 1
        } else {
            shown
        }
    }

    /// The ordinal of the hour that holds an instant.
    fn hour_of(self, instant: i64) -> i64 {
        self.run(instant).0.div_euclid(MICROS_PER_QUARTER_HOUR)
    }

    /// The longest stretch around an instant in which clocks show one hour at one offset.
    ///
    /// It is an hour long, or shorter where clocks are changed within the hour.
    fn run(self, instant: i64) -> (i64, i64) {
        let offset = offset_at(self.zone, instant);
        let hour_start = instant - (instant + offset * MICROS_PER_SECOND).rem_euclid(MICROS_PER_HOUR);
        let hour_end = hour_start + MICROS_PER_HOUR;
        let is_same = |instant: i64| offset_at(self.zone, instant) == offset;
        let start = if is_same(hour_start) {
            hour_start
        } else {
            first_instant(hour_start, instant, is_same)
        };
        let end = if is_same(hour_end - 1) {
            hour_end
        } else {
            first_instant(instant, hour_end, |instant| !is_same(instant))
        };
        (start, end)
    }

    /// Where the hour of an ordinal begins and ends: the runs that begin in one quarter hour, together.
    ///
    /// Together, because a zone that changes its clocks at a minute past the hour (Newfoundland until
    /// 2011) would otherwise have an hour of one minute.
    fn hour_bounds(self, ordinal: i64) -> (i64, i64) {
        let quarter = ordinal * MICROS_PER_QUARTER_HOUR;
        let next_quarter = quarter + MICROS_PER_QUARTER_HOUR;
        let (mut start, mut end) = self.run(quarter);
        if start < quarter {
            if end >= next_quarter {
                // No hour begins in this quarter; the ordinal that holds it is an earlier one.
                return self.hour_bounds(start.div_euclid(MICROS_PER_QUARTER_HOUR));
            }
            (start, end) = self.run(end);
        }
        while end < next_quarter {
            end = self.run(end).1;
        }
        (start, end)
    }

    /// Keeps arithmetic on an ordinal from outside far from overflow: some 11,000 years around 1970.
    fn clamped(self, ordinal: i64) -> i64 {
        let reach = match self.granularity {
            Granularity::Hourly => 400_000_000,
            Granularity::Daily => 4_000_000,
            Granularity::Weekly => 570_000,
            Granularity::Monthly => 132_000,
            Granularity::Quarterly => 44_000,
            Granularity::Yearly => 11_000,
            Granularity::Total => 0,
        };
        ordinal.clamp(-reach, reach)
    }

    fn week_shift(self) -> i64 {
        i64::from(self.week_start.num_days_from_monday())
    }

    fn fiscal_shift(self) -> i64 {
        i64::from(self.fiscal_start.number_from_month()) - 1
    }
}

/// Months from January 1970.
fn month_of(day: i64) -> i64 {
    let (year, month, _) = civil_from_days(day);
    (year - 1970) * 12 + month - 1
}

/// First day of a month counted from January 1970.
fn first_day_of_month(month: i64) -> i64 {
    days_from_civil(1970 + month.div_euclid(12), month.rem_euclid(12) + 1, 1)
}

/// Monday of an ISO week (ISO 8601: week 1 holds 4 January), or `None` where the year has no such week.
pub(super) fn iso_week(year: i64, week: i64) -> Option<i64> {
    let fourth = days_from_civil(year, 1, 4);
    let monday = fourth - days_from_monday(fourth) + (week - 1) * 7;
    let (year_of_thursday, _, _) = civil_from_days(monday + 3);
    (week >= 1 && year_of_thursday == year).then_some(monday)
}
