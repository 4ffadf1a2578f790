//! How well charges are tagged, as tables, Markdown, CSV and JSON. Amounts are exact, shares have two decimals.

use std::io::{self, Write};

use billfold_core::engine::Tally;
use billfold_core::money::{Currency, ExactSum};
use billfold_core::tags::near::Near;
use billfold_core::tags::{Coverage, Tags, TagsQuery, Untagged};
use serde::Serialize;

use super::csv::push_text;
use super::grid::{self, GridColumn};
use super::question::QuestionView;
use crate::args::CsvKind;
use crate::receipt::ReceiptView;

/// A table of the report: what it is about, its columns and rows.
struct Section {
    title: String,
    columns: Vec<GridColumn<'static>>,
    rows: Vec<Vec<String>>,
}

/// Writes aligned tables.
pub(crate) fn write_text(tags: &Tags, out: &mut dyn Write) -> io::Result<()> {
    for (nth, section) in sections(tags, true).into_iter().enumerate() {
        if nth > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{}", billfold_core::error::Printable(&section.title))?;
        grid::write_text(&section.columns, &section.rows, out)?;
    }
    Ok(())
}

/// Writes Markdown tables.
pub(crate) fn write_markdown(tags: &Tags, out: &mut dyn Write) -> io::Result<()> {
    for section in sections(tags, false) {
        writeln!(out, "### {}\n", super::markup::escaped(&section.title))?;
        grid::write_markdown(&section.columns, &section.rows, out)?;
        writeln!(out)?;
    }
    Ok(())
}

/// The tables; empty texts are shown as `""` where `quoted`, as the other writer does it by itself.
fn sections(tags: &Tags, quoted: bool) -> Vec<Section> {
    let name = |text: &str| match text {
        "" if quoted => "\"\"".to_owned(),
        text => text.to_owned(),
    };
    let mut sections = vec![
        Section {
            title: "coverage by cost, in percent of the cost of charges above zero".to_owned(),
            columns: vec![
                ("tag", false),
                ("currency", false),
                ("% with", true),
                ("% empty", true),
                ("% absent", true),
                ("cost with", true),
                ("cost empty", true),
                ("cost absent", true),
            ],
            rows: tags.coverage.iter().map(|row| by_cost(row, &name)).collect(),
        },
        Section {
            title: "coverage by charges".to_owned(),
            columns: vec![
                ("tag", false),
                ("currency", false),
                ("% with", true),
                ("% empty", true),
                ("% absent", true),
                ("with", true),
                ("empty", true),
                ("absent", true),
                ("values", true),
            ],
            rows: tags.coverage.iter().map(|row| by_charges(row, &name)).collect(),
        },
        Section {
            title: "all charges".to_owned(),
            columns: vec![
                ("currency", false),
                ("charges", true),
                ("cost", true),
                ("above zero", true),
                ("below zero", true),
            ],
            rows: tags
                .totals
                .iter()
                .map(|(currency, total)| {
                    vec![
                        currency.to_string(),
                        total.charges.to_string(),
                        total.cost.to_string(),
                        total.gross.to_string(),
                        below_zero(total),
                    ]
                })
                .collect(),
        },
    ];
    for untagged in &tags.untagged {
        sections.push(Section {
            title: format!("resources that cost most without tag {}", name(&untagged.key)),
            columns: vec![
                ("resource_id", false),
                ("currency", false),
                ("cost", true),
                ("charges", true),
            ],
            rows: untagged
                .rows
                .iter()
                .map(|row| {
                    let resource = if row.is_others {
                        "Others".to_owned()
                    } else {
                        name(&row.resource)
                    };
                    vec![
                        resource,
                        row.currency.to_string(),
                        row.cost.to_string(),
                        row.charges.to_string(),
                    ]
                })
                .collect(),
        });
    }
    let near_columns = || {
        vec![
            ("keep", false),
            ("charges", true),
            ("likely the same", false),
            ("differ in", false),
        ]
    };
    if !tags.near_keys.is_empty() {
        sections.push(Section {
            title: "tag keys that are likely one".to_owned(),
            columns: near_columns(),
            rows: tags.near_keys.iter().map(near_row).collect(),
        });
    }
    for (key, found) in &tags.near_values {
        sections.push(Section {
            title: format!("values of tag {} that are likely one", name(key)),
            columns: near_columns(),
            rows: found.iter().map(near_row).collect(),
        });
    }
    sections
}

/// The cost of credits, refunds and corrections below zero.
fn below_zero(tally: &Tally) -> String {
    let mut below = tally.cost;
    // The cost is made of what is above and what is below zero, so neither leaves the range.
    let _ = below.sub(&tally.gross);
    below.to_string()
}

fn percent(shares: Option<&[ExactSum; 3]>, at: usize) -> String {
    shares.map(|shares| shares[at].rounded(2)).unwrap_or_default()
}

