//! Laws of the response. Bills are small tables in the test; the answers are the engine's own.

use std::sync::Arc;

use billfold_core::ErrorClass;
use billfold_core::charge::WantedTags;
use billfold_core::charge::batch::{BatchParts, ChargeBatch};
use billfold_core::charge::builder::{MoneyBuilder, TextBuilder};
use billfold_core::charge::tag_sets::TagBuilder;
use billfold_core::engine::{Plan, Sums};
use billfold_core::money::Amount;
use billfold_core::query::{Allocation, ChargeQuery, Filter, Order};
use billfold_core::time::{Tz, Window, parse_bound};
use serde_json::{Value, json};

use super::*;

/// A bill as a table: the first line names the columns (`start`, `end`, `cost`, `currency`, `tags` or a
/// text column of the schema, by any of its names); `-` is the empty text, and tags are `team=a,env=b`.
struct Bill(Vec<Vec<&'static str>>);

impl Bill {
    fn new(table: &'static str) -> Bill {
        let lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
        Bill(lines.map(|line| line.split_whitespace().collect()).collect())
    }

    fn column(&self, name: &str) -> Vec<&'static str> {
        let (head, rows) = self.0.split_first().unwrap();
        let at = head
            .iter()
            .position(|header| schema::canonical_name(header).unwrap_or(header) == name);
        let cell = |row: &Vec<&'static str>| at.map_or("", |at| row[at]);
        rows.iter()
            .map(cell)
            .map(|cell| if cell == "-" { "" } else { cell })
            .collect()
    }

    fn answer(&self, query: ChargeQuery) -> Answer {
        let plan = Plan::new(query).unwrap();
        let text = |name: &str| {
            let cells = self.column(name);
            let mut builder = TextBuilder::with_capacity(cells.len());
            for cell in &cells {
                builder.push(cell.as_bytes());
            }
            builder.finish(|_| None).unwrap()
        };
        let times = |name: &str| -> Vec<i64> { self.column(name).into_iter().map(utc).collect() };
        let mut cost = MoneyBuilder::with_capacity(0);
        for cell in self.column("cost") {
            cost.push(Amount::parse(cell.as_bytes()).unwrap());
        }
        let mut tags = TagBuilder::with_capacity(0);
        for cell in self.column("tags") {
            tags.push(cell.as_bytes(), |sink| {
                for (key, value) in cell.split(',').filter_map(|tag| tag.split_once('=')) {
                    sink.push(key, Some(value));
                }
            });
        }
        let batch = ChargeBatch::new(BatchParts {
            start: times("start").into(),
            end: plan.hint.spans.then(|| times("end").into()),
            cost: cost.finish().unwrap(),
            currency: text(schema::BILLING_CURRENCY),
            text: plan
                .hint
                .text
                .iter()
                .map(|name| (name.clone(), text(name)))
                .collect(),
            tags: (plan.hint.tags > WantedTags::No).then(|| tags.finish().unwrap().into()),
        })
        .unwrap();
        let mut sums = Sums::new(Arc::new(plan));
        sums.update(&batch).unwrap();
        sums.finish().unwrap().answer
    }

    /// The response as text.
    #[track_caller]
    fn text(&self, group_by: &[&str], change: impl FnOnce(&mut ChargeQuery)) -> String {
        let grouping = Grouping::parse(group_by).unwrap();
        let mut query = ChargeQuery::total();
        query.by = grouping.by;
        query.zone = Tz::Asia__Shanghai;
        change(&mut query);
        let answer = self.answer(query);
        serde_json::to_string(&Response::from_answer(&answer, grouping.shape).unwrap()).unwrap()
    }

    #[track_caller]
    fn json(&self, group_by: &[&str], change: impl FnOnce(&mut ChargeQuery)) -> Value {
        serde_json::from_str(&self.text(group_by, change)).unwrap()
    }
}

fn utc(text: &str) -> i64 {
    parse_bound(text, Tz::UTC).unwrap()
}

fn window(start: &str, end: &str) -> Window {
    Window::new(Some(utc(start)), Some(utc(end))).unwrap()
}

fn keep(query: &mut ChargeQuery, filters: &[&str]) {
    query.filter = Filter::parse_all(filters.iter().copied()).unwrap();
}

