//! Networks from configuration.

use burn::tensor::{Device, Tensor};
use nmnc_kernels::{Activation, ConvSpec, Pool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ARCHITECTURES, Architecture, Block, Conv, Dense, Geometry, Init, Network};
use nmnc_core::error::{Error, Result};
use nmnc_core::ranges;
use nmnc_core::seed::{Role, Seed};

/// Preset chains: name, widths by default, what it is. Deep networks are [`ARCHITECTURES`].
pub const PRESETS: [(&str, &[usize], &str); 3] = [
    ("mlp", &[256, 256], "dense stages, one per width"),
    ("conv3", &[32, 64, 128], "one 3x3 convolution with 2x2 max pooling per width"),
    ("lenet", &[6, 16, 120, 84], "LeNet-5: two 5x5 convolutions with 2x2 pooling, then dense stages"),
];

/// `[network]`: a preset, or explicit stages; the readout is always linear.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkConfig {
    /// Name of a preset (a chain: `mlp`, `conv3`, `lenet`; or a deep network such as `resnet20`); leave out when `stages` are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Channels or units of each stage of a preset chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::SIZE.stated())]
    pub widths: Option<Vec<usize>>,
    /// Multiplies every width (rounded, at least 1): the axis of a scaling experiment.
    #[schemars(transform = ranges::FACTOR.stated())]
    pub scale: f64,
    /// Nonlinearity of stages that do not name their own.
    pub activation: ActivationName,
    /// Initial weights of stages that do not name their own.
    pub init: Init,
    /// Initial weights of the readout.
    pub readout_init: Init,
    /// Explicit stages, first to last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageConfig>,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            preset: None,
            widths: None,
            scale: 1.0,
            activation: ActivationName::Relu,
            init: Init::He,
            readout_init: Init::Lecun,
            stages: Vec::new(),
        }
    }
}

/// One explicit stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum StageConfig {
    /// Convolution, nonlinearity, pooling.
    Conv(ConvConfig),
    /// Fully connected.
    Dense(DenseConfig),
}

/// A convolutional stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvConfig {
    /// Output channels.
    #[schemars(transform = ranges::SIZE.stated())]
    pub channels: usize,
    /// Side of the square kernel.
    #[serde(default = "three")]
    #[schemars(transform = ranges::SIZE.stated())]
    pub kernel: usize,
    /// Stride in both directions.
    #[serde(default = "one")]
    #[schemars(transform = ranges::SIZE.stated())]
    pub stride: usize,
    /// Zero padding on every side; half the kernel when left out, which keeps the size at stride 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ranges::SIZE_OR_NONE.stated())]
    pub padding: Option<usize>,
    /// Nonlinearity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<ActivationName>,
    /// Pooling after the nonlinearity; none unless told.
    #[serde(default = "no_pool")]
    pub pool: PoolName,
    /// Side and stride of the pooling window.
    #[serde(default = "two")]
    #[schemars(transform = ranges::SIZE.stated())]
    pub pool_size: usize,
    /// Initial weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Init>,
}

/// A fully connected stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DenseConfig {
    /// Number of units.
    #[schemars(transform = ranges::SIZE.stated())]
    pub units: usize,
    /// Nonlinearity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<ActivationName>,
    /// Initial weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Init>,
}

fn one() -> usize {
    1
}
fn two() -> usize {
    2
}
fn three() -> usize {
    3
}
fn no_pool() -> PoolName {
    PoolName::None
}

/// Nonlinearities by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ActivationName {
    /// max(z, 0).
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// z Phi(z), with the exact normal distribution function.
    Gelu,
    /// z itself: a linear stage.
    Identity,
}

impl From<ActivationName> for Activation {
    fn from(name: ActivationName) -> Self {
        match name {
            ActivationName::Relu => Self::Relu,
            ActivationName::Tanh => Self::Tanh,
            ActivationName::Gelu => Self::Gelu,
            ActivationName::Identity => Self::Identity,
        }
    }
}

/// Pooling by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PoolName {
    /// No pooling.
    None,
    /// Maximum of each window.
    Max,
    /// Mean of each window.
    Average,
}

impl From<PoolName> for Pool {
    fn from(name: PoolName) -> Self {
        match name {
            PoolName::None => Self::None,
            PoolName::Max => Self::Max,
            PoolName::Average => Self::Average,
        }
    }
}

