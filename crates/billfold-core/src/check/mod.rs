//! Checking: FOCUS files against the rules that change sums.
//!
//! `rules` is the list of rules, `columns` what FOCUS says of its columns, `rows` looks at the cells,
//! `across` at what only many rows together show, `product` multiplies exactly, and `run` makes the
//! report. Nothing is repaired and nothing left out: a finding says where, how often and at what cost.

mod across;
mod columns;
mod product;
mod rows;
mod rules;
mod run;

pub use rules::{RULES, Rule, Severity};
pub use run::{CheckedFile, Example, Finding, Report, check};
