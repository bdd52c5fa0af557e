//! Sign-concordant feedback against backprop through weights that are what the feedback claims of them.

use burn::tensor::{Device, Tensor};
use nmnc_core::device::matrix;
use nmnc_core::seed::Role;
use nmnc_core::{Result, Seed};
use nmnc_learn::credit::{CreditConfig, RuleSetup, StepContext, backpropagate};
use nmnc_learn::net::{self, Network, NetworkConfig, Reader};
use nmnc_learn::workers::Share;
use nmnc_testing::{assert_close, values};

const BATCH: usize = 6;
const INPUT: [usize; 3] = [2, 8, 8];
const OUTPUTS: usize = 5;

fn normal(shape: [usize; 2], index: usize) -> Tensor<2> {
    let mut numbers = vec![0.0; shape[0] * shape[1]];
    Seed(31).stream(Role::Analysis, index, 0).fill_normal(&mut numbers);
    matrix(numbers, shape, &Device::flex())
}

fn network(text: &str) -> Network {
    let config: NetworkConfig = toml::from_str(text).unwrap();
    config.build(INPUT, OUTPUTS, Seed(3), &Device::flex()).unwrap()
}

/// Two convolutions and a dense stage, and a residual network.
fn networks() -> [Network; 2] {
    let chain = "[[stages]]\nkind = 'conv'\nchannels = 6\npool = 'max'\n[[stages]]\nkind = 'conv'\nchannels = 4\npool = 'max'\n[[stages]]\nkind = 'dense'\nunits = 20";
    [network(chain), network("preset = 'resnet20'\nscale = 0.25")]
}

/// Signals of a rule at a step, and those of backprop.
fn signals(rule: &str, network: &Network, steps: &[u64]) -> (Vec<Vec<Tensor<2>>>, Vec<Tensor<2>>) {
    let config: CreditConfig = toml::from_str(&format!("rule = '{rule}'")).unwrap();
    let device = Device::flex();
    let mut rule =
        config.resolve().unwrap().build(&RuleSetup { network, seed: Seed(0), device: &device }).unwrap();
    let pass = network.forward(normal([BATCH, INPUT.iter().product()], 4));
    let error = normal([BATCH, OUTPUTS], 5);
    let inputs =
        |_: usize, _: u64| -> Result<net::Inputs> { unreachable!("the rule looks at no other inputs") };
    let share = Share::alone(BATCH);
    let found = steps.iter().map(|&step| {
        let context = StepContext {
            network,
            pass: &pass,
            error: &error,
            step,
            seed: Seed(0),
            inputs: &inputs,
            share: &share,
        };
        rule.signals(&context).unwrap()
    });
    (found.collect(), backpropagate(network, &pass, &error))
}

/// Every weight that an error passes becomes its sign times `sqrt(2 / fan-in)`.
fn made_uniform(network: &mut Network) {
    let of = |reader: &Reader| values(&network.map(*reader).parameter.value);
    let passed: Vec<Vec<f64>> = network.readers().iter().map(of).collect();
    for weight in network.values_mut().into_iter().filter(|value| passed.contains(&values(value))) {
        let fan_in = weight.dims()[1] as f64;
        *weight = weight.clone().sign() * (2.0 / fan_in).sqrt();
    }
}

#[test]
fn uniform_feedback_is_backprop_where_weights_differ_by_sign_alone() {
    for mut network in networks() {
        made_uniform(&mut network);
        let (found, exact) = signals("usf", &network, &[0]);
        assert!(exact.len() > 2);
        for (stage, (found, exact)) in found[0].iter().zip(&exact).enumerate() {
            assert_close(&format!("stage {stage}"), &values(found), &values(exact), 1e-5);
        }
    }
}

#[test]
fn random_magnitudes_stay_or_are_drawn_for_each_batch() {
    for network in networks() {
        let same = |rule: &str| {
            let (found, exact) = signals(rule, &network, &[3, 4, 3]);
            let at = |step: usize| found[step].iter().map(values).collect::<Vec<_>>();
            assert_eq!(at(0), at(2), "{rule} does not follow from seed and step");
            assert_ne!(at(0), exact.iter().map(values).collect::<Vec<_>>());
            // The error of the last stage passes one map, of whose signs half would agree by chance.
            let (found, exact) = (values(found[0].last().unwrap()), values(exact.last().unwrap()));
            let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let cosine = product(&found, &exact) / (product(&found, &found) * product(&exact, &exact)).sqrt();
            assert!(cosine > 0.4, "{rule}: {cosine}");
            at(0) == at(1)
        };
        assert!(same("usf") && same("frsf") && !same("brsf"));
    }
}