impl NetworkConfig {
    /// The same network with the preset and every default spelled out as explicit stages; a deep network stays what its name says.
    ///
    /// # Errors
    /// Unknown preset, settings that do not fit it, or neither preset nor stages (or both).
    pub fn resolve(&self) -> Result<Self> {
        ranges::check(self).map_err(|e| e.under("network"))?;
        if let Some(architecture) = self.architecture() {
            return self.resolved_architecture(architecture);
        }
        let mut stages = match (&self.preset, self.stages.is_empty()) {
            (Some(_), false) => {
                return Err(
                    Error::config("network", "has both a preset and stages").mend("remove one of them")
                );
            }
            (None, true) => {
                let names = preset_names().join(", ");
                return Err(Error::config("network", "names neither a preset nor stages")
                    .mend(format!("set network.preset to one of {names}")));
            }
            (None, false) if self.widths.is_some() => {
                return Err(Error::config("network.widths", "belongs to a preset, but stages are given")
                    .mend("set the width in each stage"));
            }
            (None, false) => self.stages.clone(),
            (Some(preset), true) => self.preset_stages(preset)?,
        };
        for stage in &mut stages {
            let (width, activation, init) = match stage {
                StageConfig::Conv(conv) => {
                    conv.padding.get_or_insert(conv.kernel / 2);
                    (&mut conv.channels, &mut conv.activation, &mut conv.init)
                }
                StageConfig::Dense(dense) => (&mut dense.units, &mut dense.activation, &mut dense.init),
            };
            *width = ((*width as f64 * self.scale).round() as usize).max(usize::from(*width > 0));
            activation.get_or_insert(self.activation);
            init.get_or_insert(self.init);
        }
        let resolved = Self { preset: None, widths: None, scale: 1.0, stages, ..self.clone() };
        // Scaling may have led out of the range.
        ranges::check(&resolved).map_err(|e| e.under("network"))?;
        Ok(resolved)
    }

    /// Number of stages.
    ///
    /// # Errors
    /// As [`NetworkConfig::resolve`].
    pub fn stage_count(&self) -> Result<usize> {
        match self.architecture() {
            Some(architecture) => Ok(architecture.stages()),
            None => Ok(self.resolve()?.stages.len()),
        }
    }

    /// The deep network that the preset names.
    pub fn architecture(&self) -> Option<&'static Architecture> {
        self.preset.as_deref().and_then(Architecture::find)
    }

    fn resolved_architecture(&self, architecture: &Architecture) -> Result<Self> {
        let bare = Self { preset: self.preset.clone(), scale: self.scale, ..Self::default() };
        let given = [
            ("stages", self.stages != bare.stages),
            ("widths", self.widths != bare.widths),
            ("activation", self.activation != bare.activation),
            ("init", self.init != bare.init),
            ("readout_init", self.readout_init != bare.readout_init),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((key, _)) => Err(Error::config(
                format!("network.{key}"),
                format!("`{}` has its own, as its authors gave it", architecture.name),
            )
            .mend("remove it; network.scale makes the network wider or narrower")),
            None => Ok(self.clone()),
        }
    }

    fn preset_stages(&self, preset: &str) -> Result<Vec<StageConfig>> {
        let Some((_, defaults, _)) = PRESETS.iter().find(|(name, ..)| *name == preset) else {
            return Err(Error::config("network.preset", format!("unknown network `{preset}`"))
                .suggest(preset, preset_names()));
        };
        let widths = self.widths.as_deref().unwrap_or(defaults);
        let dense = |&units: &usize| StageConfig::Dense(DenseConfig { units, activation: None, init: None });
        let conv = |channels, kernel, padding| {
            StageConfig::Conv(ConvConfig {
                channels,
                kernel,
                stride: 1,
                padding,
                activation: None,
                pool: PoolName::Max,
                pool_size: 2,
                init: None,
            })
        };
        match preset {
            "mlp" => Ok(widths.iter().map(dense).collect()),
            "conv3" if widths.len() == 3 => Ok(widths.iter().map(|&c| conv(c, 3, None)).collect()),
            "lenet" if widths.len() == 4 => {
                let convs = [conv(widths[0], 5, Some(2)), conv(widths[1], 5, Some(0))];
                Ok(convs.into_iter().chain(widths[2..].iter().map(dense)).collect())
            }
            _ => Err(Error::config("network.widths", format!("has {} entries", widths.len()))
                .mend(format!("`{preset}` takes {}", defaults.len()))),
        }
    }

    /// The sizes of each stage of a chain for inputs of `[channels, height, width]`; nothing is built. None for a deep network.
    ///
    /// # Errors
    /// As [`NetworkConfig::resolve`]; a stage whose geometry is impossible, named by its number.
    pub fn geometry(&self, input: [usize; 3]) -> Result<Option<Vec<Geometry>>> {
        if self.architecture().is_some() {
            return Ok(None);
        }
        let mut shape = Some(input);
        let mut inputs: usize = input.iter().product();
        let mut all = Vec::new();
        for (index, stage) in self.resolve()?.stages.iter().enumerate() {
            let place = format!("network.stages[{index}] (stage {})", index + 1);
            let geometry = match stage {
                StageConfig::Conv(conv) => {
                    let input = shape.ok_or_else(|| {
                        Error::config(&place, "a convolution cannot follow a dense stage")
                            .mend("put convolutions first")
                    })?;
                    let spec = conv.spec(input);
                    spec.check().map_err(|problem| Error::config(&place, problem))?;
                    shape = Some(spec.output());
                    Geometry::Conv(spec)
                }
                StageConfig::Dense(dense) => {
                    shape = None;
                    Geometry::Dense { inputs, units: dense.units }
                }
            };
            inputs = geometry.units();
            all.push(geometry);
        }
        Ok(Some(all))
    }

    /// Builds the network for inputs of shape `[channels, height, width]` and `outputs` outputs.
    ///
    /// # Errors
    /// A stage whose geometry is impossible, named by its number; images that a deep network cannot have, or more weights than memory.
    pub fn build(&self, input: [usize; 3], outputs: usize, seed: Seed, device: &Device) -> Result<Network> {
        let config = self.resolve()?;
        if let Some(architecture) = config.architecture() {
            return architecture.build(input, outputs, config.scale, seed, device);
        }
        let mut stages: Vec<Box<dyn Block>> = Vec::new();
        let mut units: usize = input.iter().product();
        for (index, (stage, geometry)) in
            config.stages.iter().zip(config.geometry(input)?.into_iter().flatten()).enumerate()
        {
            let mut stream = seed.stream(Role::Weights, index, 0);
            let (init, activation) = match stage {
                StageConfig::Conv(conv) => (conv.init, conv.activation),
                StageConfig::Dense(dense) => (dense.init, dense.activation),
            };
            let init = init.unwrap_or(self.init);
            let built: Box<dyn Block> = match geometry {
                Geometry::Conv(spec) => {
                    let outs = spec.channels * spec.kernel * spec.kernel;
                    let weight = init.weight([spec.channels, spec.fan_in()], outs, &mut stream, device);
                    Box::new(Conv::new(spec, weight, Tensor::zeros([1, spec.channels], device)))
                }
                Geometry::Dense { inputs, units } => {
                    let weight = init.weight([units, inputs], units, &mut stream, device);
                    let activation = activation.unwrap_or(self.activation).into();
                    Box::new(Dense::new(weight, Tensor::zeros([1, units], device), activation))
                }
            };
            units = built.units();
            stages.push(built);
        }
        let mut stream = seed.stream(Role::Weights, stages.len(), 0);
        let weight = self.readout_init.weight([outputs, units], outputs, &mut stream, device);
        let readout = Dense::new(weight, Tensor::zeros([1, outputs], device), Activation::Identity);
        Network::chain(stages, readout)
    }
}

