//! Answers made by hand for the tests of every format, and the check that a file says the same.

use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Int64Type, TimestampMicrosecondType, i256};
use billfold_core::engine::{Answer, KeyColumn};
use billfold_core::money::{Amount, Currency, ExactSum, SumColumn, Totals};
use billfold_core::query::{ChargeQuery, Dimension, DimensionSource};
use billfold_core::time::{Granularity, Period};

/// A group: its keys, currency, cost and charges. The key `<others>` is what `top` put together.
pub(in crate::output) type Group<'a> = (Vec<&'a str>, &'a str, &'a str, u64);

/// The key that stands for what `top` put together.
pub(in crate::output) const OTHERS: &str = "<others>";

/// An answer over one period, the total; the totals are the sums of the groups.
pub(in crate::output) fn answer(by: &[&str], groups: &[Group<'_>]) -> Answer {
    let mut query = ChargeQuery::total();
    query.by = by
        .iter()
        .map(|name| Dimension {
            name: (*name).to_owned(),
            source: DimensionSource::Column((*name).to_owned()),
        })
        .collect();
    let distinct = |texts: &mut dyn Iterator<Item = &str>| {
        let mut names: Vec<String> = texts.map(str::to_owned).collect();
        names.sort();
        names.dedup();
        names
    };
    let keys = (0..by.len())
        .map(|d| {
            let names = distinct(&mut groups.iter().map(|g| g.0[d]).filter(|key| *key != OTHERS));
            let code = |g: &Group<'_>| match names.iter().position(|name| name == g.0[d]) {
                Some(code) => code as u32,
                None => KeyColumn::OTHERS,
            };
            KeyColumn {
                codes: groups.iter().map(code).collect(),
                names: names.iter().map(|name| Arc::from(name.as_str())).collect(),
            }
        })
        .collect();
    let currency = |text: &str| Currency::parse(text.as_bytes()).unwrap_or(Currency::UNKNOWN);
    let mut currencies: Vec<Currency> = groups.iter().map(|g| currency(g.1)).collect();
    currencies.sort();
    currencies.dedup();
    let (mut costs, mut totals) = (SumColumn::new(), Totals::new());
    costs.resize(groups.len());
    for (idx, group) in groups.iter().enumerate() {
        let cost = ExactSum::from(Amount::parse(group.2.as_bytes()).unwrap());
        costs.add_at(idx as u32, &cost).unwrap();
        totals.add(currency(group.1), &cost).unwrap();
    }
    Answer {
        query,
        keys,
        periods: vec![Period {
            start: None,
            end: None,
            label: "total".to_owned(),
        }],
        period_idx: vec![0; groups.len()],
        currency_idx: groups
            .iter()
            .map(|g| currencies.iter().position(|c| *c == currency(g.1)).unwrap() as u32)
            .collect(),
        currencies,
        costs,
        charges: groups.iter().map(|g| g.3).collect(),
        n_groups: groups.len() as u64,
        totals,
        n_charges: groups.iter().map(|g| g.3).sum(),
    }
}

/// The same answer with its groups in months of 2024, in turn.
pub(in crate::output) fn in_months(mut answer: Answer, n_months: u32) -> Answer {
    // 30 days stand for a month here.
    let month = 30 * 86_400_000_000_i64;
    answer.query.granularity = Granularity::Monthly;
    answer.periods = (0..i64::from(n_months))
        .map(|m| Period {
            start: Some(1_704_067_200_000_000 + m * month),
            end: Some(1_704_067_200_000_000 + (m + 1) * month),
            label: format!("2024-{:02}", m + 1),
        })
        .collect();
    answer.period_idx = (0..answer.len() as u32).map(|idx| idx % n_months).collect();
    answer
}

