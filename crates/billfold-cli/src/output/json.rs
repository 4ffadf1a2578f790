//! JSON: one document with the question, the groups, the totals and the receipt.
//!
//! Amounts are text, always. The dimensions of a group stand in an object of their own, `by`, so that
//! one that is called like another member (`period`, `cost`) takes nothing away. One group a line, so
//! that documents can be compared.

use std::io::{self, Write};

use billfold_core::Result;
use billfold_core::engine::canonical::each_piece;
use billfold_core::engine::{Answer, Receipt};
use billfold_core::money::push_count;
use billfold_core::time::format_instant;
use serde::Serialize;

use super::question::QuestionView;
use super::{Groups, cannot};
use crate::receipt::{ReceiptView, TotalsView};

/// Writes the document.
pub(crate) fn write(groups: Groups<'_>, receipt: &Receipt, out: &mut dyn Write) -> Result<()> {
    let failed = |e: io::Error| cannot("the answer", &e);
    let head = groups.head();
    let begin = |out: &mut dyn Write| -> io::Result<()> {
        out.write_all(b"{\"question\":")?;
        serde_json::to_writer(&mut *out, &QuestionView::from(&head.query))?;
        out.write_all(b",\n\"groups\":[")
    };
    begin(out).map_err(failed)?;
    let mut is_first = true;
    groups.each(&mut |answer| {
        let group = group_line(answer);
        let line = |idx: usize, line: &mut Vec<u8>| {
            line.extend_from_slice(b",\n");
            group(idx, line);
        };
        each_piece(answer.len(), &line, &mut |lines| {
            // No comma stands before the first group.
            let lines = if std::mem::take(&mut is_first) {
                &lines[1..]
            } else {
                lines
            };
            out.write_all(lines).map_err(failed)
        })
    })?;
    let end = |out: &mut dyn Write| -> io::Result<()> {
        out.write_all(b"\n],\n\"totals\":")?;
        serde_json::to_writer(&mut *out, &TotalsView(&head.totals))?;
        write!(
            out,
            ",\n\"n_groups\":{},\n\"n_charges\":{},\n\"receipt\":",
            head.n_groups, head.n_charges
        )?;
        serde_json::to_writer(&mut *out, &ReceiptView::from(receipt))?;
        out.write_all(b"}\n")
    };
    end(out).map_err(failed)
}

/// Appends the group at an index as an object.
pub(super) fn group_line(answer: &Answer) -> impl Fn(usize, &mut Vec<u8>) + Sync {
    // Names of members, periods and currencies repeat from group to group.
    let mut before = "{\"by\":{".to_owned();
    let names: Vec<String> = answer
        .dimension_names()
        .map(|name| {
            let member = format!("{before}{}:", json(name));
            ",".clone_into(&mut before);
            member
        })
        .collect();
    let close = if names.is_empty() { "{\"by\":{}" } else { "}" };
    let periods: Vec<String> = answer
        .periods
        .iter()
        .map(|period| {
            let (start, end) = (period.start.map(format_instant), period.end.map(format_instant));
            format!(
                "{close},\"period\":{},\"period_start\":{},\"period_end\":{},\"billing_currency\":",
                json(&period.label),
                json(&start),
                json(&end)
            )
        })
        .collect();
    let currencies: Vec<String> = answer
        .currencies
        .iter()
        .map(|currency| format!("{},\"cost\":\"", json(currency.as_str())))
        .collect();
    move |idx, line| {
        let row = answer.row(idx);
        for (name, key) in names.iter().zip(row.keys()) {
            line.extend_from_slice(name.as_bytes());
            // Writing to a vector cannot fail.
            let _ = serde_json::to_writer(&mut *line, key);
        }
        line.extend_from_slice(periods[answer.period_idx[idx] as usize].as_bytes());
        line.extend_from_slice(currencies[answer.currency_idx[idx] as usize].as_bytes());
        answer.costs.push_text(idx as u32, line);
        line.extend_from_slice(b"\",\"charges\":");
        push_count(line, row.charges());
        // `Others` can be the name of a project too.
        line.extend_from_slice(if row.is_others() {
            b",\"others\":true}"
        } else {
            b"}"
        });
    }
}

fn json<T: Serialize + ?Sized>(value: &T) -> String {
    // Texts are always written.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testing::{answer, written};

    #[test]
    fn a_dimension_called_like_a_member_takes_nothing_away() {
        let answer = answer(
            &["cost", "tag:\u{1b}"],
            &[(&["x", "a\"b\n"], "USD", "10000000000000000000.000000000000000001")],
        );
        let text = written(|out| write(Groups::Whole(&answer), &Receipt::default(), out));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let group = &json["groups"][0];
        assert_eq!(group["by"]["cost"], "x");
        assert_eq!(group["by"]["tag:\u{1b}"], "a\"b\n");
        assert_eq!(group["cost"], "10000000000000000000.000000000000000001");
        assert_eq!(group["period"], "total");
        assert!(group["period_start"].is_null());
        assert!(group.get("others").is_none());
        assert_eq!(json["totals"]["USD"], "10000000000000000000.000000000000000001");
        assert_eq!(json["n_groups"], 1);
        assert_eq!(json["question"]["by"][0], "cost");
        assert_eq!(json["question"]["duration"], "total");
        assert!(json["receipt"]["answer_sha256"].is_null());
    }

    #[test]
    fn an_answer_without_groups_is_a_document() {
        let answer = answer(&[], &[]);
        let text = written(|out| write(Groups::Whole(&answer), &Receipt::default(), out));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["groups"], serde_json::json!([]));
    }
}
