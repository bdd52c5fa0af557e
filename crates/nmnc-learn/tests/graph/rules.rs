//! Rules on a graph with a residual block: what they find out, and that they train it.

use burn::tensor::{DType, Device, Tensor};
use nmnc_core::{Result, Seed};
use nmnc_learn::credit::{
    CreditConfig, CreditRule, InputSampler, Layered, Mirror, MirrorConfig, NoiseCorrelation,
    NoiseCorrelationConfig, RuleConfig, RuleSetup, StepContext, backpropagate, rule_names,
};
use nmnc_learn::net::{ForwardPass, Inputs, Network};
use nmnc_learn::workers::Share;

use super::{BATCH, OUTPUTS, cosine, inner, inputs, network, normal};

const F32: DType = DType::F32;

struct Sampled;

impl InputSampler for Sampled {
    fn sample(&self, count: usize, step: u64) -> Result<Inputs> {
        Ok(inputs(count, 200 + 2 * step as usize, F32).into())
    }
}

fn signals(
    rule: &mut dyn CreditRule,
    network: &Network,
    pass: &ForwardPass,
    error: &Tensor<2>,
    [seed, step]: [u64; 2],
) -> Vec<Tensor<2>> {
    let (seed, share) = (Seed(seed), &Share::alone(error.dims()[0]));
    rule.signals(&StepContext { network, pass, error, step, seed, inputs: &Sampled, share }).unwrap()
}

fn settings<C: RuleConfig<Layered>>(text: &str) -> C {
    let config: CreditConfig = toml::from_str(text).unwrap();
    C::from_table(config.resolve().unwrap().settings).unwrap().resolve().unwrap()
}

#[test]
fn perturbed_passes_estimate_the_exact_signals() {
    let net = network(F32, false);
    let pass = net.training_forward(inputs(BATCH, 30, F32), Seed(4), 9, 0);
    let error = normal([BATCH, OUTPUTS], 33, F32);
    let exact = backpropagate(&net, &pass, &error);
    let device = Device::flex();
    let setup = RuleSetup { network: &net, seed: Seed(1), device: &device };
    // Noises that share a pass are noise to each other.
    for (text, needed) in [("", 0.99), ("injection = 'joint'\n", 0.97)] {
        let cosines = [16, 1600].map(|probes| {
            let config = format!(
                "rule = 'node-perturbation'\nantithetic = true\nsigma = 0.01\nprobes = {probes}\n{text}"
            );
            let mut rule = toml::from_str::<CreditConfig>(&config).unwrap().build(&setup).unwrap();
            let found = signals(rule.as_mut(), &net, &pass, &error, [1, 0]);
            found.iter().zip(&exact).map(|(found, exact)| cosine(found, exact)).fold(1.0, f64::min)
        });
        assert!(cosines[1] > needed && cosines[0] < 0.96, "{text}: {cosines:?}");
    }
}

#[test]
fn learned_feedback_is_the_jacobian_where_one_serves_all_examples() {
    let net = network(F32, false);
    // One example, repeated: whatever probes say, they say of the same Jacobian.
    let repeated = inputs(1, 30, F32).into_iter().map(|x| x.repeat_dim(0, 40)).collect::<Vec<_>>();
    let pass = net.forward(repeated);
    let device = Device::flex();
    let setup = RuleSetup { network: &net, seed: Seed(1), device: &device };
    let text = "rule = 'vnc'\neta = 1.0\nantithetic = true\nsigma = 0.01\nestimator = 'least-squares'";
    let mut rule = NoiseCorrelation::new(settings::<NoiseCorrelationConfig>(text), &setup);
    let error = normal([40, OUTPUTS], 33, F32);
    signals(&mut rule, &net, &pass, &error, [1, 0]);
    for output in 0..OUTPUTS {
        let one_hot = (0..40 * OUTPUTS).map(|i| if i % OUTPUTS == output { 1.0 } else { 0.0 }).collect();
        let one_hot = nmnc_core::device::matrix(one_hot, [40, OUTPUTS], &device);
        for (stage, row) in backpropagate(&net, &pass, &one_hot).into_iter().enumerate() {
            let found = rule.feedback(stage).unwrap().narrow(0, output, 1);
            let row = row.narrow(0, 0, 1);
            let missed = inner(&(found.clone() - row.clone()), &(found - row.clone())) / inner(&row, &row);
            assert!(missed < 1e-4, "stage {} output {output}: {missed}", stage + 1);
        }
    }
}

