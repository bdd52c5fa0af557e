//! The fused elementwise operations against the composed ones in double precision.

use burn::backend::Flex;
use burn::tensor::{DType, Tensor};
use nmnc_kernels::{AdamStep, SgdStep, adam, blend, embed_add, perturb, row_energies, sgd};
use proptest::prelude::*;

use crate::common::{Values, assert_close, bits, numbers, single};

fn wide(tensor: &Tensor<2>) -> Tensor<2> {
    tensor.clone().cast(DType::F64)
}

/// Where a processor tensor's numbers lie.
fn address(tensor: &Tensor<2>) -> usize {
    tensor.clone().try_into_primitive::<Flex>().unwrap().bytes().as_ptr() as usize
}

/// A random matrix, stored by rows or by columns.
fn matrix(values: &mut Values, [rows, columns]: [usize; 2], by_columns: bool) -> Tensor<2> {
    if by_columns { values.uniform([columns, rows]).transpose() } else { values.uniform([rows, columns]) }
}

fn steps() -> impl Strategy<Value = (SgdStep, AdamStep)> {
    let flag = any::<bool>();
    (flag, flag, flag, flag, 1..50_u64).prop_map(|(momentum, nesterov, penalty, decay, steps)| {
        let penalty = if penalty { 0.03 } else { 0.0 };
        let momentum = if momentum { 0.9 } else { 0.0 };
        let decay = if decay { 0.2 } else { 0.0 };
        (
            SgdStep { rate: 0.1, momentum, nesterov, penalty },
            AdamStep { rate: 0.1, betas: [0.9, 0.99], epsilon: 1e-3, penalty, decay, steps },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn perturbations_and_averages_agree(
        rows in 1..60_usize, columns in 1..700_usize, dimension in 1..70_usize, layout in 0..8_u8, seed: u64,
    ) {
        let mut values = Values(seed);
        let shape = [rows, columns];
        let a = matrix(&mut values, shape, layout & 1 == 1);
        let b = matrix(&mut values, shape, layout & 2 == 2);
        assert_close("perturbed", perturb(&a, &b, 0.3), perturb(&wide(&a), &wide(&b), 0.3));
        assert_close("blend", blend(a.clone(), b.clone(), 0.2), blend(wide(&a), wide(&b), 0.2));
        let coordinates = matrix(&mut values, [rows, dimension], layout & 2 == 2);
        let basis = matrix(&mut values, [columns, dimension], layout & 4 == 4);
        assert_close(
            "embedded",
            embed_add(&a, &coordinates, &basis, -0.7),
            embed_add(&wide(&a), &wide(&coordinates), &wide(&basis), -0.7),
        );
        for (energy, exact) in row_energies(&a).iter().zip(row_energies(&wide(&a))) {
            assert!((energy - exact).abs() <= 1e-13 * exact, "{energy} against {exact}");
        }
    }

    #[test]
    fn optimizer_steps_agree(
        rows in 1..40_usize, columns in 1..900_usize, layout in 0..4_u8, steps in steps(), seed: u64,
    ) {
        let mut values = Values(seed);
        let (descent, adaptive) = steps;
        let shape = [rows, columns];
        let value = matrix(&mut values, shape, layout & 1 == 1);
        let gradient = matrix(&mut values, shape, layout & 2 == 2);
        let velocity = values.uniform(shape);
        for velocity in [None, Some(velocity.clone())] {
            let (expected, expected_velocity) =
                sgd(wide(&value), wide(&gradient), velocity.as_ref().map(wide), &descent);
            let (actual, velocity) = sgd(value.clone(), gradient.clone(), velocity, &descent);
            assert_close("value", actual, expected);
            assert_eq!(velocity.is_some(), descent.momentum > 0.0);
            if let (Some(velocity), Some(expected)) = (velocity, expected_velocity) {
                assert_close("velocity", velocity, expected);
            }
        }
        let second = velocity.clone() * velocity.clone();
        let expected = adam(wide(&value), wide(&gradient), wide(&velocity), wide(&second), &adaptive);
        let actual = adam(value, gradient, velocity, second, &adaptive);
        for (what, (actual, expected)) in ["value", "first", "second"].iter().zip(actual.into_iter().zip(expected)) {
            assert_close(what, actual, expected);
        }
    }
}

#[test]
fn tensors_owned_alone_change_in_place_and_shared_ones_stay() {
    let step = AdamStep { rate: 0.1, betas: [0.9, 0.99], epsilon: 1e-8, penalty: 0.0, decay: 0.0, steps: 1 };
    let descent = SgdStep { rate: 0.1, momentum: 0.9, nesterov: true, penalty: 0.0 };
    let fresh = |seed| Values(seed).uniform([30, 2000]);
    let addresses = |tensors: [&Tensor<2>; 3]| tensors.map(address);

    let (value, first, second) = (fresh(1), fresh(2), fresh(3).abs());
    let before = addresses([&value, &first, &second]);
    let after = adam(value, fresh(4), first, second, &step);
    assert_eq!(before, addresses([&after[0], &after[1], &after[2]]));
    let (value, velocity) = (fresh(1), fresh(2));
    let before = [address(&value), address(&velocity)];
    let (value, velocity) = sgd(value, fresh(4), Some(velocity), &descent);
    assert_eq!(before, [address(&value), address(&velocity.unwrap())]);
    let old = fresh(1);
    let before = address(&old);
    assert_eq!(before, address(&blend(old, fresh(2), 0.5)));

    let kept = [fresh(1), fresh(2), fresh(3).abs(), fresh(4)];
    let copies = kept.clone().map(bits);
    let [value, first, second, gradient] = kept.clone();
    let shared = adam(value, gradient, first, second, &step);
    let _ = sgd(kept[0].clone(), kept[3].clone(), Some(kept[1].clone()), &descent);
    let _ = blend(kept[0].clone(), kept[1].clone(), 0.5);
    assert_eq!(kept.map(bits), copies);
    assert_eq!(shared.map(bits), after.map(bits));
}

#[test]
fn finite_rows_have_finite_energies_and_others_do_not() {
    let x = single(vec![1e30, -1e30, 3.0, 4.0, f32::INFINITY, 0.0, f32::NAN, 0.0], [4, 2]);
    let energies = row_energies(&x);
    assert!((energies[0] / 2e60 - 1.0).abs() < 1e-6 && energies[1] == 25.0, "{energies:?}");
    assert!(energies[2] == f64::INFINITY && energies[3].is_nan(), "{energies:?}");
    assert_eq!(row_energies(&x.clone().slice([0..4, 0..0])), [0.0; 4]);
}

#[test]
#[should_panic(expected = "shapes of activity and coordinates")]
fn shapes_must_fit() {
    let mut values = Values(1);
    perturb(&values.uniform([2, 3]), &values.uniform([3, 2]), 1.0);
}

/// One Adam step by hand: the first step moves every value by the learning rate along the gradient's sign.
#[test]
fn a_first_adam_step_is_a_sign_step() {
    let gradient = single(vec![0.5, -2.0, 1e-3], [1, 3]);
    let step =
        AdamStep { rate: 0.25, betas: [0.9, 0.999], epsilon: 1e-12, penalty: 0.0, decay: 0.0, steps: 1 };
    let zeros = gradient.zeros_like();
    let [value, ..] = adam(zeros.clone(), gradient, zeros.clone(), zeros, &step);
    for (value, expected) in numbers(value).into_iter().zip([-0.25, 0.25, -0.25]) {
        assert!((value - expected).abs() < 1e-5, "{value}");
    }
}