fn by_cost(row: &Coverage, name: &impl Fn(&str) -> String) -> Vec<String> {
    let shares = row.cost_percent.as_ref();
    vec![
        name(&row.key),
        row.currency.to_string(),
        percent(shares, 0),
        percent(shares, 1),
        percent(shares, 2),
        row.with_value.cost.to_string(),
        row.empty.cost.to_string(),
        row.absent.cost.to_string(),
    ]
}

fn by_charges(row: &Coverage, name: &impl Fn(&str) -> String) -> Vec<String> {
    let shares = row.charges_percent.as_ref();
    vec![
        name(&row.key),
        row.currency.to_string(),
        percent(shares, 0),
        percent(shares, 1),
        percent(shares, 2),
        row.with_value.charges.to_string(),
        row.empty.charges.to_string(),
        row.absent.charges.to_string(),
        row.n_values.map(|n| n.to_string()).unwrap_or_default(),
    ]
}

fn near_row(near: &Near) -> Vec<String> {
    let mut spellings = near.spellings.iter();
    let (keep, charges) = spellings
        .next()
        .map(|(keep, n)| (keep.clone(), n.to_string()))
        .unwrap_or_default();
    let others: Vec<String> = spellings.map(|(text, n)| format!("{text} ({n})")).collect();
    vec![keep, charges, others.join(", "), near.differs.words().join(", ")]
}

/// Columns of the CSV.
const COLUMNS: [&str; 10] = [
    "row",
    "key",
    "value",
    "keep",
    "billing_currency",
    "charges",
    "cost",
    "gross_cost",
    "cost_percent",
    "charges_percent",
];

/// One line of the CSV, empty where a part of the report has nothing to say.
#[derive(Default)]
struct CsvRow<'a> {
    row: &'static str,
    key: &'a str,
    value: &'a str,
    keep: &'a str,
    currency: Option<Currency>,
    charges: u64,
    cost: Option<ExactSum>,
    gross: Option<ExactSum>,
    cost_percent: String,
    charges_percent: String,
}

/// Writes a line per part: `total`, `with_value`, `empty`, `absent`, `untagged`, `untagged_others`, `near_key`, `near_value`.
///
/// The first column says which, so that a key called `total` is told from the total.
pub(crate) fn write_csv(tags: &Tags, kind: CsvKind, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", COLUMNS.join(","))?;
    for row in csv_rows(tags) {
        let mut line = Vec::new();
        line.extend_from_slice(row.row.as_bytes());
        for text in [row.key, row.value, row.keep] {
            line.push(b',');
            match kind {
                CsvKind::Raw => billfold_core::engine::canonical::push_bytes(&mut line, text),
                CsvKind::Spreadsheet => push_text(&mut line, text),
            }
        }
        let sum = |sum: Option<ExactSum>| sum.map(|sum| sum.to_string()).unwrap_or_default();
        for text in [
            row.currency.map(|c| c.to_string()).unwrap_or_default(),
            row.charges.to_string(),
            sum(row.cost),
            sum(row.gross),
            row.cost_percent,
            row.charges_percent,
        ] {
            line.push(b',');
            line.extend_from_slice(text.as_bytes());
        }
        line.push(b'\n');
        out.write_all(&line)?;
    }
    Ok(())
}

fn csv_rows(tags: &Tags) -> Vec<CsvRow<'_>> {
    let mut rows = Vec::new();
    for (currency, total) in &tags.totals {
        rows.push(CsvRow {
            row: "total",
            currency: Some(*currency),
            charges: total.charges,
            cost: Some(total.cost),
            gross: Some(total.gross),
            ..CsvRow::default()
        });
    }
    for coverage in &tags.coverage {
        let parts = [
            ("with_value", coverage.with_value),
            ("empty", coverage.empty),
            ("absent", coverage.absent),
        ];
        for (at, (row, tally)) in parts.into_iter().enumerate() {
            rows.push(CsvRow {
                row,
                key: &coverage.key,
                currency: Some(coverage.currency),
                charges: tally.charges,
                cost: Some(tally.cost),
                gross: Some(tally.gross),
                cost_percent: percent(coverage.cost_percent.as_ref(), at),
                charges_percent: percent(coverage.charges_percent.as_ref(), at),
                ..CsvRow::default()
            });
        }
    }
    for Untagged { key, rows: untagged } in &tags.untagged {
        rows.extend(untagged.iter().map(|row| CsvRow {
            row: if row.is_others {
                "untagged_others"
            } else {
                "untagged"
            },
            key,
            value: if row.is_others { "" } else { &row.resource },
            currency: Some(row.currency),
            charges: row.charges,
            cost: Some(row.cost),
            ..CsvRow::default()
        }));
    }
    let keys = tags.near_keys.iter().map(|near| ("near_key", "", near));
    let values = tags.near_values.iter().flat_map(|(key, found)| {
        let key = key.as_str();
        found.iter().map(move |near| ("near_value", key, near))
    });
    for (row, key, near) in keys.chain(values) {
        let keep = near.spellings.first().map_or("", |(keep, _)| keep.as_str());
        rows.extend(near.spellings.iter().map(|(spelling, charges)| CsvRow {
            row,
            key,
            value: spelling,
            keep,
            charges: *charges,
            ..CsvRow::default()
        }));
    }
    rows
}

