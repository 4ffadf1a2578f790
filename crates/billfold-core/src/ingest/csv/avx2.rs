//! The same loops on AVX2, where the machine has it: the one module of billfold with unsafe code.
//!
//! The loops themselves are safe and generic over [`Block`]; here they are compiled a second time for
//! machines with AVX2 (and what is older), BMI, PCLMULQDQ and POPCNT, and called only after those were detected. The property tests of
//! this folder hold both ways against the scalar rules.
#![expect(
    unsafe_code,
    reason = "a function compiled for AVX2 may be called only where AVX2 was detected"
)]

use std::ops::Range;

use std::arch::x86_64::{
    __m128i, __m256i, _mm_clmulepi64_si128, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_extract_epi64,
    _mm_insert_epi32, _mm_loadu_si128, _mm_madd_epi16, _mm_maddubs_epi16, _mm_or_si128, _mm_set_epi16,
    _mm_set_epi64x, _mm_set1_epi8, _mm_set1_epi16, _mm_shuffle_epi8, _mm_subs_epu8, _mm_subs_epu16,
    _mm_testz_si128, _mm_xor_si128, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8,
    _mm256_or_si256, _mm256_set1_epi8, _pdep_u64,
};

use super::fill::Fill;
use super::marks::{Marker, Marks};
use super::mask::{BLOCK, Block};
use super::records::Records;
use crate::time::recent_instant;

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

    #[inline(always)]
    fn zulu(text: &[u8; 20]) -> Option<i64> {
        // SAFETY: as above.
        unsafe { zulu(text) }
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

/// [`parse_zulu`](crate::time::parse_zulu) with all digits at once. The same texts, the same instants.
#[inline]
#[target_feature(enable = "avx2")]
fn zulu(text: &[u8; 20]) -> Option<i64> {
    let (year, rest) = text.split_first_chunk::<4>()?;
    let rest: &[u8; 16] = rest.try_into().ok()?;
    // SAFETY: there are the 16 bytes that are loaded, and a load of this kind asks for no alignment.
    let rest = unsafe { _mm_loadu_si128(rest.as_ptr().cast()) };
    // A digit turns to its value, and a letter that stands in its place to 0.
    let shape = i128::from_le_bytes(*b"-00-00T00:00:00Z");
    let rest = _mm_xor_si128(rest, bytes_of(shape));
    let year = u32::from_le_bytes(*year) ^ u32::from_le_bytes(*b"0000");
    // Month, day, hour, minute, second, nothing, year.
    let places = [1, 2, 4, 5, 7, 8, 10, 11, 13, 14, -1, -1, -1, -1, -1, -1];
    let places = bytes_of(i128::from_le_bytes(places.map(i8::cast_unsigned)));
    let digits = _mm_insert_epi32::<3>(_mm_shuffle_epi8(rest, places), year.cast_signed());
    // The first digit of two counts ten, the second one.
    let pairs = _mm_maddubs_epi16(digits, _mm_set1_epi16(i16::from_le_bytes([10, 1])));
    // What is left of each byte and number above the most that it may be.
    let most = [0, 9, 9, 0, 9, 9, 0, 9, 9, 0, 9, 9, 0, 9, 9, 0];
    let strange = _mm_or_si128(
        _mm_or_si128(
            _mm_subs_epu8(rest, bytes_of(i128::from_le_bytes(most))),
            _mm_subs_epu8(digits, _mm_set1_epi8(9)),
        ),
        _mm_subs_epu16(pairs, _mm_set_epi16(99, 99, 0, 59, 59, 23, 99, 99)),
    );
    if _mm_testz_si128(strange, strange) == 0 {
        return None;
    }
    // Month and 256 days; seconds of hour and minute; seconds; year.
    let parts = _mm_madd_epi16(pairs, _mm_set_epi16(1, 100, 0, 1, 60, 3600, 256, 1));
    let low = _mm_cvtsi128_si64(parts).cast_unsigned();
    let high = _mm_extract_epi64::<1>(parts).cast_unsigned();
    let seconds = (low >> 32) as u32 + high as u32;
    recent_instant((high >> 32) as u32, low as u32 & 0xff, low as u32 >> 8, seconds)
}

#[inline]
#[target_feature(enable = "avx2")]
fn bytes_of(number: i128) -> __m128i {
    _mm_set_epi64x((number >> 64) as i64, number as i64)
}

/// [`Records::zulu_instants`], where [`detected`] said yes.
pub(super) fn zulu_instants(records: &Records<'_>, j: usize) -> Option<Vec<i64>> {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,pclmulqdq,popcnt")]
    fn compiled(records: &Records<'_>, j: usize) -> Option<Vec<i64>> {
        records.zulu_instants_of::<Wide>(j)
    }
    debug_assert!(detected());
    // SAFETY: the only caller asks `detected()` first.
    unsafe { compiled(records, j) }
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
