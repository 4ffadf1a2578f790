//! What budgets found, as aligned text, as one JSON document and as JUnit XML. Amounts are text and exact.
//!
//! In XML every text is made printable first (control characters and marks that reorder a line are shown) and then
//! escaped, so that no name in a bill ends an attribute, opens an element or is a character that XML forbids.

use std::fmt::Write as _;
use std::io::{self, Write};

use billfold_core::budget::{Budget, Finding, Judged, Verdict, percent_text};
use billfold_core::engine::Receipt;
use billfold_core::error::Printable;
use billfold_core::money::Currency;
use billfold_core::query::ChargeQuery;
use serde::Serialize;

use super::grid;
use super::question::QuestionView;
use crate::receipt::ReceiptView;

/// One budget, judged.
pub(crate) struct Checked {
    /// Its name in the file; none on the command line.
    pub(crate) name: Option<String>,
    /// The question.
    pub(crate) query: ChargeQuery,
    /// Limits and thresholds.
    pub(crate) budget: Budget,
    /// What it says.
    pub(crate) judged: Judged,
    /// The account of the reading.
    pub(crate) receipt: Receipt,
}

/// How many findings have each verdict.
#[derive(Default, Serialize)]
struct Counts {
    within: usize,
    warned: usize,
    exceeded: usize,
    no_charges: usize,
    no_limit: usize,
}

impl Checked {
    /// Whether no limit is exceeded; strictly, whether limits and charges are about each other as well.
    pub(crate) fn holds(&self, strict: bool) -> bool {
        self.judged
            .findings
            .iter()
            .all(|finding| holds(finding.verdict, strict))
    }

    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for finding in &self.judged.findings {
            *match finding.verdict {
                Verdict::Within => &mut counts.within,
                Verdict::Warned(_) => &mut counts.warned,
                Verdict::Exceeded => &mut counts.exceeded,
                Verdict::NoCharges => &mut counts.no_charges,
                Verdict::NoLimit => &mut counts.no_limit,
            } += 1;
        }
        counts
    }

    fn title(&self) -> String {
        let mut title = match &self.name {
            Some(name) => format!("budget {name}: "),
            None => "budget: ".to_owned(),
        };
        title.push_str(self.query.granularity.as_str());
        let by: Vec<&str> = self.query.by.iter().map(|d| d.name.as_str()).collect();
        if !by.is_empty() {
            title.extend([" by ", &by.join(", ")]);
        }
        title
    }
}

fn holds(verdict: Verdict, strict: bool) -> bool {
    match verdict {
        Verdict::Within | Verdict::Warned(_) => true,
        Verdict::Exceeded => false,
        Verdict::NoCharges | Verdict::NoLimit => !strict,
    }
}

/// The cost beyond the limit; what left the range was told when it was added up.
fn beyond(finding: &Finding) -> Option<String> {
    finding.beyond().ok().flatten().map(|beyond| beyond.to_string())
}

fn currency_text(currency: Currency) -> String {
    currency.as_str().to_owned()
}

/// Writes a table per budget, and a line that counts the verdicts.
pub(crate) fn write_text(checked: &[Checked], out: &mut dyn Write) -> io::Result<()> {
    for (nth, checked) in checked.iter().enumerate() {
        if nth > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{}", Printable(&checked.title()))?;
        let dimensions = checked.query.by.iter().map(|d| (d.name.as_str(), false));
        let columns: Vec<_> = dimensions
            .chain([
                ("period", false),
                ("currency", false),
                ("cost", true),
                ("limit", true),
                ("used %", true),
                ("beyond", true),
                ("verdict", false),
            ])
            .collect();
        let rows: Vec<Vec<String>> = checked.judged.findings.iter().map(row).collect();
        grid::write_text(&columns, &rows, out)?;
        let Counts {
            within,
            warned,
            exceeded,
            no_charges,
            no_limit,
        } = checked.counts();
        writeln!(
            out,
            "{exceeded} exceeded, {warned} warned, {within} within, {no_charges} without charges, {no_limit} without a limit"
        )?;
    }
    Ok(())
}

