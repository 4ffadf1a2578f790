//! Facts, rows and the store: against a loop over the rows, and against each other.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use billfold_core::ErrorKind;
use billfold_core::convert::Schema;
use billfold_core::dataset::{Answered, Charges, Files, RunOptions};
use billfold_core::engine::{ChargeRows, Facts, Receipt, write_csv};
use billfold_core::money::{Amount, ExactSum, Totals, share_between};
use billfold_core::query::{
    Allocation, ChargeQuery, Dimension, FactsQuery, Filter, RowOrder, RowOrderBy, RowsQuery,
};
use billfold_core::store::{Store, StoreOptions};
use billfold_core::time::{Calendar, Granularity, Tz, Window, format_instant};
use proptest::prelude::*;
use proptest::sample::select;

use crate::convert::{TARGETS, converted};
use crate::support::{Folder, failed};

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
/// 2024-02-28T16:00:00Z, midnight in Shanghai.
const MIDNIGHT: i64 = 1_709_136_000_000_000;

/// A charge, as a loop over rows has it.
#[derive(Debug, Clone)]
struct Row {
    start: i64,
    end: i64,
    cost: String,
    list: String,
    quantity: String,
    vcpus: String,
    currency: &'static str,
    root: &'static str,
    user: &'static str,
    project: &'static str,
    zone: &'static str,
    kind: &'static str,
    resource: String,
    order: String,
    tags: &'static str,
}

impl Row {
    fn csv(&self) -> String {
        format!(
            "1,{},{},{},{},{},{},{},{},{},{},{},{},{},{},\"{}\"\n",
            format_instant(self.start),
            format_instant(self.end),
            self.cost,
            self.list,
            self.quantity,
            self.vcpus,
            self.currency,
            self.root,
            self.user,
            self.project,
            self.zone,
            self.kind,
            self.resource,
            self.order,
            self.tags.replace('"', "\"\""),
        )
    }

    /// The part inside a window, as time.
    fn inside(&self, window: &Window, allocation: Allocation) -> Option<(i64, i64)> {
        if allocation == Allocation::Start || self.end <= self.start {
            return window.contains(self.start).then_some((self.start, self.end));
        }
        let from = window.start.map_or(self.start, |w| w.max(self.start));
        let to = window.end.map_or(self.end, |w| w.min(self.end));
        (from < to).then_some((from, to))
    }

    fn share(&self, text: &str, (from, to): (i64, i64), allocation: Allocation) -> ExactSum {
        let amount = Amount::parse(text.as_bytes()).unwrap();
        if allocation == Allocation::Start || self.end <= self.start {
            return ExactSum::from(amount);
        }
        let since = |instant: i64| instant.abs_diff(self.start);
        share_between(amount, since(from), since(to), since(self.end))
    }

    fn text(&self, dimension: &str) -> &str {
        match dimension {
            "root_user_id" => self.root,
            "user_id" => self.user,
            "project_id" => self.project,
            "zone_id" => self.zone,
            "resource_type" => self.kind,
            "resource_id" => &self.resource,
            "order_id" => &self.order,
            other => panic!("{other}"),
        }
    }
}

const HEADER: &str = "billfold_charges,charge_period_start,charge_period_end,effective_cost,list_cost,\
    usage_quantity,vcpus,billing_currency,billing_account_id,sub_account_id,project_id,zone_id,resource_type,\
    resource_id,order_id,tags\n";

