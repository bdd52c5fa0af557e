//! Every measurement is that of numbers of any size, scaled as its unit says, and says so where there is nothing to measure.

use nmnc_analysis::dimension::{DimensionSettings, Dimensions, Matrix, components, measure, shuffled};
use nmnc_analysis::similarity::{
    Choice, Comparison, Distance, Estimator, Gram, Leading, Pls, PlsSettings, PredictivitySettings,
    Projection, Rdm, Regression, Responses, Ridge, RidgeSettings, ceiling, cka, compare, crossnobis, hsic,
    mean_correlation, plane, pooled, predictivity, rdm, split_half,
};
use nmnc_core::{ErrorKind, Seed, seed::Role};

/// Powers of two from 1e-140 to 1e140.
const POWERS: [i32; 8] = [-465, -330, -101, -30, 30, 101, 330, 465];

fn normal(seed: u64, count: usize) -> Vec<f64> {
    let mut values = vec![0.0f32; count];
    Seed(seed).stream(Role::Analysis, 0, 0).fill_normal(&mut values);
    values.into_iter().map(f64::from).collect()
}

fn times(values: &[f64], power: i32) -> Vec<f64> {
    values.iter().map(|v| v * 2f64.powi(power)).collect()
}

fn settings() -> DimensionSettings {
    DimensionSettings { components: 5, neighbors: 4, ..DimensionSettings::default() }
}

/// The measurement in squares of 2^power.
fn relative(mut found: Dimensions, power: i32) -> Dimensions {
    found.total_variance /= 4f64.powi(power);
    found
}

#[test]
fn dimensions_are_those_of_activity_of_any_size_to_the_bit() {
    // More samples than units and fewer.
    for (samples, units, offset) in [(60, 8, 3.0), (30, 50, 0.0)] {
        let values: Vec<f64> = normal(1, samples * units).into_iter().map(|v| v + offset).collect();
        let whole = measure(&Matrix::new(values.clone(), units), &settings()).unwrap();
        for power in POWERS {
            let scaled = Matrix::new(times(&values, power), units);
            let (found, axes) = measure(&scaled, &settings()).unwrap();
            assert_eq!(relative(found, power), whole.0, "{power}");
            assert_eq!(axes.basis, whole.1.basis, "{power}");
            let variances: Vec<f64> = axes.variances.iter().map(|v| v / 4f64.powi(power)).collect();
            assert_eq!(variances, whole.1.variances, "{power}");
        }
        // In single precision, from 1e-30 to 1e30.
        let single: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        let whole = measure(&Matrix::new(single.clone(), units), &settings()).unwrap().0;
        for power in [-100, -66, 66, 100] {
            let scaled: Vec<f32> = single.iter().map(|v| v * 2f32.powi(power)).collect();
            let found = measure(&Matrix::new(scaled, units), &settings()).unwrap().0;
            assert_eq!(relative(found, power), whole, "single {power}");
        }
        // The shuffled control has the same axes, in a unit of its own.
        let axes = |values: Vec<f64>| {
            let control = shuffled(&Matrix::new(values, units), Seed(2));
            components(&control, 3, Seed(0)).unwrap().basis
        };
        let whole = axes(values.clone());
        assert!(POWERS.iter().all(|&power| axes(times(&values, power)) == whole));
    }
}

/// Beyond 2048 of both samples and units axes are found at random, in single precision.
#[test]
fn axes_found_at_random_are_those_of_activity_of_any_size() {
    const SIZE: usize = 2100;
    let (left, right) = (normal(3, SIZE * 3), normal(4, SIZE * 3));
    let product = |at: usize| (0..3).map(|k| left[at / SIZE * 3 + k] * right[at % SIZE * 3 + k]).sum::<f64>();
    let values: Vec<f64> = (0..SIZE * SIZE).map(product).collect();
    let axes = |power: i32| {
        let found = components(&Matrix::new(times(&values, power), SIZE), 2, Seed(0)).unwrap();
        let variances: Vec<f64> = found.variances.iter().map(|v| v / 4f64.powi(power)).collect();
        (found.basis, variances)
    };
    let whole = axes(0);
    assert!(axes(-90) == whole && axes(400) == whole);
}

