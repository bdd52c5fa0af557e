//! Training a chip in the loop: data, optimizers and the step that all rules share.

use burn::tensor::{Device, Tensor};
use nmnc::data::Dataset;
use nmnc::device::{matrix, selected, values};
use nmnc::seed::Role;
use nmnc::{Result, Seed};
use serde::Serialize;

use crate::chip::{Chip, HIDDEN, WIDTHS};
use crate::rules::{Rule, Teacher};

/// Examples a step.
const BATCH: usize = 32;

/// Images `[examples, pixels]` and what they are: labels, and a one among zeros `[examples, classes]`.
pub struct Examples {
    images: Tensor<2>,
    truth: Tensor<2>,
    labels: Vec<u32>,
}

impl Examples {
    /// All of `data`.
    pub fn of(data: &Dataset, device: &Device) -> Result<Self> {
        let all: Vec<usize> = (0..data.len()).collect();
        let batch = data.batch(&all)?;
        let classes = data.classes().len();
        let one_hot = |&label: &u32| (0..classes as u32).map(move |class| f32::from(class == label));
        let truth = batch.labels.iter().flat_map(one_hot).collect();
        Ok(Self {
            images: matrix(batch.images, [all.len(), data.shape().len()], device),
            truth: matrix(truth, [all.len(), classes], device),
            labels: batch.labels,
        })
    }
}

/// The examples of a step.
pub struct Batch {
    /// From 0.
    pub step: u64,
    /// `[batch, pixels]`.
    pub inputs: Tensor<2>,
    /// A one among zeros, `[batch, classes]`.
    pub truth: Tensor<2>,
}

impl Batch {
    /// How many they are.
    pub fn count(&self) -> usize {
        self.inputs.dims()[0]
    }
}

/// How gradients become changes of weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub enum Optimizer {
    /// Adam with decay rates 0.9 and 0.99.
    #[default]
    Adam,
    /// Momentum of 0.9.
    Momentum,
}

impl Optimizer {
    /// `weights` after step `steps` (from 1); changes the two moments.
    fn step(
        self,
        weights: &Tensor<2>,
        gradient: Tensor<2>,
        [mean, square]: &mut [Tensor<2>; 2],
        rate: f64,
        steps: i32,
    ) -> Tensor<2> {
        if self == Self::Momentum {
            *mean = mean.clone() * 0.9 + gradient;
            return weights.clone() - mean.clone() * rate;
        }
        *mean = mean.clone() * 0.9 + gradient.clone() * 0.1;
        *square = square.clone() * 0.99 + gradient.powi_scalar(2) * 0.01;
        let deviation = (square.clone() / (1.0 - 0.99_f64.powi(steps))).sqrt() + 1e-8;
        weights.clone() - mean.clone() / deviation * (rate / (1.0 - 0.9_f64.powi(steps)))
    }
}

/// What is tuned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Setting {
    pub optimizer: Optimizer,
    /// Learning rate of the first step; that of the last is a tenth.
    pub rate: f64,
    /// Of perturbations.
    pub size: f64,
}

/// Accuracy on `test` of chip `seed` after `budget` observations.
pub fn train(
    rule: Rule,
    setting: Setting,
    seed: Seed,
    budget: usize,
    [examples, test]: [&Examples; 2],
) -> Result<f64> {
    let device = examples.images.device();
    let mut chip = Chip::new(seed, &device);
    let mut teacher = Teacher::new(rule, setting.size, seed, &device)?;
    let mut moments: Vec<_> = chip.weights().iter().map(|w| [w.zeros_like(), w.zeros_like()]).collect();
    for step in 0.. {
        let part = chip.observations() as f64 / budget as f64;
        if part >= 1.0 {
            break;
        }
        let rows = seed.stream(Role::Order, 0, step).sample(examples.labels.len(), BATCH);
        let of_rows = |all: &Tensor<2>| selected(all, &rows);
        let batch = Batch { step, inputs: of_rows(&examples.images), truth: of_rows(&examples.truth) };
        let gradients = teacher.gradients(&mut chip, &batch)?;
        let (rate, steps) = (setting.rate * (1.0 - 0.9 * part), step as i32 + 1);
        let updates = chip.weights().iter().zip(gradients).zip(&mut moments);
        let written = updates.map(|((own, g), moments)| setting.optimizer.step(own, g, moments, rate, steps));
        let written = written.collect();
        chip.write(written);
    }
    let outputs = values::<f32>(&chip.read(&test.images, &[])[HIDDEN]);
    assert!(outputs.iter().all(|y| y.is_finite()), "{rule:?} with {setting:?} lost its numbers");
    let largest = |y: &[f32]| (0..y.len()).max_by(|&i, &j| y[i].total_cmp(&y[j]));
    let guesses = outputs.chunks(WIDTHS[HIDDEN + 1]).map(largest);
    let right = guesses.zip(&test.labels).filter(|&(guess, &label)| guess == Some(label as usize));
    Ok(right.count() as f64 / test.labels.len() as f64)
}
