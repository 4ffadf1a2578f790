//! Parameters of a call: names and values out of a query string, a form or a JSON body, and values out of text.
//!
//! Nothing is guessed: what is broken is refused with its place, and so is a scalar that is given twice.
//! Not here: which parameters an action has, and what they mean to it.

pub mod form;
pub mod json;
pub(crate) mod value;

pub use form::Params;
pub use json::Tree;
