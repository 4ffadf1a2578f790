//! `convert`, `check` and `reconcile` in-process: what they write, what they say, how they end.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use billfold_cli::{Io, main_with};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("billfold-convert-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Runs `line`, in which `@name` is a file of this folder.
    fn run(&self, line: &str) -> Ran {
        let words = line.split_whitespace().map(|word| match word.strip_prefix('@') {
            Some(name) => self.path(name).into(),
            None => OsString::from(word),
        });
        run(words)
    }

    fn done(&self, line: &str) -> Ran {
        let ran = self.run(line);
        assert_eq!(ran.code, 0, "{line}\n{}\n{}", ran.out, ran.err);
        ran
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Debug)]
struct Ran {
    code: u8,
    out: String,
    err: String,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn run(words: impl IntoIterator<Item = OsString>) -> Ran {
    let (out, err) = (Shared::default(), Shared::default());
    let mut io = Io {
        stdout: Box::new(out.clone()),
        stderr: Box::new(err.clone()),
        stdout_is_terminal: false,
        stdout_width: None,
        stderr_is_terminal: false,
        no_color: false,
    };
    let code = main_with(std::iter::once("billfold".into()).chain(words), &mut io);
    drop(io);
    let text = |shared: Shared| String::from_utf8(shared.0.lock().unwrap().clone()).unwrap();
    Ran {
        code,
        out: text(out),
        err: text(err),
    }
}

#[allow(clippy::disallowed_methods)] // The ban is for files of bills.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap()
}

fn sample(name: &str) -> String {
    format!("{}/../../data-samples/{name}", env!("CARGO_MANIFEST_DIR"))
}

const QUESTIONS: &[&str] = &[
    "--by service_name,tag:team --duration monthly",
    "--by project_id,zone_id,resource_id,tag_id --metric billed --duration daily --timezone Asia/Shanghai",
    "--by charge_category,user_id,order_id --allocate prorate --duration weekly",
];

#[test]
fn a_converted_sample_answers_every_question_with_the_same_bytes() {
    let folder = Folder::new("samples");
    let samples = [
        "focus-0.5.csv",
        "focus-1.0.csv",
        "focus-1.2.parquet",
        "focus-1.4.csv",
        "aws-cur-2.0.parquet",
        "aws-cur-legacy",
        "qingcloud-records.csv",
        "qingcloud-records.json",
    ];
    for (nth, name) in samples.iter().enumerate() {
        let input = sample(name);
        let outputs = [
            (format!("{nth}.parquet"), "charges"),
            (format!("{nth}.csv.zst"), "charges"),
            (format!("{nth}.ndjson"), "charges"),
            (format!("{nth}.focus.parquet"), "focus-1.2"),
            (format!("{nth}.focus.csv.gz"), "focus-1.2"),
        ];
        for (output, schema) in &outputs {
            folder.done(&format!("convert {input} --schema {schema} -o @{output} -q"));
        }
        for question in QUESTIONS {
            let asked = |path: &str| folder.done(&format!("sums {path} {question} -f csv -q")).out;
            let expected = asked(&input);
            for (output, _) in &outputs {
                assert_eq!(
                    asked(&folder.path(output)),
                    expected,
                    "{name} as {output}: {question}"
                );
            }
        }
        // What was converted once is the same when converted again.
        folder.done(&format!("convert @{nth}.parquet -o @again.csv --force -q"));
        folder.done(&format!("convert @{nth}.csv.zst -o @twice.csv --force -q"));
        assert_eq!(
            read(&folder.path("again.csv")),
            read(&folder.path("twice.csv")),
            "{name}"
        );
    }
}

const BILL: &str = "\
BilledCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ServiceName,Tags,x_Team,Region Name
0.10,USD,2024-03-02T00:00:00Z,2024-03-02T01:00:00Z,Compute,\"{\"\"a\"\":\"\"1\"\",\"\"b\"\":null}\",red,North
100000000000000000000,USD,2024-03-01T00:00:00Z,,NULL,,,
0.000000000000000000001,EUR,2024-03-01T00:00:00.5Z,2024-03-01T00:00:01Z,\"a,b\",not json,blue,
";

