//! A budget of probes: which stages are perturbed in a step, and how often.

use nmnc_core::error::Result;
use nmnc_core::state::State;

/// What is left of a budget, and what it has gone to. Passes over the batch go to the stages in turn.
pub(crate) struct Spending {
    /// Perturbed examples for each example of training.
    budget: f64,
    /// Perturbed examples for each example that may be spent by now; below zero after the first step, which probes every stage.
    account: f64,
    /// Passes that each stage has got.
    passes: Vec<u64>,
    /// Passes that each stage gets in this step.
    planned: Vec<usize>,
    /// Passes that a stage may get in a step, for which the memory of a training is reckoned.
    most: usize,
    /// Steps so far, and examples in the last.
    steps: u64,
    batch: u64,
}

impl Spending {
    /// A budget for so many stages, of which each gets at the `most` so many passes in a step.
    pub(crate) fn new(budget: f64, stages: usize, most: usize) -> Self {
        let (passes, planned) = (vec![0; stages], vec![0; stages]);
        Self { budget, account: 0.0, passes, planned, most, steps: 0, batch: 0 }
    }

    /// Repetitions of the batch that a stage (from 0) gets in this step.
    pub(crate) fn planned(&self, stage: usize) -> usize {
        self.planned[stage]
    }

    /// Perturbed examples of a stage (from 0) for each training step so far, where a pass perturbs each example `cost` times.
    pub(crate) fn rate(&self, stage: usize, cost: usize) -> f64 {
        (self.passes[stage] * cost as u64 * self.batch) as f64 / self.steps.max(1) as f64
    }

    /// Decides about the next step, of `batch` examples, each of which a pass perturbs `cost` times. `ready` tells which stages can be
    /// perturbed.
    pub(crate) fn plan(&mut self, cost: usize, batch: usize, ready: &[bool]) {
        (self.steps, self.batch) = (self.steps + 1, batch as u64);
        self.account += self.budget;
        self.planned.fill(0);
        loop {
            let ready = (0..ready.len()).filter(|&stage| ready[stage] && self.planned[stage] < self.most);
            let Some(stage) = ready.min_by_key(|&stage| self.passes[stage]) else { return };
            // Feedback that has never been learned is worth a debt.
            if self.account < cost as f64 && self.passes[stage] > 0 {
                return;
            }
            self.account -= cost as f64;
            self.planned[stage] += 1;
            self.passes[stage] += 1;
        }
    }

    pub(crate) fn state(&self) -> State {
        let passes = self.passes.iter().map(|passes| *passes as f64).collect();
        State {
            numbers: [("account".to_owned(), vec![self.account]), ("passes".to_owned(), passes)].into(),
            counters: [("steps".to_owned(), self.steps), ("batch".to_owned(), self.batch)].into(),
            ..State::default()
        }
    }

    pub(crate) fn restore(&mut self, state: &State) -> Result<()> {
        self.account = state.numbers("account", 1)?[0];
        let passes = state.numbers("passes", self.passes.len())?;
        self.passes = passes.iter().map(|passes| *passes as u64).collect();
        (self.steps, self.batch) = (state.counter("steps")?, state.counter("batch")?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes of each step.
    fn planned(spending: &mut Spending, steps: usize, cost: usize) -> Vec<Vec<usize>> {
        (0..steps)
            .map(|_| {
                spending.plan(cost, 8, &[true; 3]);
                (0..3).map(|stage| spending.planned(stage)).collect()
            })
            .collect()
    }

    #[test]
    fn stages_take_turns_and_a_budget_is_kept() {
        let mut own = Spending::new(0.25, 3, 1);
        let plan = planned(&mut own, 120, 1);
        assert_eq!(plan[0], [1, 1, 1], "no stage is without feedback");
        let sums: Vec<usize> = (0..3).map(|stage| plan.iter().map(|step| step[stage]).sum()).collect();
        assert_eq!(sums, [10, 10, 10], "a quarter of 120 steps");
        assert!(plan.iter().skip(1).all(|step| step.iter().sum::<usize>() <= 1));
        assert!((own.rate(0, 1) - 10.0 * 8.0 / 120.0).abs() < 1e-12);
        // More than a pass a step, each of which perturbs twice.
        let plan = planned(&mut Spending::new(8.0, 3, 2), 30, 2);
        let sums: Vec<usize> = (0..3).map(|stage| plan.iter().map(|step| step[stage]).sum()).collect();
        assert_eq!(sums, [40, 40, 40]);
    }

    #[test]
    fn what_cannot_be_perturbed_costs_nothing_and_a_checkpoint_goes_on() {
        let mut own = Spending::new(1.0, 2, 1);
        own.plan(1, 8, &[false, false]);
        assert_eq!([own.planned(0), own.planned(1)], [0, 0]);
        own.plan(1, 8, &[false, true]);
        assert_eq!([own.planned(0), own.planned(1)], [0, 1], "no more than memory is reckoned for");
        let mut other = Spending::new(1.0, 2, 1);
        other.restore(&own.state()).unwrap();
        for _ in 0..5 {
            own.plan(1, 8, &[true, true]);
            other.plan(1, 8, &[true, true]);
            assert_eq!(own.planned, other.planned);
        }
        assert!(Spending::new(1.0, 3, 1).restore(&own.state()).is_err());
    }
}
