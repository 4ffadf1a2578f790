//! Random small bills and questions for property tests.
//!
//! Amounts come from the mix that breaks sums (zero, cents, 10⁻¹⁸, 10¹⁵, 38 digits, pairs that cancel),
//! times from the edges that break calendars, texts from those that break readers.

use proptest::prelude::*;
use proptest::sample::select;

use crate::bill::HOSTILE;
use crate::charge::{Category, Charge, DIMENSIONS, Frequency, Tag};
use crate::civil::{DAY, HOUR, SECOND, civil_from_days, instant, month_start};
use crate::decimal::Decimal;
use crate::naive::{Allocate, Calendar, Clock, Filter, Granularity, Metric, Question, Test, Tz, Weekday};

/// A text that few readers and writers get right, or a plain short one, or none.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-z]{1,3}(-[0-9]{1,2})?",
        2 => select(&HOSTILE[..]).prop_map(String::from),
        1 => Just(String::new()),
        1 => "0{1,3}[0-9]{1,6}",
    ]
}

/// A short id out of few, so that groups have several rows; sometimes hostile, sometimes empty.
pub fn id() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[a-c]{1,2}", 1 => text(), 1 => Just(String::new())]
}

/// An amount with up to `digits` significant digits and `scale` decimals.
fn amount_within(digits: u32, scale: u8) -> impl Strategy<Value = Decimal> {
    let most = 10i128.pow(digits) - 1;
    let cents = (-1_000_000i128..1_000_000).prop_map(|m| Decimal::new(m, 2));
    let tiny = (-9i128..10).prop_map(move |m| Decimal::new(m, scale.min(18)));
    let huge = (-9i128..10).prop_map(move |m| Decimal::new(m * 10i128.pow(digits.min(17) - 2), 0));
    let any = (-most..=most, 0..=scale).prop_map(|(m, s)| Decimal::new(m, s));
    prop_oneof![1 => Just(Decimal::ZERO), 4 => cents, 2 => tiny, 1 => huge, 2 => any]
}

/// Any amount that a file may hold: up to 38 digits and 38 decimals.
pub fn amount() -> impl Strategy<Value = Decimal> {
    amount_within(38, 38)
}

/// An amount that fits decimal128(38, 18).
pub fn narrow_amount() -> impl Strategy<Value = Decimal> {
    amount_within(20, 18)
}

/// Where calendars break: month, year and leap-day edges, clock changes, in several zones.
fn edge() -> impl Strategy<Value = i64> {
    select(vec![
        instant(2023, 12, 31, 16, 0, 0),
        instant(2024, 1, 1, 0, 0, 0),
        instant(2024, 2, 29, 0, 0, 0),
        instant(2024, 3, 1, 0, 0, 0),
        instant(2024, 2, 29, 16, 0, 0),
        instant(2024, 3, 10, 7, 0, 0),
        instant(2024, 11, 3, 6, 0, 0),
        instant(2024, 3, 31, 1, 0, 0),
        instant(2024, 10, 27, 1, 0, 0),
        instant(2018, 11, 4, 3, 0, 0),
        instant(2011, 12, 30, 10, 0, 0),
        instant(2023, 2, 28, 23, 0, 0),
    ])
}

/// An instant near an edge, to the second or to the microsecond.
pub fn time() -> impl Strategy<Value = i64> {
    let near = (edge(), -48i64..48).prop_map(|(e, hours)| e + hours * HOUR);
    let odd = (edge(), -DAY..DAY).prop_map(|(e, micros)| e + micros);
    let seconds = (edge(), -200_000i64..200_000).prop_map(|(e, s)| e + s * SECOND);
    prop_oneof![2 => edge(), 5 => near, 2 => seconds, 1 => odd]
}

fn length() -> impl Strategy<Value = i64> {
    prop_oneof![
        5 => Just(HOUR),
        2 => Just(DAY),
        1 => Just(0),
        1 => 1..3 * DAY,
        1 => (28i64..32).prop_map(|d| d * DAY),
        1 => (365i64..367).prop_map(|d| d * DAY),
    ]
}

fn tags() -> impl Strategy<Value = Vec<Tag>> {
    let key = prop_oneof![6 => select(vec!["team", "env", "Env", "cost center", "k8s:ns"]).prop_map(String::from), 1 => "[a-z]{1,4}"];
    let value = prop_oneof![4 => "[a-c]".prop_map(Some), 1 => text().prop_map(Some), 1 => Just(None)];
    proptest::collection::btree_map(key, value, 0..=5)
        .prop_map(|tags| tags.into_iter().map(|(key, value)| Tag { key, value }).collect())
}

fn category() -> impl Strategy<Value = Category> {
    use Category::{Adjustment, Credit, Purchase, Tax, Usage};
    select(vec![
        Usage, Usage, Usage, Usage, Purchase, Tax, Credit, Adjustment,
    ])
}

