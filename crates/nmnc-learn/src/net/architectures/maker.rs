//! Adds layers to a network under construction, following the shape of images through it.

use burn::tensor::{Device, Tensor};
use nmnc_core::device::matrix;
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::memory;
use nmnc_core::seed::{Role, Seed};

use crate::net::{
    Activate, Activation, Add, BatchNorm, Block, Conv, ConvSpec, Dense, Dropout, Init, Network,
    NetworkBuilder, Pool, Pooling, PoolingSpec, Value, Window,
};

/// A value that is an image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Image {
    pub value: Value,
    /// Channels, height and width.
    pub shape: [usize; 3],
}

impl Image {
    pub fn units(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A convolution's kernel: side, stride and padding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernel(pub usize, pub usize, pub usize);

/// How initial weights are drawn.
#[derive(Clone, Copy, Debug)]
pub(super) enum Law {
    /// Normal with variance 2 / fan-out, where a kernel's fan-out counts its positions (He et al. 2015, backward form).
    FanOut,
    /// Uniform with variance 1 / (3 fan-in): what PyTorch gives layers nobody initialises.
    Uniform,
    /// Normal with this deviation.
    Normal(f64),
    /// One of the distributions of the configuration.
    Of(Init),
}

/// A network under construction.
pub(super) struct Maker {
    builder: NetworkBuilder,
    input: [usize; 3],
    seed: Seed,
    device: Device,
    /// Weights drawn so far: each has random numbers of its own.
    drawn: usize,
}

impl Maker {
    pub fn new(input: [usize; 3], seed: Seed, device: &Device) -> Self {
        let builder = Network::builder(&[input.iter().product()]);
        Self { builder, input, seed, device: device.clone(), drawn: 0 }
    }

    pub fn image(&self) -> Result<Image> {
        Ok(Image { value: self.builder.input(0)?, shape: self.input })
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    /// A weight `[rows, fan_in]`, each input of which reaches `fan_out` outputs.
    ///
    /// # Errors
    /// If there is not the memory for it and its like.
    pub fn weight(&mut self, [rows, fan_in]: [usize; 2], fan_out: usize, law: Law) -> Result<Tensor<2>> {
        let bytes = rows as u128 * fan_in as u128 * size_of::<f32>() as u128;
        if memory::available().is_some_and(|available| bytes > u128::from(available)) {
            let problem = format!("a weight of {rows} x {fan_in} numbers is more than there is memory");
            return Err(Error::new(ErrorKind::Memory, "network.scale", problem).mend("lower it"));
        }
        Ok(self.drawn_weight([rows, fan_in], fan_out, law))
    }

    fn drawn_weight(&mut self, [rows, fan_in]: [usize; 2], fan_out: usize, law: Law) -> Tensor<2> {
        let mut stream = self.seed.stream(Role::Weights, self.drawn, 0);
        self.drawn += 1;
        let mut numbers = vec![0.0f32; rows * fan_in];
        let deviation = match law {
            Law::Of(init) => return init.weight([rows, fan_in], fan_out, &mut stream, &self.device),
            Law::Uniform => {
                let bound = 1.0 / (fan_in as f64).sqrt();
                numbers.iter_mut().for_each(|n| *n = ((2.0 * stream.uniform() - 1.0) * bound) as f32);
                return matrix(numbers, [rows, fan_in], &self.device);
            }
            Law::FanOut => (2.0 / fan_out as f64).sqrt(),
            Law::Normal(deviation) => deviation,
        };
        stream.fill_normal(&mut numbers);
        numbers.iter_mut().for_each(|n| *n *= deviation as f32);
        matrix(numbers, [rows, fan_in], &self.device)
    }

    pub fn zeros(&self, columns: usize) -> Tensor<2> {
        Tensor::zeros([1, columns], &self.device)
    }

    pub fn node(&mut self, name: &str, block: impl Block + 'static, sources: &[Value]) -> Result<Value> {
        self.builder.node(name, block, sources)
    }

    /// Makes `image` the activity of a stage.
    pub fn stage(&mut self, value: Value) -> Result<()> {
        self.builder.stage(value)
    }

    /// A convolution with a bias and a nonlinearity, or with neither.
    pub fn conv(
        &mut self,
        name: &str,
        from: Image,
        channels: usize,
        Kernel(kernel, stride, padding): Kernel,
        biased: Option<Activation>,
        law: Law,
    ) -> Result<Image> {
        let spec = ConvSpec {
            input: from.shape,
            channels,
            kernel,
            stride,
            padding,
            activation: biased.unwrap_or(Activation::Identity),
            pool: Pool::None,
            pool_size: 1,
        };
        spec.check().map_err(|problem| {
            Error::config(format!("network.{name}"), problem)
                .mend("give the network larger images, or change network.scale")
        })?;
        let weight = self.weight([channels, spec.fan_in()], channels * kernel * kernel, law)?;
        let block = match biased {
            Some(_) => Conv::new(spec, weight, self.zeros(channels)),
            None => Conv::without_bias(spec, weight),
        };
        let value = self.node(name, block, &[from.value])?;
        Ok(Image { value, shape: spec.output() })
    }

    /// Batch normalisation with PyTorch's epsilon and momentum; `gain` is what each channel begins with.
    pub fn batch_norm(&mut self, name: &str, from: Image) -> Result<Image> {
        let [channels, height, width] = from.shape;
        let block = BatchNorm::new(channels, height * width, 1e-5, 0.1, &self.device);
        Ok(Image { value: self.node(name, block, &[from.value])?, ..from })
    }

    pub fn relu(&mut self, name: &str, from: Image) -> Result<Image> {
        let block = Activate::new(from.units(), Activation::Relu);
        Ok(Image { value: self.node(name, block, &[from.value])?, ..from })
    }

    pub fn sum(&mut self, name: &str, one: Image, other: Image) -> Result<Image> {
        let block = Add::new(2, one.units());
        Ok(Image { value: self.node(name, block, &[one.value, other.value])?, ..one })
    }

    pub fn max_pool(
        &mut self,
        name: &str,
        from: Image,
        Kernel(window, stride, padding): Kernel,
    ) -> Result<Image> {
        let spec = PoolingSpec { input: from.shape, kind: Window::Max, window, stride, padding };
        spec.check().map_err(|problem| {
            Error::config(format!("network.{name}"), problem)
                .mend("give the network larger images, or change network.scale")
        })?;
        Ok(Image { value: self.node(name, Pooling::new(spec), &[from.value])?, shape: spec.output() })
    }

    pub fn dropout(&mut self, name: &str, from: (Value, usize), rate: f64) -> Result<Value> {
        self.node(name, Dropout::new(from.1, rate), &[from.0])
    }

    pub fn dense(
        &mut self,
        name: &str,
        (from, inputs): (Value, usize),
        units: usize,
        activation: Activation,
        law: Law,
    ) -> Result<Value> {
        let weight = self.weight([units, inputs], units, law)?;
        let block = Dense::new(weight, self.zeros(units), activation);
        self.node(name, block, &[from])
    }

    pub fn finish(self, output: Value) -> Result<Network> {
        self.builder.build(output)
    }
}
