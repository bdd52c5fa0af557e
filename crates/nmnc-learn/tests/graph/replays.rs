//! Perturbed passes under the clean pass's statistics and masks.

use burn::tensor::{DType, Tensor};
use nmnc_core::Seed;
use nmnc_core::device::values;
use nmnc_learn::net::{ForwardPass, Network, Replay};

use super::{BATCH, OUTPUTS, inputs, network, normal};

fn bits(t: &Tensor<2>) -> Vec<u32> {
    values::<f32>(t).into_iter().map(f32::to_bits).collect()
}

fn passes(net: &Network) -> [ForwardPass; 2] {
    let training = net.training_forward(inputs(BATCH, 30, DType::F32), Seed(4), 9, 0);
    let evaluation = net.forward(inputs(BATCH, 30, DType::F32));
    assert_ne!(bits(&training.output), bits(&evaluation.output));
    [training, evaluation]
}

#[test]
fn a_replay_that_perturbs_nothing_is_the_pass() {
    let net = network(DType::F32, true);
    for pass in passes(&net) {
        for stages in [&[0][..], &[1], &[2], &[0, 2], &[0, 1, 2]] {
            let mut seen = Vec::new();
            let output = Replay::new(&net, &pass).output(stages, |stage, activity| {
                assert_eq!(bits(&activity), bits(pass.activity(stage)));
                seen.push(stage);
                Ok(activity)
            });
            assert_eq!(bits(&output.unwrap()), bits(&pass.output), "{stages:?}");
            assert_eq!(seen, stages);
        }
    }
    let [_, evaluation] = passes(&net);
    assert_eq!(bits(&net.output(inputs(BATCH, 30, DType::F32))), bits(&evaluation.output));
    for (activity, kept) in net.each_activity(inputs(BATCH, 30, DType::F32)).zip(evaluation.activities()) {
        assert_eq!(bits(&activity), bits(kept));
    }
}

#[test]
fn statistics_and_masks_are_those_of_the_clean_pass() {
    let net = network(DType::F32, true);
    let [pass, _] = passes(&net);
    // Only the first example is moved: were the mean over the batch taken anew, all outputs would move.
    let row: Vec<f32> = (0..BATCH * 8).map(|i| if i < 8 { 0.5 } else { 0.0 }).collect();
    let change = nmnc_core::device::matrix(row, [BATCH, 8], &pass.output.device());
    for stage in [0, 1] {
        let moved = Replay::new(&net, &pass).output(&[stage], |_, x| Ok(x + change.clone())).unwrap();
        let (moved, clean) = (values::<f32>(&moved), values::<f32>(&pass.output));
        assert_ne!(moved[..OUTPUTS], clean[..OUTPUTS]);
        assert_eq!(moved[OUTPUTS..], clean[OUTPUTS..], "stage {}", stage + 1);
    }
}

#[test]
fn a_later_stage_sees_the_earlier_ones_change_and_skips_keep_their_clean_values() {
    let net = network(DType::F32, false);
    let pass = net.forward(inputs(BATCH, 30, DType::F32));
    let block = |name: &str| net.block(name).unwrap();
    let change = normal([BATCH, 8], 35, DType::F32);
    let replayed = Replay::new(&net, &pass).output(&[1], |_, x| Ok(x + change.clone())).unwrap();
    let side = block("side").activity(&inputs(BATCH, 30, DType::F32)[1..]);
    let shortcut = block("shortcut").activity(&[pass.activity(0).clone()]);
    let late = block("late").activity(&[pass.activity(1).clone() + change.clone(), shortcut, side]);
    let expected = block("readout").activity(&[block("tail").activity(&[late])]);
    assert_eq!(bits(&replayed), bits(&expected));
    let mut second = None;
    let both = Replay::new(&net, &pass).output(&[0, 1], |stage, x| {
        if stage == 0 {
            return Ok(x + change.clone());
        }
        second = Some(x.clone());
        Ok(x)
    });
    assert_ne!(bits(&second.unwrap()), bits(pass.activity(1)));
    assert_ne!(bits(&both.unwrap()), bits(&pass.output));
}

#[test]
fn chosen_examples_are_replayed_as_they_are_in_the_batch() {
    let net = network(DType::F32, true);
    let pass = net.forward(inputs(BATCH, 30, DType::F32));
    let rows = [4, 0, 4];
    for stage in 0..3 {
        let output = Replay::of_rows(&net, &pass, &rows).output(&[stage], |_, x| Ok(x)).unwrap();
        let (chosen, all) = (values::<f32>(&output), values::<f32>(&pass.output));
        for (place, row) in rows.into_iter().enumerate() {
            assert_eq!(chosen[place * OUTPUTS..][..OUTPUTS], all[row * OUTPUTS..][..OUTPUTS]);
        }
    }
}

#[test]
fn buffers_move_with_the_batches_of_training_only() {
    let net = network(DType::F32, true);
    let [training, evaluation] = passes(&net);
    let names: Vec<String> = net.buffers().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["centered.mean"]);
    let before = normal([1, 6], 13, DType::F32);
    assert_eq!(bits(&net.updated_buffers(&evaluation)[0]), bits(&before));
    let expected = before * 0.9 + training.activity(2).clone().mean_dim(0) * 0.1;
    assert_eq!(bits(&net.updated_buffers(&training)[0]), bits(&expected));
}
