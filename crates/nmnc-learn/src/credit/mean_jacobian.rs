//! Direct feedback by the exact mean Jacobian: what noise correlation with the output would learn if probes cost nothing.
//!
//! delta_l = Jbar_l^T e, where Jbar_l is the mean of dy/dx_l over training examples, differentiated and not estimated, every few steps. Like
//! backprop it is a reference and no model of anything: neither a brain nor a black box can be differentiated, and it perturbs nothing. On a
//! manifold it is Jbar_l U U^T, the limit of noise there. The distance to backprop is the price of one Jacobian for all examples, that to
//! noise correlation the price of its probes.

use burn::tensor::Tensor;
use nmnc_kernels::matmul;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::backprop::carried;
use super::context::{LocalContext, StepContext, divided_sample, manifold_sample};
use super::jacobian::{AT_A_TIME, mean_jacobian, mean_jacobian_needs};
use super::kind::{Layered, RuleSetup};
use super::local::{LocalRule, local_signals};
use super::rule::CreditRule;
use crate::manifold::{Degeneracy, FollowedManifold, ManifoldConfig, RefreshFrom, Sample, Subspace};
use crate::needs::{self, Sizes, Values, product};
use crate::net::Network;
use crate::registry::{Preset, RuleConfig};
use crate::work::{Job, Operation, Work, layered_job, refresh, sections};
use nmnc_core::error::Result;
use nmnc_core::ranges;
use nmnc_core::seed::Role;
use nmnc_core::state::State;

/// Registry entry.
pub(super) const MEAN_JACOBIAN: Preset<MeanJacobianConfig> = Preset {
    name: "mean-jacobian",
    summary: "the exact mean Jacobian as direct feedback: the reference for all that correlates with the output",
    settings: || MeanJacobianConfig { examples: 128, interval: 10, manifold: None },
};

/// Settings of direct feedback by the mean Jacobian.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeanJacobianConfig {
    /// Training examples over which the Jacobian is averaged, drawn anew each time.
    #[schemars(transform = ranges::COUNT.stated())]
    pub examples: usize,
    /// Training steps between two Jacobians.
    #[schemars(transform = ranges::INTERVAL.stated())]
    pub interval: u64,
    /// A manifold that the feedback is projected to; without one it has all directions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifold: Option<ManifoldConfig>,
}

impl RuleConfig<Layered> for MeanJacobianConfig {
    const LOCAL: bool = true;

    fn resolve(mut self) -> Result<Self> {
        ranges::check(&self)?;
        self.manifold.as_mut().map_or(Ok(()), ManifoldConfig::resolve).map_err(|e| e.under("manifold"))?;
        Ok(self)
    }

    fn fits(&self, network: &Network) -> Result<()> {
        let stages = network.stages().len();
        self.manifold.iter().try_for_each(|manifold| manifold.fits(stages).map_err(|e| e.under("manifold")))
    }

    fn needs(&self, sizes: &Sizes) -> Vec<Values> {
        let examples = self.examples as u128;
        let taken = mean_jacobian_needs(examples, sizes).saturating_add(product([examples, sizes.inputs]));
        let of = |stage: usize| {
            let matrices = if self.manifold.is_some() { 2 } else { 1 };
            let held = product([matrices, sizes.outputs, sizes.stages[stage].units]);
            // All stages have theirs in one way down, which is counted at the first.
            let own = Values { held, passing: if stage == 0 { taken } else { 0 } };
            own.with(needs::followed(self.manifold.as_ref(), stage, sizes))
        };
        (0..sizes.stages.len()).map(of).collect()
    }

    fn work(&self, network: &Network, [rows, _]: [usize; 2]) -> Vec<Work> {
        let (units, outputs) = (network.stage_units(), network.outputs());
        let mut work = match &self.manifold {
            Some(manifold) => refresh(network, manifold, rows, |_| true),
            None => vec![Work::default(); units.len() + 1],
        };
        let part = self.examples.min(AT_A_TIME);
        let updates = 1.0 / self.interval as f64;
        let passes = updates * self.examples as f64 / part as f64;
        let down = passes * outputs as f64;
        for (node, own) in sections(network).into_iter().enumerate() {
            let forward = layered_job(network, Operation::Forward { node, rows: part });
            work[own].step.push(forward.times(passes));
        }
        for (own, back) in work.iter_mut().zip(carried(network, part)) {
            own.step.extend(back.step.into_iter().map(|job| job.times(down)));
        }
        for (stage, &units) in units.iter().enumerate() {
            let step = &mut work[stage].step;
            step.push(Job::product(rows, outputs, units));
            step.push(Job::pass(part * units).times(down));
            if let Some(manifold) = &self.manifold {
                let directions = manifold.directions(stage, units).unwrap_or(units);
                let projections = updates + 1.0 / manifold.refresh as f64;
                step.push(Job::product(outputs, units, directions).times(projections));
                step.push(Job::product(outputs, directions, units).times(projections));
            }
        }
        work
    }

    fn build(self, setup: &RuleSetup) -> Box<dyn CreditRule> {
        Box::new(MeanJacobian::new(self, setup))
    }
}

/// The mean Jacobian of every stage, and the manifold it is projected to.
pub struct MeanJacobian {
    config: MeanJacobianConfig,
    stages: Vec<StageFeedback>,
    warnings: Vec<String>,
}

