//! The report over all files.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::across::{self, Commitments, Hashed, MOST_ROWS, repeated};
use super::rows::{Found, Known, Look, Part};
use super::rules::{self, RULES, Rule, Severity, place};
use crate::charge::{CostMetric, ScanHint};
use crate::dataset::{self, RunOptions};
use crate::error::{Error, ErrorKind, Location, Result};
use crate::ingest::bill::BillPlan;
use crate::ingest::visit::visit_bill;
use crate::money::{ExactSum, Totals};

/// What checking came to.
#[derive(Debug)]
pub struct Report {
    /// The files, in the order of the inputs.
    pub files: Vec<CheckedFile>,
    /// By rule, then by column.
    pub findings: Vec<Finding>,
    /// What could not be looked at, and what was odd.
    pub warnings: Vec<String>,
}

/// One file.
#[derive(Debug, Clone)]
pub struct CheckedFile {
    /// As it was named to us.
    pub source: Arc<str>,
    /// The format that was recognised, with its version.
    pub format: String,
    /// Its rows.
    pub rows: u64,
}

/// What one rule found in one column.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// The column, as spelled; empty where the rule is about rows.
    pub column: String,
    /// Rows, commitments or files that depart from it.
    pub count: u64,
    /// Effective cost of these rows (billed where that is null), per currency.
    pub cost: Totals,
    /// By how much they are off, in sum, per currency, where the rule says.
    pub difference: Totals,
    /// The first of them.
    pub examples: Vec<Example>,
}

/// One row, or what else departs from a rule.
#[derive(Debug, Clone)]
pub struct Example {
    /// Where.
    pub location: Location,
    /// What stands there.
    pub text: String,
}

impl Report {
    /// Whether no rule of severity error found anything.
    pub fn holds(&self) -> bool {
        self.findings.iter().all(|f| f.rule.severity != Severity::Error)
    }

    /// Findings of a severity, counted by rows.
    pub fn count(&self, severity: Severity) -> u64 {
        let of = self.findings.iter().filter(|f| f.rule.severity == severity);
        of.map(|f| f.count).sum()
    }
}

fn overflow() -> Error {
    Error::new(ErrorKind::Overflow {
        group: "a finding".to_owned(),
    })
}

type Findings = BTreeMap<(usize, String), Finding>;

/// Checks FOCUS files. `n_shown`: rows of each finding that are kept to be shown.
///
/// Errors: io, broken packing or structure, and `schema.format` for a bill that is not FOCUS.
pub fn check(inputs: &[String], n_shown: usize, options: &RunOptions<'_>) -> Result<Report> {
    let hint = ScanHint::of_cost(CostMetric::Effective);
    let opened = dataset::open(inputs, options, &hint)?;
    if let Some(other) = opened
        .bills
        .iter()
        .find(|bill| bill.binding.format.name != "focus")
    {
        let message = format!(
            "this is {}, and the rules are FOCUS's",
            other.binding.format.title
        );
        return Err(Error::file("schema.format", message)
            .in_source(&other.source.name)
            .hint("billfold inspect FILE looks at any bill"));
    }
    let n_workers = dataset::workers(options.threads);
    let progress = Arc::clone(&options.progress);
    let mut report = Report {
        files: Vec::new(),
        findings: Vec::new(),
        warnings: opened.warnings,
    };
    let mut findings = Findings::new();
    let mut commitments = Commitments::new();
    let mut hashed: Vec<Hashed> = Vec::new();
    let mut n_rows = 0;
    for (nth, (bill, stream)) in opened.bills.iter().zip(opened.streams).enumerate() {
        let known = Known::of(&bill.binding, bill.n_headers());
        let Some(mut plan) = BillPlan::new(&hint, bill)? else {
            continue;
        };
        for (name, sums) in known.missing(&bill.binding) {
            let rule = if sums {
                rules::COLUMN_MISSING
            } else {
                rules::COLUMN_ABSENT
            };
            let finding = entry(&mut findings, rule, name);
            finding.count += 1;
            if finding.examples.len() < n_shown {
                finding.examples.push(Example {
                    location: Location {
                        source: Some(Arc::clone(&bill.source.name)),
                        ..Location::default()
                    },
                    text: format!("the file has no {name}"),
                });
            }
        }
        let all: Vec<usize> = (0..bill.n_headers()).collect();
        plan.add_columns(&all);
        let parts = visit_bill(bill, &plan, stream, n_workers, |task, worker| {
            let part = RefCell::new(Part::default());
            let place = bill.visit(&plan, task, worker, |plan| Look {
                plan,
                known: &known,
                n_shown,
                part: &part,
            })?;
            let part = part.into_inner();
            progress.rows.fetch_add(part.n_rows, Ordering::Relaxed);
            Ok((part, place))
        })?;
        let mut rows = 0;
        let mut next_line = bill.first_line();
        for (part, place) in parts {
            let first_row = place.first_row.unwrap_or(rows);
            let first_line = place.lines.first(&mut next_line);
            rows += part.n_rows;
            for ((rule, column), found) in part.found {
                let finding = entry(&mut findings, RULES[rule], &column);
                add(finding, found, &bill.source.name, first_row, first_line, n_shown)?;
            }
            across::merge(&mut commitments, part.commitments).map_err(|_| overflow())?;
            let room = MOST_ROWS.saturating_sub(hashed.len());
            hashed.extend(part.hashed.into_iter().take(room).map(|row| Hashed {
                file: nth as u32,
                record: first_row + row.record + 1,
                line: first_line.map_or(0, |first| first + row.line.saturating_sub(1)),
                ..row
            }));
        }
        n_rows += rows;
        report.files.push(CheckedFile {
            source: Arc::clone(&bill.source.name),
            format: bill.binding.format_name(),
            rows,
        });
    }
    if n_rows > hashed.len() as u64 && hashed.len() == MOST_ROWS {
        report.warnings.push(format!(
            "equal rows are looked for among the first {MOST_ROWS} rows only"
        ));
    }
    let names: Vec<Arc<str>> = opened
        .bills
        .iter()
        .map(|bill| Arc::clone(&bill.source.name))
        .collect();
    duplicates(&mut findings, hashed, &names, n_shown)?;
    commitment_sums(&mut findings, &commitments, n_shown)?;
    report.findings = findings.into_values().collect();
    Ok(report)
}

