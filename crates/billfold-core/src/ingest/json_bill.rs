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
use crate::ingest::cells::{CellVisitor, Cells, Fault, Judged, MAX_FIELD, lossy};
use crate::ingest::csv_bill::Watched;
use crate::ingest::formats::Format;
use crate::ingest::json::{ItemChunk, ItemChunker, Layout, sniff_layout};
use crate::ingest::plan::DecodePlan;
use crate::ingest::text::{TextHead, read_error};
use crate::ingest::unpack::Packing;

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

    /// Hands the cells of a chunk to a visitor; with a list to explode, each of its objects is a row. Members are matched to the plan's columns as headers are.
    pub(crate) fn visit<V: CellVisitor>(chunk: &ItemChunk, plan: &DecodePlan, visitor: V) -> Result<V::Out> {
        let slots = Slots::new(plan);
        let base = chunk.bytes.as_ptr() as usize;
        let n_items = chunk.items.len();
        let mut rows = JsonRows {
            spans: Vec::with_capacity(n_items * slots.n_kept),
            items: Vec::new(),
        };
        let mut faults = Vec::new();
        for item in 0..n_items {
            if let Some(fault) = rows.read(&slots, chunk.item(item), item, base) {
                faults.push((rows.len(&slots, item), fault));
                rows.push_empty(&slots, item);
            }
        }
        let n_rows = rows.len(&slots, n_items);
        let mut judged = Judged::new(n_rows);
        for (row, fault) in faults {
            judged.refuse(row, fault);
        }
        let cells = JsonCells {
            chunk,
            slots: &slots,
            rows,
            n_rows,
        };
        visitor.visit(&cells, judged)
    }
}

/// The rows of a chunk.
struct JsonRows {
    /// Row after row, the kept members' places relative to the chunk.
    spans: Vec<(u32, u32)>,
    /// The item of each row where items hold lists of rows; empty where every item is one row.
    items: Vec<u32>,
}

impl JsonRows {
    /// Rows so far, after so many items.
    fn len(&self, slots: &Slots, n_items: usize) -> usize {
        if slots.explode.is_some() {
            self.items.len()
        } else {
            n_items
        }
    }

    fn push_empty(&mut self, slots: &Slots, item: usize) {
        self.spans.resize(self.spans.len() + slots.n_kept, (0, 0));
        if slots.explode.is_some() {
            self.items.push(item as u32);
        }
    }

    /// Appends the rows of an item; with a fault, none.
    fn read(&mut self, slots: &Slots, item: &[u8], index: usize, base: usize) -> Option<Fault> {
        let text = match std::str::from_utf8(item) {
            Ok(text) => text,
            Err(e) => {
                return Some(Fault {
                    code: "enc.utf8",
                    column: None,
                    text: lossy(&item[..item.len().min(200)]),
                    expected: format!("UTF-8 (byte {} of the item is not)", e.valid_up_to()),
                });
            }
        };
        let syntax = |e: serde_json::Error| Fault {
            code: "json.syntax",
            column: None,
            text: text.chars().take(200).collect(),
            expected: format!("one JSON object ({e})"),
        };
        let at = self.spans.len();
        let n_rows = self.items.len();
        self.push_empty(slots, index);
        let read = slots
            .read(text, base, &mut self.spans[at..])
            .and_then(|list| match list {
                Some(list) => self.explode(slots, list, base, at, index),
                None => Ok(()),
            });
        let fault = match read {
            Ok(()) => long_member(text),
            Err(e) => Some(syntax(e)),
        };
        if fault.is_some() {
            self.spans.truncate(at);
            self.items.truncate(n_rows);
        }
        fault
    }

