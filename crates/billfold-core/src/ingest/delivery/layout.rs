//! What the folders of a path say: partitions, periods, and the marks of a delivery.

use std::sync::Arc;

/// `KEY=VALUE` folders, outermost first.
pub type Partitions = Arc<[(String, String)]>;

/// What Hive writes for no value.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// Keys of partitions that number deliveries, not charges.
const DELIVERY_KEYS: &[&str] = &[
    "run",
    "run_id",
    "runid",
    "execution_id",
    "executionid",
    "assembly_id",
    "assemblyid",
    "delivery",
    "delivery_id",
    "snapshot",
    "snapshot_date",
    "version",
    "export_time",
    "ingested_at",
    "load_date",
];

/// The `KEY=VALUE` folders of a path, percent-decoded; the last part is the file.
pub fn partitions(path: &str) -> Partitions {
    let folders = path
        .rsplit_once(['/', '\\', '!'])
        .map_or("", |(folders, _)| folders);
    folders
        .split(['/', '\\', '!'])
        .filter_map(|part| part.split_once('='))
        .filter(|(key, _)| {
            !key.is_empty()
                && key
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"_-.%".contains(&b))
        })
        .map(|(key, value)| {
            let value = if value == NO_VALUE {
                String::new()
            } else {
                decoded(value)
            };
            (decoded(key), value)
        })
        .collect()
}

/// The value of a partition; an exact key wins over one in other case.
pub(crate) fn partition<'a>(partitions: &'a [(String, String)], key: &str) -> Option<&'a str> {
    let find = |same: &dyn Fn(&str) -> bool| partitions.iter().rev().find(|(k, _)| same(k));
    find(&|k| k == key)
        .or_else(|| find(&|k| k.eq_ignore_ascii_case(key)))
        .map(|(_, value)| value.as_str())
}

fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let pair = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = pair.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte {
            Some(byte) if *first == b'%' => {
                out.push(byte);
                rest = &tail[2..];
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// A folder that marks a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// As it stands in the path.
    pub text: String,
    /// Sorts by time; None for an id that does not tell its time.
    pub order: Option<String>,
}

/// Whether folder `i` of a path marks a delivery: a time, a run's number, or an id below a period.
pub(super) fn mark(parts: &[String], i: usize) -> Option<Mark> {
    let part = parts[i].as_str();
    let found = |order| {
        Some(Mark {
            text: part.to_owned(),
            order,
        })
    };
    if let Some((key, value)) = part.split_once('=') {
        if !DELIVERY_KEYS.contains(&key.to_ascii_lowercase().as_str()) {
            return None;
        }
        return found(instant(value).or_else(|| counted(value)));
    }
    if let Some(order) = instant(part) {
        return found(Some(order));
    }
    if let Some(n) = part.strip_prefix("run-").or_else(|| part.strip_prefix("run_")) {
        return found(instant(n).or_else(|| counted(n)));
    }
    let below_period = i.checked_sub(1).is_some_and(|above| is_period(&parts[above]));
    // Below a time, as `202409101200/<id>`, an id belongs to it.
    let below_time = i
        .checked_sub(1)
        .is_some_and(|above| instant(&parts[above]).is_some());
    if (below_period || below_time) && is_id(part) {
        return found(None);
    }
    None
}

/// Digits of a number, so that they sort.
fn counted(text: &str) -> Option<String> {
    let digits = !text.is_empty() && text.len() <= 17 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| format!("{text:0>17}"))
}

/// Whether a part looks like an id that a machine made.
pub(super) fn is_id(part: &str) -> bool {
    let hex = part.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let n_digits = part.bytes().filter(|b| *b != b'-').count();
    is_uuid(part)
        || (hex && n_digits >= 16 && !part.contains('-'))
        || (n_digits >= 9 && part.bytes().all(|b| b.is_ascii_digit()))
}

pub(super) fn is_uuid(text: &str) -> bool {
    let mut groups = text.split('-');
    [8, 4, 4, 4, 12].iter().all(|len| {
        groups
            .next()
            .is_some_and(|g| g.len() == *len && g.bytes().all(|b| b.is_ascii_hexdigit()))
    }) && groups.next().is_none()
}

/// Whether a folder names a period: `20240901-20241001`, `2024-09`, `202409`, `billing_period=2024-09`.
pub(super) fn is_period(part: &str) -> bool {
    if let Some((key, _)) = part.split_once('=') {
        let key = key.to_ascii_lowercase();
        return ["billing_period", "period", "month", "invoice_month"].contains(&key.as_str());
    }
    is_range(part) || month(part).is_some_and(str::is_empty)
}

/// `20240901-20241001`.
pub(super) fn is_range(part: &str) -> bool {
    part.split_once('-').is_some_and(|(a, b)| {
        a.len() == 8 && b.len() == 8 && day(a).is_some_and(str::is_empty) && day(b).is_some_and(str::is_empty)
    })
}

