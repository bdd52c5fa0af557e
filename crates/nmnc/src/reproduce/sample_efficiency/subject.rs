//! What the networks of the experiment learn.

use super::super::base::Size;

/// Data, network and training: all in which forms of the experiment differ beside the rules.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    pub(super) name: &'static str,
    /// The file of its cells.
    pub(super) csv: &'static str,
    pub(super) title: &'static str,
    /// What every condition starts from, in TOML.
    pub(super) base: &'static str,
    /// Conditions, unless some are asked for; all of them when empty.
    rules: &'static [&'static str],
    /// Budgets, unless some are asked for.
    budgets: &'static [f64],
    /// What differs by rule.
    pub(super) by_rule: &'static [(&'static str, &'static str)],
    quick: Form,
    sample: Form,
    full: Form,
}

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// Changes of the base.
    pub changes: &'static [&'static str],
    /// Multiples of every width.
    pub scales: &'static [f64],
    /// `network.scale` of the width as it is.
    pub unit: f64,
}

impl Subject {
    /// A small convolutional network on CIFAR-10.
    pub const CIFAR10: Self = Self {
        name: "cifar10",
        csv: "cifar10.csv",
        title: "Accuracy against probes and width",
        base: include_str!("cifar10.toml"),
        rules: &[],
        budgets: &[1e-3, 1e-2, 1e-1, 1.0, 10.0],
        by_rule: &[],
        quick: Form {
            changes: &[
                "data.train_limit=10000",
                "network.widths=[16, 32, 64]",
                "train.epochs=5",
                "train.batch=32",
            ],
            scales: &[0.5, 1.0, 2.0],
            unit: 1.0,
        },
        sample: Form {
            changes: &["network.widths=[16, 32, 64]", "train.batch=16"],
            scales: &[0.5, 1.0, 2.0],
            unit: 1.0,
        },
        // All of CIFAR-10. Budgets need the number of steps before the data are read.
        full: Form { changes: &["data.train_limit=50000"], scales: &[0.5, 1.0, 2.0, 4.0], unit: 1.0 },
    };

    /// A deep network on pictures of many classes: ResNet-18 on ImageNet, or with little work a narrow one on pictures of 64 pixels.
    pub const IMAGENET: Self = Self {
        name: "imagenet",
        csv: "imagenet.csv",
        title: "A deep network on pictures of many classes: accuracy against probes and width",
        base: include_str!("imagenet.toml"),
        rules: &["bp", "dfa", "direct-mirror", "vnc", "nmnc", "manifold-mirror"],
        budgets: &[1e-2, 1e-1, 1.0],
        // Outputs times units would be gigabytes.
        by_rule: &[("nmnc", "credit.feedback='coordinates'")],
        quick: Form {
            changes: &[
                "data.image_size=64",
                "train.epochs=5",
                "train.batch=64",
                "train.label_smoothing=0.0",
                "train.optimizer={ name = 'adam', learning_rate = 1e-3 }",
                "train.schedule={ shape = 'cosine', warmup = 1.0 }",
            ],
            scales: &[0.5, 1.0, 2.0],
            unit: 0.25,
        },
        sample: Form { changes: &[], scales: &[1.0], unit: 1.0 },
        full: Form { changes: &["data.resize=256"], scales: &[0.25, 0.5, 1.0], unit: 1.0 },
    };

    /// Its name among experiments, and that of its data.
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn form(&self, size: Size) -> Form {
        match size {
            Size::Quick => self.quick,
            Size::Sample => self.sample,
            Size::Full => self.full,
        }
    }

    /// Conditions where `asked` names none.
    pub(super) fn rules(&self, asked: &[String]) -> Vec<String> {
        match asked.is_empty() {
            true => self.rules.iter().map(|&name| name.to_owned()).collect(),
            false => asked.to_vec(),
        }
    }

    /// Budgets where `asked` has none.
    pub(super) fn budgets(&self, asked: &[f64]) -> Vec<f64> {
        if asked.is_empty() { self.budgets.to_vec() } else { asked.to_vec() }
    }
}
