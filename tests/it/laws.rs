//! The laws that every answer keeps, whatever the bill: sums, periods, windows, proration, filters, pages, order.
//!
//! No oracle here: a law says how answers of the engine to different questions, or about differently cut files,
//! belong together. What each law is called in the catalogue of invariants stands in brackets.

use crate::support::{ask, bill};

#[test]
fn a_currency_is_one_value_of_its_dimension_however_the_file_spells_it() {
    let rows = ["cny", "RMB", "CNY", "USD"]
        .map(|currency| format!("2024-03-01T00:00:00Z,2024-03-02T00:00:00Z,1,{currency},i-1"));
    let outcome = ask(&bill(&rows)).by("billing_currency").run().unwrap();
    let answer = outcome.answer.unwrap();
    let groups: Vec<(&str, String)> = answer.rows().map(|r| (r.key(0), r.cost().to_string())).collect();
    assert_eq!(groups, [("CNY", "3".to_owned()), ("USD", "1".to_owned())]);
}
