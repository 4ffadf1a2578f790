//! Builders of a batch's columns: cells in, Arrow columns out, no allocation per row.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, DictionaryArray, Int32Array, NullBufferBuilder, StringArray};
use arrow::datatypes::{Int32Type, i256};

use super::batch::{narrow_cost, wide_cost};
use super::intern::{Interner, ShortText};
use crate::error::{Error, Result};
use crate::money::{Amount, POW10, POW10_SHORT, rescale};

/// A text column: a code per row, and each text once.
#[derive(Debug)]
pub struct TextBuilder {
    interner: Interner,
    codes: Vec<i32>,
    last: i32,
    /// Short texts met not long ago, each in the place that it hashes to, and their codes.
    recent: [(ShortText, i32); 1 << RECENT_BITS],
    /// Whether equal texts may be taken for different ones where that is faster.
    may_repeat: bool,
    mostly_differ: bool,
}

/// Rows after which it is known whether texts repeat.
const SAMPLE: usize = 1024;
/// Texts of a column up to which most of them are found among the recent ones.
const FEW_TEXTS: usize = 128;
/// log2 of the recent texts that are kept.
const RECENT_BITS: u32 = 6;

impl TextBuilder {
    /// Room for `n_rows`.
    pub fn with_capacity(n_rows: usize) -> Self {
        TextBuilder {
            interner: Interner::default(),
            codes: Vec::with_capacity(n_rows),
            last: -1,
            recent: [(ShortText::NONE, -1); 1 << RECENT_BITS],
            may_repeat: false,
            mostly_differ: false,
        }
    }

    /// The same for a column of which nobody asks where its texts are: a text may stand in it twice.
    pub fn for_batch(n_rows: usize) -> Self {
        TextBuilder {
            may_repeat: true,
            ..TextBuilder::with_capacity(n_rows)
        }
    }

    /// Adds a row whose text is known as a word, too.
    #[expect(clippy::inline_always, reason = "out of line, the word goes through memory")]
    #[inline(always)]
    pub fn push_short(&mut self, short: ShortText, text: &[u8]) {
        // Few texts make a column mostly: they are found without the table.
        if self.interner.len() <= FEW_TEXTS {
            let slot = &mut self.recent[short.glance(RECENT_BITS)];
            if slot.0 != short {
                *slot = (short, self.interner.intern_short(short, text));
            }
            self.last = slot.1;
        } else {
            self.last = if self.takes_all() {
                self.interner.append(text)
            } else {
                self.interner.intern_short(short, text)
            };
        }
        self.codes.push(self.last);
    }

    /// Adds a row. Bills repeat themselves from row to row, so the last text is looked at first.
    pub fn push(&mut self, text: &[u8]) {
        if self.last < 0 || self.interner.get(self.last) != text {
            self.last = if self.takes_all() {
                self.interner.append(text)
            } else {
                self.interner.intern(text)
            };
        }
        self.codes.push(self.last);
    }

    /// Whether texts are taken as they come: where nearly all differ, looking for equal ones costs more than
    /// having some of them twice.
    #[inline]
    fn takes_all(&mut self) -> bool {
        if self.codes.len() == SAMPLE && self.may_repeat {
            self.mostly_differ = self.interner.len() > SAMPLE / 8 * 7;
        }
        self.mostly_differ
    }

    /// The distinct texts so far.
    pub fn distinct(&self) -> &Interner {
        &self.interner
    }

    /// The codes of the rows so far.
    pub fn codes(&self) -> &[i32] {
        &self.codes
    }

    /// The column; texts that `map` knows are replaced. All texts must be UTF-8 by now.
    pub fn finish(self, map: impl Fn(&[u8]) -> Option<&'static str>) -> Result<DictionaryArray<Int32Type>> {
        let values = self.interner.finish(map)?;
        dictionary(self.codes, Arc::new(values))
    }
}

/// A dictionary column of given codes, all of which must be below `values.len()`.
pub fn dictionary(codes: Vec<i32>, values: ArrayRef) -> Result<DictionaryArray<Int32Type>> {
    DictionaryArray::try_new(Int32Array::from(codes), values)
        .map_err(|e| Error::bug(format!("a dictionary column: {e}")))
}

