//! How the factors of a product lie in memory.

/// How a factor lies in memory. The outer index counts rows of the left factor and columns of the right one, the inner index is the one
/// that is summed over.
///
/// Taps `(row, column)` of a filter come before channels where an inner index counts both: it runs over blocks of [`BLOCK`](super::BLOCK) channels, in a
/// block over taps, and for a tap over the block's channels, so that a slab is one tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// A matrix with any strides.
    Matrix,
    /// Outer: filter; inner: channels by tap. The weight `[filter, channel, row, column]`.
    Weights,
    /// Outer: place `(image, row, column)` of the output map; inner: channels by tap. The input that meets them.
    Patches,
    /// [`Layout::Patches`] with the inner index `(channel, row, column)`, for few channels.
    ShallowPatches,
    /// Outer: `(row, column, channel)` of a tap; inner: place. The input that meets them, and after the last tap a one, so that the gradient
    /// of the bias is the last column of that of the weight. The channels fill whole blocks.
    PatchesByTap,
    /// [`Layout::PatchesByTap`] with the outer index `(channel, row, column)`, for any number of channels.
    PatchesByWeight,
    /// Outer: filter; inner: place. Errors of maps `[image, filter, row, column]`.
    Maps,
    /// Outer: channel; inner: filters by tap. The weight `[filter, channel, row, column]`.
    Filters,
    /// Outer: place `(image, row, column)` of the input; inner: filters by tap. The error of the map at the place whose tap met that input.
    ErrorPatches,
}

impl Layout {
    /// Whether neighbours in memory differ by the inner index.
    pub fn runs_along_inner(self, inner_stride: usize) -> bool {
        match self {
            Self::Matrix => inner_stride == 1,
            Self::Patches | Self::ShallowPatches | Self::Filters | Self::ErrorPatches => false,
            Self::Weights | Self::PatchesByTap | Self::PatchesByWeight | Self::Maps => true,
        }
    }
}
