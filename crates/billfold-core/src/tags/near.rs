//! Texts that are likely meant to be one: spellings that differ in case, in separators, or in one letter.
//!
//! The rule, which is all there is:
//! - Folded, a text is in lower case and without the separators `-`, `_`, space, `.` and `:`. Texts that fold to
//!   the same are near; what differs is told as `case`, `separators` or both.
//! - Folded texts of which the shorter has at least [`Rule::least`] characters and neither more than 64, and that differ by one letter put in,
//!   left out or replaced, are near as well (`spelling`), unless a digit is that letter: `node1` and `node2`
//!   are two things.
//! - Nearness is passed on: what is near to one text of a group belongs to the group.

use std::collections::BTreeMap;

/// Characters up to which one letter may differ; longer texts are no names.
const MOST: usize = 64;
/// Of texts that lack a letter at one place, each is compared with so many behind it in byte order: what thousands
/// share is a pattern and no slip.
const NEIGHBOURS: usize = 64;
/// Characters that separate words in keys and values.
const SEPARATORS: [char; 5] = ['-', '_', ' ', '.', ':'];

/// How texts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Characters from which on one letter may differ.
    pub least: usize,
}

impl Rule {
    /// For tag keys.
    pub const KEYS: Rule = Rule { least: 5 };
    /// For values, of which short ones are codes.
    pub const VALUES: Rule = Rule { least: 8 };
}

/// Texts that are likely one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    /// The spellings with their charges, most charges first, then in byte order. The first is the one to keep.
    pub spellings: Vec<(String, u64)>,
    /// Whether spellings differ in case, separators, and letters.
    pub differs: Differs,
}

/// In what spellings differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Differs {
    /// In upper and lower case.
    pub case: bool,
    /// In separators.
    pub separators: bool,
    /// In a letter.
    pub spelling: bool,
}

impl Differs {
    /// The words for it.
    pub fn words(self) -> Vec<&'static str> {
        let all = [
            (self.case, "case"),
            (self.separators, "separators"),
            (self.spelling, "spelling"),
        ];
        all.into_iter()
            .filter(|(differs, _)| *differs)
            .map(|(_, word)| word)
            .collect()
    }
}

/// Groups of texts that are near, by their first spelling. Each text comes with its charges and stands once.
pub fn near(texts: &[(&str, u64)], rule: Rule) -> Vec<Near> {
    let mut folded: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (nth, (text, _)) in texts.iter().enumerate() {
        let fold = without_separators(&text.to_lowercase());
        // A text of nothing but separators is its own business.
        if !fold.is_empty() {
            folded.entry(fold).or_default().push(nth);
        }
    }
    let folds: Vec<(&String, &Vec<usize>)> = folded.iter().collect();
    let mut group_of: Vec<usize> = (0..folds.len()).collect();
    let mut joined = vec![false; folds.len()];
    for (a, b) in one_letter_apart(&folds, rule) {
        let (a_root, b_root) = (root(&group_of, a), root(&group_of, b));
        let (low, high) = (a_root.min(b_root), a_root.max(b_root));
        group_of[high] = low;
        joined[a] = true;
        joined[b] = true;
    }
    let mut groups: BTreeMap<usize, (Vec<usize>, bool)> = BTreeMap::new();
    for (nth, (_, members)) in folds.iter().enumerate() {
        let (all, spelling) = groups.entry(root(&group_of, nth)).or_default();
        all.extend(members.iter());
        *spelling |= joined[nth];
    }
    let mut found: Vec<Near> = groups
        .into_values()
        .filter(|(members, _)| members.len() > 1)
        .map(|(members, spelling)| {
            let mut spellings: Vec<(String, u64)> = members
                .iter()
                .map(|nth| (texts[*nth].0.to_owned(), texts[*nth].1))
                .collect();
            spellings.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            Near {
                differs: Differs {
                    spelling,
                    ..differs(&spellings)
                },
                spellings,
            }
        })
        .collect();
    found.sort_by(|a, b| a.spellings.cmp(&b.spellings));
    found
}

fn root(group_of: &[usize], mut at: usize) -> usize {
    while group_of[at] != at {
        at = group_of[at];
    }
    at
}

fn without_separators(text: &str) -> String {
    text.chars().filter(|c| !SEPARATORS.contains(c)).collect()
}

