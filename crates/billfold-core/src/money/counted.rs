//! The sums of many groups, and how many amounts are in each: what a group of charges comes to.
//!
//! A group is one integer of 128 bits as long as 96 hold its sum and 32 its count, so that adding a charge touches
//! one place of memory: sum × 2³² + count. The first time that they do not, all groups go over to a [`SumColumn`]
//! and counts beside it.

use arrow::datatypes::i256;

use super::amount::POW10;
use super::column::{GroupOverflow, SumColumn, added_up};
use super::sum::ExactSum;

/// Bits of a word that count.
const COUNT_BITS: u32 = 32;
/// One unit of a sum, in a word.
const ONE: i128 = 1 << COUNT_BITS;

/// Exact sums and counts by dense group index.
#[derive(Debug, Clone)]
pub struct CountedSums(State);

#[derive(Debug, Clone)]
enum State {
    Packed(Packed),
    Apart(Apart),
}

#[derive(Debug, Clone, Default)]
struct Packed {
    /// Per group its sum, above its count.
    words: Vec<i128>,
    /// 0 to 38; the finest scale added so far.
    scale: u8,
    /// At least the count of any group.
    most: u32,
}

#[derive(Debug, Clone, Default)]
struct Apart {
    sums: SumColumn,
    counts: Vec<u64>,
}

impl Default for CountedSums {
    fn default() -> Self {
        CountedSums(State::Packed(Packed::default()))
    }
}

/// Both parts of a word.
#[inline]
fn parts(word: i128) -> (i128, u64) {
    (word >> COUNT_BITS, u64::from(word as u32))
}

/// Whether 96 bits hold each of the amounts.
#[inline]
fn are_short(mantissas: &[i128]) -> bool {
    // What is above the lowest 95 bits of a number that is not negative, over all of them.
    let above = mantissas
        .iter()
        .fold(0, |above, m| above | (*m >> 64) as i64 ^ (*m >> 127) as i64);
    above >> 31 == 0
}

impl Packed {
    /// What amounts of `scale` are multiplied by on their way into a word, once the column has at least that scale and
    /// room for the count of `n` more; None where words cannot hold that.
    fn align(&mut self, scale: u8, n: usize) -> Option<i128> {
        let most = u32::try_from(n).ok().and_then(|n| self.most.checked_add(n))?;
        if scale > self.scale {
            self.rescale(scale)?;
        }
        let unit = POW10[usize::from(self.scale - scale)].checked_mul(ONE)?;
        self.most = most;
        Some(unit)
    }

    #[cold]
    fn rescale(&mut self, scale: u8) -> Option<()> {
        let factor = *POW10.get(usize::from(scale - self.scale))?;
        let scaled = |word: i128| {
            let (sum, count) = parts(word);
            let shifted = sum.checked_mul(factor)?.checked_mul(ONE)?;
            Some(shifted | i128::from(count))
        };
        if self.words.iter().any(|word| scaled(*word).is_none()) {
            return None;
        }
        for word in &mut self.words {
            *word = scaled(*word)?;
        }
        self.scale = scale;
        Some(())
    }

    /// Adds amounts that [are short](are_short) until a sum would leave 96 bits; how many were added.
    #[inline]
    fn add(&mut self, groups: &[u32], mantissas: impl Iterator<Item = i128>, scale: u8) -> usize {
        let Some(unit) = self.align(scale, groups.len()) else {
            return 0;
        };
        for (row, (&group, mantissa)) in groups.iter().zip(mantissas).enumerate() {
            let shifted = if unit == ONE {
                Some(mantissa << COUNT_BITS)
            } else {
                mantissa.checked_mul(unit)
            };
            let word = &mut self.words[group as usize];
            match shifted.and_then(|shifted| word.checked_add(shifted | 1)) {
                Some(added) => *word = added,
                None => return row,
            }
        }
        groups.len()
    }

