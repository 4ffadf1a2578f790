//! The laws of the vendors' actions: they agree with the command, with each other, and answer whatever they are sent.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use billfold_api::number::Fee;
use billfold_api::{Dialect, Method, Settings, WireRequest, actions, answer};
use billfold_core::dataset::Charges;
use billfold_core::money::{Amount, ExactSum};
use billfold_core::query::{Allocation, ChargeQuery, Condition, Dimension, Test};
use billfold_core::time::{Tz, Window, format_instant, format_wall};
use billfold_testkit::strategies::{id, narrow_charges, time};
use billfold_testkit::{Carrier, Charge, Format, OutputSpec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::TestCaseResult;
use serde_json::Value;

use crate::asked::{self, Cut};
use crate::support::{Folder, command};
use crate::wire::{call, files, plcloud, qingcloud, read, sample, store, tencent};

/// Charges in one currency: no wire can tell two apart.
fn charges() -> impl Strategy<Value = Vec<Charge>> {
    narrow_charges(16).prop_map(|mut charges| {
        for charge in &mut charges {
            charge.billing_currency = "CNY".to_owned();
        }
        charges
    })
}

fn put(folder: &Folder, charges: &[Charge]) -> String {
    asked::put(
        folder,
        "bill",
        charges,
        &OutputSpec::new(Format::Focus12, Carrier::Csv),
    )
}

/// A text as a query string holds it.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn amount(text: &Value) -> ExactSum {
    ExactSum::from(Amount::parse(text.as_str().unwrap().as_bytes()).unwrap())
}

/// A question of GetChargeSums.
#[derive(Debug, Clone)]
struct Question {
    duration: &'static str,
    by: Vec<&'static str>,
    filters: Vec<(&'static str, Vec<String>)>,
    window: (Option<i64>, Option<i64>),
}

const DURATIONS: [&str; 6] = ["daily", "weekly", "monthly", "quarterly", "yearly", "total"];
const DIMENSIONS: [&str; 6] = [
    "project_id",
    "resource_id",
    "tag_id",
    "zone_id",
    "user_id",
    "resource_type",
];
const FILTERS: [&str; 6] = [
    "user",
    "root_user",
    "project_id",
    "zone",
    "resource_type",
    "resource",
];

fn question() -> impl Strategy<Value = Question> {
    let filter = (
        select(FILTERS.to_vec()),
        proptest::collection::vec(id().prop_filter("empty is not given", |id| !id.is_empty()), 1..3),
    );
    let window =
        (proptest::option::of(time()), proptest::option::of(time())).prop_map(|(a, b)| match (a, b) {
            (Some(a), Some(b)) => (Some(a.min(b)), Some(a.max(b))),
            other => other,
        });
    (
        select(DURATIONS.to_vec()),
        subsequence(DIMENSIONS.to_vec(), 1..=3),
        proptest::collection::vec(filter, 0..3),
        window,
    )
        .prop_map(|(duration, by, filters, window)| {
            let mut filters = filters;
            filters.dedup_by_key(|(name, _)| *name);
            Question {
                duration,
                by,
                filters,
                window,
            }
        })
}

impl Question {
    fn wire(&self) -> String {
        let mut text = format!("action=GetChargeSums&duration={}", self.duration);
        for (i, name) in self.by.iter().enumerate() {
            let _ = write!(text, "&group_by.{}={name}", i + 1);
        }
        for (name, values) in &self.filters {
            for (i, value) in values.iter().enumerate() {
                let _ = write!(text, "&{name}.{}={}", i + 1, encoded(value));
            }
        }
        for (name, bound) in [("start_time", self.window.0), ("end_time", self.window.1)] {
            if let Some(bound) = bound {
                let _ = write!(text, "&{name}={}", encoded(&format_instant(bound)));
            }
        }
        text
    }

