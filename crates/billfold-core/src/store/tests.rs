//! Running sums, scans and files say the same. The laws over facts and rows stand in `tests/it/charges.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::dataset::Files;
use crate::engine::write_csv;
use crate::query::{Allocation, Dimension, Filter};
use crate::time::{Window, format_instant};

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
/// 2024-02-28T16:00:00Z, midnight in Shanghai.
const MIDNIGHT: i64 = 1_709_136_000_000_000;

fn csv_row() -> impl Strategy<Value = String> {
    let time = (
        prop_oneof![3 => (-100_i64..1500).prop_map(|h| h * HOUR), 1 => -3 * DAY..60 * DAY],
        prop_oneof![4 => Just(HOUR), 2 => Just(DAY), 1 => Just(0), 1 => Just(31 * DAY), 1 => 1..9 * DAY],
    );
    let cost = prop_oneof![
        5 => (-2000_i64..200_000).prop_map(|c| format!("{}.{:02}", c / 100, (c % 100).abs())),
        1 => Just("0.00014583333333333333".to_owned()),
    ];
    let who = (
        select(vec!["r1", "r2"]),
        select(vec!["u1", "u2"]),
        select(vec!["p1", "p2", ""]),
    );
    let what = (
        select(vec!["gd2", ""]),
        select(vec!["vm", "eip"]),
        0..5_u8,
        select(vec!["CNY", "CNY", "USD"]),
    );
    (time, cost, who, what).prop_map(|((start, length), cost, who, what)| {
        let start = MIDNIGHT + start;
        format!(
            "1,{},{},{cost},{},{},{},{},{},{},i-{}\n",
            format_instant(start),
            format_instant(start + length),
            what.3,
            who.0,
            who.1,
            who.2,
            what.0,
            what.1,
            what.2
        )
    })
}

fn query() -> impl Strategy<Value = ChargeQuery> {
    let bound = || {
        prop_oneof![
            1 => Just(None),
            5 => (-2_i64..45).prop_map(|days| Some(MIDNIGHT + days * DAY)),
            2 => select(vec![1_i64, 32, 62]).prop_map(|days| Some(MIDNIGHT + days * DAY)),
            2 => (-2_i64..45).prop_map(|days| Some((MIDNIGHT / DAY + days) * DAY)),
            1 => (-2 * DAY..40 * DAY).prop_map(|at| Some(MIDNIGHT + at)),
        ]
    };
    let by = subsequence(
        vec![
            "project_id",
            "zone",
            "root_user",
            "resource_type",
            "user_id",
            "currency",
        ],
        0..4,
    );
    let filters = subsequence(
        vec![
            "zone=gd2",
            "user_id=u1",
            "project_id!=p1",
            "root_user_id^=r",
            "currency=CNY",
            "resource_type=eip,vm",
        ],
        0..3,
    );
    let how = (
        select(vec![
            "total",
            "daily",
            "weekly",
            "monthly",
            "quarterly",
            "yearly",
            "hourly",
        ]),
        select(vec![Tz::Asia__Shanghai, Tz::Asia__Shanghai, Tz::UTC]),
        select(vec![Allocation::Prorate, Allocation::Prorate, Allocation::Start]),
        any::<bool>(),
        prop_oneof![3 => Just(None), 1 => Just(Some(2_usize))],
    );
    (by, filters, bound(), bound(), how).prop_map(|(by, filters, a, b, how)| {
        let mut query = ChargeQuery::total();
        query.by = by.iter().map(|d| Dimension::parse(d).unwrap()).collect();
        query.filter = Filter::parse_all(filters).unwrap();
        let is_swapped = matches!((a, b), (Some(a), Some(b)) if b < a);
        query.window = if is_swapped {
            Window { start: b, end: a }
        } else {
            Window { start: a, end: b }
        };
        query.granularity = how.0.parse().unwrap();
        query.zone = how.1;
        query.allocation = how.2;
        query.fill = how.3 && query.granularity != Granularity::Hourly;
        query.top = how.4.filter(|_| !query.by.is_empty());
        query
    })
}

fn shown(answered: &Answered<Answer>) -> String {
    let mut out = Vec::new();
    write_csv(&answered.value, &mut out).unwrap();
    let (rows, cost) = (&answered.receipt.rows, &answered.receipt.cost);
    let money = |totals: &Totals| -> String {
        let some = totals.iter().filter(|(_, sum)| !sum.is_zero());
        some.map(|(currency, sum)| format!("{currency}={sum}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    format!(
        "{}{rows:?} {} used {} filtered {} outside {}",
        String::from_utf8(out).unwrap(),
        money(&cost.read),
        money(&cost.used),
        money(&cost.filtered),
        money(&cost.outside_window)
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn running_sums_and_scans_say_what_files_say(
        rows in proptest::collection::vec(csv_row(), 1..80),
        queries in proptest::collection::vec(query(), 10),
    ) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("billfold-store-{}-{}.csv", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        let header = "billfold_charges,charge_period_start,charge_period_end,effective_cost,billing_currency,\
            billing_account_id,sub_account_id,project_id,zone_id,resource_type,resource_id\n";
        std::fs::write(&path, format!("{header}{}", rows.concat())).unwrap();
        let inputs = vec![path.display().to_string()];
        let options = || RunOptions { threads: Some(2), chunk_bytes: 900, ..RunOptions::default() };
        let store = Store::load(&inputs, options(), StoreOptions::default()).unwrap();
        prop_assert!(store.cube.is_some());
        let files = Files::new(inputs, options());
        let mut coarser = Vec::new();
        for (granularity, is_cut) in [(Granularity::Daily, false), (Granularity::Monthly, true), (Granularity::Monthly, false)] {
            let grid = Grid::new(Tz::Asia__Shanghai, granularity, is_cut);
            let cube = Cube::build(&store.columns, grid, usize::MAX).unwrap();
            let again = Store::load(&[path.display().to_string()], options(), StoreOptions::default()).unwrap();
            coarser.push(Store { cube, ..Arc::into_inner(again).unwrap() });
        }
        let mut n_by_cube = 0;
        for query in &queries {
            let expected = shown(&files.sums(query).unwrap());
            let plan = Plan::new(query.clone()).unwrap();
            if let Some(answered) = store.sums_by_cube(&plan).unwrap() {
                n_by_cube += 1;
                prop_assert_eq!(shown(&answered), expected.clone(), "by running sums: {:?}", query);
            }
            for store in &coarser {
                if let Some(answered) = store.sums_by_cube(&plan).unwrap() {
                    prop_assert_eq!(shown(&answered), expected.clone(), "by coarser cells: {:?}", query);
                }
            }
            let scanned = store.sums_by_scan(plan).unwrap();
            prop_assert_eq!(shown(&scanned), expected, "by a scan: {:?}", query);
        }
        let is_whole = |query: &&ChargeQuery| {
            let whole = |bound: Option<i64>| bound.is_none_or(|at| (at - MIDNIGHT) % DAY == 0 || at % DAY == 0);
            query.allocation == Allocation::Prorate
                && query.granularity != Granularity::Hourly
                && (query.zone == Tz::Asia__Shanghai || query.zone == Tz::UTC || query.granularity == Granularity::Total)
                && whole(query.window.start)
                && whole(query.window.end)
        };
        prop_assert_eq!(n_by_cube, queries.iter().filter(is_whole).count());
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_store_can_be_asked_from_many_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Arc<Store>>();
}
