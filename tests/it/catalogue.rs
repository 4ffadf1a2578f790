//! The catalogue of faults as a whole: every id is a test, or is named here with the reason why not.

use std::collections::BTreeSet;

use crate::support::workspace;

/// Letters of the catalogue that bills of these formats can meet, and their last ids.
const LETTERS: &[(char, u32)] = &[
    ('a', 26),
    ('b', 12),
    ('c', 23),
    ('d', 20),
    ('e', 18),
    ('f', 16),
    ('g', 17),
    ('i', 12),
    ('j', 12),
    ('l', 18),
    ('m', 19),
    ('n', 17),
];

/// Ids that nothing here can meet.
const NOT_HERE: &[(&str, &str)] = &[
    (
        "a26",
        "csv-spectrum and csv-test-data are held against the CSV reader in billfold-core, ingest/csv/tests.rs",
    ),
    ("e15", "there is no store whose bits could be flipped"),
    (
        "g01",
        "without a store nothing remembers a file; one named twice in a run is i04, and bytes are not compared",
    ),
    (
        "g03",
        "rows are never told apart by an id: identical rows are legal, and no command lists them",
    ),
    (
        "g08",
        "an overwritten file leaves nothing behind that a run without a store could compare with",
    ),
    (
        "g12",
        "without a store a final month and its estimate are two deliveries: g05, g09",
    ),
    (
        "g15",
        "exports of a payer and of a member have no mark in their paths; the user names one of them",
    ),
    ("g16", "there is no store that a fixed row could be added to"),
    ("g17", "there is no store with versions of a month"),
    (
        "i10",
        "closed streams need the command as a process: billfold-cli, tests/process.rs",
    ),
    (
        "j03",
        "there is no --memory: what is in memory is chunks in flight plus groups",
    ),
    ("j04", "groups are not spilled"),
    ("j05", "groups are not spilled"),
    ("j06", "there is no store that a failed allocation could harm"),
    ("j09", "a run of ten million groups is a measurement, not a test"),
    (
        "j11",
        "time under chosen keys is a measurement; group keys are dictionary codes, not texts",
    ),
    (
        "l17",
        "a method or a form of URL that is not served never becomes a request; it is the server's to refuse",
    ),
    ("n10", "resources are not counted, so nothing could add counts up"),
    ("n17", "there is no store with versions of a month"),
];

fn source(letter: char) -> String {
    let path = workspace().join(format!("tests/it/catalogue_{letter}.rs"));
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn every_id_of_the_catalogue_is_a_test_or_has_a_reason() {
    let mut expected = BTreeSet::new();
    let mut tested = BTreeSet::new();
    for (letter, last) in LETTERS {
        expected.extend((1..=*last).map(|n| format!("{letter}{n:02}")));
        let text = source(*letter);
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("fn ")
                && name.starts_with(*letter)
                && name.get(1..3).is_some_and(|n| n.parse::<u32>().is_ok())
                && name.get(3..4) == Some("_")
            {
                tested.insert(name[..3].to_owned());
            }
        }
    }
    let excused: BTreeSet<String> = NOT_HERE.iter().map(|(id, _)| (*id).to_owned()).collect();
    assert_eq!(excused.len(), NOT_HERE.len(), "an id stands twice in NOT_HERE");
    let both: Vec<_> = tested.intersection(&excused).collect();
    assert!(both.is_empty(), "tested and excused: {both:?}");
    let covered: BTreeSet<String> = tested.union(&excused).cloned().collect();
    assert_eq!(covered, expected);
}