    /// Adds the words of another column until a sum would leave 96 bits; how many were added.
    fn merge(&mut self, other: &Packed, group_map: &[u32]) -> usize {
        let Some(unit) = self.align(other.scale, other.most as usize) else {
            return 0;
        };
        for (at, (word, to)) in other.words.iter().zip(group_map).enumerate() {
            let (sum, count) = parts(*word);
            let mine = &mut self.words[*to as usize];
            let shifted = sum.checked_mul(unit);
            match shifted.and_then(|shifted| mine.checked_add(shifted | i128::from(count))) {
                Some(added) => *mine = added,
                None => return at,
            }
        }
        group_map.len()
    }
}

impl CountedSums {
    /// A column of no groups.
    pub fn new() -> Self {
        CountedSums::default()
    }

    /// The number of groups.
    pub fn len(&self) -> usize {
        match &self.0 {
            State::Packed(packed) => packed.words.len(),
            State::Apart(apart) => apart.counts.len(),
        }
    }

    /// True for a column of no groups.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes the column `n_groups` long; new groups start at zero.
    pub fn resize(&mut self, n_groups: usize) {
        match &mut self.0 {
            State::Packed(packed) => packed.words.resize(n_groups, 0),
            State::Apart(apart) => {
                apart.sums.resize(n_groups);
                apart.counts.resize(n_groups, 0);
            }
        }
    }

    /// The sum of a group; zero for a group that the column does not have.
    pub fn sum(&self, group: u32) -> ExactSum {
        match &self.0 {
            State::Packed(packed) => (packed.words.get(group as usize))
                .and_then(|word| ExactSum::from_parts(i256::from_i128(parts(*word).0), packed.scale))
                .unwrap_or(ExactSum::ZERO),
            State::Apart(apart) => apart.sums.get(group),
        }
    }

    /// The amounts in a group; none in a group that the column does not have.
    pub fn count(&self, group: u32) -> u64 {
        let count = match &self.0 {
            State::Packed(packed) => packed.words.get(group as usize).map(|word| parts(*word).1),
            State::Apart(apart) => apart.counts.get(group as usize).copied(),
        };
        count.unwrap_or(0)
    }

    /// Adds one money column of a batch into its groups, where each amount counts.
    ///
    /// Units, nulls, shapes and errors as for [`SumColumn::add_narrow`].
    ///
    /// # Panics
    /// When the shapes or the limit of the scale do not hold: a mistake of the caller that would lose money.
    pub fn add_narrow(&mut self, groups: &[u32], mantissas: &[i128], scale: u8) -> Result<(), GroupOverflow> {
        assert_eq!(groups.len(), mantissas.len(), "one amount per row");
        let done = match &mut self.0 {
            State::Packed(packed) if are_short(mantissas) => {
                packed.add(groups, mantissas.iter().copied(), scale)
            }
            _ => 0,
        };
        self.add_rest(&groups[done..], &mantissas[done..], scale)
    }

    /// The same where the amount of `groups[i]` is `mantissas[rows[i]]`.
    ///
    /// # Panics
    /// When the shapes do not hold, or an amount is not there.
    pub fn add_narrow_at(
        &mut self,
        groups: &[u32],
        rows: &[u32],
        mantissas: &[i128],
        scale: u8,
    ) -> Result<(), GroupOverflow> {
        assert_eq!(groups.len(), rows.len(), "one row per group");
        let amounts = rows.iter().map(|row| mantissas[*row as usize]);
        let done = match &mut self.0 {
            State::Packed(packed) if are_short(mantissas) => packed.add(groups, amounts.clone(), scale),
            _ => 0,
        };
        if done == groups.len() {
            return Ok(());
        }
        self.add_rest(&groups[done..], &amounts.skip(done).collect::<Vec<_>>(), scale)
    }

    /// Adds what words do not hold.
    fn add_rest(&mut self, groups: &[u32], mantissas: &[i128], scale: u8) -> Result<(), GroupOverflow> {
        if groups.is_empty() {
            return Ok(());
        }
        let Apart { sums, counts } = self.apart()?;
        for group in groups {
            counts[*group as usize] += 1;
        }
        sums.add_narrow(groups, mantissas, scale)
    }

