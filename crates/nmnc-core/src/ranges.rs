//! What numbers a setting may have: written once, at the setting, as a part of its JSON schema, and checked from there.
//!
//! ```
//! use nmnc_core::ranges;
//!
//! #[derive(serde::Serialize, schemars::JsonSchema)]
//! struct Settings {
//!     #[schemars(transform = ranges::EPOCHS.stated())]
//!     epochs: u64,
//! }
//! let problem = ranges::check(&Settings { epochs: 0 }).unwrap_err();
//! assert_eq!(problem.to_string(), "epochs: 0 is not from 1 to 1000000000");
//! ```

use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The numbers from one to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    least: f64,
    most: f64,
    /// Whether the ends belong to it.
    closed: [bool; 2],
}

/// Times that something happens, or things that there are: examples, trials, probes.
pub const COUNT: Range = Range::closed(1.0, 1e9);
/// As [`COUNT`], or none.
pub const COUNT_OR_NONE: Range = Range::closed(0.0, 1e9);
/// Examples that have a covariance.
pub const SAMPLES: Range = Range::closed(2.0, 1e9);
/// Passes over the training examples. With as many steps a pass as there are examples, steps stay within 64 bits.
pub const EPOCHS: Range = Range::closed(1.0, 1e9);
/// Seeds, which a configuration writes as whole numbers of 64 bits with a sign.
pub const SEED: Range = Range::closed(0.0, i64::MAX as f64);
/// Training steps between two events.
pub const INTERVAL: Range = Range::closed(1.0, 1e15);
/// As [`INTERVAL`], or 0 for never.
pub const INTERVAL_OR_NEVER: Range = Range::closed(0.0, 1e15);
/// Units, channels and sides of a stage.
pub const SIZE: Range = Range::closed(1.0, nmnc_kernels::LARGEST_SIZE as f64);
/// As [`SIZE`], or nothing.
pub const SIZE_OR_NONE: Range = Range::closed(0.0, nmnc_kernels::LARGEST_SIZE as f64);
/// Units of a recurrent network, which has a weight for each pair of them.
pub const UNITS: Range = Range::closed(1.0, 65_536.0);
/// Durations that take time, in milliseconds: up to an hour, in whole microseconds.
pub const MILLISECONDS: Range = Range::closed(1e-3, 3.6e6);
/// Durations, in milliseconds: up to an hour.
pub const DURATION: Range = Range::closed(0.0, 3.6e6);
/// Numbers above 0.
pub const POSITIVE: Range = Range::above_zero(1e12);
/// Factors on what a configuration has anyway.
pub const FACTOR: Range = Range::above_zero(1e6);
/// Scales of weights, such that single precision holds them.
pub const SCALE: Range = Range::above_zero(1e30);
/// Strengths of penalties and noise.
pub const STRENGTH: Range = Range::closed(0.0, 1e6);
/// Weights and fractions above 0, up to all.
pub const WEIGHT: Range = Range::above_zero(1.0);
/// Fractions that leave something on both sides.
pub const FRACTION: Range = Range { least: 0.0, most: 1.0, closed: [false, false] };
/// Shares that leave something to others.
pub const SHARE: Range = Range { least: 0.0, most: 1.0, closed: [true, false] };
/// Exponents of variances.
pub const EXPONENT: Range = Range::closed(0.0, 4.0);
/// Rates of decay, of which 1 would never decay.
pub const DECAY: Range = Range { least: 0.0, most: 1.0, closed: [true, false] };

impl Range {
    /// From `least` to `most`, both among them.
    pub const fn closed(least: f64, most: f64) -> Self {
        Self { least, most, closed: [true, true] }
    }

    /// Above 0, up to `most`.
    pub const fn above_zero(most: f64) -> Self {
        Self { least: 0.0, most, closed: [false, true] }
    }

    /// The upper end.
    pub const fn most(&self) -> f64 {
        self.most
    }

