//! Lists of amounts in one cell, such as the credits of a charge: their exact sum; and members of one object.

use serde_json::value::RawValue;

use crate::ingest::{python, tags};
use crate::money::{Amount, AmountError, ExactSum, parse_cell};

/// The sum of one member over the objects of a list; zero where there is no list or nothing in it.
///
/// `cell` is a JSON list, or what Python writes for one. Items without the member, or with null for it,
/// add nothing. Errors: what is no such list (`Syntax`), and what an amount may not be.
pub(crate) fn sum_of_list(cell: &[u8], member: &str) -> Result<Amount, AmountError> {
    let text = std::str::from_utf8(cell).map_err(|_| AmountError::Syntax)?.trim();
    if matches!(text, "" | "[]" | "null" | "NULL" | "None") {
        return Ok(Amount::ZERO);
    }
    let converted = python::as_json(text);
    let text = converted.as_deref().unwrap_or(text);
    let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| AmountError::Syntax)?;
    let mut sum = ExactSum::ZERO;
    for item in items {
        let members = tags::members(item.get()).ok_or(AmountError::Syntax)?;
        for (_, value) in members.iter().filter(|(name, _)| name == member) {
            let value = value.get();
            let value = value
                .strip_prefix('"')
                .and_then(|v| v.strip_suffix('"'))
                .unwrap_or(value);
            if let Some(amount) = parse_cell(value.as_bytes())? {
                sum.add_amount(amount).map_err(|_| AmountError::Range)?;
            }
        }
    }
    sum.to_amount().ok_or(AmountError::Range)
}

/// The text of a member of a JSON object, without its quotes; empty where there is no object or no such member.
pub(crate) fn member_text(cell: &[u8], member: &str) -> String {
    let Ok(text) = std::str::from_utf8(cell) else {
        return String::new();
    };
    let members = tags::members(text.trim()).unwrap_or_default();
    let found = members.into_iter().find(|(name, _)| name == member);
    let Some((_, value)) = found else {
        return String::new();
    };
    serde_json::from_str::<String>(value.get()).unwrap_or_else(|_| value.get().to_owned())
}

/// The amount in a member of a JSON object.
pub(crate) fn member_amount(cell: &[u8], member: &str) -> Result<Option<Amount>, AmountError> {
    parse_cell(member_text(cell, member).trim().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cell: &str, expected: Result<&str, AmountError>) {
        let sum = sum_of_list(cell.as_bytes(), "amount").map(|a| a.to_string());
        assert_eq!(sum, expected.map(str::to_owned), "{cell}");
    }

    #[test]
    fn a_list_adds_up_exactly() {
        check(
            r#"[{"name":"a","amount":-0.1},{"amount":"-0.2"},{"name":"b"}]"#,
            Ok("-0.3"),
        );
        check("[{'name': 'FreeTrial', 'amount': -0.1, 'id': ''}]", Ok("-0.1"));
        check(r#"[{"amount":1e-9},{"amount":null}]"#, Ok("0.000000001"));
        for nothing in ["", "[]", "null", "NULL", "[{}]"] {
            check(nothing, Ok("0"));
        }
    }

    #[test]
    fn what_is_no_list_of_amounts_is_refused() {
        for bad in [
            "x",
            "{}",
            "[1]",
            r#"[{"amount":"a"}]"#,
            r#"[{"amount":{}}]"#,
            "[{'amount': -0.1}",
        ] {
            check(bad, Err(AmountError::Syntax));
        }
    }
}
