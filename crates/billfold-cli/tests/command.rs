//! The command in-process: what it answers, what it says, what it leaves behind.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use billfold_cli::{Io, main_with};

const BILL: &str = "\
BilledCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ServiceName,AvailabilityZone
0.1,USD,2024-03-01T00:00:00Z,2024-03-01T01:00:00Z,Compute,a
0.2,USD,2024-03-31T16:00:00Z,2024-03-31T17:00:00Z,Compute,b
-5,CNY,2024-04-01T00:00:00Z,2024-04-01T01:00:00Z,=1+1,a
";
const BAD_BILL: &str = "\
BilledCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd
1.5,USD,2024-03-01T00:00:00Z,2024-03-01T01:00:00Z
\"1,20\",USD,2024-03-01T00:00:00Z,2024-03-01T01:00:00Z
2,USD,2024-03-01T00:00:00Z,2024-03-01T01:00:00Z
";

/// A folder of its own per test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("billfold-cli-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("bill.csv"), BILL).unwrap();
        fs::write(path.join("bad.csv"), BAD_BILL).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Runs `line`, in which `@name` is a file of this folder.
    fn run(&self, line: &str) -> Ran {
        let words = line.split_whitespace().map(|word| match word.strip_prefix('@') {
            Some(name) => self.path(name).into(),
            None => OsString::from(word),
        });
        run(words)
    }

    fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
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

fn read(path: impl AsRef<Path>) -> String {
    #[allow(clippy::disallowed_methods)] // The ban is for files of bills.
    fs::read_to_string(path).unwrap()
}

#[test]
fn sums_go_by_the_days_of_the_zone() {
    let folder = Folder::new("zone");
    let ran =
        folder.run("sums @bill.csv --by service_name --duration monthly --timezone Asia/Shanghai -f csv");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(
        ran.out,
        "service_name,period,period_start,period_end,billing_currency,cost,charges\n\
         =1+1,2024-04,2024-03-31T16:00:00Z,2024-04-30T16:00:00Z,CNY,-5,1\n\
         Compute,2024-03,2024-02-29T16:00:00Z,2024-03-31T16:00:00Z,USD,0.1,1\n\
         Compute,2024-04,2024-03-31T16:00:00Z,2024-04-30T16:00:00Z,USD,0.2,1\n"
    );
    let receipt: Vec<&str> = ran.err.lines().collect();
    assert_eq!(receipt.len(), 2, "{}", ran.err);
    assert!(
        receipt[0].contains("3 rows read from 1 file = 3 used"),
        "{}",
        ran.err
    );
    assert!(receipt[1].contains("CNY -5, USD 0.3"), "{}", ran.err);
    assert!(folder.run("sums @bill.csv --quiet").err.is_empty());
}

#[test]
fn filters_windows_and_sets_reach_the_engine() {
    let folder = Folder::new("options");
    let ran = folder.run("sums @bill.csv -q -f csv --by project_id --set project_id=zone_id --filter billing_currency=USD --period 2024-03 --sort -cost");
    assert_eq!(
        ran.out,
        "project_id,period,period_start,period_end,billing_currency,cost,charges\n\
         b,total,2024-03-01T00:00:00Z,2024-04-01T00:00:00Z,USD,0.2,1\n\
         a,total,2024-03-01T00:00:00Z,2024-04-01T00:00:00Z,USD,0.1,1\n",
        "{}",
        ran.err
    );
}

#[test]
fn a_lookup_adds_dimensions_and_its_account() {
    let folder = Folder::new("lookup");
    fs::write(folder.path("zones.csv"), "zone,site,since\na,Athens,\nc,Cairo,\n").unwrap();
    let ran = folder.run("sums @bill.csv --lookup @zones.csv --by site -f json");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.err
            .contains("zones.csv by zone_id: 2 charges matched + 1 not in it (1 key)"),
        "{}",
        ran.err
    );
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["groups"][0]["by"]["site"], "");
    let lookup = &json["receipt"]["lookups"][0];
    assert_eq!(lookup["charges"]["unmatched"], 1);
    assert_eq!(lookup["unmatched_keys"]["first"][0], "b");
    assert_eq!(lookup["filled"]["site"], 2);

    let ran = folder.run("sums @bill.csv --lookup @zones.csv --by service_name");
    assert!(
        ran.err.contains("warning: ") && ran.err.contains("names none of the table's columns"),
        "{}",
        ran.err
    );
    assert_eq!(
        folder.run("sums @bill.csv --lookup @zones.csv:key=tag_id").code,
        2
    );
    assert_eq!(
        folder.run("sums @bill.csv --lookup @zones.csv:key=user_id").code,
        4
    );
    assert_eq!(folder.run("sums @bill.csv --lookup @nowhere.csv").code, 6);
}

