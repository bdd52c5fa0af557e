//! What runs on tasks say of their trials, against the same counted here; and runs that diverge within the finite numbers.

use std::path::Path;

use burn::tensor::Device;
use nmnc_core::Seed;
use nmnc_core::device::values;
use nmnc_core::records::{RunRecords, Status};
use nmnc_data::tasks::{Answer, Targets, TrialBatch, TrialSet, export, generate};
use nmnc_train::{Config, Observer, Resolved, RunOptions, SequenceConfig, Silent, checkpoint};

const CONFIG: &str = r#"
task = "ContextDecisionMaking"
recurrent = { units = 16, tau = 200 }
credit = { rule = "bptt" }

[train]
epochs = 2
trials = 160
batch = 32
evaluation = 600
response_weight = 3
optimizer = { name = "adam", learning_rate = 0.003 }

[metrics]
alignment_interval = 0
"#;

fn with(settings: &[&str]) -> Resolved<SequenceConfig> {
    let settings: Vec<String> = settings.iter().map(|s| (*s).to_owned()).collect();
    SequenceConfig::parse(CONFIG, "test", &settings).unwrap().resolve().unwrap()
}

fn options() -> RunOptions {
    RunOptions { command: "test".into(), ..RunOptions::default() }
}

/// Every evaluation trial of a run at once, and the outputs of its trained network `[T, B, outputs]`.
fn answered(config: &Resolved<SequenceConfig>, folder: &Path, trials: u64) -> (TrialBatch, Vec<f64>) {
    let last = checkpoint::list(&folder.join("checkpoints")).unwrap().pop().unwrap();
    let (device, task) = (Device::flex(), config.task.open(config.seed).unwrap());
    let mut network = config.initial_network(task.as_ref(), &device).unwrap();
    checkpoint::load(&last, &device).unwrap().restore_weights(&mut network, &device).unwrap();
    let batch = generate(task.as_ref(), config.seed, TrialSet::Evaluation, 0..trials).unwrap();
    let (output, _) = network.evaluate(&batch.values, [batch.steps, batch.size()]);
    (batch, values(&output))
}

/// Cross-entropy of each step with its weight, written out.
fn losses(batch: &TrialBatch, outputs: &[f64], response_weight: f64) -> Vec<(usize, f64, f64)> {
    let Targets::Labels(labels) = &batch.targets else { panic!("classes") };
    let of = |row: usize| {
        let (step, trial) = (row / batch.size(), row % batch.size());
        let y = &outputs[row * batch.outputs..][..batch.outputs];
        let loss = y.iter().map(|other| (other - y[labels[row] as usize]).exp()).sum::<f64>().ln();
        let info = &batch.info[trial];
        let weight = if step >= info.steps {
            0.0
        } else if info.response.contains(&step) {
            response_weight
        } else {
            1.0
        };
        (trial, loss, weight)
    };
    (0..labels.len()).map(of).collect()
}

#[test]
fn the_test_loss_is_the_mean_over_the_steps_of_all_trials() {
    let (config, folder) = (with(&[]), tempfile::tempdir().unwrap());
    let summary = config.run(folder.path(), &options(), &mut Silent).unwrap();
    let (batch, outputs) = answered(&config, folder.path(), 600);
    let all = losses(&batch, &outputs, 3.0);
    let mean = |from: usize, to: usize| {
        let own = all.iter().filter(|(trial, ..)| (from..to).contains(trial));
        let (sum, weight) = own.fold((0.0, 0.0), |(s, w), (_, loss, weight)| (s + loss * weight, w + weight));
        sum / weight
    };
    let (told, whole) = (summary.test.unwrap().loss, mean(0, 600));
    assert!((told - whole).abs() < 1e-7, "{told}, {whole}");
    // Trials differ in length, so that a mean of means is another number.
    let of_means = (250.0 * mean(0, 250) + 250.0 * mean(250, 500) + 100.0 * mean(500, 600)) / 600.0;
    assert!((of_means - whole).abs() > 1e-6, "{of_means}, {whole}");
}

