//! Money: exact amounts, exact sums, currencies, and the split of a cost over time.
//!
//! Everything here is integer arithmetic over a decimal scale. Nothing here knows about rows, files,
//! windows or output formats, and nothing rounds unless its name says so.

mod amount;
mod apportion;
mod column;
mod counted;
mod currency;
mod digits;
mod iso4217;
mod parse;
mod product;
mod prorate;
mod quotient;
mod remainder;
mod rounding;
mod sum;
mod totals;

pub use amount::{Amount, AmountError, MAX_DIGITS, MAX_SCALE, POW10, POW10_SHORT, rescale};
pub use apportion::{apportion, compare_with_part, percent_of};
pub use column::{GroupOverflow, SumColumn, added_up};
pub use counted::CountedSums;
pub use currency::Currency;
pub use digits::push_count;
pub use parse::{parse_cell, parse_short};
pub use product::{Product, divided, product};
pub use prorate::{share_between, share_until};
pub use quotient::{median, quotient};
pub use remainder::largest_remainder;
pub use rounding::Rounding;
pub use sum::{ExactSum, SumOverflow};
pub use totals::Totals;
