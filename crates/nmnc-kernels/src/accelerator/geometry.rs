//! What the kernels know of a convolution when they are compiled.

use crate::spec::ConvSpec;

/// Sizes of a convolution, fixed in a compiled kernel so that divisions are by constants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Geometry {
    pub channels: u32,
    pub height: u32,
    pub width: u32,
    pub filters: u32,
    pub kernel: u32,
    pub stride: u32,
    pub padding: u32,
    pub rows: u32,
    pub columns: u32,
}

impl Geometry {
    /// That of `spec`, before pooling.
    pub fn of(spec: &ConvSpec) -> Self {
        let [channels, height, width] = spec.input.map(|size| size as u32);
        let [filters, rows, columns] = spec.convolved().map(|size| size as u32);
        let [kernel, stride, padding] = [spec.kernel, spec.stride, spec.padding].map(|size| size as u32);
        Self { channels, height, width, filters, kernel, stride, padding, rows, columns }
    }

    /// Places of one output map.
    pub fn places(&self) -> u32 {
        self.rows * self.columns
    }

    /// Weights of one filter for one channel.
    pub fn taps(&self) -> u32 {
        self.kernel * self.kernel
    }

    /// Columns of the weight matrix.
    pub fn fan_in(&self) -> u32 {
        self.channels * self.taps()
    }
}
