//! In the making.

pub mod output;
