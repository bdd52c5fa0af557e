//! Convolution in groups of channels, depth-wise at the extreme.

use burn::tensor::Tensor;
use burn::tensor::module::{conv_transpose2d, conv2d, conv2d_weight_backward};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

use crate::net::block::{Block, Mode};
use crate::net::map::{LinearMap, Map};
use crate::net::parameter::Parameter;
use crate::net::trace::Trace;

/// Convolution of `[c, h, w]` images whose input and output channels are divided into `groups`: a channel reads those of its own group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupedMap {
    /// Channels, height and width of an input image.
    pub input: [usize; 3],
    /// Output channels.
    pub channels: usize,
    /// Side of the square kernel.
    pub kernel: usize,
    /// Step of the kernel in both directions.
    pub stride: usize,
    /// Zeros added on each of the four sides.
    pub padding: usize,
    /// Groups that the channels of input and output are divided into.
    pub groups: usize,
}

impl GroupedMap {
    /// Whether there is such a convolution.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn check(&self) -> Result<(), String> {
        let Self { input: [inputs, height, width], channels, kernel, stride, padding, groups } = *self;
        if [inputs, height, width, channels, kernel, stride, groups].contains(&0) {
            return Err("channels, positions, kernel, stride and groups are at least 1".into());
        }
        if !inputs.is_multiple_of(groups) || !channels.is_multiple_of(groups) {
            return Err(format!("{inputs} channels read by {channels} do not make {groups} equal groups"));
        }
        let padded = |size: usize| padding.checked_mul(2).and_then(|both| both.checked_add(size));
        match (padded(height), padded(width)) {
            (Some(rows), Some(columns)) if rows.min(columns) >= kernel => Ok(()),
            _ => Err(format!(
                "a {kernel}x{kernel} kernel is larger than {height}x{width} positions with padding {padding}"
            )),
        }
    }

    /// Channels, height and width of the result.
    pub fn output(&self) -> [usize; 3] {
        let [_, height, width] = self.input;
        let side = |size: usize| (size + 2 * self.padding - self.kernel) / self.stride + 1;
        [self.channels, side(height), side(width)]
    }

    /// Shape `[c_out, c_in / groups, kernel, kernel]` of the weight, a matrix `[c_out, the rest]`.
    pub fn weight(&self) -> [usize; 4] {
        [self.channels, self.input[0] / self.groups, self.kernel, self.kernel]
    }

    fn options(&self) -> ConvOptions<2> {
        ConvOptions::new([self.stride; 2], [self.padding; 2], [1; 2], self.groups)
    }

    fn image(x: Tensor<2>, [channels, height, width]: [usize; 3]) -> Tensor<4> {
        let [rows, _] = x.dims();
        x.reshape([rows, channels, height, width])
    }

    /// The transposed convolution: the adjoint of [`LinearMap::response`] in what is read.
    fn back(&self, error: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
        // Trailing positions that no window begins at are given back as zeros.
        let dropped = |size: usize| (size + 2 * self.padding - self.kernel) % self.stride;
        let [_, height, width] = self.input;
        let options = ConvTransposeOptions::new(
            [self.stride; 2],
            [self.padding; 2],
            [dropped(height), dropped(width)],
            [1; 2],
            self.groups,
        );
        let [rows, _] = error.dims();
        let error = Self::image(error, self.output());
        conv_transpose2d(error, weight.reshape(self.weight()), None, options).reshape([rows, self.inputs()])
    }
}

impl LinearMap for GroupedMap {
    fn inputs(&self) -> usize {
        self.input.iter().product()
    }

    fn outputs(&self) -> usize {
        self.output().iter().product()
    }

    fn flops(&self) -> f64 {
        let read = self.input[0] / self.groups * self.kernel * self.kernel;
        2.0 * read as f64 * self.outputs() as f64
    }

    fn response(&self, change: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
        let [rows, _] = change.dims();
        let image = Self::image(change, self.input);
        conv2d(image, weight.reshape(self.weight()), None, self.options()).reshape([rows, self.outputs()])
    }