/// The page's request: `user=usr-abcd1234&zone=gd2&duration=total`, March 2019 in Shanghai, amortised.
fn as_on_the_page(query: &mut ChargeQuery) {
    query.window = window("2019-02-28T16:00:00Z", "2019-03-31T16:00:00Z");
    query.allocation = Allocation::Prorate;
    keep(query, &["user=usr-abcd1234", "zone=gd2"]);
}

const TWO_ZONES: &str = "
    start                 cost    currency  resource_type  zone_id
    2019-02-28T16:00:00Z  1.5     CNY       instance       gd2
    2019-03-01T15:59:59Z  2.1659  CNY       instance       pek3a
";

/// Two keys of two days each.
const FOUR_ITEMS: &str = "
    start                 cost  currency  resource_type
    2019-03-02T00:00:00Z  4     CNY       volume
    2019-03-01T00:00:00Z  3     CNY       volume
    2019-03-02T00:00:00Z  2     CNY       instance
    2019-03-01T00:00:00Z  1     CNY       instance
";

#[test]
fn the_first_example_of_the_page_is_answered_member_for_member() {
    let bill = Bill::new(
        "
        start                 end                   cost    currency  billing_account_id  sub_account_id  zone_id
        2019-03-05T00:00:00Z  2019-03-06T00:00:00Z  60.11   CNY       usr-i3K70DIf        usr-abcd1234    gd2
        2019-02-28T15:00:00Z  2019-02-28T17:00:00Z  2.5     CNY       usr-i3K70DIf        usr-abcd1234    gd2
        2019-03-31T15:30:00Z  2019-03-31T16:30:00Z  4       CNY       usr-i3K70DIf        usr-abcd1234    gd2
        2019-03-31T16:00:00Z  2019-03-31T17:00:00Z  100     CNY       usr-i3K70DIf        usr-abcd1234    gd2
        2019-03-05T00:00:00Z  2019-03-06T00:00:00Z  100     CNY       usr-i3K70DIf        usr-other       gd2
        2019-03-05T00:00:00Z  2019-03-06T00:00:00Z  100     CNY       usr-i3K70DIf        usr-abcd1234    pek3a
    ",
    );
    let text = bill.text(&[], as_on_the_page);
    assert_eq!(
        text,
        r#"{"action":"GetChargeSumsResponse","total_count":1,"charge_sum_set":{"usr-i3K70DIf":[{"fee":"63.36","root_user_id":"usr-i3K70DIf","total":"total","total_sum":0.0}]},"ret_code":0,"total_sum":"63.36"}"#
    );
    let page: Value = serde_json::from_str(
        r#"{
            "action":"GetChargeSumsResponse",
            "total_count":1,
            "charge_sum_set":{
                "usr-i3K70DIf":[
                    {"fee":"63.36", "root_user_id":"usr-i3K70DIf", "total":"total", "total_sum":0.0}
                ]
            },
            "ret_code":0,
            "total_sum":"63.36"
        }"#,
    )
    .unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), page);
}

#[test]
fn the_second_example_of_the_page_is_answered_member_for_member_with_its_misspelt_group_by() {
    let bill = Bill::new(
        "
        start                 end                   cost        currency  sub_account_id  zone_id  resource_type
        2019-03-05T00:00:00Z  2019-03-06T00:00:00Z  1468.5      CNY       usr-abcd1234    gd2      instance
        2019-03-06T00:00:00Z  2019-03-07T00:00:00Z  0.04778888  CNY       usr-abcd1234    gd2      instance
        2019-03-05T00:00:00Z  2019-03-06T00:00:00Z  7           CNY       usr-abcd1234    pek3a    volume
    ",
    );
    let page = json!({
        "action": "GetChargeSumsResponse",
        "total_count": 1,
        "charge_sum_set": {
            "instance": [{"fee": "1468.5478", "total": "total", "resource_type": "instance"}]
        },
        "ret_code": 0,
        "total_sum": "1468.5478"
    });
    assert_eq!(bill.json(&["reousrce_type"], as_on_the_page), page);
    assert_eq!(bill.json(&["resource_type"], as_on_the_page), page);
}

