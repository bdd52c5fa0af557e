//! Products with Jacobians against finite differences in f64, of a block and of a network.

use std::cell::Cell;
use std::ops::Range;

use burn::tensor::{DType, Tensor};
use nmnc_core::Seed;
use nmnc_core::device::values;
use nmnc_learn::credit::backpropagate;
use nmnc_learn::net::{Block, ForwardPass, Gradients, Mode, Network, Trace, own_weights};
use nmnc_testing::blocks::{Centered, Residual};
use nmnc_testing::differences::{compare, inner};

use super::{BATCH, OUTPUTS, inputs, network, normal, residual};

const F64: DType = DType::F64;
const TRAINING: Mode = Mode::Training { seed: Seed(2), step: 5, node: 3, first: 0 };

fn products(block: &mut dyn Block, mode: Mode) {
    let input = normal([BATCH, block.units()], 40, F64);
    let (error, change) = (normal(input.dims(), 41, F64), normal(input.dims(), 42, F64));
    let (_, trace) = block.forward(std::slice::from_ref(&input), mode);
    let own = own_weights(block);
    let value = |block: &dyn Block, x: Tensor<2>| inner(&block.forward(&[x], mode).0, &error);
    let back = block.input_vjp(&trace, error.clone(), 0, &own);
    compare("input", &input, &back, |x| value(block, x));
    let forward = block.jvp(&trace, std::slice::from_ref(&change), &own);
    let along = |step: f64| block.forward(&[input.clone() + change.clone() * step], mode).0;
    let numeric = (along(1e-6) - along(-1e-6)) / 2e-6;
    let missed = inner(&(numeric.clone() - forward.clone()), &(numeric.clone() - forward.clone()));
    assert!(missed < 1e-14 * inner(&numeric, &numeric), "{}: {missed}", block.describe());
    for (place, gradient) in block.parameter_vjp(&trace, error.clone()).iter().enumerate() {
        let start = block.parameters()[place].value.clone();
        let name = block.parameters()[place].name.to_string();
        compare(&name, &start, gradient, |moved| {
            block.parameters_mut()[place].value = moved;
            value(block, input.clone())
        });
        block.parameters_mut()[place].value = start;
    }
    // Adjoint through any weights, not only through the block's own.
    let other: Vec<Tensor<2>> =
        own.iter().enumerate().map(|(i, weight)| normal(weight.dims(), 50 + i, F64)).collect();
    let left = inner(&block.jvp(&trace, std::slice::from_ref(&change), &other), &error);
    let right = inner(&block.input_vjp(&trace, error.clone(), 0, &other), &change);
    assert!((left - right).abs() < 1e-10 * (1.0 + left.abs()), "{}: {left} {right}", block.describe());
}

#[test]
fn blocks_from_outside_pass_finite_differences_and_are_adjoint() {
    for mode in [Mode::Evaluation, TRAINING] {
        products(&mut residual(8, 7, F64), mode);
        products(&mut Centered::new(normal([1, 8], 60, F64)), mode);
    }
}

#[test]
fn the_maps_of_a_block_read_and_give_what_it_says() {
    let block: Residual = residual(8, 7, F64);
    let (_, trace) = block.forward(&[normal([BATCH, 8], 40, F64)], TRAINING);
    for (index, map) in block.maps().into_iter().enumerate() {
        let change = normal([4, map.operation.inputs()], 43, F64);
        let response = normal([4, map.operation.outputs()], 44, F64);
        let left = inner(&map.response(change.clone()), &response);
        let right = inner(&map.parameter.value, &map.operation.correlate(change, response));
        assert!((left - right).abs() < 1e-10 * (1.0 + left.abs()));
        assert_eq!(block.map_input(&trace, index).dims(), [BATCH, map.operation.inputs()]);
    }
}

#[test]
fn a_row_of_a_step_has_its_mask_whichever_rows_a_batch_has_beside_it() {
    let (block, x) = (residual(8, 7, F64), normal([BATCH, 8], 40, F64));
    let of = |rows: Range<usize>, first: usize| {
        let mode = Mode::Training { seed: Seed(2), step: 5, node: 3, first };
        let (y, _) = block.forward(&[x.clone().narrow(0, rows.start, rows.len())], mode);
        nmnc_testing::values(&y)
    };
    let whole = of(0..BATCH, 0);
    for rows in [0..2, 2..BATCH, 1..4] {
        let expected = &whole[rows.start * 8..rows.end * 8];
        nmnc_testing::assert_close("masked", &of(rows.clone(), rows.start), expected, 1e-13);
    }
    let moved = of(2..BATCH, 0).iter().zip(&whole[2 * 8..]).any(|(a, b)| (a - b).abs() > 1e-3);
    assert!(moved, "all rows have the same mask");
}

