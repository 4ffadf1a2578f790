//! Formulas: what a column of a table of measures holds.
//!
//! ```text
//! MEASURE  = [ NAME "=" ] FORMULA
//! FORMULA  = SUM [ "/" SUM ] [ "%" ]  |  "first_start"  |  "last_end"
//! SUM      = [ "-" ] TERM { ("+" | "-") TERM }  |  "(" SUM ")"
//! TERM     = COLUMN [ "[" FILTER { ";" FILTER } "]" ]
//! COLUMN   = cost | charges | a column of money or numbers, in double quotes where its name has signs
//! ```
//!
//! `cost` is the cost of the question, with its fall-back; `billed_cost` and the others are as in the files.
//! A sum is exact. A ratio of two sums is divided once, at the end, and rounded half away from zero to
//! [`RATIO_PLACES`] decimals, or with `%` times a hundred to [`PERCENT_PLACES`]. Nothing is divided by zero:
//! such a ratio has no value. A sum divided by a sum of rows is never a sum of quotients of rows.

use crate::error::{Error, Printable, Result};
use crate::query::{Condition, DimensionSource};

/// Decimals of a ratio: a request may cost a ten-millionth.
pub const RATIO_PLACES: u8 = 12;
/// Decimals of a ratio in percent.
pub const PERCENT_PLACES: u8 = 2;

/// A column of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// Its head: the name given, or the formula as written.
    pub name: String,
    /// What it holds.
    pub formula: Formula,
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Formula {
    /// A sum.
    Sum(Vec<Term>),
    /// A sum divided by another.
    Ratio {
        /// What is divided.
        part: Vec<Term>,
        /// What it is divided by.
        whole: Vec<Term>,
        /// Whether it is told in percent.
        percent: bool,
    },
    /// The first instant that a charge of the group covers.
    FirstStart,
    /// The instant behind the last one that a charge of the group covers.
    LastEnd,
}

/// One number of a sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Whether it is taken away.
    pub negative: bool,
    /// What is added up.
    pub column: TermColumn,
    /// Of which charges; of all without any.
    pub conditions: Vec<Condition>,
}

/// What a term adds up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TermColumn {
    /// The cost of the question.
    Cost,
    /// The charges.
    Charges,
    /// A column of money or numbers.
    Named(String),
}

impl Measure {
    /// Reads a measure. Errors: usage, with what was expected.
    pub fn parse(text: &str) -> Result<Measure> {
        let (name, formula) = match name_end(text) {
            Some(at) => (text[..at].trim(), &text[at + 1..]),
            None => (text.trim(), text),
        };
        let wrong = |what: &str| {
            Error::usage(format!("\"{}\" is no measure: {what}", Printable(text))).hint(
                "write a column such as billed_cost, or NAME=FORMULA such as \"savings=(contracted_cost-cost)/contracted_cost%\"",
            )
        };
        if name.is_empty() {
            return Err(wrong("it has no name"));
        }
        let mut reader = Reader { rest: formula.trim() };
        let formula = reader.formula().map_err(|what| wrong(&what))?;
        if !reader.rest.is_empty() {
            return Err(wrong(&format!("{} is too much", Printable(reader.rest))));
        }
        let mut measure = Measure {
            name: name.to_owned(),
            formula,
        };
        measure.check().map_err(|what| wrong(&what))?;
        Ok(measure)
    }

