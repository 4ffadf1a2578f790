//! What the tests share: bills made from a few rows, a folder that goes away, and a run's outcome as text.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{ArrayRef, RecordBatch};
use billfold_core::dataset::{self, AllowRejects, Outcome, RunOptions};
use billfold_core::money::Totals;
use billfold_core::query::{ChargeQuery, CostMetric, Dimension};
use billfold_core::{Error, ErrorClass};
use parquet::arrow::ArrowWriter;

/// The workspace that these tests belong to.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folder of real exports beside the workspace, or `BILLFOLD_SHARED_DATA`; without it a test has nothing
/// to do, which is said once.
pub(crate) fn shared_data() -> Option<PathBuf> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let look = || {
        let folder = std::env::var_os("BILLFOLD_SHARED_DATA")
            .map_or_else(|| workspace().join("../shared/data"), PathBuf::from);
        if folder.is_dir() {
            return Some(folder);
        }
        // Written past the test harness, which would keep the notice of a passing test to itself.
        let notice = "skipped: tests on real exports; not there:";
        let _ = writeln!(
            std::io::stderr(),
            "{notice} {} (BILLFOLD_SHARED_DATA names another)",
            folder.display()
        );
        None
    };
    FOLDER.get_or_init(look).clone()
}

/// A folder of a test's own, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!(
            "billfold-it-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, in folders below this one where its name has them, and returns its path as one would
    /// type it.
    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The header of [`bill`].
pub(crate) const HEADER: &str = "ChargePeriodStart,ChargePeriodEnd,BilledCost,BillingCurrency,ResourceId";

/// A FOCUS bill with these rows under [`HEADER`].
pub(crate) fn bill<S: AsRef<str>>(rows: &[S]) -> String {
    let mut text = format!("{HEADER}\n");
    for row in rows {
        text.push_str(row.as_ref());
        text.push('\n');
    }
    text
}

/// A row of [`bill`] that costs this; the cell is written as it stands.
pub(crate) fn costing(cost: &str) -> String {
    format!("2024-03-01T00:00:00Z,2024-03-02T00:00:00Z,{cost},USD,i-1")
}

/// A row of [`bill`] of one dollar that starts then and has no end; the cell is written as it stands.
pub(crate) fn starting(start: &str) -> String {
    format!("{start},,1,USD,i-1")
}

/// A row of [`bill`] of one dollar for this resource; the cell is written as it stands.
pub(crate) fn of(resource: &str) -> String {
    format!("2024-03-01T00:00:00Z,2024-03-02T00:00:00Z,1,USD,{resource}")
}

/// A question for the billed cost by these dimensions.
pub(crate) fn asking(by: &str, granularity: &str) -> ChargeQuery {
    let mut query = ChargeQuery::total();
    if !by.is_empty() {
        query.by = Dimension::parse_list(by).unwrap();
    }
    query.granularity = granularity.parse().unwrap();
    query.metric = CostMetric::Billed;
    query
}

/// A file, a question and the way of asking, waiting for an expectation.
pub(crate) struct Ask<'a> {
    bytes: &'a [u8],
    name: &'a str,
    query: ChargeQuery,
    delimiter: Option<u8>,
    encoding: Option<String>,
    allow_empty: bool,
    mapping: Option<&'a str>,
}

/// Asks one file for its total, unless told otherwise.
pub(crate) fn ask<B: AsRef<[u8]> + ?Sized>(bytes: &B) -> Ask<'_> {
    Ask {
        bytes: bytes.as_ref(),
        name: "bill.csv",
        query: asking("", "total"),
        delimiter: None,
        encoding: None,
        allow_empty: false,
        mapping: None,
    }
}

impl<'a> Ask<'a> {
    pub(crate) fn named(mut self, name: &'a str) -> Self {
        self.name = name;
        self
    }

    pub(crate) fn query(mut self, query: ChargeQuery) -> Self {
        self.query = query;
        self
    }

    pub(crate) fn by(self, by: &str) -> Self {
        self.query(asking(by, "total"))
    }

    pub(crate) fn every(self, granularity: &str) -> Self {
        self.query(asking("", granularity))
    }

