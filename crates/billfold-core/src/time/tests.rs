//! Laws that hold between the parts of this module, over all zones of the database.

use chrono_tz::TZ_VARIANTS;
use proptest::prelude::*;

use super::civil::days_from_civil;
use super::*;

const SECOND: i64 = MICROS_PER_SECOND;
const HOUR: i64 = 3600 * SECOND;

fn instant(text: &str) -> i64 {
    parse_instant(text.as_bytes(), &TimeRules::default()).unwrap()
}

fn calendar(zone: Tz, granularity: Granularity) -> Calendar {
    Calendar::new(zone, granularity)
}

fn period_of(calendar: Calendar, text: &str) -> Period {
    calendar.period(calendar.ordinal(instant(text)))
}

/// The period of an instant, as `label start end`, bounds to the minute in UTC.
#[track_caller]
fn check(calendar: Calendar, text: &str, expected: &str) {
    let period = period_of(calendar, text);
    let bound = |bound: Option<i64>| {
        format_instant(bound.unwrap())
            .strip_suffix(":00Z")
            .map_or_else(|| "odd".to_owned(), str::to_owned)
    };
    let got = format!("{} {} {}", period.label, bound(period.start), bound(period.end));
    assert_eq!(got, expected, "{text} in {calendar:?}");
}

#[test]
fn an_instant_belongs_to_its_local_period() {
    let shanghai = Tz::Asia__Shanghai;
    let at = "2024-02-29T16:00:00Z";
    for (granularity, expected) in [
        (
            Granularity::Hourly,
            "2024-03-01T00:00+08:00 2024-02-29T16:00 2024-02-29T17:00",
        ),
        (Granularity::Daily, "2024-03-01 2024-02-29T16:00 2024-03-01T16:00"),
        (
            Granularity::Weekly,
            "2024-02-26 2024-02-25T16:00 2024-03-03T16:00",
        ),
        (Granularity::Monthly, "2024-03 2024-02-29T16:00 2024-03-31T16:00"),
        (
            Granularity::Quarterly,
            "2024-Q1 2023-12-31T16:00 2024-03-31T16:00",
        ),
        (Granularity::Yearly, "2024 2023-12-31T16:00 2024-12-31T16:00"),
    ] {
        check(calendar(shanghai, granularity), at, expected);
    }
    check(
        calendar(shanghai, Granularity::Monthly),
        "2024-02-29T15:59:59.999999Z",
        "2024-02 2024-01-31T16:00 2024-02-29T16:00",
    );
    check(
        calendar(Tz::UTC, Granularity::Hourly),
        "2024-03-01T13:59:59Z",
        "2024-03-01T13:00Z 2024-03-01T13:00 2024-03-01T14:00",
    );
    let total = Period {
        start: None,
        end: None,
        label: "total".to_owned(),
    };
    assert_eq!(period_of(calendar(shanghai, Granularity::Total), at), total);
}

#[test]
fn ordinals_count_from_the_period_of_1970() {
    for granularity in Granularity::ALL {
        assert_eq!(calendar(Tz::UTC, granularity).ordinal(0), 0, "{granularity}");
    }
    assert_eq!(calendar(Tz::UTC, Granularity::Daily).ordinal(-1), -1);
    assert_eq!(calendar(Tz::UTC, Granularity::Yearly).ordinal(-1), -1);
    assert_eq!(
        calendar(Tz::UTC, Granularity::Monthly).ordinal(instant("2024-03-01")),
        54 * 12 + 2
    );
    assert_eq!(
        calendar(Tz::UTC, Granularity::Hourly).ordinal(instant("1970-01-01T02:59:00Z")),
        8
    );
}

#[test]
fn a_day_lasts_from_local_midnight_to_local_midnight() {
    let new_york = calendar(Tz::America__New_York, Granularity::Daily);
    check(
        new_york,
        "2024-03-10T12:00:00Z",
        "2024-03-10 2024-03-10T05:00 2024-03-11T04:00",
    ); // 23 hours
    check(
        new_york,
        "2024-11-03T12:00:00Z",
        "2024-11-03 2024-11-03T04:00 2024-11-04T05:00",
    ); // 25 hours
    let lord_howe = calendar(Tz::Australia__Lord_Howe, Granularity::Daily);
    check(
        lord_howe,
        "2024-04-06T20:00:00Z",
        "2024-04-07 2024-04-06T13:00 2024-04-07T13:30",
    ); // 24.5 hours
}

