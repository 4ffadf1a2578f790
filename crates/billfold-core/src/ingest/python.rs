//! Python's way of writing lists and dicts, as some exporters leave it in a CSV cell, turned into JSON.
//!
//! Only literals are known: strings in single or double quotes, numbers, None, True, False, lists and
//! dicts. Numbers keep their text. Whether the result is sound JSON is for its reader to say.

/// The JSON of a Python literal; None for text that is not written as one, JSON included.
pub(crate) fn as_json(text: &str) -> Option<String> {
    // JSON has no single quotes outside of strings, so the first string of the text tells.
    let opened = text.starts_with(['[', '{']);
    let first = text.find(['\'', '"'])?;
    if !opened || !text[first..].starts_with('\'') {
        return None;
    }
    let mut json = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match c {
            '\'' | '"' => rest = string(rest, c, &mut json)?,
            c if c.is_alphabetic() => {
                let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
                json.push_str(match &rest[..end] {
                    "None" => "null",
                    "True" => "true",
                    "False" => "false",
                    _ => return None,
                });
                rest = &rest[end..];
            }
            // A number's exponent begins with a letter and belongs to the number.
            c if c.is_ascii_digit() => {
                let in_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
                let end = rest.find(|c| !in_number(c)).unwrap_or(rest.len());
                json.push_str(&rest[..end]);
                rest = &rest[end..];
            }
            _ => {
                json.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    Some(json)
}

/// Appends the string at the beginning of `text` as JSON; gives what follows it.
fn string<'a>(text: &'a str, quote: char, json: &mut String) -> Option<&'a str> {
    json.push('"');
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => {
                json.push('"');
                return Some(&text[at + 1..]);
            }
            '"' => json.push_str("\\\""),
            '\\' => match chars.next()?.1 {
                '\'' => json.push('\''),
                escape @ ('"' | '\\' | 'n' | 'r' | 't' | 'u') => {
                    json.push('\\');
                    json.push(escape);
                }
                _ => return None,
            },
            c => json.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_become_json_and_numbers_keep_their_text() {
        let text = r#"[{'name': 'a\'b "c"', 'amount': -0.10, 'x': 1e-05, 'id': None, 'y': "it's"}]"#;
        assert_eq!(
            as_json(text).as_deref(),
            Some(r#"[{"name": "a'b \"c\"", "amount": -0.10, "x": 1e-05, "id": null, "y": "it's"}]"#)
        );
    }

    #[test]
    fn json_and_what_is_no_literal_are_left_alone() {
        for text in ["[]", r#"[{"it's": 1}]"#, "'a'", "", "[{'a", "[{'a': f(x)}]"] {
            assert_eq!(as_json(text), None, "{text}");
        }
    }
}
