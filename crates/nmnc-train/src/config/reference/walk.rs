//! From a JSON schema to its settings.

use nmnc_core::ranges::Range;
use serde_json::{Map, Value};

use super::Setting;

/// Every setting of `schema`, in its order.
pub(super) fn settings(schema: &Value) -> Vec<Setting> {
    let mut walk = Walk { root: schema, found: Vec::new() };
    walk.table(schema, None, "", &[]);
    walk.found
}

struct Walk<'a> {
    root: &'a Value,
    found: Vec<Setting>,
}

type Object = Map<String, Value>;

impl<'a> Walk<'a> {
    /// The settings of a table at `path`, which has the values `default` where it is left out, if the settings `only` are as they say.
    fn table(&mut self, schema: &'a Value, default: Option<&Value>, path: &str, only: &[String]) {
        let schema = self.target(schema);
        let whole = default;
        let variants = ["oneOf", "anyOf"].iter().filter_map(|key| schema.get(*key)?.as_array()).flatten();
        for variant in variants {
            let mut only = only.to_vec();
            if let Some((tag, name)) = tag(self.target(variant)).or(tag(variant)) {
                // The table's own default is of one of the variants.
                let default = default.filter(|default| default.get(tag).is_none_or(|own| own == name));
                only.push(format!("{tag} = {name}"));
                self.name(path, tag, name, variant, whole.and_then(|whole| whole.get(tag)));
                self.table(variant, default, path, &only);
            } else {
                self.table(variant, default, path, &only);
            }
        }
        self.properties(schema, default, path, only);
    }

