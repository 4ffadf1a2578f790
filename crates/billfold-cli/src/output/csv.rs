//! CSV: the canonical answer for machines, or a form that spreadsheet programs do not run.

use std::io::{self, Write};

use billfold_core::engine::canonical::push_field;
use billfold_core::engine::{Answer, write_csv};
use billfold_core::time::format_instant;

use crate::args::CsvKind;

/// Writes the answer.
pub(crate) fn write(answer: &Answer, kind: CsvKind, out: &mut dyn Write) -> io::Result<()> {
    match kind {
        CsvKind::Raw => write_csv(answer, out),
        CsvKind::Spreadsheet => write_spreadsheet(answer, out),
    }
}

/// The same columns and rows as [`write_csv`]; only texts that begin like a formula differ.
fn write_spreadsheet(answer: &Answer, out: &mut dyn Write) -> io::Result<()> {
    let mut line = String::new();
    for name in answer.dimension_names() {
        push_text(&mut line, name);
        line.push(',');
    }
    line.push_str("period,period_start,period_end,billing_currency,cost,charges\n");
    out.write_all(line.as_bytes())?;
    for row in answer.rows() {
        line.clear();
        for key in row.keys() {
            push_text(&mut line, key);
            line.push(',');
        }
        let period = row.period();
        let instant = |i: Option<i64>| i.map(format_instant).unwrap_or_default();
        let rest = [
            period.label.clone(),
            instant(period.start),
            instant(period.end),
            row.currency().to_string(),
            row.cost().to_string(),
            row.charges().to_string(),
        ];
        line.push_str(&rest.join(","));
        line.push('\n');
        out.write_all(line.as_bytes())?;
    }
    Ok(())
}

/// A text that begins like a formula gets a quote mark in front and is quoted (ASVS 1.2.10).
/// Amounts do not come here: `-1.23` must stay a number.
fn push_text(line: &mut String, text: &str) {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0']) {
        line.push_str("\"'");
        line.push_str(&text.replace('"', "\"\""));
        line.push('"');
    } else {
        push_field(line, text);
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
        let text = written(|out| write(&answer, CsvKind::Spreadsheet, out));
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
        let raw = written(|out| write(&answer, CsvKind::Raw, out));
        let sheet = written(|out| write(&answer, CsvKind::Spreadsheet, out));
        assert_eq!(raw, sheet);
    }
}
