//! What every written bill promises.

use std::io::Read as _;

use super::*;
use crate::naive;
use crate::strategies;
use arrow::array::{Array as _, Decimal128Array};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

fn spec(rows: u64) -> BillSpec {
    BillSpec {
        rows,
        hostile_percent: 20,
        null_effective_percent: 5,
        ..BillSpec::new(1)
    }
}

fn written(spec: &BillSpec, output: &OutputSpec) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_bill(spec, output, &mut bytes).unwrap();
    bytes
}

fn text(spec: &BillSpec, output: &OutputSpec) -> String {
    String::from_utf8(written(spec, output)).unwrap()
}

/// Records of RFC 4180, a character at a time.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut chars = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.push(chars.next().unwrap()),
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut record));
            }
            c => cell.push(c),
        }
    }
    assert!(record.is_empty() && cell.is_empty() && !quoted);
    records
}

fn every_output() -> Vec<OutputSpec> {
    let pairs = Format::ALL
        .iter()
        .flat_map(|f| Carrier::ALL.iter().map(move |c| (*f, *c)));
    pairs
        .map(|(format, carrier)| OutputSpec::new(format, carrier))
        .collect()
}

#[test]
fn every_format_goes_into_every_carrier_and_twice_the_same() {
    for output in every_output() {
        let bytes = written(&spec(50), &output);
        assert!(bytes.len() > 5000, "{output:?}");
        assert_eq!(bytes, written(&spec(50), &output));
    }
}

#[test]
fn a_bill_made_by_many_workers_is_the_bill_made_by_one() {
    let bill = spec(5000);
    let charges: Vec<Charge> = Bill::new(&bill).collect();
    for carrier in [Carrier::Csv, Carrier::Ndjson] {
        let output = OutputSpec::new(Format::Focus12, carrier);
        let mut one = Vec::new();
        write_charges(&charges, &output, &mut one).unwrap();
        assert!(written(&bill, &output) == one, "{carrier}");
    }
}

#[test]
fn a_full_disk_stops_the_workers() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let output = OutputSpec::new(Format::Focus12, Carrier::Csv);
    let error = write_bill(&spec(1_000_000_000), &output, &mut Full).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn every_row_of_a_csv_has_the_headers_width_under_every_option() {
    for format in Format::ALL {
        for options in [
            vec![],
            vec![("quoting", "all"), ("line-end", "crlf"), ("bom", "yes")],
            vec![
                ("wide", "yes"),
                ("shuffle", "3"),
                ("nulls", "NULL"),
                ("numbers", "exponent"),
            ],
        ] {
            let mut output = OutputSpec::new(*format, Carrier::Csv);
            for (option, value) in &options {
                output.set(option, value).unwrap();
            }
            let records = records(&text(&spec(200), &output));
            assert_eq!(records.len(), 201);
            assert!(records.iter().all(|r| r.len() == records[0].len()), "{output:?}");
        }
    }
}

#[test]
fn a_wide_legacy_report_has_about_190_columns() {
    let mut output = OutputSpec::new(Format::AwsCurLegacy, Carrier::Csv);
    output.wide = true;
    let header = records(&text(&spec(100), &output)).remove(0);
    assert!((185..=200).contains(&header.len()), "{}", header.len());
    let mut names = header.clone();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), header.len());
}

#[test]
fn shuffled_columns_hold_the_same_cells() {
    let plain = records(&text(&spec(20), &OutputSpec::new(Format::Focus12, Carrier::Csv)));
    let mut output = OutputSpec::new(Format::Focus12, Carrier::Csv);
    output.shuffle_columns = Some(5);
    let shuffled = records(&text(&spec(20), &output));
    assert_ne!(plain[0], shuffled[0]);
    for (i, name) in plain[0].iter().enumerate() {
        let j = shuffled[0].iter().position(|n| n == name).unwrap();
        assert!(plain.iter().zip(&shuffled).all(|(a, b)| a[i] == b[j]));
    }
}

#[test]
fn compression_changes_the_bytes_and_not_the_text() {
    let plain = written(&spec(3000), &OutputSpec::new(Format::Focus10, Carrier::Csv));
    for word in ["gzip", "gzip:1", "gzip-multi", "zstd", "zstd:19"] {
        let output = OutputSpec::parse("focus-1.0", "csv", word).unwrap();
        let packed = written(&spec(3000), &output);
        let mut unpacked = Vec::new();
        if word.starts_with("zstd") {
            zstd::Decoder::new(packed.as_slice())
                .unwrap()
                .read_to_end(&mut unpacked)
                .unwrap();
        } else {
            flate2::read::MultiGzDecoder::new(packed.as_slice())
                .read_to_end(&mut unpacked)
                .unwrap();
        }
        assert!(packed.len() < plain.len() / 3 && unpacked == plain, "{word}");
    }
}

