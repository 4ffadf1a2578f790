//! JSON as a carrier of bills: NDJSON, arrays of objects, and the vendors' responses whole.
//!
//! Amounts keep their token's text; nothing passes through a float. Objects are read once, and only
//! the members that the plan names are kept.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::{Cursor, Read};

use foldhash::fast::RandomState;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::charge::schema::normalised_header;
use crate::error::{Error, Result};
use crate::ingest::csv_bill::Watched;
use crate::ingest::decode::{CellVisitor, Cells, Fault, Judged, MAX_FIELD, lossy};
use crate::ingest::json::{ItemChunk, ItemChunker, Layout, sniff_layout};
use crate::ingest::plan::DecodePlan;
use crate::ingest::source::Packing;
use crate::ingest::text::{TextHead, read_error};

/// How a JSON file is laid out.
#[derive(Debug, Clone)]
pub(crate) struct JsonShape {
    pub layout: Layout,
    members: Vec<String>,
}

/// A JSON file being read.
pub(crate) struct JsonStream {
    chunker: ItemChunker,
    reader: Box<dyn Read + Send>,
    packing: Packing,
    pending: Option<ItemChunk>,
}

impl JsonShape {
    /// Tells the layout; None when the file does not begin like JSON.
    pub(crate) fn of(head: &TextHead, members: &[String]) -> Option<Self> {
        let text = head.sample.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head.sample);
        let first = text.iter().find(|b| !b.is_ascii_whitespace())?;
        if !matches!(first, b'{' | b'[') {
            return None;
        }
        let names: Vec<&str> = members.iter().map(String::as_str).collect();
        let layout = sniff_layout(&head.sample, &names, head.whole)?;
        Some(JsonShape {
            layout,
            members: members.to_vec(),
        })
    }

    /// Reads from the beginning.
    pub(crate) fn stream(&self, head: TextHead, chunk_bytes: usize) -> JsonStream {
        let names: Vec<&str> = self.members.iter().map(String::as_str).collect();
        JsonStream {
            chunker: ItemChunker::new(self.layout, &names, chunk_bytes, ItemChunker::MAX_ITEM),
            reader: Box::new(Cursor::new(head.sample).chain(head.rest)),
            packing: head.packing,
            pending: None,
        }
    }

    /// Hands the cells of a chunk to a visitor. Members are matched to the plan's columns as headers are.
    pub(crate) fn visit<V: CellVisitor>(chunk: &ItemChunk, plan: &DecodePlan, visitor: V) -> Result<V::Out> {
        let slots = Slots::new(plan);
        let n_rows = chunk.items.len();
        let mut judged = Judged::new(n_rows);
        let mut spans = vec![(0u32, 0u32); n_rows * slots.n_kept];
        let base = chunk.bytes.as_ptr() as usize;
        for row in 0..n_rows {
            let item = chunk.item(row);
            let cells = &mut spans[row * slots.n_kept..(row + 1) * slots.n_kept];
            let fault = match std::str::from_utf8(item) {
                Err(e) => Some(Fault {
                    code: "enc.utf8",
                    column: None,
                    text: lossy(&item[..item.len().min(200)]),
                    expected: format!("UTF-8 (byte {} of the item is not)", e.valid_up_to()),
                }),
                Ok(text) => match slots.read(text, base, cells) {
                    Ok(()) => long_member(text),
                    Err(e) => Some(Fault {
                        code: "json.syntax",
                        column: None,
                        text: text.chars().take(200).collect(),
                        expected: format!("one JSON object ({e})"),
                    }),
                },
            };
            if let Some(fault) = fault {
                judged.refuse(row, fault);
            }
        }
        visitor.visit(
            &JsonCells {
                chunk,
                slots: &slots,
                spans,
            },
            judged,
        )
    }
}

/// The fault of a member that is longer than a field may be, whether the question reads it or not.
fn long_member(text: &str) -> Option<Fault> {
    if text.len() <= MAX_FIELD {
        return None;
    }
    let members = crate::ingest::tags::members(text)?;
    let mut values = members.iter().map(|(_, value)| value.get());
    let long = values.find(|value| value.len() > MAX_FIELD)?;
    Some(Fault::too_long(None, long.as_bytes()))
}

impl JsonStream {
    /// The next chunk; `done` is one whose memory may be used again.
    pub(crate) fn next_chunk(&mut self, done: Option<ItemChunk>) -> Result<Option<ItemChunk>> {
        if let Some(done) = done {
            self.chunker.recycle(done);
        }
        if self.pending.is_some() {
            return Ok(self.pending.take());
        }
        let mut failed = None;
        let mut reader = Watched {
            inner: self.reader.as_mut(),
            failed: &mut failed,
        };
        let chunk = self.chunker.next_chunk(&mut reader);
        match failed {
            Some(error) => Err(read_error(self.packing, &error)),
            None => chunk,
        }
    }

