//! One seed fixes everything: every random number of a run comes from a named, independent stream.
//!
//! A stream is Philox4x32-10 (Salmon et al., SC 2011), a counter-based generator: the n-th number of a stream is a
//! pure function of (seed, role, index, step, n). Nothing has to be saved to resume a run, no order of calls, number of
//! threads or instruction set can change a number, and no two streams overlap, since their counters differ.

mod fill;
mod laws;
mod philox;

use burn::tensor::{Device, Tensor};
use nmnc_kernels::Place;

use crate::device::matrix;
use laws::{Law, Normal, Sign};

/// The seed of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
#[schemars(transform = crate::ranges::SEED.stated())]
pub struct Seed(pub u64);

/// What a stream is used for. Distinct roles never share random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum Role {
    /// Initial weights (index: stage).
    Weights = 1,
    /// Fixed random feedback (index: stage).
    Feedback = 2,
    /// Order of the training examples (step: epoch).
    Order = 3,
    /// Augmentation (index: example, step: epoch).
    Augmentation = 4,
    /// Choice of a subset of a data set.
    Subset = 5,
    /// Probes (index: stage, step: training step).
    Probe = 6,
    /// Examples whose activity defines the manifold (step: training step).
    ManifoldSample = 7,
    /// The random test matrix of a randomised range finder (index: stage, step: training step).
    RangeFinder = 8,
    /// Anything an analysis draws (index and step as it documents).
    Analysis = 9,
    /// What a block draws in training, such as masks (index: node, step: training step).
    Mask = 10,
    /// Where centres of regions of examples begin (step: training step).
    Regions = 11,
    /// Values that a sweep draws of settings (index: setting, step: draw).
    Sweep = 12,
    /// A training trial of a task (step: its number).
    Trial = 32,
    /// An evaluation trial of a task (step: its number).
    EvaluationTrial = 33,
    /// Which connections a recurrent network has, and their signs (index: parameter).
    Connectivity = 34,
    /// Noise of the state of a recurrent network (step: training step).
    StateNoise = 35,
    /// When trials are perturbed (step: training step).
    ProbeTime = 36,
    /// A random projection (index: component).
    Projection = 48,
    /// Which stimuli are held out (step: split).
    HeldOut = 49,
    /// Which presentations make a half (step: halving).
    Halves = 50,
}

impl Seed {
    /// The stream for `role` with an index below 2^24 (a stage, an example modulo 2^24) and a step.
    pub fn stream(self, role: Role, index: usize, step: u64) -> Stream {
        let index = (index as u32) & 0x00ff_ffff;
        Stream {
            key: [self.0 as u32, (self.0 >> 32) as u32],
            counter: [0, ((role as u32) << 24) | index, step as u32, (step >> 32) as u32],
            block: [0; 4],
            used: 4,
        }
    }
}

/// A stream of random numbers: up to 2^34 32-bit words.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    used: usize,
}

