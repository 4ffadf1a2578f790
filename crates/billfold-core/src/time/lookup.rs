//! The period of every row, from a table.
//!
//! Time is cut into slots of a quarter hour. Nearly every slot lies in one period, because clocks
//! have differed by whole quarters since 1972; a slot that does not (local mean time, a change of
//! clocks at an odd minute) is never filled and its rows ask the calendar. Slots are kept in pages of 42
//! days, and those of a period are filled when a row first falls into it, so what a run pays for is the
//! periods that its bills are about. What stands in the slots is up to whoever asks: ordinals of the calendar
//! ([`PeriodLookup`]), or numbers that are given to periods as they are met ([`PeriodNumbers`]).

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
/// What stands in a slot that holds more than one period, or is not filled; no ordinal and no number.
const UNKNOWN: u32 = 1 << 31;

/// A number per period, given by whoever asks first; about a nanosecond per row.
#[derive(Debug, Clone)]
pub struct PeriodNumbers {
    calendar: Calendar,
    /// Page of the slots, by page of time. Page 0 is never filled and stands for all that are not.
    directory: Vec<u16>,
    /// Numbers by slot, page after page.
    slots: Vec<u32>,
}

impl PeriodNumbers {
    /// A table for one calendar; it is filled as rows ask.
    pub fn new(calendar: Calendar) -> PeriodNumbers {
        PeriodNumbers {
            calendar,
            directory: vec![0; N_PAGES],
            slots: vec![UNKNOWN; PAGE_SLOTS],
        }
    }

    /// Replaces `out` by the number of each instant's period (UTC microseconds).
    ///
    /// `number_of` gives the number of an ordinal ([`Calendar::ordinal`]): always the same, and below 2³¹. It may be
    /// asked for an ordinal more than once.
    pub fn numbers(&mut self, instants: &[i64], out: &mut Vec<u32>, mut number_of: impl FnMut(i64) -> u32) {
        out.clear();
        if self.calendar.granularity == Granularity::Total {
            if !instants.is_empty() {
                out.resize(instants.len(), number_of(0));
            }
            return;
        }
        out.extend(
            instants
                .iter()
                .map(|&instant| self.number(instant, &mut number_of)),
        );
    }

    #[inline]
    fn number(&mut self, instant: i64, number_of: impl FnMut(i64) -> u32) -> u32 {
        // Instants before the first page wrap to slots far behind the last.
        let slot = instant.wrapping_sub(MIN_INSTANT) as u64 / MICROS_PER_QUARTER_HOUR as u64;
        let page = self
            .directory
            .get((slot >> PAGE_BITS) as usize)
            .copied()
            .unwrap_or(0);
        let slot_idx = (usize::from(page) << PAGE_BITS) | (slot as usize & (PAGE_SLOTS - 1));
        match self.slots.get(slot_idx).copied() {
            Some(number) if number != UNKNOWN => number,
            _ => self.ask(instant, number_of),
        }
    }

    /// Asks the calendar, and fills the slots of the period.
    #[cold]
    #[inline(never)]
    fn ask(&mut self, instant: i64, mut number_of: impl FnMut(i64) -> u32) -> u32 {
        let ordinal = self.calendar.ordinal(instant);
        let number = number_of(ordinal);
        if let Some((start, slots)) = self.page_of(instant) {
            let end = start + PAGE_MICROS;
            let bounds = self.calendar.bounds(ordinal);
            // Past the last year everything counts as its last period, whose end lies behind.
            if bounds.contains(instant) {
                let from = bounds.start.map_or(start, |from| from.max(start)) - start;
                let until = bounds.end.map_or(end, |until| until.min(end)) - start;
                // Only slots that lie in the period as a whole.
                let from_slot = (from + MICROS_PER_QUARTER_HOUR - 1) / MICROS_PER_QUARTER_HOUR;
                let to_slot = until / MICROS_PER_QUARTER_HOUR;
                if from_slot < to_slot {
                    self.slots[slots][from_slot as usize..to_slot as usize].fill(number);
                }
            }
        }
        number
    }

    /// The first instant of a page of time, and its slots; None where there is no page, and no room for one.
    fn page_of(&mut self, instant: i64) -> Option<(i64, std::ops::Range<usize>)> {
        let micros = instant.checked_sub(MIN_INSTANT).filter(|micros| *micros >= 0)?;
        let page = usize::try_from(micros / PAGE_MICROS).ok()?;
        let place = self.directory.get_mut(page)?;
        if *place == 0 {
            let n_filled = self.slots.len() >> PAGE_BITS;
            if n_filled > MAX_FILLED {
                return None;
            }
            *place = n_filled as u16;
            self.slots.resize(self.slots.len() + PAGE_SLOTS, UNKNOWN);
        }
        let first = usize::from(*place) << PAGE_BITS;
        Some((MIN_INSTANT + page as i64 * PAGE_MICROS, first..first + PAGE_SLOTS))
    }
}

/// Answers [`Calendar::ordinal`] for columns of instants. One lookup per worker; all of them give the same ordinals.
#[derive(Debug, Clone)]
pub struct PeriodLookup {
    table: PeriodNumbers,
}

impl PeriodLookup {
    /// A lookup for one calendar.
    pub fn new(calendar: Calendar) -> PeriodLookup {
        PeriodLookup {
            table: PeriodNumbers::new(calendar),
        }
    }

    /// The calendar whose ordinals these are.
    pub fn calendar(&self) -> Calendar {
        self.table.calendar
    }

    /// The ordinal of one instant (UTC microseconds), as [`Calendar::ordinal`] counts it.
    ///
    /// Ordinals of the years 1–9999 lie within ±300,000,000 (hours, counted in quarter hours from 1970;
    /// the other granularities need less).
    #[inline]
    pub fn ordinal(&mut self, instant: i64) -> i32 {
        let as_number = |ordinal: i64| (ordinal as i32).cast_unsigned();
        self.table.number(instant, as_number).cast_signed()
    }
}
