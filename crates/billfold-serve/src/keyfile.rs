//! The file of keys: read whole, and only where nobody else can read it.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use billfold_core::{Error, Result};

use crate::sign::Keys;

/// Bytes of a key file.
const MAX_BYTES: u64 = 4 << 20;

/// Reads a key file.
///
/// Errors: `io` where it cannot be read, `usage` where others may read it or it is not as expected, `limit.keys`
/// where it is too long. None of them holds any of its text.
pub(crate) fn read(path: &Path) -> Result<Keys> {
    let name: Arc<str> = path.to_string_lossy().into();
    let io = |e: std::io::Error| Error::io("the key file cannot be read", &e).in_source(&name);
    let file = File::open(path).map_err(io)?;
    let meta = file.metadata().map_err(io)?;
    check_mode(&meta, &name)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > MAX_BYTES {
        let message = format!("a key file has at most {MAX_BYTES} bytes");
        return Err(Error::limit("limit.keys", message).in_source(&name));
    }
    let text = String::from_utf8(bytes).map_err(|_| Error::usage("a key file is UTF-8").in_source(&name))?;
    Keys::parse(&text).map_err(|error| error.in_source(&name))
}

#[cfg(unix)]
fn check_mode(meta: &std::fs::Metadata, name: &Arc<str>) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = meta.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Error::usage(format!(
            "others than its owner may use the key file (mode {mode:04o})"
        ))
        .in_source(name)
        .hint("chmod 600 FILE"));
    }
    Ok(())
}

/// Elsewhere permissions are not of this kind.
#[cfg(not(unix))]
fn check_mode(_: &std::fs::Metadata, _: &Arc<str>) -> Result<()> {
    Ok(())
}
