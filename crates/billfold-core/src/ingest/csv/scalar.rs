//! The quoting rules of CSV, one byte at a time.
//!
//! This is the definition; the block scan of `records` is the fast way to the same answer for input
//! that keeps the rules, and hands over to this one where a quote stands where it should not.

use super::{Dialect, Malformed, QUOTE};

/// What a walk over bytes meets.
pub(super) enum Event {
    /// A field ends before the delimiter at this offset.
    Field(usize),
    /// The last field of a record ends before the line end at this offset, or at the end of the bytes.
    Record(usize),
    /// The record departs from the rules, first seen at this offset.
    Fault(Malformed, usize),
}

#[derive(Clone, Copy)]
enum State {
    FieldStart,
    Unquoted,
    Quoted,
    /// Behind a quote that closes, unless another quote follows.
    Closed,
}

/// Walks `bytes`, which begin at a record border, and reports every field, record and fault in order.
///
/// Stops early when `visit` says false.
pub(super) fn walk(bytes: &[u8], dialect: Dialect, mut visit: impl FnMut(Event) -> bool) {
    let newline = dialect.newline();
    let mut state = State::FieldStart;
    let mut record_start = 0;
    let mut opened_at = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let go_on = match state {
            State::Quoted => {
                if byte == QUOTE {
                    state = State::Closed;
                }
                true
            }
            State::Closed if byte == QUOTE => {
                state = State::Quoted;
                true
            }
            State::FieldStart if byte == QUOTE => {
                state = State::Quoted;
                opened_at = at;
                true
            }
            _ if byte == dialect.delimiter => {
                state = State::FieldStart;
                visit(Event::Field(at))
            }
            _ if byte == newline => {
                state = State::FieldStart;
                record_start = at + 1;
                visit(Event::Record(at))
            }
            State::Closed
                if byte == b'\r' && !dialect.cr_only && matches!(bytes.get(at + 1), None | Some(b'\n')) =>
            {
                true
            }
            State::Closed => {
                state = State::Unquoted;
                visit(Event::Fault(Malformed::AfterQuote, at))
            }
            State::Unquoted if byte == QUOTE => visit(Event::Fault(Malformed::BareQuote, at)),
            State::FieldStart | State::Unquoted => {
                state = State::Unquoted;
                true
            }
        };
        if !go_on {
            return;
        }
    }
    if matches!(state, State::Quoted) && !visit(Event::Fault(Malformed::UnclosedQuote, opened_at)) {
        return;
    }
    if record_start < bytes.len() {
        visit(Event::Record(bytes.len()));
    }
}
