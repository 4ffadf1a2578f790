//! A report as one page: charts, sortable tables, the receipt. No network, no cookies, nothing fetched.
//!
//! The page is whole without scripts: tables, bars in them, totals and receipt are plain HTML; scripts add
//! charts, sorting and filtering. A content security policy allows the two scripts and the style sheet of
//! this module by their hashes and nothing else. Texts from bills are escaped for the place where they
//! stand, and no link is made of any. The chart library is Apache ECharts (`echarts/README.md`).

mod chart;
mod escape;
mod table;

use std::fmt::Write as _;
use std::io::Write;

use billfold_core::{Error, Result};
use sha2::{Digest, Sha256};

use crate::grid::{Grid, RowKind};
use crate::report::Report;
use escape::{base64, html, json};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const CHARTS: &str = include_str!("echarts/echarts.min.js");

/// Writes a report; `receipt` is its whole receipt as JSON.
pub fn write_report(report: &Report, receipt: &str, out: &mut dyn Write) -> Result<()> {
    let mut body = String::new();
    head(&mut body, &report.title, &about(report));
    cards(&mut body, report);
    body.push_str("<main>");
    let grids = report.grids();
    for (nth, (grid, shown)) in grids.iter().zip(&report.sections).enumerate() {
        let _ = write!(
            body,
            "<section aria-labelledby=\"h{nth}\"><h2 id=\"h{nth}\">{}</h2>",
            html(&grid.name)
        );
        chart::places(&mut body, report, shown, nth);
        table::write(&mut body, grid, nth);
        body.push_str("</section>");
    }
    if report.sections.is_empty() {
        body.push_str("<section><p class=\"empty\">No charges.</p></section>");
    }
    receipt_part(&mut body, report, receipt);
    body.push_str("</main>");
    footer(&mut body, Some(&report.pivot.answer_sha256));
    let data = chart::data(report).map_err(|e| Error::bug(format!("a page's data: {e}")))?;
    write_page(&report.title, &body, &data, out)
}

/// Writes a table alone: the result of a statement.
pub fn write_grid(grid: &Grid, out: &mut dyn Write) -> Result<()> {
    let title = if grid.name.is_empty() {
        "billfold sql"
    } else {
        &grid.name
    };
    let mut body = String::new();
    head(&mut body, title, "");
    body.push_str("<main><section>");
    table::write(&mut body, grid, 0);
    if !grid.remarks.is_empty() {
        body.push_str("<ul class=\"remarks\">");
        for remark in &grid.remarks {
            let _ = write!(body, "<li>{}</li>", html(remark));
        }
        body.push_str("</ul>");
    }
    body.push_str("</section></main>");
    footer(&mut body, None);
    write_page(title, &body, "{\"tables\":[]}", out)
}

fn head(body: &mut String, title: &str, about: &str) {
    let _ = write!(
        body,
        "<header><div><h1>{}</h1><p class=\"soft\">{about}</p></div><button id=\"theme\" type=\"button\" aria-label=\"Light or dark\" title=\"Light or dark\" hidden>◐</button></header>",
        html(title)
    );
}

fn about(report: &Report) -> String {
    let part = |(word, value): &(&str, String)| format!("{} {}", html(word), html(value));
    report.about.iter().map(part).collect::<Vec<_>>().join(" · ")
}

/// One number per currency, and what it became since the period before.
fn cards(body: &mut String, report: &Report) {
    body.push_str("<main><div class=\"cards\">");
    for shown in &report.sections {
        let Some(total) = shown.lines.iter().find(|line| line.kind == RowKind::Total) else {
            continue;
        };
        let number = match report.places {
            Some(places) => total.total.rounded(places),
            None => total.total.to_string(),
        };
        let _ = write!(
            body,
            "<div class=\"card\"><span>total {}</span><b>{}</b>",
            html(&Report::currency_name(shown.currency)),
            html(&grouped(&number))
        );
        if let (Some(change), [.., before, last]) = (&total.change, report.pivot.periods.as_slice())
            && report.show.change
        {
            let _ = write!(
                body,
                "<span>{} in {} after {}</span>",
                html(&change.relative.text()),
                html(&last.label),
                html(&before.label)
            );
        }
        body.push_str("</div>");
    }
    let _ = write!(
        body,
        "<div class=\"card\"><span>charges</span><b>{}</b></div></div></main>",
        grouped(&report.pivot.n_charges.to_string())
    );
}

