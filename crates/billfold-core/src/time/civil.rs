//! The proleptic Gregorian calendar as integer arithmetic. No zones, no text.
//!
//! A day is counted from 1970-01-01, which is day 0 and a Thursday.

/// Day number of a date. `month` is 1–12; a `day` past the end of its month runs on into the next.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
pub(super) const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is the last day of a year.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month (1–12) and day (1–31) of a day number.
///
/// Source: as [`days_from_civil`], `civil_from_days`.
pub(super) const fn civil_from_days(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted - era * 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day_of_month)
}

/// Day number of a date that exists in the years 1–9999, else `None`. Asked once per cell.
#[inline]
pub(super) const fn checked_day(year: i64, month: i64, day: i64) -> Option<i64> {
    if year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    // The years are positive here, which spares the eras of `days_from_civil`; 32 bits are enough.
    let (year, month) = (year as u32, month as u32);
    let shifted = if month <= 2 { year - 1 } else { year };
    let leap_days = shifted / 4 - shifted / 100 + shifted / 400;
    let days_before_month = (153 * (if month <= 2 { month + 9 } else { month - 3 }) + 2) / 5;
    Some((shifted * 365 + leap_days + days_before_month) as i64 + day - 1 - 719_468)
}

/// The years in which bills are written, month by month: number of the first day, and of days.
static RECENT_MONTHS: [(i32, u32); 12 * RECENT_YEARS as usize] = {
    let mut months = [(0, 0); 12 * RECENT_YEARS as usize];
    let mut at = 0;
    while at < months.len() {
        let (year, month) = (FIRST_RECENT_YEAR as i64 + at as i64 / 12, at as i64 % 12 + 1);
        let first = match checked_day(year, month, 1) {
            Some(first) => first as i32,
            None => 0,
        };
        months[at] = (first, days_in_month(year, month) as u32);
        at += 1;
    }
    months
};
const FIRST_RECENT_YEAR: u32 = 1970;
const RECENT_YEARS: u32 = 130;

/// [`checked_day`] by a table, for the years 1970 to 2099; `None` for all others.
#[inline]
pub(super) fn recent_day(year: u32, month: u32, day: u32) -> Option<i32> {
    let (years, months) = (year.wrapping_sub(FIRST_RECENT_YEAR), month.wrapping_sub(1));
    if years >= RECENT_YEARS || months > 11 {
        return None;
    }
    let (first, n_days) = RECENT_MONTHS[(years * 12 + months) as usize];
    let days = day.wrapping_sub(1);
    (days < n_days).then(|| first.wrapping_add(days as i32))
}

/// Days from Monday of a day number: 0 for a Monday, 6 for a Sunday.
pub(super) const fn days_from_monday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    if month == 2 {
        return if is_leap(year) { 29 } else { 28 };
    }
    // The months of 31 days are the odd ones up to July and the even ones after.
    30 + ((month ^ (month >> 3)) & 1)
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, NaiveDate};

    use super::*;

    #[test]
    fn every_day_of_the_years_1_to_9999_is_the_day_chrono_says() {
        let first = NaiveDate::from_ymd_opt(1, 1, 1).unwrap();
        let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
        // A prime step meets every month end, leap day and weekday over the years.
        for date in first
            .iter_days()
            .step_by(17)
            .take_while(|date| date.year() <= 9999)
        {
            let (year, month, day) = (
                i64::from(date.year()),
                i64::from(date.month()),
                i64::from(date.day()),
            );
            let number = (date - epoch).num_days();
            assert_eq!(days_from_civil(year, month, day), number, "{date}");
            assert_eq!(checked_day(year, month, day), Some(number), "{date}");
            assert_eq!(civil_from_days(number), (year, month, day), "{date}");
            assert_eq!(
                days_from_monday(number),
                i64::from(date.weekday().num_days_from_monday()),
                "{date}"
            );
        }
    }

    #[test]
    fn dates_that_do_not_exist_have_no_day() {
        for (year, month, day) in [
            (2024, 2, 30),
            (2023, 2, 29),
            (1900, 2, 29),
            (2024, 13, 1),
            (2024, 0, 1),
            (2024, 4, 31),
            (2024, 6, 31),
            (2024, 9, 31),
            (2024, 11, 31),
            (2024, 12, 32),
            (2024, 1, 0),
            (0, 1, 1),
            (10_000, 1, 1),
        ] {
            assert_eq!(checked_day(year, month, day), None, "{year}-{month}-{day}");
        }
        assert!(checked_day(2000, 2, 29).is_some());
        assert!(checked_day(9999, 12, 31).is_some());
    }
}
