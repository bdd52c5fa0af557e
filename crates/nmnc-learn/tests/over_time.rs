//! Rules over time against what they estimate: mirrors against the weights they mirror and backpropagation through time, perturbation by
//! changes of activity against its definition and against perturbation by noise.

use burn::tensor::{DType, Device, Tensor, TensorData};
use nmnc_core::Seed;
use nmnc_core::seed::Role;
use nmnc_learn::credit::MirrorConfig;
use nmnc_learn::net::Weights;
use nmnc_learn::recurrent::{
    LaggedJacobianConfig, LaggedJacobians, OverTime, RecurrentConfig, RecurrentNetwork, SequencePass,
    TIME_RULES, TemporalMirror, TimeContext, TimeCreditConfig, TimeRule, TimeSetup, live_rows, selected,
};
use nmnc_learn::registry::RuleEntry;
use nmnc_learn::workers::Share;
use nmnc_testing::{PRECISIONS, assert_close, values};

const STEPS: usize = 7;
const TRIALS: usize = 30;
const INPUTS: usize = 3;
const OUTPUTS: usize = 4;
const LENGTHS: [usize; 3] = [STEPS, STEPS - 2, STEPS - 1];

fn numbers(count: usize, index: usize) -> Vec<f32> {
    let mut numbers = vec![0.0; count];
    Seed(8).stream(Role::Analysis, index, 0).fill_normal(&mut numbers);
    numbers
}

/// A network, a pass over some trials, an error at its output that is zero after a trial's end, and the trials' lengths.
struct Case {
    network: RecurrentNetwork,
    pass: SequencePass,
    error: Tensor<2>,
    lengths: Vec<usize>,
}

impl Case {
    fn new(config: &str, dtype: DType) -> Self {
        let config: RecurrentConfig = toml::from_str(config).unwrap();
        let mut network = config.build([INPUTS, OUTPUTS], 100.0, Seed(3), &Device::flex()).unwrap();
        for value in network.values_mut() {
            *value = value.clone().cast(dtype);
        }
        let lengths: Vec<usize> = (0..TRIALS).map(|trial| LENGTHS[trial % 3]).collect();
        let pass = network.forward(&numbers(STEPS * TRIALS * INPUTS, 1), [STEPS, TRIALS], None);
        let mut error: Vec<f64> = numbers(STEPS * TRIALS * OUTPUTS, 2).into_iter().map(f64::from).collect();
        for (row, error) in error.chunks_exact_mut(OUTPUTS).enumerate() {
            if row / TRIALS >= lengths[row % TRIALS] {
                error.fill(0.0);
            }
        }
        let data = TensorData::new(error, [STEPS * TRIALS, OUTPUTS]);
        let error = Tensor::from_data(data, (&Device::flex(), dtype));
        Self { network, pass, error, lengths }
    }

    fn context<'a>(&'a self, step: u64, share: &'a Share<'a>) -> TimeContext<'a> {
        let Self { network, pass, error, lengths } = self;
        TimeContext { network, pass, error, lengths, step, seed: Seed(1), share }
    }

    fn signals(&self, rule: &mut dyn TimeRule, step: u64) -> Tensor<2> {
        rule.signals(&self.context(step, &Share::alone(TRIALS))).unwrap()
    }

    fn mirror(&self, name: &str, settings: &str) -> TemporalMirror {
        let entry: &&dyn RuleEntry<OverTime> = TIME_RULES.iter().find(|entry| entry.name() == name).unwrap();
        let settings = toml::Value::Table(entry.resolve(&settings.parse().unwrap()).unwrap());
        TemporalMirror::new(settings.try_into::<MirrorConfig>().unwrap(), &self.setup())
    }

    fn rule(&self, settings: &str) -> Box<dyn TimeRule> {
        toml::from_str::<TimeCreditConfig>(settings).unwrap().build(&self.setup()).unwrap()
    }

    fn setup(&self) -> TimeSetup<'_> {
        static FLEX: std::sync::LazyLock<Device> = std::sync::LazyLock::new(Device::flex);
        TimeSetup { network: &self.network, seed: Seed(1), device: &FLEX }
    }

    fn exact(&self) -> Tensor<2> {
        self.network.backpropagate(&self.pass, &self.error, None)
    }
}

