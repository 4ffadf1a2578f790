//! Catalogue D: dates and zones.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Int64Array, StringArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray,
};
use billfold_core::dataset::{self, RunOptions};
use billfold_core::query::Allocation;
use billfold_core::time::{Window, parse_bound, parse_zone};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int96, Int96Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::support::{ask, asking, bill, child, costing, parent, parquet, starting};

/// Each start is read, and falls on this day of UTC.
#[track_caller]
fn accepts(cells: &[(&str, &str)]) {
    for (cell, day) in cells {
        ask(&bill(&[starting(cell)]))
            .every("daily")
            .gives(&format!("USD 1 of 1: {day}=1"));
    }
}

/// Each start rejects its row with this code, and the cell is named as it stands.
#[track_caller]
fn rejects(code: &str, cells: &[&str]) {
    for cell in cells {
        let outcome = ask(&bill(&[costing("1"), starting(cell)])).gives(&format!("USD 1 of 1; 2:3 {code}"));
        assert_eq!(outcome.rejects[0].text, *cell);
        assert_eq!(
            outcome.rejects[0].location.column.as_deref(),
            Some("ChargePeriodStart")
        );
    }
}

#[test]
fn d01_days_that_never_were_are_refused() {
    rejects(
        "time.syntax",
        &[
            "2024-02-30",
            "2023-02-29",
            "2024-13-01",
            "0000-00-00",
            "2024-00-10",
            "2024-04-31T10:00:00Z",
        ],
    );
}

#[test]
fn d02_leap_days_and_far_years_are_days() {
    accepts(&[
        ("2024-02-29", "2024-02-29"),
        ("2000-02-29", "2000-02-29"),
        ("1970-01-01T00:00:00Z", "1970-01-01"),
        ("9999-12-31T23:59:59Z", "9999-12-31"),
    ]);
}

#[test]
fn d03_slashed_dates_are_month_first_in_these_formats() {
    accepts(&[
        ("01/02/2024", "2024-01-02"),
        ("9/2/2023", "2023-09-02"),
        ("09/21/2023", "2023-09-21"),
        ("4/1/25", "2025-04-01"),
    ]);
    rejects("time.syntax", &["21/09/2023", "1/2", "1-2-2024"]);
}

#[test]
fn d04_a_zone_that_is_given_wins_and_none_is_utc() {
    accepts(&[
        ("2024-03-01T00:30:00Z", "2024-03-01"),
        ("2024-03-01T00:30:00+08:00", "2024-02-29"),
        ("2024-03-01T00:30:00+0800", "2024-02-29"),
        ("2024-03-01T00:30:00+01", "2024-02-29"),
        ("2024-03-01 00:30:00", "2024-03-01"),
        ("2024-03-01T00:30:00", "2024-03-01"),
        ("2024-03-01T23:30-05:00", "2024-03-02"),
        ("2020-11-09 23:00:00+00:00", "2020-11-09"),
        ("2024-03-01 00:30:00 UTC", "2024-03-01"),
    ]);
    rejects(
        "time.syntax",
        &["2024-03-01T00:30:00+25:00", "2024-03-01T00:30:00 CST"],
    );
}

#[test]
fn d05_fractions_of_a_second_are_read_to_the_nanosecond() {
    accepts(&[
        ("2024-03-01T23:59:59.520Z", "2024-03-01"),
        ("2024-03-01T23:59:59.999999999Z", "2024-03-01"),
        ("2024-03-01T23:59:59.120000000000Z", "2024-03-01"),
    ]);
    rejects("time.precision", &["2024-03-01T23:59:59.1234567891Z"]);
}

#[test]
fn d06_leap_seconds_are_refused_and_24_o_clock_is_the_next_day() {
    rejects(
        "time.syntax",
        &[
            "2016-12-31T23:59:60Z",
            "2024-03-01T24:00:01Z",
            "2023-02-01T30:00:00Z",
        ],
    );
    accepts(&[("2024-03-01T24:00:00Z", "2024-03-02")]);
}