#[test]
fn days_in_two_dimensions_are_listed_under_the_first_with_label_and_bounds() {
    let daily = Bill::new(TWO_ZONES).json(&["resource_type", "zone_id"], |query| {
        query.granularity = Granularity::Daily;
    });
    assert_eq!(
        daily,
        json!({"action":"GetChargeSumsResponse","ret_code":0,"total_count":2,"total_sum":"3.6659",
         "charge_sum_set":{"instance":[
           {"fee":"1.5","resource_type":"instance","zone_id":"gd2","daily":"2019-03-01","start_time":"2019-02-28T16:00:00Z","end_time":"2019-03-01T16:00:00Z"},
           {"fee":"2.1659","resource_type":"instance","zone_id":"pek3a","daily":"2019-03-01","start_time":"2019-02-28T16:00:00Z","end_time":"2019-03-01T16:00:00Z"}]}})
    );
}

#[test]
fn a_period_is_a_member_called_like_the_duration() {
    for (granularity, label, start, end) in [
        (
            Granularity::Daily,
            "2019-03-01",
            "2019-02-28T16:00:00Z",
            "2019-03-01T16:00:00Z",
        ),
        (
            Granularity::Weekly,
            "2019-02-25",
            "2019-02-24T16:00:00Z",
            "2019-03-03T16:00:00Z",
        ),
        (
            Granularity::Monthly,
            "2019-03",
            "2019-02-28T16:00:00Z",
            "2019-03-31T16:00:00Z",
        ),
        (
            Granularity::Quarterly,
            "2019-Q1",
            "2018-12-31T16:00:00Z",
            "2019-03-31T16:00:00Z",
        ),
        (
            Granularity::Yearly,
            "2019",
            "2018-12-31T16:00:00Z",
            "2019-12-31T16:00:00Z",
        ),
    ] {
        let response = Bill::new(TWO_ZONES).json(&["resource_type"], |query| query.granularity = granularity);
        let mut item =
            json!({"fee": "3.6659", "resource_type": "instance", "start_time": start, "end_time": end});
        item[granularity.as_str()] = label.into();
        assert_eq!(response["charge_sum_set"], json!({"instance": [item]}));
    }
}

#[test]
fn bounds_are_cut_to_the_window_of_the_question() {
    let response = Bill::new(TWO_ZONES).json(&["resource_type"], |query| {
        query.granularity = Granularity::Monthly;
        query.window = window("2019-02-28T15:00:00Z", "2019-03-15T00:00:00Z");
    });
    let item = &response["charge_sum_set"]["instance"][0];
    assert_eq!(item["start_time"], "2019-02-28T16:00:00Z");
    assert_eq!(item["end_time"], "2019-03-15T00:00:00Z");
}

#[test]
fn without_group_by_there_is_one_key_per_root_user() {
    let bill = Bill::new(
        "
        start                 cost  currency  billing_account_id
        2019-03-01T00:00:00Z  1     CNY       usr-b
        2019-03-01T00:00:00Z  2     CNY       usr-a
        2019-03-02T00:00:00Z  4     CNY       usr-a
    ",
    );
    assert_eq!(
        bill.json(&[""], |query| query.granularity = Granularity::Yearly),
        json!({
            "action": "GetChargeSumsResponse",
            "total_count": 2,
            "charge_sum_set": {
                "usr-a": [{"fee": "6", "root_user_id": "usr-a", "yearly": "2019", "total_sum": 0.0,
                           "start_time": "2018-12-31T16:00:00Z", "end_time": "2019-12-31T16:00:00Z"}],
                "usr-b": [{"fee": "1", "root_user_id": "usr-b", "yearly": "2019", "total_sum": 0.0,
                           "start_time": "2018-12-31T16:00:00Z", "end_time": "2019-12-31T16:00:00Z"}],
            },
            "ret_code": 0,
            "total_sum": "7"
        })
    );
}

