//! Tables that are no bills, such as inventories: any carrier, every column as text.
//!
//! They come through the carriers of bills, so packing, encodings, limits and damaged files are judged
//! alike. Unlike a bill a table with a row that cannot be read is refused: it would say less than it seems to.

use std::sync::Arc;

use crate::charge::builder::TextBuilder;
use crate::charge::intern::Interner;
use crate::charge::schema::{BILLED_COST, CHARGE_PERIOD_START, normalised_header};
use crate::charge::{CostMetric, ScanHint};
use crate::error::{Error, Location, Result};
use crate::ingest::bill::{Bill, BillPlan, OpenOptions, Opened, Worker};
use crate::ingest::cells::{CellVisitor, Cells, Judged};
use crate::ingest::csv::sniff_header;
use crate::ingest::formats::{Format, Headers};
use crate::ingest::guard::MAX_EXPAND;
use crate::ingest::source::{Place, Source, expand};
use crate::ingest::text::TextHead;

/// Cells that a table may have: 512 MiB of codes.
const MAX_CELLS: u64 = 1 << 27;
/// Bytes of distinct texts that a table may have.
const MAX_TEXT_BYTES: usize = 1 << 30;
/// Bytes read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Every header fits it. Its columns are set by hand, since a table has neither a start nor a cost.
const ANY_TABLE: &str = "name = \"table\"\ntitle = \"table\"\n[recognise]\nneed = [[\"-\"]]\n";

/// A table, every cell a text without spaces around it.
#[derive(Debug)]
pub struct TextTable {
    /// The file as it was named.
    pub source: Arc<str>,
    /// Its headers.
    pub headers: Headers,
    /// Per header its cells.
    pub columns: Vec<TextBuilder>,
    /// Rows.
    pub n_rows: usize,
}

impl TextTable {
    /// Reads a CSV, JSON, NDJSON or Parquet file, plain or compressed.
    ///
    /// CSV may be separated by commas, semicolons, tabs or bars: the header tells. `encoding` is for text
    /// that is not UTF-8. Errors: those of a bill's file, `source.type` for standard input, `limit.table`,
    /// and the first row that cannot be read.
    pub fn read(path: &str, encoding: Option<&str>) -> Result<Self> {
        let sources = expand(&[path.to_owned()])?;
        let named: Arc<str> = path.into();
        let source = match sources.as_slice() {
            [source] if source.place != Place::Stdin => source,
            _ => return Err(Error::file("source.type", "a table is one file").in_source(&named)),
        };
        let bill = open(source, encoding).map_err(|e| e.in_source(&source.name))?;
        read(&bill).map_err(|e| e.in_source(&source.name))
    }

    /// The distinct texts of a column.
    pub fn distinct(&self, column: usize) -> &Interner {
        self.columns[column].distinct()
    }

    /// The text of a cell.
    pub fn cell(&self, row: usize, column: usize) -> &str {
        let builder = &self.columns[column];
        let text = builder.distinct().get(builder.codes()[row]);
        std::str::from_utf8(text).unwrap_or_default()
    }

    /// A cell's place, for messages.
    pub fn place(&self, row: usize, column: Option<usize>) -> Location {
        Location {
            source: Some(Arc::clone(&self.source)),
            record: Some(row as u64 + 1),
            column: column.map(|c| Arc::from(self.headers.names[c].as_str())),
            ..Location::default()
        }
    }

    /// A table of texts that are there already, for tests.
    #[cfg(test)]
    pub(crate) fn of(name: &str, headers: &[&str], rows: &[&[&str]]) -> Self {
        let mut columns: Vec<_> = headers
            .iter()
            .map(|_| TextBuilder::with_capacity(rows.len()))
            .collect();
        for row in rows {
            for (builder, cell) in columns.iter_mut().zip(*row) {
                builder.push(cell.trim().as_bytes());
            }
        }
        TextTable {
            source: name.into(),
            headers: Headers::new(headers.iter().map(|h| (*h).to_owned()).collect()),
            columns,
            n_rows: rows.len(),
        }
    }
}

