//! The options of a written bill, and their words on a command line.

use std::fmt;
use std::str::FromStr;

use crate::civil::TimeShape;

/// A word that names no option, or options that do not go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecError(String);

impl SpecError {
    fn unknown(what: &str, word: &str, known: &[&str]) -> SpecError {
        SpecError(format!(
            "{what} `{word}` is unknown; expected {}",
            known.join(", ")
        ))
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SpecError {}

/// Defines an enum whose variants are words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal, { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every choice.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word for it.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl FromStr for $name {
            type Err = SpecError;

            fn from_str(word: &str) -> Result<$name, SpecError> {
                match word {
                    $($word => Ok($name::$variant),)+
                    _ => Err(SpecError::unknown($what, word, &[$($word),+])),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words!(
    /// Whose columns a file has.
    Format, "format", {
        /// FOCUS 0.5 (2023): AmortizedCost, ChargeType, Region, Provider.
        Focus05 = "focus-0.5",
        /// FOCUS 1.0 (2024), 43 columns.
        Focus10 = "focus-1.0",
        /// FOCUS 1.2 (2025), 57 columns.
        Focus12 = "focus-1.2",
        /// FOCUS 1.4 (2026): ServiceProviderName and HostProviderName.
        Focus14 = "focus-1.4",
        /// AWS cost and usage report with slashed names and a column a tag.
        AwsCurLegacy = "aws-cur-legacy",
        /// AWS data export CUR 2.0.
        AwsCur20 = "aws-cur-2.0",
        /// QingCloud charge records, as GetChargeRecords answers them.
        QingcloudRecords = "qingcloud-records",
        /// Azure cost details, EA.
        AzureCost = "azure-cost",
        /// Google Cloud billing export with dotted names.
        GcpBilling = "gcp-billing",
        /// Oracle Cloud cost report.
        OciCost = "oci-cost",
        /// Tencent Cloud bill by resource, as DescribeBillResourceSummary answers it.
        TencentBill = "tencent-bill",
        /// Alibaba Cloud detail bill, Chinese console.
        AlibabaBill = "alibaba-bill",
        /// Huawei Cloud resource consumption records.
        HuaweiRecords = "huawei-records",
        /// Volcengine bill details.
        VolcengineBill = "volcengine-bill",
        /// plcloud consumptions.
        PlcloudConsumptions = "plcloud-consumptions",
    }
);

words!(
    /// What kind of file carries the rows.
    Carrier, "carrier", {
        /// RFC 4180 text.
        Csv = "csv",
        /// One JSON object a line.
        Ndjson = "ndjson",
        /// One JSON document: GetChargeRecordsResponse for QingCloud, else an array.
        Json = "json",
        /// Apache Parquet.
        Parquet = "parquet",
    }
);

words!(
    /// The compression of a text file, or the codec of a Parquet file's pages.
    Compression, "compression", {
        /// As it is.
        None = "none",
        /// gzip.
        Gzip = "gzip",
        /// Several gzip members, one after the other (text only).
        GzipMembers = "gzip-multi",
        /// Zstandard.
        Zstd = "zstd",
        /// Snappy (Parquet only).
        Snappy = "snappy",
        /// LZ4 (Parquet only).
        Lz4Raw = "lz4_raw",
    }
);

words!(
    /// Which CSV fields are quoted.
    Quoting, "quoting", {
        /// Those that must be.
        Minimal = "minimal",
        /// Every one.
        All = "all",
    }
);

words!(
    /// What ends a CSV record.
    LineEnd, "line end", {
        /// `\n`
        Lf = "lf",
        /// `\r\n`
        Crlf = "crlf",
    }
);

words!(
    /// How small numbers are written as text.
    Numbers, "number style", {
        /// All their decimals.
        Plain = "plain",
        /// `5.2e-09` below 0.0001.
        Exponent = "exponent",
    }
);

words!(
    /// How a CSV file writes a missing value.
    Nulls, "null text", {
        /// Nothing.
        Empty = "empty",
        /// The word, as the official FOCUS sample does.
        Literal = "NULL",
    }
);

words!(
    /// Types of the columns of a Parquet file.
    ColumnTypes, "column types", {
        /// decimal128(38, 18 or more), timestamps in microseconds with zone UTC, tags as a map.
        Decimal = "decimal",
        /// Doubles, zone-less timestamps in milliseconds, tags as JSON text.
        Double = "double",
    }
);

/// How a bill is written. Make one with [`OutputSpec::new`] or [`OutputSpec::parse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputSpec {
    /// Columns.
    pub format: Format,
    /// Kind of file.
    pub carrier: Carrier,
    /// Compression, or codec of a Parquet file.
    pub compression: Compression,
    /// Its level; `None` for the usual one.
    pub level: Option<u8>,
    /// CSV quoting.
    pub quoting: Quoting,
    /// CSV record ends.
    pub line_end: LineEnd,
    /// A UTF-8 byte order mark before a CSV header.
    pub bom: bool,
    /// Puts the columns in another order, decided by this seed.
    pub shuffle_columns: Option<u64>,
    /// Text of times.
    pub time_shape: TimeShape,
    /// Text of small numbers.
    pub numbers: Numbers,
    /// CSV text of a missing value.
    pub nulls: Nulls,
    /// Rows of a Parquet row group.
    pub row_group_rows: usize,
    /// Dictionary pages in Parquet.
    pub dictionary: bool,
    /// Column types in Parquet.
    pub types: ColumnTypes,
    /// A legacy CUR with all its product columns, about 190.
    pub wide: bool,
}

impl OutputSpec {
    /// Plain defaults: minimal quotes, LF, `Z` times, no compression (Parquet: snappy).
    pub fn new(format: Format, carrier: Carrier) -> OutputSpec {
        OutputSpec {
            format,
            carrier,
            compression: if carrier == Carrier::Parquet {
                Compression::Snappy
            } else {
                Compression::None
            },
            level: None,
            quoting: Quoting::Minimal,
            line_end: LineEnd::Lf,
            bom: false,
            shuffle_columns: None,
            time_shape: TimeShape::Zulu,
            numbers: Numbers::Plain,
            nulls: Nulls::Empty,
            row_group_rows: 65_536,
            dictionary: true,
            types: ColumnTypes::Decimal,
            wide: false,
        }
    }

    /// From words: a format's name, a carrier, and a compression with an optional level (`zstd:9`);
    /// an empty compression is the carrier's default.
    pub fn parse(format: &str, carrier: &str, compression: &str) -> Result<OutputSpec, SpecError> {
        let mut spec = OutputSpec::new(format.parse()?, carrier.parse()?);
        if !compression.is_empty() {
            spec.set("compression", compression)?;
        }
        spec.check()?;
        Ok(spec)
    }

    /// Sets one option by its word, as in `quoting=all`, `line-end=crlf`, `bom=yes`, `shuffle=7`,
    /// `time=space`, `numbers=exponent`, `nulls=NULL`, `row-group=1000`, `dictionary=no`,
    /// `types=double`, `wide=yes`, `compression=gzip:9`.
    pub fn set(&mut self, option: &str, value: &str) -> Result<(), SpecError> {
        match option {
            "compression" => {
                let (name, level) = value.split_once(':').map_or((value, None), |(n, l)| (n, Some(l)));
                self.compression = name.parse()?;
                self.level = level.map(|l| number("compression level", l)).transpose()?;
            }
            "quoting" => self.quoting = value.parse()?,
            "line-end" => self.line_end = value.parse()?,
            "bom" => self.bom = yes_no(value)?,
            "shuffle" => self.shuffle_columns = Some(number("shuffle seed", value)?),
            "time" => self.time_shape = time_shape(value)?,
            "numbers" => self.numbers = value.parse()?,
            "nulls" => self.nulls = value.parse()?,
            "row-group" => self.row_group_rows = number("row group", value)?,
            "dictionary" => self.dictionary = yes_no(value)?,
            "types" => self.types = value.parse()?,
            "wide" => self.wide = yes_no(value)?,
            _ => {
                let known = [
                    "compression",
                    "quoting",
                    "line-end",
                    "bom",
                    "shuffle",
                    "time",
                    "numbers",
                    "nulls",
                    "row-group",
                    "dictionary",
                    "types",
                    "wide",
                ];
                return Err(SpecError::unknown("option", option, &known));
            }
        }
        Ok(())
    }

    /// Refuses what no file can be: pages of gzip members, text in snappy, an empty row group.
    pub(super) fn check(&self) -> Result<(), SpecError> {
        let parquet = self.carrier == Carrier::Parquet;
        let fits = match self.compression {
            Compression::GzipMembers => !parquet,
            Compression::Snappy | Compression::Lz4Raw => parquet,
            Compression::None | Compression::Gzip | Compression::Zstd => true,
        };
        if !fits {
            return Err(SpecError(format!(
                "a {} file cannot be compressed as {}",
                self.carrier, self.compression
            )));
        }
        if self.row_group_rows == 0 {
            return Err(SpecError(String::from("a row group needs at least one row")));
        }
        Ok(())
    }

    /// The usual end of a file's name: `.csv.gz`.
    pub fn extension(&self) -> String {
        let packed = match self.compression {
            _ if self.carrier == Carrier::Parquet => "",
            Compression::Gzip | Compression::GzipMembers => ".gz",
            Compression::Zstd => ".zst",
            _ => "",
        };
        format!(".{}{packed}", self.carrier)
    }
}

fn number<T: FromStr>(what: &str, text: &str) -> Result<T, SpecError> {
    text.parse()
        .map_err(|_| SpecError(format!("{what} `{text}` is not a number in range")))
}

fn yes_no(word: &str) -> Result<bool, SpecError> {
    match word {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(SpecError::unknown("choice", word, &["yes", "no"])),
    }
}

fn time_shape(word: &str) -> Result<TimeShape, SpecError> {
    Ok(match word {
        "zulu" => TimeShape::Zulu,
        "space" => TimeShape::Space,
        "millis" => TimeShape::Millis,
        "offset" => TimeShape::Offset,
        "minute" => TimeShape::Minute,
        _ => {
            return Err(SpecError::unknown(
                "time shape",
                word,
                &["zulu", "space", "millis", "offset", "minute"],
            ));
        }
    })
}
