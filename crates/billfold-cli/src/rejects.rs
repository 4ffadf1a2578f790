//! Rejected rows as NDJSON: one object a row, with its reason and the row as it stands in the file.

use std::io::{self, Write};

use billfold_core::error::Diagnostic;
use serde::Serialize;

#[derive(Serialize)]
struct RejectView<'a> {
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

/// Writes one rejected row.
pub(crate) fn write(diagnostic: &Diagnostic, out: &mut dyn Write) -> io::Result<()> {
    let Diagnostic {
        code,
        location,
        text,
        expected,
        row,
        cost,
    } = diagnostic;
    let view = RejectView {
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
    };
    serde_json::to_writer(&mut *out, &view)?;
    out.write_all(b"\n")
}