fn open(source: &Source, encoding: Option<&str>) -> Result<Bill> {
    let mut options = OpenOptions {
        formats: vec![Arc::new(
            Format::parse(ANY_TABLE).map_err(|e| Error::bug(format!("the format of tables: {e}")))?,
        )],
        format: Some("table".to_owned()),
        delimiter: None,
        encoding: encoding.map(str::to_owned),
        allow_empty: false,
        chunk_bytes: CHUNK_BYTES,
        max_expand: MAX_EXPAND,
        bytes_read: Arc::default(),
    };
    let opened = match Bill::open(source, &options) {
        Err(error) if error.kind().code() == "schema.header" => {
            options.delimiter = separator(source, encoding)?;
            Bill::open(source, &options)?
        }
        other => other?,
    };
    match opened {
        Opened::Bill(mut bill, None) => {
            for column in [CHARGE_PERIOD_START, BILLED_COST] {
                bill.binding.columns.insert(column, 0);
            }
            let mut seen: Vec<String> = bill
                .binding
                .headers
                .names
                .iter()
                .map(|n| normalised_header(n))
                .collect();
            seen.sort_unstable();
            let twice = seen
                .iter()
                .zip(seen.iter().skip(1))
                .find(|(a, b)| a == b && !a.is_empty());
            if let Some((twice, _)) = twice {
                let message = format!("two columns of a table are spelled alike: {twice}");
                return Err(Error::file("schema.dup_column", message));
            }
            Ok(*bill)
        }
        Opened::Bill(_, Some(_)) => {
            Err(Error::file("source.type", "a table is a file, not a pipe").hint("save it to a file first"))
        }
        Opened::NoBill(why) => Err(Error::file("source.type", why)),
    }
}

fn separator(source: &Source, encoding: Option<&str>) -> Result<Option<u8>> {
    let head = TextHead::open(source.open_raw()?, encoding)?;
    Ok(sniff_header(&head.sample, head.whole).best_delimiter())
}

fn read(bill: &Bill) -> Result<TextTable> {
    let hint = ScanHint::of_cost(CostMetric::Billed);
    let n_columns = bill.n_headers();
    let mut table = TextTable {
        source: Arc::clone(&bill.source.name),
        headers: bill.binding.headers.clone(),
        columns: (0..n_columns).map(|_| TextBuilder::with_capacity(0)).collect(),
        n_rows: 0,
    };
    let Some(mut plan) = BillPlan::new(&hint, bill)? else {
        return Ok(table);
    };
    plan.add_columns(&(0..n_columns).collect::<Vec<_>>());
    let mut stream = bill.stream(&plan)?;
    let mut worker = Worker::default();
    let mut n_bytes = 0;
    while let Some(task) = stream.next_task(bill, None)? {
        let found = std::cell::RefCell::new((&mut table, &mut n_bytes));
        bill.visit(&plan, &task, &mut worker, |_| Reading { into: &found })?;
    }
    Ok(table)
}

/// Adds the rows of a chunk to a table.
struct Reading<'r, 't> {
    into: &'r std::cell::RefCell<(&'t mut TextTable, &'t mut usize)>,
}

impl CellVisitor for Reading<'_, '_> {
    type Out = ();

    fn visit<C: Cells>(self, cells: &C, judged: Judged) -> Result<()> {
        let mut into = self.into.borrow_mut();
        let (table, n_bytes) = &mut *into;
        if let Some((row, fault)) = judged.into_faults().into_iter().next() {
            let message = format!("a row of the table cannot be read; expected {}", fault.expected);
            return Err(Error::file(fault.code, message).at(table.place(table.n_rows + row, fault.column)));
        }
        let mut scratch = Vec::new();
        for column in 0..table.columns.len() {
            for row in 0..cells.n_rows() {
                let cell = cells.cell(row, column, &mut scratch).trim_ascii();
                if std::str::from_utf8(cell).is_err() {
                    return Err(Error::file("enc.utf8", "a cell of the table is not UTF-8")
                        .hint("name the encoding, such as --encoding gb18030 or latin1")
                        .at(table.place(table.n_rows + row, Some(column))));
                }
                let builder = &mut table.columns[column];
                let known = builder.distinct().len();
                builder.push(cell);
                if builder.distinct().len() > known {
                    **n_bytes += cell.len();
                }
            }
        }
        table.n_rows += cells.n_rows();
        let n_cells = table.n_rows as u64 * table.columns.len() as u64;
        if n_cells > MAX_CELLS || **n_bytes > MAX_TEXT_BYTES {
            let message =
                format!("a table has at most {MAX_CELLS} cells and {MAX_TEXT_BYTES} bytes of distinct texts");
            return Err(
                Error::limit("limit.table", message).hint("leave out the columns that no question names")
            );
        }
        Ok(())
    }
}
