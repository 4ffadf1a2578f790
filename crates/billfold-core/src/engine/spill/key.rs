//! Keys of groups as bytes whose order is the order of an answer.
//!
//! ```text
//! each dimension   its text, 00 as 00 01, closed by 00 00
//! period           its ordinal, four bytes, highest first, sign turned
//! currency         three letters; three zeros where the file names none
//! ```
//!
//! No key begins another one, so that keys turned bit by bit stand in the opposite order.

use crate::error::{Error, Result};
use crate::money::{Currency, ExactSum, POW10};

/// Bytes of period and currency, behind the dimensions.
pub(super) const TAIL: usize = 7;
/// What stands for the text of what `top` puts together: no text in UTF-8 has this byte, so it is last.
pub(super) const OTHERS: &[u8] = &[0xff];
/// Bytes of a cost in a sort key: 256 bits at up to 38 decimals more.
const COST_BYTES: usize = 48;

/// Appends the text of a dimension.
pub(super) fn push_text(key: &mut Vec<u8>, text: &[u8]) {
    if memchr::memchr(0, text).is_none() {
        key.extend_from_slice(text);
    } else {
        for byte in text {
            key.push(*byte);
            if *byte == 0 {
                key.push(1);
            }
        }
    }
    key.extend_from_slice(&[0, 0]);
}

/// Appends period and currency.
pub(super) fn push_tail(key: &mut Vec<u8>, ordinal: i32, currency: Currency) {
    key.extend_from_slice(&(ordinal as u32 ^ 1 << 31).to_be_bytes());
    match currency.as_str().as_bytes() {
        [] => key.extend_from_slice(&[0; 3]),
        letters => key.extend_from_slice(letters),
    }
}

/// Takes the text of a dimension off the front; `text` is overwritten.
///
/// Errors: a key that no one wrote.
pub(super) fn take_text<'k>(mut key: &'k [u8], text: &mut Vec<u8>) -> Result<&'k [u8]> {
    text.clear();
    loop {
        let Some(zero) = memchr::memchr(0, key) else {
            return Err(broken());
        };
        text.extend_from_slice(&key[..zero]);
        match key.get(zero + 1) {
            Some(0) => return Ok(&key[zero + 2..]),
            Some(1) => {
                text.push(0);
                key = &key[zero + 2..];
            }
            _ => return Err(broken()),
        }
    }
}

/// The period and the currency that a key ends with.
///
/// Errors: a key that no one wrote.
pub(super) fn tail(key: &[u8]) -> Result<(i32, Currency)> {
    let Some((_, [a, b, c, d, letters @ ..])) = key.split_last_chunk::<TAIL>() else {
        return Err(broken());
    };
    let ordinal = (u32::from_be_bytes([*a, *b, *c, *d]) ^ 1 << 31) as i32;
    Ok((ordinal, Currency::parse(letters).unwrap_or(Currency::UNKNOWN)))
}

/// The dimensions of a key.
pub(super) fn dimensions(key: &[u8]) -> &[u8] {
    &key[..key.len().saturating_sub(TAIL)]
}

/// Appends a cost so that the order of bytes is the order of costs, whatever their scales; at most 38.
pub(super) fn push_cost(key: &mut Vec<u8>, cost: &ExactSum) {
    let (value, scale) = cost.parts();
    let factor = POW10[usize::from(38 - scale.min(38))].unsigned_abs();
    // |value| × factor, in pieces of 64 bits from the lowest: 2²⁵⁵ × 10³⁸ has 382 bits.
    let (low, high) = value.wrapping_abs().to_parts();
    let value_limbs = [low as u64, (low >> 64) as u64, high as u64, (high >> 64) as u64];
    let factor_limbs = [factor as u64, (factor >> 64) as u64];
    let mut product = [0u64; COST_BYTES / 8];
    for (i, a) in value_limbs.iter().enumerate() {
        let mut carry = 0u128;
        for (j, b) in factor_limbs.iter().enumerate() {
            let sum = u128::from(*a) * u128::from(*b) + u128::from(product[i + j]) + carry;
            product[i + j] = sum as u64;
            carry = sum >> 64;
        }
        if let Some(next) = product.get_mut(i + 2) {
            *next = carry as u64;
        }
    }
    let negative = value.is_negative();
    if negative {
        let mut carry = true;
        for limb in &mut product {
            let (turned, over) = (!*limb).overflowing_add(u64::from(carry));
            *limb = turned;
            carry = over;
        }
    }
    let top = COST_BYTES / 8 - 1;
    product[top] ^= 1 << 63;
    for limb in product.iter().rev() {
        key.extend_from_slice(&limb.to_be_bytes());
    }
}

