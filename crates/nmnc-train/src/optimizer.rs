//! Optimizers: SGD, Adam, AdamW, with the formulas and defaults of PyTorch.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::Tensor;
use nmnc_kernels::{AdamStep, SgdStep};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use nmnc_core::error::{Error, Result};
use nmnc_core::ranges;
use nmnc_core::state::State;
use nmnc_learn::net::{Gradients, Parameter, Weights};

/// `[train.optimizer]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum OptimizerConfig {
    /// Stochastic gradient descent; weight decay is added to the gradient.
    Sgd {
        /// Learning rate.
        #[serde(default = "learning_rate")]
        #[schemars(transform = ranges::SCALE.stated())]
        learning_rate: f64,
        /// Momentum: velocity <- momentum * velocity + gradient.
        #[serde(default)]
        #[schemars(transform = ranges::DECAY.stated())]
        momentum: f64,
        /// Look ahead along the velocity (Nesterov).
        #[serde(default)]
        nesterov: bool,
        /// L2 penalty.
        #[serde(default)]
        #[schemars(transform = ranges::STRENGTH.stated())]
        weight_decay: f64,
        /// Which parameters the decay is for.
        #[serde(default, skip_serializing_if = "Decayed::is_all")]
        decayed: Decayed,
    },
    /// Adam (Kingma and Ba 2015); weight decay is added to the gradient.
    Adam {
        /// Learning rate.
        #[serde(default = "learning_rate")]
        #[schemars(transform = ranges::SCALE.stated())]
        learning_rate: f64,
        /// Decay rates of the two moments.
        #[serde(default = "betas")]
        #[schemars(transform = ranges::DECAY.stated())]
        betas: [f64; 2],
        /// Added to the denominator.
        #[serde(default = "epsilon")]
        #[schemars(transform = ranges::FACTOR.stated())]
        epsilon: f64,
        /// L2 penalty.
        #[serde(default)]
        #[schemars(transform = ranges::STRENGTH.stated())]
        weight_decay: f64,
        /// Which parameters the decay is for.
        #[serde(default, skip_serializing_if = "Decayed::is_all")]
        decayed: Decayed,
    },
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    Adamw {
        /// Learning rate.
        #[serde(default = "learning_rate")]
        #[schemars(transform = ranges::SCALE.stated())]
        learning_rate: f64,
        /// Decay rates of the two moments.
        #[serde(default = "betas")]
        #[schemars(transform = ranges::DECAY.stated())]
        betas: [f64; 2],
        /// Added to the denominator.
        #[serde(default = "epsilon")]
        #[schemars(transform = ranges::FACTOR.stated())]
        epsilon: f64,
        /// Decoupled decay: weights shrink by learning_rate * weight_decay a step.
        #[serde(default = "decoupled_decay")]
        #[schemars(transform = ranges::STRENGTH.stated())]
        weight_decay: f64,
        /// Which parameters the decay is for.
        #[serde(default, skip_serializing_if = "Decayed::is_all")]
        decayed: Decayed,
    },
}

/// Which parameters weight decay is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decayed {
    /// All of them.
    #[default]
    All,
    /// Those that are matrices or have more dimensions: not biases, and not the gains of normalisations.
    Weights,
}

impl Decayed {
    fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// Whether `parameter` is among them.
    fn holds(self, parameter: &Parameter) -> bool {
        self == Self::All || parameter.shape.len() > 1
    }
}

fn learning_rate() -> f64 {
    1e-3
}
fn betas() -> [f64; 2] {
    [0.9, 0.999]
}
fn epsilon() -> f64 {
    1e-8
}
fn decoupled_decay() -> f64 {
    1e-2
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self::Adam {
            learning_rate: learning_rate(),
            betas: betas(),
            epsilon: epsilon(),
            weight_decay: 0.0,
            decayed: Decayed::All,
        }
    }
}

impl OptimizerConfig {
    /// The learning rate before any schedule.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Self::Sgd { learning_rate, .. }
            | Self::Adam { learning_rate, .. }
            | Self::Adamw { learning_rate, .. } => *learning_rate,
        }
    }

    /// The parameters that weight decay is for.
    fn decayed(&self) -> Decayed {
        match self {
            Self::Sgd { decayed, .. } | Self::Adam { decayed, .. } | Self::Adamw { decayed, .. } => *decayed,
        }
    }

    /// The same without weight decay.
    fn without_decay(&self) -> Self {
        let mut same = self.clone();
        match &mut same {
            Self::Sgd { weight_decay, .. }
            | Self::Adam { weight_decay, .. }
            | Self::Adamw { weight_decay, .. } => {
                *weight_decay = 0.0;
            }
        }
        same
    }

    /// Tensors it keeps of each parameter.
    pub fn moments(&self) -> usize {
        match self {
            Self::Sgd { momentum, .. } => usize::from(*momentum > 0.0),
            Self::Adam { .. } | Self::Adamw { .. } => 2,
        }
    }

    /// Checks ranges.
    ///
    /// # Errors
    /// The first setting out of range.
    pub fn check(&self) -> Result<()> {
        ranges::check(self).map_err(|e| e.under("train.optimizer"))?;
        match self {
            Self::Sgd { momentum, nesterov: true, .. } if *momentum == 0.0 => {
                Err(Error::config("train.optimizer.nesterov", "needs momentum above 0"))
            }
            _ => Ok(()),
        }
    }
}

