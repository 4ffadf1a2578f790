//! Periods, windows, zones and shares of time.

use billfold_core::money::{Amount, ExactSum};
use billfold_core::query::{Allocation, ChargeQuery, Clock};
use billfold_core::time::{Calendar, Granularity, Month, Tz, Weekday, Window};
use billfold_testkit::naive::{Allocate, Line};
use billfold_testkit::strategies::{charges, question, time};
use billfold_testkit::{Charge, instant};
use proptest::prelude::*;
use proptest::sample::select;

use super::{Bill, sound_question};
use crate::asked::{self, Money};

const ZONES: [Tz; 10] = [
    Tz::UTC,
    Tz::Asia__Shanghai,
    Tz::America__New_York,
    Tz::Europe__Berlin,
    Tz::Asia__Kolkata,
    Tz::America__Sao_Paulo,
    Tz::Pacific__Apia,
    Tz::Australia__Lord_Howe,
    Tz::Asia__Kathmandu,
    Tz::Africa__Casablanca,
];

fn within(query: &ChargeQuery, start: Option<i64>, end: Option<i64>) -> ChargeQuery {
    ChargeQuery {
        window: Window::new(start, end).unwrap(),
        ..query.clone()
    }
}

fn every(query: &ChargeQuery, granularity: Granularity) -> ChargeQuery {
    ChargeQuery {
        granularity,
        ..query.clone()
    }
}

/// What finer periods of the same calendar add up to.
const REFINEMENTS: [(Granularity, Granularity); 8] = [
    (Granularity::Daily, Granularity::Weekly),
    (Granularity::Daily, Granularity::Monthly),
    (Granularity::Monthly, Granularity::Quarterly),
    (Granularity::Quarterly, Granularity::Yearly),
    (Granularity::Monthly, Granularity::Yearly),
    (Granularity::Yearly, Granularity::Total),
    (Granularity::Weekly, Granularity::Total),
    (Granularity::Daily, Granularity::Total),
];

