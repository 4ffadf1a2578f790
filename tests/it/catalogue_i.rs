//! Catalogue I: files and the system.

use std::io::Write as _;
use std::sync::Arc;

use billfold_core::dataset::{self, AllowRejects, Outcome, RunOptions};
use billfold_core::{Error, Result};

use crate::support::{Folder, asking, bill, child, command, costing, failed, of, parent, shown};

fn sums(inputs: &[String]) -> Result<Outcome> {
    dataset::sums(inputs, asking("", "total"), RunOptions::default())
}

#[track_caller]
fn check(inputs: &[String], expected: &str) {
    match sums(inputs) {
        Ok(outcome) => assert_eq!(shown(&outcome), expected),
        Err(error) => assert_eq!(failed(&error), expected, "{error}"),
    }
}

#[test]
fn i01_rejected_rows_that_cannot_be_written_stop_the_run() {
    let folder = Folder::new();
    let path = folder.put("bill.csv", bill(&[costing("x")]));
    let options = RunOptions {
        allow_rejects: AllowRejects::All,
        on_reject: Some(Box::new(|_| {
            let mut full = std::fs::OpenOptions::new().write(true).open("/dev/full")?;
            full.write_all(b"x")
        })),
        ..RunOptions::default()
    };
    let error = dataset::sums(&[path], asking("", "total"), options).unwrap_err();
    assert_eq!(failed(&error), "io io");
    assert!(error.to_string().contains("No space left"), "{error}");
}

#[test]
#[cfg(target_os = "linux")]
fn i02_a_file_that_cannot_be_read_is_an_error_of_the_machine() {
    use std::os::unix::fs::PermissionsExt as _;
    // Opens for everyone, and refuses to be read at its beginning.
    check(&["/proc/self/mem".to_owned()], "io io");
    let folder = Folder::new();
    let path = folder.put("bill.csv", bill(&[costing("1")]));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o0)).unwrap();
    // The administrator reads it all the same.
    if std::fs::File::open(&path).is_err() {
        check(&[path], "io io");
    }
}

/// What a run says whose file is changed while it is read: at its first rejected row.
fn while_read(change: impl Fn(&str) -> std::io::Result<()> + Send + Sync) -> Error {
    let folder = Folder::new();
    let mut rows = vec![costing("x")];
    rows.extend((0..1000).map(|_| costing("1")));
    let path = folder.put("bill.csv", bill(&rows));
    let options = RunOptions {
        threads: Some(1),
        chunk_bytes: 4096,
        allow_rejects: AllowRejects::All,
        on_reject: Some(Box::new(|_| change(&path))),
        ..RunOptions::default()
    };
    let inputs = [path.clone()];
    dataset::sums(&inputs, asking("", "total"), options).unwrap_err()
}

#[test]
fn i03_a_file_that_changes_while_it_is_read_is_refused() {
    let grows = while_read(|path| {
        let mut file = std::fs::OpenOptions::new().append(true).open(path)?;
        writeln!(file, "{}", costing("1"))
    });
    assert_eq!(failed(&grows), "file source.changed");
    assert!(grows.to_string().contains("bill.csv"), "{grows}");
    let shrinks = while_read(|path| {
        let file = std::fs::OpenOptions::new().write(true).open(path)?;
        file.set_len(40_000)
    });
    assert_eq!(failed(&shrinks), "file source.changed");
    let vanishes = while_read(|path| std::fs::remove_file(path));
    assert_eq!(failed(&vanishes), "file source.changed");
}

#[test]
#[cfg(unix)]
fn i04_only_files_folders_and_pipes_are_sources() {
    let folder = Folder::new();
    let inside = |name: &str| folder.path().join(name).display().to_string();
    check(&[inside("nothing.csv")], "io io");
    check(&[inside("*.csv")], "io io");
    check(&["/dev/zero".to_owned()], "file source.type");
    std::os::unix::fs::symlink(inside("nowhere"), inside("broken.csv")).unwrap();
    check(&[inside("broken.csv")], "io io");
    // A folder with a broken link is not read in part.
    check(&[folder.path().display().to_string()], "io io");
    std::fs::remove_file(inside("broken.csv")).unwrap();
    std::os::unix::fs::symlink(inside("loop"), inside("loop")).unwrap();
    check(&[inside("loop")], "io io");
    std::fs::remove_file(inside("loop")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(inside("socket")).unwrap();
    check(&[inside("socket")], "file source.type");
    let empty = Folder::new();
    check(&[empty.path().display().to_string()], "file source.none");
}

#[test]
#[cfg(unix)]
fn i04_a_folder_that_holds_itself_is_refused() {
    let folder = Folder::new();
    folder.put("bill.csv", bill(&[costing("1")]));
    std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
    check(&[folder.path().display().to_string()], "io io");
}

#[test]
fn i04_a_file_named_twice_does_not_count_twice() {
    let folder = Folder::new();
    let path = folder.put("bill.csv", bill(&[costing("1")]));
    check(&[path.clone(), path.clone()], "conflict conflict");
    check(&[path, folder.path().display().to_string()], "conflict conflict");
}

#[test]
#[cfg(target_os = "linux")]
fn i05_any_name_works_and_is_shown_escaped() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = Folder::new();
    let path = folder.put("a\nb\u{1b}[2J.csv", bill(&[costing("x")]));
    let options = RunOptions {
        allow_rejects: AllowRejects::All,
        ..RunOptions::default()
    };
    let outcome = dataset::sums(&[path], asking("", "total"), options).unwrap();
    let shown = outcome.rejects[0].to_string();
    assert!(shown.contains("a\\nb\\x1b[2J.csv"), "{shown}");
    let folder = Folder::new();
    let name = std::ffi::OsStr::from_bytes(b"bill-\xff.csv");
    std::fs::write(folder.path().join(name), bill(&[costing("1")])).unwrap();
    check(&[folder.path().display().to_string()], "USD 1 of 1");
}

