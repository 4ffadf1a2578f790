//! gzip: the members of a file one after the other, and their checksums. Rules: RFC 1952.
//!
//! To inflate is the library's work and the longest part of reading a packed bill, for it goes byte after byte. So
//! whoever inflates leaves a member's checksum at the place where the member ends, and whoever reads the bytes
//! holds them against it, perhaps while others inflate what follows.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};
use std::sync::{Arc, Mutex, PoisonError};

use crc32fast::Hasher;
use flate2::{Decompress, FlushDecompress, Status};

use crate::error::Error;
use crate::ingest::guard::Refusal;

/// Bytes that a name or a comment in a header may have.
const MAX_TEXT: usize = 1 << 16;

// Flags of a header.
const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// All members of a file, inflated; zero bytes after the last are padding.
pub(super) struct Members<R> {
    input: R,
    inflate: Decompress,
    state: State,
    /// Plain bytes that were given.
    n_given: u64,
    trailers: Arc<Trailers>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Body,
    Trailer,
    /// Behind a member.
    Between,
    End,
}

/// What stands behind a member, in the order of the members.
type Trailers = Mutex<VecDeque<Trailer>>;

#[derive(Clone, Copy)]
struct Trailer {
    /// Plain bytes of the file up to the end of the member.
    at: u64,
    /// CRC-32 of its plain bytes.
    crc: u32,
    /// How many they are, modulo 2³².
    len: u32,
}

/// Takes the checksums of what [`Members`] gave.
pub(super) struct Checksums {
    trailers: Arc<Trailers>,
    /// Of the member that is being read.
    crc: Hasher,
    len: u32,
    /// Plain bytes that were read.
    at: u64,
    failed: bool,
}

impl<R: BufRead> Members<R> {
    /// The members, and what holds their bytes against their checksums.
    pub(super) fn new(input: R) -> (Self, Checksums) {
        let trailers: Arc<Trailers> = Arc::default();
        let checksums = Checksums {
            trailers: Arc::clone(&trailers),
            crc: Hasher::new(),
            len: 0,
            at: 0,
            failed: false,
        };
        let members = Members {
            input,
            inflate: Decompress::new(false),
            state: State::Header,
            n_given: 0,
            trailers,
        };
        (members, checksums)
    }

    fn header(&mut self) -> io::Result<()> {
        let input = &mut self.input;
        let mut header = vec![0; 10];
        input.read_exact(&mut header)?;
        let flags = header[3];
        if header[..3] != [0x1f, 0x8b, 8] || flags & RESERVED != 0 {
            return Err(invalid("the header of a member is not one of gzip"));
        }
        if flags & EXTRA != 0 {
            let len = take::<2>(input)?;
            header.extend(len);
            let mut extra = vec![0; usize::from(u16::from_le_bytes(len))];
            input.read_exact(&mut extra)?;
            header.extend(extra);
        }
        for text in [NAME, COMMENT] {
            if flags & text != 0 {
                let before = header.len();
                let n = input.by_ref().take(MAX_TEXT as u64).read_until(0, &mut header)?;
                if header.last() != Some(&0) || header.len() == before {
                    return Err(if n == MAX_TEXT {
                        invalid("a text in the header of a member is too long")
                    } else {
                        io::ErrorKind::UnexpectedEof.into()
                    });
                }
            }
        }
        if flags & HEADER_CRC != 0 && u16::from_le_bytes(take(input)?) != crc32fast::hash(&header) as u16 {
            return Err(unfit());
        }
        Ok(())
    }

