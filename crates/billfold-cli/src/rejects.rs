//! Rejected rows as NDJSON: one object a row, with its reason and the row as it stands in the file.

use std::io::{self, Write};

use billfold_core::error::Diagnostic;
use serde::Serialize;

/// A rejected row as an object. The cost is text, and there where it could be read.
#[derive(Serialize)]
pub(crate) struct RejectView<'a> {
    file: Option<&'a str>,
    record: Option<u64>,
    line: Option<u64>,
    column: Option<&'a str>,
    code: &'a str,
    text: &'a str,
    expected: &'a str,
    row: &'a str,
    currency: Option<&'a str>,
    cost: Option<String>,
}

impl<'a> From<&'a Diagnostic> for RejectView<'a> {
    fn from(diagnostic: &'a Diagnostic) -> Self {
        let Diagnostic {
            code,
            location,
            text,
            expected,
            row,
            cost,
        } = diagnostic;
        RejectView {
            file: location.source.as_deref(),
            record: location.record,
            line: location.line,
            column: location.column.as_deref(),
            code,
            text,
            expected,
            row,
            currency: cost.as_ref().map(|(currency, _)| currency.as_str()),
            cost: cost.as_ref().map(|(_, amount)| amount.to_string()),
        }
    }
}

/// Writes one rejected row.
pub(crate) fn write(diagnostic: &Diagnostic, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &RejectView::from(diagnostic))?;
    out.write_all(b"\n")
}
