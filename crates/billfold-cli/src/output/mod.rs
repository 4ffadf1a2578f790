//! What an answer looks like outside: a table for people, columns for other tools.

pub mod arrow;
mod frame;
pub mod parquet;
pub mod table;
