//! What is made of sets of tags: once for each set, in whatever batches it stands.

use std::sync::Arc;

use arrow::array::ArrayRef;

use crate::charge::batch::{TagColumn, TagSets};

/// What is made of each set of tags.
#[derive(Debug)]
pub(super) struct OfSets<T> {
    met: Met,
    made: Vec<T>,
    /// Per set, whether that was made; none is before a charge has the set, since there may be many more sets than
    /// charges.
    is_made: Vec<bool>,
    n_open: usize,
}

/// Whose sets these are.
#[derive(Debug)]
enum Met {
    Nobody,
    /// Those of an array.
    Array(ArrayRef),
    /// Those of a lineage.
    Lineage(Arc<()>),
}

impl<T> Default for OfSets<T> {
    fn default() -> Self {
        OfSets {
            met: Met::Nobody,
            made: Vec::new(),
            is_made: Vec::new(),
            n_open: 0,
        }
    }
}

impl<T: Copy + Default> OfSets<T> {
    /// Forgets everything, unless it is of the same sets; says whether it did.
    pub(super) fn forget_others(&mut self, sets: TagSets<'_>) -> bool {
        self.met = match (&self.met, sets) {
            (Met::Array(met), TagSets::Array(array)) if Arc::ptr_eq(met, array) => return false,
            (Met::Lineage(met), TagSets::Numbered(sets)) if Arc::ptr_eq(met, sets.lineage()) => return false,
            (_, TagSets::Array(array)) => Met::Array(Arc::clone(array)),
            (_, TagSets::Numbered(sets)) => Met::Lineage(Arc::clone(sets.lineage())),
        };
        self.made.clear();
        self.is_made.clear();
        self.n_open = 0;
        true
    }

    /// Per set that charges of the batch have what `make` gives, which is asked for those that are new.
    pub(super) fn turn_to(&mut self, tags: &TagColumn<'_>, mut make: impl FnMut(usize) -> T) -> &[T] {
        self.forget_others(tags.sets());
        let OfSets {
            made,
            is_made,
            n_open,
            ..
        } = self;
        let n_sets = tags.n_sets().max(made.len());
        *n_open += n_sets - made.len();
        made.resize(n_sets, T::default());
        is_made.resize(n_sets, false);
        let mut codes = tags.codes().iter();
        while *n_open > 0
            && let Some(set) = codes.next()
        {
            let set = *set as usize;
            if !is_made[set] {
                is_made[set] = true;
                made[set] = make(set);
                *n_open -= 1;
            }
        }
        &self.made
    }

    /// The same of the batch that was turned to last.
    #[inline]
    pub(super) fn of_batch(&self) -> &[T] {
        &self.made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::charge::batch::{BatchParts, narrow_cost};
    use crate::charge::builder::constant;
    use crate::charge::tag_memory::{SetKey, TagMemory};
    use crate::charge::{ChargeBatch, WantedTags};

    /// A batch of a charge per text, which is its tag.
    fn batch(texts: &[&str], memory: &mut TagMemory) -> ChargeBatch {
        let mut sets = memory.next_batch(texts.len()).unwrap();
        let keys: Vec<SetKey<'_>> = texts.iter().map(|text| (text.as_bytes(), false)).collect();
        sets.push(&keys, |row, _, sink| {
            sink.push(texts[row], None);
            true
        });
        let n = texts.len();
        let parts = BatchParts {
            start: vec![0; n].into(),
            end: None,
            cost: narrow_cost(vec![1; n], 0, None).unwrap(),
            currency: constant("USD", n).unwrap(),
            text: Vec::new(),
            tags: Some(sets.finish(WantedTags::Numbers).unwrap().tags),
        };
        ChargeBatch::new(parts).unwrap()
    }

    #[test]
    fn each_set_that_charges_have_is_made_once_until_it_is_another() {
        let mut memory = TagMemory::default();
        let mut of_sets: OfSets<usize> = OfSets::default();
        let mut turn = |batch: &ChargeBatch| {
            let (tags, mut made) = (batch.tags().unwrap(), Vec::new());
            let found = of_sets.turn_to(&tags, |set| {
                let tag = tags.set(set).map(|(key, _)| key.to_owned()).collect::<String>();
                made.push(tag.clone());
                100 + tag.len()
            });
            for set in tags.codes() {
                let len: usize = tags.set(*set as usize).map(|(key, _)| key.len()).sum();
                assert_eq!(found[*set as usize], 100 + len);
            }
            made
        };
        let first = batch(&["a", "bb", "a"], &mut memory);
        assert_eq!(turn(&first), ["a", "bb"]);
        assert_eq!(turn(&batch(&["bb", "ccc", "", "ccc"], &mut memory)), ["ccc", ""]);
        // A batch from before, whose sets are fewer.
        assert!(turn(&first).is_empty());
        let later = batch(&["dddd", "bb"], &mut memory);
        assert_eq!(turn(&later), ["dddd"]);
        // Another lineage; then the first one again, of which only what is in use is made.
        assert_eq!(
            turn(&batch(&["eeeee", "a"], &mut TagMemory::default())),
            ["eeeee", "a"]
        );
        assert_eq!(turn(&later), ["dddd", "bb"]);
    }
}
