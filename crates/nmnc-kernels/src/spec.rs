//! What a convolutional stage computes, as plain numbers.

/// The pointwise nonlinearity `φ` of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `φ(z) = z`.
    Identity,
    /// `φ(z) = max(z, 0)`, with `φ'(0) = 0`.
    Relu,
    /// `φ(z) = tanh z`.
    Tanh,
    /// `φ(z) = z Φ(z)` with `Φ` the standard normal distribution function (the exact form, not the
    /// hyperbolic-tangent approximation).
    Gelu,
    /// `φ(z) = log(1 + eᶻ)`.
    Softplus,
}

/// How activities are pooled over disjoint square windows (window = stride, no padding, trailing rows and
/// columns that do not fill a window dropped).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pool {
    /// No pooling; the pool size is ignored.
    None,
    /// The largest activity of each window; the first one, in row-major order, on ties.
    Max,
    /// The mean activity of each window.
    Average,
}

/// A stage: convolution and bias, then activation, then pooling.
///
/// Activities are matrices `[batch, units]`, a row holding one image in `channel, row, column` order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvSpec {
    /// Input channels, height and width.
    pub input: [usize; 3],
    /// Output channels.
    pub channels: usize,
    /// Side of the square kernel.
    pub kernel: usize,
    /// Step of the kernel in both directions.
    pub stride: usize,
    /// Zeros added on each of the four sides of the input.
    pub padding: usize,
    /// Nonlinearity applied to the convolution plus bias.
    pub activation: Activation,
    /// Pooling applied to the activities.
    pub pool: Pool,
    /// Side and stride of the pooling window.
    pub pool_size: usize,
}

impl ConvSpec {
    /// Channels, height and width before pooling.
    ///
    /// Meaningful only for a spec that passes [`check`](Self::check).
    pub fn convolved(&self) -> [usize; 3] {
        let [_, height, width] = self.input;
        let side = |size: usize| (size + 2 * self.padding - self.kernel) / self.stride + 1;
        [self.channels, side(height), side(width)]
    }

    /// Channels, height and width of the stage's output.
    ///
    /// Meaningful only for a spec that passes [`check`](Self::check).
    pub fn output(&self) -> [usize; 3] {
        let [channels, height, width] = self.convolved();
        match self.pool {
            Pool::None => [channels, height, width],
            Pool::Max | Pool::Average => [channels, height / self.pool_size, width / self.pool_size],
        }
    }

    /// Units of one input image, `c h w`.
    pub fn input_units(&self) -> usize {
        self.input.iter().product()
    }

    /// Units of one image before pooling.
    pub fn convolved_units(&self) -> usize {
        self.convolved().iter().product()
    }

    /// Units of one output image.
    pub fn output_units(&self) -> usize {
        self.output().iter().product()
    }

    /// Inputs each output unit reads, `c_in k²`: the columns of the weight matrix.
    pub fn fan_in(&self) -> usize {
        self.input[0] * self.kernel * self.kernel
    }

    /// Multiplications and additions of the convolution for one image.
    pub fn flops(&self) -> usize {
        2 * self.fan_in() * self.convolved_units()
    }

    /// Whether the stage exists: no size is zero or above [`LARGEST_SIZE`], the kernel fits the padded input, a pooling window fits the
    /// convolved map, and no matrix of one image has more than [`LARGEST_MATRIX`] values. Everything else that is asked of such a spec
    /// stays within its type.
    ///
    /// # Errors
    /// A sentence naming the first size at fault.
    pub fn check(&self) -> Result<(), String> {
        let [channels, height, width] = self.input;
        let pooled = self.pool != Pool::None;
        let sizes = [
            ("input channels", channels, 1),
            ("input height", height, 1),
            ("input width", width, 1),
            ("channels", self.channels, 1),
            ("kernel", self.kernel, 1),
            ("stride", self.stride, 1),
            ("padding", self.padding, 0),
            ("pool size", self.pool_size, usize::from(pooled)),
        ];
        for (name, size, least) in sizes {
            if size < least {
                return Err(format!("{name} must be at least 1"));
            }
            if size > LARGEST_SIZE {
                return Err(format!("{name} of {size} is above {LARGEST_SIZE}"));
            }
        }
        if self.kernel > height.min(width) + 2 * self.padding {
            return Err(format!(
                "a {k}x{k} kernel is larger than the {height}x{width} input with padding {p}",
                k = self.kernel,
                p = self.padding
            ));
        }
        let [_, rows, columns] = self.convolved();
        if pooled && self.pool_size > rows.min(columns) {
            return Err(format!(
                "a {s}x{s} pooling window is larger than the {rows}x{columns} map",
                s = self.pool_size
            ));
        }
        let matrices = [
            ("an input", vec![channels, height, width]),
            ("a padded input", vec![channels, height + 2 * self.padding, width + 2 * self.padding]),
            ("the weights", vec![self.channels, channels, self.kernel, self.kernel]),
            ("a map before pooling", vec![self.channels, rows, columns]),
            ("what the kernels read", vec![channels, self.kernel, self.kernel, rows, columns]),
        ];
        for (name, sides) in matrices {
            if values(&sides) > LARGEST_MATRIX {
                return Err(format!("{name} would have {} values, above {LARGEST_MATRIX}", product(&sides)));
            }
        }
        Ok(())
    }

