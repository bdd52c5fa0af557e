//! Whole runs on tasks: every rule learns, repeats bit by bit on any number of threads, and resumes exactly.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use burn::tensor::Device;
use nmnc_core::device::values;
use nmnc_core::records::{RunRecords, Summary};
use nmnc_data::tasks::{TrialSet, generate};
use nmnc_learn::net::Weights;
use nmnc_learn::recurrent::time_rule_names;
use nmnc_train::{Observer, Resolved, RunOptions, SequenceConfig, Silent, checkpoint, plan};

use crate::common::{StopAt, in_pool, outcome};

const CONFIG: &str = r#"
task = "DelayMatchSample"

[recurrent]
units = 24
tau = 200
state_noise = 0.01

[credit]
rule = "RULE"

[train]
epochs = 2
trials = 200
batch = 20
evaluation = 100
response_weight = 5
optimizer = { name = "adam", learning_rate = 0.003 }

[metrics]
interval = 3
alignment_interval = 7
dimension = 6

[checkpoint]
interval = 4
"#;

fn with(rule: &str, settings: &[&str]) -> Resolved<SequenceConfig> {
    let settings: Vec<String> = settings.iter().map(|s| (*s).to_owned()).collect();
    SequenceConfig::parse(&CONFIG.replace("RULE", rule), "test", &settings).unwrap().resolve().unwrap()
}

fn finish(
    config: &Resolved<SequenceConfig>,
    folder: &Path,
    resume: bool,
    observer: &mut dyn Observer,
) -> nmnc_core::Result<Summary> {
    config.run(folder, &RunOptions { resume, command: "test".into(), ..RunOptions::default() }, observer)
}

#[test]
fn every_rule_repeats_on_any_number_of_threads_and_resumes_exactly() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut cases: Vec<(&str, Vec<&str>)> = time_rule_names().map(|rule| (rule, vec![])).collect();
    cases.push(("bptt", vec!["recurrent={ kind = 'gru', units = 10 }", "task=ReadySetGo"]));
    cases.push(("nmnc", vec!["credit.manifold={ method = 'incremental', refresh = 3, dimension = 5 }"]));
    cases.push(("vnc", vec!["task=ContextDecisionMaking", "credit.probes=2", "credit.antithetic=true"]));
    cases.push(("nmnc", vec!["credit.lags=0"]));
    cases.push(("rflo", vec!["recurrent.density=0.5", "recurrent.excitatory=0.8"]));
    cases.push((
        "nmnc",
        vec!["train.fixed=['readout']", "train.clip_norm=0.01", "recurrent.readout_dimension=5"],
    ));
    for (rule, settings) in cases {
        let config = with(rule, &settings);
        let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
        let path = |i: usize| folders[i].path();
        in_pool(1, || finish(&config, path(0), false, &mut Silent).unwrap());
        in_pool(2, || finish(&config, path(1), false, &mut Silent).unwrap());
        let first = outcome(path(0));
        assert!(first.0.len() > 6, "{rule}: {} records", first.0.len());
        assert!(first == outcome(path(1)), "{rule} {settings:?}: one and two threads differ");
        for stop in [3, 6, 13] {
            let stopped =
                catch_unwind(AssertUnwindSafe(|| finish(&config, path(2), true, &mut StopAt(stop))));
            assert!(stopped.is_err(), "{rule} went past step {stop}");
        }
        finish(&config, path(2), true, &mut Silent).unwrap();
        let resumed = outcome(path(2));
        assert!(first.0 == resumed.0, "{rule} {settings:?}: records differ after resuming");
        assert!(first.1 == resumed.1, "{rule} {settings:?}: weights differ after resuming");
    }
    let _ = std::panic::take_hook();
}

#[test]
fn fixed_parts_keep_their_values_and_do_not_touch_the_rest() {
    let weights = |rule: &str, settings: &[&str]| -> Vec<(String, Vec<f64>)> {
        let (config, folder) = (with(rule, settings), tempfile::tempdir().unwrap());
        finish(&config, folder.path(), false, &mut Silent).unwrap();
        let last = checkpoint::list(&folder.path().join("checkpoints")).unwrap().pop().unwrap();
        let (device, task) = (Device::flex(), config.task.open(config.seed).unwrap());
        let mut network = config.initial_network(task.as_ref(), &device).unwrap();
        let before = network.clone();
        checkpoint::load(&last, &device).unwrap().restore_weights(&mut network, &device).unwrap();
        let moved = network.parameters().into_iter().zip(before.parameters());
        moved
            .map(|((name, after), (_, before))| (name, values(&(after.value.clone() - before.value.clone()))))
            .collect()
    };
    let decaying = "train.optimizer={ name = 'adamw', learning_rate = 0.01, weight_decay = 0.1 }";
    for (fixed, part) in
        [("['readout']", "readout."), ("['input']", "input."), ("['recurrent']", "recurrent.")]
    {
        for (name, change) in weights("bptt", &[&format!("train.fixed={fixed}"), decaying]) {
            let moved = change.iter().any(|value| *value != 0.0);
            assert_eq!(moved, !name.starts_with(part), "{name} with {fixed} fixed");
        }
    }
    // The readout learns from its own error alone, so over fixed states every rule trains it to the same bits, also where the norm of
    // the gradient is bounded.
    let alone = ["train.fixed=['input', 'recurrent']", "train.clip_norm=0.05"];
    let expected = weights("bptt", &alone);
    for rule in ["rflo", "vnc", "nmnc"] {
        assert!(weights(rule, &alone) == expected, "{rule}");
        assert!(weights(rule, &alone[1..]) != weights("bptt", &alone[1..]), "{rule} is another rule");
    }
    let all = SequenceConfig::parse(
        &CONFIG.replace("RULE", "bptt"),
        "test",
        &["train.fixed=['input', 'recurrent', 'readout']".to_owned()],
    );
    assert_eq!(all.unwrap_err().to_string(), "test: train.fixed: leaves nothing to train");
}

