//! billfold-serve: the vendors' billing actions over HTTP, with the vendors' signatures.
//!
//! Transport alone: what an action means is `billfold_api`'s, what charges come to is `billfold_core`'s.
//!
//! ```text
//! socket ─guard→ whole requests of known length ─gate→ a caller ─queue→ billfold_api::answer ─→ response
//!          │ head: bytes judged          │ sign: who signed it      │ bills: a snapshot
//! ```
//!
//! | module | what it is responsible for |
//! |---|---|
//! | `head` | a request's head as bytes: what could be framed in two ways is refused |
//! | `guard` | the stream to the HTTP library: limits and deadlines of a client |
//! | `slots` | how many connections there are, and which gives way |
//! | `app` | the routes, and the way of a call |
//! | `gate` | host, origin, signature, token: who calls |
//! | [`sign`] | the vendors' signatures, without HTTP |
//! | `rate`, `queue` | how often, how many at once, how long |
//! | `bills` | the snapshot in use, and another put in its place |
//! | `run` | listening, signals, the end |
//! | `log`, `metrics` | what it tells |
//!
//! It reads the clock, in `clock`; it prints nothing: whoever starts it gets the lines of its log.

#![forbid(unsafe_code)]
#![doc = include_str!("../docs/serve.md")]

mod app;
mod bills;
mod clock;
mod gate;
mod guard;
mod head;
mod keyfile;
mod log;
mod metrics;
mod queue;
mod rate;
mod run;
pub mod sign;
mod slots;

pub use bills::{Bills, Loaded, version_of_files};
pub use guard::Patience;
pub use head::Limits;
pub use run::{Config, Handle, Running, start};
