//! Order, pages, `top` and empty periods: the same groups, shown in another way.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use billfold_core::engine::Answer;
use billfold_core::money::ExactSum;
use billfold_core::query::{ChargeQuery, Order, OrderBy};
use billfold_core::time::{Granularity, Window};
use billfold_testkit::naive::Line;
use billfold_testkit::strategies::{charges, time};
use proptest::prelude::*;
use proptest::sample::select;

use super::{Bill, sound_question};
use crate::asked;

fn order() -> impl Strategy<Value = Order> {
    let by = select(vec![
        OrderBy::Key,
        OrderBy::Cost,
        OrderBy::Charges,
        OrderBy::Period,
    ]);
    (by, any::<bool>()).prop_map(|(by, descending)| Order { by, descending })
}

/// The groups as plain values: whether it is "Others", the line, the cost.
fn groups(answer: &Answer) -> Vec<(bool, Line, ExactSum)> {
    let rows = answer.rows().zip(asked::lines(answer));
    rows.map(|(row, line)| (row.is_others(), line, row.cost()))
        .collect()
}

/// The order as it is documented, on plain values.
fn compared(order: Order, a: &(bool, Line, ExactSum), b: &(bool, Line, ExactSum)) -> Ordering {
    fn key(line: &Line) -> (&[String], i64, &str) {
        (&line.keys, line.start, &line.currency)
    }
    let turned = |o: Ordering| if order.descending { o.reverse() } else { o };
    let (_, line_a, cost_a) = a;
    let (_, line_b, cost_b) = b;
    let by_key = key(line_a).cmp(&key(line_b));
    // "Others" are last in any order.
    a.0.cmp(&b.0).then_with(|| match order.by {
        OrderBy::Key => turned(by_key),
        OrderBy::Cost => line_a
            .currency
            .cmp(&line_b.currency)
            .then_with(|| turned(cost_a.cmp(cost_b)))
            .then(by_key),
        OrderBy::Charges => turned(line_a.charges.cmp(&line_b.charges)).then(by_key),
        OrderBy::Period => turned(line_a.start.cmp(&line_b.start)).then(by_key),
    })
}

/// Without the window's bounds an answer would be padded over years.
fn narrow(query: &ChargeQuery, start: i64) -> ChargeQuery {
    let end = start + 40 * 86_400_000_000;
    ChargeQuery {
        window: Window::new(Some(start), Some(end)).unwrap(),
        ..query.clone()
    }
}

