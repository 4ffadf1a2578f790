//! JSON as bytes: the items of a stream, in chunks that hold whole items only.
//!
//! An item is one value that should become a row. Where it begins and ends is found by brackets, strings
//! and escapes alone; whether it is valid inside is for whoever decodes it, so that one bad item is one
//! bad row. Nothing here knows the members of a charge.

mod split;

use std::io::Read;
use std::ops::Range;

use crate::error::{Error, Result};
use crate::ingest::feed::{Feed, MAX_CHUNK, Piece, count_lines};
use split::{Splitter, is_space};

/// How the items of a file are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// NDJSON: every line that is not blank is an item, whatever it holds.
    Lines,
    /// Objects or arrays with nothing or white space between them, over as many lines as they like.
    Concatenated,
    /// One top-level array; its elements are the items.
    Array,
    /// One or more top-level objects; the elements of their array members of given names, or at given
    /// paths (`Response.DetailSet`), are the items.
    Documents,
}

/// Tells the layout from the first bytes of a file; 64 KiB are plenty. `whole` says that there are no more.
///
/// `members` names the arrays that hold items in [`Layout::Documents`], such as `charge_record_set`.
/// None when there is nothing but white space.
pub fn sniff_layout(sample: &[u8], members: &[&str], whole: bool) -> Option<Layout> {
    let sample = sample.strip_prefix(b"\xef\xbb\xbf").unwrap_or(sample);
    let start = sample.iter().position(|&byte| !is_space(byte))?;
    let text = &sample[start..];
    match text[0] {
        b'[' => return Some(Layout::Array),
        b'{' => {}
        _ => return Some(Layout::Lines),
    }
    if !members.is_empty() {
        let mut splitter = Splitter::new(Layout::Documents, members);
        // An error only says that the first object ended without such a member, or is broken.
        let _ = splitter.advance(text);
        if splitter.saw_member() {
            return Some(Layout::Documents);
        }
    }
    let mut splitter = Splitter::new(Layout::Concatenated, &[]);
    let _ = splitter.advance(text);
    let first_end = splitter.items().first().map(|item| item.end);
    let line_end = memchr::memchr(b'\n', text);
    match (first_end, line_end) {
        (Some(end), line_end) if line_end.is_none_or(|line_end| end <= line_end) => {
            let behind = &text[end..line_end.unwrap_or(text.len())];
            let next = behind.iter().find(|&&byte| !is_space(byte));
            Some(if next == Some(&b'{') {
                Layout::Concatenated
            } else {
                Layout::Lines
            })
        }
        (_, Some(line_end)) if is_cut_line(&text[..line_end], &text[line_end..]) => Some(Layout::Lines),
        // The first object goes on behind the sample: the member may be still to come.
        (None, _) if !whole && !members.is_empty() => Some(Layout::Documents),
        (Some(_), _) | (None, Some(_)) => Some(Layout::Concatenated),
        (None, None) => Some(Layout::Lines),
    }
}

/// Whether a line that does not close its object is a broken line among lines, rather than the first line
/// of a longer object: the next line begins an object where none could stand.
fn is_cut_line(line: &[u8], rest: &[u8]) -> bool {
    let last = line.iter().rev().find(|&&byte| !is_space(byte));
    let next = rest.iter().find(|&&byte| !is_space(byte));
    next == Some(&b'{') && !matches!(last, Some(b'[' | b',' | b':' | b'{'))
}

/// Whole items, in the order of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemChunk {
    /// The items and whatever stands between them.
    pub bytes: Piece,
    /// Where the items stand in `bytes`, without white space around them.
    pub items: Vec<Range<usize>>,
    /// Place of the chunk in the stream, from 0. Every chunk has an item.
    pub index: u64,
    /// Physical line of the first byte, from 1.
    pub first_line: u64,
    /// Offset of the first byte in the stream; a byte order mark counts.
    pub byte_offset: u64,
}

