//! Shared cost split over groups: what leaves comes to others to the last digit, period by period, currency by currency.

use std::collections::BTreeMap;

use billfold_core::dataset::{self, RunOptions};
use billfold_core::money::ExactSum;
use billfold_core::query::ChargeQuery;
use billfold_core::split::{Rule, Shared, Splits};
use proptest::prelude::*;

use crate::support::{Folder, Ran, asking, command_of};

const HEADER: &str = "ChargePeriodStart,BilledCost,BillingCurrency,SubAccountId,ServiceName\n";

/// Two months of three users and a shared network; support is charged to each.
const ROWS: &str = "\
2024-03-01,10,USD,net,Network
2024-03-01,60,USD,a,Compute
2024-03-02,30,USD,b,Compute
2024-03-02,9,USD,b,Support
2024-04-01,0.10,USD,net,Network
2024-04-01,1,USD,a,Compute
2024-04-01,1,USD,b,Compute
2024-04-01,1,USD,c,Compute
2024-04-01,7,EUR,net,Network
2024-04-01,-2,EUR,c,Compute
2024-04-01,-1,EUR,a,Compute
";

fn report(rows: &str, words: &[&str]) -> Ran {
    let folder = Folder::new();
    let path = folder.put("bill.csv", format!("{HEADER}{rows}"));
    let mut all = vec![
        "report", "--by", "user_id", "--show", "none", "--sort", "key", "--format", "csv",
    ];
    all.extend(words);
    all.push(&path);
    command_of(&all)
}

