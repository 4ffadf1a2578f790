//! The twists of each vendor's exports, one small bill for each: headers, times, tags, lists, totals, refusals.
//!
//! `oracles` and `oracles_formats` hold the real exports; what no real export at hand shows is written here.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, ListArray, StringArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use billfold_core::dataset::{self, RunOptions};
use billfold_core::query::{Allocation, ChargeQuery};
use billfold_testkit::naive::{self, Granularity, Metric, Question};
use billfold_testkit::output::carried;
use billfold_testkit::{Charge, Format, samples};

use crate::support::{Folder, ask, asking, failed, money, parquet};

/// The same question spread over time.
fn prorated(granularity: &str) -> ChargeQuery {
    let mut query = asking("", granularity);
    query.allocation = Allocation::Prorate;
    query
}

#[test]
fn azure_headers_may_be_localised_camel_case_or_few() {
    let payg = "Abonnement-GUID (SubscriptionGuid),Ressourcengruppe (ResourceGroup),UsageDateTime (UsageDateTime),\
        Kategorie der Verbrauchseinheit (MeterCategory),PreTaxCost (PreTaxCost),InstanceId (InstanceId),Tags (Tags),\
        Currency,Maßeinheit (UnitOfMeasure)\n\
        0012,rg-1,2024-03-01,Storage,0.10,/a,,EUR,GB\n";
    ask(payg)
        .by("project_id,user_id")
        .gives("EUR 0.1 of 1: rg-1/0012=0.1");
    let camel = "date,meterCategory,costInBillingCurrency,billingCurrency,resourceGroupName,tags,subscriptionId\n\
        03/01/2024,Storage,1,USD,rg-2,\"\"\"team\"\": \"\"a\"\",\"\"env\"\":\"\"b\"\"\",007\n\
        3/31/2024,Storage,2,USD,rg-2,\"{\"\"team\"\":\"\"c\"\"}\",007\n";
    ask(camel).by("tag:team").gives("USD 3 of 2: a=1 c=2");
    ask(camel)
        .every("daily")
        .gives("USD 3 of 2: 2024-03-01=1 2024-03-31=2");
    let short = "Date,MeterCategory,CostInBillingCurrency\n2024-03-01,Storage,5.64902E-05\n";
    ask(short).gives("? 0.0000564902 of 1");
}

#[test]
fn an_azure_charge_lasts_its_day() {
    let text = "Date,MeterCategory,CostInBillingCurrency,BillingCurrency\n3/31/2024,Storage,24,USD\n";
    let mut query = prorated("daily");
    query.zone = billfold_core::time::parse_zone("Asia/Shanghai").unwrap();
    ask(text)
        .query(query)
        .gives("USD 24 of 1: 2024-03-31=16 2024-04-01=8");
}

#[test]
fn azure_rows_that_cost_nothing_need_no_currency() {
    let text = "Date,MeterCategory,PreTaxCost,Currency\n2024-03-01,Storage,0,\n2024-03-01,Storage,,\n2024-03-01,VM,1,EUR\n";
    ask(text).gives("? 0, EUR 1 of 3");
}

#[test]
fn actual_and_amortised_cost_of_azure_are_never_added() {
    let header = "Date,MeterCategory,CostInBillingCurrency,BillingCurrency,ChargeType,PricingModel\n";
    let folder = Folder::new();
    let actual = folder.put(
        "a.csv",
        format!("{header}3/1/2024,VM,100,USD,Purchase,Reservation\n3/1/2024,VM,0,USD,Usage,Reservation\n"),
    );
    let amortised = folder.put(
        "b.csv",
        format!(
            "{header}3/1/2024,VM,3,USD,Usage,Reservation\n3/1/2024,VM,1,USD,UnusedReservation,Reservation\n"
        ),
    );
    let plain = folder.put("c.csv", format!("{header}3/1/2024,VM,5,USD,Usage,OnDemand\n"));
    let run = |inputs: &[&String]| {
        let inputs: Vec<String> = inputs.iter().map(|i| (*i).clone()).collect();
        dataset::sums(&inputs, asking("", "total"), RunOptions::default())
    };
    let error = run(&[&plain, &actual, &amortised]).unwrap_err();
    assert_eq!(failed(&error), "conflict conflict");
    for part in [&actual, &amortised, &"actual".to_owned(), &"amortised".to_owned()] {
        assert!(error.to_string().contains(part.as_str()), "{error}");
    }
    assert_eq!(
        money(&run(&[&plain, &actual]).unwrap().receipt.cost.used),
        "USD 105"
    );
    assert_eq!(
        money(&run(&[&plain, &amortised]).unwrap().receipt.cost.used),
        "USD 9"
    );
}

