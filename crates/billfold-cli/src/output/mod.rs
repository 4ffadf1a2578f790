//! Answers as text and files: one module per format, and the way to the target.

mod api;
pub mod arrow;
pub(crate) mod budget;
mod csv;
mod frame;
pub(crate) mod grid;
mod json;
pub(crate) mod markup;
mod ndjson;
pub mod parquet;
mod question;
#[cfg(feature = "report")]
pub(crate) mod report;
pub mod table;
pub(crate) mod tags;

#[cfg(test)]
mod testing;

use std::io::{self, Write};

use billfold_api::get_charge_sums::Shape;
use billfold_core::engine::{Answer, Receipt, StoredAnswer};
use billfold_core::{Error, Result};

use crate::args::{AnswerFormat, CsvKind};
use crate::io::Io;
use crate::sink::{NewFile, Target, Watched};
use crate::usage;

/// The groups of an answer, in memory or on disk.
#[derive(Clone, Copy)]
pub(crate) enum Groups<'a> {
    /// In memory.
    Whole(&'a Answer),
    /// On disk, because they did not fit the memory given.
    Stored(&'a StoredAnswer),
}

impl<'a> Groups<'a> {
    /// Everything but the groups, which may be in it as well.
    pub(crate) fn head(self) -> &'a Answer {
        match self {
            Groups::Whole(answer) => answer,
            Groups::Stored(stored) => stored.head(),
        }
    }

    /// Hands out the groups in order, some at a time; their periods and currencies are the head's.
    pub(crate) fn each(self, each: &mut dyn FnMut(&Answer) -> Result<()>) -> Result<()> {
        match self {
            Groups::Whole(answer) => each(answer),
            Groups::Stored(stored) => stored.each_block(each),
        }
    }

    /// The answer, for formats that look at all groups before they write the first.
    ///
    /// Errors: `limit.memory` when the groups are on disk.
    pub(crate) fn whole(self, format: &str) -> Result<&'a Answer> {
        match self {
            Groups::Whole(answer) => Ok(answer),
            Groups::Stored(stored) => Err(Error::limit(
                "limit.memory",
                format!(
                    "{format} holds all groups in memory, and these {} are more than --memory allows",
                    stored.len()
                ),
            )
            .hint("write csv, ndjson, json or parquet; or keep fewer with --top or --limit, or give more with --memory")),
        }
    }
}

/// What is told: the answer, its receipt, and how.
pub(crate) struct Told<'a> {
    /// The answer.
    pub(crate) groups: Groups<'a>,
    /// Its receipt.
    pub(crate) receipt: &'a Receipt,
    /// Whether the API's question was grouped.
    pub(crate) shape: Shape,
    /// Who reads the CSV.
    pub(crate) csv: CsvKind,
    /// Decimals of a table.
    pub(crate) places: Option<u8>,
}

/// What a table may do on the way to a terminal; nothing anywhere else.
#[derive(Debug, Clone, Copy, Default)]
struct Screen {
    color: bool,
    width: Option<usize>,
}

/// Refuses to draw binary files on a terminal.
pub(crate) fn check_terminal(format: AnswerFormat, target: &Target, io: &Io<'_>) -> Result<()> {
    let binary = matches!(format, AnswerFormat::Parquet | AnswerFormat::Arrow);
    if binary && *target == Target::Stdout && io.stdout_is_terminal {
        return Err(
            usage("a terminal cannot show this format").hint("write it with --output FILE, or pipe it")
        );
    }
    Ok(())
}

/// Writes an answer to standard output, or into a file that is not in its place yet.
pub(crate) fn write(
    told: &Told<'_>,
    format: AnswerFormat,
    target: &Target,
    io: &mut Io<'_>,
) -> Result<Option<NewFile>> {
    if *target == Target::Stdout {
        let screen = Screen {
            color: io.stdout_is_terminal && !io.no_color,
            width: io.stdout_width,
        };
        let mut out = Watched::new(&mut *io.stdout);
        let written = render(told, format, screen, &mut out)
            .and_then(|()| out.flush().map_err(|e| cannot("standard output", &e)));
        // A reader that has seen enough (`| head`) is no error.
        return if out.is_broken {
            Ok(None)
        } else {
            written.map(|()| None)
        };
    }
    let mut file = NewFile::create(target)?;
    render(told, format, Screen::default(), &mut file)?;
    Ok(Some(file))
}

#[cold]
fn cannot(what: &str, e: &io::Error) -> Error {
    Error::io(format_args!("{what} cannot be written"), e)
}

fn render(told: &Told<'_>, format: AnswerFormat, screen: Screen, out: &mut (dyn Write + Send)) -> Result<()> {
    let groups = told.groups;
    match format {
        AnswerFormat::Table => {
            let options = table::TableOptions {
                places: told.places,
                color: screen.color,
                width: screen.width,
            };
            table::write(groups.whole("a table")?, &options, out).map_err(|e| cannot("the answer", &e))
        }
        AnswerFormat::Csv => csv::write(groups, told.csv, out),
        AnswerFormat::Json => json::write(groups, told.receipt, out),
        AnswerFormat::Ndjson => ndjson::write(groups, out),
        AnswerFormat::Parquet => parquet::write_groups(groups, out),
        AnswerFormat::Arrow => arrow::write(groups.whole("an Arrow file")?, out),
        AnswerFormat::Api => api::write(groups.whole("the response")?, told.shape, out),
    }
}
