//! Export formats: each one a declarative file, read by the same code that reads a user's own.
//!
//! A format says which headers make it that format, which header feeds which column of the charge
//! schema, how its cells are written, and by which rule its amortised cost is derived. It never says
//! how bytes are read: carriers (CSV, JSON, Parquet) do that. `docs/formats.md` documents the file.

mod rules;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono_tz::Tz;
use serde::Deserialize;

use crate::charge::schema::{self, ColumnKind, normalised_header};
use crate::error::{Error, Result};
use crate::time::{DateOrder, TimeRules};

pub use rules::{Condition, Ends, Lasts, SkipRule, ViewRule};
pub(crate) use rules::{list_parts, member_parts};

const BUILT_IN: &[&str] = &[
    include_str!("focus.toml"),
    include_str!("billfold-charges.toml"),
    include_str!("focus-invoice-detail.toml"),
    include_str!("focus-billing-period.toml"),
    include_str!("focus-contract-commitment.toml"),
    include_str!("aws-cur.toml"),
    include_str!("aws-cur-short.toml"),
    include_str!("azure-cost.toml"),
    include_str!("gcp-billing.toml"),
    include_str!("oci-cost.toml"),
    include_str!("oci-usage.toml"),
    include_str!("tencent-bill.toml"),
    include_str!("tencent-consumption.toml"),
    include_str!("alibaba-bill.toml"),
    include_str!("huawei-records.toml"),
    include_str!("volcengine-bill.toml"),
    include_str!("qingcloud-records.toml"),
    include_str!("plcloud-consumptions.toml"),
];

/// One export format.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Format {
    /// Stable name: `focus`, `aws-cur`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Document that the mapping comes from.
    #[serde(default)]
    pub source: String,
    /// Why files of this format are not read: they are known and hold no charges. Empty: they are read.
    #[serde(default)]
    pub refuse: String,
    /// Whether it came with billfold. A user's own format goes before it.
    #[serde(skip)]
    pub built_in: bool,
    /// Which headers make it this format.
    pub recognise: Recognise,
    /// Versions by their columns; the first whose columns are all present names it.
    #[serde(default)]
    pub versions: Vec<Version>,
    /// How cells are written.
    #[serde(default)]
    pub cells: CellRules,
    /// Column of the charge schema → headers, the first present wins.
    #[serde(default)]
    pub columns: BTreeMap<String, Vec<String>>,
    /// Header of a number → the unit in which its cells are written where they name none.
    #[serde(default)]
    pub units: BTreeMap<String, String>,
    /// Where tags are.
    #[serde(default)]
    pub tags: TagRules,
    /// Amount columns outside the schema.
    #[serde(default)]
    pub money: MoneyRules,
    /// Rules of the amortised cost, for exports that have no column for it.
    #[serde(default)]
    pub effective: Vec<EffectiveRule>,
    /// Rows that are no charges.
    #[serde(default)]
    pub skip: Vec<SkipRule>,
    /// Views of one month that must not be added to each other.
    #[serde(default)]
    pub views: Vec<ViewRule>,
}

/// Which headers make a file this format.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recognise {
    /// Of each list at least one must be present.
    pub need: Vec<Vec<String>>,
    /// None of these may be present.
    #[serde(default)]
    pub lack: Vec<String>,
}

/// A version of a format.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// How it is called.
    pub name: String,
    /// Columns that must all be present.
    pub when: Vec<String>,
    /// Whether they must be spelled exactly so.
    #[serde(default)]
    pub exact: bool,
}

/// How cells are written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CellRules {
    /// Texts of a text column that mean "no value".
    pub nulls: Vec<String>,
    /// IANA zone of times that carry none.
    pub zone: String,
    /// Order of slashed dates: `mdy` or `dmy`.
    pub dates: String,
    /// Members of a JSON document that hold the rows, as paths: `Response.DetailSet`.
    pub record_set: Vec<String>,
    /// A list inside a JSON row; each of its items becomes a row with the outer members repeated.
    pub explode: String,
    /// Whether a cell may be a month, which means its first instant: `2024-03`, `202403`.
    pub months: bool,
    /// How long a charge lasts where the file has no column for its end.
    pub lasts: Option<Lasts>,
    /// How the end of a charge is meant.
    pub ends: Ends,
    /// First texts of a line that adds up the lines before it. Only a line without a start is one.
    pub totals: Vec<String>,
    /// Currency of files that name none.
    pub currency: String,
    /// What the export calls a currency, and its ISO 4217 code.
    pub currencies: BTreeMap<String, String>,
    /// Whether spaces around amounts and times are no fault.
    pub trim: bool,
}

