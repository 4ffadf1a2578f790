//! Packed sources: told by their first bytes, never by their names, and turned into plain bytes.
//!
//! What the plain bytes mean is not known here.

mod ahead;
mod gzip;

use std::io::{self, BufReader, Read};
use std::sync::Arc;

pub(crate) use ahead::Unpacker;

use crate::error::{Error, Result};
use crate::ingest::archive::is_tar;
use crate::ingest::guard::{Expanding, Refusal};
use crate::ingest::source::RawReader;
use ahead::ReadAhead;
use gzip::{Checksums, Members};

/// Bytes read from a packed file at once.
const READ_BYTES: usize = 1 << 18;

/// How a source is packed, told by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// gzip, one or more members.
    Gzip,
    /// zstd, one or more frames.
    Zstd,
}

impl Packing {
    /// Tells the packing from the first bytes.
    ///
    /// Errors: `type.unsupported` for what is known and not read here: xz, bzip2, 7z, PDF, ORC, Avro, and
    /// archives, whose members are sources of their own unless they lie inside another archive or stream.
    pub fn of(head: &[u8]) -> Result<Self> {
        const UNREAD: &[(&[u8], &str)] = &[
            (b"PK\x03\x04", "a zip archive or workbook (xlsx)"),
            (b"PK\x05\x06", "a zip archive"),
            (b"\xfd7zXZ\x00", "xz"),
            (b"BZh", "bzip2"),
            (b"7z\xbc\xaf\x27\x1c", "7z"),
            (b"%PDF-", "PDF"),
            (b"ORC\n", "ORC"),
            (b"ORC\x00", "ORC"),
            (b"Obj\x01", "Avro"),
            (b"ARROW1", "an Arrow file"),
        ];
        if head.starts_with(&[0x1f, 0x8b]) {
            return Ok(Packing::Gzip);
        }
        // A frame, or a skippable frame in front of one.
        if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
            || (head.len() >= 4 && head[0] & 0xf0 == 0x50 && head[1..4] == [0x2a, 0x4d, 0x18])
        {
            return Ok(Packing::Zstd);
        }
        let tar = is_tar(head);
        match UNREAD
            .iter()
            .find(|(magic, _)| head.starts_with(magic))
            .map(|(_, name)| *name)
            .or(tar.then_some("tar"))
        {
            Some(name) => Err(
                Error::file("type.unsupported", format!("this is {name}, which is not read"))
                    .hint("unpack it first; CSV, NDJSON and JSON (plain, gzip, zstd), Parquet, zip and tar archives are read"),
            ),
            None => Ok(Packing::Plain),
        }
    }
}

/// The plain bytes of a source.
pub(crate) struct Unpacked {
    inner: Box<dyn Read + Send>,
    /// What the bytes must come to, where somebody else does not see to it.
    checksums: Option<Checksums>,
}

impl Unpacked {
    /// Bytes that are not packed, or checked elsewhere.
    pub(crate) fn plain(inner: Box<dyn Read + Send>) -> Self {
        Unpacked {
            inner,
            checksums: None,
        }
    }

    /// Lets others unpack ahead of whoever reads. What is checked is checked when it is read.
    pub(crate) fn unpack_ahead(&mut self) -> Arc<Unpacker> {
        let ahead = ReadAhead::new(std::mem::replace(&mut self.inner, Box::new(io::empty())));
        let unpacker = ahead.unpacker();
        self.inner = Box::new(ahead);
        unpacker
    }
}

impl Read for Unpacked {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &mut self.checksums {
            Some(checksums) => checksums.read(&mut self.inner, buf),
            None => self.inner.read(buf),
        }
    }
}

/// Unpacks a source. Errors of the packing become `gzip.*` and `zstd.*` by [`unpack_error`].
pub(crate) fn unpack(raw: RawReader, packing: Packing) -> io::Result<Unpacked> {
    let (taken, max) = raw.expansion();
    let buffered = BufReader::with_capacity(READ_BYTES, raw);
    Ok(match packing {
        Packing::Plain => Unpacked::plain(Box::new(buffered.into_inner())),
        Packing::Gzip => {
            let (members, checksums) = Members::new(buffered);
            Unpacked {
                inner: Box::new(Expanding::new(members, taken, max)),
                checksums: Some(checksums),
            }
        }
        Packing::Zstd => {
            let frames = zstd::stream::read::Decoder::with_buffer(buffered)?;
            Unpacked::plain(Box::new(Expanding::new(frames, taken, max)))
        }
    })
}

/// The error of a file whose packing is broken.
pub fn unpack_error(packing: Packing, error: &io::Error) -> Error {
    if let Some(refused) = Refusal::within(error) {
        return refused;
    }
    let text = error.to_string();
    let truncated = error.kind() == io::ErrorKind::UnexpectedEof;
    match packing {
        Packing::Plain => Error::io("cannot be read", error),
        _ if error.raw_os_error().is_some() => Error::io("cannot be read", error),
        Packing::Gzip if truncated => {
            Error::file("gzip.truncated", "the gzip stream ends too early").hint("fetch the file again")
        }
        Packing::Gzip => gzip::corrupt(&text),
        Packing::Zstd if truncated => {
            Error::file("zstd.truncated", "the zstd stream ends too early").hint("fetch the file again")
        }
        Packing::Zstd if text.contains("too much memory") => {
            Error::limit("limit.window", "the zstd window is larger than 128 MiB")
        }
        Packing::Zstd if text.contains("checksum") => {
            Error::file("zstd.crc", "the zstd checksum does not fit the content")
        }
        Packing::Zstd => Error::file("zstd.corrupt", format!("not a sound zstd stream: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packings_are_told_by_their_first_bytes() {
        assert_eq!(Packing::of(b"\x1f\x8b\x08").unwrap(), Packing::Gzip);
        assert_eq!(
            Packing::of(&zstd::encode_all(&b"x"[..], 1).unwrap()).unwrap(),
            Packing::Zstd
        );
        assert_eq!(Packing::of(b"a,b\n").unwrap(), Packing::Plain);
        assert_eq!(
            Packing::of(b"PK\x03\x04rest").unwrap_err().kind().code(),
            "type.unsupported"
        );
    }
}
