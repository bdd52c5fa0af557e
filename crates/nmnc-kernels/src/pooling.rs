//! Pooling whose windows may overlap and reach over the edge: window, stride and padding by themselves, as PyTorch's `MaxPool2d` and
//! `AvgPool2d` have them.

use burn::prelude::Int;
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};
use burn::tensor::{Tensor, module};

use crate::spec::{LARGEST_MATRIX, LARGEST_SIZE};

/// What a window gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// Its largest activity; the first one, in row-major order, on ties. What lies over the edge does not count.
    Max,
    /// Its mean activity. What lies over the edge counts as zero.
    Average,
}

/// Pooling of images `[c, h, w]`, rows of a matrix `[batch, c h w]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PoolingSpec {
    /// Channels, height and width.
    pub input: [usize; 3],
    /// What a window gives.
    pub kind: Window,
    /// Side of the square window.
    pub window: usize,
    /// Step of the window in both directions.
    pub stride: usize,
    /// Positions added on each of the four sides; at most half the window.
    pub padding: usize,
}

/// Which position each window took, where windows take the largest, in a pass of this spec.
#[derive(Clone, Debug)]
pub struct Winners {
    spec: PoolingSpec,
    batch: usize,
    places: Option<Tensor<4, Int>>,
}

impl Winners {
    fn check(&self, spec: &PoolingSpec, rows: usize) {
        assert!((self.spec, self.batch) == (*spec, rows), "winners of another pooling or batch");
    }
}

impl PoolingSpec {
    /// Channels, height and width of the result. Meaningful only for a spec that passes [`check`](Self::check).
    pub fn output(&self) -> [usize; 3] {
        let [channels, height, width] = self.input;
        let side = |size: usize| (size + 2 * self.padding - self.window) / self.stride + 1;
        [channels, side(height), side(width)]
    }

    /// Units of one input image.
    pub fn input_units(&self) -> usize {
        self.input.iter().product()
    }

    /// Units of one image of the result.
    pub fn output_units(&self) -> usize {
        self.output().iter().product()
    }

    /// Whether there is a result: no size is zero or above [`LARGEST_SIZE`], the window fits the padded image and reaches over the edge by
    /// half of itself at most, and no image has more than [`LARGEST_MATRIX`] values.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn check(&self) -> Result<(), String> {
        let Self { input: [channels, height, width], window, stride, padding, .. } = *self;
        let sizes = [channels, height, width, window, stride];
        if sizes.contains(&0) {
            return Err("an image, a window and a stride have at least one position each way".into());
        }
        if let Some(size) = sizes.into_iter().chain([padding]).find(|&size| size > LARGEST_SIZE) {
            return Err(format!("a size of {size} is above {LARGEST_SIZE}"));
        }
        if padding > window / 2 {
            return Err(format!("padding {padding} is more than half of a {window}x{window} pooling window"));
        }
        if height.min(width) + 2 * padding < window {
            return Err(format!(
                "a {window}x{window} pooling window is larger than {height}x{width} positions with padding {padding}"
            ));
        }
        let values = |shape: [usize; 3]| shape.into_iter().fold(1, |all: u128, side| all * side as u128);
        // Each side is below 2^26, so that three of them stay within 128 bits.
        if values(self.input).max(values(self.output())) > LARGEST_MATRIX {
            return Err(format!(
                "an image of {channels}x{height}x{width} has more than {LARGEST_MATRIX} values"
            ));
        }
        Ok(())
    }

    fn image(&self, x: &Tensor<2>) -> Tensor<4> {
        let [channels, height, width] = self.input;
        x.clone().reshape([x.dims()[0], channels, height, width])
    }

    fn pooled(&self, y: &Tensor<2>) -> Tensor<4> {
        let [channels, height, width] = self.output();
        y.clone().reshape([y.dims()[0], channels, height, width])
    }
}

/// The result `[batch, c h_o w_o]` for `x` `[batch, c h w]`, and who won.
///
/// # Panics
/// If there is no such pooling ([`PoolingSpec::check`]), or the shape does not fit it.
pub fn pool_forward(spec: &PoolingSpec, x: &Tensor<2>) -> (Tensor<2>, Winners) {
    check(spec, x, PoolingSpec::input_units);
    let batch = x.dims()[0];
    let rows = [batch, spec.output_units()];
    let winners = |places| Winners { spec: *spec, batch, places };
    if batch == 0 {
        return (Tensor::zeros(rows, (&x.device(), x.dtype())), winners(None));
    }
    match spec.kind {
        Window::Max => {
            let options = MaxPoolOptions::new([spec.window; 2])
                .with_stride([spec.stride; 2])
                .with_padding([spec.padding; 2]);
            let (y, places) = module::max_pool2d_with_indices(spec.image(x), options);
            (y.reshape(rows), winners(Some(places)))
        }
        Window::Average => {
            let options = AvgPoolOptions::new([spec.window; 2])
                .with_stride([spec.stride; 2])
                .with_padding([spec.padding; 2]);
            (module::avg_pool2d(spec.image(x), options).reshape(rows), winners(None))
        }
    }
}

/// The error `[batch, c h w]` at the input for an error `[batch, c h_o w_o]` at the result of the pass that had `winners`.
///
/// # Panics
/// If a shape does not fit the spec, or the winners are those of another pooling or batch.
pub fn pool_error(spec: &PoolingSpec, winners: &Winners, error: &Tensor<2>) -> Tensor<2> {
    check(spec, error, PoolingSpec::output_units);
    winners.check(spec, error.dims()[0]);
    let rows = [error.dims()[0], spec.input_units()];
    if rows[0] == 0 {
        return Tensor::zeros(rows, (&error.device(), error.dtype()));
    }
    let ([window, stride, padding], error4) =
        ([[spec.window; 2], [spec.stride; 2], [spec.padding; 2]], spec.pooled(error));
    // Of the image itself only the shape is read.
    let shape = Tensor::zeros(
        [rows[0], spec.input[0], spec.input[1], spec.input[2]],
        (&error.device(), error.dtype()),
    );
    let at_input = match &winners.places {
        Some(winners) => module::max_pool2d_with_indices_backward(
            shape,
            window,
            stride,
            padding,
            [1; 2],
            false,
            error4,
            winners.clone(),
        ),
        None => module::avg_pool2d_backward(shape, error4, window, stride, padding, true, false),
    };
    at_input.reshape(rows)
}

/// The change of the result to first order for a `change` `[batch, c h w]` of the input: the adjoint of [`pool_error`].
///
/// # Panics
/// As of [`pool_error`].
pub fn pool_response(spec: &PoolingSpec, winners: &Winners, change: &Tensor<2>) -> Tensor<2> {
    check(spec, change, PoolingSpec::input_units);
    winners.check(spec, change.dims()[0]);
    let Some(winners) = &winners.places else { return pool_forward(spec, change).0 };
    let ([channels, height, width], [_, rows, columns]) = (spec.input, spec.output());
    let maps = change.dims()[0] * channels;
    let taken = winners.clone().reshape([maps, rows * columns]);
    let changes = change.clone().reshape([maps, height * width]).gather(1, taken);
    changes.reshape([change.dims()[0], spec.output_units()])
}

fn check(spec: &PoolingSpec, x: &Tensor<2>, units: fn(&PoolingSpec) -> usize) {
    spec.check().unwrap_or_else(|problem| panic!("impossible pooling: {problem}"));
    assert_eq!(x.dims()[1], units(spec), "units of what is pooled");
}