const GCP: &str = r#"{"billing_account_id":"0123","service":{"id":"S","description":"Compute"},"project":{"id":"p-1","labels":[]},"labels":[{"key":"team","value":"a"}],"location":{"region":"eu","zone":"eu-a"},"usage_start_time":"2024-03-01 00:00:00 UTC","usage_end_time":"2024-03-01 01:00:00 UTC","cost":1.10,"currency":"EUR","credits":[{"name":"x","amount":-0.30,"type":"PROMOTION"},{"name":"y","amount":-1e-9}],"invoice":{"month":"202404"},"cost_type":"regular"}
{"billing_account_id":"0123","service":{"id":"S","description":"Compute"},"project":null,"labels":[],"usage_start_time":"2024-03-02 00:00:00 UTC","cost":2,"currency":"EUR","credits":[],"invoice":{"month":"202403"},"cost_type":"tax"}
"#;

#[test]
fn google_cloud_rows_may_be_nested_and_their_credits_are_added() {
    ask(GCP)
        .named("a.ndjson")
        .by("project_id")
        .gives("EUR 3.1 of 2: =2 p-1=1.1");
    ask(GCP)
        .named("a.ndjson")
        .by("zone_id,tag:team")
        .gives("EUR 3.1 of 2: /=2 eu-a/a=1.1");
    ask(GCP)
        .named("a.ndjson")
        .metric("effective")
        .gives("EUR 2.799999999 of 2");
    ask(GCP)
        .named("a.ndjson")
        .metric("credits[].amount")
        .gives("EUR -0.300000001 of 2");
    let mut query = asking("", "monthly");
    query.clock = "billing".parse().unwrap();
    ask(GCP)
        .named("a.ndjson")
        .query(query)
        .gives("EUR 3.1 of 2: 2024-03=2 2024-04=1.1");
}

#[test]
fn google_cloud_columns_may_be_dotted_or_flattened() {
    let dotted = "billing_account_id,service.id,usage_start_time,project.id,cost,currency,credits\n\
        01,S,2024-03-01T00:00:00,p-1,1,USD,\"[{'name': 'FreeTrial', 'amount': -0.1, 'id': None}]\"\n\
        01,S,2024-03-01T00:00:00,p-1,1,USD,\n";
    ask(dotted)
        .by("project_id")
        .metric("effective")
        .gives("USD 1.9 of 2: p-1=1.9");
    let broken = dotted.replace("-0.1", "minus");
    ask(&broken)
        .metric("effective")
        .gives("USD 1 of 1; 1:2 num.syntax");
    // A loader keeps the credits in a table of their own: the net cost is not here, and that is counted.
    let flat = "billing_account_id,service__id,usage_start_time,project__id,cost,currency\n01,S,2024-03-01 00:00:00+00:00,p-1,1,USD\n";
    let outcome = ask(flat).metric("effective").gives("USD 1 of 1");
    assert_eq!(
        outcome.receipt.notes.get("effective_cost from billed_cost"),
        Some(&1)
    );
    ask(flat).by("project_id").gives("USD 1 of 1: p-1=1");
}

