//! Several questions in one reading: every chunk is decoded once and folded into each question's sums.
//!
//! What the questions share is what a scan brings: the metric, the clock and the currency of files that
//! name none. Dimensions, filters, periods, windows and `top` are each question's own, and so is its
//! receipt. Which rows are rejected does not depend on a question, so that all have an answer or none.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{
    Outcome, RunOptions, account, check_costs, check_dimensions, check_rows, check_views, open, views_of,
    workers,
};
use crate::charge::ScanHint;
use crate::engine::{Plan, Sums, UnreadSource, answer_sha256};
use crate::error::{Diagnostic, Error, Result};
use crate::ingest::bill::BillPlan;
use crate::ingest::scan::{Ready, scan};
use crate::ingest::source::NotRead;
use crate::query::ChargeQuery;

/// Whether two questions can be answered from one reading.
pub fn share_a_scan(a: &ChargeQuery, b: &ChargeQuery) -> bool {
    a.metric == b.metric && a.clock == b.clock && a.default_currency == b.default_currency
}

/// Answers several questions from one reading of the files; outcome `i` is that of question `i`.
///
/// Rejected rows and warnings are the same for all and stand in every outcome.
/// Errors: as [`super::sums`]; usage, when two questions do not [`share_a_scan`] or there is none.
pub fn sums_many(
    inputs: &[String],
    queries: Vec<ChargeQuery>,
    mut options: RunOptions<'_>,
) -> Result<Vec<Outcome>> {
    let plans = bind(queries)?;
    let hint = &plans.first().ok_or_else(|| Error::usage("no question"))?.hint;
    let opened = open(inputs, &options, hint)?;
    for plan in &plans {
        check_dimensions(plan, &opened.bills)?;
    }
    let mut ready = Vec::with_capacity(opened.bills.len());
    for bill in opened.bills {
        let plan = BillPlan::new(hint, &bill)?;
        ready.push(Ready { bill, plan });
    }

    let new_state = || -> Vec<Sums> { plans.iter().map(|plan| Sums::new(Arc::clone(plan))).collect() };
    let mut states: Vec<Vec<Sums>> = (0..workers(options.threads)).map(|_| new_state()).collect();
    let mut shown = Vec::new();
    let mut sink = options.on_reject.take();
    let mut on_reject = |diagnostic: Diagnostic| -> Result<()> {
        if let Some(sink) = &mut sink {
            sink(&diagnostic).map_err(|e| Error::io("the rejected rows cannot be written", &e))?;
        }
        if shown.len() < Outcome::SHOWN_REJECTS {
            shown.push(diagnostic);
        }
        Ok(())
    };
    let progress = Arc::clone(&options.progress);
    let on_rows = |n: u64| {
        progress.rows.fetch_add(n, Ordering::Relaxed);
    };
    let reports = scan(
        &ready,
        opened.streams,
        &mut states,
        &on_rows,
        &mut on_reject,
        |state: &mut Vec<Sums>, batch| state.iter_mut().try_for_each(|sums| sums.update(batch)),
    )?;
    check_views(views_of(&ready, &reports))?;

    let mut states = states.into_iter();
    let mut merged = states.next().ok_or_else(|| Error::bug("no worker"))?;
    for state in states {
        for (sums, other) in merged.iter_mut().zip(&state) {
            sums.merge(other)?;
        }
    }
    check_rows(&ready, &reports)?;
    let left_out: Vec<UnreadSource> = opened
        .left_out
        .into_iter()
        .map(|NotRead { source, why }| UnreadSource { source, why })
        .collect();
    let mut warnings = opened.warnings;
    for Ready { bill, .. } in &ready {
        warnings.extend(
            bill.notes
                .iter()
                .map(|note| format!("{}: {note}", bill.source.name)),
        );
    }
    let mut outcomes = Vec::with_capacity(plans.len());
    for (plan, sums) in plans.iter().zip(merged) {
        check_costs(plan, &ready, &reports, options.allow_empty)?;
        let finished = sums.finish()?;
        let mut receipt = account(&ready, &reports, &finished)?;
        receipt.left_out.clone_from(&left_out);
        receipt.check(plan.groups_overlap())?;
        let admitted = options
            .allow_rejects
            .admits(receipt.rows.rejected, receipt.rows.read);
        if admitted {
            receipt.answer_sha256 = answer_sha256(&finished.answer);
        }
        outcomes.push(Outcome {
            answer: admitted.then_some(finished.answer),
            receipt,
            rejects: shown.clone(),
            warnings: warnings.clone(),
        });
    }
    Ok(outcomes)
}