    /// Adds a column of 256-bit amounts into its groups, where each counts.
    ///
    /// Units, shapes, nulls, errors and panics as for [`CountedSums::add_narrow`].
    ///
    /// # Panics
    /// When the shapes do not hold.
    pub fn add_wide(&mut self, groups: &[u32], mantissas: &[i256], scale: u8) -> Result<(), GroupOverflow> {
        let Apart { sums, counts } = self.apart()?;
        for group in groups {
            counts[*group as usize] += 1;
        }
        sums.add_wide(groups, mantissas, scale)
    }

    /// Adds a sum of `count` amounts to one group.
    ///
    /// # Panics
    /// When the group is not below `self.len()`.
    pub fn add_at(&mut self, group: u32, sum: &ExactSum, count: u64) -> Result<(), GroupOverflow> {
        let (value, scale) = sum.parts();
        self.add_value(group, value, scale, count)
    }

    fn add_value(&mut self, group: u32, value: i256, scale: u8, count: u64) -> Result<(), GroupOverflow> {
        if let (State::Packed(packed), Some(value), Ok(n)) =
            (&mut self.0, value.to_i128(), u32::try_from(count))
            && let Some(unit) = packed.align(scale, n as usize)
        {
            let word = &mut packed.words[group as usize];
            let shifted = value.checked_mul(unit);
            if let Some(added) = shifted.and_then(|shifted| word.checked_add(shifted | i128::from(n))) {
                *word = added;
                return Ok(());
            }
        }
        let Apart { sums, counts } = self.apart()?;
        counts[group as usize] += count;
        match value.to_i128() {
            Some(value) => sums.add_narrow(&[group], &[value], scale),
            None => sums.add_wide(&[group], &[value], scale),
        }
    }

    /// Adds sums of some amounts each into their groups.
    ///
    /// Units, shapes and errors as for [`CountedSums::add_narrow`]; `counts.len() == groups.len()`.
    ///
    /// # Panics
    /// When the shapes or the limit of the scale do not hold.
    pub fn add_counted(
        &mut self,
        groups: &[u32],
        mantissas: &[i128],
        scale: u8,
        counts: &[u64],
    ) -> Result<(), GroupOverflow> {
        assert_eq!(groups.len(), mantissas.len(), "one amount per row");
        assert_eq!(groups.len(), counts.len(), "one count per row");
        for ((group, mantissa), count) in groups.iter().zip(mantissas).zip(counts) {
            self.add_value(*group, i256::from_i128(*mantissa), scale, *count)?;
        }
        Ok(())
    }

    /// Adds a money column of a batch into one group.
    ///
    /// Units, nulls and errors as for [`CountedSums::add_narrow`].
    ///
    /// # Panics
    /// When the group is not below `self.len()`.
    pub fn add_run(&mut self, group: u32, mantissas: &[i128], scale: u8) -> Result<(), GroupOverflow> {
        self.add_value(group, added_up(mantissas), scale, mantissas.len() as u64)
    }

    /// Adds another column: its group `i` goes to group `group_map[i]` of this one.
    ///
    /// Shapes: `group_map.len() == other.len()`; every target is below `self.len()`.
    /// Errors: the group of *this* column whose sum left the range.
    ///
    /// # Panics
    /// When the shapes do not hold.
    pub fn merge_mapped(&mut self, other: &CountedSums, group_map: &[u32]) -> Result<(), GroupOverflow> {
        assert_eq!(group_map.len(), other.len(), "one target per group");
        let done = match (&mut self.0, &other.0) {
            (State::Packed(mine), State::Packed(theirs)) => mine.merge(theirs, group_map),
            _ => 0,
        };
        for (from, to) in group_map.iter().enumerate().skip(done) {
            self.add_at(*to, &other.sum(from as u32), other.count(from as u32))?;
        }
        Ok(())
    }

