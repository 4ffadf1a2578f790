//! One file as a bill: what it is, how its columns are meant, and its chunks on the way to batches.

use std::cell::RefCell;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use crate::charge::batch::{ChargeBatch, RowCounts, RowFault};
use crate::charge::schema::{self, CHARGE_PERIOD_END, CHARGE_TIME, ColumnKind, EFFECTIVE_COST};
use crate::charge::{ScanHint, WantedTags};
use crate::error::{Error, Result};
use crate::ingest::cells::CellVisitor;
use crate::ingest::csv::{Columns, RecordIndex};
use crate::ingest::csv_bill::{CsvShape, CsvStream};
use crate::ingest::decode::{Decode, Decoded};
use crate::ingest::formats::{self, Binding, Format, Headers, list_parts, recognise, unknown_format};
use crate::ingest::json::Layout;
use crate::ingest::json_bill::{Inside, JsonShape, JsonStream};
use crate::ingest::parquet::shape::{ParquetShape, RowGroup};
use crate::ingest::plan::DecodePlan;
use crate::ingest::source::{Place, Source, Stamp};
use crate::ingest::tag_column::{Before, KnownSets, SetMemory};
use crate::ingest::text::TextHead;
use crate::ingest::unpack::Unpacker;
use crate::ingest::unpack::{Packing, unpack_error};
use crate::ingest::{csv, json};

/// How files are looked at.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Formats to choose from; earlier ones win where a user's own and a built-in one both fit.
    pub formats: Vec<Arc<Format>>,
    /// Take the format of this name whatever the columns say.
    pub format: Option<String>,
    /// Field separator of CSV files.
    pub delimiter: Option<u8>,
    /// Encoding of files that are not UTF-8.
    pub encoding: Option<String>,
    /// Whether files of zero bytes are bills without rows.
    pub allow_empty: bool,
    /// Bytes of a chunk of CSV or JSON, plain.
    pub chunk_bytes: usize,
    /// How many times its packed bytes a file may come to, once past 64 MiB.
    pub max_expand: u32,
    /// Counts bytes read from disk.
    pub bytes_read: Arc<AtomicU64>,
}

/// Chunks are so many times as large where each costs more than its bytes do.
const LARGE_CHUNKS: usize = 2;

impl OpenOptions {
    /// Bytes of a chunk of text. The reader of a file that is unpacked goes from worker to worker with each, and
    /// where batches have sets of tags of their own, each chunk has its sets once.
    fn chunk_bytes_of(&self, is_packed: bool, has_sets: bool) -> usize {
        let times = if is_packed || has_sets { LARGE_CHUNKS } else { 1 };
        self.chunk_bytes.saturating_mul(times)
    }
}

/// One file, recognised.
pub struct Bill {
    /// Where it is.
    pub source: Source,
    /// Its columns.
    pub binding: Binding,
    /// What is odd about it and not wrong.
    pub notes: Vec<String>,
    carrier: Carrier,
    packing: Packing,
    n_headers: usize,
    options: OpenOptions,
}

enum Carrier {
    Csv(CsvShape),
    Json(JsonShape),
    Parquet(ParquetShape),
    /// No bytes at all, and that is allowed.
    Empty,
}

/// A file that was looked at.
pub enum Opened {
    /// A bill, and its stream where it cannot be opened again.
    Bill(Box<Bill>, Option<Box<BillStream>>),
    /// A file found in a folder that is no bill, and why.
    NoBill(String),
}

/// A bill being read.
pub struct BillStream {
    inner: StreamKind,
    next_index: u64,
    stamp: Option<Stamp>,
    /// How others can unpack ahead, where the file is packed.
    unpacker: Option<Arc<Unpacker>>,
    /// Rows in row groups that are not read.
    pub n_skipped: u64,
}

enum StreamKind {
    Csv(Box<CsvStream>),
    Parts(Arc<csv::Parts>),
    Json(Box<JsonStream>),
    Parquet(std::vec::IntoIter<RowGroup>),
    Empty,
}

/// A chunk of a bill: enough for one worker to decode on its own.
pub struct Task {
    /// Place in the file, from 0.
    pub index: u64,
    kind: TaskKind,
}

enum TaskKind {
    Csv(csv::Chunk),
    /// Still on disk; the stamp of the file when it was opened.
    Part(Arc<csv::Parts>, Option<Stamp>),
    Json(json::ItemChunk),
    RowGroup(RowGroup),
}

