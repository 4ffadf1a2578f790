//! The product seen from outside, in one binary.
//!
//! `support` makes bills and runs questions, `oracles` compares with the control totals of real exports,
//! the catalogue modules hold one test per fault of the fault catalogue, `exits` puts the faults through the
//! command, `determinism` asks the same question in different ways, `spill` asks with little memory, and `layers` holds the directions of
//! the house. `naive` compares random answers with a slow exact oracle, `carriers` the same rows in every kind
//! of file, `convert` an answer before and after a conversion, `explain` a cell with its charges, `laws` the answers with each other,
//! `charges` facts, rows and the store with a loop over rows and with each other, `pages` holds the vendors' own
//! examples, `wire` calls their actions; `serve` is the server over
//! sockets; `reports` pivots, frames and SQL, `runs` files of reports; `budgets` limits, `tagged` tags and their aliases, `splits` shared cost; `lookup` and `exchange` put tables of one's own beside a bill; `asked` is the question in the oracle's and the engine's words.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot set its scene has failed"
)]
#![allow(
    clippy::assigning_clones,
    clippy::format_collect,
    clippy::format_push_string,
    clippy::items_after_statements,
    clippy::print_stderr,
    reason = "a test is to be read: its scene in the fewest words, its notices on standard error"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "tests read files of their own and of the source tree"
)]

mod analysis;
mod api_laws;
mod asked;
mod budgets;
mod carriers;
mod catalogue;
mod catalogue_a;
mod catalogue_b;
mod catalogue_c;
mod catalogue_d;
mod catalogue_e;
mod catalogue_f;
mod catalogue_g;
mod catalogue_i;
mod catalogue_j;
mod catalogue_k;
mod catalogue_l;
mod catalogue_m;
mod catalogue_n;
mod charges;
mod convert;
mod determinism;
mod exchange;
mod exits;
mod explain;
mod formats;
mod laws;
mod layers;
mod lookup;
mod naive;
mod oracles;
mod oracles_formats;
mod packs;
mod page_look;
mod pages;
mod projects;
mod reports;
mod runs;
mod serve;
mod spill;
mod splits;
mod support;
mod tagged;
mod wire;
