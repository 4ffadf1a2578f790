//! Small bills written as aligned tables, so that a test shows its rows.
//!
//! The first line names the columns; cells are parted by spaces; `-` is a missing value; a cell with
//! spaces stands in double quotes. Short names stand for FOCUS columns (`resource_id` for
//! `ResourceId`); any other name is taken as it stands. What a bill needs and the table leaves out is
//! filled in: one hour, USD, the month's billing period, a billed cost equal to the effective one.

use crate::charge::{Category, Charge, Tag};
use crate::civil::{DAY, HOUR, TimeShape, civil_from_days, instant, month_start, push_time};
use crate::decimal::Decimal;

/// Short names and the FOCUS columns they stand for.
const NAMES: [(&str, &str); 29] = [
    ("start", "ChargePeriodStart"),
    ("period_start", "ChargePeriodStart"),
    ("charge_start", "ChargePeriodStart"),
    ("end", "ChargePeriodEnd"),
    ("period_end", "ChargePeriodEnd"),
    ("charge_end", "ChargePeriodEnd"),
    ("billing_start", "BillingPeriodStart"),
    ("billing_end", "BillingPeriodEnd"),
    ("billed_cost", "BilledCost"),
    ("effective_cost", "EffectiveCost"),
    ("list_cost", "ListCost"),
    ("contracted_cost", "ContractedCost"),
    ("currency", "BillingCurrency"),
    ("resource", "ResourceId"),
    ("resource_id", "ResourceId"),
    ("resource_name", "ResourceName"),
    ("resource_type", "ResourceType"),
    ("user_id", "SubAccountId"),
    ("root_user_id", "BillingAccountId"),
    ("zone_id", "AvailabilityZone"),
    ("region_id", "RegionId"),
    ("service_name", "ServiceName"),
    ("service_category", "ServiceCategory"),
    ("charge_category", "ChargeCategory"),
    ("provider", "ProviderName"),
    ("invoice_id", "InvoiceId"),
    ("sku_id", "SkuId"),
    ("tags", "Tags"),
    ("description", "ChargeDescription"),
];

struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

fn cells(line: &str) -> Vec<String> {
    let mut cells = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (cell, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        cells.push(if cell == "-" {
            String::new()
        } else {
            String::from(cell)
        });
        rest = after.trim_start();
    }
    cells
}

