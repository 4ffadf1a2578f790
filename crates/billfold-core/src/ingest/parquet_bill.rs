//! Parquet as a carrier of bills: the footer, the row groups that matter, and their columns.
//!
//! Files are read at places, never mapped and never whole. Row groups and pages whose statistics put them outside
//! the window are skipped unread (`parquet_prune`); statistics are never used to answer. A panic of the decoder on a
//! broken file stops here and becomes an error that names the file.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, make_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelector,
};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::charge::schema::normalised_header;
use crate::error::{Error, Result};
use crate::ingest::archive::MAX_IN_MEMORY;
use crate::ingest::cells::{CellVisitor, Judged};
use crate::ingest::guard::{MAX_EXPAND, expands_too_far};
use crate::ingest::parquet_cells::ArrowCells;
use crate::ingest::parquet_prune::Prune;
use crate::ingest::parquet_thrift::{MAX_DEPTH, page_sizes, schema_depth};
use crate::ingest::plan::DecodePlan;
use crate::ingest::source::{Packing, Place, Source, unpack_error};
use crate::time::Window;

/// Rows decoded at once: few enough that the allocator keeps the memory of their columns for the next batch.
const BATCH_ROWS: usize = 1 << 13;

/// A Parquet file's footer.
#[derive(Debug, Clone)]
pub(crate) struct ParquetShape {
    metadata: ArrowReaderMetadata,
    /// The columns' names; members of structs by their path, `project.id`.
    pub headers: Vec<String>,
    /// Per header, the schema's column and the fields to take inside it.
    places: Vec<(usize, Vec<usize>)>,
    /// First row of each row group.
    first_rows: Vec<u64>,
    /// `zstd`, `snappy`, …, as the first column says.
    pub compression: String,
    /// The content of a member of an archive, which cannot be read at any place.
    content: Option<Bytes>,
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
        // The Arrow schema that a writer left behind may contradict the file; only the file counts.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        check_depth(&file)?;
        let plain = ArrowReaderMetadata::load(&file, options.clone()).map_err(|e| refused_footer(&e))?;
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

    /// Hands the cells of a row group to visitors, batch by batch.
    pub(crate) fn visit<V: CellVisitor>(
        &self,
        source: &Source,
        count: &Arc<AtomicU64>,
        group: RowGroup,
        plan: &DecodePlan,
        mut visitor: impl FnMut() -> V,
        mut each: impl FnMut(V::Out) -> Result<()>,
    ) -> Result<()> {
        let columns = plan.columns();
        let mut roots: Vec<usize> = columns.iter().map(|column| self.places[*column].0).collect();
        roots.sort_unstable();
        roots.dedup();
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), roots.iter().copied());
        let mut reader = guarded(|| {
            let file = FileAt::open(source, self.content.as_ref(), Some(Arc::clone(count)))?;
            let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                .with_projection(mask)
                .with_row_groups(vec![group.idx])
                .with_batch_size(BATCH_ROWS);
            let n_all = self
                .metadata
                .metadata()
                .row_group(group.idx)
                .num_rows()
                .unsigned_abs();
            if group.n_rows < n_all {
                // Pages outside are passed over by their headers.
                let (from, n) = (group.offset as usize, group.n_rows as usize);
                builder =
                    builder.with_row_selection(vec![RowSelector::skip(from), RowSelector::select(n)].into());
            }
            builder.build().map_err(|e| refused(&e))
        })?;
        let mut n_rows = 0u64;
        loop {
            let next: Option<RecordBatch> = guarded(|| {
                reader.next().transpose().map_err(|e| match e {
                    arrow::error::ArrowError::ParquetError(text) => classified(&text),
                    other => classified(&other.to_string()),
                })
            })?;
            let Some(batch) = next else { break };
            n_rows += batch.num_rows() as u64;
            let mut arrays = Vec::with_capacity(columns.len());
            for column in &columns {
                let (root, path) = &self.places[*column];
                let at = roots.partition_point(|r| r < root);
                arrays.push((*column, inner_column(batch.column(at), path)?));
            }
            let cells = ArrowCells::new(&batch, arrays, plan);
            each(visitor().visit(&cells, Judged::new(batch.num_rows()))?)?;
        }
        if n_rows != group.n_rows {
            let message = format!(
                "row group {} holds {n_rows} rows, the footer says {}",
                group.idx, group.n_rows
            );
            return Err(Error::file("parquet.rows", message));
        }
        Ok(())
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

