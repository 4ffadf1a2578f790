//! Tables of measures, anomalies, forecasts and the library of reports, from outside.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use billfold_core::money::{Amount, ExactSum};

use crate::support::{Folder, command, command_of, shared_data, workspace};

/// The records of a CSV text, quotes as RFC 4180 has them.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut chars = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            c => field.push(c),
        }
    }
    if !record.is_empty() || !field.is_empty() {
        record.push(field);
        records.push(record);
    }
    records
}

type Totals = BTreeMap<String, ExactSum>;

fn add(totals: &mut Totals, currency: &str, text: &str) {
    let amount = Amount::parse(text.as_bytes()).unwrap_or_else(|_| panic!("{text}"));
    totals
        .entry(currency.to_owned())
        .or_default()
        .add_amount(amount)
        .unwrap();
}

/// A bill as its raw cells.
struct Raw {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Raw {
    fn read(path: &Path) -> Raw {
        let bytes = std::fs::read(path).unwrap();
        let mut text = String::new();
        if path.extension().is_some_and(|ending| ending == "gz") {
            flate2::read::MultiGzDecoder::new(bytes.as_slice())
                .read_to_string(&mut text)
                .unwrap();
        } else {
            text = String::from_utf8(bytes).unwrap();
        }
        let mut rows = records(&text);
        let headers = rows.remove(0);
        Raw { headers, rows }
    }

    fn cell<'r>(&self, row: &'r [String], header: &str) -> &'r str {
        let at = self.headers.iter().position(|name| name == header);
        match at.map(|at| row[at].as_str()) {
            Some("NULL") | None => "",
            Some(text) => text,
        }
    }

    /// By currency, the sum of the first of these columns that has a value, over rows that pass; without
    /// columns their number. Conditions are `header=value` and `header!=value`.
    fn sum(&self, columns: &[&str], conditions: &[&str]) -> Totals {
        self.sum_where(columns, |row| {
            conditions
                .iter()
                .all(|condition| match condition.split_once("!=") {
                    Some((header, value)) => self.cell(row, header) != value,
                    None => {
                        let (header, value) = condition.split_once('=').unwrap();
                        self.cell(row, header) == value
                    }
                })
        })
    }

    fn sum_where(&self, columns: &[&str], passes: impl Fn(&[String]) -> bool) -> Totals {
        let mut totals = Totals::new();
        for row in self.rows.iter().filter(|row| passes(row)) {
            let mut values = columns.iter().map(|column| self.cell(row, column));
            let value = values.find(|text| !text.is_empty());
            let none = if columns.is_empty() { "1" } else { "0" };
            add(
                &mut totals,
                self.cell(row, "BillingCurrency"),
                value.unwrap_or(none),
            );
        }
        totals
    }
}

/// By currency, the sum of a column of a report in CSV, over its groups.
fn column(csv: &str, name: &str) -> Totals {
    let rows = records(csv);
    let at = |wanted: &str| {
        rows[0]
            .iter()
            .position(|header| header == wanted)
            .unwrap_or_else(|| panic!("no {wanted} in {:?}", rows[0]))
    };
    let (value, currency) = (at(name), at("billing_currency"));
    let kind = rows[0].iter().position(|header| header == "row");
    let mut totals = Totals::new();
    for row in &rows[1..] {
        if kind.is_some_and(|kind| row[kind] == "total") || row[value].is_empty() {
            continue;
        }
        add(&mut totals, &row[currency], &row[value]);
    }
    totals
}

const EFFECTIVE: &[&str] = &["EffectiveCost", "BilledCost"];
const BILLED: &[&str] = &["BilledCost"];
const COMPUTE: &[&str] = &["ServiceCategory=Compute"];

