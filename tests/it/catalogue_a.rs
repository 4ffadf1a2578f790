//! Catalogue A: CSV syntax.

use std::io::Write as _;

use billfold_core::dataset::{self, RunOptions};

use crate::support::{Folder, HEADER, ask, asking, bill, costing, failed, of, shown, starting};

#[track_caller]
fn check(rows: &[&str], expected: &str) {
    ask(&bill(rows)).gives(expected);
}

const ROW: &str = "2024-03-01T00:00:00Z,2024-03-02T00:00:00Z,1,USD,i-1";
const START: &str = "2024-03-01T00:00:00Z,2024-03-02T00:00:00Z,1,USD";

#[test]
fn a01_a_row_with_fewer_fields_is_rejected() {
    check(&[ROW, "2024-03-01,,1"], "USD 1 of 1; 2:3 csv.fields");
    let outcome = ask(&bill(&[ROW, "2024-03-01,,1"])).run().unwrap();
    assert_eq!(outcome.rejects[0].expected, "5 fields (found 3)");
    assert_eq!(outcome.rejects[0].row, "2024-03-01,,1");
}

#[test]
fn a02_a_row_with_more_fields_is_rejected() {
    check(&[&format!("{ROW},"), ROW], "USD 1 of 1; 1:2 csv.fields");
}

#[test]
fn a03_a_quote_that_never_closes_takes_the_rest_of_the_file_and_says_how_much() {
    let rows = [ROW, &format!("{START},\"i-2"), ROW, ROW];
    check(&rows, "USD 1 of 1; 2:3 csv.unclosed_quote");
    let outcome = ask(&bill(&rows)).run().unwrap();
    assert!(
        outcome.rejects[0].expected.contains("3 lines"),
        "{}",
        outcome.rejects[0].expected
    );
}

#[test]
fn a04_a_quote_opened_in_the_last_field_is_rejected() {
    let text = bill(&[ROW, &format!("{START},\"")]);
    ask(&text).gives("USD 1 of 1; 2:3 csv.unclosed_quote");
    ask(text.trim_end()).gives("USD 1 of 1; 2:3 csv.unclosed_quote");
}

#[test]
fn a04_a_record_that_is_too_long_is_told_by_its_line_wherever_it_stands() {
    let long = of(&"x".repeat(17 << 20));
    let mut rows = vec![ROW; 50_000];
    rows.push(&long);
    rows.push(ROW);
    let folder = Folder::new();
    let text = bill(&rows);
    let plain = folder.put("bill.csv", &text);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let packed = folder.put("bill.csv.gz", gzip.finish().unwrap());
    for path in [plain, packed] {
        let error = dataset::sums(&[path], asking("", "total"), RunOptions::default()).unwrap_err();
        assert_eq!(failed(&error), "limit limit.record");
        assert!(error.to_string().contains("line 50002: "), "{error}");
    }
}

#[test]
fn a05_a_bare_quote_inside_a_field_is_rejected() {
    check(&[&of("a\"b"), ROW], "USD 1 of 1; 1:2 csv.bare_quote");
}

#[test]
fn a06_text_behind_a_closing_quote_is_rejected() {
    check(&[&of("\"a\"b"), ROW], "USD 1 of 1; 1:2 csv.after_quote");
}

#[test]
fn a07_doubled_quotes_are_one_quote() {
    ask(&bill(&[of("\"a\"\"b\"")]))
        .by("resource_id")
        .gives("USD 1 of 1: a\"b=1");
}

