//! Similarity of representations: against scikit-learn, formulas in numpy, and what must not change them.

use nmnc_analysis::dimension::Matrix;
use nmnc_analysis::similarity::{
    Choice, Estimator, Gram, Leading, Pls, PlsSettings, PredictivitySettings, Projection, Regression,
    Responses, Ridge, RidgeSettings, canonical_correlations, cka, folds, mean_correlation, predictivity,
    predictivity_between, split_half,
};
use nmnc_core::{ErrorKind, Seed, seed::Role};
use nmnc_testing::{Golden, assert_close};

const GOLDEN: &str = "similarity.safetensors";

/// `count` standard normal numbers.
fn normal(seed: u64, count: usize) -> Vec<f64> {
    let mut values = vec![0.0f32; count];
    Seed(seed).stream(Role::Analysis, 0, 0).fill_normal(&mut values);
    values.into_iter().map(f64::from).collect()
}

fn rows(golden: &Golden, name: &str) -> usize {
    golden.shape(name)[0]
}

#[test]
fn partial_least_squares_predicts_as_scikit_learn() {
    let golden = Golden::read(GOLDEN);
    let names = golden.cases("pls.");
    assert_eq!(names.len(), 12);
    for name in names {
        let case = golden.case(name);
        let settings = PlsSettings {
            components: case["components"].as_u64().unwrap() as usize,
            scale: case["scale"].as_bool().unwrap(),
            ..PlsSettings::default()
        };
        let (x, y) = (golden.numbers(&format!("{name}.x")), golden.numbers(&format!("{name}.y")));
        let fitted = Pls::fit(x, y, rows(&golden, &format!("{name}.x")), &settings).unwrap();
        let found = fitted.predict(golden.numbers(&format!("{name}.test")));
        assert_close(name, &found, golden.numbers(&format!("{name}.expected")), 1e-8);
        let rank = case["rank"].as_u64().unwrap() as usize;
        assert_eq!(fitted.components(), settings.components.min(rank), "{name}");
        assert_eq!(fitted.unconverged(), 0, "{name}");
    }
}

#[test]
fn ridge_predicts_and_chooses_penalties_as_scikit_learn() {
    let golden = Golden::read(GOLDEN);
    let names = golden.cases("ridge.");
    assert_eq!(names.len(), 3);
    for name in names {
        let case = golden.case(name);
        let (x, y) = (golden.numbers(&format!("{name}.x")), golden.numbers(&format!("{name}.y")));
        let test = golden.numbers(&format!("{name}.test"));
        let samples = rows(&golden, &format!("{name}.x"));
        let units = y.len() / samples;
        let list = |value: &serde_json::Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
        };
        let penalties = list(&case["penalties"]);
        for (at, &penalty) in penalties.iter().enumerate() {
            let fitted = Ridge::with_penalties(x, y, samples, &vec![penalty; units]).unwrap();
            let expected = golden.numbers(&format!("{name}.expected.{at}"));
            assert_close(&format!("{name}, penalty {penalty}"), &fitted.predict(test), expected, 1e-9);
        }
        let folds = case["folds"].as_u64().unwrap() as usize;
        let choose = |choice| {
            let settings = RidgeSettings { penalties: penalties.clone(), folds, choice };
            Ridge::fit(x, y, samples, &settings).unwrap()
        };
        let shared = case["shared"].as_f64().unwrap();
        assert_eq!(choose(Choice::Shared).penalties(), vec![shared; units], "{name}");
        let each = choose(Choice::PerResponse);
        assert_eq!(each.penalties(), list(&case["each"]), "{name}");
        // What is fitted is what was chosen.
        let again = Ridge::with_penalties(x, y, samples, each.penalties()).unwrap();
        assert_eq!(each.predict(test), again.predict(test));
    }
}

#[test]
fn folds_cover_every_sample_once() {
    assert_eq!(folds(11, 4), [0..3, 3..6, 6..9, 9..11]);
}

