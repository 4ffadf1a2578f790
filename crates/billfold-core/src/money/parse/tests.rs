//! The catalogue of numbers in text, and agreement with a slow reader of digit strings.

use super::*;
use proptest::prelude::*;

fn parsed(text: &str) -> Result<(i128, u8), AmountError> {
    Amount::parse(text.as_bytes()).map(|amount| (amount.mantissa(), amount.scale()))
}

fn printed(text: &str) -> Result<String, AmountError> {
    Amount::parse(text.as_bytes()).map(|amount| amount.to_string())
}

fn nines(count: usize) -> String {
    "9".repeat(count)
}

fn zeros(count: usize) -> String {
    "0".repeat(count)
}

#[test]
fn plain_decimals_keep_their_scale() {
    for (text, mantissa, scale) in [
        ("0", 0, 0),
        ("7", 7, 0),
        ("42", 42, 0),
        ("123", 123, 0),
        ("1.5", 15, 1),
        ("0.1", 1, 1),
        ("-0.10", -10, 2),
        (".5", 5, 1),
        ("5.", 5, 0),
        ("55.", 55, 0),
        ("-0", 0, 0),
        ("-0.00", 0, 2),
        ("+5", 5, 0),
        ("12345.678", 12345678, 3),
        ("0.00001605990", 1605990, 11),
        ("1234567890123456", 1234567890123456, 0),
        ("123456789012345.", 123456789012345, 0),
        (".123456789012345", 123456789012345, 15),
        ("12345678901234567", 12345678901234567, 0),
        (".1234567890123456", 1234567890123456, 16),
        ("1.1234567890123456", 11234567890123456, 16),
        ("1234567890123456.7", 12345678901234567, 1),
        ("12345678901234567.", 12345678901234567, 0),
        ("0.000145833333333333333333", 145833333333333333333, 24),
        ("-1834567.123456789012345678", -1834567123456789012345678, 18),
        (
            "12345678901234567890123456789012",
            12345678901234567890123456789012,
            0,
        ),
        (
            "1.234567890123456789012345678901",
            1234567890123456789012345678901,
            30,
        ),
        ("00000000000000000000000000000000000000000000000000001.50", 150, 2),
    ] {
        assert_eq!(parsed(text), Ok((mantissa, scale)), "{text}");
    }
}

#[test]
fn exponents_are_exact() {
    for (text, mantissa, scale) in [
        ("1e-7", 1, 7),
        ("35.2E-7", 352, 8),
        ("1E5", 100000, 0),
        ("1e+5", 100000, 0),
        ("5.2e-09", 52, 10),
        ("2.323760000E-9", 2323760000, 18),
        ("1.50e1", 150, 1),
        (".5e1", 5, 0),
        ("5.e-1", 5, 1),
        ("0E-10", 0, 10),
        ("1e37", POW10[37], 0),
        ("1e-38", 1, 38),
        ("1e000000000000000000000000000000000000005", 100000, 0),
    ] {
        assert_eq!(parsed(text), Ok((mantissa, scale)), "{text}");
    }
    // Zeros that an exponent takes back again are free, however many.
    assert_eq!(parsed(&format!("1{}e-20000", zeros(20000))), Ok((1, 0)));
    assert_eq!(parsed(&format!("0.{}1e20000", zeros(20000))), Ok((1, 1)));
}

#[test]
fn giant_exponents_are_refused_without_a_power() {
    for text in [
        "1e70000",
        "1e-70000",
        "1e999999999999",
        "-1e-999999999999",
        "1e99999999999999999999999999999",
    ] {
        assert_eq!(parsed(text), Err(AmountError::Range), "{text}");
    }
    assert_eq!(parsed("1e38"), Err(AmountError::Range));
    assert_eq!(parsed("1e308"), Err(AmountError::Range));
    assert_eq!(parsed("5e-324"), Err(AmountError::Scale));
    for text in ["0e-70000", "0e70000", "-0.000e999999999999"] {
        assert_eq!(parsed(text), Ok((0, 0)), "{text}");
    }
}

#[test]
fn more_than_38_decimals_are_refused_and_trailing_zeros_are_free() {
    assert_eq!(parsed(&format!("0.{}1", zeros(37))), Ok((1, 38)));
    assert_eq!(parsed(&format!("0.{}1", zeros(38))), Err(AmountError::Scale));
    assert_eq!(parsed("1e-39"), Err(AmountError::Scale));
    assert_eq!(parsed(&format!("1.{}", zeros(60))), Ok((1, 0)));
    assert_eq!(parsed(&format!("1.5{}", zeros(60))), Ok((15, 1)));
    assert_eq!(parsed(&format!("0.{}", zeros(60))), Ok((0, 0)));
    assert_eq!(parsed("10e-39"), Ok((1, 38)));
}

