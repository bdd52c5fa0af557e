//! From the text of a configuration to its table.

use std::path::Path;

use toml::{Table, Value};

use super::shorthand;
use nmnc_core::config_text::explain;
use nmnc_core::error::{Error, Result};
use nmnc_core::guard;

/// The text of a configuration file.
pub(super) fn read_text(path: &Path) -> Result<String> {
    guard::text(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::config(path.display(), "no such file")
            .mend("`nmnc config presets` prints configurations to start from"),
        std::io::ErrorKind::InvalidData => {
            Error::config(path.display(), "is not UTF-8 text").mend("give a TOML file")
        }
        std::io::ErrorKind::InvalidInput if path.is_dir() => {
            let mend = match path.join("config.toml").is_file() {
                true => format!("of the run in it, give {}", path.join("config.toml").display()),
                false => "give a TOML file".to_owned(),
            };
            Error::config(path.display(), "is a folder").mend(mend).caused_by(e)
        }
        std::io::ErrorKind::InvalidInput | std::io::ErrorKind::FileTooLarge => {
            Error::config(path.display(), &e).caused_by(e)
        }
        _ => Error::io(path, "read", e),
    })
}

/// The table that TOML `text` from `origin` with `overrides` describes.
pub(super) fn parse_table(text: &str, origin: &str, overrides: &[String]) -> Result<toml::Table> {
    let mut table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        explain(e.message(), &format!("{origin}:{line}"))
    })?;
    for setting in overrides {
        set(&mut table, setting)?;
    }
    shorthand::spell_out(&mut table);
    Ok(table)
}

/// Tables within tables that a setting may stand in; more than any does, and few enough for whoever goes down them call by call.
const LEVELS: usize = 32;

/// Applies one override `a.b.c=value`; the value is TOML, and a bare word is a string. A number stands for an entry of a list, from 0:
/// `network.stages.0.pool=none`, or `network.stages[0].pool=none`. A name in place of a table that has one (`train.optimizer=sgd`)
/// changes the name and leaves the rest.
///
/// # Errors
/// If it has another form, holds more than one setting, or goes through a value that is no table.
pub fn set(table: &mut Table, setting: &str) -> Result<()> {
    let malformed = || {
        Error::config(format!("--set {setting}"), "is not of the form key=value")
            .mend("for example --set train.epochs=5")
    };
    let several = || {
        Error::config(format!("--set {setting}"), "holds more than one setting")
            .mend("give each a --set of its own")
    };
    let (key, text) = setting.split_once('=').ok_or_else(malformed)?;
    let value = match format!("value = {text}").parse::<Table>() {
        // A value may span lines, as a list does; what follows it there is another setting.
        Ok(parsed) if parsed.len() > 1 => return Err(several()),
        Ok(mut parsed) => parsed.remove("value").ok_or_else(malformed)?,
        Err(_) if text.trim().contains(['\n', '\r']) => return Err(several()),
        Err(_) => Value::String(text.trim().to_owned()),
    };
    let key = key.trim().replace('[', ".").replace(']', "");
    let parts: Vec<&str> = key.split('.').collect();
    let (last, above) = parts.split_last().filter(|(last, _)| !last.is_empty()).ok_or_else(malformed)?;
    if above.len() > LEVELS {
        let place = format!("--set {}..", parts[..3].join("."));
        return Err(Error::config(place, format!("goes down {} levels, more than any setting", above.len()))
            .mend("see `nmnc config schema`"));
    }
    let within = |e: Error| e.within(format!("--set {setting}"));
    let Some((first, rest)) = above.split_first() else {
        put(table.entry(*last), value, shorthand::tag(&parts));
        return Ok(());
    };
    let mut inner = table.entry(*first).or_insert_with(|| Value::Table(Table::new()));
    for (depth, part) in rest.iter().enumerate() {
        inner = go_into(inner, &above[..=depth], part).map_err(within)?;
    }
    match open(inner, above, last).map_err(within)? {
        Inner::Table(table) => put(table.entry(*last), value, shorthand::tag(&parts)),
        Inner::Entry(entry) => *entry = value,
    }
    Ok(())
}

/// Sets a value; a name for a table that has one is its name.
fn put(entry: toml::map::Entry<'_, String, Value>, value: Value, tag: Option<&'static str>) {
    use toml::map::Entry;
    match (entry, tag) {
        (Entry::Occupied(mut there), Some(tag)) if value.is_str() && there.get().is_table() => {
            if let Some(table) = there.get_mut().as_table_mut() {
                table.insert(tag.to_owned(), value);
            }
        }
        (Entry::Occupied(mut there), _) => drop(there.insert(value)),
        (Entry::Vacant(gap), _) => drop(gap.insert(value)),
    }
}