#[test]
fn an_answer_in_one_currency_lists_its_rates() {
    let folder = Folder::new("rates");
    fs::write(
        folder.path("rates.csv"),
        "month,from,to,rate\n2024-03,USD,CNY,7.1\n",
    )
    .unwrap();
    let ran = folder.run("sums @bill.csv --currency CNY --rates @rates.csv -f json");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.err.contains("rates.csv: 1 rate used; USD 0.3 = CNY 2.13"),
        "{}",
        ran.err
    );
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["totals"], serde_json::json!({"CNY": "-2.87"}));
    let rate = &json["receipt"]["conversion"]["rates"][0];
    assert_eq!(
        (rate["month"].as_str(), rate["rate"].as_str()),
        (Some("2024-03"), Some("7.1"))
    );

    let ran = folder.run("sums @bill.csv --currency EUR --rates @rates.csv");
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("error[rates.missing]: "), "{}", ran.err);
    assert!(
        ran.err.contains("2024-03 USD to EUR, 2024-04 CNY to EUR"),
        "{}",
        ran.err
    );
    for line in [
        "--currency CNY",
        "--rates @rates.csv",
        "--currency yuan --rates @rates.csv",
    ] {
        assert_eq!(folder.run(&format!("sums @bill.csv {line}")).code, 2, "{line}");
    }
}

#[test]
fn a_cell_is_explained_by_its_charges() {
    let folder = Folder::new("explain");
    let ran = folder.run("explain @bill.csv --by zone_id --duration monthly --cell zone_id=a,month=2024-03 --columns service_name");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lines: Vec<Vec<&str>> = ran
        .out
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines[0],
        [
            "file",
            "record",
            "line",
            "start",
            "end",
            "service_name",
            "billing_currency",
            "cost"
        ]
    );
    assert_eq!(lines[1][1..3], ["1", "2"]);
    assert_eq!(lines[1][5..], ["Compute", "USD", "0.1"]);
    assert_eq!(lines[3], ["total", "USD", "0.1"]);

    let ran = folder.run("explain @bill.csv --cell currency=USD --limit 1 -f json");
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (json["n_charges"].as_u64(), json["totals"]["USD"].as_str()),
        (Some(2), Some("0.3"))
    );
    assert_eq!(json["charges"].as_array().map(Vec::len), Some(1));
    assert_eq!(folder.run("explain @bad.csv --cell currency=USD").code, 3);
    for line in [
        "--cell x",
        "--by zone_id --cell currency=USD",
        "--by zone_id --cell zone_id=a,region_id=b",
        "--duration daily --cell zone_id=a",
    ] {
        assert_eq!(folder.run(&format!("explain @bill.csv {line}")).code, 2, "{line}");
    }
}

#[test]
fn a_difference_is_taken_apart() {
    let folder = Folder::new("diff");
    let header = "BilledCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ResourceId,ServiceName,ConsumedQuantity,ChargeClass\n";
    let row = |cost: &str, currency: &str, resource: &str, quantity: &str, class: &str| {
        format!(
            "{cost},{currency},2024-03-01T00:00:00Z,2024-03-01T01:00:00Z,{resource},S,{quantity},{class}\n"
        )
    };
    let old = row("10", "USD", "i-1", "5", "")
        + &row("3", "USD", "i-2", "1", "")
        + &row("2", "USD", "i-4", "", "")
        + &row("7", "USD", "i-5", "1", "");
    let new = row("18", "USD", "i-1", "8", "")
        + &row("1", "USD", "i-3", "1", "")
        + &row("2.5", "USD", "i-4", "", "")
        + &row("50", "CNY", "i-5", "1", "")
        + &row("-0.5", "USD", "i-1", "1", "Correction");
    fs::write(folder.path("old.csv"), header.to_owned() + &old).unwrap();
    fs::write(folder.path("new.csv"), header.to_owned() + &new).unwrap();
    let ran = folder.run("diff @old.csv @new.csv --by service_name -f json");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let usd = &json["totals"]["USD"];
    let parts = [
        "old",
        "new",
        "difference",
        "added",
        "gone",
        "usage",
        "price",
        "currency",
        "corrections",
        "other",
    ];
    let parts = parts.map(|part| usd[part].as_str().unwrap());
    assert_eq!(
        parts,
        ["22", "21", "-1", "1", "-3", "6", "2", "-7", "-0.5", "0.5"]
    );
    assert_eq!(json["totals"]["CNY"]["currency"], "50");
    assert_eq!(json["rows"][1]["by"]["service_name"], "S");
    let ran = folder.run("diff @old.csv @new.csv --new-period 2024-02");
    assert!(ran.out.contains("USD"), "{}", ran.out);
    for line in ["@old.csv", "@old.csv -", "@old.csv @new.csv @bill.csv"] {
        assert_eq!(folder.run(&format!("diff {line}")).code, 2, "{line}");
    }
    assert_eq!(folder.run("diff @bill.csv @bad.csv").code, 3);
}

