//! Several questions in one reading: every chunk is decoded once and folded into each question's sums.
//!
//! What the questions share is what a scan brings: the metric, the clock and the currency of files that
//! name none. Dimensions, filters, periods, windows and `top` are each question's own, and so is its
//! receipt. Which rows are rejected does not depend on a question, so that all have an answer or none.

use std::sync::Arc;

use super::between::check_aliases;
use super::charges::Fold;
use super::{Account, Outcome, RunOptions, fold_files_telling};
use crate::charge::{ChargeBatch, ScanHint};
use crate::engine::{CostAccount, Finished, Plan, Receipt, RowAccount, Sums, answer_sha256};
use crate::error::{Error, Result};
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
    if options.exchange.is_some() && !count_the_same(&queries) {
        return Err(Error::usage(
            "questions that are converted share a reading where they are about the same charges",
        ));
    }
    let plans = bind(queries)?;
    for plan in &plans {
        check_aliases(&options.aliases, plan)?;
    }
    let first = plans.first().ok_or_else(|| Error::usage("no question"))?;
    let allow_rejects = options.allow_rejects;
    let on_reject = options.on_reject.take();
    let ran = fold_files_telling(inputs, first, &options, on_reject, || Together::new(&plans))?;
    let (others, finished, account) = ran.settle(first)?;
    let Account {
        receipt,
        rejects,
        warnings,
    } = account;
    let admitted = allow_rejects.admits(receipt.rows.rejected, receipt.rows.read);
    let all = std::iter::once(finished).chain(others);
    plans
        .iter()
        .zip(all)
        .map(|(plan, finished)| {
            let mut receipt = account_of(&receipt, &finished);
            receipt.check(plan.groups_overlap())?;
            if admitted {
                receipt.answer_sha256 = answer_sha256(&finished.answer);
            }
            Ok(Outcome {
                answer: admitted.then_some(finished.answer),
                stored: None,
                receipt,
                rejects: rejects.clone(),
                warnings: warnings.clone(),
            })
        })
        .collect()
}

/// Whether the same charges count in all questions, at the same times.
fn count_the_same(queries: &[ChargeQuery]) -> bool {
    queries.windows(2).all(|pair| {
        let [a, b] = pair else { return true };
        (&a.filter, a.window, a.zone, a.allocation) == (&b.filter, b.window, b.zone, b.allocation)
    })
}

/// The account of one question: what was read is that of all.
fn account_of(shared: &Receipt, finished: &Finished) -> Receipt {
    Receipt {
        rows: RowAccount {
            used: finished.n_used,
            filtered: finished.n_filtered,
            outside_window: finished.n_outside,
            ..shared.rows
        },
        cost: CostAccount {
            used: finished.used.clone(),
            filtered: finished.filtered.clone(),
            outside_window: finished.outside_window.clone(),
            groups: finished.groups.clone(),
            ..shared.cost.clone()
        },
        ..shared.clone()
    }
}

/// The sums of every question.
struct Together(Vec<Sums>);

impl Together {
    fn new(plans: &[Arc<Plan>]) -> Self {
        Together(plans.iter().map(|plan| Sums::new(Arc::clone(plan))).collect())
    }
}

impl Fold for Together {
    /// What the questions after the first came to.
    type Value = Vec<Finished>;

    fn update(&mut self, batch: &ChargeBatch) -> Result<()> {
        self.0.iter_mut().try_for_each(|sums| sums.update(batch))
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.0
            .iter_mut()
            .zip(&other.0)
            .try_for_each(|(sums, other)| sums.merge(other))
    }

    fn finish(self) -> Result<(Vec<Finished>, Finished)> {
        let mut finished = self.0.into_iter().map(Sums::finish);
        let first = finished.next().ok_or_else(|| Error::bug("no question"))??;
        Ok((finished.collect::<Result<_>>()?, first))
    }
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
    use std::fmt::Write as _;

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
            writeln!(
                text,
                "2024-0{}-{day:02}T00:00:00Z,{n}.{n},USD,s{service},r{region},\"{{\"\"team\"\":\"\"t{service}\"\"}}\"",
                n % 4 + 1
            )
            .unwrap();
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
