//! Alignment of noise with signals, on populations of known truth, and the law of correlation with noise of any covariance.

use nmnc_analysis::trials::{NoiseAlignment, NoiseMoments, Trials, TrialsSettings, noise_alignment};
use nmnc_core::Seed;
use nmnc_core::linalg::orthonormalize_rows;
use nmnc_core::seed::Role;
use nmnc_learn::manifold::Dimension;

fn normal(seed: u64, index: usize, count: usize) -> Vec<f64> {
    let mut out = vec![0.0; count];
    Seed(seed).stream(Role::Analysis, 100 + index, 0).fill_normal(&mut out);
    out.into_iter().map(f64::from).collect()
}

/// A population: orthonormal axes of all units, standard deviation of the condition means and of the noise along each.
struct Population {
    units: usize,
    axes: Vec<f64>,
    signal: Vec<f64>,
    noise: Vec<f64>,
}

impl Population {
    fn new(units: usize, signal: impl Fn(usize) -> f64, noise: impl Fn(usize) -> f64) -> Self {
        let mut axes: Vec<f32> = normal(7, 0, units * units).into_iter().map(|v| v as f32).collect();
        orthonormalize_rows(&mut axes, units);
        Self {
            units,
            axes: axes.into_iter().map(f64::from).collect(),
            signal: (0..units).map(signal).collect(),
            noise: (0..units).map(noise).collect(),
        }
    }

    /// Random numbers along the axes, of the given standard deviations, as activity.
    fn draw(&self, deviations: &[f64], seed: u64, index: usize, rows: usize) -> Vec<f64> {
        let numbers = normal(seed, index, rows * self.units);
        let mut out = vec![0.0; rows * self.units];
        for (row, numbers) in out.chunks_exact_mut(self.units).zip(numbers.chunks_exact(self.units)) {
            for ((axis, deviation), number) in self.axes.chunks_exact(self.units).zip(deviations).zip(numbers)
            {
                if *deviation > 0.0 {
                    row.iter_mut().zip(axis).for_each(|(v, a)| *v += deviation * number * a);
                }
            }
        }
        out
    }

    /// `[conditions, repeats, units]`.
    fn record(&self, conditions: usize, repeats: usize, seed: u64) -> Vec<f64> {
        let means = self.draw(&self.signal, seed, 1, conditions);
        let mut values = self.draw(&self.noise, seed, 2, conditions * repeats);
        for (trial, values) in values.chunks_exact_mut(self.units).enumerate() {
            let mean = &means[trial / repeats * self.units..];
            values.iter_mut().zip(mean).for_each(|(v, m)| *v += 3.0 + m);
        }
        values
    }

    fn trials(&self, conditions: usize, repeats: usize, seed: u64) -> Trials {
        Trials::new(self.record(conditions, repeats, seed), &[conditions, repeats, self.units]).unwrap()
    }

    /// Fraction of the noise on the first `dimension` axes.
    fn alpha(&self, dimension: usize) -> f64 {
        let energy = |part: &[f64]| part.iter().map(|s| s * s).sum::<f64>();
        energy(&self.noise[..dimension]) / energy(&self.noise)
    }
}

fn settings(dimension: usize) -> TrialsSettings {
    TrialsSettings {
        dimension: Dimension::Count(dimension),
        curve: 8,
        divisions: 4,
        groups: 10,
        ..TrialsSettings::default()
    }
}

fn align(trials: &Trials, dimension: usize) -> NoiseAlignment {
    noise_alignment(trials, &settings(dimension)).unwrap()
}

#[test]
fn noise_on_the_manifold_off_it_and_in_all_directions_is_told_apart() {
    const D: usize = 4;
    let signal = |k: usize| if k < D { 1.0 } else { 0.0 };
    let on = Population::new(40, signal, |k| if k < D { 0.8 } else { 0.1 });
    let off = Population::new(40, signal, |k| if (D..2 * D).contains(&k) { 0.8 } else { 0.05 });
    let all = Population::new(40, signal, |_| 0.4);
    for (population, least, most) in [(on, 0.85, 0.95), (off, 0.0, 0.03), (all, 0.09, 0.11)] {
        let truth = population.alpha(D);
        assert!((least..most).contains(&truth), "{truth}");
        let found = align(&population.trials(60, 12, 1), D);
        let at = found.headline();
        assert_eq!((at.dimension, at.chance), (D, 0.1));
        let allowed = 3.0 * at.standard_error.unwrap() + 0.005;
        assert!((at.alpha - truth).abs() < allowed, "{} of {truth}, within {allowed}", at.alpha);
        assert!(allowed < 0.05 && at.signal > 0.95, "{at:?}");
        // Variances of single units are nearly equal, so that without correlations there is no alignment.
        assert!((at.shuffled - 0.1).abs() < 0.05, "{at:?}");
        let noise: f64 = population.noise.iter().map(|s| s * s).sum();
        assert!((found.noise_variance / noise - 1.0).abs() < 0.1);
        let error = found.signal_standard_error.unwrap();
        assert!((found.signal_variance - D as f64).abs() < 3.0 * error && error < 1.0);
        let fourth: f64 = population.noise.iter().map(|s| s.powi(4)).sum();
        assert!((found.noise_dimension.unwrap() / (noise * noise / fourth) - 1.0).abs() < 0.1, "{found:?}");
        assert_eq!(found.warnings, Vec::<String>::new());
    }
}

