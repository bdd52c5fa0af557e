//! Similarity of representations: against scikit-learn, formulas in numpy, and what must not change them.

mod common;

use common::{Golden, assert_close};
use nmnc::dimension::Matrix;
use nmnc::similarity::{
    Choice, Estimator, Gram, Leading, Pls, PlsSettings, Ridge, RidgeSettings, canonical_correlations, cka,
    folds, mean_correlation,
};
use nmnc::{ErrorKind, Seed, seed::Role};

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