    pub(crate) fn metric(mut self, metric: &str) -> Self {
        self.query.metric = metric.parse().unwrap();
        self
    }

    pub(crate) fn zone(mut self, zone: &str) -> Self {
        self.query.zone = billfold_core::time::parse_zone(zone).unwrap();
        self
    }

    pub(crate) fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = Some(delimiter);
        self
    }

    pub(crate) fn encoding(mut self, label: &str) -> Self {
        self.encoding = Some(label.to_owned());
        self
    }

    pub(crate) fn allow_empty(mut self) -> Self {
        self.allow_empty = true;
        self
    }

    pub(crate) fn mapping(mut self, toml: &'a str) -> Self {
        self.mapping = Some(toml);
        self
    }

    fn options(
        &self,
        threads: usize,
        chunk_bytes: usize,
        allow_rejects: AllowRejects,
    ) -> RunOptions<'static> {
        RunOptions {
            threads: Some(threads),
            chunk_bytes,
            allow_rejects,
            delimiter: self.delimiter,
            encoding: self.encoding.clone(),
            allow_empty: self.allow_empty,
            mappings: self
                .mapping
                .iter()
                .map(|toml| billfold_core::ingest::formats::Format::parse(toml).unwrap())
                .collect(),
            ..RunOptions::default()
        }
    }

    /// Runs with all rejected rows allowed.
    pub(crate) fn run(&self) -> Result<Outcome, Error> {
        let folder = Folder::new();
        let path = folder.put(self.name, self.bytes);
        let run = |threads, chunk_bytes, allow| {
            let options = self.options(threads, chunk_bytes, allow);
            dataset::sums(std::slice::from_ref(&path), self.query.clone(), options)
        };
        let whole = run(1, 1 << 20, AllowRejects::All);
        // The same in small pieces, and with no rejected row allowed.
        let cut = run(2, 64, AllowRejects::None);
        match (&whole, &cut) {
            (Ok(whole), Ok(cut)) => {
                assert_eq!(whole.receipt.rows, cut.receipt.rows, "chunks change the rows");
                assert_eq!(whole.receipt.cost, cut.receipt.cost, "chunks change the cost");
                assert_eq!(whole.rejects, cut.rejects, "chunks change the rejected rows");
                assert_eq!(
                    cut.answer.is_some(),
                    cut.receipt.rows.rejected == 0,
                    "a rejected row that was not allowed must cost the answer"
                );
                if cut.answer.is_some() {
                    assert_eq!(whole.receipt.answer_sha256, cut.receipt.answer_sha256);
                }
            }
            (Err(whole), Err(cut)) => assert_eq!(whole.kind().code(), cut.kind().code()),
            (whole, cut) => panic!("in one piece {whole:?}, in pieces {cut:?}"),
        }
        whole
    }

    /// Runs and compares with the outcome as [`shown`] shows it.
    #[track_caller]
    pub(crate) fn gives(self, expected: &str) -> Outcome {
        match self.run() {
            Ok(outcome) => {
                let shown = shown(&outcome);
                assert_eq!(shown, expected, "{:#?}", outcome.rejects);
                outcome
            }
            Err(error) => panic!("expected {expected}; {}: {error}", failed(&error)),
        }
    }

    /// Runs and expects an error that stops the work: its class, code and parts of its message or hint.
    #[track_caller]
    pub(crate) fn fails(self, expected: &str, parts: &[&str]) {
        match self.run() {
            Ok(outcome) => panic!("expected {expected}, got {}", shown(&outcome)),
            Err(error) => {
                assert_eq!(failed(&error), expected, "{error}");
                let text = format!("{error} {}", error.hint_text().unwrap_or_default());
                for part in parts {
                    assert!(text.contains(part), "{part:?} is not in: {text}");
                }
            }
        }
    }
}

/// The class and code of an error: `file csv.empty`.
pub(crate) fn failed(error: &Error) -> String {
    let class = match error.kind().class() {
        ErrorClass::Usage => "usage",
        ErrorClass::Rejected => "rejected",
        ErrorClass::File => "file",
        ErrorClass::Conflict => "conflict",
        ErrorClass::Io => "io",
        ErrorClass::Limit => "limit",
        ErrorClass::Overflow => "overflow",
        ErrorClass::Bug => "bug",
    };
    format!("{class} {}", error.kind().code())
}

