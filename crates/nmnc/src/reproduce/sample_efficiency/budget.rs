//! From a budget of probes to settings.

use serde::Deserialize;

/// How a rule spends probes, and so which of its settings a budget decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Spending {
    /// It perturbs nothing.
    Nothing,
    /// It perturbs the batches of some training steps to update its feedback, each stage in a pass of its own: the budget decides
    /// the steps between updates, or above one probe a stage and example the probes of each.
    Updates,
    /// It perturbs every example of every step, each stage in a pass of its own: the budget decides the probes of each.
    Examples,
    /// It perturbs examples beside the batches, all stages in one pass: the budget decides how many at an update, or below one a step
    /// the steps between updates.
    Passes,
    /// As that, after spending up to half of its budget, and no more than 4096 probes, before the first step.
    PassesAfterStart,
}

/// Most probes before the first step.
const START: u64 = 4096;

/// What a budget depends on beside the rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Training {
    /// Number of stages.
    pub stages: usize,
    /// Training steps in all; none where they are not known before the data are read.
    pub steps: Option<u64>,
    /// Examples of a step.
    pub batch: u64,
}

impl Spending {
    /// Changes of `[credit]` such as `credit.interval=30` that spend about `budget` probes per training example.
    ///
    /// # Errors
    /// Why that is not possible, in words.
    pub fn settings(self, budget: f64, training: Training) -> Result<Vec<String>, String> {
        let stages = training.stages as f64;
        let whole = |value: f64| value.round().max(1.0) as u64;
        match self {
            Self::Nothing => Err("perturbs nothing".to_owned()),
            Self::Updates if budget > stages => {
                Ok(vec![set("interval", 1), set("probes", whole(budget / stages))])
            }
            Self::Updates => {
                let interval = whole(stages / budget);
                match training.steps {
                    Some(steps) if interval > steps => {
                        Err(format!("an update every {interval} steps, of which there are {steps}"))
                    }
                    _ => Ok(vec![set("interval", interval), set("probes", 1)]),
                }
            }
            Self::Examples if budget < stages => {
                Err(format!("needs {stages} at least, one a stage and example"))
            }
            Self::Examples => Ok(vec![set("probes", whole(budget / stages))]),
            Self::Passes => passes(budget * training.batch as f64, training.steps),
            Self::PassesAfterStart => {
                let batch = training.batch as f64;
                let examples = training.steps.map(|steps| steps as f64 * batch);
                let start = examples.map_or(0.0, |n| (0.5 * budget * n).min(START as f64).floor());
                let rest = budget * batch - start / training.steps.unwrap_or(1) as f64;
                let mut settings = passes(rest, training.steps)?;
                settings.push(set("initial", start as u64));
                Ok(settings)
            }
        }
    }

    /// The possible budget nearest to `budget`.
    pub fn nearest(self, budget: f64, training: Training) -> Option<f64> {
        match self {
            Self::Nothing => None,
            Self::Updates => Some(match training.steps {
                Some(steps) => budget.max(training.stages as f64 / steps as f64),
                None => budget,
            }),
            Self::Examples => Some(budget.max(training.stages as f64)),
            Self::Passes | Self::PassesAfterStart => Some(match training.steps {
                Some(steps) => budget.max(2.0 / (steps * training.batch) as f64),
                None => budget,
            }),
        }
    }
}

/// Settings that spend `rate` probes a step.
fn passes(rate: f64, steps: Option<u64>) -> Result<Vec<String>, String> {
    let (interval, probes) = match rate >= 1.0 {
        true => (1, rate.round() as u64),
        false => ((1.0 / rate).round() as u64, 1),
    };
    match steps {
        Some(steps) if interval > steps => {
            Err(format!("a probe every {interval} steps, of which there are {steps}"))
        }
        _ => Ok(vec![set("interval", interval), set("probes", probes)]),
    }
}

fn set(key: &str, value: u64) -> String {
    format!("credit.{key}={value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRAINING: Training = Training { stages: 3, steps: Some(1000), batch: 100 };

    #[test]
    fn a_budget_becomes_an_interval_or_probes() {
        let of = |budget| Spending::Updates.settings(budget, TRAINING);
        assert_eq!(of(0.1).unwrap(), ["credit.interval=30", "credit.probes=1"]);
        assert_eq!(of(1.0).unwrap(), ["credit.interval=3", "credit.probes=1"]);
        assert_eq!(of(3.0).unwrap(), ["credit.interval=1", "credit.probes=1"]);
        assert_eq!(of(10.0).unwrap(), ["credit.interval=1", "credit.probes=3"]);
        assert_eq!(of(0.001).unwrap_err(), "an update every 3000 steps, of which there are 1000");
        let unknown = Training { steps: None, ..TRAINING };
        assert_eq!(Spending::Updates.settings(0.001, unknown).unwrap()[0], "credit.interval=3000");
    }

    #[test]
    fn without_memory_every_example_needs_its_probes() {
        let of = |budget| Spending::Examples.settings(budget, TRAINING);
        assert_eq!(of(10.0).unwrap(), ["credit.probes=3"]);
        assert_eq!(of(1.0).unwrap_err(), "needs 3 at least, one a stage and example");
        assert!(Spending::Nothing.settings(1.0, TRAINING).is_err());
    }

    #[test]
    fn passes_beside_the_batch_serve_all_stages() {
        let of = |budget| Spending::Passes.settings(budget, TRAINING);
        assert_eq!(of(0.1).unwrap(), ["credit.interval=1", "credit.probes=10"]);
        assert_eq!(of(0.001).unwrap(), ["credit.interval=10", "credit.probes=1"]);
        assert!(of(1e-6).is_err());
        let of = |budget| Spending::PassesAfterStart.settings(budget, TRAINING);
        // Of 10,000 probes 4096 at the start, the rest in 1000 steps; of 100, half.
        assert_eq!(of(0.1).unwrap(), ["credit.interval=1", "credit.probes=6", "credit.initial=4096"]);
        assert_eq!(of(0.001).unwrap(), ["credit.interval=20", "credit.probes=1", "credit.initial=50"]);
    }

    #[test]
    fn the_nearest_budget_is_possible() {
        for spending in [Spending::Updates, Spending::Examples, Spending::Passes, Spending::PassesAfterStart]
        {
            for budget in [1e-3, 0.1, 10.0] {
                let nearest = spending.nearest(budget, TRAINING).unwrap();
                assert!(spending.settings(nearest, TRAINING).is_ok(), "{spending:?} {budget}");
            }
        }
        assert_eq!(Spending::Examples.nearest(0.1, TRAINING), Some(3.0));
        assert_eq!(Spending::Updates.nearest(0.1, TRAINING), Some(0.1));
        assert_eq!(Spending::Nothing.nearest(0.1, TRAINING), None);
    }
}