/// A format whose zone-less times are New York's.
const NEW_YORK: &str = "name = \"ny\"\ntitle = \"ny\"\n[recognise]\nneed = [[\"When\"], [\"Cost\"]]\n\
    [cells]\nzone = \"America/New_York\"\ncurrency = \"USD\"\n\
    [columns]\ncharge_period_start = [\"When\"]\nbilled_cost = [\"Cost\"]\n";

#[test]
fn d07_local_times_that_never_were_or_were_twice_are_refused_without_an_offset() {
    let text = "When,Cost\n2024-03-10 02:30:00,1\n2024-11-03 01:30:00,1\n2024-11-03 01:30:00-05:00,1\n\
                2024-11-03 01:30:00-04:00,1\n2024-03-10 03:00:00,1\n";
    ask(text)
        .mapping(NEW_YORK)
        .every("daily")
        .gives("USD 3 of 3: 2024-03-10=1 2024-11-03=2; 1:2 time.gap; 2:3 time.ambiguous");
}

#[test]
fn d08_a_day_is_the_zones_day_also_with_23_or_25_hours() {
    let hour =
        |day: u32, hour: u32, month: u32| starting(&format!("2024-{month:02}-{day:02}T{hour:02}:00:00Z"));
    // One dollar an hour around the days on which New York's clocks change.
    let rows: Vec<String> = (3..=3)
        .chain(11..=11)
        .flat_map(|month| {
            let day = if month == 3 { 10 } else { 3 };
            (0..48).map(move |h| hour(day + h / 24, h % 24, month))
        })
        .collect();
    ask(&bill(&rows)).every("daily").zone("America/New_York").gives(
        "USD 96 of 96: 2024-03-09=5 2024-03-10=23 2024-03-11=20 2024-11-02=4 2024-11-03=25 2024-11-04=19",
    );
}

fn spanning(start: &str, end: &str) -> String {
    format!("{start},{end},10,USD,i-1")
}

#[test]
fn d09_an_end_before_the_start_is_refused() {
    let outcome =
        ask(&bill(&[spanning("2024-03-02", "2024-03-01"), costing("1")])).gives("USD 1 of 1; 1:2 time.order");
    assert_eq!(
        outcome.rejects[0].location.column.as_deref(),
        Some("ChargePeriodEnd")
    );
    // Its cost was readable, and the receipt knows it.
    assert_eq!(crate::support::money(&outcome.receipt.cost.rejected), "USD 10");
}

#[test]
fn d10_a_charge_without_length_belongs_to_its_instant() {
    for allocation in [Allocation::Start, Allocation::Prorate] {
        let mut query = asking("", "daily");
        query.allocation = allocation;
        ask(&bill(&[
            spanning("2024-03-01T23:59:59Z", "2024-03-01T23:59:59Z"),
            spanning("2024-03-02", "2024-03-02"),
        ]))
        .query(query)
        .gives("USD 20 of 2: 2024-03-01=10 2024-03-02=10");
    }
}

#[test]
fn d11_a_charge_over_a_border_belongs_to_its_start_or_is_split_to_the_last_digit() {
    let text = bill(&[spanning("2024-02-28T00:00:00Z", "2024-03-02T00:00:00Z")]);
    ask(&text).every("monthly").gives("USD 10 of 1: 2024-02=10");
    let mut query = asking("", "daily");
    query.allocation = Allocation::Prorate;
    let outcome = ask(&text).query(query).run().unwrap();
    let answer = outcome.answer.unwrap();
    let parts: Vec<String> = answer.rows().map(|row| row.cost().to_string()).collect();
    assert_eq!(parts.len(), 3);
    assert_eq!(
        parts,
        [
            "3.333333333333333333",
            "3.333333333333333334",
            "3.333333333333333333"
        ]
    );
    assert_eq!(crate::support::money(&answer.totals), "USD 10");
}

