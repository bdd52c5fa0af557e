//! Noise correlation with answers of one bit: of each output it is known whether it rose or fell, not by how much.
//!
//! For noise xi of independent standard normal coordinates and a small sigma the output changes by dy = sigma J xi, and
//!
//! E[sign(dy_k) xi] = sqrt(2 / pi) J_k / |J_k|
//!
//! (Plan and Vershynin, "Robust 1-bit compressed sensing and sparse logistic regression", IEEE Transactions on Information Theory 59,
//! 2013). The direction of every row of the Jacobian is found and its length is lost: the feedback learned here has rows of length 1.
//!
//! A rule in one file, as CONTRIBUTING.md has it: a registry entry, settings, memory and work, what a step does, state. In
//! `crates/nmnc-learn/src/credit` nothing is different but `use`: `nmnc::` is `crate::` or `nmnc_core::` there, and the entry
//! `pub(super)`.

use std::f64::consts::FRAC_PI_2;

use burn::tensor::Tensor;
use nmnc::credit::{CreditRule, Layered, Preset, RuleConfig, RuleSetup, StepContext};
use nmnc::device::energy;
use nmnc::needs::{Sizes, StageSizes, Values, product};
use nmnc::net::{Network, Replay};
use nmnc::noise::Probe;
use nmnc::seed::Role;
use nmnc::state::State;
use nmnc::work::{Job, Work, perturbed_pass};
use nmnc::workers::Contribution;
use nmnc::{Result, ranges};
use nmnc_kernels::matmul;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Registry entry: the name, a line for people, and the settings that the name stands for.
pub const ONE_BIT: Preset<OneBitConfig> = Preset {
    name: "one-bit",
    summary: "noise correlation that knows of each output only whether it rose or fell",
    settings: || OneBitConfig { sigma: 0.1, eta: 0.2, interval: 4 },
};

/// Settings, as they stand in `[credit]` beside `rule`. The comments become descriptions in the JSON schema.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OneBitConfig {
    /// Standard deviation of the noise over the root mean square of the stage's activity.
    #[schemars(transform = ranges::FACTOR.stated())]
    pub sigma: f64,
    /// Share of the feedback that an update replaces.
    #[schemars(transform = ranges::WEIGHT.stated())]
    pub eta: f64,
    /// Training steps from one update to the next. An update perturbs every example of the batch once at each stage.
    #[schemars(transform = ranges::INTERVAL.stated())]
    pub interval: u64,
}

impl RuleConfig<Layered> for OneBitConfig {
    fn resolve(self) -> Result<Self> {
        ranges::check(&self)?;
        Ok(self)
    }

    fn needs(&self, sizes: &Sizes) -> Vec<Values> {
        // Feedback stays; noise, moved activity and what is worked out behind the stage pass.
        let of = |stage: &StageSizes| Values {
            held: product([sizes.outputs, stage.units]),
            passing: product([sizes.rows(), 2, stage.units + sizes.widest()]),
        };
        sizes.stages.iter().map(of).collect()
    }

    fn work(&self, network: &Network, [rows, _]: [usize; 2]) -> Vec<Work> {
        let outputs = network.outputs();
        let of = |(stage, units): (usize, usize)| {
            let mut probe = perturbed_pass(network, &[stage], rows);
            let moved = Job::pass(3 * rows * units);
            let learned = [Job::product(outputs, rows, units), Job::pass(3 * outputs * units)];
            probe.extend([Job::draw(Probe::Gaussian, rows, units), Job::pass(rows * units), moved]);
            probe.extend(learned);
            let step = vec![Job::product(rows, outputs, units)];
            Work { step, probe, probes: 1.0 / self.interval as f64, ..Work::default() }
        };
        network.stage_units().into_iter().enumerate().map(of).collect()
    }

    fn build(self, setup: &RuleSetup) -> Box<dyn CreditRule> {
        Box::new(OneBit::new(self, setup))
    }
}

/// The rule: feedback B_l `[outputs, n_l]` for each stage, learned from nothing on.
pub struct OneBit {
    config: OneBitConfig,
    feedback: Vec<Tensor<2>>,
    probes: u64,
    warnings: Vec<String>,
}

impl OneBit {
    /// A rule that knows nothing yet. `config` must be resolved.
    pub fn new(config: OneBitConfig, setup: &RuleSetup) -> Self {
        let outputs = setup.network.outputs();
        let zeros = |units| Tensor::zeros([outputs, units], setup.device);
        let feedback = setup.network.stage_units().into_iter().map(zeros).collect();
        Self { config, feedback, probes: 0, warnings: Vec::new() }
    }

    /// Perturbs a stage (from 0) and learns from the signs of the answers.
    fn update(&mut self, stage: usize, context: &StepContext) -> Result<()> {
        let StepContext { network, pass, share, .. } = *context;
        let activity = pass.activity(stage);
        let ([_, units], device) = (activity.dims(), activity.device());
        // Several workers may divide the batch: size of the noise and sum of the answers are those of the whole, the noise is that of
        // the rows held here.
        let square: f64 = share.numbers(vec![energy(activity)])?.into_iter().sum();
        let sigma = self.config.sigma * (square / (share.whole() * units) as f64).sqrt();
        if sigma == 0.0 {
            self.warnings.push(format!("stage {}: activity is zero, so it receives no probes", stage + 1));
            return Ok(());
        }
        let stream = context.seed.stream(Role::Probe, stage, context.step);
        let noise = Probe::Gaussian.draw_rows(share.rows(), units, stream, &device);
        let moved =
            Replay::new(network, pass).output(&[stage], |_, clean| Ok(clean + noise.clone() * sigma))?;
        let signs = (moved - pass.output.clone()).sign();
        let own = matmul(signs.transpose(), noise);
        let all = share.workers().gather(Contribution::new(Vec::new(), [&own]))?;
        let all = all.into_iter().flat_map(|given| given.tensors(&device)).reduce(|sum, next| sum + next);
        let mean = all.expect("there is at least one worker") / share.whole() as f64;
        let eta = self.config.eta;
        self.feedback[stage] = self.feedback[stage].clone() * (1.0 - eta) + mean * (eta * FRAC_PI_2.sqrt());
        self.probes += share.whole() as u64;
        Ok(())
    }
}

impl CreditRule for OneBit {
    fn signals(&mut self, context: &StepContext) -> Result<Vec<Tensor<2>>> {
        if context.step.is_multiple_of(self.config.interval) {
            (0..self.feedback.len()).try_for_each(|stage| self.update(stage, context))?;
        }
        // delta_l = e B_l
        Ok(self.feedback.iter().map(|feedback| matmul(context.error.clone(), feedback.clone())).collect())
    }

    fn probes(&self) -> u64 {
        self.probes
    }

    fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.counters.insert("probes".into(), self.probes);
        for (stage, feedback) in self.feedback.iter().enumerate() {
            state.tensors.insert(format!("stage{}.feedback", stage + 1), feedback.clone());
        }
        state
    }

    fn restore(&mut self, state: &State) -> Result<()> {
        self.probes = state.counter("probes")?;
        for (stage, feedback) in self.feedback.iter_mut().enumerate() {
            *feedback = state.shaped(&format!("stage{}.feedback", stage + 1), feedback.dims())?;
        }
        Ok(())
    }
}
