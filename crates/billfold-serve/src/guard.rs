//! The stream between a socket and the HTTP library: whole heads that were judged, bodies of the length
//! announced, and an end for clients that take too long.
//!
//! Where it refuses, the library sees the end of the stream, and whoever runs the connection finds the
//! refusal in [`Verdict`] and writes it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::head::{Limits, Refused, Scanner};
use crate::slots::Slot;

/// Bytes read from a socket at once.
const READ_BYTES: usize = 16 << 10;

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a head, from the first byte or from the answer before it.
    pub head: Duration,
    /// For a body, and for the next piece of an answer to be taken.
    pub body: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            head: Duration::from_secs(5),
            body: Duration::from_secs(30),
        }
    }
}

/// What a connection was refused for, if it was.
#[derive(Debug, Clone, Default)]
pub(crate) struct Verdict(Arc<Mutex<Option<Refused>>>);

impl Verdict {
    fn set(&self, refused: Refused) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(refused);
    }

    /// What was found.
    pub(crate) fn get(&self) -> Option<Refused> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stream. It shares the socket, because a refusal is written after the library has let go of it.
pub(crate) struct Guarded {
    socket: Arc<TcpStream>,
    slot: Arc<Slot>,
    limits: Limits,
    patience: Patience,
    verdict: Verdict,
    scanner: Scanner,
    /// Bytes from the socket.
    buffer: Vec<u8>,
    /// How many of them may go on.
    n_passed: usize,
    /// Bytes of the body that are still to come, beyond those that may go on.
    body_left: u64,
    reading: Deadline,
    writing: Deadline,
}

/// A time that may be set.
type Deadline = Option<Pin<Box<Sleep>>>;

fn set(deadline: &mut Deadline, after: Duration) {
    *deadline = Some(Box::pin(sleep_until(Instant::now() + after)));
}

fn is_over(deadline: &mut Deadline, cx: &mut Context<'_>) -> bool {
    deadline
        .as_mut()
        .is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready())
}

impl Guarded {
    pub(crate) fn new(
        socket: Arc<TcpStream>,
        slot: Arc<Slot>,
        limits: Limits,
        patience: Patience,
    ) -> (Guarded, Verdict) {
        let verdict = Verdict::default();
        let guarded = Guarded {
            socket,
            slot,
            limits,
            patience,
            verdict: verdict.clone(),
            scanner: Scanner::default(),
            buffer: Vec::new(),
            n_passed: 0,
            body_left: 0,
            reading: None,
            writing: None,
        };
        (guarded, verdict)
    }

    /// Hands on what may go on. False where there is none.
    fn pass(&mut self, out: &mut ReadBuf<'_>) -> bool {
        let n = self.n_passed.min(out.remaining());
        out.put_slice(&self.buffer[..n]);
        self.buffer.drain(..n);
        self.n_passed -= n;
        n > 0
    }

    /// Decides how much of the buffer may go on. False where more must be read.
    fn judge(&mut self) -> Result<bool, Refused> {
        if self.body_left > 0 {
            let n = (self.buffer.len() as u64).min(self.body_left);
            self.body_left -= n;
            self.n_passed = n as usize;
            if self.body_left == 0 {
                self.reading = None;
            }
            return Ok(n > 0);
        }
        // While an answer is being made, the next head waits unseen: its refusal would overtake the answer.
        if self.slot.is_busy() || self.buffer.is_empty() {
            return Ok(false);
        }
        let Some(head) = self.scanner.scan(&self.buffer, &self.limits)? else {
            return Ok(false);
        };
        self.scanner = Scanner::default();
        self.n_passed = head.len;
        self.body_left = head.body_len;
        self.reading = None;
        if head.body_len > 0 {
            set(&mut self.reading, self.patience.body);
        }
        Ok(true)
    }

    /// Reads from the socket into the buffer; the number of bytes, 0 at the end.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.socket.poll_read_ready(cx))?;
            let len = self.buffer.len();
            self.buffer.resize(len + READ_BYTES, 0);
            let read = self.socket.try_read(&mut self.buffer[len..]);
            self.buffer.truncate(len + *read.as_ref().unwrap_or(&0));
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read),
            }
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.verdict.get().is_some() || this.pass(out) {
                return Poll::Ready(Ok(()));
            }
            match this.judge() {
                Ok(true) => continue,
                Ok(false) => {}
                Err(refused) => {
                    this.verdict.set(refused);
                    continue;
                }
            }
            let is_busy = this.body_left == 0 && this.slot.is_busy();
            if is_busy {
                this.reading = None;
                if this.buffer.len() >= READ_BYTES {
                    // More than one request ahead is not read.
                    return Poll::Pending;
                }
            } else if this.reading.is_none() {
                set(&mut this.reading, this.patience.head);
            }
            match this.fill(cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if !is_over(&mut this.reading, cx) => return Poll::Pending,
                // Between requests a connection ends without a word.
                Poll::Pending if this.body_left == 0 && this.buffer.is_empty() => return Poll::Ready(Ok(())),
                Poll::Pending => this.verdict.set(Refused {
                    status: 408,
                    why: "the request takes too long to come",
                }),
            }
            // A client that sends a byte now and then moves no deadline.
            if is_over(&mut this.reading, cx) && this.verdict.get().is_none() {
                this.verdict.set(Refused {
                    status: 408,
                    why: "the request takes too long to come",
                });
            }
        }
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.verdict.get().is_some() {
            // The refusal will be the answer; what the library makes of the cut request is not.
            return Poll::Ready(Ok(bytes.len()));
        }
        loop {
            match this.socket.poll_write_ready(cx) {
                Poll::Ready(Ok(())) => match this.socket.try_write(bytes) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    written => {
                        this.writing = None;
                        return Poll::Ready(written);
                    }
                },
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    if this.writing.is_none() {
                        set(&mut this.writing, this.patience.body);
                    }
                    if is_over(&mut this.writing, cx) {
                        return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The socket is shut by whoever runs the connection, after a refusal was written.
        Poll::Ready(Ok(()))
    }
}
