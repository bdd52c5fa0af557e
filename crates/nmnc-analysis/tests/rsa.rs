//! Representational similarity against rsatoolbox.

use nmnc_analysis::similarity::{Comparison, Distance, Rdm, ceiling, compare, crossnobis, rdm};
use serde_json::Value;

const TOLERANCE: f64 = 1e-9;

fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../nmnc-testing/golden/rsa.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("golden file")).expect("JSON")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn assert_close(what: &str, actual: &[f64], expected: &[f64]) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (at, (a, e)) in actual.iter().zip(expected).enumerate() {
        assert!((a - e).abs() < TOLERANCE, "{what}, {at}: {a} instead of {e}");
    }
}

fn subjects(golden: &Value) -> Vec<Rdm> {
    let size = golden["stimuli"].as_u64().unwrap() as usize;
    let lists = golden["subjects"].as_array().unwrap().iter();
    lists.map(|list| Rdm::new(size, numbers(list)).unwrap()).collect()
}

#[test]
fn dissimilarities_are_those_of_rsatoolbox() {
    let golden = golden();
    let stimuli = golden["stimuli"].as_u64().unwrap() as usize;
    let patterns = numbers(&golden["patterns"]);
    for (name, distance) in Distance::ALL.into_iter().filter(|(_, d)| *d != Distance::Crossnobis) {
        let found = rdm(&patterns, stimuli, distance).unwrap();
        assert_close(name, found.values(), &numbers(&golden["rdms"][name]));
    }
    let stimulus_of: Vec<usize> =
        numbers(&golden["stimulus_of"]).into_iter().map(|stimulus| stimulus as usize).collect();
    let found = crossnobis(&numbers(&golden["presentations"]), &stimulus_of, stimuli).unwrap();
    assert_close("crossnobis", found.values(), &numbers(&golden["rdms"]["crossnobis"]));
}

#[test]
fn comparisons_are_those_of_rsatoolbox() {
    let golden = golden();
    let subjects = subjects(&golden);
    let size = subjects[0].size();
    let models = [
        ("patterns", Rdm::new(size, numbers(&golden["rdms"]["correlation"])).unwrap()),
        ("tied", Rdm::new(size, numbers(&golden["tied"])).unwrap()),
    ];
    for (name, how) in Comparison::ALL {
        for (model, matrix) in &models {
            let found: Vec<f64> = subjects.iter().map(|subject| compare(matrix, subject, how)).collect();
            assert_close(&format!("{name}, {model}"), &found, &numbers(&golden["comparisons"][name][model]));
        }
    }
}

#[test]
fn ceilings_are_those_of_rsatoolbox() {
    let golden = golden();
    let subjects = subjects(&golden);
    for (name, how) in Comparison::ALL {
        let found = ceiling(&subjects, how).unwrap();
        assert_close(name, &[found.lower, found.upper], &numbers(&golden["ceilings"][name]));
        assert!(ceiling(&subjects[..1], how).is_none());
    }
}

#[test]
fn patterns_of_many_units_are_read_by_blocks_to_the_same_numbers() {
    let (stimuli, units) = (5, 9001);
    let patterns: Vec<f32> = (0..stimuli * units).map(|i| ((i * 7919 % 10_007) as f32).sin()).collect();
    let found = rdm(&patterns, stimuli, Distance::Correlation).unwrap();
    let row = |i: usize| &patterns[i * units..(i + 1) * units];
    let mean = |i: usize| row(i).iter().map(|&v| f64::from(v)).sum::<f64>() / units as f64;
    let product = |i: usize, j: usize| -> f64 {
        row(i).iter().zip(row(j)).map(|(&a, &b)| (f64::from(a) - mean(i)) * (f64::from(b) - mean(j))).sum()
    };
    for (i, j) in [(0, 1), (0, 4), (2, 3)] {
        let expected = 1.0 - product(i, j) / (product(i, i) * product(j, j)).sqrt();
        assert!((found.get(i, j) - expected).abs() < 1e-12);
        assert_eq!(found.get(i, j), found.get(j, i));
    }
    assert_eq!(found.subset(&[1, 3, 4]).unwrap().get(0, 2), found.get(1, 4));
    assert_eq!(Rdm::from_square(stimuli, &found.square()).unwrap(), found);
}

#[test]
fn what_is_no_matrix_of_dissimilarities_is_told() {
    let message = |result: nmnc_core::Result<Rdm>| result.unwrap_err().to_string();
    assert_eq!(
        message(Rdm::from_square(3, &[1.0, 0.2, 0.3, 0.2, 1.0, 0.4, 0.3, 0.4, 1.0])),
        "dissimilarities: stimulus 1 differs from itself by 1: similarities?"
    );
    assert_eq!(
        message(Rdm::from_square(3, &[0.0, 0.2, 0.3, 0.5, 0.0, 0.4, 0.3, 0.4, 0.0])),
        "dissimilarities: not symmetric: 0.2 and 0.5 for stimuli 1 and 2"
    );
    assert_eq!(
        message(rdm(&[1.0, 2.0, 3.0, 3.0, 5.0, 4.0], 3, Distance::Correlation)),
        "stimulus 2: the pattern is constant: it has no correlation with others; use the distance `euclidean`"
    );
    assert_eq!(
        message(crossnobis(&[1.0, 2.0, 3.0, 4.0], &[0, 1, 2, 0], 3)),
        "repetitions: stimulus 2 was shown less than twice; cross-validated distances need two presentations of every \
         stimulus; use another distance"
    );
}
