//! Answers in one currency: charges at the rates of their months, sums that conserve, receipts that balance.

use std::collections::BTreeMap;
use std::sync::Arc;

use billfold_core::dataset::{self, Outcome, RunOptions};
use billfold_core::exchange::Exchange;
use billfold_core::money::{Amount, Currency, ExactSum, product};
use billfold_core::query::{Allocation, ChargeQuery, Filter};
use billfold_core::time::{parse_period, parse_zone};
use proptest::prelude::*;

use crate::support::{Folder, asking, bill};

const RATES: &str = "month,from,to,rate\n2024-02,USD,CNY,7.1\n2024-03,USD,CNY,7.25\n2024-03,EUR,CNY,7.8\n2024-03,USD,EUR,0.9\n";

fn cny() -> Currency {
    Currency::parse(b"CNY").unwrap()
}

fn sums(path: &str, query: ChargeQuery, rates: &str) -> billfold_core::Result<Outcome> {
    let options = RunOptions {
        exchange: Some(Arc::new(Exchange::read(rates, cny())?)),
        threads: Some(2),
        chunk_bytes: 128,
        ..RunOptions::default()
    };
    dataset::sums(&[path.to_owned()], query, options)
}

fn groups(outcome: &Outcome) -> Vec<String> {
    let answer = outcome.answer.as_ref().unwrap();
    let row = |r: billfold_core::engine::AnswerRow<'_>| {
        format!("{} {} {}", r.period().label, r.currency(), r.cost())
    };
    answer.rows().map(row).collect()
}

fn rows() -> String {
    bill(&[
        "2024-02-29T20:00:00Z,2024-02-29T21:00:00Z,10,USD,i-1",
        "2024-03-01T00:00:00Z,2024-03-01T01:00:00Z,10,USD,i-1",
        "2024-03-01T00:00:00Z,2024-03-01T01:00:00Z,-1,EUR,i-2",
        "2024-03-01T00:00:00Z,2024-03-01T01:00:00Z,3,CNY,i-2",
    ])
}

#[test]
fn a_charge_has_the_rate_of_the_month_in_which_it_starts() {
    let folder = Folder::new();
    let (bill, rates) = (folder.put("bill.csv", rows()), folder.put("rates.csv", RATES));
    let monthly = sums(&bill, asking("", "monthly"), &rates).unwrap();
    assert_eq!(groups(&monthly), ["2024-02 CNY 71", "2024-03 CNY 67.7"]);
    let total = sums(&bill, asking("", "total"), &rates).unwrap();
    assert_eq!(groups(&total), ["total CNY 138.7"]);
    let used: Vec<String> = total
        .receipt
        .conversion
        .unwrap()
        .rates
        .iter()
        .map(|r| {
            format!(
                "{} {} {} {} {} {}",
                r.month, r.from, r.rate, r.charges, r.cost, r.converted
            )
        })
        .collect();
    assert_eq!(
        used,
        [
            "2024-02 USD 7.1 1 10 71",
            "2024-03 EUR 7.8 1 -1 -7.8",
            "2024-03 USD 7.25 1 10 72.5"
        ]
    );
    // In Shanghai, the first of them starts in March.
    let mut query = asking("", "monthly");
    query.zone = parse_zone("Asia/Shanghai").unwrap();
    assert_eq!(
        groups(&sums(&bill, query, &rates).unwrap()),
        ["2024-03 CNY 140.2"]
    );
}

#[test]
fn a_prorated_charge_is_converted_whole_and_then_shared() {
    let folder = Folder::new();
    let rates = folder.put("rates.csv", RATES);
    let bill = folder.put(
        "bill.csv",
        bill(&["2024-02-28T00:00:00Z,2024-03-03T00:00:00Z,40,USD,i-1"]),
    );
    let mut query = asking("", "monthly");
    query.allocation = Allocation::Prorate;
    let outcome = sums(&bill, query.clone(), &rates).unwrap();
    assert_eq!(groups(&outcome), ["2024-02 CNY 142", "2024-03 CNY 142"]);
    // Half of it lies outside of March; the half inside counts, so the charge needs February's rate.
    query.window = parse_period("2024-03", query.calendar()).unwrap();
    let outcome = sums(&bill, query, &rates).unwrap();
    assert_eq!(groups(&outcome), ["2024-03 CNY 142"]);
    assert_eq!(
        outcome
            .receipt
            .cost
            .outside_window
            .get(cny())
            .unwrap()
            .to_string(),
        "142"
    );
}