/// What a chunk came to, beside its batches.
#[derive(Debug, Default)]
pub struct ChunkReport {
    /// Counts over the chunk.
    pub counts: RowCounts,
    /// Refused rows, places relative to the chunk.
    pub faults: Vec<RowFault>,
    /// Where the chunk stands.
    pub place: ChunkPlace,
    /// Whether it is text that ends within a line.
    pub ends_within_line: bool,
}

/// A worker's memory for decoding.
#[derive(Debug, Default)]
pub struct Worker {
    parts: csv::PartMemory,
    index: RecordIndex,
    sets: RefCell<SetMemory>,
}

impl Bill {
    /// Looks at a file.
    ///
    /// Errors: everything that makes a file unreadable; for files found in a folder that look like no
    /// bill at all, `Opened::NoBill` instead.
    pub fn open(source: &Source, options: &OpenOptions) -> Result<Opened> {
        match Bill::open_inner(source, options) {
            Ok(opened) => Ok(opened),
            Err(error) if is_headless(source, &error) => Err(Error::file(
                "parquet.magic",
                format!("named as if it were Parquet, but does not begin with PAR1; as text, {error}"),
            )
            .hint("the file is damaged, or is something else under this name")
            .in_source(&source.name)),
            Err(error) => Err(error.in_source(&source.name)),
        }
    }

    fn open_inner(source: &Source, options: &OpenOptions) -> Result<Opened> {
        let mut raw = source.open_counted(Some(Arc::clone(&options.bytes_read)), options.max_expand)?;
        let stamp = raw.stamp;
        let head = raw.peek(262).map_err(|e| unpack_error(Packing::Plain, &e))?;
        let bill = |binding, notes, carrier, packing| {
            Box::new(Bill {
                n_headers: n_headers(&binding),
                source: source.clone(),
                binding,
                notes,
                carrier,
                packing,
                options: options.clone(),
            })
        };
        if head.is_empty() {
            if options.allow_empty {
                let formats = choose(options)?;
                let binding = Binding::new(&formats[0], Headers::default());
                return Ok(Opened::Bill(
                    bill(
                        binding,
                        vec!["the file is empty".to_owned()],
                        Carrier::Empty,
                        Packing::Plain,
                    ),
                    None,
                ));
            }
            return Err(Error::file("csv.empty", "the file has no bytes")
                .hint("--allow-empty takes it for a bill without rows"));
        }
        if head.starts_with(b"PARE") {
            return Err(Error::file("parquet.unsupported", "an encrypted Parquet file"));
        }
        if head.starts_with(b"PAR1") {
            if source.place == Place::Stdin || !source.is_file() {
                return Err(Error::file(
                    "source.type",
                    "Parquet is read at many places, which a stream does not allow",
                )
                .hint("save it to a file first"));
            }
            let inside = Inside::of(&options.formats);
            let shape = ParquetShape::of(source, &inside.tags)?;
            let binding = match bind(options, Headers::new(shape.headers.clone())) {
                Err(e) if source.found && is_refused(&e) => return Ok(Opened::NoBill(e.to_string())),
                other => other?,
            };
            let list = &binding.format.cells.explode;
            if !list.is_empty() && binding.headers.names.contains(list) {
                return Err(Error::file(
                    "type.unsupported",
                    format!("the rows inside {list} are read from JSON only"),
                ));
            }
            return Ok(Opened::Bill(
                bill(binding, Vec::new(), Carrier::Parquet(shape), Packing::Plain),
                None,
            ));
        }
        if head.len() < 262 && source.found && head.iter().all(u8::is_ascii_whitespace) {
            return Ok(Opened::NoBill("only blank lines".to_owned()));
        }
        let mut head = match TextHead::open(raw, options.encoding.as_deref()) {
            Err(e) if source.found && e.kind().code() == "type.unsupported" => {
                return Ok(Opened::NoBill(e.to_string()));
            }
            other => other?,
        };
        let packing = head.packing;
        let mut notes: Vec<String> = head
            .transcoded
            .map(|name| format!("transcoded from {name}"))
            .into_iter()
            .chain(misnamed(&source.name, packing))
            .collect();
        if head.sample.is_empty() {
            return Err(Error::file("csv.empty", "the file has no bytes when unpacked"));
        }
        let members: Vec<String> = options
            .formats
            .iter()
            .flat_map(|f| f.cells.record_set.iter().cloned())
            .collect();
        if let Some(shape) = JsonShape::of(&head, &members) {
            return Bill::open_json(source, options, shape, head, notes, stamp);
        }
        let shape = match CsvShape::of(&mut head, options.delimiter) {
            Err(e) if source.found && is_prose(&source.name) => return Ok(Opened::NoBill(e.to_string())),
            other => other?,
        };
        let binding = match bind(options, Headers::new(shape.headers.clone())) {
            Err(e) if source.found && (is_prose(&source.name) || is_refused(&e)) => {
                return Ok(Opened::NoBill(e.to_string()));
            }
            other => other?,
        };
        if shape.dialect.cr_only {
            notes.push("lines end with CR alone".to_owned());
        }
        let unpacker = head.unpack_ahead();
        let chunk_bytes = options.chunk_bytes_of(unpacker.is_some(), false);
        let stream = (!source.is_file()).then(|| BillStream {
            unpacker,
            inner: StreamKind::Csv(Box::new(shape.stream(head, chunk_bytes))),
            next_index: 0,
            stamp,
            n_skipped: 0,
        });
        Ok(Opened::Bill(
            bill(binding, notes, Carrier::Csv(shape), packing),
            stream.map(Box::new),
        ))
    }