#[test]
fn a_readout_within_the_manifold_lies_on_the_leading_components_of_untrained_states() {
    const UNITS: usize = 24;
    let config = with("bptt", &["recurrent.readout_dimension=4"]);
    let (device, task) = (Device::flex(), config.task.open(config.seed).unwrap());
    let network = config.initial_network(task.as_ref(), &device).unwrap();
    let plain = with("bptt", &[]).initial_network(task.as_ref(), &device).unwrap();
    for ((name, own), (_, other)) in network.parameters().into_iter().zip(plain.parameters()) {
        assert_eq!(
            values::<f64>(&own.value) == values::<f64>(&other.value),
            name != "readout.weight",
            "{name}"
        );
    }
    // The covariance of states over steps of the first training trials, summed here.
    let batch = generate(task.as_ref(), config.seed, TrialSet::Training, 0..256).unwrap();
    let (_, states) = network.evaluate(&batch.values, [batch.steps, batch.size()]);
    let states: Vec<f64> = values(&states);
    let live: Vec<&[f64]> = states
        .chunks_exact(UNITS)
        .enumerate()
        .filter(|(row, _)| row / batch.size() < batch.info[row % batch.size()].steps)
        .map(|(_, state)| state)
        .collect();
    let mean = |i: usize| live.iter().map(|state| state[i]).sum::<f64>() / live.len() as f64;
    let means: Vec<f64> = (0..UNITS).map(mean).collect();
    let covariance = faer::Mat::<f64>::from_fn(UNITS, UNITS, |i, j| {
        live.iter().map(|state| (state[i] - means[i]) * (state[j] - means[j])).sum::<f64>()
            / live.len() as f64
    });
    let axes = covariance.self_adjoint_eigen(faer::Side::Lower).unwrap();
    // Ascending eigenvalues: the last four are the leading ones.
    let readout: Vec<f64> = values(network.readout_weight());
    for row in readout.chunks_exact(UNITS) {
        let energy = |from: usize, to: usize| -> f64 {
            let along = |axis: usize| (0..UNITS).map(|i| row[i] * axes.U()[(i, axis)]).sum::<f64>().powi(2);
            (from..to).map(along).sum()
        };
        let (inside, all) = (energy(UNITS - 4, UNITS), energy(0, UNITS));
        assert!(inside / all > 1.0 - 1e-6, "{inside} of {all}");
        assert!((0.02..5.0).contains(&all), "rows of about length one: {all}");
    }
    let told = |settings: &[&str]| {
        let settings: Vec<String> = settings.iter().map(|s| (*s).to_owned()).collect();
        let parsed = SequenceConfig::parse(&CONFIG.replace("RULE", "bptt"), "test", &settings);
        parsed
            .and_then(|config| config.resolve()?.initial_network(task.as_ref(), &device).map(drop))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        told(&["recurrent.readout_dimension=25"]),
        "test: recurrent.readout_dimension: 25 is not from 1 to the number of units, 24"
    );
    // Inputs held constant by few conditions leave a wide network with fewer directions than units.
    let wide = told(&["recurrent.units=256", "recurrent.readout_dimension=256"]);
    assert!(wide.starts_with("recurrent.readout_dimension: untrained states have "), "{wide}");
    assert!(wide.ends_with(" components of the 256 asked for; use a smaller dimension"), "{wide}");
}

