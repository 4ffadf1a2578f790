//! Texts from bills inside a page: shown, never obeyed.

use std::fmt::Write as _;

use billfold_core::error::Printable;

/// A text for element content and quoted attributes; what steers or reorders is shown escaped.
pub(super) fn html(text: &str) -> String {
    let shown = Printable(text).to_string();
    let mut escaped = String::with_capacity(shown.len());
    for c in shown.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// JSON for a script element: no byte in it can end the element, open a comment or end a line of a script.
pub(super) fn json(document: &str) -> String {
    let mut escaped = String::with_capacity(document.len());
    for c in document.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // Writing to a String cannot fail.
                let _ = write!(escaped, "\\u{:04x}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// Base64, for the hashes of a content security policy.
pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut three = [0u8; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for nth in 0..4 {
            if nth <= chunk.len() {
                let six = (bits >> (18 - 6 * nth)) & 63;
                text.push(char::from(ALPHABET[six as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_text_in_every_place() {
        assert_eq!(
            html("<script>\" onmouseover='x'&\u{1b}[2J\u{202e}"),
            "&lt;script&gt;&quot; onmouseover=&#39;x&#39;&amp;\\x1b[2J\\u{202e}"
        );
        assert_eq!(
            json("{\"a\":\"</script><!--\u{2028}&\"}"),
            "{\"a\":\"\\u003c/script\\u003e\\u003c!--\\u2028\\u0026\"}"
        );
        assert_eq!(base64(b""), "");
        assert_eq!(base64(b"f"), "Zg==");
        assert_eq!(base64(b"fo"), "Zm8=");
        assert_eq!(base64(b"foobar"), "Zm9vYmFy");
    }
}
