//! Where the pixels of a data set are.

use super::decode::Target;
use super::raw::Encoded;

/// Where the pixels are.
pub(crate) enum Store {
    /// Decoded, `[len, channels, height, width]`.
    Bytes(Vec<u8>),
    /// Stored as floats, `[len, channels, height, width]`.
    Floats(Vec<f32>),
    /// Decoded for every batch.
    Streamed {
        /// The images.
        images: Encoded,
        /// What they become.
        target: Target,
    },
}
