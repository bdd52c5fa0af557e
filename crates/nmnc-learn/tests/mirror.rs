//! Mirrors against what they mirror: weights of dense and convolutional stages, responses to principal components, backprop.

use burn::tensor::{Device, Tensor};
use nmnc_core::device::matrix;
use nmnc_core::seed::Role;
use nmnc_core::{Result, Seed};
use nmnc_learn::credit::{
    CreditConfig, CreditRule, InputSampler, Layered, Mirror, MirrorConfig, RuleConfig, RuleSetup,
    StepContext, backpropagate,
};
use nmnc_learn::net::{self, Block, Map, Network, NetworkConfig, own_weights};
use nmnc_learn::workers::Share;
use nmnc_testing::values;

const BATCH: usize = 24;
const INPUT: [usize; 3] = [2, 12, 12];
const OUTPUTS: usize = 5;

fn normal(shape: [usize; 2], index: usize) -> Tensor<2> {
    let mut numbers = vec![0.0; shape[0] * shape[1]];
    Seed(31).stream(Role::Analysis, index, 0).fill_normal(&mut numbers);
    matrix(numbers, shape, &Device::flex())
}

struct Inputs;

impl InputSampler for Inputs {
    fn sample(&self, count: usize, step: u64) -> Result<net::Inputs> {
        Ok(normal([count, INPUT.iter().product()], 100 + step as usize).into())
    }
}

fn network(text: &str) -> Network {
    let config: NetworkConfig = toml::from_str(text).unwrap();
    config.build(INPUT, OUTPUTS, Seed(3), &Device::flex()).unwrap()
}

/// Two convolutions with pooling, a dense stage, the readout.
fn conv_and_dense() -> Network {
    network(
        "[[stages]]\nkind = 'conv'\nchannels = 6\npool = 'max'\n[[stages]]\nkind = 'conv'\nchannels = 8\npool = 'max'\n[[stages]]\nkind = 'dense'\nunits = 20",
    )
}

fn rule(text: &str, network: &Network) -> Mirror {
    let config: CreditConfig = toml::from_str(text).unwrap();
    let settings = toml::Value::Table(config.resolve().unwrap().settings);
    let config: MirrorConfig = settings.try_into().unwrap();
    let device = Device::flex();
    Mirror::new(
        RuleConfig::<Layered>::resolve(config).unwrap(),
        &RuleSetup { network, seed: Seed(0), device: &device },
    )
}

/// Signals of one step of `rule`, and those of backprop.
fn signals(rule: &mut Mirror, network: &Network, seed: u64, step: u64) -> (Vec<Tensor<2>>, Vec<Tensor<2>>) {
    let pass = network.forward(normal([BATCH, INPUT.iter().product()], 4));
    let error = normal([BATCH, OUTPUTS], 5);
    let context = StepContext {
        network,
        pass: &pass,
        error: &error,
        step,
        seed: Seed(seed),
        inputs: &Inputs,
        share: &Share::alone(BATCH),
    };
    (rule.signals(&context).unwrap(), backpropagate(network, &pass, &error))
}

/// Squared difference over squared reference.
fn apart(found: &Tensor<2>, reference: &Tensor<2>) -> f64 {
    let energy = |t: Tensor<2>| values(&t).iter().map(|v| v * v).sum::<f64>();
    energy(found.clone() - reference.clone()) / energy(reference.clone())
}

/// The map that reads a stage.
fn reader(network: &Network, index: usize) -> Map<'_> {
    network.map(network.readers()[index])
}

/// The mirror of the map that reads a stage.
fn mirrored<'a>(rule: &'a Mirror, network: &Network, index: usize) -> &'a Tensor<2> {
    rule.mirrored_weight(network.readers()[index]).unwrap()
}