impl Default for CellRules {
    fn default() -> Self {
        CellRules {
            nulls: vec!["NULL".to_owned()],
            zone: "UTC".to_owned(),
            dates: "mdy".to_owned(),
            record_set: Vec::new(),
            explode: String::new(),
            months: false,
            lasts: None,
            ends: Ends::Exclusive,
            totals: Vec::new(),
            currency: String::new(),
            currencies: BTreeMap::new(),
            trim: false,
        }
    }
}

/// Where tags are.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TagRules {
    /// Headers of a column that holds all tags: JSON text, a map, or a list.
    pub column: Vec<String>,
    /// Beginnings of headers that hold one tag each; the rest of the header is the key.
    pub prefix: Vec<String>,
    /// Whether a tag is an id without a value.
    pub ids: bool,
    /// What stands between key and value in a list `key:value;key:value`. Empty: tags are JSON.
    pub pairs: String,
}

/// Amount columns outside the schema.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MoneyRules {
    /// Headers that hold an amount of the billing currency.
    pub also: Vec<String>,
}

/// One rule of the amortised cost.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EffectiveRule {
    /// The column that decides; a rule without it holds for every row.
    #[serde(default)]
    pub column: Option<String>,
    /// The values for which the rule holds.
    #[serde(default)]
    pub is: Vec<String>,
    /// A column that must hold something, too.
    #[serde(default)]
    pub present: Option<String>,
    /// Headers with `+` or `-` in front; their sum is the cost. Empty: zero. `list[].member` adds up a list.
    pub cost: Vec<String>,
}

impl Format {
    /// Reads a format from TOML text.
    ///
    /// Errors: what is not TOML or names an unknown member, zone or schema column, with the place in the text.
    pub fn parse(text: &str) -> Result<Self> {
        let format: Format =
            toml::from_str(text).map_err(|e| Error::usage(format!("not a mapping file: {e}")))?;
        format.time_rules()?;
        format.check_rules()?;
        for (column, headers) in &format.columns {
            if schema::column(column).is_none_or(|c| c.kind == ColumnKind::Tags) {
                let near = near_names(column, schema::COLUMNS.iter().map(|c| c.name));
                return Err(
                    Error::usage(format!("[columns] {column}: no column of the charge schema"))
                        .hint(format!("near names: {near}")),
                );
            }
            if headers.is_empty() {
                return Err(Error::usage(format!("[columns] {column}: no header given")));
            }
        }
        if format.recognise.need.is_empty() || format.recognise.need.iter().any(Vec::is_empty) {
            return Err(Error::usage(
                "[recognise] need: give at least one header in every list",
            ));
        }
        for rule in &format.effective {
            if let Some(bad) = rule.cost.iter().find(|c| !c.starts_with(['+', '-'])) {
                return Err(Error::usage(format!(
                    "[[effective]] cost \"{bad}\": write + or - in front of the header"
                )));
            }
        }
        Ok(format)
    }

