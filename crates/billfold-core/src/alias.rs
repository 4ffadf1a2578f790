//! Tag aliases: several spellings of a tag key that are read as one, between scan and fold.
//!
//! `Team`, `owner-team` and `team` become the tag `team`, whatever a question does with it: group, filter,
//! count under `tag_id`, look up. Sets of tags are rewritten once per distinct set and not per charge; no charge
//! is added, lost or counted twice, and no cost is touched.
//!
//! The rules:
//! - The keys of one alias are asked in the order stated, the key itself first unless it stands in the order.
//! - The first that has a value that is not empty gives it. Where none has, the first that is there at all counts,
//!   with its empty value.
//! - A charge whose keys hold different values is counted as contradicted; the first stated still wins.
//! - An old key leads to one key, and no key is both old and new, so that the order of aliases is no matter.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::charge::ChargeBatch;
use crate::charge::batch::TagColumn;
use crate::charge::builder::dictionary;
use crate::charge::tag_sets::{TagBuilder, TagSink};
use crate::engine::AliasReceipt;
use crate::error::{Error, Result};

/// Keys that are read as others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagAliases {
    /// By the key that the tags have afterwards.
    aliases: Vec<Alias>,
    /// Per key of some alias, which one, and its place in the order.
    places: BTreeMap<String, (usize, usize)>,
}

/// One key, and the keys that are read as it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The key that the tags have afterwards.
    pub key: String,
    /// The keys in the order in which they are asked, `key` among them.
    pub from: Vec<String>,
}

impl TagAliases {
    /// Aliases from pairs of an old and a new key, in the order in which the old keys are asked.
    ///
    /// A pair of a key with itself gives the key its own place in the order.
    /// Errors: usage, for an empty key, an old key that leads to two keys, and one that is old and new.
    pub fn new<S: Into<String>>(pairs: impl IntoIterator<Item = (S, S)>) -> Result<Self> {
        let mut aliases: Vec<Alias> = Vec::new();
        for (old, new) in pairs {
            let (old, new): (String, String) = (old.into(), new.into());
            if old.is_empty() || new.is_empty() {
                return Err(Error::usage(format!("the alias \"{old}={new}\" lacks a tag key"))
                    .hint("write OLD=NEW, such as Team=team"));
            }
            match aliases.iter_mut().find(|alias| alias.key == new) {
                Some(alias) if alias.from.contains(&old) => {}
                Some(alias) => alias.from.push(old),
                None => aliases.push(Alias {
                    key: new,
                    from: vec![old],
                }),
            }
        }
        for alias in &mut aliases {
            if !alias.from.contains(&alias.key) {
                alias.from.insert(0, alias.key.clone());
            }
        }
        let mut places = BTreeMap::new();
        for (nth, alias) in aliases.iter().enumerate() {
            for (place, key) in alias.from.iter().enumerate() {
                if let Some((other, _)) = places.insert(key.clone(), (nth, place)) {
                    let other: &Alias = &aliases[other];
                    return Err(Error::usage(format!(
                        "the tag key \"{key}\" is read as \"{}\" and as \"{}\"",
                        other.key, alias.key
                    ))
                    .hint("let every old key lead to one key, and to one that is no alias itself"));
                }
            }
        }
        Ok(TagAliases { aliases, places })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.aliases.is_empty()
    }