#[test]
fn regressions_say_what_is_wrong_with_their_input() {
    let settings = PlsSettings::default();
    let x = normal(1, 20);
    let cases = [
        (
            Pls::fit(&x[..2], &x[..2], 1, &settings).map(|_| ()),
            "samples: 1 to fit; a regression needs at least two",
        ),
        (
            Pls::fit(&x, &x[..7], 10, &settings).map(|_| ()),
            "responses: 7 numbers for 10 samples; give the same number for every sample",
        ),
        (
            Pls::fit(&[&x[..3], &[f64::NAN], &x[4..]].concat(), &x[..10], 10, &settings).map(|_| ()),
            "features: row 1, column 1 is not finite; leave out such columns",
        ),
        (
            Ridge::with_penalties(&x, &x[..10], 10, &[0.0]).map(|_| ()),
            "penalties: none, or one that is not above 0; give finite numbers above 0, such as 0.01, 1, 100",
        ),
        (
            Ridge::fit(&x, &x[..10], 10, &RidgeSettings { folds: 6, ..Default::default() }).map(|_| ()),
            "folds: 6 folds of 10 samples; use at least two folds of at least two samples",
        ),
    ];
    for (result, expected) in cases {
        assert_eq!(result.unwrap_err().to_string(), expected);
    }
}

fn gram(values: &[f64], features: usize) -> Gram {
    Gram::of(&Matrix::new(values.to_vec(), features)).unwrap()
}

#[test]
fn alignment_and_canonical_correlation_are_those_of_their_formulas() {
    let golden = Golden::read(GOLDEN);
    let names = golden.cases("alignment.");
    assert_eq!(names.len(), 3);
    for name in names {
        let case = golden.case(name);
        let width = |i: usize| case["features"][i].as_u64().unwrap() as usize;
        let a = gram(golden.numbers(&format!("{name}.x")), width(0));
        let b = gram(golden.numbers(&format!("{name}.y")), width(1));
        let close = |what: &str, found: f64, expected: &serde_json::Value| {
            assert!((found - expected.as_f64().unwrap()).abs() < 1e-10, "{name} {what}: {found} {expected}");
        };
        close("biased", cka(&a, &b, Estimator::Biased).unwrap().unwrap(), &case["biased"]);
        close("unbiased", cka(&a, &b, Estimator::Unbiased).unwrap().unwrap(), &case["unbiased"]);
        let (left, right) = (Leading::of(&a, 0.99).unwrap(), Leading::of(&b, 0.99).unwrap());
        close("svcca", mean_correlation(&left, &right).unwrap(), &case["svcca"]);
        assert_eq!(
            [left.kept(), right.kept()].map(|k| k as u64),
            [0, 1].map(|i| case["kept"][i].as_u64().unwrap())
        );
    }
}

/// `values` `[rows, width]` times `[width, width]`.
fn times(values: &[f64], matrix: &[f64], width: usize) -> Vec<f64> {
    let entry = |row: &[f64], column: usize| (0..width).map(|k| row[k] * matrix[k * width + column]).sum();
    values
        .chunks(width)
        .flat_map(|row| (0..width).map(move |c| entry(row, c)).collect::<Vec<f64>>())
        .collect()
}

/// A product of reflections.
fn orthogonal(width: usize) -> Vec<f64> {
    let mut out: Vec<f64> = (0..width * width).map(|at| f64::from(at / width == at % width)).collect();
    for seed in 0..4 {
        let v = normal(50 + seed, width);
        let square: f64 = v.iter().map(|x| x * x).sum();
        let reflection: Vec<f64> = (0..width * width)
            .map(|at| f64::from(at / width == at % width) - 2.0 * v[at / width] * v[at % width] / square)
            .collect();
        out = times(&out, &reflection, width);
    }
    out
}

#[test]
fn alignment_ignores_rotation_scale_and_shift_and_canonical_correlation_any_linear_map() {
    let (samples, width) = (50, 6);
    let (x, noise) = (normal(3, samples * width), normal(4, samples * width));
    let y: Vec<f64> =
        x.iter().zip(&noise).enumerate().map(|(i, (a, b))| a + b * (1 + i % width) as f64).collect();
    let moved = |values: Vec<f64>| values.into_iter().map(|v| -3.5 * v + 40.0).collect::<Vec<f64>>();
    let rotated = moved(times(&y, &orthogonal(width), width));
    let sheared = moved(times(&y, &normal(5, width * width), width));
    let [a, b, rotated, sheared] = [&x, &y, &rotated, &sheared].map(|values| gram(values, width));
    for estimator in [Estimator::Biased, Estimator::Unbiased] {
        let value = |g: &Gram| cka(&a, g, estimator).unwrap().unwrap();
        assert!((value(&b) - value(&rotated)).abs() < 1e-12);
        // Alignment weighs directions by their variance, so a shear must change it.
        assert!((value(&b) - value(&sheared)).abs() > 1e-3);
        assert!((cka(&b, &rotated, estimator).unwrap().unwrap() - 1.0).abs() < 1e-12);
    }
    let all = |g: &Gram| {
        canonical_correlations(&Leading::of(&a, 1.0).unwrap(), &Leading::of(g, 1.0).unwrap()).unwrap()
    };
    assert_close("sheared", &all(&sheared), &all(&b), 1e-8);
    assert_eq!(all(&b).len(), width);
}

