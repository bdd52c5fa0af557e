//! What follows a normalisation: a gain and a bias that are learned.

use burn::tensor::{Device, Tensor};

use crate::net::parameter::Parameter;

/// Gain and bias, one number for each entry of the axis of a view `[batch, a, b]` that is not shared.
#[derive(Clone, Debug)]
pub(super) struct Affine {
    pub gain: Parameter,
    bias: Parameter,
    /// The a and b of the view.
    pub view: [usize; 2],
    /// Whether the numbers go along `b` and not along `a`.
    last: bool,
}

impl Affine {
    pub fn new(view: [usize; 2], last: bool, device: &Device) -> Self {
        assert!(view[0] > 0 && view[1] > 0, "there is nothing to normalise");
        let count = view[usize::from(last)];
        let row = |value: f32| Tensor::ones([1, count], device) * value;
        Self {
            gain: Parameter::vector("weight", row(1.0)),
            bias: Parameter::vector("bias", row(0.0)),
            view,
            last,
        }
    }

    pub fn units(&self) -> usize {
        self.view[0] * self.view[1]
    }

    pub fn view(&self, x: &Tensor<2>) -> Tensor<3> {
        x.clone().reshape([x.dims()[0], self.view[0], self.view[1]])
    }

    pub fn flat(&self, x: Tensor<3>) -> Tensor<2> {
        let rows = x.dims().iter().product::<usize>() / self.units();
        x.reshape([rows, self.units()])
    }

    /// A row `[1, count]` as it meets the view.
    pub fn spread(&self, row: &Tensor<2>) -> Tensor<3> {
        let count = row.dims()[1];
        row.clone().reshape(if self.last { [1, 1, count] } else { [1, count, 1] })
    }

    /// gain x + bias.
    pub fn apply(&self, standard: Tensor<3>) -> Tensor<2> {
        let standard = self.view(&self.flat(standard));
        self.flat(standard * self.spread(&self.gain.value) + self.spread(&self.bias.value))
    }

    /// gain x.
    pub fn scale(&self, x: &Tensor<2>) -> Tensor<2> {
        self.flat(self.view(x) * self.spread(&self.gain.value))
    }

    /// Gradients of gain and bias.
    pub fn vjp(&self, standard: Tensor<3>, error: &Tensor<2>) -> Vec<Tensor<2>> {
        let sum = |x: Tensor<3>| {
            let [_, a, b] = x.dims();
            match self.last {
                true => x.sum_dim(1).sum_dim(0).reshape([1, b]),
                false => x.sum_dim(2).sum_dim(0).reshape([1, a]),
            }
        };
        let (error, standard) = (self.view(error), self.view(&self.flat(standard)));
        vec![sum(error.clone() * standard), sum(error)]
    }

    pub fn parameters(&self) -> Vec<&Parameter> {
        vec![&self.gain, &self.bias]
    }

    pub fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        vec![&mut self.gain, &mut self.bias]
    }
}
