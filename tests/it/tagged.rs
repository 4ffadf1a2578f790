//! Tags: coverage that adds up, spellings that are likely one, and aliases that count no charge twice.

use std::collections::BTreeMap;

use billfold_core::alias::TagAliases;
use billfold_core::dataset::{self, RunOptions};
use billfold_core::query::ChargeQuery;
use billfold_core::tags::{TagsQuery, tags};
use proptest::prelude::*;

use crate::support::{Folder, Ran, asking, command_of};

/// A bill of rows `cost currency resource tags`, tags as `key=value` pairs; a key alone has no value.
fn bill(rows: &[(&str, &str, &str, &[&str])]) -> String {
    let mut text = String::from("ChargePeriodStart,BilledCost,BillingCurrency,ResourceId,Tags\n");
    for (cost, currency, resource, tags) in rows {
        let members: Vec<String> = tags
            .iter()
            .map(|tag| match tag.split_once('=') {
                Some((key, value)) => format!("\"\"{key}\"\":\"\"{value}\"\""),
                None => format!("\"\"{tag}\"\":null"),
            })
            .collect();
        text += &format!(
            "2024-03-01,{cost},{currency},{resource},\"{{{}}}\"\n",
            members.join(",")
        );
    }
    text
}

fn rows() -> String {
    bill(&[
        ("10", "USD", "i-1", &["team=web", "env=prod"]),
        ("20", "USD", "i-2", &["Team=web"]),
        ("5", "USD", "i-3", &["team"]),
        ("65", "USD", "i-4", &["env=prodution"]),
        ("-40", "USD", "", &[]),
        ("3", "EUR", "i-5", &["team=Web", "env=production"]),
    ])
}

fn run(words: &[&str]) -> Ran {
    let folder = Folder::new();
    let path = folder.put("bill.csv", rows());
    let mut all: Vec<&str> = words.to_vec();
    all.push(&path);
    command_of(&all)
}

