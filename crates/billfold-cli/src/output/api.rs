//! The response of the GetChargeSums action, as billfold-api writes it.

use std::io::{self, Write};

use billfold_api::get_charge_sums::{Response, Shape};
use billfold_core::Result;
use billfold_core::engine::Answer;

/// Writes the response.
///
/// Errors: a conflict for charges in more than one currency, which the protocol cannot tell apart.
pub(crate) fn write(answer: &Answer, shape: Shape, out: &mut dyn Write) -> Result<()> {
    let response = Response::from_answer(answer, shape)?;
    serde_json::to_writer(&mut *out, &response)
        .map_err(io::Error::from)
        .and_then(|()| out.write_all(b"\n"))
        .map_err(|e| super::cannot("the answer", &e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testing::answer;

    #[test]
    fn two_currencies_do_not_fit_the_protocol() {
        let two = answer(&["zone_id"], &[(&["a"], "CNY", "1"), (&["a"], "USD", "1")]);
        let mut out = Vec::new();
        assert!(write(&two, Shape::Grouped, &mut out).is_err());
        let one = answer(&["zone_id"], &[(&["a"], "CNY", "1")]);
        write(&one, Shape::Grouped, &mut out).unwrap();
        assert!(out.ends_with(b"\n"));
    }
}