#[derive(Serialize)]
struct Document<'a> {
    question: QuestionView<'a>,
    keys: &'a [String],
    totals: Vec<TotalView>,
    coverage: Vec<CoverageView<'a>>,
    untagged: Vec<UntaggedView<'a>>,
    near_keys: Vec<NearView<'a>>,
    near_values: Vec<NearValuesView<'a>>,
    keys_with_too_many_values: &'a [String],
    receipt: ReceiptView<'a>,
}

#[derive(Serialize)]
struct TotalView {
    billing_currency: String,
    #[serde(flatten)]
    tally: TallyView,
}

#[derive(Serialize)]
struct TallyView {
    charges: u64,
    cost: String,
    gross_cost: String,
}

#[derive(Serialize)]
struct PartView {
    #[serde(flatten)]
    tally: TallyView,
    cost_percent: Option<String>,
    charges_percent: Option<String>,
}

#[derive(Serialize)]
struct CoverageView<'a> {
    key: &'a str,
    billing_currency: String,
    with_value: PartView,
    empty: PartView,
    absent: PartView,
    values: Option<usize>,
}

#[derive(Serialize)]
struct UntaggedView<'a> {
    key: &'a str,
    resources: Vec<ResourceView<'a>>,
}

#[derive(Serialize)]
struct ResourceView<'a> {
    resource_id: Option<&'a str>,
    others: bool,
    billing_currency: String,
    cost: String,
    charges: u64,
}

#[derive(Serialize)]
struct NearView<'a> {
    keep: Option<&'a str>,
    differ_in: Vec<&'static str>,
    spellings: Vec<SpellingView<'a>>,
}

#[derive(Serialize)]
struct NearValuesView<'a> {
    key: &'a str,
    groups: Vec<NearView<'a>>,
}

#[derive(Serialize)]
struct SpellingView<'a> {
    text: &'a str,
    charges: u64,
}

fn tally(tally: &Tally) -> TallyView {
    TallyView {
        charges: tally.charges,
        cost: tally.cost.to_string(),
        gross_cost: tally.gross.to_string(),
    }
}

fn near_view(near: &Near) -> NearView<'_> {
    NearView {
        keep: near.spellings.first().map(|(keep, _)| keep.as_str()),
        differ_in: near.differs.words(),
        spellings: near
            .spellings
            .iter()
            .map(|(text, charges)| SpellingView {
                text,
                charges: *charges,
            })
            .collect(),
    }
}

fn coverage_view(row: &Coverage) -> CoverageView<'_> {
    let part = |at: usize, of: &Tally| {
        let share = |shares: &Option<[ExactSum; 3]>| shares.as_ref().map(|shares| shares[at].rounded(2));
        PartView {
            tally: tally(of),
            cost_percent: share(&row.cost_percent),
            charges_percent: share(&row.charges_percent),
        }
    };
    CoverageView {
        key: &row.key,
        billing_currency: row.currency.to_string(),
        with_value: part(0, &row.with_value),
        empty: part(1, &row.empty),
        absent: part(2, &row.absent),
        values: row.n_values,
    }
}

/// Writes one document.
pub(crate) fn write_json(tags: &Tags, asked: &TagsQuery, out: &mut dyn Write) -> io::Result<()> {
    let untagged = tags.untagged.iter().map(|untagged| UntaggedView {
        key: &untagged.key,
        resources: untagged
            .rows
            .iter()
            .map(|row| ResourceView {
                resource_id: (!row.is_others).then_some(&row.resource),
                others: row.is_others,
                billing_currency: row.currency.to_string(),
                cost: row.cost.to_string(),
                charges: row.charges,
            })
            .collect(),
    });
    let document = Document {
        question: QuestionView::from(&asked.query),
        keys: &asked.keys,
        totals: tags
            .totals
            .iter()
            .map(|(currency, total)| TotalView {
                billing_currency: currency.to_string(),
                tally: tally(total),
            })
            .collect(),
        coverage: tags.coverage.iter().map(coverage_view).collect(),
        untagged: untagged.collect(),
        near_keys: tags.near_keys.iter().map(near_view).collect(),
        near_values: tags
            .near_values
            .iter()
            .map(|(key, found)| NearValuesView {
                key,
                groups: found.iter().map(near_view).collect(),
            })
            .collect(),
        keys_with_too_many_values: &tags.many_values,
        receipt: ReceiptView::from(&tags.receipt),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n")
}
