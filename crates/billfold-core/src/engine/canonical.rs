//! The canonical form of an answer: the CSV that is printed, hashed and compared byte by byte.
//!
//! Columns: the dimensions in the order asked, then `period`, `period_start`, `period_end`,
//! `billing_currency`, `cost`, `charges`. Amounts in full, times UTC, LF after every line; a field is
//! quoted where it holds a comma, a quote or a line end.

use std::io::{self, Write};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::spill::StoredAnswer;
use crate::error::Result;
use crate::money::push_count;
use crate::time::format_instant;

/// Groups that are rendered in one piece.
const PIECE_GROUPS: usize = 1 << 13;
/// Bytes of a line, about.
const LINE_BYTES: usize = 96;

/// Writes an answer in its canonical form.
pub fn write_csv(answer: &Answer, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&header(answer, push_bytes))?;
    write_csv_lines(answer, &mut |bytes| out.write_all(bytes))
}

/// Hands out the lines of the groups without the header, some at a time.
///
/// Errors: what `each` refuses.
pub fn write_csv_lines<E>(answer: &Answer, each: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    each_piece(answer.len(), &csv_line(answer, push_bytes), each)
}

/// How the text of a field is appended to a line.
pub type PushField = fn(&mut Vec<u8>, &str);

/// The line above the groups, names written with `push`.
pub fn header(answer: &Answer, push: PushField) -> Vec<u8> {
    let mut line = Vec::new();
    for name in answer.dimension_names() {
        push(&mut line, name);
        line.push(b',');
    }
    line.extend_from_slice(b"period,period_start,period_end,billing_currency,cost,charges\n");
    line
}

/// Appends the line of the group at an index, names written with `push`.
pub fn csv_line(answer: &Answer, push: PushField) -> impl Fn(usize, &mut Vec<u8>) + Sync {
    // Periods repeat from group to group.
    let periods: Vec<String> = answer
        .periods
        .iter()
        .map(|period| {
            let instant = |i: Option<i64>| i.map(format_instant).unwrap_or_default();
            let (start, end) = (instant(period.start), instant(period.end));
            format!("{},{start},{end},", period.label)
        })
        .collect();
    move |idx, line| {
        for key in answer.row(idx).keys() {
            push(line, key);
            line.push(b',');
        }
        line.extend_from_slice(periods[answer.period_idx[idx] as usize].as_bytes());
        let currency = answer.currencies[answer.currency_idx[idx] as usize];
        line.extend_from_slice(currency.as_str().as_bytes());
        line.push(b',');
        answer.costs.push_text(idx as u32, line);
        line.push(b',');
        push_count(line, answer.charges[idx]);
        line.push(b'\n');
    }
}

/// Hands out what `line` appends per group, in order and in pieces of many groups, rendered on all cores.
///
/// Errors: what `each` refuses.
pub fn each_piece<E>(
    n_groups: usize,
    line: &(impl Fn(usize, &mut Vec<u8>) + Sync),
    each: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let render = |piece: usize, lines: &mut Vec<u8>| {
        let from = piece * PIECE_GROUPS;
        let to = n_groups.min(from + PIECE_GROUPS);
        lines.clear();
        lines.reserve((to - from) * LINE_BYTES);
        (from..to).for_each(|idx| line(idx, lines));
    };
    let n_pieces = n_groups.div_ceil(PIECE_GROUPS);
    if n_pieces == 0 {
        return Ok(());
    }
    if n_pieces == 1 {
        // Less than other cores are worth waking for.
        let mut lines = Vec::new();
        render(0, &mut lines);
        return each(&lines);
    }
    let at_once = (rayon::current_num_threads() * 2).min(n_pieces);
    let render_from = |first: usize, pieces: &mut [Vec<u8>]| {
        let pieces = pieces.par_iter_mut().enumerate();
        pieces.for_each(|(i, lines)| render(first + i, lines));
    };
    let mut ready: Vec<Vec<u8>> = vec![Vec::new(); at_once];
    let mut coming = ready.clone();
    render_from(0, &mut ready);
    for first in (at_once..n_pieces).step_by(at_once) {
        coming.truncate(n_pieces - first);
        // What is ready is handed out here, while the pool renders what comes.
        rayon::in_place_scope(|scope| {
            scope.spawn(|_| render_from(first, &mut coming));
            ready.iter().try_for_each(|lines| each(lines))
        })?;
        std::mem::swap(&mut ready, &mut coming);
    }
    ready.iter().try_for_each(|lines| each(lines))
}

/// Appends a CSV field, quoted where RFC 4180 asks for it.
pub fn push_field(line: &mut String, text: &str) {
    if text.contains([',', '"', '\n', '\r']) {
        line.push('"');
        line.push_str(&text.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(text);
    }
}

/// Appends a CSV field to bytes, quoted as [`push_field`] does.
pub fn push_bytes(line: &mut Vec<u8>, text: &str) {
    let special = |byte: &u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    // Without a way out the loop is a few instructions for many bytes.
    if text
        .as_bytes()
        .iter()
        .fold(false, |any, byte| any | special(byte))
    {
        let mut field = String::new();
        push_field(&mut field, text);
        line.extend_from_slice(field.as_bytes());
    } else {
        line.extend_from_slice(text.as_bytes());
    }
}

/// SHA-256 of the canonical form, in lower-case hex: what `sha256sum` says of the printed CSV.
pub fn answer_sha256(answer: &Answer) -> String {
    // Nothing is refused here.
    told_sha256(answer, None, &mut |_| Ok(())).unwrap_or_default()
}

/// The same, of the answer or of the one on disk that it is the head of; `tell` hears the form as it is hashed.
///
/// Errors: what `tell` refuses; a temporary file that cannot be read.
pub fn told_sha256(
    answer: &Answer,
    stored: Option<&StoredAnswer>,
    tell: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<String> {
    let mut hash = Sha256::new();
    let mut hear = |bytes: &[u8]| {
        hash.update(bytes);
        tell(bytes)
    };
    hear(&header(answer, push_bytes))?;
    match stored {
        Some(stored) => stored.each_block(&mut |block| write_csv_lines(block, &mut hear))?,
        None => write_csv_lines(answer, &mut hear)?,
    }
    Ok(hex(hash))
}

fn hex(hash: Sha256) -> String {
    let mut hex = String::with_capacity(64);
    for byte in hash.finalize() {
        // Writing to a string cannot fail.
        let _ = std::fmt::Write::write_fmt(&mut hex, format_args!("{byte:02x}"));
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_in_order_and_none_after_one_that_is_refused() {
        let line = |idx: usize, out: &mut Vec<u8>| out.extend_from_slice(format!("{idx}\n").as_bytes());
        for n in [
            0,
            1,
            PIECE_GROUPS,
            PIECE_GROUPS + 1,
            5 * PIECE_GROUPS + 7,
            40 * PIECE_GROUPS,
        ] {
            let mut told = Vec::new();
            each_piece(n, &line, &mut |bytes| {
                told.extend_from_slice(bytes);
                Ok::<(), ()>(())
            })
            .unwrap();
            let mut expected = Vec::new();
            (0..n).for_each(|idx| line(idx, &mut expected));
            assert!(told == expected, "{n} groups");
        }
        let mut n_told = 0;
        let refused = each_piece(40 * PIECE_GROUPS, &line, &mut |_| {
            n_told += 1;
            if n_told == 7 { Err("full") } else { Ok(()) }
        });
        assert_eq!((refused, n_told), (Err("full"), 7));
    }
}