#[test]
fn more_than_38_digits_are_refused_whatever_their_number() {
    assert_eq!(parsed(&nines(38)), Ok((POW10[38] - 1, 0)));
    assert_eq!(
        parsed(&format!("-{}.{}", nines(20), nines(18))),
        Ok((1 - POW10[38], 18))
    );
    assert_eq!(
        parsed(&format!("{}{}", zeros(9000), nines(38))),
        Ok((POW10[38] - 1, 0))
    );
    assert_eq!(
        parsed(&format!("{}.{}", nines(20), nines(19))),
        Err(AmountError::Range)
    );
    assert_eq!(parsed(&nines(39)), Err(AmountError::Range));
    assert_eq!(parsed(&nines(10_000)), Err(AmountError::Range));
    assert_eq!(parsed(&format!("1{}", zeros(38))), Err(AmountError::Range));
    assert_eq!(parsed(&format!("0.{}", nines(10_000))), Err(AmountError::Scale));
}

#[test]
fn what_is_not_a_number_is_refused() {
    for text in [
        // no digits
        "",
        "-",
        "+",
        ".",
        "-.",
        "+.",
        "e",
        "e5",
        ".e5",
        "-e5",
        "1e",
        "1e+",
        "1e-",
        "1.5e",
        "--1",
        "+-1",
        "1..2",
        "1.2.3",
        "12345678.1234567.12345",
        "1.2e3.4",
        "1e5e5",
        // not finite
        "NaN",
        "nan",
        "inf",
        "-Infinity",
        "Infinity",
        "+inf",
        // words and nulls
        "N/A",
        "null",
        "NULL",
        "None",
        "—",
        "abc",
        "",
        // separators
        "1,234.56",
        "1.234,56",
        "1 234,56",
        "1'234.56",
        "1,20",
        "1_000",
        "10_000.00",
        // signs and units
        "$1.00",
        "$10,000.00",
        "¥1.00",
        "1.00 CNY",
        "(1.00)",
        "1.00-",
        "1.00CR",
        "5%",
        // other notations
        "0x10",
        "1/2",
        "1 1/2",
        "٣",
        "１２",
        "1e5f",
        "1f64",
        "1d",
        // blanks
        " 1",
        "1 ",
        "\t1",
        "1\r",
        "1\n",
        "\u{feff}1",
        "1\0",
        "- 1",
        // the neighbours of the digits
        "1:2",
        "1/2",
        "/1",
        ":",
        "1234567:",
        "12345678901234567:",
    ] {
        assert_eq!(parsed(text), Err(AmountError::Syntax), "{text:?}");
    }
}

#[test]
fn a_null_is_not_a_zero() {
    for text in ["", "-", "NULL", "null", "None"] {
        assert_eq!(parse_cell(text.as_bytes()), Ok(None), "{text:?}");
    }
    for text in ["Null", "none", "--", " ", "N/A", "—", "nil"] {
        assert_eq!(parse_cell(text.as_bytes()), Err(AmountError::Syntax), "{text:?}");
    }
    assert_eq!(parse_cell(b"0"), Ok(Some(Amount::ZERO)));
    assert_eq!(parse_cell(b"1e999"), Err(AmountError::Range));
}

#[test]
fn codes_are_stable_and_the_hint_names_thousands_separators() {
    assert_eq!(AmountError::Syntax.code(), "num.syntax");
    assert_eq!(AmountError::Scale.code(), "num.scale");
    assert_eq!(AmountError::Range.code(), "num.range");
    assert!(AmountError::Syntax.expected().contains("thousands separators"));
    assert!(AmountError::Range.to_string().starts_with("num.range: expected"));
}