fn amount() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => (-2000_i64..200_000).prop_map(|cents| format!("{}.{:02}", cents / 100, (cents % 100).abs())),
        1 => Just("0".to_owned()),
        1 => Just("0.000145833333333333333333".to_owned()),
        1 => Just("12345678901234567890.12".to_owned()),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    let time = (
        prop_oneof![3 => (-100_i64..1500).prop_map(|h| h * HOUR), 1 => -3 * DAY..60 * DAY],
        prop_oneof![
            4 => Just(HOUR), 2 => Just(DAY), 1 => Just(0), 1 => Just(31 * DAY), 1 => 1..9 * DAY
        ],
    );
    let money = (amount(), prop_oneof![4 => amount(), 1 => Just(String::new())]);
    let numbers = (
        select(vec!["1", "2.5", "", "0.125"]),
        select(vec!["1", "2", "4", ""]),
    );
    let who = (
        select(vec!["r1", "r2"]),
        select(vec!["u1", "u2", "u3"]),
        select(vec!["p1", "p2", ""]),
        select(vec!["pek3a", "gd2", ""]),
        select(vec!["instance", "eip"]),
    );
    let what = (
        0..6_u8,
        0..4_u8,
        select(vec!["", "{\"team\":\"a\"}", "{\"team\":\"b\",\"env\":\"x\"}"]),
        prop_oneof![6 => Just("CNY"), 1 => Just("USD")],
    );
    (time, money, numbers, who, what).prop_map(|(time, money, numbers, who, what)| Row {
        start: MIDNIGHT + time.0,
        end: MIDNIGHT + time.0 + time.1,
        cost: money.0,
        list: money.1,
        quantity: numbers.0.to_owned(),
        vcpus: numbers.1.to_owned(),
        currency: what.3,
        root: who.0,
        user: who.1,
        project: who.2,
        zone: who.3,
        kind: who.4,
        resource: format!("i-{}", what.0),
        order: if what.1 == 0 {
            String::new()
        } else {
            format!("o-{}", what.1)
        },
        tags: what.2,
    })
}

fn query() -> impl Strategy<Value = ChargeQuery> {
    let bound = || {
        prop_oneof![
            1 => Just(None),
            4 => (-2_i64..40).prop_map(|days| Some(MIDNIGHT + days * DAY)),
            1 => (-2 * DAY..40 * DAY).prop_map(|at| Some(MIDNIGHT + at)),
        ]
    };
    let dimensions = proptest::sample::subsequence(
        vec![
            "project_id",
            "zone_id",
            "root_user_id",
            "resource_type",
            "user_id",
        ],
        0..3,
    );
    let more = prop_oneof![
        4 => Just(None), 1 => Just(Some("resource_id")), 1 => Just(Some("order_id")),
        1 => Just(Some("tag_id")), 1 => Just(Some("tag:team")), 1 => Just(Some("billing_currency")),
    ];
    let filters = proptest::sample::subsequence(
        vec![
            "zone_id=pek3a,",
            "user_id=u1,u3",
            "project_id!=p1",
            "resource_id=i-1,i-4",
            "resource_id^=i-",
            "order_id=o-1",
            "tag:team=a",
            "tag_id~team",
            "root_user_id=r1",
            "billing_currency=CNY",
            "resource_id!=i-2",
            "user_id=nobody",
        ],
        0..3,
    );
    let how = (
        select(vec!["total", "daily", "weekly", "monthly", "yearly", "hourly"]),
        select(vec![Tz::Asia__Shanghai, Tz::Asia__Shanghai, Tz::UTC]),
        select(vec![Allocation::Prorate, Allocation::Prorate, Allocation::Start]),
        select(vec!["key", "-cost", "period"]),
        prop_oneof![3 => Just(None), 1 => Just(Some(3_usize))],
        any::<bool>(),
    );
    (dimensions, more, filters, (bound(), bound()), how).prop_map(|(mut by, more, filters, window, how)| {
        let mut query = ChargeQuery::total();
        by.extend(more);
        query.by = by.iter().map(|d| Dimension::parse(d).unwrap()).collect();
        query.filter = Filter::parse_all(filters).unwrap();
        let (a, b) = window;
        let swapped = matches!((a, b), (Some(a), Some(b)) if b < a);
        query.window = if swapped {
            Window { start: b, end: a }
        } else {
            Window { start: a, end: b }
        };
        query.granularity = how.0.parse().unwrap();
        query.zone = how.1;
        query.allocation = how.2;
        query.order = how.3.parse().unwrap();
        query.limit = how.4;
        query.offset = usize::from(how.5 && how.4.is_some());
        query
    })
}

struct Scene {
    folder: Folder,
    files: Files,
    paths: Vec<String>,
}

