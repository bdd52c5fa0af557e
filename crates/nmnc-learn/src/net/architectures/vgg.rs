//! VGG with eleven layers (Simonyan & Zisserman 2015), as torchvision has it.

use super::maker::{Kernel, Law, Maker};
use super::{Architecture, Request};
use crate::net::{Activation, AdaptiveAverage, Network};
use nmnc_core::error::Result;

pub(super) const VGG11: Architecture = Architecture {
    name: "vgg11",
    summary: "eight 3x3 convolutions and two dense stages with dropout (Simonyan & Zisserman 2015), from 32 px",
    build,
};

/// Place among torchvision's `features`, channels, and whether 2x2 pooling follows.
const CONVOLUTIONS: [(usize, usize, bool); 8] = [
    (0, 64, true),
    (3, 128, true),
    (6, 256, false),
    (8, 256, true),
    (11, 512, false),
    (13, 512, true),
    (16, 512, false),
    (18, 512, true),
];

fn build(mut make: Maker, request: Request) -> Result<Network> {
    let relu = Some(Activation::Relu);
    let mut image = make.image()?;
    for (place, channels, pooled) in CONVOLUTIONS {
        let channels = request.width(channels, 1);
        image =
            make.conv(&format!("features.{place}"), image, channels, Kernel(3, 1, 1), relu, Law::FanOut)?;
        if pooled {
            image = make.max_pool(&format!("features.{}", place + 2), image, Kernel(2, 2, 0))?;
        }
        make.stage(image.value)?;
    }
    let windows = AdaptiveAverage::new(image.shape, [7, 7]);
    let mut last = (make.node("avgpool", windows, &[image.value])?, image.shape[0] * 49);
    for place in [0, 3] {
        let units = request.width(4096, 1);
        let name = format!("classifier.{place}");
        let value = make.dense(&name, last, units, Activation::Relu, Law::Normal(0.01))?;
        make.stage(value)?;
        last = (make.dropout(&format!("classifier.{}", place + 2), (value, units), 0.5)?, units);
    }
    let output =
        make.dense("classifier.6", last, request.outputs, Activation::Identity, Law::Normal(0.01))?;
    make.finish(output)
}