#[test]
fn variance_beyond_the_range_of_numbers_is_an_error_of_one_line() {
    let values = normal(1, 60 * 12);
    for (factor, word, unit) in
        [(1e155, "above", "larger"), (1e-160, "below", "smaller"), (1e-300, "below", "smaller")]
    {
        let scaled = Matrix::new(values.iter().map(|v| v * factor).collect::<Vec<_>>(), 12);
        let error = measure(&scaled, &settings()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        assert_eq!(
            error.to_string(),
            format!(
                "activity: its variance is {word} what double precision has numbers for; give it in a {unit} unit"
            )
        );
    }
}

#[test]
fn activity_without_variance_has_no_dimension_at_any_size() {
    let row = normal(5, 7);
    for factor in [0.0, 1.0, 0.1, 1e-140, 1e140, 1e300] {
        // The sum of equal numbers rounds, and their mean must not.
        let constant: Vec<f64> = (0..23 * 7).map(|at| row[at % 7] * factor).collect();
        let (found, axes) = measure(&Matrix::new(constant.clone(), 7), &settings()).unwrap();
        assert_eq!((found.total_variance, axes.dimension), (0.0, 0), "{factor}");
        assert_eq!(found.participation, None, "{factor}");
        assert_eq!((found.two_nn, found.mle, found.coincident), (None, None, 22), "{factor}");
        let gram = Gram::of(&Matrix::new(constant.clone(), 7)).unwrap();
        assert!(gram.values().iter().all(|v| *v == 0.0), "{factor}");
        assert!(Leading::of(&gram, 0.99).is_err());
        let other = Gram::of(&Matrix::new(normal(6, 23 * 3), 3)).unwrap();
        for estimator in [Estimator::Biased, Estimator::Unbiased] {
            assert_eq!(cka(&gram, &other, estimator).unwrap(), None);
        }
    }
    // One column that varies among constant ones, and one alone.
    for power in [0, -465, 465] {
        let numbers = times(&normal(5, 30), power);
        let wide: Vec<f64> = (0..30 * 4)
            .map(|at| if at % 4 == 2 { numbers[at / 4] } else { 0.1 * 2f64.powi(power) })
            .collect();
        let (alone, _) = measure(&Matrix::new(numbers.clone(), 1), &settings()).unwrap();
        let (among, axes) = measure(&Matrix::new(wide, 4), &settings()).unwrap();
        assert_eq!((among.components, axes.dimension), ([Some(1); 3], 1));
        assert_eq!(among.total_variance, alone.total_variance);
        assert!((among.participation.unwrap().plain - 1.0).abs() < 1e-12);
        assert!(alone.two_nn.is_some() && among.two_nn.is_some());
    }
    let few = measure(&Matrix::new(vec![1.0, 2.0], 2), &settings()).unwrap_err();
    assert_eq!(few.kind(), ErrorKind::Data);
}

#[test]
fn alignment_of_kernels_and_canonical_correlations_do_not_depend_on_size() {
    const N: usize = 20;
    let (x, y) = (normal(1, N * 6), normal(2, N * 30));
    let y: Vec<f64> = y.iter().enumerate().map(|(at, v)| v + x[at / 30 * 6 + at % 6]).collect();
    let gram = |values: &[f64], units: usize, power: i32| {
        Gram::of(&Matrix::new(times(values, power), units)).unwrap()
    };
    let all = |a: &Gram, b: &Gram| {
        let leading = |gram: &Gram| Leading::of(gram, 0.99).unwrap();
        let found = [Estimator::Biased, Estimator::Unbiased].map(|how| cka(a, b, how).unwrap().unwrap());
        (found, mean_correlation(&leading(a), &leading(b)).unwrap())
    };
    let (a, b) = (gram(&x, 6, 0), gram(&y, 30, 0));
    let whole = all(&a, &b);
    for power in POWERS.into_iter().chain([-1000, 1000]) {
        assert_eq!(all(&gram(&x, 6, power), &b), whole, "{power}");
        assert_eq!(all(&gram(&x, 6, power), &gram(&y, 30, power)), whole, "{power}");
    }
    let dependence = |power: i32| hsic(&gram(&x, 6, power), &b, Estimator::Unbiased);
    assert_eq!(dependence(-330).unwrap(), dependence(0).unwrap() * 4f64.powi(-330));
    assert_eq!(
        dependence(600).unwrap_err().to_string(),
        "features: their dependence is above what double precision has numbers for; give them in a larger unit"
    );
}

#[test]
fn regressions_predict_the_same_at_every_size_of_features_and_of_responses() {
    const N: usize = 24;
    let (x, y) = (normal(1, N * 5), normal(2, N * 3));
    let y: Vec<f64> = y.iter().enumerate().map(|(at, v)| 0.3 * v + x[at / 3 * 5 + at % 3] + 1.0).collect();
    let pls = |scale: bool| PlsSettings { components: 3, scale, ..PlsSettings::default() };
    let predict = |a: i32, b: i32| {
        let (x, y) = (times(&x, a), times(&y, b));
        let penalties: Vec<f64> = [0.01, 1.0, 100.0].iter().map(|p| p * 4f64.powi(a)).collect();
        let ridge = RidgeSettings { penalties, folds: 4, choice: Choice::PerResponse };
        let ridge = Ridge::fit(&x, &y, N, &ridge).unwrap();
        let plain = Pls::fit(&x, &y, N, &pls(false)).unwrap();
        let scaled = Pls::fit(&x, &y, N, &pls(true)).unwrap();
        let found = [ridge.predict(&x), plain.predict(&x), scaled.predict(&x)];
        (found.map(|values| times(&values, -b)), plain.components(), scaled.components())
    };
    let whole = predict(0, 0);
    for power in POWERS {
        for (a, b) in [(power, 0), (0, power), (power, power), (power, -power)] {
            assert_eq!(predict(a, b), whole, "{a} {b}");
        }
    }
    // Features and responses that do not vary are predicted by their means.
    for power in [0, -465, 465] {
        let constant = times(&[0.1; N * 5], power);
        for (x, y) in [(&constant, &times(&y, power)), (&times(&x, power), &times(&[0.1; N * 3], power))] {
            let mean = |column: usize| y[column..].iter().step_by(3).sum::<f64>() / N as f64;
            let predicted = [
                Pls::fit(x, y, N, &pls(false)).unwrap().predict(x),
                Pls::fit(x, y, N, &pls(true)).unwrap().predict(x),
                Ridge::fit(x, y, N, &RidgeSettings::default()).unwrap().predict(x),
            ];
            for values in predicted {
                for (at, value) in values.iter().enumerate() {
                    assert!((value / mean(at % 3) - 1.0).abs() < 1e-9, "{power} {value}");
                }
            }
        }
    }
}

#[test]
fn dissimilarities_and_their_comparisons_scale_as_they_should() {
    const STIMULI: usize = 7;
    let (x, y) = (normal(1, STIMULI * 11), normal(2, STIMULI * 11));
    let of_y = |distance| rdm(&y, STIMULI, distance).unwrap();
    for (name, distance) in Distance::ALL {
        let whole = rdm(&x, STIMULI, distance).unwrap();
        let squared = !matches!(distance, Distance::Correlation | Distance::Cosine);
        for power in POWERS {
            let found = rdm(&times(&x, power), STIMULI, distance).unwrap();
            let back = if squared { 4f64.powi(-power) } else { 1.0 };
            let found: Vec<f64> = found.values().iter().map(|v| v * back).collect();
            assert_eq!(found, whole.values(), "{name} {power}");
        }
        // Each pattern has a size of its own where only its direction counts.
        if !squared {
            let mut mixed = x.clone();
            let sizes = [-465, 0, 300, -90, 465, 7, -300];
            for (row, power) in mixed.chunks_exact_mut(11).zip(sizes) {
                row.iter_mut().for_each(|v| *v *= 2f64.powi(power));
            }
            assert_eq!(rdm(&mixed, STIMULI, distance).unwrap(), whole, "{name}");
        }
    }
    let error = rdm(&times(&x, 515), STIMULI, Distance::Euclidean).unwrap_err();
    let expected = "patterns: a squared distance is above what double precision has numbers for; give them in a larger unit";
    assert_eq!(error.to_string(), expected);

    let presentations = normal(3, 3 * STIMULI * 11);
    let stimulus_of: Vec<usize> = (0..3 * STIMULI).map(|at| at % STIMULI).collect();
    let crossed = |power: i32| crossnobis(&times(&presentations, power), &stimulus_of, STIMULI);
    let whole = crossed(0).unwrap();
    for power in POWERS {
        let found: Vec<f64> =
            crossed(power).unwrap().values().iter().map(|v| v * 4f64.powi(-power)).collect();
        assert_eq!(found, whole.values(), "{power}");
    }
    assert_eq!(crossed(600).unwrap_err().to_string(), expected);

    let (a, b) = (of_y(Distance::Euclidean), rdm(&x, STIMULI, Distance::Euclidean).unwrap());
    let scaled = |rdm: &Rdm, power: i32| Rdm::new(STIMULI, times(rdm.values(), power)).unwrap();
    for (name, how) in Comparison::ALL {
        let whole = compare(&a, &b, how);
        let bounds = ceiling(&[a.clone(), b.clone()], how).unwrap();
        for power in POWERS.into_iter().chain([-900, 900]) {
            let small = scaled(&a, power);
            assert!((compare(&small, &b, how) - whole).abs() < 1e-12, "{name} {power}");
            assert!((compare(&small, &scaled(&b, power), how) - whole).abs() < 1e-12, "{name} {power}");
            let found = ceiling(&[small.clone(), scaled(&b, power)], how).unwrap();
            assert!((found.upper - bounds.upper).abs() < 1e-12 && (found.lower - bounds.lower).abs() < 1e-12);
            assert!(pooled(&[&small, &b], how).values().iter().all(|v| v.is_finite()));
        }
        let constant = scaled(&Rdm::new(STIMULI, vec![0.1; 21]).unwrap(), 0);
        let zero = Rdm::new(STIMULI, vec![0.0; 21]).unwrap();
        let centered =
            matches!(how, Comparison::Spearman | Comparison::Pearson | Comparison::WhitenedPearson);
        assert_eq!(compare(&constant, &b, how).is_nan(), centered, "{name}");
        assert_eq!(compare(&zero, &b, how).is_nan(), how != Comparison::KendallTauA, "{name}");
    }
    let (places, kept) = plane(&a);
    for power in [-900, -300, 300, 900] {
        let (found, same) = plane(&scaled(&a, power));
        assert_eq!(same, kept);
        let back = |v: f64| v * 2f64.powi(-power);
        assert!(found.iter().zip(&places).all(|(f, p)| (back(f.0), back(f.1)) == *p), "{power}");
    }
    assert_eq!(plane(&Rdm::new(STIMULI, vec![0.0; 21]).unwrap()).1, 0.0);
}

#[test]
fn reliability_and_predictivity_do_not_depend_on_size() {
    const STIMULI: usize = 30;
    let features = normal(1, STIMULI * 4);
    let noise = normal(2, 2 * STIMULI * 3);
    let value = |at: usize| features[at / 3 % STIMULI * 4 + at % 3] + 0.5 * noise[at] + 2.0;
    let presentations: Vec<f64> = (0..2 * STIMULI * 3).map(value).collect();
    let stimulus_of: Vec<usize> = (0..2 * STIMULI).map(|at| at % STIMULI).collect();
    let settings = PredictivitySettings {
        regression: Regression::Pls(PlsSettings { components: 3, ..PlsSettings::default() }),
        splits: 3,
        held_out: 0.2,
        halvings: 5,
    };
    let found = |a: i32, b: i32| {
        let presentations = times(&presentations, b);
        let responses =
            Responses { presentations: &presentations, stimulus_of: &stimulus_of, stimuli: STIMULI };
        let reliable = split_half(&responses, 5, Seed(0)).unwrap();
        (reliable, predictivity(&times(&features, a), &responses, &settings, Seed(0)).unwrap())
    };
    let whole = found(0, 0);
    assert!(whole.1.score.unwrap() > 0.3);
    for power in POWERS {
        assert_eq!(found(power, power), whole, "{power}");
        assert_eq!(found(power, -power), whole, "{power}");
    }
    // Units that are silent, or always say the same, are left out and counted.
    for number in [0.0, 0.1] {
        let silent: Vec<f64> =
            presentations.iter().enumerate().map(|(at, v)| if at % 3 == 1 { number } else { *v }).collect();
        let responses = Responses { presentations: &silent, stimulus_of: &stimulus_of, stimuli: STIMULI };
        let found = predictivity(&features, &responses, &settings, Seed(0)).unwrap();
        assert_eq!((found.scored, found.undefined), (2, 1), "{number}");
        assert!(found.score.unwrap().is_finite());
    }
}

#[test]
fn projections_scale_with_what_is_projected() {
    let projection = Projection::new(40, 9, Seed(1)).unwrap();
    let rows = normal(1, 5 * 40);
    let whole = projection.block(&rows).unwrap();
    for power in POWERS {
        assert_eq!(projection.block(&times(&rows, power)).unwrap(), times(&whole, power));
    }
}

/// One column, rows that repeat, columns that are constant or zero: finite numbers wherever there is a number.
#[test]
fn similarity_of_degenerate_features_is_finite_or_none() {
    const N: usize = 12;
    let (x, y) = (normal(1, N * 3), normal(2, N * 2));
    let repeated: Vec<f64> = (0..N * 3).map(|at| x[at % 6]).collect();
    let constant: Vec<f64> = (0..N * 3).map(|at| if at % 3 == 0 { x[at] } else { 0.1 }).collect();
    let single: Vec<f64> = x.iter().step_by(3).copied().collect();
    for (features, units) in [(repeated, 3), (constant, 3), (single, 1), (vec![0.0; N], 1)] {
        let varies = features.iter().any(|v| *v != 0.0);
        for power in [-465, 0, 465] {
            let features = times(&features, power);
            let a = Gram::of(&Matrix::new(features.clone(), units)).unwrap();
            let b = Gram::of(&Matrix::new(y.clone(), 2)).unwrap();
            for how in [Estimator::Biased, Estimator::Unbiased] {
                let found = cka(&a, &b, how).unwrap();
                assert!(found.is_none_or(f64::is_finite) && (varies || found.is_none()));
            }
            assert_eq!(Leading::of(&a, 0.99).is_ok(), varies);
            for scale in [false, true] {
                let settings = PlsSettings { components: 5, scale, ..PlsSettings::default() };
                let fitted = Pls::fit(&features, &y, N, &settings).unwrap();
                assert!(fitted.predict(&features).iter().all(|v| v.is_finite()));
                assert!(fitted.components() <= units);
            }
            let fitted = Ridge::fit(&features, &y, N, &RidgeSettings::default()).unwrap();
            assert!(fitted.predict(&features).iter().all(|v| v.is_finite()), "{units} {power}");
            let (found, _) = measure(&Matrix::new(features, units), &settings()).unwrap();
            assert!(found.participation.is_none_or(|p| p.plain.is_finite()));
        }
    }
}