#[test]
fn accuracy_by_condition_is_that_of_its_trials() {
    let (config, folder) = (with(&["task=DelayComparison", "train.epochs=3"]), tempfile::tempdir().unwrap());
    config.run(folder.path(), &options(), &mut Silent).unwrap();
    let records = RunRecords::read(folder.path()).unwrap().records;
    let evaluated: Vec<bool> = records.iter().map(|record| !record.conditions.is_empty()).collect();
    let expected: Vec<bool> = records.iter().map(|record| record.test.is_some()).collect();
    assert_eq!((evaluated.iter().filter(|told| **told).count(), &evaluated), (3, &expected));
    let (batch, outputs) = answered(&config, folder.path(), 600);
    let names = config.task.open(config.seed).unwrap().conditions();
    let last = &records.last().unwrap().conditions;
    assert_eq!(last.iter().map(|c| c.condition.clone()).collect::<Vec<_>>(), names);
    for (number, told) in last.iter().enumerate() {
        let trials = (0..batch.size()).filter(|&b| batch.info[b].condition == number);
        let right = |&b: &usize| {
            let info = &batch.info[b];
            let class = |t: usize| {
                let y = &outputs[(t * batch.size() + b) * 3..][..3];
                (0..3).max_by(|i, j| y[*i].total_cmp(&y[*j])).unwrap() as u32
            };
            let Answer::Choice { label, .. } = info.answer else { panic!("a choice") };
            info.response.clone().map(class).find(|class| *class != 0) == Some(label)
        };
        let (count, good) = (trials.clone().count(), trials.filter(right).count());
        assert_eq!((told.trials, told.accuracy), (count, good as f64 / count as f64), "{}", told.condition);
    }
    let mean = last.iter().map(|c| c.accuracy * c.trials as f64).sum::<f64>() / 600.0;
    assert!((mean - records.last().unwrap().test.unwrap().accuracy).abs() < 1e-12);
}

