//! Packed columns: exact numbers in blocks, each in the fewest bytes that hold it.
//!
//! A block of 1,024 rows has one scale, one base and one unit (the greatest common divisor of the distances from
//! the base), and per row a little-endian multiple of that unit. The few values that are far from the others,
//! or finer, stand apart in full; a block without such a form is kept as it stands.

use crate::charge::builder::MoneyBuilder;
use crate::money::{Amount, rescale};

/// Rows of a block.
const BLOCK: usize = 1024;

/// Values of a block that may stand apart.
const MAX_PATCHES: usize = BLOCK / 16;

/// A packed column.
#[derive(Debug, Default)]
pub(super) struct Packed {
    blocks: Vec<Block>,
    /// All blocks, and eight bytes behind the last so that a row can be read as a word.
    bytes: Vec<u8>,
    len: usize,
    has_values: bool,
}

#[derive(Debug)]
enum Block {
    /// `base + unit × multiple`, in units of `10^-scale`; with nulls the multiple is one more and 0 is null.
    Narrow {
        base: i128,
        unit: u64,
        at: u64,
        width: u8,
        scale: u8,
        has_nulls: bool,
        /// Rows, ascending, whose value stands here, being far from the others or finer than they are.
        patches: Box<[(u16, Amount)]>,
    },
    Plain(Box<[Option<Amount>]>),
}

/// Makes a packed column, row after row.
#[derive(Debug, Default)]
pub(super) struct Packer {
    packed: Packed,
    pending: Vec<Option<Amount>>,
}

impl Packer {
    /// Adds a row.
    pub(super) fn push(&mut self, value: Option<Amount>) {
        self.pending.push(value);
        if self.pending.len() == BLOCK {
            self.flush();
        }
    }

    /// Adds a row of a whole number.
    pub(super) fn push_int(&mut self, value: i64) {
        self.push(Amount::new(i128::from(value), 0));
    }

    /// Adds rows without a value.
    pub(super) fn push_nulls(&mut self, n: usize) {
        for _ in 0..n {
            self.push(None);
        }
    }

    /// The column.
    pub(super) fn finish(mut self) -> Packed {
        if !self.pending.is_empty() {
            self.flush();
        }
        self.packed.bytes.extend_from_slice(&[0; 8]);
        self.packed.bytes.shrink_to_fit();
        self.packed.blocks.shrink_to_fit();
        self.packed
    }

    fn flush(&mut self) {
        self.packed.len += self.pending.len();
        self.packed.has_values |= self.pending.iter().any(Option::is_some);
        // The decimals of a column say nothing about those of its values.
        for value in self.pending.iter_mut().flatten() {
            if value.scale() > 0 {
                *value = value.normalized();
            }
        }
        let bytes = &mut self.packed.bytes;
        let block =
            narrow(&self.pending, bytes).unwrap_or_else(|| Block::Plain(self.pending.as_slice().into()));
        self.packed.blocks.push(block);
        self.pending.clear();
    }
}

/// None where too many values have no common scale, or are too far apart.
fn narrow(values: &[Option<Amount>], bytes: &mut Vec<u8>) -> Option<Block> {
    let scale = values.iter().flatten().map(|a| a.scale()).max().unwrap_or(0);
    let whole = Form::of(values, scale, i128::MIN, i128::MAX);
    let form = match whole {
        Some(form) if form.width <= 2 => form,
        whole => {
            let trimmed = trimmed(values);
            let size = |form: &Form| form.size_bytes(values.len());
            match (whole, trimmed) {
                (Some(whole), Some(trimmed)) if size(&trimmed) < size(&whole) => trimmed,
                (Some(form), _) | (None, Some(form)) => form,
                (None, None) => return None,
            }
        }
    };
    Some(form.write(values, bytes))
}

/// How the values of a block are written.
struct Form {
    scale: u8,
    base: i128,
    /// The largest value that is not patched.
    top: i128,
    unit: u64,
    width: u8,
    has_nulls: bool,
    n_patches: usize,
}