/// A gain of all units moves a trial along its condition's mean, which is on the manifold whatever the noise. Taking it out leaves isotropic noise
/// d - 1 of n - 1 directions on the manifold.
#[test]
fn a_gain_makes_an_alignment_and_goes_with_the_mean() {
    const D: usize = 4;
    const UNITS: usize = 40;
    let (conditions, repeats) = (240, 12);
    let population = Population::new(UNITS, |k| if k < D { 1.0 } else { 0.0 }, |_| 0.2);
    let means = population.draw(&population.signal, 1, 1, conditions);
    let noise = population.draw(&population.noise, 1, 2, conditions * repeats);
    let gains = normal(1, 3, conditions * repeats);
    let recorded = |size: f64| {
        let value = |at: usize| {
            let (trial, unit) = (at / UNITS, at % UNITS);
            noise[at] + (1.0 + size * gains[trial]) * means[trial / repeats * UNITS + unit]
        };
        Trials::new((0..noise.len()).map(value).collect(), &[conditions, repeats, UNITS]).unwrap()
    };
    let expected = (D - 1) as f64 / (UNITS - 1) as f64;
    for size in [0.0, 0.5] {
        let [left, taken] = [recorded(size), recorded(size).without_gain()].map(|trials| align(&trials, D));
        assert_eq!([left.without_gain, taken.without_gain], [false, true]);
        let at = taken.headline();
        // Where means are small beside their errors, what is taken out lies partly elsewhere.
        let allowed = 3.0 * at.standard_error.unwrap() + 0.003;
        assert!((at.alpha - expected).abs() < allowed && allowed < 0.015, "{size}: {at:?}");
        assert!((taken.noise_dimension.unwrap() / (UNITS - 1) as f64 - 1.0).abs() < 0.05, "{size}");
        assert!((taken.signal_variance / left.signal_variance - 1.0).abs() < 0.1, "{size}");
        if size > 0.0 {
            assert!(
                left.headline().alpha > 0.35 && left.noise_dimension.unwrap() < 20.0,
                "{:?}",
                left.headline()
            );
        }
    }
}

/// Noise off the manifold that is stronger than the signal: it dominates the means of few repeats, so that their components are those of the
/// noise, which would lie on "the manifold".
#[test]
fn sampling_noise_makes_no_alignment() {
    const D: usize = 3;
    let population = Population::new(
        50,
        |k| if k < D { 0.42 } else { 0.0 },
        |k| if (D..2 * D).contains(&k) { 1.0 } else { 0.1 },
    );
    for seed in 0..3 {
        let found = align(&population.trials(240, 4, seed), D);
        let at = found.headline();
        assert!(at.plain.unwrap() > 0.6, "without cross-validation {at:?}");
        let most = 3.0 * at.standard_error.unwrap();
        assert!(at.alpha - population.alpha(D) < most && at.alpha < 0.2, "{at:?}");
    }
}

#[test]
fn without_a_signal_there_is_no_manifold_and_no_alignment() {
    let population = Population::new(20, |_| 0.0, |_| 1.0);
    let (mut refused, mut warned) = (0, 0);
    for seed in 0..8 {
        match noise_alignment(&population.trials(30, 6, seed), &settings(2)) {
            Err(error) => {
                refused += 1;
                assert_eq!(
                    error.to_string(),
                    "trials: the means of conditions differ no more than noise makes them; give conditions that evoke different \
                     activity, or more repeats"
                );
            }
            Ok(found) => {
                warned += found.warnings.len();
                let at = found.headline();
                assert!((at.alpha - 0.1).abs() < 4.0 * at.standard_error.unwrap(), "{at:?}");
            }
        }
    }
    assert!(refused > 1 && warned > 1 && refused + warned == 8, "{refused} {warned}");
}

