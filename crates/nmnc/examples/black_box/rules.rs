//! Where the gradients of the weights come from when nobody can differentiate the chip.

use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Device, Tensor};
use nmnc::device::{energy, values};
use nmnc::estimator::{JacobianEstimator, JacobianSettings, Learning, Observing, Perturbations, Probing};
use nmnc::seed::Role;
use nmnc::{Result, Seed};

use crate::chip::{Chip, HIDDEN, WIDTHS};
use crate::training::Batch;

/// What knows which way each weight should go.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// Each layer's own input and an error signal for its output. The error at the output of the chip is known.
    Local(Signals),
    /// The loss with all weights moved at once along random signs, to both sides (simultaneous perturbation: Spall 1992).
    Spsa,
}

/// Where the error signals of hidden layers come from.
#[derive(Clone, Copy, Debug)]
pub enum Signals {
    /// Feedback weights that an estimator learns from how the batch's own answers differ, from `probes` disturbed examples a step, or both.
    Learned { observe: bool, probes: usize },
    /// The answer of each example to noise of its own, forgotten at once.
    NodePerturbation,
    /// Fixed random feedback weights: nothing is learned of the chip.
    Random,
}

/// The rules compared, by name.
pub const RULES: [(&str, Rule); 6] = [
    ("observe and probe", Rule::Local(Signals::Learned { observe: true, probes: 4 })),
    ("observe alone", Rule::Local(Signals::Learned { observe: true, probes: 0 })),
    ("probe alone", Rule::Local(Signals::Learned { observe: false, probes: 8 })),
    ("node perturbation", Rule::Local(Signals::NodePerturbation)),
    ("SPSA", Rule::Spsa),
    ("random feedback", Rule::Local(Signals::Random)),
];

impl Rule {
    /// Whether it disturbs the chip.
    pub fn perturbs(self) -> bool {
        !matches!(self, Self::Local(Signals::Random | Signals::Learned { probes: 0, .. }))
    }
}

/// A rule at work.
pub struct Teacher {
    rule: Rule,
    /// Norm of what disturbs a layer's activity over that of the activity; of what moves the weights of a unit, over 1.
    size: f64,
    seed: Seed,
    /// One for each hidden layer.
    estimators: Vec<JacobianEstimator>,
    /// `[outputs, units]` for each hidden layer.
    random: Vec<Tensor<2>>,
}

impl Teacher {
    /// A teacher who knows nothing of the chip but its widths.
    pub fn new(rule: Rule, size: f64, seed: Seed, device: &Device) -> Result<Self> {
        let outputs = WIDTHS[HIDDEN + 1];
        let estimator = |index: usize| {
            let units = WIDTHS[index + 1];
            let probing = Probing { sigma: size, seed, index, ..Probing::new(units) };
            let learning = Learning::LeastSquares { eta: 0.1 };
            let settings = JacobianSettings { probing, learning, ..JacobianSettings::new(units, outputs) };
            JacobianEstimator::new(settings, device)
        };
        let random = |layer: usize| {
            let shape = [outputs, WIDTHS[layer + 1]];
            seed.stream(Role::Feedback, layer, 0).normals(shape, device) / (outputs as f64).sqrt()
        };
        let estimators = (0..HIDDEN).map(estimator).collect::<Result<_>>()?;
        Ok(Self { rule, size, seed, estimators, random: (0..HIDDEN).map(random).collect() })
    }

