//! What is reckoned of a training step against what is done: every rule on a network whose blocks count what they are asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use burn::tensor::{Device, Tensor};
use nmnc_core::Seed;
use nmnc_core::seed::Role;
use nmnc_learn::credit::{CreditConfig, RuleSetup, StepContext, rule_names};
use nmnc_learn::net::{
    Activation, Add, Block, Dense, DenseMap, LinearMap, Map, Mode, Network, Parameter, Trace,
};
use nmnc_learn::work::{Job, Operation, Work, layered};
use nmnc_learn::workers::Share;

const BATCH: usize = 6;
const OUTPUTS: usize = 3;
const STEPS: u64 = 12;
/// Rows of inputs by what was done with them, and by whom.
type Counts = BTreeMap<(&'static str, String), usize>;

/// A dense block, or a sum, that counts.
#[derive(Debug)]
struct Counting<B> {
    inner: B,
    name: String,
    map: Option<CountingMap>,
    counts: Arc<Mutex<Counts>>,
}

/// Its map.
#[derive(Debug)]
struct CountingMap {
    inner: DenseMap,
    name: String,
    counts: Arc<Mutex<Counts>>,
}

fn count(counts: &Mutex<Counts>, what: &'static str, name: &str, rows: usize) {
    *counts.lock().unwrap().entry((what, name.to_owned())).or_default() += rows;
}

impl<B: Block> Counting<B> {
    fn count(&self, what: &'static str, rows: &Tensor<2>) {
        count(&self.counts, what, &self.name, rows.dims()[0]);
    }
}

impl LinearMap for CountingMap {
    fn inputs(&self) -> usize {
        self.inner.inputs
    }

    fn outputs(&self) -> usize {
        self.inner.outputs
    }

    fn response(&self, change: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
        count(&self.counts, "respond", &self.name, change.dims()[0]);
        self.inner.response(change, weight)
    }

    fn correlate(&self, change: Tensor<2>, response: Tensor<2>) -> Tensor<2> {
        count(&self.counts, "correlate", &self.name, change.dims()[0]);
        self.inner.correlate(change, response)
    }
}

impl<B: Block> Block for Counting<B> {
    fn inputs(&self) -> Vec<usize> {
        self.inner.inputs()
    }

    fn units(&self) -> usize {
        self.inner.units()
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn parameters(&self) -> Vec<&Parameter> {
        self.inner.parameters()
    }

    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        self.inner.parameters_mut()
    }

    fn forward(&self, inputs: &[Tensor<2>], mode: Mode) -> (Tensor<2>, Trace) {
        self.count("forward", &inputs[0]);
        self.inner.forward(inputs, mode)
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        self.count("evaluate", &inputs[0]);
        self.inner.activity(inputs)
    }

    fn replay(&self, inputs: &[Tensor<2>], trace: &Trace) -> Tensor<2> {
        self.count("replay", &inputs[0]);
        self.inner.replay(inputs, trace)
    }

    fn parameter_vjp(&self, trace: &Trace, error: Tensor<2>) -> Vec<Tensor<2>> {
        if !self.parameters().is_empty() {
            self.count("parameters", &error);
        }
        self.inner.parameter_vjp(trace, error)
    }

    fn input_vjp(&self, trace: &Trace, error: Tensor<2>, input: usize, weights: &[Tensor<2>]) -> Tensor<2> {
        self.count("error", &error);
        self.inner.input_vjp(trace, error, input, weights)
    }

    fn jvp(&self, trace: &Trace, changes: &[Tensor<2>], weights: &[Tensor<2>]) -> Tensor<2> {
        self.inner.jvp(trace, changes, weights)
    }

    fn maps(&self) -> Vec<Map<'_>> {
        let own = self.inner.maps();
        own.into_iter().map(|map| Map { operation: self.map.as_ref().expect("a map"), ..map }).collect()
    }

    fn map_input(&self, trace: &Trace, map: usize) -> Tensor<2> {
        self.inner.map_input(trace, map)
    }
}

fn normal(shape: [usize; 2], index: usize) -> Tensor<2> {
    Seed(9).stream(Role::Analysis, index, 0).normals(shape, &Device::flex())
}