    /// The aliases, in the order in which their keys were stated.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Alias> {
        self.aliases.iter()
    }

    /// What an old key is read as; None for a key that keeps its name.
    pub fn renamed(&self, key: &str) -> Option<&str> {
        let (nth, _) = self.places.get(key)?;
        let alias = &self.aliases[*nth];
        (alias.key != key).then_some(&alias.key)
    }

    /// Refuses a question that names a key which no charge has after the aliases.
    ///
    /// Errors: usage, with the key to ask for.
    pub fn check<'k>(&self, keys: impl IntoIterator<Item = &'k str>) -> Result<()> {
        for key in keys {
            if let Some(new) = self.renamed(key) {
                return Err(
                    Error::usage(format!("tag:{key} is an alias; its values stand under tag:{new}"))
                        .hint(format!("ask for tag:{new}, or take the alias out")),
                );
            }
        }
        Ok(())
    }

    /// An empty account.
    pub(crate) fn state(&self) -> AliasState {
        AliasState(vec![Tally::default(); self.aliases.len()])
    }

    /// The tags of a batch under their new keys.
    pub(crate) fn apply<'b>(
        &self,
        batch: &'b ChargeBatch,
        state: &mut AliasState,
    ) -> Result<Cow<'b, ChargeBatch>> {
        let Some(tags) = batch.tags().filter(|_| !self.is_empty()) else {
            return Ok(Cow::Borrowed(batch));
        };
        // Old keys alone make a set another one.
        let touched: Vec<bool> = (0..tags.n_sets())
            .map(|set| tags.set(set).any(|(key, _)| self.renamed(key).is_some()))
            .collect();
        if !touched.contains(&true) {
            return Ok(Cow::Borrowed(batch));
        }
        let mut rows_of = vec![0u64; tags.n_sets()];
        for code in tags.codes() {
            rows_of[*code as usize] += 1;
        }
        // Set 0 of the builder is the empty one, and set i of the batch its set i + 1.
        let mut builder = TagBuilder::with_capacity(tags.n_sets());
        for (set, touched) in touched.iter().enumerate() {
            builder.push(&(set as u64).to_le_bytes(), |sink| {
                if *touched {
                    self.rewrite(&tags, set, rows_of[set], state, sink);
                } else {
                    tags.set(set).for_each(|(key, value)| sink.push(key, value));
                }
            });
        }
        let sets = Arc::clone(builder.finish()?.values());
        let codes = tags.codes().iter().map(|code| code + 1).collect();
        batch.with_tags(dictionary(codes, sets)?).map(Cow::Owned)
    }

    /// One set under its new keys; an alias stands where its first key stood.
    fn rewrite(
        &self,
        tags: &TagColumn<'_>,
        set: usize,
        n_rows: u64,
        state: &mut AliasState,
        sink: &mut TagSink<'_>,
    ) {
        let mut met: Vec<Option<Met<'_>>> = vec![None; self.aliases.len()];
        for (key, value) in tags.set(set) {
            let Some((nth, place)) = self.places.get(key).copied() else {
                continue;
            };
            let new = Met {
                place,
                value,
                differs: false,
                renames: self.aliases[nth].key != key,
            };
            met[nth] = Some(match met[nth] {
                None => new,
                Some(known) => known.or(new),
            });
        }
        let mut written = vec![false; self.aliases.len()];
        for (key, value) in tags.set(set) {
            match self.places.get(key).map(|(nth, _)| *nth) {
                // The value of a key that only stands under its own name is its own business.
                Some(nth) if met[nth].is_some_and(|met| met.renames) => {
                    if let Some(met) = met[nth].filter(|_| !std::mem::replace(&mut written[nth], true)) {
                        sink.push(&self.aliases[nth].key, met.value);
                        state.0[nth].renamed += n_rows;
                        state.0[nth].conflicts += if met.differs { n_rows } else { 0 };
                    }
                }
                _ => sink.push(key, value),
            }
        }
    }

    /// The account over all workers.
    pub(crate) fn receipts(&self, states: &[AliasState]) -> Vec<AliasReceipt> {
        let total = |nth: usize, of: fn(&Tally) -> u64| states.iter().map(|state| of(&state.0[nth])).sum();
        let receipt = |(nth, alias): (usize, &Alias)| AliasReceipt {
            key: alias.key.clone(),
            from: alias.from.clone(),
            renamed: total(nth, |tally| tally.renamed),
            conflicts: total(nth, |tally| tally.conflicts),
        };
        self.aliases.iter().enumerate().map(receipt).collect()
    }
}

/// What a set says under the keys of one alias.
#[derive(Debug, Clone, Copy)]
struct Met<'t> {
    place: usize,
    value: Option<&'t str>,
    /// Whether values that are not empty differ.
    differs: bool,
    /// Whether an old key is among the keys met.
    renames: bool,
}

impl<'t> Met<'t> {
    /// Of two, the one whose value counts.
    fn or(self, other: Met<'t>) -> Met<'t> {
        let is_empty = |met: &Met<'_>| met.value.unwrap_or("").is_empty();
        let order = |met: &Met<'_>| (is_empty(met), met.place);
        let differs = self.differs
            || other.differs
            || (!is_empty(&self) && !is_empty(&other) && self.value != other.value);
        // Of one key that stands twice, the first counts.
        let first = if order(&other) < order(&self) { other } else { self };
        Met {
            differs,
            renames: self.renames || other.renames,
            ..first
        }
    }
}

/// One worker's account.
#[derive(Debug, Clone)]
pub(crate) struct AliasState(Vec<Tally>);

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    renamed: u64,
    conflicts: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases(pairs: &[(&str, &str)]) -> TagAliases {
        TagAliases::new(pairs.iter().copied()).unwrap()
    }

