//! Small numbers as Parquet packs them: runs of one number, and groups of eight in as few bits as they need.
//!
//! Levels and codes of dictionaries come so. Source: the RLE/bit-packing hybrid of the format's `Encodings.md`.
//! A run may claim any length, so nothing is unpacked before somebody asks for it.

use bytes::Bytes;

/// The stream ended before all numbers that were asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooShort;

/// A stream of numbers of `width` bits each.
#[derive(Debug)]
pub(super) struct Packed {
    bytes: Bytes,
    width: u32,
    /// Where the stream goes on after the run.
    at: usize,
    run: Run,
}

/// What is left of a run.
#[derive(Debug, Clone, Copy)]
enum Run {
    /// One number, so many times.
    Same { value: u32, n: usize },
    /// Numbers one after the other: the first of them stands `bit` bits behind the byte `from`.
    Each { from: usize, bit: usize, n: usize },
}

impl Packed {
    /// `width` is at most 32.
    pub(super) fn new(bytes: Bytes, width: u32) -> Self {
        debug_assert!(width <= 32);
        Packed {
            bytes,
            width,
            at: 0,
            run: Run::Same { value: 0, n: 0 },
        }
    }

    /// `n` numbers of `width` bits that stand one after the other, without a run's header.
    pub(super) fn plain(bytes: Bytes, width: u32, n: usize) -> Self {
        let n = (bytes.len() * 8).checked_div(width as usize).unwrap_or(n).min(n);
        Packed {
            at: bytes.len(),
            bytes,
            width,
            run: Run::Each { from: 0, bit: 0, n },
        }
    }

    /// Takes the next `n` numbers, at least one, if they are known to be the same without looking at each.
    pub(super) fn take_same(&mut self, n: usize) -> Result<Option<u32>, TooShort> {
        self.open()?;
        Ok(match &mut self.run {
            Run::Same { value, n: left } if *left >= n => {
                *left -= n;
                Some(*value)
            }
            _ => None,
        })
    }

    /// Unpacks the next numbers, as many as there is room for.
    pub(super) fn fill(&mut self, mut out: &mut [u32]) -> Result<(), TooShort> {
        while !out.is_empty() {
            self.open()?;
            let n = match &mut self.run {
                Run::Same { value, n: left } => {
                    let n = out.len().min(*left);
                    out[..n].fill(*value);
                    *left -= n;
                    n
                }
                Run::Each { from, bit, n: left } => {
                    let n = out.len().min(*left);
                    let first = *from * 8 + *bit;
                    unpack(&self.bytes, first, self.width, &mut out[..n]);
                    let end = first + n * self.width as usize;
                    (*from, *bit) = (end / 8, end % 8);
                    *left -= n;
                    n
                }
            };
            out = &mut out[n..];
        }
        Ok(())
    }

    /// Makes sure that the run has numbers left.
    fn open(&mut self) -> Result<(), TooShort> {
        while let Run::Same { n: 0, .. } | Run::Each { n: 0, .. } = self.run {
            self.run = self.next_run().ok_or(TooShort)?;
        }
        Ok(())
    }