#[test]
fn google_cloud_records_may_be_structs_of_a_parquet_file() {
    let text = |values: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    let fields = Fields::from(vec![Field::new("id", DataType::Utf8, true)]);
    let project: ArrayRef = Arc::new(StructArray::new(
        fields,
        vec![text(vec![Some("p-1"), Some("hidden")])],
        Some(vec![true, false].into()),
    ));
    let item = Fields::from(vec![
        Field::new("name", DataType::Utf8, true),
        Field::new("amount", DataType::Float64, true),
    ]);
    let items = StructArray::new(
        item.clone(),
        vec![
            text(vec![Some("a"), Some("b")]),
            Arc::new(Float64Array::from(vec![-0.1, -0.2])) as ArrayRef,
        ],
        None,
    );
    let credits: ArrayRef = Arc::new(ListArray::new(
        Arc::new(Field::new("element", DataType::Struct(item), true)),
        OffsetBuffer::new(vec![0, 2, 2].into()),
        Arc::new(items),
        None,
    ));
    let bytes = parquet(&[
        ("usage_start_time", text(vec![Some("2024-03-01T00:00:00Z"); 2])),
        ("cost", Arc::new(Float64Array::from(vec![1.1, 2.2])) as ArrayRef),
        ("currency", text(vec![Some("USD"); 2])),
        ("project", project),
        ("credits", credits),
    ]);
    let bytes = bytes.as_slice();
    ask(bytes)
        .named("a.parquet")
        .by("project_id")
        .gives("USD 3.3 of 2: =2.2 p-1=1.1");
    ask(bytes)
        .named("a.parquet")
        .metric("effective")
        .gives("USD 3 of 2");
}

const TENCENT: &str = r#"{"Response":{"Context":"x","DetailSet":[
  {"PayerUin":"000123","OwnerUin":"7","ProjectId":0,"BusinessCode":"p_cvm","ResourceId":"ins-1","FeeBeginTime":"2024-03-31 23:00:00","FeeEndTime":"2024-03-31 23:59:59",
   "ComponentSet":[{"ItemCode":"cpu","RealCost":"0.10000000","Cost":"0.2"},{"ItemCode":"disk","RealCost":"-0.03","Cost":"-"}],"Tags":[{"TagKey":"team","TagValue":"a"}]},
  {"PayerUin":"000123","OwnerUin":"7","ProjectId":5,"BusinessCode":"p_cvm","ResourceId":"ins-2","FeeBeginTime":"2024-04-01 00:00:00","FeeEndTime":"2024-04-01 00:59:59",
   "ComponentSet":[{"ItemCode":"cpu","RealCost":"1"}],"Tags":null}],"Total":2}}"#;

#[test]
fn a_tencent_bill_detail_is_a_row_for_each_component() {
    ask(TENCENT).named("a.json").gives("CNY 1.07 of 3");
    ask(TENCENT)
        .named("a.json")
        .by("resource_id,sku_id")
        .gives("CNY 1.07 of 3: ins-1/cpu=0.1 ins-1/disk=-0.03 ins-2/cpu=1");
    ask(TENCENT)
        .named("a.json")
        .by("root_user_id,project_id,tag:team")
        .gives("CNY 1.07 of 3: 000123/0/a=0.07 000123/5/=1");
    ask(TENCENT).named("a.json").metric("list").gives("CNY 0.2 of 3");
    // Beijing midnight is 16:00 UTC: both hours lie in March there.
    ask(TENCENT)
        .named("a.json")
        .every("monthly")
        .gives("CNY 1.07 of 3: 2024-03=1.07");
    ask(TENCENT)
        .named("a.json")
        .every("monthly")
        .zone("Asia/Shanghai")
        .gives("CNY 1.07 of 3: 2024-03=0.07 2024-04=1");
}

