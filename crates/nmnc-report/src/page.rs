//! The page that every report and analysis is shown on: what came out, how it was made, what to note, figures, tables, and the command
//! that makes it again. One self-contained document: it needs no network, and no script but for what a pointer is shown and saved. The one
//! script that a page may run is named by its hash, so that nothing that came in with names or numbers ever runs.

use std::fmt::Write as _;

use super::figure::Figure;
use super::table::Table;
use super::text::escape;

/// What a page may run, and its SHA-256 in base 64.
const SCRIPT: &str = include_str!("page.js");
const SCRIPT_HASH: &str = "EytaD34QRvmmmors55McqeSQgQmq2KFOeqH4fGyQ7YM=";

/// The attributes of the element that says what a page is on.
const ABOUT: &str = "name=\"nmnc-runs\" content=";

/// A page being put together. Parts stand in the order in which they are added; text is escaped.
#[derive(Clone, Debug)]
pub struct Page {
    title: String,
    about: Option<String>,
    header: String,
    body: String,
}

impl Page {
    /// A page with its heading.
    pub fn new(title: impl Into<String>) -> Self {
        let title = title.into();
        let header = format!("<h1>{}</h1>\n", escape(&title));
        Self { title, about: None, header, body: String::new() }
    }

    /// What the page is on, a line each, for [`about`] to read.
    pub(crate) fn about(self, things: &[String]) -> Self {
        Self { about: Some(things.join("\n")), ..self }
    }

    /// What came out: the first sentence leads, the others are a list below it.
    pub fn sentences<S: AsRef<str>>(mut self, sentences: &[S]) -> Self {
        let Some((first, rest)) = sentences.split_first() else { return self };
        let _ = writeln!(self.header, "<p class=\"lead\">{}</p>", escape(first.as_ref()));
        if !rest.is_empty() {
            self.header.push_str(&list(rest.iter().map(|text| escape(text.as_ref()))));
        }
        self
    }

    /// How it was made: name and text; entries without text are left out.
    pub fn setup<S: AsRef<str>>(mut self, entries: impl IntoIterator<Item = (S, String)>) -> Self {
        self.header.push_str(&definitions(entries));
        self
    }

    /// What a reader must know before reading any number, if there is anything.
    pub fn notices(mut self, heading: &str, notices: &[String]) -> Self {
        if !notices.is_empty() {
            let items = list(notices.iter().map(|text| escape(text)));
            let _ = writeln!(
                self.body,
                "<aside class=\"notice\">\n<h2>{}</h2>\n{items}</aside>",
                escape(heading)
            );
        }
        self
    }

    /// A section whose content is HTML.
    pub fn section(mut self, heading: &str, html: &str) -> Self {
        let _ = writeln!(self.body, "<section>\n<h2>{}</h2>\n{html}</section>", escape(heading));
        self
    }

    /// The figures, numbered from 1; `reading` says how to read all of them. Nothing without figures.
    pub fn figures(self, reading: &str, figures: &[Figure]) -> Self {
        if figures.is_empty() {
            return self;
        }
        let mut html = String::new();
        if !reading.is_empty() {
            let _ = writeln!(html, "<p class=\"reading\">{}</p>", escape(reading));
        }
        let mut id = 0;
        html.extend(figures.iter().enumerate().map(|(at, figure)| figure.html(at + 1, &mut id)));
        self.section("Figures", &html)
    }

    /// A table with a note below it; nothing without rows.
    pub fn table(self, heading: &str, table: &Table, note: &str) -> Self {
        if table.rows.is_empty() {
            return self;
        }
        let mut html = table.html(heading);
        if !note.is_empty() {
            let _ = writeln!(html, "<p class=\"small\">{}</p>", escape(note));
        }
        self.section(heading, &html)
    }

    /// The command that makes it again.
    pub fn command(self, command: &str) -> Self {
        self.section("How to reproduce", &format!("<pre tabindex=\"0\">{}</pre>\n", escape(command)))
    }

