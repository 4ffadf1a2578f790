//! Sources: the one place where files are found and opened.
//!
//! A source is a file, a named pipe, standard input or a member of an archive, perhaps compressed.
//! Readers here give the bytes as they lie on disk; `unpack` tells whether they are packed.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::error::{Error, Result};
use crate::ingest::archive::Member;
use crate::ingest::delivery::{self, Partitions};
use crate::ingest::guard::MAX_EXPAND;
use crate::ingest::unpack::{Packing, unpack_error};

/// A file, a named pipe, standard input or a member of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// As it was named to us, or found in a folder.
    pub name: Arc<str>,
    /// Where it is.
    pub place: Place,
    /// Whether it was found in a folder or named itself. Only found files may turn out to be no bill.
    pub found: bool,
    /// `KEY=VALUE` folders that it lies in.
    pub partitions: Partitions,
    /// What a delivery's manifest says of it.
    pub listed: Option<Listed>,
}

/// What a manifest says of a file that it lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Listed {
    /// Rows, where the manifest counts them.
    pub rows: Option<u64>,
}

/// A file that was found and not read, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRead {
    /// As it would be named.
    pub source: Arc<str>,
    /// Why it is not read.
    pub why: String,
}

/// Where a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file or a named pipe.
    Path(PathBuf),
    /// A member of an archive.
    Member(Arc<Member>),
    /// Standard input.
    Stdin,
}

/// Finds the sources that a user names: files, folders (all files below, hidden ones left out), globs,
/// and `-` for standard input. Files of a folder or glob come in the byte order of their paths.
///
/// Errors: a path that is not there, that cannot be read, or that is neither file, folder nor pipe;
/// a glob that matches nothing; a file named twice; `type.table` for the files of a table format.
pub fn expand(inputs: &[String]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for input in inputs {
        if input == "-" {
            sources.push(Source {
                name: "-".into(),
                place: Place::Stdin,
                found: false,
                partitions: Partitions::default(),
                listed: None,
            });
            continue;
        }
        let path = Path::new(input);
        delivery::refuse_table_around(path)?;
        match fs::metadata(path) {
            Ok(metadata) => add_path(path, &metadata, false, &mut sources)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound && input.contains(['*', '?', '[']) => {
                add_glob(input, &mut sources)?;
            }
            Err(e) => return Err(Error::io("cannot be opened", &e).in_source(&Arc::from(input.as_str()))),
        }
    }
    let mut seen: Vec<&Source> = sources.iter().collect();
    seen.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(twice) = seen.windows(2).find(|w| w[0].place == w[1].place) {
        return Err(Error::new(crate::error::ErrorKind::Conflict(
            "the same file is named twice".to_owned(),
        ))
        .in_source(&twice[0].name)
        .hint("name it once; a row must not count twice"));
    }
    Ok(sources)
}

fn add_glob(pattern: &str, sources: &mut Vec<Source>) -> Result<()> {
    let named: Arc<str> = pattern.into();
    let paths =
        glob::glob(pattern).map_err(|e| Error::usage(format!("not a glob: {e}")).in_source(&named))?;
    let before = sources.len();
    let mut looked: Option<PathBuf> = None;
    for path in paths {
        let path = path.map_err(|e| Error::io("cannot be read", e.error()).in_source(&named))?;
        let metadata =
            fs::metadata(&path).map_err(|e| Error::io("cannot be opened", &e).in_source(&shown(&path)))?;
        if looked.as_deref() != path.parent() {
            delivery::refuse_table_around(&path)?;
        }
        add_path(&path, &metadata, true, sources)?;
        looked = path.parent().map(Path::to_owned);
    }
    if sources.len() == before {
        return Err(Error::new(crate::error::ErrorKind::Io("no file matches".to_owned())).in_source(&named));
    }
    Ok(())
}

fn add_path(path: &Path, metadata: &Metadata, found: bool, sources: &mut Vec<Source>) -> Result<()> {
    if metadata.is_dir() {
        return add_folder(path, sources);
    }
    if !(metadata.is_file() || is_pipe(metadata)) {
        return Err(Error::file("source.type", "neither a file, a folder nor a pipe").in_source(&shown(path)));
    }
    let name = shown(path);
    sources.push(Source {
        partitions: delivery::partitions(&name),
        name,
        place: Place::Path(path.to_owned()),
        found,
        listed: None,
    });
    Ok(())
}

fn add_folder(folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    let unreadable = |e: io::Error| Error::io("cannot be listed", &e).in_source(&shown(folder));
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.sort();
    delivery::refuse_table(folder, &entries)?;
    for path in entries {
        let hidden = path.file_name().is_some_and(|n| {
            n.as_encoded_bytes().starts_with(b".") || n.as_encoded_bytes().starts_with(b"_")
        });
        if hidden {
            continue;
        }
        let metadata =
            fs::metadata(&path).map_err(|e| Error::io("cannot be opened", &e).in_source(&shown(&path)))?;
        if metadata.is_dir() {
            add_folder(&path, sources)?;
        } else {
            add_path(&path, &metadata, true, sources)?;
        }
    }
    Ok(())
}

fn shown(path: &Path) -> Arc<str> {
    path.to_string_lossy().into()
}

#[cfg(unix)]
fn is_pipe(metadata: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    metadata.file_type().is_fifo()
}

#[cfg(not(unix))]
fn is_pipe(_: &Metadata) -> bool {
    false
}

impl Source {
    /// Bytes on disk, where the source is a file.
    pub fn len_bytes(&self) -> Option<u64> {
        match &self.place {
            Place::Path(path) => fs::metadata(path).ok().filter(Metadata::is_file).map(|m| m.len()),
            Place::Member(member) => Some(member.len_bytes()),
            Place::Stdin => None,
        }
    }

