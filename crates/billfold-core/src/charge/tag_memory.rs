//! Sets of tags remembered from batch to batch: a text that was read once is copied, not read again.
//!
//! What the text of a set means, whoever reads it knows; as long as a memory is asked, that must stay the same.
//! Within a batch texts are told apart by a small table, which stays near; the memory is asked once a text.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::DictionaryArray;
use arrow::datatypes::Int32Type;
use foldhash::fast::RandomState;

use super::intern::{Interner, same_text};
use super::slots::Slots;
use super::tag_sets::{TagSink, Tags};
use crate::error::Result;

/// Bytes past which a memory forgets what it holds.
const MAX_BYTES: usize = 8 << 20;
/// Batches that are read without the memory once texts were found not to repeat; more each time, up to the last.
const PAUSES: [u32; 4] = [16, 32, 64, 128];

/// Texts that are looked up together, so that the waits for memory overlap.
const BLOCK: usize = 64;

/// By what a row's tags are told: a text, and whether its quotes are doubled, which is part of it. A row without tags
/// has an empty text.
pub type SetKey<'k> = (&'k [u8], bool);

/// Numbers of the sets of a batch: of one lineage, a number is the same set in every batch.
#[derive(Debug, Clone)]
pub struct SetIds {
    lineage: Arc<()>,
    ids: Arc<[u32]>,
}

impl SetIds {
    /// Whose numbers they are; as long as it is kept, no other is at the same place.
    pub fn lineage(&self) -> &Arc<()> {
        &self.lineage
    }

    /// Per set of the batch, its number. Numbers are dense in their lineage.
    pub fn of_sets(&self) -> &[u32] {
        &self.ids
    }
}

/// Sets of tags by their texts.
#[derive(Debug)]
pub struct TagMemory {
    hasher: RandomState,
    /// Numbers of sets by the hash of their text.
    slots: Slots,
    /// Per set, how it is found. The first one is the empty set, which is not found by a text.
    known: Vec<Known>,
    /// Per set its text and, in one piece behind it, its tags: one place to wait for.
    bytes: Vec<u8>,
    /// Those of the set that is being read.
    tags: Tags,
    /// The texts of a batch, with their quotes single and doubled.
    here: [Here; 2],
    /// Another one when numbers are given anew.
    lineage: Arc<()>,
    max_bytes: usize,
    /// Batches that are still to be read without the memory.
    pause: u32,
    /// How often in a row texts were found not to repeat.
    n_pauses: usize,
}

/// The distinct texts of a batch.
#[derive(Debug)]
struct Here {
    texts: Interner,
    /// Per text its number among all of the batch, from 1 on.
    numbers: Vec<u32>,
}

impl Here {
    fn both(hasher: &RandomState) -> [Here; 2] {
        [(); 2].map(|()| Here {
            texts: Interner::hashing_by(hasher),
            numbers: Vec::new(),
        })
    }

    fn clear(&mut self) {
        self.texts.clear();
        self.numbers.clear();
    }
}

/// A set that is remembered.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// Where its text begins. Its tags end where the next text begins.
    start: u32,
    text_len: u32,
    is_doubled: bool,
    is_unreadable: bool,
}

impl Known {
    #[inline]
    fn text(self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.text_len as usize
    }
}

impl Default for TagMemory {
    fn default() -> Self {
        TagMemory::with_limit(MAX_BYTES)
    }
}

impl TagMemory {
    /// A memory that forgets everything once past so many bytes.
    pub fn with_limit(max_bytes: usize) -> Self {
        TagMemory::hashing_by(RandomState::default(), max_bytes)
    }

    fn hashing_by(hasher: RandomState, max_bytes: usize) -> Self {
        TagMemory {
            here: Here::both(&hasher),
            hasher,
            slots: Slots::default(),
            known: vec![Known::default()],
            bytes: Vec::new(),
            tags: Tags::default(),
            lineage: Arc::default(),
            max_bytes,
            pause: 0,
            n_pauses: 0,
        }
    }