    /// As [`check`](Self::check), for a batch of images: also whether memory can address what belongs to all of them.
    ///
    /// # Errors
    /// A sentence naming what is at fault.
    pub fn check_batch(&self, batch: usize) -> Result<(), String> {
        self.check()?;
        let units = self.input_units().max(self.convolved_units());
        check_area(batch, units).map_err(|problem| format!("{batch} images of {units} values: {problem}"))
    }
}

/// Largest of any size of a stage.
pub const LARGEST_SIZE: usize = 1 << 24;

/// Most values of a matrix that belongs to one image, or of a weight.
pub const LARGEST_MATRIX: u128 = 1 << 36;

// What is made of checked sizes, such as a stage's operations, is reckoned in 64 bits.
const _: () = assert!(usize::BITS >= 64);

/// The product of sizes, as large as it may be.
fn values(sides: &[usize]) -> u128 {
    sides.iter().fold(1, |product, side| product.saturating_mul(*side as u128))
}

/// The factors of a product, as people write it.
fn product(sides: &[usize]) -> String {
    sides.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

/// Whether a matrix of these sides can be addressed, its bytes counted.
pub(crate) fn check_area(rows: usize, columns: usize) -> Result<(), String> {
    let bytes = values(&[rows, columns, size_of::<f32>()]);
    match bytes <= isize::MAX as u128 {
        true => Ok(()),
        false => Err(format!("{bytes} bytes are more than can be addressed")),
    }
}

/// The values of a matrix of these sides.
///
/// # Panics
/// If it cannot be addressed.
pub(crate) fn area(rows: usize, columns: usize) -> usize {
    if let Err(problem) = check_area(rows, columns) {
        panic!("a {rows}x{columns} matrix: {problem}");
    }
    rows * columns
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: ConvSpec = ConvSpec {
        input: [3, 32, 30],
        channels: 8,
        kernel: 5,
        stride: 2,
        padding: 1,
        activation: Activation::Relu,
        pool: Pool::Max,
        pool_size: 2,
    };

    #[test]
    fn shapes() {
        assert_eq!(SPEC.convolved(), [8, 15, 14]);
        assert_eq!(SPEC.output(), [8, 7, 7]);
        assert_eq!(ConvSpec { pool: Pool::None, ..SPEC }.output(), [8, 15, 14]);
        assert_eq!(SPEC.fan_in(), 75);
    }

    #[test]
    fn impossible_stages_are_named() {
        assert!(SPEC.check().is_ok());
        let message = |spec: ConvSpec| spec.check().unwrap_err();
        assert!(message(ConvSpec { stride: 0, ..SPEC }).contains("stride"));
        assert!(message(ConvSpec { input: [3, 0, 1], ..SPEC }).contains("input height"));
        assert!(message(ConvSpec { kernel: 33, ..SPEC }).contains("33x33 kernel"));
        assert!(message(ConvSpec { pool_size: 15, ..SPEC }).contains("15x15 pooling window"));
        assert!(message(ConvSpec { pool_size: 0, ..SPEC }).contains("pool size"));
        assert!(ConvSpec { pool: Pool::None, pool_size: 0, ..SPEC }.check().is_ok());
    }

    #[test]
    fn sizes_that_would_wrap_are_named() {
        let message = |spec: ConvSpec| spec.check().unwrap_err();
        for size in [LARGEST_SIZE + 1, 1 << 32, isize::MAX as usize, usize::MAX / 2 + 1, usize::MAX] {
            assert!(message(ConvSpec { input: [size, 32, 30], ..SPEC }).starts_with("input channels"));
            assert!(message(ConvSpec { channels: size, ..SPEC }).starts_with("channels"));
            assert!(message(ConvSpec { kernel: size, ..SPEC }).starts_with("kernel"));
            assert!(message(ConvSpec { stride: size, ..SPEC }).starts_with("stride"));
            assert!(message(ConvSpec { padding: size, ..SPEC }).starts_with("padding"));
            assert!(message(ConvSpec { pool_size: size, ..SPEC }).starts_with("pool size"));
            assert!(SPEC.check_batch(size).is_ok() == (size <= isize::MAX as usize / (4 * 2880)));
        }
        let wide = ConvSpec { padding: LARGEST_SIZE, ..SPEC };
        assert!(message(wide).starts_with("a padded input would have 3x33554464x33554462 values"));
        let heavy = ConvSpec { input: [LARGEST_SIZE, 5, 5], channels: LARGEST_SIZE, padding: 0, ..SPEC };
        assert!(message(ConvSpec { pool: Pool::None, ..heavy }).starts_with("the weights"));
    }
}
