//! Catalogue C: numbers and decimals.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal32Array, Decimal64Array, Decimal128Array, Decimal256Array, Float32Array, Float64Array,
    Int64Array,
};
use arrow::datatypes::i256;

use crate::support::{ask, bill, costing, parquet};

/// Each cell is an amount of this value.
#[track_caller]
fn accepts(cells: &[(&str, &str)]) {
    for (cell, value) in cells {
        ask(&bill(&[costing(cell)])).gives(&format!("USD {value} of 1"));
    }
}

/// Each cell rejects its row with this code, and the cell is named as it stands.
#[track_caller]
fn rejects(code: &str, cells: &[&str]) {
    for cell in cells {
        let rows = [
            costing("1"),
            costing(&format!("\"{}\"", cell.replace('"', "\"\""))),
        ];
        let outcome = ask(&bill(&rows)).gives(&format!("USD 1 of 1; 2:3 {code}"));
        assert_eq!(outcome.rejects[0].text, **cell);
        assert_eq!(outcome.rejects[0].location.column.as_deref(), Some("BilledCost"));
    }
}

#[test]
fn c01_plain_decimals_are_exact() {
    accepts(&[
        ("0.1", "0.1"),
        ("-0.10", "-0.1"),
        (".5", "0.5"),
        ("5.", "5"),
        ("-0", "0"),
        ("+5", "5"),
        ("007", "7"),
        (
            "0.00000000000000000000000000000000000001",
            "0.00000000000000000000000000000000000001",
        ),
        (
            "99999999999999999999999999999999999999",
            "99999999999999999999999999999999999999",
        ),
    ]);
}

#[test]
fn c02_exponents_are_exact() {
    accepts(&[
        ("1e-7", "0.0000001"),
        ("35.2E-7", "0.00000352"),
        ("1E5", "100000"),
        ("1e+5", "100000"),
        ("2.323760000E-9", "0.00000000232376"),
        ("0e99", "0"),
    ]);
}

#[test]
fn c03_exponents_beyond_all_use_are_refused_without_building_the_power() {
    rejects(
        "num.range",
        &["1e70000", "1e-70000", "1e999999999999", "1e-999999999999", "1e38"],
    );
}

#[test]
fn c04_decimals_beyond_the_38th_are_refused_unless_zero() {
    let zeros = "0".repeat(38);
    rejects("num.scale", &[&format!("0.{zeros}1"), "1e-39"]);
    accepts(&[(&format!("1.5{zeros}{zeros}"), "1.5")]);
}

#[test]
fn c05_ten_thousand_digits_are_refused_in_no_time() {
    rejects("num.range", &[&"9".repeat(10_000)]);
    rejects("num.scale", &[&format!("0.{}", "3".repeat(10_000))]);
    accepts(&[(&format!("{}7", "0".repeat(10_000)), "7")]);
}

#[test]
fn c06_what_is_not_a_number_is_refused() {
    rejects(
        "num.syntax",
        &["NaN", "nan", "inf", "-Infinity", "abc", ".", "e5", "1e", "--1"],
    );
}

#[test]
fn c07_five_spellings_are_no_value_and_no_other_is() {
    for cell in ["", "NULL", "null", "None", "-"] {
        let outcome = ask(&bill(&[costing(cell), costing("1")])).gives("USD 1 of 2");
        assert_eq!(outcome.receipt.notes.get("cost empty"), Some(&1), "{cell:?}");
    }
    rejects("num.syntax", &["N/A", "—", "none", "Null", "n/a", "nil"]);
}

#[test]
fn c08_separators_of_thousands_and_decimal_commas_are_refused() {
    rejects(
        "num.syntax",
        &["1,234.56", "1.234,56", "1 234,56", "1'234.56", "1,20"],
    );
}

#[test]
fn c09_signs_of_money_brackets_and_percents_are_refused() {
    rejects(
        "num.syntax",
        &[
            "$1.00",
            "$10,000.00 ",
            "¥1.00",
            "1.00 CNY",
            "(1.00)",
            "1.00-",
            "1.00CR",
            "5%",
        ],
    );
}

