//! Names of shards: patterns with braces, and the splits that names in a folder tell.

use nmnc_core::error::{Error, Result};
use nmnc_core::guard;

/// Endings of archives.
const ENDINGS: [&str; 3] = [".tar", ".tar.gz", ".tgz"];

/// Whether `source` is a pattern: something in braces.
pub(crate) fn is_pattern(source: &str) -> bool {
    source.find('{').is_some_and(|open| source[open..].contains('}'))
}

/// The names that a pattern stands for: `{000..146}` for numbers with as many digits as its ends have, `{a,b}` for either text. Of
/// several braces the last runs fastest.
///
/// # Errors
/// Braces that hold neither, and more names than [`guard::SHARDS`].
pub(crate) fn expand(pattern: &str) -> Result<Vec<String>> {
    let refuse = |what: String| {
        Error::config("data.source", format!("`{pattern}`: {what}"))
            .mend("write shards as in `train-{000..146}.tar` or `{a,b}.tar`")
    };
    let mut names = vec![String::new()];
    let mut left = pattern;
    while let Some(open) = left.find('{') {
        let (before, rest) = left.split_at(open);
        let close = rest.find('}').ok_or_else(|| refuse("a brace that is not closed".to_owned()))?;
        let inside = &rest[1..close];
        let choices =
            choices(inside).ok_or_else(|| refuse(format!("`{{{inside}}}` is no range and no list")))?;
        if names.len().saturating_mul(choices.len()) > guard::SHARDS {
            return Err(refuse(format!("more than {} shards", guard::SHARDS)));
        }
        names = names
            .iter()
            .flat_map(|name| choices.iter().map(move |choice| format!("{name}{before}{choice}")))
            .collect();
        left = &rest[close + 1..];
    }
    names.iter_mut().for_each(|name| name.push_str(left));
    Ok(names)
}

/// What the inside of braces stands for, a word more than are allowed at most.
fn choices(inside: &str) -> Option<Vec<String>> {
    let Some((first, last)) = inside.split_once("..") else {
        let list: Vec<String> = inside.split(',').map(str::to_owned).collect();
        return (list.len() > 1 && !inside.contains('{')).then_some(list);
    };
    let number = |text: &str| -> Option<u64> {
        (text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
    };
    let (from, to) = (number(first)?, number(last)?);
    // Leading zeros ask for as many digits everywhere.
    let padded = |text: &str| if text.starts_with('0') { text.len() } else { 0 };
    let digits = padded(first).max(padded(last));
    let numbers = (from <= to).then_some(from..=to)?.take(guard::SHARDS + 1);
    Some(numbers.map(|number| format!("{number:0digits$}")).collect())
}

/// The split that the name of a file tells if it is a shard: `train` of `imagenet-train-0012.tar.gz`.
pub(crate) fn split_of(name: &str) -> Option<&str> {
    let stem = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending))?;
    let numbered = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    if numbered.len() == stem.len() {
        return None;
    }
    let separators = ['-', '_', '.'];
    numbered.trim_end_matches(separators).rsplit(separators).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_stand_for_numbers_and_texts() {
        assert_eq!(expand("t-{08..11}.tar").unwrap(), ["t-08.tar", "t-09.tar", "t-10.tar", "t-11.tar"]);
        assert_eq!(expand("{a,b}/{9..10}").unwrap(), ["a/9", "a/10", "b/9", "b/10"]);
        assert_eq!(expand("plain.tar").unwrap(), ["plain.tar"]);
        assert_eq!(expand("t{000..146}").unwrap().len(), 147);
        assert!(is_pattern("a{0..1}") && !is_pattern("a}b{c") && !is_pattern("a"));
    }

    #[test]
    fn other_braces_are_refused_without_being_expanded() {
        for pattern in ["{", "{}", "{a}", "{1..}", "{2..1}", "{-1..1}", "{a..b}", "{a,{b}", "{1..2"] {
            let error = expand(pattern).unwrap_err().to_string();
            assert!(error.contains("write shards as in"), "{pattern}: {error}");
        }
        for pattern in ["{0..65536}", "{0..18446744073709551615}", "{0..999}{0..999}{0..999}"] {
            let error = expand(pattern).unwrap_err().to_string();
            assert!(error.contains("more than 65536 shards"), "{pattern}: {error}");
        }
    }

    #[test]
    fn shards_tell_their_split() {
        assert_eq!(split_of("imagenet1k-train-0012.tar"), Some("train"));
        assert_eq!(split_of("val_000.tar.gz"), Some("val"));
        assert_eq!(split_of("test7.tgz"), Some("test"));
        assert_eq!(split_of("train.tar"), None);
        assert_eq!(split_of("train-00.npz"), None);
    }
}
