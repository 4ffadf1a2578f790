//! A flat column of a row group, from its pages to arrays.
//!
//! This is the way of nearly every column that a bill is asked for: no lists around it, values as they are or
//! as codes of a dictionary. The library reads the pages (headers, checksums, compression); what stands in them is
//! decoded here, where codes stay codes and a batch ends where a page does. Columns that are packed in another way
//! are left to the library's own decoder. Source: the format's `Encodings.md` and `parquet.thrift`.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{DataType, TimeUnit};
use bytes::Bytes;
use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageReader};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;

use super::file::FileAt;
use super::packed::{Packed, TooShort};
use super::rows::BATCH_ROWS;
use super::shape::{damaged, refused};
use super::values::{Numbers, Stored, all_texts, repeated_texts, text_array};
use crate::error::{Error, Result};

/// How the column's values are stored; None where the library has to decode it.
fn stored(chunk: &ColumnChunkMetaData, data_type: &DataType) -> Option<Stored> {
    let column = chunk.column_descr();
    let is_flat = column.max_rep_level() == 0 && column.max_def_level() <= 1;
    if !is_flat || column.path().parts().len() != 1 || !chunk.encodings().all(is_known) {
        return None;
    }
    Some(match (column.physical_type(), data_type) {
        (Type::BYTE_ARRAY, DataType::Dictionary(keys, texts))
            if **keys == DataType::Int32 && **texts == DataType::Utf8 =>
        {
            Stored::Text
        }
        (Type::INT32, DataType::Int32 | DataType::Date32) | (Type::FLOAT, DataType::Float32) => Stored::Word,
        (
            Type::INT64,
            DataType::Int64
            | DataType::Timestamp(TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond, _),
        )
        | (Type::DOUBLE, DataType::Float64) => Stored::Long,
        (Type::INT32, DataType::Decimal128(..)) => Stored::DecimalWord,
        (Type::INT64, DataType::Decimal128(..)) => Stored::DecimalLong,
        (Type::FIXED_LEN_BYTE_ARRAY, DataType::Decimal128(..)) => {
            let width = usize::try_from(column.type_length()).ok()?;
            (1..=16).contains(&width).then_some(Stored::DecimalBytes(width))?
        }
        _ => return None,
    })
}

/// Encodings of values and levels that are read here; the deprecated one is listed by writers that pack no level so.
#[expect(deprecated, reason = "old files list it")]
fn is_known(encoding: Encoding) -> bool {
    matches!(
        encoding,
        Encoding::PLAIN
            | Encoding::RLE
            | Encoding::BIT_PACKED
            | Encoding::PLAIN_DICTIONARY
            | Encoding::RLE_DICTIONARY
    )
}

/// A column of a row group on its way.
pub(super) struct FlatColumn {
    pages: SerializedPageReader<FileAt>,
    name: String,
    data_type: DataType,
    stored: Stored,
    is_optional: bool,
    dictionary: Option<Dictionary>,
    page: Option<DataPage>,
    /// Rows taken and passed over.
    n_read: u64,
    /// A batch of rows that all have one text: its code, and the batch.
    same: Option<(u32, ArrayRef)>,
    /// Codes and levels, while they are looked at.
    scratch: Vec<u32>,
}

/// A dictionary page.
enum Dictionary {
    Texts(ArrayRef),
    Numbers(Numbers),
}

/// What is left of a data page.
struct DataPage {
    n_rows: usize,
    /// One per row where the column is optional: 1 where it has a value.
    levels: Option<Packed>,
    values: PageValues,
}

enum PageValues {
    Plain(Bytes),
    Codes(Packed),
}

impl FlatColumn {
    /// A column of a row group of `n_rows`; None where the library has to decode it.
    ///
    /// Errors: a codec that is not known.
    pub(super) fn open(
        file: &Arc<FileAt>,
        chunk: &ColumnChunkMetaData,
        n_rows: usize,
        data_type: &DataType,
    ) -> Result<Option<Self>> {
        let Some(stored) = stored(chunk, data_type) else {
            return Ok(None);
        };
        let pages =
            SerializedPageReader::new(Arc::clone(file), chunk, n_rows, None).map_err(|e| refused(&e))?;
        Ok(Some(FlatColumn {
            pages,
            name: chunk.column_descr().name().to_owned(),
            data_type: data_type.clone(),
            stored,
            is_optional: chunk.column_descr().max_def_level() == 1,
            dictionary: None,
            page: None,
            n_read: 0,
            same: None,
            scratch: Vec::new(),
        }))
    }

