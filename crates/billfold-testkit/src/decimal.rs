//! A number of a bill: an integer and a count of decimals, as a provider would print it.
//!
//! Only what a generator and an oracle need: parse, print, rescale. Trailing zeros are kept,
//! because real files have them. Not an accumulator: sums live in `naive::big`.

/// `mantissa × 10^-scale`, scale at most 38. `1.50` and `1.5` differ here; [`Decimal::normalized`] joins them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Decimal {
    /// The digits with their sign.
    pub mantissa: i128,
    /// The number of decimals.
    pub scale: u8,
}

const DIGITS: &[u8; 200] = b"0001020304050607080910111213141516171819\
2021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869\
707172737475767778798081828384858687888990919293949596979899";

/// Appends the decimal digits of a number.
pub(crate) fn push_u64(out: &mut Vec<u8>, mut value: u64) {
    let mut buffer = [0u8; 20];
    let mut at = buffer.len();
    while value >= 100 {
        let pair = (value % 100) as usize * 2;
        value /= 100;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&DIGITS[pair..pair + 2]);
    }
    if value >= 10 {
        let pair = value as usize * 2;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&DIGITS[pair..pair + 2]);
    } else {
        at -= 1;
        buffer[at] = b'0' + value as u8;
    }
    out.extend_from_slice(&buffer[at..]);
}

fn push_u128(out: &mut Vec<u8>, value: u128) {
    const PART: u128 = 10_000_000_000_000_000_000;
    if let Ok(small) = u64::try_from(value) {
        push_u64(out, small);
        return;
    }
    push_u128(out, value / PART);
    let low = (value % PART) as u64;
    let zeros = 18 - low.checked_ilog10().unwrap_or(0) as usize;
    out.resize(out.len() + zeros, b'0');
    push_u64(out, low);
}

impl Decimal {
    /// Nothing.
    pub const ZERO: Decimal = Decimal {
        mantissa: 0,
        scale: 0,
    };

    /// A number from its digits and its count of decimals.
    pub const fn new(mantissa: i128, scale: u8) -> Decimal {
        Decimal { mantissa, scale }
    }

    /// The same value without trailing zeros; zero has scale 0.
    #[must_use]
    pub fn normalized(self) -> Decimal {
        let mut d = self;
        if d.mantissa == 0 {
            return Decimal::ZERO;
        }
        while d.scale > 0 && d.mantissa % 10 == 0 {
            d.mantissa /= 10;
            d.scale -= 1;
        }
        d
    }

    /// The value at another scale: exact upwards (`None` on overflow), half away from zero downwards.
    pub fn at_scale(self, scale: u8) -> Option<Decimal> {
        if scale >= self.scale {
            let factor = 10i128.checked_pow(u32::from(scale - self.scale))?;
            return Some(Decimal::new(self.mantissa.checked_mul(factor)?, scale));
        }
        let Some(divisor) = 10i128.checked_pow(u32::from(self.scale - scale)) else {
            return Some(Decimal::new(0, scale));
        };
        let (quotient, rest) = (self.mantissa / divisor, self.mantissa % divisor);
        let up = rest.unsigned_abs() >= divisor.unsigned_abs().div_ceil(2);
        Some(Decimal::new(
            quotient + if up { self.mantissa.signum() } else { 0 },
            scale,
        ))
    }

    /// The product, `None` where it leaves 38 digits or 38 decimals.
    pub fn times(self, other: Decimal) -> Option<Decimal> {
        let scale = self.scale.checked_add(other.scale).filter(|s| *s <= 38)?;
        Some(Decimal::new(self.mantissa.checked_mul(other.mantissa)?, scale))
    }

    /// The number with its sign changed.
    #[must_use]
    pub fn negated(self) -> Decimal {
        Decimal::new(-self.mantissa, self.scale)
    }

    /// Appends the plain text with all its decimals: `-0.050`.
    pub fn push_plain(self, out: &mut Vec<u8>) {
        if self.mantissa < 0 {
            out.push(b'-');
        }
        let digits = self.mantissa.unsigned_abs();
        let scale = usize::from(self.scale);
        let start = out.len();
        push_u128(out, digits);
        if scale == 0 {
            return;
        }
        let len = out.len() - start;
        if len <= scale {
            // 0.0…digits: open a gap for the zeros and the point.
            let zeros = scale - len + 2;
            out.resize(out.len() + zeros, b'0');
            out.copy_within(start..start + len, start + zeros);
            out[start..start + zeros].fill(b'0');
            out[start + 1] = b'.';
        } else {
            out.push(0);
            let last = out.len() - 1;
            let point = last - scale;
            out.copy_within(point..last, point + 1);
            out[point] = b'.';
        }
    }

