//! Recurrent networks from configuration.

use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::connectivity::Connectivity;
use super::network::{Cell, RecurrentNetwork};
use crate::net::Activation;
use nmnc_core::device::matrix;
use nmnc_core::error::{Error, Result};
use nmnc_core::linalg::orthonormalize_rows;
use nmnc_core::ranges;
use nmnc_core::seed::{Role, Seed, Stream};

/// Kind of recurrent units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnitKind {
    /// Rate units in continuous time: h_t = (1 - a) h_{t-1} + a phi(W h_{t-1} + W_u u_t + b), a = dt / tau.
    Rate,
    /// Gated recurrent units (Cho et al. 2014), with PyTorch's parameters.
    Gru,
}

/// Nonlinearity of rate units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RateActivation {
    /// tanh z
    Tanh,
    /// max(z, 0)
    Relu,
    /// log(1 + e^z)
    Softplus,
}

impl From<RateActivation> for Activation {
    fn from(name: RateActivation) -> Self {
        match name {
            RateActivation::Tanh => Self::Tanh,
            RateActivation::Relu => Self::Relu,
            RateActivation::Softplus => Self::Softplus,
        }
    }
}

/// Initial recurrent weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RecurrentInit {
    /// Normal with deviation gain / sqrt(N), N the number of connections a unit has.
    Normal,
    /// gain times an orthogonal matrix.
    Orthogonal,
}

/// `[recurrent]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RecurrentConfig {
    /// Kind of units.
    pub kind: UnitKind,
    /// Number N of units.
    #[schemars(transform = ranges::UNITS.stated())]
    pub units: usize,
    /// Time constant of rate units, in milliseconds, at least the task's dt (kind = "rate"; 100 when left out).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::MILLISECONDS.stated())]
    pub tau: Option<f64>,
    /// Nonlinearity of rate units (kind = "rate"; tanh when left out).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<RateActivation>,
    /// Initial recurrent weights.
    pub init: RecurrentInit,
    /// Scale of the initial recurrent weights.
    #[schemars(transform = ranges::SCALE.stated())]
    pub gain: f64,
    /// Fraction of possible connections there are, a fixed random choice (kind = "rate"; all of them when left out).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::WEIGHT.stated())]
    pub density: Option<f64>,
    /// Dale's law (Song, Yang and Wang 2016): this fraction of units excites, the others inhibit (kind = "rate"; no such law when
    /// left out).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::WEIGHT.stated())]
    pub excitatory: Option<f64>,
    /// The rows of the initial readout lie in the span of this many leading principal components of the untrained network's states
    /// over training trials, as decoders within the manifold do (Sadtler et al. 2014); anywhere when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::UNITS.stated())]
    pub readout_dimension: Option<usize>,
    /// Noise of the state: sqrt(2 / a) times this is the deviation of normal noise in every unit's input at every step, in training.
    #[schemars(transform = ranges::STRENGTH.stated())]
    pub state_noise: f64,
}

impl Default for RecurrentConfig {
    fn default() -> Self {
        Self {
            kind: UnitKind::Rate,
            units: 64,
            tau: None,
            activation: None,
            init: RecurrentInit::Normal,
            gain: 1.0,
            density: None,
            excitatory: None,
            readout_dimension: None,
            state_noise: 0.0,
        }
    }
}

