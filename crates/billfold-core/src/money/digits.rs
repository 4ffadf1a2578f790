//! Digits: an integer laid out as decimal text with a point, on the stack.
//!
//! The one place where the plain text of amounts and sums is made. Nothing here rounds.

use std::fmt;

use arrow::datatypes::i256;

/// Digits of the largest 256-bit integer.
const MAX_DIGITS_256: usize = 77;

/// The largest power of ten in 64 bits; integers are cut into pieces of its 19 digits.
const PIECE: u64 = 10_000_000_000_000_000_000;
const PIECE_DIGITS: usize = 19;

/// The decimal digits of an integer's magnitude, without leading zeros, and its sign.
pub(super) struct Digits {
    text: [u8; MAX_DIGITS_256],
    /// Where the first digit stands in `text`; zero has no digit at all.
    start: usize,
    negative: bool,
}

impl Digits {
    pub(super) fn of_i128(value: i128) -> Digits {
        let mut digits = Digits::none(value < 0);
        let mut rest = value.unsigned_abs();
        let mut end = MAX_DIGITS_256;
        while rest > 0 {
            digits.put((rest % u128::from(PIECE)) as u64, end);
            rest /= u128::from(PIECE);
            end = end.saturating_sub(PIECE_DIGITS);
        }
        digits.trim()
    }

    pub(super) fn of_i256(value: i256) -> Digits {
        if let Some(narrow) = value.to_i128() {
            return Digits::of_i128(narrow);
        }
        let piece = i256::from_i128(i128::from(PIECE));
        let mut digits = Digits::none(value.is_negative());
        let mut rest = value;
        let mut end = MAX_DIGITS_256;
        while rest != i256::ZERO {
            // The remainder carries the sign of `value` and is below 10¹⁹.
            digits.put(rest.wrapping_rem(piece).as_i128().unsigned_abs() as u64, end);
            rest = rest.wrapping_div(piece);
            end = end.saturating_sub(PIECE_DIGITS);
        }
        digits.trim()
    }

    fn none(negative: bool) -> Digits {
        Digits {
            text: [b'0'; MAX_DIGITS_256],
            start: MAX_DIGITS_256,
            negative,
        }
    }

    /// Writes a piece so that its last digit stands before `end`.
    fn put(&mut self, mut piece: u64, end: usize) {
        for place in self.text[..end].iter_mut().rev() {
            if piece == 0 {
                break;
            }
            *place = b'0' + (piece % 10) as u8;
            piece /= 10;
        }
    }

    fn trim(mut self) -> Digits {
        self.start = self
            .text
            .iter()
            .position(|&digit| digit != b'0')
            .unwrap_or(MAX_DIGITS_256);
        self
    }

    /// Writes the value of `digits × 10^-scale` with exactly the decimals it needs.
    pub(super) fn fmt_canonical(&self, scale: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = &self.text[self.start..];
        let trailing = digits.iter().rev().take_while(|&&digit| digit == b'0').count();
        let needed = usize::from(scale).saturating_sub(trailing);
        let mut out = Plain::new();
        if digits.is_empty() {
            out.push(b"0");
        } else {
            out.push_fixed(&digits[..digits.len() - (usize::from(scale) - needed)], needed);
        }
        // A number's padding: it takes a width, and never lets a precision cut digits off.
        f.pad_integral(!self.negative, "", out.as_str())
    }

    /// The value of `digits × 10^-scale` with exactly `places` decimals; `scale` is at most `places`.
    pub(super) fn to_fixed(&self, scale: u8, places: u8) -> String {
        let mut text = String::new();
        if self.negative {
            text.push('-');
        }
        let mut out = Plain::new();
        out.push_fixed(&self.text[self.start..], usize::from(scale));
        text.push_str(out.as_str());
        if scale == 0 && places > 0 {
            text.push('.');
        }
        text.extend(std::iter::repeat_n(
            '0',
            usize::from(places.saturating_sub(scale)),
        ));
        text
    }
}

/// The texts of 0 to 99.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