/// What a part of a key stands in.
enum Inner<'a> {
    Table(&'a mut Table),
    /// The entry of the list that the part counts.
    Entry(&'a mut Value),
}

/// The value under `part` of the value at `path`, a table where there is none.
fn go_into<'a>(value: &'a mut Value, path: &[&str], part: &str) -> Result<&'a mut Value> {
    Ok(match open(value, path, part)? {
        Inner::Table(table) => table.entry(part).or_insert_with(|| Value::Table(Table::new())),
        Inner::Entry(entry) => entry,
    })
}

/// The value at `path` as what `part` stands in.
fn open<'a>(value: &'a mut Value, path: &[&str], part: &str) -> Result<Inner<'a>> {
    let name = path.last().copied().unwrap_or_default();
    if let Some(tag) = shorthand::tag(path) {
        shorthand::table_of(value, tag);
    }
    let index = part.parse::<usize>().ok();
    match (value, index) {
        (Value::Array(entries), Some(index)) => {
            let count = entries.len();
            entries.get_mut(index).map(Inner::Entry).ok_or_else(|| {
                Error::config("", format!("there is no entry {index}: `{name}` has {count}, counted from 0"))
            })
        }
        (Value::Array(_), None) => Err(Error::config("", format!("`{name}` is a list"))
            .mend(format!("name an entry of it, from 0, as in {}.0.{part}", path.join(".")))),
        (Value::Table(table), Some(_)) if table.is_empty() => {
            Err(Error::config("", format!("there is no list `{name}`")).mend(
                "write it out first; `nmnc config check FILE --resolved` prints what a preset stands for",
            ))
        }
        (Value::Table(table), _) => Ok(Inner::Table(table)),
        _ => Err(Error::config("", format!("`{name}` is a value, not a table"))
            .mend(format!("set `{name}` itself, or the key that was meant"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `overrides` make of `text`, or the problem.
    fn changed(text: &str, overrides: &[&str]) -> std::result::Result<Table, String> {
        let overrides: Vec<String> = overrides.iter().map(|&setting| setting.to_owned()).collect();
        parse_table(text, "x.toml", &overrides).map_err(|e| e.to_string())
    }

    #[test]
    fn entries_of_lists_are_counted_from_zero() {
        let text = "a.b = [{ x = 1 }, { x = 2 }]\nc = [1, 2]";
        let expected = |text: &str| Ok(text.parse::<Table>().unwrap());
        let new = "a.b = [{ x = 1 }, { x = 3, y = 'z' }]\nc = [1, 5]";
        assert_eq!(changed(text, &["a.b.1.x=3", "a.b[1].y=z", "c[1]=5"]), expected(new));
        for (setting, problem) in [
            ("a.b.2.x=3", "there is no entry 2: `b` has 2, counted from 0"),
            ("a.b.x=3", "`b` is a list; name an entry of it, from 0, as in a.b.0.x"),
            ("c.x=3", "`c` is a list; name an entry of it, from 0, as in c.0.x"),
            ("c.0.x=3", "`0` is a value, not a table; set `0` itself, or the key that was meant"),
            (
                "a.d.0.x=3",
                "there is no list `d`; write it out first; `nmnc config check FILE --resolved` prints what a preset stands for",
            ),
        ] {
            assert_eq!(changed(text, &[setting]).unwrap_err(), format!("--set {setting}: {problem}"));
        }
    }

    #[test]
    fn a_name_stands_for_a_table() {
        let expected = |text: &str| Ok(text.parse::<Table>().unwrap());
        let text = "task = 'Adding'\n[train]\noptimizer = { learning_rate = 0.1 }";
        let spelled = "task.name = 'Adding'\n[train.optimizer]\nlearning_rate = 0.1\nname = 'adam'";
        assert_eq!(changed(text, &[]), expected(spelled));
        let changes = ["task.sigma=2", "train.optimizer=sgd", "train.schedule=cosine", "network=lenet"];
        let spelled = "task = { name = 'Adding', sigma = 2 }\nnetwork.preset = 'lenet'\n\
                       train.optimizer = { name = 'sgd', learning_rate = 0.1 }\ntrain.schedule.shape = 'cosine'";
        assert_eq!(changed(text, &changes), expected(spelled));
        // Where no table stood before.
        let spelled = "train.optimizer = { name = 'adam', learning_rate = 0.5 }";
        assert_eq!(changed("", &["train.optimizer.learning_rate=0.5"]), expected(spelled));
    }

    #[test]
    fn a_setting_is_no_deeper_than_tables_are_gone_down() {
        let set = |levels: usize| {
            let mut table = toml::Table::new();
            set(&mut table, &format!("a{}=1", ".b".repeat(levels))).map(|()| table)
        };
        assert_eq!(set(2).unwrap()["a"]["b"]["b"].as_integer(), Some(1));
        assert!(set(LEVELS).is_ok());
        for levels in [LEVELS + 1, 100_000] {
            let expected = format!(
                "--set a.b.b..: goes down {levels} levels, more than any setting; see `nmnc config schema`"
            );
            assert_eq!(set(levels).unwrap_err().to_string(), expected);
        }
    }
}
