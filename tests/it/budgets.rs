//! `billfold check-budget`: limits judged to the last digit, every group accounted for, XML that is XML.

use billfold_core::budget::{Budget, Limit, Verdict};
use billfold_core::dataset::{self, RunOptions};
use proptest::prelude::*;

use crate::support::{Folder, Ran, asking, bill, command_of};

/// Two months, two resources, one currency; i-2 has no charge in April.
fn rows() -> String {
    bill(&[
        "2024-03-01T00:00:00Z,,999.99,USD,i-1",
        "2024-03-02T00:00:00Z,,0.01,USD,i-1",
        "2024-04-01T00:00:00Z,,1000.000000001,USD,i-1",
        "2024-03-01T00:00:00Z,,90,USD,i-2",
    ])
}

fn check_with(rows: String, words: &[&str]) -> Ran {
    let folder = Folder::new();
    let path = folder.put("bill.csv", rows);
    let mut all = vec!["check-budget", "--metric", "billed", "--by", "resource_id"];
    all.extend(words);
    all.push(&path);
    command_of(&all)
}

fn check(words: &[&str]) -> Ran {
    check_with(rows(), words)
}

#[test]
fn a_thousand_is_within_a_thousand_and_a_billionth_more_is_not() {
    let ran = check(&["--limit", "1000", "--warn", "80", "--warn", "95.5"]);
    assert_eq!(ran.exit, 1, "{}", ran.stderr);
    assert_eq!(
        ran.stdout,
        "budget: monthly by resource_id\n\
         resource_id  period   currency            cost  limit  used %       beyond  verdict\n\
         i-1          2024-03  USD                 1000   1000  100.00            -  warned (past 95.5%)\n\
         i-1          2024-04  USD       1000.000000001   1000  100.00  0.000000001  exceeded\n\
         i-2          2024-03  USD                   90   1000    9.00            -  within\n\
         1 exceeded, 1 warned, 1 within, 0 without charges, 0 without a limit\n"
    );
    assert_eq!(check(&["--limit", "1000.000000001"]).exit, 0);
    assert_eq!(check(&["--limit", "1000", "--fail", "100.0001"]).exit, 0);
}

#[test]
fn the_closest_limit_counts_and_what_has_none_is_told() {
    let ran = check(&["--limit", "i-1=1000", "--limit", "i-1=1001 USD @2024-04"]);
    assert_eq!(ran.exit, 0, "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("i-2          2024-03  USD                   90      -       -       -  no-limit"),
        "{}",
        ran.stdout
    );
    assert_eq!(check(&["--limit", "i-1=2000", "--strict"]).exit, 1);
}