impl OptimizerConfig {
    /// The new `value` after step `steps` (from 1) with `factor` times the learning rate; changes `moments`.
    fn apply(
        &self,
        value: Tensor<2>,
        gradient: Tensor<2>,
        moments: &mut Vec<Tensor<2>>,
        steps: u64,
        factor: f64,
    ) -> Tensor<2> {
        let rate = self.learning_rate() * factor;
        let (betas, epsilon, penalty, decay) = match *self {
            Self::Sgd { momentum, nesterov, weight_decay, .. } => {
                let step = SgdStep { rate, momentum, nesterov, penalty: weight_decay };
                let (value, velocity) = nmnc_kernels::sgd(value, gradient, moments.pop(), &step);
                moments.extend(velocity);
                return value;
            }
            Self::Adam { betas, epsilon, weight_decay, .. } => (betas, epsilon, weight_decay, 0.0),
            Self::Adamw { betas, epsilon, weight_decay, .. } => (betas, epsilon, 0.0, weight_decay),
        };
        let step = AdamStep { rate, betas, epsilon, penalty, decay, steps };
        let second = moments.pop().unwrap_or_else(|| gradient.zeros_like());
        let first = moments.pop().unwrap_or_else(|| gradient.zeros_like());
        let [value, first, second] = nmnc_kernels::adam(value, gradient, first, second, &step);
        moments.extend([first, second]);
        value
    }
}

/// An optimizer with its state: for each parameter by name, up to two tensors of its shape.
#[derive(Clone, Debug)]
pub struct Optimizer {
    config: OptimizerConfig,
    /// Velocity (SGD), or first and second moment (Adam).
    moments: BTreeMap<String, Vec<Tensor<2>>>,
    steps: u64,
}

impl Optimizer {
    /// An optimizer that has not made a step.
    pub fn new(config: OptimizerConfig) -> Self {
        Self { config, moments: BTreeMap::new(), steps: 0 }
    }

    /// The learning rate before any schedule.
    pub fn learning_rate(&self) -> f64 {
        self.config.learning_rate()
    }

    /// Whether it divides by squares of gradients.
    pub fn squares(&self) -> bool {
        !matches!(self.config, OptimizerConfig::Sgd { .. })
    }

    /// One step: changes each parameter of `weights` that has a gradient along it, with `factor` times the configured learning rate.
    /// The others keep their values.
    ///
    /// # Panics
    /// If a gradient belongs to no parameter, or the parameters' order is not that of the gradients.
    pub fn step(&mut self, weights: &mut (impl Weights + ?Sized), gradients: Gradients, factor: f64) {
        self.steps += 1;
        let (decayed, spared) = (self.config.decayed(), self.config.without_decay());
        let of = |(name, parameter): (String, &Parameter)| (name, decayed.holds(parameter));
        let known: Vec<(String, bool)> = weights.parameters().into_iter().map(of).collect();
        let mut values = known.iter().zip(weights.values_mut());
        for (name, gradient) in gradients {
            let ((_, decays), value) =
                values.find(|((own, _), _)| *own == name).unwrap_or_else(|| panic!("no parameter {name}"));
            let config = if *decays { &self.config } else { &spared };
            let moments = self.moments.entry(name).or_default();
            // The gradient stands in while the value is away: the only owner of its memory can change it in place.
            let owned = std::mem::replace(value, gradient.clone());
            *value = config.apply(owned, gradient, moments, self.steps, factor);
        }
    }

    /// What a checkpoint keeps.
    pub fn state(&self) -> State {
        let mut state = State::default();
        state.counters.insert("steps".into(), self.steps);
        for (name, moments) in &self.moments {
            for (j, moment) in moments.iter().enumerate() {
                state.tensors.insert(format!("{name}.moment{j}"), moment.clone());
            }
        }
        state
    }

    /// Takes back what [`Optimizer::state`] gave, for the parameters of `weights`.
    ///
    /// # Errors
    /// If something is missing, belongs to no parameter, or has the wrong shape.
    pub fn restore(&mut self, state: &State, weights: &(impl Weights + ?Sized)) -> Result<()> {
        self.steps = state.counter("steps")?;
        let count = if self.steps == 0 { 0 } else { self.config.moments() };
        self.moments.clear();
        let mut left: BTreeSet<&String> = state.tensors.keys().collect();
        for (name, parameter) in weights.parameters() {
            let keys: Vec<String> = (0..count).map(|j| format!("{name}.moment{j}")).collect();
            // A parameter that is not trained has none.
            if keys.iter().any(|key| left.contains(key)) {
                let shape = parameter.value.dims();
                let moments = keys.iter().map(|key| state.shaped(key, shape)).collect::<Result<_>>()?;
                left.retain(|key| !keys.contains(key));
                self.moments.insert(name, moments);
            }
        }
        match left.first() {
            Some(name) => Err(Error::checkpoint(name, "belongs to no parameter of the network")
                .mend("use the network and the optimizer it was trained with")),
            None => Ok(()),
        }
    }
}
