//! Averages over as many windows as are asked for, whatever the size of the image.

use burn::tensor::{Tensor, TensorData};

use crate::net::block::{Block, Mode};
use crate::net::trace::Trace;

/// Mean of each window when an image `[c, h, w]` is divided into `[rows, columns]` of them: window i of r over n positions is
/// floor(i n / r) .. ceil((i + 1) n / r), so that windows overlap by at most one position and miss none. One window is the mean of the map.
#[derive(Clone, Copy, Debug)]
pub struct AdaptiveAverage {
    input: [usize; 3],
    output: [usize; 2],
}

impl AdaptiveAverage {
    /// Windows `[rows, columns]` of an image `[c, h, w]`.
    ///
    /// # Panics
    /// If one of the sizes is 0.
    pub fn new(input: [usize; 3], output: [usize; 2]) -> Self {
        assert!(input.iter().chain(&output).all(|&size| size > 0), "an empty image or no windows");
        Self { input, output }
    }

    /// `[windows, positions]`: what each position counts for in the mean of each window.
    fn shares(positions: usize, windows: usize, like: &Tensor<2>) -> Tensor<2> {
        let mut shares = vec![0.0f64; windows * positions];
        for (window, row) in shares.chunks_exact_mut(positions).enumerate() {
            let (start, end) = (window * positions / windows, ((window + 1) * positions).div_ceil(windows));
            row[start..end].fill(1.0 / (end - start) as f64);
        }
        Tensor::from_data(TensorData::new(shares, [windows, positions]), (&like.device(), like.dtype()))
    }

    /// Each image (a matrix R of rows times columns) becomes `left` R `right`.
    fn between(values: Tensor<2>, from: [usize; 3], left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
        let [batch, _] = values.dims();
        let [channels, height, width] = from;
        let (rows, columns) = (left.dims()[0], right.dims()[1]);
        // Columns first, as one product; then rows, as one product on the other side.
        let narrow = values.reshape([batch * channels * height, width]).matmul(right);
        let tall = narrow.reshape([batch * channels, height, columns]).swap_dims(1, 2);
        let short = tall.reshape([batch * channels * columns, height]).matmul(left.transpose());
        let maps = short.reshape([batch * channels, columns, rows]).swap_dims(1, 2);
        maps.reshape([batch, channels * rows * columns])
    }
}

impl Block for AdaptiveAverage {
    fn inputs(&self) -> Vec<usize> {
        vec![self.input.iter().product()]
    }

    fn units(&self) -> usize {
        self.input[0] * self.output[0] * self.output[1]
    }

    fn describe(&self) -> String {
        let ([c, h, w], [rows, columns]) = (self.input, self.output);
        format!("mean of {c}x{h}x{w} over {rows}x{columns} windows")
    }

    fn forward(&self, inputs: &[Tensor<2>], _mode: Mode) -> (Tensor<2>, Trace) {
        (self.activity(inputs), Trace::new(()))
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        let ([_, height, width], [rows, columns]) = (self.input, self.output);
        let left = Self::shares(height, rows, &inputs[0]);
        let right = Self::shares(width, columns, &inputs[0]).transpose();
        Self::between(inputs[0].clone(), self.input, left, right)
    }

    fn input_vjp(
        &self,
        _trace: &Trace,
        error: Tensor<2>,
        _input: usize,
        _weights: &[Tensor<2>],
    ) -> Tensor<2> {
        let ([channels, height, width], [rows, columns]) = (self.input, self.output);
        let left = Self::shares(height, rows, &error).transpose();
        let right = Self::shares(width, columns, &error);
        Self::between(error, [channels, rows, columns], left, right)
    }

    fn jvp(&self, _trace: &Trace, changes: &[Tensor<2>], _weights: &[Tensor<2>]) -> Tensor<2> {
        self.activity(changes)
    }
}
