//! What a column of a file is: a name, and what of a charge stands in it.

use crate::charge::{Charge, Tag};
use crate::decimal::Decimal;
use crate::rng::Rng;

/// What stands in a column.
pub(crate) enum Field {
    /// A text of the charge; empty means missing.
    Text(fn(&Charge) -> &str),
    /// A text made of several parts.
    Made(fn(&Charge, &mut String)),
    /// A cost.
    Cost(fn(&Charge) -> Option<Decimal>),
    /// A price or a quantity.
    Number(fn(&Charge) -> Option<Decimal>),
    /// The same number on every row.
    Constant(i64),
    /// An instant.
    Time(fn(&Charge) -> i64),
    /// All tags in one cell.
    Tags(TagShape),
    /// The value of one tag.
    Tag(String),
    /// Nothing, ever.
    Empty,
}

/// How tags stand in one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TagShape {
    /// FOCUS: a JSON object; a tag without a value is `true`.
    Object,
    /// CUR 2.0: as above, keys as AWS normalises them (`user_cost_center`).
    UserObject,
    /// QingCloud: a list of tag ids.
    Ids,
    /// Azure: as FOCUS, without the braces.
    Body,
    /// Google Cloud: a list of objects with key and value.
    List,
}

pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) field: Field,
}

/// The columns of a file in their order, and the habits of the format.
pub(crate) struct Layout {
    pub(crate) columns: Vec<Column>,
    /// JSON writes costs and prices as strings, and missing texts as `""` (QingCloud).
    pub(crate) everything_is_text: bool,
}

impl Layout {
    pub(crate) fn new(columns: impl IntoIterator<Item = (&'static str, Field)>) -> Layout {
        let columns = columns
            .into_iter()
            .map(|(name, field)| Column {
                name: String::from(name),
                field,
            })
            .collect();
        Layout {
            columns,
            everything_is_text: false,
        }
    }

    /// Fisher–Yates.
    pub(super) fn shuffle(&mut self, seed: u64) {
        let mut rng = Rng::of(seed, 7, 0);
        for i in (1..self.columns.len()).rev() {
            let j = rng.below(i as u64 + 1) as usize;
            self.columns.swap(i, j);
        }
    }
}

/// The key that CUR 2.0 gives a user's tag: `user_` and the key in lower snake case.
pub(crate) fn user_key(key: &str) -> String {
    let snake = key.chars().map(|c| {
        if c.is_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    });
    "user_".chars().chain(snake).collect()
}

/// The tags as CUR 2.0 has them: keys that become equal are one, and the first keeps its value.
pub(crate) fn user_tags(tags: &[Tag]) -> Vec<(String, &Tag)> {
    let mut result: Vec<(String, &Tag)> = Vec::with_capacity(tags.len());
    for tag in tags {
        let key = user_key(&tag.key);
        if result.iter().all(|(k, _)| *k != key) {
            result.push((key, tag));
        }
    }
    result
}

/// The one text of a bare tag id.
pub(crate) fn tag_id(tag: &Tag) -> String {
    match &tag.value {
        Some(value) => format!("{}={value}", tag.key),
        None => tag.key.clone(),
    }
}