    /// The range that the schema of a number states, if it states both ends.
    pub fn of(schema: &Value) -> Option<Self> {
        let end = |closed: &str, open: &str| {
            let at = |key: &str| schema.get(key).and_then(Value::as_f64);
            at(open).map(|end| (end, false)).or(at(closed).map(|end| (end, true)))
        };
        let (least, low) = end("minimum", "exclusiveMinimum")?;
        let (most, high) = end("maximum", "exclusiveMaximum")?;
        Some(Self { least, most, closed: [low, high] })
    }

    /// Its ends.
    pub fn ends(self) -> [f64; 2] {
        [self.least, self.most]
    }

    /// Whether it has the number.
    pub fn contains(self, number: f64) -> bool {
        let [low, high] = self.closed;
        (if low { number >= self.least } else { number > self.least })
            && (if high { number <= self.most } else { number < self.most })
    }

    /// What states it in the schema of a setting: `#[schemars(transform = range.stated())]`.
    pub fn stated(self) -> impl FnMut(&mut Schema) {
        move |schema| self.mark(schema.ensure_object())
    }

    /// Writes the ends into the schema of a number, or into those of the numbers in a list of them.
    fn mark(self, schema: &mut Map<String, Value>) {
        if is(schema, "integer") || is(schema, "number") {
            let whole = is(schema, "integer");
            let number = |end: f64| if whole { Value::from(end as i64) } else { Value::from(end) };
            schema.remove("minimum");
            let keys = [["exclusiveMinimum", "minimum"], ["exclusiveMaximum", "maximum"]];
            for ((keys, closed), end) in keys.into_iter().zip(self.closed).zip(self.ends()) {
                schema.insert(keys[usize::from(closed)].to_owned(), number(end));
            }
        }
        for key in ["items", "anyOf", "prefixItems"] {
            match schema.get_mut(key) {
                Some(Value::Object(inner)) => self.mark(inner),
                Some(Value::Array(all)) => {
                    all.iter_mut().filter_map(Value::as_object_mut).for_each(|s| self.mark(s))
                }
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [least, most] = self.ends().map(plain);
        match self.closed {
            [true, true] => write!(f, "from {least} to {most}"),
            [low, high] => {
                let [open, close] = [if low { '[' } else { '(' }, if high { ']' } else { ')' }];
                write!(f, "in {open}{least}, {most}{close}")
            }
        }
    }
}

/// A number as people write it.
fn plain(number: f64) -> String {
    if number == i64::MAX as f64 {
        return "2^63 - 1".to_owned();
    }
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) { format!("{number:e}") } else { number.to_string() }
}

/// Checks every number of `settings` against the range that its schema states.
///
/// # Errors
/// The first number out of its range, by its dotted key.
pub fn check<T: Serialize + JsonSchema>(settings: &T) -> Result<()> {
    match toml::Value::try_from(settings) {
        Ok(value) => walk::<T>(&json(&value)),
        // A whole number beyond those of TOML.
        Err(_) => match serde_json::to_value(settings) {
            Ok(value) => walk::<T>(&value),
            Err(error) => Err(Error::config("", error)),
        },
    }
}

/// As [`check`], of settings that are about to be read as a `T`: what has another form is left to the reading.
///
/// # Errors
/// As [`check`].
pub fn check_table<T: JsonSchema>(table: &toml::Table) -> Result<()> {
    walk::<T>(&json(&toml::Value::Table(table.clone())))
}

/// A value with numbers that are not finite as words, which no number can be.
fn json(value: &toml::Value) -> Value {
    match value {
        toml::Value::Float(number) => match serde_json::Number::from_f64(*number) {
            Some(number) => Value::Number(number),
            None => Value::String(number.to_string()),
        },
        toml::Value::Integer(number) => Value::from(*number),
        toml::Value::Boolean(flag) => Value::Bool(*flag),
        toml::Value::Array(all) => all.iter().map(json).collect(),
        toml::Value::Table(all) => {
            Value::Object(all.iter().map(|(key, value)| (key.clone(), json(value))).collect())
        }
        toml::Value::String(text) if non_finite(text) => Value::String(format!("'{text}'")),
        toml::Value::String(text) => Value::String(text.clone()),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
    }
}

fn non_finite(text: &str) -> bool {
    ["NaN", "inf", "-inf"].contains(&text)
}

fn walk<T: JsonSchema>(value: &Value) -> Result<()> {
    let schema = schemars::schema_for!(T);
    Walk { root: schema.as_value() }.check(schema.as_value(), value, "")
}

/// A walk through a schema and a value side by side.
struct Walk<'a> {
    root: &'a Value,
}

