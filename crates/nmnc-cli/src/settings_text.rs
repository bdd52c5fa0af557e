//! Settings as text: a paragraph on the terminal, a page of the documentation.

use std::fmt::Write as _;

use nmnc::report::COLUMNS;
use nmnc::train::reference::{Kind, Setting, settings};

use crate::output::wrapped;

/// A setting as a paragraph; `among` are those that it is shown with.
pub fn plain(setting: &Setting, kind: Kind, among: &[Setting]) -> String {
    let mut text = format!("{}\n", setting.path);
    let mut paragraph = |words: &str, indent: usize| {
        for line in wrapped(words, COLUMNS - indent, 0).lines() {
            let _ = writeln!(text, "{:indent$}{line}", "");
        }
    };
    paragraph(&setting.meaning, 2);
    paragraph(&facts(setting, false), 2);
    for (name, about) in &setting.words {
        let about = if about.is_empty() { name.clone() } else { format!("{name}: {about}") };
        paragraph(&about, 4);
    }
    conditions(setting, kind, among, false).iter().for_each(|condition| paragraph(condition, 2));
    text
}

/// What it may be, and what it is when left out.
fn facts(setting: &Setting, code: bool) -> String {
    let form = &setting.form;
    match &setting.default {
        Some(default) => format!("{form}; {} when left out", quoted(default, code)),
        None if setting.required => format!("{form}; has to be given"),
        None => form.clone(),
    }
}

/// A piece of TOML, marked as such on a page.
fn quoted(text: &str, code: bool) -> String {
    if code { format!("`{text}`") } else { text.to_owned() }
}

/// With which names of tables it can be set, or which rules read it with which value when it is left out.
fn conditions(setting: &Setting, kind: Kind, among: &[Setting], code: bool) -> Vec<String> {
    let rules = setting.rules(kind);
    let mut all = Vec::new();
    if !rules.is_empty() {
        let mut values: Vec<(Option<String>, Vec<String>)> = Vec::new();
        for (rule, value) in rules {
            match values.iter_mut().find(|(own, _)| *own == value) {
                Some((_, rules)) => rules.push(rule),
                None => values.push((value, vec![rule])),
            }
        }
        let each = values.into_iter().map(|(value, rules)| match value {
            Some(value) => format!("{} ({})", rules.join(", "), quoted(&value, code)),
            None => rules.join(", "),
        });
        all.push(format!("read by {}", each.collect::<Vec<_>>().join("; ")));
    }
    let mut names: Vec<&String> = Vec::new();
    for name in setting.only.iter().flatten().filter(|name| !name.starts_with("rule = ")) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    // A setting that goes with every name needs no word about them.
    let table = setting.path.rsplit_once('.').map_or("", |(table, _)| table);
    let tag = names.first().and_then(|name| name.split_once(" = ")).map(|(tag, _)| tag);
    let every = tag.is_some_and(|tag| {
        let path = format!("{table}.{tag}");
        among.iter().any(|other| other.path == path && other.words.len() == names.len())
    });
    if !names.is_empty() && !every {
        let names: Vec<String> = names.into_iter().map(|name| quoted(name, code)).collect();
        all.push(format!("with {}", names.join(" or ")));
    }
    all
}

/// The page of all settings, in Markdown.
pub fn page() -> String {
    let mut page = "# Settings\n\nEvery setting of a configuration: what it means, what it may be, and what it is when left out. \
                    `nmnc config explain KEY` prints the same on the terminal, `nmnc config schema` the JSON schema for editors. \
                    Settings of a rule stand in `[credit]`, or in a table with the rule's name (`[credit.nmnc]`), so that one file \
                    holds those of several rules to compare. A name alone may stand for a table that has one: `optimizer = \"sgd\"`, \
                    `task = \"Adding\"`. On the command line, `--set train.batch=64` changes a setting, and \
                    `--set network.stages.0.pool=max` one in an entry of a list, counted from 0.\n"
        .to_owned();
    let kinds = [
        (Kind::Images, "Layered networks on images"),
        (Kind::Trials, "Recurrent networks on tasks (configurations with `task`)"),
    ];
    let mut before: Vec<Setting> = Vec::new();
    for (kind, heading) in kinds {
        let all = settings(kind);
        let _ = writeln!(page, "\n## {heading}");
        if !before.is_empty() {
            page.push_str("\nWhat is set as above is not repeated.\n");
        }
        let mut table = None;
        for setting in all.iter().filter(|setting| !before.contains(setting)) {
            let own = setting.path.split(['.', '[']).next().unwrap_or_default();
            let own = if own == setting.path { "" } else { own };
            if table != Some(own) {
                let title =
                    if own.is_empty() { "Outside of tables".to_owned() } else { format!("`[{own}]`") };
                let _ = writeln!(page, "\n### {title}\n");
                table = Some(own);
            }
            entry(setting, kind, &all, &mut page);
        }
        before = all;
    }
    page
}

fn entry(setting: &Setting, kind: Kind, among: &[Setting], page: &mut String) {
    let facts = facts(setting, true);
    let about = conditions(setting, kind, among, true).into_iter().map(|condition| format!("; {condition}"));
    let about: String = std::iter::once(facts).chain(about).collect();
    let _ = writeln!(page, "- **`{}`** {} *({about})*", setting.path, setting.meaning);
    for (name, about) in &setting.words {
        let _ = writeln!(page, "  - `{name}`{}{about}", if about.is_empty() { "" } else { ": " });
    }
}
