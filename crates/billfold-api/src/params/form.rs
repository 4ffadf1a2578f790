//! Query strings and forms, and the lists in them: `zone=a`, `zone.1=a&zone.2=b`, `zone=a&zone=b`.

use billfold_core::ingest::formats::near_names;

use crate::fault::{Refusal, RefusalKind, shown};
use crate::params::Tree;
use crate::settings::Settings;

/// Names and values, decoded, in the order of the request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params {
    pairs: Vec<(String, String)>,
}

impl Params {
    /// Reads a query string or a form.
    ///
    /// `+` and `%20` are a space. Errors: malformed, for a percent sign without two hex digits and for
    /// bytes that are not UTF-8; too large.
    pub fn read(text: &[u8], settings: &Settings) -> Result<Params, Refusal> {
        if text.len() > settings.max_request_bytes {
            return Err(too_large(text.len(), settings));
        }
        let mut pairs = Vec::new();
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == settings.max_values {
                return Err(too_many(settings));
            }
            let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &[][..]),
            };
            pairs.push((decode(name)?, decode(value)?));
        }
        Ok(Params { pairs })
    }

    /// The members of a body as parameters: texts, numbers and truth values, and lists of them.
    ///
    /// Errors: malformed, for an object in the object.
    pub fn of_tree(tree: &Tree) -> Result<Params, Refusal> {
        let mut params = Params::default();
        let Tree::Object(members) = tree else {
            return Ok(params);
        };
        for (name, value) in members {
            match value {
                Tree::List(items) => {
                    let list = name;
                    for (i, item) in items.iter().enumerate() {
                        params
                            .pairs
                            .push((format!("{list}.{}", i + 1), leaf(list, item)?));
                    }
                }
                value => params.pairs.push((name.clone(), leaf(name, value)?)),
            }
        }
        Ok(params)
    }

    /// These, then those of another part of the request.
    #[must_use]
    pub fn and(mut self, other: Params) -> Params {
        self.pairs.extend(other.pairs);
        self
    }

    /// All names and values.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The values of a list: first those without an index in the order given, then by index. Indexes count
    /// from any number and may leave gaps; an empty value is not given; commas are part of a value.
    ///
    /// Errors: malformed, for an index that is no number.
    pub fn list(&self, name: &str) -> Result<Vec<&str>, Refusal> {
        let mut indexed = Vec::new();
        for (known, value) in &self.pairs {
            let index = match known.strip_prefix(name) {
                Some("") => 0,
                Some(rest) => match rest.strip_prefix('.') {
                    Some(digits) => index(digits).ok_or_else(|| {
                        Refusal::value(
                            RefusalKind::Malformed,
                            "parameter",
                            known,
                            &format!("has no number behind its point; write {name}.1, {name}.2"),
                        )
                    })?,
                    None => continue,
                },
                None => continue,
            };
            if !value.is_empty() {
                indexed.push((index, value.as_str()));
            }
        }
        indexed.sort_by_key(|(index, _)| *index);
        Ok(indexed.into_iter().map(|(_, value)| value).collect())
    }

    /// The values of a list that must have one.
    ///
    /// Errors: missing, besides those of [`Params::list`].
    pub fn required_list(&self, name: &str) -> Result<Vec<&str>, Refusal> {
        let values = self.list(name)?;
        if values.is_empty() {
            return Err(Refusal::missing(name));
        }
        Ok(values)
    }

    /// The value of a scalar; empty is not given. One of an indexed list is taken, as some clients send it.
    ///
    /// Errors: malformed, for two values that differ.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let values = self.list(name)?;
        match values.as_slice() {
            [] => Ok(None),
            [first, rest @ ..] if rest.iter().all(|value| value == first) => Ok(Some(first)),
            [first, rest @ ..] => {
                let other = rest.iter().find(|value| *value != first).unwrap_or(first);
                Err(Refusal::new(
                    RefusalKind::Malformed,
                    format!(
                        "{name} is given twice, as [{}] and [{}]",
                        shown(first),
                        shown(other)
                    ),
                ))
            }
        }
    }

    /// Refuses what looks like a parameter of the action and is none: a misspelt filter would ask for more than
    /// was meant. Anything else that an action does not have is passed over, as these services do; their
    /// clients send a few parameters with every call.
    ///
    /// Errors: an unknown parameter, with the near names.
    pub fn check_names(&self, known: &[&str], common: &[&str]) -> Result<(), Refusal> {
        for (name, _) in &self.pairs {
            let base = name.split_once('.').map_or(name.as_str(), |(base, _)| base);
            if known.contains(&base) || common.contains(&base) {
                continue;
            }
            let near = near_names(base, known.iter().copied());
            if !near.is_empty() {
                return Err(Refusal::value(
                    RefusalKind::UnknownParameter,
                    "parameter",
                    name,
                    &format!("is not known; near names: {near}"),
                ));
            }
        }
        Ok(())
    }

    /// The value of a scalar that must be there.
    ///
    /// Errors: missing, besides those of [`Params::one`].
    pub fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.one(name)?.ok_or_else(|| Refusal::missing(name))
    }
}

