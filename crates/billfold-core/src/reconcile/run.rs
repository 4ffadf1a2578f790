//! Reconciling files: bills and invoices in, verdicts out.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::fold::{InvoiceSums, TEXT};
use super::invoices::Invoices;
use super::verdict::{Verdict, verdicts};
use crate::charge::{CostMetric, ScanHint};
use crate::dataset::{self, Outcome, RunOptions};
use crate::error::{Diagnostic, Error, ErrorKind, Result};
use crate::ingest::bill::BillPlan;
use crate::ingest::scan::{Ready, scan};
use crate::ingest::source::expand;
use crate::money::Currency;

/// What reconciling came to.
#[derive(Debug)]
pub struct Reconciliation {
    /// One per invoice, and one per invoice that only rows name, in the order of their keys.
    pub verdicts: Vec<Verdict>,
    /// What was invoiced.
    pub invoices: Invoices,
    /// Whether Tax rows were left out.
    pub without_tax: bool,
    /// Rows read, the rejected ones with them.
    pub n_read: u64,
    /// Rows refused.
    pub n_rejected: u64,
    /// The first refused rows.
    pub rejects: Vec<Diagnostic>,
    /// What was odd and not wrong.
    pub warnings: Vec<String>,
}

impl Reconciliation {
    /// Whether every verdict holds.
    pub fn holds(&self) -> bool {
        self.verdicts.iter().all(|v| v.status.holds())
    }

    /// Why there are no verdicts: sums that lack rows prove nothing.
    pub fn error(&self) -> Option<Error> {
        (self.n_rejected > 0).then(|| {
            Error::new(ErrorKind::RowsRejected {
                n_rejected: self.n_rejected,
                n_read: self.n_read,
            })
        })
    }
}

