//! Deep networks of the literature, in the layout and with the names of the implementations people share weights for.
//!
//! A *stage* is what a part of the network hands on: in a residual network the output of a residual block, behind its sum, and that of
//! the stem; in a chain every layer with its nonlinearity and pooling. What lies between two stages (normalisations, inner convolutions,
//! skips) is the later one's section and gets its signal by exact derivatives.

mod alexnet;
mod maker;
mod resnet;
mod vgg;
mod vit;

use burn::tensor::Device;

use super::Network;
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Seed;

use maker::Maker;

/// A network of the literature.
pub struct Architecture {
    /// Its name in configurations.
    pub name: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    build: fn(Maker, Request) -> Result<Network>,
}

/// What a network is asked to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    pub outputs: usize,
    /// What every width is multiplied by.
    pub scale: f64,
}

impl Request {
    /// A width of the original times the scale, a multiple of `of` and at least that.
    fn width(&self, original: usize, of: usize) -> usize {
        ((original as f64 * self.scale / of as f64).round() as usize).max(1) * of
    }
}

/// All of them.
pub const ARCHITECTURES: &[Architecture] = &[
    alexnet::ALEXNET,
    vgg::VGG11,
    resnet::RESNET20,
    resnet::RESNET56,
    resnet::RESNET18,
    resnet::RESNET50,
    vit::VIT_TINY,
];

impl Architecture {
    /// The one of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        ARCHITECTURES.iter().find(|architecture| architecture.name == name)
    }

    /// Number of its stages, whatever its images and widths.
    ///
    /// # Panics
    /// If images of 64 pixels do not fit it.
    pub fn stages(&self) -> usize {
        // All of them take images of 64 pixels, and narrow ones are made at once.
        let narrow = self.build([1, 64, 64], 1, 1.0 / 64.0, Seed(0), &Device::flex());
        narrow.expect("images of 64 pixels fit every architecture").stages().len()
    }

    /// The network for images `[channels, height, width]` and `outputs` classes, every width times `scale`, with initial weights of its
    /// authors drawn from `seed`.
    ///
    /// # Errors
    /// Images that are too small for it, or have a size it cannot divide.
    pub fn build(
        &self,
        input: [usize; 3],
        outputs: usize,
        scale: f64,
        seed: Seed,
        device: &Device,
    ) -> Result<Network> {
        let request = Request { input, outputs, scale };
        (self.build)(Maker::new(input, seed, device), request)
    }
}

impl std::fmt::Debug for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The name under which others share a parameter or buffer of this full name. What stands outside every layer at torchvision belongs to a
/// node here.
pub fn shared_name(name: &str) -> &str {
    name.strip_prefix(TOKENS).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name)
}

/// The node of a transformer that makes tokens.
const TOKENS: &str = "tokens";

/// An image that a network cannot have.
fn refuse(name: &str, problem: impl std::fmt::Display, mend: &str) -> Error {
    Error::config("network.preset", format!("`{name}` {problem}")).mend(mend)
}
