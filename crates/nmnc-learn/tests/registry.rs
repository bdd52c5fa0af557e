//! Both registries: what settings resolve to, byte by byte, what typing errors are told, and what editors are shown.

use nmnc_learn::credit::{CreditConfig, rule_names};
use nmnc_learn::recurrent::{TimeCreditConfig, time_rule_names};
use nmnc_learn::registry::{RuleChoice, RuleKind};
use serde_json::Value;

const GOLDEN: &str = include_str!("golden/credit.txt");

fn choice<K: RuleKind>(rule: &str, settings: &[&str]) -> RuleChoice<K> {
    RuleChoice::new(rule, settings.join("\n").parse().unwrap())
}

fn text<K: RuleKind>(choice: &RuleChoice<K>) -> String {
    #[derive(serde::Serialize)]
    #[serde(bound = "")]
    struct File<'a, K: RuleKind> {
        credit: &'a RuleChoice<K>,
    }
    toml::to_string_pretty(&File { credit: choice }).unwrap()
}

fn resolved<K: RuleKind>(rule: &str, settings: &[&str]) -> String {
    let resolved = choice::<K>(rule, settings).resolve().unwrap();
    assert_eq!(resolved.resolve().unwrap(), resolved, "{rule}");
    text(&resolved)
}

#[test]
fn settings_resolve_to_the_bytes_that_hashes_of_runs_stand_on() {
    let mut seen = Vec::new();
    for case in GOLDEN.split("#= ").skip(1) {
        let (title, expected) = case.split_once('\n').unwrap();
        let (kind, rest) = title.split_once(' ').unwrap();
        let (rule, settings) = rest.split_once(':').unwrap();
        let settings: Vec<&str> = settings.split("; ").map(str::trim).collect();
        let found = match kind {
            "layered" => resolved::<nmnc_learn::credit::Layered>(rule, &settings),
            _ => resolved::<nmnc_learn::recurrent::OverTime>(rule, &settings),
        };
        assert_eq!(found.trim_end(), expected.trim_end(), "{title}");
        seen.push((kind, rule));
    }
    for rule in rule_names() {
        assert!(seen.contains(&("layered", rule)), "{rule} has no golden text");
    }
    for rule in time_rule_names() {
        assert!(seen.contains(&("recurrent", rule)), "{rule} over time has no golden text");
    }
}

#[test]
fn typing_errors_in_settings_over_time_are_pointed_out() {
    let message =
        |text: &str| toml::from_str::<TimeCreditConfig>(text).unwrap().resolve().unwrap_err().to_string();
    assert_eq!(
        message("rule = 'nmcn'"),
        "credit.rule: unknown rule `nmcn` for recurrent networks; did you mean `nmnc`?"
    );
    assert_eq!(message("rule = 'vnc'\nlgas = 3"), "credit: unknown setting `lgas`; did you mean `lags`?");
    assert_eq!(message("rule = 'vnc'\nsigm = 1.0"), "credit: unknown setting `sigm`; did you mean `sigma`?");
    assert_eq!(
        message("rule = 'bptt'\n[nmnc]\nmanifold = { dimensoin = 3 }"),
        "credit.nmnc.manifold: unknown setting `dimensoin`; did you mean `dimension`?"
    );
    assert_eq!(message("rule = 'vnc'\neta = 0.0"), "credit.eta: 0 is not in (0, 1]");
}

/// The properties of every rule in a schema, by name.
fn properties(schema: &schemars::Schema) -> Vec<(String, serde_json::Map<String, Value>)> {
    let variants = schema.as_value()["oneOf"].as_array().expect("one schema a rule");
    let own = |variant: &Value| {
        let properties = variant["properties"].as_object().unwrap().clone();
        (properties["rule"]["const"].as_str().unwrap().to_owned(), properties)
    };
    variants.iter().map(own).collect()
}

fn every_setting_is_in_the_schema<K: RuleKind>(schema: &schemars::Schema) {
    for (rule, properties) in properties(schema) {
        let resolved = RuleChoice::<K>::preset(&rule).resolve().unwrap();
        for key in resolved.settings.keys() {
            assert!(properties.contains_key(key), "{rule} has {key}: {properties:?}");
            assert!(properties[key].get("description").is_some(), "{rule}.{key} is not described");
        }
    }
    for variant in schema.as_value()["oneOf"].as_array().unwrap() {
        // Whatever else stands there is underlined.
        let closed = variant.get("additionalProperties").or(variant.get("unevaluatedProperties"));
        assert_eq!(closed, Some(&Value::Bool(false)), "{variant}");
    }
}

#[test]
fn schemas_hold_every_setting_of_every_rule_and_no_more() {
    let layered = schemars::schema_for!(CreditConfig);
    every_setting_is_in_the_schema::<nmnc_learn::credit::Layered>(&layered);
    let over_time = schemars::schema_for!(TimeCreditConfig);
    every_setting_is_in_the_schema::<nmnc_learn::recurrent::OverTime>(&over_time);
    let names: Vec<String> = properties(&over_time).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, time_rule_names().collect::<Vec<_>>());
}
