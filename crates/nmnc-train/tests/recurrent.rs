//! Recurrent networks against PyTorch, finite differences, and eligibility traces written out; noise correlation in time against exact
//! lagged Jacobians.

use burn::tensor::{DType, Device, Tensor, TensorData};
use nmnc_core::Seed;
use nmnc_data::tasks::{Answer, Targets, TrialBatch, TrialInfo};
use nmnc_learn::net::Weights;
use nmnc_learn::recurrent::{
    EligibilityTrace, OverTime, RecurrentConfig, RecurrentNetwork, SequencePass, TIME_RULES, TemporalConfig,
    TemporalNoiseCorrelation, TimeContext, TimeCreditConfig, TimeRule, TimeSetup,
};
use nmnc_learn::registry::{FromTable, RuleEntry};
use nmnc_learn::workers::Share;
use nmnc_testing::{Golden, PRECISIONS, assert_close, values};
use nmnc_train::judge_sequence;

fn config(text: &str) -> RecurrentConfig {
    toml::from_str::<RecurrentConfig>(text).unwrap().resolve().unwrap()
}

/// A network for steps of 100 ms, in the given precision.
fn network(config: &RecurrentConfig, size: [usize; 2], dtype: DType) -> RecurrentNetwork {
    let mut network = config.build(size, 100.0, Seed(3), &Device::flex()).unwrap();
    for value in network.values_mut() {
        *value = value.clone().cast(dtype);
    }
    network
}

/// Numbers that look unrelated, in [-1, 1).
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut stream = Seed(seed).stream(nmnc_core::seed::Role::Analysis, 5, 0);
    (0..count).map(|_| 2.0 * stream.uniform() as f32 - 1.0).collect()
}

fn matrix(numbers: &[f64], columns: usize, dtype: DType) -> Tensor<2> {
    let data = TensorData::new(numbers.to_vec(), [numbers.len() / columns, columns]);
    Tensor::from_data(data, (&Device::flex(), dtype))
}

/// Trials of the given lengths with random inputs and labels, all steps of weight 1.
fn trials(lengths: &[usize], [inputs, outputs]: [usize; 2], seed: u64) -> TrialBatch {
    let (steps, size) = (*lengths.iter().max().unwrap(), lengths.len());
    let live = |row: usize| row / size < lengths[row % size];
    let mut values = numbers(steps * size * inputs, seed);
    for row in (0..steps * size).filter(|row| !live(*row)) {
        values[row * inputs..][..inputs].fill(0.0);
    }
    let labels =
        numbers(steps * size, seed + 1).into_iter().map(|x| ((x + 1.0) / 2.0 * outputs as f32) as u32);
    TrialBatch {
        steps,
        inputs,
        outputs,
        values,
        targets: Targets::Labels(labels.collect()),
        mask: (0..steps * size).map(|row| if live(row) { 1.0 } else { 0.0 }).collect(),
        info: lengths
            .iter()
            .map(|&steps| TrialInfo {
                steps,
                response: steps - 1..steps,
                answer: Answer::Class(0),
                condition: 0,
                strength: None,
            })
            .collect(),
    }
}

fn pass(network: &RecurrentNetwork, batch: &TrialBatch) -> SequencePass {
    network.forward(&batch.values, [batch.steps, batch.size()], None)
}

