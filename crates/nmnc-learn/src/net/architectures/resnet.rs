//! Residual networks (He et al. 2016): for small images as in the paper's section 4.2, for large ones as torchvision has them.

use super::maker::{Image, Kernel, Law, Maker};
use super::{Architecture, Request, refuse};
use crate::net::{Activation, AdaptiveAverage, Network, Shortcut};
use nmnc_core::error::Result;

pub(super) const RESNET20: Architecture = Architecture {
    name: "resnet20",
    summary: "residual network of 20 layers for small images (He et al. 2016, skips without parameters)",
    build: |make, request| small(make, request, "resnet20", 3),
};

pub(super) const RESNET56: Architecture = Architecture {
    name: "resnet56",
    summary: "the same of 56 layers",
    build: |make, request| small(make, request, "resnet56", 9),
};

pub(super) const RESNET18: Architecture = Architecture {
    name: "resnet18",
    summary: "residual network of 18 layers for large images (He et al. 2016), from 32 px",
    build: |make, request| large(make, request, [2, 2, 2, 2], false),
};

pub(super) const RESNET50: Architecture = Architecture {
    name: "resnet50",
    summary: "residual network of 50 layers with bottlenecks, stride at the 3x3 convolution, from 32 px",
    build: |make, request| large(make, request, [3, 4, 6, 3], true),
};

/// How many times its inner width the output of a bottleneck has.
const EXPANSION: usize = 4;

/// A stem of 3x3 and three groups of `blocks` residual blocks, with 16, 32 and 64 channels.
fn small(mut make: Maker, request: Request, name: &str, blocks: usize) -> Result<Network> {
    let he = Law::Of(crate::net::Init::He);
    let width = request.width(16, 2);
    let mut image = make.image()?;
    if image.shape[1].min(image.shape[2]) < 4 {
        return Err(refuse(name, "halves images twice", "give it images of at least 4 px"));
    }
    image = normalised(&mut make, "", "1", image, width, Kernel(3, 1, 1), he)?;
    image = make.relu("relu1", image)?;
    make.stage(image.value)?;
    for group in 0..3 {
        for block in 0..blocks {
            let halved = group > 0 && block == 0;
            let channels = width << group;
            let name = format!("layer{}.{block}.", group + 1);
            let stride = if halved { 2 } else { 1 };
            let inner = basic(&mut make, &name, image, channels, stride, he)?;
            let skip = match halved {
                true => {
                    let shortcut = Shortcut::new(image.shape, 2, (channels - image.shape[0]) / 2);
                    let value = make.node(&format!("{name}shortcut"), shortcut, &[image.value])?;
                    Image { value, shape: inner.shape }
                }
                false => image,
            };
            image = joined(&mut make, &name, inner, skip)?;
        }
    }
    finish(make, image, request, "linear", he)
}

/// A stem of 7x7 with 3/2 max pooling and four groups of residual blocks, with 64 to 512 channels.
fn large(mut make: Maker, request: Request, groups: [usize; 4], bottleneck: bool) -> Result<Network> {
    let law = Law::FanOut;
    let width = request.width(64, 1);
    let mut image = make.image()?;
    image = normalised(&mut make, "", "1", image, width, Kernel(7, 2, 3), law)?;
    image = make.relu("relu", image)?;
    image = make.max_pool("maxpool", image, Kernel(3, 2, 1))?;
    make.stage(image.value)?;
    for (group, blocks) in groups.into_iter().enumerate() {
        for block in 0..blocks {
            let name = format!("layer{}.{block}.", group + 1);
            let inner_width = width << group;
            let stride = if group > 0 && block == 0 { 2 } else { 1 };
            let inner = match bottleneck {
                true => bottle(&mut make, &name, image, inner_width, stride, law)?,
                false => basic(&mut make, &name, image, inner_width, stride, law)?,
            };
            let skip = match inner.shape == image.shape {
                true => image,
                false => {
                    let own = make.conv(
                        &format!("{name}downsample.0"),
                        image,
                        inner.shape[0],
                        Kernel(1, stride, 0),
                        None,
                        law,
                    )?;
                    make.batch_norm(&format!("{name}downsample.1"), own)?
                }
            };
            image = joined(&mut make, &name, inner, skip)?;
        }
    }
    finish(make, image, request, "fc", Law::Uniform)
}

/// A convolution and its batch normalisation, `conv{number}` and `bn{number}`.
fn normalised(
    make: &mut Maker,
    name: &str,
    number: &str,
    from: Image,
    channels: usize,
    kernel: Kernel,
    law: Law,
) -> Result<Image> {
    let linear = make.conv(&format!("{name}conv{number}"), from, channels, kernel, None, law)?;
    make.batch_norm(&format!("{name}bn{number}"), linear)
}

/// Two 3x3 convolutions.
fn basic(
    make: &mut Maker,
    name: &str,
    from: Image,
    channels: usize,
    stride: usize,
    law: Law,
) -> Result<Image> {
    let first = normalised(make, name, "1", from, channels, Kernel(3, stride, 1), law)?;
    let first = make.relu(&format!("{name}relu1"), first)?;
    normalised(make, name, "2", first, channels, Kernel(3, 1, 1), law)
}

/// 1x1 to fewer channels, 3x3, 1x1 to more.
fn bottle(
    make: &mut Maker,
    name: &str,
    from: Image,
    channels: usize,
    stride: usize,
    law: Law,
) -> Result<Image> {
    let first = normalised(make, name, "1", from, channels, Kernel(1, 1, 0), law)?;
    let first = make.relu(&format!("{name}relu1"), first)?;
    let second = normalised(make, name, "2", first, channels, Kernel(3, stride, 1), law)?;
    let second = make.relu(&format!("{name}relu2"), second)?;
    normalised(make, name, "3", second, channels * EXPANSION, Kernel(1, 1, 0), law)
}

/// The rectified sum of a block and its skip: a stage.
fn joined(make: &mut Maker, name: &str, inner: Image, skip: Image) -> Result<Image> {
    let sum = make.sum(&format!("{name}sum"), inner, skip)?;
    let image = make.relu(&format!("{name}relu"), sum)?;
    make.stage(image.value)?;
    Ok(image)
}

/// The mean of every map, read by a linear readout.
fn finish(mut make: Maker, image: Image, request: Request, readout: &str, law: Law) -> Result<Network> {
    let mean = make.node("avgpool", AdaptiveAverage::new(image.shape, [1, 1]), &[image.value])?;
    let output = make.dense(readout, (mean, image.shape[0]), request.outputs, Activation::Identity, law)?;
    make.finish(output)
}
