//! The sums of many groups: one integer per group, one scale for all.
//!
//! Adding is a scatter-add over slices in 128 bits; the column goes over to 256 bits as a whole the first time
//! that 128 do not hold, and stays exact or fails with the group. Nothing here knows what a group stands for.
//! Groups whose amounts are counted, too, begin in `counted`, and come here when a word no longer holds them.

use arrow::datatypes::i256;

use super::amount::{MAX_SCALE, POW10};
use super::digits::push_canonical;
use super::sum::{ExactSum, scaled_up};

/// Exact sums by dense group index.
#[derive(Debug, Clone, Default)]
pub struct SumColumn {
    sums: Sums,
    /// 0 to 38; the finest scale added so far.
    scale: u8,
}

#[derive(Debug, Clone)]
enum Sums {
    Narrow(Vec<i128>),
    Wide(Vec<i256>),
}

impl Default for Sums {
    fn default() -> Self {
        Sums::Narrow(Vec::new())
    }
}

/// A group's sum left the range of 256 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GroupOverflow {
    /// The dense index of the group.
    pub group: u32,
}

impl std::fmt::Display for GroupOverflow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the sum of group {} left the range of 256 bits", self.group)
    }
}

impl std::error::Error for GroupOverflow {}

impl SumColumn {
    /// A column of no groups.
    pub fn new() -> SumColumn {
        SumColumn::default()
    }

    /// The number of groups.
    pub fn len(&self) -> usize {
        match &self.sums {
            Sums::Narrow(sums) => sums.len(),
            Sums::Wide(sums) => sums.len(),
        }
    }

    /// True for a column of no groups.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes the column `n_groups` long; new groups start at zero.
    pub fn resize(&mut self, n_groups: usize) {
        match &mut self.sums {
            Sums::Narrow(sums) => sums.resize(n_groups, 0),
            Sums::Wide(sums) => sums.resize(n_groups, i256::ZERO),
        }
    }

    /// Makes room for so many groups more, and no others.
    pub fn reserve_exact(&mut self, more: usize) {
        match &mut self.sums {
            Sums::Narrow(sums) => sums.reserve_exact(more),
            Sums::Wide(sums) => sums.reserve_exact(more),
        }
    }

    /// The sum of a group; zero for a group that the column does not have.
    pub fn get(&self, group: u32) -> ExactSum {
        let value = match &self.sums {
            Sums::Narrow(sums) => sums.get(group as usize).copied().map(i256::from_i128),
            Sums::Wide(sums) => sums.get(group as usize).copied(),
        };
        value
            .and_then(|value| ExactSum::from_parts(value, self.scale))
            .unwrap_or(ExactSum::ZERO)
    }

    /// Adds one money column of a batch into its groups.
    ///
    /// Units: `mantissas` count units of `10^-scale`, `scale` at most 38. Nulls: pass zero.
    /// Shapes: `groups.len() == mantissas.len()`; every group is below `self.len()`.
    /// Errors: after one, the column is in no particular state; the run stops.
    ///
    /// # Panics
    /// When the shapes or the limit of the scale do not hold: a mistake of the caller that would lose money.
    pub fn add_narrow(&mut self, groups: &[u32], mantissas: &[i128], scale: u8) -> Result<(), GroupOverflow> {
        assert_eq!(groups.len(), mantissas.len(), "one amount per row");
        let factor = self.align(scale)?;
        let done = match &mut self.sums {
            Sums::Narrow(sums) if factor == 1 => scatter_add(sums, groups, mantissas),
            Sums::Narrow(sums) => scatter_add_scaled(sums, groups, mantissas, factor),
            Sums::Wide(_) => 0,
        };
        if done == groups.len() {
            return Ok(());
        }
        let (groups, mantissas) = (&groups[done..], &mantissas[done..]);
        let sums = self.widen();
        for (&group, &mantissa) in groups.iter().zip(mantissas) {
            // 2¹²⁷ × 10³⁸ stays inside 256 bits.
            let value = match mantissa.checked_mul(factor) {
                Some(value) => i256::from_i128(value),
                None => i256::from_i128(mantissa).wrapping_mul(i256::from_i128(factor)),
            };
            add_wide_one(sums, group, value)?;
        }
        Ok(())
    }

