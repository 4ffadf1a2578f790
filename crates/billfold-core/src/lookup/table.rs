//! One lookup table: which column is its key, which are validity dates, and the others as dictionaries.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, StringArray};

use super::{KeySpec, LookupSpec, is_key};
use crate::charge::intern::Interner;
use crate::charge::schema::{self, ColumnKind, normalised_header};
use crate::error::{Error, Result};
use crate::ingest::formats::near_names;
use crate::ingest::table::TextTable;
use crate::money::Amount;
use crate::query::{Dimension, DimensionSource};
use crate::time::{Tz, parse_bound};

/// Headers of a validity's start, in normal form.
const VALID_FROM: &[&str] = &[
    "validfrom",
    "validsince",
    "validstart",
    "startdate",
    "effectivefrom",
    "dbtvalidfrom",
    "from",
];
/// Headers of its end.
const VALID_TO: &[&str] = &[
    "validto",
    "validuntil",
    "validend",
    "enddate",
    "effectiveto",
    "dbtvalidto",
    "to",
    "until",
];

/// A table, ready to be asked.
#[derive(Debug)]
pub struct LookupTable {
    /// The file as it was named.
    pub source: Arc<str>,
    /// The dimension of charges that it is keyed by.
    pub key: Dimension,
    /// Rows.
    pub n_rows: usize,
    /// The distinct keys; the empty text is none.
    pub(super) keys: Interner,
    /// Per key, and one more: the first of its rows in `rows`.
    pub(super) first: Vec<u32>,
    /// Rows, those of one key side by side, in the order of the file.
    pub(super) rows: Vec<u32>,
    pub(super) columns: Vec<ValueColumn>,
    /// Per row, when it holds; half-open, UTC microseconds. Empty where rows hold always.
    pub(super) validity: Vec<(i64, i64)>,
}

/// A column that a table adds.
#[derive(Debug)]
pub(super) struct ValueColumn {
    /// The schema's name for it, or else as the table spells it.
    pub(super) name: String,
    normal: String,
    /// The distinct texts; the first is empty.
    pub(super) values: ArrayRef,
    /// Per row the code of its text.
    pub(super) codes: Vec<i32>,
    /// Per code its number, for sizes.
    pub(super) sizes: Vec<Option<Amount>>,
}

impl LookupTable {
    /// Reads a table from its file.
    pub(super) fn read(spec: &LookupSpec, zone: Tz, encoding: Option<&str>) -> Result<Self> {
        // The encoding is the bills'; a table of one's own is UTF-8 more often than not.
        let table = match TextTable::read(&spec.path, None) {
            Err(e) if encoding.is_some() && e.kind().code() == "enc.utf8" => {
                TextTable::read(&spec.path, encoding)?
            }
            read => read?,
        };
        Self::of(&table, spec.key.as_ref(), zone)
    }

    /// Takes a table that was read.
    ///
    /// Errors: `lookup.key`, and dates of validity that cannot be read or end before they start.
    pub(super) fn of(table: &TextTable, key: Option<&KeySpec>, zone: Tz) -> Result<Self> {
        let (key, key_column) = key_of(table, key)?;
        let find = |names: &[&str]| {
            let normal = |i: &usize| normalised_header(&table.headers.names[*i]);
            let columns = || (0..table.headers.names.len()).filter(|i| *i != key_column);
            names
                .iter()
                .find_map(|name| columns().find(|i| normal(i) == *name))
        };
        let (from, to) = (find(VALID_FROM), find(VALID_TO));
        let validity = validity(table, from, to, zone)?;
        let mut columns: Vec<ValueColumn> = Vec::new();
        for (i, header) in table.headers.names.iter().enumerate() {
            if i == key_column || Some(i) == from || Some(i) == to || header.trim().is_empty() {
                continue;
            }
            let canonical = schema::canonical_header(header).filter(|name| {
                // Of two columns that could be one of the schema's, the one of that very name is.
                let exact = |h: &String| normalised_header(h) == normalised_header(name);
                exact(header) || !table.headers.names.iter().any(exact)
            });
            let name = match canonical {
                Some(name) if columns.iter().any(|c| c.name == name) => header.trim(),
                Some(name) => name,
                None => header.trim(),
            };
            columns.push(ValueColumn::of(table, i, name)?);
        }
        let (keys, first, rows) = index(table, key_column);
        Ok(LookupTable {
            source: Arc::clone(&table.source),
            key,
            n_rows: table.n_rows,
            keys,
            first,
            rows,
            columns,
            validity,
        })
    }

    /// Distinct keys.
    pub fn n_keys(&self) -> usize {
        self.keys.len()
    }

    /// The dimensions that it adds, in the order of its columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns
            .iter()
            .map(|c| c.name.as_str())
            .filter(|name| is_text(name))
    }

    /// The column that a dimension's name means: a name of the schema, or a header however it is spelled.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let exact = self.columns.iter().position(|c| c.name == name);
        exact.or_else(|| {
            let normal = normalised_header(name);
            let alike = |c: &ValueColumn| c.normal == normal && schema::column(&c.name).is_none();
            self.columns
                .iter()
                .position(alike)
                .filter(|_| schema::column(name).is_none())
        })
    }
}

/// Whether charges can take a text of this name; of the schema's numbers they take sizes only.
pub(super) fn is_text(name: &str) -> bool {
    schema::column(name).is_none_or(|c| c.kind == ColumnKind::Text)
}

/// Whether it is the size of a resource, which is no cost and adds up to none.
pub(super) fn is_size(name: &str) -> bool {
    matches!(name, "vcpus" | "memory_mb" | "volume_gb" | "bandwidth_mbps")
}

