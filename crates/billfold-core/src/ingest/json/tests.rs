//! Tests of the JSON splitter: layouts, limits, and cuts at any byte.

use std::io::Read;

use proptest::prelude::*;

use super::*;
use crate::error::ErrorClass;

const MEMBERS: &[&str] = &["charge_record_set", "items"];

struct Drip<'a> {
    bytes: &'a [u8],
    step: usize,
}

impl Read for Drip<'_> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let n = self.step.min(room.len()).min(self.bytes.len());
        room[..n].copy_from_slice(&self.bytes[..n]);
        self.bytes = &self.bytes[n..];
        Ok(n)
    }
}

/// The items of `text` with their lines, or the code and line of what stopped the work.
type Outcome = std::result::Result<Vec<(u64, String)>, (&'static str, Option<u64>)>;

fn split(text: &[u8], layout: Layout, chunk_size: usize, step: usize) -> Outcome {
    let mut chunker = ItemChunker::new(layout, MEMBERS, chunk_size, 1000);
    let mut input = Drip { bytes: text, step };
    let (mut items, mut n_chunks) = (Vec::new(), 0);
    loop {
        match chunker.next_chunk(&mut input) {
            Ok(None) => return Ok(items),
            Ok(Some(chunk)) => {
                assert_eq!(chunk.index, n_chunks);
                n_chunks += 1;
                let at = chunk.byte_offset as usize;
                assert_eq!(
                    *chunk.bytes,
                    text[at..at + chunk.bytes.len()],
                    "the offset is where the bytes are"
                );
                for i in 0..chunk.items.len() {
                    items.push((chunk.line(i), String::from_utf8_lossy(chunk.item(i)).into_owned()));
                }
                chunker.recycle(chunk);
            }
            Err(error) => return Err((error.kind().code(), error.location().line)),
        }
    }
}

#[track_caller]
fn check(text: &str, layout: Layout, items: &[(u64, &str)]) {
    assert_eq!(
        sniff_layout(text.as_bytes(), MEMBERS, true),
        Some(layout),
        "{text}"
    );
    let wanted: Vec<_> = items
        .iter()
        .map(|&(line, item)| (line, item.to_owned()))
        .collect();
    for size in [1, 7, 64, 4096] {
        assert_eq!(
            split(text.as_bytes(), layout, size, size).as_ref(),
            Ok(&wanted),
            "{text}, chunks of {size}"
        );
    }
}

#[track_caller]
fn check_error(text: &str, layout: Layout, code: &'static str, line: u64) {
    for size in [1, 7, 64, 4096] {
        assert_eq!(
            split(text.as_bytes(), layout, size, size),
            Err((code, Some(line))),
            "{text}, chunks of {size}"
        );
    }
}

#[test]
fn every_line_of_ndjson_is_an_item_good_or_bad() {
    check(
        "{\"a\":1}\n{\"a\":2}\n",
        Layout::Lines,
        &[(1, "{\"a\":1}"), (2, "{\"a\":2}")],
    );
    check(
        "\u{feff}{\"a\":1}\r\n\r\n  \n {\"a\":2}",
        Layout::Lines,
        &[(1, "{\"a\":1}"), (4, "{\"a\":2}")],
    );
    check(
        "{\"a\":1\n{\"a\":2}\n}{\n",
        Layout::Lines,
        &[(1, "{\"a\":1"), (2, "{\"a\":2}"), (3, "}{")],
    );
    check(
        "{\"a\":\"{\\\"\\n\"} x\n{\"b\":[]}",
        Layout::Lines,
        &[(1, "{\"a\":\"{\\\"\\n\"} x"), (2, "{\"b\":[]}")],
    );
    check("garbage\n{}\n", Layout::Lines, &[(1, "garbage"), (2, "{}")]);
}

#[test]
fn objects_may_follow_each_other_over_any_number_of_lines() {
    check(
        "{\n \"a\": 1\n}\n{\"a\":\n2}",
        Layout::Concatenated,
        &[(1, "{\n \"a\": 1\n}"), (4, "{\"a\":\n2}")],
    );
    check(
        "{\"a\":1} {\"a\":2}{}\n",
        Layout::Concatenated,
        &[(1, "{\"a\":1}"), (1, "{\"a\":2}"), (1, "{}")],
    );
}

#[test]
fn the_elements_of_the_one_array_are_items() {
    check("[]", Layout::Array, &[]);
    check(
        " [ {\"a\":[1,2]} ,\n{\"b\":\"]},\"}]\n",
        Layout::Array,
        &[(1, "{\"a\":[1,2]}"), (2, "{\"b\":\"]},\"}")],
    );
    // What is no object is an item too, so that it is refused as a row and not lost.
    check(
        "[1, \"x\\\"]\" ,null,[2],true]",
        Layout::Array,
        &[(1, "1"), (1, "\"x\\\"]\""), (1, "null"), (1, "[2]"), (1, "true")],
    );
}

#[test]
fn the_named_arrays_of_documents_hold_the_items() {
    check(
        "{\"ret_code\":0,\"other\":[{\"x\":{\"items\":[1]}}],\"charge_record_set\":[{\"a\":1},\n{\"a\":2}],\"n\":2}\n\
         {\"items\":[],\"items\":[{\"b\":1}]}",
        Layout::Documents,
        &[(1, "{\"a\":1}"), (2, "{\"a\":2}"), (3, "{\"b\":1}")],
    );
    check(
        "{\n  \"\\u0069tems\" : [\n    {}\n  ]\n}\n",
        Layout::Documents,
        &[(3, "{}")],
    );
}

#[test]
fn a_broken_structure_stops_the_work_at_its_line() {
    check_error("[{\"a\":1}\n{\"a\":2}]", Layout::Array, "json.syntax", 2);
    check_error("[{\"a\":1},\n]", Layout::Array, "json.syntax", 2);
    check_error("[{\"a\":1}]\n x", Layout::Array, "json.syntax", 2);
    check_error("[\n{\"a\":1]", Layout::Array, "json.syntax", 2);
    check_error("[{\"a\":1},\n{\"a\":", Layout::Array, "json.syntax", 2);
    check_error("[{\"a\":1}\n", Layout::Array, "json.syntax", 2);
    check_error("", Layout::Array, "json.syntax", 1);
    check_error("{\"items\":[{}]\n", Layout::Documents, "json.syntax", 2);
    check_error("{\"items\":[{}]}\n]", Layout::Documents, "json.syntax", 2);
    check_error("{\"items\" [{}]}", Layout::Documents, "json.syntax", 1);
    check_error("{}\n\n1", Layout::Concatenated, "json.syntax", 3);
}

#[test]
fn a_document_without_its_array_is_not_passed_over() {
    check_error(
        "{\"items\":[]}\n{\"ret_code\":1400,\n\"items\":null}",
        Layout::Documents,
        "json.member",
        3,
    );
}

#[test]
fn depth_and_length_have_limits() {
    let deep = |n: usize| format!("[{}{}]", "[".repeat(n), "]".repeat(n));
    assert!(split(deep(128).as_bytes(), Layout::Array, 64, 64).is_ok());
    check_error(&deep(129), Layout::Array, "limit.depth", 1);
    let long = |n: usize| format!("{{}}\n{{\"a\":\"{}\"}}\n", "x".repeat(n - 8));
    assert!(split(long(1000).as_bytes(), Layout::Lines, 64, 64).is_ok());
    assert!(split(long(1000).as_bytes(), Layout::Concatenated, 64, 64).is_ok());
    check_error(&long(1001), Layout::Lines, "limit.record", 2);
    check_error(&long(1001), Layout::Concatenated, "limit.record", 2);
    assert_eq!(Error::limit("limit.record", "").kind().class(), ErrorClass::Limit);
}

#[test]
fn a_member_may_come_behind_the_sample() {
    let head = "{\"meta\": {\n \"a\": 1},\n \"b\"";
    assert_eq!(
        sniff_layout(head.as_bytes(), MEMBERS, false),
        Some(Layout::Documents)
    );
    assert_eq!(
        sniff_layout(head.as_bytes(), &[], false),
        Some(Layout::Concatenated)
    );
    assert_eq!(sniff_layout(b" \n\t", MEMBERS, true), None);
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i32>().prop_map(Value::from),
        "[a-z\\\\\"{}\\[\\],\n é]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z\"\\\\]{0,4}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn items_are_what_serde_json_reads_in_every_layout_and_chunking(
        values in prop::collection::vec(prop::collection::btree_map("[a-z]{0,3}", value(), 0..4), 0..6),
        pretty in any::<bool>(),
        chunk_size in prop::sample::select(vec![1_usize, 3, 7, 64, 4096]),
        step in prop::sample::select(vec![1_usize, 5, 4096]),
    ) {
        let print = |value: &serde_json::Value| {
            if pretty { serde_json::to_string_pretty(value).unwrap() } else { value.to_string() }
        };
        let values: Vec<serde_json::Value> =
            values.into_iter().map(|map| serde_json::Value::Object(map.into_iter().collect())).collect();
        let lines: String = values.iter().map(|value| value.to_string() + "\n").collect();
        let array = print(&serde_json::Value::from(values.clone()));
        let document = print(&serde_json::json!({"a": {"items": [1]}, "items": values, "z": [0]}));
        let concatenated: String = values.iter().map(|value| print(value) + " ").collect();
        for (text, layout) in [
            (lines, Layout::Lines), (array, Layout::Array), (document, Layout::Documents),
            (concatenated, Layout::Concatenated),
        ] {
            let mut chunker = ItemChunker::new(layout, MEMBERS, chunk_size, 1 << 20);
            let mut input = Drip { bytes: text.as_bytes(), step };
            let mut seen = Vec::new();
            while let Some(chunk) = chunker.next_chunk(&mut input).unwrap() {
                prop_assert!(!chunk.items.is_empty());
                for i in 0..chunk.items.len() {
                    seen.push(serde_json::from_slice::<serde_json::Value>(chunk.item(i)).unwrap());
                }
            }
            prop_assert_eq!(&seen, &values, "{:?}", layout);
        }
    }

    #[test]
    fn no_bytes_panic_and_none_depend_on_chunks(
        text in prop::collection::vec(prop::sample::select(b"{}[]\",:\\ \na1".to_vec()), 0..80),
        size in 1_usize..40,
        step in 1_usize..40,
    ) {
        sniff_layout(&text, MEMBERS, true);
        for layout in [Layout::Lines, Layout::Concatenated, Layout::Array, Layout::Documents] {
            prop_assert_eq!(split(&text, layout, size, step), split(&text, layout, 4096, 4096));
        }
        // A document that serde_json accepts is split without an error.
        if let Ok(serde_json::Value::Array(values)) = serde_json::from_slice(&text) {
            prop_assert_eq!(split(&text, Layout::Array, size, step).unwrap().len(), values.len());
        }
    }
}

