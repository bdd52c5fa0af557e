//! A decoded image: bytes, the channels of each pixel side by side.

use image::DynamicImage;

/// What lies behind pictures that are transparent: white, as behind a page.
const BACKGROUND: u8 = 255;

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

/// The pixels of `image` as one sees them, of 1 or 3 `channels`. What is transparent shows [`BACKGROUND`], whatever color it hides; colors
/// become gray by their luma (ITU-R BT.601). Both are rounded as Pillow's `paste` and `convert("L")` round.
pub(crate) fn shown(image: DynamicImage, channels: usize) -> Vec<u8> {
    let has_color = image.color().has_color();
    let opaque = match (image.color().has_alpha(), has_color) {
        (false, false) => image.into_luma8().into_raw(),
        (false, true) => image.into_rgb8().into_raw(),
        (true, false) => composed::<2>(&image.into_luma_alpha8()),
        (true, true) => composed::<4>(&image.into_rgba8()),
    };
    match (channels, has_color) {
        (1, true) => opaque.chunks_exact(3).map(luma).collect(),
        (1, false) | (_, true) => opaque,
        (_, false) => opaque.into_iter().flat_map(|gray| [gray; 3]).collect(),
    }
}

/// Pixels of `N` channels, the last of which is how opaque they are, before the background.
fn composed<const N: usize>(pixels: &[u8]) -> Vec<u8> {
    let over = |value: u8, alpha: u8| {
        let (value, alpha) = (u32::from(value), u32::from(alpha));
        let sum = value * alpha + u32::from(BACKGROUND) * (255 - alpha) + 128;
        ((sum + (sum >> 8)) >> 8) as u8
    };
    let mut out = Vec::with_capacity(pixels.len() / N * (N - 1));
    for pixel in pixels.chunks_exact(N) {
        out.extend(pixel[..N - 1].iter().map(|&value| over(value, pixel[N - 1])));
    }
    out
}

/// 0.299 red + 0.587 green + 0.114 blue, in units of 2^-16.
fn luma(color: &[u8]) -> u8 {
    let [red, green, blue] = [0, 1, 2].map(|channel| u32::from(color[channel]));
    ((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16) as u8
}

/// Whether a picture of this orientation lies on its side.
pub(crate) fn turned(orientation: u8) -> bool {
    orientation > 4
}

impl Picture {
    /// The picture as it is meant to be seen, by the orientation that EXIF tells.
    pub(crate) fn upright(self, orientation: u8) -> Self {
        let (rows, columns, channels) = (self.height, self.width, self.channels);
        let from = |y: usize, x: usize| match orientation {
            2 => (y, columns - 1 - x),
            3 => (rows - 1 - y, columns - 1 - x),
            4 => (rows - 1 - y, x),
            5 => (x, y),
            6 => (rows - 1 - x, y),
            7 => (rows - 1 - x, columns - 1 - y),
            _ => (x, columns - 1 - y),
        };
        if !(2..=8).contains(&orientation) {
            return self;
        }
        let (height, width) = if turned(orientation) { (columns, rows) } else { (rows, columns) };
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let (row, column) = from(y, x);
            let at = (row * columns + column) * channels;
            pixels.extend_from_slice(&self.pixels[at..at + channels]);
        }
        Self { height, width, channels, pixels }
    }

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
