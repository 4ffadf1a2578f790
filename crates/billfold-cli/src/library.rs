//! Libraries of reports: those that come with the program, and what stands for `${NAME}` in reports.

use std::collections::BTreeMap;

use billfold_core::Result;
use billfold_core::error::Printable;
use toml::Value;

use crate::usage;

/// The libraries, by name.
const LIBRARIES: &[(&str, &str)] = &[("focus", include_str!("library/focus.toml"))];

/// The reports of a library. Errors: usage, for a name that there is not.
pub(crate) fn text(name: &str) -> Result<&'static str> {
    LIBRARIES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
        .ok_or_else(|| {
            let known: Vec<&str> = LIBRARIES.iter().map(|(name, _)| *name).collect();
            usage(format!("no library {}", Printable(name))).hint(format!("there is {}", known.join(", ")))
        })
}

/// What `${NAME}` stands for: the file's own words, and the command line's above them.
#[derive(Debug, Default)]
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads `[parameters]` and `--param NAME=VALUE`.
    ///
    /// Errors: usage, for what is no text, and for a name that the reports do not have.
    pub(crate) fn new(table: toml::Table, given: &[String]) -> Result<Parameters> {
        let mut known = BTreeMap::new();
        for (name, value) in table {
            let Value::String(text) = value else {
                return Err(usage(format!("parameter {} is no text", Printable(&name))));
            };
            known.insert(name, text);
        }
        for text in given {
            let (name, value) = text.split_once('=').ok_or_else(|| {
                usage(format!("--param `{}` is not NAME=VALUE", Printable(text))).hint("write tag=team")
            })?;
            let Some(place) = known.get_mut(name) else {
                let names: Vec<&str> = known.keys().map(String::as_str).collect();
                return Err(usage(format!("no parameter {}", Printable(name)))
                    .hint(format!("[parameters] names {}", names.join(", "))));
            };
            value.clone_into(place);
        }
        Ok(Parameters(known))
    }

    /// Puts the values into every text below. Errors: usage, for `${NAME}` without a value.
    pub(crate) fn fill(&self, value: &mut Value) -> Result<()> {
        match value {
            Value::String(text) => *text = self.filled(text)?,
            Value::Array(values) => values.iter_mut().try_for_each(|value| self.fill(value))?,
            Value::Table(table) => table.iter_mut().try_for_each(|(_, value)| self.fill(value))?,
            _ => {}
        }
        Ok(())
    }

    fn filled(&self, text: &str) -> Result<String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let value = after
                .split_once('}')
                .and_then(|(name, behind)| Some((self.0.get(name)?, behind)));
            let Some((value, behind)) = value else {
                return Err(
                    usage(format!("{} names a parameter without a value", Printable(text)))
                        .hint("write it under [parameters], such as tag = \"team\""),
                );
            };
            filled.push_str(before);
            filled.push_str(value);
            rest = behind;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_filled_in_wherever_there_is_text() {
        let table: toml::Table = "tag = \"application\"".parse().unwrap();
        let parameters = Parameters::new(table, &["tag=cost ${x}".to_owned()]).unwrap();
        let mut value = Value::Array(vec![
            Value::String("tag:${tag}|${tag}".to_owned()),
            Value::Integer(1),
        ]);
        parameters.fill(&mut value).unwrap();
        // A value is text and is not filled again.
        assert_eq!(value[0].as_str(), Some("tag:cost ${x}|cost ${x}"));
        assert!(
            parameters
                .fill(&mut Value::String("${other}".to_owned()))
                .is_err()
        );
        assert!(parameters.fill(&mut Value::String("${tag".to_owned())).is_err());
        assert!(Parameters::new(toml::Table::new(), &["tag=team".to_owned()]).is_err());
        assert!(Parameters::new(toml::Table::new(), &["tag".to_owned()]).is_err());
    }
}