    /// Rows that can be read at once, up to the end of a page; 0 at the column's end.
    pub(super) fn rows_ahead(&mut self) -> Result<usize> {
        loop {
            match &self.page {
                Some(page) if page.n_rows > 0 => return Ok(page.n_rows),
                _ => {}
            }
            let Some(page) = self.pages.get_next_page().map_err(|e| refused(&e))? else {
                return Ok(0);
            };
            self.turn(page)?;
        }
    }

    /// Passes over rows, whole pages by their headers; over fewer where the column ends.
    pub(super) fn skip(&mut self, mut n: usize) -> Result<()> {
        while n > 0 {
            let has_rows = self.page.as_ref().is_some_and(|page| page.n_rows > 0);
            let next = if has_rows {
                None
            } else {
                self.pages.peek_next_page().map_err(|e| refused(&e))?
            };
            // Levels are rows, where no list is around the column.
            if let Some(next) = next
                && !next.is_dict
                && let Some(n_rows) = next.num_rows.or(next.num_levels)
                && n_rows <= n
            {
                self.pages.skip_next_page().map_err(|e| refused(&e))?;
                n -= n_rows;
                self.n_read += n_rows as u64;
                continue;
            }
            let ahead = self.rows_ahead()?.min(n).min(BATCH_ROWS);
            if ahead == 0 {
                break;
            }
            self.take(ahead)?;
            n -= ahead;
        }
        Ok(())
    }

    /// Rows taken and passed over so far.
    pub(super) fn n_read(&self) -> u64 {
        self.n_read
    }

    /// The column's name, for messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The next `n` rows, which are at most [`FlatColumn::rows_ahead`].
    pub(super) fn take(&mut self, n: usize) -> Result<ArrayRef> {
        let Some(page) = &mut self.page else {
            return Err(Error::bug("rows of a column that has no page"));
        };
        let nulls = match &mut page.levels {
            Some(levels) => nulls_of(levels, n, &mut self.scratch)?,
            None => None,
        };
        let n_values = nulls.as_ref().map_or(n, |nulls| n - nulls.null_count());
        page.n_rows -= n;
        self.n_read += n as u64;
        let mut nothing = Bytes::new();
        let codes = match &mut page.values {
            PageValues::Codes(packed) if n_values > 0 => packed,
            // Nulls alone need no dictionary.
            values => {
                let bytes = match values {
                    PageValues::Plain(bytes) => bytes,
                    PageValues::Codes(_) => &mut nothing,
                };
                if self.stored == Stored::Text {
                    let (codes, texts) = repeated_texts(bytes, n_values)?;
                    return text_array(codes, nulls, texts);
                }
                let numbers = Numbers::take(self.stored, bytes, n_values)?;
                return numbers.array(&self.data_type, nulls);
            }
        };
        if let (Some(Dictionary::Texts(texts)), None) = (&self.dictionary, &nulls)
            && let Some(code) = codes.take_same(n)?
        {
            let of = |(of, _): &&(u32, ArrayRef)| *of == code;
            let same = match self.same.as_ref().filter(of) {
                Some((_, column)) => Arc::clone(column),
                None => {
                    let code = code.cast_signed();
                    text_array(vec![code; BATCH_ROWS.max(n)], None, Arc::clone(texts))?
                }
            };
            let rows = same.slice(0, n);
            self.same = Some((code, same));
            return Ok(rows);
        }
        match &self.dictionary {
            Some(Dictionary::Numbers(numbers)) => {
                self.scratch.resize(n_values, 0);
                codes.fill(&mut self.scratch)?;
                numbers.gather(&self.scratch)?.array(&self.data_type, nulls)
            }
            Some(Dictionary::Texts(texts)) => {
                let mut keys = vec![0; n_values];
                codes.fill(&mut keys)?;
                // Keys past all that fit become negative, and are refused as any past the dictionary.
                let keys = keys.into_iter().map(u32::cast_signed).collect();
                text_array(keys, nulls, Arc::clone(texts))
            }
            None => Err(damaged("codes of a dictionary that is not there")),
        }
    }

