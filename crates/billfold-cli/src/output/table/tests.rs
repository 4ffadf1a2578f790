//! Tests of the table: what stands where, and what is shown escaped.

use super::*;
use crate::output::frame::samples::{OTHERS, answer, in_months};
use billfold_core::query::DimensionSource;

const PLAIN: TableOptions = TableOptions {
    places: None,
    color: false,
    width: None,
};

fn table(answer: &Answer, options: TableOptions) -> String {
    let mut out = Vec::new();
    write(answer, &options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn check(answer: &Answer, options: TableOptions, expected: &[&str]) {
    let table = table(answer, options);
    assert_eq!(table.lines().collect::<Vec<_>>(), expected, "\n{table}");
    assert!(table.lines().all(|line| !line.ends_with(' ')));
}

fn places(places: u8) -> TableOptions {
    TableOptions {
        places: Some(places),
        ..PLAIN
    }
}

#[test]
fn costs_stand_at_their_points_and_counts_on_the_right() {
    let answer = answer(
        &["zone_id"],
        &[
            (vec!["a"], "USD", "1234.5", 12345678),
            (vec!["long-name"], "USD", "-0.000145", 7),
            (vec!["c"], "USD", "10", 10),
        ],
    );
    check(
        &answer,
        PLAIN,
        &[
            "zone_id    currency         cost   charges",
            "a          USD       1234.5       12345678",
            "long-name  USD         -0.000145         7",
            "c          USD         10               10",
            "",
            "total      USD       1244.499855  12345695",
        ],
    );
}

#[test]
fn periods_have_a_column_where_the_question_asks_for_them() {
    let answer = in_months(
        answer(&[], &[(vec![], "EUR", "1", 1), (vec![], "EUR", "22.5", 2)]),
        2,
    );
    check(
        &answer,
        PLAIN,
        &[
            "period   currency  cost  charges",
            "2024-01  EUR        1          1",
            "2024-02  EUR       22.5        2",
            "",
            "total    EUR       23.5        3",
        ],
    );
}

#[test]
fn without_dimensions_and_periods_the_groups_are_the_totals() {
    let answer = answer(&[], &[(vec![], "CNY", "1.5", 4), (vec![], "USD", "2", 1)]);
    check(
        &answer,
        PLAIN,
        &[
            "currency  cost  charges",
            "CNY        1.5        4",
            "USD        2          1",
        ],
    );
}

#[test]
fn wide_characters_keep_the_columns_in_line() {
    let answer = answer(
        &["service_name", "zone_id"],
        &[
            (vec!["云服务器", "北京"], "CNY", "1", 1),
            (vec!["🚀", "x"], "CNY", "2", 1),
        ],
    );
    check(
        &answer,
        PLAIN,
        &[
            "service_name  zone_id  currency  cost  charges",
            "云服务器      北京     CNY          1        1",
            "🚀            x        CNY          2        1",
            "",
            "total                  CNY          3        2",
        ],
    );
}

#[test]
fn hostile_texts_are_shown_and_a_group_stays_one_line() {
    let answer = answer(
        &["na\nme"],
        &[
            (vec!["a\u{1b}[2Jb\r\n"], "USD", "1", 1),
            (vec!["\u{202e}c\u{200b}"], "USD", "1", 1),
            (vec!["\u{9b}31m\u{7}\u{8}"], "USD", "1", 1),
        ],
    );
    check(
        &answer,
        PLAIN,
        &[
            r"na\nme             currency  cost  charges",
            r"a\x1b[2Jb\r\n      USD          1        1",
            r"\u{202e}c\u{200b}  USD          1        1",
            r"\x9b31m\x07\x08    USD          1        1",
            "",
            "total              USD          3        3",
        ],
    );
}

#[test]
fn an_empty_value_is_told_from_every_other() {
    let answer = answer(
        &["project_id"],
        &[
            (vec![""], "", "1", 1),
            (vec!["\"\""], "", "1", 1),
            (vec!["-"], "", "1", 1),
        ],
    );
    check(
        &answer,
        PLAIN,
        &[
            "project_id  currency  cost  charges",
            r#"""          ""           1        1"#,
            r#"\"\"        ""           1        1"#,
            r#"-           ""           1        1"#,
            "",
            r#"total       ""           3        3"#,
        ],
    );
}

#[test]
fn unlike_currencies_have_totals_of_their_own() {
    let answer = answer(
        &["zone_id"],
        &[(vec!["a"], "CNY", "7.25", 2), (vec!["a"], "USD", "1", 3)],
    );
    check(
        &answer,
        PLAIN,
        &[
            "zone_id  currency  cost  charges",
            "a        CNY       7.25        2",
            "a        USD       1           3",
            "",
            "total    CNY       7.25",
            "total    USD       1",
            "total                          5",
        ],
    );
}

#[test]
fn printed_parts_add_up_to_the_printed_total() {
    let answer = answer(
        &["zone_id"],
        &[
            (vec!["a"], "USD", "0.005", 1),
            (vec!["b"], "USD", "0.005", 1),
            (vec!["c"], "USD", "0.005", 1),
        ],
    );
    check(
        &answer,
        places(2),
        &[
            "zone_id  currency  cost  charges",
            "a        USD       0.01        1",
            "b        USD       0.01        1",
            "c        USD       0.00        1",
            "",
            "total    USD       0.02        3",
        ],
    );
}

#[test]
fn more_places_than_digits_are_filled_with_zeros() {
    let answer = answer(
        &["z"],
        &[(vec!["a"], "USD", "-1.5", 1), (vec!["b"], "USD", "20", 1)],
    );
    check(
        &answer,
        places(3),
        &[
            "z      currency    cost  charges",
            "a      USD       -1.500        1",
            "b      USD       20.000        1",
            "",
            "total  USD       18.500        2",
        ],
    );
}

#[test]
fn parts_that_do_not_come_to_the_total_are_rounded_one_by_one() {
    // Each charge has both tags, so that the total is less than the groups together.
    let mut overlapping = answer(
        &["tag_id"],
        &[(vec!["a=1"], "USD", "0.005", 1), (vec!["b=2"], "USD", "0.005", 1)],
    );
    overlapping.query.by[0].source = DimensionSource::TagId;
    let used = answer(&["x"], &[(vec!["x"], "USD", "0.005", 1)]);
    overlapping.totals = used.totals;
    overlapping.n_charges = 1;
    check(
        &overlapping,
        places(2),
        &[
            "tag_id  currency  cost  charges",
            "a=1     USD       0.01        1",
            "b=2     USD       0.01        1",
            "",
            "total   USD       0.01        1",
        ],
    );
}

#[test]
fn a_page_says_so_and_keeps_the_total_of_all() {
    let mut page = answer(&["zone_id"], &[(vec!["a"], "USD", "0.005", 1)]);
    let whole = answer(&["zone_id"], &[(vec!["a"], "USD", "100.004", 340)]);
    page.totals = whole.totals;
    page.n_charges = 340;
    page.n_groups = 340;
    check(
        &page,
        places(2),
        &[
            "zone_id  currency    cost  charges",
            "a        USD         0.01        1",
            "… 1 of 340 groups",
            "",
            "total    USD       100.00      340",
        ],
    );
}

#[test]
fn an_answer_of_no_groups_is_a_header() {
    check(
        &answer(&["zone_id"], &[]),
        PLAIN,
        &["zone_id  currency  cost  charges"],
    );
}

#[test]
fn a_narrow_terminal_cuts_texts_and_never_numbers() {
    let groups = [(vec!["a-very-long-resource-name", "short"], "USD", "123456.789", 1)];
    let answer = answer(&["resource_id", "z"], &groups);
    let in_columns = |width| TableOptions {
        width: Some(width),
        ..PLAIN
    };
    check(
        &answer,
        in_columns(48),
        &[
            "resource_…  z      currency        cost  charges",
            "a-very-lo…  short  USD       123456.789        1",
            "",
            "total              USD       123456.789        1",
        ],
    );
    assert_eq!(table(&answer, in_columns(200)), table(&answer, PLAIN));
    for width in [0, 1, 20] {
        let table = table(&answer, in_columns(width));
        assert!(table.contains("a-ver…  short"), "{table}");
        assert!(table.contains("123456.789"));
    }
}

#[test]
fn colors_mark_header_totals_others_and_empty_values() {
    let mut answer = answer(
        &["zone_id"],
        &[(vec![""], "USD", "1", 1), (vec![OTHERS], "USD", "2", 2)],
    );
    answer.query.top = Some(1);
    let color = TableOptions { color: true, ..PLAIN };
    check(
        &answer,
        color,
        &[
            "\u{1b}[1mzone_id  currency  cost  charges\u{1b}[0m",
            "\u{1b}[2m\"\"\u{1b}[0m       USD          1        1",
            "\u{1b}[2mOthers\u{1b}[0m   USD          2        2",
            "",
            "\u{1b}[1mtotal    USD          3        3\u{1b}[0m",
        ],
    );
}

#[test]
fn every_answer_of_the_samples_has_a_table() {
    for answer in crate::output::frame::samples::all() {
        for options in [PLAIN, places(0), places(38), places(255)] {
            let table = table(&answer, options);
            assert!(table.lines().count() > answer.len());
        }
    }
}