/// Small answers of every kind.
pub(in crate::output) fn all() -> Vec<Answer> {
    let tiny = format!("-0.{}1", "0".repeat(37));
    let big = "9".repeat(38);
    let hostile = "\u{1b}[2J\n\u{202e},\"\u{0}计算";
    let mut with_top = answer(
        &["service_name", "zone_id"],
        &[
            (vec!["Others", "a"], "USD", "5", 3),
            (vec!["计算", ""], "USD", "4.5", 2),
            (vec![OTHERS, OTHERS], "USD", "-0.25", 9),
        ],
    );
    with_top.query.top = Some(2);
    vec![
        answer(
            &["zone_id"],
            &[(vec!["a"], "USD", "13461973.1448346508244333583294", 7)],
        ),
        in_months(
            answer(
                &["project_id", "cost"],
                &[
                    (vec!["", "x"], "CNY", "0", 0),
                    (vec![hostile, "x"], "USD", "-12.30", 2),
                    (vec!["p", "y"], "", "0.001", 1),
                ],
            ),
            2,
        ),
        with_top,
        answer(
            &["a"],
            &[(vec!["wide"], "USD", &big, 1), (vec!["tiny"], "USD", &tiny, 1)],
        ),
        answer(&[], &[(vec![], "EUR", "1.10", 4)]),
        answer(&["none"], &[]),
    ]
}

/// More groups than two batches hold.
pub(in crate::output) fn large() -> Answer {
    let costs: Vec<String> = (0..140_000)
        .map(|n| format!("{}.{:03}", n % 977, n % 1000))
        .collect();
    let names: Vec<String> = (0..20).map(|n| format!("name-{n:02}")).collect();
    let groups: Vec<Group<'_>> = costs
        .iter()
        .enumerate()
        .map(|(n, cost)| (vec![names[n % 20].as_str()], "USD", cost.as_str(), n as u64))
        .collect();
    in_months(answer(&["resource_id"], &groups), 12)
}

/// Panics unless the batches hold the answer, group by group and digit by digit.
pub(in crate::output) fn check(answer: &Answer, batches: &[RecordBatch]) {
    assert_eq!(
        batches.iter().map(RecordBatch::num_rows).sum::<usize>(),
        answer.len()
    );
    let mut rows = answer.rows();
    for batch in batches {
        let text = |at: usize| cast(batch.column(at), &DataType::Utf8).unwrap();
        let n_dims = answer.keys.len();
        let dims: Vec<_> = (0..n_dims).map(text).collect();
        let (period, currency) = (text(n_dims), text(n_dims + 3));
        let cost = batch.column_by_name("cost").unwrap();
        let charges = batch
            .column_by_name("charges")
            .unwrap()
            .as_primitive::<Int64Type>();
        let instant = |name: &str, at: usize| {
            let column = batch
                .column_by_name(name)
                .unwrap()
                .as_primitive::<TimestampMicrosecondType>();
            column.is_valid(at).then(|| column.value(at))
        };
        for at in 0..batch.num_rows() {
            let row = rows.next().unwrap();
            for (d, key) in row.keys().enumerate() {
                assert_eq!(dims[d].as_string::<i32>().value(at), key);
            }
            assert_eq!(period.as_string::<i32>().value(at), row.period().label);
            assert_eq!(instant("period_start", at), row.period().start);
            assert_eq!(instant("period_end", at), row.period().end);
            assert_eq!(currency.as_string::<i32>().value(at), row.currency().as_str());
            let (value, scale) = match cost.data_type() {
                DataType::Decimal128(38, scale) => (
                    i256::from_i128(cost.as_primitive::<Decimal128Type>().value(at)),
                    *scale,
                ),
                DataType::Decimal256(76, scale) => (cost.as_primitive::<Decimal256Type>().value(at), *scale),
                other => panic!("a cost of type {other}"),
            };
            assert_eq!(ExactSum::from_parts(value, scale as u8).unwrap(), row.cost());
            assert_eq!(charges.value(at), row.charges() as i64);
            let others = batch
                .column_by_name("others")
                .filter(|_| answer.query.top.is_some());
            assert_eq!(others.is_some(), answer.query.top.is_some());
            if let Some(others) = others {
                assert_eq!(others.as_boolean().value(at), row.is_others());
            }
        }
    }
}

/// A disk without room.
pub(in crate::output) struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
