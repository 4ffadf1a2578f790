//! Tencent Cloud billing 2018-07-09: what its actions share.
//!
//! | module | holds |
//! |---|---|
//! | [`cost_summary_by_resource`] | DescribeCostSummaryByResource |
//! | [`cost_summary`] | DescribeCostSummaryByProduct, ByProject and ByRegion |
//! | [`bill_resource_summary`] | DescribeBillResourceSummary |
//!
//! Here are the parameters of a call, its month, the words of the answers in their two languages, and the groups
//! that all answers are made from.

pub mod bill_resource_summary;
pub mod cost_summary;
pub mod cost_summary_by_resource;
mod item;
mod words;

use billfold_core::query::{ChargeQuery, Condition, Dimension, DimensionSource, Test};
use billfold_core::time::{Calendar, Granularity, Window, parse_period};
use serde::Serialize;

use crate::call::Call;
use crate::fault::{Refusal, RefusalKind};
use crate::params::Tree;
use crate::params::value::count;
use crate::qingcloud::body;

/// The members of an answer as an object of JSON, to which the envelope adds the id of the request.
pub(crate) struct Members(Vec<u8>);

impl Members {
    /// The members of a response. Errors: a bug, where it cannot be written.
    pub(crate) fn of<T: Serialize>(response: &T) -> Result<Members, Refusal> {
        body(response).map(Members)
    }
}

/// `{"Response":{…,"RequestId":"…"}}`.
pub(crate) fn enveloped(members: &Members, request_id: &str) -> Result<Vec<u8>, Refusal> {
    let Some(open) = members.0.strip_suffix(b"}").filter(|open| open.len() > 1) else {
        return Err(Refusal::new(
            RefusalKind::Internal,
            "the response could not be written",
        ));
    };
    let mut text = b"{\"Response\":".to_vec();
    text.extend_from_slice(open);
    text.extend_from_slice(b",\"RequestId\":");
    text.extend(body(&request_id)?);
    text.extend_from_slice(b"}}");
    Ok(text)
}

/// Parameters of every call, which no action looks at; those of the older signature among them.
const COMMON: &[&str] = &[
    "Action",
    "Version",
    "Region",
    "Timestamp",
    "Nonce",
    "SecretId",
    "Signature",
    "SignatureMethod",
    "Token",
    "Language",
    "RequestClient",
];

/// The members of an object of parameters.
#[derive(Clone, Copy)]
pub(crate) struct Args<'a>(&'a [(String, Tree)]);

impl<'a> Args<'a> {
    /// The parameters of a call. Errors: an unknown one, as the service has it.
    pub(crate) fn of_call(tree: &'a Tree, known: &[&str]) -> Result<Args<'a>, Refusal> {
        let args = Args::of(tree, "the request")?;
        args.check(known, COMMON)?;
        Ok(args)
    }

    fn of(tree: &'a Tree, name: &str) -> Result<Args<'a>, Refusal> {
        match tree {
            Tree::Object(members) => Ok(Args(members)),
            Tree::Null => Ok(Args(&[])),
            // A form has nothing to write an object without members with.
            Tree::Text(text) if text.is_empty() => Ok(Args(&[])),
            other => Err(wrong_kind(name, other, "an object")),
        }
    }

    fn check(&self, known: &[&str], common: &[&str]) -> Result<(), Refusal> {
        for (name, _) in self.0 {
            if !known.contains(&name.as_str()) && !common.contains(&name.as_str()) {
                return Err(Refusal::value(
                    RefusalKind::UnknownParameter,
                    "parameter",
                    name,
                    &format!("is not recognized; known are {}", known.join(", ")),
                ));
            }
        }
        Ok(())
    }

    fn get(&self, name: &str) -> Option<&'a Tree> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, tree)| tree)
            .filter(|tree| **tree != Tree::Null)
    }

    /// A text as given, which may be empty.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Tree::Text(text) | Tree::Number(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_kind(name, other, "a text")),
        }
    }

    /// A text; empty is not given.
    pub(crate) fn word(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    /// A text that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&'a str, Refusal> {
        self.word(name)?.ok_or_else(|| Refusal::missing(name))
    }

    /// A count, as a number or as its digits in a text.
    pub(crate) fn count(&self, name: &str, least: u64, most: u64) -> Result<Option<usize>, Refusal> {
        self.word(name)?
            .map(|text| count(name, text, least, most))
            .transpose()
    }

    /// `Limit` and `Offset`, which every action demands.
    pub(crate) fn page(&self, max_limit: u64) -> Result<(usize, usize), Refusal> {
        let missing = |name: &str| Refusal::missing(name);
        let limit = self
            .count("Limit", 1, max_limit)?
            .ok_or_else(|| missing("Limit"))?;
        let offset = self
            .count("Offset", 0, u64::MAX)?
            .ok_or_else(|| missing("Offset"))?;
        Ok((offset, limit))
    }

    /// 0 or 1; 0 where it is not given.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        Ok(self.count(name, 0, 1)? == Some(1))
    }

    /// A list of texts and numbers; one of them alone is a list too.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<&'a str>, Refusal> {
        let leaf = |tree: &'a Tree| match tree {
            Tree::Text(text) | Tree::Number(text) => Ok(text.as_str()),
            other => Err(wrong_kind(name, other, "a text or a number")),
        };
        let mut values = match self.get(name) {
            None => Vec::new(),
            Some(Tree::List(items)) => items.iter().map(leaf).collect::<Result<Vec<_>, _>>()?,
            Some(tree) => vec![leaf(tree)?],
        };
        values.retain(|value| !value.is_empty());
        Ok(values)
    }

    /// An object; one without members where it is not given.
    pub(crate) fn object(&self, name: &str, known: &[&str]) -> Result<Args<'a>, Refusal> {
        let args = match self.get(name) {
            None => Args(&[]),
            Some(tree) => Args::of(tree, name)?,
        };
        args.check(known, &[])?;
        Ok(args)
    }
}