#[test]
fn backpropagation_learns_tasks_of_every_kind_and_agrees_with_itself() {
    let long = ["train.trials=3200", "train.batch=32", "train.epochs=2", "recurrent.state_noise=0"];
    // Limits leave room: over seeds 0 to 7 the least accuracies are 0.85, 0.97, 0.97 and 0.70, and no more than 0.06 of trials break
    // fixation.
    let cases: [(&str, f64, &[&str]); 4] = [
        (
            "PerceptualDecisionMaking",
            0.75,
            &["train.optimizer.learning_rate=0.003", "train.epochs=12", "recurrent.tau=100"],
        ),
        ("DelayComparison", 0.9, &["train.optimizer.learning_rate=0.003"]),
        ("AntiReach", 0.9, &["train.optimizer.learning_rate=0.01", "train.epochs=6"]),
        (
            "SequentialImages",
            0.55,
            &["recurrent={ kind = 'gru', units = 24 }", "train.optimizer.learning_rate=0.01"],
        ),
    ];
    for (task, least, settings) in cases {
        let folder = tempfile::tempdir().unwrap();
        let task = format!("task={task}");
        let config = with("bptt", &[&[task.as_str()], &long[..], settings].concat());
        let summary = finish(&config, folder.path(), false, &mut Silent).unwrap();
        let accuracy = summary.test.unwrap().accuracy;
        assert!(accuracy > least, "{task}: {accuracy}");
        let trials = summary.trials.unwrap();
        assert!(trials.fixation_breaks < 0.1 && trials.misses < 0.3, "{task}: {trials:?}");
        let record = RunRecords::read(folder.path()).unwrap().records.pop().unwrap();
        let stage = &record.stages[0];
        assert!((stage.cosine - 1.0).abs() < 1e-6 && (stage.weight_cosine - 1.0).abs() < 1e-6, "{stage:?}");
        let (alpha, chance) =
            (stage.captured_energy.unwrap(), stage.dimension.unwrap() as f64 / stage.units as f64);
        assert!(alpha > 0.0 && alpha <= 1.0 + 1e-9 && stage.margin == Some(alpha - chance), "{stage:?}");
    }
}

#[test]
fn every_local_rule_learns_anti_reach() {
    for rule in time_rule_names().filter(|rule| *rule != "bptt") {
        let folder = tempfile::tempdir().unwrap();
        let settings = [
            "task={ name = 'AntiReach', dim_ring = 4 }",
            "train.trials=4000",
            "train.batch=40",
            "train.epochs=2",
            "recurrent.tau=100",
            "train.optimizer.learning_rate=0.005",
        ];
        let online = matches!(rule, "rflo" | "e-prop");
        let lags = if online || rule.ends_with("mirror") { None } else { Some("credit.lags=6") };
        let config = with(rule, &[&settings[..], &lags.into_iter().collect::<Vec<_>>()].concat());
        let summary = finish(&config, folder.path(), false, &mut Silent).unwrap();
        let accuracy = summary.test.unwrap().accuracy;
        // Chance is 0.25.
        assert!(accuracy > 0.6, "{rule}: {accuracy}");
        assert_eq!(summary.probes > 0, !(online || rule == "mean-jacobian"), "{rule}");
    }
}

#[test]
fn comparisons_keep_each_rules_settings_and_reports_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let text = CONFIG.replace("RULE", "bptt") + "\n[credit.nmnc]\nlags = 3\nmanifold = { dimension = 4 }\n";
    let settings = ["train.trials=40".to_owned(), "train.epochs=1".to_owned()];
    let base = SequenceConfig::parse(&text, "test", &settings).unwrap();
    let runs = plan(&base, &["bptt".into(), "nmnc".into()], 2).unwrap();
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names, ["bptt-seed0", "bptt-seed1", "nmnc-seed0", "nmnc-seed1"]);
    assert_eq!(runs[3].config.credit.settings["lags"].as_integer(), Some(3));
    let mut records = Vec::new();
    for run in &runs {
        let own = folder.path().join(&run.name);
        finish(&run.config, &own, false, &mut Silent).unwrap();
        records.push(RunRecords::read(&own).unwrap());
    }
    let page = nmnc_report::html(&records, "Test", &[]).unwrap();
    for words in ["DelayMatchSample", "24 tanh rate units, time constant 200 ms, state noise 0.01"] {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn divergence_names_the_step_and_leaves_a_summary() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ["recurrent.activation=relu", "recurrent.gain=1e30"];
    let error = finish(&with("bptt", &settings), folder.path(), false, &mut Silent).unwrap_err();
    assert_eq!(error.kind(), nmnc_core::ErrorKind::Diverged);
    assert!(error.to_string().starts_with("step 0: "), "{error}");
    let summary = RunRecords::read(folder.path()).unwrap().summary.unwrap();
    assert_eq!(summary.status, nmnc_core::records::Status::Diverged);
}

#[test]
fn wrong_settings_are_told_in_one_line() {
    let of = |text: &str| SequenceConfig::parse(text, "x.toml", &[]).unwrap_err().to_string();
    let start = "[credit]\nrule = 'bptt'\n";
    assert_eq!(
        of(&format!("task = 3\n{start}")),
        "x.toml: task: is neither a name nor a table; for example task = \"DelayMatchSample\""
    );
    assert_eq!(
        of(&format!("task = 'DelayMatch'\n{start}")).split(';').next().unwrap(),
        "x.toml: task.name: there is no task `DelayMatch`"
    );
    assert_eq!(
        of(&format!("task = 'Adding'\n{start}[train]\nbatches = 3")),
        "x.toml: train: unknown setting `batches`; did you mean `batch`?"
    );
    assert_eq!(
        of(&format!("task = 'Adding'\n{start}[recurrent]\nkind = 'gru'\ntau = 3.0")),
        "x.toml: recurrent.tau: has no meaning with kind = \"gru\"; remove it, or set kind = \"rate\""
    );
}
