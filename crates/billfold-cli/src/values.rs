//! Values that a filter names and no charge has: told with those that are near, where an answer is empty for it.

use billfold_core::dataset::{self, RunOptions};
use billfold_core::engine::Receipt;
use billfold_core::error::Printable;
use billfold_core::ingest::formats::near_names;
use billfold_core::query::{ChargeQuery, Test};

use crate::fault::Reporter;
use crate::io::Io;

/// Charges above which a bill is not read once more only to name values.
const MAX_ROWS: u64 = 10_000_000;

/// Says of an empty answer which values of its filters are in no charge of the inputs.
///
/// The inputs are read once more; what keeps that from being done is no fault of the answer, and says nothing.
pub(crate) fn tell_absent(
    query: &ChargeQuery,
    receipt: &Receipt,
    paths: &[String],
    again: &RunOptions<'_>,
    io: &mut Io<'_>,
    reporter: Reporter,
) {
    let rows = &receipt.rows;
    let is_empty = rows.used == 0 && rows.filtered > 0;
    if !is_empty || rows.read > MAX_ROWS || paths.iter().any(|path| path == "-") {
        return;
    }
    for condition in query.filter.conditions.iter().filter(|c| !c.negated) {
        let wanted: Vec<&str> = condition
            .any_of
            .iter()
            .filter_map(|test| match test {
                Test::Equals(text) if !text.is_empty() => Some(text.as_str()),
                _ => None,
            })
            .collect();
        // Other tests may hold on values that these do not name.
        if wanted.len() != condition.any_of.len() {
            continue;
        }
        let mut values = ChargeQuery::total();
        values.by = vec![condition.dimension.clone()];
        values.metric = query.metric.clone();
        values.default_currency = query.default_currency;
        let mut options = again.again();
        options.exchange = None;
        let Ok(outcome) = dataset::sums(paths, values, options) else {
            return;
        };
        let Some(answer) = outcome.answer else { return };
        let known: Vec<&str> = answer.rows().map(|row| row.key(0)).collect();
        for value in wanted.into_iter().filter(|value| !known.contains(value)) {
            let near = near_names(value, known.iter().copied().filter(|known| !known.is_empty()));
            let near = match near.as_str() {
                "" => String::new(),
                near => format!("; near values: {}", Printable(near)),
            };
            reporter.warning(
                io,
                &format!(
                    "no charge has {} `{}`{near}",
                    Printable(&condition.dimension.name),
                    Printable(value)
                ),
            );
        }
    }
}
