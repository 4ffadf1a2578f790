//! Rows of texts as aligned text, as CSV and as Markdown, for reports that are no answer.

use std::io::{self, Write};

use billfold_core::engine::canonical::push_field;
use billfold_core::error::Printable;
use unicode_width::UnicodeWidthStr as _;

use super::markup::escaped;

/// A column's name, and whether it holds numbers, which stand to the right.
pub(crate) type GridColumn<'a> = (&'a str, bool);

/// Writes aligned text. Empty cells are shown as `-`, characters that steer a terminal escaped.
pub(crate) fn write_text(
    columns: &[GridColumn<'_>],
    rows: &[Vec<String>],
    out: &mut dyn Write,
) -> io::Result<()> {
    let shown = |cell: &str| match cell {
        "" => "-".to_owned(),
        cell => Printable(cell).to_string(),
    };
    let mut lines: Vec<Vec<String>> = vec![columns.iter().map(|(name, _)| shown(name)).collect()];
    lines.extend(
        rows.iter()
            .map(|row| row.iter().map(|cell| shown(cell)).collect()),
    );
    let widths: Vec<usize> = (0..columns.len())
        .map(|i| lines.iter().map(|line| line[i].width()).max().unwrap_or(0))
        .collect();
    for line in &lines {
        let mut text = String::new();
        for ((cell, (_, is_number)), width) in line.iter().zip(columns).zip(&widths) {
            let room = " ".repeat(width - cell.width());
            let (before, after) = if *is_number {
                (room.as_str(), "")
            } else {
                ("", room.as_str())
            };
            text.extend([before, cell, after, "  "]);
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

/// Writes CSV: a header, texts as they are, LF.
pub(crate) fn write_csv(
    columns: &[GridColumn<'_>],
    rows: &[Vec<String>],
    out: &mut dyn Write,
) -> io::Result<()> {
    let header: Vec<String> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    for row in std::iter::once(&header).chain(rows) {
        let mut line = String::new();
        for (i, cell) in row.iter().enumerate() {
            if i > 0 {
                line.push(',');
            }
            push_field(&mut line, cell);
        }
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// Writes a Markdown table; texts make no markup. Empty cells of text are shown as `""`.
pub(crate) fn write_markdown(
    columns: &[GridColumn<'_>],
    rows: &[Vec<String>],
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut line = String::from("|");
    for (name, _) in columns {
        line.extend([" ", &escaped(name), " |"]);
    }
    line.push_str("\n|");
    for (_, is_number) in columns {
        line.push_str(if *is_number { " ---: |" } else { " --- |" });
    }
    writeln!(out, "{line}")?;
    for row in rows {
        line.clear();
        line.push('|');
        for (cell, (_, is_number)) in row.iter().zip(columns) {
            let cell = match cell.as_str() {
                "" if *is_number => String::new(),
                "" => "\\\"\\\"".to_owned(),
                cell if *is_number => cell.to_owned(),
                cell => escaped(cell),
            };
            line.extend([" ", &cell, " |"]);
        }
        writeln!(out, "{line}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right_and_nothing_steers_the_terminal() {
        let rows = [
            vec!["a\u{1b}".to_owned(), "1.5".to_owned()],
            vec![String::new(), "-20".to_owned()],
        ];
        let mut text = Vec::new();
        write_text(&[("name", false), ("cost", true)], &rows, &mut text).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "name   cost\na\\x1b   1.5\n-       -20\n"
        );
        let mut csv = Vec::new();
        write_csv(
            &[("name", false), ("cost", true)],
            &[vec!["a,b".into(), "1".into()]],
            &mut csv,
        )
        .unwrap();
        assert_eq!(csv, b"name,cost\n\"a,b\",1\n");
    }
}