#[test]
fn a_tencent_hour_that_ends_at_59_59_is_a_whole_hour() {
    let text = TENCENT.replace("2024-03-31 23:00:00", "2024-03-31 00:00:00");
    let mut query = prorated("hourly");
    query.zone = billfold_core::time::parse_zone("Asia/Shanghai").unwrap();
    let outcome = ask(&text).named("a.json").query(query).run().unwrap();
    let answer = outcome.answer.unwrap();
    let hours: Vec<String> = answer.rows().map(|row| row.cost().to_string()).collect();
    // 0.07 over 24 hours, and one hour of 1.
    assert_eq!(hours.len(), 25);
    assert!(
        hours[..24].iter().all(|cost| cost.starts_with("0.00291666")),
        "{hours:?}"
    );
}

#[test]
fn a_broken_component_is_a_rejected_row_with_its_place() {
    let text = TENCENT.replace("\"0.10000000\"", "\"1,20\"");
    ask(&text).named("a.json").gives("CNY 0.97 of 2; 1:2 num.syntax");
    let empty = r#"{"Response":{"DetailSet":[],"Total":0}}"#;
    ask(empty).named("a.json").gives("nothing of 0");
}

#[test]
fn tencent_console_bills_have_chinese_or_english_headers_and_a_total_line() {
    let chinese = "支付者UIN,使用者UIN,产品名称,项目名称,资源ID,开始使用时间,结束使用时间,组件原价,优惠后总价(元)\n\
        0100,0200,云服务器,默认项目,ins-1,2024-03-01 00:00:00,2024-03-01 00:59:59,2,1.5\n\
        合计,,,,,,,2,1.5\n";
    let outcome = ask(chinese)
        .by("root_user_id,resource_id")
        .gives("CNY 1.5 of 1: 0100/ins-1=1.5");
    assert_eq!(outcome.receipt.notes.get("total lines"), Some(&1));
    assert_eq!(outcome.receipt.rows.read, 1);
    let english = "Payer Account ID,Owner Account ID,Product Name,Usage Start Time,Usage End Time,\
        Total Amount After Discount (Excluding Tax),Currency\n\
        0100,0200,CVM,2024-03-01 00:00:00,2024-03-01 00:59:59,1.5,USD\nTotal,,,,,1.5,\n";
    ask(english).by("user_id").gives("USD 1.5 of 1: 0200=1.5");
}

#[test]
fn tencent_consumption_is_the_price_after_discount() {
    let text = r#"{"Response":{"Ready":1,"ConditionValue":{"Business":[{"BusinessCode":"p"}]},"Total":{"RealTotalCost":"9"},"Data":[
        {"OwnerUin":"07","PayerUin":"07","BusinessCode":"p_cdn","RegionId":"1001","ResourceId":"r","RealTotalCost":"0.07","RealCost":"0.08","PayMode":"postPay","ProjectId":"0","FeeBeginTime":"2024-11-01 08:00:00","FeeEndTime":"2024-11-17 19:59:59","DayDiff":"17","ConsumptionTypeName":"x","Tags":""}]}}"#;
    ask(text)
        .named("a.json")
        .by("pay_mode,user_id")
        .gives("CNY 0.07 of 1: postPay/07=0.07");
    ask(text).named("a.json").metric("list").gives("CNY 0.08 of 1");
}

