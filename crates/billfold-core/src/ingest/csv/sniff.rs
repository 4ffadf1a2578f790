//! What the first bytes of a file say: encoding, line ends, delimiter, and the header's names.
//!
//! Only findings; nothing is decided here. The caller shows a delimiter before it is used.

use super::scalar::{self, Event};
use super::{Columns, Dialect, Malformed, QUOTE, RecordIndex};

/// How the text is encoded, as far as the first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8 or one of its subsets, as far as the sample goes.
    Utf8,
    /// Little-endian UTF-16, by its mark or by its NULs.
    Utf16Le,
    /// Big-endian UTF-16, by its mark or by its NULs.
    Utf16Be,
    /// UTF-32 of either byte order.
    Utf32,
    /// Bytes that are not UTF-8: GB18030, Latin-1 and others cannot be told apart here.
    Other {
        /// Offset of the first byte that is not UTF-8.
        first_bad: usize,
    },
}

/// What the first bytes of a CSV file say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderShape {
    /// The encoding. Everything below is only meaningful for UTF-8 and its like.
    pub encoding: Encoding,
    /// Bytes of the byte order mark at the start; 0 is none.
    pub bom_len: usize,
    /// Whether CR alone ends records: there is one outside quotes, and no LF outside quotes.
    pub cr_only: bool,
    /// Delimiters met in the first record outside quotes and how often, the most frequent first.
    pub delimiters: Vec<(u8, usize)>,
}

impl HeaderShape {
    /// The delimiter that the first record speaks for; None for a file of one column.
    pub fn best_delimiter(&self) -> Option<u8> {
        self.delimiters.first().map(|&(byte, _)| byte)
    }
}

/// Delimiters that are looked for, in the order that breaks a tie.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// Looks at the first bytes of a file; 64 KiB are plenty. `whole` says that there are no more.
pub fn sniff_header(sample: &[u8], whole: bool) -> HeaderShape {
    let (encoding, bom_len) = sniff_encoding(sample, whole);
    let text = &sample[bom_len..];
    let mut counts = DELIMITERS.map(|byte| (byte, 0));
    let (mut in_first, mut saw_cr, mut saw_lf) = (true, false, false);
    let mut quoted = false;
    let mut previous = b'\n';
    for (at, &byte) in text.iter().enumerate() {
        if quoted {
            quoted = byte != QUOTE;
        } else if byte == QUOTE {
            // Behind another quote it is the second half of `""`; the delimiter is not known yet, so any of them will do.
            quoted =
                previous == QUOTE || previous == b'\n' || previous == b'\r' || DELIMITERS.contains(&previous);
        } else if byte == b'\n' {
            saw_lf = true;
            in_first = false;
        } else if byte == b'\r' && (at + 1 < text.len() || whole) && text.get(at + 1) != Some(&b'\n') {
            saw_cr = true;
            in_first = false;
        } else if in_first && let Some(count) = counts.iter_mut().find(|(candidate, _)| *candidate == byte) {
            count.1 += 1;
        }
        previous = byte;
    }
    let mut delimiters: Vec<_> = counts.into_iter().filter(|&(_, count)| count > 0).collect();
    delimiters.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    HeaderShape {
        encoding,
        bom_len,
        cr_only: saw_cr && !saw_lf,
        delimiters,
    }
}

fn sniff_encoding(sample: &[u8], whole: bool) -> (Encoding, usize) {
    match sample {
        [0xef, 0xbb, 0xbf, ..] => return (utf8_or_other(sample, whole), 3),
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return (Encoding::Utf32, 4),
        [0xff, 0xfe, ..] => return (Encoding::Utf16Le, 2),
        [0xfe, 0xff, ..] => return (Encoding::Utf16Be, 2),
        _ => {}
    }
    // Text of names, digits and commas in UTF-16 has a NUL in nearly every second byte, in UTF-32 in three
    // of four. A NUL or two in a UTF-8 cell are a matter for that cell.
    let even = sample.iter().step_by(2).filter(|&&byte| byte == 0).count();
    let odd = sample
        .iter()
        .skip(1)
        .step_by(2)
        .filter(|&&byte| byte == 0)
        .count();
    let encoding = match (even * 5 > sample.len(), odd * 5 > sample.len()) {
        (true, true) => Encoding::Utf32,
        (true, false) if even > odd * 2 => Encoding::Utf16Be,
        (false, true) if odd > even * 2 => Encoding::Utf16Le,
        _ => utf8_or_other(sample, whole),
    };
    (encoding, 0)
}

fn utf8_or_other(sample: &[u8], whole: bool) -> Encoding {
    match std::str::from_utf8(sample) {
        // `error_len` is None when the sample ends within a character.
        Err(error) if whole || error.error_len().is_some() => Encoding::Other {
            first_bad: error.valid_up_to(),
        },
        _ => Encoding::Utf8,
    }
}

/// One record on its own, decoded: for headers, preambles and messages, not for rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedRecord {
    /// The cells. Bytes that are not UTF-8 are replaced, and `utf8` is false.
    pub fields: Vec<String>,
    /// Bytes of the record, its line end included.
    pub len: usize,
    /// Whether the record's line end was met; without it more bytes may follow, or the file ends here.
    pub complete: bool,
    /// How it departs from the quoting rules.
    pub malformed: Option<Malformed>,
    /// Whether all its bytes are UTF-8.
    pub utf8: bool,
}

/// Parses the first record of `bytes`, which begin at a record border; None when there are no bytes.
/// A blank line is a record of one cell here.
pub fn parse_record(bytes: &[u8], dialect: Dialect) -> Option<ParsedRecord> {
    let mut record_end = None;
    scalar::walk(bytes, dialect, |event| {
        if let Event::Record(end) = event {
            record_end = Some(end);
        }
        record_end.is_none()
    });
    let end = record_end?;
    let len = (end + 1).min(bytes.len());
    let mut index = RecordIndex::new();
    // With one column nothing is blank; the count of fields is not looked at here.
    let records = index.index(&bytes[..len], dialect, Columns::all(1)).ok()?;
    if records.is_empty() {
        return None;
    }
    let record = records.record(0);
    let texts = (0..record.n_fields).map(|j| records.field(0, j).text());
    Some(ParsedRecord {
        fields: texts
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .collect(),
        len,
        complete: end < bytes.len(),
        malformed: match record.status {
            super::RecordStatus::Malformed { kind, .. } => Some(kind),
            _ => None,
        },
        utf8: std::str::from_utf8(records.text(0)).is_ok(),
    })
}