fn charge(amount: impl Strategy<Value = Decimal> + Clone + 'static) -> impl Strategy<Value = Charge> {
    let other = || proptest::option::weighted(0.8, amount.clone());
    let costs = (amount.clone(), other(), other(), other());
    let times = (time(), length(), 0i64..3);
    let ids = (id(), id(), id(), id(), id(), id());
    let names = (text(), id(), id(), text());
    let rest = (
        select(vec!["CNY", "USD", "JPY", "EUR"]),
        category(),
        tags(),
        any::<bool>(),
    );
    (costs, times, ids, names, rest).prop_map(|(costs, times, ids, names, rest)| {
        let (charge_start, length, late) = times;
        let (year, month, _) = civil_from_days(charge_start.div_euclid(DAY));
        Charge {
            provider_name: String::from("AWS"),
            invoice_issuer: String::from("Amazon Web Services, Inc."),
            billing_account_id: ids.0,
            sub_account_id: ids.1,
            project_id: ids.2,
            zone_id: ids.3,
            region_id: ids.4,
            resource_id: ids.5,
            resource_name: names.0,
            resource_type: names.1,
            service_code: names.2.clone(),
            service_name: names.2,
            description: names.3,
            billing_currency: String::from(rest.0),
            category: rest.1,
            frequency: Frequency::UsageBased,
            correction: late > 0 && rest.3,
            tags: rest.2,
            billed_cost: costs.0,
            effective_cost: costs.1,
            list_cost: costs.2,
            contracted_cost: costs.3,
            charge_start,
            charge_end: charge_start + length,
            billing_start: month_start(year, month, late),
            billing_end: month_start(year, month, late + 1),
            ..Charge::default()
        }
    })
}

/// Some rows are the exact opposite of the row before them: sums must come back to zero.
fn with_opposites(rows: Vec<(Charge, u8)>) -> Vec<Charge> {
    let mut charges: Vec<Charge> = Vec::with_capacity(rows.len());
    for (charge, draw) in rows {
        match charges.last() {
            Some(last) if draw == 0 => {
                let mut opposite = last.clone();
                opposite.billed_cost = opposite.billed_cost.negated();
                for cost in [
                    &mut opposite.effective_cost,
                    &mut opposite.list_cost,
                    &mut opposite.contracted_cost,
                ] {
                    *cost = cost.map(Decimal::negated);
                }
                charges.push(opposite);
            }
            _ => charges.push(charge),
        }
    }
    charges
}

/// Bills of 0 to `max_rows` rows with any amounts: for text carriers and for the fold.
pub fn charges(max_rows: usize) -> impl Strategy<Value = Vec<Charge>> {
    proptest::collection::vec((charge(amount().boxed()), 0u8..8), 0..=max_rows).prop_map(with_opposites)
}

/// Bills whose amounts fit decimal128(38, 18): for every carrier.
pub fn narrow_charges(max_rows: usize) -> impl Strategy<Value = Vec<Charge>> {
    proptest::collection::vec((charge(narrow_amount().boxed()), 0u8..8), 0..=max_rows)
        .prop_map(with_opposites)
}

/// A dimension by name, tags included.
pub fn dimension() -> impl Strategy<Value = String> {
    let tag = select(vec![
        "tag_id",
        "tag:team",
        "tag:Env",
        "tag:cost center",
        "tag:none",
    ]);
    prop_oneof![3 => select(&DIMENSIONS[..]).prop_map(String::from), 1 => tag.prop_map(String::from)]
}

fn filter() -> impl Strategy<Value = Filter> {
    let test = prop_oneof![
        id().prop_map(Test::Equals),
        id().prop_map(Test::Not),
        proptest::collection::vec(id(), 0..4).prop_map(Test::In),
        "[a-c]".prop_map(Test::Contains),
        "[a-c]".prop_map(Test::Prefix),
        Just(Test::Absent),
    ];
    (dimension(), test).prop_map(|(dimension, test)| Filter { dimension, test })
}

fn calendar() -> impl Strategy<Value = Calendar> {
    let zones = vec![
        Tz::UTC,
        Tz::Asia__Shanghai,
        Tz::America__New_York,
        Tz::Europe__Berlin,
        Tz::Asia__Kolkata,
        Tz::America__Sao_Paulo,
        Tz::Pacific__Apia,
        Tz::Australia__Lord_Howe,
    ];
    let weeks = vec![Weekday::Mon, Weekday::Sun, Weekday::Sat];
    (
        select(zones),
        select(weeks),
        prop_oneof![3 => Just(1u32), 1 => 2u32..=12],
    )
        .prop_map(|(zone, week_start, fiscal_start)| Calendar {
            zone,
            week_start,
            fiscal_start,
        })
}

fn window() -> impl Strategy<Value = (Option<i64>, Option<i64>)> {
    (proptest::option::of(time()), proptest::option::of(time())).prop_map(|window| match window {
        (Some(a), Some(b)) => (Some(a.min(b)), Some(a.max(b))),
        open => open,
    })
}

/// Any question. Hours are asked for without proration, which would cut a year into thousands.
pub fn question() -> impl Strategy<Value = Question> {
    let by = proptest::collection::btree_set(dimension(), 0..=3);
    let time = (select(&Granularity::ALL[..]), calendar(), window());
    let what = (
        select(vec![Clock::Charge, Clock::Charge, Clock::Billing]),
        select(vec![
            Metric::Effective,
            Metric::Billed,
            Metric::List,
            Metric::Contracted,
        ]),
        select(vec![Allocate::Start, Allocate::Prorate]),
        proptest::collection::vec(filter(), 0..=1),
    );
    (by, time, what).prop_map(
        |(by, (granularity, calendar, window), (clock, metric, allocate, filters))| Question {
            by: by.into_iter().collect(),
            granularity,
            calendar,
            window,
            clock,
            metric,
            allocate: if granularity == Granularity::Hourly {
                Allocate::Start
            } else {
                allocate
            },
            filters,
        },
    )
}