    fn correlate(&self, change: Tensor<2>, response: Tensor<2>) -> Tensor<2> {
        let shape = self.weight();
        let like = Tensor::zeros(shape, (&change.device(), change.dtype()));
        let (image, response) = (Self::image(change, self.input), Self::image(response, self.output()));
        let weight = conv2d_weight_backward(image, like, response, self.options());
        weight.reshape([shape[0], shape[1] * shape[2] * shape[3]])
    }
}

/// y = W * x + b in groups of channels, or without b.
#[derive(Clone, Debug)]
pub struct GroupedConv {
    map: GroupedMap,
    weight: Parameter,
    bias: Option<Parameter>,
}

/// x.
struct Input(Tensor<2>);

impl GroupedConv {
    /// A block with weight `[c_out, c_in / groups * kernel * kernel]` and perhaps bias `[1, c_out]`.
    ///
    /// # Panics
    /// If there is no such convolution, or a shape does not fit.
    pub fn new(map: GroupedMap, weight: Tensor<2>, bias: Option<Tensor<2>>) -> Self {
        map.check().unwrap_or_else(|problem| panic!("{problem}"));
        let shape = map.weight();
        assert_eq!(weight.dims(), [shape[0], shape[1..].iter().product()], "weight shape");
        assert!(bias.as_ref().is_none_or(|bias| bias.dims() == [1, map.channels]), "bias shape");
        let weight = Parameter { name: "weight".into(), value: weight, shape: shape.to_vec() };
        Self { map, weight, bias: bias.map(|bias| Parameter::vector("bias", bias)) }
    }
}

impl Block for GroupedConv {
    fn inputs(&self) -> Vec<usize> {
        vec![self.map.inputs()]
    }

    fn units(&self) -> usize {
        self.map.outputs()
    }

    fn describe(&self) -> String {
        let GroupedMap { input: [c, h, w], kernel, stride, padding, groups, .. } = self.map;
        let [channels, height, width] = self.map.output();
        format!(
            "conv {c}x{h}x{w} -> {channels}x{height}x{width}, kernel {kernel}, stride {stride}, padding {padding}, \
             {groups} groups"
        )
    }

    fn parameters(&self) -> Vec<&Parameter> {
        std::iter::once(&self.weight).chain(&self.bias).collect()
    }

    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        std::iter::once(&mut self.weight).chain(&mut self.bias).collect()
    }

    fn forward(&self, inputs: &[Tensor<2>], _mode: Mode) -> (Tensor<2>, Trace) {
        (self.activity(inputs), Trace::new(Input(inputs[0].clone())))
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        let linear = self.map.response(inputs[0].clone(), self.weight.value.clone());
        let Some(bias) = &self.bias else { return linear };
        let [rows, units] = linear.dims();
        let positions = units / self.map.channels;
        let maps = linear.reshape([rows, self.map.channels, positions]);
        (maps + bias.value.clone().reshape([1, self.map.channels, 1])).reshape([rows, units])
    }

    fn parameter_vjp(&self, trace: &Trace, error: Tensor<2>) -> Vec<Tensor<2>> {
        let weight = self.map.correlate(trace.of::<Input>().0.clone(), error.clone());
        let bias = self.bias.as_ref().map(|_| {
            let [rows, units] = error.dims();
            let maps = error.reshape([rows, self.map.channels, units / self.map.channels]);
            maps.sum_dim(2).sum_dim(0).reshape([1, self.map.channels])
        });
        std::iter::once(weight).chain(bias).collect()
    }

    fn input_vjp(&self, _trace: &Trace, error: Tensor<2>, _input: usize, weights: &[Tensor<2>]) -> Tensor<2> {
        self.map.back(error, weights[0].clone())
    }

    fn jvp(&self, _trace: &Trace, changes: &[Tensor<2>], weights: &[Tensor<2>]) -> Tensor<2> {
        self.map.response(changes[0].clone(), weights[0].clone())
    }

    fn maps(&self) -> Vec<Map<'_>> {
        vec![Map { parameter: &self.weight, operation: &self.map, source: Some(0) }]
    }

    fn map_input(&self, trace: &Trace, _map: usize) -> Tensor<2> {
        trace.of::<Input>().0.clone()
    }
}
