//! The directory of a zip archive, read and judged as a whole before any member is opened.
//!
//! The central directory is read here and not by a library, because libraries keep members in a map by
//! name: of two members of one name only the last one survives there, and a bill would be lost in
//! silence. Every member must have a name of its own, a local header that says the same as the
//! directory, and a place that no other member shares. Names are never used as paths.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::error::{Error, Printable, Result};
use crate::ingest::archive::{Entry, Method, too_many};

const END: &[u8] = b"PK\x05\x06";
const END_LEN: u64 = 22;
const LOCATOR_LEN: u64 = 20;
/// Bytes that a directory may have: 100,000 members of long names.
const MAX_DIRECTORY: u64 = 64 << 20;

/// A member as the central directory has it.
struct Central {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    plain: u64,
    at: u64,
    unix_mode: Option<u32>,
}

/// The members of a zip archive, in the order of its directory, folders left out.
///
/// Errors: `zip.corrupt`, `zip.encrypted`, `zip.entry`, `zip.dup`, `zip.header`, `zip.overlap`,
/// `zip.method`, `limit.entries`.
pub(super) fn members(file: &mut File) -> Result<Vec<Entry>> {
    let len_bytes = file.seek(SeekFrom::End(0)).map_err(|e| unreadable(&e))?;
    let (n_entries, directory_at, directory) = directory(file, len_bytes)?;
    let mut rest = directory.as_slice();
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (central, next) = central(rest).ok_or_else(|| corrupt("an entry of the directory is broken"))?;
        rest = next;
        all.push(central);
        if all.len() as u64 > n_entries {
            return Err(corrupt("the directory has more entries than it claims"));
        }
    }
    if all.len() as u64 != n_entries {
        return Err(corrupt("the directory has fewer entries than it claims"));
    }
    let mut seen = BTreeMap::new();
    let mut entries = Vec::new();
    let mut places = Vec::new();
    for entry in all {
        let name = String::from_utf8_lossy(&entry.name).into_owned();
        let shown = Printable(&name).to_string();
        if let Some(other) = seen.insert(name.to_lowercase(), shown.clone()) {
            return Err(Error::file(
                "zip.dup",
                format!("two members of one name: {other} and {shown}"),
            ));
        }
        if entry.flags & 0x2041 != 0 {
            return Err(
                Error::file("zip.encrypted", format!("member {shown} is encrypted")).hint("unpack it first"),
            );
        }
        // Types of a Unix mode: 0o10 a file, 0o04 a folder; a mode without a type says nothing.
        let kind = entry.unix_mode.map_or(0, |mode| mode >> 12);
        if !matches!(kind, 0 | 0o10 | 0o04) {
            let what = if kind == 0o12 {
                "a symbolic link"
            } else {
                "neither file nor folder"
            };
            return Err(Error::file("zip.entry", format!("member {shown} is {what}")));
        }
        let data_at = local(file, &entry, &shown)?;
        let end = data_at
            .checked_add(entry.packed)
            .filter(|end| *end <= directory_at)
            .ok_or_else(|| overlap(&shown, "the directory"))?;
        places.push((entry.at, end, shown.clone()));
        if name.ends_with(['/', '\\']) && entry.plain == 0 {
            continue;
        }
        let method = match entry.method {
            0 if entry.packed != entry.plain => {
                return Err(header(&shown, "is stored in another length than it has"));
            }
            0 => Method::Stored,
            8 => Method::Deflated,
            other => {
                return Err(Error::file(
                    "zip.method",
                    format!(
                        "member {shown} is packed by method {other}; stored (0) and deflate (8) are read"
                    ),
                )
                .hint("unpack it first"));
            }
        };
        entries.push(Entry {
            name,
            at: data_at,
            packed: entry.packed,
            plain: entry.plain,
            crc: Some(entry.crc),
            method,
        });
    }
    places.sort();
    if let Some(pair) = places.windows(2).find(|pair| pair[0].1 > pair[1].0) {
        return Err(overlap(&pair[0].2, &pair[1].2));
    }
    Ok(entries)
}

/// Number of entries, place and bytes of the central directory.
fn directory(file: &mut File, len_bytes: u64) -> Result<(u64, u64, Vec<u8>)> {
    // The end record is 22 bytes and a comment of up to 65,535.
    let tail_len = len_bytes.min(END_LEN + 0xffff);
    let tail_at = len_bytes - tail_len;
    let tail = bytes_at(file, tail_at, tail_len)?;
    let end_in_tail = memchr::memmem::rfind_iter(&tail, END)
        .find(|at| {
            let comment = u16_at(&tail, at + 20).map(usize::from);
            comment.is_some_and(|len| at + END_LEN as usize + len == tail.len())
        })
        .ok_or_else(|| corrupt("there is no end record; the archive is cut or something follows it"))?;
    let end = &tail[end_in_tail..];
    let end_at = tail_at + end_in_tail as u64;
    let field = |at| u16_at(end, at).map(u64::from);
    let wide = |at| u32_at(end, at).map(u64::from);
    let broken = || corrupt("the end record is broken");
    let mut disks = field(4).zip(field(6)).ok_or_else(broken)?;
    let mut n_entries = field(10).ok_or_else(broken)?;
    let mut len = wide(12).ok_or_else(broken)?;
    let mut at = wide(16).ok_or_else(broken)?;
    let mut directory_end = end_at;
    // A zip64 archive says so by a locator in front of the end record.
    if let Some(locator_at) = end_at.checked_sub(LOCATOR_LEN) {
        let locator = bytes_at(file, locator_at, LOCATOR_LEN)?;
        if locator.starts_with(b"PK\x06\x07") {
            let wide_at = u64_at(&locator, 8).ok_or_else(broken)?;
            let record = bytes_at(file, wide_at, 56)?;
            if !record.starts_with(b"PK\x06\x06") {
                return Err(broken());
            }
            let number = |at| u64_at(&record, at).ok_or_else(broken);
            disks = (
                u32_at(&record, 16).map_or(1, u64::from),
                u32_at(&record, 20).map_or(1, u64::from),
            );
            (n_entries, len, at) = (number(32)?, number(40)?, number(48)?);
            directory_end = wide_at;
        }
    }
    if disks != (0, 0) {
        return Err(corrupt("the archive is one part of several"));
    }
    if n_entries > super::MAX_ENTRIES || len > MAX_DIRECTORY {
        return Err(too_many(n_entries));
    }
    if at.checked_add(len) != Some(directory_end) {
        return Err(corrupt("the directory is not where the end record says"));
    }
    let bytes = bytes_at(file, at, len)?;
    Ok((n_entries, at, bytes))
}

