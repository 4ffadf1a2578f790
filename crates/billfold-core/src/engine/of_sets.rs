//! What is made of sets of tags: once for each set, in whatever batches it stands.

use std::sync::Arc;

use arrow::array::ArrayRef;

use crate::charge::batch::{TagColumn, TagSets};

/// What is made of each set of tags.
#[derive(Debug)]
pub(super) struct OfSets<T> {
    met: Met,
    of_sets: Vec<T>,
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
            of_sets: Vec::new(),
        }
    }
}

impl<T: Copy> OfSets<T> {
    /// Forgets everything, unless it is of the same sets; says whether it did.
    pub(super) fn forget_others(&mut self, sets: TagSets<'_>) -> bool {
        self.met = match (&self.met, sets) {
            (Met::Array(met), TagSets::Array(array)) if Arc::ptr_eq(met, array) => return false,
            (Met::Lineage(met), TagSets::Numbered(sets)) if Arc::ptr_eq(met, sets.lineage()) => return false,
            (_, TagSets::Array(array)) => Met::Array(Arc::clone(array)),
            (_, TagSets::Numbered(sets)) => Met::Lineage(Arc::clone(sets.lineage())),
        };
        self.of_sets.clear();
        true
    }

    /// Per set of the batch what `make` gives, which is asked for those that are new.
    pub(super) fn turn_to(&mut self, tags: &TagColumn<'_>, make: impl FnMut(usize) -> T) -> &[T] {
        self.forget_others(tags.sets());
        let new = self.of_sets.len()..tags.n_sets();
        self.of_sets.extend(new.map(make));
        &self.of_sets
    }

    /// Per set of the batch that was turned to last.
    #[inline]
    pub(super) fn of_batch(&self) -> &[T] {
        &self.of_sets
    }
}