#[test]
fn mirrors_find_every_weight_an_error_passes_and_with_them_backprop() {
    let net = network(F32, true);
    let pass = net.training_forward(inputs(BATCH, 30, F32), Seed(4), 9, 0);
    let error = normal([BATCH, OUTPUTS], 33, F32);
    let exact = backpropagate(&net, &pass, &error);
    let device = Device::flex();
    let setup = RuleSetup { network: &net, seed: Seed(0), device: &device };
    let names: Vec<&str> = net.readers().iter().map(|r| net.nodes()[r.node].name()).collect();
    assert_eq!(names, ["twin", "residual", "residual", "shortcut", "tail", "readout"]);
    let stages: Vec<Option<usize>> = net.readers().iter().map(|reader| reader.stage).collect();
    // The readout reads what was centered, and the tail a sum: neither reads a stage as it is.
    assert_eq!(stages, [Some(0), None, None, Some(0), None, None]);
    for text in [
        "rule = 'manifold-mirror'\ninitial = 64\nmanifold = { dimension = 4, samples = 50 }",
        "rule = 'manifold-mirror'\ninitial = 64\nnoise = 'isotropic'\nobserve = false",
        "rule = 'manifold-mirror'\nbudget = 'auto'\ncap = 1.0\nmanifold = { dimension = 4, samples = 50 }",
    ] {
        let mut rule = Mirror::new(settings::<MirrorConfig>(text), &setup);
        let mut found = Vec::new();
        for step in 0..8 {
            found = signals(&mut rule, &net, &pass, &error, [1, step]);
        }
        for reader in net.readers() {
            let (mirror, weight) =
                (rule.mirrored_weight(*reader).unwrap(), &net.map(*reader).parameter.value);
            let missed = inner(&(mirror.clone() - weight.clone()), &(mirror.clone() - weight.clone()));
            assert!(missed < 1e-3 * inner(weight, weight), "{text} {reader:?}: {missed}");
        }
        for (stage, (found, exact)) in found.iter().zip(&exact).enumerate() {
            assert!(cosine(found, exact) > 0.999, "{text} stage {}: {}", stage + 1, cosine(found, exact));
        }
        let mut restored = Mirror::new(settings::<MirrorConfig>(text), &setup);
        restored.restore(&rule.state()).unwrap();
        let next = |rule: &mut Mirror| signals(rule, &net, &pass, &error, [1, 8]);
        for (a, b) in next(&mut rule).iter().zip(&next(&mut restored)) {
            assert_eq!(nmnc_testing::values(a), nmnc_testing::values(b), "{text}");
        }
    }
}

/// Mean squared error in evaluation on the examples of training, before and after `steps` steps of gradient descent.
fn trained(text: &str, steps: u64) -> [f64; 2] {
    const EXAMPLES: usize = 40;
    let mut net = network(F32, true);
    let device = Device::flex();
    let setup = RuleSetup { network: &net, seed: Seed(0), device: &device };
    let mut rule = toml::from_str::<CreditConfig>(text).unwrap().build(&setup).unwrap();
    let examples = || inputs(EXAMPLES, 70, F32);
    let target =
        (examples()[0].clone().narrow(1, 0, OUTPUTS) - examples()[1].clone().narrow(1, 0, OUTPUTS)) * 0.5;
    let loss = |net: &Network| {
        let missed = net.output(examples()) - target.clone();
        inner(&missed, &missed) / (EXAMPLES * OUTPUTS) as f64
    };
    let before = loss(&net);
    for step in 0..steps {
        let pass = net.training_forward(examples(), Seed(0), step, 0);
        let error = (pass.output.clone() - target.clone()) / EXAMPLES as f64;
        let signals = signals(rule.as_mut(), &net, &pass, &error, [0, step]);
        let gradients = net.gradients(&pass, &signals, &error);
        let buffers = net.updated_buffers(&pass);
        for (value, (_, gradient)) in net.values_mut().into_iter().zip(gradients) {
            *value = value.clone() - gradient * 0.2;
        }
        for (value, buffer) in net.buffer_values_mut().into_iter().zip(buffers) {
            *value = buffer;
        }
    }
    [before, loss(&net)]
}

#[test]
fn every_rule_trains_it() {
    for rule in rule_names() {
        let more = match rule {
            "node-perturbation" => "probes = 8",
            "nmnc" | "manifold-node-perturbation" => "probes = 8\nmanifold = { dimension = 5, samples = 60 }",
            "manifold-mirror" => "manifold = { dimension = 5, samples = 60 }",
            _ => "",
        };
        let [before, after] = trained(&format!("rule = '{rule}'\n{more}"), 400);
        println!("{rule}: {before} -> {after}");
        assert!(after < 0.35 * before, "{rule}: {before} -> {after}");
    }
}
