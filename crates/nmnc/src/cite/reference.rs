//! References, from the BibTeX file that has them all.

/// A publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its entry in BibTeX, as it stands in the file.
    pub bibtex: &'static str,
    /// What it is cited by in BibTeX.
    pub key: &'static str,
    fields: Vec<(&'static str, &'static str)>,
}

/// Every reference. An entry begins with `@` at the beginning of a line and has one field a line.
pub fn references() -> Vec<Reference> {
    const FILE: &str = include_str!("references.bib");
    let starts: Vec<usize> = FILE.match_indices('@').map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([FILE.len()]);
    starts.iter().zip(ends).map(|(&start, end)| Reference::of(FILE[start..end].trim_end())).collect()
}

impl Reference {
    fn of(bibtex: &'static str) -> Self {
        let key = bibtex.split(['{', ',']).nth(1).unwrap_or_default();
        let field = |line: &'static str| {
            let (name, value) = line.trim().split_once(" = {")?;
            Some((name, value.strip_suffix("},")?))
        };
        Self { bibtex, key, fields: bibtex.lines().filter_map(field).collect() }
    }

    /// A field of the entry, such as `title`, as BibTeX has it.
    pub fn field(&self, name: &str) -> Option<&'static str> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| *value)
    }

    /// The reference in one line for people.
    pub fn text(&self) -> String {
        let plain = |text: &str| text.replace(['{', '}', '\\'], "").replace("--", "-");
        let value = |name: &str| self.field(name).map(plain);
        let venue = ["journal", "booktitle", "institution", "howpublished"].into_iter().find_map(value);
        let place = [venue, value("volume")].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let place = match value("pages") {
            Some(pages) => format!("{place}, {pages}"),
            None => place,
        };
        let link = match (value("doi"), value("eprint")) {
            (Some(doi), _) => Some(format!("doi:{doi}")),
            (None, Some(number)) => Some(format!("arXiv:{number}")),
            (None, None) => None,
        };
        let [authors, title, year] = ["author", "title", "year"].map(|name| value(name).unwrap_or_default());
        let stop = if title.ends_with('?') { "" } else { "." };
        let mut text = format!("{} ({year}). {title}{stop}", people(&authors));
        let rest = [Some(place).filter(|place| !place.is_empty()), link];
        rest.into_iter().flatten().for_each(|part| text += &format!(" {part}."));
        text
    }
}

/// `A. Author, B. Author and C. Author` of `Author, A. and Author, B. and Author, C.`.
fn people(authors: &str) -> String {
    let name = |author: &str| match author.split_once(", ") {
        Some((family, given)) => format!("{given} {family}"),
        None => author.to_owned(),
    };
    let mut names: Vec<String> = authors.split(" and ").map(name).collect();
    let last = names.pop().unwrap_or_default();
    if names.is_empty() { last } else { format!("{} and {last}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_entry_is_whole() {
        let all = references();
        let keys: BTreeSet<&str> = all.iter().map(|reference| reference.key).collect();
        assert_eq!(keys.len(), all.len());
        for reference in &all {
            let bibtex = reference.bibtex;
            let depth = |open: char, close: char| {
                bibtex.matches(open).count() as i64 - bibtex.matches(close).count() as i64
            };
            assert_eq!(depth('{', '}'), 0, "{bibtex}");
            // The first and the last line are those of the entry; each between is a field that was understood.
            assert_eq!(reference.fields.len() + 2, bibtex.lines().count(), "{bibtex}");
            assert!(
                ["author", "title", "year"].iter().all(|name| reference.field(name).is_some()),
                "{bibtex}"
            );
            let year = reference.field("year").unwrap();
            assert!(
                reference.key.contains(year) && (1900..2100).contains(&year.parse().unwrap()),
                "{bibtex}"
            );
            let venue = match bibtex.split('{').next().unwrap() {
                "@article" => "journal",
                "@inproceedings" | "@incollection" => "booktitle",
                "@techreport" => "institution",
                "@misc" => "year",
                other => panic!("{other}"),
            };
            assert!(reference.field(venue).is_some(), "{bibtex}");
            assert_eq!(
                reference.field("eprint").is_some(),
                reference.field("archiveprefix").is_some(),
                "{bibtex}"
            );
            let text = reference.text();
            assert!(!text.contains(['{', '}', '\\']) && text.ends_with('.'), "{text}");
        }
    }

    #[test]
    fn a_reference_is_a_line_for_people() {
        let text = |key: &str| references().into_iter().find(|r| r.key == key).unwrap().text();
        assert_eq!(
            text("kang2026credit"),
            "B. Kang, M. Richards and B. L. Sabatini (2026). Credit Assignment via Neural Manifold Noise Correlation. International \
             Conference on Machine Learning. arXiv:2601.02636."
        );
        assert_eq!(
            text("werbos1990backpropagation"),
            "P. J. Werbos (1990). Backpropagation through time: what it does and how to do it. Proceedings of the IEEE 78, 1550-1560. \
             doi:10.1109/5.58337."
        );
    }
}
