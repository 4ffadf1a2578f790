//! Tags as exports write them: a JSON object, the object's body without braces, a JSON list of
//! key/value pairs, or a list of tag ids.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::charge::tag_sets::TagSink;
use crate::ingest::python;

/// The text is none of the shapes of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TagsUnreadable;

/// Members under which lists of tags keep the key, then the value.
const KEY_NAMES: &[&str] = &["key", "tag_key", "TagKey", "tag_id", "Key"];
const VALUE_NAMES: &[&str] = &["value", "tag_value", "TagValue", "Value"];

/// How tags are written that are no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TagStyle<'a> {
    /// They always are JSON.
    Json,
    /// Ids, separated by `,` or `;`.
    Ids,
    /// Keys and values with this between them, pairs separated by `;`; also `key:K value:V`.
    Pairs(&'a str),
}

/// Reads a set of tags.
///
/// JSON may be written as Python writes it, with single quotes. Values keep their text: numbers and `true` as they are written, null as "no value".
/// Errors: text that is none of the shapes; the sink may hold some tags by then.
pub(crate) fn parse_tags(
    text: &[u8],
    style: TagStyle<'_>,
    sink: &mut TagSink<'_>,
) -> Result<(), TagsUnreadable> {
    let text = std::str::from_utf8(text).map_err(|_| TagsUnreadable)?.trim();
    if plain_json(text, "\"", sink).is_some() {
        return Ok(());
    }
    sink.clear();
    if let Some(json) = python::as_json(text) {
        return parse_json(&json, sink);
    }
    if text.starts_with(['{', '[']) {
        return parse_json(text, sink);
    }
    match style {
        TagStyle::Ids => {
            for id in text.split([',', ';']).map(str::trim).filter(|id| !id.is_empty()) {
                sink.push(id, None);
            }
            Ok(())
        }
        TagStyle::Pairs(between) => {
            for pair in text
                .split([';', '；'])
                .map(str::trim)
                .filter(|pair| !pair.is_empty())
            {
                push_pair(pair, between, sink);
            }
            Ok(())
        }
        TagStyle::Json if text.starts_with('"') => parse_object(&format!("{{{text}}}"), sink),
        TagStyle::Json => Err(TagsUnreadable),
    }
}

/// Reads a set of tags whose quotes are doubled, as CSV has them, if it is written as nearly all are. For everything
/// else, sound or not, it says false and leaves the sink empty.
pub(crate) fn parse_doubled(text: &[u8], sink: &mut TagSink<'_>) -> bool {
    let text = std::str::from_utf8(text).unwrap_or_default().trim();
    let is_read = plain_json(text, "\"\"", sink).is_some();
    if !is_read {
        sink.clear();
    }
    is_read
}

fn parse_json(text: &str, sink: &mut TagSink<'_>) -> Result<(), TagsUnreadable> {
    if text.starts_with('{') {
        parse_object(text, sink)
    } else {
        parse_list(text, sink)
    }
}

/// Reads a JSON list or object of nothing but strings without escapes, as nearly all tags are written. `quote` is a
/// quote as it stands in the text.
///
/// None, and some tags in the sink, for everything else, sound or not.
fn plain_json(text: &str, quote: &str, sink: &mut TagSink<'_>) -> Option<()> {
    let (opened, mut rest) = text.split_at_checked(1)?;
    let (is_object, close) = match opened {
        "{" => (true, "}"),
        "[" => (false, "]"),
        _ => return None,
    };
    if rest == close {
        return Some(());
    }
    loop {
        let (key, after) = plain_string(rest, quote)?;
        rest = after;
        if is_object {
            let (value, after) = plain_string(after.strip_prefix(':')?.trim_start_matches(' '), quote)?;
            sink.push(key, Some(value));
            rest = after;
        } else {
            sink.push(key, None);
        }
        match rest.strip_prefix(',') {
            Some(more) => rest = more.trim_start_matches(' '),
            None => return (rest == close).then_some(()),
        }
    }
}

/// A JSON string without escapes, and what follows it.
#[inline]
fn plain_string<'a>(text: &'a str, quote: &str) -> Option<(&'a str, &'a str)> {
    let inner = text.strip_prefix(quote)?;
    let end = plain_len(inner.as_bytes());
    let after = inner.get(end..)?.strip_prefix(quote)?;
    Some((inner.get(..end)?, after))
}

