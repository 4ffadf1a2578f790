//! billfold-core: raw cloud charges into columnar Arrow batches, and exact rollups over them.
pub mod error;
pub mod ingest;
pub mod money;
pub mod time;
