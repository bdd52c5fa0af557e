//! The strength of a trial's evidence is what its inputs show, archives carry it, and what cannot be one is told.

use std::path::Path;

use nmnc_core::Seed;
use nmnc_core::statistics::psychometric::{fit, levels};
use nmnc_data::NpzWriter;
use nmnc_data::tasks::{Answer, TASKS, Task, TaskConfig, TrialBatch, TrialSet, export, generate, import};

fn open(name: &str, settings: &str) -> Box<dyn Task> {
    TaskConfig::named(name, settings.parse().unwrap()).unwrap().open(Seed(0)).unwrap()
}

fn trials(task: &dyn Task) -> TrialBatch {
    generate(task, Seed(1), TrialSet::Evaluation, 0..300).unwrap()
}

/// Strengths of all trials are those that `shown` reckons from the inputs, given by trial, step and channel, and are for the right choice.
fn strengths_are(name: &str, settings: &str, shown: impl Fn(&dyn Fn(usize, usize) -> f64, usize) -> f64) {
    let task = open(name, &format!("sigma = 0.0\n{settings}"));
    assert!(task.strength().is_some());
    let batch = trials(task.as_ref());
    let mut signs = [0; 2];
    for (b, info) in batch.info.iter().enumerate() {
        let input = |t: usize, i: usize| f64::from(batch.values[(t * batch.size() + b) * batch.inputs + i]);
        let (found, expected) = (info.strength.unwrap(), shown(&input, info.response.start));
        assert!((found - expected).abs() < 1e-4, "{name}: {found}, {expected}");
        let Answer::Choice { label, .. } = info.answer else { panic!("a choice") };
        assert!(found == 0.0 || (label == 1) == (found > 0.0), "{name}: {found} for choice {label}");
        signs[usize::from(found > 0.0)] += 1;
    }
    assert!(signs.iter().all(|count| *count > 60), "{name}: {signs:?}");
    // Noise changes no strength.
    let noisy = trials(open(name, settings).as_ref());
    assert!(batch.info.iter().zip(&noisy.info).all(|(a, b)| a.strength == b.strength), "{name}");
}

#[test]
fn strengths_are_what_inputs_show() {
    // Fixation for one step, then the stimulus.
    strengths_are("PerceptualDecisionMaking", "", |input, _| 100.0 * (input(3, 1) - input(3, 2)));
    // Fixation for three; the last two inputs tell the modality that counts.
    let attended = |input: &dyn Fn(usize, usize) -> f64, of: usize| {
        100.0 * (input(5, 1 + 2 * of) - input(5, 2 + 2 * of))
    };
    strengths_are("ContextDecisionMaking", "", |input, _| attended(input, usize::from(input(0, 6) == 1.0)));
    let implicit = "use_expl_context = false\nimpl_context_modality = 1";
    strengths_are("ContextDecisionMaking", implicit, |input, _| attended(input, 1));
    // The first stimulus begins after 500 ms, the second ends with the decision.
    strengths_are("DelayComparison", "", |input, decision| {
        let (first, second) = (input(6, 1), input(decision - 1, 1));
        100.0 * (first - second) / (0.5 * (first + second))
    });
    strengths_are("DelayComparison", "vpairs = [[3.0, -1.0], [2.0, 1.0]]", |input, decision| {
        let (first, second) = (input(6, 1), input(decision - 1, 1));
        100.0 * (first - second) / (0.5 * (first + second))
    });
}

/// An observer who answers by the sign of the difference of both stimuli, summed over 20 steps of noise of deviation 0.1 in each, has a
/// threshold of 100 sqrt(2 / 20) 0.1 percent of coherence, no bias and no lapses.
#[test]
fn the_ideal_observer_has_the_threshold_that_noise_gives() {
    let task = open("PerceptualDecisionMaking", "cohs = [0.0, 1.5, 3.0, 5.0, 8.0]");
    let batch = generate(task.as_ref(), Seed(1), TrialSet::Evaluation, 0..20_000).unwrap();
    let answers = batch.info.iter().enumerate().map(|(b, info)| {
        let at = |t: usize, i: usize| f64::from(batch.values[(t * batch.size() + b) * batch.inputs + i]);
        let difference: f64 = (1..21).map(|t| at(t, 1) - at(t, 2)).sum();
        (info.strength.unwrap(), difference > 0.0)
    });
    let found = fit(&levels(answers)).unwrap();
    let sigma = 100.0 * (2.0_f64 / 20.0).sqrt() * 0.1;
    assert!((found.sigma - sigma).abs() < 2.0 * found.sigma_se && found.sigma_se < 0.1, "{found:?}");
    assert!(
        found.mu.abs() < 2.0 * found.mu_se && found.lapse_low < 0.01 && found.lapse_high < 0.01,
        "{found:?}"
    );
}

