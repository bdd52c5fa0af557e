//! Tasks: their trials are those of neurogym by distribution, observers reach what the tasks claim for them, archives give trials back,
//! and a trial depends on its number and the seed alone.

use std::collections::BTreeMap;
use std::path::Path;

use nmnc_core::Seed;
use nmnc_data::tasks::{
    Answer, TASKS, Targets, TaskConfig, Trial, TrialBatch, TrialId, TrialScore, TrialSet,
};
use nmnc_data::tasks::{export, generate, import, judge};
use serde_json::Value;

fn config(name: &str, settings: &str) -> nmnc_core::Result<TaskConfig> {
    TaskConfig::named(name, settings.parse().unwrap())
}

/// Steps looked at from either end, as in scripts/golden/tasks.py.
const REACH: usize = 12;

/// Mean and deviation of numbers that come one trial after the other.
#[derive(Default)]
struct Moments {
    count: f64,
    sums: Vec<[f64; 2]>,
}

impl Moments {
    fn add(&mut self, numbers: impl Iterator<Item = f64>) {
        self.count += 1.0;
        for (index, x) in numbers.enumerate() {
            if index == self.sums.len() {
                self.sums.push([0.0; 2]);
            }
            let [sum, square] = &mut self.sums[index];
            (*sum, *square) = (*sum + x, *square + x * x);
        }
    }

    /// The largest difference in standard errors of means and of deviations.
    fn worst(&self, golden: &Value, trials: f64) -> f64 {
        let flat = |value: &Value| {
            let mut out = Vec::new();
            flatten(value, &mut out);
            out
        };
        let (mean, sd) = (flat(&golden[0]), flat(&golden[1]));
        assert_eq!((mean.len(), sd.len()), (self.sums.len(), self.sums.len()));
        let (n, m) = (self.count, trials);
        let differences =
            self.sums.iter().zip(mean.iter().zip(&sd)).flat_map(|([sum, square], (mean, sd))| {
                let own = sum / n;
                let own_sd = (square / n - own * own).max(0.0).sqrt();
                let error = (own_sd * own_sd / n + sd * sd / m).sqrt().max(1e-5);
                let error_of_sd = sd.max(1e-5) * (1.0 / n + 1.0 / m).sqrt();
                [(own - mean).abs() / error, (own_sd - sd).abs() / error_of_sd]
            });
        differences.fold(0.0, f64::max)
    }
}

fn flatten(value: &Value, out: &mut Vec<f64>) {
    match value {
        Value::Array(list) => list.iter().for_each(|inner| flatten(inner, out)),
        other => out.push(other.as_f64().unwrap()),
    }
}

fn labels(trial: &Trial) -> &[u32] {
    match &trial.targets {
        Targets::Labels(labels) => labels,
        Targets::Values(_) => panic!("a task with classes"),
    }
}

