//! The setting that was meant.

use nmnc_core::error::{Error, ErrorKind, closest};
use toml::{Table, Value};

use super::{Kind, Setting, rule_names, settings};

/// What other tools call settings.
const ELSEWHERE: [(&str, &str); 20] = [
    ("resume_from", "from"),
    ("pretrained", "from"),
    ("lr", "learning_rate"),
    ("batch_size", "batch"),
    ("bs", "batch"),
    ("n_epochs", "epochs"),
    ("num_epochs", "epochs"),
    ("wd", "weight_decay"),
    ("dim", "dimension"),
    ("d", "dimension"),
    ("components", "dimension"),
    ("n_components", "dimension"),
    ("optim", "optimizer"),
    ("scheduler", "schedule"),
    ("model", "preset"),
    ("arch", "preset"),
    ("dataset", "source"),
    ("hidden_size", "units"),
    ("random_seed", "seed"),
    ("num_probes", "probes"),
];

/// Settings of other tools that stand in another table here under another name.
const MOVED: [(&str, &str); 2] = [("train.init", "weights.from"), ("train.resume_from", "weights.from")];

/// A key as the list of settings has it: without the rule whose table it stands in, and without numbers of entries.
struct Key {
    path: String,
    /// The rule, where the key names one.
    rule: Option<String>,
}

impl Key {
    fn of(key: &str, kind: Kind) -> Self {
        let parts: Vec<String> =
            key.replace('[', ".").replace(']', "").split('.').map(str::to_owned).collect();
        let rule = match parts.as_slice() {
            [credit, rule, ..] if credit == "credit" && rule_names(kind).contains(&rule.as_str()) => {
                Some(rule.clone())
            }
            _ => None,
        };
        let mut path = String::new();
        for (index, part) in parts.iter().enumerate().filter(|(index, _)| !(rule.is_some() && *index == 1)) {
            if index > 0 && (part.is_empty() || part.bytes().all(|byte| byte.is_ascii_digit())) {
                path.push_str("[]");
            } else {
                path.push_str(if path.is_empty() { "" } else { "." });
                path.push_str(part);
            }
        }
        Self { path, rule }
    }

    fn leaf(&self) -> &str {
        leaf(&self.path)
    }

    /// The path of a setting as one would write it beside this key.
    fn written(&self, setting: &Setting) -> String {
        match (&self.rule, setting.path.strip_prefix("credit.")) {
            (Some(rule), Some(rest)) if setting.is_of(rule) => format!("credit.{rule}.{rest}"),
            _ => setting.path.replace("[]", "[0]"),
        }
    }
}

fn leaf(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

impl Setting {
    /// Whether the rule reads it.
    fn is_of(&self, rule: &str) -> bool {
        let wanted = format!("rule = \"{rule}\"");
        self.only.iter().any(|all| all.contains(&wanted))
    }

    /// Whether it is the setting `key`, or one in the table `key`.
    fn is_under(&self, key: &Key) -> bool {
        let rest = self.path.strip_prefix(&key.path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with("[]"))
            && key.rule.as_ref().is_none_or(|rule| self.is_of(rule))
    }
}

/// The settings at `key`: one, or those of a table. Rules may stand in the key (`credit.nmnc.eta`), and numbers of entries.
pub fn at(kind: Kind, key: &str) -> Vec<Setting> {
    let key = Key::of(key, kind);
    settings(kind).into_iter().filter(|setting| setting.is_under(&key)).collect()
}

/// Full paths of the settings that `key` may stand for: those of the same last name, then of a name that other tools use for it, then of
/// one that looks alike; those in the same table first.
pub fn similar(kind: Kind, key: &str) -> Vec<String> {
    if let Some((_, here)) = MOVED.iter().find(|(there, _)| *there == key) {
        return vec![(*here).to_owned()];
    }
    let key = Key::of(key, kind);
    let all = settings(kind);
    let known = ELSEWHERE.iter().find(|(there, _)| *there == key.leaf()).map(|(_, here)| *here);
    // A table may be named as well as a setting in it.
    let ends = |setting: &Setting, name: &str| leaf(&setting.path) == name;
    let mut found: Vec<&Setting> =
        all.iter().filter(|setting| ends(setting, known.unwrap_or(key.leaf()))).collect();
    if found.is_empty() {
        let leaves: Vec<&str> = all.iter().map(|setting| leaf(&setting.path)).collect();
        let near = closest(key.leaf(), &leaves);
        found = all.iter().filter(|setting| near.is_some_and(|near| ends(setting, near))).collect();
    }
    if let Some(rule) = &key.rule {
        let (of_rule, others): (Vec<&Setting>, Vec<&Setting>) =
            found.into_iter().partition(|one| one.is_of(rule));
        found = if of_rule.is_empty() { others } else { of_rule };
    }
    let beginning = |setting: &Setting| {
        setting.path.split('.').zip(key.path.split('.')).take_while(|(there, here)| there == here).count()
    };
    let most = found.iter().map(|setting| beginning(setting)).max().unwrap_or(0);
    let mut paths: Vec<String> =
        found.into_iter().filter(|setting| beginning(setting) == most).map(|one| key.written(one)).collect();
    paths.dedup();
    paths
}

/// Adds to an error about an unknown setting of `table` where the setting is that was meant.
pub(in crate::config) fn point_out(error: Error, table: &Table, kind: Kind) -> Error {
    let said = error.to_string();
    if error.kind() != ErrorKind::Config
        || !said.contains("unknown setting `")
        || said.contains("did you mean")
    {
        return error;
    }
    let all = settings(kind);
    let unknown = |path: &&String| {
        let key = Key::of(path, kind);
        said.contains(&format!("unknown setting `{}`", leaf(path)))
            && !all.iter().any(|one| one.is_under(&key))
    };
    let mut paths = Vec::new();
    keys("", &Value::Table(table.clone()), &mut paths);
    let meant = paths.iter().find(unknown).map(|path| similar(kind, path)).unwrap_or_default();
    match meant.as_slice() {
        [] => error,
        [one] => error.mend(format!("did you mean `{one}`?")),
        several => error.mend(format!("did you mean one of `{}`?", several.join("`, `"))),
    }
}

/// The dotted keys of a value and of all that is in it.
fn keys(path: &str, value: &Value, all: &mut Vec<String>) {
    let mut inner = |key: &str, value: &Value| {
        let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        all.push(path.clone());
        keys(&path, value, all);
    };
    match value {
        Value::Table(table) => table.iter().for_each(|(key, value)| inner(key, value)),
        Value::Array(entries) => {
            entries.iter().enumerate().for_each(|(index, value)| inner(&index.to_string(), value));
        }
        _ => {}
    }
}