    /// Estimates of the mean loss's gradients by the weights of each layer.
    pub fn gradients(&mut self, chip: &mut Chip, batch: &Batch) -> Result<Vec<Tensor<2>>> {
        let Rule::Local(source) = self.rule else { return Ok(self.simultaneous(chip, batch)) };
        let clean = chip.read(&batch.inputs, &[]);
        let error = (softmax(clean[HIDDEN].clone(), 1) - batch.truth.clone()) / batch.count() as f64;
        let signals: Vec<Tensor<2>> = match source {
            Signals::Learned { observe, probes } => {
                self.learn(chip, batch, &clean, observe, probes)?;
                self.estimators.iter().map(|known| known.error_signal(error.clone())).collect()
            }
            Signals::NodePerturbation => {
                let (asked, changes) = self.probe(chip, batch, &clean, batch.count())?;
                let response = (changes * error.clone()).sum_dim(1);
                let signal = |own: &Perturbations| own.noise() * response.clone() / own.deviation().powi(2);
                asked.iter().map(signal).collect()
            }
            Signals::Random => self.random.iter().map(|own| error.clone().matmul(own.clone())).collect(),
        };
        let gated = signals.into_iter().zip(&clean).map(|(signal, own)| signal * Chip::nominal_slope(own));
        let below = std::iter::once(&batch.inputs).chain(&clean);
        Ok(gated.chain([error]).zip(below).map(|(delta, x)| delta.transpose().matmul(x.clone())).collect())
    }

    /// What the estimators learn in a step.
    fn learn(
        &mut self,
        chip: &mut Chip,
        batch: &Batch,
        clean: &[Tensor<2>],
        observe: bool,
        probes: usize,
    ) -> Result<()> {
        for (known, activity) in self.estimators.iter_mut().zip(clean).filter(|_| observe) {
            known.observe(activity, &clean[HIDDEN], Observing::default())?;
        }
        if probes > 0 {
            let (asked, changes) = self.probe(chip, batch, clean, probes)?;
            for (known, own) in self.estimators.iter_mut().zip(&asked) {
                known.learn_from(own, changes.clone());
            }
        }
        Ok(())
    }

    /// What every hidden layer asks of the first `count` examples, and how their outputs change. One disturbed reading serves all layers:
    /// to each, the noise of the others is noise of the answer.
    fn probe(
        &self,
        chip: &mut Chip,
        batch: &Batch,
        clean: &[Tensor<2>],
        count: usize,
    ) -> Result<(Vec<Perturbations>, Tensor<2>)> {
        let ask = |(own, activity): (&JacobianEstimator, &Tensor<2>)| {
            Ok(own.ask(batch.step, 0..count, activity)?.expect("units have offsets, so that none is silent"))
        };
        let asked = self.estimators.iter().zip(clean).map(ask).collect::<Result<Vec<_>>>()?;
        let pushes: Vec<Tensor<2>> = asked.iter().map(Perturbations::noise).collect();
        let first = |of: &Tensor<2>| of.clone().narrow(0, 0, count);
        let disturbed = chip.read(&first(&batch.inputs), &pushes).remove(HIDDEN);
        Ok((asked, disturbed - first(&clean[HIDDEN])))
    }

    /// The slope of the loss along one random direction, over each weight's part in that.
    fn simultaneous(&self, chip: &mut Chip, batch: &Batch) -> Vec<Tensor<2>> {
        let written = chip.weights().to_vec();
        let direction = |(layer, weights): (usize, &Tensor<2>)| {
            let signs =
                self.seed.stream(Role::Probe, layer, batch.step).signs(weights.dims(), &weights.device());
            signs * (self.size / (WIDTHS[layer] as f64).sqrt())
        };
        let directions: Vec<Tensor<2>> = written.iter().enumerate().map(direction).collect();
        let mut loss_at = |side: f64| {
            let moved =
                written.iter().zip(&directions).map(|(weights, d)| weights.clone() + d.clone() * side);
            chip.write(moved.collect());
            let shares = log_softmax(chip.read(&batch.inputs, &[]).remove(HIDDEN), 1);
            -values::<f64>(&(shares * batch.truth.clone())).iter().sum::<f64>() / batch.count() as f64
        };
        let slope = (loss_at(1.0) - loss_at(-1.0)) / 2.0;
        chip.write(written);
        // 1 / d is d / d^2, and all of a layer's moves have the same size.
        let inverse = |d: Tensor<2>| d.clone() * (d.dims().iter().product::<usize>() as f64 / energy(&d));
        directions.into_iter().map(|d| inverse(d) * slope).collect()
    }
}
