//! Seeded bills, the slow exact oracle and table-text fixtures for billfold's tests.
//!
//! Nothing here shares code with the engine: the generator, the writers and the oracle are an
//! independent model of what a bill says, so that agreement means something.
//! Not here: reading files (the engine does that) and comparing answers (the tests do that).
//!
//! ```
//! use billfold_testkit::{Bill, BillSpec, Carrier, Format, OutputSpec, naive, write_bill};
//!
//! let spec = BillSpec { rows: 100, ..BillSpec::new(7) };
//! let mut file = Vec::new();
//! write_bill(&spec, &OutputSpec::new(Format::Focus12, Carrier::Csv), &mut file)?;
//!
//! let charges: Vec<_> = Bill::new(&spec).collect();
//! let question = naive::Question { by: vec!["service_name".into()], ..naive::Question::default() };
//! for line in naive::answer(&charges, &question) {
//!     assert_eq!(line.keys.len(), 1);
//! }
//! # Ok::<(), std::io::Error>(())
//! ```

#![forbid(unsafe_code)]

pub mod bill;
mod charge;
mod civil;
mod decimal;
pub mod fixture;
pub mod naive;
pub mod output;
mod rng;
pub mod samples;
pub mod strategies;
pub mod totals;

pub use bill::{Bill, BillSpec, Mix, Order, Provider};
pub use charge::{Category, Charge, Frequency, Tag};
pub use civil::{TimeShape, instant, month_start};
pub use decimal::Decimal;
pub use output::{
    Carrier, ColumnTypes, Compression, Format, LineEnd, Nulls, Numbers, OutputSpec, Quoting, SpecError,
    write_bill, write_charges,
};