#[test]
fn a_page_is_cut_from_the_flat_list_and_put_under_its_keys_again() {
    let bill = Bill::new(FOUR_ITEMS);
    let page = |offset, limit| {
        let response = bill.json(&["resource_type"], |query| {
            query.granularity = Granularity::Daily;
            query.offset = offset;
            query.limit = limit;
        });
        assert_eq!(response["total_count"], 4);
        assert_eq!(response["total_sum"], "10");
        let set = response["charge_sum_set"].as_object().unwrap();
        set.iter()
            .map(|(key, items)| {
                let fees: Vec<&str> = items
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|i| i["fee"].as_str().unwrap())
                    .collect();
                format!("{key}:{}", fees.join(","))
            })
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(page(0, None), "instance:1,2 volume:3,4");
    assert_eq!(page(0, Some(1)), "instance:1");
    assert_eq!(page(1, Some(2)), "instance:2 volume:3");
    assert_eq!(page(3, Some(9)), "volume:4");
    assert_eq!(page(4, Some(1)), "");
    assert_eq!(page(usize::MAX, Some(usize::MAX)), "");
    assert_eq!(page(0, Some(0)), "");
}

#[test]
fn a_key_stands_once_and_keys_keep_the_order_of_their_first_items() {
    let text = Bill::new(FOUR_ITEMS).text(&["resource_type"], |query| {
        query.granularity = Granularity::Daily;
        query.order = "-cost".parse::<Order>().unwrap();
    });
    let fees: Vec<&str> = text.split("\"fee\":\"").skip(1).map(|rest| &rest[..1]).collect();
    assert_eq!(fees, ["4", "3", "2", "1"]);
    let by_period = Bill::new(FOUR_ITEMS).text(&["resource_type"], |query| {
        query.granularity = Granularity::Daily;
        query.order = "-period".parse::<Order>().unwrap();
    });
    // In the answer: instance 2, volume 4, instance 1, volume 3.
    let fees: Vec<&str> = by_period
        .split("\"fee\":\"")
        .skip(1)
        .map(|rest| &rest[..1])
        .collect();
    assert_eq!(fees, ["2", "1", "4", "3"]);
    assert_eq!(by_period.matches("\"instance\":[").count(), 1);
}

#[test]
fn a_value_called_others_shares_its_key_with_the_group_of_the_others() {
    let bill = Bill::new(
        "
        start                 cost  currency  resource_type
        2019-03-01T00:00:00Z  9     CNY       Others
        2019-03-01T00:00:00Z  3     CNY       a
        2019-03-01T00:00:00Z  2     CNY       b
    ",
    );
    assert_eq!(
        bill.json(&["type"], |query| query.top = Some(1))["charge_sum_set"],
        json!({"Others": [
            {"fee": "9", "resource_type": "Others", "total": "total"},
            {"fee": "5", "resource_type": "Others", "total": "total"},
        ]})
    );
    assert_eq!(
        bill.json(&["type"], |query| {
            query.top = Some(1);
            keep(query, &["type!=Others"]);
        })["charge_sum_set"],
        json!({
            "a": [{"fee": "3", "resource_type": "a", "total": "total"}],
            "Others": [{"fee": "2", "resource_type": "Others", "total": "total"}],
        })
    );
}

#[test]
fn no_charges_are_an_empty_object_and_a_plain_zero() {
    for group_by in [&[][..], &["zone"], &["user", "tag_id"]] {
        for duration in [Granularity::Total, Granularity::Daily] {
            let text = Bill::new(TWO_ZONES).text(group_by, |query| {
                query.granularity = duration;
                keep(query, &["zone=ap1"]);
            });
            assert_eq!(
                text,
                r#"{"action":"GetChargeSumsResponse","total_count":0,"charge_sum_set":{},"ret_code":0,"total_sum":"0"}"#
            );
        }
    }
}

#[test]
fn a_charge_without_the_dimension_stands_under_the_empty_text() {
    let bill = Bill::new(
        "
        start                 cost  currency  project_id  zone_id
        2019-03-01T00:00:00Z  -1.5  CNY       -           gd2
        2019-03-01T00:00:00Z  1.5   CNY       prj-1       -
    ",
    );
    assert_eq!(
        bill.json(&["project", "zone"], |_| {}),
        json!({
            "action": "GetChargeSumsResponse",
            "total_count": 2,
            "charge_sum_set": {
                "": [{"fee": "-1.5", "project_id": "", "zone_id": "gd2", "total": "total"}],
                "prj-1": [{"fee": "1.5", "project_id": "prj-1", "zone_id": "", "total": "total"}],
            },
            "ret_code": 0,
            "total_sum": "0"
        })
    );
}

