//! A problem that is nothing the library knows: a linear function of three numbers, learned by the delta rule.

use burn::tensor::{Device, Tensor};
use nmnc_core::Result;
use nmnc_core::Seed;
use nmnc_core::device::{matrix, values};
use nmnc_core::records::Score;
use nmnc_core::seed::Role;
use nmnc_learn::net::{Gradients, Parameter, Weights};
use nmnc_learn::workers::{Alone, Workers};
use nmnc_train::{Assessed, Evaluation, Problem, UnderWay};

/// Its coefficients.
pub struct Coefficients(Parameter);

impl Weights for Coefficients {
    fn parameters(&self) -> Vec<(String, &Parameter)> {
        vec![("line.weight".to_owned(), &self.0)]
    }

    fn values_mut(&mut self) -> Vec<&mut Tensor<2>> {
        vec![&mut self.0.value]
    }
}

/// The problem. Of several workers each has every so-many-th example, from that of its own number on.
pub struct Line {
    network: Coefficients,
    workers: Box<dyn Workers>,
}

impl Line {
    /// What is to be found.
    pub const TRUTH: [f64; 3] = [1.0, -2.0, 0.5];
    /// Steps an epoch.
    pub const STEPS: u64 = 5;
    const ROWS: usize = 9;

    pub fn new() -> Self {
        Self::shared(Alone)
    }

    pub fn shared(workers: impl Workers + 'static) -> Self {
        let value = matrix(vec![0.0; 3], [1, 3], &Device::flex());
        let network = Coefficients(Parameter::vector("weight", value));
        Self { network, workers: Box::new(workers) }
    }

    pub fn coefficients(&self) -> Vec<f64> {
        values(&self.network.0.value)
    }
}

impl Problem for Line {
    type Network = Coefficients;
    type Batch = Vec<[f64; 3]>;
    type Measured = ();

    fn network(&self) -> &Coefficients {
        &self.network
    }

    fn network_mut(&mut self) -> &mut Coefficients {
        &mut self.network
    }

    fn steps_per_epoch(&self) -> u64 {
        Self::STEPS
    }

    fn workers(&self) -> &dyn Workers {
        self.workers.as_ref()
    }

    fn batch(&mut self, step: u64) -> Result<Self::Batch> {
        let mut numbers = vec![0.0f32; Self::ROWS * 3];
        Seed(5).stream(Role::Analysis, 0, step).fill_normal(&mut numbers);
        let rows = numbers.chunks_exact(3).map(|row| [0, 1, 2].map(|i| f64::from(row[i])));
        Ok(rows.skip(self.workers.number()).step_by(self.workers.count()).collect())
    }

    fn assess(&mut self, batch: Self::Batch, _step: u64, _measured: bool) -> Result<(Assessed, Option<()>)> {
        let (own, count) = (self.coefficients(), batch.len());
        let (mut loss, mut gradient) = (0.0, [0.0; 3]);
        for row in batch {
            let error: f64 = (0..3).map(|i| (own[i] - Self::TRUTH[i]) * row[i]).sum();
            loss += error * error / 2.0 / count as f64;
            (0..3).for_each(|i| gradient[i] += error * row[i] / count as f64);
        }
        let gradient = matrix(gradient.iter().map(|g| *g as f32).collect(), [1, 3], &Device::flex());
        let gradients = Gradients::from_iter([("line.weight".to_owned(), gradient)]);
        let under_way = UnderWay::default();
        let weight = count as f64;
        Ok((Assessed { loss, weight, correct: 0.0, count, gradients, under_way, buffers: Vec::new() }, None))
    }

    fn evaluate(&self) -> Result<Evaluation> {
        let loss = self.coefficients().iter().zip(Self::TRUTH).map(|(own, told)| (own - told).powi(2)).sum();
        Ok(Evaluation {
            score: Score { loss, accuracy: 0.0, top5: None },
            trials: None,
            conditions: Vec::new(),
            psychometric: None,
        })
    }

    fn describe(&self) -> String {
        "a line".to_owned()
    }

    fn stage_units(&self) -> Vec<usize> {
        Vec::new()
    }
}
