//! The cells of a chunk, whatever carries them, and the rows of it that were refused.
//!
//! A carrier gives [`Cells`]; whoever works on them is a [`CellVisitor`]. A row that is found wanting is
//! [`Judged`] once, with its first [`Fault`]. Nothing here knows what a column means.

use arrow::array::{ArrayRef, DictionaryArray, MapArray};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::Int32Type;

use crate::charge::batch::LeftOut;
use crate::error::Result;
use crate::ingest::plan::CellReading;
use crate::money::{Amount, AmountError, parse_cell};
use crate::time::TimeError;

/// Bytes that one field may have, so that a broken file cannot make one id of megabytes.
pub(crate) const MAX_FIELD: usize = 1 << 20;

/// The cells of a chunk.
pub(crate) trait Cells {
    /// Rows in the chunk.
    fn n_rows(&self) -> usize;
    /// A cell's text, unescaped; empty where the row has no such cell. `scratch` may be used to hold it.
    fn cell<'a>(&'a self, row: usize, column: usize, scratch: &'a mut Vec<u8>) -> &'a [u8];
    /// Whether the cells are plain text and [`Cells::each`] is the fast way to them.
    const PLAIN: bool = false;

    /// Every cell of a column, row by row, as [`Cells::cell`] gives it.
    #[inline]
    fn each(&self, column: usize, mut f: impl FnMut(usize, CellText<'_>)) {
        let mut scratch = Vec::new();
        for row in 0..self.n_rows() {
            let text = self.cell(row, column, &mut scratch);
            f(row, CellText::alone(text));
        }
    }

    /// Every cell of a column, row by row, as long as each is a text of at most fifteen bytes as it stands; says
    /// whether all are. `f` gets its first sixteen bytes, the first in the lowest place and those past the text any,
    /// and the text.
    #[inline]
    fn each_short(&self, _column: usize, _f: impl FnMut(u128, &[u8])) -> bool {
        false
    }

    /// Something of every cell of a column, row by row, by which equal texts can be told: empty for an empty cell,
    /// and never the same for two texts. Last it is said whether it is the text with its quotes doubled.
    ///
    /// It is part of the chunk; where not all cells have such a thing, this does nothing and says so.
    #[inline]
    fn each_key<'a>(&'a self, _column: usize, _f: impl FnMut(usize, &'a [u8], bool)) -> bool {
        false
    }

    /// The column as the carrier has it, where that is a dictionary.
    fn dictionary(&self, _column: usize) -> Option<&TextArray> {
        None
    }

    /// Whether the row has no such cell at all, which in JSON is something else than an empty one.
    fn lacks(&self, _row: usize, _column: usize) -> bool {
        false
    }
    /// Physical lines before the row, within the chunk.
    fn lines_before(&self, row: usize) -> Option<u64>;
    /// The whole row as it stands in the file.
    fn raw(&self, row: usize) -> String;

    /// Whether the carrier says that there is no value; None where it cannot tell that from an empty text.
    fn is_null(&self, _row: usize, _column: usize) -> Option<bool> {
        None
    }

    /// The column's instants, where the carrier has them typed. Outer None: read the cells instead.
    fn instants(&self, _column: usize) -> Option<Vec<Option<i64>>> {
        None
    }

    /// The column's instants, where that is known to be all there is to read: every row has one, in one shape
    /// that no rule of a format changes, and all are possible.
    fn sound_instants(&self, _column: usize) -> Option<ScalarBuffer<i64>> {
        None
    }

    /// The text of the column's cells, where it is known that all rows have the same.
    fn same_text(&self, _column: usize) -> Option<&[u8]> {
        None
    }

    /// The text column as it is, where the carrier has dictionaries.
    fn text_column(&self, _column: usize, _rules: &CellReading) -> Option<Result<TextArray>> {
        None
    }

    /// The column's maps, where the carrier has them typed and no row is null text.
    fn tag_map(&self, _column: usize) -> Option<&MapArray> {
        None
    }

    /// The column as a finished cost column without empty cells, where the carrier has one.
    fn cost_column(&self, _column: usize) -> Option<ArrayRef> {
        None
    }

    /// The amount of a cell; None where it has none.
    fn amount(
        &self,
        row: usize,
        column: usize,
        rules: &CellReading,
        scratch: &mut Vec<u8>,
    ) -> Result<Option<Amount>, Fault> {
        let cell = rules.typed(self.cell(row, column, scratch));
        parse_cell(cell).map_err(|error| Fault::amount(error, column, cell))
    }
}

/// A cell's text, and what follows it in memory, so that it can be looked at as one word.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CellText<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> CellText<'a> {
    /// The first `len` bytes of `rest`.
    ///
    /// # Panics
    /// When `rest` has fewer.
    #[inline]
    pub(crate) fn within(rest: &'a [u8], len: usize) -> Self {
        assert!(len <= rest.len());
        CellText { rest, len }
    }

    /// A text behind which nothing is known.
    #[inline]
    pub(crate) fn alone(text: &'a [u8]) -> Self {
        CellText {
            rest: text,
            len: text.len(),
        }
    }