/// Run by hand: `cargo test --release -p billfold-core split_speed -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement of a 100 MB split, not a check"]
#[expect(clippy::print_stderr, reason = "prints a measurement")]
fn split_speed() {
    let item = "{\"resource_id\":\"i-0a1b2c3d\",\"fee\":\"0.0958\",\"start_time\":\"2024-03-01T00:00:00Z\",\"tags\":[\"a\",\"b\"]}";
    let n = 100_000_000 / item.len();
    let lines = format!("{item}\n").repeat(n);
    let array = format!("[{}{item}]", format!("{item},").repeat(n));
    for (text, layout) in [
        (&lines, Layout::Lines),
        (&lines, Layout::Concatenated),
        (&array, Layout::Array),
    ] {
        let mut chunker = ItemChunker::new(layout, MEMBERS, 1 << 20, ItemChunker::MAX_ITEM);
        let mut input = text.as_bytes();
        let start = std::time::Instant::now();
        let mut n_items = 0;
        while let Some(chunk) = chunker.next_chunk(&mut input).unwrap() {
            n_items += chunk.items.len();
            chunker.recycle(chunk);
        }
        let rate = text.len() as u128 / start.elapsed().as_micros().max(1);
        eprintln!("{layout:?}: {n_items} items, {rate} MB/s");
    }
}

