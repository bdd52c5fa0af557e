//! The analysis of networks against finite differences, PyTorch, SciPy and theorems.

use burn::tensor::{DType, Device, Tensor, TensorData};
use nmnc_analysis::analysis::{
    Analysis, AnalysisSettings, NeededSettings, Needing, Subject, Target, activity, jacobians, network,
    probes_needed,
};
use nmnc_analysis::dimension::{Matrix, components};
use nmnc_core::Seed;
use nmnc_core::seed::Role;
use nmnc_learn::agreement::captured_energy;
use nmnc_learn::manifold::Subspace;
use nmnc_learn::net::{Activation, Block, Dense, Network, NetworkConfig, Replay};
use nmnc_testing::{Golden, assert_close, block, values};

fn small() -> AnalysisSettings {
    AnalysisSettings {
        examples: 200,
        jacobians: 40,
        curve: 12,
        dimensions: vec![2, 4, 8],
        probes: 0,
        neighbors: 5,
        ..AnalysisSettings::default()
    }
}

fn random(shape: [usize; 2], seed: u64) -> Tensor<2> {
    let mut numbers = vec![0.0; shape[0] * shape[1]];
    Seed(seed).stream(Role::Analysis, 9, 0).fill_normal(&mut numbers);
    nmnc_core::device::matrix(numbers, shape, &Device::flex())
}

fn conv(config: &str) -> Network {
    let config: NetworkConfig = toml::from_str(config).unwrap();
    config.resolve().unwrap().build([1, 8, 8], 3, Seed(2), &Device::flex()).unwrap()
}

const TANH: &str = "preset = \"conv3\"\nwidths = [4, 5, 6]\nactivation = \"tanh\"";

fn analyze(network_of: &Network, inputs: &Tensor<2>, settings: &AnalysisSettings) -> Analysis {
    let subject = Subject { network: network_of, untrained: Some(network_of), inputs, stages: &[] };
    network(&subject, settings).unwrap()
}

#[test]
fn the_exact_jacobian_is_that_of_finite_differences() {
    let mut net = conv(TANH);
    for value in net.values_mut() {
        *value = value.clone().cast(DType::F64);
    }
    let input = random([3, 64], 1).cast(DType::F64);
    let pass = net.forward(input);
    let exact = jacobians::<f64>(&net, &pass);
    let step = 1e-6;
    for (l, units) in net.stage_units().into_iter().enumerate() {
        let scale = exact[l].iter().fold(0.0f64, |a, b| a.max(b.abs()));
        for unit in (0..units).step_by(7) {
            let mut moved = vec![0.0; 3 * units];
            (0..3).for_each(|example| moved[example * units + unit] = step);
            let moved: Tensor<2> =
                Tensor::from_data(TensorData::new(moved, [3, units]), (&Device::flex(), DType::F64));
            let replay = Replay::new(&net, &pass);
            let output = |sign: f64| replay.output(&[l], |_, x| Ok(x + moved.clone() * sign)).unwrap();
            let change = output(1.0) - output(-1.0);
            for (at, numeric) in values(&(change / (2.0 * step))).into_iter().enumerate() {
                let (example, output) = (at / 3, at % 3);
                let analytic = exact[l][(example * 3 + output) * units + unit];
                assert!(
                    (numeric - analytic).abs() < 1e-8 * scale.max(1.0),
                    "stage {l}: {numeric} {analytic}"
                );
            }
        }
    }
}

#[test]
fn energies_and_angles_are_those_of_pytorch_and_scipy() {
    let (golden, parts) = (Golden::read("alignment.safetensors"), Golden::read("network.safetensors"));
    let cases = parts.case("network")["stages"].as_array().unwrap();
    let parameter = |name: String| parts.matrix(&name, DType::F32);
    let stages = cases.iter().enumerate().map(|(l, case)| {
        block(case, parameter(format!("stage.{l}.weight")), parameter(format!("stage.{l}.bias")))
    });
    let readout = Dense::new(
        parameter("readout.weight".into()),
        parameter("readout.bias".into()),
        Activation::Identity,
    );
    let net = Network::chain(stages.collect(), readout).unwrap();
    let x = parts.matrix("x", DType::F32);
    let settings = AnalysisSettings { curve: 3, dimensions: vec![3], centered: false, ..small() };
    for (l, found) in analyze(&net, &x, &settings).stages.iter().enumerate() {
        let alignment = found.alignment.as_ref().unwrap();
        let alpha = golden.numbers(&format!("stage.{l}.captured_energy"));
        assert_close(&format!("alpha {l}"), &[alignment.captured.pooled[2]], alpha, 1e-4);
        // The same basis gives what training records.
        let mut angles = golden.numbers(&format!("stage.{l}.principal_angles")).to_vec();
        angles.reverse();
        let degrees: Vec<f64> = angles.iter().map(|a| a.to_degrees()).collect();
        assert_close(&format!("angles {l}"), &alignment.angles[0].degrees, &degrees, 1e-3);
        // Alpha of the mean Jacobian, from the stored one.
        let (mean, basis) = (
            golden.matrix(&format!("stage.{l}.mean_jacobian"), DType::F64),
            golden.matrix(&format!("stage.{l}.basis"), DType::F64),
        );
        let square = |t: Tensor<2>| values(&t).iter().map(|v| v * v).sum::<f64>();
        let expected = square(mean.clone().matmul(basis)) / square(mean);
        assert_close(&format!("mean {l}"), &[alignment.captured.mean_jacobian[2]], &[expected], 1e-4);
    }
}

