//! Elements of the two factors of a product, gathered from where they lie: a convolution is a product of matrices that nobody stores.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use crate::accelerator::geometry::Geometry;

/// How a factor lies in memory. The outer index counts rows of the left factor and columns of the right one, the inner index is the one
/// that is summed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// A matrix with any strides.
    Matrix,
    /// Inner: tap `(channel, row, column)` of a filter; outer: place `(image, row, column)` of its output map. The input that meets them.
    Patches,
    /// [`Layout::Patches`] with the indices exchanged, and after the last tap a one, so that the gradient of the bias is the last column
    /// of that of the weight.
    PatchesByPlace,
    /// Outer: filter; inner: place `(image, row, column)`. Errors of maps `[image, filter, row, column]`.
    Maps,
    /// Outer: channel; inner: `(filter, row, column)` of a tap. The weight `[filter, channel, row, column]`.
    Filters,
    /// Outer: place `(image, row, column)` of the input; inner: `(filter, row, column)` of a tap. The error of the map at the place whose
    /// tap met that input.
    ErrorPatches,
}

impl Layout {
    /// Whether neighbours in memory differ by the inner index.
    pub fn runs_along_inner(self, inner_stride: usize) -> bool {
        match self {
            Self::Matrix => inner_stride == 1,
            Self::Patches | Self::ErrorPatches => false,
            Self::PatchesByPlace | Self::Maps | Self::Filters => true,
        }
    }
}

/// The element at `(outer, inner)`, which must exist.
#[cube]
#[allow(clippy::too_many_arguments)]
pub fn element(
    buffer: &[f32],
    outer: u32,
    inner: u32,
    outer_stride: u32,
    inner_stride: u32,
    #[comptime] layout: Layout,
    #[comptime] geometry: Geometry,
) -> f32 {
    let mut value = 0.0f32;
    if comptime!(layout == Layout::Matrix) {
        value = buffer[(outer * outer_stride + inner * inner_stride) as usize];
    }
    if comptime!(layout == Layout::Patches) {
        value = patch(buffer, inner, outer, geometry);
    }
    if comptime!(layout == Layout::PatchesByPlace) {
        if outer == comptime!(geometry.fan_in()) {
            value = 1.0f32;
        } else {
            value = patch(buffer, outer, inner, geometry);
        }
    }
    if comptime!(layout == Layout::Maps) {
        let image = inner / comptime!(geometry.places());
        let spot = inner % comptime!(geometry.places());
        let map = image * comptime!(geometry.filters) + outer;
        value = buffer[(map * comptime!(geometry.places()) + spot) as usize];
    }
    if comptime!(layout == Layout::Filters) {
        let filter = inner / comptime!(geometry.taps());
        let tap = inner % comptime!(geometry.taps());
        let index = filter * comptime!(geometry.fan_in()) + outer * comptime!(geometry.taps()) + tap;
        value = buffer[index as usize];
    }
    if comptime!(layout == Layout::ErrorPatches) {
        value = error_patch(buffer, inner, outer, geometry);
    }
    value
}

/// The input `[image, channel, row, column]` that tap `tap` meets at `place`; zero beyond its border.
#[cube]
fn patch(input: &[f32], tap: u32, place: u32, #[comptime] geometry: Geometry) -> f32 {
    let image = place / comptime!(geometry.places());
    let spot = place % comptime!(geometry.places());
    let channel = tap / comptime!(geometry.taps());
    let offset = tap % comptime!(geometry.taps());
    // Coordinates in the padded input.
    let row = spot / comptime!(geometry.columns) * comptime!(geometry.stride)
        + offset / comptime!(geometry.kernel);
    let column = spot % comptime!(geometry.columns) * comptime!(geometry.stride)
        + offset % comptime!(geometry.kernel);
    let first = comptime!(geometry.padding);
    let mut value = 0.0f32;
    if row >= first
        && row < comptime!(geometry.padding + geometry.height)
        && column >= first
        && column < comptime!(geometry.padding + geometry.width)
    {
        let map = image * comptime!(geometry.channels) + channel;
        let line = map * comptime!(geometry.height) + (row - first);
        value = input[(line * comptime!(geometry.width) + (column - first)) as usize];
    }
    value
}

/// The error `[image, filter, row, column]` at the place whose tap met the input at `place`; zero where there is none.
#[cube]
fn error_patch(errors: &[f32], inner: u32, place: u32, #[comptime] geometry: Geometry) -> f32 {
    let pixels = comptime!(geometry.height * geometry.width);
    let image = place / pixels;
    let pixel = place % pixels;
    let filter = inner / comptime!(geometry.taps());
    let offset = inner % comptime!(geometry.taps());
    // Where the filter would begin in the padded input; the padding is added first so that nothing is below zero.
    let row = pixel / comptime!(geometry.width) + comptime!(geometry.padding);
    let column = pixel % comptime!(geometry.width) + comptime!(geometry.padding);
    let tap_row = offset / comptime!(geometry.kernel);
    let tap_column = offset % comptime!(geometry.kernel);
    let mut value = 0.0f32;
    if row >= tap_row && column >= tap_column {
        let down = row - tap_row;
        let across = column - tap_column;
        let map_row = down / comptime!(geometry.stride);
        let map_column = across / comptime!(geometry.stride);
        if down % comptime!(geometry.stride) == 0
            && across % comptime!(geometry.stride) == 0
            && map_row < comptime!(geometry.rows)
            && map_column < comptime!(geometry.columns)
        {
            let map = image * comptime!(geometry.filters) + filter;
            let line = map * comptime!(geometry.rows) + map_row;
            value = errors[(line * comptime!(geometry.columns) + map_column) as usize];
        }
    }
    value
}