    /// Repeats the row at `at` for every object of a list, with the object's members in it.
    fn explode(
        &mut self,
        slots: &Slots,
        list: &str,
        base: usize,
        at: usize,
        index: usize,
    ) -> serde_json::Result<()> {
        let objects: Vec<&RawValue> = serde_json::from_str(list)?;
        for (i, object) in objects.iter().enumerate() {
            let row = at + i * slots.n_kept;
            // The outer members lie in the first row until the last object has copied them.
            if i + 1 < objects.len() {
                let outer = self.spans[row..row + slots.n_kept].to_vec();
                self.spans.extend_from_slice(&outer);
                self.items.push(index as u32);
            }
            slots.read_inner(object.get(), base, &mut self.spans[row..row + slots.n_kept])?;
        }
        Ok(())
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

    /// In a document, the path of the last list of rows that was met.
    pub(crate) fn seen_member(&self) -> Option<&str> {
        self.chunker.seen_member()
    }

    /// The members of the first chunk's objects, in the order in which they are met. The chunk stays to be read.
    /// Members of objects inside come by their path (`project.id`), also those of lists to explode, but for
    /// members that hold tags.
    pub(crate) fn peek_members(&mut self, inside: &Inside) -> Result<Vec<String>> {
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
            for (name, value) in members {
                inside.add_names(name, value, 0, &mut names);
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

/// Which members of a row are looked into for further columns.
#[derive(Debug, Default)]
pub(crate) struct Inside {
    /// Normal forms of members that hold tags: keys there are no columns.
    pub tags: Vec<String>,
    /// Lists whose objects become rows.
    pub lists: Vec<String>,
}

impl Inside {
    /// Levels of objects that are looked into.
    const MAX_LEVELS: usize = 4;

    /// What the formats say.
    pub(crate) fn of(formats: &[std::sync::Arc<Format>]) -> Self {
        let tags = formats.iter().flat_map(|f| &f.tags.column);
        let lists = formats.iter().map(|f| f.cells.explode.clone());
        Inside {
            tags: tags.map(|header| normalised_header(header)).collect(),
            lists: lists.filter(|list| !list.is_empty()).collect(),
        }
    }

    fn add_names(&self, name: String, value: &RawValue, level: usize, names: &mut Vec<String>) {
        let text = value.get();
        let inner = if text.starts_with('{') && !self.tags.contains(&normalised_header(&name)) {
            crate::ingest::tags::members(text).unwrap_or_default()
        } else if text.starts_with('[') && self.lists.contains(&name) {
            let objects: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            let members = objects
                .iter()
                .filter_map(|o| crate::ingest::tags::members(o.get()));
            members.flatten().collect()
        } else {
            Vec::new()
        };
        if inner.is_empty() || level == Inside::MAX_LEVELS {
            if !names.contains(&name) {
                names.push(name);
            }
            return;
        }
        for (member, value) in inner {
            self.add_names(format!("{name}.{member}"), value, level + 1, names);
        }
    }
}

type Map<V> = hashbrown::HashMap<String, V, RandomState>;

/// What becomes of a member.
#[derive(Debug, Clone, Copy, Default)]
struct Member {
    /// Where its value is kept.
    slot: Option<usize>,
    /// Whether the name is the header itself, not one that is spelled alike.
    exact: bool,
    /// The node of its own members, of which some are kept.
    inner: Option<usize>,
}

/// The members of one object, of the row or inside it.
#[derive(Debug, Default)]
struct Node {
    /// Names met so far.
    known: RefCell<Map<Member>>,
    by_normal: Map<Member>,
}

/// Which members are kept, and where.
struct Slots {
    n_kept: usize,
    /// Column of the plan → slot.
    of_column: Vec<Option<usize>>,
    /// The row's own members first, then those of objects inside.
    nodes: Vec<Node>,
    /// The normal form of the list that is exploded, and the node of its objects' members.
    explode: Option<(String, usize)>,
}

impl Slots {
    fn new(plan: &DecodePlan) -> Self {
        let columns = plan.columns();
        let mut slots = Slots {
            n_kept: columns.len(),
            of_column: vec![None; plan.headers.len()],
            nodes: vec![Node::default()],
            explode: None,
        };
        for (slot, column) in columns.into_iter().enumerate() {
            let header = &plan.headers[column];
            slots.of_column[column] = Some(slot);
            slots.add(0, header, |member| {
                if !member.exact {
                    *member = Member {
                        slot: Some(slot),
                        exact: true,
                        ..*member
                    };
                }
            });
            // `project.id` is also the member `id` of the member `project`.
            let mut node = 0;
            let mut rest: &str = header;
            while let Some((outer, inner)) = rest.split_once('.') {
                node = slots.enter(node, outer);
                slots.add(node, inner, |member| {
                    *member = Member {
                        slot: Some(slot),
                        exact: true,
                        ..*member
                    };
                });
                rest = inner;
            }
        }
        if let Some(list) = &plan.explode {
            let node = slots.enter(0, list);
            slots.explode = Some((normalised_header(list), node));
        }
        slots
    }

    /// Adds a name to a node. A name spelled alike stands in where no header claims it.
    fn add(&mut self, node: usize, name: &str, set: impl Fn(&mut Member)) {
        let node = &mut self.nodes[node];
        let known = node.known.get_mut().entry(name.to_owned()).or_default();
        set(known);
        let known = *known;
        let alike = node.by_normal.entry(normalised_header(name)).or_default();
        alike.slot = alike.slot.or(known.slot);
        alike.inner = alike.inner.or(known.inner);
    }

    /// The node of the members of a member.
    fn enter(&mut self, node: usize, name: &str) -> usize {
        let next = self.nodes.len();
        let known = self.nodes[node].known.get_mut().get(name).copied();
        let alike = self.nodes[node].by_normal.get(&normalised_header(name)).copied();
        let there = known.and_then(|m| m.inner).or(alike.and_then(|m| m.inner));
        let inner = there.unwrap_or(next);
        if inner == next {
            self.nodes.push(Node::default());
        }
        self.add(node, name, |member| member.inner = Some(inner));
        inner
    }

    /// Reads one object; spans are relative to `base`. The order of members does not matter. Gives the
    /// list that is to be exploded.
    fn read<'t>(
        &self,
        text: &'t str,
        base: usize,
        spans: &mut [(u32, u32)],
    ) -> serde_json::Result<Option<&'t str>> {
        let mut exact = vec![false; self.n_kept];
        let mut list = None;
        self.read_node(0, text, base, spans, &mut exact, &mut list)?;
        Ok(list)
    }

    /// Reads one object of the exploded list.
    fn read_inner(&self, text: &str, base: usize, spans: &mut [(u32, u32)]) -> serde_json::Result<()> {
        let Some((_, node)) = self.explode else {
            return Ok(());
        };
        let mut exact = vec![false; self.n_kept];
        self.read_node(node, text, base, spans, &mut exact, &mut None)
    }

    fn read_node<'t>(
        &self,
        node: usize,
        text: &'t str,
        base: usize,
        spans: &mut [(u32, u32)],
        exact: &mut [bool],
        list: &mut Option<&'t str>,
    ) -> serde_json::Result<()> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        ObjectSeed {
            slots: self,
            node,
            base,
            spans,
            exact,
            list,
        }
        .deserialize(&mut deserializer)?;
        deserializer.end()
    }
}

