//! Rules whose batch is shared by workers: what they learn is learned from the whole of it, as one worker with the whole would.

use std::thread;

use burn::tensor::{Device, Tensor};
use nmnc_core::device::values;
use nmnc_core::seed::Role;
use nmnc_core::{Result, Seed};
use nmnc_data::tasks::{TaskConfig, TrialBatch};
use nmnc_data::{DataConfig, Splits};
use nmnc_learn::credit::{CreditConfig, RuleSetup, rule_names};
use nmnc_learn::net::{Activation, Dense, Init, Network, NetworkConfig, Weights};
use nmnc_learn::recurrent::{RecurrentConfig, TimeCreditConfig, TimeSetup, time_rule_names};
use nmnc_learn::workers::{Contribution, Workers};
use nmnc_testing::blocks::Residual;
use nmnc_testing::threads::Threads;
use nmnc_train::{
    ImageBatch, ImageOptions, Images, Learner, Loss, Optimizer, OptimizerConfig, Problem, Schedule,
    TrialOptions, Trials,
};

const SEED: Seed = Seed(4);
const STEPS: u64 = 5;

/// How far the weights of f32 may come to lie from those of one worker, over how far training has moved them: sums are made in another
/// order. The last bit of the initial weights takes one worker alone about as far.
const ROUNDING: f64 = 1e-4;
/// The same of a mirror that observes. Its least squares stop when the residual is small, and where that hangs by the last bit, at one
/// iteration more or less.
const STOPPING: f64 = 0.1;
/// How far they come to lie at the least where workers know nothing of each other's examples but the sum of the gradients.
const APART: f64 = 1e-2;

/// What training comes to.
struct Trained {
    start: Vec<f64>,
    weights: Vec<f64>,
    state: Vec<f64>,
    probes: u64,
}

fn weights(network: &impl Weights) -> Vec<f64> {
    network.parameters().iter().flat_map(|(_, parameter)| values::<f64>(&parameter.value)).collect()
}

/// A worker's part of a batch.
type Part<B> = fn(&B, &Threads) -> B;

fn part_of_images(batch: &ImageBatch, worker: &Threads) -> ImageBatch {
    batch.part(worker.part(batch.labels.len()).unwrap())
}

fn part_of_trials(batch: &TrialBatch, worker: &Threads) -> TrialBatch {
    batch.part(worker.part(batch.size()).unwrap())
}

/// Trains as one of the problem's workers; or, where there is an `apart`, on its part of each batch alone, so that of the other nothing
/// is known but its gradients.
fn train<P: Problem>(mut problem: P, apart: Option<(Threads, Part<P::Batch>)>) -> Trained {
    let settings: OptimizerConfig = toml::from_str("name = 'sgd'\nlearning_rate = 0.05").unwrap();
    let mut learner = Learner::new(Optimizer::new(settings), Schedule::constant(), None);
    let start = weights(problem.network());
    for step in 0..STEPS {
        let batch = problem.batch(step).unwrap();
        let batch = match &apart {
            Some((worker, part)) => part(&batch, worker),
            None => batch,
        };
        // A step that is measured keeps all of its pass, and comes to the same.
        let (share, _) = problem.assess(batch, step, step == 1).unwrap();
        let whole = match &apart {
            Some((worker, _)) => share.of_all(worker).unwrap(),
            None => share.of_all(problem.workers()).unwrap(),
        };
        learner.update(problem.network_mut(), whole).unwrap();
    }
    let state = problem.state();
    let tensors = state.tensors.values().flat_map(values::<f64>);
    let state = tensors.chain(state.numbers.into_values().flatten()).collect();
    Trained { start, weights: weights(problem.network()), state, probes: problem.probes() }
}

/// What two threads come to.
fn both<T: Send>(work: impl Fn(Threads) -> T + Sync) -> [T; 2] {
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> =
            Threads::of(2).into_iter().map(|worker| scope.spawn(move || work(worker))).collect();
        let done: Vec<T> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        done.try_into().unwrap_or_else(|_| unreachable!("two threads"))
    })
}

