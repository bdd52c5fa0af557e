//! Random draws of settings: each value is a function of the sweep's seed, the setting's name and the number of the draw.

use nmnc_core::config_text::deserialize;
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::{Role, Seed, Stream};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::{Table, Value};

/// Settings that are drawn.
pub(super) struct Draws {
    /// How often.
    pub draws: u64,
    pub seed: Seed,
    /// By dotted key.
    pub laws: Vec<(String, Law)>,
}

/// What a setting is drawn from.
pub(super) enum Law {
    /// One of these, each with the same probability.
    Choice(Vec<Value>),
    /// A number.
    Range(Range),
}

/// How a range is measured.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scale {
    #[default]
    Linear,
    Log,
}

/// Numbers from one to another, both of them included.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Range {
    from: f64,
    to: f64,
    #[serde(default)]
    scale: Scale,
    /// Whole numbers alone.
    #[serde(default)]
    whole: bool,
}

impl Law {
    /// Whether `table` is a range, rather than a table of settings to draw.
    pub fn is_range(table: &Table) -> bool {
        let number = |key: &str| table.get(key).is_some_and(|value| value.is_integer() || value.is_float());
        number("from") || number("to")
    }

    /// A range as it is written.
    ///
    /// # Errors
    /// Unknown or missing parts, or ends that are none.
    pub fn range(table: Table) -> Result<Self> {
        let range: Range = deserialize(table)?;
        let Range { from, to, scale, whole } = range;
        let wrong = |problem: String, mend: &str| Err(Error::config("", problem).mend(mend));
        if !(from.is_finite() && to.is_finite() && from < to) {
            return wrong(format!("from {from} to {to} is no range"), "`from` is below `to`");
        }
        if matches!(scale, Scale::Log) && from <= 0.0 {
            return wrong(format!("from {from} has no logarithm"), "start above 0, or leave out `scale`");
        }
        let most = (1_u64 << 53) as f64;
        if whole && (from.fract() != 0.0 || to.fract() != 0.0 || from.abs() > most || to.abs() > most) {
            return wrong(
                format!("from {from} to {to} are not whole numbers"),
                "give whole ends, or leave out `whole`",
            );
        }
        Ok(Self::Range(range))
    }
}

impl Draws {
    /// The values of the draw of this number, in the order of [`Draws::laws`].
    pub fn values(&self, draw: u64) -> Vec<Value> {
        self.laws.iter().map(|(key, law)| law.draw(&mut self.stream(key, draw))).collect()
    }

    /// By its name, so that settings that come or go leave the others what they are.
    fn stream(&self, key: &str, draw: u64) -> Stream {
        let digest = Sha256::digest(key);
        let index = digest.iter().take(3).fold(0, |index, byte| index << 8 | usize::from(*byte));
        self.seed.stream(Role::Sweep, index, draw)
    }
}

impl Law {
    fn draw(&self, stream: &mut Stream) -> Value {
        match self {
            Self::Choice(values) => values[stream.below(values.len())].clone(),
            Self::Range(range) => range.draw(stream),
        }
    }
}

impl Range {
    fn draw(&self, stream: &mut Stream) -> Value {
        let Self { from, to, scale, whole } = *self;
        // A whole number stands for what is rounded to it.
        let [low, high] = if whole { [from - 0.5, to + 0.5] } else { [from, to] };
        let part = stream.uniform();
        let value = match scale {
            Scale::Linear => low + part * (high - low),
            Scale::Log => (low.ln() + part * (high.ln() - low.ln())).exp(),
        };
        if whole {
            return Value::Integer(value.round().clamp(from, to) as i64);
        }
        // Few enough digits that names hold the very number.
        let rounded = format!("{value:.3e}").parse().unwrap_or(value);
        Value::Float(f64::clamp(rounded, from, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(seed: u64, text: &str) -> Draws {
        let law = |(key, value)| match value {
            Value::Array(values) => (key, Law::Choice(values)),
            Value::Table(range) => (key, Law::range(range).unwrap()),
            _ => unreachable!(),
        };
        let laws = text.parse::<Table>().unwrap().into_iter().map(law).collect();
        Draws { draws: 0, seed: Seed(seed), laws }
    }

    #[test]
    fn a_value_depends_on_seed_name_and_draw_alone() {
        let both = draws(1, "a = { from = 0, to = 1 }\nb = { from = 0, to = 1 }");
        let one = draws(1, "b = { from = 0, to = 1 }");
        let [first, second] = [both.values(7), both.values(8)];
        assert_eq!(one.values(7), [first[1].clone()]);
        assert!(first[0] != first[1] && first[0] != second[0]);
        assert_ne!(draws(2, "b = { from = 0, to = 1 }").values(7), one.values(7));
    }

    #[test]
    fn draws_follow_their_laws() {
        let count = 20_000;
        let all = draws(
            3,
            "l = { from = 1e-4, to = 1.0, scale = 'log' }\nw = { from = 1, to = 4, whole = true }\nc = ['x', 'y', 'z']\nu = { from = -1, to = 3 }",
        );
        let (mut logs, mut wholes, mut choices, mut sum) = ([0; 4], [0; 4], [0; 3], 0.0);
        for draw in 0..count {
            let values = all.values(draw);
            let number = values[0].as_float().unwrap();
            assert!((1e-4..=1.0).contains(&number));
            logs[(-number.log10().ceil()).clamp(0.0, 3.0) as usize] += 1;
            wholes[values[1].as_integer().unwrap() as usize - 1] += 1;
            choices["xyz".find(values[2].as_str().unwrap()).unwrap()] += 1;
            sum += values[3].as_float().unwrap();
        }
        // Within four standard errors of a share.
        let even = |counts: &[i32]| {
            let share = 1.0 / counts.len() as f64;
            let error = 4.0 * (share * (1.0 - share) * count as f64).sqrt();
            assert!(
                counts.iter().all(|&n| (f64::from(n) - share * count as f64).abs() < error),
                "{counts:?}"
            );
        };
        even(&logs);
        even(&wholes);
        even(&choices);
        assert!((sum / count as f64 - 1.0).abs() < 4.0 * (4.0 / 12f64.sqrt()) / (count as f64).sqrt());
    }

    #[test]
    fn numbers_have_four_digits() {
        let all = draws(0, "a = { from = 0.1, to = 0.9 }");
        for draw in 0..100 {
            let text = all.values(draw)[0].to_string();
            assert!(text.len() <= 6, "{text}");
        }
    }
}
