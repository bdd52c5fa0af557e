//! CSV files whose header is the names of a struct's fields, so that header and cells cannot part.
//!
//! What a spreadsheet might run has `'` before it ([`spreadsheet`](nmnc_core::spreadsheet)); [`text`] takes it off again, so that every text
//! reads back as it was.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use nmnc_core::spreadsheet::{harmless, is_formula};

/// A number in as few digits as tell it from every other (`1`, `0.5`), or an empty cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Number(pub Option<f64>);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self(Some(value))
    }
}

impl From<Option<f64>> for Number {
    fn from(value: Option<f64>) -> Self {
        Self(value)
    }
}

/// The file of `rows`: a header of the fields' names, and a line a row. A row is a struct, or a tuple of structs side by side.
///
/// # Panics
/// If a row is anything else, or holds maps: a mistake in the program.
pub fn csv<R: Serialize + Default>(rows: impl IntoIterator<Item = R>) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let mut any = false;
    for row in rows {
        writer.serialize(row).expect("a row is a struct of plain values");
        any = true;
    }
    if !any {
        // The header is that of any row.
        writer.serialize(R::default()).expect("a row is a struct of plain values");
    }
    let bytes = writer.into_inner().expect("memory takes every byte");
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(&*bytes);
    let mut safe = ::csv::Writer::from_writer(Vec::with_capacity(bytes.len()));
    for record in reader.records().take(if any { usize::MAX } else { 1 }) {
        let record = record.expect("what was written reads back");
        safe.write_record(record.iter().map(|cell| harmless(cell).into_owned()))
            .expect("rows are of one length");
    }
    String::from_utf8(safe.into_inner().expect("memory takes every byte")).expect("CSV of text is text")
}

/// Reads the text of a cell that [`csv`] wrote, to be named in `#[serde(deserialize_with)]`.
///
/// # Errors
/// If it is no text.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let cell = String::deserialize(deserializer)?;
    Ok(match cell.strip_prefix('\'') {
        Some(inner) if is_formula(&cell) => inner.to_owned(),
        _ => cell,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default, Serialize)]
    struct Place {
        stage: usize,
        name: &'static str,
    }

    #[derive(Default, Serialize)]
    struct Row {
        value: Number,
        sem: Number,
    }

    #[test]
    fn headers_are_fields_and_numbers_are_short() {
        let row = |stage, name, value, sem: Option<f64>| {
            (Place { stage, name }, Row { value: Number(Some(value)), sem: sem.into() })
        };
        assert_eq!(
            csv([row(1, "a", 1.0, None), row(2, "b, \"c\"", 0.1 + 0.2, Some(1e-7))]),
            "stage,name,value,sem\n1,a,1,\n2,\"b, \"\"c\"\"\",0.30000000000000004,0.0000001\n"
        );
    }

    #[test]
    fn a_file_without_rows_has_a_header() {
        assert_eq!(csv::<(Place, Row)>([]), "stage,name,value,sem\n");
    }
}
