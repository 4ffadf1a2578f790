//! The canonical form of an answer: the CSV that is printed, hashed and compared byte by byte.
//!
//! Columns: the dimensions in the order asked, then `period`, `period_start`, `period_end`,
//! `billing_currency`, `cost`, `charges`. Amounts in full, times UTC, LF after every line; a field is
//! quoted where it holds a comma, a quote or a line end.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use super::answer::Answer;
use crate::time::format_instant;

/// Writes an answer in its canonical form.
pub fn write_csv(answer: &Answer, out: &mut dyn Write) -> io::Result<()> {
    let mut line = String::new();
    for name in answer.dimension_names() {
        push_field(&mut line, name);
        line.push(',');
    }
    line.push_str("period,period_start,period_end,billing_currency,cost,charges\n");
    out.write_all(line.as_bytes())?;
    // Periods repeat from group to group.
    let periods: Vec<String> = answer
        .periods
        .iter()
        .map(|period| {
            let instant = |i: Option<i64>| i.map(format_instant).unwrap_or_default();
            format!(
                "{},{},{}",
                period.label,
                instant(period.start),
                instant(period.end)
            )
        })
        .collect();
    for (idx, row) in answer.rows().enumerate() {
        line.clear();
        for key in row.keys() {
            push_field(&mut line, key);
            line.push(',');
        }
        line.push_str(&periods[answer.period_idx[idx] as usize]);
        line.push(',');
        line.push_str(row.currency().as_str());
        line.push(',');
        line.push_str(&row.cost().to_string());
        line.push(',');
        line.push_str(&row.charges().to_string());
        line.push('\n');
        out.write_all(line.as_bytes())?;
    }
    Ok(())
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

/// SHA-256 of the canonical form, in lower-case hex: what `sha256sum` says of the printed CSV.
pub fn answer_sha256(answer: &Answer) -> String {
    struct Hashing(Sha256);
    impl Write for Hashing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut hashing = io::BufWriter::with_capacity(1 << 16, Hashing(Sha256::new()));
    // Hashing cannot fail.
    let _ = write_csv(answer, &mut hashing);
    let _ = hashing.flush();
    match hashing.into_inner() {
        Ok(Hashing(hash)) => hash
            .finalize()
            .iter()
            .fold(String::with_capacity(64), |mut hex, byte| {
                let _ = std::fmt::Write::write_fmt(&mut hex, format_args!("{byte:02x}"));
                hex
            }),
        Err(_) => String::new(),
    }
}
