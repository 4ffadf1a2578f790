//! What is made of sets of tags: once for each set, whatever batch it stands in.

use std::sync::Arc;

use arrow::array::ArrayRef;

use crate::charge::batch::{SameSets, TagColumn};

/// What is made of each set of tags once, in whatever batch it stands, as far as that can be told.
#[derive(Debug)]
pub(super) struct OfSets<T> {
    met: Met,
    /// Per set of the batch.
    here: Vec<T>,
    /// Per number of a lineage's set, where those are not the codes of a batch.
    remembered: Vec<Option<T>>,
}

/// Whose sets these are.
#[derive(Debug)]
enum Met {
    Nobody,
    /// Those that batches share.
    Shared(ArrayRef),
    /// Those that a lineage numbers.
    Ids(Arc<()>),
    /// Those of a lineage, all of them.
    Numbers(Arc<()>),
}

impl<T> Default for OfSets<T> {
    fn default() -> Self {
        OfSets {
            met: Met::Nobody,
            here: Vec::new(),
            remembered: Vec::new(),
        }
    }
}

impl<T: Copy> OfSets<T> {
    /// Forgets everything, unless it is of the same sets; says whether it did.
    pub(super) fn forget_others(&mut self, same_sets: SameSets<'_>) -> bool {
        self.met = match (&self.met, same_sets) {
            (Met::Shared(met), SameSets::Array(array)) if Arc::ptr_eq(met, array) => return false,
            (Met::Ids(met), SameSets::Ids(ids)) if Arc::ptr_eq(met, ids.lineage()) => return false,
            (Met::Numbers(met), SameSets::Numbers(sets)) if Arc::ptr_eq(met, sets.lineage()) => return false,
            (_, SameSets::Array(array)) => Met::Shared(Arc::clone(array)),
            (_, SameSets::Ids(ids)) => Met::Ids(Arc::clone(ids.lineage())),
            (_, SameSets::Numbers(sets)) => Met::Numbers(Arc::clone(sets.lineage())),
        };
        self.here.clear();
        self.remembered.clear();
        true
    }

    /// Per set of the batch that was turned to last.
    #[inline]
    pub(super) fn of_batch(&self) -> &[T] {
        &self.here
    }

    /// Per set of the batch what `make` gives, which is asked for those that are new.
    pub(super) fn turn_to(&mut self, tags: &TagColumn<'_>, mut make: impl FnMut(usize) -> T) -> &[T] {
        let same_sets = tags.same_sets();
        self.forget_others(same_sets);
        let OfSets { here, remembered, .. } = self;
        if let SameSets::Ids(ids) = same_sets {
            here.clear();
            here.extend(ids.of_sets().iter().enumerate().map(|(set, id)| {
                let id = *id as usize;
                if id >= remembered.len() {
                    remembered.resize(id + 1, None);
                }
                *remembered[id].get_or_insert_with(|| make(set))
            }));
        } else {
            // Those that are known stay what they are.
            here.extend((here.len()..tags.n_sets()).map(make));
        }
        here
    }
}