/// Whether two arrays are the same memory. A decoder that hands one dictionary on with many batches may wrap it
/// anew each time.
pub fn same_array(a: &ArrayRef, b: &ArrayRef) -> bool {
    Arc::ptr_eq(a, b) || a.data_type() == b.data_type() && a.to_data().ptr_eq(&b.to_data())
}

/// A dictionary column of one text for all rows.
pub fn constant(text: &str, n_rows: usize) -> Result<DictionaryArray<Int32Type>> {
    dictionary(vec![0; n_rows], Arc::new(StringArray::from(vec![text])))
}

/// A money column whose scale grows with its values. Values that need more than 38 digits at the
/// column's scale turn it wide (76 digits, which hold every amount at every scale).
#[derive(Debug)]
pub struct MoneyBuilder {
    scale: u8,
    narrow: Vec<i128>,
    wide: Option<Vec<i256>>,
    nulls: NullBufferBuilder,
    /// Rows without a value.
    pub n_null: u64,
}

/// 38 digits: 10³⁸ − 1 is the largest.
const fn fits(mantissa: i128) -> bool {
    mantissa.unsigned_abs() < POW10[38].unsigned_abs()
}

impl MoneyBuilder {
    /// Room for `n_rows`.
    pub fn with_capacity(n_rows: usize) -> Self {
        MoneyBuilder {
            scale: 0,
            narrow: Vec::with_capacity(n_rows),
            wide: None,
            nulls: NullBufferBuilder::new(n_rows),
            n_null: 0,
        }
    }

    /// Adds a row without a value.
    pub fn push_null(&mut self) {
        match &mut self.wide {
            None => self.narrow.push(0),
            Some(wide) => wide.push(i256::ZERO),
        }
        self.nulls.append_null();
        self.n_null += 1;
    }

    /// Adds a row with an amount of less than 10¹⁶ units of 10⁻ˢᶜᵃˡᵉ.
    #[inline]
    pub fn push_short(&mut self, mantissa: i64, scale: u8) {
        debug_assert!(mantissa.unsigned_abs() < 10_000_000_000_000_000);
        let raised = self.scale.wrapping_sub(scale);
        // Sixteen digits and fifteen places are 31 digits, which always fit.
        if self.wide.is_none() && raised < 16 {
            self.nulls.append_non_null();
            let power = POW10_SHORT[raised as usize];
            self.narrow
                .push(i128::from(mantissa).wrapping_mul(i128::from(power)));
            return;
        }
        self.push(Amount::within_limits(i128::from(mantissa), scale));
    }

    /// Adds a row.
    pub fn push(&mut self, amount: Amount) {
        self.nulls.append_non_null();
        if amount.scale() > self.scale {
            self.raise(amount.scale());
        }
        if let Some(wide) = &mut self.wide {
            wide.push(widen(amount.mantissa(), amount.scale(), self.scale));
            return;
        }
        if amount.scale() == self.scale {
            self.narrow.push(amount.mantissa());
            return;
        }
        match rescale(amount.mantissa(), amount.scale(), self.scale).filter(|m| fits(*m)) {
            Some(mantissa) => self.narrow.push(mantissa),
            None => {
                let scale = self.scale;
                self.make_wide(scale)
                    .push(widen(amount.mantissa(), amount.scale(), scale));
            }
        }
    }

    #[cold]
    fn raise(&mut self, scale: u8) {
        let from = self.scale;
        if let Some(wide) = &mut self.wide {
            for value in wide {
                *value = value.wrapping_mul(i256::from_i128(POW10[(scale - from) as usize]));
            }
        } else if self
            .narrow
            .iter()
            .all(|m| rescale(*m, from, scale).is_some_and(fits))
        {
            for mantissa in &mut self.narrow {
                *mantissa *= POW10[(scale - from) as usize];
            }
        } else {
            self.make_wide(scale);
        }
        self.scale = scale;
    }

