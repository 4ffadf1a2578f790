//! The tags of a chunk: each distinct set read once, and a code per row.
//!
//! What the text of a set means is `tags`; here it is decided whose texts are the same.

use std::cell::RefCell;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, MapArray};

use crate::charge::batch::RowCounts;
use crate::charge::builder::{dictionary, same_array};
use crate::charge::tag_sets::{TagBuilder, TagSink};
use crate::error::Result;
use crate::ingest::cells::{Cells, Judged, TextArray};
use crate::ingest::decode::is_null;
use crate::ingest::plan::{DecodePlan, TagPlan};
use crate::ingest::tags::{self, TagStyle};

/// Texts up to which a dictionary is read whole.
const MANY_TEXTS: usize = 1 << 17;

/// The tags of the rows of a chunk: from one column, from columns that each are a key, or from both.
///
/// Tags that cannot be read reject nothing; `counts` says on how many rows.
pub(crate) fn tag_sets<C: Cells>(
    cells: &C,
    plan: &DecodePlan,
    tag_plan: &TagPlan,
    known: Option<&KnownSets>,
    judged: &Judged,
    counts: &mut RowCounts,
) -> Result<TextArray> {
    if let (Some(column), []) = (tag_plan.column, tag_plan.columns.as_slice())
        && let Some(maps) = cells.tag_map(column)
    {
        return map_sets(maps);
    }
    if let (Some(column), []) = (tag_plan.column, tag_plan.columns.as_slice()) {
        if judged.is_clean()
            && let Some(texts) = cells.dictionary(column)
            // Most of the texts of a larger dictionary may stand on rows that are not asked for.
            && texts.values().len() <= cells.n_rows().saturating_mul(4).max(MANY_TEXTS)
            && let Some(sets) = dictionary_sets(plan, texts, tag_plan.style(), known, counts)
        {
            return sets;
        }
        return column_sets(cells, plan, column, tag_plan.style(), judged, counts);
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
    builder.finish()
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
    cells.each_key(column, |row, key, is_doubled| {
        if judged.is_bad(row) || is_null(plan, key) {
            sets.builder.push(&[], |_| {});
        } else {
            sets.push(key, |sink, scratch| {
                is_doubled && tags::parse_doubled(key, sink)
                    || tags::parse_tags(cells.cell(row, column, scratch), style, sink).is_ok()
            });
        }
    });
    counts.tags_unreadable += sets.n_unreadable;
    sets.builder.finish()
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
    sets: TextArray,
    /// Per set, whether its text could not be read.
    unreadable: Vec<bool>,
}

/// The sets of a column whose texts are a dictionary: each is looked at once. None where they are no plain texts.
fn dictionary_sets(
    plan: &DecodePlan,
    column: &TextArray,
    style: TagStyle<'_>,
    known: Option<&KnownSets>,
    counts: &mut RowCounts,
) -> Option<Result<TextArray>> {
    let texts = column.values();
    let met = known.and_then(|known| known.0.take());
    let read = match met.filter(|met| same_array(&met.texts, texts)) {
        Some(met) => met,
        None => match text_sets(plan, texts, style)? {
            Ok(read) => read,
            Err(error) => return Some(Err(error)),
        },
    };
    let of_texts = read.sets.keys().values();
    // A row without a text has the empty set, which is the first one.
    let codes: Vec<i32> = match column.keys().nulls() {
        None => column
            .keys()
            .values()
            .iter()
            .map(|text| of_texts[*text as usize])
            .collect(),
        Some(_) => column
            .keys()
            .iter()
            .map(|text| text.map_or(0, |text| of_texts[text as usize]))
            .collect(),
    };
    if read.unreadable.contains(&true) {
        let unreadable = codes.iter().filter(|code| read.unreadable[**code as usize]);
        counts.tags_unreadable += unreadable.count() as u64;
    }
    let column = dictionary(codes, Arc::clone(read.sets.values()));
    if let Some(known) = known {
        known.0.replace(Some(read));
    }
    Some(column)
}

fn text_sets(plan: &DecodePlan, texts: &ArrayRef, style: TagStyle<'_>) -> Option<Result<TextSets>> {
    let strings = texts.as_string_opt::<i32>()?;
    let mut sets = ColumnSets {
        builder: TagBuilder::with_capacity(texts.len()),
        unreadable: vec![false],
        scratch: Vec::new(),
        n_unreadable: 0,
    };
    for text in strings {
        let text = text.unwrap_or_default().as_bytes();
        if is_null(plan, text) {
            sets.builder.push(&[], |_| {});
        } else {
            sets.push(text, |sink, _| tags::parse_tags(text, style, sink).is_ok());
        }
    }
    let ColumnSets {
        builder, unreadable, ..
    } = sets;
    Some(builder.finish().map(|sets| TextSets {
        texts: Arc::clone(texts),
        sets,
        unreadable,
    }))
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