#[test]
fn enough_probes_give_the_weights_and_with_them_backprop() {
    let network = conv_and_dense();
    for text in ["", "noise = 'isotropic'\n", "probe = 'orthogonal'\n"] {
        let mut rule = rule(&format!("rule = 'manifold-mirror'\ninitial = 1000\n{text}"), &network);
        let (signals, exact) = signals(&mut rule, &network, 0, 0);
        for (index, (signal, exact)) in signals.iter().zip(&exact).enumerate() {
            let weight = &reader(&network, index).parameter.value;
            let missed = apart(mirrored(&rule, &network, index), weight);
            // As far as conjugate gradients are taken in one update.
            assert!(missed < 5e-4, "{text} stage {}: {missed}", index + 1);
            assert!(apart(signal, exact) < 1e-3, "{text} stage {}: {}", index + 1, apart(signal, exact));
        }
        // As many as the widest reader has inputs; the convolutions have use for a few only.
        assert_eq!(rule.probes(), 72);
    }
}

#[test]
fn d_orthogonal_probes_give_the_response_to_every_component() {
    let network = conv_and_dense();
    for estimator in ["least-squares", "recursive-least-squares"] {
        let text = format!(
            "rule = 'manifold-mirror'\nfeedback = 'coordinates'\nnoise = 'manifold'\ninitial = 12\n\
             estimator = '{estimator}'\nmanifold = {{ dimension = 12, samples = 60 }}"
        );
        let mut rule = rule(&text, &network);
        let (signals, _) = signals(&mut rule, &network, 0, 0);
        let pass = network.forward(normal([BATCH, INPUT.iter().product()], 4));
        let mut above = normal([BATCH, OUTPUTS], 5);
        for index in (0..network.stages().len()).rev() {
            let (reader, manifold) = (reader(&network, index), rule.manifold(index).unwrap());
            let responses = reader.response(manifold.basis().clone().transpose()).transpose();
            let missed = apart(rule.mirrored_responses(index).unwrap(), &responses);
            assert!(missed < 1e-8, "{estimator} stage {}: {missed}", index + 1);
            // Backprop with the error projected on the manifold at every stage on its way down.
            let node = network.readers()[index].node;
            let block = network.nodes()[node].block();
            let exact = block.input_vjp(pass.trace(node), above, 0, &own_weights(block));
            above = manifold.embed(manifold.coordinates(exact));
            assert!(apart(&signals[index], &above) < 1e-6, "{estimator} stage {}", index + 1);
        }
        assert_eq!(rule.probes(), 12, "one pass serves all stages");
    }
}

#[test]
fn correlation_with_isotropic_noise_is_unbiased_in_the_weights() {
    let network = conv_and_dense();
    const TRIALS: u64 = 300;
    let text = "rule = 'weight-mirror'\neta = 1.0\nprobes = 8";
    for index in 0..3 {
        let weight = &reader(&network, index).parameter.value;
        let (mut mean, mut spread) = (weight.zeros_like(), 0.0);
        for seed in 0..TRIALS {
            let mut rule = rule(text, &network);
            signals(&mut rule, &network, seed, 0);
            let found = mirrored(&rule, &network, index).clone();
            spread += apart(&found, weight) / TRIALS as f64;
            mean = mean + found / TRIALS as f64;
        }
        // The mean of T independent unbiased estimates is off by one T-th of their squared error.
        let ratio = apart(&mean, weight) * TRIALS as f64 / spread;
        assert!((0.7..1.4).contains(&ratio), "stage {}: {ratio}, spread {spread}", index + 1);
    }
}

#[test]
fn a_change_of_the_weights_is_found_by_few_probes_where_it_lies_on_the_manifold() {
    let mut network = network("[[stages]]\nkind = 'dense'\nunits = 60");
    let text = "rule = 'manifold-mirror'\ninitial = 60\nprobes = 16\nobserve = false\nmanifold = { dimension = 8, samples = 200 }";
    let mut first = rule(text, &network);
    signals(&mut first, &network, 0, 0);
    let basis = first.manifold(0).unwrap().basis().clone();
    // A rank-one change along a direction of the manifold, as a step of gradient descent makes it.
    let change = normal([OUTPUTS, 8], 9).matmul(basis.transpose());
    let readout = network.values_mut().into_iter().nth(2).unwrap();
    *readout = readout.clone() + change;
    signals(&mut first, &network, 0, 1);
    let missed = apart(mirrored(&first, &network, 0), &reader(&network, 0).parameter.value);
    // As exact as an update is made; without the probes it would be about one.
    assert!(missed < 1e-4, "{missed}");
}