#[test]
fn trials_have_the_distributions_of_neurogym() {
    let text = std::fs::read_to_string(nmnc_testing::golden_path("tasks.json")).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    let tasks = golden["tasks"].as_object().unwrap();
    assert_eq!(tasks.len(), TASKS.iter().filter(|task| task.neurogym).count() + 1);
    const TRIALS: u64 = 8000;
    for (case, golden) in tasks {
        let settings = match case.as_str() {
            "ContextDecisionMaking" => "go_cue = false\nuse_expl_context = false",
            "ContextDecisionMakingCued" => "go_cue = false",
            _ => "",
        };
        let task = config(case.trim_end_matches("Cued"), settings).unwrap().open(Seed(0)).unwrap();
        let width = task.channels().inputs.len();
        let (mut lengths, mut answers) = (BTreeMap::<usize, f64>::new(), BTreeMap::<usize, f64>::new());
        let [mut start, mut end, mut due, mut labelled] = [0; 4].map(|_| Moments::default());
        let shortest = golden["lengths"].as_object().unwrap().keys().map(|k| k.parse().unwrap()).min();
        let reach = REACH.min(shortest.unwrap());
        for number in 0..TRIALS {
            let mut stream = Seed(4).stream(nmnc_core::seed::Role::Trial, 0, number);
            let id = TrialId { split: TrialSet::Training, number };
            let trial = task.trial(id, &mut stream).unwrap();
            let row = |step: usize| trial.inputs[step * width..][..width].iter().map(|x| f64::from(*x));
            *lengths.entry(trial.steps).or_default() += 1.0;
            let labels = labels(&trial);
            *answers.entry(*labels.iter().max().unwrap() as usize).or_default() += 1.0;
            start.add((0..reach).flat_map(row));
            end.add((trial.steps - reach..trial.steps).flat_map(row));
            let first = labels.iter().position(|label| *label != 0).unwrap();
            due.add([first as f64 / trial.steps as f64].into_iter());
            labelled.add([labels.iter().filter(|label| **label != 0).count() as f64].into_iter());
        }
        let theirs = golden["trials"].as_f64().unwrap();
        for (what, ours, golden) in
            [("lengths", lengths, &golden["lengths"]), ("answers", answers, &golden["answers"])]
        {
            let golden: BTreeMap<usize, f64> = golden
                .as_object()
                .unwrap()
                .iter()
                .map(|(k, n)| (k.parse().unwrap(), n.as_f64().unwrap()))
                .collect();
            for value in ours.keys().chain(golden.keys()) {
                let own = |map: &BTreeMap<usize, f64>, n: f64| map.get(value).copied().unwrap_or(0.0) / n;
                let (a, b) = (own(&ours, TRIALS as f64), own(&golden, theirs));
                let p = (a + b) / 2.0;
                let error = (p * (1.0 - p) * (1.0 / TRIALS as f64 + 1.0 / theirs)).sqrt().max(1e-9);
                assert!((a - b).abs() < 5.0 * error, "{case}, {what} {value}: {a}, neurogym {b}");
            }
        }
        for (what, moments) in [("start", start), ("end", end), ("due", due), ("labelled", labelled)] {
            let worst = moments.worst(&golden[what], theirs);
            assert!(worst < 6.0, "{case}, {what}: {worst} standard errors from neurogym");
        }
    }
}

/// Outputs with the largest at the given class of each step, `[T, B, outputs]`.
fn outputs(batch: &TrialBatch, class: impl Fn(usize, usize) -> usize) -> Vec<f64> {
    let mut out = vec![0.0; batch.steps * batch.size() * batch.outputs];
    for step in 0..batch.steps {
        for trial in 0..batch.size() {
            out[(step * batch.size() + trial) * batch.outputs + class(step, trial)] = 1.0;
        }
    }
    out
}

fn score(batch: &TrialBatch, outputs: &[f64]) -> TrialScore {
    let mut score = TrialScore::default();
    judge(batch, outputs).into_iter().for_each(|outcome| score.add(outcome));
    score
}

#[test]
fn whoever_answers_as_the_targets_say_is_right_and_whoever_fixates_is_wrong() {
    for task in TASKS.iter().filter(|task| task.name != "Recorded") {
        let opened = config(task.name, "").unwrap().open(Seed(0)).unwrap();
        let batch = generate(opened.as_ref(), Seed(0), TrialSet::Evaluation, 0..200).unwrap();
        let told = match &batch.targets {
            Targets::Labels(labels) => outputs(&batch, |t, b| labels[t * batch.size() + b] as usize),
            Targets::Values(values) => values.iter().map(|v| f64::from(*v)).collect(),
        };
        let right = score(&batch, &told);
        assert_eq!((right.accuracy(), right.broken, right.missed), (1.0, 0, 0), "{}", task.name);
        if opened.channels().fixation {
            let silent = score(&batch, &outputs(&batch, |_, _| 0));
            assert_eq!(silent.accuracy(), 0.0, "{}", task.name);
            let hasty = score(&batch, &outputs(&batch, |t, _| usize::from(t == 0)));
            assert_eq!(hasty.fixation_breaks(), 1.0, "{}", task.name);
        }
    }
}