    /// Adds some groups to others elsewhere: group `from[i]` to group `to[i]` of `sums` and `counts`.
    ///
    /// `scratch` is room to work in. Shapes: `to.len() == from.len()`; the groups are there in either column.
    /// Errors: the group of `sums` whose sum left the range.
    ///
    /// # Panics
    /// When the shapes do not hold.
    pub fn add_some_to(
        &self,
        from: &[u32],
        to: &[u32],
        sums: &mut SumColumn,
        counts: &mut [u64],
        scratch: &mut Vec<i128>,
    ) -> Result<(), GroupOverflow> {
        assert_eq!(from.len(), to.len(), "one target per group");
        match &self.0 {
            State::Packed(packed) => {
                scratch.clear();
                scratch.extend(from.iter().zip(to).map(|(from, to)| {
                    let (sum, count) = parts(packed.words[*from as usize]);
                    counts[*to as usize] += count;
                    sum
                }));
                sums.add_narrow(to, scratch, packed.scale)
            }
            State::Apart(apart) => {
                for (from, to) in from.iter().zip(to) {
                    counts[*to as usize] += apart.counts[*from as usize];
                }
                sums.add_gathered(to, &apart.sums, from, scratch)
            }
        }
    }

    /// Bytes that the sums and counts take up.
    pub fn size_bytes(&self) -> usize {
        match &self.0 {
            State::Packed(packed) => packed.words.len() * size_of::<i128>(),
            State::Apart(apart) => apart.sums.size_bytes() + apart.counts.len() * size_of::<u64>(),
        }
    }

