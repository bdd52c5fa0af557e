//! Names taken from the command line, and paths as they are shown.

use std::path::Path;

use nmnc::printable;

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
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    let quoted = std::env::args_os().skip(1).map(|argument| {
        let text = argument.to_string_lossy().into_owned();
        if !text.is_empty() && text.chars().all(plain) {
            text
        } else {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
    });
    std::iter::once("nmnc".to_owned()).chain(quoted).collect::<Vec<_>>().join(" ")
}