/// Lays the billed cost of bills beside a file of invoices.
///
/// `without_tax`: Tax rows do not count; an Invoice Detail leaves them out in any case.
/// Errors: as [`dataset::sums`], and those of the file of invoices.
pub fn reconcile(
    inputs: &[String],
    invoices: &str,
    without_tax: bool,
    default_currency: Option<Currency>,
    options: &RunOptions<'_>,
) -> Result<Reconciliation> {
    let sources = expand(&[invoices.to_owned()])?;
    let [source] = sources.as_slice() else {
        return Err(Error::usage("invoices are one file").in_source(&Arc::from(invoices)));
    };
    let invoices = Invoices::read(source, options.delimiter, options.encoding.as_deref())?;
    let without_tax = without_tax || invoices.is_detail;
    let hint = ScanHint {
        text: TEXT.iter().map(|name| (*name).to_owned()).collect(),
        default_currency,
        ..ScanHint::of_cost(CostMetric::Billed)
    };
    let opened = dataset::open(inputs, options, &hint)?;
    if opened
        .bills
        .iter()
        .all(|bill| bill.binding.find("invoice_id").is_none())
    {
        return Err(
            Error::file("schema.column", "no bill has a column for invoice_id")
                .hint("list the columns of a file with: billfold inspect FILE"),
        );
    }
    let mut ready = Vec::with_capacity(opened.bills.len());
    for bill in opened.bills {
        let plan = BillPlan::new(&hint, &bill)?;
        ready.push(Ready { bill, plan });
    }
    let mut states: Vec<InvoiceSums> = (0..dataset::workers(options.threads))
        .map(|_| InvoiceSums::new(without_tax))
        .collect();
    let mut rejects = Vec::new();
    let mut on_reject = |diagnostic: Diagnostic| -> Result<()> {
        if rejects.len() < Outcome::SHOWN_REJECTS {
            rejects.push(diagnostic);
        }
        Ok(())
    };
    let progress = Arc::clone(&options.progress);
    let on_rows = |n: u64| {
        progress.rows.fetch_add(n, Ordering::Relaxed);
    };
    let reports = scan(
        &ready,
        opened.streams,
        &mut states,
        &on_rows,
        &mut on_reject,
        |state: &mut InvoiceSums, batch| state.update(batch),
    )?;
    dataset::check_views(dataset::views_of(&ready, &reports))?;
    let mut merged = InvoiceSums::new(without_tax);
    for state in &states {
        merged.merge(state)?;
    }
    Ok(Reconciliation {
        verdicts: verdicts(&invoices.invoices, &merged.finish())?,
        invoices,
        without_tax,
        n_read: reports.iter().map(|r| r.counts.read).sum(),
        n_rejected: reports.iter().map(|r| r.n_rejected).sum(),
        rejects,
        warnings: opened.warnings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::Status;
    use std::fmt::Write as _;

    struct Files(std::path::PathBuf);

    impl Files {
        fn new(name: &str, bill: &str, invoices: &str) -> Files {
            let folder =
                std::env::temp_dir().join(format!("billfold-reconcile-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("bill.csv"), bill).unwrap();
            std::fs::write(folder.join("invoices.csv"), invoices).unwrap();
            Files(folder)
        }

        fn run(&self) -> Reconciliation {
            let path = |name: &str| self.0.join(name).display().to_string();
            let options = RunOptions {
                threads: Some(2),
                ..RunOptions::default()
            };
            reconcile(&[path("bill.csv")], &path("invoices.csv"), false, None, &options).unwrap()
        }
    }

    impl Drop for Files {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    const HEADER: &str = "BilledCost,BillingCurrency,ChargePeriodStart,InvoiceId,InvoiceIssuerName,SkuId,SubAccountId,ChargeCategory\n";

    fn bill(rows: &[&str]) -> String {
        let mut text = HEADER.to_owned();
        for row in rows {
            let _ = writeln!(text, "{row}");
        }
        text
    }

    fn row(cost: &str, rest: &str) -> String {
        format!("{cost},USD,2024-03-01T00:00:00Z,{rest}")
    }

    #[test]
    fn n13_a_sum_by_invoice_is_compared_to_the_last_digit() {
        let rows: Vec<String> = ["1.005", "1.005", "1.005", "1.005", "1"]
            .map(|c| row(c, "A,X,s,a,Usage"))
            .to_vec();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        for (amount, status, difference) in [
            ("5.02", Status::Exact, "0"),
            ("5.04", Status::Within, "-0.02"),
            ("10.02", Status::Differs, "-5"),
        ] {
            let found = Files::new(
                &format!("n13-{amount}"),
                &bill(&rows),
                &format!("InvoiceId,BillingCurrency,Amount\nA,USD,{amount}\n"),
            )
            .run();
            assert_eq!(found.verdicts[0].status, status, "{amount}");
            assert_eq!(found.verdicts[0].difference.to_string(), difference);
            assert_eq!(found.holds(), status.holds());
        }
    }

    #[test]
    fn the_rounding_rule_that_makes_the_invoice_is_named() {
        // Two meters over two accounts: rows 0.004 ×4 round to nothing, meters to 0.01 each.
        let rows: Vec<String> = ["m1,a", "m2,a", "m1,b", "m2,b"]
            .map(|r| row("0.004", &format!("A,X,{r},Usage")))
            .to_vec();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let rules = |amount: &str| -> Vec<String> {
            let invoices = format!("InvoiceId,BillingCurrency,Amount\nA,USD,{amount}\n");
            let found = Files::new(&format!("rule-{amount}"), &bill(&rows), &invoices).run();
            found.verdicts[0].rules.iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            rules("0.02"),
            [
                "half-up per invoice",
                "half-even per invoice",
                "half-up per account",
                "half-even per account",
                "half-up per meter",
                "half-even per meter",
            ]
        );
        assert_eq!(rules("0.01"), ["truncate per invoice"]);
        assert_eq!(rules("7"), [] as [&str; 0]);
    }

    #[test]
    fn invoices_missing_on_either_side_are_listed() {
        let rows = [
            row("1", "A,X,s,a,Usage"),
            row("2", "B,X,s,a,Usage"),
            row("3", ",X,s,a,Usage"),
        ];
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let found = Files::new(
            "missing",
            &bill(&rows),
            "InvoiceId,InvoiceIssuerName,Currency,Amount\nA,X,USD,1\nC,X,USD,4\nA,Y,USD,1\n",
        )
        .run();
        let shown: Vec<String> = found
            .verdicts
            .iter()
            .map(|v| format!("{} {} {}", v.key.invoice_id, v.key.issuer, v.status))
            .collect();
        assert_eq!(
            shown,
            [
                " X open",
                "A X exact",
                "A Y no-rows",
                "B X not-invoiced",
                "C X no-rows"
            ]
        );
        assert!(!found.holds());
    }

    #[test]
    fn tax_lines_of_an_invoice_detail_are_exempt_on_both_sides() {
        let rows = [row("10", "A,X,s,a,Usage"), row("5", "A,X,s,a,Tax")];
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let found = Files::new(
            "tax",
            &bill(&rows),
            "InvoiceId,InvoiceDetailId,ChargeCategory,BillingCurrency,BilledCost\nA,1,Usage,USD,10\nA,2,Tax,USD,1.7\n",
        )
        .run();
        assert_eq!(found.verdicts[0].status, Status::Exact);
        assert_eq!(found.verdicts[0].tax.1.to_string(), "5");
        assert!(found.without_tax);
    }
}
