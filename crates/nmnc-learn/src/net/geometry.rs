//! The sizes of the stages that a configuration describes, before any of them is built.

use nmnc_kernels::ConvSpec;

/// The sizes of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Geometry {
    /// Of a convolution.
    Conv(ConvSpec),
    /// Of a fully connected stage.
    Dense {
        /// Units it reads.
        inputs: usize,
        /// Units it has.
        units: usize,
    },
}

impl Geometry {
    /// Units of the stage's activity.
    pub fn units(&self) -> usize {
        match self {
            Self::Conv(spec) => spec.output_units(),
            Self::Dense { units, .. } => *units,
        }
    }

    /// Units before pooling.
    pub fn unpooled(&self) -> usize {
        match self {
            Self::Conv(spec) => spec.convolved_units(),
            Self::Dense { units, .. } => *units,
        }
    }

    /// Numbers of weight and bias.
    pub fn parameters(&self) -> u128 {
        let [rows, columns] = match self {
            Self::Conv(spec) => [spec.channels, spec.fan_in()],
            Self::Dense { inputs, units } => [*units, *inputs],
        };
        rows as u128 * (columns as u128 + 1)
    }
}