    #[inline]
    pub(crate) fn len(self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn text(self) -> &'a [u8] {
        &self.rest[..self.len]
    }

    /// The first sixteen bytes, the first in the lowest place; those past the text may be anything.
    #[inline]
    pub(crate) fn word(self) -> u128 {
        match self.rest.first_chunk::<16>() {
            Some(bytes) => u128::from_le_bytes(*bytes),
            None => self.word_at_end(),
        }
    }

    #[cold]
    fn word_at_end(self) -> u128 {
        let mut bytes = [0; 16];
        bytes[..self.rest.len()].copy_from_slice(self.rest);
        u128::from_le_bytes(bytes)
    }
}

/// Work on the cells of a chunk, whatever its carrier.
pub(crate) trait CellVisitor {
    /// What the work comes to.
    type Out;
    /// Does it. `judged` holds the rows whose structure is broken already.
    fn visit<C: Cells>(self, cells: &C, judged: Judged) -> Result<Self::Out>;
}

/// A dictionary-encoded text column.
pub(crate) type TextArray = DictionaryArray<Int32Type>;

/// A row's fault before it has a place.
#[derive(Debug)]
pub(crate) struct Fault {
    pub code: &'static str,
    pub column: Option<usize>,
    pub text: String,
    pub expected: String,
}

impl Fault {
    pub(crate) fn amount(error: AmountError, column: usize, text: &[u8]) -> Self {
        let text = lossy(text);
        // Digits and signs of other scripts look like ours.
        let expected = match text.chars().find(|c| !c.is_ascii()) {
            Some(c) => format!(
                "{}; U+{:04X} is none of its characters",
                error.expected(),
                c as u32
            ),
            None => error.expected().to_owned(),
        };
        Fault {
            code: error.code(),
            column: Some(column),
            text,
            expected,
        }
    }

    pub(crate) fn time(error: TimeError, column: usize, text: &[u8]) -> Self {
        Fault {
            code: error.code(),
            column: Some(column),
            text: lossy(text),
            expected: error.expected().to_owned(),
        }
    }

    pub(crate) fn too_long(column: Option<usize>, text: &[u8]) -> Self {
        Fault {
            code: "limit.field",
            column,
            text: lossy(&text[..text.len().min(200)]),
            expected: format!("a field of at most {MAX_FIELD} bytes (found {})", text.len()),
        }
    }

    pub(crate) fn missing_time(column: usize, text: &[u8]) -> Self {
        Fault {
            code: "time.missing",
            column: Some(column),
            text: lossy(text),
            expected: "a date or time".to_owned(),
        }
    }

    pub(crate) fn order(column: usize, text: String) -> Self {
        Fault {
            code: "time.order",
            column: Some(column),
            text,
            expected: "an end that is not before the start".to_owned(),
        }
    }

    pub(crate) fn currency(column: usize, text: &[u8]) -> Self {
        let expected = "an ISO 4217 currency code such as USD".to_owned();
        Fault {
            code: "cur.unknown",
            column: Some(column),
            text: lossy(text),
            expected,
        }
    }
}

pub(crate) fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// The rows of a chunk that were refused so far.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    bad: Vec<bool>,
    faults: Vec<(usize, Fault)>,
    left_out: Vec<(usize, LeftOut)>,
}

impl Judged {
    pub(crate) fn new(n_rows: usize) -> Self {
        Judged {
            bad: vec![false; n_rows],
            faults: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// Leaves out a row that is no charge.
    pub(crate) fn leave_out(&mut self, row: usize, why: LeftOut) {
        if !std::mem::replace(&mut self.bad[row], true) {
            self.left_out.push((row, why));
        }
    }

    /// The rows that are no charges, in the order in which they were found.
    pub(crate) fn left_out(&self) -> &[(usize, LeftOut)] {
        &self.left_out
    }

    /// Per row, whether it was refused or left out.
    pub(crate) fn bad(&self) -> &[bool] {
        &self.bad
    }

    #[inline]
    pub(crate) fn is_bad(&self, row: usize) -> bool {
        self.bad[row]
    }

    /// Refuses a row; the first fault stays.
    #[cold]
    pub(crate) fn refuse(&mut self, row: usize, fault: Fault) {
        if !std::mem::replace(&mut self.bad[row], true) {
            self.faults.push((row, fault));
        }
    }

    /// Leaves out the refused rows that turn out to be no charges.
    pub(crate) fn forgive(&mut self, why: LeftOut, is_none: impl Fn(usize, &Fault) -> bool) {
        let (none, faults): (Vec<_>, Vec<_>) = std::mem::take(&mut self.faults)
            .into_iter()
            .partition(|(row, fault)| is_none(*row, fault));
        self.faults = faults;
        self.left_out.extend(none.into_iter().map(|(row, _)| (row, why)));
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.faults.is_empty() && self.left_out.is_empty()
    }

    pub(crate) fn keep(&self) -> arrow::array::BooleanArray {
        self.bad.iter().map(|bad| Some(!bad)).collect()
    }

    /// The faults in the order of their rows.
    pub(crate) fn into_faults(mut self) -> Vec<(usize, Fault)> {
        self.faults.sort_by_key(|(row, _)| *row);
        self.faults
    }
}
