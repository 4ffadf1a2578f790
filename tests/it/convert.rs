//! A converted bill answers every question as the bill did, to the byte.
//!
//! Not here: what the right answer is (`naive`).

use billfold_core::convert::{Carrier, ConvertOptions, Packing, Schema, convert, verify};
use billfold_core::query::ChargeQuery;
use billfold_testkit::strategies::{charges, narrow_charges, question};
use billfold_testkit::{Carrier as Written, Charge, Format, OutputSpec};
use proptest::prelude::*;

use crate::asked::{self, Cut};
use crate::support::Folder;

pub(crate) const TARGETS: [(Carrier, &str); 3] = [
    (Carrier::Parquet, "parquet"),
    (Carrier::Csv, "csv"),
    (Carrier::Ndjson, "ndjson"),
];

/// Converts a file in runs of a few rows; gives the path of the new one.
pub(crate) fn converted(
    folder: &Folder,
    file: &str,
    schema: Schema,
    carrier: Carrier,
    ending: &str,
) -> String {
    let path = folder.path().to_owned();
    let mut n_runs = 0;
    let options = ConvertOptions {
        schema,
        carrier,
        packing: Packing::Plain,
        default_currency: None,
        run_rows: 7,
        spill: Box::new(move || {
            n_runs += 1;
            let run = path.join(format!("{ending}-{n_runs}.run"));
            let mut open = std::fs::OpenOptions::new();
            Ok(open
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(run)
                .unwrap())
        }),
    };
    let mut out = Vec::new();
    let done = convert(&[file.to_owned()], options, &mut out, Cut::SMALL.options()).unwrap();
    assert!(done.is_written, "{:#?}", done.rejects);
    let written = folder.put(&format!("converted-{schema:?}.{ending}"), out);
    verify(&written, &done, &Cut::NONE.options()).unwrap();
    written
}

fn check(rows: &[Charge], format: Format, carrier: Written, query: &ChargeQuery) {
    let folder = Folder::new();
    let file = asked::put(&folder, "bill", rows, &OutputSpec::new(format, carrier));
    let hash = |file: &str| {
        asked::outcome(&[file.to_owned()], query, Cut::NONE)
            .receipt
            .answer_sha256
    };
    let expected = hash(&file);
    for schema in [Schema::Charges, Schema::Focus12] {
        for (carrier, ending) in TARGETS {
            let written = converted(&folder, &file, schema, carrier, ending);
            assert_eq!(hash(&written), expected, "{schema:?} as {ending}");
        }
    }
}

proptest! {
    #![proptest_config(asked::cases(48))]

    #[test]
    fn a_converted_bill_answers_every_question_as_the_bill_did(rows in charges(40), question in question()) {
        prop_assume!(!rows.is_empty() && !asked::contradicts_itself(&question));
        check(&rows, Format::Focus12, Written::Csv, &asked::query(&question));
    }

    #[test]
    fn so_does_one_from_parquet_and_from_json(rows in narrow_charges(40), question in question()) {
        prop_assume!(!rows.is_empty() && !asked::contradicts_itself(&question));
        let query = asked::query(&question);
        check(&rows, Format::Focus14, Written::Parquet, &query);
        check(&rows, Format::Focus10, Written::Ndjson, &query);
    }
}
