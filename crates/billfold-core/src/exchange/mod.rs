//! Costs in another currency: a table of rates of one's own, and the charges that count, converted.
//!
//! A charge that counts in the answer is converted at the rate of the month in which it starts, on the calendar
//! of the question's zone (with the billing clock, in which its billing period starts). It happens charge by
//! charge between scan and fold, so that every sum, order and page is of the one currency. A product is exact
//! as long as 38 digits hold it. Charges that do not count keep their currency and need no rate.
//!
//! Rates are never guessed, turned around or chained: a pair that a month needs and the table lacks stops the
//! run, and all of them are named.

mod apply;
mod rates;
#[cfg(test)]
mod tests;

pub(crate) use apply::{BoundExchange, ExchangeState};
pub use rates::Exchange;