#[test]
fn standard_errors_are_the_spread_over_fresh_recordings() {
    const SETS: u64 = 60;
    let population = Population::new(12, |k| 1.0 / (1.0 + k as f64), |k| if k % 2 == 0 { 0.7 } else { 0.4 });
    let found: Vec<NoiseAlignment> =
        (0..SETS).map(|seed| align(&population.trials(20, 6, seed), 2)).collect();
    let check = |value: &dyn Fn(&NoiseAlignment) -> (f64, f64), name: &str| {
        let values: Vec<(f64, f64)> = found.iter().map(value).collect();
        let over = 1.0 / SETS as f64;
        let mean = values.iter().map(|v| v.0).sum::<f64>() * over;
        let spread = (values.iter().map(|v| (v.0 - mean).powi(2)).sum::<f64>() / (SETS - 1) as f64).sqrt();
        let claimed = (values.iter().map(|v| v.1 * v.1).sum::<f64>() * over).sqrt();
        assert!((0.75..1.5).contains(&(claimed / spread)), "{name}: {claimed} of {spread}");
    };
    check(&|f| (f.headline().alpha, f.headline().standard_error.unwrap()), "alpha");
    check(&|f| (f.cosines[4].cosine, f.cosines[4].standard_error.unwrap()), "cosine");
    check(&|f| (f.signal_variance, f.signal_standard_error.unwrap()), "signal");
}

