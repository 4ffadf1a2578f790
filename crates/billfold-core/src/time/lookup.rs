//! The period of every row, from a table.
//!
//! Time is cut into slots of a quarter hour. Nearly every slot lies in one period, because clocks
//! have differed by whole quarters since 1972; a slot that does not (local mean time, a change of
//! clocks at an odd minute) is marked and its rows ask the calendar. Slots are kept in pages of 42
//! days that are filled when a row first falls into them, so what a run pays for is the months
//! its bills are about. One lookup per worker; all of them give the same ordinals.

use super::calendar::MICROS_PER_QUARTER_HOUR;
use super::{Calendar, Granularity, MAX_INSTANT, MIN_INSTANT};

/// log2 of the slots of a page.
const PAGE_BITS: u32 = 12;
const PAGE_SLOTS: usize = 1 << PAGE_BITS;
const PAGE_MICROS: i64 = PAGE_SLOTS as i64 * MICROS_PER_QUARTER_HOUR;
/// Pages from `MIN_INSTANT` to `MAX_INSTANT`.
const N_PAGES: usize = ((MAX_INSTANT - MIN_INSTANT) / PAGE_MICROS) as usize + 1;
/// Pages that are filled at most: 16 MiB, 119 years. Rows on further pages ask the calendar.
const MAX_FILLED: usize = 1024;
/// A slot that holds more than one period, or is not filled.
const MIXED: i32 = i32::MIN;

/// Answers [`Calendar::ordinal`] for columns of instants, in about a nanosecond per row.
#[derive(Debug, Clone)]
pub struct PeriodLookup {
    calendar: Calendar,
    /// Page of the slots, by page of time. Page 0 is never filled and stands for all that are not.
    directory: Vec<u16>,
    /// Ordinals by slot, page after page.
    slots: Vec<i32>,
}

impl PeriodLookup {
    /// A lookup for one calendar; its table is filled as rows ask.
    pub fn new(calendar: Calendar) -> PeriodLookup {
        PeriodLookup {
            calendar,
            directory: vec![0; N_PAGES],
            slots: vec![MIXED; PAGE_SLOTS],
        }
    }

    /// The calendar whose ordinals these are.
    pub fn calendar(&self) -> Calendar {
        self.calendar
    }

    /// Replaces `out` by the ordinal of each instant (UTC microseconds), as [`Calendar::ordinal`] counts them.
    ///
    /// Ordinals of the years 1–9999 lie within ±300,000,000 (hours, counted in quarter hours from 1970;
    /// the other granularities need less).
    pub fn ordinals(&mut self, instants: &[i64], out: &mut Vec<i32>) {
        out.clear();
        if self.calendar.granularity == Granularity::Total {
            out.resize(instants.len(), 0);
            return;
        }
        out.extend(instants.iter().map(|&instant| self.ordinal(instant)));
    }

    /// The ordinal of one instant, as [`Calendar::ordinal`] counts it.
    #[inline]
    pub fn ordinal(&mut self, instant: i64) -> i32 {
        // Instants before the first page wrap to slots far behind the last.
        let slot = instant.wrapping_sub(MIN_INSTANT) as u64 / MICROS_PER_QUARTER_HOUR as u64;
        let page = self
            .directory
            .get((slot >> PAGE_BITS) as usize)
            .copied()
            .unwrap_or(0);
        let slot_idx = (usize::from(page) << PAGE_BITS) | (slot as usize & (PAGE_SLOTS - 1));
        match self.slots.get(slot_idx).copied() {
            Some(ordinal) if ordinal != MIXED => ordinal,
            _ => self.ask(instant),
        }
    }

    /// Asks the calendar, after filling the instant's page where that is still to be done.
    #[cold]
    #[inline(never)]
    fn ask(&mut self, instant: i64) -> i32 {
        let n_filled = self.slots.len() >> PAGE_BITS;
        let page = instant
            .checked_sub(MIN_INSTANT)
            .and_then(|micros| usize::try_from(micros / PAGE_MICROS).ok());
        if let Some(page) = page
            && instant >= MIN_INSTANT
            && self.directory.get(page) == Some(&0)
            && n_filled <= MAX_FILLED
        {
            self.fill(MIN_INSTANT + page as i64 * PAGE_MICROS);
            self.directory[page] = n_filled as u16;
        }
        self.calendar.ordinal(instant) as i32
    }

    /// Appends the page of slots that begins at `start`, period by period.
    fn fill(&mut self, start: i64) {
        let first_slot = self.slots.len();
        self.slots.resize(first_slot + PAGE_SLOTS, MIXED);
        let page = &mut self.slots[first_slot..];
        let end = start + PAGE_MICROS;
        let mut instant = start;
        while instant < end {
            let ordinal = self.calendar.ordinal(instant);
            // Past the last year everything counts as its last period, whose end lies behind.
            let period_end = self.calendar.bounds(ordinal).end.filter(|&end| end > instant);
            let until = period_end.map_or(end, |period_end| period_end.min(end));
            // Only slots that lie in the period as a whole.
            let from_slot = (instant - start + MICROS_PER_QUARTER_HOUR - 1) / MICROS_PER_QUARTER_HOUR;
            let to_slot = (until - start) / MICROS_PER_QUARTER_HOUR;
            if from_slot < to_slot {
                page[from_slot as usize..to_slot as usize].fill(ordinal as i32);
            }
            instant = until;
        }
    }
}