/// The rows cut into two files.
fn scene(rows: &[Row]) -> Scene {
    let folder = Folder::new();
    let (a, b) = rows.split_at(rows.len() / 3);
    let write = |name: &str, rows: &[Row]| {
        let text: String = rows.iter().map(Row::csv).collect();
        folder.put(name, format!("{HEADER}{text}"))
    };
    let paths = vec![write("a.csv", a), write("b.csv", b)];
    let options = RunOptions {
        threads: Some(2),
        chunk_bytes: 700,
        ..RunOptions::default()
    };
    Scene {
        files: Files::new(paths.clone(), options),
        paths,
        folder,
    }
}

fn load(scene: &Scene) -> billfold_core::Result<std::sync::Arc<Store>> {
    let options = RunOptions {
        threads: Some(2),
        chunk_bytes: 700,
        ..RunOptions::default()
    };
    Store::load(&scene.paths, options, StoreOptions::default())
}

fn money(totals: &Totals) -> String {
    totals
        .iter()
        .filter(|(_, sum)| !sum.is_zero())
        .map(|(currency, sum)| format!("{currency}={sum}"))
        .collect::<Vec<_>>()
        .join(" ")
}

fn account<T>(answered: &Answered<T>) -> String {
    let (rows, cost) = (&answered.receipt.rows, &answered.receipt.cost);
    format!(
        "{rows:?} read {} used {} filtered {} outside {}",
        money(&cost.read),
        money(&cost.used),
        money(&cost.filtered),
        money(&cost.outside_window)
    )
}

fn facts_text(facts: &Facts) -> String {
    let mut out = format!(
        "{} groups, {} charges, {}\n",
        facts.n_groups,
        facts.n_charges,
        money(&facts.totals)
    );
    let measures = |measures: &[billfold_core::engine::MeasureSum]| {
        measures.iter().fold(String::new(), |mut text, m| {
            let latest = m.latest.map(|v| v.to_string()).unwrap_or_default();
            write!(text, " {} of {} latest {latest};", m.sum, m.n_values).unwrap();
            text
        })
    };
    for (currency, all) in &facts.measures {
        writeln!(out, "all {currency}:{}", measures(all)).unwrap();
    }
    for group in &facts.groups {
        writeln!(
            out,
            "{:?} {} {} {} x{} {}..{} {:?}{}",
            group.keys,
            group.period.label,
            group.currency,
            group.cost,
            group.charges,
            group.first_start,
            group.last_end,
            group.attributes,
            measures(&group.measures)
        )
        .unwrap();
    }
    out
}

fn rows_text(rows: &ChargeRows) -> String {
    let mut out = format!("{} charges, {}\n", rows.n_charges, money(&rows.totals));
    for row in &rows.rows {
        let measures: Vec<String> = row
            .measures
            .iter()
            .map(|m| m.map_or("-".to_owned(), |m| m.to_string()))
            .collect();
        writeln!(
            out,
            "{}..{} of {}..{} {} {} {:?} {measures:?} {:?}",
            row.start, row.end, row.charge_start, row.charge_end, row.currency, row.cost, row.texts, row.tags
        )
        .unwrap();
    }
    out
}

fn facts_query(query: ChargeQuery) -> FactsQuery {
    FactsQuery {
        query,
        measures: ["list_cost", "usage_quantity", "vcpus"]
            .map(String::from)
            .to_vec(),
        attributes: ["resource_id", "order_id"].map(String::from).to_vec(),
    }
}

fn rows_query(query: ChargeQuery, order: RowOrder) -> RowsQuery {
    RowsQuery {
        offset: query.offset,
        limit: query.limit,
        query,
        columns: ["resource_id", "order_id", "user_id"].map(String::from).to_vec(),
        measures: ["list_cost", "vcpus"].map(String::from).to_vec(),
        tags: true,
        order,
    }
}