#[test]
fn a_day_whose_midnight_was_skipped_begins_after_it() {
    let sao_paulo = calendar(Tz::America__Sao_Paulo, Granularity::Daily);
    check(
        sao_paulo,
        "2018-11-04T02:59:59Z",
        "2018-11-03 2018-11-03T03:00 2018-11-04T03:00",
    );
    check(
        sao_paulo,
        "2018-11-04T03:00:00Z",
        "2018-11-04 2018-11-04T03:00 2018-11-05T02:00",
    );
    let beirut = calendar(Tz::Asia__Beirut, Granularity::Daily);
    check(
        beirut,
        "2024-03-30T22:00:00Z",
        "2024-03-31 2024-03-30T22:00 2024-03-31T21:00",
    );
    check(
        beirut,
        "2024-03-30T21:59:59Z",
        "2024-03-30 2024-03-29T22:00 2024-03-30T22:00",
    );
}

#[test]
fn a_day_begins_once_where_clocks_go_back_over_midnight() {
    // 00:00 became 23:00 of the day before, so that midnight came twice.
    let beirut = calendar(Tz::Asia__Beirut, Granularity::Daily);
    check(
        beirut,
        "2024-10-26T20:30:00Z",
        "2024-10-26 2024-10-25T21:00 2024-10-26T22:00",
    );
    check(
        beirut,
        "2024-10-26T21:30:00Z",
        "2024-10-26 2024-10-25T21:00 2024-10-26T22:00",
    );
    // 01:00 became 00:00.
    let havana = calendar(Tz::America__Havana, Granularity::Daily);
    check(
        havana,
        "2024-11-03T05:30:00Z",
        "2024-11-03 2024-11-03T04:00 2024-11-04T05:00",
    );
    // 00:01 became 23:01: the new day had begun, and has.
    let st_johns = calendar(Tz::America__St_Johns, Granularity::Daily);
    check(
        st_johns,
        "2010-11-07T02:30:30Z",
        "2010-11-07 2010-11-07T02:30 2010-11-08T03:30",
    );
    check(
        st_johns,
        "2010-11-07T02:31:00Z",
        "2010-11-07 2010-11-07T02:30 2010-11-08T03:30",
    );
}

#[test]
fn a_date_that_the_zone_skipped_is_not_among_the_days() {
    let apia = calendar(Tz::Pacific__Apia, Granularity::Daily);
    let window = Window::new(
        Some(instant("2011-12-29T10:00:00Z")),
        Some(instant("2011-12-31T10:00:00Z")),
    )
    .unwrap();
    let labels: Vec<String> = apia
        .periods_in(&window)
        .unwrap()
        .into_iter()
        .map(|period| period.label)
        .collect();
    assert_eq!(labels, ["2011-12-29", "2011-12-31"]);
    let skipped = apia.bounds(days_from_civil(2011, 12, 30));
    assert!(skipped.is_empty());
}

#[test]
fn an_hour_that_clocks_repeat_is_two_hours() {
    let new_york = calendar(Tz::America__New_York, Granularity::Hourly);
    check(
        new_york,
        "2024-11-03T05:30:00Z",
        "2024-11-03T01:00-04:00 2024-11-03T05:00 2024-11-03T06:00",
    );
    check(
        new_york,
        "2024-11-03T06:30:00Z",
        "2024-11-03T01:00-05:00 2024-11-03T06:00 2024-11-03T07:00",
    );
    check(
        new_york,
        "2024-03-10T07:00:00Z",
        "2024-03-10T03:00-04:00 2024-03-10T07:00 2024-03-10T08:00",
    );
    check(
        calendar(Tz::Asia__Kolkata, Granularity::Hourly),
        "2024-03-01T00:00:00Z",
        "2024-03-01T05:00+05:30 2024-02-29T23:30 2024-03-01T00:30",
    );
    // Half an hour back: 02:00 became 01:30.
    let lord_howe = calendar(Tz::Australia__Lord_Howe, Granularity::Hourly);
    check(
        lord_howe,
        "2024-04-06T14:30:00Z",
        "2024-04-07T01:00+11:00 2024-04-06T14:00 2024-04-06T15:00",
    );
    check(
        lord_howe,
        "2024-04-06T15:00:00Z",
        "2024-04-07T01:30+10:30 2024-04-06T15:00 2024-04-06T15:30",
    );
    check(
        lord_howe,
        "2024-04-06T15:30:00Z",
        "2024-04-07T02:00+10:30 2024-04-06T15:30 2024-04-06T16:30",
    );
    // 00:01 became 23:01: the minute is not an hour of its own.
    let st_johns = calendar(Tz::America__St_Johns, Granularity::Hourly);
    check(
        st_johns,
        "2010-11-07T02:30:30Z",
        "2010-11-07T00:00-02:30 2010-11-07T02:30 2010-11-07T03:30",
    );
    check(
        st_johns,
        "2010-11-07T02:31:00Z",
        "2010-11-07T00:00-02:30 2010-11-07T02:30 2010-11-07T03:30",
    );
}