#[test]
fn coverage_is_by_gross_cost_and_by_charges_and_adds_up() {
    let ran = run(&["tags", "--key", "team", "--top", "1"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert_eq!(
        ran.stdout,
        "coverage by cost, in percent of the cost of charges above zero\n\
         tag   currency  % with  % empty  % absent  cost with  cost empty  cost absent\n\
         team  EUR       100.00     0.00      0.00          3           0            0\n\
         team  USD        10.00     5.00     85.00         10           5           45\n\
         \n\
         coverage by charges\n\
         tag   currency  % with  % empty  % absent  with  empty  absent  values\n\
         team  EUR       100.00     0.00      0.00     1      0       0       2\n\
         team  USD        20.00    20.00     60.00     1      1       3       2\n\
         \n\
         all charges\n\
         currency  charges  cost  above zero  below zero\n\
         EUR             1     3           3           0\n\
         USD             5    60         100         -40\n\
         \n\
         resources that cost most without tag team\n\
         resource_id  currency  cost  charges\n\
         i-4          USD         65        1\n\
         Others       USD        -15        3\n\
         \n\
         tag keys that are likely one\n\
         keep  charges  likely the same  differ in\n\
         team        3  Team (1)         case\n\
         \n\
         values of tag team that are likely one\n\
         keep  charges  likely the same  differ in\n\
         Web         1  web (1)          case\n"
    );
    assert!(
        ran.stderr.contains("receipt: 6 rows read from 1 file = 6 used"),
        "{}",
        ran.stderr
    );
}

#[test]
fn an_alias_is_seen_by_coverage_filters_and_tag_id() {
    let ran = run(&["tags", "--key", "team", "--alias", "Team=team", "--format", "csv"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("with_value,team,,,USD,2,30,30,30.00,40.00\n"),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains("near_key,"), "{}", ran.stdout);
    assert!(
        ran.stderr
            .contains("receipt: tag team is read from team, Team: 1 charges renamed, 0 of them contradicted"),
        "{}",
        ran.stderr
    );
    let by_tag = run(&["sums", "--by", "tag_id", "--alias", "Team=team", "-f", "csv"]);
    assert!(
        by_tag.stdout.contains("team=web,total,,,USD,30,2\n"),
        "{}",
        by_tag.stdout
    );
    let filtered = run(&[
        "report",
        "--alias",
        "Team=team",
        "--filter",
        "tag:team=web",
        "--filter",
        "billing_currency=USD",
        "--duration",
        "total",
        "-f",
        "csv",
        "--show",
        "none",
    ]);
    assert_eq!(
        filtered.stdout, "row,billing_currency,total\ntotal,USD,30\n",
        "{}",
        filtered.stderr
    );
    // An old key names no charge any more, and that is no empty answer.
    for words in [
        &["sums", "--by", "tag:Team", "--alias", "Team=team"][..],
        &["sums", "--filter", "tag:Team=web", "--alias", "Team=team"],
        &["report", "--by", "tag:Team", "--alias", "Team=team"],
        &["tags", "--key", "Team", "--alias", "Team=team"],
        &["sums", "--alias", "Team"],
        &["sums", "--alias", "a=b", "--alias", "b=c"],
        &["sums", "--alias", "a=b", "--alias", "a=c"],
    ] {
        let ran = run(words);
        assert_eq!(
            (ran.exit, ran.stdout.as_str()),
            (2, ""),
            "{words:?}: {}",
            ran.stderr
        );
    }
    let unread = run(&["sums", "--by", "resource_id", "--alias", "Team=team"]);
    assert!(
        unread.stderr.contains("the tag aliases change nothing"),
        "{}",
        unread.stderr
    );
}

#[test]
fn aliases_of_a_file_are_those_of_the_command_line() {
    let folder = Folder::new();
    let path = folder.put("bill.csv", rows());
    let config = folder.put(
        "billfold.toml",
        "[tags.alias]\nteam = [\"Team\", \"owner\"]\nenv = \"environment\"\n\
         [report.r]\ninputs = \"bill.csv\"\nby = \"tag:team\"\noutput = \"r.csv\"\n\
         [budget.b]\ninputs = \"bill.csv\"\nby = \"tag:team\"\nlimit = [\"web=30 USD\"]\n",
    );
    let of_file = command_of(&[
        "sums",
        "--by",
        "tag:team",
        "--aliases",
        &config,
        "-f",
        "csv",
        &path,
    ]);
    let typed = command_of(&[
        "sums",
        "--by",
        "tag:team",
        "--alias",
        "Team=team",
        "--alias",
        "owner=team",
        "-f",
        "csv",
        &path,
    ]);
    assert_eq!(of_file.stdout, typed.stdout);
    assert!(
        of_file.stdout.contains("web,total,,,USD,30,2\n"),
        "{}",
        of_file.stdout
    );
    assert_eq!(command_of(&["run", "--config", &config]).exit, 0);
    let report = std::fs::read_to_string(folder.path().join("r.csv")).unwrap();
    assert!(report.contains("group,web,USD,30,30,"), "{report}");
    let checked = command_of(&["check-budget", "--config", &config]);
    assert_eq!(checked.exit, 0, "{}", checked.stderr);
    assert!(
        checked
            .stdout
            .contains("web       2024-03  USD         30     30  100.00       -  within"),
        "{}",
        checked.stdout
    );
}

#[test]
fn a_lookup_may_be_keyed_by_an_alias() {
    let folder = Folder::new();
    let path = folder.put("bill.csv", rows());
    let table = folder.put("owners.csv", "tag:team,owner\nweb,ann\n");
    let lookup = format!("{table}:key=tag:team");
    let ran = command_of(&[
        "sums",
        "--by",
        "owner",
        "--lookup",
        &lookup,
        "--alias",
        "Team=team",
        "-f",
        "csv",
        &path,
    ]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("ann,total,,,USD,30,2\n"), "{}", ran.stdout);
    let lookup = format!("{table}:key=tag:Team");
    let ran = command_of(&[
        "sums",
        "--by",
        "owner",
        "--lookup",
        &lookup,
        "--alias",
        "Team=team",
        &path,
    ]);
    assert_eq!(ran.exit, 2, "{}", ran.stderr);
}

#[test]
fn a_cell_under_an_alias_is_explained_by_its_charges() {
    let ran = run(&[
        "explain",
        "--by",
        "tag:team",
        "--cell",
        "tag:team=web,currency=USD",
        "--alias",
        "Team=team",
        "--format",
        "csv",
    ]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    // Header, the charge of team and that of Team.
    assert_eq!(ran.stdout.lines().count(), 3, "{}", ran.stdout);
    let ran = run(&[
        "api",
        "action=GetChargeSums&duration=total",
        "--tag-key",
        "Team",
        "--alias",
        "Team=team",
    ]);
    assert_eq!(ran.exit, 2, "{}", ran.stderr);
}

#[test]
fn the_shapes_of_the_report_say_the_same() {
    let json = run(&["tags", "--key", "team", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let usd = &document["coverage"][1];
    assert_eq!(
        (&usd["key"], &usd["billing_currency"]),
        (&"team".into(), &"USD".into())
    );
    assert_eq!(usd["with_value"]["cost"], "10");
    assert_eq!(usd["absent"]["gross_cost"], "85");
    assert_eq!(usd["absent"]["cost_percent"], "85.00");
    assert_eq!(document["untagged"][0]["resources"][0]["resource_id"], "i-4");
    assert_eq!(document["near_keys"][0]["keep"], "team");
    assert_eq!(document["receipt"]["rows"]["used"], 6);
    let markdown = run(&["tags", "--key", "team", "--format", "markdown"]);
    assert!(
        markdown
            .stdout
            .contains("| team | USD | 10.00 | 5.00 | 85.00 | 10 | 5 | 45 |\n"),
        "{}",
        markdown.stdout
    );
    let csv = run(&["tags", "--format", "csv"]);
    assert!(
        csv.stdout
            .contains("near_value,env,prodution,production,,1,,,,\n"),
        "{}",
        csv.stdout
    );
    assert_eq!(run(&["tags", "--key", "a", "--key", "a"]).exit, 2);
    assert_eq!(run(&["tags", "--key", "a", "--top", "0"]).exit, 2);
    assert_eq!(run(&["tags", "--csv", "raw"]).exit, 2);
    // A key that no charge has is covered by none.
    let csv = run(&["tags", "--key", "nobody", "--format", "csv"]);
    assert!(
        csv.stdout
            .contains("absent,nobody,,,USD,5,60,100,100.00,100.00\n"),
        "{}",
        csv.stdout
    );
}

/// What a row says under a key.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Said {
    Nothing,
    Empty,
    Value(u8),
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        Just(Said::Nothing),
        Just(Said::Empty),
        (0..3u8).prop_map(Said::Value)
    ]
}

fn member(key: &str, said: Said) -> Option<String> {
    match said {
        Said::Nothing => None,
        Said::Empty => Some(key.to_owned()),
        Said::Value(n) => Some(format!("{key}=v{n}")),
    }
}

type Row = (i64, u8, Said, Said, Said);

fn written(rows: &[Row]) -> String {
    let owned: Vec<(String, &str, Vec<String>)> = rows
        .iter()
        .map(|(cost, currency, a, b, c)| {
            let tags = [("team", a), ("Team", b), ("owner", c)];
            let tags = tags
                .iter()
                .filter_map(|(key, said)| member(key, **said))
                .collect();
            (cost.to_string(), ["USD", "EUR"][usize::from(*currency)], tags)
        })
        .collect();
    let mut text = String::new();
    for (nth, (cost, currency, tags)) in owned.iter().enumerate() {
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        let one = bill(&[(cost, currency, "i", &tags)]);
        text += if nth == 0 {
            &one
        } else {
            one.split_once('\n').unwrap().1
        };
    }
    text
}

fn options(aliases: &[(&str, &str)]) -> RunOptions<'static> {
    RunOptions {
        aliases: TagAliases::new(aliases.iter().copied()).unwrap(),
        threads: Some(3),
        chunk_bytes: 200,
        ..RunOptions::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// A loop over rows says how much lies under each state of each key.
    #[test]
    fn coverage_is_that_of_a_loop_over_rows(
        rows in prop::collection::vec((-500..1000i64, 0..2u8, said(), said(), said()), 1..40),
    ) {
        let folder = Folder::new();
        let path = folder.put("bill.csv", written(&rows));
        let mut query = ChargeQuery::total();
        query.metric = "billed".parse().unwrap();
        let keys: Vec<String> = ["team", "Team", "owner", "none"].map(str::to_owned).to_vec();
        let asked = TagsQuery { query, keys, top: 2 };
        let found = tags(&[path], &asked, &options(&[])).unwrap();
        for row in &found.coverage {
            let mut parts = [(0u64, 0i64, 0i64); 3];
            for (cost, currency, a, b, c) in &rows {
                if ["USD", "EUR"][usize::from(*currency)] != row.currency.as_str() {
                    continue;
                }
                let said = match row.key.as_str() {
                    "team" => *a,
                    "Team" => *b,
                    "owner" => *c,
                    _ => Said::Nothing,
                };
                let at = match said { Said::Value(_) => 0, Said::Empty => 1, Said::Nothing => 2 };
                parts[at].0 += 1;
                parts[at].1 += cost;
                parts[at].2 += (*cost).max(0);
            }
            for (part, (charges, cost, gross)) in [row.with_value, row.empty, row.absent].iter().zip(parts) {
                prop_assert_eq!(part.charges, charges);
                prop_assert_eq!(part.cost.to_string(), cost.to_string());
                prop_assert_eq!(part.gross.to_string(), gross.to_string());
            }
            let comes_to = |shares: &[billfold_core::money::ExactSum; 3]| {
                let mut sum = shares[0];
                sum.add(&shares[1]).unwrap();
                sum.add(&shares[2]).unwrap();
                sum.to_string()
            };
            prop_assert_eq!(comes_to(&row.charges_percent.unwrap()), "100");
            let gross: i64 = parts.iter().map(|part| part.2).sum();
            prop_assert_eq!(row.cost_percent.map(|shares| comes_to(&shares)), (gross > 0).then(|| "100".to_owned()));
        }
        for untagged in &found.untagged {
            let n: u64 = untagged.rows.iter().map(|row| row.charges).sum();
            let without = found.coverage.iter().filter(|c| c.key == untagged.key);
            prop_assert_eq!(n, without.map(|c| c.empty.charges + c.absent.charges).sum::<u64>());
        }
    }

    /// Every charge counts once under the first key that has a value, in the order stated, whatever its spellings.
    #[test]
    fn an_alias_gives_each_charge_the_first_value_and_changes_no_sum(
        rows in prop::collection::vec((-500..1000i64, Just(0u8), said(), said(), said()), 1..40),
        owner_first in any::<bool>(),
    ) {
        let folder = Folder::new();
        let path = folder.put("bill.csv", written(&rows));
        let pairs: &[(&str, &str)] = if owner_first {
            &[("owner", "team"), ("team", "team"), ("Team", "team")]
        } else {
            &[("Team", "team"), ("owner", "team")]
        };
        let mut expected: BTreeMap<String, (i64, u64)> = BTreeMap::new();
        let (mut renamed, mut conflicts) = (0u64, 0u64);
        for (cost, _, a, b, c) in &rows {
            let order = if owner_first { [*c, *a, *b] } else { [*a, *b, *c] };
            let values: Vec<u8> = order.iter().filter_map(|s| match s { Said::Value(n) => Some(*n), _ => None }).collect();
            let value = values.first().map(|n| format!("v{n}")).unwrap_or_default();
            let cell = expected.entry(value).or_default();
            cell.0 += cost;
            cell.1 += 1;
            let has_old = *b != Said::Nothing || *c != Said::Nothing;
            renamed += u64::from(has_old);
            conflicts += u64::from(has_old && values.iter().any(|n| *n != values[0]));
        }
        let outcome = dataset::sums(&[path], asking("tag:team", "total"), options(pairs)).unwrap();
        let answer = outcome.answer.unwrap();
        let found: BTreeMap<String, (i64, u64)> = answer
            .rows()
            .map(|row| (row.key(0).to_owned(), (row.cost().to_string().parse().unwrap(), row.charges())))
            .collect();
        prop_assert_eq!(found, expected);
        let account = &outcome.receipt.aliases[0];
        prop_assert_eq!((account.renamed, account.conflicts), (renamed, conflicts));
    }
}