/// The text of a value that is neither a list nor an object.
fn leaf(name: &str, value: &Tree) -> Result<String, Refusal> {
    match value {
        Tree::Null => Ok(String::new()),
        Tree::Bool(value) => Ok(value.to_string()),
        Tree::Number(text) | Tree::Text(text) => Ok(text.clone()),
        Tree::List(_) | Tree::Object(_) => Err(Refusal::new(
            RefusalKind::Malformed,
            format!("{name} holds {}; a text or a number is expected", value.kind()),
        )),
    }
}

/// The index behind the point; what has more digits than a `u64` is no index.
fn index(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

fn decode(text: &[u8]) -> Result<String, Refusal> {
    let malformed = |why: &str| {
        let text = String::from_utf8_lossy(text);
        Err(Refusal::value(RefusalKind::Malformed, "parameter", &text, why))
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex = |at: usize| tail.get(at).and_then(|digit| (*digit as char).to_digit(16));
                let (Some(high), Some(low)) = (hex(0), hex(1)) else {
                    return malformed("has a percent sign without two hex digits");
                };
                rest = &tail[2..];
                (high * 16 + low) as u8
            }
            byte => byte,
        });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(_) => malformed("is not UTF-8"),
    }
}

pub(super) fn too_large(n_bytes: usize, settings: &Settings) -> Refusal {
    Refusal::new(
        RefusalKind::TooLarge,
        format!(
            "the request has [{n_bytes}] bytes; at most {} are read",
            settings.max_request_bytes
        ),
    )
}

pub(super) fn too_many(settings: &Settings) -> Refusal {
    Refusal::new(
        RefusalKind::TooLarge,
        format!(
            "the request has more than [{}] values (limit.values)",
            settings.max_values
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Params {
        Params::read(text.as_bytes(), &Settings::default()).unwrap()
    }

    #[test]
    fn a_list_is_bare_or_indexed_or_repeated_and_ordered_by_number() {
        for (text, expected) in [
            ("zone=gd2", vec!["gd2"]),
            ("zone.1=gd2&zone.2=pek3a", vec!["gd2", "pek3a"]),
            ("zone.10=c&zone.2=b&zone.1=a&zone.07=x", vec!["a", "b", "x", "c"]),
            ("zone=b&zone=a", vec!["b", "a"]),
            ("zone.5=b&zone=a&zones=x&zone_id=y", vec!["a", "b"]),
            ("zone.0=a&zone.1=b", vec!["a", "b"]),
            ("zone=", vec![]),
            ("zone.1=&zone.2=b", vec!["b"]),
            ("zone=a%2Cb", vec!["a,b"]),
            ("", vec![]),
        ] {
            assert_eq!(read(text).list("zone").unwrap(), expected, "{text}");
        }
        for text in [
            "zone.n=a",
            "zone.=a",
            "zone.1.2=a",
            "zone.-1=a",
            "zone.99999999999999999999=a",
        ] {
            assert_eq!(
                read(text).list("zone").unwrap_err().kind,
                RefusalKind::Malformed,
                "{text}"
            );
        }
    }

    #[test]
    fn a_scalar_given_twice_is_refused_unless_both_say_the_same() {
        assert_eq!(read("limit=1&limit=1").one("limit").unwrap(), Some("1"));
        assert_eq!(read("limit.1=1").one("limit").unwrap(), Some("1"));
        assert_eq!(read("limit=").one("limit").unwrap(), None);
        assert_eq!(
            read("limit=1&limit=2").one("limit").unwrap_err().message,
            "limit is given twice, as [1] and [2]"
        );
        assert_eq!(
            read("").required("duration").unwrap_err().message,
            "[duration] is required"
        );
    }

    #[test]
    fn text_is_decoded_or_refused() {
        let params = read("a=%E4%BA%91+x%20y&b&&=c&d=%2B");
        let pairs: Vec<_> = params.pairs().collect();
        assert_eq!(pairs, [("a", "云 x y"), ("b", ""), ("", "c"), ("d", "+")]);
        for broken in ["a=%", "a=%4", "a=%zz", "%=1", "a=%E4%BA", "a=%ff", "a=%+1"] {
            let refusal = Params::read(broken.as_bytes(), &Settings::default()).unwrap_err();
            assert_eq!(refusal.kind, RefusalKind::Malformed, "{broken}");
        }
    }

    #[test]
    fn values_and_bytes_have_a_limit() {
        let settings = Settings {
            max_values: 3,
            max_request_bytes: 20,
            ..Settings::default()
        };
        assert!(Params::read(b"a&b&c", &settings).is_ok());
        for text in [&b"a&b&c&d"[..], &[b'a'; 21]] {
            assert_eq!(
                Params::read(text, &settings).unwrap_err().kind,
                RefusalKind::TooLarge
            );
        }
    }
}