/// Compares workers that share batches with one that has them whole; and, where the rule or the network draws or learns something by
/// rows, with workers whose gradients alone are summed.
fn compare(what: &str, [whole, own, other]: [Trained; 3], apart: Trained, by_rows: bool) {
    assert!(own.weights == other.weights && own.state == other.state, "{what}: workers came to differ");
    assert_eq!((own.probes, other.probes), (whole.probes, whole.probes), "{what}");
    let difference = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    let moved = difference(&whole.weights, &whole.start);
    let [found, apart] = [&own, &apart].map(|it| difference(&it.weights, &whole.weights) / moved);
    println!("{what:?}: {found:.1e}, {apart:.1e} apart");
    assert!(moved > 1e-3, "{what}: nothing was learned");
    let observes = what.contains("'manifold-mirror'") && !what.contains("observe = false");
    let rounding = if observes { STOPPING } else { ROUNDING };
    assert!(found < rounding, "{what}: {found}");
    let least = if by_rows { APART.max(3.0 * rounding) } else { rounding };
    assert_eq!(apart > least, by_rows, "{what}: {apart} without the sums");
}

fn splits() -> Splits {
    let data = DataConfig { train_limit: Some(60), test_limit: Some(20), ..DataConfig::default() };
    data.open(SEED).unwrap()
}

fn plain(splits: &Splits) -> Network {
    let config =
        NetworkConfig { preset: Some("mlp".into()), widths: Some(vec![40, 30]), ..Default::default() };
    let shape = splits.train.shape();
    let shape = [shape.channels, shape.height, shape.width];
    config.build(shape, splits.train.classes().len(), SEED, &Device::flex()).unwrap()
}

/// With masks drawn by row.
fn dropping(splits: &Splits) -> Network {
    let device = Device::flex();
    let weight = |shape: [usize; 2], index: usize| {
        Init::Lecun.weight(shape, shape[0], &mut SEED.stream(Role::Weights, index, 0), &device)
    };
    let dense = |shape: [usize; 2], index: usize, activation: Activation| {
        Dense::new(weight(shape, index), Tensor::zeros([1, shape[0]], &device), activation)
    };
    let row = |value: f32| Tensor::full([1, 9], value, &device);
    let residual = Residual::new(row(1.0), row(0.0), weight([8, 9], 1), weight([9, 8], 2));
    let stem = dense([9, splits.train.shape().len()], 0, Activation::Tanh);
    let readout = dense([splits.train.classes().len(), 9], 3, Activation::Identity);
    Network::chain(vec![Box::new(stem), Box::new(residual)], readout).unwrap()
}

/// The last of five batches is smaller, and none is even.
fn images(rule: &str, network: fn(&Splits) -> Network, streamed: bool) -> Images {
    let splits = splits();
    let network = network(&splits);
    let config: CreditConfig = toml::from_str(rule).unwrap();
    let rule = config.build(&RuleSetup { network: &network, seed: SEED, device: &Device::flex() }).unwrap();
    let options = ImageOptions { seed: SEED, batch: 13, streamed, ..ImageOptions::default() };
    Images::new(network, rule, splits, Loss::CrossEntropy, options).unwrap()
}

fn compare_images(rule: &str, network: fn(&Splits) -> Network, streamed: bool, by_rows: bool) {
    let whole = train(images(rule, network, streamed), None);
    let [own, other] = both(|worker| train(images(rule, network, streamed).shared(worker), None));
    let [apart, _] = both(|worker| train(images(rule, network, streamed), Some((worker, part_of_images))));
    compare(rule, [whole, own, other], apart, by_rows);
}

#[test]
fn every_rule_learns_from_a_shared_batch_what_it_would_from_the_whole() {
    for name in rule_names() {
        let more = match name {
            "nmnc" | "manifold-node-perturbation" => {
                "manifold = { dimension = 4, samples = 30, refresh = 2 }"
            }
            "mean-jacobian" => "interval = 2\nexamples = 30",
            // Few probes, so that there is something left to be seen in the batch.
            "manifold-mirror" => "initial = 2\nmanifold = { dimension = 4, samples = 30, refresh = 2 }",
            _ => "",
        };
        // The probes of a mirror are noise alone, the same for all, and so are the examples of a mean Jacobian.
        let by_rows =
            !["bp", "mean-jacobian", "fa", "dfa", "usf", "brsf", "frsf", "weight-mirror"].contains(&name);
        compare_images(&format!("rule = '{name}'\n{more}"), plain, false, by_rows);
    }
}

