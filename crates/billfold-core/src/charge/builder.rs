//! Builders of a batch's columns: cells in, Arrow columns out, no allocation per row.

use std::hash::BuildHasher;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, DictionaryArray, Int32Array, MapArray, NullBufferBuilder, StringArray, StructArray,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Fields, Int32Type, i256};
use hashbrown::HashTable;

use super::batch::{narrow_cost, wide_cost};
use super::intern::{Interner, ShortText};
use crate::error::{Error, Result};
use crate::money::{Amount, POW10, rescale};

/// A text column: a code per row, each text once.
#[derive(Debug)]
pub struct TextBuilder {
    interner: Interner,
    codes: Vec<i32>,
    last: i32,
    /// The last text, where it is a short one.
    last_short: Option<ShortText>,
}

impl TextBuilder {
    /// Room for `n_rows`.
    pub fn with_capacity(n_rows: usize) -> Self {
        TextBuilder {
            interner: Interner::default(),
            codes: Vec::with_capacity(n_rows),
            last: -1,
            last_short: None,
        }
    }

    /// Adds a row whose text is known as a word, too.
    #[inline]
    pub fn push_short(&mut self, short: ShortText, text: &[u8]) {
        if self.last_short != Some(short) {
            self.last = self.interner.intern_short(short, text);
            self.last_short = Some(short);
        }
        self.codes.push(self.last);
    }

    /// Adds a row. Bills repeat themselves from row to row, so the last text is looked at first.
    pub fn push(&mut self, text: &[u8]) {
        if self.last < 0 || self.interner.get(self.last) != text {
            self.last = self.interner.intern(text);
            self.last_short = None;
        }
        self.codes.push(self.last);
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

/// The powers of ten that 64 bits hold with a sign, up to 10¹⁵.
const POW10_SHORT: [i64; 16] = {
    let mut powers = [1; 16];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

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

/// The tags of a batch: a code per row, and each distinct set of tags once.
#[derive(Debug)]
pub struct TagBuilder {
    interner: Interner,
    codes: Vec<i32>,
    offsets: Vec<i32>,
    keys: Vec<String>,
    values: Vec<Option<String>>,
}

impl TagBuilder {
    /// Room for `n_rows`. Code 0 is the empty set.
    pub fn with_capacity(n_rows: usize) -> Self {
        let mut interner = Interner::default();
        interner.intern(b"");
        TagBuilder {
            interner,
            codes: Vec::with_capacity(n_rows),
            offsets: vec![0, 0],
            keys: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Adds a row whose tags are written as `text`; `parse` is asked only when the text is new.
    /// Returns the set's code.
    pub fn push(&mut self, text: &[u8], parse: impl FnOnce(&mut TagSink<'_>)) -> i32 {
        let code = if text.is_empty() {
            0
        } else {
            self.interner.intern(text)
        };
        if code as usize + 1 == self.offsets.len() {
            parse(&mut TagSink {
                keys: &mut self.keys,
                values: &mut self.values,
                first: self.offsets[code as usize] as usize,
                seen: HashTable::new(),
            });
            self.offsets.push(self.keys.len() as i32);
        }
        self.codes.push(code);
        code
    }

    /// The column.
    pub fn finish(self) -> Result<DictionaryArray<Int32Type>> {
        let bug = |e: arrow::error::ArrowError| Error::bug(format!("a column of tags: {e}"));
        let keys: ArrayRef = Arc::new(StringArray::from(self.keys));
        let values: ArrayRef = Arc::new(StringArray::from(self.values));
        let fields = Fields::from(vec![
            Field::new("key", DataType::Utf8, false),
            Field::new("value", DataType::Utf8, true),
        ]);
        let entries = StructArray::try_new(fields.clone(), vec![keys, values], None).map_err(bug)?;
        let entry_field = Arc::new(Field::new("entries", DataType::Struct(fields), false));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        let sets = MapArray::try_new(entry_field, offsets, entries, None, false).map_err(bug)?;
        debug_assert!(sets.len() == self.interner.len());
        dictionary(self.codes, Arc::new(sets))
    }
}

/// Takes the tags of one set. The same key with the same value counts once.
#[derive(Debug)]
pub struct TagSink<'a> {
    keys: &'a mut Vec<String>,
    values: &'a mut Vec<Option<String>>,
    first: usize,
    /// Places of the tags of this set by their hash, from [`TagSink::FEW`] tags on.
    seen: HashTable<usize>,
}

impl TagSink<'_> {
    /// Tags up to which looking at each of them is cheaper than hashing.
    const FEW: usize = 32;

    /// Adds a tag to the set.
    pub fn push(&mut self, key: &str, value: Option<&str>) {
        if self.keys.len() - self.first < Self::FEW {
            if (self.first..self.keys.len()).any(|at| self.is(at, key, value)) {
                return;
            }
        } else if self.seen_before(key, value) {
            return;
        }
        self.keys.push(key.to_owned());
        self.values.push(value.map(str::to_owned));
    }

    fn is(&self, at: usize, key: &str, value: Option<&str>) -> bool {
        self.keys[at] == key && self.values[at].as_deref() == value
    }

    /// Whether the set has the tag; if not, its place is taken for known from here on.
    fn seen_before(&mut self, key: &str, value: Option<&str>) -> bool {
        let hasher = foldhash::fast::FixedState::default();
        let hash_at = |keys: &[String], values: &[Option<String>], at: usize| {
            hasher.hash_one((keys[at].as_str(), values[at].as_deref()))
        };
        if self.seen.is_empty() {
            for at in self.first..self.keys.len() {
                let hash = hash_at(self.keys, self.values, at);
                let rehash = |at: &usize| hash_at(self.keys, self.values, *at);
                self.seen.insert_unique(hash, at, rehash);
            }
        }
        let hash = hasher.hash_one((key, value));
        if self.seen.find(hash, |at| self.is(*at, key, value)).is_some() {
            return true;
        }
        let (keys, values) = (&*self.keys, &*self.values);
        let rehash = |at: &usize| hash_at(keys, values, *at);
        self.seen.insert_unique(hash, self.keys.len(), rehash);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;
    use arrow::datatypes::{Decimal128Type, Decimal256Type};

    fn amount(text: &str) -> Amount {
        Amount::parse(text.as_bytes()).unwrap()
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

    #[test]
    fn a_set_of_tags_is_kept_once() {
        let mut builder = TagBuilder::with_capacity(3);
        for _ in 0..2 {
            builder.push(b"x", |sink| {
                sink.push("team", Some("a"));
                sink.push("id", None);
                sink.push("team", Some("a"));
            });
        }
        builder.push(b"", |_| {});
        let column = builder.finish().unwrap();
        assert_eq!(column.keys().values(), &[1, 1, 0]);
        assert_eq!(column.values().as_map().value_offsets(), &[0, 0, 2]);
    }
}
