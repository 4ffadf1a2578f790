//! Bills as files: one list of columns per export format, one writer per carrier.
//!
//! Not here: what is on a row (`bill`), and what a reader can get back from a format (`carried`).

mod aws;
mod carried;
mod columns;
mod compress;
mod focus;
mod parallel;
mod qingcloud;
mod spec;
mod table;
mod text;
mod vendors;

use std::io::{self, Write};

pub use self::carried::carried;
pub use self::spec::{
    Carrier, ColumnTypes, Compression, Format, LineEnd, Nulls, Numbers, OutputSpec, Quoting, SpecError,
};

pub(crate) use self::columns::{Field, Layout};

use crate::bill::{Bill, BillSpec};
use crate::charge::Charge;

/// A source of rows: fills its argument with the next row, or says that there is none.
pub(crate) type NextRow<'a> = dyn FnMut(&mut Charge) -> bool + 'a;

/// What the writers must know of a bill before its first row.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Every tag key that can occur, sorted.
    pub(crate) tag_keys: Vec<String>,
    /// The most decimals of any number.
    pub(crate) max_scale: u8,
}

/// Writes a whole bill, a row at a time: memory does not grow with `rows`.
///
/// Errors: those of the writer; `InvalidInput` for a combination of options that no file can have.
pub fn write_bill(spec: &BillSpec, output: &OutputSpec, out: &mut (dyn Write + Send)) -> io::Result<()> {
    let bill = Bill::new(spec);
    let known = Known {
        tag_keys: bill.tag_keys(),
        max_scale: spec.scales.1.max(spec.scales.0),
    };
    if matches!(output.carrier, Carrier::Csv | Carrier::Ndjson) {
        output
            .check()
            .map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
        let mut sink = compress::Sink::new(output, out)?;
        parallel::write_lines(&bill, output, &layout(output, &known), &mut sink)?;
        return sink.finish();
    }
    let mut index = 0;
    let mut next = |charge: &mut Charge| {
        let more = index < spec.rows;
        if more {
            bill.fill(index, charge);
            index += 1;
        }
        more
    };
    write_rows(output, &known, &mut next, out)
}

/// Writes rows that a test made or chose.
///
/// Errors: as [`write_bill`]; `InvalidData` where a number does not fit the file's decimal type.
pub fn write_charges(
    charges: &[Charge],
    output: &OutputSpec,
    out: &mut (dyn Write + Send),
) -> io::Result<()> {
    let mut rows = charges.iter();
    let mut next = |charge: &mut Charge| {
        rows.next().is_some_and(|row| {
            charge.clone_from(row);
            true
        })
    };
    write_rows(output, &known(charges), &mut next, out)
}

pub(crate) fn known(charges: &[Charge]) -> Known {
    let mut tag_keys: Vec<String> = charges
        .iter()
        .flat_map(|c| c.tags.iter().map(|t| t.key.clone()))
        .collect();
    tag_keys.sort_unstable();
    tag_keys.dedup();
    let numbers = charges.iter().flat_map(|c| {
        [
            Some(c.billed_cost),
            c.effective_cost,
            c.list_cost,
            c.contracted_cost,
            c.quantity,
        ]
        .into_iter()
        .chain([c.list_unit_price, c.contracted_unit_price])
        .flatten()
    });
    Known {
        tag_keys,
        max_scale: numbers.map(|d| d.normalized().scale).max().unwrap_or(0),
    }
}

/// The columns that a file with these options has, in its order.
pub(crate) fn layout(output: &OutputSpec, known: &Known) -> Layout {
    let mut layout = match output.format {
        Format::Focus05 => focus::layout_05(),
        Format::Focus10 => focus::layout_10(),
        Format::Focus12 => focus::layout_12(),
        Format::Focus14 => focus::layout_14(),
        Format::AwsCurLegacy => aws::legacy(&known.tag_keys, output.wide),
        Format::AwsCur20 => aws::cur_20(),
        Format::QingcloudRecords => qingcloud::layout(),
        other => vendors::layout(other, &known.tag_keys),
    };
    if let Some(seed) = output.shuffle_columns {
        layout.shuffle(seed);
    }
    layout
}

fn write_rows(
    output: &OutputSpec,
    known: &Known,
    next: &mut NextRow<'_>,
    out: &mut (dyn Write + Send),
) -> io::Result<()> {
    output
        .check()
        .map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
    let layout = layout(output, known);
    if output.carrier == Carrier::Parquet {
        return table::write(output, known, &layout, next, out);
    }
    let mut sink = compress::Sink::new(output, out)?;
    match output.carrier {
        Carrier::Csv | Carrier::Ndjson => text::write_lines(output, &layout, next, &mut sink)?,
        Carrier::Json | Carrier::Parquet => text::write_document(output, &layout, next, &mut sink)?,
    }
    sink.finish()
}

#[cfg(test)]
mod tests;
