//! The cells of the cube: days, or months, cut where a day of UTC begins as well.
//!
//! Windows and periods of the store's zone and of UTC are then made of whole cells: clients write instants with a Z
//! whatever zone a bill is read in.

use crate::time::{Calendar, Granularity, PeriodLookup, Tz, Window};

/// A division of time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    /// Days or months of the store's zone.
    calendar: Calendar,
    /// The same of UTC; none where cells are not cut, or the zone is UTC.
    utc: Option<Calendar>,
}

impl Grid {
    /// Parts that a day or month can have: a day of 25 hours can hold two midnights of UTC.
    pub(super) const MAX_PARTS: i64 = 4;

    /// Days or months of a zone, cut by those of UTC or not.
    pub(super) fn new(zone: Tz, granularity: Granularity, is_cut: bool) -> Self {
        Grid {
            calendar: Calendar::new(zone, granularity),
            utc: (is_cut && zone != Tz::UTC).then(|| Calendar::new(Tz::UTC, granularity)),
        }
    }

    /// Whether periods of a zone are made of whole cells.
    pub(super) fn has_periods(&self, zone: Tz, granularity: Granularity) -> bool {
        use Granularity::{Hourly, Monthly, Quarterly, Total, Yearly};
        let is_known = match granularity {
            Total => return true,
            Monthly | Quarterly | Yearly => true,
            Hourly => false,
            _ => self.calendar.granularity != Monthly,
        };
        is_known && (zone == self.calendar.zone || (zone == Tz::UTC && self.utc.is_some()))
    }

    /// The cell of an instant. Cells follow each other in time; some numbers have none.
    pub(super) fn ordinal(&self, instant: i64) -> i64 {
        let whole = self.calendar.ordinal(instant);
        let Some(utc) = &self.utc else { return whole };
        let part = utc.ordinal(instant) - utc.ordinal(self.start_of(whole));
        whole * Grid::MAX_PARTS + part.clamp(0, Grid::MAX_PARTS - 1)
    }

    /// From when to when a cell lasts. A number without a cell is empty and lies where its neighbours meet.
    pub(super) fn bounds(&self, cell: i64) -> Window {
        let Some(utc) = &self.utc else {
            return self.calendar.bounds(cell);
        };
        let whole = self.calendar.bounds(cell.div_euclid(Grid::MAX_PARTS));
        let first = whole.start.unwrap_or(i64::MIN);
        let part = utc.bounds(utc.ordinal(first) + cell.rem_euclid(Grid::MAX_PARTS));
        let within = |instant: Option<i64>| {
            let instant = instant?.max(first);
            Some(whole.end.map_or(instant, |end| instant.min(end)))
        };
        Window {
            start: within(part.start),
            end: within(part.end),
        }
    }

    fn start_of(&self, whole: i64) -> i64 {
        self.calendar.bounds(whole).start.unwrap_or(i64::MIN)
    }
}

/// Answers [`Grid::ordinal`] for many instants, best when they ascend.
pub(super) struct GridLookup {
    grid: Grid,
    whole: PeriodLookup,
    utc: Option<PeriodLookup>,
    /// The last day or month, and that of UTC in which it begins.
    known: (i32, i32),
}

impl GridLookup {
    pub(super) fn new(grid: Grid) -> Self {
        GridLookup {
            grid,
            whole: PeriodLookup::new(grid.calendar),
            utc: grid.utc.map(PeriodLookup::new),
            known: (i32::MIN, 0),
        }
    }

    pub(super) fn grid(&self) -> &Grid {
        &self.grid
    }

    #[inline]
    pub(super) fn ordinal(&mut self, instant: i64) -> i32 {
        let whole = self.whole.ordinal(instant);
        let Some(utc) = &mut self.utc else { return whole };
        if self.known.0 != whole {
            self.known = (whole, utc.ordinal(self.grid.start_of(i64::from(whole))));
        }
        let parts = Grid::MAX_PARTS as i32;
        whole * parts + (utc.ordinal(instant) - self.known.1).clamp(0, parts - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_instant_lies_in_its_cell_and_the_edges_of_both_zones_are_edges(
            instant in 0_i64..4_000_000_000, monthly in any::<bool>(), zone in 0_usize..5,
        ) {
            let zones = [Tz::Asia__Shanghai, Tz::America__New_York, Tz::UTC, Tz::Pacific__Apia, Tz::Europe__London];
            let (zone, instant) = (zones[zone], instant * 1_000_000);
            let granularity = if monthly { Granularity::Monthly } else { Granularity::Daily };
            let grid = Grid::new(zone, granularity, true);
            let cell = grid.ordinal(instant);
            prop_assert_eq!(i64::from(GridLookup::new(grid).ordinal(instant)), cell);
            let bounds = grid.bounds(cell);
            let (start, end) = (bounds.start.unwrap(), bounds.end.unwrap());
            prop_assert!(start <= instant && instant < end);
            prop_assert!(grid.ordinal(start) == cell && grid.ordinal(start - 1) < cell && grid.ordinal(end) > cell);
            for calendar in [Calendar::new(zone, granularity), Calendar::new(Tz::UTC, granularity)] {
                let edge = calendar.bounds(calendar.ordinal(instant)).start.unwrap();
                prop_assert_eq!(grid.bounds(grid.ordinal(edge)).start, Some(edge));
                prop_assert!(edge <= start);
            }
            // Numbers in between are empty and stay between their neighbours.
            for none in cell + 1..grid.ordinal(end) {
                prop_assert_eq!(grid.bounds(none).start, grid.bounds(none).end);
                prop_assert_eq!(grid.bounds(none).start, Some(end));
            }
        }
    }
}
