//! The buffer between a reader and a chunker.
//!
//! A [`Feed`] reads exactly as many bytes as it is asked for, however few a single read call brings,
//! and hands out the front of its buffer as a chunk while it keeps the rest for the next one.
//! So what a chunker sees never depends on how the bytes arrived. It knows nothing of records.

use std::io::{ErrorKind, Read};

use crate::error::{Error, Location, Result};

/// Chunks hold offsets as `u32`; a record or item can therefore never be allowed to grow past this.
pub(crate) const MAX_CHUNK: usize = (u32::MAX / 2) as usize;

/// Bytes read and not yet handed out, and where in the stream they stand.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    /// The first `filled` bytes are input; the rest is spare room that was zeroed or used before.
    buffer: Vec<u8>,
    filled: usize,
    /// Buffers that came back from chunks, so that a steady state allocates nothing.
    spare: Vec<Vec<u8>>,
    at_end: bool,
    started: bool,
    /// Stream offset of `buffer[0]`.
    byte_offset: u64,
    /// Physical line of `buffer[0]`, from 1.
    line: u64,
}

impl Feed {
    pub(crate) fn new() -> Self {
        Feed {
            line: 1,
            ..Feed::default()
        }
    }

    /// Everything read and not yet handed out.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.filled]
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
        let n = if self.started { n } else { n.max(3) };
        let goal = self.filled.saturating_add(n);
        if self.buffer.len() < goal {
            self.buffer.resize(goal, 0);
        }
        while self.filled < goal && !self.at_end {
            match input.read(&mut self.buffer[self.filled..goal]) {
                Ok(0) => self.at_end = true,
                // A reader that claims more than it was given room for is not believed.
                Ok(n_read) => self.filled = (self.filled + n_read).min(goal),
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) => return Err(Error::io("reading the input", &cause)),
            }
        }
        if !self.started {
            self.started = true;
            if self.bytes().starts_with(b"\xef\xbb\xbf") {
                self.buffer.drain(..3);
                self.filled -= 3;
                self.byte_offset = 3;
            }
        }
        Ok(())
    }

    /// Hands out the first `at` bytes and keeps the rest. `newline` is what ends a physical line;
    /// without it lines are not counted.
    pub(crate) fn cut(&mut self, at: usize, newline: Option<u8>) -> Vec<u8> {
        let rest = self.filled - at;
        let mut next = self.spare.pop().unwrap_or_default();
        if next.len() < rest {
            next.resize(rest, 0);
        }
        next[..rest].copy_from_slice(&self.buffer[at..self.filled]);
        let mut front = std::mem::replace(&mut self.buffer, next);
        front.truncate(at);
        self.filled = rest;
        self.byte_offset += at as u64;
        if let Some(newline) = newline {
            self.line += count_lines(&front, newline);
        }
        front
    }

    /// Takes a buffer back for reuse. More than a few are not kept.
    pub(crate) fn recycle(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < 4 {
            self.spare.push(buffer);
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
