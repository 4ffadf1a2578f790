//! The directions of the house: who may know whom, what only the command may touch, and what every file has.
//!
//! The source is read as text, without comments and without tests; a path that climbs to the root of the
//! crate by `super` would not be seen.

use std::path::{Path, PathBuf};

use crate::support::workspace;

/// Modules of the core, and the modules of the core that they may name.
const CORE: &[(&str, &[&str])] = &[
    ("error", &["error", "money"]),
    ("money", &["error", "money"]),
    ("time", &["error", "time"]),
    ("charge", &["error", "money", "time", "charge"]),
    ("ingest", &["error", "money", "time", "charge", "ingest"]),
    ("query", &["error", "money", "time", "charge", "query"]),
    ("engine", &["error", "money", "time", "charge", "query", "engine"]),
    (
        "tags",
        &[
            "error", "money", "time", "charge", "query", "engine", "dataset", "tags",
        ],
    ),
    (
        "split",
        &["error", "money", "time", "charge", "query", "engine", "split"],
    ),
    ("budget", &["error", "money", "time", "query", "engine", "budget"]),
    ("alias", &["error", "charge", "engine", "alias"]),
    (
        "lookup",
        &[
            "error", "money", "time", "charge", "ingest", "query", "engine", "lookup",
        ],
    ),
    (
        "exchange",
        &[
            "error", "money", "time", "charge", "ingest", "query", "engine", "exchange",
        ],
    ),
    (
        "dataset",
        &[
            "error", "money", "time", "charge", "query", "ingest", "engine", "alias", "lookup", "exchange",
            "dataset",
        ],
    ),
    (
        "analysis",
        &["error", "money", "time", "charge", "query", "engine", "analysis"],
    ),
    (
        "diff",
        &["error", "money", "time", "query", "engine", "dataset", "diff"],
    ),
    (
        "explain",
        &[
            "error", "money", "time", "charge", "query", "ingest", "engine", "dataset", "explain",
        ],
    ),
    (
        "store",
        &[
            "error", "money", "time", "charge", "query", "engine", "dataset", "store",
        ],
    ),
    (
        "convert",
        &[
            "error", "money", "time", "charge", "ingest", "engine", "dataset", "convert",
        ],
    ),
    (
        "check",
        &["error", "money", "time", "charge", "ingest", "dataset", "check"],
    ),
    (
        "reconcile",
        &[
            "error",
            "money",
            "time",
            "charge",
            "ingest",
            "dataset",
            "reconcile",
        ],
    ),
];

/// Members of the workspace, and the crates of ours that they may depend on.
const CRATES: &[(&str, &[&str])] = &[
    ("crates/billfold-core", &[]),
    ("crates/billfold-api", &["billfold-core"]),
    ("crates/billfold-testkit", &["billfold-core"]),
    (
        "crates/billfold-cli",
        &[
            "billfold-core",
            "billfold-api",
            "billfold-testkit",
            "billfold-report",
            "billfold-serve",
        ],
    ),
    ("crates/billfold-report", &["billfold-core"]),
    ("crates/billfold-serve", &["billfold-core", "billfold-api"]),
    (
        "tests",
        &[
            "billfold-core",
            "billfold-api",
            "billfold-cli",
            "billfold-testkit",
            "billfold-report",
            "billfold-serve",
        ],
    ),
    (
        "benches",
        &[
            "billfold-core",
            "billfold-api",
            "billfold-cli",
            "billfold-testkit",
            "billfold-report",
            "billfold-serve",
        ],
    ),
];

/// What only the command may touch: the clock, the environment, the terminal and the way out.
const OUTSIDE: &[&str] = &[
    "SystemTime::now",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "env::var",
    "env::args",
    "env::temp_dir",
    "env::current_dir",
    "process::exit",
    "io::stdout",
    "io::stderr",
];

/// Lines that a file may have.
const MAX_LINES: usize = 900;

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// All Rust files below a folder, sorted.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// What ships of a file: no comments, and nothing from its tests on.
fn shipped(path: &Path) -> String {
    if path.ends_with("tests.rs") || path.components().any(|c| c.as_os_str() == "tests") {
        return String::new();
    }
    read(path)
        .lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .filter(|line| !line.trim_start().starts_with("//"))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// The modules that a text names behind `crate::`, also in braces; a name of the root itself is `error`'s.
fn modules_named(text: &str) -> Vec<String> {
    let mut named = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let whole_word = !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
        let rest = &text[at + "crate::".len()..];
        let firsts = if let Some(list) = rest.strip_prefix('{') {
            first_names(list)
        } else {
            vec![first_word(rest)]
        };
        if whole_word {
            named.extend(firsts.into_iter().filter(|name| !name.is_empty()));
        }
    }
    for name in &mut named {
        if name.starts_with(char::is_uppercase) {
            "error".clone_into(name);
        }
    }
    named.sort();
    named.dedup();
    named
}

fn first_word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// The first words of the items of a `{…}` list whose opening brace is behind us.
fn first_names(list: &str) -> Vec<String> {
    let (mut depth, mut at_item, mut names) = (0, true, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_item = true,
            c if at_item && !c.is_whitespace() => {
                names.push(first_word(&list[at..]));
                at_item = false;
            }
            _ => {}
        }
    }
    names
}

