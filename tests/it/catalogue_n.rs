//! Catalogue N: meaning.

use billfold_core::query::Filter;

use billfold_core::ingest::delivery::Delivery;

use crate::catalogue_g;
use crate::support::{Folder, HEADER, ask, asking, bill, money, of};

fn paying(cost: &str, currency: &str) -> String {
    format!("2024-03-01,,{cost},{currency},i-1")
}

#[test]
fn n01_unlike_currencies_are_never_added() {
    let text = bill(&[paying("1", "USD"), paying("2", "EUR"), paying("0.5", "USD")]);
    ask(&text).gives("EUR 2, USD 1.5 of 3");
    ask(&text)
        .by("resource_id")
        .gives("EUR 2, USD 1.5 of 3: i-1=2 i-1=1.5");
}

#[test]
fn n02_a_currency_is_three_letters_or_its_row_is_refused() {
    ask(&bill(&[
        paying("1", "RMB"),
        paying("2", "cny"),
        paying("4", "CNY"),
    ]))
    .gives("CNY 7 of 3");
    for currency in ["¥", "$", "US", "Dollar", "", "NULL", "US1"] {
        ask(&bill(&[paying("1", currency), paying("1", "USD")])).gives("USD 1 of 1; 1:2 cur.unknown");
    }
    // What costs nothing needs no currency.
    ask(&bill(&[paying("0", ""), paying("", ""), paying("1", "USD")])).gives("? 0, USD 1 of 3");
}

#[test]
fn n02_a_file_without_a_currency_column_takes_the_one_that_is_named() {
    let text = bill(&[paying("1", "x")])
        .replace("BillingCurrency", "Other")
        .replace("ResourceId", "ChargeCategory");
    let outcome = ask(&text).gives("? 1 of 1");
    assert_eq!(outcome.receipt.notes.get("billing_currency absent"), Some(&1));
    let mut query = asking("", "total");
    query.default_currency = billfold_core::money::Currency::parse(b"EUR");
    ask(&text).query(query).gives("EUR 1 of 1");
}

#[test]
fn n03_a_column_that_is_gone_is_named_with_its_neighbours() {
    let text = bill(&[of("a")]);
    ask(&text.replace("ChargePeriodStart", "ChargePeriodStrt"))
        .fails("file schema.column", &["ChargePeriodStart", "ChargePeriodStrt"]);
    ask(&text)
        .metric("list")
        .fails("file schema.column", &["ListCost"]);
    ask(&text)
        .metric("BiledCost")
        .fails("file schema.column", &["BiledCost", "BilledCost"]);
    ask(&text)
        .by("Resource_Idd")
        .fails("usage usage", &["ResourceId"]);
}

#[test]
fn n04_columns_that_nobody_knows_are_kept() {
    let text = format!("{HEADER},x_CostCenter\n{},cc-1\n{},cc-2\n", of("a"), of("b"));
    ask(&text).by("x_CostCenter").gives("USD 2 of 2: cc-1=1 cc-2=1");
}

#[test]
fn n05_a_column_of_costs_without_a_value_is_refused_unless_allowed() {
    let empty = bill(&[paying("", "USD"), paying("NULL", "USD")]);
    ask(&empty).fails("file schema.empty_column", &["none of 2 rows", "--allow-empty"]);
    let outcome = ask(&empty).allow_empty().gives("USD 0 of 2");
    assert_eq!(outcome.receipt.notes.get("cost empty"), Some(&2));
}

/// The same two charges with every cost apart; the second has no effective cost.
const FOUR_COSTS: &str = "ChargePeriodStart,BillingCurrency,BilledCost,EffectiveCost,ListCost,ContractedCost\n\
    2024-03-01,USD,1,0.5,4,2\n2024-03-01,USD,10,,40,20\n";

