//! `billfold completions` and `billfold man`: the command line described for shells and for `man`.
//!
//! Both come from the description that `--help` prints, so that they cannot differ from it.

use std::io::Write as _;

use billfold_core::Result;
use billfold_core::error::Printable;
use billfold_core::ingest::formats::near_names;
use clap::CommandFactory as _;
use clap_complete::aot::{Shell, generate};
use clap_mangen::Man;

use crate::args::{Cli, CompletionsArgs, ManArgs, ShellName};
use crate::fault::Exit;
use crate::io::Io;
use crate::sink::{NewFile, Target, to_stdout};
use crate::usage;

/// Runs `billfold completions`.
pub(crate) fn completions(args: &CompletionsArgs, io: &mut Io<'_>) -> Result<Exit> {
    let shell = match args.shell {
        ShellName::Bash => Shell::Bash,
        ShellName::Zsh => Shell::Zsh,
        ShellName::Fish => Shell::Fish,
        ShellName::PowerShell => Shell::PowerShell,
    };
    let mut text = Vec::new();
    generate(shell, &mut Cli::command(), "billfold", &mut text);
    to_stdout(io, |out| out.write_all(&text)).map(|()| Exit::Done)
}

/// Runs `billfold man`.
pub(crate) fn man(args: &ManArgs, io: &mut Io<'_>) -> Result<Exit> {
    let mut root = Cli::command();
    // Gives the commands their whole names and the options of every command.
    root.build();
    let mut commands: Vec<(String, clap::Command)> = root
        .get_subcommands()
        .filter(|command| command.get_name() != "help")
        .map(|command| (command.get_name().to_owned(), command.clone()))
        .collect();
    let Some(dir) = &args.dir else {
        let command = match &args.command {
            None => root,
            Some(name) => match commands.iter().position(|(known, _)| known == name) {
                Some(at) => commands.swap_remove(at).1,
                None => {
                    let near = near_names(name, commands.iter().map(|(known, _)| known.as_str()));
                    let error = usage(format!("no command is called \"{}\"", Printable(name)));
                    return Err(if near.is_empty() {
                        error
                    } else {
                        error.hint(format!("near names: {near}"))
                    });
                }
            },
        };
        let text = page(command)?;
        return to_stdout(io, |out| out.write_all(&text)).map(|()| Exit::Done);
    };
    let mut pages = vec![("billfold.1".to_owned(), page(root)?)];
    for (name, command) in commands {
        pages.push((format!("billfold-{name}.1"), page(command)?));
    }
    let mut files = Vec::new();
    for (name, text) in pages {
        let target = Target::new(&dir.join(name).to_string_lossy(), args.force)?;
        let mut file = NewFile::create(&target)?;
        file.write_all(&text).map_err(|e| file.write_error(&e))?;
        files.push(file);
    }
    for file in files {
        file.finish()?;
    }
    Ok(Exit::Done)
}

/// A page in section 1, without a date, so that the same version writes the same bytes.
fn page(command: clap::Command) -> Result<Vec<u8>> {
    let name = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
        .to_owned();
    let mut text = Vec::new();
    Man::new(command)
        .title(name.to_uppercase())
        .render(&mut text)
        .map_err(|e| billfold_core::Error::io("a manual page cannot be written", &e))?;
    Ok(text)
}