#[test]
fn alibaba_bills_keep_their_ids_and_lose_their_total_line() {
    let header = "账期,财务单元,账号ID,账号,Owner账号,产品Code,产品,消费类型,账单开始时间,账单结束时间,实例ID,资源组,实例标签,地域,可用区,原价,应付金额";
    let text = format!(
        "{header}\n202403,cu,0012,a,0034,ecs,云服务器,按量付费,2024-03-01 00:00:00,2024-03-01 01:00:00,i-1,rg,team:a;env:b,cn,cn-a,2,1.5\n\
         202403,cu,0012,a,0034,ecs,云服务器,按量付费,2024-03-02 00:00:00,2024-03-02 01:00:00,i-1,rg,key:team value:c,cn,cn-a,2,-0.5\n\
         合计,,,,,,,,,,,,,,,4,1.0\n"
    );
    let outcome = ask(&text).by("user_id,project_id").gives("CNY 1 of 2: 0034/rg=1");
    assert_eq!(outcome.receipt.notes.get("total lines"), Some(&1));
    ask(&text).by("tag:team").gives("CNY 1 of 2: a=1.5 c=-0.5");
    // The total may have fewer fields than the rows, and the sum may be written anywhere.
    let short = text.replace("合计,,,,,,,,,,,,,,,4,1.0", "合计：,4,1.0");
    let outcome = ask(&short).gives("CNY 1 of 2");
    assert_eq!(outcome.receipt.notes.get("total lines"), Some(&1));
    // A row without a time that is no total stays a fault.
    let lost = text.replace("2024-03-02 00:00:00", "");
    ask(&lost).gives("CNY 1.5 of 1; 2:3 time.missing");
    let mut query = asking("", "monthly");
    query.clock = "billing".parse().unwrap();
    query.zone = billfold_core::time::parse_zone("Asia/Shanghai").unwrap();
    ask(&text).query(query).gives("CNY 1 of 2: 2024-03=1");
}

#[test]
fn alibaba_bills_in_english_and_in_the_newer_spelling() {
    let english = "BillingCycle,AccountID,OwnerID,ProductCode,UsageStartTime,UsageEndTime,InstanceID,PretaxGrossAmount,PretaxAmount,Currency\n\
        2024-03,0012,0034,oss,2024-03-01 00:00:00,2024-03-02 00:00:00,i,2,1.25,USD\n";
    ask(english).by("user_id").gives("USD 1.25 of 1: 0034=1.25");
    ask(english).metric("list").gives("USD 2 of 1");
    let newer = "账单月份,账单日期,产品名称,产品代码,官网价,应付金额(元),币种\n2024-03,2024-03-05,对象存储,oss,2,1.25,人民币\n,,合计,,2,1.25,\n";
    ask(newer)
        .every("daily")
        .zone("Asia/Shanghai")
        .gives("CNY 1.25 of 1: 2024-03-05=1.25");
}

#[test]
fn huawei_volcengine_and_plcloud_answers_are_read() {
    let huawei = r#"{"fee_records":[{"bill_date":"2024-03-01","customer_id":"00ab","region":"cn-north-1","cloud_service_type":"hws.service.type.ebs","resource_id":"r","charge_mode":"3","official_amount":2,"amount":1.12345678,"enterprise_project_id":"0","resource_tag":"team=a;env=b"}],"total_count":1,"currency":"CNY"}"#;
    ask(huawei)
        .named("a.json")
        .by("user_id,tag:team")
        .gives("CNY 1.12345678 of 1: 00ab/a=1.12345678");
    let volcengine = r#"{"ResponseMetadata":{},"Result":{"List":[{"BillPeriod":"2024-03","ExpenseBeginTime":"2024-03-01 00:00:00","ExpenseEndTime":"2024-03-01 23:59:59","PayerID":"021","OwnerID":"022","Product":"ecs","InstanceNo":"i","OriginalBillAmount":"2.0","PayableAmount":"1.5","Currency":"CNY","Project":"default"}],"Total":1}}"#;
    ask(volcengine)
        .named("a.json")
        .by("user_id,project_id")
        .gives("CNY 1.5 of 1: 022/default=1.5");
    let plcloud = r#"{"message":"成功","code":200,"data":[{"id":"1","billing_id":"b","res_id":"r","name":"n","res_type":"instance","res_meta":{"vcpus":2},"region":"shenzhen","region_name":"","unit_price":"0.152748","amount":"3.6659520000","cost_time":"24.0000","billing_type":"hour","start_at":"2014-12-01 00:00:00","end_at":"2014-12-02 00:00:00","is_billing":true}],"total_amount":"3.6659520000"}"#;
    ask(plcloud)
        .named("a.json")
        .by("resource_type,res_meta.vcpus")
        .gives("CNY 3.665952 of 1: instance/2=3.665952");
}