fn entry<'f>(findings: &'f mut Findings, rule: Rule, column: &str) -> &'f mut Finding {
    findings
        .entry((place(rule), column.to_owned()))
        .or_insert_with(|| Finding {
            rule,
            column: column.to_owned(),
            count: 0,
            cost: Totals::new(),
            difference: Totals::new(),
            examples: Vec::new(),
        })
}

fn add(
    finding: &mut Finding,
    found: Found,
    source: &Arc<str>,
    first_row: u64,
    first_line: Option<u64>,
    n_shown: usize,
) -> Result<()> {
    finding.count += found.count;
    finding.cost.add_totals(&found.cost).map_err(|_| overflow())?;
    finding
        .difference
        .add_totals(&found.difference)
        .map_err(|_| overflow())?;
    for shown in found.shown {
        if finding.examples.len() < n_shown {
            finding.examples.push(Example {
                location: Location {
                    source: Some(Arc::clone(source)),
                    record: Some(first_row + shown.record + 1),
                    line: first_line.zip(shown.line).map(|(first, before)| first + before),
                    column: (!finding.column.is_empty()).then(|| Arc::from(finding.column.as_str())),
                },
                text: shown.text,
            });
        }
    }
    Ok(())
}

fn duplicates(findings: &mut Findings, rows: Vec<Hashed>, names: &[Arc<str>], n_shown: usize) -> Result<()> {
    for (row, first) in repeated(rows) {
        let finding = entry(findings, rules::DUPLICATE, "");
        finding.count += 1;
        if let Some((currency, cost)) = row.cost {
            finding
                .cost
                .add(currency, &ExactSum::from(cost))
                .map_err(|_| overflow())?;
        }
        if finding.examples.len() < n_shown {
            finding.examples.push(Example {
                location: Location {
                    source: names.get(row.file as usize).cloned(),
                    record: Some(row.record),
                    line: (row.line > 0).then_some(row.line),
                    column: None,
                },
                text: format!(
                    "the same as row {} of {}",
                    first.record,
                    names.get(first.file as usize).map_or("", |n| n)
                ),
            });
        }
    }
    Ok(())
}

