//! Temporary files: hidden, without a name as soon as the system allows it, and gone with their maker.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use billfold_core::{Error, Result};

use crate::usage;

/// Makes temporary files in a folder.
#[derive(Debug)]
pub(crate) struct TempFiles {
    folder: PathBuf,
    /// Files that still have a name.
    made: Mutex<Vec<PathBuf>>,
}

impl TempFiles {
    /// Files in this folder; the system's folder for temporary files without one.
    ///
    /// Errors: usage for what is no folder.
    pub(crate) fn in_folder(folder: Option<&Path>) -> Result<Self> {
        let folder = folder.map_or_else(std::env::temp_dir, Path::to_path_buf);
        if !folder.is_dir() {
            return Err(usage("is not a folder")
                .in_source(&folder.to_string_lossy().into())
                .hint("name a folder for temporary files with --temp"));
        }
        Ok(TempFiles::beside(folder))
    }

    /// Files in a folder that is known to be one; the working folder for an empty path.
    pub(crate) fn beside(folder: PathBuf) -> Self {
        TempFiles {
            folder,
            made: Mutex::default(),
        }
    }

    /// Opens a new file for reading and writing.
    ///
    /// Errors: I/O.
    pub(crate) fn create(&self) -> Result<File> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = self
            .folder
            .join(format!(".billfold-{}-run-{nth}.tmp", std::process::id()));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|e| {
                Error::io("a temporary file cannot be made", &e)
                    .in_source(&path.to_string_lossy().into())
                    .hint("name another folder with --temp")
            })?;
        // Where an open file can lose its name, a killed run leaves nothing.
        if fs::remove_file(&path).is_err() {
            self.made
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(path);
        }
        Ok(file)
    }
}

impl Drop for TempFiles {
    fn drop(&mut self) {
        for path in self.made.get_mut().unwrap_or_else(PoisonError::into_inner) {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Seek as _, Write as _};

    #[test]
    fn a_file_is_there_and_its_name_is_not() {
        let folder = std::env::temp_dir().join(format!("billfold-temp-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let files = TempFiles::in_folder(Some(&folder)).unwrap();
        let mut file = files.create().unwrap();
        file.write_all(b"abc").unwrap();
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
        drop(file);
        drop(files);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        fs::remove_dir(&folder).unwrap();
        assert!(TempFiles::in_folder(Some(&folder)).is_err());
    }
}
