//! Keyed hashes, made and compared. Every comparison with a secret in it takes the same time for any text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Hmac;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::keys::Secret;

/// Which keyed hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-1, for old clients; a key must allow it.
    HmacSha1,
}

impl Method {
    /// The method of a vendor's word.
    pub fn parse(word: &str) -> Option<Method> {
        match word {
            "HmacSHA256" => Some(Method::HmacSha256),
            "HmacSHA1" => Some(Method::HmacSha1),
            _ => None,
        }
    }

    /// The vendors' word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::HmacSha256 => "HmacSHA256",
            Method::HmacSha1 => "HmacSHA1",
        }
    }

    /// The keyed hash of a text, in Base64.
    pub(super) fn sign(self, secret: &Secret, text: &[u8]) -> String {
        let secret = secret.reveal().as_bytes();
        STANDARD.encode(match self {
            Method::HmacSha256 => sha256(secret, text),
            Method::HmacSha1 => hash::<Hmac<Sha1>>(secret, text),
        })
    }

    /// Whether this Base64 is the keyed hash of the text. Other spellings of the same bytes are not.
    pub(super) fn verify(self, secret: &Secret, text: &[u8], signature: &[u8]) -> bool {
        // What cannot be decoded is compared all the same, so that it takes as long as a wrong signature.
        let given = STANDARD.decode(signature).unwrap_or_default();
        let secret = secret.reveal().as_bytes();
        match self {
            Method::HmacSha256 => verify_sha256(secret, text, &given),
            Method::HmacSha1 => is_hash::<Hmac<Sha1>>(secret, text, &given),
        }
    }
}

/// A keyed hash under this key. HMAC takes keys of any length, so that there always is one.
fn new<M: hmac::KeyInit>(key: &[u8]) -> Option<M> {
    M::new_from_slice(key).ok()
}

/// The keyed hash of a text.
fn hash<M: hmac::KeyInit + hmac::Mac>(key: &[u8], text: &[u8]) -> Vec<u8> {
    new::<M>(key).map_or_else(Vec::new, |mac| {
        mac.chain_update(text).finalize().into_bytes().to_vec()
    })
}

/// Whether these bytes are the keyed hash of the text.
fn is_hash<M: hmac::KeyInit + hmac::Mac>(key: &[u8], text: &[u8], given: &[u8]) -> bool {
    new::<M>(key).is_some_and(|mac| mac.chain_update(text).verify_slice(given).is_ok())
}

/// The HMAC with SHA-256.
pub(super) fn sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    hash::<Hmac<Sha256>>(key, text)
}

/// Whether these bytes are the HMAC with SHA-256.
pub(super) fn verify_sha256(key: &[u8], text: &[u8], given: &[u8]) -> bool {
    is_hash::<Hmac<Sha256>>(key, text, given)
}

/// Whether a given text is the secret.
pub(crate) fn same_secret(secret: &Secret, given: &[u8]) -> bool {
    // Hashes of the two are compared, so that neither length nor content shows in the time.
    let expected = sha256(b"billfold", secret.reveal().as_bytes());
    verify_sha256(b"billfold", given, &expected)
}

/// SHA-256 in lower-case hex.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    super::encode::hex(&Sha256::digest(bytes))
}