fn receipt_part(body: &mut String, report: &Report, receipt: &str) {
    let rows = &report.pivot.receipt.rows;
    body.push_str("<section><h2>Receipt</h2><dl>");
    let mut pair = |name: &str, value: &str| {
        let _ = write!(body, "<dt>{}</dt><dd>{}</dd>", html(name), html(value));
    };
    pair(
        "rows",
        &format!(
            "{} read = {} used + {} filtered out + {} outside the window + {} rejected",
            rows.read, rows.used, rows.filtered, rows.outside_window, rows.rejected
        ),
    );
    pair("answer sha256", &report.pivot.answer_sha256);
    for source in &report.pivot.receipt.sources {
        pair(
            &source.source,
            &format!("{}, {} rows", source.format, source.rows_read),
        );
    }
    for file in &report.pivot.receipt.left_out {
        pair(&file.source, &format!("not read: {}", file.why));
    }
    body.push_str("</dl>");
    let pretty = serde_json::from_str::<serde_json::Value>(receipt)
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_else(|_| receipt.to_owned());
    let lines: Vec<String> = pretty.lines().map(html).collect();
    let _ = write!(
        body,
        "<details><summary>The whole receipt</summary><pre>{}</pre></details>",
        lines.join("\n")
    );
    if !report.remarks.is_empty() || !report.pivot.warnings.is_empty() {
        body.push_str("<ul class=\"remarks\">");
        for remark in report.remarks.iter().chain(&report.pivot.warnings) {
            let _ = write!(body, "<li>{}</li>", html(remark));
        }
        body.push_str("</ul>");
    }
    body.push_str("</section>");
}

fn footer(body: &mut String, sha: Option<&str>) {
    let version = env!("CARGO_PKG_VERSION");
    let _ = write!(body, "<footer>billfold {version}");
    if let Some(sha) = sha {
        let _ = write!(body, " · answer {}", html(sha.get(..12).unwrap_or_default()));
    }
    body.push_str("</footer>");
}

/// `1234567.8` as `1,234,567.8`.
fn grouped(number: &str) -> String {
    let (sign, digits) = match number.strip_prefix(['-', '+']) {
        Some(digits) => (&number[..1], digits),
        None => ("", number),
    };
    let (whole, fraction) = match digits.find('.') {
        Some(point) => digits.split_at(point),
        None => (digits, ""),
    };
    if whole.is_empty() || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return number.to_owned();
    }
    let mut grouped = String::with_capacity(number.len() + whole.len() / 3);
    for (nth, c) in whole.chars().enumerate() {
        if nth > 0 && (whole.len() - nth).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(c);
    }
    format!("{sign}{grouped}{fraction}")
}

fn write_page(title: &str, body: &str, data: &str, out: &mut dyn Write) -> Result<()> {
    let hash = |text: &str| format!("'sha256-{}'", base64(&Sha256::digest(text.as_bytes())));
    // The library sets styles of single elements of its drawings, which no hash can name in advance.
    let policy = format!(
        "default-src 'none'; script-src {} {}; style-src-elem {}; style-src-attr 'unsafe-inline'; base-uri 'none'; form-action 'none'",
        hash(CHARTS),
        hash(SCRIPT),
        hash(STYLE)
    );
    let parts = [
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" content=\"",
        &policy,
        "\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"referrer\" content=\"no-referrer\"><title>",
        &html(title),
        "</title><style>",
        STYLE,
        "</style></head><body>",
        body,
        "<script type=\"application/json\" id=\"data\">",
        &json(data),
        "</script><script>",
        CHARTS,
        "</script><script>",
        SCRIPT,
        "</script></body></html>\n",
    ];
    for part in parts {
        out.write_all(part.as_bytes())
            .map_err(|e| Error::io("the page cannot be written", &e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        for (number, shown) in [
            ("0", "0"),
            ("-1234.5", "-1,234.5"),
            ("123", "123"),
            ("1234567.89", "1,234,567.89"),
            ("new", "new"),
        ] {
            assert_eq!(grouped(number), shown);
        }
    }

    #[test]
    fn the_library_is_the_one_that_its_readme_names() {
        let mut hex = String::new();
        for byte in Sha256::digest(CHARTS.as_bytes()) {
            write!(hex, "{byte:02x}").unwrap();
        }
        assert!(include_str!("echarts/README.md").contains(&hex), "{hex}");
        for script in [CHARTS, SCRIPT, STYLE] {
            let lower = script.to_lowercase();
            assert!(!lower.contains("</script") && !lower.contains("<!--") && !lower.contains("</style"));
        }
    }
}