#[test]
fn the_unbiased_alignment_of_independent_features_is_zero_in_the_mean_and_the_biased_is_not() {
    let (samples, width, draws) = (20, 60, 200);
    let mut sums = [0.0; 2];
    let mut square = 0.0;
    for draw in 0..draws {
        let a = gram(&normal(1000 + draw, samples * width), width);
        let b = gram(&normal(2000 + draw, samples * width), width);
        let values = [Estimator::Biased, Estimator::Unbiased].map(|e| cka(&a, &b, e).unwrap().unwrap());
        sums.iter_mut().zip(values).for_each(|(s, v)| *s += v);
        square += values[1] * values[1];
    }
    let [biased, unbiased] = sums.map(|s| s / draws as f64);
    let error = (square / draws as f64 / draws as f64).sqrt();
    assert!(unbiased.abs() < 4.0 * error, "{unbiased} ± {error}");
    assert!(biased > 0.6, "{biased}");
}

#[test]
fn alignment_of_features_that_do_not_vary_is_undefined_and_wrong_sizes_are_named() {
    let constant = gram(&[2.0; 30], 3);
    let other = gram(&normal(6, 30), 3);
    assert_eq!(cka(&constant, &other, Estimator::Biased).unwrap(), None);
    let error = Leading::of(&constant, 0.99).unwrap_err();
    assert_eq!(error.to_string(), "features: do not vary; give features that differ between samples");
    let few = gram(&normal(6, 9), 3);
    let error = cka(&few, &few, Estimator::Unbiased).unwrap_err();
    assert_eq!(error.to_string(), "samples: 3 for an unbiased estimate; give at least four, better hundreds");
    let error = cka(&few, &other, Estimator::Biased).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert_eq!(
        error.to_string(),
        "samples: 3 of one representation and 10 of the other; show both the same samples"
    );
}

/// `[stimuli, units]` responses to known features with noise of variance `noise` a presentation, `repetitions` times.
struct Recorded {
    features: Vec<f64>,
    presentations: Vec<f64>,
    stimulus_of: Vec<usize>,
    stimuli: usize,
}

impl Recorded {
    fn new(stimuli: usize, width: usize, units: usize, repetitions: usize, noise: f64) -> Self {
        let features = normal(11, stimuli * width);
        let weights = normal(12, width * units);
        let noises = normal(13, stimuli * repetitions * units);
        let scale = 1.0 / (width as f64).sqrt();
        let signal = |stimulus: usize, unit: usize| -> f64 {
            (0..width).map(|k| features[stimulus * width + k] * weights[k * units + unit]).sum::<f64>()
                * scale
        };
        let shown = stimuli * repetitions;
        let presentations = (0..shown * units)
            .map(|at| signal(at / units % stimuli, at % units) + noise.sqrt() * noises[at] + 4.0)
            .collect();
        Self { presentations, stimulus_of: (0..shown).map(|at| at % stimuli).collect(), stimuli, features }
    }

    fn responses(&self) -> Responses<'_> {
        Responses {
            presentations: &self.presentations,
            stimulus_of: &self.stimulus_of,
            stimuli: self.stimuli,
        }
    }
}

fn regressions() -> [PredictivitySettings; 2] {
    [
        Regression::Pls(PlsSettings { components: 10, ..PlsSettings::default() }),
        Regression::Ridge(RidgeSettings::default()),
    ]
    .map(|regression| PredictivitySettings { regression, halvings: 20, ..Default::default() })
}

