//! Sign-concordant feedback (Liao, Leibo, Poggio 2016, "How Important Is Weight Symmetry in Backpropagation?"): backprop's path through
//! weights that share the signs of the forward weights and nothing else of them.
//!
//! Liao et al. scale no feedback and normalize the update instead; here magnitudes have the root mean square of freshly initialized forward
//! weights, so that any optimizer can be used.

use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::backprop::carried;
use super::context::StepContext;
use super::kind::{Layered, RuleSetup};
use super::rule::CreditRule;
use crate::needs::{Sizes, StageSizes, Values};
use crate::net::Network;
use crate::noise::Probe;
use crate::registry::{Preset, RuleConfig};
use crate::work::{Job, Work, sections};
use nmnc_core::device::matrix;
use nmnc_core::error::Result;
use nmnc_core::ranges;
use nmnc_core::seed::{Role, Seed};

/// Uniform magnitudes, B = sign(W).
pub(super) const USF: Preset<SignConcordantConfig> = Preset {
    name: "usf",
    summary: "sign symmetry: backprop's path through the signs of the weights",
    settings: || SignConcordantConfig { magnitude: Magnitude::Uniform, scale: 1.0 },
};

/// Magnitudes drawn for each batch, B = |M_t| ∘ sign(W).
pub(super) const BRSF: Preset<SignConcordantConfig> = Preset {
    name: "brsf",
    summary: "sign symmetry with random magnitudes, drawn for each batch",
    settings: || SignConcordantConfig { magnitude: Magnitude::PerBatch, scale: 1.0 },
};

/// Magnitudes drawn once, B = |M| ∘ sign(W).
pub(super) const FRSF: Preset<SignConcordantConfig> = Preset {
    name: "frsf",
    summary: "sign symmetry with random magnitudes, drawn once",
    settings: || SignConcordantConfig { magnitude: Magnitude::Fixed, scale: 1.0 },
};

/// Where the magnitudes of feedback weights come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Magnitude {
    /// All alike.
    Uniform,
    /// Those of normal numbers, drawn for each batch.
    PerBatch,
    /// Those of normal numbers, drawn once.
    Fixed,
}

/// Settings of sign-concordant feedback.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignConcordantConfig {
    /// Where the magnitudes come from.
    pub magnitude: Magnitude,
    /// Root mean square of the magnitudes over sqrt(2 / fan-in), the deviation of He initialization.
    #[schemars(transform = ranges::FACTOR.stated())]
    pub scale: f64,
}

impl RuleConfig<Layered> for SignConcordantConfig {
    fn resolve(self) -> Result<Self> {
        ranges::check(&self)?;
        Ok(self)
    }

    fn needs(&self, sizes: &Sizes) -> Vec<Values> {
        let kept = u128::from(self.magnitude == Magnitude::Fixed);
        // The weights of all maps are there before the first error is carried back, beside their signs and magnitudes.
        let of = |stage: &StageSizes| Values {
            held: stage.parameters.saturating_mul(1 + kept),
            passing: stage.parameters.saturating_mul(2),
        };
        sizes.stages.iter().map(of).collect()
    }

    fn work(&self, network: &Network, [rows, _]: [usize; 2]) -> Vec<Work> {
        let (mut work, own) = (carried(network, rows), sections(network));
        for reader in network.readers() {
            let [outputs, fan_in] = network.map(*reader).parameter.value.dims();
            let step = &mut work[own[reader.node]].step;
            if self.magnitude == Magnitude::PerBatch {
                step.push(Job::draw(Probe::Gaussian, outputs, fan_in));
            }
            // Signs, and signs with magnitudes.
            step.push(Job::pass(5 * outputs * fan_in));
        }
        work
    }

    fn build(self, setup: &RuleSetup) -> Box<dyn CreditRule> {
        Box::new(SignConcordant::new(&self, setup))
    }
}

/// Feedback weights with the signs of the forward weights. Magnitudes follow from the seed (and the step), so there is no state to save.
pub struct SignConcordant {
    config: SignConcordantConfig,
    /// Magnitudes that stay, one for each map through which an error reaches a stage; none where they do not.
    fixed: Vec<Tensor<2>>,
}

impl SignConcordant {
    /// Draws the magnitudes that stay.
    pub fn new(config: &SignConcordantConfig, setup: &RuleSetup) -> Self {
        let shapes =
            setup.network.readers().iter().map(|reader| setup.network.map(*reader).parameter.value.dims());
        let draw = |(shape, index)| drawn(shape, config.scale, setup.seed, [index, 0], setup.device);
        let fixed = match config.magnitude {
            Magnitude::Fixed => shapes.zip(0..).map(draw).collect(),
            Magnitude::Uniform | Magnitude::PerBatch => Vec::new(),
        };
        Self { config: config.clone(), fixed }
    }

    /// The feedback weight of a map.
    fn weight(&self, index: u64, weight: &Tensor<2>, context: &StepContext) -> Tensor<2> {
        let (signs, shape, scale) = (weight.clone().sign(), weight.dims(), self.config.scale);
        match self.config.magnitude {
            Magnitude::Uniform => signs * deviation(shape, scale),
            Magnitude::PerBatch => {
                signs * drawn(shape, scale, context.seed, [index, context.step], &weight.device())
            }
            Magnitude::Fixed => signs * self.fixed[index as usize].clone(),
        }
    }
}

impl CreditRule for SignConcordant {
    fn signals(&mut self, context: &StepContext) -> Result<Vec<Tensor<2>>> {
        let StepContext { network, pass, error, .. } = context;
        let own = network.readers().iter().map(|reader| &network.map(*reader).parameter.value);
        let weights: Vec<Tensor<2>> =
            own.zip(0..).map(|(own, index)| self.weight(index, own, context)).collect();
        Ok(network.input_vjps(pass, error, &weights))
    }
}

/// Root mean square of the magnitudes of a weight `[outputs, fan-in]`.
fn deviation([_, fan_in]: [usize; 2], scale: f64) -> f64 {
    scale * (2.0 / fan_in as f64).sqrt()
}

/// Magnitudes of normal numbers, for a map at a step.
fn drawn(shape: [usize; 2], scale: f64, seed: Seed, [index, step]: [u64; 2], device: &Device) -> Tensor<2> {
    let (deviation, mut values) = (deviation(shape, scale) as f32, vec![0.0; shape[0] * shape[1]]);
    seed.stream(Role::Feedback, index as usize, step).fill_normal(&mut values);
    values.iter_mut().for_each(|value| *value = value.abs() * deviation);
    matrix(values, shape, device)
}
