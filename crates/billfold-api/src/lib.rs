//! billfold-api: the vendors' billing actions over billfold, as they stand on the wire.
//!
//! Here are the words, shapes, number formats and fault codes of each action, and nothing else: no
//! sums, no files, no sockets, no clock. A response is a view of an engine's answer, written where it
//! leaves; the question and the arithmetic are `billfold_core`'s.
//!
//! | module | holds |
//! |---|---|
//! | [`get_charge_sums`] | the response of ShanHe and QingCloud GetChargeSums |
//! | [`number`] | amounts as these wires print them |
//! | [`fault`] | errors in the words of each dialect |
//! | [`wire`] | a call as it comes, a response as it goes |
//! | [`settings`] | what whoever runs billfold decides for all calls |
//!
//! From a question to the text on the wire:
//!
//! ```
//! # use std::sync::Arc;
//! # use billfold_core::charge::batch::{BatchParts, ChargeBatch};
//! # use billfold_core::charge::builder::{MoneyBuilder, constant};
//! # use billfold_core::engine::{Plan, Sums};
//! # use billfold_core::money::Amount;
//! use billfold_api::get_charge_sums::{Grouping, Response};
//! use billfold_core::query::ChargeQuery;
//!
//! let grouping = Grouping::parse(&["resource_type"])?;
//! let mut query = ChargeQuery::total();
//! query.by = grouping.by;
//! # let mut cost = MoneyBuilder::with_capacity(2);
//! # for text in ["1468.5", "0.04775"] {
//! #     cost.push(Amount::parse(text.as_bytes())?);
//! # }
//! # let batch = ChargeBatch::new(BatchParts {
//! #     start: vec![0; 2].into(),
//! #     end: None,
//! #     cost: cost.finish()?,
//! #     currency: constant("CNY", 2)?,
//! #     text: vec![("resource_type".to_owned(), constant("instance", 2)?)],
//! #     tags: None,
//! # })?;
//! # let mut sums = Sums::new(Arc::new(Plan::new(query)?));
//! # sums.update(&batch)?;
//! # let answer = sums.finish()?.answer;
//! // … the engine answers the query …
//! let response = Response::from_answer(&answer, grouping.shape)?;
//! assert_eq!(
//!     serde_json::to_string(&response)?,
//!     concat!(
//!         r#"{"action":"GetChargeSumsResponse","total_count":1,"#,
//!         r#""charge_sum_set":{"instance":[{"fee":"1468.5478","resource_type":"instance","total":"total"}]},"#,
//!         r#""ret_code":0,"total_sum":"1468.5478"}"#
//!     )
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

pub mod answer;
mod call;
pub mod fault;
pub mod get_charge_records;
pub mod get_charge_sums;
pub mod get_consumptions_by_query;
pub mod get_consumptions_summary;
pub mod get_project_resource_stat;
pub mod get_total_estimated_consumption;
pub mod number;
pub mod params;
mod pay_mode;
mod qingcloud;
pub mod settings;
pub mod tencent;
pub mod wire;

pub use answer::{actions, answer};
pub use call::end_of_data;
pub use fault::{Refusal, RefusalKind};
pub use settings::Settings;
pub use wire::{Dialect, Method, Scope, WireFault, WireRequest, WireResponse};
