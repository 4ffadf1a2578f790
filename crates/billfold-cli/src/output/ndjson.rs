//! NDJSON: one group a line, as in the JSON document. Totals and receipt are not in it.

use std::io::{self, Write};

use billfold_core::engine::Answer;

use super::json::{Bounds, Group};

/// Writes the groups.
pub(crate) fn write(answer: &Answer, out: &mut dyn Write) -> io::Result<()> {
    let bounds = Bounds::new(answer);
    for idx in 0..answer.len() {
        serde_json::to_writer(&mut *out, &Group::new(answer, &bounds, idx))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testing::{answer, written};

    #[test]
    fn one_group_is_one_line() {
        let answer = answer(&["zone_id"], &[(&["a\nb"], "CNY", "-0.10"), (&["c"], "", "2")]);
        assert_eq!(
            written(|out| write(&answer, out)),
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
