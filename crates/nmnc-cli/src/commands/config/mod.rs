//! `nmnc config`.

use std::fmt::Write as _;
use std::path::Path;

use nmnc::credit::REGISTRY;
use nmnc::net::{ARCHITECTURES, PRESETS as NETWORKS};
use nmnc::recurrent::TIME_RULES;
use nmnc::train::{AnyConfig, Resolved, RunConfig, SequenceConfig};
use nmnc::{ErrorKind, Result, device};
use serde_json::json;

use crate::cli::{Config, Overrides};
use crate::naming;
use crate::output::Output;
use crate::presets::{self, PRESETS};

/// Does what the subcommand says.
pub fn run(command: &Config, out: Output) -> Result<()> {
    match command {
        Config::Schema { tasks } => schema(*tasks, out),
        Config::Check { config, overrides, resolved } => check(config, overrides, *resolved, out),
        Config::Presets { name: Some(name) } => print(name, out),
        Config::Presets { name: None } => list(out),
    }
}

fn schema(tasks: bool, out: Output) -> Result<()> {
    let schema = match tasks {
        true => schemars::schema_for!(SequenceConfig),
        false => schemars::schema_for!(nmnc::train::Config),
    };
    let text = if out.json { serde_json::to_string(&schema) } else { serde_json::to_string_pretty(&schema) };
    out.payload(&(text.expect("a schema is representable in JSON") + "\n"))
}

fn check(path: &Path, overrides: &Overrides, resolved: bool, out: Output) -> Result<()> {
    let config = AnyConfig::read(path, &overrides.settings())?;
    check_device(path, config.device())?;
    checked(&config.resolve()?, path, resolved, out)
}

/// A device that this machine lacks is no fault of the configuration, a misspelled one is.
fn check_device(path: &Path, name: &str) -> Result<()> {
    if device::has_driver(name) {
        return Ok(());
    }
    match device::open(name) {
        Err(error) if error.kind() == ErrorKind::Config => Err(error.within(path.display())),
        _ => Ok(()),
    }
}

fn checked(spelled_out: &Resolved<AnyConfig>, path: &Path, resolved: bool, out: Output) -> Result<()> {
    let toml = spelled_out.to_toml();
    out.event(
        "checked",
        json!({ "config": naming::text(path), "sha256": spelled_out.sha256(), "resolved": resolved.then_some(&toml) }),
    );
    match (resolved, out.json) {
        (_, true) => Ok(()),
        (true, false) => out.payload(&toml),
        (false, false) => {
            out.line("ok");
            Ok(())
        }
    }
}

fn print(name: &str, out: Output) -> Result<()> {
    let preset = presets::named(name)?;
    out.event("preset", json!({ "kind": "config", "name": preset.name, "toml": preset.text }));
    if out.json { Ok(()) } else { out.payload(preset.text) }
}

fn list(out: Output) -> Result<()> {
    let rules: Vec<(String, &str)> =
        REGISTRY.iter().map(|rule| (rule.name().to_owned(), rule.summary())).collect();
    let over_time: Vec<(String, &str)> =
        TIME_RULES.iter().map(|rule| (rule.name().to_owned(), rule.summary())).collect();
    let networks: Vec<(String, &str)> = NETWORKS
        .iter()
        .map(|(name, widths, summary)| {
            let widths = widths.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
            (format!("{name} [{widths}]"), *summary)
        })
        .collect();
    let deep: Vec<(String, &str)> =
        ARCHITECTURES.iter().map(|network| (network.name.to_owned(), network.summary)).collect();
    let configs: Vec<(String, &str)> = PRESETS.iter().map(|p| (p.name.to_owned(), p.summary)).collect();
    let sections = [
        ("rule", "Credit rules (credit.rule)", rules),
        ("time-rule", "Credit rules of recurrent networks (credit.rule, with task)", over_time),
        ("network", "Networks (network.preset, with their network.widths by default)", networks),
        ("network", "Deep networks (network.preset, made wider or narrower by network.scale)", deep),
        ("config", "Ready-made configurations (print one with `nmnc config presets NAME`)", configs),
    ];
    if out.json {
        for (kind, _, entries) in &sections {
            for (name, summary) in entries {
                out.event("preset", json!({ "kind": kind, "name": name, "summary": summary }));
            }
        }
        return Ok(());
    }
    let mut text = String::new();
    for (number, (_, heading, entries)) in sections.iter().enumerate() {
        let width = entries.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let gap = if number == 0 { "" } else { "\n" };
        let _ = writeln!(text, "{gap}{heading}:");
        for (name, summary) in entries {
            let _ = writeln!(text, "  {name:width$}  {summary}");
        }
    }
    out.payload(&text)
}
