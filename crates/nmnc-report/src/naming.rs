//! What settings of one rule are called: by what tells them apart.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::text::shortened;

/// Characters of a name or a value that a label shows.
pub const LONGEST: usize = 60;
/// Entries of a name; more are shown as the folders are called, where those tell the settings apart.
const MOST: usize = 3;
/// What stands for an entry that a configuration does not have.
const UNSET: &str = "unset";

/// The entries of a configuration, by dotted key.
pub type Entries = BTreeMap<String, String>;

/// Keys of a smallest set found (one after the other, the one that tells most apart first) whose values tell all of `siblings` apart.
/// Of keys that tell as much apart, those of the rule come first, then the shorter.
pub fn distinguishing<'e>(siblings: &[&'e Entries]) -> Vec<&'e str> {
    let keys: BTreeSet<&str> = siblings.iter().flat_map(|e| e.keys().map(String::as_str)).collect();
    let mut left: Vec<&str> =
        keys.into_iter().filter(|k| siblings.iter().any(|e| e.get(*k) != siblings[0].get(*k))).collect();
    let preferred = |key: &&str| (!key.starts_with("credit."), key.len());
    left.sort_by_key(preferred);
    let told = |chosen: &[&str]| {
        let values = |e: &&Entries| chosen.iter().map(|k| e.get(*k).cloned()).collect::<Vec<_>>();
        siblings.iter().map(values).collect::<BTreeSet<_>>().len()
    };
    let all = told(&left);
    let mut chosen: Vec<&str> = Vec::new();
    while told(&chosen) < all {
        let with = |key: &str| told(&[&chosen[..], &[key]].concat());
        // The first of the best.
        let best = (0..left.len()).rev().max_by_key(|at| with(left[*at])).expect("all of them tell all");
        chosen.push(left.remove(best));
    }
    // What a later key tells as well is not needed.
    for at in (0..chosen.len()).rev() {
        let mut others = chosen.clone();
        others.remove(at);
        if told(&others) == all {
            chosen = others;
        }
    }
    chosen.sort_by_key(preferred);
    chosen
}

/// The values of `keys`.
pub fn values(entries: &Entries, keys: &[&str]) -> Vec<(String, String)> {
    let value = |key: &&str| entries.get(*key).map_or(UNSET, String::as_str).to_owned();
    keys.iter().map(|key| ((*key).to_owned(), value(key))).collect()
}

/// "NMNC (dimension 8, refresh 100)"; as `stem`, if there is one, more settings than a name holds, and all where one of the `siblings` has not
/// all of them: what is lacking says little. Of a stem that begins with the name of the rule, `preset`, the rest: "NMNC (budget)" of
/// `nmnc-budget`.
pub fn label(
    (rule, preset): (&str, &str),
    values: &[(String, String)],
    stem: Option<&str>,
    siblings: &[&Entries],
) -> String {
    let last = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
    let name = |key: &str| match values.iter().filter(|(other, _)| last(other) == last(key)).count() {
        1 => last(key),
        _ => key.to_owned(),
    };
    let part = |(key, value): &(String, String)| {
        format!("{} {}", shortened(&name(key), LONGEST), shortened(value, LONGEST))
    };
    let lacks = |key: &str| siblings.iter().any(|entries| !entries.contains_key(key));
    match (values, stem) {
        ([], _) => rule.to_owned(),
        (many, Some(stem)) if many.len() > MOST || many.iter().any(|(key, _)| lacks(key)) => {
            let rest = stem.strip_prefix(preset).and_then(|rest| match rest {
                "" => Some(rest),
                rest => rest.strip_prefix('-'),
            });
            match rest {
                Some("") => rule.to_owned(),
                rest => format!("{rule} ({})", rest.unwrap_or(stem)),
            }
        }
        _ => format!("{rule} ({})", values.iter().map(part).collect::<Vec<_>>().join(", ")),
    }
}

/// The order of values: what is unset, then numbers by their size, and such as "32-64-128" by that of the first, then words.
pub fn order(a: &str, b: &str) -> Ordering {
    let first = |text: &str| {
        let numbers: Option<Vec<f64>> = text.split('-').map(number).collect();
        numbers.and_then(|numbers| numbers.first().copied())
    };
    let place = |text: &str| match number(text).or_else(|| first(text)) {
        Some(number) => (1, number),
        None => (if text == UNSET { 0 } else { 2 }, 0.0),
    };
    let ((first, one), (second, other)) = (place(a), place(b));
    first.cmp(&second).then(one.total_cmp(&other)).then_with(|| a.cmp(b))
}

/// A setting as a number, if it is one.
pub fn number(text: &str) -> Option<f64> {
    text.replace('_', "").parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_an_order() {
        let mut values = ["wide", "16-32", "1e-3", "9", "8-16", "-2", "8-4", UNSET, "a-b"];
        values.sort_by(|a, b| order(a, b));
        assert_eq!(values, [UNSET, "-2", "1e-3", "8-16", "8-4", "9", "16-32", "a-b", "wide"]);
    }

    #[test]
    fn what_is_lacking_is_told_by_the_name_of_the_folder() {
        let values = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let nmnc = ("NMNC", "nmnc");
        let entries: [Entries; 2] =
            [BTreeMap::from([("credit.eta".to_owned(), "0.2".to_owned())]), BTreeMap::new()];
        let both = [&entries[0], &entries[1]];
        let (there, lacking) = (values(&[("credit.eta", "0.2")]), values(&[("credit.eta", UNSET)]));
        assert_eq!(label(nmnc, &there, Some("nmnc-budget"), &both[..1]), "NMNC (eta 0.2)");
        assert_eq!(label(nmnc, &there, None, &both), "NMNC (eta 0.2)");
        assert_eq!(label(nmnc, &there, Some("nmnc"), &both), "NMNC");
        assert_eq!(label(nmnc, &lacking, None, &both), "NMNC (eta unset)");
        assert_eq!(label(nmnc, &lacking, Some("nmnc-budget"), &both), "NMNC (budget)");
        assert_eq!(label(nmnc, &lacking, Some("nmncs"), &both), "NMNC (nmncs)");
        assert_eq!(label(nmnc, &lacking, Some("wide"), &both), "NMNC (wide)");
        let many = values(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]);
        assert_eq!(label(nmnc, &many, Some("wide"), &[]), "NMNC (wide)");
    }
}