fn energy(matrix: &Tensor<2>) -> f64 {
    values(matrix).iter().map(|v| v * v).sum()
}

/// Squared error over the square of what is to be found.
fn error(found: &Tensor<2>, exact: &Tensor<2>) -> f64 {
    energy(&(found.clone() - exact.clone())) / energy(exact)
}

fn cosine(a: &Tensor<2>, b: &Tensor<2>) -> f64 {
    let dot: f64 = values(a).iter().zip(values(b)).map(|(a, b)| a * b).sum();
    dot / (energy(a) * energy(b)).sqrt()
}

#[test]
fn as_many_probes_as_units_mirror_both_weights_and_give_the_signals_of_backpropagation() {
    let networks = [
        "units = 24\ntau = 250",
        "units = 24\ntau = 100\nactivation = 'relu'\nexcitatory = 0.75\ndensity = 0.5",
        "kind = 'gru'\nunits = 20",
    ];
    for config in networks {
        for (dtype, _) in PRECISIONS {
            let case = Case::new(config, dtype);
            let mut rule = case.mirror("manifold-mirror", "initial = 100");
            let signals = case.signals(&mut rule, 0);
            assert_eq!(rule.probes(), case.network.units() as u64, "no more than there is use for");
            // A mirror is good enough at a squared error of the responses of 1e-5.
            let [recurrent, readout] = rule.mirrored_weights();
            for (what, found, exact) in [
                ("recurrent", recurrent, &case.network.recurrent_weight()),
                ("readout", readout, case.network.readout_weight()),
                ("signals", &signals, &case.exact()),
            ] {
                assert!(error(found, exact) < 3e-5, "{config}, {what}: {}", error(found, exact));
            }
        }
    }
}

#[test]
fn on_the_manifold_a_mirror_is_the_weight_and_off_it_nothing() {
    let case = Case::new("units = 24\ntau = 200", DType::F64);
    let settings =
        "noise = 'manifold'\ninitial = 100\nobserve = false\nmanifold = { dimension = 5, method = 'exact' }";
    let mut rule = case.mirror("manifold-mirror", settings);
    case.signals(&mut rule, 0);
    let manifold = rule.manifold().unwrap().clone();
    assert_eq!(manifold.dimension(), 5);
    let [recurrent, readout] = rule.mirrored_weights();
    for (found, exact) in
        [(recurrent, case.network.recurrent_weight()), (readout, case.network.readout_weight().clone())]
    {
        let inside = manifold.embed(manifold.coordinates(exact));
        assert!(error(found, &inside) < 1e-6, "{}", error(found, &inside));
    }
}

#[test]
fn what_states_differ_by_mirrors_the_weights_without_a_probe() {
    let case = Case::new("units = 24\ntau = 200", DType::F64);
    // The only probes are those of the first step, of which there have to be some for the rule to know that there is something to learn.
    let mut rule = case.mirror("manifold-mirror", "initial = 0\ninterval = 1000");
    let live = live_rows(&case.lengths);
    let states = selected(&case.pass.activity(), &live);
    let differences = states.clone() - states.mean_dim(0);
    let response = |weight: &Tensor<2>| differences.clone().matmul(weight.clone().transpose());
    let exact = response(&case.network.recurrent_weight());
    let mut errors = Vec::new();
    for step in 0..30 {
        case.signals(&mut rule, step);
        errors.push(error(&response(rule.mirrored_weights()[0]), &exact));
    }
    assert_eq!(rule.probes(), 1);
    assert!(errors[0] < 0.2 && errors[29] < 1e-3, "{errors:?}");
}

#[test]
fn averages_of_isotropic_responses_approach_the_weights() {
    let case = Case::new("units = 24\ntau = 200", DType::F64);
    let after = |probes: usize| {
        let settings = format!("probes = {probes}\neta = 1.0");
        let mut rule = case.mirror("weight-mirror", &settings);
        case.signals(&mut rule, 1);
        error(rule.mirrored_weights()[0], &case.network.recurrent_weight())
    };
    // Of a Gaussian average's error the energy is (n + 1) / K; no more than n probes are taken.
    let (few, many) = (after(4), after(16));
    assert!((3.0..10.0).contains(&few) && (2.5..6.0).contains(&(few / many)), "{few} {many}");
}