/// An observer who sums what the docs say, on many trials.
#[test]
fn ideal_observers_reach_the_accuracy_that_tasks_claim() {
    const TRIALS: u64 = 20_000;
    type Evidence = fn(&[&[f32]]) -> f32;
    let cases: [(&str, Evidence); 3] = [
        ("PerceptualDecisionMaking", |rows| rows[1..21].iter().map(|x| x[1] - x[2]).sum()),
        ("ContextDecisionMaking", |rows| {
            let modality = if rows[0][5] > 0.5 { 1 } else { 3 };
            rows[3..10].iter().map(|x| x[modality] - x[modality + 1]).sum()
        }),
        ("DelayComparison", |rows| {
            let sum = |range: std::ops::Range<usize>| rows[range].iter().map(|x| x[1]).sum::<f32>();
            sum(5..10) - sum(20..25)
        }),
    ];
    for (name, evidence) in cases {
        let task = config(name, "").unwrap().open(Seed(0)).unwrap();
        let batch = generate(task.as_ref(), Seed(7), TrialSet::Evaluation, 0..TRIALS).unwrap();
        let right = (0..batch.size()).filter(|&b| {
            let rows: Vec<&[f32]> = (0..batch.steps)
                .map(|t| &batch.values[(t * batch.size() + b) * batch.inputs..][..batch.inputs])
                .collect();
            let choice = if evidence(&rows) > 0.0 { 1 } else { 2 };
            matches!(batch.info[b].answer, Answer::Choice { label, .. } if label == choice)
        });
        let (found, claimed) = (right.count() as f64 / TRIALS as f64, task.ideal_accuracy().unwrap());
        let error = (claimed * (1.0 - claimed) / TRIALS as f64).sqrt();
        assert!((found - claimed).abs() < 4.0 * error, "{name}: {found}, claimed {claimed}");
    }
}

#[test]
fn the_go_cue_of_the_context_task_goes_off_with_the_decision() {
    let task = config("ContextDecisionMaking", "").unwrap().open(Seed(0)).unwrap();
    let batch = generate(task.as_ref(), Seed(0), TrialSet::Training, 0..50).unwrap();
    for (b, info) in batch.info.iter().enumerate() {
        let input = |t: usize, i: usize| batch.values[(t * batch.size() + b) * batch.inputs + i];
        assert!((0..info.response.start).all(|t| input(t, 0) == 1.0));
        assert!(info.response.clone().all(|t| input(t, 0) == 0.0));
        assert!((0..info.steps).all(|t| input(t, 5) + input(t, 6) == 1.0));
    }
}

#[test]
fn a_trial_depends_on_seed_split_and_number_alone() {
    let task = config("ContextDecisionMaking", "").unwrap().open(Seed(0)).unwrap();
    let in_pool = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| generate(task.as_ref(), Seed(1), TrialSet::Training, 10..40).unwrap())
    };
    let batch = in_pool(1);
    assert_eq!(batch, in_pool(3));
    assert_ne!(batch, generate(task.as_ref(), Seed(1), TrialSet::Evaluation, 10..40).unwrap());
    let one = generate(task.as_ref(), Seed(1), TrialSet::Training, 25..26).unwrap();
    assert_eq!(one.info[0], batch.info[15]);
    let steps = one.steps;
    let of = |t: usize| &batch.values[(t * 30 + 15) * 7..][..7];
    assert!((0..steps).all(|t| one.values[t * 7..][..7] == *of(t)));
    assert!((steps..batch.steps).all(|t| batch.mask[t * 30 + 15] == 0.0 && of(t).iter().all(|x| *x == 0.0)));
}

#[test]
fn archives_give_every_kind_of_trial_back() {
    let folder = tempfile::tempdir().unwrap();
    for task in TASKS.iter().filter(|task| task.name != "Recorded") {
        let opened = config(task.name, "").unwrap().open(Seed(0)).unwrap();
        let batch = generate(opened.as_ref(), Seed(2), TrialSet::Training, 0..40).unwrap();
        let path = folder.path().join("trials.npz");
        export(&path, &batch).unwrap();
        let back = import(&path).unwrap();
        assert_eq!((&back.values, &back.targets, &back.mask), (&batch.values, &batch.targets, &batch.mask));
        for (ours, theirs) in batch.info.iter().zip(&back.info) {
            assert_eq!((ours, back.outputs), (theirs, batch.outputs), "{}", task.name);
        }
        let settings = format!("path = {path:?}\nheld_out = 0.25");
        let recorded = config("Recorded", &settings).unwrap().open(Seed(0)).unwrap();
        assert_eq!(recorded.evaluation_size(), Some(10), "{}", task.name);
        let of = |split| generate(recorded.as_ref(), Seed(0), split, 0..200).unwrap();
        let first = |batch: &TrialBatch, b: usize| -> Vec<u32> {
            let rows = (0..batch.info[b].steps).map(|t| (t * batch.size() + b) * batch.inputs);
            rows.flat_map(|at| batch.values[at..at + batch.inputs].iter().map(|x| x.to_bits())).collect()
        };
        let all = |batch: &TrialBatch| -> std::collections::BTreeSet<Vec<u32>> {
            (0..batch.size()).map(|b| first(batch, b)).collect()
        };
        let (training, held) = (all(&of(TrialSet::Training)), all(&of(TrialSet::Evaluation)));
        // Noisy trials are all different, so that none may be on both sides.
        if task.name == "DelayComparison" {
            assert_eq!((training.len() <= 30, held.len()), (true, 10));
            assert!(training.is_disjoint(&held));
        }
    }
}