fn row(finding: &Finding) -> Vec<String> {
    let verdict = match finding.verdict {
        Verdict::Warned(percent) => format!("warned (past {}%)", percent_text(percent)),
        verdict => verdict.as_str().to_owned(),
    };
    let keys = finding.group.iter().map(|key| match key.as_str() {
        "" => "\"\"".to_owned(),
        key => key.to_owned(),
    });
    keys.chain([
        finding.period.clone().unwrap_or_default(),
        currency_text(finding.currency),
        finding.cost.to_string(),
        finding.limit.map(|limit| limit.to_string()).unwrap_or_default(),
        finding
            .used_percent
            .map(|percent| percent.rounded(2))
            .unwrap_or_default(),
        beyond(finding).unwrap_or_default(),
        verdict,
    ])
    .collect()
}

#[derive(Serialize)]
struct Document<'a> {
    holds: bool,
    budgets: Vec<BudgetView<'a>>,
}

#[derive(Serialize)]
struct BudgetView<'a> {
    name: Option<&'a str>,
    question: QuestionView<'a>,
    warn_percent: Vec<String>,
    fail_percent: String,
    counts: Counts,
    findings: Vec<FindingView<'a>>,
    unused_limits: &'a [String],
    receipt: ReceiptView<'a>,
}

#[derive(Serialize)]
struct FindingView<'a> {
    by: serde_json::Map<String, serde_json::Value>,
    period: Option<&'a str>,
    billing_currency: String,
    cost: String,
    charges: u64,
    limit: Option<String>,
    used_percent: Option<String>,
    beyond: Option<String>,
    verdict: &'static str,
    past_percent: Option<String>,
    known_group: bool,
}

/// Writes one document.
pub(crate) fn write_json(checked: &[Checked], holds: bool, out: &mut dyn Write) -> io::Result<()> {
    let view = |checked: &'_ Checked| -> Vec<String> {
        let warnings = checked.budget.warnings().iter();
        warnings.map(|warn| percent_text(*warn)).collect()
    };
    let budgets = checked.iter().map(|checked| BudgetView {
        name: checked.name.as_deref(),
        question: QuestionView::from(&checked.query),
        warn_percent: view(checked),
        fail_percent: percent_text(checked.budget.failure()),
        counts: checked.counts(),
        findings: checked
            .judged
            .findings
            .iter()
            .map(|finding| FindingView {
                by: checked
                    .query
                    .by
                    .iter()
                    .zip(&finding.group)
                    .map(|(dimension, key)| (dimension.name.clone(), key.as_str().into()))
                    .collect(),
                period: finding.period.as_deref(),
                billing_currency: currency_text(finding.currency),
                cost: finding.cost.to_string(),
                charges: finding.charges,
                limit: finding.limit.map(|limit| limit.to_string()),
                used_percent: finding.used_percent.map(|percent| percent.to_string()),
                beyond: beyond(finding),
                verdict: finding.verdict.as_str(),
                past_percent: match finding.verdict {
                    Verdict::Warned(percent) => Some(percent_text(percent)),
                    _ => None,
                },
                known_group: !finding.is_unknown,
            })
            .collect(),
        unused_limits: &checked.judged.unused,
        receipt: ReceiptView::from(&checked.receipt),
    });
    let document = Document {
        holds,
        budgets: budgets.collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n")
}

