//! Which field ends an index keeps, where only some columns will be read.

/// The columns of a file that will be read.
///
/// A record of 190 fields has 190 ends; a question reads eight of the fields. The index of a regular chunk
/// then keeps the ends on both sides of those, and the end of the record. Of fields that are likely as long in every
/// record, such as times, it keeps the end alone, unless it has the other one anyway.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// Columns of the file.
    n: usize,
    /// The fields whose ends are kept, ascending; the last field of a record is the last of them.
    kept: Vec<u32>,
    /// Per field of so many records that they have 64 fields, which of the 64 field ends from its own on are kept,
    /// the lowest bit for its own.
    ahead: Vec<u64>,
    /// Per column whose end is kept, where.
    places: Vec<Option<Places>>,
}

/// Where the ends around a field stand among those kept of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Places {
    /// That of the field before it, its own for the first field; None where that one is not kept.
    pub(super) before: Option<usize>,
    pub(super) own: usize,
}

impl Columns {
    /// All `n` columns of a file.
    pub fn all(n: usize) -> Self {
        Columns {
            n,
            ..Columns::default()
        }
    }

    /// Some of the `n` columns of a file; `steady` are those of them whose fields are likely of one length. Where that
    /// spares little it is as good as all of them.
    pub fn some(n: usize, wanted: &[usize], steady: &[usize]) -> Self {
        // The first and the last field have a border of the record for a neighbour.
        let is_by_end = |column: usize| column > 0 && column + 1 < n && steady.contains(&column);
        let mut kept: Vec<u32> = wanted
            .iter()
            .filter(|column| **column < n)
            .flat_map(|column| {
                [
                    column.checked_sub(1).filter(|_| !is_by_end(*column)),
                    Some(*column),
                ]
            })
            .flatten()
            .chain(n.checked_sub(1))
            .map(|field| field as u32)
            .collect();
        kept.sort_unstable();
        kept.dedup();
        // To pick costs a little, whatever is picked.
        if kept.len() * 4 > n * 3 {
            return Columns::all(n);
        }
        let is_kept: Vec<bool> = (0..n)
            .map(|field| kept.binary_search(&(field as u32)).is_ok())
            .collect();
        let n_ahead = n * 64_usize.div_ceil(n);
        let ahead = (0..n_ahead)
            .map(|field| {
                let bits = (0..64).filter(|i| is_kept[(field + i) % n]);
                bits.fold(0, |mask, i| mask | 1_u64 << i)
            })
            .collect();
        let place = |field: usize| kept.binary_search(&(field as u32)).ok();
        let places = (0..n)
            .map(|column| {
                let own = place(column)?;
                let before = if column == 0 { Some(own) } else { place(column - 1) };
                Some(Places { before, own })
            })
            .collect();
        Columns {
            n,
            kept,
            ahead,
            places,
        }
    }

    /// Columns of the file.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The fields whose ends are kept; None for all of them.
    pub(super) fn kept(&self) -> Option<&[u32]> {
        (!self.kept.is_empty()).then_some(&self.kept)
    }

    /// Per field of so many records that they have 64 fields, which of the 64 ends from its own on are kept; empty
    /// where all are.
    pub(super) fn ahead(&self) -> &[u64] {
        &self.ahead
    }

    /// Where the ends around a column stand among those kept of a record; None where its own is not.
    #[inline]
    pub(super) fn places(&self, column: usize) -> Option<Places> {
        *self.places.get(column)?
    }
}
