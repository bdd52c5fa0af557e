//! Making the messages of the TOML reader ours: one line, with the key, and a suggestion for typing errors.

use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

mod words;

use words::expected_names;
pub use words::explain;

/// Reads settings from a table; an error's place is the dotted path of the setting.
///
/// # Errors
/// Unknown, missing or ill-typed settings.
pub fn deserialize<T: DeserializeOwned>(table: toml::Table) -> Result<T> {
    serde_path_to_error::deserialize(toml::Value::Table(table)).map_err(|e| {
        let path = e.path().to_string();
        let message = e.inner().message();
        let unknown = expected_names(message, "unknown field ").map(|(given, _)| given);
        // The path mostly ends in the unknown key itself, which the message names anyway.
        let place = match path.rsplit_once('.') {
            _ if path == "." || Some(&path) == unknown.as_ref() => "",
            Some((parent, key)) if Some(key) == unknown.as_deref() => parent,
            _ => &path,
        };
        explain(message, place)
    })
}

/// Reads two structs whose settings stand side by side in one table; each takes those it knows.
///
/// # Errors
/// As [`deserialize`]; what neither knows is compared with the settings of both.
pub fn deserialize_beside<A: DeserializeOwned, B: DeserializeOwned>(table: toml::Table) -> Result<(A, B)> {
    let (first, second) = (setting_names::<A>(), setting_names::<B>());
    let (mut own, mut other) = (toml::Table::new(), toml::Table::new());
    for (key, value) in table {
        if first.contains(&key.as_str()) {
            own.insert(key, value);
        } else if second.contains(&key.as_str()) {
            other.insert(key, value);
        } else {
            let error = Error::config("", format!("unknown setting `{key}`"));
            return Err(error.suggest(&key, first.iter().chain(second)));
        }
    }
    Ok((deserialize(own)?, deserialize(other)?))
}

/// The names that a struct of settings gives when it asks for itself.
fn setting_names<T: DeserializeOwned>() -> &'static [&'static str] {
    struct Names<'a>(&'a mut &'static [&'static str]);

    impl<'de> serde::Deserializer<'de> for Names<'_> {
        type Error = serde::de::value::Error;

        fn deserialize_struct<V: serde::de::Visitor<'de>>(
            self,
            _name: &'static str,
            fields: &'static [&'static str],
            _visitor: V,
        ) -> std::result::Result<V::Value, Self::Error> {
            *self.0 = fields;
            Err(serde::de::Error::custom("only the names are wanted"))
        }

        fn deserialize_any<V: serde::de::Visitor<'de>>(
            self,
            _visitor: V,
        ) -> std::result::Result<V::Value, Self::Error> {
            Err(serde::de::Error::custom("not a struct"))
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    let mut names: &'static [&'static str] = &[];
    // The error is the one made above.
    let _ = T::deserialize(Names(&mut names));
    names
}

/// An error where the setting `key` is given that has no meaning, as it is not `wanted` without `setting`.
///
/// # Errors
/// That one.
pub fn only_with(key: &str, given: bool, wanted: bool, setting: &str) -> Result<()> {
    match given && !wanted {
        true => Err(Error::config(key, format!("has no meaning without {setting}"))
            .mend(format!("remove it, or set {setting}"))),
        false => Ok(()),
    }
}

/// A setting that must be a positive finite number.
///
/// # Errors
/// If it is not.
pub fn positive(key: &str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Error::config(key, format!("{value} is not a positive number")))
}

/// A setting that must be a weight above 0 and up to 1.
///
/// # Errors
/// If it is not.
pub fn weight(key: &str, value: f64) -> Result<()> {
    if value > 0.0 && value <= 1.0 {
        Ok(())
    } else {
        Err(Error::config(key, format!("{value} is not in (0, 1]")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_structs_share_a_table() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct First {
            width: usize,
        }
        #[derive(Debug, PartialEq, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Second {
            height: f64,
            #[serde(default)]
            depth: Option<usize>,
        }
        let read = |text: &str| deserialize_beside::<First, Second>(text.parse().unwrap());
        let whole = read("height = 0.5\nwidth = 3").unwrap();
        assert_eq!(whole, (First { width: 3 }, Second { height: 0.5, depth: None }));
        let message = |text: &str| read(text).unwrap_err().to_string();
        assert!(
            message("height = 0.5\nwidht = 3").contains("unknown setting `widht`; did you mean `width`?")
        );
        assert!(message("heigth = 0.5\nwidth = 3").contains("did you mean `height`?"));
        assert!(message("height = 0.5\nwidth = 'x'").starts_with("width: "));
    }
}