#[test]
fn weeks_begin_on_the_day_that_was_asked_for() {
    let sunday = Calendar {
        week_start: Weekday::Sun,
        ..calendar(Tz::UTC, Granularity::Weekly)
    };
    check(
        sunday,
        "2024-03-02",
        "2024-02-25 2024-02-25T00:00 2024-03-03T00:00",
    );
    check(
        sunday,
        "2024-03-03",
        "2024-03-03 2024-03-03T00:00 2024-03-10T00:00",
    );
    let saturday = Calendar {
        week_start: Weekday::Sat,
        ..sunday
    };
    check(
        saturday,
        "2024-03-01",
        "2024-02-24 2024-02-24T00:00 2024-03-02T00:00",
    );
}

#[test]
fn a_week_is_named_by_its_monday_also_at_the_year_end() {
    // Date, Monday of its ISO week, and the week; computed with the `isocalendar` of Python.
    let golden = "
        1999-12-29 1999-12-27 1999-W52
        2000-01-01 1999-12-27 1999-W52
        2000-01-03 2000-01-03 2000-W01
        2000-12-31 2000-12-25 2000-W52
        2001-01-01 2001-01-01 2001-W01
        2001-01-03 2001-01-01 2001-W01
        2004-12-31 2004-12-27 2004-W53
        2005-01-01 2004-12-27 2004-W53
        2005-01-03 2005-01-03 2005-W01
        2005-12-29 2005-12-26 2005-W52
        2006-01-01 2005-12-26 2005-W52
        2006-01-03 2006-01-02 2006-W01
        2008-12-31 2008-12-29 2009-W01
        2009-01-01 2008-12-29 2009-W01
        2009-01-03 2008-12-29 2009-W01
        2009-12-29 2009-12-28 2009-W53
        2010-01-01 2009-12-28 2009-W53
        2010-01-03 2009-12-28 2009-W53
        2010-12-31 2010-12-27 2010-W52
        2011-01-01 2010-12-27 2010-W52
        2011-01-03 2011-01-03 2011-W01
        2012-12-31 2012-12-31 2013-W01
        2013-01-01 2012-12-31 2013-W01
        2013-01-03 2012-12-31 2013-W01
        2015-12-29 2015-12-28 2015-W53
        2016-01-01 2015-12-28 2015-W53
        2016-01-03 2015-12-28 2015-W53
        2016-12-31 2016-12-26 2016-W52
        2017-01-01 2016-12-26 2016-W52
        2017-01-03 2017-01-02 2017-W01
        2018-12-31 2018-12-31 2019-W01
        2019-01-01 2018-12-31 2019-W01
        2019-01-03 2018-12-31 2019-W01
        2019-12-29 2019-12-23 2019-W52
        2020-01-01 2019-12-30 2020-W01
        2020-01-03 2019-12-30 2020-W01
        2020-12-31 2020-12-28 2020-W53
        2021-01-01 2020-12-28 2020-W53
        2021-01-03 2020-12-28 2020-W53
        2021-01-04 2021-01-04 2021-W01
        2021-12-29 2021-12-27 2021-W52
        2022-01-01 2021-12-27 2021-W52
        2022-01-03 2022-01-03 2022-W01
        2022-12-31 2022-12-26 2022-W52
        2023-01-01 2022-12-26 2022-W52
        2023-01-03 2023-01-02 2023-W01
        2023-12-29 2023-12-25 2023-W52
        2024-01-01 2024-01-01 2024-W01
        2024-01-03 2024-01-01 2024-W01
        2024-02-29 2024-02-26 2024-W09
        2024-12-29 2024-12-23 2024-W52
        2024-12-30 2024-12-30 2025-W01
        2024-12-31 2024-12-30 2025-W01
        2025-01-01 2024-12-30 2025-W01
        2025-01-03 2024-12-30 2025-W01
        2025-12-29 2025-12-29 2026-W01
        2026-01-01 2025-12-29 2026-W01
        2026-01-03 2025-12-29 2026-W01
        2026-12-31 2026-12-28 2026-W53
        2027-01-01 2026-12-28 2026-W53
        2027-01-03 2026-12-28 2026-W53
        2027-12-29 2027-12-27 2027-W52
        2028-01-01 2027-12-27 2027-W52
        2028-01-03 2028-01-03 2028-W01
    ";
    let weekly = calendar(Tz::UTC, Granularity::Weekly);
    let mut n_dates = 0;
    for line in golden.trim().lines() {
        let [date, monday, week] = line.split_whitespace().collect::<Vec<_>>().try_into().unwrap();
        let period = period_of(weekly, date);
        assert_eq!(period.label, monday, "{date}");
        assert_eq!(
            parse_period(week, weekly).unwrap(),
            period.window(),
            "{date} in {week}"
        );
        n_dates += 1;
    }
    assert!(n_dates >= 40);
}

