//! The footer of a Parquet file: its columns, and the row groups that matter.
//!
//! Row groups and pages whose statistics put them outside the window are skipped unread (`prune`); statistics are
//! never used to answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::ParquetError;
use parquet::file::reader::ChunkReader;

use super::file::{EXPANDS, FileAt, in_memory};
use super::prune::Prune;
use super::thrift::{MAX_DEPTH, schema_depth};
use crate::charge::schema::normalised_header;
use crate::error::{Error, Result};
use crate::ingest::plan::DecodePlan;
use crate::ingest::source::Source;
use crate::time::Window;

/// A Parquet file's footer.
#[derive(Debug, Clone)]
pub(crate) struct ParquetShape {
    pub(super) metadata: ArrowReaderMetadata,
    /// The columns' names; members of structs by their path, `project.id`.
    pub headers: Vec<String>,
    /// Per header, the schema's column and the fields to take inside it.
    pub(super) places: Vec<(usize, Vec<usize>)>,
    /// First row of each row group.
    first_rows: Vec<u64>,
    /// `zstd`, `snappy`, …, as the first column says.
    pub compression: String,
    /// The content of a member of an archive, which cannot be read at any place.
    pub(super) content: Option<Bytes>,
}

/// A row group to be read, or some rows of one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowGroup {
    pub idx: usize,
    /// Of these rows in the file.
    pub first_row: u64,
    /// Of these rows in the row group.
    pub offset: u64,
    pub n_rows: u64,
}

impl ParquetShape {
    /// Reads the footer. Structs whose normal form is among `tags` stay whole.
    ///
    /// Errors: `parquet.footer`, `parquet.unsupported`, `parquet.rows`, `limit.columns`, `limit.depth`.
    pub(crate) fn of(source: &Source, tags: &[String]) -> Result<Self> {
        guarded(|| Self::read(source, tags)).map_err(|e| e.in_source(&source.name))
    }

    fn read(source: &Source, tags: &[String]) -> Result<Self> {
        let content = in_memory(source)?;
        let file = FileAt::open(source, content.as_ref(), None)?;
        Self::read_at(&file, content, tags)
    }

    /// The same of bytes that are open already; `content` is what they are read from again.
    pub(super) fn read_at(file: &FileAt, content: Option<Bytes>, tags: &[String]) -> Result<Self> {
        // The Arrow schema that a writer left behind may contradict the file; only the file counts.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        check_depth(file)?;
        let plain = ArrowReaderMetadata::load(file, options.clone()).map_err(|e| refused_footer(&e))?;
        if plain.schema().fields().len() > 4096 {
            return Err(Error::limit(
                "limit.columns",
                format!("{} columns; the limit is 4096", plain.schema().fields().len()),
            ));
        }
        // Text columns stay dictionaries from the pages to the groups.
        let fields: Vec<Arc<Field>> = plain.schema().fields().iter().map(as_dictionary).collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let metadata =
            ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), options.with_schema(schema))
                .unwrap_or(plain);
        let mut headers: Vec<String> = Vec::new();
        let mut places = Vec::new();
        for (root, field) in metadata.schema().fields().iter().enumerate() {
            let is_tags = tags.contains(&normalised_header(field.name()));
            let mut add = |name: String, path: Vec<usize>| {
                headers.push(name);
                places.push((root, path));
            };
            if is_tags {
                add(field.name().clone(), Vec::new());
            } else {
                add_fields(field, field.name().clone(), &mut Vec::new(), &mut add);
            }
        }
        if headers.len() > 4096 {
            let message = format!("{} columns; the limit is 4096", headers.len());
            return Err(Error::limit("limit.columns", message));
        }
        if let Some(twice) = headers
            .iter()
            .enumerate()
            .find(|(i, h)| headers[..*i].contains(h))
        {
            return Err(Error::file(
                "schema.dup_column",
                format!("column {} stands twice in the schema", twice.1),
            ));
        }
        let mut first_rows = Vec::new();
        let mut n_rows = 0u64;
        for group in metadata.metadata().row_groups() {
            first_rows.push(n_rows);
            let rows = u64::try_from(group.num_rows())
                .map_err(|_| Error::file("parquet.rows", "a row group of negative length"))?;
            // The decoder does not open a group without rows, and would not notice that its pages hold some.
            if rows == 0 && group.columns().iter().any(|c| c.num_values() != 0) {
                let message = "a row group of no rows whose columns hold values";
                return Err(Error::file("parquet.rows", message));
            }
            n_rows = n_rows
                .checked_add(rows)
                .ok_or_else(|| Error::file("parquet.rows", "more rows than can be counted"))?;
        }
        if u64::try_from(metadata.metadata().file_metadata().num_rows()) != Ok(n_rows) {
            return Err(Error::file(
                "parquet.rows",
                "the footer's number of rows is not the sum of its row groups",
            ));
        }
        let compression = metadata
            .metadata()
            .row_groups()
            .first()
            .and_then(|g| g.columns().first())
            .map(|c| c.compression().to_string().to_lowercase())
            .unwrap_or_default();
        let compression = compression.split('(').next().unwrap_or_default().to_owned();
        Ok(ParquetShape {
            metadata,
            headers,
            places,
            first_rows,
            compression,
            content,
        })
    }

    /// The rows that may belong to the window, and how many others there are.
    ///
    /// Errors: a file that cannot be opened again.
    pub(crate) fn row_groups(
        &self,
        source: &Source,
        plan: &DecodePlan,
        window: Window,
        spans: bool,
    ) -> Result<(Vec<RowGroup>, u64)> {
        let whole: Vec<RowGroup> = self
            .metadata
            .metadata()
            .row_groups()
            .iter()
            .enumerate()
            .map(|(idx, group)| RowGroup {
                idx,
                first_row: self.first_rows[idx],
                offset: 0,
                n_rows: group.num_rows().unsigned_abs(),
            })
            .collect();
        if window == Window::ALL {
            return Ok((whole, 0));
        }
        let prune = Prune {
            metadata: &self.metadata,
            headers: &self.headers,
            plan,
            window,
            spans,
        };
        let n_rows: u64 = whole.iter().map(|group| group.n_rows).sum();
        let file = FileAt::open(source, self.content.as_ref(), None)?;
        // A page index that cannot be read spares nothing, and is no fault of the rows.
        let kept = prune.row_groups(whole);
        let kept = guarded(|| Ok(prune.pages(&kept, &file))).unwrap_or(kept);
        let n_kept: u64 = kept.iter().map(|group| group.n_rows).sum();
        Ok((kept, n_rows.saturating_sub(n_kept)))
    }
    /// Rows of a row group.
    pub(super) fn n_rows_of(&self, group: usize) -> u64 {
        self.metadata
            .metadata()
            .row_group(group)
            .num_rows()
            .unsigned_abs()
    }
}