/// Two stages, the second of which is a sum of the first and what two inner maps make of it, so that errors meet and a section has a depth.
fn network(counts: &Arc<Mutex<Counts>>) -> Network {
    let mut index = 0;
    let mut dense = |name: &str, units: usize, inputs: usize, activation: Activation| {
        index += 1;
        let weight = normal([units, inputs], index) / (inputs as f64).sqrt();
        Counting {
            inner: Dense::new(weight, normal([1, units], 50 + index) * 0.1, activation),
            name: name.to_owned(),
            map: Some(CountingMap {
                inner: DenseMap { inputs, outputs: units },
                name: name.to_owned(),
                counts: counts.clone(),
            }),
            counts: counts.clone(),
        }
    };
    let blocks = [
        ("first", dense("first", 8, 12, Activation::Tanh)),
        ("inner", dense("inner", 9, 8, Activation::Tanh)),
        ("outer", dense("outer", 8, 9, Activation::Identity)),
        ("readout", dense("readout", OUTPUTS, 8, Activation::Identity)),
    ];
    let [first, inner, outer, readout] = blocks;
    let mut net = Network::builder(&[12]);
    let x = net.input(0).unwrap();
    let first = net.node(first.0, first.1, &[x]).unwrap();
    net.stage(first).unwrap();
    let inner = net.node(inner.0, inner.1, &[first]).unwrap();
    let outer = net.node(outer.0, outer.1, &[inner]).unwrap();
    let sum = Counting { inner: Add::new(2, 8), name: "sum".into(), map: None, counts: counts.clone() };
    let sum = net.node("sum", sum, &[outer, first]).unwrap();
    net.stage(sum).unwrap();
    let readout = net.node(readout.0, readout.1, &[sum]).unwrap();
    net.build(readout).unwrap()
}