#[test]
fn charges_are_sorted_and_exact_and_keep_what_the_schema_does_not_know() {
    let folder = Folder::new("charges");
    folder.write("bill.csv", BILL);
    let ran = folder.done("convert @bill.csv -o @out.csv --receipt @receipt.json");
    assert_eq!(
        read(&folder.path("out.csv")),
        "billfold_charges,charge_period_start,charge_period_end,billed_cost,billing_currency,region_name,service_name,tags,x_Team\n\
         1,2024-03-01T00:00:00Z,,100000000000000000000,USD,,,,\n\
         1,2024-03-01T00:00:00.5Z,2024-03-01T00:00:01Z,0.000000000000000000001,EUR,,\"a,b\",,blue\n\
         1,2024-03-02T00:00:00Z,2024-03-02T01:00:00Z,0.1,USD,North,Compute,\"{\"\"a\"\":\"\"1\"\",\"\"b\"\":null}\",red\n"
    );
    for told in [
        "3 rows read from 1 file = 3 written + 0 rejected",
        "effective_cost from billed_cost: 3 rows",
        "tags unreadable, counted as untagged: 1 rows",
        "charge_period_end absent: 1 rows",
        "billed_cost EUR 0.000000000000000000001, USD 100000000000000000000.1",
    ] {
        assert!(ran.err.contains(told), "{told} is not in\n{}", ran.err);
    }
    let receipt: serde_json::Value = serde_json::from_str(&read(&folder.path("receipt.json"))).unwrap();
    assert_eq!(receipt["rows"]["written"], 3);
    assert_eq!(receipt["cost"][0]["totals"]["USD"], "100000000000000000000.1");
}

#[test]
fn rejected_rows_stop_a_conversion_before_anything_is_written() {
    let folder = Folder::new("rejects");
    folder.write(
        "bill.csv",
        "BilledCost,ListCost,BillingCurrency,ChargePeriodStart\n1,1,USD,2024-03-01\n2,\"1,5\",USD,2024-03-01\n",
    );
    let ran = folder.run("convert @bill.csv -o @out.parquet");
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(
        ran.err.contains("num.syntax") && ran.err.contains("(line 3)"),
        "{}",
        ran.err
    );
    assert_eq!(folder.files(), ["bill.csv"]);

    folder.done("convert @bill.csv -o @out.parquet --rejects @rejects.ndjson");
    assert_eq!(folder.files(), ["bill.csv", "out.parquet", "rejects.ndjson"]);
    assert!(read(&folder.path("rejects.ndjson")).contains("num.syntax"));
    let ran = folder.done("sums @out.parquet -f csv -q");
    assert!(ran.out.contains("USD,1,1"), "{}", ran.out);
    assert_eq!(
        folder
            .run("convert @bill.csv -o @out.parquet --allow-rejects 1")
            .code,
        5
    );
    assert_eq!(folder.run("convert @bill.csv -o - --to csv").code, 2);
    assert_eq!(folder.run("convert @bill.csv -o @out.xlsx").code, 2);
}

#[test]
fn a_bill_without_a_currency_needs_one_beside_others() {
    let folder = Folder::new("currency");
    folder.write(
        "with.csv",
        "BilledCost,BillingCurrency,ChargePeriodStart,ChargeCategory\n1,USD,2024-03-01,Usage\n",
    );
    folder.write(
        "without.csv",
        "BilledCost,ChargePeriodStart,ChargeCategory\n1,2024-03-01,Usage\n",
    );
    assert_eq!(folder.run("convert @with.csv @without.csv -o @out.csv").code, 4);
    assert_eq!(
        folder
            .run("convert @without.csv -o @focus.csv --schema focus-1.2")
            .code,
        4
    );
    folder.done("convert @without.csv -o @alone.csv");
    assert_eq!(
        folder.done("sums @alone.csv -f csv -q").out,
        folder.done("sums @without.csv -f csv -q").out
    );
    folder.done("convert @with.csv @without.csv -o @out.csv --set billing_currency=text:EUR");
    let ran = folder.done("sums @out.csv -f csv -q");
    assert!(
        ran.out.contains("EUR,1,1") && ran.out.contains("USD,1,1"),
        "{}",
        ran.out
    );
}

