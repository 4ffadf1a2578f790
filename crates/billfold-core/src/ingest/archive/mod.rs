//! Archives: zip and tar, whose members are sources of their own, read as streams.
//!
//! Nothing is ever unpacked to disk, and no member's name is ever used as a path. A directory is judged
//! whole (`zip`, `tar`) before a member is opened; content is held against its length and checksum
//! while it is read. What a member means is not known here.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use flate2::bufread::DeflateDecoder;

use crate::error::{Error, Result};
use crate::ingest::delivery;
use crate::ingest::guard::{Counted, Expanding, Expected, Verified, expand_message, expands_too_far};
use crate::ingest::source::{NotRead, Place, RawReader, Source};
use crate::ingest::unpack::{Packing, unpack, unpack_error};

mod tar;
mod zip;

/// Members that an archive may have.
pub(crate) const MAX_ENTRIES: u64 = 100_000;
/// Bytes of a member that may be read into memory: Parquet is read at many places.
pub(crate) const MAX_IN_MEMORY: u64 = 256 << 20;

/// A member of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The archive.
    pub archive: PathBuf,
    /// The member's name as the archive has it. No path.
    pub name: Arc<str>,
    entry: Entry,
    /// How the archive itself is packed.
    packing: Packing,
}

/// Where a member lies and what it must come to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: String,
    /// Place of the content in the archive, unpacked where the archive is packed as a whole.
    at: u64,
    packed: u64,
    plain: u64,
    crc: Option<u32>,
    method: Method,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Stored,
    Deflated,
}

/// What a file's first bytes say about archives.
enum Kind {
    Zip,
    Tar(Packing),
}

/// Puts the members of archives in the place of the archives.
///
/// `max_expand`: how many times its packed bytes an archive may hold, once past 64 MiB. Members that
/// cannot be bills by their names (hidden files, `__MACOSX`) are added to `left_out`.
/// Errors: everything that makes an archive unsound; `limit.entries`, `limit.expand`.
pub fn open_archives(
    sources: Vec<Source>,
    max_expand: u32,
    left_out: &mut Vec<NotRead>,
) -> Result<Vec<Source>> {
    let mut all = Vec::with_capacity(sources.len());
    for source in sources {
        let Place::Path(path) = &source.place else {
            all.push(source);
            continue;
        };
        let named = |e: Error| e.in_source(&source.name);
        let Some(kind) = kind_of(&source, max_expand).map_err(named)? else {
            all.push(source);
            continue;
        };
        let (packing, entries) = list(&source, path, &kind, max_expand).map_err(named)?;
        // A workbook is a zip archive, and no bill is looked for in its parts.
        if entries.iter().any(|e| e.name == "[Content_Types].xml") {
            if source.found {
                all.push(source);
                continue;
            }
            return Err(named(
                Error::file("type.unsupported", "this is a workbook (xlsx), which is not read")
                    .hint("save the sheet as CSV"),
            ));
        }
        delivery::refuse_table_within(entries.iter().map(|e| e.name.as_str())).map_err(named)?;
        for entry in entries {
            let name: Arc<str> = format!("{}!{}", source.name, entry.name).into();
            if is_hidden(&entry.name) {
                left_out.push(NotRead {
                    source: name,
                    why: "no bill by its name".to_owned(),
                });
                continue;
            }
            let member = Member {
                archive: path.clone(),
                name: entry.name.as_str().into(),
                entry,
                packing,
            };
            all.push(Source {
                partitions: delivery::partitions(&name),
                name,
                place: Place::Member(Arc::new(member)),
                found: true,
                ..source.clone()
            });
        }
    }
    Ok(all)
}

/// Whether some part of the name marks it as a file of the system's own.
fn is_hidden(name: &str) -> bool {
    name.split(['/', '\\'])
        .any(|part| (part.starts_with('.') && part != "." && part != "..") || part.starts_with('_'))
}