#[test]
fn shells_and_man_know_every_command() {
    let folder = Folder::new("describe");
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let ran = folder.run(&format!("completions {shell}"));
        assert_eq!(ran.code, 0, "{}", ran.err);
        for word in ["sums", "explain", "timezone", "allow-rejects"] {
            assert!(ran.out.contains(word), "{shell} does not know {word}");
        }
    }
    assert_eq!(folder.run("completions tcsh").code, 2);

    let page = folder.run("man sums");
    assert!(page.out.contains(".TH") && page.out.contains("BILLFOLD-SUMS") && page.out.contains("lookup"));
    assert!(folder.run("man").out.contains("billfold\\-reconcile"));
    assert_eq!(folder.run("man summs").code, 2);
    fs::create_dir(folder.path("man")).unwrap();
    assert_eq!(folder.run("man --dir @man").code, 0);
    let n_pages = fs::read_dir(folder.path("man")).unwrap().count();
    assert!(n_pages > 10, "{n_pages}");
    assert_eq!(folder.run("man --dir @man").code, 5, "files that exist stay");
    assert_eq!(folder.run("man --dir @man --force").code, 0);
}

#[test]
fn the_receipt_is_whole_in_json_and_in_its_file() {
    let folder = Folder::new("receipt");
    let ran = folder.run("sums @bill.csv -q -f json --by zone_id --receipt @receipt.json");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let receipt: serde_json::Value = serde_json::from_str(&read(folder.path("receipt.json"))).unwrap();
    assert_eq!(json["receipt"], receipt);
    assert_eq!(receipt["rows"]["read"], 3);
    assert_eq!(receipt["cost"]["used"]["USD"], "0.3");
    assert_eq!(receipt["answer_sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn a_rejected_row_is_named_and_there_is_no_answer() {
    let folder = Folder::new("rejected");
    let ran = folder.run("sums @bad.csv --output @out.csv");
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    let lines: Vec<&str> = ran.err.lines().collect();
    assert!(lines[0].starts_with("error[num.syntax]: "), "{}", ran.err);
    assert!(
        lines[0].contains("record 2 (line 3), column BilledCost: \"1,20\""),
        "{}",
        ran.err
    );
    assert_eq!(
        lines[1],
        "error[rows.rejected]: 1 of 3 rows cannot be read exactly"
    );
    assert!(lines[2].starts_with("hint: --allow-rejects"), "{}", ran.err);
    assert_eq!(folder.files(), ["bad.csv", "bill.csv"]);

    let ran = folder.run("sums @bad.csv --errors json");
    assert_eq!(ran.code, 3);
    let first: serde_json::Value = serde_json::from_str(ran.err.lines().next().unwrap()).unwrap();
    assert_eq!(first["code"], "num.syntax");
    assert_eq!(first["file"], folder.path("bad.csv"));
    assert_eq!(
        (&first["record"], &first["line"], &first["text"]),
        (&2.into(), &3.into(), &"1,20".into())
    );
    for line in ran.err.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
}

#[test]
fn allowed_rejects_give_an_answer_and_are_written_out() {
    let folder = Folder::new("allowed");
    let ran = folder.run("sums @bad.csv -f csv --rejects @rejects.ndjson");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.ends_with(",USD,3.5,2\n"), "{}", ran.out);
    let rejects = read(folder.path("rejects.ndjson"));
    let row: serde_json::Value = serde_json::from_str(rejects.trim_end()).unwrap();
    assert_eq!(
        (&row["code"], &row["column"]),
        (&"num.syntax".into(), &"BilledCost".into())
    );
    assert!(row["row"].as_str().unwrap().starts_with("\"1,20\",USD"), "{row}");

    assert_eq!(folder.run("sums @bad.csv --allow-rejects 33%").code, 3);
    assert_eq!(folder.run("sums @bad.csv --allow-rejects 33.3334%").code, 0);
    assert_eq!(folder.run("sums @bad.csv --allow-rejects 1").code, 0);
    assert_eq!(folder.run("sums @bad.csv --allow-rejects 0").code, 3);
}

#[test]
fn a_file_is_replaced_only_with_force() {
    let folder = Folder::new("force");
    fs::write(folder.path("out.csv"), "precious").unwrap();
    let ran = folder.run("sums @bill.csv --output @out.csv");
    assert_eq!(ran.code, 5);
    assert!(ran.err.contains("hint: --force"), "{}", ran.err);
    assert_eq!(read(folder.path("out.csv")), "precious");
    let ran = folder.run("sums @bad.csv --output @out.csv --force");
    assert_eq!(ran.code, 3);
    assert_eq!(read(folder.path("out.csv")), "precious");
    let ran = folder.run("sums @bill.csv --output @out.csv --force");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(
        read(folder.path("out.csv")),
        folder.run("sums @bill.csv -f csv").out
    );
    assert_eq!(folder.files(), ["bad.csv", "bill.csv", "out.csv"]);
}

#[test]
fn a_rejects_file_among_the_inputs_is_no_input() {
    let folder = Folder::new("among");
    let inside = folder.0.display().to_string();
    let words = [
        "sums",
        &inside,
        "-f",
        "csv",
        "--rejects",
        &folder.path("r.ndjson"),
    ];
    let ran = run(words.map(OsString::from));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(folder.files(), ["bad.csv", "bill.csv", "r.ndjson"]);
}

#[test]
fn every_exit_code_has_its_reason() {
    let folder = Folder::new("codes");
    fs::write(folder.path("empty.csv"), "").unwrap();
    fs::write(folder.path("poem.csv"), "roses,violets\nred,blue\n").unwrap();
    for (line, code) in [
        ("--help", 0),
        ("--version", 0),
        ("sums --help", 0),
        ("", 2),
        ("frobnicate", 2),
        ("sums", 2),
        ("sums @bill.csv --threads 0", 2),
        ("sums @bill.csv --threads 1000", 0),
        ("sums @bill.csv --timezone Asia/Beijing", 2),
        ("sums @bill.csv --by nothing_like_it", 2),
        ("sums @bill.csv --format api", 5),
        ("sums @empty.csv", 4),
        ("sums @empty.csv --allow-empty", 0),
        ("sums @poem.csv", 4),
        ("sums @absent.csv", 6),
        ("sums @bill.csv --output @no/such/folder.csv", 6),
        ("sums @bill.csv --mapping @absent.toml", 6),
        ("sums @bill.csv --mapping @poem.csv", 2),
        ("inspect @bill.csv", 0),
        ("inspect @bad.csv", 0),
        ("inspect @bad.csv --strict", 3),
        ("inspect @bill.csv --format json", 0),
        ("formats", 0),
        ("formats focus", 0),
        ("formats fokus", 2),
        ("dimensions", 0),
        ("gen --rows 3", 0),
        ("gen --format nonsense", 2),
    ] {
        let ran = folder.run(line);
        assert_eq!(ran.code, code, "billfold {line}\n{}", ran.err);
        if code != 0 {
            assert!(ran.err.contains("error["), "billfold {line}\n{}", ran.err);
        }
    }
}

#[test]
fn a_printed_format_is_a_mapping_file() {
    let folder = Folder::new("mapping");
    let text = folder.run("formats focus").out.replace("\"focus\"", "\"mine\"");
    fs::write(folder.path("mine.toml"), text).unwrap();
    let ran = folder.run("sums @bill.csv -f json --mapping @mine.toml --source-format mine");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert!(
        json["receipt"]["sources"][0]["format"]
            .as_str()
            .unwrap()
            .starts_with("mine"),
        "{json}"
    );
}

#[test]
fn a_generated_bill_is_the_same_in_every_carrier() {
    let folder = Folder::new("carriers");
    let mut answers = Vec::new();
    for name in ["g.csv", "g.ndjson", "g.parquet", "g.csv.gz", "g.ndjson.zst"] {
        let ran = folder.run(&format!("gen --rows 300 --seed 5 --output @{name}"));
        assert_eq!(ran.code, 0, "{}", ran.err);
        let ran = folder.run(&format!(
            "sums @{name} --by service_name,zone_id --duration daily -f csv"
        ));
        assert_eq!(ran.code, 0, "{}", ran.err);
        answers.push(ran.out);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_panic_is_a_bug_that_is_told() {
    /// A reader that fails in a way that no writer may.
    struct Trap;
    impl Write for Trap {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            panic!("trapped")
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let err = Shared::default();
    let mut io = Io {
        stdout: Box::new(Trap),
        stderr: Box::new(err.clone()),
        stdout_is_terminal: false,
        stdout_width: None,
        stderr_is_terminal: false,
        no_color: false,
    };
    assert_eq!(
        main_with(["billfold", "dimensions"].map(OsString::from), &mut io),
        70
    );
    let text = String::from_utf8(err.0.lock().unwrap().clone()).unwrap();
    assert!(text.starts_with("error[bug]: a panic"), "{text}");
}

#[test]
fn the_reference_names_every_option() {
    let reference = include_str!("../docs/reference.md");
    let folder = Folder::new("reference");
    for command in ["sums", "api", "inspect", "serve", "gen"] {
        let help = folder.run(&format!("{command} --help")).out;
        let options = help
            .split_whitespace()
            .filter_map(|word| word.strip_prefix("--"))
            .map(|word| word.trim_end_matches([',', '.', ';', ':', ')', ']', '…', '`']));
        for option in options.filter(|option| !option.is_empty()) {
            assert!(reference.contains(&format!("--{option}")), "{command} --{option}");
        }
    }
}

#[test]
fn a_value_that_no_charge_has_is_named_with_those_near_it() {
    let folder = Folder::new("values");
    let told = folder.run("sums @bill.csv --by service_name --filter service_name=Compote");
    assert_eq!(told.code, 0);
    assert!(
        told.err
            .contains("warning: no charge has service_name `Compote`; near values: Compute"),
        "{}",
        told.err
    );
    // Not where another filter, or the window, is the reason, nor of values that are excluded.
    for filters in [
        "--filter service_name=Compute --filter zone=c",
        "--filter service_name=Compute --period 2025",
        "--filter service_name!=Compute,=1+1 --filter zone!=q",
    ] {
        let told = folder.run(&format!("sums @bill.csv --by service_name {filters}"));
        assert!(!told.err.contains("service_name `"), "{filters}: {}", told.err);
    }
}

/// A server that ends with its test.
struct Serving(std::process::Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_table_beside_a_served_bill_is_read_again_when_it_changes() {
    use std::io::{BufRead as _, BufReader, Read as _};
    let folder = Folder::new("serve-lookup");
    let header =
        "billfold_charges,charge_period_start,charge_period_end,effective_cost,billing_currency,resource_id";
    let bill = format!("{header}\n1,2024-03-01T00:00:00Z,2024-03-01T01:00:00Z,2,CNY,i-1\n");
    fs::write(folder.path("charges.csv"), bill).unwrap();
    fs::write(folder.path("inventory.csv"), "resource_id,project_id\ni-1,old\n").unwrap();
    let child = std::process::Command::new(env!("CARGO_BIN_EXE_billfold"))
        .args([
            "serve",
            &folder.path("charges.csv"),
            "--lookup",
            &folder.path("inventory.csv"),
        ])
        .args(["--listen", "127.0.0.1:0", "--poll", "1", "--active-for", "7d"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut serving = Serving(child);
    let mut log = BufReader::new(serving.0.stderr.take().unwrap()).lines();
    let listening = log
        .by_ref()
        .map(|line| line.unwrap())
        .find(|line| line.contains("\"listening\""));
    let listening: serde_json::Value = serde_json::from_str(&listening.unwrap()).unwrap();
    let address = listening["address"].as_str().unwrap().to_owned();
    let ask = || {
        let mut socket = std::net::TcpStream::connect(&address).unwrap();
        let call = "/iaas/?action=GetChargeSums&duration=total&group_by.1=project_id";
        write!(
            socket,
            "GET {call} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(ask().contains("\"old\""), "{}", ask());
    fs::write(
        folder.path("inventory.csv"),
        "resource_id,project_id\ni-1,renewed\n",
    )
    .unwrap();
    let told = log
        .map(|line| line.unwrap())
        .find(|line| line.contains("\"reload"));
    assert!(ask().contains("\"renewed\""), "{told:?} {}", ask());
}
