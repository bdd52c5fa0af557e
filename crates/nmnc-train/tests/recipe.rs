//! What training on many classes adds to a run: smoothed labels, the five largest outputs, warm-up from a fraction, decay of weights alone.

use burn::tensor::{DType, Device, Tensor, TensorData};
use nmnc_core::device::values;
use nmnc_core::records::RunRecords;
use nmnc_data::NpzWriter;
use nmnc_testing::differences::compare;
use nmnc_train::{Config, ImageBatch, Loss, Objective, Problem, Resolved, RunOptions, Silent, evaluate};

const CLASSES: usize = 12;

/// Twelve classes of 2x2 images, five of each for training and for testing.
fn archive(folder: &std::path::Path) -> String {
    let count = 5 * CLASSES;
    let pixel = |place: usize| (place * 97 + place / 4 * 31 % 101) as u8;
    let pixels: Vec<u8> = (0..count * 4).map(pixel).collect();
    let labels: Vec<i64> = (0..count).map(|index| (index % CLASSES) as i64).collect();
    let mut archive = NpzWriter::new();
    for split in ["train", "test"] {
        archive.put(&format!("x_{split}"), &[count, 2, 2], &pixels).unwrap();
        archive.put(&format!("y_{split}"), &[count], &labels).unwrap();
    }
    let path = folder.join("twelve.npz");
    std::fs::write(&path, archive.finish().unwrap()).unwrap();
    path.to_str().unwrap().to_owned()
}

fn config(source: &str, rule: &str) -> Resolved<Config> {
    let text = format!(
        "data = {{ source = '{source}' }}\n\
         network = {{ preset = 'mlp', widths = [9] }}\n\
         credit = {{ rule = '{rule}' }}\n\
         metrics = {{ interval = 1, alignment_interval = 0 }}\n\
         [train]\nepochs = 2\nbatch = 20\nlabel_smoothing = 0.1\n\
         optimizer = {{ name = 'sgd', learning_rate = 0.1, momentum = 0.9, weight_decay = 0.01, decayed = 'weights' }}\n\
         schedule = {{ shape = 'cosine', warmup = 1, warmup_from = 0.01 }}\n"
    );
    let config = Config::parse(&text, "test", &[]).unwrap().resolve().unwrap();
    // What a run folder keeps is the same run.
    assert_eq!(Config::parse(&config.to_toml(), "test", &[]).unwrap().resolve().unwrap(), config);
    config
}

/// Outputs of `rows` examples that are no rule's.
fn outputs(rows: usize) -> (Tensor<2>, Vec<u32>) {
    let numbers: Vec<f64> = (0..rows * CLASSES).map(|place| (place as f64 * 1.7).sin() * 3.0).collect();
    let options = (&Device::flex(), DType::F64);
    let labels = (0..rows as u32).map(|row| row * 5 % CLASSES as u32).collect();
    (Tensor::from_data(TensorData::new(numbers, [rows, CLASSES]), options), labels)
}

#[test]
fn the_error_is_the_derivative_of_the_loss() {
    let (output, labels) = outputs(4);
    for loss in [Loss::CrossEntropy, Loss::MeanSquaredError] {
        for smoothing in [0.0, 0.1, 1.0] {
            let objective = loss.smoothed(smoothing);
            let error = objective.judge(&output, &labels).error;
            let name = format!("{loss:?}, {smoothing}");
            compare(&name, &output, &error, |output| objective.judge(&output, &labels).loss);
        }
    }
}

#[test]
fn nothing_smoothed_is_the_loss_itself_to_the_bit() {
    let (output, labels) = outputs(4);
    for loss in [Loss::CrossEntropy, Loss::MeanSquaredError] {
        let (own, smoothed) = (loss.judge(&output, &labels), loss.smoothed(0.0).judge(&output, &labels));
        assert_eq!((own.loss, own.hits), (smoothed.loss, smoothed.hits));
        assert_eq!(values::<f64>(&own.error), values::<f64>(&smoothed.error));
    }
}

/// Whatever a rule makes of the error, the readout gets that of the smoothed loss, and the loss that is told is the smoothed one.
#[test]
fn every_rule_learns_from_the_smoothed_error() {
    let folder = tempfile::tempdir().unwrap();
    let source = archive(folder.path());
    for rule in nmnc_learn::credit::rule_names() {
        let mut images = config(&source, rule).images().unwrap();
        let ImageBatch { images: inputs, labels } = images.batch(0).unwrap();
        let output = images.network().output(inputs.clone());
        let expected = Loss::CrossEntropy.smoothed(0.1).judge(&output, &labels);
        let (assessed, _) = images.assess(ImageBatch { images: inputs, labels }, 0, false).unwrap();
        assert!((assessed.loss - expected.loss).abs() < 1e-6, "{rule}: {}", assessed.loss);
        let found = values::<f64>(assessed.gradients.get("readout.bias").unwrap());
        let sums = values::<f64>(&expected.error.sum_dim(0));
        for (found, sum) in found.iter().zip(sums) {
            assert!((found - sum).abs() < 1e-7, "{rule}: {found} {sum}");
        }
    }
}

#[test]
fn a_run_records_how_often_the_label_is_among_five_of_many_classes() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&archive(folder.path()), "bp");
    let run = folder.path().join("run");
    let summary = config.run(&run, &RunOptions::default(), &mut Silent).unwrap();
    let records = RunRecords::read(&run).unwrap().records;
    let told: Vec<f64> = records.iter().filter_map(|record| record.test?.top5).collect();
    assert_eq!(told.len(), 2);
    assert!(
        told.iter().all(|top5| (0.0..=1.0).contains(top5))
            && summary.test.unwrap().top5 == told.last().copied()
    );
    assert!(records.iter().all(|record| record.train.is_none_or(|train| train.top5.is_none())));
    // Three steps of an epoch: linearly from a hundredth, then a cosine from the whole.
    let rates: Vec<f64> = records.iter().map(|record| record.learning_rate / 0.1).collect();
    for (rate, expected) in rates.iter().zip([0.01, 0.34, 0.67, 1.0, 0.75, 0.25]) {
        assert!((rate - expected).abs() < 1e-12, "{rates:?}");
    }

    // Counted by hand on an untrained network; and a run on ten classes tells nothing.
    let images = config.images().unwrap();
    let data = &images.splits().evaluation;
    let batch = data.batch(&(0..data.len()).collect::<Vec<_>>()).unwrap();
    let shape = [data.len(), data.shape().len()];
    let output = images.network().output(nmnc_core::device::matrix(batch.images, shape, &Device::flex()));
    let rows = values::<f64>(&output);
    let among = rows.chunks(CLASSES).zip(&batch.labels).filter(|(row, label)| {
        let mut order: Vec<usize> = (0..CLASSES).collect();
        order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
        order[..5].contains(&(**label as usize))
    });
    let expected = among.count() as f64 / data.len() as f64;
    let score = evaluate(images.network(), data, Loss::CrossEntropy).unwrap();
    assert_eq!(score.top5, Some(expected));
    let ten = nmnc_data::DataConfig { train_limit: Some(20), test_limit: Some(20), ..Default::default() };
    let ten = ten.open(nmnc_core::Seed(0)).unwrap();
    let network = nmnc_learn::net::NetworkConfig { preset: Some("mlp".into()), ..Default::default() };
    let network = network.build([1, 28, 28], 10, nmnc_core::Seed(0), &Device::flex()).unwrap();
    assert_eq!(evaluate(&network, &ten.evaluation, Objective::from(Loss::CrossEntropy)).unwrap().top5, None);
}
