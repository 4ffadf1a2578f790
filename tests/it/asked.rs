//! The same question in two languages: the oracle's and the engine's; and bills as files that the engine reads.
//!
//! Shared by `naive`, `carriers` and `laws`. Not here: what must hold.

use std::collections::BTreeMap;

use billfold_core::dataset::{self, Outcome, RunOptions};
use billfold_core::engine::Answer;
use billfold_core::money::ExactSum;
use billfold_core::query::{Allocation, ChargeQuery, Clock, Condition, CostMetric, Dimension, Filter, Test};
use billfold_core::time::{Month, Window};
use billfold_testkit::naive::{self, Line, Question};
use billfold_testkit::{Charge, OutputSpec, write_charges};
use proptest::test_runner::{Config, RngSeed};

use crate::support::Folder;

/// A run of `cases` cases from a fixed seed; `BILLFOLD_CASES` multiplies the usual 256 for a long run.
pub(crate) fn cases(cases: u32) -> Config {
    let asked = std::env::var("BILLFOLD_CASES")
        .ok()
        .and_then(|n| n.parse::<u32>().ok());
    Config {
        cases: asked.map_or(cases, |asked| (asked / 256).max(1).saturating_mul(cases)),
        rng_seed: RngSeed::Fixed(20_240_229),
        // A bill shrinks in many small steps, and each runs the engine.
        max_shrink_iters: 2_000,
        max_shrink_time: 30_000,
        ..Config::default()
    }
}

/// How a run is cut up: workers, and bytes of a chunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) threads: usize,
    pub(crate) chunk_bytes: usize,
}

impl Cut {
    /// One worker, one chunk.
    pub(crate) const NONE: Cut = Cut {
        threads: 1,
        chunk_bytes: 1 << 20,
    };

    /// Two workers and chunks of about a row.
    pub(crate) const SMALL: Cut = Cut {
        threads: 2,
        chunk_bytes: 512,
    };

    pub(crate) fn options(self) -> RunOptions<'static> {
        RunOptions {
            threads: Some(self.threads),
            chunk_bytes: self.chunk_bytes,
            // A small bill may well have no list cost at all; what becomes of it by default is another test's matter.
            allow_empty: true,
            ..RunOptions::default()
        }
    }
}

/// Writes charges into a file of the folder, named for its carrier; returns its path.
pub(crate) fn put(folder: &Folder, name: &str, charges: &[Charge], output: &OutputSpec) -> String {
    let mut bytes = Vec::new();
    write_charges(charges, output, &mut bytes).unwrap();
    folder.put(&format!("{name}{}", output.extension()), bytes)
}

/// Asks, and expects an answer without a rejected row.
#[track_caller]
pub(crate) fn outcome(files: &[String], query: &ChargeQuery, cut: Cut) -> Outcome {
    let outcome = dataset::sums(files, query.clone(), cut.options()).unwrap();
    assert!(outcome.answer.is_some(), "{:#?}", outcome.rejects);
    outcome
}

/// Asks in one piece, and expects an answer without a rejected row.
#[track_caller]
pub(crate) fn answer(files: &[String], query: &ChargeQuery) -> Answer {
    outcome(files, query, Cut::NONE).answer.unwrap()
}

/// A condition of the engine from a test of the oracle.
pub(crate) fn condition(filter: &naive::Filter) -> Condition {
    let (any_of, negated) = match &filter.test {
        naive::Test::Equals(text) => (vec![Test::Equals(text.clone())], false),
        naive::Test::Not(text) => (vec![Test::Equals(text.clone())], true),
        naive::Test::In(list) => (list.iter().cloned().map(Test::Equals).collect(), false),
        naive::Test::Contains(text) => (vec![Test::Contains(text.clone())], false),
        naive::Test::Prefix(text) => (vec![Test::Prefix(text.clone())], false),
        naive::Test::Absent => (vec![Test::Equals(String::new())], false),
    };
    Condition {
        dimension: Dimension::parse(&filter.dimension).unwrap(),
        any_of,
        negated,
    }
}