#[test]
fn d12_windows_are_half_open() {
    let text = bill(
        &[
            "2024-03-01T15:59:59.9985Z",
            "2024-03-01T15:59:59.9995Z",
            "2024-03-01T16:00:00Z",
        ]
        .map(starting),
    );
    let utc = parse_zone("UTC").unwrap();
    for (end, expected) in [
        ("2024-03-01T15:59:59.999Z", "USD 1 of 1"),
        ("2024-03-01T16:00:00Z", "USD 2 of 2"),
        ("2024-03-01T16:00:00.000001Z", "USD 3 of 3"),
    ] {
        let mut query = asking("", "total");
        query.window = Window::new(None, Some(parse_bound(end, utc).unwrap())).unwrap();
        ask(&text).query(query).gives(expected);
    }
}

#[test]
fn d13_weeks_begin_on_monday_across_the_year() {
    for (day, monday) in [
        ("2020-12-27", "2020-12-21"),
        ("2020-12-28", "2020-12-28"),
        ("2020-12-31", "2020-12-28"),
        ("2021-01-01", "2020-12-28"),
        ("2021-01-03", "2020-12-28"),
        ("2021-01-04", "2021-01-04"),
        ("2024-02-29", "2024-02-26"),
        ("2024-12-29", "2024-12-23"),
        ("2024-12-30", "2024-12-30"),
        ("2025-01-05", "2024-12-30"),
        ("2026-01-01", "2025-12-29"),
        ("1999-12-31", "1999-12-27"),
        ("2000-01-02", "1999-12-27"),
        ("1970-01-01", "1969-12-29"),
    ] {
        ask(&bill(&[starting(day)]))
            .every("weekly")
            .gives(&format!("USD 1 of 1: {monday}=1"));
    }
}

#[test]
fn d14_months_are_the_zones_months() {
    let text = bill(&["2024-03-31T15:59:59Z", "2024-03-31T16:00:00Z"].map(starting));
    ask(&text)
        .every("monthly")
        .zone("Asia/Shanghai")
        .gives("USD 2 of 2: 2024-03=1 2024-04=1");
    ask(&text).every("monthly").gives("USD 2 of 2: 2024-03=2");
}

#[test]
fn d15_serial_numbers_and_epochs_are_no_dates() {
    rejects(
        "time.syntax",
        &["45292", "1709251200", "1709251200000", "45292.5", "20240301"],
    );
}

#[test]
fn d16_zones_have_their_exact_names() {
    for (name, near) in [
        ("Asia/Beijing", "Asia/Shanghai"),
        ("asia/shanghai", "Asia/Shanghai"),
        ("Asia/Shangai", "Asia/Shanghai"),
        ("CST", "America/Chicago"),
        ("EST", "America/New_York"),
        ("+08:00", "Etc/GMT-8"),
    ] {
        let error = parse_zone(name).unwrap_err();
        assert_eq!(error.kind().code(), "usage");
        let hint = error.hint_text().unwrap_or_default();
        assert!(hint.contains(near), "{name}: {hint}");
    }
}

#[test]
#[ignore = "asked by d17 in processes of its own"]
fn d17_child() {
    child(|path| {
        let mut query = asking("resource_id", "daily");
        query.zone = parse_zone("Asia/Shanghai").unwrap();
        dataset::sums(&[path], query, RunOptions::default())
            .unwrap()
            .receipt
            .answer_sha256
    });
}