/// Writes JUnit XML: a suite per budget, a case per group, period and currency.
///
/// What is exceeded is a failure. A limit without charges and charges without a limit are skipped, with the reason;
/// strictly they are failures. A warning passes, and its `system-out` says past what.
pub(crate) fn write_junit(checked: &[Checked], strict: bool, out: &mut dyn Write) -> io::Result<()> {
    let all: Vec<[usize; 3]> = checked.iter().map(|checked| tally(checked, strict)).collect();
    let sum = |at: usize| all.iter().map(|tally| tally[at]).sum::<usize>();
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<testsuites name=\"billfold check-budget\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"0\">",
        sum(0),
        sum(1),
        sum(2)
    )?;
    for (checked, [tests, failures, skipped]) in checked.iter().zip(all) {
        let name = escaped(&checked.title());
        writeln!(
            out,
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\" time=\"0\">"
        )?;
        for finding in &checked.judged.findings {
            write_case(checked, &name, finding, strict, out)?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

/// Cases, failures, skipped.
fn tally(checked: &Checked, strict: bool) -> [usize; 3] {
    let findings = &checked.judged.findings;
    let failures = findings.iter().filter(|f| !holds(f.verdict, strict)).count();
    let is_open = |f: &&Finding| matches!(f.verdict, Verdict::NoCharges | Verdict::NoLimit);
    let skipped = if strict {
        0
    } else {
        findings.iter().filter(is_open).count()
    };
    [findings.len(), failures, skipped]
}

fn write_case(
    checked: &Checked,
    suite: &str,
    finding: &Finding,
    strict: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut name = String::new();
    for (dimension, key) in checked.query.by.iter().zip(&finding.group) {
        // Writing to a String cannot fail.
        let _ = write!(name, "{dimension}={key} ");
    }
    name.push_str(finding.period.as_deref().unwrap_or("no period"));
    if !finding.currency.as_str().is_empty() {
        name.extend([" ", finding.currency.as_str()]);
    }
    let limit = finding.limit.map(|limit| limit.to_string()).unwrap_or_default();
    let currency = finding.currency.as_str();
    let message = match finding.verdict {
        Verdict::Within => None,
        Verdict::Warned(percent) => Some(format!(
            "{currency} {} of {limit} is past {}%",
            finding.cost,
            percent_text(percent)
        )),
        Verdict::Exceeded => Some(format!(
            "{currency} {} of {limit} is {} percent{}",
            finding.cost,
            finding
                .used_percent
                .map_or_else(|| "more than all".to_owned(), |percent| percent.rounded(2)),
            beyond(finding).map_or(String::new(), |beyond| format!(", {beyond} beyond the limit"))
        )),
        Verdict::NoCharges if finding.is_unknown => {
            Some(format!("a limit of {limit}, and no charge in the group at all"))
        }
        Verdict::NoCharges => Some(format!("a limit of {limit}, and no charge")),
        Verdict::NoLimit => Some(format!("{currency} {}, and no limit is about it", finding.cost)),
    };
    let name = escaped(&name);
    write!(
        out,
        "    <testcase classname=\"{suite}\" name=\"{name}\" time=\"0\""
    )?;
    let Some(message) = message.map(|message| escaped(message.trim_start())) else {
        return writeln!(out, "/>");
    };
    writeln!(out, ">")?;
    let kind = finding.verdict.as_str();
    match finding.verdict {
        Verdict::Within | Verdict::Warned(_) => writeln!(out, "      <system-out>{message}</system-out>")?,
        verdict if holds(verdict, strict) => writeln!(out, "      <skipped message=\"{message}\"/>")?,
        _ => writeln!(
            out,
            "      <failure type=\"{kind}\" message=\"{message}\">{message}</failure>"
        )?,
    }
    writeln!(out, "    </testcase>")
}

/// A text as XML takes it, in attributes and between tags.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in Printable(text).to_string().chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            // No characters of XML, not even as references.
            '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(escaped, "\\u{{{:04x}}}", c as u32);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_place_in_the_xml() {
        assert_eq!(
            escaped("a\"><!-- ]]> & '\u{1b}[2J\u{202e}\u{fffe}\n"),
            "a&quot;&gt;&lt;!-- ]]&gt; &amp; &apos;\\x1b[2J\\u{202e}\\u{fffe}\\n"
        );
    }
}
