//! Filling slices: groups of blocks side by side in the widest vectors of the processor, slices in parallel.

use std::marker::PhantomData;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::laws::Law;
use super::philox::{LANES, group};

/// Numbers a thread makes at a time, a multiple of every [`Law::GROUP`].
const TASK: usize = 1 << 15;

/// Blocks that filling `len` numbers uses up: those of whole groups.
pub(super) fn blocks<L: Law>(len: usize) -> u64 {
    len.div_ceil(L::GROUP) as u64 * LANES as u64
}

/// Fills `out` from the groups that start at `counter`, on any number of threads with the same result.
///
/// The caller has checked that the first word of the counter does not overflow.
pub(super) fn fill<L: Law>(counter: [u32; 4], key: [u32; 2], out: &mut [f32]) {
    let arch = Arch::new();
    if out.len() <= TASK {
        return fill_on::<L>(arch, counter, key, out);
    }
    out.par_chunks_mut(TASK).enumerate().for_each(|(task, out)| {
        let counter = advanced(counter, task * (TASK / L::GROUP));
        fill_on::<L>(arch, counter, key, out);
    });
}

/// As [`fill`], on the calling thread with the given instructions.
fn fill_on<L: Law>(arch: Arch, counter: [u32; 4], key: [u32; 2], out: &mut [f32]) {
    arch.dispatch(Fill::<L> { counter, key, out, law: PhantomData });
}

struct Fill<'a, L> {
    counter: [u32; 4],
    key: [u32; 2],
    out: &'a mut [f32],
    law: PhantomData<L>,
}

impl<L: Law> WithSimd for Fill<'_, L> {
    type Output = ();

    /// Loops over lanes, compiled for the instructions that `S` stands for.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let whole = self.out.len() / L::GROUP;
        let (groups, rest) = self.out.split_at_mut(whole * L::GROUP);
        for (index, out) in groups.chunks_exact_mut(L::GROUP).enumerate() {
            L::fill(&group(advanced(self.counter, index), self.key), out);
        }
        if !rest.is_empty() {
            let mut last = [0.0; 32 * 4 * LANES];
            let last = &mut last[..L::GROUP];
            L::fill(&group(advanced(self.counter, whole), self.key), last);
            rest.copy_from_slice(&last[..rest.len()]);
        }
    }
}

/// The counter some groups later.
#[inline(always)]
fn advanced([low, rest @ ..]: [u32; 4], groups: usize) -> [u32; 4] {
    let [second, third, fourth] = rest;
    [low.wrapping_add((groups * LANES) as u32), second, third, fourth]
}

#[cfg(test)]
mod tests {
    use super::super::laws::{Normal, Sign};
    use super::super::philox::block;
    use super::*;

    const COUNTER: [u32; 4] = [9, 1 << 24, 5, 0];
    const KEY: [u32; 2] = [77, 3];

    fn bits<L: Law>(arch: Arch, len: usize) -> Vec<u32> {
        let mut out = vec![0.0; len];
        fill_on::<L>(arch, COUNTER, KEY, &mut out);
        out.into_iter().map(f32::to_bits).collect()
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let mut sets = vec![Arch::new()];
        #[cfg(target_arch = "x86_64")]
        sets.extend(pulp::x86::V3::try_new().map(Arch::V3));
        for len in [1, 63, 64, 65, 5000] {
            for set in &sets {
                assert_eq!(bits::<Normal>(*set, len), bits::<Normal>(Arch::Scalar, len), "{set:?} {len}");
                assert_eq!(bits::<Sign>(*set, len), bits::<Sign>(Arch::Scalar, len), "{set:?} {len}");
            }
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let len = 5 * TASK + 77;
        let expected = bits::<Normal>(Arch::Scalar, len);
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut out = vec![0.0; len];
            pool.install(|| fill::<Normal>(COUNTER, KEY, &mut out));
            assert!(out.iter().map(|v| v.to_bits()).eq(expected.iter().copied()), "{threads} threads");
        }
    }

    /// The layout, from single blocks and double-precision functions.
    #[test]
    fn every_number_is_the_documented_function_of_its_place() {
        let len = TASK + 300;
        let mut normals = vec![0.0; len];
        fill::<Normal>(COUNTER, KEY, &mut normals);
        let mut signs = vec![0.0; 3 * TASK + 100];
        fill::<Sign>(COUNTER, KEY, &mut signs);
        let word = |group: usize, word: usize, lane: usize| {
            block(advanced([COUNTER[0] + lane as u32, COUNTER[1], COUNTER[2], COUNTER[3]], group), KEY)[word]
        };
        for (n, value) in normals.iter().enumerate() {
            let (group, place, lane) = (n / 64, n / 16 % 4, n % 16);
            let uniform = (f64::from(word(group, place / 2 * 2, lane) >> 1) + 0.5) / 2f64.powi(31);
            let angle = f64::from(word(group, place / 2 * 2 + 1, lane)) / 2f64.powi(32);
            let (sine, cosine) = (angle * std::f64::consts::TAU).sin_cos();
            let expected = (-2.0 * uniform.ln()).sqrt() * if place % 2 == 0 { cosine } else { sine };
            // The uniform is rounded to single precision, which shows where its logarithm is near zero.
            let tolerance = 2e-6 * expected.abs() + 3e-4 * f64::from(uniform > 0.999) + 1e-6;
            assert!((f64::from(*value) - expected).abs() < tolerance, "{n}: {value} against {expected}");
        }
        for (n, value) in signs.iter().enumerate() {
            let bit = word(n / 2048, n / 16 % 4, n % 16) >> (n / 64 % 32) & 1;
            assert_eq!(*value, if bit == 0 { 1.0 } else { -1.0 }, "{n}");
        }
    }
}