#[test]
fn oracle_costs_may_have_exponents_and_tags_of_any_name() {
    let text = "lineItem/referenceNo,lineItem/tenantId,lineItem/intervalUsageStart,lineItem/intervalUsageEnd,product/compartmentId,cost/myCost,cost/myCostOverage,cost/currencyCode,tags/Ops.team,tags/Oracle-Tags.CreatedBy\n\
        1,t,2024-03-01T10:00Z,2024-03-01T11:00:00Z,c,2.323760000E-9,9,USD,a,me\n2,t,2024-03-01T10:00Z,2024-03-01T11:00Z,c,0,,,,\n";
    ask(text)
        .by("tag:Ops.team")
        .gives("? 0, USD 0.00000000232376 of 2: =0 a=0.00000000232376");
}

#[test]
fn aws_spellings_of_loaders_are_one_report_and_split_rows_do_not_count_twice() {
    let fivetran = "_file,_line,_fivetran_synced,line_item_usage_start_date,line_item_unblended_cost,line_item_usage_account_id,line_item_currency_code\n\
        f,1,2024-03-02T00:00:00Z,2024-03-01T00:00:00Z,1.5,000123,USD\n";
    ask(fivetran).by("user_id").gives("USD 1.5 of 1: 000123=1.5");
    let keboola = "bill__InvoiceId,lineItem__UsageStartDate,lineItem__UnblendedCost,lineItem__UsageAccountId,lineItem__CurrencyCode,resourceTags__user__team\n\
        1,2024-03-01T00:00:00Z,1.5,000123,USD,a\n";
    ask(keboola).by("user_id").gives("USD 1.5 of 1: 000123=1.5");
    let split = "lineItem/UsageStartDate,lineItem/UnblendedCost,lineItem/CurrencyCode,lineItem/ResourceId,splitLineItem/ParentResourceId,splitLineItem/SplitCost\n\
        2024-03-01T00:00:00Z,10,USD,i-1,,\n2024-03-01T00:00:00Z,4,USD,pod-1,i-1,4\n2024-03-01T00:00:00Z,6,USD,pod-2,i-1,6\n\
        2024-03-01T00:00:00Z,bad,USD,i-2,,\n";
    let outcome = ask(split).gives("USD 10 of 1; 4:5 num.syntax");
    assert_eq!(outcome.receipt.notes.get("split line items"), Some(&2));
    assert_eq!(outcome.receipt.rows.read, 2);
}

#[test]
fn focus_datasets_that_are_no_charges_are_refused_by_name() {
    for (text, name) in [
        (
            "InvoiceId,InvoiceDetailId,BilledCost,BillingCurrency,ChargeCategory,InvoiceIssueStatus,PaymentCurrency\n1,1,5,USD,Usage,Issued,USD\n",
            "Invoice Detail",
        ),
        (
            "BillingPeriodStart,BillingPeriodEnd,BillingPeriodStatus,BillingPeriodCreated\n2024-03-01,2024-04-01,Open,2024-03-01\n",
            "Billing Period",
        ),
        (
            "ContractCommitmentId,ContractCommitmentCost,ContractId,BillingCurrency\n1,5,1,USD\n",
            "Contract Commitment",
        ),
    ] {
        ask(text).fails("file schema.refused", &[name]);
    }
}

#[test]
fn a_subset_of_columns_is_fine_and_what_is_missing_is_named() {
    ask("ChargePeriodStart,BilledCost,BillingCurrency\n2024-03-01,1,USD\n").gives("USD 1 of 1");
    ask("usage_start_time,cost,currency,project.id\n2024-03-01,1,USD,p\n")
        .metric("list")
        .fails("file schema.column", &["list_cost", "cost_at_list", "cost"]);
    ask("usage_start_time,costs,currency,project.id\n2024-03-01,1,USD,p\n").fails(
        "file schema.column",
        &["gcp-billing", "lacks cost", "costs", "does not know"],
    );
}