/// Arrays of a neurogym dataset, without anything of our own.
#[test]
fn plain_arrays_are_trials_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain.npz");
    write(
        &path,
        &[("inputs", &[3, 2, 1], &[0.0; 6]), ("targets", &[3, 2], &[0.0, 0.0, 0.0, 2.0, 1.0, 2.0])],
        true,
    );
    let batch = import(&path).unwrap();
    assert_eq!((batch.outputs, batch.mask.clone()), (3, vec![1.0; 6]));
    assert_eq!(batch.info[0].answer, Answer::Choice { label: 1, window: 2..3 });
    assert_eq!(batch.info[1].answer, Answer::Choice { label: 2, window: 1..3 });
}

/// Trials of neurogym's tasks with trials first, as other programs store them, and as they should be.
#[test]
fn archives_with_trials_first_are_refused_with_the_shape_they_should_have() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trials.npz");
    for task in TASKS.iter().filter(|task| task.neurogym || task.name == "Copying") {
        let opened = config(task.name, "").unwrap().open(Seed(0)).unwrap();
        for trials in [2, 3, 12, 200] {
            let batch = generate(opened.as_ref(), Seed(1), TrialSet::Training, 0..trials).unwrap();
            let [t, b, n] = [batch.steps, batch.size(), batch.inputs];
            let Targets::Labels(labels) = &batch.targets else { panic!("classes") };
            let rows = |step: usize, trial: usize| (step * b + trial) * n..(step * b + trial + 1) * n;
            let inputs = |[first, second]: [usize; 2], trials_first: bool| -> Vec<f64> {
                let of = |i: usize, j: usize| if trials_first { rows(j, i) } else { rows(i, j) };
                let all = (0..first).flat_map(|i| (0..second).map(move |j| (i, j)));
                all.flat_map(|(i, j)| batch.values[of(i, j)].iter().map(|x| f64::from(*x))).collect()
            };
            let own: Vec<f64> = labels.iter().map(|label| f64::from(*label)).collect();
            let turned: Vec<f64> =
                (0..b).flat_map(|i| (0..t).map(move |j| (i, j))).map(|(i, j)| own[j * b + i]).collect();
            let told = |inputs: Vec<f64>,
                        targets: &[f64],
                        [first, second]: [usize; 2],
                        more: &[(&str, &[usize], &[f64])]| {
                let plain = [
                    ("inputs", &[first, second, n][..], &inputs[..]),
                    ("targets", &[first, second][..], targets),
                ];
                write(&path, &[&plain[..], more].concat(), true);
                import(&path)
            };
            let right = told(inputs([t, b], false), &own, [t, b], &[]).unwrap();
            assert_eq!(right.size(), b, "{}", task.name);
            let wrong = told(inputs([b, t], true), &turned, [b, t], &[]).unwrap_err().to_string();
            let start = format!(
                "inputs: has shape [{b}, {t}, {n}], read as {b} steps of {t} trials, but along its second axis"
            );
            let end = format!(
                "store inputs as [{t}, {b}, {n}] ([T, B, n_in], in NumPy x.swapaxes(0, 1)) and targets as [{t}, {b}]"
            );
            assert!(wrong.contains(&start) && wrong.contains(&end), "{}: {wrong}", task.name);
            if b != t {
                let conditions = vec![0.0; b];
                let more: (&str, &[usize], &[f64]) = ("conditions", &[b], &conditions);
                let wrong = told(inputs([b, t], true), &turned, [b, t], &[more]).unwrap_err().to_string();
                assert!(
                    wrong.contains(&format!("but `conditions` has an entry for each of {b} trials")),
                    "{wrong}"
                );
            }
        }
    }
    // One class a trial, the same at all its steps.
    let classes = [0.0, 1.0, 1.0, 0.0, 1.0, 0.0];
    let held: Vec<f64> = classes.iter().flat_map(|class| [*class; 4]).collect();
    let steps_first: Vec<f64> = (0..4).flat_map(|_| classes).collect();
    let zeros = [0.0; 24];
    write(
        &path,
        &[("inputs", &[6, 4, 1], &zeros), ("targets", &[6, 4], &held), ("kind", &[1], &[1.0])],
        true,
    );
    let wrong = import(&path).unwrap_err().to_string();
    assert!(wrong.contains("classes are the same all along its second axis"), "{wrong}");
    write(
        &path,
        &[("inputs", &[4, 6, 1], &zeros), ("targets", &[4, 6], &steps_first), ("kind", &[1], &[1.0])],
        true,
    );
    assert_eq!(import(&path).unwrap().info[1].answer, Answer::Class(1));
    // Whoever says how many trials there are is believed.
    let conditions: (&str, &[usize], &[f64]) = ("conditions", &[4], &[0.0; 4]);
    write(
        &path,
        &[("inputs", &[6, 4, 1], &zeros), ("targets", &[6, 4], &held), ("kind", &[1], &[1.0]), conditions],
        true,
    );
    assert_eq!(import(&path).unwrap().size(), 4);
}

