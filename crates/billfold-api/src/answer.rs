//! From a call to its response: which action it is, who answers it, and the envelope of what went wrong.

use sha2::{Digest, Sha256};

use crate::wire::WireRequest;

/// The id of an answer: what the request carries, or one made from its text, in the shape of a UUID.
pub fn request_id(request: &WireRequest) -> String {
    if let Some(id) = &request.request_id {
        return id.clone();
    }
    let mut hash = Sha256::new();
    let action = request.header("X-TC-Action").unwrap_or_default();
    for part in [
        request.path.as_bytes(),
        action.as_bytes(),
        request.query.as_bytes(),
        &request.body,
    ] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut id = String::with_capacity(36);
    for (i, byte) in hash.finalize().iter().take(16).enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        // Version 8 and the variant of RFC 9562: an id whose bits are the maker's own.
        let byte = match i {
            6 => byte & 0x0f | 0x80,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        for nibble in [byte >> 4, byte & 15] {
            id.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Dialect;

    #[test]
    fn the_same_call_has_the_same_id_and_another_call_another() {
        let id = |query: &str| request_id(&WireRequest::get(Dialect::Tencent, query));
        assert_eq!(id("a=1"), id("a=1"));
        assert_ne!(id("a=1"), id("a=2"));
        assert_eq!(id("").len(), 36);
        let mut named = WireRequest::get(Dialect::Tencent, "");
        named.request_id = Some("r".into());
        assert_eq!(request_id(&named), "r");
    }
}