    /// Sums and counts apart, whatever they were.
    fn apart(&mut self) -> Result<&mut Apart, GroupOverflow> {
        if let State::Packed(packed) = &self.0 {
            let mut apart = Apart::default();
            apart.sums.resize(packed.words.len());
            let (sums, counts): (Vec<i128>, Vec<u64>) = packed.words.iter().map(|word| parts(*word)).unzip();
            let all: Vec<u32> = (0..packed.words.len() as u32).collect();
            apart.sums.add_narrow(&all, &sums, packed.scale)?;
            apart.counts = counts;
            self.0 = State::Apart(apart);
        }
        match &mut self.0 {
            State::Apart(apart) => Ok(apart),
            State::Packed(_) => unreachable!("taken apart above"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Amount;
    use proptest::prelude::*;

    const N: usize = 4;

    fn column() -> CountedSums {
        let mut column = CountedSums::new();
        column.resize(N);
        column
    }

    fn is_packed(column: &CountedSums) -> bool {
        matches!(column.0, State::Packed(_))
    }

    fn groups_of(column: &CountedSums) -> Vec<(String, u64)> {
        (0..column.len() as u32)
            .map(|group| (column.sum(group).to_string(), column.count(group)))
            .collect()
    }

    #[test]
    fn a_word_holds_what_96_and_32_bits_hold() {
        let (least, most) = (-(1_i128 << 95), (1_i128 << 95) - 1);
        assert!(are_short(&[least, most, 0, -1, 1]));
        for long in [least - 1, most + 1, i128::MIN, i128::MAX] {
            assert!(!are_short(&[0, long, -1]), "{long}");
            let mut sums = column();
            sums.add_narrow(&[1, 2], &[5, long], 0).unwrap();
            assert!(!is_packed(&sums));
            assert_eq!((sums.sum(2).to_string(), sums.count(2)), (long.to_string(), 1));
        }
        let mut sums = column();
        sums.add_narrow(&[0, 1, 0], &[least, most, 1], 0).unwrap();
        assert!(is_packed(&sums));
        // The third leaves the word: what was added before it stays added once.
        sums.add_narrow(&[0, 2, 1, 2], &[-1, 7, 1, 8], 0).unwrap();
        assert!(!is_packed(&sums));
        let expected = [
            (least.to_string(), 3),
            ((most + 1).to_string(), 2),
            ("15".to_owned(), 2),
            ("0".to_owned(), 0),
        ];
        assert_eq!(groups_of(&sums), expected);
    }

    #[test]
    fn counts_that_32_bits_do_not_hold_stand_apart() {
        let mut sums = column();
        let two = ExactSum::from(Amount::new(-2, 1).unwrap());
        sums.add_at(1, &two, u64::from(u32::MAX) - 1).unwrap();
        assert!(is_packed(&sums));
        sums.add_narrow(&[1], &[-3], 1).unwrap();
        assert!(is_packed(&sums));
        // Another group: the bound is of all of them.
        sums.add_narrow(&[0], &[4], 0).unwrap();
        assert!(!is_packed(&sums));
        sums.add_at(1, &two, u64::from(u32::MAX) + 1).unwrap();
        assert_eq!(
            (sums.sum(1).to_string(), sums.count(1)),
            ("-0.7".to_owned(), (1 << 33) - 1)
        );
        assert_eq!((sums.sum(0).to_string(), sums.count(0)), ("4".to_owned(), 1));
    }

    /// (group, mantissa) of rows, in batches of one scale.
    fn batches() -> impl Strategy<Value = Vec<(u8, Vec<(u32, i128)>)>> {
        let mantissa = prop_oneof![
            6 => -1_000_000_i128..1_000_000,
            2 => any::<i64>().prop_map(i128::from),
            1 => (any::<i64>(), 0_u32..62).prop_map(|(m, shift)| i128::from(m) << shift >> 26),
        ];
        let rows = prop::collection::vec((0..N as u32, mantissa), 0..12);
        prop::collection::vec((prop_oneof![4 => Just(2_u8), 1 => 0_u8..=30], rows), 0..8)
    }

    proptest! {
        #[test]
        fn sums_and_counts_are_those_of_a_column_of_each(batches in batches(), cut in 0_usize..8) {
            let (mut sums, mut counts) = (SumColumn::new(), [0_u64; N]);
            sums.resize(N);
            let mut whole = column();
            let mut halves = [column(), column()];
            let mut single = column();
            let mut runs = column();
            let mut wide = column();
            let mut by_row = column();
            for (i, (scale, rows)) in batches.iter().enumerate() {
                let (groups, mantissas): (Vec<u32>, Vec<i128>) = rows.iter().copied().unzip();
                sums.add_narrow(&groups, &mantissas, *scale).unwrap();
                for group in &groups {
                    counts[*group as usize] += 1;
                }
                whole.add_narrow(&groups, &mantissas, *scale).unwrap();
                // The last row first.
                let backwards: Vec<u32> = (0..rows.len() as u32).rev().collect();
                let groups_backwards: Vec<u32> = groups.iter().rev().copied().collect();
                by_row.add_narrow_at(&groups_backwards, &backwards, &mantissas, *scale).unwrap();
                halves[usize::from(i < cut)].add_narrow(&groups, &mantissas, *scale).unwrap();
                for (group, mantissa) in rows {
                    let sum = ExactSum::from_parts(i256::from_i128(*mantissa), *scale).unwrap();
                    single.add_at(*group, &sum, 1).unwrap();
                    wide.add_wide(&[*group], &[i256::from_i128(*mantissa)], *scale).unwrap();
                }
                for group in 0..N as u32 {
                    let own: Vec<i128> = rows.iter().filter(|row| row.0 == group).map(|row| row.1).collect();
                    runs.add_run(group, &own, *scale).unwrap();
                }
            }
            let expected: Vec<(String, u64)> =
                (0..N).map(|group| (sums.get(group as u32).to_string(), counts[group])).collect();
            let mut merged = column();
            for half in &halves {
                merged.merge_mapped(half, &[3, 2, 1, 0]).unwrap();
            }
            let (mut some, mut n_some) = (SumColumn::new(), [0; N]);
            some.resize(N);
            for half in &halves {
                half.add_some_to(&[3, 0, 2, 1], &[3, 0, 2, 1], &mut some, &mut n_some, &mut Vec::new()).unwrap();
            }
            for found in [&whole, &single, &runs, &wide, &by_row] {
                prop_assert_eq!(&groups_of(found), &expected);
            }
            for group in 0..N as u32 {
                let expected = &expected[group as usize];
                prop_assert_eq!((&merged.sum(3 - group).to_string(), merged.count(3 - group)), (&expected.0, expected.1));
                prop_assert_eq!((&some.get(group).to_string(), n_some[group as usize]), (&expected.0, expected.1));
            }
        }
    }
}