/// Binds all questions to the columns of one scan, which brings what any of them needs.
fn bind(queries: Vec<ChargeQuery>) -> Result<Vec<Arc<Plan>>> {
    let mut plans: Vec<Plan> = Vec::with_capacity(queries.len());
    let mut shared: Option<ScanHint> = None;
    for query in queries {
        if let Some(first) = plans.first()
            && !share_a_scan(&first.query, &query)
        {
            return Err(Error::usage(
                "questions with different metrics, clocks or default currencies do not share a reading",
            ));
        }
        let plan = Plan::over(query, shared.take())?;
        shared = Some(plan.hint.clone());
        plans.push(plan);
    }
    if let Some(hint) = shared {
        for plan in &mut plans {
            plan.hint = hint.clone();
        }
    }
    Ok(plans.into_iter().map(Arc::new).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::write_csv;
    use crate::query::Dimension;
    use crate::time::Window;

    fn question(by: &str, duration: &str, window: Window) -> ChargeQuery {
        let mut query = ChargeQuery::total();
        if !by.is_empty() {
            query.by = Dimension::parse_list(by).unwrap();
        }
        query.granularity = duration.parse().unwrap();
        query.window = window;
        query
    }

    #[test]
    fn each_question_has_the_answer_it_has_alone() {
        let path = std::env::temp_dir().join(format!("billfold-many-{}.csv", std::process::id()));
        let mut text =
            String::from("ChargePeriodStart,BilledCost,BillingCurrency,ServiceName,RegionId,Tags\n");
        for n in 0..500 {
            let (day, service, region) = (n % 28 + 1, n % 7, n % 3);
            text.push_str(&format!(
                "2024-0{}-{day:02}T00:00:00Z,{n}.{n},USD,s{service},r{region},\"{{\"\"team\"\":\"\"t{service}\"\"}}\"\n",
                n % 4 + 1
            ));
        }
        std::fs::write(&path, text).unwrap();
        let inputs = [path.display().to_string()];
        let february = crate::time::parse_period("2024-02", ChargeQuery::total().calendar()).unwrap();
        let mut questions = vec![
            question("service_name", "monthly", Window::ALL),
            question("", "monthly", Window::ALL),
            question("region_id,service_name", "total", february),
            question("tag:team", "weekly", Window::ALL),
        ];
        questions[3].top = Some(2);
        questions[0].filter = crate::query::Filter::parse_all(["region_id=r1"]).unwrap();
        let together = sums_many(&inputs, questions.clone(), RunOptions::default()).unwrap();
        for (question, outcome) in questions.into_iter().zip(together) {
            let alone = super::super::sums(&inputs, question, RunOptions::default()).unwrap();
            let csv = |outcome: &Outcome| {
                let mut out = Vec::new();
                write_csv(outcome.answer.as_ref().unwrap(), &mut out).unwrap();
                String::from_utf8(out).unwrap()
            };
            assert_eq!(csv(&outcome), csv(&alone));
            assert_eq!(outcome.receipt.rows, alone.receipt.rows);
            assert_eq!(outcome.receipt.cost, alone.receipt.cost);
            assert_eq!(outcome.receipt.answer_sha256, alone.receipt.answer_sha256);
        }
        let mut other = question("", "total", Window::ALL);
        other.metric = "billed".parse().unwrap();
        let two = vec![question("", "total", Window::ALL), other];
        assert!(sums_many(&inputs, two, RunOptions::default()).is_err());
        std::fs::remove_file(path).unwrap();
    }
}
