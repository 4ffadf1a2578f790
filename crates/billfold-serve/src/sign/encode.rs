//! Percent-encoding as the signatures want it: strict on the way in, one spelling on the way out.

/// Decodes a name or a value: `%xx`, and `+` as a space. None where a `%` has no two hex digits.
pub(super) fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let high = hex_digit(bytes.next()?)?;
                let low = hex_digit(bytes.next()?)?;
                high << 4 | low
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    Some(decoded)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// Appends bytes with everything but `A-Z a-z 0-9 - _ . ~` as `%XX`, a space as `%20`.
pub(crate) fn percent_encode(bytes: &[u8], into: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push(char::from(HEX[usize::from(byte >> 4)]));
            into.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// The decoded pairs of a query or a form, in the order sent. None where the encoding is broken.
pub(crate) fn pairs(text: &str) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    text.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Some((percent_decode(name)?, percent_decode(value)?))
        })
        .collect()
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(HEX[usize::from(digit)])).collect()
}

/// The bytes of lower-case hex; None for anything else, other case included.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_decodes_to_itself_and_a_plus_is_a_space() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut text = String::new();
        percent_encode(&bytes, &mut text);
        assert_eq!(percent_decode(&text).unwrap(), bytes);
        assert_eq!(percent_decode("a+b%2bc%2Bd").unwrap(), b"a b+c+d");
        assert!(text.contains("%20%21") && text.contains("-.%2F0") && !text.contains('+'));
    }

    #[test]
    fn a_percent_sign_without_two_hex_digits_is_refused() {
        for broken in ["%", "%4", "%4g", "a%zz", "%+1"] {
            assert_eq!(percent_decode(broken), None, "{broken}");
        }
    }

    #[test]
    fn hex_is_taken_in_lower_case_only() {
        assert_eq!(unhex(&hex(&[0, 0x7f, 0xff])).unwrap(), [0, 0x7f, 0xff]);
        for bad in ["F0", "f", "0g", "é"] {
            assert_eq!(unhex(bad), None, "{bad}");
        }
    }
}