#[test]
fn the_batch_itself_tells_of_changes_on_the_manifold() {
    let mut network = network("[[stages]]\nkind = 'dense'\nunits = 60");
    let pass = network.forward(normal([BATCH, INPUT.iter().product()], 4));
    let activity = pass.activity(0).clone();
    let mean = activity.clone().mean_dim(0);
    // A change in the span of the batch's differences, after which no probe falls on a step.
    let change = normal([OUTPUTS, BATCH], 9).matmul(activity - mean) / 10.0;
    let readout = network.values_mut().into_iter().nth(2).unwrap();
    let before = readout.clone();
    for (observe, found) in [(true, true), (false, false)] {
        let text = format!("rule = 'manifold-mirror'\ninterval = 1000\nobserve = {observe}");
        let readout = network.values_mut().into_iter().nth(2).unwrap();
        *readout = before.clone();
        let mut rule = rule(&text, &network);
        signals(&mut rule, &network, 0, 0);
        let probes = rule.probes();
        let readout = network.values_mut().into_iter().nth(2).unwrap();
        *readout = before.clone() + change.clone();
        signals(&mut rule, &network, 0, 1);
        assert_eq!(rule.probes(), probes);
        let missed = apart(mirrored(&rule, &network, 0), &reader(&network, 0).parameter.value);
        assert_eq!(missed < 1e-3, found, "{observe}: {missed}");
    }
}

#[test]
fn a_restored_rule_goes_on_as_the_first_would_have() {
    let network = conv_and_dense();
    for text in [
        "rule = 'weight-mirror'",
        "rule = 'manifold-mirror'\nmanifold = { dimension = 6, refresh = 2, samples = 50 }",
        "rule = 'manifold-mirror'\nbudget = 'auto'\ncap = 0.3\nmanifold = { dimension = 6, refresh = 2, method = 'incremental' }",
        "rule = 'manifold-mirror'\nfeedback = 'coordinates'\nnoise = 'manifold'\nestimator = 'recursive-least-squares'\n\
         manifold = { dimension = 6, refresh = 2, samples = 50 }",
    ] {
        let mut first = rule(text, &network);
        (0..3).for_each(|step| drop(signals(&mut first, &network, 0, step)));
        let mut second = rule(text, &network);
        second.restore(&first.state()).unwrap();
        for step in 3..8 {
            let step = |rule: &mut Mirror| signals(rule, &network, 0, step).0;
            for (a, b) in step(&mut first).iter().zip(&step(&mut second)) {
                assert_eq!(values(a), values(b), "{text}");
            }
            assert_eq!(first.choices(0), second.choices(0));
        }
        assert_eq!(first.probes(), second.probes());
        assert!(first.probes() > 0);
    }
}

#[test]
fn what_is_known_is_carried_over_when_the_basis_moves() {
    let network = conv_and_dense();
    let text = "rule = 'manifold-mirror'\nfeedback = 'coordinates'\nnoise = 'manifold'\ninitial = 10\nprobes = 1\ninterval = 1000\n\
                manifold = { dimension = 10, refresh = 1, samples = 400, method = 'exact' }";
    let mut rule = rule(text, &network);
    signals(&mut rule, &network, 0, 0);
    let old: Vec<_> = (0..3).map(|i| rule.manifold(i).unwrap().clone()).collect();
    // Other samples, so another basis; no probe falls on this step.
    signals(&mut rule, &network, 0, 1);
    assert_eq!(rule.probes(), 10);
    for (index, old) in old.iter().enumerate() {
        let new = rule.manifold(index).unwrap();
        let reader = reader(&network, index);
        let spanned = old.embed(old.coordinates(new.basis().clone().transpose()));
        let expected = reader.response(spanned).transpose();
        let found = rule.mirrored_responses(index).unwrap();
        assert!(apart(found, &expected) < 1e-6, "stage {}", index + 1);
        let all = reader.response(new.basis().clone().transpose()).transpose();
        assert!(apart(found, &all) > 1e-3, "the bases differ, or this shows nothing");
    }
}