fn kind_of(source: &Source, max_expand: u32) -> Result<Option<Kind>> {
    // A pipe gives its bytes once only.
    if !source.is_file() {
        return Ok(None);
    }
    let mut raw = source.open_raw()?.limited(max_expand);
    let head = raw.peek(262).map_err(|e| Error::io("cannot be read", &e))?;
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Ok(Some(Kind::Zip));
    }
    if is_tar(head) {
        return Ok(Some(Kind::Tar(Packing::Plain)));
    }
    // What cannot be read is told by who reads it.
    let Ok(packing @ (Packing::Gzip | Packing::Zstd)) = Packing::of(head) else {
        return Ok(None);
    };
    let mut start = Vec::new();
    let unpacked = unpack(raw, packing).and_then(|reader| reader.take(262).read_to_end(&mut start));
    Ok((unpacked.is_ok() && is_tar(&start)).then_some(Kind::Tar(packing)))
}

/// Whether these first bytes are a tar archive's.
pub(crate) fn is_tar(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

fn list(source: &Source, path: &Path, kind: &Kind, max_expand: u32) -> Result<(Packing, Vec<Entry>)> {
    match kind {
        Kind::Zip => {
            let mut file = source.open_file()?;
            let entries = zip::members(&mut file)?;
            let packed = source.len_bytes().unwrap_or(0);
            let plain = entries.iter().try_fold(0u64, |sum, e| sum.checked_add(e.plain));
            let plain = plain.unwrap_or(u64::MAX);
            if expands_too_far(plain, packed, max_expand) {
                return Err(Error::limit(
                    "limit.expand",
                    expand_message(plain, packed, max_expand),
                ));
            }
            Ok((Packing::Plain, entries))
        }
        Kind::Tar(packing) => {
            let failed = |e: io::Error| unpack_error(*packing, &e);
            let raw = source.open_raw()?.limited(max_expand);
            let mut reader = unpack(raw, *packing).map_err(failed)?;
            let mut reader = BufReader::with_capacity(1 << 16, &mut reader);
            let entries = tar::members(&mut reader).map_err(failed)?;
            debug_assert!(path.is_file());
            Ok((*packing, entries))
        }
    }
}

fn too_many(n: u64) -> Error {
    Error::limit(
        "limit.entries",
        format!("the archive has {n} members or a directory to match; the limit is {MAX_ENTRIES}"),
    )
}

impl Member {
    /// Bytes of the member in the archive; for one of a packed tar archive its plain bytes.
    pub fn len_bytes(&self) -> u64 {
        self.entry.packed
    }

    /// Plain bytes.
    pub(crate) fn plain_bytes(&self) -> u64 {
        self.entry.plain
    }

    /// Opens the member as a stream of plain bytes.
    ///
    /// A member of a packed tar archive is reached by unpacking what stands before it.
    pub(crate) fn open(
        &self,
        mut file: File,
        count: Option<Arc<AtomicU64>>,
        max_expand: u32,
    ) -> io::Result<Box<dyn Read + Send>> {
        let expected = Expected {
            len_bytes: self.entry.plain,
            crc: self.entry.crc,
        };
        if self.packing != Packing::Plain {
            let raw = RawReader::over(Box::new(file)).limited(max_expand);
            let mut reader = unpack(raw, self.packing)?;
            io::copy(&mut reader.by_ref().take(self.entry.at), &mut io::sink())?;
            let content = Counted {
                inner: reader.take(self.entry.plain),
                taken: Arc::default(),
                total: count,
            };
            return Ok(Box::new(Verified::new(content, expected)));
        }
        file.seek(SeekFrom::Start(self.entry.at))?;
        let taken: Arc<AtomicU64> = Arc::default();
        let packed = Counted {
            inner: file.take(self.entry.packed),
            taken: Arc::clone(&taken),
            total: count,
        };
        Ok(match self.entry.method {
            Method::Stored => Box::new(Verified::new(packed, expected)),
            Method::Deflated => {
                let inflated = DeflateDecoder::new(BufReader::with_capacity(1 << 16, packed));
                Box::new(Verified::new(
                    Expanding::new(inflated, taken, max_expand),
                    expected,
                ))
            }
        })
    }
}