    /// A page into its parts.
    fn turn(&mut self, page: Page) -> Result<()> {
        match page {
            Page::DictionaryPage {
                mut buf,
                num_values,
                encoding,
                ..
            } => {
                if !matches!(encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY) {
                    return Err(self.not_for_values(encoding));
                }
                if self.dictionary.is_some() {
                    return Err(damaged("a column with two dictionaries"));
                }
                // What a header claims is held against the page before anything is made of it.
                self.dictionary = Some(match self.stored {
                    Stored::Text => Dictionary::Texts(all_texts(&mut buf, num_values as usize)?),
                    stored => Dictionary::Numbers(Numbers::take(stored, &mut buf, num_values as usize)?),
                });
                Ok(())
            }
            Page::DataPage {
                buf,
                num_values,
                encoding,
                def_level_encoding,
                ..
            } => {
                let n_rows = num_values as usize;
                let (levels, rest) = if self.is_optional {
                    let (levels, rest) = levels_of(&buf, n_rows, def_level_encoding)?;
                    (Some(levels), rest)
                } else {
                    (None, buf)
                };
                self.turn_data(n_rows, levels, rest, encoding)
            }
            Page::DataPageV2 {
                buf,
                num_values,
                num_rows,
                encoding,
                def_levels_byte_len,
                rep_levels_byte_len,
                ..
            } => {
                if num_rows != num_values {
                    return Err(damaged(
                        "a page of more values than rows, in a column without lists",
                    ));
                }
                let from = rep_levels_byte_len as usize;
                let to = from + def_levels_byte_len as usize;
                if to > buf.len() {
                    return Err(damaged("a page that ends in its levels"));
                }
                let levels = self.is_optional.then(|| Packed::new(buf.slice(from..to), 1));
                self.turn_data(num_values as usize, levels, buf.slice(to..), encoding)
            }
        }
    }

    fn turn_data(
        &mut self,
        n_rows: usize,
        levels: Option<Packed>,
        rest: Bytes,
        encoding: Encoding,
    ) -> Result<()> {
        let values = match encoding {
            Encoding::PLAIN => PageValues::Plain(rest),
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY => {
                // A page of nulls alone may have nothing at all.
                let width = rest.first().copied().unwrap_or(0);
                if width > 32 {
                    return Err(damaged(format!("codes of {width} bits each")));
                }
                PageValues::Codes(Packed::new(rest.slice(rest.len().min(1)..), u32::from(width)))
            }
            other => return Err(self.not_for_values(other)),
        };
        self.page = Some(DataPage {
            n_rows,
            levels,
            values,
        });
        Ok(())
    }

    fn not_for_values(&self, encoding: Encoding) -> Error {
        let message = format!(
            "column {} has a page in {encoding}, which is not for values",
            self.name
        );
        Error::file("parquet.unsupported", message)
    }
}

impl From<TooShort> for Error {
    fn from(_: TooShort) -> Self {
        damaged("a page that ends before its values")
    }
}

/// The levels in front of a page's values.
#[expect(deprecated, reason = "old files have levels packed so")]
fn levels_of(buf: &Bytes, n_rows: usize, encoding: Encoding) -> Result<(Packed, Bytes)> {
    let ends = || damaged("a page that ends in its levels");
    match encoding {
        Encoding::RLE => {
            let len = buf.first_chunk::<4>().ok_or_else(ends)?;
            let to = (u32::from_le_bytes(*len) as usize).saturating_add(4);
            let levels = (to <= buf.len()).then(|| buf.slice(4..to)).ok_or_else(ends)?;
            Ok((Packed::new(levels, 1), buf.slice(to..)))
        }
        Encoding::BIT_PACKED => {
            // The highest bit of each byte comes first.
            let to = n_rows.div_ceil(8);
            let levels = buf.get(..to).ok_or_else(ends)?;
            let levels: Vec<u8> = levels.iter().map(|byte| byte.reverse_bits()).collect();
            Ok((Packed::plain(levels.into(), 1, n_rows), buf.slice(to..)))
        }
        other => Err(damaged(format!("levels in {other}"))),
    }
}

/// Which of the next `n` rows have no value; None when all have one.
fn nulls_of(levels: &mut Packed, n: usize, scratch: &mut Vec<u32>) -> Result<Option<NullBuffer>> {
    match levels.take_same(n)? {
        Some(1) => return Ok(None),
        Some(_) => return Ok(Some(NullBuffer::new_null(n))),
        None => {}
    }
    scratch.resize(n, 0);
    levels.fill(scratch)?;
    let nulls = NullBuffer::new(BooleanBuffer::collect_bool(n, |row| scratch[row] != 0));
    Ok((nulls.null_count() > 0).then_some(nulls))
}
