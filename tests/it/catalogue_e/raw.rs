//! Parquet files made byte by byte, with checksums on their pages, so that every field can lie.

use std::ops::Range;

use flate2::Crc;

/// Physical types as the footer numbers them.
const INT64: i64 = 2;
const BYTE_ARRAY: i64 = 6;

/// Encodings as the page headers number them.
const PLAIN: i64 = 0;
const RLE: i64 = 3;
const RLE_DICTIONARY: i64 = 8;

/// A struct in the compact protocol of Thrift, field by field in rising order.
#[derive(Default)]
struct Thrift {
    bytes: Vec<u8>,
    last: u8,
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

impl Thrift {
    fn field(&mut self, id: u8, kind: u8) {
        self.bytes.push((id - self.last) << 4 | kind);
        self.last = id;
    }

    fn int(mut self, id: u8, kind: u8, value: i64) -> Self {
        self.field(id, kind);
        varint(zigzag(value), &mut self.bytes);
        self
    }

    fn i32(self, id: u8, value: i64) -> Self {
        self.int(id, 5, value)
    }

    fn i64(self, id: u8, value: i64) -> Self {
        self.int(id, 6, value)
    }

    fn text(mut self, id: u8, text: &[u8]) -> Self {
        self.field(id, 8);
        varint(text.len() as u64, &mut self.bytes);
        self.bytes.extend(text);
        self
    }

    fn list(mut self, id: u8, kind: u8, items: &[Vec<u8>]) -> Self {
        self.field(id, 9);
        self.bytes.push(0xf0 | kind);
        varint(items.len() as u64, &mut self.bytes);
        self.bytes.extend(items.concat());
        self
    }

    fn structure(mut self, id: u8, inner: Thrift) -> Self {
        self.field(id, 12);
        self.bytes.extend(inner.done());
        self
    }