#[test]
fn pooled_energy_is_what_training_records() {
    let net = conv(TANH);
    let inputs = random([60, 64], 3);
    let settings = AnalysisSettings { jacobians: 60, centered: true, ..small() };
    let found = analyze(&net, &inputs, &settings);
    let pass = net.forward(inputs.clone());
    for (l, stage) in found.stages.iter().enumerate() {
        let units = stage.units;
        let activity = Matrix::new(nmnc_core::device::values::<f32>(pass.activity(l)), units);
        let axes = components(&activity, 4, Seed(0)).unwrap();
        let basis = nmnc_core::device::matrix(axes.basis, [units, 4], &Device::flex());
        let subspace = Subspace::new(basis, vec![1.0; 4], 4.0);
        let mut subspaces = vec![None; 3];
        subspaces[l] = Some(&subspace);
        let expected = captured_energy(&net, &pass, &subspaces, true)[l].unwrap();
        let a = stage.alignment.as_ref().unwrap();
        assert_close(&format!("stage {l}"), &[a.captured.pooled[3]], &[expected], 1e-4);
        // Here the control is the network itself.
        assert_eq!(a.untrained.as_ref().unwrap(), &a.captured);
        assert!(a.captured.mean_jacobian.windows(2).all(|w| w[0] <= w[1] + 1e-12));
        assert!(a.table.iter().all(|row| (row.margin - row.mean_jacobian + row.chance).abs() < 1e-15));
        assert!(a.rank.entropy <= 2.0 + 1e-6, "three centered outputs have rank two: {:?}", a.rank);
    }
}

/// A chain of two linear stages and a readout on inputs of rank `rank`, and its training by gradient descent with decay of the
/// weights but not of the biases.
fn linear_network(inputs: usize, rank: usize) -> (Network, Tensor<2>, Tensor<2>) {
    let stage = |shape: [usize; 2], seed: u64| {
        let weight = random(shape, seed) * (1.0 / (shape[1] as f64).sqrt());
        Dense::new(weight, Tensor::zeros([1, shape[0]], &Device::flex()), Activation::Identity)
    };
    let stages: Vec<Box<dyn Block>> = vec![Box::new(stage([30, inputs], 21)), Box::new(stage([24, 30], 22))];
    let net = Network::chain(stages, stage([3, 24], 23)).unwrap();
    let x = random([80, rank], 24).matmul(random([rank, inputs], 25)) * 0.3 + 0.5;
    let target = x.clone().matmul(random([inputs, 3], 26)) * 0.3;
    (net, x, target)
}

#[test]
fn alpha_of_a_linear_network_trained_with_decay_tends_to_one() {
    const RANK: usize = 4;
    let (mut net, x, target) = linear_network(20, RANK);
    let settings = AnalysisSettings { curve: RANK, dimensions: vec![RANK], centered: false, ..small() };
    let alphas = |net: &Network| -> Vec<f64> {
        let found = analyze(net, &x, &settings);
        found.stages.iter().map(|s| s.alignment.as_ref().unwrap().captured.mean_jacobian[RANK - 1]).collect()
    };
    let before = alphas(&net);
    assert!(before.iter().all(|alpha| *alpha < 0.6), "{before:?}");
    let (rate, decay) = (0.02, 0.02);
    for _ in 0..12_000 {
        let pass = net.forward(x.clone());
        let error = (pass.output.clone() - target.clone()) / 80.0;
        let signals = nmnc_learn::credit::backpropagate(&net, &pass, &error);
        let gradients = net.gradients(&pass, &signals, &error);
        for (value, (name, gradient)) in net.values_mut().into_iter().zip(gradients) {
            let shrink = if name.ends_with(".weight") { 1.0 - rate * decay } else { 1.0 };
            *value = value.clone() * shrink - gradient * rate;
        }
    }
    let after = alphas(&net);
    assert!(after.iter().all(|alpha| *alpha > 0.999), "{before:?} -> {after:?}");
}

