//! `billfold formats` and `billfold dimensions`: what there is.

use std::fmt::Write as _;

use billfold_core::Result;
use billfold_core::charge::schema::{self, ColumnKind};
use billfold_core::error::Printable;
use billfold_core::ingest::formats::{Format, near_names};

use crate::args::FormatsArgs;
use crate::fault::Exit;
use crate::io::Io;
use crate::sink::to_stdout;
use crate::usage;

/// Runs `billfold formats`.
pub(crate) fn formats(args: &FormatsArgs, io: &mut Io<'_>) -> Result<Exit> {
    let known = Format::built_in()?;
    let text = match &args.name {
        None => {
            let width = known.iter().map(|f| f.name.len()).max().unwrap_or(0);
            known.iter().fold(String::new(), |mut text, format| {
                let _ = writeln!(text, "{:width$}  {}", format.name, format.title);
                text
            })
        }
        Some(name) => match format_text(name) {
            Some(text) => text.to_owned(),
            None => {
                let near = near_names(name, known.iter().map(|f| f.name.as_str()));
                let hint = if near.is_empty() {
                    "billfold formats lists them".to_owned()
                } else {
                    format!("near names: {near}")
                };
                return Err(usage(format!("no format is called \"{}\"", Printable(name))).hint(hint));
            }
        },
    };
    to_stdout(io, |out| out.write_all(text.as_bytes())).map(|()| Exit::Done)
}

fn format_text(name: &str) -> Option<&'static str> {
    Format::built_in_texts()
        .iter()
        .find(|text| Format::parse(text).is_ok_and(|format| format.name == name))
        .copied()
}

/// Runs `billfold dimensions`.
pub(crate) fn dimensions(io: &mut Io<'_>) -> Result<Exit> {
    let mut text = String::new();
    let columns = schema::COLUMNS
        .iter()
        .filter(|column| column.kind == ColumnKind::Text)
        .map(|column| (column.name, column.about));
    let special = [
        ("user_id", "the same as sub_account_id"),
        ("root_user_id", "the same as billing_account_id"),
        (
            "tag_id",
            "every tag of the row as key=value; a row counts once in each",
        ),
        ("tag:KEY", "the value of one tag"),
        ("HEADER", "any other column of the files, as spelled there"),
        ("COLUMN", "any column of a --lookup table"),
    ];
    for (name, about) in columns.chain(special) {
        let _ = writeln!(text, "{name:28}  {about}");
    }
    to_stdout(io, |out| out.write_all(text.as_bytes())).map(|()| Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_format_can_be_printed() {
        for format in Format::built_in().unwrap() {
            assert!(format_text(&format.name).is_some(), "{}", format.name);
        }
    }
}
