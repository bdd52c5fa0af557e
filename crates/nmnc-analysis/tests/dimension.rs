//! Dimension of known manifolds: against scikit-dimension, scikit-learn and closed forms.

use nmnc_analysis::dimension::{
    Absent, DimensionSettings, Dimensions, Matrix, Rows, components, measure, participation_ratio, shuffled,
    two_nn,
};
use nmnc_core::Seed;
use nmnc_testing::{Golden, assert_close, golden_path};
use serde_json::Value;

/// The formulas of `scripts/golden/dimension.py`: uniform numbers by SplitMix64 of a counter, normal ones by Box-Muller.
mod formulas {
    pub fn uniform(seed: u64, count: usize) -> Vec<f64> {
        let number = |i: u64| {
            let mut z = (seed << 32).wrapping_add(i).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            ((z >> 11) as f64 + 0.5) / 2f64.powi(53)
        };
        (0..count as u64).map(number).collect()
    }

    pub fn normal(seed: u64, count: usize) -> Vec<f64> {
        let pair = |u: &[f64]| (-2.0 * u[0].ln()).sqrt() * (std::f64::consts::TAU * u[1]).cos();
        uniform(seed, 2 * count).chunks_exact(2).map(pair).collect()
    }

    /// Latent coordinates, row-major, and their number.
    pub fn latent(manifold: &str, points: usize) -> (Vec<f64>, usize) {
        match manifold {
            "hyperplane" => (uniform(1, 5 * points), 5),
            "sphere" => {
                let unit = |x: &[f64]| {
                    let norm = x.iter().map(|v| v * v).sum::<f64>().sqrt();
                    x.iter().map(|v| v / norm).collect::<Vec<_>>()
                };
                (normal(2, 4 * points).chunks_exact(4).flat_map(unit).collect(), 4)
            }
            "swiss_roll" => {
                let place = |u: &[f64]| {
                    let t = 1.5 * std::f64::consts::PI * (1.0 + 2.0 * u[0]);
                    [t * t.cos(), 21.0 * u[1], t * t.sin()]
                };
                (uniform(3, 2 * points).chunks_exact(2).flat_map(place).collect(), 3)
            }
            "gaussian" => (gaussian(4, points), 10),
            other => panic!("{other}"),
        }
    }

    /// Variances 0.8^k, k = 0..9.
    pub fn gaussian(seed: u64, points: usize) -> Vec<f64> {
        let scale = |(i, z): (usize, f64)| z * 0.8f64.powi((i % 10) as i32).sqrt();
        normal(seed, 10 * points).into_iter().enumerate().map(scale).collect()
    }

    pub fn embed((latent, width): (Vec<f64>, usize), dimensions: usize, noise: bool) -> Vec<f64> {
        let size = dimensions as f64;
        let axis = |k: usize, i: usize| {
            (2.0 / size).sqrt() * (std::f64::consts::PI * (k + 1) as f64 * (i as f64 + 0.5) / size).cos()
        };
        let basis: Vec<f64> =
            (0..width * dimensions).map(|at| axis(at / dimensions, at % dimensions)).collect();
        let mut out: Vec<f64> = latent
            .chunks_exact(width)
            .flat_map(|z| {
                let basis = &basis;
                (0..dimensions)
                    .map(move |i| 1.0 + (0..width).map(|k| z[k] * basis[k * dimensions + i]).sum::<f64>())
            })
            .collect();
        if noise {
            let noise = normal(5, out.len());
            out.iter_mut().zip(noise).for_each(|(x, z)| *x += 0.02 / size.sqrt() * z);
        }
        out
    }
}

fn estimate(rows: &dyn Rows) -> Dimensions {
    measure(rows, &DimensionSettings { components: 12, ..DimensionSettings::default() }).unwrap().0
}

