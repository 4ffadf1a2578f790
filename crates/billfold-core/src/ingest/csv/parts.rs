//! A file of CSV in parts that many read and mark at once, each at its own place.
//!
//! The records of a part are those that begin behind one of its line ends. Whether a line end is also the end of a
//! record shows only in what stands before it. So whoever has read a part takes its first line end for one, and marks
//! the fields from there on, while others do so elsewhere. Then, in the order of the parts, each hears where the
//! records of the part before it ended. Mostly that is where it began; if not, it marks its part once more.
//! So no record is left out or belongs to two parts, and nobody waits but for the marks of the part before.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::borders::Borders;
use super::{Chunk, Chunker, Dialect};
use crate::error::{Error, Location, Result};
use crate::ingest::feed::{Feed, MAX_CHUNK, count_lines};
use crate::ingest::source::{ReadAt, changed};

/// Bytes that are read behind a part, for the record that crosses its end. Few records are longer.
const BEHIND: usize = 1024;

/// A file in parts. One for all who read it.
pub(crate) struct Parts {
    file: Box<dyn ReadAt>,
    dialect: Dialect,
    /// Where the records begin, and where the file ends.
    records: Range<u64>,
    part_bytes: u64,
    max_record: usize,
    behind: usize,
    /// Counts the bytes read, those of the file's first ones left out that were read before.
    count: Arc<AtomicU64>,
    n_counted: u64,
    turn: Mutex<Turn>,
    changed: Condvar,
}

/// Up to where it is known what belongs to which part.
struct Turn {
    /// The first part of which it is not known yet.
    part: u64,
    /// Where its records begin.
    start: u64,
    n_waiting: usize,
    /// Somebody failed on an earlier part, so that nobody will ever know.
    is_broken: bool,
}

/// One reader's memory.
#[derive(Debug)]
pub(crate) struct PartMemory {
    feed: Feed,
    borders: Borders,
}

impl Default for PartMemory {
    fn default() -> Self {
        PartMemory {
            feed: Feed::at_line(0),
            borders: Borders::new(Dialect::COMMA),
        }
    }
}

impl PartMemory {
    /// Takes the memory of a chunk back.
    pub(crate) fn recycle(&mut self, chunk: Chunk) {
        self.feed.recycle(chunk.bytes);
        self.borders.recycle(chunk.marks);
    }
}

