//! Values as they lie in a Parquet page, into the vectors and texts of arrays.

use std::sync::Arc;

use arrow::array::{ArrayData, ArrayRef, Int32Array, StringArray, make_array};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowNativeType, DataType};
use bytes::{Buf, Bytes};

use super::shape::damaged;
use crate::charge::builder::TextBuilder;
use crate::error::{Error, Result};
use crate::ingest::cells::TextArray;

/// How a column's values lie in its pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    /// A length in four bytes, and so many bytes of text.
    Text,
    /// Four bytes, the lowest first.
    Word,
    /// Eight bytes, the lowest first.
    Long,
    /// A decimal in four bytes, the lowest first.
    DecimalWord,
    /// A decimal in eight bytes, the lowest first.
    DecimalLong,
    /// A decimal in 1 to 16 bytes, the highest first.
    DecimalBytes(usize),
}

/// Numbers of a dictionary, or of some rows.
pub(super) enum Numbers {
    Words(Vec<i32>),
    Longs(Vec<i64>),
    Decimals(Vec<i128>),
}

impl Numbers {
    /// Takes `n` of them from the front of a page.
    pub(super) fn take(stored: Stored, bytes: &mut Bytes, n: usize) -> Result<Self> {
        let width = match stored {
            Stored::Text => return Err(Error::bug("texts read as numbers")),
            Stored::Word | Stored::DecimalWord => 4,
            Stored::Long | Stored::DecimalLong => 8,
            Stored::DecimalBytes(width) => width,
        };
        let len = n.checked_mul(width).filter(|len| *len <= bytes.len());
        let taken = bytes.split_to(len.ok_or_else(too_short)?);
        let words = || taken.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b));
        let longs = || taken.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b));
        Ok(match stored {
            Stored::Text | Stored::Word => Numbers::Words(words().collect()),
            Stored::Long => Numbers::Longs(longs().collect()),
            Stored::DecimalWord => Numbers::Decimals(words().map(i128::from).collect()),
            Stored::DecimalLong => Numbers::Decimals(longs().map(i128::from).collect()),
            Stored::DecimalBytes(width) => Numbers::Decimals(decimals(&taken, width)),
        })
    }

    /// Those that codes mean.
    ///
    /// Errors: a code past the dictionary.
    pub(super) fn gather(&self, codes: &[u32]) -> Result<Self> {
        Ok(match self {
            Numbers::Words(all) => Numbers::Words(gathered(all, codes)?),
            Numbers::Longs(all) => Numbers::Longs(gathered(all, codes)?),
            Numbers::Decimals(all) => Numbers::Decimals(gathered(all, codes)?),
        })
    }

    /// The array of rows that have these numbers where they are not null.
    pub(super) fn array(self, data_type: &DataType, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
        let (len, values) = match self {
            Numbers::Words(values) => buffer(values, nulls.as_ref()),
            Numbers::Longs(values) => buffer(values, nulls.as_ref()),
            Numbers::Decimals(values) => buffer(values, nulls.as_ref()),
        };
        let data = ArrayData::builder(data_type.clone())
            .len(len)
            .nulls(nulls)
            .add_buffer(values);
        Ok(make_array(data.build().map_err(|e| damaged(e.to_string()))?))
    }
}

fn too_short() -> Error {
    damaged("a page that ends before its values")
}

/// Decimals of `width` bytes each, the highest first.
fn decimals(bytes: &[u8], width: usize) -> Vec<i128> {
    if width == 16 {
        return bytes
            .as_chunks()
            .0
            .iter()
            .map(|b| i128::from_be_bytes(*b))
            .collect();
    }
    let each = |number: &[u8]| {
        let sign = if number[0] >= 0x80 { 0xff } else { 0 };
        let mut wide = [sign; 16];
        wide[16 - width..].copy_from_slice(number);
        i128::from_be_bytes(wide)
    };
    // Past the first bytes a number is the end of sixteen that can be read at once.
    let n_first = 16_usize.div_ceil(width).min(bytes.len() / width);
    let (first, rest) = bytes.split_at(n_first * width);
    let shift = (16 - width) * 8;
    let mut out: Vec<i128> = first.chunks_exact(width).map(each).collect();
    out.extend((1..=rest.len() / width).map(|i| {
        let end = first.len() + i * width;
        let wide: [u8; 16] = bytes[end - 16..end].try_into().unwrap_or_default();
        i128::from_be_bytes(wide) << shift >> shift
    }));
    out
}

fn gathered<T: Copy + Default>(all: &[T], codes: &[u32]) -> Result<Vec<T>> {
    // Without a way out of the loop there is nothing to be guessed in it.
    let mut past = false;
    let each = codes.iter().map(|code| {
        all.get(*code as usize).copied().unwrap_or_else(|| {
            past = true;
            T::default()
        })
    });
    let gathered = each.collect();
    if past {
        return Err(damaged("a code past its dictionary"));
    }
    Ok(gathered)
}

