//! Perturbed passes under the clean pass's statistics and masks, and what evaluation and training have in common.

use burn::tensor::DType;
use nmnc_learn::net::{BatchNorm, Block, Mode};
use nmnc_testing::values;

use super::{BATCH, TRAINING, all, inputs};

#[test]
fn a_replay_of_the_same_inputs_is_the_pass_to_the_bit() {
    for block in all(DType::F32) {
        let xs = inputs(&*block, 40, DType::F32);
        for mode in [Mode::Evaluation, TRAINING] {
            let (y, trace) = block.forward(&xs, mode);
            let replayed = match mode {
                Mode::Evaluation => block.activity(&xs),
                Mode::Training { .. } => block.replay(&xs, &trace),
            };
            assert_eq!(values(&y), values(&replayed), "{}", block.describe());
        }
    }
}

#[test]
fn a_replay_moves_no_example_but_those_that_are_perturbed() {
    for block in all(DType::F32) {
        let xs = inputs(&*block, 40, DType::F32);
        let (y, trace) = block.forward(&xs, TRAINING);
        let row = |rows| xs[0].clone().narrow(0, rows, 1);
        let mut moved = xs.clone();
        let rest = (1..BATCH).map(row);
        moved[0] = burn::tensor::Tensor::cat(std::iter::once(row(0) * 1.5 + 0.1).chain(rest).collect(), 0);
        let (clean, replayed) = (values(&y), values(&block.replay(&moved, &trace)));
        let units = block.units();
        assert_ne!(clean[..units], replayed[..units], "{}", block.describe());
        assert_eq!(clean[units..], replayed[units..], "{}", block.describe());
    }
}

#[test]
fn what_differs_between_training_and_evaluation_says_so() {
    for block in all(DType::F32) {
        let xs = inputs(&*block, 40, DType::F32);
        let differs = values(&block.forward(&xs, TRAINING).0) != values(&block.activity(&xs));
        assert_eq!(differs, block.replay_needs_trace(), "{}", block.describe());
    }
}

#[test]
fn running_statistics_come_to_those_of_what_is_seen() {
    let mut block = BatchNorm::new(2, 3, 1e-5, 0.1, &burn::tensor::Device::flex());
    let x = inputs(&block, 40, DType::F32).remove(0);
    for _ in 0..200 {
        let (_, trace) = block.forward(std::slice::from_ref(&x), TRAINING);
        let updated = block.updated_buffers(&trace);
        block.buffers_mut().into_iter().zip(updated).for_each(|(buffer, value)| buffer.value = value);
    }
    let (_, trace) = block.forward(std::slice::from_ref(&x), Mode::Evaluation);
    let kept = block.updated_buffers(&trace);
    assert_eq!(values(&kept[0]), values(&block.buffers()[0].value), "evaluation learns nothing");
    // Evaluation divides by the unbiased deviation, training by the biased one.
    let count = (3 * BATCH) as f64;
    let expected: Vec<f64> = values(&block.forward(std::slice::from_ref(&x), TRAINING).0)
        .into_iter()
        .map(|value| value * ((count - 1.0) / count).sqrt())
        .collect();
    nmnc_testing::assert_close("evaluation", &values(&block.activity(&[x])), &expected, 1e-4);
}
