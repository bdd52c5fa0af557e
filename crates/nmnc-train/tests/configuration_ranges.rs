//! Every number of a configuration has a range in the schema; at its ends and beyond, a configuration is resolved and built or told off in
//! one line, and nothing panics, aborts or wraps.

use nmnc_core::ranges::Range;
use nmnc_core::{Seed, device};
use nmnc_data::tasks::TASKS;
use nmnc_learn::credit::rule_names;
use nmnc_learn::recurrent::time_rule_names;
use nmnc_train::{AnyConfig, Config, SequenceConfig};
use schemars::schema_for;
use serde_json::Value;

const LAYERED: &str = "
    network = { preset = 'mlp', widths = [6, 5] }
    data = { train_limit = 40 }
    train = { epochs = 1, batch = 8, replicas = 2, clip_norm = 1.0 }
    metrics = { samples = 20, dimension = 3 }";

const STAGES: &str = "
    credit = { rule = 'bp' }
    data = { train_limit = 40, standardize = { mean = [0.2], sd = [0.4] } }
    network.stages = [{ kind = 'conv', channels = 3, padding = 1 }, { kind = 'dense', units = 5 }]";

const OVER_TIME: &str = "
    recurrent = { units = 6, tau = 150, density = 0.5, excitatory = 0.8, readout_dimension = 2, state_noise = 0.1 }
    train = { epochs = 1, trials = 16, batch = 8, replicas = 2, evaluation = 10 }
    metrics = { dimension = 3, lags = 2 }";

fn is_number(schema: &Value) -> bool {
    let of = |kind: &Value| kind == "integer" || kind == "number";
    match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(of),
        Some(kind) => of(kind),
        None => false,
    }
}

/// All numbers of a schema without both ends, wherever they stand.
fn without_range(schema: &Value, place: &str, found: &mut Vec<String>) -> usize {
    let own = usize::from(is_number(schema));
    if own == 1 && Range::of(schema).is_none() {
        found.push(place.to_owned());
    }
    let inner: usize = match schema {
        Value::Object(all) => {
            all.iter().map(|(key, value)| without_range(value, &format!("{place}/{key}"), found)).sum()
        }
        Value::Array(all) => all.iter().map(|value| without_range(value, place, found)).sum(),
        _ => 0,
    };
    own + inner
}

#[test]
fn every_number_of_every_setting_has_a_range() {
    let mut found = Vec::new();
    let layered = without_range(schema_for!(Config).as_value(), "", &mut found);
    let over_time = without_range(schema_for!(SequenceConfig).as_value(), "", &mut found);
    assert!(found.is_empty(), "{found:#?}");
    assert!(layered > 60 && over_time > 60, "{layered} and {over_time} numbers");
}

/// A number of a configuration: where it stands and what it may be.
struct Number {
    path: Vec<String>,
    whole: bool,
    list: bool,
    range: Range,
}

/// The numbers that the schema knows below `value`, given there or not.
fn numbers(
    root: &Value,
    schema: &Value,
    value: Option<&toml::Value>,
    path: &[String],
    found: &mut Vec<Number>,
) {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        numbers(root, root.pointer(&target[1..]).unwrap(), value, path, found);
    }
    if is_number(schema) || schema.get("items").is_some_and(is_number) {
        let list = !is_number(schema);
        let number = if list { &schema["items"] } else { schema };
        let whole = number["type"].to_string().contains("integer");
        let range = Range::of(number).unwrap();
        found.push(Number { path: path.to_vec(), whole, list, range });
    }
    for key in ["anyOf", "oneOf"] {
        for inner in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
            let tags = inner.get("properties").and_then(Value::as_object).into_iter().flatten();
            let fits = tags.filter_map(|(key, tag)| Some((key, tag.get("const")?))).all(|(key, tag)| {
                value.and_then(|value| value.get(key)).and_then(toml::Value::as_str) == tag.as_str()
            });
            if fits {
                numbers(root, inner, value, path, found);
            }
        }
    }
    for (key, inner) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path: Vec<String> = path.iter().cloned().chain([key.clone()]).collect();
        numbers(root, inner, value.and_then(|value| value.get(key)), &path, found);
    }
    if let (Some(items), Some(toml::Value::Array(all))) = (schema.get("items"), value) {
        for (index, value) in all.iter().enumerate().filter(|(_, value)| value.is_table()) {
            let path: Vec<String> = path.iter().cloned().chain([index.to_string()]).collect();
            numbers(root, items, Some(value), &path, found);
        }
    }
}