    fn open_json(
        source: &Source,
        options: &OpenOptions,
        shape: JsonShape,
        mut head: TextHead,
        notes: Vec<String>,
        stamp: Option<Stamp>,
    ) -> Result<Opened> {
        let packing = head.packing;
        let unpacker = head.unpack_ahead();
        let one_line = head.whole && memchr::memchr(b'\n', head.sample.trim_ascii()).is_none();
        let mut stream = shape.stream(head, options.chunk_bytes_of(unpacker.is_some(), false));
        let inside = Inside::of(&options.formats);
        let bound = stream.peek_members(&inside).and_then(|names| {
            let n_headers = names.len();
            bind_members(options, stream.seen_member(), names).map(|binding| (binding, n_headers))
        });
        let (binding, n_headers) = match bound {
            // Manifests, totals and settings lie beside bills; a file that was not named itself may be one.
            Err(e) if source.found && (shape.layout != Layout::Lines || one_line || is_refused(&e)) => {
                return Ok(Opened::NoBill(e.to_string()));
            }
            other => other?,
        };
        let bill = Bill {
            source: source.clone(),
            binding,
            notes,
            carrier: Carrier::Json(shape),
            packing,
            n_headers,
            options: options.clone(),
        };
        let stream = (!source.is_file()).then(|| BillStream {
            inner: StreamKind::Json(Box::new(stream)),
            next_index: 0,
            stamp,
            unpacker,
            n_skipped: 0,
        });
        Ok(Opened::Bill(Box::new(bill), stream.map(Box::new)))
    }

    /// Opens the bill again from its beginning.
    pub fn stream(&self, plan: &BillPlan) -> Result<BillStream> {
        self.stream_inner(plan)
            .map_err(|e| e.in_source(&self.source.name))
    }

    fn stream_inner(&self, plan: &BillPlan) -> Result<BillStream> {
        let raw = self.source.open_counted(
            Some(Arc::clone(&self.options.bytes_read)),
            self.options.max_expand,
        )?;
        let stamp = raw.stamp;
        let text = |raw| TextHead::open(raw, self.options.encoding.as_deref());
        let mut n_skipped = 0;
        let mut unpacker = None;
        let has_sets = (plan.decode.tags.as_ref()).is_some_and(|tags| tags.wanted == WantedTags::Sets);
        let inner = match &self.carrier {
            Carrier::Csv(shape) => {
                let mut head = text(raw)?;
                // The header may be longer than the first look.
                let again = CsvShape::of(&mut head, self.options.delimiter)?;
                if again.headers != shape.headers {
                    return Err(Error::file(
                        "source.changed",
                        "the header changed while the file was read",
                    ));
                }
                unpacker = head.unpack_ahead();
                let chunk_bytes = self.options.chunk_bytes_of(unpacker.is_some(), has_sets);
                if self.is_read_at_places(&head, chunk_bytes) {
                    let count = &self.options.bytes_read;
                    StreamKind::Parts(Arc::new(again.parts(&self.source, &head, chunk_bytes, count)?))
                } else {
                    StreamKind::Csv(Box::new(again.stream(head, chunk_bytes)))
                }
            }
            Carrier::Json(shape) => {
                let mut head = text(raw)?;
                unpacker = head.unpack_ahead();
                let chunk_bytes = self.options.chunk_bytes_of(unpacker.is_some(), has_sets);
                StreamKind::Json(Box::new(shape.stream(head, chunk_bytes)))
            }
            Carrier::Parquet(shape) => {
                let (groups, skipped) =
                    shape.row_groups(&self.source, &plan.decode, plan.window, plan.spans)?;
                n_skipped = skipped;
                StreamKind::Parquet(groups.into_iter())
            }
            Carrier::Empty => StreamKind::Empty,
        };
        Ok(BillStream {
            inner,
            next_index: 0,
            stamp,
            unpacker,
            n_skipped,
        })
    }