#[test]
fn quarters_and_years_are_named_by_the_year_the_fiscal_year_begins_in() {
    let quarterly = |fiscal_start| Calendar {
        fiscal_start,
        ..calendar(Tz::UTC, Granularity::Quarterly)
    };
    let yearly = |fiscal_start| Calendar {
        fiscal_start,
        ..calendar(Tz::UTC, Granularity::Yearly)
    };
    check(
        quarterly(Month::April),
        "2024-04-01",
        "2024-Q1 2024-04-01T00:00 2024-07-01T00:00",
    );
    check(
        quarterly(Month::April),
        "2025-03-31",
        "2024-Q4 2025-01-01T00:00 2025-04-01T00:00",
    );
    check(
        quarterly(Month::October),
        "2024-01-15",
        "2023-Q2 2024-01-01T00:00 2024-04-01T00:00",
    );
    check(
        quarterly(Month::February),
        "2024-01-31",
        "2023-Q4 2023-11-01T00:00 2024-02-01T00:00",
    );
    check(
        yearly(Month::April),
        "2024-03-31",
        "2023 2023-04-01T00:00 2024-04-01T00:00",
    );
    check(
        yearly(Month::July),
        "2024-07-01",
        "2024 2024-07-01T00:00 2025-07-01T00:00",
    );
    check(
        yearly(Month::January),
        "1969-12-31",
        "1969 1969-01-01T00:00 1970-01-01T00:00",
    );
    // A label names its period again.
    for month in 1..=12_u8 {
        let fiscal_start = Month::try_from(month).unwrap();
        for date in [
            "2023-12-31",
            "2024-01-01",
            "2024-02-29",
            "2024-06-30",
            "2024-10-01",
        ] {
            for calendar in [quarterly(fiscal_start), yearly(fiscal_start)] {
                let period = period_of(calendar, date);
                assert_eq!(parse_period(&period.label, calendar).unwrap(), period.window());
            }
        }
    }
}

#[test]
fn the_periods_of_a_window_are_those_that_share_an_instant_with_it() {
    let monthly = calendar(Tz::Asia__Shanghai, Granularity::Monthly);
    let labels = |start: &str, end: &str| -> Vec<String> {
        let window = Window::new(Some(instant(start)), Some(instant(end))).unwrap();
        monthly
            .periods_in(&window)
            .unwrap()
            .into_iter()
            .map(|period| period.label)
            .collect()
    };
    assert_eq!(
        labels("2023-12-31T16:00:00Z", "2024-02-29T16:00:00Z"),
        ["2024-01", "2024-02"]
    );
    assert_eq!(
        labels("2023-12-31T15:59:59Z", "2024-02-29T16:00:00.000001Z"),
        ["2023-12", "2024-01", "2024-02", "2024-03"]
    );
    assert!(labels("2024-02-29T16:00:00Z", "2024-02-29T16:00:00Z").is_empty());

    let day = Window::new(
        Some(instant("2024-11-03T04:00:00Z")),
        Some(instant("2024-11-04T05:00:00Z")),
    )
    .unwrap();
    assert_eq!(
        calendar(Tz::America__New_York, Granularity::Hourly)
            .periods_in(&day)
            .unwrap()
            .len(),
        25
    );
    assert!(monthly.periods_in(&Window::ALL).is_err());
    assert!(
        calendar(Tz::UTC, Granularity::Hourly)
            .periods_in(&Window {
                start: Some(MIN_INSTANT),
                end: Some(MAX_INSTANT)
            })
            .is_err()
    );
    let total = calendar(Tz::UTC, Granularity::Total).periods_in(&day).unwrap();
    assert_eq!(total.len(), 1);
    assert_eq!(total[0].clone().clipped(&day).window(), day);
}

