//! The page of an experiment.

use std::fmt::Write as _;

use super::table::Table;
use nmnc_report::document;
use nmnc_report::grid::{self, Figure};
use nmnc_report::text::escape;

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
        let mut out = document::open(self.title);
        let _ = writeln!(out, "<header>\n<h1>{}</h1>", escape(self.title));
        let (first, rest) = self.verdict.split_first().map_or((None, &[][..]), |(f, rest)| (Some(f), rest));
        if let Some(first) = first {
            let _ = writeln!(out, "<p class=\"lead\">{}</p>", escape(first));
        }
        if !rest.is_empty() {
            let items: String = rest.iter().map(|text| format!("<li>{}</li>\n", escape(text))).collect();
            let _ = writeln!(out, "<ul>\n{items}</ul>");
        }
        out.push_str("<dl class=\"setup\">\n");
        for (name, text) in &self.setup {
            let _ = writeln!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(text));
        }
        out.push_str("</dl>\n</header>\n");
        document::notice(&mut out, &self.notes);
        grid::write(&mut out, &self.figures);
        for (name, table, note) in &self.tables {
            let _ = writeln!(out, "<section>\n<h2>{name}</h2>");
            document::table(&mut out, name, &table.headings, &table.rows);
            let _ = writeln!(out, "<p class=\"small\">{}</p>\n</section>", escape(note));
        }
        let _ = write!(
            out,
            "<section>\n<h2>How to reproduce</h2>\n<pre tabindex=\"0\">{}</pre>\n</section>\n",
            escape(self.command)
        );
        out.push_str(document::CLOSE);
        out
    }
}
