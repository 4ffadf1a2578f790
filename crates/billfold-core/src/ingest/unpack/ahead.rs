//! Unpacking ahead: whoever waits for a packed file's reader unpacks the next bytes of it meanwhile.
//!
//! Unpacking goes byte after byte and is most of the work of a packed bill, so it should never stand still. One helper
//! at a time unpacks until enough is ready, and whoever reads takes what is ready, and unpacks for itself where there
//! is no helper. The bytes come out in their order, whoever unpacked them; an error comes where it was met. Nothing
//! here knows what the bytes mean.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes unpacked at once: they stay in a core's cache until somebody looks at them.
const BLOCK_BYTES: usize = 1 << 18;
/// Blocks that are kept for the reader at most.
const MAX_READY: usize = 8;
/// Blocks that a reader without any waits for: to be woken takes as long as to unpack one.
const WORTH_WAKING: usize = MAX_READY / 2;

/// The reader's end of a file that others may unpack ahead.
pub(super) struct ReadAhead {
    unpacker: Arc<Unpacker>,
    /// A block that was unpacked ahead, and what of it was read.
    block: Vec<u8>,
    n_read: usize,
}

/// The helpers' end.
pub(crate) struct Unpacker {
    /// Held by whoever unpacks, and taken before `blocks`.
    input: Mutex<Input>,
    blocks: Mutex<Blocks>,
    /// Blocks are ready, or there is no helper any more.
    changed: Condvar,
}

struct Input {
    reader: Box<dyn Read + Send>,
    at_end: bool,
}

impl Input {
    /// Fills the buffer, up to the end or an error, after which there is nothing more.
    fn fill(&mut self, buf: &mut [u8]) -> (usize, Option<io::Error>) {
        let mut n_filled = 0;
        while n_filled < buf.len() && !self.at_end {
            match self.reader.read(&mut buf[n_filled..]) {
                Ok(0) => self.at_end = true,
                // A reader that claims more than it was given room for is not believed.
                Ok(n) => n_filled = (n_filled + n).min(buf.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.at_end = true;
                    return (n_filled, Some(error));
                }
            }
        }
        (n_filled, None)
    }
}

#[derive(Default)]
struct Blocks {
    ready: VecDeque<io::Result<Vec<u8>>>,
    /// Memory that came back.
    spare: Vec<Vec<u8>>,
    /// Somebody unpacks ahead, or is about to.
    has_helper: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A worker that panicked has already failed the run.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ReadAhead {
    /// A reader that gives the same bytes.
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        ReadAhead {
            unpacker: Arc::new(Unpacker {
                input: Mutex::new(Input {
                    reader,
                    at_end: false,
                }),
                blocks: Mutex::default(),
                changed: Condvar::new(),
            }),
            block: Vec::new(),
            n_read: 0,
        }
    }

    /// What helpers need.
    pub(super) fn unpacker(&self) -> Arc<Unpacker> {
        Arc::clone(&self.unpacker)
    }

    /// Takes the next block that is ready, after a helper that unpacks it; false where there is none.
    fn take_ready(&mut self) -> io::Result<bool> {
        let mut blocks = lock(&self.unpacker.blocks);
        if blocks.ready.is_empty() {
            let waits = |blocks: &mut Blocks| blocks.has_helper && blocks.ready.len() < WORTH_WAKING;
            let woken = self.unpacker.changed.wait_while(blocks, waits);
            blocks = woken.unwrap_or_else(PoisonError::into_inner);
        }
        let Some(next) = blocks.ready.pop_front() else {
            return Ok(false);
        };
        let done = std::mem::replace(&mut self.block, next?);
        self.n_read = 0;
        if done.capacity() > 0 {
            blocks.spare.push(done);
        }
        Ok(true)
    }
}

impl Read for ReadAhead {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.n_read == self.block.len() && !self.take_ready()? {
            let mut input = lock(&self.unpacker.input);
            // Whoever had the input may have left a block, and a helper may wait for it.
            let blocks = lock(&self.unpacker.blocks);
            if blocks.ready.is_empty() && !blocks.has_helper {
                drop(blocks);
                let n = buf.len().min(BLOCK_BYTES);
                return if input.at_end {
                    Ok(0)
                } else {
                    input.reader.read(&mut buf[..n])
                };
            }
        }
        let rest = &self.block[self.n_read..];
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        self.n_read += n;
        Ok(n)
    }
}

