//! The tags of a chunk: each distinct set read once, and a code per row.
//!
//! What the text of a set means is `tags`; here it is decided whose texts are the same.

use std::cell::RefCell;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, MapArray, StringArray};
use arrow::buffer::BooleanBuffer;

use crate::charge::batch::RowCounts;
use crate::charge::builder::{dictionary, same_array};
use crate::charge::tag_memory::{BLOCK, Remembered, RememberedSets, SetKey, TagMemory};
use crate::charge::tag_sets::{BatchTags, TagBuilder, TagSink};
use crate::error::Result;
use crate::ingest::cells::{Cells, Judged, TextArray};
use crate::ingest::decode::is_null;
use crate::ingest::plan::{DecodePlan, TagPlan};
use crate::ingest::tags::{self, TagStyle};

/// Texts up to which a dictionary is read whole.
const MANY_TEXTS: usize = 1 << 17;

/// What is known of sets of tags before a batch is decoded.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Before<'a> {
    /// What a worker read so far.
    pub texts: Option<&'a RefCell<SetMemory>>,
    /// The dictionary that the batches of a row group share.
    pub dictionary: Option<&'a KnownSets>,
}

/// The sets of tags that a worker read so far. What a text says depends on nothing but how tags are written, so this
/// holds from bill to bill until they are written in another way.
#[derive(Debug, Default)]
pub(crate) struct SetMemory {
    sets: TagMemory,
    ids: bool,
    pairs: String,
}

impl SetMemory {
    /// A memory that holds at most about so many bytes.
    #[cfg(test)]
    fn with_limit(max_bytes: usize) -> Self {
        SetMemory {
            sets: TagMemory::with_limit(max_bytes),
            ..SetMemory::default()
        }
    }

    /// Begins a batch whose tags are written as the plan says; None where remembering would only cost.
    fn next_batch(&mut self, tag_plan: &TagPlan, n_rows: usize) -> Option<RememberedSets<'_>> {
        if (self.ids, &self.pairs) != (tag_plan.ids, &tag_plan.pairs) {
            self.sets.begin_anew();
            self.ids = tag_plan.ids;
            self.pairs.clone_from(&tag_plan.pairs);
        }
        self.sets.next_batch(n_rows)
    }
}

