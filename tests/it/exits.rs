//! The catalogue through the command: for every kind of fault the exit code, the code in brackets, and no
//! answer unless the fault was allowed.

use crate::support::{Folder, Ran, bill, command, costing, of, starting};

/// Runs `sums` on a bill.
fn sums(bytes: impl AsRef<[u8]>, options: &str) -> Ran {
    let folder = Folder::new();
    let path = folder.put("bill.csv", bytes);
    command(
        &format!("sums {{}} --format csv {options}")
            .trim_end()
            .replace("  ", " "),
        &path,
    )
}

#[track_caller]
fn check(bytes: impl AsRef<[u8]>, options: &str, exit: u8, code: &str) {
    let ran = sums(bytes, options);
    assert_eq!(ran.exit, exit, "{}", ran.stderr);
    if exit == 0 {
        return;
    }
    assert_eq!(ran.stdout, "", "no answer goes with exit {exit}");
    assert!(
        ran.stderr.contains(&format!("[{code}]")),
        "{code} is not in: {}",
        ran.stderr
    );
}

#[test]
fn a_rejected_row_costs_the_answer_and_names_its_place() {
    for (row, code) in [
        ("2024-03-01,,1", "csv.fields"),
        ("2024-03-01,,1,USD,\"i", "csv.unclosed_quote"),
        ("2024-03-01,,1,USD,a\"b", "csv.bare_quote"),
        ("2024-03-01,,1,USD,\"a\"b", "csv.after_quote"),
        (&costing("\"1,20\""), "num.syntax"),
        (&costing("1e-39"), "num.scale"),
        (&costing("1e70000"), "num.range"),
        (&starting("2024-02-30"), "time.syntax"),
        (&starting(""), "time.missing"),
        ("2024-03-02,2024-03-01,1,USD,i", "time.order"),
        ("2024-03-01,,1,¥,i", "cur.unknown"),
    ] {
        let ran = sums(bill(&[&costing("1"), row]), "");
        assert_eq!((ran.exit, ran.stdout.as_str()), (3, ""), "{}", ran.stderr);
        for part in [code, "bill.csv", "record 2", "line 3", "--allow-rejects"] {
            assert!(ran.stderr.contains(part), "{part} is not in: {}", ran.stderr);
        }
        let allowed = sums(bill(&[&costing("1"), row]), "--allow-rejects 1");
        assert_eq!(allowed.exit, 0, "{}", allowed.stderr);
        assert!(allowed.stdout.ends_with(",USD,1,1\n"), "{}", allowed.stdout);
        check(
            bill(&[&costing("1"), row]),
            "--allow-rejects 0",
            3,
            "rows.rejected",
        );
        check(
            bill(&[&costing("1"), row]),
            "--allow-rejects 49%",
            3,
            "rows.rejected",
        );
        check(bill(&[&costing("1"), row]), "--allow-rejects 50%", 0, "");
    }
}

#[test]
fn a_file_that_is_not_what_it_claims_to_be_is_exit_4() {
    check("", "", 4, "csv.empty");
    check("", "--allow-empty", 0, "");
    check("a,b\n1,2\n", "", 4, "schema.header");
    check(
        bill(&[of("a")]).replace("BilledCost", "BiledCost"),
        "",
        4,
        "schema.column",
    );
    check(
        bill(&[of("a")]).replace("ResourceId", "BilledCost"),
        "",
        4,
        "schema.dup_column",
    );
    check(b"\xff\xfe\0\0b\0\0\0", "", 4, "enc.unknown");
    check(b"PK\x03\x04 and so on", "", 4, "zip.corrupt");
    check(b"BZh91AY and so on", "", 4, "type.unsupported");
    check(b"PAR1 and so on", "", 4, "parquet.footer");
    check(b"\x1f\x8b\x08\0\0\0\0\0\0\xff", "", 4, "gzip.truncated");
    check(b"\x1f\x8b\x08 and so on", "", 4, "gzip.corrupt");
    check(bill(&[of("a")]), "--metric list", 4, "schema.column");
}

#[test]
fn other_faults_have_their_own_exits() {
    let good = bill(&[of("a")]);
    check(&good, "--by nothing_like_it", 2, "usage");
    check(&good, "--timezone Asia/Beijing", 2, "usage");
    check(&good, "--duration sometimes", 2, "usage");
    check(&good, "--no-such-option", 2, "usage");
    check(&good, "--start 2024-03-02 --end 2024-03-01", 2, "usage");
    // J10.
    check(&good, "--threads 0", 2, "usage");
    check(&good, "--threads 1000", 0, "");
    check(vec![b'x'; 17 << 20], "", 7, "limit.record");
    let mut rows = vec![costing(&"9".repeat(38)); 6];
    rows.push(costing("1e-38"));
    check(bill(&rows), "", 10, "num.overflow");
    let ran = command("sums {}", "/nowhere/bill.csv");
    assert_eq!((ran.exit, ran.stdout.as_str()), (6, ""), "{}", ran.stderr);
    let folder = Folder::new();
    let path = folder.put("bill.csv", &good);
    let ran = command("sums {} {}", &path);
    assert_eq!((ran.exit, ran.stdout.as_str()), (5, ""), "{}", ran.stderr);
}