#[test]
fn networks_losses_and_gradients_are_those_of_pytorch() {
    let golden = Golden::read("recurrent.safetensors");
    let (steps, size, inputs) =
        (golden.shape("inputs")[0], golden.shape("inputs")[1], golden.shape("inputs")[2]);
    let response = golden.case("response").as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize);
    let response: Vec<usize> = response.collect();
    let weight = golden.case("response_weight").as_f64().unwrap();
    let lengths = golden.numbers("lengths");
    for name in golden.cases("case.").into_iter().map(|case| case.trim_start_matches("case.")) {
        let case = golden.case(&format!("case.{name}"));
        let outputs = golden.shape(&format!("{name}.readout.bias"))[0];
        let units = golden.shape(&format!("{name}.readout.weight"))[1];
        let own = match name {
            "gru" => format!("kind = 'gru'\nunits = {units}"),
            _ => {
                let tau = 100.0 / case["alpha"].as_f64().unwrap();
                format!("units = {units}\ntau = {tau:?}\nactivation = {}", case["activation"])
            }
        };
        let batch = TrialBatch {
            steps,
            inputs,
            outputs,
            values: golden.numbers("inputs").iter().map(|v| *v as f32).collect(),
            targets: Targets::Labels(golden.numbers("labels").iter().map(|v| *v as u32).collect()),
            mask: golden.numbers("mask").iter().map(|v| *v as f32).collect(),
            info: lengths
                .iter()
                .map(|&steps| TrialInfo {
                    steps: steps as usize,
                    response: response[0]..response[1],
                    answer: Answer::Class(0),
                    condition: 0,
                    strength: None,
                })
                .collect(),
        };
        for (dtype, tolerance) in PRECISIONS {
            let mut network = network(&config(&own), [inputs, outputs], dtype);
            let names: Vec<String> = network.parameters().iter().map(|(name, _)| name.clone()).collect();
            for (own, value) in names.iter().zip(network.values_mut()) {
                let golden = golden.matrix(&format!("{name}.{own}"), dtype);
                assert_eq!(golden.dims(), value.dims(), "{name}, {own}");
                *value = golden;
            }
            let pass = network.forward(&batch.values, [steps, size], None);
            let what = |part: &str| format!("{name} {dtype:?} {part}");
            assert_close(
                &what("output"),
                &values(&pass.output),
                golden.numbers(&format!("{name}.output")),
                tolerance,
            );
            let (output, _) = network.evaluate(&batch.values, [steps, size]);
            assert_eq!(values(&output), values(&pass.output));
            let judged = judge_sequence(&batch, &pass.output, weight);
            let loss = golden.numbers(&format!("{name}.loss"))[0];
            assert!((judged.loss - loss).abs() < tolerance * loss, "{}", what("loss"));
            let signals = network.backpropagate(&pass, &judged.error, None);
            let exact = golden.numbers(&format!("{name}.signals"));
            assert_close(&what("signals"), &values(&signals), exact, tolerance);
            let gradients = network.gradients(&pass, signals, EligibilityTrace::None, &judged.error);
            assert_eq!(gradients.iter().len(), names.len());
            for (own, gradient) in gradients.iter() {
                let exact = golden.numbers(&format!("{name}.gradient.{own}"));
                assert_close(&what(own), &values(gradient), exact, 2.0 * tolerance);
            }
        }
    }
}

/// Every parameter, under every constraint, by central differences in double precision.
#[test]
fn gradients_of_constrained_networks_are_those_of_the_loss() {
    let cases = [
        "units = 6\ntau = 250\nactivation = 'tanh'\ndensity = 0.5",
        "units = 6\ntau = 250\nactivation = 'softplus'\nexcitatory = 0.7",
        "units = 6\ntau = 150\nactivation = 'relu'\nexcitatory = 0.7\ndensity = 0.6",
        "units = 5\nkind = 'gru'\ninit = 'orthogonal'",
    ];
    for case in cases {
        let batch = trials(&[5, 4, 5], [2, 3], 8);
        let mut network = network(&config(case), [2, 3], DType::F64);
        let loss =
            |network: &RecurrentNetwork| judge_sequence(&batch, &pass(network, &batch).output, 2.0).loss;
        let passed = pass(&network, &batch);
        let judged = judge_sequence(&batch, &passed.output, 2.0);
        let signals = network.backpropagate(&passed, &judged.error, None);
        let gradients = network.gradients(&passed, signals, EligibilityTrace::None, &judged.error);
        for (index, (_, gradient)) in gradients.iter().enumerate() {
            let told = values(gradient);
            let size = gradient.dims();
            let start = values(network.values_mut()[index]);
            for (entry, told) in told.iter().enumerate() {
                let mut moved = |by: f64| {
                    let mut numbers = start.clone();
                    numbers[entry] += by;
                    *network.values_mut()[index] = matrix(&numbers, size[1], DType::F64);
                    loss(&network)
                };
                let h = 1e-5;
                let found = (moved(h) - moved(-h)) / (2.0 * h);
                moved(0.0);
                assert!(
                    (found - told).abs() < 1e-8,
                    "{case}, parameter {index}, entry {entry}: {found}, told {told}"
                );
            }
        }
    }
}

#[test]
fn constraints_hold_in_the_weight_in_use() {
    let sparse = network(&config("units = 40\ndensity = 0.25"), [2, 2], DType::F32);
    let present = values(&sparse.recurrent_weight()).iter().filter(|w| **w != 0.0).count() as f64 / 1600.0;
    // Four standard errors.
    assert!((present - 0.25).abs() < 4.0 * (0.25f64 * 0.75 / 1600.0).sqrt(), "{present}");
    let signed = network(&config("units = 40\nexcitatory = 0.75"), [2, 2], DType::F32);
    let weight = values(&signed.recurrent_weight());
    for (index, w) in weight.iter().enumerate() {
        assert!(if index % 40 < 30 { *w >= 0.0 } else { *w <= 0.0 }, "from unit {}: {w}", index % 40);
    }
    let energy: f64 = weight.iter().map(|w| w * w).sum();
    assert!((energy / 40.0 - 1.0).abs() < 0.3, "{energy}");
}

