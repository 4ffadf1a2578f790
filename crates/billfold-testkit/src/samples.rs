//! The committed bills of `data-samples/`: which there are, and their bytes.
//!
//! `cargo run -p billfold-testkit --example samples` writes them; a test asserts that it would change
//! nothing.

use std::io;

use crate::bill::{Bill, BillSpec, Mix};
use crate::charge::Charge;
use crate::output::{Carrier, Format, OutputSpec, write_charges};
use crate::totals::control_totals;

/// A file of `data-samples/`.
#[derive(Debug)]
pub struct Sample {
    /// Path below `data-samples/`.
    pub path: &'static str,
    /// Its rows.
    pub charges: Vec<Charge>,
    /// How they are written.
    pub output: OutputSpec,
}

impl Sample {
    fn new(path: &'static str, spec: &BillSpec, output: OutputSpec) -> Sample {
        Sample {
            path,
            charges: Bill::new(spec).collect(),
            output,
        }
    }

    /// The file.
    pub fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        write_charges(&self.charges, &self.output, &mut bytes)?;
        Ok(bytes)
    }

    /// Its control totals, as JSON text.
    pub fn totals(&self) -> io::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(&control_totals(&self.charges, &self.output))?;
        text.push(b'\n');
        Ok(text)
    }
}

fn output(format: Format, carrier: Carrier, options: &[(&str, &str)]) -> OutputSpec {
    let mut output = OutputSpec::new(format, carrier);
    for (option, value) in options {
        // The options below are words of this crate; a test writes every sample.
        let _ = output.set(option, value);
    }
    output
}

/// FOCUS samples: four currencies, hostile names, gaps in the effective cost.
fn focus(seed: u64, rows: u64) -> BillSpec {
    BillSpec {
        rows,
        resources: 120,
        currencies: ["USD", "EUR", "CNY", "JPY"].map(String::from).to_vec(),
        null_effective_percent: 4,
        hostile_percent: 6,
        ..BillSpec::new(seed)
    }
}

fn aws(seed: u64, rows: u64) -> BillSpec {
    BillSpec {
        rows,
        resources: 90,
        months: 2,
        hostile_percent: 4,
        corrections: 0,
        ..BillSpec::new(seed)
    }
}

/// The first example of the README: one company, five projects, a quarter.
fn qingcloud(rows: u64) -> BillSpec {
    BillSpec {
        rows,
        payers: 1,
        sub_accounts: 6,
        months: 3,
        resources: 60,
        max_tags: 3,
        edges: 40,
        project_names: [
            "web-shop",
            "data-platform",
            "mobile-api",
            "ml-training",
            "internal-tools",
        ]
        .map(String::from)
        .to_vec(),
        mix: Mix {
            hourly: 250,
            daily: 580,
            monthly: 120,
            yearly: 4,
            refund: 15,
            credit: 8,
            zero: 20,
            committed: 0,
            commitment: 0,
            tax: 0,
        },
        // Of 400 seeds the one whose months and projects differ least wildly.
        ..BillSpec::qingcloud(20_240_309)
    }
}

/// All samples.
pub fn all() -> Vec<Sample> {
    use Carrier::{Csv, Json, Ndjson, Parquet};
    let nulls = [("quoting", "all"), ("nulls", "NULL"), ("time", "space")];
    let mut samples = vec![
        Sample::new("focus-0.5.csv", &focus(5, 400), output(Format::Focus05, Csv, &[])),
        Sample::new(
            "focus-1.0.csv",
            &focus(10, 400),
            output(Format::Focus10, Csv, &nulls),
        ),
        Sample::new(
            "focus-1.2.csv.gz",
            &BillSpec {
                scales: (0, 20),
                ..focus(12, 600)
            },
            output(
                Format::Focus12,
                Csv,
                &[
                    ("compression", "gzip-multi:9"),
                    ("numbers", "exponent"),
                    ("line-end", "crlf"),
                ],
            ),
        ),
        Sample::new(
            "focus-1.2.ndjson",
            &focus(12, 150),
            output(Format::Focus12, Ndjson, &[]),
        ),
        Sample::new(
            "focus-1.2.parquet",
            &focus(12, 600),
            output(
                Format::Focus12,
                Parquet,
                &[("compression", "zstd"), ("row-group", "200")],
            ),
        ),
        Sample::new(
            "focus-1.4.csv",
            &focus(14, 300),
            output(Format::Focus14, Csv, &[("bom", "yes"), ("shuffle", "14")]),
        ),
        Sample::new(
            "aws-cur-2.0.csv.zst",
            &aws(21, 500),
            output(Format::AwsCur20, Csv, &[("compression", "zstd:9")]),
        ),
        Sample::new(
            "aws-cur-2.0.parquet",
            &aws(22, 500),
            output(
                Format::AwsCur20,
                Parquet,
                &[("types", "double"), ("compression", "snappy")],
            ),
        ),
        Sample::new(
            "qingcloud-records.csv",
            &qingcloud(600),
            output(Format::QingcloudRecords, Csv, &[]),
        ),
        Sample::new(
            "qingcloud-records.json",
            &qingcloud(200),
            output(Format::QingcloudRecords, Json, &[]),
        ),
        Sample::new(
            "qingcloud-records.ndjson",
            &qingcloud(400),
            output(Format::QingcloudRecords, Ndjson, &[]),
        ),
    ];
    samples.extend(cur_months());
    samples.extend(vendors());
    samples.sort_by_key(|s| s.path);
    samples
}

