//! Answers for the tests of the outputs: the engine's own, from rows written down in the test.

use std::sync::Arc;

use billfold_core::charge::batch::{BatchParts, ChargeBatch};
use billfold_core::charge::builder::{MoneyBuilder, TextBuilder};
use billfold_core::engine::{Answer, Plan, Sums};
use billfold_core::money::Amount;
use billfold_core::query::{ChargeQuery, Dimension, DimensionSource};

/// The total by `names` over rows of (keys, currency, cost).
pub(super) fn answer(names: &[&str], rows: &[(&[&str], &str, &str)]) -> Answer {
    let mut query = ChargeQuery::total();
    query.by = names
        .iter()
        .map(|name| Dimension {
            name: (*name).to_owned(),
            source: DimensionSource::Column((*name).to_owned()),
        })
        .collect();
    let mut sums = Sums::new(Arc::new(Plan::new(query).unwrap()));
    let mut cost = MoneyBuilder::with_capacity(rows.len());
    for (_, _, text) in rows {
        cost.push(Amount::parse(text.as_bytes()).unwrap());
    }
    let column = |values: &mut dyn Iterator<Item = &str>| {
        let mut builder = TextBuilder::with_capacity(rows.len());
        for value in values {
            builder.push(value.as_bytes());
        }
        builder.finish(|_| None).unwrap()
    };
    let batch = ChargeBatch::new(BatchParts {
        start: vec![0; rows.len()].into(),
        end: None,
        cost: cost.finish().unwrap(),
        currency: column(&mut rows.iter().map(|(_, currency, _)| *currency)),
        text: names
            .iter()
            .enumerate()
            .map(|(i, name)| {
                (
                    (*name).to_owned(),
                    column(&mut rows.iter().map(|(keys, _, _)| keys[i])),
                )
            })
            .collect(),
        tags: None,
    })
    .unwrap();
    sums.update(&batch).unwrap();
    sums.finish().unwrap().answer
}

/// What a writer wrote.
pub(super) fn written<E: std::fmt::Debug>(
    write: impl FnOnce(&mut dyn std::io::Write) -> Result<(), E>,
) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}
