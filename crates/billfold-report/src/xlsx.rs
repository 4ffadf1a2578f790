//! A report as a workbook: a sheet per currency with a chart, and the receipt.
//!
//! Numbers are numbers with a format. A workbook keeps binary doubles, which hold every decimal of up to 15
//! significant digits: a number whose printed form is longer is written as text, so that no sheet shows
//! digits that the answer does not have. Texts are texts, never formulas; no cell holds a formula. A text
//! beyond 32,767 characters is cut, with `… (cut)` at its end, and more rows than a sheet has are refused.
//! The same report gives the same bytes.

use std::io::Write;

use billfold_core::error::Printable;
use billfold_core::{Error, Result};
use rust_xlsxwriter::{
    Chart, ChartType, DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet,
    XlsxError,
};

use crate::grid::{Cell, Column, Grid, Kind, RowKind};
use crate::report::Report;

/// Digits that a double always keeps.
const MAX_DIGITS: usize = 15;
/// Characters of a cell.
const MAX_TEXT: usize = 32_767;
/// Rows of a sheet, the header with them.
const MAX_ROWS: usize = 1_048_576;
/// Columns of a sheet.
const MAX_COLUMNS: usize = 16_384;
/// Rows that a chart draws with a colour of their own.
const SERIES: usize = 12;

/// Writes a report; `receipt` is its receipt as pairs of a name and a text.
pub fn write_report(report: &Report, receipt: &[(String, String)], out: &mut dyn Write) -> Result<()> {
    let mut book = new_book(&report.title)?;
    let n_keys = report.pivot.query.by.len().max(1);
    for grid in report.grids() {
        let sheet = sheet(&mut book, &grid, n_keys, &grid.name)?;
        if grid.periods.len() > 1 {
            chart(sheet, &grid, n_keys).map_err(|e| refused(&e))?;
        }
    }
    let about: Vec<(String, String)> = [("report".to_owned(), report.title.clone())]
        .into_iter()
        .chain(
            report
                .about
                .iter()
                .map(|(word, value)| ((*word).to_owned(), value.clone())),
        )
        .chain(
            report
                .remarks
                .iter()
                .map(|remark| ("remark".to_owned(), remark.clone())),
        )
        .chain(
            report
                .pivot
                .warnings
                .iter()
                .map(|text| ("warning".to_owned(), text.clone())),
        )
        .chain(receipt.iter().cloned())
        .collect();
    receipt_sheet(&mut book, &about).map_err(|e| refused(&e))?;
    save(&mut book, out)
}

/// Writes the result of a statement as one sheet.
pub fn write_grid(grid: &Grid, out: &mut dyn Write) -> Result<()> {
    let title = if grid.name.is_empty() {
        "billfold sql"
    } else {
        &grid.name
    };
    let mut book = new_book(title)?;
    sheet(&mut book, grid, 0, "result")?;
    save(&mut book, out)
}

fn new_book(title: &str) -> Result<Workbook> {
    let mut book = Workbook::new();
    // The clock is no part of an answer.
    let begun = ExcelDateTime::from_ymd(2000, 1, 1).map_err(|e| refused(&e))?;
    let properties = DocProperties::new()
        .set_title(text_of(title))
        .set_author("billfold")
        .set_creation_datetime(&begun);
    book.set_properties(&properties);
    Ok(book)
}

fn save(book: &mut Workbook, out: &mut dyn Write) -> Result<()> {
    let bytes = book.save_to_buffer().map_err(|e| refused(&e))?;
    out.write_all(&bytes)
        .map_err(|e| Error::io("the workbook cannot be written", &e))
}

fn refused(error: &XlsxError) -> Error {
    Error::bug(format!("a report as a workbook: {error}"))
}

fn too_large(what: &str, n: usize, limit: usize) -> Error {
    Error::limit(
        "limit.sheet",
        format!("{n} {what} are more than the {limit} of a sheet"),
    )
    .hint("keep fewer rows with --top, or choose longer periods; csv and parquet have no limit")
}

