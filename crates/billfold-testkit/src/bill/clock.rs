//! The months of a bill and the instants at which calendars break: month ends, leap days, clock changes.

use crate::civil::{DAY, HOUR, civil_from_days, days_from_civil, instant, month_start};
use crate::rng::Rng;

/// The time range of a bill.
#[derive(Debug)]
pub(super) struct Clock {
    /// Starts of the months from the first to fifteen after the last.
    months: Vec<i64>,
    n_months: usize,
    edges: Vec<i64>,
}

/// 0 = Monday.
fn weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7)
}

fn sunday_on_or_after(year: i64, month: u32, day: u32) -> i64 {
    let days = days_from_civil(year, month, day);
    days + (6 - weekday(days))
}

impl Clock {
    pub(super) fn new(year: i64, month: u32, n_months: u32) -> Clock {
        let n_months = n_months.max(1) as usize;
        let months: Vec<i64> = (0..n_months as i64 + 16)
            .map(|i| month_start(year, month, i))
            .collect();
        let (start, end) = (months[0], months[n_months]);
        let mut edges = Vec::new();
        for m in &months[..=n_months] {
            // Midnight in UTC, in China, and in New York with and without summer time.
            edges.extend([*m, m - 8 * HOUR, m + 4 * HOUR, m + 5 * HOUR]);
        }
        let last_year = civil_from_days(end.div_euclid(DAY)).0;
        for y in year..=last_year {
            edges.push(instant(y, 2, 28, 24, 0, 0));
            edges.push(instant(y, 2, 29, 24, 0, 0));
            edges.push(sunday_on_or_after(y, 3, 8) * DAY + 7 * HOUR);
            edges.push(sunday_on_or_after(y, 11, 1) * DAY + 6 * HOUR);
            edges.push(sunday_on_or_after(y, 3, 25) * DAY + HOUR);
            edges.push(sunday_on_or_after(y, 10, 25) * DAY + HOUR);
        }
        let mut around: Vec<i64> = edges.iter().flat_map(|e| [e - 2 * HOUR, e - HOUR, *e]).collect();
        around.retain(|e| (start..end).contains(e));
        around.sort_unstable();
        around.dedup();
        Clock {
            months,
            n_months,
            edges: around,
        }
    }

    pub(super) fn start(&self) -> i64 {
        self.months[0]
    }

    pub(super) fn hours(&self) -> u64 {
        ((self.months[self.n_months] - self.months[0]) / HOUR) as u64
    }

    pub(super) fn edge(&self, rng: &mut Rng) -> i64 {
        self.edges[rng.below(self.edges.len() as u64) as usize]
    }

    fn month_index(&self, at: i64) -> usize {
        // A month is at most 31 days, so this guess is never too far and at most a few months short.
        let mut index = ((at - self.months[0]).max(0) / (31 * DAY)) as usize;
        while index + 2 < self.months.len() && self.months[index + 1] <= at {
            index += 1;
        }
        index
    }

    /// Start and end of the month `later` months after the one that holds `at`.
    pub(super) fn month(&self, at: i64, later: usize) -> (i64, i64) {
        let index = (self.month_index(at) + later).min(self.months.len() - 2);
        (self.months[index], self.months[index + 1])
    }

    /// The same time of the same day a year later; where that month is shorter, the end of the month.
    pub(super) fn year_later(&self, at: i64) -> i64 {
        let index = self.month_index(at);
        let target = (index + 12).min(self.months.len() - 2);
        (self.months[target] + at - self.months[index]).min(self.months[target + 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_after_a_leap_day_is_the_end_of_february() {
        let clock = Clock::new(2024, 1, 4);
        assert_eq!(
            clock.year_later(instant(2024, 2, 29, 5, 0, 0)),
            instant(2025, 3, 1, 0, 0, 0)
        );
        assert_eq!(
            clock.year_later(instant(2024, 3, 15, 5, 0, 0)),
            instant(2025, 3, 15, 5, 0, 0)
        );
    }

    #[test]
    fn edges_hold_the_clock_changes_of_2024() {
        let clock = Clock::new(2024, 1, 12);
        for edge in [
            instant(2024, 3, 10, 7, 0, 0),
            instant(2024, 11, 3, 6, 0, 0),
            instant(2024, 3, 31, 1, 0, 0),
            instant(2024, 10, 27, 1, 0, 0),
            instant(2024, 2, 29, 0, 0, 0),
            instant(2024, 3, 1, 0, 0, 0),
            instant(2024, 4, 30, 16, 0, 0),
        ] {
            assert!(clock.edges.contains(&edge), "{edge}");
        }
    }

    #[test]
    fn every_hour_is_in_its_month() {
        let clock = Clock::new(2019, 11, 40);
        for hour in 0..clock.hours() as i64 {
            let at = clock.start() + hour * HOUR;
            let (start, end) = clock.month(at, 0);
            assert!(start <= at && at < end);
        }
    }
}
