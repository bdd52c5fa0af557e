//! Texts in cells of CSV files. Spreadsheets take one that begins with `=`, `+`, `-`, `@`, a tab or a line break for a formula, which may do
//! anything: such a text gets `'` before it, and so does one that begins so after any number of `'`. Numbers are left as they are.

use std::borrow::Cow;

/// Whether a spreadsheet may take the text behind any `'` for a formula.
pub fn is_formula(text: &str) -> bool {
    let bare = text.trim_start_matches('\'');
    bare.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
        && text.parse::<f64>().is_err()
}

/// The text as a cell that no spreadsheet runs.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if is_formula(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// A row of a CSV file, without the end of the line.
pub fn row<S: AsRef<str>>(cells: &[S]) -> String {
    let quoted = |cell: &S| {
        let cell = harmless(cell.as_ref());
        match cell.contains([',', '"', '\n', '\r']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.into_owned(),
        }
    };
    cells.iter().map(quoted).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_read_back_and_run_nothing() {
        assert_eq!(row(&["a", "b, \"c\"", "=1+1", "-1.5", ""]), "a,\"b, \"\"c\"\"\",'=1+1,-1.5,");
    }
}
