//! Normalisation of every example by itself: group normalisation (Wu & He 2018) and layer normalisation (Ba et al. 2016).

use burn::tensor::{Device, Tensor};

use super::affine::Affine;
use super::standard::Standard;
use crate::net::block::{Block, Mode};
use crate::net::parameter::Parameter;
use crate::net::trace::Trace;

/// The units of an example in equal groups, each of mean 0 and variance 1, then a gain and a bias.
#[derive(Clone, Debug)]
pub struct GroupNorm {
    affine: Affine,
    groups: usize,
    epsilon: f64,
    /// What the groups are made of, for people.
    what: &'static str,
}

impl GroupNorm {
    /// Of images of `channels` maps with `positions` numbers each: channels in `groups` groups, a gain and a bias for each channel,
    /// beginning with 1 and 0. `epsilon` is added to variances.
    ///
    /// # Panics
    /// If the channels cannot be divided into as many groups, or there is nothing in them.
    pub fn of_channels(
        channels: usize,
        positions: usize,
        groups: usize,
        epsilon: f64,
        device: &Device,
    ) -> Self {
        assert!(
            groups > 0 && channels.is_multiple_of(groups),
            "{channels} channels do not make {groups} equal groups"
        );
        let affine = Affine::new([channels, positions], false, device);
        Self { affine, groups, epsilon, what: "channels" }
    }

    /// Layer normalisation: each of `tokens` tokens is a group, with a gain and a bias for each of its `units` units, the same for all
    /// tokens.
    ///
    /// # Panics
    /// If there are no tokens or units.
    pub fn of_tokens(tokens: usize, units: usize, epsilon: f64, device: &Device) -> Self {
        Self { affine: Affine::new([tokens, units], true, device), groups: tokens, epsilon, what: "tokens" }
    }

    fn grouped(&self, x: &Tensor<2>) -> Tensor<3> {
        x.clone().reshape([x.dims()[0], self.groups, self.units() / self.groups])
    }

    fn standard(&self, x: &Tensor<2>) -> Standard {
        Standard::of(self.grouped(x), self.epsilon)
    }
}

impl Block for GroupNorm {
    fn inputs(&self) -> Vec<usize> {
        vec![self.units()]
    }

    fn units(&self) -> usize {
        self.affine.units()
    }

    fn describe(&self) -> String {
        let ([a, b], what) = (self.affine.view, self.what);
        format!("normalisation of {a} {what} of {b} in {} groups", self.groups)
    }

    fn parameters(&self) -> Vec<&Parameter> {
        self.affine.parameters()
    }

    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        self.affine.parameters_mut()
    }

    fn forward(&self, inputs: &[Tensor<2>], _mode: Mode) -> (Tensor<2>, Trace) {
        let standard = self.standard(&inputs[0]);
        (self.affine.apply(standard.values.clone()), Trace::new(standard))
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        self.affine.apply(self.standard(&inputs[0]).values)
    }

    fn parameter_vjp(&self, trace: &Trace, error: Tensor<2>) -> Vec<Tensor<2>> {
        self.affine.vjp(trace.of::<Standard>().values.clone(), &error)
    }

    fn input_vjp(&self, trace: &Trace, error: Tensor<2>, _input: usize, _weights: &[Tensor<2>]) -> Tensor<2> {
        let scaled = self.grouped(&self.affine.scale(&error));
        self.affine.flat(trace.of::<Standard>().derivative(scaled))
    }

    fn jvp(&self, trace: &Trace, changes: &[Tensor<2>], _weights: &[Tensor<2>]) -> Tensor<2> {
        let change = trace.of::<Standard>().derivative(self.grouped(&changes[0]));
        self.affine.scale(&self.affine.flat(change))
    }
}
