//! The reader's words about settings, in those of people.

use crate::error::{Error, closest};

/// Turns the TOML reader's `message` about `place` into one line.
pub fn explain(message: &str, place: &str) -> Error {
    // The reader may say on a line of its own where it was; the names that it repeats may have lines, too.
    let message = message.rsplit_once("\nin `").map_or(message, |(message, _)| message);
    if let Some((given, known)) = expected_names(message, "unknown field ") {
        let error = Error::config(place, format!("unknown setting `{given}`"));
        return match known.is_empty() {
            true => error.mend("remove it: nothing can be set here"),
            false => error.suggest(&given, known),
        };
    }
    if let Some((given, known)) = expected_names(message, "unknown variant ") {
        let error = Error::config(place, format!("unknown value `{given}`"));
        return match closest(&given, &known) {
            Some(_) => error.suggest(&given, known),
            None => error.mend(format!("allowed: {}", known.join(", "))),
        };
    }
    if let Some(problem) = other_form(message) {
        return Error::config(place, problem);
    }
    let message = message.lines().next().unwrap_or_default();
    if let Some(name) = message.strip_prefix("missing field ") {
        return Error::config(place, format!("the setting {name} is missing")).mend("add it");
    }
    Error::config(place, message)
}

/// The offending name and the expected ones of serde's messages "unknown field `a`, expected one of `b`, `c`".
pub(super) fn expected_names(message: &str, start: &str) -> Option<(String, Vec<String>)> {
    let mut names = message.strip_prefix(start)?.split('`').skip(1).step_by(2).map(str::to_owned);
    Some((names.next()?, names.collect()))
}

/// What serde's messages "invalid type: string "x", expected a boolean" say: `"x" is not true or false`.
fn other_form(message: &str) -> Option<String> {
    let about = ["invalid type: ", "invalid value: "].iter().find_map(|start| message.strip_prefix(start));
    let Some((found, wanted)) = about.and_then(|about| about.rsplit_once(", expected ")) else {
        let (length, wanted) = message.strip_prefix("invalid length ")?.split_once(", expected ")?;
        return Some(format!("{} is not {}", entries(length), form(wanted)));
    };
    // A number where a name is wanted is found as this, and not shown.
    let found = if found == "unit variant" { String::new() } else { value(found) + " " };
    Some(format!("{found}is not {}", form(wanted)))
}

/// What was found, in words: `string "x"`, ``integer `3` ``, `map`.
fn value(found: &str) -> String {
    let quoted = |kind: &str| found.strip_prefix(kind).and_then(|rest| rest.strip_suffix('`'));
    let number = ["integer `", "floating point `", "boolean `", "character `"].into_iter().find_map(quoted);
    match found {
        "map" => "a table of settings".to_owned(),
        "sequence" => "a list".to_owned(),
        // Text stands in quotation marks, which is enough.
        _ => number.or(found.strip_prefix("string ")).unwrap_or(found).to_owned(),
    }
}

/// What was wanted; the names of types mean nothing to most readers.
fn form(wanted: &str) -> String {
    let starts = |all: &[&str]| all.iter().any(|start| wanted.starts_with(start));
    if starts(&["an array of length ", "a tuple of size "]) {
        return entries(wanted.rsplit(' ').next().unwrap_or_default());
    }
    if starts(&["struct ", "internally tagged enum ", "a map"]) {
        return "a table of settings".to_owned();
    }
    let words = match wanted {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of at least 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" => "text",
        "a sequence" => "a list",
        "string or map" | "string only" | "variant identifier" => "a name",
        other if other.starts_with("enum ") => "a name",
        other => other,
    };
    words.to_owned()
}

fn entries(count: &str) -> String {
    format!("a list of {count}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_and_variants_are_explained() {
        let line = |message| explain(message, "train").to_string();
        assert_eq!(
            line("unknown field `epohcs`, expected one of `epochs`, `batch`"),
            "train: unknown setting `epohcs`; did you mean `epochs`?"
        );
        assert_eq!(
            line("unknown field `epohcs`, there are no fields"),
            "train: unknown setting `epohcs`; remove it: nothing can be set here"
        );
        assert_eq!(
            line("unknown variant `q`, expected `relu` or `tanh`"),
            "train: unknown value `q`; allowed: relu, tanh"
        );
    }

    /// Against the reader itself, whose words may change.
    #[test]
    fn another_form_than_wanted_is_said_without_names_of_types() {
        #[derive(Debug, Default, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        struct Inner {
            x: i64,
        }
        #[derive(Debug, serde::Deserialize)]
        #[serde(tag = "name")]
        enum Tagged {
            One(#[expect(dead_code, reason = "it is what is refused")] Inner),
        }
        #[derive(Debug, serde::Deserialize)]
        enum Word {
            Yes,
        }
        #[derive(Debug, Default, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        struct Settings {
            count: usize,
            whole: i32,
            real: f64,
            flag: bool,
            text: String,
            list: Vec<f64>,
            pair: [f64; 2],
            inner: Inner,
            tagged: Option<Tagged>,
            word: Option<Word>,
        }
        let cases = [
            ("count = 'ten'", "count: \"ten\" is not a whole number of at least 0"),
            ("count = 1.5", "count: 1.5 is not a whole number of at least 0"),
            ("count = -1", "count: -1 is not a whole number of at least 0"),
            ("whole = true", "whole: true is not a whole number"),
            ("real = 'a, expected b'", "real: \"a, expected b\" is not a number"),
            ("flag = 'yes'", "flag: \"yes\" is not true or false"),
            ("text = [1]", "text: a list is not text"),
            ("list = { a = 1 }", "list: a table of settings is not a list"),
            ("pair = [1.0]", "pair: a list of 1 is not a list of 2"),
            ("inner = true", "inner: true is not a table of settings"),
            ("tagged = 'One'", "tagged: \"One\" is not a table of settings"),
            ("tagged = { x = 1 }", "tagged: the setting `name` is missing; add it"),
            ("word = 3", "word: is not a name"),
            ("word = 'No'", "word: unknown value `No`; allowed: Yes"),
        ];
        for (text, expected) in cases {
            let problem = crate::config_text::deserialize::<Settings>(text.parse().unwrap()).unwrap_err();
            assert_eq!(problem.to_string(), expected);
        }
    }
}
