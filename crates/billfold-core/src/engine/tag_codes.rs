//! The tags of sets as codes: what a charge counts under when every tag is a group.

use super::group::Names;
use super::of_sets::OfSets;
use super::select::push_tag_text;
use crate::charge::batch::TagColumn;

/// The tags of sets, as codes.
#[derive(Debug, Default)]
pub(super) struct TagsOfSets {
    /// Per set, where its codes stand.
    places: OfSets<Place>,
    /// One set after the other, in ascending order, each code once a set.
    codes: Vec<u32>,
    text: String,
}

/// Part of the codes: first and end. A set has one code at least. There are no more than a batch and what is
/// remembered may have of tags, which is less than 32 bits.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place(u32, u32);

impl Place {
    pub(super) fn len(self) -> usize {
        (self.1 - self.0) as usize
    }
}

impl TagsOfSets {
    /// Turns to the sets of a batch.
    pub(super) fn turn_to(&mut self, tags: &TagColumn<'_>, names: &mut Names) {
        let TagsOfSets { places, codes, text } = self;
        if places.forget_others(tags.sets()) {
            codes.clear();
        }
        places.turn_to(tags, |set| push_codes(codes, tags, set, names, text));
    }

    /// Where the codes of sets stand, and as many from the first one on as there are lanes, whosever the later ones are.
    /// `sets` are as many as `out` has.
    #[inline]
    pub(super) fn glance<const LANES: usize>(
        &self,
        sets: impl Iterator<Item = usize>,
        out: &mut [(Place, [u32; LANES])],
    ) {
        let of_sets = self.places.of_batch();
        // One after the other, so that the waits for memory overlap.
        for ((place, _), set) in out.iter_mut().zip(sets) {
            *place = of_sets[set];
        }
        for (place, lanes) in out {
            let codes = &self.codes[place.0 as usize..];
            *lanes = codes.first_chunk().copied().unwrap_or_else(|| {
                let mut last = [0; LANES];
                last.iter_mut().zip(codes).for_each(|(lane, code)| *lane = *code);
                last
            });
        }
    }

    /// The codes of a set.
    #[inline]
    pub(super) fn codes(&self, place: Place) -> &[u32] {
        &self.codes[place.0 as usize..place.1 as usize]
    }
}

/// Adds the codes of a set; one without tags has that of the empty one.
fn push_codes(
    codes: &mut Vec<u32>,
    tags: &TagColumn<'_>,
    set: usize,
    names: &mut Names,
    text: &mut String,
) -> Place {
    let first = codes.len();
    for (key, value) in tags.set(set) {
        codes.push(match value {
            None => names.code(key),
            Some(_) => {
                text.clear();
                push_tag_text(text, key, value);
                names.code(text)
            }
        });
    }
    if codes.len() == first {
        codes.push(names.code(""));
    }
    // A key without a value may look like a pair.
    let n = sort_and_dedup(&mut codes[first..]);
    codes.truncate(first + n);
    Place(first as u32, codes.len() as u32)
}