#[cold]
pub(super) fn broken() -> Error {
    Error::io(
        "a temporary file does not read as it was written",
        &std::io::ErrorKind::InvalidData.into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::i256;
    use proptest::prelude::*;

    fn key(texts: &[String], ordinal: i32, currency: Currency) -> Vec<u8> {
        let mut key = Vec::new();
        for text in texts {
            push_text(&mut key, text.as_bytes());
        }
        push_tail(&mut key, ordinal, currency);
        key
    }

    fn text() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!['\0', '\u{1}', 'a', 'b', '王']), 0..4)
            .prop_map(|letters| letters.into_iter().collect())
    }

    fn parts() -> impl Strategy<Value = ([String; 2], i32, Currency)> {
        let currency = prop::sample::select(vec!["", "CNY", "USD"]);
        let currency = currency.prop_map(|c| Currency::parse(c.as_bytes()).unwrap_or(Currency::UNKNOWN));
        ([text(), text()], any::<i32>(), currency)
    }

    fn sum() -> impl Strategy<Value = ExactSum> {
        let value = prop_oneof![
            (-20i128..20).prop_map(i256::from_i128),
            any::<i128>().prop_map(i256::from_i128),
            (any::<u128>(), any::<i128>()).prop_map(|(low, high)| i256::from_parts(low, high)),
            Just(i256::MAX),
        ];
        (value, 0u8..=38).prop_filter_map("the least integer", |(value, scale)| {
            ExactSum::from_parts(value, scale)
        })
    }

    proptest! {
        #[test]
        fn the_order_of_keys_is_the_order_of_their_parts(a in parts(), b in parts()) {
            let of = |p: &([String; 2], i32, Currency)| key(&p.0, p.1, p.2);
            prop_assert_eq!(of(&a).cmp(&of(&b)), a.cmp(&b));
            let turned = |p| of(p).iter().map(|byte| !byte).collect::<Vec<u8>>();
            prop_assert_eq!(turned(&a).cmp(&turned(&b)), b.cmp(&a));
            let whole = of(&a);
            let mut text = Vec::new();
            let mut rest = whole.as_slice();
            for part in &a.0 {
                rest = take_text(rest, &mut text).unwrap();
                prop_assert_eq!(&text, part.as_bytes());
            }
            prop_assert_eq!(tail(rest).unwrap(), (a.1, a.2));
            prop_assert_eq!(dimensions(&whole).len() + TAIL, whole.len());
        }

        #[test]
        fn the_order_of_cost_keys_is_the_order_of_costs(a in sum(), b in sum()) {
            let of = |cost: &ExactSum| {
                let mut key = Vec::new();
                push_cost(&mut key, cost);
                key
            };
            prop_assert_eq!(of(&a).cmp(&of(&b)), a.cmp(&b));
        }
    }

    #[test]
    fn others_stand_behind_every_text() {
        let mut last = Vec::new();
        push_text(&mut last, OTHERS);
        let mut text = Vec::new();
        push_text(&mut text, "\u{10ffff}".as_bytes());
        assert!(last > text);
    }

    #[test]
    fn what_is_no_key_is_an_error() {
        let mut text = Vec::new();
        assert!(take_text(b"abc", &mut text).is_err());
        assert!(take_text(b"abc\0\x02", &mut text).is_err());
        assert!(take_text(b"abc\0", &mut text).is_err());
        assert!(tail(b"abc").is_err());
    }
}
