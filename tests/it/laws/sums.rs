//! What groups add up to, and what becomes of sums when a bill or a filter changes in a known way.

use billfold_core::money::{Amount, ExactSum};
use billfold_core::query::{ChargeQuery, Condition, Dimension, DimensionSource, Filter, Test};
use billfold_core::time::Granularity;
use billfold_testkit::naive::{Allocate, Big, Metric, Question, tag_id};
use billfold_testkit::output::carried;
use billfold_testkit::strategies::{charges, dimension, id, narrow_charges};
use billfold_testkit::{Charge, Decimal};
use proptest::prelude::*;

use super::{Bill, focus, sound_question, without_tag_id};
use crate::asked::{self, Money};
use crate::support::{ask, asking, bill, costing};

/// The same question for the one total.
fn in_total(query: &ChargeQuery) -> ChargeQuery {
    ChargeQuery {
        by: Vec::new(),
        granularity: Granularity::Total,
        ..query.clone()
    }
}

fn exact(cost: Decimal) -> ExactSum {
    ExactSum::from(Amount::parse(cost.to_string().as_bytes()).unwrap())
}

/// Every cost of a charge through a function.
fn each_cost(charge: &Charge, change: impl Fn(Decimal) -> Decimal) -> Charge {
    Charge {
        billed_cost: change(charge.billed_cost),
        effective_cost: charge.effective_cost.map(&change),
        list_cost: charge.list_cost.map(&change),
        contracted_cost: charge.contracted_cost.map(&change),
        ..charge.clone()
    }
}

/// A condition that some rows keep.
fn a_condition() -> impl Strategy<Value = Condition> {
    let test = prop_oneof![
        2 => id().prop_map(Test::Equals),
        1 => "[a-c]".prop_map(Test::Contains),
        1 => "[a-c]".prop_map(Test::Prefix),
    ];
    (dimension(), prop::collection::vec(test, 1..3), any::<bool>()).prop_map(|(name, any_of, negated)| {
        Condition {
            dimension: Dimension::parse(&name).unwrap(),
            any_of,
            negated,
        }
    })
}

fn with(query: &ChargeQuery, conditions: Vec<Condition>) -> ChargeQuery {
    ChargeQuery {
        filter: Filter { conditions },
        ..query.clone()
    }
}

