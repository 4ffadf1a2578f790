//! billfold-core: raw cloud charges into columnar Arrow batches, and exact rollups over them.
//!
//! ```text
//! charge     one row of a bill: period, cost, currency, texts, tags
//! batch      charges of one chunk, columnar (Arrow)
//! question   group by dimensions and period, filter, window, metric       query::ChargeQuery
//! plan       the question bound to batch columns                          engine::Plan
//! sums       one worker's groups; merges associatively                    engine::Sums
//! answer     named, ordered groups with exact costs per currency          engine::Answer
//! facts      groups with measures, first start, last end, latest texts    engine::Facts
//! rows       the charges themselves, ordered and paged                    engine::ChargeRows
//! receipt    read = used + filtered + outside + rejected, rows and cost   engine::Receipt
//! ```
//!
//! From files to sums:
//!
//! ```
//! use billfold_core::dataset::{self, RunOptions};
//! use billfold_core::query::{ChargeQuery, Dimension};
//!
//! # let path = std::env::temp_dir().join(format!("billfold-doc-{}.csv", std::process::id()));
//! # std::fs::write(&path, "ChargePeriodStart,BilledCost,BillingCurrency,ServiceName\n\
//! #   2024-03-01T00:00:00Z,0.1,USD,Storage\n2024-03-02T00:00:00Z,0.2,USD,Storage\n")?;
//! let mut query = ChargeQuery::total();
//! query.by = Dimension::parse_list("service_name")?;
//! query.granularity = "monthly".parse()?;
//!
//! let outcome = dataset::sums(&[path.display().to_string()], query, RunOptions::default())?;
//! let answer = outcome.answer.ok_or("no rows were rejected")?;
//! let row = answer.row(0);
//! assert_eq!(row.key(0), "Storage");
//! assert_eq!(row.period().label, "2024-03");
//! assert_eq!(row.cost().to_string(), "0.3");
//! # std::fs::remove_file(path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is asked often is asked of something that implements [`dataset::Charges`]: [`dataset::Files`] reads
//! anew for every question, [`store::Store`] was read once.

pub mod alias;
pub mod analysis;
pub mod budget;
pub mod charge;
pub mod check;
pub mod convert;
pub mod dataset;
pub mod diff;
pub mod engine;
pub mod error;
pub mod exchange;
pub mod explain;
pub mod ingest;
pub mod lookup;
pub mod money;
pub mod query;
pub mod reconcile;
pub mod split;
pub mod store;
pub mod tags;
pub mod time;

pub use error::{Error, ErrorClass, ErrorKind, Result};
