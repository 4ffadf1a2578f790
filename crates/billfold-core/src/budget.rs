//! Budgets: what groups may cost per period, held against an answer.
//!
//! A comparison is exact: a cost is compared with its limit as integers, so that 1000.00 is within 1000 and
//! 1000.000000001 is not. Every group and period that a limit is about leaves a finding, also where there is no
//! charge, and every charge without a limit does, too. Nothing here reads bills or prints.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::engine::Answer;
use crate::error::{Error, ErrorKind, Result};
use crate::money::{Amount, Currency, ExactSum, compare_with_part, percent_of};
use crate::query::ChargeQuery;
use crate::time::{Granularity, Period, Window, parse_period};

/// Millionths of a limit in one percent of it.
const PER_PERCENT: u64 = 10_000;
/// Periods that a budget looks at.
const MAX_PERIODS: usize = 10_000;

/// What a group may cost in a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// The group, by its keys; every group without.
    pub group: Option<Vec<String>>,
    /// The period, by its label; every period without.
    pub period: Option<String>,
    /// The amount, not below zero.
    pub amount: Amount,
    /// Its currency; that of the answer without.
    pub currency: Option<Currency>,
}

/// Limits, and when they speak up.
#[derive(Debug, Clone)]
pub struct Budget {
    limits: Vec<Limit>,
    /// Millionths of a limit past which a cost is warned of, ascending.
    warn: Vec<u64>,
    /// Millionths of a limit past which it is exceeded.
    fail: u64,
}

/// What a budget says of a group in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not past any threshold.
    Within,
    /// Past this warning, in millionths of the limit.
    Warned(u64),
    /// Past what the budget allows.
    Exceeded,
    /// A limit names it, and there is no charge.
    NoCharges,
    /// There are charges, and no limit is about them.
    NoLimit,
}

/// What a budget says of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// By group, period and currency.
    pub findings: Vec<Finding>,
    /// Limits that decide nothing, as a message names them: a closer one does, or there is nothing that they are about.
    pub unused: Vec<String>,
}

/// One group in one period and currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The group, by its keys.
    pub group: Vec<String>,
    /// The period's label; None where there are neither charges nor a window that would name periods.
    pub period: Option<String>,
    /// The currency; [`Currency::UNKNOWN`] where neither charges nor limit name one.
    pub currency: Currency,
    /// What it came to.
    pub cost: ExactSum,
    /// Charges.
    pub charges: u64,
    /// What it may come to.
    pub limit: Option<Amount>,
    /// Cost in percent of the limit, rounded to two decimals; None without a limit or with one of zero.
    pub used_percent: Option<ExactSum>,
    /// The verdict.
    pub verdict: Verdict,
    /// Whether the group has no charge in any period.
    pub is_unknown: bool,
    /// Which limit decides.
    limit_idx: Option<usize>,
}

impl Verdict {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Within => "within",
            Verdict::Warned(_) => "warned",
            Verdict::Exceeded => "exceeded",
            Verdict::NoCharges => "no-charges",
            Verdict::NoLimit => "no-limit",
        }
    }
}

impl Limit {
    /// Reads `AMOUNT`, `GROUP=AMOUNT`, each with ` CODE` and ` @PERIOD` behind it where wanted.
    ///
    /// A group of several dimensions has its keys separated by commas; `\,` is a comma and `\\` a backslash in a key.
    /// The last equals sign ends the group. Errors: usage.
    pub fn parse(text: &str) -> Result<Limit> {
        let wrong = |what: &str| {
            Error::usage(format!("the limit `{text}` {what}"))
                .hint("write 1000, prj-1=500, prj-1=500 USD or prj-1=500 USD @2024-03")
        };
        let (group, amount) = match text.rsplit_once('=') {
            None => (None, text),
            Some((group, amount)) => (Some(keys_of(group)), amount),
        };
        let mut words = amount.split_whitespace();
        let amount = words.next().ok_or_else(|| wrong("has no amount"))?;
        let amount = Amount::parse(amount.as_bytes()).map_err(|_| wrong("has no amount that can be read"))?;
        if amount.mantissa() < 0 {
            return Err(wrong("is below zero"));
        }
        let mut limit = Limit {
            group,
            period: None,
            amount,
            currency: None,
        };
        for word in words {
            match word.strip_prefix('@') {
                Some(period) if limit.period.is_none() && !period.is_empty() => {
                    limit.period = Some(period.to_owned());
                }
                None if limit.currency.is_none() && limit.period.is_none() => {
                    let code = Currency::parse(word.as_bytes());
                    limit.currency = Some(code.ok_or_else(|| wrong("has no currency that is known"))?);
                }
                _ => return Err(wrong("has more words than amount, currency and period")),
            }
        }
        Ok(limit)
    }