#[test]
fn what_lies_off_the_span_decays_as_the_theory_says() {
    // A readout on fixed activity: its off-span part is multiplied by 1 - rate * decay at every step.
    const RANK: usize = 4;
    let (net, x, target) = linear_network(20, RANK);
    let activity = net.activities(x)[1].clone();
    let axes =
        components(&Matrix::new(nmnc_core::device::values::<f32>(&activity), 24), RANK, Seed(0)).unwrap();
    let basis = nmnc_core::device::matrix(axes.basis, [24, RANK], &Device::flex());
    let off_span = |weight: &Tensor<2>| {
        let inside = weight.clone().matmul(basis.clone()).matmul(basis.clone().transpose());
        nmnc_core::device::energy(&(weight.clone() - inside)).sqrt()
    };
    let (mut weight, mut bias) =
        (net.parameter("readout.weight").unwrap().value.clone(), Tensor::<2>::zeros([1, 3], &Device::flex()));
    let start = off_span(&weight);
    let (rate, decay, steps) = (0.05, 0.1, 200);
    for _ in 0..steps {
        let output = activity.clone().matmul(weight.clone().transpose()) + bias.clone();
        let error = (output - target.clone()) / 80.0;
        // With the best bias at every step the errors sum to zero, so that no change points along the mean of the activity.
        bias = bias - error.clone().sum_dim(0);
        let error = error.clone() - error.mean_dim(0);
        weight = weight * (1.0 - rate * decay) - error.transpose().matmul(activity.clone()) * rate;
    }
    let expected = start * f64::powi(1.0 - rate * decay, steps);
    let found = off_span(&weight);
    assert!((found / expected - 1.0).abs() < 1e-3, "{found} {expected}");
}

#[test]
fn estimates_by_noise_follow_the_law() {
    // A linear network: no curvature, and the same Jacobian everywhere.
    let (net, x, _) = linear_network(20, 6);
    let settings = AnalysisSettings {
        probes: 128,
        repetitions: 40,
        dimensions: vec![4],
        curve: 6,
        centered: false,
        jacobians: 20,
        ..small()
    };
    let found = analyze(&net, &x, &settings);
    for stage in &found.stages {
        assert_eq!(stage.probes.len(), 4);
        for curve in &stage.probes {
            for point in &curve.points {
                let what =
                    format!("stage {} {:?} {:?} {point:?}", stage.stage, curve.target, curve.dimension);
                let error = point.error_sd / 40f64.sqrt();
                assert!(
                    (point.error - point.error_law).abs() < 5.0 * error + 1e-3 * point.error_law,
                    "{what}"
                );
                // The law of the cosine is that of the ratio of means.
                assert!((point.cosine - point.cosine_law).abs() < 0.08, "{what}");
            }
        }
    }
    // Where the Jacobian varies, probes spread over examples pay for it.
    let net = conv(TANH);
    let settings = AnalysisSettings { centered: true, curve: 8, ..settings };
    let found = analyze(&net, &(random([40, 64], 4) * 2.0), &settings);
    for stage in &found.stages {
        for curve in stage.probes.iter().filter(|c| c.target == Target::Mean) {
            for point in &curve.points {
                let error = point.error_sd / 40f64.sqrt();
                let what = format!("stage {} {:?} {point:?}", stage.stage, curve.dimension);
                // Noise of one percent of the activity leaves a little curvature.
                assert!(
                    (point.error - point.error_law).abs() < 5.0 * error + 0.02 * point.error_law,
                    "{what}"
                );
            }
        }
    }
}

fn needed() -> NeededSettings {
    NeededSettings { fraction: 0.9, single: 3, most: 4000, sigma: 0.01, centered: false, seed: Seed(0) }
}

