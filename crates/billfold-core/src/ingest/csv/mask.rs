//! Sixty-four bytes at a time: which of them equal one byte, as the bits of a `u64`.
//!
//! Bit 0 stands for the first byte. Nothing here knows what the bytes mean, but for the shapes of a time and of an
//! amount that most bills write.

use wide::u8x32;

use crate::money::parse_short;
use crate::time::parse_zulu;

/// The bytes of a block.
pub(super) const BLOCK: usize = 64;
/// Blocks that [`Block::tally`] may count.
pub(super) const MAX_TALLY: usize = u8::MAX as usize;

/// One block of input in vector registers.
pub(super) trait Block: Copy {
    /// Loads 64 bytes.
    fn new(bytes: &[u8; BLOCK]) -> Self;

    /// The bytes that equal `byte`.
    fn eq(self, byte: u8) -> u64;

    /// The bytes that equal one of three.
    fn any_of(self, bytes: [u8; 3]) -> u64;

    /// Adds 1 in `tallies` at each place where a byte equals `byte`. Begin with zeros; sums do not grow past
    /// [`MAX_TALLY`].
    fn tally(self, byte: u8, tallies: Self) -> Self;

    /// The sum of all tallies.
    fn tallied(self) -> u64;

    /// The bytes, each with the bits of both.
    fn or(self, other: Self) -> Self;

    /// Whether some byte is not ASCII.
    fn beyond_ascii(self) -> bool;

    /// The set bits of `mask` that stand at the places of set bits of `picks`, counted from the lowest of both.
    #[inline]
    fn pick(picks: u64, mut mask: u64) -> u64 {
        let mut picked = 0;
        for i in 0..mask.count_ones() {
            let lowest = mask & mask.wrapping_neg();
            picked |= lowest & 0_u64.wrapping_sub(picks >> i & 1);
            mask ^= lowest;
        }
        picked
    }

    /// [`prefix_xor`], as this machine does it best.
    fn prefix_xor(x: u64) -> u64 {
        prefix_xor(x)
    }

    /// [`parse_zulu`], as this machine does it best.
    #[expect(
        clippy::inline_always,
        reason = "its constants stay in registers between cells"
    )]
    #[inline(always)]
    fn zulu(text: &[u8; 20]) -> Option<i64> {
        parse_zulu(text)
    }

    /// [`parse_short`], as this machine does it best.
    #[expect(
        clippy::inline_always,
        reason = "its constants stay in registers between cells"
    )]
    #[inline(always)]
    fn short(text: &[u8; 16], len: usize) -> Option<(i64, u8)> {
        parse_short(u128::from_le_bytes(*text), len)
    }

    /// A block of fewer than 64 bytes, filled up with zeros; mask the result with [`below`] its length.
    #[inline]
    fn partial(bytes: &[u8]) -> Self {
        let mut padded = [0_u8; BLOCK];
        padded[..bytes.len()].copy_from_slice(bytes);
        Self::new(&padded)
    }
}

/// A block on any machine.
#[derive(Clone, Copy)]
pub(super) struct Portable {
    low: u8x32,
    high: u8x32,
}

impl Block for Portable {
    #[inline]
    fn new(bytes: &[u8; BLOCK]) -> Self {
        let (low, high) = bytes.split_at(32);
        let mut halves = [[0_u8; 32]; 2];
        halves[0].copy_from_slice(low);
        halves[1].copy_from_slice(high);
        Portable {
            low: u8x32::from(halves[0]),
            high: u8x32::from(halves[1]),
        }
    }

    #[inline]
    fn eq(self, byte: u8) -> u64 {
        let wanted = u8x32::splat(byte);
        let low = self.low.simd_eq(wanted).to_bitmask();
        let high = self.high.simd_eq(wanted).to_bitmask();
        u64::from(low) | u64::from(high) << 32
    }

    #[inline]
    fn any_of(self, [a, b, c]: [u8; 3]) -> u64 {
        self.eq(a) | self.eq(b) | self.eq(c)
    }

    #[inline]
    fn tally(self, byte: u8, tallies: Self) -> Self {
        let wanted = u8x32::splat(byte);
        // All ones is one less than zero.
        Portable {
            low: tallies.low - self.low.simd_eq(wanted),
            high: tallies.high - self.high.simd_eq(wanted),
        }
    }

    #[inline]
    fn tallied(self) -> u64 {
        let tallies = self.low.to_array().into_iter().chain(self.high.to_array());
        tallies.map(u64::from).sum()
    }

    #[inline]
    fn or(self, other: Self) -> Self {
        Portable {
            low: self.low | other.low,
            high: self.high | other.high,
        }
    }

    #[inline]
    fn beyond_ascii(self) -> bool {
        let both = (self.low | self.high).to_array();
        both.iter().any(|byte| !byte.is_ascii())
    }
}

/// The lowest `n` bits, for `n` up to 64.
#[inline]
pub(super) fn below(n: usize) -> u64 {
    if n >= BLOCK { !0 } else { (1 << n) - 1 }
}

/// Bit i of the result is the parity of bits 0 to i: with quotes as input, the bytes from an opening
/// quote up to, and without, its closing quote.
#[inline]
pub(super) fn prefix_xor(mut x: u64) -> u64 {
    x ^= x << 1;
    x ^= x << 2;
    x ^= x << 4;
    x ^= x << 8;
    x ^= x << 16;
    x ^= x << 32;
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_stand_for_bytes_in_order() {
        let mut bytes = [b'x'; BLOCK];
        for at in [0, 1, 15, 16, 31, 32, 47, 63] {
            bytes[at] = b',';
            assert_eq!(Portable::new(&bytes).eq(b','), 1 << at, "{at}");
            bytes[at] = b'x';
        }
        assert_eq!(Portable::partial(b"a,b,").eq(b','), 0b1010);
        assert_eq!(Portable::partial(b"a,b;\"").any_of([b',', b'"', b'b']), 0b1_0110);
        assert!(!Portable::partial(b"a~").beyond_ascii());
        let umlaut = Portable::partial("ä".as_bytes());
        assert!(Portable::partial(b"a,b,").or(umlaut).beyond_ascii());
        assert_eq!(below(0), 0);
        assert_eq!(below(64), !0);
    }

    #[test]
    fn tallies_hold_as_many_blocks_as_they_say() {
        let none = Portable::new(&[0; BLOCK]);
        let block = Portable::new(&[b'\n'; BLOCK]);
        let tallies = (0..MAX_TALLY).fold(none, |tallies, _| block.tally(b'\n', tallies));
        assert_eq!(tallies.tallied(), (MAX_TALLY * BLOCK) as u64);
        assert_eq!(block.tally(b',', none).tallied(), 0);
    }

    #[test]
    fn bits_are_picked_in_turn() {
        assert_eq!(Portable::pick(0b101, 0b1101_1000), 0b0100_1000);
        assert_eq!(Portable::pick(!0, 0b1101_1000), 0b1101_1000);
        assert_eq!(Portable::pick(1 << 63, !0), 1 << 63);
        assert_eq!(Portable::pick(!0, 0), 0);
    }

    #[test]
    fn parity_covers_a_quote_up_to_its_partner() {
        assert_eq!(prefix_xor(0b0010_0100), 0b0001_1100);
        assert_eq!(prefix_xor(1), !0);
    }
}
