//! Text files on their way in: unpacked, in UTF-8, with their first bytes to look at.

use std::io::{self, Read};
use std::sync::Arc;

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_16BE, UTF_16LE};

use crate::error::{Error, Result};
use crate::ingest::source::RawReader;
use crate::ingest::unpack::{Packing, Unpacked, Unpacker, unpack, unpack_error};

/// Bytes of a file that are looked at to tell what it is.
const SAMPLE_BYTES: usize = 1 << 16;

/// A text file, opened: its first bytes and the rest.
pub(crate) struct TextHead {
    /// The first bytes, UTF-8 as far as the file is.
    pub sample: Vec<u8>,
    /// Whether there are no more.
    pub whole: bool,
    /// What follows the sample.
    pub rest: Unpacked,
    /// How the file is packed.
    pub packing: Packing,
    /// The encoding that was transcoded, if one was.
    pub transcoded: Option<&'static str>,
}

impl TextHead {
    /// Unpacks a source and reads its first bytes. UTF-16 with a mark is transcoded; other encodings
    /// only when `label` names them.
    pub(crate) fn open(mut raw: RawReader, label: Option<&str>) -> Result<Self> {
        let packing = Packing::of(raw.peek(262).map_err(|e| unpack_error(Packing::Plain, &e))?)?;
        let failed = |e: io::Error| read_error(packing, &e);
        let mut rest = unpack(raw, packing).map_err(failed)?;
        let mut sample = Vec::new();
        let mut whole = fill(&mut rest, &mut sample, SAMPLE_BYTES).map_err(failed)?;
        if packing != Packing::Plain {
            // What lies inside is told, and not opened a second time.
            Packing::of(&sample)?;
        }
        let marked = match sample.as_slice() {
            [0xff, 0xfe, 0, 0, ..] => None,
            [0xff, 0xfe, ..] => Some(UTF_16LE),
            [0xfe, 0xff, ..] => Some(UTF_16BE),
            _ => None,
        };
        let named = match label {
            Some(label) => Some(Encoding::for_label(label.as_bytes()).ok_or_else(|| {
                Error::usage(format!("\"{label}\" is no known encoding"))
                    .hint("write a WHATWG label such as gb18030, latin1 or utf-16le")
            })?),
            None => None,
        };
        let encoding = marked.or(named).filter(|e| *e != encoding_rs::UTF_8);
        if let Some(encoding) = encoding {
            let encoded = io::Cursor::new(std::mem::take(&mut sample)).chain(rest);
            rest = Unpacked::plain(Box::new(Transcoder::new(
                encoding.new_decoder_with_bom_removal(),
                Box::new(encoded),
            )));
            whole = fill(&mut rest, &mut sample, SAMPLE_BYTES).map_err(failed)?;
        }
        Ok(TextHead {
            sample,
            whole,
            rest,
            packing,
            transcoded: encoding.map(Encoding::name),
        })
    }

    /// Lets others unpack ahead of whoever reads the rest; None where there is nothing to unpack.
    pub(crate) fn unpack_ahead(&mut self) -> Option<Arc<Unpacker>> {
        if self.whole || (self.packing == Packing::Plain && self.transcoded.is_none()) {
            return None;
        }
        Some(self.rest.unpack_ahead())
    }

    /// Reads on until the sample is at least twice as long, for headers that need it. False at the end.
    pub(crate) fn grow(&mut self) -> Result<bool> {
        if self.whole {
            return Ok(false);
        }
        let wanted = self.sample.len() * 2;
        self.whole =
            fill(&mut self.rest, &mut self.sample, wanted).map_err(|e| read_error(self.packing, &e))?;
        Ok(true)
    }
}

/// Reads until `out` holds `wanted` bytes; true at the end of the stream.
fn fill(reader: &mut dyn Read, out: &mut Vec<u8>, wanted: usize) -> io::Result<bool> {
    let before = out.len();
    let n = reader.take((wanted - before) as u64).read_to_end(out)?;
    Ok(before + n < wanted)
}

/// The error of a text file that cannot be read on.
pub(crate) fn read_error(packing: Packing, error: &io::Error) -> Error {
    if error.to_string() == MALFORMED {
        return Error::file("enc.malformed", "bytes that do not fit the encoding")
            .hint("name another with --encoding");
    }
    unpack_error(packing, error)
}

const MALFORMED: &str = "malformed text";

struct Transcoder {
    decoder: Decoder,
    inner: Box<dyn Read + Send>,
    input: Vec<u8>,
    read_at: usize,
    at_end: bool,
    done: bool,
    output: Vec<u8>,
    written_at: usize,
}

impl Transcoder {
    fn new(decoder: Decoder, inner: Box<dyn Read + Send>) -> Self {
        Transcoder {
            decoder,
            inner,
            input: Vec::new(),
            read_at: 0,
            at_end: false,
            done: false,
            output: Vec::new(),
            written_at: 0,
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        if self.read_at == self.input.len() && !self.at_end {
            self.input.resize(SAMPLE_BYTES, 0);
            let n = loop {
                match self.inner.read(&mut self.input) {
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    other => break other?,
                }
            };
            self.input.truncate(n);
            self.read_at = 0;
            self.at_end = n == 0;
        }
        self.output.resize(SAMPLE_BYTES * 3, 0);
        let (result, n_read, n_written) = self.decoder.decode_to_utf8_without_replacement(
            &self.input[self.read_at..],
            &mut self.output,
            self.at_end,
        );
        self.read_at += n_read;
        self.output.truncate(n_written);
        self.written_at = 0;
        match result {
            DecoderResult::Malformed(..) => Err(io::Error::new(io::ErrorKind::InvalidData, MALFORMED)),
            DecoderResult::InputEmpty => {
                self.done = self.at_end;
                Ok(())
            }
            DecoderResult::OutputFull => Ok(()),
        }
    }
}

impl Read for Transcoder {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.written_at == self.output.len() {
            if self.done {
                return Ok(0);
            }
            self.refill()?;
        }
        let n = buf.len().min(self.output.len() - self.written_at);
        buf[..n].copy_from_slice(&self.output[self.written_at..self.written_at + n]);
        self.written_at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b02_b04_other_encodings_become_utf_8_or_are_refused() {
        let decode = |encoding: &'static Encoding, bytes: &[u8]| -> io::Result<String> {
            let mut text = String::new();
            let inner = Box::new(io::Cursor::new(bytes.to_vec()));
            Transcoder::new(encoding.new_decoder_with_bom_removal(), inner).read_to_string(&mut text)?;
            Ok(text)
        };
        assert_eq!(decode(UTF_16LE, b"\xff\xfea\0,\0b\0").unwrap(), "a,b");
        assert_eq!(decode(encoding_rs::GB18030, b"\xd7\xf7,1").unwrap(), "作,1");
        assert_eq!(
            decode(encoding_rs::GB18030, b"\xff\xff").unwrap_err().to_string(),
            MALFORMED
        );
    }
}