/// Feedback of one stage.
struct StageFeedback {
    /// The mean Jacobian `[outputs, n_l]` as it was found last.
    jacobian: Tensor<2>,
    manifold: Option<FollowedManifold>,
    /// Its projection. It follows from both, so there is no state to save.
    feedback: Tensor<2>,
}

impl StageFeedback {
    /// Projects anew, after the Jacobian or the manifold has changed; to nothing where activity does not vary.
    fn project(&mut self) {
        let jacobian = self.jacobian.clone();
        self.feedback = match self.manifold.as_ref().map(FollowedManifold::subspace) {
            None => jacobian,
            Some(Some(subspace)) => subspace.embed(subspace.coordinates(jacobian)),
            Some(None) => jacobian.zeros_like(),
        };
    }
}

impl MeanJacobian {
    /// A rule that has seen no network yet. `config` must be resolved.
    pub fn new(config: MeanJacobianConfig, setup: &RuleSetup) -> Self {
        let nothing = |units: usize| Tensor::zeros([setup.network.outputs(), units], setup.device);
        let of = |(stage, units): (usize, usize)| StageFeedback {
            jacobian: nothing(units),
            manifold: config.manifold.as_ref().map(|manifold| FollowedManifold::new(manifold, stage)),
            feedback: nothing(units),
        };
        let stages = setup.network.stage_units().into_iter().enumerate().map(of).collect();
        Self { config, stages, warnings: Vec::new() }
    }

    /// Feedback `[outputs, n_l]` of a stage (from 0), on its manifold if it has one.
    pub fn feedback(&self, stage: usize) -> &Tensor<2> {
        &self.stages[stage].feedback
    }

    fn refresh_from(&self, step: u64) -> Option<RefreshFrom> {
        self.config.manifold.as_ref().and_then(|manifold| manifold.due(step))
    }

    /// Finds the manifold of a stage anew in `activity` `[samples, n_l]`.
    fn refresh(&mut self, index: usize, activity: Sample, context: &LocalContext) -> Result<()> {
        let stage = &mut self.stages[index];
        let Some(manifold) = &mut stage.manifold else { return Ok(()) };
        let mut stream = context.seed.stream(Role::RangeFinder, index, context.step);
        let place = format!("stage {}", index + 1);
        let refreshed = manifold.refresh(activity, &mut stream).map_err(|e| e.within(&place))?;
        stage.project();
        self.warnings.extend(refreshed.degeneracy.map(|degeneracy| match degeneracy {
            Degeneracy::NoVariance => {
                format!("{place}: activity does not vary, so it has no manifold and no error signal")
            }
            clipped => format!("{place}: {clipped}"),
        }));
        Ok(())
    }
}

impl LocalRule for MeanJacobian {
    fn in_any_order(&self, step: u64) -> bool {
        self.refresh_from(step) != Some(RefreshFrom::Batch)
    }

    fn begin(&mut self, context: &LocalContext) -> Result<()> {
        let &LocalContext { network, inputs, step, share, .. } = context;
        if step.is_multiple_of(self.config.interval) {
            let (inputs, share) = divided_sample(self.config.examples, step, inputs, share)?;
            let part = share.rows().len() as f64 / share.whole() as f64;
            let found = mean_jacobian(network, inputs);
            for (stage, jacobian) in self.stages.iter_mut().zip(found) {
                stage.jacobian = if share.is_alone() { jacobian } else { share.sum(jacobian * part)? };
                stage.project();
            }
        }
        if let (Some(RefreshFrom::Samples(samples)), Some(config)) =
            (self.refresh_from(step), &self.config.manifold)
        {
            let (inputs, share) = manifold_sample(config, samples, step, inputs, share)?;
            for (index, activity) in network.each_activity(inputs).enumerate() {
                self.refresh(index, Sample::shared(activity, share.clone()), context)?;
            }
        }
        Ok(())
    }

    fn signal(&mut self, stage: usize, activity: &Tensor<2>, context: &LocalContext) -> Result<Tensor<2>> {
        if self.refresh_from(context.step) == Some(RefreshFrom::Batch) {
            self.refresh(stage, context.share.all(activity)?.into(), context)?;
        }
        Ok(matmul(context.error.clone(), self.stages[stage].feedback.clone()))
    }
}

impl CreditRule for MeanJacobian {
    fn signals(&mut self, context: &StepContext) -> Result<Vec<Tensor<2>>> {
        local_signals(self, context)
    }

    fn local(&mut self) -> Option<&mut dyn LocalRule> {
        Some(self)
    }

    fn manifold(&self, stage: usize) -> Option<&Subspace> {
        self.stages[stage].manifold.as_ref()?.subspace()
    }

    fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    fn state(&self) -> State {
        let mut state = State::default();
        for (index, stage) in self.stages.iter().enumerate() {
            let mut own = stage.manifold.as_ref().map(FollowedManifold::state).unwrap_or_default();
            own.tensors.insert("jacobian".into(), stage.jacobian.clone());
            state.nest(&format!("stage{}", index + 1), own);
        }
        state
    }

    fn restore(&mut self, state: &State) -> Result<()> {
        for (index, stage) in self.stages.iter_mut().enumerate() {
            let own = state.nested(&format!("stage{}", index + 1));
            let [outputs, units] = stage.jacobian.dims();
            stage.jacobian = own.shaped("jacobian", [outputs, units])?;
            if let Some(manifold) = &mut stage.manifold {
                manifold.restore(&own, units)?;
            }
            stage.project();
        }
        Ok(())
    }
}