fn preset_names() -> Vec<&'static str> {
    PRESETS.iter().map(|(name, ..)| *name).chain(ARCHITECTURES.iter().map(|own| own.name)).collect()
}

impl ConvConfig {
    /// The stage's geometry for an input of `[channels, height, width]`.
    pub fn spec(&self, input: [usize; 3]) -> ConvSpec {
        ConvSpec {
            input,
            channels: self.channels,
            kernel: self.kernel,
            stride: self.stride,
            padding: self.padding.unwrap_or(self.kernel / 2),
            activation: self.activation.unwrap_or(ActivationName::Relu).into(),
            pool: self.pool.into(),
            pool_size: self.pool_size,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preset(name: &str) -> NetworkConfig {
        NetworkConfig { preset: Some(name.into()), ..Default::default() }
    }

    #[test]
    fn presets_build_with_the_expected_units() {
        let device = Device::flex();
        let units =
            |config: NetworkConfig, input| config.build(input, 10, Seed(0), &device).unwrap().stage_units();
        assert_eq!(units(preset("conv3"), [3, 32, 32]), [8192, 4096, 2048]);
        assert_eq!(units(preset("lenet"), [1, 28, 28]), [6 * 14 * 14, 16 * 5 * 5, 120, 84]);
        assert_eq!(units(NetworkConfig { scale: 0.25, ..preset("mlp") }, [1, 28, 28]), [64, 64]);
    }

    #[test]
    fn resolving_is_idempotent_and_builds_the_same_network() {
        let device = Device::flex();
        let config = NetworkConfig { scale: 0.5, ..preset("conv3") };
        let resolved = config.resolve().unwrap();
        assert_eq!(resolved, resolved.resolve().unwrap());
        let describe = |c: &NetworkConfig| {
            c.build([1, 28, 28], 10, Seed(0), &device)
                .unwrap()
                .stages()
                .map(|stage| stage.block().describe())
                .collect::<Vec<_>>()
        };
        assert_eq!(describe(&config), describe(&resolved));
    }

    #[test]
    fn impossible_networks_say_which_stage_and_why() {
        let message = |config: NetworkConfig| {
            config.build([1, 4, 4], 10, Seed(0), &Device::flex()).unwrap_err().to_string()
        };
        assert_eq!(
            message(preset("conf3")),
            "network.preset: unknown network `conf3`; did you mean `conv3`?"
        );
        assert!(
            message(preset("conv3")).starts_with("network.stages[2] (stage 3): "),
            "{}",
            message(preset("conv3"))
        );
        assert!(message(NetworkConfig::default()).starts_with("network: names neither"));
        let widths = NetworkConfig { widths: Some(vec![1]), ..preset("conv3") };
        assert_eq!(message(widths), "network.widths: has 1 entries; `conv3` takes 3");
    }
}
