//! What stderr says: errors with code, place and hint, warnings, rejected rows, and the exit codes.
//!
//! `error[code]: message`, then `hint: …` on a line of its own; with `--errors json` one object a line.
//! Control characters are shown, never obeyed, and one fault stays one line.

use std::any::Any;
use std::io::Write as _;

use billfold_core::error::{Diagnostic, Location, Printable};
use billfold_core::{Error, ErrorClass};
use serde::Serialize;

use crate::args::ErrorsFormat;
use crate::io::Io;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// A check did not hold.
    CheckFailed = 1,
    /// The arguments ask for what is not there.
    Usage = 2,
    /// Rows were rejected and no answer was printed.
    Rejected = 3,
    /// A file cannot be read as what it claims to be.
    File = 4,
    /// A conflict: two deliveries or currencies claim one place, or a file is there already.
    Conflict = 5,
    /// The machine refused: space, permission, a vanished file.
    Io = 6,
    /// A limit was reached.
    Limit = 7,
    /// A store is damaged.
    Store = 8,
    /// Not authenticated.
    Auth = 9,
    /// A number left the range.
    Overflow = 10,
    /// A bug of ours.
    Bug = 70,
}

/// The exit codes as `--help` lists them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
   0  done
   1  a check did not hold
   2  usage: the arguments ask for what is not there
   3  rows were rejected, no answer was printed
   4  a file cannot be read as what it claims to be
   5  conflict: two currencies or deliveries in one place, or an output file that exists
   6  input/output: space, permission, a vanished file
   7  a limit was reached
   8  a store is damaged
   9  not authenticated
  10  a number left the range
  70  a bug in billfold";

impl Exit {
    /// The code for an error, by who must act on it.
    pub fn of(class: ErrorClass) -> Exit {
        match class {
            ErrorClass::Usage => Exit::Usage,
            ErrorClass::Rejected => Exit::Rejected,
            ErrorClass::File => Exit::File,
            ErrorClass::Conflict => Exit::Conflict,
            ErrorClass::Io => Exit::Io,
            ErrorClass::Limit => Exit::Limit,
            ErrorClass::Overflow => Exit::Overflow,
            ErrorClass::Bug => Exit::Bug,
        }
    }
}

/// How stderr is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reporter {
    /// Text or JSON.
    pub(crate) errors: ErrorsFormat,
    /// Whether all but errors is left out.
    pub(crate) quiet: bool,
}

/// One line of `--errors json`.
#[derive(Serialize)]
struct Said<'a> {
    code: &'a str,
    file: Option<&'a str>,
    record: Option<u64>,
    line: Option<u64>,
    column: Option<&'a str>,
    text: Option<&'a str>,
    expected: Option<&'a str>,
    message: String,
    hint: Option<&'a str>,
}

impl<'a> Said<'a> {
    fn new(code: &'a str, message: String) -> Self {
        Said {
            code,
            file: None,
            record: None,
            line: None,
            column: None,
            text: None,
            expected: None,
            message,
            hint: None,
        }
    }

    fn at(mut self, location: &'a Location) -> Self {
        self.file = location.source.as_deref();
        self.record = location.record;
        self.line = location.line;
        self.column = location.column.as_deref();
        self
    }
}

impl Reporter {
    /// An error, with its hint.
    pub(crate) fn error(self, io: &mut Io<'_>, error: &Error) {
        let mut said = Said::new(error.kind().code(), error.to_string()).at(error.location());
        said.hint = error.hint_text();
        self.say(io, "error", &said);
    }

    /// A row that could not be read; `word` is `error` where it stops the run and `warning` where it does not.
    pub(crate) fn rejected_row(self, io: &mut Io<'_>, word: &str, diagnostic: &Diagnostic) {
        let mut said = Said::new(diagnostic.code, diagnostic.to_string()).at(&diagnostic.location);
        let shown: String = diagnostic.text.chars().take(Diagnostic::MAX_TEXT).collect();
        said.text = Some(&shown);
        said.expected = Some(&diagnostic.expected);
        self.say(io, word, &said);
    }

    /// What is odd and not wrong. Not with `--quiet`.
    pub(crate) fn warning(self, io: &mut Io<'_>, message: &str) {
        if !self.quiet {
            self.say(io, "", &Said::new("warning", message.to_owned()));
        }
    }

    /// A line about the run. Not with `--quiet`.
    pub(crate) fn note(self, io: &mut Io<'_>, code: &str, message: String) {
        if !self.quiet {
            self.say(io, "", &Said::new(code, message));
        }
    }

    /// What stderr refuses cannot be told to anyone, so failures are dropped here.
    fn say(self, io: &mut Io<'_>, word: &str, said: &Said<'_>) {
        let out = &mut io.stderr;
        match self.errors {
            ErrorsFormat::Json => {
                if let Ok(text) = serde_json::to_string(said) {
                    let _ = writeln!(out, "{text}");
                }
            }
            ErrorsFormat::Text => {
                let message = Printable(&said.message);
                let _ = match word {
                    "" => writeln!(out, "{}: {message}", said.code),
                    _ => writeln!(out, "{word}[{}]: {message}", said.code),
                };
                if let Some(hint) = said.hint {
                    let _ = writeln!(out, "hint: {}", Printable(hint));
                }
            }
        }
    }
}

/// The error for arguments that clap refused: its first paragraph, and its tip as the hint.
pub(crate) fn from_clap(refused: &clap::Error) -> Error {
    use clap::error::ErrorKind::{DisplayHelpOnMissingArgumentOrSubcommand, MissingSubcommand};
    if matches!(
        refused.kind(),
        DisplayHelpOnMissingArgumentOrSubcommand | MissingSubcommand
    ) {
        return Error::usage("no command").hint(HELP_HINT);
    }
    let text = refused.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let joined = |paragraph: &str| {
        let lines: Vec<&str> = paragraph.lines().map(str::trim).collect();
        lines.join(" ")
    };
    let mut paragraphs = text.split("\n\n").map(joined);
    let message = paragraphs.next().unwrap_or_default();
    let tip = paragraphs.find_map(|p| p.strip_prefix("tip: ").map(str::to_owned));
    Error::usage(message).hint(tip.unwrap_or_else(|| HELP_HINT.to_owned()))
}

const HELP_HINT: &str = "billfold --help lists the commands, billfold COMMAND --help their options";

/// The error for a panic that was caught.
pub(crate) fn panicked(payload: &(dyn Any + Send), place: Option<&str>) -> Error {
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let place = place.map(|p| format!(" at {p}")).unwrap_or_default();
    Error::bug(format!("a panic{place}: {message}")).hint("this is a bug in billfold; please report it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_lists_every_exit_code() {
        for exit in [
            Exit::Done,
            Exit::CheckFailed,
            Exit::Usage,
            Exit::Rejected,
            Exit::File,
            Exit::Conflict,
            Exit::Io,
            Exit::Limit,
            Exit::Store,
            Exit::Auth,
            Exit::Overflow,
            Exit::Bug,
        ] {
            let code = format!("  {} ", exit as u8);
            assert!(EXIT_CODES.contains(&code), "{exit:?}");
        }
    }

    #[test]
    fn a_panic_is_told_as_a_bug() {
        let payload: Box<dyn Any + Send> = Box::new("off by one".to_owned());
        let error = panicked(payload.as_ref(), Some("a.rs:1:2"));
        assert_eq!(error.to_string(), "a panic at a.rs:1:2: off by one");
        assert_eq!(Exit::of(error.kind().class()), Exit::Bug);
    }
}
