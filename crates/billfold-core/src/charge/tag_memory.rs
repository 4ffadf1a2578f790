//! Sets of tags remembered from batch to batch: a text that was read once is found, not read again.
//!
//! What the text of a set means, whoever reads it knows; as long as a memory is asked, that must stay the same.

use std::hash::{BuildHasher, Hasher};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::Int32Array;
use arrow::buffer::BooleanBuffer;
use foldhash::fast::RandomState;

use super::hint::WantedTags;
use super::intern::same_text;
use super::slots::Slots;
use super::tag_sets::{BatchTags, NumberedSets, TagSink, Tags};
use crate::error::{Error, Result};

/// Bytes past which a memory forgets what it holds, between two batches.
const MAX_BYTES: usize = 8 << 20;
/// Batches that are read without the memory once texts were found not to repeat; more each time, up to the last.
const PAUSES: [u32; 4] = [16, 32, 64, 128];

/// Rows that are looked up together, so that the waits for memory overlap.
pub const BLOCK: usize = 64;

/// By what a row's tags are told: a text, and whether its quotes are doubled, which is part of it. A row without tags
/// has an empty text.
pub type SetKey<'k> = (&'k [u8], bool);

/// Sets of tags by their texts.
#[derive(Debug)]
pub struct TagMemory {
    hasher: RandomState,
    /// Numbers of sets by the hash of their text, with its quotes single and doubled.
    slots: [Slots; 2],
    texts: Vec<u8>,
    /// Per set, where its text ends. The first one is the empty set, which is not found by a text.
    ends: Vec<u32>,
    /// Per set, whether its text could not be read, and how many could not.
    unreadable: Vec<bool>,
    n_unreadable: usize,
    /// Batches have them, too, but mostly not for longer than until the next one is read.
    sets: Arc<NumberedSets>,
    /// The tags of the set that is being read.
    tags: Tags,
    /// Per set, its code in the batch at hand; [`NOT_HERE`] for most.
    codes: Vec<i32>,
    max_bytes: usize,
    /// Batches that are still to be read without the memory.
    pause: u32,
    /// How often in a row texts were found not to repeat.
    n_pauses: usize,
}

const NOT_HERE: i32 = -1;

impl Default for TagMemory {
    fn default() -> Self {
        TagMemory::with_limit(MAX_BYTES)
    }
}