proptest! {
    #![proptest_config(asked::cases(24))]

    // [P02, P05] Cuts stand at any instant, and at starts of charges, where an edge would be off by one.
    #[test]
    fn a_range_is_the_sum_of_its_parts_wherever_it_is_cut(
        charges in charges(16),
        question in sound_question(),
        mut cuts in prop::collection::vec(time(), 0..3),
        starts in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
    ) {
        let bill = Bill::of(&charges);
        if !charges.is_empty() {
            cuts.extend(starts.iter().map(|start| charges[start.index(charges.len())].charge_start));
        }
        cuts.sort_unstable();
        let query = asked::query(&question);
        // Cuts of the question's own window; the parts outside it are empty.
        let Window { start, end } = query.window;
        let inside = |cut: &i64| start.is_none_or(|s| s <= *cut) && end.is_none_or(|e| *cut <= e);
        let edges: Vec<Option<i64>> =
            [start].into_iter().chain(cuts.iter().copied().filter(inside).map(Some)).chain([end]).collect();
        let key = |line: &Line| (line.keys.clone(), line.period.clone());
        let whole = bill.answer(&query);
        let mut sum = std::collections::BTreeMap::new();
        let mut n_charges = 0;
        for edge in edges.windows(2) {
            let part = bill.answer(&within(&query, edge[0], edge[1]));
            n_charges += part.n_charges;
            for (group, cost) in asked::folded(&part, key) {
                sum.entry(group).or_insert(ExactSum::ZERO).add(&cost).unwrap();
            }
        }
        sum.retain(|_, cost| !cost.is_zero());
        prop_assert_eq!(sum, asked::folded(&whole, key), "{:?} {:?}", edges, question);
        if query.allocation == Allocation::Start {
            prop_assert_eq!(n_charges, whole.n_charges);
        }
    }

    // [P03]
    #[test]
    fn a_period_is_the_sum_of_the_finer_periods_inside_it(
        charges in charges(16),
        question in sound_question(),
        which in 0usize..REFINEMENTS.len(),
    ) {
        let bill = Bill::of(&charges);
        let query = asked::query(&question);
        let (fine, coarse) = REFINEMENTS[which];
        let calendar = every(&query, coarse).calendar();
        let fine = bill.answer(&every(&query, fine));
        let coarse = bill.answer(&every(&query, coarse));
        // A finer period belongs where it begins, and ends there as well.
        let home = |start: i64| calendar.label(calendar.ordinal(start));
        for period in &fine.periods {
            let (start, end) = (period.start.unwrap(), period.end.unwrap());
            prop_assert_eq!(home(start), home(end - 1));
        }
        let fine = asked::folded(&fine, |line| (line.keys.clone(), home(line.start)));
        let coarse = asked::folded(&coarse, |line| (line.keys.clone(), line.period.clone()));
        prop_assert_eq!(fine, coarse, "{:?}", question);
    }

    // [P03] Hours, too, where a charge is not cut into thousands.
    #[test]
    fn a_day_is_the_sum_of_its_hours(charges in charges(16), mut question in sound_question()) {
        question.allocate = Allocate::Start;
        let bill = Bill::of(&charges);
        let query = asked::query(&question);
        let days = every(&query, Granularity::Daily).calendar();
        let hours = asked::folded(&bill.answer(&every(&query, Granularity::Hourly)), |line| {
            (line.keys.clone(), days.label(days.ordinal(line.start)))
        });
        let days = asked::folded(&bill.answer(&every(&query, Granularity::Daily)), |line| {
            (line.keys.clone(), line.period.clone())
        });
        prop_assert_eq!(hours, days);
    }

    // [P05]
    #[test]
    fn every_charge_is_in_exactly_one_period(charges in charges(20), mut question in sound_question()) {
        question.by.clear();
        question.allocate = Allocate::Start;
        question.filters.clear();
        question.window = (None, None);
        let answer = Bill::of(&charges).answer(&asked::query(&question));
        prop_assert_eq!(answer.rows().map(|row| row.charges()).sum::<u64>(), charges.len() as u64);
    }

    // [P06]
    #[test]
    fn another_zone_moves_money_between_periods_and_makes_none(
        charges in charges(16),
        question in sound_question(),
        zones in (select(&ZONES[..]), select(&ZONES[..])),
        fiscal_start in 1u8..=12,
    ) {
        let bill = Bill::of(&charges);
        let here = ChargeQuery { zone: zones.0, ..asked::query(&question) };
        let there = ChargeQuery {
            zone: zones.1,
            week_start: Weekday::Sun,
            fiscal_start: Month::try_from(fiscal_start).unwrap(),
            ..here.clone()
        };
        let (here, there) = (bill.answer(&here), bill.answer(&there));
        let keys = |line: &Line| line.keys.clone();
        prop_assert_eq!(asked::folded(&here, keys), asked::folded(&there, keys));
        prop_assert_eq!(here.n_charges, there.n_charges);
    }

    // [P08]
    #[test]
    fn shares_of_a_fee_add_up_to_it_and_keep_its_sign(
        mut charges in charges(1),
        granularity in select(vec![
            Granularity::Daily, Granularity::Weekly, Granularity::Monthly, Granularity::Quarterly,
            Granularity::Yearly, Granularity::Total,
        ]),
        zone in select(&ZONES[..]),
        cut in time(),
    ) {
        prop_assume!(!charges.is_empty());
        let charge = charges.remove(0);
        let cost = charge.effective_cost.unwrap_or(charge.billed_cost);
        let cost = ExactSum::from(Amount::parse(cost.to_string().as_bytes()).unwrap());
        let length = charge.charge_end - charge.charge_start;
        let query = ChargeQuery { zone, granularity, allocation: Allocation::Prorate, ..ChargeQuery::total() };
        let bill = Bill::of(std::slice::from_ref(&charge));
        let answer = bill.answer(&query);
        let mut sum = ExactSum::ZERO;
        for row in answer.rows() {
            let share = row.cost();
            prop_assert!(share.is_zero() || (share > ExactSum::ZERO) == (cost > ExactSum::ZERO));
            sum.add(&share).unwrap();
        }
        prop_assert_eq!(sum, cost);
        prop_assert!(answer.len() == 1 || length > 0, "a charge of no length has one part");
        // Before and after any instant is all of it.
        let before: Money = bill.money(&within(&query, None, Some(cut)));
        let after: Money = bill.money(&within(&query, Some(cut), None));
        prop_assert_eq!(asked::plus(before, &after), asked::money(&answer));
    }

    // [P08] Allocation moves money between periods, never into or out of the bill.
    #[test]
    fn prorating_conserves_every_group_of_an_unbounded_window(charges in charges(16), question in question()) {
        let bill = Bill::of(&charges);
        let mut query = asked::query(&question);
        query.window = Window::ALL;
        query.clock = Clock::Charge;
        if query.granularity == Granularity::Hourly {
            query.granularity = Granularity::Daily;
        }
        let keys = |line: &Line| line.keys.clone();
        let of = |allocation| asked::folded(&bill.answer(&ChargeQuery { allocation, ..query.clone() }), keys);
        prop_assert_eq!(of(Allocation::Start), of(Allocation::Prorate));
    }
}

