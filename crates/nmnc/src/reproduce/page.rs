//! The page of an experiment.

use nmnc_report::Table;
use nmnc_report::figure::Figure;

/// What a page shows.
pub(super) struct Page<'a> {
    pub title: &'a str,
    pub verdict: &'a [String],
    /// How it was made: name and text.
    pub setup: Vec<(&'static str, String)>,
    pub notes: Vec<String>,
    pub figures: Vec<Figure>,
    pub tables: Vec<(&'static str, &'a Table, String)>,
    pub command: &'a str,
}

impl Page<'_> {
    /// One self-contained document.
    pub fn html(&self) -> String {
        let mut page = nmnc_report::Page::new(self.title)
            .sentences(self.verdict)
            .setup(self.setup.iter().cloned())
            .notices("To note", &self.notes)
            .figures("", &self.figures);
        for (name, table, note) in &self.tables {
            page = page.table(name, table, note);
        }
        page.command(self.command).html()
    }
}
