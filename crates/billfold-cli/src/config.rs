//! `billfold.toml`: its sections, and tables of options as the arguments that they stand for.
//!
//! What an option means is decided where the command line is: a table becomes words, and these are parsed.
//! Which sections there are is known here; what stands in them is their command's.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use billfold_core::error::Printable;
use billfold_core::{Error, Result};
use clap::Parser as _;
use toml::{Table, Value};

use crate::args::{Cli, Command};
use crate::fault;
use crate::usage;

/// A file of reports is a few pages of text.
const MAX_BYTES: u64 = 1 << 20;

/// Options whose values are paths, which start at the folder of the file.
const PATHS: [&str; 4] = ["mapping", "lookup", "rates", "aliases"];

/// Pairs of an old and a new tag key.
pub(crate) type AliasPairs = Vec<(String, String)>;

/// A file, by its sections.
#[derive(Debug)]
pub(crate) struct Config {
    /// The file as it was named.
    pub(crate) name: Arc<str>,
    /// Where its paths start.
    pub(crate) folder: PathBuf,
    /// Options under all reports.
    pub(crate) defaults: Table,
    /// By name, the options of a report.
    #[cfg_attr(
        not(feature = "report"),
        expect(dead_code, reason = "reports are made where a data frame engine is")
    )]
    pub(crate) reports: Table,
    /// By name, the options of a budget.
    pub(crate) budgets: Table,
    tags: Table,
    /// What `${NAME}` stands for in reports.
    #[cfg_attr(
        not(feature = "report"),
        expect(dead_code, reason = "reports are made where a data frame engine is")
    )]
    pub(crate) parameters: Table,
}

/// A text, a number or a list of them is not what stands there.
pub(crate) struct NotTexts;

impl Config {
    /// Reads a file.
    ///
    /// Errors: I/O; usage, for what is no TOML and for sections that are not known.
    pub(crate) fn read(path: &str) -> Result<Config> {
        let name: Arc<str> = path.into();
        let text = text_of(&name)?;
        let folder = Path::new(path).parent().unwrap_or(Path::new(""));
        Config::of_text(&name, folder, &text)
    }

    /// Reads the text of a file; its paths start at the folder.
    ///
    /// Errors: usage, for what is no TOML and for sections that are not known.
    pub(crate) fn of_text(name: &Arc<str>, folder: &Path, text: &str) -> Result<Config> {
        let mut tables: Table = text.parse().map_err(|e: toml::de::Error| {
            usage(format!("cannot be read: {}", Printable(e.message()))).in_source(name)
        })?;
        let mut section = |what: &str| match tables.remove(what) {
            None => Ok(Table::new()),
            Some(Value::Table(table)) => Ok(table),
            Some(_) => Err(usage(format!("[{what}] is no table")).in_source(name)),
        };
        let config = Config {
            folder: folder.to_owned(),
            defaults: section("defaults")?,
            reports: section("report")?,
            budgets: section("budget")?,
            tags: section("tags")?,
            parameters: section("parameters")?,
            name: Arc::clone(name),
        };
        if let Some(key) = tables.keys().next() {
            return Err(usage(format!("{} is not known here", Printable(key)))
                .in_source(name)
                .hint(
                    "such a file holds [defaults], one [report.NAME] per report, one [budget.NAME] per budget, [tags.alias], and [parameters]",
                ));
        }
        Ok(config)
    }