#[test]
fn estimates_are_those_of_scikit_dimension_and_near_the_truth() {
    let golden: Value =
        serde_json::from_str(&std::fs::read_to_string(golden_path("dimension.json")).unwrap()).unwrap();
    let points = golden["points"].as_u64().unwrap() as usize;
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 16);
    for case in cases {
        let manifold = case["manifold"].as_str().unwrap();
        let dimensions = case["dimensions"].as_u64().unwrap() as usize;
        let noise = case["noise"].as_bool().unwrap();
        let what = format!("{manifold} in {dimensions} dimensions, noise {noise}");
        let x = formulas::embed(formulas::latent(manifold, points), dimensions, noise);
        let first: Vec<f64> = case["first"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        assert_close(&format!("{what}: input"), &x[..3], &first, 1e-12);
        let found = estimate(&Matrix::new(x, dimensions));
        let theirs = |key: &str| case[key].as_f64().unwrap();
        let (two_nn, mle) = (found.two_nn.unwrap(), found.mle.unwrap());
        let ratio = found.participation.unwrap();
        assert_close(&format!("{what}: TwoNN"), &[two_nn.value], &[theirs("two_nn")], 1e-6);
        assert_close(&format!("{what}: MLE"), &[mle.value], &[theirs("mle")], 1e-6);
        assert_close(&format!("{what}: ratio"), &[ratio.plain], &[theirs("participation_ratio")], 1e-8);
        // 800 points see edges: both estimators are known to fall short of a high dimension.
        let (truth, tolerance) = match manifold {
            "hyperplane" => (5.0, 0.15),
            "sphere" => (3.0, 0.06),
            "swiss_roll" => (2.0, 0.07),
            _ => (10.0, 0.2),
        };
        for estimate in [two_nn, mle] {
            assert!((estimate.value / truth - 1.0).abs() < tolerance, "{what}: {estimate:?}");
            let [low, high] = estimate.interval;
            assert!(low < estimate.value && estimate.value < high && estimate.standard_error > 0.0);
        }
        // The noise is small against the latent variance, so that few components hold nearly all of it.
        let expected = match manifold {
            "hyperplane" => [5, 5, 5],
            "sphere" => [4, 4, 4],
            "swiss_roll" => [3, 3, 3],
            _ => found.components.map(|c| c.unwrap().min(10)),
        };
        assert_eq!(found.components, expected.map(Some), "{what}");
    }
}

#[test]
fn the_corrected_participation_ratio_is_right_on_few_samples_where_the_plain_one_is_not() {
    let variances: Vec<f64> = (0..10).map(|k| 0.8f64.powi(k)).collect();
    let truth = variances.iter().sum::<f64>().powi(2) / variances.iter().map(|v| v * v).sum::<f64>();
    const SAMPLES: usize = 25;
    const REPETITIONS: usize = 400;
    let (mut plain, mut corrected) = (Vec::new(), Vec::new());
    for repetition in 0..REPETITIONS {
        let x = formulas::embed((formulas::gaussian(100 + repetition as u64, SAMPLES), 10), 50, false);
        let ratio = estimate(&Matrix::new(x, 50)).participation.unwrap();
        assert_eq!(ratio.samples, SAMPLES);
        plain.push(ratio.plain);
        corrected.push(ratio.corrected.unwrap());
    }
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    // The plain ratio of m samples tends to PR / (1 + PR / m); the corrected one has a bias of order 1/m left.
    assert!((mean(&plain) / (truth / (1.0 + truth / SAMPLES as f64)) - 1.0).abs() < 0.05, "{}", mean(&plain));
    assert!((mean(&corrected) / truth - 1.0).abs() < 0.05, "{} {truth}", mean(&corrected));
}

#[test]
fn the_standard_error_is_the_spread_over_fresh_samples() {
    const POINTS: usize = 400;
    let estimates: Vec<Dimensions> =
        (0..40).map(|seed| estimate(&Matrix::new(formulas::uniform(1000 + seed, 3 * POINTS), 3))).collect();
    for (name, of) in [
        (
            "TwoNN",
            (|d: &Dimensions| d.two_nn.unwrap()) as fn(&Dimensions) -> nmnc_analysis::dimension::Estimate,
        ),
        ("MLE", |d: &Dimensions| d.mle.unwrap()),
    ] {
        let values: Vec<f64> = estimates.iter().map(|d| of(d).value).collect();
        let mean = values.iter().sum::<f64>() / 40.0;
        let spread = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 39.0).sqrt();
        let claimed = estimates.iter().map(|d| of(d).standard_error).sum::<f64>() / 40.0;
        // The spread of 40 is itself known to 11 %.
        assert!((0.65..1.5).contains(&(claimed / spread)), "{name}: claimed {claimed}, spread {spread}");
    }
}

#[test]
fn components_by_blocks_are_those_of_scikit_learn() {
    let golden = Golden::read("pca.safetensors");
    for case in ["tall", "wide"] {
        let units = golden.shape(&format!("{case}.x"))[1];
        let rows = Matrix::new(golden.numbers(&format!("{case}.x")).to_vec(), units);
        let found = components(&rows, 10, Seed(0)).unwrap();
        let expected = golden.numbers(&format!("{case}.explained_variance"));
        let known = found.variances.len();
        assert!(found.complete && found.dimension == 10 && known >= expected.len() - 1, "{case} {known}");
        assert_close(case, &found.variances, &expected[..known], 1e-9);
        let axes = golden.numbers(&format!("{case}.components"));
        for (k, axis) in axes.chunks_exact(units).enumerate() {
            let overlap: f64 =
                axis.iter().enumerate().map(|(i, a)| a * f64::from(found.basis[i * 10 + k])).sum();
            assert!((overlap.abs() - 1.0).abs() < 1e-5, "{case} axis {k}: {overlap}");
        }
    }
}

