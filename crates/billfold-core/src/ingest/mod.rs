//! Ingest: files into charge batches.
pub mod csv;
pub mod json;