    /// Adds a column of 256-bit amounts into its groups. The column goes over to 256 bits.
    ///
    /// Units, shapes, nulls, errors and panics as for [`add_narrow`](SumColumn::add_narrow).
    ///
    /// # Panics
    /// When the shapes do not hold.
    pub fn add_wide(&mut self, groups: &[u32], mantissas: &[i256], scale: u8) -> Result<(), GroupOverflow> {
        assert_eq!(groups.len(), mantissas.len(), "one amount per row");
        let factor = i256::from_i128(self.align(scale)?);
        let sums = self.widen();
        for (&group, &mantissa) in groups.iter().zip(mantissas) {
            let value = match factor {
                i256::ONE => mantissa,
                _ => mantissa.checked_mul(factor).ok_or(GroupOverflow { group })?,
            };
            add_wide_one(sums, group, value)?;
        }
        Ok(())
    }

    /// Adds one sum to one group.
    ///
    /// # Panics
    /// When the group is not below `self.len()`.
    pub fn add_at(&mut self, group: u32, sum: &ExactSum) -> Result<(), GroupOverflow> {
        let (value, scale) = sum.parts();
        match value.to_i128() {
            Some(value) => self.add_narrow(&[group], &[value], scale),
            None => self.add_wide(&[group], &[value], scale),
        }
    }

    /// Adds another column: its group `i` goes to group `group_map[i]` of this one.
    ///
    /// Shapes: `group_map.len() == other.len()`; every target is below `self.len()`.
    /// Errors: the group of *this* column whose sum left the range.
    ///
    /// # Panics
    /// When the shapes do not hold.
    pub fn merge_mapped(&mut self, other: &SumColumn, group_map: &[u32]) -> Result<(), GroupOverflow> {
        match &other.sums {
            Sums::Narrow(sums) => self.add_narrow(group_map, sums, other.scale),
            Sums::Wide(sums) => self.add_wide(group_map, sums, other.scale),
        }
    }

    /// Adds some groups of another column: its group `from[i]` goes to group `groups[i]` of this one.
    ///
    /// `scratch` is room to work in. Shapes: `groups.len() == from.len()`; the groups are there in either column.
    /// Errors: the group of *this* column whose sum left the range.
    ///
    /// # Panics
    /// When the shapes do not hold.
    pub fn add_gathered(
        &mut self,
        groups: &[u32],
        other: &SumColumn,
        from: &[u32],
        scratch: &mut Vec<i128>,
    ) -> Result<(), GroupOverflow> {
        match &other.sums {
            Sums::Narrow(sums) => {
                scratch.clear();
                scratch.extend(from.iter().map(|group| sums[*group as usize]));
                self.add_narrow(groups, scratch, other.scale)
            }
            Sums::Wide(sums) => {
                let gathered: Vec<i256> = from.iter().map(|group| sums[*group as usize]).collect();
                self.add_wide(groups, &gathered, other.scale)
            }
        }
    }

    /// Puts the groups of another column behind those of this one.
    ///
    /// Errors: the group whose sum leaves the range at the finer scale of the two.
    pub fn append(&mut self, other: &SumColumn) -> Result<(), GroupOverflow> {
        let n = self.len();
        if let (Sums::Narrow(mine), Sums::Narrow(theirs)) = (&mut self.sums, &other.sums)
            && (self.scale == other.scale || mine.is_empty())
        {
            mine.extend_from_slice(theirs);
            self.scale = other.scale;
            return Ok(());
        }
        self.resize(n + other.len());
        let groups: Vec<u32> = (n as u32..(n + other.len()) as u32).collect();
        self.merge_mapped(other, &groups)
    }

    /// Appends the canonical text of a group's sum, as [`ExactSum`] displays it.
    pub fn push_text(&self, group: u32, out: &mut Vec<u8>) {
        if let Sums::Narrow(sums) = &self.sums
            && let Some(sum) = sums.get(group as usize)
            && push_canonical(out, *sum, self.scale)
        {
            return;
        }
        // Writing to a vector cannot fail.
        let _ = std::io::Write::write_fmt(out, format_args!("{}", self.get(group)));
    }