/// Correlation with `trials` draws of noise, for the row `[units]`: the estimate.
fn correlate(population: &Population, row: &[f64], trials: usize, seed: u64) -> Vec<f64> {
    let noise = population.draw(&population.noise, seed, 3, trials);
    let mut out = vec![0.0; row.len()];
    for xi in noise.chunks_exact(row.len()) {
        let change: f64 = xi.iter().zip(row).map(|(x, j)| x * j).sum();
        out.iter_mut().zip(xi).for_each(|(o, x)| *o += x * change / trials as f64);
    }
    out
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[test]
fn correlation_with_noise_of_any_covariance_follows_the_law() {
    const UNITS: usize = 24;
    const DRAWS: u64 = 1500;
    let population = Population::new(UNITS, |_| 0.0, |k| 1.5 * 0.9f64.powi(k as i32));
    let covariance: Vec<f64> = (0..UNITS * UNITS)
        .map(|at| {
            let along = |k: usize| population.noise[k].powi(2) * population.axes[k * UNITS + at / UNITS];
            (0..UNITS).map(|k| along(k) * population.axes[k * UNITS + at % UNITS]).sum()
        })
        .collect();
    let row = normal(5, 4, UNITS);
    let moments = NoiseMoments::of(&covariance, &row);
    for trials in [4, 16, 64] {
        let (mut energy, mut energies, mut cosine) = (0.0, 0.0, 0.0);
        for draw in 0..DRAWS {
            let found = correlate(&population, &row, trials, 1000 + draw);
            let own = dot(&found, &found);
            energy += own / DRAWS as f64;
            energies += own * own / DRAWS as f64;
            cosine += dot(&found, &row) / (own * dot(&row, &row)).sqrt() / DRAWS as f64;
        }
        let over = 1.0 / trials as f64;
        let law = (moments.squared * (1.0 + over) + moments.along * moments.total * over) * dot(&row, &row);
        let error = ((energies - energy * energy) / DRAWS as f64).sqrt();
        assert!((energy - law).abs() < 4.0 * error && error < 0.06 * law, "{trials}: {energy} {law} {error}");
        let ratio = cosine / moments.cosine(trials);
        assert!((ratio - 1.0).abs() < 0.3 * over + 0.005, "{trials}: {ratio}");
    }
    assert!(moments.cosine(1 << 20) < moments.limit() && moments.limit() < 0.97);
}

#[test]
fn isotropic_noise_has_the_law_of_isotropic_noise() {
    for (n, trials) in [(1, 1), (10, 7), (500, 64)] {
        let mut covariance = vec![0.0; n * n];
        (0..n).for_each(|i| covariance[i * n + i] = 0.3);
        let moments = NoiseMoments::of(&covariance, &normal(2, 5, n));
        let law = (trials as f64 / (trials + n - 1) as f64).sqrt();
        assert!((moments.cosine(trials) - law).abs() < 1e-12 && (moments.limit() - 1.0).abs() < 1e-12);
        assert!((NoiseMoments::isotropic(n).cosine(trials) - law).abs() < 1e-12);
    }
}

#[test]
fn the_predicted_cosine_is_what_correlation_with_such_noise_reaches() {
    const D: usize = 5;
    const UNITS: usize = 40;
    let signal = |k: usize| if k < D { 1.0 } else { 0.0 };
    // Where noise is much stronger off the manifold, the few hundredths of the components that lie there count in |S u|^2.
    for (on, off, allowed) in [(0.8, 0.1, 0.015), (0.3, 0.3, 0.015), (0.15, 0.5, 0.045)] {
        let population =
            Population::new(UNITS, signal, |k| if k < D { on * (1.0 + k as f64 / 5.0) } else { off });
        let found = align(&population.trials(60, 16, 3), D);
        for point in found.cosines.iter().filter(|c| [16, 64, 256].contains(&c.probes)) {
            const DRAWS: u64 = 150;
            let mut cosine = 0.0;
            for draw in 0..DRAWS {
                // A row of any direction on the manifold.
                let along = normal(40 + draw, 6, D);
                let mut row = vec![0.0; UNITS];
                for (axis, along) in population.axes.chunks_exact(UNITS).zip(&along) {
                    row.iter_mut().zip(axis).for_each(|(r, a)| *r += along * a);
                }
                let estimate = correlate(&population, &row, point.probes, 5000 + draw);
                let lengths = (dot(&row, &row) * dot(&estimate, &estimate)).sqrt();
                cosine += dot(&estimate, &row) / lengths / DRAWS as f64;
            }
            let error = (point.cosine - cosine).abs();
            assert!(error < allowed + 2.0 * point.standard_error.unwrap(), "{on} {off}: {cosine} {point:?}");
            assert!(point.standard_error.unwrap() < 0.02, "{point:?}");
        }
    }
}

#[test]
fn missing_trials_change_nothing_and_repeats_may_differ() {
    let population = Population::new(10, |k| if k < 3 { 1.0 } else { 0.0 }, |_| 0.5);
    let (conditions, repeats, units) = (12, 7, 10);
    let mut values = population.record(conditions, repeats, 4);
    for trial in [3, 8, 9, 40] {
        values[trial * units..(trial + 1) * units].fill(f64::NAN);
    }
    let trials = Trials::new(values.clone(), &[conditions, repeats, units]).unwrap();
    assert_eq!((trials.missing(), trials.repeats()[..3].to_vec()), (4, vec![6, 5, 7]));
    let found = align(&trials, 3);
    assert_eq!((found.missing, found.repeats), (4, [5, 7]));
    // The same trials in other places, among more that are missing.
    let mut padded = vec![f64::NAN; conditions * 9 * units];
    for condition in 0..conditions {
        let from = &values[condition * repeats * units..(condition + 1) * repeats * units];
        padded[(condition * 9 + 2) * units..(condition * 9 + 9) * units].copy_from_slice(from);
    }
    let padded = Trials::new(padded, &[conditions, 9, units]).unwrap();
    assert_eq!(NoiseAlignment { missing: 4, ..align(&padded, 3) }, found);
}

#[test]
fn one_seed_gives_the_same_bits_on_any_number_of_threads_in_any_unit() {
    let population = Population::new(30, |k| 1.0 / (k as f64 + 1.0), |k| 0.5 + 0.1 * (k % 3) as f64);
    let values = population.record(10, 6, 9);
    let run = |threads: usize, power: i32| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let scaled = values.iter().map(|v| v * 2f64.powi(power)).collect();
        let trials = Trials::new(scaled, &[10, 6, 30]).unwrap();
        let mut found = pool.install(|| align(&trials, 4));
        let square = 4f64.powi(-power);
        for variance in [&mut found.signal_variance, &mut found.noise_variance, &mut found.moments.along] {
            *variance *= square;
        }
        found.moments.total *= square;
        found.signal_standard_error = found.signal_standard_error.map(|e| e * square);
        found.moments.squared = 0.0;
        found
    };
    let first = run(1, 0);
    assert_eq!(run(3, 0), first);
    for power in [-400, -8, 400] {
        assert_eq!(run(2, power), first, "{power}");
    }
    let other = TrialsSettings { seed: Seed(1), ..settings(4) };
    let other = noise_alignment(&Trials::new(values.clone(), &[10, 6, 30]).unwrap(), &other).unwrap();
    assert_ne!(other.headline().alpha, first.headline().alpha);
    assert!((other.headline().alpha - first.headline().alpha).abs() < 0.05);
}