    /// Whether a file of text lies on disk as it is read, so that many can read it at once, and is more than a chunk.
    fn is_read_at_places(&self, head: &TextHead, chunk_bytes: usize) -> bool {
        if head.whole && head.sample.len() <= chunk_bytes {
            return false;
        }
        let is_plain = head.packing == Packing::Plain && head.transcoded.is_none();
        let is_file = matches!(self.source.place, Place::Path(_));
        // Files that the system makes up as they are read have no length.
        is_plain && is_file && self.source.len_bytes().is_some_and(|len| len > 0)
    }

    /// The physical line behind the header, from 1.
    pub fn first_line(&self) -> u64 {
        match &self.carrier {
            Carrier::Csv(shape) => shape.header_lines + 1,
            _ => 1,
        }
    }

    /// Headers that the file really has; a JSON bill is bound to more.
    pub fn n_headers(&self) -> usize {
        self.n_headers
    }

    /// `csv + gzip`, `parquet (zstd)`, `ndjson`, ….
    pub fn carrier_name(&self) -> String {
        let name = match &self.carrier {
            Carrier::Csv(_) => "csv".to_owned(),
            Carrier::Json(shape) if shape.layout == Layout::Lines => "ndjson".to_owned(),
            Carrier::Json(_) => "json".to_owned(),
            Carrier::Parquet(shape) if shape.compression.is_empty() => "parquet".to_owned(),
            Carrier::Parquet(shape) => format!("parquet ({})", shape.compression),
            Carrier::Empty => "empty".to_owned(),
        };
        match self.packing {
            Packing::Plain => name,
            Packing::Gzip => format!("{name} + gzip"),
            Packing::Zstd => format!("{name} + zstd"),
        }
    }

    /// Decodes a chunk; batches go to `each`.
    pub fn decode(
        &self,
        plan: &BillPlan,
        task: &Task,
        worker: &mut Worker,
        mut each: impl FnMut(&ChargeBatch) -> Result<()>,
    ) -> Result<ChunkReport> {
        let mut report = ChunkReport::default();
        let mut take = |report: &mut ChunkReport, decoded: Decoded| -> Result<()> {
            let rows_before = report.counts.n_records();
            report.counts.add(&decoded.counts);
            report.faults.extend(decoded.faults.into_iter().map(|mut fault| {
                fault.row += rows_before;
                fault
            }));
            each(&decoded.batch)
        };
        match (&task.kind, &self.carrier) {
            (TaskKind::Csv(_) | TaskKind::Part(..), Carrier::Csv(shape)) => {
                let Worker { index, parts, sets } = worker;
                self.with_chunk(task, parts, |chunk| {
                    let columns = plan
                        .csv_columns
                        .get_or_init(|| shape.columns(&plan.decode.columns(), &plan.decode.steady_columns()));
                    let before = Before {
                        texts: Some(sets),
                        dictionary: None,
                    };
                    let decode = Decode::after(&plan.decode, before);
                    let (mut decoded, n_lines, n_blank) =
                        shape.visit(chunk, index, columns.clone(), decode)?;
                    decoded.counts.blank = n_blank;
                    report.place.lines = Lines::Count(n_lines);
                    report.ends_within_line = !matches!(chunk.bytes.last(), Some(b'\n' | b'\r'));
                    take(&mut report, decoded)
                })?;
            }
            (TaskKind::Json(chunk), Carrier::Json(_)) => {
                report.place.lines = Lines::From(chunk.first_line);
                let before = Before {
                    texts: Some(&worker.sets),
                    dictionary: None,
                };
                let decode = Decode::after(&plan.decode, before);
                let decoded = JsonShape::visit(chunk, &plan.decode, decode)?;
                take(&mut report, decoded)?;
            }
            (TaskKind::RowGroup(group), Carrier::Parquet(shape)) => {
                report.place.first_row = Some(group.first_row);
                let (source, count) = (&self.source, &self.options.bytes_read);
                let known = KnownSets::default();
                let before = Before {
                    texts: Some(&worker.sets),
                    dictionary: Some(&known),
                };
                let visitor = || Decode::after(&plan.decode, before);
                shape.visit(source, count, *group, &plan.decode, visitor, |decoded| {
                    take(&mut report, decoded)
                })?;
            }
            _ => return Err(Error::bug("a chunk of another carrier")),
        }
        Ok(report)
    }
}