#[test]
fn n06_the_answer_says_which_cost_it_summed() {
    for (metric, total) in [
        ("billed", "11"),
        ("effective", "10.5"),
        ("list", "44"),
        ("contracted", "22"),
        ("EffectiveCost", "0.5"),
    ] {
        let outcome = ask(FOUR_COSTS).metric(metric).gives(&format!("USD {total} of 2"));
        assert_eq!(outcome.answer.unwrap().query.metric.to_string(), metric);
        let fell_back = outcome.receipt.notes.get("effective_cost from billed_cost");
        assert_eq!(
            fell_back.copied(),
            (metric == "effective").then_some(1),
            "{metric}"
        );
    }
}

#[test]
fn n07_credits_refunds_and_taxes_count_until_a_filter_takes_them_out() {
    let row = |cost: &str, category: &str| format!("2024-03-01,USD,{cost},{category}\n");
    let text = format!(
        "ChargePeriodStart,BillingCurrency,BilledCost,ChargeCategory\n{}{}{}{}",
        row("10", "Usage"),
        row("-2.5", "Credit"),
        row("0.75", "Tax"),
        row("-0.001", "Adjustment")
    );
    ask(&text).gives("USD 8.249 of 4");
    let mut query = asking("", "total");
    query.filter = Filter::parse_all(["charge_category!=Credit,Tax"]).unwrap();
    let outcome = ask(&text).query(query).gives("USD 9.999 of 2");
    assert_eq!(money(&outcome.receipt.cost.read), "USD 8.249");
    assert_eq!(money(&outcome.receipt.cost.filtered), "USD -1.75");
    assert_eq!(outcome.receipt.rows.filtered, 2);
}

#[test]
fn n08_rows_that_cost_nothing_are_rows() {
    ask(&bill(&[paying("0", "USD"), paying("0.00", "USD")]))
        .by("resource_id")
        .gives("USD 0 of 2: i-1=0");
}

#[test]
fn n09_ids_are_text_whatever_they_look_like() {
    let ids = [
        "007",
        "7",
        "1E10",
        "1e10",
        "12345678901234567890",
        "0x1F",
        "true",
        "1.0",
        "+1",
    ];
    let mut expected: Vec<String> = ids.iter().map(|id| format!("{id}=1")).collect();
    expected.sort();
    ask(&bill(&ids.map(of)))
        .by("resource_id")
        .gives(&format!("USD 9 of 9: {}", expected.join(" ")));
}

