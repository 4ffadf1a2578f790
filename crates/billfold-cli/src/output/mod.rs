//! Answers as text and files: one module per format, and the way to the target.

mod api;
pub mod arrow;
mod csv;
mod frame;
pub(crate) mod grid;
mod json;
mod ndjson;
pub mod parquet;
mod question;
#[cfg(feature = "report")]
pub(crate) mod report;
pub mod table;

#[cfg(test)]
mod testing;

use std::io::{self, Write};

use billfold_api::get_charge_sums::Shape;
use billfold_core::engine::{Answer, Receipt};
use billfold_core::{Error, Result};

use crate::args::{AnswerFormat, CsvKind};
use crate::io::Io;
use crate::sink::{NewFile, Target, Watched};
use crate::usage;

/// What is told: the answer, its receipt, and how.
pub(crate) struct Told<'a> {
    /// The answer.
    pub(crate) answer: &'a Answer,
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
    let answer = told.answer;
    let written = match format {
        AnswerFormat::Table => {
            let options = table::TableOptions {
                places: told.places,
                color: screen.color,
                width: screen.width,
            };
            table::write(answer, &options, out)
        }
        AnswerFormat::Csv => csv::write(answer, told.csv, out),
        AnswerFormat::Json => json::write(answer, told.receipt, out),
        AnswerFormat::Ndjson => ndjson::write(answer, out),
        AnswerFormat::Parquet => return parquet::write(answer, out),
        AnswerFormat::Arrow => return arrow::write(answer, out),
        AnswerFormat::Api => return api::write(answer, told.shape, out),
    };
    written.map_err(|e| cannot("the answer", &e))
}