/// Of every report of the library a column of amounts, and what it is the sum of in the raw file.
const ORACLES: &[(&str, &str, &[&str], &[&str])] = &[
    ("allocate-application-multi-currency", "total", BILLED, &[]),
    (
        "analyze-capacity-reservations-on-compute-costs",
        "billed_cost",
        BILLED,
        COMPUTE,
    ),
    (
        "analyze-credit-memos",
        "total",
        BILLED,
        &["ChargeCategory=Credit"],
    ),
    (
        "analyze-effective-cost-by-pricing-currency",
        "pricing_currency_effective_cost",
        &["PricingCurrencyEffectiveCost"],
        &[],
    ),
    (
        "analyze-purchase-of-virtual-currency",
        "pricing_quantity",
        &["PricingQuantity"],
        &["ChargeCategory=Purchase"],
    ),
    ("analyze-service-costs-by-region", "total", EFFECTIVE, &[]),
    ("analyze-tag-coverage", "cost", EFFECTIVE, &[]),
    (
        "analyze-the-different-metered-costs-for-a-particular-sku",
        "list_cost",
        &["ListCost"],
        &[],
    ),
    (
        "calculate-average-rate-of-a-component-resource",
        "cost",
        EFFECTIVE,
        &["SkuPriceDetails!="],
    ),
    (
        "calculate-consumption-of-virtual-currency-within-a-billing-period",
        "pricing_currency_effective_cost",
        &["PricingCurrencyEffectiveCost"],
        &["ChargeCategory=Usage"],
    ),
    (
        "calculate-unit-economics",
        "usage_quantity",
        &["ConsumedQuantity"],
        &["ConsumedUnit!="],
    ),
    (
        "commitment-discount-purchases",
        "billed_cost",
        BILLED,
        &["ChargeCategory=Purchase", "CommitmentDiscountId!="],
    ),
    (
        "compare-billed-budget",
        "total",
        BILLED,
        &["ChargeCategory=Usage"],
    ),
    (
        "compare-usage-month-over-month",
        "usage_quantity",
        &["ConsumedQuantity"],
        &["ChargeCategory=Usage"],
    ),
    (
        "corrections-by-subaccount",
        "total",
        BILLED,
        &["ChargeClass=Correction"],
    ),
    ("cost-compute-subaccount", "cost", EFFECTIVE, COMPUTE),
    ("costs-by-availability-zone", "total", EFFECTIVE, &[]),
    ("costs-service-category", "total", BILLED, &[]),
    ("costs-service-name", "billed_cost", BILLED, &[]),
    ("daily-anomaly-region", "total", EFFECTIVE, &[]),
    ("daily-anomaly-services", "total", EFFECTIVE, &[]),
    ("daily-anomaly-subaccount", "total", EFFECTIVE, &[]),
    (
        "determine-contracted-savings-by-virtual-currency",
        "savings in billing currency",
        &["difference of prices"],
        &[],
    ),
    (
        "determine-target-of-virtual-currency-usage",
        "pricing_currency_effective_cost",
        &["PricingCurrencyEffectiveCost"],
        &[],
    ),
    ("effective-cost-compute", "total", EFFECTIVE, COMPUTE),
    (
        "effective-savings-rate",
        "contracted",
        &["ContractedCost"],
        &["uncovered"],
    ),
    (
        "effective-savings-rate-services",
        "effective",
        EFFECTIVE,
        &["uncovered"],
    ),
    ("forecast-amortized-costs", "total", EFFECTIVE, &[]),
    ("forecast-cashflow", "total", BILLED, &[]),
    ("forecast-costs", "pricing_quantity", &["PricingQuantity"], &[]),
    ("identify-sources-of-billed-cost", "total", BILLED, &[]),
    (
        "identify-unused-capacity-reservations",
        "billed_cost",
        BILLED,
        &["CapacityReservationStatus=Unused"],
    ),
    (
        "identify-unused-commitments",
        "cost",
        EFFECTIVE,
        &["CommitmentDiscountStatus=Unused"],
    ),
    (
        "quantify-usage-of-a-component-resource",
        "cores",
        &[],
        &["SkuPriceDetails!="],
    ),
    (
        "recurring-commitment-charges",
        "total",
        BILLED,
        &["ChargeFrequency=Recurring", "CommitmentDiscountId!="],
    ),
    ("report-corrections", "total", BILLED, &["ChargeClass=Correction"]),
    (
        "report-costs-by-service-category-and-subcategory",
        "total",
        BILLED,
        &[],
    ),
    (
        "report-service-costs-by-providers-subaccount",
        "total",
        EFFECTIVE,
        &[],
    ),
    (
        "report-spending-across-billing-periods-by-service-category",
        "total",
        BILLED,
        &[],
    ),
    ("report-subaccount-regions", "charges", &[], &[]),
    ("resource-component-costs", "total", EFFECTIVE, &["ResourceId!="]),
    ("resource-costs-sku", "cost", EFFECTIVE, &[]),
    ("service-costs-month-over-month", "total", EFFECTIVE, &[]),
    ("service-costs-subaccount", "total", EFFECTIVE, &[]),
    (
        "understand-the-billing-account-or-sub-account-entity",
        "charges",
        &[],
        &[],
    ),
    ("update-application-budgets", "total", BILLED, &[]),
    ("update-budgets", "total", BILLED, &[]),
    (
        "verify-accuracy-of-provider-invoices-aka-invoice-reconciliation",
        "total",
        BILLED,
        &[],
    ),
    (
        "verify-discounts-applied",
        "billed_cost",
        BILLED,
        &["ChargeClass!=Correction"],
    ),
    ("verify-invoices", "total", BILLED, &[]),
    ("verify-service-charges", "total", BILLED, &[]),
    // Rows of one publisher and another issuer; its sum is looked at apart.
    (
        "marketplace-vendors-costs",
        "cost",
        &[],
        &["BillingCurrency=none"],
    ),
    ("application-cost", "total", &[], &["tagged"]),
];