#[test]
fn tasks_without_a_graded_stimulus_for_two_choices_have_none() {
    let graded = ["PerceptualDecisionMaking", "ContextDecisionMaking", "DelayComparison"];
    let plain =
        TASKS.iter().map(|task| task.name).filter(|name| !graded.contains(name) && *name != "Recorded");
    let cases: Vec<(&str, &str)> =
        plain.map(|name| (name, "")).chain(graded[..2].iter().map(|name| (*name, "dim_ring = 3"))).collect();
    assert_eq!(cases.len(), 8);
    for (name, settings) in cases {
        let task = open(name, settings);
        assert_eq!(task.strength(), None, "{name}");
        assert!(trials(task.as_ref()).info.iter().all(|info| info.strength.is_none()), "{name}");
    }
}

#[test]
fn archives_carry_strengths_and_those_without_have_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trials.npz");
    let recorded = || open("Recorded", &format!("path = {path:?}"));
    let own = open("ContextDecisionMaking", "");
    let batch = trials(own.as_ref());
    export(&path, &batch).unwrap();
    assert_eq!(import(&path).unwrap(), batch);
    assert_eq!(recorded().strength().as_deref(), Some("strength"));
    let back = trials(recorded().as_ref());
    assert!(back.info.iter().all(|info| batch.info.iter().any(|own| own == info)));

    let mut without = batch;
    without.info.iter_mut().for_each(|info| info.strength = None);
    export(&path, &without).unwrap();
    assert_eq!(import(&path).unwrap(), without);
    assert_eq!(recorded().strength(), None);
}

type Arrays<'a> = &'a [(&'a str, &'a [usize], &'a [f64])];

fn refused(path: &Path, arrays: Arrays<'_>) -> String {
    let mut writer = NpzWriter::new();
    for (name, shape, values) in arrays {
        match *name {
            "kind" => writer.put(name, shape, &values.iter().map(|v| *v as i64).collect::<Vec<_>>()).unwrap(),
            "targets" if shape.len() == 2 => {
                writer.put(name, shape, &values.iter().map(|v| *v as i64).collect::<Vec<_>>()).unwrap()
            }
            _ => writer.put(name, shape, values).unwrap(),
        }
    }
    std::fs::write(path, writer.finish().unwrap()).unwrap();
    let error = import(path).unwrap_err().to_string();
    error.replace(&path.display().to_string(), "FILE")
}

#[test]
fn what_is_no_strength_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.npz");
    let inputs: (&str, &[usize], &[f64]) = ("inputs", &[2, 3, 1], &[0.0; 6]);
    let classes: (&str, &[usize], &[f64]) = ("targets", &[2, 3], &[0.0, 0.0, 0.0, 1.0, 2.0, 1.0]);
    let of = |strengths: &[f64], more: Arrays<'_>| {
        let own: (&str, &[usize], &[f64]) = ("strength", &[strengths.len()], strengths);
        refused(&path, &[&[inputs, own], more].concat())
    };
    assert_eq!(of(&[0.5; 4], &[classes]), "FILE: strength: has shape [4], expected [3]");
    let one = "FILE: strength: element 1 is not a finite number";
    assert_eq!(of(&[0.5, f64::NAN, 1.0], &[classes]), one);
    assert_eq!(of(&[0.5, f64::INFINITY, 1.0], &[classes]), one);
    assert_eq!(
        of(&[0.5, -2e12, 1.0], &[classes]),
        "FILE: strength: holds -2000000000000; give numbers up to 1e12 of size, one for each trial"
    );
    let values: (&str, &[usize], &[f64]) = ("targets", &[2, 3, 1], &[0.0; 6]);
    assert_eq!(
        of(&[0.5, 0.0, 1.0], &[values]),
        "FILE: strength: is evidence for one choice, where answers are values; leave it out"
    );
    let sequence: (&str, &[usize], &[f64]) = ("kind", &[1], &[2.0]);
    assert_eq!(
        of(&[0.5, 0.0, 1.0], &[classes, sequence]),
        "FILE: strength: is evidence for one choice, where answers are sequences; leave it out"
    );
}
