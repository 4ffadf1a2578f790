//! CSV: the canonical answer for machines, or a form that spreadsheet programs do not run.

use std::io::Write;

use billfold_core::Result;
use billfold_core::engine::canonical::{PushField, csv_line, each_piece, header, push_bytes};

use super::{Groups, cannot};
use crate::args::CsvKind;

/// Writes the answer.
pub(crate) fn write(groups: Groups<'_>, kind: CsvKind, out: &mut dyn Write) -> Result<()> {
    // The same columns and rows in either kind; only texts that begin like a formula differ.
    let push: PushField = match kind {
        CsvKind::Raw => push_bytes,
        CsvKind::Spreadsheet => push_text,
    };
    let failed = |e: std::io::Error| cannot("the answer", &e);
    out.write_all(&header(groups.head(), push)).map_err(failed)?;
    groups.each(&mut |answer| {
        each_piece(answer.len(), &csv_line(answer, push), &mut |lines| {
            out.write_all(lines).map_err(failed)
        })
    })
}

/// A text that begins like a formula gets a quote mark in front and is quoted (ASVS 1.2.10).
/// Amounts do not come here: `-1.23` must stay a number.
pub(crate) fn push_text(line: &mut Vec<u8>, text: &str) {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0']) {
        line.extend_from_slice(b"\"'");
        line.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        line.push(b'"');
    } else {
        push_bytes(line, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testing::{answer, written};

    #[test]
    fn a_spreadsheet_runs_no_text_and_keeps_negative_amounts() {
        let answer = answer(
            &["tag:a"],
            &[
                (&["=cmd|'/c calc'!A1"], "USD", "-1.23"),
                (&["@SUM(1)"], "USD", "1"),
                (&["\",\"=1+1"], "USD", "2"),
                (&["plain"], "USD", "3"),
            ],
        );
        let text = written(|out| write(Groups::Whole(&answer), CsvKind::Spreadsheet, out));
        assert_eq!(
            text,
            "tag:a,period,period_start,period_end,billing_currency,cost,charges\n\
             \"\"\",\"\"=1+1\",total,,,USD,2,1\n\
             \"'=cmd|'/c calc'!A1\",total,,,USD,-1.23,1\n\
             \"'@SUM(1)\",total,,,USD,1,1\n\
             plain,total,,,USD,3,1\n"
        );
    }

    #[test]
    fn both_forms_agree_where_no_text_is_a_formula() {
        let answer = answer(&["zone_id"], &[(&["a,b"], "CNY", "-0.1"), (&["王"], "USD", "2")]);
        let raw = written(|out| write(Groups::Whole(&answer), CsvKind::Raw, out));
        let sheet = written(|out| write(Groups::Whole(&answer), CsvKind::Spreadsheet, out));
        assert_eq!(raw, sheet);
    }
}
