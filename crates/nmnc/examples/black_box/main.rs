//! A black box trained in the loop: an analogue network with unknown gains and offsets, saturation and noise, which nobody differentiates.
//!
//! What a hidden layer should have done instead is asked of [`nmnc::estimator::JacobianEstimator`]s, one a layer. They learn how the output
//! depends on the layer from what the batch shows anyway (`observe`), from small disturbances (`ask` and `learn_from`), or both. Node
//! perturbation and SPSA, which remember nothing, get the same number of observations, and so does random feedback, which needs none. An
//! observation is an example that went through the chip, disturbed or not.
//!
//!     cargo run --release -p nmnc --example black_box [FILE.csv]     # a few minutes: tunes each rule, then trains five other chips
//!     cargo run --release -p nmnc --example black_box -- --quick     # some seconds: one setting, two chips, few observations
//!
//! Fashion-MNIST's sample of 6000 images, halved to 14 x 14 pixels. Each rule has the setting that is best for chip 0 on 1000 images
//! held out of training; chips 1 to 5, trained with all images, are tested on the test images.

mod chip;
mod rules;
mod training;

use std::ops::RangeInclusive;
use std::path::Path;

use burn::tensor::Device;
use nmnc::data::DataConfig;
use nmnc::report::{Table, csv};
use nmnc::statistics::mean_sem;
use nmnc::{Error, Result, Seed};
use serde::Serialize;

use rules::{RULES, Rule};
use training::{Examples, Optimizer, Setting, train};

/// What is tried and what counts.
struct Study {
    budgets: &'static [usize],
    optimizers: &'static [Optimizer],
    rates: &'static [f64],
    sizes: &'static [f64],
    seeds: RangeInclusive<u64>,
}

const FULL: Study = Study {
    budgets: &[2000, 20_000],
    optimizers: &[Optimizer::Adam, Optimizer::Momentum],
    rates: &[1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2],
    sizes: &[0.1, 0.3, 1.0, 3.0],
    seeds: 1..=5,
};
const QUICK: Study =
    Study { budgets: &[1000], optimizers: &[Optimizer::Adam], rates: &[3e-3], sizes: &[0.3], seeds: 1..=2 };

impl Study {
    /// Settings of `rule` to choose from. Where it perturbs nothing, the size of perturbations has no meaning.
    fn settings(&self, rule: Rule) -> Vec<Setting> {
        let sizes = if rule.perturbs() { self.sizes } else { &self.sizes[..1] };
        let mut settings = Vec::new();
        for &optimizer in self.optimizers {
            for &rate in self.rates {
                settings.extend(sizes.iter().map(|&size| Setting { optimizer, rate, size }));
            }
        }
        settings
    }
}

/// A trained chip.
#[derive(Clone, Debug, Default, Serialize)]
struct Run {
    rule: &'static str,
    /// Budget; the last step may go beyond it.
    observations: usize,
    /// `tune` (accuracy on images held out) or `count` (on test images).
    part: &'static str,
    seed: u64,
    accuracy: f64,
}

fn main() -> Result<()> {
    let device = Device::flex();
    let argument = std::env::args().nth(1);
    let quick = argument.as_deref() == Some("--quick");
    let study = if quick { QUICK } else { FULL };
    let examples = |validation| {
        let config = DataConfig { image_size: Some(14), validation, ..DataConfig::default() };
        let splits = config.open(Seed(0))?;
        Ok::<_, Error>([Examples::of(&splits.train, &device)?, Examples::of(&splits.evaluation, &device)?])
    };
    let (held_out, all) = (examples(1000)?, examples(0)?);
    let mut runs = Vec::new();
    for &observations in study.budgets {
        for (name, rule) in RULES {
            let mut best: Option<(Setting, f64)> = None;
            for setting in study.settings(rule) {
                let accuracy = train(rule, setting, Seed(0), observations, held_out.each_ref())?;
                runs.push((Run { rule: name, observations, part: "tune", seed: 0, accuracy }, setting));
                if best.is_none_or(|(_, before)| accuracy > before) {
                    best = Some((setting, accuracy));
                }
            }
            let (setting, _) = best.expect("there is a setting");
            for seed in study.seeds.clone() {
                let accuracy = train(rule, setting, Seed(seed), observations, all.each_ref())?;
                runs.push((Run { rule: name, observations, part: "count", seed, accuracy }, setting));
            }
        }
    }
    print!("{}", summary(&study, &runs).text());
    if let Some(path) = argument.filter(|_| !quick) {
        let path = Path::new(&path);
        std::fs::write(path, csv(runs)).map_err(|e| Error::io(path, "write", e))?;
    }
    Ok(())
}

/// Accuracies of the chips that count.
fn summary(study: &Study, runs: &[(Run, Setting)]) -> Table {
    let conditions = study.budgets.iter().flat_map(|&budget| RULES.map(|(name, rule)| (budget, name, rule)));
    let of = |&(budget, name, _): &(usize, &'static str, Rule)| {
        let counts = move |run: &Run| (run.part, run.observations, run.rule) == ("count", budget, name);
        runs.iter().filter(move |(run, _)| counts(run))
    };
    let accuracy = |condition: &_| {
        let all = mean_sem(of(condition).map(|(run, _)| 100.0 * run.accuracy)).expect("there are seeds");
        format!("{:.1} ± {:.1}", all.mean, all.sem.unwrap_or(f64::NAN))
    };
    let setting = |condition: &(_, _, Rule)| {
        let (_, Setting { optimizer, rate, size }) = of(condition).next().expect("there are seeds");
        let size = if condition.2.perturbs() { format!(", size {size}") } else { String::new() };
        format!("{optimizer:?} {rate}{size}")
    };
    Table::of(
        conditions,
        &[
            ("rule", &|(_, name, _)| (*name).to_owned()),
            ("observations", &|(budget, _, _)| budget.to_string()),
            ("test accuracy (%)", &accuracy),
            ("setting", &setting),
        ],
    )
}