    /// The formats that come with billfold as the text of their files, for people who write their own.
    pub fn built_in_texts() -> &'static [&'static str] {
        BUILT_IN
    }

    /// The formats that come with billfold.
    pub fn built_in() -> Result<Vec<Arc<Format>>> {
        BUILT_IN
            .iter()
            .map(|text| {
                Format::parse(text)
                    .map(|format| {
                        Arc::new(Format {
                            built_in: true,
                            ..format
                        })
                    })
                    .map_err(|e| Error::bug(format!("a built-in format: {e}")))
            })
            .collect()
    }

    /// How times without a zone, and slashed dates, are meant.
    pub fn time_rules(&self) -> Result<TimeRules> {
        let zone: Tz = crate::time::parse_zone(&self.cells.zone)?;
        let date_order = match self.cells.dates.as_str() {
            "mdy" => DateOrder::Mdy,
            "dmy" => DateOrder::Dmy,
            other => {
                return Err(Error::usage(format!(
                    "[cells] dates \"{other}\": expected mdy or dmy"
                )));
            }
        };
        Ok(TimeRules { zone, date_order })
    }

    /// The headers of this format that are missing, one list per unmet need; empty when it is this format.
    pub fn missing(&self, headers: &Headers) -> Vec<&[String]> {
        self.recognise
            .need
            .iter()
            .filter(|names| headers.find(names).is_none())
            .map(Vec::as_slice)
            .collect()
    }

    /// Whether the headers make a file this format.
    pub fn fits(&self, headers: &Headers) -> bool {
        self.missing(headers).is_empty() && headers.find(&self.recognise.lack).is_none()
    }

    /// How many columns of the schema the headers feed.
    pub fn score(&self, headers: &Headers) -> usize {
        self.columns
            .values()
            .filter(|names| headers.find(names).is_some())
            .count()
    }

    /// The headers that no part of the format names.
    fn unknown<'h>(&self, headers: &'h Headers) -> Vec<&'h str> {
        let known: Vec<usize> = self
            .columns
            .values()
            .chain(&self.recognise.need)
            .chain([&self.tags.column, &self.money.also])
            .flat_map(|names| names.iter().filter_map(|n| headers.find(std::slice::from_ref(n))))
            .collect();
        let names = headers.names.iter().enumerate();
        names
            .filter(|(i, name)| !known.contains(i) && tag_key(name, &self.tags.prefix).is_none())
            .map(|(_, name)| name.as_str())
            .collect()
    }

    /// `FOCUS cost and usage 1.2`, as far as the columns tell.
    pub fn version(&self, headers: &Headers) -> Option<&str> {
        let present = |version: &Version, name: &String| {
            if version.exact {
                headers.names.iter().any(|h| h == name)
            } else {
                headers.find(std::slice::from_ref(name)).is_some()
            }
        };
        self.versions
            .iter()
            .find(|v| v.when.iter().all(|name| present(v, name)))
            .map(|v| v.name.as_str())
    }
}

/// The headers of one file, ready to be looked up.
#[derive(Debug, Clone, Default)]
pub struct Headers {
    /// As they stand in the file.
    pub names: Vec<String>,
    normalised: Vec<String>,
}

impl Headers {
    /// Takes the headers in the order of the file.
    pub fn new(names: Vec<String>) -> Self {
        let normalised = names.iter().map(|n| normalised_header(n)).collect();
        Headers { names, normalised }
    }

    fn push(&mut self, name: &str) {
        self.normalised.push(normalised_header(name));
        self.names.push(name.to_owned());
    }

    /// The first of the aliases that is a header: spelled exactly (but for case) before spelled alike.
    pub fn find(&self, aliases: &[String]) -> Option<usize> {
        let exact = |alias: &String| {
            self.names
                .iter()
                .position(|n| n.trim_start_matches('\u{feff}').eq_ignore_ascii_case(alias))
        };
        let alike = |alias: &String| {
            let alias = normalised_header(alias);
            self.normalised.iter().position(|n| *n == alias)
        };
        aliases
            .iter()
            .find_map(exact)
            .or_else(|| aliases.iter().find_map(alike))
    }

    /// The header that a user means by a name: exact, but for case, then spelled alike.
    pub fn find_one(&self, name: &str) -> Option<usize> {
        self.names
            .iter()
            .position(|n| n == name)
            .or_else(|| self.find(&[name.to_owned()]))
    }
}

/// A format laid over the headers of one file.
#[derive(Debug, Clone)]
pub struct Binding {
    /// The format.
    pub format: Arc<Format>,
    /// Its version, as far as the columns tell.
    pub version: Option<String>,
    /// The file's headers.
    pub headers: Headers,
    /// Schema column → header index.
    pub columns: BTreeMap<&'static str, usize>,
    /// The column that holds all tags.
    pub tag_column: Option<usize>,
    /// Columns that hold one tag each, with its key.
    pub tag_columns: Vec<(usize, String)>,
    /// Amount columns outside the schema.
    pub money_columns: Vec<usize>,
    /// Headers that the file does not have: each a part of a column that it has.
    pub lists: Vec<ListColumn>,
}

/// A header that stands for a part of a cell: the sum of the amounts in a list, or a member of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListColumn {
    /// Index of the header `list[].member` or `object{member}`.
    pub column: usize,
    /// Index of the header of the list or object.
    pub list: usize,
    /// The member of the list's items that is added up, or of the object.
    pub member: String,
    /// Whether the cell is one object, and not a list of them.
    pub is_object: bool,
}

