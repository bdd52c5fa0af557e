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

    /// Whether the stage exists: no size is zero, the kernel fits the padded input, and a pooling window
    /// fits the convolved map.
    ///
    /// # Errors
    /// A sentence naming the first size at fault.
    pub fn check(&self) -> Result<(), String> {
        let [channels, height, width] = self.input;
        let sizes = [
            ("input channels", channels),
            ("input height", height),
            ("input width", width),
            ("channels", self.channels),
            ("kernel", self.kernel),
            ("stride", self.stride),
        ];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(format!("{name} must be at least 1"));
        }
        if self.kernel > height.min(width) + 2 * self.padding {
            return Err(format!(
                "a {k}x{k} kernel is larger than the {height}x{width} input with padding {p}",
                k = self.kernel,
                p = self.padding
            ));
        }
        if self.pool == Pool::None {
            return Ok(());
        }
        if self.pool_size == 0 {
            return Err("pool size must be at least 1".into());
        }
        let [_, height, width] = self.convolved();
        if self.pool_size > height.min(width) {
            return Err(format!(
                "a {s}x{s} pooling window is larger than the {height}x{width} map",
                s = self.pool_size
            ));
        }
        Ok(())
    }
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
}
