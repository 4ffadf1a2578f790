//! The engine: a question bound to batches, folded in parallel, merged, finished.
//!
//! `plan` is the question with everything refused that a user can get wrong; `select` decides which
//! rows count; `group` numbers groups; `sums` is the fold; `finish` makes the answer; `receipt` is its
//! account. Nothing here knows files: what ingest needs of a question travels as `charge::ScanHint`.

pub mod answer;
pub mod canonical;
mod finish;
mod group;
pub mod plan;
pub mod receipt;
mod select;
pub mod sums;

pub use answer::{Answer, AnswerRow, KeyColumn};
pub use canonical::{answer_sha256, write_csv};
pub use finish::Finished;
pub use plan::Plan;
pub use receipt::{CostAccount, KeySet, LookupReceipt, Receipt, RowAccount, SourceReceipt, UnreadSource};
pub use sums::Sums;
