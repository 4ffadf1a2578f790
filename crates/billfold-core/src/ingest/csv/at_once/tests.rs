//! Columns read at once hold what their fields hold one by one, on every machine.

use proptest::prelude::*;

use super::super::{Columns, Dialect, RecordIndex};
use crate::money::{Amount, parse_short};
use crate::time::parse_zulu;

/// Records of eight cells: mostly times, amounts or a word, column by column.
fn typed_table() -> impl Strategy<Value = Vec<u8>> {
    let time = || {
        prop::sample::select(vec![
            "2024-02-29T23:59:59Z",
            "1999-12-31T00:00:00Z",
            "2024-03-01T10:00:00Z",
        ])
    };
    let amount = || {
        prop::sample::select(vec![
            "0.5",
            "-12",
            "1234567.25",
            "0.000000001",
            "99999999999.5",
            "7",
        ])
    };
    let odd = prop::sample::select(vec![
        "",
        "x",
        "2024-02-30T00:00:00Z",
        "\"7\"",
        "1e3",
        "0.12345678901234567890",
    ]);
    let column = (0..3_u8, prop::bool::weighted(0.3)).prop_flat_map(move |(kind, may_be_odd)| {
        let cell = match kind {
            0 => time().boxed(),
            1 => amount().boxed(),
            _ => Just("CNY").boxed(),
        };
        let cell = if may_be_odd {
            prop_oneof![20 => cell, 1 => odd.clone()].boxed()
        } else {
            cell
        };
        prop::collection::vec(cell, 12..=12)
    });
    (prop::collection::vec(column, 8..=8), 1_usize..12).prop_map(|(columns, n_rows)| {
        let row = |r: usize| {
            columns
                .iter()
                .map(|column| column[r])
                .collect::<Vec<_>>()
                .join(",")
                + "\n"
        };
        (0..n_rows).map(row).collect::<String>().into_bytes()
    })
}

fn short_amount(text: &[u8]) -> Option<Amount> {
    let mut word = [0; 16];
    word.get_mut(..text.len())?.copy_from_slice(text);
    let (mantissa, scale) = parse_short(u128::from_le_bytes(word), text.len())?;
    Amount::new(i128::from(mantissa), scale)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_long_record_is_told_wherever_it_stands(
        lengths in prop::collection::vec(prop_oneof![4 => 0_usize..6, 1 => 0_usize..40], 0..12),
        may_lack_end in any::<bool>(),
        limit in 1_usize..40,
    ) {
        let mut bytes: Vec<u8> = lengths.iter().flat_map(|n| format!("{}\n", "x".repeat(*n)).into_bytes()).collect();
        if may_lack_end {
            bytes.pop();
        }
        let mut index = RecordIndex::new();
        let records = index.index(&bytes, Dialect::COMMA, Columns::all(1)).unwrap();
        let spans: Vec<usize> = (0..records.len()).map(|r| records.span(r).len()).collect();
        let may_be_longer = records.may_be_longer(limit);
        prop_assert!(may_be_longer || spans.iter().all(|n| *n <= limit));
        // Blank lines count with the record before them.
        let starts = (0..records.len()).map(|r| records.record(r).start).chain([bytes.len()]);
        let starts: Vec<usize> = starts.collect();
        prop_assert_eq!(may_be_longer, starts.windows(2).any(|pair| pair[1] - pair[0] > limit));
    }

    #[test]
    fn a_column_read_at_once_holds_what_its_fields_hold(
        bytes in typed_table(),
        kept in any::<bool>(),
        steady in prop::sample::subsequence(vec![0, 3, 7], 0..=3),
        crlf in any::<bool>(),
    ) {
        let bytes = if crlf { bytes.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]) } else { bytes };
        let mut index = RecordIndex::new();
        let columns = if kept { Columns::some(8, &[0, 3, 7], &steady) } else { Columns::all(8) };
        let records = index.index(&bytes, Dialect::COMMA, columns).unwrap();
        for column in if kept { vec![0, 3, 7] } else { (0..8).collect() } {
            let texts: Vec<&[u8]> = (0..records.len()).map(|r| records.field(r, column).raw).collect();
            let quoted = (0..records.len()).any(|r| records.field(r, column).quoted);
            let instants: Option<Vec<i64>> =
                texts.iter().map(|text| parse_zulu(text.as_array::<20>()?)).collect();
            prop_assert_eq!(records.zulu_instants(column), instants.filter(|_| !quoted && records.even));
            let amounts: Option<Vec<Amount>> = texts.iter().map(|text| short_amount(text)).collect();
            let read = records.short_amounts(column).map(|(amounts, scale)| {
                amounts.into_iter().map(|mantissa| Amount::new(mantissa, scale).unwrap()).collect()
            });
            prop_assert_eq!(read, amounts.filter(|_| !quoted && records.even));
            let mut short = Vec::new();
            let all_short = records.each_short(column, |word, text| {
                assert!(word.to_le_bytes().starts_with(text));
                short.push(text);
            });
            let expected = records.even && !quoted && texts.iter().all(|text| text.len() < 16);
            prop_assert_eq!(all_short, expected);
            if all_short {
                prop_assert_eq!(&short, &texts);
            }
            let same = texts.first().filter(|first| {
                first.len() <= 16 && !quoted && records.even && texts.iter().all(|text| text == *first)
            });
            prop_assert_eq!(records.same_text(column).filter(|text| !text.starts_with(b"\"")), same.copied());
        }
    }
}

#[test]
fn a_time_with_any_byte_changed_is_read_alike_on_every_machine() {
    let columns = Columns::all(3);
    let mut index = RecordIndex::new();
    for sound in [
        "2024-02-29T23:59:59Z",
        "1970-01-01T00:00:00Z",
        "2099-12-31T19:48:07Z",
        "2023-10-10T10:20:30Z",
    ] {
        for at in 0..20 {
            for byte in (0..=255).filter(|byte| !b",\n\r\"".contains(byte)) {
                let mut text: [u8; 20] = sound.as_bytes().try_into().unwrap();
                text[at] = byte;
                let bill = [b"a,".as_slice(), &text, b",b\n"].concat();
                let records = index.index(&bill, Dialect::COMMA, columns.clone()).unwrap();
                let expected = parse_zulu(&text).map(|instant| vec![instant]);
                assert_eq!(records.zulu_instants(1), expected, "{}", text.escape_ascii());
            }
        }
    }
}

#[test]
fn an_amount_with_any_byte_changed_is_read_alike_on_every_machine() {
    let columns = Columns::all(3);
    let mut index = RecordIndex::new();
    let sound = [
        "0",
        "-1.5",
        "12345678",
        "-0.1234567",
        "390.168",
        "1234567890.12345",
        "-99999999999999",
        "9999999999999999",
    ];
    for sound in sound {
        for (at, byte) in (0..sound.len()).flat_map(|at| (0..=255).map(move |byte| (at, byte))) {
            if b",\n\r\"".contains(&byte) {
                continue;
            }
            let mut text = sound.as_bytes().to_vec();
            text[at] = byte;
            // In the middle of the bytes, and at their end.
            for behind in [&b",some text behind it\n"[..], b",\n"] {
                let bill = [b"a,".as_slice(), &text, behind].concat();
                let records = index.index(&bill, Dialect::COMMA, columns.clone()).unwrap();
                let read = records.short_amounts(1);
                let read = read.map(|(amounts, scale)| Amount::new(amounts[0], scale).unwrap());
                assert_eq!(read, short_amount(&text), "{}", text.escape_ascii());
            }
        }
    }
}
