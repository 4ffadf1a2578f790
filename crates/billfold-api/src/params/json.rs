//! JSON bodies, read strictly, and the same tree out of dotted names: `Conditions.RegionIds.0=1`.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::form::{Params, too_large, too_many};
use crate::fault::{Refusal, RefusalKind, shown};
use crate::settings::Settings;

/// How deep a body may nest; the deepest that an action knows is three.
const MAX_DEPTH: usize = 16;

/// A value of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tree {
    /// `null`, which is as good as not given.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as text; no action takes another than an integer.
    Number(String),
    /// A text. Every leaf of a form is one.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// Members in the order given, each name once.
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// What it is, for a message.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Tree::Null => "null",
            Tree::Bool(_) => "a truth value",
            Tree::Number(_) => "a number",
            Tree::Text(_) => "a text",
            Tree::List(_) => "a list",
            Tree::Object(_) => "an object",
        }
    }

    /// Reads a body, which is one object.
    ///
    /// Errors: malformed, for anything that RFC 8259 does not allow, a byte order mark, a name that an
    /// object has twice, more than 16 levels, and what follows the object; too large.
    pub fn read(body: &[u8], settings: &Settings) -> Result<Tree, Refusal> {
        if body.len() > settings.max_request_bytes {
            return Err(too_large(body.len(), settings));
        }
        let malformed = |why: String| Refusal::new(RefusalKind::Malformed, why);
        if body.starts_with(b"\xef\xbb\xbf") {
            return Err(malformed("the body begins with a byte order mark".to_owned()));
        }
        let left = Cell::new(settings.max_values);
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let tree = Seed {
            left: &left,
            depth: 0,
        }
        .deserialize(&mut deserializer)
        .and_then(|tree| deserializer.end().map(|()| tree))
        .map_err(|error| {
            if left.get() == 0 {
                return too_many(settings);
            }
            malformed(format!(
                "the body is not JSON as it must be: {}",
                shown(&error.to_string())
            ))
        })?;
        match tree {
            Tree::Object(_) => Ok(tree),
            other => Err(malformed(format!(
                "the body is {}; an object is expected",
                other.kind()
            ))),
        }
    }

    /// The tree that dotted names stand for. Indexes of lists count from 0 as Tencent's clients send them;
    /// any numbers will do, and are put in order.
    ///
    /// Errors: malformed, for a name that is a value in one place and holds members in another, or is
    /// given twice.
    pub fn of_params(params: &Params) -> Result<Tree, Refusal> {
        let mut root = Tree::Object(Vec::new());
        for (name, value) in params.pairs() {
            insert(&mut root, name, value)?;
        }
        Ok(listed(root))
    }
}

/// Puts a value where its dotted name says.
fn insert(root: &mut Tree, name: &str, value: &str) -> Result<(), Refusal> {
    let clash = || {
        Refusal::value(
            RefusalKind::Malformed,
            "parameter",
            name,
            "is given twice, or is a value in one place and a list in another",
        )
    };
    let mut at = root;
    for (depth, part) in name.split('.').enumerate() {
        if depth >= MAX_DEPTH {
            return Err(Refusal::value(
                RefusalKind::Malformed,
                "parameter",
                name,
                "nests too deep",
            ));
        }
        if *at == Tree::Null {
            *at = Tree::Object(Vec::new());
        }
        let Tree::Object(members) = at else {
            return Err(clash());
        };
        let idx = match members.iter().position(|(known, _)| known == part) {
            Some(idx) => idx,
            None => {
                members.push((part.to_owned(), Tree::Null));
                members.len() - 1
            }
        };
        at = &mut members[idx].1;
    }
    match at {
        Tree::Null => *at = Tree::Text(value.to_owned()),
        Tree::Text(known) if known == value => {}
        _ => return Err(clash()),
    }
    Ok(())
}

/// Objects whose members are all numbers are lists.
fn listed(tree: Tree) -> Tree {
    let Tree::Object(members) = tree else {
        return tree;
    };
    let is_index =
        |name: &str| !name.is_empty() && name.len() <= 9 && name.bytes().all(|b| b.is_ascii_digit());
    if !members.is_empty() && members.iter().all(|(name, _)| is_index(name)) {
        let mut items: Vec<(u32, Tree)> = members
            .into_iter()
            .map(|(name, tree)| (name.parse().unwrap_or(0), listed(tree)))
            .collect();
        items.sort_by_key(|(index, _)| *index);
        return Tree::List(items.into_iter().map(|(_, tree)| tree).collect());
    }
    Tree::Object(
        members
            .into_iter()
            .map(|(name, tree)| (name, listed(tree)))
            .collect(),
    )
}

