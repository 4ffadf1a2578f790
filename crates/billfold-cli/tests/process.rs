//! What needs the real process: closed and full streams, pipes that break, the environment.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const BILL: &str = "\
BilledCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ServiceName
0.1,USD,2024-03-01T00:00:00Z,2024-03-01T01:00:00Z,Compute
0.2,USD,2024-03-31T16:00:00Z,2024-03-31T17:00:00Z,存储
";

fn billfold() -> Command {
    Command::new(env!("CARGO_BIN_EXE_billfold"))
}

/// A bill in a file of its own.
struct Bill(PathBuf);

impl Bill {
    fn new(name: &str) -> Bill {
        let path = std::env::temp_dir().join(format!("billfold-process-{name}-{}.csv", std::process::id()));
        fs::write(&path, BILL).unwrap();
        Bill(path)
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn fed(args: &[&str], stdin: &str) -> Output {
    let mut child = billfold()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    to.write_all(stdin.as_bytes()).unwrap();
    drop(to);
    child.wait_with_output().unwrap()
}

#[test]
fn a_bill_comes_through_standard_input() {
    let output = fed(&["sums", "-", "--format", "csv"], BILL);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .ends_with(",USD,0.3,2\n")
    );
    assert_eq!(fed(&["sums", "-"], "").status.code(), Some(4));
}

#[test]
fn many_requests_are_answered_from_one_scan_in_their_order() {
    let bill = Bill::new("batch");
    let path = bill.0.to_str().unwrap();
    let requests = "action=GetChargeSums&duration=total\n\n\
        {\"request\": {\"BeginTime\": \"2024-03\", \"EndTime\": \"2024-03\", \"Limit\": 1, \"Offset\": 0}, \
         \"headers\": {\"X-TC-Action\": \"DescribeCostSummaryByProduct\"}}\n\
        action=GetChargeSums\n\
        /iaas/?action=GetChargeSums&duration=monthly&group_by=service_name\n";
    let output = fed(&["api", "--batch", path], requests);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[0].contains(r#""total_sum":"0.3""#), "{text}");
    assert!(lines[1].contains(r#""RealTotalCost":"0.10000000""#), "{text}");
    assert!(lines[2].contains(r#""ret_code":1100"#), "{text}");
    assert!(lines[3].contains(r#""存储":[{"fee":"0.2""#), "{text}");
    assert_eq!(output.status.code(), Some(2), "the first error");
    // A request from standard input, and a bill from there.
    let one = fed(&["api", "-", path], "action=GetChargeSums&duration=total\n");
    assert_eq!(String::from_utf8(one.stdout).unwrap().trim_end(), lines[0]);
    let other = fed(&["api", "action=GetChargeSums&duration=total", "-"], BILL);
    assert_eq!(String::from_utf8(other.stdout).unwrap().trim_end(), lines[0]);
    assert_eq!(fed(&["api", "-", "-"], "").status.code(), Some(2));
    assert_eq!(fed(&["api", "--batch", "-"], "").status.code(), Some(2));
}

#[test]
fn a_pipe_that_breaks_is_a_quiet_success() {
    let mut child = billfold()
        .args(["gen", "--rows", "200000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut head = [0; 10];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut head).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let bill = Bill::new("full");
    for format in ["table", "csv", "json", "ndjson", "parquet", "arrow", "api"] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = billfold()
            .args(["sums", "--format", format])
            .arg(&bill.0)
            .stdout(full)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(6), "{format}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("error[io]: "), "{format}: {text}");
    }
}

#[test]
fn closed_streams_are_no_panic() {
    let bill = Bill::new("closed");
    let program = env!("CARGO_BIN_EXE_billfold");
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let status = Command::new("sh")
            .args(["-c", &format!("exec \"$0\" sums \"$1\" {closed}"), program])
            .arg(&bill.0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(0), "{closed}");
    }
}

#[test]
fn the_environment_changes_no_byte() {
    let bill = Bill::new("env");
    let run = |variables: &[(&str, &str)], args: &[&str]| {
        let mut command = billfold();
        command.args(args).env_clear().envs(variables.iter().copied());
        if args[0] == "sums" {
            command.arg(&bill.0);
        }
        let output = command.output().unwrap();
        (output.status.code(), output.stdout, output.stderr)
    };
    let odd = [
        ("TZ", "Asia/Shanghai"),
        ("LANG", "tr_TR.UTF-8"),
        ("LC_ALL", "de_DE.UTF-8"),
        ("COLUMNS", "40"),
        ("CLICOLOR_FORCE", "1"),
        ("FORCE_COLOR", "1"),
        ("TERM", "xterm-256color"),
        ("RUST_BACKTRACE", "full"),
    ];
    for args in [
        &["sums", "--by", "service_name", "--duration", "daily"][..],
        &["sums", "--nonsense"],
        &["sums", "--by", "nonsense"],
        &["--help"],
    ] {
        assert_eq!(run(&[], args), run(&odd, args), "{args:?}");
        assert_eq!(run(&[], args), run(&[("NO_COLOR", "1")], args), "{args:?}");
    }
    let (_, table, _) = run(&odd, &["sums", "--by", "service_name"]);
    assert!(!table.contains(&0x1b), "a pipe gets no colours");
}