impl Form {
    /// That of values at a scale; those that are finer, or outside `from..=to` at it, are patched.
    /// None where the others are too far apart.
    fn of(values: &[Option<Amount>], scale: u8, from: i128, to: i128) -> Option<Self> {
        let mut form = Form {
            scale,
            base: i128::MAX,
            top: i128::MIN,
            unit: 0,
            width: 0,
            has_nulls: values.iter().any(Option::is_none),
            n_patches: 0,
        };
        for value in values.iter().flatten() {
            match at_scale(value, scale).filter(|v| (from..=to).contains(v)) {
                Some(value) => {
                    form.base = form.base.min(value);
                    form.top = form.top.max(value);
                }
                None => form.n_patches += 1,
            }
        }
        if form.n_patches > MAX_PATCHES {
            return None;
        }
        if form.base > form.top {
            // Nothing but nulls and patches.
            return Some(Form {
                base: 0,
                top: -1,
                unit: 1,
                ..form
            });
        }
        let far = u64::try_from(form.top.checked_sub(form.base)?).ok()?;
        for value in values.iter().flatten() {
            if let Some(distance) = form.distance(value) {
                form.unit = common_divisor(distance, form.unit);
            }
        }
        form.unit = form.unit.max(1);
        let largest = (far / form.unit).checked_add(u64::from(form.has_nulls))?;
        form.width = (64 - largest.leading_zeros()).div_ceil(8) as u8;
        Some(form)
    }

    /// From the base, at the scale; None for a value that is patched.
    fn distance(&self, value: &Amount) -> Option<u64> {
        let value = at_scale(value, self.scale)?;
        (self.base..=self.top)
            .contains(&value)
            .then(|| (value - self.base) as u64)
    }

    fn size_bytes(&self, n: usize) -> usize {
        n * usize::from(self.width) + self.n_patches * size_of::<(u16, Amount)>()
    }

    fn write(self, values: &[Option<Amount>], bytes: &mut Vec<u8>) -> Block {
        let at = bytes.len() as u64;
        let mut patches = Vec::with_capacity(self.n_patches);
        for (row, value) in values.iter().enumerate() {
            let multiple = match value {
                None => 0,
                Some(value) => match self.distance(value) {
                    Some(distance) => distance / self.unit + u64::from(self.has_nulls),
                    None => {
                        patches.push((row as u16, *value));
                        0
                    }
                },
            };
            bytes.extend_from_slice(&multiple.to_le_bytes()[..usize::from(self.width)]);
        }
        Block::Narrow {
            base: self.base,
            unit: self.unit,
            at,
            width: self.width,
            scale: self.scale,
            has_nulls: self.has_nulls,
            patches: patches.into(),
        }
    }
}

/// The value in units of `10^-scale`; None where it is finer, or too large.
fn at_scale(value: &Amount, scale: u8) -> Option<i128> {
    rescale(value.mantissa(), value.scale(), scale)
}

/// The form that patches the values which cost the others most.
fn trimmed(values: &[Option<Amount>]) -> Option<Form> {
    let mut of_scale = [0_usize; 39];
    for value in values.iter().flatten() {
        of_scale[usize::from(value.scale())] += 1;
    }
    let mut n_finer: usize = of_scale.iter().sum();
    let scale = of_scale.iter().position(|n| {
        n_finer -= n;
        n_finer <= MAX_PATCHES / 2
    })? as u8;
    let mut near: Vec<i128> = values
        .iter()
        .flatten()
        .filter_map(|v| at_scale(v, scale))
        .collect();
    near.sort_unstable();
    let n = near.len();
    if n == 0 {
        return None;
    }
    let spare = MAX_PATCHES.saturating_sub(values.iter().flatten().count() - n);
    // How many to leave out, and how many of those at the lower end.
    let mut best: Option<(usize, i128, i128)> = None;
    for out in 0..=spare.min(n - 1) {
        for low in 0..=out {
            let (from, to) = (near[low], near[n - 1 - (out - low)]);
            let Some(far) = to.checked_sub(from).and_then(|far| u64::try_from(far).ok()) else {
                continue;
            };
            let width = (64 - far.leading_zeros()).div_ceil(8) as usize;
            let size = width * values.len() + out * size_of::<(u16, Amount)>();
            if best.is_none_or(|(least, ..)| size < least) {
                best = Some((size, from, to));
            }
        }
    }
    let (_, from, to) = best?;
    Form::of(values, scale, from, to)
}