    /// Whether it is about a cell, and how closely.
    fn closeness(&self, group: &[String], period: Option<&str>, currency: Currency) -> Option<u8> {
        let fits = self.group.as_deref().is_none_or(|own| own == group)
            && self.period.as_deref().is_none_or(|own| Some(own) == period)
            && self.currency.is_none_or(|own| own == currency);
        fits.then(|| u8::from(self.group.is_some()) * 2 + u8::from(self.period.is_some()))
    }
}

/// Cuts at commas that no backslash escapes.
fn keys_of(text: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let key = match c {
            '\\' => chars.next(),
            ',' => {
                keys.push(String::new());
                None
            }
            c => Some(c),
        };
        if let Some(last) = keys.last_mut() {
            last.extend(key);
        }
    }
    keys
}

/// Reads a percentage with at most four decimals, as millionths.
///
/// Errors: usage.
pub fn parse_percent(text: &str) -> Result<u64> {
    let wrong = || {
        Error::usage(format!("`{text}` is no percentage")).hint("write 80 or 87.5, with at most 4 decimals")
    };
    let digits = text.strip_suffix('%').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || fraction.len() > 4 || whole.len() > 9 {
        return Err(wrong());
    }
    format!("{whole}{fraction:0<4}").parse().map_err(|_| wrong())
}