#[test]
fn responses_and_correlations_are_adjoint_and_responses_are_those_of_the_pre_activation() {
    let network = conv_and_dense();
    for (index, node) in network.stages().enumerate() {
        let map = node.block().maps()[0];
        let change = normal([7, map.operation.inputs()], 20 + index);
        let response = normal([7, map.operation.outputs()], 30 + index);
        let weight = normal(map.parameter.value.dims(), 40 + index);
        let sum = |t: Tensor<2>| values(&t).iter().sum::<f64>();
        let left = sum(map.operation.response(change.clone(), weight.clone()) * response.clone());
        let right = sum(weight * map.operation.correlate(change, response));
        assert!((left - right).abs() < 1e-3 * left.abs().max(1.0), "stage {}: {left} {right}", index + 1);
    }
    // A rectified stage with a large bias is linear, so that the change of its activity is that of its pre-activation.
    let dense = always_active();
    let map = dense.maps()[0];
    let input = normal([4, map.operation.inputs()], 50);
    let change = normal([4, map.operation.inputs()], 51);
    let moved = dense.activity(&[input.clone() + change.clone()]) - dense.activity(&[input]);
    assert!(apart(&map.response(change), &moved) < 1e-8);
}

fn always_active() -> nmnc_learn::net::Dense {
    let bias = Tensor::<2>::ones([1, 9], &Device::flex()) * 100.0;
    nmnc_learn::net::Dense::new(normal([9, 6], 60), bias, nmnc_learn::net::Activation::Relu)
}

#[test]
fn the_noise_of_a_mirror_is_on_the_manifold_in_the_share_of_its_probes() {
    let network = conv_and_dense();
    let pass = network.forward(normal([BATCH, INPUT.iter().product()], 4));
    let energy = |t: &Tensor<2>| values(t).iter().map(|v| v * v).sum::<f64>();
    let mut rule = rule("rule = 'manifold-mirror'\nmanifold = { dimension = 4 }", &network);
    for step in 0..30 {
        signals(&mut rule, &network, 0, step);
    }
    for stage in 0..3 {
        let activity = Tensor::cat(vec![pass.activity(stage).clone(); 20], 0);
        let noise = rule.noise(stage, &activity, (Seed(0), 30)).unwrap().unwrap();
        assert_eq!(noise.dims(), activity.dims());
        let relative = (energy(&noise) / energy(&activity)).sqrt();
        assert!((relative - 0.1).abs() < 0.02, "stage {}: {relative}", stage + 1);
        let manifold = rule.manifold(stage).unwrap();
        let inside = manifold.embed(manifold.coordinates(noise.clone()));
        let rows = activity.dims()[0];
        let on: Vec<bool> = (0..rows)
            .map(|row| {
                let [all, inside] = [&noise, &inside].map(|t| energy(&t.clone().narrow(0, row, 1)));
                all > 0.0 && inside > 0.999 * all
            })
            .collect();
        let share = rule.choices(stage).manifold_share.unwrap();
        assert_eq!(on.iter().filter(|on| **on).count(), (rows as f64 * share).floor() as usize);
        // Any twenty trials in a row have their part of them.
        for twenty in on.chunks_exact(20) {
            let here = twenty.iter().filter(|on| **on).count() as f64;
            assert!((here - 20.0 * share).abs() <= 1.0, "stage {}: {here} of 20, share {share}", stage + 1);
        }
    }
}
