//! Mistakes on the command line, on one line like every other error.

use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::ErrorKind;
use nmnc::printable;
use nmnc::train::reference::{Kind, similar};

use crate::cli::Cli;
use crate::exit;
use crate::output::Output;

/// Prints help where it was asked for, else the mistake, and gives the exit code.
pub fn explain(error: &clap::Error) -> ExitCode {
    let asked = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if asked {
        let out = Output { quiet: false, json: false };
        let Err(error) = out.payload(&error.render().to_string()) else { return ExitCode::SUCCESS };
        out.error(&error);
        return ExitCode::from(exit::code(error.kind()));
    }
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned()).collect();
    let command = command_named(&arguments);
    let line = one_line(&error.render().to_string(), &command);
    let line = with_setting(line, &command);
    // What could not be understood as a whole may still say how to be answered.
    let given = |name: &str| arguments.iter().any(|argument| argument == name);
    let out = Output { quiet: false, json: given("--json") && !given("--quiet") };
    out.failure("usage", exit::USAGE, line.strip_prefix("error: ").unwrap_or(&line));
    ExitCode::from(exit::USAGE)
}

/// The first paragraph and the tips of a message of several paragraphs.
fn one_line(message: &str, command: &str) -> String {
    let mut paragraphs = message.split("\n\n");
    let joined = |text: &str| {
        printable::line(&text.split_whitespace().collect::<Vec<_>>().join(" "), printable::LONGEST)
    };
    let mut line = joined(paragraphs.next().unwrap_or_default());
    for tip in paragraphs.flat_map(str::lines).filter_map(|l| l.trim().strip_prefix("tip: ")) {
        line.push_str("; ");
        line.push_str(&joined(tip));
    }
    format!("{line}; see `{command} --help`")
}

/// An argument that is unknown may be a setting: then the line says how it is set. Commands that take settings have the option `--set`.
fn with_setting(line: String, command: &str) -> String {
    let Some(argument) =
        line.split_once("unexpected argument '--").and_then(|(_, rest)| rest.split('\'').next())
    else {
        return line;
    };
    let path: Vec<&str> = command.split(' ').skip(1).collect();
    let found = path.iter().try_fold(Cli::command(), |command, name| command.find_subcommand(name).cloned());
    let takes_settings =
        found.is_some_and(|command| command.get_arguments().any(|one| one.get_long() == Some("set")));
    let key = argument.split('=').next().unwrap_or_default().replace('-', "_");
    let meant = similar(Kind::Images, &key);
    // What another option looks like is that option.
    let tip = format!("; to pass '--{argument}' as a value, use '-- --{argument}'");
    match meant.first() {
        Some(meant) if takes_settings && line.contains(&tip) => {
            line.replace(&tip, &format!("; did you mean `--set {meant}=..`?"))
        }
        _ => line,
    }
}

/// The deepest command that the arguments name, whatever options stand between the names.
fn command_named(arguments: &[String]) -> String {
    let mut command = Cli::command();
    let mut name = command.get_name().to_owned();
    for argument in arguments {
        if let Some(inner) = command.find_subcommand(argument) {
            name = format!("{name} {argument}");
            command = inner.clone();
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mistake_the_tip_and_the_help_come_on_one_line() {
        let message = "error: unexpected argument '--sed' found\n\n  tip: a similar argument exists: '--seed'\n\n\
                       Usage: nmnc train <CONFIG>\n\nFor more information, try '--help'.\n";
        assert_eq!(
            one_line(message, "nmnc train"),
            "error: unexpected argument '--sed' found; a similar argument exists: '--seed'; see `nmnc train --help`"
        );
    }

    #[test]
    fn the_command_is_found_behind_options() {
        let named = |text: &str| command_named(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(named("--quiet config --json check x"), "nmnc config check");
        assert_eq!(named("--bad"), "nmnc");
    }
}
