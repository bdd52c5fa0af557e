//! The mean Jacobian and the rule that feeds it back, against finite differences, products written out, and backprop.

use burn::tensor::{DType, Device, Tensor};
use nmnc_core::device::matrix;
use nmnc_core::{Result, Seed};
use nmnc_learn::agreement::{MOST_OUTPUTS, agreement_with_mean};
use nmnc_learn::credit::{
    CreditConfig, CreditRule, MeanJacobian, MeanJacobianConfig, RuleSetup, StepContext, backpropagate,
    mean_jacobian,
};
use nmnc_learn::net::{Activation, Dense, Inputs, Network, Replay};
use nmnc_learn::workers::Share;
use nmnc_testing::differences::compare;
use nmnc_testing::values;

use super::{BATCH, OUTPUTS, inputs, network, normal};

const F32: DType = DType::F32;

/// Shifts of a stage's activity that are the same for all examples show the mean of their Jacobians; more examples than pass at a time,
/// through a skip around stage 2 and running statistics.
#[test]
fn the_mean_jacobian_is_what_a_common_shift_of_activity_does_to_the_mean_output() {
    const EXAMPLES: usize = 131;
    for centered in [false, true] {
        let net = network(DType::F64, centered);
        let given = inputs(EXAMPLES, 60, DType::F64);
        let found = mean_jacobian(&net, given.clone());
        let pass = net.forward(given);
        for (stage, found) in found.iter().enumerate() {
            let units = net.stage_units()[stage];
            assert_eq!(found.dims(), [OUTPUTS, units]);
            for output in 0..OUTPUTS {
                let none = normal([1, units], 0, DType::F64) * 0.0;
                let name = format!("stage {}, output {output}", stage + 1);
                compare(&name, &none, &found.clone().narrow(0, output, 1), |shift| {
                    let moved = Replay::new(&net, &pass)
                        .output(&[stage], |_, x| Ok(x + shift.clone().repeat_dim(0, EXAMPLES)));
                    let moved = values(&moved.unwrap().narrow(1, output, 1));
                    moved.iter().sum::<f64>() / EXAMPLES as f64
                });
            }
        }
    }
}

#[test]
fn signals_are_compared_with_those_of_the_mean_over_their_own_batch() {
    let net = network(DType::F64, true);
    let batch = inputs(BATCH, 60, DType::F64);
    let error = normal([BATCH, OUTPUTS], 33, DType::F64);
    let signals: Vec<Tensor<2>> = (70..)
        .zip(net.stage_units())
        .map(|(index, units)| normal([BATCH, units], index, DType::F64))
        .collect();
    let found = agreement_with_mean(&net, batch.clone(), &error, &signals).unwrap();
    let jacobians = mean_jacobian(&net, batch);
    assert_eq!(found.len(), jacobians.len());
    for ((found, signal), jacobian) in found.iter().zip(&signals).zip(&jacobians) {
        let units = jacobian.dims()[1];
        let (own, mean) = (values(signal), product(&error, jacobian));
        let cosine = |row: usize| {
            let rows = [&own, &mean].map(|all| &all[row * units..(row + 1) * units]);
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            dot(rows[0], rows[1]) / (dot(rows[0], rows[0]) * dot(rows[1], rows[1])).sqrt()
        };
        let expected = (0..BATCH).map(cosine).sum::<f64>() / BATCH as f64;
        assert!((found.cosine - expected).abs() < 1e-12, "{found:?} {expected}");
    }
}

#[test]
fn many_outputs_are_not_compared() {
    for (outputs, compared) in [(MOST_OUTPUTS, true), (MOST_OUTPUTS + 1, false)] {
        let stage = Dense::new(normal([4, 3], 1, F32), normal([1, 4], 2, F32), Activation::Tanh);
        let readout =
            Dense::new(normal([outputs, 4], 3, F32), normal([1, outputs], 4, F32), Activation::Identity);
        let net = Network::chain(vec![Box::new(stage)], readout).unwrap();
        let error = normal([2, outputs], 5, F32);
        let signals = [normal([2, 4], 6, F32)];
        let found = agreement_with_mean(&net, normal([2, 3], 7, F32), &error, &signals);
        assert_eq!(found.is_some(), compared);
    }
}