#[test]
fn a_mirror_takes_up_where_it_stopped() {
    let case = Case::new("kind = 'gru'\nunits = 12", DType::F32);
    for budget in ["probes = 2", "budget = 'auto'\ncap = 0.5"] {
        let settings = format!("initial = 5\n{budget}\nmanifold = {{ dimension = 3, refresh = 2 }}");
        let mut whole = case.mirror("manifold-mirror", &settings);
        (0..3).for_each(|step| drop(case.signals(&mut whole, step)));
        let mut resumed = case.mirror("manifold-mirror", &settings);
        resumed.restore(&whole.state()).unwrap();
        let before = whole.probes();
        let [a, b] = [&mut whole, &mut resumed].map(|rule| values(&case.signals(rule, 3)));
        assert_eq!(a, b);
        assert!(whole.probes() == resumed.probes() && whole.probes() > before, "{budget}");
    }
}

#[test]
fn mean_jacobians_of_all_lags_are_those_of_differences() {
    let mut case = Case::new("units = 9\ntau = 150", DType::F64);
    // A single trial, so that every mean is of one Jacobian.
    case.lengths = vec![STEPS];
    case.pass = case.network.forward(&numbers(STEPS * INPUTS, 3), [STEPS, 1], None);
    case.error = case.error.narrow(0, 0, STEPS);
    for kind in ["parts = 1", "parts = 100"] {
        let config: LaggedJacobianConfig =
            toml::from_str(&format!("lags = {STEPS}\ninterval = 1\n{kind}")).unwrap();
        let parts = config.parts.min(STEPS);
        let mut rule = LaggedJacobians::new(config, &case.setup());
        rule.signals(&case.context(4, &Share::alone(1))).unwrap();
        let end = Seed(1).stream(Role::ProbeTime, 0, 4).below(STEPS);
        for lag in 0..=end {
            let found = values(&rule.feedback(if parts == 1 { 0 } else { end - lag }, lag));
            for unit in 0..9 {
                let output = |size: f64| {
                    let mut kick = vec![0.0; STEPS * 9];
                    kick[(end - lag) * 9 + unit] = size;
                    let kick =
                        Tensor::from_data(TensorData::new(kick, [STEPS, 9]), (&Device::flex(), DType::F64));
                    values(&case.network.readout(case.network.run_kicked(&case.pass, &kick)))
                };
                let (up, down) = (output(1e-5), output(-1e-5));
                for out in 0..OUTPUTS {
                    let exact = (up[end * OUTPUTS + out] - down[end * OUTPUTS + out]) / 2e-5;
                    let found = found[out * 9 + unit];
                    assert!((found - exact).abs() < 1e-8 + 1e-6 * exact.abs(), "lag {lag}: {found} {exact}");
                }
            }
        }
    }
}

#[test]
fn mean_jacobians_of_a_linear_network_give_the_signals_of_backpropagation() {
    let case = linear(DType::F64);
    for more in ["", "parts = 2", "parts = 7", "dimension = 12"] {
        let settings = format!("rule = 'mean-jacobian'\nlags = 50\n{more}");
        let found = case.signals(&mut *case.rule(&settings), 0);
        // States after the longest lag that a trial of the batch showed have no feedback of it.
        let off = error(&found, &case.exact());
        assert!(off < if more.contains("parts") { 0.1 } else { 1e-6 }, "{more}: {off}");
    }
    let plain = case.signals(&mut *case.rule("rule = 'mean-jacobian'\nlags = 50"), 0);
    let cut = case.signals(&mut *case.rule("rule = 'mean-jacobian'\nlags = 50\ndimension = 3"), 0);
    let left = energy(&cut) / energy(&plain);
    assert!(left > 0.0 && left < 0.99, "{left}");
}

