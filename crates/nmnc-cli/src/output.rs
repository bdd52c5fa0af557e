//! What goes to standard output and standard error, by `--quiet` and `--json`.
//!
//! Standard output carries the account of what was done, standard error the warnings, the error and the progress bar. A
//! reader that goes away (`nmnc compare ... | head`) is no error, and neither it nor a full disk ends a training run: what could not be
//! printed is in the run folder. The full disk is told at the end.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{self, ErrorKind as IoKind, IsTerminal, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use nmnc::report::COLUMNS;
use nmnc::{Error, Result, printable};
use serde_json::{Value, json};

use crate::{exit, waiting};

/// Why standard output takes no more, from the first time on.
static REFUSED: Mutex<Option<io::Error>> = Mutex::new(None);

/// Whether another process of the same job speaks for this one.
static MUTE: AtomicBool = AtomicBool::new(false);

/// Says nothing more: another process does.
#[cfg_attr(
    not(feature = "mpi"),
    expect(dead_code, reason = "only processes of one job speak for each other")
)]
pub fn mute() {
    MUTE.store(true, Ordering::Relaxed);
}

/// How to speak.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Nothing but errors and results.
    pub quiet: bool,
    /// One JSON object a line.
    pub json: bool,
}

impl Output {
    /// A line of the account.
    pub fn line(&self, text: impl Display) {
        if !self.quiet && !self.json {
            write_line(&text);
        }
    }

    /// Sentences of the account, in lines that every terminal has room for.
    pub fn prose(&self, text: impl Display) {
        self.line(wrapped(&text.to_string(), COLUMNS, 2));
    }

    /// A line that even `--quiet` shows.
    pub fn result(&self, text: impl Display) {
        if !self.json {
            write_line(&text);
        }
    }

    /// An event for machines.
    pub fn event(&self, name: &str, mut fields: Value) {
        if self.json {
            let mut object = json!({ "event": name });
            if let (Some(object), Some(fields)) = (object.as_object_mut(), fields.as_object_mut()) {
                object.append(fields);
            }
            write(format!("{}\n", printable::json(&object.to_string())).as_bytes());
        }
    }

    /// A warning about the run in `place`; people are told the same one once, machines about every run.
    pub fn warning(&self, place: &str, text: &str) {
        self.event("warning", json!({ "run": place, "message": text }));
        // Runs of one comparison have much to say in common: once is enough, and their summaries have it all.
        if !self.quiet && !self.json && told_first(text) {
            let [place, text] = [place, text].map(|text| printable::line(text, printable::LONGEST));
            waiting::heard();
            complain(&format!("warning: {place}: {text}"));
        }
    }

    /// The error that ends the program.
    pub fn error(&self, error: &Error) {
        let (kind, code) = (exit::name(error.kind()), exit::code(error.kind()));
        self.failure(kind, code, &error.to_string());
    }

    /// The end of the program by a mistake of this kind.
    pub fn failure(&self, kind: &str, code: u8, message: &str) {
        self.event("error", json!({ "kind": kind, "exit_code": code, "message": message }));
        complain(&format!("error: {message}"));
    }

    /// What a command was asked to print. A file gets it as it is.
    ///
    /// # Errors
    /// Those of [`finish`].
    pub fn payload(&self, text: &str) -> Result<()> {
        match io::stdout().is_terminal() {
            true => write(printable::lines(text).as_bytes()),
            false => write(text.as_bytes()),
        }
        finish()
    }
}

/// Whether this warning was not told before.
fn told_first(text: &str) -> bool {
    static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    TOLD.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(text.to_owned())
}

/// `text` in lines of at most `most` characters, parted between words; what is longer than a line stays whole. Lines after the first of a
/// sentence begin `further` in.
pub fn wrapped(text: &str, most: usize, further: usize) -> String {
    let mut out = String::new();
    for (at, sentence) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
        }
        let mut used = 0;
        for word in sentence.split(' ') {
            let width = word.chars().count();
            if used > 0 && used + 1 + width > most {
                out.push('\n');
                out.push_str(&" ".repeat(further));
                used = further;
            } else if used > 0 {
                out.push(' ');
                used += 1;
            }
            out.push_str(word);
            used += width;
        }
    }
    out
}

/// An entry of a list: what it begins with, and beside it `text`, whose further lines stand under its first.
pub fn entry(lead: &str, text: &str) -> String {
    let indent = lead.chars().count();
    let beside = wrapped(text, COLUMNS.saturating_sub(indent), 0);
    format!("{lead}{}", beside.replace('\n', &format!("\n{}", " ".repeat(indent))))
}

/// A line on standard error, which stays one line for programs that read it and is parted between words on a terminal.
fn complain(text: &str) {
    if MUTE.load(Ordering::Relaxed) {
        return;
    }
    let shown = if io::stderr().is_terminal() { wrapped(text, COLUMNS, 2) } else { text.to_owned() };
    let _ = writeln!(io::stderr(), "{shown}");
}

/// Whether everything that was printed arrived.
///
/// # Errors
/// If standard output took no more of it, and not because its reader had seen enough.
pub fn finish() -> Result<()> {
    let refused = REFUSED.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    match refused.filter(|e| e.kind() != IoKind::BrokenPipe) {
        Some(e) => Err(Error::io(Path::new("standard output"), "write", e)),
        None => Ok(()),
    }
}

fn write_line(text: &impl Display) {
    waiting::heard();
    write(printable::lines(&format!("{text}\n")).as_bytes());
}

/// Writes, unless something was refused before: an account with holes would be worse than one that ends.
fn write(bytes: &[u8]) {
    if MUTE.load(Ordering::Relaxed) {
        return;
    }
    let mut refused = REFUSED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if refused.is_none() {
        let mut out = io::stdout().lock();
        *refused = out.write_all(bytes).and_then(|()| out.flush()).err();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_parted_between_words() {
        assert_eq!(wrapped("one two three four", 9, 2), "one two\n  three\n  four");
        assert_eq!(wrapped("a\nlonger-than-a-line b", 6, 2), "a\nlonger-than-a-line\n  b");
        assert_eq!(wrapped("", 6, 0), "");
    }

    #[test]
    fn entries_of_a_list_stand_beside_what_they_begin_with() {
        assert_eq!(entry("  fa  ", "one"), "  fa  one");
        let text =
            "feedback alignment: backprop's path through fixed random weights, as long as a line can be";
        let lines: Vec<String> = entry("  fa  ", text).lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.len() <= COLUMNS), "{lines:?}");
        assert!(lines[1].starts_with("      ") && !lines[1].starts_with("       "), "{lines:?}");
        assert_eq!(lines.iter().map(|line| line[6..].to_owned()).collect::<Vec<_>>().join(" "), text);
    }
}