/// Holds every report of the library over this bill against the bill's raw cells; how many there were.
fn library_agrees(path: &Path) -> usize {
    let raw = Raw::read(path);
    let folder = Folder::new();
    let ran = command_of(&[
        "run",
        "--library",
        "focus",
        "--param",
        "tag=env",
        "--format",
        "csv",
        "--into",
        folder.path().to_str().unwrap(),
        path.to_str().unwrap(),
    ]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let mut n = 0;
    for (name, amount, columns, conditions) in ORACLES {
        let file = folder.path().join(format!("{name}.csv"));
        if !file.exists() {
            assert!(
                ran.stderr.contains(&format!("left out: {name}: ")),
                "{name}: {}",
                ran.stderr
            );
            continue;
        }
        n += 1;
        let csv = std::fs::read_to_string(file).unwrap();
        let found = column(&csv, amount);
        let expected = match (*columns, *conditions) {
            (["difference of prices"], _) => minus(
                raw.sum(&["ListUnitPrice"], &[]),
                &raw.sum(&["ContractedUnitPrice"], &[]),
            ),
            (columns, ["uncovered"]) => minus(
                raw.sum(columns, &[]),
                &raw.sum(columns, &["ChargeCategory=Purchase", "CommitmentDiscountId!="]),
            ),
            (_, ["tagged"]) => raw.sum_where(EFFECTIVE, |row| names_env(raw.cell(row, "Tags"))),
            (_, ["vendors"]) => raw.sum_where(EFFECTIVE, |row| {
                let publisher = raw.cell(row, "PublisherName");
                !publisher.is_empty() && publisher != raw.cell(row, "InvoiceIssuerName")
            }),
            (columns, conditions) => raw.sum(columns, conditions),
        };
        // A currency of nothing but zeros may have no row.
        let held =
            |totals: Totals| -> Totals { totals.into_iter().filter(|(_, sum)| !sum.is_zero()).collect() };
        assert_eq!(held(found), held(expected), "{name} of {}", path.display());
    }
    n
}

/// Whether tags, as JSON, name a value of `env`.
fn names_env(tags: &str) -> bool {
    let value = tags.split_once("\"env\":").map(|(_, behind)| behind.trim_start());
    value.is_some_and(|value| !value.starts_with("\"\"") && !value.starts_with("null"))
}

fn minus(mut from: Totals, what: &Totals) -> Totals {
    for (currency, sum) in what {
        from.entry(currency.clone()).or_default().sub(sum).unwrap();
    }
    from
}

#[test]
fn every_question_of_the_focus_library_has_the_answer_of_the_raw_cells() {
    let samples = workspace().join("data-samples");
    assert_eq!(library_agrees(&samples.join("focus-1.2.csv.gz")), 53);
    let n_old = library_agrees(&samples.join("focus-1.0.csv"));
    assert!(n_old >= 45, "{n_old}");
    library_agrees(&samples.join("focus-1.4.csv"));
}

#[test]
fn the_focus_library_answers_a_bill_that_nobody_here_wrote() {
    let Some(shared) = shared_data() else { return };
    let n = library_agrees(&shared.join("focus-sample-data/FOCUS-1.0/focus_sample.csv"));
    assert!(n >= 45, "{n}");
}

#[test]
fn the_library_is_listed_and_documented_whole() {
    let ran = command("run --library focus --list", "");
    assert_eq!((ran.exit, ran.stdout.lines().count()), (0, 53), "{}", ran.stderr);
    let docs =
        std::fs::read_to_string(workspace().join("crates/billfold-report/docs/focus-library.md")).unwrap();
    for line in ran.stdout.lines() {
        let name = line.split_whitespace().next().unwrap();
        assert!(docs.contains(&format!("`{name}`")), "{name} is not documented");
        assert!(ORACLES.iter().any(|(known, ..)| *known == name), "{name}");
        assert!(line.trim_end().ends_with('?'), "{line}");
    }
    assert_eq!(command("run --library other --list", "").exit, 2);
    assert_eq!(command("run --library focus --only none {}", "x.csv").exit, 2);
    assert_eq!(command("run --library focus", "").exit, 2);
}

#[test]
fn marketplace_products_are_those_that_someone_else_invoices() {
    let folder = Folder::new();
    let bill = folder.put(
        "bill.csv",
        "ChargePeriodStart,BilledCost,BillingCurrency,PublisherName,InvoiceIssuerName\n\
         2024-03-01,0.1,USD,Vendor,Cloud\n2024-03-02,0.2,USD,Vendor,Cloud\n2024-03-02,5,USD,Cloud,Cloud\n",
    );
    let ran = command(
        "run --library focus --only marketplace-vendors-costs --format csv {}",
        &bill,
    );
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert_eq!(
        ran.stdout,
        "month,provider,publisher,invoice_issuer,billing_currency,cost,charges\n2024-03,,Vendor,Cloud,USD,0.3,2\n"
    );
}

#[test]
fn cores_are_those_of_the_price_details() {
    let folder = Folder::new();
    let details =
        |cores: u8| format!("\"{{\"\"CoreCount\"\":{cores},\"\"InstanceSeries\"\":\"\"D v5\"\"}}\"");
    let bill = folder.put(
        "bill.csv",
        format!(
            "ChargePeriodStart,BilledCost,BillingCurrency,ServiceName,SkuPriceDetails\n\
             2024-03-01,1,USD,vm,{}\n2024-03-02,2,USD,vm,{}\n2024-03-02,5,USD,disk,\n",
            details(4),
            details(8)
        ),
    );
    let ran = command(
        "run --library focus --only calculate-average-rate-of-a-component-resource --format csv {}",
        &bill,
    );
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert!(
        ran.stdout.ends_with(",vm,,,D v5,USD,12,3,0.25\n"),
        "{}",
        ran.stdout
    );
}

/// What a day costs, if anything.
type CostOf<'f> = &'f dyn Fn(u32) -> Option<String>;

/// A bill by day from 2024-01-01, a Monday: service and cost as a function of the day.
fn daily(folder: &Folder, name: &str, services: &[(&str, CostOf<'_>)], n: u32) -> String {
    let mut text = String::from("ChargePeriodStart,ChargePeriodEnd,BilledCost,BillingCurrency,ServiceName\n");
    let date = |day: u32| match day {
        0..31 => format!("2024-01-{:02}", day + 1),
        31..60 => format!("2024-02-{:02}", day - 30),
        _ => format!("2024-03-{:02}", day - 59),
    };
    for day in 0..n {
        for (service, cost) in services {
            if let Some(cost) = cost(day) {
                text += &format!(
                    "{}T00:00:00Z,{}T00:00:00Z,{cost},USD,{service}\n",
                    date(day),
                    date(day + 1)
                );
            }
        }
    }
    folder.put(name, text)
}

#[test]
fn planted_anomalies_are_found_with_their_numbers_and_none_where_none_is() {
    let folder = Folder::new();
    let steady = |day: u32| Some(format!("10.{}", day % 3));
    let spiked = |day: u32| Some(if day == 20 { "99.9" } else { "5" }.to_owned());
    let late = |day: u32| (day >= 15).then(|| "3".to_owned());
    let ended = |day: u32| (day < 18).then(|| "4".to_owned());
    let quiet = daily(&folder, "quiet.csv", &[("steady", &steady)], 30);
    let ran = command("anomalies --by service_name --format csv --fail {}", &quiet);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert_eq!(ran.stdout.lines().count(), 1);
    let odd = daily(
        &folder,
        "odd.csv",
        &[
            ("steady", &steady),
            ("spiked", &spiked),
            ("late", &late),
            ("ended", &ended),
        ],
        30,
    );
    let ran = command("anomalies --by service_name --format csv {}", &odd);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert_eq!(
        ran.stdout,
        "period,service_name,billing_currency,kind,cost,expected,deviation,deviation %,score,history\n\
         2024-01-16,late,USD,new,3,0,3,,,0\n\
         2024-01-19,ended,USD,gone,0,4,-4,-100.00,,18\n\
         2024-01-21,spiked,USD,high,99.9,5,94.9,1898.00,,20\n"
    );
    assert!(ran.stderr.contains("anomalies: 3 found in"), "{}", ran.stderr);
    assert_eq!(command("anomalies --by service_name --fail {}", &odd).exit, 1);
    let great = command(
        "anomalies --by service_name --min-amount 5 --format json {}",
        &odd,
    );
    let rows: serde_json::Value = serde_json::from_str(&great.stdout).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 1);
    assert_eq!(rows[0]["deviation"], "+94.9");
    for format in ["table", "markdown", "html", "xlsx", "parquet", "arrow", "tsv"] {
        let out = folder.path().join(format!("odd.{format}"));
        let args = format!(
            "anomalies --by service_name --format {format} --output {} {{}}",
            out.display()
        );
        assert_eq!(command(&args, &odd).exit, 0, "{format}");
    }
    assert_eq!(command("anomalies --duration total {}", &odd).exit, 2);
    assert_eq!(command("anomalies --factor -1 {}", &odd).exit, 2);
    assert_eq!(command("anomalies --window 3 {}", &odd).exit, 2);
}

#[test]
fn a_forecast_ends_the_month_and_says_how_good_it_was() {
    let folder = Folder::new();
    let rhythm = |day: u32| Some(if day % 7 < 5 { "10" } else { "1" }.to_owned());
    let flat = |_: u32| Some("0.5".to_owned());
    let bill = daily(&folder, "bill.csv", &[("rhythm", &rhythm), ("flat", &flat)], 40);
    let ran = command("forecast --by service_name --months 2 --format csv {}", &bill);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert_eq!(
        ran.stdout,
        "service_name,month,billing_currency,actual,forecast,total,error %,method\n\
         flat,2024-02,USD,4,10.5,14.5,0.00,median\n\
         flat,2024-03,USD,0,15.5,15.5,0.00,median\n\
         rhythm,2024-02,USD,62,156,218,0.00,median\n\
         rhythm,2024-03,USD,0,220,220,0.00,median\n"
    );
    let closed = command("forecast --closed --format csv {}", &bill);
    assert!(
        closed
            .stdout
            .contains("\n2024-02,USD,76.5,156,232.5,0.00,median\n"),
        "{}",
        closed.stdout
    );
    let table = command("forecast --by service_name {}", &bill);
    assert!(
        table.stdout.contains("total") && table.stdout.contains("232.50"),
        "{}",
        table.stdout
    );
    assert!(
        table.stdout.contains("over 1 past month (2024-01)"),
        "{}",
        table.stdout
    );
    assert!(
        table.stdout.contains("2024-02-09 may be incomplete"),
        "{}",
        table.stdout
    );
    let none = command("forecast --filter service_name=none {}", &bill);
    assert!(none.stdout.contains("no charges"), "{}", none.stdout);
    assert_eq!(command("forecast --as-of 2023-12-31 {}", &bill).exit, 2);
    assert_eq!(command("forecast --months 0 {}", &bill).exit, 2);
    let as_of = command("forecast --as-of 2024-02-09 --format csv {}", &bill);
    assert_eq!(as_of.exit, 0, "{}", as_of.stderr);
}

#[test]
fn a_table_of_measures_holds_sums_ratios_and_conditions() {
    let folder = Folder::new();
    let bill = folder.put(
        "bill.csv",
        "ChargePeriodStart,BilledCost,EffectiveCost,ContractedCost,ListCost,BillingCurrency,ServiceName,Tags\n\
         2024-03-01,0,0.1,0.2,,USD,a,\"{\"\"team\"\":\"\"x\"\"}\"\n\
         2024-03-02,0.3,0.2,0.2,0.4,USD,a,\n\
         2024-03-02,1,1,0,0,EUR,b,\n",
    );
    let args = [
        "report",
        "--by",
        "service_name",
        "--duration",
        "total",
        "--measure",
        "billed_cost",
        "--measure",
        "saved %=(contracted_cost-cost)/contracted_cost%",
        "--measure",
        "tagged=cost[tag:team!=]",
        "--measure",
        "list_cost",
        "--measure",
        "charges",
        "--format",
    ];
    let with = |format: &str| command_of(&[&args, [format, bill.as_str()].as_slice()].concat());
    let ran = with("csv");
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert_eq!(
        ran.stdout,
        "service_name,billing_currency,billed_cost,saved %,tagged,list_cost,charges\n\
         b,EUR,1,,0,0,1\na,USD,0.3,25.00,0.1,0.4,2\n"
    );
    let table = with("table").stdout;
    assert!(table.contains("list_cost is empty on 1 of 3 charges"), "{table}");
    assert!(table.contains("total"), "{table}");
    assert_eq!(command_of(&["report", "--measure", "cost/", &bill]).exit, 2);
    assert_eq!(
        command_of(&["report", "--measure", "cost", "--top", "3", &bill]).exit,
        2
    );
    assert_eq!(
        command_of(&["report", "--measure", "cost[tag_id=x]", &bill]).exit,
        2
    );
}

#[test]
fn sql_and_measures_know_tables_of_ones_own_and_other_currencies() {
    let folder = Folder::new();
    let bill = folder.put(
        "bill.csv",
        "ChargePeriodStart,BilledCost,BillingCurrency,ResourceId\n\
         2024-03-01,10,USD,i-1\n2024-03-02,1,EUR,i-2\n2024-03-02,3,CNY,i-3\n",
    );
    let teams = folder.put("teams.csv", "resource_id,team\ni-1,web\ni-2,web\n");
    let rates = folder.put(
        "rates.csv",
        "month,from,to,rate\n2024-03,USD,CNY,7.25\n2024-03,EUR,CNY,7.8\n",
    );
    let common = [
        "--lookup",
        &teams,
        "--currency",
        "CNY",
        "--rates",
        &rates,
        "--format",
        "csv",
        &bill,
    ];
    let statement = "select \"team\", billing_currency, sum(cost) as cost from charges group by \"team\", billing_currency order by \"team\"";
    let ran = command_of(&[&["sql", statement], common.as_slice()].concat());
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert_eq!(ran.stdout, "team,billing_currency,cost\n,CNY,3\nweb,CNY,80.3\n");
    let asked = [
        "report",
        "--by",
        "team",
        "--duration",
        "total",
        "--sort",
        "key",
        "--measure",
        "cost",
    ];
    let ran = command_of(&[&asked, common.as_slice()].concat());
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert_eq!(ran.stdout, "team,billing_currency,cost\n,CNY,3\nweb,CNY,80.3\n");
    // An amount that is not the cost would stay in its currency under the name of another.
    let ran = command_of(&[&["sql", "select billed_cost from charges"], common.as_slice()].concat());
    assert_eq!(ran.exit, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("billed_cost stays"), "{}", ran.stderr);
    // The same in a file of reports.
    folder.put(
        "billfold.toml",
        "[defaults]\ninputs = [\"bill.csv\"]\nlookup = \"teams.csv\"\ncurrency = \"CNY\"\nrates = \"rates.csv\"\nformat = \"csv\"\n\
         [parameters]\nwho = \"team\"\n\
         [report.a]\nsql = 'select \"${who}\", sum(cost) as cost from charges group by \"${who}\" order by \"${who}\"'\n\
         [report.b]\nby = \"${who}\"\nduration = \"total\"\nshow = \"none\"\n\
         [report.c]\nby = \"${who}\"\nduration = \"total\"\nsort = \"key\"\nmeasure = [\"cost\", \"charges\"]\n",
    );
    let config = folder.path().join("billfold.toml");
    let ran = command("run --config {}", config.to_str().unwrap());
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert_eq!(
        ran.stdout,
        "team,cost\n,3\nweb,80.3\n\
         row,team,billing_currency,total\ngroup,web,CNY,80.3\ngroup,,CNY,3\ntotal,,CNY,83.3\n\
         team,billing_currency,cost,charges\n,CNY,3,1\nweb,CNY,80.3,2\n"
    );
    let ran = command_of(&[
        "run",
        "--config",
        config.to_str().unwrap(),
        "--param",
        "who=resource_id",
        "c",
    ]);
    assert!(ran.stdout.starts_with("resource_id,"), "{}", ran.stdout);
}