impl Node {
    /// What becomes of a member.
    fn find(&self, name: &str) -> Member {
        if let Some(known) = self.known.borrow().get(name) {
            return *known;
        }
        let found = self.by_normal.get(&normalised_header(name)).copied();
        let found = Member {
            exact: false,
            ..found.unwrap_or_default()
        };
        self.known.borrow_mut().insert(name.to_owned(), found);
        found
    }
}

struct ObjectSeed<'s, 't> {
    slots: &'s Slots,
    node: usize,
    base: usize,
    spans: &'s mut [(u32, u32)],
    exact: &'s mut [bool],
    list: &'s mut Option<&'t str>,
}

impl<'de> DeserializeSeed<'de> for ObjectSeed<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ObjectSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let ObjectSeed {
            slots,
            node,
            base,
            spans,
            exact,
            list,
        } = self;
        while let Some(name) = map.next_key::<Name<'de>>()? {
            let member = slots.nodes[node].find(&name.0);
            // A member spelled alike stands in only where the header itself is not a member.
            let kept = member.slot.filter(|slot| member.exact || !exact[*slot]);
            if kept.is_none() && member.inner.is_none() {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let raw: &'de RawValue = map.next_value()?;
            let text = raw.get();
            if let Some(slot) = kept {
                exact[slot] |= member.exact;
                spans[slot] = ((text.as_ptr() as usize - base) as u32, text.len() as u32);
            }
            let Some(inner) = member.inner else { continue };
            if text.starts_with('{') {
                slots
                    .read_node(inner, text, base, spans, exact, &mut None)
                    .map_err(serde::de::Error::custom)?;
            } else if text.starts_with('[') && slots.explode.as_ref().is_some_and(|(_, n)| *n == inner) {
                *list = Some(text);
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
    rows: JsonRows,
    n_rows: usize,
}

impl JsonCells<'_> {
    /// The item that a row is made of.
    fn item(&self, row: usize) -> usize {
        self.rows.items.get(row).map_or(row, |item| *item as usize)
    }
}

impl Cells for JsonCells<'_> {
    fn n_rows(&self) -> usize {
        self.n_rows
    }

    fn cell<'a>(&'a self, row: usize, column: usize, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let Some(Some(slot)) = self.slots.of_column.get(column) else {
            return &[];
        };
        let (start, len) = self.rows.spans[row * self.slots.n_kept + slot];
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

    fn is_null(&self, row: usize, column: usize) -> Option<bool> {
        let Some(Some(slot)) = self.slots.of_column.get(column) else {
            return Some(true);
        };
        let (start, len) = self.rows.spans[row * self.slots.n_kept + slot];
        let token = &self.chunk.bytes[start as usize..start as usize + len as usize];
        Some(token.is_empty() || token == b"null")
    }

    fn lacks(&self, row: usize, column: usize) -> bool {
        let slot = self.slots.of_column.get(column).copied().flatten();
        slot.is_none_or(|slot| self.rows.spans[row * self.slots.n_kept + slot].1 == 0)
    }

    fn lines_before(&self, row: usize) -> Option<u64> {
        Some(self.chunk.line(self.item(row)) - self.chunk.first_line)
    }

    fn raw(&self, row: usize) -> String {
        lossy(self.chunk.item(self.item(row)))
    }
}
