//! A table that goes to the terminal and to the page.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::text::escape;
use nmnc_core::printable;

/// Characters of a cell that a terminal is shown.
pub(crate) const LONGEST_CELL: usize = 200;
/// Characters of a line that every terminal has room for.
pub const COLUMNS: usize = 80;

/// The start of a `<div>` called `name` that scrolls a table within itself, and says so where there is more than is seen.
pub(crate) fn region(name: &str) -> String {
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\">\n<p class=\"more\" aria-hidden=\"true\">more columns: scroll sideways →</p>\n",
        escape(name)
    )
}

/// Columns of each block of lines of at most `most` characters, where columns are `widths` wide and `between` apart: the first `keys`
/// columns, which name the rows, are in all of them, and at least one more.
pub(crate) fn blocks(widths: &[usize], keys: usize, between: usize, most: usize) -> Vec<Vec<usize>> {
    let keys = keys.clamp(1, widths.len().max(1));
    if widths.is_empty() {
        return Vec::new();
    }
    let first = widths[..keys].iter().sum::<usize>() + between * (keys - 1);
    let named: Vec<usize> = (0..keys).collect();
    let mut out = vec![named.clone()];
    let mut used = first;
    for (column, width) in widths.iter().enumerate().skip(keys) {
        let block = out.last_mut().expect("there is one");
        if used + between + width > most && block.len() > keys {
            out.push(named.iter().copied().chain([column]).collect());
            used = first + between + width;
        } else {
            block.push(column);
            used += between + width;
        }
    }
    out
}

/// Headings and rows; the first column names the rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Column headings.
    pub headings: Vec<&'static str>,
    /// Cells of each row.
    pub rows: Vec<Vec<String>>,
}

/// A column: its heading, and its cell of a row.
pub type Column<'a, R> = (&'static str, &'a dyn Fn(&R) -> String);

impl Table {
    /// The table of `rows` with these columns.
    pub fn of<R>(rows: impl IntoIterator<Item = R>, columns: &[Column<'_, R>]) -> Self {
        let row = |row: R| columns.iter().map(|(_, cell)| cell(&row)).collect();
        Self {
            headings: columns.iter().map(|(heading, _)| *heading).collect(),
            rows: rows.into_iter().map(row).collect(),
        }
    }

    /// This table, and below it the rows of `other`, of the same columns, that it does not have.
    pub fn joined(mut self, other: Self) -> Self {
        let more: Vec<Vec<String>> = other.rows.into_iter().filter(|row| !self.rows.contains(row)).collect();
        self.rows.extend(more);
        self
    }

    /// Leading columns that tell the rows apart, at most three; one if they do not.
    fn keys(&self) -> usize {
        let told = |count: usize| {
            let names: BTreeSet<&[String]> =
                self.rows.iter().map(|row| &row[..count.min(row.len())]).collect();
            names.len() == self.rows.len()
        };
        (1..=3).find(|count| told(*count)).unwrap_or(1)
    }

    /// As text in columns; those that a line has no room for stand below, beside the names of the rows once more.
    pub fn text(&self) -> String {
        let heading: Vec<String> = self.headings.iter().map(|h| (*h).to_owned()).collect();
        let shown = |row: &Vec<String>| -> Vec<String> {
            row.iter().map(|cell| printable::line(cell, LONGEST_CELL)).collect()
        };
        let lines: Vec<Vec<String>> = std::iter::once(&heading).chain(&self.rows).map(shown).collect();
        let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
        let width = |c: usize| lines.iter().filter_map(|l| l.get(c)).map(|text| text.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|c| width(c).unwrap_or(0)).collect();
        let mut out = String::new();
        for (at, block) in blocks(&widths, self.keys(), 2, COLUMNS).into_iter().enumerate() {
            if at > 0 {
                out.push('\n');
            }
            for line in &lines {
                let pad = |&c: &usize| {
                    let text = line.get(c).map_or("", String::as_str);
                    let space = " ".repeat(widths[c] - text.chars().count());
                    if c == 0 { format!("{text}{space}") } else { format!("{space}{text}") }
                };
                out += block.iter().map(pad).collect::<Vec<_>>().join("  ").trim_end();
                out.push('\n');
            }
        }
        out
    }

    /// The `<table>` element in a region called `name` that scrolls.
    pub fn html(&self, name: &str) -> String {
        let mut out = region(name) + "<table>\n<thead><tr>";
        for (column, heading) in self.headings.iter().enumerate() {
            let class = if column == 0 { "" } else { " class=\"number\"" };
            let _ = write!(out, "<th scope=\"col\"{class}>{}</th>", escape(heading));
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
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
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_without_room_stand_below_beside_what_names_the_rows() {
        let row = |stage: &str, d: &str| {
            [stage, d, &"x".repeat(40), &"y".repeat(40), "z"].map(str::to_owned).to_vec()
        };
        let headings = vec!["Stage", "d", "a", "b", "c"];
        let table =
            Table { headings: headings.clone(), rows: vec![row("1", "16"), row("1", "32"), row("2", "16")] };
        let text = table.text();
        let blocks: Vec<Vec<&str>> = text.split("\n\n").map(|block| block.lines().collect()).collect();
        assert_eq!(blocks.len(), 2, "{text}");
        // Stage alone does not name a row: d is there again.
        assert_eq!(blocks[1][0].split_whitespace().collect::<Vec<_>>(), ["Stage", "d", "b", "c"]);
        assert!(
            blocks[1][2].starts_with("1      32  yyy")
                && text.lines().all(|line| line.chars().count() <= COLUMNS)
        );
        // A column that is wider than a line has a block of its own, and its width.
        let wide = Table { headings: vec!["a", "b"], rows: vec![vec!["1".into(), "x".repeat(100)]] };
        assert_eq!(wide.text().lines().count(), 2);
    }
}