#[test]
fn a_charge_of_two_tags_counts_under_both_and_once_in_the_total() {
    let bill = Bill::new(
        "
        start                 cost  currency  tags
        2019-03-01T00:00:00Z  1     CNY       team=a,env=p
        2019-03-01T00:00:00Z  2     CNY       team=a
        2019-03-01T00:00:00Z  4     CNY       -
    ",
    );
    for group_by in ["tag_id", "tag"] {
        assert_eq!(
            bill.json(&[group_by], |_| {}),
            json!({
                "action": "GetChargeSumsResponse",
                "total_count": 3,
                "charge_sum_set": {
                    "": [{"fee": "4", "tag_id": "", "total": "total"}],
                    "env=p": [{"fee": "1", "tag_id": "env=p", "total": "total"}],
                    "team=a": [{"fee": "3", "tag_id": "team=a", "total": "total"}],
                },
                "ret_code": 0,
                "total_sum": "7"
            })
        );
    }
    assert_eq!(
        bill.json(&["tag:team"], |_| {})["charge_sum_set"]["a"],
        json!([{"fee": "3", "tag:team": "a", "total": "total"}])
    );
}

#[test]
fn the_total_is_rounded_from_the_exact_sum_not_from_the_fees() {
    let bill = Bill::new(
        "
        start                 cost      currency  zone_id
        2019-03-01T00:00:00Z  0.00005   CNY       a
        2019-03-01T00:00:00Z  0.00005   CNY       b
        2019-03-01T00:00:00Z  0.000049  CNY       c
    ",
    );
    let response = bill.json(&["zone"], |_| {});
    let fee = |key: &str| response["charge_sum_set"][key][0]["fee"].clone();
    assert_eq!([fee("a"), fee("b"), fee("c")], ["0.0001", "0.0001", "0"]);
    assert_eq!(response["total_sum"], "0.0001");
}

#[test]
fn members_carry_the_names_of_the_wire_whatever_the_question_called_them() {
    for (asked, member) in [
        ("user", "user_id"),
        ("user_id", "user_id"),
        ("sub_account_id", "user_id"),
        ("root_user", "root_user_id"),
        ("billing_account_id", "root_user_id"),
        ("project", "project_id"),
        ("zone", "zone_id"),
        ("availability_zone", "zone_id"),
        ("resource", "resource_id"),
        ("type", "resource_type"),
        ("tag", "tag_id"),
        ("region_id", "region_id"),
        ("service", "service"),
        ("service_name", "service_name"),
        ("tag:team", "tag:team"),
    ] {
        let response = Bill::new(TWO_ZONES).json(&[asked], |_| {});
        let items = response["charge_sum_set"].as_object().unwrap().values();
        let item = items.flat_map(|items| items.as_array().unwrap()).next().unwrap();
        let mut expected = ["fee", member, "total"];
        expected.sort_unstable();
        assert_eq!(
            item.as_object().unwrap().keys().collect::<Vec<_>>(),
            expected,
            "{asked}"
        );
    }
}

#[test]
fn a_dimension_that_is_read_from_a_tag_keeps_its_member() {
    let bill = Bill::new(
        "
        start                 cost  currency  tags
        2019-03-01T00:00:00Z  1     CNY       team=a
    ",
    );
    let response = bill.json(&["project_id"], |query| {
        query.set("project_id", &DimensionSource::TagKey("team".into()));
    });
    assert_eq!(
        response["charge_sum_set"],
        json!({"a": [{"fee": "1", "project_id": "a", "total": "total"}]})
    );
}