/// Adds a column, or the members of a struct by their paths.
fn add_fields(field: &Field, name: String, path: &mut Vec<usize>, add: &mut impl FnMut(String, Vec<usize>)) {
    match field.data_type() {
        DataType::Struct(members) => {
            for (i, member) in members.iter().enumerate() {
                path.push(i);
                add_fields(member, format!("{name}.{}", member.name()), path, add);
                path.pop();
            }
        }
        _ => add(name, path.clone()),
    }
}

/// Text as a dictionary; everything else as it is.
fn as_dictionary(field: &Arc<Field>) -> Arc<Field> {
    match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let text = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Arc::new(field.as_ref().clone().with_data_type(text))
        }
        _ => Arc::clone(field),
    }
}

pub(super) fn refused(error: &ParquetError) -> Error {
    match error {
        ParquetError::NYI(text) => Error::file("parquet.unsupported", text.clone()),
        other => classified(&other.to_string()),
    }
}

/// An error of the decoder that is about the footer.
fn refused_footer(error: &ParquetError) -> Error {
    match refused(error) {
        e if e.kind().code() == "parquet.decode" => {
            Error::file("parquet.footer", format!("not a sound Parquet file: {error}"))
        }
        e => e,
    }
}

/// Refuses columns that nest deeper than the decoder, which goes down by recursion, can follow.
fn check_depth(file: &FileAt) -> Result<()> {
    let footer = || {
        let end = file.len_bytes.checked_sub(8)?;
        let tail = file.get_bytes(end, 8).ok()?;
        let len = u32::from_le_bytes(tail[..4].try_into().ok()?);
        let start = end.checked_sub(u64::from(len))?;
        file.get_bytes(start, len as usize).ok()
    };
    // What is no footer is refused by the decoder, with a better word.
    match footer().and_then(|f| schema_depth(&f)) {
        Some(depth) if depth > MAX_DEPTH => Err(Error::limit(
            "limit.depth",
            format!("columns nest more than {MAX_DEPTH} groups deep, which is the limit"),
        )),
        _ => Ok(()),
    }
}

pub(super) fn classified(text: &str) -> Error {
    if let Some((_, claim)) = text.split_once(EXPANDS) {
        return Error::limit("limit.expand", claim);
    }
    let lower = text.to_lowercase();
    let code = if lower.contains("crc") {
        "parquet.crc"
    } else if lower.contains("not yet implemented")
        || lower.contains("nyi")
        || lower.contains("disabled feature")
        || lower.contains("encrypt")
    {
        "parquet.unsupported"
    } else if lower.contains("footer") || lower.contains("metadata") || lower.contains("magic") {
        "parquet.footer"
    } else {
        "parquet.decode"
    };
    Error::file(code, format!("not a sound Parquet file: {text}"))
}

/// An error about a page.
pub(super) fn damaged(text: impl std::fmt::Display) -> Error {
    Error::file("parquet.decode", format!("not a sound Parquet file: {text}"))
}

/// Turns a panic of the decoder into an error.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::file(
            "parquet.panic",
            "the file breaks the Parquet decoder; it is damaged",
        ))
    })
}