    #[test]
    fn the_key_itself_is_asked_first_unless_its_place_is_stated() {
        let from = |pairs: &[(&str, &str)]| aliases(pairs).aliases[0].from.clone();
        assert_eq!(
            from(&[("Team", "team"), ("owner", "team")]),
            ["team", "Team", "owner"]
        );
        assert_eq!(
            from(&[("Team", "team"), ("team", "team"), ("owner", "team")]),
            ["Team", "team", "owner"]
        );
    }

    #[test]
    fn a_key_leads_to_one_key() {
        for bad in [
            &[("a", "b"), ("a", "c")][..],
            &[("a", "b"), ("b", "c")],
            &[("", "b")],
            &[("a", "")],
        ] {
            assert!(TagAliases::new(bad.iter().copied()).is_err(), "{bad:?}");
        }
        assert!(TagAliases::new([("a", "b"), ("a", "b")]).is_ok());
        let aliases = aliases(&[("Team", "team")]);
        assert_eq!(aliases.renamed("Team"), Some("team"));
        assert_eq!((aliases.renamed("team"), aliases.renamed("x")), (None, None));
        assert!(aliases.check(["team", "x"]).is_ok());
        assert!(aliases.check(["Team"]).is_err());
    }

    /// What a set becomes, and whether it was renamed and contradicted.
    fn rewritten(pairs: &[(&str, &str)], set: &[(&str, Option<&str>)]) -> (String, u64, u64) {
        use arrow::array::AsArray;
        let aliases = aliases(pairs);
        let mut builder = TagBuilder::with_capacity(1);
        builder.push(b"x", |sink| set.iter().for_each(|(k, v)| sink.push(k, *v)));
        let tags = builder.finish().unwrap();
        let cost = crate::charge::batch::narrow_cost(vec![1i128], 0, None).unwrap();
        let currency = dictionary(vec![0], Arc::new(arrow::array::StringArray::from(vec!["USD"]))).unwrap();
        let batch = ChargeBatch::new(crate::charge::batch::BatchParts {
            start: vec![0].into(),
            end: None,
            cost,
            currency,
            text: Vec::new(),
            tags: Some(tags.into()),
        })
        .unwrap();
        let mut state = aliases.state();
        let after = aliases.apply(&batch, &mut state).unwrap();
        let tags = after.tags().unwrap();
        assert_eq!(tags.codes().len(), 1);
        let shown: Vec<String> = tags
            .set(tags.codes()[0] as usize)
            .map(|(k, v)| format!("{k}={}", v.unwrap_or("-")))
            .collect();
        let _ = after.record_batch().column(0).as_any();
        let _ = after
            .record_batch()
            .column(3)
            .as_dictionary::<arrow::datatypes::Int32Type>();
        (shown.join(" "), state.0[0].renamed, state.0[0].conflicts)
    }

    #[test]
    fn the_first_stated_value_wins_and_a_contradiction_is_counted() {
        let team = [("Team", "team"), ("owner", "team")];
        for (set, shown, renamed, conflicts) in [
            (&[("Team", Some("a"))][..], "team=a", 1, 0),
            (&[("env", Some("x")), ("owner", Some("b"))], "env=x team=b", 1, 0),
            (&[("owner", Some("b")), ("team", Some("a"))], "team=a", 1, 1),
            (&[("owner", Some("a")), ("team", Some("a"))], "team=a", 1, 0),
            (&[("team", Some("")), ("owner", Some("b"))], "team=b", 1, 0),
            (&[("Team", None), ("owner", Some(""))], "team=-", 1, 0),
            (&[("team", Some("a")), ("env", Some("x"))], "team=a env=x", 0, 0),
            (&[], "", 0, 0),
        ] {
            assert_eq!(
                rewritten(&team, set),
                (shown.to_owned(), renamed, conflicts),
                "{set:?}"
            );
        }
    }
}