/// Reads one value, counting values and levels.
#[derive(Clone, Copy)]
struct Seed<'c> {
    left: &'c Cell<usize>,
    depth: usize,
}

impl Seed<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format!("more than {MAX_DEPTH} levels")));
        }
        Ok(Seed {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        match self.left.get() {
            0 => return Err(D::Error::custom("too many values")),
            n => self.left.set(n - 1),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        // Kept for the message that refuses it; `1.0` must not pass for `1`.
        Ok(Tree::Number(format!("{value:?}")))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Tree, E> {
        Ok(Tree::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let seed = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(seed)? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let seed = self.deeper()?;
        let mut members: Vec<(String, Tree)> = Vec::new();
        let mut names = std::collections::BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format!(
                    "the name \"{}\" is given twice",
                    shown(&name)
                )));
            }
            let value = map.next_value_seed(seed)?;
            members.push((name, value));
        }
        Ok(Tree::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Tree, Refusal> {
        Tree::read(body.as_bytes(), &Settings::default())
    }

    fn text(value: &str) -> Tree {
        Tree::Text(value.to_owned())
    }

    #[test]
    fn a_body_is_one_object_and_nothing_else() {
        let tree =
            read(r#" {"Limit": "1", "Offset": 0, "C": {"R": [1, 47], "N": null, "B": true}} "#).unwrap();
        let Tree::Object(members) = tree else { panic!() };
        assert_eq!(members[0], ("Limit".to_owned(), text("1")));
        assert_eq!(members[1].1, Tree::Number("0".to_owned()));
        let deep = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert!(read(&deep(15)).is_ok());
        let big = format!("{{\"a\":\"{}\"}}", "x".repeat(11 << 20));
        for body in [
            "",
            "[]",
            "1",
            "null",
            "\u{feff}{}",
            "{} x",
            "{}{}",
            r#"{"a":1,"a":2}"#,
            r#"{"a":{"b":1,"c":2,"b":1}}"#,
            r#"{"a":NaN}"#,
            r#"{"a":Infinity}"#,
            r#"{"a":1e999}"#,
            r#"{"a":01}"#,
            r#"{"a":1,}"#,
            "{'a':1}",
            "{\"a\":\"\n\"}",
            r#"{"a":"\ud800"}"#,
            &deep(16),
            &deep(1000),
            &deep(100_000),
        ] {
            let refusal = read(body).unwrap_err();
            assert_eq!(refusal.kind, RefusalKind::Malformed, "{body:.40}");
        }
        assert_eq!(
            Tree::read(b"{\"a\":\"\xff\"}", &Settings::default())
                .unwrap_err()
                .kind,
            RefusalKind::Malformed
        );
        assert_eq!(read(&big).unwrap_err().kind, RefusalKind::TooLarge);
        let many = format!("{{\"a\":[{}1]}}", "1,".repeat(10_000));
        assert_eq!(read(&many).unwrap_err().kind, RefusalKind::TooLarge);
    }

    #[test]
    fn dotted_names_are_the_same_tree() {
        let params = |text: &str| Params::read(text.as_bytes(), &Settings::default()).unwrap();
        let tree = Tree::of_params(&params("Limit=1&C.R.1=47&C.R.0=1&C.O=desc&C.O=desc")).unwrap();
        assert_eq!(
            tree,
            Tree::Object(vec![
                ("Limit".to_owned(), text("1")),
                (
                    "C".to_owned(),
                    Tree::Object(vec![
                        ("R".to_owned(), Tree::List(vec![text("1"), text("47")])),
                        ("O".to_owned(), text("desc")),
                    ])
                ),
            ])
        );
        for clash in ["a=1&a=2", "a=1&a.0=1", "a.0=1&a=1", "a.0.b=1&a.0=1"] {
            assert!(Tree::of_params(&params(clash)).is_err(), "{clash}");
        }
        let deep = vec!["a"; 1000].join(".");
        assert!(Tree::of_params(&params(&deep)).is_err());
    }
}