    fn make_wide(&mut self, scale: u8) -> &mut Vec<i256> {
        let from = self.scale;
        let narrow = std::mem::take(&mut self.narrow);
        self.wide
            .get_or_insert_with(|| narrow.into_iter().map(|m| widen(m, from, scale)).collect())
    }

    /// The column: Decimal128(38, scale), or Decimal256(76, scale).
    pub fn finish(mut self) -> Result<ArrayRef> {
        let nulls = self.nulls.finish();
        match self.wide {
            None => narrow_cost(self.narrow, self.scale, nulls),
            Some(wide) => wide_cost(wide, self.scale, nulls),
        }
    }
}

/// At most 38 digits times 10³⁸: 76 digits, which 256 bits hold.
fn widen(mantissa: i128, from: u8, to: u8) -> i256 {
    i256::from_i128(mantissa).wrapping_mul(i256::from_i128(POW10[(to - from) as usize]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type};

    fn amount(text: &str) -> Amount {
        Amount::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn every_row_of_a_text_column_keeps_its_text() {
        // Few texts, many, and nearly all different: each has a way of its own.
        for n_texts in [1, 5, FEW_TEXTS, FEW_TEXTS + 1, 3 * SAMPLE] {
            for in_batch in [false, true] {
                let mut builder = if in_batch {
                    TextBuilder::for_batch(0)
                } else {
                    TextBuilder::with_capacity(0)
                };
                let text_of = |row: usize| match row * 7919 % n_texts {
                    n if n % 5 == 4 => format!("a text that is no short one {n}"),
                    n => format!("t{n}"),
                };
                for row in 0..4 * SAMPLE {
                    let text = text_of(row);
                    let mut word = [b'#'; 16];
                    let n = text.len().min(16);
                    word[..n].copy_from_slice(&text.as_bytes()[..n]);
                    match ShortText::new(u128::from_le_bytes(word), text.len()) {
                        Some(short) if row % 3 > 0 => builder.push_short(short, text.as_bytes()),
                        _ => builder.push(text.as_bytes()),
                    }
                }
                if !in_batch || n_texts < SAMPLE / 2 {
                    assert_eq!(builder.distinct().len(), n_texts);
                }
                let column = builder.finish(|_| None).unwrap();
                let names = column.values().as_string::<i32>();
                for (row, code) in column.keys().values().iter().enumerate() {
                    assert_eq!(names.value(*code as usize), text_of(row));
                }
            }
        }
    }

    #[test]
    fn a_money_column_takes_the_scale_that_its_values_need() {
        let mut builder = MoneyBuilder::with_capacity(4);
        for text in ["1.5", "2", "0.00000000000000000001"] {
            builder.push(amount(text));
        }
        builder.push_null();
        let column = builder.finish().unwrap();
        assert_eq!(column.data_type(), &DataType::Decimal128(38, 20));
        let values = column.as_primitive::<Decimal128Type>().values();
        assert_eq!(&values[..], &[150000000000000000000, 200000000000000000000, 1, 0]);
        assert_eq!(column.null_count(), 1);
    }

    #[test]
    fn a_large_and_a_fine_amount_stand_side_by_side() {
        let mut builder = MoneyBuilder::with_capacity(3);
        for text in [
            "100000000000000000000000000000",
            "0.00000000000000000000000000000000000001",
            "-1",
        ] {
            builder.push(amount(text));
        }
        let column = builder.finish().unwrap();
        assert_eq!(column.data_type(), &DataType::Decimal256(76, 38));
        let values = column.as_primitive::<Decimal256Type>().values();
        assert_eq!(values[1], i256::ONE);
        assert_eq!(values[2], i256::from_i128(-POW10[38]));
    }

    #[test]
    fn equal_texts_share_a_code() {
        let mut builder = TextBuilder::with_capacity(5);
        for text in ["a", "b", "b", "a", "NULL"] {
            builder.push(text.as_bytes());
        }
        assert_eq!(builder.codes(), [0, 1, 1, 0, 2]);
        let column = builder.finish(|t| (t == b"NULL").then_some("")).unwrap();
        assert_eq!(column.values().as_string::<i32>().value(2), "");
    }
}