fn sheet<'b>(book: &'b mut Workbook, grid: &Grid, n_frozen: usize, name: &str) -> Result<&'b mut Worksheet> {
    let columns: Vec<(usize, &Column)> = grid.written_columns().collect();
    if grid.rows.len() >= MAX_ROWS {
        return Err(too_large("rows", grid.rows.len() + 1, MAX_ROWS));
    }
    if columns.len() > MAX_COLUMNS {
        return Err(too_large("columns", columns.len(), MAX_COLUMNS));
    }
    let sheet = book.add_worksheet();
    let fill = |sheet: &mut Worksheet| -> std::result::Result<(), XlsxError> {
        sheet.set_name(name)?;
        sheet.set_freeze_panes(1, u16::try_from(n_frozen).unwrap_or(0))?;
        let header = Format::new().set_bold().set_border_bottom(FormatBorder::Thin);
        let right = header.clone().set_align(FormatAlign::Right);
        for (at, (_, column)) in (0u16..).zip(&columns) {
            let format = if column.kind.is_number() { &right } else { &header };
            sheet.write_string_with_format(0, at, text_of(&column.name), format)?;
            sheet.set_column_width(at, width_of(grid, column, columns[usize::from(at)].0))?;
        }
        let formats: Vec<[Format; 3]> = columns.iter().map(|(_, column)| formats_of(column)).collect();
        for (line, row) in (1u32..).zip(&grid.rows) {
            for ((at, (index, column)), formats) in (0u16..).zip(&columns).zip(&formats) {
                let format = match row.kind {
                    RowKind::Plain => &formats[0],
                    RowKind::Others => &formats[1],
                    RowKind::Total => &formats[2],
                };
                write_cell(sheet, (line, at), column, &row.cells[*index], format)?;
            }
        }
        // Filters hide rows, and a total among them would be hidden too.
        let n_groups = grid.rows.iter().filter(|row| row.kind != RowKind::Total).count();
        if n_groups > 0 {
            let last_row = u32::try_from(n_groups).unwrap_or(0);
            let last_column = u16::try_from(columns.len().saturating_sub(1)).unwrap_or(0);
            sheet.autofilter(0, 0, last_row, last_column)?;
        }
        sheet.set_landscape();
        sheet.set_repeat_rows(0, 0)?;
        sheet.set_print_fit_to_pages(1, 0);
        Ok(())
    };
    fill(sheet).map_err(|e| refused(&e))?;
    Ok(sheet)
}

/// A column's format for groups, for what was put together, and for the total.
fn formats_of(column: &Column) -> [Format; 3] {
    let plain = match (column.kind, column.places) {
        (Kind::Text | Kind::Trend | Kind::Bar, _) => Format::new(),
        (Kind::Count, _) => Format::new().set_num_format("#,##0"),
        (Kind::Change | Kind::Relative, Some(places)) => {
            let digits = decimals(places);
            Format::new().set_num_format(format!("+#,##0{digits};-#,##0{digits};0{digits}"))
        }
        (_, Some(places)) => Format::new().set_num_format(format!("#,##0{}", decimals(places))),
        // In full: a format would hide digits.
        (_, None) => Format::new(),
    };
    let plain = if column.kind.is_number() {
        plain.set_align(FormatAlign::Right)
    } else {
        plain
    };
    let total = plain.clone().set_bold().set_border_top(FormatBorder::Thin);
    [plain.clone(), plain.set_italic(), total]
}

fn decimals(places: u8) -> String {
    match places {
        0 => String::new(),
        n => format!(".{}", "0".repeat(usize::from(n))),
    }
}

fn write_cell(
    sheet: &mut Worksheet,
    (row, at): (u32, u16),
    column: &Column,
    cell: &Cell,
    format: &Format,
) -> std::result::Result<(), XlsxError> {
    let printed = column.print(cell);
    match cell {
        Cell::Empty | Cell::Trend(_) | Cell::Bar(_) => sheet.write_blank(row, at, format)?,
        Cell::Text(text) => sheet.write_string_with_format(row, at, text_of(text), format)?,
        Cell::Bool(value) => sheet.write_boolean_with_format(row, at, *value, format)?,
        Cell::Float(text) => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => sheet.write_number_with_format(row, at, number, format)?,
            _ => sheet.write_string_with_format(row, at, text, format)?,
        },
        Cell::Number(_) | Cell::Count(_) => match double_of(&printed) {
            Some(number) => sheet.write_number_with_format(row, at, number, format)?,
            None => sheet.write_string_with_format(row, at, printed, format)?,
        },
    };
    Ok(())
}

/// The double that prints as this decimal; none where it has more digits than every double keeps.
fn double_of(printed: &str) -> Option<f64> {
    let digits = printed.trim_start_matches(['-', '+', '0', '.']);
    let n_digits = digits.bytes().filter(u8::is_ascii_digit).count();
    (n_digits <= MAX_DIGITS).then(|| printed.parse().ok()).flatten()
}