impl Bill {
    /// The chunk of a task, read now where it is still on disk; nothing where no record belongs to it.
    fn with_chunk(
        &self,
        task: &Task,
        memory: &mut csv::PartMemory,
        each: impl FnOnce(&csv::Chunk) -> Result<()>,
    ) -> Result<()> {
        match &task.kind {
            TaskKind::Csv(chunk) => each(chunk),
            TaskKind::Part(parts, stamp) => {
                let chunk = parts.read(task.index, memory)?;
                if task.index + 1 == parts.len() {
                    // All others have been read by now.
                    self.source.check_unchanged(*stamp)?;
                }
                let Some(chunk) = chunk else { return Ok(()) };
                each(&chunk)?;
                memory.recycle(chunk);
                Ok(())
            }
            _ => Err(Error::bug("a chunk of another carrier")),
        }
    }
}

/// Where a chunk stands in its file.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChunkPlace {
    /// Row of the file on which the chunk begins, where the carrier knows it.
    pub first_row: Option<u64>,
    /// Its physical lines.
    pub lines: Lines,
    /// Blank lines in it.
    pub n_blank: u64,
}

/// What is known of a chunk's physical lines.
#[derive(Debug, Clone, Copy, Default)]
pub enum Lines {
    /// The carrier has none.
    #[default]
    None,
    /// The line on which the chunk begins, from 1.
    From(u64),
    /// How many there are; the chunks before it tell where it begins.
    Count(u64),
}

impl Lines {
    /// The line on which the chunk begins; `next_line` is where a chunk that only counts its lines does.
    pub fn first(self, next_line: &mut u64) -> Option<u64> {
        match self {
            Lines::None => None,
            Lines::From(line) => Some(line),
            Lines::Count(n) => {
                let first = *next_line;
                *next_line += n;
                Some(first)
            }
        }
    }
}

impl Bill {
    /// Hands the cells of a chunk to visitors, one per batch of the carrier.
    pub(crate) fn visit<'p, V: CellVisitor<Out = ()>>(
        &self,
        plan: &'p BillPlan,
        task: &Task,
        worker: &mut Worker,
        mut visitor: impl FnMut(&'p DecodePlan) -> V,
    ) -> Result<ChunkPlace> {
        match (&task.kind, &self.carrier) {
            (TaskKind::Csv(_) | TaskKind::Part(..), Carrier::Csv(shape)) => {
                let columns = shape.all_columns();
                let Worker { index, parts, .. } = worker;
                let mut place = ChunkPlace::default();
                self.with_chunk(task, parts, |chunk| {
                    let ((), n_lines, n_blank) = shape.visit(chunk, index, columns, visitor(&plan.decode))?;
                    place.lines = Lines::Count(n_lines);
                    place.n_blank = n_blank;
                    Ok(())
                })?;
                Ok(place)
            }
            (TaskKind::Json(chunk), Carrier::Json(_)) => {
                JsonShape::visit(chunk, &plan.decode, visitor(&plan.decode))?;
                Ok(ChunkPlace {
                    first_row: None,
                    lines: Lines::From(chunk.first_line),
                    n_blank: 0,
                })
            }
            (TaskKind::RowGroup(group), Carrier::Parquet(shape)) => {
                let (source, count) = (&self.source, &self.options.bytes_read);
                shape.visit(
                    source,
                    count,
                    *group,
                    &plan.decode,
                    || visitor(&plan.decode),
                    |()| Ok(()),
                )?;
                Ok(ChunkPlace {
                    first_row: Some(group.first_row),
                    lines: Lines::None,
                    n_blank: 0,
                })
            }
            _ => Err(Error::bug("a chunk of another carrier")),
        }
    }
}

