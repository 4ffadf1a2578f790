//! `billfold tags`: how well charges are tagged, as a table, CSV, JSON and Markdown.

use std::path::Path;
use std::sync::Arc;

use billfold_core::Result;
use billfold_core::error::Printable;
use billfold_core::tags::{TagsQuery, tags};

use crate::args::QuestionArgs;
use crate::args::money::{TagsArgs, TagsFormat};
use crate::fault::{Exit, Reporter};
use crate::io::Io;
use crate::output::tags as output;
use crate::sink::{Target, write_report};
use crate::{lookup, progress, receipt, request, source, usage};

/// Runs the command.
pub(crate) fn run(args: &TagsArgs, io: &mut Io<'_>, reporter: Reporter) -> Result<Exit> {
    let path = args.output.output.as_deref();
    let format = format_of(args.format, path)?;
    if args.csv.is_some() && format != TagsFormat::Csv {
        return Err(usage("--csv says what a CSV report looks like").hint("add --format csv"));
    }
    let target = path.map_or(Ok(Target::Stdout), |path| Target::new(path, args.output.force))?;
    let question = QuestionArgs {
        by: Vec::new(),
        timezone: args.timezone.clone(),
        week_start: "monday".to_owned(),
        fiscal_start: "january".to_owned(),
        window: args.window.clone(),
        allocate: "start".to_owned(),
        filter: args.filter.clone(),
        set: args.set.clone(),
    };
    let mut notes = Vec::new();
    let query = request::question(&question, "total", &mut notes, |_| Ok(()))?;
    let (mut options, more) = source::options(&args.source)?;
    for note in notes.iter().chain(&more) {
        reporter.warning(io, note);
    }
    options.allow_rejects = request::allow_rejects_of(args.allow_rejects.as_deref(), false)?;
    options.lookups = lookup::load(&args.lookups, query.zone, args.source.encoding.as_deref())?;
    options.aliases = lookup::aliases(&args.lookups, &[])?;
    let asked = TagsQuery {
        query,
        keys: args.key.clone(),
        top: args.top,
    };
    let watched = Arc::clone(&options.progress);
    let showing = io.stderr_is_terminal && !reporter.quiet;
    let found = progress::while_showing(showing, &watched, || tags(&args.source.paths, &asked, &options))?;
    for warning in &found.warnings {
        reporter.warning(io, warning);
    }
    for key in &found.many_values {
        reporter.warning(
            io,
            &format!("tag {key} has too many values to be compared with each other"),
        );
    }
    write_report(io, &target, |out| match format {
        TagsFormat::Table => output::write_text(&found, out),
        TagsFormat::Csv => output::write_csv(&found, args.csv.unwrap_or_default(), out),
        TagsFormat::Json => output::write_json(&found, &asked, out),
        TagsFormat::Markdown => output::write_markdown(&found, out),
    })?;
    for line in receipt::brief(&found.receipt) {
        reporter.note(io, "receipt", line);
    }
    Ok(Exit::Done)
}

/// The format asked for, or the one that the ending of the output file names.
fn format_of(asked: Option<TagsFormat>, output: Option<&str>) -> Result<TagsFormat> {
    if let Some(format) = asked {
        return Ok(format);
    }
    let ending = output
        .map(Path::new)
        .and_then(Path::extension)
        .map(|ending| ending.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        None | Some("txt") => Ok(TagsFormat::Table),
        Some("csv") => Ok(TagsFormat::Csv),
        Some("json") => Ok(TagsFormat::Json),
        Some("md" | "markdown") => Ok(TagsFormat::Markdown),
        Some(other) => Err(
            usage(format!("no format is known by the ending .{}", Printable(other)))
                .hint("add --format table, csv, json or markdown"),
        ),
    }
}
