//! One seed fixes everything: every random number of a run comes from a named, independent stream.
//!
//! A stream is Philox4x32-10 (Salmon et al., SC 2011), a counter-based generator: the n-th number of a stream is a
//! pure function of (seed, role, index, step, n). Nothing has to be saved to resume a run, no order of calls or number of
//! threads can change a number, and no two streams overlap, since their counters differ.

/// The seed of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
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
            self.block = philox4x32_10(self.counter, self.key);
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

    /// Fills `out` with independent standard normal numbers (Box-Muller).
    pub fn fill_normal(&mut self, out: &mut [f32]) {
        for pair in out.chunks_mut(2) {
            // 24 bits and a half keep the logarithm's argument inside (0, 1).
            let uniform = ((self.next_u32() >> 8) as f32 + 0.5) / 16_777_216.0;
            let radius = (-2.0 * uniform.ln()).sqrt();
            let angle = std::f32::consts::TAU * ((self.next_u32() >> 8) as f32 / 16_777_216.0);
            let (sine, cosine) = angle.sin_cos();
            pair[0] = radius * cosine;
            if let Some(second) = pair.get_mut(1) {
                *second = radius * sine;
            }
        }
    }

    /// Fills `out` with independent signs, +1 or -1 with equal probability.
    pub fn fill_rademacher(&mut self, out: &mut [f32]) {
        for chunk in out.chunks_mut(32) {
            let bits = self.next_u32();
            for (i, value) in chunk.iter_mut().enumerate() {
                *value = if bits >> i & 1 == 1 { 1.0 } else { -1.0 };
            }
        }
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

/// One block of Philox4x32 with ten rounds.
fn philox4x32_10(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    const MULTIPLIER: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    for round in 0..10 {
        if round > 0 {
            key[0] = key[0].wrapping_add(WEYL[0]);
            key[1] = key[1].wrapping_add(WEYL[1]);
        }
        let first = MULTIPLIER[0] * u64::from(counter[0]);
        let second = MULTIPLIER[1] * u64::from(counter[2]);
        counter = [
            (second >> 32) as u32 ^ counter[1] ^ key[0],
            second as u32,
            (first >> 32) as u32 ^ counter[3] ^ key[1],
            first as u32,
        ];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers published with the Random123 library.
    #[test]
    fn philox_gives_the_published_answers() {
        assert_eq!(philox4x32_10([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox4x32_10([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox4x32_10([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

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
