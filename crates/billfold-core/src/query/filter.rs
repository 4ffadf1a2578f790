//! Which rows count: conditions on dimensions, and their grammar.
//!
//! A filter is written `DIMENSION OPERATOR VALUE`, without spaces around the operator:
//!
//! | written | true where the row's value |
//! |---|---|
//! | `zone_id=pek3a` | is `pek3a` |
//! | `zone_id!=pek3a` | is not `pek3a` |
//! | `zone_id=pek3a,gd2` | is one of the list |
//! | `zone_id!=pek3a,gd2` | is none of the list |
//! | `resource_id~web` | contains `web` |
//! | `resource_id!~web` | does not contain `web` |
//! | `resource_id^=i-` | begins with `i-` |
//! | `tag:team=` | is absent or empty |
//! | `tag:team!=` | is present and not empty |
//!
//! In a value, `\,` is a comma and `\\` a backslash. Filters on the same dimension with a positive
//! operator (`=`, `~`, `^=`) are alternatives (or); everything else must hold at once (and).
//! For `tag_id` a row's values are all its tags; a positive test holds where one of them passes it,
//! a negative one where none does.

use std::fmt;

use super::dimension::Dimension;
use crate::error::{Error, Result};

/// Which rows count. The default keeps every row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// All must hold; the alternatives of one condition are inside it.
    pub conditions: Vec<Condition>,
}

/// A dimension and the tests of which one must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What is tested.
    pub dimension: Dimension,
    /// Alternatives; one must hold (before `negated`).
    pub any_of: Vec<Test>,
    /// Whether the condition holds where none of the tests does.
    pub negated: bool,
}

/// A test of one text value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// Is exactly this text; the empty text is "absent".
    Equals(String),
    /// Holds this text somewhere.
    Contains(String),
    /// Begins with this text.
    Prefix(String),
}

impl Test {
    /// Whether a value passes.
    pub fn passes(&self, value: &str) -> bool {
        match self {
            Test::Equals(text) => value == text,
            Test::Contains(text) => value.contains(text.as_str()),
            Test::Prefix(text) => value.starts_with(text.as_str()),
        }
    }
}

impl Condition {
    /// Reads one filter as written above.
    pub fn parse(text: &str) -> Result<Self> {
        let usage = || {
            Error::usage(format!("\"{text}\" is not a filter"))
                .hint("write DIMENSION=VALUE, !=, ~ (contains), !~ or ^= (begins with); lists as a,b; absent as DIMENSION=")
        };
        // The first operator in the text ends the dimension; a tag key with an operator inside cannot be written.
        let at = text.find(['=', '!', '~', '^']).ok_or_else(usage)?;
        let rest = &text[at..];
        let (negated, kind, value) = if let Some(value) = rest.strip_prefix("!=") {
            (true, '=', value)
        } else if let Some(value) = rest.strip_prefix("!~") {
            (true, '~', value)
        } else if let Some(value) = rest.strip_prefix("^=") {
            (false, '^', value)
        } else if let Some(value) = rest.strip_prefix('=') {
            (false, '=', value)
        } else if let Some(value) = rest.strip_prefix('~') {
            (false, '~', value)
        } else {
            return Err(usage());
        };
        let dimension = Dimension::parse(&text[..at])?;
        let any_of = split_list(value)
            .into_iter()
            .map(|v| match kind {
                '=' => Ok(Test::Equals(v)),
                _ if v.is_empty() => Err(Error::usage(format!("\"{text}\" looks for nothing"))),
                '~' => Ok(Test::Contains(v)),
                _ => Ok(Test::Prefix(v)),
            })
            .collect::<Result<_>>()?;
        Ok(Condition {
            dimension,
            any_of,
            negated,
        })
    }

    /// Whether a row whose dimension has exactly one value counts.
    pub fn holds(&self, value: &str) -> bool {
        self.any_of.iter().any(|test| test.passes(value)) != self.negated
    }
}

impl Filter {
    /// Puts conditions together: positive ones on the same dimension are alternatives.
    pub fn new(conditions: impl IntoIterator<Item = Condition>) -> Self {
        let mut merged: Vec<Condition> = Vec::new();
        for condition in conditions {
            let same = merged.iter_mut().find(|c| {
                !c.negated && !condition.negated && c.dimension.source == condition.dimension.source
            });
            match same {
                Some(earlier) => earlier.any_of.extend(condition.any_of),
                None => merged.push(condition),
            }
        }
        Filter { conditions: merged }
    }

    /// Reads filters as a user repeats them.
    pub fn parse_all<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let conditions: Vec<_> = texts.into_iter().map(Condition::parse).collect::<Result<_>>()?;
        Ok(Filter::new(conditions))
    }

    /// Whether every row counts.
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.negated { "!" } else { "" };
        write!(f, "{}", self.dimension)?;
        for (i, test) in self.any_of.iter().enumerate() {
            let (operator, value) = match test {
                Test::Equals(v) => ("=", v),
                Test::Contains(v) => ("~", v),
                Test::Prefix(v) => ("^=", v),
            };
            if i == 0 {
                write!(f, "{not}{operator}")?;
            } else {
                f.write_str(",")?;
            }
            f.write_str(&value.replace('\\', "\\\\").replace(',', "\\,"))?;
        }
        Ok(())
    }
}

/// Cuts at commas that no backslash escapes.
fn split_list(value: &str) -> Vec<String> {
    let mut list = vec![String::new()];
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        let current = list.len() - 1;
        match c {
            '\\' => list[current].extend(chars.next()),
            ',' => list.push(String::new()),
            c => list[current].push(c),
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(filter: &str, passing: &[&str], failing: &[&str]) {
        let condition = Condition::parse(filter).unwrap();
        for value in passing {
            assert!(condition.holds(value), "{filter} should keep {value:?}");
        }
        for value in failing {
            assert!(!condition.holds(value), "{filter} should drop {value:?}");
        }
    }

    #[test]
    fn each_operator_keeps_what_it_says() {
        check("zone_id=pek3a", &["pek3a"], &["pek3", "pek3ab", ""]);
        check("zone_id!=pek3a", &["pek3", ""], &["pek3a"]);
        check("zone_id=pek3a,gd2", &["pek3a", "gd2"], &["gd", ""]);
        check("zone_id!=pek3a,gd2", &["x", ""], &["pek3a", "gd2"]);
        check("resource_id~web", &["a-web-1", "web"], &["we", ""]);
        check("resource_id!~web", &["we", ""], &["web"]);
        check("resource_id^=i-", &["i-1"], &["vol-i-1", ""]);
        check("tag:team=", &[""], &["a"]);
        check("tag:team!=", &["a"], &[""]);
        check(r"tag:team=a\,b", &["a,b"], &["a", "b"]);
        check("tag:a b=x=y", &["x=y"], &["x"]);
    }

    #[test]
    fn positive_filters_on_one_dimension_are_alternatives() {
        let filter = Filter::parse_all(["zone=a", "zone_id^=b", "zone!=bad", "user_id=u"]).unwrap();
        assert_eq!(filter.conditions.len(), 3);
        assert_eq!(filter.conditions[0].any_of.len(), 2);
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for bad in ["zone", "=x", "zone~", "zone!x", "", "zone^x"] {
            assert!(Condition::parse(bad).is_err(), "{bad}");
        }
    }
}
