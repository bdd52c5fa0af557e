//! The example of a rule of one's own, as CONTRIBUTING.md has it: what it learns, its settings, its state, its workers.

#[allow(dead_code, reason = "the example has a main of its own")]
#[path = "../examples/custom_rule/main.rs"]
mod example;

use std::fs;
use std::path::Path;
use std::thread;

use burn::tensor::{Device, Tensor};
use example::one_bit::{ONE_BIT, OneBitConfig};
use example::train;
use nmnc::credit::{CreditRule, RuleConfig, RuleSetup, StepContext};
use nmnc::device::{matrix, values};
use nmnc::needs::{Sizes, StageSizes};
use nmnc::net::{Activation, Dense, Inputs, Network};
use nmnc::records::{Record, RunRecords};
use nmnc::registry::RuleEntry;
use nmnc::seed::Role;
use nmnc::state::State;
use nmnc::train::{Observer, Progress, Silent, checkpoint};
use nmnc::workers::Share;
use nmnc::{ErrorKind, Result, Seed};
use nmnc_testing::threads::Threads;

const SEED: Seed = Seed(3);
const UNITS: usize = 6;
const OUTPUTS: usize = 3;

/// A readout whose rows have very different lengths; the Jacobian behind the stage is its weight.
fn readout() -> Vec<f32> {
    let mut weight = vec![0.0; OUTPUTS * UNITS];
    SEED.stream(Role::Weights, 0, 0).fill_normal(&mut weight);
    let lengths = [0.01, 1.0, 100.0];
    weight.chunks_exact_mut(UNITS).zip(lengths).for_each(|(row, length)| {
        row.iter_mut().for_each(|v| *v *= length);
    });
    weight
}

/// A stage that hands on its input, and the readout.
fn network() -> Network {
    let device = Device::flex();
    let mut identity = vec![0.0; UNITS * UNITS];
    (0..UNITS).for_each(|unit| identity[unit * UNITS + unit] = 1.0);
    let dense = |weight: Vec<f32>, rows: usize| {
        let bias = Tensor::zeros([1, rows], &device);
        Dense::new(matrix(weight, [rows, UNITS], &device), bias, Activation::Identity)
    };
    Network::chain(vec![Box::new(dense(identity, UNITS))], dense(readout(), OUTPUTS)).unwrap()
}

fn inputs(examples: usize) -> Tensor<2> {
    let mut values = vec![0.0; examples * UNITS];
    SEED.stream(Role::Order, 0, 0).fill_normal(&mut values);
    matrix(values, [examples, UNITS], &Device::flex())
}

fn rule(network: &Network, settings: &str) -> Box<dyn CreditRule> {
    let setup = RuleSetup { network, seed: SEED, device: &Device::flex() };
    ONE_BIT.build(&settings.parse().unwrap(), &setup).unwrap()
}

/// Two steps on `examples`, the first of which learns.
fn stepped(rule: &mut dyn CreditRule, network: &Network, examples: &Tensor<2>, share: &Share) -> State {
    let pass = network.forward(examples.clone());
    let error = pass.output.zeros_like();
    for step in 0..2 {
        let sampler = |_: usize, _: u64| -> Result<Inputs> { unreachable!("the rule asks for no inputs") };
        let context =
            StepContext { network, pass: &pass, error: &error, step, seed: SEED, inputs: &sampler, share };
        assert_eq!(rule.signals(&context).unwrap()[0].dims(), pass.activity(0).dims());
    }
    rule.state()
}

#[test]
fn rows_of_the_feedback_are_those_of_the_jacobian_at_length_one() {
    const EXAMPLES: usize = 40_000;
    let network = network();
    let mut rule = rule(&network, "eta = 1.0");
    let state = stepped(&mut *rule, &network, &inputs(EXAMPLES), &Share::alone(EXAMPLES));
    let feedback = values::<f64>(&state.tensor("stage1.feedback").unwrap());
    for (found, row) in feedback.chunks_exact(UNITS).zip(readout().chunks_exact(UNITS)) {
        let length = row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        for (found, told) in found.iter().zip(row) {
            // A term of the mean has variance pi/2 at most, so that this is five standard errors.
            let told = f64::from(*told) / length;
            assert!((found - told).abs() < 0.032, "{found} against {told}");
        }
    }
    assert_eq!(rule.probes(), EXAMPLES as u64);
}

