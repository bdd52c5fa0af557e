//! A decoded image: bytes, the channels of each pixel side by side.

/// An image as decoders give it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Picture {
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// 1 (gray) or 3 (red, green, blue).
    pub(crate) channels: usize,
    /// `[height, width, channels]`.
    pub(crate) pixels: Vec<u8>,
}

impl Picture {
    /// The same of an image of planes, `[channels, height, width]`.
    pub(crate) fn of_planes(planes: &[u8], [channels, height, width]: [usize; 3]) -> Self {
        let mut pixels = vec![0; planes.len()];
        for (channel, plane) in planes.chunks_exact(height * width).enumerate() {
            for (pixel, &value) in pixels[channel..].iter_mut().step_by(channels).zip(plane) {
                *pixel = value;
            }
        }
        Self { height, width, channels, pixels }
    }

    /// Writes its planes, `[channels, height, width]`.
    pub(crate) fn planes(&self, out: &mut [u8]) {
        for (channel, plane) in out.chunks_exact_mut(self.height * self.width).enumerate() {
            for (value, &pixel) in plane.iter_mut().zip(self.pixels[channel..].iter().step_by(self.channels))
            {
                *value = pixel;
            }
        }
    }
}

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) top: usize,
    pub(crate) left: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl Cut {
    /// All of an image of this height and width.
    pub(crate) fn whole([height, width]: [usize; 2]) -> Self {
        Self { top: 0, left: 0, height, width }
    }

    /// The middle of an image of size `from`, as torchvision's `CenterCrop` places it.
    pub(crate) fn middle(from: [usize; 2], [height, width]: [usize; 2]) -> Self {
        let margin =
            |from: usize, to: usize| (from.saturating_sub(to) as f64 / 2.0).round_ties_even() as usize;
        Self { top: margin(from[0], height), left: margin(from[1], width), height, width }
    }
}
