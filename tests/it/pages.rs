//! Every example of the actions' pages, member for member, from small bills, from files and from memory alike.

use std::collections::BTreeMap;

use billfold_api::{Dialect, Settings, WireRequest};
use billfold_core::dataset::Charges;
use serde_json::{Value, json};

use crate::support::command;
use crate::wire::{call, files, plcloud, qingcloud, sample, store, tencent};

const MARCH: &str = "user=usr-abcd1234&duration=total&zone=gd2\
    &start_time=2019-02-28T16:00:00.000Z&end_time=2019-03-31T15:59:59.999Z";

/// The same answer from the file and from memory.
#[track_caller]
fn both(name: &str, ask: impl Fn(&dyn Charges) -> Value) -> Value {
    let path = sample(&format!("pages/{name}"));
    let answer = ask(&files(&path));
    assert_eq!(ask(store(&path).as_ref()), answer, "from memory");
    answer
}

#[test]
fn get_charge_sums_example_1() {
    let expected = json!({
        "action": "GetChargeSumsResponse",
        "total_count": 1,
        "charge_sum_set": {
            "usr-i3K70DIf": [
                {"fee": "63.36", "root_user_id": "usr-i3K70DIf", "total": "total", "total_sum": 0.0}
            ]
        },
        "ret_code": 0,
        "total_sum": "63.36"
    });
    let query = format!("action=GetChargeSums&{MARCH}");
    let answer = both("get-charge-sums-1.csv", |bill| qingcloud(&query, bill));
    assert_eq!(answer, expected);
    // The float of the page is one.
    let ran = command(
        &format!("api {query} {{}}"),
        &sample("pages/get-charge-sums-1.csv"),
    );
    assert_eq!(ran.exit, 0);
    assert!(ran.stdout.contains(r#""total_sum":0.0}"#), "{}", ran.stdout);
}

#[test]
fn get_charge_sums_example_2_with_its_typo() {
    let expected = json!({
        "action": "GetChargeSumsResponse",
        "total_count": 1,
        "charge_sum_set": {
            "instance": [{"fee": "1468.5478", "total": "total", "resource_type": "instance"}]
        },
        "ret_code": 0,
        "total_sum": "1468.5478"
    });
    for group_by in [
        "group_by=reousrce_type",
        "group_by.1=resource_type",
        "group_by=resource_type",
    ] {
        let query = format!("action=GetChargeSums&{MARCH}&{group_by}");
        assert_eq!(
            both("get-charge-sums-2.csv", |bill| qingcloud(&query, bill)),
            expected
        );
    }
}

#[test]
fn get_total_estimated_consumption_of_a_project_without_charges() {
    let query = "project_id=pj-xzvlxlb5&action=GetTotalEstimatedConsumption&offset=0&limit=100\
        &group_by=resource_type&root_user=usr-WantwZJ8&duration=7d";
    assert_eq!(
        both("get-charge-sums-1.csv", |bill| qingcloud(query, bill)),
        json!({
            "total_estimated_consumption_set": [],
            "total_resource_count": 0,
            "elastic_price": "0",
            "ret_code": 0,
            "total_count": 0,
            "elastic_resource_count": 0,
            "reserved_resource_count": 0,
            "reserved_price": "0",
            "total_price": "0",
            "action": "GetTotalEstimatedConsumptionResponse"
        })
    );
}

#[test]
fn get_project_resource_stat_of_a_project_without_charges() {
    let settings = Settings {
        projects: Some(BTreeMap::from([(
            "pj-xzvlxlb5".to_owned(),
            "rg-h9v3ucnq".to_owned(),
        )])),
        ..Settings::default()
    };
    let request = WireRequest::get(
        Dialect::QingCloud,
        "owner=usr-WantwZJ8&project_id=pj-xzvlxlb5&action=GetProjectResourceStat&offset=0&limit=60\
         &console_id=alphacloud",
    );
    let mut answer = both("get-charge-sums-1.csv", |bill| call(&request, bill, &settings));
    assert!(answer["elapsed_time"].is_f64(), "{answer}");
    let end_time = answer["data"][0]["end_time"].as_str().unwrap();
    assert_eq!(
        end_time, "2019-04-06T08:00:00",
        "the end of the data, on the clocks of the zone"
    );
    answer["elapsed_time"] = json!(0.0023250579833984375);
    answer["data"][0]["end_time"] = json!("2021-12-27T17:50:14");
    assert_eq!(
        answer,
        json!({
            "elapsed_time": 0.0023250579833984375,
            "total_count": 1,
            "data": [
                {
                    "resource_group_id": "rg-h9v3ucnq",
                    "vcpus_count": 0,
                    "volume_count": 0,
                    "wan_vpc_count": 0,
                    "instance_count": 0,
                    "eip_count": 0,
                    "wan_vpc_bandwidth": 0,
                    "console_id": "alphacloud",
                    "wan_cpe_count": 0,
                    "volume_size": 0,
                    "wan_cpe_bandwidth": 0,
                    "wan_line_count": 0,
                    "memory_sum": 0,
                    "duration": "daily",
                    "wan_connect_count": 0,
                    "eip_bandwidth": 0,
                    "wan_line_bandwidth": 0,
                    "wan_connect_bandwidth": 0,
                    "end_time": "2021-12-27T17:50:14"
                }
            ],
            "action": "GetProjectResourceStatResponse",
            "ret_code": 0
        })
    );
}

#[test]
fn get_consumptions_by_query_example() {
    let form = "action=GetConsumptionsByQuery&region=&type=instance&start_at=2014-12-01&end_at=2014-12-02";
    let expected = json!({
        "message": "成功",
        "code": 200,
        "data": [
            {
                "res_type": "instance",
                "res_meta": {"memory_gb": 2, "ephemeral_gb": 0, "vcpus": 1, "disk_gb": 0},
                "start_at": "2014-12-01 00:00:00",
                "name": "joelei1",
                "region": "shenzhen",
                "unit_price": "0.152748",
                "end_at": "2014-12-02 00:00:00",
                "billing_type": "hour",
                "amount": "3.6659520000",
                "remarks": "资源更新",
                "billing_id": "c9ee5686-4066-4a65-a632-ad9b12a71881",
                "cost_time": "24.0000",
                "res_id": "ced51e4a-e659-4641-a859-64f5d38e576d",
                "id": "f5b4d92d-3486-46b6-bf4b-1888d1eca706",
                "is_billing": false,
                "region_name": ""
            }
        ],
        "total_amount": "3.6659520000"
    });
    let path = sample("pages/get-consumptions-by-query.json");
    let mut answer = plcloud(form, &files(&path));
    assert_eq!(answer, expected);
    // A store keeps no keys of charges, and makes one that is always the same.
    let mut of_store = plcloud(form, store(&path).as_ref());
    assert_eq!(of_store, plcloud(form, store(&path).as_ref()));
    let id = of_store["data"][0]["id"].take();
    assert_eq!(id.as_str().unwrap().len(), 36);
    answer["data"][0]["id"].take();
    assert_eq!(of_store, answer);
    // The recomputed amount is the same here: unit_price × cost_time is exact.
    let settings = Settings {
        recomputed_amount: true,
        ..Settings::default()
    };
    let request = WireRequest::get(Dialect::Plcloud, form);
    assert_eq!(call(&request, &files(&path), &settings), expected);
}

/// The row of the client's example: dates, days, cost per day and the three roundings in one.
#[test]
fn describe_cost_summary_by_resource_example() {
    let body = r#"{"EndTime": "2024-11", "Limit": "1", "BeginTime": "2024-11", "Offset": "0"}"#;
    let mut answer = both("describe-cost-summary-by-resource.json", |bill| {
        tencent("DescribeCostSummaryByResource", body, bill)
    });
    let item = answer["Data"][0].as_object_mut().unwrap();
    // Members that only the client of the international site, or only the newer one, knows.
    for (name, value) in [
        ("Tax", "0.00000000"),
        ("TaxRate", ""),
        ("AmountBeforeTax", "0.06570339"),
        ("LeftRealTotalCost", "0.00000000"),
    ] {
        assert_eq!(item.remove(name).unwrap(), value, "{name}");
    }
    assert_eq!(
        answer["Data"],
        serde_json::from_str::<Value>(
            r#"[{
            "OwnerUin": "10002011014",
            "PayerUin": "10002011014",
            "OperateUin": "10002011014",
            "BusinessCode": "p_cdn",
            "BusinessCodeName": "内容分发网络 CDN",
            "ProductCode": "sp_cdn_ov",
            "ProductCodeName": "中国境外CDN",
            "ResourceId": "1300342678_1002522_102391_sv_cdn_ov_hour_flux_AS1_1",
            "ResourceName": "未命名",
            "RealTotalCost": "0.07",
            "RealCost": "0.08",
            "CashPayAmount": "0.06570339",
            "RegionId": "1001",
            "RegionName": "亚太地区（亚太一区）",
            "RegionType": "international",
            "RegionTypeName": "国际",
            "PayMode": "postPay",
            "PayModeName": "按量计费",
            "ProjectId": "0",
            "ProjectName": "默认项目",
            "FeeBeginTime": "2024-11-01 08:00:00",
            "FeeEndTime": "2024-11-17 19:59:59",
            "DayDiff": "17",
            "DailyTotalCost": "0.00386491",
            "ConsumptionTypeName": "按量计费小时结",
            "OrderId": "20241010****",
            "VoucherPayAmount": "0.00000000",
            "IncentivePayAmount": "0.00000000",
            "TransferPayAmount": "0.00000000",
            "Extend1": "",
            "Extend2": "",
            "Extend3": "",
            "Extend4": "",
            "Extend5": "",
            "InstanceType": "exclusiveSale",
            "InstanceTypeName": "包销实例",
            "PayTime": "2024-10-10 15:43:39",
            "ZoneName": "其他",
            "ComponentConfig": "海外CDN-按小时结算-流量: 0.00000533 GB",
            "Tags": ""
            }]"#
        )
        .unwrap()
    );
    assert_eq!(answer["Ready"], 1);
    assert_eq!(answer["Total"], json!({"RealTotalCost": "0.07"}));
    assert_eq!(answer["RecordNum"], Value::Null);
    assert_eq!(answer["ConditionValue"], Value::Null);
}

