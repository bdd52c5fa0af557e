//! A skip to fewer positions and more channels, without parameters.

use burn::tensor::{Slice, Tensor};

use crate::net::block::{Block, Mode};
use crate::net::trace::Trace;

/// Every `stride`-th row and column of an image `[c, h, w]`, between as many silent channels on either side: option A of He et al. 2016.
#[derive(Clone, Copy, Debug)]
pub struct Shortcut {
    input: [usize; 3],
    stride: usize,
    silent: usize,
}

impl Shortcut {
    /// From `input` `[c, h, w]` to c + 2 `silent` channels.
    ///
    /// # Panics
    /// If a size or the stride is 0.
    pub fn new(input: [usize; 3], stride: usize, silent: usize) -> Self {
        assert!(stride > 0 && input.iter().all(|&size| size > 0), "an empty image or no stride");
        Self { input, stride, silent }
    }

    fn output(&self) -> [usize; 3] {
        let [channels, height, width] = self.input;
        let kept = |size: usize| size.div_ceil(self.stride);
        [channels + 2 * self.silent, kept(height), kept(width)]
    }

    /// The positions of `x` `[maps, height, width]` that stay.
    fn thin(&self, x: Tensor<3>) -> Tensor<3> {
        let every = |size: usize| Slice::new(0, Some(size as isize), self.stride as isize);
        let [maps, height, width] = x.dims();
        x.slice([Slice::new(0, Some(maps as isize), 1), every(height), every(width)])
    }
}

impl Block for Shortcut {
    fn inputs(&self) -> Vec<usize> {
        vec![self.input.iter().product()]
    }

    fn units(&self) -> usize {
        self.output().iter().product()
    }

    fn describe(&self) -> String {
        let ([c, h, w], [channels, rows, columns]) = (self.input, self.output());
        format!("skip {c}x{h}x{w} -> {channels}x{rows}x{columns}")
    }

    fn forward(&self, inputs: &[Tensor<2>], _mode: Mode) -> (Tensor<2>, Trace) {
        (self.activity(inputs), Trace::new(()))
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        let (x, [channels, height, width], [_, rows, columns]) = (&inputs[0], self.input, self.output());
        let batch = x.dims()[0];
        let kept = self.thin(x.clone().reshape([batch * channels, height, width]));
        let kept = kept.reshape([batch, channels * rows * columns]);
        let silent = || Tensor::zeros([batch, self.silent * rows * columns], (&x.device(), x.dtype()));
        Tensor::cat(vec![silent(), kept, silent()], 1)
    }

    fn input_vjp(
        &self,
        _trace: &Trace,
        error: Tensor<2>,
        _input: usize,
        _weights: &[Tensor<2>],
    ) -> Tensor<2> {
        let ([channels, height, width], [_, rows, columns]) = (self.input, self.output());
        let (batch, positions) = (error.dims()[0], rows * columns);
        let own = error.narrow(1, self.silent * positions, channels * positions);
        // Zeros between the positions that were kept: each becomes the first of a block of stride x stride, and blocks are cut to size.
        let spaced = pad_end(own.reshape([batch * channels * rows, columns, 1]), 2, self.stride - 1);
        let wide = spaced.reshape([batch * channels, rows, columns * self.stride]).narrow(2, 0, width);
        let tall = pad_end(wide.reshape([batch * channels * rows, 1, width]), 1, self.stride - 1);
        let image = tall.reshape([batch * channels, rows * self.stride, width]).narrow(1, 0, height);
        image.reshape([batch, channels * height * width])
    }

    fn jvp(&self, _trace: &Trace, changes: &[Tensor<2>], _weights: &[Tensor<2>]) -> Tensor<2> {
        self.activity(changes)
    }
}

/// `count` zeros behind the last number along `axis`.
fn pad_end(x: Tensor<3>, axis: usize, count: usize) -> Tensor<3> {
    if count == 0 {
        return x;
    }
    let mut shape = x.dims();
    shape[axis] = count;
    let zeros = Tensor::zeros(shape, (&x.device(), x.dtype()));
    Tensor::cat(vec![x, zeros], axis)
}
