//! Deliveries: which of the files that lie in a folder count.
//!
//! A provider sends a month again and again, each time whole, so a folder of deliveries holds the same
//! charges many times over; rows are never compared to find out. What supersedes what is said by a
//! manifest (`select`), or, where there is none, by the user (`overlap`). Files that belong to a table
//! format are refused (`table`), because its log and not its folder says which of them count.
//! `docs/deliveries.md` describes the layouts that are known.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use crate::error::{Error, Printable};
use crate::ingest::source::{NotRead, Place, Source};

mod layout;
mod manifest;
mod overlap;
mod select;
mod table;

pub(crate) use layout::partition;
pub use layout::{Partitions, partitions};
pub use overlap::settle;
pub use select::select;
pub(crate) use table::{refuse_table, refuse_table_around, refuse_table_within};

/// What to do with several deliveries of one month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// Read what a manifest names; refuse where nothing says which delivery counts.
    #[default]
    Sure,
    /// Read the newest complete delivery, by manifest or by the times in the paths.
    Newest,
    /// Read every file.
    All,
}

impl FromStr for Delivery {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        match word {
            "newest" => Ok(Delivery::Newest),
            "all" => Ok(Delivery::All),
            _ => Err(
                Error::usage(format!("\"{}\" is no choice of deliveries", Printable(word)))
                    .hint("newest or all; without it several deliveries of a month are refused"),
            ),
        }
    }
}

/// One line per reason: how many files were left out, and the first of them.
pub fn told(left_out: &[NotRead]) -> Vec<String> {
    let mut by_reason: BTreeMap<&str, (usize, &NotRead)> = BTreeMap::new();
    for file in left_out {
        by_reason.entry(&file.why).or_insert((0, file)).0 += 1;
    }
    by_reason
        .into_iter()
        .map(|(why, (n, first))| {
            let name = Printable(&first.source);
            match n {
                1 => format!("{name}: not read, {why}"),
                n => format!("{name} and {} more: not read, {why}", n - 1),
            }
        })
        .collect()
}

/// What a user can do about several deliveries.
const CHOICE: &str = "--delivery newest reads the newest of each month, --delivery all reads every file";

fn conflict(message: String) -> Error {
    Error::new(crate::error::ErrorKind::Conflict(message)).hint(CHOICE)
}

/// The folders and the name of a source, as parts; the members of an archive lie below it.
fn parts(source: &Source) -> Vec<String> {
    // The folder that one stands in may be the one that names the delivery.
    let whole = match &source.place {
        Place::Path(path) => absolute(path),
        Place::Member(member) => format!("{}!{}", absolute(&member.archive), member.name),
        Place::Stdin => source.name.to_string(),
    };
    whole
        .split(['/', '\\', '!'])
        .filter(|part| !part.is_empty() && *part != ".")
        .map(str::to_owned)
        .collect()
}

fn absolute(path: &Path) -> String {
    let absolute = std::path::absolute(path);
    absolute.as_deref().unwrap_or(path).to_string_lossy().into_owned()
}