impl Number {
    /// Its ends, what is beside them, and what is never right or often forgotten.
    fn trials(&self) -> Vec<(toml::Value, bool)> {
        let [least, most] = self.range.ends();
        if self.whole {
            let (least, most) = (least as i64, most as i64);
            let all =
                [least, most, least.saturating_sub(1), most.saturating_add(1), 0, -1, i64::MAX, i64::MIN];
            return all.map(|n| (toml::Value::Integer(n), (least..=most).contains(&n))).to_vec();
        }
        let beside = [least.next_down(), least.next_up(), most.next_down(), most.next_up()];
        let never =
            [0.0, -1.0, f64::MAX, f64::MIN, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        let all = [least, most].into_iter().chain(beside).chain(never);
        all.map(|n| (toml::Value::Float(n), self.range.contains(n))).collect()
    }

    /// The table with this number in its place.
    fn put(&self, table: &toml::Table, number: &toml::Value) -> toml::Table {
        let mut table = table.clone();
        let (last, path) = self.path.split_last().unwrap();
        let mut inner = toml::Value::Table(table);
        let mut place = &mut inner;
        for key in path {
            place = match place {
                toml::Value::Array(all) => &mut all[key.parse::<usize>().unwrap()],
                toml::Value::Table(all) => {
                    all.entry(key.clone()).or_insert_with(|| toml::Table::new().into())
                }
                _ => panic!("{key} is in no table"),
            };
        }
        let place = place.as_table_mut().unwrap();
        let length = place.get(last).and_then(toml::Value::as_array).map_or(1, Vec::len);
        let value = if self.list { toml::Value::Array(vec![number.clone(); length]) } else { number.clone() };
        place.insert(last.clone(), value);
        table = inner.as_table().unwrap().clone();
        table
    }
}

/// Resolves it, and builds all parts if they are small.
fn resolve_and_build(text: &str) -> Result<(), String> {
    let resolved = AnyConfig::parse(text, "x", &[]).and_then(|config| config.resolve());
    let resolved = resolved.map_err(|error| error.to_string())?;
    let line = |error: nmnc_core::Error| error.to_string();
    let small = 1 << 25;
    match resolved.into_inner() {
        AnyConfig::Images(config) => {
            let config = config.resolve().map_err(line)?;
            if config.need([1, 12, 12], 4, [40, 20], None).map_err(line)?.total() < small {
                config.classifier([1, 12, 12], 4, &device::open("flex").unwrap()).map(drop).map_err(line)?;
                config.learner(1 << 40);
            }
        }
        AnyConfig::Trials(config) => {
            let config = config.resolve().map_err(line)?;
            let task = config.task.open(Seed(0)).map_err(line)?;
            if config.need(task.as_ref()).map_err(line)?.total() < small {
                config.trials().map(drop).map_err(line)?;
                config.learner(1 << 40);
            }
        }
    }
    Ok(())
}

/// Tries the ends of every number whose path begins with `under`; how many were tried, and how many of them were right.
fn sweep(root: &Value, text: &str, under: &str) -> [usize; 2] {
    let table: toml::Table = text.parse().unwrap();
    resolve_and_build(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut found = Vec::new();
    numbers(root, root, Some(&toml::Value::Table(table.clone())), &[], &mut found);
    let mut counts = [0, 0];
    // Means need deviations beside them.
    let whole =
        |number: &&Number| text.contains("standardize") || !number.path.contains(&"standardize".to_owned());
    for number in found.iter().filter(|number| number.path[0].starts_with(under)).filter(whole) {
        for (value, inside) in number.trials() {
            let text = toml::to_string(&number.put(&table, &value)).unwrap();
            let outcome = resolve_and_build(&text);
            counts[0] += 1;
            counts[1] += usize::from(outcome.is_ok());
            let key = number.path.last().unwrap();
            match outcome {
                Ok(()) => assert!(inside, "{}: {value} is taken", number.path.join(".")),
                Err(line) => {
                    assert!(!line.contains('\n') && line.len() < 400, "{line}");
                    let told = line.contains(key.as_str()) && line.contains(&number.range.to_string());
                    assert!(inside || told, "{}: {value}: {line}", number.path.join("."));
                }
            }
        }
    }
    counts
}

#[test]
fn layered_configurations_stand_the_ends_of_their_numbers() {
    let schema = schema_for!(Config);
    let root = schema.as_value();
    let mut counts = [0, 0];
    let mut add = |tried: [usize; 2]| (counts[0] += tried[0], counts[1] += tried[1]);
    add(sweep(root, &format!("credit = {{ rule = 'bp' }}\n{LAYERED}"), ""));
    add(sweep(root, STAGES, ""));
    for optimizer in ["sgd", "adamw"] {
        let text = format!("credit = {{ rule = 'bp' }}\n{LAYERED}");
        let text = text.replace(
            "clip_norm = 1.0",
            &format!("optimizer = {{ name = '{optimizer}', learning_rate = 0.1 }}"),
        );
        add(sweep(root, &text, "train"));
    }
    for rule in rule_names() {
        add(sweep(root, &format!("credit = {{ rule = '{rule}' }}\n{LAYERED}"), "credit"));
    }
    let more = [
        "rule = 'mean-jacobian', manifold = { dimension = 4 }",
        "rule = 'nmnc', estimator = 'recursive-least-squares'",
        "rule = 'nmnc', manifold = { method = 'incremental' }",
        "rule = 'nmnc', budget = 0.5",
        "rule = 'nmnc', noise = 'covariance', estimator = 'kalman'",
        "rule = 'vnc', regions = { by = 'output' }",
        "rule = 'manifold-mirror', budget = 'auto'",
    ];
    for credit in more {
        add(sweep(root, &format!("credit = {{ {credit} }}\n{LAYERED}"), "credit"));
    }
    println!("{} configurations, {} of them built", counts[0], counts[1]);
    assert!(counts[0] > 800 && counts[1] > 100, "{counts:?}");
}

#[test]
fn configurations_over_time_stand_the_ends_of_their_numbers() {
    let schema = schema_for!(SequenceConfig);
    let root = schema.as_value();
    let mut counts = [0, 0];
    let mut add = |tried: [usize; 2]| (counts[0] += tried[0], counts[1] += tried[1]);
    let text = |task: &str, rule: &str| {
        format!("task = {{ name = '{task}' }}\ncredit = {{ rule = '{rule}' }}\n{OVER_TIME}")
    };
    for part in ["recurrent", "train", "metrics", "checkpoint", "seed"] {
        add(sweep(root, &text("DelayMatchSample", "bptt"), part));
    }
    for rule in time_rule_names() {
        add(sweep(root, &text("DelayMatchSample", rule), "credit"));
    }
    for task in TASKS.iter().filter(|task| task.name != "Recorded") {
        add(sweep(root, &text(task.name, "bptt"), "task"));
    }
    println!("{} configurations, {} of them built", counts[0], counts[1]);
    assert!(counts[0] > 800 && counts[1] > 100, "{counts:?}");
}
