//! Waits: whatever takes longer than a moment says what it is, on standard error.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use nmnc::report::COLUMNS;
use nmnc::report::text::{duration, shortened};
use nmnc::{doing, printable};

/// Silence after which a wait says what it is.
const MOMENT: Duration = Duration::from_millis(1500);
/// How often waits are looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How often the same is said where lines stay,
const AGAIN: Duration = Duration::from_secs(60);
/// and how often anything is.
const PAUSE: Duration = Duration::from_secs(10);

/// What the program does, and since when nothing was heard of it.
struct State {
    what: String,
    began: Instant,
    heard: Instant,
    /// When what was said in lines that stay, numbers left out.
    said: BTreeMap<String, Instant>,
    /// When anything was.
    spoke: Option<Instant>,
    /// The bar of a run, which says it in its own line.
    bar: Option<ProgressBar>,
    spinner: Option<ProgressBar>,
}

static STATE: Mutex<Option<State>> = Mutex::new(None);

fn state() -> MutexGuard<'static, Option<State>> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits are told until this is dropped.
pub struct Waiting {
    _listening: doing::Listening,
}

impl Waiting {
    /// Tells from now on what this thread does.
    pub fn begin() -> Self {
        *state() = Some(State::new(Instant::now()));
        let listening = doing::listen(|stack| {
            if let Some(state) = &mut *state() {
                // The command as a whole says least.
                let parts = if stack.len() > 1 { &stack[1..] } else { stack };
                state.change(parts.join(": "), Instant::now());
            }
        });
        thread::spawn(|| {
            loop {
                thread::sleep(LOOK);
                let Some(shown) = state().as_mut().map(|state| state.look(Instant::now(), terminal())) else {
                    break;
                };
                // Not under the lock: whoever writes above a bar holds the bar, and asks for the lock to say that it was heard.
                match shown {
                    Some(Shown::Bar(bar, text)) => bar.set_message(text),
                    Some(Shown::Line(line)) => drop(writeln!(std::io::stderr(), "{line}")),
                    None => {}
                }
            }
        });
        Self { _listening: listening }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        heard();
        *state() = None;
    }
}

/// Something was heard of the program: silence begins anew, and a line is free for it.
pub fn heard() {
    if let Some(state) = &mut *state() {
        state.heard = Instant::now();
        if let Some(spinner) = state.spinner.take() {
            spinner.finish_and_clear();
        }
    }
}

/// Writes a line to standard error, above the bar of a run if there is one.
pub fn tell(line: &str) {
    heard();
    let bar = state().as_ref().and_then(|state| state.bar.clone());
    let write = || drop(writeln!(std::io::stderr(), "{line}"));
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// The bar in which waits are told from now on, if there is one.
pub fn tell_in(bar: Option<ProgressBar>) {
    if let Some(state) = &mut *state() {
        state.bar = bar;
    }
}

fn terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// What is to be shown.
enum Shown {
    /// In the bar of a run.
    Bar(ProgressBar, String),
    /// As a line of its own.
    Line(String),
}

impl State {
    fn new(now: Instant) -> Self {
        Self {
            what: String::new(),
            began: now,
            heard: now,
            said: BTreeMap::new(),
            spoke: None,
            bar: None,
            spinner: None,
        }
    }

    fn change(&mut self, what: String, now: Instant) {
        if what != self.what {
            (self.what, self.began) = (what, now);
        }
    }

    /// Shows the wait in a line of its own on a terminal, or gives what is to be shown elsewhere.
    fn look(&mut self, now: Instant, terminal: bool) -> Option<Shown> {
        if self.what.is_empty() || now.duration_since(self.heard) < MOMENT {
            return None;
        }
        let seconds = now.duration_since(self.began).as_secs_f64();
        let since = if seconds < 1.0 { String::new() } else { format!(" ({})", duration(seconds.round())) };
        // The part that is being done says more than the whole.
        let room = COLUMNS - 4 - since.chars().count();
        let what = shortened(&printable::line(&self.what, printable::LONGEST), room);
        if terminal {
            if let Some(bar) = &self.bar {
                return Some(Shown::Bar(bar.clone(), shortened(&what, room / 2) + &since));
            }
            let spinner = self.spinner.get_or_insert_with(|| {
                let style = ProgressStyle::with_template("{spinner} {msg}");
                ProgressBar::new_spinner().with_style(style.expect("the template is right"))
            });
            spinner.set_message(what + &since);
            spinner.tick();
            return None;
        }
        let key: String = self.what.chars().filter(|c| !c.is_ascii_digit()).collect();
        let due = self.said.get(&key).is_none_or(|at| now.duration_since(*at) >= AGAIN)
            && self.spoke.is_none_or(|at| now.duration_since(at) >= PAUSE);
        due.then(|| {
            self.said.insert(key, now);
            self.spoke = Some(now);
            Shown::Line(format!("... {what}{since}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_after_a_moment_and_not_for_every_step() {
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let mut state = State::new(start);
        let look = |state: &mut State, seconds: f64| match state.look(at(seconds), false) {
            Some(Shown::Line(line)) => Some(line),
            Some(Shown::Bar(..)) => unreachable!("no terminal"),
            None => None,
        };
        assert_eq!(look(&mut state, 9.0), None, "nothing is being done");
        state.change("step 1 of 564: components of 4096 units".into(), at(9.0));
        state.heard = at(9.0);
        assert_eq!(look(&mut state, 10.0), None, "a moment");
        assert_eq!(
            look(&mut state, 11.0).as_deref(),
            Some("... step 1 of 564: components of 4096 units (2.0 s)")
        );
        assert_eq!(look(&mut state, 12.0), None, "said");
        // The next step says the same only a minute later.
        state.change("step 2 of 564: components of 4096 units".into(), at(15.0));
        assert_eq!(look(&mut state, 20.0), None);
        assert!(look(&mut state, 75.0).unwrap().contains("(60 s)"));
        // Phases that pass quickly are told when nothing was heard for long.
        state.change("Jacobians: example 7 of 99".into(), at(75.9));
        assert_eq!(look(&mut state, 76.0), None, "something was said a moment ago");
        state.change("Jacobians: example 8 of 99".into(), at(84.9));
        assert_eq!(look(&mut state, 85.0).as_deref(), Some("... Jacobians: example 8 of 99"));
        // Long names leave the line whole, and do what they say to no terminal.
        state.change(format!("reading {}\u{1b}[2J", "x".repeat(500)), at(85.0));
        let line = look(&mut state, 99.0).unwrap();
        assert!(line.chars().count() <= COLUMNS && !line.contains('\u{1b}'), "{line}");
    }
}