/// A time as tables write it (`2024-03-01`, `2024-03-01T05:00`), or `None` for anything else.
fn parse_time(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let mut date = date.splitn(3, '-').map(|part| part.parse::<u32>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time
        .trim_end_matches('Z')
        .splitn(3, ':')
        .map(|part| part.parse::<u32>().ok());
    let (hour, minute) = (time.next()??, time.next()??);
    let second = time.next().unwrap_or(Some(0))?;
    let valid =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 60;
    valid.then(|| instant(i64::from(year), month, day, hour, minute, second))
}

fn print_time(at: i64) -> String {
    let mut text = Vec::new();
    push_time(&mut text, at, TimeShape::Zulu);
    String::from_utf8_lossy(&text).into_owned()
}

/// Tags as tables write them: `team=a;env=`; a part without `=` is a tag without a value.
fn parse_tags(text: &str) -> Vec<Tag> {
    let tag = |part: &str| match part.split_once('=') {
        Some((key, value)) => Tag {
            key: String::from(key),
            value: Some(String::from(value)),
        },
        None => Tag {
            key: String::from(part),
            value: None,
        },
    };
    text.split(';').filter(|part| !part.is_empty()).map(tag).collect()
}

impl Table {
    fn parse(table: &str) -> Table {
        let mut lines = table.lines().map(cells).filter(|cells| !cells.is_empty());
        let long = |name: String| {
            let found = NAMES.iter().find(|(short, _)| *short == name);
            found.map_or(name, |(_, focus)| String::from(*focus))
        };
        let columns: Vec<String> = lines.next().unwrap_or_default().into_iter().map(long).collect();
        let rows = lines.map(|mut row| {
            row.resize(columns.len(), String::new());
            row
        });
        let rows = rows.collect();
        let mut table = Table { columns, rows };
        table.fill_in();
        table
    }

    fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|c| c == column)
    }

    fn add(&mut self, column: &str, value: impl Fn(&[String]) -> String) {
        if self.position(column).is_none() {
            self.columns.push(String::from(column));
            self.rows.iter_mut().for_each(|row| row.push(value(row)));
        }
    }

    fn fill_in(&mut self) {
        let start = self.position("ChargePeriodStart");
        let cost = self.position("EffectiveCost");
        let at = move |row: &[String]| start.and_then(|i| parse_time(&row[i]));
        let shifted = |change: fn(i64) -> i64| {
            move |row: &[String]| at(row).map(|t| print_time(change(t))).unwrap_or_default()
        };
        self.add("ChargePeriodEnd", shifted(|t| t + HOUR));
        self.add("BillingPeriodStart", shifted(|t| month_of(t, 0)));
        let billing = self.position("BillingPeriodStart");
        self.add("BillingPeriodEnd", move |row| {
            let t = billing.and_then(|i| parse_time(&row[i]));
            t.map(|t| print_time(month_of(t, 1))).unwrap_or_default()
        });
        self.add("BillingCurrency", |_| String::from("USD"));
        self.add("BilledCost", move |row| {
            cost.map_or(String::from("0"), |i| row[i].clone())
        });
        self.add("ChargeCategory", |_| String::from("Usage"));
        for time in [
            "ChargePeriodStart",
            "ChargePeriodEnd",
            "BillingPeriodStart",
            "BillingPeriodEnd",
        ] {
            let Some(i) = self.position(time) else { continue };
            for row in &mut self.rows {
                // Text that is no time stands as it is: it is what the test is about.
                if let Some(t) = parse_time(&row[i]) {
                    row[i] = print_time(t);
                }
            }
        }
    }
}

fn month_of(at: i64, offset: i64) -> i64 {
    let (year, month, _) = civil_from_days(at.div_euclid(DAY));
    month_start(year, month, offset)
}

fn quote(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        String::from(cell)
    }
}

/// A table as CSV with FOCUS columns. Cells that cannot be read are passed on as they stand, so that
/// bad rows can be written too.
pub fn csv(table: &str) -> String {
    let table = Table::parse(table);
    let tags = table.position("Tags");
    let mut text = table
        .columns
        .iter()
        .map(|c| quote(c))
        .collect::<Vec<_>>()
        .join(",");
    text.push('\n');
    for row in &table.rows {
        let cell = |(i, cell): (usize, &String)| {
            if Some(i) != tags || cell.starts_with('{') || cell.is_empty() {
                return quote(cell);
            }
            let tag = |t: Tag| {
                let value = t
                    .value
                    .map_or(serde_json::Value::Bool(true), serde_json::Value::String);
                (t.key, value)
            };
            let object: serde_json::Map<_, _> = parse_tags(cell).into_iter().map(tag).collect();
            quote(&serde_json::Value::Object(object).to_string())
        };
        text.push_str(&row.iter().enumerate().map(cell).collect::<Vec<_>>().join(","));
        text.push('\n');
    }
    text
}

/// A table as charges for the oracle.
///
/// Errors: a cell that cannot be read, or a column that the oracle does not know.
pub fn charges(table: &str) -> Result<Vec<Charge>, String> {
    let table = Table::parse(table);
    table.rows.iter().map(|row| charge(&table.columns, row)).collect()
}

