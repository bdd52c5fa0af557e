//! An analogue network that can be read, disturbed and written, and whose inside nobody knows.

use burn::tensor::{Device, Tensor};
use nmnc::Seed;
use nmnc::seed::Role;

/// Units of each layer, the input first.
pub const WIDTHS: [usize; 5] = [196, 128, 128, 128, 10];
/// Layers between input and output.
pub const HIDDEN: usize = WIDTHS.len() - 2;
/// Where the amplifiers of each layer saturate.
const RAILS: [f64; HIDDEN + 1] = [1.0, 1.0, 1.0, 10.0];
/// Deviation over units of the logarithm of the gain, and of the offset.
const MISMATCH: f32 = 0.3;
/// Deviation of the noise in every answer of a unit.
const NOISE: f32 = 0.05;

/// Layers a = clip(gain (x W^T) + offset + noise) of amplifiers that came out of the factory different from one another.
pub struct Chip {
    /// `[outputs, inputs]` of each layer, as written.
    weights: Vec<Tensor<2>>,
    /// `[1, outputs]` of each layer.
    gains: Vec<Tensor<2>>,
    offsets: Vec<Tensor<2>>,
    seed: Seed,
    reads: u64,
    observations: usize,
}

impl Chip {
    /// The chip number `seed`, with small random weights.
    pub fn new(seed: Seed, device: &Device) -> Self {
        let drawn = |layer: usize| {
            let (inputs, outputs) = (WIDTHS[layer], WIDTHS[layer + 1]);
            let weights = seed.stream(Role::Weights, layer, 0).normals([outputs, inputs], device);
            let mismatch =
                |kind| seed.stream(Role::Analysis, layer, kind).normals([1, outputs], device) * MISMATCH;
            (weights * (0.5 / inputs as f64).sqrt(), (mismatch(0).exp(), mismatch(1)))
        };
        let (weights, (gains, offsets)) = (0..=HIDDEN).map(drawn).unzip();
        Self { weights, gains, offsets, seed, reads: 0, observations: 0 }
    }

    /// What every layer answers to inputs `[rows, 196]`: its activity `[rows, units]` as it flows on, the output last. To that of hidden
    /// layer i `pushes[i]` is added, if it is there. Each row is an observation.
    pub fn read(&mut self, inputs: &Tensor<2>, pushes: &[Tensor<2>]) -> Vec<Tensor<2>> {
        self.observations += inputs.dims()[0];
        self.reads += 1;
        let mut answers: Vec<Tensor<2>> = Vec::with_capacity(HIDDEN + 1);
        for (layer, rail) in RAILS.into_iter().enumerate() {
            let drive =
                answers.last().unwrap_or(inputs).clone().matmul(self.weights[layer].clone().transpose());
            let noise =
                self.seed.stream(Role::StateNoise, layer, self.reads).normals(drive.dims(), &drive.device());
            let amplified = drive * self.gains[layer].clone() + self.offsets[layer].clone() + noise * NOISE;
            let answer = amplified.clamp(-rail, rail);
            answers.push(pushes.get(layer).map_or(answer.clone(), |push| answer + push.clone()));
        }
        answers
    }

    /// What the data sheet says of the slope of a hidden unit that gave `activity`: 1 between the rails, 0 at them.
    pub fn nominal_slope(activity: &Tensor<2>) -> Tensor<2> {
        activity.clone().abs().lower_elem(RAILS[0]).float()
    }

    /// The weights as written, `[outputs, inputs]` of each layer.
    pub fn weights(&self) -> &[Tensor<2>] {
        &self.weights
    }

    /// Writes all weights.
    pub fn write(&mut self, weights: Vec<Tensor<2>>) {
        self.weights = weights;
    }

    /// Examples that went through the chip so far.
    pub fn observations(&self) -> usize {
        self.observations
    }
}