/// A case of which every example and step has the same lagged Jacobians: inputs are next to nothing.
fn linear(dtype: DType) -> Case {
    let mut case = Case::new("units = 12\ntau = 200\ngain = 0.9", dtype);
    *case.network.values_mut()[0] = case.network.values_mut()[0].clone() * 1e-5;
    case.pass = case.network.forward(&numbers(STEPS * TRIALS * INPUTS, 1), [STEPS, TRIALS], None);
    case
}

#[test]
fn a_budget_is_kept_and_every_lag_filtered_by_itself() {
    let case = linear(DType::F32);
    let after = |settings: &str| {
        let mut rule = case.rule(&format!("lags = {STEPS}\n{settings}"));
        let signals = (0..12).map(|step| case.signals(&mut *rule, step)).last().unwrap();
        (error(&signals, &case.exact()), rule.probes(), rule.choices())
    };
    let manifold = "manifold = { dimension = 6, refresh = 4 }";
    let averages = after("rule = 'vnc'\ninterval = 2").0;
    for settings in ["rule = 'vnc'", &format!("rule = 'nmnc'\n{manifold}")] {
        let (left, probes, choices) = after(&format!("budget = 0.5\n{settings}"));
        assert_eq!(probes, 6 * TRIALS as u64, "half of twelve passes");
        assert!((choices.probe_rate.unwrap() - 6.0 * TRIALS as f64 / 12.0).abs() < 1e-9);
        // Responses that one Jacobian explains leave nothing, given as many as units for all but the longest lags.
        assert!(left < 5e-3 && left < 0.02 * averages, "{settings}: {left}, averages {averages}");
        // The longest lags have few answers at a time, and what their last ones showed is what was known before them.
        assert!(choices.feedback_error.unwrap() < 0.2, "{choices:?}");
    }
    // On the manifold alone, both come to what of the Jacobians lies there.
    let [recursive, solved] = ["recursive-least-squares", "least-squares"]
        .map(|estimator| after(&format!("rule = 'nmnc'\nestimator = '{estimator}'\n{manifold}")));
    let between = (recursive.0 - solved.0).abs();
    assert!(between < 0.02 && recursive.2.feedback_error.is_none(), "{recursive:?} {solved:?}");
}

#[test]
fn filters_of_all_lags_take_up_where_they_stopped() {
    let case = Case::new("units = 12\ntau = 200", DType::F32);
    let manifold = "manifold = { dimension = 3, refresh = 2 }";
    for settings in [
        format!("rule = 'nmnc'\nbudget = 0.7\n{manifold}"),
        "rule = 'vnc'\nbudget = 1.5".to_owned(),
        format!("rule = 'nmnc'\nestimator = 'recursive-least-squares'\n{manifold}"),
        format!("rule = 'nmnc'\nestimator = 'kalman'\nlags = 2\n{manifold}"),
    ] {
        let mut whole = case.rule(&settings);
        for step in 0..3 {
            let signals = values(&case.signals(&mut *whole, step));
            assert!(signals.iter().all(|signal| signal.is_finite()), "{settings} {step}");
        }
        let mut resumed = case.rule(&settings);
        resumed.restore(&whole.state()).unwrap();
        for step in 3..6 {
            let [a, b] = [&mut whole, &mut resumed].map(|rule| values(&case.signals(&mut **rule, step)));
            assert_eq!(a, b, "{settings}");
        }
        assert_eq!(whole.probes(), resumed.probes());
        assert_eq!(whole.choices(), resumed.choices());
        assert!(case.rule(&settings).restore(&nmnc_core::state::State::default()).is_err());
    }
}