#[test]
fn every_missing_rate_is_named_and_only_those_that_count() {
    let folder = Folder::new();
    let bill = folder.put("bill.csv", rows());
    let rates = folder.put(
        "rates.csv",
        "month,from,to,rate\n2024-01,USD,CNY,7\n2024-03,CNY,USD,0.1\n",
    );
    let error = sums(&bill, asking("", "total"), &rates).unwrap_err();
    assert_eq!(error.kind().code(), "rates.missing");
    let text = error.to_string();
    for named in ["2024-02 USD to CNY", "2024-03 USD to CNY", "2024-03 EUR to CNY"] {
        assert!(text.contains(named), "{text}");
    }
    let mut query = asking("", "total");
    query.filter = Filter::parse_all(["resource_id=i-1"]).unwrap();
    query.window = parse_period("2024-02", query.calendar()).unwrap();
    let text = sums(&bill, query, &rates).unwrap_err().to_string();
    assert!(
        text.contains("2024-02 USD to CNY") && !text.contains("2024-03"),
        "{text}"
    );
}

#[test]
fn what_does_not_count_stays_in_its_own_currency() {
    let folder = Folder::new();
    let (bill, rates) = (folder.put("bill.csv", rows()), folder.put("rates.csv", RATES));
    let mut query = asking("", "total");
    query.filter = Filter::parse_all(["resource_id=i-2"]).unwrap();
    let outcome = sums(&bill, query, &rates).unwrap();
    assert_eq!(groups(&outcome), ["total CNY -4.8"]);
    let usd = Currency::parse(b"USD").unwrap();
    assert_eq!(outcome.receipt.cost.filtered.get(usd).unwrap().to_string(), "20");
    assert_eq!(outcome.receipt.conversion.unwrap().rates.len(), 1);
}

#[test]
fn one_cannot_tell_charges_apart_by_the_currency_that_they_lose() {
    let folder = Folder::new();
    let (bill, rates) = (folder.put("bill.csv", rows()), folder.put("rates.csv", RATES));
    let mut filtered = asking("", "total");
    filtered.filter = Filter::parse_all(["currency=USD"]).unwrap();
    for query in [asking("billing_currency", "total"), filtered] {
        assert_eq!(sums(&bill, query, &rates).unwrap_err().kind().code(), "usage");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// Rows one by one at the rate of their month; whatever the granularity, the total is theirs.
    #[test]
    fn groups_add_up_to_the_charges_converted_one_by_one(
        rows in prop::collection::vec((1..5u8, 1..28u8, 0..3u8, any::<i64>(), 0..25u8), 0..40),
        mantissas in prop::collection::vec(1..1_000_000i64, 8),
        granularity in prop::sample::select(vec!["total", "daily", "weekly", "quarterly"]),
    ) {
        let folder = Folder::new();
        let code = |n: u8| ["USD", "EUR", "CNY"][usize::from(n)];
        let amount = |mantissa: i64, scale: u8| Amount::new(i128::from(mantissa), scale).unwrap();
        let mut rates = BTreeMap::new();
        let mut table = "month,from,to,rate\n".to_owned();
        for (i, mantissa) in mantissas.iter().enumerate() {
            let (month, from) = (i as u8 / 2 + 1, code(i as u8 % 2));
            rates.insert((month, from), amount(*mantissa, 4));
            table += &format!("2024-{month:02},{from},CNY,{}\n", amount(*mantissa, 4));
        }
        let mut expected = ExactSum::ZERO;
        let mut text = Vec::new();
        for (month, day, currency, mantissa, scale) in &rows {
            let cost = amount(*mantissa, *scale);
            text.push(format!("2024-{month:02}-{day:02}T03:00:00Z,,{cost},{},i", code(*currency)));
            let converted = match rates.get(&(*month, code(*currency))) {
                Some(rate) => product(cost, *rate).unwrap().amount,
                None => cost,
            };
            expected.add_amount(converted).unwrap();
        }
        let bill = folder.put("bill.csv", bill(&text));
        let outcome = sums(&bill, asking("resource_id", granularity), &folder.put("rates.csv", table)).unwrap();
        let answer = outcome.answer.unwrap();
        let mut total = ExactSum::ZERO;
        for row in answer.rows() {
            prop_assert_eq!(row.currency(), cny());
            total.add(&row.cost()).unwrap();
        }
        prop_assert_eq!(total, expected);
        prop_assert_eq!(answer.totals.get(cny()).copied().unwrap_or(ExactSum::ZERO), expected);
    }
}
