//! CSV and JSON: rows into a buffer, buffers into the file. No allocation per row.

use std::io::{self, Write};

use super::columns::{Column, Field, Layout, TagShape, tag_id, user_tags};
use super::spec::{Carrier, Format, LineEnd, Nulls, Numbers, OutputSpec, Quoting};
use super::{NextRow, vendors};
use crate::charge::{Charge, Tag};
use crate::civil::push_time;
use crate::decimal::{Decimal, push_u64};
use crate::naive::Big;

/// The buffer is handed on when it holds this much.
const FLUSH_BYTES: usize = 256 * 1024;

fn push_number(out: &mut Vec<u8>, number: Decimal, style: Numbers) {
    match style {
        Numbers::Plain => number.push_plain(out),
        Numbers::Exponent => number.push_exponent(out),
    }
}

fn push_integer(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    push_u64(out, value.unsigned_abs());
}

/// Appends a JSON string.
pub(super) fn push_json(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let special = |b: u8| u8::from(b < 0x20) | u8::from(b == b'"') | u8::from(b == b'\\');
    let plain = text.bytes().fold(0, |acc, b| acc | special(b)) == 0;
    if plain {
        out.extend_from_slice(text.as_bytes());
    } else {
        for b in text.bytes() {
            match b {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                0..0x20 => {
                    const HEX: &[u8; 16] = b"0123456789abcdef";
                    out.extend_from_slice(b"\\u00");
                    out.push(HEX[usize::from(b >> 4)]);
                    out.push(HEX[usize::from(b & 15)]);
                }
                _ => out.push(b),
            }
        }
    }
    out.push(b'"');
}

fn push_pair(out: &mut Vec<u8>, first: &mut bool, key: &str, value: Option<&str>) {
    if !std::mem::take(first) {
        out.push(b',');
    }
    push_json(out, key);
    out.push(b':');
    match value {
        Some(value) => push_json(out, value),
        None => out.extend_from_slice(b"true"),
    }
}

/// Appends all tags as JSON.
pub(super) fn push_tags(out: &mut Vec<u8>, tags: &[Tag], shape: TagShape) {
    let mut first = true;
    match shape {
        TagShape::Ids | TagShape::List => out.push(b'['),
        TagShape::Object | TagShape::UserObject => out.push(b'{'),
        TagShape::Body => {}
    }
    match shape {
        TagShape::List => {
            for tag in tags {
                out.extend_from_slice(if std::mem::take(&mut first) {
                    b"{\"key\":"
                } else {
                    b",{\"key\":"
                });
                push_json(out, &tag.key);
                out.extend_from_slice(b",\"value\":");
                match &tag.value {
                    Some(value) => push_json(out, value),
                    None => out.extend_from_slice(b"null"),
                }
                out.push(b'}');
            }
        }
        TagShape::Object | TagShape::Body => tags
            .iter()
            .for_each(|t| push_pair(out, &mut first, &t.key, t.value.as_deref())),
        TagShape::UserObject => {
            for (key, tag) in user_tags(tags) {
                push_pair(out, &mut first, &key, Some(tag.value.as_deref().unwrap_or("")));
            }
        }
        TagShape::Ids => {
            for tag in tags {
                if !std::mem::take(&mut first) {
                    out.push(b',');
                }
                push_json(out, &tag_id(tag));
            }
        }
    }
    match shape {
        TagShape::Ids | TagShape::List => out.push(b']'),
        TagShape::Object | TagShape::UserObject => out.push(b'}'),
        TagShape::Body => {}
    }
}

/// What a tag column of a legacy CUR holds: a missing tag and an empty one look alike.
pub(super) fn tag_value<'a>(tags: &'a [Tag], key: &str) -> &'a str {
    tags.iter()
        .find(|t| t.key == key)
        .and_then(|t| t.value.as_deref())
        .unwrap_or("")
}

const fn mark(b: u8) -> u8 {
    (b == b',' || b == b'"' || b == b'\n' || b == b'\r') as u8
}

/// 1 for the bytes that make a CSV field need quotes.
const MARKS: [u8; 256] = {
    let mut marks = [0; 256];
    let mut b = 0;
    while b < 256 {
        marks[b] = mark(b as u8);
        b += 1;
    }
    marks
};

/// Folded without a branch, sixteen bytes at a time and the rest by table: most cells are short.
fn needs_quotes(text: &[u8]) -> bool {
    let (blocks, rest) = text.as_chunks::<16>();
    let wide = blocks.iter().fold(0, |acc, block| {
        acc | block.iter().fold(0, |acc, &b| acc | mark(b))
    });
    rest.iter().fold(wide, |acc, &b| acc | MARKS[usize::from(b)]) != 0
}

pub(super) struct CsvRow<'a> {
    spec: &'a OutputSpec,
    null: &'static [u8],
    end: &'static [u8],
    scratch: Vec<u8>,
    made: String,
}