    /// Tag keys that are read as others: pairs of an old and a new key.
    ///
    /// Errors: usage, for what is neither a key nor a list of keys.
    pub(crate) fn aliases(&self) -> Result<AliasPairs> {
        let wrong = |what: String| {
            usage(what)
                .in_source(&self.name)
                .hint("write [tags.alias] and under it: team = [\"Team\", \"owner-team\"]")
        };
        if let Some(key) = self.tags.keys().find(|key| *key != "alias") {
            return Err(wrong(format!("[tags] {} is not known", Printable(key))));
        }
        let table = match self.tags.get("alias") {
            None => return Ok(Vec::new()),
            Some(Value::Table(table)) => table,
            Some(_) => return Err(wrong("[tags.alias] is no table".to_owned())),
        };
        let mut pairs = Vec::new();
        for (new, value) in table {
            let old = match value {
                Value::String(_) | Value::Array(_) => texts(Some(value.clone())),
                _ => Err(NotTexts),
            };
            let old = old.map_err(|_| {
                wrong(format!(
                    "[tags.alias] {} is neither a key nor a list of keys",
                    Printable(new)
                ))
            })?;
            pairs.extend(old.into_iter().map(|old| (old, new.clone())));
        }
        Ok(pairs)
    }

    /// A path of the file, from where one stands.
    pub(crate) fn here(&self, path: &str) -> String {
        if path == "-" || path.is_empty() {
            path.to_owned()
        } else {
            self.folder.join(path).to_string_lossy().into_owned()
        }
    }

    /// A table of options as the command line that it stands for, parsed: `--key=value` for each, then the inputs.
    ///
    /// Errors: usage, with what is wrong; `wrong` says where.
    pub(crate) fn parse(
        &self,
        command: &str,
        options: BTreeMap<String, Value>,
        more: &[String],
        inputs: &[String],
        wrong: impl Fn(String) -> Error,
    ) -> Result<Command> {
        let mut words: Vec<OsString> = vec!["billfold".into(), command.into()];
        for (key, value) in options {
            if value == Value::Boolean(false) {
                continue;
            }
            if value == Value::Boolean(true) {
                words.push(format!("--{key}").into());
                continue;
            }
            let values = texts(Some(value)).map_err(|NotTexts| {
                wrong(format!(
                    "{} is neither text, number, flag nor a list of texts",
                    Printable(&key)
                ))
            })?;
            for text in values {
                let text = if PATHS.contains(&key.as_str()) {
                    self.here(&text)
                } else {
                    text
                };
                words.push(format!("--{key}={text}").into());
            }
        }
        words.extend(more.iter().map(OsString::from));
        words.push("--".into());
        words.extend(inputs.iter().map(|path| self.here(path).into()));
        let cli = Cli::try_parse_from(words).map_err(|refused| {
            let refused = fault::from_clap(&refused);
            let hint = refused.hint_text().map(str::to_owned);
            let error = wrong(refused.to_string());
            match hint {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })?;
        Ok(cli.command)
    }
}

/// The table of a value.
///
/// Errors: usage, when it is something else.
pub(crate) fn table_of(value: Value, what: &str) -> Result<Table> {
    match value {
        Value::Table(table) => Ok(table),
        _ => Err(usage(format!("{what} is no table"))),
    }
}

/// A text, a number or a list of them.
pub(crate) fn texts(value: Option<Value>) -> std::result::Result<Vec<String>, NotTexts> {
    let one = |value: Value| match value {
        Value::String(text) => Ok(text),
        Value::Integer(whole) => Ok(whole.to_string()),
        Value::Datetime(when) => Ok(when.to_string()),
        _ => Err(NotTexts),
    };
    match value {
        None => Ok(Vec::new()),
        Some(Value::Array(values)) => values.into_iter().map(one).collect(),
        Some(value) => one(value).map(|text| vec![text]),
    }
}

fn text_of(name: &Arc<str>) -> Result<String> {
    let io = |e: std::io::Error| {
        Error::io("cannot be read", &e)
            .in_source(name)
            .hint("name the file with --config, or that of tag aliases with --aliases")
    };
    let mut bytes = Vec::new();
    File::open(name.as_ref())
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(io)?;
    if bytes.len() as u64 > MAX_BYTES {
        let message = format!("a file of reports has at most {MAX_BYTES} bytes");
        return Err(Error::limit("limit.config", message).in_source(name));
    }
    String::from_utf8(bytes).map_err(|_| usage("is not UTF-8").in_source(name))
}
