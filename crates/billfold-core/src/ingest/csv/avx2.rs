//! The same loops on AVX2, where the machine has it: the one module of billfold with unsafe code.
//!
//! The loops themselves are safe and generic over [`Block`]; here they are compiled a second time for
//! machines with AVX2, BMI, PCLMULQDQ and POPCNT, and called only after those were detected. The property tests of
//! this folder hold both ways against the scalar rules.
#![expect(
    unsafe_code,
    reason = "a function compiled for AVX2 may be called only where AVX2 was detected"
)]

use std::ops::Range;

use std::arch::x86_64::{
    __m256i, _mm_clmulepi64_si128, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_set1_epi8, _mm256_cmpeq_epi8,
    _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _pdep_u64,
};

use super::fill::Fill;
use super::marks::{Marker, Marks};
use super::mask::{BLOCK, Block};

/// Whether this machine can run the functions below.
pub(super) fn detected() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("bmi2")
        && std::arch::is_x86_feature_detected!("lzcnt")
        && std::arch::is_x86_feature_detected!("pclmulqdq")
        && std::arch::is_x86_feature_detected!("popcnt")
}

/// A block in two AVX2 registers. Made only inside the functions of this module.
#[derive(Clone, Copy)]
struct Wide {
    low: __m256i,
    high: __m256i,
}

#[expect(
    clippy::inline_always,
    reason = "inlined into a function that is compiled for AVX2, or of no use"
)]
impl Block for Wide {
    #[inline(always)]
    fn new(bytes: &[u8; BLOCK]) -> Self {
        // SAFETY: `Wide` is private to this module, whose functions run only after `detected()`.
        unsafe { load(bytes) }
    }

    #[inline(always)]
    fn eq(self, byte: u8) -> u64 {
        // SAFETY: as above.
        unsafe { eq(self, byte) }
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { or(self, other) }
    }

    #[inline(always)]
    fn beyond_ascii(self) -> bool {
        // SAFETY: as above.
        unsafe { beyond_ascii(self) }
    }

    #[inline(always)]
    fn pick(picks: u64, mask: u64) -> u64 {
        // SAFETY: as above.
        unsafe { pick(picks, mask) }
    }

    #[inline(always)]
    fn prefix_xor(x: u64) -> u64 {
        // SAFETY: as above.
        unsafe { prefix_xor(x) }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; BLOCK]) -> Wide {
    let (low, high) = bytes.split_at(BLOCK / 2);
    // SAFETY: each half has the 32 bytes that are loaded, and a load of this kind asks for no alignment.
    unsafe {
        Wide {
            low: _mm256_loadu_si256(low.as_ptr().cast()),
            high: _mm256_loadu_si256(high.as_ptr().cast()),
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn eq(block: Wide, byte: u8) -> u64 {
    let wanted = _mm256_set1_epi8(byte as i8);
    let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(block.low, wanted)) as u32;
    let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(block.high, wanted)) as u32;
    u64::from(low) | u64::from(high) << 32
}

#[inline]
#[target_feature(enable = "avx2")]
fn or(a: Wide, b: Wide) -> Wide {
    Wide {
        low: _mm256_or_si256(a.low, b.low),
        high: _mm256_or_si256(a.high, b.high),
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn beyond_ascii(block: Wide) -> bool {
    _mm256_movemask_epi8(_mm256_or_si256(block.low, block.high)) != 0
}

/// Bits are deposited one after the other at the places of the set bits of the mask.
#[inline]
#[target_feature(enable = "bmi2")]
fn pick(picks: u64, mask: u64) -> u64 {
    _pdep_u64(picks, mask)
}

/// A product without carries by all ones adds up, bit by bit, all bits from the lowest on.
#[inline]
#[target_feature(enable = "pclmulqdq")]
fn prefix_xor(x: u64) -> u64 {
    let product = _mm_clmulepi64_si128::<0>(_mm_cvtsi64_si128(x as i64), _mm_set1_epi8(-1));
    _mm_cvtsi128_si64(product) as u64
}

/// [`Marker::run`], where [`detected`] said yes.
pub(super) fn mark(marker: &mut Marker, marks: &mut Marks, bytes: &[u8], blocks: Range<usize>) -> bool {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,pclmulqdq,popcnt")]
    fn compiled(marker: &mut Marker, marks: &mut Marks, bytes: &[u8], blocks: Range<usize>) -> bool {
        marker.run_of::<Wide>(marks, bytes, blocks)
    }
    debug_assert!(detected());
    // SAFETY: the only caller asks `detected()` first.
    unsafe { compiled(marker, marks, bytes, blocks) }
}

/// [`Fill::all_ends_of`], where [`detected`] said yes.
pub(super) fn all_ends(fill: &mut Fill<'_>, marks: &Marks) {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,pclmulqdq,popcnt")]
    fn compiled(fill: &mut Fill<'_>, marks: &Marks) {
        fill.all_ends_of::<Wide>(marks);
    }
    debug_assert!(detected());
    // SAFETY: the only caller asks `detected()` first.
    unsafe { compiled(fill, marks) }
}

/// [`Fill::some_ends_of`], where [`detected`] said yes.
pub(super) fn some_ends(fill: &mut Fill<'_>, marks: &Marks) {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,pclmulqdq,popcnt")]
    fn compiled(fill: &mut Fill<'_>, marks: &Marks) {
        fill.some_ends_of::<Wide>(marks);
    }
    debug_assert!(detected());
    // SAFETY: the only caller asks `detected()` first.
    unsafe { compiled(fill, marks) }
}
