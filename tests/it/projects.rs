//! The actions about projects and months on bills whose answers can be worked out by hand.

use billfold_api::{Dialect, Settings, WireRequest};
use billfold_core::dataset::Charges;
use serde_json::{Value, json};

use crate::support::{Folder, command};
use crate::wire::{call, files, plcloud, qingcloud, sample, store, tencent};

const HEADER: &str = "resource_type,fee,user_id,root_user_id,zone_id,project_id,resource_id,start_time,end_time,\
    charge_mode,currency,vcpus_count,memory,volume_size,bandwidth,tags";

/// A bill of the last ten days of January 2024 (UTC), an hour a row:
/// `i-old` 1 an hour all the time, prepaid; `i-new` 2 an hour since the 30th 00:00; `i-gone` until the 25th;
/// `vol-1` 0.1 an hour all the time; a yearly contract that begins on the 22nd and reaches into 2025.
fn bill(folder: &Folder) -> String {
    let mut rows = vec![HEADER.to_owned()];
    let mut hours = |kind: &str,
                     id: &str,
                     fee: &str,
                     days: std::ops::Range<u32>,
                     mode: &str,
                     sizes: &str,
                     tags: &str| {
        for day in days {
            for hour in 0..24 {
                let end = match (day, hour) {
                    (31, 23) => "2024-02-01T00:00:00Z".to_owned(),
                    (_, 23) => format!("2024-01-{:02}T00:00:00Z", day + 1),
                    _ => format!("2024-01-{day:02}T{:02}:00:00Z", hour + 1),
                };
                rows.push(format!(
                    "{kind},{fee},usr-u,usr-r,pek3,pj-1,{id},2024-01-{day:02}T{hour:02}:00:00Z,{end},{mode},cny,{sizes},{tags}"
                ));
            }
        }
    };
    let tag = r#""[""tag-a"",""tag-b""]""#;
    hours("instance", "i-old", "1", 22..32, "prePay", "4,8192,,", tag);
    hours("instance", "i-new", "2", 30..32, "postPay", "2,4096,,", "");
    hours("instance", "i-gone", "5", 22..25, "postPay", "1,1024,,", "");
    hours("volume", "vol-1", "0.1", 22..32, "postPay", ",,100,", "");
    hours("eip", "eip-1", "0.2", 22..32, "postPay", ",,,5", "");
    rows.push(
        "instance,366,usr-u,usr-r,pek3,pj-2,i-year,2024-01-22T00:00:00Z,2025-01-22T00:00:00Z,prePay,cny,,,,,"
            .to_owned(),
    );
    folder.put("bill.csv", rows.join("\n") + "\n")
}

#[track_caller]
fn both(path: &str, ask: impl Fn(&dyn Charges) -> Value) -> Value {
    let answer = ask(&files(path));
    assert_eq!(ask(store(path).as_ref()), answer, "from memory");
    answer
}

