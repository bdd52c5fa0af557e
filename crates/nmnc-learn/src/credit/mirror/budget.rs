//! How many probes, and where: fixed, or following what the probes themselves say of the feedback.

use super::config::{Budget, MirrorConfig, MirrorNoise};
use super::weights::Innovation;
use nmnc_core::error::Result;
use nmnc_core::state::State;

/// Probes of one update under an automatic budget: few updates of several cost less time than many of one.
pub(super) const BLOCK: f64 = 8.0;
/// Fewest probes a step under an automatic budget, so that a drift that starts again is seen.
const SLOWEST: f64 = 1.0 / 16.0;
/// Largest change of the rate at one update.
const PACE: f64 = 1.5;
/// Weight of the newest measurement of where probes tell most.
const FRESH: f64 = 0.2;
/// Bounds of the share of either kind of noise.
const SHARES: (f64, f64) = (0.1, 0.9);

/// How many of an update's probes lie where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Split {
    /// On the manifold.
    pub manifold: usize,
    /// Anywhere.
    pub isotropic: usize,
}

/// What is decided for the probes of the next update.
#[derive(Clone, Debug)]
pub(crate) struct Controller {
    budget: Budget,
    noise: MirrorNoise,
    /// Probes and steps of a fixed budget.
    fixed: (usize, u64),
    /// Most probes per training example in the long run, and the relative squared error aimed at.
    goal: (f64, f64),
    /// Probes that may still be taken (automatic budget).
    credit: f64,
    /// Probes a step.
    rate: f64,
    /// Probes that the rate has allowed and no update has taken.
    owed: f64,
    stages: Vec<StageBudget>,
}

/// Where one stage's probes go.
#[derive(Clone, Copy, Debug)]
struct StageBudget {
    /// Share of the probes on the manifold.
    share: f64,
    /// Fraction of a probe that the split has left over.
    rest: f64,
    /// Relative squared error of the predictions at the last update.
    error: f64,
}

impl Controller {
    pub fn new(config: &MirrorConfig, stages: usize) -> Self {
        let share = match config.noise {
            MirrorNoise::Isotropic => 0.0,
            MirrorNoise::Manifold => 1.0,
            MirrorNoise::Both => 0.5,
        };
        Self {
            budget: config.budget,
            noise: config.noise,
            fixed: (config.probes.unwrap_or(0), config.interval.unwrap_or(1)),
            goal: (config.cap.unwrap_or(0.0), config.tolerance.unwrap_or(1.0)),
            credit: config.initial as f64,
            rate: f64::INFINITY,
            owed: 0.0,
            stages: vec![StageBudget { share, rest: 0.0, error: 1.0 }; stages],
        }
    }

    /// Probes of this step, for a batch of `batch` examples.
    pub fn due(&mut self, step: u64, batch: usize) -> usize {
        match self.budget {
            Budget::Fixed if step.is_multiple_of(self.fixed.1) => self.fixed.0,
            Budget::Fixed => 0,
            Budget::Auto => {
                let income = self.goal.0 * batch as f64;
                self.credit += income;
                self.rate = if self.rate.is_finite() { self.rate.min(batch as f64) } else { income };
                self.owed = (self.owed + self.rate).min(batch as f64);
                let due = self.owed.min(self.credit).floor();
                if due < BLOCK {
                    return 0;
                }
                self.owed -= due;
                due as usize
            }
        }
    }

    /// Takes `count` probes off what may still be spent.
    pub fn pay(&mut self, count: usize) {
        self.credit -= count as f64;
    }

    /// Divides `count` probes of a stage.
    pub(super) fn split(&mut self, stage: usize, count: usize) -> Split {
        let own = &mut self.stages[stage];
        let exact = count as f64 * own.share + own.rest;
        let manifold = (exact.floor() as usize).min(count);
        own.rest = (exact - manifold as f64).min(1.0);
        Split { manifold, isotropic: count - manifold }
    }

    /// Takes in what the probes of one update said of a stage's feedback; the first `manifold` of them lay on the manifold.
    ///
    /// Least squares removes of the error what lies along a probe, so a probe gains most where the mean squared innovation of
    /// probes of equal length is largest; shares follow it.
    pub(super) fn learn(&mut self, stage: usize, innovation: &Innovation, manifold: usize) {
        let own = &mut self.stages[stage];
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let response = mean(&innovation.response);
        own.error = if response > 0.0 { mean(&innovation.error) / response } else { 0.0 };
        let (on, off) = innovation.error.split_at(manifold);
        if self.noise == MirrorNoise::Both && !on.is_empty() && !off.is_empty() {
            let total = mean(on) + mean(off);
            if total > 0.0 {
                let wanted = (mean(on) / total).clamp(SHARES.0, SHARES.1);
                own.share += FRESH * (wanted - own.share);
            }
        }
    }

