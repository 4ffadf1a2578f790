//! What can go wrong, and where.
//!
//! Two channels. An [`Error`] stops the work. A [`Diagnostic`] is about one row: it is collected
//! beside the batches, counted, summed and shown, and it stops nothing by itself.
//! Kinds are named for what the caller can do, and [`ErrorKind::class`] sorts them by who must act;
//! the exit codes of the command line and the fault codes of the wire follow from that class.

use std::fmt;
use std::sync::Arc;

use crate::money::Amount;

/// The result of everything in this crate that can stop.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the work stopped, and where. One word wide, so that a `Result` stays cheap.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    location: Location,
    hint: Option<String>,
}

/// What stopped the work. Codes (`csv.empty`, `schema.column`, …) are stable and documented.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The question cannot be asked like this: an unknown dimension, a window that ends before it starts.
    Usage(String),
    /// Rows were refused and the caller did not allow that. Carries how many.
    RowsRejected {
        /// Rows refused.
        n_rejected: u64,
        /// Rows read.
        n_read: u64,
    },
    /// A file is not what it claims to be, or lacks what the question needs. `code` is stable.
    File {
        /// Stable code such as `csv.empty`, `gzip.crc`, `schema.column`.
        code: &'static str,
        /// What was found and what was expected.
        message: String,
    },
    /// Two deliveries, versions or currencies claim the same place.
    Conflict(String),
    /// The machine refused: permission, space, a vanished file.
    Io(String),
    /// A named limit was reached. `code` is stable (`limit.field`, `limit.groups`).
    Limit {
        /// Stable code such as `limit.field`.
        code: &'static str,
        /// The limit, the value met, and the option that moves it.
        message: String,
    },
    /// A sum left the range of 256 bits.
    Overflow {
        /// The group whose sum left the range.
        group: String,
    },
    /// An invariant of ours did not hold. Never the user's fault.
    Bug(String),
}

/// Who must act on an error. The command line turns it into an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The question.
    Usage,
    /// Rows of the input.
    Rejected,
    /// A file of the input.
    File,
    /// The choice of inputs.
    Conflict,
    /// The machine.
    Io,
    /// A limit.
    Limit,
    /// The range of numbers.
    Overflow,
    /// Us.
    Bug,
}

impl ErrorKind {
    /// Who must act.
    pub fn class(&self) -> ErrorClass {
        match self {
            ErrorKind::Usage(_) => ErrorClass::Usage,
            ErrorKind::RowsRejected { .. } => ErrorClass::Rejected,
            ErrorKind::File { .. } => ErrorClass::File,
            ErrorKind::Conflict(_) => ErrorClass::Conflict,
            ErrorKind::Io(_) => ErrorClass::Io,
            ErrorKind::Limit { .. } => ErrorClass::Limit,
            ErrorKind::Overflow { .. } => ErrorClass::Overflow,
            ErrorKind::Bug(_) => ErrorClass::Bug,
        }
    }

    /// The stable code that stands in brackets in a message: `error[csv.empty]: …`.
    pub fn code(&self) -> &'static str {
        match self {
            ErrorKind::Usage(_) => "usage",
            ErrorKind::RowsRejected { .. } => "rows.rejected",
            ErrorKind::File { code, .. } | ErrorKind::Limit { code, .. } => code,
            ErrorKind::Conflict(_) => "conflict",
            ErrorKind::Io(_) => "io",
            ErrorKind::Overflow { .. } => "num.overflow",
            ErrorKind::Bug(_) => "bug",
        }
    }
}

impl Error {
    /// An error without a place yet.
    #[cold]
    pub fn new(kind: ErrorKind) -> Self {
        Error(Box::new(Inner {
            kind,
            location: Location::default(),
            hint: None,
        }))
    }

    /// A question that cannot be asked like this.
    #[cold]
    pub fn usage(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Usage(message.into()))
    }

    /// A file that is not what it claims to be. See [`ErrorKind::File`].
    #[cold]
    pub fn file(code: &'static str, message: impl Into<String>) -> Self {
        Error::new(ErrorKind::File {
            code,
            message: message.into(),
        })
    }

    /// A limit that was reached. See [`ErrorKind::Limit`].
    #[cold]
    pub fn limit(code: &'static str, message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Limit {
            code,
            message: message.into(),
        })
    }

    /// The machine refused; `what` says what was tried.
    #[cold]
    pub fn io(what: impl fmt::Display, cause: &std::io::Error) -> Self {
        Error::new(ErrorKind::Io(format!("{what}: {cause}")))
    }

    /// An invariant of ours that did not hold.
    #[cold]
    pub fn bug(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Bug(message.into()))
    }

    /// Names the file, unless a file is named already.
    #[must_use]
    pub fn in_source(mut self, source: &Arc<str>) -> Self {
        self.0.location.source.get_or_insert_with(|| Arc::clone(source));
        self
    }

    /// Names the whole place.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.0.location = location;
        self
    }

    /// Adds what the reader can do about it, shown on a line of its own.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// What stopped the work.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Where it stopped, as far as it is known.
    pub fn location(&self) -> &Location {
        &self.0.location
    }

    /// What the reader can do about it.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.location != Location::default() {
            write!(f, "{}: ", self.0.location)?;
        }
        match &self.0.kind {
            ErrorKind::Usage(m) | ErrorKind::Conflict(m) | ErrorKind::Io(m) | ErrorKind::Bug(m) => {
                f.write_str(m)
            }
            ErrorKind::File { message, .. } | ErrorKind::Limit { message, .. } => f.write_str(message),
            ErrorKind::RowsRejected { n_rejected, n_read } => {
                write!(f, "{n_rejected} of {n_read} rows cannot be read exactly")
            }
            ErrorKind::Overflow { group } => {
                write!(f, "the sum of group {group} needs more than 256 bits")
            }
        }
    }
}

