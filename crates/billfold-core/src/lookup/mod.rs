//! Lookups: tables of one's own that add to charges what bills lack, such as projects, owners, cost centres.
//!
//! A table is keyed by a dimension of the charges. Its other columns are dimensions, too: a charge takes
//! the values of the row that has its key. A lookup adds texts and nothing else, so that no table can
//! multiply a charge or change a sum. `table` reads one, `bind` keeps what a question needs of it, `apply`
//! gives batches their texts. It stands between scan and fold; neither knows of it.
//!
//! The rules:
//! - What the bill says stands. A table fills a column only on charges where the bill leaves it empty.
//! - Several tables are asked in the order given; the first that has a value gives it. What a table has
//!   filled is a key for those after it: a resource leads to its project, the project to its cost centre.
//! - Where several rows of a key hold for a charge, a column on which those that say something agree has
//!   their value. One on which they differ stays empty, and the charge counts as ambiguous.
//! - A row with validity dates holds for charges that start within them, the end not inside.

mod apply;
mod bind;
mod table;
#[cfg(test)]
mod tests;

use std::str::FromStr;
use std::sync::Arc;

pub use bind::{BoundLookups, LookupState};
pub use table::LookupTable;

use crate::charge::schema::BILLING_CURRENCY;
use crate::error::{Error, Result};
use crate::query::{Dimension, DimensionSource};
use crate::time::Tz;

/// A table as a user names it: `FILE`, `FILE:key=DIMENSION` or `FILE:key=DIMENSION=COLUMN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupSpec {
    /// The file.
    pub path: String,
    /// What the table is keyed by; the table's columns tell without it.
    pub key: Option<KeySpec>,
}

/// What a table is keyed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpec {
    /// The dimension of the charges.
    pub dimension: Dimension,
    /// The column of the table; the one of the dimension's name without it.
    pub column: Option<String>,
}

impl FromStr for LookupSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (path, key) = match text.rsplit_once(":key=") {
            None => (text, None),
            Some((path, key)) => {
                let (dimension, column) = match key.split_once('=') {
                    None => (key, None),
                    Some((dimension, column)) => (dimension, Some(column.to_owned())),
                };
                let dimension = Dimension::parse(dimension)?;
                let column = column.filter(|c| !c.trim().is_empty());
                (path, Some(KeySpec { dimension, column }))
            }
        };
        if path.is_empty() {
            return Err(Error::usage(format!("the lookup `{text}` names no file"))
                .hint("write FILE, FILE:key=resource_id or FILE:key=resource_id=COLUMN"));
        }
        if let Some(key) = &key
            && !is_key(&key.dimension.source)
        {
            return Err(
                Error::usage(format!("a table cannot be keyed by {}", key.dimension))
                    .hint("name a column such as resource_id, user_id or project_id, or one tag as tag:KEY"),
            );
        }
        Ok(LookupSpec {
            path: path.to_owned(),
            key,
        })
    }
}

/// Whether a charge has one text of it, which is not its currency.
fn is_key(source: &DimensionSource) -> bool {
    match source {
        DimensionSource::Column(name) => name != BILLING_CURRENCY,
        DimensionSource::TagKey(_) => true,
        DimensionSource::TagId | DimensionSource::Text(_) => false,
    }
}

/// Tables, in the order in which they are asked.
#[derive(Debug, Clone, Default)]
pub struct Lookups {
    tables: Vec<Arc<LookupTable>>,
}

impl Lookups {
    /// Reads tables. Dates of validity without a zone are days and times of `zone`.
    ///
    /// Errors: everything that makes a table unreadable; `lookup.key` where no column is known as its key.
    pub fn load(specs: &[LookupSpec], zone: Tz, encoding: Option<&str>) -> Result<Self> {
        let read = |spec| LookupTable::read(spec, zone, encoding).map(Arc::new);
        Ok(Lookups {
            tables: specs.iter().map(read).collect::<Result<_>>()?,
        })
    }

    /// Tables that are there already.
    pub fn new(tables: Vec<LookupTable>) -> Self {
        Lookups {
            tables: tables.into_iter().map(Arc::new).collect(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// The tables.
    pub fn tables(&self) -> impl ExactSizeIterator<Item = &LookupTable> {
        self.tables.iter().map(Arc::as_ref)
    }

    /// The dimensions that the tables add, in their order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.tables().flat_map(LookupTable::columns)
    }

    /// The tag keys that tables are keyed by.
    pub fn tag_keys(&self) -> impl Iterator<Item = &str> {
        self.tables().filter_map(|table| match &table.key.source {
            DimensionSource::TagKey(key) => Some(key.as_str()),
            _ => None,
        })
    }

    /// Whether some table adds a dimension.
    pub fn offers(&self, name: &str) -> bool {
        table::is_text(name) && self.tables().any(|table| table.find(name).is_some())
    }
}