/// Lays a magnitude out at the end of `text`, in pairs of digits; where its first digit stands.
#[inline]
fn lay_out(mut value: u64, text: &mut [u8; 20]) -> usize {
    let mut at = text.len();
    while value >= 100 {
        at -= 2;
        text[at..at + 2].copy_from_slice(&PAIRS[(value % 100) as usize]);
        value /= 100;
    }
    if value >= 10 {
        at -= 2;
        text[at..at + 2].copy_from_slice(&PAIRS[value as usize]);
    } else {
        at -= 1;
        text[at] = b'0' + value as u8;
    }
    at
}

/// Appends the text of a count.
#[inline]
pub fn push_count(out: &mut Vec<u8>, count: u64) {
    let mut text = [0; 20];
    let start = lay_out(count, &mut text);
    out.extend_from_slice(&text[start..]);
}

/// Lays out all 19 digits of a piece in front of `end`.
#[inline]
fn lay_out_piece(mut piece: u64, text: &mut [u8; 40], end: usize) {
    let mut at = end;
    for _ in 0..PIECE_DIGITS / 2 {
        at -= 2;
        text[at..at + 2].copy_from_slice(&PAIRS[(piece % 100) as usize]);
        piece /= 100;
    }
    text[at - 1] = b'0' + (piece % 10) as u8;
}

/// Zeros that are cut off together, the inverse of so many fives (their product is 1 in 128 bits), and the largest
/// quotient by those.
const CUTS: [(u32, u128, u128); 6] = [cut(16), cut(16), cut(8), cut(4), cut(2), cut(1)];

const fn cut(zeros: u32) -> (u32, u128, u128) {
    let fives = 5_u128.pow(zeros);
    // Each step doubles the bits that are right; the first three are from the start.
    let mut inverse = fives;
    let mut n_right = 3;
    while n_right < u128::BITS {
        inverse = inverse.wrapping_mul(2_u128.wrapping_sub(fives.wrapping_mul(inverse)));
        n_right *= 2;
    }
    (zeros, inverse, u128::MAX / fives)
}

/// Cuts zeros off that stand behind the point: a product by an inverse is a quotient where nothing remains, and larger
/// than any quotient elsewhere.
#[inline]
fn trimmed(mut magnitude: u128, mut scale: usize) -> (u128, usize) {
    for (zeros, inverse, most) in CUTS {
        if scale >= zeros as usize && magnitude.trailing_zeros() >= zeros {
            let quotient = (magnitude >> zeros).wrapping_mul(inverse);
            if quotient <= most {
                magnitude = quotient;
                scale -= zeros as usize;
            }
        }
    }
    (magnitude, scale)
}

/// Appends `value × 10^-scale` in its canonical form, where 38 digits and 38 decimals hold it; false elsewhere.
#[inline]
pub(super) fn push_canonical(out: &mut Vec<u8>, value: i128, scale: u8) -> bool {
    if value == 0 {
        out.push(b'0');
        return true;
    }
    let (magnitude, scale) = trimmed(value.unsigned_abs(), usize::from(scale));
    let mut text = [b'0'; 40];
    let (high, low) = match u64::try_from(magnitude) {
        Ok(low) => (0, low),
        Err(_) => match u64::try_from(magnitude / u128::from(PIECE)) {
            Ok(high) if high < PIECE => {
                // What is left is below a piece, and so is its difference in 64 bits.
                (high, (magnitude as u64).wrapping_sub(high.wrapping_mul(PIECE)))
            }
            _ => return false,
        },
    };
    if scale > 2 * PIECE_DIGITS {
        return false;
    }
    let mut digits = [0; 20];
    let mut start = text.len();
    if high > 0 {
        lay_out_piece(low, &mut text, start);
        start -= PIECE_DIGITS;
    }
    let first = lay_out(if high > 0 { high } else { low }, &mut digits);
    let n_first = digits.len() - first;
    text[start - n_first..start].copy_from_slice(&digits[first..]);
    start -= n_first;

    if value < 0 {
        out.push(b'-');
    }
    let point = text.len() - scale;
    if start < point {
        out.extend_from_slice(&text[start..point]);
    } else {
        out.push(b'0');
    }
    if scale > 0 {
        out.push(b'.');
        // What stands in front of the first digit is zeros.
        out.extend_from_slice(&text[point..]);
    }
    true
}