    /// The members of the first chunk's objects, in the order in which they are met. The chunk stays to be read.
    pub(crate) fn peek_members(&mut self) -> Result<Vec<String>> {
        let Some(chunk) = self.next_chunk(None)? else {
            return Ok(Vec::new());
        };
        let mut names: Vec<String> = Vec::new();
        let mut objects = 0;
        for row in 0..chunk.items.len() {
            let Ok(text) = std::str::from_utf8(chunk.item(row)) else {
                continue;
            };
            let Some(members) = crate::ingest::tags::members(text) else {
                continue;
            };
            objects += 1;
            for (name, _) in members {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        if objects == 0 && !chunk.items.is_empty() {
            return Err(Error::file(
                "json.syntax",
                "none of the first items is a JSON object",
            ));
        }
        self.pending = Some(chunk);
        Ok(names)
    }
}

type Map<V> = hashbrown::HashMap<String, V, RandomState>;

/// Which members are kept, and where.
struct Slots {
    n_kept: usize,
    /// Column of the plan → slot.
    of_column: Vec<Option<usize>>,
    /// Names met so far: slot, and whether the name is the header itself.
    known: RefCell<Map<(Option<usize>, bool)>>,
    by_normal: Map<usize>,
}

impl Slots {
    fn new(plan: &DecodePlan) -> Self {
        let columns = plan.columns();
        let mut slots = Slots {
            n_kept: columns.len(),
            of_column: vec![None; plan.headers.len()],
            known: RefCell::default(),
            by_normal: Map::default(),
        };
        for (slot, column) in columns.into_iter().enumerate() {
            let header = &plan.headers[column];
            slots.of_column[column] = Some(slot);
            slots
                .known
                .get_mut()
                .insert(header.to_string(), (Some(slot), true));
            slots.by_normal.entry(normalised_header(header)).or_insert(slot);
        }
        slots
    }

    /// The slot of a member, and whether the member is spelled like the header.
    fn find(&self, name: &str) -> (Option<usize>, bool) {
        if let Some(known) = self.known.borrow().get(name) {
            return *known;
        }
        let found = (self.by_normal.get(&normalised_header(name)).copied(), false);
        self.known.borrow_mut().insert(name.to_owned(), found);
        found
    }

    /// Reads one object; spans are relative to `base`. The order of members does not matter.
    fn read(&self, text: &str, base: usize, spans: &mut [(u32, u32)]) -> serde_json::Result<()> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        ObjectSeed {
            slots: self,
            base,
            spans,
            exact: vec![false; self.n_kept],
        }
        .deserialize(&mut deserializer)?;
        deserializer.end()
    }
}

struct ObjectSeed<'s> {
    slots: &'s Slots,
    base: usize,
    spans: &'s mut [(u32, u32)],
    exact: Vec<bool>,
}

impl<'de> DeserializeSeed<'de> for ObjectSeed<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ObjectSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Name<'de>>()? {
            match self.slots.find(&name.0) {
                // A member spelled alike stands in only where the header itself is not a member.
                (Some(slot), exact) if exact || !self.exact[slot] => {
                    let raw: &RawValue = map.next_value()?;
                    let text = raw.get();
                    self.exact[slot] |= exact;
                    self.spans[slot] = ((text.as_ptr() as usize - self.base) as u32, text.len() as u32);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A member's name, borrowed where it holds no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a member name")
            }
            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }
            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

struct JsonCells<'a> {
    chunk: &'a ItemChunk,
    slots: &'a Slots,
    spans: Vec<(u32, u32)>,
}

impl Cells for JsonCells<'_> {
    fn n_rows(&self) -> usize {
        self.chunk.items.len()
    }

    fn cell<'a>(&'a self, row: usize, column: usize, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let Some(Some(slot)) = self.slots.of_column.get(column) else {
            return &[];
        };
        let (start, len) = self.spans[row * self.slots.n_kept + slot];
        let token = &self.chunk.bytes[start as usize..start as usize + len as usize];
        match token {
            b"null" => &[],
            [b'"', inner @ .., b'"'] if memchr::memchr(b'\\', inner).is_none() => inner,
            [b'"', ..] => {
                scratch.clear();
                match serde_json::from_slice::<String>(token) {
                    Ok(text) => scratch.extend_from_slice(text.as_bytes()),
                    // A lone surrogate has no UTF-8 form; the cell keeps its escapes.
                    Err(_) => scratch.extend_from_slice(&token[1..token.len() - 1]),
                }
                scratch
            }
            token => token,
        }
    }

    fn lines_before(&self, row: usize) -> Option<u64> {
        Some(self.chunk.line(row) - self.chunk.first_line)
    }

    fn raw(&self, row: usize) -> String {
        lossy(self.chunk.item(row))
    }
}
