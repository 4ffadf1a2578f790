//! billfold-serve: the vendors' billing actions over HTTP, with the vendors' signatures.

#![forbid(unsafe_code)]

pub mod sign;