/// Greatest common divisor; the divisor so far mostly divides the next number, too.
fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    if b == 1 || a == 0 {
        return b;
    }
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Packed {
    /// Rows.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether some row has a value.
    pub(super) fn has_values(&self) -> bool {
        self.has_values
    }

    /// Bytes of memory.
    pub(super) fn size_bytes(&self) -> usize {
        let plain = |block: &Block| match block {
            Block::Plain(values) => std::mem::size_of_val::<[_]>(values),
            Block::Narrow { patches, .. } => std::mem::size_of_val::<[_]>(patches),
        };
        self.bytes.capacity()
            + self.blocks.capacity() * size_of::<Block>()
            + self.blocks.iter().map(plain).sum::<usize>()
    }

    /// The value of a row.
    pub(super) fn get(&self, row: usize) -> Option<Amount> {
        match &self.blocks[row / BLOCK] {
            Block::Plain(values) => values[row % BLOCK],
            Block::Narrow {
                base,
                unit,
                at,
                width,
                scale,
                has_nulls,
                patches,
            } => {
                if let Some(amount) = patch_of(patches, row % BLOCK) {
                    return Some(amount);
                }
                let multiple = self.word(*at, *width, row % BLOCK);
                if *has_nulls && multiple == 0 {
                    return None;
                }
                let multiple = multiple - u64::from(*has_nulls);
                Amount::new(base + i128::from(multiple) * i128::from(*unit), *scale)
            }
        }
    }

    /// The whole number of a row; 0 for none.
    pub(super) fn int(&self, row: usize) -> i64 {
        self.get(row).map_or(0, |a| a.mantissa() as i64)
    }

    /// Appends the whole numbers of rows.
    pub(super) fn ints(&self, rows: std::ops::Range<usize>, out: &mut Vec<i64>) {
        self.pieces(rows, |block, within| match block {
            Block::Plain(values) => {
                out.extend(
                    values[within]
                        .iter()
                        .map(|v| v.map_or(0, |a| a.mantissa() as i64)),
                );
            }
            Block::Narrow {
                base,
                unit,
                at,
                width,
                has_nulls,
                patches,
                ..
            } => {
                let base = *base as i64 - *unit as i64 * i64::from(*has_nulls);
                let first = out.len();
                out.extend(within.clone().map(|i| {
                    let multiple = self.word(*at, *width, i);
                    if *has_nulls && multiple == 0 {
                        0
                    } else {
                        base.wrapping_add((multiple * unit) as i64)
                    }
                }));
                for (at, amount) in patches_in(patches, &within) {
                    out[first + at] = amount.mantissa() as i64;
                }
            }
        });
    }

    /// The largest scale among rows.
    pub(super) fn scale(&self, rows: std::ops::Range<usize>) -> u8 {
        let mut largest = 0;
        self.pieces(rows, |block, within| {
            let scale = match block {
                Block::Narrow { scale, patches, .. } => patches_in(patches, &within)
                    .map(|(_, amount)| amount.scale())
                    .max()
                    .map_or(*scale, |patched| patched.max(*scale)),
                Block::Plain(values) => values[within]
                    .iter()
                    .flatten()
                    .map(|a| a.scale())
                    .max()
                    .unwrap_or(0),
            };
            largest = largest.max(scale);
        });
        largest
    }

    /// Appends the amounts of rows in units of `10^-scale`, 0 for none; false when one does not fit 38 digits.
    pub(super) fn mantissas(&self, rows: std::ops::Range<usize>, scale: u8, out: &mut Vec<i128>) -> bool {
        let mut fits = true;
        self.pieces(rows, |block, within| match block {
            Block::Plain(values) => {
                for value in &values[within] {
                    let value = value.unwrap_or(Amount::ZERO);
                    match rescale(value.mantissa(), value.scale(), scale) {
                        Some(mantissa) => out.push(mantissa),
                        None => fits = false,
                    }
                }
            }
            Block::Narrow {
                base,
                unit,
                at,
                width,
                scale: own,
                has_nulls,
                patches,
            } => {
                let first = out.len();
                let up = |value: i128| rescale(value, *own, scale);
                // Base and reach bound all values of the block, so one look decides for all.
                let reach =
                    i128::from(*unit) * (i128::from(u64::MAX >> (64 - 8 * u32::from(*width).max(1))) + 1);
                let bound = base.unsigned_abs().saturating_add(reach.unsigned_abs());
                let (Some(_), Some(base), Some(unit)) = (
                    i128::try_from(bound)
                        .ok()
                        .and_then(up)
                        .filter(|b| *b < crate::money::POW10[38]),
                    up(*base),
                    up(i128::from(*unit)),
                ) else {
                    fits = false;
                    return;
                };
                if *has_nulls {
                    out.extend(within.clone().map(|i| match self.word(*at, *width, i) {
                        0 => 0,
                        multiple => base + i128::from(multiple - 1) * unit,
                    }));
                } else {
                    out.extend(
                        within
                            .clone()
                            .map(|i| base + i128::from(self.word(*at, *width, i)) * unit),
                    );
                }
                for (at, amount) in patches_in(patches, &within) {
                    match rescale(amount.mantissa(), amount.scale(), scale) {
                        Some(mantissa) => out[first + at] = mantissa,
                        None => fits = false,
                    }
                }
            }
        });
        fits
    }

    /// Appends the amounts of rows to a column that takes whatever scale they need.
    pub(super) fn amounts(&self, rows: std::ops::Range<usize>, out: &mut MoneyBuilder) {
        for row in rows {
            match self.get(row) {
                Some(amount) => out.push(amount),
                None => out.push_null(),
            }
        }
    }

    #[inline]
    fn word(&self, at: u64, width: u8, i: usize) -> u64 {
        if width == 0 {
            return 0;
        }
        let from = at as usize + i * usize::from(width);
        let word = self.bytes[from..]
            .first_chunk::<8>()
            .map_or(0, |bytes| u64::from_le_bytes(*bytes));
        word & (u64::MAX >> (64 - 8 * u32::from(width)))
    }

    fn pieces(&self, rows: std::ops::Range<usize>, mut piece: impl FnMut(&Block, std::ops::Range<usize>)) {
        let mut row = rows.start;
        while row < rows.end {
            let first = row - row % BLOCK;
            let end = rows.end.min(first + BLOCK);
            piece(&self.blocks[row / BLOCK], row - first..end - first);
            row = end;
        }
    }
}

