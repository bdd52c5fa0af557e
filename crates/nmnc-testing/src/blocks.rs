//! Blocks written outside the library, as a user would: a residual block with layer normalisation and dropout, and one that keeps running statistics.

use burn::tensor::Tensor;
use nmnc_learn::net::{Block, Buffer, DenseMap, Map, Mode, Parameter, Trace};

const EPSILON: f64 = 1e-5;

/// y = x + m tanh(LN(x) W_1^T) W_2^T with LN(x) = gain (x - mean x) / deviation x + bias over the units of each example, and in
/// training a mask m of the hidden units that keeps one half of them, doubled.
#[derive(Debug)]
pub struct Residual {
    gain: Parameter,
    bias: Parameter,
    first: Parameter,
    second: Parameter,
    maps: [DenseMap; 2],
}

struct ResidualTrace {
    /// (x - mean x) / deviation x.
    standard: Tensor<2>,
    /// 1 / deviation x, `[batch, 1]`.
    precision: Tensor<2>,
    /// LN(x).
    normal: Tensor<2>,
    /// Hidden activity, masked, and its slope.
    hidden: Tensor<2>,
    slope: Tensor<2>,
    mask: Option<Tensor<2>>,
}

impl Residual {
    /// For weights `[hidden, n]` and `[n, hidden]`, gain and bias `[1, n]`.
    pub fn new(gain: Tensor<2>, bias: Tensor<2>, first: Tensor<2>, second: Tensor<2>) -> Self {
        let [hidden, units] = first.dims();
        Self {
            gain: Parameter::vector("norm.gain", gain),
            bias: Parameter::vector("norm.bias", bias),
            first: Parameter::new("first.weight", first),
            second: Parameter::new("second.weight", second),
            maps: [DenseMap { inputs: units, outputs: hidden }, DenseMap { inputs: hidden, outputs: units }],
        }
    }

    fn pass(&self, x: Tensor<2>, mask: Option<Tensor<2>>) -> (Tensor<2>, ResidualTrace) {
        let centered = x.clone() - x.clone().mean_dim(1);
        let precision = (centered.clone().powi_scalar(2).mean_dim(1) + EPSILON).sqrt().recip();
        let standard = centered * precision.clone();
        let normal = standard.clone() * self.gain.value.clone() + self.bias.value.clone();
        let free = normal.clone().matmul(self.first.value.clone().transpose()).tanh();
        let slope = free.clone().powi_scalar(2).neg() + 1.0;
        let masked = |t: Tensor<2>| mask.clone().map_or(t.clone(), |mask| t * mask);
        let (hidden, slope) = (masked(free), masked(slope));
        let y = x + hidden.clone().matmul(self.second.value.clone().transpose());
        (y, ResidualTrace { standard, precision, normal, hidden, slope, mask })
    }

    /// Error at LN(x), through weights of the maps.
    fn at_normal(trace: &ResidualTrace, error: Tensor<2>, weights: &[Tensor<2>]) -> [Tensor<2>; 2] {
        let before = error.matmul(weights[1].clone()) * trace.slope.clone();
        [before.clone(), before.matmul(weights[0].clone())]
    }
}

impl Block for Residual {
    fn inputs(&self) -> Vec<usize> {
        vec![self.units()]
    }

    fn units(&self) -> usize {
        self.maps[0].inputs
    }

    fn describe(&self) -> String {
        format!("residual {} through {}", self.units(), self.maps[0].outputs)
    }