/// A member of a struct column; null where a struct around it is.
fn inner_column(column: &ArrayRef, path: &[usize]) -> Result<ArrayRef> {
    let mut inner = Arc::clone(column);
    for field in path {
        let outer = inner
            .as_struct_opt()
            .ok_or_else(|| Error::bug("a path through a column that is no struct"))?;
        let member = Arc::clone(outer.column(*field));
        let nulls = NullBuffer::union(outer.nulls(), member.nulls());
        let data = member.to_data().into_builder().nulls(nulls).build();
        inner = make_array(data.map_err(|e| classified(&e.to_string()))?);
    }
    Ok(inner)
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

fn refused(error: &ParquetError) -> Error {
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

/// Begins the decoder's message about a page that claims to expand too far.
const EXPANDS: &str = "a page header claims too much: ";

fn classified(text: &str) -> Error {
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

/// Turns a panic of the decoder into an error.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::file(
            "parquet.panic",
            "the file breaks the Parquet decoder; it is damaged",
        ))
    })
}

/// A member of an archive, whole; None for a file, which is read at places.
fn in_memory(source: &Source) -> Result<Option<Bytes>> {
    let Place::Member(member) = &source.place else {
        return Ok(None);
    };
    if member.plain_bytes() > MAX_IN_MEMORY {
        return Err(Error::limit(
            "limit.member",
            format!(
                "a Parquet member of {} bytes; up to {MAX_IN_MEMORY} are read inside an archive",
                member.plain_bytes()
            ),
        )
        .hint("unpack it first"));
    }
    let mut content = Vec::new();
    source
        .open_raw()?
        .read_to_end(&mut content)
        .map_err(|e| unpack_error(Packing::Plain, &e))?;
    Ok(Some(content.into()))
}

#[derive(Debug, Clone)]
enum Content {
    File(Arc<File>),
    Memory(Bytes),
}

/// A file read at places; threads share nothing but the file itself.
#[derive(Debug)]
struct FileAt {
    file: Content,
    len_bytes: u64,
    count: Option<Arc<AtomicU64>>,
}

impl FileAt {
    fn open(source: &Source, content: Option<&Bytes>, count: Option<Arc<AtomicU64>>) -> Result<Self> {
        if let Some(content) = content {
            return Ok(FileAt {
                file: Content::Memory(content.clone()),
                len_bytes: content.len() as u64,
                count,
            });
        }
        let file = source.open_file()?;
        let len_bytes = file
            .metadata()
            .map_err(|e| Error::io("cannot be read", &e))?
            .len();
        Ok(FileAt {
            file: Content::File(Arc::new(file)),
            len_bytes,
            count,
        })
    }
}

impl Length for FileAt {
    fn len(&self) -> u64 {
        self.len_bytes
    }
}

impl ChunkReader for FileAt {
    type T = BufReader<ReadAt>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        let mut reader = BufReader::new(ReadAt {
            file: self.file.clone(),
            at: start,
            count: self.count.clone(),
        });
        // The decoder reads a page's header here, and allocates what that claims.
        if let Some((plain, packed)) = page_sizes(reader.fill_buf()?)
            && expands_too_far(plain, packed, MAX_EXPAND)
        {
            return Err(ParquetError::General(format!(
                "{EXPANDS}{plain} bytes from {packed}; the limit is {MAX_EXPAND} times"
            )));
        }
        Ok(reader)
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        // A damaged footer may ask for more than there is; nothing is allocated for it.
        if start
            .checked_add(length as u64)
            .is_none_or(|end| end > self.len_bytes)
        {
            return Err(ParquetError::EOF(format!(
                "bytes {start} to {start}+{length} of a file of {}",
                self.len_bytes
            )));
        }
        if let Content::Memory(bytes) = &self.file {
            let start = start as usize;
            return Ok(bytes.slice(start..start + length));
        }
        let mut buffer = vec![0; length];
        ReadAt {
            file: self.file.clone(),
            at: start,
            count: self.count.clone(),
        }
        .read_exact(&mut buffer)?;
        Ok(buffer.into())
    }
}

/// Reads on from a place without moving anyone else's.
#[derive(Debug)]
pub(crate) struct ReadAt {
    file: Content,
    at: u64,
    count: Option<Arc<AtomicU64>>,
}

impl Read for ReadAt {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = match &self.file {
            Content::Memory(bytes) => {
                let mut rest = bytes.get(self.at as usize..).unwrap_or_default();
                rest.read(buf)?
            }
            #[cfg(unix)]
            Content::File(file) => std::os::unix::fs::FileExt::read_at(file.as_ref(), buf, self.at)?,
            #[cfg(windows)]
            Content::File(file) => std::os::windows::fs::FileExt::seek_read(file.as_ref(), buf, self.at)?,
        };
        self.at += n as u64;
        if let Some(count) = &self.count {
            count.fetch_add(n as u64, Ordering::Relaxed);
        }
        Ok(n)
    }
}
