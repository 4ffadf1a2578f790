//! The charge: its schema, its batches, and what a reader is asked to bring.
//!
//! Nothing here knows files, formats or questions. `schema` names the columns, `hint` says which of
//! them a scan must bring, `batch` is the promise that ingest gives to the engine, `builder`
//! turns cells into the columns of a batch, and `intern` numbers texts, in the table of `slots`. Sets of tags
//! are built in `tag_sets`; `tag_memory` keeps them from batch to batch.

pub mod batch;
pub mod builder;
pub mod hint;
pub mod intern;
pub mod schema;
pub(crate) mod slots;
pub mod tag_memory;
pub mod tag_sets;

pub use batch::{ChargeBatch, MeasureColumn, MoneyColumn, RowCounts};
pub use hint::{Clock, CostMetric, ScanHint, WantedTags};
