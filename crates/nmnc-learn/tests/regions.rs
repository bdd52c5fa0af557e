//! Feedback by region, with plain closures: against ridge regression on stacked features, against a function whose Jacobian differs by
//! region, and against the estimator that knows no regions.

use burn::tensor::{DType, Device, Tensor, TensorData};
use nmnc_core::Seed;
use nmnc_core::device::selected;
use nmnc_core::linalg::solve_definite;
use nmnc_core::seed::Role;
use nmnc_learn::estimator::{
    Covariance, FeedbackForm, JacobianEstimator, JacobianSettings, Learning, Observing, Probing,
    RegionalEstimator,
};
use nmnc_learn::manifold::{Dimension, Dimensions, ManifoldConfig};
use nmnc_learn::workers::Share;
use nmnc_testing::{assert_close, values};

const OUTPUTS: usize = 3;
const UNITS: usize = 7;
const BATCH: usize = 24;

fn like() -> (Device, DType) {
    (Device::flex(), DType::F64)
}

fn matrix(numbers: Vec<f64>, shape: [usize; 2]) -> Tensor<2> {
    let (device, dtype) = like();
    Tensor::from_data(TensorData::new(numbers, shape), (&device, dtype))
}

fn normal(shape: [usize; 2], index: usize) -> Tensor<2> {
    let mut numbers = vec![0.0; shape[0] * shape[1]];
    Seed(23).stream(Role::Analysis, index, 0).fill_normal(&mut numbers);
    matrix(numbers.into_iter().map(f64::from).collect(), shape)
}

fn settings(learning: Learning) -> JacobianSettings {
    let probing = Probing { sigma: 0.01, seed: Seed(5), ..Probing::new(UNITS) };
    JacobianSettings { learning, probing, ..JacobianSettings::new(UNITS, OUTPUTS) }
}

fn regional(settings: JacobianSettings, regions: usize, share: f64) -> RegionalEstimator {
    let (device, dtype) = like();
    RegionalEstimator::new(settings, regions, share, (&device, dtype)).unwrap()
}

fn plain(settings: JacobianSettings) -> JacobianEstimator {
    let (device, dtype) = like();
    JacobianEstimator::new(settings, (&device, dtype)).unwrap()
}

fn least_squares() -> JacobianSettings {
    settings(Learning::LeastSquares { eta: 1.0 })
}

fn energy(t: &Tensor<2>) -> f64 {
    values(t).iter().map(|v| v * v).sum()
}

/// In turn, with a row more for the first.
fn in_turn(count: usize, regions: usize) -> Vec<usize> {
    (0..count).map(|i| if i == 1 { 0 } else { i % regions }).collect()
}

/// y = J_r x + c_r.
struct Maps {
    maps: Vec<Tensor<2>>,
    offsets: Vec<Tensor<2>>,
}

impl Maps {
    fn new(regions: usize) -> Self {
        let of = |shape, first: usize| (0..regions).map(|region| normal(shape, first + region)).collect();
        Self { maps: of([OUTPUTS, UNITS], 40), offsets: of([1, OUTPUTS], 60) }
    }

    fn output(&self, x: &Tensor<2>, regions: &[usize]) -> Tensor<2> {
        let row = |(i, &region): (usize, &usize)| {
            selected(x, &[i]).matmul(self.maps[region].clone().transpose()) + self.offsets[region].clone()
        };
        Tensor::cat(regions.iter().enumerate().map(row).collect(), 0)
    }

    /// Largest relative error of the feedback of a region.
    fn missed(&self, of: impl Fn(usize) -> Tensor<2>) -> f64 {
        let of = |(region, map): (usize, &Tensor<2>)| energy(&(of(region) - map.clone())) / energy(map);
        self.maps.iter().enumerate().map(of).fold(0.0, f64::max)
    }
}

