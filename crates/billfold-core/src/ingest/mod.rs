//! Ingest: files into charge batches.
//!
//! `source` finds and opens files, `archive` their members, `delivery` knows what supersedes what,
//! `guard` watches what is read, `text` unpacks and decodes them to UTF-8, `ahead` lets who waits unpack, `formats` says what their
//! columns mean, `plan` lays a question's hint over them, the carriers (`csv`, `json`, `parquet`) cut
//! them into chunks and give their cells, `decode` turns cells into batches (numbers beside the cost in `measures`, their `units`), `bill` puts this together
//! for one file and `scan` for many files on many threads. `table` reads files that are no bills, as text.
//! Nothing here knows questions or answers.

pub(crate) mod amounts;
pub mod archive;
pub mod bill;
pub(crate) mod cells;
pub mod csv;
pub(crate) mod csv_bill;
pub(crate) mod decode;
pub mod delivery;
mod feed;
pub mod formats;
pub mod guard;
pub mod inspect;
pub mod json;
pub(crate) mod json_bill;
pub(crate) mod measures;
pub(crate) mod parquet;
pub(crate) mod plan;
pub(crate) mod python;
pub mod scan;
pub mod source;
pub mod table;
pub(crate) mod tag_column;
pub(crate) mod tags;
pub(crate) mod text;
pub(crate) mod units;
pub mod unpack;
pub(crate) mod visit;