#[test]
fn c10_underscores_are_refused() {
    rejects("num.syntax", &["1_000", "_1", "1_"]);
}

#[test]
fn c11_other_notations_are_refused() {
    rejects("num.syntax", &["0x10", "1/2", "1 1/2", "٣", "1d", "1.0f", "TRUE"]);
}

#[test]
fn c12_spaces_around_an_amount_are_refused() {
    rejects("num.syntax", &[" 1", "1 ", "\t1", "1\r", "\n1"]);
}

/// A Parquet bill with this column of costs.
fn parquet_costs(costs: ArrayRef) -> Vec<u8> {
    let starts: ArrayRef = Arc::new(arrow::array::StringArray::from(vec!["2024-03-01"; costs.len()]));
    let currencies: ArrayRef = Arc::new(arrow::array::StringArray::from(vec!["USD"; costs.len()]));
    parquet(&[
        ("ChargePeriodStart", starts),
        ("BillingCurrency", currencies),
        ("BilledCost", costs),
    ])
}

#[test]
fn c13_a_double_is_the_shortest_decimal_that_reads_back() {
    let doubles = Float64Array::from(vec![0.1, 0.2, 1e-7, 20.52022672899]);
    ask(&parquet_costs(Arc::new(doubles))).gives("USD 20.82022682899 of 4");
    let floats = Float32Array::from(vec![0.1, 0.2]);
    ask(&parquet_costs(Arc::new(floats))).gives("USD 0.3 of 2");
}

#[test]
fn c14_doubles_that_are_no_amounts_are_refused() {
    let doubles = Float64Array::from(vec![
        Some(1.0),
        Some(f64::NAN),
        Some(f64::INFINITY),
        Some(f64::NEG_INFINITY),
        Some(-0.0),
        Some(5e-324),
        Some(1e300),
        None,
    ]);
    ask(&parquet_costs(Arc::new(doubles)))
        .gives("USD 1 of 3; 2 num.syntax; 3 num.syntax; 4 num.syntax; 6 num.scale; 7 num.range");
}

#[test]
fn c15_decimals_of_every_width_are_exact() {
    let small = Decimal32Array::from(vec![10, 20]).with_precision_and_scale(9, 2);
    ask(&parquet_costs(Arc::new(small.unwrap()))).gives("USD 0.3 of 2");
    let middle = Decimal64Array::from(vec![10, 20]).with_precision_and_scale(18, 2);
    ask(&parquet_costs(Arc::new(middle.unwrap()))).gives("USD 0.3 of 2");
    for (precision, scale, sum) in [
        (38, 2, "0.3"),
        (9, 2, "0.3"),
        (18, 9, "0.00000003"),
        (38, 38, "0.0000000000000000000000000000000000003"),
        (38, 0, "30"),
    ] {
        let costs = Decimal128Array::from(vec![10, 20]).with_precision_and_scale(precision, scale);
        ask(&parquet_costs(Arc::new(costs.unwrap()))).gives(&format!("USD {sum} of 2"));
    }
    let wide = [i256::from_i128(10), i256::from_i128(20)].map(Some);
    let wide = Decimal256Array::from_iter(wide).with_precision_and_scale(76, 10);
    ask(&parquet_costs(Arc::new(wide.unwrap()))).gives("USD 0.000000003 of 2");
}

#[test]
fn c15_a_decimal_of_more_digits_than_an_amount_has_is_refused() {
    let wide = i256::from_string(&format!("1{}", "0".repeat(50))).unwrap();
    let costs =
        Decimal256Array::from_iter([Some(wide + i256::ONE), Some(i256::ONE)]).with_precision_and_scale(76, 0);
    ask(&parquet_costs(Arc::new(costs.unwrap()))).gives("USD 1 of 1; 1 num.range");
}

#[test]
fn c16_whole_numbers_in_parquet_are_whole_units() {
    let costs = Int64Array::from(vec![Some(i64::MAX), Some(1), None]);
    ask(&parquet_costs(Arc::new(costs))).gives("USD 9223372036854775808 of 3");
}

