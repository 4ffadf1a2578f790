//! The bytes of a Parquet file, read at places, never mapped and never whole.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::thrift::page_sizes;
use crate::error::{Error, Result};
use crate::ingest::archive::MAX_IN_MEMORY;
use crate::ingest::guard::{MAX_EXPAND, expands_too_far};
use crate::ingest::source::{Place, ReadAt, Source};
use crate::ingest::unpack::{Packing, unpack_error};

/// Begins the decoder's message about a page that claims to expand too far.
pub(super) const EXPANDS: &str = "a page header claims too much: ";

/// A member of an archive, whole; None for a file, which is read at places.
pub(super) fn in_memory(source: &Source) -> Result<Option<Bytes>> {
    let Place::Member(member) = &source.place else {
        return Ok(None);
    };
    if member.plain_bytes() > MAX_IN_MEMORY {
        return Err(Error::limit(
            "limit.member",
            format!(
                "a Parquet member of {} bytes; up to {MAX_IN_MEMORY} are read inside an archive",
                member.plain_bytes()
            ),
        )
        .hint("unpack it first"));
    }
    let mut content = Vec::new();
    source
        .open_raw()?
        .read_to_end(&mut content)
        .map_err(|e| unpack_error(Packing::Plain, &e))?;
    Ok(Some(content.into()))
}

#[derive(Debug, Clone)]
enum Content {
    File(Arc<File>),
    Memory(Bytes),
}

/// A file read at places; threads share nothing but the file itself.
#[derive(Debug, Clone)]
pub(super) struct FileAt {
    file: Content,
    pub(super) len_bytes: u64,
    count: Option<Arc<AtomicU64>>,
}

impl FileAt {
    /// A file that is in memory.
    pub(super) fn over(content: &Bytes) -> Self {
        FileAt {
            file: Content::Memory(content.clone()),
            len_bytes: content.len() as u64,
            count: None,
        }
    }

    pub(super) fn open(
        source: &Source,
        content: Option<&Bytes>,
        count: Option<Arc<AtomicU64>>,
    ) -> Result<Self> {
        if let Some(content) = content {
            return Ok(FileAt {
                count,
                ..FileAt::over(content)
            });
        }
        let file = source.open_file()?;
        let len_bytes = file
            .metadata()
            .map_err(|e| Error::io("cannot be read", &e))?
            .len();
        Ok(FileAt {
            file: Content::File(Arc::new(file)),
            len_bytes,
            count,
        })
    }
}

impl Length for FileAt {
    fn len(&self) -> u64 {
        self.len_bytes
    }
}

impl ChunkReader for FileAt {
    type T = Header;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(Header {
            bytes: BufReader::new(Reading {
                file: self.file.clone(),
                at: start,
                count: self.count.clone(),
            }),
            is_judged: false,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        // A damaged footer may ask for more than there is; nothing is allocated for it.
        if start
            .checked_add(length as u64)
            .is_none_or(|end| end > self.len_bytes)
        {
            return Err(ParquetError::EOF(format!(
                "bytes {start} to {start}+{length} of a file of {}",
                self.len_bytes
            )));
        }
        if let Content::Memory(bytes) = &self.file {
            let start = start as usize;
            return Ok(bytes.slice(start..start + length));
        }
        let mut buffer = vec![0; length];
        Reading {
            file: self.file.clone(),
            at: start,
            count: self.count.clone(),
        }
        .read_exact(&mut buffer)?;
        Ok(buffer.into())
    }
}

/// A page's header, which is judged when its first byte is read: what it claims is allocated by the decoder. The
/// decoder also asks for a reader where a page's data stands, and then reads nothing with it.
#[derive(Debug)]
pub(super) struct Header {
    bytes: BufReader<Reading>,
    is_judged: bool,
}

impl Read for Header {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        if !std::mem::replace(&mut self.is_judged, true)
            && let Some((plain, packed)) = page_sizes(self.bytes.fill_buf()?)
            && expands_too_far(plain, packed, MAX_EXPAND)
        {
            let claim = format!("{EXPANDS}{plain} bytes from {packed}; the limit is {MAX_EXPAND} times");
            return Err(std::io::Error::other(claim));
        }
        self.bytes.read(buf)
    }
}

/// Reads on from a place without moving anyone else's.
#[derive(Debug)]
pub(super) struct Reading {
    file: Content,
    at: u64,
    count: Option<Arc<AtomicU64>>,
}

impl Read for Reading {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = match &self.file {
            Content::Memory(bytes) => {
                let mut rest = bytes.get(self.at as usize..).unwrap_or_default();
                rest.read(buf)?
            }
            Content::File(file) => file.read_at(buf, self.at)?,
        };
        self.at += n as u64;
        if let Some(count) = &self.count {
            count.fetch_add(n as u64, Ordering::Relaxed);
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_judged_where_it_is_read_and_data_that_looks_like_one_is_not() {
        // Of type 0, 2,000,000,000 bytes unpacked and 10 packed.
        let mut bytes = vec![0x15, 0, 0x15];
        let mut claim = 4_000_000_000_u64;
        while claim >= 0x80 {
            bytes.push(claim as u8 | 0x80);
            claim >>= 7;
        }
        bytes.extend([claim as u8, 0x15, 20, 0]);
        let file = FileAt::over(&bytes.clone().into());
        let mut header = file.get_read(0).unwrap();
        let error = header.read(&mut [0; 1]).unwrap_err();
        assert!(error.to_string().starts_with(EXPANDS), "{error}");
        // The same bytes as a page's data.
        drop(file.get_read(0).unwrap());
        assert_eq!(file.get_bytes(0, bytes.len()).unwrap(), bytes);
    }
}