    /// Bytes that the sums take up.
    pub fn size_bytes(&self) -> usize {
        match &self.sums {
            Sums::Narrow(sums) => sums.len() * size_of::<i128>(),
            Sums::Wide(sums) => sums.len() * size_of::<i256>(),
        }
    }

    /// Brings the column to at least `scale`; the factor that brings values of `scale` to the column's.
    #[inline]
    fn align(&mut self, scale: u8) -> Result<i128, GroupOverflow> {
        if scale > self.scale {
            self.rescale(scale)?;
        }
        Ok(POW10[usize::from(self.scale - scale.min(self.scale))])
    }

    /// Once per finer scale that a run meets.
    #[cold]
    fn rescale(&mut self, scale: u8) -> Result<(), GroupOverflow> {
        assert!(scale <= MAX_SCALE, "an amount has at most 38 decimals");
        let places = scale - self.scale;
        self.scale = scale;
        if let Sums::Narrow(sums) = &mut self.sums {
            if sums.iter().all(|sum| *sum == 0) {
                return Ok(());
            }
            let factor = POW10[usize::from(places)];
            if sums.iter().all(|sum| sum.checked_mul(factor).is_some()) {
                for sum in sums {
                    *sum *= factor;
                }
                return Ok(());
            }
        }
        for (group, sum) in self.widen().iter_mut().enumerate() {
            *sum = scaled_up(*sum, places).ok_or(GroupOverflow { group: group as u32 })?;
        }
        Ok(())
    }

    /// The sums in 256 bits, whatever they were.
    fn widen(&mut self) -> &mut Vec<i256> {
        if let Sums::Narrow(sums) = &self.sums {
            self.sums = Sums::Wide(sums.iter().copied().map(i256::from_i128).collect());
        }
        match &mut self.sums {
            Sums::Wide(sums) => sums,
            Sums::Narrow(_) => unreachable!("widened above"),
        }
    }
}

/// The sum of integers, which 256 bits hold however many there are.
pub fn added_up(values: &[i128]) -> i256 {
    // Sums beside each other need not wait for one another.
    let (fours, rest) = values.as_chunks::<4>();
    let (mut sums, mut is_over) = ([0_i128; 4], false);
    for four in fours {
        for (sum, value) in sums.iter_mut().zip(four) {
            let (added, over) = sum.overflowing_add(*value);
            (*sum, is_over) = (added, is_over | over);
        }
    }
    let wide = |values: &[i128]| {
        let each = values.iter().copied().map(i256::from_i128);
        each.fold(i256::ZERO, i256::wrapping_add)
    };
    if is_over {
        return wide(values);
    }
    wide(&sums).wrapping_add(wide(rest))
}

/// Adds until a sum would leave 128 bits; how many rows were added.
#[inline]
fn scatter_add(sums: &mut [i128], groups: &[u32], mantissas: &[i128]) -> usize {
    for (row, (&group, &mantissa)) in groups.iter().zip(mantissas).enumerate() {
        let sum = &mut sums[group as usize];
        match sum.checked_add(mantissa) {
            Some(added) => *sum = added,
            None => return row,
        }
    }
    groups.len()
}

/// The same for values of a coarser scale than the column's.
#[inline]
fn scatter_add_scaled(sums: &mut [i128], groups: &[u32], mantissas: &[i128], factor: i128) -> usize {
    for (row, (&group, &mantissa)) in groups.iter().zip(mantissas).enumerate() {
        let sum = &mut sums[group as usize];
        match mantissa
            .checked_mul(factor)
            .and_then(|value| sum.checked_add(value))
        {
            Some(added) => *sum = added,
            None => return row,
        }
    }
    groups.len()
}