fn wrong_kind(name: &str, tree: &Tree, expected: &str) -> Refusal {
    Refusal::new(
        RefusalKind::Malformed,
        format!("[{name}] is {}; {expected} is expected", tree.kind()),
    )
}

/// The whole month of `BeginTime` and `EndTime`.
///
/// Errors: missing; a wrong value, for what is no month; a combination, for two months.
pub(crate) fn month(call: &Call<'_>, args: &Args<'_>) -> Result<Window, Refusal> {
    let (begin, end) = (args.required("BeginTime")?, args.required("EndTime")?);
    let (first, last) = (month_of("BeginTime", begin)?, month_of("EndTime", end)?);
    if first != last {
        return Err(Refusal::new(
            RefusalKind::Combination,
            format!("BeginTime [{first}] and EndTime [{last}] are not in the same month"),
        ));
    }
    month_window(call, "BeginTime", first)
}

/// A month as a window in the calendar of the settings.
pub(crate) fn month_window(call: &Call<'_>, name: &str, month: &str) -> Result<Window, Refusal> {
    let calendar = Calendar::new(call.settings.zone, Granularity::Monthly);
    parse_period(month, calendar).map_err(|_| {
        Refusal::value(
            RefusalKind::WrongValue,
            name,
            month,
            "is not a month such as 2018-11",
        )
    })
}

/// The month of `2018-11`, `2018-11-01` or `2018-11-01 00:00:00`.
pub(crate) fn month_of<'t>(name: &str, text: &'t str) -> Result<&'t str, Refusal> {
    let refuse = || {
        Refusal::value(
            RefusalKind::WrongValue,
            name,
            text,
            "is not a month such as 2018-11",
        )
    };
    let fits = |pattern: &str| {
        text.len() == pattern.len()
            && text
                .bytes()
                .zip(pattern.bytes())
                .all(|(byte, expected)| match expected {
                    b'0' => byte.is_ascii_digit(),
                    expected => byte == expected,
                })
    };
    let known = ["0000-00", "0000-00-00", "0000-00-00 00:00:00"];
    if !known.iter().any(|pattern| fits(pattern)) {
        return Err(refuse());
    }
    text.get(..7).ok_or_else(refuse)
}

/// Keeps the charges with a tag: of one value, with any, or without one where `value` is empty.
pub(crate) fn keep_tag(query: &mut ChargeQuery, args: &Args<'_>) -> Result<(), Refusal> {
    let value = args.text("TagValue")?;
    let Some(key) = args.word("TagKey")? else {
        return match value {
            Some(value) if !value.is_empty() => Err(Refusal::new(
                RefusalKind::Combination,
                "[TagValue] is given without [TagKey]",
            )),
            _ => Ok(()),
        };
    };
    query.filter.conditions.push(Condition {
        dimension: Dimension {
            name: format!("tag:{key}"),
            source: DimensionSource::TagKey(key.to_owned()),
        },
        any_of: vec![Test::Equals(value.unwrap_or_default().to_owned())],
        negated: value.is_none(),
    });
    Ok(())
}
