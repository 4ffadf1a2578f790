//! Where bytes go: standard output, or a file that is there whole or not at all.
//!
//! A file is written beside its place under a hidden name and moved there when it is done, so a run
//! that fails leaves nothing and one that is interrupted leaves what was there. Devices and pipes
//! (`/dev/null`, a FIFO) are written as they are.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use billfold_core::{Error, ErrorKind, Result};

use crate::io::Io;
use crate::usage;

/// Where something is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Standard output.
    Stdout,
    /// A file; `replace` says whether it may be there already.
    File { path: PathBuf, replace: bool },
    /// A device or a pipe.
    Device(PathBuf),
}

impl Target {
    /// The target for a path as given; `-` is standard output.
    ///
    /// Errors: a conflict for a file that exists without `force`; usage for a folder, or a folder that
    /// is not there.
    pub(crate) fn new(path: &str, force: bool) -> Result<Target> {
        if path == "-" {
            return Ok(Target::Stdout);
        }
        let name: Arc<str> = path.into();
        if path.is_empty() {
            return Err(usage("an output file without a name"));
        }
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => {
                return Err(usage("is a folder").in_source(&name).hint("name a file in it"));
            }
            Ok(found) if !found.is_file() => return Ok(Target::Device(path.into())),
            Ok(_) if !force => return Err(exists(path)),
            // Through a link, the file that it leads to is replaced and not the link.
            Ok(_) => {
                let path = fs::canonicalize(path)
                    .map_err(|e| Error::io("cannot be replaced", &e).in_source(&name))?;
                return Ok(Target::File { path, replace: true });
            }
            Err(_) => {}
        }
        let path = Path::new(path);
        let Some(file_name) = path.file_name() else {
            return Err(usage("is not the name of a file").in_source(&name));
        };
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let folder = fs::canonicalize(folder)
            .map_err(|e| Error::io("the folder of the file cannot be opened", &e).in_source(&name))?;
        Ok(Target::File {
            path: folder.join(file_name),
            replace: force,
        })
    }
}

#[cold]
fn exists(path: &str) -> Error {
    Error::new(ErrorKind::Conflict("the file exists".to_owned()))
        .in_source(&path.into())
        .hint("--force replaces it")
}

/// A file in the making. Dropped before [`NewFile::finish`], it was never there.
pub(crate) struct NewFile {
    out: BufWriter<File>,
    /// The hidden name and the real one; None for a device.
    places: Option<(PathBuf, PathBuf)>,
    replace: bool,
    name: Arc<str>,
}

impl NewFile {
    /// Begins a file. Not for [`Target::Stdout`].
    pub(crate) fn create(target: &Target) -> Result<NewFile> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (path, replace) = match target {
            Target::Stdout => return Err(Error::bug("standard output is not a file")),
            Target::Device(path) => {
                let name: Arc<str> = path.to_string_lossy().into();
                let file = OpenOptions::new()
                    .write(true)
                    .open(path)
                    .map_err(|e| Error::io("cannot be opened for writing", &e).in_source(&name))?;
                return Ok(NewFile {
                    out: BufWriter::with_capacity(1 << 16, file),
                    places: None,
                    replace: true,
                    name,
                });
            }
            Target::File { path, replace } => (path, *replace),
        };
        let name: Arc<str> = path.to_string_lossy().into();
        // Hidden, so that a run over the same folder does not take it for a bill.
        let temp = path.with_file_name(format!(
            ".billfold-{}-{}.tmp",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        ));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temp)
            .map_err(|e| Error::io("cannot be written", &e).in_source(&name))?;
        Ok(NewFile {
            out: BufWriter::with_capacity(1 << 16, file),
            places: Some((temp, path.clone())),
            replace,
            name,
        })
    }

    /// Puts the file in its place.
    ///
    /// Errors: I/O; a conflict when another one has come to be there.
    pub(crate) fn finish(mut self) -> Result<()> {
        let io = |e: &io::Error| Error::io("cannot be written", e).in_source(&self.name);
        if let Err(e) = self.out.flush() {
            return match e.kind() {
                // The reader of a pipe has seen enough.
                io::ErrorKind::BrokenPipe => Ok(()),
                _ => Err(io(&e)),
            };
        }
        let Some((temp, path)) = &self.places else {
            return Ok(());
        };
        self.out.get_ref().sync_all().map_err(|e| io(&e))?;
        if self.replace {
            fs::rename(temp, path).map_err(|e| io(&e))?;
            self.places = None;
            return Ok(());
        }
        // A link refuses to replace; a rename does not. Where links are unknown, look and rename.
        match fs::hard_link(temp, path) {
            // Dropping takes the hidden name away.
            Ok(()) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Err(exists(&self.name)),
            Err(_) if path.exists() => Err(exists(&self.name)),
            Err(_) => {
                fs::rename(temp, path).map_err(|e| io(&e))?;
                self.places = None;
                Ok(())
            }
        }
    }

    /// Where what was written so far can be read.
    ///
    /// Errors: I/O; a device cannot be read again.
    pub(crate) fn written(&mut self) -> Result<&Path> {
        self.out
            .flush()
            .map_err(|e| Error::io("cannot be written", &e).in_source(&self.name))?;
        match &self.places {
            Some((temp, _)) => Ok(temp),
            None => Err(usage("a device cannot be read again").in_source(&self.name)),
        }
    }

    /// The error for a write that failed.
    pub(crate) fn write_error(&self, e: &io::Error) -> Error {
        Error::io("cannot be written", e).in_source(&self.name)
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some((temp, _)) = &self.places {
            let _ = fs::remove_file(temp);
        }
    }
}

/// Writes to standard output. A reader that has seen enough (`| head`) is no error.
pub(crate) fn to_stdout(
    io: &mut Io<'_>,
    write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
) -> Result<()> {
    let written = write(&mut *io.stdout).and_then(|()| io.stdout.flush());
    match written {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::io("standard output cannot be written", &e))
        }
        _ => Ok(()),
    }
}

/// Writes a report to its target, whole or not at all.
pub(crate) fn write_report(
    io: &mut Io<'_>,
    target: &Target,
    write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
) -> Result<()> {
    if *target == Target::Stdout {
        return to_stdout(io, write);
    }
    let mut file = NewFile::create(target)?;
    write(&mut file).map_err(|e| file.write_error(&e))?;
    file.finish()
}

/// A writer that remembers that its reader is gone, for encoders whose errors do not say so.
pub(crate) struct Watched<'a> {
    out: &'a mut (dyn Write + Send),
    /// Whether the reader is gone.
    pub(crate) is_broken: bool,
}

impl<'a> Watched<'a> {
    /// Watches a writer.
    pub(crate) fn new(out: &'a mut (dyn Write + Send)) -> Self {
        Watched {
            out,
            is_broken: false,
        }
    }

    fn watch<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(e) = &result {
            self.is_broken |= e.kind() == io::ErrorKind::BrokenPipe;
        }
        result
    }
}

impl Write for Watched<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.out.write(bytes);
        self.watch(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.out.flush();
        self.watch(result)
    }
}
