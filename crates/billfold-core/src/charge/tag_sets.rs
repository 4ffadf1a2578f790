//! The tags of a batch: a code per row, and each distinct set of tags once.

use std::hash::BuildHasher;
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Array, MapArray, StringArray, StructArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Fields, Int32Type};
use hashbrown::HashTable;

use super::builder::dictionary;
use super::intern::{Interner, same_text};
use crate::error::{Error, Result};

/// Builds a column of tags.
#[derive(Debug)]
pub struct TagBuilder {
    interner: Interner,
    codes: Vec<i32>,
    /// Per set, where its tags end.
    offsets: Vec<i32>,
    tags: Tags,
}

/// Tags one after another: all keys in one text, all values in another.
#[derive(Debug, Default)]
pub(super) struct Tags {
    keys: Texts,
    values: Texts,
    /// Per tag, whether it has a value.
    has_value: Vec<bool>,
}

#[derive(Debug, Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.ends.push(self.bytes.len());
    }

    fn get(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start..self.ends[at]]
    }

    /// Adds texts of these lengths, one after the other in `bytes`.
    fn extend(&mut self, lens: impl Iterator<Item = usize>, bytes: &[u8]) {
        let mut end = self.bytes.len();
        self.ends.extend(lens.map(|len| {
            end += len;
            end
        }));
        self.bytes.extend_from_slice(bytes);
    }

    fn len_of(&self, at: usize) -> usize {
        self.ends[at] - if at == 0 { 0 } else { self.ends[at - 1] }
    }

    fn truncate(&mut self, n: usize) {
        self.ends.truncate(n);
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
    }

    fn finish(self, nulls: Option<NullBuffer>) -> Result<StringArray> {
        if i32::try_from(self.bytes.len()).is_err() {
            return Err(Error::limit(
                "limit.chunk",
                "the tags of one chunk need more than 2 GiB",
            ));
        }
        let ends = self.ends.into_iter().map(|end| end as i32);
        let offsets: Vec<i32> = std::iter::once(0).chain(ends).collect();
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        StringArray::try_new(offsets, Buffer::from(self.bytes), nulls).map_err(|e| bug(&e))
    }
}

impl Tags {
    pub(super) fn len(&self) -> usize {
        self.has_value.len()
    }

    pub(super) fn clear(&mut self) {
        self.truncate(0);
    }

    fn truncate(&mut self, n: usize) {
        self.keys.truncate(n);
        self.values.truncate(n);
        self.has_value.truncate(n);
    }

    /// Writes all tags in one piece: their number, the lengths of each key and value ([`Tags::NO_VALUE`] without one),
    /// four bytes each, then all keys, then all values.
    pub(super) fn write_to(&self, out: &mut Vec<u8>) {
        // What is longer than 32 bits say does not come out of a chunk.
        let mut number = |n: usize| out.extend_from_slice(&(n as u32).to_le_bytes());
        number(self.len());
        for at in 0..self.len() {
            number(self.keys.len_of(at));
            number(if self.has_value[at] {
                self.values.len_of(at)
            } else {
                Tags::NO_VALUE as usize
            });
        }
        out.extend_from_slice(&self.keys.bytes);
        out.extend_from_slice(&self.values.bytes);
    }

    /// Adds tags that were written in one piece.
    fn read_from(&mut self, piece: Piece<'_>) {
        let Piece { lens, keys, values } = piece;
        let key_lens = lens.iter().map(|[key, _]| u32::from_le_bytes(*key) as usize);
        self.keys.extend(key_lens, keys);
        let value_lens = lens.iter().map(|[_, value]| u32::from_le_bytes(*value));
        self.has_value
            .extend(value_lens.clone().map(|len| len != Tags::NO_VALUE));
        let value_lens = value_lens.map(|len| if len == Tags::NO_VALUE { 0 } else { len as usize });
        self.values.extend(value_lens, values);
    }

    /// Adds sets of these numbers, and where each ends to `offsets`.
    pub(super) fn extend(&mut self, sets: &NumberedSets, numbers: &[u32], offsets: &mut Vec<i32>) {
        const BLOCK: usize = 32;
        for block in numbers.chunks(BLOCK) {
            // Found one after the other, so that the waits for memory overlap.
            let mut pieces = [Piece::default(); BLOCK];
            for (piece, number) in pieces.iter_mut().zip(block) {
                *piece = sets.piece(*number as usize);
            }
            for piece in &pieces[..block.len()] {
                self.read_from(*piece);
                offsets.push(self.len() as i32);
            }
        }
    }

    const NO_VALUE: u32 = u32::MAX;

