//! A table that goes to the terminal and to the page.

/// Headings and rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Column headings.
    pub headings: Vec<&'static str>,
    /// Cells of each row.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// As text in columns.
    pub fn text(&self) -> String {
        let heading: Vec<String> = self.headings.iter().map(|h| (*h).to_owned()).collect();
        let lines: Vec<&Vec<String>> = std::iter::once(&heading).chain(&self.rows).collect();
        let width = |c: usize| lines.iter().map(|l| l[c].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..heading.len()).map(width).collect();
        let mut out = String::new();
        for line in &lines {
            let pad = |(c, text): (usize, &String)| {
                let space = " ".repeat(widths[c] - text.chars().count());
                if c == 0 { format!("{text}{space}") } else { format!("{space}{text}") }
            };
            out += line.iter().enumerate().map(pad).collect::<Vec<_>>().join("  ").trim_end();
            out.push('\n');
        }
        out
    }
}
