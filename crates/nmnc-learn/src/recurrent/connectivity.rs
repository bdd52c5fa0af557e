//! Which connections there are, and of which sign.

use burn::tensor::{Device, Tensor};

use nmnc_core::device::matrix;
use nmnc_core::seed::Stream;

/// Fixed constraints on a recurrent weight `[N, N]` (to, from). The weight in use is the trained one times the factors, or, where
/// units have signs, its magnitude times the factors: 0 where there is no connection, else 1, or the sign of the unit it comes from.
///
/// It follows from the seed, so there is no state to save.
#[derive(Clone, Debug)]
pub(super) struct Connectivity {
    units: usize,
    factors: Vec<f32>,
    /// Number of exciting units, which come first; none without Dale's law.
    exciting: Option<usize>,
}

impl Connectivity {
    /// None without constraints.
    pub(super) fn new(
        units: usize,
        density: Option<f64>,
        excitatory: Option<f64>,
        stream: &mut Stream,
    ) -> Option<Self> {
        if density.is_none() && excitatory.is_none() {
            return None;
        }
        let exciting = excitatory.map(|fraction| ((units as f64 * fraction).round() as usize).min(units));
        let density = density.unwrap_or(1.0);
        let factor = |index: usize| {
            let sign = if exciting.is_some_and(|count| index % units >= count) { -1.0 } else { 1.0 };
            if density == 1.0 || stream.uniform() < density { sign } else { 0.0 }
        };
        let factors = (0..units * units).map(factor).collect();
        Some(Self { units, factors, exciting })
    }

    /// Makes random weights such that excitation and inhibition of a unit cancel on average: the fewer inhibiting units have
    /// proportionally larger weights, and the energy is that of the weights as they were.
    pub(super) fn balance(&self, values: &mut [f32]) {
        let Some(exciting) = self.exciting.filter(|&count| count > 0 && count < self.units) else { return };
        let inhibiting = self.units - exciting;
        let ratio = exciting as f32 / inhibiting as f32;
        let energy = (exciting as f32 + inhibiting as f32 * ratio * ratio) / self.units as f32;
        for (index, value) in values.iter_mut().enumerate() {
            *value *= if index % self.units < exciting { 1.0 } else { ratio } / energy.sqrt();
        }
    }

    /// The factors `[N, N]`.
    pub(super) fn factors(&self, device: &Device) -> Tensor<2> {
        matrix(self.factors.clone(), [self.units; 2], device)
    }

    /// Whether magnitudes count.
    pub(super) fn is_signed(&self) -> bool {
        self.exciting.is_some()
    }
}