impl Binding {
    /// Lays a format over headers.
    pub fn new(format: &Arc<Format>, mut headers: Headers) -> Self {
        let lists = add_list_columns(format, &mut headers);
        let columns: BTreeMap<&'static str, usize> = schema::COLUMNS
            .iter()
            .filter_map(|c| {
                format
                    .columns
                    .get(c.name)
                    .and_then(|names| headers.find(names))
                    .map(|i| (c.name, i))
            })
            .collect();
        let tag_column = headers.find(&format.tags.column);
        let tag_columns = headers
            .names
            .iter()
            .enumerate()
            .filter(|(i, _)| Some(*i) != tag_column)
            .filter_map(|(i, header)| Some((i, tag_key(header, &format.tags.prefix)?.to_owned())))
            .collect();
        let money_columns = format
            .money
            .also
            .iter()
            .filter_map(|name| headers.find(std::slice::from_ref(name)))
            .collect();
        let version = format.version(&headers).map(str::to_owned);
        Binding {
            format: Arc::clone(format),
            version,
            headers,
            columns,
            tag_column,
            tag_columns,
            money_columns,
            lists,
        }
    }

    /// `focus 1.2`.
    pub fn format_name(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.format.name),
            None => self.format.name.clone(),
        }
    }

    /// The header that feeds a name: a column of the schema, or a header as a user wrote it.
    pub fn find(&self, name: &str) -> Option<usize> {
        if schema::column(name).is_some() {
            return self.columns.get(name).copied();
        }
        self.headers.find_one(name)
    }

    /// What a header feeds, for people: a schema column, a tag, an amount, or itself.
    pub fn role(&self, header: usize) -> String {
        let mut fed = schema::COLUMNS.iter().map(|column| column.name);
        if let Some(column) = fed.find(|column| self.columns.get(column) == Some(&header)) {
            return column.to_owned();
        }
        if self.tag_column == Some(header) {
            return schema::TAGS.to_owned();
        }
        if let Some((_, key)) = self.tag_columns.iter().find(|(i, _)| *i == header) {
            return format!("tag:{key}");
        }
        if self.money_columns.contains(&header) {
            return "(amount)".to_owned();
        }
        String::new()
    }
}

/// Appends a header for every part of a cell that the format names and whose column the file has.
fn add_list_columns(format: &Format, headers: &mut Headers) -> Vec<ListColumn> {
    let mut lists: Vec<ListColumn> = Vec::new();
    for header in format.part_headers() {
        let (is_object, parts) = match list_parts(header) {
            Some(parts) => (false, Some(parts)),
            None => (true, member_parts(header)),
        };
        let Some((list, member)) = parts else { continue };
        if let Some(list) = headers.find_one(list)
            && !headers.names.iter().any(|name| name == header)
        {
            headers.push(header);
            lists.push(ListColumn {
                column: headers.names.len() - 1,
                list,
                member: member.to_owned(),
                is_object,
            });
        }
    }
    lists
}

fn tag_key<'a>(header: &'a str, prefixes: &[String]) -> Option<&'a str> {
    let rest = prefixes.iter().find_map(|prefix| {
        let head = header.get(..prefix.len())?;
        head.eq_ignore_ascii_case(prefix).then(|| &header[prefix.len()..])
    })?;
    (!rest.is_empty()).then_some(rest)
}

/// Chooses the format of a file by its headers.
///
/// The format whose needs are met and that feeds the most columns wins; a user's own that fits goes
/// before those that came with billfold. Errors: `schema.column` when none fits, with the nearest formats
/// and what they miss; a tie names both; `schema.refused` for a known file that holds no charges.
pub fn recognise(formats: &[Arc<Format>], headers: Headers) -> Result<Binding> {
    let mut fitting: Vec<(usize, &Arc<Format>)> = formats
        .iter()
        .filter(|f| f.fits(&headers))
        .map(|f| (f.score(&headers), f))
        .collect();
    if fitting.iter().any(|(_, f)| !f.built_in) {
        fitting.retain(|(_, f)| !f.built_in);
    }
    fitting.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    match fitting.as_slice() {
        [(first, a), (second, b), ..] if first == second => Err(Error::file(
            "schema.ambiguous",
            format!("the columns fit {} and {} equally", a.name, b.name),
        )
        .hint("name one with --source-format NAME")),
        [(_, format), ..] => bind(format, headers),
        [] => Err(unknown_format(formats, &headers)),
    }
}

