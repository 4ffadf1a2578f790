//! billfold-report: answers as pivots, pages, workbooks, frames and SQL.
//!
//! ```text
//! pivot      three answers, laid out: groups × periods, one table per currency
//! rounding   a table whose printed rows, columns and totals add up
//! measures   shares, changes, running totals, averages: integers all the way
//! shared     pivots after splits of shared cost
//! report     a pivot with what is shown of it, as grids
//! grid       named columns of typed cells: what every output is written from
//! frame      an answer as a Polars frame, and back
//! sql        statements over charges, exact or refused
//! html       one page with charts and tables
//! xlsx       a workbook
//! ```
//!
//! Nothing here opens a bill, prints or reads the environment: questions go to `billfold_core::dataset`,
//! bytes go to a writer. Of all crates only this one knows Polars.

#![forbid(unsafe_code)]

pub mod frame;
pub mod grid;
pub mod html;
pub mod measures;
pub mod pivot;
pub mod report;
pub mod rounding;
pub mod shared;
pub mod sql;
pub mod xlsx;

pub use grid::{Cell, Column, Grid, GridRow, Kind, RowKind};
pub use pivot::Pivot;
pub use report::{Report, Show, Style};
