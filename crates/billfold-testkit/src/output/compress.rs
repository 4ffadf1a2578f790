//! Compression of text files.

use std::io::{self, Write};

use flate2::GzBuilder;
use flate2::write::GzEncoder;

use super::spec::{Compression, OutputSpec};

/// Plain bytes of one gzip member of a multi-member file.
const MEMBER_BYTES: usize = 64 * 1024;

type Out<'a> = &'a mut (dyn Write + Send);

/// Where the bytes of a text file go.
pub(super) enum Sink<'a> {
    Plain(Out<'a>),
    Gzip(GzEncoder<Out<'a>>),
    Members {
        out: Out<'a>,
        level: flate2::Compression,
        pending: Vec<u8>,
    },
    Zstd(zstd::Encoder<'static, Out<'a>>),
}

fn gzip<W: Write>(out: W, level: flate2::Compression) -> GzEncoder<W> {
    // No name, no time, and one operating system byte everywhere: the same bytes on every machine.
    GzBuilder::new().operating_system(255).write(out, level)
}

impl<'a> Sink<'a> {
    pub(super) fn new(spec: &OutputSpec, out: Out<'a>) -> io::Result<Sink<'a>> {
        let level = flate2::Compression::new(u32::from(spec.level.unwrap_or(6)).min(9));
        Ok(match spec.compression {
            Compression::Gzip => Sink::Gzip(gzip(out, level)),
            Compression::GzipMembers => Sink::Members {
                out,
                level,
                pending: Vec::new(),
            },
            Compression::Zstd => Sink::Zstd(zstd::Encoder::new(out, i32::from(spec.level.unwrap_or(3)))?),
            _ => Sink::Plain(out),
        })
    }

    fn flush_members(&mut self, all: bool) -> io::Result<()> {
        let Sink::Members { out, level, pending } = self else {
            return Ok(());
        };
        while pending.len() >= MEMBER_BYTES || (all && !pending.is_empty()) {
            let rest = pending.split_off(pending.len().min(MEMBER_BYTES));
            let mut member = gzip(Vec::new(), *level);
            member.write_all(pending)?;
            out.write_all(&member.finish()?)?;
            *pending = rest;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush_members(true)?;
        match self {
            Sink::Plain(out) | Sink::Members { out, .. } => out.flush(),
            Sink::Gzip(encoder) => encoder.finish()?.flush(),
            Sink::Zstd(encoder) => encoder.finish()?.flush(),
        }
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Plain(out) => out.write(bytes),
            Sink::Gzip(encoder) => encoder.write(bytes),
            Sink::Zstd(encoder) => encoder.write(bytes),
            Sink::Members { pending, .. } => {
                pending.extend_from_slice(bytes);
                self.flush_members(false)?;
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
