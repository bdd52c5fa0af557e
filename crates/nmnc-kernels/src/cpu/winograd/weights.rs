//! Transformed kernels, laid out as the panels the products read.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{IN, PLACES, transform};
use crate::cpu::panels::Panel;
use crate::cpu::product::Shared;
use crate::cpu::vectors::{WIDEST, Widths, arch, panel_vectors, store};

/// How a weight matrix is read.
#[derive(Clone, Copy)]
pub(super) enum Direction {
    /// From a stage's input to its pre-activation.
    Forward,
    /// From the pre-activation back: channels swapped, kernels turned by half a turn.
    Backward,
}

/// `G g Gᵀ` of every kernel: for each panel of output channels and each place, a matrix
/// `[input channels, panel lanes]`.
pub(super) struct Weights {
    values: Vec<f32>,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    lanes: usize,
    full: usize,
}

impl Weights {
    /// Transforms a weight matrix `[c_out, c_in·9]`.
    pub(super) fn new(weight: &[f32], [c_out, c_in]: [usize; 2], direction: Direction) -> Self {
        let (inputs, outputs) = match direction {
            Direction::Forward => (c_in, c_out),
            Direction::Backward => (c_out, c_in),
        };
        let [lanes, full] = arch().dispatch(Widths);
        let padded = outputs.next_multiple_of(lanes);
        let mut values = Vec::with_capacity(PLACES * inputs * padded);
        let shared = Shared(values.as_mut_ptr());
        let arch = arch();
        (0..inputs).into_par_iter().for_each(|input| {
            arch.dispatch(TransformInput { weight, c_in, direction, input, inputs, outputs, out: &shared });
        });
        // SAFETY: the loop above writes every place of every panel for every input channel.
        unsafe { values.set_len(PLACES * inputs * padded) };
        Self { values, inputs, outputs, lanes, full }
    }

    /// First output channels of the panels.
    pub(super) fn panels(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.outputs).step_by(self.full * self.lanes)
    }

    /// Lanes of a full panel.
    pub(super) fn widest(&self) -> usize {
        self.full * self.lanes
    }

    /// Matrix of a place of the panel whose first output channel is given.
    #[inline(always)]
    pub(super) fn panel(&self, first: usize, place: usize) -> Panel {
        let vectors = self.full.min((self.outputs - first).div_ceil(self.lanes));
        let step = vectors * self.lanes;
        let start = PLACES * self.inputs * first + place * self.inputs * step;
        Panel { at: self.values[start..][..self.inputs * step].as_ptr(), step, vectors }
    }
}

/// Transforms the kernels that read one input channel.
struct TransformInput<'a> {
    weight: &'a [f32],
    c_in: usize,
    direction: Direction,
    input: usize,
    inputs: usize,
    outputs: usize,
    out: &'a Shared<f32>,
}

impl TransformInput<'_> {
    /// The taps of the kernel to one output channel.
    #[inline(always)]
    fn taps(&self, output: usize) -> [f32; 9] {
        let start = match self.direction {
            Direction::Forward => output * self.c_in + self.input,
            Direction::Backward => self.input * self.c_in + output,
        };
        let mut taps: [f32; 9] = self.weight[start * 9..][..9].try_into().expect("nine taps");
        if let Direction::Backward = self.direction {
            taps.reverse();
        }
        taps
    }
}

impl WithSimd for TransformInput<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let full = panel_vectors::<S>() * S::F32_LANES;
        for first in (0..self.outputs).step_by(S::F32_LANES) {
            let mut gathered = [[0.0_f32; WIDEST]; 9];
            for lane in 0..S::F32_LANES.min(self.outputs - first) {
                for (tap, value) in gathered.iter_mut().zip(self.taps(first + lane)) {
                    tap[lane] = value;
                }
            }
            let vector = |index: usize| S::as_simd_f32s(&gathered[index]).0[0];
            let mut half = [[simd.splat_f32s(0.0); 3]; IN];
            for column in 0..3 {
                let taps = [vector(column), vector(3 + column), vector(6 + column)];
                for (half, value) in half.iter_mut().zip(transform::kernel(simd, taps)) {
                    half[column] = value;
                }
            }
            let panel = first / full * full;
            let step = full.min(self.outputs.next_multiple_of(S::F32_LANES) - panel);
            for (row, half) in half.into_iter().enumerate() {
                for (column, value) in transform::kernel(simd, half).into_iter().enumerate() {
                    let place = row * IN + column;
                    let offset =
                        PLACES * self.inputs * panel + (place * self.inputs + self.input) * step + first
                            - panel;
                    // SAFETY: inside the buffer of `PLACES · inputs · outputs` (rounded up to vectors), and no
                    // other input channel writes there.
                    unsafe { store::<S>(self.out.at(offset), value) };
                }
            }
        }
    }
}