#[test]
fn a_group_without_charges_does_not_pass_in_silence() {
    let ran = check(&["--limit", "5000", "--limit", "i-2=100", "--limit", "i-3=1"]);
    assert_eq!(ran.exit, 0, "{}", ran.stdout);
    for line in [
        "i-2          2024-04  USD                    0    100    0.00       -  no-charges",
        "i-3          2024-03  USD                    0      1    0.00       -  no-charges",
        "i-3          2024-04  USD                    0      1    0.00       -  no-charges",
    ] {
        assert!(ran.stdout.contains(line), "{line} is not in\n{}", ran.stdout);
    }
    assert!(
        ran.stderr.contains("no charge is in the group i-3 of a limit"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("group i-2"), "{}", ran.stderr);
    // Strictly, a limit that nothing is measured against is one that does not hold.
    assert_eq!(
        check(&["--limit", "5000", "--limit", "i-3=1", "--strict"]).exit,
        1
    );
    assert_eq!(check(&["--limit", "5000", "--strict"]).exit, 0);
    // A general limit in a currency that no charge has decides nothing, and that is told.
    let ran = check(&["--limit", "5000 USD", "--limit", "1 EUR"]);
    assert!(
        ran.stderr.contains("the limit of 1 EUR decides nothing"),
        "{}",
        ran.stderr
    );
    // A bill without a charge in the window: what is named is still there.
    let ran = check(&["--limit", "i-1=1", "--period", "2023-05"]);
    assert_eq!(ran.exit, 0);
    assert!(ran.stdout.contains("i-1          2023-05"), "{}", ran.stdout);
}

#[test]
fn currencies_are_told_apart_chosen_or_converted() {
    let both = bill(&[
        "2024-03-01T00:00:00Z,,100,USD,i-1",
        "2024-03-01T00:00:00Z,,700,CNY,i-1",
    ]);
    let with = |words: &[&str]| check_with(both.clone(), words);
    let refused = with(&["--limit", "500"]);
    assert_eq!(
        (refused.exit, refused.stdout.as_str()),
        (5, ""),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("CNY, USD"), "{}", refused.stderr);
    assert_eq!(
        with(&["--limit", "500", "--filter", "billing_currency=USD"]).exit,
        0
    );
    assert_eq!(with(&["--limit", "500 USD", "--limit", "700 CNY"]).exit, 0);
    assert_eq!(with(&["--limit", "500 USD", "--limit", "699.99 CNY"]).exit, 1);
    let folder = Folder::new();
    let rates = folder.put("rates.csv", "month,from,to,rate\n2024-03,USD,CNY,7\n");
    let converted = |limit: &str| with(&["--limit", limit, "--currency", "CNY", "--rates", &rates]).exit;
    assert_eq!((converted("1400"), converted("1399.99")), (0, 1));
}

#[test]
fn what_cannot_be_a_budget_is_refused_before_a_file_is_opened() {
    for words in [
        &["--limit", "x"][..],
        &["--limit", "-1"],
        &["--limit", "a,b=1"],
        &["--limit", "1", "--limit", "1"],
        &["--limit", "1", "--warn", "100"],
        &["--limit", "1", "--warn", "x"],
        &["--limit", "1 @2024"],
        &[],
    ] {
        let mut all = vec!["check-budget", "--by", "resource_id"];
        all.extend(words);
        all.push("/nowhere/bill.csv");
        let ran = command_of(&all);
        assert_eq!(
            (ran.exit, ran.stdout.as_str()),
            (2, ""),
            "{words:?}: {}",
            ran.stderr
        );
    }
    assert_eq!(
        command_of(&["check-budget", "--limit", "1", "/nowhere/bill.csv"]).exit,
        6
    );
    // Rows that cannot be read give no verdict.
    let ran = check_with(bill(&["2024-03-01T00:00:00Z,,x,USD,i-1"]), &["--limit", "1"]);
    assert_eq!((ran.exit, ran.stdout.as_str()), (3, ""));
}

#[test]
fn json_tells_the_same_in_text_amounts() {
    let ran = check(&["--limit", "1000", "--warn", "80", "--format", "json"]);
    assert_eq!(ran.exit, 1);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["holds"], false);
    let budget = &document["budgets"][0];
    assert_eq!(budget["name"], serde_json::Value::Null);
    assert_eq!(
        (&budget["warn_percent"][0], &budget["fail_percent"]),
        (&"80".into(), &"100".into())
    );
    assert_eq!(budget["counts"]["exceeded"], 1);
    let over = &budget["findings"][1];
    assert_eq!(over["by"]["resource_id"], "i-1");
    assert_eq!(over["cost"], "1000.000000001");
    assert_eq!(over["beyond"], "0.000000001");
    assert_eq!(over["verdict"], "exceeded");
    assert_eq!(budget["receipt"]["rows"]["used"], 4);
}

