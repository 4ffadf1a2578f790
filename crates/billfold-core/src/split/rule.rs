//! A rule of a split, and how a user writes it.
//!
//! ```text
//! rule      = condition *( " & " condition ) " => " method [ " to " condition *( " & " condition ) ]
//! method    = "even" / "cost" / "charges" / "measure " name / "fixed " group "=" weight *( "," group "=" weight )
//! condition = as in filters; \, is a comma in a group
//! ```

use std::fmt;
use std::str::FromStr;

use crate::charge::schema::{self, ColumnKind};
use crate::error::{Error, Result};
use crate::money::{Amount, ExactSum};
use crate::query::Condition;

/// Cost that is shared, and over what.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The rule as it was written.
    pub text: String,
    /// Which charges are shared: all of these hold.
    pub from: Vec<Condition>,
    /// In which proportion.
    pub method: Method,
    /// Over which groups: all of these hold. Without any, over every group that no rule shares out.
    pub to: Vec<Condition>,
}

/// In which proportion cost is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// The same for every group.
    Even,
    /// By the cost that is a group's own.
    Cost,
    /// By the charges that are a group's own.
    Charges,
    /// By the sum of this number over the charges that are a group's own, whatever their currency.
    Measure(String),
    /// By these weights, each for the group of this value.
    Fixed(Vec<(String, ExactSum)>),
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Method::Even => "even",
            Method::Cost => "cost",
            Method::Charges => "charges",
            Method::Measure(_) => "measure",
            Method::Fixed(_) => "fixed",
        })
    }
}

impl FromStr for Rule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::usage(format!("the split `{text}` {what}")).hint(
                "write FILTER => even, cost, charges, measure usage_quantity or fixed a=60,b=40, such as: project_id=shared-net => cost to project_id^=prj-",
            )
        };
        let (from, rest) = text.split_once("=>").ok_or_else(|| wrong("has no =>"))?;
        let rest = rest.trim();
        let (method, to) = match rest.strip_prefix("fixed ") {
            Some(weights) => (
                Method::Fixed(weights_of(weights).ok_or_else(|| wrong("has weights that cannot be read"))?),
                None,
            ),
            None => {
                let (word, to) = match rest.split_once(" to ") {
                    None => (rest, None),
                    Some((word, to)) => (word.trim(), Some(to)),
                };
                let method = match word {
                    "even" => Method::Even,
                    "cost" => Method::Cost,
                    "charges" => Method::Charges,
                    word => match word.strip_prefix("measure ").map(str::trim) {
                        Some(name) if !name.is_empty() => Method::Measure(measure_of(name, &wrong)?),
                        _ => return Err(wrong("has no method that is known")),
                    },
                };
                (method, to)
            }
        };
        if let Method::Fixed(weights) = &method {
            let is_twice = |nth: usize| weights[..nth].iter().any(|(name, _)| *name == weights[nth].0);
            if (0..weights.len()).any(is_twice) {
                return Err(wrong("names a group twice"));
            }
            if weights.iter().all(|(_, weight)| weight.is_zero()) {
                return Err(wrong("has no weight above zero"));
            }
        }
        Ok(Rule {
            text: text.trim().to_owned(),
            from: conditions_of(from)?,
            method,
            to: to.map_or(Ok(Vec::new()), conditions_of)?,
        })
    }
}

/// The name of a number; money has a currency, and what a group has in several cannot be one weight.
fn measure_of(name: &str, wrong: &dyn Fn(&str) -> Error) -> Result<String> {
    let canonical = schema::canonical_name(name).unwrap_or(name);
    match schema::column(canonical).map(|column| column.kind) {
        Some(ColumnKind::Number) | None => Ok(canonical.to_owned()),
        Some(ColumnKind::Money) => {
            Err(wrong("is by a sum of money").hint("share by cost, or by a number such as usage_quantity"))
        }
        Some(_) => Err(wrong("is by a column that holds no numbers")),
    }
}

fn conditions_of(text: &str) -> Result<Vec<Condition>> {
    text.split(" & ")
        .map(|part| Condition::parse(part.trim()))
        .collect()
}

/// `a=60, b=40`; None for what is no such list.
fn weights_of(text: &str) -> Option<Vec<(String, ExactSum)>> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                // What escapes anything but a comma is told apart when the weight is cut off.
                let escaped = chars.next()?;
                parts.last_mut()?.push(escaped);
            }
            ',' => parts.push(String::new()),
            c => parts.last_mut()?.push(c),
        }
    }
    parts
        .iter()
        .map(|part| {
            let (name, weight) = part.trim().rsplit_once('=')?;
            let weight = weight.trim().trim_end_matches('%');
            let weight = Amount::parse(weight.as_bytes()).ok()?;
            (weight.mantissa() >= 0).then(|| (name.to_owned(), ExactSum::from(weight)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_what_is_shared_how_and_over_what() {
        let rule: Rule = "project_id=shared-net & tag:team= => cost to project_id^=prj- & zone=a"
            .parse()
            .unwrap();
        assert_eq!((rule.from.len(), rule.to.len()), (2, 2));
        assert_eq!(rule.method, Method::Cost);
        let rule: Rule = "project_id= => measure UsageQuantity to zone=a".parse().unwrap();
        assert_eq!(rule.method, Method::Measure("UsageQuantity".to_owned()));
        let rule: Rule = "project_id= => fixed a=60, b\\,c=40%,d=x=0".parse().unwrap();
        let Method::Fixed(weights) = rule.method else {
            panic!()
        };
        let shown: Vec<String> = weights.iter().map(|(name, w)| format!("{name}:{w}")).collect();
        assert_eq!(shown, ["a:60", "b,c:40", "d=x:0"]);
        for bad in [
            "",
            "project_id=a",
            "project_id=a => thirds",
            "=> even",
            "project_id=a => fixed",
            "project_id=a => fixed x",
            "project_id=a => fixed x=-1",
            "project_id=a => fixed x=0",
            "project_id=a => measure",
            "project_id=a => measure list_cost",
            "project_id=a => measure zone_id",
            "project_id=a => fixed x=1,x=2",
            "project_id=a => even to",
            "a => even",
        ] {
            assert!(bad.parse::<Rule>().is_err(), "{bad}");
        }
    }
}