fn charge(columns: &[String], row: &[String]) -> Result<Charge, String> {
    let mut charge = Charge::default();
    for (column, cell) in columns.iter().zip(row) {
        let bad = || format!("{column}: `{cell}` cannot be read");
        let time = || parse_time(cell).ok_or_else(bad);
        let cost = || {
            if cell.is_empty() {
                Ok(None)
            } else {
                Decimal::parse(cell).map(Some).ok_or_else(bad)
            }
        };
        match column.as_str() {
            "ChargePeriodStart" => charge.charge_start = time()?,
            "ChargePeriodEnd" => charge.charge_end = time()?,
            "BillingPeriodStart" => charge.billing_start = time()?,
            "BillingPeriodEnd" => charge.billing_end = time()?,
            "BilledCost" => charge.billed_cost = cost()?.unwrap_or_default(),
            "EffectiveCost" => charge.effective_cost = cost()?,
            "ListCost" => charge.list_cost = cost()?,
            "ContractedCost" => charge.contracted_cost = cost()?,
            "Tags" => charge.tags = parse_tags(cell),
            "ChargeCategory" => {
                let all = [
                    Category::Usage,
                    Category::Purchase,
                    Category::Tax,
                    Category::Credit,
                    Category::Adjustment,
                ];
                charge.category = all.into_iter().find(|c| c.word() == cell).ok_or_else(bad)?;
            }
            _ => {
                let target =
                    text_of(&mut charge, column).ok_or_else(|| format!("unknown column {column}"))?;
                target.clone_from(cell);
            }
        }
    }
    for tag in &mut charge.tags {
        // FOCUS writes `true` for a tag without a value.
        tag.value.get_or_insert_with(|| String::from("true"));
    }
    Ok(charge)
}

fn text_of<'a>(charge: &'a mut Charge, column: &str) -> Option<&'a mut String> {
    Some(match column {
        "BillingCurrency" => &mut charge.billing_currency,
        "ResourceId" => &mut charge.resource_id,
        "ResourceName" => &mut charge.resource_name,
        "ResourceType" => &mut charge.resource_type,
        "SubAccountId" => &mut charge.sub_account_id,
        "BillingAccountId" => &mut charge.billing_account_id,
        "AvailabilityZone" => &mut charge.zone_id,
        "RegionId" => &mut charge.region_id,
        "ServiceName" => &mut charge.service_name,
        "ServiceCategory" => &mut charge.service_category,
        "ProviderName" => &mut charge.provider_name,
        "InvoiceId" => &mut charge.invoice_id,
        "SkuId" => &mut charge.sku_id,
        "ChargeDescription" => &mut charge.description,
        "project_id" => &mut charge.project_id,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_becomes_csv_with_focus_columns_and_the_rest_filled_in() {
        let text = csv("
            start             resource  effective_cost  tags         x_note
            2024-03-03T23:00  i-1       1.10            team=a;spot  \"two words\"
            2024-03-04        -         abc             -            -
            ");
        assert_eq!(
            text,
            "ChargePeriodStart,ResourceId,EffectiveCost,Tags,x_note,ChargePeriodEnd,BillingPeriodStart,\
             BillingPeriodEnd,BillingCurrency,BilledCost,ChargeCategory\n\
             2024-03-03T23:00:00Z,i-1,1.10,\"{\"\"spot\"\":true,\"\"team\"\":\"\"a\"\"}\",two words,2024-03-04T00:00:00Z,\
             2024-03-01T00:00:00Z,2024-04-01T00:00:00Z,USD,1.10,Usage\n\
             2024-03-04T00:00:00Z,,abc,,,2024-03-04T01:00:00Z,2024-03-01T00:00:00Z,2024-04-01T00:00:00Z,USD,abc,Usage\n"
        );
    }

    #[test]
    fn a_bad_cell_is_text_in_the_file_and_an_error_for_the_oracle() {
        let table = "start billed_cost\n2024-02-30T30:00:00Z 1";
        assert!(csv(table).contains("2024-02-30T30:00:00Z"));
        assert!(charges(table).unwrap_err().contains("ChargePeriodStart"));
    }
}