    fn properties(&mut self, schema: &'a Value, default: Option<&Value>, path: &str, only: &[String]) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (key, inner) in properties.into_iter().flatten().filter(|(_, inner)| !is_tag(inner)) {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let own = inner
                .get("default")
                .or_else(|| default?.get(key))
                .or_else(|| self.target(inner).get("default"));
            if let Some((table, list)) = self.table_in(inner) {
                let path = if list { format!("{path}[]") } else { path.clone() };
                self.table(table, own, &path, only);
                // Some are a table or something plain.
                if self.plain(inner).is_empty() {
                    continue;
                }
            }
            let required = schema.get("required").and_then(Value::as_array);
            let required = required.is_some_and(|all| all.iter().any(|one| one == key));
            self.add(Setting {
                path,
                only: vec![only.to_vec()],
                form: self.plain(inner).join(", or "),
                default: own.filter(|own| !own.is_null()).map(toml),
                required,
                meaning: self.meaning(inner),
                words: self.words(inner),
            });
        }
    }

    /// A value that a table may have for a name.
    fn name(&mut self, path: &str, tag: &str, name: &Value, variant: &Value, default: Option<&Value>) {
        let path = if path.is_empty() { tag.to_owned() } else { format!("{path}.{tag}") };
        let word = (name.as_str().unwrap_or_default().to_owned(), text(variant, "description"));
        match self.found.iter_mut().find(|setting| setting.path == path) {
            Some(setting) => setting.words.extend([word]),
            None => self.found.push(Setting {
                path,
                only: vec![Vec::new()],
                form: "a name".to_owned(),
                default: default.map(toml),
                required: default.is_none(),
                meaning: "Which it is; the other settings of the table belong to it.".to_owned(),
                words: vec![word],
            }),
        }
    }

    /// Adds a setting, or to that of the same name and meaning the names that have it, too.
    fn add(&mut self, new: Setting) {
        let same = |old: &&mut Setting| {
            (&old.path, &old.form, &old.default, &old.meaning)
                == (&new.path, &new.form, &new.default, &new.meaning)
        };
        match self.found.iter_mut().find(same) {
            Some(old) => old.only.extend(new.only),
            None => self.found.push(new),
        }
    }

    /// The table that a value is or may be, and whether it is a list of them.
    fn table_in(&self, schema: &'a Value) -> Option<(&'a Value, bool)> {
        let schema = self.target(schema);
        if let Some(items) = schema.get("items") {
            return self.is_table(items).then_some((items, true));
        }
        if self.is_table(schema) {
            return Some((schema, false));
        }
        self.forms(schema).find_map(|form| self.table_in(form))
    }

    fn is_table(&self, schema: &'a Value) -> bool {
        let schema = self.target(schema);
        let tagged = |key: &str| {
            schema.get(key).and_then(Value::as_array).is_some_and(|all| {
                all.iter().any(|variant| tag(variant).is_some() || tag(self.target(variant)).is_some())
            })
        };
        schema.get("properties").is_some() || tagged("oneOf") || tagged("anyOf")
    }

    /// The alternatives of a value of several forms.
    fn forms(&self, schema: &'a Value) -> impl Iterator<Item = &'a Value> {
        ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|key| schema.get(key)?.as_array()).flatten()
    }

    /// What a value may be, in words, tables aside.
    fn plain(&self, schema: &'a Value) -> Vec<String> {
        let target = self.target(schema);
        let mut forms: Vec<String> = Vec::new();
        if target.get("const").is_some() || target.get("enum").is_some() {
            forms.push("a name".to_owned());
        } else if let Some(object) = target.as_object().filter(|object| object.contains_key("type")) {
            forms.extend(self.typed(object));
        }
        for form in self.forms(target).filter(|form| !self.is_table(form)) {
            forms.extend(self.plain(form));
        }
        let mut unique = Vec::new();
        forms.into_iter().for_each(|form| {
            if !unique.contains(&form) {
                unique.push(form)
            }
        });
        unique
    }

    fn typed(&self, schema: &'a Object) -> Vec<String> {
        let kinds: Vec<&str> = match &schema["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let ranged = |form: &str| match Range::of(&Value::Object(schema.clone())) {
            Some(range) => format!("{form} {range}"),
            None => form.to_owned(),
        };
        let words = |kind: &str| match kind {
            "integer" => Some(ranged("a whole number")),
            "number" => Some(ranged("a number")),
            "boolean" => Some("true or false".to_owned()),
            "string" => Some("text".to_owned()),
            "object" if !schema.contains_key("properties") && !schema.contains_key("oneOf") => {
                Some("a table".to_owned())
            }
            "array" => {
                let one = schema.get("items").or_else(|| schema.get("prefixItems")?.get(0))?;
                (!self.is_table(one)).then(|| {
                    let count = schema.get("minItems").filter(|least| Some(*least) == schema.get("maxItems"));
                    let count = count.map(|count| format!(" of {count}")).unwrap_or_default();
                    format!("a list{count}, each {}", self.plain(one).join(", or "))
                })
            }
            _ => None,
        };
        kinds.into_iter().filter_map(words).collect()
    }

    /// The names that a value may have, with what they mean.
    fn words(&self, schema: &'a Value) -> Vec<(String, String)> {
        let target = self.target(schema);
        let word =
            |value: &Value, about: &Value| Some((value.as_str()?.to_owned(), text(about, "description")));
        if let Some(value) = target.get("const") {
            return word(value, target).into_iter().collect();
        }
        let listed = target.get("enum").and_then(Value::as_array).into_iter().flatten();
        let mut words: Vec<_> = listed.filter_map(|value| word(value, &Value::Null)).collect();
        if let Some(items) = target.get("items") {
            words.extend(self.words(items));
        }
        words
            .extend(self.forms(target).filter(|form| !self.is_table(form)).flat_map(|form| self.words(form)));
        words
    }

    fn meaning(&self, schema: &'a Value) -> String {
        let own = text(schema, "description");
        if own.is_empty() { text(self.target(schema), "description") } else { own }
    }

    /// What a reference refers to; a choice between something and nothing is the something.
    fn target(&self, schema: &'a Value) -> &'a Value {
        let referred = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix('#'));
        if let Some(inner) = referred.and_then(|pointer| self.root.pointer(pointer)) {
            return self.target(inner);
        }
        let null = |form: &Value| form.get("type").is_some_and(|kind| kind == "null");
        match schema.get("anyOf").and_then(Value::as_array).map(Vec::as_slice) {
            Some([inner, nothing]) if null(nothing) => self.target(inner),
            _ => schema,
        }
    }
}

/// The property of a table that has one value, and it.
fn tag(schema: &Value) -> Option<(&str, &Value)> {
    let properties = schema.get("properties")?.as_object()?;
    properties.iter().find_map(|(key, inner)| Some((key.as_str(), inner.get("const")?)))
}

/// Whether a property is the name of its table, or the place of a rule's own settings, which are listed in `credit`.
fn is_tag(schema: &Value) -> bool {
    schema.get("const").is_some() || text(schema, "description").starts_with("Settings of the rule ")
}

fn text(schema: &Value, key: &str) -> String {
    let text = schema.get(key).and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A default as it would be written.
fn toml(value: &Value) -> String {
    match value {
        Value::Array(all) => format!("[{}]", all.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(all) => {
            let entry = |(key, value): (&String, &Value)| format!("{key} = {}", toml(value));
            format!("{{ {} }}", all.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        plain => plain.to_string(),
    }
}
