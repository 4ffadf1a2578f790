//! Profiles: the distinct combinations of texts that charges have, each kept once.
//!
//! Bills repeat themselves: a resource is charged hour after hour under the same names. A filter is judged once per
//! profile, and a profile's charges lie side by side.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};

use super::packed::Packed;

/// Numbers below some limit, in the fewest bytes each.
#[derive(Debug)]
pub(super) enum Codes {
    /// All are 0.
    Zero,
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
}

impl Codes {
    /// Packs codes below `n`.
    pub(super) fn new(codes: &[u32], n: usize) -> Self {
        match n {
            0 | 1 => Codes::Zero,
            2..=0x100 => Codes::U8(codes.iter().map(|c| *c as u8).collect()),
            0x101..=0x1_0000 => Codes::U16(codes.iter().map(|c| *c as u16).collect()),
            _ => Codes::U32(codes.to_vec()),
        }
    }

    #[inline]
    pub(super) fn get(&self, idx: usize) -> u32 {
        match self {
            Codes::Zero => 0,
            Codes::U8(codes) => u32::from(codes[idx]),
            Codes::U16(codes) => u32::from(codes[idx]),
            Codes::U32(codes) => codes[idx],
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        match self {
            Codes::Zero => 0,
            Codes::U8(codes) => codes.capacity(),
            Codes::U16(codes) => codes.capacity() * 2,
            Codes::U32(codes) => codes.capacity() * 4,
        }
    }
}

/// The distinct texts of a column in byte order, and who has which.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) name: String,
    /// A `StringArray`, sorted.
    pub(super) values: ArrayRef,
}

impl Texts {
    pub(super) fn names(&self) -> &StringArray {
        self.values.as_string()
    }

    /// The code of a text.
    pub(super) fn code(&self, text: &str) -> Option<u32> {
        let names = self.names();
        let at = first(names.len(), |i| names.value(i) >= text);
        (at < names.len() && names.value(at) == text).then_some(at as u32)
    }
}

/// A text column that profiles share.
#[derive(Debug)]
pub(super) struct ProfileColumn {
    pub(super) texts: Texts,
    /// Per profile.
    pub(super) codes: Codes,
}

/// A text column with a code per charge, because its texts would tear profiles apart.
#[derive(Debug)]
pub(super) struct LooseColumn {
    pub(super) texts: Texts,
    pub(super) codes: Packed,
}

/// All profiles, ordered by resource.
#[derive(Debug)]
pub(super) struct Profiles {
    /// Per profile its first charge, and behind the last the number of charges.
    pub(super) first_row: Vec<u32>,
    pub(super) columns: Vec<ProfileColumn>,
    /// Codes in the order of the currencies' names.
    pub(super) currency: ProfileColumn,
    /// Distinct sets of tags (a `MapArray`), and which profile has which.
    pub(super) tags: Option<(ArrayRef, Codes)>,
    /// Per profile the cost of its charges.
    pub(super) cost: Packed,
    /// Per profile the length of its longest charge, microseconds.
    pub(super) longest: Packed,
    /// Column whose codes never fall from profile to profile.
    pub(super) sorted_by: Option<usize>,
}

impl Profiles {
    pub(super) fn len(&self) -> usize {
        self.first_row.len().saturating_sub(1)
    }

    pub(super) fn rows(&self, profile: usize) -> Range<usize> {
        self.first_row[profile] as usize..self.first_row[profile + 1] as usize
    }

    pub(super) fn column(&self, name: &str) -> Option<&ProfileColumn> {
        self.columns.iter().find(|c| c.texts.name == name)
    }

    /// The profiles with one of some codes in the sorted column; `codes` in ascending order.
    pub(super) fn with_codes(&self, column: &ProfileColumn, codes: &[u32]) -> Vec<Range<usize>> {
        let n = self.len();
        codes
            .iter()
            .map(|code| first(n, |p| column.codes.get(p) >= *code)..first(n, |p| column.codes.get(p) > *code))
            .filter(|range| !range.is_empty())
            .collect()
    }

    pub(super) fn size_bytes(&self) -> usize {
        let text = |texts: &Texts| texts.values.get_array_memory_size();
        self.first_row.capacity() * 4
            + self
                .columns
                .iter()
                .chain([&self.currency])
                .map(|c| c.codes.size_bytes() + text(&c.texts))
                .sum::<usize>()
            + self.tags.as_ref().map_or(0, |(sets, codes)| {
                sets.get_array_memory_size() + codes.size_bytes()
            })
            + self.cost.size_bytes()
            + self.longest.size_bytes()
    }
}

/// The first number below `n` for which a condition holds that never ceases to hold; `n` for none.
pub(super) fn first(n: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// Sorted texts of a column.
pub(super) fn texts(name: &str, sorted: impl Iterator<Item = String>) -> Texts {
    let values: StringArray = sorted.map(Some).collect();
    Texts {
        name: name.to_owned(),
        values: Arc::new(values),
    }
}
