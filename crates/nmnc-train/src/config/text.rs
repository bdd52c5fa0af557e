//! From the text of a configuration to its table.

use std::path::Path;

use nmnc_core::config_text::explain;
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::guard;

/// The text of a configuration file.
pub(super) fn read_text(path: &Path) -> Result<String> {
    guard::text(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::config(path.display(), "no such file")
            .mend("`nmnc config presets` prints configurations to start from"),
        std::io::ErrorKind::InvalidData => {
            Error::config(path.display(), "is not UTF-8 text").mend("give a TOML file")
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
    Ok(table)
}

/// Tables within tables that a setting may stand in; more than any does, and few enough for whoever goes down them call by call.
const LEVELS: usize = 32;

/// Applies one override `a.b.c=value`; the value is TOML, and a bare word is a string.
///
/// # Errors
/// If it has another form, holds more than one setting, or goes through a value that is no table.
pub fn set(table: &mut toml::Table, setting: &str) -> Result<()> {
    let malformed = || {
        Error::config(format!("--set {setting}"), "is not of the form key=value")
            .mend("for example --set train.epochs=5")
    };
    let several = || {
        Error::config(format!("--set {setting}"), "holds more than one setting")
            .mend("give each a --set of its own")
    };
    let (key, text) = setting.split_once('=').ok_or_else(malformed)?;
    let value = match format!("value = {text}").parse::<toml::Table>() {
        // A value may span lines, as a list does; what follows it there is another setting.
        Ok(parsed) if parsed.len() > 1 => return Err(several()),
        Ok(mut parsed) => parsed.remove("value").ok_or_else(malformed)?,
        Err(_) if text.trim().contains(['\n', '\r']) => return Err(several()),
        Err(_) => toml::Value::String(text.trim().to_owned()),
    };
    let mut parts: Vec<&str> = key.trim().split('.').collect();
    let last = parts.pop().filter(|last| !last.is_empty()).ok_or_else(malformed)?;
    if parts.len() > LEVELS {
        let place = format!("--set {}..", parts[..3].join("."));
        return Err(Error::config(place, format!("goes down {} levels, more than any setting", parts.len()))
            .mend("see `nmnc config schema`"));
    }
    let mut inner = table;
    for part in parts {
        let entry = inner.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        inner = entry.as_table_mut().ok_or_else(|| {
            Error::new(
                ErrorKind::Config,
                format!("--set {setting}"),
                format!("`{part}` is a value, not a table"),
            )
            .mend(format!("set `{part}` itself, or the key that was meant"))
        })?;
    }
    inner.insert(last.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
