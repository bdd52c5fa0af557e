//! Random changes to training images, with the laws of torchvision's transforms.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::picture::Cut;
use super::tint::Tint;
use nmnc_core::error::{Error, Result};
use nmnc_core::guard;
use nmnc_core::ranges::{self, Range};
use nmnc_core::seed::Stream;

/// Tries to find a crop that lies within the image.
const TRIES: usize = 10;

/// Random changes to training images, drawn anew in every epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Pad by this many black pixels on every side and crop the original size at a random place.
    #[schemars(transform = Range::closed(0.0, guard::IMAGE_SIDE as f64).stated())]
    pub crop: usize,
    /// Mirror left and right with probability one half.
    pub flip: bool,
    /// Crop a random part of the whole image and scale it to `data.image_size`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resized_crop: Option<ResizedCrop>,
    /// Change colors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Jitter>,
}

/// A crop of random size, shape and place, as torchvision's `RandomResizedCrop`: ten tries to place one, then the middle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResizedCrop {
    /// Least and greatest share of the image's area, uniform between them.
    #[schemars(transform = ranges::WEIGHT.stated())]
    pub scale: [f64; 2],
    /// Least and greatest ratio of width to height, its logarithm uniform between theirs.
    #[schemars(transform = Range::above_zero(1000.0).stated())]
    pub ratio: [f64; 2],
}

impl Default for ResizedCrop {
    fn default() -> Self {
        Self { scale: [0.08, 1.0], ratio: [3.0 / 4.0, 4.0 / 3.0] }
    }
}

/// Changes of color in random order, as torchvision's `ColorJitter`. A factor is uniform from 1 less a number, at least 0, to 1 more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Jitter {
    /// Of the factor that multiplies all values.
    #[schemars(transform = Range::closed(0.0, 100.0).stated())]
    pub brightness: f64,
    /// Of the factor that multiplies what separates all values from the mean of gray.
    #[schemars(transform = Range::closed(0.0, 100.0).stated())]
    pub contrast: f64,
    /// Of the factor that multiplies what separates each pixel from gray.
    #[schemars(transform = Range::closed(0.0, 100.0).stated())]
    pub saturation: f64,
    /// The most that hues are turned by, in turns.
    #[schemars(transform = Range::closed(0.0, 0.5).stated())]
    pub hue: f64,
}

/// What is done to one image.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct View {
    pub(crate) down: isize,
    pub(crate) right: isize,
    pub(crate) flip: bool,
    /// The part that is scaled to the shape of the set.
    pub(crate) cut: Option<Cut>,
    /// Changes of color, in order.
    pub(crate) tints: Vec<Tint>,
}

impl Augment {
    /// Checks what ranges of single numbers do not tell.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](nmnc_core::ErrorKind::Config) at the offending key.
    pub(crate) fn check(&self) -> Result<()> {
        let Some(ResizedCrop { scale, ratio }) = self.resized_crop else { return Ok(()) };
        if self.crop > 0 {
            return Err(Error::config(
                "data.augment.crop",
                "goes with whole images, not with `resized_crop`",
            )
            .mend("leave one of them out"));
        }
        for (key, [least, most]) in [("scale", scale), ("ratio", ratio)] {
            if least > most {
                let key = format!("data.augment.resized_crop.{key}");
                return Err(Error::config(key, format!("[{least}, {most}] has its greater end first")));
            }
        }
        Ok(())
    }

    /// Whether it needs bytes rather than numbers of any size.
    pub(crate) fn needs_bytes(&self) -> bool {
        self.resized_crop.is_some() || self.jitter.is_some()
    }

    /// Draws what is done to an image of which the whole has `size` rows and columns.
    pub(crate) fn draw(&self, stream: &mut Stream, size: [usize; 2]) -> View {
        let Self { crop, flip, resized_crop, jitter } = *self;
        if self == &Self::default() {
            return View::default();
        }
        let mut offset = || stream.below(2 * crop + 1) as isize - crop as isize;
        let (down, right) = (offset(), offset());
        let flip = flip && stream.next_u32() & 1 == 1;
        let cut = resized_crop.map(|law| law.draw(stream, size));
        let tints = jitter.map(|law| law.draw(stream)).unwrap_or_default();
        View { down, right, flip, cut, tints }
    }
}

impl ResizedCrop {
    /// Draws a part of an image of `size` rows and columns.
    fn draw(&self, stream: &mut Stream, [height, width]: [usize; 2]) -> Cut {
        let ([small, large], [narrow, wide]) = (self.scale, self.ratio);
        let area = (height * width) as f64;
        for _ in 0..TRIES {
            let share = small + (large - small) * stream.uniform();
            let ratio = (narrow.ln() + (wide.ln() - narrow.ln()) * stream.uniform()).exp();
            let side = |area: f64| area.sqrt().round_ties_even() as usize;
            let cut = [side(area * share / ratio), side(area * share * ratio)];
            if (1..=height).contains(&cut[0]) && (1..=width).contains(&cut[1]) {
                let (top, left) = (stream.below(height - cut[0] + 1), stream.below(width - cut[1] + 1));
                return Cut { top, left, height: cut[0], width: cut[1] };
            }
        }
        // The largest part in the middle whose ratio is allowed.
        let ratio = width as f64 / height as f64;
        let part = |side: f64, most: usize| (side.round_ties_even() as usize).clamp(1, most);
        let [rows, columns] = if ratio < narrow {
            [part(width as f64 / narrow, height), width]
        } else if ratio > wide {
            [height, part(height as f64 * wide, width)]
        } else {
            [height, width]
        };
        Cut { top: (height - rows) / 2, left: (width - columns) / 2, height: rows, width: columns }
    }
}

impl Jitter {
    fn draw(&self, stream: &mut Stream) -> Vec<Tint> {
        let order = stream.permutation(4);
        let mut uniform = |[least, most]: [f64; 2]| least + (most - least) * stream.uniform();
        let mut factor = |spread: f64| uniform([(1.0 - spread).max(0.0), 1.0 + spread]);
        let all = [
            (self.brightness, Tint::Brightness(factor(self.brightness))),
            (self.contrast, Tint::Contrast(factor(self.contrast))),
            (self.saturation, Tint::Saturation(factor(self.saturation))),
            (self.hue, Tint::Hue(uniform([-self.hue, self.hue]))),
        ];
        order.into_iter().filter(|&at| all[at].0 > 0.0).map(|at| all[at].1).collect()
    }
}