#[test]
fn the_days_of_every_zone_are_in_order_and_cover_the_years_2020_to_2030() {
    for &zone in &TZ_VARIANTS {
        let daily = calendar(zone, Granularity::Daily);
        let (first, last) = (days_from_civil(2020, 1, 1), days_from_civil(2031, 1, 1));
        let mut edge = daily.day_start(first);
        for day in first..last {
            let next = daily.day_start(day + 1);
            assert!(edge < next, "{zone}: day {day}");
            // Casey in Antarctica moves its clocks by three hours.
            assert!(
                (21 * HOUR..=27 * HOUR).contains(&(next - edge)),
                "{zone}: day {day}"
            );
            // The first and the last instant of a day belong to it.
            if day % 16 == 0 || next - edge != 24 * HOUR {
                assert_eq!(
                    (daily.ordinal(edge), daily.ordinal(next - 1)),
                    (day, day),
                    "{zone}"
                );
            }
            edge = next;
        }
    }
}

#[test]
fn the_hours_of_every_zone_follow_each_other_without_a_gap() {
    for &zone in &TZ_VARIANTS {
        let hourly = calendar(zone, Granularity::Hourly);
        // Years with changes of clocks at midnight, at odd minutes, and over the date line.
        for (from, to) in [
            ("2010-10-25", "2010-11-15"),
            ("2011-12-28", "2012-01-01"),
            ("2024-03-29", "2024-04-08"),
        ] {
            let mut edge = hourly.bounds(hourly.ordinal(instant(from))).start.unwrap();
            while edge < instant(to) {
                let ordinal = hourly.ordinal(edge);
                let hour = hourly.bounds(ordinal);
                assert_eq!(hour.start, Some(edge), "{zone}");
                let end = hour.end.unwrap();
                assert!(
                    edge < end && end - edge <= HOUR,
                    "{zone}: {}",
                    format_instant(edge)
                );
                assert_eq!(hourly.ordinal(end - 1), ordinal, "{zone}");
                edge = end;
            }
        }
    }
}

#[test]
fn no_instant_and_no_ordinal_is_too_far() {
    let far = [
        i64::MIN,
        i64::MIN + 1,
        MIN_INSTANT - 1,
        MIN_INSTANT,
        -1,
        0,
        MAX_INSTANT,
        MAX_INSTANT + 1,
        i64::MAX,
    ];
    for zone in [
        Tz::UTC,
        Tz::Asia__Shanghai,
        Tz::America__New_York,
        Tz::Pacific__Kiritimati,
    ] {
        for granularity in Granularity::ALL {
            let calendar = calendar(zone, granularity);
            let mut lookup = PeriodLookup::new(calendar);
            for instant in far {
                let ordinal = calendar.ordinal(instant);
                assert!(ordinal.abs() < 300_000_000, "{ordinal}");
                assert!(!calendar.period(ordinal).label.is_empty());
                assert_eq!(i64::from(lookup.ordinal(instant)), ordinal);
                assert!(!calendar.period(instant).label.is_empty());
            }
        }
    }
}

#[test]
fn a_lookup_beyond_its_pages_still_answers_as_the_calendar() {
    let monthly = calendar(Tz::Europe__Berlin, Granularity::Monthly);
    let mut lookup = PeriodLookup::new(monthly);
    // A row in every month of 200 years needs more pages than are kept.
    let instants: Vec<i64> = (0..200 * 12).map(|month| month * 30 * MICROS_PER_DAY).collect();
    for _ in 0..2 {
        for &instant in &instants {
            assert_eq!(i64::from(lookup.ordinal(instant)), monthly.ordinal(instant));
        }
    }
}

