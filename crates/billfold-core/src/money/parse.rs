//! Text and doubles into amounts: exact or refused.
//!
//! Every cell of a money column goes through here, so the usual shape (a sign, up to 32 characters,
//! one point, no exponent) is read eight digits at a time and without a loop. Whatever is unusual falls
//! through to one careful pass that decides by counting digits and never builds a power that it might
//! not need.

use std::fmt::Write;

use super::amount::{Amount, AmountError, MAX_DIGITS, MAX_SCALE, POW10};

/// Reads a cell that may be without a value: empty, `NULL`, `null`, `None` and `-` are null.
///
/// Source: semantics of empty cells, the spellings seen in real exports.
#[inline]
pub fn parse_cell(text: &[u8]) -> Result<Option<Amount>, AmountError> {
    match text {
        b"" | b"-" | b"NULL" | b"null" | b"None" => Ok(None),
        _ => Amount::parse(text).map(Some),
    }
}

impl Amount {
    /// Reads an optional sign, digits with an optional fraction (`.5` and `5.` too), an optional exponent.
    ///
    /// The scale is the number of decimals as written. Only where the text as written has too many
    /// digits or decimals are trailing zeros taken off, then all of them.
    ///
    /// Errors: nothing is rounded and nothing guessed; see [`AmountError`]. An exponent beyond ±9999 on
    /// a number that does not fit is [`AmountError::Range`] whichever way it points.
    #[inline]
    pub fn parse(text: &[u8]) -> Result<Amount, AmountError> {
        let (negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        let (magnitude, scale) = match parse_plain(unsigned) {
            Some(plain) => plain,
            None => match parse_scientific(unsigned) {
                Some(scientific) => scientific,
                None => parse_general(unsigned)?,
            },
        };
        let mantissa = magnitude as i128;
        Ok(Amount::within_limits(
            if negative { -mantissa } else { mantissa },
            scale,
        ))
    }

    /// The shortest decimal that reads back to the same double, which is what the writer printed.
    ///
    /// Minus zero is zero. Errors: a double that is not a number, or that needs more digits or
    /// decimals than an amount has.
    pub fn from_f64(value: f64) -> Result<Amount, AmountError> {
        // Small whole numbers, zero above all, are their own shortest decimal.
        let whole = value as i32;
        if f64::from(whole).to_bits() == value.to_bits() {
            return Ok(Amount::within_limits(i128::from(whole), 0));
        }
        let mut text = ShortText {
            bytes: [0; 32],
            len: 0,
        };
        // The longest is `-2.2250738585072014e-308`, 24 bytes.
        write!(text, "{value:e}").map_err(|_| AmountError::Syntax)?;
        Amount::parse(&text.bytes[..text.len])
    }
}

/// A formatter's target on the stack.
struct ShortText {
    bytes: [u8; 32],
    len: usize,
}

impl Write for ShortText {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.len + text.len();
        let free = self.bytes.get_mut(self.len..end).ok_or(std::fmt::Error)?;
        free.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// The number that the first `len` bytes of a word are, as mantissa and scale: an optional minus, digits,
/// and a point or none. `word` holds sixteen bytes, the first in the lowest; those past `len` may be anything.
///
/// `None` is no verdict: [`Amount::parse`] reads these, too, and all others. The mantissa is below 10¹⁶.
#[expect(
    clippy::inline_always,
    reason = "its constants stay in registers between cells"
)]
#[inline(always)]
pub fn parse_short(word: u128, len: usize) -> Option<(i64, u8)> {
    let is_negative = word as u8 == b'-';
    let (word, len) = if is_negative {
        (word >> 8, len.wrapping_sub(1))
    } else {
        (word, len)
    };
    if len.wrapping_sub(1) > 15 || is_negative && len > 15 {
        return None;
    }
    if len <= 8 {
        let (magnitude, scale) = eight_or_fewer(word as u64, len as u32)?;
        let mantissa = if is_negative {
            magnitude.wrapping_neg()
        } else {
            magnitude
        };
        return Some((mantissa, scale));
    }
    let word = (word ^ ASCII_ZEROS) << (128 - 8 * len as u32);
    let (word, decimals) = without_point(word)?;
    let magnitude = value_of(word) as i64;
    let mantissa = if is_negative {
        magnitude.wrapping_neg()
    } else {
        magnitude
    };
    Some((mantissa, decimals.unwrap_or(0)))
}

/// Most amounts have so few characters, and half a word is read in less than half the time.
#[inline]
fn eight_or_fewer(word: u64, len: u32) -> Option<(i64, u8)> {
    let word = (word ^ ASCII_ZEROS as u64) << (64 - 8 * len);
    let strange = (((word & LOW_BITS as u64) + ABOVE_NINE as u64) | word) & HIGH_BITS as u64;
    if strange == 0 {
        return Some((value_of_eight(word) as i64, 0));
    }
    let place = strange.trailing_zeros() & !7;
    let blanked = word ^ (POINT as u64) << place;
    if strange & (strange - 1) != 0 || blanked >> place & 0xff != 0 || len == 1 {
        return None;
    }
    let before = (1 << place) - 1;
    let closed = (blanked & before) << 8 | blanked & !before;
    Some((value_of_eight(closed) as i64, (7 - place / 8) as u8))
}

