//! The product seen from outside, in one binary.
//!
//! `support` makes bills and runs questions, `oracles` compares with the control totals of real exports,
//! the catalogue modules hold one test per fault of the fault catalogue, `determinism` asks the same
//! question in different ways, and `layers` holds the directions of the house.
//! `naive` compares random answers with a slow exact oracle, `carriers` the same rows in every kind of file,
//! `laws` the answers with each other; `asked` is the question in the oracle's and the engine's language.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot set its scene has failed"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "tests read files of their own and of the source tree"
)]

mod asked;
mod carriers;
mod laws;
mod naive;
mod oracles;
mod support;