/// What `work` says is done in all steps, with `refreshes` of the manifold and, if there are any, what comes before the first.
fn reckoned(network: &Network, work: &[Work]) -> Counts {
    let mut counts = Counts::new();
    let mut exact: BTreeMap<(&'static str, String), f64> = BTreeMap::new();
    let mut add = |jobs: &[Job], times: f64| {
        for job in jobs {
            let node = |node: usize| network.nodes()[node].name().to_owned();
            let (what, name, rows) = match job.operation {
                Operation::Forward { node: n, rows } => ("forward", node(n), rows),
                Operation::Evaluate { node: n, rows } => ("evaluate", node(n), rows),
                Operation::Replay { node: n, rows } => ("replay", node(n), rows),
                Operation::ParameterGradient { node: n, rows } => ("parameters", node(n), rows),
                Operation::InputGradient { node: n, rows, .. } => ("error", node(n), rows),
                Operation::Respond { reader, rows } => ("respond", node(reader.node), rows),
                Operation::Correlate { reader, rows } => ("correlate", node(reader.node), rows),
                _ => continue,
            };
            *exact.entry((what, name)).or_default() += rows as f64 * job.times * times;
        }
    };
    let steps = STEPS as f64;
    for work in work {
        add(&work.step, steps);
        add(&work.probe, steps * work.probes);
        add(&work.refresh, steps * work.refreshes);
        add(&work.start, 1.0);
    }
    for (key, rows) in exact {
        assert!((rows - rows.round()).abs() < 1e-6, "{key:?}: {rows}");
        counts.insert(key, rows.round() as usize);
    }
    counts.retain(|_, rows| *rows > 0);
    counts
}

/// What is done in all steps with a rule, and its perturbed examples.
fn done(config: &CreditConfig) -> (Counts, Counts, u64, f64) {
    let counts = Arc::new(Mutex::new(Counts::new()));
    let network = network(&counts);
    let device = Device::flex();
    let setup = RuleSetup { network: &network, seed: Seed(1), device: &device };
    let mut rule = config.build(&setup).unwrap();
    let stated = config.work(&network, [BATCH, 1]).unwrap();
    // A mirror tries its map when it is made.
    counts.lock().unwrap().clear();
    let sample = |count: usize, step: u64| Ok(normal([count, 12], 100 + step as usize).into());
    for step in 0..STEPS {
        let pass = network.training_forward(normal([BATCH, 12], 200 + step as usize), Seed(1), step, 0);
        let error = normal([BATCH, OUTPUTS], 300 + step as usize);
        let share = &Share::alone(BATCH);
        let context = StepContext {
            network: &network,
            pass: &pass,
            error: &error,
            step,
            seed: Seed(1),
            inputs: &sample,
            share,
        };
        if rule.is_exact() {
            network.backpropagated(pass, &error, |_| Ok(())).unwrap();
        } else {
            let signals = rule.signals(&context).unwrap();
            network.gradients(&pass, &signals, &error);
        }
    }
    let probes = stated.iter().map(|work| work.probes).sum::<f64>();
    let all: Vec<Work> = layered(&network, BATCH, false).into_iter().chain(stated).collect();
    let found = counts.lock().unwrap().clone();
    (found, reckoned(&network, &all), rule.probes(), probes)
}

fn config(rule: &str, settings: &str) -> CreditConfig {
    toml::from_str::<CreditConfig>(&format!("rule = '{rule}'\n{settings}")).unwrap().resolve().unwrap()
}

#[test]
fn every_rule_does_what_it_states() {
    let manifold = "manifold = { dimension = 3, samples = 10, refresh = 4 }";
    let mut tried = 0;
    for rule in rule_names() {
        let has =
            |setting: &str| CreditConfig::preset(rule).resolve().unwrap().settings.contains_key(setting);
        let manifold = if has("manifold") { manifold } else { "" };
        let mut all = vec![manifold.to_owned()];
        if has("injection") {
            all.push(format!("probes = 3\nantithetic = true\n{manifold}"));
            all.push(format!("injection = 'joint'\n{manifold}"));
            if !manifold.is_empty() {
                all.push(format!("probes = 2\nnoise = 'covariance'\n{manifold}"));
            }
        }
        if has("injection") && has("interval") {
            all.push(format!("interval = 4\nestimator = 'least-squares'\n{manifold}"));
            all.push(format!("probes = 1\ninterval = 4\nestimator = 'kalman'\n{manifold}"));
            all.push(format!("budget = 0.5\n{manifold}"));
            all.push(format!("regions = {{ by = 'output', count = 2 }}\n{manifold}"));
        }
        if has("examples") {
            // More examples than pass at a time, of which the last are fewer.
            all = vec!["interval = 4\nexamples = 10".to_owned(), "interval = 6\nexamples = 192".to_owned()];
            all.push(
                "interval = 3\nexamples = 5\nmanifold = { dimension = 3, samples = 10, refresh = 4 }".into(),
            );
        }
        if has("initial") {
            all = all.into_iter().map(|settings| format!("initial = 0\n{settings}")).collect();
        }
        for settings in all {
            let (mut found, mut reckoned, probes, stated) = done(&config(rule, &settings));
            if has("observe") {
                // Corrections depend on what responses say.
                let sure = |key: &(&'static str, String)| key.0 != "respond" && key.0 != "correlate";
                found.retain(|key, _| sure(key));
                reckoned.retain(|key, _| sure(key));
            } else if !has("initial") {
                assert_eq!(probes as f64, stated * (BATCH as u64 * STEPS) as f64, "{rule}, {settings}");
            }
            assert_eq!(found, reckoned, "{rule}, {settings}");
            tried += 1;
        }
    }
    assert!(tried > 18, "{tried}");
}

/// Sizes by hand: a batch of 6 through 12 -> 8 -> (9 -> 8) + skip -> 3.
#[test]
fn operations_and_bytes_are_those_worked_out_by_hand() {
    let counts = Arc::new(Mutex::new(Counts::new()));
    let network = network(&counts);
    let work = layered(&network, BATCH, false);
    let maps = [12.0 * 8.0, 8.0 * 9.0, 9.0 * 8.0, 8.0 * 3.0].map(|weights| 2.0 * 6.0 * weights);
    let [first, inner, outer, readout] = maps;
    let flops: Vec<f64> = work.iter().map(Work::flops).collect();
    // Forward and gradients of parameters each; within the second section an error passes the outer map.
    assert_eq!(flops, [2.0 * first, 2.0 * inner + 3.0 * outer, 2.0 * readout]);
    let bp: f64 = config("bp", "").work(&network, [BATCH, 1]).unwrap().iter().map(Work::flops).sum();
    assert_eq!(bp, inner + readout);
    let forward = &work[0].step[0];
    assert_eq!(forward.bytes, 4.0 * (6.0 * (12.0 + 8.0) + (12.0 * 8.0 + 8.0)));

    let product = Job::product(2, 3, 5);
    assert_eq!((product.flops, product.bytes), (60.0, 4.0 * (6.0 + 15.0 + 10.0)));
    let embed = Job::embed(2, 3, 5).times(2.0);
    assert_eq!((embed.flops, embed.bytes, embed.times), (60.0, 4.0 * (6.0 + 15.0 + 20.0), 2.0));
}