/// What the documentation shows.
const MAPPING: &str = r#"
name = "acme"
title = "Acme Cloud invoice lines"

[recognise]
need = [["amount_due"], ["used_from"]]

[cells]
zone = "Europe/Berlin"
dates = "dmy"
lasts = "day"
currencies = { "Euro" = "EUR" }
totals = ["Summe"]

[columns]
charge_period_start = ["used_from"]
billed_cost = ["amount_due"]
billing_currency = ["cur"]
project_id = ["cost_centre"]

[tags]
column = ["labels"]
pairs = "="

[[effective]]
cost = ["+amount_due", "-rebates[].value"]

[[skip]]
note = "other"
when = [{ column = "kind", is = ["info"] }]
"#;

#[test]
fn a_mapping_of_ones_own_has_the_whole_language() {
    let text = "used_from,amount_due,cur,cost_centre,labels,rebates,kind\n\
        31/03/2024,10,Euro,007,team=a,\"[{\"\"value\"\":1.5}]\",use\n31/03/2024,99,Euro,007,,,info\nSumme,109,,,,,\n";
    let outcome = ask(text)
        .mapping(MAPPING)
        .by("project_id,tag:team")
        .gives("EUR 10 of 1: 007/a=10");
    assert_eq!(outcome.receipt.notes.get("total lines"), Some(&1));
    assert_eq!(outcome.receipt.notes.get("rows that are no charges"), Some(&1));
    ask(text)
        .mapping(MAPPING)
        .metric("effective")
        .gives("EUR 8.5 of 1");
    ask(text)
        .mapping(MAPPING)
        .every("daily")
        .zone("Europe/Berlin")
        .gives("EUR 10 of 1: 2024-03-31=10");
}

#[test]
fn a_mapping_of_ones_own_goes_before_a_shipped_format() {
    let mapping = "name = \"mine\"\ntitle = \"mine\"\n[recognise]\nneed = [[\"BilledCost\"]]\n[columns]\n\
        charge_period_start = [\"ChargePeriodStart\"]\nbilled_cost = [\"ListCost\"]\nbilling_currency = [\"BillingCurrency\"]\n";
    let text = "ChargePeriodStart,BilledCost,ListCost,BillingCurrency\n2024-03-01,1,2,USD\n";
    ask(text).mapping(mapping).gives("USD 2 of 1");
}

#[test]
fn an_inspection_leaves_out_what_an_answer_leaves_out() {
    let folder = Folder::new();
    let look = |text: &str| {
        let path = folder.put("bill.csv", text);
        dataset::inspect(&[path], &RunOptions::default())
            .unwrap()
            .remove(0)
    };
    let alibaba = "账期,产品Code,账单开始时间,账单结束时间,应付金额\n202403,ecs,2024-03-01 00:00:00,2024-03-01 01:00:00,1.5\n合计,,,,1.5\n";
    let found = look(alibaba);
    assert_eq!((found.rows, found.rows_rejected), (1, 0), "{:?}", found.rejects);
    assert_eq!(money(&found.totals[0].sums), "CNY 1.5");
    assert!(found.odd.contains(&"1 total lines".to_owned()), "{:?}", found.odd);
    let gcp =
        "usage_start_time,project.id,cost,currency,credits\n2024-03-01,p,1,USD,\"[{'amount': -0.25}]\"\n";
    let found = look(gcp);
    let credits = found
        .totals
        .iter()
        .find(|t| t.header == "credits[].amount")
        .unwrap();
    assert_eq!(money(&credits.sums), "USD -0.25");
}