fn sample(count: usize, step: u64) -> Result<Inputs> {
    Ok(inputs(count, 200 + 2 * step as usize, F32).into())
}

fn rule(settings: &str, net: &Network) -> MeanJacobian {
    let config: CreditConfig = toml::from_str(&format!("rule = 'mean-jacobian'\n{settings}")).unwrap();
    let settings: MeanJacobianConfig = config.resolve().unwrap().settings.try_into().unwrap();
    MeanJacobian::new(settings, &RuleSetup { network: net, seed: Seed(1), device: &Device::flex() })
}

/// Signals of step `step`, whose batch is drawn by it, and the batch's error.
fn signals(rule: &mut MeanJacobian, net: &Network, step: u64) -> (Vec<Tensor<2>>, Tensor<2>) {
    let pass = net.training_forward(inputs(BATCH, 300 + 2 * step as usize, F32), Seed(1), step, 0);
    let error = normal([BATCH, OUTPUTS], 400 + step as usize, F32);
    let share = &Share::alone(BATCH);
    let context =
        StepContext { network: net, pass: &pass, error: &error, step, seed: Seed(1), inputs: &sample, share };
    (rule.signals(&context).unwrap(), error)
}

#[test]
fn feedback_is_the_mean_jacobian_of_the_last_step_that_was_due() {
    let net = network(F32, false);
    let mut rule = rule("examples = 20\ninterval = 3", &net);
    for step in 0..5 {
        let (found, error) = signals(&mut rule, &net, step);
        let expected = mean_jacobian(&net, sample(20, step / 3 * 3).unwrap());
        for (stage, (found, jacobian)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(values(rule.feedback(stage)), values(jacobian), "step {step}");
            let written = product(&error, jacobian);
            let missed = values(found).iter().zip(&written).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(missed < 1e-5, "step {step}, stage {}: {missed}", stage + 1);
        }
        assert_eq!(rule.probes(), 0);
    }
}

/// The product of two matrices, number by number.
fn product(a: &Tensor<2>, b: &Tensor<2>) -> Vec<f64> {
    let ([rows, inner], [_, columns]) = (a.dims(), b.dims());
    let (a, b) = (values(a), values(b));
    let at = |i: usize, j: usize| (0..inner).map(|k| a[i * inner + k] * b[k * columns + j]).sum();
    (0..rows * columns).map(|place| at(place / columns, place % columns)).collect()
}

/// Off the manifold nothing is left, on it everything; whichever of the two was refreshed last.
#[test]
fn on_a_manifold_it_is_projected() {
    let net = network(F32, false);
    for manifold in [
        "{ dimension = 3, samples = 40, refresh = 2 }",
        "{ dimension = 3, samples = 40, refresh = 7 }",
        "{ dimension = 2, method = 'incremental', refresh = 3 }",
    ] {
        let mut rule = rule(&format!("examples = 20\ninterval = 5\nmanifold = {manifold}"), &net);
        for step in 0..8 {
            signals(&mut rule, &net, step);
            let jacobians = mean_jacobian(&net, sample(20, step / 5 * 5).unwrap());
            for (stage, jacobian) in jacobians.iter().enumerate() {
                let basis = rule.manifold(stage).unwrap().basis();
                let projection = product(basis, &basis.clone().transpose());
                let units = basis.dims()[0];
                let numbers = projection.iter().map(|&v| v as f32).collect();
                let expected = product(jacobian, &matrix(numbers, [units, units], &Device::flex()));
                let found = values(rule.feedback(stage));
                let missed = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(missed < 1e-5, "{manifold}, step {step}, stage {}: {missed}", stage + 1);
                let less =
                    values(jacobian).iter().zip(&found).any(|(whole, part)| (whole - part).abs() > 0.01);
                assert!(less, "{manifold}: nothing was projected");
            }
        }
    }
}

