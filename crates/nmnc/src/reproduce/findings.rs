//! What an experiment found, and the files that say so.

use serde_json::{Map, Value};

use nmnc_report::figure::Figure;
use nmnc_report::{Page, Table};

/// What came out, ready to be shown.
pub(super) struct Findings {
    /// Title of the page.
    pub title: &'static str,
    /// What the numbers show, and where they do not, in sentences made from them; the first one leads.
    pub sentences: Vec<String>,
    /// How it was made: name and text.
    pub setup: Vec<(&'static str, String)>,
    /// What a reader should know before reading any number.
    pub notices: Vec<String>,
    pub figures: Vec<Figure>,
    /// Heading, table, and how to read it. On the terminal, tables of the same columns that follow each other are one.
    pub tables: Vec<(&'static str, Table, &'static str)>,
    /// Entries of the JSON file: how it was measured.
    pub settings: Vec<(&'static str, Value)>,
    /// Entries of the JSON file: what was found.
    pub results: Vec<(&'static str, Value)>,
    /// CSV files: name and text.
    pub csv: Vec<(&'static str, String)>,
}

/// What comes out of an experiment.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What it shows, and where it does not, in sentences made from the numbers.
    pub verdict: Vec<String>,
    /// The tables for the terminal.
    pub tables: Vec<Table>,
    /// Files to write: name and content.
    pub files: Vec<(String, String)>,
    /// Names of the runs that diverged.
    pub diverged: Vec<String>,
}

impl Findings {
    /// The files of the experiment called `name`, which `command` made: page, JSON and CSV.
    pub fn outcome(self, name: &str, command: &str) -> Outcome {
        let version = env!("CARGO_PKG_VERSION");
        let mut page = Page::new(self.title)
            .sentences(&self.sentences)
            .setup(self.setup.into_iter().chain([("Version", format!("nmnc {version}"))]))
            .notices("To note", &self.notices)
            .figures("", &self.figures);
        for (heading, table, note) in &self.tables {
            page = page.table(heading, table, note);
        }
        let entries = [("version", version.into()), ("command", command.into())]
            .into_iter()
            .chain(self.settings)
            .chain([("verdict", self.sentences.clone().into())])
            .chain(self.results);
        let json: Map<String, Value> = entries.map(|(key, value)| (key.to_owned(), value)).collect();
        let json = serde_json::to_string_pretty(&json).expect("numbers are representable in JSON") + "\n";
        let mut files =
            vec![("report.html".to_owned(), page.command(command).html()), (format!("{name}.json"), json)];
        files.extend(self.csv.into_iter().map(|(name, text)| (name.to_owned(), text)));
        let mut tables: Vec<Table> = Vec::new();
        for (_, table, _) in self.tables {
            match tables.pop() {
                Some(last) if last.headings == table.headings => tables.push(last.joined(table)),
                last => tables.extend(last.into_iter().chain([table])),
            }
        }
        Outcome { verdict: self.sentences, tables, files, diverged: Vec::new() }
    }
}
