//! The memory of training on trials.

use super::{Need, stage};
use crate::config::{Resolved, SequenceConfig};
use crate::trials::EVALUATION_BATCH;
use nmnc_core::error::Result;
use nmnc_data::tasks::Task;
use nmnc_learn::needs::{Sizes, Values, product};
use nmnc_learn::recurrent::UnitKind;

impl Resolved<SequenceConfig> {
    /// The memory of a training on trials of `task`.
    ///
    /// # Errors
    /// Impossible settings of the rule.
    pub fn need(&self, task: &dyn Task) -> Result<Need> {
        let channels = task.channels();
        let [inputs, outputs] = [channels.inputs.len() as u128, channels.outputs.len() as u128];
        let units = self.recurrent.units;
        let (gates, kept) = match self.recurrent.kind {
            UnitKind::Rate => (1, 1),
            UnitKind::Gru => (3, 4),
        };
        let n = units as u128;
        let gated = product([gates, n]);
        let parameters = product([gated, n + inputs + 2]).saturating_add(product([outputs, n + 1]));
        let sizes = Sizes {
            batch: self.train.batch.div_ceil(self.train.replicas) as u128,
            steps: task.longest().unwrap_or(1).max(1) as u128,
            outputs,
            inputs,
            stages: vec![stage(units, units * gates as usize, parameters)],
        };
        let rows = sizes.rows();
        let mut need =
            Need::new("lower recurrent.units, train.batch, lengths of the task, or settings of the rule");
        // Trials are made one by one and laid side by side.
        let trials = product([3, rows, inputs.saturating_add(outputs).saturating_add(1)]);
        need.add(None, "trials", Values { held: trials, passing: 0 });
        need.add_parameters(Some(1), parameters, &self.train.optimizer);
        let constrained = self.recurrent.density.is_some() || self.recurrent.excitatory.is_some();
        let fixed = if constrained { product([2, n, n]) } else { 0 };
        let noise = if self.recurrent.state_noise > 0.0 { gated } else { 0 };
        let of_a_row = gated.saturating_add(noise).saturating_add(product([3 + kept, n]));
        let held = product([rows, of_a_row]).saturating_add(fixed);
        need.add(Some(1), "activity", Values { held, passing: product([3, rows, gated.saturating_add(n)]) });
        need.add(
            Some(1),
            "the rule",
            self.credit.needs(&sizes)?.into_iter().fold(Values::default(), Values::with),
        );
        need.add(None, "outputs", Values { held: product([6, rows, outputs]), passing: 0 });
        let tested = (self.train.evaluation as u128).min(EVALUATION_BATCH.into());
        let of_a_row = product([3, inputs.saturating_add(outputs)])
            .saturating_add(gated)
            .saturating_add(product([2 + kept, n]));
        let passing = product([tested, sizes.steps, of_a_row]);
        need.add(None, "evaluation", Values { held: 0, passing });
        if self.metrics.alignment_interval > 0 {
            let directions = (self.metrics.dimension as u128).min(n);
            let sketch = product([2, rows.saturating_add(n), directions + 16]);
            let passing = product([4, rows, gated]).saturating_add(sketch);
            need.add(None, "measurements against backprop", Values { held: 0, passing });
        }
        Ok(need)
    }
}
