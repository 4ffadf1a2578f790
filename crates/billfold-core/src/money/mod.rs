//! Money: exact amounts, exact sums, currencies.
mod amount;

pub use amount::Amount;