/// A unit's mean over k presentations of signal variance S and noise variance N has reliability S / (S + N / k).
#[test]
fn split_half_reliability_follows_its_law() {
    let (stimuli, units) = (1500, 40);
    for (repetitions, noise) in [(2, 1.0), (5, 3.0), (8, 0.25)] {
        let recorded = Recorded::new(stimuli, 12, units, repetitions, noise);
        let found = split_half(&recorded.responses(), 10, Seed(3)).unwrap();
        let silent = Recorded::new(stimuli, 12, units, 1, 0.0);
        // Of an odd number of presentations one is left out.
        let used = (repetitions / 2 * 2) as f64;
        for (unit, found) in found.into_iter().enumerate() {
            let column: Vec<f64> = silent.presentations[unit..].iter().step_by(units).copied().collect();
            let mean = column.iter().sum::<f64>() / stimuli as f64;
            let signal = column.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / stimuli as f64;
            let expected = signal / (signal + noise / used);
            let found = found.unwrap();
            assert!(
                (found - expected).abs() < 0.06,
                "{repetitions} times, unit {unit}: {found}, not {expected}"
            );
        }
    }
}

/// Features that determine the signal explain all of it, however noisy; unrelated ones nothing.
#[test]
fn the_corrected_score_of_the_true_features_is_one_and_of_others_zero() {
    let recorded = Recorded::new(1200, 10, 30, 4, 2.0);
    let other = normal(90, 1200 * 10);
    for settings in regressions() {
        let own = predictivity(&recorded.features, &recorded.responses(), &settings, Seed(1)).unwrap();
        let score = own.score.unwrap();
        assert!((score - 1.0).abs() < 0.05, "{settings:?}: {score}");
        assert!(own.median_r.unwrap().powi(2) < 0.75, "uncorrected, noise limits it");
        assert_eq!((own.scored, own.unrecorded, own.undefined, own.unreliable), (30, 0, 0, 0));
        assert_eq!(own.splits.len(), 10);
        let error = own.standard_error.unwrap();
        assert!(error > 0.0 && error < 0.1, "{error}");
        let none = predictivity(&other, &recorded.responses(), &settings, Seed(1)).unwrap();
        assert!(none.score.unwrap().abs() < 0.02, "{:?}", none.score);
        // Declared halves give the same picture.
        let halves: Vec<usize> = (0..1200).collect();
        let between = predictivity_between(
            &recorded.features,
            &recorded.responses(),
            &halves[..600],
            &halves[600..],
            &settings,
            Seed(1),
        )
        .unwrap();
        assert!((between.score.unwrap() - 1.0).abs() < 0.05 && between.standard_error.is_none());
    }
}

#[test]
fn units_that_cannot_be_scored_are_counted_and_without_repetitions_there_is_no_ceiling() {
    let units = 6;
    let mut recorded = Recorded::new(80, 4, units, 2, 0.3);
    for (at, value) in recorded.presentations.iter_mut().enumerate() {
        match at % units {
            // Never varies; never recorded for one stimulus; pure noise that is opposite in the two presentations.
            0 => *value = 7.0,
            1 if at / units % 80 == 17 => *value = f64::NAN,
            2 => {
                *value = if at / units < 80 {
                    (at as f64).sin()
                } else {
                    -((at - 80 * units) as f64).sin() + 1e-3 * *value
                }
            }
            _ => {}
        }
    }
    let settings = &regressions()[0];
    let found = predictivity(&recorded.features, &recorded.responses(), settings, Seed(2)).unwrap();
    assert_eq!(
        (found.scored, found.unrecorded, found.undefined, found.unreliable),
        (3, 1, 1, 1),
        "{found:?}"
    );
    assert_eq!((found.units[0].r, found.units[0].ceiling, found.units[1].r), (None, None, None));
    assert!(found.ceiling.is_some());
    let once = Recorded::new(80, 4, units, 1, 0.3);
    let found = predictivity(&once.features, &once.responses(), settings, Seed(2)).unwrap();
    let r = found.median_r.unwrap();
    assert_eq!((found.ceiling, found.score, found.unreliable), (None, Some(r * r), 0));
}