#[test]
fn components_of_large_activity_come_from_the_range_finder() {
    // Both sides above 2048; five latent directions along orthonormal axes keep their own spectrum.
    let latent = formulas::uniform(6, 5 * 2100);
    let scaled: Vec<f64> = latent.iter().enumerate().map(|(i, z)| z * (1 + i % 5) as f64).collect();
    let small = components(&Matrix::new(scaled.clone(), 5), 5, Seed(0)).unwrap();
    let rows = Matrix::new(formulas::embed((scaled, 5), 2200, false), 2200);
    let found = components(&rows, 8, Seed(0)).unwrap();
    assert!(!found.complete && found.dimension == 5, "{found:?}");
    assert_close("variances", &found.variances[..5], &small.variances, 1e-5);
    assert_close("total", &[found.total_variance], &[small.total_variance], 1e-9);
    assert_eq!(found.explaining(0.999), Some(5));
    for k in 0..5 {
        for l in 0..=k {
            let product: f64 =
                found.basis.chunks_exact(5).map(|row| f64::from(row[k]) * f64::from(row[l])).sum();
            let expected = if k == l { 1.0 } else { 0.0 };
            assert!((product - expected).abs() < 1e-4, "{k} {l} {product}");
        }
    }
}

#[test]
fn shuffling_keeps_every_unit_and_destroys_correlations() {
    let x = formulas::embed((formulas::gaussian(7, 600), 10), 20, false);
    let rows = Matrix::new(x.clone(), 20);
    let mixed = shuffled(&rows, Seed(1));
    let mut row = vec![0.0; 20];
    let mut columns = vec![Vec::new(); 20];
    for sample in 0..600 {
        mixed.row(sample, 0..20, &mut row);
        columns.iter_mut().zip(&row).for_each(|(c, &v)| c.push(v));
    }
    for (unit, column) in columns.iter_mut().enumerate() {
        let mut own: Vec<f64> = (0..600).map(|s| f64::from(x[s * 20 + unit] as f32)).collect();
        own.sort_by(f64::total_cmp);
        column.sort_by(f64::total_cmp);
        assert_eq!(*column, own, "unit {unit}");
    }
    // Ten latent directions in twenty units: without correlations all twenty are needed.
    let before = estimate(&rows).participation.unwrap().plain;
    let after = estimate(&mixed).participation.unwrap().plain;
    assert!(before < 8.0 && after > 15.0, "{before} {after}");
}

#[test]
fn degenerate_activity_is_named_or_left_without_an_estimate() {
    let message = |rows: &dyn Rows| measure(rows, &DimensionSettings::default()).unwrap_err().to_string();
    assert_eq!(
        message(&Matrix::new(vec![0.0, 1.0, f64::NAN, 2.0], 2)),
        "activity: sample 1, unit 0 is not finite; leave out such samples or units"
    );
    assert_eq!(
        message(&Matrix::new(vec![0.0, 1.0], 2)),
        "activity: has shape [1, 2]; give at least 2 samples of at least 1 unit"
    );
    let settings = DimensionSettings { neighbors: 2, ..DimensionSettings::default() };
    let error = measure(&Matrix::new(vec![0.0; 8], 2), &settings).unwrap_err().to_string();
    assert_eq!(error, "neighbors: 2 neighbors are too few; use at least 3");
    // Constant activity: no variance, and every point in the same place.
    let constant = estimate(&Matrix::new(vec![0.5; 200], 4));
    assert_eq!((constant.total_variance, constant.components), (0.0, [None; 3]));
    assert_eq!((constant.participation, constant.two_nn, constant.coincident), (None, None, 49));
    let one_place = "all points lie in one place, where 20 are needed";
    assert_eq!(
        constant.notes,
        [format!("no TwoNN: {one_place}"), format!("no maximum-likelihood dimension: {one_place}")]
    );
    // As many neighbors as points.
    let few = Matrix::new(formulas::uniform(8, 21 * 2), 2);
    let settings = DimensionSettings { neighbors: 21, ..DimensionSettings::default() };
    let found = measure(&few, &settings).unwrap().0;
    assert_eq!((found.two_nn.is_some(), found.mle), (true, None));
    let expected = "no maximum-likelihood dimension: 21 neighbors in halves of the points need 44 in different places, and there \
                    are 21";
    assert_eq!(found.notes, [expected]);
    let three = estimate(&Matrix::new(formulas::uniform(8, 3 * 2), 2));
    assert_eq!(three.notes[0], "no corrected participation ratio: 3 samples, where four are needed");
}