    /// Moves the rate toward the one that keeps the largest error of any stage at the tolerance, after an update has been learned from.
    /// Between updates errors grow about as the steps, so that an error in proportion to the interval asks for a rate in proportion
    /// to the error; the root of that is taken, and not too much of it at once.
    pub fn adapt(&mut self) {
        let worst = self.stages.iter().map(|stage| stage.error).fold(0.0, f64::max);
        if self.budget == Budget::Auto && self.rate.is_finite() {
            let wanted = (worst / self.goal.1).sqrt().clamp(1.0 / PACE, PACE);
            self.rate = (self.rate * wanted).max(SLOWEST);
        }
    }

    /// Relative squared error of a stage's predictions at the last update.
    pub fn error(&self, stage: usize) -> f64 {
        self.stages[stage].error
    }

    /// Share of a stage's probes that lie on the manifold.
    pub fn share(&self, stage: usize) -> f64 {
        self.stages[stage].share
    }

    /// Probes a step in the long run.
    pub fn rate(&self) -> f64 {
        match self.budget {
            Budget::Fixed => self.fixed.0 as f64 / self.fixed.1 as f64,
            Budget::Auto => self.rate,
        }
    }

    /// What a checkpoint keeps.
    pub fn state(&self) -> State {
        let mut state = State::default();
        state.numbers.insert("rate".into(), vec![self.rate, self.owed, self.credit]);
        let stages = self.stages.iter().flat_map(|s| [s.share, s.rest, s.error]).collect();
        state.numbers.insert("stages".into(), stages);
        state
    }

    /// Takes back what [`Controller::state`] gave.
    ///
    /// # Errors
    /// If something is missing or has the wrong size.
    pub fn restore(&mut self, state: &State) -> Result<()> {
        let &[rate, owed, credit] = state.numbers("rate", 3)? else { unreachable!("three numbers") };
        (self.rate, self.owed, self.credit) = (rate, owed, credit);
        let numbers = state.numbers("stages", 3 * self.stages.len())?;
        for (stage, own) in self.stages.iter_mut().zip(numbers.chunks_exact(3)) {
            *stage = StageBudget { share: own[0], rest: own[1], error: own[2] };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credit::{CreditConfig, Layered, RuleConfig};

    fn controller(settings: &str) -> Controller {
        let config: CreditConfig = toml::from_str(&format!("rule = 'manifold-mirror'\n{settings}")).unwrap();
        let settings = toml::Value::Table(config.resolve().unwrap().settings);
        Controller::new(
            &RuleConfig::<Layered>::resolve(settings.try_into::<MirrorConfig>().unwrap()).unwrap(),
            1,
        )
    }

    fn innovation(on: f64, off: f64, response: f64) -> Innovation {
        Innovation { error: vec![on, on, off, off], response: vec![response; 4] }
    }

    #[test]
    fn the_rate_falls_where_predictions_are_good_and_never_passes_the_cap() {
        let mut auto = controller("budget = 'auto'\ncap = 0.1\ntolerance = 0.05\ninitial = 500");
        let mut taken = 0;
        for step in 0..1000 {
            let due = auto.due(step, 100);
            if due > 0 {
                auto.learn(0, &innovation(0.4, 0.4, 1.0), 2);
                auto.adapt();
                auto.pay(due);
            }
            taken += due;
        }
        assert!((10_480..=10_500).contains(&taken), "at the cap of 0.1 of 100 examples a step: {taken}");
        let mut taken = 0;
        for step in 0..4000 {
            let due = auto.due(step, 100);
            if due > 0 {
                // An error in proportion to the steps since the last update settles where it is the tolerance.
                auto.learn(0, &innovation(0.02 * 8.0 / auto.rate(), 0.02 * 8.0 / auto.rate(), 1.0), 2);
                auto.adapt();
                auto.pay(due);
            }
            if step >= 2000 {
                taken += due;
            }
        }
        assert!((5600..=7200).contains(&taken), "3.2 a step: {taken}");
    }

    #[test]
    fn probes_go_where_the_innovation_is_largest_and_none_is_lost() {
        let mut both = controller("probes = 5");
        for _ in 0..60 {
            both.learn(0, &innovation(3.0, 1.0, 10.0), 2);
        }
        assert!((both.share(0) - 0.75).abs() < 1e-3);
        let splits: Vec<Split> = (0..400).map(|_| both.split(0, 5)).collect();
        assert!(splits.iter().all(|s| s.manifold + s.isotropic == 5));
        let on: usize = splits.iter().map(|s| s.manifold).sum();
        assert!((1498..=1502).contains(&on), "{on} of 2000");
        assert!((both.error(0) - 0.2).abs() < 1e-12);
    }
}