#[test]
fn changes_of_activity_are_correlated_as_written() {
    let case = Case::new("units = 12\ntau = 200", DType::F64);
    let settings = "rule = 'activity-node-perturbation'\nsigma = 0.05\nlags = 3";
    let found = values(&case.signals(&mut *case.rule(settings), 0));
    // The same noise by perturbation with noise alone, at a single unit of which the signal tells it.
    let network = &case.network;
    let rows = STEPS * TRIALS;
    let deviation = {
        // sigma * mean |h| / sqrt(N), over all states.
        let states = values(&case.pass.activity());
        let norms = states.chunks_exact(12).map(|row| row.iter().map(|v| v * v).sum::<f64>().sqrt());
        0.05 * norms.sum::<f64>() / rows as f64 / 12.0_f64.sqrt()
    };
    let mut noise = vec![0.0; rows * 12];
    Seed(1).stream(Role::Probe, 0, 0).fill_normal(&mut noise);
    let kick = noise.iter().map(|z| f64::from(*z) * deviation).collect::<Vec<f64>>();
    let kick = Tensor::from_data(TensorData::new(kick, [rows, 12]), (&Device::flex(), DType::F64));
    let moved = network.run_kicked(&case.pass, &kick);
    let change = values(&(network.readout(moved.clone()) - case.pass.output.clone()));
    let moved = values(&(moved - case.pass.activity()));
    let error = values(&case.error);
    let answer = |row: usize| -> f64 {
        (0..OUTPUTS).map(|output| change[row * OUTPUTS + output] * error[row * OUTPUTS + output]).sum()
    };
    let mut expected = vec![0.0; rows * 12];
    for (trial, &length) in case.lengths.iter().enumerate() {
        let state = |step: usize| &moved[(step * TRIALS + trial) * 12..][..12];
        let square: f64 = (0..length).flat_map(|step| state(step).iter().map(|v| v * v)).sum();
        for step in 0..STEPS {
            let window = (step..STEPS.min(step + 4)).map(|later| answer(later * TRIALS + trial)).sum::<f64>();
            for (unit, moved) in state(step).iter().enumerate() {
                expected[(step * TRIALS + trial) * 12 + unit] =
                    window * moved * (12 * length) as f64 / square;
            }
        }
    }
    assert_close("signals", &found, &expected, 1e-9);
}

#[test]
fn perturbation_by_noise_and_by_activity_both_follow_the_gradient() {
    let case = Case::new("units = 12\ntau = 200\ngain = 0.9", DType::F32);
    let after = |rule: &str, more: &str| {
        let settings = format!("rule = '{rule}'\nprobes = 300\nsigma = 0.01\nlags = 7\n{more}");
        cosine(&case.signals(&mut *case.rule(&settings), 0), &case.exact())
    };
    let (noise, activity) = (after("node-perturbation", ""), after("activity-node-perturbation", ""));
    assert!(noise > 0.5 && activity > 0.5, "{noise} {activity}");
    let antithetic = after("activity-node-perturbation", "antithetic = true");
    assert!((antithetic - activity).abs() < 0.05, "{antithetic} {activity}");
}

#[test]
fn settings_without_meaning_over_time_are_told() {
    let told = |settings: &str| {
        toml::from_str::<TimeCreditConfig>(settings).unwrap().resolve().unwrap_err().to_string()
    };
    for (settings, expected) in [
        (
            "rule = 'manifold-mirror'\nfeedback = 'coordinates'\nnoise = 'manifold'",
            "credit.feedback: over time two weights read the state, and each has a mirror; set feedback = \"weights\", or remove it",
        ),
        (
            "rule = 'manifold-mirror'\nmanifold = { dimension = [3, 4] }",
            "credit.manifold.dimension: there is one state, and so one dimension; use a single number",
        ),
        (
            "rule = 'vnc'\ncorrelate = 'activity'",
            "credit.correlate: has no meaning without memory = \"none\"; remove it, or set memory = \"none\"",
        ),
        (
            "rule = 'vnc'\noff_manifold = 'none'",
            "credit.off_manifold: has no meaning without noise = \"manifold\" or \"covariance\"; remove it, or set noise = \"manifold\" or \"covariance\"",
        ),
        (
            "rule = 'nmnc'\nnoise = 'aimed'\nestimator = 'kalman'",
            "credit.noise: is aimed at one Jacobian, and every lag has its own; set noise = \"covariance\"",
        ),
        (
            "rule = 'nmnc'\nbudget = 0.1\nprobes = 3",
            "credit.probes: has no meaning with a budget; remove it, or remove budget",
        ),
        (
            "rule = 'nmnc'\noff_scale = 2.0",
            "credit.off_scale: has no meaning without off_manifold = \"random\"; remove it, or set off_manifold = \"random\"",
        ),
    ] {
        let found = told(settings);
        assert_eq!(found, expected);
    }
}