impl Unpacker {
    /// Unpacks until enough is ready; false where enough is, none is left, or somebody else does it.
    pub(crate) fn help(&self) -> bool {
        let mut blocks = lock(&self.blocks);
        if blocks.has_helper || blocks.ready.len() >= MAX_READY {
            return false;
        }
        blocks.has_helper = true;
        drop(blocks);
        let _helper = Helper(self);
        let mut input = lock(&self.input);
        let mut has_helped = false;
        loop {
            let mut blocks = lock(&self.blocks);
            if input.at_end || blocks.ready.len() >= MAX_READY {
                return has_helped;
            }
            let mut block = blocks.spare.pop().unwrap_or_default();
            drop(blocks);
            block.resize(BLOCK_BYTES, 0);
            let (n_filled, failed) = input.fill(&mut block);
            block.truncate(n_filled);
            let mut blocks = lock(&self.blocks);
            if !block.is_empty() {
                blocks.ready.push_back(Ok(block));
            }
            blocks.ready.extend(failed.map(Err));
            let is_worth = blocks.ready.len() >= WORTH_WAKING;
            drop(blocks);
            if is_worth {
                self.changed.notify_one();
            }
            has_helped = true;
        }
    }
}

/// Somebody who unpacks ahead; nobody waits for one who is gone.
struct Helper<'a>(&'a Unpacker);

impl Drop for Helper<'_> {
    fn drop(&mut self) {
        lock(&self.0.blocks).has_helper = false;
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some bytes, a few at a time, and then an error.
    struct Slow(Vec<u8>, usize);

    impl Read for Slow {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let n = buf.len().min(self.0.len() - self.1).min(70_001);
            if n == 0 {
                return Err(io::Error::other("the end is missing"));
            }
            buf[..n].copy_from_slice(&self.0[self.1..self.1 + n]);
            self.1 += n;
            Ok(n)
        }
    }

    #[test]
    fn bytes_come_in_order_whoever_unpacks_them_and_errors_at_their_place() {
        let bytes: Vec<u8> = (0..5_000_000_u32).map(|i| (i % 251) as u8).collect();
        for n_helpers in [0, 1, 3] {
            let mut reader = ReadAhead::new(Box::new(Slow(bytes.clone(), 0)));
            let unpacker = reader.unpacker();
            let done = std::sync::atomic::AtomicBool::new(false);
            let (read, error) = std::thread::scope(|scope| {
                for _ in 0..n_helpers {
                    scope.spawn(|| {
                        while !done.load(std::sync::atomic::Ordering::Relaxed) {
                            unpacker.help();
                            std::thread::yield_now();
                        }
                    });
                }
                let mut read = Vec::new();
                let mut buffer = vec![0; 33_333];
                let error = loop {
                    match reader.read(&mut buffer) {
                        Ok(n) => read.extend_from_slice(&buffer[..n]),
                        Err(error) => break error,
                    }
                };
                done.store(true, std::sync::atomic::Ordering::Relaxed);
                (read, error)
            });
            assert!(read == bytes, "{n_helpers} helpers");
            assert_eq!(error.to_string(), "the end is missing");
        }
    }

    #[test]
    fn no_more_is_kept_than_the_limit() {
        let mut reader = ReadAhead::new(Box::new(io::repeat(7)));
        let unpacker = reader.unpacker();
        let n_ready = || lock(&unpacker.blocks).ready.len();
        assert!(unpacker.help());
        assert_eq!(n_ready(), MAX_READY);
        assert!(!unpacker.help());
        reader.read_exact(&mut vec![0; BLOCK_BYTES + 1]).unwrap();
        assert_eq!(n_ready(), MAX_READY - 2);
        assert!(unpacker.help());
        assert_eq!(n_ready(), MAX_READY);
        let mut reader = ReadAhead::new(Box::new(io::empty()));
        assert!(reader.unpacker().help());
        assert!(!reader.unpacker().help());
        assert_eq!(reader.read(&mut [0; 9]).unwrap(), 0);
    }

    struct Panics;

    impl Read for Panics {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("a reader that panics")
        }
    }

    #[test]
    fn nobody_waits_for_a_helper_who_is_gone() {
        let reader = ReadAhead::new(Box::new(Panics));
        let unpacker = reader.unpacker();
        let helped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| unpacker.help()));
        assert!(helped.is_err());
        assert!(!lock(&unpacker.blocks).has_helper);
    }
}
