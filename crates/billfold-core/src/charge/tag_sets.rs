//! The tags of a batch: a code per row, and each distinct set of tags once.

use std::hash::BuildHasher;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, DictionaryArray, MapArray, StringArray, StructArray};
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
struct Tags {
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
    fn len(&self) -> usize {
        self.has_value.len()
    }

    fn get(&self, at: usize) -> (&[u8], Option<&[u8]>) {
        (self.keys.get(at), self.has_value[at].then(|| self.values.get(at)))
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
            parse(&mut TagSink {
                first: self.tags.len(),
                tags: &mut self.tags,
                seen: HashTable::new(),
            });
            self.offsets.push(self.tags.len() as i32);
        }
        self.codes.push(code);
        code
    }

    /// The column.
    pub fn finish(self) -> Result<DictionaryArray<Int32Type>> {
        let Tags {
            keys,
            values,
            has_value,
        } = self.tags;
        let keys: ArrayRef = Arc::new(keys.finish(None)?);
        let values: ArrayRef = Arc::new(values.finish(Some(NullBuffer::from(has_value)))?);
        let fields = Fields::from(vec![
            Field::new("key", DataType::Utf8, false),
            Field::new("value", DataType::Utf8, true),
        ]);
        let entries = StructArray::try_new(fields.clone(), vec![keys, values], None).map_err(|e| bug(&e))?;
        let entry_field = Arc::new(Field::new("entries", DataType::Struct(fields), false));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        let sets = MapArray::try_new(entry_field, offsets, entries, None, false).map_err(|e| bug(&e))?;
        debug_assert!(sets.len() == self.interner.len());
        dictionary(self.codes, Arc::new(sets))
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

impl TagSink<'_> {
    /// Tags up to which looking at each of them is cheaper than hashing.
    const FEW: usize = 32;

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
        self.tags.keys.truncate(self.first);
        self.tags.values.truncate(self.first);
        self.tags.has_value.truncate(self.first);
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