/// One step from nothing, as ridge regression of the outputs on features of all and of each region, by their normal equations.
fn written_out(x: &Tensor<2>, y: &Tensor<2>, regions: &[usize], share: f64, ridge: f64) -> Vec<Vec<f64>> {
    let count = regions.iter().max().unwrap() + 1;
    let (x, y) = (values(x), values(y));
    let mean = |rows: &[f64], columns: usize, region: Option<usize>, column: usize| {
        let of = (0..regions.len()).filter(|&i| region.is_none_or(|region| regions[i] == region));
        let of: Vec<f64> = of.map(|i| rows[i * columns + column]).collect();
        of.iter().sum::<f64>() / of.len() as f64
    };
    let width = (count + 1) * UNITS;
    let feature = |i: usize, f: usize| {
        let (block, unit) = (f / UNITS, f % UNITS);
        let value = x[i * UNITS + unit];
        match block {
            0 => (1.0 - share).sqrt() * (value - mean(&x, UNITS, None, unit)),
            _ if regions[i] == block - 1 => share.sqrt() * (value - mean(&x, UNITS, Some(block - 1), unit)),
            _ => 0.0,
        }
    };
    let phi: Vec<f64> = (0..regions.len() * width).map(|k| feature(k / width, k % width)).collect();
    let spread = |i: usize, unit: usize| (x[i * UNITS + unit] - mean(&x, UNITS, None, unit)).powi(2);
    let square = (0..regions.len() * UNITS).map(|k| spread(k / UNITS, k % UNITS)).sum::<f64>();
    let mut gram = vec![0.0; width * width];
    let mut cross = vec![0.0; width * OUTPUTS];
    for i in 0..regions.len() {
        for f in 0..width {
            (0..width).for_each(|g| gram[f * width + g] += phi[i * width + f] * phi[i * width + g]);
            for o in 0..OUTPUTS {
                let left = y[i * OUTPUTS + o] - mean(&y, OUTPUTS, None, o);
                cross[f * OUTPUTS + o] += phi[i * width + f] * left;
            }
        }
    }
    (0..width).for_each(|f| gram[f * width + f] += ridge * square / regions.len() as f64);
    let theta = solve_definite(&gram, width, &cross).unwrap();
    let weight = |block: usize| if block == 0 { (1.0 - share).sqrt() } else { share.sqrt() };
    let of = |block: usize| {
        let at = |ou: usize| theta[(block * UNITS + ou % UNITS) * OUTPUTS + ou / UNITS];
        (0..OUTPUTS * UNITS).map(|ou| weight(block) * at(ou)).collect()
    };
    (0..=count).map(of).collect()
}

#[test]
fn an_observation_is_ridge_regression_on_features_of_all_and_of_each_region() {
    for (count, regions) in [(BATCH, 3), (6, 2), (9, 1)] {
        for (share, ridge) in [(0.5, 1.0), (0.1, 0.01), (0.9, 30.0), (1.0, 1.0)] {
            let in_regions = in_turn(count, regions);
            let (x, y) = (normal([count, UNITS], 1) + 3.0, normal([count, OUTPUTS], 2) * 2.0 - 1.0);
            let expected = written_out(&x, &y, &in_regions, share, ridge);
            let mut estimator = regional(least_squares(), regions, share);
            estimator.observe(&x, &y, &in_regions, Observing { ridge }).unwrap();
            assert_close("B", &values(&estimator.common()), &expected[0], 1e-9);
            for region in 0..regions {
                let deviation = estimator.feedback(region) - estimator.common();
                assert_close("D", &values(&deviation), &expected[region + 1], 1e-9);
            }
        }
    }
}