/// The column lists of Azure's own export schemas, with and without a row of nothing.
#[test]
fn the_published_schemas_of_azure_are_recognised() {
    let Some(root) = crate::support::shared_data() else {
        return;
    };
    let folder =
        root.join("finops-toolkit/src/templates/finops-hub/modules/Microsoft.CostManagement/Exports/schemas");
    for (name, format) in [
        ("actualcost_c360-2025-04", "azure-cost EA"),
        ("amortizedcost_c360-2025-04", "azure-cost EA"),
        ("focuscost_1.0-preview(v1)", "focus 1.0-preview"),
        ("focuscost_1.0", "focus 1.0"),
        ("focuscost_1.0r2", "focus 1.0"),
        ("focuscost_1.2-preview", "focus 1.2"),
        ("focuscost_1.2", "focus 1.2"),
    ] {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mappings = schema["translator"]["mappings"].as_array().unwrap();
        let columns: Vec<&str> = mappings
            .iter()
            .map(|m| m["source"]["name"].as_str().unwrap())
            .collect();
        let own = Folder::new();
        let path = own.put("export.csv", format!("{}\n", columns.join(",")));
        let found = dataset::inspect(&[path], &RunOptions::default())
            .unwrap()
            .remove(0);
        assert_eq!(found.format, format, "{name}");
    }
}

/// Rows and sum by key, period and currency.
type Lines = Vec<(String, u64, String)>;

/// The samples of every vendor but FOCUS and AWS, whose words the oracle knows only in part.
#[test]
fn every_vendors_sample_agrees_with_the_oracle_in_every_dimension() {
    let old = ["focus", "aws", "qingcloud"];
    let vendors = |format: Format| !old.iter().any(|old| format.word().starts_with(old));
    let folder = Folder::new();
    let mut n_samples = 0;
    for sample in samples::all().into_iter().filter(|s| vendors(s.output.format)) {
        n_samples += 1;
        let path = [folder.put(sample.path, sample.bytes().unwrap())];
        let known: Vec<Charge> = sample
            .charges
            .iter()
            .map(|c| carried(c, &sample.output))
            .collect();
        for by in [
            "",
            "project_id",
            "resource_id",
            "resource_type",
            "resource_name",
            "user_id",
            "root_user_id",
            "region_id",
            "zone_id",
            "service_name",
            "sku_id",
            "billing_currency",
            "tag_id",
            "tag:team",
        ] {
            for (metric, word) in [(Metric::Billed, "billed"), (Metric::Effective, "effective")] {
                // A dimension that is in another column of this export is not the oracle's to know.
                if by == "sku_id" && matches!(sample.output.format, Format::HuaweiRecords) {
                    continue;
                }
                let question = Question {
                    by: Some(by.to_owned())
                        .filter(|by| !by.is_empty())
                        .into_iter()
                        .collect(),
                    granularity: Granularity::Monthly,
                    metric,
                    ..Question::default()
                };
                let mut expected: Lines = naive::answer(&known, &question)
                    .into_iter()
                    .map(|l| {
                        (
                            format!("{} {} {}", l.keys.join("/"), l.period, l.currency),
                            l.charges,
                            l.sum,
                        )
                    })
                    .collect();
                let mut query = asking(by, "monthly");
                query.metric = word.parse().unwrap();
                let outcome = dataset::sums(&path, query, RunOptions::default());
                let outcome = outcome.unwrap_or_else(|e| panic!("{}: {e}", sample.path));
                let answer = outcome
                    .answer
                    .unwrap_or_else(|| panic!("{}: {:?}", sample.path, outcome.rejects));
                let line = |row: billfold_core::engine::AnswerRow<'_>| {
                    let keys: Vec<&str> = row.keys().collect();
                    let at = format!("{} {} {}", keys.join("/"), row.period().label, row.currency());
                    (at, row.charges(), row.cost().to_string())
                };
                let mut ours: Lines = answer.rows().map(line).collect();
                expected.sort();
                ours.sort();
                assert_eq!(ours, expected, "{} by {by:?}, {word}", sample.path);
            }
        }
    }
    assert!(n_samples >= 10, "{n_samples}");
}