    /// A column of these tags: per row the `code` of its set, and per set, behind a 0, where its tags end.
    pub(super) fn finish(self, codes: Vec<i32>, offsets: Vec<i32>) -> Result<DictionaryArray<Int32Type>> {
        let keys: ArrayRef = Arc::new(self.keys.finish(None)?);
        let values: ArrayRef = Arc::new(self.values.finish(Some(NullBuffer::from(self.has_value)))?);
        let fields = Fields::from(vec![
            Field::new("key", DataType::Utf8, false),
            Field::new("value", DataType::Utf8, true),
        ]);
        let entries = StructArray::try_new(fields.clone(), vec![keys, values], None).map_err(|e| bug(&e))?;
        let entry_field = Arc::new(Field::new("entries", DataType::Struct(fields), false));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let sets = MapArray::try_new(entry_field, offsets, entries, None, false).map_err(|e| bug(&e))?;
        dictionary(codes, Arc::new(sets))
    }

    fn get(&self, at: usize) -> (&[u8], Option<&[u8]>) {
        (self.keys.get(at), self.has_value[at].then(|| self.values.get(at)))
    }
}

/// Tags in one piece.
#[derive(Debug, Clone, Copy, Default)]
struct Piece<'a> {
    /// Of each key and value.
    lens: &'a [[[u8; 4]; 2]],
    keys: &'a [u8],
    values: &'a [u8],
}

impl<'a> Piece<'a> {
    /// # Panics
    /// When `bytes` are not what [`Tags::write_to`] writes.
    fn of(bytes: &'a [u8]) -> Self {
        let (numbers, _) = bytes.as_chunks::<4>();
        let n_tags = u32::from_le_bytes(numbers[0]) as usize;
        let (lens, _) = numbers[1..=2 * n_tags].as_chunks::<2>();
        let keys_len = lens
            .iter()
            .map(|[key, _]| u32::from_le_bytes(*key) as usize)
            .sum();
        let (keys, values) = bytes[4 + 8 * n_tags..].split_at(keys_len);
        Piece { lens, keys, values }
    }

    fn tags(self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        let Piece {
            lens,
            mut keys,
            mut values,
        } = self;
        let next = |bytes: &mut &'a [u8], len: u32| {
            let (text, rest) = bytes.split_at(len as usize);
            *bytes = rest;
            std::str::from_utf8(text).unwrap_or_else(|_| unreachable!("a sink takes texts"))
        };
        lens.iter().map(move |[key, value]| {
            let value = u32::from_le_bytes(*value);
            (
                next(&mut keys, u32::from_le_bytes(*key)),
                (value != Tags::NO_VALUE).then(|| next(&mut values, value)),
            )
        })
    }
}

/// Sets of tags by number. The first one is empty. As more come, none changes.
#[derive(Debug, Clone)]
pub struct NumberedSets {
    lineage: Arc<()>,
    /// The tags of each set in one piece.
    pieces: Vec<u8>,
    /// Per set, where its tags end.
    ends: Vec<usize>,
}

impl Default for NumberedSets {
    fn default() -> Self {
        let mut sets = NumberedSets {
            lineage: Arc::default(),
            pieces: Vec::new(),
            ends: Vec::new(),
        };
        sets.push(&Tags::default());
        sets
    }
}

impl NumberedSets {
    /// Whose numbers they are; as long as it is kept, no other is at the same place.
    pub fn lineage(&self) -> &Arc<()> {
        &self.lineage
    }

    /// How many there are, one at least.
    #[expect(clippy::len_without_is_empty, reason = "the empty set is always there")]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The tags of a set: key, and value where it has one.
    ///
    /// # Panics
    /// When no set has this number.
    pub fn tags_of(&self, set: usize) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.piece(set).tags()
    }

    fn piece(&self, set: usize) -> Piece<'_> {
        let start = if set == 0 { 0 } else { self.ends[set - 1] };
        Piece::of(&self.pieces[start..self.ends[set]])
    }

    pub(super) fn push(&mut self, tags: &Tags) {
        tags.write_to(&mut self.pieces);
        self.ends.push(self.pieces.len());
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.pieces.capacity() + self.ends.capacity() * size_of::<usize>()
    }
}

/// The tags of the rows of a batch.
#[derive(Debug, Clone)]
pub enum BatchTags {
    /// Per row a code, and the distinct sets of the batch.
    Sets(DictionaryArray<Int32Type>),
    /// Sets that batches share.
    Numbers {
        /// Per row, the number of its set.
        numbers: Int32Array,
        /// The sets of this batch, and others.
        sets: Arc<NumberedSets>,
    },
}

impl From<DictionaryArray<Int32Type>> for BatchTags {
    fn from(column: DictionaryArray<Int32Type>) -> Self {
        BatchTags::Sets(column)
    }
}