impl<'a> CsvRow<'a> {
    fn new(spec: &'a OutputSpec) -> CsvRow<'a> {
        let null: &[u8] = if spec.nulls == Nulls::Literal {
            b"NULL"
        } else {
            b""
        };
        let end: &[u8] = if spec.line_end == LineEnd::Crlf {
            b"\r\n"
        } else {
            b"\n"
        };
        CsvRow {
            spec,
            null,
            end,
            scratch: Vec::new(),
            made: String::new(),
        }
    }

    fn push_row(&mut self, out: &mut Vec<u8>, layout: &Layout, charge: &Charge) {
        for (i, column) in layout.columns.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            self.push_cell(out, column, charge);
        }
        out.extend_from_slice(self.end);
    }

    fn push_text(&self, out: &mut Vec<u8>, text: &[u8]) {
        if text.is_empty() {
            out.extend_from_slice(self.null);
            return;
        }
        if !needs_quotes(text) && self.spec.quoting == Quoting::Minimal {
            out.extend_from_slice(text);
            return;
        }
        out.push(b'"');
        for part in text.split_inclusive(|b| *b == b'"') {
            out.extend_from_slice(part);
            if part.ends_with(b"\"") {
                out.push(b'"');
            }
        }
        out.push(b'"');
    }

    /// Appends a cell that never needs quotes but gets them where all cells do.
    fn push_plain(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        let all = self.spec.quoting == Quoting::All;
        if all {
            out.push(b'"');
        }
        write(out);
        if all {
            out.push(b'"');
        }
    }

    fn push_cell(&mut self, out: &mut Vec<u8>, column: &Column, charge: &Charge) {
        match &column.field {
            Field::Text(text) => self.push_text(out, text(charge).as_bytes()),
            Field::Tag(key) => self.push_text(out, tag_value(&charge.tags, key).as_bytes()),
            Field::Made(make) => {
                self.made.clear();
                make(charge, &mut self.made);
                self.push_text(out, self.made.as_bytes());
            }
            Field::Cost(number) | Field::Number(number) => match number(charge) {
                Some(number) => self.push_plain(out, |out| push_number(out, number, self.spec.numbers)),
                None => out.extend_from_slice(self.null),
            },
            Field::Constant(value) => self.push_plain(out, |out| push_integer(out, *value)),
            Field::Time(time) => {
                self.push_plain(out, |out| push_time(out, time(charge), self.spec.time_shape));
            }
            Field::Tags(shape) if charge.tags.is_empty() && *shape != TagShape::Ids => {
                out.extend_from_slice(self.null);
            }
            Field::Tags(shape) => {
                let mut scratch = std::mem::take(&mut self.scratch);
                scratch.clear();
                push_tags(&mut scratch, &charge.tags, *shape);
                self.push_text(out, &scratch);
                self.scratch = scratch;
            }
            Field::Empty => out.extend_from_slice(self.null),
        }
    }
}

pub(super) struct JsonRow<'a> {
    spec: &'a OutputSpec,
    /// `"name":` of every column.
    names: Vec<Vec<u8>>,
    everything_is_text: bool,
    made: String,
}

impl<'a> JsonRow<'a> {
    fn new(spec: &'a OutputSpec, layout: &Layout) -> JsonRow<'a> {
        let names = layout.columns.iter().map(|column| {
            let mut name = Vec::new();
            push_json(&mut name, &column.name);
            name.push(b':');
            name
        });
        JsonRow {
            spec,
            names: names.collect(),
            everything_is_text: layout.everything_is_text,
            made: String::new(),
        }
    }

    fn push_text(&self, out: &mut Vec<u8>, text: &str) {
        if text.is_empty() && !self.everything_is_text {
            out.extend_from_slice(b"null");
        } else {
            push_json(out, text);
        }
    }

    fn push_row(&mut self, out: &mut Vec<u8>, layout: &Layout, charge: &Charge) {
        out.push(b'{');
        for (i, column) in layout.columns.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&self.names[i]);
            self.push_value(out, column, charge);
        }
        out.push(b'}');
    }

    fn push_value(&mut self, out: &mut Vec<u8>, column: &Column, charge: &Charge) {
        match &column.field {
            Field::Text(text) => self.push_text(out, text(charge)),
            Field::Tag(key) => self.push_text(out, tag_value(&charge.tags, key)),
            Field::Made(make) => {
                self.made.clear();
                make(charge, &mut self.made);
                self.push_text(out, &self.made);
            }
            Field::Cost(number) | Field::Number(number) => match number(charge) {
                Some(number) if self.everything_is_text => {
                    out.push(b'"');
                    push_number(out, number, self.spec.numbers);
                    out.push(b'"');
                }
                Some(number) => push_number(out, number, self.spec.numbers),
                None => self.push_text(out, ""),
            },
            Field::Constant(value) => push_integer(out, *value),
            Field::Time(time) => {
                out.push(b'"');
                push_time(out, time(charge), self.spec.time_shape);
                out.push(b'"');
            }
            Field::Tags(shape) if charge.tags.is_empty() && *shape != TagShape::Ids => {
                out.extend_from_slice(b"null");
            }
            // Without its braces an object is text, in JSON too.
            Field::Tags(TagShape::Body) => {
                let mut body = Vec::new();
                push_tags(&mut body, &charge.tags, TagShape::Body);
                push_json(out, &String::from_utf8_lossy(&body));
            }
            Field::Tags(shape) => push_tags(out, &charge.tags, *shape),
            Field::Empty => self.push_text(out, ""),
        }
    }
}

