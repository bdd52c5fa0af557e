//! Names taken from the command line, and paths as they are shown.

use std::ffi::OsString;
use std::path::Path;

use nmnc::printable;

use crate::cli::Command;

/// A path for people: whatever its name holds, one line that a terminal does not obey.
pub fn shown(path: &Path) -> String {
    printable::line(&path.to_string_lossy(), usize::MAX)
}

/// A path for machines: as it is, but for bytes that are no text, which JSON cannot hold.
pub fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The name of a configuration file without its extension.
pub fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(|| "run".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// The command line as one could type it again.
pub fn command_line() -> String {
    typed(std::env::args_os().skip(1))
}

/// The command line that goes on with what `command` was stopped in; none where nothing is kept of it.
pub fn going_on(command: &Command) -> Option<String> {
    use Command::{Compare, Demo, Reproduce, Sweep, Train};
    if !matches!(command, Train(_) | Compare(_) | Sweep(_) | Demo(_) | Reproduce(_)) {
        return None;
    }
    let resume = matches!(command, Train(train) if !train.resume);
    let afresh = |argument: &OsString| matches!(command, Demo(_)) && argument == "--fresh";
    let arguments = std::env::args_os().skip(1).filter(|argument| !afresh(argument));
    Some(typed(arguments.chain(resume.then(|| "--resume".into()))))
}

/// The command line that makes the run of this number alone, where `--list` asked for all of them.
pub fn of_task(number: usize) -> String {
    let arguments =
        std::env::args_os().skip(1).filter(|argument| argument != "--list" && argument != "--json");
    typed(arguments.chain(["--task".into(), number.to_string().into()]))
}

fn typed(arguments: impl Iterator<Item = OsString>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    let quoted = arguments.map(|argument| {
        let text = argument.to_string_lossy().into_owned();
        if !text.is_empty() && text.chars().all(plain) {
            text
        } else {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
    });
    std::iter::once("nmnc".to_owned()).chain(quoted).collect::<Vec<_>>().join(" ")
}