#[test]
fn maps_that_differ_by_region_are_learned_exactly_by_region_and_not_without() {
    let maps = Maps::new(2);
    let (mut estimator, mut without) = (regional(least_squares(), 2, 0.5), plain(least_squares()));
    for batch in 0..60 {
        // The means of the regions differ too.
        let regions = in_turn(BATCH, 2);
        let shift = matrix(regions.iter().map(|&region| region as f64).collect(), [BATCH, 1]);
        let x = normal([BATCH, UNITS], 100 + batch) + shift;
        let y = maps.output(&x, &regions);
        estimator.observe(&x, &y, &regions, Observing { ridge: 1e-3 }).unwrap();
        without.observe(&x, &y, Observing { ridge: 1e-3 }).unwrap();
    }
    let missed = maps.missed(|region| estimator.feedback(region));
    assert!(missed < 1e-6, "{missed}");
    let missed = maps.missed(|_| without.feedback());
    assert!(missed > 0.3, "{missed}");
    // Each example's signal is that of its own region.
    let (error, regions) = (normal([5, OUTPUTS], 3), [1, 0, 0, 1, 1]);
    let signal = values(&estimator.error_signal(error.clone(), &regions));
    for (i, &region) in regions.iter().enumerate() {
        let own = values(&selected(&error, &[i]).matmul(estimator.feedback(region)));
        assert_close("signal", &signal[i * UNITS..(i + 1) * UNITS], &own, 1e-12);
    }
}

/// Answers to `step`'s perturbations of a batch, one each.
fn told(
    estimator: &mut RegionalEstimator,
    without: &mut JacobianEstimator,
    maps: &Maps,
    regions: &[usize],
    step: u64,
) {
    let x = normal([regions.len(), UNITS], 200 + step as usize);
    let share = Share::alone(regions.len());
    let perturbations = estimator.prober().ask(step, 0..regions.len(), &x).unwrap().unwrap();
    let changes = perturbations.answered(&x, |x| maps.output(&x, regions));
    without.learn_from(&perturbations, changes.clone());
    estimator.learn_shared(&perturbations, changes, regions, &share).unwrap();
}

#[test]
fn so_they_are_from_perturbations() {
    let maps = Maps::new(2);
    let regions = in_turn(BATCH, 2);
    // Least squares knows them at once: there are more answers than both have coordinates.
    let (mut estimator, mut without) = (regional(least_squares(), 2, 0.5), plain(least_squares()));
    told(&mut estimator, &mut without, &maps, &regions, 0);
    let missed = maps.missed(|region| estimator.feedback(region));
    assert!(missed < 1e-9, "{missed}");
    assert!(maps.missed(|_| without.feedback()) > 0.3);

    // An average knows them up to the noise of its probes, of which it remembers the last few thousand.
    let averaged = || settings(Learning::Average { eta: 0.004 });
    let (mut estimator, mut without) = (regional(averaged(), 2, 1.0), plain(averaged()));
    (0..4000).for_each(|step| told(&mut estimator, &mut without, &maps, &regions, step));
    let missed = maps.missed(|region| estimator.feedback(region));
    assert!(missed < 0.02, "{missed}");
    assert!(maps.missed(|_| without.feedback()) > 0.3);
    assert_eq!(
        values(&estimator.common()),
        values(&without.feedback()),
        "what all have in common is learned as ever"
    );
}

/// Both after a few steps of observation and of answers.
fn compared(settings: &JacobianSettings, share: f64, tolerance: f64) {
    let (mut estimator, mut without) = (regional(settings.clone(), 1, share), plain(settings.clone()));
    let maps = Maps::new(1);
    let regions = [0; BATCH];
    for step in 0..4 {
        let x = normal([BATCH, UNITS], 300 + step as usize) + 1.0;
        estimator.refresh(step, &x).unwrap();
        without.refresh(step, &x).unwrap();
        if !matches!(settings.learning, Learning::Average { .. }) {
            let y = maps.output(&x, &regions).tanh();
            estimator.observe(&x, &y, &regions, Observing::default()).unwrap();
            without.observe(&x, &y, Observing::default()).unwrap();
        }
        told(&mut estimator, &mut without, &maps, &regions, step);
    }
    let what = format!("{settings:?}");
    assert!(energy(&without.feedback()) > 0.1, "{what}");
    assert_close(&what, &values(&estimator.feedback(0)), &values(&without.feedback()), tolerance);
}