#[test]
fn the_dimension_follows_the_signal_that_components_capture() {
    let population = Population::new(30, |k| if k < 5 { 1.0 } else { 0.0 }, |_| 0.3);
    let trials = population.trials(60, 10, 2);
    let of = |dimension| noise_alignment(&trials, &TrialsSettings { dimension, ..settings(1) });
    assert_eq!(of(Dimension::Variance(0.9)).unwrap().dimension, 5);
    assert!(of(Dimension::Variance(0.3)).unwrap().dimension < 3);
    let found = of(Dimension::Count(5)).unwrap();
    assert_eq!(found.components.len(), found.curve.len() * 30);
    // The components are those of the population.
    let on: f64 = found.components[..5 * 30]
        .chunks_exact(30)
        .map(|u| population.axes.chunks_exact(30).take(5).map(|a| dot(u, a).powi(2)).sum::<f64>())
        .sum();
    assert!(on / 5.0 > 0.98, "{on}");
    assert_eq!(
        of(Dimension::Count(9)).unwrap_err().to_string(),
        "dim: 9 of the 8 signal components that were found; give at most 8; more conditions, repeats or units show more"
    );
    // Two conditions have one component, and no error over conditions.
    let pair = population.trials(2, 10, 2);
    let found = align(&pair, 1);
    assert_eq!((found.curve.len(), found.headline().standard_error), (1, None));
}

#[test]
fn what_is_no_recording_of_trials_is_one_line() {
    let message = |values: Vec<f64>, shape: &[usize]| Trials::new(values, shape).unwrap_err().to_string();
    let least = "give at least 2 conditions, 4 repeats and 1 unit";
    assert_eq!(
        message(vec![0.0; 6], &[2, 3]),
        "trials: of shape [2, 3] instead of [conditions, repeats, units]; reshape it to three dimensions"
    );
    assert_eq!(message(vec![0.0; 6], &[2, 1, 3]), format!("trials: of shape [2, 1, 3]; {least}"));
    assert_eq!(message(vec![0.0; 12], &[1, 4, 3]), format!("trials: of shape [1, 4, 3]; {least}"));
    assert_eq!(message(Vec::new(), &[3, 4, 0]), format!("trials: of shape [3, 4, 0]; {least}"));
    let mut gap = normal(1, 7, 2 * 4 * 3);
    gap[14] = f64::NAN;
    assert_eq!(
        message(gap, &[2, 4, 3]),
        "trials: condition 1, repeat 0, unit 2 is not finite; a missing trial is NaN in all its units; leave out units with gaps"
    );
    let mut infinite = normal(1, 7, 2 * 4 * 3);
    infinite[0] = f64::INFINITY;
    assert!(message(infinite, &[2, 4, 3]).starts_with("trials: condition 0, repeat 0, unit 0 is not finite"));
    let mut few = normal(1, 7, 2 * 4 * 3);
    few[12..15].fill(f64::NAN);
    assert_eq!(
        message(few, &[2, 4, 3]),
        "trials: condition 1 has 3 repeats; give at least 4, or leave it out"
    );
    let constant = Trials::new(vec![0.1; 2 * 7 * 3], &[2, 7, 3]).unwrap();
    assert_eq!(
        noise_alignment(&constant, &TrialsSettings::default()).unwrap_err().to_string(),
        "trials: the trials of a condition do not differ; give single trials, not their means"
    );
    let (means, gains) = (normal(1, 8, 5 * 3), normal(1, 9, 5 * 4));
    for scale in [1e-200, 1.0, 1e200] {
        let scaled = |at: usize| scale * (2.0 + gains[at / 3]) * (30.0 + means[at / 12 * 3 + at % 3]);
        let trials = Trials::new((0..5 * 4 * 3).map(scaled).collect(), &[5, 4, 3]).unwrap();
        assert_eq!(
            noise_alignment(&trials.without_gain(), &TrialsSettings::default()).unwrap_err().to_string(),
            "trials: the trials of a condition differ by their gain alone; leave the gain in, or give trials that vary otherwise, too"
        );
    }
    let wrong = TrialsSettings { dimension: Dimension::Variance(1.5), ..TrialsSettings::default() };
    assert_eq!(
        wrong.check().unwrap_err().to_string(),
        "dim: a fraction of 1.5; give a whole number of components, or a fraction of the signal variance such as 0.9"
    );
}
