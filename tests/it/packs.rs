//! Archives made byte by byte, so that every field can lie.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

/// A member of a zip archive as it is written; what a test changes, lies.
#[derive(Clone)]
pub(crate) struct ZipMember {
    pub(crate) name: String,
    /// Name in the local header.
    pub(crate) local_name: String,
    pub(crate) packed: Vec<u8>,
    pub(crate) method: u16,
    pub(crate) flags: u16,
    pub(crate) crc: u32,
    pub(crate) plain_len: u32,
    /// Length in the local header.
    pub(crate) local_plain_len: u32,
    pub(crate) unix_mode: u32,
    /// Sizes in a zip64 field.
    pub(crate) wide: bool,
    /// The place of the local header, if not its own.
    pub(crate) at: Option<u32>,
}

pub(crate) fn member(name: &str, content: impl AsRef<[u8]>) -> ZipMember {
    let content = content.as_ref();
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    let mut crc = flate2::Crc::new();
    crc.update(content);
    ZipMember {
        name: name.to_owned(),
        local_name: name.to_owned(),
        packed: encoder.finish().unwrap(),
        method: 8,
        flags: 0,
        crc: crc.sum(),
        plain_len: content.len() as u32,
        local_plain_len: content.len() as u32,
        unix_mode: 0o100_644,
        wide: false,
        at: None,
    }
}

pub(crate) fn stored(name: &str, content: impl AsRef<[u8]>) -> ZipMember {
    ZipMember {
        packed: content.as_ref().to_vec(),
        method: 0,
        ..member(name, content.as_ref())
    }
}

/// A zip archive of these members.
pub(crate) fn zip(members: &[ZipMember]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for m in members {
        let at = m.at.unwrap_or(out.len() as u32);
        let name = m.local_name.as_bytes();
        let sizes = |plain: u32| {
            let both = [m.packed.len() as u32, plain];
            if m.wide { [u32::MAX; 2] } else { both }
        };
        let mut extra = Vec::new();
        if m.wide {
            extra.extend([1, 0, 16, 0]);
            extra.extend(u64::from(m.plain_len).to_le_bytes());
            extra.extend((m.packed.len() as u64).to_le_bytes());
        }
        out.extend(b"PK\x03\x04\x14\0");
        for number in [m.flags, m.method, 0, 0] {
            out.extend(number.to_le_bytes());
        }
        out.extend(m.crc.to_le_bytes());
        for size in sizes(m.local_plain_len) {
            out.extend(size.to_le_bytes());
        }
        out.extend((name.len() as u16).to_le_bytes());
        out.extend((extra.len() as u16).to_le_bytes());
        out.extend(name);
        out.extend(&extra);
        out.extend(&m.packed);
        let name = m.name.as_bytes();
        directory.extend(b"PK\x01\x02\x14\x03\x14\0");
        for number in [m.flags, m.method, 0, 0] {
            directory.extend(number.to_le_bytes());
        }
        directory.extend(m.crc.to_le_bytes());
        for size in sizes(m.plain_len) {
            directory.extend(size.to_le_bytes());
        }
        for number in [name.len() as u16, extra.len() as u16, 0, 0, 0] {
            directory.extend(number.to_le_bytes());
        }
        directory.extend((m.unix_mode << 16).to_le_bytes());
        directory.extend(at.to_le_bytes());
        directory.extend(name);
        directory.extend(&extra);
    }
    let at = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    for _ in 0..2 {
        out.extend((members.len() as u16).to_le_bytes());
    }
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    out
}

/// A tar archive of these members: name, type, content.
pub(crate) fn tar(members: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, kind, content) in members {
        let mut header = [0u8; 512];
        header[..name.len().min(100)].copy_from_slice(&name.as_bytes()[..name.len().min(100)]);
        header[100..107].copy_from_slice(b"0000644");
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[148..156].copy_from_slice(b"        ");
        header[156] = *kind;
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend(header);
        out.extend(*content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

pub(crate) fn gzip(content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content.as_ref()).unwrap();
    encoder.finish().unwrap()
}
