//! Explanations from outside: for any question, the charges listed behind each cell are that cell.

use billfold_core::dataset::{self, RunOptions};
use billfold_core::explain::{Cell, Explanation, Listing, explain};
use billfold_core::money::ExactSum;
use billfold_core::query::{Allocation, ChargeQuery, Filter};
use billfold_core::time::parse_zone;
use proptest::prelude::*;

use crate::support::{Folder, asking};

const HEADER: &str =
    "ChargePeriodStart,ChargePeriodEnd,BilledCost,BillingCurrency,ResourceId,SubAccountId,Tags\n";

fn options() -> RunOptions<'static> {
    RunOptions {
        threads: Some(2),
        chunk_bytes: 96,
        ..RunOptions::default()
    }
}

fn explained(paths: &[String], query: &ChargeQuery, cell: &Cell) -> Explanation {
    let listing = Listing {
        columns: vec!["resource_id".to_owned()],
        limit: usize::MAX,
    };
    explain(paths, query, cell, &listing, &options()).unwrap()
}

#[test]
fn places_are_those_of_the_file_whatever_stands_between() {
    let folder = Folder::new();
    let text = HEADER.to_owned()
        + "2024-03-01T00:00:00Z,,1,USD,\"i\n1\",,\n"
        + "\n"
        + "2024-03-01T00:00:00Z,,1,USD,i-2,,\n"
        + "2024-03-01T00:00:00Z,,oops,USD,i-2,,\n"
        + "2024-03-01T00:00:00Z,,2,USD,i-2,,\n";
    let paths = [folder.put("bill.csv", text)];
    let mut query = asking("resource_id", "total");
    query.limit = None;
    let found = explained(&paths, &query, &Cell::parse("resource_id=i-2").unwrap());
    let places: Vec<(u64, u64)> = found
        .charges
        .iter()
        .map(|c| (c.location.record.unwrap(), c.location.line.unwrap()))
        .collect();
    assert_eq!(places, [(2, 5), (4, 7)]);
    assert_eq!((found.n_rejected, found.rejects[0].location.line), (1, Some(6)));
    assert_eq!(found.totals.iter().next().unwrap().1.to_string(), "3");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_charges_of_every_cell_add_up_to_it(
        rows in prop::collection::vec((1..28i64, 0..40i64, -99..99i64, 0..3usize, 0..3usize, 0..3usize, 0..4usize), 0..40),
        by in prop::sample::select(vec!["resource_id", "user_id,resource_id", "tag:team", "tag_id", ""]),
        granularity in prop::sample::select(vec!["total", "daily", "weekly", "monthly"]),
        prorate in any::<bool>(),
        filtered in any::<bool>(),
    ) {
        let folder = Folder::new();
        let mut text = HEADER.to_owned();
        for (day, length, cost, currency, resource, user, tags) in &rows {
            let start = 1_709_251_200_000_000 + (day * 24 + 20) * 3_600_000_000;
            let at = |instant| billfold_core::time::format_instant(instant);
            text += &format!(
                "{},{},{cost}.1,{},{},{},{}\n",
                at(start), at(start + length * 7_200_000_000),
                ["USD", "CNY", "USD"][*currency], ["", "i,1", "i-2"][*resource], ["", "u-1", "u-2"][*user],
                ["", r#""{""team"":""a""}""#, r#""{""team"":""b"",""x"":""y""}""#, r#""{""team"":""""}""#][*tags],
            ).replace("i,1", "\"i,1\"");
        }
        let paths = [folder.put("bill.csv", text)];
        let mut query = asking(by, granularity);
        query.zone = parse_zone("Asia/Shanghai").unwrap();
        query.allocation = if prorate { Allocation::Prorate } else { Allocation::Start };
        if filtered {
            query.filter = Filter::parse_all(["resource_id=i-2,", "user_id!=u-2"]).unwrap();
        }
        let outcome = dataset::sums(&paths, query.clone(), options()).unwrap();
        let answer = outcome.answer.unwrap();
        for group in answer.rows() {
            let cell = Cell {
                values: query.by.iter().cloned().zip(group.keys().map(str::to_owned)).collect(),
                period: (granularity != "total").then(|| group.period().label.clone()),
                currency: Some(group.currency()),
            };
            let found = explained(&paths, &query, &cell);
            let sum = found.totals.get(group.currency()).copied().unwrap_or(ExactSum::ZERO);
            prop_assert_eq!(sum, group.cost(), "{:?}", cell);
            prop_assert_eq!(found.n_charges, group.charges(), "{:?}", cell);
            let mut listed = ExactSum::ZERO;
            for charge in &found.charges {
                listed.add(&charge.share).unwrap();
            }
            prop_assert_eq!(listed, sum);
        }
    }
}
