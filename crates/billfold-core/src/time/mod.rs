//! Time: instants, periods, calendars.
