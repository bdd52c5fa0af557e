//! What every page is made of: the frame of the document, figures with legends, tables.

use std::fmt::Write as _;

use super::look::Style;
use super::plot::Panel;
use super::text::escape;

/// The end of a document.
pub const CLOSE: &str = "</main>\n</body>\n</html>\n";

/// The start of a document, up to and with `<main>`.
pub fn open(title: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{}</style>\n</head>\n\
         <body>\n<main>\n",
        escape(title),
        include_str!("style.css")
    )
}

/// An entry of a legend.
pub struct Entry {
    /// Its look.
    pub style: Style,
    /// Whether its line is a mean and has markers.
    pub mean: bool,
    /// What it is.
    pub label: String,
    /// A note behind it.
    pub note: String,
}

/// The line and marker of a style, as in the figures.
pub fn key(style: Style, mean: bool) -> String {
    let (line, marker) = if mean {
        (format!("stroke-dasharray=\"{}\"", style.dash()), style.marker(17.0, 6.0))
    } else {
        ("stroke-width=\"1.2\"".to_owned(), String::new())
    };
    format!(
        "<svg class=\"key {}\" viewBox=\"0 0 34 12\" aria-hidden=\"true\"><path class=\"line\" {line} d=\"M1 6H33\"/>\
         {marker}</svg>",
        style.class()
    )
}

/// A numbered figure; `id` counts the panels of the page.
pub fn figure(
    out: &mut String,
    number: usize,
    title: &str,
    legend: &[Entry],
    panels: &[Panel],
    caption: &str,
    id: &mut usize,
) {
    let _ = writeln!(
        out,
        "<figure>\n<h3><span class=\"ordinal\">Figure {number}</span> {}</h3>\n<ul class=\"legend\">",
        escape(title)
    );
    for entry in legend {
        let _ = writeln!(
            out,
            "<li>{} {} <span class=\"note\">{}</span></li>",
            key(entry.style, entry.mean),
            escape(&entry.label),
            escape(&entry.note)
        );
    }
    let columns = match panels.len() {
        1 => "one",
        2 | 4 => "two",
        _ => "three",
    };
    let _ = writeln!(out, "</ul>\n<div class=\"panels {columns}\">");
    for panel in panels {
        *id += 1;
        out.push_str(&panel.svg(*id));
        out.push('\n');
    }
    let _ = writeln!(out, "</div>\n<figcaption>{}</figcaption>\n</figure>", escape(caption));
}

/// What a reader should note, if there is anything.
pub fn notice(out: &mut String, notes: &[String]) {
    if notes.is_empty() {
        return;
    }
    out.push_str("<aside class=\"notice\">\n<h2>To note</h2>\n<ul>\n");
    for note in notes {
        let _ = writeln!(out, "<li>{}</li>", escape(note));
    }
    out.push_str("</ul>\n</aside>\n");
}

/// A table of numbers whose first column names the rows.
pub fn table(out: &mut String, name: &str, headings: &[&str], rows: &[Vec<String>]) {
    let _ = write!(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\">\n<table>\n<thead><tr>",
        escape(name)
    );
    for (column, heading) in headings.iter().enumerate() {
        let class = if column == 0 { "" } else { " class=\"number\"" };
        let _ = write!(out, "<th scope=\"col\"{class}>{}</th>", escape(heading));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (column, text) in row.iter().enumerate() {
            let text = escape(text);
            let _ = match column {
                0 => write!(out, "<th scope=\"row\">{text}</th>"),
                _ => write!(out, "<td class=\"number\">{text}</td>"),
            };
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
}