#[test]
fn predictivity_says_what_is_wrong_with_its_input() {
    let recorded = Recorded::new(20, 4, 3, 1, 0.1);
    let settings = &regressions()[0];
    let run = |features: &[f64], responses: &Responses, settings: &PredictivitySettings| {
        predictivity(features, responses, settings, Seed(0)).unwrap_err().to_string()
    };
    assert_eq!(
        run(&recorded.features, &recorded.responses(), settings),
        "stimuli: 18 to fit and 2 to score; at least two and three are needed: hold out a larger share, or show more stimuli"
    );
    let larger = &PredictivitySettings { held_out: 0.2, ..settings.clone() };
    assert_eq!(
        run(&recorded.features[..77], &recorded.responses(), larger),
        "features: 77 features and 60 responses of 20 stimuli; give one row for every stimulus of the recordings"
    );
    let unseen = Responses { stimuli: 21, ..recorded.responses() };
    assert_eq!(
        run(&recorded.features, &unseen, larger),
        "recordings: stimulus 20 was never shown; leave it out of the stimuli"
    );
    let twice = predictivity_between(
        &recorded.features,
        &recorded.responses(),
        &[0, 1, 2],
        &[2, 3, 4],
        larger,
        Seed(0),
    );
    assert_eq!(
        twice.unwrap_err().to_string(),
        "split: stimulus 2 is used twice; fit and score on different stimuli"
    );
}

/// Squared lengths are kept in the mean, with the variance of Li, Hastie and Church (2006).
#[test]
fn random_projections_keep_squared_lengths_with_the_variance_of_their_law() {
    let (features, components, draws) = (400, 12, 4000);
    let x = normal(21, features);
    let square: f64 = x.iter().map(|v| v * v).sum();
    let fourth: f64 = x.iter().map(|v| v.powi(4)).sum();
    let s = (features as f64).sqrt();
    let variance = (2.0 * square * square + (s - 3.0) * fourth) / components as f64;
    let (mut sum, mut squares, mut entries) = (0.0, 0.0, 0);
    for draw in 0..draws {
        let projection = Projection::new(features, components, Seed(draw)).unwrap();
        let length: f64 = projection.block(&x).unwrap().iter().map(|v| v * v).sum();
        (sum, squares) = (sum + length, squares + (length - square).powi(2));
        entries += projection.entries();
    }
    let count = draws as f64;
    assert!((sum / count - square).abs() < 4.0 * (variance / count).sqrt());
    let found = squares / count;
    // The distribution of squares is skewed: four standard errors of a chi-squared with `components` degrees, doubled.
    assert!((found / variance - 1.0).abs() < 8.0 * (2.0 / count).sqrt() * 1.5, "{found} {variance}");
    let expected = count * components as f64 * s;
    assert!((entries as f64 - expected).abs() < 4.0 * expected.sqrt(), "{entries} {expected}");
}

#[test]
fn random_projections_are_linear_and_do_not_depend_on_blocks_or_threads() {
    let (samples, features, components) = (9, 700_000, 5);
    let values: Vec<f32> =
        (0..samples * features).map(|at| ((at * 7919 % 1013) as f32 - 506.0) / 100.0).collect();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let projection = Projection::new(features, components, Seed(5)).unwrap();
            let streamed = projection.project(&Matrix::new(values.clone(), features)).unwrap();
            assert_eq!(streamed, projection.block(&values).unwrap());
            let doubled: Vec<f64> = values.iter().map(|v| 2.0 * f64::from(*v)).collect();
            assert_eq!(
                projection.block(&doubled).unwrap(),
                streamed.iter().map(|v| 2.0 * v).collect::<Vec<_>>()
            );
            streamed
        })
    };
    assert_eq!(run(1), run(3));
    let error = Projection::new(5, 3, Seed(0)).unwrap().project(&Matrix::new(vec![0.0; 8], 4)).unwrap_err();
    assert_eq!(error.to_string(), "features: 4 instead of 5; draw a projection for this number");
}

#[test]
fn measures_do_not_depend_on_the_number_of_threads() {
    let recorded = Recorded::new(150, 70, 20, 2, 0.5);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let scores = regressions()
                .map(|s| predictivity(&recorded.features, &recorded.responses(), &s, Seed(4)).unwrap());
            let (a, b) = (gram(&recorded.features, 70), gram(&recorded.presentations[..150 * 20], 20));
            let aligned = cka(&a, &b, Estimator::Unbiased).unwrap();
            let (a, b) = (Leading::of(&a, 0.99).unwrap(), Leading::of(&b, 0.99).unwrap());
            (scores, aligned, mean_correlation(&a, &b).unwrap())
        })
    };
    assert_eq!(run(1), run(4));
}