impl std::fmt::Debug for Bill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bill")
            .field("source", &self.source.name)
            .finish_non_exhaustive()
    }
}

/// What to decode of one bill.
#[derive(Debug)]
pub struct BillPlan {
    decode: DecodePlan,
    window: crate::time::Window,
    spans: bool,
    /// Which field ends of a CSV record are kept; the same for all chunks.
    csv_columns: OnceLock<Columns>,
}

impl BillPlan {
    pub(crate) fn decode(&self) -> &DecodePlan {
        &self.decode
    }

    /// Brings columns beside the plan.
    pub(crate) fn add_columns(&mut self, columns: &[usize]) {
        self.decode.also.extend(columns);
        self.csv_columns = OnceLock::new();
    }

    /// Lays a hint over a bill.
    ///
    /// Errors: `schema.column` when the bill lacks what every answer needs.
    pub fn new(hint: &ScanHint, bill: &Bill) -> Result<Option<Self>> {
        if matches!(bill.carrier, Carrier::Empty) {
            return Ok(None);
        }
        let mut decode = DecodePlan::new(hint, &bill.binding).map_err(|e| e.in_source(&bill.source.name))?;
        decode.partitions = Arc::clone(&bill.source.partitions);
        Ok(Some(BillPlan {
            decode,
            window: hint.window,
            spans: hint.spans,
            csv_columns: OnceLock::new(),
        }))
    }
}

impl BillStream {
    /// How others can unpack ahead of whoever takes the chunks, where the file is packed.
    pub(crate) fn unpacker(&self) -> Option<Arc<Unpacker>> {
        self.unpacker.clone()
    }

    /// Chunks given so far.
    pub fn n_tasks(&self) -> u64 {
        self.next_index
    }

    /// The next chunk; None after the last. `done` is a decoded chunk whose memory may be used again.
    ///
    /// Errors: io, broken packing or structure, and `source.changed` at the end of a file that changed.
    pub fn next_task(&mut self, bill: &Bill, done: Option<Task>) -> Result<Option<Task>> {
        let done = done.map(|task| task.kind);
        let kind = match (&mut self.inner, done) {
            (StreamKind::Csv(stream), Some(TaskKind::Csv(chunk))) => {
                stream.next_chunk(Some(chunk))?.map(TaskKind::Csv)
            }
            (StreamKind::Csv(stream), _) => stream.next_chunk(None)?.map(TaskKind::Csv),
            (StreamKind::Parts(parts), _) => {
                // Who reads the last part looks whether the file changed.
                let part = (self.next_index < parts.len()).then(|| {
                    self.next_index += 1;
                    Task {
                        index: self.next_index - 1,
                        kind: TaskKind::Part(Arc::clone(parts), self.stamp),
                    }
                });
                return Ok(part);
            }
            (StreamKind::Json(stream), Some(TaskKind::Json(chunk))) => {
                stream.next_chunk(Some(chunk))?.map(TaskKind::Json)
            }
            (StreamKind::Json(stream), _) => stream.next_chunk(None)?.map(TaskKind::Json),
            (StreamKind::Parquet(groups), _) => groups.next().map(TaskKind::RowGroup),
            (StreamKind::Empty, _) => None,
        };
        let Some(kind) = kind else {
            bill.source.check_unchanged(self.stamp)?;
            return Ok(None);
        };
        let index = self.next_index;
        self.next_index += 1;
        Ok(Some(Task { index, kind }))
    }
}

fn n_headers(binding: &Binding) -> usize {
    binding.headers.names.len()
}

/// Whether a file is known and holds no charges.
fn is_refused(error: &Error) -> bool {
    error.kind().code() == "schema.refused"
}

/// Names under which notes and sums, not bills, lie in a delivery.
fn is_prose(name: &str) -> bool {
    let lower = name.to_lowercase();
    [
        ".md", ".txt", ".json", ".yml", ".yaml", ".xml", ".html", ".sql", ".sha256", ".md5", ".log", ".py",
        ".toml",
    ]
    .iter()
    .any(|ending| lower.ends_with(ending))
        || !lower.rsplit(['/', '!']).next().unwrap_or_default().contains('.')
}

