//! What the file of a sweep says, checked as strictly as a configuration.

use std::collections::BTreeSet;
use std::io::ErrorKind as IoKind;
use std::path::Path;

use nmnc_core::config_text::{deserialize, explain};
use nmnc_core::error::{Error, Result};
use nmnc_core::guard;
use nmnc_core::seed::Seed;
use serde::Deserialize;
use toml::{Table, Value};

use super::draw::{Draws, Law};

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    base: Value,
    #[serde(default)]
    seeds: Option<Value>,
    #[serde(default)]
    set: Table,
    #[serde(default)]
    points: Vec<Table>,
    #[serde(default)]
    grid: Table,
    #[serde(default)]
    random: Option<WrittenRandom>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRandom {
    draws: u64,
    #[serde(default)]
    seed: u64,
    settings: Table,
}

/// The seeds of every point.
pub(super) enum Seeds {
    /// So many, from the base's own on.
    Count(u64),
    /// These.
    Listed(Vec<Seed>),
}

/// What stands for the name of settings that go together, where settings have their keys.
pub(super) const POINT: &str = "point";

/// Settings that go together.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub name: String,
    /// By dotted key.
    pub settings: Vec<(String, Value)>,
}

/// What the file says.
pub(super) struct Description {
    /// The base configuration,
    pub base: Table,
    /// and what it is called in messages.
    pub base_name: String,
    /// Settings of every run, by dotted key.
    pub set: Vec<(String, Value)>,
    /// Settings that go together, under a name.
    pub named: Vec<Named>,
    /// Settings with the values of each; first of all the names of those that go together, if there are any.
    pub grid: Vec<(String, Vec<Value>)>,
    pub random: Option<Draws>,
    pub seeds: Seeds,
}

impl Description {
    /// Reads TOML `text` from the file `origin`.
    pub fn parse(
        text: &str,
        origin: &Path,
        ready_made: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Result<Self> {
        let name = origin.display().to_string();
        let written: Written = deserialize(table(text, &name)?).map_err(|e| e.within(&name))?;
        let (base, base_name) = match written.base {
            Value::String(base) => base_of(&base, origin, ready_made)?,
            Value::Table(base) => (base, format!("{name}: base")),
            other => {
                let problem = format!("{other} is neither a name nor a table of settings");
                return Err(Error::config("base", problem)
                    .mend("for example base = \"cifar10.toml\", or [base] with settings below it")
                    .within(&name));
            }
        };
        let within = |e: Error| e.within(&name);
        let mut set = Vec::new();
        flatten("", written.set, &|_| false, &mut set);
        let named = named(written.points).map_err(within)?;
        let names: Vec<Value> = named.iter().map(|own| Value::String(own.name.clone())).collect();
        let names = (!names.is_empty()).then(|| (POINT.to_owned(), names));
        let grid = grid(written.grid).map_err(within)?;
        Ok(Self {
            base,
            base_name,
            set,
            named,
            grid: names.into_iter().chain(grid).collect(),
            random: written.random.map(random).transpose().map_err(within)?,
            seeds: seeds(written.seeds.as_ref()).map_err(within)?,
        })
    }

    /// The settings in which runs differ.
    pub fn varied(&self) -> impl Iterator<Item = &str> {
        let drawn = self.random.iter().flat_map(|random| random.laws.iter().map(|(key, _)| key.as_str()));
        self.grid.iter().map(|(key, _)| key.as_str()).chain(drawn)
    }

    /// Whether each setting is set in one place, with `overrides` from the command line as one of them.
    pub fn check(&self, overrides: &[String]) -> Result<()> {
        let mut seen: Vec<(&str, &str)> = Vec::new();
        let grid = self.grid.iter().map(|(key, _)| (key.as_str(), "grid"));
        let drawn = self.random.iter().flat_map(|random| &random.laws);
        let drawn = drawn.map(|(key, _)| (key.as_str(), "random.settings"));
        let set = self.set.iter().map(|(key, _)| (key.as_str(), "set"));
        let mut together: Vec<(&str, &str)> = Vec::new();
        for (key, _) in self.named.iter().flat_map(|own| &own.settings) {
            if !together.iter().any(|(known, _)| known == key) {
                together.push((key, "points"));
            }
        }
        for (key, table) in together.into_iter().chain(grid).chain(drawn).chain(set) {
            if key == "seed" && table != "set" {
                return Err(Error::config(format!("{table}.seed"), "is not varied like a setting")
                    .mend("`seeds = 3` or `seeds = [1, 2, 3]` gives every point the same seeds"));
            }
            if let Some((_, other)) = seen.iter().find(|(known, _)| *known == key) {
                return Err(Error::config(format!("{table}.{key}"), format!("is in [{other}] too"))
                    .mend("leave it in one of them"));
            }
            seen.push((key, table));
        }
        for change in overrides {
            let key = change.split('=').next().unwrap_or_default().trim();
            if let Some((_, table)) = seen.iter().find(|(known, table)| *known == key && *table != "set") {
                return Err(Error::config(format!("--set {change}"), format!("is varied in [{table}]"))
                    .mend("change it there"));
            }
        }
        Ok(())
    }
}

/// The text of the file at `path`.
pub(super) fn text(path: &Path) -> Result<String> {
    guard::text(path).map_err(|e| match e.kind() {
        IoKind::NotFound => {
            Error::config(path.display(), "no such file").mend("docs/cluster.md has sweeps to start from")
        }
        IoKind::InvalidData => Error::config(path.display(), "is not UTF-8 text").mend("give a TOML file"),
        IoKind::InvalidInput if path.is_dir() => {
            Error::config(path.display(), "is a folder").mend("give the TOML file of the sweep").caused_by(e)
        }
        IoKind::InvalidInput | IoKind::FileTooLarge => Error::config(path.display(), &e).caused_by(e),
        _ => Error::io(path, "read", e),
    })
}

fn table(text: &str, origin: &str) -> Result<Table> {
    text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        explain(e.message(), &format!("{origin}:{line}"))
    })
}