    fn parameters(&self) -> Vec<&Parameter> {
        vec![&self.gain, &self.bias, &self.first, &self.second]
    }

    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        vec![&mut self.gain, &mut self.bias, &mut self.first, &mut self.second]
    }

    fn forward(&self, inputs: &[Tensor<2>], mode: Mode) -> (Tensor<2>, Trace) {
        let x = inputs[0].clone();
        let shape = [x.dims()[0], self.maps[0].outputs];
        let mask = mode.uniform(shape).map(|numbers| {
            let kept = numbers.into_iter().map(|number| if number < 0.5 { 2.0 } else { 0.0 });
            nmnc_core::device::matrix(kept.collect(), shape, &x.device()).cast(x.dtype())
        });
        let (y, trace) = self.pass(x, mask);
        (y, Trace::new(trace))
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        self.pass(inputs[0].clone(), None).0
    }

    fn replay(&self, inputs: &[Tensor<2>], trace: &Trace) -> Tensor<2> {
        self.pass(inputs[0].clone(), trace.of::<ResidualTrace>().mask.clone()).0
    }

    fn replay_needs_trace(&self) -> bool {
        true
    }

    fn parameter_vjp(&self, trace: &Trace, error: Tensor<2>) -> Vec<Tensor<2>> {
        let trace: &ResidualTrace = trace.of();
        let second = error.clone().transpose().matmul(trace.hidden.clone());
        let own = [self.first.value.clone(), self.second.value.clone()];
        let [before, normal] = Self::at_normal(trace, error, &own);
        let first = before.transpose().matmul(trace.normal.clone());
        vec![(normal.clone() * trace.standard.clone()).sum_dim(0), normal.sum_dim(0), first, second]
    }

    fn input_vjp(&self, trace: &Trace, error: Tensor<2>, _input: usize, weights: &[Tensor<2>]) -> Tensor<2> {
        let trace: &ResidualTrace = trace.of();
        let [_, normal] = Self::at_normal(trace, error.clone(), weights);
        let scaled = normal * self.gain.value.clone();
        let along = (scaled.clone() * trace.standard.clone()).mean_dim(1) * trace.standard.clone();
        error + (scaled.clone() - scaled.mean_dim(1) - along) * trace.precision.clone()
    }

    fn jvp(&self, trace: &Trace, changes: &[Tensor<2>], weights: &[Tensor<2>]) -> Tensor<2> {
        let trace: &ResidualTrace = trace.of();
        let change = changes[0].clone();
        let centered = change.clone() - change.clone().mean_dim(1);
        let along = (centered.clone() * trace.standard.clone()).mean_dim(1) * trace.standard.clone();
        let normal = (centered - along) * trace.precision.clone() * self.gain.value.clone();
        let hidden = normal.matmul(weights[0].clone().transpose()) * trace.slope.clone();
        change + hidden.matmul(weights[1].clone().transpose())
    }

    fn maps(&self) -> Vec<Map<'_>> {
        let place = |(parameter, operation)| Map { parameter, operation, source: None };
        let [first, second] = &self.maps;
        vec![place((&self.first, first)), place((&self.second, second))]
    }

    fn map_input(&self, trace: &Trace, map: usize) -> Tensor<2> {
        let trace: &ResidualTrace = trace.of();
        if map == 0 { trace.normal.clone() } else { trace.hidden.clone() }
    }
}

/// y = x - m, where m is the mean over the batch in training and a running mean in evaluation.
#[derive(Debug)]
pub struct Centered {
    mean: Buffer,
}

/// The mean that was subtracted, and whether it was the batch's own.
struct CenteredTrace {
    mean: Tensor<2>,
    own: bool,
}

impl Centered {
    /// With this running mean `[1, n]`.
    pub fn new(mean: Tensor<2>) -> Self {
        Self { mean: Buffer::vector("mean", mean) }
    }
}

impl Block for Centered {
    fn inputs(&self) -> Vec<usize> {
        vec![self.units()]
    }

    fn units(&self) -> usize {
        self.mean.shape[0]
    }

    fn describe(&self) -> String {
        format!("centered {}", self.units())
    }

    fn buffers(&self) -> Vec<&Buffer> {
        vec![&self.mean]
    }

    fn buffers_mut(&mut self) -> Vec<&mut Buffer> {
        vec![&mut self.mean]
    }

    fn updated_buffers(&self, trace: &Trace) -> Vec<Tensor<2>> {
        let CenteredTrace { mean, own } = trace.of();
        let running = self.mean.value.clone();
        vec![if *own { running * 0.9 + mean.clone() * 0.1 } else { running }]
    }

    fn forward(&self, inputs: &[Tensor<2>], mode: Mode) -> (Tensor<2>, Trace) {
        let own = matches!(mode, Mode::Training { .. });
        let mean = if own { inputs[0].clone().mean_dim(0) } else { self.mean.value.clone() };
        (inputs[0].clone() - mean.clone(), Trace::new(CenteredTrace { mean, own }))
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        inputs[0].clone() - self.mean.value.clone()
    }

    fn replay(&self, inputs: &[Tensor<2>], trace: &Trace) -> Tensor<2> {
        inputs[0].clone() - trace.of::<CenteredTrace>().mean.clone()
    }

    fn replay_needs_trace(&self) -> bool {
        true
    }

    fn input_vjp(&self, trace: &Trace, error: Tensor<2>, _input: usize, _weights: &[Tensor<2>]) -> Tensor<2> {
        if trace.of::<CenteredTrace>().own { error.clone() - error.mean_dim(0) } else { error }
    }

    fn jvp(&self, trace: &Trace, changes: &[Tensor<2>], weights: &[Tensor<2>]) -> Tensor<2> {
        // Its own adjoint.
        self.input_vjp(trace, changes[0].clone(), 0, weights)
    }
}