/// What follows a month (`2024-09`, `202409`) at the start of a text.
pub(super) fn month(text: &str) -> Option<&str> {
    let (_, rest) = number(text, 4, 1990, 2199)?;
    let rest = rest.strip_prefix('-').unwrap_or(rest);
    number(rest, 2, 1, 12).map(|(_, rest)| rest)
}

/// What follows a day (`2024-09-01`, `20240901`) at the start of a text.
pub(super) fn day(text: &str) -> Option<&str> {
    let rest = month(text)?;
    let rest = rest.strip_prefix('-').unwrap_or(rest);
    number(rest, 2, 1, 31).map(|(_, rest)| rest)
}

fn number(text: &str, len: usize, min: u32, max: u32) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(len)?;
    let all = digits.bytes().all(|b| b.is_ascii_digit());
    let n = digits.parse().ok().filter(|n| all && (min..=max).contains(n))?;
    Some((n, rest))
}

/// Seventeen digits that sort by time, of a text that begins with a day and perhaps a time of day:
/// `20240910T084524Z`, `2024-09-10T08:45:24.123Z-3b…`, `202409100845`, `2024-09-10`.
pub(super) fn instant(text: &str) -> Option<String> {
    if is_range(text) {
        return None;
    }
    let mut rest = day(text)?;
    let date_len = text.len() - rest.len();
    let mut digits: String = text[..date_len].chars().filter(char::is_ascii_digit).collect();
    let time = rest.strip_prefix(['T', 't', '_', ' ', '-']).unwrap_or(rest);
    if let Some((_, minutes)) = number(time, 2, 0, 23)
        && let Some((_, after)) = number(minutes.strip_prefix([':', '-', '_']).unwrap_or(minutes), 2, 0, 59)
    {
        let seconds = after.strip_prefix([':', '-', '_']).unwrap_or(after);
        let end = match number(seconds, 2, 0, 60) {
            Some((_, end)) => {
                let fraction = end.strip_prefix('.').unwrap_or("");
                let n = fraction.bytes().take_while(u8::is_ascii_digit).count();
                if n > 0 { &fraction[n..] } else { end }
            }
            None => after,
        };
        // A uuid may begin with digits that look like a time; then nothing sensible follows them.
        let end = end.strip_prefix(['Z', 'z']).unwrap_or(end);
        if end.is_empty() || end.starts_with(['-', '_', '+']) {
            digits.extend(
                time[..time.len() - end.len()]
                    .chars()
                    .filter(char::is_ascii_digit),
            );
            rest = end;
        }
    }
    if !(rest.is_empty() || rest.starts_with(['-', '_', '+', 'Z'])) {
        return None;
    }
    digits.truncate(17);
    Some(format!("{digits:0<17}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_decoded_and_found_in_any_case() {
        let path = "a/BILLING_PERIOD=2024-09/t%3Dx=a%2Fb%zz/none=__HIVE_DEFAULT_PARTITION__/x=y.csv";
        let found = partitions(path);
        let value = |key| partition(&found, key);
        assert_eq!(value("billing_period"), Some("2024-09"));
        assert_eq!(value("t=x"), Some("a/b%zz"));
        assert_eq!(value("none"), Some(""));
        assert_eq!(value("x"), None, "the file itself is no folder");
    }

    #[test]
    fn times_in_paths_sort_whatever_their_shape() {
        let shapes = [
            ("2024-09-10", "20240910000000000"),
            ("20240910T084524Z", "20240910084524000"),
            ("2024-09-10T08:45:24.1234567Z", "20240910084524123"),
            (
                "2024-09-10T08:45:24.123Z-77c0ffee-0000-4000-8000-000000000003",
                "20240910084524123",
            ),
            ("202409100845", "20240910084500000"),
            ("2024-09-10_08-45", "20240910084500000"),
        ];
        for (text, expected) in shapes {
            assert_eq!(instant(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "2024-09",
            "20240901-20241001",
            "2024-13-01",
            "reports",
            "123456789012",
            "20240910x",
            "",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn marks_are_times_runs_and_ids_below_a_period() {
        let marked = |path: &str| {
            let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
            mark(&parts, parts.len() - 1).map(|m| m.order.is_some())
        };
        let uuid = "77c0ffee-0000-4000-8000-000000000003";
        assert_eq!(marked("cur/20240901-20241001/20240910T084524Z"), Some(true));
        assert_eq!(marked(&format!("cur/20240901-20241001/{uuid}")), Some(false));
        assert_eq!(
            marked(&format!("data/BILLING_PERIOD=2024-09/{uuid}")),
            Some(false)
        );
        assert_eq!(marked(&format!("x/202409100845/{uuid}")), Some(false));
        assert_eq!(marked("cur/20240901-20241001/123456789"), Some(false));
        assert_eq!(marked("x/run=12"), Some(true));
        assert_eq!(marked("x/run-2024-09-10"), Some(true));
        for path in [
            "cur/20240901-20241001",
            "accounts/123456789012",
            &format!("subscriptions/{uuid}"),
            "date=2024-09-10",
            "x/2024-09",
            "x/team=run",
        ] {
            assert_eq!(marked(path), None, "{path}");
        }
    }
}