#[test]
fn so_do_rules_with_other_settings() {
    for (rule, by_rows) in [
        ("rule = 'vnc'\nestimator = 'least-squares'\nprobe = 'hadamard'\nprobes = 2", true),
        ("rule = 'vnc'\nprobe = 'orthogonal'\nprobes = 3\ninterval = 2", true),
        ("rule = 'direct-mirror'\nprobes = 2\nprobe = 'hadamard'\nobserve = { ridge = 0.1 }", true),
        ("rule = 'direct-mirror'\nregions = { by = 'class' }", true),
        ("rule = 'direct-mirror'\nprobes = 2\nregions = { by = 'output', count = 3 }", true),
        (
            "rule = 'nmnc'\nprobes = 2\nregions = { by = 'output', count = 3 }\n\
             manifold = { dimension = 4, samples = 30 }",
            true,
        ),
        ("rule = 'nmnc'\nbudget = 2.0\nmanifold = { dimension = 4, samples = 30, refresh = 2 }", true),
        (
            "rule = 'nmnc'\nbudget = 2.0\nnoise = 'covariance'\nmanifold = { dimension = 4, samples = 30, refresh = 2 }",
            true,
        ),
        ("rule = 'vnc'\nestimator = 'kalman'\nprobes = 2\ninterval = 2", true),
        ("rule = 'vnc'\nantithetic = true\nprobes = 2\ninjection = 'joint'\nnormalize = 'signal'", true),
        ("rule = 'node-perturbation'\nprobe = 'rademacher'\nprobes = 2\nnormalize = 'signal'", true),
        (
            "rule = 'nmnc'\nestimator = 'recursive-least-squares'\nmanifold = { dimension = 4, samples = 30 }",
            true,
        ),
        (
            "rule = 'nmnc'\nestimator = 'least-squares'\nmanifold = { dimension = 6, samples = 30, method = 'exact' }",
            true,
        ),
        (
            "rule = 'nmnc'\nnoise = 'covariance'\nmanifold = { dimension = 6, samples = 30, refresh = 2 }",
            true,
        ),
        (
            "rule = 'nmnc'\nnoise = 'covariance'\nrest = 0.0\nestimator = 'least-squares'\nridge = 0.5\n\
             manifold = { dimension = 6, method = 'incremental', refresh = 2 }",
            true,
        ),
        (
            "rule = 'nmnc'\ninjection = 'joint'\nmanifold = { dimension = 3, method = 'incremental', refresh = 2 }",
            true,
        ),
        (
            "rule = 'mean-jacobian'\ninterval = 2\nexamples = 30\nmanifold = { dimension = 4, samples = 30, refresh = 3 }",
            false,
        ),
        (
            "rule = 'mean-jacobian'\nexamples = 30\nmanifold = { dimension = 3, method = 'incremental', refresh = 2 }",
            true,
        ),
        (
            "rule = 'manifold-mirror'\ninitial = 2\nmanifold = { dimension = 3, method = 'incremental', refresh = 2 }",
            true,
        ),
        (
            "rule = 'manifold-mirror'\nfeedback = 'coordinates'\nnoise = 'manifold'\ninitial = 2\n\
             manifold = { dimension = 3, method = 'incremental', refresh = 1 }",
            true,
        ),
        (
            "rule = 'manifold-mirror'\ninitial = 2\nobserve = false\nbudget = 'auto'\ncap = 1.0\n\
             manifold = { dimension = 4, samples = 30 }",
            true,
        ),
    ] {
        compare_images(rule, plain, false, by_rows);
    }
    let local = "rule = 'nmnc'\nmanifold = { dimension = 3, method = 'incremental', refresh = 2 }";
    compare_images(local, plain, true, true);
}

#[test]
fn masks_are_those_of_the_rows_that_a_worker_holds() {
    for rule in [
        "rule = 'bp'",
        "rule = 'nmnc'\nmanifold = { dimension = 4, samples = 30 }",
        "rule = 'manifold-mirror'\ninitial = 2\nmanifold = { dimension = 4, samples = 30 }",
    ] {
        compare_images(rule, dropping, false, true);
    }
}

