//! A figure of a page: pictures that share a title, a legend and a caption.

use std::fmt::Write as _;

use super::look::Style;
use super::text::escape;

/// Something drawn as one `<svg>` element.
pub trait Picture {
    /// The element; its ids end in `id`, unique on the page.
    fn svg(&self, id: usize) -> String;
}

/// What captions say of means with their error; the first that a caption has.
const BANDS: [&str; 2] = ["Mean over seeds, band or bar ± s.e.m", "Mean over seeds, band ± s.e.m"];

/// How an entry of a legend is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A mean: the line with its markers.
    Mean,
    /// A line without markers.
    Line,
    /// The marker alone.
    Point,
}

/// An entry of a legend.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its look.
    pub style: Style,
    /// How it is marked.
    pub mark: Mark,
    /// What it is.
    pub label: String,
    /// A note behind it.
    pub note: String,
}

impl Entry {
    /// An entry without a note.
    pub fn new(style: Style, mark: Mark, label: impl Into<String>) -> Self {
        Self { style, mark, label: label.into(), note: String::new() }
    }
}

/// A figure.
pub struct Figure {
    /// Its title.
    pub title: String,
    /// What it shows, in a sentence.
    pub caption: String,
    /// What its marks mean.
    pub legend: Vec<Entry>,
    /// What it shows, left to right.
    pub pictures: Vec<Box<dyn Picture>>,
    /// Pictures beside each other; as their number asks for when left out.
    pub columns: Option<usize>,
}

impl Figure {
    /// A figure in as many columns as its number of pictures asks for.
    pub fn new<P: Picture + 'static>(
        title: impl Into<String>,
        caption: impl Into<String>,
        legend: Vec<Entry>,
        pictures: impl IntoIterator<Item = P>,
    ) -> Self {
        let pictures = pictures.into_iter().map(|picture| Box::new(picture) as Box<dyn Picture>).collect();
        Self { title: title.into(), caption: caption.into(), legend, pictures, columns: None }
    }

    /// The same figure, said to be of `part` of what a page is on; of all of it if that is empty.
    pub fn of(self, part: &str) -> Self {
        if part.is_empty() { self } else { Self { title: format!("{}: {part}", self.title), ..self } }
    }

    /// The same figure with at most `columns` pictures beside each other.
    pub fn in_columns(self, columns: usize) -> Self {
        Self { columns: Some(columns), ..self }
    }

    /// The `<figure>` element; `id` counts the pictures of the page.
    pub(crate) fn html(&self, number: usize, id: &mut usize) -> String {
        let mut out = format!(
            "<figure>\n<h3><span class=\"ordinal\">Figure {number}</span> {}</h3>\n",
            escape(&self.title)
        );
        if !self.legend.is_empty() {
            out.push_str("<ul class=\"legend\">\n");
            for entry in &self.legend {
                let _ = writeln!(
                    out,
                    "<li>{} {} <span class=\"note\">{}</span></li>",
                    key(entry.style, entry.mark),
                    escape(&entry.label),
                    escape(&entry.note)
                );
            }
            out.push_str("</ul>\n");
        }
        // Two columns hold two or four panels without a gap, three columns the rest.
        let columns = match (self.columns, self.pictures.len()) {
            (_, 1) | (Some(1), _) => "one",
            (None, 2 | 4) | (Some(2), _) => "two",
            _ => "three",
        };
        let _ = writeln!(out, "<div class=\"panels {columns}\">");
        for picture in &self.pictures {
            *id += 1;
            out.push_str(&picture.svg(*id));
            out.push('\n');
        }
        let caption = fitting(&self.caption, &out);
        let _ = writeln!(out, "</div>\n<figcaption>{}</figcaption>\n</figure>", escape(&caption));
        out
    }
}

/// The caption without what it says of bands where none are drawn in `svg`: with one seed there are none.
fn fitting(caption: &str, svg: &str) -> String {
    if svg.contains("class=\"band ") || svg.contains("class=\"line error\"") {
        return caption.to_owned();
    }
    BANDS.iter().fold(caption.to_owned(), |caption, words| {
        caption
            .replace(&format!("{words}.;"), "One seed, hence no bands;")
            .replace(words, "One seed, hence no bands")
    })
}

/// The line and marker of a style, as in the figures.
pub(crate) fn key(style: Style, mark: Mark) -> String {
    let line = match mark {
        Mark::Mean => format!("<path class=\"line\" stroke-dasharray=\"{}\" d=\"M1 6H33\"/>", style.dash()),
        Mark::Line => "<path class=\"line\" stroke-width=\"1.2\" d=\"M1 6H33\"/>".to_owned(),
        Mark::Point => String::new(),
    };
    let marker = if mark == Mark::Line { String::new() } else { style.marker(17.0, 6.0) };
    format!(
        "<svg class=\"key {}\" viewBox=\"0 0 34 12\" aria-hidden=\"true\">{line}{marker}</svg>",
        style.class()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_speak_of_bands_where_there_are_some() {
        let caption = "Logarithmic. Mean over seeds, band or bar ± s.e.m.; thin: the law.";
        assert_eq!(fitting(caption, "<path class=\"band c1\""), caption);
        assert_eq!(fitting(caption, "<path class=\"line error\""), caption);
        assert_eq!(
            fitting(caption, "<path class=\"line\""),
            "Logarithmic. One seed, hence no bands; thin: the law."
        );
    }
}