/// A percentage out of millionths, as it is written.
pub fn percent_text(per_million: u64) -> String {
    let (whole, fraction) = (per_million / PER_PERCENT, per_million % PER_PERCENT);
    let text = format!("{whole}.{fraction:04}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Budget {
    /// A budget for the answers to a question. `warn` and `fail` are millionths of a limit; a cost speaks up when it is
    /// more than that.
    ///
    /// Errors: usage: no limit, one that is stated twice or names a group or period that the question cannot have, a
    /// warning that comes after the failure.
    pub fn new(mut limits: Vec<Limit>, mut warn: Vec<u64>, fail: u64, query: &ChargeQuery) -> Result<Budget> {
        if limits.is_empty() {
            return Err(Error::usage("no limit").hint("write --limit 1000, or --limit prj-1=500"));
        }
        for (nth, limit) in limits.iter().enumerate() {
            let same = |other: &Limit| {
                (&other.group, &other.period, other.currency) == (&limit.group, &limit.period, limit.currency)
            };
            if limits[..nth].iter().any(same) {
                return Err(Error::usage(format!("{} is stated twice", limit.about())));
            }
            if let Some(keys) = &limit.group
                && keys.len() != query.by.len()
            {
                let n = query.by.len();
                let dimensions: Vec<&str> = query.by.iter().map(|d| d.name.as_str()).collect();
                let message = match n {
                    0 => format!("{} names a group, and the question has none", limit.about()),
                    _ => format!(
                        "{} names {} keys, and the question has {n}: {}",
                        limit.about(),
                        keys.len(),
                        dimensions.join(", ")
                    ),
                };
                return Err(Error::usage(message).hint(
                    "name one value per dimension of --by, separated by commas; \\, is a comma in a value",
                ));
            }
            if let Some(label) = &limit.period {
                check_label(label, query)?;
            }
        }
        if query.by.is_empty() {
            // All charges are one group, which is there whether or not there are charges.
            for limit in &mut limits {
                limit.group = Some(Vec::new());
            }
        }
        warn.sort_unstable();
        warn.dedup();
        if warn.last().is_some_and(|last| *last >= fail) {
            return Err(Error::usage(format!(
                "a warning at {}% comes no earlier than the limit at {}%",
                warn.last().copied().map(percent_text).unwrap_or_default(),
                percent_text(fail)
            )));
        }
        Ok(Budget { limits, warn, fail })
    }

    /// The warnings in millionths, ascending.
    pub fn warnings(&self) -> &[u64] {
        &self.warn
    }

    /// Millionths of a limit past which it is exceeded.
    pub fn failure(&self) -> u64 {
        self.fail
    }

    /// Judges an answer that has all groups: findings by group, period and currency.
    ///
    /// Errors: a conflict, when a limit names no currency and there are several.
    pub fn judge(&self, answer: &Answer) -> Result<Judged> {
        if answer.currencies.len() > 1
            && let Some(limit) = self.limits.iter().find(|limit| limit.currency.is_none())
        {
            let codes: Vec<String> = answer.currencies.iter().map(ToString::to_string).collect();
            let message = format!(
                "{} names no currency, and there are charges in {}",
                limit.about(),
                codes.join(", ")
            );
            return Err(Error::new(ErrorKind::Conflict(message)).hint(
                "write the code behind the amount, choose one with --filter billing_currency=USD, or convert with --currency and --rates",
            ));
        }
        let only = match answer.currencies.as_slice() {
            [only] => *only,
            _ => Currency::UNKNOWN,
        };
        let labels = labels_of(answer)?;
        // In the order of groups, then time, then currencies.
        let mut found: BTreeMap<(Vec<String>, usize, Currency), Finding> = BTreeMap::new();
        let mut known: BTreeSet<Vec<String>> = BTreeSet::new();
        for row in answer.rows() {
            let group: Vec<String> = row.keys().map(str::to_owned).collect();
            let label = row.period().label.as_str();
            let at = labels.iter().position(|l| l == label).unwrap_or(labels.len());
            let finding = self.finding(&group, Some(label), row.currency(), row.cost(), row.charges());
            known.insert(group.clone());
            found.insert((group, at, row.currency()), finding);
        }
        for limit in &self.limits {
            let Some(group) = &limit.group else { continue };
            let currency = limit.currency.unwrap_or(only);
            let periods: Vec<(usize, Option<&str>)> = match &limit.period {
                Some(label) => {
                    let at = labels.iter().position(|l| l == label).unwrap_or(labels.len());
                    vec![(at, Some(label))]
                }
                None if labels.is_empty() => vec![(0, None)],
                None => labels
                    .iter()
                    .map(|label| Some(label.as_str()))
                    .enumerate()
                    .collect(),
            };
            for (at, label) in periods {
                found
                    .entry((group.clone(), at, currency))
                    .or_insert_with(|| self.finding(group, label, currency, ExactSum::ZERO, 0));
            }
        }
        let findings: Vec<Finding> = found
            .into_values()
            .map(|finding| Finding {
                is_unknown: !known.contains(&finding.group),
                ..finding
            })
            .collect();
        let used: BTreeSet<usize> = findings.iter().filter_map(|finding| finding.limit_idx).collect();
        let limits = self.limits.iter().enumerate();
        let unused = limits.filter(|(nth, _)| !used.contains(nth));
        Ok(Judged {
            unused: unused.map(|(_, limit)| limit.about()).collect(),
            findings,
        })
    }

    fn finding(
        &self,
        group: &[String],
        period: Option<&str>,
        currency: Currency,
        cost: ExactSum,
        charges: u64,
    ) -> Finding {
        let limits = self.limits.iter().enumerate();
        let limit_idx = limits
            .filter_map(|(nth, limit)| Some((limit.closeness(group, period, currency)?, limit, nth)))
            .max_by_key(|(closeness, limit, _)| (*closeness, limit.currency.is_some()))
            .map(|(_, _, nth)| nth);
        let limit = limit_idx.map(|nth| self.limits[nth].amount);
        let passes = |per_million: u64, limit: Amount| {
            compare_with_part(&cost, per_million, limit) == Ordering::Greater
        };
        let verdict = match limit {
            None => Verdict::NoLimit,
            Some(_) if charges == 0 => Verdict::NoCharges,
            Some(limit) if passes(self.fail, limit) => Verdict::Exceeded,
            Some(limit) => {
                let passed = self.warn.iter().rev().find(|warn| passes(**warn, limit));
                passed.map_or(Verdict::Within, |warn| Verdict::Warned(*warn))
            }
        };
        Finding {
            group: group.to_vec(),
            period: period.map(str::to_owned),
            currency,
            cost,
            charges,
            limit,
            used_percent: limit.and_then(|limit| percent_of(&cost, &limit.into())),
            verdict,
            is_unknown: false,
            limit_idx,
        }
    }
}

impl Finding {
    /// What the cost is beyond the limit; None where it is not.
    ///
    /// Errors: a difference that leaves 256 bits.
    pub fn beyond(&self) -> Result<Option<ExactSum>> {
        let Some(limit) = self.limit.map(ExactSum::from) else {
            return Ok(None);
        };
        if self.cost <= limit {
            return Ok(None);
        }
        let mut beyond = self.cost;
        beyond.sub(&limit).map_err(|_| {
            Error::new(ErrorKind::Overflow {
                group: "the cost beyond a limit".to_owned(),
            })
        })?;
        Ok(Some(beyond))
    }
}

impl Limit {
    /// How a message names it.
    fn about(&self) -> String {
        let mut text = format!("the limit of {}", self.amount);
        if let Some(currency) = self.currency {
            text.extend([" ", currency.as_str()]);
        }
        if let Some(group) = self.group.as_ref().filter(|group| !group.is_empty()) {
            text.extend([" for ", &group.join(",")]);
        }
        if let Some(period) = &self.period {
            text.extend([" in ", period]);
        }
        text
    }
}

/// Refuses what is no label of the question's periods.
fn check_label(label: &str, query: &ChargeQuery) -> Result<()> {
    let calendar = query.calendar();
    let is_label = match query.granularity {
        Granularity::Total => label == "total",
        // An hour has no written form as a period, so its label is taken as it stands.
        Granularity::Hourly => true,
        _ => parse_period(label, calendar)
            .ok()
            .and_then(|window| window.start)
            .is_some_and(|start| calendar.label(calendar.ordinal(start)) == label),
    };
    if is_label {
        return Ok(());
    }
    Err(Error::usage(format!(
        "@{label} is no period of a {} question",
        query.granularity.as_str()
    ))
    .hint("write it as answers do: 2024-03-01, 2024-02-26 (the first day of a week), 2024-03, 2024-Q1, 2024"))
}

/// The labels from the first to the last period with a charge, without gaps; without any, those of a bounded window.
fn labels_of(answer: &Answer) -> Result<Vec<String>> {
    let query = &answer.query;
    let labels = |periods: &[Period]| periods.iter().map(|period| period.label.clone()).collect();
    if query.granularity == Granularity::Total {
        return Ok(vec!["total".to_owned()]);
    }
    let bounds = match (answer.periods.first(), answer.periods.last()) {
        (Some(first), Some(last)) => (first.start, last.end),
        _ => (query.window.start, query.window.end),
    };
    let (Some(start), Some(end)) = bounds else {
        return Ok(labels(&answer.periods));
    };
    let periods = query.calendar().periods_in(&Window {
        start: Some(start),
        end: Some(end),
    })?;
    if periods.len() > MAX_PERIODS {
        let message = format!(
            "{} periods are more than the {MAX_PERIODS} of a budget",
            periods.len()
        );
        return Err(Error::limit("limit.periods", message)
            .hint("choose longer periods with --duration, or a shorter window with --period"));
    }
    Ok(labels(&periods))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(by: &str, duration: &str) -> ChargeQuery {
        let mut query = ChargeQuery::total();
        if !by.is_empty() {
            query.by = crate::query::Dimension::parse_list(by).unwrap();
        }
        query.granularity = duration.parse().unwrap();
        query
    }

    #[test]
    fn a_limit_is_group_amount_currency_and_period() {
        let parse = |text: &str| {
            let limit = Limit::parse(text).unwrap();
            (
                limit.group.map(|keys| keys.join("|")),
                limit.amount.to_string(),
                limit.currency.map(|c| c.to_string()),
                limit.period,
            )
        };
        let owned = |text: &str| Some(text.to_owned());
        assert_eq!(parse("1000"), (None, "1000".into(), None, None));
        assert_eq!(parse("prj-1=500"), (owned("prj-1"), "500".into(), None, None));
        assert_eq!(
            parse("a,b\\,c=x=0.5 USD @2024-03"),
            (owned("a|b,c=x"), "0.5".into(), owned("USD"), owned("2024-03"))
        );
        assert_eq!(parse("=5"), (owned(""), "5".into(), None, None));
        for bad in [
            "",
            "x",
            "a=",
            "-1",
            "1 USD EUR",
            "1 @",
            "1 XQQ1",
            "1 @2024 USD",
            "1,5",
        ] {
            assert!(Limit::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn percentages_are_exact() {
        for (text, millionths) in [
            ("80", 800_000),
            ("87.5%", 875_000),
            ("0.0001", 1),
            ("110", 1_100_000),
        ] {
            assert_eq!(parse_percent(text).unwrap(), millionths);
            assert_eq!(percent_text(millionths), text.trim_end_matches('%'));
        }
        for bad in ["", "-1", "1.00001", "x", ".5", "1.", "9999999999"] {
            assert!(parse_percent(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_a_question_cannot_have_is_refused() {
        let make = |limits: &[&str], warn: Vec<u64>, by: &str, duration: &str| {
            let limits = limits.iter().map(|text| Limit::parse(text).unwrap()).collect();
            Budget::new(limits, warn, 1_000_000, &query(by, duration))
        };
        assert!(make(&["1"], vec![], "", "total").is_ok());
        assert!(make(&["1", "a=2", "a=3 @2024-03"], vec![800_000], "zone", "monthly").is_ok());
        for (limits, warn, by, duration) in [
            (&[][..], vec![], "", "total"),
            (&["a=1"], vec![], "", "total"),
            (&["a=1"], vec![], "zone,region", "total"),
            (&["a=1", "a=2"], vec![], "zone", "total"),
            (&["1 @2024-03"], vec![], "", "yearly"),
            (&["1 @2024-02-27"], vec![], "", "weekly"),
            (&["1"], vec![1_000_000], "", "total"),
        ] {
            assert!(make(limits, warn, by, duration).is_err(), "{limits:?}");
        }
    }

    #[test]
    fn the_closest_limit_counts_and_the_last_digit_decides() {
        let limits = ["1000", "a=10", "a=20 @2024-03"].map(|text| Limit::parse(text).unwrap());
        let budget = Budget::new(
            limits.to_vec(),
            vec![500_000, 800_000],
            1_000_000,
            &query("zone", "monthly"),
        )
        .unwrap();
        let usd = Currency::parse(b"USD").unwrap();
        let verdict = |group: &str, period: &str, cost: &str| {
            let cost = Amount::parse(cost.as_bytes()).unwrap().into();
            budget
                .finding(&[group.to_owned()], Some(period), usd, cost, 1)
                .verdict
        };
        for (group, period, cost, expected) in [
            ("b", "2024-03", "1000.00", Verdict::Warned(800_000)),
            ("b", "2024-03", "1000.000000001", Verdict::Exceeded),
            ("b", "2024-03", "800", Verdict::Warned(500_000)),
            ("b", "2024-03", "-5", Verdict::Within),
            ("a", "2024-02", "10.0000001", Verdict::Exceeded),
            ("a", "2024-03", "10", Verdict::Within),
            ("a", "2024-03", "20.1", Verdict::Exceeded),
        ] {
            assert_eq!(verdict(group, period, cost), expected, "{group} {period} {cost}");
        }
    }
}