    fn done(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

/// A column of one page; what a test changes, lies.
#[derive(Clone)]
pub(super) struct RawColumn {
    pub(super) name: String,
    pub(super) physical: i64,
    /// `UTF8` 0, `DECIMAL` 5 or `TIMESTAMP_MICROS` 10.
    pub(super) converted: i64,
    /// The texts of a dictionary page.
    pub(super) dictionary: Option<Vec<u8>>,
    /// Values the dictionary page claims to hold.
    pub(super) n_dictionary: i64,
    /// The content of the data page.
    pub(super) page: Vec<u8>,
    /// Encoding of the data page.
    pub(super) encoding: i64,
    /// Values the data page claims to hold.
    pub(super) n_values: i64,
    /// Values the footer claims for the column.
    pub(super) n_column: i64,
    pub(super) codec: i64,
    /// Bytes that the data page claims to have unpacked; None for its own.
    pub(super) plain_len: Option<i64>,
    /// Smallest and largest value, as the statistics say.
    pub(super) statistics: Option<(Vec<u8>, Vec<u8>)>,
}

/// A file of one row group; what a test changes, lies.
#[derive(Clone)]
pub(super) struct RawFile {
    pub(super) columns: Vec<RawColumn>,
    /// Whether the pages carry checksums.
    pub(super) crc: bool,
    /// Rows of the row group.
    pub(super) n_group: i64,
    /// Rows of the file.
    pub(super) n_rows: i64,
    pub(super) version: i64,
    pub(super) metadata: Vec<(String, String)>,
    /// Groups around a last column that nobody asks for.
    pub(super) depth: usize,
}

/// Texts as a plain page holds them.
pub(super) fn plain_texts<T: AsRef<[u8]>>(texts: &[T]) -> Vec<u8> {
    let mut page = Vec::new();
    for text in texts {
        page.extend((text.as_ref().len() as u32).to_le_bytes());
        page.extend(text.as_ref());
    }
    page
}

/// Numbers as a plain page holds them.
fn plain_numbers(numbers: &[i64]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

impl RawColumn {
    fn new(name: &str, physical: i64, converted: i64, page: Vec<u8>, n: usize) -> Self {
        RawColumn {
            name: name.to_owned(),
            physical,
            converted,
            dictionary: None,
            n_dictionary: 0,
            page,
            encoding: PLAIN,
            n_values: n as i64,
            n_column: n as i64,
            codec: 0,
            plain_len: None,
            statistics: None,
        }
    }

    pub(super) fn texts<T: AsRef<[u8]>>(name: &str, texts: &[T]) -> Self {
        RawColumn::new(name, BYTE_ARRAY, 0, plain_texts(texts), texts.len())
    }

    /// Amounts of two decimals.
    pub(super) fn cents(name: &str, cents: &[i64]) -> Self {
        RawColumn::new(name, INT64, 5, plain_numbers(cents), cents.len())
    }

    /// Microseconds since 1970, UTC.
    pub(super) fn instants(name: &str, micros: &[i64]) -> Self {
        RawColumn::new(name, INT64, 10, plain_numbers(micros), micros.len())
    }

    /// Eight codes of one byte into a dictionary.
    pub(super) fn coded(name: &str, texts: &[&str], codes: [u8; 8], n: usize) -> Self {
        let mut page = vec![8, 0x03];
        page.extend(codes);
        RawColumn {
            dictionary: Some(plain_texts(texts)),
            n_dictionary: texts.len() as i64,
            encoding: RLE_DICTIONARY,
            ..RawColumn::new(name, BYTE_ARRAY, 0, page, n)
        }
    }

    fn element(&self) -> Vec<u8> {
        let thrift = Thrift::default()
            .i32(1, self.physical)
            .i32(3, 0)
            .text(4, self.name.as_bytes())
            .i32(6, self.converted);
        if self.converted == 5 {
            thrift.i32(7, 2).i32(8, 18).done()
        } else {
            thrift.done()
        }
    }
}

impl RawFile {
    /// A bill of three rows and USD 3 that is sound.
    pub(super) fn sound() -> Self {
        RawFile {
            columns: vec![
                RawColumn::texts("ChargePeriodStart", &["2024-03-01", "2024-03-02", "2024-03-03"]),
                RawColumn::cents("BilledCost", &[100, 250, -50]),
                RawColumn::coded("BillingCurrency", &["USD"], [0; 8], 3),
                RawColumn::coded("ResourceId", &["i-1", "i-2"], [0, 1, 1, 0, 0, 0, 0, 0], 3),
            ],
            crc: true,
            n_group: 3,
            n_rows: 3,
            version: 2,
            metadata: Vec::new(),
            depth: 0,
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.write().0
    }

    /// The file, and where the contents of its pages stand.
    pub(super) fn write(&self) -> (Vec<u8>, Vec<Range<usize>>) {
        let mut out = b"PAR1".to_vec();
        let mut pages = Vec::new();
        let mut chunks = Vec::new();
        let nested = (self.depth > 0).then(|| RawColumn::cents("deep", &[1, 2, 3]));
        for column in self.columns.iter().chain(&nested) {
            let first = out.len() as i64;
            if let Some(content) = &column.dictionary {
                let header = Thrift::default().i32(1, column.n_dictionary).i32(2, PLAIN);
                self.page(2, 7, header, content, None, &mut out, &mut pages);
            }
            let at = out.len() as i64;
            let header = Thrift::default()
                .i32(1, column.n_values)
                .i32(2, column.encoding)
                .i32(3, RLE)
                .i32(4, RLE);
            self.page(0, 5, header, &column.page, column.plain_len, &mut out, &mut pages);
            let len = out.len() as i64 - first;
            let mut path = Vec::new();
            let depth = if column.name == "deep" { self.depth } else { 0 };
            let groups = std::iter::repeat_n("g", depth);
            for name in groups.chain([column.name.as_str()]) {
                let mut part = Vec::new();
                varint(name.len() as u64, &mut part);
                part.extend(name.as_bytes());
                path.push(part);
            }
            let mut chunk = Thrift::default()
                .i32(1, column.physical)
                .list(2, 5, &[vec![zigzag(column.encoding) as u8]])
                .list(3, 8, &path)
                .i32(4, column.codec)
                .i64(5, column.n_column)
                .i64(6, len)
                .i64(7, len)
                .i64(9, at);
            if column.dictionary.is_some() {
                chunk = chunk.i64(11, first);
            }
            if let Some((min, max)) = &column.statistics {
                let statistics = Thrift::default().i64(3, 0).text(5, max).text(6, min);
                chunk = chunk.structure(12, statistics);
            }
            chunks.push(Thrift::default().i64(2, first).structure(3, chunk).done());
        }
        let mut schema = vec![
            Thrift::default()
                .text(4, b"schema")
                .i32(5, self.columns.len() as i64 + i64::from(self.depth > 0))
                .done(),
        ];
        schema.extend(self.columns.iter().map(RawColumn::element));
        let group = Thrift::default().i32(3, 0).text(4, b"g").i32(5, 1).done();
        schema.extend(std::iter::repeat_n(group, self.depth));
        schema.extend(nested.iter().map(RawColumn::element));
        let row_group = Thrift::default()
            .list(1, 12, &chunks)
            .i64(2, out.len() as i64)
            .i64(3, self.n_group)
            .done();
        let mut footer = Thrift::default()
            .i32(1, self.version)
            .list(2, 12, &schema)
            .i64(3, self.n_rows)
            .list(4, 12, &[row_group]);
        if !self.metadata.is_empty() {
            let pairs: Vec<Vec<u8>> = self
                .metadata
                .iter()
                .map(|(key, value)| {
                    let pair = Thrift::default().text(1, key.as_bytes());
                    pair.text(2, value.as_bytes()).done()
                })
                .collect();
            footer = footer.list(5, 12, &pairs);
        }
        let footer = footer.done();
        out.extend(&footer);
        out.extend((footer.len() as u32).to_le_bytes());
        out.extend(b"PAR1");
        (out, pages)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "a page is its header, its content and its place"
    )]
    fn page(
        &self,
        kind: i64,
        header_id: u8,
        header: Thrift,
        content: &[u8],
        plain_len: Option<i64>,
        out: &mut Vec<u8>,
        pages: &mut Vec<Range<usize>>,
    ) {
        let len = content.len() as i64;
        let mut page = Thrift::default()
            .i32(1, kind)
            .i32(2, plain_len.unwrap_or(len))
            .i32(3, len);
        if self.crc {
            let mut crc = Crc::new();
            crc.update(content);
            page = page.i32(4, i64::from(crc.sum() as i32));
        }
        out.extend(page.structure(header_id, header).done());
        pages.push(out.len()..out.len() + content.len());
        out.extend(content);
    }
}