/// Rows and their memory.
fn buffer<T: ArrowNativeType>(values: Vec<T>, nulls: Option<&NullBuffer>) -> (usize, Buffer) {
    let rows = spread(values, nulls);
    (rows.len(), Buffer::from_vec(rows))
}

/// Values into rows of which some are null.
fn spread<T: Copy + Default>(values: Vec<T>, nulls: Option<&NullBuffer>) -> Vec<T> {
    let Some(nulls) = nulls else { return values };
    let mut rows = vec![T::default(); nulls.len()];
    for (row, value) in nulls.valid_indices().zip(values) {
        rows[row] = value;
    }
    rows
}

/// A text column of codes for the rows that are not null.
pub(super) fn text_array(codes: Vec<i32>, nulls: Option<NullBuffer>, texts: ArrayRef) -> Result<ArrayRef> {
    let codes = ScalarBuffer::from(spread(codes, nulls.as_ref()));
    let column = Int32Array::try_new(codes, nulls).and_then(|keys| TextArray::try_new(keys, texts));
    Ok(Arc::new(column.map_err(|e| damaged(e.to_string()))?))
}

/// The first `n` texts of a page, each once and in their order: a dictionary.
pub(super) fn all_texts(bytes: &mut Bytes, n: usize) -> Result<ArrayRef> {
    let mut offsets = Vec::with_capacity(n.min(bytes.len() / 4) + 1);
    offsets.push(0);
    let mut texts = Vec::with_capacity(bytes.len().saturating_sub(n.saturating_mul(4)));
    take_texts(bytes, n, |text| {
        texts.extend_from_slice(text);
        // A page has less than 2 GiB.
        offsets.push(i32::try_from(texts.len()).map_err(|_| damaged("a dictionary of 2 GiB"))?);
        Ok(())
    })?;
    let texts = StringArray::try_new(OffsetBuffer::new(offsets.into()), Buffer::from_vec(texts), None);
    Ok(Arc::new(texts.map_err(|e| damaged(e.to_string()))?))
}

/// The next `n` texts of a page, of which many may be the same: a code per text, and what the codes mean.
pub(super) fn repeated_texts(bytes: &mut Bytes, n: usize) -> Result<(Vec<i32>, ArrayRef)> {
    let mut builder = TextBuilder::for_batch(n);
    take_texts(bytes, n, |text| {
        std::str::from_utf8(text).map_err(|e| damaged(format!("text that is not UTF-8: {e}")))?;
        builder.push(text);
        Ok(())
    })?;
    let column = builder.finish(|_| None)?;
    let (codes, texts) = column.into_parts();
    Ok((codes.values().to_vec(), texts))
}

/// Takes texts from the front of a page.
fn take_texts(bytes: &mut Bytes, n: usize, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut rest = &bytes[..];
    for _ in 0..n {
        let (len, behind) = rest.split_first_chunk::<4>().ok_or_else(too_short)?;
        let len = u32::from_le_bytes(*len) as usize;
        let (text, behind) = behind.split_at_checked(len).ok_or_else(too_short)?;
        each(text)?;
        rest = behind;
    }
    let n_taken = bytes.len() - rest.len();
    bytes.advance(n_taken);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_of_every_width_keep_value_and_sign() {
        for width in 1..=16 {
            let largest = i128::MAX >> (128 - 8 * width);
            let numbers = [0, 1, -1, largest, -largest - 1, largest / 3, -largest / 7];
            let mut page = Vec::new();
            for number in numbers.iter().cycle().take(40) {
                page.extend(&number.to_be_bytes()[16 - width..]);
            }
            let expected: Vec<i128> = numbers.into_iter().cycle().take(40).collect();
            assert_eq!(decimals(&page, width), expected, "{width} bytes");
        }
    }

    #[test]
    fn a_code_past_the_dictionary_is_refused() {
        assert_eq!(gathered(&[7, 8], &[1, 0, 1]).unwrap(), [8, 7, 8]);
        assert!(gathered(&[7, 8], &[2]).is_err());
        assert!(gathered::<i64>(&[], &[0]).is_err());
        assert!(gathered::<i64>(&[], &[]).unwrap().is_empty());
    }

    #[test]
    fn a_page_that_claims_more_than_it_holds_is_refused() {
        let mut page = Bytes::from_static(&[2, 0, 0, 0, b'a', b'b', 9, 0, 0, 0, b'c']);
        assert!(all_texts(&mut page.clone(), usize::MAX).is_err());
        assert!(all_texts(&mut page.clone(), 2).is_err());
        assert_eq!(repeated_texts(&mut page.clone(), 1).unwrap().0, [0]);
        assert!(Numbers::take(Stored::Long, &mut page, usize::MAX).is_err());
    }

    #[test]
    fn text_that_is_not_utf8_is_refused() {
        let mut page = Bytes::from_static(&[1, 0, 0, 0, 0xff]);
        assert!(all_texts(&mut page.clone(), 1).is_err());
        assert!(repeated_texts(&mut page, 1).is_err());
    }
}
