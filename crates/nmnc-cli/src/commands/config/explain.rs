//! `nmnc config explain`.

use nmnc::train::reference::{Kind, Setting, at, settings, similar};
use nmnc::{Error, Result};
use serde_json::json;

use crate::cli::ExplainSetting;
use crate::output::Output;
use crate::settings_text;

/// Prints what is known of the settings that are asked for.
pub fn run(arguments: &ExplainSetting, out: Output) -> Result<()> {
    if arguments.markdown {
        return out.payload(&settings_text::page());
    }
    let (kind, found) = match (&arguments.key, arguments.tasks) {
        (None, false) => (Kind::Images, settings(Kind::Images)),
        (None, true) => (Kind::Trials, settings(Kind::Trials)),
        (Some(key), true) => found(key, &[Kind::Trials])?,
        (Some(key), false) => found(key, &[Kind::Images, Kind::Trials])?,
    };
    if out.json {
        found.iter().for_each(|setting| out.event("setting", fields(setting, kind)));
        return Ok(());
    }
    let all = settings(kind);
    let told: Vec<String> = found.iter().map(|setting| settings_text::plain(setting, kind, &all)).collect();
    out.payload(&told.join("\n"))
}

/// The settings at `key` or, if there are none, those that it may stand for, in the first of `kinds` that has any.
fn found(key: &str, kinds: &[Kind]) -> Result<(Kind, Vec<Setting>)> {
    for &kind in kinds {
        let there = at(kind, key);
        if !there.is_empty() {
            return Ok((kind, there));
        }
    }
    // A last part of a name is enough where it is one.
    for &kind in kinds {
        let meant = similar(kind, key);
        if !meant.is_empty() && !key.contains('.') {
            return Ok((kind, meant.iter().flat_map(|path| at(kind, path)).collect()));
        }
    }
    let meant: Vec<String> = kinds.iter().flat_map(|&kind| similar(kind, key)).collect();
    let error = Error::config(key, "there is no such setting");
    Err(match meant.first() {
        Some(first) => error.mend(format!("did you mean `{first}`?")),
        None => error.mend("`nmnc config explain` lists all"),
    })
}

fn fields(setting: &Setting, kind: Kind) -> serde_json::Value {
    let words: Vec<_> =
        setting.words.iter().map(|(name, about)| json!({ "name": name, "about": about })).collect();
    let rules: Vec<_> = setting
        .rules(kind)
        .into_iter()
        .map(|(rule, value)| json!({ "rule": rule, "default": value }))
        .collect();
    json!({
        "key": setting.path,
        "form": setting.form,
        "default": setting.default,
        "required": setting.required,
        "meaning": setting.meaning,
        "values": words,
        "with": setting.only,
        "rules": rules,
    })
}