#[test]
fn a08_backslashes_escape_nothing() {
    check(&[&of(r#""a\"b""#), ROW], "USD 1 of 1; 1:2 csv.after_quote");
}

#[test]
fn a09_line_ends_inside_quotes_are_kept_and_lines_stay_right() {
    let text = bill(&[of("\"a\r\nb\""), of("\"c\nd\""), costing("x")]);
    ask(&text)
        .by("resource_id")
        .gives("USD 2 of 2: a\r\nb=1 c\nd=1; 3:6 num.syntax");
}

#[test]
fn a10_lines_end_with_lf_crlf_or_cr() {
    let text = bill(&[costing("1"), costing("2"), costing("x")]);
    let expected = "USD 3 of 2; 3:4 num.syntax";
    ask(&text).gives(expected);
    ask(&text.replace('\n', "\r\n")).gives(expected);
    let cr_only = ask(&text.replace('\n', "\r")).gives(expected);
    assert!(
        cr_only.warnings[0].contains("lines end with CR alone"),
        "{:?}",
        cr_only.warnings
    );
    // Mixed: CRLF behind the first row only.
    ask(&text.replacen("i-1\n", "i-1\r\n", 1)).gives(expected);
}

#[test]
fn a11_the_last_line_needs_no_end() {
    ask(bill(&[ROW, ROW]).trim_end()).gives("USD 2 of 2");
}

#[test]
fn a12_a_file_cut_within_a_row_does_not_pass() {
    // Ends with `USD,日本` and a line end.
    let whole = bill(&[ROW, &of("日本")]);
    for (bytes_off, expected) in [
        (2, "USD 1 of 1; 2:3 enc.utf8"),
        (3, "USD 1 of 1; 2:3 enc.utf8"),
        (8, "USD 1 of 1; 2:3 csv.fields"),
        (12, "USD 1 of 1; 2:3 csv.fields"),
        // Behind a character or a separator the row is whole.
        (4, "USD 2 of 2"),
        (7, "USD 2 of 2"),
    ] {
        let outcome = ask(&whole.as_bytes()[..whole.len() - bytes_off]).gives(expected);
        let told = outcome
            .warnings
            .iter()
            .any(|w| w.contains("does not end with a line end"));
        assert_eq!(told, expected.contains(';'), "{:?}", outcome.warnings);
    }
}

#[test]
fn a13_a_file_cut_behind_a_line_is_a_file() {
    let whole = bill(&[ROW, ROW]);
    ask(&whole[..whole.len() - ROW.len() - 1]).gives("USD 1 of 1");
}

#[test]
fn a14_blank_lines_are_counted_and_no_rows() {
    let text = bill(&["", ROW, "   ", "\t", ROW, "", ""]);
    let outcome = ask(&text).gives("USD 2 of 2");
    assert_eq!(outcome.receipt.sources[0].blank_lines, 5);
    // Before the header, too.
    ask(&format!("\n \n{text}")).gives("USD 2 of 2");
}

#[test]
fn a15_a_file_without_bytes_is_refused_unless_allowed() {
    ask("").fails("file csv.empty", &["--allow-empty"]);
    ask("").allow_empty().gives("nothing of 0");
    ask("\n\n").fails("file csv.empty", &[]);
}

#[test]
fn a16_a_header_alone_has_no_rows_and_a_warning() {
    let outcome = ask(&bill::<&str>(&[])).gives("nothing of 0");
    assert!(outcome.warnings[0].ends_with("no rows"), "{:?}", outcome.warnings);
    assert_eq!(outcome.receipt.rows.read, 0);
}

#[test]
fn a17_a_file_without_header_is_refused() {
    ask(&format!("{ROW}\n{ROW}\n")).fails("file schema.header", &["focus", "aws-cur", "--mapping"]);
}

#[test]
fn a18_a_header_in_the_middle_is_a_row_and_is_refused_as_such() {
    check(&[ROW, HEADER, ROW], "USD 2 of 2; 2:3 csv.header_again");
}

#[test]
fn a19_a_column_that_stands_twice_is_refused() {
    let text = format!("{HEADER},ResourceId\n{ROW},i-1\n");
    ask(&text).fails("file schema.dup_column", &["ResourceId"]);
}

#[test]
fn a20_headers_are_matched_through_case_spaces_mark_and_quotes() {
    for header in [
        HEADER.to_lowercase(),
        format!("\u{feff}{HEADER}"),
        HEADER.replace("BilledCost", " Billed Cost "),
        HEADER.replace("BilledCost", "\"BilledCost\""),
        HEADER.replace("BilledCost", "billed_cost"),
    ] {
        ask(&format!("{header}\n{ROW}\n")).gives("USD 1 of 1");
    }
    let error = HEADER.replace("BilledCost", "Billd");
    ask(&format!("{error}\n{ROW}\n")).fails("file schema.column", &["BilledCost"]);
}

#[test]
fn a21_another_separator_must_be_named() {
    for (delimiter, shown) in [(b';', "';'"), (b'\t', "tab"), (b'|', "'|'")] {
        let text = bill(&[ROW, ROW]).replace(',', &char::from(delimiter).to_string());
        ask(&text).fails("file schema.header", &["--delimiter", shown]);
        ask(&text).delimiter(delimiter).gives("USD 2 of 2");
    }
}

#[test]
fn a22_a_total_line_is_never_a_charge() {
    check(&[ROW, ROW, "Total,,2,USD,"], "USD 2 of 2; 3:4 time.syntax");
    check(&[ROW, "合计,,1,USD,"], "USD 1 of 1; 2:3 time.syntax");
    check(&[ROW, ",,1,USD,"], "USD 1 of 1; 2:3 time.missing");
}

#[test]
fn a23_lines_before_the_header_are_refused_not_skipped() {
    let text = format!("Account 4711\nMarch 2024\n{}", bill(&[ROW]));
    ask(&text).fails("file schema.header", &["Account 4711"]);
}

#[test]
fn a24_a_nul_is_text_in_text_and_a_fault_elsewhere() {
    let outcome = ask(&bill(&[of("a\0b"), costing("1\0"), starting("2024-03-01\0")]))
        .by("resource_id")
        .run()
        .unwrap();
    assert_eq!(
        shown(&outcome),
        "USD 1 of 1: a\0b=1; 2:3 num.syntax; 3:4 time.syntax"
    );
}

#[test]
fn a25_a_comment_is_a_row_like_any_other() {
    check(&["# end of March", ROW], "USD 1 of 1; 1:2 csv.fields");
}

#[test]
fn files_that_are_no_bills_beside_a_bill_are_skipped_with_a_warning() {
    let folder = Folder::new();
    folder.put("bill.csv", bill(&[ROW]));
    folder.put("README.md", "# Bills\n\nOf March.\n");
    folder.put("manifest.json", "{\"files\": 1}");
    let outcome = billfold_core::dataset::sums(
        &[folder.path().display().to_string()],
        crate::support::asking("", "total"),
        billfold_core::dataset::RunOptions::default(),
    );
    let outcome = outcome.unwrap();
    assert_eq!(shown(&outcome), "USD 1 of 1");
    assert_eq!(outcome.warnings.len(), 2, "{:?}", outcome.warnings);
}
