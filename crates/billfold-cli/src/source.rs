//! The input options, judged: mapping files, delimiter, threads.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use billfold_core::dataset::RunOptions;
use billfold_core::engine::Memory;
use billfold_core::error::Printable;
use billfold_core::ingest::formats::Format;
use billfold_core::{Error, Result};

use crate::args::SourceArgs;
use crate::temp::TempFiles;
use crate::usage;

/// Most workers that make sense.
const MAX_THREADS: usize = 256;
/// A mapping file is a page of text.
const MAX_MAPPING_BYTES: u64 = 1 << 20;

/// The options of a run, and what is to be said about them.
pub(crate) fn options<'a>(args: &SourceArgs) -> Result<(RunOptions<'a>, Vec<String>)> {
    let mut notes = Vec::new();
    let options = RunOptions {
        threads: args
            .threads
            .as_deref()
            .map(|text| threads(text, &mut notes))
            .transpose()?,
        mappings: args
            .mapping
            .iter()
            .map(|path| mapping(path))
            .collect::<Result<_>>()?,
        format: args.source_format.clone(),
        delimiter: args.delimiter.as_deref().map(delimiter).transpose()?,
        encoding: args.encoding.clone(),
        allow_empty: args.allow_empty,
        delivery: args
            .delivery
            .as_deref()
            .map(str::parse)
            .transpose()?
            .unwrap_or_default(),
        max_expand: args.max_expand,
        ..RunOptions::default()
    };
    Ok((options, notes))
}

fn threads(text: &str, notes: &mut Vec<String>) -> Result<usize> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(usage(format!("--threads `{}` is not a number", Printable(text))));
    }
    // Too long for a usize is too many.
    let n = text.parse().unwrap_or(usize::MAX);
    if n == 0 {
        return Err(
            usage("--threads 0 works on nothing").hint("give at least 1, or leave it out for one per core")
        );
    }
    if n > MAX_THREADS {
        notes.push(format!(
            "--threads {text} is more than {MAX_THREADS}; {MAX_THREADS} are used"
        ));
    }
    Ok(n.min(MAX_THREADS))
}

/// What `--memory` and `--temp` say.
pub(crate) fn memory(size: &str, folder: Option<&Path>) -> Result<Memory> {
    let bytes = size_bytes(size)?;
    let files = TempFiles::in_folder(folder)?;
    Ok(Memory {
        bytes,
        temp: Arc::new(move || files.create()),
    })
}

/// A number of bytes, or of KiB, MiB or GiB: `512MiB`, `2G`, `1048576`. Units are powers of 1024.
fn size_bytes(text: &str) -> Result<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => Some(0),
        "k" | "kb" | "kib" => Some(10),
        "m" | "mb" | "mib" => Some(20),
        "g" | "gb" | "gib" => Some(30),
        _ => None,
    };
    let bytes = number
        .parse::<u64>()
        .ok()
        .zip(shift)
        .and_then(|(number, shift)| number.checked_mul(1 << shift));
    bytes.ok_or_else(|| {
        usage(format!("--memory `{}` is not a size", Printable(text)))
            .hint("write 512MiB, 2GiB or a number of bytes")
    })
}

fn delimiter(text: &str) -> Result<u8> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r' | 0) => Ok(*byte),
        _ => Err(usage(format!(
            "--delimiter `{}` is not one ASCII character",
            Printable(text)
        ))
        .hint("write a character such as ; or |, or the word tab")),
    }
}

fn mapping(path: &Path) -> Result<Format> {
    let name: Arc<str> = path.to_string_lossy().into();
    let io = |e: std::io::Error| Error::io("the mapping file cannot be read", &e).in_source(&name);
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_MAPPING_BYTES + 1).read_to_end(&mut bytes))
        .map_err(io)?;
    if bytes.len() as u64 > MAX_MAPPING_BYTES {
        return Err(Error::limit(
            "limit.mapping",
            format!("a mapping file has at most {MAX_MAPPING_BYTES} bytes"),
        )
        .in_source(&name));
    }
    let text = String::from_utf8(bytes).map_err(|_| usage("a mapping file is UTF-8").in_source(&name))?;
    Format::parse(&text).map_err(|error| error.in_source(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_one_to_256() {
        let mut notes = Vec::new();
        assert!(threads("0", &mut notes).is_err());
        assert!(threads("-1", &mut notes).is_err());
        assert!(threads("two", &mut notes).is_err());
        assert_eq!(threads("1", &mut notes).unwrap(), 1);
        assert!(notes.is_empty());
        assert_eq!(threads("1000", &mut notes).unwrap(), 256);
        assert_eq!(threads("99999999999999999999999", &mut notes).unwrap(), 256);
        assert_eq!(notes.len(), 2);
    }

    #[test]
    fn sizes_have_units_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("512MiB", 512 << 20),
            ("2g", 2 << 30),
            ("3 KB", 3 << 10),
        ] {
            assert_eq!(size_bytes(text).unwrap(), bytes, "{text}");
        }
        for bad in [
            "",
            "MiB",
            "-1",
            "1.5GiB",
            "1TiBs",
            "99999999999999999999",
            "99999999999GiB",
        ] {
            assert!(size_bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_delimiter_is_one_ascii_character() {
        assert_eq!(delimiter(";").unwrap(), b';');
        assert_eq!(delimiter("tab").unwrap(), b'\t');
        for bad in ["", ";;", "；", "\"", "\n"] {
            assert!(delimiter(bad).is_err(), "{bad:?}");
        }
    }
}