    /// Inflates some bytes, and goes on to the trailer at the end of the member.
    fn body(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let packed = match self.input.fill_buf() {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            let at_end = packed.is_empty();
            let (n_in, n_out) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(packed, buf, FlushDecompress::None)
                .map_err(|_| invalid("corrupt deflate stream"))?;
            let n_taken = (self.inflate.total_in() - n_in) as usize;
            let n = (self.inflate.total_out() - n_out) as usize;
            self.input.consume(n_taken);
            self.n_given += n as u64;
            if status == Status::StreamEnd {
                self.state = State::Trailer;
                return Ok(n);
            }
            if n > 0 {
                return Ok(n);
            }
            if at_end {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if n_taken == 0 {
                return Err(invalid("corrupt deflate stream"));
            }
        }
    }

    fn trailer(&mut self) -> io::Result<()> {
        let trailer = Trailer {
            at: self.n_given,
            crc: u32::from_le_bytes(take(&mut self.input)?),
            len: u32::from_le_bytes(take(&mut self.input)?),
        };
        let mut trailers = self.trailers.lock().unwrap_or_else(PoisonError::into_inner);
        trailers.push_back(trailer);
        Ok(())
    }

    /// Passes over padding; says whether another member follows.
    fn between(&mut self) -> io::Result<bool> {
        loop {
            let available = match self.input.fill_buf() {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            let n_zeros = available.iter().take_while(|byte| **byte == 0).count();
            match available.get(n_zeros) {
                Some(0x1f) => {
                    self.input.consume(n_zeros);
                    return Ok(true);
                }
                Some(_) => {
                    let message = "bytes that are no gzip member follow the last one";
                    return Err(Refusal::file("gzip.trailing", message));
                }
                None if n_zeros == 0 => return Ok(false),
                None => self.input.consume(n_zeros),
            }
        }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match self.state {
                State::Header => {
                    self.header()?;
                    self.inflate.reset(false);
                    self.state = State::Body;
                }
                State::Body => {
                    let n = self.body(buf)?;
                    if n > 0 {
                        return Ok(n);
                    }
                }
                State::Trailer => {
                    self.trailer()?;
                    self.state = State::Between;
                }
                State::Between => {
                    let follows = self.between()?;
                    self.state = if follows { State::Header } else { State::End };
                }
                State::End => return Ok(0),
            }
        }
    }
}

impl Checksums {
    /// Reads from what [`Members`] gave, in its order, however it came here.
    ///
    /// Errors: those of `inner`; `gzip.crc`, behind the last byte of a member that is not what it should be.
    pub(super) fn read(&mut self, inner: &mut dyn Read, buf: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Err(unfit());
        }
        let (read, n) = match inner.read(buf) {
            // A reader that claims more than it was given room for is not believed.
            Ok(n) => (Ok(n), n.min(buf.len())),
            Err(e) => (Err(e), 0),
        };
        match self.hold(&buf[..n]) {
            // Behind a member that is not what it should be, an error says little.
            Some(0) => Err(unfit()),
            Some(n_before) => Ok(n_before),
            None => read,
        }
    }

    /// Takes the next bytes; how many of them there are up to the end of a member that is not what it should be.
    fn hold(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut rest = bytes;
        while let Some(trailer) = self.reached(rest.len()) {
            let (own, next) = rest.split_at((trailer.at - self.at) as usize);
            self.take(own);
            rest = next;
            let crc = std::mem::take(&mut self.crc).finalize();
            let len = std::mem::take(&mut self.len);
            if (crc, len) != (trailer.crc, trailer.len) {
                self.failed = true;
                return Some(bytes.len() - rest.len());
            }
        }
        self.take(rest);
        None
    }

    /// The next member's end, if it lies among the next `n` bytes.
    fn reached(&self, n: usize) -> Option<Trailer> {
        let mut trailers = self.trailers.lock().unwrap_or_else(PoisonError::into_inner);
        trailers
            .front()
            .filter(|trailer| trailer.at <= self.at + n as u64)?;
        trailers.pop_front()
    }

    fn take(&mut self, bytes: &[u8]) {
        self.crc.update(bytes);
        self.len = self.len.wrapping_add(bytes.len() as u32);
        self.at += bytes.len() as u64;
    }
}

fn take<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn unfit() -> io::Error {
    Refusal::file("gzip.crc", "the gzip checksum does not fit the content")
}

