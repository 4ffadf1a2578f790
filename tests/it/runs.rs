//! `billfold run`: the reports of a file are those of the command line, and budgets are judged exactly.

use crate::support::{Folder, Ran, command};

const BILL: &str = "ChargePeriodStart,BilledCost,BillingCurrency,ServiceName\n\
    2024-03-01,0.1,USD,a\n2024-03-02,0.2,USD,a\n2024-04-01,5,USD,b\n";

fn run(folder: &Folder, config: &str, args: &str) -> Ran {
    folder.put("bill.csv", BILL);
    let path = folder.put("billfold.toml", config);
    command(&format!("run --config {{}}{args}"), &path)
}

fn written(folder: &Folder, file: &str) -> String {
    std::fs::read_to_string(folder.path().join(file)).unwrap()
}

#[test]
fn a_report_of_a_file_is_that_of_the_command_line() {
    let folder = Folder::new();
    let config = "[defaults]\ninputs = [\"bill.csv\"]\nby = \"service_name\"\n\
        [report.one]\noutput = \"one.csv\"\n\
        [report.two]\nduration = \"daily\"\ntop = 1\noutput = [\"two.csv\", \"two.md\"]\n";
    let ran = run(&folder, config, "");
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let bill = folder.path().join("bill.csv");
    for (file, args) in [
        ("one.csv", "report --by service_name --format csv {}"),
        (
            "two.csv",
            "report --by service_name --duration daily --top 1 --format csv {}",
        ),
        (
            "two.md",
            "report --by service_name --duration daily --top 1 --format markdown {}",
        ),
    ] {
        let alone = command(args, bill.to_str().unwrap());
        assert_eq!(written(&folder, file), alone.stdout, "{file}");
    }
    // The bill was read once for both.
    assert_eq!(
        ran.stderr.matches("rows read from 1 file").count(),
        1,
        "{}",
        ran.stderr
    );
    // Nothing is overwritten unasked, and then nothing at all is written.
    std::fs::remove_file(folder.path().join("two.md")).unwrap();
    assert_eq!(run(&folder, config, "").exit, 5);
    assert!(!folder.path().join("two.md").exists());
    assert_eq!(run(&folder, config, " --force two").exit, 0);
    assert_eq!(run(&folder, config, " --list").stdout, "one\ntwo\n");
}

#[test]
fn a_budget_is_judged_on_exact_sums() {
    let report = "[report.r]\ninputs = [\"bill.csv\"]\nby = \"service_name\"\noutput = \"r.csv\"\n[[report.r.budget]]\n";
    for (budget, exit, told) in [
        // The floats 0.1 and 0.2 come to more than 0.3.
        ("amount = \"0.3\"\nrow = [\"a\"]\n", 0, ""),
        (
            "amount = \"0.29\"\nrow = [\"a\"]\n",
            1,
            "2024-03 of a came to USD 0.3, 0.01 beyond the 0.29",
        ),
        ("amount = 5\n", 0, ""),
        (
            "amount = 5\nper = \"total\"\n",
            1,
            "total came to USD 5.3, 0.3 beyond the 5",
        ),
    ] {
        let folder = Folder::new();
        let ran = run(&folder, &format!("{report}{budget}"), "");
        assert_eq!(ran.exit, exit, "{budget}: {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
        assert!(folder.path().join("r.csv").exists());
    }
}

#[test]
fn what_a_file_gets_wrong_is_told_by_report() {
    for (config, told) in [
        ("", "names no report"),
        ("[report.r]\n", "no inputs"),
        ("[report.r]\ninputs = [\"bill.csv\"]\nbye = \"x\"\n", "report r"),
        ("[report.r]\ninputs = [\"bill.csv\"]\nby = 1.5\n", "by is neither"),
        (
            "[report.r]\ninputs = [\"bill.csv\"]\nduration = \"fortnightly\"\n",
            "fortnightly",
        ),
        (
            "[report.r]\ninputs = [\"bill.csv\"]\noutput = \"a.doc\"\n",
            ".doc",
        ),
        (
            "[report.r]\ninputs = [\"bill.csv\"]\n[[report.r.budget]]\namount = 1.5\n",
            "budget",
        ),
        ("[reports.r]\n", "reports is not known"),
        ("[report", "cannot be read"),
    ] {
        let folder = Folder::new();
        let ran = run(&folder, config, "");
        assert_eq!(ran.exit, 2, "{config}: {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{config}: {}", ran.stderr);
    }
}