    /// Begins a batch; None where texts were found hardly to repeat, so that remembering them would only cost.
    pub fn next_batch(&mut self, n_rows: usize) -> Option<RememberedSets<'_>> {
        if self.pause > 0 {
            self.pause -= 1;
            return None;
        }
        self.here.iter_mut().for_each(Here::clear);
        Some(RememberedSets {
            rows: Vec::with_capacity(n_rows),
            distinct: Vec::new(),
            here: std::mem::replace(&mut self.here, Here::both(&self.hasher)),
            offsets: vec![0, 0],
            tags: Tags::default(),
            ids: vec![0],
            n_new: 0,
            n_before: self.known.len(),
            lineage: Arc::clone(&self.lineage),
            memory: self,
        })
    }

    /// Forgets everything, as when texts mean something else from here on.
    pub fn begin_anew(&mut self) {
        self.forget();
        (self.pause, self.n_pauses) = (0, 0);
    }

    /// Forgets all sets, and begins a lineage.
    fn forget(&mut self) {
        *self = TagMemory {
            pause: self.pause,
            n_pauses: self.n_pauses,
            ..TagMemory::hashing_by(self.hasher.clone(), self.max_bytes)
        };
    }

    fn size_bytes(&self) -> usize {
        self.slots.size_bytes() + self.known.capacity() * size_of::<Known>() + self.bytes.capacity()
    }

    /// Whether a number is that of a set with this key.
    #[inline]
    fn is_of(&self, set: u32, (text, is_doubled): SetKey<'_>) -> bool {
        let known = self.known.get(set as usize);
        known
            .is_some_and(|known| known.is_doubled == is_doubled && same_text(&self.bytes[known.text()], text))
    }

    /// The number of the set of a key that is not empty, whose text has the hash `tag`. `read` is asked only when it
    /// is new.
    #[inline]
    fn find_or_read(
        &mut self,
        key: SetKey<'_>,
        tag: u32,
        read: impl FnOnce(&mut TagSink<'_>) -> bool,
    ) -> usize {
        match self.slots.find(tag, |set| self.is_of(set, key)) {
            Some(set) => set as usize,
            None => self.add(key, tag, read),
        }
    }

    /// Of each key, the number of the set that it may be: 0 where none seems to be known. What is looked at is near
    /// from then on.
    fn glance(&mut self, keys: &[SetKey<'_>], distinct: &[Distinct], sets: &mut [u32; BLOCK]) {
        let mut texts = [Known::default(); BLOCK];
        self.slots.reserve(keys.len());
        for (set, Distinct { tag, .. }) in sets.iter_mut().zip(distinct) {
            *set = Slots::number(self.slots.glance(*tag), *tag).unwrap_or(0);
        }
        for (text, set) in texts.iter_mut().zip(&sets[..keys.len()]) {
            *text = self.known[*set as usize];
        }
        for ((set, known), (key, _)) in sets.iter_mut().zip(texts).zip(keys) {
            let text = &self.bytes[known.text()];
            if text.first_chunk::<8>() != key.first_chunk() || text.last_chunk::<8>() != key.last_chunk() {
                *set = 0;
            }
        }
    }

    #[cold]
    fn add(
        &mut self,
        (text, is_doubled): SetKey<'_>,
        tag: u32,
        read: impl FnOnce(&mut TagSink<'_>) -> bool,
    ) -> usize {
        if self.size_bytes() > self.max_bytes {
            self.forget();
        }
        self.tags.clear();
        let is_readable = read(&mut TagSink::new(&mut self.tags));
        let set = self.known.len();
        self.known.push(Known {
            // What is before it is within the bound.
            start: self.bytes.len() as u32,
            text_len: text.len() as u32,
            is_doubled,
            is_unreadable: !is_readable,
        });
        self.bytes.extend_from_slice(text);
        self.tags.write_to(&mut self.bytes);
        self.slots.reserve(1);
        self.slots.find_or(tag, |_| false, || set as u32);
        set
    }
}

/// The sets of one batch on their way.
#[derive(Debug)]
pub struct RememberedSets<'m> {
    memory: &'m mut TagMemory,
    /// Per row the number of its text, 0 for none.
    rows: Vec<u32>,
    distinct: Vec<Distinct>,
    here: [Here; 2],
    /// Per set of the batch, where its tags end.
    offsets: Vec<i32>,
    tags: Tags,
    /// Per set of the batch, its number in the memory.
    ids: Vec<u32>,
    /// The lineage of the first of them.
    lineage: Arc<()>,
    /// Sets that were read for this batch, and those that the memory held before it.
    n_new: usize,
    n_before: usize,
}

/// A text of a batch.
#[derive(Debug)]
struct Distinct {
    /// The first row that has it.
    row: usize,
    is_doubled: bool,
    /// Its code among those whose quotes are as its own.
    code: i32,
    /// Half its hash.
    tag: u32,
}

/// The tags of a batch.
#[derive(Debug)]
pub struct Remembered {
    /// Per row a code, and the distinct sets.
    pub column: DictionaryArray<Int32Type>,
    /// The numbers of the sets; None where numbers were given anew on the way.
    pub ids: Option<SetIds>,
    /// Rows whose tags could not be read.
    pub n_unreadable: u64,
}

impl RememberedSets<'_> {
    /// Adds a row by what its tags are told by.
    #[inline]
    pub fn push(&mut self, (text, is_doubled): SetKey<'_>) {
        if text.is_empty() {
            self.rows.push(0);
            return;
        }
        let Here { texts, numbers } = &mut self.here[usize::from(is_doubled)];
        let (code, tag) = texts.intern_and_tag(text);
        if code as usize == numbers.len() {
            self.distinct.push(Distinct {
                row: self.rows.len(),
                is_doubled,
                code,
                tag,
            });
            numbers.push(self.distinct.len() as u32);
        }
        self.rows.push(numbers[code as usize]);
    }

    /// The column. `read` is asked for the tags of a row where its text is new to the memory, and says whether it could
    /// read all.
    pub fn finish(
        mut self,
        mut read: impl FnMut(usize, SetKey<'_>, &mut TagSink<'_>) -> bool,
    ) -> Result<Remembered> {
        let here = std::mem::replace(&mut self.here, Here::both(&self.memory.hasher));
        let distinct = std::mem::take(&mut self.distinct);
        let mut sets = [0; BLOCK];
        // Per text its set's code, and whether it could be read.
        let mut texts = Vec::with_capacity(1 + distinct.len());
        texts.push((0, true));
        let mut keys: Vec<SetKey<'_>> = Vec::with_capacity(BLOCK);
        for block in distinct.chunks(BLOCK) {
            keys.clear();
            keys.extend((block.iter()).map(|text| {
                (
                    here[usize::from(text.is_doubled)].texts.get(text.code),
                    text.is_doubled,
                )
            }));
            self.memory.glance(&keys, block, &mut sets);
            for (i, key) in keys.iter().enumerate() {
                // The memory may have begun anew since the glance, so what was seen is looked at again.
                texts.push(if sets[i] > 0 && self.memory.is_of(sets[i], *key) {
                    self.take(sets[i] as usize)
                } else {
                    let n_new = &mut self.n_new;
                    let set = self.memory.find_or_read(*key, block[i].tag, |sink| {
                        *n_new += 1;
                        read(block[i].row, *key, sink)
                    });
                    self.take(set)
                });
            }
        }
        let of_rows = || self.rows.iter().map(|number| texts[*number as usize]);
        let codes = of_rows().map(|(code, _)| code).collect();
        let n_unreadable = if texts.iter().all(|(_, is_readable)| *is_readable) {
            0
        } else {
            of_rows().filter(|(_, is_readable)| !is_readable).count() as u64
        };
        let RememberedSets { memory, ids, .. } = self;
        memory.here = here;
        let ids = Arc::ptr_eq(&self.lineage, &memory.lineage).then(|| SetIds {
            lineage: self.lineage,
            ids: ids.as_slice().into(),
        });
        // Only a memory that held enough can tell that nothing was to be found in it.
        let n_sets = self.offsets.len();
        if self.n_before * 2 >= n_sets {
            if self.n_new * 8 > n_sets * 7 {
                memory.pause = PAUSES[memory.n_pauses.min(PAUSES.len() - 1)];
                memory.n_pauses += 1;
                memory.forget();
            } else {
                memory.n_pauses = 0;
            }
        }
        Ok(Remembered {
            column: self.tags.finish(codes, self.offsets)?,
            ids,
            n_unreadable,
        })
    }

    /// Copies a set into the batch, which has its text once; its code there, and whether it could be read.
    fn take(&mut self, set: usize) -> (i32, bool) {
        let TagMemory { known, bytes, .. } = &*self.memory;
        let code = self.ids.len() as i32;
        self.ids.push(set as u32);
        let end = known.get(set + 1).map_or(bytes.len(), |next| next.start as usize);
        self.tags.read_from(&bytes[known[set].text().end..end]);
        self.offsets.push(self.tags.len() as i32);
        (code, !known[set].is_unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;

    /// Reads a batch of texts that each are the key of their only tag; `!` at the end makes one unreadable.
    /// Says whether they are remembered, and under which numbers.
    fn read(memory: &mut TagMemory, texts: &[String], n_read: &mut usize) -> (bool, Option<SetIds>) {
        let Some(mut sets) = memory.next_batch(texts.len()) else {
            return (false, None);
        };
        for text in texts {
            sets.push((text.as_bytes(), false));
        }
        let all = sets.finish(|row, (key, is_doubled), sink| {
            let text = &texts[row];
            assert_eq!((key, is_doubled), (text.as_bytes(), false));
            *n_read += 1;
            sink.push(text, None);
            sink.push(text, None);
            !text.ends_with('!')
        });
        let Remembered {
            column,
            ids,
            n_unreadable,
        } = all.unwrap();
        let n_expected = texts.iter().filter(|text| text.ends_with('!')).count();
        assert_eq!(n_unreadable, n_expected as u64);
        let maps = column.values().as_map();
        for (text, code) in texts.iter().zip(column.keys().values()) {
            let keys = maps.value(*code as usize);
            let keys: Vec<_> = keys.column(0).as_string::<i32>().iter().flatten().collect();
            let expected = (!text.is_empty()).then_some(text.as_str());
            assert_eq!(keys, expected.as_slice());
        }
        (true, ids)
    }

    fn texts(numbers: Range<usize>) -> Vec<String> {
        numbers.map(|n| format!("text {n}")).collect()
    }

    #[test]
    fn a_text_is_read_once_and_its_set_keeps_its_number() {
        let mut memory = TagMemory::default();
        let mut n_read = 0;
        let batches = [
            vec!["a", "", "b!", "a"],
            vec!["b!", "c", "b!"],
            vec![""],
            vec!["c", "a"],
        ];
        let mut ids = batches.iter().map(|batch| {
            let texts: Vec<String> = batch.iter().map(|text| (*text).to_owned()).collect();
            read(&mut memory, &texts, &mut n_read).1.unwrap()
        });
        let first = ids.next().unwrap();
        assert_eq!(first.of_sets(), [0, 1, 2]);
        let later: Vec<SetIds> = ids.collect();
        let expected: [&[u32]; 3] = [&[0, 2, 3], &[0], &[0, 3, 1]];
        for (ids, expected) in later.iter().zip(expected) {
            assert!(Arc::ptr_eq(ids.lineage(), first.lineage()));
            assert_eq!(ids.of_sets(), expected);
        }
        assert_eq!(n_read, 3);
    }

    #[test]
    fn past_its_bound_a_memory_begins_a_lineage() {
        let mut memory = TagMemory::with_limit(100_000);
        let (mut n_read, mut n_lineages) = (0, 0);
        let mut last: Option<SetIds> = None;
        for batch in 0..200 {
            // Half of each batch stood in the one before it.
            let (_, ids) = read(&mut memory, &texts(batch * 20..batch * 20 + 40), &mut n_read);
            assert!(memory.size_bytes() <= 2 * 100_000);
            let goes_on = match (&last, &ids) {
                (Some(last), Some(ids)) => Arc::ptr_eq(last.lineage(), ids.lineage()),
                _ => false,
            };
            n_lineages += usize::from(!goes_on);
            last = ids;
        }
        assert!((3..50).contains(&n_lineages), "{n_lineages} lineages");
        assert!((4000..4800).contains(&n_read), "{n_read} texts read");
    }

    #[test]
    fn texts_that_do_not_repeat_are_not_remembered_for_a_while() {
        let mut memory = TagMemory::default();
        let mut n_read = 0;
        let remembered: Vec<usize> = (0..400)
            .filter(|batch| read(&mut memory, &texts(batch * 100..batch * 100 + 100), &mut n_read).0)
            .collect();
        assert_eq!(remembered, [0, 1, 18, 19, 52, 53, 118, 119, 248, 249, 378, 379]);
        // When they mean something else, that may hold no longer.
        memory.begin_anew();
        for _ in 0..100 {
            assert!(read(&mut memory, &texts(0..100), &mut n_read).0);
        }
    }
}
