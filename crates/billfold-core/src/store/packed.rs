//! Packed columns: exact numbers in blocks, each in the fewest bytes that hold it.
//!
//! A block of 1,024 rows has one scale, one base and one unit (the greatest common divisor of the distances from
//! the base), and per row a little-endian multiple of that unit. What fits no such form is kept as it stands.

use crate::charge::builder::MoneyBuilder;
use crate::money::{Amount, rescale};

/// Rows of a block.
const BLOCK: usize = 1024;

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
        let bytes = &mut self.packed.bytes;
        let block =
            narrow(&self.pending, bytes).unwrap_or_else(|| Block::Plain(self.pending.as_slice().into()));
        self.packed.blocks.push(block);
        self.pending.clear();
    }
}

/// None where the values have no common scale, or are too far apart.
fn narrow(values: &[Option<Amount>], bytes: &mut Vec<u8>) -> Option<Block> {
    if values.iter().all(Option::is_none) {
        return Some(Block::Narrow {
            base: 0,
            unit: 1,
            at: bytes.len() as u64,
            width: 0,
            scale: 0,
            has_nulls: true,
        });
    }
    let scale = values.iter().flatten().map(|a| a.scale()).max().unwrap_or(0);
    let has_nulls = values.iter().any(Option::is_none);
    let at_scale = |a: &Amount| rescale(a.mantissa(), a.scale(), scale);
    let mut base = i128::MAX;
    for value in values.iter().flatten() {
        base = base.min(at_scale(value)?);
    }
    let mut unit = 0_u64;
    let mut far = 0_u64;
    for value in values.iter().flatten() {
        let distance = u64::try_from(at_scale(value)?.checked_sub(base)?).ok()?;
        far = far.max(distance);
        unit = common_divisor(distance, unit);
    }
    let unit = unit.max(1);
    let largest = (far / unit).checked_add(u64::from(has_nulls))?;
    let width = (64 - largest.leading_zeros()).div_ceil(8) as u8;
    let at = bytes.len() as u64;
    for value in values {
        let multiple = match value {
            None => 0,
            Some(value) => (at_scale(value)? - base) as u64 / unit + u64::from(has_nulls),
        };
        bytes.extend_from_slice(&multiple.to_le_bytes()[..usize::from(width)]);
    }
    Some(Block::Narrow {
        base,
        unit,
        at,
        width,
        scale,
        has_nulls,
    })
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
            Block::Narrow { .. } => 0,
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
            } => {
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
                ..
            } => {
                let base = *base as i64 - *unit as i64 * i64::from(*has_nulls);
                out.extend(within.map(|i| base.wrapping_add((self.word(*at, *width, i) * unit) as i64)));
            }
        });
    }

    /// The largest scale among rows.
    pub(super) fn scale(&self, rows: std::ops::Range<usize>) -> u8 {
        let mut largest = 0;
        self.pieces(rows, |block, within| {
            let scale = match block {
                Block::Narrow { scale, .. } => *scale,
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
            } => {
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
                    out.extend(within.map(|i| match self.word(*at, *width, i) {
                        0 => 0,
                        multiple => base + i128::from(multiple - 1) * unit,
                    }));
                } else {
                    out.extend(within.map(|i| base + i128::from(self.word(*at, *width, i)) * unit));
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
