//! The engine: a question bound to batches, folded in parallel, merged, finished.
//!
//! `plan` is the question with everything refused that a user can get wrong; `select` decides which
//! rows count; `group` numbers names and `tag_codes` tags, `pairs` groups, and `numbering` puts that together; `sums` is the fold, `facts`, `rows` and
//! `tags` keep more of what it adds; `finish` makes the answer; `receipt` is its account. Nothing here knows files:
//! what ingest needs of a question travels as `charge::ScanHint`.

pub mod answer;
pub mod canonical;
pub mod facts;
mod finish;
mod gather;
pub(crate) mod group;
mod numbering;
mod of_sets;
pub(crate) mod pairs;
pub mod plan;
pub mod receipt;
pub mod rows;
pub(crate) mod select;
pub mod spill;
pub mod sums;
mod tag_codes;
pub mod tags;

pub use answer::{Answer, AnswerRow, KeyColumn};
pub use canonical::{answer_sha256, told_sha256, write_csv};
pub use facts::{FactGroup, Facts, FactsFold, FactsPlan, MeasureSum};
pub use finish::Finished;
pub use plan::Plan;
pub use receipt::{
    AliasReceipt, ConversionReceipt, CostAccount, KeySet, LookupReceipt, RateReceipt, Receipt, RowAccount,
    SourceReceipt, SplitReceipt, UnreadSource,
};
pub use rows::{ChargeRow, ChargeRows, RowsFold, RowsPlan};
pub(crate) use select::{Verdicts, filter_rows};
pub use spill::{Memory, OpenTemp, StoredAnswer};
pub(crate) use sums::Rolled;
pub use sums::Sums;
pub use tags::{KeyFacts, TagFacts, TagSums, Tally};