impl Walk<'_> {
    fn check(&self, schema: &Value, value: &Value, place: &str) -> Result<()> {
        let Some(schema) = schema.as_object() else { return Ok(()) };
        if let Some(target) = self.target(schema) {
            self.check(target, value, place)?;
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(all) = schema.get(key).and_then(Value::as_array) {
                self.check_one(all, value, place)?;
            }
        }
        for inner in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.check(inner, value, place)?;
        }
        match value {
            Value::Object(values) => {
                let properties = schema.get("properties").and_then(Value::as_object);
                for (key, value) in values {
                    let inner =
                        properties.and_then(|all| all.get(key)).or(schema.get("additionalProperties"));
                    let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                    inner.map_or(Ok(()), |inner| self.check(inner, value, &place))?;
                }
                Ok(())
            }
            Value::Array(values) => {
                let first = schema.get("prefixItems").and_then(Value::as_array);
                for (index, value) in values.iter().enumerate() {
                    let inner = first.and_then(|all| all.get(index)).or(schema.get("items"));
                    let place = format!("{place}[{index}]");
                    inner.map_or(Ok(()), |inner| self.check(inner, value, &place))?;
                }
                Ok(())
            }
            _ => check_number(schema, value, place),
        }
    }

    fn target(&self, schema: &Map<String, Value>) -> Option<&Value> {
        let name = schema.get("$ref")?.as_str()?;
        self.root.pointer(name.strip_prefix('#')?)
    }

    /// Alternatives: one of those that the value has the form of must have it.
    fn check_one(&self, all: &[Value], value: &Value, place: &str) -> Result<()> {
        let mut first = None;
        for schema in all.iter().filter(|schema| self.fits(schema, value)) {
            match self.check(schema, value, place) {
                Ok(()) => return Ok(()),
                Err(problem) => first = first.or(Some(problem)),
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// Whether the value has the form that the schema describes, numbers aside.
    fn fits(&self, schema: &Value, value: &Value) -> bool {
        let Some(schema) = schema.as_object() else { return true };
        let kind = match value {
            Value::Object(_) => "object",
            Value::Array(_) => "array",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(text) if non_finite(text) => "number",
            Value::String(_) => "string",
            Value::Bool(_) => "boolean",
            Value::Null => "null",
        };
        let typed =
            !schema.contains_key("type") || is(schema, kind) || (kind == "integer" && is(schema, "number"));
        let same = schema.get("const").is_none_or(|wanted| wanted == value);
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        let given = required.filter_map(Value::as_str).all(|key| value.get(key).is_some());
        let tagged = schema.get("properties").and_then(Value::as_object).is_none_or(|all| {
            all.iter().all(|(key, inner)| {
                inner.get("const").is_none_or(|wanted| value.get(key).is_none_or(|found| found == wanted))
            })
        });
        typed && same && given && tagged && self.target(schema).is_none_or(|target| self.fits(target, value))
    }
}

fn is(schema: &Map<String, Value>, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(own)) => own == kind,
        Some(Value::Array(all)) => all.iter().any(|own| own == kind),
        _ => false,
    }
}

fn check_number(schema: &Map<String, Value>, value: &Value, place: &str) -> Result<()> {
    let (number, text) = match value {
        Value::Number(number) if number.is_f64() => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            (number, plain(number))
        }
        Value::Number(number) => (number.as_f64().unwrap_or(f64::NAN), number.to_string()),
        Value::String(text) if non_finite(text) => (f64::NAN, text.clone()),
        _ => return Ok(()),
    };
    let Some(range) = Range::of(&Value::Object(schema.clone())) else { return Ok(()) };
    match range.contains(number) {
        true => Ok(()),
        false => Err(Error::config(place, format!("{text} is not {range}"))),
    }
}