#[test]
fn options_that_no_file_has_are_refused() {
    for (carrier, compression) in [
        ("csv", "snappy"),
        ("parquet", "gzip-multi"),
        ("csv", "brotli"),
        ("xml", ""),
    ] {
        assert!(
            OutputSpec::parse("focus-1.0", carrier, compression).is_err(),
            "{carrier} {compression}"
        );
    }
    assert!(
        OutputSpec::parse("focus-9", "csv", "")
            .unwrap_err()
            .to_string()
            .contains("focus-1.2")
    );
}

#[test]
fn json_is_json_and_has_the_columns_of_the_csv() {
    for format in Format::ALL {
        let header = records(&text(&spec(0), &OutputSpec::new(*format, Carrier::Csv))).remove(0);
        let lines = text(&spec(60), &OutputSpec::new(*format, Carrier::Ndjson));
        assert_eq!(lines.lines().count(), 60);
        for line in lines.lines() {
            let row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
            assert_eq!(row.len(), header.len());
        }
    }
}

#[test]
fn a_charge_record_answer_has_its_envelope_and_its_sum() {
    let bill = BillSpec {
        rows: 300,
        ..BillSpec::qingcloud(2)
    };
    let output = OutputSpec::new(Format::QingcloudRecords, Carrier::Json);
    let document: serde_json::Value = serde_json::from_str(&text(&bill, &output)).unwrap();
    assert_eq!(document["action"], "GetChargeRecordsResponse");
    assert_eq!(document["total_count"], 300);
    let charges: Vec<Charge> = Bill::new(&bill).map(|c| carried(&c, &output)).collect();
    assert_eq!(
        document["total_sum"],
        naive::totals(&charges, &naive::Question::default())["CNY"].as_str()
    );
    let record = &document["charge_record_set"][0];
    assert!(record["fee"].is_string() && record["tags"].is_array() && record["currency"] == "cny");
}

/// Sums of a decimal column of a Parquet file, as the oracle adds.
fn parquet_sum(bytes: Vec<u8>, column: &str) -> (usize, String, usize) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
    let groups = reader.metadata().num_row_groups();
    let (mut rows, mut sum) = (0, naive::Big::default());
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        rows += batch.num_rows();
        let array = batch
            .column_by_name(column)
            .unwrap()
            .as_any()
            .downcast_ref::<Decimal128Array>()
            .unwrap();
        for i in (0..array.len()).filter(|i| array.is_valid(*i)) {
            sum.add_decimal(crate::Decimal::new(array.value(i), array.scale() as u8));
        }
    }
    (rows, sum.to_string(), groups)
}

#[test]
fn parquet_holds_the_same_sums_under_every_codec() {
    let bill = BillSpec {
        rows: 2500,
        scales: (0, 28),
        ..spec(0)
    };
    let charges: Vec<Charge> = Bill::new(&bill).collect();
    let mut exact = naive::Big::default();
    for charge in &charges {
        exact.add_decimal(charge.billed_cost);
    }
    for codec in ["none", "snappy", "zstd:9", "gzip", "lz4_raw"] {
        let mut output = OutputSpec::parse("focus-1.2", "parquet", codec).unwrap();
        output.row_group_rows = 1000;
        output.dictionary = codec != "none";
        assert_eq!(
            parquet_sum(written(&bill, &output), "BilledCost"),
            (2500, exact.to_string(), 3),
            "{codec}"
        );
    }
}

#[test]
fn a_number_that_no_decimal128_holds_is_refused() {
    let wide = |mantissa, scale| Charge {
        billed_cost: crate::Decimal::new(mantissa, scale),
        ..Charge::default()
    };
    let charges = [wide(1, 38), wide(10, 0)];
    let output = OutputSpec::new(Format::Focus12, Carrier::Parquet);
    assert!(write_charges(&charges, &output, &mut Vec::new()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn cells_come_back_from_a_csv_as_they_were(charges in strategies::charges(20)) {
        let mut bytes = Vec::new();
        write_charges(&charges, &OutputSpec::new(Format::Focus12, Carrier::Csv), &mut bytes).unwrap();
        let records = records(std::str::from_utf8(&bytes).unwrap());
        let column = |name: &str| records[0].iter().position(|n| n == name).unwrap();
        for (charge, record) in charges.iter().zip(&records[1..]) {
            prop_assert_eq!(&record[column("ResourceName")], &charge.resource_name);
            prop_assert_eq!(crate::Decimal::parse(&record[column("BilledCost")]), Some(charge.billed_cost));
            let tags = &record[column("Tags")];
            if !charge.tags.is_empty() {
                let tags: serde_json::Map<String, serde_json::Value> = serde_json::from_str(tags).unwrap();
                for tag in &charge.tags {
                    let value = tag.value.clone().map_or(serde_json::Value::Bool(true), serde_json::Value::String);
                    prop_assert_eq!(tags.get(&tag.key), Some(&value));
                }
            }
        }
    }
}
