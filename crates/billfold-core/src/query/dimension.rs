//! What a question can group and filter by, and how a user writes it.

use std::fmt;

use crate::charge::schema::{self, ColumnKind};
use crate::error::{Error, Result};

/// One thing to group or filter by: the name in the answer, and where its values come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dimension {
    /// The name as asked for; the answer's column carries it.
    pub name: String,
    /// Where the values come from.
    pub source: DimensionSource,
}

/// Where a dimension's values come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DimensionSource {
    /// A text column: a name of the schema, or a header in the export's own spelling.
    Column(String),
    /// Each tag of the row, as `key=value` (or the tag's id where tags are ids). A row counts once in
    /// the group of each of its tags, and under `""` when it has none.
    TagId,
    /// The value of one tag; `""` where the row lacks it.
    TagKey(String),
    /// One text for all rows.
    Text(String),
}

impl Dimension {
    /// Reads `project_id`, `zone`, `tag_id`, `tag:KEY`, `x_CostCenter`, `lineItem/UsageType`.
    ///
    /// This is the one place that says that `user_id` reads `sub_account_id`.
    /// Errors: an empty name, `tag:` without a key, a column that holds money, time or all tags.
    pub fn parse(text: &str) -> Result<Self> {
        let name = text.trim().to_owned();
        if name.is_empty() {
            return Err(Error::usage("an empty dimension name").hint("write --by project_id,zone_id"));
        }
        if let Some(key) = text.trim_start().strip_prefix("tag:") {
            if key.is_empty() {
                return Err(Error::usage("\"tag:\" names no tag").hint("write tag:KEY, such as tag:team"));
            }
            return Ok(Dimension {
                name: text.trim_start().to_owned(),
                source: DimensionSource::TagKey(key.to_owned()),
            });
        }
        if name == "tag_id" || name == "tag" {
            return Ok(Dimension {
                name,
                source: DimensionSource::TagId,
            });
        }
        let source = match schema::canonical_name(&name) {
            Some(column) => {
                let kind = schema::column(column).map(|c| c.kind);
                match kind {
                    Some(ColumnKind::Text) | None => {}
                    Some(ColumnKind::Tags) => {
                        return Err(
                            Error::usage("all tags together are no dimension").hint("use tag_id, or tag:KEY")
                        );
                    }
                    Some(ColumnKind::Money) => {
                        return Err(
                            Error::usage(format!("{name} is an amount; one cannot group by it"))
                                .hint("choose what is summed with --metric"),
                        );
                    }
                    Some(ColumnKind::Number) => {
                        return Err(Error::usage(format!(
                            "{name} is a number; one cannot group by it"
                        )));
                    }
                    Some(ColumnKind::Time) => {
                        return Err(Error::usage(format!("{name} is a time; one cannot group by it"))
                            .hint("choose the periods with --duration"));
                    }
                }
                DimensionSource::Column(column.to_owned())
            }
            None => DimensionSource::Column(name.clone()),
        };
        Ok(Dimension { name, source })
    }

    /// Reads a comma-separated list of dimensions. A dimension asked for twice is refused.
    pub fn parse_list(text: &str) -> Result<Vec<Self>> {
        let mut list: Vec<Dimension> = Vec::new();
        for part in text.split(',') {
            let dimension = Dimension::parse(part)?;
            if list.iter().any(|d| d.source == dimension.source) {
                return Err(Error::usage(format!(
                    "dimension {} is asked for twice",
                    dimension.name
                )));
            }
            list.push(dimension);
        }
        Ok(list)
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_reads_the_sub_account_and_keeps_its_name() {
        let user = Dimension::parse("user_id").unwrap();
        assert_eq!(user.name, "user_id");
        assert_eq!(user.source, DimensionSource::Column("sub_account_id".into()));
    }

    #[test]
    fn a_tag_key_may_hold_anything_but_nothing() {
        assert_eq!(
            Dimension::parse("tag: org").unwrap().source,
            DimensionSource::TagKey(" org".into())
        );
        assert!(Dimension::parse("tag:").is_err());
    }

    #[test]
    fn money_times_and_repeats_are_refused() {
        for bad in [
            "billed_cost",
            "charge_period_start",
            "tags",
            "",
            "zone,zone_id",
            "project_id,,zone_id",
        ] {
            assert!(Dimension::parse_list(bad).is_err(), "{bad}");
        }
    }
}