/// Lays a format over headers. Errors: `schema.refused` for a format that holds no charges.
pub fn bind(format: &Arc<Format>, headers: Headers) -> Result<Binding> {
    if format.refuse.is_empty() {
        return Ok(Binding::new(format, headers));
    }
    Err(Error::file(
        "schema.refused",
        format!("this is {} ({}): {}", format.title, format.name, format.refuse),
    ))
}

/// `schema.header` where nothing looks like a header, else `schema.column` with the nearest formats.
pub fn unknown_format(formats: &[Arc<Format>], headers: &Headers) -> Error {
    let mut near: Vec<(usize, &Arc<Format>)> = formats
        .iter()
        .map(|f| (f.score(headers), f))
        .filter(|(s, _)| *s > 0)
        .collect();
    near.sort_by_key(|(score, f)| (f.missing(headers).len(), std::cmp::Reverse(*score)));
    // What is no header may be a line of any length.
    let cut: Vec<String> = headers
        .names
        .iter()
        .map(|name| match name.char_indices().nth(60) {
            Some((at, _)) => format!("{}…", &name[..at]),
            None => name.clone(),
        })
        .collect();
    let names: Vec<&str> = cut.iter().map(String::as_str).collect();
    let found = shortened(&names, 8);
    if near.is_empty() {
        let known: Vec<&str> = formats.iter().map(|f| f.name.as_str()).collect();
        return Error::file("schema.header", format!("no known bill: the columns are {found}")).hint(
            format!(
                "known formats: {}; describe your own with --mapping FILE.toml",
                known.join(", ")
            ),
        );
    }
    let lines: Vec<String> = near
        .iter()
        .take(2)
        .map(|(_, f)| {
            let missing: Vec<String> = f
                .missing(headers)
                .iter()
                .map(|names| names.join(" or "))
                .collect();
            let alike: Vec<String> = f
                .missing(headers)
                .iter()
                .map(|names| near_names(&names[0], headers.names.iter().map(String::as_str)))
                .filter(|n| !n.is_empty())
                .collect();
            let alike = if alike.is_empty() {
                String::new()
            } else {
                format!(" (near names here: {})", alike.join(", "))
            };
            let lack = if missing.is_empty() {
                format!("must not have {}", f.recognise.lack.join(" or "))
            } else {
                format!("lacks {}", missing.join(", "))
            };
            let extra = f.unknown(headers);
            let extra = match extra.as_slice() {
                [] => String::new(),
                names => format!(" and does not know {}", shortened(names, 4)),
            };
            format!("as {} it {lack}{alike}{extra}", f.name)
        })
        .collect();
    Error::file(
        "schema.column",
        format!("no known bill; {}; the columns are {found}", lines.join("; ")),
    )
    .hint("describe your own format with --mapping FILE.toml")
}

/// The first names, and a sign that there are more.
fn shortened(names: &[&str], n_shown: usize) -> String {
    let more = if names.len() > n_shown { ", …" } else { "" };
    format!("{}{more}", names[..names.len().min(n_shown)].join(", "))
}