/// Puts numbers in order and each once to the front; gives how many those are.
fn sort_and_dedup(numbers: &mut [u32]) -> usize {
    numbers.sort_unstable();
    let mut n = usize::from(!numbers.is_empty());
    for i in 1..numbers.len() {
        if numbers[i] != numbers[n - 1] {
            numbers[n] = numbers[i];
            n += 1;
        }
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::Arc;

    use arrow::array::BooleanArray;
    use proptest::prelude::*;

    use crate::charge::batch::{BatchParts, TagSets, narrow_cost};
    use crate::charge::builder::constant;
    use crate::charge::tag_memory::{BLOCK, Remembered, SetKey, TagMemory};
    use crate::charge::tag_sets::TagBuilder;
    use crate::charge::{ChargeBatch, WantedTags};
    use crate::engine::{Plan, Sums, write_csv};
    use crate::query::{ChargeQuery, Dimension, Filter};

    /// A batch of a charge per text, whose tags are its words; `=` parts key and value.
    fn batch(texts: &[&str], wanted: WantedTags, memory: &mut TagMemory) -> Option<ChargeBatch> {
        let mut sets = memory.next_batch(texts.len())?;
        let keys: Vec<SetKey<'_>> = texts.iter().map(|text| (text.as_bytes(), false)).collect();
        for block in keys.chunks(BLOCK) {
            sets.push(block, |row, _, sink| {
                for word in texts[row].split(' ') {
                    match word.split_once('=') {
                        Some((key, value)) => sink.push(key, Some(value)),
                        None => sink.push(word, None),
                    }
                }
                true
            });
        }
        let Remembered { tags, .. } = sets.finish(wanted).unwrap();
        let n = texts.len();
        let parts = BatchParts {
            start: vec![0; n].into(),
            end: None,
            cost: narrow_cost((0..n as i128).map(|i| i * i + 1).collect::<Vec<_>>(), 2, None).unwrap(),
            currency: constant("USD", n).unwrap(),
            text: Vec::new(),
            tags: Some(tags),
        };
        Some(ChargeBatch::new(parts).unwrap())
    }

    /// The same charges with sets that have no numbers beyond the batch.
    fn without_ids(batch: &ChargeBatch) -> ChargeBatch {
        let tags = batch.tags().unwrap();
        let mut builder = TagBuilder::with_capacity(batch.len());
        for set in tags.codes() {
            builder.push(&(set + 1).to_le_bytes(), |sink| {
                (tags.set(*set as usize)).for_each(|(key, value)| sink.push(key, value));
            });
        }
        let other = batch.with_tags(builder.finish().unwrap()).unwrap();
        assert!(matches!(other.tags().unwrap().sets(), TagSets::Array(_)));
        other
    }

    fn answer(sums: Sums) -> String {
        let mut out = Vec::new();
        write_csv(&sums.finish().unwrap().answer, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn sets_with_numbers_count_as_those_without(
            batches in prop::collection::vec(
                (
                    prop::collection::vec(
                        (prop::sample::select(vec!["", "a", "b", "a b", "b a", "a=b", "c a=b a", "d e f g"]), any::<bool>()),
                        1..12,
                    ),
                    0..6_u8,
                ),
                1..12,
            ),
            max_bytes in prop::sample::select(vec![0, 1000, 1500, 1 << 20]),
            wanted in prop::sample::select(vec![WantedTags::Sets, WantedTags::Numbers]),
            by in prop::sample::select(vec!["tag_id", "tag:a", "tag:c,tag_id,tag:d"]),
            filters in prop::sample::subsequence(vec!["tag_id!=b", "tag_id=a,,e", "tag:a=b"], 0..=2),
        ) {
            let mut query = ChargeQuery::total();
            query.by = Dimension::parse_list(by).unwrap();
            query.filter = Filter::parse_all(filters).unwrap();
            let plan = Arc::new(Plan::new(query).unwrap());
            let (mut with, mut without) = (Sums::new(Arc::clone(&plan)), Sums::new(plan));
            let mut memory = TagMemory::with_limit(max_bytes);
            for (rows, chance) in batches {
                let texts: Vec<&str> = rows.iter().map(|(text, _)| *text).collect();
                let Some(mut batch) = batch(&texts, wanted, &mut memory) else { continue };
                match chance {
                    0 => {
                        let keep: BooleanArray = rows.iter().map(|(_, keep)| Some(*keep)).collect();
                        let kept = batch.filter(&keep).unwrap();
                        let is_numbered = |batch: &ChargeBatch| matches!(batch.tags().unwrap().sets(), TagSets::Numbered(_));
                        prop_assert_eq!(is_numbered(&kept), is_numbered(&batch));
                        batch = kept;
                    }
                    // Batches with and without numbers may take turns.
                    1 => batch = without_ids(&batch),
                    2 => {
                        with.forget_groups();
                        without.forget_groups();
                    }
                    _ => {}
                }
                with.update(&batch).unwrap();
                without.update(&without_ids(&batch)).unwrap();
            }
            prop_assert_eq!(answer(with), answer(without));
        }
    }

    #[test]
    fn every_tag_of_a_charge_has_its_cost() {
        let mut query = ChargeQuery::total();
        query.by = Dimension::parse_list("tag_id").unwrap();
        let plan = Plan::new(query).unwrap();
        assert_eq!(plan.hint.tags, WantedTags::Numbers);
        let mut sums = Sums::new(Arc::new(plan));
        let mut memory = TagMemory::with_limit(1 << 20);
        let mut expected: std::collections::BTreeMap<String, (i128, u64)> = std::collections::BTreeMap::new();
        // Batches of few charges after such of many, and rows of more tags than are written at once.
        for (n_rows, n_tags) in [(9, 3), (40, 12), (3, 5), (1, 0), (7, 4), (2, 30)] {
            let texts: Vec<String> = (0..n_rows)
                .map(|row| {
                    let tags = (0..(row * 7) % (n_tags + 1)).map(|tag| format!("t{}", (tag * 5 + row) % 41));
                    tags.collect::<Vec<_>>().join(" ")
                })
                .collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            sums.update(&batch(&texts, WantedTags::Numbers, &mut memory).unwrap())
                .unwrap();
            for (row, text) in (0_i128..).zip(texts) {
                let tags: std::collections::BTreeSet<&str> = text.split(' ').collect();
                for tag in tags {
                    let (cost, charges) = expected.entry(tag.to_owned()).or_default();
                    *cost += row * row + 1;
                    *charges += 1;
                }
            }
        }
        let answer = sums.finish().unwrap().answer;
        let found: Vec<(String, i128, u64)> = (0..answer.len())
            .map(|at| {
                let row = answer.row(at);
                let (cost, scale) = row.cost().parts();
                let unit = 10_i128.pow(u32::from(2 - scale));
                (
                    row.key(0).to_owned(),
                    cost.to_i128().unwrap() * unit,
                    row.charges(),
                )
            })
            .collect();
        let expected: Vec<(String, i128, u64)> = expected
            .into_iter()
            .map(|(tag, (cost, charges))| (tag, cost, charges))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn numbers_are_put_in_order_and_each_once() {
        for (numbers, expected) in [
            (vec![], vec![]),
            (vec![3], vec![3]),
            (vec![3, 1, 3, 2, 1, 1], vec![1, 2, 3]),
        ] {
            let mut sorted: Vec<u32> = numbers;
            let n = sort_and_dedup(&mut sorted);
            assert_eq!(sorted[..n], expected);
        }
    }
}