/// The engine's question from the oracle's.
pub(crate) fn query(question: &Question) -> ChargeQuery {
    ChargeQuery {
        by: question
            .by
            .iter()
            .map(|name| Dimension::parse(name).unwrap())
            .collect(),
        granularity: question.granularity.word().parse().unwrap(),
        zone: question.calendar.zone,
        week_start: question.calendar.week_start,
        fiscal_start: Month::try_from(question.calendar.fiscal_start as u8).unwrap(),
        window: Window::new(question.window.0, question.window.1).unwrap(),
        clock: match question.clock {
            naive::Clock::Charge => Clock::Charge,
            naive::Clock::Billing => Clock::Billing,
        },
        metric: match question.metric {
            naive::Metric::Effective => CostMetric::Effective,
            naive::Metric::Billed => CostMetric::Billed,
            naive::Metric::List => CostMetric::List,
            naive::Metric::Contracted => CostMetric::Contracted,
        },
        allocation: match question.allocate {
            naive::Allocate::Start => Allocation::Start,
            naive::Allocate::Prorate => Allocation::Prorate,
        },
        filter: Filter {
            conditions: question.filters.iter().map(condition).collect(),
        },
        ..ChargeQuery::total()
    }
}

/// Proration reads charge periods, which the billing clock does not look at.
pub(crate) fn contradicts_itself(question: &Question) -> bool {
    question.clock == naive::Clock::Billing && question.allocate == naive::Allocate::Prorate
}

/// The engine's answer as the oracle writes its own: the total is named by its window, which the oracle leaves open.
pub(crate) fn lines(answer: &Answer) -> Vec<Line> {
    let total = answer.query.granularity == billfold_core::time::Granularity::Total;
    answer
        .rows()
        .map(|row| {
            let period = row.period();
            if total {
                assert_eq!(period.window(), answer.query.window);
            } else {
                assert!(period.start.is_some() && period.end.is_some());
            }
            let bound = |bound: Option<i64>, open| if total { open } else { bound.unwrap_or(open) };
            Line {
                keys: row.keys().map(String::from).collect(),
                period: period.label.clone(),
                start: bound(period.start, i64::MIN),
                end: bound(period.end, i64::MAX),
                currency: String::from(row.currency().as_str()),
                sum: row.cost().to_string(),
                charges: row.charges(),
            }
        })
        .collect()
}

/// Sums per currency. A currency whose sum is zero is as good as one that is not there.
pub(crate) type Money = BTreeMap<String, ExactSum>;

/// Adds up the groups of an answer that a test wants, per value of `key`.
pub(crate) fn folded<K: Ord>(answer: &Answer, key: impl Fn(&Line) -> K) -> BTreeMap<(K, String), ExactSum> {
    let mut sums: BTreeMap<(K, String), ExactSum> = BTreeMap::new();
    for (row, line) in answer.rows().zip(lines(answer)) {
        let sum = sums.entry((key(&line), line.currency.clone())).or_default();
        sum.add(&row.cost()).unwrap();
    }
    sums.retain(|_, sum| !sum.is_zero());
    sums
}

/// The sum of all groups, per currency.
pub(crate) fn money(answer: &Answer) -> Money {
    folded(answer, |_| ())
        .into_iter()
        .map(|(((), currency), sum)| (currency, sum))
        .collect()
}

/// The total that an answer states beside its groups, per currency.
pub(crate) fn stated(answer: &Answer) -> Money {
    let totals = answer.totals.iter().filter(|(_, sum)| !sum.is_zero());
    totals
        .map(|(currency, sum)| (String::from(currency.as_str()), *sum))
        .collect()
}

/// `a + b`, per currency.
pub(crate) fn plus(mut a: Money, b: &Money) -> Money {
    for (currency, sum) in b {
        a.entry(currency.clone()).or_default().add(sum).unwrap();
    }
    a.retain(|_, sum| !sum.is_zero());
    a
}

/// `-a`, per currency.
pub(crate) fn negated(a: &Money) -> Money {
    a.iter()
        .map(|(currency, sum)| (currency.clone(), -*sum))
        .collect()
}