/// Reads XML that has elements, attributes and texts; returns per element its name and attributes.
///
/// Panics where it is not well-formed: what JUnit's readers do.
pub(crate) fn elements(xml: &str) -> Vec<(String, Vec<(String, String)>)> {
    for c in xml.chars() {
        let is_char =
            matches!(c, '\n' | '\t' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(is_char, "{c:?} is no character of XML");
    }
    let text = |raw: &str| {
        assert!(!raw.contains('<'), "{raw}");
        let mut out = String::new();
        let mut rest = raw;
        while let Some((before, after)) = rest.split_once('&') {
            out += before;
            let (name, after) = after.split_once(';').expect("a reference that ends");
            out += match name {
                "amp" => "&",
                "lt" => "<",
                "gt" => ">",
                "quot" => "\"",
                "apos" => "'",
                other => panic!("&{other};"),
            };
            rest = after;
        }
        out + rest
    };
    let (mut found, mut open): (Vec<_>, Vec<String>) = (Vec::new(), Vec::new());
    let mut rest = xml
        .strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")
        .unwrap();
    while let Some((before, after)) = rest.split_once('<') {
        text(before);
        if let Some(after) = after.strip_prefix('/') {
            let (name, after) = after.split_once('>').unwrap();
            assert_eq!(open.pop().as_deref(), Some(name));
            rest = after;
            continue;
        }
        let end = after.find([' ', '>', '/']).unwrap();
        let name = after[..end].to_owned();
        let mut tail = &after[end..];
        let mut attributes: Vec<(String, String)> = Vec::new();
        while let Some(more) = tail.strip_prefix(' ') {
            let (key, more) = more.split_once("=\"").unwrap();
            let (value, more) = more.split_once('"').unwrap();
            assert!(attributes.iter().all(|(known, _)| known != key), "{key} twice");
            attributes.push((key.to_owned(), text(value)));
            tail = more;
        }
        rest = match tail.strip_prefix("/>") {
            Some(after) => after,
            None => {
                open.push(name.clone());
                tail.strip_prefix('>').unwrap()
            }
        };
        found.push((name, attributes));
    }
    assert!(open.is_empty(), "{open:?} stay open");
    assert_eq!(rest.trim(), "");
    found
}

fn attribute<'e>(element: &'e (String, Vec<(String, String)>), name: &str) -> &'e str {
    let found = element.1.iter().find(|(key, _)| key == name);
    found.map_or("", |(_, value)| value)
}

#[test]
fn junit_has_a_case_per_group_and_period() {
    let ran = check(&[
        "--limit", "1000", "--warn", "80", "--limit", "i-3=7", "--format", "junit",
    ]);
    assert_eq!(ran.exit, 1);
    let found = elements(&ran.stdout);
    let named = |name: &str| found.iter().filter(|e| e.0 == name).collect::<Vec<_>>();
    let suite = named("testsuite")[0];
    for (name, value) in [
        ("tests", "5"),
        ("failures", "1"),
        ("skipped", "2"),
        ("errors", "0"),
    ] {
        assert_eq!(attribute(suite, name), value, "{name}");
        assert_eq!(attribute(named("testsuites")[0], name), value, "{name}");
    }
    let cases: Vec<&str> = named("testcase").iter().map(|e| attribute(e, "name")).collect();
    assert_eq!(
        cases,
        [
            "resource_id=i-1 2024-03 USD",
            "resource_id=i-1 2024-04 USD",
            "resource_id=i-2 2024-03 USD",
            "resource_id=i-3 2024-03 USD",
            "resource_id=i-3 2024-04 USD"
        ]
    );
    assert_eq!(
        attribute(named("failure")[0], "message"),
        "USD 1000.000000001 of 1000 is 100.00 percent, 0.000000001 beyond the limit"
    );
    assert_eq!((named("skipped").len(), named("system-out").len()), (2, 1));
    let strict = check(&[
        "--limit", "1000", "--limit", "i-3=7", "--format", "junit", "--strict",
    ]);
    assert_eq!(
        elements(&strict.stdout)
            .iter()
            .filter(|e| e.0 == "failure")
            .count(),
        3
    );
}

