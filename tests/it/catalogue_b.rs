//! Catalogue B: encodings.

use crate::support::{HEADER, ask, bill, costing, of};

const ROW: &str = "2024-03-01T00:00:00Z,2024-03-02T00:00:00Z,1,USD,i-1";

/// A bill whose second row has these bytes for its resource.
fn with_bytes(bytes: &[u8]) -> Vec<u8> {
    let mut text = bill(&[ROW]).into_bytes();
    text.extend_from_slice(b"2024-03-01T00:00:00Z,,1,USD,");
    text.extend_from_slice(bytes);
    text.extend_from_slice(b"\n");
    text.extend_from_slice(ROW.as_bytes());
    text.push(b'\n');
    text
}

fn utf16(text: &str, big: bool, mark: bool) -> Vec<u8> {
    let mark = if mark { "\u{feff}" } else { "" };
    let units = format!("{mark}{text}").encode_utf16().collect::<Vec<u16>>();
    let bytes = |unit: u16| {
        if big {
            unit.to_be_bytes()
        } else {
            unit.to_le_bytes()
        }
    };
    units.into_iter().flat_map(bytes).collect()
}

#[test]
fn b01_a_byte_order_mark_is_no_part_of_the_first_header() {
    ask(&format!("\u{feff}{}", bill(&[ROW]))).gives("USD 1 of 1");
}

#[test]
fn b02_utf_16_with_its_mark_is_read_and_said() {
    let text = bill(&[of("日本"), costing("x")]);
    for big in [false, true] {
        let outcome = ask(&utf16(&text, big, true))
            .by("resource_id")
            .gives("USD 1 of 1: 日本=1; 2:3 num.syntax");
        assert!(
            outcome.warnings[0].contains("transcoded from UTF-16"),
            "{:?}",
            outcome.warnings
        );
    }
}

#[test]
fn b03_utf_16_without_a_mark_and_utf_32_are_not_guessed() {
    let text = bill(&[ROW]);
    for big in [false, true] {
        ask(&utf16(&text, big, false)).fails("file enc.unknown", &["--encoding"]);
    }
    let utf32: Vec<u8> = "\u{feff}"
        .chars()
        .chain(text.chars())
        .flat_map(|c| u32::from(c).to_le_bytes())
        .collect();
    ask(&utf32).fails("file enc.unknown", &[]);
    ask(&utf16(&text, false, false))
        .encoding("utf-16le")
        .gives("USD 1 of 1");
}

/// 华北 in GB18030.
const HUABEI: &[u8] = b"\xbb\xaa\xb1\xb1";

#[test]
fn b04_gb18030_is_read_when_it_is_named() {
    let text = with_bytes(HUABEI);
    ask(&text)
        .by("resource_id")
        .encoding("gb18030")
        .gives("USD 3 of 3: i-1=2 华北=1");
    ask(&text).gives("USD 2 of 2; 2:3 enc.utf8");
    let mut header = HUABEI.to_vec();
    header.extend_from_slice(b",");
    header.extend_from_slice(bill(&[&format!("x,{ROW}")]).as_bytes());
    ask(&header).fails("file enc.utf8", &["byte 0", "--encoding gb18030"]);
}

#[test]
fn b05_latin_1_is_read_when_it_is_named() {
    let text = with_bytes(b"B\xfcro");
    ask(&text)
        .by("resource_id")
        .encoding("latin1")
        .gives("USD 3 of 3: Büro=1 i-1=2");
    ask(&text).gives("USD 2 of 2; 2:3 enc.utf8");
}

#[test]
fn b06_a_byte_that_is_not_utf_8_rejects_its_row_whatever_the_question() {
    let text = with_bytes(b"a\xffb");
    let outcome = ask(&text).gives("USD 2 of 2; 2:3 enc.utf8");
    assert!(
        outcome.rejects[0].expected.contains("byte 29"),
        "{}",
        outcome.rejects[0].expected
    );
    ask(&text)
        .by("resource_id")
        .gives("USD 2 of 2: i-1=2; 2:3 enc.utf8");
    ask(&text)
        .every("monthly")
        .gives("USD 2 of 2: 2024-03=2; 2:3 enc.utf8");
}

#[test]
fn b07_overlong_forms_surrogates_and_cut_sequences_are_not_utf_8() {
    for bytes in [
        &b"\xc0\xaf"[..],
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xff\xfe",
        b"\xf4\x90\x80\x80",
        b"\xe6\x97",
        b"\x80",
    ] {
        ask(&with_bytes(bytes)).gives("USD 2 of 2; 2:3 enc.utf8");
    }
}

#[test]
fn b08_a_file_that_changes_its_encoding_is_rejected_from_there() {
    let mut text = bill(&[of("日本"), of("日本")]).into_bytes();
    for _ in 0..3 {
        text.extend_from_slice(b"2024-03-01T00:00:00Z,,1,USD,\xbb\xaa\xb1\xb1\n");
    }
    ask(&text).gives("USD 2 of 2; 3:4 enc.utf8; 4:5 enc.utf8; 5:6 enc.utf8");
}

#[test]
fn b09_composed_and_decomposed_names_are_two_names() {
    ask(&bill(&[of("caf\u{e9}"), of("cafe\u{301}")]))
        .by("resource_id")
        .gives("USD 2 of 2: cafe\u{301}=1 caf\u{e9}=1");
}

#[test]
fn b10_digits_and_signs_of_other_scripts_are_no_amounts() {
    for cost in ["１２.５", "٣", "\u{2212}1", "1\u{a0}000", "1\u{202f}000"] {
        let outcome = ask(&bill(&[costing(cost), costing("1")])).gives("USD 1 of 1; 1:2 num.syntax");
        assert_eq!(outcome.rejects[0].text, cost);
        let expected = &outcome.rejects[0].expected;
        assert!(expected.contains("U+"), "the character is named: {expected}");
    }
}

#[test]
fn b11_marks_that_cannot_be_seen_are_kept() {
    let id = "i\u{200b}-\u{202e}1";
    ask(&bill(&[of(id)]))
        .by("resource_id")
        .gives(&format!("USD 1 of 1: {id}=1"));
}

#[test]
fn b12_ids_that_differ_in_case_or_spaces_are_two_ids() {
    ask(&bill(&[of("a"), of("A"), of("a "), of("\" a\"")]))
        .by("resource_id")
        .gives("USD 4 of 4:  a=1 A=1 a=1 a =1");
}

#[test]
fn an_encoding_that_nobody_knows_is_a_usage_error() {
    ask(&format!("{HEADER}\n{ROW}\n"))
        .encoding("klingon")
        .fails("usage usage", &["klingon"]);
}
