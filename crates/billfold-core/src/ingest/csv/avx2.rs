//! The same loops on AVX2, where the machine has it: the one module of billfold with unsafe code.
//!
//! The loops themselves are safe and generic over [`Block`]; here they are compiled a second time for
//! machines with AVX2 (and what is older), BMI, PCLMULQDQ and POPCNT, and called only after those were detected. The property tests of
//! this folder hold both ways against the scalar rules.
#![expect(
    unsafe_code,
    reason = "a function compiled for AVX2 may be called only where AVX2 was detected"
)]

use std::arch::x86_64::{
    __m128i, __m256i, _mm_add_epi64, _mm_andnot_si128, _mm_blendv_epi8, _mm_clmulepi64_si128, _mm_cmpeq_epi8,
    _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_extract_epi64, _mm_insert_epi32, _mm_loadu_si128,
    _mm_madd_epi16, _mm_maddubs_epi16, _mm_movemask_epi8, _mm_or_si128, _mm_packus_epi32, _mm_set_epi16,
    _mm_set_epi64x, _mm_set1_epi8, _mm_set1_epi16, _mm_set1_epi32, _mm_shuffle_epi8, _mm_slli_si128,
    _mm_subs_epu8, _mm_subs_epu16, _mm_testz_si128, _mm_xor_si128, _mm256_add_epi64, _mm256_castsi256_si128,
    _mm256_cmpeq_epi8, _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256,
    _mm256_sad_epu8, _mm256_set1_epi8, _mm256_setzero_si256, _mm256_sub_epi8, _pdep_u64,
};