/// Writes rows of a file that has one record a line.
pub(super) enum Line<'a> {
    Csv(CsvRow<'a>),
    Json(JsonRow<'a>),
}

impl<'a> Line<'a> {
    pub(super) fn new(spec: &'a OutputSpec, layout: &Layout) -> Line<'a> {
        match spec.carrier {
            Carrier::Csv => Line::Csv(CsvRow::new(spec)),
            _ => Line::Json(JsonRow::new(spec, layout)),
        }
    }

    /// Appends what stands before the first row.
    pub(super) fn push_head(&self, out: &mut Vec<u8>, layout: &Layout) {
        let Line::Csv(row) = self else { return };
        if row.spec.bom {
            out.extend_from_slice("\u{feff}".as_bytes());
        }
        for (i, column) in layout.columns.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            row.push_text(out, column.name.as_bytes());
        }
        out.extend_from_slice(row.end);
    }

    /// Appends a row and its end.
    pub(super) fn push_row(&mut self, out: &mut Vec<u8>, layout: &Layout, charge: &Charge) {
        match self {
            Line::Csv(row) => row.push_row(out, layout, charge),
            Line::Json(row) => {
                row.push_row(out, layout, charge);
                out.push(b'\n');
            }
        }
    }
}

/// Writes CSV or NDJSON from a source of rows.
pub(super) fn write_lines(
    spec: &OutputSpec,
    layout: &Layout,
    next: &mut NextRow<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut line = Line::new(spec, layout);
    let mut buffer = Vec::with_capacity(FLUSH_BYTES + 16 * 1024);
    line.push_head(&mut buffer, layout);
    let mut charge = Charge::default();
    while next(&mut charge) {
        line.push_row(&mut buffer, layout, &charge);
        if buffer.len() >= FLUSH_BYTES {
            out.write_all(&buffer)?;
            buffer.clear();
        }
    }
    out.write_all(&buffer)
}

/// The sum of the fees of a document, as long as all are in one currency.
#[derive(Default)]
struct FeeTotal {
    currency: Option<String>,
    mixed: bool,
    sum: Big,
    rows: u64,
}

impl FeeTotal {
    fn add(&mut self, layout: &Layout, charge: &Charge) {
        self.rows += 1;
        let currency = self
            .currency
            .get_or_insert_with(|| charge.billing_currency.clone());
        self.mixed |= *currency != charge.billing_currency;
        for column in &layout.columns {
            if let Field::Cost(cost) = &column.field {
                self.sum.add_decimal(cost(charge).unwrap_or_default());
            }
        }
    }
}

/// A whole document: for QingCloud the answer of GetChargeRecords, for the others an array.
pub(super) fn write_document(
    spec: &OutputSpec,
    layout: &Layout,
    next: &mut NextRow<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let qingcloud = spec.format == Format::QingcloudRecords;
    let mut row = JsonRow::new(spec, layout);
    let mut total = FeeTotal::default();
    let mut buffer = Vec::with_capacity(FLUSH_BYTES + 16 * 1024);
    buffer.extend_from_slice(if qingcloud {
        b"{\"charge_record_set\":["
    } else {
        vendors::envelope(spec.format).0.as_bytes()
    });
    let mut charge = Charge::default();
    while next(&mut charge) {
        buffer.extend_from_slice(if total.rows == 0 { b"\n" } else { b",\n" });
        row.push_row(&mut buffer, layout, &charge);
        total.add(layout, &charge);
        if buffer.len() >= FLUSH_BYTES {
            out.write_all(&buffer)?;
            buffer.clear();
        }
    }
    buffer.push(b'\n');
    if !qingcloud {
        buffer.extend_from_slice(vendors::envelope(spec.format).1.as_bytes());
    }
    if qingcloud {
        buffer.push(b']');
        buffer.extend_from_slice(b",\"ret_code\":0,\"total_count\":");
        push_u64(&mut buffer, total.rows);
        // Fees in unlike currencies have no sum.
        if !total.mixed {
            buffer.extend_from_slice(b",\"total_sum\":");
            push_json(&mut buffer, &total.sum.to_string());
        }
        buffer.extend_from_slice(b",\"action\":\"GetChargeRecordsResponse\"}");
    }
    buffer.push(b'\n');
    out.write_all(&buffer)
}