/// The tags of the rows of a chunk: from one column, from columns that each are a key, or from both.
///
/// Tags that cannot be read reject nothing; `counts` says on how many rows.
pub(crate) fn tag_sets<C: Cells>(
    cells: &C,
    plan: &DecodePlan,
    tag_plan: &TagPlan,
    before: Before<'_>,
    judged: &Judged,
    counts: &mut RowCounts,
) -> Result<BatchTags> {
    if let (Some(column), []) = (tag_plan.column, tag_plan.columns.as_slice())
        && let Some(maps) = cells.tag_map(column)
    {
        return map_sets(maps).map(BatchTags::from);
    }
    if let (Some(column), []) = (tag_plan.column, tag_plan.columns.as_slice()) {
        if judged.is_clean()
            && let Some(texts) = cells.dictionary(column)
            // Most of the texts of a larger dictionary may stand on rows that are not asked for.
            && texts.values().len() <= cells.n_rows().saturating_mul(4).max(MANY_TEXTS)
            && let Some(sets) = dictionary_sets(plan, texts, tag_plan, before, counts)
        {
            return sets;
        }
        let mut memory = before.texts.map(RefCell::borrow_mut);
        if let Some(memory) = &mut memory
            && let Some(sets) = memory.next_batch(tag_plan, cells.n_rows())
        {
            return remembered_sets(cells, plan, (column, tag_plan), sets, judged, counts);
        }
        return column_sets(cells, plan, column, tag_plan.style(), judged, counts).map(BatchTags::from);
    }
    let mut builder = TagBuilder::with_capacity(cells.n_rows());
    let mut scratch = Vec::new();
    // The text that identifies a set: the tag column's text, then number and text of each filled tag column.
    let mut identity: Vec<u8> = Vec::new();
    // Per set, whether its text could not be read, so that every row with it is counted.
    let mut unreadable: Vec<bool> = vec![false];
    for row in 0..cells.n_rows() {
        identity.clear();
        if judged.is_bad(row) {
            builder.push(&identity, |_| {});
            continue;
        }
        if let Some(column) = tag_plan.column {
            let cell = cells.cell(row, column, &mut scratch);
            if !is_null(plan, cell) {
                identity.extend_from_slice(cell);
            }
        }
        let column_len = identity.len();
        let both = column_len > 0 && !tag_plan.columns.is_empty();
        for (i, (column, _)) in tag_plan.columns.iter().enumerate() {
            let cell = cells.cell(row, *column, &mut scratch);
            if !is_null(plan, cell) {
                identity.push(0);
                identity.extend_from_slice(&(i as u32).to_le_bytes());
                identity.extend_from_slice(&(cell.len() as u32).to_le_bytes());
                identity.extend_from_slice(cell);
            }
        }
        if both {
            // Without its length the text could be mistaken for a text and columns.
            identity.extend_from_slice(&(column_len as u32).to_le_bytes());
        }
        let end = identity.len() - if both { 4 } else { 0 };
        let code = builder.push(&identity, |sink| {
            let sound =
                column_len == 0 || tags::parse_tags(&identity[..column_len], tag_plan.style(), sink).is_ok();
            unreadable.push(!sound);
            let mut rest = &identity[column_len..end];
            while let [_, a, b, c, d, e, f, g, h, tail @ ..] = rest {
                let column = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
                let (cell, next) = tail.split_at(u32::from_le_bytes([*e, *f, *g, *h]) as usize);
                sink.push(&tag_plan.columns[column].1, Some(&String::from_utf8_lossy(cell)));
                rest = next;
            }
        });
        counts.tags_unreadable += u64::from(unreadable[code as usize]);
    }
    builder.finish().map(BatchTags::from)
}

/// The sets of a single column of text.
fn column_sets<C: Cells>(
    cells: &C,
    plan: &DecodePlan,
    column: usize,
    style: TagStyle<'_>,
    judged: &Judged,
    counts: &mut RowCounts,
) -> Result<TextArray> {
    let n_rows = cells.n_rows();
    let mut sets = ColumnSets {
        builder: TagBuilder::with_capacity(n_rows),
        unreadable: vec![false],
        scratch: Vec::new(),
        n_unreadable: 0,
    };
    each_key(cells, column, |row, key, is_doubled| {
        if judged.is_bad(row) || is_null(plan, key) {
            sets.builder.push(&[], |_| {});
        } else {
            sets.push(key, |sink, scratch| {
                read_tags(cells, (row, column), (key, is_doubled), style, sink, scratch)
            });
        }
    });
    counts.tags_unreadable += sets.n_unreadable;
    sets.builder.finish()
}

/// The same where the worker remembers what it read before.
fn remembered_sets<C: Cells>(
    cells: &C,
    plan: &DecodePlan,
    (column, tag_plan): (usize, &TagPlan),
    mut sets: RememberedSets<'_>,
    judged: &Judged,
    counts: &mut RowCounts,
) -> Result<BatchTags> {
    let mut scratch = Vec::new();
    let mut read = |row: usize, key: SetKey<'_>, sink: &mut TagSink<'_>| {
        read_tags(cells, (row, column), key, tag_plan.style(), sink, &mut scratch)
    };
    let is_empty = |row: usize, key: &[u8]| judged.is_bad(row) || is_null(plan, key);
    let (mut block, mut len) = ([NO_TAGS; BLOCK], 0);
    let is_done = cells.each_key(column, |row, key, is_doubled| {
        block[len] = if is_empty(row, key) {
            NO_TAGS
        } else {
            (key, is_doubled)
        };
        len += 1;
        if len == BLOCK {
            sets.push(&block, &mut read);
            len = 0;
        }
    });
    sets.push(&block[..len], &mut read);
    if !is_done {
        // Texts that are put together for a moment cannot wait for others.
        cells.each(column, |row, cell| {
            let text = cell.text();
            let key = if is_empty(row, text) {
                NO_TAGS
            } else {
                (text, false)
            };
            sets.push(&[key], &mut read);
        });
    }
    let Remembered { tags, unreadable } = sets.finish(tag_plan.wanted)?;
    counts.tags_unreadable += unreadable.map_or(0, |rows| rows.count_set_bits() as u64);
    Ok(tags)
}