/// The base called `base`: ready-made, or a file beside `origin`.
fn base_of(
    base: &str,
    origin: &Path,
    ready_made: &dyn Fn(&str) -> Option<&'static str>,
) -> Result<(Table, String)> {
    if let Some(text) = ready_made(base) {
        return Ok((table(text, base)?, base.to_owned()));
    }
    let path = origin.parent().unwrap_or(Path::new("")).join(base);
    match guard::text(&path) {
        Err(e) if e.kind() == IoKind::NotFound => {
            let problem = format!("`{base}` is neither a file beside it nor a ready-made configuration");
            Err(Error::config("base", problem)
                .mend("`nmnc config presets` lists what is ready-made")
                .within(origin.display()))
        }
        _ => {
            let name = path.display().to_string();
            Ok((table(&text(&path)?, &name)?, name))
        }
    }
}

fn seeds(given: Option<&Value>) -> Result<Seeds> {
    let wrong = |problem: String| {
        Error::config("seeds", problem).mend("for example `seeds = 3`, or `seeds = [1, 2, 3]`")
    };
    match given {
        None => Ok(Seeds::Count(1)),
        Some(Value::Integer(count)) if (1..=1_000_000).contains(count) => Ok(Seeds::Count(*count as u64)),
        Some(Value::Integer(count)) => Err(wrong(format!("{count} is not from 1 to 1000000"))),
        Some(Value::Array(list)) if !list.is_empty() => {
            let mut seeds: Vec<Seed> = Vec::new();
            for value in list {
                let seed = value.as_integer().and_then(|seed| u64::try_from(seed).ok()).map(Seed);
                let seed =
                    seed.ok_or_else(|| wrong(format!("{value} is not a whole number of at least 0")))?;
                if seeds.contains(&seed) {
                    return Err(wrong(format!("{value} is there twice")));
                }
                seeds.push(seed);
            }
            Ok(Seeds::Listed(seeds))
        }
        Some(other) => Err(wrong(format!("{other} is neither a number nor a list of seeds"))),
    }
}

