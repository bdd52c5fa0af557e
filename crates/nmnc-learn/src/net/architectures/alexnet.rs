//! AlexNet in the form of Krizhevsky 2014 (one column), as torchvision has it.

use super::maker::{Kernel, Law, Maker};
use super::{Architecture, Request};
use crate::net::{Activation, AdaptiveAverage, Network};
use nmnc_core::error::Result;

pub(super) const ALEXNET: Architecture = Architecture {
    name: "alexnet",
    summary: "five convolutions with 3/2 max pooling and two dense stages with dropout (Krizhevsky 2014), from 63 px",
    build,
};

/// Place among torchvision's `features`, channels, kernel, and whether pooling follows.
const CONVOLUTIONS: [(usize, usize, Kernel, bool); 5] = [
    (0, 64, Kernel(11, 4, 2), true),
    (3, 192, Kernel(5, 1, 2), true),
    (6, 384, Kernel(3, 1, 1), false),
    (8, 256, Kernel(3, 1, 1), false),
    (10, 256, Kernel(3, 1, 1), true),
];

fn build(mut make: Maker, request: Request) -> Result<Network> {
    let relu = Some(Activation::Relu);
    let mut image = make.image()?;
    for (place, channels, kernel, pooled) in CONVOLUTIONS {
        let channels = request.width(channels, 1);
        image = make.conv(&format!("features.{place}"), image, channels, kernel, relu, Law::Uniform)?;
        if pooled {
            image = make.max_pool(&format!("features.{}", place + 2), image, Kernel(3, 2, 0))?;
        }
        make.stage(image.value)?;
    }
    let windows = AdaptiveAverage::new(image.shape, [6, 6]);
    let mut last = (make.node("avgpool", windows, &[image.value])?, image.shape[0] * 36);
    for place in [1, 4] {
        let units = request.width(4096, 1);
        let silenced = make.dropout(&format!("classifier.{}", place - 1), last, 0.5)?;
        let name = format!("classifier.{place}");
        let value = make.dense(&name, (silenced, last.1), units, Activation::Relu, Law::Uniform)?;
        make.stage(value)?;
        last = (value, units);
    }
    let output = make.dense("classifier.6", last, request.outputs, Activation::Identity, Law::Uniform)?;
    make.finish(output)
}
