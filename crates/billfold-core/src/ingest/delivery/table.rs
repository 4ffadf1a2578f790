//! Table formats: folders whose log, and not whose content, says which files count.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Refuses a folder that is a Delta, Iceberg or Hudi table. `entries` are the paths in it.
///
/// Errors: `type.table`.
pub(crate) fn refuse_table(folder: &Path, entries: &[PathBuf]) -> Result<()> {
    let has = |name: &str| entries.iter().any(|e| e.file_name().is_some_and(|n| n == name));
    if has("_delta_log") {
        return Err(refused(folder, "a Delta table"));
    }
    if has(".hoodie") {
        return Err(refused(folder, "a Hudi table"));
    }
    if has("metadata") && is_iceberg(folder) {
        return Err(refused(folder, "an Iceberg table"));
    }
    Ok(())
}

/// Refuses the members of an archive that are such a table, by their names.
///
/// Errors: `type.table`.
pub(crate) fn refuse_table_within<'a>(names: impl Iterator<Item = &'a str>) -> Result<()> {
    for name in names {
        let mut folders = name.split(['/', '\\']).rev().skip(1);
        let what = if folders.clone().any(|f| f == "_delta_log") {
            "a Delta table"
        } else if folders.clone().any(|f| f == ".hoodie") {
            "a Hudi table"
        } else if name.ends_with(".metadata.json") && folders.next() == Some("metadata") {
            "an Iceberg table"
        } else {
            continue;
        };
        return Err(refused(Path::new(""), what));
    }
    Ok(())
}

/// Refuses a file or folder that lies in such a table: its partitions and its `data` folder are looked above.
///
/// Errors: `type.table`.
pub(crate) fn refuse_table_around(path: &Path) -> Result<()> {
    for folder in path.ancestors().skip(1) {
        if folder.join("_delta_log").is_dir() {
            return Err(refused(folder, "a Delta table"));
        }
        if folder.join(".hoodie").is_dir() {
            return Err(refused(folder, "a Hudi table"));
        }
        if is_iceberg(folder) {
            return Err(refused(folder, "an Iceberg table"));
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        if !(name.contains('=') || name == "data") {
            break;
        }
    }
    Ok(())
}

fn is_iceberg(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder.join("metadata")) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.ends_with(".metadata.json") || name.ends_with(".metadata.json.gz")
    })
}

fn refused(folder: &Path, what: &str) -> Error {
    let message = format!("this is {what}; files that were removed from it still lie in its folder");
    let error = Error::file("type.table", message)
        .hint("export the rows that count first, with the engine that keeps the table");
    match folder.to_string_lossy() {
        name if name.is_empty() => error,
        name => error.in_source(&name.into()),
    }
}