#[test]
fn one_region_is_as_none() {
    let manifold = ManifoldConfig {
        dimension: Dimensions::Same(Dimension::Count(4)),
        refresh: 2,
        ..ManifoldConfig::default()
    };
    for share in [0.2, 1.0] {
        for learning in [
            Learning::Average { eta: 0.3 },
            Learning::LeastSquares { eta: 0.6 },
            Learning::Posterior { eta: 0.6, ridge: 3.0 },
        ] {
            let anywhere = settings(learning);
            let probing = Probing { manifold: Some(manifold.clone()), ..anywhere.probing.clone() };
            let covariance = Some(Covariance { exponent: 0.5, rest: 0.2 });
            let shaped = Probing { covariance, ..probing.clone() };
            let on_manifold = JacobianSettings { probing, ..anywhere.clone() };
            let coordinates = JacobianSettings { form: FeedbackForm::Coordinates, ..on_manifold.clone() };
            let shaped = JacobianSettings { probing: shaped, ..anywhere.clone() };
            for settings in [anywhere, on_manifold, coordinates, shaped] {
                compared(&settings, share, 1e-8);
            }
        }
    }
}

#[test]
fn a_region_of_a_single_example_or_none_stays_with_what_all_have_in_common() {
    let mut estimator = regional(least_squares(), 4, 0.5);
    let mut regions = vec![0; BATCH];
    regions[3] = 1;
    regions[5..9].fill(3);
    let (x, y) = (normal([BATCH, UNITS], 1), normal([BATCH, OUTPUTS], 2));
    estimator.observe(&x, &y, &regions, Observing::default()).unwrap();
    let deviation = |region: usize| energy(&(estimator.feedback(region) - estimator.common()));
    assert!(deviation(1) < 1e-24 && deviation(2) == 0.0, "{} {}", deviation(1), deviation(2));
    assert!(deviation(0) > 1e-3 && deviation(3) > 1e-3);
}

#[test]
fn what_is_restored_goes_on_and_wrong_settings_are_refused() {
    let manifold =
        ManifoldConfig { dimension: Dimensions::Same(Dimension::Count(4)), ..ManifoldConfig::default() };
    let probing = Probing { manifold: Some(manifold), ..Probing::new(UNITS) };
    let settings = JacobianSettings { probing, form: FeedbackForm::Coordinates, ..least_squares() };
    let (mut first, mut second) = (regional(settings.clone(), 2, 0.5), regional(settings.clone(), 2, 0.5));
    let regions = in_turn(BATCH, 2);
    let step = |estimator: &mut RegionalEstimator, index: usize| {
        let (x, y) = (normal([BATCH, UNITS], index), normal([BATCH, OUTPUTS], index + 1));
        estimator.observe(&x, &y, &regions, Observing::default()).unwrap();
    };
    first.refresh(0, normal([BATCH, UNITS], 9)).unwrap();
    step(&mut first, 1);
    second.restore(&first.state()).unwrap();
    step(&mut first, 5);
    step(&mut second, 5);
    assert!(energy(&(first.feedback(1) - first.common())) > 1e-6);
    (0..2).for_each(|region| assert_eq!(values(&first.feedback(region)), values(&second.feedback(region))));
    let kept = regional(least_squares(), 2, 0.5).state();
    assert!(regional(least_squares(), 3, 0.5).restore(&kept).is_err(), "a region is missing");

    let refused = |settings: JacobianSettings, regions, share| {
        let (device, dtype) = like();
        RegionalEstimator::new(settings, regions, share, (&device, dtype)).unwrap_err().to_string()
    };
    let recursive = Learning::Recursive { forgetting: 0.9, ridge: 1.0 };
    assert_eq!(refused(settings.clone(), 0, 0.5), "regions: must be at least 1");
    assert_eq!(refused(settings.clone(), 2, 0.0), "share: 0 is not in (0, 1]");
    assert_eq!(
        refused(JacobianSettings { learning: recursive, ..settings }, 2, 0.5),
        "learning: every region would need a covariance of its own"
    );
}