#[test]
fn the_bytes_do_not_depend_on_threads() {
    let folder = Folder::new("threads");
    folder.done("gen --rows 20000 --format focus-1.2 -o @bill.csv");
    for (threads, output) in [(1, "one.parquet"), (7, "seven.parquet")] {
        folder.done(&format!("convert @bill.csv -o @{output} --threads {threads} -q"));
    }
    let bytes = |name: &str| {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut fs::File::open(folder.path(name)).unwrap(), &mut bytes).unwrap();
        bytes
    };
    assert!(bytes("one.parquet") == bytes("seven.parquet"));
}

#[test]
fn check_says_where_and_exits_with_1_for_errors_only() {
    let folder = Folder::new("check");
    folder.write(
        "bill.csv",
        "BilledCost,EffectiveCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ChargeCategory\n\
         1,2,USD,2024-03-01T00:00:00Z,2024-03-02T00:00:00Z,Tax\n",
    );
    let ran = folder.run("check @bill.csv");
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(
        ran.out
            .contains("error[EffectiveCost-Tax] EffectiveCost: 1 times; the rule: "),
        "{}",
        ran.out
    );
    assert!(
        ran.out.contains("  cost USD 2\n  difference USD 1\n"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("EffectiveCost 2, BilledCost 1"), "{}", ran.out);

    let ran = folder.run("check @bill.csv --format json --show 0");
    assert_eq!(ran.code, 1);
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["holds"], false);
    let tax = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["rule"] == "EffectiveCost-Tax")
        .unwrap();
    assert_eq!(tax["difference"]["USD"], "1");
    assert!(tax["examples"].as_array().unwrap().is_empty());

    folder.done("gen --rows 300 --format focus-1.0 -o @good.csv");
    let ran = folder.run("check @good.csv");
    assert!(ran.out.contains("rules, "), "{}", ran.out);
}

#[test]
fn n13_reconcile_exits_with_1_when_an_invoice_differs() {
    let folder = Folder::new("reconcile");
    folder.write(
        "bill.csv",
        "BilledCost,BillingCurrency,ChargePeriodStart,InvoiceId\n\
         1.004,USD,2024-03-01,A\n1.004,USD,2024-03-01,A\n7,JPY,2024-03-01,B\n",
    );
    folder.write(
        "good.csv",
        "InvoiceId,BillingCurrency,Amount\nA,USD,2.01\nB,JPY,7\n",
    );
    folder.write(
        "bad.csv",
        "InvoiceId,BillingCurrency,Amount\nA,USD,5.50\nC,JPY,7\n",
    );
    let ran = folder.done("reconcile @bill.csv --invoices @good.csv --format csv");
    assert_eq!(
        ran.out,
        "invoice_id,invoice_issuer,billing_currency,verdict,rows,billed_cost,invoiced,difference,tolerance,rounding\n\
         A,,USD,within,2,2.008,2.01,-0.002,1,half-up per invoice; half-even per invoice; half-up per account; \
         half-even per account; half-up per meter; half-even per meter\n\
         B,,JPY,exact,1,7,7,0,100,\n"
    );
    let ran = folder.run("reconcile @bill.csv --invoices @bad.csv --format json");
    assert_eq!(ran.code, 1, "{}", ran.err);
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let verdicts: Vec<&str> = report["invoices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["differs", "not-invoiced", "no-rows"]);
    assert_eq!(report["invoices"][0]["difference"], "-3.492");
    let ran = folder.run("reconcile @bill.csv --invoices @bad.csv");
    assert!(
        ran.out.contains("3 verdicts, 3 of them do not hold"),
        "{}",
        ran.out
    );
}