/// Trials of different lengths.
fn trials(rule: &str, network: &str) -> Trials {
    let device = Device::flex();
    let task = TaskConfig::named("ReadySetGo", toml::Table::new()).unwrap().open(SEED).unwrap();
    let channels = task.channels();
    let config: RecurrentConfig = toml::from_str(network).unwrap();
    let size = [channels.inputs.len(), channels.outputs.len()];
    let network = config.build(size, task.dt(), SEED, &device).unwrap();
    let config: TimeCreditConfig = toml::from_str(rule).unwrap();
    let rule = config.build(&TimeSetup { network: &network, seed: SEED, device: &device }).unwrap();
    let options = TrialOptions { seed: SEED, batch: 7, trials: 35, ..TrialOptions::default() };
    Trials::new(network, rule, task, options).unwrap()
}

fn compare_trials(rule: &str, network: &str, by_rows: bool) {
    let whole = train(trials(rule, network), None);
    let [own, other] = both(|worker| train(trials(rule, network).shared(worker), None));
    let [apart, _] = both(|worker| train(trials(rule, network), Some((worker, part_of_trials))));
    compare(&format!("{rule} {network}"), [whole, own, other], apart, by_rows);
}

#[test]
fn every_rule_over_time_learns_from_shared_trials_what_it_would_from_all() {
    let rate = "units = 10\nstate_noise = 0.0";
    for name in time_rule_names() {
        let more = match name {
            "nmnc" => "manifold = { dimension = 2, samples = 50, refresh = 2 }",
            "manifold-node-perturbation" => "manifold = { dimension = 2, samples = 50 }",
            // With ten probes of ten units there would be nothing left to observe.
            "manifold-mirror" => "initial = 0\ninterval = 3\nmanifold = { dimension = 2, samples = 50 }",
            _ => "",
        };
        let by_rows = !["bptt", "rflo", "e-prop", "weight-mirror"].contains(&name);
        compare_trials(&format!("rule = '{name}'\n{more}"), rate, by_rows);
    }
    for rule in [
        "rule = 'vnc'\nestimator = 'least-squares'\nlags = 3\nprobes = 2\nantithetic = true",
        "rule = 'vnc'\nlags = 60\nprobe = 'hadamard'\nnormalize = 'signal'",
        "rule = 'nmnc'\nmanifold = { dimension = 3, method = 'incremental', refresh = 2 }",
        "rule = 'nmnc'\nnoise = 'covariance'\nmanifold = { dimension = 3, method = 'incremental', refresh = 2 }",
        "rule = 'node-perturbation'\nprobes = 2\nprobe = 'orthogonal'\nnormalize = 'signal'",
    ] {
        compare_trials(rule, rate, true);
    }
    // The noise of the state is that of the trials that a worker holds.
    compare_trials("rule = 'bptt'", "units = 10\nstate_noise = 0.2", true);
    compare_trials("rule = 'bptt'", "kind = 'gru'\nunits = 8\nstate_noise = 0.2", true);
}

#[test]
fn what_cannot_be_shared_is_told() {
    let told = both(|worker| {
        let mut images = images("rule = 'bp'", plain, false).shared(Many(worker));
        images.batch(0).err().unwrap().to_string()
    });
    let expected = "train.batch: a batch of 13 examples cannot be shared by 14 workers; use larger batches, or fewer workers";
    assert_eq!(told, [expected, expected]);
    // The other one is not heard of any more.
    let left = Threads::of(2).remove(0);
    let mut images = images("rule = 'vnc'", plain, false).shared(left);
    let batch = images.batch(0).unwrap();
    let error = images.assess(batch, 0, false).err().unwrap();
    assert_eq!(error.to_string(), "workers: another worker has given up");
}

/// More workers than a batch has examples.
struct Many(Threads);

impl Workers for Many {
    fn count(&self) -> usize {
        14
    }

    fn number(&self) -> usize {
        self.0.number()
    }

    fn gather(&self, own: Contribution) -> Result<Vec<Contribution>> {
        self.0.gather(own)
    }
}
