//! How long periods last.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use nmnc_core::error::{Error, Result};
use nmnc_core::ranges::DURATION;
use nmnc_core::seed::Stream;

/// How long a period lasts, in milliseconds: a number, or a distribution such as `{ uniform = [800, 1500] }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected milliseconds, or { uniform = [low, high] }, { choice = [..] } or \
                 { truncated_exponential = [mean, low, high] }"
)]
pub enum Span {
    /// Always the same.
    Fixed(#[schemars(transform = DURATION.stated())] f64),
    /// Drawn for each trial.
    Drawn(Draw),
}

/// A distribution of durations, in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Draw {
    /// Uniform between two numbers.
    Uniform(#[schemars(transform = DURATION.stated())] [f64; 2]),
    /// One of several, with equal probability.
    Choice(#[schemars(transform = DURATION.stated())] Vec<f64>),
    /// Exponential with the given mean, drawn again until it lies in [low, high): `[mean, low, high]`.
    TruncatedExponential(#[schemars(transform = DURATION.stated())] [f64; 3]),
}

impl Span {
    /// A duration in whole steps of `dt` milliseconds.
    pub(super) fn steps(&self, dt: f64, stream: &mut Stream) -> usize {
        let milliseconds = match self {
            Self::Fixed(value) => *value,
            Self::Drawn(Draw::Uniform([low, high])) => low + (high - low) * stream.uniform(),
            Self::Drawn(Draw::Choice(values)) => values[stream.below(values.len())],
            Self::Drawn(Draw::TruncatedExponential([mean, low, high])) => loop {
                let value = -mean * stream.uniform().ln();
                if (*low..*high).contains(&value) {
                    break value;
                }
            },
        };
        whole_steps(milliseconds, dt) as usize
    }

    /// The shortest and the longest it can be, in milliseconds.
    pub fn range(&self) -> [f64; 2] {
        match self {
            Self::Fixed(value) => [*value; 2],
            Self::Drawn(Draw::Uniform(range)) => *range,
            Self::Drawn(Draw::Choice(values)) => [
                values.iter().copied().fold(f64::INFINITY, f64::min),
                values.iter().copied().fold(0.0, f64::max),
            ],
            Self::Drawn(Draw::TruncatedExponential([_, low, high])) => [*low, *high],
        }
    }

    fn check(&self, place: &str) -> Result<()> {
        let bad = |problem: String| Err(Error::config(place, problem));
        if let Self::Drawn(Draw::Choice(values)) = self
            && values.is_empty()
        {
            return bad("has nothing to choose from".into());
        }
        let [low, high] = self.range();
        if low > high {
            return bad(format!("{low} to {high} ms is no duration"));
        }
        if let Self::Drawn(Draw::TruncatedExponential([mean, ..])) = self {
            // Drawing again and again has to end.
            let inside = |mean: f64| (-low / mean).exp() - (-high / mean).exp();
            if !(*mean > 0.0 && inside(*mean) > 1e-3) {
                return bad(format!("an exponential of mean {mean} hardly ever lies in {low} to {high} ms"));
            }
        }
        Ok(())
    }
}

/// Durations by name of the period.
pub type Timing = BTreeMap<String, Span>;

/// Steps of `dt` in a duration, both in milliseconds: rounded down as neurogym does, except that what lasts for less than a step takes
/// one, where neurogym leaves it out. What lasts for 0 ms is left out.
pub(super) fn whole_steps(milliseconds: f64, dt: f64) -> f64 {
    let least = if milliseconds > 0.0 { 1.0 } else { 0.0 };
    (milliseconds / dt).floor().max(least)
}

/// Steps of the longest trial.
pub(super) fn longest(timing: &Timing, dt: f64) -> usize {
    timing.values().map(|span| whole_steps(span.range()[1], dt) as usize).fold(0, usize::saturating_add)
}

/// Says which periods can be shorter than a step.
pub(super) fn stretched(timing: &Timing, dt: f64) -> Vec<String> {
    let told = |(name, span): (&String, &Span)| {
        // A period that can be of 0 ms has no shortest duration above.
        let shortest = match span {
            Span::Drawn(Draw::Choice(all)) => {
                all.iter().copied().filter(|ms| *ms > 0.0).fold(f64::INFINITY, f64::min)
            }
            _ => span.range()[0].max(f64::MIN_POSITIVE),
        };
        let [low, high] = span.range();
        (shortest < dt && high > 0.0).then(|| match span {
            Span::Fixed(ms) => {
                format!(
                    "task.timing.{name}: {ms} ms are less than a step of {dt} ms, and take one; lower task.dt to have it last as told"
                )
            }
            Span::Drawn(_) => format!(
                "task.timing.{name}: of {low} to {high} ms, what is less than a step of {dt} ms takes one; lower task.dt to have it \
                 last as told"
            ),
        })
    };
    timing.iter().filter_map(told).collect()
}

/// The timing `given` laid over a task's own, which names every period there is.
///
/// # Errors
/// An unknown period, or an impossible duration.
pub(super) fn resolve(given: &Timing, own: &[(&str, Span)]) -> Result<Timing> {
    let mut timing: Timing = own.iter().map(|(name, span)| ((*name).to_owned(), span.clone())).collect();
    for (name, span) in given {
        let place = format!("timing.{name}");
        if !timing.contains_key(name) {
            return Err(Error::config(&place, format!("the task has no period `{name}`"))
                .suggest(name, own.iter().map(|(name, _)| *name)));
        }
        span.check(&place)?;
        timing.insert(name.clone(), span.clone());
    }
    Ok(timing)
}
