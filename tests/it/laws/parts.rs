//! Parts come to their whole: the parts of a difference between two bills, and of a measure under a condition.

use billfold_core::analysis::formula::Measure;
use billfold_core::analysis::measured::{Measured, MeasuredQuery, Value};
use billfold_core::dataset::{Charges as _, Files};
use billfold_core::diff::{Parts, diff};
use billfold_core::money::ExactSum;
use billfold_core::query::{ChargeQuery, Dimension};
use billfold_testkit::strategies::charges;
use billfold_testkit::{Carrier, Charge, Format, OutputSpec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseResult;

use crate::asked::{self, Cut};
use crate::support::Folder;

const DIMENSIONS: [&str; 5] = [
    "",
    "service_name",
    "sub_account_id,region_id",
    "tag:team",
    "charge_category",
];

fn put(folder: &Folder, name: &str, charges: &[Charge]) -> Vec<String> {
    vec![asked::put(
        folder,
        name,
        charges,
        &OutputSpec::new(Format::Focus12, Carrier::Csv),
    )]
}

fn by(dimensions: &str) -> ChargeQuery {
    let mut query = ChargeQuery::total();
    if !dimensions.is_empty() {
        query.by = Dimension::parse_list(dimensions).unwrap();
    }
    query
}

fn sum<'a>(parts: impl IntoIterator<Item = &'a ExactSum>) -> ExactSum {
    let mut sum = ExactSum::ZERO;
    for part in parts {
        sum.add(part).unwrap();
    }
    sum
}

/// `new − old` is the sum of the parts, and both sides are what the engine says of them alone.
fn taken_apart(old: &[Charge], new: &[Charge], dimensions: &str) -> TestCaseResult {
    let folder = Folder::new();
    let query = by(dimensions);
    let (old_files, new_files) = (put(&folder, "old", old), put(&folder, "new", new));
    let files = |paths: &[String]| Files::new(paths.to_vec(), Cut::SMALL.options());
    let found = diff(&files(&old_files), &query, &files(&new_files), &query).unwrap();
    let holds = |parts: &Parts| {
        let reasons = [
            &parts.added,
            &parts.gone,
            &parts.usage,
            &parts.price,
            &parts.currency,
            &parts.corrections,
            &parts.other,
        ];
        sum([&parts.new, &-parts.old]) == sum(reasons)
    };
    for (currency, parts) in &found.totals {
        prop_assert!(holds(parts), "{currency}: {parts:?}");
        let rows = || found.rows.iter().filter(|row| row.currency == *currency);
        prop_assert_eq!(sum(rows().map(|row| &row.parts.new)), parts.new);
        prop_assert_eq!(sum(rows().map(|row| &row.parts.usage)), parts.usage);
        for (side, paths) in [(&parts.old, &old_files), (&parts.new, &new_files)] {
            let answer = asked::answer(paths, &query);
            prop_assert_eq!(answer.totals.get(*currency).copied().unwrap_or_default(), *side);
        }
    }
    for row in &found.rows {
        prop_assert!(holds(&row.parts), "{row:?}");
    }
    Ok(())
}

fn measured(files: &[String], dimensions: &str, measures: &[&str]) -> Measured {
    let mut query = by(dimensions);
    let parsed = measures.iter().map(|text| Measure::parse(text).unwrap());
    let mut asked = MeasuredQuery::new(parsed.collect(), &mut query).unwrap();
    let facts = asked.facts(&query).unwrap();
    let answered = Files::new(files.to_vec(), Cut::SMALL.options())
        .facts(&facts)
        .unwrap();
    asked.table(&answered.value).unwrap()
}

fn number(value: &Value) -> ExactSum {
    match value {
        Value::Sum(sum) => *sum,
        other => panic!("{other:?}"),
    }
}

/// The costs of a table are those of the answer, and a condition and its opposite come to the whole.
fn split_by_conditions(charges: &[Charge], dimensions: &str) -> TestCaseResult {
    let folder = Folder::new();
    let files = put(&folder, "bill", charges);
    let table = measured(
        &files,
        dimensions,
        &[
            "cost",
            "with=cost[tag:team!=]",
            "without=cost[tag:team=]",
            "none=cost-cost",
        ],
    );
    let answer = asked::answer(&files, &by(dimensions));
    prop_assert_eq!(table.rows.len(), answer.len());
    for row in answer.rows() {
        let keys: Vec<&str> = row.keys().collect();
        let found = table
            .rows
            .iter()
            .find(|r| r.currency == row.currency() && r.keys == keys)
            .unwrap();
        prop_assert_eq!(number(&found.values[0]), row.cost());
        prop_assert_eq!(found.charges, row.charges());
    }
    for row in table.rows.iter().chain(&table.totals) {
        prop_assert_eq!(
            sum([&number(&row.values[1]), &number(&row.values[2])]),
            number(&row.values[0])
        );
        prop_assert!(number(&row.values[3]).is_zero());
    }
    for total in &table.totals {
        prop_assert_eq!(answer.totals.get(total.currency), Some(&number(&total.values[0])));
    }
    Ok(())
}

proptest! {
    #![proptest_config(asked::cases(48))]

    #[test]
    fn the_parts_of_a_difference_come_to_it_exactly(
        old in charges(12), new in charges(12), shared in charges(8), dimensions in select(&DIMENSIONS[..])
    ) {
        let with = |own: &[Charge]| [own, &shared].concat();
        taken_apart(&with(&old), &with(&new), dimensions)?;
    }

    #[test]
    fn a_bill_differs_from_itself_by_nothing(charges in charges(20), dimensions in select(&DIMENSIONS[..])) {
        taken_apart(&charges, &charges, dimensions)?;
    }

    #[test]
    fn a_condition_and_its_opposite_come_to_the_whole(charges in charges(20), dimensions in select(&DIMENSIONS[..])) {
        split_by_conditions(&charges, dimensions)?;
    }
}