/// Eligibility traces as they are run online: one for each weight and trial.
fn online_gradient(
    network: &RecurrentNetwork,
    batch: &TrialBatch,
    signals: &[f64],
    diagonal: bool,
) -> Vec<f64> {
    let (n, size) = (network.units(), batch.size());
    let weight = values(&network.recurrent_weight());
    let input = values(&network.parameters()[0].1.value);
    let bias = values(&network.parameters()[2].1.value);
    let nmnc_learn::recurrent::Cell::Rate { alpha, .. } = network.cell() else { panic!("rate units") };
    let mut gradient = vec![0.0; n * n];
    for trial in 0..size {
        let (mut h, mut trace) = (vec![0.0; n], vec![0.0; n * n]);
        for step in 0..batch.steps {
            let row = step * size + trial;
            let u = &batch.values[row * batch.inputs..][..batch.inputs];
            let before = h.clone();
            for i in 0..n {
                let drive: f64 =
                    (0..batch.inputs).map(|j| input[i * batch.inputs + j] * f64::from(u[j])).sum();
                let z = drive + bias[i] + (0..n).map(|j| weight[i * n + j] * before[j]).sum::<f64>();
                let slope = 1.0 - z.tanh().powi(2);
                h[i] = (1.0 - alpha) * before[i] + alpha * z.tanh();
                let own = if diagonal { alpha * slope * weight[i * n + i] } else { 0.0 };
                for j in 0..n {
                    let trace = &mut trace[i * n + j];
                    *trace = (1.0 - alpha + own) * *trace + alpha * slope * before[j];
                    gradient[i * n + j] += signals[row * n + i] * *trace;
                }
            }
        }
    }
    gradient
}

#[test]
fn traces_are_those_that_run_online() {
    let network = network(&config("units = 7\ntau = 300"), [2, 3], DType::F64);
    let batch = trials(&[9, 9, 9], [2, 3], 4);
    let passed = pass(&network, &batch);
    let signals: Vec<f64> = numbers(27 * 7, 2).into_iter().map(f64::from).collect();
    let error = matrix(&vec![0.0; 27 * 3], 3, DType::F64);
    for (trace, diagonal) in [(EligibilityTrace::Leak, false), (EligibilityTrace::Diagonal, true)] {
        let given = matrix(&signals, 7, DType::F64);
        let gradients = network.gradients(&passed, given, trace, &error);
        let exact = online_gradient(&network, &batch, &signals, diagonal);
        assert_close(
            &format!("{trace:?}"),
            &values(gradients.get("recurrent.weight").unwrap()),
            &exact,
            1e-12,
        );
    }
}

/// The derivative of each gated unit's state with respect to its own state before, by differences: what the trace carries.
#[test]
fn the_diagonal_trace_of_gated_units_is_their_own_derivative() {
    let network = network(&config("units = 4\nkind = 'gru'"), [2, 3], DType::F64);
    let batch = trials(&[3, 3], [2, 3], 6);
    let passed = pass(&network, &batch);
    let rows = 6;
    // A signal at the last step alone, of one unit, comes to the step before as its own derivative.
    for unit in 0..4 {
        let mut signal = vec![0.0; rows * 4];
        signal[4 * 4 + unit] = 1.0;
        let carried = network.traced(&passed, matrix(&signal, 4, DType::F64), EligibilityTrace::Diagonal);
        let h = 1e-6;
        let state = |by: f64| {
            let mut kick = vec![0.0; rows * 4];
            kick[2 * 4 + unit] = by;
            values(&network.run_kicked(&passed, &matrix(&kick, 4, DType::F64)))[4 * 4 + unit]
        };
        let found = (state(h) - state(-h)) / (2.0 * h);
        let told = values(&carried)[2 * 4 + unit];
        assert!((found - told).abs() < 1e-8, "unit {unit}: {found}, told {told}");
    }
}

