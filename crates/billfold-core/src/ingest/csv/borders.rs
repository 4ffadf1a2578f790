//! Where records end in bytes that begin at one: by the marks where the quoting rules are kept, else letter by letter.

use super::marks::{Counts, Marker, Marks};
use super::mask::BLOCK;
use super::{Dialect, QUOTE};
use crate::error::{Error, Location};

/// Finds the borders of the records in bytes that grow at their end, and marks where their fields end.
#[derive(Debug)]
pub(super) struct Borders {
    dialect: Dialect,
    marks: Marks,
    /// Blocks that need not be marked again, and the state behind them.
    n_blocks: usize,
    marker: Marker,
    counts: Counts,
    /// The state behind all bytes.
    is_inside: bool,
    /// Where the line end may stand that makes the first border.
    from: usize,
    /// What finds the borders where a quoting rule was broken.
    by_letter: Option<BorderScan>,
    /// Memory that came back.
    spare: Option<Marks>,
}

impl Borders {
    /// For bytes that begin at a record.
    pub(super) fn new(dialect: Dialect) -> Self {
        Borders {
            dialect,
            marks: Marks::default(),
            n_blocks: 0,
            marker: Marker::new(dialect),
            counts: Counts::default(),
            is_inside: false,
            from: 0,
            by_letter: None,
            spare: None,
        }
    }

    /// Begins anew, at a record. The first border that is asked for is that of the first line end at `from` or later.
    pub(super) fn begin(&mut self, dialect: Dialect, from: usize) {
        self.dialect = dialect;
        self.marks.clear();
        self.restart();
        self.by_letter = None;
        self.from = from;
    }

    fn restart(&mut self) {
        self.n_blocks = 0;
        self.marker = Marker::new(self.dialect);
        self.counts = Counts::default();
    }

    /// Takes back the memory of marks.
    pub(super) fn recycle(&mut self, marks: Option<Marks>) {
        self.spare = self.spare.take().or(marks);
    }

    /// Scans what has come since the last call.
    pub(super) fn advance(&mut self, bytes: &[u8], at_end: bool) {
        if self.by_letter.is_none() && !self.mark(bytes, at_end) {
            self.by_letter = Some(BorderScan::new(self.dialect, self.from));
        }
        if let Some(scan) = &mut self.by_letter {
            scan.advance(bytes);
            self.is_inside = scan.inside;
        }
    }

    /// Marks what has come; says whether the quoting rules are kept so far, and to the end at the end.
    fn mark(&mut self, bytes: &[u8], at_end: bool) -> bool {
        // The last block is marked again with the bytes that follow it: they decide what stands in it.
        let n_whole = bytes.len().saturating_sub(1) / BLOCK;
        self.marks.ends.truncate(self.n_blocks);
        self.marks.counts = self.counts;
        if !self.marker.run(&mut self.marks, bytes, self.n_blocks..n_whole) {
            return false;
        }
        self.n_blocks = n_whole;
        self.counts = self.marks.counts;
        let mut ahead = self.marker.clone();
        let sound = ahead.run(&mut self.marks, bytes, n_whole..bytes.len().div_ceil(BLOCK));
        self.is_inside = ahead.is_inside();
        sound && !(at_end && self.is_inside)
    }

    /// Offset after the first line end outside quotes that stands where [`Borders::begin`] says; 0 is none.
    pub(super) fn first_border(&self, bytes: &[u8]) -> usize {
        match &self.by_letter {
            Some(scan) => scan.first_border,
            None => self.marks.first_border(bytes, self.dialect.newline(), self.from),
        }
    }

    /// Offset after the last line end outside quotes; 0 is none.
    pub(super) fn last_border(&self, bytes: &[u8]) -> usize {
        match &self.by_letter {
            Some(scan) => scan.last_border,
            None => self.marks.last_border(bytes, self.dialect.newline()),
        }
    }

    /// Offset after the last line end outside quotes that stands before where [`Borders::begin`] says; 0 is none.
    pub(super) fn border_before(&self, bytes: &[u8]) -> usize {
        match &self.by_letter {
            Some(scan) => scan.border_before,
            None => {
                let before = &bytes[..self.from.min(bytes.len())];
                self.marks.last_border(before, self.dialect.newline())
            }
        }
    }

    /// The marks of the bytes before `at`, a border, behind which all begins anew.
    pub(super) fn cut(&mut self, bytes: &[u8], at: usize) -> Option<Marks> {
        let mut next = self.spare.take().unwrap_or_default();
        next.clear();
        let mut marks = std::mem::replace(&mut self.marks, next);
        self.restart();
        if self.by_letter.take().is_some() {
            self.spare = Some(marks);
            return None;
        }
        marks.cut(at, bytes, self.dialect.newline());
        Some(marks)
    }

    /// The error of a record that is longer than `max_record` bytes.
    #[cold]
    pub(super) fn too_long(&self, max_record: usize, at: Location) -> Error {
        let message = format!("a record is longer than the limit of {max_record} bytes");
        let error = Error::limit("limit.record", message).at(at);
        if self.is_inside {
            error.hint("a quote that is never closed makes one record of all that follows")
        } else {
            error
        }
    }
}

/// Follows the quotes letter by letter, and remembers the record borders that are asked for.
///
/// Outside quotes the part that a quote plays is known from the byte before it alone: at the start of a
/// field it opens, after a closing quote it makes that one half of `""`, anywhere else it is text.
#[derive(Debug)]
struct BorderScan {
    delimiter: u8,
    newline: u8,
    /// Bytes seen so far.
    n_seen: usize,
    /// The next byte stands inside quotes.
    inside: bool,
    /// The last byte was a quote that closed.
    closed: bool,
    /// The next byte starts a field.
    field_start: bool,
    /// Where the line end may stand that makes the first border.
    from: usize,
    /// Offset after the last line end outside quotes before `from`; 0 is none, here and below.
    border_before: usize,
    /// Offset after the first line end outside quotes from `from` on.
    first_border: usize,
    /// Offset after the last line end outside quotes.
    last_border: usize,
}

impl BorderScan {
    fn new(dialect: Dialect, from: usize) -> Self {
        BorderScan {
            delimiter: dialect.delimiter,
            newline: dialect.newline(),
            n_seen: 0,
            inside: false,
            closed: false,
            field_start: true,
            from,
            border_before: 0,
            first_border: 0,
            last_border: 0,
        }
    }

    /// Scans what of `bytes` is new.
    fn advance(&mut self, bytes: &[u8]) {
        for (at, &byte) in bytes.iter().enumerate().skip(self.n_seen) {
            self.step(byte, at);
        }
        self.n_seen = bytes.len();
    }

    fn step(&mut self, byte: u8, at: usize) {
        if self.inside {
            self.closed = byte == QUOTE;
            self.inside = !self.closed;
            self.field_start = false;
        } else if byte == QUOTE {
            self.inside = self.closed || self.field_start;
            self.closed = false;
            self.field_start = false;
        } else {
            self.closed = false;
            self.field_start = byte == self.delimiter || byte == self.newline;
            if byte == self.newline {
                self.last_border = at + 1;
                if at < self.from {
                    self.border_before = at + 1;
                } else if self.first_border == 0 {
                    self.first_border = at + 1;
                }
            }
        }
    }
}
