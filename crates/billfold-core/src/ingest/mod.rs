//! Ingest: files into charge batches.
pub mod csv;
pub(crate) mod decode;
pub mod formats;
pub mod json;
pub(crate) mod plan;
pub mod source;
pub(crate) mod tags;