proptest! {
    #![proptest_config(asked::cases(24))]

    #[test]
    fn sorting_puts_the_same_groups_into_the_stated_order(
        charges in charges(24),
        question in sound_question(),
        order in order(),
        top in prop::option::of(1usize..4),
    ) {
        let bill = Bill::of(&charges);
        let top = top.filter(|_| !question.by.is_empty());
        let query = ChargeQuery { top, ..asked::query(&question) };
        let mut expected = groups(&bill.answer(&query));
        expected.sort_by(|a, b| compared(order, a, b));
        let sorted = groups(&bill.answer(&ChargeQuery { order, ..query }));
        prop_assert_eq!(sorted, expected, "{:?}", order);
    }

    // [P14]
    #[test]
    fn pages_put_together_are_the_whole_answer(
        charges in charges(24),
        question in sound_question(),
        order in order(),
        limit in 1usize..9,
        top in prop::option::of(1usize..4),
    ) {
        let bill = Bill::of(&charges);
        let top = top.filter(|_| !question.by.is_empty());
        let query = ChargeQuery { order, top, ..asked::query(&question) };
        let whole = bill.answer(&query);
        let mut pages = Vec::new();
        let mut offset = 0;
        loop {
            let page = bill.answer(&ChargeQuery { offset, limit: Some(limit), ..query.clone() });
            prop_assert_eq!(page.n_groups, whole.n_groups);
            prop_assert_eq!(&page.totals, &whole.totals);
            prop_assert_eq!(page.n_charges, whole.n_charges);
            prop_assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            pages.extend(groups(&page));
            // A step of less than a page would repeat, of more would leave a gap.
            offset += limit;
            // Beyond a few pages the law says nothing new.
            if offset > 8 * limit {
                let rest = bill.answer(&ChargeQuery { offset, limit: None, ..query.clone() });
                pages.extend(groups(&rest));
                break;
            }
        }
        prop_assert_eq!(pages, groups(&whole));
    }

    #[test]
    fn top_keeps_the_dearest_and_puts_the_others_together(
        charges in charges(24),
        question in sound_question(),
        top in 1usize..5,
    ) {
        prop_assume!(!question.by.is_empty());
        let bill = Bill::of(&charges);
        let query = asked::query(&question);
        let full = bill.answer(&query);
        let kept = bill.answer(&ChargeQuery { top: Some(top), ..query });
        prop_assert_eq!(&kept.totals, &full.totals);
        prop_assert_eq!(asked::money(&kept), asked::money(&full));
        prop_assert_eq!(asked::folded(&kept, |l| l.start), asked::folded(&full, |l| l.start));
        prop_assert_eq!(
            kept.rows().map(|r| r.charges()).sum::<u64>(),
            full.rows().map(|r| r.charges()).sum::<u64>()
        );

        let all = groups(&full);
        let (shown, others): (Vec<_>, Vec<_>) = groups(&kept).into_iter().partition(|(others, ..)| !others);
        prop_assert!(groups(&kept).is_sorted_by_key(|(others, ..)| *others), "Others are not last");
        // What is shown is what it was.
        prop_assert!(shown.iter().all(|group| all.contains(group)));
        let mut cost: BTreeMap<(&str, &[String]), ExactSum> = BTreeMap::new();
        for (_, line, sum) in &all {
            cost.entry((&line.currency, &line.keys)).or_insert(ExactSum::ZERO).add(sum).unwrap();
        }
        let shown: BTreeSet<(&str, &[String])> =
            shown.iter().map(|(_, line, _)| (line.currency.as_str(), line.keys.as_slice())).collect();
        let currencies: BTreeSet<&str> = cost.keys().map(|(currency, _)| *currency).collect();
        for currency in currencies {
            let of = |shown_ones: bool| {
                let shown = &shown;
                cost.iter().filter(move |(key, _)| key.0 == currency && shown.contains(key) == shown_ones)
            };
            let (n_shown, n_hidden) = (of(true).count(), of(false).count());
            prop_assert_eq!(n_shown, top.min(n_shown + n_hidden));
            if let (Some(least), Some(most)) = (of(true).map(|(_, c)| c).min(), of(false).map(|(_, c)| c).max()) {
                prop_assert!(least >= most);
            }
            let has_others = others.iter().any(|(_, line, _)| line.currency == currency);
            prop_assert_eq!(has_others, n_hidden > 0);
        }
        // One group of others per currency and period.
        let mut places: Vec<(&str, i64)> = others.iter().map(|(_, l, _)| (l.currency.as_str(), l.start)).collect();
        places.sort_unstable();
        places.dedup();
        prop_assert_eq!(places.len(), others.len());
    }

    #[test]
    fn fill_without_bounds_reaches_from_the_first_period_to_the_last(
        charges in charges(24),
        question in sound_question(),
        granularity in select(vec![Granularity::Monthly, Granularity::Quarterly, Granularity::Yearly]),
        bounds in (prop::option::of(time()), any::<bool>()),
    ) {
        let bill = Bill::of(&charges);
        // At most one bound, on either side.
        let window = if bounds.1 { Window::new(bounds.0, None) } else { Window::new(None, bounds.0) }.unwrap();
        let query = ChargeQuery { granularity, window, ..asked::query(&question) };
        let plain = bill.answer(&query);
        prop_assume!(!plain.is_empty());
        let filled = bill.answer(&ChargeQuery { fill: true, ..query.clone() });
        let kept: Vec<Line> = asked::lines(&filled).into_iter().filter(|line| line.charges > 0).collect();
        prop_assert_eq!(&kept, &asked::lines(&plain));
        let first = window.start.or(plain.periods.iter().filter_map(|p| p.start).min());
        let last = window.end.or(plain.periods.iter().filter_map(|p| p.end).max());
        let all = query.calendar().periods_in(&Window::new(first, last).unwrap()).unwrap().len();
        let tuples: BTreeSet<(Vec<String>, String)> = kept.into_iter().map(|l| (l.keys, l.currency)).collect();
        prop_assert_eq!(filled.len(), tuples.len() * all);
    }

    #[test]
    fn fill_adds_a_zero_for_every_missing_period_and_nothing_else(
        charges in charges(24),
        question in sound_question(),
        start in time(),
        granularity in select(vec![
            Granularity::Daily, Granularity::Weekly, Granularity::Monthly, Granularity::Quarterly, Granularity::Total,
        ]),
    ) {
        let bill = Bill::of(&charges);
        let query = ChargeQuery { granularity, ..narrow(&asked::query(&question), start) };
        let plain = bill.answer(&query);
        let filled = bill.answer(&ChargeQuery { fill: true, ..query.clone() });
        prop_assert_eq!(&filled.totals, &plain.totals);
        prop_assert_eq!(filled.n_charges, plain.n_charges);
        let (plain, filled) = (asked::lines(&plain), asked::lines(&filled));
        let kept: Vec<Line> = filled.iter().filter(|line| line.charges > 0).cloned().collect();
        prop_assert_eq!(&kept, &plain);
        prop_assert!(filled.iter().all(|line| line.charges > 0 || line.sum == "0"));
        let labels: Vec<String> =
            query.calendar().periods_in(&query.window).unwrap().into_iter().map(|p| p.label).collect();
        let mut periods: BTreeMap<(&[String], &str), Vec<&str>> = BTreeMap::new();
        for line in &filled {
            periods.entry((&line.keys, &line.currency)).or_default().push(&line.period);
        }
        for found in periods.values() {
            prop_assert_eq!(found, &labels);
        }
    }
}