/// Weights and errors are small whole numbers, so that nothing is rounded, and examples a power of two.
#[test]
fn in_a_linear_network_signals_are_those_of_backprop_to_the_bit() {
    let whole = |shape: [usize; 2], index: usize| (normal(shape, index, F32) * 1.5).round();
    let dense = |shape: [usize; 2], index: usize| {
        Dense::new(whole(shape, index), whole([1, shape[0]], index + 1), Activation::Identity)
    };
    let mut net = Network::builder(&[5, 4]);
    let (a, b) = (net.input(0).unwrap(), net.input(1).unwrap());
    let first = net.node("first", dense([9, 5], 1), &[a]).unwrap();
    net.stage(first).unwrap();
    let side = net.node("side", dense([9, 4], 3), &[b]).unwrap();
    let sum = net.node("sum", nmnc_learn::net::Add::new(2, 9), &[first, side]).unwrap();
    let second = net.node("second", dense([6, 9], 5), &[sum]).unwrap();
    net.stage(second).unwrap();
    let readout = net.node("readout", dense([OUTPUTS, 6], 7), &[second]).unwrap();
    let net = net.build(readout).unwrap();
    let mut rule = rule("examples = 256", &net);
    let pass = net.training_forward(inputs(BATCH, 30, F32), Seed(1), 0, 0);
    let error = whole([BATCH, OUTPUTS], 31);
    let share = &Share::alone(BATCH);
    let context = StepContext {
        network: &net,
        pass: &pass,
        error: &error,
        step: 0,
        seed: Seed(1),
        inputs: &sample,
        share,
    };
    let found = rule.signals(&context).unwrap();
    for (found, exact) in found.iter().zip(backpropagate(&net, &pass, &error)) {
        assert!(values(&exact).iter().any(|v| *v != 0.0));
        assert_eq!(values(found), values(&exact));
    }
}

#[test]
fn a_rule_that_was_restored_goes_on_as_if_nothing_had_been() {
    let net = network(F32, true);
    for manifold in [
        "",
        "manifold = { dimension = 3, samples = 40, refresh = 2 }",
        "manifold = { dimension = 2, method = 'incremental', refresh = 1 }",
    ] {
        let settings = format!("examples = 20\ninterval = 3\n{manifold}");
        let mut first = rule(&settings, &net);
        (0..2).for_each(|step| drop(signals(&mut first, &net, step)));
        let mut second = rule(&settings, &net);
        second.restore(&first.state()).unwrap();
        first.state().check_taken(&second.state()).unwrap();
        for step in 2..5 {
            let own = |rule: &mut MeanJacobian| -> Vec<Vec<f64>> {
                signals(rule, &net, step).0.iter().map(values).collect()
            };
            assert_eq!(own(&mut first), own(&mut second), "{settings}, step {step}");
        }
        let mut state = first.state();
        state.tensors.remove("stage2.jacobian");
        assert!(second.restore(&state).is_err());
    }
}

/// Without variance there is no manifold, and nothing is left of the feedback.
#[test]
fn activity_that_does_not_vary_leaves_no_signal_and_a_warning() {
    let net = network(F32, false);
    let mut rule = rule("examples = 4\nmanifold = { dimension = 2, samples = 10 }", &net);
    let same = |count: usize, _: u64| -> Result<Inputs> {
        Ok(inputs(1, 200, F32).into_iter().map(|x| x.repeat_dim(0, count)).collect::<Vec<_>>().into())
    };
    let pass = net.forward(inputs(BATCH, 30, F32));
    let error = normal([BATCH, OUTPUTS], 31, F32);
    let share = &Share::alone(BATCH);
    let context = StepContext {
        network: &net,
        pass: &pass,
        error: &error,
        step: 0,
        seed: Seed(1),
        inputs: &same,
        share,
    };
    for signal in rule.signals(&context).unwrap() {
        assert!(values(&signal).iter().all(|v| *v == 0.0));
    }
    let warnings = rule.take_warnings();
    assert_eq!(warnings.len(), 3);
    let expected = "stage 1: activity does not vary, so it has no manifold and no error signal";
    assert_eq!(warnings[0], expected);
    assert!(rule.manifold(0).is_none());
}
