//! The page as people look at it: contrast in light and dark, a table that the keyboard works, paper.
#![allow(clippy::float_arithmetic, reason = "contrast is a ratio of lights, no money")]

use std::collections::BTreeMap;

use crate::support::{Folder, command, workspace};

fn style() -> String {
    std::fs::read_to_string(workspace().join("crates/billfold-report/src/html/page.css")).unwrap()
}

/// The colours that a block of rules sets.
fn colours(block: &str) -> BTreeMap<String, String> {
    block
        .split(';')
        .filter_map(|rule| rule.trim().trim_start_matches('{').trim().strip_prefix("--"))
        .filter_map(|rule| rule.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

/// The rules behind a selector, up to their end.
fn block<'s>(style: &'s str, selector: &str) -> &'s str {
    let at = style.find(selector).unwrap_or_else(|| panic!("no {selector}"));
    let rules = &style[at + selector.len()..];
    &rules[..rules.find('}').unwrap()]
}

/// The relative luminance of `#rgb` or `#rrggbb` (WCAG 2).
fn light(colour: &str) -> f64 {
    let hex = colour.strip_prefix('#').unwrap();
    let hex: String = if hex.len() == 3 {
        hex.chars().flat_map(|c| [c, c]).collect()
    } else {
        hex.to_owned()
    };
    let part = |at: usize| {
        let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.039_28 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
}

fn contrast(a: &str, b: &str) -> f64 {
    let (a, b) = (light(a), light(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn every_ink_is_readable_on_every_ground_in_light_dark_and_on_paper() {
    let style = style();
    let base = colours(block(&style, ":root {\n  color-scheme: light dark;"));
    let with = |selector: &str| {
        let mut all = base.clone();
        all.extend(colours(block(&style, selector)));
        all
    };
    let looks = [
        ("light", base.clone()),
        ("dark by the system", with(":root:not([data-theme=light]) {")),
        ("dark by the button", with("\n:root[data-theme=dark] {")),
        ("paper", with(":root, :root[data-theme=dark] {")),
    ];
    for (look, colours) in looks {
        for ink in ["ink", "soft", "accent", "up", "down"] {
            for ground in ["bg", "card", "head"] {
                let ratio = contrast(&colours[ink], &colours[ground]);
                assert!(ratio >= 4.5, "{look}: {ink} on {ground} has {ratio:.2}");
            }
        }
    }
    // Both ways into the dark are the same dark.
    assert_eq!(
        with(":root:not([data-theme=light]) {"),
        with("\n:root[data-theme=dark] {")
    );
}

#[test]
fn a_table_is_sorted_and_filtered_by_keyboard_and_named_for_those_who_listen() {
    let folder = Folder::new();
    let bill = folder.put(
        "bill.csv",
        "ChargePeriodStart,BilledCost,BillingCurrency,ServiceName\n2024-03-01,1,USD,a\n2024-04-01,2,USD,b\n",
    );
    for args in [
        "report --by service_name --format html {}",
        "report --by service_name --measure cost --format html {}",
        "forecast --by service_name --format html {}",
        "sql",
    ] {
        let ran = if args.starts_with("sql") {
            crate::support::command_of(&["sql", "select * from charges", "--format", "html", &bill])
        } else {
            command(args, &bill)
        };
        assert_eq!(ran.exit, 0, "{}", ran.stderr);
        let page = ran.stdout;
        let head = page
            .split("<thead>")
            .nth(1)
            .unwrap()
            .split("</thead>")
            .next()
            .unwrap();
        // What can be sorted is a button, which the keyboard reaches and presses.
        for column in head.split("<th ").skip(1) {
            let is_drawn = column.contains("class=\"trend\"") || column.contains("class=\"bar\"");
            assert!(
                is_drawn || column.contains("<button type=\"button\">"),
                "{column}"
            );
            assert!(column.starts_with("scope=\"col\""), "{column}");
        }
        assert!(page.contains("type=\"search\"") && page.contains("aria-label=\"Filter rows\""));
        assert!(page.contains("aria-live=\"polite\""));
        assert!(page.contains("class=\"scroll\" tabindex=\"0\""));
        assert!(page.contains("<html lang=") && page.contains("name=\"viewport\""));
    }
    let script =
        std::fs::read_to_string(workspace().join("crates/billfold-report/src/html/page.js")).unwrap();
    assert!(script.contains("aria-sort") && script.contains("aria-pressed"));
    assert!(style().contains(":focus-visible"));
}

#[test]
fn paper_has_the_whole_table_and_no_tools() {
    let style = style();
    let print = style.split("@media print").nth(1).unwrap();
    for rule in [
        ".tools, .pick button, #theme { display: none; }",
        ".scroll { max-height: none; overflow: visible;",
        "tr { break-inside: avoid; }",
        "color-scheme: light;",
    ] {
        assert!(print.contains(rule), "{rule}");
    }
}