/// A small bill of every other vendor.
fn vendors() -> Vec<Sample> {
    use Carrier::{Csv, Json, Ndjson};
    let western = |seed| BillSpec {
        resources: 50,
        currencies: vec![String::from("EUR")],
        project_names: ["web-shop", "data-platform", "mobile-api"]
            .map(String::from)
            .to_vec(),
        ..aws(seed, 200)
    };
    let chinese = |seed| BillSpec {
        rows: 200,
        hostile_percent: 0,
        ..BillSpec::qingcloud(seed)
    };
    vec![
        Sample::new(
            "alibaba-bill.csv",
            &chinese(31),
            output(Format::AlibabaBill, Csv, &[("bom", "yes")]),
        ),
        Sample::new(
            "azure-cost.csv",
            &western(32),
            output(Format::AzureCost, Csv, &[("numbers", "exponent")]),
        ),
        Sample::new(
            "gcp-billing.csv",
            &western(33),
            output(Format::GcpBilling, Csv, &[]),
        ),
        Sample::new(
            "gcp-billing.ndjson",
            &western(33),
            output(Format::GcpBilling, Ndjson, &[]),
        ),
        Sample::new(
            "huawei-records.json",
            &chinese(34),
            output(Format::HuaweiRecords, Json, &[]),
        ),
        Sample::new(
            "oci-cost.csv",
            &western(35),
            output(
                Format::OciCost,
                Csv,
                &[("time", "minute"), ("numbers", "exponent")],
            ),
        ),
        Sample::new(
            "plcloud-consumptions.json",
            &chinese(36),
            output(Format::PlcloudConsumptions, Json, &[]),
        ),
        Sample::new(
            "tencent-bill.csv",
            &chinese(37),
            output(Format::TencentBill, Csv, &[]),
        ),
        Sample::new(
            "tencent-bill.json",
            &chinese(37),
            output(Format::TencentBill, Json, &[]),
        ),
        Sample::new(
            "volcengine-bill.json",
            &chinese(38),
            output(Format::VolcengineBill, Json, &[]),
        ),
    ]
}

/// One legacy report, delivered a file a month; the second month is wide, and each has columns only for the
/// tags that occur in it.
fn cur_months() -> Vec<Sample> {
    let charges: Vec<Charge> = Bill::new(&aws(20, 500)).collect();
    let Some(first) = charges.iter().map(|c| c.billing_start).min() else {
        return Vec::new();
    };
    let (january, february) = charges.into_iter().partition(|c| c.billing_start == first);
    let narrow = output(Format::AwsCurLegacy, Carrier::Csv, &[]);
    let wide = output(
        Format::AwsCurLegacy,
        Carrier::Csv,
        &[("wide", "yes"), ("time", "offset")],
    );
    vec![
        Sample {
            path: "aws-cur-legacy/2024-01.csv",
            charges: january,
            output: narrow,
        },
        Sample {
            path: "aws-cur-legacy/2024-02.csv",
            charges: february,
            output: wide,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Read as _;
    use std::path::Path;

    fn committed(path: &str) -> Vec<u8> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../data-samples")
            .join(path);
        let mut bytes = Vec::new();
        File::open(&path)
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
            .read_to_end(&mut bytes)
            .unwrap();
        bytes
    }

    fn unpacked(path: &str, bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        // A deflate stream may differ between machines; what it says may not.
        if Path::new(path).extension().is_some_and(|e| e == "gz") {
            flate2::read::MultiGzDecoder::new(bytes)
                .read_to_end(&mut plain)
                .unwrap();
        } else {
            plain.extend_from_slice(bytes);
        }
        plain
    }

    #[test]
    fn regenerating_the_samples_changes_nothing() {
        for sample in all() {
            let path = sample.path;
            let same = unpacked(path, &sample.bytes().unwrap()) == unpacked(path, &committed(path));
            assert!(
                same,
                "{path} differs: cargo run -p billfold-testkit --example samples"
            );
            let totals = sample.totals().unwrap() == committed(&format!("{path}.totals.json"));
            assert!(totals, "{path}.totals.json differs");
        }
    }
}