/// The first entry of the directory, and what follows it.
fn central(bytes: &[u8]) -> Option<(Central, &[u8])> {
    if !bytes.starts_with(b"PK\x01\x02") {
        return None;
    }
    let made_by_unix = bytes.get(5)? == &3;
    let name_len = usize::from(u16_at(bytes, 28)?);
    let extra_len = usize::from(u16_at(bytes, 30)?);
    let comment_len = usize::from(u16_at(bytes, 32)?);
    let name = bytes.get(46..46 + name_len)?.to_vec();
    let extra = bytes.get(46 + name_len..46 + name_len + extra_len)?;
    let rest = bytes.get(46 + name_len + extra_len + comment_len..)?;
    let mut plain = u64::from(u32_at(bytes, 24)?);
    let mut packed = u64::from(u32_at(bytes, 20)?);
    let mut at = u64::from(u32_at(bytes, 42)?);
    // The zip64 field holds, in this order, only the numbers that do not fit.
    let mut wide = zip64(extra).unwrap_or_default();
    for number in [&mut plain, &mut packed, &mut at] {
        if *number == u64::from(u32::MAX) && !wide.is_empty() {
            *number = u64_at(wide, 0)?;
            wide = &wide[8..];
        }
    }
    let entry = Central {
        name,
        flags: u16_at(bytes, 8)?,
        method: u16_at(bytes, 10)?,
        crc: u32_at(bytes, 16)?,
        packed,
        plain,
        at,
        unix_mode: made_by_unix.then_some(u32_at(bytes, 38)? >> 16),
    };
    Some((entry, rest))
}

fn zip64(mut extra: &[u8]) -> Option<&[u8]> {
    loop {
        let len = usize::from(u16_at(extra, 2)?);
        let body = extra.get(4..4 + len)?;
        if u16_at(extra, 0)? == 1 {
            return Some(body);
        }
        extra = &extra[4 + len..];
    }
}

/// Holds the local header against the directory; gives the place of the content.
fn local(file: &mut File, entry: &Central, shown: &str) -> Result<u64> {
    let fixed = bytes_at(file, entry.at, 30).map_err(|_| header(shown, "has no local header"))?;
    let (Some(flags), Some(method), Some(crc), Some(packed), Some(plain), Some(name_len), Some(extra_len)) = (
        u16_at(&fixed, 6),
        u16_at(&fixed, 8),
        u32_at(&fixed, 14),
        u32_at(&fixed, 18),
        u32_at(&fixed, 22),
        u16_at(&fixed, 26),
        u16_at(&fixed, 28),
    ) else {
        return Err(header(shown, "has no local header"));
    };
    if !fixed.starts_with(b"PK\x03\x04") {
        return Err(header(shown, "has no local header"));
    }
    let name = bytes_at(file, entry.at + 30, u64::from(name_len))?;
    if name != entry.name {
        return Err(header(shown, "has another name in its local header"));
    }
    if method != entry.method || (flags ^ entry.flags) & 0x0009 != 0 {
        return Err(header(shown, "is packed in another way by its local header"));
    }
    // With bit 3 the sizes follow the content and the local header has zeros; with zip64 it has -1.
    let later = flags & 8 != 0;
    let agrees =
        |local: u32, central: u64| u64::from(local) == central || local == u32::MAX || (later && local == 0);
    if !agrees(packed, entry.packed)
        || !agrees(plain, entry.plain)
        || !(crc == entry.crc || later && crc == 0)
    {
        return Err(header(shown, "has another size or checksum in its local header"));
    }
    Ok(entry.at + 30 + u64::from(name_len) + u64::from(extra_len))
}

fn corrupt(what: &str) -> Error {
    Error::file("zip.corrupt", format!("not a sound zip archive: {what}")).hint("fetch the file again")
}

fn header(shown: &str, what: &str) -> Error {
    Error::file("zip.header", format!("member {shown} {what}"))
}

fn overlap(shown: &str, other: &str) -> Error {
    Error::file("zip.overlap", format!("member {shown} and {other} share bytes"))
}

fn unreadable(error: &io::Error) -> Error {
    Error::io("cannot be read", error)
}

fn bytes_at(file: &mut File, at: u64, len: u64) -> Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at)).map_err(|e| unreadable(&e))?;
    let mut bytes = Vec::new();
    file.take(len)
        .read_to_end(&mut bytes)
        .map_err(|e| unreadable(&e))?;
    if bytes.len() as u64 == len {
        Ok(bytes)
    } else {
        Err(corrupt("a record lies behind the end of the file"))
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    bytes.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    bytes.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(8)?)?;
    bytes.try_into().ok().map(u64::from_le_bytes)
}