use super::fill::Fill;
use super::marks::{Marker, Marks, Pass};
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
    fn any_of(self, bytes: [u8; 3]) -> u64 {
        // SAFETY: as above.
        unsafe { any_of(self, bytes) }
    }

    #[inline(always)]
    fn tally(self, byte: u8, tallies: Self) -> Self {
        // SAFETY: as above.
        unsafe { tally(self, byte, tallies) }
    }

    #[inline(always)]
    fn tallied(self) -> u64 {
        // SAFETY: as above.
        unsafe { tallied(self) }
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

    #[inline(always)]
    fn short(text: &[u8; 16], len: usize) -> Option<(i64, u8)> {
        // SAFETY: as above.
        unsafe { short(text, len) }
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
fn any_of(block: Wide, bytes: [u8; 3]) -> u64 {
    let [a, b, c] = bytes.map(|byte| _mm256_set1_epi8(byte as i8));
    let found = |half| {
        let some = _mm256_or_si256(_mm256_cmpeq_epi8(half, a), _mm256_cmpeq_epi8(half, b));
        _mm256_movemask_epi8(_mm256_or_si256(some, _mm256_cmpeq_epi8(half, c))) as u32
    };
    u64::from(found(block.low)) | u64::from(found(block.high)) << 32
}

/// Equal bytes become all ones, one less than zero.
#[inline]
#[target_feature(enable = "avx2")]
fn tally(block: Wide, byte: u8, tallies: Wide) -> Wide {
    let wanted = _mm256_set1_epi8(byte as i8);
    Wide {
        low: _mm256_sub_epi8(tallies.low, _mm256_cmpeq_epi8(block.low, wanted)),
        high: _mm256_sub_epi8(tallies.high, _mm256_cmpeq_epi8(block.high, wanted)),
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn tallied(tallies: Wide) -> u64 {
    let none = _mm256_setzero_si256();
    let sums = _mm256_add_epi64(
        _mm256_sad_epu8(tallies.low, none),
        _mm256_sad_epu8(tallies.high, none),
    );
    let pairs = _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
    (_mm_cvtsi128_si64(pairs) + _mm_extract_epi64::<1>(pairs)).cast_unsigned()
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

/// Places of bytes to come: sixteen from place `n` on move `n` bytes to the end of a register, behind zeros. The
/// second table makes a zero of the first byte, too.
const TO_THE_END: [[u8; 32]; 2] = {
    let mut places = [0x80; 32];
    let mut at = 16;
    while at < 32 {
        places[at] = at as u8 - 16;
        at += 1;
    }
    let mut but_first = places;
    but_first[16] = 0x80;
    [places, but_first]
};
/// Sixteen bytes from place `16 - n` on are `n` with all bits and then none.
const FIRST: [u8; 32] = {
    let mut bits = [0; 32];
    let mut at = 0;
    while at < 16 {
        bits[at] = 0xff;
        at += 1;
    }
    bits
};

/// [`parse_short`](crate::money::parse_short) with all digits at once. The same texts, the same amounts.
#[inline]
#[target_feature(enable = "avx2,bmi1,lzcnt,popcnt")]
fn short(text: &[u8; 16], len: usize) -> Option<(i64, u8)> {
    let sign = usize::from(text[0] == b'-');
    // SAFETY: there are the 16 bytes that are loaded, and a load of this kind asks for no alignment.
    let text = unsafe { _mm_loadu_si128(text.as_ptr().cast()) };
    // Digits turn to their values, and a minus counts as a zero in front.
    let values = _mm_xor_si128(text, _mm_set1_epi8(b'0' as i8));
    let values = _mm_shuffle_epi8(values, sixteen_of(&TO_THE_END[sign], len));
    let points = _mm_cmpeq_epi8(values, _mm_set1_epi8((b'.' ^ b'0') as i8));
    let digits = _mm_andnot_si128(points, values);
    let strange = _mm_subs_epu8(digits, _mm_set1_epi8(9));
    let point = _mm_movemask_epi8(points) as u32;
    let n = len.wrapping_sub(sign);
    // Some characters, sixteen at most with the sign; one point at most, and beside it a digit. All in one branch:
    // which amounts have a point is not to be foreseen.
    let is_long = u32::from(n.wrapping_sub(1) > 15_usize.wrapping_sub(sign));
    let bare = point & u32::from(n == 1).wrapping_neg();
    let second = point & point.wrapping_sub(1);
    let is_strange = u32::from(_mm_testz_si128(strange, strange) == 0);
    if is_long | bare | second | is_strange != 0 {
        return None;
    }
    // What stands up to the point, which is a zero by now, moves on by one.
    let n_before = 32_u32.wrapping_sub(point.leading_zeros());
    let before = sixteen_of(&FIRST, 16_usize.wrapping_sub(n_before as usize));
    let digits = _mm_blendv_epi8(digits, _mm_slli_si128::<1>(digits), before);
    let scale = 16_u32.wrapping_sub(n_before) & 15;
    // Two digits, four, eight.
    let pairs = _mm_maddubs_epi16(digits, _mm_set1_epi16(i16::from_le_bytes([10, 1])));
    let fours = _mm_madd_epi16(pairs, _mm_set1_epi32((1 << 16) + 100));
    let eights = _mm_madd_epi16(_mm_packus_epi32(fours, fours), _mm_set1_epi32((1 << 16) + 10_000));
    let eights = _mm_cvtsi128_si64(eights).cast_unsigned();
    let magnitude = (eights & 0xffff_ffff) * 100_000_000 + (eights >> 32);
    let sign = (sign as i64).wrapping_neg();
    Some(((magnitude.cast_signed() ^ sign).wrapping_sub(sign), scale as u8))
}

/// Sixteen bytes of a table, from a place on that is 16 at most.
#[inline]
#[target_feature(enable = "avx2")]
fn sixteen_of(table: &[u8; 32], from: usize) -> __m128i {
    let some = table[from & 31..].first_chunk::<16>().unwrap_or(&[0; 16]);
    // SAFETY: there are the 16 bytes that are loaded, and a load of this kind asks for no alignment.
    unsafe { _mm_loadu_si128(some.as_ptr().cast()) }
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

/// [`Records::short_amounts`], where [`detected`] said yes.
pub(super) fn short_amounts(records: &Records<'_>, j: usize) -> Option<(Vec<i128>, u8)> {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,pclmulqdq,popcnt")]
    fn compiled(records: &Records<'_>, j: usize) -> Option<(Vec<i128>, u8)> {
        records.short_amounts_of::<Wide>(j)
    }
    debug_assert!(detected());
    // SAFETY: the only caller asks `detected()` first.
    unsafe { compiled(records, j) }
}

/// [`Marker::pass`], where [`detected`] said yes.
pub(super) fn pass(marker: &mut Marker, blocks: &[[u8; BLOCK]], places: &mut [u64]) -> Pass {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,pclmulqdq,popcnt")]
    fn compiled(marker: &mut Marker, blocks: &[[u8; BLOCK]], places: &mut [u64]) -> Pass {
        marker.pass_of::<Wide>(blocks, places)
    }
    debug_assert!(detected());
    // SAFETY: the only caller asks `detected()` first.
    unsafe { compiled(marker, blocks, places) }
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
pub(super) fn some_ends(fill: &mut Fill<'_>, marks: &Marks, n: usize) {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,pclmulqdq,popcnt")]
    fn compiled(fill: &mut Fill<'_>, marks: &Marks, n: usize) {
        fill.some_ends_of::<Wide>(marks, n);
    }
    debug_assert!(detected());
    // SAFETY: the only caller asks `detected()` first.
    unsafe { compiled(fill, marks, n) }
}
