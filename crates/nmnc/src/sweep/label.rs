//! Names of run folders, which say what differs.

use std::collections::BTreeSet;

use nmnc_core::seed::Seed;
use toml::Value;

use super::file::POINT;
use super::{Point, shown};

/// Letters of a value that a name holds.
const VALUE: usize = 32;
/// Letters of a name; file systems have 255, and a run adds to them.
const NAME: usize = 200;

/// How runs are called.
pub(super) struct Labels {
    /// The shortest end of each setting's key that no other has; nothing for settings that go together, whose name says enough.
    keys: Vec<String>,
    /// Of each setting, the values that are told by their place among all: those whose text says too little.
    numbered: Vec<Vec<Value>>,
}

impl Labels {
    /// For these settings with the values that `points` have of them.
    pub fn new(settings: &[String], points: &[Point]) -> Self {
        let named = |key: &String| if key == POINT { String::new() } else { shortest(key, settings) };
        let keys = settings.iter().map(named).collect();
        let numbered = (0..settings.len()).map(|at| {
            let mut seen = BTreeSet::new();
            let known = |value: &&Value| seen.insert(value.to_string());
            let values: Vec<Value> =
                points.iter().map(|point| &point.values[at]).filter(known).cloned().collect();
            let texts: BTreeSet<String> = values.iter().map(word).collect();
            let short = values.iter().all(|value| !value.is_table() && word(value).len() <= VALUE);
            let told = texts.len() == values.len() && short;
            if told { Vec::new() } else { values }
        });
        Self { keys, numbered: numbered.collect() }
    }

    /// The name of the run of `seed` at the point of this number: `learning_rate=0.01-rule=bp-seed0`. Keys have no hyphens, and tables want no
    /// commas.
    pub fn name(&self, number: usize, point: &Point, seed: Seed) -> String {
        let draw = point.draw.map(|draw| format!("draw={draw}"));
        let settings = self.keys.iter().zip(&self.numbered).zip(&point.values).map(|((key, all), value)| {
            match all.iter().position(|known| known == value) {
                Some(at) => format!("{key}=value{}", at + 1),
                None if key.is_empty() => word(value),
                None => format!("{key}={}", word(value)),
            }
        });
        let name = draw.into_iter().chain(settings).collect::<Vec<_>>().join("-");
        match name.len() {
            0..=NAME => format!("{name}-seed{}", seed.0),
            _ => format!("point{}-seed{}", number + 1, seed.0),
        }
    }
}

/// The shortest end of `key`, by whole parts, that is the end of no other of `all`.
fn shortest(key: &str, all: &[String]) -> String {
    let parts: Vec<&str> = key.split('.').collect();
    let ends = (0..parts.len()).rev().map(|from| parts[from..].join("."));
    let alone = |end: &String| {
        let ends_so = |other: &&String| *other == end || other.ends_with(&format!(".{end}"));
        all.iter().filter(ends_so).count() == 1
    };
    ends.into_iter().find(alone).unwrap_or_else(|| key.to_owned())
}

/// A value in letters that every file system and shell takes as they are.
fn word(value: &Value) -> String {
    let text = match value {
        Value::Float(number) => {
            let (plain, scientific) = (number.to_string(), format!("{number:e}"));
            if scientific.len() < plain.len() { scientific } else { plain }
        }
        Value::Array(values) => values.iter().map(word).collect::<Vec<_>>().join("-"),
        other => shown(other),
    };
    text.chars().map(|c| if c.is_ascii_alphanumeric() || "._+-".contains(c) { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(points: &[&[(&str, &str)]]) -> Vec<String> {
        let settings: Vec<String> = points[0].iter().map(|(key, _)| (*key).to_owned()).collect();
        let value = |text: &str| format!("v = {text}").parse::<toml::Table>().unwrap().remove("v").unwrap();
        let points: Vec<Point> = points
            .iter()
            .map(|point| Point { draw: None, values: point.iter().map(|(_, text)| value(text)).collect() })
            .collect();
        let labels = Labels::new(&settings, &points);
        points.iter().enumerate().map(|(n, point)| labels.name(n, point, Seed(3))).collect()
    }

    #[test]
    fn keys_are_as_short_as_they_may_be_and_values_as_they_are() {
        let point = |rate, widths| {
            [
                ("train.optimizer.learning_rate", rate),
                ("credit.nmnc.probes", "1"),
                ("credit.vnc.probes", "2"),
                ("network.widths", widths),
            ]
        };
        assert_eq!(
            names(&[&point("1e-5", "[4, 8]"), &point("0.5", "[16]")]),
            [
                "learning_rate=1e-5-nmnc.probes=1-vnc.probes=2-widths=4-8-seed3",
                "learning_rate=0.5-nmnc.probes=1-vnc.probes=2-widths=16-seed3",
            ]
        );
    }

    #[test]
    fn values_that_no_name_can_hold_are_numbered() {
        let table = |n: usize| format!("{{ dimension = {n}, refresh = 3, samples = 2000000000 }}");
        let (one, two) = (table(1), table(2));
        assert_eq!(
            names(&[&[("a", "{ b = 1 }")], &[("a", "{ b = 2 }")]]),
            ["a=value1-seed3", "a=value2-seed3"]
        );
        let found = names(&[&[("a.b", one.as_str())], &[("a.b", two.as_str())]]);
        assert_eq!(found, ["b=value1-seed3", "b=value2-seed3"]);
        // Different texts that come to the same letters.
        assert_eq!(names(&[&[("a", "'x y'")], &[("a", "'x/y'")]]), ["a=value1-seed3", "a=value2-seed3"]);
        let long = format!("'{}'", "x".repeat(30));
        let many: Vec<(String, &str)> = (0..9).map(|n| (format!("key{n}"), long.as_str())).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        assert_eq!(names(&[&many]), ["point1-seed3"]);
    }
}