impl ValueColumn {
    fn of(table: &TextTable, column: usize, name: &str) -> Result<Self> {
        let distinct = table.distinct(column);
        let mut texts = Interner::default();
        texts.intern(b"");
        let map: Vec<i32> = (0..distinct.len())
            .map(|code| texts.intern(distinct.get(code as i32)))
            .collect();
        let values: StringArray = texts.finish(|_| None)?;
        let size = |code: usize| crate::ingest::measures::size(name, values.value(code));
        Ok(ValueColumn {
            sizes: if is_size(name) {
                (0..values.len()).map(size).collect()
            } else {
                Vec::new()
            },
            name: name.to_owned(),
            normal: normalised_header(name),
            values: Arc::new(values),
            codes: table.columns[column]
                .codes()
                .iter()
                .map(|code| map[*code as usize])
                .collect(),
        })
    }
}

/// The dimension that a table is keyed by, and its column.
///
/// Without a word from the user: the resource where the table has it, else the first column that charges have.
fn key_of(table: &TextTable, asked: Option<&KeySpec>) -> Result<(Dimension, usize)> {
    let names = &table.headers.names;
    if let Some(KeySpec { dimension, column }) = asked {
        let found = match (column, &dimension.source) {
            (Some(column), _) => table.headers.find_one(column),
            (None, DimensionSource::Column(name)) => table.headers.find_one(&dimension.name).or_else(|| {
                names
                    .iter()
                    .position(|h| schema::canonical_header(h) == Some(name.as_str()))
            }),
            (None, DimensionSource::TagKey(key)) => table
                .headers
                .find_one(&dimension.name)
                .or_else(|| table.headers.find_one(key)),
            (None, _) => None,
        };
        let wanted = column.as_ref().unwrap_or(&dimension.name);
        return found.map(|column| (dimension.clone(), column)).ok_or_else(|| {
            let near = near_names(wanted, names.iter().map(String::as_str));
            let offer = if near.is_empty() { names.join(", ") } else { near };
            Error::file("lookup.key", format!("the table has no column {wanted}"))
                .in_source(&table.source)
                .hint(format!("it has {offer}; write FILE:key=DIMENSION=COLUMN"))
        });
    }
    let keys: Vec<(Dimension, usize)> = names
        .iter()
        .enumerate()
        .filter_map(|(i, h)| Some((meant(h)?, i)))
        .collect();
    let is_resource = |d: &Dimension| d.source == DimensionSource::Column("resource_id".to_owned());
    let resource = keys.iter().find(|(d, _)| is_resource(d));
    resource.or_else(|| keys.first()).cloned().ok_or_else(|| {
        Error::file(
            "lookup.key",
            "no column of the table is known as a key, such as resource_id, user_id or project_id",
        )
        .in_source(&table.source)
        .hint("say which dimension of the charges it is keyed by: FILE:key=resource_id=COLUMN")
    })
}

/// The dimension of charges that a header means.
fn meant(header: &str) -> Option<Dimension> {
    let name = match header.trim().strip_prefix("tag:") {
        Some(_) => header.trim(),
        None => schema::canonical_header(header)
            .filter(|name| schema::column(name).is_some_and(|c| c.kind == ColumnKind::Text))?,
    };
    Dimension::parse(name).ok().filter(|d| is_key(&d.source))
}

/// Per row, when it holds; empty where the table has no dates.
fn validity(table: &TextTable, from: Option<usize>, to: Option<usize>, zone: Tz) -> Result<Vec<(i64, i64)>> {
    if from.is_none() && to.is_none() {
        return Ok(Vec::new());
    }
    let instant = |row: usize, column: usize| -> Result<Option<i64>> {
        let text = table.cell(row, column);
        if text.is_empty() {
            return Ok(None);
        }
        parse_bound(text, zone).map(Some).map_err(|e| {
            let error = Error::file("time.syntax", e.to_string()).at(table.place(row, Some(column)));
            match e.hint_text() {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })
    };
    let bound = |row: usize, column: Option<usize>| column.map_or(Ok(None), |c| instant(row, c));
    (0..table.n_rows)
        .map(|row| {
            let start = bound(row, from)?.unwrap_or(i64::MIN);
            let end = bound(row, to)?.map_or(i64::MAX, half_open);
            if end < start {
                return Err(
                    Error::file("time.order", "a row that ends to hold before it begins to")
                        .at(table.place(row, to)),
                );
            }
            Ok((start, end))
        })
        .collect()
}

/// The end behind a last second, `…:59`, which tables write that count it in.
fn half_open(end: i64) -> i64 {
    const SECOND: i64 = 1_000_000;
    match end.rem_euclid(60 * SECOND) {
        second if second < 59 * SECOND => end,
        second => end.saturating_add(60 * SECOND - second),
    }
}

/// The keys, and the rows of each.
fn index(table: &TextTable, column: usize) -> (Interner, Vec<u32>, Vec<u32>) {
    let distinct = table.distinct(column);
    let mut keys = Interner::default();
    let map: Vec<Option<usize>> = (0..distinct.len())
        .map(|code| distinct.get(code as i32))
        .map(|text| (!text.is_empty()).then(|| keys.intern(text) as usize))
        .collect();
    let row_keys = || {
        table.columns[column]
            .codes()
            .iter()
            .map(|code| map[*code as usize])
    };
    let mut first = vec![0u32; keys.len() + 1];
    for key in row_keys().flatten() {
        first[key + 1] += 1;
    }
    for key in 0..keys.len() {
        first[key + 1] += first[key];
    }
    let mut next = first.clone();
    let mut rows = vec![0u32; first.last().map_or(0, |n| *n as usize)];
    for (row, key) in row_keys().enumerate() {
        if let Some(key) = key {
            rows[next[key] as usize] = row as u32;
            next[key] += 1;
        }
    }
    (keys, first, rows)
}