const NO_TAGS: SetKey<'_> = (&[], false);

/// Every cell of a column by something that tells it from others, and whether that is the text with its quotes
/// doubled.
fn each_key<C: Cells>(cells: &C, column: usize, mut f: impl FnMut(usize, &[u8], bool)) {
    if !cells.each_key(column, &mut f) {
        cells.each(column, |row, cell| f(row, cell.text(), false));
    }
}

/// Reads the tags of a cell; says whether it could read all.
fn read_tags<C: Cells>(
    cells: &C,
    (row, column): (usize, usize),
    (key, is_doubled): SetKey<'_>,
    style: TagStyle<'_>,
    sink: &mut TagSink<'_>,
    scratch: &mut Vec<u8>,
) -> bool {
    is_doubled && tags::parse_doubled(key, sink)
        || tags::parse_tags(cells.cell(row, column, scratch), style, sink).is_ok()
}

/// Sets of tags on their way.
struct ColumnSets {
    builder: TagBuilder,
    /// Per set, whether its text could not be read, so that every row with it is counted.
    unreadable: Vec<bool>,
    scratch: Vec<u8>,
    n_unreadable: u64,
}

impl ColumnSets {
    /// Adds a row by what its text is told by; `read` is asked when that is new, and says whether it could.
    fn push(&mut self, key: &[u8], read: impl FnOnce(&mut TagSink<'_>, &mut Vec<u8>) -> bool) -> i32 {
        let ColumnSets {
            builder,
            unreadable,
            scratch,
            ..
        } = self;
        let code = builder.push(key, |sink| unreadable.push(!read(sink, scratch)));
        self.n_unreadable += u64::from(self.unreadable[code as usize]);
        code
    }
}

/// The sets of a dictionary of texts, kept for the next batch that has the same one.
#[derive(Debug, Default)]
pub(crate) struct KnownSets(RefCell<Option<TextSets>>);

#[derive(Debug)]
struct TextSets {
    texts: ArrayRef,
    /// Per text, its set.
    tags: BatchTags,
    /// The texts that could not be read; None where all could.
    unreadable: Option<BooleanBuffer>,
}

/// The sets of a column whose texts are a dictionary: each is looked at once. None where they are no plain texts.
fn dictionary_sets(
    plan: &DecodePlan,
    column: &TextArray,
    tag_plan: &TagPlan,
    before: Before<'_>,
    counts: &mut RowCounts,
) -> Option<Result<BatchTags>> {
    let texts = column.values();
    let met = before.dictionary.and_then(|known| known.0.take());
    let read = match met.filter(|met| same_array(&met.texts, texts)) {
        Some(met) => met,
        None => match text_sets(plan, texts.as_string_opt()?, tag_plan, before.texts) {
            Ok((tags, unreadable)) => TextSets {
                texts: Arc::clone(texts),
                tags,
                unreadable,
            },
            Err(error) => return Some(Err(error)),
        },
    };
    if let Some(unreadable) = &read.unreadable {
        let rows = column.keys().iter().flatten();
        let unreadable = rows.filter(|text| unreadable.value(*text as usize));
        counts.tags_unreadable += unreadable.count() as u64;
    }
    let tags = match &read.tags {
        BatchTags::Sets(of_texts) => {
            let codes = codes_of_rows(column, of_texts.keys());
            dictionary(codes, Arc::clone(of_texts.values())).map(BatchTags::from)
        }
        BatchTags::Numbers { numbers, sets } => Ok(BatchTags::Numbers {
            numbers: codes_of_rows(column, numbers).into(),
            sets: Arc::clone(sets),
        }),
    };
    if let Some(known) = before.dictionary {
        known.0.replace(Some(read));
    }
    Some(tags)
}

/// Per row the code of its text. A row without a text has the empty set, which is the first one.
fn codes_of_rows(column: &TextArray, of_texts: &Int32Array) -> Vec<i32> {
    let (keys, of_texts) = (column.keys(), of_texts.values());
    match keys.nulls() {
        None => (keys.values().iter())
            .map(|text| of_texts[*text as usize])
            .collect(),
        Some(_) => keys
            .iter()
            .map(|text| text.map_or(0, |text| of_texts[text as usize]))
            .collect(),
    }
}

/// Per text of a dictionary its set, and the texts that could not be read.
fn text_sets(
    plan: &DecodePlan,
    texts: &StringArray,
    tag_plan: &TagPlan,
    memory: Option<&RefCell<SetMemory>>,
) -> Result<(BatchTags, Option<BooleanBuffer>)> {
    let style = tag_plan.style();
    let texts = || (texts.iter()).map(|text| text.unwrap_or_default().as_bytes());
    let mut memory = memory.map(RefCell::borrow_mut);
    if let Some(memory) = &mut memory
        && let Some(mut sets) = memory.next_batch(tag_plan, texts().len())
    {
        let (mut keys, mut rest) = (Vec::with_capacity(BLOCK), texts());
        loop {
            keys.clear();
            let block = rest.by_ref().take(BLOCK);
            keys.extend(block.map(|text| {
                if is_null(plan, text) {
                    NO_TAGS
                } else {
                    (text, false)
                }
            }));
            if keys.is_empty() {
                break;
            }
            sets.push(&keys, |_, (text, _), sink| {
                tags::parse_tags(text, style, sink).is_ok()
            });
        }
        let Remembered { tags, unreadable } = sets.finish(tag_plan.wanted)?;
        return Ok((tags, unreadable));
    }
    let mut sets = ColumnSets {
        builder: TagBuilder::with_capacity(texts().len()),
        unreadable: vec![false],
        scratch: Vec::new(),
        n_unreadable: 0,
    };
    for text in texts() {
        if is_null(plan, text) {
            sets.builder.push(&[], |_| {});
        } else {
            sets.push(text, |sink, _| tags::parse_tags(text, style, sink).is_ok());
        }
    }
    let column = sets.builder.finish()?;
    let unreadable = (sets.n_unreadable > 0).then(|| {
        let of_texts = column.keys().values().iter();
        of_texts.map(|set| sets.unreadable[*set as usize]).collect()
    });
    Ok((column.into(), unreadable))
}

/// The sets of typed maps. A set is known by the lengths and bytes of its keys and values.
fn map_sets(maps: &MapArray) -> Result<TextArray> {
    let (keys, values) = (maps.keys().as_string::<i32>(), maps.values().as_string::<i32>());
    let offsets = maps.value_offsets();
    let mut builder = TagBuilder::with_capacity(maps.len());
    let mut identity: Vec<u8> = Vec::new();
    for row in 0..maps.len() {
        identity.clear();
        let entries = if maps.is_null(row) {
            0..0
        } else {
            offsets[row] as usize..offsets[row + 1] as usize
        };
        for i in entries.clone() {
            let (key, value) = (keys.value(i), values.is_valid(i).then(|| values.value(i)));
            identity.extend_from_slice(&(key.len() as u32).to_le_bytes());
            identity.extend_from_slice(&value.map_or(u32::MAX, |v| v.len() as u32).to_le_bytes());
            identity.extend_from_slice(key.as_bytes());
            identity.extend_from_slice(value.unwrap_or_default().as_bytes());
        }
        builder.push(&identity, |sink| {
            for i in entries {
                sink.push(keys.value(i), values.is_valid(i).then(|| values.value(i)));
            }
        });
    }
    builder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use crate::charge::batch::LeftOut;
    use crate::charge::{CostMetric, ScanHint, WantedTags};
    use crate::ingest::formats::{Format, Headers, recognise};

    /// How a carrier has a column of texts.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Carrier {
        /// As cells alone.
        Cells,
        /// With keys, which are the texts.
        Keys,
        /// With keys as CSV mostly gives them.
        DoubledKeys,
        /// As codes of all texts of these tests, and no code for an empty one.
        Dictionary,
    }