/// A plain number without its sign: at most 77 digits, or a zero, a point and as many decimals as a scale has.
struct Plain {
    text: [u8; 2 + u8::MAX as usize],
    len: usize,
}

impl Plain {
    fn new() -> Plain {
        Plain {
            text: [b'0'; 2 + u8::MAX as usize],
            len: 0,
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        self.text[self.len..end].copy_from_slice(bytes);
        self.len = end;
    }

    /// Pushes digits with a point before the last `scale` of them, and the zeros that this takes.
    fn push_fixed(&mut self, digits: &[u8], scale: usize) {
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
        self.push(if whole.is_empty() { b"0" } else { whole });
        if scale > 0 {
            self.push(b".");
            self.len += scale - fraction.len();
            self.push(fraction);
        }
    }

    fn as_str(&self) -> &str {
        // Digits and a point are always text.
        std::str::from_utf8(&self.text[..self.len]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Canonical(i256, u8);

    impl fmt::Display for Canonical {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            Digits::of_i256(self.0).fmt_canonical(self.1, f)
        }
    }

    #[test]
    fn every_width_of_integer_is_laid_out() {
        for text in [
            "1",
            "-9",
            "10000000000000000000",
            "-9999999999999999999",
            "170141183460469231731687303715884105728",
            "100000000000000000000000000000000000000000000000000000000000000000000000000",
            "-57896044618658097711785492504343953926634992332820282019728792003956564819968",
            "57896044618658097711785492504343953926634992332820282019728792003956564819967",
        ] {
            let value: i256 = text.parse().unwrap();
            assert_eq!(Canonical(value, 0).to_string(), text);
        }
    }

    #[test]
    fn short_numbers_are_laid_out_as_all_numbers_are() {
        let mut values = vec![0i128, 1, 9, 10, 99, 100, 12345, 1_000_000, i128::from(u64::MAX)];
        values.extend((0..38).map(|n| 7 * 10i128.pow(n)));
        values.extend([
            i128::from(u64::MAX) * 977,
            i128::from(PIECE) * i128::from(PIECE) - 1,
            i128::MAX - 1,
        ]);
        for value in values.iter().flat_map(|v| [*v, -v, v + 1]) {
            for scale in 0..=38 {
                let mut out = Vec::new();
                if push_canonical(&mut out, value, scale) {
                    let text = String::from_utf8(out).unwrap();
                    assert_eq!(
                        text,
                        Canonical(i256::from_i128(value), scale).to_string(),
                        "{value} {scale}"
                    );
                } else {
                    assert!(value.unsigned_abs() >= u128::from(PIECE) * u128::from(PIECE));
                }
                let (mut magnitude, mut places) = (value.unsigned_abs(), usize::from(scale));
                while places > 0 && magnitude > 0 && magnitude.is_multiple_of(10) {
                    (magnitude, places) = (magnitude / 10, places - 1);
                }
                if value != 0 {
                    assert_eq!(
                        trimmed(value.unsigned_abs(), usize::from(scale)),
                        (magnitude, places)
                    );
                }
            }
        }
        let mut out = Vec::new();
        push_count(&mut out, 0);
        push_count(&mut out, u64::MAX);
        assert_eq!(out, format!("0{}", u64::MAX).as_bytes());
    }

    #[test]
    fn the_point_stands_where_the_scale_says() {
        for (value, scale, canonical, fixed) in [
            (0, 0, "0", "0.000"),
            (0, 3, "0", "0.000"),
            (1, 3, "0.001", "0.001"),
            (-10, 3, "-0.01", "-0.010"),
            (1000, 3, "1", "1.000"),
            (1000, 0, "1000", "1000.000"),
            (12345, 1, "1234.5", "1234.500"),
        ] {
            assert_eq!(Canonical(i256::from_i128(value), scale).to_string(), canonical);
            assert_eq!(Digits::of_i128(value).to_fixed(scale, 3), fixed);
        }
        assert_eq!(Digits::of_i128(7).to_fixed(0, 0), "7");
        assert_eq!(Digits::of_i128(7).to_fixed(0, 255).len(), 257);
    }
}