/// Filters on one value per row, by a loop's own reading.
fn keeps(row: &Row, filters: &[(&str, &[&str])]) -> bool {
    filters
        .iter()
        .all(|(dimension, values)| values.contains(&row.text(dimension)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_store_answers_as_its_files_do(
        rows in proptest::collection::vec(row(), 1..60),
        plain in any::<bool>(),
        queries in proptest::collection::vec(query(), 4),
    ) {
        // Costs too far apart for 128 bits leave a store without running sums.
        let rows: Vec<Row> = rows
            .into_iter()
            .map(|row| Row { cost: if plain && row.cost.len() > 10 { "1.25".to_owned() } else { row.cost }, ..row })
            .collect();
        let scene = scene(&rows);
        let store = match load(&scene) {
            Ok(store) => store,
            // The one thing that files answer and a store refuses: charges of one resource that need more than
            // 38 digits together.
            Err(error) => {
                prop_assert!(!plain && matches!(error.kind(), ErrorKind::Overflow { .. }), "{}", error);
                return Err(TestCaseError::reject("more than 38 digits"));
            }
        };
        prop_assert!(!plain || store.size().cube_bytes > 0);
        prop_assert_eq!(store.extent().unwrap(), scene.files.extent().unwrap());
        for query in queries {
            let files = scene.files.sums(&query).unwrap();
            let memory = store.sums(&query).unwrap();
            let text = |answered: &Answered<_>| {
                let mut out = Vec::new();
                write_csv(&answered.value, &mut out).unwrap();
                String::from_utf8(out).unwrap() + &account(answered)
            };
            prop_assert_eq!(text(&memory), text(&files), "{:?}", query);
            prop_assert_eq!(&memory.receipt.answer_sha256, &files.receipt.answer_sha256);

            let asked = facts_query(query.clone());
            let (files, memory) = (scene.files.facts(&asked).unwrap(), store.facts(&asked).unwrap());
            prop_assert_eq!(facts_text(&memory.value), facts_text(&files.value), "{:?}", asked);
            prop_assert_eq!(account(&memory), account(&files));

            for by in [RowOrderBy::Start, RowOrderBy::Cost, RowOrderBy::Column("order_id".to_owned())] {
                let asked = rows_query(query.clone(), RowOrder { by, descending: true });
                let (files, memory) = (scene.files.rows(&asked).unwrap(), store.rows(&asked).unwrap());
                prop_assert_eq!(rows_text(&memory.value), rows_text(&files.value), "{:?}", asked);
                prop_assert_eq!(account(&memory), account(&files));
            }
        }
    }

    #[test]
    fn facts_are_what_a_loop_over_rows_says(
        rows in proptest::collection::vec(row(), 1..60),
        prorate in any::<bool>(),
        from in -2_i64..30,
        days in 1_i64..40,
        granularity in select(vec![Granularity::Total, Granularity::Daily, Granularity::Monthly]),
    ) {
        let scene = scene(&rows);
        let mut query = ChargeQuery::total();
        query.by = Dimension::parse_list("project_id,resource_type").unwrap();
        query.filter = Filter::parse_all(["user_id=u1,u2"]).unwrap();
        query.zone = Tz::Asia__Shanghai;
        query.granularity = granularity;
        query.allocation = if prorate { Allocation::Prorate } else { Allocation::Start };
        query.window = Window::new(Some(MIDNIGHT + from * DAY), Some(MIDNIGHT + (from + days) * DAY)).unwrap();
        let calendar = Calendar::new(query.zone, granularity);

        type Group<'r> = (ExactSum, ExactSum, u64, i64, i64, u64, (i64, i64, String, String));
        let mut groups: BTreeMap<(String, String, i64, &str), Group<'_>> = BTreeMap::new();
        for row in rows.iter().filter(|row| keeps(row, &[("user_id", &["u1", "u2"])])) {
            let Some((from, to)) = row.inside(&query.window, query.allocation) else { continue };
            let mut at = from;
            loop {
                let ordinal = calendar.ordinal(at);
                let whole = granularity == Granularity::Total || query.allocation == Allocation::Start || to <= from;
                let edge = if whole { to } else { calendar.bounds(ordinal).end.unwrap().min(to) };
                let key = (row.project.to_owned(), row.kind.to_owned(), ordinal, row.currency);
                let zero = ExactSum::ZERO;
                let none = (i64::MIN, i64::MIN, String::new(), String::new());
                let group = groups.entry(key).or_insert((zero, zero, 0, i64::MAX, i64::MIN, 0, none));
                group.0.add(&row.share(&row.cost, (at, edge), query.allocation)).unwrap();
                if !row.list.is_empty() {
                    group.1.add(&row.share(&row.list, (at, edge), query.allocation)).unwrap();
                    group.2 += 1;
                }
                group.3 = group.3.min(at);
                group.4 = group.4.max(edge);
                group.5 += 1;
                let latest = (row.end, row.start, row.resource.clone(), row.order.clone());
                group.6 = group.6.clone().max(latest);
                at = edge;
                if at >= to {
                    break;
                }
            }
        }
        let expected: Vec<String> = groups
            .into_iter()
            .map(|((project, kind, ordinal, currency), (cost, list, n, first, last, charges, latest))| {
                let label = calendar.label(ordinal);
                let latest = (latest.2, latest.3);
                format!("{project} {kind} {label} {currency} {cost} {list}/{n} {first}..{last} x{charges} {latest:?}")
            })
            .collect();
        let facts = scene.files.facts(&facts_query(query)).unwrap().value;
        let found: Vec<String> = facts
            .groups
            .iter()
            .map(|g| {
                let list = &g.measures[0];
                let latest = (g.attributes[0].to_string(), g.attributes[1].to_string());
                format!(
                    "{} {} {} {} {} {}/{} {}..{} x{} {latest:?}",
                    g.keys[0], g.keys[1], g.period.label, g.currency, g.cost, list.sum, list.n_values,
                    g.first_start, g.last_end, g.charges
                )
            })
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn pages_of_rows_put_together_are_the_rows_of_a_loop(
        rows in proptest::collection::vec(row(), 1..60),
        prorate in any::<bool>(),
        from in -2_i64..30,
        days in 1_i64..40,
        page in 1_usize..20,
    ) {
        let scene = scene(&rows);
        let mut query = ChargeQuery::total();
        query.filter = Filter::parse_all(["zone_id=pek3a,gd2"]).unwrap();
        query.allocation = if prorate { Allocation::Prorate } else { Allocation::Start };
        query.window = Window::new(Some(MIDNIGHT + from * DAY), Some(MIDNIGHT + (from + days) * DAY)).unwrap();
        let mut expected: Vec<(i64, i64, String, String)> = rows
            .iter()
            .filter(|row| keeps(row, &[("zone_id", &["pek3a", "gd2"])]))
            .filter_map(|row| {
                let span = row.inside(&query.window, query.allocation)?;
                let cost = row.share(&row.cost, span, query.allocation);
                Some((span.0, span.1, format!("{cost}"), row.resource.clone()))
            })
            .collect();
        expected.sort();
        let mut found = Vec::new();
        let mut starts = Vec::new();
        loop {
            let mut asked = rows_query(query.clone(), RowOrder::default());
            (asked.offset, asked.limit) = (found.len(), Some(page));
            let answered = scene.files.rows(&asked).unwrap().value;
            prop_assert_eq!(answered.n_charges, expected.len() as u64);
            if answered.rows.is_empty() {
                break;
            }
            for row in answered.rows {
                starts.push(row.start);
                found.push((row.start, row.end, row.cost.to_string(), row.texts[0].to_string()));
            }
        }
        prop_assert!(starts.is_sorted());
        found.sort();
        prop_assert_eq!(found, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn measures_are_the_same_in_every_carrier(
        rows in proptest::collection::vec(row(), 4..40),
        query in query(),
    ) {
        let scene = scene(&rows);
        let file = &scene.paths[1];
        let asked = (facts_query(query.clone()), rows_query(query, RowOrder::default()));
        let texts = |file: &str| {
            let files = Files::new(vec![file.to_owned()], RunOptions::default());
            let facts = files.facts(&asked.0).unwrap();
            let rows = files.rows(&asked.1).unwrap();
            // Parquet skips what lies outside the window unread, so only what was used is comparable.
            let used = |receipt: &Receipt| format!("{} {}\n", receipt.rows.used, money(&receipt.cost.used));
            facts_text(&facts.value) + &rows_text(&rows.value) + &used(&facts.receipt) + &used(&rows.receipt)
        };
        let expected = texts(file);
        for schema in [Schema::Charges, Schema::Focus12] {
            for (carrier, ending) in TARGETS {
                let written = converted(&scene.folder, file, schema, carrier, ending);
                prop_assert_eq!(texts(&written), expected.clone(), "{:?} as {}", schema, ending);
            }
        }
    }
}

/// A bill of two rows in the columns of a vendor.
fn files(name: &str, text: &str) -> (Folder, Files) {
    let folder = Folder::new();
    let path = folder.put(name, text);
    let files = Files::new(vec![path], RunOptions::default());
    (folder, files)
}

/// Asks for columns and measures of each row, in order of start.
#[track_caller]
fn check_rows(name: &str, bill: &str, columns: &str, measures: &str, expected: &[&str]) {
    let (_folder, files) = files(name, bill);
    let split = |list: &str| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let asked = RowsQuery {
        query: ChargeQuery::total(),
        columns: split(columns),
        measures: split(measures),
        tags: false,
        order: RowOrder::default(),
        offset: 0,
        limit: None,
    };
    let answered = files.rows(&asked).unwrap_or_else(|e| panic!("{}", failed(&e)));
    let found: Vec<String> = answered
        .value
        .rows
        .iter()
        .map(|row| {
            let measures = row
                .measures
                .iter()
                .map(|m| m.map_or("-".to_owned(), |m| m.to_string()));
            let texts = row.texts.iter().map(ToString::to_string);
            texts.chain(measures).collect::<Vec<_>>().join(" | ")
        })
        .collect();
    assert_eq!(found, expected, "{name}");
}

#[test]
fn a_charge_record_of_qingcloud_has_its_numbers() {
    check_rows(
        "records.json",
        r#"{"action":"GetChargeRecordsResponse","charge_record_set":[
        {"resource_type":"qai","fee":"44.48","user_id":"usr-1","zone_id":"staging","resource_id":"qai-1",
         "start_time":"2024-04-25T09:49:59Z","end_time":"2024-04-25T11:49:59Z","currency":"cny","charge_time":"2024-04-25T09:49:59Z",
         "discount":85,"price":"22.24","unit":"hour","total_sum":0,"root_user_id":"usr-1","contract_id":"ct-1"}],"ret_code":0}"#,
        "charge_time resource_id",
        "discount_rate unit_price usage_quantity vcpus",
        &["2024-04-25T09:49:59Z | qai-1 | 0.85 | 22.24 | 0 | -"],
    );
}

#[test]
fn the_page_of_plcloud_has_its_sizes() {
    let bill = r#"{"message":"成功","code":200,"data":[
        {"id":"1","billing_id":"b","res_id":"r1","name":"vm","res_type":"instance","res_meta":{"memory_gb":2,"vcpus":1,"disk_gb":20},
         "region":"shenzhen","unit_price":"0.152748","amount":"3.6659520000","cost_time":"24.0000","billing_type":"hour",
         "start_at":"2014-12-01 00:00:00","end_at":"2014-12-02 00:00:00","remarks":"自动扣费","is_billing":true},
        {"id":"2","billing_id":"c","res_id":"r2","name":"disk","res_type":"volume","res_meta":{"volume_gb":50},
         "region":"shenzhen","unit_price":"0.1","amount":"2.4","cost_time":"24.0000","billing_type":"hour",
         "start_at":"2014-12-02 00:00:00","end_at":"2014-12-03 00:00:00","remarks":"","is_billing":false}],"total_amount":"6.06"}"#;
    check_rows(
        "consumptions.json",
        bill,
        "resource_id is_billing",
        "unit_price usage_quantity vcpus memory_mb volume_gb",
        &[
            "r1 | true | 0.152748 | 24 | 1 | 2048 | -",
            "r2 | false | 0.1 | 24 | - | - | 50",
        ],
    );
    check_rows(
        "consumptions.csv",
        "id,res_id,res_type,res_meta,unit_price,amount,cost_time,start_at,end_at\n\
         1,r1,instance,\"{\"\"memory_gb\"\":0.5,\"\"vcpus\"\":2}\",0.1,2.4,24,2014-12-01 00:00:00,2014-12-02 00:00:00\n",
        "resource_id",
        "vcpus memory_mb",
        &["r1 | 2 | 512"],
    );
}

#[test]
fn focus_and_aws_name_sizes_in_their_own_units() {
    check_rows(
        "focus.csv",
        "ChargePeriodStart,BilledCost,EffectiveCost,BillingCurrency,ChargeCategory,ConsumedQuantity,ConsumedUnit,SkuPriceDetails\n\
         2024-03-01T00:00:00Z,1,1,USD,Usage,24,Hours,\"{\"\"CoreCount\"\":4,\"\"MemorySize\"\":16,\"\"DiskSpace\"\":100}\"\n\
         2024-03-02T00:00:00Z,1,1,USD,Usage,,,\n",
        "usage_unit",
        "usage_quantity vcpus memory_mb volume_gb",
        &["Hours | 24 | 4 | 16384 | 100", " | - | - | - | -"],
    );
    check_rows(
        "cur.csv",
        "lineItem/UsageStartDate,lineItem/UnblendedCost,lineItem/CurrencyCode,lineItem/LineItemType,product/vcpu,product/memory,lineItem/UsageAmount\n\
         2024-03-01T00:00:00Z,1,USD,Usage,2,8 GiB,1.5\n\
         2024-03-02T00:00:00Z,1,USD,Usage,NA,NA,\n",
        "action_type",
        "vcpus memory_mb usage_quantity",
        &["Usage | 2 | 8192 | 1.5", "Usage | - | - | -"],
    );
}

#[test]
fn the_payments_of_tencent_are_measures() {
    check_rows(
        "tencent.csv",
        "PayerUin,ResourceId,RealTotalCost,CashPayAmount,VoucherPayAmount,FeeBeginTime,FeeEndTime,PayTime,BusinessCode\n\
         1,lb-1,0.07,0.06570339,-,2018-11-01 08:00:00,2018-11-17 19:59:59,2018-11-18 00:00:00,p_cdn\n",
        "charge_time service_code",
        "cash_amount voucher_amount transfer_amount",
        &["2018-11-17T16:00:00Z | p_cdn | 0.06570339 | - | -"],
    );
}

#[test]
fn a_measure_that_is_no_number_rejects_no_row_and_is_counted() {
    let bill = "ChargePeriodStart,BilledCost,EffectiveCost,BillingCurrency,ChargeCategory,ConsumedQuantity\n\
        2024-03-01T00:00:00Z,1,1,USD,Usage,many\n2024-03-02T00:00:00Z,1,1,USD,Usage,2\n";
    let (_folder, files) = files("focus.csv", bill);
    let asked = FactsQuery {
        query: ChargeQuery::total(),
        measures: vec!["usage_quantity".to_owned()],
        attributes: Vec::new(),
    };
    let answered = files.facts(&asked).unwrap();
    let sum = &answered.value.groups[0].measures[0];
    assert_eq!((sum.sum.to_string(), sum.n_values), ("2".to_owned(), 1));
    assert_eq!(answered.value.groups[0].charges, 2);
    let notes = &answered.receipt.notes;
    assert_eq!(notes["measures unreadable, taken as without a value"], 1);
}

#[test]
fn what_does_not_apply_is_refused() {
    let (folder, files) = files(
        "focus.csv",
        "ChargePeriodStart,BilledCost,BillingCurrency,ResourceId\n2024-03-01T00:00:00Z,1,USD,i-1\n",
    );
    let asked = |measure: &str, attribute: &str| FactsQuery {
        query: ChargeQuery::total(),
        measures: vec![measure.to_owned()],
        attributes: vec![attribute.to_owned()],
    };
    for (query, words) in [
        (asked("resource_id", "resource_id"), "holds no numbers"),
        (asked("list_cost", "list_cost"), "holds numbers"),
        (asked("list_cost", "x_nothing"), "no column or dimension"),
        (asked("x_nothing", "resource_id"), "no column or dimension"),
    ] {
        let error = files.facts(&query).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let store = Store::load(
        &[folder.path().join("focus.csv").display().to_string()],
        RunOptions::default(),
        StoreOptions {
            columns: vec!["project_id".to_owned()],
            ..StoreOptions::default()
        },
    )
    .unwrap();
    let mut query = ChargeQuery::total();
    query.by = Dimension::parse_list("resource_id").unwrap();
    let error = store.sums(&query).unwrap_err().to_string();
    assert!(error.contains("loaded without resource_id"), "{error}");
}