#[test]
#[should_panic(expected = "another block's")]
fn a_trace_of_another_block_is_told() {
    residual(8, 7, F64).input_vjp(&Trace::new(3u8), normal([1, 8], 1, F64), 0, &[]);
}

fn training(net: &Network) -> ForwardPass {
    net.training_forward(inputs(BATCH, 30, F64), Seed(4), 9, 0)
}

#[test]
fn backpropagated_gradients_are_those_of_finite_differences() {
    let mut net = network(F64, true);
    let error = normal([BATCH, OUTPUTS], 33, F64);
    let pass = training(&net);
    let signals = backpropagate(&net, &pass, &error);
    let gradients = net.gradients(&pass, &signals, &error);
    let names: Vec<String> = net.parameters().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, gradients.iter().map(|(name, _)| name).collect::<Vec<_>>());
    assert!(names.contains(&"residual.norm.gain".to_owned()), "{names:?}");
    for (place, name) in names.iter().enumerate() {
        let start = net.values_mut()[place].clone();
        compare(name, &start, gradients.get(name).unwrap(), |moved| {
            *net.values_mut()[place] = moved;
            inner(&training(&net).output, &error)
        });
        *net.values_mut()[place] = start;
    }
}

#[test]
fn a_section_carries_its_own_signal_alone() {
    let net = network(F64, true);
    let pass = training(&net);
    let (zero, error) = (normal([BATCH, OUTPUTS], 33, F64) * 0.0, normal([BATCH, 8], 34, F64));
    let silent = |stage: usize| normal([BATCH, net.stage_units()[stage]], 1, F64) * 0.0;
    // The second stage's signal reaches the block, the sum, and both of what it adds, up to the first stage; nothing else.
    let gradients = net.gradients(&pass, &[silent(0), error.clone(), silent(2)], &zero);
    for (name, energy) in gradients.energies() {
        let within = ["residual.", "twin.", "side."].iter().any(|node| name.starts_with(node));
        assert_eq!(energy > 0.0, within, "{name}: {energy}");
    }
    assert_eq!(
        net.section_weights(1),
        ["side.weight", "twin.weight", "residual.first.weight", "residual.second.weight"]
    );
    assert_eq!((net.place("tail.bias"), net.place("side.weight")), ("stage 3".to_owned(), "side".to_owned()));
}

#[test]
fn gradients_in_turn_have_the_same_bits_and_let_go_of_what_is_done() {
    let net = network(DType::F32, true);
    let error = normal([BATCH, OUTPUTS], 33, DType::F32);
    let pass = || net.training_forward(inputs(BATCH, 30, DType::F32), Seed(4), 9, 0);
    let whole = pass();
    let signals = backpropagate(&net, &whole, &error);
    let expected = net.gradients(&whole, &signals, &error);
    let (asked, mut told, mut found) = (Cell::new(0), Vec::new(), Gradients::default());
    let signal = |stage: usize, kept: &ForwardPass| {
        asked.set(stage + 1);
        assert_eq!(values::<f32>(kept.activity(stage)), values::<f32>(whole.activity(stage)));
        Ok(signals[stage].clone())
    };
    net.gradients_in_turn(pass(), &error, signal, |gradients| {
        told.push((asked.get(), gradients.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()));
        found.extend(gradients);
        Ok(())
    })
    .unwrap();
    // Gradients are told of before the next signal is asked for, those of several sections after the last of these.
    assert_eq!(told.iter().map(|(asked, _)| *asked).collect::<Vec<_>>(), [1, 2, 3, 3]);
    assert!(told.iter().all(|(_, names)| !names.is_empty()), "{told:?}");
    let found = found.in_order(expected.iter().map(|(name, _)| name));
    assert_eq!(found.iter().len(), expected.iter().len());
    for ((name, expected), (other, found)) in expected.iter().zip(found.iter()) {
        assert_eq!((name, values::<f32>(expected)), (other, values::<f32>(found)));
    }
    // This network has a node in two sections.
    let (mut told, mut found) = (0, Gradients::default());
    net.gradients_by_size(
        pass(),
        &error,
        |stage, _| Ok(signals[stage].clone()),
        |gradients| {
            told += 1;
            found.extend(gradients);
            Ok(())
        },
    )
    .unwrap();
    assert_eq!(told, 4);
    for ((name, expected), (_, found)) in
        expected.iter().zip(found.in_order(expected.iter().map(|(name, _)| name)).iter())
    {
        assert_eq!(values::<f32>(expected), values::<f32>(found), "{name}");
    }
    let gone = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let signal = |stage: usize, kept: &ForwardPass| {
            drop(kept.activity(0).clone());
            Ok(signals[stage].clone())
        };
        net.gradients_in_turn(pass(), &error, signal, |_| Ok(()))
    }));
    // The first stage's activity is what the skip around the second begins with; the third has no use for it.
    assert!(gone.is_err());
}
