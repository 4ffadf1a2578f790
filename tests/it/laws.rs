//! The laws that every answer keeps, whatever the bill: sums, periods, windows, proration, filters, pages, order.
//!
//! No oracle here: a law says how answers of the engine to different questions, or about differently cut files,
//! belong together. What a law is called in the catalogue of invariants stands in brackets.

mod cuts;
mod order;
mod parts;
mod periods;
mod planted;
mod sums;

use billfold_core::query::ChargeQuery;
use billfold_testkit::naive::{Clock, Question};
use billfold_testkit::strategies::question;
use billfold_testkit::{Carrier, Charge, Format, OutputSpec};
use proptest::prelude::*;

use crate::asked;
use crate::support::Folder;

/// FOCUS rows in plain CSV, which can say the most.
fn focus() -> OutputSpec {
    OutputSpec::new(Format::Focus12, Carrier::Csv)
}

/// A bill in a folder of its own.
struct Bill {
    _folder: Folder,
    files: Vec<String>,
}

impl Bill {
    fn of(charges: &[Charge]) -> Bill {
        let folder = Folder::new();
        let files = vec![asked::put(&folder, "bill", charges, &focus())];
        Bill {
            _folder: folder,
            files,
        }
    }

    /// The answer, in one piece and by one worker.
    fn answer(&self, query: &ChargeQuery) -> billfold_core::engine::Answer {
        asked::answer(&self.files, query)
    }

    /// What the groups of the answer add up to.
    fn money(&self, query: &ChargeQuery) -> asked::Money {
        asked::money(&self.answer(query))
    }
}

/// Any question that does not contradict itself.
fn sound_question() -> impl Strategy<Value = Question> {
    question().prop_map(|mut question| {
        if asked::contradicts_itself(&question) {
            question.clock = Clock::Charge;
        }
        question
    })
}

/// A question in which no row counts in two groups.
fn without_tag_id() -> impl Strategy<Value = Question> {
    sound_question().prop_map(|mut question| {
        question.by.retain(|name| name != "tag_id");
        question
    })
}