/// Instants around everything that can go wrong: near a change of clocks, a day's edge, or anywhere.
fn instants() -> impl Strategy<Value = i64> {
    let (from, to) = (instant("1970-01-01"), instant("2100-01-01"));
    prop_oneof![
        from..to,
        // Quarter hours and their neighbours.
        (from / (900 * SECOND)..to / (900 * SECOND), -2..=2_i64)
            .prop_map(|(quarter, micros)| quarter * 900 * SECOND + micros),
        // Before standard time, with offsets of odd seconds.
        instant("1850-01-01")..from,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_lookup_answers_as_its_calendar(
        zone_idx in 0..TZ_VARIANTS.len(),
        granularity_idx in 0..Granularity::ALL.len(),
        week_start in 0..7_u8,
        fiscal_start in 1..=12_u8,
        instants in prop::collection::vec(instants(), 1..20),
    ) {
        let calendar = Calendar {
            zone: TZ_VARIANTS[zone_idx],
            granularity: Granularity::ALL[granularity_idx],
            week_start: Weekday::try_from(week_start).unwrap(),
            fiscal_start: Month::try_from(fiscal_start).unwrap(),
        };
        let mut lookup = PeriodLookup::new(calendar);
        // Twice: while the pages are filled, and from the pages.
        for _ in 0..2 {
            for &instant in &instants {
                prop_assert_eq!(i64::from(lookup.ordinal(instant)), calendar.ordinal(instant));
            }
        }
    }

    #[test]
    fn numbers_of_periods_are_the_same_for_the_same_period_only(
        zone_idx in 0..TZ_VARIANTS.len(),
        granularity_idx in 0..Granularity::ALL.len(),
        instants in prop::collection::vec(instants(), 1..30),
    ) {
        let calendar = calendar(TZ_VARIANTS[zone_idx], Granularity::ALL[granularity_idx]);
        let mut table = PeriodNumbers::new(calendar);
        let mut met: Vec<i64> = Vec::new();
        let mut numbers = Vec::new();
        for _ in 0..2 {
            table.numbers(&instants, &mut numbers, |ordinal| {
                let known = met.iter().position(|o| *o == ordinal);
                known.unwrap_or_else(|| { met.push(ordinal); met.len() - 1 }) as u32
            });
            let ordinals: Vec<i64> = numbers.iter().map(|n| met[*n as usize]).collect();
            let expected: Vec<i64> = instants.iter().map(|&instant| calendar.ordinal(instant)).collect();
            prop_assert_eq!(ordinals, expected);
        }
    }

    #[test]
    fn an_instant_lies_in_its_period_and_ordinals_never_fall(
        zone_idx in 0..TZ_VARIANTS.len(),
        granularity_idx in 0..6_usize,
        a in instants(),
        b in instants(),
    ) {
        let calendar = calendar(TZ_VARIANTS[zone_idx], Granularity::ALL[granularity_idx]);
        let ordinal = calendar.ordinal(a);
        let period = calendar.period(ordinal);
        prop_assert!(period.window().contains(a), "{:?}", period);
        let (start, end) = (period.start.unwrap(), period.end.unwrap());
        prop_assert_eq!((calendar.ordinal(start), calendar.ordinal(end - 1)), (ordinal, ordinal));
        prop_assert!(calendar.ordinal(start - 1) < ordinal && ordinal < calendar.ordinal(end));
        prop_assert!((a <= b) == (ordinal <= calendar.ordinal(b)) || ordinal == calendar.ordinal(b));
    }

    #[test]
    fn an_instant_reads_back_as_it_is_written(instant in MIN_INSTANT..=MAX_INSTANT) {
        let text = format_instant(instant);
        prop_assert_eq!(parse_instant(text.as_bytes(), &TimeRules::default()), Ok(instant));
    }

    #[test]
    fn a_time_on_the_zones_clocks_reads_back_through_its_label(
        zone_idx in 0..TZ_VARIANTS.len(),
        instant in instant("1975-01-01")..instant("2100-01-01"),
    ) {
        // An hour's label is an instant with an offset: its start.
        let hour = calendar(TZ_VARIANTS[zone_idx], Granularity::Hourly);
        let period = hour.period(hour.ordinal(instant));
        let start = parse_instant(period.label.as_bytes(), &TimeRules::default()).unwrap();
        prop_assert_eq!(Some(start), period.start);
    }

    #[test]
    fn no_text_is_too_strange(text in "[0-9TZ:+./ -]{0,32}|\\PC{0,24}", zone_idx in 0..TZ_VARIANTS.len()) {
        let zone = TZ_VARIANTS[zone_idx];
        let rules = TimeRules { zone, date_order: DateOrder::Dmy };
        if let Ok(instant) = parse_instant(text.as_bytes(), &rules) {
            prop_assert!((MIN_INSTANT..=MAX_INSTANT).contains(&instant));
        }
        let _ = parse_bound(&text, zone);
        let _ = parse_period(&text, calendar(zone, Granularity::Daily));
        let _ = parse_zone(&text);
    }
}