#[test]
fn a_report_shows_what_is_own_what_came_and_what_left() {
    let ran = report(ROWS, &["--split", "user_id=net => cost"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert_eq!(
        ran.stdout,
        "row,user_id,billing_currency,2024-03,2024-04,own,shared in,shared out,total\n\
         group,a,EUR,,2.5,-1,3.5,0,2.5\n\
         group,c,EUR,,1.5,-2,3.5,0,1.5\n\
         group,net,EUR,,0,7,0,-7,0\n\
         total,,EUR,0,4,4,7,-7,4\n\
         group,a,USD,66.06,1.04,61,6.1,0,67.1\n\
         group,b,USD,42.94,1.03,40,3.97,0,43.97\n\
         group,c,USD,,1.03,1,0.03,0,1.03\n\
         group,net,USD,0,0,10.1,0,-10.1,0\n\
         total,,USD,109,3.1,112.1,10.1,-10.1,112.1\n",
        "{}",
        ran.stdout
    );
    assert!(
        ran.stderr.contains("split user_id=net => cost: EUR 7, USD 10.1 from 1 group to 3 groups; evenly in 1 of 3 periods, as no group had a weight"),
        "{}",
        ran.stderr
    );
}

#[test]
fn each_method_has_its_proportion() {
    let usd = |words: &[&str]| {
        let ran = report(
            ROWS,
            &[
                &["--filter", "billing_currency=USD", "--duration", "total"],
                words,
            ]
            .concat(),
        );
        assert_eq!(ran.exit, 0, "{}", ran.stderr);
        let lines = ran
            .stdout
            .lines()
            .skip(1)
            .map(|line| line.split(',').collect::<Vec<_>>());
        let shown: Vec<String> = lines
            .map(|cells| format!("{}={}", cells[1], cells[cells.len() - 1]))
            .collect();
        shown.join(" ")
    };
    // Own cost before: a 61, b 40, c 1, net 10.1.
    assert_eq!(
        usd(&["--split", "user_id=net => even"]),
        "a=64.37 b=43.37 c=4.36 net=0 =112.1"
    );
    assert_eq!(
        usd(&["--split", "user_id=net => charges"]),
        "a=64.37 b=45.05 c=2.68 net=0 =112.1"
    );
    assert_eq!(
        usd(&["--split", "user_id=net => fixed a=3,d=1"]),
        "a=68.58 b=40 c=1 d=2.52 net=0 =112.1"
    );
    assert_eq!(
        usd(&["--split", "user_id=net => even to user_id=b,c"]),
        "a=61 b=45.05 c=6.05 net=0 =112.1"
    );
    assert_eq!(
        usd(&["--split", "user_id=net => even", "--split-places", "0"]),
        "a=65.1 b=43 c=4 net=0 =112.1"
    );
    // A rule may look at what the question does not ask for; then a group gives and takes.
    assert_eq!(
        usd(&["--split", "service_name=Support => even"]),
        "a=63.25 b=33.25 c=3.25 net=12.35 =112.1"
    );
    // In order: the network takes its part of the support, and passes it on.
    assert_eq!(
        usd(&[
            "--split",
            "service_name=Support => even to user_id=net",
            "--split",
            "user_id=net => fixed a=1"
        ]),
        "a=80.1 b=31 c=1 net=0 =112.1"
    );
    // What --set reads from elsewhere, a rule reads as well.
    assert_eq!(
        usd(&["--set", "project_id=user_id", "--split", "project_id=net => even"]),
        usd(&["--split", "user_id=net => even"])
    );
    // The others of a top are those after the split.
    assert_eq!(
        usd(&["--split", "user_id=net => even", "--top", "1"]),
        "a=64.37 Others=47.73 =112.1"
    );
}

#[test]
fn a_measure_weighs_what_is_a_groups_own_in_any_currency() {
    let folder = Folder::new();
    let path = folder.put(
        "bill.csv",
        "ChargePeriodStart,BilledCost,BillingCurrency,SubAccountId,ConsumedQuantity\n\
         2024-03-01,12,USD,net,100\n2024-03-01,1,USD,a,1\n2024-03-01,1,USD,b,2\n2024-03-01,5,EUR,b,3\n\
         2024-04-01,3,USD,net,\n2024-04-01,1,USD,a,\n2024-04-01,1,USD,b,0.5\n",
    );
    let words = [
        "report",
        "--by",
        "user_id",
        "--filter",
        "billing_currency=USD",
        "--show",
        "none",
        "--sort",
        "key",
        "-f",
        "csv",
    ];
    let with = |split: &str| command_of(&[&words[..], &["--split", split, &path]].concat());
    let ran = with("user_id=net => measure usage_quantity");
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    // The filter leaves the euros out, and with them the three units that they paid for.
    assert!(
        ran.stdout
            .contains("group,a,USD,5,1,2,4,0,6\ngroup,b,USD,9,4,2,11,0,13\n"),
        "{}",
        ran.stdout
    );
    let all = command_of(&[
        "report",
        "--by",
        "user_id",
        "--show",
        "none",
        "--sort",
        "key",
        "-f",
        "csv",
        "--split",
        "user_id=net => measure usage_quantity",
        &path,
    ]);
    assert!(
        all.stdout
            .contains("group,a,USD,3,1,2,2,0,4\ngroup,b,USD,11,4,2,13,0,15\n"),
        "{}",
        all.stdout
    );
    assert_eq!(with("user_id=net => measure list_cost").exit, 2);
    assert_eq!(with("user_id=net => measure nothing_like_it").exit, 2);
}

#[test]
fn rounded_parts_add_up_as_printed_in_every_format() {
    let rows = "2024-03-01,1.005,USD,net,N\n2024-03-01,0.333,USD,a,C\n2024-03-01,0.333,USD,b,C\n2024-03-01,0.334,USD,c,C\n";
    let folder = Folder::new();
    let path = folder.put("bill.csv", format!("{HEADER}{rows}"));
    for ending in ["txt", "csv", "md", "json", "xlsx", "html", "parquet", "arrow"] {
        let out = folder.path().join(format!("a.{ending}")).display().to_string();
        let ran = command_of(&[
            "report",
            "--by",
            "user_id",
            "--split",
            "user_id=net => cost",
            "-o",
            &out,
            &path,
        ]);
        assert_eq!(ran.exit, 0, "{ending}: {}", ran.stderr);
    }
    let ran = command_of(&[
        "report",
        "--by",
        "user_id",
        "--split",
        "user_id=net => cost",
        "--show",
        "none",
        "--places",
        "2",
        "--format",
        "json",
        &path,
    ]);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let table = &document["tables"][0];
    let cents = |row: &serde_json::Value, name: &str| -> i64 {
        row[name].as_str().unwrap().replace('.', "").parse().unwrap()
    };
    let mut sums = [0i64; 4];
    let names = ["own", "shared_in", "shared_out", "total"];
    for row in table["rows"].as_array().unwrap() {
        assert_eq!(
            cents(row, "own") + cents(row, "shared_in") + cents(row, "shared_out"),
            cents(row, "total")
        );
        for (sum, name) in sums.iter_mut().zip(names) {
            *sum += cents(row, name);
        }
    }
    assert_eq!(
        sums.to_vec(),
        names.map(|name| cents(&table["total"], name)).to_vec()
    );
    assert_eq!(document["receipt"]["splits"][0]["moved"]["USD"], "1.005");
    assert_eq!(document["receipt"]["splits"][0]["to_groups"], 3);
}

#[test]
fn a_split_that_cannot_be_is_refused() {
    for (words, told) in [
        (&["--split", "user_id=net"][..], "has no =>"),
        (&["--split", "user_id=net => thirds"], "no method"),
        (&["--split", "user_id=net => fixed net=1"], "is shared out"),
        (
            &["--split", "user_id=net => even to service_name=x"],
            "not asked for",
        ),
        (&["--split", "tag_id=x => even"], "tag_id"),
        (
            &["--split", "user_id!=x => even"],
            "finds no group to give USD 109 of 2024-03 to",
        ),
        (
            &["--split", "user_id=net => even to user_id=nobody"],
            "finds no group",
        ),
        (&["--split-places", "2"], "--split"),
    ] {
        let ran = report(ROWS, words);
        assert_eq!(
            (ran.exit, ran.stdout.as_str()),
            (2, ""),
            "{words:?}: {}",
            ran.stderr
        );
        assert!(ran.stderr.contains(told), "{words:?}: {}", ran.stderr);
    }
    // Nothing to share needs no one to take it.
    let ran = report(ROWS, &["--split", "user_id=nobody => cost"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("split user_id=nobody => cost: nothing from 0 groups to 0 groups"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_file_of_reports_splits_and_its_budgets_see_what_came() {
    let folder = Folder::new();
    folder.put("bill.csv", format!("{HEADER}{ROWS}"));
    let config = folder.put(
        "billfold.toml",
        "[report.r]\ninputs = \"bill.csv\"\nby = \"user_id\"\noutput = \"r.csv\"\nfilter = \"billing_currency=USD\"\n\
         split = [\"service_name=Support => even to user_id=net\", \"user_id=net => cost\"]\n\
         [[report.r.budget]]\nrow = [\"a\"]\namount = \"72\"\n\
         [report.plain]\ninputs = \"bill.csv\"\nby = \"user_id\"\noutput = \"p.csv\"\nfilter = \"billing_currency=USD\"\n",
    );
    let ran = command_of(&["run", "--config", &config]);
    // 19 of March over 60 and 30 are 12.67 and 6.33.
    assert_eq!(ran.exit, 1, "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("2024-03 of a came to USD 72.67, 0.67 beyond the 72"),
        "{}",
        ran.stderr
    );
    let written = std::fs::read_to_string(folder.path().join("r.csv")).unwrap();
    assert!(
        written.contains("group,b,USD,36.33,1.03,40,6.36,-9,37.36,"),
        "{written}"
    );
    let plain = std::fs::read_to_string(folder.path().join("p.csv")).unwrap();
    assert!(plain.contains("group,b,USD,39,1,40,"), "{plain}");
}

fn sum(sums: impl IntoIterator<Item = ExactSum>) -> ExactSum {
    let mut all = ExactSum::ZERO;
    for one in sums {
        all.add(&one).unwrap();
    }
    all
}

fn ask(path: &str, query: ChargeQuery, threads: usize) -> billfold_core::engine::Answer {
    let options = RunOptions {
        threads: Some(threads),
        chunk_bytes: 256,
        ..RunOptions::default()
    };
    dataset::sums(&[path.to_owned()], query, options)
        .unwrap()
        .answer
        .unwrap()
}

const RULES: [&str; 12] = [
    "user_id=u0 => even",
    "user_id=u0,u1 => cost",
    "user_id=u1 => charges",
    "user_id= => cost",
    "service_name=s0 => even",
    "service_name=s1 & user_id!=u2 => cost",
    "user_id=u3 => fixed u2=1,x=2.5",
    "service_name=s2 => fixed u2=0.1,y=0.2,z=0",
    "service_name=s0 => cost to user_id=u0,u2",
    "user_id=u0 => even to user_id!=u0",
    "user_id=u1 => cost to user_id=u2,u3,u4",
    "service_name=s1 => charges",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the rules: per period and currency nothing is lost or made, emptied groups are empty, own costs are the bill's.
    #[test]
    fn a_split_conserves_every_digit(
        rows in prop::collection::vec((1..4u8, 0..2u8, 0..5u8, 0..3u8, -1_000_000..3_000_000i64, 0..9u8), 1..40),
        rules in prop::collection::btree_set(0..RULES.len(), 1..4),
        shuffle in any::<u64>(),
        places in prop::option::of(0..12u8),
    ) {
        let folder = Folder::new();
        let mut text = HEADER.to_owned();
        for (month, currency, user, service, mantissa, scale) in &rows {
            let user = if *user == 4 { String::new() } else { format!("u{user}") };
            let cost = format!("{mantissa}e-{scale}");
            text += &format!("2024-{month:02}-05,{cost},{},{user},s{service}\n", ["USD", "EUR"][usize::from(*currency)]);
        }
        let path = folder.put("bill.csv", text);
        let mut picked: Vec<usize> = rules.into_iter().collect();
        picked.sort_by_key(|rule| (*rule as u64 ^ shuffle).wrapping_mul(shuffle | 1));
        let rules: Vec<Rule> = picked.iter().map(|rule| RULES[*rule].parse().unwrap()).collect();
        let query = asking("user_id", "monthly");
        let Ok(splits) = Splits::new(rules.clone(), places, &query) else {
            // Fixed shares for a group that another rule empties.
            return Ok(());
        };
        let inner = ask(&path, splits.question(), 3);
        let shared: Shared = match splits.apply(&inner, None) {
            Ok(shared) => shared,
            Err(error) => {
                prop_assert!(error.to_string().contains("finds no group"), "{}", error);
                return Ok(());
            }
        };
        let plain = ask(&path, query.clone(), 1);
        let mut own: BTreeMap<(String, String, String), ExactSum> = BTreeMap::new();
        for row in plain.rows() {
            own.insert((row.key(0).to_owned(), row.period().label.clone(), row.currency().to_string()), row.cost());
        }
        let mut buckets: BTreeMap<(u32, String), Vec<ExactSum>> = BTreeMap::new();
        for group in &shared.groups {
            let label = shared.periods[group.period_idx as usize].label.clone();
            let name = (group.keys[0].to_string(), label, group.currency.to_string());
            prop_assert_eq!(group.own, own.remove(&name).unwrap_or_default());
            let moved = buckets.entry((group.period_idx, group.currency.to_string())).or_default();
            moved.extend([group.shared_in, group.shared_out]);
            let emptied = rules.iter().any(|rule| {
                rule.from.iter().all(|c| c.dimension.name == "user_id" && c.holds(&group.keys[0]))
            });
            if emptied {
                prop_assert!(group.total().unwrap().is_zero(), "{:?}", group);
            }
        }
        prop_assert!(own.is_empty());
        for moved in buckets.into_values() {
            prop_assert!(sum(moved).is_zero());
        }
        // As an answer, its totals are the engine's, in one period or in many.
        for duration in ["monthly", "total"] {
            let mut query = query.clone();
            query.granularity = duration.parse().unwrap();
            let answer = shared.answer(&query, None).unwrap().answer;
            prop_assert_eq!(&answer.totals, &plain.totals);
            prop_assert_eq!(answer.n_charges, plain.n_charges);
        }
        // However the bill is read, the same.
        prop_assert_eq!(splits.apply(&ask(&path, splits.question(), 1), None).unwrap().groups, shared.groups);
    }
}