#[test]
#[cfg(unix)]
fn d17_the_environment_does_not_change_a_byte() {
    let text = bill(&["2024-03-31T15:59:59Z", "2024-03-31T16:00:00", "4/1/24"].map(starting));
    let answers: Vec<String> = [
        &[][..],
        &[("TZ", "America/New_York"), ("LC_ALL", "de_DE.UTF-8")],
        &[("TZ", ":nowhere"), ("LC_ALL", "tr_TR"), ("LANG", "zh_CN.GBK")],
        &[("TZ", ""), ("LC_ALL", "C"), ("RAYON_NUM_THREADS", "1")],
    ]
    .iter()
    .map(|variables| parent("catalogue_d::d17_child", &text, "", variables))
    .collect();
    assert_eq!(answers[0].len(), 64);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[test]
fn d18_far_dates_are_dates() {
    accepts(&[
        ("1900-01-01", "1900-01-01"),
        ("2199-12-31", "2199-12-31"),
        ("0001-01-01", "0001-01-01"),
    ]);
}

/// A Parquet bill of one dollar at each of these starts.
fn parquet_starts(starts: ArrayRef) -> Vec<u8> {
    let currencies: ArrayRef = Arc::new(StringArray::from(vec!["USD"; starts.len()]));
    let costs: ArrayRef = Arc::new(Int64Array::from(vec![1; starts.len()]));
    parquet(&[
        ("ChargePeriodStart", starts),
        ("BillingCurrency", currencies),
        ("BilledCost", costs),
    ])
}

/// 2024-03-31T16:00:00Z in seconds since 1970.
const SECONDS: i64 = 1_711_900_800;

#[test]
fn d19_instants_of_every_unit_with_and_without_a_zone() {
    let arrays: [ArrayRef; 6] = [
        Arc::new(TimestampMillisecondArray::from(vec![SECONDS * 1_000])),
        Arc::new(TimestampMillisecondArray::from(vec![SECONDS * 1_000]).with_timezone("UTC")),
        Arc::new(TimestampMicrosecondArray::from(vec![SECONDS * 1_000_000])),
        Arc::new(TimestampMicrosecondArray::from(vec![SECONDS * 1_000_000]).with_timezone("+08:00")),
        Arc::new(TimestampNanosecondArray::from(vec![SECONDS * 1_000_000_000])),
        Arc::new(TimestampNanosecondArray::from(vec![SECONDS * 1_000_000_000 + 999]).with_timezone("UTC")),
    ];
    for array in arrays {
        let shape = array.data_type().to_string();
        let outcome = ask(&parquet_starts(array)).every("hourly").run().unwrap();
        let answer = outcome.answer.unwrap();
        assert_eq!(answer.row(0).period().start, Some(SECONDS * 1_000_000), "{shape}");
    }
    let dates: ArrayRef = Arc::new(Date32Array::from(vec![(SECONDS / 86_400) as i32]));
    ask(&parquet_starts(dates))
        .every("daily")
        .gives("USD 1 of 1: 2024-03-31=1");
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["2024-03-31 16:00:00", "T"]));
    ask(&parquet_starts(texts))
        .every("daily")
        .gives("USD 1 of 1: 2024-03-31=1; 2 time.syntax");
    let none: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![Some(0), None]));
    ask(&parquet_starts(none))
        .every("daily")
        .gives("USD 1 of 1: 1970-01-01=1; 2 time.missing");
}

#[test]
fn d19_int96_is_read_as_the_instant_that_spark_wrote() {
    // Nanoseconds of the day in the first two words, the Julian day in the third.
    let mut instant = Int96::new();
    let nanos = 16_u64 * 3_600 * 1_000_000_000;
    instant.set_data(
        nanos as u32,
        (nanos >> 32) as u32,
        (SECONDS / 86_400) as u32 + 2_440_588,
    );
    let schema = parse_message_type(
        "message m { required int96 ChargePeriodStart; required binary BillingCurrency (UTF8); required double BilledCost; }",
    );
    let mut bytes = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut bytes, Arc::new(schema.unwrap()), Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<Int96Type>()
        .write_batch(&[instant], None, None)
        .unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let usd = [ByteArray::from("USD")];
    column
        .typed::<ByteArrayType>()
        .write_batch(&usd, None, None)
        .unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<DoubleType>()
        .write_batch(&[0.1], None, None)
        .unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    let outcome = ask(&bytes).every("hourly").run().unwrap();
    let answer = outcome.answer.unwrap();
    assert_eq!(answer.row(0).period().start, Some(SECONDS * 1_000_000));
    assert_eq!(answer.row(0).cost().to_string(), "0.1");
}

#[test]
fn d20_an_answer_names_its_time_zone_database() {
    let outcome = ask(&bill(&[costing("1")])).gives("USD 1 of 1");
    assert!(!outcome.receipt.tzdb_version.is_empty());
}
