//! Parquet as a carrier of bills.
//!
//! `shape` is the footer, `prune` the rows of it that a window can need, `file` the bytes at a place and `thrift` the
//! look at them before the library may see them. `rows` hands a row group on batch by batch: `column` decodes flat
//! columns from their pages, with the numbers that `packed` unpacks and the `values` that lie in them; anything else
//! the library's own decoder reads. `cells` is what a batch looks like to everybody else.

mod cells;
mod column;
mod file;
mod packed;
mod prune;
mod rows;
pub(crate) mod shape;
#[cfg(test)]
mod tests;
mod thrift;
mod values;
