//! The buffer between a reader and a chunker.
//!
//! A [`Feed`] reads exactly as many bytes as it is asked for, however few a single read call brings,
//! and hands out the front of its buffer as a chunk while it keeps the rest for the next one.
//! So what a chunker sees never depends on how the bytes arrived. It knows nothing of records.

use std::fmt;
use std::io::{ErrorKind, Read};
use std::ops::{Deref, Range};

use crate::error::{Error, Location, Result};

/// Chunks hold offsets as `u32`; a record or item can therefore never be allowed to grow past this.
pub(crate) const MAX_CHUNK: usize = (u32::MAX / 2) as usize;

/// Bytes of a page of memory, in the file cache of the system and here.
const PAGE: usize = 4096;
/// Where in its page a byte is put that stands at the start of a page of the file. The system copies from page to
/// page, and an address whose low bits are a little behind those of the source makes each load wait for a store: up
/// to 32 bytes behind costs twice as much, and only from 512 on it does not show (measured on Zen 3).
const APART: usize = PAGE / 2;
/// The byte order mark of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes read and not yet handed out, and where in the stream they stand.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    /// `filled` bytes from `start` on are input; the rest is spare room that was zeroed or used before.
    buffer: Vec<u8>,
    start: usize,
    filled: usize,
    /// Buffers that came back from chunks, so that a steady state allocates nothing.
    spare: Vec<Vec<u8>>,
    at_end: bool,
    started: bool,
    /// Stream offset of the first byte of input.
    byte_offset: u64,
    /// Physical line of the first byte of input, from 1.
    line: u64,
}

/// Bytes that a feed handed out, in memory that it takes back.
#[derive(Clone, Default)]
pub struct Piece {
    memory: Vec<u8>,
    range: Range<usize>,
}

impl Deref for Piece {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.memory[self.range.clone()]
    }
}

impl PartialEq for Piece {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Piece {}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}

/// Where in a buffer the input begins that stands at `offset` of the stream.
fn place_of(buffer: &[u8], offset: u64) -> usize {
    (APART + offset as usize % PAGE).wrapping_sub(buffer.as_ptr().addr()) % PAGE
}

impl Feed {
    /// A feed whose first byte stands on so many a physical line, from 1.
    pub(crate) fn at_line(line: u64) -> Self {
        Feed {
            line,
            ..Feed::default()
        }
    }

    /// Forgets all input. What comes next stands at `byte_offset` of a file that is read at places; lines are
    /// not counted there.
    pub(crate) fn restart(&mut self, byte_offset: u64) {
        if self.buffer.is_empty() {
            self.buffer = self.spare.pop().unwrap_or_default();
        }
        (self.filled, self.at_end, self.started) = (0, false, true);
        (self.byte_offset, self.line) = (byte_offset, 0);
        self.start = if self.buffer.is_empty() {
            0
        } else {
            place_of(&self.buffer, byte_offset)
        };
    }

    /// Hands out a part of the input and forgets the rest.
    pub(crate) fn take(&mut self, part: Range<usize>) -> Piece {
        let filled = std::mem::take(&mut self.filled);
        debug_assert!(part.end <= filled, "what was read");
        Piece {
            memory: std::mem::take(&mut self.buffer),
            range: self.start + part.start..self.start + part.end,
        }
    }

    /// Everything read and not yet handed out.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.start + self.filled]
    }

    /// Whether the reader has reported its end.
    pub(crate) fn at_end(&self) -> bool {
        self.at_end
    }

    pub(crate) fn byte_offset(&self) -> u64 {
        self.byte_offset
    }

    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Reads exactly `n` more bytes, fewer only at the end of the stream.
    ///
    /// A UTF-8 byte order mark at the very start of the stream is dropped here, because a quote or a
    /// bracket behind it still stands at the start of a field or item.
    pub(crate) fn more(&mut self, input: &mut dyn Read, n: usize) -> Result<()> {
        let n = if self.started { n } else { n.max(MARK.len()) };
        let goal = self.filled.saturating_add(n);
        // The input begins within the first page, or behind a mark that begins there.
        let room = goal.saturating_add(PAGE + MARK.len());
        if self.buffer.len() < room {
            self.buffer.resize(room, 0);
            // It may have moved.
            let start = place_of(&self.buffer, self.byte_offset);
            self.buffer
                .copy_within(self.start..self.start + self.filled, start);
            self.start = start;
        }
        let free = &mut self.buffer[self.start..self.start + goal];
        while self.filled < goal && !self.at_end {
            match input.read(&mut free[self.filled..]) {
                Ok(0) => self.at_end = true,
                // A reader that claims more than it was given room for is not believed.
                Ok(n_read) => self.filled = (self.filled + n_read).min(goal),
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) => return Err(Error::io("cannot be read", &cause)),
            }
        }
        if !self.started {
            self.started = true;
            if self.bytes().starts_with(MARK) {
                self.start += MARK.len();
                self.filled -= MARK.len();
                self.byte_offset = MARK.len() as u64;
            }
        }
        Ok(())
    }

    /// Hands out the first `at` bytes, which end `n_lines` physical lines, and keeps the rest.
    pub(crate) fn cut(&mut self, at: usize, n_lines: u64) -> Piece {
        let rest = self.filled - at;
        let mut next = self.spare.pop().unwrap_or_default();
        if next.len() < rest + PAGE {
            // As large as it will be, or it moves when it grows.
            next.resize(self.buffer.len(), 0);
        }
        self.byte_offset += at as u64;
        let start = place_of(&next, self.byte_offset);
        next[start..start + rest].copy_from_slice(&self.bytes()[at..]);
        let front = Piece {
            memory: std::mem::replace(&mut self.buffer, next),
            range: self.start..self.start + at,
        };
        self.start = start;
        self.filled = rest;
        self.line += n_lines;
        front
    }

    /// Takes a buffer back for reuse. More than a few are not kept.
    pub(crate) fn recycle(&mut self, piece: Piece) {
        if self.spare.len() < 4 {
            self.spare.push(piece.memory);
        }
    }

    /// The place of buffer offset `at`, for an error message.
    pub(crate) fn place(&self, at: usize, newline: u8) -> Location {
        let line = self.line + count_lines(&self.bytes()[..at.min(self.filled)], newline);
        Location {
            line: Some(line),
            ..Location::default()
        }
    }
}

/// Physical line ends in `bytes`.
pub(crate) fn count_lines(bytes: &[u8], newline: u8) -> u64 {
    memchr::memchr_iter(newline, bytes).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_bytes_and_lie_apart_from_the_pages_of_the_file() {
        let bytes: Vec<u8> = (0..400_000_u32).map(|i| (i % 251) as u8).collect();
        let mut input = bytes.as_slice();
        let mut feed = Feed::at_line(1);
        let mut given = Vec::new();
        while !feed.at_end() {
            let offset = feed.byte_offset();
            feed.more(&mut input, 10_000).unwrap();
            let at = feed.bytes().len() * 9 / 10;
            let piece = feed.cut(at, 0);
            let apart = (piece.as_ptr().addr() - offset as usize % PAGE) % PAGE;
            assert_eq!(apart, APART, "at {offset}");
            given.extend_from_slice(&piece);
            feed.recycle(piece);
        }
        given.extend_from_slice(feed.bytes());
        assert!(given == bytes);
    }
}
