//! Products with Jacobians of every block against finite differences in f64, in evaluation and in training.

use burn::tensor::{DType, Tensor};
use nmnc_learn::net::{Block, Mode, own_weights};
use nmnc_testing::differences::{compare, inner};

use super::{BATCH, TRAINING, all, inputs, normal};

const F64: DType = DType::F64;

fn check(block: &mut dyn Block, mode: Mode) {
    let name = block.describe();
    let xs = inputs(block, 40, F64);
    let error = normal([BATCH, block.units()], 47, F64);
    let (y, trace) = block.forward(&xs, mode);
    assert_eq!(y.dims(), [BATCH, block.units()], "{name}");
    let own = own_weights(block);
    let value = |block: &dyn Block, xs: &[Tensor<2>]| inner(&block.forward(xs, mode).0, &error);
    for (input, x) in xs.iter().enumerate() {
        let back = block.input_vjp(&trace, error.clone(), input, &own);
        compare(&format!("{name}, input {input}"), x, &back, |moved| {
            let mut xs = xs.clone();
            xs[input] = moved;
            value(block, &xs)
        });
    }
    let changes = inputs(block, 60, F64);
    let along = |step: f64| {
        let moved: Vec<_> = xs.iter().zip(&changes).map(|(x, v)| x.clone() + v.clone() * step).collect();
        block.forward(&moved, mode).0
    };
    let numeric = (along(1e-6) - along(-1e-6)) / 2e-6;
    let missed = numeric.clone() - block.jvp(&trace, &changes, &own);
    assert!(inner(&missed, &missed) <= 1e-14 * inner(&numeric, &numeric), "{name}: jvp");
    let gradients = block.parameter_vjp(&trace, error.clone());
    assert_eq!(gradients.len(), block.parameters().len(), "{name}");
    for (place, gradient) in gradients.iter().enumerate() {
        let start = block.parameters()[place].value.clone();
        let of = format!("{name}, {}", block.parameters()[place].name);
        compare(&of, &start, gradient, |moved| {
            block.parameters_mut()[place].value = moved;
            value(block, &xs)
        });
        block.parameters_mut()[place].value = start;
    }
    // Adjoint through any weights, not only through the block's own.
    let other: Vec<_> = own.iter().enumerate().map(|(i, w)| normal(w.dims(), 70 + i, F64)).collect();
    let left = inner(&block.jvp(&trace, &changes, &other), &error);
    let right: f64 = changes
        .iter()
        .enumerate()
        .map(|(input, change)| inner(&block.input_vjp(&trace, error.clone(), input, &other), change))
        .sum();
    assert!((left - right).abs() < 1e-10 * (1.0 + left.abs()), "{name}: {left} {right}");
}

#[test]
fn products_with_jacobians_are_those_of_finite_differences() {
    for mode in [Mode::Evaluation, TRAINING] {
        for mut block in all(F64) {
            check(&mut *block, mode);
        }
    }
}

#[test]
fn maps_read_and_give_what_they_say() {
    let mut maps = 0;
    for block in all(F64) {
        let (_, trace) = block.forward(&inputs(&*block, 40, F64), TRAINING);
        for (index, map) in block.maps().into_iter().enumerate() {
            let change = normal([3, map.operation.inputs()], 43, F64);
            let response = normal([3, map.operation.outputs()], 44, F64);
            let left = inner(&map.response(change.clone()), &response);
            let right = inner(&map.parameter.value, &map.operation.correlate(change, response));
            assert!((left - right).abs() < 1e-10 * (1.0 + left.abs()), "{}: map {index}", block.describe());
            assert_eq!(block.map_input(&trace, index).dims(), [BATCH, map.operation.inputs()]);
            if let Some(input) = map.source {
                assert_eq!(block.inputs()[input], map.operation.inputs());
            }
            maps += 1;
        }
    }
    assert_eq!(maps, 5);
}