#[test]
fn i06_long_paths_many_files_and_deep_folders() {
    check(&[format!("/{}", "x/".repeat(3000))], "io io");
    let folder = Folder::new();
    for i in 0..500 {
        folder.put(&format!("{i:03}.csv"), bill(&[costing("0.1")]));
    }
    let mut deep = folder.path().to_owned();
    for _ in 0..60 {
        deep.push("d");
    }
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::write(deep.join("bill.csv"), bill(&[costing("0.1")])).unwrap();
    check(&[folder.path().display().to_string()], "USD 50.1 of 501");
}

#[test]
#[ignore = "asked by i07 in a process of its own"]
fn i07_child() {
    child(|path| {
        let folder = Folder::new();
        for i in 0..100 {
            std::fs::copy(&path, folder.path().join(format!("{i}.csv"))).unwrap();
        }
        let options = RunOptions {
            threads: Some(4),
            ..RunOptions::default()
        };
        let inputs = [folder.path().display().to_string()];
        shown(&dataset::sums(&inputs, asking("", "total"), options).unwrap())
    });
}

#[test]
#[cfg(unix)]
fn i07_few_descriptors_are_enough_for_many_files() {
    let said = parent(
        "catalogue_i::i07_child",
        bill(&[costing("1")]),
        "ulimit -n 24",
        &[],
    );
    assert_eq!(said, "USD 100 of 100");
}

#[test]
#[ignore = "asked by i08 in a process of its own"]
fn i08_child() {
    child(|path| shown(&sums(&[path]).unwrap()));
}

#[test]
#[cfg(unix)]
fn i08_neither_a_home_nor_a_folder_for_temporary_files_is_needed() {
    let text = bill(&[costing("1")]);
    let said = parent(
        "catalogue_i::i08_child",
        text,
        "unset HOME",
        &[("TMPDIR", "/nowhere")],
    );
    assert_eq!(said, "USD 1 of 1");
}

/// Runs a question on a named pipe into which the bytes go one by one.
#[cfg(unix)]
fn through_pipe(bytes: Vec<u8>) -> Result<Outcome> {
    let folder = Folder::new();
    let path = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let writing = Arc::new(path.clone());
    let writer = std::thread::spawn(move || {
        let mut pipe = std::fs::OpenOptions::new().write(true).open(&*writing).unwrap();
        for byte in bytes {
            // A reader that has seen enough closes the pipe.
            if pipe.write_all(&[byte]).is_err() {
                break;
            }
        }
    });
    let outcome = sums(&[path.display().to_string()]);
    writer.join().unwrap();
    outcome
}

#[test]
#[cfg(unix)]
fn i09_bytes_may_come_one_by_one() {
    let text = bill(&[of("日本"), of("\"a\r\nb\""), costing("0.1")]);
    assert_eq!(
        shown(&through_pipe(text.clone().into_bytes()).unwrap()),
        "USD 2.1 of 3"
    );
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    assert_eq!(
        shown(&through_pipe(gzip.finish().unwrap()).unwrap()),
        "USD 2.1 of 3"
    );
    let parquet = b"PAR1 and more".to_vec();
    assert_eq!(failed(&through_pipe(parquet).unwrap_err()), "file source.type");
}

#[test]
fn i11_a_file_that_exists_is_replaced_only_when_told() {
    let folder = Folder::new();
    let input = folder.put("bill.csv", bill(&[costing("1")]));
    let output = folder.put("answer.csv", "what was there");
    let line = format!("sums {input} --format csv --output {{}}");
    let refused = command(&line, &output);
    assert_eq!(refused.exit, 5, "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(&output).unwrap(), "what was there");
    let replaced = command(&format!("{line} --force"), &output);
    assert_eq!(replaced.exit, 0, "{}", replaced.stderr);
    assert!(std::fs::read_to_string(&output).unwrap().ends_with(",USD,1,1\n"));
}

#[test]
fn i12_a_run_that_fails_leaves_what_was_there_and_nothing_else() {
    let folder = Folder::new();
    let input = folder.put("bill.csv", bill(&[costing("1"), costing("x")]));
    let output = folder.put("answer.csv", "what was there");
    let receipt = folder.path().join("receipt.json");
    let line = format!(
        "sums {input} --force --output {{}} --receipt {}",
        receipt.display()
    );
    let ran = command(&line, &output);
    assert_eq!(ran.exit, 3, "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(&output).unwrap(), "what was there");
    let names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        // The receipt tells of a run without an answer, too.
        .filter(|name| !["bill.csv", "answer.csv", "receipt.json"].contains(&name.as_str()))
        .collect();
    assert!(names.is_empty(), "left behind: {names:?}");
}