/// The error of a stream that is not sound.
pub(super) fn corrupt(why: &str) -> Error {
    Error::file("gzip.corrupt", format!("not a sound gzip stream: {why}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, GzBuilder};
    use proptest::prelude::*;

    use super::super::{Packing, Unpacked, unpack_error};
    use super::*;

    fn gz(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Reads with buffers of so many bytes; what was read, and the code of the error behind it.
    fn read(bytes: &[u8], n_at_once: usize, ahead: bool) -> (Vec<u8>, Option<&'static str>) {
        let (members, checksums) = Members::new(io::Cursor::new(bytes.to_vec()));
        let mut reader = Unpacked {
            inner: Box::new(members),
            checksums: Some(checksums),
        };
        let unpacker = ahead.then(|| reader.unpack_ahead());
        let (mut text, mut buffer) = (Vec::new(), vec![0; n_at_once]);
        loop {
            if let Some(unpacker) = &unpacker {
                unpacker.help();
            }
            match reader.read(&mut buffer) {
                Ok(0) => return (text, None),
                Ok(n) => text.extend_from_slice(&buffer[..n]),
                Err(e) => return (text, Some(unpack_error(Packing::Gzip, &e).kind().code())),
            }
        }
    }

    fn all(bytes: &[u8]) -> (Vec<u8>, Option<&'static str>) {
        let found = read(bytes, 1 << 16, false);
        for (n_at_once, ahead) in [(1, false), (7, true), (1 << 16, true)] {
            assert_eq!(read(bytes, n_at_once, ahead), found, "{n_at_once} {ahead}");
        }
        found
    }

    #[test]
    fn f03_all_members_of_a_gzip_file_are_read() {
        let members = [gz(b"a\n"), gz(b""), gz(b"b\n")].concat();
        assert_eq!(all(&members), (b"a\nb\n".to_vec(), None));
        let padded = [gz(b"a\n"), vec![0; 100], gz(b"b\n"), vec![0; 9]].concat();
        assert_eq!(all(&padded), (b"a\nb\n".to_vec(), None));
    }

    #[test]
    fn f01_f02_f04_a_broken_gzip_file_is_named_as_such() {
        let text = b"some text that is long enough";
        let whole = gz(text);
        for n in 0..whole.len() {
            assert_eq!(all(&whole[..n]).1, Some("gzip.truncated"), "{n} bytes");
        }
        for from_end in 1..=8 {
            let mut wrong = whole.clone();
            let at = wrong.len() - from_end;
            wrong[at] ^= 1;
            let two = [wrong, whole.clone()].concat();
            assert_eq!(all(&two), (text.to_vec(), Some("gzip.crc")), "{from_end}");
        }
        let trailing = [whole.clone(), b"junk".to_vec()].concat();
        assert_eq!(all(&trailing), (text.to_vec(), Some("gzip.trailing")));
        // The first of two faults is named.
        let mut both = trailing;
        both[whole.len() - 5] ^= 1;
        assert_eq!(all(&both), (text.to_vec(), Some("gzip.crc")));
        for (at, byte) in [(1, 0), (2, 7), (3, RESERVED)] {
            let mut wrong = whole.clone();
            wrong[at] = byte;
            assert_eq!(
                all(&[whole.clone(), wrong].concat()).1,
                Some("gzip.corrupt"),
                "{at}"
            );
        }
        let mut reserved = whole[..10].to_vec();
        reserved.push(0b111);
        assert_eq!(all(&reserved).1, Some("gzip.corrupt"));
    }

    #[test]
    fn f01_what_a_header_may_hold_is_passed_over() {
        let full = |name: &[u8]| {
            let mut encoder = GzBuilder::new()
                .filename(name)
                .comment("of one zone")
                .extra(b"AB\x02\x00xy".to_vec())
                .write(Vec::new(), Compression::default());
            encoder.write_all(b"text").unwrap();
            encoder.finish().unwrap()
        };
        let plain = full(b"bill.csv");
        assert_eq!(all(&plain), (b"text".to_vec(), None));
        // The header with a checksum of its own, which the library does not write.
        let n_header = 10 + 2 + 6 + 9 + 12;
        let mut header = plain[..n_header].to_vec();
        header[3] |= HEADER_CRC;
        let crc = (crc32fast::hash(&header) as u16).to_le_bytes();
        let summed = [header.as_slice(), &crc, &plain[n_header..]].concat();
        assert_eq!(all(&summed), (b"text".to_vec(), None));
        let mut wrong = summed;
        wrong[4] ^= 1;
        assert_eq!(all(&wrong), (Vec::new(), Some("gzip.crc")));
        let long = full(&vec![b'x'; MAX_TEXT]);
        assert_eq!(all(&long).1, Some("gzip.corrupt"));
        assert_eq!(all(&full(&vec![b'x'; MAX_TEXT - 1])).1, None);
        assert_eq!(all(&long[..200]).1, Some("gzip.truncated"));
    }

    proptest! {
        #[test]
        fn f01_the_bytes_are_those_of_the_library(
            texts in prop::collection::vec(prop::collection::vec(0_u8..20, 0..3000), 1..4),
            change in prop::option::of((any::<prop::sample::Index>(), 1_u8..)),
            n_at_once in 1_usize..5000,
            ahead: bool,
        ) {
            let mut bytes: Vec<u8> = texts.iter().flat_map(|text| gz(text)).collect();
            if let Some((at, bits)) = change {
                let at = at.index(bytes.len());
                bytes[at] ^= bits;
            }
            let mut expected = Vec::new();
            let sound = flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut expected).is_ok();
            let (found, error) = read(&bytes, n_at_once, ahead);
            // Padding, and bytes that begin no member, are told apart here and not there.
            if error == Some("gzip.trailing") {
                prop_assert!(expected.starts_with(&found));
            } else {
                prop_assert_eq!(sound, error.is_none(), "{:?}", error);
            }
            if sound && error.is_none() {
                prop_assert_eq!(found, expected);
            }
        }
    }
}
