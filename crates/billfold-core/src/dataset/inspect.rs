//! What files are: format, mapping, rows, exact control totals, time span, oddities.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{RunOptions, open, workers};
use crate::charge::schema;
use crate::engine::Plan;
use crate::error::{Diagnostic, Location, Result};
use crate::ingest;
use crate::ingest::bill::{Bill, BillPlan};
use crate::ingest::inspect::Findings;
use crate::money::Totals;
use crate::query::ChargeQuery;

/// What one file is, and its control totals.
#[derive(Debug)]
pub struct Inspection {
    /// The file as it was named to us.
    pub source: Arc<str>,
    /// The format and version that were recognised.
    pub format: String,
    /// What people call the format.
    pub title: String,
    /// `csv`, `csv + gzip`, `parquet (zstd)`, `ndjson`, `json`, ….
    pub carrier: String,
    /// Per column of the file: header, and what it feeds (a schema column, `tag:KEY`, an amount, or "").
    pub columns: Vec<ColumnInspection>,
    /// Columns of the schema that this file does not feed.
    pub absent: Vec<&'static str>,
    /// Rows, the rejected ones with them.
    pub rows: u64,
    /// Rows in which some cell of a known column cannot be read.
    pub rows_rejected: u64,
    /// Blank lines.
    pub blank_lines: u64,
    /// Exact sums per cost column of the file (header as spelled) and currency, over the rows whose cell is readable.
    pub totals: Vec<ColumnTotals>,
    /// First and last start of a charge period, and last end.
    pub span: Option<(i64, i64, i64)>,
    /// What is odd: empty cells that are bridged, blank lines, unreadable tags, rows in the future of their billing period.
    pub odd: Vec<String>,
    /// The first faults.
    pub rejects: Vec<Diagnostic>,
}

/// One column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnInspection {
    /// As spelled in the file.
    pub header: String,
    /// What it feeds.
    pub role: String,
}

/// Control totals of one cost column.
#[derive(Debug, Clone)]
pub struct ColumnTotals {
    /// As spelled in the file.
    pub header: String,
    /// The schema's name for it, or "".
    pub role: String,
    /// Cells with a value.
    pub n_values: u64,
    /// Empty cells.
    pub n_empty: u64,
    /// Cells that are no amount.
    pub n_unreadable: u64,
    /// Most decimals of a value.
    pub max_decimals: u8,
    /// Exact sum per currency.
    pub sums: Totals,
}

/// Says what files are: format, mapping, rows, exact control totals, time span, oddities.
///
/// Errors: as [`super::sums`]; unreadable rows are part of the inspection.
pub fn inspect(inputs: &[String], options: &RunOptions<'_>) -> Result<Vec<Inspection>> {
    let hint = Plan::new(ChargeQuery::total())?.hint;
    let opened = open(inputs, options, &hint)?;
    let mut inspections = Vec::with_capacity(opened.bills.len());
    for (bill, stream) in opened.bills.into_iter().zip(opened.streams) {
        let findings = match BillPlan::new(&hint, &bill)? {
            Some(plan) => ingest::inspect::inspect(&bill, plan, stream, workers(options.threads))?,
            None => Findings::default(),
        };
        options
            .progress
            .rows
            .fetch_add(findings.n_rows, Ordering::Relaxed);
        inspections.push(describe(&bill, findings));
    }
    Ok(inspections)
}

fn describe(bill: &Bill, findings: Findings) -> Inspection {
    let binding = &bill.binding;
    let mut odd: Vec<String> = bill.notes.clone();
    for (key, value) in bill.source.partitions.iter() {
        odd.push(format!("lies in the partition {key}={value}"));
    }
    if findings.n_blank > 0 {
        odd.push(format!("{} blank lines", findings.n_blank));
    }
    odd.extend(findings.odd.iter().map(|(what, n)| format!("{n} {what}")));
    let totals: Vec<ColumnTotals> = findings
        .money
        .into_iter()
        .map(|(column, found)| {
            let header = binding.headers.names[column].clone();
            if found.n_negative > 0 {
                odd.push(format!("{} negative values in {header}", found.n_negative));
            }
            let role = binding.role(column);
            ColumnTotals {
                header,
                role: if schema::column(&role).is_some() {
                    role
                } else {
                    String::new()
                },
                n_values: found.n_values,
                n_empty: found.n_empty,
                n_unreadable: found.n_unreadable,
                max_decimals: found.max_scale,
                sums: found.sums,
            }
        })
        .collect();
    let rejects = findings.faults.into_iter().map(|placed| Diagnostic {
        code: placed.fault.code,
        location: Location {
            source: Some(Arc::clone(&bill.source.name)),
            record: Some(placed.record),
            line: placed.line,
            column: placed.fault.column,
        },
        text: placed.fault.text,
        expected: placed.fault.expected,
        row: placed.fault.raw,
        cost: placed.fault.cost,
    });
    Inspection {
        source: Arc::clone(&bill.source.name),
        format: binding.format_name(),
        title: binding.format.title.clone(),
        carrier: bill.carrier_name(),
        columns: (0..bill.n_headers())
            .map(|i| ColumnInspection {
                header: binding.headers.names[i].clone(),
                role: binding.role(i),
            })
            .collect(),
        absent: schema::COLUMNS
            .iter()
            .map(|c| c.name)
            .filter(|name| match *name {
                schema::TAGS => binding.tag_column.is_none() && binding.tag_columns.is_empty(),
                name => binding.columns.get(name).is_none_or(|i| *i >= bill.n_headers()),
            })
            .collect(),
        rows: findings.n_rows,
        rows_rejected: findings.n_rejected,
        blank_lines: findings.n_blank,
        totals,
        span: findings.span,
        odd,
        rejects: rejects.collect(),
    }
}
