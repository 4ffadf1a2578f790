//! Catalogue L: requests.

use billfold_api::{Dialect, RefusalKind, Scope, Settings, WireRequest, actions, answer};
use billfold_core::dataset::Charges;
use serde_json::{Value, json};

use crate::support::{Folder, command};
use crate::wire::{call, files, plcloud, qingcloud, read, sample, store, tencent, tencent_request};

const RESOURCE: &str = "DescribeCostSummaryByResource";

fn records() -> impl Charges {
    files(&sample("qingcloud-records.csv"))
}

fn bill() -> impl Charges {
    files(&sample("tencent-bill.json"))
}

/// The code of a QingCloud answer, and its message.
#[track_caller]
fn refused(query: &str) -> (u64, String) {
    let body = qingcloud(query, &records());
    let message = body["message"].as_str().unwrap_or_default().to_owned();
    (body["ret_code"].as_u64().unwrap(), message)
}

/// The code of a Tencent answer, and its message.
#[track_caller]
fn tencent_refused(body: &str) -> (String, String) {
    let answer = tencent(RESOURCE, body, &bill());
    let text = |name: &str| answer["Error"][name].as_str().unwrap_or_default().to_owned();
    (text("Code"), text("Message"))
}

/// A question of the month that the sample has, with other members.
fn month(members: &str) -> String {
    format!(r#"{{"BeginTime":"2024-02","EndTime":"2024-02",{members}}}"#)
}

#[test]
fn l01_an_unknown_action_is_told_the_known_ones() {
    let (code, message) = refused("action=GetChargeSum&duration=total");
    assert_eq!(code, 1101);
    assert!(
        message.starts_with(
            "InvalidRequestMethod, action [GetChargeSum] is not known; did you mean GetChargeSums?"
        ),
        "{message}"
    );
    for name in [
        "GetChargeSums",
        "GetTotalEstimatedConsumption",
        "GetProjectResourceStat",
    ] {
        assert!(message.contains(name), "{message}");
    }
    // Names are exact, as the services have them.
    assert_eq!(refused("action=getchargesums&duration=total").0, 1101);
    assert_eq!(
        refused("duration=total"),
        (1100, "InvalidRequestFormat, [action] is required".to_owned())
    );
    let error = tencent("DescribeCost", "{}", &bill());
    assert_eq!(error["Error"]["Code"], "InvalidAction");
    assert!(error["Error"]["Message"].as_str().unwrap().contains(RESOURCE));
    let none = call(
        &WireRequest::post(Dialect::Tencent, "application/json", "{}"),
        &bill(),
        &Settings::default(),
    );
    assert_eq!(none["Response"]["Error"]["Code"], "MissingParameter");
    assert_eq!(plcloud("action=Nothing", &records())["code"], 404);
    assert_eq!(actions().count(), 11);
}

#[test]
fn l02_a_missing_parameter_is_named() {
    for (query, name) in [
        ("action=GetChargeSums", "duration"),
        ("action=GetChargeSums&duration=", "duration"),
        (
            "action=GetTotalEstimatedConsumption&root_user=u&group_by=zone_id",
            "project_id",
        ),
        (
            "action=GetTotalEstimatedConsumption&project_id=p&group_by=zone_id",
            "root_user",
        ),
        (
            "action=GetTotalEstimatedConsumption&project_id=p&root_user=u",
            "group_by",
        ),
        ("action=GetProjectResourceStat&project_id=p&owner=o", "console_id"),
        ("action=GetProjectResourceStat&console_id=c&owner=o", "project_id"),
        ("action=GetProjectResourceStat&console_id=c&project_id=p", "owner"),
        ("action=GetChargeRecords&zone=z", "resource"),
        ("action=GetChargeRecords&resource=r", "zone"),
    ] {
        assert_eq!(
            refused(query),
            (1100, format!("InvalidRequestFormat, [{name}] is required")),
            "{query}"
        );
    }
    for (body, name) in [
        (r#"{"EndTime":"2024-02","Limit":1,"Offset":0}"#, "BeginTime"),
        (r#"{"BeginTime":"2024-02","Limit":1,"Offset":0}"#, "EndTime"),
        (
            r#"{"BeginTime":"2024-02","EndTime":"2024-02","Offset":0}"#,
            "Limit",
        ),
        (
            r#"{"BeginTime":"2024-02","EndTime":"2024-02","Limit":1}"#,
            "Offset",
        ),
        (
            r#"{"BeginTime":"2024-02","EndTime":"2024-02","Limit":1,"Offset":null}"#,
            "Offset",
        ),
    ] {
        assert_eq!(
            tencent_refused(body),
            ("MissingParameter".to_owned(), format!("[{name}] is required.")),
            "{body}"
        );
    }
}

#[test]
fn l03_a_limit_is_a_number_in_its_bounds() {
    for (limit, code) in [
        ("-1", 1101),
        ("0", 1101),
        ("10000000000", 1101),
        ("1.5", 1100),
        ("abc", 1100),
        ("1e2", 1100),
    ] {
        let (found, message) = refused(&format!("action=GetChargeSums&duration=total&limit={limit}"));
        assert_eq!(found, code, "{limit}");
        assert!(
            message.contains(&format!("limit [{limit}] is not a number from 1")),
            "{message}"
        );
    }
    assert_eq!(refused("action=GetChargeSums&duration=total&limit=1").0, 0);
    assert_eq!(
        refused("action=GetChargeRecords&resource=r&zone=z&limit=101").0,
        1101
    );
    for (limit, code) in [
        ("101", "InvalidParameterValue"),
        ("0", "InvalidParameterValue"),
        ("-1", "InvalidParameterValue"),
        ("10000000000", "InvalidParameterValue"),
        ("\"101\"", "InvalidParameterValue"),
        ("1.5", "InvalidParameter"),
        ("\"abc\"", "InvalidParameter"),
        ("true", "InvalidParameter"),
        ("[1]", "InvalidParameter"),
    ] {
        let (found, message) = tencent_refused(&month(&format!(r#""Limit":{limit},"Offset":0"#)));
        assert_eq!(found, code, "{limit}");
        assert!(message.contains("Limit"), "{message}");
    }
    // As the page's example sends it.
    assert_eq!(tencent_refused(&month(r#""Limit":"1","Offset":"0""#)).0, "");
}

#[test]
fn l04_an_offset_past_the_end_is_an_empty_page_with_the_right_totals() {
    let bill = records();
    let whole = qingcloud("action=GetChargeSums&duration=total&group_by=zone_id", &bill);
    for offset in ["1000", "9223372036854775807"] {
        let query = format!("action=GetChargeSums&duration=total&group_by=zone_id&offset={offset}");
        let page = qingcloud(&query, &bill);
        assert_eq!(page["charge_sum_set"], json!({}));
        assert_eq!(page["total_sum"], whole["total_sum"]);
        assert_eq!(page["total_count"], whole["total_count"]);
    }
    assert_eq!(refused("action=GetChargeSums&duration=total&offset=-1").0, 1101);
    let page = tencent(
        RESOURCE,
        &month(r#""Limit":100,"Offset":9223372036854775807,"NeedRecordNum":1"#),
        &self::bill(),
    );
    assert_eq!(page["Data"], json!([]));
    assert!(page["RecordNum"].as_u64().unwrap() > 0);
}

#[test]
fn l05_two_months_are_refused() {
    let (code, message) =
        tencent_refused(r#"{"BeginTime":"2024-02","EndTime":"2024-03","Limit":1,"Offset":0}"#);
    assert_eq!(code, "InvalidParameter");
    assert_eq!(
        message,
        "BeginTime [2024-02] and EndTime [2024-03] are not in the same month."
    );
    for (begin, end, ok) in [
        ("2024-02-01 00:00:00", "2024-02-29 23:59:59", true),
        ("2024-02-01", "2024-02", true),
        ("2024-13", "2024-13", false),
        ("2024-2", "2024-2", false),
        ("202402", "202402", false),
        ("2024-02-01T00:00:00Z", "2024-02", false),
        ("2024-00", "2024-00", false),
    ] {
        let body = format!(r#"{{"BeginTime":"{begin}","EndTime":"{end}","Limit":1,"Offset":0}}"#);
        let expected = if ok { "" } else { "InvalidParameterValue" };
        assert_eq!(tencent_refused(&body).0, expected, "{begin}");
    }
}

#[test]
fn l06_windows_are_in_order_half_open_ones_are_open_and_an_empty_one_is_zero() {
    let (code, message) = refused(
        "action=GetChargeSums&duration=total&start_time=2024-03-02T00:00:00Z&end_time=2024-03-01T00:00:00Z",
    );
    assert_eq!(code, 1101);
    assert!(message.contains("[end_time] is before [start_time]"), "{message}");
    let bill = records();
    let sum = |window: &str| {
        let answer = qingcloud(&format!("action=GetChargeSums&duration=total{window}"), &bill);
        answer["total_sum"].as_str().unwrap().to_owned()
    };
    let all = sum("");
    assert_eq!(sum("&start_time=2000-01-01T00:00:00Z"), all);
    assert_eq!(sum("&end_time=2100-01-01T00:00:00Z"), all);
    let future = qingcloud(
        "action=GetChargeSums&duration=daily&start_time=2100-01-01T00:00:00Z",
        &bill,
    );
    assert_eq!(future["total_sum"], "0");
    assert_eq!(future["charge_sum_set"], json!({}));
    assert_eq!(future["total_count"], 0);
    for bad in [
        "2024-03-01",
        "yesterday",
        "2024-02-30T00:00:00Z",
        "2024-03-01T00:00:00",
    ] {
        assert_eq!(
            refused(&format!("action=GetChargeSums&duration=total&start_time={bad}")).0,
            1100,
            "{bad}"
        );
    }
    let plcloud_bill = files(&sample("pages/get-consumptions-by-query.json"));
    let answer = plcloud(
        "action=GetConsumptionsByQuery&start_at=2014-12-02&end_at=2014-12-01",
        &plcloud_bill,
    );
    assert_eq!(answer["code"], 400);
    let open = plcloud("action=GetConsumptionsByQuery&end_at=2014-12-02", &plcloud_bill);
    assert_eq!(open["total_amount"], "3.9059520000");
}

#[test]
fn l07_an_unknown_group_by_is_told_the_near_names_and_the_pages_typo_is_read() {
    let (code, message) = refused("action=GetChargeSums&duration=total&group_by=zone_ids");
    assert_eq!(code, 1101);
    assert!(message.contains("group_by [zone_ids] is not known"), "{message}");
    assert!(message.contains("zone_id"), "{message}");
    let bill = records();
    let two = qingcloud(
        "action=GetChargeSums&duration=total&group_by.1=zone_id&group_by.2=resource_type",
        &bill,
    );
    let item = &two["charge_sum_set"]
        .as_object()
        .unwrap()
        .values()
        .next()
        .unwrap()[0];
    assert!(
        item["zone_id"].is_string() && item["resource_type"].is_string(),
        "{item}"
    );
    assert_eq!(
        qingcloud(
            "action=GetChargeSums&duration=total&group_by=reousrce_type",
            &bill
        ),
        qingcloud(
            "action=GetChargeSums&duration=total&group_by.1=resource_type",
            &bill
        )
    );
    assert_eq!(
        refused("action=GetChargeSums&duration=total&group_by.1=zone_id&group_by.2=zone").0,
        1101
    );
}

#[test]
fn l08_durations_are_the_pages_words() {
    for word in ["hourly", "7d", "Daily", "fortnightly"] {
        let (code, message) = refused(&format!("action=GetChargeSums&duration={word}"));
        assert_eq!(code, 1101, "{word}");
        assert!(
            message.contains("daily, weekly, monthly, quarterly, yearly or total"),
            "{message}"
        );
    }
    let estimate = |duration: &str| {
        refused(&format!(
            "action=GetTotalEstimatedConsumption&project_id=p&root_user=u&group_by=zone_id&duration={duration}"
        ))
        .0
    };
    assert_eq!(estimate("7d"), 0);
    assert_eq!(estimate(""), 0);
    assert_eq!(estimate("daily"), 1101);
    assert_eq!(estimate("0d"), 1101);
}

#[test]
fn l09_lists_are_bare_indexed_or_repeated_and_have_an_end() {
    let bill = records();
    let zones = ["pek3b", "pek3a"];
    let ask = |list: &str| qingcloud(&format!("action=GetChargeSums&duration=total&{list}"), &bill);
    let expected = ask(&format!("zone.1={}&zone.2={}", zones[0], zones[1]));
    for list in [
        format!("zone={}&zone={}", zones[0], zones[1]),
        format!("zone.10={}&zone.9={}", zones[0], zones[1]),
        format!("zone={}&zone.1={}", zones[0], zones[1]),
        format!("zone.1={}&zone.2={}&zone.3=", zones[0], zones[1]),
    ] {
        assert_eq!(ask(&list), expected, "{list}");
    }
    // A comma is part of a value.
    assert_eq!(ask("zone=pek3a,pek3b")["total_sum"], "0");
    assert_eq!(
        refused("action=GetChargeSums&duration=total&zone.n=pek3a").0,
        1100
    );
    assert_eq!(
        refused("action=GetChargeSums&duration=total&duration=daily").0,
        1100
    );
    let many: String = (1..=10_000).map(|i| format!("&resource.{i}=i-{i}")).collect();
    let (code, message) = refused(&format!("action=GetChargeSums&duration=total{many}"));
    assert_eq!(code, 2500);
    assert!(message.contains("limit.values"), "{message}");
    let some: String = (1..=4000).map(|i| format!("&resource.{i}=i-{i}")).collect();
    assert_eq!(
        refused(&format!("action=GetChargeSums&duration=total{some}")).0,
        0
    );
    // A filter that is spelt almost right must not be passed over.
    for near in ["zones=pek3a", "resource_types=volume", "users.1=u", "star_time=x"] {
        let (code, message) = refused(&format!("action=GetChargeSums&duration=total&{near}"));
        assert_eq!(code, 1100, "{near}");
        assert!(message.contains("near names"), "{message}");
    }
    // What clients send with every call is.
    let common = "req_id=caf3aeeaa40545e09dfa743a04b086aa&version=1&time_stamp=2026-11-21T19:29:19Z\
        &access_key_id=K&signature_method=HmacSHA256&signature_version=1&signature=x&verbose=0";
    assert_eq!(
        refused(&format!("action=GetChargeSums&duration=total&{common}")).0,
        0
    );
}

#[test]
fn l10_broken_encoding_is_refused_and_a_plus_is_a_space() {
    for text in ["zone=%", "zone=%2", "zone=%zz", "zone=%E4%BA", "zone=%ff", "%=1"] {
        assert_eq!(
            refused(&format!("action=GetChargeSums&duration=total&{text}")).0,
            1100,
            "{text}"
        );
    }
    let folder = Folder::new();
    let path = folder.put(
        "a.ndjson",
        r#"{"fee":"1","start_time":"2024-03-01T00:00:00Z","end_time":"2024-03-02T00:00:00Z","resource_id":"a b","user_id":"u","root_user_id":"r","currency":"cny"}"#,
    );
    for value in ["a+b", "a%20b"] {
        let query = format!("action=GetChargeSums&duration=total&resource={value}");
        assert_eq!(qingcloud(&query, &files(&path))["total_sum"], "1", "{value}");
    }
}

#[test]
fn l11_an_illegal_type_of_plcloud_is_an_empty_list() {
    let bill = files(&sample("pages/get-consumptions-by-query.json"));
    for kind in ["nonsense", "Instance", "instance,volume"] {
        assert_eq!(
            plcloud(&format!("action=GetConsumptionsByQuery&type={kind}"), &bill),
            json!({"message": "成功", "code": 200, "data": [], "total_amount": "0"})
        );
    }
}

#[test]
fn l12_a_broken_body_is_refused() {
    let big = month(&format!(
        r#""Limit":1,"Offset":0,"PayerUin":"{}""#,
        "x".repeat(11 << 20)
    ));
    let many = month(&format!(
        r#""Limit":1,"Offset":0,"Conditions":{{"RegionIds":[{}1]}}"#,
        "1,".repeat(10_000)
    ));
    for (body, code) in [
        (month(r#""Limit":1,"Limit":2,"Offset":0"#), "InvalidParameter"),
        (
            format!("{{\"Conditions\":{}{}}}", "[".repeat(1000), "]".repeat(1000)),
            "InvalidParameter",
        ),
        (big, "RequestSizeLimitExceeded"),
        (many, "RequestSizeLimitExceeded"),
        (
            format!("{} x", month(r#""Limit":1,"Offset":0"#)),
            "InvalidParameter",
        ),
        (month(r#""Limit":NaN,"Offset":0"#), "InvalidParameter"),
        (
            format!("\u{feff}{}", month(r#""Limit":1,"Offset":0"#)),
            "InvalidParameter",
        ),
        (String::new(), "InvalidParameter"),
        ("[]".to_owned(), "InvalidParameter"),
        (month(r#""Limit":1,"Offset":0,"Limits":1"#), "UnknownParameter"),
        (
            month(r#""Limit":1,"Offset":0,"Conditions":{"RegionID":[1]}"#),
            "UnknownParameter",
        ),
        (
            month(r#""Limit":1,"Offset":0,"Conditions":[]"#),
            "InvalidParameter",
        ),
        (
            month(r#""Limit":1,"Offset":0,"Conditions":{"PayModes":["free"]}"#),
            "InvalidParameterValue",
        ),
        (
            month(r#""Limit":1,"Offset":0,"Conditions":{"OrderByCost":"up"}"#),
            "InvalidParameterValue",
        ),
        (
            month(r#""Limit":1,"Offset":0,"NeedRecordNum":2"#),
            "InvalidParameterValue",
        ),
    ] {
        assert_eq!(tencent_refused(&body).0, code, "{body:.80}");
    }
}

#[test]
fn l13_a_body_of_another_type_or_encoding_is_refused() {
    let body = month(r#""Limit":1,"Offset":0"#);
    for content_type in ["", "text/plain", "text/xml", "application/json; charset=gbk"] {
        let request = WireRequest::post(Dialect::Tencent, content_type, body.as_str())
            .with_header("X-TC-Action", RESOURCE);
        let answer = call(&request, &bill(), &Settings::default());
        assert_eq!(
            answer["Response"]["Error"]["Code"], "InvalidRequest",
            "{content_type}"
        );
    }
    for content_type in ["application/json", "Application/JSON; charset=UTF-8"] {
        let request = WireRequest::post(Dialect::Tencent, content_type, body.as_str())
            .with_header("x-tc-action", RESOURCE);
        assert!(call(&request, &bill(), &Settings::default())["Response"]["Error"].is_null());
    }
    let request = WireRequest::post(Dialect::QingCloud, "application/json", "{}");
    assert_eq!(call(&request, &records(), &Settings::default())["ret_code"], 1100);
    let request = WireRequest::post(Dialect::Plcloud, "text/plain", "action=GetConsumptionsByQuery");
    assert_eq!(call(&request, &records(), &Settings::default())["code"], 415);
}

#[test]
fn l14_a_keyword_is_a_literal_part_of_id_or_name() {
    let folder = Folder::new();
    let row = |id: &str, name: &str| {
        format!(
            r#"{{"PayerUin":"1","OwnerUin":"1","BusinessCode":"b","ResourceId":"{id}","ResourceName":"{name}","FeeBeginTime":"2024-02-01 00:00:00","FeeEndTime":"2024-02-01 23:59:59","RealTotalCost":"1","PayMode":"postPay"}}"#
        )
    };
    let rows = [
        row("ins-1", "web"),
        row("ins-2", "100%_a.*"),
        row("ins-3", "o'x"),
        row("100", "中"),
    ];
    let path = folder.put(
        "a.json",
        format!(r#"{{"Response":{{"ResourceSummarySet":[{}]}}}}"#, rows.join(",")),
    );
    let bill = files(&path);
    for (keyword, ids) in [
        ("ins", vec!["ins-1", "ins-2", "ins-3"]),
        ("%", vec!["ins-2"]),
        ("_", vec!["ins-2"]),
        (".*", vec!["ins-2"]),
        ("'", vec!["ins-3"]),
        ("' or 1=1 --", vec![]),
        ("100", vec!["100", "ins-2"]),
        ("中", vec!["100"]),
        ("^ins", vec![]),
        ("WEB", vec![]),
    ] {
        let body = json!({"BeginTime": "2024-02", "EndTime": "2024-02", "Limit": 100, "Offset": 0,
            "Conditions": {"ResourceKeyword": keyword}});
        let answer = tencent(RESOURCE, &body.to_string(), &bill);
        let found: Vec<&str> = answer["Data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["ResourceId"].as_str().unwrap())
            .collect();
        assert_eq!(found, ids, "{keyword}");
    }
}

#[test]
fn l15_pages_of_one_snapshot_put_together_are_the_whole() {
    let store = store(&sample("qingcloud-records.csv"));
    let base = "action=GetChargeSums&duration=monthly&group_by.1=resource_type&group_by.2=zone_id";
    let items = |answer: &Value| -> Vec<Value> {
        answer["charge_sum_set"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|list| list.as_array().unwrap().clone())
            .collect()
    };
    let whole = qingcloud(base, store.as_ref());
    let n_items = whole["total_count"].as_u64().unwrap();
    assert!(n_items > 5);
    for limit in 1..=n_items + 1 {
        let mut put_together = Vec::new();
        for offset in (0..n_items).step_by(limit as usize) {
            let page = qingcloud(&format!("{base}&limit={limit}&offset={offset}"), store.as_ref());
            assert_eq!(page["total_sum"], whole["total_sum"]);
            assert_eq!(page["total_count"], whole["total_count"]);
            put_together.extend(items(&page));
        }
        assert_eq!(put_together, items(&whole), "{limit}");
    }
}

#[test]
fn l16_what_a_key_may_not_see_is_as_if_it_were_not_there() {
    let bill = records();
    let ask = |query: &str, scope: Option<Scope>| {
        let mut request = WireRequest::get(Dialect::QingCloud, query);
        request.scope = scope;
        call(&request, &bill, &Settings::default())
    };
    let base = "action=GetChargeSums&duration=total&group_by=project_id";
    let scope = Scope {
        projects: Some(vec!["mobile-api".to_owned()]),
        root_users: None,
    };
    let seen = ask(base, Some(scope.clone()));
    let filtered = ask(&format!("{base}&project_id=mobile-api"), None);
    assert_eq!(seen, filtered);
    assert_ne!(seen, ask(base, None));
    // Whether it exists or not.
    for project in ["web-shop", "no-such-project"] {
        for query in [
            format!("{base}&project_id.1=mobile-api&project_id.2={project}"),
            format!("action=GetTotalEstimatedConsumption&root_user=u&group_by=zone_id&project_id={project}"),
            format!("action=GetProjectResourceStat&console_id=c&owner=o&project_id={project}"),
        ] {
            let answer = ask(&query, Some(scope.clone()));
            assert_eq!(answer["ret_code"], 1400, "{query}");
            assert_eq!(
                answer["message"],
                format!("PermissionDenied, [{project}] is not among what this key may see")
            );
        }
    }
    let nobody = Scope {
        projects: None,
        root_users: Some(Vec::new()),
    };
    assert_eq!(ask(base, Some(nobody))["total_sum"], "0");
    // A project that is in no list of those that there are.
    let settings = Settings {
        projects: Some(std::collections::BTreeMap::new()),
        ..Settings::default()
    };
    let request = WireRequest::get(
        Dialect::QingCloud,
        "action=GetTotalEstimatedConsumption&root_user=u&group_by=zone_id&project_id=p",
    );
    assert_eq!(call(&request, &bill, &settings)["ret_code"], 2100);
}

#[test]
fn l18_a_bill_without_rows_is_answered_with_zeros() {
    let folder = Folder::new();
    let path = folder.put(
        "empty.csv",
        "resource_type,fee,user_id,root_user_id,zone_id,project_id,resource_id,start_time,end_time,currency\n",
    );
    for charges in [&files(&path) as &dyn Charges, store(&path).as_ref()] {
        assert_eq!(
            qingcloud("action=GetChargeSums&duration=daily", charges),
            json!({"action": "GetChargeSumsResponse", "total_count": 0, "charge_sum_set": {}, "ret_code": 0,
                "total_sum": "0"})
        );
        let estimate = qingcloud(
            "action=GetTotalEstimatedConsumption&project_id=p&root_user=u&group_by=zone_id",
            charges,
        );
        assert_eq!(estimate["total_price"], "0");
        assert_eq!(estimate["ret_code"], 0);
        let stat = qingcloud(
            "action=GetProjectResourceStat&console_id=c&project_id=p&owner=o",
            charges,
        );
        assert_eq!(stat["data"][0]["instance_count"], 0);
        let records = qingcloud("action=GetChargeRecords&resource=r&zone=z", charges);
        assert_eq!(records["charge_record_set"], json!([]));
        assert_eq!(records["total_sum"], "0");
        assert_eq!(
            plcloud("action=GetConsumptionsByQuery", charges),
            json!({"message": "成功", "code": 200, "data": [], "total_amount": "0"})
        );
        let summary = plcloud("action=GetConsumptionsSummary", charges);
        assert_eq!(summary["data"].as_array().unwrap().len(), 9);
        assert_eq!(
            summary["data"][8],
            json!({"res_type": "allcategories", "amount": "0.00"})
        );
        for (action, total) in [
            (RESOURCE, "0.00"),
            ("DescribeCostSummaryByProduct", "0.00000000"),
            ("DescribeCostSummaryByProject", "0.00000000"),
            ("DescribeCostSummaryByRegion", "0.00"),
        ] {
            let answer = tencent(
                action,
                &month(r#""Limit":1,"Offset":0,"NeedRecordNum":1"#),
                charges,
            );
            assert_eq!(answer["Total"]["RealTotalCost"], total, "{action}");
            assert_eq!(answer["Data"], json!([]));
            assert_eq!(answer["RecordNum"], 0);
        }
    }
}

/// The command gives the response and an exit code that says who must act.
#[test]
fn l02_the_command_prints_the_envelope_and_exits_by_it() {
    let path = sample("qingcloud-records.csv");
    let ran = command("api action=GetChargeSums {}", &path);
    assert_eq!(ran.exit, 2);
    assert_eq!(
        ran.stdout,
        "{\"ret_code\":1100,\"message\":\"InvalidRequestFormat, [duration] is required\"}\n"
    );
    let focus = sample("focus-1.2.ndjson");
    let ran = command("api action=GetChargeSums&duration=total {}", &focus);
    assert_eq!(ran.exit, 5);
    assert!(
        ran.stdout.contains("\"ret_code\":1400") && ran.stdout.contains("EUR"),
        "{}",
        ran.stdout
    );
    let ran = command("api action=GetChargeSums&duration=total&currency=EUR {}", &focus);
    assert_eq!(ran.exit, 0, "{}", ran.stdout);
    let ran = command(
        "api --currency EUR action=GetChargeSums&duration=total {}",
        &focus,
    );
    assert_eq!(ran.exit, 0, "{}", ran.stdout);
    let ran = command("api action=GetChargeSums&duration=total {}", "no/such/file.csv");
    assert_ne!(ran.exit, 0);
    assert!(!ran.stdout.contains("no/such"), "{}", ran.stdout);
    assert!(ran.stderr.contains("no/such"), "{}", ran.stderr);
}

/// A refusal of any kind has an envelope in every dialect.
#[test]
fn l13_every_refusal_has_an_envelope_in_every_dialect() {
    for kind in [
        RefusalKind::Missing,
        RefusalKind::Signature,
        RefusalKind::Busy,
        RefusalKind::Loading,
        RefusalKind::Internal,
        RefusalKind::TooMany,
        RefusalKind::UnknownPath,
    ] {
        for dialect in [Dialect::QingCloud, Dialect::Tencent, Dialect::Plcloud] {
            let response = billfold_api::Refusal::new(kind, "a reason").respond(dialect, "r");
            read(dialect, &response);
        }
    }
    let mut request = tencent_request(RESOURCE, "{}");
    request.path = "/nowhere".to_owned();
    let response = answer(&request, &bill(), &Settings::default());
    assert_eq!(response.fault.unwrap().code, "InvalidRequest");
}