/// Bytes before the first quote, backslash or control character.
#[inline]
fn plain_len(text: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    // The lowest high bit that is set stands at the first byte that is none; what is above it may be wrong.
    let none = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let (words, tail) = text.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = none(word ^ (ONES * u64::from(b'"')));
        let backslash = none(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = quote | backslash | control;
        if found != 0 {
            return i * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let is_plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..=0x1f);
    text.len() - tail.len() + tail.iter().take_while(|byte| is_plain(byte)).count()
}

fn push_pair(pair: &str, between: &str, sink: &mut TagSink<'_>) {
    // Alibaba's words, `key:team value:a`, where key and value may hold anything.
    let worded = pair
        .strip_prefix("key:")
        .and_then(|rest| rest.split_once(" value:"));
    match worded.or_else(|| pair.split_once(between)) {
        Some((key, value)) => sink.push(key.trim(), Some(value.trim())),
        None => sink.push(pair, None),
    }
}

fn parse_object(text: &str, sink: &mut TagSink<'_>) -> Result<(), TagsUnreadable> {
    for (key, raw) in members(text).ok_or(TagsUnreadable)? {
        push_value(&key, raw, sink);
    }
    Ok(())
}

fn parse_list(text: &str, sink: &mut TagSink<'_>) -> Result<(), TagsUnreadable> {
    let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| TagsUnreadable)?;
    for item in items {
        let item = item.get();
        if item.starts_with('{') {
            let members = members(item).ok_or(TagsUnreadable)?;
            let find = |names: &[&str]| {
                members
                    .iter()
                    .find(|(name, _)| names.contains(&name.as_str()))
                    .map(|(_, raw)| *raw)
            };
            let key = find(KEY_NAMES)
                .and_then(|raw| string_value(raw.get()))
                .ok_or(TagsUnreadable)?;
            match find(VALUE_NAMES) {
                Some(raw) => push_value(&key, raw, sink),
                None => sink.push(&key, None),
            }
        } else if item.starts_with('[') {
            let pair: Vec<String> = serde_json::from_str(item).map_err(|_| TagsUnreadable)?;
            let [key, value] = pair.as_slice() else {
                return Err(TagsUnreadable);
            };
            sink.push(key, Some(value));
        } else {
            sink.push(&string_value(item).ok_or(TagsUnreadable)?, None);
        }
    }
    Ok(())
}

fn push_value(key: &str, raw: &RawValue, sink: &mut TagSink<'_>) {
    match raw.get() {
        "null" => sink.push(key, None),
        text if text.starts_with('"') => sink.push(key, string_value(text).as_deref()),
        text => sink.push(key, Some(text)),
    }
}

fn string_value(json: &str) -> Option<String> {
    if json.starts_with('"') {
        serde_json::from_str(json).ok()
    } else {
        Some(json.to_owned())
    }
}