/// Totals as `EUR 1, USD 2.5`; an unknown currency shows as `?`, no currency at all as `nothing`.
pub(crate) fn money(totals: &Totals) -> String {
    if totals.is_empty() {
        return "nothing".to_owned();
    }
    let parts: Vec<String> = totals
        .iter()
        .map(|(currency, sum)| match currency.as_str() {
            "" => format!("? {sum}"),
            code => format!("{code} {sum}"),
        })
        .collect();
    parts.join(", ")
}

/// An outcome in one line: total, rows used, groups where there is more to say, then every rejected row
/// as `record:line code`. `USD 0.3 of 2; 3:4 csv.fields`.
pub(crate) fn shown(outcome: &Outcome) -> String {
    let answer = outcome.answer.as_ref().unwrap();
    let mut text = format!("{} of {}", money(&answer.totals), answer.n_charges);
    let plain = answer.query.by.is_empty() && answer.periods.iter().all(|p| p.label == "total");
    if !plain {
        text.push(':');
        for row in answer.rows() {
            text.push(' ');
            let keys: Vec<&str> = row.keys().collect();
            text.push_str(&keys.join("/"));
            if row.period().label != "total" {
                let separator = if keys.is_empty() { "" } else { "@" };
                let _ = write!(text, "{separator}{}", row.period().label);
            }
            let _ = write!(text, "={}", row.cost());
        }
    }
    for reject in &outcome.rejects {
        let at = &reject.location;
        let _ = write!(text, "; {}", at.record.unwrap());
        if let Some(line) = at.line {
            let _ = write!(text, ":{line}");
        }
        let _ = write!(text, " {}", reject.code);
    }
    text
}

/// A Parquet file of these columns.
pub(crate) fn parquet(columns: &[(&str, ArrayRef)]) -> Vec<u8> {
    let batch =
        RecordBatch::try_from_iter(columns.iter().map(|(name, array)| (*name, array.clone()))).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

const CHILD_INPUT: &str = "BILLFOLD_IT_INPUT";
const CHILD_SAYS: &str = "billfold-it says: ";

/// The part of an ignored test that [`parent`] runs in a process of its own: it gets the path of the bill.
pub(crate) fn child(work: impl FnOnce(String) -> String) {
    if let Ok(path) = std::env::var(CHILD_INPUT) {
        let _ = writeln!(std::io::stderr(), "{CHILD_SAYS}{}", work(path));
    }
}

/// Runs one ignored test of this binary in a process of its own, on this bill, and returns what it says.
/// `shell` runs before it in the same process, such as `ulimit -n 24`.
pub(crate) fn parent(test: &str, bill: impl AsRef<[u8]>, shell: &str, variables: &[(&str, &str)]) -> String {
    let folder = Folder::new();
    let path = folder.put("bill.csv", bill);
    let output = Command::new("sh")
        .args(["-c", &format!("{shell}\nexec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(CHILD_INPUT, path)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = said.lines().find_map(|line| line.strip_prefix(CHILD_SAYS));
    line.unwrap_or_else(|| panic!("{test} says nothing: {said}"))
        .to_owned()
}

/// What a run of the command came to.
pub(crate) struct Ran {
    pub(crate) exit: u8,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the command in this process; `args` are separated by spaces, and `{}` is the path.
pub(crate) fn command(args: &str, path: &str) -> Ran {
    let words: Vec<String> = args.split(' ').map(|word| word.replace("{}", path)).collect();
    command_of(&words)
}

/// Runs the command in this process, with these words after its name.
pub(crate) fn command_of<S: AsRef<str>>(words: &[S]) -> Ran {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let mut io = billfold_cli::Io {
        stdout: Box::new(&mut stdout),
        stderr: Box::new(&mut stderr),
        stdout_is_terminal: false,
        stdout_width: None,
        stderr_is_terminal: false,
        no_color: false,
    };
    let words = words.iter().map(|word| word.as_ref().into());
    let exit = billfold_cli::main_with(std::iter::once("billfold".into()).chain(words), &mut io);
    drop(io);
    Ran {
        exit,
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}