    struct Column<'a> {
        texts: &'a [&'a str],
        keys: Vec<(String, bool)>,
        dictionary: Option<TextArray>,
    }

    impl<'a> Column<'a> {
        fn new(texts: &'a [&'a str], carrier: Carrier, all: &ArrayRef) -> Self {
            let key = |text: &&str| match carrier {
                Carrier::DoubledKeys if text.contains('"') => Some((text.replace('"', "\"\""), true)),
                Carrier::Keys | Carrier::DoubledKeys => Some(((*text).to_owned(), false)),
                Carrier::Cells | Carrier::Dictionary => None,
            };
            let code = |text: &&str| {
                let code = TEXTS.iter().position(|known| known == text).unwrap();
                (!text.is_empty()).then_some(code as i32)
            };
            let dictionary = (carrier == Carrier::Dictionary)
                .then(|| TextArray::new(texts.iter().map(code).collect(), Arc::clone(all)));
            Column {
                texts,
                keys: texts.iter().filter_map(key).collect(),
                dictionary,
            }
        }
    }

    impl Cells for Column<'_> {
        fn n_rows(&self) -> usize {
            self.texts.len()
        }

        fn cell<'a>(&'a self, row: usize, _: usize, _: &'a mut Vec<u8>) -> &'a [u8] {
            self.texts[row].as_bytes()
        }

        fn each_key<'c>(&'c self, _: usize, mut f: impl FnMut(usize, &'c [u8], bool)) -> bool {
            for (row, (key, is_doubled)) in self.keys.iter().enumerate() {
                f(row, key.as_bytes(), *is_doubled);
            }
            self.keys.len() == self.texts.len()
        }

        fn dictionary(&self, _: usize) -> Option<&TextArray> {
            self.dictionary.as_ref()
        }

        fn lines_before(&self, _: usize) -> Option<u64> {
            None
        }

        fn raw(&self, row: usize) -> String {
            self.texts[row].to_owned()
        }
    }

    fn plan() -> DecodePlan {
        let headers = ["fee", "start_time", "resource_id", "user_id", "tags"];
        let headers = Headers::new(headers.map(str::to_owned).to_vec());
        let binding = recognise(&Format::built_in().unwrap(), headers).unwrap();
        let hint = ScanHint {
            tags: WantedTags::Sets,
            ..ScanHint::of_cost(CostMetric::Effective)
        };
        let mut plan = DecodePlan::new(&hint, &binding).unwrap();
        plan.rules.nulls.push("null".to_owned());
        plan
    }

    type Tags = Vec<(String, Option<String>)>;

    /// The tags of each set.
    fn sets_of(tags: &BatchTags) -> Vec<Tags> {
        let maps = match tags {
            BatchTags::Sets(column) => column.values().as_map(),
            BatchTags::Numbers { sets, .. } => {
                let owned = |(key, value): (&str, Option<&str>)| (key.to_owned(), value.map(str::to_owned));
                return (0..sets.len())
                    .map(|set| sets.tags_of(set).map(owned).collect())
                    .collect();
            }
        };
        let owned = |texts: &StringArray, at: usize| texts.is_valid(at).then(|| texts.value(at).to_owned());
        let (keys, values) = (maps.keys().as_string(), maps.values().as_string());
        let tags = |pair: &[i32]| {
            let tags = pair[0] as usize..pair[1] as usize;
            tags.map(|at| (owned(keys, at).unwrap(), owned(values, at)))
                .collect()
        };
        maps.value_offsets().windows(2).map(tags).collect()
    }

    /// The tags of each row.
    fn rows_of(tags: &BatchTags) -> Vec<Tags> {
        let sets = sets_of(tags);
        let codes = match tags {
            BatchTags::Sets(column) => column.keys(),
            BatchTags::Numbers { numbers, .. } => numbers,
        };
        (codes.values().iter())
            .map(|code| sets[*code as usize].clone())
            .collect()
    }

    const TEXTS: &[&str] = &[
        "",
        "null",
        "[]",
        "{}",
        r#"["a"]"#,
        r#"["b","a"]"#,
        r#"["a","b","a"]"#,
        r#"[""a""]"#,
        r#"{"a":"b"}"#,
        r#"{"a":"b", "a":"c", "a":"b"}"#,
        r#"{"a":""}"#,
        r#"{""a"":""b""}"#,
        r#"{"a":1,"n":null}"#,
        r#"["a\"b"]"#,
        r#""a":"b""#,
        "a",
        "a;b",
        "a:b;c:d;a:b",
        "a:b, c:d",
        "{",
        r#"{"a"#,
        r#"["ä","a tag that is no short one","a tag that is no short one either"]"#,
    ];

    proptest! {
        #[test]
        fn what_is_remembered_is_what_would_be_read(
            bills in prop::collection::vec(
                (
                    // How tags are written.
                    prop::sample::select(vec![(false, ""), (true, ""), (false, ":")]),
                    prop::sample::select(vec![
                        Carrier::Cells,
                        Carrier::Keys,
                        Carrier::DoubledKeys,
                        Carrier::Dictionary,
                    ]),
                    prop::collection::vec((prop::sample::select(TEXTS.to_vec()), 0..8_usize), 0..160),
                    prop::collection::vec(1..100_usize, 1..10),
                ),
                1..6,
            ),
            max_bytes in prop::sample::select(vec![0, 700, 1500, 3000, 1 << 20]),
            wanted in prop::sample::select(vec![WantedTags::Numbers, WantedTags::Sets]),
        ) {
            let plan = plan();
            let all: ArrayRef = Arc::new(StringArray::from(TEXTS.to_vec()));
            let memory = RefCell::new(SetMemory::with_limit(max_bytes));
            let mut numbered: Vec<(Arc<()>, Vec<Tags>)> = Vec::new();
            for ((ids, pairs), carrier, rows, lens) in bills {
                let known = KnownSets::default();
                let tag_plan = TagPlan { wanted, column: Some(4), columns: Vec::new(), ids, pairs: pairs.to_owned() };
                let mut rest = rows.as_slice();
                for len in lens.iter().cycle() {
                    if rest.is_empty() {
                        break;
                    }
                    let (chunk, after) = rest.split_at(rest.len().min(*len));
                    rest = after;
                    let texts: Vec<&str> = chunk.iter().map(|(text, _)| *text).collect();
                    let cells = Column::new(&texts, carrier, &all);
                    let mut judged = Judged::new(texts.len());
                    for (row, (_, luck)) in chunk.iter().enumerate() {
                        // A row that is left out keeps a dictionary from being used.
                        if *luck == 0 && carrier != Carrier::Dictionary {
                            judged.leave_out(row, LeftOut::Other);
                        }
                    }
                    let read = |cells: &Column<'_>, before: Before<'_>| {
                        let mut counts = RowCounts::default();
                        let sets = tag_sets(cells, &plan, &tag_plan, before, &judged, &mut counts).unwrap();
                        (sets, counts.tags_unreadable)
                    };
                    let (afresh, n_unreadable) = read(&Column::new(&texts, Carrier::Cells, &all), Before::default());
                    let before = Before {
                        texts: Some(&memory),
                        dictionary: Some(&known),
                    };
                    let (remembered, n_also) = read(&cells, before);
                    prop_assert_eq!(n_also, n_unreadable);
                    prop_assert_eq!(rows_of(&remembered), rows_of(&afresh));
                    prop_assert!(matches!(afresh, BatchTags::Sets(_)));
                    let BatchTags::Numbers { sets, .. } = &remembered else { continue };
                    let lineage = numbered.iter().position(|(met, _)| Arc::ptr_eq(met, sets.lineage()));
                    let at = lineage.unwrap_or_else(|| {
                        numbered.push((Arc::clone(sets.lineage()), Vec::new()));
                        numbered.len() - 1
                    });
                    // A number stays the same set.
                    let sets = sets_of(&remembered);
                    prop_assert!(sets.starts_with(&numbered[at].1));
                    numbered[at].1 = sets;
                }
            }
        }
    }
}