impl RecurrentConfig {
    /// The same with every default spelled out.
    ///
    /// # Errors
    /// The first setting that is out of range or has no meaning with the kind of units.
    pub fn resolve(mut self) -> Result<Self> {
        ranges::check(&self)?;
        if let Some(dimension) =
            self.readout_dimension.filter(|dimension| !(1..=self.units).contains(dimension))
        {
            let problem = format!("{dimension} is not from 1 to the number of units, {}", self.units);
            return Err(Error::config("readout_dimension", problem));
        }
        match self.kind {
            UnitKind::Rate => {
                self.tau.get_or_insert(100.0);
                self.activation.get_or_insert(RateActivation::Tanh);
                if self.init == RecurrentInit::Orthogonal
                    && (self.density.is_some() || self.excitatory.is_some())
                {
                    return Err(Error::config(
                        "init",
                        "orthogonal weights are neither sparse nor of one sign",
                    )
                    .mend("use \"normal\", or remove density and excitatory"));
                }
            }
            UnitKind::Gru => {
                let given = [
                    ("tau", self.tau.is_some()),
                    ("activation", self.activation.is_some()),
                    ("density", self.density.is_some()),
                    ("excitatory", self.excitatory.is_some()),
                ];
                if let Some((key, _)) = given.iter().find(|(_, given)| *given) {
                    return Err(Error::config(key, "has no meaning with kind = \"gru\"")
                        .mend("remove it, or set kind = \"rate\""));
                }
            }
        }
        Ok(self)
    }

    /// The network of random weights for a task of `inputs` and `outputs` and steps of `dt` milliseconds. A readout within the
    /// manifold needs the task's trials, and replaces this one ([`RecurrentNetwork::replace_readout_weight`]).
    ///
    /// # Errors
    /// As [`RecurrentConfig::resolve`]; a time constant below the step.
    pub fn build(
        &self,
        [inputs, outputs]: [usize; 2],
        dt: f64,
        seed: Seed,
        device: &Device,
    ) -> Result<RecurrentNetwork> {
        let config = self.clone().resolve().map_err(|e| e.under("recurrent"))?;
        let (units, cell, gates) = match config.kind {
            UnitKind::Rate => {
                let (tau, activation) = (config.tau.unwrap_or(dt), config.activation);
                if tau < dt {
                    let problem = format!("{tau} ms is less than a step of the task, {dt} ms");
                    return Err(
                        Error::config("recurrent.tau", problem).mend("use a larger tau or a smaller task.dt")
                    );
                }
                let activation = activation.unwrap_or(RateActivation::Tanh).into();
                (config.units, Cell::Rate { activation, alpha: dt / tau }, 1)
            }
            UnitKind::Gru => (config.units, Cell::Gru, 3),
        };
        let draw = |index: usize| seed.stream(Role::Weights, index, 0);
        let normal = |index: usize, shape: [usize; 2], deviation: f64| {
            matrix(normals(shape, deviation, &mut draw(index)), shape, device)
        };
        let connectivity = Connectivity::new(
            units,
            config.density,
            config.excitatory,
            &mut seed.stream(Role::Connectivity, 0, 0),
        );
        let blocks = (0..gates).map(|gate| match config.init {
            RecurrentInit::Orthogonal => {
                let mut values = normals([units; 2], 1.0, &mut draw(16 + gate));
                orthonormalize_rows(&mut values, units);
                matrix(values, [units; 2], device) * config.gain
            }
            RecurrentInit::Normal => {
                let mut values = normals([units; 2], 1.0, &mut draw(16 + gate));
                if let Some(connectivity) = &connectivity {
                    connectivity.balance(&mut values);
                }
                let scale = config.gain / (units as f64 * config.density.unwrap_or(1.0)).sqrt();
                matrix(values, [units; 2], device) * scale
            }
        });
        let recurrent = Tensor::cat(blocks.collect(), 0);
        let input = normal(0, [gates * units, inputs], 1.0 / (inputs as f64).sqrt());
        let readout = normal(1, [outputs, units], 1.0 / (units as f64).sqrt());
        let connectivity = connectivity.map(|c| (c.factors(device), c.is_signed()));
        Ok(RecurrentNetwork::new(cell, input, recurrent, readout, connectivity, config.state_noise))
    }
}

fn normals(shape: [usize; 2], deviation: f64, stream: &mut Stream) -> Vec<f32> {
    let mut values = vec![0.0; shape[0] * shape[1]];
    stream.fill_normal(&mut values);
    values.iter_mut().for_each(|v| *v *= deviation as f32);
    values
}