/// Whether spellings of one fold differ in case, and in separators.
fn differs(spellings: &[(String, u64)]) -> Differs {
    let mut by_fold: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (text, _) in spellings {
        let fold = without_separators(&text.to_lowercase());
        by_fold.entry(fold).or_default().push(text);
    }
    let mut differs = Differs::default();
    for texts in by_fold.values() {
        for pair in texts.windows(2) {
            let [a, b] = pair else { continue };
            differs.case |= without_separators(a) != without_separators(b);
            differs.separators |= a.to_lowercase() != b.to_lowercase();
        }
    }
    differs
}

/// Pairs of folds that differ by one letter.
///
/// Folds with one character left out are compared, so that the work grows with the length of the texts and not with
/// the square of their number.
fn one_letter_apart(folds: &[(&String, &Vec<usize>)], rule: Rule) -> Vec<(usize, usize)> {
    let chars: Vec<Vec<char>> = folds.iter().map(|(fold, _)| fold.chars().collect()).collect();
    let mut shorter: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let is_long = |nth: usize| chars[nth].len() >= rule.least;
    for (nth, text) in chars.iter().enumerate() {
        if text.len() < rule.least || text.len() > MOST {
            continue;
        }
        shorter.entry(folds[nth].0.clone()).or_default().push(nth);
        for at in 0..text.len() {
            let left = text[..at].iter().chain(&text[at + 1..]).collect();
            let known: &mut Vec<usize> = shorter.entry(left).or_default();
            if known.last() != Some(&nth) {
                known.push(nth);
            }
        }
    }
    let mut pairs = Vec::new();
    for same in shorter.values() {
        for (i, a) in same.iter().enumerate() {
            for b in same[i + 1..].iter().take(NEIGHBOURS) {
                if is_long(*a) && is_long(*b) && is_one_letter(&chars[*a], &chars[*b]) {
                    pairs.push((*a, *b));
                }
            }
        }
    }
    pairs
}

/// Whether two texts differ by one letter that is no digit.
fn is_one_letter(a: &[char], b: &[char]) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let before = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    let (short_rest, long_rest) = (&short[before..], &long[before..]);
    let is_letter = |c: Option<&char>| c.is_some_and(|c| !c.is_numeric());
    match long_rest.len() - short_rest.len() {
        0 => {
            short_rest.get(1..).is_some_and(|rest| rest == &long_rest[1..])
                && is_letter(short_rest.first())
                && is_letter(long_rest.first())
        }
        1 => short_rest == &long_rest[1..] && is_letter(long_rest.first()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(texts: &[&str], rule: Rule, expected: &[&str]) {
        let counted: Vec<(&str, u64)> = texts.iter().map(|text| (*text, 1)).collect();
        let shown: Vec<String> = near(&counted, rule)
            .iter()
            .map(|near| {
                let texts: Vec<&str> = near.spellings.iter().map(|(text, _)| text.as_str()).collect();
                format!("{} {}", texts.join("|"), near.differs.words().join("+"))
            })
            .collect();
        assert_eq!(shown, expected);
        let backwards: Vec<(&str, u64)> = counted.iter().rev().copied().collect();
        assert_eq!(near(&counted, rule), near(&backwards, rule));
    }

    #[test]
    fn case_separators_and_one_letter_make_texts_near() {
        check(&["team", "Team", "env"], Rule::KEYS, &["Team|team case"]);
        check(
            &["cost-center", "CostCenter", "cost center", "cost.centre"],
            Rule::KEYS,
            &["CostCenter|cost center|cost-center case+separators"],
        );
        check(
            &["owner", "owners", "onwer"],
            Rule::KEYS,
            &["owner|owners spelling"],
        );
        check(&["colour", "color"], Rule::KEYS, &["color|colour spelling"]);
        check(&["a:b", "a_b"], Rule::VALUES, &["a:b|a_b separators"]);
        check(
            &["production", "prodution", "Production"],
            Rule::VALUES,
            &["Production|production|prodution case+spelling"],
        );
    }

    #[test]
    fn short_texts_digits_and_separators_alone_are_not_near() {
        check(&["env", "eng", "a", "b"], Rule::KEYS, &[]);
        check(&["node1", "node2", "node-10", "node-11"], Rule::KEYS, &[]);
        check(&["prod-a", "prod-b"], Rule::VALUES, &[]);
        check(&["-", "_", "", "..."], Rule::KEYS, &[]);
        check(&["release1", "release"], Rule::VALUES, &[]);
    }

    #[test]
    fn the_most_used_spelling_comes_first() {
        let found = near(&[("Team", 3), ("team", 7), ("TEAM", 7)], Rule::KEYS);
        let first: Vec<&str> = found[0].spellings.iter().map(|(t, _)| t.as_str()).collect();
        assert_eq!(first, ["TEAM", "team", "Team"]);
    }
}
