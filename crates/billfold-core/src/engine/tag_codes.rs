//! The tags of sets as codes: what a charge counts under when every tag is a group.

use std::sync::Arc;

use arrow::array::ArrayRef;

use super::group::Names;
use super::select::push_tag_text;
use crate::charge::batch::TagColumn;

/// The tags of each of the sets that batches share, as codes.
#[derive(Debug)]
pub(super) struct TagsOfSets {
    sets: ArrayRef,
    /// One set after the other, in ascending order, each code once a set.
    codes: Vec<u32>,
    /// Where each set ends, behind a 0.
    ends: Vec<usize>,
}

impl TagsOfSets {
    /// Those of a batch; a set without tags has the empty one.
    pub(super) fn new(tags: &TagColumn<'_>, names: &mut Names) -> Self {
        let mut codes: Vec<u32> = Vec::new();
        let mut ends = vec![0];
        let mut text = String::new();
        for set in 0..tags.n_sets() {
            let first = codes.len();
            for (key, value) in tags.set(set) {
                codes.push(match value {
                    None => names.code(key),
                    Some(_) => {
                        text.clear();
                        push_tag_text(&mut text, key, value);
                        names.code(&text)
                    }
                });
            }
            if codes.len() == first {
                codes.push(names.code(""));
            }
            // A key without a value may look like a pair.
            let n = sort_and_dedup(&mut codes[first..]);
            codes.truncate(first + n);
            ends.push(codes.len());
        }
        TagsOfSets {
            sets: Arc::clone(tags.shared()),
            codes,
            ends,
        }
    }

    /// Whether these are the sets of a batch.
    pub(super) fn are_of(&self, tags: &TagColumn<'_>) -> bool {
        Arc::ptr_eq(&self.sets, tags.shared())
    }

    /// The codes of a set.
    #[inline]
    pub(super) fn codes_of(&self, set: usize) -> &[u32] {
        &self.codes[self.ends[set]..self.ends[set + 1]]
    }
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