/// Sixteen characters as a word: the first character in the lowest byte, the last in the highest, each
/// XORed with `'0'`, so that digits are their values and what is missing in front reads as zero.
type Word = u128;

const ASCII_ZEROS: Word = splat(b'0');
const LOW_BITS: Word = splat(0x7f);
const HIGH_BITS: Word = splat(0x80);
/// Lifts every 7-bit value from 10 up over the high bit of its byte.
const ABOVE_NINE: Word = splat(0x80 - 10);
const POINT: Word = (b'.' ^ b'0') as Word;

const fn splat(byte: u8) -> Word {
    Word::from_le_bytes([byte; 16])
}

/// An unsigned number of at most 32 characters without exponent, as magnitude and scale.
///
/// It has at most 32 digits and 31 decimals, so it cannot miss the limits of an amount.
/// None for every other text, right or wrong.
#[inline]
fn parse_plain(text: &[u8]) -> Option<(u128, u8)> {
    // Most charges are a fraction of a unit, and then there is no point to close up.
    if let [b'0', b'.', fraction @ ..] = text
        && fraction.len() <= 30
    {
        return match fraction {
            [] => Some((0, 0)),
            _ => Some((parse_digits(fraction)?, fraction.len() as u8)),
        };
    }
    if text.len() <= 16 {
        let (word, decimals) = without_point(load(text)?)?;
        // At least one digit beside the point.
        return (decimals.is_none() || text.len() > 1)
            .then_some((u128::from(value_of(word)), decimals.unwrap_or(0)));
    }
    let (head, tail) = (text.len() <= 32).then(|| text.split_at(text.len() - 16))?;
    let (head, head_decimals) = without_point(load(head)?)?;
    let (tail, tail_decimals) = without_point(load(tail)?)?;
    let (tail_power, scale) = match (head_decimals, tail_decimals) {
        (None, None) => (SIXTEEN_PLACES, 0),
        (Some(decimals), None) => (SIXTEEN_PLACES, decimals + 16),
        (None, Some(decimals)) => (SIXTEEN_PLACES / 10, decimals),
        (Some(_), Some(_)) => return None,
    };
    Some((
        u128::from(value_of(head)) * tail_power + u128::from(value_of(tail)),
        scale,
    ))
}

/// 10¹⁶.
const SIXTEEN_PLACES: u128 = 10_000_000_000_000_000;

/// 1 to 32 digits and nothing else.
#[inline]
fn parse_digits(text: &[u8]) -> Option<u128> {
    let digits = |text: &[u8]| {
        load(text)
            .filter(|&word| strange(word) == 0)
            .map(|word| u128::from(value_of(word)))
    };
    if text.len() <= 16 {
        return digits(text);
    }
    let (head, tail) = text.split_at(text.len() - 16);
    Some(digits(head)? * SIXTEEN_PLACES + digits(tail)?)
}

/// A plain number with an exponent that moves its point to no more than 38 decimals and no further than its end.
fn parse_scientific(text: &[u8]) -> Option<(u128, u8)> {
    let place = text.iter().rposition(|byte| byte.eq_ignore_ascii_case(&b'e'))?;
    let (magnitude, decimals) = parse_plain(&text[..place])?;
    let scale = i64::from(decimals) - parse_exponent(&text[place + 1..]).ok()?;
    (0..=i64::from(MAX_SCALE))
        .contains(&scale)
        .then_some((magnitude, scale as u8))
}

/// The word of 1 to 16 characters; none for no character.
#[inline]
fn load(text: &[u8]) -> Option<Word> {
    // First and last halves may overlap: then they bring the same characters to the same places.
    let missing = 8 * (16 - text.len() as u32);
    if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        let first = u64::from_le_bytes(*first) ^ ASCII_ZEROS as u64;
        let last = u64::from_le_bytes(*last) ^ ASCII_ZEROS as u64;
        return Some((Word::from(last) << 64) | (Word::from(first) << missing));
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let first = u32::from_le_bytes(*first) ^ ASCII_ZEROS as u32;
        let last = u32::from_le_bytes(*last) ^ ASCII_ZEROS as u32;
        return Some((Word::from(last) << 96) | (Word::from(first) << missing));
    }
    let (first, middle, last) = (*text.first()?, text[text.len() / 2], *text.last()?);
    let byte = |byte: u8| Word::from(byte ^ b'0');
    Some(
        (byte(first) << missing)
            | (byte(middle) << (missing + 8 * (text.len() as u32 / 2)))
            | (byte(last) << 120),
    )
}