#[test]
fn a_double_is_its_shortest_decimal() {
    for (value, text) in [
        (0.1, "0.1"),
        (0.30000000000000004, "0.30000000000000004"),
        (1e-7, "0.0000001"),
        (0.00001605990, "0.0000160599"),
        (-2.5, "-2.5"),
        (-0.0, "0"),
        (0.0, "0"),
        (9007199254740993.0, "9007199254740992"),
        (1e22, "10000000000000000000000"),
        (1.5e37, "15000000000000000000000000000000000000"),
        (1234567.125, "1234567.125"),
    ] {
        assert_eq!(Amount::from_f64(value).unwrap().to_string(), text);
    }
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(Amount::from_f64(value), Err(AmountError::Syntax));
    }
    assert_eq!(Amount::from_f64(5e-324), Err(AmountError::Scale));
    assert_eq!(Amount::from_f64(-f64::MIN_POSITIVE), Err(AmountError::Scale));
    assert_eq!(Amount::from_f64(f64::MAX), Err(AmountError::Range));
}

/// The same law on digit strings, without any of the shortcuts: the canonical text, or why not.
fn model(text: &str) -> Result<String, AmountError> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (number, exponent) = match unsigned.find(['e', 'E']) {
        Some(place) => (&unsigned[..place], &unsigned[place + 1..]),
        None => (unsigned, "0"),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned_exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    if !all_digits(whole)
        || !all_digits(fraction)
        || (whole.is_empty() && fraction.is_empty())
        || unsigned_exponent.is_empty()
        || !all_digits(unsigned_exponent)
    {
        return Err(AmountError::Syntax);
    }
    // The generator writes no exponent that leaves 64 bits.
    let exponent: i64 = exponent.parse().unwrap();
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Ok("0".to_owned());
    }
    let trailing = digits.len() - digits.trim_end_matches('0').len();
    let scale = fraction.len() as i64 - exponent - trailing as i64;
    if scale > 38 {
        return Err(if exponent.abs() > 9999 {
            AmountError::Range
        } else {
            AmountError::Scale
        });
    }
    if significant.len() as i64 + (-scale).max(0) > 38 {
        return Err(AmountError::Range);
    }
    let mut out = significant.to_owned();
    if scale < 0 {
        out.push_str(&zeros(-scale as usize));
    } else if scale > 0 {
        while (out.len() as i64) <= scale {
            out.insert(0, '0');
        }
        out.insert(out.len() - scale as usize, '.');
    }
    Ok(if negative { format!("-{out}") } else { out })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn plain_numbers_agree_with_the_model(text in "[+-]?[0-9]{0,20}(\\.[0-9]{0,20})?") {
        prop_assert_eq!(printed(&text), model(&text));
    }

    #[test]
    fn long_numbers_agree_with_the_model(
        text in "[+-]?0{0,30}[0-9]{0,45}(\\.0{0,30}[0-9]{0,10}0{0,30})?([eE][+-]?[0-9]{1,2})?",
    ) {
        prop_assert_eq!(printed(&text), model(&text));
    }

    #[test]
    fn far_exponents_agree_with_the_model(text in "[0-9]{1,3}(\\.[0-9]{0,3})?[eE][+-]?[0-9]{1,18}") {
        prop_assert_eq!(printed(&text), model(&text));
    }

    #[test]
    fn strange_texts_agree_with_the_model(text in "[-+.,eE0-9 _$]{0,40}") {
        prop_assert_eq!(printed(&text), model(&text));
    }

    #[test]
    fn the_scale_is_the_number_of_decimals_written(text in "[0-9]{0,18}\\.[0-9]{1,20}") {
        let decimals = text.len() - text.find('.').unwrap() - 1;
        prop_assert_eq!(usize::from(Amount::parse(text.as_bytes()).unwrap().scale()), decimals);
    }

    #[test]
    fn one_strange_byte_spoils_any_number(
        text in "[0-9]{1,34}", at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        prop_assume!(!byte.is_ascii_digit() && !b".eE".contains(&byte));
        let mut text = text.into_bytes();
        let at = at.index(text.len());
        prop_assume!(at > 0 || !b"+-".contains(&byte));
        text[at] = byte;
        prop_assert_eq!(Amount::parse(&text), Err(AmountError::Syntax));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = Amount::parse(&bytes);
        let _ = parse_cell(&bytes);
    }

    #[test]
    fn a_double_reads_back_to_the_same_double(bits in any::<u64>(), large in -1e15f64..1e15, small in 0f64..1e-3) {
        for value in [f64::from_bits(bits), large, small] {
            if let Ok(amount) = Amount::from_f64(value) {
                let back: f64 = amount.to_string().parse().unwrap();
                prop_assert!(back.to_bits() == value.to_bits() || amount.is_zero(), "{value:e} became {amount}");
            }
        }
    }
}