#[test]
fn n11_no_tag_and_an_empty_tag_are_told_apart_as_groups_and_not_as_values() {
    let row = |tags: &str| format!("{},\"{}\"\n", of("i"), tags.replace('"', "\"\""));
    let text = format!(
        "{HEADER},Tags\n{}{}{}{}{}",
        row(r#"{"team":"a","env":"x"}"#),
        row(r#"{"team":""}"#),
        row("{}"),
        row(""),
        row("NULL")
    );
    // One row has two tags; three rows have none, a tag of no text is a tag.
    ask(&text)
        .by("tag_id")
        .gives("USD 5 of 5: =3 env=x=1 team==1 team=a=1");
    // As a value, absent and empty are the same.
    ask(&text).by("tag:team").gives("USD 5 of 5: =4 a=1");
}

#[test]
fn n16_a_resource_that_moves_counts_where_each_row_says() {
    let text = "start_time,end_time,fee,currency,resource_id,user_id,project_id\n\
        2024-03-01 00:00:00,2024-03-02 00:00:00,1,cny,i-1,u,p-a\n\
        2024-03-02 00:00:00,2024-03-03 00:00:00,2,cny,i-1,u,p-b\n";
    ask(text)
        .by("resource_id,project_id")
        .gives("CNY 3 of 2: i-1/p-a=1 i-1/p-b=2");
}

#[test]
fn n14_counts_of_a_manifest_are_held_against_the_file() {
    let text = catalogue_g::so_far(3, "1");
    for (bytes, rows, message) in [
        (text.len() + 1, 3, "its manifest says"),
        (text.len(), 4, "has 3 rows, its manifest says 4"),
    ] {
        let folder = Folder::new();
        catalogue_g::azure(
            &folder,
            "ActualCost",
            catalogue_g::OLD,
            "2024-09-05T06:00:00Z",
            &text,
            bytes,
            rows,
        );
        catalogue_g::fails(
            &folder,
            Delivery::Sure,
            "file manifest.size",
            &["part_0_0001.csv", message],
        );
    }
}

fn findings(text: &str) -> Vec<(&'static str, u64, String)> {
    let folder = crate::support::Folder::new();
    let path = folder.put("bill.csv", text);
    let report =
        billfold_core::check::check(&[path], 3, &billfold_core::dataset::RunOptions::default()).unwrap();
    let found = report.findings.iter();
    found
        .map(|f| {
            let example = f.examples.first().map(|e| e.text.clone()).unwrap_or_default();
            (f.rule.id, f.count, example)
        })
        .collect()
}

#[test]
fn n12_price_times_quantity_that_is_not_the_cost_is_listed_with_the_exact_difference() {
    let found = findings(
        "BilledCost,ListCost,ListUnitPrice,PricingQuantity,BillingCurrency,ChargePeriodStart,ChargeCategory\n\
         1,0.000000000000000000000000000003,0.000000000000001,0.000000000000003,USD,2024-03-01,Usage\n\
         1,0.3,0.1,3,USD,2024-03-01,Usage\n",
    );
    let product = found.iter().find(|(id, ..)| *id == "ListCost-C-009");
    assert_eq!(product, None);
    let found = findings(
        "BilledCost,ListCost,ListUnitPrice,PricingQuantity,BillingCurrency,ChargePeriodStart,ChargeCategory\n\
         1,0.3000000000000000000000000000000000001,0.1,3,USD,2024-03-01,Usage\n",
    );
    let product = found.iter().find(|(id, ..)| *id == "ListCost-C-009").unwrap();
    assert_eq!(product.1, 1);
    assert!(
        product
            .2
            .ends_with("difference -0.0000000000000000000000000000000000001"),
        "{}",
        product.2
    );
}

#[test]
fn n13_sums_by_invoice_that_differ_from_the_invoices_end_with_1() {
    let folder = crate::support::Folder::new();
    let invoices = |amount: &str| {
        let text = format!("InvoiceId,BillingCurrency,Amount\nA,USD,{amount}\n");
        folder.put(&format!("invoices-{amount}.csv"), text)
    };
    let bill = folder.put(
        "bill.csv",
        "BilledCost,BillingCurrency,ChargePeriodStart,InvoiceId\n0.1,USD,2024-03-01,A\n0.2,USD,2024-03-01,A\n",
    );
    for (amount, exit, difference) in [("0.3", 0, "0"), ("0.29", 0, "0.01"), ("7.3", 1, "-7")] {
        let ran = crate::support::command(
            &format!("reconcile --format csv --invoices {} {{}}", invoices(amount)),
            &bill,
        );
        assert_eq!(ran.exit, exit, "{amount}: {}", ran.stderr);
        assert!(
            ran.stdout.contains(&format!(",{amount},{difference},1,")),
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn n15_a_commitment_whose_parts_are_not_its_usage_is_a_finding() {
    let header = "BilledCost,EffectiveCost,BillingCurrency,ChargePeriodStart,ChargeCategory,\
                  CommitmentDiscountId,CommitmentDiscountStatus\n";
    let row = |cost: &str, status: &str| format!("0,{cost},USD,2024-03-01,Usage,cd-1,{status}\n");
    let rule = |text: &str| {
        findings(text)
            .into_iter()
            .find(|(id, ..)| *id == "EffectiveCost-C-013")
    };
    assert_eq!(
        rule(&format!("{header}{}{}", row("5", "Used"), row("2", "Unused"))),
        None
    );
    let found = rule(&format!("{header}{}{}", row("5", "Used"), row("2", ""))).unwrap();
    assert!(found.2.ends_with("difference USD -2"), "{}", found.2);
}