#[test]
fn unlike_currencies_are_refused_until_a_filter_leaves_one() {
    let bill = Bill::new(
        "
        start                 cost  currency  zone_id
        2019-03-01T00:00:00Z  1     USD       a
        2019-03-01T00:00:00Z  2     CNY       b
        2019-03-01T00:00:00Z  3     -         c
    ",
    );
    let ask = |filters: &[&str], limit| {
        let grouping = Grouping::parse(&["zone"]).unwrap();
        let mut query = ChargeQuery::total();
        query.by = grouping.by;
        query.limit = limit;
        keep(&mut query, filters);
        let answer = bill.answer(query);
        Response::from_answer(&answer, grouping.shape).map(|response| response.total_sum.to_string())
    };
    // Whichever page is asked for.
    for limit in [None, Some(1), Some(0)] {
        let error = ask(&[], limit).unwrap_err();
        assert_eq!(error.kind().class(), ErrorClass::Conflict);
        assert_eq!(
            crate::fault::Refusal::from(ask(&[], limit).unwrap_err()).message,
            "the charges are in more than one currency [none named, CNY, USD], \
             which are never added; filter by one of them"
        );
        assert_eq!(error.hint_text(), Some("add --filter billing_currency=USD"));
    }
    assert!(ask(&["currency=USD,CNY"], None).is_err());
    assert_eq!(ask(&["currency=USD"], None).unwrap(), "1");
    assert_eq!(ask(&["currency="], None).unwrap(), "3");
    // Any filter that leaves one currency will do.
    assert_eq!(ask(&["zone=b"], None).unwrap(), "2");
}

#[test]
fn two_currencies_that_come_to_zero_are_still_two() {
    let bill = Bill::new(
        "
        start                 cost  currency
        2019-03-01T00:00:00Z  0     USD
        2019-03-01T00:00:00Z  2     CNY
    ",
    );
    let answer = bill.answer({
        let mut query = ChargeQuery::total();
        query.by = Grouping::parse::<&str>(&[]).unwrap().by;
        query
    });
    assert!(Response::from_answer(&answer, Shape::Ungrouped).is_err());
}

#[test]
fn a_group_by_that_is_unknown_or_twice_there_is_refused() {
    let message = |group_by: &[&str]| Grouping::parse(group_by).unwrap_err().to_string();
    assert_eq!(
        message(&["zone_id", "zoen_id"]),
        "group_by [zoen_id] is not known; expected project_id, resource_id, tag_id, zone_id, user_id or resource_type"
    );
    assert_eq!(message(&["zone_id", "zone"]), "group_by [zone] is given twice");
    assert_eq!(
        message(&["resource_type", "reousrce_type"]),
        "group_by [reousrce_type] is given twice"
    );
    assert!(!message(&["zone\u{202e}"]).contains('\u{202e}'));
    for group_by in [
        "billed_cost",
        "charge_period_start",
        "tags",
        "tag:",
        " zone_id",
        "zone_id,user_id",
    ] {
        let error = Grouping::parse(&[group_by]).unwrap_err();
        assert_eq!(error.kind().class(), ErrorClass::Usage, "{group_by}");
    }
}

#[test]
fn an_item_has_a_member_once() {
    let bill = Bill::new(TWO_ZONES);
    for by in [
        &["fee"][..],
        &["zone_id", "total"],
        &["daily"],
        &["start_time"],
        &["total_sum"],
    ] {
        let mut query = ChargeQuery::total();
        query.by = by.iter().map(|name| Dimension::parse(name).unwrap()).collect();
        let answer = bill.answer(query);
        let error = Response::from_answer(&answer, Shape::Grouped).unwrap_err();
        assert_eq!(error.kind().class(), ErrorClass::Usage, "{by:?}");
    }
}

#[test]
fn an_answer_that_is_not_grouped_as_the_shape_says_is_told_apart() {
    let bill = Bill::new(TWO_ZONES);
    for (by, shape) in [
        (&[][..], Shape::Ungrouped),
        (&[], Shape::Grouped),
        (&["zone_id"], Shape::Ungrouped),
        (&["root_user_id", "zone_id"], Shape::Ungrouped),
    ] {
        let mut query = ChargeQuery::total();
        query.by = by.iter().map(|name| Dimension::parse(name).unwrap()).collect();
        let answer = bill.answer(query);
        let error = Response::from_answer(&answer, shape).unwrap_err();
        assert_eq!(error.kind().class(), ErrorClass::Bug, "{by:?} {shape:?}");
    }
}

#[test]
fn hostile_names_leave_as_json_text() {
    let bill = Bill::new(
        "
        start                 cost  currency  resource_id
        2019-03-01T00:00:00Z  1     CNY       \"},\u{1b}\u{202e}\\
    ",
    );
    let response = bill.json(&["resource"], |_| {});
    let name = "\"},\u{1b}\u{202e}\\";
    assert_eq!(
        response["charge_sum_set"][name],
        json!([{"fee": "1", "resource_id": name, "total": "total"}])
    );
}
