//! The members of a tar archive, listed in one pass over its headers.
//!
//! ustar, GNU long names and pax headers are read; what is no plain file or folder is refused, and so
//! is an archive without its end mark, because a tar that was cut between members looks whole otherwise.

use std::collections::BTreeSet;
use std::io::{self, Read};

use crate::error::Printable;
use crate::ingest::archive::{Entry, MAX_ENTRIES, Method};
use crate::ingest::guard::Refusal;

const BLOCK: usize = 512;
/// Bytes that a long name or the headers of a member may have.
const MAX_HEADERS: u64 = 1 << 20;

/// Lists the regular members; reads to the end, so that a checksum around the archive is checked.
///
/// Errors (as [`Refusal`]): `tar.truncated`, `tar.corrupt`, `tar.entry`, `tar.dup`, `limit.entries`.
pub(super) fn members(reader: &mut dyn Read) -> io::Result<Vec<Entry>> {
    let mut at = 0u64;
    let mut entries: Vec<Entry> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut long_name: Option<Vec<u8>> = None;
    let mut pax = Pax::default();
    loop {
        let block = read_block(reader)?;
        at += BLOCK as u64;
        if block.iter().all(|b| *b == 0) {
            io::copy(reader, &mut io::sink())?;
            return Ok(entries);
        }
        if !is_sound(&block) {
            return Err(corrupt("the checksum of a header does not fit"));
        }
        let kind = block[156];
        let stated = number(&block[124..136]).ok_or_else(|| corrupt("a header has no readable size"))?;
        if matches!(kind, b'L' | b'K' | b'x' | b'g') {
            if stated > MAX_HEADERS {
                return Err(Refusal::limit(
                    "limit.entries",
                    "a name or header of the archive is longer than 1 MiB",
                ));
            }
            let body = read_exactly(reader, stated)?;
            let padding = padding(stated);
            read_exactly(reader, padding)?;
            at += stated + padding;
            match kind {
                b'L' => long_name = Some(body.into_iter().take_while(|b| *b != 0).collect()),
                b'x' => pax = Pax::parse(&body)?,
                b'g' => {
                    let global = Pax::parse(&body)?;
                    if global.path.is_some() || global.size.is_some() {
                        return Err(corrupt("a header for all members names one of them"));
                    }
                }
                _ => {}
            }
            continue;
        }
        let header = std::mem::take(&mut pax);
        let name = header
            .path
            .or(long_name.take())
            .unwrap_or_else(|| short_name(&block));
        long_name = None;
        let size = header.size.unwrap_or(stated);
        let name = String::from_utf8_lossy(&name).into_owned();
        let shown = Printable(&name).to_string();
        let is_folder = kind == b'5' || name.ends_with('/');
        if !is_folder {
            if !matches!(kind, b'0' | 0 | b'7') || header.sparse {
                let what = match kind {
                    b'1' | b'2' => "a link",
                    b'S' => "a sparse file",
                    _ if header.sparse => "a sparse file",
                    _ => "neither file nor folder",
                };
                return Err(Refusal::file("tar.entry", format!("member {shown} is {what}")));
            }
            if !seen.insert(name.to_lowercase()) {
                return Err(Refusal::file(
                    "tar.dup",
                    format!("two members of one name: {shown}"),
                ));
            }
            if entries.len() as u64 >= MAX_ENTRIES {
                return Err(Refusal::limit(
                    "limit.entries",
                    format!("the archive has more than {MAX_ENTRIES} members"),
                ));
            }
            entries.push(Entry {
                name,
                at,
                packed: size,
                plain: size,
                crc: None,
                method: Method::Stored,
            });
        }
        let len = size
            .checked_add(padding(size))
            .ok_or_else(|| corrupt("a member is too long"))?;
        let skipped = io::copy(&mut reader.take(len), &mut io::sink())?;
        if skipped != len {
            return Err(truncated());
        }
        at += len;
    }
}

fn read_block(reader: &mut dyn Read) -> io::Result<Vec<u8>> {
    read_exactly(reader, BLOCK as u64)
}

fn read_exactly(reader: &mut dyn Read, len: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(len).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == len {
        Ok(bytes)
    } else {
        Err(truncated())
    }
}

fn padding(len: u64) -> u64 {
    (BLOCK as u64 - len % BLOCK as u64) % BLOCK as u64
}

fn truncated() -> io::Error {
    Refusal::file("tar.truncated", "the tar archive ends before its end mark")
}

fn corrupt(what: &str) -> io::Error {
    Refusal::file("tar.corrupt", format!("not a sound tar archive: {what}"))
}

/// Whether the sum of a header's bytes, its own field as spaces, is what it says.
fn is_sound(block: &[u8]) -> bool {
    let field = 148..156;
    let sum: u64 = block
        .iter()
        .enumerate()
        .map(|(i, b)| if field.contains(&i) { 32 } else { u64::from(*b) })
        .sum();
    number(&block[148..156]) == Some(sum)
}

/// An octal number, or a binary one where the first bit is set.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        return field[1..].iter().try_fold(u64::from(field[0] & 0x7f), |n, b| {
            n.checked_mul(256)?.checked_add(u64::from(*b))
        });
    }
    let digits = field.trim_ascii_start();
    let end = digits
        .iter()
        .position(|b| matches!(b, 0 | b' '))
        .unwrap_or(digits.len());
    digits[..end].iter().try_fold(0u64, |n, b| match b {
        b'0'..=b'7' => n.checked_mul(8)?.checked_add(u64::from(b - b'0')),
        _ => None,
    })
}

fn short_name(block: &[u8]) -> Vec<u8> {
    let text = |field: &[u8]| -> Vec<u8> { field.iter().copied().take_while(|b| *b != 0).collect() };
    let name = text(&block[..100]);
    let prefix = text(&block[345..500]);
    // GNU archives keep other things where ustar has the prefix.
    if prefix.is_empty() || &block[257..263] != b"ustar\0" {
        return name;
    }
    [prefix, b"/".to_vec(), name].concat()
}

/// What matters of a pax header.
#[derive(Default)]
struct Pax {
    path: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

impl Pax {
    fn parse(mut body: &[u8]) -> io::Result<Self> {
        let broken = || corrupt("a pax header is broken");
        let mut pax = Pax::default();
        while !body.is_empty() {
            let space = body.iter().position(|b| *b == b' ').ok_or_else(broken)?;
            let len: usize = std::str::from_utf8(&body[..space])
                .ok()
                .and_then(|n| n.parse().ok())
                .ok_or_else(broken)?;
            let record = body
                .get(space + 1..len)
                .and_then(|r| r.strip_suffix(b"\n"))
                .ok_or_else(broken)?;
            let equals = record.iter().position(|b| *b == b'=').ok_or_else(broken)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => pax.path = Some(value.to_vec()),
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|n| n.parse().ok());
                    pax.size = Some(size.ok_or_else(broken)?);
                }
                key if key.starts_with(b"GNU.sparse") => pax.sparse = true,
                _ => {}
            }
            body = &body[len..];
        }
        Ok(pax)
    }
}