#[test]
fn an_estimate_is_the_run_rate_of_what_is_active() {
    let folder = Folder::new();
    let path = bill(&folder);
    let query = "action=GetTotalEstimatedConsumption&project_id=pj-1&root_user=usr-r&group_by=resource_type";
    let answer = both(&path, |bill| qingcloud(query, bill));
    // The data ends on 1 February at 00:00.
    // i-old, vol-1 and eip-1 cost what the last week cost; i-new is two days old and costs 2 an hour.
    assert_eq!(answer["reserved_price"], "168");
    assert_eq!(answer["elastic_resource_count"], 3);
    assert_eq!(answer["reserved_resource_count"], 1);
    assert_eq!(answer["total_resource_count"], 4);
    assert_eq!(answer["total_count"], 3);
    let items = answer["total_estimated_consumption_set"].as_array().unwrap();
    let kinds: Vec<&str> = items
        .iter()
        .map(|item| item["resource_type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["eip", "instance", "volume"]);
    assert_eq!(items[0]["total_price"], "33.6");
    assert_eq!(items[1]["reserved_price"], "168");
    assert_eq!(items[1]["elastic_price"], "336");
    assert_eq!(items[2]["elastic_price"], "16.8");

    // A day of it, for everything that is there a seventh.
    let day = both(&path, |bill| qingcloud(&format!("{query}&duration=1d"), bill));
    assert_eq!(day["reserved_price"], "24");
    // Pages of groups; the totals are of all of them.
    let page = both(&path, |bill| {
        qingcloud(&format!("{query}&offset=2&limit=1"), bill)
    });
    assert_eq!(
        page["total_estimated_consumption_set"].as_array().unwrap().len(),
        1
    );
    assert_eq!(page["total_price"], answer["total_price"]);
    // A resource with two tags is in two groups and counts once.
    let tags = both(&path, |bill| {
        qingcloud(&query.replace("resource_type", "tag_id"), bill)
    });
    let of_tags = tags["total_estimated_consumption_set"].as_array().unwrap();
    assert_eq!(of_tags.len(), 3, "two tags and untagged");
    assert_eq!(tags["reserved_price"], "168");
    assert_eq!(tags["total_resource_count"], 4);
    // The zone that clients add says nothing.
    assert_eq!(
        both(&path, |bill| qingcloud(&format!("{query}&zone=elsewhere"), bill)),
        answer
    );
}

#[test]
fn how_long_a_resource_stays_active_can_be_said() {
    let folder = Folder::new();
    let path = bill(&folder);
    let count = |options: &str| -> Value {
        let query =
            "action=GetTotalEstimatedConsumption&project_id=pj-1&root_user=usr-r&group_by=resource_type";
        let ran = command(format!("api {query} {{}} {options}").trim_end(), &path);
        assert_eq!(ran.exit, 0, "{}{}", ran.stdout, ran.stderr);
        let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
        answer["total_resource_count"].clone()
    };
    // `i-gone` had its last charge until the 25th; the data ends with January.
    assert_eq!(count(""), 4);
    assert_eq!(count("--active-for 24h"), 4);
    assert_eq!(count("--active-for 7d"), 4);
    assert_eq!(count("--active-for 8d"), 5);
    assert_eq!(count("--active-for 24h --as-of 2024-01-25T00:00:00Z"), 4);
}

#[test]
fn an_estimate_can_be_made_for_another_instant() {
    let folder = Folder::new();
    let path = bill(&folder);
    let settings = Settings {
        as_of: Some(
            billfold_core::time::parse_bound("2024-01-25T00:00:00Z", billfold_core::time::Tz::UTC).unwrap(),
        ),
        ..Settings::default()
    };
    let request = WireRequest::get(
        Dialect::QingCloud,
        "action=GetTotalEstimatedConsumption&project_id=pj-1&root_user=usr-r&group_by=resource_id",
    );
    let answer = call(&request, &files(&path), &settings);
    let items = answer["total_estimated_consumption_set"].as_array().unwrap();
    let ids: Vec<&str> = items
        .iter()
        .map(|item| item["resource_id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        ["eip-1", "i-gone", "i-old", "vol-1"],
        "i-new is not there yet"
    );
}

#[test]
fn a_project_has_an_item_for_every_day_the_newest_first() {
    let folder = Folder::new();
    let path = bill(&folder);
    let query = "action=GetProjectResourceStat&console_id=c&project_id=pj-1&owner=usr-u";
    let answer = both(&path, |bill| qingcloud(query, bill));
    // From 22 January 08:00 to 1 February 08:00 in Shanghai.
    assert_eq!(answer["total_count"], 11);
    let days = answer["data"].as_array().unwrap();
    let ends: Vec<&str> = days.iter().map(|day| day["end_time"].as_str().unwrap()).collect();
    assert_eq!(ends[0], "2024-02-01T08:00:00");
    assert_eq!(ends[1], "2024-02-01T00:00:00");
    assert_eq!(ends[10], "2024-01-23T00:00:00");
    let day = |n: usize, member: &str| days[n][member].as_u64().unwrap();
    assert_eq!(
        (
            day(0, "instance_count"),
            day(0, "vcpus_count"),
            day(0, "memory_sum")
        ),
        (2, 6, 12288)
    );
    assert_eq!((day(0, "volume_count"), day(0, "volume_size")), (1, 100));
    assert_eq!((day(0, "eip_count"), day(0, "eip_bandwidth")), (1, 5));
    // i-gone ends on the 25th at 08:00 in Shanghai: it is there at the end of the 24th, and not of the 25th.
    assert_eq!((day(8, "instance_count"), day(8, "vcpus_count")), (2, 5));
    assert_eq!(ends[8], "2024-01-25T00:00:00");
    assert_eq!((day(7, "instance_count"), day(7, "vcpus_count")), (1, 4));
    let page = both(&path, |bill| {
        qingcloud(&format!("{query}&offset=8&limit=1"), bill)
    });
    assert_eq!(page["data"], json!([days[8]]));
    assert_eq!(page["total_count"], 11);
    // The payer owns it too, and nobody else does.
    let root = both(&path, |bill| qingcloud(&query.replace("usr-u", "usr-r"), bill));
    assert_eq!(root["data"], answer["data"]);
    let other = both(&path, |bill| qingcloud(&query.replace("usr-u", "usr-x"), bill));
    assert_eq!(other["ret_code"], 1400);
}

#[test]
fn a_prepaid_year_is_spread_over_its_months_and_what_is_left_is_told() {
    let folder = Folder::new();
    let path = bill(&folder);
    let body = r#"{"BeginTime":"2024-02","EndTime":"2024-02","Limit":10,"Offset":0,"NeedRecordNum":1,
        "Conditions":{"ResourceKeyword":"year"}}"#;
    let answer = both(&path, |bill| tencent("DescribeCostSummaryByResource", body, bill));
    assert_eq!(answer["RecordNum"], 1);
    let item = &answer["Data"][0];
    // 366 for 366 days.
    assert_eq!(item["RealTotalCost"], "29.00");
    assert_eq!(item["DailyTotalCost"], "1.00000000");
    assert_eq!(item["DayDiff"], "29");
    assert_eq!(item["PayMode"], "prePay");
    assert_eq!(item["FeeBeginTime"], "2024-02-01 00:00:00");
    assert_eq!(item["FeeEndTime"], "2024-02-29 23:59:59");
    // From 22 January 08:00 to 1 March 00:00 in Shanghai there are 38 days and 16 hours.
    assert_eq!(item["LeftRealTotalCost"], "327.33333333");
    let asked = |members: &str| {
        let body =
            format!(r#"{{"BeginTime":"2024-01","EndTime":"2024-01","Limit":100,"Offset":0{members}}}"#);
        both(&path, |bill| {
            tencent("DescribeCostSummaryByResource", &body, bill)
        })
    };
    let ids = |answer: &Value| -> Vec<String> {
        answer["Data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["ResourceId"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        ids(&asked("")),
        ["i-gone", "i-old", "i-new", "eip-1", "vol-1", "i-year"]
    );
    assert_eq!(
        ids(&asked(
            r#","Conditions":{"PayModes":["prePay"],"OrderByCost":"asc"}"#
        )),
        ["i-year", "i-old"]
    );
    assert_eq!(
        ids(&asked(r#","Conditions":{"ProjectIds":["pj-2"]}"#)),
        ["i-year"]
    );
    assert_eq!(ids(&asked(r#","PayerUin":"nobody""#)), Vec::<String>::new());
    let english = crate::wire::tencent_request(
        "DescribeCostSummaryByResource",
        r#"{"BeginTime":"2024-01","EndTime":"2024-01","Limit":1,"Offset":0}"#,
    )
    .with_header("X-TC-Language", "en-US");
    let english = call(&english, &files(&path), &Settings::default());
    assert_eq!(english["Response"]["Data"][0]["ResourceName"], "Unnamed");
    assert_eq!(english["Response"]["Data"][0]["PayModeName"], "Pay-as-you-go");
}

#[test]
fn summaries_stand_beside_the_month_before() {
    let folder = Folder::new();
    let path = bill(&folder);
    let ask = |action: &str, month: &str| {
        let body = format!(
            r#"{{"BeginTime":"{month}","EndTime":"{month}","Limit":10,"Offset":0,"NeedRecordNum":1}}"#
        );
        both(&path, |bill| tencent(action, &body, bill))
    };
    let first = ask("DescribeCostSummaryByProject", "2024-01");
    assert_eq!(first["Data"][0]["ProjectId"], "pj-1");
    assert_eq!(first["Data"][0]["Trend"], json!({"Type": "none", "Value": "0"}));
    assert_eq!(first["Data"][0]["Business"].as_array().unwrap().len(), 1);
    assert_eq!(first["RecordNum"], 2);
    let second = ask("DescribeCostSummaryByProject", "2024-03");
    let year = &second["Data"][0];
    assert_eq!(
        (
            year["ProjectId"].as_str().unwrap(),
            year["RealTotalCost"].as_str().unwrap()
        ),
        ("pj-2", "31.00000000")
    );
    assert_eq!(year["CashPayAmount"], "31.00000000");
    assert_eq!(year["Trend"], json!({"Type": "upward", "Value": "6.9"}));
    let third = ask("DescribeCostSummaryByRegion", "2024-04");
    assert_eq!(
        third["Data"][0]["Trend"],
        json!({"Type": "downward", "Value": "3.23"})
    );
    assert_eq!(third["Data"][0]["RealTotalCost"], "30.00");
    assert_eq!(third["Data"][0]["Business"][0]["RealTotalCost"], "30.00000000");
    // A bill is not spread: the year stands in the month of its start, whole.
    let bill = both(&path, |bill| {
        tencent(
            "DescribeBillResourceSummary",
            r#"{"Month":"2024-01","Limit":2,"Offset":0,"NeedRecordNum":1,"PayMode":"prePay"}"#,
            bill,
        )
    });
    assert_eq!(bill["Total"], 2);
    assert_eq!(bill["ResourceSummarySet"][0]["ResourceId"], "i-year");
    assert_eq!(bill["ResourceSummarySet"][0]["RealTotalCost"], "366.00000000");
    assert_eq!(bill["ResourceSummarySet"][0]["Tags"], json!([]));
    assert_eq!(bill["ResourceSummarySet"][1]["ResourceId"], "i-old");
    assert_eq!(
        bill["ResourceSummarySet"][1]["Tags"],
        json!([{"TagKey": "tag-a", "TagValue": ""}, {"TagKey": "tag-b", "TagValue": ""}])
    );
}

#[test]
fn plclouds_windows_are_dates_and_its_zeros_are_left_out() {
    let path = sample("pages/get-consumptions-by-query.json");
    let bill = files(&path);
    let ids = |form: &str| -> Vec<String> {
        plcloud(&format!("action=GetConsumptionsByQuery&{form}"), &bill)["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| {
                format!(
                    "{} {}",
                    item["res_type"].as_str().unwrap(),
                    item["cost_time"].as_str().unwrap()
                )
            })
            .collect()
    };
    assert_eq!(
        ids("start_at=2014-12-01&end_at=2014-12-02"),
        ["volume 24.0000", "instance 24.0000"]
    );
    assert_eq!(
        ids("start_at=2014-12-01&end_at=2014-12-01"),
        ["volume 24.0000", "instance 24.0000"],
        "the same date twice is that day"
    );
    assert_eq!(
        ids("start_at=2014-12-01 12:00:00&end_at=2014-12-01 18:30:00"),
        ["volume 6.5000", "instance 6.5000"]
    );
    assert_eq!(ids("").len(), 3, "without a window zeros are in");
    assert_eq!(ids("region=beijing"), Vec::<String>::new());
    let inclusive = Settings {
        inclusive_end_at: true,
        ..Settings::default()
    };
    let request = WireRequest::get(
        Dialect::Plcloud,
        "action=GetConsumptionsByQuery&type=instance&start_at=2014-12-01&end_at=2014-12-02",
    );
    assert_eq!(
        call(&request, &bill, &inclusive)["data"][0]["cost_time"],
        "48.0000"
    );
    // JSON, as its newer actions are documented.
    let request = WireRequest::post(
        Dialect::Plcloud,
        "application/json",
        r#"{"action": "GetConsumptionsByQuery", "type": "volume"}"#,
    );
    assert_eq!(
        call(&request, &bill, &Settings::default())["total_amount"],
        "0.2400000000"
    );
    let summary = plcloud("action=GetConsumptionsSummary&region=", &bill);
    assert_eq!(
        summary["data"][0],
        json!({"count": 1, "res_type": "instance", "amount": "7.3319"})
    );
    assert_eq!(
        summary["data"][2],
        json!({"count": 1, "res_type": "image", "amount": "0.00"})
    );
    assert_eq!(
        summary["data"][8],
        json!({"res_type": "allcategories", "amount": "7.57"})
    );
}