#[test]
fn truncated_backpropagation_stops_at_the_cuts() {
    let network = network(&config("units = 5"), [2, 3], DType::F64);
    let batch = trials(&[6, 6], [2, 3], 4);
    let passed = pass(&network, &batch);
    let judged = judge_sequence(&batch, &passed.output, 1.0);
    let of = |period| values(&network.backpropagate(&passed, &judged.error, period));
    let (whole, cut) = (of(None), of(Some(3)));
    let step = |signals: &[f64], step: usize| signals[step * 10..(step + 1) * 10].to_vec();
    // The last piece does not notice; the one before has lost what came after it.
    assert!((3..6).all(|t| step(&whole, t) == step(&cut, t)));
    assert!((0..3).all(|t| step(&whole, t) != step(&cut, t)));
    assert_eq!(step(&of(Some(1)), 2), values(&network.error_at_states(&judged.error))[20..30]);
}

/// A network so little driven that it is linear, J_k = W_o ((1 - a) I + a W)^k, and a context for rules.
fn linear() -> (RecurrentNetwork, TrialBatch, SequencePass) {
    let mut network = network(&config("units = 12\ntau = 200\ngain = 0.9"), [3, 2], DType::F32);
    for index in [0, 1, 2, 3, 4] {
        let value = network.values_mut()[index].clone();
        if index == 0 {
            *network.values_mut()[0] = value * 1e-3;
        }
    }
    let batch = trials(&[8; 40], [3, 2], 5);
    let passed = pass(&network, &batch);
    (network, batch, passed)
}

fn exact_lag(network: &RecurrentNetwork, lag: usize) -> Tensor<2> {
    let eye = Tensor::<2>::eye(12, &Device::flex());
    let step = eye * 0.5 + network.recurrent_weight() * 0.5;
    (0..lag).fold(network.readout_weight().clone(), |product, _| product.matmul(step.clone()))
}

/// Resolved settings of the rule `name`.
fn temporal(name: &str, settings: &str) -> TemporalConfig {
    let entry: &&dyn RuleEntry<OverTime> = TIME_RULES.iter().find(|entry| entry.name() == name).unwrap();
    TemporalConfig::from_table(entry.resolve(&settings.parse().unwrap()).unwrap()).unwrap()
}

fn relative_error(found: &Tensor<2>, exact: &Tensor<2>) -> f64 {
    let energy = |t: Tensor<2>| values(&t).iter().map(|v| v * v).sum::<f64>();
    (energy(found.clone() - exact.clone()) / energy(exact.clone())).sqrt()
}

#[test]
fn feedback_of_every_lag_approaches_the_lagged_jacobian() {
    let (network, batch, passed) = linear();
    let judged = judge_sequence(&batch, &passed.output, 1.0);
    let lengths = vec![8; 40];
    let setup = TimeSetup { network: &network, seed: Seed(1), device: &Device::flex() };
    let share = Share::alone(40);
    let context = |step| TimeContext {
        network: &network,
        pass: &passed,
        error: &judged.error,
        lengths: &lengths,
        step,
        seed: Seed(1),
        share: &share,
    };
    let settings = |text: &str| {
        let name = if text.contains("manifold") { "nmnc" } else { "vnc" };
        temporal(name, &format!("{text}\nprobes = 20\neta = 1.0"))
    };
    // Isotropic: the lagged Jacobian itself, with the error that 800 trial-steps allow, fewer for later lags.
    let mut rule = TemporalNoiseCorrelation::new(settings("probe = 'rademacher'\nlags = 5"), &setup);
    rule.signals(&context(0)).unwrap();
    assert_eq!(rule.probes(), 800);
    for lag in 0..=5 {
        let error = relative_error(&rule.feedback()[lag], &exact_lag(&network, lag));
        let told = 800.0 * (8 - lag) as f64 / 8.0;
        let expected = (11.0 / told).sqrt();
        assert!(error < 1.6 * expected && error > 0.4 * expected, "lag {lag}: {error}, expected {expected}");
    }
    // On the manifold: its part there.
    let mut rule = TemporalNoiseCorrelation::new(
        settings("manifold = { dimension = 4 }\nantithetic = true\nlags = 3"),
        &setup,
    );
    rule.signals(&context(0)).unwrap();
    assert_eq!(rule.probes(), 1600);
    let basis = rule.manifold().unwrap().basis().clone();
    let projection = basis.clone().matmul(basis.transpose());
    for lag in 0..=3 {
        let exact = exact_lag(&network, lag).matmul(projection.clone());
        let error = relative_error(&rule.feedback()[lag], &exact);
        let expected = (5.0 / (800.0 * (8 - lag) as f64 / 8.0)).sqrt();
        assert!(error < 1.6 * expected, "lag {lag}: {error}, expected {expected}");
    }
}