fn bug(error: &arrow::error::ArrowError) -> Error {
    Error::bug(format!("a column of tags: {error}"))
}

impl TagBuilder {
    /// Room for `n_rows`. Code 0 is the empty set.
    pub fn with_capacity(n_rows: usize) -> Self {
        let mut interner = Interner::default();
        interner.intern(b"");
        TagBuilder {
            interner,
            codes: Vec::with_capacity(n_rows),
            offsets: vec![0, 0],
            tags: Tags::default(),
        }
    }

    /// Adds a row whose tags are written as `text`; `parse` is asked only when the text is new.
    /// Returns the set's code.
    pub fn push(&mut self, text: &[u8], parse: impl FnOnce(&mut TagSink<'_>)) -> i32 {
        let code = if text.is_empty() {
            0
        } else {
            self.interner.intern(text)
        };
        if code as usize + 1 == self.offsets.len() {
            parse(&mut TagSink::new(&mut self.tags));
            self.offsets.push(self.tags.len() as i32);
        }
        self.codes.push(code);
        code
    }

    /// The column.
    pub fn finish(self) -> Result<DictionaryArray<Int32Type>> {
        debug_assert!(self.offsets.len() == self.interner.len() + 1);
        self.tags.finish(self.codes, self.offsets)
    }
}

/// Takes the tags of one set. The same key with the same value counts once.
#[derive(Debug)]
pub struct TagSink<'a> {
    tags: &'a mut Tags,
    first: usize,
    /// Places of the tags of this set by their hash, from [`TagSink::FEW`] tags on.
    seen: HashTable<usize>,
}

impl<'a> TagSink<'a> {
    /// Tags up to which looking at each of them is cheaper than hashing.
    const FEW: usize = 32;

    /// A set behind those of `tags`.
    pub(super) fn new(tags: &'a mut Tags) -> Self {
        TagSink {
            first: tags.len(),
            tags,
            seen: HashTable::new(),
        }
    }

    /// Adds a tag to the set.
    pub fn push(&mut self, key: &str, value: Option<&str>) {
        let tag = (key.as_bytes(), value.map(str::as_bytes));
        if self.tags.len() - self.first < Self::FEW {
            let same = |at| {
                let (key, value) = self.tags.get(at);
                same_text(key, tag.0)
                    && match (value, tag.1) {
                        (Some(a), Some(b)) => same_text(a, b),
                        (a, b) => a.is_none() && b.is_none(),
                    }
            };
            if (self.first..self.tags.len()).any(same) {
                return;
            }
        } else if self.seen_before(tag) {
            return;
        }
        self.tags.keys.push(key);
        self.tags.values.push(value.unwrap_or_default());
        self.tags.has_value.push(value.is_some());
    }

    /// Forgets all tags of the set.
    pub fn clear(&mut self) {
        self.tags.truncate(self.first);
        self.seen.clear();
    }

    /// Whether the set has the tag; if not, its place is taken for known from here on.
    fn seen_before(&mut self, tag: (&[u8], Option<&[u8]>)) -> bool {
        let hasher = foldhash::fast::FixedState::default();
        let tags = &*self.tags;
        let rehash = |at: &usize| hasher.hash_one(tags.get(*at));
        if self.seen.is_empty() {
            for at in self.first..tags.len() {
                self.seen.insert_unique(rehash(&at), at, rehash);
            }
        }
        let hash = hasher.hash_one(tag);
        if self.seen.find(hash, |at| tags.get(*at) == tag).is_some() {
            return true;
        }
        // What is rehashed while the table grows is in the tags already; this one is about to be.
        self.seen.reserve(1, rehash);
        self.seen.insert_unique(hash, tags.len(), |_| hash);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;

    #[test]
    fn a_set_of_tags_is_kept_once() {
        let mut builder = TagBuilder::with_capacity(3);
        for _ in 0..2 {
            builder.push(b"x", |sink| {
                sink.push("team", Some("a"));
                sink.push("id", None);
                sink.push("team", Some("a"));
            });
        }
        builder.push(b"", |_| {});
        let column = builder.finish().unwrap();
        assert_eq!(column.keys().values(), &[1, 1, 0]);
        assert_eq!(column.values().as_map().value_offsets(), &[0, 0, 2]);
    }

    #[test]
    fn a_large_set_has_every_tag_once() {
        let mut builder = TagBuilder::with_capacity(1);
        builder.push(b"x", |sink| {
            sink.push("lost", None);
            sink.clear();
            for i in 0..600 {
                sink.push(&format!("k{}", i % 200), (i % 3 > 0).then_some("v"));
            }
        });
        let column = builder.finish().unwrap();
        // 200 keys, each with and without a value in the end.
        assert_eq!(column.values().as_map().value_offsets(), &[0, 0, 400]);
    }
}
