//! Properties of batches that no format matters to.

use proptest::prelude::*;

use crate::{Augment, Batch, DataConfig, Splits, Standardize, order};
use nmnc_core::seed::Seed;

fn sample(config: DataConfig) -> Splits {
    config.open(Seed(5)).unwrap()
}

fn small(workers: usize) -> Splits {
    sample(DataConfig {
        train_limit: Some(200),
        test_limit: Some(50),
        workers: Some(workers),
        augment: Augment { crop: 3, flip: true, ..Augment::default() },
        ..DataConfig::default()
    })
}

fn collect(splits: &Splits, order: &[usize], size: usize, augmentation: Option<(Seed, u64)>) -> Vec<Batch> {
    splits.train.batches(order.to_vec(), size, augmentation).map(|batch| batch.unwrap()).collect()
}

#[test]
fn the_default_is_the_standardized_sample() {
    let splits = sample(DataConfig::default());
    assert_eq!((splits.train.len(), splits.evaluation.len(), splits.evaluation_name), (6000, 1000, "test"));
    assert_eq!(splits.train.shape().len(), 784);
    assert_eq!(splits.train.classes()[9], "Ankle boot");
    assert!(splits.warnings.is_empty());
    let all: Vec<usize> = (0..6000).collect();
    let images = splits.train.batch(&all).unwrap().images;
    let mean = images.iter().map(|&v| f64::from(v)).sum::<f64>() / images.len() as f64;
    let square = images.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / images.len() as f64;
    assert!(mean.abs() < 1e-5 && (square - 1.0).abs() < 1e-5, "{mean} {square}");
}

#[test]
fn validation_comes_from_training_examples() {
    let splits = sample(DataConfig { validation: 500, ..DataConfig::default() });
    assert_eq!(
        (splits.train.len(), splits.evaluation.len(), splits.evaluation_name),
        (5500, 500, "validation")
    );
    for class in 0..10 {
        assert_eq!(splits.evaluation.labels().iter().filter(|&&label| label == class).count(), 50);
    }
    // The numbers of the training split used, the held out examples excluded, standardize both.
    assert_eq!(splits.train.statistics(), splits.evaluation.statistics());
    assert_ne!(splits.train.statistics(), sample(DataConfig::default()).train.statistics());
}

#[test]
fn fixed_numbers_and_none_standardize_as_documented() {
    let raw = sample(DataConfig { standardize: Standardize::None, ..DataConfig::default() });
    let fixed = Standardize::Fixed { mean: vec![0.5], sd: vec![0.25] };
    let fixed = sample(DataConfig { standardize: fixed, ..DataConfig::default() });
    let (raw, fixed) = (raw.train.batch(&[17]).unwrap(), fixed.train.batch(&[17]).unwrap());
    assert!(raw.images.iter().all(|v| (0.0..=1.0).contains(v)) && raw.images.iter().any(|&v| v > 0.5));
    assert!(raw.images.iter().zip(&fixed.images).all(|(r, f)| ((r - 0.5) / 0.25 - f).abs() < 1e-6));
    let wrong = Standardize::Fixed { mean: vec![0.5; 3], sd: vec![0.25; 3] };
    let error = DataConfig { standardize: wrong, ..DataConfig::default() }.open(Seed(0)).unwrap_err();
    assert!(error.to_string().starts_with("data.standardize: 3 numbers"), "{error}");
}

#[test]
fn augmentation_shifts_and_mirrors_within_its_bounds_and_never_touches_evaluation() {
    let splits = small(0);
    let (plain, changed) = (splits.train.batch(&[3]).unwrap(), collect(&splits, &[3], 1, Some((Seed(1), 0))));
    assert_ne!(plain.images, changed[0].images);
    // Some shift by at most three pixels, mirrored or not, explains every pixel.
    let black = splits.train.inner.table[0][0];
    let pixel = |row: isize, column: isize| {
        let inside = (0..28).contains(&row) && (0..28).contains(&column);
        if inside { plain.images[(row * 28 + column) as usize] } else { black }
    };
    let explained =
        (-3..=3).flat_map(|down| (-3..=3).map(move |right| (down, right))).any(|(down, right)| {
            [false, true].into_iter().any(|flip| {
                (0..784).all(|at| {
                    let (row, column) = (at / 28, at % 28);
                    let column = if flip { 27 - column } else { column };
                    changed[0].images[at as usize] == pixel(row + down, column + right)
                })
            })
        });
    assert!(explained);
    let evaluated = splits.evaluation.batches(vec![4], 1, Some((Seed(1), 0))).next().unwrap().unwrap();
    assert_eq!(evaluated, splits.evaluation.batch(&[4]).unwrap());
}

/// As large as it takes for threads to share one.
#[test]
fn a_batch_that_a_team_made_is_that_of_one() {
    let made = |workers: usize| {
        let augment = Augment { crop: 3, flip: true, ..Augment::default() };
        let splits = sample(DataConfig { augment, workers: Some(workers), ..DataConfig::default() });
        collect(&splits, &order(6000, Seed(5), 3), 6000, Some((Seed(5), 3)))
    };
    assert!(made(4) == made(0));
}

#[test]
fn an_index_out_of_range_is_one_error_and_the_end() {
    for workers in [0, 2] {
        let splits = small(workers);
        let mut stream = splits.train.batches(vec![0, 1, 200, 2, 3, 4], 2, None);
        assert!(stream.next().unwrap().is_ok());
        assert!(stream.next().unwrap().is_err());
        assert!(stream.next().is_none());
    }
}

#[test]
fn data_sets_and_streams_can_move_between_threads() {
    fn sendable<T: Send>() {}
    fn sharable<T: Send + Sync + Clone>() {}
    sendable::<crate::BatchStream>();
    sharable::<crate::Dataset>();
}

#[test]
fn dropping_a_stream_early_stops_its_workers() {
    let splits = small(3);
    for taken in 0..4 {
        let mut stream = splits.train.batches((0..200).collect(), 1, None);
        for _ in 0..taken {
            stream.next();
        }
    }
    assert!(splits.train.batches(Vec::new(), 8, None).next().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Batches are those of the order given, whoever decodes them and however they are cut.
    #[test]
    fn batches_do_not_depend_on_workers_or_batch_size(
        seed in any::<u64>(), epoch in 0u64..1000, size in 1usize..70, workers in 1usize..6,
    ) {
        let (alone, many) = (small(0), small(workers));
        let order = order(200, Seed(seed), epoch);
        let augmentation = Some((Seed(seed), epoch));
        let batches = collect(&many, &order, size, augmentation);
        prop_assert_eq!(&batches, &collect(&alone, &order, size, augmentation));
        prop_assert_eq!(batches.len(), 200usize.div_ceil(size));
        let indices: Vec<usize> = batches.iter().flat_map(|batch| batch.indices.clone()).collect();
        prop_assert_eq!(indices, order.clone());
        let joined: Vec<f32> = batches.into_iter().flat_map(|batch| batch.images).collect();
        let whole = collect(&alone, &order, 200, augmentation);
        prop_assert_eq!(&joined, &whole[0].images);
    }
}