/// A text as a cell may hold it: control characters shown, the length within the limit.
fn text_of(text: &str) -> String {
    const MARK: &str = "… (cut)";
    let shown = Printable(text).to_string();
    // Counted as spreadsheet programs do, in UTF-16 units.
    if shown.encode_utf16().count() <= MAX_TEXT {
        return shown;
    }
    let mut room = MAX_TEXT - MARK.encode_utf16().count();
    let kept: String = shown
        .chars()
        .take_while(|c| match room.checked_sub(c.len_utf16()) {
            Some(left) => {
                room = left;
                true
            }
            None => false,
        })
        .collect();
    kept + MARK
}

fn width_of(grid: &Grid, column: &Column, index: usize) -> f64 {
    let longest = grid
        .rows
        .iter()
        .take(1_000)
        .map(|row| column.print(&row.cells[index]).chars().count())
        .chain([column.name.chars().count() + 3])
        .max()
        .unwrap_or(0);
    // Room for the separators of thousands.
    let room = longest + longest / 4 + 1;
    f64::from(u16::try_from(room.clamp(8, 48)).unwrap_or(48))
}

/// Stacked columns over the periods, below the table.
fn chart(sheet: &mut Worksheet, grid: &Grid, n_keys: usize) -> std::result::Result<(), XlsxError> {
    let name = sheet.name();
    let columns: Vec<usize> = grid.written_columns().map(|(index, _)| index).collect();
    let place = |index: usize| {
        let at = columns.iter().position(|column| *column == index).unwrap_or(0);
        u16::try_from(at).unwrap_or(0)
    };
    let (first, last) = (place(grid.periods.start), place(grid.periods.end - 1));
    let drawn: Vec<u32> = (1u32..)
        .zip(&grid.rows)
        .filter(|(_, row)| row.kind != RowKind::Total || grid.rows.len() == 1)
        .map(|(line, _)| line)
        .take(SERIES)
        .collect();
    let mut chart = Chart::new(ChartType::ColumnStacked);
    for line in drawn {
        let series = chart
            .add_series()
            .set_categories((name.as_str(), 0, first, 0, last))
            .set_values((name.as_str(), line, first, line, last));
        if n_keys > 0 {
            series.set_name((name.as_str(), line, 0));
        }
    }
    let n_groups = grid.rows.iter().filter(|row| row.kind != RowKind::Total).count();
    if n_groups > SERIES {
        chart
            .title()
            .set_name(&format!("the first {SERIES} of {n_groups} rows"));
    } else {
        chart.title().set_hidden();
    }
    chart.set_width(900).set_height(360);
    let below = u32::try_from(grid.rows.len() + 2).unwrap_or(0);
    sheet.insert_chart(below, 0, &chart)?;
    Ok(())
}

fn receipt_sheet(book: &mut Workbook, lines: &[(String, String)]) -> std::result::Result<(), XlsxError> {
    let sheet = book.add_worksheet();
    sheet.set_name("receipt")?;
    sheet.set_column_width(0, 34)?;
    sheet.set_column_width(1, 110)?;
    let bold = Format::new().set_bold().set_border_bottom(FormatBorder::Thin);
    sheet.write_string_with_format(0, 0, "what", &bold)?;
    sheet.write_string_with_format(0, 1, "value", &bold)?;
    sheet.set_freeze_panes(1, 0)?;
    for (row, (name, text)) in (1u32..).zip(lines) {
        sheet.write_string(row, 0, text_of(name))?;
        sheet.write_string(row, 1, text_of(text))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_number_while_a_double_keeps_its_digits() {
        assert_eq!(double_of("1234567890123.45"), Some(1_234_567_890_123.45));
        assert_eq!(double_of("12345678901234.56"), None);
        assert_eq!(
            double_of("-0.000000000000000001"),
            Some(-0.000_000_000_000_000_001)
        );
        assert_eq!(double_of("0.00"), Some(0.0));
    }

    #[test]
    fn a_long_text_is_cut_within_the_limit() {
        let cut = text_of(&"长😀".repeat(20_000));
        assert!(cut.encode_utf16().count() <= MAX_TEXT);
        assert!(cut.ends_with("… (cut)"));
        assert_eq!(text_of("=1+1\u{7}"), "=1+1\\x07");
    }
}