#[test]
fn the_reader_of_paths_sees_every_shape() {
    let text = "use crate::money::{Amount, rate};\nuse crate::{Error, time::{Window, Tz}, query};\n\
        pub(crate) fn f(x: &crate::ingest::csv::Chunk) -> Result<()> { mycrate::engine::run() }\n";
    assert_eq!(modules_named(text), ["error", "ingest", "money", "query", "time"]);
}

#[test]
fn modules_of_the_core_know_only_what_stands_below_them() {
    let src = workspace().join("crates/billfold-core/src");
    let mut n_checked = 0;
    for path in sources(&src) {
        let relative = path.strip_prefix(&src).unwrap();
        let first = relative
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_string_lossy();
        let module = first.trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let Some((_, allowed)) = CORE.iter().find(|(name, _)| *name == module) else {
            panic!(
                "{}: module {module} has no place in the order yet",
                relative.display()
            );
        };
        for named in modules_named(&shipped(&path)) {
            assert!(
                allowed.contains(&named.as_str()),
                "{}: {module} must not know {named}",
                relative.display()
            );
        }
        n_checked += 1;
    }
    assert!(n_checked > 40, "only {n_checked} files seen");
}

/// The members of the workspace: folder and manifest.
fn members() -> Vec<(String, String)> {
    let root = workspace();
    let mut folders: Vec<String> = std::fs::read_dir(root.join("crates"))
        .unwrap()
        .map(|entry| format!("crates/{}", entry.unwrap().file_name().to_string_lossy()))
        .filter(|folder| root.join(folder).join("Cargo.toml").is_file())
        .collect();
    folders.sort();
    folders.extend(["tests".to_owned(), "benches".to_owned()]);
    folders
        .into_iter()
        .map(|folder| {
            let manifest = read(&root.join(&folder).join("Cargo.toml"));
            (folder, manifest)
        })
        .collect()
}

#[test]
fn crates_depend_only_on_crates_below_them() {
    for (folder, manifest) in members() {
        let Some((_, allowed)) = CRATES.iter().find(|(name, _)| *name == folder) else {
            panic!("{folder} has no place in the order yet");
        };
        let dependencies = manifest.split_once("dependencies]").map_or("", |(_, rest)| rest);
        for line in dependencies.lines().filter(|line| line.starts_with("billfold-")) {
            let name: String = line
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '-')
                .collect();
            assert!(
                allowed.contains(&name.as_str()),
                "{folder} must not depend on {name}"
            );
        }
    }
}

#[test]
fn every_member_takes_the_lints_of_the_house() {
    for (folder, manifest) in members() {
        assert!(manifest.contains("[lints]\nworkspace = true"), "{folder}");
    }
    let root = read(&workspace().join("Cargo.toml"));
    for line in [
        "unsafe_code = \"deny\"",
        "missing_docs = \"warn\"",
        "unwrap_used = \"deny\"",
        "expect_used = \"deny\"",
        "panic = \"deny\"",
        "float_arithmetic = \"deny\"",
        "print_stdout = \"deny\"",
        "print_stderr = \"deny\"",
        "exit = \"deny\"",
        "overflow-checks = true",
    ] {
        assert!(root.lines().any(|l| l == line), "Cargo.toml lacks {line}");
    }
}

/// The one file with a reason for it.
const UNSAFE: &str = "crates/billfold-core/src/ingest/csv/avx2.rs";

#[test]
fn unsafe_code_stands_in_one_file() {
    let root = workspace();
    for (folder, _) in members() {
        let library = root.join(&folder).join("src/lib.rs");
        let forbids = read(&library).contains("#![forbid(unsafe_code)]");
        let ships = folder.starts_with("crates/");
        assert!(
            forbids || !ships || UNSAFE.starts_with(&folder),
            "{folder} does not forbid unsafe code"
        );
        for path in sources(&root.join(&folder).join("src")) {
            if !path.ends_with(UNSAFE) {
                let text = shipped(&path);
                assert!(!text.contains("unsafe "), "{}", path.display());
                assert!(!text.contains("allow(unsafe_code"), "{}", path.display());
            }
        }
    }
}

#[test]
fn only_the_command_knows_the_clock_the_environment_and_the_terminal() {
    for (folder, _) in members() {
        // A server has to know how old a signature is; its one place for that is its `clock`.
        if !folder.starts_with("crates/")
            || ["crates/billfold-cli", "crates/billfold-serve"].contains(&folder.as_str())
        {
            continue;
        }
        for path in sources(&workspace().join(&folder).join("src")) {
            let text = shipped(&path);
            for word in OUTSIDE {
                assert!(!text.contains(word), "{}: {word}", path.display());
            }
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    for (folder, _) in members() {
        for path in sources(&workspace().join(folder)) {
            let text = read(&path);
            let n_lines = text.lines().count();
            assert!(n_lines <= MAX_LINES, "{}: {n_lines} lines", path.display());
            assert!(
                text.starts_with("//!"),
                "{}: does not open with what it is for",
                path.display()
            );
        }
    }
}

#[test]
fn the_documents_name_every_crate() {
    for document in ["README.md", "ARCHITECTURE.md"] {
        let path = workspace().join(document);
        let text = if path.is_file() {
            read(&path)
        } else {
            String::new()
        };
        // A document of a line or two is a place held free.
        if text.lines().count() < 10 {
            continue;
        }
        for (folder, _) in members() {
            let name = folder.trim_start_matches("crates/");
            assert!(text.contains(name), "{document} does not name {name}");
        }
    }
}