/// Settings that go together, each under a name of its own.
fn named(tables: Vec<Table>) -> Result<Vec<Named>> {
    let mut all: Vec<Named> = Vec::new();
    for (number, mut table) in tables.into_iter().enumerate() {
        let place = format!("points {}", number + 1);
        let wrong = |problem: &str| {
            Error::config(&place, problem)
                .mend("give it one of letters, digits, `.`, `_` and `-`, as name = \"fast\"")
        };
        let name = match table.remove("name") {
            None => return Err(wrong("has no name")),
            Some(Value::String(name)) => name,
            Some(_) => return Err(wrong("has a name that is no text")),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.is_empty() || name.len() > 32 || !name.chars().all(plain) {
            return Err(wrong(&format!("has the name `{name}`, which no folder can be called by")));
        }
        if all.iter().any(|own| own.name == name) {
            return Err(
                Error::config(&place, format!("is called `{name}`, as another is")).mend("name it otherwise")
            );
        }
        let mut settings = Vec::new();
        flatten("", table, &|_| false, &mut settings);
        all.push(Named { name, settings });
    }
    Ok(all)
}

fn grid(table: Table) -> Result<Vec<(String, Vec<Value>)>> {
    let mut flat = Vec::new();
    flatten("", table, &|_| false, &mut flat);
    let values = |(key, value): (String, Value)| {
        let place = format!("grid.{key}");
        let Value::Array(values) = value else {
            return Err(Error::config(place, format!("{value} is not a list of values"))
                .mend(format!("write [{value}], or put it under [set]")));
        };
        checked_choice(&place, &values)?;
        Ok((key, values))
    };
    flat.into_iter().map(values).collect()
}

/// Whether a list has values to choose from, each once.
fn checked_choice(place: &str, values: &[Value]) -> Result<()> {
    if values.is_empty() {
        return Err(Error::config(place, "has no values").mend("list them, or remove it"));
    }
    let mut seen = BTreeSet::new();
    match values.iter().find(|value| !seen.insert(value.to_string())) {
        Some(value) => Err(Error::config(place, format!("{value} is there twice")).mend("remove one")),
        None => Ok(()),
    }
}

fn random(written: WrittenRandom) -> Result<Draws> {
    let WrittenRandom { draws, seed, settings } = written;
    if !(1..=1_000_000).contains(&draws) {
        return Err(Error::config("random.draws", format!("{draws} is not from 1 to 1000000")));
    }
    let mut flat = Vec::new();
    flatten("", settings, &Law::is_range, &mut flat);
    if flat.is_empty() {
        return Err(Error::config("random.settings", "has no settings to draw")
            .mend("for example train.batch = [32, 64], or remove [random]"));
    }
    let law = |(key, value): (String, Value)| {
        let place = format!("random.settings.{key}");
        let law = match value {
            Value::Array(values) => {
                checked_choice(&place, &values)?;
                Law::Choice(values)
            }
            Value::Table(range) => Law::range(range).map_err(|e| e.under(&place))?,
            other => {
                return Err(Error::config(place, format!("{other} is neither a list nor a range"))
                    .mend("for example [32, 64], or { from = 1e-4, to = 1e-2, scale = \"log\" }"));
            }
        };
        Ok((key, law))
    };
    Ok(Draws { draws, seed: Seed(seed), laws: flat.into_iter().map(law).collect::<Result<_>>()? })
}

/// The values of `table` by dotted key; tables that are values themselves, as `whole` says, stay whole.
fn flatten(prefix: &str, table: Table, whole: &dyn Fn(&Table) -> bool, out: &mut Vec<(String, Value)>) {
    for (key, value) in table {
        let key = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(inner) if !whole(&inner) => flatten(&key, inner, whole, out),
            other => out.push((key, other)),
        }
    }
}