impl TagMemory {
    /// A memory that forgets everything once past so many bytes.
    pub fn with_limit(max_bytes: usize) -> Self {
        TagMemory {
            hasher: RandomState::default(),
            slots: Default::default(),
            texts: Vec::new(),
            ends: vec![0],
            unreadable: vec![false],
            n_unreadable: 0,
            sets: Arc::default(),
            tags: Tags::default(),
            codes: Vec::new(),
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
        if self.size_bytes() > self.max_bytes {
            self.forget();
        }
        Some(RememberedSets {
            numbers: Vec::with_capacity(n_rows),
            n_before: self.ends.len(),
            is_full: false,
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
            ..TagMemory::with_limit(self.max_bytes)
        };
    }

    fn size_bytes(&self) -> usize {
        let slots: usize = self.slots.iter().map(Slots::size_bytes).sum();
        let per_set = size_of::<(u32, bool, i32)>();
        slots + self.texts.capacity() + self.ends.capacity() * per_set + self.sets.size_bytes()
    }

    #[inline]
    fn tag_of(&self, text: &[u8]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(text);
        (hasher.finish() >> 32) as u32
    }

    #[inline]
    fn text_of(&self, set: u32) -> Range<usize> {
        let set = set as usize;
        let start = if set == 0 { 0 } else { self.ends[set - 1] };
        start as usize..self.ends[set] as usize
    }

    #[inline]
    fn is_of(&self, set: u32, text: &[u8]) -> bool {
        same_text(&self.texts[self.text_of(set)], text)
    }

    /// Per row of a batch a code, and per code the number of its set. The first one is that of the empty set.
    fn codes_here(&mut self, numbers: &[i32]) -> (Vec<i32>, Vec<u32>) {
        let of_sets = &mut self.codes;
        of_sets.resize(self.ends.len(), NOT_HERE);
        of_sets[0] = 0;
        let mut ids = vec![0];
        let codes = numbers.iter().map(|set| {
            let code = &mut of_sets[*set as usize];
            if *code == NOT_HERE {
                *code = ids.len() as i32;
                ids.push(*set as u32);
            }
            *code
        });
        let codes = codes.collect();
        for id in &ids {
            of_sets[*id as usize] = NOT_HERE;
        }
        (codes, ids)
    }

    /// Begins a pause where nearly all sets of a batch were new. Only a memory that held enough can tell.
    fn judge(&mut self, n_before: usize, n_new: usize, n_here: usize) {
        if n_before * 2 < n_here {
            return;
        }
        if n_new * 8 > n_here * 7 {
            self.pause = PAUSES[self.n_pauses.min(PAUSES.len() - 1)];
            self.n_pauses += 1;
            self.forget();
        } else {
            self.n_pauses = 0;
        }
    }

    /// Of each key half a hash, and the number of the set that it may be: 0, which has no text, where none seems to be
    /// known.
    fn glance(&mut self, keys: &[SetKey<'_>], found: &mut [(u32, u32); BLOCK]) {
        self.slots.iter_mut().for_each(|slots| slots.reserve(keys.len()));
        for ((tag, _), (text, _)) in found.iter_mut().zip(keys) {
            *tag = self.tag_of(text);
        }
        for ((tag, set), (_, is_doubled)) in found.iter_mut().zip(keys) {
            let slots = &self.slots[usize::from(*is_doubled)];
            *set = Slots::number(slots.glance(*tag), *tag).unwrap_or(0);
        }
    }

    /// The number of the set of a text that is not empty. `read` is asked only when it is new. None where no more texts
    /// have room.
    #[cold]
    fn find_or_read(
        &mut self,
        (text, is_doubled): SetKey<'_>,
        tag: u32,
        read: impl FnOnce(&mut TagSink<'_>) -> bool,
    ) -> Option<u32> {
        let slots = &self.slots[usize::from(is_doubled)];
        if let Some(set) = slots.find(tag, |set| self.is_of(set, text)) {
            return Some(set);
        }
        let end = u32::try_from(self.texts.len() + text.len()).ok()?;
        self.tags.clear();
        let is_readable = read(&mut TagSink::new(&mut self.tags));
        let set = self.ends.len() as u32;
        self.texts.extend_from_slice(text);
        self.ends.push(end);
        self.unreadable.push(!is_readable);
        self.n_unreadable += usize::from(!is_readable);
        // A copy only where someone has kept a batch.
        Arc::make_mut(&mut self.sets).push(&self.tags);
        let slots = &mut self.slots[usize::from(is_doubled)];
        slots.reserve(1);
        slots.find_or(tag, |_| false, || set);
        Some(set)
    }
}

/// The sets of one batch on their way.
#[derive(Debug)]
pub struct RememberedSets<'m> {
    memory: &'m mut TagMemory,
    /// Per row, the number of its set.
    numbers: Vec<i32>,
    /// Sets that the memory held before the batch.
    n_before: usize,
    /// Whether some text had no room.
    is_full: bool,
}

/// The tags of a batch.
#[derive(Debug)]
pub struct Remembered {
    /// Per row its set.
    pub tags: BatchTags,
    /// The rows whose tags could not be read; None where all could.
    pub unreadable: Option<BooleanBuffer>,
}

impl RememberedSets<'_> {
    /// Adds rows, [`BLOCK`] at most, by what their tags are told by. `read` is asked for the tags of a row where its
    /// text is new to the memory, and says whether it could read all.
    #[inline]
    pub fn push(
        &mut self,
        keys: &[SetKey<'_>],
        mut read: impl FnMut(usize, SetKey<'_>, &mut TagSink<'_>) -> bool,
    ) {
        let mut found = [(0, 0); BLOCK];
        self.memory.glance(keys, &mut found);
        for (key, (tag, set)) in keys.iter().zip(found) {
            let (text, _) = *key;
            let number = if self.memory.is_of(set, text) {
                set
            } else if text.is_empty() {
                0
            } else {
                let row = self.numbers.len();
                let set = self.memory.find_or_read(*key, tag, |sink| read(row, *key, sink));
                self.is_full |= set.is_none();
                set.unwrap_or(0)
            };
            self.numbers.push(number as i32);
        }
    }

    /// The tags, as numbers only where no more is wanted.
    ///
    /// Errors: a limit, for texts of more than 4 GiB.
    pub fn finish(self, wanted: WantedTags) -> Result<Remembered> {
        let RememberedSets {
            memory,
            numbers,
            n_before,
            is_full,
        } = self;
        if is_full {
            return Err(Error::limit(
                "limit.chunk",
                "the tags of one chunk need more than 4 GiB",
            ));
        }
        let unreadable = (memory.n_unreadable > 0).then(|| {
            let of_rows = numbers.iter().map(|set| memory.unreadable[*set as usize]);
            of_rows.collect()
        });
        let n_new = memory.ends.len() - n_before;
        let sets = Arc::clone(&memory.sets);
        let tags = if wanted == WantedTags::Sets {
            let (codes, ids) = memory.codes_here(&numbers);
            memory.judge(n_before, n_new, ids.len());
            let (mut tags, mut offsets) = (Tags::default(), Vec::with_capacity(1 + ids.len()));
            offsets.push(0);
            tags.extend(&sets, &ids, &mut offsets);
            BatchTags::Sets(tags.finish(codes, offsets)?)
        } else {
            // A few new ones cost little, however few others there are.
            if n_new * 8 > numbers.len() {
                let (_, ids) = memory.codes_here(&numbers);
                memory.judge(n_before, n_new, ids.len());
            }
            BatchTags::Numbers {
                numbers: Int32Array::from(numbers),
                sets,
            }
        };
        Ok(Remembered { tags, unreadable })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;

    /// Reads a batch of texts that each are the key of their only tag; `!` at the end makes one unreadable.
    /// None where they are not remembered.
    fn read(
        memory: &mut TagMemory,
        texts: &[String],
        wanted: WantedTags,
        n_read: &mut usize,
    ) -> Option<BatchTags> {
        let mut sets = memory.next_batch(texts.len())?;
        let keys: Vec<SetKey<'_>> = texts.iter().map(|text| (text.as_bytes(), false)).collect();
        for block in keys.chunks(7) {
            sets.push(block, |row, (key, is_doubled), sink| {
                let text = &texts[row];
                assert_eq!((key, is_doubled), (text.as_bytes(), false));
                *n_read += 1;
                sink.push(text, None);
                sink.push(text, None);
                !text.ends_with('!')
            });
        }
        let Remembered { tags, unreadable } = sets.finish(wanted).unwrap();
        for (row, text) in texts.iter().enumerate() {
            let is_unreadable = unreadable.as_ref().is_some_and(|rows| rows.value(row));
            assert_eq!(is_unreadable, text.ends_with('!'));
        }
        let keys_of: Vec<Vec<String>> = match &tags {
            BatchTags::Sets(column) => {
                let maps = column.values().as_map();
                let keys_of = |code: &i32| {
                    let keys = maps.value(*code as usize);
                    let keys = keys.column(0).as_string::<i32>().iter().flatten();
                    keys.map(str::to_owned).collect()
                };
                column.keys().values().iter().map(keys_of).collect()
            }
            BatchTags::Numbers { numbers, sets } => {
                let keys_of = |set: &i32| {
                    sets.tags_of(*set as usize)
                        .map(|(key, _)| key.to_owned())
                        .collect()
                };
                numbers.values().iter().map(keys_of).collect()
            }
        };
        let expected = |text: &String| (!text.is_empty()).then(|| text.clone());
        let expected: Vec<Vec<String>> = texts
            .iter()
            .map(|text| expected(text).into_iter().collect())
            .collect();
        assert_eq!(keys_of, expected);
        Some(tags)
    }

    fn numbers(tags: Option<BatchTags>) -> (Vec<i32>, Arc<NumberedSets>) {
        match tags {
            Some(BatchTags::Numbers { numbers, sets }) => (numbers.values().to_vec(), sets),
            other => panic!("no numbers: {other:?}"),
        }
    }

    fn texts(numbers: Range<usize>) -> Vec<String> {
        numbers.map(|n| format!("text {n}")).collect()
    }

    #[test]
    fn a_text_is_read_once_and_its_set_keeps_its_number() {
        let mut memory = TagMemory::default();
        let mut n_read = 0;
        let mut kept = Vec::new();
        for (batch, expected) in [
            (vec!["a", "", "b!", "a"], vec![1, 0, 2, 1]),
            (vec!["b!", "c", "b!"], vec![2, 3, 2]),
            (vec![], vec![]),
            (vec!["c", "d", "a"], vec![3, 4, 1]),
        ] {
            let texts: Vec<String> = batch.iter().map(|text| (*text).to_owned()).collect();
            let (found, sets) = numbers(read(&mut memory, &texts, WantedTags::Numbers, &mut n_read));
            assert_eq!(found, expected);
            // Who wants the sets gets them, and nothing is read again.
            assert!(read(&mut memory, &texts, WantedTags::Sets, &mut n_read).is_some());
            // Batches that are kept do not change.
            kept.push((sets.len(), sets));
            let first = kept[0].1.lineage();
            for (n, sets) in &kept {
                assert!(sets.len() == *n && Arc::ptr_eq(sets.lineage(), first));
            }
        }
        assert_eq!(kept.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [3, 4, 4, 5]);
        assert_eq!(n_read, 4);
    }

    #[test]
    fn past_its_bound_a_memory_begins_a_lineage() {
        let mut memory = TagMemory::with_limit(100_000);
        let (mut n_read, mut n_lineages) = (0, 0);
        let mut last: Option<Arc<()>> = None;
        for batch in 0..200 {
            // Half of each batch stood in the one before it.
            let texts = texts(batch * 20..batch * 20 + 40);
            let (_, sets) = numbers(read(&mut memory, &texts, WantedTags::Numbers, &mut n_read));
            assert!(memory.size_bytes() <= 2 * 100_000);
            let goes_on = (last.as_ref()).is_some_and(|last| Arc::ptr_eq(last, sets.lineage()));
            n_lineages += usize::from(!goes_on);
            last = Some(Arc::clone(sets.lineage()));
        }
        assert!((3..50).contains(&n_lineages), "{n_lineages} lineages");
        assert!((4000..4800).contains(&n_read), "{n_read} texts read");
    }

    #[test]
    fn texts_that_do_not_repeat_are_not_remembered_for_a_while() {
        for wanted in [WantedTags::Sets, WantedTags::Numbers] {
            let mut memory = TagMemory::default();
            let mut n_read = 0;
            let mut is_remembered = |memory: &mut TagMemory, numbers: Range<usize>| {
                read(memory, &texts(numbers), wanted, &mut n_read).is_some()
            };
            let remembered: Vec<usize> = (0..400)
                .filter(|batch| is_remembered(&mut memory, batch * 100..batch * 100 + 100))
                .collect();
            assert_eq!(remembered, [0, 1, 18, 19, 52, 53, 118, 119, 248, 249, 378, 379]);
            // When they mean something else, that may hold no longer.
            memory.begin_anew();
            for _ in 0..100 {
                assert!(is_remembered(&mut memory, 0..100));
            }
        }
    }
}