    /// The same for the engine.
    fn engine(&self) -> ChargeQuery {
        let mut query = ChargeQuery::total();
        query.zone = Tz::Asia__Shanghai;
        query.allocation = Allocation::Prorate;
        query.granularity = self.duration.parse().unwrap();
        query.by = Dimension::parse_list(&self.by.join(",")).unwrap();
        query.filter.conditions = self
            .filters
            .iter()
            .map(|(name, values)| Condition {
                dimension: Dimension::parse(name).unwrap(),
                any_of: values.iter().cloned().map(Test::Equals).collect(),
                negated: false,
            })
            .collect();
        query.window = Window::new(self.window.0, self.window.1.map(inclusive)).unwrap();
        query
    }
}

/// An end on the last millisecond of a second is the end of that second.
fn inclusive(end: i64) -> i64 {
    match end.rem_euclid(1_000_000) {
        999_000.. => end.div_euclid(1_000_000) * 1_000_000 + 1_000_000,
        _ => end,
    }
}

/// The wire says of every group what the engine says of it.
fn agree(question: &Question, path: &str, charges: &dyn Charges) -> TestCaseResult {
    let answer = qingcloud(&question.wire(), charges);
    prop_assert_eq!(&answer["ret_code"], 0, "{} {}", question.wire(), answer);
    let expected = asked::outcome(&[path.to_owned()], &question.engine(), Cut::NONE)
        .answer
        .unwrap();
    prop_assert_eq!(answer["total_count"].as_u64().unwrap(), expected.n_groups);
    let total = expected
        .totals
        .iter()
        .next()
        .map_or(ExactSum::ZERO, |(_, sum)| *sum);
    prop_assert_eq!(answer["total_sum"].as_str().unwrap(), Fee::of(&total).to_string());
    let mut found: Vec<(Vec<String>, String, String)> = Vec::new();
    for (key, items) in answer["charge_sum_set"].as_object().unwrap() {
        for item in items.as_array().unwrap() {
            let member = |name: &str| item[name].as_str().unwrap().to_owned();
            let keys: Vec<String> = question.by.iter().map(|name| member(name)).collect();
            prop_assert_eq!(key, &keys[0]);
            found.push((keys, member(question.duration), member("fee")));
        }
    }
    let mut wanted: Vec<(Vec<String>, String, String)> = expected
        .rows()
        .map(|row| {
            (
                row.keys().map(str::to_owned).collect(),
                row.period().label.clone(),
                Fee::of(&row.cost()).to_string(),
            )
        })
        .collect();
    found.sort();
    wanted.sort();
    prop_assert_eq!(found, wanted);
    Ok(())
}

proptest! {
    #![proptest_config(asked::cases(24))]

    #[test]
    fn get_charge_sums_agrees_with_sums(
        charges in charges(),
        questions in proptest::collection::vec(question(), 4),
    ) {
        let folder = Folder::new();
        let path = put(&folder, &charges);
        let store = store(&path);
        for question in &questions {
            agree(question, &path, &files(&path))?;
            agree(question, &path, store.as_ref())?;
        }
    }

    /// P26.
    #[test]
    fn p26_one_total_in_every_output(charges in charges()) {
        let folder = Folder::new();
        let path = put(&folder, &charges);
        let api = qingcloud("action=GetChargeSums&duration=total", &files(&path));
        let ran = command("api action=GetChargeSums&duration=total {}", &path);
        prop_assert_eq!(ran.exit, 0, "{}", ran.stderr);
        prop_assert_eq!(&serde_json::from_str::<Value>(&ran.stdout).unwrap(), &api);
        let sums = "sums --allocate prorate --timezone Asia/Shanghai --allow-empty";
        let json = command(&format!("{sums} --format json {{}}"), &path);
        let json: Value = serde_json::from_str(&json.stdout).unwrap();
        let csv = command(&format!("{sums} --format csv {{}}"), &path);
        let parquet = folder.path().join("answer.parquet").display().to_string();
        let ran = command(&format!("{sums} -o {parquet} {{}}"), &path);
        prop_assert_eq!(ran.exit, 0, "{}", ran.stderr);
        let exact = match json["totals"].as_object().and_then(|totals| totals.get("CNY")) {
            Some(total) => amount(total),
            None => ExactSum::ZERO,
        };
        prop_assert_eq!(api["total_sum"].as_str().unwrap(), Fee::of(&exact).to_string());
        prop_assert!(charges.is_empty() || csv.stdout.contains(&exact.to_string()), "{}", csv.stdout);
        prop_assert_eq!(parquet_total(&parquet), exact);
    }

    /// P27.
    #[test]
    fn p27_the_actions_agree(charges in charges(), month in select(vec!["2024-03", "2024-10", "2023-02"])) {
        let folder = Folder::new();
        let path = put(&folder, &charges);
        let bill = store(&path);
        let bill: &dyn Charges = bill.as_ref();
        let calendar = billfold_core::time::Calendar::new(Tz::Asia__Shanghai, billfold_core::time::Granularity::Monthly);
        let window = billfold_core::time::parse_period(month, calendar).unwrap();
        let (start, end) = (window.start.unwrap(), window.end.unwrap());

        let mut query = ChargeQuery::total();
        query.allocation = Allocation::Prorate;
        query.window = window;
        let exact = asked::outcome(std::slice::from_ref(&path), &query, Cut::NONE).answer.unwrap();
        let exact = exact.totals.iter().next().map_or(ExactSum::ZERO, |(_, sum)| *sum);

        let sums = qingcloud(
            &format!(
                "action=GetChargeSums&duration=total&start_time={}&end_time={}",
                encoded(&format_instant(start)),
                encoded(&format_instant(end - 1000))
            ),
            bill,
        );
        prop_assert_eq!(sums["total_sum"].as_str().unwrap(), Fee::of(&exact).to_string());

        let wall = |instant| encoded(&format_wall(instant, Tz::Asia__Shanghai));
        let form = format!("action=GetConsumptionsByQuery&start_at={}&end_at={}", wall(start), wall(end));
        let rows = plcloud(&form, bill);
        let mut added = ExactSum::ZERO;
        for item in rows["data"].as_array().unwrap() {
            added.add(&amount(&item["amount"])).unwrap();
        }
        prop_assert_eq!(added, amount(&rows["total_amount"]), "what is printed adds up");
        prop_assert_eq!(added, exact.round_to(10));

        let body = format!(r#"{{"BeginTime":"{month}","EndTime":"{month}","Limit":100,"Offset":0}}"#);
        for (action, places) in [
            ("DescribeCostSummaryByResource", 2),
            ("DescribeCostSummaryByProduct", 8),
            ("DescribeCostSummaryByProject", 8),
            ("DescribeCostSummaryByRegion", 2),
        ] {
            let answer = tencent(action, &body, bill);
            prop_assert_eq!(answer["Total"]["RealTotalCost"].as_str().unwrap(), exact.rounded(places), "{}", action);
        }
    }

    /// From files and from memory, every action gives the same bytes.
    #[test]
    fn every_action_answers_alike_from_files_and_from_memory(charges in charges(), request in valid_request()) {
        let folder = Folder::new();
        let path = put(&folder, &charges);
        let settings = Settings::default();
        let of_files = answer(&request, &files(&path), &settings);
        let of_store = answer(&request, store(&path).as_ref(), &settings);
        prop_assert_eq!(of_files.text(), of_store.text());
    }
}

/// The sum of the cost column of a Parquet file.
fn parquet_total(path: &str) -> ExactSum {
    use arrow::array::AsArray;
    use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type};
    let file = std::fs::File::open(path).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    let mut total = ExactSum::ZERO;
    for batch in reader {
        let batch = batch.unwrap();
        let at = batch.schema().fields().iter().position(|field| {
            matches!(
                field.data_type(),
                DataType::Decimal128(..) | DataType::Decimal256(..)
            )
        });
        let column = batch.column(at.unwrap());
        for row in 0..batch.num_rows() {
            let text = match column.data_type() {
                DataType::Decimal128(..) => column.as_primitive::<Decimal128Type>().value_as_string(row),
                _ => column.as_primitive::<Decimal256Type>().value_as_string(row),
            };
            total.add_amount(Amount::parse(text.as_bytes()).unwrap()).unwrap();
        }
    }
    total
}

/// A call that is answered, of any action.
fn valid_request() -> impl Strategy<Value = WireRequest> {
    let qingcloud = prop_oneof![
        question().prop_map(|question| question.wire()),
        (id(), id(), select(DIMENSIONS.to_vec()), select(vec!["7d", "1h", "1y"])).prop_map(
            |(project, user, by, duration)| format!(
                "action=GetTotalEstimatedConsumption&project_id={}&root_user={}&group_by={by}&duration={duration}",
                encoded(&project),
                encoded(&user)
            )
        ),
        (id(), id()).prop_map(|(project, owner)| format!(
            "action=GetProjectResourceStat&console_id=c&project_id={}&owner={}&limit=3",
            encoded(&project),
            encoded(&owner)
        )),
        (id(), id()).prop_map(|(resource, zone)| format!(
            "action=GetChargeRecords&resource={}&zone={}",
            encoded(&resource),
            encoded(&zone)
        )),
    ]
    .prop_map(|query| WireRequest::get(Dialect::QingCloud, query));
    let month = || select(vec!["2024-02", "2024-03", "2024-10", "2018-11"]);
    let tencent = (
        select(vec![
            "DescribeCostSummaryByResource",
            "DescribeCostSummaryByProduct",
            "DescribeCostSummaryByProject",
            "DescribeCostSummaryByRegion",
        ]),
        month(),
        1..100_u32,
        0..5_u32,
    )
        .prop_map(|(action, month, limit, offset)| {
            crate::wire::tencent_request(
                action,
                &format!(
                    r#"{{"BeginTime":"{month}","EndTime":"{month}","Limit":{limit},"Offset":{offset},"NeedRecordNum":1}}"#
                ),
            )
        });
    let plcloud = month().prop_map(|month| {
        WireRequest::get(
            Dialect::Plcloud,
            format!("action=GetConsumptionsByQuery&start_at={month}-01&end_at={month}-20"),
        )
    });
    prop_oneof![3 => qingcloud, 2 => tencent, 1 => plcloud]
}

/// Any text for a query string or a body, mostly almost a request.
fn noise() -> impl Strategy<Value = String> {
    let word = select(vec![
        "action=",
        "GetChargeSums",
        "&",
        "duration=",
        "total",
        "daily",
        "group_by.1=",
        "zone_id",
        "limit=",
        "-1",
        "offset=",
        "start_time=",
        "2019-02-28T16:00:00.000Z",
        "%",
        "%e4",
        "=",
        ".",
        "{",
        "}",
        "[",
        "]",
        "\"",
        ":",
        ",",
        "BeginTime",
        "EndTime",
        "2024-02",
        "\"Limit\":1",
        "Conditions",
        "null",
        "1e999",
        "\u{feff}",
        "云",
        "tag:",
        "project_id=p",
        "root_user=u",
        "GetTotalEstimatedConsumption",
        "GetConsumptionsByQuery",
        "type=instance",
        "end_at=2014-12-02",
        "TagKey",
        "9223372036854775807",
        "99999999999999999999",
        "currency=",
        "CNY",
        "GetChargeRecords",
        "resource=r",
        "zone=z",
        "end_time=9999-12-31T23:59:59.999Z",
        "0001-01-01T00:00:00Z",
    ]);
    let almost = proptest::collection::vec(word, 0..12).prop_map(|words| words.concat());
    prop_oneof![3 => almost, 1 => any::<String>(), 1 => ".{0,40}"]
}

fn wild_request() -> impl Strategy<Value = WireRequest> {
    let dialect = select(vec![Dialect::QingCloud, Dialect::Tencent, Dialect::Plcloud]);
    let names: Vec<&'static str> = actions().map(|(_, name)| name).collect();
    let content_type = select(vec![
        "application/json",
        "application/x-www-form-urlencoded",
        "text/plain",
        "",
    ]);
    (
        dialect,
        any::<bool>(),
        proptest::option::of(select(names)),
        content_type,
        noise(),
        noise(),
        any::<Vec<u8>>(),
        0..4_u8,
    )
        .prop_map(
            |(dialect, post, action, content_type, query, text, bytes, kind)| {
                let mut request = WireRequest::get(dialect, query);
                if let Some(action) = action {
                    request = request.with_header("X-TC-Action", action);
                    if kind == 1 {
                        request.query = format!("action={action}&{}", request.query);
                    }
                }
                if post {
                    request.method = Method::Post;
                    request = request.with_header("Content-Type", content_type);
                    request.body = if kind == 0 { bytes } else { text.into_bytes() };
                }
                if kind == 2 {
                    request.path = "/elsewhere".to_owned();
                }
                request
            },
        )
}

proptest! {
    #![proptest_config(asked::cases(1500))]

    /// P31: whatever is sent, an answer of that wire comes back, soon, and never an error of ours.
    #[test]
    fn p31_anything_is_answered(request in wild_request()) {
        EMPTY.with(|empty| {
            let begun = Instant::now();
            let response = answer(&request, empty.as_ref(), &Settings::default());
            prop_assert!(begun.elapsed() < Duration::from_secs(1));
            let body = read(request.dialect, &response);
            if let Some(fault) = &response.fault {
                prop_assert!(!["5000", "5100", "InternalError", "500"].contains(&fault.code.as_str()), "{}", body);
            }
            Ok(())
        })?;
    }
}

thread_local! {
    static EMPTY: std::sync::Arc<billfold_core::store::Store> = {
        let folder = Folder::new();
        let path = folder.put(
            "empty.csv",
            "resource_type,fee,user_id,root_user_id,zone_id,resource_id,start_time,end_time,currency\n",
        );
        store(&path)
    };
}

#[test]
fn the_window_of_the_page_is_one_month_in_shanghai() {
    let bill = files(&sample("pages/get-charge-sums-1.csv"));
    let answer = qingcloud(
        "action=GetChargeSums&duration=monthly&group_by=user_id&user=usr-abcd1234&zone=gd2\
         &start_time=2019-02-28T16:00:00.000Z&end_time=2019-03-31T15:59:59.999Z",
        &bill,
    );
    assert_eq!(
        answer["charge_sum_set"],
        serde_json::json!({"usr-abcd1234": [{
            "fee": "63.36",
            "user_id": "usr-abcd1234",
            "monthly": "2019-03",
            "start_time": "2019-02-28T16:00:00Z",
            "end_time": "2019-03-31T16:00:00Z"
        }]})
    );
}

#[test]
fn an_end_includes_its_instant() {
    let bill = files(&sample("pages/get-charge-sums-1.csv"));
    let sum = |end: &str| {
        let query = format!("action=GetChargeRecords&resource=i-3mnlz2ye&zone=gd2&end_time={end}");
        qingcloud(&query, &bill)["total_count"].as_u64().unwrap()
    };
    assert_eq!(sum("2019-03-04T23:59:59Z"), 0);
    assert_eq!(
        sum("2019-03-05T00:00:00Z"),
        1,
        "a charge that begins at the end is in"
    );
    assert_eq!(sum("2019-04-04T23:59:59.999Z"), 1);
}

/// Of a form, of a query string and of JSON the same call is the same.
#[test]
fn a_call_means_the_same_in_every_carrier() {
    let bill = files(&sample("tencent-bill.json"));
    let settings = Settings::default();
    let action = "DescribeCostSummaryByResource";
    let json = crate::wire::tencent_request(
        action,
        r#"{"BeginTime": "2024-02", "EndTime": "2024-02", "Limit": 10, "Offset": 0, "NeedRecordNum": 1,
            "Conditions": {"PayModes": ["postPay"], "OrderByCost": "asc"}}"#,
    );
    let flat = "BeginTime=2024-02&EndTime=2024-02&Limit=10&Offset=0&NeedRecordNum=1\
        &Conditions.PayModes.0=postPay&Conditions.OrderByCost=asc";
    let old = format!(
        "{flat}&Action={action}&Version=2018-07-09&Nonce=1&Timestamp=1&SecretId=S\
        &SignatureMethod=HmacSHA256&Signature=x&RequestClient=y&Language=zh-CN"
    );
    let mut answers = [
        json,
        WireRequest::get(Dialect::Tencent, flat).with_header("X-TC-Action", action),
        WireRequest::post(Dialect::Tencent, "application/x-www-form-urlencoded", old),
    ]
    .map(|request| call(&request, &bill, &settings));
    for answer in &mut answers {
        answer["Response"]["RequestId"].take();
        assert!(answer["Response"]["RecordNum"].as_u64().unwrap() > 10, "{answer}");
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}