proptest! {
    #![proptest_config(asked::cases(24))]

    // [P01]
    #[test]
    fn groups_add_up_to_the_total(charges in charges(20), questions in prop::collection::vec(without_tag_id(), 3)) {
        let bill = Bill::of(&charges);
        for question in questions {
            let query = asked::query(&question);
            let answer = bill.answer(&query);
            let total = bill.answer(&in_total(&query));
            prop_assert_eq!(asked::money(&answer), asked::money(&total), "{:?}", question);
            prop_assert_eq!(asked::stated(&answer), asked::money(&total));
            prop_assert_eq!(asked::stated(&total), asked::money(&total));
            prop_assert_eq!(answer.n_charges, total.n_charges);
        }
    }

    // [P01] One dimension more makes smaller groups of the same money.
    #[test]
    fn groups_by_fewer_dimensions_are_sums_of_groups_by_more(
        charges in charges(20),
        question in without_tag_id(),
        kept in any::<prop::sample::Index>(),
    ) {
        prop_assume!(!question.by.is_empty());
        let bill = Bill::of(&charges);
        let query = asked::query(&question);
        let kept = kept.index(question.by.len());
        let fewer = ChargeQuery { by: vec![query.by[kept].clone()], ..query.clone() };
        let fine = asked::folded(&bill.answer(&query), |line| (line.keys[kept].clone(), line.start));
        let coarse = asked::folded(&bill.answer(&fewer), |line| (line.keys[0].clone(), line.start));
        prop_assert_eq!(fine, coarse);
    }

    // [P04]
    #[test]
    fn a_row_counts_once_in_each_of_its_tags_and_once_in_the_total(charges in charges(20), metric in 0usize..2) {
        let metric = [Metric::Effective, Metric::Billed][metric];
        let bill = Bill::of(&charges);
        let question = Question {
            by: vec![String::from("tag_id")],
            metric,
            ..Default::default()
        };
        let answer = bill.answer(&asked::query(&question));
        let (mut by_tags, mut once) = (Money::new(), Money::new());
        let mut n_groups_of_rows = 0u64;
        for charge in &charges {
            let charge = carried(charge, &focus());
            let cost = exact(metric.of(&charge).unwrap_or_default());
            let mut tags: Vec<String> = charge.tags.iter().map(tag_id).collect();
            tags.sort();
            tags.dedup();
            let n = tags.len().max(1);
            n_groups_of_rows += n as u64;
            for _ in 0..n {
                by_tags.entry(charge.billing_currency.clone()).or_default().add(&cost).unwrap();
            }
            once.entry(charge.billing_currency.clone()).or_default().add(&cost).unwrap();
        }
        by_tags.retain(|_, sum| !sum.is_zero());
        once.retain(|_, sum| !sum.is_zero());
        prop_assert_eq!(asked::money(&answer), by_tags);
        prop_assert_eq!(asked::stated(&answer), once);
        prop_assert_eq!(answer.rows().map(|row| row.charges()).sum::<u64>(), n_groups_of_rows);
        prop_assert_eq!(answer.n_charges, charges.len() as u64);
    }

    // [P09]
    #[test]
    fn the_total_is_what_an_adder_of_digits_says_and_reads_back(charges in charges(24)) {
        let bill = Bill::of(&charges);
        let answer = bill.answer(&ChargeQuery::total());
        let mut sums: std::collections::BTreeMap<&str, Big> = std::collections::BTreeMap::new();
        for charge in &charges {
            let cost = charge.effective_cost.unwrap_or(charge.billed_cost);
            sums.entry(&charge.billing_currency).or_default().add_decimal(cost);
        }
        let expected: Vec<(&str, String)> = sums.iter().map(|(c, sum)| (*c, sum.to_string())).collect();
        let rows: Vec<(String, String)> =
            answer.rows().map(|r| (r.currency().as_str().to_owned(), r.cost().to_string())).collect();
        let rows: Vec<(&str, String)> = rows.iter().map(|(c, sum)| (c.as_str(), sum.clone())).collect();
        prop_assert_eq!(rows, expected);
        for row in answer.rows() {
            let text = row.cost().to_string();
            // Sums may need more digits than a cell may have.
            if let Ok(back) = Amount::parse(text.as_bytes()) {
                prop_assert_eq!(ExactSum::from(back), row.cost());
                prop_assert_eq!(ExactSum::from(back).to_string(), text);
            }
        }
    }

    // [P15]
    #[test]
    fn a_filter_and_its_complement_share_the_bill_between_them(
        charges in charges(20),
        question in sound_question(),
        condition in a_condition(),
    ) {
        let bill = Bill::of(&charges);
        let query = with(&asked::query(&question), Vec::new());
        let complement = Condition { negated: !condition.negated, ..condition.clone() };
        let keep = bill.answer(&with(&query, vec![condition]));
        let drop = bill.answer(&with(&query, vec![complement]));
        let all = bill.answer(&query);
        prop_assert_eq!(asked::plus(asked::stated(&keep), &asked::stated(&drop)), asked::stated(&all));
        prop_assert_eq!(asked::plus(asked::money(&keep), &asked::money(&drop)), asked::money(&all));
        prop_assert_eq!(keep.n_charges + drop.n_charges, all.n_charges);
    }

    // [P15] f(A or B) = f(A) + f(B) - f(A and B), where "A or B" is "not (not A and not B)".
    #[test]
    fn filters_include_and_exclude(
        charges in charges(20),
        question in sound_question(),
        a in a_condition(),
        b in a_condition(),
    ) {
        let bill = Bill::of(&charges);
        let query = with(&asked::query(&question), Vec::new());
        let money = |conditions| bill.money(&with(&query, conditions));
        let not = |c: &Condition| Condition { negated: !c.negated, ..c.clone() };
        let neither = money(vec![not(&a), not(&b)]);
        let either = asked::plus(bill.money(&query), &asked::negated(&neither));
        let both = money(vec![a.clone(), b.clone()]);
        let sum = asked::plus(money(vec![a]), &money(vec![b]));
        prop_assert_eq!(either, asked::plus(sum, &asked::negated(&both)));
    }

    // [P15]
    #[test]
    fn filtering_before_grouping_is_filtering_the_groups(
        charges in charges(20),
        question in without_tag_id(),
        which in any::<prop::sample::Index>(),
        test in prop_oneof![id().prop_map(Test::Equals), "[a-c]".prop_map(Test::Prefix)],
        negated in any::<bool>(),
    ) {
        prop_assume!(!question.by.is_empty());
        let bill = Bill::of(&charges);
        let query = with(&asked::query(&question), Vec::new());
        let at = which.index(query.by.len());
        let condition = Condition { dimension: query.by[at].clone(), any_of: vec![test], negated };
        let before = asked::lines(&bill.answer(&with(&query, vec![condition.clone()])));
        let mut after = asked::lines(&bill.answer(&query));
        after.retain(|line| condition.holds(&line.keys[at]));
        prop_assert_eq!(before, after);
    }

    // [P15]
    #[test]
    fn a_filter_by_every_value_there_is_filters_nothing(charges in charges(20), question in without_tag_id()) {
        prop_assume!(!question.by.is_empty());
        let bill = Bill::of(&charges);
        let query = with(&asked::query(&question), Vec::new());
        let all = bill.answer(&query);
        prop_assume!(!all.is_empty());
        let values = all.keys[0].names.iter().map(|name| Test::Equals(name.to_string())).collect();
        let every = Condition { dimension: query.by[0].clone(), any_of: values, negated: false };
        prop_assert_eq!(asked::lines(&bill.answer(&with(&query, vec![every]))), asked::lines(&all));
    }

    // `--set project_id=tag:team`: the groups of the one are those of the other, and so are the filters.
    #[test]
    fn a_dimension_set_from_another_is_the_other(
        charges in charges(20),
        question in sound_question(),
        value in id(),
        from in prop::sample::select(vec!["tag:team", "user_id", "zone_id"]),
    ) {
        let bill = Bill::of(&charges);
        let asking = |name: &str| {
            let mut query = asked::query(&question);
            query.by = Dimension::parse_list(name).unwrap();
            query.filter = Filter::new([Condition::parse(&format!("{name}!=")).unwrap()]);
            query.filter.conditions[0].any_of.push(Test::Equals(value.clone()));
            query
        };
        let mut set = asking("project_id");
        set.set("project", &Dimension::parse(from).unwrap().source);
        prop_assert_eq!(asked::lines(&bill.answer(&set)), asked::lines(&bill.answer(&asking(from))));
    }

    // [P25]
    #[test]
    fn negating_every_amount_negates_every_sum(charges in charges(20), question in sound_question()) {
        let negative: Vec<Charge> = charges.iter().map(|c| each_cost(c, Decimal::negated)).collect();
        let query = asked::query(&question);
        let (plus, minus) = (Bill::of(&charges).answer(&query), Bill::of(&negative).answer(&query));
        prop_assert_eq!(plus.len(), minus.len());
        for (plus, minus) in plus.rows().zip(minus.rows()) {
            prop_assert!(plus.keys().eq(minus.keys()) && plus.period() == minus.period());
            prop_assert_eq!(plus.cost(), -minus.cost());
            prop_assert_eq!(plus.charges(), minus.charges());
        }
    }

    // [P25] Shares are rounded at 18 decimals, so only whole charges scale.
    #[test]
    fn a_bill_in_smaller_units_has_larger_sums(
        charges in narrow_charges(20),
        mut question in sound_question(),
        k in 1u8..=6,
    ) {
        question.allocate = Allocate::Start;
        let scaled = |d: Decimal| {
            let digits = if d.scale >= k { d.mantissa } else { d.mantissa * 10i128.pow(u32::from(k - d.scale)) };
            Decimal::new(digits, d.scale.saturating_sub(k))
        };
        let larger: Vec<Charge> = charges.iter().map(|c| each_cost(c, scaled)).collect();
        let query = asked::query(&question);
        let (small, large) = (Bill::of(&charges).answer(&query), Bill::of(&larger).answer(&query));
        prop_assert_eq!(small.len(), large.len());
        for (small, large) in small.rows().zip(large.rows()) {
            let mut sum = small.cost();
            for _ in 0..k {
                let one = sum;
                for _ in 0..9 {
                    sum.add(&one).unwrap();
                }
            }
            prop_assert_eq!(sum, large.cost());
        }
    }

    // [P25]
    #[test]
    fn rows_that_cost_nothing_change_no_sum(charges in charges(16), question in sound_question()) {
        let free = charges.iter().map(|c| each_cost(c, |_| Decimal::ZERO));
        let more: Vec<Charge> = charges.iter().cloned().chain(free).collect();
        let query = asked::query(&question);
        let (plain, padded) = (Bill::of(&charges).answer(&query), Bill::of(&more).answer(&query));
        prop_assert_eq!(plain.len(), padded.len());
        for (plain, padded) in plain.rows().zip(padded.rows()) {
            prop_assert_eq!(plain.cost(), padded.cost());
            prop_assert_eq!(plain.charges() * 2, padded.charges());
        }
    }

    // [P25] Rows are never taken for one another.
    #[test]
    fn a_bill_twice_under_another_account_doubles_every_sum(
        charges in charges(16),
        mut question in sound_question(),
    ) {
        question.by.retain(|name| name != "user_id");
        question.filters.retain(|filter| filter.dimension != "user_id");
        let twin = charges.iter().map(|c| Charge { sub_account_id: String::from("twin"), ..c.clone() });
        let more: Vec<Charge> = charges.iter().cloned().chain(twin).collect();
        let query = asked::query(&question);
        let single = Bill::of(&charges).answer(&query);
        let double = Bill::of(&more).answer(&query);
        prop_assert_eq!(single.len(), double.len());
        for (single, double) in single.rows().zip(double.rows()) {
            let mut sum = single.cost();
            sum.add(&single.cost()).unwrap();
            prop_assert_eq!(sum, double.cost());
            prop_assert_eq!(single.charges() * 2, double.charges());
        }
        prop_assert_eq!(single.n_charges * 2, double.n_charges);
    }
}

#[test]
fn a_currency_is_one_value_of_its_dimension_however_the_file_spells_it() {
    let rows = ["cny", "RMB", "CNY", "USD"]
        .map(|currency| format!("2024-03-01T00:00:00Z,2024-03-02T00:00:00Z,1,{currency},i-1"));
    let outcome = ask(&bill(&rows)).by("billing_currency").run().unwrap();
    let answer = outcome.answer.unwrap();
    let groups: Vec<(&str, String)> = answer.rows().map(|r| (r.key(0), r.cost().to_string())).collect();
    assert_eq!(groups, [("CNY", "3".to_owned()), ("USD", "1".to_owned())]);
}

#[test]
fn a_second_dimension_of_every_tag_is_refused() {
    let mut query = asking("tag_id,project_id", "total");
    query.set("project_id", &DimensionSource::TagId);
    ask(&bill(&[costing("1")]))
        .query(query)
        .fails("usage usage", &["tag_id", "project_id"]);
}
