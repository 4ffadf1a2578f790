//! Ingest: files into charge batches.
pub mod csv;
mod feed;
pub mod json;