impl std::error::Error for Error {}

/// A place in the input. Every part is optional; `record` and `line` count from 1.
///
/// A record is a row of the bill (the header of a CSV file is not one); a line is a physical line of
/// the file, which differs as soon as a quoted field holds a newline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Location {
    /// The file as it was named to us.
    pub source: Option<Arc<str>>,
    /// Row of the bill, from 1.
    pub record: Option<u64>,
    /// Physical line of the file, from 1. None for Parquet.
    pub line: Option<u64>,
    /// Column, in the export's own spelling.
    pub column: Option<Arc<str>>,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(source) = &self.source {
            write!(f, "{}", Printable(source))?;
            separator = ": ";
        }
        if let Some(record) = self.record {
            write!(f, "{separator}record {record}")?;
            if let Some(line) = self.line {
                write!(f, " (line {line})")?;
            }
            separator = ", ";
        } else if let Some(line) = self.line {
            write!(f, "{separator}line {line}")?;
            separator = ", ";
        }
        if let Some(column) = &self.column {
            write!(f, "{separator}column {}", Printable(column))?;
        }
        Ok(())
    }
}

/// One row that could not be read exactly, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code: `csv.fields`, `csv.unclosed_quote`, `enc.utf8`, `num.syntax`, `num.scale`, `num.range`,
    /// `time.syntax`, `time.order`, `time.missing`, `cur.unknown`, `json.syntax`, ….
    pub code: &'static str,
    /// File, record, line and column.
    pub location: Location,
    /// The text that was met, cut to [`Diagnostic::MAX_TEXT`] characters when shown.
    pub text: String,
    /// What was expected instead.
    pub expected: String,
    /// The whole row as it stands in the file (for Parquet: as JSON of the columns read).
    pub row: String,
    /// The row's cost and currency, where they could be read.
    pub cost: Option<(String, Amount)>,
}

impl Diagnostic {
    /// Characters of the offending text that a message shows.
    pub const MAX_TEXT: usize = 120;
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.text.chars().take(Self::MAX_TEXT).collect();
        let more = if shown.len() < self.text.len() { "…" } else { "" };
        write!(
            f,
            "{}: \"{}{more}\" is not readable; expected {}",
            self.location,
            Printable(&shown),
            self.expected
        )
    }
}

/// Shows text with control characters, and the marks that reorder a line, escaped.
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In runs: each piece may be a call of the system.
        let mut n_shown = 0;
        for (at, c) in self.0.char_indices().filter(|(_, c)| is_hidden(*c)) {
            f.write_str(&self.0[n_shown..at])?;
            match c {
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if c.is_control() => write!(f, "\\x{:02x}", c as u32)?,
                c => write!(f, "\\u{{{:04x}}}", c as u32)?,
            }
            n_shown = at + c.len_utf8();
        }
        f.write_str(&self.0[n_shown..])
    }
}

/// Whether a character moves, hides or turns what stands around it.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{2029}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_names_file_record_line_column_text_and_expectation() {
        let diagnostic = Diagnostic {
            code: "num.syntax",
            location: Location {
                source: Some("bills/2024-03.csv".into()),
                record: Some(812),
                line: Some(814),
                column: Some("lineItem/UnblendedCost".into()),
            },
            text: "1,20".into(),
            expected: "an amount such as 1.20".into(),
            row: String::new(),
            cost: None,
        };
        assert_eq!(
            diagnostic.to_string(),
            "bills/2024-03.csv: record 812 (line 814), column lineItem/UnblendedCost: \
             \"1,20\" is not readable; expected an amount such as 1.20"
        );
    }

    #[test]
    fn control_and_bidi_characters_are_shown_not_obeyed() {
        assert_eq!(
            Printable("a\u{1b}[2J\u{202e}b\n").to_string(),
            "a\\x1b[2J\\u{202e}b\\n"
        );
    }
}
