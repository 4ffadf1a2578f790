//! Analysis: what exact answers say when they are looked at together.
//!
//! ```text
//! formula    a column of a table of measures: sums, sums under a condition, ratios of two
//! measured   facts of groups → such a table
//! series     an answer → one cost per period and group, without gaps
//! anomaly    a period's cost against the median of those before it
//! forecast   days to come from days that were, and how well that went before
//! ```
//!
//! Everything is integers and stated rounding; nothing here reads files, and no answer depends on the order
//! of rows or on how many workers there were.

pub mod anomaly;
pub mod forecast;
pub mod formula;
pub mod measured;
pub mod series;

use crate::error::Error;

fn overflow(_: crate::money::SumOverflow) -> Error {
    Error::limit("limit.digits", "a number of the analysis leaves 256 bits")
}