    /// Appends the text with an exponent where the number is small, as Python and Java print it: `5.2e-09`.
    pub fn push_exponent(self, out: &mut Vec<u8>) {
        let d = self.normalized();
        let digits = d.mantissa.unsigned_abs().checked_ilog10().unwrap_or(0);
        if d.mantissa == 0 || i64::from(digits) - i64::from(d.scale) >= -4 {
            self.push_plain(out);
            return;
        }
        Decimal::new(d.mantissa, digits as u8).push_plain(out);
        let exponent = u64::from(d.scale) - u64::from(digits);
        out.extend_from_slice(if exponent < 10 { b"e-0" } else { b"e-" });
        push_u64(out, exponent);
    }

    /// Reads plain or exponent text: an optional sign, digits, an optional fraction, an optional exponent.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (body, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, body) = match body.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, body.strip_prefix('+').unwrap_or(body)),
        };
        let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let mut mantissa = 0i128;
        for b in whole.bytes().chain(fraction.bytes()) {
            if !b.is_ascii_digit() {
                return None;
            }
            mantissa = mantissa.checked_mul(10)?.checked_add(i128::from(b - b'0'))?;
        }
        let mut scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        while scale < 0 {
            mantissa = mantissa.checked_mul(10)?;
            scale += 1;
        }
        let scale = u8::try_from(scale).ok().filter(|s| *s <= 38)?;
        Some(Decimal::new(if negative { -mantissa } else { mantissa }, scale))
    }

    /// What a reader of a binary double gets: the shortest decimal that reads back to the same double.
    pub fn through_double(self) -> Option<Decimal> {
        Decimal::parse(&format!("{:e}", self.to_string().parse::<f64>().ok()?)).map(Decimal::normalized)
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = Vec::with_capacity(48);
        self.push_plain(&mut text);
        f.write_str(std::str::from_utf8(&text).map_err(|_| std::fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(mantissa: i128, scale: u8, plain: &str, exponent: &str) {
        let d = Decimal::new(mantissa, scale);
        let mut out = Vec::new();
        d.push_exponent(&mut out);
        assert_eq!(
            (d.to_string().as_str(), std::str::from_utf8(&out).unwrap()),
            (plain, exponent)
        );
    }

    #[test]
    fn numbers_print_with_their_decimals() {
        check(0, 0, "0", "0");
        check(0, 3, "0.000", "0.000");
        check(-50, 3, "-0.050", "-0.050");
        check(1500, 2, "15.00", "15.00");
        check(52, 10, "0.0000000052", "5.2e-09");
        check(1, 38, "0.00000000000000000000000000000000000001", "1e-38");
        check(10i128.pow(38) - 1, 0, &"9".repeat(38), &"9".repeat(38));
        check(10i128.pow(19), 0, "10000000000000000000", "10000000000000000000");
        check(
            18_446_744_073_709_551_616,
            1,
            "1844674407370955161.6",
            "1844674407370955161.6",
        );
    }

    #[test]
    fn rounding_is_half_away_from_zero() {
        let round = |m, s, to| Decimal::new(m, s).at_scale(to).unwrap().mantissa;
        assert_eq!(
            [
                round(15, 1, 0),
                round(-15, 1, 0),
                round(14, 1, 0),
                round(-149, 2, 0)
            ],
            [2, -2, 1, -1]
        );
    }

    proptest! {
        #[test]
        fn parse_of_print_is_the_same_number(mantissa in -(10i128.pow(38) - 1)..10i128.pow(38), scale in 0u8..=38) {
            let d = Decimal::new(mantissa, scale);
            let mut text = Vec::new();
            d.push_exponent(&mut text);
            prop_assert_eq!(Decimal::parse(&d.to_string()), Some(d));
            let back = Decimal::parse(std::str::from_utf8(&text).unwrap()).unwrap();
            prop_assert_eq!(back.normalized(), d.normalized());
        }
    }
}