/// Per commitment: what its usage states, and what its purchases came to.
fn commitment_sums(findings: &mut Findings, commitments: &Commitments, n_shown: usize) -> Result<()> {
    for ((id, currency), sums) in commitments {
        let mut compare = |rule: Rule, left: &ExactSum, right: &ExactSum, text: String| -> Result<()> {
            let mut difference = *left;
            difference.sub(right).map_err(|_| overflow())?;
            if difference.is_zero() {
                return Ok(());
            }
            let finding = entry(findings, rule, "CommitmentDiscountId");
            finding.count += 1;
            finding.cost.add(*currency, left).map_err(|_| overflow())?;
            finding
                .difference
                .add(*currency, &difference)
                .map_err(|_| overflow())?;
            if finding.examples.len() < n_shown {
                finding.examples.push(Example {
                    location: Location::default(),
                    text: format!("{id}: {text}; difference {currency} {difference}"),
                });
            }
            Ok(())
        };
        let text = format!("used and unused {}, usage {}", sums.stated, sums.usage);
        compare(rules::COMMITMENT_USAGE, &sums.stated, &sums.usage, text)?;
        // Without purchases among the rows there is nothing to compare with.
        if sums.n_purchases > 0 && sums.n_usage > 0 {
            let text = format!("usage {}, purchases {}", sums.usage, sums.purchased);
            compare(rules::COMMITMENT_PURCHASE, &sums.usage, &sums.purchased, text)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(name: &str, text: &str) -> Report {
        let path = std::env::temp_dir().join(format!("billfold-check-{name}-{}.csv", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let options = RunOptions {
            threads: Some(2),
            chunk_bytes: 64,
            ..RunOptions::default()
        };
        let report = check(&[path.display().to_string()], 3, &options).unwrap();
        std::fs::remove_file(path).unwrap();
        report
    }

    fn finding<'r>(report: &'r Report, id: &str) -> Option<&'r Finding> {
        report.findings.iter().find(|f| f.rule.id == id)
    }

    const HEADER: &str = "BilledCost,EffectiveCost,ListCost,ContractedCost,ListUnitPrice,PricingQuantity,\
        BillingCurrency,ChargePeriodStart,ChargePeriodEnd,BillingPeriodStart,BillingPeriodEnd,ChargeCategory,\
        ChargeClass,CommitmentDiscountId,CommitmentDiscountStatus,ServiceName";
    const TIMES: &str = "2024-03-01T00:00:00Z,2024-03-01T01:00:00Z,2024-03-01T00:00:00Z,2024-04-01T00:00:00Z";

    #[test]
    fn n12_price_times_quantity_is_compared_with_the_cost() {
        let report = check_text(
            "n12",
            &format!(
                "{HEADER}\n1,1,0.3,1,0.1,3,USD,{TIMES},Usage,,,,A\n1,1,0.31,1,0.1,3,USD,{TIMES},Usage,,,,B\n"
            ),
        );
        let found = finding(&report, "ListCost-C-009").unwrap();
        assert_eq!((found.count, found.column.as_str()), (1, "ListCost"));
        assert_eq!(found.examples[0].location.record, Some(2));
        assert_eq!(found.examples[0].location.line, Some(3));
        assert!(
            found.examples[0].text.ends_with("difference -0.01"),
            "{}",
            found.examples[0].text
        );
        let usd = crate::money::Currency::parse(b"USD").unwrap();
        assert_eq!(found.difference.get(usd).unwrap().to_string(), "-0.01");
        assert!(!report.holds());
    }

    #[test]
    fn n15_used_and_unused_add_up_to_the_usage_of_a_commitment() {
        let report = check_text(
            "n15",
            &format!(
                "{HEADER}\n0,5,5,5,,,USD,{TIMES},Usage,,cd-1,Used,A\n0,2,2,2,,,USD,{TIMES},Usage,,cd-1,,A\n\
                 0,7,7,7,,,USD,{TIMES},Usage,,cd-2,Unused,A\n"
            ),
        );
        let found = finding(&report, "EffectiveCost-C-013").unwrap();
        assert_eq!(found.count, 1);
        assert!(
            found.examples[0]
                .text
                .starts_with("cd-1: used and unused 5, usage 7"),
            "{}",
            found.examples[0].text
        );
    }

    #[test]
    fn every_departure_is_found_at_its_row() {
        let long = "2024-03-01T01:00:00Z,2024-03-01T00:00:00Z,2024-03-01T00:00:00Z,2024-04-01T00:00:00Z";
        let text = format!(
            "{HEADER}\n\
             +1,1,1E+0,1,,,USD,{TIMES},Usage,,,,A\n\
             1,2,1,1,,,USD,{TIMES},Tax,,,,A\n\
             1,1,1,1,,,usd,{TIMES},Fee,Other,,,N/A\n\
             ,1,1,1,,,USD,{long},Usage,,,,A\n\
             5,5,5,5,,,USD,{TIMES},Purchase,,cd-1,,A\n\
             1,1,1,1,,,USD,{TIMES},Usage,,,,D\n\
             1,1,1,1,,,USD,{TIMES},Usage,,,,D\n\
             x,1,1,1,,,USD,{TIMES},Usage,,,,E\n"
        );
        let report = check_text("all", &text);
        for (id, record) in [
            ("NumericFormat-Plus", 1),
            ("EffectiveCost-Tax", 2),
            ("BillingCurrency-ISO4217", 3),
            ("ChargeCategory-Values", 3),
            ("ChargeClass-Values", 3),
            ("NullHandling", 3),
            ("Null-Sum", 4),
            ("ChargePeriod-Order", 4),
            ("EffectiveCost-Purchase", 5),
            ("Row-Duplicate", 7),
            ("Value-Readable", 8),
        ] {
            let found = finding(&report, id).unwrap_or_else(|| panic!("{id} found nothing"));
            assert_eq!(found.examples[0].location.record, Some(record), "{id}");
        }
        // The file has none of the columns of accounts and issuers.
        assert_eq!(
            finding(&report, "Column-Present").unwrap().examples[0].text,
            "the file has no BillingAccountId"
        );
    }

    #[test]
    fn a_bill_that_is_not_focus_is_refused() {
        let path = std::env::temp_dir().join(format!("billfold-check-aws-{}.csv", std::process::id()));
        std::fs::write(
            &path,
            "lineItem/LineItemType,lineItem/UsageStartDate,lineItem/UnblendedCost,lineItem/CurrencyCode,bill/PayerAccountId\nUsage,2024-03-01T00:00:00Z,1,USD,1\n",
        )
        .unwrap();
        let error = check(&[path.display().to_string()], 3, &RunOptions::default()).unwrap_err();
        std::fs::remove_file(path).unwrap();
        assert_eq!(error.kind().code(), "schema.format");
    }
}