    fn next_run(&mut self) -> Option<Run> {
        let header = self.varint()?;
        let n = usize::try_from(header >> 1).ok()?;
        let width = self.width as usize;
        if header & 1 == 0 {
            let value = self.bytes.get(self.at..self.at.checked_add(width.div_ceil(8))?)?;
            let mut word = [0; 4];
            word[..value.len()].copy_from_slice(value);
            self.at += value.len();
            return Some(Run::Same {
                value: u32::from_le_bytes(word),
                n,
            });
        }
        let from = self.at;
        let claimed = n.checked_mul(width)?;
        let end = from.checked_add(claimed)?.min(self.bytes.len());
        self.at = end;
        // The last group of a stream may be cut off where its numbers end.
        let n_here = ((end - from) * 8).checked_div(width);
        let n = n.checked_mul(8)?;
        Some(Run::Each {
            from,
            bit: 0,
            n: n_here.map_or(n, |here| here.min(n)),
        })
        .filter(|_| end > from || n == 0 || width == 0)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

/// Unpacks numbers of `width` bits; the first of them starts at bit `first` of the bytes.
fn unpack(bytes: &[u8], first: usize, width: u32, out: &mut [u32]) {
    // Up to a byte's border one by one, then groups of eight, which start and end at one.
    let n_single = match first % 8 {
        0 => 0,
        _ => (0..8)
            .find(|n| (first + n * width as usize).is_multiple_of(8))
            .unwrap_or(8),
    };
    let (head, rest) = out.split_at_mut(n_single.min(out.len()));
    unpack_each(bytes, first, width, head);
    let first = first + head.len() * width as usize;
    let n_grouped = if rest.is_empty() {
        0
    } else {
        unpack_groups(&bytes[first / 8..], width, rest)
    };
    unpack_each(
        bytes,
        first + n_grouped * width as usize,
        width,
        &mut rest[n_grouped..],
    );
}

/// One by one, to the last bit of the bytes.
fn unpack_each(bytes: &[u8], mut first: usize, width: u32, out: &mut [u32]) {
    for number in out {
        let rest = &bytes[(first / 8).min(bytes.len())..];
        let mut word = [0; 8];
        let n = rest.len().min(8);
        word[..n].copy_from_slice(&rest[..n]);
        *number = (u64::from_le_bytes(word) >> (first % 8)) as u32 & mask(width);
        first += width as usize;
    }
}

const fn mask(width: u32) -> u32 {
    ((1_u64 << width) - 1) as u32
}

/// Groups of eight, as long as whole words can be read; returns how many numbers those are.
fn unpack_groups(bytes: &[u8], width: u32, out: &mut [u32]) -> usize {
    macro_rules! by_width {
        ($($width:literal)*) => {
            match width {
                $($width => groups_of::<$width>(bytes, out),)*
                _ => 0,
            }
        };
    }
    by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32)
}

/// Eight numbers of `W` bits are `W` bytes.
fn groups_of<const W: usize>(bytes: &[u8], out: &mut [u32]) -> usize {
    // A number is read as the word around it, which reaches up to eight bytes past the group.
    let readable = bytes.len().saturating_sub(8) / W;
    let (groups, _) = out.as_chunks_mut::<8>();
    let n_groups = groups.len().min(readable);
    for (group, out) in groups[..n_groups].iter_mut().enumerate() {
        let window = &bytes[group * W..group * W + W + 8];
        for (i, number) in out.iter_mut().enumerate() {
            let bit = i * W;
            let word: [u8; 8] = window[bit / 8..bit / 8 + 8].try_into().unwrap_or_default();
            *number = (u64::from_le_bytes(word) >> (bit % 8)) as u32 & mask(W as u32);
        }
    }
    n_groups * 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A stream of runs: each a number repeated, or numbers packed, eight by eight.
    fn stream(runs: &[(bool, Vec<u32>)], width: u32) -> (Vec<u8>, Vec<u32>) {
        let (mut bytes, mut numbers) = (Vec::new(), Vec::new());
        let put_varint = |bytes: &mut Vec<u8>, mut n: u64| {
            while n >= 0x80 {
                bytes.push(n as u8 | 0x80);
                n >>= 7;
            }
            bytes.push(n as u8);
        };
        for (same, given) in runs {
            if *same {
                put_varint(&mut bytes, (given.len() as u64) << 1);
                let value = given[0] & mask(width);
                bytes.extend(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
                numbers.extend(std::iter::repeat_n(value, given.len()));
            } else {
                let n_groups = given.len().div_ceil(8);
                put_varint(&mut bytes, (n_groups as u64) << 1 | 1);
                let mut bits = vec![0_u8; n_groups * width as usize];
                for i in 0..n_groups * 8 {
                    let value = given.get(i).copied().unwrap_or(0) & mask(width);
                    numbers.push(value);
                    for b in 0..width as usize {
                        let at = i * width as usize + b;
                        bits[at / 8] |= ((value >> b & 1) as u8) << (at % 8);
                    }
                }
                bytes.extend(bits);
            }
        }
        (bytes, numbers)
    }

    proptest! {
        #[test]
        fn numbers_come_out_as_they_went_in(
            width in 0_u32..=32,
            runs in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u32>(), 1..70)), 0..6),
            steps in prop::collection::vec(1_usize..40, 1..8),
        ) {
            let (bytes, numbers) = stream(&runs, width);
            let mut packed = Packed::new(bytes.into(), width);
            let mut out = Vec::new();
            for step in steps.iter().cycle() {
                let n = (*step).min(numbers.len() - out.len());
                if n == 0 {
                    break;
                }
                if let Some(same) = packed.take_same(n).unwrap() {
                    out.extend(std::iter::repeat_n(same, n));
                } else {
                    let mut part = vec![0; n];
                    packed.fill(&mut part).unwrap();
                    out.extend(part);
                }
            }
            prop_assert_eq!(out, numbers);
            prop_assert_eq!(packed.fill(&mut [0]), Err(TooShort));
        }

        #[test]
        fn no_bytes_break_the_unpacking(
            width in 0_u32..=32,
            bytes in prop::collection::vec(any::<u8>(), 0..60),
            n in 0_usize..300,
        ) {
            let mut packed = Packed::new(bytes.into(), width);
            let _ = packed.take_same(n);
            let _ = packed.fill(&mut vec![0; n]);
        }
    }

    #[test]
    fn a_last_group_may_be_cut_off() {
        // Eight numbers of four bits are claimed, and three are there.
        let mut packed = Packed::new(vec![0b11, 0x21, 0x03].into(), 4);
        let mut out = [0; 4];
        packed.fill(&mut out).unwrap();
        assert_eq!(out, [1, 2, 3, 0]);
        assert_eq!(packed.fill(&mut [0]), Err(TooShort));
    }

    #[test]
    fn a_run_of_any_length_costs_nothing_by_itself() {
        let mut packed = Packed::new(vec![0xfe, 0xff, 0xff, 0xff, 0xff, 0x0f, 7].into(), 3);
        assert_eq!(packed.take_same(1 << 30), Ok(Some(7)));
    }
}