    /// The terms of the formula.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        let (part, whole): (&[Term], &[Term]) = match &self.formula {
            Formula::Sum(terms) => (terms, &[]),
            Formula::Ratio { part, whole, .. } => (part, whole),
            Formula::FirstStart | Formula::LastEnd => (&[], &[]),
        };
        part.iter().chain(whole)
    }

    fn check(&mut self) -> std::result::Result<(), String> {
        for term in self.terms() {
            for condition in &term.conditions {
                if condition.dimension.source == DimensionSource::TagId {
                    return Err(format!(
                        "a charge has many of {}; ask for one tag:KEY",
                        condition.dimension.name
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Where the name ends: at the first `=` outside of quotes and conditions.
fn name_end(text: &str) -> Option<usize> {
    let (mut quoted, mut depth) = (false, 0_u32);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth = depth.saturating_sub(1),
            '=' if !quoted && depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

struct Reader<'a> {
    rest: &'a str,
}

type Read<T> = std::result::Result<T, String>;

impl Reader<'_> {
    fn formula(&mut self) -> Read<Formula> {
        match self.rest {
            "first_start" => {
                self.rest = "";
                return Ok(Formula::FirstStart);
            }
            "last_end" => {
                self.rest = "";
                return Ok(Formula::LastEnd);
            }
            _ => {}
        }
        let part = self.sum()?;
        let formula = if self.takes('/') {
            let whole = self.sum()?;
            let percent = self.takes('%');
            Formula::Ratio { part, whole, percent }
        } else {
            Formula::Sum(part)
        };
        Ok(formula)
    }

    fn sum(&mut self) -> Read<Vec<Term>> {
        if self.takes('(') {
            let sum = self.bare_sum()?;
            return if self.takes(')') {
                Ok(sum)
            } else {
                Err("a bracket is not closed".to_owned())
            };
        }
        self.bare_sum()
    }

    fn bare_sum(&mut self) -> Read<Vec<Term>> {
        let mut negative = self.takes('-');
        let mut terms = Vec::new();
        loop {
            terms.push(self.term(negative)?);
            if self.takes('+') {
                negative = false;
            } else if self.takes('-') {
                negative = true;
            } else {
                return Ok(terms);
            }
        }
    }

    fn term(&mut self, negative: bool) -> Read<Term> {
        let name = self.name()?;
        let column = match name.as_str() {
            "cost" => TermColumn::Cost,
            "charges" => TermColumn::Charges,
            _ => TermColumn::Named(name),
        };
        let mut conditions = Vec::new();
        if self.takes('[') {
            let (inside, rest) = self
                .rest
                .split_once(']')
                .ok_or("a condition is not closed by ]".to_owned())?;
            self.rest = rest.trim_start();
            for text in inside.split(';') {
                conditions.push(Condition::parse(text.trim()).map_err(|e| e.to_string())?);
            }
        }
        Ok(Term {
            negative,
            column,
            conditions,
        })
    }

    fn name(&mut self) -> Read<String> {
        if self.takes('"') {
            let (name, rest) = self
                .rest
                .split_once('"')
                .ok_or("a name is not closed by \"".to_owned())?;
            self.rest = rest.trim_start();
            return if name.is_empty() {
                Err("a name is empty".to_owned())
            } else {
                Ok(name.to_owned())
            };
        }
        let end = self
            .rest
            .find(['+', '-', '/', '(', ')', '[', ']', '%', '"', '='])
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        let name = name.trim();
        self.rest = rest;
        if name.is_empty() {
            Err("a column is missing".to_owned())
        } else {
            Ok(name.to_owned())
        }
    }

    fn takes(&mut self, wanted: char) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(text: &str) -> Measure {
        Measure::parse(text).unwrap()
    }

    #[test]
    fn a_column_is_its_own_name() {
        let measure = read("billed_cost");
        assert_eq!(measure.name, "billed_cost");
        let Formula::Sum(terms) = measure.formula else {
            panic!()
        };
        assert_eq!(terms[0].column, TermColumn::Named("billed_cost".to_owned()));
        assert_eq!(read("first_start").formula, Formula::FirstStart);
        assert_eq!(read("until=last_end").name, "until");
        assert_eq!(read("x = cost").name, "x");
    }

    #[test]
    fn ratios_and_conditions_are_read() {
        let measure = read("tagged = cost[tag:team!=;charge_category=Usage,Tax] / cost %");
        assert_eq!(measure.name, "tagged");
        let Formula::Ratio { part, whole, percent } = measure.formula else {
            panic!()
        };
        assert!(percent);
        assert_eq!(part[0].conditions.len(), 2);
        assert_eq!(part[0].conditions[1].any_of.len(), 2);
        assert!(whole[0].conditions.is_empty());
        let measure = read("esr=(contracted_cost - cost)/contracted_cost%");
        assert_eq!(
            measure.terms().map(|term| term.negative).collect::<Vec<_>>(),
            [false, true, false]
        );
        let measure = read("\"lineItem/UnblendedCost\"-\"x=y\"");
        assert_eq!(measure.terms().count(), 2);
    }

    #[test]
    fn what_is_no_measure_is_refused() {
        for bad in [
            "",
            "=",
            "a=",
            "=cost",
            "a=b=c",
            "a+",
            "(a",
            "a[",
            "a[x]",
            "a/b/c",
            "a%",
            "\"a",
            "a)",
            "\"\"",
            "cost[tag_id=x]",
            "a b=(",
        ] {
            assert!(Measure::parse(bad).is_err(), "{bad}");
        }
    }
}