// [P07]
#[test]
fn edges_of_periods_join_and_cover_the_years_1970_to_2100_in_every_zone() {
    let years = |from, to| {
        Window::new(
            Some(instant(from, 1, 1, 0, 0, 0)),
            Some(instant(to, 1, 1, 0, 0, 0)),
        )
        .unwrap()
    };
    let check = |calendar: Calendar, window: Window| {
        let periods = calendar.periods_in(&window).unwrap();
        assert!(periods[0].start <= window.start && window.end <= periods[periods.len() - 1].end);
        assert!(periods.iter().all(|p| p.start < p.end), "{calendar:?}");
        for pair in periods.windows(2) {
            assert_eq!(pair[0].end, pair[1].start, "{calendar:?}");
        }
        let mut labels: Vec<&str> = periods.iter().map(|p| p.label.as_str()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(
            labels.len(),
            periods.len(),
            "two periods of one name: {calendar:?}"
        );
    };
    for zone in ZONES {
        for granularity in [
            Granularity::Weekly,
            Granularity::Monthly,
            Granularity::Quarterly,
            Granularity::Yearly,
        ] {
            check(Calendar::new(zone, granularity), years(1970, 2101));
        }
        check(Calendar::new(zone, Granularity::Daily), years(2005, 2026));
        check(Calendar::new(zone, Granularity::Hourly), years(2011, 2012));
        check(Calendar::new(zone, Granularity::Hourly), years(2024, 2025));
    }
}

#[test]
fn a_charge_on_midnight_belongs_to_the_new_day_of_each_zone() {
    // 2024-02-29T16:00Z is midnight in Shanghai.
    let charge = Charge {
        charge_start: instant(2024, 2, 29, 16, 0, 0),
        charge_end: instant(2024, 2, 29, 17, 0, 0),
        billing_start: instant(2024, 2, 1, 0, 0, 0),
        billing_end: instant(2024, 3, 1, 0, 0, 0),
        billing_currency: String::from("CNY"),
        billed_cost: billfold_testkit::Decimal::new(1, 0),
        ..Charge::default()
    };
    let bill = Bill::of(&[charge]);
    let label = |zone| {
        let query = ChargeQuery {
            zone,
            granularity: Granularity::Daily,
            ..ChargeQuery::total()
        };
        bill.answer(&query).row(0).period().label.clone()
    };
    assert_eq!(label(Tz::Asia__Shanghai), "2024-03-01");
    assert_eq!(label(Tz::UTC), "2024-02-29");
}
