//! Control totals of a written bill: rows, and the exact sum of each cost column by currency and month.
//!
//! Months are UTC months of the charge's start; a charge counts wholly in its month.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::charge::Charge;
use crate::civil::{DAY, civil_from_days};
use crate::decimal::Decimal;
use crate::naive::{self, Big, Metric, Question};
use crate::output::{Carrier, ColumnTypes, Field, OutputSpec, carried, known, layout};

#[derive(Default)]
struct Sum {
    values: u64,
    total: Big,
    months: BTreeMap<String, Big>,
}

fn month(charge: &Charge) -> String {
    let (year, month, _) = civil_from_days(charge.charge_start.div_euclid(DAY));
    format!("{year:04}-{month:02}")
}

fn as_json(sum: &Sum) -> Value {
    let months: Map<String, Value> = sum
        .months
        .iter()
        .map(|(m, s)| (m.clone(), json!(s.to_string())))
        .collect();
    json!({ "values": sum.values, "sum": sum.total.to_string(), "months": months })
}

/// The totals of the file that `output` makes of these charges.
///
/// `columns` has the file's own cost columns (an empty cell is no value); `metrics` what the engine
/// answers for each metric, with the effective cost's fallback.
pub fn control_totals(charges: &[Charge], output: &OutputSpec) -> Value {
    let doubles = output.carrier == Carrier::Parquet && output.types == ColumnTypes::Double;
    let read = |d: Decimal| {
        if doubles {
            d.through_double().unwrap_or_default()
        } else {
            d
        }
    };
    let mut columns = Map::new();
    for column in &layout(output, &known(charges)).columns {
        let Field::Cost(cost) = &column.field else {
            continue;
        };
        let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
        for charge in charges {
            let Some(value) = cost(charge).map(read) else {
                continue;
            };
            let sum = sums.entry(&charge.billing_currency).or_default();
            sum.values += 1;
            sum.total.add_decimal(value);
            sum.months.entry(month(charge)).or_default().add_decimal(value);
        }
        let sums: Map<String, Value> = sums.iter().map(|(c, s)| (String::from(*c), as_json(s))).collect();
        columns.insert(column.name.clone(), Value::Object(sums));
    }
    let read_back: Vec<Charge> = charges.iter().map(|c| carried(c, output)).collect();
    let mut metrics = Map::new();
    for metric in [
        Metric::Effective,
        Metric::Billed,
        Metric::List,
        Metric::Contracted,
    ] {
        if read_back.iter().any(|c| metric.of(c).is_some()) {
            let question = Question {
                metric,
                ..Question::default()
            };
            metrics.insert(
                String::from(metric.word()),
                json!(naive::totals(&read_back, &question)),
            );
        }
    }
    let mut months: BTreeMap<String, u64> = BTreeMap::new();
    for charge in charges {
        *months.entry(month(charge)).or_default() += 1;
    }
    json!({ "rows": charges.len(), "rows_by_month": months, "columns": columns, "metrics": metrics })
}