/// The names nearest to one that was not found, comma-separated: alike by normal form, part, or few edits.
pub fn near_names<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let wanted = normalised_header(name);
    let mut scored: Vec<(usize, &str)> = names
        .filter_map(|n| {
            let have = normalised_header(n);
            // Nobody meant a name of that length, and the comparison takes its square.
            if have.is_empty() || wanted.is_empty() || have.len().max(wanted.len()) > 200 {
                return None;
            }
            let distance = edit_distance(&wanted, &have);
            let part = have.contains(&wanted) || (have.len() > 3 && wanted.contains(&have));
            (part || distance * 3 <= wanted.len().max(have.len())).then_some((distance, n))
        })
        .collect();
    scored.sort_unstable();
    scored.dedup_by_key(|(_, n)| *n);
    scored
        .into_iter()
        .take(5)
        .map(|(_, n)| n)
        .collect::<Vec<_>>()
        .join(", ")
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let cost = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognised(names: &[&str]) -> Result<String> {
        let headers = Headers::new(names.iter().map(|n| (*n).to_owned()).collect());
        recognise(&Format::built_in()?, headers).map(|b| b.format_name())
    }

    #[test]
    fn built_in_formats_are_well_formed() {
        assert_eq!(Format::built_in().unwrap().len(), BUILT_IN.len());
    }

    #[test]
    fn versions_are_told_by_their_columns() {
        assert_eq!(
            recognised(&["lineItem/UnblendedCost", "lineItem/UsageStartDate"]).unwrap(),
            "aws-cur legacy"
        );
        assert_eq!(
            recognised(&["line_item_unblended_cost", "line_item_usage_start_date"]).unwrap(),
            "aws-cur 2.0"
        );
        assert_eq!(
            recognised(&[
                "BilledCost",
                "ChargePeriodStart",
                "BillingCurrency",
                "EffectiveCost"
            ])
            .unwrap(),
            "focus 1.0"
        );
        assert_eq!(
            recognised(&["fee", "start_time", "resource_id", "user_id"]).unwrap(),
            "qingcloud-records"
        );
    }

    #[test]
    fn an_unknown_header_names_the_nearest_format_and_what_it_lacks() {
        let error = recognised(&["BiledCost", "ChargePeriodStart", "BillingCurrency"]).unwrap_err();
        assert_eq!(error.kind().code(), "schema.column");
        assert!(
            error.to_string().contains("BilledCost") && error.to_string().contains("BiledCost"),
            "{error}"
        );
        assert_eq!(
            recognised(&["a", "b"]).unwrap_err().kind().code(),
            "schema.header"
        );
    }

    #[test]
    fn a_column_per_tag_keeps_the_key_as_it_stands() {
        let headers = Headers::new(
            [
                "lineItem/UnblendedCost",
                "lineItem/UsageStartDate",
                "resourceTags/user:Cost Center",
                "resourceTags/aws:createdBy",
            ]
            .map(str::to_owned)
            .to_vec(),
        );
        let binding = recognise(&Format::built_in().unwrap(), headers).unwrap();
        assert_eq!(
            binding.tag_columns,
            [
                (2, "user:Cost Center".to_owned()),
                (3, "aws:createdBy".to_owned())
            ]
        );
    }

    #[test]
    fn a_mapping_with_an_unknown_column_is_refused_with_near_names() {
        let error = Format::parse(
            "name = \"x\"\ntitle = \"x\"\n[recognise]\nneed = [[\"a\"]]\n[columns]\nbiled_cost = [\"a\"]\n",
        )
        .unwrap_err();
        assert!(
            error.hint_text().is_some_and(|h| h.contains("billed_cost")),
            "{error}"
        );
    }

    #[test]
    fn formats_that_fit_alike_are_named_both() {
        let format = |name: &str| {
            let text = format!(
                "name = \"{name}\"\ntitle = \"x\"\n[recognise]\nneed = [[\"a\"]]\n[columns]\nbilled_cost = [\"a\"]\n"
            );
            Arc::new(Format::parse(&text).unwrap())
        };
        let headers = Headers::new(vec!["a".to_owned()]);
        let error = recognise(&[format("one"), format("two")], headers).unwrap_err();
        assert_eq!(error.kind().code(), "schema.ambiguous");
        assert!(error.to_string().contains("one and two"), "{error}");
    }

    #[test]
    fn rules_that_could_never_work_are_refused() {
        let base = "name = \"x\"\ntitle = \"x\"\n[recognise]\nneed = [[\"a\"]]\n";
        for (rule, part) in [
            (
                "[[skip]]\nnote = \"other\"\nwhen = []\n",
                "at least one condition",
            ),
            (
                "[[skip]]\nnote = \"other\"\nwhen = [{ column = \"b\" }]\n",
                "either is",
            ),
            (
                "[[skip]]\nnote = \"why\"\nwhen = [{ column = \"b\", filled = true }]\n",
                "why",
            ),
            ("[[effective]]\nis = [\"a\"]\ncost = []\n", "go together"),
            ("[[effective]]\ncost = [\"a\"]\n", "write + or -"),
            ("[cells]\nlasts = \"fortnight\"\n", "fortnight"),
            ("[cells]\nends = \"open\"\n", "open"),
            ("[cells]\ncurrency = \"yuan\"\n", "ISO 4217"),
            ("[cells]\ncurrencies = { \"yuan\" = \"Y\" }\n", "ISO 4217"),
            ("[tags]\nids = true\npairs = \":\"\n", "exclude"),
        ] {
            let error = Format::parse(&format!("{base}{rule}")).unwrap_err();
            assert!(error.to_string().contains(part), "{rule}: {error}");
        }
    }
}