/// Whether something that is no text bill either is named as Parquet.
fn is_headless(source: &Source, error: &Error) -> bool {
    let code = error.kind().code();
    let is_text_error = code == "schema.header" || code.starts_with("enc.") || code.starts_with("csv.");
    let begins = |mark: &[u8]| {
        let raw = source.open_raw();
        raw.is_ok_and(|mut raw| raw.peek(4).is_ok_and(|head| head.is_empty() || head == mark))
    };
    source.is_file() && source.name.to_lowercase().ends_with(".parquet") && is_text_error && !begins(b"PAR1")
}

/// A note where the ending of a name says another packing than the first bytes, which are believed.
fn misnamed(name: &str, packing: Packing) -> Option<String> {
    let lower = name.to_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
    let named = if ends(&[".gz", ".gzip"]) {
        Packing::Gzip
    } else if ends(&[".zst", ".zstd"]) {
        Packing::Zstd
    } else if ends(&[".csv", ".json", ".ndjson", ".jsonl"]) {
        Packing::Plain
    } else {
        return None;
    };
    let word = |packing| match packing {
        Packing::Plain => "not packed",
        Packing::Gzip => "gzip",
        Packing::Zstd => "zstd",
    };
    (named != packing).then(|| format!("named as if it were {}, but is {}", word(named), word(packing)))
}

fn choose(options: &OpenOptions) -> Result<Vec<Arc<Format>>> {
    match &options.format {
        None => Ok(options.formats.clone()),
        Some(name) => match options.formats.iter().find(|f| f.name == *name) {
            Some(format) => Ok(vec![Arc::clone(format)]),
            None => {
                let known: Vec<&str> = options.formats.iter().map(|f| f.name.as_str()).collect();
                Err(Error::usage(format!("\"{name}\" is no known format"))
                    .hint(format!("known formats: {}", known.join(", "))))
            }
        },
    }
}

fn bind(options: &OpenOptions, headers: Headers) -> Result<Binding> {
    let known = choose(options)?;
    if options.format.is_some() {
        return formats::bind(&known[0], headers);
    }
    recognise(&known, headers)
}

/// JSON objects leave members out, so columns that the first objects lack may still come: they are bound
/// to the name that the format expects.
fn bind_members(options: &OpenOptions, record_set: Option<&str>, names: Vec<String>) -> Result<Binding> {
    let known = choose(options)?;
    let headers = Headers::new(names);
    let everything = headers.names.is_empty();
    let format = if options.format.is_some() {
        Arc::clone(&known[0])
    } else if let (true, Some(record_set)) = (everything, record_set) {
        // A response without a row is recognised by the member that would hold the rows.
        let holds = |f: &&Arc<Format>| f.cells.record_set.iter().any(|path| path == record_set);
        let format = known.iter().find(holds);
        Arc::clone(format.ok_or_else(|| unknown_format(&known, &headers))?)
    } else {
        recognise(&known, headers.clone())?.format
    };
    let mut all = headers.names.clone();
    for (column, aliases) in &format.columns {
        let may_come = match schema::column(column).map(|c| c.kind) {
            // A format that derives these has no column for them.
            Some(ColumnKind::Money) => column != EFFECTIVE_COST || format.effective.is_empty(),
            Some(ColumnKind::Time) => {
                column == CHARGE_TIME || column == CHARGE_PERIOD_END && format.cells.lasts.is_none()
            }
            Some(ColumnKind::Text | ColumnKind::Number) => true,
            Some(ColumnKind::Tags) | None => false,
        };
        let is_part = formats::member_parts(&aliases[0]).is_some();
        if (may_come && !is_part || everything)
            && headers.find(aliases).is_none()
            && !all.contains(&aliases[0])
        {
            all.push(aliases[0].clone());
        }
    }
    if headers.find(&format.tags.column).is_none() {
        all.extend(format.tags.column.first().cloned());
    }
    for (list, _) in format.list_headers().filter_map(list_parts) {
        if headers.find_one(list).is_none() && !all.iter().any(|name| name == list) {
            all.push(list.to_owned());
        }
    }
    formats::bind(&format, Headers::new(all))
}
