//! Which rows of a batch count: filters, judged once per distinct value.

use arrow::array::{Array, AsArray, DictionaryArray, StringArray};
use arrow::datatypes::Int32Type;

use super::of_sets::OfSets;
use super::plan::{BatchColumn, Plan};
use crate::charge::ChargeBatch;
use crate::query::Condition;

/// The text of a tag as `tag_id` shows it: `key=value`, or the key alone where the tag has no value.
pub(crate) fn tag_text(key: &str, value: Option<&str>) -> String {
    let mut text = String::new();
    push_tag_text(&mut text, key, value);
    text
}

/// The same behind what `out` holds.
pub(crate) fn push_tag_text(out: &mut String, key: &str, value: Option<&str>) {
    out.push_str(key);
    if let Some(value) = value {
        out.push('=');
        out.push_str(value);
    }
}

/// Per condition of a plan on tags, on which sets it holds, remembered from batch to batch.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(Vec<OfSets<bool>>);

/// Per row, whether all filters keep it; None when there is no filter. `verdicts` are of this plan.
pub(crate) fn filter_rows(plan: &Plan, batch: &ChargeBatch, verdicts: &mut Verdicts) -> Option<Vec<bool>> {
    if plan.conditions.is_empty() {
        return None;
    }
    verdicts.0.resize_with(plan.conditions.len(), OfSets::default);
    let mut keep = vec![true; batch.len()];
    for ((column, condition), of_sets) in plan.conditions.iter().zip(&mut verdicts.0) {
        match column {
            BatchColumn::Text(i) => keep_by_text(batch.text(*i), condition, &mut keep),
            BatchColumn::Currency => keep_by_text(batch.currency(), condition, &mut keep),
            BatchColumn::Constant(text) => {
                let holds = condition.holds(text);
                for keep in &mut keep {
                    *keep &= holds;
                }
            }
            BatchColumn::TagKey(_) | BatchColumn::TagId => {
                let Some(tags) = batch.tags() else { continue };
                let of_sets = of_sets.turn_to(&tags, |set| holds_on_tags(column, condition, tags.set(set)));
                for (keep, set) in keep.iter_mut().zip(tags.codes()) {
                    *keep &= of_sets[*set as usize];
                }
            }
        }
    }
    Some(keep)
}

/// Whether a condition on a tag, or on all tags, holds on a set of tags.
pub(crate) fn holds_on_tags<'t>(
    column: &BatchColumn,
    condition: &Condition,
    mut set: impl Iterator<Item = (&'t str, Option<&'t str>)>,
) -> bool {
    if let BatchColumn::TagKey(key) = column {
        let value = set.find(|(k, _)| k == key).and_then(|(_, v)| v);
        return condition.holds(value.unwrap_or(""));
    }
    let passes = |text: &str| condition.any_of.iter().any(|test| test.passes(text));
    let mut values = set.peekable();
    let any = if values.peek().is_none() {
        passes("")
    } else {
        values.any(|(k, v)| passes(&tag_text(k, v)))
    };
    any != condition.negated
}

fn keep_by_text(column: &DictionaryArray<Int32Type>, condition: &Condition, keep: &mut [bool]) {
    let names: &StringArray = column.values().as_string();
    let verdicts: Vec<bool> = names
        .iter()
        .map(|name| condition.holds(name.unwrap_or("")))
        .collect();
    let absent = condition.holds("");
    let keys = column.keys();
    if keys.null_count() == 0 {
        for (keep, code) in keep.iter_mut().zip(keys.values()) {
            *keep &= verdicts[*code as usize];
        }
    } else {
        for (row, keep) in keep.iter_mut().enumerate() {
            *keep &= if keys.is_null(row) {
                absent
            } else {
                verdicts[keys.value(row) as usize]
            };
        }
    }
}
