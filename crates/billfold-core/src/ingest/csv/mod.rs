//! CSV as bytes: chunks at true record borders, and the fields of a chunk.
//!
//! Nothing here knows charges, columns or money: bytes in, records and fields out. The rules are those
//! of RFC 4180, and every departure from them is reported, never repaired:
//! - A record ends with LF or CRLF (or CR, in a file that has no other line ends). In LF mode a lone CR is data,
//!   but for a CR at the very end of the file, which is taken for half of a CRLF (csv-test-data has it so).
//! - A quote at the start of a field opens it; inside, `""` is a quote and `"` closes. Delimiters and line
//!   ends inside quotes belong to the field.
//! - After the closing quote only a delimiter, a record end or the end of the file may follow; a quote
//!   inside an unquoted field, and an end of file inside quotes, are faults of that record alone.
//!
//! `Parts` reads a file in parts, which many do at once, and [`Chunker`] cuts a stream, one chunk after the other;
//! both mark where fields end. [`RecordIndex`] finds the records and fields of one chunk.

mod at_once;
#[cfg(target_arch = "x86_64")]
mod avx2;
mod borders;
mod chunker;
mod columns;
mod fill;
mod marks;
mod mask;
mod parts;
mod records;
mod scalar;
mod sniff;
#[cfg(test)]
mod tests;

pub use chunker::{Chunk, Chunker};
pub use columns::Columns;
pub(crate) use parts::{PartMemory, Parts};
pub use records::{Field, RecordIndex, RecordRef, RecordStatus, Records};
pub use sniff::{Encoding, HeaderShape, ParsedRecord, parse_record, sniff_header};

use crate::error::{Error, Result};

const QUOTE: u8 = b'"';

/// How fields and records are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// The byte between two fields. Never a quote, CR or LF; see [`Dialect::new`].
    pub delimiter: u8,
    /// Whether CR alone ends a record. Only for files that have no LF outside quotes: LF is data then.
    pub cr_only: bool,
}

impl Dialect {
    /// Commas, and LF or CRLF.
    pub const COMMA: Dialect = Dialect {
        delimiter: b',',
        cr_only: false,
    };

    /// A dialect whose delimiter can be told from quotes and line ends.
    ///
    /// Errors: usage, when `delimiter` is a quote, CR, LF or not ASCII.
    pub fn new(delimiter: u8, cr_only: bool) -> Result<Self> {
        if matches!(delimiter, QUOTE | b'\r' | b'\n') || !delimiter.is_ascii() {
            return Err(Error::usage(format!(
                "the delimiter cannot be {:?}",
                char::from(delimiter)
            )));
        }
        Ok(Dialect { delimiter, cr_only })
    }

    /// The byte that ends a record.
    pub fn newline(self) -> u8 {
        if self.cr_only { b'\r' } else { b'\n' }
    }
}

/// How a record departs from the quoting rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Text between a closing quote and the next delimiter: `"a"b`.
    AfterQuote,
    /// A quote inside an unquoted field: `a"b`. It stands for itself.
    BareQuote,
    /// The file ends inside quotes.
    UnclosedQuote,
}

impl Malformed {
    /// The stable code of a diagnostic.
    pub fn code(self) -> &'static str {
        match self {
            Malformed::AfterQuote => "csv.after_quote",
            Malformed::BareQuote => "csv.bare_quote",
            Malformed::UnclosedQuote => "csv.unclosed_quote",
        }
    }
}