impl Stream {
    /// The next 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.block = philox::block(self.counter, self.key);
            self.counter[0] = self.counter[0].checked_add(1).expect("a stream holds at most 2^34 words");
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        u64::from(self.next_u32()) | (u64::from(self.next_u32()) << 32)
    }

    /// Passes over the next `words` of 32 random bits without making them.
    pub fn skip(&mut self, words: usize) {
        let kept = (4 - self.used).min(words);
        self.used += kept;
        let (blocks, rest) = ((words - kept) / 4, (words - kept) % 4);
        let next = u64::from(self.counter[0]) + blocks as u64;
        self.counter[0] = u32::try_from(next).expect("a stream holds at most 2^34 words");
        for _ in 0..rest {
            self.next_u32();
        }
    }

    /// Uniform on the open interval (0, 1), 53 bits.
    pub fn uniform(&mut self) -> f64 {
        ((self.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Uniform on 0..bound, without bias.
    pub fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "below(0) has no value to return");
        let bound = bound as u64;
        // Lemire's multiply-shift with rejection.
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as usize;
            }
        }
    }

    /// Fills `out` with independent standard normal numbers (Box-Muller), none above 6.67 in magnitude.
    ///
    /// A fill starts with a fresh block of four words and uses up whole groups of sixteen, 64 numbers each: number n
    /// comes from group n / 64, where word pairs (0, 1) and (2, 3) of its sixteen blocks give sixteen cosines and sixteen
    /// sines. So a shorter fill is the beginning of a longer one, and what follows depends only on the number of groups.
    pub fn fill_normal(&mut self, out: &mut [f32]) {
        self.fill::<Normal>(out);
    }

    /// Fills `out` with independent signs, +1 or -1 with equal probability.
    ///
    /// As [`Stream::fill_normal`], with 2048 signs from a group: bit n / 64 mod 32 of its 64 words, word by word.
    pub fn fill_rademacher(&mut self, out: &mut [f32]) {
        self.fill::<Sign>(out);
    }

    /// Fills `out` with the numbers from `offset` on of what [`Stream::fill_normal`] would now give, without making those before.
    pub fn fill_normal_from(&self, offset: usize, out: &mut [f32]) {
        self.fill_from::<Normal>(offset, out);
    }

    /// Fills `out` with the signs from `offset` on of what [`Stream::fill_rademacher`] would now give, without making those before.
    pub fn fill_rademacher_from(&self, offset: usize, out: &mut [f32]) {
        self.fill_from::<Sign>(offset, out);
    }

    /// What [`Stream::fill_normal`] gives as a matrix, row by row: the same bits on every device.
    pub fn normals(&mut self, shape: [usize; 2], device: &Device) -> Tensor<2> {
        self.numbers::<Normal>(shape, device)
    }

    /// What [`Stream::fill_rademacher`] gives as a matrix, row by row: the same bits on every device.
    pub fn signs(&mut self, shape: [usize; 2], device: &Device) -> Tensor<2> {
        self.numbers::<Sign>(shape, device)
    }

    /// As [`Stream::normals`], from the `offset`-th number on, without making those before.
    pub fn normals_from(&self, offset: usize, shape: [usize; 2], device: &Device) -> Tensor<2> {
        self.numbers_from::<Normal>(offset, shape, device)
    }

    /// As [`Stream::signs`], from the `offset`-th number on, without making those before.
    pub fn signs_from(&self, offset: usize, shape: [usize; 2], device: &Device) -> Tensor<2> {
        self.numbers_from::<Sign>(offset, shape, device)
    }

    fn numbers<L: Law>(&mut self, shape: [usize; 2], device: &Device) -> Tensor<2> {
        let numbers = self.numbers_from::<L>(0, shape, device);
        (self.counter[0], self.used) = (self.after::<L>(shape[0] * shape[1]), 4);
        numbers
    }

    fn numbers_from<L: Law>(&self, offset: usize, shape: [usize; 2], device: &Device) -> Tensor<2> {
        let length = shape[0] * shape[1];
        let _ = self.after::<L>(offset + length);
        let place = Place { key: self.key, counter: self.counter, offset };
        nmnc_kernels::draw(L::KERNEL, place, shape, device).unwrap_or_else(|| {
            let mut values = vec![0.0; length];
            self.fill_from::<L>(offset, &mut values);
            matrix(values, shape, device)
        })
    }

    /// First word of the counter after a fill of `length` numbers.
    fn after<L: Law>(&self, length: usize) -> u32 {
        let next = u64::from(self.counter[0]) + fill::blocks::<L>(length);
        u32::try_from(next).expect("a stream holds at most 2^34 words")
    }

    fn fill_from<L: Law>(&self, offset: usize, out: &mut [f32]) {
        let skipped = offset / L::GROUP;
        let lead = offset % L::GROUP;
        let mut rest = self.clone();
        rest.counter[0] = self.after::<L>(skipped * L::GROUP);
        if lead == 0 {
            return rest.fill::<L>(out);
        }
        let mut whole = vec![0.0; lead + out.len()];
        rest.fill::<L>(&mut whole);
        out.copy_from_slice(&whole[lead..]);
    }

    fn fill<L: Law>(&mut self, out: &mut [f32]) {
        let next = self.after::<L>(out.len());
        fill::fill::<L>(self.counter, self.key, out);
        (self.counter[0], self.used) = (next, 4);
    }

    /// A uniformly random permutation of 0..len (Fisher-Yates).
    pub fn permutation(&mut self, len: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..len).collect();
        for i in (1..len).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }

    /// `count` distinct values of 0..len in random order; all of them when `count >= len`.
    pub fn sample(&mut self, len: usize, count: usize) -> Vec<usize> {
        let mut order = self.permutation(len);
        order.truncate(count);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::normal_distribution;

    #[test]
    fn streams_differ_by_seed_role_index_and_step_and_repeat_exactly() {
        let first = |seed, role, index, step| Seed(seed).stream(role, index, step).next_u64();
        let base = first(7, Role::Probe, 1, 9);
        assert_eq!(base, first(7, Role::Probe, 1, 9));
        for other in [
            first(8, Role::Probe, 1, 9),
            first(7, Role::Order, 1, 9),
            first(7, Role::Probe, 2, 9),
            first(7, Role::Probe, 1, 10),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn normals_have_the_moments_of_a_normal_distribution() {
        let mut values = vec![0.0; 200_000];
        Seed(3).stream(Role::Probe, 0, 0).fill_normal(&mut values);
        let moment = |p: i32| values.iter().map(|&v| f64::from(v).powi(p)).sum::<f64>() / values.len() as f64;
        // Four standard errors of each sample moment.
        for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
            let tolerance = 4.0 * f64::sqrt(variance / values.len() as f64);
            assert!((moment(power) - expected).abs() < tolerance, "moment {power}: {}", moment(power));
        }
    }

    /// Kolmogorov-Smirnov, and the number of values far out.
    #[test]
    fn normals_follow_the_normal_law_into_its_tails() {
        let mut values = vec![0.0; 1 << 20];
        Seed(8).stream(Role::Probe, 1, 0).fill_normal(&mut values);
        values.sort_unstable_by(f32::total_cmp);
        let count = values.len() as f64;
        let mut distance = 0.0_f64;
        for (rank, &value) in values.iter().enumerate() {
            let law = normal_distribution(f64::from(value));
            distance =
                distance.max((law - rank as f64 / count).abs()).max((law - (rank + 1) as f64 / count).abs());
        }
        // Exceeded by chance once in a thousand.
        assert!(distance * count.sqrt() < 1.95, "{}", distance * count.sqrt());
        for (bound, tolerance) in [(3.0, 4.0), (4.0, 4.0), (4.5, 3.0)] {
            let expected = 2.0 * normal_distribution(-bound) * count;
            let found = values.iter().filter(|v| f64::from(v.abs()) > bound).count() as f64;
            assert!(
                (found - expected).abs() < tolerance * expected.sqrt(),
                "{bound}: {found}, not {expected}"
            );
        }
    }

    #[test]
    fn signs_are_balanced_and_unrelated() {
        let mut values = vec![0.0; 100_000];
        Seed(3).stream(Role::Probe, 0, 0).fill_rademacher(&mut values);
        assert!(values.iter().all(|v| v.abs() == 1.0));
        for lag in [1, 16, 32, 64, 2048] {
            let products: f32 = values.iter().zip(&values[lag..]).map(|(a, b)| a * b).sum();
            assert!(products.abs() < 4.0 * (values.len() as f32).sqrt(), "lag {lag}: {products}");
        }
        assert!(values.iter().sum::<f32>().abs() < 4.0 * (values.len() as f32).sqrt());
    }

    #[test]
    fn fills_start_afresh_and_what_follows_depends_on_their_groups_alone() {
        let filled = |before: usize, len: usize| {
            let mut stream = Seed(4).stream(Role::Analysis, 0, 0);
            for _ in 0..before {
                stream.next_u32();
            }
            let mut values = vec![0.0; len];
            stream.fill_normal(&mut values);
            (values, stream.next_u32())
        };
        let (long, after) = filled(0, 128);
        for len in [65, 77, 127] {
            let (short, next) = filled(0, len);
            assert_eq!((&short[..], next), (&long[..len], after));
        }
        assert_ne!(filled(0, 64).1, after);
        // One to four words use up one block.
        assert_eq!(filled(1, 70), filled(4, 70));
        assert_ne!(filled(4, 70), filled(5, 70));
        assert_ne!(filled(4, 70), filled(0, 70));
        // What follows is the first block that no group used.
        let mut words = Seed(4).stream(Role::Analysis, 0, 0);
        for _ in 0..4 * 32 {
            words.next_u32();
        }
        assert_eq!(words.next_u32(), after);
        assert_eq!(filled(0, 0).1, Seed(4).stream(Role::Analysis, 0, 0).next_u32());
    }

    #[test]
    fn a_fill_from_some_number_on_is_the_rest_of_the_whole() {
        let mut stream = Seed(6).stream(Role::Analysis, 0, 0);
        stream.next_u32();
        let (mut normals, mut signs) = (vec![0.0; 9000], vec![0.0; 9000]);
        stream.clone().fill_normal(&mut normals);
        stream.clone().fill_rademacher(&mut signs);
        for offset in [0, 1, 63, 64, 65, 2047, 2048, 4096, 8999] {
            let mut rest = vec![0.0; 9000 - offset];
            stream.fill_normal_from(offset, &mut rest);
            assert_eq!(rest, normals[offset..], "{offset}");
            stream.fill_rademacher_from(offset, &mut rest);
            assert_eq!(rest, signs[offset..], "{offset}");
        }
    }

    #[test]
    fn what_follows_skipped_words_is_what_follows_them() {
        for (before, words) in [(0, 0), (0, 1), (0, 4), (1, 2), (1, 3), (1, 4), (2, 6), (3, 1001), (4, 8)] {
            let next = |stream: &mut Stream, count: usize| -> Vec<u32> {
                (0..count).map(|_| stream.next_u32()).collect()
            };
            let mut made = Seed(4).stream(Role::Analysis, 0, 0);
            next(&mut made, before);
            let mut skipped = made.clone();
            next(&mut made, words);
            skipped.skip(words);
            assert_eq!(next(&mut made, 5), next(&mut skipped, 5), "{words} words after {before}");
        }
    }

    #[test]
    fn below_is_uniform_and_permutations_are_permutations() {
        let mut stream = Seed(1).stream(Role::Order, 0, 0);
        let mut counts = [0usize; 7];
        for _ in 0..70_000 {
            counts[stream.below(7)] += 1;
        }
        assert!(counts.iter().all(|&c| (c as f64 - 10_000.0).abs() < 400.0), "{counts:?}");
        let mut order = stream.permutation(1000);
        assert_ne!(order, (0..1000).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
    }
}