/// Periods are reckoned from their names here: those of 0 ms are left out, all others are there.
#[test]
fn no_event_vanishes_in_a_long_step() {
    for dt in [20.0_f64, 83.0, 100.0, 250.0, 400.0] {
        let task = config("ReadySetGo", &format!("dt = {dt:?}")).unwrap().open(Seed(0)).unwrap();
        let batch = generate(task.as_ref(), Seed(0), TrialSet::Training, 0..100).unwrap();
        let shown = |b: usize, channel: usize| {
            let at = |t: usize| batch.values[(t * batch.size() + b) * batch.inputs + channel];
            (0..batch.info[b].steps).filter(|t| at(*t) == 1.0).count()
        };
        let expected = if dt > 83.0 { 1 } else { (83.0 / dt) as usize };
        assert!((0..batch.size()).all(|b| [shown(b, 1), shown(b, 2)] == [expected; 2]), "{dt} ms");
        assert!(batch.steps <= task.longest().unwrap());
        let told = task.warnings();
        assert_eq!(
            told.iter().any(|text| text.starts_with("task.timing.set: 83 ms are less than a step of")),
            dt > 83.0
        );
    }
    for (name, settings, periods) in [
        ("DelayMatchSample", "dt = 600.0", [1, 1, 1, 1, 1]),
        ("DelayComparison", "dt = 600.0", [1, 1, 1, 1, 1]),
        ("AntiReach", "dt = 600.0\ntiming = { delay = 1300 }", [1, 1, 2, 1, 0]),
        ("PerceptualDecisionMaking", "dt = 600.0", [1, 3, 0, 1, 0]),
        ("ContextDecisionMaking", "dt = 900.0\ntiming = { delay = { choice = [0, 10] } }", [1, 1, 0, 1, 0]),
    ] {
        let task = config(name, settings).unwrap().open(Seed(0)).unwrap();
        let batch = generate(task.as_ref(), Seed(0), TrialSet::Training, 0..40).unwrap();
        let least: usize = periods.iter().sum();
        let lengths: std::collections::BTreeSet<usize> = batch.info.iter().map(|info| info.steps).collect();
        let drawn = name == "ContextDecisionMaking";
        assert!(lengths.into_iter().eq(least..=least + usize::from(drawn)), "{name}");
        assert!(!task.warnings().is_empty(), "{name}");
    }
    for task in TASKS.iter().filter(|task| task.neurogym) {
        assert_eq!(config(task.name, "").unwrap().open(Seed(0)).unwrap().warnings(), Vec::<String>::new());
    }
    // An ideal observer has as many steps as there are.
    let task = config("PerceptualDecisionMaking", "dt = 3000.0").unwrap().open(Seed(0)).unwrap();
    assert!(task.ideal_accuracy().unwrap() > 0.5);
}

/// Where the tables say that defaults are neurogym's own, they are those that neurogym has (the golden file's settings are its defaults).
#[test]
fn defaults_that_are_not_neurogyms_are_told() {
    let told: Vec<&str> =
        TASKS.iter().filter(|task| !task.differs.is_empty()).map(|task| task.name).collect();
    assert_eq!(told, ["ContextDecisionMaking"]);
    let settings = config("ContextDecisionMaking", "").unwrap().table();
    for name in ["use_expl_context", "go_cue"] {
        assert_eq!(settings[name].as_bool(), Some(true));
        assert!(TASKS.iter().any(|task| task.differs.contains(&format!("{name} = false"))), "{name}");
    }
}

