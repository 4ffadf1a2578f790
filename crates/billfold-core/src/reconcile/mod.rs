//! Reconciling: does what the rows come to equal what was invoiced?
//!
//! `fold` adds the billed cost of charges per invoice, `invoices` reads what was invoiced, `tolerance`
//! is FOCUS's rule of how far the two may be apart, `verdict` lays one beside the other, and `run` puts
//! it together for files. Sums and comparisons are exact; nothing is rounded but to find out by which
//! rule the issuer rounded.

mod fold;
mod invoices;
mod run;
mod tolerance;
mod verdict;

pub use fold::{InvoiceKey, InvoiceSum, InvoiceSums};
pub use invoices::{Invoice, Invoices};
pub use run::{Reconciliation, reconcile};
pub use tolerance::{tolerance_holds, tolerance_text};
pub use verdict::{Parts, RoundingRule, Status, Verdict, verdicts};
