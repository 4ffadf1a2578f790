//! Converting: the charges of any bills as one file of normalised charges.
//!
//! ```text
//! layout   which columns the file has, and what of each bill feeds them
//! gather   cells of a chunk → columns, every known cell judged
//! run      gathered rows in memory; sorted; spilled when there are many
//! merge    spilled runs back into one order
//! write    ordered batches → Parquet, CSV, NDJSON
//! job      all of it, and the account that it must pass
//! ```
//!
//! Rows stand in one total order, whatever the number of threads: by start of the charge period, then
//! by input, then by row. Memory is bounded by the rows of a run. Nothing is rounded, and nothing is
//! filled in: what a source cannot supply stays null.

mod gather;
mod job;
mod layout;
mod merge;
mod run;
mod write;

pub use job::{Conversion, ConvertOptions, SourceAccount, Spill, convert, verify};
pub use layout::Schema;
pub use write::{Carrier, Packing};
