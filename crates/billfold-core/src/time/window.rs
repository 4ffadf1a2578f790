//! Windows: the half-open stretch of time that a question asks about.

use super::format_instant;
use crate::error::{Error, Result};

/// `[start, end)` in UTC microseconds; `None` leaves that side open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Window {
    /// First instant inside.
    pub start: Option<i64>,
    /// First instant after the window.
    pub end: Option<i64>,
}

impl Window {
    /// All of time.
    pub const ALL: Window = Window {
        start: None,
        end: None,
    };

    /// A window from `start` up to, not including, `end`. Equal bounds make an empty window.
    ///
    /// Errors: usage, when `end` is before `start`.
    pub fn new(start: Option<i64>, end: Option<i64>) -> Result<Window> {
        match (start, end) {
            (Some(start), Some(end)) if end < start => Err(Error::usage(format!(
                "the window ends at {} before it starts at {}",
                format_instant(end),
                format_instant(start)
            ))
            .hint("swap the two bounds; the start is inside the window and the end is not")),
            _ => Ok(Window { start, end }),
        }
    }

    /// Whether the instant is inside: at or after the start, before the end.
    #[inline]
    pub fn contains(&self, instant: i64) -> bool {
        self.start.is_none_or(|start| start <= instant) && self.end.is_none_or(|end| instant < end)
    }

    /// Whether no instant is inside.
    pub fn is_empty(&self) -> bool {
        matches!((self.start, self.end), (Some(start), Some(end)) if end <= start)
    }

    /// The shortest window that holds both; a side that either leaves open is open.
    #[must_use]
    pub fn hull(&self, other: &Window) -> Window {
        let both = |a: Option<i64>, b: Option<i64>, pick: fn(i64, i64) -> i64| Some(pick(a?, b?));
        Window {
            start: both(self.start, other.start, i64::min),
            end: both(self.end, other.end, i64::max),
        }
    }

    /// What lies in both. Windows that do not meet give an empty one, at the later start.
    #[must_use]
    pub fn intersect(&self, other: &Window) -> Window {
        let start = self.start.max(other.start);
        let end = match (self.end, other.end) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        // Never an end before its start, so that `end - start` is a length.
        Window {
            start,
            end: end.map(|end| start.map_or(end, |start| end.max(start))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(start: i64, end: i64) -> Window {
        Window::new(Some(start), Some(end)).unwrap()
    }

    #[test]
    fn the_start_is_inside_and_the_end_is_not() {
        let window = window(10, 20);
        assert_eq!(
            [9, 10, 19, 20].map(|t| window.contains(t)),
            [false, true, true, false]
        );
        assert!([i64::MIN, 0, i64::MAX].iter().all(|&t| Window::ALL.contains(t)));
    }

    #[test]
    fn a_window_that_ends_before_it_starts_is_refused() {
        let error = Window::new(Some(1_000_000), Some(0)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the window ends at 1970-01-01T00:00:00Z before it starts at 1970-01-01T00:00:01Z"
        );
        assert!(window(5, 5).is_empty());
    }

    #[test]
    fn an_intersection_holds_what_both_hold() {
        let from = Window::new(Some(10), None).unwrap();
        let until = Window::new(None, Some(20)).unwrap();
        assert_eq!(from.intersect(&until), window(10, 20));
        assert_eq!(Window::ALL.intersect(&from), from);
        assert_eq!(until.intersect(&Window::ALL), until);
        assert_eq!(window(0, 15).intersect(&window(10, 30)), window(10, 15));
        assert_eq!(window(0, 5).intersect(&window(10, 30)), window(10, 10));
    }
}