#[test]
fn copies_of_points_change_no_estimate_from_neighbors() {
    let once = formulas::uniform(8, 300 * 2);
    let single = estimate(&Matrix::new(once.clone(), 2));
    assert_eq!(single.notes, [""; 0]);
    for copies in [2, 30] {
        let many: Vec<f64> = once.chunks_exact(2).flat_map(|p| p.repeat(copies)).collect();
        let found = estimate(&Matrix::new(many, 2));
        assert_eq!((found.points, found.coincident), (300 * copies, 300 * (copies - 1)));
        for (a, b) in [(single.two_nn, found.two_nn), (single.mle, found.mle)] {
            let (a, b) = (a.unwrap(), b.unwrap());
            assert!((a.value / b.value - 1.0).abs() < 1e-9, "{copies} {a:?} {b:?}");
            assert!((a.standard_error / b.standard_error - 1.0).abs() < 1e-6, "{copies} {a:?} {b:?}");
        }
    }
}

#[test]
fn distances_that_are_equal_but_for_rounding_are_ties() {
    let golden: Value =
        serde_json::from_str(&std::fs::read_to_string(golden_path("ties.json")).unwrap()).unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let number = |key: &str| case[key].as_u64().unwrap() as usize;
        let (levels, axes, points) = (number("levels") as f64, number("axes"), number("points"));
        let whole: Vec<f64> = formulas::uniform(number("seed") as u64, points * axes)
            .into_iter()
            .map(|u| (u * levels).floor())
            .collect();
        // Steps of a tenth have no exact numbers, and in single precision far rougher ones than in double.
        let tenths: Vec<f64> = whole.iter().map(|k| 0.3 + 0.1 * k).collect();
        let single: Vec<f32> = tenths.iter().map(|&v| v as f32).collect();
        let distinct = points - number("coincident");
        let tied = format!("{} of {distinct} points are equally far", number("tied"));
        for found in [
            estimate(&Matrix::new(whole, axes)),
            estimate(&Matrix::new(tenths, axes)),
            estimate(&Matrix::new(single, axes)),
        ] {
            assert_eq!(found.coincident, number("coincident"), "{case}");
            assert_close(
                &format!("{case}"),
                &[found.mle.unwrap().value],
                &[case["mle"].as_f64().unwrap()],
                1e-5,
            );
            let said = found.notes.iter().filter(|note| note.contains(&tied)).count();
            if 2 * number("tied") > distinct {
                assert_eq!(found.two_nn, None, "{case}");
                assert!(
                    found.notes[0].starts_with("no TwoNN: the nearest 2 neighbors of"),
                    "{:?}",
                    found.notes
                );
                assert_eq!(said, 1, "{:?}", found.notes);
            } else {
                let expected = case["two_nn"].as_f64().unwrap();
                assert_close(&format!("{case}"), &[found.two_nn.unwrap().value], &[expected], 1e-5);
                assert_eq!(said, usize::from(20 * number("tied") > distinct), "{:?}", found.notes);
            }
        }
    }
    // Codes of one in many: all distances are the same, and neither estimate has anything to go by.
    let codes: Vec<f64> = (0..60 * 60).map(|at| if at / 60 == at % 60 { 0.1 } else { 0.7 }).collect();
    let found = estimate(&Matrix::new(codes, 60));
    assert_eq!((found.two_nn, found.mle), (None, None));
    assert!(
        found.notes.iter().all(|note| note.contains("of 60 of 60 points are equally far")),
        "{:?}",
        found.notes
    );
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let x = formulas::embed(formulas::latent("gaussian", 300), 70, true);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (found, axes) = measure(&Matrix::new(x.clone(), 70), &DimensionSettings::default()).unwrap();
            (found, axes.basis, axes.variances)
        })
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn what_is_measured_alone_is_what_is_measured_with_the_rest() {
    for units in [30, 300] {
        let rows = Matrix::new(formulas::normal(9, 100 * units), units);
        let (all, _) = measure(&rows, &DimensionSettings::default()).unwrap();
        assert_eq!(two_nn(&rows, 10_000, Seed(0)).unwrap().ok(), all.two_nn);
        let (alone, expected) = (participation_ratio(&rows).unwrap().unwrap(), all.participation.unwrap());
        assert!((alone.plain / expected.plain - 1.0).abs() < 1e-9);
        assert!((alone.corrected.unwrap() / expected.corrected.unwrap() - 1.0).abs() < 1e-9);
    }
    let constant = Matrix::new(vec![0.1; 40], 4);
    assert_eq!(
        (participation_ratio(&constant).unwrap(), two_nn(&constant, 10, Seed(0)).unwrap()),
        (None, Err(Absent::Points { distinct: 1, needed: 20 }))
    );
}