/// The members of a JSON object in their order, values unread.
pub(crate) fn members(text: &str) -> Option<Vec<(String, &RawValue)>> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let members = deserializer.deserialize_map(Members).ok()?;
    deserializer.end().ok()?;
    Some(members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charge::tag_sets::TagBuilder;
    use arrow::array::AsArray;
    use proptest::prelude::*;

    /// The tags that are read into a set.
    fn tags_of(read: impl FnOnce(&mut TagSink<'_>)) -> Vec<(String, Option<String>)> {
        let mut builder = TagBuilder::with_capacity(1);
        builder.push(b"x", read);
        let column = builder.finish().unwrap();
        let sets = column.values().as_map();
        let (keys, values) = (sets.keys().as_string::<i32>(), sets.values().as_string::<i32>());
        let owned = |text: Option<&str>| text.map(str::to_owned);
        keys.iter()
            .map(|key| key.unwrap().to_owned())
            .zip(values.iter().map(owned))
            .collect()
    }

    #[track_caller]
    fn check(text: &str, style: TagStyle<'_>, expected: &[(&str, Option<&str>)]) {
        let found = tags_of(|sink| parse_tags(text.as_bytes(), style, sink).unwrap());
        let found: Vec<_> = found
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_deref()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_shape_of_tags_is_read() {
        check(
            r#"{"team":"a","n":1.50,"flag":true,"none":null,"":""}"#,
            TagStyle::Json,
            &[
                ("team", Some("a")),
                ("n", Some("1.50")),
                ("flag", Some("true")),
                ("none", None),
                ("", Some("")),
            ],
        );
        check(
            r#""team": "a", "env":"b""#,
            TagStyle::Json,
            &[("team", Some("a")), ("env", Some("b"))],
        );
        check(
            r#"[{"key":"team","value":"a"},{"TagKey":"env","TagValue":"b"}]"#,
            TagStyle::Json,
            &[("team", Some("a")), ("env", Some("b"))],
        );
        check(
            r#"["tag-1","tag-2"]"#,
            TagStyle::Ids,
            &[("tag-1", None), ("tag-2", None)],
        );
        check(
            r#"[{"tag_id":"tag-1","tag_name":"x"}]"#,
            TagStyle::Ids,
            &[("tag-1", None)],
        );
        check(
            "tag-1;tag-2, tag-3",
            TagStyle::Ids,
            &[("tag-1", None), ("tag-2", None), ("tag-3", None)],
        );
    }

    #[test]
    fn pairs_and_python_are_read_as_their_exports_write_them() {
        check(
            "team:a;url:http://x;alone;key:env value:b:c",
            TagStyle::Pairs(":"),
            &[
                ("team", Some("a")),
                ("url", Some("http://x")),
                ("alone", None),
                ("env", Some("b:c")),
            ],
        );
        check(
            "[{'key': 'team', 'value': \"a's\"}, {'key': 'env', 'value': None}]",
            TagStyle::Json,
            &[("team", Some("a's")), ("env", None)],
        );
    }

    #[test]
    fn what_is_no_tags_is_said_to_be() {
        for bad in ["{", "{\"a\":1}x", "team=a", "[1", "{\"a\" 1}"] {
            let mut builder = TagBuilder::with_capacity(1);
            builder.push(bad.as_bytes(), |sink| {
                assert_eq!(
                    parse_tags(bad.as_bytes(), TagStyle::Json, sink),
                    Err(TagsUnreadable),
                    "{bad}"
                );
            });
        }
    }

    #[test]
    fn quotes_may_be_doubled_where_tags_are_plain() {
        let mut is_read = false;
        let found = tags_of(|sink| is_read = parse_doubled(br#" [""tag-1"",""""] "#, sink));
        assert!(is_read);
        assert_eq!(found, [("tag-1".to_owned(), None), (String::new(), None)]);
        for other in [
            r#"["tag-1"]"#,
            r#"{""a"":1}"#,
            r#"[""a\""]"#,
            r#"[""a"",""b"]"#,
            "",
        ] {
            assert_eq!(
                tags_of(|sink| assert!(!parse_doubled(other.as_bytes(), sink))),
                []
            );
        }
    }

    proptest! {
        #[test]
        fn doubled_quotes_are_read_as_single_ones_are(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "\"", "\"", "\"", "\":\"", "\",\"", ",", ":", " ", "a", "tag-W4074VLp", "\u{1f}", "\\", "ä", "", "{", "}",
            ]), 0..12),
            around in prop::sample::select(vec![("[", "]"), ("{", "}"), ("[\"", "\"]"), ("{\"", "\"}"), ("", "")]),
        ) {
            let text = format!("{}{}{}", around.0, pieces.concat(), around.1);
            let doubled = text.replace('"', "\"\"");
            let mut is_read = false;
            let found = tags_of(|sink| is_read = parse_doubled(doubled.as_bytes(), sink));
            let mut is_sound = false;
            let expected = tags_of(|sink| is_sound = parse_tags(text.as_bytes(), TagStyle::Json, sink).is_ok());
            prop_assert!(is_sound || !is_read);
            prop_assert_eq!(found, if is_read { expected } else { vec![] });
            let naive = text.bytes().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)).count();
            prop_assert_eq!(plain_len(text.as_bytes()), naive);
        }
    }
}