#[test]
fn exact_feedback_of_all_lags_gives_the_signals_of_backpropagation() {
    let (network, batch, passed) = linear();
    let judged = judge_sequence(&batch, &passed.output, 1.0);
    let lengths = vec![8; 40];
    let setup = TimeSetup { network: &network, seed: Seed(1), device: &Device::flex() };
    let mut rule = TemporalNoiseCorrelation::new(temporal("vnc", "interval = 1000\nlags = 7"), &setup);
    let mut state = rule.state();
    for lag in 0..8 {
        state.tensors.insert(format!("feedback{lag}"), exact_lag(&network, lag));
    }
    rule.restore(&state).unwrap();
    let (error, step, seed, share) = (&judged.error, 1, Seed(1), &Share::alone(40));
    let (network, pass, lengths) = (&network, &passed, &lengths);
    let context = TimeContext { network, pass, error, lengths, step, seed, share };
    let signals = rule.signals(&context).unwrap();
    let exact = network.backpropagate(&passed, &judged.error, None);
    assert_close("signals", &values(&signals), &values(&exact), 1e-4);
}

#[test]
fn memoryless_signals_average_to_those_of_backpropagation() {
    let (network, batch, passed) = linear();
    let judged = judge_sequence(&batch, &passed.output, 1.0);
    let lengths = vec![8; 40];
    let setup = TimeSetup { network: &network, seed: Seed(1), device: &Device::flex() };
    let exact = values(&network.backpropagate(&passed, &judged.error, None));
    let cosine = |probes: usize| {
        let settings = format!("rule = 'node-perturbation'\nprobes = {probes}\nsigma = 0.01\nlags = 7");
        let mut rule = toml::from_str::<TimeCreditConfig>(&settings).unwrap().build(&setup).unwrap();
        let (error, step, seed, share) = (&judged.error, 0, Seed(1), &Share::alone(40));
        let (network, pass, lengths) = (&network, &passed, &lengths);
        let context = TimeContext { network, pass, error, lengths, step, seed, share };
        let found = values(&rule.signals(&context).unwrap());
        assert_eq!(rule.probes(), (8 * 40 * probes) as u64);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        dot(&found, &exact) / (dot(&found, &found) * dot(&exact, &exact)).sqrt()
    };
    let (few, many) = (cosine(4), cosine(256));
    // The energy of the noise of an average falls as 1 / K.
    let noise = |cosine: f64| cosine.powi(-2) - 1.0;
    let ratio = noise(few) / noise(many);
    assert!(few > 0.05 && many > 0.6 && (30.0..130.0).contains(&ratio), "{few} {many} {ratio}");
}

#[test]
fn settings_without_meaning_are_told() {
    let build =
        |text: &str| toml::from_str::<RecurrentConfig>(text).unwrap().resolve().unwrap_err().to_string();
    assert_eq!(
        build("kind = 'gru'\ntau = 100"),
        "tau: has no meaning with kind = \"gru\"; remove it, or set kind = \"rate\""
    );
    assert_eq!(build("density = 0.0"), "density: 0 is not in (0, 1]");
    let fast = RecurrentConfig { tau: Some(50.0), ..RecurrentConfig::default() };
    assert_eq!(
        fast.build([1, 1], 100.0, Seed(0), &Device::flex()).unwrap_err().to_string(),
        "recurrent.tau: 50 ms is less than a step of the task, 100 ms; use a larger tau or a smaller task.dt"
    );
    let rule =
        |text: &str| toml::from_str::<TimeCreditConfig>(text).unwrap().resolve().unwrap_err().to_string();
    assert_eq!(
        rule("rule = 'vnc'\ntrace = 'leak'"),
        "credit.trace: would count what lags have counted; set lags = 0, or trace = \"none\""
    );
    assert_eq!(
        rule("rule = 'bp'"),
        "credit.rule: unknown rule `bp` for recurrent networks; known: bptt, mean-jacobian, rflo, e-prop, vnc, nmnc, \
         node-perturbation, manifold-node-perturbation, activity-node-perturbation, weight-mirror, manifold-mirror"
    );
    assert_eq!(
        rule("rule = 'rflo'\nscales = 1.0"),
        "credit: unknown setting `scales`; did you mean `scale`?"
    );
    assert_eq!(rule("rule = 'vnc'\nsigm = 1.0"), "credit: unknown setting `sigm`; did you mean `sigma`?");
}