#[test]
fn describe_cost_summary_by_resource_says_more_when_asked() {
    let body = r#"{"EndTime": "2024-11", "Limit": 1, "BeginTime": "2024-11", "Offset": 0,
        "NeedRecordNum": 1, "NeedConditionValue": 1}"#;
    let answer = both("describe-cost-summary-by-resource.json", |bill| {
        tencent("DescribeCostSummaryByResource", body, bill)
    });
    assert_eq!(answer["RecordNum"], 1);
    assert_eq!(
        answer["ConditionValue"],
        json!({
            "Business": [{"BusinessCode": "p_cdn", "BusinessCodeName": "内容分发网络 CDN"}],
            "Project": [{"ProjectId": "0", "ProjectName": "默认项目"}],
            "Region": [{"RegionId": "1001", "RegionName": "亚太地区（亚太一区）"}],
            "PayMode": [{"PayMode": "postPay", "PayModeName": "按量计费"}]
        })
    );
}

/// A recorded answer of 2024: 22.24 × 2 h and 11.12 × 141 s, rounded record by record.
#[test]
fn get_charge_records_as_recorded() {
    let query = "action=GetChargeRecords&resource=qai-inf-88888888&zone=staging";
    let answer = both("get-charge-records.json", |bill| qingcloud(query, bill));
    let text = std::fs::read(sample("pages/get-charge-records.json")).unwrap();
    assert_eq!(answer, serde_json::from_slice::<Value>(&text).unwrap());
}