#[test]
fn workers_that_share_a_batch_learn_what_one_does() {
    const EXAMPLES: usize = 60;
    let network = network();
    let whole = stepped(&mut *rule(&network, ""), &network, &inputs(EXAMPLES), &Share::alone(EXAMPLES));
    // Parts that are not alike, so that rows of the noise can be mistaken.
    let parts = [(0, 25), (25, 35)];
    let shared: Vec<State> = thread::scope(|scope| {
        let part = |(worker, (first, count)): (Threads, (usize, usize))| {
            scope.spawn(move || {
                let network = self::network();
                let share = Share::of(&worker, count).unwrap();
                let examples = inputs(EXAMPLES).narrow(0, first, count);
                stepped(&mut *rule(&network, ""), &network, &examples, &share)
            })
        };
        let threads: Vec<_> = Threads::of(2).into_iter().zip(parts).map(part).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let of = |state: &State| values::<f64>(&state.tensor("stage1.feedback").unwrap());
    assert_eq!(of(&shared[0]), of(&shared[1]));
    for (found, told) in of(&shared[0]).iter().zip(of(&whole)) {
        // Sums of signed numbers, in another order; a sign that hangs by the last bit would show as 0.008.
        assert!((found - told).abs() < 1e-6, "{found} against {told}");
    }
    assert_eq!(shared[0].counter("probes").unwrap(), EXAMPLES as u64);
}

#[test]
fn a_stage_without_activity_is_told_and_gets_no_probes() {
    let network = network();
    let mut rule = rule(&network, "");
    let silent = inputs(4).zeros_like();
    stepped(&mut *rule, &network, &silent, &Share::alone(4));
    assert_eq!(rule.probes(), 0);
    assert_eq!(rule.take_warnings(), ["stage 1: activity is zero, so it receives no probes"]);
}

#[test]
fn memory_and_work_are_stated() {
    let config = OneBitConfig { sigma: 0.1, eta: 0.2, interval: 5 };
    let stage = StageSizes { units: UNITS as u128, unpooled: UNITS as u128, parameters: 42 };
    let sizes =
        Sizes { batch: 10, steps: 1, outputs: OUTPUTS as u128, inputs: UNITS as u128, stages: vec![stage] };
    let network = network();
    let state = stepped(&mut *rule(&network, ""), &network, &inputs(10), &Share::alone(10));
    let held: usize = state.tensors.values().map(|t| t.dims().iter().product::<usize>()).sum();
    assert_eq!(config.needs(&sizes)[0].held, held as u128);
    // A step's product, and every fifth step the readout and the correlation of ten perturbed examples.
    let product = (2 * 10 * OUTPUTS * UNITS) as f64;
    assert_eq!(config.work(&network, [10, 1])[0].flops(), product + 2.0 * product / 5.0);
}

#[test]
fn settings_that_are_wrong_are_one_line() {
    let told = |settings: &str| ONE_BIT.resolve(&settings.parse().unwrap()).unwrap_err().to_string();
    assert_eq!(told("sigma = 0.0"), "sigma: 0 is not in (0, 1000000]");
    assert_eq!(told("eta = 1.5"), "eta: 1.5 is not in (0, 1]");
    assert_eq!(told("interval = 0"), "interval: 0 is not from 1 to 1000000000000000");
    assert_eq!(told("sigm = 0.1"), "unknown setting `sigm`; did you mean `sigma`?");
    let text = "[credit]\nrule = 'one-bit'\neta = 0.0";
    let folder = tempfile::tempdir().unwrap();
    let error = train(text, folder.path(), false, &mut Silent).unwrap_err().to_string();
    assert_eq!(error, "credit.eta: 0 is not in (0, 1]");
}

/// Has a run stopped after a step.
struct StopAfter(u64, u64);

impl Observer for StopAfter {
    fn progress(&mut self, progress: Progress) {
        self.1 = progress.step;
    }

    fn stop(&mut self) -> bool {
        self.1 == self.0
    }
}

/// What training came to, without what a clock decides: records, weights, and the rule's feedback as the last checkpoint has it.
fn outcome(folder: &Path) -> (Vec<Record>, Vec<u8>, Vec<f32>) {
    let mut records = RunRecords::read(folder).unwrap().records;
    for record in &mut records {
        (record.seconds, record.images_per_second, record.waiting) = (0.0, 0.0, 0.0);
    }
    let last = checkpoint::list(&folder.join("checkpoints")).unwrap().pop().expect("a checkpoint");
    let state = checkpoint::load(&last, &Device::flex()).unwrap().state;
    let feedback = state.tensors.iter().filter(|(name, _)| name.ends_with("stage1.feedback"));
    let feedback: Vec<f32> = feedback.flat_map(|(_, tensor)| values::<f32>(tensor)).collect();
    assert_eq!(feedback.len(), 10 * 12);
    (records, fs::read(last.join("weights.safetensors")).unwrap(), feedback)
}

#[test]
fn a_run_that_was_stopped_goes_on_to_the_same_bits() {
    let text = "[data]\ntrain_limit = 120\ntest_limit = 40\n[network]\npreset = 'mlp'\nwidths = [12]\n\
                [credit]\nrule = 'one-bit'\ninterval = 3\n[train]\nepochs = 2\nbatch = 20\n[metrics]\ninterval = 2";
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [whole, pieces] = [folders[0].path(), folders[1].path()];
    let summary = train(text, whole, false, &mut Silent).unwrap();
    assert_eq!((summary.steps, summary.probes), (12, 4 * 20));
    for stop in [2, 7] {
        let error = train(text, pieces, true, &mut StopAfter(stop, 0)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stopped, "{error}");
    }
    let other = train(&text.replace("interval = 3", "interval = 4"), pieces, true, &mut Silent);
    let other = other.unwrap_err().to_string();
    assert!(other.contains("one-bit.interval: 3 there, 4 here"), "{other}");
    train(text, pieces, true, &mut Silent).unwrap();
    let (through, stopped) = (outcome(whole), outcome(pieces));
    assert_eq!(through.0, stopped.0);
    assert!(through.1 == stopped.1, "weights differ after resuming");
    assert!(through.2 == stopped.2, "feedback differs after resuming");
}
