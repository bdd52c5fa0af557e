//! Data sets of fewer dimensions.

use nmnc::reduced::reduce;
use nmnc::{Seed, data::DataConfig, linalg::symmetric_eigen};

/// Rows of `[examples, values]` less their mean over the first `trained` of them.
fn centered(rows: &[Vec<f64>], trained: usize) -> Vec<Vec<f64>> {
    let columns = rows[0].len();
    let mean = |j: usize| rows[..trained].iter().map(|row| row[j]).sum::<f64>() / trained as f64;
    let means: Vec<f64> = (0..columns).map(mean).collect();
    rows.iter().map(|row| row.iter().zip(&means).map(|(v, m)| v - m).collect()).collect()
}

/// Eigenvalues of the sums of products of the rows, the largest first.
fn spectrum(rows: &[Vec<f64>]) -> Vec<f64> {
    let columns = rows[0].len();
    let entry = |ij: usize| rows.iter().map(|row| row[ij / columns] * row[ij % columns]).sum::<f64>();
    let product: Vec<f64> = (0..columns * columns).map(entry).collect();
    symmetric_eigen(&product, columns).unwrap().0
}

/// All examples of both splits as they are stored, and their labels.
fn examples(source: &str) -> (Vec<Vec<f64>>, Vec<u32>, usize) {
    let config = DataConfig {
        source: source.to_owned(),
        train_limit: Some(60),
        test_limit: Some(20),
        image_size: Some(6),
        standardize: nmnc::data::Standardize::None,
        ..DataConfig::default()
    };
    let splits = config.open(Seed(0)).unwrap();
    let (mut rows, mut labels) = (Vec::new(), Vec::new());
    for set in [&splits.train, &splits.evaluation] {
        let batch = set.batch(&(0..set.len()).collect::<Vec<_>>()).unwrap();
        let values = batch.images.chunks(set.shape().len());
        rows.extend(values.map(|row| row.iter().map(|v| f64::from(*v)).collect::<Vec<_>>()));
        labels.extend(batch.labels);
    }
    (rows, labels, splits.train.len())
}

#[test]
fn training_examples_keep_their_leading_components_and_all_others_their_part_on_them() {
    const KEPT: usize = 5;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reduced.npz");
    let data = DataConfig {
        train_limit: Some(60),
        test_limit: Some(20),
        image_size: Some(6),
        ..DataConfig::default()
    };
    let made = reduce(&data, KEPT, Seed(0), &path).unwrap();
    let (before, labels, trained) = examples(&data.source);
    let (after, same, again) = examples(path.to_str().unwrap());
    assert_eq!((labels, trained, made.examples), (same, again, [60, 20]));
    assert_eq!(made.shape.to_string(), "1x6x6");
    let [before, after] = [&before, &after].map(|rows| centered(rows, trained));
    let [own, left] = [&before, &after].map(|rows| spectrum(&rows[..trained]));
    for i in 0..own.len() {
        let wanted = if i < KEPT { own[i] } else { 0.0 };
        assert!((left[i] - wanted).abs() < 1e-4 * own[0], "{i}: {} {wanted}", left[i]);
    }
    let share = own[..KEPT].iter().sum::<f64>() / own.iter().sum::<f64>();
    assert!((made.variance - share).abs() < 1e-4, "{} {share}", made.variance);
    // A projection: what is taken away is orthogonal to all that any example keeps, also of the examples to evaluate on.
    let all = spectrum(&after);
    assert!(all[KEPT] < 1e-4 * all[0], "{all:?}");
    for (before, after) in before.iter().zip(&after) {
        let kept: f64 = after.iter().map(|v| v * v).sum();
        let lost: f64 = before.iter().zip(after).map(|(b, a)| (b - a) * a).sum();
        assert!(lost.abs() < 1e-4 * kept.max(1e-3), "{lost} {kept}");
    }
}

#[test]
fn components_that_are_not_there_and_settings_for_training_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reduced.npz");
    let few = DataConfig { train_limit: Some(20), ..DataConfig::default() };
    let problem = reduce(&few, 20, Seed(0), &path).unwrap_err().to_string();
    assert!(problem.contains("vary along 19") && problem.contains("take fewer"), "{problem}");
    let mut changed = few;
    changed.augment.flip = true;
    let problem = reduce(&changed, 2, Seed(0), &path).unwrap_err().to_string();
    assert!(problem.starts_with("data.augment"), "{problem}");
    assert!(!path.exists());
}
