//! Readers that watch what passes: bytes from disk, how far a stream expands, its length and checksum.
//!
//! What they refuse travels as an `io::Error` with a `Refusal` inside, through every reader in
//! between, and becomes an [`Error`] with its code at the far end. Nothing here knows files or bills.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crc32fast::Hasher;

use crate::error::Error;

/// How far a stream may expand without another word. Real bills reach 60 to 150.
pub const MAX_EXPAND: u32 = 200;
/// Plain bytes below which no expansion is looked at: a month of zero rows is small and harmless.
pub const EXPAND_FROM: u64 = 64 << 20;

/// What a reader refuses, with a stable code.
#[derive(Debug)]
pub(crate) struct Refusal {
    code: &'static str,
    message: String,
    limit: bool,
}

impl Refusal {
    /// The content is not what it should be.
    pub(crate) fn file(code: &'static str, message: impl Into<String>) -> io::Error {
        Refusal {
            code,
            message: message.into(),
            limit: false,
        }
        .into_io()
    }

    /// A named limit was reached.
    pub(crate) fn limit(code: &'static str, message: impl Into<String>) -> io::Error {
        Refusal {
            code,
            message: message.into(),
            limit: true,
        }
        .into_io()
    }

    fn into_io(self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, self)
    }

    /// The error that an io error carries, if it carries one.
    pub(crate) fn within(error: &io::Error) -> Option<Error> {
        let refusal = error.get_ref()?.downcast_ref::<Refusal>()?;
        let message = refusal.message.clone();
        Some(if refusal.limit {
            Error::limit(refusal.code, message)
        } else {
            Error::file(refusal.code, message)
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

/// Counts the bytes that pass, for a stream of its own and for a total.
pub(crate) struct Counted<R> {
    pub inner: R,
    pub taken: Arc<AtomicU64>,
    pub total: Option<Arc<AtomicU64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.taken.fetch_add(n as u64, Ordering::Relaxed);
        if let Some(total) = &self.total {
            total.fetch_add(n as u64, Ordering::Relaxed);
        }
        Ok(n)
    }
}

/// Whether so many plain bytes from so many packed ones are too many.
pub(crate) fn expands_too_far(plain: u64, packed: u64, max: u32) -> bool {
    plain > EXPAND_FROM && plain / u64::from(max.max(1)) > packed
}

/// The message of `limit.expand`.
pub(crate) fn expand_message(plain: u64, packed: u64, max: u32) -> String {
    let times = plain / packed.max(1);
    format!(
        "{packed} packed bytes became {plain}, {times} times as many; the limit is {max} times (--max-expand)"
    )
}

/// Unpacked bytes that may not be more than so many times the packed ones, once there are 64 MiB of them.
pub(crate) struct Expanding<R> {
    inner: R,
    taken: Arc<AtomicU64>,
    given: u64,
    max: u32,
}

impl<R> Expanding<R> {
    /// `taken` counts the packed bytes below `inner`.
    pub(crate) fn new(inner: R, taken: Arc<AtomicU64>, max: u32) -> Self {
        Expanding {
            inner,
            taken,
            given: 0,
            max,
        }
    }
}

impl<R: Read> Read for Expanding<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.given += n as u64;
        if self.given > EXPAND_FROM {
            let packed = self.taken.load(Ordering::Relaxed);
            if expands_too_far(self.given, packed, self.max) {
                let message = expand_message(self.given, packed, self.max);
                return Err(Refusal::limit("limit.expand", message));
            }
        }
        Ok(n)
    }
}

/// What a member of an archive must come to.
pub(crate) struct Expected {
    /// Plain bytes.
    pub len_bytes: u64,
    /// CRC-32, where the archive states one.
    pub crc: Option<u32>,
}

/// A member of an archive whose length and checksum are held against what the archive says.
pub(crate) struct Verified<R> {
    inner: R,
    expected: Expected,
    given: u64,
    crc: Hasher,
}

impl<R> Verified<R> {
    pub(crate) fn new(inner: R, expected: Expected) -> Self {
        Verified {
            inner,
            expected,
            given: 0,
            crc: Hasher::new(),
        }
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf).map_err(|e| match e.kind() {
            _ if e.raw_os_error().is_some() || Refusal::within(&e).is_some() => e,
            io::ErrorKind::Interrupted => e,
            io::ErrorKind::UnexpectedEof => Refusal::file("zip.truncated", "the member ends too early"),
            _ => Refusal::file("zip.corrupt", format!("not a sound member: {e}")),
        })?;
        self.given += n as u64;
        if self.expected.crc.is_some() {
            self.crc.update(&buf[..n]);
        }
        if self.given > self.expected.len_bytes {
            return Err(Refusal::file(
                "zip.header",
                format!(
                    "the member is longer than the {} bytes it claims",
                    self.expected.len_bytes
                ),
            ));
        }
        if n == 0 && !buf.is_empty() {
            if self.given < self.expected.len_bytes {
                return Err(Refusal::file(
                    "zip.truncated",
                    format!(
                        "the member ends after {} of {} bytes",
                        self.given, self.expected.len_bytes
                    ),
                ));
            }
            if self
                .expected
                .crc
                .is_some_and(|crc| crc != self.crc.clone().finalize())
            {
                return Err(Refusal::file("zip.crc", "the checksum does not fit the content"));
            }
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f05_f06_expansion_is_judged_past_64_mib_only_and_against_the_limit() {
        assert!(
            !expands_too_far(EXPAND_FROM, 1, 200),
            "small streams may be anything"
        );
        assert!(
            !expands_too_far(150 << 20, 1 << 20, 200),
            "real bills reach 150 times"
        );
        assert!(expands_too_far(201 << 20, 1 << 20, 200));
        assert!(!expands_too_far(201 << 20, 1 << 20, 1000));
    }

    #[test]
    fn a_stream_of_nothing_but_zeros_is_stopped_as_soon_as_it_is_known() {
        let mut bomb = Expanding::new(io::repeat(0), Arc::new(AtomicU64::new(1000)), MAX_EXPAND);
        let error = io::copy(&mut bomb, &mut io::sink()).unwrap_err();
        let error = Refusal::within(&error).unwrap();
        assert_eq!(error.kind().code(), "limit.expand");
        assert!(bomb.given < EXPAND_FROM + (1 << 20));
    }

    #[test]
    fn a_member_is_held_against_its_length_and_checksum() {
        let read = |len_bytes, crc| {
            let expected = Expected { len_bytes, crc };
            let mut out = Vec::new();
            let error = Verified::new(&b"abc"[..], expected).read_to_end(&mut out).err()?;
            Refusal::within(&error).map(|e| e.kind().code())
        };
        let mut crc = Hasher::new();
        crc.update(b"abc");
        assert_eq!(read(3, Some(crc.finalize())), None);
        assert_eq!(read(3, Some(1)), Some("zip.crc"));
        assert_eq!(read(2, None), Some("zip.header"));
        assert_eq!(read(4, None), Some("zip.truncated"));
    }
}