/// The high bit of every byte that is not a digit.
#[inline]
fn strange(word: Word) -> Word {
    (((word & LOW_BITS) + ABOVE_NINE) | word) & HIGH_BITS
}

/// Closes the gap of the one point, if there is one, and tells how many digits stood after it.
/// None when anything else than digits and one point is in the word.
#[inline]
fn without_point(word: Word) -> Option<(Word, Option<u8>)> {
    let strange = strange(word);
    if strange == 0 {
        return Some((word, None));
    }
    let place = strange.trailing_zeros() & !7;
    let blanked = word ^ (POINT << place);
    if strange & (strange - 1) != 0 || (blanked >> place) & 0xff != 0 {
        return None;
    }
    let before = (1 << place) - 1;
    let closed = ((blanked & before) << 8) | (blanked & !before);
    Some((closed, Some((15 - place / 8) as u8)))
}

/// The number that sixteen digits make.
#[inline]
fn value_of(word: Word) -> u64 {
    value_of_eight(word as u64) * 100_000_000 + value_of_eight((word >> 64) as u64)
}

/// Eight digits by three multiplications: neighbours to pairs, then all four pairs at once.
/// Source: Daniel Lemire, "Quickly parsing eight digits" (2018), as in simdjson.
#[inline]
fn value_of_eight(digits: u64) -> u64 {
    const PAIRS: u64 = 0x0000_00ff_0000_00ff;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let first = (pairs & PAIRS).wrapping_mul(100 + (1_000_000 << 32));
    let second = ((pairs >> 16) & PAIRS).wrapping_mul(1 + (10_000 << 32));
    first.wrapping_add(second) >> 32
}

/// An exponent further out than any double's and any export's. Beyond it, a number that does not fit is out
/// of range, not merely too fine.
const USUAL_EXPONENT: i64 = 9999;

/// Any unsigned text, in one pass whatever its length, as magnitude and scale.
#[cold]
fn parse_general(text: &[u8]) -> Result<(u128, u8), AmountError> {
    let (whole, rest) = split_digits(text);
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => split_digits(rest),
        _ => (&rest[..0], rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(AmountError::Syntax);
    }
    let exponent = match rest {
        [] => 0,
        [b'e' | b'E', exponent @ ..] => parse_exponent(exponent)?,
        _ => return Err(AmountError::Syntax),
    };

    let mut digits = DigitCount::default();
    for &digit in whole.iter().chain(fraction) {
        digits.see(digit != b'0');
    }
    let scale = fraction.len() as i64 - exponent;
    if digits.significant == 0 {
        let scale = if (0..=i64::from(MAX_SCALE)).contains(&scale) {
            scale as u8
        } else {
            0
        };
        return Ok((0, scale));
    }

    let as_written = fits(digits.significant + digits.trailing_zeros, scale);
    let (n_digits, scale) = match as_written {
        Ok(()) => (digits.significant + digits.trailing_zeros, scale),
        Err(_) => (digits.significant, scale - digits.trailing_zeros),
    };
    fits(n_digits, scale).map_err(|error| {
        if exponent.abs() > USUAL_EXPONENT {
            AmountError::Range
        } else {
            error
        }
    })?;

    let skipped = digits.leading_zeros as usize;
    let kept = whole.iter().chain(fraction).skip(skipped).take(n_digits as usize);
    let magnitude = kept.fold(0u128, |value, &digit| value * 10 + u128::from(digit - b'0'));
    // `fits` has kept both the power and the product within 38 digits.
    let power = POW10[(-scale).max(0) as usize] as u128;
    Ok((magnitude * power, scale.max(0) as u8))
}

/// Whether so many digits with so many decimals (negative: zeros to add) are an amount.
fn fits(n_digits: i64, scale: i64) -> Result<(), AmountError> {
    if scale > i64::from(MAX_SCALE) {
        Err(AmountError::Scale)
    } else if n_digits + (-scale).max(0) > i64::from(MAX_DIGITS) {
        Err(AmountError::Range)
    } else {
        Ok(())
    }
}

/// How the digits of a number fall into leading zeros, significant digits and trailing zeros.
#[derive(Default)]
struct DigitCount {
    leading_zeros: i64,
    significant: i64,
    trailing_zeros: i64,
}

impl DigitCount {
    fn see(&mut self, is_nonzero: bool) {
        if is_nonzero {
            self.significant += self.trailing_zeros + 1;
            self.trailing_zeros = 0;
        } else if self.significant == 0 {
            self.leading_zeros += 1;
        } else {
            self.trailing_zeros += 1;
        }
    }
}

fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let n_digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.split_at(n_digits)
}

fn parse_exponent(text: &[u8]) -> Result<i64, AmountError> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(AmountError::Syntax);
    }
    // It stops growing where no text could be long enough to bring it back.
    let magnitude = digits.iter().fold(0, |value: i64, digit| {
        (value * 10 + i64::from(digit - b'0')).min(i64::MAX / 100)
    });
    Ok(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests;
