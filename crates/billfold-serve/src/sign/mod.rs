//! The vendors' signatures: who signed a request, and is it as it was signed.
//!
//! Plain functions over [`Seen`], the request as text: no HTTP types, no clock, no files. Each vendor's
//! way of signing is one module with a `sign` and a `verify`, so that the laws of both can be stated.
//! What a refusal looks like on the wire is decided in `gate`.
//!
//! | module | vendor's name of it |
//! |---|---|
//! | [`qingcloud`] | `HmacSHA256` and `HmacSHA1`, signature versions 1 and 2 |
//! | [`tc3`] | `TC3-HMAC-SHA256` |
//! | [`tencent_form`] | Tencent's older `HmacSHA256` and `HmacSHA1` over parameters |

mod encode;
mod keys;
mod mac;
pub mod qingcloud;
mod replay;
pub mod tc3;
pub mod tencent_form;

#[cfg(test)]
mod laws;

use std::sync::Arc;

pub(crate) use encode::{pairs, percent_encode};
pub use keys::{Key, Keys, Secret};
pub use mac::Method;
pub(crate) use mac::same_secret;
pub use replay::{Replays, Seal};

/// A request as it arrived, as far as signatures look at it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// The path as sent, without the query.
    pub path: &'a str,
    /// The query as sent, without the question mark.
    pub query: &'a str,
    /// Every header in the order sent; names in lower case.
    pub headers: &'a [(String, String)],
    /// The body as sent.
    pub body: &'a [u8],
}

impl Seen<'_> {
    /// The value of a header that must stand there once.
    fn header(&self, name: &str) -> Result<Option<&str>, Rejection> {
        let mut values = self.headers.iter().filter(|(n, _)| n == name);
        let first = values.next().map(|(_, value)| value.as_str());
        if values.next().is_some() {
            return Err(Rejection::Malformed("a signed header stands there twice"));
        }
        Ok(first)
    }
}

/// Which signing times are taken.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Now, in seconds since 1970-01-01T00:00:00Z.
    pub now: i64,
    /// Seconds that a signing time may lie before or after now; None takes any.
    pub window: Option<u32>,
}

impl Clock {
    /// The last instant at which a request of this signing time is taken.
    fn last(self, signed_at: i64) -> Result<i64, Rejection> {
        let Some(window) = self.window.map(i64::from) else {
            return Ok(i64::MAX);
        };
        let last = signed_at.saturating_add(window);
        if self.now > last || signed_at.saturating_sub(window) > self.now {
            return Err(Rejection::Expired);
        }
        Ok(last)
    }
}

/// A request that is as its signer signed it.
#[derive(Debug, Clone)]
pub struct Verified {
    /// Whose signature it is.
    pub key: Arc<Key>,
    /// What tells this signature from every other, for [`Replays`].
    pub seal: Seal,
    /// The last instant at which it is taken, in seconds since 1970.
    pub last: i64,
}

/// Why a request is not taken. None of the words depends on a secret, or on whether a key exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// A part of the signature is not there. Says which.
    Unsigned(&'static str),
    /// What is there is not a signature. Says why.
    Malformed(&'static str),
    /// No such key, or not its signature: the two are told with the same words.
    Wrong,
    /// Signed too long ago, or in the future.
    Expired,
    /// This signature was taken once before, and once is enough.
    Replayed,
    /// More signatures than can be remembered came within the window.
    ReplaysFull,
}
