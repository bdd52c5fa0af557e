//! `nmnc config`.

mod check;
mod explain;

use std::fmt::Write as _;

use nmnc::Result;
use nmnc::credit::REGISTRY;
use nmnc::net::{ARCHITECTURES, PRESETS as NETWORKS};
use nmnc::recurrent::TIME_RULES;
use nmnc::train::SequenceConfig;
use serde_json::json;

use crate::cli::Config;
use crate::output::{Output, entry};
use crate::presets::{self, PRESETS};

/// Does what the subcommand says.
pub fn run(command: &Config, out: Output) -> Result<()> {
    match command {
        Config::Schema { tasks } => schema(*tasks, out),
        Config::Check(arguments) => check::run(arguments, out),
        Config::Explain(arguments) => explain::run(arguments, out),
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
            let _ = writeln!(text, "{}", entry(&format!("  {name:width$}  "), summary));
        }
    }
    out.payload(&text)
}
