//! JSON: one document with the question, the groups, the totals and the receipt.
//!
//! Amounts are text, always. The dimensions of a group stand in an object of their own, `by`, so that
//! one that is called like another member (`period`, `cost`) takes nothing away. One group a line, so
//! that documents can be compared.

use std::io::{self, Write};

use billfold_core::engine::{Answer, AnswerRow, Receipt};
use billfold_core::time::format_instant;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::question::QuestionView;
use crate::receipt::{ReceiptView, TotalsView};

/// Writes the document.
pub(crate) fn write(answer: &Answer, receipt: &Receipt, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"{\"question\":")?;
    serde_json::to_writer(&mut *out, &QuestionView::from(&answer.query))?;
    out.write_all(b",\n\"groups\":[")?;
    let bounds = Bounds::new(answer);
    let mut separator: &[u8] = b"\n";
    for idx in 0..answer.len() {
        out.write_all(separator)?;
        separator = b",\n";
        serde_json::to_writer(&mut *out, &Group::new(answer, &bounds, idx))?;
    }
    out.write_all(b"\n],\n\"totals\":")?;
    serde_json::to_writer(&mut *out, &TotalsView(&answer.totals))?;
    write!(
        out,
        ",\n\"n_groups\":{},\n\"n_charges\":{},\n\"receipt\":",
        answer.n_groups, answer.n_charges
    )?;
    serde_json::to_writer(&mut *out, &ReceiptView::from(receipt))?;
    out.write_all(b"}\n")
}

/// Per period of an answer, its bounds as text: periods repeat from group to group.
pub(super) struct Bounds(Vec<[Option<String>; 2]>);

impl Bounds {
    pub(super) fn new(answer: &Answer) -> Self {
        let bounds = answer
            .periods
            .iter()
            .map(|period| [period.start.map(format_instant), period.end.map(format_instant)]);
        Bounds(bounds.collect())
    }
}

/// One group as an object.
pub(super) struct Group<'a> {
    answer: &'a Answer,
    row: AnswerRow<'a>,
    bounds: &'a [Option<String>; 2],
}

impl<'a> Group<'a> {
    /// The group at `idx` of the answer.
    pub(super) fn new(answer: &'a Answer, bounds: &'a Bounds, idx: usize) -> Self {
        Group {
            answer,
            row: answer.row(idx),
            bounds: &bounds.0[answer.period_idx[idx] as usize],
        }
    }
}

impl Serialize for Group<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct By<'a>(&'a Answer, AnswerRow<'a>);
        impl Serialize for By<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.dimension_names().zip(self.1.keys()))
            }
        }
        let mut group = serializer.serialize_map(None)?;
        group.serialize_entry("by", &By(self.answer, self.row))?;
        group.serialize_entry("period", &self.row.period().label)?;
        group.serialize_entry("period_start", &self.bounds[0])?;
        group.serialize_entry("period_end", &self.bounds[1])?;
        group.serialize_entry("billing_currency", self.row.currency().as_str())?;
        group.serialize_entry("cost", &Shown(self.row.cost()))?;
        group.serialize_entry("charges", &self.row.charges())?;
        // `Others` can be the name of a project too.
        if self.row.is_others() {
            group.serialize_entry("others", &true)?;
        }
        group.end()
    }
}

/// A value as the text that it displays as.
struct Shown<T>(T);

impl<T: std::fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
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
        let text = written(|out| write(&answer, &Receipt::default(), out));
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
        let text = written(|out| write(&answer, &Receipt::default(), out));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["groups"], serde_json::json!([]));
    }
}