impl Parts {
    /// The records of a file, in parts of `part_bytes`.
    ///
    /// `records`: the offsets of the first record and of the end of the file. `count` counts the bytes read from
    /// `n_counted` on.
    pub(crate) fn new(
        file: Box<dyn ReadAt>,
        dialect: Dialect,
        records: Range<u64>,
        part_bytes: usize,
        (count, n_counted): (Arc<AtomicU64>, u64),
    ) -> Self {
        let part_bytes = part_bytes.clamp(1, MAX_CHUNK / 2);
        let start = records.start;
        Parts {
            file,
            dialect,
            records,
            part_bytes: part_bytes as u64,
            max_record: Chunker::MAX_RECORD.max(part_bytes),
            behind: BEHIND,
            count,
            n_counted,
            turn: Mutex::new(Turn {
                part: 0,
                start,
                n_waiting: 0,
                is_broken: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// The same, with so many bytes read behind a part.
    #[cfg(test)]
    pub(super) fn looking_behind(self, n_bytes: usize) -> Self {
        Parts {
            behind: n_bytes.max(1),
            ..self
        }
    }

    /// How many parts there are, at least one.
    pub(crate) fn len(&self) -> u64 {
        let Range { start, end } = self.records;
        (end.div_ceil(self.part_bytes))
            .saturating_sub(start / self.part_bytes)
            .max(1)
    }

    /// The bytes of a part; the last one may reach behind the end of the file.
    fn range(&self, part: u64) -> Range<u64> {
        // At whole multiples, where the pages of the file begin.
        let n = self.records.start / self.part_bytes + part;
        self.records.start.max(n * self.part_bytes)..(n + 1) * self.part_bytes
    }

    /// Reads a part; None where no record belongs to it. Every part is to be read, by whoever, an earlier one before
    /// or at the same time as a later one.
    ///
    /// Errors: io; `limit.record`, with the line on which the record begins; `source.changed` where the file has
    /// become shorter.
    pub(crate) fn read(&self, part: u64, memory: &mut PartMemory) -> Result<Option<Chunk>> {
        let baton = Baton {
            parts: self,
            part,
            is_handed_on: false,
        };
        let Range { start: from, end: to } = self.range(part);
        memory.feed.restart(from);
        let own = to.min(self.records.end).saturating_sub(from);
        self.count.fetch_add(
            own.min((from + own).saturating_sub(self.n_counted)),
            Ordering::Relaxed,
        );
        self.more(&mut memory.feed, own as usize + self.behind)?;
        let guess = if part == 0 {
            Some(from)
        } else {
            let bytes = memory.feed.bytes();
            let line_end = memchr::memchr(self.dialect.newline(), &bytes[..bytes.len().min(own as usize)]);
            line_end.map(|at| from + at as u64 + 1)
        };
        let guessed = match guess {
            Some(start) => self.end_of(start..to, memory, false)?.map(|end| (start, end)),
            None => None,
        };
        let Some(start) = self.wait_for(part) else {
            return Ok(None);
        };
        if start > to || start >= self.records.end {
            baton.hand_on(start);
            return Ok(None);
        }
        let end = match guessed {
            Some((guess, end)) if guess == start => end,
            _ => self.end_of(start..to, memory, true)?.unwrap_or(self.records.end),
        };
        baton.hand_on(end);
        let records = (start - from) as usize..(end - from) as usize;
        let marks = memory
            .borders
            .cut(&memory.feed.bytes()[records.start..], records.len());
        Ok(Some(Chunk {
            bytes: memory.feed.take(records),
            first_line: None,
            byte_offset: start,
            marks,
        }))
    }

    /// Where the records end of which the first begins at `range.start`, and the last behind a line end before
    /// `range.end`. None where `is_sure` does not say that a record begins there, and it is hard to tell.
    fn end_of(&self, range: Range<u64>, memory: &mut PartMemory, is_sure: bool) -> Result<Option<u64>> {
        let PartMemory { feed, borders } = memory;
        let behind = (range.start - feed.byte_offset()) as usize;
        borders.begin(self.dialect, (range.end - range.start) as usize);
        loop {
            let bytes = &feed.bytes()[behind..];
            borders.advance(bytes, feed.at_end());
            let found = match borders.first_border(bytes) {
                0 => feed.at_end().then_some(bytes.len()),
                border => Some(border),
            };
            let len = found.unwrap_or(bytes.len());
            if !is_sure && (found.is_none() || len > self.max_record) {
                return Ok(None);
            }
            if len > self.max_record {
                // None but the last one can be so long.
                let last = borders.border_before(bytes);
                if len - last > self.max_record {
                    let place = self.place(range.start + last as u64)?;
                    return Err(borders.too_long(self.max_record, place));
                }
            }
            if let Some(len) = found {
                return Ok(Some(range.start + len as u64));
            }
            // As much again, or a long record is looked at from its beginning too often.
            let n_more = bytes.len().max(self.behind);
            self.more(feed, n_more)?;
        }
    }

    /// Reads so many bytes more, fewer at the end of the file.
    fn more(&self, feed: &mut Feed, n: usize) -> Result<()> {
        let at = feed.byte_offset() + feed.bytes().len() as u64;
        feed.more(&mut Rest { parts: self, at }, n)?;
        let end = feed.byte_offset() + feed.bytes().len() as u64;
        if feed.at_end() && end < self.records.end {
            return Err(changed());
        }
        Ok(())
    }

    /// The line of an offset.
    #[cold]
    fn place(&self, at: u64) -> Result<Location> {
        let mut before = Rest { parts: self, at: 0 }.take(at);
        let (mut block, mut line) = (vec![0; 1 << 16], 1);
        loop {
            match before.read(&mut block) {
                Ok(0) => break,
                Ok(n) => line += count_lines(&block[..n], self.dialect.newline()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::io("cannot be read", &e)),
            }
        }
        Ok(Location {
            line: Some(line),
            ..Location::default()
        })
    }

    fn lock(&self) -> MutexGuard<'_, Turn> {
        // Whoever panicked has already failed the run.
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the records of a part begin, once that is known; None where it never will be.
    fn wait_for(&self, part: u64) -> Option<u64> {
        let mut turn = self.lock();
        while turn.part != part && !turn.is_broken {
            turn.n_waiting += 1;
            turn = self.changed.wait(turn).unwrap_or_else(PoisonError::into_inner);
            turn.n_waiting -= 1;
        }
        (!turn.is_broken).then_some(turn.start)
    }
}

/// The duty to say where the next part begins.
struct Baton<'a> {
    parts: &'a Parts,
    part: u64,
    is_handed_on: bool,
}

impl Baton<'_> {
    fn hand_on(mut self, start: u64) {
        self.is_handed_on = true;
        let mut turn = self.parts.lock();
        (turn.part, turn.start) = (self.part + 1, start);
        if turn.n_waiting > 0 {
            self.parts.changed.notify_all();
        }
    }
}

impl Drop for Baton<'_> {
    fn drop(&mut self) {
        if !self.is_handed_on {
            self.parts.lock().is_broken = true;
            self.parts.changed.notify_all();
        }
    }
}

/// The file from a place on, up to where it ended when it was opened.
struct Rest<'a> {
    parts: &'a Parts,
    at: u64,
}

impl Read for Rest<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.parts.records.end.saturating_sub(self.at);
        let room = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let n = self.parts.file.read_at(&mut buf[..room], self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}
