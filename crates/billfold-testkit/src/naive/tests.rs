//! The written semantics as tables.

use super::*;
use crate::civil::instant;
use crate::fixture;
use crate::strategies;
use proptest::prelude::*;

#[track_caller]
fn check(table: &str, question: &Question, expected: &str) {
    let charges = fixture::charges(table).unwrap();
    let squeeze = |text: &str| {
        let lines = text
            .lines()
            .map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(squeeze(&render(&answer(&charges, question))), squeeze(expected));
}

fn by(dimension: &str) -> Question {
    Question {
        by: vec![String::from(dimension)],
        ..Question::default()
    }
}

#[test]
fn weeks_start_on_monday() {
    check(
        "
        start             resource_id  effective_cost
        2024-03-03T23:00  i-1          1.10
        2024-03-04T00:00  i-1          2.20
        ",
        &Question {
            granularity: Granularity::Weekly,
            ..by("resource_id")
        },
        "
        i-1  2024-02-26  USD  1.1  1
        i-1  2024-03-04  USD  2.2  1
        ",
    );
}

#[test]
fn unlike_currencies_are_never_added() {
    check(
        "
        start       currency  billed_cost
        2024-03-01  CNY       1
        2024-03-01  USD       1
        2024-03-01  CNY       2
        ",
        &Question::default(),
        "
        total  CNY  3  2
        total  USD  1  1
        ",
    );
}

#[test]
fn the_effective_cost_falls_back_to_the_billed_one() {
    let table = "
        start       billed_cost  effective_cost
        2024-03-01  5            -
        2024-03-01  0            3
        ";
    check(table, &Question::default(), "total USD 8 2");
    check(
        table,
        &Question {
            metric: Metric::Billed,
            ..Question::default()
        },
        "total USD 5 2",
    );
}

#[test]
fn a_row_counts_once_for_each_of_its_tags() {
    let table = "
        start       tags         billed_cost
        2024-03-01  team=a;env=  1
        2024-03-01  team=a       2
        2024-03-01  -            4
        ";
    check(
        table,
        &by("tag_id"),
        "total USD 4 1\n env= total USD 1 1\n team=a total USD 3 2",
    );
    check(table, &by("tag:team"), "total USD 4 1\n a total USD 3 2");
    check(table, &Question::default(), "total USD 7 3");
}

#[test]
fn prorating_a_month_over_its_days_conserves_it() {
    check(
        "
        start       end         billed_cost
        2024-02-28  2024-03-02  0.01
        ",
        &Question {
            granularity: Granularity::Daily,
            allocate: Allocate::Prorate,
            ..Question::default()
        },
        "
        2024-02-28  USD  0.003333333333333333  1
        2024-02-29  USD  0.003333333333333334  1
        2024-03-01  USD  0.003333333333333333  1
        ",
    );
}

#[test]
fn a_window_cuts_prorated_charges_and_chooses_whole_ones() {
    let table = "
        start       end         billed_cost
        2024-02-01  2024-03-01  29
        2024-02-10  2024-02-10  1
        ";
    let window = (
        Some(instant(2024, 2, 10, 0, 0, 0)),
        Some(instant(2024, 2, 11, 0, 0, 0)),
    );
    let whole = Question {
        window,
        ..Question::default()
    };
    check(table, &whole, "total USD 1 1");
    check(
        table,
        &Question {
            allocate: Allocate::Prorate,
            ..whole
        },
        "total USD 2 2",
    );
}

#[test]
fn the_billing_clock_books_a_correction_when_it_is_invoiced() {
    let table = "
        start       billing_start  billed_cost
        2024-01-15  2024-03-01     -2
        ";
    let monthly = Question {
        granularity: Granularity::Monthly,
        ..Question::default()
    };
    check(table, &monthly, "2024-01 USD -2 1");
    check(
        table,
        &Question {
            clock: Clock::Billing,
            ..monthly
        },
        "2024-03 USD -2 1",
    );
}

#[test]
fn filters_take_rows_and_their_complements_the_rest() {
    let table = "
        start       resource_id  tags            billed_cost
        2024-03-01  i-1          team=a;env=x    1
        2024-03-01  i-2          team=b          2
        2024-03-01  -            -               4
        ";
    let with = |dimension: &str, test| Question {
        filters: vec![Filter {
            dimension: String::from(dimension),
            test,
        }],
        ..Question::default()
    };
    let text = |t: &str| String::from(t);
    check(
        table,
        &with("resource_id", Test::Prefix(text("i-"))),
        "total USD 3 2",
    );
    check(
        table,
        &with("resource_id", Test::Contains(text("2"))),
        "total USD 2 1",
    );
    check(table, &with("resource_id", Test::Absent), "total USD 4 1");
    check(
        table,
        &with("resource_id", Test::In(vec![text("i-1"), text("")])),
        "total USD 5 2",
    );
    check(
        table,
        &with("tag_id", Test::Equals(text("env=x"))),
        "total USD 1 1",
    );
    check(table, &with("tag_id", Test::Not(text("env=x"))), "total USD 6 2");
    check(table, &with("tag:team", Test::Not(text("a"))), "total USD 6 2");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_parts_of_a_total_add_up(charges in strategies::charges(30), question in strategies::question()) {
        let tags = question.by.iter().any(|d| d == "tag_id");
        let mut sums: BTreeMap<String, Big> = BTreeMap::new();
        for line in answer(&charges, &question) {
            let sum = crate::decimal::Decimal::parse(&line.sum);
            // A sum may need more than 38 digits; then the parts are too large for this check.
            let Some(sum) = sum else { return Ok(()) };
            sums.entry(line.currency).or_default().add_decimal(sum);
        }
        let sums: BTreeMap<String, String> = sums.into_iter().map(|(c, s)| (c, s.to_string())).collect();
        if !tags {
            prop_assert_eq!(sums, totals(&charges, &question));
        }
    }

    #[test]
    fn a_filter_and_its_complement_make_the_whole(charges in strategies::charges(40), value in strategies::text()) {
        for dimension in ["resource_id", "tag_id", "tag:team"] {
            let with = |test| Question {
                filters: vec![Filter { dimension: String::from(dimension), test }],
                ..Question::default()
            };
            let n = |q: &Question| answer(&charges, q).iter().map(|l| l.charges).sum::<u64>();
            let (yes, no) = (with(Test::Equals(value.clone())), with(Test::Not(value.clone())));
            prop_assert_eq!(n(&yes) + n(&no), charges.len() as u64);
        }
    }
}