/// Of a task with graded stimuli, the last evaluation by strength is in the record, in the summary and in a table of its own; a run that
/// is resumed at its very end has it again.
#[test]
fn answers_by_strength_are_those_of_its_trials() {
    let settings = [
        "task=PerceptualDecisionMaking",
        "train.epochs=3",
        "train.trials=3200",
        "train.response_weight=20",
        "train.optimizer.learning_rate=0.01",
    ];
    let (config, folder) = (with(&settings), tempfile::tempdir().unwrap());
    let summary = config.run(folder.path(), &options(), &mut Silent).unwrap();
    let told = summary.psychometric.clone().unwrap();
    let records = RunRecords::read(folder.path()).unwrap().records;
    let evaluated = records.iter().filter(|record| record.test.is_some());
    assert!(evaluated.clone().count() == 3 && evaluated.clone().all(|record| record.psychometric.is_some()));
    assert_eq!(records.last().unwrap().psychometric.as_ref(), Some(&told));
    assert_eq!(told.strength, "coherence for choice 1 (%)");

    let (batch, outputs) = answered(&config, folder.path(), 600);
    let answer = |b: usize| {
        let class = |t: usize| {
            let y = &outputs[(t * batch.size() + b) * 3..][..3];
            (0..3).max_by(|i, j| y[*i].total_cmp(&y[*j])).unwrap()
        };
        batch.info[b].response.clone().map(class).find(|class| *class != 0)
    };
    // The strength by the name of the trial's condition, such as "choice 2, 6.4 %".
    let names = config.task.open(config.seed).unwrap().conditions();
    let strength = |b: usize| {
        let name = names[batch.info[b].condition].trim_end_matches(" %");
        let (choice, size) = name.split_once(", ").unwrap();
        let size: f64 = size.parse().unwrap();
        if choice == "choice 1" { size } else { 0.0 - size }
    };
    let mut strengths: Vec<f64> = (0..600).map(strength).collect();
    strengths.sort_by(f64::total_cmp);
    strengths.dedup();
    assert_eq!(told.levels.iter().map(|level| level.strength).collect::<Vec<_>>(), strengths);
    assert_eq!(strengths.len(), 9);
    for level in &told.levels {
        let own = (0..600).filter(|&b| strength(b) == level.strength).filter_map(answer);
        let (trials, chosen) = (own.clone().count(), own.filter(|class| *class == 1).count());
        assert_eq!((level.trials, level.chosen), (trials, chosen), "{}", level.strength);
    }
    let fit = told.fit.unwrap_or_else(|| panic!("it learns: {:?}", told.no_fit));
    let share = told.levels[8].chosen as f64 / told.levels[8].trials as f64;
    assert!((fit.at(51.2) - share).abs() < 0.1, "{} {share}", fit.at(51.2));

    let file = folder.path().join("psychometric.csv");
    let table = std::fs::read_to_string(&file).unwrap();
    assert_eq!(table.lines().count(), 1 + 9);
    let first: Vec<f64> =
        table.lines().nth(1).unwrap().split(',').skip(3).map(|c| c.parse().unwrap()).collect();
    let level = told.levels[0];
    assert_eq!(first[..3], [level.strength, level.trials as f64, level.chosen as f64]);
    assert_eq!(first[6], fit.at(level.strength));

    for name in ["summary.json", "psychometric.csv"] {
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    let resumed = RunOptions { resume: true, ..options() };
    let again = config.run(folder.path(), &resumed, &mut Silent).unwrap();
    assert_eq!((again.psychometric, std::fs::read_to_string(&file).unwrap()), (Some(told), table));

    // Nothing of the kind where there is no strength.
    let other = tempfile::tempdir().unwrap();
    let summary =
        with(&["task=AntiReach", "train.epochs=1"]).run(other.path(), &options(), &mut Silent).unwrap();
    assert!(summary.psychometric.is_none() && !other.path().join("psychometric.csv").exists());
}

#[test]
fn answers_that_are_values_are_off_by_their_root_mean_square() {
    let (config, folder) = (with(&["task=Adding"]), tempfile::tempdir().unwrap());
    let summary = config.run(folder.path(), &options(), &mut Silent).unwrap();
    let (batch, outputs) = answered(&config, folder.path(), 600);
    let Targets::Values(targets) = &batch.targets else { panic!("values") };
    let last = (batch.steps - 1) * batch.size();
    let square: f64 = (last..last + 600).map(|row| (outputs[row] - f64::from(targets[row])).powi(2)).sum();
    let told = summary.trials.unwrap().answer_error.unwrap();
    assert!((told - (square / 600.0).sqrt()).abs() < 1e-9, "{told}");
    let run = RunRecords::read(folder.path()).unwrap();
    assert_eq!(run.records.last().unwrap().trials.unwrap().answer_error, Some(told));
    let page = nmnc_report::html(&[run], "Test", &[]).unwrap();
    assert!(page.contains("answers are off by") && !page.contains("test accuracy"), "{page}");
    // Nothing of the kind where answers are classes.
    let other = tempfile::tempdir().unwrap();
    let summary = with(&["train.epochs=1"]).run(other.path(), &options(), &mut Silent).unwrap();
    assert_eq!(summary.trials.unwrap().answer_error, None);
}

/// Keeps what is told.
#[derive(Default)]
struct Told(Vec<String>);

impl Observer for Told {
    fn warning(&mut self, text: &str) {
        self.0.push(text.to_owned());
    }
}

#[test]
fn settings_that_mean_less_than_they_say_are_told() {
    let told = |settings: &[&str]| {
        let (folder, mut told) = (tempfile::tempdir().unwrap(), Told::default());
        let small = ["task=AntiReach", "train.epochs=1", "train.trials=32", "train.evaluation=20"];
        with(&[&small[..], settings].concat()).run(folder.path(), &options(), &mut told).unwrap();
        let records = RunRecords::read(folder.path()).unwrap();
        (told.0, records.summary.unwrap())
    };
    assert_eq!(told(&[]).0, Vec::<String>::new());
    let (texts, summary) = told(&["train.trials=10"]);
    assert_eq!(
        texts,
        [
            "train.trials: an epoch has 32 trials, 1 of train.batch = 32, not 10; choose a multiple of the batch"
        ]
    );
    assert_eq!((summary.steps, summary.warnings), (1, texts));
    // Of 40 recorded trials a fifth are held out.
    let archive = tempfile::tempdir().unwrap();
    let path = archive.path().join("trials.npz");
    let task = with(&["task=AntiReach"]).task.open(Seed(0)).unwrap();
    export(&path, &generate(task.as_ref(), Seed(0), TrialSet::Training, 0..40).unwrap()).unwrap();
    let recorded = format!("task={{name='Recorded',path={path:?}}}");
    let (texts, summary) = told(&[&recorded]);
    assert_eq!(
        texts,
        [
            "train.evaluation: an evaluation has 8 trials, all that there are to evaluate on, not 20; set it to 8"
        ]
    );
    assert_eq!(summary.warnings, texts);
    assert_eq!(told(&[&recorded, "train.evaluation=8"]).0, Vec::<String>::new());
    // AntiReach: 500 + 500 + 500 ms in steps of 100 ms.
    let of = |place: &str| format!("{place}: of 1000 lags 14 are there, as no trial has more than 15 steps");
    assert_eq!(told(&["metrics.lags=1000"]).0, [of("metrics.lags")]);
    assert!(told(&["credit.rule=vnc", "credit.lags=1000"]).0.contains(&of("credit.lags")));
}

#[test]
fn a_run_whose_loss_leaves_its_start_says_so_at_its_end_and_on_the_page() {
    let images = |rate: &str| {
        let settings = [
            "data={ train_limit = 200, test_limit = 100 }".to_owned(),
            "network={ preset = 'conv3', widths = [4, 4, 4] }".to_owned(),
            "train.epochs=2".to_owned(),
            format!("train.optimizer={{ name = 'sgd', learning_rate = {rate} }}"),
        ];
        let config = Config::parse("[credit]\nrule = 'bp'", "test", &settings).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut told = Told::default();
        let ended = config.resolve().unwrap().run(folder.path(), &options(), &mut told);
        (ended.map(|_| ()), told.0, RunRecords::read(folder.path()).unwrap())
    };
    let trials = |rate: &str| {
        let rate = format!("train.optimizer.learning_rate={rate}");
        let (folder, mut told) = (tempfile::tempdir().unwrap(), Told::default());
        let ended = with(&[&rate]).run(folder.path(), &options(), &mut told);
        (ended.map(|_| ()), told.0, RunRecords::read(folder.path()).unwrap())
    };
    for (ended, told, run) in [images("100.0"), trials("100.0")] {
        ended.unwrap();
        let summary = run.summary.clone().unwrap();
        assert_eq!(summary.status, Status::Complete);
        // The first record is of the first step alone.
        let (first, last) = (run.records[0].train.unwrap().loss, run.records.last().unwrap());
        let worst = last.train.unwrap().loss.max(last.test.unwrap().loss);
        assert!(worst > 10.0 * first, "the case diverges: {worst}, {first}");
        assert_eq!(summary.loss_factor, Some(worst / first));
        let about: Vec<&String> =
            told.iter().filter(|text| text.starts_with("the loss has left its start: ")).collect();
        assert!(about.len() == 1 && summary.warnings.contains(about[0]), "{told:?}");
        let page = nmnc_report::html(&[run], "Test", &[]).unwrap();
        assert!(page.contains("times its start: it diverged without leaving the finite numbers"), "{page}");
    }
    for (ended, told, run) in [images("0.01"), trials("0.003")] {
        ended.unwrap();
        assert_eq!((told, run.summary.unwrap().loss_factor), (Vec::new(), None));
    }
}
