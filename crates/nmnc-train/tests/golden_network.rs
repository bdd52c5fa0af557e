//! A whole network against PyTorch: losses, backprop's signals, gradients, Jacobians and captured energy.

use burn::tensor::{DType, Tensor};
use nmnc_learn::agreement::captured_energy;
use nmnc_learn::credit::backpropagate;
use nmnc_learn::manifold::Subspace;
use nmnc_learn::net::{Activation, Dense, Network, Replay};
use nmnc_testing::{Golden, PRECISIONS, assert_close, block, values};
use nmnc_train::{Loss, Objective};

fn network(golden: &Golden, dtype: DType) -> Network {
    let cases = golden.case("network")["stages"].as_array().unwrap();
    let parameter = |name: String| golden.matrix(&name, dtype);
    let stages = cases.iter().enumerate().map(|(l, case)| {
        block(case, parameter(format!("stage.{l}.weight")), parameter(format!("stage.{l}.bias")))
    });
    let readout = Dense::new(
        parameter("readout.weight".into()),
        parameter("readout.bias".into()),
        Activation::Identity,
    );
    Network::chain(stages.collect(), readout).unwrap()
}

#[test]
fn losses_signals_and_gradients_agree_with_pytorch() {
    let golden = Golden::read("network.safetensors");
    let labels: Vec<u32> = golden.numbers("labels").iter().map(|&l| l as u32).collect();
    for (dtype, tolerance) in PRECISIONS {
        let network = network(&golden, dtype);
        let pass = network.forward(golden.matrix("x", dtype));
        let check = |name: &str, actual: &Tensor<2>| {
            assert_close(&format!("{name} {dtype:?}"), &values(actual), golden.numbers(name), tolerance);
        };
        check("logits", &pass.output);
        for (l, activity) in pass.activities().enumerate() {
            check(&format!("stage.{l}.activity"), activity);
            // A perturbed pass that perturbs nothing ends where the clean one ended.
            let replayed = Replay::new(&network, &pass).output(&[l], |_, _| Ok(activity.clone()));
            check("logits", &replayed.unwrap());
        }
        let smoothing = golden.case("network")["smoothing"].as_f64().unwrap();
        for (name, objective) in [
            ("cross_entropy", Loss::CrossEntropy.into()),
            ("mean_squared_error", Loss::MeanSquaredError.into()),
            ("cross_entropy_smoothed", Loss::CrossEntropy.smoothed(smoothing)),
            ("mean_squared_error_smoothed", Loss::MeanSquaredError.smoothed(smoothing)),
        ] {
            let judged = Objective::judge(objective, &pass.output, &labels);
            assert_close(name, &[judged.loss], golden.numbers(&format!("{name}.loss")), tolerance);
            check(&format!("{name}.error"), &judged.error);
            let signals = backpropagate(&network, &pass, &judged.error);
            for (l, signal) in signals.iter().enumerate() {
                check(&format!("{name}.delta.{l}"), signal);
            }
            let gradients = network.gradients(&pass, &signals, &judged.error);
            assert_eq!(gradients.iter().len(), network.parameters().len());
            for (full_name, gradient) in gradients.iter() {
                // The files number stages from 0.
                let their_name = match full_name.strip_prefix("stage") {
                    Some(rest) => {
                        let (number, parameter) = rest.split_once('.').unwrap();
                        format!("stage.{}.{parameter}", number.parse::<usize>().unwrap() - 1)
                    }
                    None => full_name.to_owned(),
                };
                check(&format!("{name}.gradient.{their_name}"), gradient);
            }
        }
    }
}

#[test]
fn jacobians_and_captured_energy_agree_with_pytorch() {
    let golden = Golden::read("alignment.safetensors");
    let net = Golden::read("network.safetensors");
    for (dtype, tolerance) in PRECISIONS {
        let network = network(&net, dtype);
        let pass = network.forward(net.matrix("x", dtype));
        let outputs = network.outputs();
        let subspaces: Vec<Subspace> = (0..3)
            .map(|l| {
                let basis = golden.matrix(&format!("stage.{l}.basis"), dtype);
                let dimension = basis.dims()[1];
                Subspace::new(basis, vec![1.0; dimension], dimension as f64)
            })
            .collect();
        let borrowed: Vec<Option<&Subspace>> = subspaces.iter().map(Some).collect();
        let energies = captured_energy(&network, &pass, &borrowed, false);
        for (l, energy) in energies.into_iter().enumerate() {
            let expected = golden.numbers(&format!("stage.{l}.captured_energy"));
            assert_close(&format!("alpha {l} {dtype:?}"), &[energy.unwrap()], expected, tolerance);
            // Without the mean over outputs, from the stored Jacobians.
            let jacobian = golden.numbers(&format!("stage.{l}.jacobian"));
            let units = subspaces[l].units();
            let centered = captured_energy(&network, &pass, &borrowed, true)[l].unwrap();
            let expected = centered_energy(jacobian, outputs, units, &values(subspaces[l].basis()));
            assert_close(&format!("centered alpha {l} {dtype:?}"), &[centered], &[expected], tolerance);
        }
        for output in 0..outputs {
            let mut row = vec![0.0f32; outputs];
            row[output] = 1.0;
            let error = nmnc_core::device::matrix(row, [1, outputs], &pass.output.device()).cast(dtype);
            let rows = backpropagate(&network, &pass, &error.repeat_dim(0, pass.output.dims()[0]));
            for (l, actual) in rows.iter().enumerate() {
                let units = actual.dims()[1];
                let jacobian = golden.numbers(&format!("stage.{l}.jacobian"));
                let expected: Vec<f64> = jacobian
                    .chunks_exact(outputs * units)
                    .flat_map(|example| example[output * units..(output + 1) * units].to_vec())
                    .collect();
                assert_close(&format!("Jacobian {l} row {output}"), &values(actual), &expected, tolerance);
            }
        }
    }
}

/// Captured energy of Jacobians `[examples, outputs, units]` whose mean over outputs has been taken out.
fn centered_energy(jacobian: &[f64], outputs: usize, units: usize, basis: &[f64]) -> f64 {
    let dimension = basis.len() / units;
    let (mut inside, mut total) = (0.0, 0.0);
    for example in jacobian.chunks_exact(outputs * units) {
        let mean: Vec<f64> = (0..units)
            .map(|i| (0..outputs).map(|o| example[o * units + i]).sum::<f64>() / outputs as f64)
            .collect();
        for row in example.chunks_exact(units) {
            let centered: Vec<f64> = row.iter().zip(&mean).map(|(a, m)| a - m).collect();
            total += centered.iter().map(|v| v * v).sum::<f64>();
            for k in 0..dimension {
                let coordinate: f64 = (0..units).map(|i| centered[i] * basis[i * dimension + k]).sum();
                inside += coordinate * coordinate;
            }
        }
    }
    inside / total
}
