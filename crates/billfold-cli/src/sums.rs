//! `billfold sums`: asks the question and writes the answer, its receipt and the rejected rows.

use std::io::Write as _;
use std::sync::Arc;

use billfold_core::dataset::{self, Outcome};
use billfold_core::engine::Receipt;
use billfold_core::{Error, Result};

use crate::args::{AnswerFormat, CsvKind, SumsArgs};
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use crate::lookup;
use crate::output::{self, Groups, Told};
use crate::progress;
use crate::receipt::{self, ReceiptView};
use crate::rejects;
use crate::request::Request;
use crate::sink::{NewFile, Target, to_stdout};
use crate::source;
use crate::values;

/// Runs the command.
pub(crate) fn run(args: &SumsArgs, io: &mut Io<'_>, reporter: Reporter) -> Result<Exit> {
    let request = Request::resolve(args)?;
    output::check_terminal(request.format, &request.output, io)?;
    // Begun with the first rejected row: by then the inputs are found, and this file is none of them.
    let mut reject_file: Option<NewFile> = None;
    let mut reject_error: Option<Error> = None;
    // The canonical answer is made for its hash; as a file it is written while it is made.
    let mut answer_file: Option<NewFile> = None;
    let (mut options, notes) = source::options(&args.source)?;
    for note in notes.iter().chain(&request.notes) {
        reporter.warning(io, note);
    }
    options.allow_rejects = request.allow_rejects;
    options.memory = Some(source::memory(&args.memory, args.temp.as_deref())?);
    let encoding = args.source.encoding.as_deref();
    options.lookups = lookup::load(&args.lookups, request.query.zone, encoding)?;
    options.aliases = lookup::aliases(&args.lookups, &[])?;

    options.exchange = lookup::exchange(&args.exchange)?;

    let again = options.again();
    if let Some(target) = &request.rejects {
        let (file, error) = (&mut reject_file, &mut reject_error);
        options.on_reject = Some(Box::new(move |diagnostic| {
            let opened = match file {
                Some(file) => file,
                None => match NewFile::create(target) {
                    Ok(new) => file.insert(new),
                    Err(e) => {
                        *error = Some(e);
                        return Err(std::io::Error::other("not opened"));
                    }
                },
            };
            rejects::write(diagnostic, opened)
        }));
    }
    if request.format == AnswerFormat::Csv && request.csv == CsvKind::Raw && request.output != Target::Stdout
    {
        let (file, target) = (&mut answer_file, &request.output);
        options.on_answer = Some(Box::new(move |bytes| {
            let file = match file {
                Some(file) => file,
                None => file.insert(NewFile::create(target)?),
            };
            file.write_all(bytes).map_err(|e| file.write_error(&e))
        }));
    }
    let watched = Arc::clone(&options.progress);
    let show = io.stderr_is_terminal && !reporter.quiet;
    let outcome = progress::while_showing(show, &watched, || {
        dataset::sums(&args.source.paths, request.query.clone(), options)
    });
    let outcome = match (outcome, reject_error) {
        (Err(_), Some(error)) => return Err(error),
        (outcome, _) => outcome?,
    };
    tell_outcome(&outcome, &request, io, reporter);
    values::tell_absent(
        &request.query,
        &outcome.receipt,
        &args.source.paths,
        &again,
        io,
        reporter,
    );

    // All files are written before the first one takes its place: a run that fails leaves nothing.
    let mut files = Vec::new();
    if let Some(target) = &request.rejects {
        files.push(match reject_file {
            Some(file) => file,
            None => NewFile::create(target)?,
        });
    }
    if let Some(target) = &request.receipt {
        files.extend(write_receipt(&outcome.receipt, target, io)?);
    }
    let groups = match (&outcome.answer, &outcome.stored) {
        (Some(answer), _) => Some(Groups::Whole(answer)),
        (None, Some(stored)) => Some(Groups::Stored(stored)),
        (None, None) => None,
    };
    if let Some(file) = answer_file {
        files.push(file);
    } else if let Some(groups) = groups {
        let told = Told {
            groups,
            receipt: &outcome.receipt,
            shape: request.shape,
            csv: request.csv,
            places: request.places,
        };
        files.extend(output::write(&told, request.format, &request.output, io)?);
    }
    for file in files {
        file.finish()?;
    }
    if let Some(error) = outcome.error() {
        return Err(error);
    }
    for line in receipt::brief(&outcome.receipt) {
        reporter.note(io, "receipt", line);
    }
    Ok(Exit::Done)
}

fn tell_outcome(outcome: &Outcome, request: &Request, io: &mut Io<'_>, reporter: Reporter) {
    for warning in &outcome.warnings {
        reporter.warning(io, warning);
    }
    // With an answer, rejected rows are told only where nothing else tells them.
    let has_answer = outcome.answer.is_some() || outcome.stored.is_some();
    let word = match (has_answer, &request.rejects) {
        (false, _) => "error",
        (true, None) if !reporter.quiet => "warning",
        (true, _) => return,
    };
    for diagnostic in &outcome.rejects {
        reporter.rejected_row(io, word, diagnostic);
    }
    let shown = outcome.rejects.len() as u64;
    let all = outcome.receipt.rows.rejected;
    if shown < all {
        reporter.note(
            io,
            "note",
            format!("the first {shown} of {all} rejected rows are shown"),
        );
    }
}

/// Writes the receipt, into a file that is not in its place yet or to standard output.
fn write_receipt(receipt: &Receipt, target: &Target, io: &mut Io<'_>) -> Result<Option<NewFile>> {
    let view = ReceiptView::from(receipt);
    if *target == Target::Stdout {
        return to_stdout(io, |out| {
            serde_json::to_writer_pretty(&mut *out, &view)?;
            out.write_all(b"\n")
        })
        .map(|()| None);
    }
    let mut file = NewFile::create(target)?;
    serde_json::to_writer_pretty(&mut file, &view)
        .map_err(std::io::Error::from)
        .and_then(|()| std::io::Write::write_all(&mut file, b"\n"))
        .map_err(|e| file.write_error(&e))?;
    Ok(Some(file))
}