#[test]
fn the_probes_needed_are_those_of_the_law() {
    // A linear network has the same Jacobian W everywhere: one example and the mean need the same, (m + 1) 0.81 / 0.19.
    let stage = |shape: [usize; 2], seed: u64| {
        let weight = random(shape, seed) * (1.0 / (shape[1] as f64).sqrt());
        Dense::new(weight, Tensor::zeros([1, shape[0]], &Device::flex()), Activation::Identity)
    };
    let (first, readout) = (stage([160, 50], 31), stage([4, 160], 32));
    let weight = values(&readout.parameters()[0].value);
    let net = Network::chain(vec![Box::new(first)], readout).unwrap();
    let x = random([90, 50], 33);
    let axes = components(&activity(&net, &x, 0), 40, Seed(0)).unwrap();
    let needing = Needing { stage: 0, axes: &axes, noises: &[None, Some(40)] };
    let found = probes_needed(&net, &x, &needing, &needed()).unwrap();
    for (measured, m) in found.iter().zip([160usize, 40]) {
        assert_eq!(measured.iter().map(|n| n.target).collect::<Vec<_>>(), [Target::Example, Target::Mean]);
        for needed in measured {
            let law = (m + 1) as f64 * 0.81 / 0.19;
            assert_eq!(needed.dimension, m);
            assert!((needed.variation - 1.0).abs() < 1e-3, "{needed:?}");
            assert!((needed.needed_law / law - 1.0).abs() < 2e-3, "{needed:?}");
            let probes = needed.needed.unwrap();
            assert!((probes / law - 1.0).abs() < 0.1, "{probes} {law}");
            let last = needed.curve.last().unwrap();
            assert!(last.cosine >= 0.9 && needed.curve.iter().rev().skip(1).all(|p| p.cosine < 0.9));
        }
    }
    // sqrt(alpha) by its definition, row by row.
    let alpha = |row: &[f64]| {
        let along = |d: usize| -> f64 {
            (0..160).map(|unit| row[unit] * f64::from(axes.basis[unit * axes.dimension + d])).sum()
        };
        let inside: f64 = (0..40).map(|d| along(d).powi(2)).sum();
        inside / row.iter().map(|v| v * v).sum::<f64>()
    };
    let expected = weight.chunks_exact(160).map(|row| alpha(row).sqrt()).sum::<f64>() / 4.0;
    assert_close("attainable", &[found[1][0].attainable, found[1][1].attainable], &[expected; 2], 1e-4);
    assert_close("all of it", &[found[0][0].attainable], &[1.0], 1e-12);
    // Too few probes: nothing is made up.
    let few = NeededSettings { most: 100, ..needed() };
    let found = probes_needed(&net, &x, &needing, &few).unwrap();
    assert!(found[0].iter().all(|n| n.needed.is_none() && n.curve.last().unwrap().probes == 100));
}

#[test]
fn the_probes_needed_do_not_depend_on_the_number_of_threads() {
    let net = conv(TANH);
    let inputs = random([30, 64], 5);
    let axes = components(&activity(&net, &inputs, 1), 6, Seed(0)).unwrap();
    let needing = Needing { stage: 1, axes: &axes, noises: &[None, Some(6)] };
    let settings = NeededSettings { most: 300, centered: true, ..needed() };
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| probes_needed(&net, &inputs, &needing, &settings).unwrap());
        serde_json::to_string(&found).unwrap()
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let net = conv(TANH);
    let inputs = random([50, 64], 5);
    let settings = AnalysisSettings { probes: 16, ..small() };
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| serde_json::to_string(&analyze(&net, &inputs, &settings)).unwrap())
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn a_dead_stage_and_wrong_settings_are_named() {
    let mut net = conv("preset = \"mlp\"\nwidths = [6, 6]");
    // The bias of the second stage silences it.
    *net.values_mut()[3] = Tensor::full([1, 6], -1e4, &Device::flex());
    let inputs = random([40, 64], 6);
    let found = analyze(&net, &inputs, &small());
    assert!(found.stages.iter().all(|s| s.alignment.is_none() || s.stage == 2), "{:?}", found.warnings);
    assert!(found.warnings.iter().any(|w| w.starts_with("stage 1: ")), "{:?}", found.warnings);
    let subject = Subject { network: &net, untrained: None, inputs: &inputs, stages: &[5] };
    let message = |settings: &AnalysisSettings| network(&subject, settings).unwrap_err().to_string();
    assert_eq!(message(&small()), "stage: there is no stage 6; the network has stages 1 to 2");
    assert_eq!(
        message(&AnalysisSettings { dimensions: vec![13], ..small() }),
        "dimensions: 13 is not from 1 to the curve's 12; raise the curve or leave it out"
    );
    assert_eq!(message(&AnalysisSettings { random: 1, ..small() }), "random: 1 is too few; use at least 2");
}