#[test]
fn items_may_lie_at_a_path_and_nowhere_beside_it() {
    const PATHS: &[&str] = &["Response.Set", "Set", "a.b.c"];
    let items_of = |text: &str, size: usize| -> std::result::Result<(Vec<String>, Option<String>), Error> {
        assert_eq!(
            sniff_layout(text.as_bytes(), PATHS, true),
            Some(Layout::Documents),
            "{text}"
        );
        let mut chunker = ItemChunker::new(Layout::Documents, PATHS, size, 1000);
        let mut input = text.as_bytes();
        let mut items = Vec::new();
        while let Some(chunk) = chunker.next_chunk(&mut input)? {
            items.extend((0..chunk.items.len()).map(|i| String::from_utf8_lossy(chunk.item(i)).into_owned()));
        }
        Ok((items, chunker.seen_member().map(str::to_owned)))
    };
    for size in [1, 5, 4096] {
        let seen = |text: &str| items_of(text, size).unwrap();
        assert_eq!(
            seen(r#"{"Response":{"X":{"Set":[9]},"Set":[{"a":1},{"b":[2]}],"Total":[3]}} {"Set":[{"c":4}]}"#),
            (
                [r#"{"a":1}"#, r#"{"b":[2]}"#, r#"{"c":4}"#]
                    .map(str::to_owned)
                    .to_vec(),
                Some("Set".to_owned())
            )
        );
        assert_eq!(
            seen(r#"{"a":{"b":{"c":[]},"Set":[1]}}"#),
            (Vec::new(), Some("a.b.c".to_owned()))
        );
        let error = items_of(r#"{"Response":{"Set":[]}} {"Response":{"Set":{}}}"#, size).unwrap_err();
        assert_eq!(error.kind().code(), "json.member");
    }
}
