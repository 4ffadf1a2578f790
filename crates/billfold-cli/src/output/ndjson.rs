//! NDJSON: one group a line, as in the JSON document. Totals and receipt are not in it.

use std::io::Write;

use billfold_core::Result;
use billfold_core::engine::canonical::each_piece;

use super::json::group_line;
use super::{Groups, cannot};

/// Writes the groups.
pub(crate) fn write(groups: Groups<'_>, out: &mut dyn Write) -> Result<()> {
    groups.each(&mut |answer| {
        let group = group_line(answer);
        let line = |idx: usize, line: &mut Vec<u8>| {
            group(idx, line);
            line.push(b'\n');
        };
        each_piece(answer.len(), &line, &mut |lines| {
            out.write_all(lines).map_err(|e| cannot("the answer", &e))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testing::{answer, written};

    #[test]
    fn one_group_is_one_line() {
        let answer = answer(&["zone_id"], &[(&["a\nb"], "CNY", "-0.10"), (&["c"], "", "2")]);
        assert_eq!(
            written(|out| write(Groups::Whole(&answer), out)),
            concat!(
                r#"{"by":{"zone_id":"a\nb"},"period":"total","period_start":null,"period_end":null,"#,
                r#""billing_currency":"CNY","cost":"-0.1","charges":1}"#,
                "\n",
                r#"{"by":{"zone_id":"c"},"period":"total","period_start":null,"period_end":null,"#,
                r#""billing_currency":"","cost":"2","charges":1}"#,
                "\n"
            )
        );
    }
}