#[test]
fn budgets_of_a_file_are_those_of_the_command_line() {
    let folder = Folder::new();
    let path = folder.put("bill.csv", rows());
    let config = folder.put(
        "billfold.toml",
        "[defaults]\ninputs = [\"bill.csv\"]\nmetric = \"billed\"\ntop = 3\noutput = \"x.csv\"\n\
         [report.r]\n[tags.alias]\nteam = \"Team\"\n\
         [budget.all]\nlimit = 2091\nduration = \"total\"\n\
         [budget.each]\nby = \"resource_id\"\nlimit = [\"1000\", \"i-2=100 USD @2024-03\"]\nwarn = [80, \"90\"]\n",
    );
    let ran = command_of(&["check-budget", "--config", &config]);
    assert_eq!(ran.exit, 1, "{}", ran.stderr);
    let alone = command_of(&[
        "check-budget",
        "--metric",
        "billed",
        "--by",
        "resource_id",
        "--limit",
        "1000",
        "--limit",
        "i-2=100 USD @2024-03",
        "--warn",
        "80",
        "--warn",
        "90",
        &path,
    ]);
    assert_eq!(
        ran.stdout.split("budget each:").nth(1).unwrap(),
        alone.stdout.split("budget:").nth(1).unwrap()
    );
    assert_eq!(
        command_of(&["check-budget", "--config", &config, "--budget", "all"]).exit,
        0
    );
    // The reports of the file are not in the way of its budgets, nor the other way round.
    assert_eq!(command_of(&["run", "--config", &config, "--list"]).stdout, "r\n");
    for (config, told) in [
        ("[report.r]\n", "names no budget"),
        ("[budget.b]\nlimit = 1\n", "no inputs"),
        ("[budget.b]\ninputs = \"bill.csv\"\n", "no limit"),
        (
            "[budget.b]\ninputs = \"bill.csv\"\nlimit = 1.5\n",
            "limit is neither",
        ),
        (
            "[budget.b]\ninputs = \"bill.csv\"\nlimit = 1\noutput = \"x\"\n",
            "command line alone",
        ),
        (
            "[budget.b]\ninputs = \"bill.csv\"\nlimit = 1\nlimits = 2\n",
            "--limits",
        ),
        (
            "[tags.alias]\na = 1\n[budget.b]\ninputs = \"bill.csv\"\nlimit = 1\n",
            "tags.alias",
        ),
    ] {
        let path = folder.put("bad.toml", config);
        let ran = command_of(&["check-budget", "--config", &path]);
        assert_eq!(
            (ran.exit, ran.stdout.as_str()),
            (2, ""),
            "{config}: {}",
            ran.stderr
        );
        assert!(ran.stderr.contains(told), "{config}: {}", ran.stderr);
    }
    assert_eq!(
        command_of(&["check-budget", "--config", &config, "--limit", "1"]).exit,
        2
    );
    assert_eq!(
        command_of(&["check-budget", "--config", &config, "--budget", "none"]).exit,
        2
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Costs in thousandths, added up and compared as plain integers.
    #[test]
    fn a_verdict_is_that_of_integers(
        rows in prop::collection::vec((0..3u8, 1..4u8, -2_000_000..4_000_000i64), 1..30),
        limit in 0..5_000_000i64, percent in 1..300i64,
    ) {
        let text = |thousandths: i64| {
            let sign = if thousandths < 0 { "-" } else { "" };
            let value = thousandths.abs();
            format!("{sign}{}.{:03}", value / 1000, value % 1000)
        };
        let mut expected = std::collections::BTreeMap::new();
        let mut lines = Vec::new();
        for (resource, month, cost) in &rows {
            lines.push(format!("2024-{month:02}-01T00:00:00Z,,{},USD,i-{resource}", text(*cost)));
            *expected.entry((format!("i-{resource}"), format!("2024-{month:02}"))).or_insert(0i64) += cost;
        }
        let folder = Folder::new();
        let path = folder.put("bill.csv", bill(&lines));
        let query = asking("resource_id", "monthly");
        let limits = vec![Limit::parse(&text(limit)).unwrap()];
        let budget = Budget::new(limits, vec![], percent as u64 * 10_000, &query).unwrap();
        let outcome = dataset::sums(&[path], query, RunOptions::default()).unwrap();
        let judged = budget.judge(outcome.answer.as_ref().unwrap()).unwrap();
        prop_assert_eq!(judged.findings.len(), expected.len());
        for finding in &judged.findings {
            let cost = expected[&(finding.group[0].clone(), finding.period.clone().unwrap())];
            let is_over = cost * 100 > limit * percent;
            prop_assert_eq!(finding.verdict == Verdict::Exceeded, is_over, "{} of {}", cost, limit);
            prop_assert_eq!(finding.beyond().unwrap().is_some(), cost > limit);
        }
    }
}