#[test]
fn c17_a_json_number_is_its_text() {
    let line = |cost: &str| {
        format!(
            "{{\"ChargePeriodStart\":\"2024-03-01T00:00:00Z\",\"BillingCurrency\":\"USD\",\"BilledCost\":{cost}}}\n"
        )
    };
    for (cost, value) in [
        ("0.1", "0.1"),
        ("0.10", "0.1"),
        ("\"0.1\"", "0.1"),
        ("1e-7", "0.0000001"),
        (
            "0.12345678901234567890123456789",
            "0.12345678901234567890123456789",
        ),
        ("12345678901234567890123456789", "12345678901234567890123456789"),
    ] {
        ask(&line(cost))
            .named("bill.ndjson")
            .gives(&format!("USD {value} of 1"));
    }
    let text = [
        line("1"),
        line("true"),
        line("[1]"),
        line("\"1,20\""),
        line("null"),
    ]
    .concat();
    ask(&text)
        .named("bill.ndjson")
        .gives("USD 1 of 2; 2:2 num.syntax; 3:3 num.syntax; 4:4 num.syntax");
}

#[test]
fn c18_scales_mix_in_one_column() {
    let tiny = "0.00000000000000000000000000000000000001";
    let rows = ["1", "2.25", "0.0000000000000000000000000003", tiny].map(costing);
    ask(&bill(&rows)).gives("USD 3.25000000000000000000000000030000000001 of 4");
}

#[test]
fn c19_great_and_tiny_amounts_add_up() {
    let rows = ["1e20", "1e-18", "-1e20"].map(costing);
    ask(&bill(&rows)).gives("USD 0.000000000000000001 of 3");
}

const NINES: &str = "99999999999999999999999999999999999999";

#[test]
fn c20_a_sum_beyond_128_bits_is_exact() {
    let rows = vec![costing(NINES); 20];
    ask(&bill(&rows)).gives("USD 1999999999999999999999999999999999999980 of 20");
}

#[test]
fn c21_a_sum_beyond_256_bits_stops_the_run() {
    let mut rows = vec![costing(NINES); 6];
    rows.push(costing("1e-38"));
    ask(&bill(&rows)).fails("overflow num.overflow", &["total"]);
    rows.reverse();
    ask(&bill(&rows)).fails("overflow num.overflow", &["total"]);
}

#[test]
fn c22_the_edges_of_128_bits_neither_wrap_nor_panic() {
    rejects(
        "num.range",
        &[
            "-170141183460469231731687303715884105728",
            "170141183460469231731687303715884105727",
            "-170141183460469231731687303715884105729",
            "340282366920938463463374607431768211456",
        ],
    );
    let rows = [costing(&format!("-{NINES}")), costing(NINES), costing("-1")];
    ask(&bill(&rows)).gives("USD -1 of 3");
}

#[test]
fn c23_a_product_of_sixty_digits_is_compared_exactly() {
    let rule = |cost: &str| {
        let text = format!(
            "BilledCost,ListCost,ListUnitPrice,PricingQuantity,BillingCurrency,ChargePeriodStart,ChargeCategory\n\
             1,{cost},123456789012345678901234567890,1000000000000.000000000000000001,USD,2024-03-01,Usage\n"
        );
        let folder = crate::support::Folder::new();
        let path = folder.put("bill.csv", text);
        let options = billfold_core::dataset::RunOptions::default();
        let report = billfold_core::check::check(&[path], 1, &options).unwrap();
        let found = report
            .findings
            .into_iter()
            .find(|f| f.rule.id == "ListCost-C-009");
        found.map(|f| f.examples[0].text.clone())
    };
    let text = rule("12").unwrap();
    assert!(
        text.contains(" = 123456789012345678901234567890123456789012.34567890123456789, not 12;"),
        "{text}"
    );
    assert!(
        text.ends_with("difference 123456789012345678901234567890123456789000.34567890123456789"),
        "{text}"
    );
}