#[test]
fn wrong_archives_and_settings_are_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.npz");
    let of = |arrays: &[(&str, &[usize], &[f64])]| {
        write(&path, arrays, true);
        import(&path).unwrap_err().to_string().replace(&path.display().to_string(), "FILE")
    };
    let inputs: (&str, &[usize], &[f64]) = ("inputs", &[2, 1, 1], &[0.0, 1.0]);
    assert_eq!(
        of(&[("x", &[1], &[0.0])]),
        "FILE: holds no trials; name the arrays `inputs` [T, B, n_in] and `targets` [T, B] or [T, B, n_out]"
    );
    assert_eq!(
        of(&[inputs, ("targets", &[3, 1], &[0.0; 3])]),
        "FILE: targets: has shape [3, 1] beside inputs [2, 1, 1]; use [T, B] or [T, B, n_out]"
    );
    let three: (&str, &[usize], &[f64]) = ("inputs", &[2, 3, 1], &[0.0; 6]);
    assert_eq!(
        of(&[three, ("targets", &[3, 2], &[0.0; 6])]),
        "FILE: targets: has shape [3, 2] beside inputs [2, 3, 1]; use [T, B] = [2, 3], in NumPy targets.T, if the order of inputs is \
         right"
    );
    assert_eq!(
        of(&[three, ("targets", &[3], &[1.0; 3])]),
        "FILE: targets: has shape [3] beside inputs [2, 3, 1]; use [T, B] = [2, 3], the class of each step"
    );
    assert_eq!(of(&[inputs, ("targets", &[2, 1], &[0.0, -1.0])]), "FILE: targets: holds the class -1");
    assert_eq!(
        of(&[inputs, ("targets", &[2, 1], &[0.0; 2])]),
        "FILE: targets: trial 0 has no class other than 0; class 0 is to withhold an answer; for classes at the last step store \
         kind = [1]"
    );
    assert_eq!(
        of(&[inputs, ("targets", &[2, 1], &[0.0, 1.0]), ("response", &[1, 2], &[1.0, 5.0])]),
        "FILE: response: trial 0: 1 to 5 is no range of its 2 steps"
    );
    assert_eq!(
        of(&[("inputs", &[2, 1, 1], &[0.0, f64::NAN]), ("targets", &[2, 1], &[0.0, 1.0])]),
        "FILE: inputs: element 1 is not a finite number"
    );
    let setting = |name: &str, text: &str| config(name, text).unwrap_err().to_string();
    assert_eq!(
        setting("ReadySetGoo", ""),
        "task.name: there is no task `ReadySetGoo`; did you mean `ReadySetGo`?"
    );
    assert_eq!(
        setting("AntiReach", "dim_rng = 4"),
        "task: unknown setting `dim_rng`; did you mean `dim_ring`?"
    );
    assert_eq!(
        setting("DelayComparison", "timing = { delai = 3 }"),
        "task.timing.delai: the task has no period `delai`; did you mean `delay`?"
    );
    assert_eq!(
        setting("ReadySetGo", "timing = { measure = { uniform = [900, 800] } }"),
        "task.timing.measure: 900 to 800 ms is no duration"
    );
    assert_eq!(setting("Recorded", ""), "task.path: is missing; name a .npz file");
    let short = config("AntiReach", "timing = { decision = 0 }").unwrap().open(Seed(0)).unwrap();
    let error = generate(short.as_ref(), Seed(0), TrialSet::Training, 0..1).unwrap_err().to_string();
    assert_eq!(
        error,
        "task.timing: a trial without steps or without a response period; use longer periods or a smaller dt"
    );
}

/// An archive of plain arrays; `targets` and what is not `inputs` are integers.
fn write(path: &Path, arrays: &[(&str, &[usize], &[f64])], integers: bool) {
    let mut writer = nmnc_data::NpzWriter::new();
    for (name, shape, values) in arrays {
        match integers && *name != "inputs" {
            true => writer.put(name, shape, &values.iter().map(|v| *v as i64).collect::<Vec<_>>()).unwrap(),
            false => writer.put(name, shape, values).unwrap(),
        }
    }
    std::fs::write(path, writer.finish().unwrap()).unwrap();
}
