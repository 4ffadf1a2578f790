//! How a bill is cut up does not show: rows in any order, in any files, in any chunks, on any number of threads.

use billfold_core::dataset::Outcome;
use billfold_core::query::ChargeQuery;
use billfold_testkit::strategies::charges;
use billfold_testkit::{Charge, write_charges};
use proptest::prelude::*;

use super::{focus, sound_question};
use crate::asked::{self, Cut};
use crate::support::Folder;

/// Everything of an outcome that may not differ: the answer, the account, the notes.
fn seen(outcome: &Outcome) -> impl PartialEq + std::fmt::Debug + use<> {
    let receipt = &outcome.receipt;
    (
        receipt.answer_sha256.clone(),
        receipt.rows,
        receipt.cost.clone(),
        receipt.notes.clone(),
    )
}

fn queries(questions: &[billfold_testkit::naive::Question]) -> Vec<ChargeQuery> {
    questions.iter().map(asked::query).collect()
}

proptest! {
    #![proptest_config(asked::cases(24))]

    // [P10]
    #[test]
    fn the_order_of_rows_does_not_show(
        (charges, shuffled) in charges(20).prop_flat_map(|c| (Just(c.clone()), Just(c).prop_shuffle())),
        questions in prop::collection::vec(sound_question(), 3),
    ) {
        let folder = Folder::new();
        let one = [asked::put(&folder, "one", &charges, &focus())];
        let other = [asked::put(&folder, "other", &shuffled, &focus())];
        for query in queries(&questions) {
            let (one, other) =
                (asked::outcome(&one, &query, Cut::NONE), asked::outcome(&other, &query, Cut::SMALL));
            prop_assert_eq!(seen(&one), seen(&other), "{:?}", query);
        }
    }

    // [P10, P11] Files keep their header; a file may have no row.
    #[test]
    fn neither_the_files_nor_their_order_show(
        charges in charges(24),
        (mut cuts, order) in (0usize..5).prop_flat_map(|n| {
            let cuts = prop::collection::vec(any::<prop::sample::Index>(), n);
            (cuts, Just((0..=n).collect::<Vec<usize>>()).prop_shuffle())
        }),
        questions in prop::collection::vec(sound_question(), 3),
    ) {
        let folder = Folder::new();
        let whole = [asked::put(&folder, "whole", &charges, &focus())];
        cuts.sort_by_key(|cut| cut.index(charges.len() + 1));
        let edges: Vec<usize> = cuts.iter().map(|cut| cut.index(charges.len() + 1)).collect();
        let starts: Vec<usize> = std::iter::once(0).chain(edges.iter().copied()).collect();
        let ends: Vec<usize> = edges.iter().copied().chain([charges.len()]).collect();
        let files: Vec<String> = order
            .iter()
            .map(|part| {
                let mut output = focus();
                let dress = ["compression=none", "compression=gzip", "line-end=crlf", "shuffle=5", "quoting=all"];
                let (option, value) = dress[*part].split_once('=').unwrap();
                output.set(option, value).unwrap();
                asked::put(&folder, &format!("part-{part}"), &charges[starts[*part]..ends[*part]], &output)
            })
            .collect();
        for query in queries(&questions) {
            let whole = asked::outcome(&whole, &query, Cut::NONE);
            let split = asked::outcome(&files, &query, Cut::SMALL);
            prop_assert_eq!(seen(&whole), seen(&split), "{:?}", query);
            prop_assert_eq!(split.receipt.sources.len(), files.len());
        }
    }

    // [P12] A chunk of one byte is a chunk of one record.
    #[test]
    fn the_size_of_chunks_does_not_show(charges in charges(16), questions in prop::collection::vec(sound_question(), 2)) {
        let folder = Folder::new();
        let files = [asked::put(&folder, "bill", &charges, &focus())];
        for query in queries(&questions) {
            let whole = seen(&asked::outcome(&files, &query, Cut::NONE));
            for chunk_bytes in [1, 7, 64, 700, 4096, 65536] {
                for threads in [1, 3] {
                    let cut = asked::outcome(&files, &query, Cut { threads, chunk_bytes });
                    prop_assert_eq!(&seen(&cut), &whole, "{} bytes", chunk_bytes);
                }
            }
        }
    }

    // [P13]
    #[test]
    fn the_number_of_threads_does_not_show(charges in charges(24), question in sound_question(), n_files in 1usize..4) {
        let folder = Folder::new();
        let per_file = charges.len().div_ceil(n_files).max(1);
        let mut parts: Vec<&[Charge]> = charges.chunks(per_file).collect();
        parts.resize(n_files, &[]);
        let files: Vec<String> = parts
            .iter()
            .enumerate()
            .map(|(i, part)| asked::put(&folder, &format!("bill-{i}"), part, &focus()))
            .collect();
        let query = asked::query(&question);
        let alone = seen(&asked::outcome(&files, &query, Cut::NONE));
        for threads in [1, 2, 3, 8, 64] {
            let together = asked::outcome(&files, &query, Cut { threads, chunk_bytes: 512 });
            prop_assert_eq!(&seen(&together), &alone, "{} threads", threads);
        }
    }

    // [P16] Of the environment, what one process can vary: where the file lies and what it is called.
    #[test]
    fn the_name_and_folder_of_a_file_do_not_show(
        charges in charges(12),
        question in sound_question(),
        name in "[a-z 云é]{1,12}",
    ) {
        let folder = Folder::new();
        let mut bytes = Vec::new();
        write_charges(&charges, &focus(), &mut bytes).unwrap();
        std::fs::create_dir_all(folder.path().join("deep er/云")).unwrap();
        let files = [
            folder.put("bill.csv", &bytes),
            folder.put("bill", &bytes),
            folder.put(&format!("deep er/云/{name}.csv"), &bytes),
            folder.put("bill.json", &bytes),
        ];
        let query = asked::query(&question);
        let hashes: Vec<String> = files
            .iter()
            .map(|file| asked::outcome(std::slice::from_ref(file), &query, Cut::NONE).receipt.answer_sha256)
            .collect();
        prop_assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{:?}", hashes);
    }
}