    /// The document.
    pub fn html(&self) -> String {
        let about = self
            .about
            .as_ref()
            .map_or_else(String::new, |things| format!("<meta {ABOUT}\"{}\">\n", escape(things)));
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
             script-src 'sha256-{SCRIPT_HASH}'; img-src data:\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n{about}<title>{}</title>\n<style>\n{}</style>\n</head>\n\
             <body>\n<main>\n<header>\n{}</header>\n{}</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
            escape(&self.title),
            include_str!("style.css"),
            self.header,
            self.body
        )
    }
}

/// What the page `html` is on, as it was escaped; none if it does not say.
pub(crate) fn about(html: &str) -> Option<Vec<&str>> {
    let (_, rest) = html.split_once(&format!("<meta {ABOUT}\""))?;
    Some(rest.split_once('"')?.0.split('\n').collect())
}

/// A list of items that are HTML.
pub(crate) fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: String = items.into_iter().map(|item| format!("<li>{item}</li>\n")).collect();
    format!("<ul>\n{items}</ul>\n")
}

/// Names and texts; nothing if no text is left.
pub(crate) fn definitions<S: AsRef<str>>(entries: impl IntoIterator<Item = (S, String)>) -> String {
    let entry = |(name, text): (S, String)| {
        (!text.is_empty())
            .then(|| format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name.as_ref()), escape(&text)))
    };
    let entries: String = entries.into_iter().filter_map(entry).collect();
    if entries.is_empty() { entries } else { format!("<dl class=\"setup\">\n{entries}</dl>\n") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::Digest as _;

    #[test]
    fn the_only_script_is_the_one_that_the_page_names() {
        let digest = sha2::Sha256::digest(SCRIPT.as_bytes());
        let bits: String = digest.iter().map(|byte| format!("{byte:08b}")).collect();
        let letters = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect::<Vec<_>>();
        let letter = |six: &[u8]| {
            let six = format!("{:0<6}", std::str::from_utf8(six).unwrap());
            letters[usize::from_str_radix(&six, 2).unwrap()]
        };
        let hash: String = bits.as_bytes().chunks(6).map(letter).chain(['=']).collect();
        assert_eq!(SCRIPT_HASH, hash, "put this hash where the other is");
        let html = Page::new("<script>alert(1)</script>").html();
        assert_eq!(html.matches("<script").count(), 1);
        assert!(html.contains(&format!("script-src 'sha256-{hash}'")));
        // Nothing in it ends it, asks the network, or runs text.
        for wrong in ["<", "eval", "innerHTML", "fetch", "XMLHttpRequest", "import", "http"] {
            assert!(!SCRIPT.contains(wrong), "{wrong}");
        }
    }

    #[test]
    fn parts_stand_in_their_order_and_empty_ones_are_left_out() {
        let table = Table { headings: vec!["a"], rows: vec![vec!["1 < 2".to_owned()]] };
        let html = Page::new("R & D")
            .sentences(&["It <works>.", "It is fast."])
            .setup([("Seeds", "3".to_owned()), ("Citation", String::new())])
            .notices("To note", &[])
            .figures("", &[])
            .table("Numbers", &table, "")
            .table("Others", &Table::default(), "A note.")
            .command("nmnc x")
            .html();
        let body =
            html.split_once("<main>\n").unwrap().1.replace(&format!("<script>{SCRIPT}</script>\n"), "");
        assert_eq!(
            body,
            "<header>\n<h1>R &amp; D</h1>\n<p class=\"lead\">It &lt;works&gt;.</p>\n<ul>\n<li>It is fast.</li>\n</ul>\n\
             <dl class=\"setup\">\n<div><dt>Seeds</dt><dd>3</dd></div>\n</dl>\n</header>\n\
             <section>\n<h2>Numbers</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Numbers\">\n\
             <p class=\"more\" aria-hidden=\"true\">more columns: scroll sideways →</p>\n<table>\n<thead><tr><th scope=\"col\">a</th></tr></thead>\n<tbody>\n<tr><th scope=\"row\">1 &lt; 2</th></tr>\n\
             </tbody>\n</table>\n</div>\n</section>\n\
             <section>\n<h2>How to reproduce</h2>\n<pre tabindex=\"0\">nmnc x</pre>\n</section>\n</main>\n</body>\n</html>\n"
        );
    }
}