    /// The value of a `KEY=VALUE` folder that it lies in.
    pub fn partition(&self, key: &str) -> Option<&str> {
        delivery::partition(&self.partitions, key)
    }

    /// The file, or the archive that it is a member of.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Path(path) => Some(path),
            Place::Member(member) => Some(&member.archive),
            Place::Stdin => None,
        }
    }

    /// Whether it can be opened again from its beginning.
    pub fn is_file(&self) -> bool {
        self.len_bytes().is_some()
    }

    /// Opens it as it lies on disk.
    pub fn open_raw(&self) -> Result<RawReader> {
        self.open_counted(None, MAX_EXPAND)
    }

    /// Opens it as it lies on disk and counts the bytes read into `count`. `max_expand`: how many times
    /// its packed bytes it may come to when it is unpacked.
    pub fn open_counted(&self, count: Option<Arc<AtomicU64>>, max_expand: u32) -> Result<RawReader> {
        let (inner, count, stamp): (Box<dyn Read + Send>, _, _) = match &self.place {
            Place::Stdin => (Box::new(io::stdin()), count, None),
            Place::Path(path) => (Box::new(self.open_path(path)?), count, Stamp::at(path)),
            // A member counts what is read of the archive.
            Place::Member(member) => {
                let file = self.open_path(&member.archive)?;
                let inner = member.open(file, count, max_expand);
                let inner = inner.map_err(|e| unpack_error(Packing::Plain, &e).in_source(&self.name))?;
                (inner, None, Stamp::at(&member.archive))
            }
        };
        Ok(RawReader {
            count,
            max_expand,
            stamp,
            ..RawReader::over(inner)
        })
    }

    /// Opens it for reading at any place.
    pub fn open_file(&self) -> Result<File> {
        match &self.place {
            Place::Path(path) => self.open_path(path),
            Place::Member(_) | Place::Stdin => {
                Err(Error::file("source.type", "a stream cannot be read at any place").in_source(&self.name))
            }
        }
    }

    fn open_path(&self, path: &Path) -> Result<File> {
        File::open(path).map_err(|e| Error::io("cannot be opened", &e).in_source(&self.name))
    }

    /// Refuses a file that changed since `before`.
    pub fn check_unchanged(&self, before: Option<Stamp>) -> Result<()> {
        let (Some(path), Some(before)) = (self.path(), before) else {
            return Ok(());
        };
        if Stamp::at(path) == Some(before) {
            return Ok(());
        }
        Err(changed().in_source(&self.name))
    }
}

/// The error of a file that changed.
pub(crate) fn changed() -> Error {
    Error::file("source.changed", "the file changed while it was read").hint("run again when it is complete")
}

/// What can be read at any place, by many at once.
pub(crate) trait ReadAt: Send + Sync {
    /// Reads from `at` on; 0 bytes are the end.
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize>;
}

impl ReadAt for File {
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::read_at(self, buf, at);
        #[cfg(windows)]
        return std::os::windows::fs::FileExt::seek_read(self, buf, at);
    }
}

/// Size and time of a file, to see whether it changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    len_bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().and_then(|m| Stamp::of(&m))
    }

    fn of(metadata: &Metadata) -> Option<Self> {
        metadata.is_file().then(|| Stamp {
            len_bytes: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }
}

/// A source as it lies on disk. Its first bytes can be looked at and put back.
pub struct RawReader {
    inner: Box<dyn Read + Send>,
    count: Option<Arc<AtomicU64>>,
    /// Bytes that were read.
    taken: Arc<AtomicU64>,
    max_expand: u32,
    /// The file's stamp when it was opened.
    pub stamp: Option<Stamp>,
    head: Vec<u8>,
    head_at: usize,
}

impl std::fmt::Debug for RawReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawReader").finish_non_exhaustive()
    }
}

impl RawReader {
    /// A reader over bytes that are no file of their own.
    pub(crate) fn over(inner: Box<dyn Read + Send>) -> Self {
        RawReader {
            inner,
            count: None,
            taken: Arc::default(),
            max_expand: MAX_EXPAND,
            stamp: None,
            head: Vec::new(),
            head_at: 0,
        }
    }

    /// The same, with another limit of expansion.
    #[must_use]
    pub(crate) fn limited(mut self, max_expand: u32) -> Self {
        self.max_expand = max_expand;
        self
    }

    /// Counts the bytes that were read, and how many times as many they may come to when they are unpacked.
    pub(crate) fn expansion(&self) -> (Arc<AtomicU64>, u32) {
        (Arc::clone(&self.taken), self.max_expand)
    }

    /// The next bytes, up to `len`, without taking them.
    pub fn peek(&mut self, len: usize) -> io::Result<&[u8]> {
        self.head.drain(..self.head_at);
        self.head_at = 0;
        let mut filled = self.head.len();
        if filled < len {
            self.head.resize(len, 0);
            while filled < len {
                match self.inner.read(&mut self.head[filled..]) {
                    Ok(0) => break,
                    Ok(n) => filled += n,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
            self.head.truncate(filled);
        }
        Ok(&self.head[..filled.min(len)])
    }
}

impl Read for RawReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = if self.head_at < self.head.len() {
            let n = buf.len().min(self.head.len() - self.head_at);
            buf[..n].copy_from_slice(&self.head[self.head_at..self.head_at + n]);
            self.head_at += n;
            n
        } else {
            self.inner.read(buf)?
        };
        self.taken.fetch_add(n as u64, Ordering::Relaxed);
        if let Some(count) = &self.count {
            count.fetch_add(n as u64, Ordering::Relaxed);
        }
        Ok(n)
    }
}