/// The value of a row that stands apart.
#[inline]
fn patch_of(patches: &[(u16, Amount)], row: usize) -> Option<Amount> {
    if patches.is_empty() {
        return None;
    }
    let at = patches
        .binary_search_by_key(&row, |(row, _)| usize::from(*row))
        .ok()?;
    Some(patches[at].1)
}

/// The values of some rows that stand apart, and how far from the first of those rows.
fn patches_in<'a>(
    patches: &'a [(u16, Amount)],
    rows: &std::ops::Range<usize>,
) -> impl Iterator<Item = (usize, Amount)> + use<'a> {
    let first = rows.start;
    let at = |row: usize| patches.partition_point(|(patched, _)| usize::from(*patched) < row);
    let (from, to) = (at(first), at(rows.end));
    patches[from..to]
        .iter()
        .map(move |(row, amount)| (usize::from(*row) - first, *amount))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pack(values: &[Option<Amount>]) -> Packed {
        let mut packer = Packer::default();
        for value in values {
            packer.push(*value);
        }
        packer.finish()
    }

    fn any_value() -> impl Strategy<Value = Option<Amount>> {
        let limit = crate::money::POW10[38] - 1;
        prop_oneof![
            1 => Just(None),
            6 => (-1_000_000_i128..1_000_000, 0_u8..8).prop_map(|(m, s)| Amount::new(m, s)),
            1 => (-limit..limit, 0_u8..=38).prop_map(|(m, s)| Amount::new(m, s)),
        ]
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(values in proptest::collection::vec(any_value(), 0..3000), plain in any::<bool>()) {
            let values: Vec<Option<Amount>> = if plain {
                values
            } else {
                values.into_iter().map(|v| v.filter(|a| a.mantissa().abs() < 1_000_000 && a.scale() < 8)).collect()
            };
            let packed = pack(&values);
            prop_assert_eq!(packed.len(), values.len());
            for (row, value) in values.iter().enumerate() {
                prop_assert_eq!(packed.get(row), *value);
            }
            let scale = packed.scale(0..values.len());
            let mut mantissas = Vec::new();
            if packed.mantissas(0..values.len(), scale, &mut mantissas) {
                for (mantissa, value) in mantissas.iter().zip(&values) {
                    prop_assert_eq!(Amount::new(*mantissa, scale), Some(value.unwrap_or(Amount::ZERO)));
                }
            } else {
                prop_assert!(plain);
            }
        }

        #[test]
        fn whole_numbers_come_back(values in proptest::collection::vec(any::<i32>(), 1..3000), hours in any::<bool>()) {
            let unit = if hours { 3_600_000_000 } else { 1 };
            let values: Vec<i64> = values.into_iter().map(|v| i64::from(v) * unit).collect();
            let mut packer = Packer::default();
            for value in &values {
                packer.push_int(*value);
            }
            let packed = packer.finish();
            let mut out = Vec::new();
            packed.ints(0..values.len(), &mut out);
            prop_assert_eq!(&out, &values);
            prop_assert_eq!(packed.int(values.len() - 1), values[values.len() - 1]);
        }
    }

    #[test]
    fn a_few_odd_values_cost_the_others_nothing() {
        let values: Vec<Option<Amount>> = (0..10_240_i128)
            .map(|row| match row % 100 {
                7 => Amount::new(row * 1_234_567_890_123_456_789, 21),
                50 => Amount::new(-(10_i128.pow(30)) - row, 2),
                _ => Amount::new(row % 9_000, 3),
            })
            .collect();
        let packed = pack(&values);
        for (row, value) in values.iter().enumerate() {
            assert_eq!(packed.get(row), *value);
        }
        let mut mantissas = Vec::new();
        assert_eq!(packed.scale(0..107), 21);
        assert_eq!(packed.scale(8..107), 3);
        assert!(packed.mantissas(51..107, 3, &mut mantissas));
        assert_eq!(mantissas[1], 52);
        assert!(packed.size_bytes() < 10_240 * 4, "{}", packed.size_bytes());
    }

    #[test]
    fn nothing_takes_nothing() {
        let mut packer = Packer::default();
        packer.push_nulls(102_400);
        let packed = packer.finish();
        assert!(!packed.has_values() && packed.get(5).is_none());
        assert!(packed.size_bytes() < 102_400 / 10);
    }

    #[test]
    fn hours_and_cents_take_a_few_bytes() {
        let mut packer = Packer::default();
        for hour in 0..102_400 {
            packer.push_int(1_700_000_000_000_000 + hour % 744 * 3_600_000_000);
        }
        let packed = packer.finish();
        assert!(packed.size_bytes() < 102_400 * 5 / 2, "{}", packed.size_bytes());
    }
}
