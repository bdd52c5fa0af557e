//! Ready-made configurations.

use nmnc::{Error, Result};

/// A ready-made configuration.
pub struct Preset {
    /// What to call it by.
    pub name: &'static str,
    /// What it is.
    pub summary: &'static str,
    /// TOML.
    pub text: &'static str,
}

/// The configuration of `nmnc demo`.
pub const DEMO: Preset = Preset {
    name: "demo",
    summary: "what `nmnc demo` runs: a small network on the embedded Fashion-MNIST sample",
    text: include_str!("demo.toml"),
};

/// All of them.
pub const PRESETS: [Preset; 4] = [
    DEMO,
    Preset {
        name: "cifar10",
        summary: "20,000 images of CIFAR-10, a convolutional network of widths 32, 64, 128",
        text: include_str!("../../../configs/cifar10.toml"),
    },
    Preset {
        name: "imagenet",
        summary: "ImageNet with resnet18: 90 epochs of momentum SGD, warm-up, smoothed labels, decay of weights alone",
        text: include_str!("../../../configs/imagenet.toml"),
    },
    Preset {
        name: "delay-match",
        summary: "a recurrent network of 256 rate units on delayed match to sample",
        text: include_str!("../../../configs/delay-match.toml"),
    },
];

/// The one called `name`.
pub fn named(name: &str) -> Result<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| {
        Error::config("config presets", format!("no ready-made configuration is called `{name}`"))
            .suggest(name, PRESETS.iter().map(|preset| preset.name))
    })
}