#[inline]
fn add_wide_one(sums: &mut [i256], group: u32, value: i256) -> Result<(), GroupOverflow> {
    let sum = &mut sums[group as usize];
    // The least integer has no negative and is no sum; see `ExactSum`.
    match sum.checked_add(value) {
        Some(added) if added != i256::MIN => *sum = added,
        _ => return Err(GroupOverflow { group }),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Amount;
    use proptest::prelude::*;

    fn column(n_groups: usize) -> SumColumn {
        let mut column = SumColumn::new();
        column.resize(n_groups);
        column
    }

    fn texts(column: &SumColumn) -> Vec<String> {
        (0..column.len())
            .map(|group| column.get(group as u32).to_string())
            .collect()
    }

    fn is_wide(column: &SumColumn) -> bool {
        matches!(column.sums, Sums::Wide(_))
    }

    #[test]
    fn batches_of_any_scale_add_up() {
        let mut sums = column(3);
        sums.add_narrow(&[0, 1, 0], &[1, 2, 3], 0).unwrap();
        sums.add_narrow(&[0, 1, 1], &[25, -50, 1], 2).unwrap();
        sums.add_narrow(&[0], &[10], 0).unwrap();
        assert_eq!(texts(&sums), ["14.25", "1.51", "0"]);
        assert_eq!(sums.get(2).parts(), (i256::ZERO, 2));
        assert_eq!(sums.get(3), ExactSum::ZERO);
        assert!(!is_wide(&sums));
    }

    #[test]
    fn integers_add_up_whatever_their_number_and_size() {
        for n in 0..12_i128 {
            let values: Vec<i128> = (0..n).map(|i| (i - 4) * 1_000_003).collect();
            assert_eq!(added_up(&values), i256::from_i128(values.iter().sum()));
            let values = vec![i128::MAX - n; n as usize];
            let expected = i256::from_i128(i128::MAX - n).wrapping_mul(i256::from_i128(n));
            assert_eq!(added_up(&values), expected);
            let values: Vec<i128> = values.iter().flat_map(|v| [*v, -v]).collect();
            assert_eq!(added_up(&values), i256::ZERO);
        }
    }

    #[test]
    fn a_column_widens_in_the_middle_of_a_batch() {
        let mut sums = column(2);
        sums.add_narrow(&[0, 1, 0, 1], &[i128::MAX, 1, i128::MAX, 1], 0)
            .unwrap();
        assert!(is_wide(&sums));
        assert_eq!(texts(&sums), ["340282366920938463463374607431768211454", "2"]);
        sums.resize(3);
        sums.add_narrow(&[2, 0], &[i128::MIN, i128::MIN], 0).unwrap();
        assert_eq!(sums.get(0).to_string(), "170141183460469231731687303715884105726");
        assert_eq!(sums.get(2).to_string(), i128::MIN.to_string());
    }

    #[test]
    fn a_column_widens_when_a_scale_asks_for_it() {
        let mut finer = column(2);
        finer.add_narrow(&[0], &[POW10[37]], 0).unwrap();
        finer.add_narrow(&[1], &[1], 38).unwrap();
        let mut coarser = column(2);
        coarser.add_narrow(&[1], &[1], 38).unwrap();
        coarser.add_narrow(&[0], &[POW10[37]], 0).unwrap();
        for sums in [finer, coarser] {
            assert!(is_wide(&sums));
            assert_eq!(texts(&sums), [POW10[37].to_string(), format!("0.{:038}", 1)]);
        }
    }

    #[test]
    fn an_overflow_names_the_group() {
        let mut sums = column(4);
        sums.add_wide(&[3], &[i256::MAX], 0).unwrap();
        assert_eq!(
            sums.clone().add_narrow(&[0, 3], &[1, 1], 0),
            Err(GroupOverflow { group: 3 })
        );
        assert_eq!(
            sums.clone().add_wide(&[3], &[i256::MAX], 0),
            Err(GroupOverflow { group: 3 })
        );
        assert_eq!(
            sums.clone().add_narrow(&[0], &[1], 1),
            Err(GroupOverflow { group: 3 })
        );
        let mut fine = column(2);
        fine.add_narrow(&[0], &[1], 1).unwrap();
        assert_eq!(
            fine.add_wide(&[1], &[i256::MAX], 0),
            Err(GroupOverflow { group: 1 })
        );
        let mut least = column(1);
        assert_eq!(
            least.add_wide(&[0], &[i256::MIN], 0),
            Err(GroupOverflow { group: 0 })
        );
    }

    #[test]
    #[should_panic(expected = "one amount per row")]
    fn columns_of_two_lengths_lose_no_money_silently() {
        let _ = column(1).add_narrow(&[0], &[], 0);
    }

    /// (group, mantissa, scale) of rows, in batches of one scale.
    fn batches() -> impl Strategy<Value = Vec<(u8, Vec<(u32, i128)>)>> {
        let mantissa = prop_oneof![
            3 => -1_000_000i128..1_000_000,
            1 => any::<i64>().prop_map(i128::from),
            1 => 1 - POW10[38]..POW10[38],
        ];
        let rows = prop::collection::vec((0u32..5, mantissa), 0..12);
        prop::collection::vec((prop_oneof![Just(0u8), Just(2), 0u8..=38], rows), 0..8)
    }

    fn add_all(column: &mut SumColumn, batches: &[(u8, Vec<(u32, i128)>)]) {
        for (scale, rows) in batches {
            let (groups, mantissas): (Vec<_>, Vec<_>) = rows.iter().copied().unzip();
            column.add_narrow(&groups, &mantissas, *scale).unwrap();
        }
    }

    proptest! {
        // At most 96 values below 10³⁸ each: with a scale of 38 that can leave 256 bits only where more
        // than five of the largest meet in a group, which the narrower range below keeps out.
        #[test]
        fn a_column_agrees_with_single_sums(batches in batches(), reversed in any::<bool>()) {
            let batches: Vec<_> = batches.into_iter().map(|(scale, rows)| {
                (scale, rows.into_iter().map(|(group, mantissa)| (group, mantissa / 100)).collect::<Vec<_>>())
            }).collect();
            let mut model = [ExactSum::ZERO; 5];
            for (scale, rows) in &batches {
                for &(group, mantissa) in rows {
                    model[group as usize].add_amount(Amount::new(mantissa, *scale).unwrap()).unwrap();
                }
            }
            let mut sums = column(5);
            let mut order = batches.clone();
            if reversed {
                order.reverse();
            }
            add_all(&mut sums, &order);
            for group in 0..5 {
                prop_assert_eq!(sums.get(group), model[group as usize]);
            }

            // One row at a time, in 256 bits, and in two workers with other group numbers: the same.
            let mut single = column(5);
            let mut wide = column(5);
            for (scale, rows) in &batches {
                for &(group, mantissa) in rows {
                    single.add_at(group, &ExactSum::from(Amount::new(mantissa, *scale).unwrap())).unwrap();
                    wide.add_wide(&[group], &[i256::from_i128(mantissa)], *scale).unwrap();
                }
            }
            let (left, right) = batches.split_at(batches.len() / 2);
            let (mut first, mut second) = (column(5), column(5));
            add_all(&mut first, left);
            add_all(&mut second, right);
            let mut appended = column(0);
            appended.append(&first).unwrap();
            appended.append(&second).unwrap();
            let mut gathered = column(5);
            gathered.add_gathered(&[0, 1, 2, 3, 4, 0, 1, 2, 3, 4], &appended, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
                &mut Vec::new()).unwrap();
            let mut merged = column(5);
            merged.merge_mapped(&second, &[4, 3, 2, 1, 0]).unwrap();
            merged.merge_mapped(&first, &[4, 3, 2, 1, 0]).unwrap();
            for group in 0..5 {
                let mut text = Vec::new();
                sums.push_text(group, &mut text);
                prop_assert_eq!(String::from_utf8(text).unwrap(), model[group as usize].to_string());
                prop_assert_eq!(single.get(group), model[group as usize]);
                prop_assert_eq!(wide.get(group), model[group as usize]);
                prop_assert_eq!(merged.get(4 - group), model[group as usize]);
                prop_assert_eq!(gathered.get(group), model[group as usize]);
            }
        }
    }
}