impl ItemChunk {
    /// The bytes of item `i`, from 0. Panics when there is none.
    pub fn item(&self, i: usize) -> &[u8] {
        &self.bytes[self.items[i].clone()]
    }

    /// Physical line on which item `i` begins, from 1. Counted anew on every call: for messages only.
    pub fn line(&self, i: usize) -> u64 {
        self.first_line + count_lines(&self.bytes[..self.items[i].start], b'\n')
    }
}

/// A stream on its way into [`ItemChunk`]s. One per file or file member.
///
/// Holds one chunk and one item at most.
#[derive(Debug)]
pub struct ItemChunker {
    feed: Feed,
    splitter: Splitter,
    chunk_size: usize,
    max_item: usize,
    next_index: u64,
}

impl ItemChunker {
    /// Bytes an item may have unless the caller says otherwise: 16 MiB.
    pub const MAX_ITEM: usize = 16 << 20;

    /// A chunker that reads `chunk_size` bytes for each chunk; `members` as in [`sniff_layout`].
    ///
    /// An item longer than `max_item` bytes ends the work with `limit.record`; the limit is never above 2 GiB.
    pub fn new(layout: Layout, members: &[&str], chunk_size: usize, max_item: usize) -> Self {
        ItemChunker {
            feed: Feed::at_line(1),
            splitter: Splitter::new(layout, members),
            chunk_size: chunk_size.clamp(1, MAX_CHUNK / 2),
            max_item: max_item.clamp(1, MAX_CHUNK / 2),
            next_index: 0,
        }
    }

    /// The next chunk of `input`, or None after the last one. Always pass the same reader.
    ///
    /// Errors, each with its line: io, from the reader; `json.syntax` where the structure around the items
    /// or the brackets of an item do not match, and where the stream ends within either; `json.member` for
    /// an object without an array member of the given names; `limit.depth` past 128 levels; `limit.record`.
    /// In [`Layout::Lines`] only io and `limit.record`: a bad line is an item like any other.
    pub fn next_chunk(&mut self, input: &mut dyn Read) -> Result<Option<ItemChunk>> {
        loop {
            self.feed.more(input, self.chunk_size)?;
            let at_end = self.feed.at_end();
            let bytes = self.feed.bytes();
            let mut outcome = self.splitter.advance(bytes);
            if at_end && outcome.is_ok() {
                outcome = self.splitter.finish(bytes);
            }
            outcome.map_err(|fault| fault.error.at(self.feed.place(fault.at, b'\n')))?;
            let held = self.splitter.held();
            let open = held.map(|start| start..bytes.len());
            if let Some(item) = self
                .splitter
                .items()
                .iter()
                .cloned()
                .chain(open)
                .find(|item| item.len() > self.max_item)
            {
                let message = format!("an item is longer than the limit of {} bytes", self.max_item);
                return Err(Error::limit("limit.record", message).at(self.feed.place(item.start, b'\n')));
            }
            let cut = held.unwrap_or(bytes.len());
            let items = self.splitter.cut(cut);
            if cut == 0 {
                if at_end {
                    return Ok(None);
                }
                continue;
            }
            let (first_line, byte_offset) = (self.feed.line(), self.feed.byte_offset());
            let n_lines = count_lines(&self.feed.bytes()[..cut], b'\n');
            let bytes = self.feed.cut(cut, n_lines);
            if items.is_empty() {
                self.feed.recycle(bytes);
                continue;
            }
            let index = self.next_index;
            self.next_index += 1;
            return Ok(Some(ItemChunk {
                bytes,
                items,
                index,
                first_line,
                byte_offset,
            }));
        }
    }

    /// In [`Layout::Documents`], the path of the last array of items that was met, with or without items.
    pub fn seen_member(&self) -> Option<&str> {
        self.splitter.seen()
    }

    /// Gives the memory of a chunk back, so that the next one need not be allocated.
    pub fn recycle(&mut self, chunk: ItemChunk) {
        self.feed.recycle(chunk.bytes);
        self.splitter.recycle(chunk.items);
    }
}

#[cfg(test)]
mod tests;
